//! A file of a Debian source package, fetched with apt under a configuration of our own.
//!
//! What counts is the file and not the package's revision: security updates replace the revision and
//! leave upstream's archive as it is. So where the recipe names a checksum, any revision that holds
//! the very file will do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::apt_sources::{self, Mirror};
use super::fetch::FetchEvent;
use crate::recipe::model::DebianSource;

/// The keys that Debian's releases are signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// apt's helper is no command of the path.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// Why a Debian source package did not yield the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum DebianError {
    #[error("apt is not installed on this machine (`{0}` is missing)")]
    NoApt(&'static str),
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
    Apt { operation: String, output: String },
    #[error("`{0}` is no path that an apt configuration can hold")]
    Path(PathBuf),
    #[error("`{0}` is not the name of a file, package or release of Debian")]
    Name(String),
    #[error("the mirror {mirror} has no source package `{package}` in {release}")]
    NoPackage {
        mirror: String,
        package: String,
        release: String,
    },
    #[error("the mirror {mirror} has no version `{version}` of it, but {there}")]
    NoVersion {
        mirror: String,
        version: String,
        there: String,
    },
    #[error("version {version} of it has no file `{file}`, but {there}")]
    NoFile {
        version: String,
        file: String,
        there: String,
    },
}

/// A version of a source package, as the mirror's lists describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Record {
    version: String,
    /// Names and sha256 of its files.
    files: Vec<(String, String)>,
}

/// Fetches the file into `target` and says which version of the package it came from. `folder` keeps
/// the release's lists for the next time.
pub(super) fn download(
    wanted: &DebianSource,
    sha256: Option<&str>,
    folder: &Path,
    target: &Path,
    progress: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<String, DebianError> {
    for name in [
        &wanted.package,
        &wanted.version,
        &wanted.release,
        &wanted.file,
    ] {
        check_name(name)?;
    }
    let apt = Apt::set_up(&wanted.release, folder)?;
    let mut is_fresh = false;
    let mut records = apt.records(&wanted.package);
    if !records
        .as_ref()
        .is_ok_and(|records| pick(records, wanted, sha256).is_some())
    {
        apt.update(&wanted.release, progress)?;
        is_fresh = true;
        records = apt.records(&wanted.package);
    }
    let records = records?;
    let version = pick(&records, wanted, sha256)
        .ok_or_else(|| nothing_fits(&records, wanted, &apt.mirror))?;
    match apt.fetch(&wanted.package, version, &wanted.file, target) {
        Err(_) if !is_fresh => {
            // The lists were old: the mirror may have moved on since.
            apt.update(&wanted.release, progress)?;
            let records = apt.records(&wanted.package)?;
            let version = pick(&records, wanted, sha256)
                .ok_or_else(|| nothing_fits(&records, wanted, &apt.mirror))?;
            apt.fetch(&wanted.package, version, &wanted.file, target)?;
            Ok(version.to_owned())
        }
        result => result.map(|()| version.to_owned()),
    }
}

/// Names become arguments and parts of file names; Debian's own rules for them are enough.
fn check_name(name: &str) -> Result<(), DebianError> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.~:_".contains(&byte);
    if !name.is_empty() && !name.starts_with(['-', '.']) && name.bytes().all(is_fine) {
        return Ok(());
    }
    Err(DebianError::Name(name.to_owned()))
}

/// The version to take the file from: the recipe's, else any that holds the very same file.
fn pick<'r>(records: &'r [Record], wanted: &DebianSource, sha256: Option<&str>) -> Option<&'r str> {
    let holds = |record: &&Record| {
        record.files.iter().any(|(name, sum)| {
            *name == wanted.file && sha256.is_none_or(|sha256| sha256 == sum.as_str())
        })
    };
    let named = records
        .iter()
        .filter(|record| record.version == wanted.version)
        .find(holds);
    let other = || records.iter().filter(|_| sha256.is_some()).find(holds);
    named.or_else(other).map(|record| record.version.as_str())
}

