//! A site to begin with, and recipes drafted from sources.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::run;

/// An archive of these files below one folder.
fn archive(path: &Path, top: &str, files: &[(&str, &str)]) {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{top}/{name}"), text.as_bytes())
            .unwrap();
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&tar.into_inner().unwrap()).unwrap();
    fs::write(path, packer.finish().unwrap()).unwrap();
}

const CONFIGURE: &str = "#!/bin/sh\nPACKAGE_NAME='tiny'\nPACKAGE_TARNAME='tiny'\nPACKAGE_VERSION='2.1'\n\
    PACKAGE_URL='https://example.org/tiny'\nOptional Features:\n  --disable-ipv6          Do without \"IPv6\"\n";
const UNIT: &str = "[Unit]\nDescription=Does tiny things\n[Service]\nType=forking\nExecStart=/usr/sbin/tiny --quiet\n";
const MIT: &str =
    "Permission is hereby granted, free of charge, to any person obtaining a copy of it\n";

#[test]
fn a_new_site_passes_its_check_and_is_laid_out() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["new", "backups"]).exits(0);
    let site = folder.path().join("backups");
    let check = run(&site, &["recipe", "check"]).exits(0);
    assert!(check.out.contains("zone timemachine "), "{check}");
    run(&site, &["recipe", "fmt", "--check"]).exits(0);
    let schema = fs::read_to_string(site.join("schema/zone.json")).unwrap();
    let printed = run(&site, &["recipe", "schema", "zone"]).exits(0);
    assert_eq!(schema, printed.out);
    let again = run(folder.path(), &["new", "backups"]).exits(2);
    assert!(
        again
            .err
            .contains("`backups` is not empty, and stays as it is"),
        "{again}"
    );
    let empty = run(&site, &["recipe", "new", "thing"]).exits(0);
    assert!(empty.out.contains("wrote recipes/thing.toml"), "{empty}");
    // it is there to be filled in, and a check says so
    let hollow = run(&site, &["recipe", "check", "thing"]).exits(2);
    assert!(
        hollow
            .out
            .contains("this checksum stands for one [placeholder]"),
        "{hollow}"
    );
    assert!(
        hollow
            .out
            .contains("nothing is fetched from `https://example.org/"),
        "{hollow}"
    );
    run(&site, &["recipe", "fmt", "--check"]).exits(0);
}

#[test]
fn a_draft_says_what_the_sources_say_passes_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    fs::create_dir(site.join("recipes")).unwrap();
    archive(
        &site.join("tiny-2.1.tar.gz"),
        "tiny-2.1",
        &[
            ("configure", CONFIGURE),
            (
                "configure.ac",
                "AC_CHECK_LIB([z], [inflate])\nPKG_CHECK_MODULES([E], [libevent])\n",
            ),
            ("Makefile.am", "sbin_PROGRAMS = tiny\n"),
            ("COPYING", MIT),
            ("contrib/tiny.service", UNIT),
        ],
    );
    let ran = run(
        site,
        &["recipe", "new", "tiny", "--from", "tiny-2.1.tar.gz"],
    )
    .exits(0);
    assert!(
        ran.out
            .contains("tiny 2.1, autotools, licence MIT, 1 options"),
        "{ran}"
    );
    let text = fs::read_to_string(site.join("recipes/tiny.toml")).unwrap();
    for part in [
        "version   = \"2.1\"\n",
        "summary   = \"Does tiny things\"\n",
        "homepage  = \"https://example.org/tiny\"\n",
        "license   = \"MIT\"\n",
        "build = [\"gcc13\", \"gmake\", \"pkgconf\"]\n",
        "# it uses these too where they are there: zlib\nrun   = [\"libevent\"]\n",
        "    # \"--disable-ipv6\",   # Do without \"IPv6\"\n",
        "start    = [\"/opt/local/sbin/tiny\", \"--quiet\"]\n",
        "command = [\"/usr/bin/test\", \"-x\", \"/opt/local/sbin/tiny\"]\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(site.join("distfiles/tiny-2.1.tar.gz").is_file());
    let check = run(site, &["recipe", "check", "tiny"]).exits(0);
    assert_eq!(check.err, "", "{check}");
    run(site, &["recipe", "fmt", "--check"]).exits(0);
    // the archive in distfiles/ is found by its name
    run(site, &["recipe", "fetch", "tiny"]).exits(0);

    let again = run(site, &["recipe", "new", "tiny"]).exits(2);
    assert!(
        again.err.contains("`recipes/tiny.toml` is there already"),
        "{again}"
    );
    assert_eq!(
        fs::read_to_string(site.join("recipes/tiny.toml")).unwrap(),
        text
    );
}

