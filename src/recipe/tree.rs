//! The tree that both TOML and JSON files become before anything is read from it.
//!
//! Getters never fail: what is missing or of another type reads as nothing. [`super::schema`] has
//! complained about it by then, and a half-good file can still be checked for everything else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::units;
use crate::problem::{Fix, Problem, SourceText};

/// A file: its text, and the tree it became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Path and text, for reports.
    pub source: Arc<SourceText>,
    /// The top table.
    pub root: Node,
}

/// A value, with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands in the text; none in JSON.
    pub span: Option<Range<usize>>,
    /// The key path: `source[0].sha256`.
    pub path: String,
}

/// What a value can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// A value of a kind that no key takes (a fraction, a date, JSON's `null`), by its name.
    Other(&'static str),
}

/// A key of a table and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Option<Range<usize>>,
    /// The value.
    pub node: Node,
}

/// The key path of `key` below `parent`.
pub(crate) fn child_path(parent: &str, key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let key = if !key.is_empty() && key.chars().all(is_bare) {
        key.to_string()
    } else {
        format!("{key:?}")
    };
    if parent.is_empty() {
        key
    } else {
        format!("{parent}.{key}")
    }
}

impl Document {
    /// A problem placed at the value with the key path `path`, or at the nearest table around it.
    #[must_use]
    pub fn problem_at(&self, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            file: Some(Arc::clone(&self.source)),
            span: self.root.nearest(path).span.clone(),
            key: path.to_string(),
            ..Problem::error(message)
        }
    }

    /// The text with the key path `path`.
    #[must_use]
    pub fn text_at(&self, path: &str) -> Option<&str> {
        let node = self.root.nearest(path);
        // a text that stands for one key of a table has the table's own path
        let is_it = path
            .strip_prefix(node.path.as_str())
            .is_some_and(|rest| rest.is_empty() || [".value", ".file", ".name"].contains(&rest));
        node.as_text().filter(|_| is_it)
    }

    /// Whether there is a value with the key path `path`.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.root.nearest(path).path == path
    }

    /// The value with the key path `path` as the file spells it, or the table around it.
    #[must_use]
    pub fn written_at(&self, path: &str) -> Option<&str> {
        self.source.text.get(self.root.nearest(path).span.clone()?)
    }

    /// Where the key with the key path `path` stands.
    #[must_use]
    pub(crate) fn key_span(&self, path: &str) -> Option<Range<usize>> {
        let mut node = &self.root;
        loop {
            let children = node.entries().iter();
            let mut entries = children.filter(|entry| is_at_or_below(path, &entry.node.path));
            node = match entries.next() {
                Some(entry) if entry.node.path == path => return entry.key_span.clone(),
                Some(entry) => &entry.node,
                None => {
                    let mut items = node.items().iter();
                    items.find(|item| is_at_or_below(path, &item.path))?
                }
            };
        }
    }

    /// The edit that leaves out the key or the item with the key path `path`, where it stands on
    /// lines of its own.
    #[must_use]
    pub fn removal(&self, path: &str) -> Option<Fix> {
        let node = self.root.nearest(path);
        let value = node.span.clone().filter(|_| node.path == path)?;
        let text = &self.source.text;
        let begin = text.get(..value.start)?.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(value.end..)?;
        let end = value.end + rest.find('\n').map_or(rest.len(), |at| at + 1);
        let before = text.get(begin..value.start)?.trim();
        let after = text.get(value.end..end)?.trim();
        let after = after.strip_prefix(',').unwrap_or(after).trim_start();
        let is_key = before.strip_suffix('=').map(str::trim).is_some_and(|key| {
            let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_.\"".contains(c);
            !key.is_empty() && key.chars().all(is_bare)
        });
        let is_alone =
            (before.is_empty() || is_key) && (after.is_empty() || after.starts_with('#'));
        is_alone.then(|| Fix {
            span: begin..end,
            replacement: String::new(),
        })
    }

    /// A problem that was found elsewhere, placed at the value with the key path `path`.
    #[must_use]
    pub fn place(&self, path: &str, found: Problem) -> Problem {
        let place = self.problem_at(path, "");
        // an edit of another file is none of this one; without a file it says what belongs there
        let replacement = found.fix.clone().filter(|_| found.file.is_none());
        let fix = replacement
            .zip(place.span.clone())
            .map(|(fix, span)| Fix { span, ..fix });
        Problem {
            file: place.file,
            span: place.span,
            key: place.key,
            fix,
            ..found
        }
    }
}

impl Node {
    /// A noun for what the value is, with its article.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(noun) => noun,
        }
    }

    /// The entries of a table.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The value itself as text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// Whether the table has the key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A text, empty where there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        self.maybe_text(key).unwrap_or_default()
    }

    /// A text.
    #[must_use]
    pub fn maybe_text(&self, key: &str) -> Option<String> {
        Some(self.get(key)?.as_text()?.to_string())
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.list(key, |item| item.as_text().map(str::to_string))
            .into_iter()
            .flatten()
            .collect()
    }

    /// Whatever `read` makes of each item of a list.
    pub fn list<T>(&self, key: &str, read: impl Fn(&Node) -> T) -> Vec<T> {
        let items = self.get(key).map_or(&[][..], Node::items);
        items.iter().map(read).collect()
    }

    /// Whatever `read` makes of each value of a table of free keys.
    pub fn map<T>(&self, key: &str, read: impl Fn(&Node) -> T) -> BTreeMap<String, T> {
        let entries = self.get(key).map_or(&[][..], Node::entries);
        entries
            .iter()
            .map(|entry| (entry.key.clone(), read(&entry.node)))
            .collect()
    }

    /// A table of texts.
    #[must_use]
    pub fn text_map(&self, key: &str) -> BTreeMap<String, String> {
        self.map(key, |node| node.as_text().unwrap_or_default().to_string())
    }

    /// Whether the key is there and true.
    #[must_use]
    pub fn boolean(&self, key: &str) -> bool {
        matches!(
            self.get(key).map(|node| &node.value),
            Some(Value::Boolean(true))
        )
    }

    /// A number, where it fits.
    #[must_use]
    pub fn integer<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        match self.get(key)?.value {
            Value::Integer(number) => T::try_from(number).ok(),
            _ => None,
        }
    }

    /// A size in bytes.
    #[must_use]
    pub fn size(&self, key: &str) -> Option<u64> {
        units::parse_size(self.get(key)?.as_text()?).ok()
    }

    /// A duration.
    #[must_use]
    pub fn duration(&self, key: &str) -> Option<Duration> {
        units::parse_duration(self.get(key)?.as_text()?).ok()
    }

    /// An octal mode, or the default.
    #[must_use]
    pub fn mode(&self, key: &str, default: u32) -> u32 {
        self.maybe_text(key)
            .and_then(|text| units::parse_mode(&text).ok())
            .unwrap_or(default)
    }

    /// The node with the key path `path`, or the deepest one on the way to it.
    fn nearest(&self, path: &str) -> &Node {
        let children: Box<dyn Iterator<Item = &Node>> = match &self.value {
            Value::Table(entries) => Box::new(entries.iter().map(|entry| &entry.node)),
            Value::List(items) => Box::new(items.iter()),
            _ => return self,
        };
        for child in children {
            if is_at_or_below(path, &child.path) {
                return child.nearest(path);
            }
        }
        self
    }
}

/// Whether the key path `path` is `above` or leads further down from it.
pub(crate) fn is_at_or_below(path: &str, above: &str) -> bool {
    above.is_empty()
        || path
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
