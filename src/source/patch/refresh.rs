//! A patch written anew from what it does to a tree: the lines of its hunks are right again, and what
//! its author wrote above the first of them stays as it was.

use super::write::{Prefixes, Side, file_diff, file_header};
use super::{Applied, FileChange, PatchReason, apply, parse};
use crate::source::tree::{Entry, Tree, TreePath};

/// What stands above the first file of a patch: mail headers, a subject, `$NetBSD$`, a description.
#[must_use]
pub fn header(patch: &[u8]) -> &[u8] {
    let first = parse::parse(patch)
        .ok()
        .and_then(|files| files.first().map(|file| file.line))
        .unwrap_or(1);
    let lines: Vec<&[u8]> = patch.split_inclusive(|byte| *byte == b'\n').collect();
    let above = lines.get(..first.saturating_sub(1)).unwrap_or_default();
    // the command that made the diff is no part of what somebody wrote
    let noise = above.iter().rev().take_while(|line| {
        ["diff ", "Index: ", "====", "Only in "]
            .iter()
            .any(|start| line.starts_with(start.as_bytes()))
    });
    let kept = above.len() - noise.count();
    let bytes: usize = lines.iter().take(kept).map(|line| line.len()).sum();
    patch.get(..bytes).unwrap_or_default()
}

/// Whether every hunk of a patch stood where it said, with all of its context.
#[must_use]
pub fn is_exact(applied: &Applied) -> bool {
    let mut hunks = applied.files.iter().flat_map(|file| &file.hunks);
    hunks.all(|hunk| hunk.offset == 0 && hunk.fuzz == 0)
}

/// The diff that makes `after` of `before`, below the `header`; `files` are the paths that differ, in
/// order, and what became of them. Nothing where a text diff cannot say it.
#[must_use]
pub fn written(
    header: &[u8],
    files: &[(TreePath, FileChange)],
    before: &Tree,
    after: &Tree,
    strip: u32,
) -> Option<Vec<u8>> {
    let prefixes = Prefixes::of_strip(strip);
    let mut out = header.to_vec();
    let mut done: Vec<&TreePath> = Vec::new();
    for (path, change) in files {
        if done.contains(&path) {
            continue;
        }
        done.push(path);
        match change {
            FileChange::Renamed { from } | FileChange::Copied { from } => {
                let is_copy = matches!(change, FileChange::Copied { .. });
                let (old, new) = (side(before, from)?, side(after, path)?);
                out.extend(file_header(from, path, is_copy, &prefixes));
                let name = (from, path);
                out.extend(super::write::renamed_diff(name, old?, new?, &prefixes));
            }
            _ => out.extend(file_diff(
                path,
                side(before, path)?,
                side(after, path)?,
                &prefixes,
            )),
        }
    }
    // proved, for nothing else shows that it is the same change
    let mut made = before.clone();
    apply(&mut made, "", &out, strip, 0).ok()?;
    (made == *after).then_some(out)
}

/// A file on one side; the outer `None` for what no text diff can hold.
fn side<'t>(tree: &'t Tree, path: &TreePath) -> Option<Option<Side<'t>>> {
    match tree.get(path) {
        None => Some(None),
        Some(Entry::File { bytes, .. }) if bytes.contains(&0) => None,
        Some(Entry::File { bytes, executable }) => Some(Some(Side {
            bytes,
            executable: *executable,
        })),
        Some(_) => None,
    }
}

/// The paths and changes of what was applied.
#[must_use]
pub fn files_of(applied: &Applied) -> Vec<(TreePath, FileChange)> {
    let files = applied.files.iter();
    files
        .map(|file| (file.path.clone(), file.change.clone()))
        .collect()
}

