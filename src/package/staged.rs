//! The staged tree: what a build put into its `DESTDIR`, and which of it becomes the package.
//!
//! The tree arrives as the tar stream of `gtar -cf - -C STAGE .`. A stream that was cut between
//! two files looks whole to every tar reader, so the two empty blocks at its end are insisted on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;

use crate::package::PackageProblem;

/// The longest path that illumos takes (`PATH_MAX`), with its NUL byte.
const LONGEST_PATH: usize = 1024;

/// A staged file, link or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedEntry {
    /// What it is, with its content.
    pub kind: EntryKind,
    /// The permission bits, setuid, setgid and sticky included.
    pub mode: u32,
}

/// What a staged path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Its whole content; hard links share it.
        bytes: Arc<[u8]>,
    },
    /// A symbolic link; never followed.
    Symlink {
        /// Where it points, as it was written.
        target: String,
    },
    /// A folder.
    Directory,
}

/// Everything a build staged, by absolute path on the target.
///
/// Owners are not kept: everything a package or a `[[file]]` installs is root's. Hard links became
/// files of equal content: `pkg_add` extracts by name in the order of the list, where a link could
/// come before its file, and each name carries a checksum of its own anyway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StagedTree {
    /// The entries; the root itself is not among them.
    pub entries: BTreeMap<String, StagedEntry>,
}

/// What the package will own: paths below its prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageFiles {
    /// `/opt/local`
    pub prefix: String,
    /// Files, links and empty folders by their path relative to the prefix.
    pub entries: BTreeMap<String, StagedEntry>,
}

/// Declared files that become configuration and not part of the package, by absolute path.
pub type OutsideFiles = BTreeMap<String, StagedEntry>;

/// Why a stream is no staged tree.
#[derive(Debug, thiserror::Error)]
pub enum StagedError {
    /// The stream is damaged.
    #[error("cannot read the staged tree after `{after}`")]
    Read {
        /// The last path that was read; empty at the start.
        after: String,
        #[source]
        source: std::io::Error,
    },
    /// The stream ends without its end mark.
    #[error("the staged tree is cut off after `{after}`")]
    Cut {
        /// The last path that was read.
        after: String,
    },
    /// Something that no package can hold.
    #[error("`{path}` is {what}; only files, links and folders can be packaged")]
    Kind {
        /// The path.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// A name that is no clean path below the root.
    #[error("`{0}` cannot be the name of a staged file")]
    Name(String),
    /// A hard link to something that is not in the stream.
    #[error("`{path}` is a hard link to `{target}`, which was not staged")]
    Link {
        /// The link.
        path: String,
        /// What it names.
        target: String,
    },
}

impl StagedTree {
    /// Reads the tar stream of a staging folder.
    ///
    /// # Errors
    /// [`StagedError`] for a damaged or cut stream, and for what no package can hold.
    pub fn read(stream: &[u8]) -> Result<Self, StagedError> {
        let mut tree = Self::default();
        let mut links = Vec::new();
        let mut after = String::new();
        let mut end = 0;
        let mut archive = tar::Archive::new(stream);
        let failed = |after: &str, source| StagedError::Read {
            after: shown(after.as_bytes()),
            source,
        };
        for entry in archive.entries().map_err(|source| failed(&after, source))? {
            let mut entry = entry.map_err(|source| failed(&after, source))?;
            let path = clean_path(&entry.path_bytes())?;
            let mode = entry
                .header()
                .mode()
                .map_err(|source| failed(&after, source))?
                & 0o7777;
            end = entry.raw_file_position().saturating_add(entry.size());
            if path == "/" {
                continue;
            }
            let kind = match entry.header().entry_type() {
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    let mut bytes = Vec::new();
                    entry
                        .read_to_end(&mut bytes)
                        .map_err(|source| failed(&after, source))?;
                    EntryKind::File {
                        bytes: bytes.into(),
                    }
                }
                tar::EntryType::Symlink => {
                    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                    let target = String::from_utf8(target)
                        .map_err(|_| StagedError::Name(shown(path.as_bytes()) + " (its target)"))?;
                    EntryKind::Symlink { target }
                }
                tar::EntryType::Directory => EntryKind::Directory,
                tar::EntryType::Link => {
                    let target = clean_path(&entry.link_name_bytes().unwrap_or_default())?;
                    links.push((path, target));
                    continue;
                }
                other => {
                    return Err(StagedError::Kind {
                        path: shown(path.as_bytes()),
                        what: kind_word(other),
                    });
                }
            };
            after.clone_from(&path);
            tree.entries.insert(path, StagedEntry { kind, mode });
        }
        if !has_end_mark(stream, end) {
            let after = shown(after.as_bytes());
            return Err(StagedError::Cut { after });
        }
        for (path, target) in links {
            match tree.entries.get(&target).cloned() {
                Some(entry) => tree.entries.insert(path, entry),
                None => {
                    let (path, target) = (shown(path.as_bytes()), shown(target.as_bytes()));
                    return Err(StagedError::Link { path, target });
                }
            };
        }
        Ok(tree)
    }

