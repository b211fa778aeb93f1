//! Archives read back by the `pkgsrc` crate and by the machine's own tar.

use std::collections::BTreeMap;
use std::process::Command;

use super::*;
use crate::package::package_name;

pub(crate) fn spec() -> PackageSpec {
    PackageSpec {
        name: package_name("foo-bar", "1.0nb2"),
        comment: "A test: of <things>".to_owned(),
        description: "Two\nlines".to_owned(),
        depends: vec!["zlib>=1.2".to_owned(), "libevent-[0-9]*".to_owned()],
        built_with: vec!["gcc13-13.3.0".to_owned()],
        conflicts: vec!["foo-[0-9]*".to_owned()],
        build_info: BuildInfo {
            opsys: "SunOS".to_owned(),
            os_version: "5.11".to_owned(),
            machine_arch: "x86_64".to_owned(),
            pkgpath: "net/foo-bar".to_owned(),
            categories: "net".to_owned(),
            build_date: 1_762_964_528,
            license: Some("GPL-2.0-or-later".to_owned()),
            homepage: None,
            provides: vec!["/opt/local/lib/libfoo.so.1".to_owned()],
            requires: vec![
                "/lib/64/libc.so.1".to_owned(),
                "/opt/local/lib/libz.so".to_owned(),
            ],
            other: vec![("ZW_BUILD_KEY".to_owned(), "abc".to_owned())],
        },
        build_version: vec!["recipes/foo.toml: 123".to_owned()],
        dependencies_size_bytes: 1000,
        modified: 1_700_000_000,
    }
}

pub(crate) fn long_path() -> String {
    format!("share/{}/{}é", "d".repeat(120), "f".repeat(130))
}

pub(crate) fn files() -> PackageFiles {
    let file = |text: &str, mode| StagedEntry {
        kind: EntryKind::File {
            bytes: text.as_bytes().into(),
        },
        mode,
    };
    let link = |target: &str| StagedEntry {
        kind: EntryKind::Symlink {
            target: target.to_owned(),
        },
        mode: 0o777,
    };
    PackageFiles {
        prefix: "/opt/local".to_owned(),
        entries: BTreeMap::from([
            ("bin/foo".to_owned(), file("hello\n", 0o755)),
            ("bin/su me".to_owned(), file("", 0o4755)),
            (long_path(), file("long", 0o640)),
            ("lib/libfoo.so".to_owned(), link("libfoo.so.1")),
            ("lib/long".to_owned(), link(&"t/".repeat(80))),
            (
                "var/foo".to_owned(),
                StagedEntry {
                    kind: EntryKind::Directory,
                    mode: 0o755,
                },
            ),
        ]),
    }
}

#[test]
fn the_list_is_written_as_the_package_tools_read_it() {
    let expected = format!(
        "@name zw-foo-bar-1.0nb2
@pkgdep zlib>=1.2
@pkgdep libevent-[0-9]*
@blddep gcc13-13.3.0
@pkgcfl foo-[0-9]*
@cwd /opt/local
bin/foo
@comment MD5:b1946ac92492d2347c6235b4d2611184
bin/su me
@comment MD5:d41d8cd98f00b204e9800998ecf8427e
lib/libfoo.so
@comment Symlink:libfoo.so.1
lib/long
@comment Symlink:{}
{}
@comment MD5:0f5264038205edfb1ac05fbb0e8c5e94
@pkgdir var/foo
",
        "t/".repeat(80),
        long_path()
    );
    assert_eq!(contents(&spec(), &files()).unwrap(), expected);
}

