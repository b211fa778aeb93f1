//! The command that failed, and where it ran.
//!
//! ninja names the command of what failed; make shows each before it runs it, unless it is told not
//! to; `bash -x` shows those of the phase itself. The nearest one is the best.

use std::ops::Range;

use super::signs::{is_compiler, is_place, speaker};

/// How far above an error its command is looked for.
const FARTHEST: usize = 5000;

/// The command whose error stands in this line.
pub(super) fn of(lines: &[&str], at: usize) -> Option<String> {
    by_ninja(lines, at)
        .or_else(|| by_make(lines, at))
        .or_else(|| by_shell(lines, at))
        .map(str::to_owned)
}

/// The folder in which the phase's commands ran: `+ cd FOLDER`.
pub(super) fn folder(lines: &[&str], at: usize) -> Option<String> {
    let before = lines.get(..at.min(lines.len()))?;
    let folder = before
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix("+ cd "))?;
    Some(folder.to_owned())
}

// [1/6] Compiling C object thing.p/c.c.o
// FAILED: thing.p/c.c.o
// gcc -Ithing.p -I.. -MD -MQ thing.p/c.c.o -MF thing.p/c.c.o.d -o thing.p/c.c.o -c ../c.c
// ../c.c:1:26: error: 'nothing' undeclared (first use in this function)
// [2/6] Compiling C object thing.p/a.c.o
//
/// The lines of each thing that ninja could not make, from its name to the end of its output.
pub(super) fn ninja_failures(lines: &[&str]) -> Vec<Range<usize>> {
    let ends = |line: &str| {
        let counted = line.strip_prefix('[').and_then(|rest| rest.split_once('/'));
        line.starts_with("ninja: ")
            || line.starts_with("FAILED: ")
            || counted.is_some_and(|(number, _)| number.parse::<u32>().is_ok())
    };
    let mut failures: Vec<Range<usize>> = Vec::new();
    let mut begun = None;
    for (at, line) in lines.iter().enumerate() {
        if let Some(start) = begun.filter(|_| ends(line)) {
            failures.push(start..at);
            begun = None;
        }
        if line.starts_with("FAILED: ") {
            begun = Some(at);
        }
    }
    failures.extend(begun.map(|start| start..lines.len()));
    failures
}

fn by_ninja<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let failures = ninja_failures(lines);
    let failure = failures.iter().find(|range| range.contains(&at))?;
    let command = lines.get(failure.start + 1).copied()?;
    (!command.trim().is_empty()).then_some(command)
}

/// The nearest command above that names the error's file, that links where a linker failed, or whose
/// program is the one that speaks or was not found.
fn by_make<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let error = lines.get(at).copied()?;
    let files = files_of(lines, at);
    let from = at.saturating_sub(FARTHEST);
    let above = lines.get(from..at)?.iter().rev().copied();
    let mut commands = above
        .map(str::trim_start)
        .filter(|line| !line.starts_with("+ ") && !line.starts_with("gmake"));
    commands.find(|line| {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let compiles = is_compiler(first) || first.ends_with("libtool") || first == "libtool:";
        if !files.is_empty() {
            return compiles && words.any(|word| files.contains(&word));
        }
        if is_link_error(error) {
            return compiles && line.contains(" -o ") && !line.contains(" -c ");
        }
        let Some((who, _)) = speaker(error) else {
            return false;
        };
        missing_program(error) == Some(first)
            || base(first) == who
            || is_compiler(who) && is_compiler(first)
    })
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn is_link_error(error: &str) -> bool {
    error.contains("ld: ")
        || error.contains("undefined reference to")
        || error.starts_with("Undefined ")
}

/// The files that an error and the includes above it name.
fn files_of<'a>(lines: &[&'a str], at: usize) -> Vec<&'a str> {
    let from = at.saturating_sub(8);
    let near = lines.get(from..=at).unwrap_or_default();
    let file = |line: &&'a str| {
        let text = line.trim_start();
        let text = text.strip_prefix("In file included from ").unwrap_or(text);
        let text = text.strip_prefix("from ").unwrap_or(text);
        let end = text.find(": ").unwrap_or(text.len());
        let place = text.get(..end)?.trim_end_matches([':', ',']);
        let name = place.split(':').next()?;
        (is_place(place) && !name.is_empty()).then_some(name)
    };
    near.iter().filter_map(file).collect()
}

// gmake: frobnicate: No such file or directory
// /usr/bin/sh: frobnicate: not found
fn missing_program(error: &str) -> Option<&str> {
    let text = error.trim_end();
    let text = text
        .strip_suffix(": command not found")
        .or_else(|| text.strip_suffix(": not found"))
        .or_else(|| text.strip_suffix(": No such file or directory"))?;
    let (_, program) = text.rsplit_once(": ")?;
    Some(program).filter(|program| !program.is_empty() && !program.contains(' '))
}

fn by_shell<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let before = lines.get(..at.min(lines.len()))?;
    let mut commands = before
        .iter()
        .rev()
        .filter_map(|line| line.strip_prefix("+ "));
    commands.next()
}
