//! Where the sandbox keeps its files: a cache that several sandboxes share, and one's own state.
//!
//! The cache can be deleted whenever no sandbox runs; the state holds the zones themselves.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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

/// Opens a folder and holds it shared: `remove_unused` leaves it alone.
pub(crate) fn hold(folder: &Path) -> Result<Flock<File>, SandboxError> {
    let held = lock(open(folder)?, folder, FlockArg::LockShared)?;
    // The folder's time says when it was used last.
    let _ = held.set_modified(SystemTime::now());
    Ok(held)
}

/// Removes the folders right below one whose name begins so, that nobody holds and nobody has held
/// for the time given.
pub(crate) fn remove_unused(
    folder: &Path,
    prefix: &str,
    unused_for: Duration,
) -> Result<(), SandboxError> {
    for entry in fs::read_dir(folder)
        .map_err(file("list", folder))?
        .flatten()
    {
        let path = entry.path();
        let is_meant = entry.file_name().to_string_lossy().starts_with(prefix) && path.is_dir();
        let is_old = entry
            .metadata()
            .and_then(|m| m.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > unused_for));
        if is_meant
            && is_old
            && let Ok(_held) = Flock::lock(open(&path)?, FlockArg::LockExclusiveNonblock)
        {
            fs::remove_dir_all(&path).map_err(file("remove", &path))?;
        }
    }
    Ok(())
}

/// Waits for the one right to change what a folder holds; given up when dropped.
pub(crate) fn exclusive(folder: &Path, name: &str) -> Result<Flock<File>, SandboxError> {
    fs::create_dir_all(folder).map_err(file("make", folder))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_folders_that_nobody_holds_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - Duration::from_secs(100);
        for name in ["x-held", "x-old", "x-new", "y-old"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let _held = hold(&folder.path().join("x-held")).unwrap();
        for name in ["x-held", "x-old", "y-old"] {
            File::open(folder.path().join(name))
                .unwrap()
                .set_modified(old)
                .unwrap();
        }
        remove_unused(folder.path(), "x-", Duration::from_secs(50)).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["x-held", "x-new", "y-old"]);
    }

    #[test]
    fn a_short_name_leads_to_the_file_however_deep_its_folder_lies() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(200));
        fs::create_dir(&deep).unwrap();
        fs::write(deep.join("f"), "x").unwrap();
        let handle = File::open(&deep).unwrap();
        let path = short(&handle, "f");
        assert!(path.as_os_str().len() < 50);
        assert_eq!(fs::read(path).unwrap(), b"x");
    }
}
