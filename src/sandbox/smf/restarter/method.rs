//! One method: what to run, as whom, where, for how long; and running it once.
//!
//! A context that cannot be set up (unknown user, absent folder, bad token) is no failure that
//! trying again could mend, so it is told apart from a method that ran and failed.

use super::super::contract::{self, Credential, Owner, Report, Spec};
use super::super::fmri::Fmri;
use super::super::model::{Groups, Property};
use super::super::paths::Paths;
use super::super::{contract::holder, log};
use nix::unistd::{Group, User, getgrouplist};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A method as the running snapshot describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// `start`, `stop` or `refresh`.
    pub name: &'static str,
    /// What to run, tokens expanded.
    pub exec: String,
    /// How long it may take; none for ever.
    pub timeout: Option<Duration>,
    properties: Vec<(String, Property)>,
}

/// Why a method cannot even be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable(pub String);

/// How a method's run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this wait status.
    Status(i32),
    /// Its time was up; every process of it was killed.
    TimedOut,
}

impl Method {
    /// The method of that name; none when the instance has none.
    pub fn find(view: &Groups, fmri: &Fmri, name: &'static str) -> Result<Option<Self>, Unusable> {
        let Some(group) = view.get(name) else {
            return Ok(None);
        };
        let raw = group.value("exec").unwrap_or("");
        let exec = expand(raw, view, fmri, name).map_err(|why| {
            Unusable(format!(
                "Could not expand method tokens in \"{raw}\": {why}."
            ))
        })?;
        let seconds: i64 = group
            .value("timeout_seconds")
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        let timeout = u64::try_from(seconds)
            .ok()
            .filter(|s| *s > 0)
            .map(Duration::from_secs);
        // A context on the method replaces the one on the instance.
        let own = CONTEXT
            .iter()
            .any(|property| group.properties.contains_key(*property));
        let context = if own {
            Some(group)
        } else {
            view.get("method_context")
        };
        let properties = context
            .into_iter()
            .flat_map(|group| &group.properties)
            .map(|(name, property)| (name.clone(), property.clone()))
            .collect();
        Ok(Some(Self {
            name,
            exec,
            timeout,
            properties,
        }))
    }

    fn context(&self, name: &str) -> Option<&str> {
        let found = self
            .properties
            .iter()
            .find(|(property, _)| property == name);
        found
            .and_then(|(_, property)| property.values.first())
            .map(String::as_str)
    }

    fn context_values(&self, name: &str) -> &[String] {
        let found = self
            .properties
            .iter()
            .find(|(property, _)| property == name);
        found.map_or(&[], |(_, property)| &property.values)
    }

    /// How the restarter names the method in the log: `("exec")`, `(:kill)`, `(null)`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.exec.as_str() {
            ":true" => "(null)".to_owned(),
            exec if exec.starts_with(":kill") => format!("({exec})"),
            exec => format!("(\"{exec}\")"),
        }
    }

    /// Everything a contract's holder needs to run the method.
    pub fn spec(&self, paths: &Paths, fmri: &Fmri) -> Result<Spec, Unusable> {
        let credential = self.credential()?;
        let home = || {
            self.context("user")
                .and_then(|user| User::from_name(user).ok().flatten())
        };
        let directory = match self.context("working_directory") {
            None | Some(":default" | ":home") => {
                home().map_or_else(|| PathBuf::from("/"), |user| user.dir)
            }
            Some(path) => PathBuf::from(path),
        };
        if !directory.is_dir() {
            return Err(Unusable(format!(
                "svc.startd could not set context for method: \nchdir: No such file or directory \
                 (\"{}\")",
                directory.display()
            )));
        }
        let shell = if Path::new("/sbin/sh").exists() {
            "/sbin/sh"
        } else {
            "/bin/sh"
        };
        Ok(Spec {
            words: vec![
                shell.to_owned(),
                "-c".to_owned(),
                format!("exec {}", self.exec),
            ],
            directory: Some(directory),
            environment: Some(self.environment(fmri)),
            credential,
            log: Some(log::path(paths, fmri)),
            service: Some(fmri.to_string()),
            ..Spec::default()
        })
    }

    fn environment(&self, fmri: &Fmri) -> Vec<(String, String)> {
        let zone = nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok());
        let mut environment: Vec<(String, String)> = vec![
            ("PATH".to_owned(), "/usr/sbin:/usr/bin".to_owned()),
            ("TZ".to_owned(), "UTC".to_owned()),
            ("LANG".to_owned(), "C".to_owned()),
        ];
        for entry in self.context_values("environment") {
            if let Some((name, value)) = entry.split_once('=')
                && !name.starts_with("SMF_")
            {
                environment.retain(|(known, _)| known != name);
                environment.push((name.to_owned(), value.to_owned()));
            }
        }
        environment.extend([
            ("SMF_FMRI".to_owned(), fmri.to_string()),
            ("SMF_METHOD".to_owned(), self.name.to_owned()),
            (
                "SMF_RESTARTER".to_owned(),
                "svc:/system/svc/restarter:default".to_owned(),
            ),
            ("SMF_ZONENAME".to_owned(), zone.unwrap_or_default()),
        ]);
        environment
    }

    /// Privileges and projects are kept in the repository and not acted on.
    fn credential(&self) -> Result<Option<Credential>, Unusable> {
        let (user, group) = (self.context("user"), self.context("group"));
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let name = user.unwrap_or("root");
        let user = find_user(name).ok_or_else(|| {
            Unusable(format!(
                "Could not interpret \"user\" property value \"{name}\", error 2."
            ))
        })?;
        let group = match group {
            None | Some(":default") => user.gid.as_raw(),
            Some(name) => find_group(name).ok_or_else(|| {
                Unusable(format!(
                    "Could not interpret \"group\" property value \"{name}\", error 2."
                ))
            })?,
        };
        let groups = match self.context("supp_groups") {
            Some(":default") | None => initial_groups(&user),
            Some(list) => list
                .split([',', ' '])
                .filter(|name| !name.is_empty())
                .filter_map(find_group)
                .collect(),
        };
        Ok(Some(Credential {
            user: user.uid.as_raw(),
            group,
            groups,
        }))
    }
}

