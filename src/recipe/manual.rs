//! The manual of keys, from the tables that check the files and the doc comments of the model.
//!
//! A key is found by its whole path (`source.patches.fuzz`), by the end of it (`patches.fuzz`) or by
//! its name alone; what stands in several places (`when`) is explained once, with all of them.

use super::doc_comments::{self, Kind, inner_table};
use super::format::list_of;
use super::read::RECIPE;
use super::schema::{Key, Rule, Table, Takes};
use crate::site::read::ZONE;

/// A key of a file, with everything that is known of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The kind of file.
    pub kind: Kind,
    /// Every path that leads to it: `source.sha256`; a name that the author chooses is `NAME`.
    pub paths: Vec<String>,
    /// The table it stands in, as the author writes it.
    pub table: &'static Table,
    /// The key itself.
    pub key: &'static Key,
}

impl Entry {
    /// What it is for, in a paragraph.
    #[must_use]
    pub fn text(&self) -> String {
        doc_comments::of_key(self.kind, self.table, self.key)
            .unwrap_or_else(|| self.key.help.to_owned())
    }

    /// What it takes, with its article.
    #[must_use]
    pub fn takes(&self) -> String {
        noun(&self.key.takes)
    }

    /// The keys of the table that it leads to.
    #[must_use]
    pub fn inner(&self) -> Option<&'static Table> {
        inner_table(&self.key.takes)
    }

    /// What holds between this key and others of its table, as sentences.
    #[must_use]
    pub fn rules(&self) -> Vec<String> {
        let name = self.key.name;
        let rules = self.table.rules.iter();
        rules
            .filter(|rule| match rule {
                Rule::ExactlyOne(names) | Rule::AtLeastOne(names) => names.contains(&name),
                Rule::Without(first, others) => *first == name || others.contains(&name),
                Rule::OnlyWith(first, other) => *first == name || *other == name,
            })
            .map(rule_in_words)
            .collect()
    }
}

/// Every key of a kind of file, in the order of the manual.
#[must_use]
pub fn keys(kind: Kind) -> Vec<Entry> {
    let mut entries = Vec::new();
    let root = match kind {
        Kind::Recipe => &RECIPE,
        Kind::Zone => &ZONE,
    };
    collect(kind, root, "", &mut entries);
    entries
}

fn collect(kind: Kind, table: &'static Table, before: &str, entries: &mut Vec<Entry>) {
    for key in table.keys {
        let path = format!("{before}{}", key.name);
        match entries.iter_mut().find(|e| std::ptr::eq(e.key, key)) {
            Some(known) => known.paths.push(path.clone()),
            None => entries.push(Entry {
                kind,
                paths: vec![path.clone()],
                table,
                key,
            }),
        }
        if let Some(inner) = inner_table(&key.takes) {
            let name = if matches!(key.takes, Takes::Map(..)) {
                "NAME."
            } else {
                ""
            };
            collect(kind, inner, &format!("{path}.{name}"), entries);
        }
    }
}

/// The keys that `asked` may mean, of both kinds of file: those with that very path, or else those
/// whose path ends so. Numbers of list items (`source[0].sha256`) and brackets are passed over.
#[must_use]
pub fn find(asked: &str) -> Vec<Entry> {
    let asked = plain(asked);
    if asked.is_empty() {
        return Vec::new();
    }
    let all = || keys(Kind::Recipe).into_iter().chain(keys(Kind::Zone));
    let is_path = |path: &str| fits(path, &asked);
    let exact: Vec<Entry> = all()
        .filter(|entry| entry.paths.iter().any(|path| is_path(path)))
        .collect();
    if !exact.is_empty() {
        return exact;
    }
    let ends = |path: &str| {
        let parts: Vec<&str> = path.split('.').collect();
        let from = parts.len().saturating_sub(asked.split('.').count());
        parts.get(from..).is_some_and(|end| is_path(&end.join(".")))
    };
    let is_nameless = |entry: &Entry| entry.paths.iter().any(|path| ends(path));
    all().filter(is_nameless).collect()
}

/// `[[source]]` and `source[0].sha256` as paths: `source`, `source.sha256`.
fn plain(asked: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in asked.trim_matches(['[', ']', '`', ' ']).chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Whether a path of the manual, where `NAME` stands for any name, is the one that was asked for.
fn fits(path: &str, asked: &str) -> bool {
    let (mut path, mut asked) = (path.split('.'), asked.split('.'));
    loop {
        match (path.next(), asked.next()) {
            (None, None) => return true,
            (Some("NAME"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

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

/// What holds between the keys of a table, in words.
#[must_use]
pub fn rule_in_words(rule: &Rule) -> String {
    match rule {
        Rule::ExactlyOne(names) => format!("exactly one of {}", list_of(names)),
        Rule::AtLeastOne(names) => format!("at least one of {}", list_of(names)),
        Rule::Without(name, others) => format!("`{name}` without {}", list_of(others)),
        Rule::OnlyWith(name, other) => format!("`{name}` only with `{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_text_of_its_own_in_the_model() {
        let mut seen = 0;
        let mut lacking = Vec::new();
        for entry in keys(Kind::Recipe).into_iter().chain(keys(Kind::Zone)) {
            seen += 1;
            let text = doc_comments::of_key(entry.kind, entry.table, entry.key);
            if text.is_none_or(|text| text.len() < 12) || entry.key.help.len() < 6 {
                lacking.push(entry.paths.join(", "));
            }
        }
        assert!(seen > 100, "only {seen} keys");
        assert!(
            lacking.is_empty(),
            "say in the model what these are for: {lacking:#?}"
        );
    }

    #[test]
    fn keys_are_found_by_path_by_its_end_and_by_name() {
        let paths = |asked: &str| -> Vec<String> {
            find(asked).iter().map(|e| e.paths[0].clone()).collect()
        };
        assert_eq!(paths("source.patches.fuzz"), ["source.patches.fuzz"]);
        assert_eq!(paths("patches.fuzz"), ["source.patches.fuzz"]);
        assert_eq!(paths("fuzz"), ["source.patches.fuzz"]);
        assert_eq!(paths("source[0].sha256"), ["source.sha256"]);
        assert_eq!(paths("[[platform-service]]"), ["platform-service"]);
        assert_eq!(
            paths("parameters.server-name.type"),
            ["parameters.NAME.type"]
        );
        // a top-level key before those of the same name elsewhere; both files
        assert_eq!(paths("user"), ["user", "user"]);
        assert!(paths("version").len() > 2);
        assert!(find("when.version")[0].paths.len() >= 4);
        assert!(paths("nothing").is_empty());
        assert!(paths("").is_empty());
    }
}
