//! The commands of a host's global zone, beside `imgadm`: `vmadm`, `zlogin`, `zoneadm`,
//! `nictagadm`, `sysinfo`; and `json`, which every zone has.
//!
//! They lie in every zone, for `/usr` is the same everywhere; outside the global zone they refuse,
//! each in its own words.

pub(crate) mod json;
pub(crate) mod nictagadm;
pub(crate) mod sysinfo;
pub(crate) mod tags;
pub(crate) mod zlogin;
pub(crate) mod zoneadm;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde_json::{Map, Value};

use crate::sandbox::control::{Reply, Request, ZONE_SOCKET, ask};
use crate::sandbox::emulate::Emulated;
use crate::sandbox::supervisor::Host as HostState;
use crate::sandbox::userland;
use crate::sandbox::vm::{Order, Outcome, vmadm};

/// The commands of this module.
pub(crate) const COMMANDS: &[Emulated] = &[
    Emulated {
        path: "/usr/sbin/vmadm",
        run: |args| in_global("vmadm", args, run_vmadm),
    },
    Emulated {
        path: "/usr/sbin/zlogin",
        run: |args| in_global("zlogin", args, zlogin::run),
    },
    Emulated {
        path: "/usr/sbin/zoneadm",
        run: |args| in_global("zoneadm", args, zoneadm::run),
    },
    Emulated {
        path: "/usr/bin/nictagadm",
        run: |args| in_global("nictagadm", args, nictagadm::run),
    },
    Emulated {
        path: "/usr/bin/sysinfo",
        run: |args| in_global("sysinfo", args, sysinfo::run),
    },
    Emulated {
        path: "/usr/bin/json",
        run: json::run,
    },
];

/// The supervisor, as the global zone's commands reach it.
pub(crate) struct Live;

impl vmadm::Host for Live {
    fn machines(&self) -> io::Result<Vec<Map<String, Value>>> {
        match ask(Path::new(ZONE_SOCKET), &Request::Machines)? {
            Reply::Machines(machines) => Ok(machines),
            other => Err(unexpected(other)),
        }
    }

    fn carry_out(&self, order: Order) -> io::Result<Outcome> {
        match ask(Path::new(ZONE_SOCKET), &Request::Order(order))? {
            Reply::Outcome(outcome) => Ok(outcome),
            other => Err(unexpected(other)),
        }
    }
}

/// What the host has beside machines.
pub(crate) fn host_state() -> io::Result<HostState> {
    match ask(Path::new(ZONE_SOCKET), &Request::HostState)? {
        Reply::HostState(state) => Ok(state),
        other => Err(unexpected(other)),
    }
}

/// Changes what the host has.
pub(crate) fn change(request: &Request) -> io::Result<()> {
    match ask(Path::new(ZONE_SOCKET), request)? {
        Reply::Done => Ok(()),
        other => Err(unexpected(other)),
    }
}

fn unexpected(reply: Reply) -> io::Error {
    match reply {
        Reply::Refused(why) => io::Error::other(format!("the sandbox refused: {why}")),
        other => io::Error::other(format!("unexpected answer {other:?}")),
    }
}

/// Why a command of the host cannot run here; none where it can.
fn misplaced(name: &str) -> Option<(String, i32)> {
    let why = if !nix::unistd::geteuid().is_root() {
        "must be root"
    } else if !userland::is_global() {
        "must be in the global zone"
    } else {
        return None;
    };
    // (inferred: which words say why, for vmadm and imgadm)
    Some(match name {
        "vmadm" => (format!("FATAL: cannot run because: {why}"), 2),
        "imgadm" => (format!("imgadm: error: cannot run: {why}"), 2),
        "nictagadm" if why == "must be root" => {
            ("Error: This program can only be run as root.".into(), 1)
        }
        "nictagadm" => (
            "Error: This program can only be run in the global zone.".into(),
            1,
        ),
        _ => (format!("{name}: {why}"), 1),
    })
}

pub(crate) type Command = fn(&[String]) -> io::Result<i32>;

/// Runs a command where it may run.
pub(crate) fn in_global(name: &str, args: &[OsString], command: Command) -> i32 {
    let is_known_everywhere = name == "sysinfo";
    if let Some((refusal, status)) = misplaced(name).filter(|_| !is_known_everywhere) {
        eprintln!("{refusal}");
        return status;
    }
    let args: Vec<String> = args
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match command(&args) {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 128 + nix::libc::SIGPIPE,
        Err(error) => {
            eprintln!("{name}: {error}");
            1
        }
    }
}

/// Says that the sandbox does not do this.
pub(crate) fn not_emulated(command: &str, what: &str) -> io::Result<i32> {
    writeln!(
        io::stderr(),
        "{command}: {what}: not emulated in the sandbox"
    )?;
    Ok(userland::NOT_EMULATED)
}

fn run_vmadm(args: &[String]) -> io::Result<i32> {
    let (mut input, mut output, mut errors) =
        (io::stdin().lock(), io::stdout().lock(), io::stderr());
    let is_terminal = input.is_terminal();
    let mut streams = vmadm::Streams {
        input: &mut input,
        is_terminal,
        output: &mut output,
        errors: &mut errors,
    };
    let status = vmadm::run(&Live, args, &mut streams)?;
    output.flush()?;
    Ok(status)
}
