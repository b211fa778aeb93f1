use std::fs;
use std::os::unix::fs::symlink;

use super::main;
use crate::sandbox::packages::pkg_add;
use crate::sandbox::packages::testing::{Package, Zone};

fn added(zone: &mut Zone, package: &Package) {
    let path = package.put(zone);
    let answer = zone.run(pkg_add::main, &format!("-C /dev/null {path}"));
    assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
}

/// `foo-1.0`, on which `bar-2.0` rests, on which `top-3` rests.
fn tower() -> Zone {
    let mut zone = Zone::new();
    added(&mut zone, &Package::new("foo-1.0").file("bin/foo", "f"));
    added(
        &mut zone,
        &Package::new("bar-2.0")
            .file("bin/bar", "b")
            .head("@pkgdep foo>=1"),
    );
    added(
        &mut zone,
        &Package::new("top-3")
            .file("bin/top", "t")
            .head("@pkgdep bar>=1"),
    );
    zone
}

#[test]
fn what_is_not_installed_stops_everything_unless_forced() {
    for (words, text) in [
        (
            "absent top",
            "No matching package for basename `absent' of `absent'",
        ),
        (
            "top absent-1.0",
            "No matching package for basename `absent-1.0' of `absent-1.0'",
        ),
        ("top x>=1", "No package matching `x>=1' found"),
        (
            "-F /opt/local/bin/top /nowhere",
            "No matching package for file `/nowhere' in pkgdb",
        ),
    ] {
        let mut zone = tower();
        let answer = zone.run(main, words);
        assert_eq!(answer.errors, format!("pkg_delete: {text}\n"));
        assert_eq!((answer.status, answer.output.as_str()), (1, ""), "{words}");
        assert!(zone.has("/opt/local/bin/top"), "{words}");
        let forced = zone.run(main, &format!("-f {words}"));
        assert_eq!(
            (forced.status, forced.errors),
            (0, answer.errors),
            "{words}"
        );
        assert!(!zone.has("/opt/local/bin/top"), "{words}");
    }
}

#[test]
fn each_way_to_name_a_package_works_and_says_nothing() {
    for words in [
        "top",
        "top-3",
        "top>=2",
        "t*",
        "/opt/local/pkg/top-3",
        "/opt/local/pkg/top-3/",
        "-F /opt/local/bin/top",
    ] {
        let mut zone = tower();
        let answer = zone.run(main, words);
        assert_eq!(
            (answer.status, answer.output, answer.errors),
            (0, String::new(), String::new())
        );
        assert_eq!(
            zone.database().names().unwrap(),
            ["bar-2.0", "foo-1.0"],
            "{words}"
        );
        assert!(!zone.has("/opt/local/bin/top"));
        assert!(
            !zone.has("/opt/local/pkg/bar-2.0/+REQUIRED_BY"),
            "the dependent is forgotten"
        );
    }
}

#[test]
fn needed_packages_stay_unless_forced_or_removed_together() {
    let mut zone = tower();
    let needed = "Package `foo-1.0' is still required by other packages:\n\tbar-2.0\n";
    let answer = zone.run(main, "foo");
    assert_eq!((answer.status, answer.errors.as_str()), (1, needed));
    let answer = zone.run(main, "-v foo bar top");
    assert_eq!(answer.status, 0);
    assert_eq!(
        answer.output,
        "Delete file /opt/local/bin/top\nDelete file /opt/local/bin/bar\nDelete file \
         /opt/local/bin/foo\n",
        "dependents go first"
    );
    let mut zone = tower();
    let answer = zone.run(main, "-f foo");
    assert_eq!((answer.status, answer.errors.as_str()), (0, needed));
    let mut zone = tower();
    assert_eq!(zone.run(main, "-r foo").status, 0);
    assert!(zone.database().names().unwrap().is_empty());
}

#[test]
fn leaves_go_with_what_needed_them() {
    for (words, left) in [("-A top", vec!["foo-1.0"]), ("-R top", vec![])] {
        let mut zone = tower();
        zone.database()
            .set_installed("bar-2.0", "automatic", Some("yes"))
            .unwrap();
        assert_eq!(zone.run(main, words).status, 0);
        assert_eq!(zone.database().names().unwrap(), left, "{words}");
    }
}

