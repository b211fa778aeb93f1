//! The options that a source takes, read out of its tree, and what a recipe gives it.
//!
//! meson stops at what it does not know; `configure` and cmake go on without it, which is seen only
//! when the program lacks something. A source that cannot be read this way says so.

mod autoconf;
pub(super) mod given;
pub(super) mod meson;

use std::collections::BTreeMap;

use crate::recipe::format::nearest;
use crate::source::tree::{Entry, Tree, TreePath};

/// An option that a source declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub name: String,
    pub kind: OptionKind,
    /// Its type as the source names it; empty where it is no literal.
    pub type_name: String,
    /// The source's default, as it is written in an argument; empty where it is no literal.
    pub default: String,
    /// The source's own words.
    pub description: String,
}

/// What an option takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OptionKind {
    Boolean,
    /// `enabled`, `disabled`, `auto`.
    Feature,
    Integer(Option<i64>, Option<i64>),
    OneOf(Vec<String>),
    /// Any number of these, with commas between.
    Some(Vec<String>),
    Any,
}

/// What is to be said of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// Nothing knows the name; what was meant, spelled as it is to be written.
    Unknown(Option<String>),
    /// The value is none of these.
    Value(OptionKind),
    /// It cannot be said.
    NotChecked(&'static str),
}

/// The options of a source.
#[derive(Debug, Clone)]
pub(super) enum OptionSet {
    Meson {
        known: Vec<Known>,
        /// Options of the projects within, by their name.
        within: BTreeMap<String, Vec<Known>>,
    },
    Autoconf(autoconf::Script),
    Cmake {
        /// What `option()` and `set(… CACHE …)` name.
        known: Vec<String>,
        /// The text of all files, to find what is only used.
        text: String,
    },
    /// There is nothing to read, and this is why.
    Unreadable(&'static str),
}

/// Reads the options of the source in `folder` of the tree.
pub(super) fn read(tree: &Tree, folder: Option<&str>, system: &str) -> OptionSet {
    let at = |name: &str| match folder {
        Some(folder) => format!("{folder}/{name}"),
        None => name.to_owned(),
    };
    match system {
        "meson" => read_meson(tree, &at),
        "autotools" => read_autoconf(tree, &at),
        "cmake" => read_cmake(tree),
        _ => OptionSet::Unreadable("its build system declares no options"),
    }
}

/// The text of a file of the tree.
pub(super) fn text_of<'t>(tree: &'t Tree, path: &str) -> Option<std::borrow::Cow<'t, str>> {
    let path = TreePath::parse(path.as_bytes()).ok()?;
    match tree.get(&path)? {
        Entry::File { bytes, .. } => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}

fn read_meson(tree: &Tree, at: &dyn Fn(&str) -> String) -> OptionSet {
    let declared = |folder: &str| {
        let names = ["meson.options", "meson_options.txt"];
        let mut texts = names
            .iter()
            .filter_map(|name| text_of(tree, &at(&format!("{folder}{name}"))));
        texts.next().map(|text| meson::declared(&text))
    };
    if text_of(tree, &at("meson.build")).is_none() {
        return OptionSet::Unreadable("there is no meson.build");
    }
    let prefix = at("subprojects/");
    let mut within = BTreeMap::new();
    for (path, _) in tree.iter() {
        let path = String::from_utf8_lossy(path.as_bytes());
        let inside = path
            .strip_prefix(&prefix)
            .and_then(|rest| rest.split_once('/'));
        let Some((name, "meson.build")) = inside else {
            continue;
        };
        let options = declared(&format!("subprojects/{name}/")).unwrap_or_default();
        within.insert(name.to_owned(), options);
    }
    OptionSet::Meson {
        known: declared("").unwrap_or_default(),
        within,
    }
}

fn read_autoconf(tree: &Tree, at: &dyn Fn(&str) -> String) -> OptionSet {
    if let Some(text) = text_of(tree, &at("configure")) {
        return match script(tree, at, &text, 0) {
            Some(script) => OptionSet::Autoconf(script),
            None => OptionSet::Unreadable("its `configure` was not made by autoconf"),
        };
    }
    let has_macros = ["configure.ac", "configure.in"]
        .iter()
        .any(|name| text_of(tree, &at(name)).is_some());
    if !has_macros {
        return OptionSet::Unreadable("there is no `configure`");
    }
    let is_macro = |path: &str| {
        path.ends_with(".m4") || path.ends_with("configure.ac") || path.ends_with("configure.in")
    };
    let texts: Vec<String> = tree
        .iter()
        .filter_map(|(path, entry)| match entry {
            Entry::File { bytes, .. } if is_macro(&String::from_utf8_lossy(path.as_bytes())) => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        })
        .collect();
    OptionSet::Autoconf(autoconf::Script::from_macros(
        texts.iter().map(String::as_str),
    ))
}

