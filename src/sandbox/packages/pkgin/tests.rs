use std::fs;

use super::main;
use crate::sandbox::packages::testing::{Answer, Zone};
use crate::sandbox::packages::{pkg_add, pkg_delete, pkg_info, preinstalled};

/// A zone in which the sandbox would show these layers when asked.
fn zone() -> Zone {
    let zone = Zone::new();
    zone.write(
        "/usr/lib/zonewright/layers/meson.json",
        r#"{"name":"meson","debian":["meson"],"version":"1.7.0-1","commands":["meson"]}"#,
    );
    zone.write(
        "/usr/lib/zonewright/layers/ninja-build.files",
        "usr/bin/ninja\n",
    );
    zone.write(
        "/usr/lib/zonewright/layers/python313.files",
        "usr/bin/python3.13\n",
    );
    for name in ["expat", "libffi", "openssl"] {
        zone.write(&format!("/usr/lib/zonewright/layers/{name}.files"), "");
    }
    zone.write(
        "/usr/lib/zonewright/layers/libevent.files",
        "usr/lib/x86_64-linux-gnu/libevent-2.1.so.7\nusr/include/event.h\n",
    );
    zone.write(
        "/usr/lib/zonewright/layers/db5.files",
        "usr/include/db.h\nusr/lib/x86_64-linux-gnu/libdb-5.3.so\n",
    );
    zone.write("/usr/lib/zonewright/bin/meson", "#!python\n");
    // The repository has been looked at before.
    zone.write("/var/db/pkgin/pkgin.db", "");
    zone
}

#[test]
fn a_fresh_install_prints_the_plan_and_the_steps() {
    let mut zone = zone();
    let answer = zone.run(main, "-y install db5");
    assert_eq!(
        answer.output,
        "calculating dependencies...done.\n\
         \n\
         1 package to install:\n  db5-5.3.28\n\
         \n\
         0 to remove, 0 to refresh, 0 to upgrade, 1 to install\n\
         1.5M to download, 5.2M of additional disk space will be used\n\
         \n\
         [1/1] downloading db5-5.3.28.tgz done.\n\
         [1/1] installing db5-5.3.28...\n\
         pkg_install warnings: 0, errors: 0\n\
         reading local summary...\n\
         processing local summary...\n"
    );
    assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
    assert_eq!(zone.shown, [["db5"]]);
    let link = fs::read_link(zone.path("/opt/local/include/db5/db.h")).unwrap();
    assert_eq!(link.to_str(), Some("/usr/include/db.h"));
    let answer = zone.run(pkg_info::main, "-qL db5");
    assert_eq!(
        answer.output,
        "/opt/local/include/db.h\n/opt/local/include/db5/db.h\n/opt/local/lib/libdb-5.3.so\n\
         /opt/local/lib/libdb5-5.3.so\n"
    );
    for (variable, value) in [
        ("OPSYS", "SunOS"),
        ("OS_VERSION", "5.11"),
        ("MACHINE_ARCH", "x86_64"),
        ("PKGTOOLS_VERSION", "20091115"),
        ("PKGPATH", "databases/db5"),
    ] {
        let answer = zone.run(pkg_info::main, &format!("-Q {variable} db5"));
        assert_eq!(answer.output, format!("{value}\n"), "{variable}");
    }
}

