//! apt under a configuration of our own: it resolves and downloads packages of Debian's release
//! for the sandbox, and neither reads nor changes what is installed on the machine.
//!
//! Only the machine's mirror, its keys and its `Acquire` options (proxies) are taken over. Its
//! other options are not: hooks such as `APT::Update::Post-Invoke` would act on the machine.

pub mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::sandbox::error::{SandboxError, check, file, run};
use sources::Source;

/// The Debian release every sandbox is made of, whatever the machine runs.
pub const RELEASE: &str = "trixie";

/// Asked when the machine's own sources name no Debian archive (Ubuntu): Debian's own address.
const LAST_RESORT: &str = "http://deb.debian.org/debian";

/// The key files that Debian's package of that name installs.
const KEYRING: &str = "usr/share/keyrings/debian-archive-keyring.gpg";

/// A package file that apt has downloaded and verified.
#[derive(Debug, Clone)]
pub struct Download {
    /// The package's name.
    pub package: String,
    /// Where the file lies.
    pub path: PathBuf,
}

impl Download {
    /// The version, as the file's name has it: `mawk_1%3a1.3.4-20_amd64.deb`.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let name = self.path.file_name()?.to_str()?;
        Some(name.split('_').nth(1)?.replace("%3a", ":"))
    }
}

/// apt with its state, cache and configuration below one folder.
#[derive(Debug)]
pub struct PrivateApt {
    folder: PathBuf,
}

impl PrivateApt {
    /// Makes the folder and fetches the release's index.
    pub fn prepare(folder: &Path) -> Result<Self, SandboxError> {
        let sources = machine_sources(Path::new("/etc/apt"))?;
        let source = sources::choose(&sources)
            .cloned()
            .unwrap_or_else(|| Source {
                uris: vec![LAST_RESORT.to_owned()],
                ..Source::default()
            });
        let apt = Self::open(folder)?;
        apt.write_source(&source)?;
        apt.copy_keys(&source)?;
        if let Err(first) = apt.update() {
            // The machine may be older than the keys that sign this release; its own archive,
            // verified by the keys it has, carries newer ones.
            fetch_keyring(folder, &apt.folder.join("etc/trusted.gpg.d")).map_err(|_| first)?;
            apt.update()?;
        }
        Ok(apt)
    }

    /// Opens what `prepare` made; the configuration is written anew, for the folder may have moved.
    pub fn open(folder: &Path) -> Result<Self, SandboxError> {
        for below in [
            "state/lists/partial",
            "cache/archives/partial",
            "empty/partial",
            "etc/trusted.gpg.d",
            "etc/preferences.d",
            "etc/apt.conf.d",
            "log",
        ] {
            let path = folder.join(below);
            fs::create_dir_all(&path).map_err(file("make", &path))?;
        }
        let apt = Self {
            folder: folder.to_path_buf(),
        };
        let status = apt.folder.join("status");
        if !status.exists() {
            write(&status, "")?;
        }
        write(
            &apt.folder.join("apt.conf"),
            &configuration(folder, &machine_options()?),
        )?;
        Ok(apt)
    }

    /// Which packages the following downloads may take for installed, as a dpkg status file.
    pub fn set_installed(&self, status: &str) -> Result<(), SandboxError> {
        write(&self.folder.join("status"), status)
    }