fn nothing_fits(records: &[Record], wanted: &DebianSource, mirror: &Mirror) -> DebianError {
    let mirror = mirror.uri.clone();
    let quoted = |names: Vec<&str>| {
        names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if records.is_empty() {
        let (package, release) = (wanted.package.clone(), wanted.release.clone());
        return DebianError::NoPackage {
            mirror,
            package,
            release,
        };
    }
    match records
        .iter()
        .find(|record| record.version == wanted.version)
    {
        Some(record) => {
            let is_other_sum = record.files.iter().any(|(name, _)| *name == wanted.file);
            let files = if is_other_sum {
                format!(
                    "one of that name with another sha256: {}",
                    sum_of(record, &wanted.file)
                )
            } else {
                quoted(record.files.iter().map(|(name, _)| name.as_str()).collect())
            };
            let (version, file) = (record.version.clone(), wanted.file.clone());
            DebianError::NoFile {
                version,
                file,
                there: files,
            }
        }
        None => {
            let there = quoted(
                records
                    .iter()
                    .map(|record| record.version.as_str())
                    .collect(),
            );
            DebianError::NoVersion {
                mirror,
                version: wanted.version.clone(),
                there,
            }
        }
    }
}

fn sum_of<'r>(record: &'r Record, file: &str) -> &'r str {
    let found = record.files.iter().find(|(name, _)| name == file);
    found.map_or("", |(_, sum)| sum.as_str())
}

/// apt with our configuration on top of the machine's, whose proxies it keeps.
struct Apt {
    configuration: PathBuf,
    mirror: Mirror,
}

impl Apt {
    fn set_up(release: &str, folder: &Path) -> Result<Self, DebianError> {
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

    fn run(&self, program: &'static str, arguments: &[&str]) -> Result<Output, DebianError> {
        Command::new(program)
            .arg("-c")
            .arg(&self.configuration)
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .map_err(not_run(program))
    }

    fn update(
        &self,
        release: &str,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), DebianError> {
        progress(FetchEvent::DebianLists { release });
        // Without this apt keeps silent about lists that could not be fetched, and ends with 0.
        let strict = ["-o", "APT::Update::Error-Mode=any", "-qq", "update"];
        let output = self.run("apt-get", &strict)?;
        check(&output, || {
            format!("reading the lists of {release} from {}", self.mirror.uri)
        })
    }

    fn records(&self, package: &str) -> Result<Vec<Record>, DebianError> {
        let output = self.run("apt-cache", &["showsrc", "--only-source", package])?;
        let text = String::from_utf8_lossy(&output.stdout);
        // A package that is not there is an empty answer, with an error status since apt 2.9.
        Ok(parse_records(&text))
    }

    fn fetch(
        &self,
        package: &str,
        version: &str,
        file: &str,
        target: &Path,
    ) -> Result<(), DebianError> {
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
            return Err(DebianError::Apt {
                operation,
                output: "it is not in the answer".into(),
            });
        };
        let _ = fs::remove_file(target);
        let target = target
            .to_str()
            .ok_or_else(|| DebianError::Path(target.to_owned()))?;
        let output = self.run(HELPER, &["-qq", "download-file", uri, target, sum])?;
        check(&output, || format!("fetching {uri}"))
    }
}

/// Finds out how the machine itself reaches Debian.
fn machine_mirror() -> Result<Mirror, DebianError> {
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

fn parts(folder: &Path) -> Result<Vec<PathBuf>, DebianError> {
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
fn settings(folder: &Path, sources: &Path, empty: &Path) -> Result<String, DebianError> {
    let quoted = |path: &Path| match path.to_str() {
        Some(text) if !text.contains(['"', '\n', '\\']) => Ok(format!("\"{text}\"")),
        _ => Err(DebianError::Path(path.to_owned())),
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
fn parse_records(text: &str) -> Vec<Record> {
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

fn check(output: &Output, operation: impl FnOnce() -> String) -> Result<(), DebianError> {
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
    Err(DebianError::Apt {
        operation: operation(),
        output,
    })
}

fn not_run(program: &'static str) -> impl FnOnce(io::Error) -> DebianError {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => DebianError::NoApt(program),
        _ => DebianError::Run { program, source },
    }
}

fn during(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> DebianError {
    let path = path.to_owned();
    move |source| DebianError::File {
        operation,
        path: path.clone(),
        source,
    }
}

fn write(path: &Path, text: &str) -> Result<(), DebianError> {
    fs::write(path, text).map_err(during("write", path))
}

#[cfg(test)]
mod tests;
