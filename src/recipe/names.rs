//! Names, paths and addresses that a recipe or zone file may hold.
//!
//! They are refused here, at a desk, because the systems they end up in refuse them late and badly:
//! `vmadm` answers an impossible address with a time-out of five minutes.

use std::net::IpAddr;

use pkgsrc::Pattern;

use super::format::{Complaint, quoted};
use crate::smf::{DependencyTarget, Fmri, is_valid_name};

fn is_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

pub(super) fn check_line(text: &str) -> Result<(), Complaint> {
    if text.trim().is_empty() {
        return Err(Complaint::new("a text is empty").help("write something, or leave it out"));
    }
    if is_control(text) {
        return Err(Complaint::new(format!("{} must be one line", quoted(text)))
            .help("write it without newlines, tabs and other control characters"));
    }
    if text.trim() != text {
        let complaint = Complaint::new(format!("{} begins or ends with a blank", quoted(text)));
        return Err(complaint.help(format!("write {}", quoted(text.trim()))));
    }
    check_length(text, LONGEST_LINE)
}

/// The longest text of one line: SMF takes 4095 bytes, and people read it in a table.
const LONGEST_LINE: usize = 1_000;

/// The longest argument or variable: Linux gives a process 131,071 bytes in one, and the sandbox is
/// to refuse nothing that a zone takes.
const LONGEST_ARGUMENT: usize = 65_536;

/// The longest path and the longest name in one. The limits are 1023 and 255; what is written gets
/// there under a longer name first.
const LONGEST_PATH: usize = 1_000;
const LONGEST_FILE_NAME: usize = 220;

/// The longest name of anything that becomes part of a file's name.
const LONGEST_NAME: usize = 100;

fn check_length(text: &str, most: usize) -> Result<(), Complaint> {
    if text.len() <= most {
        return Ok(());
    }
    Err(Complaint::new(format!("{} is too long", quoted(text)))
        .label(format!("{} bytes", text.len()))
        .help(format!("write at most {most}")))
}

pub(super) fn check_argument(text: &str) -> Result<(), Complaint> {
    check_length(text, LONGEST_ARGUMENT)
}

/// A bare name has letters of which the shell makes nothing else; `:true` and `:kill` are words of
/// SMF's restarter.
pub(super) fn check_program(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not a program", quoted(text)));
    let help = "begin the command with the path of a program, or with a bare name";
    if is_control(text) {
        return Err(complaint().label("it has a control character").help(help));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._+-:".contains(c);
    let is_path = text.contains('/')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/._".contains(c));
    let is_bare = !text.is_empty() && !text.starts_with('-') && text.chars().all(is_name);
    if !is_path && !is_bare {
        return Err(complaint().help(help));
    }
    check_length(text, LONGEST_PATH)
}

/// A manifest is XML 1.0, and a value in SMF's repository ends at 4095 bytes.
pub(super) fn check_service_text(text: &str) -> Result<(), Complaint> {
    let is_carried = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || !(c < ' ' || c == '\u{fffe}' || c == '\u{ffff}')
    };
    if text.chars().all(is_carried) {
        return check_length(text, 3_900);
    }
    Err(
        Complaint::new(format!("{} cannot be carried by a manifest", quoted(text)))
            .label("XML has no control characters but tab and newline")
            .help("leave the control character out"),
    )
}

/// `svccfg` joins its arguments and takes them apart again by rules of its own.
pub(super) fn check_manifest_path(text: &str) -> Result<(), Complaint> {
    check_path(text)?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    if text.chars().all(is_part) && !text.ends_with('/') {
        return Ok(());
    }
    Err(
        Complaint::new(format!("{} is not the path of a manifest", quoted(text)))
            .label("`svccfg` takes letters, digits, `/`, `.`, `_`, `+` and `-`")
            .help("write for example `/var/svc/manifest/network/netatalk.xml`"),
    )
}

