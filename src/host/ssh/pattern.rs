//! The patterns of `ssh_config` and `known_hosts`: `*`, `?`, and `!` before those that exclude.
//!
//! A list matches when one of its patterns does and none of the excluding ones does: a list of
//! nothing but exclusions matches nothing.

/// Whether `pattern` matches all of `text`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || Some(&c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => {
                // let the last star take one byte more
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|&c| c == b'*')
}

/// Whether a list of patterns matches `text`.
pub(super) fn matches_list<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(excluded) if matches(excluded, text) => return false,
            Some(_) => {}
            None => found |= matches(pattern, text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("*.lan", "x.lan", true),
            ("?", "", false),
            ("v?ult", "vault", true),
            ("10.0.*.?", "10.0.22.3", true),
            ("10.0.*.?", "10.0.22.33", false),
            ("**a**", "bab", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn an_exclusion_wins_wherever_it_stands() {
        assert!(matches_list(["a*", "!ab"], "ac"));
        assert!(!matches_list(["a*", "!ab"], "ab"));
        assert!(!matches_list(["!ab", "a*"], "ab"));
        assert!(!matches_list(["!ab"], "ac"));
        assert!(!matches_list([], ""));
    }
}
