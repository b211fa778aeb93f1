//! `pkg_info`: what is known of an installed package or of a package file.
//!
//! A word that names an existing file is an archive, anything else a name, base name or pattern.
//! The exit status is the number of words that failed; a file that is no archive makes it 255.

use std::collections::BTreeMap;

use super::archive::{Archive, MetadataFault, NotAPackage};
use super::config::{CONFIGURATION, Settings};
use super::database::Database;
use super::options::Options;
use super::pattern;
use super::pkg_show::{self, Subject};
use super::plist::Contents;
use super::process::{Process, Stop};

const PROGRAM: &str = "pkg_info";
const USAGE: &str = "usage: pkg_info [-BbcDdFfhIikLmNnpqrRSsVvX] [-e package] [-E package]
                [-K pkg_dbdir] [-l prefix] pkg-name ...
       pkg_info [-a | -u] [flags]
       pkg_info [-Q variable] pkg-name ...";

/// Runs `pkg_info`.
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
        "aBbcDde:E:FfhIiK:kLl:mNnpQ:qRrSsuVvX",
    ) {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if options.has('m') {
        return Err(Stop::not_emulated("option -m"));
    }
    let settings = Settings::load(process, CONFIGURATION)?;
    let shown = settings.database(process, options.value('K'));
    let database = Database::new(process.root, &shown);
    if options.has('e') || options.has('E') {
        return installed(process, &options, &database);
    }
    if options.has('a') && options.has('F') {
        return file_map(process, &database);
    }
    if options.rest.is_empty() {
        let has_question = options.letters().any(|l| !"qvKlauI".contains(l));
        if has_question && !options.has('a') && !options.has('u') {
            process.warn(PROGRAM, "missing package name(s)");
            return usage(process);
        }
        return all(process, &options, &database);
    }
    if options.has('a') {
        return usage(process);
    }
    words(process, &options, &database)
}

/// `-e` and `-E`: which installed packages match.
fn installed(
    process: &mut Process<'_>,
    options: &Options,
    database: &Database,
) -> Result<i32, Stop> {
    if !options.rest.is_empty() {
        return usage(process);
    }
    let mut found = Vec::new();
    let wanted = options.value('e').or(options.value('E')).unwrap_or("");
    if options.has('F') {
        match owner(process, database, wanted)? {
            Some(name) => found.push(name),
            None => {
                process.complain(&format!("No matching pkg for {wanted}."));
                return Ok(1);
            }
        }
    } else if options.has('E') {
        found.extend(database.best(wanted)?);
    } else {
        found = database.matching(wanted)?;
    }
    if !options.has('q') {
        for name in &found {
            process.say(name);
        }
    }
    Ok(i32::from(found.is_empty()))
}

fn owner(process: &Process<'_>, database: &Database, file: &str) -> Result<Option<String>, Stop> {
    let map = database.file_map()?.unwrap_or_default();
    let path = process.directory.join(file);
    let owner = path.to_str().and_then(|path| map.owner(path));
    Ok(owner
        .filter(|owner| !owner.starts_with('@'))
        .map(str::to_owned))
}

/// `-aF`: the whole file map.
fn file_map(process: &mut Process<'_>, database: &Database) -> Result<i32, Stop> {
    for (path, owner) in database.file_map()?.unwrap_or_default().iter() {
        process.say(&format!("file: {path} pkg: {owner}"));
    }
    Ok(0)
}

/// Every installed package, or every one that is no dependency.
fn all(process: &mut Process<'_>, options: &Options, database: &Database) -> Result<i32, Stop> {
    for name in database.names()? {
        if options.has('u') && database.is_automatic(&name)? {
            continue;
        }
        let subject = from_database(database, &name)?;
        pkg_show::show(process, options, database, &subject)?;
    }
    Ok(0)
}

