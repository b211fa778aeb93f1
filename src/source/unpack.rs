//! Unpacks a tar archive into a source tree, and refuses whatever could reach out of it.
//!
//! A bomb is refused while it streams: what an archive may unpack to is known before its first byte
//! is read, from its own size.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tar::{Archive, Entry as Member, EntryType};

use super::compression::decompress;
use super::tree::{Entry, LONGEST_PATH, NameError, Tree, TreeError, TreePath, printable};

/// What an archive may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All contents together, headers included. Default: 2 GiB.
    pub total_bytes: u64,
    /// How many members. Default: 500,000.
    pub entries: u64,
    /// How many times its own size; the first 64 MiB are free. Default: 250.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total_bytes: 2 << 30,
            entries: 500_000,
            ratio: 250,
        }
    }
}

/// What any archive may unpack to, however small it is.
const FREE_BYTES: u64 = 64 << 20;

/// What the headers of one member may hold: names of a thousand bytes, a list of holes.
const HEADER_LIMIT: u64 = 1 << 20;

/// What to do about an archive that goes beyond a limit; no recipe can raise one.
const NO_SOURCE: &str = ": no source archive does that; see that `urls` names the right one";

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("cannot read the archive `{archive}`")]
    Open {
        archive: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot unpack `{archive}`{}", after(.last))]
    Read {
        archive: PathBuf,
        /// The last member that was read whole.
        last: Option<String>,
        #[source]
        source: io::Error,
    },
    #[error("`{archive}` does not start as a tar archive, plain or compressed")]
    NoTar {
        archive: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{archive}` needs too much memory to be unpacked{NO_SOURCE}")]
    Memory {
        archive: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{archive}` ends without an end marker{}: it is cut off", after(.last))]
    CutOff {
        archive: PathBuf,
        last: Option<String>,
    },
    #[error("`{archive}` would unpack to more than {limit} bytes{}{NO_SOURCE}", after(.last))]
    TooLarge {
        archive: PathBuf,
        last: Option<String>,
        limit: u64,
    },
    #[error("`{archive}` has more than {limit} members and folders{NO_SOURCE}")]
    TooMany { archive: PathBuf, limit: u64 },
    #[error(
        "`{archive}` has a header of more than {HEADER_LIMIT} bytes{}{NO_SOURCE}", after(.last)
    )]
    LongHeader {
        archive: PathBuf,
        last: Option<String>,
    },
    #[error("`{archive}`: the member `{member}` is refused: {reason}")]
    Member {
        archive: PathBuf,
        member: String,
        reason: MemberError,
    },
    #[error("`{archive}`: {reason}")]
    Links { archive: PathBuf, reason: TreeError },
    #[error(
        "`{archive}` is empty once `strip = {strip}` drops so many leading components of each name"
    )]
    Nothing { archive: PathBuf, strip: u32 },
}

impl UnpackError {
    /// The archive that it is about.
    #[must_use]
    pub fn archive(&self) -> &Path {
        match self {
            Self::Open { archive, .. }
            | Self::Read { archive, .. }
            | Self::NoTar { archive, .. }
            | Self::CutOff { archive, .. }
            | Self::TooLarge { archive, .. }
            | Self::TooMany { archive, .. }
            | Self::LongHeader { archive, .. }
            | Self::Memory { archive, .. }
            | Self::Member { archive, .. }
            | Self::Links { archive, .. }
            | Self::Nothing { archive, .. } => archive,
        }
    }

    /// What to do or to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Open { .. } => "make the file readable",
            Self::Read { .. } | Self::CutOff { .. } => {
                "the `sha256` is that of a damaged archive: fetch it whole, compare it with what \
                 the publisher announces, and write the sum of that one"
            }
            Self::NoTar { .. } => {
                "name a tar archive: plain, or compressed with gzip, bzip2, xz or zstd"
            }
            Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::LongHeader { .. }
            | Self::Memory { .. } => "name another archive in `urls`",
            Self::Member { .. } | Self::Links { .. } => {
                "an archive of sources has no use for that: do not trust it, and name another one"
            }
            Self::Nothing { .. } => "write a smaller `strip`",
        }
    }
}

