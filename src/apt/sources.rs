//! The package sources of the machine's own apt, read only to learn which Debian mirror it uses.
//!
//! Both notations occur, often on one machine: one line an entry (`sources.list`, `*.list`) and
//! paragraphs of fields (`*.sources`). An embedded key is part of the field `Signed-By`.

use std::collections::BTreeMap;

use super::paragraphs::{Paragraph, parse_paragraphs};

/// One entry of the machine's package sources, for binary or source packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where the archive is.
    pub uris: Vec<String>,
    /// Releases of it.
    pub suites: Vec<String>,
    /// Parts of each release.
    pub components: Vec<String>,
    /// `signed-by`, `trusted` and the like, by their names in small letters.
    pub options: BTreeMap<String, String>,
}

/// The options of an entry that matter here.
const OPTIONS: [&str; 4] = ["signed-by", "trusted", "check-valid-until", "check-date"];

/// Names of releases that only Debian has.
const CODE_NAMES: [&str; 7] = [
    "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid",
];

/// Names that Debian has for releases, and strangers for their own archives too.
const CLASSES: [&str; 4] = ["oldstable", "stable", "testing", "unstable"];

/// Reads a file of sources.
pub(super) fn parse(text: &str, is_in_paragraphs: bool) -> Vec<Entry> {
    if is_in_paragraphs {
        parse_paragraphs(text)
            .iter()
            .filter_map(from_paragraph)
            .collect()
    } else {
        text.lines().filter_map(parse_line).collect()
    }
}

/// The entry and its address to take packages of Debian's releases from: the first whose address
/// is a mirror's by its name, else the first that carries a release of Debian's under any address.
pub(super) fn choose(entries: &[Entry]) -> Option<(&Entry, &str)> {
    let usual = |suite: &str, uri: &str| {
        (CODE_NAMES.contains(&suite) || CLASSES.contains(&suite))
            && uri.trim_end_matches('/').ends_with("/debian")
    };
    let unusual = |suite: &str, uri: &str| {
        CODE_NAMES.contains(&suite) && !uri.contains("security") && !uri.contains("ubuntu")
    };
    find(entries, usual).or_else(|| find(entries, unusual))
}

fn find(entries: &[Entry], fits: impl Fn(&str, &str) -> bool) -> Option<(&Entry, &str)> {
    let with_main = entries
        .iter()
        .filter(|entry| entry.components.iter().any(|component| component == "main"));
    with_main
        .flat_map(|entry| entry.uris.iter().map(move |uri| (entry, uri.as_str())))
        .filter(|(_, uri)| !uri.starts_with("cdrom:"))
        .find(|(entry, uri)| entry.suites.iter().any(|suite| fits(suite, uri)))
}

// deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://mirror.example/debian bookworm main
fn parse_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let rest = line
        .strip_prefix("deb-src")
        .or_else(|| line.strip_prefix("deb"))?;
    let mut entry = Entry::default();
    let rest = match rest.trim_start().strip_prefix('[') {
        Some(rest) => {
            let (options, rest) = rest.split_once(']')?;
            let options = options
                .split_whitespace()
                .filter_map(|option| option.split_once('='))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
            entry.options = options
                .filter(|(name, _)| OPTIONS.contains(&name.as_str()))
                .collect();
            rest
        }
        None => rest.strip_prefix([' ', '\t'])?,
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    entry.uris.push(words.next()?);
    entry.suites.push(words.next()?);
    entry.components.extend(words);
    Some(entry)
}