/// `:` ends a field of the account database.
pub(super) fn check_account_path(text: &str) -> Result<(), Complaint> {
    check_path(text)?;
    if text.contains(':') {
        return Err(Complaint::new(format!(
            "{} cannot stand in the account database",
            quoted(text)
        ))
        .help("choose a path without `:`"));
    }
    check_length(text, 255)
}

/// An absolute path, as every tool that will see it writes it.
pub(super) fn check_path(text: &str) -> Result<(), Complaint> {
    if !text.starts_with('/') {
        return Err(
            Complaint::new(format!("{} is not an absolute path", quoted(text)))
                .help("begin it with `/`"),
        );
    }
    check_components(text, text.strip_prefix('/').unwrap_or(text))
}

/// No empty component, no `.`, no `..`, no control character.
fn check_components(text: &str, relative: &str) -> Result<(), Complaint> {
    if is_control(text) {
        return Err(
            Complaint::new(format!("{} is not a path of one line", quoted(text)))
                .help("write it without newlines, tabs and other control characters"),
        );
    }
    if relative.is_empty() {
        return Ok(());
    }
    check_length(text, LONGEST_PATH)?;
    let plain = relative.strip_suffix('/').unwrap_or(relative);
    for component in plain.split('/') {
        let wrong = match component {
            ".." => "`..` leads out of where it seems to be",
            "." => "`.` stands for nothing",
            "" => "`//` stands for nothing",
            name => {
                check_length(name, LONGEST_FILE_NAME)?;
                continue;
            }
        };
        return Err(
            Complaint::new(format!("{} is not a plain path", quoted(text)))
                .label(wrong)
                .help("write the path as it is, without detours"),
        );
    }
    Ok(())
}

/// A path that stays below the folder it is relative to.
pub(super) fn check_below(folder: &str, text: &str) -> Result<(), Complaint> {
    if text.is_empty() || text.starts_with(['/', '~']) {
        return Err(
            Complaint::new(format!("{} is not below `{folder}`", quoted(text))).help(format!(
                "write it as it is called below `{folder}`, without a leading `/`"
            )),
        );
    }
    check_components(text, text)?;
    if text.ends_with('/') {
        return Err(
            Complaint::new(format!("{} names a folder", quoted(text))).help("name a file in it")
        );
    }
    Ok(())
}

/// A file's name may begin and end with a blank.
pub(super) fn check_local_path(text: &str) -> Result<(), Complaint> {
    if is_control(text) {
        return Err(
            Complaint::new(format!("{} is not a path of one line", quoted(text)))
                .help("write it without newlines, tabs and other control characters"),
        );
    }
    check_length(text, 4_000)
}

