//! Users and groups: `useradd`, `usermod`, `userdel`, `groupadd`, `groupmod`, `groupdel`.
//!
//! The exit codes tell what is wrong (4 id taken, 6 no such name, 9 name taken, 12 home), so a caller
//! can act on them; the words of the messages are (inferred). Nobody is ever "busy": logins without
//! a terminal are not counted by the real commands either.

mod group;
mod table;
mod user;

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::getopt::{Parsed, Refusal};
use super::{NOT_EMULATED, Streams, not_emulated};

pub use table::Table;

const NO_PERMISSION: i32 = 1;
const SYNTAX: i32 = 2;
const BAD_ARGUMENT: i32 = 3;
const ID_EXISTS: i32 = 4;
const NO_SUCH_NAME: i32 = 6;
const MISSING_FILE: i32 = 7;
const NAME_EXISTS: i32 = 9;
const HOME_FOLDER: i32 = 12;
const FAILED: i32 = 14;

/// Adds a user.
pub fn useradd(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    run("useradd", user::LETTERS, user::add, root, args, streams)
}

/// Changes a user.
pub fn usermod(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    run(
        "usermod",
        user::MODIFY_LETTERS,
        user::modify,
        root,
        args,
        streams,
    )
}

/// Removes a user; with `-r` the home folder too.
pub fn userdel(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    run("userdel", "r", user::delete, root, args, streams)
}

/// Adds a group.
pub fn groupadd(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    run("groupadd", "g:o", group::add, root, args, streams)
}

/// Changes a group.
pub fn groupmod(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    run("groupmod", "g:n:o", group::modify, root, args, streams)
}

/// Removes a group.
pub fn groupdel(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    run("groupdel", "", group::delete, root, args, streams)
}

/// Why an account was not changed.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    status: i32,
    message: String,
}

impl Failure {
    fn new(status: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// The sandbox does not do this.
    fn not_emulated(what: impl Into<String>) -> Self {
        Self::new(NOT_EMULATED, what)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let status = match error.kind() {
            io::ErrorKind::PermissionDenied => NO_PERMISSION,
            io::ErrorKind::NotFound => MISSING_FILE,
            _ => FAILED,
        };
        Self::new(status, error.to_string())
    }
}

/// A change of an account; what it warns of goes to the last argument.
type Change = fn(&Path, &str, &Parsed, &mut Vec<String>) -> Result<(), Failure>;

fn run(
    command: &str,
    letters: &str,
    change: Change,
    root: &Path,
    args: &[OsString],
    streams: &mut Streams,
) -> io::Result<i32> {
    let parsed = match Parsed::new(args, letters) {
        Ok(parsed) => parsed,
        Err(Refusal::Unknown(option)) => return not_emulated(streams, command, &option),
        Err(Refusal::Missing(_)) => return usage(streams, command),
    };
    let [name] = parsed.operands.as_slice() else {
        return usage(streams, command);
    };
    let Some(name) = name.to_str().filter(|name| is_name(name)) else {
        writeln!(streams.errors, "UX: {command}: ERROR: invalid name.")?;
        return Ok(BAD_ARGUMENT);
    };
    let mut warnings = Vec::new();
    let result = table::locked(root, || change(root, name, &parsed, &mut warnings));
    for warning in warnings {
        writeln!(streams.errors, "UX: {command}: WARNING: {warning}")?;
    }
    match result {
        Ok(()) => Ok(0),
        Err(failure) if failure.status == NOT_EMULATED => {
            not_emulated(streams, command, &failure.message)
        }
        Err(Failure { status, message }) => {
            writeln!(streams.errors, "UX: {command}: ERROR: {message}")?;
            Ok(status)
        }
    }
}

fn usage(streams: &mut Streams, command: &str) -> io::Result<i32> {
    writeln!(streams.errors, "UX: {command}: ERROR: invalid syntax.")?;
    writeln!(streams.errors, "usage:  {command} [options] name")?;
    Ok(SYNTAX)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([':', '\n']) && name.len() <= 32
}

/// What the platform thinks of a name that it takes even so.
fn name_warning(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.len() > 8 {
        Some(format!("{name} name too long."))
    } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(plain) {
        Some(format!("{name} name should be all lower case or numeric."))
    } else {
        None
    }
}

/// A user or group number as an argument.
fn id(text: &str) -> Result<u32, Failure> {
    text.parse()
        .ok()
        .filter(|id| *id <= i32::MAX.unsigned_abs())
        .ok_or_else(|| {
            Failure::new(
                BAD_ARGUMENT,
                format!("{text} is not a valid id.  Choose another."),
            )
        })
}

/// The number after the highest one in use, from 100 on; the accounts at the top do not count.
fn next_id(table: &Table) -> u32 {
    let used = table
        .rows()
        .filter_map(|row| row.get(2)?.parse::<u32>().ok());
    used.filter(|id| *id < 60_001)
        .max()
        .map_or(100, |highest| (highest + 1).max(100))
}

fn is_taken(table: &Table, id: u32) -> bool {
    table
        .rows()
        .any(|row| row.get(2).and_then(|field| field.parse().ok()) == Some(id))
}

#[cfg(test)]
mod tests;
