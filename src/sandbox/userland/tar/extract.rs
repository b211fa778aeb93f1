//! Members of an archive becoming files.
//!
//! As root, exact modes and owners are restored, by name first and by number where the name is not
//! known. An existing file is removed and made anew, so a reader of the old one is not disturbed, but
//! nothing about it is atomic. The words after a member's name in a message are (inferred).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{geteuid, mkfifo};

use super::header::{Entry, Kind};
use super::tape::{Tape, TapeError};
use crate::sandbox::userland::accounts::Table;
use crate::sandbox::userland::below;

/// A run of `tar x`.
pub struct Extraction {
    root: PathBuf,
    folder: PathBuf,
    restores_owners: bool,
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
    /// Folders get their mode and time last, when nothing is made in them any more.
    folders: Vec<(PathBuf, Entry)>,
    pub status: i32,
}

impl Extraction {
    pub fn new(root: &Path, folder: &Path, keeps_own_ids: bool) -> io::Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            folder: folder.to_owned(),
            restores_owners: geteuid().is_root() && !keeps_own_ids,
            users: ids(root, "/etc/passwd")?,
            groups: ids(root, "/etc/group")?,
            folders: Vec::new(),
            status: 0,
        })
    }

    /// Makes one member; what it cannot make it says, and goes on.
    pub fn entry(
        &mut self,
        entry: &Entry,
        tape: &mut Tape,
        errors: &mut dyn Write,
    ) -> Result<(), TapeError> {
        if entry.is_junk {
            self.status = 1;
        }
        let path = self.path_of(&entry.name);
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            && let Err(error) = fs::create_dir_all(parent)
        {
            // status 0 even so
            writeln!(errors, "tar: {}: {error}", parent.display())?;
            return tape.skip(entry.size);
        }
        if entry.kind == Kind::File {
            return self.file(entry, &path, tape, errors);
        }
        let made = match entry.kind {
            Kind::Folder => self.make_folder(entry, &path),
            Kind::SymbolicLink => remove(&path).and_then(|()| symlink(&entry.link, &path)),
            Kind::HardLink => {
                if let Err(error) =
                    remove(&path).and_then(|()| fs::hard_link(self.path_of(&entry.link), &path))
                {
                    // status 0 even so
                    writeln!(errors, "tar: {}: cannot link: {error}", entry.name)?;
                }
                return Ok(());
            }
            Kind::Fifo | Kind::File => remove(&path)
                .and_then(|()| Ok(mkfifo(&path, Mode::from_bits_truncate(entry.mode))?)),
        };
        match made {
            Ok(()) if entry.kind == Kind::Folder => {}
            Ok(()) => self.dress(entry, &path)?,
            Err(error) => {
                writeln!(errors, "tar: {}: {error}", entry.name)?;
                self.status = error.raw_os_error().unwrap_or(1);
            }
        }
        Ok(())
    }

    /// Gives the folders their modes and times.
    pub fn finish(&mut self) -> io::Result<()> {
        for (path, entry) in std::mem::take(&mut self.folders).iter().rev() {
            self.dress(entry, path)?;
        }
        Ok(())
    }

    fn path_of(&self, name: &str) -> PathBuf {
        if name.starts_with('/') {
            below(&self.root, name)
        } else {
            self.folder.join(name)
        }
    }

    fn file(
        &mut self,
        entry: &Entry,
        path: &Path,
        tape: &mut Tape,
        errors: &mut dyn Write,
    ) -> Result<(), TapeError> {
        let opened = remove(path).and_then(|()| {
            let mut options = fs::OpenOptions::new();
            options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(entry.mode)
                .open(path)
        });
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => {
                writeln!(errors, "tar: {}: cannot create: {error}", entry.name)?;
                self.status = 1;
                return tape.skip(entry.size);
            }
        };
        tape.content(entry.size, |part| file.write_all(part))?;
        drop(file);
        Ok(self.dress(entry, path)?)
    }

    fn make_folder(&mut self, entry: &Entry, path: &Path) -> io::Result<()> {
        if !path.is_dir() {
            remove(path)?;
            fs::DirBuilder::new().mode(entry.mode).create(path)?;
        }
        self.folders.push((path.to_owned(), entry.clone()));
        Ok(())
    }

    /// Whose a member is: names count before numbers.
    pub fn owner(&self, entry: &Entry) -> (u32, u32) {
        let [user, group] = &entry.owners;
        let uid = self.users.get(user).copied().unwrap_or(entry.uid);
        let gid = self.groups.get(group).copied().unwrap_or(entry.gid);
        (uid, gid)
    }

    /// Owner first: Linux takes the setuid bit away at a change of owner, illumos leaves it to root.
    fn dress(&self, entry: &Entry, path: &Path) -> io::Result<()> {
        if self.restores_owners {
            let (uid, gid) = self.owner(entry);
            lchown(path, Some(uid), Some(gid))?;
        }
        if entry.kind == Kind::SymbolicLink {
            return Ok(());
        }
        if geteuid().is_root() {
            fs::set_permissions(path, fs::Permissions::from_mode(entry.mode))?;
        }
        if entry.kind != Kind::Fifo {
            let time = TimeSpec::new(entry.mtime, 0);
            utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::FollowSymlink)?;
        }
        Ok(())
    }
}

/// Removes what stands in the way of a member.
fn remove(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if metadata.is_dir() {
        fs::remove_dir(path)
    } else {
        fs::remove_file(path)
    }
}

fn ids(root: &Path, file: &str) -> io::Result<BTreeMap<String, u32>> {
    let table = Table::open_or_empty(root, file)?;
    let pair = |row: Vec<&str>| Some(((*row.first()?).to_owned(), row.get(2)?.parse().ok()?));
    Ok(table
        .rows()
        .filter_map(pair)
        .filter(|(name, _)| !name.is_empty())
        .collect())
}
