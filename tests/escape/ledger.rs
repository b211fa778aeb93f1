//! What was read back, held against what the desk takes.

use std::collections::{BTreeMap, BTreeSet};

use super::desk::{self, Taken};

/// The fields whose values go nowhere yet, with the reason.
const NOWHERE: &[(&str, &str)] = &[(
    "zone zone.ssh-keys[]",
    "a zone that we create would get them",
)];

/// A field's entry in the table of the desk.
pub fn taken(path: &str) -> &'static Taken {
    desk::taken()
        .get(path)
        .unwrap_or_else(|| panic!("there is no field {path}"))
}

/// The texts that a field takes, without those that are nothing but a name.
pub fn texts(path: &str) -> Vec<String> {
    let texts = taken(path).texts.iter();
    texts.filter(|text| !is_plain(text)).cloned().collect()
}

/// The same without what is longer than so many bytes.
pub fn texts_up_to(path: &str, most: usize) -> Vec<String> {
    let mut texts = texts(path);
    texts.retain(|text| text.len() <= most);
    texts
}

/// Whether nothing on the way could take it for more than a name.
fn is_plain(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "._/+:-".contains(c);
    text.chars().all(is_letter) && !text.starts_with('-') && text.len() < 1_000
}

/// Texts of a field in one: what stands in the file, and what is to arrive.
#[derive(Debug, Clone)]
pub struct Joined {
    pub raw: String,
    pub arrives: String,
    pub members: Vec<String>,
}

/// The texts of a field joined by `between` behind what they all begin with, in as few pieces as
/// each fits into so many bytes.
pub fn joined(path: &str, between: &str, most: usize) -> Vec<Joined> {
    let field = &taken(path).field;
    let before = super::fields::before(field);
    let mut all: Vec<Joined> = Vec::new();
    for text in texts(path) {
        let Some(rest) = text.strip_prefix(&before) else {
            continue;
        };
        match all.last_mut() {
            Some(last) if last.raw.len() + rest.len() < most => {
                last.raw.push_str(between);
                last.raw.push_str(rest);
                last.members.push(text.clone());
            }
            _ => all.push(Joined {
                raw: text.clone(),
                arrives: String::new(),
                members: vec![text.clone()],
            }),
        }
    }
    for joined in &mut all {
        joined.arrives = field.arrives(&joined.raw, super::strange::NAME);
    }
    all
}

/// What a field's text is to become.
pub fn arrives(path: &str, text: &str) -> String {
    taken(path).field.arrives(text, super::strange::NAME)
}

/// Field → the texts that were read back.
#[derive(Debug, Default)]
pub struct Ledger {
    seen: BTreeMap<String, BTreeSet<String>>,
}

impl Ledger {
    /// Notes that a text of a field was read back as it should be.
    pub fn note(&mut self, path: &str, text: &str) {
        taken(path);
        let seen = self.seen.entry(path.to_owned()).or_default();
        seen.insert(text.to_owned());
    }

    /// Compares, and notes all texts of the field that are in it.
    #[track_caller]
    pub fn hold(&mut self, path: &str, wanted: &Joined, found: &str) {
        assert_eq!(wanted.arrives, found, "{path}");
        for text in &wanted.members {
            self.note(path, text);
        }
    }

    /// Compares one text.
    #[track_caller]
    pub fn hold_one(&mut self, path: &str, text: &str, found: &[u8]) {
        let wanted = arrives(path, text);
        assert_eq!(wanted, String::from_utf8_lossy(found), "{path}");
        self.note(path, text);
    }

    /// Everything that the desk takes and that was not read back.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (path, taken) in desk::taken() {
            if taken.field.is_closed() || NOWHERE.iter().any(|(nowhere, _)| nowhere == path) {
                continue;
            }
            let seen = self.seen.get(path);
            let is_plain = |text: &&String| is_plain(&arrives(path, text));
            for text in taken.texts.iter().filter(|text| !is_plain(text)) {
                if !seen.is_some_and(|seen| seen.contains(text)) {
                    let text: String = text.chars().take(60).collect();
                    missing.push(format!("{path}: {text:?}"));
                }
            }
        }
        missing
    }

    /// How many texts of how many fields were read back.
    pub fn count(&self) -> (usize, usize) {
        (self.seen.values().map(BTreeSet::len).sum(), self.seen.len())
    }
}
