use super::*;
use crate::apt::parse_source_records;

const NETATALK: &str = "3a935770a2b7e7ad2e56650c2f7ef5f3a92088e7ac627e5fdedce8e36b78b1e7";

fn wanted(version: &str, file: &str) -> DebianSource {
    DebianSource {
        package: "netatalk".into(),
        version: version.into(),
        release: "trixie".into(),
        file: file.into(),
    }
}

// What `apt-cache showsrc --only-source netatalk` printed for trixie, shortened.
const SHOWSRC: &str = "\
Package: netatalk
Binary: netatalk, netatalk-tools
Version: 4.2.3~ds-1+deb13u2
Files:
 eb038ac51814d62d19545dcabff1e429 3030 netatalk_4.2.3~ds-1+deb13u2.dsc
 bd17c26426fdf4dce399a9679a341a2c 853516 netatalk_4.2.3~ds.orig.tar.xz
Checksums-Sha256:
 93c3d8b25f287cbcdf0814624ea8b146b458122bb53be461cf802528ded0d3ba 3030 netatalk_4.2.3~ds-1+deb13u2.dsc
 3a935770a2b7e7ad2e56650c2f7ef5f3a92088e7ac627e5fdedce8e36b78b1e7 853516 netatalk_4.2.3~ds.orig.tar.xz
Homepage: https://github.com/Netatalk/netatalk

";

#[test]
fn another_revision_will_do_if_it_holds_the_very_same_file() {
    let records = parse_source_records(SHOWSRC);
    let (file, other) = (
        "netatalk_4.2.3~ds.orig.tar.xz",
        "netatalk_4.2.4~ds.orig.tar.xz",
    );
    let there = Some("4.2.3~ds-1+deb13u2");
    let table = [
        ("4.2.3~ds-1+deb13u2", file, Some(NETATALK), there),
        ("4.2.3~ds-1+deb13u2", file, None, there),
        ("4.2.3~ds-1", file, Some(NETATALK), there),
        ("4.2.3~ds-1", file, None, None),
        ("4.2.3~ds-1+deb13u2", file, Some("00"), None),
        ("4.2.3~ds-1+deb13u2", other, None, None),
    ];
    for (version, file, sha256, version_there) in table {
        let got = pick(&records, &wanted(version, file), sha256);
        assert_eq!(got, version_there, "{version} {file} {sha256:?}");
    }
}

#[test]
fn what_the_mirror_has_instead_is_said() {
    let records = parse_source_records(SHOWSRC);
    let mirror = "http://mirror.example/debian";
    let file = "netatalk_4.2.3~ds.orig.tar.xz";
    let table = [
        (
            nothing_fits(&records, &wanted("9", file), None, mirror),
            "no version `9` of it, but `4.2.3~ds-1+deb13u2`",
        ),
        (
            nothing_fits(&records, &wanted("4.2.3~ds-1+deb13u2", "x"), None, mirror),
            "has no file `x`, but `netatalk_4.2.3~ds-1+deb13u2.dsc`, `",
        ),
        (
            nothing_fits(
                &records,
                &wanted("4.2.3~ds-1+deb13u2", file),
                Some("2a93"),
                mirror,
            ),
            "the sha256 of `netatalk_4.2.3~ds.orig.tar.xz` in version 4.2.3~ds-1+deb13u2 is \
             3a935770a2b7e7ad2e56650c2f7ef5f3a92088e7ac627e5fdedce8e36b78b1e7, the recipe wants 2a93",
        ),
        (
            nothing_fits(&[], &wanted("9", file), None, mirror),
            "no source package `netatalk` in trixie",
        ),
    ];
    for (error, wanted) in table {
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn names_that_apt_could_take_for_something_else_are_refused() {
    for (name, is_fine) in [
        ("netatalk", true),
        ("4.2.3~ds-1+deb13u2", true),
        ("1:2.0", true),
        ("", false),
        ("-o", false),
        ("../x", false),
        ("a/b", false),
        ("a b", false),
        ("a\nb", false),
    ] {
        assert_eq!(check_name(name).is_ok(), is_fine, "{name}");
    }
}
