//! The package sources of the machine's own apt, read only to learn which Debian mirror it uses.
//!
//! Both notations occur, often on one machine: one line an entry (`sources.list`, `*.list`) and
//! paragraphs of fields (`*.sources`). An embedded key is part of the field `Signed-By`.

/// One entry of the machine's package sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Where the archive is.
    pub uris: Vec<String>,
    /// Releases of it.
    pub suites: Vec<String>,
    /// Parts of each release.
    pub components: Vec<String>,
    /// Key files, fingerprints, or a whole armoured key.
    pub signed_by: Option<String>,
    /// The administrator asked for no signature check.
    pub is_trusted: bool,
}

/// Suites that only a Debian archive has.
const DEBIAN_SUITES: [&str; 10] = [
    "trixie",
    "bookworm",
    "bullseye",
    "forky",
    "sid",
    "stable",
    "oldstable",
    "testing",
    "unstable",
    "buster",
];

/// The entry to take trixie from: the first Debian main archive over the network, never a security
/// archive.
#[must_use]
pub fn choose(sources: &[Source]) -> Option<&Source> {
    sources.iter().find(|source| {
        source
            .suites
            .iter()
            .any(|s| DEBIAN_SUITES.contains(&s.as_str()))
            && source.components.iter().any(|c| c == "main")
            && source.uris.iter().any(|uri| is_debian_archive(uri))
    })
}

/// The first address of an entry that can hold the Debian main archive.
#[must_use]
pub fn archive_uri(source: &Source) -> Option<&str> {
    source
        .uris
        .iter()
        .map(String::as_str)
        .find(|uri| is_debian_archive(uri))
}

fn is_debian_archive(uri: &str) -> bool {
    let is_reached = [
        "http://",
        "https://",
        "mirror+http",
        "tor+http",
        "file:",
        "copy:",
    ]
    .iter()
    .any(|s| uri.starts_with(s));
    is_reached && !uri.contains("security") && !uri.contains("ubuntu")
}

// deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://deb.debian.org/debian bookworm main
/// Reads the one-line notation. Lines it cannot read are not for it to complain about.
#[must_use]
pub fn parse_lines(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let mut source = Source::default();
    let rest = if let Some(options) = rest.trim_start().strip_prefix('[') {
        let (options, rest) = options.split_once(']')?;
        for option in options.split_whitespace() {
            match option.split_once('=') {
                Some(("signed-by", keys)) => source.signed_by = Some(keys.to_owned()),
                Some(("trusted", value)) => source.is_trusted = is_yes(value),
                _ => {}
            }
        }
        rest
    } else {
        rest.strip_prefix([' ', '\t'])?
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    source.uris.push(words.next()?);
    source.suites.push(words.next()?);
    source.components = words.collect();
    Some(source)
}

// Types: deb
// URIs: http://deb.debian.org/debian
// Suites: bookworm bookworm-updates
// Components: main
// Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
/// Reads the notation in paragraphs.
#[must_use]
pub fn parse_paragraphs(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut paragraph: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(from_fields(&std::mem::take(&mut paragraph)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = paragraph.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            paragraph.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn from_fields(fields: &[(String, String)]) -> Option<Source> {
    let value = |name: &str| {
        fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let words = |name: &str| -> Vec<String> {
        value(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let is_enabled = value("enabled").is_none_or(is_yes);
    if !is_enabled || !words("types").iter().any(|t| t == "deb") {
        return None;
    }
    Some(Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: value("signed-by").map(unescape_key),
        is_trusted: value("trusted").is_some_and(is_yes),
    })
}

/// In a paragraph an empty line of an armoured key is written as a lone dot.
fn unescape_key(value: &str) -> String {
    let lines: Vec<&str> = value
        .lines()
        .map(|l| if l == "." { "" } else { l })
        .collect();
    lines.join("\n").trim().to_owned()
}

fn is_yes(value: &str) -> bool {
    ["yes", "true", "1", "on", "with", "enable"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_with_options_is_read() {
        let text = "# comment\ndeb-src http://d/debian bookworm main\n\
             deb [ arch=amd64 signed-by=/k.gpg trusted=yes ] http://d/debian bookworm main contrib # c\n";
        assert_eq!(
            parse_lines(text),
            [Source {
                uris: words("http://d/debian"),
                suites: words("bookworm"),
                components: words("main contrib"),
                signed_by: Some("/k.gpg".into()),
                is_trusted: true,
            }]
        );
    }

    #[test]
    fn a_line_without_options_or_with_too_few_words_is_told_apart() {
        assert_eq!(parse_lines("deb\thttp://d/debian sid main").len(), 1);
        assert_eq!(parse_lines("deb http://d/debian\ndeb\ndebian x y z\n"), []);
    }

    #[test]
    fn paragraphs_are_read_with_comments_inside() {
        let text = "Types: deb deb-src\n# http://snapshot/\nURIs: http://d/debian\n\
             Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\n\n\
             Types: deb-src\nURIs: http://d/debian\nSuites: sid\nComponents: main\n";
        assert_eq!(
            parse_paragraphs(text),
            [Source {
                uris: words("http://d/debian"),
                suites: words("bookworm bookworm-updates"),
                components: words("main"),
                signed_by: Some("/k.gpg".into()),
                is_trusted: false,
            }]
        );
    }

    #[test]
    fn a_disabled_paragraph_is_left_out_and_an_embedded_key_kept() {
        let text = "Enabled: no\nTypes: deb\nURIs: http://a/debian\nSuites: sid\nComponents: main\n\n\
             Types: deb\nURIs: http://b/debian\nSuites: sid\nComponents: main\nSigned-By:\n \
             -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n -----END PGP PUBLIC KEY BLOCK-----";
        let sources = parse_paragraphs(text);
        assert_eq!(sources.len(), 1);
        assert_eq!(
            sources[0].signed_by.as_deref(),
            Some("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ\n-----END PGP PUBLIC KEY BLOCK-----")
        );
    }

    #[test]
    fn the_main_archive_is_chosen_not_security_nor_a_stranger() {
        let source = |uri: &str, suite: &str| Source {
            uris: words(uri),
            suites: words(suite),
            components: words("main"),
            ..Source::default()
        };
        let sources = [
            source("https://deb.example.org/node", "nodistro"),
            source("http://d/debian-security", "bookworm-security"),
            source("http://security.d/", "stable"),
            source("cdrom:[Debian]/", "bookworm"),
            source("http://d/debian", "bookworm"),
        ];
        assert_eq!(
            choose(&sources).and_then(archive_uri),
            Some("http://d/debian")
        );
        assert_eq!(choose(&sources[..4]), None);
    }

    #[test]
    fn an_ubuntu_archive_is_no_debian_archive() {
        let sources = parse_lines("deb http://archive.ubuntu.com/ubuntu noble main universe");
        assert_eq!(choose(&sources), None);
    }
}
