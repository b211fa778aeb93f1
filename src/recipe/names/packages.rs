//! Packages and versions, as pkgsrc and Debian write them.
//!
//! pkgin takes a name apart with queries of its own, so a pattern holds nothing that it does not need.

use pkgsrc::Pattern;

use super::super::format::{Complaint, quoted};
use super::{LONGEST_FILE_NAME, LONGEST_NAME, check_length};

pub(in crate::recipe) fn check_package_name(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-_.".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_name) {
        check_length(text, LONGEST_NAME)
    } else {
        Err(Complaint::new(format!("{} is not a package's name", quoted(text)))
            .help("a name has letters, digits, `+`, `-`, `_` and `.`, and begins with a letter or digit"))
    }
}

pub(in crate::recipe) fn check_dependency(text: &str) -> Result<(), Complaint> {
    if text.contains(['<', '>', '*', '?', '[', '{']) {
        check_pattern(text)
    } else {
        check_package_name(text)
    }
}

pub(in crate::recipe) fn check_pattern(text: &str) -> Result<(), Complaint> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(
            Complaint::new(format!("{} is not a package pattern", quoted(text)))
                .label("a pattern has no spaces")
                .help("write for example `libevent>=2.1` or `netatalk-[0-9]*`"),
        );
    }
    // each group of alternatives multiplies what has to be compared
    if text.matches('{').count() > 4 || text.matches(',').count() > 20 {
        return Err(
            Complaint::new(format!("{} has too many alternatives", quoted(text)))
                .label("at most four `{…}` and twenty `,`"),
        );
    }
    // pkgin would take the first for an option, and writes the others into a query of its own
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-_.<>=*?[]{},!^".contains(c);
    if text.starts_with('-') || !text.chars().all(is_part) {
        return Err(
            Complaint::new(format!("{} is not a package pattern", quoted(text))).help(
                "a pattern has letters, digits, `+`, `-`, `_`, `.`, comparisons and wildcards, and \
                 does not begin with `-`",
            ),
        );
    }
    check_length(text, LONGEST_NAME)?;
    if text.contains("{{") {
        return Err(
            Complaint::new(format!("{} is not a package pattern", quoted(text)))
                .label("this is no template")
                .help("write the name out, with `when` where it depends on something"),
        );
    }
    // a bare `*` is every package there is
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '{');
    let is_torn = text.ends_with(['<', '>', '=']);
    let compares = text.contains(['<', '>']);
    let operands = text.split(['<', '>']).skip(1);
    let mut operands = operands.map(|part| part.strip_prefix('=').unwrap_or(part));
    let is_compared = match compares {
        true => operands.all(|operand| check_version(operand).is_ok()),
        false => !text.contains('='),
    };
    let is_good = begins_well && is_compared && !is_torn;
    let pattern = Pattern::new(text).ok().filter(|_| is_good);
    pattern.map(drop).ok_or_else(|| {
        Complaint::new(format!("{} is not a package pattern", quoted(text)))
            .label("pkgsrc cannot read this")
            .help("write for example `libevent>=2.1` or `netatalk-[0-9]*`")
    })
}

/// A version: pkgsrc splits a package's name from its version at the last `-`.
pub(in crate::recipe) fn check_version(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not a version", quoted(text)));
    if let Some((before, after)) = text.split_once('-') {
        // `1.0rc1` is older than `1.0` to pkgsrc, `1.0.rc1` is not
        let is_word = after.starts_with(|c: char| c.is_ascii_alphabetic());
        let between = if is_word { "" } else { "." };
        let meant = format!("{before}{between}{}", after.replace('-', "."));
        return Err(complaint()
            .label("`-` separates name and version")
            .help(format!("write for example `{meant}`")));
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._+".contains(c);
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_part) {
        check_length(text, LONGEST_NAME)
    } else {
        Err(complaint()
            .help("a version begins with a digit and has letters, digits, `.`, `_` and `+`"))
    }
}

/// A version of Debian's, as `deb-version(7)` has it.
pub(in crate::recipe) fn check_debian_version(text: &str) -> Result<(), Complaint> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".+-~:".contains(c);
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_part) {
        check_length(text, LONGEST_NAME)
    } else {
        Err(
            Complaint::new(format!("{} is not a Debian version", quoted(text)))
                .help("write for example `4.2.3~ds-2`"),
        )
    }
}

/// No template: nothing of a Debian source is rendered, so that it names one file of one archive.
pub(in crate::recipe) fn check_debian_file(text: &str) -> Result<(), Complaint> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.~:_".contains(c);
    if !text.is_empty() && !text.starts_with(['-', '.']) && text.chars().all(is_part) {
        return check_length(text, LONGEST_FILE_NAME);
    }
    let message = format!("{} is not a file of a Debian source package", quoted(text));
    let help = match text.contains("{{") {
        true => "write the name out: nothing of `debian` is a template",
        false => "write its name alone, for example `netatalk_4.2.3~ds.orig.tar.xz`",
    };
    Err(Complaint::new(message).help(help))
}