    /// Parts the tree into the package's files below `prefix` and the declared rest.
    ///
    /// `discard` is the recipe's list: absolute paths, one ending in `/` meaning all below it.
    /// `declared` are the paths of `[[file]] staged`: such a file goes to the second result, from
    /// wherever it was staged. A declared path that ends in `/` is a `[[directory]]`: if it was
    /// staged, empty, it is left to the recipe.
    ///
    /// # Errors
    /// Every undeclared file outside the prefix, every declared one that was not staged, and names
    /// that a package cannot list.
    pub fn split(
        &self,
        prefix: &str,
        discard: &[String],
        declared: &[String],
    ) -> Result<(PackageFiles, OutsideFiles), Vec<PackageProblem>> {
        let mut files = PackageFiles {
            prefix: prefix.to_owned(),
            ..PackageFiles::default()
        };
        let mut outside = OutsideFiles::new();
        let mut problems = Vec::new();
        let parents = self.parents();
        for (path, entry) in &self.entries {
            let is_directory = entry.kind == EntryKind::Directory;
            if is_directory && parents.contains(path.as_str()) || is_discarded(path, discard) {
                continue;
            }
            if is_directory && declared.iter().any(|d| d.strip_suffix('/') == Some(path)) {
                continue;
            }
            if !is_directory && declared.contains(path) {
                outside.insert(path.clone(), entry.clone());
                continue;
            }
            match path
                .strip_prefix(prefix)
                .and_then(|rest| rest.strip_prefix('/'))
            {
                Some(relative) if is_listable(relative) => {
                    files.entries.insert(relative.to_owned(), entry.clone());
                }
                Some(_) => problems.push(unlistable(path)),
                None if path == prefix => {}
                None => problems.push(undeclared(path, prefix, is_directory)),
            }
        }
        for path in declared
            .iter()
            .filter(|p| !p.ends_with('/') && !outside.contains_key(*p))
        {
            let message = format!("`{path}` is declared as staged, and the build did not stage it");
            problems.push(PackageProblem::error(path, message));
        }
        if problems.is_empty() {
            Ok((files, outside))
        } else {
            Err(problems)
        }
    }

    fn parents(&self) -> BTreeSet<&str> {
        let mut parents = BTreeSet::new();
        for path in self.entries.keys() {
            let mut rest = path.as_str();
            while let Some((parent, _)) = rest.rsplit_once('/') {
                if !parents.insert(parent) {
                    break;
                }
                rest = parent;
            }
        }
        parents
    }
}

impl PackageFiles {
    /// Regular files with their absolute path, content and mode.
    pub(crate) fn regular(&self) -> impl Iterator<Item = (String, &[u8], u32)> {
        self.entries
            .iter()
            .filter_map(|(path, entry)| match &entry.kind {
                EntryKind::File { bytes } => {
                    Some((format!("{}/{path}", self.prefix), &**bytes, entry.mode))
                }
                _ => None,
            })
    }

    /// The entry at an absolute path.
    pub(crate) fn get(&self, absolute: &str) -> Option<&StagedEntry> {
        self.entries
            .get(absolute.strip_prefix(&self.prefix)?.strip_prefix('/')?)
    }
}

fn undeclared(path: &str, prefix: &str, is_directory: bool) -> PackageProblem {
    if is_directory {
        return PackageProblem::error(path, format!("the empty folder `{path}` is staged outside `{prefix}`"))
            .with_help(format!(
                "declare it, `[[directory]] path = \"{path}\"`, or leave it out, `[build] discard = [\"{path}/\"]`"
            ));
    }
    PackageProblem::error(path, format!("`{path}` is staged outside `{prefix}`, where no package can own it"))
        .with_help(format!(
            "declare it, `[[file]] path = \"{path}\" staged = \"{path}\"`, or leave it out, `[build] discard = [\"{path}\"]`"
        ))
}

fn unlistable(path: &str) -> PackageProblem {
    let message = format!("`{path}` cannot be listed in a package");
    // what a recipe cannot name it can leave out with its folder
    let left_out = match path.rsplit_once('/') {
        Some((folder, _)) if path.contains(char::is_control) => format!("{folder}/"),
        _ => path.to_owned(),
    };
    PackageProblem::error(path, message).with_help(format!(
        "a path there has no control characters and no blank at its end, and does not begin with `@` \
         or `+`: have the build name it otherwise, or leave it out, `[build] discard = [\"{left_out}\"]`"
    ))
}

fn is_discarded(path: &str, discard: &[String]) -> bool {
    discard.iter().any(|rule| match rule.strip_suffix('/') {
        Some(folder) => path
            .strip_prefix(folder)
            .is_some_and(|r| r.is_empty() || r.starts_with('/')),
        None => path == rule,
    })
}

/// The list has one name a line, cuts blanks at its end and takes `@` for a command.
fn is_listable(relative: &str) -> bool {
    !relative.starts_with(['@', '+'])
        && !relative.chars().any(char::is_control)
        && relative.trim_end() == relative
}

/// A name as a message shows it: on one line, and not all of a long one.
fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut shown = String::new();
    for c in text.chars().take(300) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `./opt/local/bin/x` → `/opt/local/bin/x`
fn clean_path(bytes: &[u8]) -> Result<String, StagedError> {
    let refused = || StagedError::Name(shown(bytes));
    if bytes.len() > LONGEST_PATH {
        return Err(refused());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refused())?;
    let mut path = String::new();
    for part in text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." || text.starts_with('/') {
            return Err(refused());
        }
        path.push('/');
        path.push_str(part);
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

fn kind_word(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Char => "a character device",
        tar::EntryType::Block => "a block device",
        tar::EntryType::Fifo => "a named pipe",
        _ => "of a kind that tar does not name",
    }
}

fn has_end_mark(stream: &[u8], end: u64) -> bool {
    // the size comes from a header, and may be the largest number there is
    end.checked_next_multiple_of(512)
        .and_then(|end| usize::try_from(end).ok())
        .and_then(|end| stream.get(end..))
        .is_some_and(|rest| rest.len() >= 1024 && rest.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests;
