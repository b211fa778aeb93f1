//! The headers that the platform's `tar` understands.
//!
//! Not among them: pax `x` and `g`, GNU's long link `K` and sparse `S`. Those become regular files
//! under their own junk name, with a message, and the exit status turns to 1.

use std::io::{self, Write};

use super::tape::{Block, Tape, TapeError};

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub link: String,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// User and group; empty where the numbers alone count.
    pub owners: [String; 2],
    pub size: u64,
    pub mtime: i64,
    /// The type was not understood.
    pub is_junk: bool,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    HardLink,
    SymbolicLink,
    Fifo,
}

/// The next member; none at the end marker.
pub fn next(tape: &mut Tape, errors: &mut dyn Write) -> Result<Option<Entry>, TapeError> {
    let mut long_name = None;
    let mut records = Records::default();
    loop {
        let block = tape.block()?;
        if block.first() == Some(&0) {
            return Ok(None);
        }
        check(&block)?;
        let size = octal(field(&block, 124, 12));
        match block.get(156).copied().unwrap_or(0) {
            b'L' => long_name = Some(text(&content(tape, size)?)),
            b'X' => records = Records::parse(&text(&content(tape, size)?)),
            b'A' => return Err(TapeError::NotEmulated("an ACL".to_owned())),
            b'E' => return Err(TapeError::NotEmulated("an extended attribute".to_owned())),
            b'3' | b'4' => return Err(TapeError::NotEmulated("a device".to_owned())),
            flag => {
                let mut entry = entry(&block, flag, size);
                entry.name = records.path.or(long_name).unwrap_or(entry.name);
                entry.link = records.link.unwrap_or(entry.link);
                entry.size = records.size.unwrap_or(entry.size);
                if entry.is_junk {
                    writeln!(
                        errors,
                        "tar: {}: typeflag '{}' not recognized, converting to regular file",
                        entry.name,
                        char::from(flag)
                    )?;
                }
                return Ok(Some(entry));
            }
        }
    }
}

fn entry(block: &Block, flag: u8, size: u64) -> Entry {
    let is_ustar = field(block, 257, 6) == b"ustar\0";
    let mut name = text(field(block, 0, 100));
    let prefix = text(field(block, 345, 155));
    if is_ustar && !prefix.is_empty() {
        name = format!("{prefix}/{name}");
    }
    let (kind, is_junk) = match flag {
        b'0' | 0 if name.ends_with('/') => (Kind::Folder, false),
        b'0' | 0 => (Kind::File, false),
        b'1' => (Kind::HardLink, false),
        b'2' => (Kind::SymbolicLink, false),
        b'5' => (Kind::Folder, false),
        b'6' => (Kind::Fifo, false),
        _ => (Kind::File, true),
    };
    let small = |at, length| u32::try_from(octal(field(block, at, length))).unwrap_or(0);
    let owner = |at| {
        if is_ustar {
            text(field(block, at, 32))
        } else {
            String::new()
        }
    };
    Entry {
        name,
        link: text(field(block, 157, 100)),
        kind,
        mode: small(100, 8) & 0o7777,
        uid: small(108, 8),
        gid: small(116, 8),
        owners: [owner(265), owner(297)],
        size: if matches!(kind, Kind::File) { size } else { 0 },
        mtime: i64::try_from(octal(field(block, 136, 12))).unwrap_or(0),
        is_junk,
    }
}

/// What an `X` header of Sun's says about the member after it.
#[derive(Default)]
struct Records {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl Records {
    // 22 path=some/long/name\n
    fn parse(text: &str) -> Self {
        let mut records = Self::default();
        for line in text.lines() {
            let pair = line
                .split_once(' ')
                .and_then(|(_, pair)| pair.split_once('='));
            match pair {
                Some(("path", value)) => records.path = Some(value.to_owned()),
                Some(("linkpath", value)) => records.link = Some(value.to_owned()),
                Some(("size", value)) => records.size = value.parse().ok(),
                _ => {}
            }
        }
        records
    }
}

fn check(block: &Block) -> Result<(), TapeError> {
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    if octal(field(block, 148, 8)) == sum {
        Ok(())
    } else {
        Err(TapeError::Checksum)
    }
}

fn content(tape: &mut Tape, size: u64) -> Result<Vec<u8>, TapeError> {
    let mut bytes = Vec::new();
    tape.content(size, |part| {
        bytes.extend_from_slice(part);
        if bytes.len() > 1 << 20 {
            Err(io::Error::other("a header of over 1 MiB"))
        } else {
            Ok(())
        }
    })?;
    Ok(bytes)
}

fn field(block: &Block, at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

fn octal(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().copied().skip_while(|byte| *byte == b' ');
    digits
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .fold(0_u64, |sum, digit| (sum << 3) | u64::from(digit - b'0'))
}
