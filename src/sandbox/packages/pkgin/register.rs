//! Putting an emulated package into the package database, and its links below `/opt/local`.
//!
//! To `pkg_info`, `pkg_delete` and `pkg_add` it is a package like any other, made of symbolic
//! links. Only its `+BUILD_INFO` says which layer it stands for.

use std::fs;
use std::io;
use std::path::Path;

use crate::sandbox::packages::config::PREFIX;
use crate::sandbox::packages::database::{
    BUILD_INFO, CONTENTS, Database, metadata_mode, remove_if_there,
};
use crate::sandbox::packages::file_map::FileMap;
use crate::sandbox::packages::index::{IndexEntry, category};
use crate::sandbox::packages::layers::{Layer, PENDING, VARIABLE};
use crate::sandbox::packages::links::Links;
use crate::sandbox::packages::plist::{Contents, Entry};
use crate::sandbox::packages::process::{at, below, write_atomically};

/// When all packages of the index were built, as they say.
const BUILD_DATE: &str = "2025-01-06 00:00:00 +0000";

/// A package to register.
#[derive(Debug)]
pub struct Registration<'a> {
    /// Its entry in the index.
    pub entry: &'a IndexEntry,
    /// Name with version.
    pub name: &'a str,
    /// Patterns of what it needs.
    pub depends: Vec<String>,
    /// Its links, by path below the prefix.
    pub links: &'a Links,
    /// Whether it comes as a dependency.
    pub is_automatic: bool,
    /// Whether files of a layer stand for it.
    pub layer: Layer,
    /// The version that it takes the place of.
    pub replaces: Option<&'a str>,
}

/// Makes the links and writes the records of a package.
///
/// # Errors
///
/// When a link or record cannot be written.
pub fn register(root: &Path, database: &Database, new: &Registration<'_>) -> io::Result<()> {
    let mut map = database.file_map()?.unwrap_or_default();
    let needed_by = match new.replaces {
        Some(old) => drop_old(root, database, old, &mut map)?,
        None => database.required_by(new.name)?,
    };
    let contents = contents(database, new)?;
    make_links(root, new.links, &map, new.name)?;
    for path in new.links.keys() {
        map.insert(&format!("{PREFIX}/{path}"), new.name);
    }
    let directory = database.package(new.name);
    fs::create_dir_all(&directory).map_err(at(&directory))?;
    let (_, disk) = new.entry.sizes();
    for (file, text) in [
        (CONTENTS, contents.to_text()),
        ("+COMMENT", format!("{}\n", new.entry.comment)),
        ("+DESC", description(new.entry)),
        (BUILD_INFO, build_info(new)),
        ("+BUILD_VERSION", String::new()),
        ("+SIZE_PKG", format!("{disk}\n")),
        ("+SIZE_ALL", format!("{disk}\n")),
    ] {
        write_atomically(&directory.join(file), text.as_bytes(), metadata_mode(file))?;
    }
    database.set_installed(new.name, "automatic", new.is_automatic.then_some("yes"))?;
    database.write_required_by(new.name, &needed_by)?;
    for wanted in contents.dependencies() {
        if let Some(package) = database.best(wanted)? {
            database.add_required_by(&package, new.name)?;
        }
    }
    database.write_file_map(&map)
}

/// Removes the record and the links of the version before; gives the packages that need it.
fn drop_old(
    root: &Path,
    database: &Database,
    old: &str,
    map: &mut FileMap,
) -> io::Result<Vec<String>> {
    let needed_by = database.required_by(old)?;
    for file in database.contents(old)?.files() {
        let shown = format!("{PREFIX}/{}", file.path);
        if map.owner(&shown) == Some(old) {
            remove_if_there(&below(root, Path::new(&shown)))?;
        }
    }
    map.remove_package(old);
    database.drop_dependent(old)?;
    let directory = database.package(old);
    fs::remove_dir_all(&directory).map_err(at(&directory))?;
    Ok(needed_by)
}

fn contents(database: &Database, new: &Registration<'_>) -> io::Result<Contents> {
    let mut entries = vec![
        Entry::Comment("$NetBSD$".into()),
        Entry::Name(new.name.into()),
    ];
    for wanted in &new.depends {
        entries.push(Entry::Depends(wanted.clone()));
        entries.extend(database.best(wanted)?.map(Entry::BuiltWith));
    }
    entries.push(Entry::Directory(PREFIX.into()));
    for (path, target) in new.links {
        entries.push(Entry::File(path.clone()));
        if !target.is_empty() {
            entries.push(Entry::Symlink(target.clone()));
        }
    }
    entries.push(Entry::Directory(".".into()));
    for file in [
        "+COMMENT",
        "+DESC",
        "+BUILD_VERSION",
        BUILD_INFO,
        "+SIZE_PKG",
        "+SIZE_ALL",
    ] {
        entries.extend([Entry::Ignore, Entry::File(file.into())]);
    }
    Ok(Contents {
        entries,
        unknown: Vec::new(),
    })
}

/// Makes links with a target; those without stand for files that are there already.
fn make_links(root: &Path, links: &Links, map: &FileMap, package: &str) -> io::Result<()> {
    for (path, target) in links.iter().filter(|(_, target)| !target.is_empty()) {
        let shown = format!("{PREFIX}/{path}");
        if map.owner(&shown).is_some_and(|owner| owner != package) {
            // The first package of a name keeps it: two of the index may come with one file.
            continue;
        }
        let link = below(root, Path::new(&shown));
        if let Some(folder) = link.parent() {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        remove_if_there(&link)?;
        std::os::unix::fs::symlink(target, &link).map_err(at(&link))?;
    }
    Ok(())
}

fn description(entry: &IndexEntry) -> String {
    format!(
        "{}\n\nIn the sandbox, files of Debian packages stand for this package.\n",
        entry.comment
    )
}

fn build_info(new: &Registration<'_>) -> String {
    let category = category(new.entry.name);
    let mut lines = vec![
        format!("PKGPATH={category}/{}", new.entry.name),
        format!("CATEGORIES={category}"),
        "OPSYS=SunOS".into(),
        "OS_VERSION=5.11".into(),
        "MACHINE_ARCH=x86_64".into(),
        "MACHINE_GNU_ARCH=x86_64".into(),
        format!("LOCALBASE={PREFIX}"),
        "PKGTOOLS_VERSION=20091115".into(),
        "USE_ABI_DEPENDS=YES".into(),
        format!("BUILD_DATE={BUILD_DATE}"),
    ];
    let is_library = |path: &str| path.contains("lib/") && path.contains(".so");
    lines.extend(
        new.links
            .keys()
            .filter(|p| is_library(p))
            .map(|p| format!("PROVIDES={PREFIX}/{p}")),
    );
    match new.layer {
        Layer::None => {}
        Layer::Pending => lines.push(format!("{PENDING}={}", new.entry.name)),
        Layer::Shown => lines.push(format!("{VARIABLE}={}", new.entry.name)),
    }
    lines.sort();
    lines.iter().map(|line| format!("{line}\n")).collect()
}
