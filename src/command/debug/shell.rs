//! `zonewright debug shell`: the build's own place, for a person.
//!
//! A terminal is the user's own `ssh`, for nothing else knows their terminal as well. The connection
//! that holds the zone meanwhile is used now and then, or a server would take it for dead.

use std::io::{IsTerminal as _, Write as _};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::super::{DONE, FAILED, Failure, door};
use super::{Session, phase_of, refuse_running};
use crate::cli::{Global, ShellArgs};
use crate::host::{self, Exit, Host as _, HostError, Stream};
use crate::plan::debug::{self, KeptTree};
use crate::run::debug::{ask, under_lock};
use crate::run::{Door, RunError};
use crate::script::Script;
use crate::show::Style;

/// How often the connection that holds the zone is used.
const STILL_THERE: Duration = Duration::from_secs(15);

pub(super) fn run(global: &Global, arguments: &ShellArgs) -> Result<u8, Failure> {
    let is_shell = arguments.command.is_empty();
    if is_shell && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Failure::usage(
            "a shell needs a terminal",
            "`zonewright debug shell ZONE RECIPE -- COMMAND` runs one command without",
        ));
    }
    let (mut session, mut door) = Session::begin(global, &arguments.zone, &arguments.recipe)?;
    let tree = session.tree(&mut door)?;
    refuse_running(&tree, &arguments.zone)?;
    let phase = phase_of(&tree, arguments.phase.as_deref())?;
    let script = debug::open(&tree, phase, &arguments.command);
    let zone = arguments.zone.clone();
    let style = Style::stderr(global.color);
    if is_shell {
        eprint!("{}", greeting(arguments, &tree, phase, style));
    }
    let door::Door { host, terminal, .. } = &mut door;
    let command = format!("debug shell {zone} {}", arguments.recipe);
    let status = session.with_controller(command, |controller, _| {
        let result = under_lock(host, controller, |door| {
            ask(door, &script, &mut std::io::empty())?;
            if is_shell {
                let mut ssh = terminal.command(&debug::enter(&tree));
                let child = ssh.spawn().map_err(|source| HostError::Local {
                    operation: "run `ssh`".to_owned(),
                    source,
                })?;
                return attend(door, child);
            }
            run_command(door, &tree)
        });
        result.map_err(|error| Failure::run(&zone, error))
    })?;
    if is_shell {
        eprint!("{}", farewell(arguments, style));
    }
    Ok(status)
}

/// Waits for the terminal to end, and keeps the zone held.
fn attend(door: &mut Door<'_>, mut child: Child) -> Result<u8, RunError> {
    let mut used = Instant::now();
    let mut was_held = true;
    loop {
        let ended = child.try_wait().map_err(|source| HostError::Local {
            operation: "wait for `ssh`".to_owned(),
            source,
        })?;
        if let Some(status) = ended {
            return Ok(status.code().map_or(FAILED, byte));
        }
        if used.elapsed() >= STILL_THERE {
            used = Instant::now();
            let held = host::run_to_string(door, &Script::new("hold the zone"));
            let is_held = matches!(held, Ok((Exit::Code(0), ..)));
            if !is_held && was_held {
                // the shell itself goes on; its terminal has the lines begin where they end
                eprint!("\r\nnote: the zone is not held any more: others may change it now\r\n");
            }
            was_held = is_held;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Runs one command; its output is the answer, its status the exit status.
fn run_command(door: &mut Door<'_>, tree: &KeptTree) -> Result<u8, RunError> {
    let exit = door.run(&debug::run_command(tree), &mut std::io::empty(), &mut live)?;
    Ok(match exit {
        Exit::Code(0) => DONE,
        Exit::Code(status) => byte(status),
        Exit::Signal(_) => FAILED,
    })
}

/// Passes output on as it comes; a reader that has gone away is no error.
pub(super) fn live(stream: Stream, bytes: &[u8]) {
    let _ = match stream {
        Stream::Out => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Stream::Err => std::io::stderr().lock().write_all(bytes),
    };
}

fn byte(status: i32) -> u8 {
    u8::try_from(status).unwrap_or(FAILED)
}

fn greeting(arguments: &ShellArgs, tree: &KeptTree, phase: &str, style: Style) -> String {
    let ShellArgs { zone, recipe, .. } = arguments;
    format!(
        "{}: the build tree of {recipe} in {zone}, with the environment of `{phase}`\n      \
         {}\n      what is changed here is not packaged; `exit` leaves, and holds up `apply` until then\n",
        style.paint("33", "note"),
        tree.folder(),
    )
}

fn farewell(arguments: &ShellArgs, style: Style) -> String {
    let ShellArgs { zone, recipe, .. } = arguments;
    format!(
        "{}: `zonewright debug run {zone} {recipe} PHASE` tries it, `zonewright debug create-patch \
         {zone} {recipe} NAME` brings it home\n",
        style.paint("36", "next"),
    )
}
