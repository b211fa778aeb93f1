//! The one reader that holds a file against its tables and finds everything that is wrong.
//!
//! It never stops at a mistake; whatever it complains about reads as missing afterwards.

use std::ops::Range;
use std::sync::Arc;

use super::format::{Complaint, Format, list_of, nearest, quoted, toml_text};
use super::schema::{Rule, Table, Takes};
use super::tree::{Document, Entry, Node, Value, child_path};
use crate::problem::{Problem, SourceText};

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

struct Reader {
    source: Arc<SourceText>,
    stage: Stage,
    problems: Vec<Problem>,
}

impl Reader {
    fn table(&mut self, node: &mut Node, table: &Table) {
        let Value::Table(entries) = &mut node.value else {
            return self.wrong_type(node, "a table", as_table(node, table));
        };
        let mut meant = Vec::new();
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
        let names = table.keys.iter().map(|key| key.name);
        let free: Vec<&'static str> = names.filter(|name| !node.has(name)).collect();
        for (name, span, path) in strangers {
            meant.extend(self.unknown_key(&free, table, &name, span, &path));
        }
        for key in table.keys {
            if key.is_required && !node.has(key.name) && !meant.contains(&key.name) {
                let help = format!("`{}` is {}", key.name, key.help);
                let message = format!("{} lacks `{}`", table.title, key.name);
                self.lacks(node, key.name, message, help);
            }
        }
        for rule in table.rules {
            self.rule(node, table, rule, &meant);
        }
    }

