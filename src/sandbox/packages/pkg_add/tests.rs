use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use tar::EntryType;

use super::main;
use crate::sandbox::packages::testing::{Answer, Package, Zone};
use crate::sandbox::packages::{pkg_delete, pkg_info};

fn foo() -> Package {
    Package::new("foo-1.0").file("bin/foo", "one\n")
}

/// Adds with the zone's configuration left out, as an unsigned package needs it.
fn add(zone: &mut Zone, words: &str) -> Answer {
    zone.run(main, &format!("-C /dev/null {words}"))
}

fn added(zone: &mut Zone, package: &Package) {
    let path = package.put(zone);
    let answer = add(zone, &path);
    assert_eq!(
        answer,
        Answer {
            status: 0,
            output: String::new(),
            errors: String::new()
        }
    );
}

/// The lines on standard error without the program's name.
fn complaints(answer: &Answer) -> Vec<&str> {
    answer
        .errors
        .lines()
        .map(|l| l.strip_prefix("pkg_add: ").unwrap_or(l))
        .collect()
}

const FAILED: &str = "1 package addition failed";

#[test]
fn a_fresh_install_is_silent_and_recorded() {
    let mut zone = Zone::new();
    let package = foo()
        .part("bin/suid", EntryType::Regular, 0o4755, "x", "")
        .part("bin/link", EntryType::Symlink, 0o777, "", "foo")
        .part("bin/hard", EntryType::Link, 0o644, "", "bin/foo")
        .line("@pkgdir var/foo")
        .line("@mode 0600")
        .file("etc/moded", "m");
    added(&mut zone, &package);
    assert_eq!(zone.read("/opt/local/bin/foo"), "one\n");
    let suid = fs::metadata(zone.path("/opt/local/bin/suid")).unwrap();
    assert_eq!(suid.permissions().mode() & 0o7777, 0o4755);
    assert_eq!(suid.mtime(), 1_700_000_000);
    assert_eq!(
        fs::read_link(zone.path("/opt/local/bin/link"))
            .unwrap()
            .to_str(),
        Some("foo")
    );
    assert_eq!(
        fs::metadata(zone.path("/opt/local/bin/hard"))
            .unwrap()
            .nlink(),
        2
    );
    let moded = fs::metadata(zone.path("/opt/local/etc/moded")).unwrap();
    assert_eq!(
        moded.permissions().mode() & 0o777,
        0o644,
        "@mode has no effect"
    );
    assert!(zone.path("/opt/local/var/foo").is_dir());
    let database = zone.database();
    assert!(database.has("foo-1.0"));
    assert!(!database.is_automatic("foo-1.0").unwrap());
    let map = database.file_map().unwrap().unwrap();
    assert_eq!(map.owner("/opt/local/bin/foo"), Some("foo-1.0"));
    assert_eq!(map.owner("/opt/local/var/foo"), Some("@pkgdir foo-1.0"));
    for (file, mode) in [
        ("+CONTENTS", 0o644),
        ("+COMMENT", 0o444),
        ("+BUILD_INFO", 0o444),
    ] {
        let path = zone.path("/opt/local/pkg/foo-1.0").join(file);
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            mode,
            "{file}"
        );
    }
}

