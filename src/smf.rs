//! SMF: manifests generated from a recipe's `[[service]]`, and the names of services.
//!
//! Every service gets a `startd` property group and a working directory, also where the defaults
//! would do: without the group the restarter leaves its time-out policy undefined, and without the
//! folder it takes the account's home, which may not exist. Instances are born disabled: importing
//! an enabled one starts it at once, before its files are in place.

pub mod fmri;
mod method;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::recipe::model::{Service, ServiceDuration};

pub use fmri::{DependencyTarget, Fmri, FmriError, is_valid_name};
pub use method::exec_string;

/// Why no manifest can be made of a `[[service]]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmfError {
    /// The service's own name or a dependency's.
    #[error(transparent)]
    Fmri(#[from] FmriError),
    /// An argument list without a program.
    #[error("the {method} method names no program")]
    NoProgram {
        /// `start`, `stop` or `refresh`.
        method: &'static str,
    },
    /// The program's name would be taken for something else.
    #[error(
        "`{program}` cannot be a {method} method: only `:true`, `:kill` and `:kill -SIGNAL` may start with `:`, and no program with `-`"
    )]
    Program {
        /// `start`, `stop` or `refresh`.
        method: &'static str,
        /// The argument list.
        program: String,
    },
    /// `:kill` where nothing could be killed.
    #[error("`:kill` cannot be the {method} method of a {duration} service")]
    Kill {
        /// `start`, `stop` or `refresh`.
        method: &'static str,
        /// `contract`, `child` or `transient`.
        duration: &'static str,
    },
    /// A value over the repository's limit.
    #[error("{what} is {length} bytes long, SMF takes 4095")]
    Long {
        /// Which value.
        what: String,
        /// Its length as SMF would store it.
        length: usize,
    },
    /// A character that XML cannot carry.
    #[error("{what} contains the character U+{character:04X}, which a manifest cannot carry")]
    Character {
        /// Which value.
        what: &'static str,
        /// The code point.
        character: u32,
    },
    /// A word of `ignore-errors` that SMF does not know.
    #[error("`{0}` cannot be ignored: `ignore-errors` knows `core` and `signal`")]
    IgnoreError(String),
    /// A name of `environment`.
    #[error("`{0}` cannot be set in the environment: a name has no `=`, and `SMF_…` is SMF's own")]
    Environment(String),
    /// A name of `properties`.
    #[error("`{0}` is no property name for SMF: a letter first, then letters, digits, `-` and `_`")]
    Property(String),
    /// A working directory that is not absolute.
    #[error("the working directory `{0}` is not an absolute path")]
    WorkingDirectory(String),
}

/// The manifest of `service`, valid against `service_bundle.dtd.1`. `summary` is what `svcs -l`
/// and `svcs -xv` call it where the service has no summary of its own.
///
/// # Errors
/// [`SmfError`] for a value that SMF would refuse at import or could not run.
pub fn manifest(service: &Service, summary: &str) -> Result<String, SmfError> {
    let fmri = Fmri::parse(&service.fmri)?;
    let name = fmri.service();
    let mut xml = Xml::default();
    xml.text.push_str(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE service_bundle SYSTEM \
         \"/usr/share/lib/xml/dtd/service_bundle.dtd.1\">\n",
    );
    // the order of the children is the DTD's
    xml.open("service_bundle", &[("type", "manifest"), ("name", name)])?;
    xml.open(
        "service",
        &[("name", name), ("type", "service"), ("version", "1")],
    )?;
    if fmri.instance() == "default" {
        xml.empty("create_default_instance", &[("enabled", "false")])?;
    }
    write_dependencies(&mut xml, service)?;
    write_context(&mut xml, service)?;
    write_methods(&mut xml, service)?;
    write_properties(&mut xml, service)?;
    if fmri.instance() != "default" {
        xml.empty(
            "instance",
            &[("name", fmri.instance()), ("enabled", "false")],
        )?;
    }
    write_template(
        &mut xml,
        service.summary.as_deref().unwrap_or(summary),
        name,
    )?;
    xml.close("service");
    xml.close("service_bundle");
    Ok(xml.text)
}

