//! The one door through which anything on a target is read or changed.
//!
//! Success is more than a status of 0: the output ended with the frame's end marker, no signal
//! ended the command, and the marker carries status 0. A connection that died and a command that
//! was killed both look like status 0 to who only asks for the status.

mod frame;
pub mod local;
pub mod ssh;
pub mod transcript;
pub mod zlogin;

use std::fmt;
use std::io::Read;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::script::Script;

/// Which of a command's two outputs a piece of text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, without the frame's markers.
    Out,
    /// Standard error.
    Err,
}

/// How a script ended on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// The script ran to its end with this status.
    Code(i32),
    /// The shell that ran the script was ended by a signal, named as in `TERM`.
    Signal(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(status) => write!(f, "status {status}"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

impl Exit {
    /// An end by a signal. SSH calls them so; these numbers are the same on Linux, illumos and macOS.
    fn by_signal(number: i32) -> Self {
        let name = match number {
            1 => "HUP",
            2 => "INT",
            3 => "QUIT",
            4 => "ILL",
            6 => "ABRT",
            8 => "FPE",
            9 => "KILL",
            11 => "SEGV",
            13 => "PIPE",
            14 => "ALRM",
            15 => "TERM",
            other => return Self::Signal(other.to_string()),
        };
        Self::Signal(name.to_owned())
    }
}

/// A target on which scripts run: a zone over SSH, this machine, a recording.
pub trait Host {
    /// Runs `script` to its end, feeding it `input` and handing each piece of output to `output`
    /// as it arrives.
    ///
    /// # Errors
    /// [`HostError`] when the target could not be asked or it is not known how the script ended. A
    /// script that ended with a status other than 0 is no error here.
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError>;
}

impl<H: Host + ?Sized> Host for &mut H {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        (**self).run(script, input, output)
    }
}

impl<H: Host + ?Sized> Host for Box<H> {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        (**self).run(script, input, output)
    }
}

/// Runs a script without input and gathers its standard output and its standard error.
///
/// # Errors
/// As [`Host::run`].
pub fn run_to_string(
    host: &mut dyn Host,
    script: &Script,
) -> Result<(Exit, Vec<u8>, Vec<u8>), HostError> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = host.run(
        script,
        &mut std::io::empty(),
        &mut |stream, data| match stream {
            Stream::Out => out.extend_from_slice(data),
            Stream::Err => err.extend_from_slice(data),
        },
    )?;
    Ok((exit, out, err))
}

/// Why a target could not be asked, or why it is not known what became of a script.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No connection, or none any more: the script was not started.
    #[error("cannot reach `{host}`")]
    Unreachable {
        /// `user@host:port`
        host: String,
        #[source]
        source: std::io::Error,
    },
    /// The connection went away under a script, or the target fell silent: it is not known what
    /// became of the script.
    #[error("lost the connection to `{host}` while it ran: {script}")]
    Lost {
        /// `user@host:port`
        host: String,
        /// [`Script::name`] of what was running.
        script: String,
        #[source]
        source: std::io::Error,
    },
    /// The target answers, but the script neither printed nor took input for too long. It may still
    /// be there.
    #[error("`{script}` on `{host}` said nothing for {} s", limit.as_secs())]
    Overdue {
        /// `user@host:port`
        host: String,
        /// [`Script::name`] of what was running.
        script: String,
        /// How long it was allowed to be quiet.
        limit: Duration,
    },
    /// The target's host key is not known yet.
    #[error("the host key of `{host}` is not known: {algorithm} {fingerprint}")]
    UnknownHostKey {
        /// As `known_hosts` names it.
        host: String,
        /// For example `ssh-ed25519`.
        algorithm: String,
        /// `SHA256:…` as `ssh-keygen -l` prints it.
        fingerprint: String,
    },
    /// The target's host key differs from the known one.
    #[error(
        "the host key of `{host}` has CHANGED: it now offers {algorithm} {fingerprint}, {known_in} holds another"
    )]
    ChangedHostKey {
        /// As `known_hosts` names it.
        host: String,
        /// For example `ssh-ed25519`.
        algorithm: String,
        /// `SHA256:…` as `ssh-keygen -l` prints it.
        fingerprint: String,
        /// The file (and line, where known) that holds the other key.
        known_in: String,
    },
    /// The target's host key is one that `known_hosts` says must not be trusted any more.
    #[error("the host key of `{host}` is revoked: {algorithm} {fingerprint}, see {known_in}")]
    RevokedHostKey {
        /// As `known_hosts` names it.
        host: String,
        /// For example `ssh-ed25519`.
        algorithm: String,
        /// `SHA256:…` as `ssh-keygen -l` prints it.
        fingerprint: String,
        /// The file and line that revoke it.
        known_in: String,
    },
    /// Every way to log in was refused.
    #[error("`{host}` refuses the login of `{user}` (tried: {tried})")]
    Login {
        /// `host:port`
        host: String,
        /// The user that was tried.
        user: String,
        /// What was tried, in order.
        tried: String,
    },
    /// The transport itself failed before or outside of a script.
    #[error("ssh to `{host}`: {operation}")]
    Ssh {
        /// `user@host:port`
        host: String,
        /// What was being done.
        operation: String,
        #[source]
        source: ssh2::Error,
    },
    /// The zone that was to be reached through its host does not run, or is not there.
    #[error("the zone {zone} cannot be entered from its host: {reason}")]
    NoZone {
        /// Its uuid.
        zone: String,
        /// What `zlogin` said.
        reason: String,
    },
    /// The script's frame did not end as it should: a syntax error, or something that ended the
    /// shell from within.
    #[error("`{script}` did not run to its end on `{host}` (status {status}): {stderr}")]
    NoEnd {
        /// `user@host:port`
        host: String,
        /// [`Script::name`].
        script: String,
        /// The exit status of the shell.
        status: i32,
        /// The last lines of standard error.
        stderr: String,
    },
    /// A script that reads its input travels in the request, which has a limit.
    #[error(
        "`{script}` reads its input, so it must fit into one request: it has {size} bytes, {limit} is the limit"
    )]
    ScriptTooLarge {
        /// [`Script::name`].
        script: String,
        /// The size of the request in bytes.
        size: usize,
        /// The most that is sent.
        limit: usize,
    },
    /// `become` did not work.
    #[error("cannot become root on `{host}` with `{how}`: {stderr}")]
    Become {
        /// `user@host:port`
        host: String,
        /// `sudo` or `pfexec`.
        how: String,
        /// What it said.
        stderr: String,
    },
    /// A configuration file, key file or the local process could not be used.
    #[error("{operation}")]
    Local {
        /// What was being done, with the path.
        operation: String,
        #[source]
        source: std::io::Error,
    },
}

impl HostError {
    /// Whether the connection went away, so that another one may come further.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        // libssh2: banner, key exchange (which a closed socket ends too), send, timeout, disconnect,
        // socket timeout, receive
        const GONE: [i32; 8] = [-2, -5, -7, -8, -9, -13, -30, -43];
        match self {
            Self::Lost { .. } | Self::Unreachable { .. } => true,
            Self::Ssh { source, .. } => {
                matches!(source.code(), ssh2::ErrorCode::Session(code) if GONE.contains(&code))
            }
            _ => false,
        }
    }
}