#[test]
fn the_build_information_is_sorted_and_dated_from_the_given_time() {
    assert_eq!(
        build_info(&spec().build_info).unwrap(),
        "BUILD_DATE=2025-11-12 16:22:08 +0000
CATEGORIES=net
LICENSE=GPL-2.0-or-later
MACHINE_ARCH=x86_64
OPSYS=SunOS
OS_VERSION=5.11
PKGPATH=net/foo-bar
PKGTOOLS_VERSION=20091115
PROVIDES=/opt/local/lib/libfoo.so.1
REQUIRES=/lib/64/libc.so.1
REQUIRES=/opt/local/lib/libz.so
ZW_BUILD_KEY=abc
"
    );
    for (seconds, date) in [
        (0, "1970-01-01 00:00:00 +0000"),
        (951_782_399, "2000-02-28 23:59:59 +0000"),
        (951_782_400, "2000-02-29 00:00:00 +0000"),
        (4_107_542_400, "2100-03-01 00:00:00 +0000"),
    ] {
        assert_eq!(build_date(seconds).as_deref(), Some(date));
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let first = write(&spec(), &files()).unwrap();
    assert_eq!(first, write(&spec(), &files()).unwrap());
    assert_eq!(first[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
}

#[test]
fn the_pkgsrc_crate_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zw-foo-bar-1.0nb2.tgz");
    std::fs::write(&path, write(&spec(), &files()).unwrap()).unwrap();
    let package = pkgsrc::archive::BinaryPackage::open(&path).unwrap();
    assert_eq!(package.pkgname(), Some("zw-foo-bar-1.0nb2"));
    assert_eq!(package.build_info_value("OPSYS"), Some("SunOS"));
    assert_eq!(package.build_info_values("REQUIRES").unwrap().len(), 2);
    assert_eq!(package.metadata().comment(), "A test: of <things>");
    assert_eq!(package.plist().depends().count(), 2);
    let summary = package.to_summary().unwrap().to_string();
    // bin/foo, the two links' targets and the long file
    assert!(
        summary.contains(&format!("SIZE_PKG={}", 6 + 11 + 160 + 4)),
        "{summary}"
    );
    let unpacked = folder.path().join("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    package.extract_to(&unpacked).unwrap();
    package.verify_checksums(&unpacked).unwrap();
}

// -rwsr-xr-x root/root         0 2023-11-14 22:13 bin/su me
#[test]
fn tar_sees_the_members_in_order_with_their_modes_and_roots_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("package.tgz");
    std::fs::write(&path, write(&spec(), &files()).unwrap()).unwrap();
    let output = Command::new("tar")
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .args(["--quoting-style=literal", "-tvzf"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let listing = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = listing.lines().collect();
    let names: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split(" 22:13 ").nth(1))
        .collect();
    let long = long_path();
    let link = format!("lib/long -> {}", "t/".repeat(80));
    assert_eq!(
        names,
        [
            "+CONTENTS",
            "+COMMENT",
            "+DESC",
            "+BUILD_VERSION",
            "+BUILD_INFO",
            "+SIZE_PKG",
            "+SIZE_ALL",
            "bin/foo",
            "bin/su me",
            "lib/libfoo.so -> libfoo.so.1",
            link.as_str(),
            long.as_str(),
        ]
    );
    assert!(
        lines.iter().all(|line| line.contains(" root/root ")),
        "{listing}"
    );
    assert!(
        lines.iter().all(|line| line.contains(" 2023-11-14 22:13 ")),
        "{listing}"
    );
    assert!(lines[8].starts_with("-rwsr-xr-x "), "{listing}");
    assert!(lines[11].starts_with("-rw-r----- "), "{listing}");
}

#[test]
fn what_the_package_tools_would_misread_is_refused() {
    let refused = |change: &dyn Fn(&mut PackageSpec)| {
        let mut spec = spec();
        change(&mut spec);
        write(&spec, &files()).unwrap_err().to_string()
    };
    for name in [
        "",
        "foo",
        "foo-",
        "foo-v1",
        "-1",
        "foo bar-1",
        "foo/x-1",
        "foo-1\n",
    ] {
        assert!(
            refused(&|s| s.name = name.to_owned()).contains("no package name"),
            "{name:?}"
        );
    }
    assert!(refused(&|s| s.comment.clear()).contains("comment"));
    assert!(refused(&|s| s.comment = "a\nb".to_owned()).contains("a\\nb"));
    assert!(refused(&|s| s.depends = vec!["x\n@exec rm".to_owned()]).contains("dependency"));
    assert!(refused(&|s| s.build_info.opsys.clear()).contains("OPSYS"));
    assert!(refused(&|s| s.build_info.other = vec![("a=b".into(), "x".into())]).contains("a=b"));
}
