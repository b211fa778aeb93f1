//! From what the user wrote to an opened archive.
//!
//! A file that is missing, is garbage or is compressed in a way that the tools do not know ends in
//! the same message, because what cannot be opened is tried as a pattern in its folder next.

use std::path::{Path, PathBuf};

use super::{Call, PROGRAM};
use crate::sandbox::packages::archive::{Archive, NotAPackage};
use crate::sandbox::packages::pattern;
use crate::sandbox::packages::process::{Process, Stop, below};

/// Opens the package that `word` names; gives the path (as seen in the zone) it was found at.
pub fn open(
    process: &mut Process<'_>,
    call: &Call,
    word: &str,
    near: Option<&Path>,
) -> Result<(Archive, PathBuf), Stop> {
    let word = word.strip_prefix("file://").unwrap_or(word);
    if word.contains("://") {
        return Err(Stop::not_emulated(&format!("the address `{word}'")));
    }
    let (folders, name) = places(process, call, word, near);
    for folder in folders {
        let path = folder.join(&name);
        if near.is_none()
            && let Some(archive) = try_open(process, word, &path)?
        {
            return Ok((archive, path));
        }
        if let Some(path) = best_in(process, &folder, &name)
            && let Some(archive) = try_open(process, word, &path)?
        {
            return Ok((archive, path));
        }
    }
    process.warn(PROGRAM, &format!("no pkg found for '{word}', sorry."));
    Err(Stop::Failed)
}

/// The folders to look in, and the name to look for.
fn places(
    process: &Process<'_>,
    call: &Call,
    word: &str,
    near: Option<&Path>,
) -> (Vec<PathBuf>, String) {
    if let Some((folder, name)) = word.rsplit_once('/') {
        let folder = if folder.is_empty() { "/" } else { folder };
        return (vec![process.directory.join(folder)], name.into());
    }
    let mut folders = vec![near.unwrap_or(process.directory).to_path_buf()];
    let path = call
        .settings
        .variable(process, "PKG_PATH", None)
        .unwrap_or_default();
    // An address in PKG_PATH is passed over: a sandbox zone has no way out.
    let local = path
        .split(';')
        .map(|p| p.strip_prefix("file://").unwrap_or(p));
    folders.extend(local.filter(|p| p.starts_with('/')).map(PathBuf::from));
    (folders, word.into())
}

fn try_open(process: &mut Process<'_>, word: &str, path: &Path) -> Result<Option<Archive>, Stop> {
    match Archive::open(&below(process.root, path)) {
        Ok(archive) => Ok(Some(archive)),
        Err(NotAPackage::Unopenable) => Ok(None),
        Err(NotAPackage::Premature) => {
            process.warn(PROGRAM, &format!("Premature end of archive `{word}'"));
            Err(Stop::Failed)
        }
        Err(NotAPackage::Signed) => Err(Stop::not_emulated("checking a package's signature")),
    }
}

/// The best match for a pattern among the packages of a folder.
fn best_in(process: &Process<'_>, folder: &Path, wanted: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(below(process.root, folder)).ok()?;
    let files: Vec<String> = entries
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    let names = files.iter().filter_map(|f| name_of(f));
    let best = pattern::best(wanted, names)?;
    let file = files.iter().find(|f| name_of(f) == Some(best))?;
    Some(folder.join(file))
}

fn name_of(file: &str) -> Option<&str> {
    file.strip_suffix(".tgz")
        .or_else(|| file.strip_suffix(".tbz"))
}
