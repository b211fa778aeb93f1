//! Which keys a table takes, and the one reader that holds a file against that.
//!
//! The tables themselves stand beside the functions that convert them ([`super::read`],
//! `site::read`). They serve four times: to look keys up, to say what was meant, to explain, and
//! to find the strings that are templates.

use std::ops::Range;
use std::sync::Arc;

use super::format::{Complaint, Format, list_of, nearest, quoted};
use super::tree::{Document, Entry, Node, Value};
use crate::problem::{Problem, SourceText};

/// A table of a file: its keys, and what holds between them.
#[derive(Debug)]
pub struct Table {
    /// As the author writes it: `[[source]]`.
    pub title: &'static str,
    /// Every key it takes, in the order of the manual.
    pub keys: &'static [Key],
    /// What holds between its keys.
    pub rules: &'static [Rule],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// The key's name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Whether the table must have it.
    pub is_required: bool,
    /// One line on what it is for.
    pub help: &'static str,
}

/// What a key takes.
#[derive(Debug)]
pub enum Takes {
    /// A text.
    Text(Format),
    /// A text that is a template; its format holds once it is rendered.
    Template(Format),
    /// A text, number, or true or false, kept as text.
    Scalar,
    /// A number from the first to the last.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// An argument list of templates, not empty.
    Command,
    /// A list.
    List(&'static Takes),
    /// A list of tables in which no two have the same value of any of these keys.
    Tables(&'static Table, &'static [&'static str]),
    /// A table.
    Table(&'static Table),
    /// A table, or a text that stands for this one key of it.
    Short(&'static str, &'static Table),
    /// A table of free keys.
    Map(Format, &'static Takes),
    /// Not supported by this version; the text says what that means.
    NotYet(&'static str),
}

/// What holds between the keys of a table.
#[derive(Debug)]
pub enum Rule {
    /// Exactly one of these.
    ExactlyOne(&'static [&'static str]),
    /// At least one of these.
    AtLeastOne(&'static [&'static str]),
    /// The first only without any of the others.
    Without(&'static str, &'static [&'static str]),
    /// The first only with the second.
    OnlyWith(&'static str, &'static str),
}

/// A key that may be left out.
pub(crate) const fn key(name: &'static str, takes: Takes, help: &'static str) -> Key {
    Key {
        name,
        takes,
        is_required: false,
        help,
    }
}

/// A key that must be there.
pub(crate) const fn required(name: &'static str, takes: Takes, help: &'static str) -> Key {
    Key {
        name,
        takes,
        is_required: true,
        help,
    }
}

/// Whether templates are still templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// As the author wrote it.
    Written,
    /// After all templates were rendered.
    Rendered,
}

/// Holds the whole file against `table` and returns everything that is wrong. Short forms are
/// turned into the long ones on the way.
pub(crate) fn validate(document: &mut Document, table: &Table, stage: Stage) -> Vec<Problem> {
    let mut reader = Reader {
        source: Arc::clone(&document.source),
        stage,
        problems: Vec::new(),
    };
    reader.table(&mut document.root, table);
    reader.problems
}

/// Replaces every template below `node` by what `render` makes of it.
pub(crate) fn render_templates(
    node: &mut Node,
    table: &Table,
    render: &mut dyn FnMut(&Node, &str) -> String,
) {
    if let Value::Table(entries) = &mut node.value {
        for entry in entries {
            if let Some(key) = table.keys.iter().find(|key| key.name == entry.key) {
                render_value(&mut entry.node, &key.takes, render);
            }
        }
    }
}

fn render_value(node: &mut Node, takes: &Takes, render: &mut dyn FnMut(&Node, &str) -> String) {
    match (takes, &mut node.value) {
        (Takes::Template(_), Value::Text(text)) => {
            let text = std::mem::take(text);
            node.value = Value::Text(render(node, &text));
        }
        (Takes::Command, Value::List(items)) => {
            for item in items {
                render_value(item, &Takes::Template(Format::Any), render);
            }
        }
        (Takes::List(inner), Value::List(items)) => {
            for item in items {
                render_value(item, inner, render);
            }
        }
        (Takes::Tables(table, _), Value::List(items)) => {
            for item in items {
                render_templates(item, table, render);
            }
        }
        (Takes::Map(_, inner), Value::Table(entries)) => {
            for entry in entries {
                render_value(&mut entry.node, inner, render);
            }
        }
        (Takes::Table(table) | Takes::Short(_, table), Value::Table(_)) => {
            render_templates(node, table, render);
        }
        _ => {}
    }
}

struct Reader {
    source: Arc<SourceText>,
    stage: Stage,
    problems: Vec<Problem>,
}

impl Reader {
    fn table(&mut self, node: &mut Node, table: &Table) {
        let Value::Table(entries) = &mut node.value else {
            return self.wrong_type(node, "a table", None);
        };
        let mut strangers = Vec::new();
        for entry in entries.iter_mut() {
            match table.keys.iter().find(|key| key.name == entry.key) {
                Some(key) => self.value(entry, &key.takes),
                None => strangers.push((
                    entry.key.clone(),
                    entry.key_span.clone(),
                    entry.node.path.clone(),
                )),
            }
        }
        for (name, span, path) in strangers {
            self.unknown_key(node, table, &name, span, &path);
        }
        for key in table.keys {
            if key.is_required && !node.has(key.name) {
                let help = format!("`{}` is {}", key.name, key.help);
                self.at(
                    node,
                    format!("{} lacks `{}`", table.title, key.name),
                    Some(help),
                );
            }
        }
        for rule in table.rules {
            self.rule(node, table, rule);
        }
    }

    fn unknown_key(
        &mut self,
        node: &Node,
        table: &Table,
        name: &str,
        span: Option<Range<usize>>,
        path: &str,
    ) {
        let names: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
        let free: Vec<&str> = names.iter().copied().filter(|key| !node.has(key)).collect();
        let takes = format!("{} takes {}", table.title, list_of(&names));
        let help = match nearest(name, &free) {
            Some(meant) => format!("did you mean `{meant}`? {takes}"),
            None => takes,
        };
        self.problems.push(Problem {
            file: Some(Arc::clone(&self.source)),
            span,
            key: path.to_string(),
            label: format!("not a key of {}", table.title),
            help: Some(help),
            ..Problem::error(format!("unknown key {}", quoted(name)))
        });
    }

    fn rule(&mut self, node: &Node, table: &Table, rule: &Rule) {
        let given = |names: &[&'static str]| -> Vec<&'static str> {
            names
                .iter()
                .copied()
                .filter(|name| node.has(name))
                .collect()
        };
        let title = table.title;
        match *rule {
            Rule::ExactlyOne(names) | Rule::AtLeastOne(names) if given(names).is_empty() => {
                let how_many = if matches!(rule, Rule::ExactlyOne(_)) {
                    "exactly"
                } else {
                    "at least"
                };
                let help = format!("give {how_many} one of {}", list_of(names));
                self.at(
                    node,
                    format!("{title} lacks one of {}", list_of(names)),
                    Some(help),
                );
            }
            Rule::ExactlyOne(names) => {
                let given = given(names);
                if let [first, others @ ..] = given.as_slice() {
                    for other in others {
                        let message = format!("`{other}` cannot stand beside `{first}`");
                        let help = format!("{title} takes exactly one of {}", list_of(names));
                        self.at_key(node, other, message, Some(help));
                    }
                }
            }
            Rule::AtLeastOne(_) => {}
            Rule::Without(name, others) => {
                if node.has(name) {
                    for other in given(others) {
                        let message = format!("`{other}` cannot stand beside `{name}`");
                        self.at_key(
                            node,
                            other,
                            message,
                            Some(format!("leave out `{other}` or `{name}`")),
                        );
                    }
                }
            }
            Rule::OnlyWith(name, other) => {
                if node.has(name) && !node.has(other) {
                    let message = format!("`{name}` needs `{other}` beside it");
                    self.at_key(node, name, message, None);
                }
            }
        }
    }

    fn value(&mut self, entry: &mut Entry, takes: &Takes) {
        if let Takes::NotYet(what) = takes {
            self.problems.push(Problem {
                file: Some(Arc::clone(&self.source)),
                span: entry.key_span.clone().or_else(|| entry.node.span.clone()),
                key: entry.node.path.clone(),
                help: Some((*what).to_string()),
                ..Problem::error(format!("`{}` is not supported yet", entry.key))
            });
        } else {
            self.node(&mut entry.node, takes);
        }
    }

    fn node(&mut self, node: &mut Node, takes: &Takes) {
        match takes {
            Takes::Text(format) => self.text(node, *format, false),
            Takes::Template(format) => self.text(node, *format, true),
            Takes::Scalar => self.scalar(node),
            Takes::Integer(first, last) => self.integer(node, *first, *last),
            Takes::Boolean => {
                if !matches!(node.value, Value::Boolean(_)) {
                    self.wrong_type(
                        node,
                        "true or false",
                        Some("write it without quotes".into()),
                    );
                }
            }
            Takes::Command => self.command(node),
            Takes::List(inner) => {
                self.list(node, "a list", |reader, item| reader.node(item, inner))
            }
            Takes::Tables(table, unique) => {
                let wanted = "a list of tables";
                self.list(node, wanted, |reader, item| reader.table(item, table));
                for key in *unique {
                    self.unique(node, table, key);
                }
            }
            Takes::Table(table) => self.table(node, table),
            Takes::Short(name, table) => {
                lengthen(node, name);
                self.table(node, table);
            }
            Takes::Map(names, inner) => self.map(node, *names, inner),
            Takes::NotYet(_) => {}
        }
    }

    fn text(&mut self, node: &Node, format: Format, is_template: bool) {
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Integer(number) => {
                return self.wrong_type(node, &format.noun(), format.help_for_number(*number));
            }
            _ => return self.wrong_type(node, &format.noun(), None),
        };
        let is_open = is_template && self.stage == Stage::Written && text.contains("{{");
        let checked = if is_open { Format::Any } else { format };
        if let Err(complaint) = checked.check(text) {
            self.complain(node, complaint);
        }
    }

    fn scalar(&mut self, node: &mut Node) {
        match &node.value {
            Value::Text(text) => {
                if let Err(complaint) = Format::Any.check(text) {
                    self.complain(node, complaint);
                }
            }
            Value::Integer(number) => node.value = Value::Text(number.to_string()),
            Value::Boolean(truth) => node.value = Value::Text(truth.to_string()),
            _ => self.wrong_type(node, "a text, a number, or true or false", None),
        }
    }

    fn integer(&mut self, node: &Node, first: i64, last: i64) {
        match node.value {
            Value::Integer(number) if (first..=last).contains(&number) => {}
            Value::Integer(number) => {
                let complaint = Complaint::new(format!("`{number}` is out of range"));
                let help = if last == i64::MAX {
                    format!("write at least {first}")
                } else {
                    format!("write a number from {first} to {last}")
                };
                self.complain(node, complaint.help(help));
            }
            _ => self.wrong_type(
                node,
                "a number",
                Some("write it without quotes or unit".into()),
            ),
        }
    }

    fn command(&mut self, node: &mut Node) {
        if let Value::Text(text) = &node.value {
            let words: Vec<String> = text
                .split_whitespace()
                .map(|word| format!("{word:?}"))
                .collect();
            let help = format!(
                "no shell splits it: write one text for each argument, [{}]",
                words.join(", ")
            );
            return self.wrong_type(node, "a list of arguments", Some(help));
        }
        self.list(node, "a list of arguments", |reader, item| {
            reader.text(item, Format::Any, true);
        });
        if let Value::List(items) = &node.value {
            let is_empty = items.first().is_none_or(|item| item.as_text() == Some(""));
            if is_empty {
                self.at(
                    node,
                    "this command is empty",
                    Some("begin it with a program".into()),
                );
            }
        }
    }

    fn list(&mut self, node: &mut Node, wanted: &str, mut read: impl FnMut(&mut Self, &mut Node)) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| read(self, item)),
            Value::Text(_) => {
                self.wrong_type(node, wanted, Some("put it in brackets: `[…]`".into()));
            }
            Value::Table(_) => {
                let help = node
                    .path
                    .rsplit('.')
                    .next()
                    .map(|name| format!("write `[[{name}]]`"));
                self.wrong_type(node, wanted, help);
            }
            _ => self.wrong_type(node, wanted, None),
        }
    }

    fn map(&mut self, node: &mut Node, names: Format, inner: &Takes) {
        let Value::Table(entries) = &mut node.value else {
            return self.wrong_type(node, "a table", None);
        };
        for entry in entries {
            if let Err(complaint) = names.check(&entry.key) {
                let place = Node {
                    span: entry.key_span.clone(),
                    ..entry.node.clone()
                };
                self.complain(&place, complaint);
            }
            self.node(&mut entry.node, inner);
        }
    }

    fn unique(&mut self, node: &Node, table: &Table, key: &str) {
        let mut seen: Vec<&Value> = Vec::new();
        for item in node.items().iter().filter_map(|item| item.get(key)) {
            if seen.contains(&&item.value) {
                let shown = match &item.value {
                    Value::Text(text) => quoted(text),
                    Value::Integer(number) => format!("`{number}`"),
                    _ => continue,
                };
                let message = format!("two {} have the {key} {shown}", table.title);
                self.at(item, message, None);
            }
            seen.push(&item.value);
        }
    }

    fn wrong_type(&mut self, node: &Node, wanted: &str, help: Option<String>) {
        let name = node.path.rsplit('.').next().unwrap_or("");
        let message = if name.is_empty() {
            format!("the file must be {wanted}, not {}", node.noun())
        } else {
            format!("`{name}` must be {wanted}")
        };
        self.problems.push(Problem {
            label: format!("this is {}", node.noun()),
            ..self.problem(node, message, help)
        });
    }

    fn complain(&mut self, node: &Node, complaint: Complaint) {
        self.problems.push(Problem {
            label: complaint.label,
            ..self.problem(node, complaint.message, complaint.help)
        });
    }

    fn at(&mut self, node: &Node, message: impl Into<String>, help: Option<String>) {
        self.problems.push(self.problem(node, message, help));
    }

    /// At a key of the table `node`.
    fn at_key(&mut self, node: &Node, key: &str, message: String, help: Option<String>) {
        let entry = node.entries().iter().find(|entry| entry.key == key);
        let place = entry.map_or(node, |entry| &entry.node);
        self.problems.push(Problem {
            span: entry.and_then(|entry| entry.key_span.clone()),
            ..self.problem(place, message, help)
        });
    }

    fn problem(&self, node: &Node, message: impl Into<String>, help: Option<String>) -> Problem {
        Problem {
            file: Some(Arc::clone(&self.source)),
            span: node.span.clone(),
            key: node.path.clone(),
            help,
            ..Problem::error(message)
        }
    }
}

/// `"a.patch"` becomes `{ file = "a.patch" }`.
fn lengthen(node: &mut Node, name: &str) {
    if matches!(node.value, Value::Text(_)) {
        let inner = node.clone();
        node.value = Value::Table(vec![Entry {
            key: name.to_string(),
            key_span: inner.span.clone(),
            node: inner,
        }]);
    }
}
