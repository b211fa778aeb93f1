//! A service manifest: reading it in the order of checks in which `svccfg` does.
//!
//! The document type is looked at as text, since the XML reader keeps none of it: `svccfg` knows
//! one system id, and a manifest with another one is refused before its contents are looked at.

mod dtd;
mod grammar;
mod read;
pub mod template;
pub mod value;

use super::upgrade::Declared;
use roxmltree::{Document, ParsingOptions};
use std::io;
use std::path::Path;

/// The only system id that is accepted.
pub const SYSTEM_ID: &str = "/usr/share/lib/xml/dtd/service_bundle.dtd.1";

/// What a bundle is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `import`, `validate`, `inventory`.
    Manifest,
    /// `apply`.
    Profile,
}

/// A file that is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", messages.join("; "))]
pub struct ManifestError {
    /// Lines of the XML library, which bear no command's name.
    pub library: Vec<String>,
    /// Messages of `svccfg`.
    pub messages: Vec<String>,
}

impl ManifestError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            library: Vec::new(),
            messages: vec![message.into()],
        }
    }
}

/// Reads a bundle from a file.
pub fn load(path: &Path, purpose: Purpose) -> Result<Vec<Declared>, ManifestError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ManifestError::new(format!("unable to open file: {}", plain_reason(&error)))
    })?;
    parse(&text, &path.display().to_string(), purpose)
}

/// An error's reason without the number that Rust adds.
#[must_use]
pub fn plain_reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

/// Reads a bundle from text; `name` stands in the library's messages.
pub fn parse(text: &str, name: &str, purpose: Purpose) -> Result<Vec<Declared>, ManifestError> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| ManifestError {
        library: vec![format!(
            "{name}:{}: parser error : {error}",
            error.pos().row
        )],
        messages: vec!["couldn't parse document".to_owned()],
    })?;
    match document_type(text) {
        None => return Err(ManifestError::new("document has no DTD")),
        Some(id) if id != SYSTEM_ID => {
            return Err(ManifestError::new(
                "document DTD unknown; not service bundle?",
            ));
        }
        Some(_) => {}
    }
    let root = document.root_element();
    if root.tag_name().name() != "service_bundle" {
        return Err(ManifestError::new("document is not a service bundle"));
    }
    let wrong = if purpose == Purpose::Profile {
        Vec::new()
    } else {
        dtd::validate(root)
    };
    if !wrong.is_empty() {
        let line = |(line, element, message)| {
            format!("{name}:{line}: element {element}: validity error : {message}")
        };
        return Err(ManifestError {
            library: wrong.into_iter().map(line).collect(),
            messages: vec!["Document is not valid.".to_owned()],
        });
    }
    let (kind, complaint) = match purpose {
        Purpose::Manifest => ("manifest", "document is not a manifest."),
        Purpose::Profile => ("profile", "document is not a profile."),
    };
    if root.attribute("type") != Some(kind) {
        return Err(ManifestError::new(complaint));
    }
    if root.attribute("name").is_none_or(str::is_empty) {
        return Err(ManifestError::new("service bundle lacks name attribute"));
    }
    read::bundle(root).map_err(ManifestError::new)
}

/// The system id of the document type; empty when there is a document type without one.
fn document_type(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let start = rest.find('<')?;
        rest = rest.get(start..)?;
        if let Some(after) = rest.strip_prefix("<!--") {
            rest = after.get(after.find("-->")?..)?;
        } else if let Some(after) = rest.strip_prefix("<!DOCTYPE") {
            return Some(system_id(after.get(..after.find(['>', '['])?)?));
        } else if rest.starts_with("<?") {
            rest = rest.get(rest.find("?>")?..)?;
        } else {
            return None;
        }
    }
}

fn system_id(declaration: &str) -> &str {
    let Some((_, rest)) = declaration.split_once("SYSTEM") else {
        return "";
    };
    let rest = rest.trim_start();
    let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return "";
    };
    rest.get(1..)
        .and_then(|rest| rest.split_once(quote))
        .map_or("", |(id, _)| id)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A whole manifest around the body of a service.
    pub(crate) fn manifest(name: &str, body: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE service_bundle SYSTEM \"{SYSTEM_ID}\">\n\
             <service_bundle type=\"manifest\" name=\"test\">\n\
             <service name=\"{name}\" version=\"1\" type=\"service\">\n{body}\n</service>\n\
             </service_bundle>\n"
        )
    }

    fn message(text: &str) -> String {
        parse(text, "m.xml", Purpose::Manifest)
            .unwrap_err()
            .messages
            .join("|")
    }

    #[test]
    fn checks_come_in_the_order_of_svccfg() {
        let good = manifest("site/x", "<create_default_instance enabled='false'/>");
        assert!(parse(&good, "m.xml", Purpose::Manifest).is_ok());
        assert_eq!(message("<a><b></a>"), "couldn't parse document");
        assert_eq!(message("<service_bundle/>"), "document has no DTD");
        assert_eq!(
            message("<!-- <!DOCTYPE a SYSTEM \"x\"> --><service_bundle/>"),
            "document has no DTD"
        );
        assert_eq!(
            message("<!DOCTYPE service_bundle SYSTEM \"service_bundle.dtd.1\"><a/>"),
            "document DTD unknown; not service bundle?"
        );
        assert_eq!(
            message(&format!("<!DOCTYPE a SYSTEM '{SYSTEM_ID}'><a/>")),
            "document is not a service bundle"
        );
        assert_eq!(
            message(&good.replace("enabled=", "on=")),
            "Document is not valid."
        );
        assert_eq!(
            message(&good.replace("\"manifest\"", "\"profile\"")),
            "document is not a manifest."
        );
        assert_eq!(
            message(&good.replace("name=\"test\"", "name=\"\"")),
            "service bundle lacks name attribute"
        );
        assert_eq!(
            message(&good.replace("\"site/x\"", "\"svc:/site/x\"")),
            "invalid value \"svc:/site/x\": should be a bare service name"
        );
    }

    #[test]
    fn an_absent_file_is_told_with_the_systems_reason() {
        let error = load(Path::new("/nonexistent.xml"), Purpose::Manifest).unwrap_err();
        assert_eq!(
            error.messages,
            ["unable to open file: No such file or directory"]
        );
    }

    #[test]
    fn the_library_names_file_line_and_element() {
        let text = manifest("site/x", "<create_default_instance/>");
        let error = parse(&text, "m.xml", Purpose::Manifest).unwrap_err();
        assert_eq!(
            error.library,
            [
                "m.xml:5: element create_default_instance: validity error : Element \
              create_default_instance does not carry attribute enabled"
            ]
        );
    }
}
