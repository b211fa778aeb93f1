//! How a failed command ends: what went wrong, the first real error, and what to type next.

use std::error::Error;
use std::fmt::Write as _;

use super::{FAILED, USAGE, remedy};
use crate::causes::in_one_line;
use crate::facts::FactError;
use crate::facts::locks::Lock;
use crate::plan::Refusal;
use crate::problem::Problem;
use crate::run::{BuildError, RunError};
use crate::show::{Style, first_error, holder, plan::diff_line, problems};
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
        RunError::Sources { problem, details } => {
            unprepared(zone, problem, details.as_deref(), style)
        }
        RunError::Refused(refusals) => refused(zone, refusals, style),
        RunError::Step { tail, log, .. } => {
            let text = std::fs::read(log).map_or_else(
                |_| tail.clone(),
                |bytes| String::from_utf8_lossy(&bytes).into_owned(),
            );
            let mut out = format!("{}: {zone}: {error}\n", style.paint("31", "error"));
            out.push_str(&&first_error::find(&text, first_error::Source::Phase).text(style));
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
            &remedy::of_host(source),
        ),
        RunError::Locked(locks) => locked(zone, locks, style),
        RunError::NotHeld => report(
            style,
            &format!("{zone}: {error}"),
            &format!(
                "`zonewright status {zone}` says who holds it; `zonewright apply {zone} --wait` goes on when they are done"
            ),
        ),
        RunError::Overdue { log, .. } => {
            let mut out = format!("{}: {zone}: {error}\n", style.paint("31", "error"));
            let _ = writeln!(out, "the output so far: {}", log.display());
            let _ = writeln!(
                out,
                "{}: look into the zone for the cause and run `zonewright apply {zone}` again; it goes on from \
                 here (`--step-timeout TIME` to wait longer)",
                style.paint("36", " help")
            );
            out
        }
        RunError::Check { evidence, .. } => {
            let mut out = format!("{}: {zone}: {error}\n", style.paint("31", "error"));
            for line in evidence.lines() {
                let _ = writeln!(out, "      {line}");
            }
            let _ = writeln!(
                out,
                "{}: everything else is in place; mend the cause, or the `[[check]]` in the recipe, and \
                 `zonewright apply {zone}` runs the checks again",
                style.paint("36", " help")
            );
            out
        }
        RunError::Facts(FactError::OtherSystem { .. }) => report(
            style,
            &format!("{zone}: {error}"),
            "name a SmartOS zone in the zone file's `[zone] ssh`",
        ),
        _ => report(style, &format!("{zone}: {}", in_one_line(error)), ""),
    }
}

/// Somebody else holds the zone.
fn locked(zone: &str, locks: &[Lock], style: Style) -> String {
    let holders: Vec<String> = locks.iter().map(holder).collect();
    report(
        style,
        &format!("{zone} is being changed by {}", holders.join(" and ")),
        &format!(
            "`zonewright apply {zone} --wait` goes on as soon as they are done; if they are not there any \
             more, `--break-lock` ends what they left"
        ),
    )
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

/// A recipe whose sources cannot be had or patched.
fn unprepared(zone: &str, problem: &Problem, details: Option<&str>, style: Style) -> String {
    let named = Problem {
        message: format!("{zone}: {}", problem.message),
        ..problem.clone()
    };
    let mut out = problems::render(&[named], style.color);
    for line in details.iter().flat_map(|text| text.lines()) {
        let _ = writeln!(out, "      {}", diff_line(line, style));
    }
    out.push_str("nothing was changed\n");
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
