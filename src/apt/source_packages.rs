//! Source packages: their versions, and the files of one.
//!
//! A package has one record a version, and its files are known by name and sha256 only there.

use std::fs;
use std::path::Path;

use super::PrivateApt;
use super::error::AptError;
use super::packages::parse_address;
use super::paragraphs::parse_paragraphs;

/// apt's helper is no command of the path.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// A version of a source package, as the mirror's lists describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceRecord {
    /// The version, with Debian's revision.
    pub version: String,
    /// Names and sha256 of its files.
    pub files: Vec<(String, String)>,
}

impl PrivateApt {
    /// The versions that the lists have of a source package; none when they lack it.
    ///
    /// # Errors
    /// When apt cannot be asked.
    pub fn source_records(&self, package: &str) -> Result<Vec<SourceRecord>, AptError> {
        let arguments = ["showsrc", "--only-source", package];
        let operation = || format!("asking apt for the source package `{package}`");
        match self.run("apt-cache", &arguments, operation) {
            Ok(answer) => Ok(parse_source_records(&answer)),
            // A package that is not there is an empty answer, with an error status since apt 2.9.
            Err(AptError::Failed { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Fetches one file of a version into `target`.
    ///
    /// # Errors
    /// When the version has no such file, or it cannot be fetched or verified.
    pub fn fetch_source_file(
        &self,
        package: &str,
        version: &str,
        file: &str,
        target: &Path,
    ) -> Result<(), AptError> {
        let exact = format!("{package}={version}");
        let arguments = ["-qq", "source", "--print-uris", "--only-source", &exact];
        let operation = || format!("asking apt for the address of `{file}`");
        let answer = self.run("apt-get", &arguments, operation)?;
        let address = answer
            .lines()
            .filter_map(parse_address)
            .find(|address| address.name == file)
            .ok_or_else(|| AptError::Failed {
                operation: operation(),
                said: "it is not in the answer".to_owned(),
            })?;
        let _ = fs::remove_file(target);
        let target = target
            .to_str()
            .ok_or_else(|| AptError::Path(target.to_owned()))?;
        let arguments = ["-qq", "download-file", address.uri, target, address.sum];
        self.run(HELPER, &arguments, || format!("fetching {}", address.uri))
            .map(drop)
    }
}

// Package: netatalk
// Version: 4.2.3~ds-1+deb13u2
// Checksums-Sha256:
//  3a935770… 853516 netatalk_4.2.3~ds.orig.tar.xz
/// Reads the answer to `apt-cache showsrc`.
#[must_use]
pub fn parse_source_records(text: &str) -> Vec<SourceRecord> {
    let files = |sums: &str| -> Vec<(String, String)> {
        sums.lines()
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                match words[..] {
                    [sum, _, name] => Some((name.to_owned(), sum.to_owned())),
                    _ => None,
                }
            })
            .collect()
    };
    parse_paragraphs(text)
        .iter()
        .filter_map(|record| {
            let sums = record.value("checksums-sha256").unwrap_or_default();
            Some(SourceRecord {
                version: record.value("version")?.to_owned(),
                files: files(sums),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // What apt printed for trixie, shortened.
    #[test]
    fn versions_and_files_are_read_from_apts_answer() {
        let records = parse_source_records(
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
        assert_eq!(records[1].files, []);
    }
}
