//! `when`: conditions on the version, the pkgsrc branch and the brand.
//!
//! pkgsrc's dewey order has no `=`; a bare version therefore becomes `>=` and `<=` of itself.

use pkgsrc::Dewey;

use super::format::{Complaint, quoted};
use super::names::check_version;
use super::tree::Node;

/// What conditions are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circumstances<'a> {
    pub version: &'a str,
    pub branch: &'a str,
    pub brand: &'a str,
}

/// Whether a `when` table holds; what it does not mention holds.
pub(crate) fn holds(when: &Node, now: &Circumstances<'_>) -> bool {
    let compares = |key: &str, actual: &str| {
        when.maybe_text(key)
            .is_none_or(|condition| is_within(actual, &condition))
    };
    compares("version", now.version)
        && compares("branch", now.branch)
        && when
            .maybe_text("brand")
            .is_none_or(|brand| brand == now.brand)
}

/// Whether `actual` is one of the versions that `condition` describes.
#[must_use]
pub fn is_within(actual: &str, condition: &str) -> bool {
    pattern(condition).is_ok_and(|pattern| pattern.matches(&format!("x-{actual}")))
}

fn pattern(condition: &str) -> Result<Dewey, pkgsrc::DeweyError> {
    if condition.starts_with(['<', '>']) {
        Dewey::new(&format!("x{condition}"))
    } else {
        Dewey::new(&format!("x>={condition}<={condition}"))
    }
}

/// The versions that a condition names.
pub(crate) fn operands(condition: &str) -> impl Iterator<Item = &str> {
    let parts = condition
        .split(['<', '>'])
        .skip(usize::from(condition.starts_with(['<', '>'])));
    parts.map(|part| part.strip_prefix('=').unwrap_or(part))
}

pub(super) fn check_versions(text: &str) -> Result<(), Complaint> {
    let example = "write for example `>=3.1<3.2`, `<4`, or a version alone for exactly that one";
    check_comparison(text, example)
}

pub(super) fn check_branches(text: &str) -> Result<(), Complaint> {
    check_comparison(text, "write for example `2024Q4` or `>=2023Q4`")?;
    match operands(text).find(|operand| !is_branch(operand)) {
        None => Ok(()),
        Some(operand) => Err(
            Complaint::new(format!("{} is not a pkgsrc branch", quoted(operand)))
                .help("a branch is a year and a quarter, for example `2024Q4`"),
        ),
    }
}

fn check_comparison(text: &str, example: &str) -> Result<(), Complaint> {
    let help = match meant(text) {
        Some(meant) => format!("write `{meant}`"),
        None if text.contains('|') => {
            "there is no `or`: write the same thing twice, each with one of the conditions"
                .to_owned()
        }
        None => example.to_owned(),
    };
    let complaint = || {
        let label = "pkgsrc knows `>=`, `>`, `<=` and `<`";
        let is_foreign = text.contains(['=', '~', '^', '!']) && !text.contains([',', ' ']);
        let complaint = Complaint::new(format!("{} does not compare versions", quoted(text)));
        match is_foreign {
            true => complaint.label(label).help(help.as_str()),
            false => complaint.help(help.as_str()),
        }
    };
    if operands(text).any(|operand| check_version(operand).is_err() || is_open(operand))
        || pattern(text).is_err()
        || text.contains("==")
        || text.starts_with('=')
    {
        return Err(complaint());
    }
    if is_empty(text) {
        return Err(
            Complaint::new(format!("{} holds for no version", quoted(text)))
                .help("the first version must be less than the second, as in `>=3.1<3.2`"),
        );
    }
    Ok(())
}

/// Whether a version has a part that stands for others, which pkgsrc would take for letters.
fn is_open(version: &str) -> bool {
    let mut parts = version.split('.');
    version.ends_with('+') || parts.any(|part| part == "x" || part == "X")
}

/// Whether no version lies between both ends of a range.
fn is_empty(condition: &str) -> bool {
    let ends: Vec<&str> = operands(condition).collect();
    let [low, high] = ends[..] else {
        return false;
    };
    let has_both = condition.starts_with(">=") && condition.contains("<=");
    let order = if has_both { "<=" } else { "<" };
    !is_within(low, &format!("{order}{high}"))
}