    /// What these packages need beyond what is installed: their files, downloaded or not, and the
    /// size of all together.
    pub fn closure(&self, packages: &[&str]) -> Result<(Vec<Download>, u64), SandboxError> {
        if packages.is_empty() {
            return Ok((Vec::new(), 0));
        }
        // What lies in the archive folder already would not be printed.
        let empty = format!(
            "Dir::Cache::archives={}",
            self.folder.join("empty").display()
        );
        let mut command = self.command("apt-get");
        command
            .args(["install", "-qq", "-y", "--print-uris", "-o", &empty])
            .args(packages);
        let output = run(&mut command)?;
        let archives = self.folder.join("cache/archives");
        let mut downloads = Vec::new();
        let mut size = 0;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let (name, bytes) = parse_uri_line(line).ok_or_else(|| SandboxError::Malformed {
                what: "apt-get --print-uris",
                said: line.to_owned(),
            })?;
            let package = name.split('_').next().unwrap_or(name).to_owned();
            downloads.push(Download {
                package,
                path: archives.join(name),
            });
            size += bytes;
        }
        Ok((downloads, size))
    }

    /// Downloads them; `progress` is told the bytes that have arrived.
    pub fn download(
        &self,
        packages: &[&str],
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), SandboxError> {
        if packages.is_empty() {
            return Ok(());
        }
        let mut command = self.command("apt-get");
        command
            .args(["install", "-qq", "-y", "--download-only"])
            .args(packages);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| SandboxError::NotStarted {
                command: "apt-get".into(),
                source,
            })?;
        let archives = self.folder.join("cache/archives");
        let ended = |source| SandboxError::NotStarted {
            command: "apt-get".into(),
            source,
        };
        while child.try_wait().map_err(ended)?.is_none() {
            progress(size_below(&archives));
            std::thread::sleep(Duration::from_millis(100));
        }
        let output = child.wait_with_output().map_err(ended)?;
        check(&command, output).map(drop)
    }

    /// The records of packages, as the archive's index has them.
    pub fn records(&self, packages: &[&str]) -> Result<String, SandboxError> {
        let output = run(self
            .command("apt-cache")
            .args(["show", "--no-all-versions"])
            .args(packages))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The versions that the archive has of these packages; a package it lacks is left out.
    pub fn versions(&self, packages: &[&str]) -> Result<BTreeMap<String, String>, SandboxError> {
        if packages.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(parse_versions(&self.records(packages)?))
    }

    fn update(&self) -> Result<(), SandboxError> {
        run(self
            .command("apt-get")
            .args(["update", "-qq", "--error-on=any"]))
        .map(drop)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C");
        command
    }

    fn write_source(&self, source: &Source) -> Result<(), SandboxError> {
        let uri = sources::archive_uri(source).unwrap_or(LAST_RESORT);
        let trusted = if source.is_trusted {
            "[trusted=yes] "
        } else {
            ""
        };
        let line = format!("deb {trusted}{uri} {RELEASE} main\n");
        write(&self.folder.join("etc/sources.list"), &line)
    }

    /// Trusts Debian's keys and the keys of the machine's own source (a mirror may sign anew).
    fn copy_keys(&self, source: &Source) -> Result<(), SandboxError> {
        let trusted = self.folder.join("etc/trusted.gpg.d");
        let debian = Path::new("/").join(KEYRING);
        if debian.exists() {
            copy_key(&debian, &trusted)?;
        }
        let signed_by = source.signed_by.as_deref().unwrap_or_default();
        if signed_by.starts_with("-----BEGIN") {
            return write(&trusted.join("embedded.asc"), signed_by);
        }
        let named = signed_by
            .split([',', ' ', '\n'])
            .filter(|k| k.starts_with('/'));
        for key in named.map(Path::new).filter(|k| *k != debian) {
            copy_key(key, &trusted)?;
        }
        Ok(())
    }
}

/// Every entry of the machine's sources, in the order apt reads the files.
fn machine_sources(etc: &Path) -> Result<Vec<Source>, SandboxError> {
    let mut files = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        let mut parts: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        parts.sort();
        files.extend(parts);
    }
    let mut sources = Vec::new();
    for path in files.iter().filter(|p| p.is_file()) {
        let text = fs::read_to_string(path).map_err(file("read", path))?;
        match path.extension().and_then(|e| e.to_str()) {
            Some("list") => sources.extend(sources::parse_lines(&text)),
            Some("sources") => sources.extend(sources::parse_paragraphs(&text)),
            _ => {}
        }
    }
    Ok(sources)
}

/// The machine's options that say how to reach an archive.
fn machine_options() -> Result<String, SandboxError> {
    let output = run(Command::new("apt-config").arg("dump").env("LC_ALL", "C"))?;
    Ok(acquire_options(&String::from_utf8_lossy(&output.stdout)))
}

// Acquire::http::Proxy "http://proxy:3128";
fn acquire_options(dump: &str) -> String {
    const TAKEN: [&str; 7] = [
        "http",
        "https",
        "ftp",
        "Retries",
        "ForceIPv",
        "Check-Valid-Until",
        "Check-Date",
    ];
    let is_taken = |line: &&str| {
        line.strip_prefix("Acquire::")
            .is_some_and(|rest| TAKEN.iter().any(|t| rest.starts_with(t)))
    };
    dump.lines()
        .filter(is_taken)
        .map(|line| format!("{line}\n"))
        .collect()
}

fn configuration(folder: &Path, options: &str) -> String {
    let at = |below: &str| folder.join(below).display().to_string();
    format!(
        "Dir::State \"{}\";\nDir::State::status \"{}\";\nDir::Cache \"{}\";\nDir::Etc \"{}\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\nDir::Etc::main \"apt.conf\";\n\
         Dir::Etc::parts \"apt.conf.d\";\nDir::Etc::netrc \"/etc/apt/auth.conf\";\n\
         Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\nDir::Log \"{}\";\n\
         APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
         APT::Install-Recommends \"false\";\nAPT::Install-Suggests \"false\";\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n{options}",
        at("state"),
        at("status"),
        at("cache"),
        at("etc"),
        at("log"),
    )
}