#[test]
fn dependencies_come_along_and_are_marked_as_such() {
    let mut zone = zone();
    let answer = zone.run(main, "-y install meson");
    assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
    assert!(
        answer.output.contains("6 packages to install:\n"),
        "{}",
        answer.output
    );
    assert!(answer.output.contains("[6/6] installing meson-1.7.0..."));
    let database = zone.database();
    assert!(!database.is_automatic("meson-1.7.0").unwrap());
    assert!(database.is_automatic("ninja-build-1.12.1").unwrap());
    assert_eq!(
        database.required_by("ninja-build-1.12.1").unwrap(),
        ["meson-1.7.0"]
    );
    assert_eq!(zone.shown.len(), 1, "all layers are shown at once");
    assert_eq!(
        fs::read_link(zone.path("/opt/local/bin/meson"))
            .unwrap()
            .to_str(),
        Some("/usr/lib/zonewright/bin/meson")
    );
    assert_eq!(
        fs::read_link(zone.path("/opt/local/bin/ninja"))
            .unwrap()
            .to_str(),
        Some("/usr/bin/ninja")
    );
    let list = zone.read("/opt/local/pkg/meson-1.7.0/+CONTENTS");
    assert!(
        list.contains("@pkgdep ninja-build>=1.12.1\n@blddep ninja-build-1.12.1\n"),
        "{list}"
    );
    assert!(list.contains("bin/meson\n@comment Symlink:/usr/lib/zonewright/bin/meson\n"));
}

#[test]
fn without_an_answer_nothing_happens_and_the_status_is_good() {
    for (input, words, is_installed) in [
        ("", "install db5", false),
        ("n\n", "install db5", false),
        ("y\n", "install db5", true),
        ("y\n", "-n install db5", false),
        ("", "-y in db5", true),
    ] {
        let mut zone = zone();
        zone.input = input.into();
        let answer = zone.run(main, words);
        assert_eq!(answer.status, 0, "{words}");
        assert!(
            answer
                .output
                .contains("1 package to install:\n  db5-5.3.28\n"),
            "{words}"
        );
        assert_eq!(
            zone.database().has("db5-5.3.28"),
            is_installed,
            "{words} {input}"
        );
        assert_eq!(zone.shown.is_empty(), !is_installed);
    }
}

#[test]
fn unknown_names_fail_and_the_others_are_installed() {
    let mut zone = zone();
    let answer = zone.run(main, "-y install libbstring db5 nonsense");
    assert_eq!(
        answer.errors,
        "libbstring is not available in the repository\nnonsense is not available in the repository\n"
    );
    assert_eq!(answer.status, 1);
    assert!(zone.database().has("db5-5.3.28"));
    let answer = zone.run(main, "-y install nonsense");
    assert_eq!((answer.status, answer.output.as_str()), (1, ""));
    assert_eq!(zone.run(main, "-n install nonsense db5").status, 1);
}

#[test]
fn what_is_there_already_is_nothing_to_do_and_becomes_wanted() {
    let mut zone = zone();
    zone.run(main, "-y install meson");
    let answer = zone.run(main, "-y install ninja-build");
    assert_eq!(
        answer,
        Answer {
            status: 0,
            output: "calculating dependencies...done.\nnothing to do.\n".into(),
            errors: String::new()
        }
    );
    assert!(!zone.database().is_automatic("ninja-build-1.12.1").unwrap());
}

#[test]
fn versions_may_be_named_and_preferred() {
    for (word, preferred, errors) in [
        ("db5-5.3.28", "", ""),
        ("db5>=5<6", "db5=5.3.*\n", ""),
        ("db5>=6", "", "db5>=6 is not available in the repository\n"),
        (
            "db5",
            "db5<5\n",
            "No db5 package available that satisfies preferred match db5<5\n",
        ),
    ] {
        let mut zone = zone();
        zone.write("/opt/local/etc/pkgin/preferred.conf", preferred);
        let answer = zone.run(main, &format!("-y install {word}"));
        assert_eq!(answer.errors, errors, "{word}");
        assert_eq!(answer.status, i32::from(!errors.is_empty()), "{word}");
    }
}

