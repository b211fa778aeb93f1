//! Streams of the machine's own GNU tar, and what becomes of the trees in them.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::*;

fn gnu_tar(folder: &Path) -> Vec<u8> {
    let output = Command::new("tar")
        .args(["--format=gnu", "-cf", "-", "-C"])
        .arg(folder)
        .arg(".")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn put(root: &Path, path: &str, text: &str, mode: u32) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn list(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn a_stream_of_gnu_tar_becomes_a_tree() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("opt/local/share/{}/{}", "d".repeat(90), "f".repeat(200));
    put(folder.path(), "opt/local/bin/tool", "#!/bin/sh\n", 0o4755);
    put(folder.path(), &long, "long", 0o644);
    std::fs::hard_link(
        folder.path().join("opt/local/bin/tool"),
        folder.path().join("opt/local/bin/alias"),
    )
    .unwrap();
    let target = format!("../{}", "t".repeat(150));
    symlink(&target, folder.path().join("opt/local/lib")).unwrap();
    std::fs::create_dir(folder.path().join("opt/local/var")).unwrap();

    let tree = StagedTree::read(&gnu_tar(folder.path())).unwrap();
    let tool = &tree.entries["/opt/local/bin/tool"];
    assert_eq!(tool.mode, 0o4755);
    assert_eq!(
        tool.kind,
        EntryKind::File {
            bytes: (*b"#!/bin/sh\n").into()
        }
    );
    assert_eq!(&tree.entries["/opt/local/bin/alias"], tool);
    assert_eq!(
        tree.entries["/opt/local/lib"].kind,
        EntryKind::Symlink { target }
    );
    assert_eq!(tree.entries["/opt/local/var"].kind, EntryKind::Directory);
    assert!(tree.entries.contains_key(&format!("/{long}")));
    assert!(!tree.entries.contains_key("/"));
}

#[test]
fn a_cut_stream_is_no_tree() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a", &"x".repeat(600), 0o644);
    put(folder.path(), "b", "y", 0o644);
    let stream = gnu_tar(folder.path());
    let whole = StagedTree::read(&stream).unwrap();
    assert_eq!(whole.entries.len(), 2);
    // ./ and its name, two headers, and 2 + 1 blocks of content
    let content = 512 * 6;
    for length in (0..content + 1024).step_by(256) {
        assert!(StagedTree::read(&stream[..length]).is_err(), "{length}");
    }
    assert!(StagedTree::read(&stream[..content + 1024]).is_ok());
    assert!(StagedTree::read(&[1; 2048]).is_err());
}

#[test]
fn what_no_package_can_hold_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let error = StagedTree::read(&gnu_tar(folder.path())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/pipe` is a named pipe; only files, links and folders can be packaged"
    );
    for name in ["../x", "a/../../x", "/etc/x"] {
        assert!(clean_path(name.as_bytes()).is_err(), "{name}");
    }
    assert_eq!(clean_path(b".//a/./b/").unwrap(), "/a/b");
}

fn file(text: &str) -> StagedEntry {
    StagedEntry {
        kind: EntryKind::File {
            bytes: text.as_bytes().into(),
        },
        mode: 0o644,
    }
}

fn tree(paths: &[&str]) -> StagedTree {
    let mut tree = StagedTree::default();
    for path in paths {
        let entry = match path.strip_suffix('/') {
            Some(_) => StagedEntry {
                kind: EntryKind::Directory,
                mode: 0o755,
            },
            None => file(path),
        };
        tree.entries
            .insert(path.trim_end_matches('/').to_owned(), entry);
    }
    tree
}

#[test]
fn the_package_gets_what_is_below_the_prefix() {
    let tree = tree(&[
        "/opt/",
        "/opt/local/",
        "/opt/local/bin/",
        "/opt/local/bin/x",
        "/opt/local/var/",
        "/opt/local/etc/afp.conf",
        "/opt/local/share/man/",
        "/opt/local/share/man/x.1",
        "/var/",
        "/var/svc/x.xml",
        "/opt/local/lib/x.la",
    ]);
    let (files, outside) = tree
        .split(
            "/opt/local",
            &list(&["/opt/local/share/man/", "/opt/local/lib/x.la"]),
            &list(&["/var/svc/x.xml", "/opt/local/etc/afp.conf"]),
        )
        .unwrap();
    assert_eq!(files.entries.keys().collect::<Vec<_>>(), ["bin/x", "var"]);
    assert_eq!(
        outside.keys().collect::<Vec<_>>(),
        ["/opt/local/etc/afp.conf", "/var/svc/x.xml"]
    );
}

#[test]
fn what_is_outside_the_prefix_and_not_declared_is_a_problem_with_its_way_out() {
    let tree = tree(&[
        "/opt/local2/x",
        "/etc/pam.d/x",
        "/var/",
        "/var/state/",
        "/opt/local/@x",
    ]);
    let problems = tree.split("/opt/local", &[], &[]).unwrap_err();
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "/etc/pam.d/x",
            "/opt/local/@x",
            "/opt/local2/x",
            "/var/state"
        ]
    );
    let help = problems[0].help.as_deref().unwrap();
    assert!(
        help.contains("[[file]] path = \"/etc/pam.d/x\" staged = \"/etc/pam.d/x\""),
        "{help}"
    );
    assert!(
        problems[3]
            .help
            .as_deref()
            .unwrap()
            .contains("discard = [\"/var/state/\"]")
    );
    let discard = list(&["/opt/local2/", "/opt/local/@x"]);
    let allowed = tree.split(
        "/opt/local",
        &discard,
        &list(&["/etc/pam.d/x", "/var/state/"]),
    );
    let (files, outside) = allowed.unwrap();
    assert!(files.entries.is_empty());
    assert_eq!(outside.keys().collect::<Vec<_>>(), ["/etc/pam.d/x"]);
    let problems = tree
        .split(
            "/opt/local",
            &discard,
            &list(&["/etc/pam.d/x", "/etc/y", "/var/state/"]),
        )
        .unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, "/etc/y");
}
