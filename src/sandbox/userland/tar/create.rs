//! `tar c`: a ustar archive of files, folders and links.
//!
//! A name that does not fit into a header (155 + 100 bytes, cut at a slash) is refused with a
//! message; the words and the status are (inferred).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};
use tar::{EntryType, Header};

const RECORD: u64 = 10_240;

/// Writes an archive of `names`, seen from `folder`.
pub fn create(
    folder: &Path,
    names: &[OsString],
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<i32> {
    let mut archive = Archive {
        folder: folder.to_owned(),
        seen: BTreeMap::new(),
        written: 0,
        status: 0,
    };
    for name in names {
        archive.add(Path::new(name), output, errors)?;
    }
    let padding = RECORD - (archive.written + 1024) % RECORD;
    let zeros = 1024 + padding % RECORD;
    io::copy(&mut io::repeat(0).take(zeros), output)?;
    Ok(archive.status)
}

struct Archive {
    folder: PathBuf,
    /// Files with several names, by device and number.
    seen: BTreeMap<(u64, u64), PathBuf>,
    written: u64,
    status: i32,
}

impl Archive {
    fn add(
        &mut self,
        name: &Path,
        output: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> io::Result<()> {
        let path = self.folder.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => return self.complain(errors, name, &error.to_string()),
        };
        let Some((entry_type, link)) = self.kind(&path, name, &metadata)? else {
            return self.complain(errors, name, "not a file that can be archived");
        };
        let Some(mut header) = header(name, link.as_deref(), entry_type, &metadata)? else {
            return self.complain(errors, name, "name too long for the archive");
        };
        header.set_cksum();
        output.write_all(header.as_bytes())?;
        self.written += 512;
        if entry_type == EntryType::Regular {
            self.content(&path, metadata.len(), output)?;
        }
        if entry_type != EntryType::Directory {
            return Ok(());
        }
        let mut children = fs::read_dir(&path)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        children.sort();
        children
            .iter()
            .try_for_each(|child| self.add(&name.join(child), output, errors))
    }

    /// What a file is in an archive, and where it points; none for a device or a socket.
    fn kind(
        &mut self,
        path: &Path,
        name: &Path,
        metadata: &fs::Metadata,
    ) -> io::Result<Option<(EntryType, Option<PathBuf>)>> {
        let kind = metadata.file_type();
        let id = (metadata.dev(), metadata.ino());
        if let Some(first) = self.seen.get(&id) {
            return Ok(Some((EntryType::Link, Some(first.clone()))));
        }
        if metadata.nlink() > 1 && !kind.is_dir() {
            self.seen.insert(id, name.to_owned());
        }
        Ok(if kind.is_symlink() {
            Some((EntryType::Symlink, Some(fs::read_link(path)?)))
        } else if kind.is_dir() {
            Some((EntryType::Directory, None))
        } else if kind.is_fifo() {
            Some((EntryType::Fifo, None))
        } else if kind.is_file() {
            Some((EntryType::Regular, None))
        } else {
            None
        })
    }

    fn content(&mut self, path: &Path, size: u64, output: &mut dyn Write) -> io::Result<()> {
        // exactly the size of the header, should the file change meanwhile
        let padded = size.div_ceil(512) * 512;
        let file = fs::File::open(path)?;
        io::copy(
            &mut file.take(size).chain(io::repeat(0)).take(padded),
            output,
        )?;
        self.written += padded;
        Ok(())
    }

    fn complain(&mut self, errors: &mut dyn Write, name: &Path, what: &str) -> io::Result<()> {
        self.status = 1;
        writeln!(errors, "tar: {}: {what}", name.display())
    }
}

/// The header of a member; none if a name does not fit.
fn header(
    name: &Path,
    link: Option<&Path>,
    entry_type: EntryType,
    metadata: &fs::Metadata,
) -> io::Result<Option<Header>> {
    let mut header = Header::new_ustar();
    header.set_entry_type(entry_type);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(u64::from(metadata.uid()));
    header.set_gid(u64::from(metadata.gid()));
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_size(if entry_type == EntryType::Regular {
        metadata.len()
    } else {
        0
    });
    let user = User::from_uid(Uid::from_raw(metadata.uid())).ok().flatten();
    let group = Group::from_gid(Gid::from_raw(metadata.gid()))
        .ok()
        .flatten();
    header.set_username(&user.map(|user| user.name).unwrap_or_default())?;
    header.set_groupname(&group.map(|group| group.name).unwrap_or_default())?;
    let mut bytes = name.as_os_str().as_bytes().to_vec();
    if entry_type == EntryType::Directory && !bytes.ends_with(b"/") {
        bytes.push(b'/');
    }
    let Some(ustar) = header.as_ustar_mut() else {
        return Ok(None);
    };
    let Some((prefix, rest)) = split(&bytes) else {
        return Ok(None);
    };
    let link = link
        .map(|link| link.as_os_str().as_bytes())
        .unwrap_or_default();
    let fits = copy(prefix, &mut ustar.prefix) && copy(rest, &mut ustar.name);
    let fits = fits && copy(link, &mut ustar.linkname);
    Ok(fits.then_some(header))
}

fn copy(from: &[u8], to: &mut [u8]) -> bool {
    match to.get_mut(..from.len()) {
        Some(start) => {
            start.copy_from_slice(from);
            true
        }
        None => false,
    }
}

/// A name in the two fields of a header.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((&[], name));
    }
    (0..name.len().min(156))
        .rev()
        .filter(|at| name.get(*at) == Some(&b'/'))
        .filter_map(|at| Some((name.get(..at)?, name.get(at + 1..)?)))
        .find(|(_, rest)| rest.len() <= 100 && !rest.is_empty())
}
