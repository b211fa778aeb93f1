//! A file of a Debian source package, fetched with apt under a configuration of our own.
//!
//! What counts is the file and not the package's revision: security updates replace the revision and
//! leave upstream's archive as it is. So where the recipe names a checksum, any revision that holds
//! the very file will do.

use std::path::Path;

use super::fetch::FetchEvent;
use crate::apt::{AptError, Archive, Kind, Mirror, PrivateApt, SourceRecord};
use crate::recipe::model::DebianSource;

/// Why a Debian source package did not yield the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum DebianError {
    #[error(transparent)]
    Apt(#[from] AptError),
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
    #[error("the sha256 of `{file}` in version {version} is {found}, the recipe wants {wanted}")]
    OtherFile {
        version: String,
        file: String,
        found: String,
        wanted: String,
    },
}

impl DebianError {
    /// Whether the file is there and is not the recipe's.
    pub(super) fn is_other(&self) -> bool {
        matches!(self, Self::OtherFile { .. })
    }
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
    let Lists { archive, apt } = &Lists::open(&wanted.release, folder)?;
    let mut update = || update(archive, apt, progress);
    let mut is_fresh = false;
    let mut records = apt.source_records(&wanted.package);
    if !records
        .as_ref()
        .is_ok_and(|records| pick(records, wanted, sha256).is_some())
    {
        update()?;
        is_fresh = true;
        records = apt.source_records(&wanted.package);
    }
    let records = records?;
    let version = pick(&records, wanted, sha256)
        .ok_or_else(|| nothing_fits(&records, wanted, sha256, &archive.mirror.uri))?;
    match apt.fetch_source_file(&wanted.package, version, &wanted.file, target) {
        Err(_) if !is_fresh => {
            // The lists were old: the mirror may have moved on since.
            update()?;
            let records = apt.source_records(&wanted.package)?;
            let version = pick(&records, wanted, sha256)
                .ok_or_else(|| nothing_fits(&records, wanted, sha256, &archive.mirror.uri))?;
            apt.fetch_source_file(&wanted.package, version, &wanted.file, target)?;
            Ok(version.to_owned())
        }
        result => Ok(result.map(|()| version.to_owned())?),
    }
}

/// What the release's lists, read anew, say of the package: every version with its files.
pub(super) fn records(
    wanted: &DebianSource,
    folder: &Path,
    progress: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Vec<SourceRecord>, DebianError> {
    check_name(&wanted.package)?;
    check_name(&wanted.release)?;
    let Lists { archive, apt } = &Lists::open(&wanted.release, folder)?;
    update(archive, apt, progress)?;
    Ok(apt.source_records(&wanted.package)?)
}

/// A release's lists of source packages, as they were read last.
struct Lists {
    archive: Archive,
    apt: PrivateApt,
}

impl Lists {
    fn open(release: &str, folder: &Path) -> Result<Self, DebianError> {
        let archive = Archive {
            mirror: Mirror::of_machine()?,
            release: release.to_owned(),
            kind: Kind::Source,
        };
        let apt = PrivateApt::open(folder)?;
        apt.set_archive(&archive)?;
        Ok(Self { archive, apt })
    }
}

/// Reads the lists anew.
fn update(
    archive: &Archive,
    apt: &PrivateApt,
    progress: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(), AptError> {
    progress(FetchEvent::DebianLists {
        release: &archive.release,
    });
    apt.update(archive)
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
fn pick<'r>(
    records: &'r [SourceRecord],
    wanted: &DebianSource,
    sha256: Option<&str>,
) -> Option<&'r str> {
    let holds = |record: &&SourceRecord| {
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

fn nothing_fits(
    records: &[SourceRecord],
    wanted: &DebianSource,
    sha256: Option<&str>,
    mirror: &str,
) -> DebianError {
    let mirror = mirror.to_owned();
    if records.is_empty() {
        let (package, release) = (wanted.package.clone(), wanted.release.clone());
        return DebianError::NoPackage {
            mirror,
            package,
            release,
        };
    }
    let version = wanted.version.clone();
    let Some(record) = records.iter().find(|record| record.version == version) else {
        let there = quoted(records.iter().map(|record| &record.version));
        return DebianError::NoVersion {
            mirror,
            version,
            there,
        };
    };
    let file = wanted.file.clone();
    let same_name = record.files.iter().find(|(name, _)| *name == file);
    match (same_name, sha256) {
        (Some((_, found)), Some(sha256)) => DebianError::OtherFile {
            version,
            file,
            found: found.clone(),
            wanted: sha256.to_owned(),
        },
        _ => DebianError::NoFile {
            version,
            file,
            there: quoted(record.files.iter().map(|(name, _)| name)),
        },
    }
}

fn quoted<'n>(names: impl Iterator<Item = &'n String>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