/// `restart_on` is `none` throughout. Whatever else it says, a restarted dependency (`network`
/// after a change of address, `multicast` after a crash) would stop this service, and stopping a
/// file server ends the session of everybody it serves. What must be there to start is waited for
/// all the same.
fn write_dependencies(xml: &mut Xml, service: &Service) -> Result<(), SmfError> {
    let mut names = BTreeSet::new();
    let groups = [
        ("requires", "require_all", &service.requires),
        ("optional", "optional_all", &service.optional),
    ];
    for (prefix, grouping, targets) in groups {
        let mut seen = BTreeSet::new();
        for text in targets {
            let target = DependencyTarget::parse(text)?;
            if !seen.insert(target.clone()) {
                continue;
            }
            let name = dependency_name(prefix, &target, &mut names);
            let kind = match target {
                DependencyTarget::Service(_) => "service",
                DependencyTarget::File(_) => "path",
            };
            xml.open(
                "dependency",
                &[
                    ("name", &name),
                    ("grouping", grouping),
                    ("restart_on", "none"),
                    ("type", kind),
                ],
            )?;
            xml.empty("service_fmri", &[("value", &target.fmri())])?;
            xml.close("dependency");
        }
    }
    Ok(())
}

/// A dependency is a property group beside `start`, `stop` and `startd`, so its name must be none
/// of these (hence the prefix), legal, and its own.
fn dependency_name(
    prefix: &str,
    target: &DependencyTarget,
    names: &mut BTreeSet<String>,
) -> String {
    let text = match target {
        DependencyTarget::Service(fmri) => {
            let service = fmri.trim_start_matches("svc:/");
            service
                .strip_suffix(":default")
                .unwrap_or(service)
                .to_owned()
        }
        DependencyTarget::File(path) => format!("file{path}"),
    };
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let base: String = format!("{prefix}_{text}")
        .chars()
        .map(letter)
        .take(110)
        .collect();
    let mut name = base.clone();
    let mut count = 1;
    while !names.insert(name.clone()) {
        count += 1;
        name = format!("{base}_{count}");
    }
    name
}

fn write_context(xml: &mut Xml, service: &Service) -> Result<(), SmfError> {
    let directory = service.working_directory.as_deref().unwrap_or("/");
    if !directory.starts_with('/') {
        return Err(SmfError::WorkingDirectory(directory.to_owned()));
    }
    xml.open("method_context", &[("working_directory", directory)])?;
    let mut credential = vec![("user", service.user.as_deref().unwrap_or("root"))];
    credential.extend(service.group.as_deref().map(|group| ("group", group)));
    credential.extend(service.privileges.as_deref().map(|set| ("privileges", set)));
    xml.empty("method_credential", &credential)?;
    if !service.environment.is_empty() {
        xml.open("method_environment", &[])?;
        for (name, value) in &service.environment {
            if name.is_empty() || name.contains('=') || name.starts_with("SMF_") {
                return Err(SmfError::Environment(name.clone()));
            }
            // stored as one value, NAME=VALUE
            check_length(
                &format!("the environment's {name}"),
                name.len() + 1 + value.len(),
            )?;
            xml.empty("envvar", &[("name", name), ("value", value)])?;
        }
        xml.close("method_environment");
    }
    xml.close("method_context");
    Ok(())
}

fn write_methods(xml: &mut Xml, service: &Service) -> Result<(), SmfError> {
    let duration = duration_word(service.duration);
    let is_transient = service.duration == ServiceDuration::Transient;
    // a transient service has no contract: there `:kill` would end in maintenance
    let stop_default = [if is_transient { ":true" } else { ":kill" }.to_owned()];
    let stop = if service.stop.is_empty() {
        &stop_default[..]
    } else {
        &service.stop
    };
    let mut methods = vec![
        ("start", service.start.as_slice(), service.start_timeout),
        ("stop", stop, service.stop_timeout),
    ];
    if !service.refresh.is_empty() {
        methods.push(("refresh", &service.refresh, None));
    }
    for (name, arguments, timeout) in methods {
        let exec = exec_string(name, arguments)?;
        let is_kill = exec == ":kill" || exec.starts_with(":kill ");
        if is_kill && (name == "start" || is_transient) {
            return Err(SmfError::Kill {
                method: name,
                duration,
            });
        }
        xml.empty(
            "exec_method",
            &[
                ("type", "method"),
                ("name", name),
                ("exec", &exec),
                ("timeout_seconds", &whole_seconds(timeout).to_string()),
            ],
        )?;
    }
    Ok(())
}