/// A script with those of the folders that it goes on into.
fn script(
    tree: &Tree,
    at: &dyn Fn(&str) -> String,
    text: &str,
    depth: u32,
) -> Option<autoconf::Script> {
    let mut all = autoconf::Script::made(text)?;
    for folder in std::mem::take(&mut all.folders) {
        let below = |name: &str| at(&format!("{folder}/{name}"));
        let text = text_of(tree, &below("configure")).filter(|_| depth < 4);
        let inner = text.and_then(|text| script(tree, &below, &text, depth + 1));
        match inner {
            Some(inner) => all.join(inner),
            // it takes the same arguments, and nobody knows which
            None => all.is_guessed = true,
        }
    }
    Some(all)
}

fn read_cmake(tree: &Tree) -> OptionSet {
    let mut text = String::new();
    for (path, entry) in tree.iter() {
        let name = String::from_utf8_lossy(path.file_name());
        let is_cmake = name == "CMakeLists.txt" || name.ends_with(".cmake");
        if let (true, Entry::File { bytes, .. }) = (is_cmake, entry) {
            text.push_str(&String::from_utf8_lossy(bytes));
            text.push('\n');
        }
    }
    if text.is_empty() {
        return OptionSet::Unreadable("there is no CMakeLists.txt");
    }
    let mut known: Vec<String> = Vec::new();
    let lower = text.to_ascii_lowercase();
    for call in [
        "option(",
        "option (",
        "set(",
        "set (",
        "cmake_dependent_option(",
    ] {
        for (at, _) in lower.match_indices(call) {
            let rest = text.get(at + call.len()..).unwrap_or("");
            let rest = rest
                .get(..rest.find(')').unwrap_or(rest.len()))
                .unwrap_or("");
            let name = rest.split_whitespace().next().unwrap_or("");
            let is_plain = !call.starts_with("set") || rest.contains(" CACHE ");
            if is_plain && !name.is_empty() && !known.iter().any(|other| other == name) {
                known.push(name.to_owned());
            }
        }
    }
    OptionSet::Cmake { known, text }
}

impl OptionSet {
    /// How many options there are, where that is known.
    pub(super) fn is_readable(&self) -> bool {
        !matches!(self, Self::Unreadable(_))
    }

    /// What is to be said of an argument of the configure step.
    pub(super) fn verdict(&self, argument: &str) -> Verdict {
        match self {
            Self::Meson { known, within } => meson_verdict(known, within, argument),
            Self::Autoconf(script) if script.knows(argument) => Verdict::Good,
            Self::Autoconf(script) => {
                let name = argument.split('=').next().unwrap_or(argument);
                let candidates = script.candidates(argument);
                let meant = closest(name, &candidates).filter(|meant| *meant != name);
                match (script.is_guessed, meant) {
                    (true, None) => Verdict::NotChecked(
                        "`configure` is made by autoreconf only, and configure.ac does not name it",
                    ),
                    (_, meant) => Verdict::Unknown(meant.map(|meant| renamed(argument, meant))),
                }
            }
            Self::Cmake { known, text } => cmake_verdict(known, text, argument),
            Self::Unreadable(why) => Verdict::NotChecked(why),
        }
    }
}

/// The candidate that was most likely meant. What half of all names begin with says nothing about
/// that, so `with-` and its like are left out of the comparison, but where it is wrong itself.
fn closest<'a, S: AsRef<str>>(name: &str, candidates: &'a [S]) -> Option<&'a str> {
    let bare = |name: &str| -> String {
        let name = name.trim_start_matches('-');
        let prefixes = ["with-", "without-", "enable-", "disable-"];
        let rest = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
        rest.unwrap_or(name).to_owned()
    };
    let bare_names: Vec<String> = candidates.iter().map(|name| bare(name.as_ref())).collect();
    let meant = nearest(&bare(name), &bare_names)?;
    let index = bare_names.iter().position(|name| name == meant)?;
    candidates.get(index).map(AsRef::as_ref)
}

/// The argument under another name, with the value that it has.
fn renamed(argument: &str, name: &str) -> String {
    match argument.split_once('=') {
        Some((_, value)) => format!("{name}={value}"),
        None => name.to_owned(),
    }
}

