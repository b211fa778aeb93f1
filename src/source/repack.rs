//! A source tree as the one tar archive that is sent to a zone.
//!
//! Plain ustar, for both of a SmartOS zone's `tar` commands read it: illumos' writes a junk file for
//! a pax header, and knows neither GNU's long link targets nor sparse files. The same tree gives the
//! same bytes, everywhere and always.
//!
//! All files have one time. So `make` takes generated files for current: a patch to `configure.ac`
//! or a `Makefile.am` changes nothing unless it patches what is generated from them, too.

use tar::{EntryType, Header};

use super::tree::{Entry, Tree, TreePath};

const BLOCK: usize = 512;
/// Archives are padded to whole records, for a `tar` that reads records waits for a whole one.
const RECORD: usize = 20 * BLOCK;
const NAME_LIMIT: usize = 100;
const PREFIX_LIMIT: usize = 155;
/// Sizes and times are octal numbers of 11 digits.
const OCTAL_LIMIT: u64 = 1 << 33;

/// Why a tree does not fit a ustar archive.
#[derive(Debug, thiserror::Error)]
pub enum RepackError {
    #[error(
        "the name `{path}` is too long for a ustar archive (155 bytes, a `/` and 100 bytes at most)"
    )]
    Name { path: TreePath },
    #[error(
        "the symbolic link `{path}` points to a name of {length} bytes; a ustar archive holds 100 at most"
    )]
    Target { path: TreePath, length: usize },
    #[error("the file `{path}` is too large for a ustar archive: {size_bytes} bytes")]
    Size { path: TreePath, size_bytes: u64 },
    #[error("the time {mtime} does not fit a ustar archive")]
    Time { mtime: u64 },
}

/// Writes the tree as plain ustar: sorted, owned by 0:0 without names, modes 0644 and 0755, every
/// time `mtime` (seconds since 1970).
///
/// # Errors
/// [`RepackError`] names the first path, in the order of paths, that ustar cannot hold.
pub fn ustar(tree: &Tree, mtime: u64) -> Result<Vec<u8>, RepackError> {
    if mtime >= OCTAL_LIMIT {
        return Err(RepackError::Time { mtime });
    }
    let mut archive = Vec::new();
    for (path, entry) in tree.iter() {
        let header = header(path, entry, mtime)?;
        archive.extend_from_slice(header.as_bytes());
        if let Entry::File { bytes, .. } = entry {
            archive.extend_from_slice(bytes);
            pad(&mut archive, BLOCK);
        }
    }
    archive.extend_from_slice(&[0; 2 * BLOCK]);
    pad(&mut archive, RECORD);
    Ok(archive)
}

fn pad(archive: &mut Vec<u8>, unit: usize) {
    archive.resize(archive.len().next_multiple_of(unit), 0);
}

fn header(path: &TreePath, entry: &Entry, mtime: u64) -> Result<Header, RepackError> {
    let mut header = Header::new_ustar();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(0);
    let mut name = path.as_bytes().to_vec();
    match entry {
        Entry::Directory => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            name.push(b'/');
        }
        Entry::Symlink { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header
                .set_link_name_literal(target)
                .map_err(|_| RepackError::Target {
                    path: path.clone(),
                    length: target.len(),
                })?;
        }
        Entry::File { bytes, executable } => {
            let size_bytes = bytes.len() as u64;
            if size_bytes >= OCTAL_LIMIT {
                return Err(RepackError::Size {
                    path: path.clone(),
                    size_bytes,
                });
            }
            header.set_entry_type(EntryType::Regular);
            header.set_mode(if *executable { 0o755 } else { 0o644 });
            header.set_size(size_bytes);
        }
    }
    set_name(&mut header, &name).ok_or_else(|| RepackError::Name { path: path.clone() })?;
    header.set_cksum();
    Ok(header)
}

