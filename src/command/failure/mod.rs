//! How a failed command ends: what went wrong, the first real error, and what to type next.

mod run;
mod status;

use std::error::Error;
use std::fmt::Write as _;

use super::{FAILED, USAGE};
use crate::causes::in_one_line;
use crate::cli::Global;
use crate::problem::Problem;
use crate::run::RunError;
use crate::script::quote;
use crate::show::plan::diff_line;
use crate::show::{Style, problems};

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
    /// A source that cannot be had, or that a patch does not fit.
    Unfit {
        problem: Box<Problem>,
        /// What takes more than one line: the places that were tried, the rejected hunk.
        details: Option<String>,
    },
    /// A run on a zone ended early.
    Run {
        zone: String,
        error: Box<RunError>,
        /// Whether it is the zone's host that could not be reached, and not the zone.
        is_host: bool,
    },
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
            is_host: false,
        }
    }

    /// The host of a zone cannot be reached.
    pub(crate) fn at_host(zone: &str, error: impl Into<RunError>) -> Self {
        Self::Run {
            zone: zone.to_owned(),
            error: Box::new(error.into()),
            is_host: true,
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Text { status, .. } => *status,
            Self::Problems(_) => USAGE,
            Self::Unfit { .. } => FAILED,
            Self::Run { error, .. } if matches!(**error, RunError::Problems(_)) => USAGE,
            Self::Run { .. } => FAILED,
        }
    }

    /// What went wrong and what to do about it, each in a line, for whoever tells of several failures.
    pub(crate) fn in_short(&self) -> (String, String) {
        let of_problem = |problem: &Problem| {
            let help = problem.help.clone();
            let help = help.unwrap_or_else(|| "`zonewright recipe check` shows it".to_owned());
            (problem.message.clone(), help)
        };
        match self {
            Self::Text { message, help, .. } => (message.clone(), help.clone()),
            Self::Problems(found) => found.first().map(of_problem).unwrap_or_default(),
            Self::Unfit { problem, .. } => of_problem(problem),
            Self::Run {
                zone,
                error,
                is_host,
            } => run::in_short(zone, error, *is_host),
        }
    }

    /// The whole report.
    pub(crate) fn text(&self, global: &Global) -> String {
        let style = Style::stderr(global.color);
        match self {
            Self::Text { message, help, .. } => report(style, message, help),
            Self::Problems(found) => problems::render(found, style.color),
            Self::Unfit { problem, details } => {
                unfit(problem, details.as_deref().unwrap_or(""), style)
            }
            Self::Run {
                zone,
                error,
                is_host: true,
            } if run::of_global_zone(error).is_some() => {
                let (message, help) = run::in_short(zone, error, true);
                report(style, &format!("{}: {message}", quote(zone)), &help)
            }
            Self::Run { zone, error, .. } => run::text(zone, error, &program(global), style),
        }
    }
}

/// What is wrong, the lines that show it, and what to do.
fn unfit(problem: &Problem, details: &str, style: Style) -> String {
    let place = Problem {
        help: None,
        ..problem.clone()
    };
    let mut out = problems::render(std::slice::from_ref(&place), style.color);
    for line in details.lines() {
        let _ = writeln!(out, "      {}", diff_line(line, style));
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(out, "{}: {help}", style.paint("36", " help"));
    }
    out
}

/// The program as it must be typed to find the same site.
fn program(global: &Global) -> String {
    match &global.site {
        Some(site) => format!("zonewright --site {}", quote(&site.to_string_lossy())),
        None => "zonewright".to_owned(),
    }
}

fn report(style: Style, message: &str, help: &str) -> String {
    let mut out = format!("{}: {message}\n", style.paint("31", "error"));
    if !help.is_empty() {
        let _ = writeln!(out, "{}: {help}", style.paint("36", " help"));
    }
    out
}
