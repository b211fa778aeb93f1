//! Why a run ended before its end, and what of it is a lost connection that is made again.

use std::path::PathBuf;
use std::time::Duration;

use super::BuildError;
use crate::facts::FactError;
use crate::facts::locks::Lock;
use crate::host::HostError;
use crate::plan::Refusal;
use crate::problem::Problem;
use crate::secrets::PasswordError;
use crate::store::StoreError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Facts(#[from] FactError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The recipe cannot be resolved for this zone.
    #[error("the recipes do not fit this zone")]
    Problems(Vec<Problem>),
    /// The sources of a build cannot be had or patched; noticed before the first change.
    #[error("{problem}")]
    Sources {
        problem: Box<Problem>,
        /// What takes more than one line, as a hunk and the lines it does not fit.
        details: Option<String>,
        /// Whether the zone itself had been made or changed by then.
        is_late: bool,
    },
    /// The zone holds something that must not be changed blindly.
    #[error("nothing was changed")]
    Refused(Vec<Refusal>),
    /// The same after some of the steps: what they did stays.
    #[error("what was done so far stays, and the rest was not done")]
    RefusedAfter(Vec<Refusal>),
    /// The probe failed.
    #[error("the zone does not answer the questions: {0}")]
    Probe(String),
    /// What a run that was cut off left half done could not be ended.
    #[error("what an earlier run left half done cannot be put right: {0}")]
    Swept(String),
    /// A step failed.
    #[error("{what} failed{}", status.map(|s| format!(" with status {s}")).unwrap_or_default())]
    Step {
        id: String,
        what: String,
        status: Option<i32>,
        /// The last lines it printed.
        tail: String,
        /// The whole output.
        log: PathBuf,
    },
    /// A build step failed on the controller.
    #[error("{what} failed")]
    Build {
        id: String,
        what: String,
        #[source]
        source: Box<BuildError>,
    },
    /// A step was quiet for too long and was ended.
    #[error("{what} said nothing for {} s and was ended", limit.as_secs())]
    Overdue {
        id: String,
        what: String,
        limit: Duration,
        /// The output so far.
        log: PathBuf,
    },
    /// Somebody else holds the zone.
    #[error("somebody else is changing the zone")]
    Locked(Vec<Lock>),
    /// What another run began on the host goes on.
    #[error("the host is still at work for another run, and that must not be cut off: {0}")]
    AtWork(String),
    /// Somebody else took it from this run.
    #[error("somebody else took the zone from this run")]
    NotHeld,
    /// A check did not pass.
    #[error("the check “{name}” does not pass: {reason}")]
    Check {
        name: String,
        reason: String,
        /// How the services of the recipe are, in lines.
        evidence: String,
    },
    /// Something stays unknown whatever is done.
    #[error("{what} is not known, and no step makes it known")]
    Stuck { what: String },
    /// The host made the zone and left out what it does not know or want.
    #[error("the host made the zone otherwise than it was asked to: {}", names.join(", "))]
    Dropped { names: Vec<String> },
    /// A step was run and is due again.
    #[error("{what}: the change did not take ({why})")]
    DidNotTake { what: String, why: String },
}

impl RunError {
    /// The same, where steps had been done before it was noticed.
    #[must_use]
    pub fn after(self, steps: usize) -> Self {
        match self {
            Self::Refused(refusals) if steps > 0 => Self::RefusedAfter(refusals),
            Self::Sources {
                problem, details, ..
            } => Self::Sources {
                problem,
                details,
                is_late: steps > 0,
            },
            error => error,
        }
    }

    /// The loss of the connection that this error is, if it is one.
    pub(super) fn into_loss(self) -> Result<HostError, Self> {
        match self {
            Self::Host(error) if error.is_loss() => Ok(error),
            Self::Build { id, what, source } => {
                let source = match *source {
                    BuildError::Run(inner) => match inner.into_loss() {
                        Ok(loss) => return Ok(loss),
                        Err(inner) => BuildError::Run(Box::new(inner)),
                    },
                    other => other,
                };
                let source = Box::new(source);
                Err(Self::Build { id, what, source })
            }
            other => Err(other),
        }
    }

    /// What the target said about the connection, where that is what went wrong.
    pub(super) fn host_error(&self) -> Option<&HostError> {
        match self {
            Self::Host(error) => Some(error),
            Self::Build { source, .. } => match &**source {
                BuildError::Run(inner) => inner.host_error(),
                _ => None,
            },
            _ => None,
        }
    }
}
