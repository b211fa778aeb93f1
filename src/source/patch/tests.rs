//! The tables here are run twice: by this module and by GNU `patch`, whose verdict and result are
//! the expectation.

mod cases;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use cases::{CASES, TEN};

use super::*;
use crate::source::tree::Entry;

fn path(name: &str) -> TreePath {
    TreePath::parse(name.as_bytes()).unwrap()
}

pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (name, text) in files {
        tree.insert(path(name), Entry::file(text.as_bytes(), false))
            .unwrap();
    }
    tree
}

fn write(tree: &Tree, folder: &Path) {
    for (name, entry) in tree.iter() {
        let at = folder.join(name.to_string());
        match entry {
            Entry::Directory => fs::create_dir_all(at).unwrap(),
            Entry::Symlink { target } => {
                std::os::unix::fs::symlink(str::from_utf8(target).unwrap(), at).unwrap();
            }
            Entry::File { bytes, executable } => {
                fs::write(&at, bytes).unwrap();
                let mode = if *executable { 0o755 } else { 0o644 };
                fs::set_permissions(at, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
}

fn read(folder: &Path, below: &str, into: &mut Tree) {
    for item in fs::read_dir(folder.join(below)).unwrap() {
        let item = item.unwrap();
        let name = format!("{below}{}", item.file_name().to_str().unwrap());
        let kind = item.file_type().unwrap();
        if kind.is_dir() {
            into.insert(path(&name), Entry::Directory).unwrap();
            read(folder, &format!("{name}/"), into);
        } else if kind.is_symlink() {
            let target = fs::read_link(item.path()).unwrap();
            let target = target.to_str().unwrap().as_bytes().to_vec();
            into.insert(path(&name), Entry::Symlink { target }).unwrap();
        } else {
            let executable = item.metadata().unwrap().permissions().mode() & 0o100 != 0;
            into.insert(
                path(&name),
                Entry::file(fs::read(item.path()).unwrap(), executable),
            )
            .unwrap();
        }
    }
}

/// What GNU `patch` makes of it; `None` where it fails.
pub(in crate::source) fn by_gnu_patch(
    before: &Tree,
    patch: &[u8],
    strip: u32,
    fuzz: u32,
) -> Option<Tree> {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    write(before, &root);
    let file = folder.path().join("patch");
    fs::write(&file, patch).unwrap();
    let status = Command::new("patch")
        .args(["-f", "-s", "-N", "--no-backup-if-mismatch", "-r", "-"])
        .args([format!("-F{fuzz}"), format!("-p{strip}")])
        .arg("-i")
        .arg(&file)
        .current_dir(&root)
        .env("TZ", "UTC")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let mut after = Tree::new();
    read(&root, "", &mut after);
    status.success().then_some(after)
}

/// Whether GNU `patch` would take the hunk only because it has no lines that could be wrong: it
/// inserts past the end of a file that is too short. We refuse that.
fn inserts_past_the_end(error: &PatchError) -> bool {
    match &error.reason {
        PatchReason::Rejected(rejection) => rejection
            .text
            .lines()
            .skip(1)
            .all(|line| line.starts_with('+')),
        _ => false,
    }
}

/// Holds our verdict and result against GNU `patch`'s; says where they differ.
fn compare(case: &str, before: &Tree, patch: &str, strip: u32, fuzz: u32) -> Option<String> {
    let wanted = by_gnu_patch(before, patch.as_bytes(), strip, fuzz);
    let mut after = before.clone();
    let got = apply(&mut after, "x.patch", patch.as_bytes(), strip, fuzz);
    match (&got, &wanted) {
        (Ok(_), Some(wanted)) if after == *wanted => None,
        (Err(_), None) if after == *before => None,
        (Err(error), Some(_)) if inserts_past_the_end(error) => None,
        _ => Some(format!(
            "{case}: {got:?}\n{after:?}\nGNU patch: {wanted:?}\n{patch}\n"
        )),
    }
}

#[test]
fn each_case_ends_as_with_gnu_patch() {
    let differ: String = CASES
        .iter()
        .filter_map(|(case, files, strip, patch)| compare(case, &tree(files), patch, *strip, 0))
        .collect();
    assert!(differ.is_empty(), "{differ}");
}

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn edit(&mut self, lines: &mut Vec<String>, edits: usize) {
        for _ in 0..edits {
            let at = self.below(lines.len() + 1);
            let word = format!("w{}\n", self.below(9));
            match self.below(3) {
                0 => lines.insert(at, word),
                1 if at < lines.len() => drop(lines.remove(at)),
                _ if at < lines.len() => lines[at] = word,
                _ => lines.push(word),
            }
        }
    }
}

#[test]
fn made_up_edits_end_as_with_gnu_patch() {
    let folder = TempDir::new().unwrap();
    let mut numbers = Numbers(7);
    let (mut applied, mut refused) = (0, 0);
    for round in 0..250 {
        let length = 1 + numbers.below(30);
        let mut old = Vec::new();
        numbers.edit(&mut old, length);
        let mut new = old.clone();
        let edits = 1 + numbers.below(4);
        numbers.edit(&mut new, edits);
        let mut drifted = old.clone();
        let edits = numbers.below(3);
        numbers.edit(&mut drifted, edits);
        fs::write(folder.path().join("old"), old.concat()).unwrap();
        fs::write(folder.path().join("new"), new.concat()).unwrap();
        let diff = Command::new("diff")
            .arg(format!("-U{}", numbers.below(4)))
            .args(["--label", "f", "--label", "f", "old", "new"])
            .current_dir(&folder)
            .output()
            .unwrap();
        if diff.stdout.is_empty() {
            continue;
        }
        let patch = String::from_utf8(diff.stdout).unwrap();
        let before = tree(&[("f", &drifted.concat())]);
        let fuzz = numbers.below(3) as u32;
        let differs = compare(
            &format!("round {round} fuzz {fuzz}"),
            &before,
            &patch,
            0,
            fuzz,
        );
        assert_eq!(differs, None);
        match apply(&mut before.clone(), "f", patch.as_bytes(), 0, fuzz) {
            Ok(_) => applied += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        applied > 50 && refused > 20,
        "{applied} applied, {refused} refused"
    );
}

fn error(files: &[(&str, &str)], patch: &str, strip: u32) -> PatchError {
    let before = tree(files);
    let mut after = before.clone();
    let error = apply(&mut after, "x.patch", patch.as_bytes(), strip, 0).unwrap_err();
    assert_eq!(
        before, after,
        "a patch that does not apply has changed the tree"
    );
    error
}

#[test]
fn each_refusal_says_why() {
    let plain = "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n 2\n-3\n+three\n 4\n";
    let new = "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n";
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+../x\n\\ No newline at end of file\n";
    let module =
        "diff --git a/m b/m\nnew file mode 160000\n--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n+x\n";
    let binary = "diff --git a/p.png b/p.png\nindex 1..2\nGIT binary patch\nliteral 1\n";
    let rename = "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n";
    type Refusal<'a> = (&'a [(&'a str, &'a str)], &'a str, u32, &'a str);
    let cases: &[Refusal] = &[
        (
            &[("f", TEN)],
            &plain.replace(" 4", " four"),
            1,
            "hunk 1 of 1 does not fit `f` at line 2",
        ),
        (
            &[("f", &TEN.replace('3', "three"))],
            plain,
            1,
            "it is already applied to `f`",
        ),
        (&[("f", "a\n")], new, 1, "it is already applied to `f`"),
        (
            &[("f", "b\n")],
            new,
            1,
            "it creates `f`, which is there with other content",
        ),
        (&[("g", TEN)], rename, 1, "it is already applied to `g`"),
        (&[("g", TEN)], plain, 1, "line 1: there is no file `f`"),
        (
            &[("a/f", TEN)],
            plain,
            1,
            "there is no file `f`; there is one with `strip = 0`",
        ),
        (
            &[("f", TEN)],
            plain,
            0,
            "there is no file `b/f`; there is one with `strip = 1`",
        ),
        (
            &[("f", TEN)],
            plain,
            3,
            "`b/f` has fewer than 3 components to drop",
        ),
        (
            &[("f/x", TEN)],
            plain,
            1,
            "it changes `f`, which is a folder",
        ),
        (
            &[("f", TEN)],
            &plain.replace("/f", "/../f"),
            1,
            "`b/../f` is refused: it contains `..`",
        ),
        (
            &[("f", TEN)],
            &plain
                .replace("/f", "//etc/f")
                .replace("a/", "")
                .replace("b/", ""),
            0,
            "`/etc/f` is refused: it is an absolute path",
        ),
        (
            &[("d", "x")],
            &new.replace("b/f", "b/d/f"),
            1,
            "`d/f` lies below `d`, which is a file",
        ),
        (&[], link, 1, "link `l` leaves the source tree"),
        (&[], module, 1, "it makes `m` a submodule"),
        (
            &[("p.png", "")],
            binary,
            1,
            "line 3: it changes the binary file `b/p.png`",
        ),
        (
            &[("p", "")],
            "Binary files a/p and b/p differ\n",
            1,
            "line 1: it changes the binary file",
        ),
        (
            &[],
            "*** f\n--- f\n***************\n",
            1,
            "line 1: it is a context diff",
        ),
        (&[], "just words\n", 1, "there is no diff in it"),
        (
            &[("f", TEN)],
            &format!("{plain}+4a\n"),
            1,
            "line 8: the hunk has more lines than",
        ),
        (
            &[("f", TEN)],
            &plain.replace(" 4\n", ""),
            1,
            "line 7: the patch ends within a hunk",
        ),
        (
            &[("f", TEN)],
            plain.trim_end(),
            1,
            "line 7: the patch ends within a line",
        ),
        (
            &[("f", TEN)],
            &plain.replace("@@ -2,3", "@@ -2,x"),
            1,
            "line 3: a hunk header that",
        ),
        (
            &[("f", TEN)],
            &plain.replace("-3\n", "3\n"),
            1,
            "line 5: not a line of a hunk",
        ),
        // Turned around, a hunk that only deletes would fit anywhere.
        (
            &[("f", TEN)],
            "--- f\n+++ f\n@@ -3 +2,0 @@\n-x\n",
            0,
            "hunk 1 of 1 does not fit `f`",
        ),
        (
            &[("f", TEN)],
            "@@ -2 +2 @@\n-2\n+x\n",
            1,
            "line 1: a hunk without a file name",
        ),
        (
            &[("f", TEN)],
            &plain.replace("a/f", "\"a/f"),
            1,
            "line 1: a file name that cannot",
        ),
    ];
    for (files, patch, strip, wanted) in cases {
        let error = error(files, patch, *strip).to_string();
        assert!(
            error.starts_with("the patch `x.patch` does not apply: "),
            "{error}"
        );
        assert!(error.contains(wanted), "wanted: {wanted}\ngot: {error}");
    }
}

#[test]
fn a_rejected_hunk_is_shown_against_the_nearest_place() {
    let file = "int main(void)\n{\n    open();\n    check();\n    work(1);\n    close();\n}\n";
    let patch = "--- f\n+++ f\n@@ -90,5 +90,5 @@ int main\n {\n     open();\n-    work(0);\n+    work(2);\n     close();\n }\n";
    let details = error(&[("f", file)], patch, 0).details().unwrap();
    let wanted = "\
@@ -90,5 +90,5 @@ int main
 {
     open();
-    work(0);
+    work(2);
     close();
 }
nearest, at line 2:
    {
        open();
  wanted:     work(0);
  found:      check();
  found:      work(1);
        close();
    }
";
    assert_eq!(details, wanted);
}

#[test]
fn what_cannot_be_seen_at_the_end_of_a_line_is_spelled_out() {
    let patch = "--- f\n+++ f\n@@ -1,2 +1,2 @@\n-a\n+x\n b\n";
    let details = error(&[("f", "a\nb")], patch, 0).details().unwrap();
    assert!(
        details.contains("found:  b (no newline at the end of the file)"),
        "{details}"
    );
    let details = error(&[("f", "a\r\nb\n")], patch, 0).details().unwrap();
    assert!(details.contains("wanted: a\n  found:  a␍\n"), "{details}");
    let details = error(&[("f", "other\n")], patch, 0).details().unwrap();
    assert!(
        details.contains("nothing in the file resembles it"),
        "{details}"
    );
}

#[test]
fn drift_and_fuzz_are_reported() {
    let mut moved = tree(&[("f", &format!("0\n0\n{TEN}"))]);
    let patch =
        "--- f\n+++ f\n@@ -2,3 +2,3 @@\n 2\n-3\n+x\n 4\n@@ -7,3 +7,3 @@\n 7\n-8\n+y\n nine\n";
    let applied = apply(&mut moved, "p", patch.as_bytes(), 0, 1).unwrap();
    let hunks: Vec<_> = applied.files[0]
        .hunks
        .iter()
        .map(|hunk| (hunk.line, hunk.offset, hunk.fuzz))
        .collect();
    assert_eq!(hunks, [(4, 2, 0), (9, 2, 1)]);
}

#[test]
fn a_hunk_said_to_be_far_away_is_found_or_refused_at_once() {
    let before = tree(&[("a", TEN)]);
    for (wanted, fits) in [("5", true), ("five", false)] {
        let patch = format!("--- a/a\n+++ b/a\n@@ -2147483647,3 +4,3 @@\n 4\n-{wanted}\n+V\n 6\n");
        let got = apply(&mut before.clone(), "x.patch", patch.as_bytes(), 1, 0);
        assert_eq!(got.is_ok(), fits, "{got:?}");
        if let Ok(applied) = got {
            assert_eq!(applied.files[0].hunks[0].line, 4);
        }
    }
}

#[test]
fn a_large_hunk_that_does_not_fit_a_large_file_is_shown_in_no_time() {
    // every line is wanted somewhere, in another order and with lines between
    let lines = 20_000;
    let there: String = (0..lines).map(|n| format!("{}\n", n % 977)).collect();
    let wanted: String = (0..lines).map(|n| format!(" {}\n", n * 7 % 1013)).collect();
    let patch = format!(
        "--- a/a\n+++ b/a\n@@ -1,{lines} +1,{} @@\n{wanted}+x\n",
        lines + 1
    );
    let before = tree(&[("a", &there)]);
    let error = apply(&mut before.clone(), "x.patch", patch.as_bytes(), 1, 0).unwrap_err();
    let PatchReason::Rejected(rejection) = &error.reason else {
        panic!("{error}");
    };
    assert!(rejection.nearest.is_some());
}
