//! Binary packages: what some of them need, and their files.
//!
//! What counts as installed is a file of our own, so one download can build on another without
//! anything being installed anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::error::{AptError, check, not_run};
use super::paragraphs::parse_paragraphs;
use super::{PrivateApt, write};

/// A package file that apt has downloaded and verified, or would.
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

impl PrivateApt {
    /// Which packages the following downloads may take for installed, as a dpkg status file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_installed(&self, status: &str) -> Result<(), AptError> {
        write(&self.folder.join("status"), status)
    }

    /// What these packages need beyond what is installed: their files, downloaded or not, and the
    /// size of all together.
    ///
    /// # Errors
    /// When the archive lacks one of them.
    pub fn closure(&self, packages: &[&str]) -> Result<(Vec<Download>, u64), AptError> {
        if packages.is_empty() {
            return Ok((Vec::new(), 0));
        }
        // What lies in the archive folder already would not be printed.
        let empty = self.folder.join("no-archives");
        let empty = format!("Dir::Cache::archives={}", empty.display());
        let mut arguments = vec!["install", "-qq", "-y", "--print-uris", "-o", &empty];
        arguments.extend(packages);
        let operation = || format!("asking apt what {} needs", packages.join(", "));
        let answer = self.run("apt-get", &arguments, operation)?;
        let archives = self.folder.join("cache/archives");
        let mut downloads = Vec::new();
        let mut size = 0;
        for line in answer.lines() {
            let file = parse_address(line).ok_or_else(|| AptError::Malformed {
                operation: operation(),
                said: line.to_owned(),
            })?;
            let package = file.name.split('_').next().unwrap_or(file.name).to_owned();
            downloads.push(Download {
                package,
                path: archives.join(file.name),
            });
            size += file.size_bytes;
        }
        Ok((downloads, size))
    }

    /// Downloads them; `progress` is told the bytes that have arrived.
    ///
    /// # Errors
    /// When a file cannot be fetched or verified.
    pub fn download(
        &self,
        packages: &[&str],
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), AptError> {
        if packages.is_empty() {
            return Ok(());
        }
        let mut command = self.command("apt-get");
        command
            .args(["install", "-qq", "-y", "--download-only"])
            .args(packages);
        let failed = not_run("apt-get");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(&failed)?;
        let archives = self.folder.join("cache/archives");
        while child.try_wait().map_err(&failed)?.is_none() {
            progress(size_below(&archives));
            std::thread::sleep(Duration::from_millis(100));
        }
        let output = child.wait_with_output().map_err(&failed)?;
        check(&output, || format!("downloading {}", packages.join(", ")))
    }

    /// The records of packages, as the archive's index has them.
    ///
    /// # Errors
    /// When apt cannot be asked.
    pub fn records(&self, packages: &[&str]) -> Result<String, AptError> {
        let mut arguments = vec!["show", "--no-all-versions"];
        arguments.extend(packages);
        self.run("apt-cache", &arguments, || {
            format!("asking apt for the records of {}", packages.join(", "))
        })
    }

    /// The versions that the archive has of these packages; a package it lacks is left out.
    ///
    /// # Errors
    /// When apt cannot be asked.
    pub fn versions(&self, packages: &[&str]) -> Result<BTreeMap<String, String>, AptError> {
        if packages.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(parse_versions(&self.records(packages)?))
    }
}

/// Where apt would fetch a file from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'t> {
    pub uri: &'t str,
    pub name: &'t str,
    pub size_bytes: u64,
    pub sum: &'t str,
}

// 'http://mirror.example/debian/pool/main/m/mawk/mawk_1.3.4%7eb_amd64.deb' mawk_1.3.4~b_amd64.deb 123 SHA256:3a…
/// A line of the answer to `--print-uris`.
pub(super) fn parse_address(line: &str) -> Option<Address<'_>> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split_whitespace();
    Some(Address {
        uri,
        name: words.next()?,
        size_bytes: words.next()?.parse().ok()?,
        sum: words.next().unwrap_or_default(),
    })
}

fn parse_versions(records: &str) -> BTreeMap<String, String> {
    let owned = |value: Option<&str>| value.map(str::to_owned);
    parse_paragraphs(records)
        .iter()
        .filter_map(|record| {
            Some((
                owned(record.value("package"))?,
                owned(record.value("version"))?,
            ))
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_print_uris_gives_name_and_size() {
        let line = "'http://h/debian/pool/p/libc6_2.41-12%2bdeb13u4_amd64.deb' libc6_2.41-12+deb13u4_amd64.deb 2862224 SHA256:ab";
        let address = Address {
            uri: "http://h/debian/pool/p/libc6_2.41-12%2bdeb13u4_amd64.deb",
            name: "libc6_2.41-12+deb13u4_amd64.deb",
            size_bytes: 2_862_224,
            sum: "SHA256:ab",
        };
        assert_eq!(parse_address(line), Some(address));
        assert_eq!(parse_address("Reading package lists..."), None);
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
    fn versions_belong_to_their_package() {
        let records = "Package: a\nVersion: 1\n\nPackage: b\nSource: c\nVersion: 2:3-4\n";
        let versions: Vec<_> = parse_versions(records).into_iter().collect();
        assert_eq!(
            versions,
            [("a".into(), "1".into()), ("b".into(), "2:3-4".into())]
        );
    }
}
