//! The one table of emulated commands, and the look at the process that starts one of them.
//!
//! A name alone never makes the binary act as something else: `dispatch` looks for the marker
//! that the supervisor puts at a zone's root, and does nothing anywhere else.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::causes::in_one_line;
use crate::sandbox::error::system;
use crate::sandbox::fault::{self, shim};
use crate::sandbox::{host, imgadm, inside, packages, smf, supervisor, userland, zfs};

/// A zone's first process.
const INIT: &str = "/sbin/init";

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

/// The hidden first argument that makes the program a sandbox's supervisor.
pub(crate) const SUPERVISOR: &str = "__sandbox-supervisor";
/// The hidden first argument that makes the program a zone's launcher.
pub(crate) const ZONE: &str = "__sandbox-zone";

/// The hidden first argument that makes the program run a command in a zone.
pub(crate) const ENTER: &str = "__sandbox-enter";

/// Every emulated command.
pub fn commands() -> impl Iterator<Item = &'static Emulated> {
    packages::COMMANDS
        .iter()
        .chain(smf::COMMANDS)
        .chain(userland::COMMANDS)
        .chain(fault::COMMANDS)
        .chain(host::COMMANDS)
        .chain(imgadm::COMMANDS)
        .chain(zfs::COMMANDS)
}

/// Runs the emulated command that this process was started as, when it lives in a sandbox zone,
/// or one of the sandbox's own processes. None when this is the ordinary program.
#[must_use]
pub fn dispatch() -> Option<i32> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if is_inside_zone() {
        let path = executed_path();
        if let Some(program) = path.as_deref().and_then(shim::put_aside) {
            return Some(program.run(&arguments));
        }
        let command = wanted(path.as_deref(), arguments.first()?)?;
        let rest = arguments.get(1..)?;
        let stopped = path.and_then(|path| shim::intercept(&path, rest));
        return Some(stopped.unwrap_or_else(|| (command.run)(rest)));
    }
    match (arguments.get(1)?.to_str()?, arguments.get(2..)?) {
        (SUPERVISOR, [state, cache, binary]) => {
            Some(background(state.as_ref(), cache.as_ref(), binary.as_ref()))
        }
        (ZONE, [root, hostname]) => Some(inside::launch(
            root.as_ref(),
            hostname.to_str()?,
            Path::new(INIT),
        )),
        (ENTER, [init, words @ ..]) => Some(inside::enter(init.to_str()?, words)),
        _ => None,
    }
}

/// Leaves the caller's session: the parent returns at once, the child is the supervisor.
fn background(state: &Path, cache: &Path, binary: &Path) -> i32 {
    // SAFETY: called first thing in `main`, when the process has one thread.
    match unsafe { nix::unistd::fork() } {
        Ok(nix::unistd::ForkResult::Parent { .. }) => 0,
        Ok(nix::unistd::ForkResult::Child) => {
            let served = nix::unistd::setsid()
                .map_err(system("make a session"))
                .and_then(|_| supervisor::serve(state, cache, binary));
            match served {
                Ok(()) => 0,
                Err(error) => {
                    eprintln!("{}", in_one_line(&error));
                    1
                }
            }
        }
        Err(error) => {
            eprintln!("cannot start the supervisor: {error}");
            1
        }
    }
}

/// The command of that path or, when the path is no command's, of that name.
fn wanted(path: Option<&Path>, name: &OsStr) -> Option<&'static Emulated> {
    let by_path = path.and_then(|path| commands().find(|c| Path::new(c.path) == path));
    by_path.or_else(|| {
        let name = Path::new(name).file_name()?;
        commands().find(|c| Path::new(c.path).file_name() == Some(name))
    })
}

/// The path that this process was started by: unlike argv[0] it is the caller's whole path.
fn executed_path() -> Option<PathBuf> {
    // SAFETY: the kernel leaves a terminated string there for the life of the process, or null.
    let path = unsafe { nix::libc::getauxval(nix::libc::AT_EXECFN) as *const std::ffi::c_char };
    if path.is_null() {
        return None;
    }
    // SAFETY: as above.
    let path = unsafe { std::ffi::CStr::from_ptr(path) };
    Some(PathBuf::from(OsStr::from_bytes(path.to_bytes())))
}

/// Whether this process lives in a sandbox zone.
#[must_use]
pub fn is_inside_zone() -> bool {
    Path::new(MARKER)
        .symlink_metadata()
        .is_ok_and(|m| m.is_file() && m.uid() == 0)
}
