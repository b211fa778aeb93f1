//! Another release: only what must change in the file, and nothing where a patch does not fit.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use tempfile::TempDir;
use zonewright::receipt::sha256_hex;

use super::server::Server;
use super::{Ran, run};

const CROWDED: &str = include_str!("crowded.toml");
const PATCH: &str = "--- a/say.txt\n+++ b/say.txt\n@@ -1,3 +1,3 @@\n one\n-hello\n+HELLO\n three\n";

/// An archive of the thing, in which `say.txt` has these lines.
fn archive(version: &str, lines: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(lines.len() as u64);
    header.set_mode(0o644);
    let path = format!("thing-{version}/say.txt");
    tar.append_data(&mut header, path, lines.as_bytes())
        .unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&tar.into_inner().unwrap()).unwrap();
    packer.finish().unwrap()
}

/// A site with the crowded recipe at 1.0, which the server has.
fn site(server: &Server) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let first = archive("1.0", "one\nhello\nthree\n");
    server.put("/dist/thing-1.0.tar.gz", &first);
    for part in ["recipes", "patches"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    fs::write(folder.path().join("patches/loud.patch"), PATCH).unwrap();
    let text = CROWDED
        .replace("@ADDRESS@", &server.address)
        .replace("@SHA256@", &sha256_hex(&first))
        .replace("@SIZE@", &first.len().to_string());
    fs::write(folder.path().join("recipes/thing.toml"), text).unwrap();
    folder
}

fn text(site: &TempDir) -> String {
    fs::read_to_string(site.path().join("recipes/thing.toml")).unwrap()
}

fn bump(folder: &Path, more: &[&str]) -> Ran {
    run(folder, &[&["recipe", "bump", "thing"], more].concat())
}

#[test]
fn a_bump_changes_version_size_and_sum_and_not_one_byte_more() {
    let server = Server::new();
    let site = site(&server);
    let before = text(&site);
    let next = archive("1.10", "zero\none\nhello\nthree\nfour and five\n");
    server.put("/dist/thing-1.10.tar.gz", &next);
    server.put("/dist/thing-1.9.tar.gz", b"not looked at");
    server.put("/dist/thing-2.0rc1.tar.gz", b"not looked at");
    server.put("/dist/thing-1.10.tar.gz.asc", b"not looked at");
    let shown = bump(site.path(), &["-n"]).exits(0);
    assert_eq!(text(&site), before, "{shown}");
    assert!(shown.out.contains("\n-version = '1.0' "), "{shown}");
    let told = bump(site.path(), &["-n", "--json"]).exits(0);
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["schema"], "zonewright/recipe-bump/v1");
    assert_eq!(
        (&told["from"], &told["to"]),
        (&"1.0".into(), &"1.10".into())
    );
    assert_eq!(told["sources"][0]["sha256"], sha256_hex(&next));
    assert_eq!(told["patches"][0]["lines-away"], 1);
    assert_eq!(told["written"], false);
    assert_eq!(text(&site), before, "{told}");

    let ran = bump(site.path(), &[]).exits(0);
    assert!(
        ran.out.contains("loud.patch applies, up to 1 lines away"),
        "{ran}"
    );
    let first = archive("1.0", "one\nhello\nthree\n");
    let expected = before
        .replace("'1.0'", "'1.10'")
        .replace("mirror/thing-1.0.tar.gz", "mirror/thing-1.10.tar.gz")
        .replace(&sha256_hex(&first), &sha256_hex(&next))
        .replace(
            &format!("= {} #", first.len()),
            &format!("= {} #", next.len()),
        );
    assert_eq!(text(&site), expected);
    assert_ne!(expected, before);

    let again = bump(site.path(), &[]).exits(0);
    assert!(again.out.contains("1.10 is the newest release"), "{again}");
    assert!(again.out.contains("nothing to change"), "{again}");
    assert_eq!(text(&site), expected);
}

#[test]
fn a_patch_that_does_not_fit_leaves_the_file_and_shows_the_hunk() {
    let server = Server::new();
    let site = site(&server);
    let before = text(&site);
    server.put(
        "/dist/thing-1.1.tar.gz",
        &archive("1.1", "one\nhello, world\nthree\n"),
    );
    let ran = bump(site.path(), &[]).exits(1);
    assert_eq!(text(&site), before);
    for part in [
        "the patch `loud.patch` does not apply",
        "recipes/thing.toml:23:5",
        "-hello\n",
        "hello, world",
        "recipes/thing.toml is as it was, at 1.0",
    ] {
        assert!(ran.err.contains(part), "{part}: {ran}");
    }
}

