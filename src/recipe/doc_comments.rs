//! The model's doc comments, by type and field: the manual of a key is what stands above its field.
//!
//! They are read from the sources of this very build (`include_str!`), so the manual of the command
//! line, the descriptions in the JSON Schema and the crate's documentation cannot differ.

use super::schema::{Key, Table, Takes};

const RECIPE_MODEL: &str = include_str!("model.rs");
const ZONE_MODEL: &str = include_str!("../site/model.rs");

/// Which of the two files a table belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `recipes/NAME.toml`
    Recipe,
    /// `zones/NAME.toml`
    Zone,
}

/// What the doc comments say of a key of `table`, as one paragraph; of the table that it leads to
/// where the field itself says no more than its name.
#[must_use]
pub fn of_key(kind: Kind, table: &Table, key: &Key) -> Option<String> {
    if let Takes::NotYet(instead) = key.takes {
        return Some(format!("Not supported by this version: {instead}."));
    }
    let model = match kind {
        Kind::Recipe => RECIPE_MODEL,
        Kind::Zone => ZONE_MODEL,
    };
    let inner = inner_table(&key.takes).and_then(|inner| comment(model, type_of(kind, inner)?, ""));
    let own = fields(kind, table, key).find_map(|(name, field)| comment(model, name, &field));
    match (own, inner) {
        // `[package]` alone says nothing
        (Some(own), Some(inner)) if is_title(&own, key.name) => Some(inner),
        (Some(own), Some(inner)) if key.name == "when" => Some(format!("{own} {inner}")),
        (own, inner) => own.or(inner),
    }
}

/// Whether a field's comment begins with what the author writes, as that of the table does too.
fn is_title(comment: &str, key: &str) -> bool {
    comment.starts_with("`[") || comment.starts_with(&format!("`{key}`"))
}

/// The table that a key leads to.
#[must_use]
pub fn inner_table(takes: &Takes) -> Option<&'static Table> {
    match takes {
        Takes::Tables(table, _) | Takes::Table(table) | Takes::Short(_, table) => Some(table),
        Takes::List(inner) | Takes::Map(_, inner) => inner_table(inner),
        _ => None,
    }
}

/// The type that a table becomes.
fn type_of(kind: Kind, table: &Table) -> Option<&'static str> {
    Some(match (kind, table.title) {
        (Kind::Recipe, "a recipe") => "Recipe",
        (Kind::Recipe, "`[package]`") => "Package",
        (Kind::Recipe, "`[[allow]]`") => "Allow",
        (Kind::Recipe, "a parameter") => "Parameter",
        (Kind::Recipe, "`[[source]]`") => "Source",
        (Kind::Recipe, "`debian`") => "DebianSource",
        (Kind::Recipe, "a patch") => "Patch",
        (Kind::Recipe, "`when`") => "When",
        (Kind::Recipe, "`[dependencies]`") => "Dependencies",
        (Kind::Recipe, "a dependency") => "Dependency",
        (Kind::Recipe, "`[build]`") => "Build",
        (Kind::Recipe, "an option") => "BuildOption",
        (Kind::Recipe, "`[build.custom]`") => "CustomBuild",
        (Kind::Recipe, "`[[platform-service]]`") => "PlatformService",
        (Kind::Recipe, "`[[user]]`") => "ServiceUser",
        (Kind::Recipe, "`[[directory]]`") => "Directory",
        (Kind::Recipe, "`[[file]]`") => "File",
        (Kind::Recipe, "`[[service]]`") => "Service",
        (Kind::Recipe, "`sessions`") => "Sessions",
        (Kind::Recipe, "`[[check]]`") => "Check",
        (Kind::Zone, "a zone file") => "ZoneFile",
        (Kind::Zone, "`[host]`") => "HostSpec",
        (Kind::Zone, "`[zone]`") => "ZoneSpec",
        (Kind::Zone, "`[[zone.nic]]`") => "Nic",
        (Kind::Zone, "`[storage]`") => "Storage",
        (Kind::Zone, "`[[dataset]]`") => "Dataset",
        (Kind::Zone, "`[[user]]`") => "User",
        (Kind::Zone, "`password`") => "Password",
        (Kind::Zone, "`[[recipe]]`") => "RecipeUse",
        _ => return None,
    })
}

/// Where the comment of a key may stand, the likeliest place first: a type and its field or variant.
fn fields<'k>(
    kind: Kind,
    table: &Table,
    key: &'k Key,
) -> impl Iterator<Item = (&'static str, String)> + use<'k> {
    let field = match key.name {
        // words of Rust
        "type" => "kind".to_owned(),
        "become" => "become_root".to_owned(),
        name => name.replace('-', "_"),
    };
    let variant: String = key.name.split('-').map(capital).collect();
    let plural = match field.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if field.ends_with('s') => format!("{field}es"),
        None => format!("{field}s"),
    };
    // what is an enum in the model is several keys in the file
    let enums: &[&str] = match type_of(kind, table) {
        Some("File") => &["FileContent"],
        Some("Check") | None => &["CheckKind"],
        _ => &[],
    };
    let types: Vec<&'static str> = type_of(kind, table)
        .into_iter()
        .chain(enums.iter().copied())
        .collect();
    types.into_iter().flat_map(move |name| {
        [field.clone(), variant.clone(), plural.clone()].map(|place| (name, place))
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The doc comment above `field` (a field or variant; the type itself where it is empty) of the type
/// `name`. Links of rustdoc lose their brackets.
fn comment(model: &str, name: &str, field: &str) -> Option<String> {
    let mut said: Vec<&str> = Vec::new();
    let mut is_inside = false;
    for line in model.lines() {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("///") {
            said.push(text.trim());
            continue;
        }
        if line.starts_with("#[") {
            continue;
        }
        let item = line.strip_prefix("pub ").unwrap_or(line);
        if let Some(rest) = item
            .strip_prefix("struct ")
            .or_else(|| item.strip_prefix("enum "))
        {
            let begins = rest.split([' ', '(', ';']).next();
            is_inside = begins == Some(name);
            if is_inside && field.is_empty() {
                return paragraph(&said);
            }
        } else if is_inside && !field.is_empty() {
            let is_it = item
                .strip_prefix(field)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', ',', '(', ' ']));
            if is_it && !said.is_empty() {
                return paragraph(&said);
            }
        }
        said.clear();
    }
    None
}

fn paragraph(lines: &[&str]) -> Option<String> {
    let text = lines.join(" ").replace("[`", "`").replace("`]", "`");
    (!text.is_empty()).then_some(text)
}