pub(super) fn check_url(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not a URL", quoted(text)));
    let rest = ["https://", "http://", "ftp://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| complaint().help("begin it with `https://`"))?;
    if rest.starts_with('/') || rest.is_empty() {
        return Err(complaint()
            .label("no host")
            .help("write for example `https://example.org/file-1.0.tar.xz`"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(complaint()
            .label("a URL has no spaces")
            .help("write a space as `%20`"));
    }
    // RFC 3986: unreserved, reserved and `%`
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    if let Some(wrong) = text.chars().find(|c| !is_part(*c)) {
        let mut bytes = [0; 4];
        let encoded: String = wrong
            .encode_utf8(&mut bytes)
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        return Err(complaint()
            .label(format!(
                "{} cannot stand in a URL",
                quoted(&wrong.to_string())
            ))
            .help(format!("write it as `{encoded}`")));
    }
    check_length(text, LONGEST_LINE)?;
    if rest
        .split('/')
        .next()
        .is_some_and(|host| host.contains('@'))
    {
        return Err(Complaint::new("a URL must not hold a login")
            .label("it would end up in logs")
            .help("leave out what stands before `@`"));
    }
    Ok(())
}

pub(super) fn check_package_name(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-_.".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_name) {
        check_length(text, LONGEST_NAME)
    } else {
        Err(Complaint::new(format!("{} is not a package's name", quoted(text)))
            .help("a name has letters, digits, `+`, `-`, `_` and `.`, and begins with a letter or digit"))
    }
}

pub(super) fn check_dependency(text: &str) -> Result<(), Complaint> {
    if text.contains(['<', '>', '*', '?', '[', '{']) {
        check_pattern(text)
    } else {
        check_package_name(text)
    }
}

pub(super) fn check_pattern(text: &str) -> Result<(), Complaint> {
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
pub(super) fn check_version(text: &str) -> Result<(), Complaint> {
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
pub(super) fn check_debian_version(text: &str) -> Result<(), Complaint> {
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
pub(super) fn check_debian_file(text: &str) -> Result<(), Complaint> {
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

/// The letters that SMF itself allows, as a help.
const SERVICE_NAMES: &str = "each part begins with a letter and has letters, digits, `-` and `_`";

/// `svc:/network/netatalk:default`: a service and its instance.
pub(super) fn check_instance(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not an instance of a service", quoted(text)));
    let Some(name) = text.strip_prefix("svc:/") else {
        let meant = text.trim_start_matches("svc:").trim_start_matches('/');
        return Err(complaint().help(format!("write it as `svc:/{}`", with_instance(meant))));
    };
    match name.split_once(':') {
        None => Err(complaint()
            .label("no instance")
            .help(format!("write `svc:/{}`", with_instance(name)))),
        Some(_) => Fmri::parse(text)
            .map(drop)
            .map_err(|_| complaint().help(SERVICE_NAMES)),
    }
}

fn with_instance(name: &str) -> String {
    if name.contains(':') {
        name.to_string()
    } else {
        format!("{name}:default")
    }
}

/// A dependency of a service: another service, with or without an instance, or a file.
pub(super) fn check_service_or_file(text: &str) -> Result<(), Complaint> {
    if let Some(path) = text.strip_prefix("file://localhost") {
        check_path(path)?;
        return DependencyTarget::parse(text).map(drop).map_err(|_| {
            Complaint::new(format!("{} is no file to depend on", quoted(text)))
                .help("SMF takes a path without blanks, `?` and `#`")
        });
    }
    let complaint = || Complaint::new(format!("{} is not a service", quoted(text)));
    if text.starts_with('/') {
        return Err(complaint().help(format!("write a file as `file://localhost{text}`")));
    }
    let Some(name) = text.strip_prefix("svc:/") else {
        let meant = text.trim_start_matches("svc:").trim_start_matches('/');
        return Err(complaint().help(format!("write it as `svc:/{meant}`")));
    };
    if name.is_empty() {
        return Err(complaint().help(SERVICE_NAMES));
    }
    DependencyTarget::parse(text)
        .map(drop)
        .map_err(|_| complaint().help(SERVICE_NAMES))
}

/// An account's name: what `useradd` takes without a warning, and at most `most` characters.
pub(super) fn check_account(text: &str, most: usize) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not an account's name", quoted(text)));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.chars().all(is_name) {
        return Err(complaint()
            .help("a name begins with a letter and has letters, digits, `_`, `.` and `-`"));
    }
    if text.len() > most {
        return Err(complaint()
            .label(format!("{} characters, at most {most}", text.len()))
            .help("choose a shorter name"));
    }
    Ok(())
}

/// A process's name: `pgrep -x` compares 15 characters and no more, and takes its argument for an
/// expression.
pub(super) fn check_process(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not a process's name", quoted(text)));
    if text.contains('/') {
        return Err(complaint().help("write its last part only, without the folder"));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_name) {
        return Err(complaint().help("a name has letters, digits, `_`, `.` and `-`"));
    }
    if text.len() > 15 {
        return Err(complaint()
            .label(format!("{} characters, at most 15", text.len()))
            .help("write the first 15: the system knows no more of a name"));
    }
    Ok(())
}

pub(super) fn check_privileges(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_privilege = |word: &str| {
        let word = word.strip_prefix('!').unwrap_or(word);
        !word.is_empty() && word.chars().all(is_name)
    };
    if text.split(',').all(is_privilege) {
        check_length(text, LONGEST_LINE)
    } else {
        Err(
            Complaint::new(format!("{} is not a list of privileges", quoted(text)))
                .help("write for example `basic,net_privaddr`, without spaces"),
        )
    }
}

pub(super) fn check_account_field(text: &str) -> Result<(), Complaint> {
    if text.contains(':') || is_control(text) {
        Err(Complaint::new(format!(
            "{} cannot stand in the account database",
            quoted(text)
        ))
        .label("no `:` and no newline")
        .help("leave them out"))
    } else {
        // (inferred) `useradd` takes no more
        check_length(text, 128)
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

pub(super) fn check_image(text: &str) -> Result<(), Complaint> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let has_version = text
        .split_once('@')
        .is_some_and(|(name, version)| is_part(name) && is_part(version));
    if has_version || is_uuid(text) {
        check_length(text, LONGEST_NAME)
    } else {
        Err(Complaint::new(format!("{} is not an image", quoted(text)))
            .help("write its name and version as `base-64-lts@24.4.1`, or its uuid"))
    }
}

pub(super) fn check_address(text: &str) -> Result<(), Complaint> {
    text.parse::<IpAddr>().map(drop).map_err(|_| {
        let complaint = Complaint::new(format!("{} is not an IP address", quoted(text)));
        match text
            .split('.')
            .find(|part| part.parse::<u32>().is_ok_and(|number| number > 255))
        {
            Some(part) => complaint
                .label(format!("{} is more than 255", quoted(part)))
                .help("write for example `192.0.2.1`"),
            None => complaint.help("write for example `192.0.2.1`"),
        }
    })
}

/// `192.0.2.10/24` in its two parts.
pub(crate) fn split_prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix: u8 = prefix.parse().ok()?;
    (1..=most).contains(&prefix).then_some((address, prefix))
}

pub(super) fn check_card_address(text: &str) -> Result<(), Complaint> {
    if text == "dhcp" || split_prefix(text).is_some() {
        return Ok(());
    }
    let complaint = Complaint::new(format!(
        "{} is not an address of a network card",
        quoted(text)
    ));
    let Some((address, _)) = text.split_once('/') else {
        return Err(match check_address(text) {
            Ok(()) => complaint
                .label("no prefix length")
                .help(format!("write for example `{text}/24`, or `dhcp`")),
            Err(wrong) => complaint
                .label(wrong.label)
                .help("write for example `192.0.2.10/24`, or `dhcp`"),
        });
    };
    Err(match check_address(address) {
        Err(wrong) => complaint
            .label(wrong.label)
            .help("write for example `192.0.2.10/24`"),
        Ok(()) => complaint
            .label("the prefix length is not one")
            .help("write for example `192.0.2.10/24`"),
    })
}

pub(super) fn check_host_name(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    // `nc` would take the first for an option
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_name) {
        check_length(text, 253)
    } else {
        Err(Complaint::new(format!("{} is not a host", quoted(text)))
            .help("write a name or an address, for example `127.0.0.1`"))
    }
}

/// A login: nothing that `ssh` could take for an option, a shell for a command, or `known_hosts` for
/// more than one host.
pub(super) fn check_ssh_target(text: &str) -> Result<(), Complaint> {
    let is_part = |c: char| c.is_alphanumeric() || "._-+@:[]%/".contains(c);
    let is_bad = text.is_empty()
        || text.starts_with('-')
        || text.contains("@-")
        || !text.chars().all(is_part)
        || text.len() > LONGEST_LINE;
    if is_bad {
        Err(
            Complaint::new(format!("{} is not a host to log in to", quoted(text)))
                .help("write a Host of `~/.ssh/config`, or `user@host:port`"),
        )
    } else {
        Ok(())
    }
}

pub(super) fn check_variable(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_name)
    {
        check_length(text, LONGEST_NAME)
    } else {
        Err(
            Complaint::new(format!("{} is not a variable's name", quoted(text)))
                .help("a name has letters, digits and `_`, and does not begin with a digit"),
        )
    }
}

/// Variables that bash has for itself, beside those that begin with its name: it drops what it is
/// given, or runs it (`BASH_ENV`).
const OF_BASH: &[&str] = &[
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "IFS",
    "LINENO",
    "OLDPWD",
    "OPTIND",
    "PPID",
    "PS4",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
    "_",
];

/// Variables that are ours in every build.
const OF_BUILDS: &[&str] = &["DESTDIR", "HOME"];

/// A variable that a build may set.
pub(super) fn check_build_variable(text: &str) -> Result<(), Complaint> {
    check_variable(text)?;
    let complaint = || Complaint::new(format!("{} cannot be set for a build", quoted(text)));
    if text.starts_with("BASH") || OF_BASH.contains(&text) {
        return Err(complaint()
            .label("bash has this variable for itself")
            .help("set it with `/usr/bin/env` in a command of the build"));
    }
    if OF_BUILDS.contains(&text) {
        return Err(complaint()
            .label("each build has a folder of its own for this")
            .help("leave it out"));
    }
    Ok(())
}

/// A variable that a service may set: SMF sets those that begin with its name.
pub(super) fn check_service_variable(text: &str) -> Result<(), Complaint> {
    check_variable(text)?;
    if text.starts_with("SMF_") {
        return Err(
            Complaint::new(format!("{} cannot be set for a service", quoted(text)))
                .label("SMF sets the variables that begin with `SMF_`")
                .help("leave it out"),
        );
    }
    Ok(())
}

pub(super) fn check_kebab(text: &str) -> Result<(), Complaint> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(is_word) {
        return check_length(text, LONGEST_NAME);
    }
    let meant = text.to_lowercase().replace(['_', ' ', '.'], "-");
    let complaint = Complaint::new(format!("{} is not a name for this", quoted(text)));
    Err(if meant != text && check_kebab(&meant).is_ok() {
        complaint.help(format!("write it as `{meant}`"))
    } else {
        complaint.help("write lower-case words joined by `-`, for example `server-name`")
    })
}

pub(super) fn check_property(text: &str) -> Result<(), Complaint> {
    // SMF would take `,` as well, which sets the provider of a property apart
    if is_valid_name(text) && !text.contains(',') {
        Ok(())
    } else {
        Err(
            Complaint::new(format!("{} is not a property's name", quoted(text))).help(
                "a name begins with a letter and has letters, digits, `-` and `_`, at most 119",
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;

    /// Texts that have the format, then texts that have not.
    fn hold(format: Format, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(format.check(text), Ok(()), "{format:?} {text}");
        }
        for text in bad {
            assert!(format.check(text).is_err(), "{format:?} {text:?}");
        }
    }

    #[test]
    fn paths_lead_where_they_seem_to() {
        hold(
            Format::Path,
            &["/", "/a", "/a/", "/a b/$x 'y' ü", "/a/..b", "/-x", "/a/..."],
            &[
                "", "a", "./a", "~/a", "/a/../b", "/..", "/a/.", "//a", "/a//b", "/a\nb", "/a\0",
            ],
        );
        hold(
            Format::Below("patches"),
            &["a", "a/b.patch", "a b"],
            &["", "/a", "../a", "a/../../b", "~/a", "a/", "./a", "a//b"],
        );
    }

    #[test]
    fn names_of_packages_and_versions_are_those_of_pkgsrc() {
        hold(
            Format::PackageName,
            &["netatalk", "gtk+3", "p5-Foo_Bar", "9libs", "py3.12-x"],
            &["", "-a", "a b", "a/b", "a>=1", "ä", "../a"],
        );
        hold(
            Format::Dependency,
            &[
                "libevent",
                "libevent>=2.1",
                "gcc>=12<14",
                "db5-[0-9]*",
                "{a,b}>=1",
            ],
            &[
                "",
                "a b",
                "a<",
                "a>=",
                "a>1>2",
                "a\n",
                "a-[",
                "{a,b}{a,b}{a,b}{a,b}{a,b}",
            ],
        );
        hold(
            Format::Version,
            &["1", "4.5.2", "1.0rc1", "3.2nb1", "1_2+git"],
            &["", "v1", "1-2", "1 2", "-"],
        );
        hold(
            Format::DebianVersion,
            &["4.2.3~ds-2", "1:2.3"],
            &["", "a", "1 2"],
        );
    }

    #[test]
    fn services_are_named_whole() {
        hold(
            Format::Instance,
            &[
                "svc:/network/netatalk:default",
                "svc:/a:b",
                "svc:/network/dns/multicast:default",
            ],
            &[
                "",
                "svc:/a",
                "a:b",
                "network/netatalk",
                "svc:/a:",
                "svc:/:b",
                "svc:/a//b:c",
                "svc:/a b:c",
                "svc:/a:b:c",
            ],
        );
        hold(
            Format::ServiceOrFile,
            &[
                "svc:/milestone/network",
                "svc:/milestone/network:default",
                "file://localhost/etc/x",
            ],
            &[
                "",
                "/etc/x",
                "file:///etc/x",
                "file://localhost/../x",
                "milestone/network",
            ],
        );
    }

    #[test]
    fn accounts_and_processes_have_names_that_tools_take() {
        hold(
            Format::Account(8),
            &["a", "zwbuild", "a_b.c-d", "eightlet"],
            &["", "ninechars", "0a", "_a", "a b", "-a", "ü"],
        );
        hold(
            Format::Process,
            &["afpd", "fifteen-letters"],
            &["", "sixteen--letters", "/bin/x"],
        );
        hold(
            Format::AccountField,
            &["", "Anna B., büro"],
            &["a:b", "a\nb"],
        );
        hold(
            Format::Privileges,
            &["basic", "basic,!proc_info,net_privaddr"],
            &["", "a,", "a b", ",a"],
        );
        hold(
            Format::Variable,
            &["A", "_a1"],
            &["", "1a", "a-b", "a b", "a=b"],
        );
        hold(
            Format::Kebab,
            &["a", "server-name", "x1-2"],
            &["", "A", "a_b", "-a", "a-", "a--b", "1a"],
        );
    }

    #[test]
    fn addresses_are_whole_and_in_range() {
        hold(
            Format::Address,
            &["192.0.2.1", "2001:db8::1"],
            &["", "192.0.2.256", "192.0.2", "192.0.2.1/24", "a.b"],
        );
        hold(
            Format::CardAddress,
            &[
                "dhcp",
                "192.0.2.1/24",
                "192.0.2.1/32",
                "192.0.2.1/1",
                "2001:db8::1/128",
            ],
            &[
                "",
                "DHCP",
                "192.0.2.1",
                "192.0.2.1/33",
                "192.0.2.1/0",
                "192.0.2.1/",
                "2001:db8::1/129",
            ],
        );
        hold(
            Format::Image,
            &["base-64-lts@24.4.1", "c8715b60-7e98-11eb-82d1-03d16599f529"],
            &[
                "",
                "base-64-lts",
                "@1",
                "a@",
                "a b@1",
                "c8715b60-7e98-11eb-82d1-03d16599f52g",
            ],
        );
        hold(
            Format::SshTarget,
            &["vault", "matt@vault", "root@192.0.2.1:2222"],
            &["", "-oX", "a@-x", "a b"],
        );
        hold(
            Format::Url,
            &["https://a/b", "http://a", "ftp://a/b"],
            &[
                "",
                "https://",
                "file:///a",
                "https://a b",
                "https://u:p@a/",
                "git://a",
            ],
        );
    }

    #[test]
    fn a_sha256_has_64_hex_digits() {
        let good = "2cdfd5420e8e91c85c82dda66a92dcdd5974eef076feb169b279c600133f38b2";
        let long = format!("{good}0");
        let prefixed = format!("sha256:{good}");
        let other = good.replace('2', "g");
        hold(
            Format::Sha256,
            &[good, &good.to_uppercase()],
            &["", &good[1..], &long, &prefixed, &other],
        );
    }
}