#[test]
fn each_broken_package_fails_with_its_own_words() {
    let duplicate = {
        let mut package = foo();
        package
            .metadata
            .insert(1, ("+COMMENT".into(), "again".into()));
        package
    };
    let misordered = {
        let mut package = foo();
        package.metadata.reverse();
        package
    };
    let many: Vec<(&str, Package, Vec<&str>)> =
        vec![
        ("duplicate", duplicate, vec!["duplicate entry, package corrupt", FAILED]),
        ("misordered", misordered, vec!["misordered package", FAILED]),
        ("no comment", foo().without("+COMMENT"), vec![FAILED]),
        ("no description", foo().without("+DESC"), vec![FAILED]),
        (
            "no build info",
            foo().without("+BUILD_INFO"),
            vec!["Not all required build information are present.", FAILED],
        ),
        (
            "no machine",
            foo().metadata("+BUILD_INFO", "OPSYS=SunOS\nOS_VERSION=5.11\n"),
            vec!["Not all required build information are present.", FAILED],
        ),
        (
            "old tools",
            foo().built("PKGTOOLS_VERSION=x\n").metadata(
                "+BUILD_INFO",
                "OPSYS=SunOS\nOS_VERSION=5.11\nMACHINE_ARCH=x86_64\nPKGTOOLS_VERSION=2009\n",
            ),
            vec![
                "Warning: package `foo-1.0' contains an invalid pkg_install version",
                FAILED,
            ],
        ),
        (
            "newer tools",
            foo().metadata(
                "+BUILD_INFO",
                "OPSYS=SunOS\nOS_VERSION=5.11\nMACHINE_ARCH=x86_64\nPKGTOOLS_VERSION=20250418\n",
            ),
            vec!["Error: package `foo-1.0' was built with a newer pkg_install version", FAILED],
        ),
        (
            "other machine",
            foo().metadata(
                "+BUILD_INFO",
                "OPSYS=SunOS\nOS_VERSION=5.11\nMACHINE_ARCH=i386\nPKGTOOLS_VERSION=20091115\n",
            ),
            vec![
                "Warning: package `foo-1.0' was built for a platform:",
                "SunOS/i386 5.11 (pkg) vs. SunOS/x86_64 5.11 (this host)",
                FAILED,
            ],
        ),
        (
            "library",
            foo().built("REQUIRES=/opt/local/lib/liba.so\nREQUIRES=/opt/local/lib/libb.so\n"),
            vec![
                "Missing required library: /opt/local/lib/liba.so",
                "Missing required library: /opt/local/lib/libb.so",
                FAILED,
            ],
        ),
        (
            "dependency",
            foo().head("@pkgdep bar>=2"),
            vec!["no pkg found for 'bar>=2', sorry.", "Can't install dependency bar>=2", FAILED],
        ),
        (
            "missing member",
            Package { parts: vec![], ..foo() },
            vec![
                "PLIST entry not in package (bin/foo)",
                "Couldn't remove /opt/local/bin/foo: No such file or directory",
                FAILED,
            ],
        ),
        (
            "other member",
            Package { list: vec!["bin/fob".into()], ..foo() },
            vec![
                "PLIST entry and package don't match (bin/fob vs bin/foo)",
                "Couldn't remove /opt/local/bin/fob: No such file or directory",
                FAILED,
            ],
        ),
        (
            "extra member",
            foo().extra("bin/more", EntryType::Regular, 0o644, "", ""),
            vec!["Package contains entries not in PLIST: bin/more", FAILED],
        ),
        (
            "install script",
            foo().metadata("+INSTALL", "#!/bin/sh\nexit 3\n"),
            vec!["install script returned error status", FAILED],
        ),
    ];
    for (case, package, expected) in many {
        let mut zone = Zone::new();
        let path = package.put(&zone);
        let answer = add(&mut zone, &path);
        assert_eq!(complaints(&answer), expected, "{case}");
        assert_eq!((answer.status, answer.output.as_str()), (1, ""), "{case}");
        assert!(!zone.has("/opt/local/bin/foo"), "{case}");
        assert!(zone.database().names().unwrap().is_empty(), "{case}");
    }
}

