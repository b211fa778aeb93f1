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
    let complaint = || Complaint::new(format!("{} does not compare versions", quoted(text)));
    let help = "write for example `>=3.1<3.2`, `<4`, or a version alone for exactly that one";
    if text.contains("==") || text.contains("!=") || text.starts_with(['=', '~', '^']) {
        return Err(complaint()
            .label("pkgsrc knows `>=`, `>`, `<=` and `<`")
            .help(help));
    }
    if operands(text).any(|operand| check_version(operand).is_err()) || pattern(text).is_err() {
        return Err(complaint().help(help));
    }
    Ok(())
}

pub(super) fn check_branches(text: &str) -> Result<(), Complaint> {
    check_versions(text)
        .map_err(|complaint| complaint.help("write for example `2024Q4` or `>=2023Q4`"))?;
    match operands(text).find(|operand| !is_branch(operand)) {
        None => Ok(()),
        Some(operand) => Err(
            Complaint::new(format!("{} is not a pkgsrc branch", quoted(operand)))
                .help("a branch is a year and a quarter, for example `2024Q4`"),
        ),
    }
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
        for text in [">=2023", "2023Q5", "23Q4", ">=2023q4", ""] {
            assert!(check_branches(text).is_err(), "{text}");
        }
        for text in ["2024Q4", ">=2023Q4", ">=2022Q1<2024Q1"] {
            assert_eq!(check_branches(text), Ok(()), "{text}");
        }
    }
}
