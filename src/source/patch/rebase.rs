//! A series of patches carried over to other sources.
//!
//! A patch that fits elsewhere is written with the right lines. One that does not fit is merged: what
//! it did to the old sources is one side, what the new sources did to them the other, as `git rebase`
//! has it. Where both touched the same lines a person must decide.

use super::refresh::{files_of, header, is_exact, written};
use super::{Applied, FileChange, PatchError, PatchReason, apply};
use crate::source::tree::{Entry, Tree, TreePath};

/// A patch of the series, and whether the old and the new version take it.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    pub strip: u32,
    pub fuzz: u32,
    pub in_old: bool,
    pub in_new: bool,
}

/// What became of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It fits as it is.
    Fits,
    /// The new version does not take it.
    NotTaken,
    /// Its hunks moved; written anew.
    Moved(Vec<u8>),
    /// The new sources changed around it; merged and written anew.
    Merged(Vec<u8>),
    /// The new sources have the change.
    Included,
    /// It fits, but a text diff cannot say what it does there.
    Unwritable,
    /// A person must decide.
    Rejected {
        error: PatchError,
        /// Files with the places where both sides changed the same lines.
        conflicts: Vec<Conflict>,
    },
}

/// A file that could not be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub file: TreePath,
    /// Why, or the text of both sides between the usual markers.
    pub what: String,
}

