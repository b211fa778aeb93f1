//! What can go wrong while the sandbox is made, started, asked or taken down.
//!
//! A command's own words are kept: with apt or a mount they are the only explanation there is.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use thiserror::Error;

use crate::apt::AptError;

/// Why the sandbox could not do what was asked.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// This machine lacks something.
    #[error("this machine cannot run the sandbox: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Missing(Vec<Missing>),
    /// Neither `HOME` nor an override says where files go.
    #[error("cannot tell where to keep the sandbox: set `HOME` or `{0}`")]
    NoFolder(&'static str),
    /// A file or folder.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A system call that is about no file.
    #[error("cannot {doing}")]
    System {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A command did not start.
    #[error("cannot start `{command}`")]
    NotStarted {
        /// The program.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A command failed.
    #[error("`{command}` failed ({status}): {said}")]
    Failed {
        /// The program and its first words.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it said.
        said: String,
    },
    /// An answer that makes no sense.
    #[error("cannot understand {what}: {said}")]
    Malformed {
        /// Whose answer.
        what: &'static str,
        /// What it said.
        said: String,
    },
    /// Debian's packages.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// A zone's name.
    #[error(
        "`{0}` cannot be a zone's alias: use lower-case letters, digits, `-`, `_` and `.`, at most 63"
    )]
    BadAlias(String),
    /// A package that the index lacks.
    #[error("no package `{0}` in the sandbox's index")]
    NoSuchPackage(String),
    /// The zone came up but nobody answers.
    #[error("zone `{alias}` did not answer on its ssh port within {seconds} s: {console}")]
    NotReady {
        /// The zone.
        alias: String,
        /// How long it was waited for.
        seconds: u64,
        /// The end of what its init said.
        console: String,
    },
    /// A zone that must run.
    #[error("zone `{0}` does not run")]
    NotRunning(String),
    /// A zone whose disk is the machine's.
    #[error(
        "`{0}` needs a zone that was made for faults: end the zone, and make it again with `--fault`"
    )]
    NoDisk(String),
    /// No pool can be had on this machine.
    #[error("the sandbox has no ZFS: {0}")]
    NoPool(String),
    /// No address is left.
    #[error("all addresses from 127.0.1.2 to 127.0.1.254 are taken by other sandbox zones")]
    NoAddress,
    /// The supervisor said no.
    #[error("the sandbox's supervisor refused: {0}")]
    Refused(String),
    /// The supervisor does not answer.
    #[error("cannot reach the sandbox's supervisor; its log is `{}`", log.display())]
    Unreachable {
        /// Where it writes what it does.
        log: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Something the machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub what: String,
    /// How to get it.
    pub remedy: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.what, self.remedy)
    }
}

/// Turns an I/O error into one that names its file: `.map_err(file("read", &path))`.
pub(crate) fn file(
    doing: &'static str,
    path: impl AsRef<Path>,
) -> impl FnOnce(io::Error) -> SandboxError {
    move |source| SandboxError::File {
        doing,
        path: path.as_ref().to_path_buf(),
        source,
    }
}

/// The same for an error number of a system call.
pub(crate) fn errno(
    doing: &'static str,
    path: impl AsRef<Path>,
) -> impl FnOnce(nix::Error) -> SandboxError {
    move |source| SandboxError::File {
        doing,
        path: path.as_ref().to_path_buf(),
        source: source.into(),
    }
}

/// Turns the error number of a system call that is about no file into an error.
pub(crate) fn system(doing: &'static str) -> impl FnOnce(nix::Error) -> SandboxError {
    move |source| SandboxError::System {
        doing,
        source: source.into(),
    }
}

/// Runs a command to its end; anything but status 0 is an error with the end of its words.
pub(crate) fn run(command: &mut Command) -> Result<Output, SandboxError> {
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|source| SandboxError::NotStarted {
            command: program(command),
            source,
        })?;
    check(command, output)
}

/// Refuses the output of a command that did not end with status 0.
pub(crate) fn check(command: &Command, output: Output) -> Result<Output, SandboxError> {
    if output.status.success() {
        return Ok(output);
    }
    let words = command
        .get_args()
        .take(2)
        .map(|w| w.to_string_lossy().into_owned());
    let said = if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    Err(SandboxError::Failed {
        command: std::iter::once(program(command))
            .chain(words)
            .collect::<Vec<_>>()
            .join(" "),
        status: output.status.to_string(),
        said: tail(&String::from_utf8_lossy(said), 8),
    })
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all.get(all.len().saturating_sub(lines)..)
        .unwrap_or_default()
        .join("\n")
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
