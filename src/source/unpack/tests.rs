use std::io::Write;
use std::process::Command;

use tar::Header;
use tempfile::TempDir;

use super::*;

/// One member as a test writes it, names unchecked.
struct Row<'a> {
    kind: u8,
    name: &'a str,
    link: &'a str,
    body: &'a [u8],
}

fn row<'a>(kind: u8, name: &'a str, link: &'a str) -> Row<'a> {
    Row {
        kind,
        name,
        link,
        body: b"",
    }
}

fn file<'a>(name: &'a str, body: &'a [u8]) -> Row<'a> {
    Row {
        kind: b'0',
        name,
        link: "",
        body,
    }
}

fn header(kind: u8, name: &str, link: &str, size_bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    let old = header.as_gnu_mut().unwrap();
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size_bytes);
    header.set_cksum();
    header
}

fn members(rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend_from_slice(
            header(row.kind, row.name, row.link, row.body.len() as u64).as_bytes(),
        );
        bytes.extend_from_slice(row.body);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes
}

fn archive(rows: &[Row]) -> Vec<u8> {
    let mut bytes = members(rows);
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

fn unpacked(bytes: &[u8], strip: u32, limits: &Limits) -> Result<Tree, UnpackError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.tar");
    std::fs::write(&path, bytes).unwrap();
    let mut tree = Tree::new();
    unpack(&path, strip, &mut tree, limits).map(|()| tree)
}

fn path(name: &str) -> TreePath {
    TreePath::parse(name.as_bytes()).unwrap()
}

