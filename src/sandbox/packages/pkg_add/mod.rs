//! `pkg_add`: installs binary packages.
//!
//! Each name is handled for itself; a failure does not stop the next. Updating is not atomic:
//! the old package is deleted before dependencies and libraries of the new one are looked at, and
//! is not restored when they are missing.

mod checks;
mod extract;
mod find;
mod install;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::archive::{Archive, MetadataFault};
use super::config::{CONFIGURATION, Settings};
use super::database::Database;
use super::options::Options;
use super::plist::Contents;
use super::process::{Process, Stop};

const PROGRAM: &str = "pkg_add";
const USAGE: &str = "usage: pkg_add [-AfhInRuVv] [-C config] [-P destdir] [-K pkg_dbdir]
               [-m machine] [-p prefix]
               [[ftp|http]://[user[:password]@]host[:port]][/path/]pkg-name ...";

/// What one call of `pkg_add` was asked for.
struct Call {
    options: Options,
    settings: Settings,
    database: Database,
}

/// A package on its way in.
struct Candidate {
    archive: Archive,
    contents: Contents,
    name: String,
    /// The first `@cwd`, or what replaces it, below the destination directory.
    prefix: String,
    build_info: String,
    /// Whether it comes as a dependency.
    is_automatic: bool,
    /// The folder in which the archive lies: its dependencies are looked for there.
    folder: PathBuf,
}

impl Call {
    fn is_dry(&self) -> bool {
        self.options.has('n')
    }

    fn is_forced(&self) -> bool {
        self.options.has('f')
    }

    fn is_verbose(&self) -> bool {
        self.options.has('v') || self.is_dry()
    }

    fn replaces(&self) -> bool {
        self.options.has('u') || self.replaces_same()
    }

    fn replaces_same(&self) -> bool {
        self.options.has('U')
    }
}

/// Runs `pkg_add`.
pub fn main(process: &mut Process<'_>, arguments: &[String]) -> i32 {
    let result = run(process, arguments);
    process.finish(PROGRAM, result)
}

fn usage(process: &mut Process<'_>) -> Result<i32, Stop> {
    process.complain(USAGE);
    Ok(1)
}

fn run(process: &mut Process<'_>, arguments: &[String]) -> Result<i32, Stop> {
    let options = match Options::start(
        process,
        (PROGRAM, USAGE),
        arguments,
        "AC:DIK:P:RVfhm:np:t:Uuv",
    ) {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Some(letter) = options.letters().find(|l| "Rmt".contains(*l)) {
        return Err(Stop::not_emulated(&format!("option -{letter}")));
    }
    if options.rest.is_empty() {
        process.warn(PROGRAM, "missing package name(s)");
        return usage(process);
    }
    let settings = Settings::load(process, options.value('C').unwrap_or(CONFIGURATION))?;
    let shown = settings.database(process, options.value('K'));
    let shown = format!("{}{shown}", options.value('P').unwrap_or(""));
    let database = Database::new(process.root, &shown);
    add_all(
        process,
        &Call {
            options,
            settings,
            database,
        },
    )
}

fn add_all(process: &mut Process<'_>, call: &Call) -> Result<i32, Stop> {
    let mut failures = 0;
    for word in &call.options.rest {
        match add(process, call, word, call.options.has('A'), None) {
            Ok(()) => {}
            Err(Stop::Failed) => failures += 1,
            Err(stop) => return Err(stop),
        }
    }
    match failures {
        0 => return Ok(0),
        1 => process.warn(PROGRAM, "1 package addition failed"),
        n => process.warn(PROGRAM, &format!("{n} package additions failed")),
    }
    Ok(1)
}

/// Adds one package; `near` is the folder of the package that needs it.
fn add(
    process: &mut Process<'_>,
    call: &Call,
    word: &str,
    is_automatic: bool,
    near: Option<&Path>,
) -> Result<(), Stop> {
    let (archive, path) = find::open(process, call, word, near)?;
    let candidate = read(process, call, archive, &path, is_automatic)?;
    checks::signature(process, call, &candidate)?;
    checks::build_info(process, &candidate)?;
    checks::tools_version(process, call, &candidate)?;
    checks::policies(call)?;
    if checks::already_installed(process, call, &candidate)? {
        return Ok(());
    }
    checks::platform(process, call, &candidate)?;
    let other = checks::other_version(process, call, &candidate)?;
    checks::conflicts(process, call, &candidate, other.as_deref())?;
    checks::collisions(process, call, &candidate, other.as_deref())?;
    install::install(process, call, &candidate, other.as_deref())
}

/// Makes sense of an archive's metadata.
fn read(
    process: &mut Process<'_>,
    call: &Call,
    archive: Archive,
    path: &Path,
    is_automatic: bool,
) -> Result<Candidate, Stop> {
    look_at_order(process, &archive)?;
    let (Some(list), Some(_), Some(_)) = (
        archive.text("+CONTENTS"),
        archive.text("+COMMENT"),
        archive.text("+DESC"),
    ) else {
        return Err(Stop::Failed);
    };
    let contents = Contents::parse(&list);
    for line in &contents.unknown {
        process.warn(PROGRAM, &format!("Unrecognised PLIST command `{line}'"));
    }
    let Some(name) = contents.name().map(str::to_owned) else {
        process.warn(PROGRAM, "Invalid PLIST: missing @name");
        return Err(Stop::Failed);
    };
    let Some(directory) = contents.prefix() else {
        process.warn(PROGRAM, "Invalid PLIST: missing @cwd");
        return Err(Stop::Failed);
    };
    let directory = call.options.value('p').unwrap_or(directory);
    let prefix = format!("{}{directory}", call.options.value('P').unwrap_or(""));
    let build_info = archive.text("+BUILD_INFO").unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
    Ok(Candidate {
        archive,
        contents,
        name,
        prefix,
        build_info,
        is_automatic,
        folder,
    })
}

fn look_at_order(process: &mut Process<'_>, archive: &Archive) -> Result<(), Stop> {
    for fault in &archive.faults {
        match fault {
            MetadataFault::Misordered => process.warn(PROGRAM, "misordered package"),
            MetadataFault::Duplicate => process.warn(PROGRAM, "duplicate entry, package corrupt"),
            // The words of this warning are inferred.
            MetadataFault::MtreeDirectories => {
                process.warn(PROGRAM, "mtree specification in package ignored");
                continue;
            }
        }
        return Err(Stop::Failed);
    }
    Ok(())
}
