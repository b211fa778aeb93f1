//! `pkg_delete`: removes installed packages.
//!
//! It first decides about all names and only then touches the first package: one unknown name
//! and nothing at all is removed. There is no option for another configuration file.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::config::{CONFIGURATION, Settings};
use super::database::{DEINSTALL, Database, PRESERVE};
use super::file_map::FileMap;
use super::layers;
use super::options::Options;
use super::pattern;
use super::process::{Process, Stop};
use super::removal::{Manner, Victim, remove_files};
use super::scripts::{Ended, Place, run_script};

const PROGRAM: &str = "pkg_delete";
const USAGE: &str = "usage: pkg_delete [-ADFfkNnORrVv] [-K pkg_dbdir] [-P destdir] [-p prefix] \
                     pkg-name ...";

/// Runs `pkg_delete`.
pub fn main(process: &mut Process<'_>, arguments: &[String]) -> i32 {
    let result = run(process, arguments);
    process.finish(PROGRAM, result)
}

fn usage(process: &mut Process<'_>) -> Result<i32, Stop> {
    process.complain(USAGE);
    Ok(1)
}

fn run(process: &mut Process<'_>, arguments: &[String]) -> Result<i32, Stop> {
    let options = match Options::start(process, (PROGRAM, USAGE), arguments, "ADFfhK:kNnOP:p:RrVv")
    {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if options.rest.is_empty() {
        process.warn(PROGRAM, "missing package name(s)");
        return usage(process);
    }
    let settings = Settings::load(process, CONFIGURATION)?;
    let shown = settings.database(process, options.value('K'));
    let shown = format!("{}{shown}", options.value('P').unwrap_or(""));
    let database = Database::new(process.root, &shown);
    let Some((names, is_short)) = choose(process, &options, &database)? else {
        return Ok(1);
    };
    let was_shown = layers::wanted(&database)?;
    let status = delete_all(process, &options, &database, &names)?;
    layers::show_if_changed(process, PROGRAM, &database, &was_shown)?;
    Ok(if is_short && !options.has('f') {
        1
    } else {
        status
    })
}

/// The packages to remove, dependents first; `None` when there is something against it.
fn choose(
    process: &mut Process<'_>,
    options: &Options,
    database: &Database,
) -> Result<Option<(Vec<String>, bool)>, Stop> {
    let mut names: Vec<String> = Vec::new();
    let mut is_short = false;
    for word in &options.rest {
        match find(process, options, database, word)? {
            Ok(found) => names.extend(found),
            Err(message) => {
                process.warn(PROGRAM, &message);
                is_short = true;
            }
        }
    }
    if is_short && !options.has('f') {
        return Ok(None);
    }
    if options.has('r') {
        names.extend(database.all_dependents(&names)?);
    }
    if options.has('R') || options.has('A') {
        add_leaves(database, &mut names, options.has('R'))?;
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    if report_dependents(process, database, &names)? && !options.has('f') {
        return Ok(None);
    }
    if !may_remove_preserved(process, options, database, &mut names) {
        return Ok(None);
    }
    Ok(Some((dependents_first(database, names)?, is_short)))
}

fn find(
    process: &Process<'_>,
    options: &Options,
    database: &Database,
    word: &str,
) -> Result<Result<Vec<String>, String>, Stop> {
    if options.has('F') {
        let path = process.directory.join(word);
        let map = database.file_map()?.unwrap_or_default();
        let owner = path
            .to_str()
            .and_then(|p| map.owner(p))
            .filter(|o| !o.starts_with('@'));
        return Ok(owner
            .map(|o| vec![o.to_owned()])
            .ok_or_else(|| format!("No matching package for file `{word}' in pkgdb")));
    }
    let inside = format!("{}/", database.shown);
    let name = word
        .strip_prefix(&inside)
        .unwrap_or(word)
        .trim_end_matches('/');
    if pattern::is_pattern(name) {
        let found = database.matching(name)?;
        let message = format!("No package matching `{word}' found");
        return Ok(if found.is_empty() {
            Err(message)
        } else {
            Ok(found)
        });
    }
    if database.has(name) {
        return Ok(Ok(vec![name.to_owned()]));
    }
    let found = database.matching(&format!("{name}-[0-9]*"))?;
    let message = format!("No matching package for basename `{name}' of `{word}'");
    Ok(if found.is_empty() {
        Err(message)
    } else {
        Ok(found)
    })
}

/// Adds packages that nothing needs once `names` are gone: all such (`-R`) or only those that
/// came as dependencies (`-A`).
fn add_leaves(database: &Database, names: &mut Vec<String>, all: bool) -> Result<(), Stop> {
    loop {
        let mut is_longer = false;
        for name in database.names()? {
            let needed_by = database.required_by(&name)?;
            let is_new_leaf = !names.contains(&name)
                && !needed_by.is_empty()
                && needed_by.iter().all(|d| names.contains(d));
            if is_new_leaf && (all || database.is_automatic(&name)?) {
                names.push(name);
                is_longer = true;
            }
        }
        if !is_longer {
            return Ok(());
        }
    }
}

/// Names the packages that need one of `names` and stay; says whether there are any.
fn report_dependents(
    process: &mut Process<'_>,
    database: &Database,
    names: &[String],
) -> Result<bool, Stop> {
    let mut is_needed = false;
    for name in names {
        let mut left = database.required_by(name)?;
        left.retain(|dependent| !names.contains(dependent));
        if left.is_empty() {
            continue;
        }
        is_needed = true;
        process.complain(&format!(
            "Package `{name}' is still required by other packages:"
        ));
        for dependent in left {
            process.complain(&format!("\t{dependent}"));
        }
    }
    Ok(is_needed)
}

fn may_remove_preserved(
    process: &mut Process<'_>,
    options: &Options,
    database: &Database,
    names: &mut Vec<String>,
) -> bool {
    let is_preserved = |name: &String| database.package(name).join(PRESERVE).exists();
    if options.has('k') {
        names.retain(|name| !is_preserved(name));
    }
    let preserved: Vec<String> = names.iter().filter(|n| is_preserved(n)).cloned().collect();
    if preserved.is_empty() {
        return true;
    }
    process.warn(
        PROGRAM,
        "The following packages are marked as not for deletion:",
    );
    for name in preserved {
        process.complain(&format!("\t{name}"));
    }
    let is_allowed = options.count('f') > 1 || (options.has('f') && options.has('N'));
    if is_allowed {
        process.complain("...but will delete them anyway");
    }
    is_allowed
}

fn dependents_first(database: &Database, names: Vec<String>) -> Result<Vec<String>, Stop> {
    let mut open = names;
    let mut ordered = Vec::new();
    while !open.is_empty() {
        let mut later = Vec::new();
        let mut now = Vec::new();
        for name in &open {
            let needed_by = database.required_by(name)?;
            let waits = needed_by.iter().any(|d| d != name && open.contains(d));
            if waits { &mut later } else { &mut now }.push(name.clone());
        }
        if now.is_empty() {
            // A ring of packages that need each other goes in the order given.
            now = std::mem::take(&mut later);
        }
        ordered.append(&mut now);
        open = later;
    }
    Ok(ordered)
}

fn delete_all(
    process: &mut Process<'_>,
    options: &Options,
    database: &Database,
    names: &[String],
) -> Result<i32, Stop> {
    let mut status = 0;
    for name in names {
        match delete(process, options, database, name)? {
            Deleted::Well => {}
            Deleted::Badly => status = 1,
            Deleted::Refused => return Ok(1),
        }
    }
    Ok(status)
}

enum Deleted {
    Well,
    Badly,
    /// Untouched; the rest of the list is not tried.
    Refused,
}

fn delete(
    process: &mut Process<'_>,
    options: &Options,
    database: &Database,
    name: &str,
) -> Result<Deleted, Stop> {
    let contents = database.contents(name)?;
    let destination = options.value('P');
    let prefix = options.value('p').or(contents.prefix()).unwrap_or("/");
    let prefix = format!("{}{prefix}", destination.unwrap_or(""));
    let victim = Victim {
        package: name,
        contents: &contents,
        prefix: &prefix,
    };
    if options.has('O') {
        change_map(database, options, |map| map.remove_package(name))?;
        return Ok(Deleted::Well);
    }
    let place = Place {
        database,
        entry: name,
        package: name,
        prefix: &prefix,
        destination,
    };
    let runs_scripts = !"DnN".chars().any(|letter| options.has(letter));
    if runs_scripts && !deinstall(process, place, "DEINSTALL") && !options.has('f') {
        return Ok(Deleted::Refused);
    }
    change_map(database, options, |map| {
        delete_files(process, options, victim, map)
    })?;
    if options.has('n') {
        return Ok(Deleted::Well);
    }
    database.drop_dependent(name)?;
    let is_ended = !runs_scripts || deinstall(process, place, "POST-DEINSTALL") || options.has('f');
    let is_gone = remove_metadata(process, PROGRAM, database, name)?;
    Ok(if is_ended && is_gone {
        Deleted::Well
    } else {
        Deleted::Badly
    })
}

/// Removes a package's files, or with `-N` only what the file map says of them.
fn delete_files(
    process: &mut Process<'_>,
    options: &Options,
    victim: Victim<'_>,
    map: &mut FileMap,
) {
    if options.has('N') {
        for path in victim.contents.managed_directories() {
            map.unmanage(&format!("{}/{path}", victim.prefix), victim.package);
        }
        map.remove_package(victim.package);
        return;
    }
    let manner = manner(process, options);
    if !remove_files(process, PROGRAM, victim, map, manner) {
        process.warn(
            PROGRAM,
            &format!("couldn't entirely delete package `{}'", victim.package),
        );
    }
}

/// Changes the file map; where there is none, none is made.
fn change_map(
    database: &Database,
    options: &Options,
    change: impl FnOnce(&mut FileMap),
) -> Result<(), Stop> {
    let old = database.file_map()?;
    let is_there = old.is_some();
    let mut map = old.unwrap_or_default();
    change(&mut map);
    if is_there && !options.has('n') {
        database.write_file_map(&map)?;
    }
    Ok(())
}

fn manner(process: &Process<'_>, options: &Options) -> Manner {
    Manner {
        is_verbose: options.has('v'),
        is_dry: options.has('n'),
        is_forced: options.has('f'),
        verifies: (process.environment)("PKG_DELETE_VERIFY_CHECKSUM").is_some(),
        runs_commands: true,
    }
}

fn deinstall(process: &mut Process<'_>, place: Place<'_>, phase: &str) -> bool {
    let word = phase.to_ascii_lowercase();
    match run_script(process, place, DEINSTALL, phase) {
        Ended::Well => return true,
        Ended::Badly => process.warn(PROGRAM, &format!("{word} script returned error status")),
        Ended::NotStarted(error) => {
            process.warn(PROGRAM, &format!("exec of {word} script failed: {error}"));
        }
    }
    false
}

/// Removes a package's metadata files and its directory; says whether the directory is gone.
///
/// # Errors
///
/// When the directory cannot be read.
pub fn remove_metadata(
    process: &mut Process<'_>,
    program: &str,
    database: &Database,
    name: &str,
) -> io::Result<bool> {
    let directory = database.package(name);
    for entry in fs::read_dir(&directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('+') {
            fs::remove_file(entry.path())?;
        }
    }
    if fs::remove_dir(Path::new(&directory)).is_ok() {
        return Ok(true);
    }
    let shown = format!("{}/{name}", database.shown);
    process.warn(
        program,
        &format!("Couldn't remove package directory in `{shown}'"),
    );
    Ok(false)
}

#[cfg(test)]
#[path = "pkg_delete_tests.rs"]
mod tests;
