//! The manual of a file's keys and its JSON Schema, both from the tables that check the file.
//!
//! Editors read the schema (taplo, the Even Better TOML extension), people read the manual; neither
//! can name a key that the reader does not take.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::format::{Format, list_of};
use super::schema::{Key, Rule, Table, Takes};

/// What a key takes, with its article.
#[must_use]
pub fn noun(takes: &Takes) -> String {
    match takes {
        Takes::Text(format) => format.noun(),
        Takes::Template(format) => format!("{}; a template", format.noun()),
        Takes::Scalar => "a text, a number, or true or false".to_string(),
        Takes::Integer(first, i64::MAX) => format!("a number, at least {first}"),
        Takes::Integer(first, last) => format!("a number from {first} to {last}"),
        Takes::Boolean => "true or false".to_string(),
        Takes::Command(_) => "a list of arguments; templates".to_string(),
        Takes::List(inner) => format!("a list, each {}", noun(inner)),
        Takes::Tables(table, _) => format!("any number of {}", table.title),
        Takes::Table(_) => "a table".to_string(),
        Takes::Short(name, table) => format!("`{name}` alone, or {} as a table", table.title),
        Takes::Map(_, inner) => format!("a table of any names, each {}", noun(inner)),
        Takes::NotYet(_) => "not supported yet".to_string(),
    }
}

/// The table that a key leads to.
fn inner_table(takes: &Takes) -> Option<&'static Table> {
    match takes {
        Takes::Tables(table, _) | Takes::Table(table) | Takes::Short(_, table) => Some(table),
        Takes::List(inner) | Takes::Map(_, inner) => inner_table(inner),
        _ => None,
    }
}

/// The manual of a key path such as `source.patches.fuzz`; of the whole file where it is empty.
#[must_use]
pub fn explain(table: &'static Table, path: &str) -> Option<String> {
    let mut table = table;
    let mut names = path.split('.').filter(|name| !name.is_empty()).peekable();
    while let Some(name) = names.next() {
        let key = table.keys.iter().find(|key| key.name == name)?;
        match inner_table(&key.takes) {
            Some(inner) => {
                // the name of a parameter or variable says nothing about the file
                if matches!(key.takes, Takes::Map(..)) && names.peek().is_some() {
                    let is_key = |name: &&str| inner.keys.iter().any(|key| key.name == *name);
                    names.next_if(|name| !is_key(name));
                }
                table = inner;
            }
            None if names.peek().is_some() => return None,
            None => return Some(line(key)),
        }
    }
    let mut text = format!("{} takes\n", table.title);
    for key in table.keys {
        let _ = write!(text, "  {}", line(key));
    }
    for rule in table.rules {
        let _ = writeln!(text, "  {}", rule_in_words(rule));
    }
    Some(text)
}

fn line(key: &Key) -> String {
    let need = if key.is_required { ", required" } else { "" };
    format!("{}{need}: {} ({})\n", key.name, key.help, noun(&key.takes))
}

fn rule_in_words(rule: &Rule) -> String {
    match rule {
        Rule::ExactlyOne(names) => format!("exactly one of {}", list_of(names)),
        Rule::AtLeastOne(names) => format!("at least one of {}", list_of(names)),
        Rule::Without(name, others) => format!("`{name}` without {}", list_of(others)),
        Rule::OnlyWith(name, other) => format!("`{name}` only with `{other}`"),
    }
}

/// The JSON Schema of a file.
#[must_use]
pub fn json_schema(table: &Table) -> Value {
    let mut schema = table_schema(table);
    if let Value::Object(members) = &mut schema {
        let dialect = "https://json-schema.org/draft/2020-12/schema";
        members.insert("$schema".to_string(), Value::from(dialect));
        members.insert("title".to_string(), Value::from(table.title));
    }
    schema
}

fn table_schema(table: &Table) -> Value {
    let taken = table
        .keys
        .iter()
        .filter(|key| !matches!(key.takes, Takes::NotYet(_)));
    let properties: Map<String, Value> = taken
        .map(|key| {
            let mut schema = schema_of(&key.takes);
            if let Value::Object(members) = &mut schema {
                members.insert("description".to_string(), Value::from(key.help));
            }
            (key.name.to_string(), schema)
        })
        .collect();
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|key| key.is_required)
        .map(|key| key.name)
        .collect();
    let rules: Vec<Value> = table.rules.iter().flat_map(rule_schemas).collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    });
    if let (Value::Object(members), false) = (&mut schema, rules.is_empty()) {
        members.insert("allOf".to_string(), Value::Array(rules));
    }
    schema
}

fn rule_schemas(rule: &Rule) -> Vec<Value> {
    let has = |name: &&str| json!({ "required": [name] });
    match rule {
        Rule::ExactlyOne(names) => {
            vec![json!({ "oneOf": names.iter().map(has).collect::<Vec<_>>() })]
        }
        Rule::AtLeastOne(names) => {
            vec![json!({ "anyOf": names.iter().map(has).collect::<Vec<_>>() })]
        }
        Rule::Without(name, others) => others
            .iter()
            .map(|other| json!({ "not": { "required": [name, other] } }))
            .collect(),
        Rule::OnlyWith(name, other) => {
            vec![json!({ "if": has(name), "then": has(other) })]
        }
    }
}

fn schema_of(takes: &Takes) -> Value {
    match takes {
        Takes::Text(Format::OneOf(words)) => json!({ "enum": words }),
        Takes::Text(Format::Sha256) => json!({ "type": "string", "pattern": "^[0-9A-Fa-f]{64}$" }),
        Takes::Text(Format::Mode) => json!({ "type": "string", "pattern": "^[0-7]{3,4}$" }),
        Takes::Text(_) | Takes::Template(_) => json!({ "type": "string" }),
        Takes::Scalar => json!({ "type": ["string", "integer", "boolean"] }),
        Takes::Integer(first, i64::MAX) => json!({ "type": "integer", "minimum": first }),
        Takes::Integer(first, last) => {
            json!({ "type": "integer", "minimum": first, "maximum": last })
        }
        Takes::Boolean => json!({ "type": "boolean" }),
        Takes::Command(_) => {
            json!({ "type": "array", "minItems": 1, "items": { "type": "string" } })
        }
        Takes::List(inner) => json!({ "type": "array", "items": schema_of(inner) }),
        Takes::Tables(table, _) => json!({ "type": "array", "items": table_schema(table) }),
        Takes::Table(table) => table_schema(table),
        Takes::Short(_, table) => {
            json!({ "anyOf": [{ "type": "string" }, table_schema(table)] })
        }
        Takes::Map(_, inner) => {
            json!({ "type": "object", "additionalProperties": schema_of(inner) })
        }
        Takes::NotYet(_) => json!(false),
    }
}
