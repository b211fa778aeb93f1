//! How a failed command ends: what went wrong, the first real error, and what to type next.

use std::error::Error;
use std::fmt::Write as _;

use super::{FAILED, USAGE};
use crate::causes::in_one_line;
use crate::facts::FactError;
use crate::host::HostError;
use crate::plan::Refusal;
use crate::problem::Problem;
use crate::run::{BuildError, RunError};
use crate::show::{Style, first_error, plain, plan::diff_line, problems};
use crate::source::PrepareError;

/// Why a command failed, and what to do about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A message and a hint.
    Text {
        status: u8,
        message: String,
        help: String,
    },
    /// Mistakes in recipes or zone files.
    Problems(Vec<Problem>),
    /// A run on a zone ended early.
    Run { zone: String, error: Box<RunError> },
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

impl Failure {
    /// A failure of the command itself.
    pub(crate) fn text_only(message: &str, help: &str) -> Self {
        Self::Text {
            status: FAILED,
            message: message.to_owned(),
            help: help.to_owned(),
        }
    }

    /// The command line or a file asks for something impossible.
    pub(crate) fn usage(message: &str, help: &str) -> Self {
        Self::Text {
            status: USAGE,
            message: message.to_owned(),
            help: help.to_owned(),
        }
    }

    /// An error with its causes.
    pub(crate) fn of(error: &dyn Error, help: &str) -> Self {
        Self::text_only(&in_one_line(error), help)
    }

    /// A run on a zone ended early.
    pub(crate) fn run(zone: &str, error: impl Into<RunError>) -> Self {
        Self::Run {
            zone: zone.to_owned(),
            error: Box::new(error.into()),
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Text { status, .. } => *status,
            Self::Problems(_) => USAGE,
            Self::Run { error, .. } if matches!(**error, RunError::Problems(_)) => USAGE,
            Self::Run { .. } => FAILED,
        }
    }

    /// The whole report.
    pub(crate) fn text(&self, style: Style) -> String {
        match self {
            Self::Text { message, help, .. } => report(style, message, help),
            Self::Problems(found) => problems::render(found, style.color),
            Self::Run { zone, error } => run_text(zone, error, style),
        }
    }
}

fn report(style: Style, message: &str, help: &str) -> String {
    let mut out = format!("{}: {message}\n", style.paint("31", "error"));
    if !help.is_empty() {
        let _ = writeln!(out, "{}: {help}", style.paint("36", " help"));
    }
    out
}

fn run_text(zone: &str, error: &RunError, style: Style) -> String {
    match error {
        RunError::Problems(found) => problems::render(found, style.color),
        RunError::Refused(refusals) => refused(zone, refusals, style),
        RunError::Step { tail, log, .. } => {
            let text = std::fs::read(log).map_or_else(
                |_| tail.clone(),
                |bytes| String::from_utf8_lossy(&bytes).into_owned(),
            );
            let mut out = format!("{}: {zone}: {error}\n", style.paint("31", "error"));
            out.push_str(&excerpt(&first_error::find(&text), style));
            let _ = writeln!(out, "the whole output: {}", log.display());
            let _ = writeln!(
                out,
                "{}: mend the cause and run `zonewright apply {zone}` again; it goes on from here",
                style.paint("36", " help")
            );
            out
        }
        RunError::Build { source, .. } => build_text(zone, error, source, style),
        RunError::Host(source) => report(
            style,
            &format!("{zone}: {}", in_one_line(error)),
            host_help(source),
        ),
        RunError::Check { .. } => report(
            style,
            &format!("{zone}: {error}"),
            &format!(
                "everything else is in place; `zonewright apply {zone}` runs the checks again"
            ),
        ),
        RunError::Facts(FactError::OtherSystem { .. }) => report(
            style,
            &format!("{zone}: {error}"),
            "name a SmartOS zone in the zone file's `[zone] ssh`",
        ),
        _ => report(style, &format!("{zone}: {}", in_one_line(error)), ""),
    }
}

fn build_text(zone: &str, error: &RunError, source: &BuildError, style: Style) -> String {
    let BuildError::Problems(found) = source else {
        let mut out = format!(
            "{}: {zone}: {error}: {}\n",
            style.paint("31", "error"),
            in_one_line(source)
        );
        if let BuildError::Prepare(PrepareError::Patch(patch)) = source {
            for line in patch.details().iter().flat_map(|text| text.lines()) {
                let _ = writeln!(out, "      {}", diff_line(line, style));
            }
        }
        let _ = writeln!(
            out,
            "{}: `zonewright apply {zone}` goes on from here",
            style.paint("36", " help")
        );
        return out;
    };
    let mut out = format!(
        "{}: {zone}: {error}: {source}\n",
        style.paint("31", "error")
    );
    for problem in found {
        let _ = writeln!(out, "  {} {}", style.paint("31", "×"), problem.message);
        if let Some(help) = &problem.help {
            let _ = writeln!(out, "    {}: {help}", style.paint("36", "help"));
        }
    }
    out
}

fn refused(zone: &str, refusals: &[Refusal], style: Style) -> String {
    let mut out = String::new();
    for refusal in refusals {
        out.push_str(&format!(
            "{}: {zone}: {}\n",
            style.paint("31", "error"),
            refusal.message
        ));
        for line in refusal.diff.iter().flat_map(|diff| diff.lines()) {
            let _ = writeln!(out, "      {}", diff_line(line, style));
        }
        let _ = writeln!(out, "{}: {}", style.paint("36", " help"), refusal.help);
    }
    out.push_str("nothing was changed\n");
    out
}

/// An excerpt of a log with line numbers and the error marked.
pub(super) fn excerpt(excerpt: &first_error::Excerpt, style: Style) -> String {
    let mut out = String::new();
    for (index, line) in excerpt.lines.iter().enumerate() {
        let is_error = excerpt.error == Some(index);
        let mark = if is_error {
            style.paint("31", ">")
        } else {
            " ".to_owned()
        };
        let number = excerpt.first_line + index;
        let shown = if is_error {
            style.paint("1", &plain::lines(line))
        } else {
            plain::lines(line).into_owned()
        };
        let _ = writeln!(out, "{mark} {number:>5} │ {shown}");
    }
    out
}

fn host_help(error: &HostError) -> &'static str {
    match error {
        HostError::Unreachable { .. } => {
            "is the zone running, and is the address in the zone file (or ~/.ssh/config) right?"
        }
        HostError::Lost { .. } => "run the same command again; what was done stays done",
        HostError::UnknownHostKey { .. } => {
            "compare the fingerprint with the zone's own, then use --accept-new-host-key"
        }
        HostError::ChangedHostKey { .. } => {
            "if the zone was made anew, remove the old line from that file; if not, somebody may be in between"
        }
        HostError::Login { .. } => {
            "put your public key into the zone's ~/.ssh/authorized_keys, or name the key with IdentityFile in ~/.ssh/config"
        }
        HostError::Become { .. } => {
            "allow this user to run bash as root without a password, or let `[zone] ssh` log in as root"
        }
        HostError::RevokedHostKey { .. } => {
            "known_hosts says that this key must not be trusted any more: ask who revoked it"
        }
        HostError::ScriptTooLarge { .. } => {
            "this is a fault of zonewright: please report it with the recipe"
        }
        HostError::Ssh { .. } | HostError::NoEnd { .. } | HostError::Local { .. } => "",
    }
}
