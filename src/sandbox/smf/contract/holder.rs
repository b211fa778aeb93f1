//! The process that stands for one contract: it starts the first member, adopts the orphans among
//! the later ones, and lives exactly as long as one of them does.
//!
//! It gives up its own standard streams once the first member has them: an ssh connection ends
//! only when nobody holds them any more.

use super::super::paths::Paths;
use super::super::process;
use super::members::{Contracts, Live, render_holder};
use super::{Credential, Report, Spec};
use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Gid, Pid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, setgid, setgroups, setuid};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Serves the contract of `folder`; the result is the holder's own exit status.
#[must_use]
pub fn hold(folder: &Path, paths: &Paths) -> i32 {
    match serve(folder, paths) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("contract {}: {error}", folder.display());
            1
        }
    }
}

fn serve(folder: &Path, paths: &Paths) -> io::Result<()> {
    set_child_subreaper(true)?;
    nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    let owner = UnixStream::connect(folder.join("door"))?;
    let mut orders = BufReader::new(owner.try_clone()?);
    let mut line = String::new();
    orders.read_line(&mut line)?;
    let spec: Spec = serde_json::from_str(&line)?;
    let contract = folder
        .file_name()
        .and_then(|name| name.to_str()?.parse().ok());
    let contract: u64 = contract.ok_or(io::ErrorKind::InvalidInput)?;
    introduce(folder, &spec)?;
    if spec.log.is_some() {
        // Process 1 blocks signals to wait for them, and a blocked signal is inherited.
        SigSet::all().thread_unblock()?;
    }

    let mut teller = Teller(Some(owner));
    let first = match command(&spec).and_then(|mut command| command.spawn()) {
        Ok(child) => i32::try_from(child.id()).map_err(io::Error::other)?,
        Err(error) => {
            teller.tell(&Report::NotStarted {
                errno: error.raw_os_error().unwrap_or_default(),
            });
            return fs::remove_dir_all(folder);
        }
    };
    give_up_streams()?;
    teller.tell(&Report::Started { pid: first });
    if spec.no_orphan {
        let paths = paths.clone();
        thread::spawn(move || kill_with_owner(orders, &paths, contract));
    }
    watch(&mut teller, first, &spec, paths, contract)?;
    // The folder goes first: whoever hears of the end finds no trace of the contract.
    let removed = fs::remove_dir_all(folder);
    teller.tell(&Report::Empty);
    removed
}

/// Points the standard streams nowhere.
pub(super) fn give_up_streams() -> io::Result<()> {
    let nowhere = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&nowhere)?;
    dup2_stdout(&nowhere)?;
    dup2_stderr(&nowhere)?;
    Ok(())
}

/// How many looks must agree that a contract is empty, and how long is between them.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(8);

/// Reaps members until none is left; the result is the wait status of the first.
pub(super) fn watch(
    teller: &mut Teller,
    first: i32,
    spec: &Spec,
    paths: &Paths,
    contract: u64,
) -> io::Result<i32> {
    let mut first_status = None;
    loop {
        let event = match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid.as_raw() == first => {
                Some(Report::Exited { status: code << 8 })
            }
            Ok(WaitStatus::Signaled(pid, signal, core)) if pid.as_raw() == first => {
                let status = signal as i32 | if core { 0x80 } else { 0 };
                Some(Report::Exited { status })
            }
            // Linux does not say who sent a signal, so each is taken for one from outside
            // (inferred: the real system ignores those sent by a fellow member).
            Ok(WaitStatus::Signaled(_, _, true)) => Some(Report::Core),
            Ok(WaitStatus::Signaled(..)) => Some(Report::Signal),
            Ok(_) | Err(Errno::EINTR) => None,
            Err(Errno::ECHILD) => return Ok(first_status.unwrap_or_default()),
            Err(errno) => return Err(errno.into()),
        };
        if let Some(report) = event {
            if is_fatal(&report, spec) {
                kill_members(paths, contract, Signal::SIGKILL);
            }
            if let Report::Exited { status } = report {
                first_status = Some(status);
            }
            teller.tell(&report);
        }
        if let Some(status) = first_status
            && only_others_left(paths, contract)
        {
            return Ok(status);
        }
    }
}

