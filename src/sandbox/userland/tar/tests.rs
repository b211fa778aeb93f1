//! The exit statuses of the platform's `tar`, and what it leaves behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::super::testing::{Answer, run};
use super::*;

fn archive(build: impl FnOnce(&mut ::tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    build(&mut builder);
    builder.into_inner().unwrap()
}

fn header(name: &str, size: u64) -> ::tar::Header {
    let mut header = ::tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_mode(0o640);
    header.set_mtime(1_000_000);
    header.set_uid(u64::from(nix::unistd::geteuid().as_raw()));
    header.set_gid(u64::from(nix::unistd::getegid().as_raw()));
    header
}

fn add(builder: &mut ::tar::Builder<Vec<u8>>, mut header: ::tar::Header, content: &[u8]) {
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn extract(folder: &Path, bytes: &[u8]) -> Answer {
    run(
        Path::new("/"),
        tar,
        &["xf", "-", "-C", folder.to_str().unwrap()],
        bytes,
    )
}

#[test]
fn an_empty_stream_is_a_success_that_extracts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let answer = extract(folder.path(), b"");
    let errors = "tar: blocksize = 0\n".to_owned();
    assert_eq!(
        answer,
        Answer {
            status: 0,
            output: String::new(),
            errors
        }
    );
}

#[test]
fn files_get_mode_time_and_missing_parents() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive(|builder| add(builder, header("a/b/c", 3), b"abc"));
    assert_eq!(extract(folder.path(), &bytes).status, 0);
    let path = folder.path().join("a/b/c");
    assert_eq!(fs::read(&path).unwrap(), b"abc");
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(
        (metadata.mode() & 0o7777, metadata.mtime()),
        (0o640, 1_000_000)
    );
}

#[test]
fn names_decide_the_owner_before_numbers_do() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/passwd"), "matt:x:1234:1::/:\n").unwrap();
    fs::write(root.path().join("etc/group"), "mac::4321:\n").unwrap();
    let named = |name: &str, magic: &[u8; 6]| {
        let mut header = header(name, 0);
        header.set_username("matt").unwrap();
        header.set_groupname("mac").unwrap();
        header.set_uid(7);
        header.set_gid(8);
        header.as_ustar_mut().unwrap().magic = *magic;
        header
    };
    let bytes = archive(|builder| {
        add(builder, named("new", b"ustar\0"), b"");
        add(builder, named("old", b"ustar "), b"");
    });
    let mut input = bytes.as_slice();
    let mut tape = Tape::new(&mut input);
    let extraction = extract::Extraction::new(root.path(), Path::new(""), false).unwrap();
    let mut owner = || {
        let entry = header::next(&mut tape, &mut Vec::new()).unwrap().unwrap();
        extraction.owner(&entry)
    };
    assert_eq!((owner(), owner()), ((1234, 4321), (7, 8)));
}

#[test]
fn pax_headers_become_junk_files_and_status_one() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive(|builder| {
        for (name, kind) in [
            ("pax_global_header", b'g'),
            ("PaxHeaders/f", b'x'),
            ("long", b'K'),
        ] {
            let mut header = header(name, 6);
            header.set_entry_type(::tar::EntryType::new(kind));
            add(builder, header, b"6 a=b\n");
        }
        add(builder, header("f", 1), b"y");
    });
    let answer = extract(folder.path(), &bytes);
    assert_eq!(answer.status, 1);
    assert_eq!(
        answer.errors,
        "tar: pax_global_header: typeflag 'g' not recognized, converting to regular file\n\
         tar: PaxHeaders/f: typeflag 'x' not recognized, converting to regular file\n\
         tar: long: typeflag 'K' not recognized, converting to regular file\n"
    );
    assert_eq!(
        fs::read(folder.path().join("PaxHeaders/f")).unwrap(),
        b"6 a=b\n"
    );
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"y");
}

#[test]
fn long_names_of_gnu_and_of_sun_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let long = "d/".repeat(120) + "f";
    let bytes = archive(|builder| {
        let mut gnu = header("@LongLink", long.len() as u64);
        gnu.set_entry_type(::tar::EntryType::new(b'L'));
        add(builder, gnu, long.as_bytes());
        add(builder, header("short", 1), b"1");
        let record = b"14 path=other\n";
        let mut sun = header("x", record.len() as u64);
        sun.set_entry_type(::tar::EntryType::new(b'X'));
        add(builder, sun, record);
        add(builder, header("short", 1), b"2");
    });
    assert_eq!(extract(folder.path(), &bytes).status, 0);
    assert_eq!(fs::read(folder.path().join(&long)).unwrap(), b"1");
    assert_eq!(fs::read(folder.path().join("other")).unwrap(), b"2");
    assert!(!folder.path().join("short").exists());
}

#[test]
fn a_hard_link_that_fails_is_only_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive(|builder| {
        for (name, target) in [("bad", "nowhere"), ("good", "f")] {
            if name == "good" {
                add(builder, header("f", 1), b"y");
            }
            let mut header = header(name, 0);
            header.set_entry_type(::tar::EntryType::Link);
            header.set_link_name(target).unwrap();
            add(builder, header, b"");
        }
    });
    let answer = extract(folder.path(), &bytes);
    assert_eq!(answer.status, 0);
    assert!(
        answer.errors.starts_with("tar: bad: cannot link"),
        "{answer:?}"
    );
    assert_eq!(fs::read(folder.path().join("good")).unwrap(), b"y");
}

