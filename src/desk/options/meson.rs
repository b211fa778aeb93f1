//! meson's options: those that a source declares, and those that every build has.
//!
//! A declaration is a call of `option()` in meson.options or meson_options.txt, which is meson's own
//! language; anything in it that is no literal value reads as unknown, never as empty.

use super::{Known, OptionKind, Verdict};

/// A literal of meson's language, as far as declarations need it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Literal {
    Text(String),
    Number(i64),
    Word(String),
    List(Vec<Literal>),
    Unknown,
}

/// The options that the text of an options file declares.
pub(in crate::desk) fn declared(text: &str) -> Vec<Known> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let opens = tokens.get(at + 1) == Some(&Token::Sign('('));
        if matches!(token, Token::Word(word) if word == "option") && opens {
            let (arguments, end) = arguments(&tokens, at + 2);
            found.extend(option(&arguments));
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Number(i64),
    Sign(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '\'' => {
                let (token, length) = string(rest);
                tokens.push(Token::Text(token));
                length
            }
            c if c.is_ascii_digit() || c == '-' => {
                let digits = rest.get(1..).unwrap_or("");
                let length = 1 + digits
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(digits.len());
                match rest.get(..length).map(str::parse) {
                    Some(Ok(number)) => tokens.push(Token::Number(number)),
                    _ => tokens.push(Token::Sign(c)),
                }
                length
            }
            c if c.is_alphabetic() || c == '_' => {
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..length).unwrap_or("").to_owned()));
                length
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(Token::Sign(c));
                }
                c.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or("");
    }
    tokens
}

/// A string at the beginning of `text`, and how many bytes it takes.
fn string(text: &str) -> (String, usize) {
    if let Some(inside) = text.strip_prefix("'''") {
        let end = inside.find("'''").unwrap_or(inside.len());
        let value = inside.get(..end).unwrap_or("").to_owned();
        return (value, (end + 6).min(text.len()));
    }
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\'' => return (value, at + 1),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, text.len())
}

type Arguments = Vec<(Option<String>, Literal)>;

/// The arguments of a call whose bracket is open, and where the tokens go on.
fn arguments(tokens: &[Token], mut at: usize) -> (Arguments, usize) {
    let mut found = Vec::new();
    while let Some(token) = tokens.get(at) {
        if *token == Token::Sign(')') {
            return (found, at + 1);
        }
        let name = match (token, tokens.get(at + 1)) {
            (Token::Word(name), Some(Token::Sign(':'))) => Some(name.clone()),
            _ => None,
        };
        at += if name.is_some() { 2 } else { 0 };
        let (value, end) = literal(tokens, at);
        found.push((name, value));
        at = end.max(at + 1);
        if tokens.get(at) == Some(&Token::Sign(',')) {
            at += 1;
        }
    }
    (found, at)
}

fn literal(tokens: &[Token], at: usize) -> (Literal, usize) {
    let value = match tokens.get(at) {
        Some(Token::Text(text)) => Literal::Text(text.clone()),
        Some(Token::Number(number)) => Literal::Number(*number),
        Some(Token::Word(word)) => Literal::Word(word.clone()),
        Some(Token::Sign('[')) => return list(tokens, at + 1),
        _ => Literal::Unknown,
    };
    // `'a' + 'b'`: nobody writes it here, and it is not worked out
    match tokens.get(at + 1) {
        Some(Token::Sign(',' | ')' | ']')) | None => (value, at + 1),
        _ => {
            let rest = tokens
                .iter()
                .skip(at)
                .position(|token| matches!(token, Token::Sign(',' | ')' | ']')));
            (Literal::Unknown, at + rest.unwrap_or(1).max(1))
        }
    }
}

fn list(tokens: &[Token], mut at: usize) -> (Literal, usize) {
    let mut items = Vec::new();
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Sign(']') => return (Literal::List(items), at + 1),
            Token::Sign(',') => at += 1,
            _ => {
                let (item, end) = literal(tokens, at);
                items.push(item);
                at = end.max(at + 1);
            }
        }
    }
    (Literal::Unknown, at)
}

