use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::cache::Cache;
use super::fetch::{FetchError, Fetched, Fetcher};
use super::patch::tests::by_gnu_patch;
use super::tree::Entry;
use super::*;
use crate::recipe::model::{DebianSource, Source};

fn path(name: &str) -> TreePath {
    TreePath::parse(name.as_bytes()).unwrap()
}

fn text(tree: &Tree, name: &str) -> String {
    match tree.get(&path(name)) {
        Some(Entry::File { bytes, .. }) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{name}: {other:?}"),
    }
}

/// An archive of these files below `top/`.
fn archive(folder: &TempDir, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let mut tree = Tree::new();
    for (name, text) in files {
        tree.insert(
            path("top").join(&path(name)),
            Entry::file(text.as_bytes(), false),
        )
        .unwrap();
    }
    let at = folder.path().join(name);
    fs::write(&at, repack::ustar(&tree, 0).unwrap()).unwrap();
    at
}

fn ingredient<'a>(archive: &'a Path, into: Option<&'a str>) -> Ingredient<'a> {
    Ingredient {
        archive,
        strip: 1,
        into,
        patches: Vec::new(),
    }
}

const FIX: NamedPatch<'_> = NamedPatch {
    name: "fix.patch",
    bytes: b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n+new\n",
    strip: 1,
    fuzz: 0,
};

#[test]
fn each_source_is_patched_where_it_is_unpacked() {
    let folder = TempDir::new().unwrap();
    let main = archive(
        &folder,
        "main.tar",
        &[("f", "main\n"), ("sub/README", "x\n")],
    );
    let part = archive(&folder, "part.tar", &[("f", "old\n")]);
    let patched = Ingredient {
        patches: vec![FIX],
        ..ingredient(&part, Some("sub/part/"))
    };
    let prepared = prepare(
        &[ingredient(&main, None), patched.clone()],
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(text(&prepared.tree, "f"), "main\n");
    assert_eq!(text(&prepared.tree, "sub/part/f"), "new\n");
    assert_eq!(prepared.patches[0].0, "fix.patch");

    let twice = Ingredient {
        patches: vec![FIX, FIX],
        ..patched.clone()
    };
    let error = prepare(&[twice], &Limits::default())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the patch `fix.patch` does not apply: it is already applied to `f`"
    );
    for (into, wanted) in [
        (
            "../x",
            "the folder `../x` to unpack into is refused: it contains `..`",
        ),
        ("/x", "is refused: it is an absolute path"),
        ("f", "into `f`: `f/f` lies below `f`, which is a file"),
    ] {
        let wrong = Ingredient {
            into: Some(into),
            ..patched.clone()
        };
        let error = prepare(&[ingredient(&main, None), wrong], &Limits::default()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

const NETATALK: &str = "3a935770a2b7e7ad2e56650c2f7ef5f3a92088e7ac627e5fdedce8e36b78b1e7";

fn from_debian(
    cache: &Cache,
    version: &str,
    file: &str,
    sha256: Option<&str>,
) -> Result<Fetched, FetchError> {
    let source = Source {
        debian: Some(DebianSource {
            package: "netatalk".into(),
            version: version.into(),
            release: "trixie".into(),
            file: file.into(),
        }),
        sha256: sha256.map(str::to_owned),
        unverified: Some("a test".into()),
        ..Source::default()
    };
    Fetcher::new(cache, &[], Patience::default()).fetch(&source, &mut |_| ())
}

/// Whether there is no mirror, or none that answers.
fn is_out_of_reach(error: &str) -> bool {
    ["reading the lists of", "no mirror of Debian"]
        .iter()
        .any(|words| error.contains(words))
}

/// The real archive from the mirror that this machine has, the patch that ships, and Debian's own.
#[test]
fn netatalk_is_fetched_from_debian_and_patched_as_gnu_patch_does() {
    if Command::new("apt-get").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "apt is not installed");
        eprintln!("skipped: apt is not installed on this machine");
        return;
    }
    let folder = TempDir::new().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    // The revision of the day trixie was released; the mirror has a later one by now.
    let file = "netatalk_4.2.3~ds.orig.tar.xz";
    let fetched = match from_debian(&cache, "4.2.3~ds-1", file, Some(NETATALK)) {
        Err(error) if is_out_of_reach(&error.to_string()) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            eprintln!("skipped: no Debian mirror can be reached: {error}");
            return;
        }
        fetched => fetched.unwrap(),
    };
    assert_eq!(fetched.sha256, NETATALK);
    let version = fetched.from.rsplit(' ').next().unwrap();
    assert!(version.starts_with("4.2.3~ds-"), "{version}");
    let error = from_debian(&cache, "9", "x", None).unwrap_err().to_string();
    assert!(
        error.contains(&format!("no version `9` of it, but `{version}`")),
        "{error}"
    );

    let ours = NamedPatch {
        name: "descriptor-limit.patch",
        bytes: include_bytes!("../../patches/netatalk/descriptor-limit.patch"),
        strip: 1,
        fuzz: 0,
    };
    let plain = prepare(&[ingredient(&fetched.path, None)], &Limits::default())
        .unwrap()
        .tree;
    let with_patch = Ingredient {
        patches: vec![ours],
        ..ingredient(&fetched.path, None)
    };
    let prepared = prepare(&[with_patch], &Limits::default()).unwrap();
    assert_eq!(prepared.patches[0].1.files[0].hunks[0].offset, 0);
    assert!(text(&prepared.tree, "etc/cnid_dbd/cnid_metad.c").contains("going on with %lu"));
    assert_eq!(
        Some(&prepared.tree),
        by_gnu_patch(&plain, ours.bytes, 1, 0).as_ref()
    );
    assert!(repack::ustar(&prepared.tree, 0).unwrap().len() > 1 << 20);

    let packaging = format!("netatalk_{version}.debian.tar.xz");
    let packaging = from_debian(&cache, version, &packaging, None).unwrap();
    let debian = prepare(&[ingredient(&packaging.path, None)], &Limits::default())
        .unwrap()
        .tree;
    let mut tree = plain;
    for name in text(&debian, "patches/series")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let bytes = text(&debian, &format!("patches/{name}"));
        let wanted = by_gnu_patch(&tree, bytes.as_bytes(), 1, 0);
        let applied = patch::apply(&mut tree, name, bytes.as_bytes(), 1, 0);
        assert_eq!(Some(&tree), wanted.as_ref(), "{name}: {applied:?}");
    }
}
