//! What a base-64 image brings: database records for the packages that a fresh zone has.
//!
//! The names are from facts; versions are those of the index, and the lists of files name only the
//! commands that the zone really has below `/opt/local` (inferred). Their files
//! are the image's own; libraries and headers of some appear with the first package that needs
//! them.

use std::fs;
use std::io;
use std::path::Path;

use super::config::{DATABASE, PREFIX};
use super::database::{Database, PRESERVE};
use super::index::{IndexEntry, find};
use super::layers::Layer;
use super::links::Links;
use super::pattern;
use super::pkgin::{Registration, debian_versions, register};
use super::process::{at, below};

/// Packages of a fresh zone, each with commands that it may have there.
const PACKAGES: &[(&str, &[&str])] = &[
    ("bash", &["bin/bash"]),
    ("bzip2", &[]),
    (
        "coreutils",
        &[
            "bin/ls",
            "bin/sha256sum",
            "bin/timeout",
            "bin/install",
            "bin/realpath",
        ],
    ),
    ("curl", &["bin/curl"]),
    (
        "diffutils",
        &["bin/cmp", "bin/diff", "bin/diff3", "bin/sdiff"],
    ),
    ("findutils", &["bin/find", "bin/xargs"]),
    ("gawk", &["bin/gawk"]),
    ("gcc13-libs", &[]),
    ("grep", &["bin/grep", "bin/egrep", "bin/fgrep"]),
    ("gsed", &["bin/sed"]),
    ("gtar-base", &["bin/tar"]),
    ("less", &["bin/less", "bin/lessecho", "bin/lesskey"]),
    ("libarchive", &[]),
    ("nghttp2", &[]),
    ("openssl", &["bin/openssl"]),
    ("patch", &["bin/patch"]),
    ("perl", &["bin/perl"]),
    (
        "pkg_install",
        &[
            "sbin/pkg_add",
            "sbin/pkg_admin",
            "sbin/pkg_delete",
            "sbin/pkg_info",
        ],
    ),
    ("pkgin", &["bin/pkgin"]),
    ("rsyslog", &[]),
    ("sudo", &["bin/sudo", "bin/visudo"]),
    ("wget", &["bin/wget"]),
    ("xz", &[]),
    ("zlib", &[]),
];

/// Packages that came because others need them. (inferred)
const AUTOMATIC: &[&str] = &["bzip2", "gcc13-libs", "libarchive", "nghttp2", "xz", "zlib"];

/// Packages with libraries and headers, which appear when something needs them.
const LIBRARIES: &[&str] = &[
    "bzip2",
    "curl",
    "gcc13-libs",
    "libarchive",
    "nghttp2",
    "openssl",
    "xz",
    "zlib",
];

/// Packages that may not be deleted. (inferred)
const PRESERVED: &[&str] = &["pkg_install", "pkgin"];

/// Writes the database records of a fresh zone, whose file system is at `root`.
///
/// # Errors
///
/// When the database cannot be written.
pub fn preinstalled(root: &Path) -> io::Result<()> {
    let database = Database::new(root, DATABASE);
    fs::create_dir_all(database.directory()).map_err(at(database.directory()))?;
    let versions = debian_versions(root).map_err(io::Error::other)?;
    database.write_file_map(&database.file_map()?.unwrap_or_default())?;
    for (name, commands) in PACKAGES {
        let Some(entry) = find(name) else { continue };
        let full = entry.full_name(&versions);
        if database.has(&full) {
            continue;
        }
        let links = present(root, commands);
        let registration = Registration {
            entry,
            name: &full,
            depends: depends(entry, &database)?,
            links: &links,
            is_automatic: AUTOMATIC.contains(name),
            layer: if LIBRARIES.contains(name) {
                Layer::Pending
            } else {
                Layer::None
            },
            replaces: None,
        };
        register(root, &database, &registration)?;
        if PRESERVED.contains(name) {
            database.write(&full, PRESERVE, format!("{full}\n").as_bytes())?;
        }
    }
    Ok(())
}

/// The commands that are there, with and without a `g` before their names.
fn present(root: &Path, commands: &[&str]) -> Links {
    let mut links = Links::new();
    for command in commands {
        let (folder, name) = command.rsplit_once('/').unwrap_or(("bin", command));
        for path in [(*command).to_owned(), format!("{folder}/g{name}")] {
            let file = below(root, Path::new(&format!("{PREFIX}/{path}")));
            if file.symlink_metadata().is_ok() {
                links.insert(path, String::new());
            }
        }
    }
    links
}

fn depends(entry: &IndexEntry, database: &Database) -> io::Result<Vec<String>> {
    let mut patterns = Vec::new();
    for name in entry.depends {
        if let Some(package) = database.best(&format!("{name}-[0-9]*"))? {
            patterns.push(format!("{name}>={}", pattern::version(&package)));
        }
    }
    Ok(patterns)
}
