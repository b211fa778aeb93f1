//! Reading binary packages: a tar, compressed or not.
//!
//! What is told apart here decides which message the user sees: a file that is no archive at all is
//! "no pkg found", as is one that is not there; an archive that breaks off is only noticed when the
//! missing part is wanted. zstd is not a compression that the tools know.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tar::EntryType;

/// The metadata members, in the order in which they must stand.
pub const METADATA: &[&str] = &[
    "+CONTENTS",
    "+COMMENT",
    "+DESC",
    "+INSTALL",
    "+DEINSTALL",
    "+DISPLAY",
    "+MTREE_DIRS",
    "+BUILD_VERSION",
    "+BUILD_INFO",
    "+SIZE_PKG",
    "+SIZE_ALL",
    "+PRESERVE",
    "+REQUIRED_BY",
    "+INSTALLED_INFO",
];

/// One member of an archive.
#[derive(Debug, Clone)]
pub struct Member {
    /// As it stands in the archive.
    pub name: String,
    /// Its type.
    pub kind: EntryType,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner: by name first, else by number.
    pub user: (Option<String>, u32),
    /// Its group: by name first, else by number.
    pub group: (Option<String>, u32),
    /// Seconds since 1970.
    pub modified: i64,
    /// What a link points to.
    pub target: String,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Whether all of them were there.
    pub is_complete: bool,
}

/// A binary package.
#[derive(Debug, Default, Clone)]
pub struct Archive {
    /// Metadata members and their text, in the archive's order.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// Complaints about the metadata: text, and whether it makes `pkg_add` give up.
    pub faults: Vec<MetadataFault>,
    /// Everything after the metadata.
    pub members: Vec<Member>,
    /// Why reading ended early.
    pub broken: Option<String>,
    /// The size of the file in bytes.
    pub size: u64,
}

/// Something wrong with the order of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataFault {
    /// A member stands before one that it must follow.
    Misordered,
    /// A member stands there twice.
    Duplicate,
    /// A member of a kind that is no longer used.
    MtreeDirectories,
}

/// Why a file is not a package.
#[derive(Debug, PartialEq, Eq)]
pub enum NotAPackage {
    /// Not there, not readable, or no archive of a kind that the tools open.
    Unopenable,
    /// An archive without a single member.
    Premature,
    /// An archive with a signature around it.
    Signed,
}

impl Archive {
    /// Reads a package from a file.
    ///
    /// # Errors
    ///
    /// When the file is not an archive that the tools open.
    pub fn open(path: &Path) -> Result<Self, NotAPackage> {
        let mut raw = Vec::new();
        let is_read = path.is_file()
            && File::open(path)
                .and_then(|mut file| file.read_to_end(&mut raw))
                .is_ok();
        if !is_read {
            return Err(NotAPackage::Unopenable);
        }
        Self::from_bytes(&raw)
    }

    /// Reads a package from the bytes of a file.
    ///
    /// # Errors
    ///
    /// When the bytes are not an archive that the tools open.
    pub fn from_bytes(raw: &[u8]) -> Result<Self, NotAPackage> {
        if raw.starts_with(b"!<arch>\n") {
            return Err(NotAPackage::Signed);
        }
        if raw.is_empty() {
            return Err(NotAPackage::Premature);
        }
        let (bytes, broken) = decompress(raw);
        if raw.starts_with(&ZSTD) || (bytes.is_empty() && broken.is_some()) {
            return Err(NotAPackage::Unopenable);
        }
        let members = Members::read(&bytes, broken)?;
        let mut archive = Self::sort_out(members);
        archive.size = raw.len() as u64;
        Ok(archive)
    }

    /// The text of a metadata member.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let (_, bytes) = self.metadata.iter().find(|(n, _)| n == name)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn sort_out(read: Members) -> Self {
        let mut archive = Self {
            broken: read.broken,
            ..Self::default()
        };
        let mut next = 0;
        for member in read.members {
            let place = METADATA.iter().position(|name| *name == member.name);
            let Some(place) = place.filter(|_| archive.members.is_empty()) else {
                archive.members.push(member);
                continue;
            };
            if archive
                .metadata
                .iter()
                .any(|(name, _)| *name == member.name)
            {
                archive.faults.push(MetadataFault::Duplicate);
            } else if place < next {
                archive.faults.push(MetadataFault::Misordered);
            } else if member.name == "+MTREE_DIRS" {
                archive.faults.push(MetadataFault::MtreeDirectories);
            }
            next = next.max(place + 1);
            archive.metadata.push((member.name, member.data));
        }
        archive
    }
}

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The bytes inside, as far as they could be had, and why there are no more.
fn decompress(raw: &[u8]) -> (Vec<u8>, Option<String>) {
    let mut bytes = Vec::new();
    let result = if raw.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(raw).read_to_end(&mut bytes)
    } else if raw.starts_with(b"BZh") {
        bzip2::read::MultiBzDecoder::new(raw).read_to_end(&mut bytes)
    } else if raw.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        liblzma::read::XzDecoder::new_multi_decoder(raw).read_to_end(&mut bytes)
    } else {
        return (raw.to_vec(), None);
    };
    (bytes, result.err().map(|error| error.to_string()))
}

struct Members {
    members: Vec<Member>,
    broken: Option<String>,
}

impl Members {
    fn read(bytes: &[u8], mut broken: Option<String>) -> Result<Self, NotAPackage> {
        let mut members = Vec::new();
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().map_err(|_| NotAPackage::Unopenable)?;
        for entry in entries {
            match entry {
                Ok(mut entry) => {
                    let member = read_member(&mut entry);
                    if !member.is_complete && broken.is_none() {
                        broken = Some("truncated archive".into());
                    }
                    members.push(member);
                }
                Err(_) if members.is_empty() => return Err(NotAPackage::Unopenable),
                Err(error) => {
                    broken = broken.or_else(|| Some(error.to_string()));
                    break;
                }
            }
        }
        if members.is_empty() {
            return Err(NotAPackage::Premature);
        }
        Ok(Self { members, broken })
    }
}

fn read_member<R: Read>(entry: &mut tar::Entry<'_, R>) -> Member {
    let mut data = Vec::new();
    let result: io::Result<usize> = entry.read_to_end(&mut data);
    let header = entry.header();
    let size = entry.size();
    let name = |bytes: Option<&[u8]>| {
        bytes
            .filter(|b| !b.is_empty())
            .map(|b| String::from_utf8_lossy(b).into_owned())
    };
    // Archives of the pkgsrc crate leave the numbers empty; libarchive reads that as 0.
    let number = |value: io::Result<u64>| value.ok().and_then(|n| u32::try_from(n).ok());
    Member {
        name: String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
        kind: header.entry_type(),
        mode: header.mode().unwrap_or(0o644) & 0o7777,
        user: (
            name(header.username_bytes()),
            number(header.uid()).unwrap_or(0),
        ),
        group: (
            name(header.groupname_bytes()),
            number(header.gid()).unwrap_or(0),
        ),
        modified: header
            .mtime()
            .ok()
            .and_then(|t| i64::try_from(t).ok())
            .unwrap_or(0),
        target: name(entry.link_name_bytes().as_deref()).unwrap_or_default(),
        is_complete: result.is_ok() && data.len() as u64 == size,
        data,
    }
}