fn words(process: &mut Process<'_>, options: &Options, database: &Database) -> Result<i32, Stop> {
    let mut failures = 0;
    let mut has_unreadable = false;
    for word in &options.rest {
        match subjects(process, options, database, word)? {
            Found::Some(subjects) => {
                for subject in subjects {
                    pkg_show::show(process, options, database, &subject)?;
                }
            }
            Found::None => failures += 1,
            Found::Unreadable => has_unreadable = true,
        }
    }
    Ok(if has_unreadable { 255 } else { failures })
}

enum Found {
    Some(Vec<Subject>),
    None,
    Unreadable,
}

fn subjects(
    process: &mut Process<'_>,
    options: &Options,
    database: &Database,
    word: &str,
) -> Result<Found, Stop> {
    if options.has('F') {
        return Ok(match owner(process, database, word)? {
            Some(name) => Found::Some(vec![from_database(database, &name)?]),
            None => {
                process.complain(&format!("No matching pkg for {word}."));
                Found::None
            }
        });
    }
    let file = word.strip_prefix("file://").unwrap_or(word);
    if file.contains("://") {
        return Err(Stop::not_emulated(&format!("the address `{word}'")));
    }
    if process.file(file).is_file() {
        return from_archive(process, word, file);
    }
    if database.has(word) {
        return Ok(Found::Some(vec![from_database(database, word)?]));
    }
    let names = if word.contains('/') {
        Vec::new()
    } else {
        database.matching(word)?
    };
    if names.is_empty() {
        if pattern::is_pattern(word) {
            process.complain(&format!("No matching pkg for {word}."));
        } else {
            process.warn(PROGRAM, &format!("can't find package `{word}'"));
        }
        return Ok(Found::None);
    }
    let subjects: Result<Vec<Subject>, Stop> = names
        .iter()
        .map(|name| from_database(database, name))
        .collect();
    Ok(Found::Some(subjects?))
}

fn from_database(database: &Database, name: &str) -> Result<Subject, Stop> {
    let mut metadata = BTreeMap::new();
    let directory = database.package(name);
    for entry in std::fs::read_dir(&directory)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if file.starts_with('+') {
            metadata.extend(database.read(name, &file)?.map(|text| (file, text)));
        }
    }
    let Some(list) = metadata.get("+CONTENTS") else {
        return Err(Stop::Exit(
            2,
            format!("unable to read meta data of package {name}"),
        ));
    };
    let contents = Contents::parse(list);
    Ok(Subject {
        name: name.to_owned(),
        contents,
        metadata,
        file: None,
    })
}

fn from_archive(process: &mut Process<'_>, word: &str, file: &str) -> Result<Found, Stop> {
    let path = process.file(file);
    let archive = match Archive::open(&path) {
        Ok(archive) => archive,
        Err(NotAPackage::Signed) => {
            return Err(Stop::not_emulated("checking a package's signature"));
        }
        Err(NotAPackage::Unopenable | NotAPackage::Premature) => {
            process.warn(PROGRAM, &format!("can't find package `{word}', skipped"));
            return Ok(Found::Unreadable);
        }
    };
    if archive.faults.contains(&MetadataFault::Misordered) {
        process.warn(PROGRAM, "misordered package, continuing");
    }
    if archive.faults.contains(&MetadataFault::Duplicate) {
        return Err(Stop::Exit(2, "duplicate entry, package corrupt".into()));
    }
    let metadata: BTreeMap<String, String> = archive
        .metadata
        .iter()
        .map(|(name, bytes)| (name.clone(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    let contents = Contents::parse(metadata.get("+CONTENTS").map_or("", String::as_str));
    let Some(name) = contents.name().map(str::to_owned) else {
        return Err(Stop::Exit(
            2,
            format!("unable to read meta data of package {word}"),
        ));
    };
    let base = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let file = Some((base, archive.size));
    Ok(Found::Some(vec![Subject {
        name,
        contents,
        metadata,
        file,
    }]))
}

#[cfg(test)]
#[path = "pkg_info_tests.rs"]
mod tests;
