//! The one table of emulated commands, and the look at argv[0] that starts one of them.
//!
//! A name alone never makes the binary act as something else: `dispatch` looks for the marker
//! that the supervisor puts at a zone's root, and does nothing anywhere else.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::sandbox::{packages, smf, userland};

/// The file at a zone's root that says "this is a sandbox zone". Owned by root.
pub const MARKER: &str = "/.zonewright-sandbox";

/// One emulated command.
#[derive(Debug, Clone, Copy)]
pub struct Emulated {
    /// Its absolute path in a zone, e.g. `/usr/sbin/svcadm`.
    pub path: &'static str,
    /// Runs it: the arguments after argv[0] in, the exit status out.
    pub run: fn(&[OsString]) -> i32,
}

/// Every emulated command.
pub fn commands() -> impl Iterator<Item = &'static Emulated> {
    packages::COMMANDS
        .iter()
        .chain(smf::COMMANDS)
        .chain(userland::COMMANDS)
}

/// Runs the emulated command that argv[0] names, when this process lives in a sandbox zone.
#[must_use]
pub fn dispatch() -> Option<i32> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if !is_inside_zone() {
        return None;
    }
    let name = Path::new(&name).file_name()?.to_owned();
    let command = commands().find(|c| Path::new(c.path).file_name() == Some(&name))?;
    let arguments: Vec<OsString> = arguments.collect();
    Some((command.run)(&arguments))
}

/// Whether this process lives in a sandbox zone.
#[must_use]
pub fn is_inside_zone() -> bool {
    Path::new(MARKER)
        .symlink_metadata()
        .is_ok_and(|m| m.is_file() && m.uid() == 0)
}
