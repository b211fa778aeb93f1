//! The machine's own apt sources, read for one answer: which mirror of Debian does it use?
//!
//! Both formats are read: one line a source (`*.list`), and paragraphs of fields (`*.sources`).

use std::collections::BTreeMap;

/// The mirror that everyone can reach.
const EVERYONES: &str = "http://deb.debian.org/debian";

/// One source of packages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// `signed-by`, `trusted` and the like, by their names in small letters.
    options: BTreeMap<String, String>,
}

/// A mirror of Debian and how to trust it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    pub uri: String,
    options: BTreeMap<String, String>,
}

/// Reads a file of apt sources.
pub(super) fn parse(text: &str, is_deb822: bool) -> Vec<Entry> {
    if is_deb822 {
        parse_paragraphs(text)
    } else {
        text.lines().filter_map(parse_line).collect()
    }
}

// deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://deb.debian.org/debian bookworm main
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
                .filter_map(|option| option.split_once('='));
            entry.options = options
                .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
                .collect();
            rest
        }
        None if rest.starts_with(char::is_whitespace) => rest,
        None => return None,
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    entry.uris.push(words.next()?);
    entry.suites.push(words.next()?);
    entry.components.extend(words);
    Some(entry)
}

// Types: deb
// URIs: http://deb.debian.org/debian
// Suites: bookworm bookworm-updates
// Components: main
// Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
fn parse_paragraphs(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .chain([""])
    {
        if line.trim().is_empty() {
            entries.extend(paragraph(std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some(value) = fields.get_mut(&last) {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((key, value)) = line.split_once(':') {
            last = key.to_lowercase();
            fields.insert(last.clone(), value.trim().to_owned());
        }
    }
    entries
}

fn paragraph(mut fields: BTreeMap<String, String>) -> Option<Entry> {
    let is_off = |value: &String| matches!(value.as_str(), "no" | "false" | "0" | "off");
    if fields.get("enabled").is_some_and(is_off) {
        return None;
    }
    let mut words = |key: &str| -> Vec<String> {
        let value = fields.remove(key).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    };
    let (uris, suites, components) = (words("uris"), words("suites"), words("components"));
    (!uris.is_empty()).then_some(Entry {
        uris,
        suites,
        components,
        options: fields,
    })
}

/// The first mirror that carries Debian's releases, else the one that everyone can reach.
pub(super) fn debian_mirror(entries: &[Entry]) -> Mirror {
    let is_release = |suite: &String| !suite.contains(['-', '/']);
    let is_debian = |uri: &&String| {
        let scheme = uri.split(':').next().unwrap_or_default();
        scheme != "cdrom" && uri.trim_end_matches('/').ends_with("/debian")
    };
    entries
        .iter()
        .filter(|entry| entry.suites.iter().any(is_release))
        .filter(|entry| entry.components.iter().any(|component| component == "main"))
        .find_map(|entry| Some((entry.uris.iter().find(is_debian)?, &entry.options)))
        .map_or_else(
            || Mirror {
                uri: EVERYONES.to_owned(),
                options: BTreeMap::new(),
            },
            |(uri, options)| Mirror {
                uri: uri.clone(),
                options: options.clone(),
            },
        )
}

impl Mirror {
    /// The paragraph that makes apt read the source packages of a release from this mirror.
    pub(super) fn source_line(&self, release: &str, keyring: Option<&str>) -> String {
        let mut text = format!(
            "Types: deb-src\nURIs: {}\nSuites: {release}\nComponents: main\n",
            self.uri
        );
        for key in ["trusted", "check-valid-until", "check-date"] {
            if let Some(value) = self.options.get(key) {
                text.push_str(&format!("{key}: {value}\n"));
            }
        }
        // The machine's own keys may be those of its own release only.
        let own = self.options.get("signed-by").map(String::as_str);
        let keys = match (own, keyring) {
            (Some(own), _) if own.contains("-----BEGIN") => own.to_owned(),
            (Some(own), Some(keyring)) if own != keyring => format!("{own} {keyring}"),
            (Some(keys), _) | (None, Some(keys)) => keys.to_owned(),
            (None, None) => return text,
        };
        text.push_str(&format!("Signed-By: {keys}\n"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
# a comment
deb [arch=amd64] https://packages.example.org/apt cloud-sdk main
debug http://x/debian y main
deb-src http://security.debian.org/debian-security bookworm-security main
deb [ signed-by=/k.gpg ] http://mirror.example.org/debian/ bookworm main contrib # here
";
    const PARAGRAPHS: &str = "\
Types: deb
# http://snapshot.example.org/
URIs: http://off.example.org/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ
 -----END PGP PUBLIC KEY BLOCK-----
";

    #[test]
    fn the_machines_own_mirror_is_found_in_both_formats() {
        let line = debian_mirror(&parse(LINES, false));
        assert_eq!(
            line.source_line("trixie", Some("/debian.gpg")),
            "Types: deb-src\nURIs: http://mirror.example.org/debian/\nSuites: trixie\n\
             Components: main\nSigned-By: /k.gpg /debian.gpg\n"
        );
        let paragraph = debian_mirror(&parse(PARAGRAPHS, true));
        assert_eq!(
            paragraph.source_line("trixie", Some("/debian.gpg")),
            "Types: deb-src\nURIs: http://mirror.example.org/debian\nSuites: trixie\n\
             Components: main\nSigned-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n \
             -----END PGP PUBLIC KEY BLOCK-----\n"
        );
    }

    #[test]
    fn a_machine_that_is_no_debian_uses_everyones_mirror() {
        let ubuntu = "deb http://archive.ubuntu.com/ubuntu noble main\n\
                      deb cdrom:[x]/debian bookworm main\n\
                      deb http://x.org/debian bookworm-backports main\n\
                      deb http://x.org/debian bookworm contrib\n";
        let mirror = debian_mirror(&parse(ubuntu, false));
        assert_eq!(mirror.uri, EVERYONES);
        assert!(!mirror.source_line("trixie", None).contains("Signed-By"));
    }
}