/// How many leading components to drop from a patch's names so that it applies to `tree`: `first`,
/// else the next that does. Where none does, the error that says most.
///
/// # Errors
/// Why it does not apply.
pub fn find_strip(
    tree: &Tree,
    name: &str,
    patch: &[u8],
    first: u32,
) -> Result<(u32, Tree, Applied), super::PatchError> {
    let mut told: Option<super::PatchError> = None;
    let others = [1, 0, 2, 3].into_iter().filter(|strip| *strip != first);
    for strip in std::iter::once(first).chain(others) {
        let mut next = tree.clone();
        match apply(&mut next, name, patch, strip, 0) {
            Ok(applied) => return Ok((strip, next, applied)),
            Err(error) => {
                // a file that is there and does not fit says more than one that is not there
                let says_more = |error: &super::PatchError| {
                    !matches!(
                        error.reason,
                        PatchReason::Missing { .. } | PatchReason::Strip { .. }
                    )
                };
                if told
                    .as_ref()
                    .is_none_or(|told| !says_more(told) && says_more(&error))
                {
                    told = Some(error);
                }
            }
        }
    }
    Err(told.unwrap_or_else(|| super::PatchError {
        patch: name.to_owned(),
        reason: PatchReason::Parse(super::ParseError::Nothing),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn the_words_above_the_first_file_are_kept_and_the_diff_command_is_not() {
        let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        for (above, command) in [
            (
                "From: A <a@b>\nSubject: x\n\n text\n---\n x | 2 +-\n\n",
                "diff --git a/x b/x\n",
            ),
            ("$NetBSD: patch-aa,v 1.1 $\n\nWhy.\n\n", ""),
            ("", "diff -ru a/x b/x\n"),
            ("Description: y\n", "Index: b/x\n===================\n"),
        ] {
            let patch = format!("{above}{command}{diff}");
            assert_eq!(String::from_utf8_lossy(header(patch.as_bytes())), above);
        }
    }

    #[test]
    fn a_patch_that_moved_is_written_with_the_right_lines() {
        let patch = "Why.\n\n--- x.orig\n+++ x\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";
        let before = tree(&[("x", "0\n1\n2\na\nb\nc\nd\n")]);
        let mut after = before.clone();
        let applied = apply(&mut after, "p", patch.as_bytes(), 0, 0).unwrap();
        assert!(!is_exact(&applied));
        let files = files_of(&applied);
        let new = written(header(patch.as_bytes()), &files, &before, &after, 0).unwrap();
        assert_eq!(
            String::from_utf8(new).unwrap(),
            "Why.\n\n--- x\n+++ x\n@@ -2,6 +2,6 @@\n 1\n 2\n a\n-b\n+B\n c\n d\n"
        );
    }

    #[test]
    fn a_rename_stays_one() {
        let patch = "diff --git a/x b/y\nsimilarity index 80%\nrename from x\nrename to y\n\
                     --- a/x\n+++ b/y\n@@ -3,3 +3,3 @@\n c\n-d\n+D\n e\n";
        let before = tree(&[("x", "0\na\nb\nc\nd\ne\n")]);
        let mut after = before.clone();
        let applied = apply(&mut after, "p", patch.as_bytes(), 1, 0).unwrap();
        let new = written(b"", &files_of(&applied), &before, &after, 1).unwrap();
        let text = String::from_utf8(new).unwrap();
        assert!(
            text.starts_with("diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n"),
            "{text}"
        );
        assert!(text.contains("@@ -2,5 +2,5 @@"), "{text}");
    }

    #[test]
    fn the_strip_that_fits_is_found() {
        let there = tree(&[("d/x", "a\n")]);
        let strip = |patch: &str| find_strip(&there, "p", patch.as_bytes(), 1).map(|found| found.0);
        let diff = |name: &str| format!("--- {name}\n+++ {name}\n@@ -1 +1 @@\n-a\n+b\n");
        assert_eq!(strip(&diff("a/d/x")), Ok(1));
        assert_eq!(strip(&diff("d/x")), Ok(0));
        assert_eq!(strip(&diff("p/q/d/x")), Ok(2));
        let error = strip("--- a/d/x\n+++ b/d/x\n@@ -1 +1 @@\n-c\n+b\n").unwrap_err();
        assert!(matches!(error.reason, PatchReason::Rejected(_)), "{error}");
    }
}