#[test]
fn a_newer_version_of_the_archive_is_an_upgrade() {
    let mut zone = zone();
    zone.run(main, "-y install meson");
    zone.write(
        "/usr/lib/zonewright/packages.json",
        r#"{"ninja-build": "1:1.13.0+ds-1"}"#,
    );
    zone.write(
        "/usr/lib/zonewright/layers/ninja-build.files",
        "usr/bin/ninja2\n",
    );
    let answer = zone.run(main, "-y upgrade");
    assert!(
        answer
            .output
            .contains("1 package to upgrade:\n  ninja-build-1.13.0\n")
    );
    assert!(
        answer
            .output
            .contains("0 to remove, 0 to refresh, 1 to upgrade, 0 to install\n")
    );
    assert!(!zone.has("/opt/local/bin/ninja") && zone.has("/opt/local/bin/ninja2"));
    let database = zone.database();
    assert!(database.has("ninja-build-1.13.0") && !database.has("ninja-build-1.12.1"));
    assert!(
        database.is_automatic("ninja-build-1.13.0").unwrap(),
        "the mark survives"
    );
    assert_eq!(
        database.required_by("ninja-build-1.13.0").unwrap(),
        ["meson-1.7.0"]
    );
    assert!(
        zone.run(main, "-y upgrade")
            .output
            .ends_with("nothing to do.\n")
    );
}

#[test]
fn a_refused_layer_is_an_error_with_a_log() {
    let mut zone = zone();
    zone.refusal = Some("the sandbox refused: no space".into());
    let answer = zone.run(main, "-y install db5");
    assert!(answer.output.contains(
        "pkg_install warnings: 0, errors: 1\npkg_install error log can be found in \
         /var/db/pkgin/pkg_install-err.log\n"
    ));
    assert_eq!(answer.status, 1);
    assert!(
        zone.read("/var/db/pkgin/pkg_install-err.log")
            .contains("refused: no space")
    );
    assert!(!zone.database().has("db5-5.3.28"));
}

#[test]
fn removing_hides_the_layer_whichever_command_does_it() {
    let mut zone = zone();
    zone.run(main, "-y install db5 libevent");
    assert_eq!(zone.shown.pop().unwrap(), ["db5", "libevent", "openssl"]);
    let answer = zone.run(pkg_delete::main, "db5");
    assert_eq!((answer.status, answer.output.as_str()), (0, ""));
    assert_eq!(zone.shown.pop().unwrap(), ["libevent", "openssl"]);
    assert!(!zone.has("/opt/local/include/db5"));
    let answer = zone.run(main, "-y remove openssl");
    assert!(
        answer
            .output
            .contains("2 packages to delete:\n  openssl-3.5.7 libevent-2.1.12\n"),
        "what needs it goes too: {}",
        answer.output
    );
    assert_eq!(answer.status, 0);
    assert_eq!(zone.shown.last().unwrap().len(), 0);
    assert!(zone.database().names().unwrap().is_empty());
    let answer = zone.run(main, "-y remove openssl");
    assert_eq!(answer.errors, "no such installed package openssl\n");
    assert_eq!(
        (answer.status, answer.output.as_str()),
        (1, "no packages to delete\n")
    );
}

#[test]
fn the_tree_of_dependencies_is_made_anew_at_the_end() {
    let mut zone = zone();
    zone.run(main, "-y install meson");
    let ninja = "ninja-build-1.12.1";
    zone.database().write_required_by(ninja, &[]).unwrap();
    zone.run(main, "-y install libevent");
    assert_eq!(zone.database().required_by(ninja).unwrap(), ["meson-1.7.0"]);
}

#[test]
fn real_packages_depend_on_emulated_ones() {
    use crate::sandbox::packages::testing::Package;
    let mut zone = zone();
    zone.run(main, "-y install libevent");
    let shown = zone.shown.len();
    let path = Package::new("zw-netatalk-4.2.3")
        .head("@pkgdep libevent>=2.1")
        .put(&zone);
    let answer = zone.run(pkg_add::main, &format!("-C /dev/null {path}"));
    assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
    assert_eq!(
        zone.database().required_by("libevent-2.1.12").unwrap(),
        ["zw-netatalk-4.2.3"]
    );
    assert_eq!(zone.run(pkg_delete::main, "libevent").status, 1);
    assert_eq!(zone.run(pkg_delete::main, "zw-netatalk").status, 0);
    assert_eq!(zone.shown.len(), shown, "no layer changed");
    assert_eq!(zone.run(main, "-y install zw-netatalk").status, 1);
}

