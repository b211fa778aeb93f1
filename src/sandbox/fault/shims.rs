//! The tree that is laid over a zone's `/usr` while commands must ask before they run.
//!
//! A program keeps a second place, which stays when the fault is disarmed: a build may have written
//! it down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::shim::REAL;
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::layer::HIDDEN_BIN;
use crate::sandbox::packages::links;

/// The folders of commands, below `usr`.
const FOLDERS: [&str; 5] = ["bin", "sbin", "xpg4/bin", "perl5/bin", HIDDEN_BIN];

/// The emulator, below `usr`.
const EMULATOR: &str = "lib/zonewright/emulator";

/// The trees that a zone's `/usr` is made of, the topmost first.
pub(crate) struct Usr<'a> {
    pub trees: &'a [PathBuf],
}

/// A program in a zone's `/usr`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Program {
    /// Where it is called, below `usr`.
    places: Vec<String>,
    /// Where links lead, below `usr`.
    place: String,
    /// The file itself.
    file: PathBuf,
}

/// Makes the tree: `names` ask, and those of `kept` are at their second place as well. Whether
/// there is anything in it.
pub(crate) fn make(
    tree: &Path,
    usr: &Usr<'_>,
    names: &BTreeSet<String>,
    kept: &BTreeSet<String>,
) -> Result<bool, SandboxError> {
    let real = tree.join(REAL.trim_start_matches("/usr/"));
    let all = names.union(kept);
    let programs: BTreeMap<&String, Program> = all
        .filter_map(|name| Some((name, usr.program(name)?)))
        .collect();
    if programs.is_empty() {
        return Ok(false);
    }
    fs::create_dir_all(&real).map_err(file("make", &real))?;
    let replaced: BTreeSet<&String> = programs.values().flat_map(|p| &p.places).collect();
    for (name, program) in &programs {
        put_aside(program, replaced.contains(&program.place), &real.join(name))?;
    }
    let asking = programs.iter().filter(|(name, _)| names.contains(**name));
    for place in asking.flat_map(|(_, program)| &program.places) {
        let path = tree.join(place);
        let folder = path.parent().unwrap_or(tree);
        fs::create_dir_all(folder).map_err(file("make", folder))?;
        symlink(format!("/usr/{EMULATOR}"), &path).map_err(file("link", &path))?;
    }
    Ok(true)
}

fn put_aside(program: &Program, is_replaced: bool, to: &Path) -> Result<(), SandboxError> {
    if !is_replaced {
        return symlink(format!("/usr/{}", program.place), to).map_err(file("link", to));
    }
    fs::copy(&program.file, to).map_err(file("copy", &program.file))?;
    let mode = fs::metadata(&program.file)
        .map_err(file("read", &program.file))?
        .mode();
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).map_err(file("change", to))
}

/// The hidden programs that commands below the prefix lead to by another name: those that are there
/// (`gtar` → `tar`) and those that packages will link (`cc` → `gcc-13`).
pub(crate) fn hidden_names(
    root: &Path,
    packages: &[String],
    names: &BTreeSet<String>,
) -> BTreeMap<String, String> {
    let mut hidden = BTreeMap::new();
    for (folder, name) in ["bin", "sbin"]
        .iter()
        .flat_map(|f| names.iter().map(move |n| (f, n)))
    {
        let link = fs::read_link(root.join("opt/local").join(folder).join(name));
        let target = link
            .ok()
            .and_then(|t| t.to_str().map(|t| last(t).to_owned()));
        hidden.extend(target.filter(|t| t != name).map(|t| (name.clone(), t)));
    }
    for package in packages {
        // A package without a layer has no links.
        let all = links::of(root, package).unwrap_or_default();
        for (path, target) in &all {
            let (name, target) = (last(path), last(target));
            if names.contains(name) && name != target {
                hidden.insert(name.to_owned(), target.to_owned());
            }
        }
    }
    hidden
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

enum Found {
    File(PathBuf),
    Link(String),
    Nothing,
}

impl Usr<'_> {
    /// The program of a name, unless there is none or it is an emulated command.
    fn program(&self, name: &str) -> Option<Program> {
        let mut places = Vec::new();
        let mut end = None;
        for folder in FOLDERS {
            let place = format!("{folder}/{name}");
            if let Some(found) = self.resolve(&place).filter(|(end, _)| end != EMULATOR) {
                places.push(place);
                end.get_or_insert(found);
            }
        }
        let (place, file) = end?;
        Some(Program {
            places,
            place,
            file,
        })
    }

    /// Where a path leads, and the file there.
    fn resolve(&self, place: &str) -> Option<(String, PathBuf)> {
        let mut place = place.to_owned();
        for _ in 0..8 {
            match self.find(&place) {
                Found::Nothing => return None,
                Found::File(path) => return Some((place, path)),
                Found::Link(target) => place = target_of(&place, &target)?,
            }
        }
        None
    }

    /// What lies at a path: the topmost tree that has it decides, also that there is nothing.
    fn find(&self, place: &str) -> Found {
        for tree in self.trees {
            let path = tree.join(place);
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            return match path.read_link() {
                Ok(target) => Found::Link(target.to_string_lossy().into_owned()),
                Err(_) if metadata.file_type().is_char_device() => Found::Nothing,
                Err(_) => Found::File(path),
            };
        }
        Found::Nothing
    }
}

