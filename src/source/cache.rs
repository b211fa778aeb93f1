//! The cache of fetched archives: each file under the sha256 of its content.
//!
//! Beside them `by-name/` holds links under the names that people know. Whoever fetches holds a
//! lock for that file, writes beside the cache and renames: two processes that want the same archive
//! fetch it once, and a killed one leaves a part that the next one goes on with.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Why the cache could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} `{path}`")]
pub struct CacheError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Turns an I/O error into one that says what was done to which file.
pub(super) fn while_doing(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> CacheError {
    move |source| CacheError {
        operation,
        path: path.to_owned(),
        source,
    }
}

/// A content-addressed folder of archives.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache in the folder `root`, which is made where it is missing.
    ///
    /// # Errors
    /// [`CacheError`] when its folders cannot be made.
    pub fn open(root: &Path) -> Result<Self, CacheError> {
        for folder in ["sha256", "by-name", "partial", "locks", "rejected"] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(while_doing("make the folder", &folder))?;
        }
        Ok(Self::at(root))
    }

    /// The cache in the folder `root`, to look into: nothing is made where it is missing.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The file with this sha256, if it is there and still has it. One that has rotted is removed.
    ///
    /// # Errors
    /// [`CacheError`] when the file is there and cannot be read.
    pub fn get(&self, sha256: &str) -> Result<Option<PathBuf>, CacheError> {
        let path = self.place(sha256);
        if !path.exists() {
            return Ok(None);
        }
        if digest(&path)? == sha256 {
            return Ok(Some(path));
        }
        fs::remove_file(&path).map_err(while_doing("remove", &path))?;
        Ok(None)
    }

    /// Takes a finished file in, under the sha256 that it is known to have.
    pub(super) fn put(
        &self,
        finished: &Path,
        sha256: &str,
        name: &str,
    ) -> Result<PathBuf, CacheError> {
        let path = self.place(sha256);
        fs::rename(finished, &path).map_err(while_doing("move into the cache", finished))?;
        self.name(sha256, name);
        Ok(path)
    }

    /// Puts a file aside that is not what it should be, for people to look at.
    pub(super) fn reject(
        &self,
        file: &Path,
        sha256: &str,
        name: &str,
    ) -> Result<PathBuf, CacheError> {
        let start = sha256.get(..12).unwrap_or(sha256);
        let path = self.root.join("rejected").join(format!("{start}-{name}"));
        fs::rename(file, &path).map_err(while_doing("put aside", file))?;
        Ok(path)
    }

    /// Where the part of an unfinished download lies; `key` is a sha256.
    pub(super) fn partial(&self, key: &str) -> PathBuf {
        self.root.join("partial").join(key)
    }

    /// A folder for the lists of a Debian release.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, CacheError> {
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).map_err(while_doing("make the folder", &folder))?;
        Ok(folder)
    }

    /// Holds the lock `key` until the value is dropped; `waiting` is called if another process has
    /// it.
    pub(super) fn lock(&self, key: &str, waiting: &mut dyn FnMut()) -> Result<Lock, CacheError> {
        let path = self.root.join("locks").join(key);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(while_doing("open the lock", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => waiting(),
            Err(error) => return Err(while_doing("lock", &path)(error.into())),
        }
        flock(&file, FlockOperation::LockExclusive)
            .map_err(|error| while_doing("lock", &path)(error.into()))?;
        Ok(Lock { _file: file })
    }

    fn place(&self, sha256: &str) -> PathBuf {
        self.root.join("sha256").join(sha256)
    }

    /// Makes the link under the name that people know. It is a convenience: a file system that has
    /// no links does without.
    fn name(&self, sha256: &str, name: &str) {
        let link = self.root.join("by-name").join(name);
        let _ = fs::remove_file(&link);
        let _ = std::os::unix::fs::symlink(Path::new("../sha256").join(sha256), &link);
    }
}

/// A lock, held while this value lives; the system lets it go when the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The sha256 of a file, in hex.
pub(super) fn digest(path: &Path) -> Result<String, CacheError> {
    let mut file = File::open(path).map_err(while_doing("read", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(while_doing("read", path)(error)),
        };
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// The sha256 of some text, in hex, as a name for things.
pub(super) fn digest_of(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_rotted_in_the_cache_is_not_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "hello").unwrap();
        let sum = digest(&file).unwrap();
        assert_eq!(
            sum,
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
        assert_eq!(cache.get(&sum).unwrap(), None);
        let path = cache.put(&file, &sum, "x.tar").unwrap();
        assert_eq!(cache.get(&sum).unwrap(), Some(path.clone()));
        assert_eq!(
            fs::read(folder.path().join("by-name/x.tar")).unwrap(),
            b"hello"
        );
        fs::write(&path, "hullo").unwrap();
        assert_eq!(cache.get(&sum).unwrap(), None);
        assert!(!path.exists());
    }
}
