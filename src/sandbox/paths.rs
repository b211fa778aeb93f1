//! Where the sandbox keeps its files: a cache that several sandboxes share, and one's own state.
//!
//! The cache can be deleted whenever no sandbox runs; the state holds the zones themselves.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use crate::hex::hex;
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

/// A short name for one definition of what a folder holds: another definition has another name.
pub(crate) fn definition(format: u32, packages: &[&str]) -> String {
    let mut digest = Sha256::new();
    digest.update(format.to_string());
    packages
        .iter()
        .for_each(|package| digest.update(format!(" {package}")));
    hex(digest.finalize().get(..3).unwrap_or_default())
}

/// Makes a folder as a whole, under another name at first: work that broke off leaves nothing
/// behind that anyone would take for it.
pub(crate) fn make_whole(
    target: &Path,
    make: impl FnOnce(&Path) -> Result<(), SandboxError>,
) -> Result<(), SandboxError> {
    let partial = partial_of(target);
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(file("remove", &partial))?;
    }
    make(&partial)?;
    fs::rename(&partial, target).map_err(file("rename", &partial))
}

/// Puts a file in the place of the old one: whoever reads sees one or the other.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let partial = partial_of(path);
    fs::write(&partial, bytes).map_err(file("write", &partial))?;
    fs::rename(&partial, path).map_err(file("rename", &partial))
}

fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
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
    fn a_folder_is_made_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x-1.2");
        let broken = make_whole(&target, |partial| {
            fs::create_dir(partial).unwrap();
            fs::write(partial.join("old"), "").unwrap();
            Err(SandboxError::NoAddress)
        });
        assert!(broken.is_err() && !target.exists());
        make_whole(&target, |partial| {
            fs::create_dir(partial).map_err(file("make", partial))
        })
        .unwrap();
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_definition_has_another_name() {
        let names = [
            definition(1, &["a"]),
            definition(2, &["a"]),
            definition(1, &["a", "b"]),
        ];
        assert_eq!(
            names
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len(),
            3
        );
        assert!(names.iter().all(|name| name.len() == 6), "{names:?}");
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