/// What a link at `place` leads to, both below `usr`; none where that is elsewhere.
fn target_of(place: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => std::iter::once("usr").chain(place.split('/')).collect(),
    };
    if !target.starts_with('/') {
        parts.pop();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    match parts.as_slice() {
        ["usr", rest @ ..] => Some(rest.join("/")),
        [top @ ("bin" | "sbin" | "lib"), rest @ ..] => Some([&[*top], rest].concat().join("/")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_within_usr() {
        let to = |place, target| target_of(place, target);
        assert_eq!(to("bin/gtar", "../lib/z/tar").as_deref(), Some("lib/z/tar"));
        assert_eq!(to("lib/z/gcc", "gcc-13").as_deref(), Some("lib/z/gcc-13"));
        assert_eq!(to("bin/x", "/usr/lib/y").as_deref(), Some("lib/y"));
        assert_eq!(to("bin/x", "/bin/y").as_deref(), Some("bin/y"));
        assert_eq!(to("bin/perl", "../../opt/local/bin/perl"), None);
    }

    #[test]
    fn a_program_is_put_aside_and_every_place_of_it_asks() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for below in ["top/bin", "image/bin", "image/lib/zonewright/bin"] {
            fs::create_dir_all(at(below)).unwrap();
        }
        for path in [
            "image/bin/sh",
            "image/lib/zonewright/bin/sh",
            "image/bin/svcs",
        ] {
            fs::write(at(path), path).unwrap();
        }
        symlink("../lib/zonewright/bin/sh", at("image/bin/rsh")).unwrap();
        symlink(format!("/usr/{EMULATOR}"), at("top/bin/svcs")).unwrap();
        let trees = [at("top"), at("image")];
        let usr = Usr { trees: &trees };
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let wanted = names(&["sh", "rsh", "svcs", "absent"]);
        assert!(make(&at("shims"), &usr, &wanted, &BTreeSet::new()).unwrap());
        for asks in ["bin/sh", "lib/zonewright/bin/sh", "bin/rsh"] {
            let link = fs::read_link(at("shims").join(asks)).unwrap();
            assert_eq!(link, Path::new("/usr/lib/zonewright/emulator"), "{asks}");
        }
        assert!(!at("shims/bin/svcs").exists());
        let real = at("shims/lib/zonewright/real");
        assert_eq!(fs::read_to_string(real.join("sh")).unwrap(), "image/bin/sh");
        let hidden = fs::read_to_string(real.join("rsh")).unwrap();
        assert_eq!(hidden, "image/lib/zonewright/bin/sh");

        assert!(make(&at("one"), &usr, &names(&["rsh"]), &BTreeSet::new()).unwrap());
        let link = fs::read_link(at("one/lib/zonewright/real/rsh")).unwrap();
        assert_eq!(link, Path::new("/usr/lib/zonewright/bin/sh"));

        assert!(make(&at("later"), &usr, &BTreeSet::new(), &wanted).unwrap());
        assert!(at("later/lib/zonewright/real/sh").exists() && !at("later/bin").exists());
        assert!(!make(&at("none"), &usr, &names(&["absent"]), &BTreeSet::new()).unwrap());
    }
}
