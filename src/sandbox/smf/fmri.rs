//! Names of services and instances, and the patterns by which commands find them.
//!
//! A partial name matches at element boundaries only, so `smtp` finds `network/smtp` and `mail`
//! does not find `sendmail`; a glob's `*` crosses slashes.

use super::model::Repository;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A service, or one instance of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fmri {
    /// The service without scope: `network/ssh`.
    pub service: String,
    /// The instance: `default`.
    pub instance: Option<String>,
}

impl fmt::Display for Fmri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "svc:/{}", self.service)?;
        match &self.instance {
            Some(instance) => write!(f, ":{instance}"),
            None => Ok(()),
        }
    }
}

impl Fmri {
    /// A service.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self {
            service: name.to_owned(),
            instance: None,
        }
    }

    /// An instance.
    #[must_use]
    pub fn instance(service: &str, instance: &str) -> Self {
        Self {
            service: service.to_owned(),
            instance: Some(instance.to_owned()),
        }
    }

    /// Reads `svc:/a/b`, `svc:/a/b:c`, `svc://localhost/a/b:c` and the same without `svc:/`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text
            .strip_prefix("svc://localhost/")
            .or_else(|| text.strip_prefix("svc:/"))
            .unwrap_or(text);
        let (service, instance) = match bare.split_once(':') {
            Some((service, instance)) => (service, Some(instance)),
            None => (bare, None),
        };
        let named = !service.is_empty()
            && service.split('/').all(is_element)
            && instance.is_none_or(is_element);
        named.then(|| Self {
            service: service.to_owned(),
            instance: instance.map(str::to_owned),
        })
    }

    /// The name of the instance's log, without its folder.
    #[must_use]
    pub fn log_name(&self) -> String {
        let instance = self.instance.as_deref().unwrap_or("default");
        format!("{}:{instance}.log", self.service.replace('/', "-"))
    }
}

/// Whether `text` may be one element of a service name, or an instance name.
#[must_use]
pub fn is_element(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ','))
}

/// What kind of pattern an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// A whole FMRI.
    Exact,
    /// With `*`, `?` or `[`.
    Glob,
    /// A part of a name.
    Partial,
}

/// Tells what kind of pattern `text` is.
#[must_use]
pub fn kind_of(text: &str) -> Pattern {
    if text.contains(['*', '?', '[']) {
        Pattern::Glob
    } else if text.starts_with("svc:/") {
        Pattern::Exact
    } else {
        Pattern::Partial
    }
}

/// The instances that `pattern` names, sorted.
#[must_use]
pub fn matching_instances(repository: &Repository, pattern: &str) -> Vec<Fmri> {
    let all = repository.instances();
    match kind_of(pattern) {
        Pattern::Glob => {
            let whole = whole_glob(pattern);
            all.into_iter()
                .filter(|fmri| glob(&whole, &fmri.to_string()))
                .collect()
        }
        Pattern::Exact => match Fmri::parse(pattern) {
            Some(wanted) => all
                .into_iter()
                .filter(|fmri| {
                    fmri.service == wanted.service
                        && (wanted.instance.is_none() || wanted.instance == fmri.instance)
                })
                .collect(),
            None => Vec::new(),
        },
        Pattern::Partial => all
            .into_iter()
            .filter(|fmri| is_partial(pattern, &fmri.to_string()))
            .collect(),
    }
}

/// The services that `pattern` names, sorted.
#[must_use]
pub fn matching_services(repository: &Repository, pattern: &str) -> Vec<Fmri> {
    let all = repository.services.keys().map(|name| Fmri::service(name));
    match kind_of(pattern) {
        Pattern::Glob => {
            let whole = whole_glob(pattern);
            all.filter(|fmri| glob(&whole, &fmri.to_string())).collect()
        }
        Pattern::Exact => {
            let wanted = Fmri::parse(pattern);
            all.filter(|fmri| wanted.as_ref() == Some(fmri)).collect()
        }
        Pattern::Partial => all
            .filter(|fmri| is_partial(pattern, &fmri.to_string()))
            .collect(),
    }
}

fn whole_glob(pattern: &str) -> String {
    if pattern.starts_with('*') || pattern.as_bytes().get(3) == Some(&b':') {
        pattern.to_owned()
    } else {
        format!("svc:/{pattern}")
    }
}