#[test]
fn packing_lists_need_a_name_and_a_directory() {
    for (list, words) in [
        ("@cwd /opt/local\nbin/foo\n", "Invalid PLIST: missing @name"),
        ("@name foo-1.0\nbin/foo\n", "Invalid PLIST: missing @cwd"),
        (
            "@name foo\n@cwd /opt/local\nbin/foo\n",
            "Invalid package name foo",
        ),
    ] {
        let mut zone = Zone::new();
        let mut package = foo();
        package.name = "x-1".into();
        let bytes = String::from_utf8(package.tar()).unwrap();
        // Rebuild with our own list in place of the package's.
        let mut parts = vec![crate::sandbox::packages::testing::Part {
            name: "+CONTENTS".into(),
            data: list.into(),
            mode: 0o644,
            kind: EntryType::Regular,
            target: String::new(),
        }];
        assert!(bytes.contains("+CONTENTS"));
        for (name, text) in &package.metadata {
            let mut part = parts[0].clone();
            part.name = name.clone();
            part.data = text.clone().into();
            parts.push(part);
        }
        parts.extend(package.parts.clone());
        fs::write(
            zone.path("/tmp/x.tgz"),
            crate::sandbox::packages::testing::tar_of(&parts),
        )
        .unwrap();
        let answer = add(&mut zone, "/tmp/x.tgz");
        assert_eq!(complaints(&answer), [words, FAILED]);
    }
}

#[test]
fn what_is_no_archive_is_no_package() {
    let mut zone = Zone::new();
    fs::write(zone.path("/tmp/garbage.tgz"), "garbage".repeat(400)).unwrap();
    fs::write(
        zone.path("/tmp/zstd.tgz"),
        [0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3],
    )
    .unwrap();
    fs::write(zone.path("/tmp/empty.tgz"), "").unwrap();
    for (word, text) in [
        (
            "/tmp/absent.tgz",
            "no pkg found for '/tmp/absent.tgz', sorry.",
        ),
        ("absent", "no pkg found for 'absent', sorry."),
        (
            "/tmp/garbage.tgz",
            "no pkg found for '/tmp/garbage.tgz', sorry.",
        ),
        ("/tmp/zstd.tgz", "no pkg found for '/tmp/zstd.tgz', sorry."),
        ("/tmp", "no pkg found for '/tmp', sorry."),
        (
            "/tmp/empty.tgz",
            "Premature end of archive `/tmp/empty.tgz'",
        ),
    ] {
        let answer = add(&mut zone, word);
        assert_eq!(complaints(&answer), [text, FAILED], "{word}");
        assert_eq!(answer.status, 1);
    }
}

#[test]
fn every_compression_that_the_tools_know_is_read() {
    use std::io::Write;
    let tar = foo().tar();
    let mut bzip = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip.write_all(&tar).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&tar).unwrap();
    for (name, bytes) in [
        ("bz", bzip.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("none", tar),
    ] {
        let mut zone = Zone::new();
        fs::write(zone.path("/tmp/p"), bytes).unwrap();
        assert_eq!(add(&mut zone, "/tmp/p").status, 0, "{name}");
        assert!(zone.has("/opt/local/bin/foo"), "{name}");
    }
}

#[test]
fn a_cut_archive_fails_only_when_the_missing_part_is_wanted() {
    let mut zone = Zone::new();
    let tar = foo().file("bin/second", &"x".repeat(4000)).tar();
    fs::write(zone.path("/tmp/p"), &tar[..tar.len() - 1024 - 3000]).unwrap();
    let answer = add(&mut zone, "/tmp/p");
    assert_eq!(answer.status, 1);
    assert!(
        answer.errors.contains("Write error for bin/second: "),
        "{}",
        answer.errors
    );
    assert!(
        !zone.has("/opt/local/bin/foo"),
        "what was written is removed again"
    );
    assert!(!zone.database().has("foo-1.0"));
}

#[test]
fn failures_are_counted_and_do_not_stop_the_next() {
    let mut zone = Zone::new();
    let path = foo().put(&zone);
    let answer = add(&mut zone, &format!("one {path} two"));
    assert_eq!(
        complaints(&answer),
        [
            "no pkg found for 'one', sorry.",
            "no pkg found for 'two', sorry.",
            "2 package additions failed"
        ]
    );
    assert!(zone.has("/opt/local/bin/foo"));
}