#[test]
fn preserved_packages_want_to_be_forced_twice() {
    let marked = "pkg_delete: The following packages are marked as not for deletion:\n\tkept-1\n";
    let anyway = format!("{marked}...but will delete them anyway\n");
    for (words, status, errors, is_left) in [
        ("kept", 1, marked, true),
        ("-f kept", 1, marked, true),
        ("-k kept", 0, "", true),
        ("-ff kept", 0, &anyway, false),
        ("-Nf kept", 0, &anyway, false),
    ] {
        let mut zone = Zone::new();
        added(
            &mut zone,
            &Package::new("kept-1").metadata("+PRESERVE", "kept-1\n"),
        );
        let answer = zone.run(main, words);
        assert_eq!(
            (answer.status, answer.errors.as_str()),
            (status, errors),
            "{words}"
        );
        assert_eq!(zone.database().has("kept-1"), is_left, "{words}");
    }
}

#[test]
fn scripts_that_fail_before_or_after() {
    let script = |phase: &str| format!("#!/bin/sh\n[ $2 != {phase} ]\n");
    for (phase, words, status, text, is_left) in [
        (
            "DEINSTALL",
            "foo last",
            1,
            "deinstall script returned error status",
            true,
        ),
        (
            "DEINSTALL",
            "-f foo last",
            0,
            "deinstall script returned error status",
            false,
        ),
        ("DEINSTALL", "-D foo last", 0, "", false),
        (
            "POST-DEINSTALL",
            "foo last",
            1,
            "post-deinstall script returned error status",
            false,
        ),
    ] {
        let mut zone = Zone::new();
        added(
            &mut zone,
            &Package::new("foo-1.0")
                .file("bin/foo", "f")
                .metadata("+DEINSTALL", &script(phase)),
        );
        added(&mut zone, &Package::new("last-1"));
        let answer = zone.run(main, words);
        let expected = if text.is_empty() {
            String::new()
        } else {
            format!("pkg_delete: {text}\n")
        };
        assert_eq!(
            (answer.status, answer.errors),
            (status, expected),
            "{phase} {words}"
        );
        assert_eq!(zone.has("/opt/local/bin/foo"), is_left, "{phase} {words}");
        assert_eq!(
            zone.database().has("last-1"),
            is_left,
            "the rest of the list is skipped"
        );
    }
}

#[test]
fn missing_files_and_directories_in_the_list_are_no_failure() {
    let mut zone = Zone::new();
    added(
        &mut zone,
        &Package::new("foo-1.0")
            .file("bin/a", "a")
            .file("bin/b", "b"),
    );
    fs::remove_file(zone.path("/opt/local/bin/a")).unwrap();
    fs::remove_file(zone.path("/opt/local/bin/b")).unwrap();
    fs::create_dir(zone.path("/opt/local/bin/b")).unwrap();
    let answer = zone.run(main, "foo");
    assert_eq!(
        answer.errors.lines().collect::<Vec<_>>(),
        [
            "pkg_delete: Couldn't remove /opt/local/bin/a: No such file or directory",
            "pkg_delete: attempting to delete directory `/opt/local/bin/b' as a file",
            "pkg_delete: this packing list is incorrect - ignoring delete request",
        ]
    );
    assert_eq!(answer.status, 0);
}

#[test]
fn changed_files_go_without_a_word_and_stay_with_upstreams_check() {
    let package = Package::new("foo-1.0").file("etc/conf", "default").part(
        "lib/link",
        tar::EntryType::Symlink,
        0o777,
        "",
        "one",
    );
    let mut zone = Zone::new();
    let spoil = |zone: &Zone| {
        fs::write(zone.path("/opt/local/etc/conf"), "edited").unwrap();
        fs::remove_file(zone.path("/opt/local/lib/link")).unwrap();
        symlink("two", zone.path("/opt/local/lib/link")).unwrap();
    };
    added(&mut zone, &package);
    spoil(&zone);
    let answer = zone.run(main, "foo");
    assert_eq!(
        (answer.status, answer.output, answer.errors),
        (0, String::new(), String::new())
    );
    assert!(!zone.has("/opt/local/etc/conf"));

    zone.environment
        .push(("PKG_DELETE_VERIFY_CHECKSUM".into(), "1".into()));
    added(&mut zone, &package);
    spoil(&zone);
    let answer = zone.run(main, "foo");
    assert_eq!(
        answer.output,
        "original MD5 checksum failed, not deleting: /opt/local/etc/conf\nsymlink \
         /opt/local/lib/link is not same as recorded value, not deleting: two\n"
    );
    assert_eq!(
        answer.errors,
        "pkg_delete: couldn't entirely delete package `foo-1.0'\n"
    );
    assert_eq!(answer.status, 0);
    assert!(zone.has("/opt/local/etc/conf") && !zone.database().has("foo-1.0"));
    assert_eq!(
        zone.database()
            .file_map()
            .unwrap()
            .unwrap()
            .owner("/opt/local/etc/conf"),
        None
    );

    added(&mut zone, &package);
    spoil(&zone);
    let answer = zone.run(main, "-f foo");
    assert!(
        answer
            .output
            .contains("deleting anyway: /opt/local/etc/conf")
    );
    assert!(!zone.has("/opt/local/etc/conf"));
}

