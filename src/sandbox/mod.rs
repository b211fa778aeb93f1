//! The SmartOS-shaped host on one Linux machine: zones with their own root, processes and network,
//! in which SmartOS's commands are emulated and sshd is real.
//!
//! A background process per state folder, the supervisor, holds everything; the functions here
//! talk to it and start it when it is not there. Nothing outside the cache and state folders is
//! changed: every mount lives in the supervisor's own namespace.

mod carry;
pub mod control;
pub mod emulate;
mod error;
pub mod fault;
mod forward;
mod furnish;
mod host;
pub mod image;
mod imgadm;
mod inside;
mod keys;
pub mod layer;
mod loopback;
mod mounts;
pub mod packages;
pub mod paths;
pub mod platform;
mod requirements;
pub mod smf;
mod supervisor;
pub mod userland;
mod vm;
pub mod zfs;
mod zone;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use control::{Reply, Request, ask};
use error::file;
use fault::{Fault, Watched};
use supervisor::{LOCK, LOG, SOCKET, on_disk};

pub use error::{Missing, SandboxError};
pub use requirements::requirements;
pub use zone::GLOBAL;

/// Names the program file that becomes supervisor, launcher and emulated commands; without it, it
/// is the running one. For tests, whose own program is another.
pub const BINARY_VARIABLE: &str = "ZONEWRIGHT_SANDBOX_BINARY";

/// How long the supervisor may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);

/// How to get into a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The zone's address on this machine.
    pub address: IpAddr,
    /// 22, unless the machine itself holds that port on every address.
    pub ssh_port: u16,
    /// 548, unless the machine itself holds that port on every address.
    pub afp_port: u16,
    /// Who logs in.
    pub user: String,
    /// The private key.
    pub identity: PathBuf,
    /// The file with the zone's host keys.
    pub known_hosts: PathBuf,
    /// The zone's uuid, which `zonename` prints in it.
    pub uuid: String,
}

/// A zone as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneState {
    /// Its name here.
    pub alias: String,
    /// Its name in SmartOS's sense.
    pub uuid: String,
    /// The packages of the index whose files it shows.
    pub packages: Vec<String>,
    /// How to get in; none while it does not run.
    pub access: Option<Access>,
    /// The number of its first process, as this machine counts; none while it does not run.
    pub init: Option<i32>,
    /// Its faults.
    #[serde(default)]
    pub watched: Watched,
}

/// How far long work has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: &'static str,
    /// How much of it is done, in the unit of `total`.
    pub done: u64,
    /// How much there is.
    pub total: u64,
}

impl Progress {
    pub(crate) fn new(phase: &'static str, done: u64, total: u64) -> Self {
        Self {
            phase,
            done: done.min(total),
            total,
        }
    }
}

/// Starts a zone, making what is missing: image, platform, supervisor, zone. Returns at once when
/// it runs already. A zone that was there before a crash keeps its files.
///
/// # Errors
///
/// When the machine lacks something, or a part cannot be made or started.
pub fn up(alias: &str, progress: &mut dyn FnMut(Progress)) -> Result<Access, SandboxError> {
    start(alias, false, progress)
}

