//! The archive of a binary package: the same input gives the same bytes.
//!
//! `pkg_add` reads the members in a fixed order and fails, with the old package already deleted,
//! where the files differ from the list in `+CONTENTS` by name or by order. So both are written
//! from the same sorted map. It takes owners and modes from the archive alone.

use std::fmt::Write as _;
use std::io;

use flate2::{Compression, GzBuilder};
use md5::{Digest as _, Md5};

use crate::package::{EntryKind, PackageFiles, StagedEntry};

/// What every package of the branches in use carries: the oldest version of the tools that can
/// read it, and not the version of any tool.
const PKGTOOLS_VERSION: &str = "20091115";

/// The members before the files, in the one order that `pkg_add` accepts; most may be missing.
pub(crate) const METADATA_ORDER: [&str; 14] = [
    "+CONTENTS",
    "+COMMENT",
    "+DESC",
    "+INSTALL",
    "+DEINSTALL",
    "+DISPLAY",
    "+MTREE_DIRS",
    "+BUILD_VERSION",
    "+BUILD_INFO",
    "+SIZE_PKG",
    "+SIZE_ALL",
    "+PRESERVE",
    "+REQUIRED_BY",
    "+INSTALLED_INFO",
];

/// Everything about a package but its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageSpec {
    /// `zw-NAME-VERSION`: see [`crate::package::package_name`].
    pub name: String,
    /// One line.
    pub comment: String,
    /// Any text; the comment where it is empty.
    pub description: String,
    /// Patterns of packages needed to run (`libevent>=2.1`).
    pub depends: Vec<String>,
    /// Exact packages that were there while building (`libevent-2.1.12`); for the record.
    pub built_with: Vec<String>,
    /// Patterns of packages that cannot be installed beside this one.
    pub conflicts: Vec<String>,
    /// `+BUILD_INFO`
    pub build_info: BuildInfo,
    /// Lines of `+BUILD_VERSION`: what the package was made from. None: no such member.
    pub build_version: Vec<String>,
    /// The size of all packages needed to run, for `+SIZE_ALL`.
    pub dependencies_size_bytes: u64,
    /// The modification time of every file, in seconds since 1970.
    pub modified: u64,
}

/// `+BUILD_INFO`: where and how the package was built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildInfo {
    /// `SunOS`; without it, and the next two, `pkg_add` refuses the package.
    pub opsys: String,
    /// `5.11`
    pub os_version: String,
    /// `x86_64`
    pub machine_arch: String,
    /// `CATEGORY/NAME`: what `pkgin export` would print.
    pub pkgpath: String,
    /// Blank separated.
    pub categories: String,
    /// `BUILD_DATE`, in seconds since 1970.
    pub build_date: u64,
    /// An SPDX expression.
    pub license: Option<String>,
    /// The project's page.
    pub homepage: Option<String>,
    /// Absolute paths of the package's own libraries.
    pub provides: Vec<String>,
    /// Absolute paths of libraries that must be there.
    pub requires: Vec<String>,
    /// Further variables.
    pub other: Vec<(String, String)>,
}

/// Why no package can be made, or one cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The name would be read differently by the package tools.
    #[error(
        "`{0}` is no package name: letters, digits, `.`, `_`, `+` and `-`, and after the last `-` a version that starts with a digit"
    )]
    Name(String),
    /// A value that is missing or would break its line.
    #[error("the package's {what} must be one line that is not empty, not `{value}`")]
    Value {
        /// Which value.
        what: String,
        /// The value.
        value: String,
    },
    /// The archive could not be written.
    #[error("cannot write `{member}` into the package")]
    Write {
        /// The member.
        member: String,
        #[source]
        source: io::Error,
    },
    /// The bytes are no package.
    #[error("cannot read the package after `{after}`")]
    Read {
        /// The last member that was read.
        after: String,
        #[source]
        source: io::Error,
    },
    /// The archive is readable, but `pkg_add` would stumble over it.
    #[error("the package is damaged: {0}")]
    Damaged(String),
}

/// The bytes of the package file, a gzipped tar.
///
/// # Errors
/// [`PackageError`] for a name or a value that the package tools would misread.
pub fn write(spec: &PackageSpec, files: &PackageFiles) -> Result<Vec<u8>, PackageError> {
    let metadata = metadata(spec, files)?;
    // neither a time nor an operating system in the header, whatever machine this is
    let encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::new(9));
    let mut archive = tar::Builder::new(encoder);
    for (name, text) in &metadata {
        let mut header = header(tar::EntryType::Regular, 0o644, spec.modified);
        header.set_size(text.len() as u64);
        archive
            .append_data(&mut header, name, text.as_bytes())
            .map_err(failed(name))?;
    }
    for (path, entry) in &files.entries {
        append(&mut archive, path, entry, spec.modified).map_err(failed(path))?;
    }
    archive
        .into_inner()
        .and_then(|encoder| encoder.finish())
        .map_err(failed("its end"))
}

fn failed(member: &str) -> impl FnOnce(io::Error) -> PackageError {
    let member = member.to_owned();
    move |source| PackageError::Write { member, source }
}

fn append(
    archive: &mut tar::Builder<impl io::Write>,
    path: &str,
    entry: &StagedEntry,
    modified: u64,
) -> io::Result<()> {
    match &entry.kind {
        EntryKind::File { bytes } => {
            let mut header = header(tar::EntryType::Regular, entry.mode & 0o7777, modified);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, path, &**bytes)
        }
        EntryKind::Symlink { target } => {
            let mut header = header(tar::EntryType::Symlink, 0o777, modified);
            archive.append_link(&mut header, path, target)
        }
        // folders are lines of the list, never members
        EntryKind::Directory => Ok(()),
    }
}