fn text(tree: &Tree, name: &str) -> Vec<u8> {
    match tree.get(&path(name)) {
        Some(Entry::File { bytes, .. }) => bytes.to_vec(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn hostile_members_are_refused_by_name() {
    let table: &[(&[Row], &str)] = &[
        (
            &[file("/etc/passwd", b"x")],
            "`/etc/passwd` is refused: it is an absolute path",
        ),
        (
            &[file("a/../../x", b"x")],
            "`a/../../x` is refused: it contains `..`",
        ),
        (&[file("..", b"x")], "`..` is refused"),
        (
            &[row(b'2', "l", "/etc")],
            "`l` is refused: it is a symbolic link to `/etc`, an absolute",
        ),
        (
            &[row(b'2', "l", "../x")],
            "link `l` leaves the source tree: it points to `../x`",
        ),
        (&[row(b'2', "d/l", "../../x")], "link `d/l` leaves"),
        (
            &[row(b'2', "l", "")],
            "`l` is refused: it is a symbolic link without",
        ),
        (&[row(b'2', "l", "l")], "link `l` leads in a circle"),
        (
            &[row(b'2', "d/up", ".."), row(b'2', "d/l", "up/../x")],
            "link `d/l` leaves",
        ),
        (
            &[row(b'2', "l", "d"), file("l/x", b"x")],
            "`l/x` is refused: `l/x` lies below `l`",
        ),
        (
            &[row(b'5', "d", ""), row(b'2', "l", "d"), file("l/x", b"x")],
            "below `l`",
        ),
        (
            &[row(b'1', "h", "/etc/passwd")],
            "`h` is refused: it is a hard link to `/etc/passwd`: it",
        ),
        (
            &[row(b'1', "h", "../x")],
            "hard link to `../x`: it contains `..`",
        ),
        (
            &[row(b'1', "h", "missing")],
            "hard link to `missing`, which is no file",
        ),
        (
            &[row(b'5', "d", ""), row(b'1', "h", "d")],
            "hard link to `d`, which is no file",
        ),
        (
            &[row(b'2', "l", "d"), row(b'1', "h", "l/x")],
            "hard link to `l/x`, which is no file",
        ),
        // The copy of a link lies elsewhere, where it may mean something else.
        (
            &[row(b'2', "d/l", "../x"), row(b'1', "h", "d/l")],
            "link `h` leaves",
        ),
        (
            &[row(b'3', "dev", "")],
            "`dev` is refused: it is a character device",
        ),
        (
            &[row(b'4', "dev", "")],
            "`dev` is refused: it is a block device",
        ),
        (
            &[row(b'6', "pipe", "")],
            "`pipe` is refused: it is a named pipe",
        ),
        (
            &[row(b'V', "label", "")],
            "`label` is refused: it is of a kind",
        ),
        (
            &[file("f", b"x"), file("f/x", b"x")],
            "below `f`, which is a file",
        ),
        (
            &[file("d/x", b"x"), file("d", b"x")],
            "`d` is a folder with files in it",
        ),
    ];
    for (rows, wanted) in table {
        let error = unpacked(&archive(rows), 0, &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "wanted: {wanted}\ngot: {error}");
        assert!(error.contains("x.tar"), "{error}");
    }
}

#[test]
fn each_limit_holds_at_its_bound() {
    let rows = [file("a", &[1; 512]), file("b", &[2; 512])];
    // Two headers, two contents and the end marker's first block; the second is read as the rest.
    let whole = 6 * 512;
    let table = [
        (
            Limits {
                total_bytes: whole,
                ..Limits::default()
            },
            None,
        ),
        (
            Limits {
                total_bytes: whole - 1,
                ..Limits::default()
            },
            Some("more than 3071 bytes"),
        ),
        (
            Limits {
                total_bytes: 1025,
                ..Limits::default()
            },
            Some("more than 1025 bytes after `a`"),
        ),
        (
            Limits {
                entries: 2,
                ..Limits::default()
            },
            None,
        ),
        (
            Limits {
                entries: 1,
                ..Limits::default()
            },
            Some("more than 1 members"),
        ),
    ];
    for (limits, wanted) in table {
        let got = unpacked(&archive(&rows), 0, &limits).map_err(|error| error.to_string());
        match wanted {
            None => assert!(got.is_ok(), "{limits:?}: {got:?}"),
            Some(wanted) => assert!(got.clone().unwrap_err().contains(wanted), "{got:?}"),
        }
    }
}

#[test]
fn a_bomb_is_refused_while_it_streams() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed
        .write_all(header(b'0', "zeros", "", 80 << 20).as_bytes())
        .unwrap();
    for _ in 0..80 {
        packed.write_all(&vec![0; 1 << 20]).unwrap();
    }
    packed.write_all(&[0; 1024]).unwrap();
    let error = unpacked(&packed.finish().unwrap(), 0, &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            UnpackError::TooLarge {
                limit: FREE_BYTES,
                ..
            }
        ),
        "{error}"
    );

    let body = vec![7; 1 << 20];
    let mut rows = vec![file("big", &body)];
    let names: Vec<String> = (0..64).map(|number| format!("link{number}")).collect();
    rows.extend(names.iter().map(|name| row(b'1', name, "big")));
    let error = unpacked(
        &archive(&rows),
        0,
        &Limits {
            ratio: 1,
            ..Limits::default()
        },
    );
    assert!(
        matches!(error, Err(UnpackError::TooLarge { .. })),
        "{error:?}"
    );
}

#[test]
fn an_archive_that_is_cut_off_anywhere_is_refused() {
    let whole = archive(&[file("a", &[1; 700]), file("b", b"x")]);
    for length in (1..whole.len() - 1024)
        .step_by(97)
        .chain([512, 1024, 1536, 2560])
    {
        let error = unpacked(&whole[..length], 0, &Limits::default());
        assert!(error.is_err(), "{length} bytes were taken for an archive");
    }
    let folder = TempDir::new().unwrap();
    for (name, program) in &PROGRAMS[1..] {
        let packed = compressed(&folder, &whole, program);
        for length in [packed.len() - 1, packed.len() - 5, packed.len() / 2] {
            let error = unpacked(&packed[..length], 0, &Limits::default());
            assert!(error.is_err(), "{name}: {length} of {} bytes", packed.len());
        }
    }
}

#[test]
fn what_is_no_archive_is_said_to_be_so() {
    let table: &[(&[u8], &str)] = &[
        (b"", "empty"),
        (b"PK\x03\x04rest", "zip"),
        (b"\n<!DOCTYPE html><html>", "HTML"),
        (b"\x1f\x8bgarbage", "does not start as a tar archive"),
        (&[b'x'; 1024], "does not start as a tar archive"),
    ];
    for (bytes, wanted) in table {
        let error = unpacked(bytes, 0, &Limits::default()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            format!("{error}: {cause}").contains(wanted),
            "{error}: {cause}"
        );
    }
}

const PROGRAMS: [(&str, &[&str]); 5] = [
    ("plain", &["cat"]),
    ("gzip", &["gzip", "-nc"]),
    ("bzip2", &["bzip2", "-c"]),
    ("xz", &["xz", "-c"]),
    ("zstd", &["zstd", "-qc"]),
];

fn compressed(folder: &TempDir, bytes: &[u8], program: &[&str]) -> Vec<u8> {
    let path = folder.path().join("plain.tar");
    std::fs::write(&path, bytes).unwrap();
    let output = Command::new(program[0])
        .args(&program[1..])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{program:?}");
    output.stdout
}

#[test]
fn every_compression_is_found_by_its_first_bytes_and_streams_in_a_row_are_read() {
    let folder = TempDir::new().unwrap();
    let bytes = archive(&[file("a/b", b"hello"), file("a/c", &[9; 5000])]);
    for (name, program) in PROGRAMS {
        let (first, second) = bytes.split_at(1000);
        let mut packed = compressed(&folder, first, program);
        packed.extend(compressed(&folder, second, program));
        let tree = unpacked(&packed, 1, &Limits::default()).expect(name);
        assert_eq!(text(&tree, "b"), b"hello", "{name}");
        assert_eq!(text(&tree, "c").len(), 5000, "{name}");
    }
}

#[test]
fn what_gnu_tar_writes_is_read_in_all_its_formats() {
    let folder = TempDir::new().unwrap();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(130));
    let script = format!(
        "mkdir -p top/{dir} && echo one >top/{long} && ln top/{long} top/hard && \
         ln -s {long} top/soft && echo run >top/run && chmod 0710 top/run && mkdir top/empty",
        dir = "d".repeat(120),
    );
    let made = Command::new("sh")
        .args(["-ec", &script])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(made.success());
    for format in ["gnu", "pax"] {
        let made = Command::new("tar")
            .arg(format!("--format={format}"))
            .args(["-cf", "made.tar", "top"])
            .current_dir(&folder)
            .status()
            .unwrap();
        assert!(made.success());
        let mut tree = Tree::new();
        let file = folder.path().join("made.tar");
        unpack(&file, 1, &mut tree, &Limits::default()).unwrap();
        assert_eq!(text(&tree, &long), b"one\n", "{format}");
        assert_eq!(text(&tree, "hard"), b"one\n");
        let soft = tree.get(&path("soft")).unwrap();
        assert_eq!(
            *soft,
            Entry::Symlink {
                target: long.clone().into_bytes()
            }
        );
        assert_eq!(tree.get(&path("run")), Some(&Entry::file(*b"run\n", true)));
        assert_eq!(tree.get(&path("empty")), Some(&Entry::Directory));
    }
}

