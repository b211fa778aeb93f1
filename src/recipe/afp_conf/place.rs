//! Where in a template a line of the finished file comes from.
//!
//! Handlebars does not say. A line of the template that names the same option is where it comes
//! from; of several that one whose own words stand in the finished line, in order of appearance.

use std::ops::Range;
use std::sync::Arc;

use super::parse::header;
use super::{Edit, Finding};
use crate::problem::{Fix, Problem, SourceText};

/// What a finished file was made from: the part of a text that holds the template.
#[derive(Debug, Clone)]
pub(in crate::recipe) struct Origin {
    pub source: Arc<SourceText>,
    /// The part of the text, in bytes.
    pub part: Range<usize>,
    /// Where to report what stands nowhere in it.
    pub fallback: Problem,
}

/// The finding as a problem of the template.
pub(in crate::recipe) fn place(finding: &Finding, made: &str, origin: &Origin) -> Problem {
    let spot = spot_of(finding, made, origin);
    let problem = match &spot {
        Some(spot) => Problem {
            file: Some(Arc::clone(&origin.source)),
            span: Some(if finding.is_about_value {
                word_in(finding, spot.value.clone(), origin)
            } else {
                spot.name.clone()
            }),
            key: String::new(),
            ..Problem::error("")
        },
        None => origin.fallback.clone(),
    };
    let made_line = made.lines().nth(finding.line).unwrap_or("");
    let problem = Problem {
        message: finding.message.clone(),
        label: finding.label.clone(),
        help: finding.help.clone(),
        fix: spot.and_then(|spot| fix(finding, &spot, made_line, origin)),
        ..problem
    }
    .of(finding.rule);
    if finding.is_warning {
        problem.warn()
    } else {
        problem
    }
}

/// The very word that a finding is about, where it stands in the value as it is.
fn word_in(finding: &Finding, value: Range<usize>, origin: &Origin) -> Range<usize> {
    let text = origin.source.text.get(value.clone()).unwrap_or("");
    let word = finding.word.as_deref().filter(|word| !word.is_empty());
    match word.and_then(|word| Some((text.find(word)?, word.len()))) {
        Some((at, length)) => value.start + at..value.start + at + length,
        None => value,
    }
}

/// A line of the template.
struct Spot {
    /// The whole line with its end.
    line: Range<usize>,
    /// The name of the option, or the header.
    name: Range<usize>,
    /// The value.
    value: Range<usize>,
}

fn spot_of(finding: &Finding, made: &str, origin: &Origin) -> Option<Spot> {
    let made_lines: Vec<&str> = made.lines().collect();
    let made_line = made_lines.get(finding.line)?;
    let mut candidates: Vec<(Range<usize>, &str)> = lines_of(origin)
        .filter(|(_, line)| could_make(line, made_line))
        .collect();
    // a choice in the midst of the line makes its own words no measure
    if candidates.is_empty() && header(made_line).is_none() {
        candidates = lines_of(origin)
            .filter(|(_, line)| name_in(line).is_some() && name_in(line) == name_in(made_line))
            .collect();
    }
    // a line that says the name itself, rather than one that begins with a tag
    if candidates.iter().any(|(_, line)| !begins_with_tag(line)) {
        candidates.retain(|(_, line)| !begins_with_tag(line));
    }
    // the third of such lines in the file is the third of the candidates, or the last
    let before = made_lines.iter().take(finding.line);
    let earlier = before
        .filter(|line| {
            candidates
                .iter()
                .any(|(_, template)| could_make(template, line))
        })
        .count();
    let (range, line) = candidates
        .get(earlier.min(candidates.len().checked_sub(1)?))?
        .clone();
    let text = line.trim_end_matches(['\n', '\r']);
    let at = |from: usize, to: usize| range.start + from..range.start + to;
    let begin = text.len() - text.trim_start().len();
    let Some(equals) = text.find('=').filter(|_| header(made_line).is_none()) else {
        let whole = at(begin, text.trim_end().len());
        return Some(Spot {
            name: whole.clone(),
            value: whole,
            line: range.clone(),
        });
    };
    let name_end = text.get(..equals)?.trim_end().len();
    let value = text.get(equals + 1..)?;
    let value_begin = equals + 1 + (value.len() - value.trim_start().len());
    Some(Spot {
        name: at(begin, name_end),
        value: at(
            value_begin.min(text.trim_end().len()),
            text.trim_end().len(),
        ),
        line: range.clone(),
    })
}

/// The lines of the part of the text, with their places.
fn lines_of(origin: &Origin) -> impl Iterator<Item = (Range<usize>, &str)> {
    let text = origin.source.text.get(origin.part.clone()).unwrap_or("");
    let mut at = origin.part.start;
    text.split_inclusive('\n').map(move |line| {
        let begin = at;
        at += line.len();
        (begin..at, line)
    })
}

/// Whether a line of a template could become this line: its own words stand in it, in order.
fn could_make(template: &str, made: &str) -> bool {
    let template = template.trim();
    let made = made.trim();
    let is_block = ["{{#", "{{/", "{{else", "{{~", "{{!"]
        .iter()
        .any(|tag| template.starts_with(tag));
    if template.is_empty() || template.starts_with([';', '#']) || is_block {
        return false;
    }
    let is_named = !template.starts_with("{{") && header(made).is_none();
    if is_named && name_in(template) != name_in(made) {
        return false;
    }
    let mut rest = made;
    for (index, words) in own_words(template).into_iter().enumerate() {
        match rest.find(words) {
            Some(0) => rest = rest.get(words.len()..).unwrap_or(""),
            Some(at) if index > 0 => rest = rest.get(at + words.len()..).unwrap_or(""),
            _ => return false,
        }
    }
    rest.is_empty() || template.ends_with("}}")
}

/// What stands before the `=`.
fn name_in(line: &str) -> Option<&str> {
    line.split_once('=').map(|(name, _)| name.trim())
}

fn begins_with_tag(line: &str) -> bool {
    line.trim_start().starts_with("{{")
}

/// What stands between the tags of a line.
fn own_words(template: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = template;
    while let Some((before, tag)) = rest.split_once("{{") {
        words.push(before);
        rest = tag.split_once("}}").map_or("", |(_, after)| after);
    }
    words.push(rest);
    words
}

fn fix(finding: &Finding, spot: &Spot, made_line: &str, origin: &Origin) -> Option<Fix> {
    let text = &origin.source.text;
    let line = text.get(spot.line.clone())?;
    let has_tag = |range: &Range<usize>| text.get(range.clone()).is_none_or(|t| t.contains("{{"));
    Some(match finding.edit.as_ref()? {
        Edit::Name(name) if !has_tag(&spot.name) => Fix {
            span: spot.name.clone(),
            replacement: name.clone(),
        },
        // what a parameter gave is mended where it is given
        Edit::Value(value) if !has_tag(&spot.value) => Fix {
            span: spot.value.clone(),
            replacement: value.clone(),
        },
        // of a line that opens or closes a block the block must stay
        Edit::Remove if !line.contains("{{#") && !line.contains("{{/") => Fix {
            span: spot.line.clone(),
            replacement: String::new(),
        },
        Edit::NameBelow(option) => {
            header(made_line)?;
            let name = header(line.trim())?;
            let end = spot.line.end - (line.len() - line.trim_end_matches(['\n', '\r']).len());
            Fix {
                span: end..end,
                replacement: format!("\n{option} = {name}"),
            }
        }
        _ => return None,
    })
}
