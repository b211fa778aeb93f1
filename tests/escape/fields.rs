//! Every string of a recipe and of a zone file, taken from the tables that read them.
//!
//! A path names the field: `[]` stands for an item of a list, `[0]` for the program of a command and
//! `[1]` for its arguments, `*` for a value of a table of free keys, and `<name>` for such a key itself.

use serde_json::Value;
use zonewright::recipe::format::Format;
use zonewright::recipe::schema::{Table, Takes};

/// A string that a file may hold.
#[derive(Debug, Clone)]
pub struct Field {
    pub path: String,
    /// What it must look like; any text where the type of a parameter decides.
    pub format: Format,
    pub is_template: bool,
}

impl Field {
    /// What is to arrive of a text that was accepted; `name` is the package's.
    pub fn arrives(&self, text: &str, name: &str) -> String {
        if !self.is_template {
            return text.to_owned();
        }
        let text = text.replace("{{{package.name}}}", name);
        text.replace("{{package.name}}", name).replace("\\{{", "{{")
    }

    /// Whether nothing but harmless names fits: what is accepted then needs no way to arrive.
    pub fn is_closed(&self) -> bool {
        !matches!(
            self.format,
            Format::Any
                | Format::Argument
                | Format::Program
                | Format::ServiceText
                | Format::ServiceOrFile
                | Format::Line
                | Format::Path
                | Format::AccountPath
                | Format::AccountField
                | Format::Below(_)
                | Format::LocalPath
                | Format::Url
        )
    }
}

/// The fields of a table, in its order.
pub fn of(table: &Table) -> Vec<Field> {
    let mut found = Vec::new();
    walk_table(table, "", &mut found);
    found
}

fn walk_table(table: &Table, path: &str, found: &mut Vec<Field>) {
    let dot = if path.is_empty() { "" } else { "." };
    for key in table.keys {
        walk(&key.takes, &format!("{path}{dot}{}", key.name), found);
    }
}

fn walk(takes: &Takes, path: &str, found: &mut Vec<Field>) {
    let mut leaf = |path: String, format: Format, is_template: bool| {
        found.push(Field {
            path,
            format,
            is_template,
        });
    };
    match takes {
        Takes::Text(format) => leaf(path.to_owned(), *format, false),
        Takes::Template(format) => leaf(path.to_owned(), *format, true),
        // a default is a template too, but it is the value of a parameter
        Takes::Scalar => leaf(path.to_owned(), Format::Any, path.ends_with(".default")),
        Takes::Command(format) => {
            leaf(format!("{path}[0]"), Format::Program, true);
            leaf(format!("{path}[1]"), *format, true);
        }
        Takes::List(inner) => walk(inner, &format!("{path}[]"), found),
        Takes::Tables(table, _) => walk_table(table, &format!("{path}[]"), found),
        Takes::Table(table) | Takes::Short(_, table) => walk_table(table, path, found),
        Takes::Map(names, inner) => {
            leaf(format!("{path}.<name>"), *names, false);
            walk(inner, &format!("{path}.*"), found);
        }
        Takes::Integer(..) | Takes::Boolean | Takes::NotYet(_) => {}
    }
}

/// Puts `text` into the first place of `sample` that `path` leads to; gives that place's key path
/// as reports write it.
pub fn put(sample: &mut Value, path: &str, text: &str) -> Option<String> {
    let mut place = String::new();
    put_below(sample, path, text, &mut place).then_some(place)
}

fn put_below(node: &mut Value, path: &str, text: &str, place: &mut String) -> bool {
    if path.is_empty() {
        if node.is_string() {
            *node = Value::from(text);
            return true;
        }
        return false;
    }
    let before = place.len();
    if let Some(rest) = path.strip_prefix("[]") {
        for (index, item) in node.as_array_mut().into_iter().flatten().enumerate() {
            place.push_str(&format!("[{index}]"));
            if put_below(item, rest, text, place) {
                return true;
            }
            place.truncate(before);
        }
        return false;
    }
    for (step, index) in [("[0]", 0), ("[1]", 1)] {
        if path == step {
            place.push_str(step);
            return node
                .get_mut(index)
                .is_some_and(|item| put_below(item, "", text, place));
        }
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let Some(table) = node.as_object_mut() else {
        return false;
    };
    if name == "<name>" {
        let Some((_, value)) = table.clone().into_iter().next() else {
            return false;
        };
        table.clear();
        table.insert(text.to_owned(), value);
        return true;
    }
    let keys: Vec<String> = match name {
        "*" => table.keys().cloned().collect(),
        _ => vec![name.to_owned()],
    };
    for key in keys {
        if let Some(value) = table.get_mut(&key) {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(&key);
            if put_below(value, rest, text, place) {
                return true;
            }
            place.truncate(before);
        }
    }
    false
}

/// What a text is put behind so that nothing but itself can be wrong with it: a path begins with `/`,
/// a URL with its scheme. Each field has a folder of its own.
pub fn before(field: &Field) -> String {
    let text = match field.format {
        Format::Path | Format::AccountPath | Format::ManifestPath | Format::Program => {
            let letters = field.path.chars().filter(char::is_ascii_alphanumeric);
            return format!("/srv/{}/", letters.collect::<String>());
        }
        Format::ServiceOrFile => {
            let letters = field.path.chars().filter(char::is_ascii_alphanumeric);
            return format!("file://localhost/srv/{}/", letters.collect::<String>());
        }
        Format::Url => "https://example.org/",
        Format::PackageName | Format::Account(_) | Format::Process | Format::Kebab => "a",
        Format::HostName | Format::DebianFile | Format::Property => "a",
        Format::Variable | Format::BuildVariable | Format::ServiceVariable => "A",
        Format::Dependency => "a>=1",
        Format::PackagePattern => "a-[0-9]*",
        Format::Version | Format::DebianVersion => "1",
        Format::Versions => ">=1",
        Format::Branches => ">=2023Q4",
        Format::Instance => "svc:/site/a:b",
        Format::Mode => "064",
        Format::Size => "1 GiB",
        Format::Duration => "1s",
        Format::Privileges => "basic",
        Format::Image => "a@1",
        Format::CardAddress => "192.0.2.10/24",
        Format::Address => "192.0.2.1",
        Format::SshTarget => "root@a",
        _ => "",
    };
    text.to_owned()
}
