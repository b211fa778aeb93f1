//! From a package that passed its checks to an installed one.
//!
//! The metadata directory is written before the files: a kill in between leaves a package that
//! looks installed. In an update the old package goes first, and with it, when something fails
//! later, its list of dependents.

use std::fs;
use std::io;

use super::{Call, Candidate, PROGRAM, add, checks, extract};
use crate::sandbox::packages::config::PREFIX;
use crate::sandbox::packages::database::{
    INSTALL, INSTALLED_INFO, PRESERVE, REQUIRED_BY, metadata_mode,
};
use crate::sandbox::packages::pkg_delete::{self, remove_metadata};
use crate::sandbox::packages::process::{Process, Stop, at, write_atomically};
use crate::sandbox::packages::removal::{Manner, Victim, remove_files};
use crate::sandbox::packages::scripts::{Ended, Place, run_script};

/// Installs the package, in place of `other` if there is one.
pub fn install(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    other: Option<&str>,
) -> Result<(), Stop> {
    let Some(other) = other else {
        let needed = dependencies(process, call, new)?;
        checks::libraries(process, new)?;
        write_metadata(process, call, new, &new.name)?;
        return finish(process, call, new, None, &needed);
    };
    let entry = if other == new.name {
        format!("{other}.xxxxxx")
    } else {
        new.name.clone()
    };
    write_metadata(process, call, new, &entry)?;
    let result = replace(process, call, new, other, &entry);
    if result.is_err() && call.database.package(&entry).exists() {
        remove_metadata(process, PROGRAM, &call.database, &entry)?;
    }
    result?;
    let mut nowhere = io::sink();
    let mut quiet = process.with_output(&mut nowhere);
    let needed = dependencies(&mut quiet, call, new)
        .and_then(|needed| checks::libraries(&mut quiet, new).map(|()| needed));
    match needed {
        Ok(needed) => finish(&mut quiet, call, new, Some(other), &needed),
        Err(stop) => {
            remove_metadata(&mut quiet, PROGRAM, &call.database, &new.name)?;
            Err(stop)
        }
    }
}

/// Finds or adds what the package needs; gives the packages that fulfil it.
fn dependencies(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
) -> Result<Vec<String>, Stop> {
    let mut found = Vec::new();
    let mut is_whole = true;
    for wanted in new.contents.dependencies() {
        if let Some(package) = call.database.best(wanted)? {
            found.push(package);
            continue;
        }
        if call.is_dry() {
            process.warn(PROGRAM, &format!("Missing dependency {wanted}"));
            is_whole = false;
            continue;
        }
        match add(process, call, wanted, true, Some(&new.folder)) {
            Ok(()) => {}
            Err(Stop::Failed) if call.is_forced() => {
                let message = format!("Can't install dependency {wanted}, continuing");
                process.warn(PROGRAM, &message);
            }
            Err(Stop::Failed) => {
                process.warn(PROGRAM, &format!("Can't install dependency {wanted}"));
                return Err(Stop::Failed);
            }
            Err(stop) => return Err(stop),
        }
        match call.database.best(wanted)? {
            Some(package) => found.push(package),
            None => {
                process.warn(
                    PROGRAM,
                    &format!("Expected dependency {wanted} still missing"),
                );
                return Err(Stop::Failed);
            }
        }
    }
    if is_whole {
        Ok(found)
    } else {
        Err(Stop::Failed)
    }
}

fn write_metadata(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    entry: &str,
) -> Result<(), Stop> {
    if call.is_dry() {
        return Ok(());
    }
    let directory = call.database.package(entry);
    let shown = format!("{}/{entry}", call.database.shown);
    if let Err(error) = fs::create_dir_all(&directory) {
        process.warn(
            PROGRAM,
            &format!("Can't create pkgdb entry: {shown}: {error}"),
        );
        return Err(Stop::Failed);
    }
    for (name, bytes) in &new.archive.metadata {
        let path = directory.join(name);
        if let Err(error) = write_atomically(&path, bytes, metadata_mode(name)) {
            process.warn(
                PROGRAM,
                &format!("Can't write meta data file `{shown}/{name}': {error}"),
            );
            remove_metadata(process, PROGRAM, &call.database, entry)?;
            return Err(Stop::Failed);
        }
    }
    Ok(())
}

