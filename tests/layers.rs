//! Arrows between modules never turn back, and pure modules stay pure.
//!
//! The table is the architecture: who may name whom. It is read from the sources as text, without
//! comments and without test modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module → the modules of this crate that it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("apt", &[]),
    ("causes", &[]),
    ("hex", &[]),
    ("size", &[]),
    ("script", &[]),
    ("problem", &[]),
    ("receipt", &[]),
    ("afp", &[]),
    ("shadow", &[]),
    ("recipe", &["problem", "site", "smf"]),
    ("site", &["problem", "recipe"]),
    ("smf", &["recipe", "script"]),
    ("build_system", &["recipe"]),
    ("package", &["problem"]),
    ("facts", &["receipt", "script"]),
    (
        "plan",
        &[
            "afp",
            "build_system",
            "facts",
            "package",
            "receipt",
            "recipe",
            "script",
            "shadow",
            "site",
            "size",
            "smf",
        ],
    ),
    ("source", &["apt", "causes", "hex", "recipe"]),
    ("host", &["script", "site"]),
    (
        "desk",
        &[
            "build_system",
            "causes",
            "problem",
            "recipe",
            "sandbox",
            "site",
            "smf",
            "source",
        ],
    ),
    ("store", &["hex", "plan", "receipt"]),
    ("secrets", &["facts", "shadow", "site"]),
    (
        "run",
        &[
            "afp",
            "build_system",
            "causes",
            "facts",
            "host",
            "package",
            "plan",
            "problem",
            "receipt",
            "recipe",
            "script",
            "secrets",
            "shadow",
            "site",
            "size",
            "source",
            "store",
        ],
    ),
    ("doctor", &["afp", "facts", "recipe", "size"]),
    ("cli", &[]),
    (
        "show",
        &[
            "causes", "cli", "desk", "doctor", "facts", "host", "plan", "problem", "run", "size",
            "source",
        ],
    ),
    ("sandbox", &["apt", "causes", "hex", "script", "shadow"]),
];

/// Modules that only take values and return values.
const PURE: &[&str] = &[
    "afp",
    "build_system",
    "causes",
    "doctor",
    "facts",
    "hex",
    "package",
    "plan",
    "problem",
    "receipt",
    "recipe",
    "script",
    "shadow",
    "site",
    "size",
    "smf",
];

/// What a pure module has no business with.
const EFFECTS: &[&str] = &[
    "std::env::",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::process",
    "Instant::now",
    "SystemTime",
    "thread::",
    "ssh2::",
    "ureq::",
    "nix::",
];

/// The files of a module that read what the others work on.
const LOADERS: &[&str] = &["load.rs", "embedded.rs"];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The code of a file: no comments, no test module at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Top-level module → its files and their code.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut modules: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for path in files {
        let inside = path.strip_prefix(&root).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        modules
            .entry(module)
            .or_default()
            .push((path.clone(), code(&path)));
    }
    modules
}

fn names_of_crate(code: &str) -> BTreeSet<&str> {
    let letters = |c: char| c.is_ascii_lowercase() || c == '_';
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c| !letters(c)).next().unwrap_or(""))
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn arrows_between_modules_never_turn_back() {
    let modules = modules();
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_NAME {
        for (path, code) in modules
            .get(*module)
            .unwrap_or_else(|| panic!("no module {module}"))
        {
            for name in names_of_crate(code) {
                if name != *module && !allowed.contains(&name) && modules.contains_key(name) {
                    wrong.push(format!("{} names crate::{name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<&str> = MAY_NAME.iter().map(|(name, _)| *name).collect();
    let unknown: Vec<&String> = modules
        .keys()
        .filter(|m| {
            !known.contains(m.as_str()) && !["lib", "main", "command"].contains(&m.as_str())
        })
        .collect();
    assert!(
        unknown.is_empty(),
        "say in tests/layers.rs where these belong: {unknown:?}"
    );
}

#[test]
fn pure_modules_have_no_effects() {
    let modules = modules();
    let mut wrong = Vec::new();
    for module in PURE {
        for (path, code) in &modules[*module] {
            if LOADERS.iter().any(|loader| path.ends_with(loader)) {
                continue;
            }
            for effect in EFFECTS.iter().filter(|effect| code.contains(**effect)) {
                wrong.push(format!("{} uses {effect}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_that_plans_or_asks_knows_of_the_sandbox() {
    let modules = modules();
    for module in [
        "plan",
        "facts",
        "host",
        "run",
        "recipe",
        "package",
        "build_system",
    ] {
        for (path, code) in &modules[module] {
            let lower = code.to_lowercase();
            assert!(
                !lower.contains("crate::sandbox"),
                "{} names the sandbox",
                path.display()
            );
        }
    }
}

#[test]
fn the_test_itself_sees_what_it_looks_for() {
    assert_eq!(names_of_crate("use crate::host::X; crate::a_b").len(), 2);
    assert!(names_of_crate("use crate::host::X").contains("host"));
}