#[test]
fn empty_directories_go_upwards_until_one_is_kept() {
    let mut zone = Zone::new();
    let package = Package::new("foo-1.0")
        .file("share/foo/deep/er/a", "a")
        .file("lib/foo/b", "b")
        .line("@pkgdir lib/foo");
    added(&mut zone, &package);
    added(&mut zone, &Package::new("bar-1").line("@pkgdir lib/foo"));
    assert_eq!(zone.run(main, "foo").status, 0);
    assert!(
        !zone.has("/opt/local/share"),
        "up to the first directory that is not empty"
    );
    assert!(zone.has("/opt/local/lib/foo"), "bar still keeps it");
    assert_eq!(zone.run(main, "bar").status, 0);
    assert!(!zone.has("/opt/local/lib"));

    added(&mut zone, &package);
    fs::remove_dir_all(zone.path("/opt/local/lib/foo")).unwrap();
    let answer = zone.run(main, "foo");
    assert!(
        answer
            .errors
            .ends_with("pkg_delete: Directory `/opt/local/lib/foo' disappeared, skipping\n"),
        "{}",
        answer.errors
    );
}

#[test]
fn the_climb_leaves_the_prefix_when_all_is_empty() {
    let mut zone = Zone::new();
    let path = Package::new("foo-1.0").file("bin/foo", "f").put(&zone);
    let words = format!("-C /dev/null -K /db -p /srv/app/local {path}");
    assert_eq!(zone.run(pkg_add::main, &words).status, 0);
    assert!(zone.has("/srv/app/local/bin/foo"));
    assert_eq!(zone.run(main, "-K /db -p /srv/app/local foo").status, 0);
    assert!(
        !zone.has("/srv"),
        "empty directories above the prefix go too"
    );
}

#[test]
fn records_alone_can_be_removed() {
    let mut zone = tower();
    assert_eq!(zone.run(main, "-N top").status, 0);
    assert!(zone.has("/opt/local/bin/top") && !zone.database().has("top-3"));
    assert_eq!(
        zone.database()
            .file_map()
            .unwrap()
            .unwrap()
            .owner("/opt/local/bin/top"),
        None
    );
    assert_eq!(zone.run(main, "-O bar").status, 0);
    assert!(zone.database().has("bar-2.0") && zone.has("/opt/local/bin/bar"));
    assert_eq!(
        zone.database()
            .file_map()
            .unwrap()
            .unwrap()
            .owner("/opt/local/bin/bar"),
        None
    );
    assert_eq!(
        zone.run(main, "-nv bar").output,
        "Delete file /opt/local/bin/bar\n"
    );
    assert!(zone.has("/opt/local/bin/bar"));
}

#[test]
fn a_foreign_file_keeps_the_metadata_directory() {
    let mut zone = tower();
    zone.write("/opt/local/pkg/top-3/notes", "mine");
    let answer = zone.run(main, "top");
    assert_eq!(
        answer.errors,
        "pkg_delete: Couldn't remove package directory in `/opt/local/pkg/top-3'\n"
    );
    assert_eq!(answer.status, 1);
}

#[test]
fn a_call_without_a_name_is_told_how() {
    let mut zone = Zone::new();
    let answer = zone.run(main, "");
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains(
        "usage: pkg_delete [-ADFfkNnORrVv] [-K pkg_dbdir] [-P destdir] [-p prefix] pkg-name ...\n"
    ));
}