#[test]
fn orphans_go_only_after_an_answer() {
    let mut zone = zone();
    zone.run(main, "-y install meson");
    assert_eq!(
        zone.run(main, "autoremove").output,
        "no orphan dependencies found.\n"
    );
    zone.run(main, "-y remove meson");
    let answer = zone.run(main, "-y autoremove");
    assert!(
        answer.output.contains("5 packages to be autoremoved:\n"),
        "{}",
        answer.output
    );
    assert_eq!(
        zone.database().names().unwrap().len(),
        5,
        "-y has no effect on it"
    );
    zone.run(main, "keep openssl");
    zone.input = "y\n".into();
    assert_eq!(zone.run(main, "autoremove").status, 0);
    assert_eq!(zone.database().names().unwrap(), ["openssl-3.5.7"]);
}

#[test]
fn lists_have_a_parsable_form() {
    let mut zone = zone();
    zone.run(main, "-y install db5");
    let legend = "\n=: package is installed and up-to-date\n\
        <: package is installed but newer version is available\n\
        >: installed package has a greater version than available package\n";
    let db5 = "Berkeley DB version 5 from Oracle";
    for (words, status, output) in [
        ("list", 0, format!("db5-5.3.28           {db5}\n")),
        ("-p ls", 0, format!("db5-5.3.28;{db5}\n")),
        (
            "-p search ^db5$",
            0,
            format!("db5-5.3.28;=;{db5}\n{legend}"),
        ),
        (
            "search BERKELEY",
            0,
            format!("db5-5.3.28 =         {db5}\n{legend}"),
        ),
        (
            "-p search ^gcc[0-9]+$",
            0,
            format!(
                "gcc13-13.3.0;;The GNU Compiler Collection (GCC) - 13 Release Series\n{legend}"
            ),
        ),
        (
            "search ^nothing$",
            1,
            "No results found for ^nothing$\n".into(),
        ),
        ("export", 0, "databases/db5\n".into()),
        (
            "show-deps meson",
            0,
            "direct dependencies for meson-1.7.0\n\tninja-build>=1.12.1\n\tpython313>=3.13.5\n"
                .into(),
        ),
        (
            "show-rev-deps db5",
            0,
            "local reverse dependency tree for db5-5.3.28\n".into(),
        ),
        (
            "keep db5",
            0,
            "marking db5-5.3.28 as non auto-removable\n".into(),
        ),
        (
            "unkeep db5",
            0,
            "marking db5-5.3.28 as auto-removable\n".into(),
        ),
        ("export", 0, String::new()),
        ("clean", 0, String::new()),
    ] {
        let answer = zone.run(main, words);
        assert_eq!((answer.status, answer.output), (status, output), "{words}");
    }
    let avail = zone.run(main, "-p avail").output;
    assert!(avail.contains("talloc-2.4.3;Hierarchical pool"), "{avail}");
    assert_eq!(avail.lines().count(), crate::sandbox::packages::INDEX.len());
}

#[test]
fn the_repository_is_looked_at_once() {
    let mut zone = zone();
    fs::remove_file(zone.path("/var/db/pkgin/pkgin.db")).unwrap();
    zone.write(
        "/opt/local/etc/pkgin/repositories.conf",
        "# one\nhttps://host/packages/SmartOS/2024Q4/x86_64/All\n",
    );
    let first = "processing remote summary (https://host/packages/SmartOS/2024Q4/x86_64/All)...\n\
                 downloading pkg_summary.xz done.\n";
    let answer = zone.run(main, "-y install db5");
    assert!(
        answer
            .output
            .starts_with(&format!("{first}calculating dependencies...done.\n"))
    );
    assert_eq!(
        zone.run(main, "update").output,
        "processing remote summary (https://host/packages/SmartOS/2024Q4/x86_64/All)...\n\
         database for https://host/packages/SmartOS/2024Q4/x86_64/All is up-to-date\n"
    );
    assert_eq!(zone.run(main, "-f update").output, first);
    zone.write("/opt/local/etc/pkgin/repositories.conf", "file:///repo\n");
    assert_eq!(zone.run(main, "update").status, 99);
}