/// Deletes the package that is being replaced, after moving what must survive it.
fn replace(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    other: &str,
    entry: &str,
) -> Result<(), Stop> {
    let database = &call.database;
    let arguments = ["-K", &database.shown, "-p", &new.prefix, other]
        .map(|word| word.to_owned())
        .to_vec();
    let command = format!("{PREFIX}/sbin/pkg_delete {}", arguments.join(" "));
    if call.is_verbose() {
        process.say(&command);
    }
    if call.is_dry() {
        return Err(Stop::Failed);
    }
    for file in [REQUIRED_BY, PRESERVE, INSTALLED_INFO] {
        let old = database.package(other).join(file);
        let target = database.package(entry).join(file);
        if old.exists() && !(file == INSTALLED_INFO && target.exists()) {
            fs::rename(&old, &target).map_err(at(&old))?;
        }
    }
    let mut nowhere = io::sink();
    let mut child = process.with_output(&mut nowhere);
    if pkg_delete::main(&mut child, &arguments) != 0 {
        process.warn(PROGRAM, &format!("command failed: {command}"));
        return Err(Stop::Failed);
    }
    if entry != new.name {
        let (from, to) = (database.package(entry), database.package(&new.name));
        fs::rename(&from, &to).map_err(at(&from))?;
    }
    Ok(())
}

/// Scripts, files and records.
fn finish(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    other: Option<&str>,
    needed: &[String],
) -> Result<(), Stop> {
    if let Err(stop) = script(process, call, new, "PRE-INSTALL") {
        remove_metadata(process, PROGRAM, &call.database, &new.name)?;
        return Err(stop);
    }
    let installed = extract::extract(process, call, new)
        .and_then(|()| script(process, call, new, "POST-INSTALL"));
    if let Err(stop) = installed {
        give_up(process, call, new, other)?;
        return Err(stop);
    }
    if call.is_dry() {
        return Ok(());
    }
    let database = &call.database;
    if new.is_automatic {
        database.set_installed(&new.name, "automatic", Some("yes"))?;
    }
    for package in needed {
        database.add_required_by(package, &new.name)?;
    }
    if call.is_verbose() {
        let directory = database.package(&new.name);
        process.say(&format!(
            "Package {} registered in {}",
            new.name,
            directory.display()
        ));
    }
    if let Some(text) = new.archive.text("+DISPLAY").filter(|_| other.is_none()) {
        process.put(&text);
    }
    Ok(())
}

fn script(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    phase: &str,
) -> Result<(), Stop> {
    if call.is_dry() || call.options.has('I') {
        return Ok(());
    }
    let place = Place {
        database: &call.database,
        entry: &new.name,
        package: &new.name,
        prefix: &new.prefix,
        destination: call.options.value('P'),
    };
    match run_script(process, place, INSTALL, phase) {
        Ended::Well => return Ok(()),
        Ended::Badly => process.warn(PROGRAM, "install script returned error status"),
        Ended::NotStarted(error) => {
            process.warn(PROGRAM, &format!("exec of install script failed: {error}"));
        }
    }
    Err(Stop::Failed)
}

/// Removes every path that the packing list names, whoever put it there, and the record.
fn give_up(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    other: Option<&str>,
) -> Result<(), Stop> {
    if let Some(other) = other {
        process.warn(
            PROGRAM,
            &format!("Updating of {other} to {} failed.", new.name),
        );
        process.warn(
            PROGRAM,
            "Remember to run pkg_admin rebuild-tree after fixing this.",
        );
    }
    let mut map = call.database.file_map()?.unwrap_or_default();
    let victim = Victim {
        package: &new.name,
        contents: &new.contents,
        prefix: &new.prefix,
    };
    let manner = Manner {
        runs_commands: true,
        ..Manner::default()
    };
    remove_files(process, PROGRAM, victim, &mut map, manner);
    call.database.write_file_map(&map)?;
    remove_metadata(process, PROGRAM, &call.database, &new.name)?;
    Ok(())
}
