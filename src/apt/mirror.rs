//! The mirror of Debian that this machine reaches, and how to trust it.
//!
//! It is asked for releases that the machine itself does not run, so of its entry only what holds
//! for the whole mirror is taken over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{AptError, during, run};
use super::sources::{self, Entry};

/// The URL of the Debian mirror to use, as `http://mirror.example/debian`. It goes before what the
/// machine's own apt uses, and a machine whose apt uses none (an Ubuntu) needs it.
pub const MIRROR_VARIABLE: &str = "ZONEWRIGHT_DEBIAN_MIRROR";

/// A mirror of Debian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Its address.
    pub uri: String,
    options: BTreeMap<String, String>,
}

impl Mirror {
    /// The mirror that `ZONEWRIGHT_DEBIAN_MIRROR` names, else the one of the machine's own apt.
    ///
    /// # Errors
    /// When there is neither, or apt's sources cannot be read.
    pub fn of_machine() -> Result<Self, AptError> {
        let named = std::env::var_os(MIRROR_VARIABLE).filter(|value| !value.is_empty());
        let named = named.map(|value| value.to_string_lossy().into_owned());
        let mut entries = Vec::new();
        for path in source_files()?.iter().filter(|path| path.is_file()) {
            let text = fs::read_to_string(path).map_err(during("read", path))?;
            let is_in_paragraphs = path.extension().is_some_and(|end| end == "sources");
            entries.extend(sources::parse(&text, is_in_paragraphs));
        }
        choose(named, &entries)
    }

    /// The machine's line for it: the packages of one kind (`deb`, `deb-src`) of a release.
    pub(super) fn line(&self, kind: &str, release: &str) -> String {
        let options: Vec<String> = ["trusted", "check-valid-until", "check-date"]
            .iter()
            .filter_map(|name| {
                let value = self.options.get(*name)?.split_whitespace().next()?;
                Some(format!("{name}={value}"))
            })
            .collect();
        let options = match options.as_slice() {
            [] => String::new(),
            some => format!("[{}] ", some.join(" ")),
        };
        format!("{kind} {options}{} {release} main\n", self.uri)
    }

    /// Key files, fingerprints or a whole armoured key that sign what is on it, as the machine's
    /// entry has them.
    pub(super) fn signed_by(&self) -> &str {
        self.options
            .get("signed-by")
            .map_or("", |value| value.as_str())
    }
}

fn choose(named: Option<String>, entries: &[Entry]) -> Result<Mirror, AptError> {
    let Some(uri) = named else {
        let (entry, uri) = sources::choose(entries).ok_or(AptError::NoMirror)?;
        return Ok(Mirror {
            uri: uri.to_owned(),
            options: entry.options.clone(),
        });
    };
    let is_uri = uri.split_once(":/").is_some_and(|(scheme, rest)| {
        let is_scheme = |c: char| c.is_ascii_lowercase() || c == '+';
        !scheme.is_empty() && scheme.chars().all(is_scheme) && !rest.trim_matches('/').is_empty()
    });
    if !is_uri || uri.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return Err(AptError::BadMirror(uri));
    }
    // Where the machine uses it too, it is trusted as there.
    let known = entries.iter().find(|entry| entry.uris.contains(&uri));
    let options = known.map(|entry| entry.options.clone()).unwrap_or_default();
    Ok(Mirror { uri, options })
}

/// The files of the machine's own sources, in the order apt reads them.
fn source_files() -> Result<Vec<PathBuf>, AptError> {
    let questions = [
        "LIST",
        "Dir::Etc::sourcelist/f",
        "PARTS",
        "Dir::Etc::sourceparts/d",
    ];
    let mut command = Command::new("apt-config");
    command.arg("shell").args(questions);
    let answer = run("apt-config", &mut command, || {
        "asking apt for its configuration".to_owned()
    })?;
    let mut files = Vec::new();
    for word in shlex::split(&answer).unwrap_or_default() {
        match word.split_once('=') {
            Some(("LIST", path)) => files.push(PathBuf::from(path)),
            Some(("PARTS", path)) => files.extend(parts(Path::new(path))?),
            _ => {}
        }
    }
    Ok(files)
}

fn parts(folder: &Path) -> Result<Vec<PathBuf>, AptError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for item in fs::read_dir(folder).map_err(during("list", folder))? {
        let path = item.map_err(during("list", folder))?.path();
        if path
            .extension()
            .is_some_and(|end| end == "list" || end == "sources")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
# a comment
deb [arch=amd64] https://packages.example.org/apt cloud-sdk main
deb-src http://security.example.org/debian-security bookworm-security main
deb [ check-date=no trusted=yes signed-by=/k.gpg ] http://mirror.example/debian/ bookworm main contrib # here
";
    const PARAGRAPHS: &str = "\
Types: deb
# http://snapshot.example.org/
URIs: http://off.example.org/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 mQ
 -----END PGP PUBLIC KEY BLOCK-----
";

    fn chosen(named: Option<&str>, text: &str, is_in_paragraphs: bool) -> Result<Mirror, AptError> {
        let entries = sources::parse(text, is_in_paragraphs);
        choose(named.map(str::to_owned), &entries)
    }

    #[test]
    fn the_machines_own_mirror_is_found_in_both_formats_with_its_options() {
        let mirror = chosen(None, LINES, false).unwrap();
        assert_eq!(
            mirror.line("deb", "trixie"),
            "deb [trusted=yes check-date=no] http://mirror.example/debian/ trixie main\n"
        );
        assert_eq!(mirror.signed_by(), "/k.gpg");
        let mirror = chosen(None, PARAGRAPHS, true).unwrap();
        assert_eq!(
            mirror.line("deb-src", "sid"),
            "deb-src [check-valid-until=no] http://mirror.example/debian sid main\n"
        );
        assert!(mirror.signed_by().starts_with("-----BEGIN PGP"));
    }

    #[test]
    fn a_machine_that_is_no_debian_says_which_variable_to_set() {
        let ubuntu = "deb http://mirror.example/ubuntu noble main\n";
        let error = chosen(None, ubuntu, false).unwrap_err().to_string();
        assert!(
            error.contains("set `ZONEWRIGHT_DEBIAN_MIRROR` to the URL"),
            "{error}"
        );
        let mirror = chosen(Some("http://mirror.example/debian"), ubuntu, false).unwrap();
        assert_eq!(
            mirror.line("deb", "trixie"),
            "deb http://mirror.example/debian trixie main\n"
        );
        assert_eq!(mirror.signed_by(), "");
    }

    #[test]
    fn the_variable_goes_before_the_machines_mirror() {
        let other = chosen(Some("https://other.example/d"), LINES, false).unwrap();
        assert_eq!(
            (other.uri.as_str(), other.signed_by()),
            ("https://other.example/d", "")
        );
        let same = chosen(Some("http://mirror.example/debian/"), LINES, false).unwrap();
        assert_eq!(same.signed_by(), "/k.gpg");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (value, is_fine) in [
            ("http://mirror.example/debian", true),
            ("file:/srv/debian", true),
            ("mirror+file:///etc/mirrors", true),
            ("mirror.example/debian", false),
            ("http://", false),
            ("://x", false),
            ("http://a b", false),
            ("http://a\ndeb http://b", false),
            ("[trusted=yes] http://a", false),
        ] {
            assert_eq!(
                chosen(Some(value), LINES, false).is_ok(),
                is_fine,
                "{value}"
            );
        }
    }
}
