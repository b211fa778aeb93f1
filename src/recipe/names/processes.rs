//! What is run and what it is given: programs, arguments, variables, services and their properties.
//!
//! A manifest is XML, a method passes a shell, and a value in SMF's repository ends at 4095 bytes.

use super::super::format::{Complaint, quoted};
use super::{LONGEST_LINE, LONGEST_NAME, LONGEST_PATH, check_length, check_path, is_control};
use crate::smf::{DependencyTarget, Fmri, is_valid_name};

/// The longest argument or variable: Linux gives a process 131,071 bytes in one, and the sandbox is
/// to refuse nothing that a zone takes.
const LONGEST_ARGUMENT: usize = 65_536;

pub(in crate::recipe) fn check_argument(text: &str) -> Result<(), Complaint> {
    check_length(text, LONGEST_ARGUMENT)
}

/// A bare name has letters of which the shell makes nothing else; `:true` and `:kill` are words of
/// SMF's restarter.
pub(in crate::recipe) fn check_program(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not a program", quoted(text)));
    let help = "begin the command with the path of a program, or with a bare name";
    if is_control(text) {
        return Err(complaint().label("it has a control character").help(help));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._+-:".contains(c);
    let is_path = text.contains('/')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/._".contains(c));
    let is_bare = !text.is_empty() && !text.starts_with('-') && text.chars().all(is_name);
    if !is_path && !is_bare {
        return Err(complaint().help(help));
    }
    check_length(text, LONGEST_PATH)
}

/// A manifest is XML 1.0, and a value in SMF's repository ends at 4095 bytes.
pub(in crate::recipe) fn check_service_text(text: &str) -> Result<(), Complaint> {
    let is_carried = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || !(c < ' ' || c == '\u{fffe}' || c == '\u{ffff}')
    };
    if text.chars().all(is_carried) {
        return check_length(text, 3_900);
    }
    Err(
        Complaint::new(format!("{} cannot be carried by a manifest", quoted(text)))
            .label("XML has no control characters but tab and newline")
            .help("leave the control character out"),
    )
}

/// The letters that SMF itself allows, as a help.
const SERVICE_NAMES: &str = "each part begins with a letter and has letters, digits, `-` and `_`";

/// `svc:/network/netatalk:default`: a service and its instance.
pub(in crate::recipe) fn check_instance(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not an instance of a service", quoted(text)));
    let Some(name) = text.strip_prefix("svc:/") else {
        let meant = text.trim_start_matches("svc:").trim_start_matches('/');
        let meant = format!("svc:/{}", with_instance(meant));
        return Err(complaint()
            .help(format!("write it as `{meant}`"))
            .instead(meant));
    };
    match name.split_once(':') {
        None => Err(complaint()
            .label("no instance")
            .help(format!("write `svc:/{}`", with_instance(name)))
            .instead(format!("svc:/{}", with_instance(name)))),
        Some(_) => Fmri::parse(text)
            .map(drop)
            .map_err(|_| complaint().help(SERVICE_NAMES)),
    }
}

fn with_instance(name: &str) -> String {
    if name.contains(':') {
        name.to_string()
    } else {
        format!("{name}:default")
    }
}

/// A dependency of a service: another service, with or without an instance, or a file.
pub(in crate::recipe) fn check_service_or_file(text: &str) -> Result<(), Complaint> {
    if let Some(path) = text.strip_prefix("file://localhost") {
        check_path(path)?;
        return DependencyTarget::parse(text).map(drop).map_err(|_| {
            Complaint::new(format!("{} is no file to depend on", quoted(text)))
                .help("SMF takes a path without blanks, `?` and `#`")
        });
    }
    let complaint = || Complaint::new(format!("{} is not a service", quoted(text)));
    if text.starts_with('/') {
        return Err(complaint()
            .help(format!("write a file as `file://localhost{text}`"))
            .instead(format!("file://localhost{text}")));
    }
    let Some(name) = text.strip_prefix("svc:/") else {
        let meant = text.trim_start_matches("svc:").trim_start_matches('/');
        return Err(complaint()
            .help(format!("write it as `svc:/{meant}`"))
            .instead(format!("svc:/{meant}")));
    };
    if name.is_empty() {
        return Err(complaint().help(SERVICE_NAMES));
    }
    DependencyTarget::parse(text)
        .map(drop)
        .map_err(|_| complaint().help(SERVICE_NAMES))
}

/// A process's name: `pgrep -x` compares 15 characters and no more, and takes its argument for an
/// expression.
pub(in crate::recipe) fn check_process(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not a process's name", quoted(text)));
    if text.contains('/') {
        return Err(complaint().help("write its last part only, without the folder"));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_name) {
        return Err(complaint().help("a name has letters, digits, `_`, `.` and `-`"));
    }
    if text.len() > 15 {
        return Err(complaint()
            .label(format!("{} characters, at most 15", text.len()))
            .help("write the first 15: the system knows no more of a name"));
    }
    Ok(())
}

pub(in crate::recipe) fn check_privileges(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_privilege = |word: &str| {
        let word = word.strip_prefix('!').unwrap_or(word);
        !word.is_empty() && word.chars().all(is_name)
    };
    if text.split(',').all(is_privilege) {
        check_length(text, LONGEST_LINE)
    } else {
        Err(
            Complaint::new(format!("{} is not a list of privileges", quoted(text)))
                .help("write for example `basic,net_privaddr`, without spaces"),
        )
    }
}

pub(in crate::recipe) fn check_variable(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_name)
    {
        check_length(text, LONGEST_NAME)
    } else {
        Err(
            Complaint::new(format!("{} is not a variable's name", quoted(text)))
                .help("a name has letters, digits and `_`, and does not begin with a digit"),
        )
    }
}

/// Variables that bash has for itself, beside those that begin with its name: it drops what it is
/// given, or runs it (`BASH_ENV`).
const OF_BASH: &[&str] = &[
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "IFS",
    "LINENO",
    "OLDPWD",
    "OPTIND",
    "PPID",
    "PS4",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
    "_",
];

/// Variables that are ours in every build.
const OF_BUILDS: &[&str] = &["DESTDIR", "HOME", "TMPDIR"];

/// A variable that a build may set.
pub(in crate::recipe) fn check_build_variable(text: &str) -> Result<(), Complaint> {
    check_variable(text)?;
    let complaint = || Complaint::new(format!("{} cannot be set for a build", quoted(text)));
    if text.starts_with("BASH") || OF_BASH.contains(&text) {
        return Err(complaint()
            .label("bash has this variable for itself")
            .help("set it with `/usr/bin/env` in a command of the build"));
    }
    if OF_BUILDS.contains(&text) {
        return Err(complaint()
            .label("each build has a folder of its own for this")
            .help("leave it out"));
    }
    Ok(())
}

/// A variable that a service may set: SMF sets those that begin with its name.
pub(in crate::recipe) fn check_service_variable(text: &str) -> Result<(), Complaint> {
    check_variable(text)?;
    if text.starts_with("SMF_") {
        return Err(
            Complaint::new(format!("{} cannot be set for a service", quoted(text)))
                .label("SMF sets the variables that begin with `SMF_`")
                .help("leave it out"),
        );
    }
    Ok(())
}

pub(in crate::recipe) fn check_property(text: &str) -> Result<(), Complaint> {
    // SMF would take `,` as well, which sets the provider of a property apart
    if is_valid_name(text) && !text.contains(',') {
        Ok(())
    } else {
        Err(
            Complaint::new(format!("{} is not a property's name", quoted(text))).help(
                "a name begins with a letter and has letters, digits, `-` and `_`, at most 119",
            ),
        )
    }
}
