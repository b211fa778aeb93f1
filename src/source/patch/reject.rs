//! A hunk that does not fit: its text, and the place in the file that comes nearest.
//!
//! Nearest is the place where most of the wanted lines stand in their order, blank ones not
//! counted and white space at either end ignored, for that is what editors change; of two such
//! places the one closer to where the hunk was expected.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;

use super::locate::{expected, lines_of, wanted};
use super::parse::{Hunk, without_ending};
use crate::source::tree::TreePath;

/// A hunk that does not fit its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The file.
    pub file: TreePath,
    /// Which of the file's hunks, counted from 1.
    pub hunk: usize,
    /// How many hunks the patch has for the file.
    pub hunks: usize,
    /// The line at which the hunk was expected.
    pub expected_line: usize,
    /// The hunk as it stands in the patch.
    pub text: String,
    /// Where the file comes nearest, if it resembles the hunk anywhere.
    pub nearest: Option<Nearest>,
}

/// The place in a file that resembles a hunk most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// Its first line, counted from 1.
    pub line: usize,
    /// What stands there against what the hunk wants.
    pub lines: Vec<NearestLine>,
}

/// A line that the hunk wants, and what stands in the file instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearestLine {
    /// What the hunk wants, `None` for a line that only the file has.
    pub wanted: Option<String>,
    /// What the file has, `None` for a line that only the hunk has.
    pub found: Option<String>,
}

impl NearestLine {
    /// Whether the file has what the hunk wants.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.wanted == self.found
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "hunk {} of {} does not fit `{}` at line {} or elsewhere",
            self.hunk, self.hunks, self.file, self.expected_line
        )
    }
}

impl Rejection {
    /// The hunk, and line by line where the file differs from it, for a terminal.
    #[must_use]
    pub fn details(&self) -> String {
        let mut text = self.text.clone();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let Some(nearest) = &self.nearest else {
            text.push_str("nothing in the file resembles it\n");
            return text;
        };
        text.push_str(&format!("nearest, at line {}:\n", nearest.line));
        if nearest.lines.iter().all(NearestLine::is_same) {
            text.push_str(
                "all of it stands there, but a hunk with less context on one side belongs to that end of \
                 the file\n",
            );
        }
        for line in &nearest.lines {
            if line.is_same() {
                text.push_str(&format!(
                    "    {}\n",
                    line.found.as_deref().unwrap_or_default()
                ));
                continue;
            }
            if let Some(wanted) = &line.wanted {
                text.push_str(&format!("  wanted: {wanted}\n"));
            }
            if let Some(found) = &line.found {
                text.push_str(&format!("  found:  {found}\n"));
            }
        }
        text
    }
}

/// Describes hunk `index` (from 0), which does not fit `bytes`.
pub(super) fn describe(
    file: &TreePath,
    bytes: &[u8],
    hunks: &[Hunk<'_>],
    index: usize,
) -> Option<Rejection> {
    let hunk = hunks.get(index)?;
    Some(Rejection {
        file: file.clone(),
        hunk: index + 1,
        hunks: hunks.len(),
        expected_line: expected(hunk) + 1,
        text: String::from_utf8_lossy(hunk.text).into_owned(),
        nearest: nearest(&lines_of(bytes), &wanted(hunk), expected(hunk)),
    })
}

/// How many lines may be looked up to find the nearest place: enough for any file that people
/// write, and an end for one that was made to be slow.
const EFFORT: usize = 5_000_000;

/// Where each line of a file stands, white space at either end ignored.
struct Places<'a>(HashMap<&'a [u8], Vec<usize>>);

