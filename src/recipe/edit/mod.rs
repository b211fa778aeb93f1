//! Recipes changed as text: text in, text out, and every byte that was not meant stays.
//!
//! A value is replaced at its own place (the parser knows where it stands); nothing is ever written
//! anew from the model, which knows neither comments nor blank lines.

mod fmt;
mod lines;
mod set;

pub use fmt::{Misformatted, format};
pub use set::{EditError, Literal, set, set_after};

use std::collections::BTreeMap;

use super::tree::{Node, Value};

/// What a file says, without where and in which order of keys it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Meaning>),
    Table(BTreeMap<String, Meaning>),
    Other(&'static str),
}

pub(super) fn meaning(node: &Node) -> Meaning {
    match &node.value {
        Value::Text(text) => Meaning::Text(text.clone()),
        Value::Integer(number) => Meaning::Integer(*number),
        Value::Boolean(truth) => Meaning::Boolean(*truth),
        Value::List(items) => Meaning::List(items.iter().map(meaning).collect()),
        Value::Table(entries) => Meaning::Table(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), meaning(&entry.node)))
                .collect(),
        ),
        Value::Other(noun) => Meaning::Other(noun),
    }
}
