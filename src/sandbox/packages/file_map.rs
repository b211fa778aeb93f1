//! `pkgdb.byfile.db`: which package owns which file.
//!
//! The real one is a Berkeley DB 1.85 btree. Ours has the same name and the same keys and values
//! (a path's owner, or `@pkgdir p1 p2` for a shared directory) in a plain text form of our own:
//! only `pkg_*` read it, and all of them are emulated. Like the real one it never overwrites a
//! key: with `pkg_add -f` over a collision the first owner stays recorded.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::process::{at, write_atomically};

const HEADER: &str = "zonewright sandbox file map 1";
const SHARED: &str = "@pkgdir";

/// Full paths and their owners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileMap {
    owners: BTreeMap<String, String>,
}

impl FileMap {
    /// Reads a file map, if there is one.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not ours.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(path)(error)),
        };
        let mut lines = text.lines();
        let not_ours = || io::Error::new(io::ErrorKind::InvalidData, "not a file map");
        if lines.next() != Some(HEADER) {
            return Err(at(path)(not_ours()));
        }
        let mut owners = BTreeMap::new();
        for line in lines {
            let (file, owner) = line
                .split_once('\0')
                .ok_or_else(not_ours)
                .map_err(at(path))?;
            owners.insert(file.into(), owner.into());
        }
        Ok(Some(Self { owners }))
    }

    /// Writes the map, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the directory cannot be written to.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = format!("{HEADER}\n");
        for (file, owner) in &self.owners {
            text.push_str(&format!("{file}\0{owner}\n"));
        }
        write_atomically(path, text.as_bytes(), 0o644)
    }

    /// The recorded owner of a path.
    #[must_use]
    pub fn owner(&self, path: &str) -> Option<&str> {
        self.owners.get(path).map(String::as_str)
    }

    /// Every path and owner.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.owners
            .iter()
            .map(|(path, owner)| (path.as_str(), owner.as_str()))
    }

    /// Records an owner, unless the path has one.
    pub fn insert(&mut self, path: &str, package: &str) {
        self.owners
            .entry(path.into())
            .or_insert_with(|| package.into());
    }

    /// Forgets a path that `package` owns.
    pub fn remove(&mut self, path: &str, package: &str) {
        if self.owner(path) == Some(package) {
            self.owners.remove(path);
        }
    }

    /// Forgets every file of a package.
    pub fn remove_package(&mut self, package: &str) {
        self.owners.retain(|_, owner| owner != package);
    }

    /// Whether a directory is kept by some package even when empty.
    #[must_use]
    pub fn is_managed(&self, path: &str) -> bool {
        self.owner(path)
            .is_some_and(|owner| owner.starts_with(SHARED))
    }

    /// Adds a package to those that keep a directory.
    pub fn manage(&mut self, path: &str, package: &str) {
        let owner = self
            .owners
            .entry(path.into())
            .or_insert_with(|| SHARED.into());
        if owner.starts_with(SHARED) && !owner.split(' ').skip(1).any(|p| p == package) {
            owner.push(' ');
            owner.push_str(package);
        }
    }

    /// Takes a package from those that keep a directory; says whether none is left.
    pub fn unmanage(&mut self, path: &str, package: &str) -> bool {
        let Some(owner) = self.owners.get_mut(path).filter(|o| o.starts_with(SHARED)) else {
            return true;
        };
        let left: Vec<&str> = owner.split(' ').filter(|p| *p != package).collect();
        let is_last = left.len() <= 1;
        *owner = left.join(" ");
        if is_last {
            self.owners.remove(path);
        }
        is_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map");
        assert_eq!(FileMap::load(&path).unwrap(), None);
        let mut map = FileMap::default();
        map.insert("/opt/local/bin/a b", "foo-1.0");
        map.insert("/opt/local/bin/a b", "bar-1.0");
        map.manage("/opt/local/var/x", "foo-1.0");
        map.save(&path).unwrap();
        assert_eq!(FileMap::load(&path).unwrap(), Some(map.clone()));
        assert_eq!(
            map.owner("/opt/local/bin/a b"),
            Some("foo-1.0"),
            "the first owner stays"
        );
    }

    #[test]
    fn a_foreign_file_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map");
        std::fs::write(&path, "bytes of a btree").unwrap();
        let error = FileMap::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("map") && error.contains("not a file map"),
            "{error}"
        );
    }

    #[test]
    fn a_shared_directory_goes_with_its_last_package() {
        let mut map = FileMap::default();
        map.manage("/d", "a-1");
        map.manage("/d", "b-1");
        map.manage("/d", "b-1");
        assert_eq!(map.owner("/d"), Some("@pkgdir a-1 b-1"));
        assert!(!map.unmanage("/d", "a-1"));
        assert!(map.is_managed("/d"));
        assert!(map.unmanage("/d", "b-1"));
        assert_eq!(map.owner("/d"), None);
    }
}