/// What somebody meant who writes versions as other tools do; nothing where that is not plain.
fn meant(text: &str) -> Option<String> {
    let ascii = text.replace('≥', ">=").replace('≤', "<=");
    let separated = |c: char| c == ',' || c.is_whitespace();
    let parts: Vec<&str> = ascii
        .split(separated)
        .filter(|part| !part.is_empty())
        .collect();
    let mut joined = parts.concat();
    // the lower end first
    if let Some(at) = joined
        .rfind('>')
        .filter(|at| joined.starts_with('<') && *at > 0)
    {
        let low = joined.split_off(at);
        joined.insert_str(0, &low);
    }
    let plain = joined.trim_start_matches('=');
    let found = if let Some(version) = joined.strip_prefix('^') {
        between(version, 1)?
    } else if let Some(version) = joined.strip_prefix("~>").or(joined.strip_prefix('~')) {
        between(version, 2)?
    } else if let Some(version) = plain.strip_suffix('+') {
        format!(">={version}")
    } else if let Some(version) = [".x", ".X", ".*"]
        .iter()
        .find_map(|end| plain.strip_suffix(end))
    {
        between(version, version.split('.').count())?
    } else {
        plain.to_owned()
    };
    let is_new = !is_open(&found) && found != text;
    let is_good = operands(&found).all(|operand| check_version(operand).is_ok())
        && pattern(&found).is_ok()
        && !is_empty(&found);
    (is_new && is_good).then_some(found)
}

/// From a version up to the next one in its part number `part`.
fn between(version: &str, part: usize) -> Option<String> {
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    let mut next = numbers?;
    next.truncate(part.max(1));
    *next.last_mut()? += 1;
    let next: Vec<String> = next.iter().map(u32::to_string).collect();
    Some(format!(">={version}<{}", next.join(".")))
}

fn is_branch(text: &str) -> bool {
    text.split_once('Q').is_some_and(|(year, quarter)| {
        year.len() == 4
            && year.bytes().all(|digit| digit.is_ascii_digit())
            && ["1", "2", "3", "4"].contains(&quarter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_in_dewey_order() {
        for (actual, condition, expected) in [
            ("4.5.2", "4.5.2", true),
            ("4.5.2", "4.5.20", false),
            ("4.5.10", ">=4.5.2", true),
            ("3.1", ">=3.1<3.2", true),
            ("3.2", ">=3.1<3.2", false),
            ("3.0.9", ">=3.1<3.2", false),
            ("3.0.2", "<3.0.3", true),
            ("3.0.3", "<3.0.3", false),
            ("4.0rc1", "<4.0", true),
            ("2024Q4", ">=2023Q4", true),
            ("2023Q3", ">=2023Q4", false),
            ("2024Q1", ">=2023Q4", true),
            ("2024Q4", "2024Q4", true),
            ("2024Q4", "2024Q3", false),
        ] {
            assert_eq!(
                is_within(actual, condition),
                expected,
                "{actual} {condition}"
            );
        }
    }

    #[test]
    fn malformed_comparisons_are_refused() {
        for text in [
            "", "==3", "!=3", "~3", ">=", "<3>1", ">=1<", "> 3", "3-1", ">1>2",
        ] {
            assert!(check_versions(text).is_err(), "{text}");
        }
        for text in [
            "3.0.3+",
            "3.x",
            "3.*",
            ">=4<3",
            ">3<3",
            ">3.0.2<=3.0.2",
            "=3",
            "≥3",
            "<3||>4",
            ">=3.1,<3.2",
        ] {
            assert!(check_versions(text).is_err(), "{text}");
        }
        for text in [">=3<=3", ">=3<3.0.1", "1.0+ds1", "3"] {
            assert_eq!(check_versions(text), Ok(()), "{text}");
        }
        for text in [">=2023", "2023Q5", "23Q4", ">=2023q4", ""] {
            assert!(check_branches(text).is_err(), "{text}");
        }
        for text in ["2024Q4", ">=2023Q4", ">=2022Q1<2024Q1"] {
            assert_eq!(check_branches(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_other_tools_write_is_understood_and_spelled_out() {
        for (text, wanted) in [
            ("=3.0.3", "3.0.3"),
            ("==3.0.3", "3.0.3"),
            ("< 3.0.3", "<3.0.3"),
            (">=3.1,<3.2", ">=3.1<3.2"),
            (">= 3.1, < 3.2", ">=3.1<3.2"),
            ("<3.2>=3.1", ">=3.1<3.2"),
            ("<3.2, >=3.1", ">=3.1<3.2"),
            ("≥3", ">=3"),
            ("3.0.3+", ">=3.0.3"),
            ("3.x", ">=3<4"),
            ("3.0.*", ">=3.0<3.1"),
            ("^3.1", ">=3.1<4"),
            ("~3.1.2", ">=3.1.2<3.2"),
            (">=2023Q4, <2024Q4", ">=2023Q4<2024Q4"),
        ] {
            let check = match wanted.contains('Q') {
                true => check_branches,
                false => check_versions,
            };
            let complaint = check(text).unwrap_err();
            assert_eq!(complaint.help, Some(format!("write `{wanted}`")), "{text}");
            // the help, followed to the letter, is right
            assert_eq!(check(wanted), Ok(()), "{text}");
        }
        let either = check_versions("<3 || >4").unwrap_err();
        assert!(either.help.unwrap().starts_with("there is no `or`"));
    }
}
