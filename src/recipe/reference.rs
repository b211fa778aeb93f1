//! The JSON Schema of recipes and zone files, from the tables that check them.
//!
//! Draft 7, since that is what editors of TOML know (taplo, and the extensions built on it). What a
//! schema cannot say (uniqueness, what other files hold) stays with `recipe check`.

use serde_json::{Map, Value, json};

use super::doc_comments::{self, Kind};
use super::patterns::{PROGRAM, pattern};
use super::read::RECIPE;
use super::schema::{Key, Rule, Table, Takes};
use crate::site::read::ZONE;

/// The JSON Schema of a kind of file.
#[must_use]
pub fn json_schema(kind: Kind) -> Value {
    let (table, title) = match kind {
        Kind::Recipe => (&RECIPE, "a zonewright recipe"),
        Kind::Zone => (&ZONE, "a zonewright zone file"),
    };
    let mut schema = table_schema(kind, table);
    if let Value::Object(members) = &mut schema {
        let dialect = "http://json-schema.org/draft-07/schema#";
        members.shift_insert(0, "$schema".to_string(), Value::from(dialect));
        members.shift_insert(1, "title".to_string(), Value::from(title));
    }
    schema
}

fn table_schema(kind: Kind, table: &Table) -> Value {
    let taken = table
        .keys
        .iter()
        .filter(|key| !matches!(key.takes, Takes::NotYet(_)));
    let properties: Map<String, Value> = taken
        .map(|key| (key.name.to_string(), key_schema(kind, table, key)))
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
    });
    if let Value::Object(members) = &mut schema {
        // draft 4, which some editors still read, wants at least one
        if !required.is_empty() {
            members.insert("required".to_string(), json!(required));
        }
        if !rules.is_empty() {
            members.insert("allOf".to_string(), Value::Array(rules));
        }
    }
    schema
}

fn key_schema(kind: Kind, table: &Table, key: &Key) -> Value {
    let mut schema = schema_of(kind, &key.takes);
    let text = doc_comments::of_key(kind, table, key).unwrap_or_else(|| key.help.to_owned());
    if let Value::Object(members) = &mut schema {
        members.insert("description".to_string(), Value::from(text));
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
            vec![json!({ "anyOf": [{ "not": has(name) }, has(other)] })]
        }
    }
}

fn schema_of(kind: Kind, takes: &Takes) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    // a template has its format once it is rendered
    let template = |pattern: &str| text(&format!("{pattern}|\\{{\\{{"));
    match takes {
        Takes::Text(super::format::Format::OneOf(words)) => json!({ "enum": words }),
        Takes::Text(format) => text(&pattern(*format)),
        Takes::Template(format) => template(&pattern(*format)),
        Takes::Scalar => json!({ "type": ["string", "integer", "boolean"] }),
        Takes::Integer(first, i64::MAX) => json!({ "type": "integer", "minimum": first }),
        Takes::Integer(first, last) => {
            json!({ "type": "integer", "minimum": first, "maximum": last })
        }
        Takes::Boolean => json!({ "type": "boolean" }),
        Takes::Command(format) => json!({
            "type": "array",
            "minItems": 1,
            "items": [template(PROGRAM)],
            "additionalItems": template(&pattern(*format)),
        }),
        Takes::List(inner) => json!({ "type": "array", "items": schema_of(kind, inner) }),
        Takes::Tables(table, _) => json!({ "type": "array", "items": table_schema(kind, table) }),
        Takes::Table(table) => table_schema(kind, table),
        Takes::Short(name, table) => {
            let key = table.keys.iter().find(|key| key.name == *name);
            let short = key.map_or_else(
                || json!({ "type": "string" }),
                |key| schema_of(kind, &key.takes),
            );
            json!({ "anyOf": [short, table_schema(kind, table)] })
        }
        Takes::Map(names, inner) => json!({
            "type": "object",
            "propertyNames": { "pattern": pattern(*names) },
            "additionalProperties": schema_of(kind, inner),
        }),
        Takes::NotYet(_) => json!(false),
    }
}

#[cfg(test)]
mod tests;
