//! Archives that are made to fill the memory: what it takes to refuse each, measured in a process of
//! its own, and what the error says.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use tempfile::TempDir;
use zonewright::source::tree::Tree;
use zonewright::source::unpack::{Limits, unpack};

const BLOCK: usize = 512;
const MIB: usize = 1 << 20;

/// What the contents may take in these tests. The tool's own limit is 2 GiB, which a machine that
/// runs tests may not have.
const TOTAL: usize = 32 * MIB;

/// What a process of the tests takes before it unpacks anything, decompressors, and the tree's
/// own bookkeeping.
const BESIDE: usize = 64 * MIB;

/// One header; sizes beyond eight gigabytes are written in binary, as GNU tar does.
fn header(kind: u8, name: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_path(name).unwrap();
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// A member whose content is zeros.
fn zeros(name: &str, bytes: usize) -> Vec<u8> {
    let mut member = header(b'0', name, bytes as u64);
    member.resize(BLOCK + bytes.next_multiple_of(BLOCK), 0);
    member
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = liblzma::write::XzEncoder::new(Vec::new(), 0);
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A frame of a header as it is and runs of one byte. `window` says how much of what came before
/// must be kept: powers of two in steps of eight, from 1 KiB.
fn zstd(bytes: &[u8], window: u8) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window];
    let mut block = |length: usize, bits: u32, bytes: &[u8]| {
        let head = u32::try_from(length).unwrap() << 3 | bits;
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.extend_from_slice(bytes);
    };
    let (header, content) = bytes.split_at(BLOCK);
    block(BLOCK, 0, header);
    for run in content.chunks(BLOCK * 200) {
        block(run.len(), 2, &run[..1]);
    }
    block(0, 1, &[]);
    frame
}

/// The same archive with a dictionary of four gigabytes.
fn with_huge_dictionary(mut xz: Vec<u8>) -> Vec<u8> {
    // the block's header begins behind the stream's twelve bytes; its first byte is its length
    let length = (usize::from(xz[12]) + 1) * 4;
    assert_eq!(xz[14..16], [0x21, 1], "one filter, LZMA2, with one byte");
    xz[16] = 40;
    let mut sum = flate2::Crc::new();
    sum.update(&xz[12..12 + length - 4]);
    xz[12 + length - 4..12 + length].copy_from_slice(&sum.sum().to_le_bytes());
    xz
}

/// 10 GiB: 34 files of a megabyte, three hundred times.
fn ten_gigabytes(pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let files = (0..34).map(|number| pack(&zeros(&format!("x/{number}"), MIB)));
    files.collect::<Vec<_>>().concat().repeat(302)
}

/// A name, or a list of records, that is longer than any: 300 MiB.
fn long(kind: u8, fill: &[u8]) -> Vec<u8> {
    let head = gzip(&header(kind, "././@LongLink", 300 << 20));
    let fill = gzip(&fill.repeat(MIB / fill.len()));
    [head, fill.repeat(300), gzip(&zeros("x", 0))].concat()
}

/// Files each in a folder that is in a folder, as deep as a name can say, all of them new.
fn deep(count: usize) -> Vec<u8> {
    let mut members = Vec::new();
    for number in 0..count {
        let name = format!("{number}/{}f", "d/".repeat(500));
        members.extend(header(b'L', "././@LongLink", name.len() as u64));
        members.extend(name.into_bytes());
        members.resize(members.len().next_multiple_of(BLOCK), 0);
        members.extend(zeros("x", 0));
    }
    members
}

/// A file of seven gigabytes that are not there.
fn sparse() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_path("x/hole").unwrap();
    header.set_mode(0o644);
    header.set_size(512);
    let gnu = header.as_gnu_mut().unwrap();
    let size: u64 = 7 << 30;
    // a block of data, then nothing up to the end
    gnu.realsize
        .copy_from_slice(format!("{size:011o}\0").as_bytes());
    gnu.sparse[0].offset.copy_from_slice(b"00000000000\0");
    gnu.sparse[0].numbytes.copy_from_slice(b"00000001000\0");
    gnu.sparse[1]
        .offset
        .copy_from_slice(format!("{size:011o}\0").as_bytes());
    gnu.sparse[1].numbytes.copy_from_slice(b"00000000000\0");
    header.set_cksum();
    [header.as_bytes(), &[0_u8; BLOCK][..]].concat()
}

