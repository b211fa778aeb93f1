//! `pkg_admin`: looks after the package database.
//!
//! `check` ends with 0 even when files differ: what it found is only in its text.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::config::{CONFIGURATION, Settings};
use super::database::Database;
use super::file_map::FileMap;
use super::options::Options;
use super::pattern;
use super::plist::Listed;
use super::process::{Process, Stop, below};
use super::removal::checksum;

const PROGRAM: &str = "pkg_admin";
const USAGE: &str =
    "usage: pkg_admin [-bqSVv] [-C config] [-d lsdir] [-K pkg_dbdir] [-s sfx] command [args ...]
Where 'commands' and 'args' are:
 rebuild                     - rebuild pkgdb from +CONTENTS files
 rebuild-tree                - rebuild +REQUIRED_BY files from forward deps
 check [pkg ...]             - check md5 checksum of installed files
 add pkg ...                 - add pkg files to database
 delete pkg ...              - delete file entries for pkg in database
 set variable=value pkg ...  - set installation variable for package
 unset variable pkg ...      - unset installation variable for package
 lsall /path/to/pkgpattern   - list all pkgs matching the pattern
 lsbest /path/to/pkgpattern  - list pkgs matching the pattern best
 dump                        - dump database
 pmatch pattern pkg          - returns true if pkg matches pattern, otherwise false
 config-var name             - print value of configuration variable";

/// Commands of the real tool that are not emulated.
const ABSENT: &[&str] = &[
    "audit",
    "audit-batch",
    "audit-history",
    "audit-pkg",
    "check-license",
    "check-pkg-vulnerabilities",
    "check-signature",
    "check-single-license",
    "fetch-pkg-vulnerabilities",
    "findbest",
    "gpg-sign-package",
    "x509-sign-package",
];

/// Runs `pkg_admin`.
pub fn main(process: &mut Process<'_>, arguments: &[String]) -> i32 {
    let result = run(process, arguments);
    process.finish(PROGRAM, result)
}

fn usage(process: &mut Process<'_>) -> Result<i32, Stop> {
    process.complain(USAGE);
    Ok(1)
}

