//! One way to lay a recipe out: keys in the order of the manual, `=` in one column, no stray blanks.
//!
//! Nothing is torn apart: keys change places only between two blank lines or comments, a comment
//! stays above the key it stood above, and what a value of several lines holds stays in its order.

use std::sync::Arc;

use super::lines::{Pair, Scan, Statement, statements};
use super::meaning;
use crate::problem::{Problem, SourceText};
use crate::recipe::doc_comments::{Kind, inner_table};
use crate::recipe::read::RECIPE;
use crate::recipe::schema::{Table, Takes};
use crate::recipe::syntax;
use crate::recipe::tree::Document;
use crate::site::read::ZONE;

/// How far a value that goes on in the next line is indented.
const INDENT: &str = "    ";

/// Why a file was not laid out.
#[derive(Debug, thiserror::Error)]
pub enum Misformatted {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(Box<Problem>),
    /// What would be written says something else; that is a mistake of this program.
    #[error("laid out anew it would not say the same")]
    Changed,
}

/// The file laid out anew; the same text where nothing is to do.
///
/// # Errors
/// [`Misformatted`] when it does not parse, or would not say the same afterwards.
pub fn format(source: &Arc<SourceText>, kind: Kind) -> Result<String, Misformatted> {
    let parse = |source: Arc<SourceText>| -> Result<Document, Misformatted> {
        syntax::parse(source).map_err(Misformatted::Unreadable)
    };
    let before = parse(Arc::clone(source))?;
    let is_json = source.path.extension().is_some_and(|e| e == "json");
    let text = if is_json {
        json(&source.text).ok_or(Misformatted::Changed)?
    } else {
        toml(&source.text, kind)
    };
    let after = parse(Arc::new(SourceText {
        path: source.path.clone(),
        text: text.clone(),
    }))
    .map_err(|_| Misformatted::Changed)?;
    if meaning(&before.root) == meaning(&after.root) {
        Ok(text)
    } else {
        Err(Misformatted::Changed)
    }
}

fn json(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(format!("{value:#}\n"))
}

/// A key with its value, on its way to its place.
struct Line {
    key: String,
    value: String,
    rank: Option<usize>,
}

fn toml(text: &str, kind: Kind) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = String::new();
    let mut path: Vec<String> = Vec::new();
    // what stands between two blank lines or headers: comments, and runs of keys
    let mut block: Vec<Result<String, Line>> = Vec::new();
    for statement in statements(text) {
        match statement {
            Statement::Blank(_) => {
                flush(&mut block, &mut out);
                out.push('\n');
            }
            Statement::Header(line) => {
                flush(&mut block, &mut out);
                path = header(line);
                out.push_str(line.trim());
                out.push('\n');
            }
            Statement::Comment(line) => block.push(Ok(format!("{}\n", line.trim()))),
            Statement::Pair(pair) => block.push(Err(line(&pair, table_at(kind, &path)))),
        }
    }
    flush(&mut block, &mut out);
    let end = out.trim_end_matches('\n').len();
    out.truncate(end);
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Puts the keys of each run in order, and the `=` of each stretch of short values in one column.
fn flush(block: &mut Vec<Result<String, Line>>, out: &mut String) {
    let mut items = std::mem::take(block);
    sort_runs(&mut items);
    let mut start = 0;
    while start < items.len() {
        // a value of several lines ends a stretch: nothing below it is in sight of what is above
        let stretch = items.get(start..).unwrap_or_default();
        let long = stretch.iter().position(is_long);
        let end = start + long.map_or(stretch.len(), |at| at + 1);
        let stretch = items.get(start..end).unwrap_or_default();
        let width = stretch
            .iter()
            .filter_map(|item| item.as_ref().err())
            .map(|line| line.key.chars().count())
            .max()
            .unwrap_or(0);
        for item in stretch {
            match item {
                Ok(comment) => out.push_str(comment),
                Err(line) => {
                    let gap = width.saturating_sub(line.key.chars().count());
                    out.push_str(&format!(
                        "{}{} = {}\n",
                        line.key,
                        " ".repeat(gap),
                        line.value
                    ));
                }
            }
        }
        start = end;
    }
}

fn is_long(item: &Result<String, Line>) -> bool {
    item.as_ref().is_err_and(|line| line.value.contains('\n'))
}

/// Sorts the keys between comments. The first one below a comment stays there, for the comment is
/// about it; where the place of one key is not known, none of its run moves.
fn sort_runs(items: &mut [Result<String, Line>]) {
    let mut is_below_comment = false;
    for run in items.split_mut(Result::is_ok) {
        let pinned = usize::from(is_below_comment).min(run.len());
        let (_, free) = run.split_at_mut(pinned);
        let rank = |item: &Result<String, Line>| item.as_ref().err().and_then(|line| line.rank);
        if free.iter().all(|item| rank(item).is_some()) {
            free.sort_by_key(rank);
        }
        is_below_comment = true;
    }
}

fn line(pair: &Pair<'_>, table: Option<&'static Table>) -> Line {
    let key = pair.key.trim().to_owned();
    let keys = table.map_or(&[][..], |table| table.keys);
    let rank = keys.iter().position(|known| known.name == key);
    Line {
        rank,
        value: value(pair.rest.trim()),
        key,
    }
}

