//! What a failed step's log says: its first real error, the command that failed, and where it ran.
//!
//! On a terminal, lines that only surround the error are cut at its width; the error never is.

use std::fmt::Write as _;

use super::first_error::{Excerpt, Source, find};
use super::{Style, labelled, shortened};
use crate::plan;

/// The lines of a log that matter, with what belongs to them. `id` is the step's, as in
/// `build/netatalk/compile`.
#[must_use]
pub fn of_step(id: &str, log: &str) -> Excerpt {
    let source = match plan::phase_of(id) {
        Some(_) => Source::Phase,
        None => Source::Script,
    };
    find(log, source)
}

/// An excerpt as people read it.
#[must_use]
pub fn text(excerpt: &Excerpt, style: Style) -> String {
    let mut out = lines(excerpt, style);
    if let Some(command) = &excerpt.command {
        let width = style.width().map(|width| 2 * width.saturating_sub(9));
        out.push_str(&labelled("command", &shortened(command, width), style));
    }
    if let Some(folder) = &excerpt.folder {
        let text = format!("{folder} (in the zone, kept as it is)");
        out.push_str(&labelled("in", &text, style));
    }
    out
}

/// The lines with their numbers, the error marked.
fn lines(excerpt: &Excerpt, style: Style) -> String {
    let mut out = String::new();
    let mut before = None;
    let width = style.width().map(|width| width.saturating_sub(10));
    for (number, line) in &excerpt.lines {
        if before.is_some_and(|before| before + 1 != *number) {
            let _ = writeln!(out, "      … │");
        }
        before = Some(*number);
        if excerpt.error == Some(*number) {
            let (mark, line) = (style.paint("31", ">"), style.paint("1", line));
            let _ = writeln!(out, "{mark} {number:>5} │ {line}");
        } else {
            let line = cut(line, width);
            let _ = writeln!(out, "{}", format!("  {number:>5} │ {line}").trim_end());
        }
    }
    out
}

fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if line.chars().count() > width => {
            let head: String = line.chars().take(width.saturating_sub(1)).collect();
            format!("{head}…")
        }
        _ => line.to_owned(),
    }
}
