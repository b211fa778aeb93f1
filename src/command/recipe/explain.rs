//! `zonewright recipe explain`: the manual of keys and rules on a terminal.
//!
//! The example is a line of a recipe that ships: it is checked with it, and never goes stale.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::{DONE, Failure, answer, answer_json};
use crate::cli::Global;
use crate::cli::author::ExplainArgs;
use crate::problem::Severity;
use crate::recipe::doc_comments::Kind;
use crate::recipe::format::{list_of, nearest};
use crate::recipe::manual::{self, Entry};
use crate::recipe::rules::{self, Rule};
use crate::recipe::syntax;
use crate::recipe::tree::{Entry as Member, Node};
use crate::show::Style;
use crate::site::SiteRoot;

/// How wide a paragraph is.
const WIDTH: usize = 88;

pub(super) fn run(global: &Global, arguments: &ExplainArgs) -> Result<u8, Failure> {
    let style = Style::stdout(global.color);
    let Some(asked) = &arguments.what else {
        list(global, style);
        return Ok(DONE);
    };
    let found = manual::find(asked);
    let rule = rules::find(asked.trim());
    if found.is_empty() && rule.is_none() {
        return Err(unknown(asked));
    }
    if global.json {
        let keys: Vec<Value> = found.iter().map(key_json).collect();
        let rules: Vec<Value> = rule.iter().map(|rule| rule_json(rule)).collect();
        answer_json("recipe-explain", json!({ "keys": keys, "rules": rules }));
        return Ok(DONE);
    }
    let mut parts: Vec<String> = rule.iter().map(|rule| rule_text(rule, style)).collect();
    parts.extend(found.iter().map(|entry| key_text(entry, style)));
    answer(&parts.join("\n"));
    Ok(DONE)
}

fn unknown(asked: &str) -> Failure {
    let all = || {
        manual::keys(Kind::Recipe)
            .into_iter()
            .chain(manual::keys(Kind::Zone))
    };
    let mut names: Vec<String> = all().map(|entry| entry.key.name.to_owned()).collect();
    names.extend(all().flat_map(|entry| entry.paths));
    names.extend(rules::names().into_iter().map(str::to_owned));
    let begins = format!("{}-", asked.trim());
    let mut longer: Vec<&String> = names.iter().filter(|n| n.starts_with(&begins)).collect();
    longer.sort();
    longer.dedup();
    let help = match nearest(asked, &names) {
        _ if !longer.is_empty() => format!("there are {}", list_of(&longer)),
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`zonewright recipe explain` lists all keys and rules".to_owned(),
    };
    Failure::usage(&format!("there is no key and no rule `{asked}`"), &help)
}

fn file_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Recipe => "recipe",
        Kind::Zone => "zone file",
    }
}

