//! Package patterns as pkg_install matches them.
//!
//! A pattern that fails as it stands is tried again with `-[0-9]*` behind it, so `foo` finds
//! `foo-1.0` and not `foo-bar-1`. The `pkgsrc` crate, which does the rest, leaves that out.

use pkgsrc::{Dewey, Pattern};

/// Whether `name` (with version) satisfies the pattern. A malformed pattern matches nothing.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    if let Some(alternatives) = alternatives(pattern) {
        return alternatives.iter().any(|p| matches(p, name));
    }
    let is_match = |p: &str| Pattern::new(p).is_ok_and(|p| p.matches(name));
    if pattern.contains(['<', '>']) {
        return is_match(pattern);
    }
    pattern == name || is_match(pattern) || is_match(&format!("{pattern}-[0-9]*"))
}

/// Whether the word is a pattern at all, rather than a name.
#[must_use]
pub fn is_pattern(word: &str) -> bool {
    word.contains(['<', '>', '[', ']', '?', '*', '{'])
}

/// The best of the names that satisfy the pattern: the newest; of equals the first in the alphabet.
pub fn best<'a>(pattern: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<&str> = None;
    for name in names.into_iter().filter(|n| matches(pattern, n)) {
        best = match best {
            Some(old) if is_newer(old, name) => Some(old),
            Some(old) if !is_newer(name, old) && old <= name => Some(old),
            _ => Some(name),
        };
    }
    best
}

/// Whether the version of `one` is newer than that of `other`, whatever their base names.
#[must_use]
pub fn is_newer(one: &str, other: &str) -> bool {
    Dewey::new(&format!("x>{}", version(other)))
        .is_ok_and(|newer| newer.matches(&format!("x-{}", version(one))))
}

/// The text before the last hyphen; the whole name where there is none.
#[must_use]
pub fn base(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(base, _)| base)
}

/// The text after the last hyphen.
#[must_use]
pub fn version(name: &str) -> &str {
    name.rsplit_once('-').map_or("", |(_, version)| version)
}

/// The patterns that the last brace group stands for, where there is one.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let (before, rest) = pattern.rsplit_once('{')?;
    let (group, after) = rest.split_once('}')?;
    Some(
        group
            .split(',')
            .map(|word| format!("{before}{word}{after}"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_pkg_install_matches_them() {
        for (pattern, name, expected) in [
            ("foo", "foo-1.0", true),
            ("foo", "foo-bar-1", false),
            ("foo-1.0", "foo-1.0", true),
            ("foo-1.0", "foo-1.0nb1", false),
            ("foo>=1.0<2", "foo-1.5nb2", true),
            ("foo>=1.0<2", "foo-2", false),
            ("foo>=1.0<2", "foo-0.9", false),
            ("foo<1.0", "foo-1.0", false),
            ("foo<=1.0", "foo-1.0", true),
            ("fo*", "foo-1.0", true),
            ("f?o-[0-9]*", "foo-1.0", true),
            ("{foo,bar}", "bar-2", true),
            ("{foo,bar}-[0-9]*", "bar-2", true),
            ("{foo>=1,bar<2}", "bar-2", false),
            ("{a,b}{c,d}-1", "bc-1", true),
            ("foo{", "foo-1", false),
            ("foo>1<2<3", "foo-1.5", false),
            ("gcc13", "gcc13-libs-13.3.0", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_best_match_is_the_newest() {
        let names = ["foo-1.2", "foo-1.10", "foo-1.9nb3", "bar-7"];
        assert_eq!(best("foo", names), Some("foo-1.10"));
        assert_eq!(best("foo<1.10", names), Some("foo-1.9nb3"));
        assert_eq!(best("baz", names), None);
        assert_eq!(best("{b,a}", ["b-1.0", "a-1.0"]), Some("a-1.0"));
    }
}