/// The same, for faults: a zone that is made now gets a disk that can be filled, in memory.
///
/// # Errors
///
/// As `up`.
pub fn up_for_faults(
    alias: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Access, SandboxError> {
    start(alias, true, progress)
}

/// Starts the global zone of the sandbox's host, making what is missing, and the machines that boot
/// with it. Returns at once when it runs already. `vmadm` and its like are commands there.
///
/// # Errors
///
/// As `up`.
pub fn host(progress: &mut dyn FnMut(Progress)) -> Result<Access, SandboxError> {
    reach(&Request::Host, progress)
}

fn start(
    alias: &str,
    with_disk: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Access, SandboxError> {
    if alias == GLOBAL {
        return host(progress);
    }
    zone::check_alias(alias)?;
    let request = Request::Up {
        alias: alias.to_owned(),
        with_disk,
    };
    reach(&request, progress)
}

/// Asks the supervisor for the way in, starting it when it is not there.
fn reach(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Access, SandboxError> {
    let state = paths::state_folder()?;
    for _ in 0..5 {
        match ask_supervisor(&state, request)? {
            Some(Reply::Access(access)) => return Ok(access),
            Some(Reply::Ending) => wait_for_end(&state)?,
            Some(other) => return Err(unexpected(other)),
            None => start_supervisor(&state, progress)?,
        }
    }
    Err(SandboxError::Refused(
        "it ends as soon as it is started".into(),
    ))
}

/// Arms further faults in a zone that runs, after disarming all where `disarms` says so, and counts
/// scripts and their commands from now on where `counts_scripts` does.
///
/// # Errors
///
/// When the zone does not run or was not made for such a fault.
pub fn arm(
    alias: &str,
    disarms: bool,
    faults: &[Fault],
    counts_scripts: bool,
) -> Result<(), SandboxError> {
    let request = Request::Arm {
        alias: alias.to_owned(),
        disarms,
        faults: faults.iter().map(ToString::to_string).collect(),
        counts_scripts,
    };
    match ask_supervisor(&paths::state_folder()?, &request)? {
        Some(Reply::Done) => Ok(()),
        Some(other) => Err(unexpected(other)),
        None => Err(SandboxError::NotRunning(alias.to_owned())),
    }
}

/// Destroys a zone, or all of them, and says which. The supervisor ends with the last.
///
/// # Errors
///
/// When a zone's files cannot be removed.
pub fn down(alias: Option<&str>) -> Result<Vec<String>, SandboxError> {
    let state = paths::state_folder()?;
    let request = Request::Down {
        alias: alias.map(str::to_owned),
    };
    for _ in 0..5 {
        match ask_supervisor(&state, &request)? {
            Some(Reply::Gone { names, is_last }) => {
                if is_last {
                    wait_for_end(&state)?;
                }
                return Ok(names);
            }
            Some(Reply::Ending) => wait_for_end(&state)?,
            Some(other) => return Err(unexpected(other)),
            None => return remove_leftovers(&state, alias),
        }
    }
    Err(SandboxError::Refused("it ends and does not end".into()))
}

/// All zones, running or not, by name.
///
/// # Errors
///
/// When the state folder cannot be read or the supervisor's answer not be understood.
pub fn list() -> Result<Vec<ZoneState>, SandboxError> {
    let state = paths::state_folder()?;
    match ask_supervisor(&state, &Request::List)? {
        Some(Reply::Zones(zones)) => Ok(zones),
        Some(Reply::Ending) | None => on_disk(&state),
        Some(other) => Err(unexpected(other)),
    }
}

/// How to get into a zone; none when it does not run.
///
/// # Errors
///
/// As `list`.
pub fn access(alias: &str) -> Result<Option<Access>, SandboxError> {
    Ok(list()?
        .into_iter()
        .find(|zone| zone.alias == alias)
        .and_then(|zone| zone.access))
}

/// Asks the supervisor; none when there is none.
fn ask_supervisor(state: &Path, request: &Request) -> Result<Option<Reply>, SandboxError> {
    let folder = match File::open(state) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        folder => folder.map_err(file("open", state))?,
    };
    match ask(&paths::short(&folder, SOCKET), request) {
        Ok(reply) => Ok(Some(reply)),
        Err(e) if is_nobody(&e) => Ok(None),
        // It ended while it was asked.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(Some(Reply::Ending)),
        Err(source) => Err(SandboxError::Unreachable {
            log: state.join(LOG),
            source,
        }),
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn unexpected(reply: Reply) -> SandboxError {
    match reply {
        Reply::Refused(why) => SandboxError::Refused(why),
        other => SandboxError::Malformed {
            what: "the supervisor",
            said: format!("{other:?}"),
        },
    }
}

fn wait_for_end(state: &Path) -> Result<(), SandboxError> {
    paths::exclusive(state, LOCK).map(drop)
}

/// Makes image and platform where they are missing, then starts the supervisor.
fn start_supervisor(state: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), SandboxError> {
    let missing = requirements();
    if !missing.is_empty() {
        return Err(SandboxError::Missing(missing));
    }
    let cache = paths::cache_folder()?;
    let image = image::import(&cache, progress)?;
    let binary = match std::env::var_os(BINARY_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe().map_err(file("find", "/proc/self/exe"))?,
    };
    // Without it the sandbox has no pool, and says so where somebody asks for it.
    let _ = zfs::Zfs::prepare(&image, progress);
    progress(Progress::new("make the platform", 0, 1));
    platform::ensure(&image, &binary)?;
    progress(Progress::new("start the zone", 0, 1));
    let _alone = paths::exclusive(state, "start.lock")?;
    if ask_supervisor(state, &Request::List)?.is_some() {
        return Ok(());
    }
    let log_path = state.join(LOG);
    let log = File::create(&log_path).map_err(file("write", &log_path))?;
    let errors = log.try_clone().map_err(file("write", &log_path))?;
    let mut command = Command::new(&binary);
    command
        .arg(emulate::SUPERVISOR)
        .arg(state)
        .arg(&cache)
        .arg(&binary);
    // it lives on and starts whole zones: what else the environment holds, a password for one, is
    // none of their business
    command
        .env_clear()
        .envs(std::env::vars_os().filter(is_kept));
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let status = command
        .status()
        .map_err(|source| SandboxError::NotStarted {
            command: "supervisor".into(),
            source,
        })?;
    if !status.success() {
        return Err(SandboxError::Failed {
            command: "supervisor".into(),
            status: status.to_string(),
            said: log_tail(state),
        });
    }
    wait_until_listening(state)
}

/// Whether the supervisor, and apt below it, has a use for a variable.
fn is_kept((name, _): &(OsString, OsString)) -> bool {
    const KEPT: &[&str] = &[
        "HOME",
        "PATH",
        "TMPDIR",
        "TZ",
        "APT_CONFIG",
        "RUST_BACKTRACE",
    ];
    let name = name.to_string_lossy();
    KEPT.contains(&&*name)
        || name == crate::apt::MIRROR_VARIABLE
        || name.to_lowercase().ends_with("_proxy")
        || ["XDG_", "LC_", "LANG", "ZONEWRIGHT_SANDBOX_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

fn wait_until_listening(state: &Path) -> Result<(), SandboxError> {
    let begun = Instant::now();
    let folder = File::open(state).map_err(file("open", state))?;
    loop {
        match std::os::unix::net::UnixStream::connect(paths::short(&folder, SOCKET)) {
            Ok(_) => return Ok(()),
            Err(source) if begun.elapsed() > LISTENS_WITHIN => {
                return Err(SandboxError::Unreachable {
                    log: state.join(LOG),
                    source,
                });
            }
            Err(_) if !log_tail(state).is_empty() => {
                return Err(SandboxError::Refused(log_tail(state)));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn log_tail(state: &Path) -> String {
    error::tail(&fs::read_to_string(state.join(LOG)).unwrap_or_default(), 8)
}

/// Without a supervisor no zone runs: what is left are files.
fn remove_leftovers(state: &Path, alias: Option<&str>) -> Result<Vec<String>, SandboxError> {
    let mut left = on_disk(state)?;
    // A host takes its machines along.
    let is_meant = |name: &str, zone: &ZoneState| [GLOBAL, &zone.alias, &zone.uuid].contains(&name);
    left.retain(|zone| alias.is_none_or(|name| is_meant(name, zone)));
    for zone in &left {
        supervisor::remove(state, &zone.uuid)?;
    }
    if on_disk(state)?.is_empty() {
        zfs::remove_pool(state)?;
    }
    Ok(left.into_iter().map(|zone| zone.alias).collect())
}