// Types: deb
// URIs: http://mirror.example/debian
// Suites: bookworm bookworm-updates
// Components: main
// Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
fn from_paragraph(paragraph: &Paragraph) -> Option<Entry> {
    let is_off = |value: &str| {
        let value = value.to_ascii_lowercase();
        ["no", "false", "0", "off", "without", "disable"].contains(&value.as_str())
    };
    if paragraph.value("enabled").is_some_and(is_off) {
        return None;
    }
    let option = |name: &&str| Some(((*name).to_owned(), paragraph.value(name)?.to_owned()));
    let entry = Entry {
        uris: paragraph.words("uris"),
        suites: paragraph.words("suites"),
        components: paragraph.words("components"),
        options: OPTIONS.iter().filter_map(option).collect(),
    };
    (!entry.uris.is_empty()).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn entry(uris: &str, suites: &str, components: &str, options: &[(&str, &str)]) -> Entry {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Entry {
            uris: words(uris),
            suites: words(suites),
            components: words(components),
            options: options.iter().map(owned).collect(),
        }
    }

    #[test]
    fn a_line_with_options_is_read() {
        let text = "# comment\ndeb-src http://d/debian sid main\n\
             deb [ arch=amd64 Signed-By=/k.gpg trusted=yes ] http://d/debian bookworm main contrib # c\n";
        let options = [("signed-by", "/k.gpg"), ("trusted", "yes")];
        assert_eq!(
            parse(text, false),
            [
                entry("http://d/debian", "sid", "main", &[]),
                entry("http://d/debian", "bookworm", "main contrib", &options),
            ]
        );
    }

    #[test]
    fn a_line_without_options_or_with_too_few_words_is_told_apart() {
        assert_eq!(parse("deb\thttp://d/debian sid main", false).len(), 1);
        let refused =
            "deb http://d/debian\ndeb\ndebian x y z\ndebug http://x/debian y main\ndeb [a=b x y z";
        assert_eq!(parse(refused, false), []);
    }

    #[test]
    fn paragraphs_are_read_with_comments_inside() {
        let text = "Types: deb deb-src\n# http://snapshot/\nURIs: http://d/debian\n\
             Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\n\n\
             Types: deb\nSuites: sid\nComponents: main\n";
        let options = [("signed-by", "/k.gpg")];
        let suites = "bookworm bookworm-updates";
        assert_eq!(
            parse(text, true),
            [entry("http://d/debian", suites, "main", &options)]
        );
    }

    #[test]
    fn a_disabled_paragraph_is_left_out_and_an_embedded_key_kept() {
        let text = "Enabled: no\nTypes: deb\nURIs: http://a/debian\nSuites: sid\nComponents: main\n\n\
             Types: deb\nURIs: http://b/debian\nSuites: sid\nComponents: main\nSigned-By:\n \
             -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n -----END PGP PUBLIC KEY BLOCK-----";
        let entries = parse(text, true);
        assert_eq!(entries.len(), 1);
        assert_eq!(
            entries[0].options["signed-by"],
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ\n-----END PGP PUBLIC KEY BLOCK-----"
        );
    }

    #[test]
    fn the_main_archive_is_chosen_not_security_nor_a_stranger() {
        let table = [
            ("https://packages.example/node", "nodistro", "main", false),
            ("https://packages.example/browser", "stable", "main", false),
            (
                "http://d/debian-security",
                "bookworm-security",
                "main",
                false,
            ),
            ("http://security.d/", "bookworm", "main", false),
            ("cdrom:[x]/debian", "bookworm", "main", false),
            (
                "http://x.example/debian",
                "bookworm-backports",
                "main",
                false,
            ),
            ("http://x.example/debian", "bookworm", "contrib", false),
            ("http://mirror.example/ubuntu", "noble", "main", false),
            ("http://mirror.example/remote-7", "bookworm", "main", true),
            (
                "mirror+file:///etc/apt/mirrors/d.list",
                "trixie",
                "main",
                true,
            ),
            ("http://mirror.example/debian/", "stable", "main", true),
            ("http://mirror.example/debian", "sid", "main", true),
        ];
        for (uri, suite, component, is_chosen) in table {
            let entries = [entry(uri, suite, component, &[])];
            let chosen = choose(&entries).map(|(_, uri)| uri);
            assert_eq!(
                chosen,
                is_chosen.then_some(uri),
                "{uri} {suite} {component}"
            );
        }
    }

    #[test]
    fn an_address_that_is_a_mirrors_by_its_name_goes_before_others() {
        let entries = [
            entry("http://strange.example/apt", "bookworm", "main", &[]),
            entry("ftp://x http://d/debian", "bookworm", "main", &[]),
            entry("http://e/debian", "bookworm", "main", &[]),
        ];
        let (found, uri) = choose(&entries).unwrap();
        assert_eq!((found, uri), (&entries[1], "http://d/debian"));
    }
}