const CONTEXT: [&str; 10] = [
    "user",
    "group",
    "supp_groups",
    "privileges",
    "limit_privileges",
    "working_directory",
    "project",
    "resource_pool",
    "environment",
    "profile",
];

fn find_user(name: &str) -> Option<User> {
    match name.parse::<u32>() {
        Ok(id) => User::from_uid(id.into()).ok().flatten(),
        Err(_) => User::from_name(name).ok().flatten(),
    }
}

fn find_group(name: &str) -> Option<u32> {
    match name.parse::<u32>() {
        Ok(id) => Some(id),
        Err(_) => Group::from_name(name)
            .ok()
            .flatten()
            .map(|group| group.gid.as_raw()),
    }
}

fn initial_groups(user: &User) -> Vec<u32> {
    let groups = CString::new(user.name.as_str())
        .ok()
        .and_then(|name| getgrouplist(&name, user.gid).ok())
        .unwrap_or_else(|| vec![user.gid]);
    groups.into_iter().map(nix::unistd::Gid::as_raw).collect()
}

/// Replaces `%` tokens; the error is the reason.
fn expand(raw: &str, view: &Groups, fmri: &Fmri, method: &str) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('%') {
        result.push_str(before);
        let mut characters = after.chars();
        match characters.next() {
            Some('%') => result.push('%'),
            Some('r') => result.push_str("svc.startd"),
            Some('m') => result.push_str(method),
            Some('s') => result.push_str(&fmri.service),
            Some('i') => result.push_str(fmri.instance.as_deref().unwrap_or("")),
            Some('f') => result.push_str(&fmri.to_string()),
            Some('{') => {
                let (token, tail) = characters
                    .as_str()
                    .split_once('}')
                    .ok_or("token is not closed")?;
                result.push_str(&property_token(token, view)?);
                rest = tail;
                continue;
            }
            Some(other) => return Err(format!("unknown token %{other}")),
            None => return Err("token is not complete".to_owned()),
        }
        rest = characters.as_str();
    }
    result.push_str(rest);
    Ok(result)
}

fn property_token(token: &str, view: &Groups) -> Result<String, String> {
    let (path, separator) = match token.strip_suffix([':', ',']) {
        Some(path) => (path, token.get(path.len()..).unwrap_or(" ")),
        None => (token, " "),
    };
    let path = path
        .split_once(":properties/")
        .map_or(path, |(_, path)| path);
    let (group, property) = path.split_once('/').unwrap_or(("application", path));
    let found = view
        .get(group)
        .and_then(|group| group.properties.get(property))
        .ok_or_else(|| format!("property {group}/{property} not found"))?;
    let values: Vec<String> = found.values.iter().map(|value| quote(value)).collect();
    Ok(values.join(separator))
}

