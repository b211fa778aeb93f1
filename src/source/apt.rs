//! apt, run under a configuration of our own, for source packages of any Debian release.
//!
//! The machine's configuration is read first, so its proxies and credentials hold; what ours changes
//! are the places of lists and caches and the hooks. Nothing of the machine's own is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::apt_sources::{self, Mirror};
use super::fetch::FetchEvent;

/// The keys that Debian's releases are signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// apt's helper is no command of the path.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// Why apt could not be asked, or what it answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum AptError {
    #[error("apt is not installed on this machine (`{0}` is missing)")]
    Missing(&'static str),
    #[error("cannot {operation} `{path}`: {source}")]
    File {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot run `{program}`: {source}")]
    Run {
        program: &'static str,
        source: io::Error,
    },
    #[error("{operation} failed: {output}")]
    Failed { operation: String, output: String },
    #[error("`{0}` is no path that an apt configuration can hold")]
    Path(PathBuf),
}

/// A version of a source package, as the mirror's lists describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    pub version: String,
    /// Names and sha256 of its files.
    pub files: Vec<(String, String)>,
}

/// apt with our configuration on top of the machine's, whose proxies it keeps.
pub(super) struct Apt {
    configuration: PathBuf,
    pub mirror: Mirror,
}

impl Apt {
    pub(super) fn set_up(release: &str, folder: &Path) -> Result<Self, AptError> {
        let mirror = machine_mirror()?;
        let sources = folder.join("zonewright.sources");
        let configuration = folder.join("apt.conf");
        for part in ["lists/partial", "cache/archives/partial"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(during("make the folder", &part))?;
        }
        let empty = folder.join("empty");
        write(&empty, "")?;
        let keyring = Path::new(KEYRING).exists().then_some(KEYRING);
        write(&sources, &mirror.source_line(release, keyring))?;
        write(&configuration, &settings(folder, &sources, &empty)?)?;
        Ok(Self {
            configuration,
            mirror,
        })
    }

    fn run(&self, program: &'static str, arguments: &[&str]) -> Result<Output, AptError> {
        Command::new(program)
            .arg("-c")
            .arg(&self.configuration)
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .map_err(not_run(program))
    }

    pub(super) fn update(
        &self,
        release: &str,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), AptError> {
        progress(FetchEvent::DebianLists { release });
        // Without this apt keeps silent about lists that could not be fetched, and ends with 0.
        let strict = ["-o", "APT::Update::Error-Mode=any", "-qq", "update"];
        let output = self.run("apt-get", &strict)?;
        check(&output, || {
            format!("reading the lists of {release} from {}", self.mirror.uri)
        })
    }

    pub(super) fn records(&self, package: &str) -> Result<Vec<Record>, AptError> {
        let output = self.run("apt-cache", &["showsrc", "--only-source", package])?;
        let text = String::from_utf8_lossy(&output.stdout);
        // A package that is not there is an empty answer, with an error status since apt 2.9.
        Ok(parse_records(&text))
    }

    pub(super) fn fetch(
        &self,
        package: &str,
        version: &str,
        file: &str,
        target: &Path,
    ) -> Result<(), AptError> {
        let exact = format!("{package}={version}");
        let arguments = [
            "-qq",
            "source",
            "--print-uris",
            "--only-source",
            exact.as_str(),
        ];
        let output = self.run("apt-get", &arguments)?;
        check(&output, || {
            format!("asking apt for the address of `{file}`")
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some((uri, sum)) = parse_uris(&text, file) else {
            let operation = format!("asking apt for the address of `{file}`");
            return Err(AptError::Failed {
                operation,
                output: "it is not in the answer".into(),
            });
        };
        let _ = fs::remove_file(target);
        let target = target
            .to_str()
            .ok_or_else(|| AptError::Path(target.to_owned()))?;
        let output = self.run(HELPER, &["-qq", "download-file", uri, target, sum])?;
        check(&output, || format!("fetching {uri}"))
    }
}

/// Finds out how the machine itself reaches Debian.
fn machine_mirror() -> Result<Mirror, AptError> {
    let questions = [
        "LIST",
        "Dir::Etc::sourcelist/f",
        "PARTS",
        "Dir::Etc::sourceparts/d",
    ];
    let output = Command::new("apt-config")
        .arg("shell")
        .args(questions)
        .output()
        .map_err(not_run("apt-config"))?;
    check(&output, || "asking apt for its configuration".to_owned())?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let mut files = Vec::new();
    for word in shlex::split(&answer).unwrap_or_default() {
        match word.split_once('=') {
            Some(("LIST", path)) => files.push(PathBuf::from(path)),
            Some(("PARTS", path)) => files.extend(parts(Path::new(path))?),
            _ => {}
        }
    }
    let mut entries = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let text = fs::read_to_string(file).map_err(during("read", file))?;
        let is_deb822 = file
            .extension()
            .is_some_and(|extension| extension == "sources");
        entries.extend(apt_sources::parse(&text, is_deb822));
    }
    Ok(apt_sources::debian_mirror(&entries))
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

/// Our part of apt's configuration. It is read after the machine's own, whose hooks must not run for
/// lists that are not the machine's.
fn settings(folder: &Path, sources: &Path, empty: &Path) -> Result<String, AptError> {
    let quoted = |path: &Path| match path.to_str() {
        Some(text) if !text.contains(['"', '\n', '\\']) => Ok(format!("\"{text}\"")),
        _ => Err(AptError::Path(path.to_owned())),
    };
    let mut text = String::new();
    for hook in [
        "Pre-Invoke",
        "Post-Invoke",
        "Post-Invoke-Success",
        "Post-Invoke-Stats",
    ] {
        text.push_str(&format!("#clear APT::Update::{hook};\n"));
    }
    let places = [
        ("Dir::Etc::sourcelist", sources.to_owned()),
        ("Dir::Etc::sourceparts", PathBuf::from("/dev/null")),
        ("Dir::State", folder.to_owned()),
        ("Dir::State::lists", folder.join("lists")),
        ("Dir::State::status", empty.to_owned()),
        ("Dir::Cache", folder.join("cache")),
        ("Dir::Cache::archives", folder.join("cache/archives")),
    ];
    for (key, path) in places {
        text.push_str(&format!("{key} {};\n", quoted(&path)?));
    }
    // Root cannot become `_apt` for files below a private cache; who is not root stays who he is.
    text.push_str("APT::Sandbox::User \"root\";\nDir::Cache::pkgcache \"\";\n");
    text.push_str("Dir::Cache::srcpkgcache \"\";\nAcquire::Retries \"3\";\n");
    text.push_str("Acquire::http::Timeout \"60\";\nAcquire::https::Timeout \"60\";\n");
    Ok(text)
}

// Package: netatalk
// Version: 4.2.3~ds-1+deb13u2
// Checksums-Sha256:
//  3a935770… 853516 netatalk_4.2.3~ds.orig.tar.xz
pub(super) fn parse_records(text: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let mut record = Record::default();
    let mut is_sums = false;
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            if !record.version.is_empty() {
                records.push(std::mem::take(&mut record));
            }
        } else if line.starts_with(' ') {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ([sum, _, name], true) = (&words[..], is_sums) {
                record.files.push(((*name).to_owned(), (*sum).to_owned()));
            }
        } else {
            is_sums = line.starts_with("Checksums-Sha256:");
            if let Some(version) = line.strip_prefix("Version:") {
                version.trim().clone_into(&mut record.version);
            }
        }
    }
    records
}