fn header(kind: tar::EntryType, mode: u32, modified: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    // both fit; the name wins over the number where the archive is unpacked
    let _ = header.set_username("root");
    let _ = header.set_groupname("root");
    header.set_mtime(modified);
    header.set_size(0);
    header
}

fn metadata(
    spec: &PackageSpec,
    files: &PackageFiles,
) -> Result<Vec<(&'static str, String)>, PackageError> {
    check_name(&spec.name)?;
    line("comment", &spec.comment)?;
    let description = spec.description.trim();
    let description = if description.is_empty() {
        &spec.comment
    } else {
        description
    };
    let size: u64 = files.entries.values().map(size_bytes).sum();
    let mut members = vec![
        ("+CONTENTS", contents(spec, files)?),
        ("+COMMENT", format!("{}\n", spec.comment)),
        ("+DESC", format!("{description}\n")),
    ];
    if !spec.build_version.is_empty() {
        members.push((
            "+BUILD_VERSION",
            format!("{}\n", spec.build_version.join("\n")),
        ));
    }
    members.push(("+BUILD_INFO", build_info(&spec.build_info)?));
    members.push(("+SIZE_PKG", format!("{size}\n")));
    members.push((
        "+SIZE_ALL",
        format!("{}\n", size.saturating_add(spec.dependencies_size_bytes)),
    ));
    Ok(members)
}

fn size_bytes(entry: &StagedEntry) -> u64 {
    match &entry.kind {
        EntryKind::File { bytes } => bytes.len() as u64,
        EntryKind::Symlink { target } => target.len() as u64,
        EntryKind::Directory => 0,
    }
}

// @name zw-foo-1.0
// @pkgdep zlib>=1.2
// @cwd /opt/local
// bin/foo
// @comment MD5:b1946ac92492d2347c6235b4d2611184
// lib/libfoo.so
// @comment Symlink:libfoo.so.1
// @pkgdir var/foo
fn contents(spec: &PackageSpec, files: &PackageFiles) -> Result<String, PackageError> {
    let mut text = format!("@name {}\n", spec.name);
    let lists = [
        ("@pkgdep", "dependency", &spec.depends),
        ("@blddep", "build dependency", &spec.built_with),
        ("@pkgcfl", "conflict", &spec.conflicts),
    ];
    for (command, what, values) in lists {
        for value in values {
            let _ = writeln!(text, "{command} {}", line(what, value)?);
        }
    }
    let _ = writeln!(text, "@cwd {}", line("prefix", &files.prefix)?);
    let mut folders = String::new();
    for (path, entry) in &files.entries {
        line("file name", path)?;
        match &entry.kind {
            EntryKind::File { bytes } => {
                let _ = writeln!(text, "{path}\n@comment MD5:{:x}", Md5::digest(bytes));
            }
            EntryKind::Symlink { target } => {
                let _ = writeln!(text, "{path}\n@comment Symlink:{}", line("link", target)?);
            }
            EntryKind::Directory => {
                let _ = writeln!(folders, "@pkgdir {path}");
            }
        }
    }
    Ok(text + &folders)
}

fn build_info(info: &BuildInfo) -> Result<String, PackageError> {
    let mut values: Vec<(&str, &str)> = vec![
        ("OPSYS", &info.opsys),
        ("OS_VERSION", &info.os_version),
        ("MACHINE_ARCH", &info.machine_arch),
        ("PKGTOOLS_VERSION", PKGTOOLS_VERSION),
        ("PKGPATH", &info.pkgpath),
        ("CATEGORIES", &info.categories),
    ];
    let date = build_date(info.build_date).ok_or_else(|| PackageError::Value {
        what: "build date".into(),
        value: info.build_date.to_string(),
    })?;
    values.push(("BUILD_DATE", &date));
    values.extend(info.license.as_deref().map(|value| ("LICENSE", value)));
    values.extend(info.homepage.as_deref().map(|value| ("HOMEPAGE", value)));
    values.extend(info.provides.iter().map(|path| ("PROVIDES", path.as_str())));
    values.extend(info.requires.iter().map(|path| ("REQUIRES", path.as_str())));
    values.extend(
        info.other
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    let mut lines = Vec::new();
    for (key, value) in values {
        let is_key = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if key.is_empty() || !key.chars().all(is_key) {
            return Err(PackageError::Value {
                what: "build variable".into(),
                value: key.into(),
            });
        }
        lines.push(format!("{key}={}\n", line(key, value)?));
    }
    // pkgsrc sorts them as well
    lines.sort();
    Ok(lines.concat())
}

/// `2025-11-12 16:22:08 +0000`; nothing for a moment that no calendar has.
fn build_date(seconds: u64) -> Option<String> {
    let timestamp = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(timestamp.strftime("%Y-%m-%d %H:%M:%S +0000").to_string())
}

fn line<'a>(what: &str, value: &'a str) -> Result<&'a str, PackageError> {
    if value.trim().is_empty() || value.trim_end() != value || value.contains(char::is_control) {
        let value = value.escape_debug().to_string();
        return Err(PackageError::Value {
            what: what.to_owned(),
            value,
        });
    }
    Ok(value)
}

fn check_name(name: &str) -> Result<(), PackageError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    match name.rsplit_once('-') {
        Some((base, version))
            if base.starts_with(|c: char| c.is_ascii_alphanumeric())
                && version.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(plain) =>
        {
            Ok(())
        }
        _ => Err(PackageError::Name(name.to_owned())),
    }
}

#[cfg(test)]
pub(crate) mod tests;
