use std::fs;

use super::main;
use crate::sandbox::packages::pkg_add;
use crate::sandbox::packages::testing::{Package, Zone};

fn zone() -> Zone {
    let mut zone = Zone::new();
    let foo = Package::new("foo-1.0")
        .head("@pkgcfl oldfoo-[0-9]*")
        .file("bin/foo", "f")
        .line("@pkgdir var/foo")
        .line("@owner daemon")
        .metadata("+DISPLAY", "notice")
        .built(
            "CATEGORIES=devel net\nHOMEPAGE=https://example.org/\nPROVIDES=/a\nPROVIDES=/b\n\
         LOCALBASE=/opt/local\nBUILD_DATE= 2025-01-06 00:00:00 +0000\n",
        );
    let long = Package::new("a-rather-long-name-2.0")
        .head("@pkgdep foo>=1")
        .head("@blddep foo-1.0")
        .metadata("+COMMENT", "no newline here")
        .metadata("+PRESERVE", "x");
    for package in [foo, long] {
        let path = package.put(&zone);
        let answer = zone.run(pkg_add::main, &format!("-C /dev/null {path}"));
        assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
    }
    zone.database()
        .set_installed("foo-1.0", "automatic", Some("yes"))
        .unwrap();
    zone
}

#[test]
fn questions_are_answered_word_for_word() {
    let mut zone = zone();
    let foo = "foo-1.0             A package called foo-1.0\n";
    let long = "a-rather-long-name-2.0 no newline here\n";
    let preserved = "*** PACKAGE MAY NOT BE DELETED ***\n\n";
    let rows: Vec<(&str, String)> = vec![
        ("", format!("{long}{foo}")),
        ("-a", format!("{long}{foo}")),
        ("-u", long.into()),
        ("-I foo", foo.into()),
        ("-E foo", "foo-1.0\n".into()),
        ("-e foo", "foo-1.0\n".into()),
        ("-e *-[0-9]*", "a-rather-long-name-2.0\nfoo-1.0\n".into()),
        ("-qe foo", String::new()),
        ("-Q OPSYS foo", "SunOS\n".into()),
        ("-Q BUILD_DATE foo", "2025-01-06 00:00:00 +0000\n".into()),
        ("-Q PROVIDES foo", "/a\n/b\n".into()),
        ("-Q UNSET foo", String::new()),
        ("-Q automatic foo", "yes\n".into()),
        ("-Q automatic a-rather-long-name", String::new()),
        ("-qL foo", "/opt/local/bin/foo\n".into()),
        ("-L foo", "Information for foo-1.0:\n\nFiles:\n/opt/local/bin/foo\n\n".into()),
        ("-qc foo", "A package called foo-1.0\n\n".into()),
        ("-c foo", "Information for foo-1.0:\n\nComment:\nA package called foo-1.0\n\n\n".into()),
        ("-qd foo", "Long words.\nTwo lines.\n\n".into()),
        ("-qD foo", "notice\n\n".into()),
        ("-qs foo", "42\n\n".into()),
        ("-s foo", "Information for foo-1.0:\n\nSize of this package in bytes: 42\n\n\n".into()),
        (
            "-S foo",
            "Information for foo-1.0:\n\nSize in bytes including required pkgs: 43\n\n\n".into(),
        ),
        ("-qR foo", "a-rather-long-name-2.0\n\n".into()),
        (
            "-R foo",
            "Information for foo-1.0:\n\nRequired by:\na-rather-long-name-2.0\n\n\n".into(),
        ),
        (
            "-r foo",
            "Information for foo-1.0:\n\nFull required by list:\na-rather-long-name-2.0\n\n\n".into(),
        ),
        ("-n foo", "Information for foo-1.0:\n\n\n".into()),
        ("-qn a-rather*", "foo>=1\n\n".into()),
        ("-qN a-rather*", "foo-1.0\n\n".into()),
        ("-qp foo", "@cwd /opt/local\n".into()),
        (
            "-qf foo",
            "@name foo-1.0\n@pkgcfl oldfoo-[0-9]*\n@cwd /opt/local\nbin/foo\n\
             @comment MD5:8fa14cdd754f91cc6554c9e71929cce7\n@pkgdir var/foo\n@chown daemon\n"
                .into(),
        ),
        (
            "-c a-rather*",
            format!(
                "Information for a-rather-long-name-2.0:\n\n{preserved}Comment:\n\
                 no newline here\n\n{preserved}\n"
            ),
        ),
        ("-F -c -q /opt/local/bin/foo", "A package called foo-1.0\n\n".into()),
        ("-Fe /opt/local/bin/foo", "foo-1.0\n".into()),
        (
            "-aF",
            "file: /opt/local/bin/foo pkg: foo-1.0\nfile: /opt/local/var/foo pkg: @pkgdir foo-1.0\n"
                .into(),
        ),
        ("-l :: -c foo", "::Information for foo-1.0:\n\n::Comment:\nA package called foo-1.0\n\n::\n".into()),
    ];
    for (words, expected) in rows {
        let answer = zone.run(main, words);
        assert_eq!(answer.output, expected, "{words}");
        assert_eq!((answer.status, answer.errors.as_str()), (0, ""), "{words}");
    }
}

