//! The words between a zone's emulated commands and the supervisor, and between the command line
//! and the supervisor: one line of JSON there, one back, then the connection ends.
//!
//! Who asks is known by the socket that is asked: each zone has one of its own at its root, where
//! it can ask for packages and tell what is about to run; the one in the state folder takes the rest.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::sandbox::fault::{Deed, Ran};
use crate::sandbox::supervisor::Host;
use crate::sandbox::vm::{Order, Outcome};
use crate::sandbox::zfs::Asked;
use crate::sandbox::{Access, ZoneState};

/// The supervisor's socket in a zone.
pub const ZONE_SOCKET: &str = "/.zonewright-control";

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Start this zone if it does not run; make it with a disk that can be filled.
    Up { alias: String, with_disk: bool },
    /// Arm further faults in a zone that runs, after disarming all if it says so.
    Arm {
        alias: String,
        disarms: bool,
        faults: Vec<String>,
        counts_scripts: bool,
    },
    /// Destroy this zone, or all.
    Down { alias: Option<String> },
    /// Which zones are there?
    List,
    /// Start the global zone if it does not run.
    Host,
    /// From the global zone: every machine.
    Machines,
    /// From the global zone: what `vmadm` wants done.
    Order(Order),
    /// From the global zone: what there is beside machines.
    HostState,
    /// From the global zone: an image is installed from now on.
    Import { uuid: String },
    /// From the global zone: an image is not installed any more.
    Forget { uuid: String },
    /// From the global zone: a virtual switch is made.
    AddStub { name: String },
    /// From the global zone: where images come from.
    SetSources { sources: Vec<String> },
    /// From the global zone: run a command in a zone; its streams follow.
    Login(Login),
    /// From a zone: a key of its metadata has another value, or none.
    Metadata { key: String, value: Option<String> },
    /// From a zone: show exactly these packages.
    Show { packages: Vec<String> },
    /// From a zone: this command is about to run.
    Ran(Ran),
    /// From a zone: this script has come to where something may wait for it.
    Reached { script: usize, is_end: bool },
    /// Run `zfs` or `zpool`.
    Storage(Asked),
}

/// A command for another zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The zone's name.
    pub zone: String,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// The zone runs.
    Access(Access),
    /// These zones are gone, and the supervisor with them if they were the last.
    Gone { names: Vec<String>, is_last: bool },
    /// These zones are there.
    Zones(Vec<ZoneState>),
    /// Done, nothing to say.
    Done,
    /// What a process is to do, and the trap for it if it is a script's shell.
    Deed { deed: Deed, trap: Option<String> },
    /// Every machine, as `vmadm get` shows it.
    Machines(Vec<serde_json::Map<String, serde_json::Value>>),
    /// How an order ended.
    Outcome(Outcome),
    /// What the host has beside machines.
    HostState(Host),
    /// A command ended.
    Exited { status: i32 },
    /// What a command said.
    Said { out: String, err: String, code: i32 },
    /// The supervisor is about to end: ask the next one.
    Ending,
    /// It went wrong.
    Refused(String),
}

/// Why the supervisor did not do what a zone asked.
#[derive(Debug, Error)]
pub enum ControlError {
    /// It said no.
    #[error("the sandbox refused: {0}")]
    Refused(String),
    /// It could not be asked.
    #[error("cannot reach the sandbox's supervisor")]
    Unreachable(#[source] io::Error),
}

/// Makes exactly the files of these packages (names of the index) visible in the calling zone's
/// `/usr`: the whole set, not a difference. Their records are then at
/// `/usr/lib/zonewright/layers/NAME.json` and their commands below `/usr/lib/zonewright/bin`.
///
/// # Errors
///
/// When the supervisor cannot be reached or cannot make a layer.
pub fn show_packages(names: &[&str]) -> Result<(), ControlError> {
    let request = Request::Show {
        packages: names.iter().map(|n| (*n).to_owned()).collect(),
    };
    match ask(Path::new(ZONE_SOCKET), &request).map_err(ControlError::Unreachable)? {
        Reply::Done => Ok(()),
        Reply::Refused(why) => Err(ControlError::Refused(why)),
        other => Err(ControlError::Refused(format!(
            "unexpected answer {other:?}"
        ))),
    }
}

/// Asks and waits for the answer.
pub(crate) fn ask(socket: &Path, request: &Request) -> io::Result<Reply> {
    let mut stream = UnixStream::connect(socket)?;
    send(&mut stream, request)?;
    receive(&stream)
}

/// Sends one line.
pub(crate) fn send(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Receives one line; an end before it is an error.
pub(crate) fn receive<T: for<'a> Deserialize<'a>>(stream: &UnixStream) -> io::Result<T> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}
