//! The values of a recipe's parameters: given by a zone file, or defaults.
//!
//! Templates see a size in bytes and a duration in seconds, as numbers, and a boolean as a boolean:
//! the text `"false"` would be true to `{{#if}}`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::bundle::ZoneContext;
use super::format::{Complaint, Format, list_of, nearest, quoted};
use super::model::{FileKind, Parameter, ParameterKind, Recipe};
use super::template::{Context, TemplateMistake, render};
use super::units::{parse_duration, parse_size};

/// A parameter that has no usable value, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterMistake {
    /// The parameter's name.
    pub name: String,
    /// What is wrong.
    pub complaint: Complaint,
    /// Whether the recipe's default is to blame, not the given value.
    pub is_default: bool,
}

/// Complains about given values that are unknown, missing or of the wrong type.
#[must_use]
pub fn check_given(recipe: &Recipe, given: &BTreeMap<String, String>) -> Vec<ParameterMistake> {
    let mut mistakes = Vec::new();
    let mut mistake = |name: &str, complaint| {
        mistakes.push(ParameterMistake {
            name: name.to_string(),
            complaint,
            is_default: false,
        });
    };
    let names: Vec<&str> = recipe.parameters.keys().map(String::as_str).collect();
    for (name, text) in given {
        match recipe.parameters.get(name) {
            None => mistake(name, unknown(recipe, name, &names)),
            Some(parameter) => {
                if let Err(complaint) = value_of(parameter, text) {
                    mistake(name, complaint);
                }
            }
        }
    }
    for (name, parameter) in &recipe.parameters {
        if parameter.default.is_none() && !given.contains_key(name) {
            let message = format!(
                "the parameter `{name}` of `{}` is missing",
                recipe.package.name
            );
            mistake(
                name,
                Complaint::new(message).help(format!(
                    "write `{name} = {}` into the `parameters` of this recipe ({})",
                    placeholder(parameter),
                    parameter.help
                )),
            );
        }
    }
    mistakes
}

/// What a value of the type looks like in a zone file.
fn placeholder(parameter: &Parameter) -> String {
    let text = match (parameter.choices.first(), parameter.kind) {
        (Some(choice), _) => choice.as_str(),
        (None, ParameterKind::String) => "…",
        (None, ParameterKind::Integer) => return "60".to_owned(),
        (None, ParameterKind::Boolean) => return "true".to_owned(),
        (None, ParameterKind::Path) => "/…",
        (None, ParameterKind::Size) => "600 GiB",
        (None, ParameterKind::Duration) => "60s",
    };
    format!("\"{text}\"")
}

fn unknown(recipe: &Recipe, name: &str, names: &[&str]) -> Complaint {
    let package = &recipe.package.name;
    let complaint = Complaint::new(format!("`{package}` has no parameter {}", quoted(name)));
    if names.is_empty() {
        return complaint.help("it has no parameters");
    }
    match nearest(name, names) {
        Some(meant) => complaint
            .help(format!("did you mean `{meant}`? it has {}", list_of(names)))
            .instead(meant),
        None => complaint.help(format!("it has {}", list_of(names))),
    }
}

/// Every parameter's value as templates see it.
///
/// # Errors
/// Everything that is wrong with the given values and the defaults in use.
pub(crate) fn settle(
    recipe: &Recipe,
    given: &BTreeMap<String, String>,
    zone: &ZoneContext,
) -> Result<Map<String, Value>, Vec<ParameterMistake>> {
    let mut mistakes = check_given(recipe, given);
    let mut values = Map::new();
    let context = Context::for_defaults(&recipe.package, zone);
    for (name, parameter) in &recipe.parameters {
        if given.contains_key(name) {
            if let Some(Ok(value)) = given.get(name).map(|text| value_of(parameter, text)) {
                values.insert(name.clone(), value);
            }
        } else if let Some(default) = &parameter.default {
            match default_value(parameter, default, &context) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(complaints) => {
                    mistakes.extend(complaints.into_iter().map(|complaint| ParameterMistake {
                        name: name.clone(),
                        complaint,
                        is_default: true,
                    }));
                }
            }
        }
    }
    if mistakes.is_empty() {
        Ok(values)
    } else {
        Err(mistakes)
    }
}

/// The value of a default, which is a template.
pub(super) fn default_value(
    parameter: &Parameter,
    default: &str,
    context: &Context,
) -> Result<Value, Vec<Complaint>> {
    let text = render(default, FileKind::Plain, context).map_err(|mistakes| {
        let complaint = |mistake: TemplateMistake| Complaint {
            message: mistake.message,
            label: mistake.label,
            help: mistake.help,
            instead: None,
        };
        mistakes.into_iter().map(complaint).collect::<Vec<_>>()
    })?;
    value_of(parameter, &text).map_err(|complaint| vec![complaint])
}

/// A text as a parameter's value.
pub(crate) fn value_of(parameter: &Parameter, text: &str) -> Result<Value, Complaint> {
    let value = typed(parameter.kind, text)?;
    let is_choice =
        |choice: &String| typed(parameter.kind, choice).is_ok_and(|choice| choice == value);
    if parameter.choices.is_empty() || parameter.choices.iter().any(is_choice) {
        return Ok(value);
    }
    let complaint = Complaint::new(format!("{} is not one of the choices", quoted(text)));
    let choices = list_of(&parameter.choices);
    Err(match nearest(text, &parameter.choices) {
        Some(meant) => complaint
            .help(format!("did you mean `{meant}`? the choices are {choices}"))
            .instead(meant),
        None => complaint.help(format!("the choices are {choices}")),
    })
}

pub(super) fn typed(kind: ParameterKind, text: &str) -> Result<Value, Complaint> {
    Format::Any.check(text)?;
    match kind {
        ParameterKind::String => Ok(Value::from(text)),
        ParameterKind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| {
            Complaint::new(format!("{} is not a whole number", quoted(text)))
                .help("write digits without a unit, as in `60`")
        }),
        ParameterKind::Boolean => text
            .parse::<bool>()
            .map(Value::from)
            .map_err(|_| Complaint::new(format!("{} is neither `true` nor `false`", quoted(text)))),
        ParameterKind::Path => Format::Path.check(text).map(|()| Value::from(text)),
        ParameterKind::Size => parse_size(text).map(Value::from),
        ParameterKind::Duration => match parse_duration(text)? {
            time if time.subsec_nanos() == 0 => Ok(Value::from(time.as_secs())),
            _ => Err(
                Complaint::new(format!("{} is not in whole seconds", quoted(text)))
                    .help("a parameter's duration is handed on in seconds"),
            ),
        },
    }
}

/// A value that a parameter without a default might be given, to try templates with; no two
/// parameters get the same path.
pub(super) fn sample(name: &str, parameter: &Parameter) -> Value {
    let chosen = parameter
        .choices
        .first()
        .and_then(|choice| typed(parameter.kind, choice).ok());
    chosen.unwrap_or_else(|| match parameter.kind {
        ParameterKind::String => Value::from("text"),
        ParameterKind::Integer | ParameterKind::Duration => Value::from(60),
        ParameterKind::Boolean => Value::from(true),
        ParameterKind::Path => Value::from(format!("/sample/{name}")),
        ParameterKind::Size => Value::from(1_u64 << 30),
    })
}

/// A value as text.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
