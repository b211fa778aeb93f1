//! A recipe as a zone would get it, value by value, with where each one comes from.
//!
//! What a condition leaves out is named too: the difference between two versions or two branches is
//! the difference between two such lists.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::bundle::{ZoneContext, render_document, resolve};
use super::doc_comments::{Kind, of_key};
use super::load::LoadedRecipe;
use super::parameters;
use super::read::RECIPE;
use super::schema::{Table, Takes};
use super::template::Context;
use super::tree::{Node, Value};
use super::when::{Circumstances, holds};
use crate::problem::Problem;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The recipe says it in this line.
    Recipe { line: Option<usize> },
    /// The recipe has a template in this line.
    Template {
        line: Option<usize>,
        written: String,
    },
    /// The zone file gives the parameter.
    Zone,
    /// A sample, for nothing gives the parameter.
    Sample,
    /// Nobody says anything else.
    Default,
}

/// A value of the resolved recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The key path.
    pub path: String,
    /// The value as TOML writes it; of a default, the manual's words.
    pub value: String,
    pub origin: Origin,
    /// The condition that holds for it.
    pub condition: Option<String>,
}

/// Something that a condition leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub path: String,
    /// What it is about: the patch's file, the option, the package.
    pub value: String,
    pub line: Option<usize>,
    /// The condition that does not hold.
    pub condition: String,
}

/// A recipe for one zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    pub lines: Vec<Line>,
    pub left_out: Vec<LeftOut>,
}

/// Resolves a recipe with the values that a zone file gives; `samples` stand in for what it lacks.
///
/// # Errors
/// Everything that is wrong with the recipe or the values.
pub fn resolved(
    loaded: &LoadedRecipe,
    given: &BTreeMap<String, String>,
    samples: &BTreeMap<String, String>,
    zone: &ZoneContext,
) -> Result<Resolved, Vec<Problem>> {
    let mut values = samples.clone();
    values.extend(given.clone());
    let bundle = resolve(loaded, &values, zone)?;
    let settled = parameters::settle(&loaded.recipe, &values, zone).unwrap_or_default();
    let context = Context::for_defaults(&loaded.recipe.package, zone)
        .with_parameters(Json::Object(settled), &zone.users);
    let mut rendered = loaded.document.clone();
    // what is wrong with a part that no zone of this kind gets is no concern here
    let _ = render_document(&mut rendered, &context);
    let mut walk = Walk {
        text: &loaded.document.source.text,
        now: Circumstances {
            version: &loaded.recipe.package.version,
            branch: &zone.branch,
            brand: &zone.brand,
        },
        condition: None,
        found: Resolved::default(),
    };
    walk.table(&RECIPE, &loaded.document.root, &rendered.root);
    let mut found = walk.found;
    found
        .lines
        .retain(|line| !line.path.starts_with("parameters."));
    let at = found
        .lines
        .iter()
        .position(|line| !line.path.starts_with("package."))
        .unwrap_or(0);
    let parameters = bundle.parameters.iter().map(|(name, value)| {
        let default = loaded
            .document
            .root
            .get("parameters")
            .and_then(|all| all.get(name)?.get("default"));
        let origin = match (given.contains_key(name), default) {
            (true, _) => Origin::Zone,
            (false, Some(node)) => {
                let line = line_of(&loaded.document.source.text, node);
                match node.as_text() {
                    Some(written) if written != value => Origin::Template {
                        line,
                        written: literal(node),
                    },
                    _ => Origin::Recipe { line },
                }
            }
            (false, None) => Origin::Sample,
        };
        Line {
            path: format!("parameters.{name}"),
            value: Json::from(value.as_str()).to_string(),
            origin,
            condition: None,
        }
    });
    let parameters: Vec<Line> = parameters.collect();
    found.lines.splice(at..at, parameters);
    Ok(found)
}

fn line_of(text: &str, node: &Node) -> Option<usize> {
    let before = text.get(..node.span.as_ref()?.start)?;
    Some(before.matches('\n').count() + 1)
}

struct Walk<'a> {
    text: &'a str,
    now: Circumstances<'a>,
    condition: Option<String>,
    found: Resolved,
}