#[test]
fn an_archive_that_changed_without_a_version_is_told_loudly_and_not_taken() {
    let server = Server::new();
    let site = site(&server);
    let before = text(&site);
    let other = archive("1.0", "one\nhello\nthree\nand more\n");
    server.put("/dist/thing-1.0.tar.gz", &other);
    let ran = bump(site.path(), &[]).exits(1);
    assert_eq!(text(&site), before);
    assert!(
        ran.err
            .contains("CHANGED WITHOUT A NEW VERSION: source 1 of thing 1.0"),
        "{ran}"
    );
    assert!(ran.err.contains(&sha256_hex(&other)), "{ran}");
    assert!(
        ran.err
            .contains("zonewright recipe bump thing 1.0 --accept-changed"),
        "{ran}"
    );
    bump(site.path(), &["1.0", "--accept-changed"]).exits(0);
    assert!(text(&site).contains(&sha256_hex(&other)));
}

#[test]
fn where_no_release_can_be_found_every_place_says_why() {
    let server = Server::new();
    let site = site(&server);
    let before = text(&site);
    let text_without = before.replace(&server.address, "127.0.0.1:1");
    fs::write(site.path().join("recipes/thing.toml"), &text_without).unwrap();
    let ran = bump(site.path(), &[]).exits(1);
    assert!(
        ran.err
            .contains("cannot find out which release of thing is the newest"),
        "{ran}"
    );
    assert!(ran.err.contains("http://127.0.0.1:1/dist/: "), "{ran}");
    let shipped = run(site.path(), &["recipe", "bump", "fping"]).exits(2);
    assert!(
        shipped.err.contains("is built into this program"),
        "{shipped}"
    );
}

#[test]
fn fetch_puts_verified_archives_into_the_cache_and_refuses_others() {
    let server = Server::new();
    let site = site(&server);
    let ran = run(site.path(), &["recipe", "fetch", "thing", "--json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let path = document["fetched"][0]["path"].as_str().unwrap();
    assert!(
        Path::new(path).starts_with(site.path().join("cache")),
        "{ran}"
    );
    assert_eq!(document["fetched"][0]["verified"], true);
    let changed = text(&site)
        .replace("sha256 = \"", "sha256 = \"0")
        .replace("\"   # sha", "\" # sha");
    let sum = changed
        .split("sha256 = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    fs::write(
        site.path().join("recipes/thing.toml"),
        changed.replace(&sum, &sum[..64]),
    )
    .unwrap();
    let ran = run(site.path(), &["recipe", "fetch", "thing"]).exits(1);
    assert!(ran.err.contains("cannot fetch `thing-1.0.tar.gz`"), "{ran}");
    assert!(ran.err.contains("the recipe wants 0"), "{ran}");
}

#[test]
fn a_wrong_size_is_told_by_check_and_fetch_and_mended_by_a_bump() {
    let server = Server::new();
    let site = site(&server);
    let good = text(&site);
    let size = archive("1.0", "one\nhello\nthree\n").len();
    let bad = good.replace(&format!("= {size} #"), &format!("= {} #", size + 1));
    assert_ne!(bad, good);
    let recipe = site.path().join("recipes/thing.toml");
    fs::write(&recipe, &bad).unwrap();
    // the server says how large it is, before anything is in the cache
    let fetch = run(site.path(), &["recipe", "fetch", "thing"]).exits(1);
    let told = format!("the server has {size} bytes, the recipe says {}", size + 1);
    assert!(fetch.err.contains(&told), "{fetch}");
    assert!(fetch.err.contains("write it as `size`"), "{fetch}");
    fs::write(&recipe, &good).unwrap();
    run(site.path(), &["recipe", "fetch", "thing"]).exits(0);
    fs::write(&recipe, &bad).unwrap();
    let told = format!("has {size} bytes, the recipe says {}", size + 1);
    let fetch = run(site.path(), &["recipe", "fetch", "thing"]).exits(1);
    assert!(fetch.err.replace("\n  │ ", " ").contains(&told), "{fetch}");
    let check = run(site.path(), &["recipe", "check", "thing"]).exits(2);
    assert!(check.out.contains("[source-size]"), "{check}");
    assert!(
        check.out.contains(&format!("write `size = {size}`")),
        "{check}"
    );
    bump(site.path(), &["1.0"]).exits(0);
    assert_eq!(text(&site), good);
}
