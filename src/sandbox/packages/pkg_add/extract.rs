//! Writing a package's files.
//!
//! Mode, owner and time come from the tar header; `@mode`, `@owner` and `@group` have no effect.
//! A file that is in the way is unlinked first, whoever put it there.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Group, User};
use tar::EntryType;

use super::{Call, Candidate, PROGRAM};
use crate::sandbox::packages::archive::Member;
use crate::sandbox::packages::file_map::FileMap;
use crate::sandbox::packages::plist::Entry;
use crate::sandbox::packages::process::{Process, Stop, below};
use crate::sandbox::packages::removal::reason;
use crate::sandbox::packages::scripts::{expand, run_command};

/// Extracts the files in the order of the packing list, with which the archive must agree.
pub fn extract(process: &mut Process<'_>, call: &Call, new: &Candidate) -> Result<(), Stop> {
    let mut map = call.database.file_map()?.unwrap_or_default();
    let result = extract_into(process, call, new, &mut map);
    if !call.is_dry() {
        call.database.write_file_map(&map)?;
    }
    result
}

fn extract_into(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    map: &mut FileMap,
) -> Result<(), Stop> {
    let prefix = below(process.root, Path::new(&new.prefix));
    if !call.is_dry()
        && let Err(error) = fs::create_dir_all(&prefix)
    {
        let message = format!("Can't create prefix: {}: {}", new.prefix, reason(&error));
        return fail(process, &message);
    }
    let mut members = new.archive.members.iter();
    let mut last = "";
    for entry in new.contents.active() {
        match entry {
            Entry::File(path) => {
                last = path;
                if call.is_verbose() {
                    process.say(path);
                }
                let member = next_member(process, new, members.next(), path)?;
                if !call.is_dry() {
                    write_member(process, new, member, &prefix)?;
                    map.insert(&format!("{}/{path}", new.prefix), &new.name);
                }
            }
            Entry::ManagedDirectory(path) if !call.is_dry() => {
                let directory = prefix.join(path);
                if let Err(error) = fs::create_dir_all(&directory) {
                    let message = format!("mkdir_p: {path}: {}", reason(&error));
                    return fail(process, &message);
                }
                map.manage(&format!("{}/{path}", new.prefix), &new.name);
            }
            Entry::Execute(command) => execute(process, call, command, &prefix, last),
            _ => {}
        }
    }
    match members.next() {
        Some(extra) => fail(
            process,
            &format!("Package contains entries not in PLIST: {}", extra.name),
        ),
        None => Ok(()),
    }
}

fn fail<T>(process: &mut Process<'_>, message: &str) -> Result<T, Stop> {
    process.warn(PROGRAM, message);
    Err(Stop::Failed)
}

fn next_member<'a>(
    process: &mut Process<'_>,
    new: &Candidate,
    member: Option<&'a Member>,
    path: &str,
) -> Result<&'a Member, Stop> {
    match (member, &new.archive.broken) {
        (Some(member), _) if member.name == path => Ok(member),
        (Some(member), _) => {
            let message = format!(
                "PLIST entry and package don't match ({path} vs {})",
                member.name
            );
            fail(process, &message)
        }
        // The words about a broken archive are inferred.
        (None, Some(why)) => fail(process, &format!("Failed to read from archive: {why}")),
        (None, None) => fail(process, &format!("PLIST entry not in package ({path})")),
    }
}

fn execute(process: &mut Process<'_>, call: &Call, command: &str, prefix: &Path, last: &str) {
    let command = expand(command, &prefix.display().to_string(), last);
    process.say(&format!("Executing '{command}'"));
    if !call.is_dry() && !run_command(process, &command).is_ok_and(|well| well) {
        process.warn(PROGRAM, &format!("command '{command}' failed"));
    }
}

fn write_member(
    process: &mut Process<'_>,
    new: &Candidate,
    member: &Member,
    prefix: &Path,
) -> Result<(), Stop> {
    let path = below(prefix, Path::new(&member.name));
    if let Err(error) = write_file(member, &path, prefix) {
        let message = format!(
            "Failed to write {} for {}: {}",
            member.name,
            new.name,
            reason(&error)
        );
        return fail(process, &message);
    }
    if !member.is_complete {
        let why = new.archive.broken.as_deref().unwrap_or("truncated archive");
        return fail(process, &format!("Write error for {}: {why}", member.name));
    }
    Ok(())
}

fn write_file(member: &Member, path: &Path, prefix: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match member.kind {
        EntryType::Symlink => symlink(&member.target, path)?,
        EntryType::Link => return fs::hard_link(below(prefix, Path::new(&member.target)), path),
        _ => fs::write(path, &member.data)?,
    }
    let user = member
        .user
        .0
        .as_deref()
        .and_then(|name| User::from_name(name).ok().flatten());
    let group = member
        .group
        .0
        .as_deref()
        .and_then(|name| Group::from_name(name).ok().flatten());
    lchown(
        path,
        Some(user.map_or(member.user.1, |user| user.uid.as_raw())),
        Some(group.map_or(member.group.1, |group| group.gid.as_raw())),
    )?;
    if member.kind != EntryType::Symlink {
        // After the owner: changing that takes away the set-uid bit.
        fs::set_permissions(path, Permissions::from_mode(member.mode))?;
    }
    let time = TimeSpec::new(member.modified, 0);
    utimensat(
        AT_FDCWD,
        path,
        &time,
        &time,
        UtimensatFlags::NoFollowSymlink,
    )?;
    Ok(())
}
