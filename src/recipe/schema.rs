//! Which keys a table takes, and what each of them takes.
//!
//! The tables themselves stand beside the functions that convert them ([`super::read`],
//! `site::read`). They serve four times: to look keys up, to say what was meant, to explain, and
//! to find the strings that are templates.

use super::format::Format;
use super::tree::{Node, Value};

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
    /// An argument list of templates, not empty; each argument has this format once it is rendered.
    Command(Format),
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
        (Takes::Command(format), Value::List(items)) => {
            for item in items {
                render_value(item, &Takes::Template(*format), render);
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
