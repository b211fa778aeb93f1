//! The words in which a fault is ordered: `WHEN=WHAT`.
//!
//! A number counts from the moment at which the fault is armed, so `script#1` is the next script;
//! leaving it out says the same.

use std::fmt;
use std::str::FromStr;

use super::kinds::{KINDS, Kind, Values};

/// A fault as it was ordered.
#[derive(Debug, Clone)]
pub struct Fault {
    text: String,
    /// The moment at which it strikes.
    pub(crate) when: When,
    /// What it does.
    pub(crate) kind: &'static Kind,
    /// With which figures.
    pub(crate) values: Values,
}

/// The moment at which a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// A run of a command.
    Command { name: String, number: u64 },
    /// A script that comes over SSH.
    Script { number: u64, at: At },
    /// A new connection.
    Connection { number: u64 },
    /// At once.
    Now,
}

/// Where in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Before it runs.
    Before,
    /// Before a simple command of it.
    Command(u64),
    /// After its last command, while its shell is still there.
    End,
}

/// The kinds of moment, for the table of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Command,
    BeforeScript,
    InScript,
    EndOfScript,
    Connection,
    Now,
}

impl Place {
    pub(crate) const ALL: [Self; 6] = [
        Self::Command,
        Self::BeforeScript,
        Self::InScript,
        Self::EndOfScript,
        Self::Connection,
        Self::Now,
    ];

    fn form(self) -> &'static str {
        match self {
            Self::Command => "COMMAND#N",
            Self::BeforeScript => "script#N",
            Self::InScript => "script#N.K",
            Self::EndOfScript => "script#N.end",
            Self::Connection => "connection#N",
            Self::Now => "now",
        }
    }
}

impl When {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Command { .. } => Place::Command,
            Self::Script { at, .. } => match at {
                At::Before => Place::BeforeScript,
                At::Command(_) => Place::InScript,
                At::End => Place::EndOfScript,
            },
            Self::Connection { .. } => Place::Connection,
            Self::Now => Place::Now,
        }
    }
}