fn quote(value: &str) -> String {
    let mut quoted = String::new();
    for c in value.chars() {
        if matches!(
            c,
            ';' | '&' | '(' | ')' | '|' | '^' | '<' | '>' | '\n' | ' ' | '\t' | '\\' | '"' | '\''
        ) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// The wait status of a start method's shell, or the end of its time.
pub fn await_end(
    reports: &Receiver<Report>,
    paths: &Paths,
    fmri: &Fmri,
    contract: u64,
    deadline: Option<Instant>,
) -> Ended {
    let mut killed = false;
    loop {
        let left = match deadline {
            Some(deadline) if !killed => deadline.saturating_duration_since(Instant::now()),
            _ => Duration::from_secs(3600),
        };
        match reports.recv_timeout(left) {
            Ok(Report::Exited { .. }) if killed => return Ended::TimedOut,
            Ok(Report::Exited { status }) => return Ended::Status(status),
            Ok(Report::NotStarted { .. }) => return Ended::Status(10 << 8),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) if !killed && deadline.is_some() => {
                let message =
                    format!("Method or service exit timed out.  Killing contract {contract}.");
                log::write(paths, fmri, &message);
                holder::kill_until_empty(paths, contract);
                killed = true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The holder itself was killed: nothing is known of the method any more.
            Err(RecvTimeoutError::Disconnected) if killed => return Ended::TimedOut,
            Err(RecvTimeoutError::Disconnected) => return Ended::Status(9),
        }
    }
}

/// Starts a method in a contract of its own.
pub fn launch(paths: &Paths, spec: &Spec) -> Result<Owner, String> {
    contract::start(paths, spec).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    })
}

/// What the log says of a method's end.
#[must_use]
pub fn ending(name: &str, ended: Ended) -> String {
    match ended {
        Ended::TimedOut => format!("Method \"{name}\" failed due to signal KILL."),
        Ended::Status(status) if status & 0x7f == 0 => {
            format!("Method \"{name}\" exited with status {}.", status >> 8)
        }
        Ended::Status(status) => {
            let signal = nix::sys::signal::Signal::try_from(status & 0x7f);
            let name_of = signal.map_or("UNKNOWN", |signal| {
                signal
                    .as_str()
                    .strip_prefix("SIG")
                    .unwrap_or(signal.as_str())
            });
            format!("Method \"{name}\" failed due to signal {name_of}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::smf::model::Group;

    fn expanded(exec: &str) -> Result<String, String> {
        let mut config = Group::new("application").with("file", "astring", "/a b");
        config.properties.insert(
            "list".to_owned(),
            Property {
                kind: "astring".to_owned(),
                values: vec!["x".to_owned(), "y;z".to_owned()],
            },
        );
        let view = Groups::from([("application".to_owned(), config)]);
        expand(exec, &view, &Fmri::instance("site/x", "default"), "start")
    }

    #[test]
    fn tokens_are_expanded_and_values_quoted() {
        assert_eq!(
            expanded("%r %m %s %i %f 5%%").unwrap(),
            "svc.startd start site/x default svc:/site/x:default 5%"
        );
        assert_eq!(expanded("d -F %{file}").unwrap(), "d -F /a\\ b");
        assert_eq!(
            expanded("d %{application/list} %{list:} %{list,}").unwrap(),
            "d x y\\;z x:y\\;z x,y\\;z"
        );
        for bad in ["%q", "%", "%{file", "%{none}", "%{none/file}"] {
            assert!(expanded(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_methods_own_context_replaces_the_instances() {
        let common = Group::new("framework").with("working_directory", "astring", "/var");
        let start = Group::new("method")
            .with("exec", "astring", "x")
            .with("user", "astring", "root");
        let stop = Group::new("method").with("exec", "astring", ":kill").with(
            "timeout_seconds",
            "count",
            "-1",
        );
        let view = Groups::from([
            ("method_context".to_owned(), common),
            ("start".to_owned(), start),
            ("stop".to_owned(), stop),
        ]);
        let fmri = Fmri::instance("x", "default");
        let method = |name| Method::find(&view, &fmri, name).unwrap().unwrap();
        assert_eq!(method("start").context("working_directory"), None);
        assert_eq!(method("stop").context("working_directory"), Some("/var"));
        assert_eq!(
            (method("stop").label().as_str(), method("stop").timeout),
            ("(:kill)", None)
        );
        assert_eq!(Method::find(&view, &fmri, "refresh"), Ok(None));
    }

    #[test]
    fn an_unknown_user_is_told_by_name() {
        let start = Group::new("method").with("exec", "astring", "x").with(
            "user",
            "astring",
            "nobody-here",
        );
        let view = Groups::from([("start".to_owned(), start)]);
        let fmri = Fmri::instance("x", "default");
        let method = Method::find(&view, &fmri, "start").unwrap().unwrap();
        let error = method.spec(&Paths::zone(), &fmri).unwrap_err();
        assert_eq!(
            error.0,
            "Could not interpret \"user\" property value \"nobody-here\", error 2."
        );
    }
}
