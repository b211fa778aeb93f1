//! Archives and patches: what upstream publishes.

use std::path::Path;

use zonewright::source::patch::{self, FileChange, PatchReason};
use zonewright::source::repack::ustar;
use zonewright::source::tree::{Entry, Tree, TreePath};
use zonewright::source::unpack::{Limits, unpack_stream};

use super::tape::repaired;

const LIMITS: Limits = Limits {
    total_bytes: 1 << 20,
    entries: 1000,
    ratio: 250,
};

/// An archive as it is; then, where it is plain, with its headers' checksums made right.
pub fn archive(data: &[u8]) {
    let is_compressed = data.starts_with(b"\x1f\x8b")
        || data.starts_with(b"BZh")
        || data.starts_with(b"\xfd7zXZ")
        || data.starts_with(b"\x28\xb5\x2f\xfd");
    for strip in [0, 1] {
        unpacked(data, strip);
        if !is_compressed {
            unpacked(&repaired(data), strip);
        }
    }
}

fn unpacked(data: &[u8], strip: u32) {
    let mut tree = Tree::new();
    let name = Path::new("x.tar");
    let result = unpack_stream(name, data, data.len() as u64, strip, &mut tree, &LIMITS);
    let content = |entry: &Entry| match entry {
        Entry::File { bytes, .. } => bytes.len() as u64,
        Entry::Symlink { target } => target.len() as u64,
        Entry::Directory => 0,
    };
    let names: u64 = tree
        .iter()
        .map(|(path, _)| path.as_bytes().len() as u64)
        .sum();
    let bytes: u64 = tree.iter().map(|(_, entry)| content(entry)).sum();
    assert!(bytes <= LIMITS.total_bytes && names <= LIMITS.total_bytes);
    assert!(tree.len() as u64 <= LIMITS.entries, "{}", tree.len());
    if let Err(error) = result {
        let message = error.to_string();
        assert!(message.len() < 8192, "{} bytes: {message}", message.len());
        assert!(!message.contains(char::is_control), "{message:?}");
        return;
    }
    stays_inside(&tree);
    let Ok(again) = ustar(&tree, 0) else {
        return;
    };
    let mut copy = Tree::new();
    let limits = Limits::default();
    let size = again.len() as u64;
    unpack_stream(name, &again[..], size, 0, &mut copy, &limits).expect("what was packed");
    assert_eq!(copy, tree);
}

/// No path and no link of a tree leads out of it, and each lies in a folder.
fn stays_inside(tree: &Tree) {
    for (path, _) in tree.iter() {
        let name = path.as_bytes();
        let is_plain = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
        assert!(name.split(|byte| *byte == b'/').all(is_plain), "{path}");
        if let Some(parent) = path.parent() {
            assert_eq!(tree.get(&parent), Some(&Entry::Directory), "{path}");
        }
    }
    tree.check_links().expect("links stay inside");
}

const POEM: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";

fn small_tree(content: &[u8]) -> Tree {
    let mut tree = Tree::new();
    let mut add = |name: &str, entry| {
        let path = TreePath::parse(name.as_bytes()).expect("a path");
        tree.insert(path, entry).expect("a tree");
    };
    add("a.c", Entry::file(content, false));
    add("d/b.c", Entry::file(POEM.as_bytes(), true));
    add("d/empty", Entry::file(&b""[..], false));
    add(
        "d/crlf",
        Entry::file(POEM.replace('\n', "\r\n").into_bytes(), false),
    );
    add("no newline", Entry::file(&b"one\ntwo"[..], false));
    add(
        "link",
        Entry::Symlink {
            target: b"d/b.c".to_vec(),
        },
    );
    tree
}

/// The content of `a.c`, a NUL byte, a patch; without the NUL all of it is the patch.
pub fn patch(data: &[u8]) {
    let nul = data.iter().position(|byte| *byte == 0);
    let (content, patch) = match nul {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (POEM.as_bytes(), data),
    };
    let before = small_tree(content);
    for (strip, fuzz) in [(1, 0), (1, 3), (0, 2), (7, 0)] {
        let mut tree = before.clone();
        match patch::apply(&mut tree, "p.patch", patch, strip, fuzz) {
            Ok(applied) => {
                stays_inside(&tree);
                fits(&applied, &before, &tree, fuzz);
            }
            Err(error) => {
                assert_eq!(tree, before, "a refused patch changes nothing");
                assert!(error.to_string().len() < 8192);
                let details = error.details();
                if let PatchReason::Rejected(rejection) = &error.reason {
                    assert!((1..=rejection.hunks).contains(&rejection.hunk));
                    assert!(details.is_some());
                    let longest = lines(content).max(lines(POEM.as_bytes())) + 2 * patch.len();
                    let nearest = rejection.nearest.as_ref();
                    assert!(nearest.is_none_or(|n| (1..=longest).contains(&n.line)));
                }
            }
        }
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split_inclusive(|byte| *byte == b'\n').count()
}

/// What is said of an applied patch is so.
fn fits(applied: &patch::Applied, before: &Tree, after: &Tree, fuzz: u32) {
    let mut seen = Vec::new();
    for file in &applied.files {
        let from = match &file.change {
            FileChange::Renamed { from } | FileChange::Copied { from } => from,
            _ => &file.path,
        };
        // of a file that the patch changes twice only the first part is about what was there
        let is_first = !seen.contains(&from);
        seen.extend([from, &file.path]);
        let longest = match before.get(from) {
            Some(Entry::File { bytes, .. }) => lines(bytes),
            Some(Entry::Symlink { target }) => lines(target),
            _ => 0,
        };
        for hunk in &file.hunks {
            assert!(hunk.fuzz <= fuzz as usize, "{hunk:?}");
            assert!(hunk.line >= 1, "{hunk:?}");
            assert!(!is_first || hunk.line <= longest + 1, "{file:?}");
        }
    }
    if let [only] = &applied.files[..] {
        let is_there = after.get(&only.path).is_some();
        assert_eq!(is_there, only.change != FileChange::Deleted, "{only:?}");
    }
}