#[test]
fn build_and_install_information_follow_each_other() {
    let mut zone = zone();
    let answer = zone.run(main, "-qB foo");
    let text = zone.read("/opt/local/pkg/foo-1.0/+BUILD_INFO");
    assert_eq!(answer.output, format!("{text}\nautomatic=yes\n\n"));
    let answer = zone.run(main, "-B foo");
    assert!(answer.output.contains("Build information:\nOPSYS=SunOS\n"));
    assert!(
        answer
            .output
            .contains("\n\nInstalled information:\nautomatic=yes\n\n")
    );
}

#[test]
fn a_summary_has_its_order_and_ends_with_a_blank_line() {
    let mut zone = zone();
    let record = "PKGNAME=foo-1.0\nCONFLICTS=oldfoo-[0-9]*\nCOMMENT=A package called foo-1.0\n\
        SIZE_PKG=42\nOPSYS=SunOS\nOS_VERSION=5.11\nMACHINE_ARCH=x86_64\nPKGTOOLS_VERSION=20091115\n\
        CATEGORIES=devel net\nHOMEPAGE=https://example.org/\nPROVIDES=/a\nPROVIDES=/b\n\
        BUILD_DATE=2025-01-06 00:00:00 +0000\n";
    let description = "DESCRIPTION=Long words.\nDESCRIPTION=Two lines.\n\n";
    assert_eq!(
        zone.run(main, "-X foo").output,
        format!("{record}{description}")
    );
    let size = fs::metadata(zone.path("/tmp/foo-1.0.tgz")).unwrap().len();
    assert_eq!(
        zone.run(main, "-X /tmp/foo-1.0.tgz").output,
        format!("{record}FILE_NAME=foo-1.0.tgz\nFILE_SIZE={size}\n{description}")
    );
    let all = zone.run(main, "-Xa").output;
    assert_eq!(all.matches("PKGNAME=").count(), 2);
    assert!(all.ends_with("\n\n"));
}

#[test]
fn what_is_not_there_has_its_words_and_status() {
    let mut zone = zone();
    fs::write(zone.path("/tmp/garbage"), "no archive").unwrap();
    for (words, status, errors) in [
        ("absent", 1, "pkg_info: can't find package `absent'\n"),
        (
            "/no/where.tgz",
            1,
            "pkg_info: can't find package `/no/where.tgz'\n",
        ),
        (
            "-q absent gone foo",
            2,
            "pkg_info: can't find package `absent'\npkg_info: can't find package `gone'\n",
        ),
        (
            "/tmp/garbage",
            255,
            "pkg_info: can't find package `/tmp/garbage', skipped\n",
        ),
        ("x>=1", 1, "No matching pkg for x>=1.\n"),
        ("-F /nowhere", 1, "No matching pkg for /nowhere.\n"),
        ("-Fe /nowhere", 1, "No matching pkg for /nowhere.\n"),
        ("-E absent", 1, ""),
        ("-e absent", 1, ""),
        ("-qe foo-2", 1, ""),
    ] {
        let answer = zone.run(main, words);
        assert_eq!(
            (answer.status, answer.errors.as_str()),
            (status, errors),
            "{words}"
        );
    }
    for words in ["-e foo bar", "-c", "-z foo"] {
        let answer = zone.run(main, words);
        assert_eq!(answer.status, 1, "{words}");
        assert!(answer.errors.contains("usage: pkg_info"), "{words}");
    }
    assert_eq!(
        Zone::new().run(main, ""),
        crate::sandbox::packages::testing::Answer {
            status: 0,
            output: String::new(),
            errors: String::new()
        }
    );
}

#[test]
fn a_package_without_build_information_says_so() {
    let mut zone = zone();
    fs::remove_file(zone.path("/opt/local/pkg/foo-1.0/+BUILD_INFO")).unwrap();
    let answer = zone.run(main, "-Q OPSYS foo");
    assert_eq!(answer.errors, "pkg_info: Build information missing\n");
    assert_eq!((answer.status, answer.output.as_str()), (0, ""));
}

#[test]
fn broken_metadata_ends_the_program() {
    let mut zone = zone();
    fs::create_dir(zone.path("/opt/local/pkg/half-1")).unwrap();
    assert_eq!(zone.run(main, "").status, 2);
}

#[test]
fn a_misordered_archive_is_read_with_a_warning() {
    let mut zone = Zone::new();
    let mut package = Package::new("foo-1.0");
    package.metadata.reverse();
    let path = package.put(&zone);
    let answer = zone.run(main, &format!("-qc {path}"));
    assert_eq!(answer.errors, "pkg_info: misordered package, continuing\n");
    assert_eq!(
        (answer.status, answer.output.as_str()),
        (0, "A package called foo-1.0\n\n")
    );
}
