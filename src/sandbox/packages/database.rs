//! The package database: one directory for each installed package, with its metadata files.
//!
//! Every subdirectory counts as a package, as with the real tools; iteration here is in the order
//! of the alphabet, where the real one follows the directory. A missing database is empty.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file_map::FileMap;
use super::pattern;
use super::plist::Contents;
use super::process::{at, below, write_atomically};

/// The packing list.
pub const CONTENTS: &str = "+CONTENTS";
/// `VAR=value` lines about how a package was built.
pub const BUILD_INFO: &str = "+BUILD_INFO";
/// `var=value` lines about how it was installed.
pub const INSTALLED_INFO: &str = "+INSTALLED_INFO";
/// The packages that need this one, one a line.
pub const REQUIRED_BY: &str = "+REQUIRED_BY";
/// Its presence forbids deletion.
pub const PRESERVE: &str = "+PRESERVE";
/// Script that runs when the package is installed.
pub const INSTALL: &str = "+INSTALL";
/// Script that runs when the package is removed.
pub const DEINSTALL: &str = "+DEINSTALL";
/// The file map beside the packages.
pub const FILE_MAP: &str = "pkgdb.byfile.db";

/// A package database.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its path, as commands name it.
    pub shown: String,
    directory: PathBuf,
}

impl Database {
    /// The database at `shown`, below `root`.
    #[must_use]
    pub fn new(root: &Path, shown: &str) -> Self {
        Self {
            shown: shown.into(),
            directory: below(root, Path::new(shown)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A package's directory.
    #[must_use]
    pub fn package(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The names of all installed packages.
    ///
    /// # Errors
    ///
    /// When the database is there and cannot be read.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(&self.directory)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(at(&self.directory))?;
            if entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether exactly this package is installed.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !name.is_empty() && !name.contains('/') && self.package(name).join(CONTENTS).is_file()
    }

    /// All installed packages that match.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn matching(&self, wanted: &str) -> io::Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| pattern::matches(wanted, name));
        Ok(names)
    }

    /// The best installed package that matches.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn best(&self, wanted: &str) -> io::Result<Option<String>> {
        let names = self.names()?;
        Ok(pattern::best(wanted, names.iter().map(String::as_str)).map(str::to_owned))
    }

    /// One metadata file of a package, if it has it.
    ///
    /// # Errors
    ///
    /// When it has it and it cannot be read.
    pub fn read(&self, name: &str, file: &str) -> io::Result<Option<String>> {
        let path = self.package(name).join(file);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// The packing list of an installed package.
    ///
    /// # Errors
    ///
    /// When there is none or it cannot be read.
    pub fn contents(&self, name: &str) -> io::Result<Contents> {
        let path = self.package(name).join(CONTENTS);
        let bytes = fs::read(&path).map_err(at(&path))?;
        Ok(Contents::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// Writes one metadata file with the mode that the real tool gives it.
    ///
    /// # Errors
    ///
    /// When the package's directory cannot be written to.
    pub fn write(&self, name: &str, file: &str, text: &[u8]) -> io::Result<()> {
        write_atomically(&self.package(name).join(file), text, metadata_mode(file))
    }

    /// The packages that need this one.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub fn required_by(&self, name: &str) -> io::Result<Vec<String>> {
        let text = self.read(name, REQUIRED_BY)?.unwrap_or_default();
        Ok(text
            .lines()
            .filter(|l| !l.is_empty())
            .map(Into::into)
            .collect())
    }

    /// Records that `dependent` needs `name`.
    ///
    /// # Errors
    ///
    /// When the list cannot be read or written.
    pub fn add_required_by(&self, name: &str, dependent: &str) -> io::Result<()> {
        let mut list = self.required_by(name)?;
        if !list.iter().any(|d| d == dependent) {
            list.push(dependent.into());
            self.write_required_by(name, &list)?;
        }
        Ok(())
    }

    /// Takes `dependent` out of every list of dependents.
    ///
    /// # Errors
    ///
    /// When a list cannot be read or written.
    pub fn drop_dependent(&self, dependent: &str) -> io::Result<()> {
        for name in self.names()? {
            let mut list = self.required_by(&name)?;
            let length = list.len();
            list.retain(|d| d != dependent);
            if list.len() != length {
                self.write_required_by(&name, &list)?;
            }
        }
        Ok(())
    }

    /// Writes the list of dependents; an empty one is no file.
    ///
    /// # Errors
    ///
    /// When the package's directory cannot be written to.
    pub fn write_required_by(&self, name: &str, list: &[String]) -> io::Result<()> {
        if list.is_empty() {
            return remove_if_there(&self.package(name).join(REQUIRED_BY));
        }
        let text: String = list.iter().map(|d| format!("{d}\n")).collect();
        self.write(name, REQUIRED_BY, text.as_bytes())
    }

    /// Whether the package came as a dependency of another.
    ///
    /// # Errors
    ///
    /// When its record cannot be read.
    pub fn is_automatic(&self, name: &str) -> io::Result<bool> {
        let text = self.read(name, INSTALLED_INFO)?.unwrap_or_default();
        Ok(value_of(&text, "automatic").is_some_and(|v| v.eq_ignore_ascii_case("yes")))
    }

    /// Marks a package as a dependency (`Some("yes")`), as one that is wanted for itself
    /// (`Some("no")`), or drops the mark.
    ///
    /// # Errors
    ///
    /// When its record cannot be read or written.
    pub fn set_installed(&self, name: &str, variable: &str, value: Option<&str>) -> io::Result<()> {
        let text = self.read(name, INSTALLED_INFO)?.unwrap_or_default();
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| line.split_once('=').is_none_or(|(v, _)| v != variable))
            .map(Into::into)
            .collect();
        lines.extend(value.map(|value| format!("{variable}={value}")));
        if lines.is_empty() {
            return remove_if_there(&self.package(name).join(INSTALLED_INFO));
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.write(name, INSTALLED_INFO, text.as_bytes())
    }

    /// Everything that needs one of `names`, directly or through others.
    ///
    /// # Errors
    ///
    /// When a list of dependents cannot be read.
    pub fn all_dependents(&self, names: &[String]) -> io::Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let mut open = names.to_vec();
        while let Some(name) = open.pop() {
            for dependent in self.required_by(&name)? {
                if self.has(&dependent) && found.insert(dependent.clone()) {
                    open.push(dependent);
                }
            }
        }
        Ok(found)
    }

    /// The file map, if there is one.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be read.
    pub fn file_map(&self) -> io::Result<Option<FileMap>> {
        FileMap::load(&self.directory.join(FILE_MAP))
    }

    /// Writes the file map.
    ///
    /// # Errors
    ///
    /// When the database cannot be written to.
    pub fn write_file_map(&self, map: &FileMap) -> io::Result<()> {
        map.save(&self.directory.join(FILE_MAP))
    }
}

/// The mode of a metadata file in the database.
#[must_use]
pub fn metadata_mode(file: &str) -> u32 {
    match file {
        CONTENTS | REQUIRED_BY | INSTALLED_INFO => 0o644,
        INSTALL | DEINSTALL => 0o555,
        _ => 0o444,
    }
}

/// The value of a `VAR=value` line; a blank after `=` is not part of it.
#[must_use]
pub fn value_of<'a>(text: &'a str, variable: &str) -> Option<&'a str> {
    values_of(text, variable).next()
}

/// The values of all lines of a variable.
pub fn values_of<'a>(text: &'a str, variable: &str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (name, value) = line.split_once('=')?;
        (name == variable).then(|| value.trim_start())
    })
}

/// Removes a file that may be absent.
///
/// # Errors
///
/// When it is there and cannot be removed.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}
