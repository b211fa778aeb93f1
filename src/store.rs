//! The controller's own folders: built packages by build key, a log of every run, and what a zone gets back
//! with another root.
//!
//! Every file is written beside its place and renamed, so a run that is broken off leaves none half
//! written. Two runs at once may want the same package, which is several files: it is locked.

mod alive;
mod old_root;
mod packages;
mod runs;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub use old_root::OldRoot;
pub use packages::Kept;
pub use runs::{Caller, KEPT_RUNS, Run, RunLog, RunRecord, StepRecord};

/// A file of the controller's that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}")]
pub struct StoreError {
    operation: &'static str,
    path: String,
    #[source]
    source: io::Error,
}

fn at<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| StoreError {
        operation,
        path: path.display().to_string(),
        source,
    }
}

/// Where the controller keeps what can be made again (cache) and what cannot (state).
#[derive(Debug, Clone)]
pub struct Folders {
    /// `$XDG_CACHE_HOME/zonewright`
    pub cache: PathBuf,
    /// `$XDG_STATE_HOME/zonewright`
    pub state: PathBuf,
    /// Built packages by build key.
    pub packages: PathBuf,
}

impl Folders {
    /// The folders of the XDG base directory specification, from these variables' values.
    #[must_use]
    pub fn from_environment(get: &dyn Fn(&str) -> Option<PathBuf>) -> Self {
        let home = get("HOME").unwrap_or_else(|| PathBuf::from("/"));
        // the specification says that a relative path is to be ignored
        let folder = |name: &str, default: &str| {
            get(name)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(default))
        };
        let cache = folder("XDG_CACHE_HOME", ".cache").join("zonewright");
        Self {
            packages: cache.join("packages"),
            cache,
            state: folder("XDG_STATE_HOME", ".local/state").join("zonewright"),
        }
    }

    /// The same folders with a store of packages of its own. Programs built for one system must never
    /// be taken for another's, even where everything else that decides a build is the same.
    #[must_use]
    pub fn with_packages_of(mut self, system: &str) -> Self {
        self.packages = self.cache.join(format!("packages-{system}"));
        self
    }

    /// What this controller is known by to others: made once, and at random.
    ///
    /// # Errors
    /// [`StoreError`] when it can be neither read nor written.
    pub fn controller_id(&self) -> Result<String, StoreError> {
        let path = self.state.join("controller-id");
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at("read", &path)(error));
            }
            _ => {}
        }
        fs::create_dir_all(&self.state).map_err(at("make", &self.state))?;
        let id = fresh_name();
        write_whole(&path, format!("{id}\n").as_bytes())?;
        Ok(id)
    }
}

/// Writes a file beside its place and renames it.
///
/// # Errors
/// [`StoreError`] with the path.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(at("write in", folder))?;
    file.write_all(bytes).map_err(at("write", path))?;
    // a rename that outlives a power cut while the bytes do not would leave an empty file
    file.as_file().sync_all().map_err(at("write", path))?;
    file.persist(path)
        .map_err(|error| at("write", path)(error.error))?;
    Ok(())
}

/// A name that nothing else has: 16 hexadecimal digits.
#[must_use]
pub fn fresh_name() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    // each state is seeded from the system's random source
    let number = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    format!("{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_base_folders_are_ignored() {
        let get = |name: &str| match name {
            "HOME" => Some(PathBuf::from("/h")),
            "XDG_CACHE_HOME" => Some(PathBuf::from("x")),
            _ => None,
        };
        let folders = Folders::from_environment(&get);
        assert_eq!(folders.cache, Path::new("/h/.cache/zonewright"));
        assert_eq!(folders.state, Path::new("/h/.local/state/zonewright"));
    }
}
