//! Process contracts: every process that a service or `ctrun` started, whoever its parent is now.
//!
//! Linux has no contracts. Each one here is a holder process that adopts the orphans below it, so
//! the members are exactly the holder's descendants. A holder met on the way down is another
//! contract, even when it was started from inside the first: that is how `ctrun -l none` escapes.

pub mod connection;
pub mod ctrun;
pub mod ctstat;
pub mod holder;
mod members;

use super::paths::Paths;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub use members::{Contracts, Live};

/// The first argument that makes `ctrun` a holder; no user types a control character.
pub const HOLD: &str = "\u{1}hold";

/// What a holder shall start, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Program and arguments.
    pub words: Vec<String>,
    /// Working folder; the owner's where absent.
    pub directory: Option<PathBuf>,
    /// The whole environment; the owner's where absent.
    pub environment: Option<Vec<(String, String)>>,
    /// Who runs it.
    pub credential: Option<Credential>,
    /// Standard output and error are appended here, standard input is empty; else all three are
    /// the owner's.
    pub log: Option<PathBuf>,
    /// The process group to join; 0 is a new one.
    pub process_group: i32,
    /// Events that kill every member: `core`, `signal`, `hwerr`.
    pub fatal: Vec<String>,
    /// Whether every member is killed when the owner ends without a word.
    pub no_orphan: bool,
    /// Whether nobody owns the contract from the start.
    #[serde(default)]
    pub abandoned: bool,
    /// The service the contract belongs to.
    pub service: Option<String>,
    /// `pgrponly` and `regent`, for `ctstat`.
    pub parameters: Vec<String>,
}

/// User and groups of a contract's first process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

/// What a holder tells its owner, one JSON line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The first process runs.
    Started {
        /// Its id.
        pid: i32,
    },
    /// The first process could not be started.
    NotStarted {
        /// The system's error number.
        errno: i32,
    },
    /// The first process ended.
    Exited {
        /// Its wait status as the system encodes it.
        status: i32,
    },
    /// A later member dumped core.
    Core,
    /// A later member was killed by a signal.
    Signal,
    /// No member is left.
    Empty,
}

/// Why a contract could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// A file of the contract.
    #[error("cannot use `{path}`", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The holder was started and never called back.
    #[error("holder of contract {contract} does not answer")]
    Silent {
        /// The contract.
        contract: u64,
    },
}

/// The owner's end of a contract.
#[derive(Debug)]
pub struct Owner {
    /// The contract's id.
    pub contract: u64,
    reports: BufReader<UnixStream>,
    holder: Child,
}

impl Owner {
    /// The next report; none when the holder is gone.
    pub fn next_report(&mut self) -> Option<Report> {
        let mut line = String::new();
        match self.reports.read_line(&mut line) {
            Ok(read) if read > 0 => serde_json::from_str(&line).ok(),
            _ => None,
        }
    }

    /// Waits for the holder itself. Process 1 reaps everything, so that it may be gone already.
    pub fn reap(&mut self) {
        drop(self.holder.wait());
    }

    /// Tells the holder that its contract outlives this owner.
    pub fn abandon(&mut self) -> io::Result<()> {
        self.reports.get_mut().write_all(b"abandon\n")
    }
}

/// Makes a contract and starts its first process; [`Report::Started`] tells that it runs.
pub fn start(paths: &Paths, spec: &Spec) -> Result<Owner, ContractError> {
    let contract = allocate(paths)?;
    let folder = paths.contracts().join(contract.to_string());
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ContractError::File { path, source }
    };
    fs::create_dir(&folder).map_err(at(&folder))?;
    let door = folder.join("door");
    let listener = UnixListener::bind(&door).map_err(at(&door))?;
    let result = start_holder(paths, spec, contract, &folder, &listener);
    if result.is_err() {
        // The error itself matters more than the folder left behind.
        drop(fs::remove_dir_all(&folder));
    }
    result
}

fn start_holder(
    paths: &Paths,
    spec: &Spec,
    contract: u64,
    folder: &Path,
    listener: &UnixListener,
) -> Result<Owner, ContractError> {
    let program = paths.holder();
    let failed = |source| ContractError::File {
        path: program.program.clone(),
        source,
    };
    let mut command = Command::new(&program.program);
    command.args(&program.arguments);
    match &program.variable {
        Some(variable) => command.env(variable, folder),
        None => command.arg(folder),
    };
    if spec.log.is_some() {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    }
    let mut holder = command.spawn().map_err(failed)?;
    let called = poll(
        &mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)],
        PollTimeout::from(10_000_u16),
    );
    if called != Ok(1) {
        drop(holder.kill());
        drop(holder.wait());
        return Err(ContractError::Silent { contract });
    }
    let (mut stream, _) = listener.accept().map_err(failed)?;
    let mut text = serde_json::to_string(spec)
        .map_err(io::Error::from)
        .map_err(failed)?;
    text.push('\n');
    stream.write_all(text.as_bytes()).map_err(failed)?;
    Ok(Owner {
        contract,
        reports: BufReader::new(stream),
        holder,
    })
}

/// Empties the folder of contracts, as a boot does.
pub fn reset(paths: &Paths) -> Result<(), ContractError> {
    let folder = paths.contracts();
    let failed = |source| ContractError::File {
        path: folder.clone(),
        source,
    };
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    // Anybody may create a contract.
    fs::set_permissions(&folder, Permissions::from_mode(0o1777)).map_err(failed)?;
    let counter = counter(paths);
    fs::write(&counter, "0").map_err(failed)?;
    fs::set_permissions(&counter, Permissions::from_mode(0o666)).map_err(failed)
}

fn counter(paths: &Paths) -> PathBuf {
    paths.contracts().with_file_name(".last")
}

/// Contract ids are never used twice in one boot.
fn allocate(paths: &Paths) -> Result<u64, ContractError> {
    let path = counter(paths);
    let failed = |source| ContractError::File {
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    let mut file: Flock<File> = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| failed(io::Error::from(errno)))?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let next = text
        .trim()
        .parse::<u64>()
        .map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
    // Id 1 is what process 1 and its strays show.
    let next = next.max(1) + 1;
    file.rewind().map_err(failed)?;
    file.set_len(0).map_err(failed)?;
    file.write_all(next.to_string().as_bytes())
        .map_err(failed)?;
    Ok(next)
}

/// The folder that a holder was told to serve, when these arguments make one.
#[must_use]
pub fn held_folder(arguments: &[OsString]) -> Option<PathBuf> {
    match arguments {
        [first, folder] if first == HOLD => Some(PathBuf::from(folder)),
        _ => None,
    }
}