#[test]
fn a_source_with_another_build_system_or_none_is_drafted_with_what_is_to_be_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    fs::create_dir(site.join("recipes")).unwrap();
    for (name, file, system, part) in [
        ("tree", "Makefile", "make", "build = [\"gcc13\", \"gmake\"]"),
        (
            "wood",
            "CMakeLists.txt",
            "cmake",
            "build = [\"gcc13\", \"cmake\", \"gmake\"]",
        ),
        ("bush", "README", "custom", "stage = [[\"/usr/bin/false\"]]"),
    ] {
        let archived = format!("{name}-2.1.0.tar.gz");
        archive(
            &site.join(&archived),
            &format!("{name}-2.1.0"),
            &[(file, "all:\n")],
        );
        let ran = run(site, &["recipe", "new", name, "--from", &archived]).exits(0);
        let text = fs::read_to_string(site.join(format!("recipes/{name}.toml"))).unwrap();
        let sum = zonewright::receipt::sha256_hex(&fs::read(site.join(&archived)).unwrap());
        for wanted in [
            "version = \"2.1.0\"\n",
            part,
            &format!("system = \"{system}\"\n"),
            &sum,
        ] {
            let plain = |text: &str| text.replace("  ", " ").replace("  ", " ");
            assert!(
                plain(&text).contains(&plain(wanted)),
                "{wanted}: {ran}\n{text}"
            );
        }
        run(site, &["recipe", "check", name]).exits(0);
    }
    run(site, &["recipe", "fmt", "--check"]).exits(0);
}

#[test]
fn what_cannot_be_drafted_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    let nowhere = run(site, &["recipe", "new", "x"]).exits(2);
    assert!(nowhere.err.contains("zonewright new DIR"), "{nowhere}");
    fs::create_dir(site.join("recipes")).unwrap();
    fs::write(
        site.join("x_1-1.dsc"),
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nFormat: 3.0 (quilt)\nFiles:\n \
         0123 45 x_1.orig.tar.xz\n 4567 89 x_1-1.debian.tar.xz\n",
    )
    .unwrap();
    let ran = run(site, &["recipe", "new", "x", "--from", "x_1-1.dsc"]).exits(2);
    assert!(ran.err.contains("`x_1-1.dsc` only describes"), "{ran}");
    assert!(ran.err.contains("`--from x_1.orig.tar.xz`"), "{ran}");
    assert!(ran.err.lines().count() < 4, "{ran}");
    assert!(fs::read_dir(site.join("recipes")).unwrap().next().is_none());
    run(site, &["recipe", "new", "../x"]).exits(2);
    run(site, &["recipe", "new", "y", "--from", "nothing.tar.gz"]).exits(2);
}

#[test]
fn a_recipe_that_ships_is_copied_whole_to_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["new", "backups"]).exits(0);
    let site = folder.path().join("backups");
    let refused = run(&site, &["recipe", "bump", "netatalk-4.2"]).exits(2);
    let copy = ["recipe", "new", "netatalk-4.2", "--like", "netatalk-4.2"];
    assert!(refused.err.contains(&copy.join(" ")), "{refused}");
    let shipped = run(&site, &["recipe", "show", "netatalk-4.2", "--json"]).exits(0);
    let copied = run(&site, &copy).exits(0);
    for file in [
        "recipes/netatalk-4.2.toml",
        "patches/netatalk-4.2/descriptor-limit.patch",
        "templates/netatalk-4.2/afp.conf.hbs",
    ] {
        assert!(copied.out.contains(&format!("wrote {file}\n")), "{copied}");
        assert!(site.join(file).is_file());
    }
    let own = run(&site, &["recipe", "show", "netatalk-4.2", "--json"]).exits(0);
    let as_shipped = own
        .out
        .replace("\"recipes/", "\"(built in)/recipes/")
        .replace("netatalk-4.2/", "netatalk/");
    assert_eq!(as_shipped, shipped.out);
    run(&site, &["recipe", "check", "netatalk-4.2"]).exits(0);
    run(&site, &copy).exits(2);
    run(&site, &["recipe", "new", "mine", "--like", "netatalk-4.2"]).exits(0);
    // what is changed for the copy is the copy's
    assert!(!site.join("templates/netatalk").exists());
    for (name, folder) in [("mine", "mine"), ("netatalk", "netatalk")] {
        let shown = run(&site, &["recipe", "show", name, "--json"]).exits(0);
        let template = format!("\"\\\"{folder}/afp.conf.hbs\\\"\"");
        assert!(shown.out.contains(&template), "{name}: {shown}");
    }
}
