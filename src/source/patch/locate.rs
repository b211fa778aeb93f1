//! Where a hunk belongs in a file, found as GNU `patch` finds it.
//!
//! A hunk with less context below than above was made at the end of a file, and may only match
//! there; one with less above than below, at its start. Lines of context may overlap what the hunk
//! before changed, for they are held against the file as it was.

use std::ops::Range;

use super::parse::{Hunk, Kind, Line};

/// Where a hunk was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The first line, counted from 0.
    pub at: usize,
    /// How far that is from where the hunk and the drift of those before it said.
    pub offset: isize,
    /// How far it is from what the hunk's header says.
    pub drift: isize,
    pub fuzz: usize,
}

/// A file's lines, each with its ending.
pub(super) fn lines_of(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Applies all hunks of a file, or says which one does not fit (counted from 0).
pub(super) fn apply_hunks(
    bytes: &[u8],
    hunks: &[Hunk<'_>],
    max_fuzz: usize,
) -> Result<(Vec<u8>, Vec<Place>), usize> {
    let lines = lines_of(bytes);
    let mut edits: Vec<Edit<'_>> = Vec::new();
    let mut places = Vec::new();
    let (mut drift, mut frontier) = (0, 0);
    for (index, hunk) in hunks.iter().enumerate() {
        let place = locate(&lines, hunk, drift, frontier, max_fuzz).ok_or(index)?;
        drift += place.offset;
        let new_edits = edits_of(hunk, place.at);
        frontier = new_edits.last().map_or(frontier, |edit| edit.replaced.end);
        edits.extend(new_edits);
        places.push(place);
    }
    Ok((edited(&lines, &edits), places))
}

/// The hunk that undoes this one.
pub(super) fn reversed<'a>(hunk: &Hunk<'a>) -> Hunk<'a> {
    let turn = |line: &Line<'a>| Line {
        kind: match line.kind {
            Kind::Context => Kind::Context,
            Kind::Delete => Kind::Insert,
            Kind::Insert => Kind::Delete,
        },
        bytes: line.bytes.clone(),
    };
    Hunk {
        old_start: hunk.new_start,
        new_start: hunk.old_start,
        lines: hunk.lines.iter().map(turn).collect(),
        text: hunk.text,
    }
}

/// The lines that a hunk wants to find.
pub(super) fn wanted<'h>(hunk: &'h Hunk<'_>) -> Vec<&'h [u8]> {
    hunk.lines
        .iter()
        .filter(|line| line.kind != Kind::Insert)
        .map(|line| &*line.bytes)
        .collect()
}

/// Where the hunk's first line should be, counted from 0, if nothing had moved.
pub(super) fn expected(hunk: &Hunk<'_>) -> usize {
    // A hunk without old lines names the line after which it inserts.
    let inserts_only = hunk.lines.iter().all(|line| line.kind == Kind::Insert);
    if inserts_only {
        hunk.old_start
    } else {
        hunk.old_start.saturating_sub(1)
    }
}

fn locate(
    lines: &[&[u8]],
    hunk: &Hunk<'_>,
    drift: isize,
    frontier: usize,
    max_fuzz: usize,
) -> Option<Place> {
    let pattern = wanted(hunk);
    let above = hunk
        .lines
        .iter()
        .take_while(|line| line.kind == Kind::Context)
        .count();
    let below = hunk
        .lines
        .iter()
        .rev()
        .take_while(|line| line.kind == Kind::Context)
        .count();
    let search = Search {
        lines,
        guess: expected(hunk).checked_add_signed(drift).unwrap_or(0),
        first: frontier.saturating_sub(above),
        pattern,
        is_at_start: expected(hunk) == 0,
        above,
        below,
    };
    let most = max_fuzz.min(above.max(below));
    let (at, fuzz) = (0..=most).find_map(|fuzz| search.with(fuzz).map(|at| (at, fuzz)))?;
    Some(Place {
        at,
        offset: signed(at) - signed(search.guess),
        drift: signed(at) - signed(expected(hunk)),
        fuzz,
    })
}

fn signed(line: usize) -> isize {
    isize::try_from(line).unwrap_or(isize::MAX)
}

struct Search<'a> {
    lines: &'a [&'a [u8]],
    pattern: Vec<&'a [u8]>,
    guess: usize,
    /// The first line at which the hunk may begin.
    first: usize,
    is_at_start: bool,
    above: usize,
    below: usize,
}

impl Search<'_> {
    fn with(&self, fuzz: usize) -> Option<usize> {
        if self.pattern.is_empty() {
            return (self.first..=self.lines.len())
                .contains(&self.guess)
                .then_some(self.guess);
        }
        let context = self.above.max(self.below);
        let skip_above = (self.above + fuzz).checked_sub(context);
        let skip_below = (self.below + fuzz).checked_sub(context);
        // Lines of context that fuzz passes over need not be there.
        let compared = self.pattern.len().saturating_sub(skip_below.unwrap_or(0));
        let last = self.lines.len().checked_sub(compared)?;
        if last < self.first {
            return None;
        }
        let matches = |at: usize| {
            (self.first..=last).contains(&at)
                && self.matches(at, skip_above.unwrap_or(0), skip_below.unwrap_or(0))
        };
        if skip_above.is_none() && self.is_at_start {
            let is_whole = skip_below.is_some() || last == 0;
            return (is_whole && matches(0)).then_some(0);
        }
        if skip_below.is_none() {
            return matches(last).then_some(last);
        }
        // The guess comes from the patch and may lie billions of lines outside of the file.
        let nearest = self.guess.abs_diff(self.guess.clamp(self.first, last));
        let farthest = self
            .guess
            .abs_diff(self.first)
            .max(self.guess.abs_diff(last));
        (nearest..=farthest).find_map(|offset| {
            let later = self.guess.checked_add(offset).filter(|at| matches(*at));
            later.or_else(|| self.guess.checked_sub(offset).filter(|at| matches(*at)))
        })
    }

    fn matches(&self, at: usize, skip_above: usize, skip_below: usize) -> bool {
        let compared = skip_above..self.pattern.len().saturating_sub(skip_below);
        let there = self
            .lines
            .get(at + compared.start..at + compared.end.max(compared.start));
        let pattern = self.pattern.get(compared).unwrap_or_default();
        there.is_some_and(|there| there == pattern)
    }
}

/// Lines of a file, and what stands there afterwards.
struct Edit<'h> {
    replaced: Range<usize>,
    inserted: Vec<&'h [u8]>,
}

/// What a hunk found at line `at` replaces by what.
fn edits_of<'h>(hunk: &'h Hunk<'_>, at: usize) -> Vec<Edit<'h>> {
    let mut edits = Vec::new();
    let mut line_number = at;
    let mut open: Option<Edit<'h>> = None;
    for line in &hunk.lines {
        if line.kind == Kind::Context {
            edits.extend(open.take());
            line_number += 1;
            continue;
        }
        let edit = open.get_or_insert_with(|| Edit {
            replaced: line_number..line_number,
            inserted: Vec::new(),
        });
        if line.kind == Kind::Delete {
            line_number += 1;
            edit.replaced.end = line_number;
        } else {
            edit.inserted.push(&line.bytes);
        }
    }
    edits.extend(open);
    edits
}

fn edited(lines: &[&[u8]], edits: &[Edit<'_>]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut copied = 0;
    for edit in edits {
        result.extend(
            lines
                .get(copied..edit.replaced.start)
                .unwrap_or_default()
                .concat(),
        );
        result.extend(edit.inserted.concat());
        copied = edit.replaced.end;
    }
    result.extend(lines.get(copied..).unwrap_or_default().concat());
    result
}