#[test]
fn a_git_archive_with_its_global_header_is_read() {
    let mut bytes = members(&[
        Row {
            kind: b'g',
            name: "pax_global_header",
            link: "",
            body: b"19 comment=abcdefg\n",
        },
        row(b'5', "top/", ""),
        file("top/a", b"x"),
    ]);
    bytes.extend_from_slice(&[0; 1024]);
    let tree = unpacked(&bytes, 1, &Limits::default()).unwrap();
    assert_eq!(tree.len(), 1);
    assert_eq!(text(&tree, "a"), b"x");
}

#[test]
fn of_two_members_with_one_name_the_later_counts() {
    let tree = unpacked(
        &archive(&[
            file("a", b"old"),
            row(b'2', "b", "a"),
            file("a", b"new"),
            file("b", b"file"),
        ]),
        0,
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(
        (text(&tree, "a"), text(&tree, "b")),
        (b"new".to_vec(), b"file".to_vec())
    );
}

#[test]
fn members_that_vanish_by_stripping_are_left_out_and_an_archive_of_them_is_an_error() {
    let rows = [
        file("README", b"x"),
        row(b'2', "link", "/gone"),
        file("top/a", b"x"),
    ];
    assert_eq!(
        unpacked(&archive(&rows), 1, &Limits::default())
            .unwrap()
            .len(),
        1
    );
    let error = unpacked(&archive(&rows), 2, &Limits::default()).unwrap_err();
    assert!(
        matches!(error, UnpackError::Nothing { strip: 2, .. }),
        "{error}"
    );
}

#[test]
fn a_sparse_file_has_its_holes_filled_and_counted() {
    let folder = TempDir::new().unwrap();
    for (size, fits) in [("3M", true), ("300M", false)] {
        let script = format!("rm -f s; truncate -s {size} s && tar --format=gnu -Scf s.tar s");
        let made = Command::new("sh")
            .args(["-ec", &script])
            .current_dir(&folder)
            .status()
            .unwrap();
        assert!(made.success());
        let bytes = std::fs::read(folder.path().join("s.tar")).unwrap();
        let tree = unpacked(&bytes, 0, &Limits::default());
        match tree {
            Ok(tree) => assert!(fits && text(&tree, "s").len() == 3 << 20),
            Err(error) => assert!(!fits && error.to_string().contains("more than"), "{error}"),
        }
    }
}