fn severity(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn list(global: &Global, style: Style) {
    let keys = || {
        [Kind::Recipe, Kind::Zone]
            .into_iter()
            .flat_map(manual::keys)
    };
    if global.json {
        let keys: Vec<Value> = keys().map(|entry| key_json(&entry)).collect();
        let rules: Vec<Value> = rules::all().iter().map(rule_json).collect();
        answer_json("recipe-explain", json!({ "keys": keys, "rules": rules }));
        return;
    }
    let mut text = String::new();
    for kind in [Kind::Recipe, Kind::Zone] {
        let title = format!("Keys of a {}", file_of(kind));
        let _ = writeln!(text, "{}", style.paint("1", &title));
        for entry in manual::keys(kind) {
            let Some(path) = entry.paths.first() else {
                continue;
            };
            let need = if entry.key.is_required {
                " (required)"
            } else {
                ""
            };
            let _ = writeln!(text, "  {path:<34} {}{need}", entry.key.help);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", style.paint("1", "Rules of `recipe check`"));
    for rule in rules::all() {
        let first = rule.text.split_inclusive(". ").next().unwrap_or("").trim();
        let first = first.strip_suffix('.').unwrap_or(first);
        let _ = writeln!(text, "  {:<34} {}: {first}", rule.name, severity(rule));
    }
    text.push_str("\nMore of one: zonewright recipe explain NAME\n");
    answer(&text);
}

fn key_text(entry: &Entry, style: Style) -> String {
    let name = entry.paths.first().map_or("", String::as_str);
    let title = entry.table.title;
    let mut text = format!("{} ", style.paint("1", name));
    let file = file_of(entry.kind);
    if title.ends_with(file) {
        let _ = writeln!(text, "(at the top of a {file})");
    } else {
        let _ = writeln!(text, "(in {title} of a {file})");
    }
    text.push_str(&paragraph(&entry.text()));
    text.push('\n');
    let need = if entry.key.is_required {
        ", required"
    } else {
        ""
    };
    row(
        &mut text,
        style,
        "takes",
        &format!("{}{need}", entry.takes()),
    );
    for rule in entry.rules() {
        row(&mut text, style, "holds", &rule);
    }
    if let Some((_, more)) = entry
        .paths
        .split_first()
        .filter(|(_, more)| !more.is_empty())
    {
        row(&mut text, style, "also", &more.join(", "));
    }
    if let Some(inner) = entry.inner() {
        for (index, key) in inner.keys.iter().enumerate() {
            let label = if index == 0 { "keys" } else { "" };
            let need = if key.is_required { " (required)" } else { "" };
            row(
                &mut text,
                style,
                label,
                &format!("{:<18} {}{need}", key.name, key.help),
            );
        }
        for rule in inner.rules {
            row(&mut text, style, "", &manual::rule_in_words(rule));
        }
    }
    if let Some((file, line, example)) = example(entry) {
        let mut lines = example.lines();
        row(&mut text, style, "as in", lines.next().unwrap_or(""));
        for more in lines {
            row(&mut text, style, "", more);
        }
        row(
            &mut text,
            style,
            "",
            &style.paint("2", &format!("({file}, line {line})")),
        );
    }
    text
}

fn row(text: &mut String, style: Style, label: &str, value: &str) {
    let label = format!("{label:<6}");
    let options = textwrap::Options::new(WIDTH)
        .subsequent_indent("         ")
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    let value = match value.len() > WIDTH && !value.contains(" = ") {
        true => textwrap::fill(value, options),
        false => value.to_owned(),
    };
    let _ = writeln!(text, "  {} {value}", style.paint("36", &label));
}

fn paragraph(text: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("  ")
        .subsequent_indent("  ")
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text, options) + "\n"
}

fn rule_text(rule: &Rule, style: Style) -> String {
    let allowed = if rule.can_be_allowed {
        "; a recipe can allow it"
    } else {
        ""
    };
    let mut text = format!(
        "{} (rule of `recipe check`: {}{allowed})\n{}",
        style.paint("1", rule.name),
        severity(rule),
        paragraph(rule.text)
    );
    if rule.can_be_allowed {
        text.push('\n');
        let allow = format!("allow = [{{ rule = \"{}\", reason = \"…\" }}]", rule.name);
        row(&mut text, style, "allow", &allow);
    }
    for (index, line) in rule.example.unwrap_or("").lines().enumerate() {
        if index == 0 {
            text.push('\n');
        }
        row(
            &mut text,
            style,
            if index == 0 { "as in" } else { "" },
            line,
        );
    }
    text
}

/// The first place in the files that ship where the key is given: file, line and the lines.
fn example(entry: &Entry) -> Option<(String, usize, String)> {
    let (folder, what) = match entry.kind {
        Kind::Recipe => ("recipes", "recipe"),
        Kind::Zone => ("zones", "zone"),
    };
    let site = SiteRoot::built_in();
    site.definitions(folder).iter().find_map(|name| {
        let source = site.definition(folder, what, name).ok()?;
        let document = syntax::parse(source).ok()?;
        let text = &document.source.text;
        let member = entry
            .paths
            .iter()
            .find_map(|path| member(&document.root, path))?;
        let start = member.key_span.clone()?.start;
        let end = member.node.span.clone()?.end.max(start);
        let from = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
        let end = text
            .get(end..)?
            .find('\n')
            .map_or(text.len(), |at| end + at);
        let lines: Vec<&str> = text.get(from..end)?.lines().collect();
        let line = text.get(..from)?.matches('\n').count() + 1;
        let is_header = lines.first()?.starts_with('[');
        // a table inside of another one begins on the line of the outer one
        let shown = if is_header || lines.len() > 6 {
            lines.get(..1)?
        } else {
            &lines
        };
        Some((format!("{folder}/{name}.toml"), line, shown.join("\n")))
    })
}

/// The first entry that a path of the manual leads to.
fn member<'n>(node: &'n Node, path: &str) -> Option<&'n Member> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let items = std::iter::once(node).chain(node.items());
    items.into_iter().find_map(|node| {
        let mut entries = node.entries().iter();
        if first == "NAME" {
            return entries.find_map(|entry| member(&entry.node, rest));
        }
        let entry = entries.find(|entry| entry.key == first)?;
        if rest.is_empty() {
            Some(entry)
        } else {
            member(&entry.node, rest)
        }
    })
}

fn key_json(entry: &Entry) -> Value {
    json!({
        "file": file_of(entry.kind),
        "paths": entry.paths,
        "table": entry.table.title,
        "required": entry.key.is_required,
        "takes": entry.takes(),
        "help": entry.key.help,
        "text": entry.text(),
        "rules": entry.rules(),
    })
}

fn rule_json(rule: &Rule) -> Value {
    json!({
        "name": rule.name,
        "severity": severity(rule),
        "text": rule.text,
        "example": rule.example,
        "can-be-allowed": rule.can_be_allowed,
    })
}
