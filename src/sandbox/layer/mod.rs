//! Layers: for each package of the emulated pkgin index one tree to lay over a zone's `/usr`.
//!
//! Debian puts commands into `/usr/bin`, where on SmartOS nothing of pkgsrc ever appears. So a
//! layer keeps its libraries and headers where compilers look, but its commands lie hidden in
//! `/usr/lib/zonewright/bin`, for pkgin to link from `/opt/local`.

mod reshape;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::apt::{Download, PrivateApt};
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::image::{Image, command_name, files_in, unpack, write_json};
use crate::sandbox::packages::{INDEX, IndexEntry};
use crate::sandbox::paths;

pub(crate) use reshape::moved_target;

/// Below a tree's `usr`: where commands lie that a zone's `/usr/bin` must not show.
pub const HIDDEN_BIN: &str = "lib/zonewright/bin";

/// Below a tree's `usr`: for each visible package its record (`NAME.json`) and the files of its
/// Debian packages as Debian names them, relative to `/`, one a line (`NAME.files`).
pub const RECORDS: &str = "lib/zonewright/layers";

/// Raised when the way a layer is made changes.
const FORMAT: u32 = 3;

/// What a layer says of itself, in the zone under `/usr/lib/zonewright/layers/NAME.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The pkgsrc name.
    pub name: String,
    /// The Debian packages it was made of, without what they depend on.
    pub debian: Vec<String>,
    /// The Debian version of the first one.
    pub version: String,
    /// Their commands, each to be found in `/usr/lib/zonewright/bin`.
    pub commands: Vec<String>,
}

/// The layers of these packages and of all they depend on, made where they are missing: folder
/// names below `layers`.
///
/// # Errors
///
/// When the index lacks a name, or a package cannot be downloaded or unpacked.
pub fn ensure(image: &Image, names: &[&str]) -> Result<Vec<String>, SandboxError> {
    with_dependencies(INDEX, names)?
        .into_iter()
        .map(|entry| ensure_one(image, entry))
        .collect()
}

/// The entries of these names and of everything below them, what is depended on first.
fn with_dependencies<'a>(
    index: &'a [IndexEntry],
    names: &[&str],
) -> Result<Vec<&'a IndexEntry>, SandboxError> {
    let mut found: Vec<&IndexEntry> = Vec::new();
    for name in names {
        collect(index, name, &mut Vec::new(), &mut found)?;
    }
    Ok(found)
}

fn collect<'a>(
    index: &'a [IndexEntry],
    name: &str,
    above: &mut Vec<&'a str>,
    found: &mut Vec<&'a IndexEntry>,
) -> Result<(), SandboxError> {
    let entry = index
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| SandboxError::NoSuchPackage(name.to_owned()))?;
    if found.iter().any(|e| e.name == name) || above.contains(&name) {
        return Ok(());
    }
    above.push(entry.name);
    for dependency in entry.depends {
        collect(index, dependency, above, found)?;
    }
    above.pop();
    found.push(entry);
    Ok(())
}

/// Whatever it depends on is made already.
fn ensure_one(image: &Image, entry: &IndexEntry) -> Result<String, SandboxError> {
    let name = folder_name(entry);
    let layers = image.folder.join("layers");
    let target = layers.join(&name);
    if target.is_dir() {
        return Ok(name);
    }
    let _alone = paths::exclusive(&layers, "lock")?;
    if target.is_dir() {
        return Ok(name);
    }
    paths::make_whole(&target, |partial| make(image, entry, partial))?;
    Ok(name)
}

/// Short, for many of them go into one mount's options; another definition has another name.
fn folder_name(entry: &IndexEntry) -> String {
    format!("{}-{}", entry.name, paths::definition(FORMAT, entry.debian))
}

