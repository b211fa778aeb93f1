//! GNU `patch` on a folder that holds a tree.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use zonewright::source::tree::{Entry, Tree, TreePath};

/// A folder with a tree, or with the part of one that a patch may be about.
pub struct Disk {
    folder: TempDir,
    /// What is not there although the tree has it.
    left_out: usize,
}

type Content = BTreeMap<Vec<u8>, (Vec<u8>, bool)>;

impl Disk {
    pub fn of(tree: &Tree) -> Self {
        Self::with(tree, &|_| true)
    }

    /// The files that have a base name which the patch mentions: no other can be meant.
    pub fn of_touched(tree: &Tree, patch: &[u8]) -> Self {
        let text = String::from_utf8_lossy(patch);
        let lines = text.lines().filter(|line| {
            ["--- ", "+++ ", "diff ", "Index: ", "rename ", "copy "]
                .iter()
                .any(|start| line.starts_with(start))
        });
        let mentioned: String = lines.collect::<Vec<_>>().join("\n");
        Self::with(tree, &|path| {
            mentioned.contains(&*String::from_utf8_lossy(path.file_name()))
        })
    }

    fn with(tree: &Tree, is_wanted: &dyn Fn(&TreePath) -> bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut left_out = 0;
        for (path, entry) in tree.iter() {
            let place = folder.path().join(OsStr::from_bytes(path.as_bytes()));
            if !matches!(entry, Entry::Directory) && !is_wanted(path) {
                left_out += 1;
                continue;
            }
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            match entry {
                Entry::Directory => fs::create_dir_all(&place).unwrap(),
                Entry::Symlink { target } => symlink(OsStr::from_bytes(target), &place).unwrap(),
                Entry::File { bytes, executable } => {
                    fs::write(&place, bytes).unwrap();
                    let mode = if *executable { 0o755 } else { 0o644 };
                    fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
                }
            }
        }
        Self { folder, left_out }
    }

    /// Applies a patch; what it said where it did not take all of it.
    pub fn patch(&self, bytes: &[u8], strip: u32, fuzz: u32) -> Result<(), String> {
        let mut child = Command::new("patch")
            .args(["-N", "-t", "-s", "--no-backup-if-mismatch", "-r", "-"])
            .arg(format!("-p{strip}"))
            .arg(format!("-F{fuzz}"))
            .current_dir(self.folder.path())
            .env_remove("POSIXLY_CORRECT")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // it may end before it has read all
        let _ = child.stdin.take().unwrap().write_all(bytes);
        let output = child.wait_with_output().unwrap();
        match output.status.success() {
            true => Ok(()),
            false => Err(format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// The first path at which the folder is not what the tree is; empty folders do not count.
    pub fn difference(&self, tree: &Tree) -> Option<String> {
        let mut there = Content::new();
        read(self.folder.path(), self.folder.path(), &mut there);
        let mut missing = Vec::new();
        for (path, entry) in tree.iter() {
            let wanted = match entry {
                Entry::Directory => continue,
                Entry::Symlink { target } => (target.clone(), false),
                Entry::File { bytes, executable } => (bytes.to_vec(), *executable),
            };
            match there.remove(path.as_bytes()) {
                Some(found) if found == wanted => {}
                Some(found) if found.0 == wanted.0 => {
                    return Some(format!("{path}: executable for patch: {}", found.1));
                }
                Some(_) => return Some(format!("{path}: other content")),
                None => missing.push(path.to_string()),
            }
        }
        if let Some(path) = there.keys().next() {
            return Some(format!(
                "{}: only patch has it",
                String::from_utf8_lossy(path)
            ));
        }
        (missing.len() != self.left_out).then(|| format!("only ours has one of {missing:?}"))
    }
}

fn read(root: &Path, folder: &Path, content: &mut Content) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let known = fs::symlink_metadata(&path).unwrap();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .as_os_str()
            .as_bytes()
            .to_vec();
        if known.is_dir() {
            read(root, &path, content);
        } else if known.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            content.insert(name, (target.as_os_str().as_bytes().to_vec(), false));
        } else {
            let executable = known.permissions().mode() & 0o100 != 0;
            content.insert(name, (fs::read(&path).unwrap(), executable));
        }
    }
}
