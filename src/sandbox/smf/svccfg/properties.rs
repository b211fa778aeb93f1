//! The sub-commands that change property groups and properties of the selected entity.
//!
//! They change what is being edited; methods see it after a refresh. Only `general/enabled` acts
//! at once.

use super::super::door::Edit;
use super::super::fmri::{Fmri, glob};
use super::super::manifest::value::{TYPES, is_valid};
use super::super::model::{Groups, Property};
use super::lexer::Word;
use super::{Failed, Session};

/// What `setprop` sets a property to.
struct Assignment {
    kind: Option<String>,
    values: Vec<String>,
}

impl Session<'_> {
    fn groups(&mut self) -> Result<(Fmri, Groups), Failed> {
        let fmri = self.entity()?;
        let groups = self.repository()?.groups(&fmri).cloned();
        match groups {
            Some(groups) => Ok((fmri, groups)),
            None => Err(self.fail("Entity has been deleted.")),
        }
    }

    fn split<'a>(&mut self, path: &'a str) -> Result<(&'a str, &'a str), Failed> {
        match path.split_once('/') {
            Some(parts) => Ok(parts),
            None => Err(self.fail("Property names must contain a `/'.")),
        }
    }

    pub(super) fn setprop(&mut self, words: &[Word]) -> Result<(), Failed> {
        let [path, Word::Sign('='), rest @ ..] = words else {
            return Err(self.syntax_error());
        };
        let Some(path) = path.text() else {
            return Err(self.syntax_error());
        };
        let assignment = self.assignment(rest)?;
        let (group, name) = self.split(path)?;
        let property = self.typed(group, name, assignment)?;
        let fmri = self.entity()?;
        self.apply(vec![Edit::Set {
            fmri,
            group: group.to_owned(),
            name: name.to_owned(),
            property,
        }])?;
        Ok(())
    }

    fn assignment(&mut self, words: &[Word]) -> Result<Assignment, Failed> {
        let (kind, words) = match words {
            [Word::Plain(kind), rest @ ..] if kind.ends_with(':') && !rest.is_empty() => {
                (Some(kind.clone()), rest)
            }
            words => (None, words),
        };
        match words {
            [Word::Sign('('), inner @ .., Word::Sign(')')] => {
                let mut values = Vec::new();
                for word in inner {
                    let quoted = matches!(word, Word::Quoted(_));
                    let strings = matches!(kind.as_deref(), None | Some("astring:" | "ustring:"));
                    match word.text() {
                        Some(_) if !quoted && strings && inner.len() > 1 => {
                            let text = "Multiple string values or string values with spaces must \
                                        be quoted with '\"'.";
                            return Err(self.fail(text));
                        }
                        Some(text) => values.push(text.to_owned()),
                        None => return Err(self.syntax_error()),
                    }
                }
                Ok(Assignment { kind, values })
            }
            [word] => match word.text() {
                Some(text) => Ok(Assignment {
                    kind,
                    values: vec![text.to_owned()],
                }),
                None => Err(self.syntax_error()),
            },
            _ => Err(self.syntax_error()),
        }
    }

    /// The property with its type: the given one, or the one that it has.
    fn typed(
        &mut self,
        group: &str,
        name: &str,
        assignment: Assignment,
    ) -> Result<Property, Failed> {
        let (_, groups) = self.groups()?;
        let Some(found) = groups.get(group) else {
            return Err(self.fail(format!("No such property group \"{group}\".")));
        };
        let kind = match (&assignment.kind, found.properties.get(name)) {
            (Some(kind), _) => {
                let bare = kind.trim_end_matches(':');
                if !TYPES.contains(&bare) {
                    return Err(self.fail(format!("Unknown type \"{kind}\".")));
                }
                bare.to_owned()
            }
            (None, Some(existing)) => existing.kind.clone(),
            (None, None) => return Err(self.fail("Type required for new properties.")),
        };
        if let Some(bad) = assignment
            .values
            .iter()
            .find(|value| !is_valid(&kind, value))
        {
            return Err(self.fail(format!("Invalid \"{kind}\" value \"{bad}\".")));
        }
        Ok(Property {
            kind,
            values: assignment.values,
        })
    }

    pub(super) fn addpropvalue(&mut self, words: &[Word]) -> Result<(), Failed> {
        let Some((path, rest)) = words.split_first() else {
            return Err(self.syntax_error());
        };
        let Some(path) = path.text() else {
            return Err(self.syntax_error());
        };
        let assignment = self.assignment(rest)?;
        let (group, name) = self.split(path)?;
        let mut property = self.typed(group, name, assignment)?;
        let (fmri, groups) = self.groups()?;
        if let Some(existing) = groups
            .get(group)
            .and_then(|group| group.properties.get(name))
        {
            let mut values = existing.values.clone();
            values.retain(|value| !property.values.contains(value));
            values.append(&mut property.values);
            property.values = values;
        }
        self.apply(vec![Edit::Set {
            fmri,
            group: group.to_owned(),
            name: name.to_owned(),
            property,
        }])?;
        Ok(())
    }

    pub(super) fn delpropvalue(&mut self, path: &str, pattern: &str) -> Result<(), Failed> {
        let (group, name) = self.split(path)?;
        let (fmri, groups) = self.groups()?;
        let Some(found) = groups.get(group) else {
            return Err(self.fail(format!("No such property group \"{group}\".")));
        };
        let Some(existing) = found.properties.get(name) else {
            return Err(self.fail(format!("No such property {path}.")));
        };
        let mut property = existing.clone();
        property.values.retain(|value| !glob(pattern, value));
        self.apply(vec![Edit::Set {
            fmri,
            group: group.to_owned(),
            name: name.to_owned(),
            property,
        }])?;
        Ok(())
    }

    pub(super) fn delprop(&mut self, path: &str) -> Result<(), Failed> {
        if !path.contains('/') {
            return self.delpg(path);
        }
        let (group, name) = self.split(path)?;
        let (fmri, groups) = self.groups()?;
        match groups.get(group) {
            None => return Err(self.fail(format!("No such property group \"{group}\"."))),
            Some(found) if !found.properties.contains_key(name) => {
                return Err(self.fail(format!("No such property {path}.")));
            }
            Some(_) => {}
        }
        self.apply(vec![Edit::Unset {
            fmri,
            group: group.to_owned(),
            name: name.to_owned(),
        }])?;
        Ok(())
    }

    pub(super) fn addpg(&mut self, name: &str, kind: &str, transient: bool) -> Result<(), Failed> {
        let (fmri, groups) = self.groups()?;
        if groups.contains_key(name) {
            return Err(self.fail("Property group already exists."));
        }
        let bad = |text: &str| {
            text.is_empty()
                || !text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ',' | '.'))
        };
        if bad(name) || bad(kind) {
            return Err(self.fail("Name, type, or flags are invalid."));
        }
        self.apply(vec![Edit::AddGroup {
            fmri,
            group: name.to_owned(),
            kind: kind.to_owned(),
            nonpersistent: transient,
        }])?;
        Ok(())
    }

    pub(super) fn delpg(&mut self, name: &str) -> Result<(), Failed> {
        let (fmri, groups) = self.groups()?;
        if !groups.contains_key(name) {
            return Err(self.fail(format!("No such property group {name}.")));
        }
        self.apply(vec![Edit::DeleteGroup {
            fmri,
            group: name.to_owned(),
        }])?;
        Ok(())
    }

    pub(super) fn listprop(&mut self, patterns: &[&str], only_groups: bool) -> Result<(), Failed> {
        let (_, groups) = self.groups()?;
        let mut lines: Vec<(String, String)> = Vec::new();
        for (name, group) in &groups {
            let fits = |path: &str| patterns.first().is_none_or(|pattern| glob(pattern, path));
            if fits(name) {
                let mark = if group.nonpersistent {
                    "\tNONPERSISTENT"
                } else {
                    ""
                };
                lines.push((name.clone(), format!("{}{mark}", group.kind)));
            }
            if only_groups {
                continue;
            }
            for (property, body) in &group.properties {
                let path = format!("{name}/{property}");
                if fits(&path) || (!patterns.is_empty() && fits(name)) {
                    let values: String = shown(body);
                    lines.push((path, format!("{:<7} {values}", body.kind)));
                }
            }
        }
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, text) in lines {
            self.answer
                .say(format!("{name:<width$}  {text}").trim_end());
        }
        Ok(())
    }

    pub(super) fn setenv(&mut self, words: &[&str], set: bool) -> Result<(), Failed> {
        let fmri = self.entity()?;
        let (fmri, group, words) = match words {
            ["-s", rest @ ..] => (Fmri::service(&fmri.service), "method_context", rest),
            ["-i", rest @ ..] if fmri.instance.is_some() => (fmri, "method_context", rest),
            ["-i", ..] => return Err(self.fail("Instance not selected.")),
            ["-m", method, rest @ ..] => (fmri, *method, rest),
            rest => (fmri, "method_context", rest),
        };
        let (name, value) = match (words, set) {
            ([name, value], true) => (*name, Some(*value)),
            ([name], false) => (*name, None),
            _ => return Err(self.syntax_error()),
        };
        if name.is_empty() || name.contains('=') {
            return Err(self.fail(format!("Invalid environment variable \"{name}\".")));
        }
        let groups = self
            .repository()?
            .groups(&fmri)
            .cloned()
            .unwrap_or_default();
        let mut edits = Vec::new();
        if !groups.contains_key(group) {
            if group != "method_context" {
                return Err(self.fail(format!("No such property group \"{group}\".")));
            }
            edits.push(Edit::AddGroup {
                fmri: fmri.clone(),
                group: group.to_owned(),
                kind: "framework".to_owned(),
                nonpersistent: false,
            });
        }
        let mut values: Vec<String> = groups
            .get(group)
            .map(|group| group.values("environment").to_vec())
            .unwrap_or_default();
        values.retain(|entry| entry.split_once('=').is_none_or(|(known, _)| known != name));
        values.extend(value.map(|value| format!("{name}={value}")));
        edits.push(Edit::Set {
            fmri,
            group: group.to_owned(),
            name: "environment".to_owned(),
            property: Property {
                kind: "astring".to_owned(),
                values,
            },
        });
        self.apply(edits)?;
        Ok(())
    }
}

/// Values as `listprop` prints them, each behind a blank.
fn shown(property: &Property) -> String {
    let strings = matches!(property.kind.as_str(), "astring" | "ustring");
    property
        .values
        .iter()
        .map(|value| {
            let awkward = value.is_empty()
                || value.contains([' ', '\t', '\n', '"', '(', ')'])
                || (strings && property.values.len() > 1);
            if awkward {
                format!(" \"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                format!(" {value}")
            }
        })
        .collect()
}
