//! TOML and JSON text into the tree.
//!
//! serde_json keeps the last of two equal keys without a word, so JSON is read by a visitor of our
//! own; and only TOML has spans, so a JSON file's problems are placed by key path.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml_edit::{Item, TableLike};

use super::format::quoted;
use super::tree::{Document, Entry, Node, Value, child_path};
use crate::problem::{Fix, Problem, SourceText};

/// The largest file that is read: four hundred times what recipes have. What is wrong with one is told
/// line by line, which takes too long where there are a hundred thousand.
const LONGEST: usize = 1 << 20;

/// Parses a file by its ending: `.json` is JSON, anything else TOML.
///
/// # Errors
/// A problem, placed by line, when the text is neither.
pub fn parse(source: Arc<SourceText>) -> Result<Document, Box<Problem>> {
    if source.text.len() > LONGEST {
        return Err(Box::new(Problem {
            help: Some("put long texts into templates".to_string()),
            file: Some(source),
            ..Problem::error(format!("the file is larger than {} MiB", LONGEST >> 20)).of("syntax")
        }));
    }
    let root = if source
        .path
        .extension()
        .is_some_and(|ending| ending == "json")
    {
        parse_json(&source)
    } else {
        parse_toml(&source)
    };
    match root {
        Ok(mut root) => {
            name_paths(&mut root, String::new());
            Ok(Document { source, root })
        }
        Err(problem) => Err(Box::new(Problem {
            file: Some(source),
            ..*problem
        })),
    }
}

/// Gives every node its key path.
fn name_paths(node: &mut Node, path: String) {
    match &mut node.value {
        Value::Table(entries) => {
            for entry in entries {
                name_paths(&mut entry.node, child_path(&path, &entry.key));
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                name_paths(item, format!("{path}[{index}]"));
            }
        }
        _ => {}
    }
    node.path = path;
}

fn parse_toml(source: &SourceText) -> Result<Node, Box<Problem>> {
    let document = toml_edit::Document::parse(source.text.as_str())
        .map_err(|error| toml_problem(&source.text, &error))?;
    Ok(toml_item(document.as_item()))
}

/// What the TOML parser complains about, in our words where it is a mistake that people make.
fn toml_problem(text: &str, error: &toml_edit::TomlError) -> Box<Problem> {
    let span = error.span();
    let number = span
        .as_ref()
        .and_then(|span| octal_number(text, span.start));
    let said = error
        .message()
        .lines()
        .next()
        .unwrap_or("")
        .trim()
        .to_string();
    let (message, help) = if said.contains("duplicate key") {
        let name = span.as_ref().and_then(|span| text.get(span.clone()));
        (
            format!("{} is given twice", quoted(name.unwrap_or("a key").trim())),
            Some("keep one of them".to_string()),
        )
    } else if let Some(number) = number {
        (
            "this is not TOML".to_string(),
            Some(format!("a mode is a text: write `\"{number}\"`")),
        )
    } else {
        ("this is not TOML".to_string(), None)
    };
    let fix = number.and_then(|digits| {
        let around = span.as_ref()?.start;
        // the digits stand around the place, or end just before it
        let from = text
            .get(..around)?
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .len();
        text.get(from..)?.starts_with(digits).then(|| Fix {
            span: from..from + digits.len(),
            replacement: format!("\"{digits}\""),
        })
    });
    Box::new(Problem {
        span,
        label: said,
        help,
        fix,
        ..Problem::error(message).of("syntax")
    })
}

/// `0644`, where it stands around the byte `at`.
fn octal_number(text: &str, at: usize) -> Option<&str> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (before, after) = text.split_at_checked(at)?;
    let start = before.trim_end_matches(is_digit).len();
    let end = at + (after.len() - after.trim_start_matches(is_digit).len());
    let digits = text.get(start..end)?;
    let is_octal = (3..=4).contains(&digits.len()) && digits.bytes().all(|digit| digit < b'8');
    (is_octal && digits.starts_with('0')).then_some(digits)
}

fn toml_item(item: &Item) -> Node {
    let value = match item {
        Item::None => Value::Other("nothing"),
        Item::Value(value) => return toml_value(value),
        Item::Table(table) => Value::Table(toml_entries(table)),
        Item::ArrayOfTables(tables) => Value::List(
            tables
                .iter()
                .map(|table| node(Value::Table(toml_entries(table)), table.span()))
                .collect(),
        ),
    };
    node(value, item.span())
}

fn toml_value(value: &toml_edit::Value) -> Node {
    use toml_edit::Value as Toml;
    let found = match value {
        Toml::String(text) => Value::Text(text.value().clone()),
        Toml::Integer(number) => Value::Integer(*number.value()),
        Toml::Float(_) => Value::Other("a fraction"),
        Toml::Boolean(truth) => Value::Boolean(*truth.value()),
        Toml::Datetime(_) => Value::Other("a date"),
        Toml::Array(items) => Value::List(items.iter().map(toml_value).collect()),
        Toml::InlineTable(table) => Value::Table(toml_entries(table)),
    };
    node(found, value.span())
}

fn toml_entries(table: &dyn TableLike) -> Vec<Entry> {
    let keys: Vec<&str> = table.iter().map(|(key, _)| key).collect();
    keys.into_iter()
        .filter_map(|name| table.get_key_value(name))
        .map(|(key, item)| Entry {
            key: key.get().to_string(),
            key_span: key.span(),
            node: toml_item(item),
        })
        .collect()
}

fn node(value: Value, span: Option<Range<usize>>) -> Node {
    Node {
        value,
        span,
        path: String::new(),
    }
}

fn parse_json(source: &SourceText) -> Result<Node, Box<Problem>> {
    let parsed: Result<Json, _> = serde_json::from_str(&source.text);
    parsed
        .map(|json| json.0)
        .map_err(|error| json_problem(&source.text, &error))
}

fn json_problem(text: &str, error: &serde_json::Error) -> Box<Problem> {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or("").to_string();
    let at = offset_of(text, error.line(), error.column());
    let (message, label, help) = if said.ends_with("is given twice") {
        (said, String::new(), Some("keep one of them".to_string()))
    } else {
        let number = octal_number(text, at);
        let help = number.map(|number| format!("a mode is a text: write `\"{number}\"`"));
        ("this is not JSON".to_string(), said, help)
    };
    Box::new(Problem {
        span: Some(at..at),
        label,
        help,
        ..Problem::error(message).of("syntax")
    })
}

/// The byte at a 1-based line and byte column.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A JSON value whose objects hold no key twice.
struct Json(Node);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(JsonVisitor)
            .map(|value| Self(node(value, None)))
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Boolean(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other("a huge number"), Value::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a fraction"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !keys.insert(key.clone()) {
                return Err(de::Error::custom(format!(
                    "{} is given twice",
                    quoted(&key)
                )));
            }
            let Json(node) = map.next_value()?;
            entries.push(Entry {
                key,
                key_span: None,
                node,
            });
        }
        Ok(Value::Table(entries))
    }
}
