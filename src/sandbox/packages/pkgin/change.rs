//! `pkgin update`, `remove`, `autoremove`, `keep` and `unkeep`.

use std::collections::BTreeSet;

use super::plan::show_names;
use super::{Call, ERROR_LOG, PROGRAM, STATE, ask, counted, need_root, proceed, refresh, reread};
use crate::sandbox::packages::pkg_delete;
use crate::sandbox::packages::process::{Process, Stop};

/// Looks at the repository: the index never changes, so only the first look finds something.
pub fn update(process: &mut Process<'_>, call: &Call) -> Result<i32, Stop> {
    need_root()?;
    if process.file(STATE).exists() && !call.options.has('f') {
        process.say(&format!(
            "processing remote summary ({})...",
            call.repository
        ));
        process.say(&format!("database for {} is up-to-date", call.repository));
    } else {
        refresh(process, call)?;
    }
    Ok(0)
}

/// Removes packages, with those that need them.
pub fn remove(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    if words.is_empty() {
        process.warn(PROGRAM, "missing package name");
        return Ok(1);
    }
    if !call.is_plan() {
        need_root()?;
    }
    let mut names = Vec::new();
    let mut status = 0;
    for word in words {
        match call.database.best(word)? {
            Some(name) => names.push(name),
            None => {
                process.complain(&format!("no such installed package {word}"));
                status = 1;
            }
        }
    }
    if names.is_empty() {
        process.say("no packages to delete");
        return Ok(status);
    }
    names.extend(call.database.all_dependents(&names)?);
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    process.say("calculating dependencies...done.");
    process.say("");
    process.say(&format!("{} to delete:", counted(names.len())));
    show_names(
        process,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    process.say("");
    if !proceed(process, call, false)? {
        return Ok(status);
    }
    Ok(delete(process, call, &names)?.max(status))
}

/// Removes packages that came as dependencies and that nothing needs any more.
///
/// `-y` has no effect on it, by its manual.
pub fn autoremove(process: &mut Process<'_>, call: &Call) -> Result<i32, Stop> {
    if !call.is_plan() {
        need_root()?;
    }
    let names = orphans(call)?;
    if names.is_empty() {
        process.say("no orphan dependencies found.");
        return Ok(0);
    }
    process.say(&format!("{} to be autoremoved:", counted(names.len())));
    show_names(
        process,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    process.say("");
    if call.is_plan() || !ask(process, true)? {
        return Ok(0);
    }
    delete(process, call, &names)
}

fn orphans(call: &Call) -> Result<Vec<String>, Stop> {
    let database = &call.database;
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut open = Vec::new();
    for name in database.names()? {
        if !database.is_automatic(&name)? {
            open.push(name);
        }
    }
    while let Some(name) = open.pop() {
        if !needed.insert(name.clone()) {
            continue;
        }
        for wanted in database.contents(&name)?.dependencies() {
            open.extend(database.best(wanted)?);
        }
    }
    let mut names = database.names()?;
    names.retain(|name| !needed.contains(name));
    Ok(names)
}

/// Calls `pkg_delete -f` for each; what it says goes to the log.
fn delete(process: &mut Process<'_>, call: &Call, names: &[String]) -> Result<i32, Stop> {
    let mut failures = 0;
    let mut log = Vec::new();
    for (number, name) in names.iter().enumerate() {
        process.say(&format!(
            "[{}/{}] removing {name}...",
            number + 1,
            names.len()
        ));
        let arguments = ["-f".to_owned(), name.clone()];
        let mut child = Process {
            root: process.root,
            directory: process.directory,
            environment: process.environment,
            show_layers: &mut *process.show_layers,
            input: &mut *process.input,
            output: &mut *process.output,
            errors: &mut log,
        };
        failures += usize::from(pkg_delete::main(&mut child, &arguments) != 0);
    }
    if !log.is_empty() {
        let path = process.file(ERROR_LOG);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, &log)?;
    }
    reread(process, call, failures)?;
    Ok(i32::from(failures > 0))
}

/// Marks packages as wanted for themselves, or as dependencies.
pub fn keep(
    process: &mut Process<'_>,
    call: &Call,
    words: &[String],
    keeps: bool,
) -> Result<i32, Stop> {
    need_root()?;
    if words.is_empty() {
        process.warn(PROGRAM, "missing package name");
        return Ok(1);
    }
    let mut status = 0;
    for word in words {
        let Some(name) = call.database.best(word)? else {
            // The words are inferred.
            process.complain(&format!("{word} is not installed"));
            status = 1;
            continue;
        };
        let (value, words) = if keeps {
            (None, "non auto-removable")
        } else {
            (Some("yes"), "auto-removable")
        };
        call.database.set_installed(&name, "automatic", value)?;
        process.say(&format!("marking {name} as {words}"));
    }
    Ok(status)
}