/// Writes the name, split at a `/` into prefix and name where it is long.
fn set_name(header: &mut Header, name: &[u8]) -> Option<()> {
    let fields = header.as_ustar_mut()?;
    if name.len() <= NAME_LIMIT {
        fields.name.get_mut(..name.len())?.copy_from_slice(name);
        return Some(());
    }
    let first_possible = name.len() - NAME_LIMIT - 1;
    let slash = (first_possible..=PREFIX_LIMIT.min(name.len() - 2))
        .find(|index| name.get(*index) == Some(&b'/') && *index > 0)?;
    let (prefix, rest) = (name.get(..slash)?, name.get(slash + 1..)?);
    fields
        .prefix
        .get_mut(..prefix.len())?
        .copy_from_slice(prefix);
    fields.name.get_mut(..rest.len())?.copy_from_slice(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn path(name: &str) -> TreePath {
        TreePath::parse(name.as_bytes()).unwrap()
    }

    fn sample() -> Tree {
        let mut tree = Tree::new();
        tree.insert(path("z/run.sh"), Entry::file(*b"#!/bin/sh\n", true))
            .unwrap();
        tree.insert(path("a file"), Entry::file(vec![7; 1000], false))
            .unwrap();
        tree.insert(
            path("l"),
            Entry::Symlink {
                target: b"z/run.sh".to_vec(),
            },
        )
        .unwrap();
        tree.insert(path("empty"), Entry::Directory).unwrap();
        tree
    }

    #[test]
    fn the_bytes_depend_on_nothing_but_the_tree() {
        let mut other = Tree::new();
        let sample = sample();
        for (path, entry) in sample.iter().collect::<Vec<_>>().into_iter().rev() {
            other.insert(path.clone(), entry.clone()).unwrap();
        }
        assert_eq!(ustar(&sample, 42).unwrap(), ustar(&other, 42).unwrap());
        assert_eq!(ustar(&sample, 42).unwrap().len() % RECORD, 0);
    }

    #[test]
    fn gnu_tar_lists_what_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.tar");
        std::fs::write(&file, ustar(&sample(), 86_400).unwrap()).unwrap();
        let output = Command::new("tar")
            .args(["--numeric-owner", "--full-time", "-tvf"])
            .arg(&file)
            .env("TZ", "UTC")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let listing = String::from_utf8(output.stdout).unwrap();
        let wanted = "\
-rw-r--r-- 0/0            1000 1970-01-02 00:00:00 a file
drwxr-xr-x 0/0               0 1970-01-02 00:00:00 empty/
lrwxrwxrwx 0/0               0 1970-01-02 00:00:00 l -> z/run.sh
drwxr-xr-x 0/0               0 1970-01-02 00:00:00 z/
-rwxr-xr-x 0/0              10 1970-01-02 00:00:00 z/run.sh
";
        assert_eq!(listing, wanted);
    }

    #[test]
    fn long_names_are_split_or_refused_by_name() {
        let (n, p) = ("n".repeat(100), "p".repeat(155));
        let table = [
            (n.clone(), true),
            (format!("{n}n"), false),
            (format!("{p}/{n}"), true),
            (format!("{p}p/{n}"), false),
            (format!("{p}/{n}n"), false),
            (
                format!("{}/{}/{}", "a".repeat(90), "b".repeat(60), "c".repeat(99)),
                true,
            ),
        ];
        for (name, fits) in table {
            // A file at the root of a tree, so that no folder above is what does not fit.
            let mut header = Header::new_ustar();
            assert_eq!(
                set_name(&mut header, name.as_bytes()).is_some(),
                fits,
                "{name}"
            );
            if fits {
                assert_eq!(header.path_bytes().as_ref(), name.as_bytes());
            }
        }
        let mut tree = Tree::new();
        tree.insert(path(&"n".repeat(101)), Entry::file(*b"", false))
            .unwrap();
        assert!(
            ustar(&tree, 0)
                .unwrap_err()
                .to_string()
                .contains(&"n".repeat(101))
        );
    }

    #[test]
    fn a_long_link_target_is_refused_by_name() {
        for (length, fits) in [(99, true), (100, true), (101, false)] {
            let mut tree = Tree::new();
            tree.insert(
                path("here"),
                Entry::Symlink {
                    target: vec![b't'; length],
                },
            )
            .unwrap();
            match ustar(&tree, 0) {
                Ok(archive) => {
                    assert!(fits, "{length}");
                    let mut archive = tar::Archive::new(&archive[..]);
                    let entry = archive.entries().unwrap().next().unwrap().unwrap();
                    assert_eq!(entry.link_name_bytes().unwrap().len(), length);
                }
                Err(error) => assert!(!fits && error.to_string().contains("here"), "{error}"),
            }
        }
    }
}