impl Walk<'_> {
    fn table(&mut self, table: &Table, written: &Node, rendered: &Node) {
        for key in table.keys.iter().filter(|key| key.name != "when") {
            if let (Some(written), Some(rendered)) = (written.get(key.name), rendered.get(key.name))
            {
                self.value(&key.takes, written, rendered);
                continue;
            }
            let is_leaf = !matches!(
                key.takes,
                Takes::Tables(..) | Takes::Table(_) | Takes::NotYet(_)
            );
            let default = of_key(Kind::Recipe, table, key).and_then(|text| default_in(&text));
            if let Some(value) = default.filter(|_| is_leaf && !rendered.path.is_empty()) {
                self.found.lines.push(Line {
                    path: super::tree::child_path(&rendered.path, key.name),
                    value,
                    origin: Origin::Default,
                    condition: self.condition.clone(),
                });
            }
        }
    }

    fn value(&mut self, takes: &Takes, written: &Node, rendered: &Node) {
        match takes {
            Takes::Table(table) | Takes::Short(_, table) => self.table(table, written, rendered),
            Takes::Tables(table, _) => self.items(written, rendered, |walk, one, other| {
                walk.table(table, one, other);
            }),
            Takes::List(inner) => self.items(written, rendered, |walk, one, other| {
                walk.value(inner, one, other);
            }),
            Takes::Map(_, inner) => {
                for entry in written.entries() {
                    if let Some(other) = rendered.get(&entry.key) {
                        self.value(inner, &entry.node, other);
                    }
                }
            }
            _ => self.leaf(written, rendered),
        }
    }

    fn items(
        &mut self,
        written: &Node,
        rendered: &Node,
        mut each: impl FnMut(&mut Self, &Node, &Node),
    ) {
        for (one, other) in written.items().iter().zip(rendered.items()) {
            let Some(when) = one.get("when") else {
                each(self, one, other);
                continue;
            };
            let condition = in_words(when);
            if holds(when, &self.now) {
                let outer = self.condition.replace(condition);
                each(self, one, other);
                self.condition = outer;
            } else {
                let first = other.entries().first().map_or(other, |entry| &entry.node);
                self.found.left_out.push(LeftOut {
                    path: other.path.clone(),
                    value: literal(first),
                    line: line_of(self.text, one),
                    condition,
                });
            }
        }
    }

    fn leaf(&mut self, written: &Node, rendered: &Node) {
        let line = line_of(self.text, written);
        let (was, is) = (literal(written), literal(rendered));
        let origin = if was == is {
            Origin::Recipe { line }
        } else {
            Origin::Template { line, written: was }
        };
        self.found.lines.push(Line {
            path: rendered.path.clone(),
            value: is,
            origin,
            condition: self.condition.clone(),
        });
    }
}

/// `version >=4, brand joyent`
fn in_words(when: &Node) -> String {
    let entries = when.entries().iter();
    let parts =
        entries.map(|entry| format!("{} {}", entry.key, entry.node.as_text().unwrap_or("")));
    parts.collect::<Vec<_>>().join(", ")
}

/// A value as TOML writes it.
fn literal(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => Json::from(text.as_str()).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{} = {}", entry.key, literal(&entry.node)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Other(noun) => (*noun).to_owned(),
    }
}

/// What the manual calls the default; nothing where that is nothing.
fn default_in(text: &str) -> Option<String> {
    let value = if let Some((_, rest)) = text.split_once("Default: ") {
        let end = rest
            .find(". ")
            .or_else(|| rest.find("; "))
            .unwrap_or(rest.len());
        rest.get(..end)?.trim_end_matches('.').to_owned()
    } else if let Some((_, rest)) = text.split_once("Default `") {
        return rest.split('`').next().map(str::to_owned);
    } else {
        let (before, _) = text.split_once("`, the default)")?;
        return before.rsplit('`').next().map(str::to_owned);
    };
    let is_quoted =
        value.starts_with('`') && value.matches('`').count() == 2 && value.ends_with('`');
    let value = if is_quoted {
        value.replace('`', "")
    } else {
        value
    };
    let is_literal = is_quoted
        || value.starts_with(['"', '['])
        || value.chars().all(|c| c.is_ascii_digit())
        || ["true", "false"].contains(&value.as_str());
    let value = if is_literal {
        value
    } else {
        format!("({value})")
    };
    let is_nothing = ["(none)", "(nothing)", "(any)", "(anything)"].contains(&value.as_str());
    (!is_nothing).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_read_from_the_manual() {
        assert_eq!(
            default_in("Whether. Default: false.").as_deref(),
            Some("false")
        );
        assert_eq!(default_in("Default `root`.").as_deref(), Some("root"));
        assert_eq!(
            default_in("Octal (`\"0755\"`, the default).").as_deref(),
            Some("\"0755\"")
        );
        assert_eq!(default_in("Default: none.").as_deref(), None);
        assert_eq!(
            default_in("Default: `[\":kill\"]`, TERM to all.").as_deref(),
            Some("(`[\":kill\"]`, TERM to all)")
        );
        assert_eq!(
            default_in("Default: its root. More.").as_deref(),
            Some("(its root)")
        );
        assert_eq!(
            default_in("Default: 30 s for `tcp`, one for `command`.").as_deref(),
            Some("(30 s for `tcp`, one for `command`)")
        );
        assert_eq!(default_in("Required."), None);
    }
}