impl<'a> Places<'a> {
    fn of(lines: &[&'a [u8]]) -> Self {
        let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (at, line) in lines.iter().enumerate() {
            places.entry(line.trim_ascii()).or_default().push(at);
        }
        Self(places)
    }

    fn all(&self, line: &[u8]) -> &[usize] {
        self.0.get(line.trim_ascii()).map_or(&[], Vec::as_slice)
    }

    /// For each wanted line the first place in `window` that is behind those found before.
    fn in_order(
        &self,
        window: Range<usize>,
        wanted: &[&[u8]],
    ) -> impl Iterator<Item = Option<usize>> {
        let mut next = window.start;
        wanted.iter().map(move |line| {
            let places = self.all(line);
            let later = places.partition_point(|at| *at < next);
            let found = places.get(later).copied().filter(|at| *at < window.end)?;
            next = found + 1;
            Some(found)
        })
    }

    /// How many of the wanted lines stand in `window` in their order; blank lines are worth nothing.
    fn score(&self, window: Range<usize>, wanted: &[&[u8]]) -> usize {
        let found = self.in_order(window, wanted).zip(wanted);
        found
            .filter(|(found, line)| found.is_some() && !line.trim_ascii().is_empty())
            .count()
    }
}

fn nearest(lines: &[&[u8]], wanted: &[&[u8]], expected: usize) -> Option<Nearest> {
    let window = |at: usize| at..lines.len().min(at + wanted.len() + wanted.len() / 2);
    let places = Places::of(lines);
    // Only places whose first line is wanted can be the best.
    let distinct: BTreeSet<&[u8]> = wanted.iter().map(|line| line.trim_ascii()).collect();
    let mut starts: Vec<usize> = distinct
        .iter()
        .flat_map(|line| places.all(line))
        .copied()
        .collect();
    starts.sort_by_key(|at| (at.abs_diff(expected), *at));
    starts.truncate((EFFORT / wanted.len().max(1)).max(1));
    let (at, score) = starts
        .into_iter()
        .map(|at| (at, places.score(window(at), wanted)))
        .max_by_key(|(at, score)| (*score, Reverse(at.abs_diff(expected)), *at))?;
    if score == 0 {
        return None;
    }
    let pairs = align(lines, &places, window(at), wanted);
    let (above, compared) = framed(&pairs, lines.get(..at).unwrap_or_default());
    Some(Nearest {
        line: at - above + 1,
        lines: merge(&compared),
    })
}

/// Puts what is wanted above the first common line against the lines that stand `before` it, and
/// keeps as many lines below the last common one as are wanted there. Says how many lines were added
/// above.
fn framed<'a>(pairs: &[Pair<'a>], before: &[&'a [u8]]) -> (usize, Vec<Pair<'a>>) {
    let is_only_wanted = |pair: &&Pair<'_>| pair.0.is_none();
    let is_only_found = |pair: &&Pair<'_>| pair.1.is_none();
    let leading = pairs.iter().take_while(is_only_wanted).count();
    let trailing = pairs.iter().rev().take_while(is_only_found).count();
    let body = pairs.len() - trailing;
    let below = pairs
        .iter()
        .take(body)
        .rev()
        .take_while(is_only_wanted)
        .count();
    let above = leading.min(before.len());
    let mut compared = pairs
        .get(..body + below.min(trailing))
        .unwrap_or_default()
        .to_vec();
    let added = before.get(before.len() - above..).unwrap_or_default();
    for (pair, line) in compared
        .iter_mut()
        .take(leading)
        .skip(leading - above)
        .zip(added)
    {
        pair.0 = Some(line);
    }
    (above, compared)
}

type Pair<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Puts equal lines side by side, in the way that they were counted.
fn align<'a>(
    lines: &[&'a [u8]],
    places: &Places<'_>,
    window: Range<usize>,
    wanted: &[&'a [u8]],
) -> Vec<Pair<'a>> {
    let between = |from: usize, to: usize| lines.get(from..to).unwrap_or_default().iter();
    let mut pairs = Vec::new();
    let mut next = window.start;
    for (line, found) in wanted.iter().zip(places.in_order(window.clone(), wanted)) {
        if let Some(at) = found {
            pairs.extend(between(next, at).map(|extra| (Some(*extra), None)));
            next = at + 1;
        }
        pairs.push((found.and_then(|at| lines.get(at).copied()), Some(*line)));
    }
    pairs.extend(between(next, window.end).map(|extra| (Some(*extra), None)));
    pairs
}

/// Between two equal lines, puts what is wanted against what is found there, one to one.
fn merge(pairs: &[Pair<'_>]) -> Vec<NearestLine> {
    let mut lines = Vec::new();
    let (mut found, mut wanted) = (Vec::new(), Vec::new());
    for (left, right) in pairs {
        if left.is_some() && right.is_some() {
            flush(&mut lines, &mut found, &mut wanted);
            lines.push(NearestLine {
                wanted: right.map(shown),
                found: left.map(shown),
            });
        } else {
            found.extend(*left);
            wanted.extend(*right);
        }
    }
    flush(&mut lines, &mut found, &mut wanted);
    lines
}

fn flush(lines: &mut Vec<NearestLine>, found: &mut Vec<&[u8]>, wanted: &mut Vec<&[u8]>) {
    for index in 0..found.len().max(wanted.len()) {
        lines.push(NearestLine {
            wanted: wanted.get(index).map(|line| shown(line)),
            found: found.get(index).map(|line| shown(line)),
        });
    }
    found.clear();
    wanted.clear();
}

/// A line for people: what cannot be seen at its end is spelled out.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(without_ending(line)).into_owned();
    match line {
        [.., b'\r', b'\n'] => format!("{text}␍"),
        [.., b'\n'] => text,
        _ => format!("{text} (no newline at the end of the file)"),
    }
}