/// A value with its comment: no blanks at the ends of lines, and lists of several lines indented.
/// What stands inside of a text stays as it is.
fn value(text: &str) -> String {
    let mut out = String::new();
    let mut scan = Scan::default();
    for (index, line) in text.split('\n').enumerate() {
        let (began_inside, depth) = (scan.quotes.is_some(), scan.depth);
        advance(&mut scan, line);
        let line = match scan.quotes {
            Some(_) => line,
            None => line.trim_end(),
        };
        if index == 0 {
            out.push_str(line);
            continue;
        }
        out.push('\n');
        if began_inside {
            out.push_str(line);
            continue;
        }
        let start = line.trim_start();
        let depth = depth.saturating_sub(usize::from(start.starts_with([']', '}'])));
        if !start.is_empty() {
            out.push_str(&INDENT.repeat(depth));
        }
        out.push_str(start);
    }
    out
}

fn advance(scan: &mut Scan, line: &str) {
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        at += scan.step(rest).max(1);
    }
    scan.step("\n");
}

/// `[build.custom] # why` as `build`, `custom`; nothing where a name is quoted.
fn header(line: &str) -> Vec<String> {
    let inside = line.trim().trim_start_matches('[');
    let inside = inside.split(']').next().unwrap_or("");
    inside
        .split('.')
        .map(|name| name.trim().to_owned())
        .collect()
}

/// The table whose keys stand below a header.
fn table_at(kind: Kind, path: &[String]) -> Option<&'static Table> {
    let mut table = match kind {
        Kind::Recipe => &RECIPE,
        Kind::Zone => &ZONE,
    };
    let mut names = path.iter();
    while let Some(name) = names.next() {
        let key = table.keys.iter().find(|key| key.name == name)?;
        if matches!(key.takes, Takes::Map(..)) {
            // the next name is the author's; without one the keys are
            names.next()?;
        }
        table = inner_table(&key.takes)?;
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(text: &str) -> String {
        let source = Arc::new(SourceText {
            path: "x.toml".into(),
            text: text.to_owned(),
        });
        let once = format(&source, Kind::Recipe).unwrap();
        let again = Arc::new(SourceText {
            path: "x.toml".into(),
            text: once.clone(),
        });
        assert_eq!(
            format(&again, Kind::Recipe).unwrap(),
            once,
            "twice is as once"
        );
        once
    }

    #[test]
    fn keys_take_the_order_of_the_manual_and_comments_stay_with_theirs() {
        assert_eq!(
            laid_out(
                "[package]\nsummary='s' # of it\n  version=\"1\"  \nname =   \"a\"\n\n\n# about the rest\n\
                 license = \"MIT\"\nconflicts=[]\nhomepage = \"https://x\"\n"
            ),
            "[package]\nname    = \"a\"\nversion = \"1\"\nsummary = 's' # of it\n\n\n# about the rest\n\
             license   = \"MIT\"\nhomepage  = \"https://x\"\nconflicts = []\n"
        );
        // a comment in between: nothing passes it, and the key below it stays below it
        assert_eq!(
            laid_out(
                "[package]\nversion = \"1\"\n# the name\nsummary = \"s\"\nlicense=\"M\"\nname = \"a\"\n"
            ),
            "[package]\nversion = \"1\"\n# the name\nsummary = \"s\"\nname    = \"a\"\nlicense = \"M\"\n"
        );
        // keys that nobody knows keep everybody in place
        assert_eq!(
            laid_out("[package]\nversion = 1\nodd = 2\nname = 3\n"),
            "[package]\nversion = 1\nodd     = 2\nname    = 3\n"
        );
        // names of one's own have no order
        let own = "[parameters]\nb = { type = \"path\" }\na = { type = \"path\" }\n";
        assert_eq!(laid_out(own), own);
    }

    #[test]
    fn lists_are_indented_and_texts_stay_as_they_are() {
        assert_eq!(
            laid_out(
                "[build]\r\noptions=[ # all\n\"a\", # one  \n\n      # two\n   [\n1 ],\n  ]\t\nsystem = \"meson\"\n"
            ),
            "[build]\nsystem  = \"meson\"\noptions = [ # all\n    \"a\", # one\n\n    # two\n    [\n        1 ],\n]\n"
        );
        let text =
            "[[file]]\npath    = \"/x\"\ncontent = \"\"\"\n  a  \n\t[b]\r\n# c = 1  \n\"\"\"\n";
        assert_eq!(laid_out(text), text);
    }

    #[test]
    fn the_end_has_one_newline_and_an_empty_file_stays_empty() {
        assert_eq!(laid_out("# a\n\n\n"), "# a\n");
        assert_eq!(laid_out("\n\n"), "");
        assert_eq!(laid_out("a = 1"), "a = 1\n");
        assert_eq!(laid_out("\na = 1"), "\na = 1\n");
    }

    #[test]
    fn what_ships_is_laid_out_so() {
        for folder in ["recipes", "zones"] {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in std::fs::read_dir(root).unwrap() {
                let path = entry.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                let kind = if folder == "zones" {
                    Kind::Zone
                } else {
                    Kind::Recipe
                };
                let source = Arc::new(SourceText {
                    path: path.clone(),
                    text: text.clone(),
                });
                assert_eq!(format(&source, kind).unwrap(), text, "{}", path.display());
            }
        }
    }

    #[test]
    fn what_does_not_parse_is_left_alone() {
        let source = Arc::new(SourceText {
            path: "x.toml".into(),
            text: "a = [".to_owned(),
        });
        assert!(matches!(
            format(&source, Kind::Recipe),
            Err(Misformatted::Unreadable(_))
        ));
    }
}