/// Carries the series over; `old` are the sources that it was made for, where they are known.
#[must_use]
pub fn rebase(series: &[Member<'_>], old: Option<&Tree>, new: &Tree) -> Vec<Outcome> {
    let (mut old, mut new) = (old.cloned(), new.clone());
    let mut outcomes = Vec::new();
    for member in series {
        // what it did to the old sources
        let before = old.take();
        let mut done = None;
        if let Some(before) = before {
            let mut after = before.clone();
            let result = match member.in_old {
                true => apply(
                    &mut after,
                    member.name,
                    member.bytes,
                    member.strip,
                    member.fuzz,
                )
                .map(Some),
                false => Ok(None),
            };
            // a series that does not fit the old sources was not made for them
            if let Ok(applied) = result {
                old = Some(after.clone());
                done = applied.map(|applied| (before, after, applied));
            }
        }
        if !member.in_new {
            outcomes.push(Outcome::NotTaken);
            continue;
        }
        let (outcome, next) = carry(member, done.as_ref(), &new);
        if let Some(next) = next {
            new = next;
        }
        outcomes.push(outcome);
    }
    outcomes
}

type Done = (Tree, Tree, Applied);

fn carry(member: &Member<'_>, done: Option<&Done>, new: &Tree) -> (Outcome, Option<Tree>) {
    let mut after = new.clone();
    let Member {
        name,
        bytes,
        strip,
        fuzz,
        ..
    } = *member;
    let error = match apply(&mut after, name, bytes, strip, fuzz) {
        Ok(applied) if is_exact(&applied) => return (Outcome::Fits, Some(after)),
        Ok(applied) => {
            let files = files_of(&applied);
            let outcome = match written(header(bytes), &files, new, &after, strip) {
                Some(text) => Outcome::Moved(text),
                None => Outcome::Unwritable,
            };
            return (outcome, Some(after));
        }
        Err(error) => error,
    };
    if matches!(error.reason, PatchReason::AlreadyApplied { .. }) && done.is_none() {
        return (Outcome::Included, None);
    }
    let Some((old_before, old_after, applied)) = done else {
        let conflicts = Vec::new();
        return (Outcome::Rejected { error, conflicts }, None);
    };
    match merge(old_before, old_after, applied, new) {
        Ok(merged) if merged == *new => (Outcome::Included, None),
        Ok(merged) => match written(header(bytes), &files_of(applied), new, &merged, strip) {
            Some(text) => (Outcome::Merged(text), Some(merged)),
            None => (Outcome::Unwritable, Some(merged)),
        },
        Err(conflicts) => (Outcome::Rejected { error, conflicts }, None),
    }
}

/// What a patch did to the old sources, done to the new ones.
fn merge(
    before: &Tree,
    after: &Tree,
    applied: &Applied,
    new: &Tree,
) -> Result<Tree, Vec<Conflict>> {
    let mut merged = new.clone();
    let mut conflicts = Vec::new();
    for file in &applied.files {
        if let FileChange::Renamed { .. } | FileChange::Copied { .. } = &file.change {
            conflicts.push(Conflict {
                file: file.path.clone(),
                what: "a rename that does not fit is not merged".to_owned(),
            });
            continue;
        }
        let [base, theirs, ours] =
            [before, after, &merged].map(|tree| tree.get(&file.path).cloned());
        match merge_file(base.as_ref(), theirs.as_ref(), ours.as_ref()) {
            Ok(Some(entry)) => {
                if merged.insert(file.path.clone(), entry).is_err() {
                    conflicts.push(Conflict {
                        file: file.path.clone(),
                        what: "a file of the new source stands in its way".to_owned(),
                    });
                }
            }
            Ok(None) => {
                merged.remove(&file.path);
            }
            Err(what) => conflicts.push(Conflict {
                file: file.path.clone(),
                what,
            }),
        }
    }
    match conflicts.is_empty() {
        true => Ok(merged),
        false => Err(conflicts),
    }
}

/// One file: what it becomes, or why that is not known.
fn merge_file(
    base: Option<&Entry>,
    theirs: Option<&Entry>,
    ours: Option<&Entry>,
) -> Result<Option<Entry>, String> {
    if ours == base || ours == theirs {
        return Ok(theirs.cloned());
    }
    match (base, theirs, ours) {
        (_, _, None) => Err("the new source does not have it".to_owned()),
        (None, ..) => Err("the new source has one of its own".to_owned()),
        (_, None, _) => Err("the patch deletes it, and the new source changed it".to_owned()),
        (
            Some(Entry::File {
                bytes: base,
                executable: was,
            }),
            Some(Entry::File {
                bytes: theirs,
                executable: is,
            }),
            Some(Entry::File {
                bytes: ours,
                executable,
            }),
        ) => {
            let executable = if was == is { *executable } else { *is };
            match merge_text(base, ours, theirs) {
                Ok(bytes) => Ok(Some(Entry::file(bytes, executable))),
                Err(text) => Err(text),
            }
        }
        _ => Err("it is no file on one of the sides".to_owned()),
    }
}

fn merge_text(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, String> {
    let mut options = flickzeug::MergeOptions::new();
    options.set_conflict_labels(
        "the new source",
        "the old source",
        "the old source with the patch",
    );
    options
        .merge_bytes(base, ours, theirs)
        .map_err(|text| conflicts_of(&String::from_utf8_lossy(&text)))
}

/// The places between conflict markers, each with its line.
fn conflicts_of(text: &str) -> String {
    let mut out = String::new();
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("<<<<<<< ") {
            is_inside = true;
            out.push_str(&format!("at line {}:\n", index + 1));
        }
        if is_inside {
            out.push_str(line);
            out.push('\n');
        }
        if line.starts_with(">>>>>>> ") {
            is_inside = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    fn member<'a>(name: &'a str, text: &'a str) -> Member<'a> {
        Member {
            name,
            bytes: text.as_bytes(),
            strip: 1,
            fuzz: 0,
            in_old: true,
            in_new: true,
        }
    }

    const OLD: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";
    const FIRST: &str = "Subject: first\n\n--- a/x\n+++ b/x\n@@ -3,5 +3,5 @@\n three\n four\n-five\n+FIVE\n six\n seven\n";
    const SECOND: &str =
        "--- a/x\n+++ b/x\n@@ -4,6 +4,7 @@\n four\n FIVE\n six\n+more\n seven\n eight\n nine\n";

    fn text(outcome: &Outcome) -> &str {
        match outcome {
            Outcome::Moved(bytes) | Outcome::Merged(bytes) => str::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_series_that_fits_is_left_as_it_is() {
        let old = tree(&[("x", OLD)]);
        let series = [member("1", FIRST), member("2", SECOND)];
        assert_eq!(
            rebase(&series, Some(&old), &old),
            [Outcome::Fits, Outcome::Fits]
        );
    }

    #[test]
    fn hunks_that_moved_get_their_lines_and_keep_their_words() {
        let new = tree(&[("x", &format!("zero\n{OLD}"))]);
        let outcomes = rebase(&[member("1", FIRST), member("2", SECOND)], None, &new);
        assert!(
            text(&outcomes[0]).starts_with("Subject: first\n\n--- a/x\n+++ b/x\n@@ -3,7 +3,7 @@")
        );
        assert!(
            text(&outcomes[1]).contains("@@ -5,6 +5,7 @@"),
            "{}",
            text(&outcomes[1])
        );
        // and what was written fits
        let written: Vec<String> = outcomes.iter().map(|one| text(one).to_owned()).collect();
        let series: Vec<Member<'_>> = written.iter().map(|text| member("n", text)).collect();
        assert_eq!(rebase(&series, None, &new), [Outcome::Fits, Outcome::Fits]);
    }

    #[test]
    fn where_the_new_source_changed_the_context_both_changes_are_taken() {
        let old = tree(&[("x", OLD)]);
        let new = tree(&[(
            "x",
            &OLD.replace("three", "THREE").replace("eight", "EIGHT"),
        )]);
        let series = [member("1", FIRST), member("2", SECOND)];
        // without the old source nobody can tell
        let blind = rebase(&series, None, &new);
        assert!(matches!(blind[0], Outcome::Rejected { .. }), "{blind:?}");
        let outcomes = rebase(&series, Some(&old), &new);
        assert!(matches!(outcomes[0], Outcome::Merged(_)), "{outcomes:?}");
        assert!(
            text(&outcomes[0]).contains(" THREE\n four\n-five\n+FIVE\n"),
            "{outcomes:?}"
        );
        assert!(
            text(&outcomes[1]).contains("+more\n seven\n EIGHT\n"),
            "{outcomes:?}"
        );
    }

    #[test]
    fn what_both_changed_is_for_a_person_and_the_rest_goes_on() {
        let old = tree(&[("x", OLD), ("y", OLD)]);
        let new = tree(&[("x", &OLD.replace("five", "5")), ("y", OLD)]);
        let other = FIRST.replace("/x", "/y");
        let outcomes = rebase(&[member("1", FIRST), member("2", &other)], Some(&old), &new);
        let Outcome::Rejected { error, conflicts } = &outcomes[0] else {
            panic!("{outcomes:?}");
        };
        assert!(
            error.details().unwrap().contains("nearest, at line 3"),
            "{error}"
        );
        assert_eq!(conflicts.len(), 1);
        assert!(
            conflicts[0]
                .what
                .starts_with("at line 5:\n<<<<<<< the new source\n5\n"),
            "{conflicts:?}"
        );
        assert_eq!(outcomes[1], Outcome::Fits);
    }

    #[test]
    fn what_the_new_source_has_is_said_to_be_there() {
        let old = tree(&[("x", OLD)]);
        let new = tree(&[("x", &OLD.replace("five", "FIVE").replace("three", "3"))]);
        let series = [member("1", FIRST), member("2", SECOND)];
        let outcomes = rebase(&series, Some(&old), &new);
        assert_eq!(outcomes[0], Outcome::Included);
        assert!(
            matches!(outcomes[1], Outcome::Fits | Outcome::Merged(_)),
            "{outcomes:?}"
        );
        let same = tree(&[("x", &OLD.replace("five", "FIVE"))]);
        assert_eq!(rebase(&series[..1], None, &same), [Outcome::Included]);
    }

    #[test]
    fn versions_that_do_not_take_a_patch_go_without() {
        let old = tree(&[("x", OLD)]);
        let series = [
            Member {
                in_new: false,
                ..member("1", FIRST)
            },
            Member {
                in_old: false,
                ..member("2", FIRST)
            },
        ];
        assert_eq!(
            rebase(&series, Some(&old), &old),
            [Outcome::NotTaken, Outcome::Fits]
        );
    }
}