#[test]
fn damage_is_told_by_status_two() {
    let folder = tempfile::tempdir().unwrap();
    let whole = archive(|builder| add(builder, header("f", 3), b"abc"));
    let answer = extract(folder.path(), &whole[..1024]);
    assert_eq!(
        (answer.status, answer.errors.as_str()),
        (2, "tar: read error: unexpected EOF\n")
    );
    let mut broken = whole.clone();
    broken[3] ^= 1;
    let answer = extract(folder.path(), &broken);
    assert_eq!(
        (answer.status, answer.errors.as_str()),
        (2, "tar: directory checksum error\n")
    );
    assert_eq!(extract(folder.path(), &whole[..700]).status, 3);
}

#[test]
fn a_stream_cut_inside_a_record_goes_on_into_the_record_before() {
    let folder = tempfile::tempdir().unwrap();
    let whole = archive(|builder| {
        add(builder, header("first", 9 * 512), &[b'1'; 9 * 512]);
        add(builder, header("second", 9 * 512), &[b'2'; 9 * 512]);
        add(builder, header("third", 9 * 512), &[b'3'; 9 * 512]);
    });
    // the second record brings the third header and one block; the rest is stale
    let answer = extract(folder.path(), &whole[..22 * 512]);
    assert_eq!(answer.status, 2);
    let third = fs::read(folder.path().join("third")).unwrap();
    assert_eq!(&third[..512], &[b'3'; 512]);
    assert_eq!(&third[512..1024], &[b'1'; 512]);
}

#[test]
fn existing_files_are_replaced_and_folders_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    fs::write(folder.path().join("d/old"), "old").unwrap();
    fs::write(folder.path().join("f"), "old").unwrap();
    fs::hard_link(folder.path().join("f"), folder.path().join("kept")).unwrap();
    fs::create_dir_all(folder.path().join("full/x")).unwrap();
    let bytes = archive(|builder| {
        let mut directory = header("d/", 0);
        directory.set_entry_type(::tar::EntryType::Directory);
        directory.set_mode(0o750);
        add(builder, directory, b"");
        add(builder, header("f", 3), b"new");
        add(builder, header("full", 3), b"new");
    });
    let answer = extract(folder.path(), &bytes);
    assert_eq!(answer.status, 1);
    assert!(
        answer.errors.starts_with("tar: full: cannot create"),
        "{answer:?}"
    );
    assert_eq!(fs::read(folder.path().join("d/old")).unwrap(), b"old");
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"new");
    assert_eq!(fs::read(folder.path().join("kept")).unwrap(), b"old");
    let mode = fs::metadata(folder.path().join("d"))
        .unwrap()
        .permissions()
        .mode();
    if nix::unistd::geteuid().is_root() {
        assert_eq!(mode & 0o7777, 0o750);
    }
}

#[test]
fn what_is_created_can_be_listed_and_extracted() {
    let from = tempfile::tempdir().unwrap();
    let long = "n".repeat(90);
    fs::create_dir_all(from.path().join("d").join(&long)).unwrap();
    fs::write(from.path().join("d/f"), "text").unwrap();
    fs::write(from.path().join("d").join(&long).join("deep"), "x").unwrap();
    fs::hard_link(from.path().join("d/f"), from.path().join("d/g")).unwrap();
    std::os::unix::fs::symlink("f", from.path().join("d/s")).unwrap();
    let file = from.path().join("out.tar");
    let (file, folder) = (file.to_str().unwrap(), from.path().to_str().unwrap());
    assert_eq!(
        run(Path::new("/"), tar, &["cf", file, "-C", folder, "d"], b"").status,
        0
    );
    let bytes = fs::read(file).unwrap();
    assert_eq!(bytes.len() % 10_240, 0);
    let listed = run(Path::new("/"), tar, &["tf", "-"], &bytes);
    assert_eq!(
        listed.output,
        format!("d/\nd/f\nd/g\nd/{long}/\nd/{long}/deep\nd/s\n")
    );
    let to = tempfile::tempdir().unwrap();
    assert_eq!(extract(to.path(), &bytes).status, 0);
    assert_eq!(fs::read(to.path().join("d/g")).unwrap(), b"text");
    assert_eq!(
        fs::read_link(to.path().join("d/s")).unwrap(),
        Path::new("f")
    );
    assert_eq!(
        fs::read(to.path().join("d").join(long).join("deep")).unwrap(),
        b"x"
    );
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    let from = tempfile::tempdir().unwrap();
    let name = "n".repeat(101);
    fs::write(from.path().join(&name), "").unwrap();
    let file = from.path().join("o");
    let args = [
        "cf",
        file.to_str().unwrap(),
        "-C",
        from.path().to_str().unwrap(),
        &name,
    ];
    assert_eq!(run(Path::new("/"), tar, &args, b"").status, 1);
}

#[test]
fn what_gnu_tar_knows_is_refused_here() {
    let status = |args: &[&str]| run(Path::new("/"), tar, args, b"").status;
    assert_eq!(status(&["--extract", "--file=-"]), 99);
    assert_eq!(status(&["xzf", "-"]), 99);
    assert_eq!(status(&["xvf", "-"]), 99);
    assert_eq!(status(&["xf", "-", "-C", "/a", "-C", "/b"]), 2);
    assert_eq!(status(&["xf", "-", "-C", "/a", "name"]), 99);
    assert_eq!(status(&["f", "-"]), 1);
    assert_eq!(status(&[]), 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tgz");
    fs::write(&file, [0x1f, 0x8b, 8, 0, 0, 0]).unwrap();
    assert_eq!(status(&["xf", file.to_str().unwrap()]), 99);
}