fn meson_verdict(
    known: &[Known],
    within: &BTreeMap<String, Vec<Known>>,
    argument: &str,
) -> Verdict {
    let Some((name, value)) = meson::split(argument) else {
        return if argument.starts_with("-D") {
            Verdict::NotChecked("it has no `=`")
        } else {
            // a folder, or a flag of one letter
            Verdict::Good
        };
    };
    let (options, own) = match name.split_once(':') {
        Some((project, own)) => match within.get(project) {
            Some(options) => (options.as_slice(), own),
            None => return Verdict::NotChecked("the project that it is for is not in the source"),
        },
        None => (known, name.as_str()),
    };
    if let Some(option) = options.iter().find(|option| option.name == own) {
        return if option.kind.takes(value) {
            Verdict::Good
        } else {
            Verdict::Value(option.kind.clone())
        };
    }
    if let Some(verdict) = meson::built_in_verdict(own, value) {
        return verdict;
    }
    let declared = options.iter().map(|option| option.name.clone());
    let built_in = meson::built_in().map(str::to_owned);
    let candidates: Vec<String> = declared.chain(built_in).collect();
    // one that does not take the value was not meant
    let takes_it = |meant: &&str| {
        let option = options.iter().find(|option| option.name == **meant);
        option.is_none_or(|option| option.kind.takes(value))
    };
    let meant = closest(own, &candidates).filter(takes_it).map(|meant| {
        let project = name.strip_suffix(own).unwrap_or("");
        format!("-D{project}{meant}={value}")
    });
    Verdict::Unknown(meant)
}

fn cmake_verdict(known: &[String], text: &str, argument: &str) -> Verdict {
    let Some(definition) = argument.strip_prefix("-D") else {
        return Verdict::Good;
    };
    let name = definition.split(['=', ':']).next().unwrap_or("");
    let is_of_cmake = [
        "CMAKE_",
        "BUILD_",
        "CPACK_",
        "CTEST_",
        "FETCHCONTENT_",
        "PKG_CONFIG",
    ];
    let is_of_package = [
        "_DIR",
        "_ROOT",
        "_LIBRARY",
        "_LIBRARIES",
        "_INCLUDE_DIR",
        "_EXECUTABLE",
    ];
    if name.is_empty()
        || known.iter().any(|other| other == name)
        || is_of_cmake.iter().any(|prefix| name.starts_with(prefix))
        || is_of_package.iter().any(|suffix| name.ends_with(suffix))
        || text.contains(name)
    {
        return Verdict::Good;
    }
    let rest = argument.get(2 + name.len()..).unwrap_or("");
    Verdict::Unknown(nearest(name, known).map(|meant| format!("-D{meant}{rest}")))
}

impl OptionKind {
    fn takes(&self, value: &str) -> bool {
        match self {
            Self::Boolean => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
            Self::Feature => matches!(value, "enabled" | "disabled" | "auto"),
            Self::Integer(first, last) => value.parse::<i64>().is_ok_and(|number| {
                first.is_none_or(|first| number >= first) && last.is_none_or(|last| number <= last)
            }),
            Self::OneOf(words) => words.iter().any(|word| word == value),
            Self::Some(words) => {
                let mut items = items(value);
                items.all(|item| words.iter().any(|word| word == item))
            }
            Self::Any => true,
        }
    }

    /// What it takes, for a help line.
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Feature => "`enabled`, `disabled` or `auto`".to_owned(),
            Self::Integer(Some(first), Some(last)) => format!("a number from {first} to {last}"),
            Self::Integer(Some(first), None) => format!("a number, at least {first}"),
            Self::Integer(None, Some(last)) => format!("a number, at most {last}"),
            Self::Integer(None, None) => "a number".to_owned(),
            Self::OneOf(words) => crate::recipe::format::list_of(words),
            Self::Some(words) => format!("any of {}", crate::recipe::format::list_of(words)),
            Self::Any => "anything".to_owned(),
        }
    }

    /// What was meant by a value that it does not take.
    pub(super) fn meant(&self, value: &str) -> Option<String> {
        let lower = value.to_lowercase();
        match self {
            Self::Boolean => match lower.as_str() {
                "yes" | "on" | "1" | "enabled" => Some("true".to_owned()),
                "no" | "off" | "0" | "disabled" => Some("false".to_owned()),
                _ => nearest(value, &["true", "false"]).map(str::to_owned),
            },
            Self::Feature => match lower.as_str() {
                "yes" | "on" | "1" | "true" => Some("enabled".to_owned()),
                "no" | "off" | "0" | "false" => Some("disabled".to_owned()),
                _ => nearest(value, &["enabled", "disabled", "auto"]).map(str::to_owned),
            },
            Self::OneOf(words) => nearest(value, words).map(str::to_owned),
            Self::Some(words) => {
                let meant: Option<Vec<&str>> = items(value)
                    .map(|item| match words.iter().any(|word| word == item) {
                        true => Some(item),
                        false => nearest(item, words),
                    })
                    .collect();
                meant.map(|words| words.join(","))
            }
            Self::Integer(..) | Self::Any => None,
        }
    }
}

/// The items of a list as an argument gives it: `a,b`, or `['a', 'b']`.
fn items(value: &str) -> impl Iterator<Item = &str> {
    let inside = value.trim().trim_start_matches('[').trim_end_matches(']');
    let items = inside.split(',');
    let items = items.map(|item| item.trim().trim_matches(['\'', '"']));
    items.filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests;