#[test]
fn verified_installation_decides_about_unsigned_packages() {
    let prompt = "Do you want to proceed with the installation [y/n]?";
    let unsigned = "No valid signature found for foo-1.0.";
    let rows: &[(&str, &str, &[&str], i32)] = &[
        ("", "", &[], 0),
        ("VERIFIED_INSTALLATION=never\n", "", &[], 0),
        ("VERIFIED_INSTALLATION=Never\n", "", &[], 0),
        (
            "VERIFIED_INSTALLATION=always\n",
            "y\n",
            &["No valid signature found, rejected", FAILED],
            1,
        ),
        (
            "VERIFIED_INSTALLATION=trusted\n",
            "y\n",
            &[unsigned, prompt],
            0,
        ),
        (
            "VERIFIED_INSTALLATION=trusted\n",
            "1",
            &[unsigned, prompt],
            0,
        ),
        (
            "VERIFIED_INSTALLATION=trusted\n",
            "",
            &[unsigned, prompt, "Cancelling installation", FAILED],
            1,
        ),
        (
            "VERIFIED_INSTALLATION=trusted\n",
            "no\n",
            &[unsigned, prompt, "Cancelling installation", FAILED],
            1,
        ),
        (
            "VERIFIED_INSTALLATION=interactive\n",
            "T\n",
            &["Do you want to proceed with the installation of foo-1.0 [y/n]?"],
            0,
        ),
        (
            "VERIFIED_INSTALLATION=always\nVERIFIED_INSTALLATION=never\n",
            "y\n",
            &[
                "Unknown value of configuration variable VERIFIED_INSTALLATION",
                FAILED,
            ],
            1,
        ),
    ];
    for (configuration, input, expected, status) in rows {
        let mut zone = Zone::new();
        zone.input = (*input).into();
        zone.write("/opt/local/etc/pkg_install.conf", configuration);
        let path = foo().put(&zone);
        let answer = zone.run(main, &path);
        assert_eq!(complaints(&answer), *expected, "{configuration} {input}");
        assert_eq!(answer.status, *status, "{configuration}");
        assert_eq!(zone.has("/opt/local/bin/foo"), *status == 0);
    }
}

#[test]
fn an_own_configuration_replaces_the_whole_file() {
    let mut zone = Zone::new();
    zone.write(
        "/opt/local/etc/pkg_install.conf",
        "VERIFIED_INSTALLATION=always\nPKG_DBDIR=/db\n",
    );
    let path = foo().put(&zone);
    assert_eq!(zone.run(main, &format!("-C /missing {path}")).status, 0);
    assert!(
        zone.has("/opt/local/pkg/foo-1.0/+CONTENTS"),
        "PKG_DBDIR of the file is not used"
    );
    assert_eq!(
        zone.run(main, &format!("-C /missing -K /other {path}"))
            .status,
        0
    );
    assert!(zone.has("/other/foo-1.0/+CONTENTS"));
}