    /// Complains about a key, and returns which of the `free` ones was meant.
    fn unknown_key(
        &mut self,
        free: &[&'static str],
        table: &Table,
        name: &str,
        span: Option<Range<usize>>,
        path: &str,
    ) -> Option<&'static str> {
        let names: Vec<&'static str> = table.keys.iter().map(|key| key.name).collect();
        let takes = format!("{} takes {}", table.title, list_of(&names));
        let meant = nearest(name, free);
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`? {takes}"),
            None => takes,
        };
        self.problems.push(Problem {
            file: Some(Arc::clone(&self.source)),
            span,
            key: path.to_string(),
            label: format!("not a key of {}", table.title),
            help: Some(help),
            ..Problem::error(format!("unknown key {}", quoted(name))).of("unknown-key")
        });
        self.mend(meant.map(str::to_string));
        free.iter().copied().find(|key| Some(*key) == meant)
    }

    /// `meant` are keys that are there under a wrong name.
    fn rule(&mut self, node: &Node, table: &Table, rule: &Rule, meant: &[&str]) {
        let given = |names: &[&'static str]| -> Vec<&'static str> {
            let is_given = |name: &&'static str| node.has(name) || meant.contains(name);
            names.iter().copied().filter(is_given).collect()
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
                let message = format!("{title} lacks one of {}", list_of(names));
                self.lacks(node, names.first().unwrap_or(&""), message, help);
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
                    .of("not-supported")
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
                    let bare = node
                        .as_text()
                        .filter(|text| ["true", "false"].contains(text));
                    self.mend(bare.map(str::to_string));
                }
            }
            Takes::Command(format) => self.command(node, *format),
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
                if matches!(node.value, Value::Table(_)) {
                    self.table(node, table);
                } else {
                    self.wrong_type(node, &format!("a text or {}", table.title), None);
                }
            }
            Takes::Map(names, inner) => self.map(node, *names, inner),
            Takes::NotYet(_) => {}
        }
    }

    fn text(&mut self, node: &Node, format: Format, is_template: bool) {
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Integer(number) => {
                self.wrong_type(node, &format.noun(), format.help_for_number(*number));
                return self.mend(format.text_for_number(*number));
            }
            _ => return self.wrong_type(node, &format.noun(), None),
        };
        if text.trim().is_empty() && !format.may_be_blank() {
            let name = node.path.rsplit('.').next().unwrap_or("");
            let help = format!("it is {}", format.noun());
            return self.at(
                "value-format",
                node,
                format!("`{name}` is empty"),
                Some(help),
            );
        }
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
            _ => {
                self.wrong_type(
                    node,
                    "a number",
                    Some("write it without quotes or unit".into()),
                );
                let bare = node.as_text().and_then(|text| text.parse::<i64>().ok());
                self.mend(bare.map(|number| number.to_string()));
            }
        }
    }

    fn command(&mut self, node: &mut Node, format: Format) {
        if let Value::Text(text) = &node.value {
            let words: Vec<String> = text
                .split_whitespace()
                .map(|word| format!("{word:?}"))
                .collect();
            let help = format!(
                "no shell splits it: write one text for each argument, [{}]",
                words.join(", ")
            );
            self.wrong_type(node, "a list of arguments", Some(help));
            return self.mend(Some(format!("[{}]", words.join(", "))));
        }
        let mut is_first = true;
        self.list(node, "a list of arguments", |reader, item| {
            let is_program = std::mem::take(&mut is_first) && item.as_text() != Some("");
            let format = if is_program { Format::Program } else { format };
            reader.text(item, format, true);
        });
        if let Value::List(items) = &node.value {
            let is_empty = items.first().is_none_or(|item| item.as_text() == Some(""));
            if is_empty {
                self.at(
                    "value-format",
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
                self.mend(self.written(node).map(|text| format!("[{text}]")));
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
        let mut seen: Vec<&Node> = Vec::new();
        for item in node.items().iter().filter_map(|item| item.get(key)) {
            let shown = match &item.value {
                Value::Text(text) => quoted(text),
                Value::Integer(number) => format!("`{number}`"),
                _ => continue,
            };
            match seen.iter().find(|other| other.value == item.value) {
                None => seen.push(item),
                Some(first) => {
                    let message = format!("two {} have the {key} {shown}", table.title);
                    let help = first.span.as_ref().map(|span| {
                        let before = self.source.text.get(..span.start).unwrap_or("");
                        format!(
                            "the first stands in line {}",
                            before.matches('\n').count() + 1
                        )
                    });
                    self.at("duplicate", item, message, help);
                }
            }
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
            ..self.problem("wrong-type", node, message, help)
        });
    }

    fn complain(&mut self, node: &Node, complaint: Complaint) {
        let instead = complaint.instead.as_deref().and_then(toml_text);
        self.problems.push(Problem {
            label: complaint.label,
            ..self.problem("value-format", node, complaint.message, complaint.help)
        });
        self.mend(instead);
    }

    /// The last problem is mended by writing this in its place.
    fn mend(&mut self, replacement: Option<String>) {
        let Some(replacement) = replacement else {
            return;
        };
        if let Some(problem) = self.problems.pop() {
            let written = problem
                .span
                .clone()
                .and_then(|span| self.source.text.get(span));
            // what became of a template is not written in its place
            let is_template = written.is_some_and(|text| text.contains("{{"));
            self.problems.push(if is_template {
                problem
            } else {
                problem.replaced_by(replacement)
            });
        }
    }

    /// The value as the file spells it.
    fn written(&self, node: &Node) -> Option<&str> {
        self.source.text.get(node.span.clone()?)
    }

    fn at(
        &mut self,
        rule: &'static str,
        node: &Node,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.problems.push(self.problem(rule, node, message, help));
    }

    /// At the table `node`, about a key that it has not.
    fn lacks(&mut self, node: &Node, key: &str, message: String, help: String) {
        self.problems.push(Problem {
            key: child_path(&node.path, key),
            ..self.problem("missing-key", node, message, Some(help))
        });
    }

    /// At a key of the table `node`.
    fn at_key(&mut self, node: &Node, key: &str, message: String, help: Option<String>) {
        let entry = node.entries().iter().find(|entry| entry.key == key);
        let place = entry.map_or(node, |entry| &entry.node);
        self.problems.push(Problem {
            span: entry.and_then(|entry| entry.key_span.clone()),
            ..self.problem("key-conflict", place, message, help)
        });
    }

    fn problem(
        &self,
        rule: &'static str,
        node: &Node,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        Problem {
            file: Some(Arc::clone(&self.source)),
            span: node.span.clone(),
            key: node.path.clone(),
            help,
            ..Problem::error(message).of(rule)
        }
    }
}

/// A text where a table is wanted: the table in which it is the value of the first key, where that
/// takes a text of this kind.
fn as_table(node: &Node, table: &Table) -> Option<String> {
    let Value::Text(text) = &node.value else {
        return None;
    };
    let first = table.keys.first()?;
    let Takes::Text(format) = &first.takes else {
        return None;
    };
    format.check(text).ok()?;
    Some(format!("write `{{ {} = {text:?} }}`", first.name))
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
