//! Archives as nobody honest makes them.
//!
//! A library that writes archives refuses most of these names, so they are put into the headers by
//! hand.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use crate::sandbox::archive::greeter;

pub fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The greeter's archive with one more member at its end.
pub fn with_member(member: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(greeter().as_slice())
        .read_to_end(&mut bytes)
        .unwrap();
    // two blocks of zeros are the end
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(member);
    bytes.extend_from_slice(&[0; 1024]);
    packed(&bytes)
}

/// A header block with this name, kind, size and target of a link.
pub fn header(name: &str, kind: EntryType, size: u64, link: &str) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(946_684_800);
    header.set_entry_type(kind);
    let raw = header.as_ustar_mut().unwrap();
    raw.name[..name.len()].copy_from_slice(name.as_bytes());
    raw.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

pub fn file(name: &str) -> Vec<u8> {
    let mut member = header(name, EntryType::Regular, 6, "");
    let mut block = b"owned\n".to_vec();
    block.resize(512, 0);
    member.extend(block);
    member
}

pub fn link(name: &str, kind: EntryType, target: &str) -> Vec<u8> {
    header(name, kind, 0, target)
}

/// 10 GiB in one member, in some 10 MB: gzip streams in a row are one stream to who unpacks them.
pub fn bomb_of_one_file() -> Vec<u8> {
    let mut packed_bytes = packed(&header(
        "greeter-1.0/zeros",
        EntryType::Regular,
        10 << 30,
        "",
    ));
    let zeros = packed(&vec![0; 64 << 20]);
    for _ in 0..160 {
        packed_bytes.extend_from_slice(&zeros);
    }
    packed_bytes.extend(packed(&[0; 1024]));
    packed_bytes
}

/// 10 GiB in many members, none of which is large by itself, in some 400 kB.
pub fn bomb_of_many_files() -> Vec<u8> {
    let bzipped = |bytes: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let member = header("greeter-1.0/zeros", EntryType::Regular, 4 << 20, "");
    let mut bytes = bzipped(&[member, vec![0; 4 << 20]].concat()).repeat(10 * 1024 / 4);
    bytes.extend(bzipped(&[0; 1024]));
    bytes
}
