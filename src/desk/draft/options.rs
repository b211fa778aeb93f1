//! The options that a source declares, and which of them a build in a zone should set.
//!
//! Only names and descriptions tell what an option does, so what is decided here is what nearly
//! every source means by such a name; all others stand in the draft as comments.

use super::super::options::meson;
use super::{Files, text};

/// An option that a source declares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// As it is written on the command line, without its value: `-Dwith-docs`, `--disable-ipv6`.
    pub name: String,
    /// The source's default.
    pub default: String,
    /// meson's type.
    pub kind: String,
    /// The source's own words.
    pub description: String,
}

/// A value for an option, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub argument: String,
    pub why: String,
}

/// The options in `meson_options.txt` or `meson.options`.
pub(super) fn of_meson(files: &Files<'_>) -> Vec<Declared> {
    let names = ["meson.options", "meson_options.txt"];
    let found = names.iter().find_map(|path| text(files, path));
    let known = meson::declared(&found.unwrap_or_default()).into_iter();
    known
        .map(|option| Declared {
            name: format!("-D{}", option.name),
            default: option.default,
            kind: option.type_name,
            description: one_line(&option.description),
        })
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The options that `configure --help` lists, without those that every such script has.
pub(super) fn of_configure(script: &str) -> Vec<Declared> {
    const EVERYWHERE: &[&str] = &[
        "--disable-option-checking",
        "--disable-FEATURE",
        "--enable-FEATURE",
        "--with-PACKAGE",
        "--without-PACKAGE",
        "--enable-silent-rules",
        "--disable-silent-rules",
        "--enable-dependency-tracking",
        "--disable-dependency-tracking",
        "--enable-maintainer-mode",
        "--disable-maintainer-mode",
        "--enable-shared",
        "--enable-static",
        "--enable-fast-install",
        "--disable-libtool-lock",
        "--with-pic",
        "--with-gnu-ld",
        "--with-sysroot",
        "--disable-largefile",
        "--enable-year2038",
        "--disable-year2038",
        "--with-aix-soname",
    ];
    let mut options: Vec<Declared> = Vec::new();
    let is_option = |line: &str| {
        ["  --enable-", "  --disable-", "  --with-", "  --without-"]
            .iter()
            .any(|begin| line.starts_with(begin))
    };
    let mut is_inside = false;
    for line in script.lines() {
        if line.starts_with("Optional Features:") || line.starts_with("Optional Packages:") {
            is_inside = true;
        } else if !line.starts_with("  ") {
            is_inside = false;
        } else if is_inside && is_option(line) {
            let (name, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            let plain = name.split(['=', '[']).next().unwrap_or(name).to_owned();
            options.push(Declared {
                name: plain,
                default: String::new(),
                kind: String::new(),
                description: one_line(rest),
            });
        } else if is_inside && let Some(last) = options.last_mut() {
            last.description = one_line(&format!("{} {line}", last.description));
        }
    }
    options.retain(|option| !EVERYWHERE.contains(&option.name.as_str()));
    options
}

/// What integrates a source with systems that a zone with one service does not have.
const SELDOM: &[&str] = &[
    "afpstats",
    "cracklib",
    "cups",
    "dbus",
    "dtrace",
    "gssapi",
    "gtk",
    "kerberos",
    "krbv",
    "ldap",
    "mysql",
    "postgres",
    "qt",
    "quota",
    "selinux",
    "spotlight",
    "systemd",
    "tcp-wrappers",
    "x11",
];

/// The value that a build in a zone should give an option, where its name tells.
pub(super) fn choose(option: &Declared) -> Option<Chosen> {
    let name = option.name.strip_prefix("-D")?;
    let plain = name
        .strip_prefix("with-")
        .or_else(|| name.strip_prefix("enable-"))
        .unwrap_or(name);
    let words: Vec<&str> = plain.split(['-', '_']).collect();
    let has = |word: &str| words.contains(&word);
    let off = match option.kind.as_str() {
        "boolean" if option.default != "false" => Some("false"),
        "feature" => Some("disabled"),
        "array" if !option.default.is_empty() => Some(""),
        _ => None,
    };
    let turn_off = |why: &str| {
        off.map(|value| Chosen {
            argument: format!("-D{name}={value}"),
            why: why.to_owned(),
        })
    };
    let give = |value: &str, why: &str| {
        Some(Chosen {
            argument: format!("-D{name}={value}"),
            why: why.to_owned(),
        })
    };
    if has("hooks") || plain.ends_with("statedir-creation") {
        return turn_off("a build must not touch the running system");
    }
    if plain == "init-style" || plain == "init-system" {
        return give("none", "the service is made from this recipe, see below");
    }
    if plain.ends_with("pam-config-path") || plain == "pamdir" {
        return give(
            "/opt/local/etc/pam.d",
            "inside the prefix, where a package may put files",
        );
    }
    if plain.ends_with("lockfile-path") || plain == "rundir" {
        return give(
            "/var/run",
            "empty after each boot, so that no stale lock keeps the service down",
        );
    }
    if plain == "debug" {
        return turn_off("what people run is built for release");
    }
    let is_about = |list: &[&str]| {
        list.iter()
            .any(|word| plain == *word || (has(word) && !plain.ends_with("path")))
    };
    if is_about(&["docs", "doc", "documentation", "doxygen", "html"]) {
        return turn_off("documentation needs tools that nothing else needs");
    }
    if is_about(&["tests", "testsuite", "examples", "fuzzing"]) {
        return turn_off("only for those who develop it");
    }
    let lower = plain.to_lowercase();
    let is_seldom = |word: &str| {
        lower == word
            || lower.starts_with(&format!("{word}-"))
            || lower.contains(&format!("-{word}-"))
    };
    let is_switch = !["string", "combo"].contains(&option.kind.as_str());
    if is_switch && SELDOM.iter().any(|word| is_seldom(word)) {
        return turn_off("what would be found depends on the zone: on only where it is wanted");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_meson_are_read_with_their_defaults() {
        let text = "# option('no')\noption('with-docs', type: 'array', choices: ['man', 'html'],\n  value: ['man'], description: 'Which (docs)')\n\
                    option(\n    'with-hooks',\n    type: 'boolean',\n    value: true,\n    description: 'Hooks\n for it',\n)\noption('x', type : 'string', value : '')\n";
        let files = Files::from([("meson_options.txt".to_owned(), text.as_bytes())]);
        let found = of_meson(&files);
        let names: Vec<_> = found
            .iter()
            .map(|o| (o.name.as_str(), o.default.as_str(), o.kind.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("-Dwith-docs", "man", "array"),
                ("-Dwith-hooks", "true", "boolean"),
                ("-Dx", "", "string")
            ]
        );
        assert_eq!(found[0].description, "Which (docs)");
        assert_eq!(choose(&found[0]).unwrap().argument, "-Dwith-docs=");
        assert_eq!(choose(&found[1]).unwrap().argument, "-Dwith-hooks=false");
        assert_eq!(choose(&found[2]), None);
    }

    #[test]
    fn options_of_configure_are_read_without_those_of_every_script() {
        let script = "x\nOptional Features:\n  --disable-option-checking  ignore\n  --disable-ipv6          Disable IPv6\n                          hosts\n\
                      \n  --enable-silent-rules   less\nOptional Packages:\n  --with-ssl[=DIR]  where\n\nSome influential\n  --with-no  no\n";
        let found = of_configure(script);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (found[0].name.as_str(), found[0].description.as_str()),
            ("--disable-ipv6", "Disable IPv6 hosts")
        );
        assert_eq!(found[1].name, "--with-ssl");
    }
}
