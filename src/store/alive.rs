//! Whether the process that a run belongs to is still there.
//!
//! A lock of the kernel's on a file in the run's folder ends with the process, however that dies; a
//! process id would be given to another one some day.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

/// The file in a run's folder.
const NAME: &str = "alive";

/// Held as long as the run goes on.
#[derive(Debug)]
pub(super) struct Alive(#[expect(dead_code, reason = "held, not read")] Flock<File>);

/// Marks a run's folder as one of a living process.
pub(super) fn hold(folder: &Path) -> io::Result<Alive> {
    let file = File::create(folder.join(NAME))?;
    // who looks whether it is held may hold it for a moment
    match Flock::lock(file, FlockArg::LockExclusive) {
        Ok(lock) => Ok(Alive(lock)),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// Whether a living process has marked the folder.
pub(super) fn is_held(folder: &Path) -> bool {
    let file = OpenOptions::new().write(true).open(folder.join(NAME));
    file.is_ok_and(|file| Flock::lock(file, FlockArg::LockSharedNonblock).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_alive_as_long_as_it_is_held() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_held(folder.path()));
        let alive = hold(folder.path()).unwrap();
        assert!(is_held(folder.path()));
        drop(alive);
        assert!(!is_held(folder.path()));
    }
}