/// Takes Debian's newest keyring package from the machine's own archive, by the machine's own keys.
fn fetch_keyring(folder: &Path, trusted: &Path) -> Result<(), SandboxError> {
    let work = folder.join("keyring");
    let machine = work.join("apt");
    let apt = PrivateApt::open(&machine)?;
    let text = configuration(&machine, &machine_options()?)
        .replace(
            &format!("Dir::Etc \"{}\"", machine.join("etc").display()),
            "Dir::Etc \"/etc/apt\"",
        )
        .replace("Dir::Etc::sourceparts \"/dev/null\";\n", "")
        .replace(
            "Dir::Etc::parts \"apt.conf.d\";\n",
            "Dir::Etc::parts \"/dev/null\";\n",
        );
    write(&machine.join("apt.conf"), &text)?;
    apt.update()?;
    run(apt
        .command("apt-get")
        .args(["download", "-qq", "debian-archive-keyring"])
        .current_dir(&work))?;
    for entry in fs::read_dir(&work).map_err(file("list", &work))?.flatten() {
        if entry.path().extension().is_some_and(|e| e == "deb") {
            run(Command::new("dpkg-deb")
                .arg("-x")
                .arg(entry.path())
                .arg(work.join("tree")))?;
        }
    }
    copy_key(&work.join("tree").join(KEYRING), trusted)?;
    fs::remove_dir_all(&work).map_err(file("remove", &work))
}

fn copy_key(key: &Path, folder: &Path) -> Result<(), SandboxError> {
    let target = folder.join(key.file_name().unwrap_or_default());
    fs::copy(key, target).map(drop).map_err(file("copy", key))
}

// 'http://host/debian/pool/main/m/mawk/mawk_1.3.4_amd64.deb' mawk_1.3.4_amd64.deb 123 SHA256:…
fn parse_uri_line(line: &str) -> Option<(&str, u64)> {
    let (_, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split_whitespace();
    Some((words.next()?, words.next()?.parse().ok()?))
}

// Package: mawk
// Version: 1.3.4.20250131-1
fn parse_versions(records: &str) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    let mut package = None;
    for line in records.lines() {
        if let Some(name) = line.strip_prefix("Package: ") {
            package = Some(name.to_owned());
        } else if let Some(version) = line.strip_prefix("Version: ")
            && let Some(name) = package.take()
        {
            versions.insert(name, version.to_owned());
        }
    }
    versions
}

fn size_below(folder: &Path) -> u64 {
    let size = |folder: &Path| -> u64 {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|e| e.metadata().ok())
            .filter(|m| m.is_file())
            .map(|m| m.len())
            .sum()
    };
    size(folder) + size(&folder.join("partial"))
}

fn write(path: &Path, text: &str) -> Result<(), SandboxError> {
    fs::write(path, text).map_err(file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_print_uris_gives_name_and_size() {
        let line = "'http://h/debian/pool/p/libc6_2.41-12%2bdeb13u4_amd64.deb' libc6_2.41-12+deb13u4_amd64.deb 2862224 SHA256:ab";
        assert_eq!(
            parse_uri_line(line),
            Some(("libc6_2.41-12+deb13u4_amd64.deb", 2_862_224))
        );
        assert_eq!(parse_uri_line("Reading package lists..."), None);
    }

    #[test]
    fn a_file_name_holds_the_version_with_its_epoch() {
        let version = |name: &str| {
            Download {
                package: String::new(),
                path: Path::new("/a").join(name),
            }
            .version()
        };
        assert_eq!(
            version("automake_1%3a1.17-4_all.deb").as_deref(),
            Some("1:1.17-4")
        );
        assert_eq!(
            version("libx_2.1.12-stable-10+b1_amd64.deb").as_deref(),
            Some("2.1.12-stable-10+b1")
        );
        assert_eq!(version("x"), None);
    }

    #[test]
    fn proxies_are_taken_over_and_hooks_are_not() {
        let dump = "Acquire::http::Proxy \"http://p:1\";\nAPT::Update::Post-Invoke:: \"rm\";\n\
                    Acquire::Languages \"de\";\nDir::Cache \"x\";\n";
        assert_eq!(
            acquire_options(dump),
            "Acquire::http::Proxy \"http://p:1\";\n"
        );
    }

    #[test]
    fn versions_belong_to_the_package_before_them() {
        let records = "Package: a\nVersion: 1\n\nPackage: b\nSource: c\nVersion: 2:3-4\n";
        let versions: Vec<_> = parse_versions(records).into_iter().collect();
        assert_eq!(
            versions,
            [("a".into(), "1".into()), ("b".into(), "2:3-4".into())]
        );
    }
}
