//! The first real error in a log, with the lines that belong to it and the command it came from.
//!
//! What comes last in a log is seldom what went wrong: `make` and `ninja` report that they failed
//! long after the compiler said why. So every tool has a row in [`table::TOOLS`] that says how its
//! errors look and what its word is worth, and the first line of the highest worth is the error.

mod blocks;
mod command;
mod signs;
mod table;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use table::{TOOLS, Tool, Worth};

/// Lines shown where no error was recognised.
const LAST: usize = 10;

/// No line is shown longer than this; the log has it whole.
const LONGEST: usize = 400;

/// What wrote a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A phase of a build, by `bash -x`: each command after a `+ `.
    Phase,
    /// A script of ours, which says in its last line what it could not do.
    Script,
}

/// The lines of a log that say what went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Numbers, counted from 1, and texts; a number that does not follow marks a gap.
    pub lines: Vec<(usize, String)>,
    /// The number of the line with the error; none where no error was recognised.
    pub error: Option<usize>,
    /// Whose error it is.
    pub tool: Option<&'static str>,
    /// The command that failed, where the log tells.
    pub command: Option<String>,
    /// The folder in which it ran, where the log tells.
    pub folder: Option<String>,
    /// What to do about it, where the error tells.
    pub help: Option<String>,
}

/// Finds the first real error, or gives the last lines where none is recognised.
#[must_use]
pub fn find(log: &str, source: Source) -> Excerpt {
    let cleaned: Vec<Cow<'_, str>> = log.lines().map(clean).collect();
    let lines: Vec<&str> = cleaned.iter().map(AsRef::as_ref).collect();
    let verdict = match source {
        Source::Phase => None,
        Source::Script => lines.iter().rposition(|line| !line.trim().is_empty()),
    };
    let found = best(&lines, source);
    let mut shown = match (&found, verdict) {
        (Some((at, tool)), _) => (tool.block)(&lines, *at),
        (None, _) => std::iter::once(lines.len().saturating_sub(LAST)..lines.len()).collect(),
    };
    if let Some(last) = verdict {
        shown.push(last..last + 1);
    }
    let error = found.map(|(at, _)| at).or(verdict);
    let folder = command::folder(&lines, error.unwrap_or(lines.len()));
    let said = error.and_then(|at| lines.get(at)).copied();
    let help = match (found, said) {
        (Some((_, tool)), Some(line)) => (tool.help)(line, folder.as_deref()),
        _ => None,
    };
    Excerpt {
        lines: pick(&lines, shown),
        error: error.map(|at| at + 1),
        tool: found.map(|(_, tool)| tool.name),
        command: match source {
            Source::Phase => command::of(&lines, error.unwrap_or(lines.len())),
            Source::Script => None,
        },
        folder,
        help,
    }
}

/// The line that matters most, and whose it is.
fn best(lines: &[&str], source: Source) -> Option<(usize, &'static Tool)> {
    let failed = command::ninja_failures(lines);
    let in_failed = |at: usize| {
        // a log may have as many failures as lines, and they stand in order
        let before = failed.partition_point(|range| range.end <= at);
        failed.is_empty() || failed.get(before).is_some_and(|range| range.contains(&at))
    };
    let mut best: Option<(Worth, usize, &'static Tool)> = None;
    for (at, line) in lines.iter().enumerate() {
        if line.is_empty() || signs::is_harmless(line) {
            continue;
        }
        let Some(tool) = TOOLS.iter().find(|tool| (tool.says)(lines, at)) else {
            continue;
        };
        let mut worth = tool.worth;
        if worth == Worth::Guess && source == Source::Script {
            // what such a script could not do is in its last line
            continue;
        }
        if worth > Worth::Cause && !in_failed(at) {
            // ninja shows the output of what failed and of what did not
            worth = worth.max(Worth::Report);
        }
        // a shell's complaint may have been expected; the last one is what ended a script
        let is_later = matches!(worth, Worth::Shell | Worth::Guess);
        if best.is_none_or(|(known, _, _)| worth < known || worth == known && is_later) {
            best = Some((worth, at, tool));
        }
    }
    best.map(|(_, at, tool)| (at, tool))
}

/// The lines of these ranges, in order, each once.
fn pick(lines: &[&str], mut ranges: Vec<Range<usize>>) -> Vec<(usize, String)> {
    ranges.sort_by_key(|range| range.start);
    let mut next = 0;
    let mut picked = Vec::new();
    for range in ranges {
        for at in range.start.max(next)..range.end.min(lines.len()) {
            if let Some(line) = lines.get(at) {
                picked.push((at + 1, shorten(line)));
            }
        }
        next = next.max(range.end);
    }
    picked
}

fn shorten(line: &str) -> String {
    let mut characters = line.chars();
    let head: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() {
        format!("{head}…")
    } else {
        head
    }
}

/// A line as a terminal would show it: only what came after the last carriage return, without
/// colours, without anything else that moves a cursor, tabs as blanks.
fn clean(line: &str) -> Cow<'_, str> {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    if !line.contains(|c: char| c.is_control()) {
        return Cow::Borrowed(line);
    }
    let mut cleaned = String::with_capacity(line.len());
    let mut width = 0;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\t' => {
                let blanks = 8 - width % 8;
                cleaned.extend(std::iter::repeat_n(' ', blanks));
                width += blanks;
            }
            // ESC [ parameters, then one letter
            '\u{1b}' if characters.next_if_eq(&'[').is_some() => {
                for c in characters.by_ref() {
                    if ('@'..='~').contains(&c) {
                        break;
                    }
                }
            }
            c if c.is_control() => {}
            c => {
                cleaned.push(c);
                width += 1;
            }
        }
    }
    Cow::Owned(cleaned)
}

impl Excerpt {
    /// The error itself.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        let number = self.error?;
        let mut lines = self.lines.iter();
        lines
            .find(|(known, _)| *known == number)
            .map(|(_, line)| line.trim())
    }
}