#[test]
fn checks_come_in_their_order() {
    // Each row breaks one more check, from the last to the first; the message is always that of
    // the earliest.
    let mut zone = Zone::new();
    added(&mut zone, &Package::new("foo-0.9").file("bin/old", "x"));
    added(
        &mut zone,
        &Package::new("owner-1")
            .file("bin/foo", "theirs")
            .head("@pkgcfl foo>=1"),
    );
    let late = foo()
        .head("@pkgdep absent>=1")
        .built("REQUIRES=/nowhere/lib.so\n");
    let platform = late.clone().metadata(
        "+BUILD_INFO",
        "OPSYS=NetBSD\nOS_VERSION=9\nMACHINE_ARCH=x86_64\nPKGTOOLS_VERSION=20091115\n",
    );
    let tools = platform.clone().metadata(
        "+BUILD_INFO",
        "OPSYS=NetBSD\nOS_VERSION=9\nMACHINE_ARCH=x86_64\nPKGTOOLS_VERSION=29991231\n",
    );
    let info = tools
        .clone()
        .metadata("+BUILD_INFO", "PKGTOOLS_VERSION=29991231\n");
    for (package, words, expected) in [
        (
            &late,
            "",
            "A different version of foo-1.0 is already installed: foo-0.9",
        ),
        (
            &late,
            "-u ",
            "Installed package `owner-1' conflicts with `foo>=1' when trying to install `foo-1.0'.",
        ),
        (
            &platform,
            "-u ",
            "Warning: package `foo-1.0' was built for a platform:",
        ),
        (
            &tools,
            "-u ",
            "Error: package `foo-1.0' was built with a newer pkg_install version",
        ),
        (
            &info,
            "-u ",
            "Not all required build information are present.",
        ),
    ] {
        let path = package.put(&zone);
        let answer = add(&mut zone, &format!("{words}{path}"));
        assert_eq!(complaints(&answer)[0], expected);
        assert_eq!(answer.status, 1);
    }
    zone.write("/tmp/conf", "VERIFIED_INSTALLATION=always\n");
    let path = info.put(&zone);
    let answer = zone.run(main, &format!("-C /tmp/conf -u {path}"));
    assert_eq!(complaints(&answer)[0], "No valid signature found, rejected");
    assert!(
        zone.has("/opt/local/bin/old"),
        "nothing was touched by any of these"
    );
}

#[test]
fn an_installed_version_is_left_alone_without_an_error() {
    let mut zone = Zone::new();
    added(&mut zone, &foo());
    let path = foo().file("bin/new", "n").put(&zone);
    for words in ["", "-u ", "-f "] {
        let answer = add(&mut zone, &format!("{words}{path}"));
        assert_eq!(
            complaints(&answer),
            ["package `foo-1.0' already recorded as installed"]
        );
        assert_eq!(answer.status, 0);
    }
    assert!(!zone.has("/opt/local/bin/new"));
    zone.database()
        .set_installed("foo-1.0", "automatic", Some("yes"))
        .unwrap();
    let answer = add(&mut zone, &format!("-A {path}"));
    assert_eq!(
        complaints(&answer),
        ["package `foo-1.0' already recorded as installed"]
    );
    let answer = add(&mut zone, &path);
    assert_eq!(
        complaints(&answer),
        ["package `foo-1.0' was already installed as dependency, now marked as installed manually"]
    );
    assert!(!zone.database().is_automatic("foo-1.0").unwrap());
    assert_eq!(add(&mut zone, &format!("-U {path}")).status, 0);
    assert!(zone.has("/opt/local/bin/new"));
}

#[test]
fn a_left_over_update_directory_stops_the_next_one() {
    let mut zone = Zone::new();
    added(&mut zone, &foo());
    fs::create_dir(zone.path("/opt/local/pkg/foo-1.0.xxxxxx")).unwrap();
    let path = foo().put(&zone);
    let answer = add(&mut zone, &format!("-U {path}"));
    assert_eq!(
        complaints(&answer),
        [
            "package `foo-1.0' already has a temporary update directory \
             `/opt/local/pkg/foo-1.0.xxxxxx', remove it manually",
            FAILED
        ]
    );
}