fn after(last: &Option<String>) -> String {
    last.as_ref()
        .map_or_else(String::new, |name| format!(" after `{name}`"))
}

/// What is wrong with one member.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("it is {0}")]
    Kind(&'static str),
    #[error("it is a hard link to `{target}`: {reason}")]
    HardLinkName { target: String, reason: NameError },
    #[error("it is a hard link to `{0}`, which is no file of the archive before it")]
    HardLink(String),
    #[error("it is a symbolic link without a target")]
    NoTarget,
    #[error("it is a symbolic link to `{0}`, an absolute path")]
    AbsoluteTarget(String),
    #[error("it is a symbolic link with a target of more than {LONGEST_PATH} bytes")]
    LongTarget,
}

/// Unpacks a tar archive, plain or compressed with gzip, bzip2, xz or zstd, into `tree`.
///
/// `strip` drops leading components; members that vanish thereby are left out. Of two members with
/// one name the later counts. Files keep their executable bit and nothing else of their mode. After
/// an error the tree holds a part of the archive and is of no use.
///
/// # Errors
/// [`UnpackError`]: what cannot be read, what is over a limit, and every member that could reach out
/// of the tree.
pub fn unpack(
    archive: &Path,
    strip: u32,
    tree: &mut Tree,
    limits: &Limits,
) -> Result<(), UnpackError> {
    let unreadable = |source| UnpackError::Open {
        archive: archive.to_owned(),
        source,
    };
    let file = File::open(archive).map_err(unreadable)?;
    let size_bytes = file.metadata().map_err(unreadable)?.len();
    unpack_stream(
        archive,
        BufReader::new(file),
        size_bytes,
        strip,
        tree,
        limits,
    )
}

/// The same for an archive of `size_bytes` bytes that is read from somewhere; `archive` is what
/// errors call it.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_stream(
    archive: &Path,
    input: impl BufRead,
    size_bytes: u64,
    strip: u32,
    tree: &mut Tree,
    limits: &Limits,
) -> Result<(), UnpackError> {
    let mut unpacking = Unpacking {
        archive,
        strip,
        tree,
        left: *limits,
        last: None,
        count: 0,
    };
    let limit = limits
        .total_bytes
        .min(FREE_BYTES.max(size_bytes.saturating_mul(limits.ratio)));
    unpacking.left.total_bytes = limit;
    let input = decompress(input).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => UnpackError::NoTar {
            archive: archive.to_owned(),
            source,
        },
        _ => unpacking.unreadable(source),
    })?;
    let header_left = Cell::new(HEADER_LIMIT);
    let mut input = Metered {
        input,
        left: limit,
        header_left: &header_left,
        over: None,
        has_ended: false,
    };
    unpacking.all(&mut input, &header_left).map_err(|failure| {
        let failure = input.over.take().unwrap_or(failure);
        unpacking.explained(failure, limits, limit)
    })?;
    tree.check_links().map_err(|reason| UnpackError::Links {
        archive: archive.to_owned(),
        reason,
    })
}

/// A reader that hands out no more than it may, and remembers how it ended.
struct Metered<'c, R> {
    input: R,
    left: u64,
    /// What may still be read before the next member begins, or [`u64::MAX`] within one: the tar
    /// reader keeps long names and pax records in memory, however long they are said to be.
    header_left: &'c Cell<u64>,
    over: Option<Failure>,
    has_ended: bool,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        let is_header = self.header_left.get() != u64::MAX;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return self.refuse(Failure::TooLarge),
        }
        match self.header_left.get().checked_sub(count as u64) {
            Some(left) if is_header => self.header_left.set(left),
            None => return self.refuse(Failure::LongHeader),
            Some(_) => {}
        }
        self.has_ended |= count == 0 && !out.is_empty();
        Ok(count)
    }
}