/// Why a text orders no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// It cannot be read.
    #[error("{reason} (at character {at})")]
    Unreadable {
        /// The place, counted from 1.
        at: usize,
        /// What is wrong there, and what to write.
        reason: String,
    },
    /// Each half makes sense, both together do not.
    #[error("`{what}` cannot strike at `{when}`: possible there are {possible}")]
    Impossible {
        /// The fault's name.
        what: &'static str,
        /// The kind of moment.
        when: &'static str,
        /// What can be written instead.
        possible: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Fault {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let Some((left, right)) = text.split_once('=') else {
            return unreadable(
                text,
                text.len(),
                "`=` is missing: write WHEN=WHAT".to_owned(),
            );
        };
        let when = when(text, left)?;
        let (kind, values) = what(text, left.len() + 1, right)?;
        let place = when.place();
        if !kind.places.contains(&place) {
            let possible = KINDS.iter().filter(|kind| kind.places.contains(&place));
            return Err(SpecError::Impossible {
                what: kind.name,
                when: place.form(),
                possible: listed(possible.map(|kind| kind.form)),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            when,
            kind,
            values,
        })
    }
}

fn unreadable<T>(text: &str, offset: usize, reason: String) -> Result<T, SpecError> {
    let before = text.get(..offset).unwrap_or(text);
    Err(SpecError::Unreadable {
        at: before.chars().count() + 1,
        reason,
    })
}

fn listed(words: impl Iterator<Item = &'static str>) -> String {
    words
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `text` begins with `left`.
fn when(text: &str, left: &str) -> Result<When, SpecError> {
    if let Some(rest) = left.strip_prefix("script")
        && (rest.is_empty() || rest.starts_with(['#', '.']))
    {
        return script(text, left);
    }
    let (name, count) = match left.split_once('#') {
        Some((name, count)) => (name, Some(count)),
        None => (left, None),
    };
    let number = || count.map_or(Ok(1), |count| counted(text, name.len() + 1, count));
    match name {
        "now" if count.is_none() => Ok(When::Now),
        "now" => unreadable(text, name.len(), "`now` takes no number".to_owned()),
        "connection" => Ok(When::Connection { number: number()? }),
        name if is_command(name) => Ok(When::Command {
            name: name.to_owned(),
            number: number()?,
        }),
        "" => {
            let forms = listed(Place::ALL.into_iter().map(Place::form));
            unreadable(text, 0, format!("when is missing: write one of {forms}"))
        }
        name => unreadable(
            text,
            0,
            format!("`{name}` is no command's name: write it without its folder"),
        ),
    }
}

/// `script`, `script#N`, `script#N.K` or `script#N.end`.
fn script(text: &str, left: &str) -> Result<When, SpecError> {
    let (before, place) = match left.split_once('.') {
        Some((before, place)) => (before, Some(place)),
        None => (left, None),
    };
    let number = match before.split_once('#') {
        Some((name, count)) => counted(text, name.len() + 1, count)?,
        None => 1,
    };
    let at = match place {
        None => At::Before,
        Some("end") => At::End,
        Some(command) => At::Command(counted(text, before.len() + 1, command)?),
    };
    Ok(When::Script { number, at })
}

fn is_command(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._+-[".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_good)
}

fn counted(text: &str, offset: usize, count: &str) -> Result<u64, SpecError> {
    match count.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => unreadable(text, offset, format!("`{count}` is no number from 1 on")),
    }
}

/// `right` begins at `offset` of `text`.
fn what(text: &str, offset: usize, right: &str) -> Result<(&'static Kind, Values), SpecError> {
    let (name, argument) = match right.split_once('(') {
        None => (right, None),
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(argument) => (name, Some(argument)),
            None => return unreadable(text, text.len(), "`)` is missing".to_owned()),
        },
    };
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let forms = listed(KINDS.iter().map(|kind| kind.form));
        let reason = format!("`{name}` is no fault: write one of {forms}");
        return unreadable(text, offset, reason);
    };
    match (kind.read)(argument) {
        Some(values) => Ok((kind, values)),
        None => unreadable(text, offset + name.len(), format!("write `{}`", kind.form)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Fault>().unwrap_err().to_string()
    }

    #[test]
    fn every_form_of_when_is_read_and_one_is_the_number_where_none_is_given() {
        let command = |name: &str, number| When::Command {
            name: name.to_owned(),
            number,
        };
        let script = |number, at| When::Script { number, at };
        for (text, when) in [
            ("gtar=fail", command("gtar", 1)),
            ("pkg_add#3=fail", command("pkg_add", 3)),
            ("c++#1=hang", command("c++", 1)),
            ("[=fail", command("[", 1)),
            ("script=cut", script(1, At::Before)),
            ("script#4=cut", script(4, At::Before)),
            ("script#4.1=cut", script(4, At::Command(1))),
            ("script#4.17=cut", script(4, At::Command(17))),
            ("script#4.end=cut", script(4, At::End)),
            ("script.end=cut", script(1, At::End)),
            ("script.2=cut", script(1, At::Command(2))),
            ("scriptlet=fail", command("scriptlet", 1)),
            ("connection=cut", When::Connection { number: 1 }),
            ("connection#2=cut", When::Connection { number: 2 }),
            ("now=cut", When::Now),
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.when, when, "{text}");
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn every_form_of_what_is_read() {
        let values = |number, text: Option<&str>| Values {
            number,
            text: text.map(str::to_owned),
        };
        for (text, expected) in [
            ("a=fail", values(None, None)),
            ("a=fail(0)", values(Some(0), None)),
            ("a=fail(255)", values(Some(255), None)),
            (
                "a=fail(1,no, (really) = no)",
                values(Some(1), Some("no, (really) = no")),
            ),
            ("a=fail(1,)", values(Some(1), Some(""))),
            ("a=print()", values(None, Some(""))),
            ("a=print(a, b)", values(None, Some("a, b"))),
            ("a=hang", values(None, None)),
            ("now=cut(0)", values(Some(0), None)),
            ("now=silent", values(None, None)),
            ("now=silent(12)", values(Some(12), None)),
            ("now=delay(250)", values(Some(250), None)),
            ("now=full(4096)", values(Some(4096), None)),
            ("now=impatient(1500)", values(Some(1500), None)),
            ("now=reboot", values(None, None)),
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().values, expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_read_is_told_where() {
        for (text, place, reason) in [
            ("", 1, "`=` is missing"),
            ("now", 4, "`=` is missing"),
            ("=fail", 1, "when is missing"),
            (
                "/usr/bin/gtar=fail",
                1,
                "`/usr/bin/gtar` is no command's name",
            ),
            ("-x=fail", 1, "`-x` is no command's name"),
            ("gtar#=fail", 6, "`` is no number"),
            ("gtar#0=fail", 6, "`0` is no number from 1 on"),
            ("script#2.0=cut", 10, "`0` is no number from 1 on"),
            ("script#x.2=cut", 8, "`x` is no number from 1 on"),
            ("script#2.start=cut", 10, "`start` is no number"),
            ("now#2=cut", 4, "`now` takes no number"),
            (
                "gtar=fial",
                6,
                "`fial` is no fault: write one of `fail(STATUS,TEXT)`",
            ),
            ("gtar=fail(256)", 10, "write `fail(STATUS,TEXT)`"),
            ("gtar=fail(1", 12, "`)` is missing"),
            ("gtar=hang(1)", 10, "write `hang`"),
            ("gtar=print", 11, "write `print(TEXT)`"),
            ("now=delay", 10, "write `delay(MS)`"),
            ("now=cut(-1)", 8, "write `cut(BYTES)`"),
        ] {
            let said = refused(text);
            assert!(said.starts_with(reason), "{text}: {said}");
            let place = format!("(at character {place})");
            assert!(said.ends_with(&place), "{text}: {said}");
        }
    }

    #[test]
    fn every_fault_begins_its_form_and_has_a_place_and_every_place_has_faults() {
        for kind in &KINDS {
            assert!(kind.form.starts_with(kind.name) && !kind.places.is_empty());
            let same = KINDS.iter().filter(|other| other.name == kind.name);
            assert_eq!(same.count(), 1, "{}", kind.name);
        }
        for place in Place::ALL {
            assert!(KINDS.iter().any(|kind| kind.places.contains(&place)));
        }
    }

    #[test]
    fn impossible_pairs_are_refused_with_what_is_possible() {
        assert_eq!(
            refused("connection=full"),
            "`full` cannot strike at `connection#N`: possible there are `cut(BYTES)`, \
             `silent(BYTES)`, `delay(MS)`"
        );
        for text in [
            "now=fail",
            "now=hang",
            "now=print(x)",
            "connection=reboot",
            "connection=hang",
            "script#1.2=print(x)",
            "script#1.end=fail",
        ] {
            assert!(refused(text).contains("possible there are `"), "{text}");
        }
    }
}