#[test]
fn a_file_of_another_package_is_refused_and_a_file_of_nobody_replaced() {
    let mut zone = Zone::new();
    added(
        &mut zone,
        &Package::new("bar-1")
            .file("bin/a", "bar")
            .file("bin/b", "bar"),
    );
    zone.write("/opt/local/bin/c", "mine");
    let package = Package::new("foo-1.0")
        .file("bin/a", "foo")
        .file("bin/b", "foo")
        .file("bin/c", "foo");
    let path = package.put(&zone);
    let answer = add(&mut zone, &path);
    assert_eq!(
        complaints(&answer),
        ["Conflicting PLIST with bar-1: bin/a", FAILED]
    );
    assert_eq!(zone.read("/opt/local/bin/c"), "mine");
    let answer = add(&mut zone, &format!("-v {path}"));
    assert_eq!(
        complaints(&answer)[..2],
        [
            "Conflicting PLIST with bar-1: bin/a",
            "Conflicting PLIST with bar-1: bin/b"
        ]
    );
    let answer = add(&mut zone, &format!("-f {path}"));
    assert_eq!(answer.status, 0);
    assert_eq!(zone.read("/opt/local/bin/a"), "foo");
    assert_eq!(
        zone.read("/opt/local/bin/c"),
        "foo",
        "replaced without a word"
    );
    let map = zone.database().file_map().unwrap().unwrap();
    assert_eq!(
        map.owner("/opt/local/bin/a"),
        Some("bar-1"),
        "the first owner stays recorded"
    );
    fs::remove_file(zone.path("/opt/local/pkg/pkgdb.byfile.db")).unwrap();
    let other = Package::new("third-1").file("bin/a", "third").put(&zone);
    assert_eq!(
        add(&mut zone, &other).status,
        0,
        "without the file map nothing is checked"
    );
}

#[test]
fn dependencies_come_from_the_folder_of_the_package_and_are_marked() {
    let mut zone = Zone::new();
    Package::new("bar-1.5").file("bin/bar", "b").put(&zone);
    Package::new("bar-2.0").file("bin/bar", "b").put(&zone);
    let path = foo().head("@pkgdep bar<2").put(&zone);
    let answer = add(&mut zone, &path);
    assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
    let database = zone.database();
    assert_eq!(database.names().unwrap(), ["bar-1.5", "foo-1.0"]);
    assert!(database.is_automatic("bar-1.5").unwrap());
    assert_eq!(
        zone.read("/opt/local/pkg/bar-1.5/+REQUIRED_BY"),
        "foo-1.0\n"
    );
}

#[test]
fn conflicts_are_looked_for_in_both_directions() {
    let mut zone = Zone::new();
    added(&mut zone, &Package::new("bar-1").head("@pkgcfl baz-[0-9]*"));
    for (package, text) in [
        (
            foo().head("@pkgcfl bar<2"),
            "Package `foo-1.0' conflicts with `bar<2', and `bar-1' is installed.",
        ),
        (
            Package::new("baz-3"),
            "Installed package `bar-1' conflicts with `baz-[0-9]*' when trying to install `baz-3'.",
        ),
    ] {
        let path = package.put(&zone);
        let answer = add(&mut zone, &format!("-f {path}"));
        assert_eq!(complaints(&answer), [text, FAILED], "-f does not help");
    }
}

#[test]
fn an_update_replaces_files_and_keeps_marks_and_dependents() {
    let mut zone = Zone::new();
    added(
        &mut zone,
        &foo().file("bin/gone", "x").file("etc/foo.conf", "default"),
    );
    zone.database()
        .set_installed("foo-1.0", "automatic", Some("yes"))
        .unwrap();
    added(&mut zone, &Package::new("user-1").head("@pkgdep foo>=1"));
    zone.write("/opt/local/etc/foo.conf", "edited by hand");
    let new = Package::new("foo-1.1")
        .file("bin/foo", "two\n")
        .metadata("+DISPLAY", "read this\n")
        .metadata("+INSTALL", "#!/bin/sh\necho said by $2\n");
    let path = new.put(&zone);
    let answer = add(&mut zone, &format!("-u {path}"));
    assert_eq!(
        answer,
        Answer {
            status: 0,
            output: String::new(),
            errors: String::new()
        }
    );
    assert_eq!(zone.read("/opt/local/bin/foo"), "two\n");
    assert!(!zone.has("/opt/local/bin/gone"));
    assert!(
        !zone.has("/opt/local/etc/foo.conf"),
        "an edited file goes without a word"
    );
    let database = zone.database();
    assert_eq!(database.names().unwrap(), ["foo-1.1", "user-1"]);
    assert!(database.is_automatic("foo-1.1").unwrap());
    assert_eq!(database.required_by("foo-1.1").unwrap(), ["user-1"]);
    let older = foo().put(&zone);
    assert_eq!(
        add(&mut zone, &format!("-u {older}")).status,
        0,
        "older versions are not refused"
    );
}