fn run(process: &mut Process<'_>, arguments: &[String]) -> Result<i32, Stop> {
    let options = match Options::start(process, (PROGRAM, USAGE), arguments, "C:K:SVbd:qs:v") {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let Some((command, words)) = options.rest.split_first() else {
        return usage(process);
    };
    let settings = Settings::load(process, options.value('C').unwrap_or(CONFIGURATION))?;
    let shown = settings.database(process, options.value('K'));
    let database = Database::new(process.root, &shown);
    let is_quiet = options.has('q');
    match command.to_ascii_lowercase().as_str() {
        "config-var" => config_variable(process, &options, &settings, words),
        "pmatch" => match words {
            [wanted, name] => Ok(i32::from(!pattern::matches(wanted, name))),
            _ => usage(process),
        },
        "check" => check(process, &database, words, is_quiet),
        "rebuild" => rebuild(process, &database, is_quiet),
        "rebuild-tree" => {
            rebuild_tree(process, &database)?;
            process.say("Done.");
            Ok(0)
        }
        "dump" | "list" => {
            for (path, owner) in database.file_map()?.unwrap_or_default().iter() {
                process.say(&format!("file: {path} pkg: {owner}"));
            }
            Ok(0)
        }
        "set" => set(process, &database, words, true),
        "unset" => set(process, &database, words, false),
        "add" => change_entries(process, &database, words, true),
        "delete" => change_entries(process, &database, words, false),
        "lsall" => list_packages(process, &options, words, false),
        "lsbest" => list_packages(process, &options, words, true),
        other if ABSENT.contains(&other) => {
            Err(Stop::not_emulated(&format!("`pkg_admin {other}`")))
        }
        _ => usage(process),
    }
}

fn config_variable(
    process: &mut Process<'_>,
    options: &Options,
    settings: &Settings,
    words: &[String],
) -> Result<i32, Stop> {
    let [name] = words else {
        return Err(Stop::Exit(
            1,
            "config-var takes exactly one argument".into(),
        ));
    };
    if let Some(value) = settings.variable(process, name, options.value('K')) {
        process.say(&value);
    }
    Ok(0)
}

/// The packages that the words name; all of them where there is no word.
fn chosen(database: &Database, words: &[String]) -> Result<Vec<String>, Stop> {
    if words.is_empty() {
        return Ok(database.names()?);
    }
    let mut names = Vec::new();
    for word in words {
        let found = database.matching(word)?;
        if found.is_empty() {
            return Err(Stop::Exit(1, format!("cannot find package {word}")));
        }
        names.extend(found);
    }
    Ok(names)
}

fn check(
    process: &mut Process<'_>,
    database: &Database,
    words: &[String],
    is_quiet: bool,
) -> Result<i32, Stop> {
    let names = chosen(database, words)?;
    let mut files = 0;
    for name in &names {
        let contents = database.contents(name)?;
        for listed in contents.files() {
            files += 1;
            check_file(process, name, listed);
        }
        if !is_quiet {
            process.put(".");
        }
    }
    process.say("");
    process.say(&format!(
        "Checked {files} files from {} packages.",
        names.len()
    ));
    if !is_quiet {
        process.say("Done.");
    }
    Ok(0)
}

/// Says what is wrong with a file; `false` when it is not there at all.
fn is_there(process: &mut Process<'_>, name: &str, shown: &str) -> bool {
    let path = below(process.root, Path::new(shown));
    match path.symlink_metadata() {
        Err(_) => {
            let message = format!("{name}: File `{shown}' is in +CONTENTS but not on filesystem!");
            process.warn(PROGRAM, &message);
            false
        }
        Ok(metadata) => {
            if metadata.is_symlink() && path.metadata().is_err() {
                process.warn(
                    PROGRAM,
                    &format!("{name}: Symlink `{shown}' exists and is in +CONTENTS but target does not exist!"),
                );
            }
            true
        }
    }
}

fn check_file(process: &mut Process<'_>, name: &str, listed: Listed<'_>) {
    let shown = format!("{}/{}", listed.directory, listed.path);
    if !is_there(process, name, &shown) {
        return;
    }
    let path = below(process.root, Path::new(&shown));
    if let Some(sum) = listed.md5
        && checksum(&path).is_ok_and(|actual| actual != sum)
    {
        process.say(&format!("{shown} fails MD5 checksum"));
    }
    if let Some(target) = listed.symlink {
        let actual = fs::read_link(&path).unwrap_or_default();
        if actual.as_os_str().as_bytes() != target.as_bytes() {
            process.say(&format!(
                "symlink ({shown}) is not same as recorded value, {}: {target}",
                actual.display()
            ));
        }
    }
}

fn store(
    process: &mut Process<'_>,
    database: &Database,
    map: &mut FileMap,
    name: &str,
) -> Result<usize, Stop> {
    let mut stored = 0;
    let contents = database.contents(name)?;
    for listed in contents.files() {
        let shown = format!("{}/{}", listed.directory, listed.path);
        if is_there(process, name, &shown) {
            map.insert(&shown, name);
            stored += 1;
        }
    }
    for path in contents.managed_directories() {
        map.manage(&format!("{}/{path}", contents.prefix().unwrap_or("")), name);
    }
    Ok(stored)
}

fn rebuild(process: &mut Process<'_>, database: &Database, is_quiet: bool) -> Result<i32, Stop> {
    let mut map = FileMap::default();
    let mut stored = 0;
    for name in database.names()? {
        stored += store(process, database, &mut map, &name)?;
        if !is_quiet {
            process.put(".");
        }
    }
    fs::create_dir_all(database.directory())?;
    database.write_file_map(&map)?;
    process.say("");
    // The real one never counts the packages.
    let file = format!("{}/pkgdb.byfile.db", database.shown);
    process.say(&format!("Stored {stored} files from 0 packages in {file}."));
    process.say("Done.");
    Ok(0)
}

/// Makes every `+REQUIRED_BY` anew, so that the records of all that is needed become younger.
pub fn rebuild_tree(process: &mut Process<'_>, database: &Database) -> Result<(), Stop> {
    let names = database.names()?;
    for name in &names {
        database.write_required_by(name, &[])?;
    }
    for name in &names {
        for wanted in database.contents(name)?.dependencies() {
            match database.best(wanted)? {
                Some(package) => database.add_required_by(&package, name)?,
                None => {
                    process.warn(
                        PROGRAM,
                        &format!("Dependency {wanted} of {name} unresolved"),
                    );
                }
            }
        }
    }
    Ok(())
}

fn set(
    process: &mut Process<'_>,
    database: &Database,
    words: &[String],
    has_value: bool,
) -> Result<i32, Stop> {
    let Some((setting, packages)) = words.split_first() else {
        return usage(process);
    };
    let (variable, value) = match setting.split_once('=') {
        Some((variable, value)) if has_value => (variable, Some(value)),
        None if !has_value => (setting.as_str(), None),
        _ => return usage(process),
    };
    if packages.is_empty() {
        return usage(process);
    }
    if variable.chars().any(|c| c.is_ascii_uppercase()) {
        let message = "variable name must not contain uppercase letters";
        return Err(Stop::Exit(1, message.into()));
    }
    if let Some(value) = value.filter(|_| variable == "automatic")
        && !value.eq_ignore_ascii_case("yes")
        && !value.eq_ignore_ascii_case("no")
    {
        return Err(Stop::Exit(
            1,
            format!("unknown value `{value}' for automatic"),
        ));
    }
    set_all(process, database, packages, variable, value)
}

fn set_all(
    process: &mut Process<'_>,
    database: &Database,
    packages: &[String],
    variable: &str,
    value: Option<&str>,
) -> Result<i32, Stop> {
    let mut status = 0;
    for word in packages {
        let found = database.matching(word)?;
        if found.is_empty() {
            let message = if pattern::is_pattern(word) {
                format!("no matching pkg for `{word}'")
            } else {
                format!("cannot find package {word}")
            };
            process.warn(PROGRAM, &message);
            status = 1;
        }
        for name in found {
            database.set_installed(&name, variable, value)?;
        }
    }
    Ok(status)
}

fn change_entries(
    process: &mut Process<'_>,
    database: &Database,
    words: &[String],
    adds: bool,
) -> Result<i32, Stop> {
    if words.is_empty() {
        return usage(process);
    }
    let mut map = database.file_map()?.unwrap_or_default();
    for name in chosen(database, words)? {
        if adds {
            store(process, database, &mut map, &name)?;
        } else {
            map.remove_package(&name);
        }
    }
    database.write_file_map(&map)?;
    Ok(0)
}

/// `lsall` and `lsbest`: package files of a folder, by pattern.
fn list_packages(
    process: &mut Process<'_>,
    options: &Options,
    words: &[String],
    only_best: bool,
) -> Result<i32, Stop> {
    for word in words {
        let (folder, wanted) = match word.rsplit_once('/') {
            Some((folder, wanted)) => (folder.to_owned(), wanted),
            None => (options.value('d').unwrap_or(".").to_owned(), word.as_str()),
        };
        let mut files: Vec<String> = fs::read_dir(process.file(&format!("{folder}/")))
            .map(|entries| {
                entries
                    .flatten()
                    .filter_map(|e| e.file_name().into_string().ok())
                    .collect()
            })
            .unwrap_or_default();
        files.sort();
        let name = |file: &String| -> Option<String> {
            let name = file
                .strip_suffix(".tgz")
                .or_else(|| file.strip_suffix(".tbz"))?;
            pattern::matches(wanted, name).then(|| name.to_owned())
        };
        files.retain(|file| name(file).is_some());
        if only_best {
            let names: Vec<String> = files.iter().filter_map(name).collect();
            let best = pattern::best(wanted, names.iter().map(String::as_str));
            files.retain(|file| name(file).as_deref() == best);
        }
        for file in files {
            let shown = if options.has('b') {
                file
            } else {
                format!("{folder}/{file}")
            };
            process.say(&shown);
        }
    }
    Ok(0)
}

#[cfg(test)]
#[path = "pkg_admin_tests.rs"]
mod tests;
