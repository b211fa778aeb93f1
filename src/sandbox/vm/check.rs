//! What `vmadm validate` finds in a payload, and what `create` and `update` refuse or drop by it.
//!
//! Booleans may be the words `true` and `false`, numbers may be text and lists may be text with
//! commas: that is how `update KEY=VALUE` hands them over.

use serde_json::{Map, Value, json};

use super::properties::{Action, BRANDS, Property, TABLE};

/// The only pool of the sandbox.
pub(crate) const POOL: &str = "zones";

/// What is wrong with a payload, in the order in which its properties come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub bad_values: Vec<String>,
    pub bad_properties: Vec<String>,
    pub missing_properties: Vec<String>,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// As `validate` prints it.
    pub fn to_value(&self) -> Value {
        json!({
            "bad_values": self.bad_values,
            "bad_properties": self.bad_properties,
            "missing_properties": self.missing_properties,
        })
    }
}

/// Whether there is such a brand at all. `builder` and `kvm` exist on SmartOS and not here.
pub(crate) fn is_brand(brand: &str) -> bool {
    BRANDS.contains(&brand)
}

/// Looks at every property of a payload.
pub(crate) fn check(brand: &str, action: Action, payload: &Map<String, Value>) -> Findings {
    let mut findings = Findings::default();
    for (name, value) in payload {
        look(brand, action, name, value, &mut findings);
        let Some(property) = TABLE.get(name.as_str()) else {
            continue;
        };
        if property.kind != "object-array" {
            continue;
        }
        let (list, element) = match property.like {
            Some(list) if name.starts_with("update_") => (list, Action::Update),
            Some(list) => (list, Action::Add),
            None => (name.as_str(), Action::Add),
        };
        for part in value.as_array().into_iter().flatten() {
            for (key, value) in part.as_object().into_iter().flatten() {
                let name = format!("{list}.*.{key}");
                look(brand, element, &name, value, &mut findings);
            }
        }
    }
    if action == Action::Create {
        let missing = TABLE
            .iter()
            .filter(|(name, property)| property.is_required(brand) && !payload.contains_key(**name))
            .map(|(name, _)| (*name).to_owned());
        findings.missing_properties.extend(missing);
    }
    findings
}

fn look(brand: &str, action: Action, name: &str, value: &Value, findings: &mut Findings) {
    let note = |list: &mut Vec<String>| {
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    };
    let property = TABLE.get(name);
    if !property.is_some_and(|property| property.is_allowed(brand, action)) {
        note(&mut findings.bad_properties);
    }
    if property.is_some_and(|property| !is_good(property, value)) {
        note(&mut findings.bad_values);
    }
}

fn is_good(property: &Property, value: &Value) -> bool {
    match property.kind {
        "uuid" => value.as_str().is_some_and(is_uuid),
        "boolean" => as_boolean(value).is_some() || *value == json!(1) || *value == json!("1"),
        "string" => is_unset(value) || value.as_str().is_some_and(|text| obeys(property, text)),
        "integer" => is_unset(value) || as_integer(value).is_some_and(|n| is_between(property, n)),
        "zpool" => value.as_str() == Some(POOL),
        "flat-object" => match value {
            Value::Object(map) => map
                .values()
                .all(|value| value.is_string() || value.is_number() || value.is_boolean()),
            // JavaScript's `null` is an object without keys
            Value::Null => true,
            Value::Array(values) => values
                .iter()
                .all(|value| value.is_string() || value.is_number() || value.is_boolean()),
            _ => false,
        },
        "list" => as_list(value).is_some_and(|list| {
            list.iter().all(|element| {
                let text = plain(element);
                text.is_some_and(|text| !text.contains(',') && obeys(property, &text))
            })
        }),
        "object-array" => value.as_array().is_some_and(|list| {
            list.iter()
                .all(|element| element.is_object() || element.is_array() || element.is_null())
        }),
        _ => true,
    }
}

fn is_between(property: &Property, number: i64) -> bool {
    property.min.is_none_or(|min| number >= min) && property.max.is_none_or(|max| number <= max)
}

fn obeys(property: &Property, text: &str) -> bool {
    match property.check {
        Some("mac") => is_mac(text),
        Some("resolver") => text.parse::<std::net::IpAddr>().is_ok(),
        Some("attribute") => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !text.is_empty() && text.chars().all(is_plain)
        }
        Some("client-id") => text.strip_prefix("0x").is_some_and(|digits| {
            !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit())
        }),
        _ => true,
    }
}

/// Six numbers of one or two hexadecimal digits.
fn is_mac(text: &str) -> bool {
    let is_part =
        |part: &str| (1..=2).contains(&part.len()) && part.chars().all(|c| c.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6 && parts.into_iter().all(is_part)
}

/// Whether it is a uuid in lower case.
pub(crate) fn is_uuid(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.chars().all(is_digit))
}

/// Nothing, `null` or blanks take a value back.
pub(crate) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// A truth value, or the word for one.
pub(crate) fn as_boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(word) => word.parse().ok(),
        _ => None,
    }
}

/// A whole number, or the text of one.
pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    let whole = |number: f64| (number.fract() == 0.0).then_some(number as i64);
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse::<f64>().ok().and_then(whole),
        _ => None,
    }
}

/// A list, or the text of one with commas between its elements.
pub(crate) fn as_list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(list) => Some(list.clone()),
        Value::String(text) => Some(
            text.split(',')
                .filter(|part| !part.is_empty())
                .map(Value::from)
                .collect(),
        ),
        _ => None,
    }
}

/// Text or a number, as text.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