// 'http://…/netatalk_4.2.3%7eds.orig.tar.xz' netatalk_4.2.3~ds.orig.tar.xz 853516 SHA256:3a93…
fn parse_uris<'t>(text: &'t str, file: &str) -> Option<(&'t str, &'t str)> {
    text.lines().find_map(|line| {
        let (uri, rest) = line.strip_prefix('\'')?.split_once('\'')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        match words[..] {
            [name, _, sum] if name == file => Some((uri, sum)),
            _ => None,
        }
    })
}

fn check(output: &Output, operation: impl FnOnce() -> String) -> Result<(), AptError> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let mut errors: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("E: "))
        .map(str::trim)
        .collect();
    errors.dedup();
    let output = if errors.is_empty() {
        output.status.to_string()
    } else {
        errors.join("; ")
    };
    Err(AptError::Failed {
        operation: operation(),
        output,
    })
}

fn not_run(program: &'static str) -> impl FnOnce(io::Error) -> AptError {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => AptError::Missing(program),
        _ => AptError::Run { program, source },
    }
}

fn during(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> AptError {
    let path = path.to_owned();
    move |source| AptError::File {
        operation,
        path: path.clone(),
        source,
    }
}

fn write(path: &Path, text: &str) -> Result<(), AptError> {
    fs::write(path, text).map_err(during("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    // What apt printed for trixie, shortened.
    #[test]
    fn versions_and_addresses_are_read_from_apts_answers() {
        let records = parse_records(
            "Package: n\nBinary: n, n-tools\nVersion: 4~ds-1\nFiles:\n eb03 3030 n_4~ds.dsc\n\
             Checksums-Sha256:\n 93 3030 n_4~ds.dsc\n 3a 85 n_4~ds.tar.xz\nHomepage: x\n\n\
             Package: n\nVersion: 5-1\n\n",
        );
        let versions: Vec<_> = records
            .iter()
            .map(|record| record.version.as_str())
            .collect();
        assert_eq!(versions, ["4~ds-1", "5-1"]);
        let files = [
            ("n_4~ds.dsc".into(), "93".into()),
            ("n_4~ds.tar.xz".into(), "3a".into()),
        ];
        assert_eq!(records[0].files, files);

        let answer = "NOTICE: words\n'http://m/n_4%7eds.dsc' n_4~ds.dsc 3030 SHA256:93\n\
                      'http://m/n_4%7eds.tar.xz' n_4~ds.tar.xz 85 SHA256:3a\n";
        let found = parse_uris(answer, "n_4~ds.tar.xz");
        assert_eq!(found, Some(("http://m/n_4%7eds.tar.xz", "SHA256:3a")));
        assert_eq!(parse_uris(answer, "n_4~ds.tar.gz"), None);
    }

    #[test]
    fn the_configuration_holds_no_path_that_would_end_its_quotes() {
        let text = settings(Path::new("/c"), Path::new("/c/s"), Path::new("/c/e")).unwrap();
        assert!(
            text.contains("#clear APT::Update::Post-Invoke;\n"),
            "{text}"
        );
        assert!(text.contains("Dir::State::lists \"/c/lists\";\n"), "{text}");
        for bad in ["/a\"b", "/a\nb", "/a\\b"] {
            assert!(
                settings(Path::new(bad), Path::new("/s"), Path::new("/e")).is_err(),
                "{bad}"
            );
        }
    }
}
