//! Where the sandbox keeps its files: a cache that several sandboxes share, and one's own state.
//!
//! The cache can be deleted whenever no sandbox runs; the state holds the zones themselves.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::sandbox::error::{SandboxError, file};

/// The variable that moves the state elsewhere, so that a test has a sandbox of its own.
pub const STATE_VARIABLE: &str = "ZONEWRIGHT_SANDBOX_DIR";

/// The folder of downloaded and unpacked files: `$XDG_CACHE_HOME/zonewright/sandbox`.
///
/// # Errors
///
/// When the environment names no home.
pub fn cache_folder() -> Result<PathBuf, SandboxError> {
    under("XDG_CACHE_HOME", ".cache").ok_or(SandboxError::NoFolder("XDG_CACHE_HOME"))
}

/// The folder of zones, keys and the supervisor's socket: `$ZONEWRIGHT_SANDBOX_DIR`, or else
/// `$XDG_STATE_HOME/zonewright/sandbox`.
///
/// # Errors
///
/// When the environment names no home.
pub fn state_folder() -> Result<PathBuf, SandboxError> {
    match std::env::var_os(STATE_VARIABLE) {
        Some(folder) if !folder.is_empty() => {
            let folder = PathBuf::from(folder);
            std::path::absolute(&folder).map_err(file("find", &folder))
        }
        _ => under("XDG_STATE_HOME", ".local/state").ok_or(SandboxError::NoFolder(STATE_VARIABLE)),
    }
}

/// An absolute path whose whole length does not matter to calls that limit it (a socket's
/// address, mount options): a name below an open folder.
pub(crate) fn short(folder: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

/// Opens a folder and holds it shared: `remove_unless_held` leaves it alone.
pub(crate) fn hold(folder: &Path) -> Result<Flock<File>, SandboxError> {
    lock(open(folder)?, folder, FlockArg::LockShared)
}

/// Removes a folder that nobody holds; whether it did.
pub(crate) fn remove_unless_held(folder: &Path) -> Result<bool, SandboxError> {
    match Flock::lock(open(folder)?, FlockArg::LockExclusiveNonblock) {
        Ok(_held) => {
            std::fs::remove_dir_all(folder).map_err(file("remove", folder))?;
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

/// Waits for the one right to change what a folder holds; given up when dropped.
pub(crate) fn exclusive(folder: &Path, name: &str) -> Result<Flock<File>, SandboxError> {
    std::fs::create_dir_all(folder).map_err(file("make", folder))?;
    let path = folder.join(name);
    let lock_file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(file("open", &path))?;
    lock(lock_file, &path, FlockArg::LockExclusive)
}

fn lock(handle: File, path: &Path, how: FlockArg) -> Result<Flock<File>, SandboxError> {
    Flock::lock(handle, how).map_err(|(_, source)| SandboxError::File {
        doing: "lock",
        path: path.to_path_buf(),
        source: source.into(),
    })
}

fn open(folder: &Path) -> Result<File, SandboxError> {
    File::open(folder).map_err(file("open", folder))
}

fn under(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let base = set(variable)
        .filter(|p| p.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(below_home)))?;
    Some(base.join("zonewright/sandbox"))
}
