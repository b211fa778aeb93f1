use std::fs;
use std::os::unix::fs::symlink;

use super::main;
use crate::sandbox::packages::pkg_add;
use crate::sandbox::packages::testing::{Package, Zone};

fn zone() -> Zone {
    let mut zone = Zone::new();
    let foo = Package::new("foo-1.0")
        .file("bin/a", "a")
        .file("bin/b", "b")
        .part("lib/link", tar::EntryType::Symlink, 0o777, "", "../bin/a")
        .line("@pkgdir var/foo");
    for package in [foo, Package::new("bar-1").head("@pkgdep foo>=1")] {
        let path = package.put(&zone);
        assert_eq!(
            zone.run(pkg_add::main, &format!("-C /dev/null {path}"))
                .status,
            0
        );
    }
    zone
}

#[test]
fn answers_and_statuses_are_those_of_the_real_one() {
    let mut zone = zone();
    zone.write(
        "/opt/local/etc/pkg_install.conf",
        "VERIFIED_INSTALLATION=always\nPKG_PATH=/x\n",
    );
    for name in [
        "foo-1.0.tgz",
        "foo-1.10.tgz",
        "foo-1.9.tbz",
        "foo-bar-1.tgz",
        "foo-9.txz",
    ] {
        zone.write(&format!("/repo/{name}"), "");
    }
    for (words, status, output, errors) in [
        ("config-var PKG_DBDIR", 0, "/opt/local/pkg\n", ""),
        ("-K /db config-var PKG_DBDIR", 0, "/db\n", ""),
        ("config-var VERIFIED_INSTALLATION", 0, "always\n", ""),
        (
            "-C /missing config-var VERIFIED_INSTALLATION",
            0,
            "never\n",
            "",
        ),
        ("config-var PKG_PATH", 0, "/x\n", ""),
        ("config-var NO_SUCH", 0, "", ""),
        (
            "config-var",
            1,
            "",
            "pkg_admin: config-var takes exactly one argument\n",
        ),
        ("pmatch foo>=1.0 foo-1.5", 0, "", ""),
        ("PMATCH foo foo-1.5", 0, "", ""),
        ("pmatch foo<1.0 foo-1.5", 1, "", ""),
        (
            "check",
            0,
            "..\nChecked 3 files from 2 packages.\nDone.\n",
            "",
        ),
        (
            "-q check foo",
            0,
            "\nChecked 3 files from 1 packages.\n",
            "",
        ),
        (
            "check absent",
            1,
            "",
            "pkg_admin: cannot find package absent\n",
        ),
        ("rebuild-tree", 0, "Done.\n", ""),
        (
            "rebuild",
            0,
            "..\nStored 3 files from 0 packages in /opt/local/pkg/pkgdb.byfile.db.\nDone.\n",
            "",
        ),
        (
            "dump",
            0,
            "file: /opt/local/bin/a pkg: foo-1.0\nfile: /opt/local/bin/b pkg: foo-1.0\n\
             file: /opt/local/lib/link pkg: foo-1.0\nfile: /opt/local/var/foo pkg: @pkgdir foo-1.0\n",
            "",
        ),
        (
            "lsall /repo/foo",
            0,
            "/repo/foo-1.0.tgz\n/repo/foo-1.10.tgz\n/repo/foo-1.9.tbz\n",
            "",
        ),
        ("lsbest /repo/foo", 0, "/repo/foo-1.10.tgz\n", ""),
        ("-b lsbest /repo/foo<1.10", 0, "foo-1.9.tbz\n", ""),
        ("lsall /repo/none", 0, "", ""),
        ("set automatic=yes foo", 0, "", ""),
        ("unset automatic foo", 0, "", ""),
        (
            "set automatic=maybe foo",
            1,
            "",
            "pkg_admin: unknown value `maybe' for automatic\n",
        ),
        (
            "set A=b foo",
            1,
            "",
            "pkg_admin: variable name must not contain uppercase letters\n",
        ),
        (
            "set automatic=yes absent",
            1,
            "",
            "pkg_admin: cannot find package absent\n",
        ),
        (
            "set automatic=yes x*",
            1,
            "",
            "pkg_admin: no matching pkg for `x*'\n",
        ),
    ] {
        let answer = zone.run(main, words);
        assert_eq!(
            (
                answer.status,
                answer.output.as_str(),
                answer.errors.as_str()
            ),
            (status, output, errors),
            "{words}"
        );
    }
}