/// A part starts at an element's beginning and ends at the end or before a `:`.
fn is_partial(pattern: &str, fmri: &str) -> bool {
    !pattern.is_empty()
        && fmri.match_indices(pattern).any(|(start, found)| {
            let before = fmri.as_bytes().get(start.wrapping_sub(1)).copied();
            let after = fmri.as_bytes().get(start + found.len()).copied();
            let starts = start == 0
                || matches!(before, Some(b'/' | b':'))
                || pattern.starts_with([':', '/']);
            starts && matches!(after, None | Some(b':'))
        })
}

/// `fnmatch` without flags: `*` and `?` match slashes, a backslash quotes.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    glob_from(&pattern, &text)
}

fn glob_from(pattern: &[char], text: &[char]) -> bool {
    let Some((&first, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    match first {
        '*' => (0..=text.len()).any(|skipped| glob_from(rest, text.get(skipped..).unwrap_or(&[]))),
        '?' => text
            .split_first()
            .is_some_and(|(_, tail)| glob_from(rest, tail)),
        '[' => match (bracket(rest), text.split_first()) {
            (Some((set, after)), Some((&c, tail))) => set.holds(c) && glob_from(after, tail),
            (Some(_), None) => false,
            (None, _) => literal('[', rest, text),
        },
        '\\' => match rest.split_first() {
            Some((&quoted, after)) => literal(quoted, after, text),
            None => literal('\\', rest, text),
        },
        plain => literal(plain, rest, text),
    }
}

fn literal(wanted: char, rest: &[char], text: &[char]) -> bool {
    text.split_first()
        .is_some_and(|(&c, tail)| c == wanted && glob_from(rest, tail))
}

struct Set<'a> {
    members: &'a [char],
    negated: bool,
}

impl Set<'_> {
    fn holds(&self, c: char) -> bool {
        let mut found = false;
        let mut members = self.members;
        while let Some((&low, rest)) = members.split_first() {
            match rest {
                ['-', high, after @ ..] => {
                    found |= (low..=*high).contains(&c);
                    members = after;
                }
                _ => {
                    found |= low == c;
                    members = rest;
                }
            }
        }
        found != self.negated
    }
}

fn bracket(pattern: &[char]) -> Option<(Set<'_>, &[char])> {
    let negated = matches!(pattern.first(), Some('!' | '^'));
    let body = pattern.get(usize::from(negated)..)?;
    let end = body.iter().skip(1).position(|&c| c == ']')? + 1;
    Some((
        Set {
            members: body.get(..end)?,
            negated,
        },
        body.get(end + 1..)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::smf::model::{Instance, Service};

    fn repository(fmris: &[&str]) -> Repository {
        let mut repository = Repository::default();
        for fmri in fmris {
            let fmri = Fmri::parse(fmri).unwrap();
            let service: &mut Service = repository.services.entry(fmri.service).or_default();
            service
                .instances
                .insert(fmri.instance.unwrap(), Instance::default());
        }
        repository
    }

    #[test]
    fn a_partial_name_matches_at_element_boundaries_only() {
        let repository = repository(&["svc:/network/smtp:sendmail"]);
        for good in [
            "sendmail",
            ":sendmail",
            "smtp",
            "smtp:sendmail",
            "network/smtp",
        ] {
            assert_eq!(matching_instances(&repository, good).len(), 1, "{good}");
        }
        for bad in ["mail", "network", "network/smt", "send", "", "mtp"] {
            assert_eq!(matching_instances(&repository, bad).len(), 0, "{bad}");
        }
    }

    #[test]
    fn a_glob_crosses_slashes_and_gets_its_scope() {
        let repository = repository(&["svc:/a/b/c:default", "svc:/a/d:x", "svc:/z:default"]);
        assert_eq!(matching_instances(&repository, "a*").len(), 2);
        assert_eq!(matching_instances(&repository, "*default").len(), 2);
        assert_eq!(matching_instances(&repository, "svc:/?:default").len(), 1);
        assert_eq!(matching_instances(&repository, "[!z]*").len(), 2);
        assert_eq!(matching_instances(&repository, "b*").len(), 0);
    }

    #[test]
    fn a_service_without_instance_names_all_of_its_instances() {
        let repository = repository(&["svc:/a/b:one", "svc:/a/b:two", "svc:/a/bc:one"]);
        assert_eq!(matching_instances(&repository, "svc:/a/b").len(), 2);
        assert_eq!(matching_instances(&repository, "svc:/a/b:one").len(), 1);
        assert_eq!(matching_instances(&repository, "svc:/a").len(), 0);
    }

    #[test]
    fn a_log_is_named_with_hyphens_for_slashes() {
        let fmri = Fmri::parse("svc:/network/nfs/client:default").unwrap();
        assert_eq!(fmri.log_name(), "network-nfs-client:default.log");
    }
}
