//! One connection of sshd, in a process contract of its own that sshd has let go of.
//!
//! sshd starts a program for each connection. Here that is the contract's holder, which starts the
//! real one with the same descriptors and then holds none of them: the client sees the connection
//! end when the real one ends, though orphans of it may live on in the contract.

use super::super::paths::Paths;
use super::holder::{Teller, give_up_streams, introduce, watch};
use super::{Spec, allocate};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, raise};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where sshd's configuration finds this program.
pub const PATH: &str = "/usr/lib/ssh/sshd-session";

/// The program that serves a connection.
const REAL: &str = "/usr/lib/openssh/sshd-session";

/// What sshd takes for a failure of its own.
const FAILED: i32 = 255;

/// Serves one connection; ends as the real program ended once no member is left.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    match hold(arguments, &Paths::zone()) {
        Ok(status) => end_as(status),
        Err(error) => {
            eprintln!("{PATH}: {error}");
            FAILED
        }
    }
}

fn hold(arguments: &[OsString], paths: &Paths) -> io::Result<i32> {
    set_child_subreaper(true)?;
    let contract = allocate(paths).map_err(io::Error::other)?;
    let folder = paths.contracts().join(contract.to_string());
    fs::create_dir(&folder)?;
    let spec = Spec {
        abandoned: true,
        fatal: vec!["hwerr".to_owned()],
        parameters: vec!["pgrponly".to_owned()],
        ..Spec::default()
    };
    let served = introduce(&folder, &spec).and_then(|()| {
        let child = real(arguments).spawn()?;
        close_inherited()?;
        let first = i32::try_from(child.id()).map_err(io::Error::other)?;
        watch(&mut Teller(None), first, &spec, paths, contract)
    });
    let removed = fs::remove_dir_all(&folder);
    served.and_then(|status| removed.map(|()| status))
}

/// The real program, in a session of its own: sshd gave the holder one, and a signal to the
/// connection's process group must not reach its holder.
fn real(arguments: &[OsString]) -> Command {
    let mut command = Command::new(REAL);
    command.args(arguments);
    // SAFETY: runs between fork and exec; one system call and no allocation.
    unsafe { command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(io::Error::from)) };
    command
}

/// Lets go of everything that sshd handed down.
fn close_inherited() -> io::Result<()> {
    give_up_streams()?;
    // SAFETY: takes numbers only, and nothing in this process owns a descriptor beyond the
    // standard ones here.
    let status = unsafe { nix::libc::syscall(nix::libc::SYS_close_range, 3, u32::MAX, 0) };
    nix::errno::Errno::result(status)?;
    Ok(())
}

/// The same end as the wait status tells, as far as a process can choose.
fn end_as(status: i32) -> i32 {
    match status & 0x7f {
        0 => status >> 8,
        number => {
            // What cannot be raised is told as a shell tells it.
            let _ = Signal::try_from(number).and_then(raise);
            128 + number
        }
    }
}
