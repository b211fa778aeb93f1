//! A file of colon-separated lines (`passwd`, `shadow`, `group`, `user_attr`), replaced as a whole.
//!
//! Lines that nobody touched stay byte for byte, comments too.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::sandbox::userland::{below, with_path};

/// The lines of an account file.
pub struct Table {
    path: PathBuf,
    lines: Vec<String>,
}

impl Table {
    /// Reads a file that must be there.
    pub fn open(root: &Path, path: &str) -> io::Result<Self> {
        let path = below(root, path);
        let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
        Ok(Self {
            path,
            lines: text.lines().map(str::to_owned).collect(),
        })
    }

    /// Reads a file that may be missing.
    pub fn open_or_empty(root: &Path, path: &str) -> io::Result<Self> {
        match Self::open(root, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                path: below(root, path),
                lines: Vec::new(),
            }),
            other => other,
        }
    }

    /// The fields of every line.
    pub fn rows(&self) -> impl Iterator<Item = Vec<&str>> {
        self.lines.iter().map(|line| line.split(':').collect())
    }

    /// The fields of the line that starts with `name`.
    pub fn find(&self, name: &str) -> Option<Vec<String>> {
        let line = self.lines.iter().find(|line| is_of(line, name))?;
        Some(line.split(':').map(str::to_owned).collect())
    }

    /// Replaces the line that starts with `name`, or adds one at the end.
    pub fn set(&mut self, name: &str, fields: &[String]) {
        let new = fields.join(":");
        match self.lines.iter_mut().find(|line| is_of(line, name)) {
            Some(line) => *line = new,
            None => self.lines.push(new),
        }
    }

    /// Removes the line that starts with `name`.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|line| !is_of(line, name));
    }

    /// Writes the file anew beside the old one, with its mode and owner, and renames it.
    pub fn save(&self) -> io::Result<()> {
        self.write().map_err(|error| with_path(&self.path, &error))
    }

    fn write(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        for line in &self.lines {
            writeln!(file, "{line}")?;
        }
        if let Ok(old) = fs::metadata(&self.path) {
            chown(file.path(), Some(old.uid()), Some(old.gid()))?;
            file.as_file().set_permissions(old.permissions())?;
        }
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

fn is_of(line: &str, name: &str) -> bool {
    line.split(':').next() == Some(name)
}

/// Runs a change while nobody else changes accounts; the lock is the platform's own file.
pub fn locked<T, E: From<io::Error>>(
    root: &Path,
    change: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let path = below(root, "/etc/.pwd.lock");
    let open = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path);
    let file = open.map_err(|error| with_path(&path, &error))?;
    let _lock = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, error)| with_path(&path, &error.into()))?;
    change()
}