impl<R> Metered<'_, R> {
    fn refuse(&mut self, failure: Failure) -> io::Result<usize> {
        self.over = Some(failure);
        Err(io::Error::other("it unpacks to more than is allowed"))
    }
}

/// Why unpacking stopped: a message that is complete, or one that wants the last member's name.
enum Failure {
    Told(MemberError, String),
    Read(io::Error),
    TooLarge,
    TooMany,
    LongHeader,
    CutOff,
    Nothing,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

struct Unpacking<'a> {
    archive: &'a Path,
    strip: u32,
    tree: &'a mut Tree,
    /// What may still come. Contents are counted here too, for holes of sparse files and copies of
    /// hard-linked files make more of them than the archive holds.
    left: Limits,
    /// The last member that was read whole.
    last: Option<String>,
    /// How many entries were put into the tree.
    count: u64,
}

impl Unpacking<'_> {
    fn all(
        &mut self,
        input: &mut Metered<'_, impl Read>,
        header_left: &Cell<u64>,
    ) -> Result<(), Failure> {
        let mut archive = Archive::new(&mut *input);
        for member in archive.entries()? {
            header_left.set(u64::MAX);
            let mut member = member?;
            self.count_entries(1)?;
            self.member(&mut member)?;
            self.last = Some(printable(&member.path_bytes()));
            // the content of a member that is left out is passed over on the way to the next one
            let unread = member.header().entry_size().unwrap_or(0);
            header_left.set(HEADER_LIMIT.saturating_add(unread).min(u64::MAX - 1));
        }
        header_left.set(u64::MAX);
        if input.has_ended {
            return Err(Failure::CutOff);
        }
        // The rest is padding; reading it makes the decompressor check its own sums.
        io::copy(input, &mut io::sink())?;
        if self.count == 0 {
            Err(Failure::Nothing)
        } else {
            Ok(())
        }
    }

    fn unreadable(&self, source: io::Error) -> UnpackError {
        UnpackError::Open {
            archive: self.archive.to_owned(),
            source,
        }
    }

    fn explained(&self, failure: Failure, limits: &Limits, limit: u64) -> UnpackError {
        let (archive, last) = (self.archive.to_owned(), self.last.clone());
        match failure {
            Failure::Told(reason, member) => UnpackError::Member {
                archive,
                member,
                reason,
            },
            Failure::Read(source) if source.kind() == io::ErrorKind::OutOfMemory => {
                UnpackError::Memory { archive, source }
            }
            Failure::Read(source) if last.is_none() => UnpackError::NoTar { archive, source },
            Failure::Read(source) => UnpackError::Read {
                archive,
                last,
                source,
            },
            Failure::TooLarge => UnpackError::TooLarge {
                archive,
                last,
                limit,
            },
            Failure::TooMany => UnpackError::TooMany {
                archive,
                limit: limits.entries,
            },
            Failure::LongHeader => UnpackError::LongHeader { archive, last },
            Failure::CutOff => UnpackError::CutOff { archive, last },
            Failure::Nothing => UnpackError::Nothing {
                archive,
                strip: self.strip,
            },
        }
    }

    fn member<R: Read>(&mut self, member: &mut Member<'_, R>) -> Result<(), Failure> {
        let kind = member.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let name = member.path_bytes().into_owned();
        if is_pax_sparse(member)? {
            return Err(refuse(
                &name,
                MemberError::Kind("a sparse file in pax format"),
            ));
        }
        // A name that is dropped needs no content, and a link to it no target.
        if matches!(TreePath::parse_stripped(&name, self.strip), Ok(None)) {
            return Ok(());
        }
        let entry = match kind {
            EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => Entry::Directory,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.content(member)?
            }
            EntryType::Directory => Entry::Directory,
            EntryType::Symlink => symlink(member, &name)?,
            EntryType::Link => self.hard_link(member, &name)?,
            other => return Err(refuse(&name, MemberError::Kind(described(other)))),
        };
        let Some(path) = TreePath::parse_stripped(&name, self.strip)
            .map_err(|error| refuse(&name, error.into()))?
        else {
            return Ok(());
        };
        self.count += 1;
        let (length, before) = (path.as_bytes().len(), self.tree.len());
        self.tree
            .insert(path, entry)
            .map_err(|error| refuse(&name, error.into()))?;
        // One name may make hundreds of folders, each with a name of its own.
        let made = (self.tree.len() - before) as u64;
        self.count_entries(made.saturating_sub(1))?;
        self.spend(made.saturating_mul(length as u64))
    }

    fn count_entries(&mut self, more: u64) -> Result<(), Failure> {
        let left = self.left.entries.checked_sub(more);
        self.left.entries = left.ok_or(Failure::TooMany)?;
        Ok(())
    }

    fn content<R: Read>(&mut self, member: &mut Member<'_, R>) -> Result<Entry, Failure> {
        let is_executable = member.header().mode()? & 0o100 != 0;
        let size_bytes = member.size();
        self.spend(size_bytes)?;
        let size = usize::try_from(size_bytes).map_err(|_| Failure::TooLarge)?;
        // Read where it will stay: a large file would be in memory twice.
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, size).collect();
        if let Some(whole) = Arc::get_mut(&mut bytes) {
            member.read_exact(whole)?;
        }
        Ok(Entry::file(bytes, is_executable))
    }

    fn spend(&mut self, size_bytes: u64) -> Result<(), Failure> {
        let left = self.left.total_bytes.checked_sub(size_bytes);
        self.left.total_bytes = left.ok_or(Failure::TooLarge)?;
        Ok(())
    }

    /// A hard link becomes a copy of what it names.
    fn hard_link<R: Read>(
        &mut self,
        member: &Member<'_, R>,
        name: &[u8],
    ) -> Result<Entry, Failure> {
        let target = member.link_name_bytes().unwrap_or_default().into_owned();
        let place = TreePath::parse_stripped(&target, self.strip).map_err(|reason| {
            refuse(
                name,
                MemberError::HardLinkName {
                    target: printable(&target),
                    reason,
                },
            )
        })?;
        match place.and_then(|path| self.tree.get(&path).cloned()) {
            Some(Entry::File { bytes, executable }) => {
                self.spend(bytes.len() as u64)?;
                Ok(Entry::File { bytes, executable })
            }
            // The link itself is copied, and checked where the copy lies.
            Some(entry @ Entry::Symlink { .. }) => Ok(entry),
            _ => Err(refuse(name, MemberError::HardLink(printable(&target)))),
        }
    }
}

fn symlink<R: Read>(member: &Member<'_, R>, name: &[u8]) -> Result<Entry, Failure> {
    let target = member.link_name_bytes().unwrap_or_default().into_owned();
    if target.is_empty() {
        return Err(refuse(name, MemberError::NoTarget));
    }
    if target.starts_with(b"/") {
        return Err(refuse(
            name,
            MemberError::AbsoluteTarget(printable(&target)),
        ));
    }
    if target.len() > LONGEST_PATH {
        return Err(refuse(name, MemberError::LongTarget));
    }
    Ok(Entry::Symlink { target })
}

fn refuse(name: &[u8], reason: MemberError) -> Failure {
    Failure::Told(reason, printable(name))
}

/// Whether the content is a map of holes and data that only GNU tar knows how to read.
fn is_pax_sparse<R: Read>(member: &mut Member<'_, R>) -> Result<bool, Failure> {
    let Some(records) = member.pax_extensions()? else {
        return Ok(false);
    };
    for record in records {
        if record?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn described(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Char => "a character device",
        EntryType::Block => "a block device",
        EntryType::Fifo => "a named pipe",
        _ => "of a kind that source archives do not need",
    }
}

#[cfg(test)]
mod tests;