#[test]
fn marks_are_set_and_dropped() {
    let mut zone = zone();
    zone.run(main, "set automatic=yes foo");
    assert!(zone.database().is_automatic("foo-1.0").unwrap());
    zone.run(main, "unset automatic foo");
    assert!(!zone.has("/opt/local/pkg/foo-1.0/+INSTALLED_INFO"));
}

#[test]
fn check_finds_what_differs_and_still_ends_well() {
    let mut zone = zone();
    fs::write(zone.path("/opt/local/bin/a"), "changed").unwrap();
    fs::remove_file(zone.path("/opt/local/bin/b")).unwrap();
    fs::remove_file(zone.path("/opt/local/lib/link")).unwrap();
    symlink("nowhere", zone.path("/opt/local/lib/link")).unwrap();
    let answer = zone.run(main, "check foo");
    assert_eq!(answer.status, 0);
    assert_eq!(
        answer.output,
        "/opt/local/bin/a fails MD5 checksum\nsymlink (/opt/local/lib/link) is not same as recorded \
         value, nowhere: ../bin/a\n.\nChecked 3 files from 1 packages.\nDone.\n"
    );
    assert_eq!(
        answer.errors,
        "pkg_admin: foo-1.0: File `/opt/local/bin/b' is in +CONTENTS but not on filesystem!\n\
         pkg_admin: foo-1.0: Symlink `/opt/local/lib/link' exists and is in +CONTENTS but target \
         does not exist!\n"
    );
    zone.run(main, "rebuild");
    let map = zone.database().file_map().unwrap().unwrap();
    assert_eq!(
        map.owner("/opt/local/bin/b"),
        None,
        "missing files are not stored"
    );
    assert_eq!(map.owner("/opt/local/bin/a"), Some("foo-1.0"));
}

#[test]
fn the_tree_is_rebuilt_from_the_packing_lists() {
    let mut zone = zone();
    fs::remove_file(zone.path("/opt/local/pkg/foo-1.0/+REQUIRED_BY")).unwrap();
    zone.run(main, "rebuild-tree");
    assert_eq!(zone.read("/opt/local/pkg/foo-1.0/+REQUIRED_BY"), "bar-1\n");
    fs::remove_dir_all(zone.path("/opt/local/pkg/foo-1.0")).unwrap();
    let answer = zone.run(main, "rebuild-tree");
    assert_eq!(
        answer.errors,
        "pkg_admin: Dependency foo>=1 of bar-1 unresolved\n"
    );
    assert_eq!((answer.status, answer.output.as_str()), (0, "Done.\n"));
}

#[test]
fn entries_of_the_file_map_are_taken_out_and_put_back() {
    let mut zone = zone();
    assert_eq!(zone.run(main, "delete foo").status, 0);
    let owner = |zone: &Zone| {
        let map = zone.database().file_map().unwrap().unwrap();
        map.owner("/opt/local/bin/a").map(str::to_owned)
    };
    assert_eq!(owner(&zone), None);
    assert_eq!(zone.run(main, "add foo").status, 0);
    assert_eq!(owner(&zone).as_deref(), Some("foo-1.0"));
}

#[test]
fn unknown_and_absent_commands_are_told_apart() {
    let mut zone = Zone::new();
    for (words, status) in [
        ("", 1),
        ("bogus", 1),
        ("audit", 99),
        ("gpg-sign-package a b", 99),
    ] {
        assert_eq!(zone.run(main, words).status, status, "{words}");
    }
}