#[test]
fn an_update_that_fails_late_leaves_the_old_package_gone() {
    let rows = [
        (
            Package::new("foo-1.1").built("REQUIRES=/opt/local/lib/libnew.so.1\n"),
            vec![
                "Missing required library: /opt/local/lib/libnew.so.1",
                FAILED,
            ],
        ),
        (
            Package::new("foo-1.1").head("@pkgdep absent>=3"),
            vec![
                "no pkg found for 'absent>=3', sorry.",
                "Can't install dependency absent>=3",
                FAILED,
            ],
        ),
        (
            Package::new("foo-1.1").metadata("+INSTALL", "#!/bin/sh\n[ $2 != PRE-INSTALL ]\n"),
            vec!["install script returned error status", FAILED],
        ),
        (
            Package::new("foo-1.1").metadata("+INSTALL", "#!/bin/sh\n[ $2 != POST-INSTALL ]\n"),
            vec![
                "install script returned error status",
                "Updating of foo-1.0 to foo-1.1 failed.",
                "Remember to run pkg_admin rebuild-tree after fixing this.",
                FAILED,
            ],
        ),
        (
            Package::new("foo-1.1").extra("bin/x", EntryType::Regular, 0o644, "", ""),
            vec![
                "Package contains entries not in PLIST: bin/x",
                "Updating of foo-1.0 to foo-1.1 failed.",
                "Remember to run pkg_admin rebuild-tree after fixing this.",
                FAILED,
            ],
        ),
    ];
    for (new, expected) in rows {
        let mut zone = Zone::new();
        added(&mut zone, &foo());
        added(&mut zone, &Package::new("user-1").head("@pkgdep foo>=1"));
        let path = new.put(&zone);
        let answer = add(&mut zone, &format!("-U {path}"));
        assert_eq!(complaints(&answer), expected);
        assert!(!zone.has("/opt/local/bin/foo"), "the old files are gone");
        assert_eq!(
            zone.database().names().unwrap(),
            ["user-1"],
            "and so are both records"
        );
    }
}

#[test]
fn a_refused_deletion_leaves_the_old_package_without_its_dependents() {
    let mut zone = Zone::new();
    added(
        &mut zone,
        &foo().metadata("+DEINSTALL", "#!/bin/sh\nexit 1\n"),
    );
    added(&mut zone, &Package::new("user-1").head("@pkgdep foo>=1"));
    let path = Package::new("foo-1.1").put(&zone);
    let answer = add(&mut zone, &format!("-u {path}"));
    assert_eq!(
        answer.errors.lines().collect::<Vec<_>>(),
        [
            "pkg_delete: deinstall script returned error status",
            "pkg_add: command failed: /opt/local/sbin/pkg_delete -K /opt/local/pkg -p /opt/local \
             foo-1.0",
            "pkg_add: 1 package addition failed",
        ]
    );
    assert_eq!(zone.database().names().unwrap(), ["foo-1.0", "user-1"]);
    assert!(zone.database().required_by("foo-1.0").unwrap().is_empty());
}