fn is_fatal(report: &Report, spec: &Spec) -> bool {
    let event = match report {
        Report::Core => "core",
        Report::Signal => "signal",
        Report::Exited { status } if status & 0x80 != 0 => "core",
        Report::Exited { status } if status & 0x7f != 0 => "signal",
        _ => return false,
    };
    spec.fatal.iter().any(|fatal| fatal == event)
}

/// Whether whatever is left belongs to contracts that members started themselves.
///
/// `/proc` is not read at one moment: a daemon that forks while its parent ends can be missed by one
/// look, so several must agree.
fn only_others_left(paths: &Paths, contract: u64) -> bool {
    (0..LOOKS).all(|look| {
        if look > 0 {
            thread::sleep(BETWEEN_LOOKS);
        }
        let processes = process::all();
        Contracts::find(paths, &processes)
            .members(contract, &processes)
            .is_empty()
    })
}

/// Sends a signal to every member of a contract; the number of processes it went to.
pub fn kill_members(paths: &Paths, contract: u64, signal: Signal) -> usize {
    let processes = process::all();
    let members = Contracts::find(paths, &processes).members(contract, &processes);
    members
        .iter()
        .filter(|pid| kill(Pid::from_raw(**pid), signal).is_ok())
        .count()
}

/// Kills until a contract is empty: a member may have forked while it was counted.
pub fn kill_until_empty(paths: &Paths, contract: u64) {
    for _ in 0..500 {
        if kill_members(paths, contract, Signal::SIGKILL) == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn kill_with_owner(orders: BufReader<UnixStream>, paths: &Paths, contract: u64) {
    // An owner that lets go says so; the end of the stream without a word is its death.
    if orders.lines().next().is_none() {
        kill_until_empty(paths, contract);
    }
}

/// Writes down whose holder this process is.
pub(super) fn introduce(folder: &Path, spec: &Spec) -> io::Result<()> {
    let own = i32::try_from(std::process::id()).map_err(io::Error::other)?;
    let process = process::one(own).ok_or(io::ErrorKind::NotFound)?;
    let owner = if spec.abandoned { 0 } else { process.parent };
    let mut parameters = spec.parameters.clone();
    if spec.no_orphan {
        parameters.insert(0, "noorphan".to_owned());
    }
    let live = Live {
        holder: own,
        owner,
        service: spec.service.clone(),
        parameters,
        fatal: spec.fatal.clone(),
    };
    fs::write(
        folder.join("holder"),
        render_holder(&live, process.start_ticks),
    )
}

fn command(spec: &Spec) -> io::Result<Command> {
    let (program, arguments) = spec
        .words
        .split_first()
        .ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).process_group(spec.process_group);
    if let Some(log) = &spec.log {
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        command
            .stdin(File::open("/dev/null")?)
            .stdout(output.try_clone()?)
            .stderr(output);
    } else {
        command
            .stdin(Stdio::inherit())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit());
    }
    if let Some(directory) = &spec.directory {
        command.current_dir(directory);
    }
    if let Some(environment) = &spec.environment {
        command.env_clear().envs(environment.iter().cloned());
    }
    if let Some(credential) = spec.credential.clone() {
        become_user(&mut command, credential);
    }
    Ok(command)
}

fn become_user(command: &mut Command, credential: Credential) {
    let groups: Vec<Gid> = credential
        .groups
        .iter()
        .copied()
        .map(Gid::from_raw)
        .collect();
    let change = move || {
        setgroups(&groups)?;
        setgid(Gid::from_raw(credential.group))?;
        setuid(Uid::from_raw(credential.user))?;
        Ok(())
    };
    // SAFETY: runs between fork and exec; three system calls and no allocation.
    unsafe { command.pre_exec(change) };
}

/// Where reports go; nowhere when nobody owns the contract.
pub(super) struct Teller(pub(super) Option<UnixStream>);

impl Teller {
    /// The owner may have ended or stopped listening; the contract goes on.
    fn tell(&mut self, report: &Report) {
        if let (Some(owner), Ok(mut text)) = (&mut self.0, serde_json::to_string(report)) {
            text.push('\n');
            drop(owner.write_all(text.as_bytes()));
        }
    }
}