/// A declaration; `None` where even its name is no literal.
fn option(arguments: &Arguments) -> Option<Known> {
    let named = |wanted: &str| {
        let mut arguments = arguments.iter();
        let found = arguments.find(|(name, _)| name.as_deref() == Some(wanted));
        found.map(|(_, value)| value)
    };
    let Some((None, Literal::Text(name))) = arguments.first() else {
        return None;
    };
    let texts = |literal: Option<&Literal>| match literal {
        Some(Literal::List(items)) => {
            let texts = items.iter().map(|item| match item {
                Literal::Text(text) => Some(text.clone()),
                _ => None,
            });
            texts.collect::<Option<Vec<String>>>()
        }
        _ => None,
    };
    let number = |name: &str| match named(name) {
        Some(Literal::Number(number)) => Some(*number),
        _ => None,
    };
    let text = |name: &str| match named(name) {
        Some(Literal::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let type_name = text("type");
    let kind = match type_name.as_str() {
        "boolean" => OptionKind::Boolean,
        "combo" => texts(named("choices")).map_or(OptionKind::Any, OptionKind::OneOf),
        "feature" => OptionKind::Feature,
        "integer" => OptionKind::Integer(number("min"), number("max")),
        "array" => texts(named("choices")).map_or(OptionKind::Any, OptionKind::Some),
        _ => OptionKind::Any,
    };
    let default = match named("value") {
        Some(Literal::Text(text) | Literal::Word(text)) => text.clone(),
        Some(Literal::Number(number)) => number.to_string(),
        list => texts(list).unwrap_or_default().join(","),
    };
    Some(Known {
        name: name.clone(),
        kind,
        type_name,
        default,
        description: text("description"),
    })
}

/// What every meson build has: its own options, those of its base and of its languages (inferred
/// from meson's manual; they are checked by name, and by value where the values are few).
const BUILT_IN: &[(&str, &[&str])] = &[
    ("prefix", &[]),
    ("bindir", &[]),
    ("datadir", &[]),
    ("includedir", &[]),
    ("infodir", &[]),
    ("libdir", &[]),
    ("libexecdir", &[]),
    ("licensedir", &[]),
    ("localedir", &[]),
    ("localstatedir", &[]),
    ("mandir", &[]),
    ("sbindir", &[]),
    ("sharedstatedir", &[]),
    ("sysconfdir", &[]),
    ("auto_features", &["enabled", "disabled", "auto"]),
    ("backend", &[]),
    (
        "buildtype",
        &[
            "plain",
            "debug",
            "debugoptimized",
            "release",
            "minsize",
            "custom",
        ],
    ),
    ("cmake_prefix_path", &[]),
    ("debug", &["true", "false"]),
    ("default_both_libraries", &["shared", "static", "auto"]),
    ("default_library", &["shared", "static", "both"]),
    ("errorlogs", &["true", "false"]),
    ("force_fallback_for", &[]),
    ("genvslite", &[]),
    ("install_umask", &[]),
    ("layout", &["mirror", "flat"]),
    ("optimization", &["plain", "0", "g", "1", "2", "3", "s"]),
    ("pkg_config_path", &[]),
    ("prefer_static", &["true", "false"]),
    ("stdsplit", &["true", "false"]),
    ("strip", &["true", "false"]),
    ("unity", &["on", "off", "subprojects"]),
    ("unity_size", &[]),
    ("vsenv", &["true", "false"]),
    ("warning_level", &["0", "1", "2", "3", "everything"]),
    ("werror", &["true", "false"]),
    (
        "wrap_mode",
        &[
            "default",
            "nofallback",
            "nodownload",
            "forcefallback",
            "nopromote",
        ],
    ),
    ("b_asneeded", &["true", "false"]),
    ("b_bitcode", &["true", "false"]),
    ("b_colorout", &["auto", "always", "never"]),
    ("b_coverage", &["true", "false"]),
    ("b_lundef", &["true", "false"]),
    ("b_lto", &["true", "false"]),
    ("b_lto_mode", &["default", "thin"]),
    ("b_lto_threads", &[]),
    ("b_ndebug", &["true", "false", "if-release"]),
    ("b_pch", &["true", "false"]),
    ("b_pgo", &["off", "generate", "use"]),
    ("b_pie", &["true", "false"]),
    ("b_sanitize", &[]),
    ("b_staticpic", &["true", "false"]),
    ("b_thinlto_cache", &["true", "false"]),
    ("b_thinlto_cache_dir", &[]),
    ("b_vscrt", &[]),
    ("pkgconfig.relocatable", &["true", "false"]),
    ("python.bytecompile", &[]),
    ("python.install_env", &[]),
    ("python.platlibdir", &[]),
    ("python.purelibdir", &[]),
    ("python.allow_limited_api", &["true", "false"]),
];

/// Arguments of `meson setup` that are no options.
const SETUP: &[&str] = &[
    "native-file",
    "cross-file",
    "vsenv",
    "reconfigure",
    "clearcache",
    "wipe",
    "fatal-meson-warnings",
];

/// Whether an option belongs to a language: `c_args`, `cpp_std`.
fn is_of_language(name: &str) -> bool {
    const LANGUAGES: &[&str] = &[
        "c", "cpp", "objc", "objcpp", "cs", "d", "fortran", "java", "rust", "swift", "vala",
        "cuda", "cython", "nasm", "masm",
    ];
    const THEIRS: &[&str] = &[
        "args",
        "link_args",
        "std",
        "eh",
        "rtti",
        "debugstl",
        "winlibs",
        "thread_count",
        "importstd",
        "version",
        "language",
        "flags",
    ];
    let parts = name.split_once('_');
    parts
        .is_some_and(|(language, theirs)| LANGUAGES.contains(&language) && THEIRS.contains(&theirs))
}

/// What every build knows, as candidates for a slip.
pub(super) fn built_in() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// What is to be said of an argument that no source declares.
pub(super) fn built_in_verdict(name: &str, value: &str) -> Option<Verdict> {
    let name = name.strip_prefix("build.").unwrap_or(name);
    if let Some((_, values)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        let is_good = values.is_empty() || values.contains(&value);
        let values = || values.iter().map(|value| (*value).to_owned()).collect();
        return Some(if is_good {
            Verdict::Good
        } else {
            Verdict::Value(OptionKind::OneOf(values()))
        });
    }
    (is_of_language(name) || SETUP.contains(&name)).then_some(Verdict::Good)
}

/// The name and the value of an argument: `-Dname=value`, `-D name`, `--buildtype=release`.
pub(super) fn split(argument: &str) -> Option<(String, &str)> {
    if let Some(rest) = argument.strip_prefix("-D") {
        let (name, value) = rest.split_once('=')?;
        return Some((name.trim().to_owned(), value));
    }
    let rest = argument.strip_prefix("--")?;
    let (name, value) = rest.split_once('=').unwrap_or((rest, "true"));
    // meson spells its own options with hyphens there
    let name = match SETUP.contains(&name) {
        true => name.to_owned(),
        false => name.replace('-', "_"),
    };
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read_with_their_types_and_choices() {
        let text = "# option('no')\noption('with-acls', type: 'boolean', value: true,\n  description: 'it''s')\n\
            option('init', type : 'combo', choices : ['none', 'auto',\n 'it\\'s'], value : 'none')\n\
            option('jobs', type: 'integer', min: -1, max: 64, value: 2)\n\
            option('backends', type: 'array', choices: ['dbd', 'sqlite'])\n\
            option('free', type: 'array', value: [])\noption('x', type: 'feature')\n\
            option('path', type: 'string', value: 'a' + 'b', description: '''two\nlines''')\n\
            option(variable, type: 'string')\noption('odd', type: 'combo', choices: get())\n";
        let known = declared(text);
        let kinds: Vec<(&str, &OptionKind)> = known
            .iter()
            .map(|known| (known.name.as_str(), &known.kind))
            .collect();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(
            kinds,
            [
                ("with-acls", &OptionKind::Boolean),
                ("init", &OptionKind::OneOf(words(&["none", "auto", "it's"]))),
                ("jobs", &OptionKind::Integer(Some(-1), Some(64))),
                ("backends", &OptionKind::Some(words(&["dbd", "sqlite"]))),
                ("free", &OptionKind::Any),
                ("x", &OptionKind::Feature),
                ("path", &OptionKind::Any),
                ("odd", &OptionKind::Any),
            ]
        );
    }

    #[test]
    fn torn_files_end() {
        for text in [
            "option(",
            "option('",
            "option('a', choices: [",
            "option('a' 'b'",
            "option('''",
            "'",
            "option('a',,,)",
        ] {
            let _ = declared(text);
        }
        assert_eq!(declared("option('a', type: 'boolean'").len(), 1);
    }

    #[test]
    fn arguments_are_split_as_meson_reads_them() {
        assert_eq!(split("-Dwith-docs="), Some(("with-docs".to_owned(), "")));
        assert_eq!(
            split("--wrap-mode=nodownload"),
            Some(("wrap_mode".to_owned(), "nodownload"))
        );
        assert_eq!(split("--strip"), Some(("strip".to_owned(), "true")));
        assert_eq!(split("build"), None);
        assert_eq!(built_in_verdict("c_args", "-O"), Some(Verdict::Good));
        assert_eq!(built_in_verdict("cross-file", "x"), Some(Verdict::Good));
        assert_eq!(built_in_verdict("with-docs", ""), None);
        assert!(matches!(
            built_in_verdict("buildtype", "fast"),
            Some(Verdict::Value(_))
        ));
    }
}