fn make(image: &Image, entry: &IndexEntry, folder: &Path) -> Result<(), SandboxError> {
    let tree = folder.join("tree");
    fs::create_dir_all(&tree).map_err(file("make", &tree))?;
    let apt = PrivateApt::open(&image.folder.join("apt"))?;
    let below = with_dependencies(INDEX, entry.depends)?;
    let downloads = own_downloads(&apt, entry, &below)?;
    apt.download(entry.debian, &mut |_| {})?;
    unpack(&downloads, &tree, &mut |_, _| {})?;
    let usr = folder.join("usr");
    let unpacked = tree.join("usr");
    if unpacked.is_dir() {
        fs::rename(&unpacked, &usr).map_err(file("rename", &unpacked))?;
    }
    fs::create_dir_all(usr.join(RECORDS)).map_err(file("make", &usr))?;
    fs::remove_dir_all(&tree).map_err(file("remove", &tree))?;
    let layers = image.folder.join("layers");
    let below: Vec<PathBuf> = below
        .into_iter()
        .map(|e| layers.join(folder_name(e)).join("usr"))
        .collect();
    reshape::reshape(image, &usr, &below)?;
    describe(image, entry, &apt, &downloads, &usr.join(RECORDS))
}

/// What a package needs beyond the image and the layers it depends on; its own packages always.
fn own_downloads(
    apt: &PrivateApt,
    entry: &IndexEntry,
    below: &[&IndexEntry],
) -> Result<Vec<Download>, SandboxError> {
    let (mut downloads, _) = apt.closure(entry.debian)?;
    let others: Vec<&str> = below
        .iter()
        .flat_map(|e| e.debian.iter().copied())
        .collect();
    let (others, _) = apt.closure(&others)?;
    downloads.retain(|download| {
        entry.debian.contains(&download.package.as_str())
            || others.iter().all(|other| other.package != download.package)
    });
    Ok(downloads)
}

/// Writes the layer's record and the list of its own packages' files. What those packages depend
/// on is in the layer, but belongs to nobody.
fn describe(
    image: &Image,
    entry: &IndexEntry,
    apt: &PrivateApt,
    downloads: &[Download],
    folder: &Path,
) -> Result<(), SandboxError> {
    let mut files = Vec::new();
    for debian in entry.debian {
        match downloads.iter().find(|d| d.package == *debian) {
            Some(download) => files.extend(files_in(download)?),
            None => files.extend(image.files_of(debian)?.unwrap_or_default()),
        }
    }
    files.sort();
    files.dedup();
    let mut commands: Vec<String> = files
        .iter()
        .filter_map(|path| command_name(path))
        .map(str::to_owned)
        .collect();
    commands.sort();
    commands.dedup();
    let record = LayerRecord {
        name: entry.name.to_owned(),
        debian: entry.debian.iter().map(|d| (*d).to_owned()).collect(),
        version: version(apt, entry, downloads)?,
        commands,
    };
    let list = folder.join(format!("{}.files", entry.name));
    fs::write(&list, files.join("\n") + "\n").map_err(file("write", &list))?;
    write_json(&folder.join(format!("{}.json", entry.name)), &record)
}

/// The version of the entry's first Debian package; empty when it has none.
fn version(
    apt: &PrivateApt,
    entry: &IndexEntry,
    downloads: &[Download],
) -> Result<String, SandboxError> {
    let Some(first) = entry.debian.first() else {
        return Ok(String::new());
    };
    match downloads
        .iter()
        .find(|d| d.package == *first)
        .and_then(Download::version)
    {
        Some(version) => Ok(version),
        None => Ok(apt
            .versions(&[first])?
            .into_values()
            .next()
            .unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first_and_once_even_in_a_circle() {
        let entry = |name, depends| IndexEntry {
            name,
            debian: &[],
            depends,
            comment: "",
            version: None,
        };
        let index = [
            entry("a", &["b", "c"]),
            entry("b", &["c"]),
            entry("c", &["a"]),
            entry("d", &["nobody"]),
        ];
        let names = |wanted: &[&str]| -> Vec<&str> {
            with_dependencies(&index, wanted)
                .unwrap()
                .iter()
                .map(|e| e.name)
                .collect()
        };
        assert_eq!(names(&["a", "b"]), ["c", "b", "a"]);
        assert_eq!(names(&[]), [""; 0]);
        assert!(with_dependencies(&index, &["d"]).is_err());
    }

    #[test]
    fn another_definition_gives_another_folder() {
        let entry = |debian| IndexEntry {
            name: "x",
            debian,
            depends: &[],
            comment: "",
            version: None,
        };
        assert_ne!(
            folder_name(&entry(&["a"])),
            folder_name(&entry(&["a", "b"]))
        );
        assert!(folder_name(&entry(&["a"])).starts_with("x-"));
    }
}
