//! Removing the files of a packing list, as `pkg_delete` does and as `pkg_add` does after a failed
//! extraction.
//!
//! On SmartOS a file that was changed after its installation is deleted without a word: the tree
//! from which the tools are built keeps the comparison with the recorded checksum behind
//! `PKG_DELETE_VERIFY_CHECKSUM`, which nothing seen defines (inferred). The environment variable
//! of that name gives upstream's behaviour here.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use md5::{Digest, Md5};

use super::file_map::FileMap;
use super::plist::{Contents, Entry, Listed};
use super::process::{Process, below};
use super::scripts::{expand, run_command};
use crate::hex::hex;

/// How files are removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// `-v`: each file is named.
    pub is_verbose: bool,
    /// `-n`: nothing is touched.
    pub is_dry: bool,
    /// `-f`: changed files go too.
    pub is_forced: bool,
    /// Upstream's comparison with the recorded checksum.
    pub verifies: bool,
    /// Whether `@unexec` lines run.
    pub runs_commands: bool,
}

/// The package whose files are removed.
#[derive(Debug, Clone, Copy)]
pub struct Victim<'a> {
    /// Name with version.
    pub package: &'a str,
    /// Its packing list.
    pub contents: &'a Contents,
    /// The directory below which its files lie.
    pub prefix: &'a str,
}

/// Removes what a packing list names; says whether all of it could be removed.
pub fn remove_files(
    process: &mut Process<'_>,
    program: &str,
    victim: Victim<'_>,
    map: &mut FileMap,
    manner: Manner,
) -> bool {
    let files = victim.contents.files();
    let mut last = "";
    let mut is_whole = true;
    for entry in victim.contents.active() {
        match entry {
            Entry::File(path) => {
                last = path;
                if let Some(file) = files.iter().find(|f| f.path == path) {
                    is_whole &= remove_file(process, program, *file, victim, map, manner);
                }
            }
            Entry::UndoExecute(command) if manner.runs_commands => {
                is_whole &= undo(process, program, command, victim.prefix, last, manner);
            }
            Entry::ManagedDirectory(path) => {
                remove_managed(process, program, path, victim, map, manner);
            }
            _ => {}
        }
    }
    is_whole
}

fn undo(
    process: &mut Process<'_>,
    program: &str,
    command: &str,
    prefix: &str,
    last: &str,
    manner: Manner,
) -> bool {
    let prefix = below(process.root, Path::new(prefix)).display().to_string();
    let command = expand(command, &prefix, last);
    process.say(&format!("Executing `{command}'"));
    if manner.is_dry || run_command(process, &command).is_ok_and(|well| well) {
        return true;
    }
    process.warn(program, &format!("unexec command for `{command}' failed"));
    false
}

fn remove_file(
    process: &mut Process<'_>,
    program: &str,
    file: Listed<'_>,
    victim: Victim<'_>,
    map: &mut FileMap,
    manner: Manner,
) -> bool {
    let shown = format!("{}/{}", victim.prefix, file.path);
    let path = below(process.root, Path::new(&shown));
    let is_directory = path.symlink_metadata().is_ok_and(|m| m.is_dir());
    if is_directory {
        process.warn(
            program,
            &format!("attempting to delete directory `{shown}' as a file"),
        );
        process.warn(
            program,
            "this packing list is incorrect - ignoring delete request",
        );
        return true;
    }
    if manner.verifies && refuses(process, file, &shown, &path, manner) {
        if !manner.is_dry {
            map.remove(&shown, victim.package);
        }
        return false;
    }
    if manner.is_verbose {
        process.say(&format!("Delete file {shown}"));
    }
    if manner.is_dry {
        return true;
    }
    map.remove(&shown, victim.package);
    match fs::remove_file(&path) {
        Ok(()) => remove_empty_parents(process.root, &shown, map),
        Err(error) => process.warn(
            program,
            &format!("Couldn't remove {shown}: {}", reason(&error)),
        ),
    }
    true
}

/// Whether a changed file stays, with the words about it.
fn refuses(
    process: &mut Process<'_>,
    file: Listed<'_>,
    shown: &str,
    path: &Path,
    manner: Manner,
) -> bool {
    let deed = if manner.is_forced {
        "deleting anyway"
    } else {
        "not deleting"
    };
    if let Some(sum) = file.md5
        && checksum(path).is_ok_and(|actual| actual != sum)
    {
        process.say(&format!("original MD5 checksum failed, {deed}: {shown}"));
        return !manner.is_forced;
    }
    if let Some(target) = file.symlink {
        let actual = fs::read_link(path).unwrap_or_default();
        if actual.as_os_str().as_bytes() != target.as_bytes() {
            process.say(&format!(
                "symlink {shown} is not same as recorded value, {deed}: {}",
                actual.display()
            ));
            return !manner.is_forced;
        }
    }
    false
}

fn remove_managed(
    process: &mut Process<'_>,
    program: &str,
    path: &str,
    victim: Victim<'_>,
    map: &mut FileMap,
    manner: Manner,
) {
    let shown = format!("{}/{path}", victim.prefix);
    let directory = below(process.root, Path::new(&shown));
    if manner.is_dry || !map.unmanage(&shown, victim.package) {
        return;
    }
    match fs::remove_dir(&directory) {
        Ok(()) => remove_empty_parents(process.root, &shown, map),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            process.warn(
                program,
                &format!("Directory `{shown}' disappeared, skipping"),
            );
        }
        Err(_) => {}
    }
}

/// Removes the directories above `shown` that are empty now. Nothing but the root of the file
/// system, a directory with something in it, or a managed one stops it: not even the prefix.
fn remove_empty_parents(root: &Path, shown: &str, map: &FileMap) {
    let mut directory = Path::new(shown);
    while let Some(parent) = directory.parent().filter(|p| p.parent().is_some()) {
        let is_kept = parent.to_str().is_none_or(|p| map.is_managed(p));
        if is_kept || fs::remove_dir(below(root, parent)).is_err() {
            return;
        }
        directory = parent;
    }
}

/// The MD5 of a file, in hexadecimal.
///
/// # Errors
///
/// When it cannot be read.
pub fn checksum(path: &Path) -> io::Result<String> {
    Ok(hex(&Md5::digest(fs::read(path)?)))
}

/// The system's words for an error, without Rust's number behind them.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