/// Rounded up: 0 means for ever, and half a second does not mean that.
fn whole_seconds(timeout: Option<Duration>) -> u64 {
    let timeout = timeout.unwrap_or(Duration::from_secs(60));
    timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0)
}

fn write_properties(xml: &mut Xml, service: &Service) -> Result<(), SmfError> {
    xml.open(
        "property_group",
        &[("name", "startd"), ("type", "framework")],
    )?;
    xml.property("duration", duration_word(service.duration))?;
    if let Some(ignored) = ignore_error(&service.ignore_errors)? {
        xml.property("ignore_error", ignored)?;
    }
    xml.close("property_group");
    if service.properties.is_empty() {
        return Ok(());
    }
    xml.open(
        "property_group",
        &[("name", "application"), ("type", "application")],
    )?;
    for (name, value) in &service.properties {
        if !is_valid_name(name) {
            return Err(SmfError::Property(name.clone()));
        }
        check_length(&format!("the property {name}"), value.len())?;
        xml.property(name, value)?;
    }
    xml.close("property_group");
    Ok(())
}

fn duration_word(duration: ServiceDuration) -> &'static str {
    match duration {
        ServiceDuration::Contract => "contract",
        ServiceDuration::Child => "child",
        ServiceDuration::Transient => "transient",
    }
}

/// The restarter compares the whole string: with a blank after the comma nothing is ignored.
fn ignore_error(words: &[String]) -> Result<Option<&'static str>, SmfError> {
    if let Some(unknown) = words
        .iter()
        .find(|word| *word != "core" && *word != "signal")
    {
        return Err(SmfError::IgnoreError(unknown.clone()));
    }
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    Ok(match (has("core"), has("signal")) {
        (true, true) => Some("core,signal"),
        (true, false) => Some("core"),
        (false, true) => Some("signal"),
        (false, false) => None,
    })
}

fn write_template(xml: &mut Xml, summary: &str, name: &str) -> Result<(), SmfError> {
    let one_line = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = if one_line.is_empty() { name } else { &one_line };
    check_length("the summary", text.len())?;
    xml.open("template", &[])?;
    xml.open("common_name", &[])?;
    xml.line(&format!(
        "<loctext xml:lang=\"C\">{}</loctext>",
        escape("the summary", text)?
    ));
    xml.close("common_name");
    xml.close("template");
    Ok(())
}

fn check_length(what: &str, length: usize) -> Result<(), SmfError> {
    if length > 4095 {
        return Err(SmfError::Long {
            what: what.to_owned(),
            length,
        });
    }
    Ok(())
}

/// Text and attributes alike. A bare newline or tab in an attribute is read as a blank, so they
/// are written as references; other control characters have no way into XML 1.0 at all.
fn escape(what: &'static str, text: &str) -> Result<String, SmfError> {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(SmfError::Character {
                    what,
                    character: u32::from(c),
                });
            }
            c => escaped.push(c),
        }
    }
    Ok(escaped)
}

/// An XML text that grows; every value passes [`escape`].
#[derive(Default)]
struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", self.depth * 2);
    }

    fn tag(
        &mut self,
        element: &'static str,
        attributes: &[(&'static str, &str)],
        end: &str,
    ) -> Result<(), SmfError> {
        let mut tag = format!("<{element}");
        for (name, value) in attributes {
            let _ = write!(tag, " {name}=\"{}\"", escape(element, value)?);
        }
        tag.push_str(end);
        self.line(&tag);
        Ok(())
    }

    fn open(
        &mut self,
        element: &'static str,
        attributes: &[(&'static str, &str)],
    ) -> Result<(), SmfError> {
        self.tag(element, attributes, ">")?;
        self.depth += 1;
        Ok(())
    }

    fn empty(
        &mut self,
        element: &'static str,
        attributes: &[(&'static str, &str)],
    ) -> Result<(), SmfError> {
        self.tag(element, attributes, "/>")
    }

    fn property(&mut self, name: &str, value: &str) -> Result<(), SmfError> {
        self.empty(
            "propval",
            &[("name", name), ("type", "astring"), ("value", value)],
        )
    }

    fn close(&mut self, element: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.line(&format!("</{element}>"));
    }
}

#[cfg(test)]
mod tests;