#[test]
fn an_update_that_breaks_a_dependent_is_refused_before_anything_happens() {
    let mut zone = Zone::new();
    added(&mut zone, &foo());
    added(&mut zone, &Package::new("user-1").head("@pkgdep foo<2"));
    let path = Package::new("foo-2.0").put(&zone);
    let text = "Dependency of user-1 fulfilled by foo-1.0, but not by foo-2.0";
    let answer = add(&mut zone, &format!("-u {path}"));
    assert_eq!(complaints(&answer), [text, FAILED]);
    assert!(zone.has("/opt/local/bin/foo"));
    let answer = add(&mut zone, &format!("-uD {path}"));
    assert_eq!((complaints(&answer), answer.status), (vec![text], 0));
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut zone = Zone::new();
    let path = foo().put(&zone);
    let answer = add(&mut zone, &format!("-n {path}"));
    assert_eq!(
        answer,
        Answer {
            status: 0,
            output: "bin/foo\n".into(),
            errors: String::new()
        }
    );
    assert!(zone.database().names().unwrap().is_empty() && !zone.has("/opt/local/bin/foo"));
    let needy = foo().head("@pkgdep absent>=1").put(&zone);
    let answer = add(&mut zone, &format!("-n {needy}"));
    assert_eq!(
        complaints(&answer),
        ["Missing dependency absent>=1", FAILED]
    );
    added(&mut zone, &foo());
    let path = Package::new("foo-1.1").put(&zone);
    let answer = add(&mut zone, &format!("-n -u {path}"));
    assert_eq!(
        answer.output,
        "/opt/local/sbin/pkg_delete -K /opt/local/pkg -p /opt/local foo-1.0\n"
    );
    assert_eq!(answer.status, 1, "always");
    assert!(zone.has("/opt/local/bin/foo"));
}

#[test]
fn scripts_and_commands_run_with_their_surroundings() {
    let mut zone = Zone::new();
    let package = foo()
        .line("@exec echo %f > %D/made")
        .line("@exec exit 1")
        .line("@unexec rm %D/made")
        .metadata("+DISPLAY", "thank you\n")
        .metadata(
            "+INSTALL",
            "#!/bin/sh\necho \"$1 $2 $(basename \"$PWD\") $PKG_PREFIX $PKG_METADATA_DIR\"\n",
        );
    let path = package.put(&zone);
    let answer = add(&mut zone, &path);
    let root = zone.root().display().to_string();
    let surroundings = format!("foo-1.0 {root}/opt/local {root}/opt/local/pkg/foo-1.0");
    let expected = format!(
        "foo-1.0 PRE-INSTALL {surroundings}\nExecuting 'echo foo > {root}/opt/local/made'\n\
         Executing 'exit 1'\nfoo-1.0 POST-INSTALL {surroundings}\nthank you\n"
    );
    assert_eq!(answer.output, expected);
    assert_eq!(answer.errors, "pkg_add: command 'exit 1' failed\n");
    assert_eq!(
        (answer.status, zone.read("/opt/local/made").as_str()),
        (0, "foo\n")
    );
    let answer = zone.run(pkg_delete::main, "foo");
    assert_eq!(
        answer.output,
        format!("Executing `rm {root}/opt/local/made'\n")
    );
    assert!(!zone.has("/opt/local/made"));
    let quiet = add(&mut zone, &format!("-I {path}"));
    assert!(!quiet.output.contains("PRE-INSTALL"));
}

#[test]
fn options_that_are_not_emulated_say_so() {
    let mut zone = Zone::new();
    for words in ["-R x", "-m i386 x", "http://host/x.tgz"] {
        let answer = add(&mut zone, words);
        assert_eq!(answer.status, 99, "{words}");
        assert!(answer.errors.contains("not emulated"), "{words}");
    }
    for (words, first) in [
        ("", "pkg_add: missing package name(s)"),
        ("-z x", "pkg_add: illegal option -- z"),
    ] {
        let answer = zone.run(main, words);
        assert_eq!(
            (answer.status, answer.errors.lines().next()),
            (1, Some(first))
        );
        assert!(answer.errors.contains("usage: pkg_add"));
    }
}

#[test]
fn a_destination_holds_prefix_and_database() {
    let mut zone = Zone::new();
    let path = foo().put(&zone);
    assert_eq!(add(&mut zone, &format!("-P /dest {path}")).status, 0);
    assert!(zone.has("/dest/opt/local/bin/foo"));
    assert!(zone.has("/dest/opt/local/pkg/foo-1.0/+CONTENTS"));
    let answer = zone.run(pkg_info::main, "-K /dest/opt/local/pkg -e foo");
    assert_eq!(answer.output, "foo-1.0\n");
}