#[test]
fn an_export_can_be_imported() {
    let mut zone = zone();
    zone.write("/tmp/list", "databases/db5\n");
    assert_eq!(zone.run(main, "-y import list").status, 0);
    assert!(zone.database().has("db5-5.3.28"));
}

#[test]
fn calls_that_are_wrong_or_not_emulated() {
    let mut zone = zone();
    for (words, status) in [
        ("", 1),
        ("bogus", 1),
        ("-z list", 1),
        ("stats", 99),
        ("-d install db5", 99),
        ("pc meson", 99),
    ] {
        assert_eq!(zone.run(main, words).status, status, "{words}");
    }
}

#[test]
fn a_fresh_zone_has_its_packages_and_layers_come_when_needed() {
    let mut zone = zone();
    zone.write("/opt/local/bin/timeout", "");
    zone.write("/opt/local/bin/gtimeout", "");
    zone.write("/opt/local/sbin/pkg_add", "");
    preinstalled(zone.root()).unwrap();
    for name in [
        "pkg_install-20250417",
        "pkgin-25.10.0",
        "sudo-1.9.16p2",
        "bash-5.2.37",
    ] {
        assert!(zone.database().has(name), "{name}");
    }
    assert_eq!(
        zone.run(pkg_info::main, "-qL coreutils").output,
        "/opt/local/bin/gtimeout\n/opt/local/bin/timeout\n"
    );
    assert_eq!(
        zone.run(pkg_info::main, "-Fe /opt/local/sbin/pkg_add")
            .output,
        "pkg_install-20250417\n"
    );
    assert_eq!(
        zone.run(pkg_info::main, "-Q OS_VERSION pkg_install").output,
        "5.11\n"
    );
    assert_eq!(
        zone.run(pkg_delete::main, "-f pkgin").status,
        1,
        "it is preserved"
    );
    let before = zone.database().names().unwrap();
    zone.run(main, "-y install db5");
    assert_eq!(zone.shown.pop().unwrap(), ["db5"]);
    zone.write(
        "/usr/lib/zonewright/layers/openssl.files",
        "usr/include/openssl/ssl.h\n",
    );
    zone.run(main, "-y install libevent");
    assert_eq!(zone.shown.pop().unwrap(), ["db5", "libevent", "openssl"]);
    assert!(
        zone.has("/opt/local/include/openssl/ssl.h"),
        "headers come when they are needed"
    );
    let database = zone.database();
    assert!(!database.is_automatic("openssl-3.5.7").unwrap());
    assert!(
        database
            .required_by("openssl-3.5.7")
            .unwrap()
            .contains(&"libevent-2.1.12".to_owned())
    );
    zone.write(
        "/usr/lib/zonewright/layers/zlib.files",
        "usr/include/zlib.h\n",
    );
    assert!(
        zone.run(main, "-y install zlib")
            .output
            .ends_with("nothing to do.\n")
    );
    assert_eq!(
        zone.shown.pop().unwrap(),
        ["db5", "libevent", "openssl", "zlib"]
    );
    assert!(zone.has("/opt/local/include/zlib.h"));
    assert!(!database.is_automatic("zlib-1.3.1").unwrap());
    zone.run(pkg_delete::main, "libevent");
    preinstalled(zone.root()).unwrap();
    assert_eq!(
        zone.database().names().unwrap().len(),
        before.len() + 1,
        "and none of these twice"
    );
}