fn bombs() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let more = "would unpack to more than 33554432 bytes";
    let header_limit = "has a header of more than 1048576 bytes";
    let memory = "needs too much memory";
    let end = vec![0; 2 * BLOCK];
    let file = [zeros("x/f", 10), end.clone()].concat();
    let tiny = zeros("x/tiny", 0).repeat(2048);
    vec![
        ("gz", ten_gigabytes(gzip), more),
        ("bz2", ten_gigabytes(bzip2), more),
        ("xz", ten_gigabytes(xz), more),
        ("zstd", ten_gigabytes(|bytes| zstd(bytes, 11 << 3)), more),
        ("gz in one file", gzip(&header(b'0', "x", 10 << 30)), more),
        ("the largest size", header(b'0', "x", u64::MAX >> 1), more),
        (
            "a large link",
            header(b'2', "x", u64::MAX >> 1),
            "symbolic link without",
        ),
        ("padding", ten_gigabytes(|_| gzip(&vec![0; MIB])), more),
        ("tiny files", gzip(&tiny).repeat(1024), more),
        ("deep folders", gzip(&deep(1200)), more),
        ("pax records", long(b'x', b"8 a=123\n"), header_limit),
        ("a global header", long(b'g', b"8 a=123\n"), more),
        ("a long name", long(b'L', b"n"), header_limit),
        ("a sparse file", sparse(), more),
        ("a huge dictionary", with_huge_dictionary(xz(&file)), memory),
        ("a huge window", zstd(&file, 21 << 3), memory),
        ("the hugest window", zstd(&file, 0xff), memory),
        ("hard links", hard_links(), more),
    ]
}

/// A file of a megabyte that has a thousand names.
fn hard_links() -> Vec<u8> {
    let mut members = zeros("x", MIB);
    for number in 0..1000 {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_path(format!("link{number}")).unwrap();
        header.set_link_name("x").unwrap();
        header.set_mode(0o644);
        header.set_size(0);
        header.set_cksum();
        members.extend_from_slice(header.as_bytes());
    }
    members.extend_from_slice(&[0; 2 * BLOCK]);
    members
}

/// Unpacks the archive in a process of its own: what it says, and the most memory it had, in bytes.
fn unpacked_apart(archive: &Path) -> (String, usize) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args([
            "fuzz::memory::unpack_for_another_test",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env("ZONEWRIGHT_TEST_ARCHIVE", archive)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = |word: &str| {
        text.split_once(word)
            .and_then(|(_, rest)| rest.lines().next())
    };
    let peak =
        after("peak: ").and_then(|words| words.trim().strip_suffix(" kB")?.trim().parse().ok());
    let peak: usize = peak.unwrap_or_else(|| panic!("{}: {text}", archive.display()));
    (after("said: ").unwrap_or("nothing").to_owned(), peak * 1024)
}

#[test]
#[ignore = "another test runs it for each of its archives"]
fn unpack_for_another_test() {
    let Some(archive) = std::env::var_os("ZONEWRIGHT_TEST_ARCHIVE") else {
        return;
    };
    let limits = match std::env::var_os("ZONEWRIGHT_TEST_DEFAULTS") {
        Some(_) => Limits::default(),
        None => Limits {
            total_bytes: TOTAL as u64,
            ..Limits::default()
        },
    };
    let mut tree = Tree::new();
    let result = unpack(&PathBuf::from(archive), 0, &mut tree, &limits);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("\npeak: {}", peak.unwrap());
    match result {
        Ok(()) => println!("said: it is fine"),
        Err(error) => {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            println!("said: {error}{cause}");
        }
    }
}

#[test]
fn no_archive_takes_more_memory_than_its_limit() {
    let folder = TempDir::new().unwrap();
    let mut wrong = Vec::new();
    for (what, bytes, wanted) in bombs() {
        let archive = folder.path().join("bomb.tar");
        fs::write(&archive, &bytes).unwrap();
        let (said, peak) = unpacked_apart(&archive);
        println!("{what}: {} bytes, {} MiB: {said}", bytes.len(), peak / MIB);
        if !said.contains(wanted) || peak > TOTAL + BESIDE {
            wrong.push(format!("{what}: {} MiB: {said}", peak / MIB));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
