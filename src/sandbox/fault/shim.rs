//! The zone's side of faults: what a command does before it runs, when somebody armed a fault for
//! its name.
//!
//! A Linux program is put aside and replaced by this program, which becomes it after it asked; an
//! emulated command asks by itself. Where the supervisor does not answer, everything runs as ever.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::armed::{Ran, Shell};
use super::kinds::Deed;
use crate::sandbox::control::{Reply, Request, ZONE_SOCKET, receive, send};
use crate::sandbox::emulate::Emulated;
use crate::sandbox::platform::names::TRIPLET;
use crate::sandbox::smf::contract::HOLD;
use crate::sandbox::smf::process;

/// The folder that a zone and its supervisor share.
pub(crate) const SHARED: &str = "/.zonewright-faults";
/// Below the shared folder: a file for each command that must ask.
pub(crate) const ARMED: &str = "armed";
/// Where programs are put aside.
pub(crate) const REAL: &str = "/usr/lib/zonewright/real";
/// What a script's trap runs.
pub(crate) const STRIKE: &str = "/usr/lib/zonewright/strike";

/// The command that a script's trap runs: the script's number, and `end` at its end.
pub const COMMANDS: &[Emulated] = &[Emulated {
    path: STRIKE,
    run: strike,
}];

/// A program that was put aside.
pub(crate) struct PutAside {
    names: Vec<String>,
    real: PathBuf,
}

/// The program that this one stands in for, when it was started as `path`.
pub(crate) fn put_aside(path: &Path) -> Option<PutAside> {
    Path::new(REAL).symlink_metadata().ok()?;
    let (names, real) = follow(path, |name| {
        let real = Path::new(REAL).join(name);
        real.symlink_metadata().is_ok().then_some(real)
    });
    real.map(|real| PutAside { names, real })
}

/// The names that links lead through, up to the first that is wanted.
fn follow<T>(path: &Path, wanted: impl Fn(&OsStr) -> Option<T>) -> (Vec<String>, Option<T>) {
    let mut names = Vec::new();
    let mut path = path.to_path_buf();
    for _ in 0..8 {
        let Some(name) = path.file_name() else { break };
        names.push(name.to_string_lossy().into_owned());
        if let Some(found) = wanted(name) {
            return (names, Some(found));
        }
        match path.read_link() {
            Ok(target) => path = path.with_file_name("").join(target),
            Err(_) => break,
        }
    }
    (names, None)
}

impl PutAside {
    /// Asks, and becomes the program; gives a status where it does not come to that.
    pub(crate) fn run(self, arguments: &[OsString]) -> i32 {
        let rest = arguments.get(1..).unwrap_or_default();
        let shell = (self.real.file_name() == Some(OsStr::new("bash"))).then(|| shell(rest));
        let is_login = shell.as_ref().is_some_and(|shell| shell.login.is_some());
        let request = Request::Ran(Ran {
            names: self.names.clone(),
            shell,
        });
        let trap = match ask(&request) {
            Ok(trap) => trap,
            Err(status) => return status,
        };
        let mut command = Command::new(&self.real);
        if let Some(name) = arguments.first() {
            command.arg0(self.called(name));
        }
        match trap {
            // sshd's shells read no BASH_ENV.
            Some(trap) if is_login => command.args(with_trap(rest, &trap)),
            Some(trap) => command.args(rest).env("BASH_ENV", trap),
            None => command.args(rest),
        };
        let error = command.exec();
        eprintln!("{}: {error}", self.real.display());
        126
    }
}

impl PutAside {
    /// The first argument of the program. A compiler looks for its parts beside the place that it
    /// tells, which must be the program's own.
    fn called(&self, name: &OsStr) -> OsString {
        let place = self.real.read_link().ok();
        let place = place.filter(|place| last(place.as_os_str()).starts_with(TRIPLET));
        place.map_or_else(
            || name.to_owned(),
            |place| place.with_file_name(last(name)).into_os_string(),
        )
    }
}

fn last(path: &OsStr) -> String {
    let name = Path::new(path).file_name().unwrap_or(path);
    name.to_string_lossy().into_owned()
}

/// `-c TEXT` with the trap read before the text.
fn with_trap(arguments: &[OsString], trap: &str) -> Vec<OsString> {
    let mut arguments = arguments.to_vec();
    if let Some(text) = arguments.get_mut(1) {
        let mut with = OsString::from(format!(". {trap}\n"));
        with.push(&*text);
        *text = with;
    }
    arguments
}

/// What there is to know of a shell with these arguments.
fn shell(arguments: &[OsString]) -> Shell {
    let login = match arguments {
        [option, _] if option == "-c" && is_started_by_sshd() => login_port(),
        _ => None,
    };
    let text = arguments
        .get(1)
        .map_or("".into(), |text| text.to_string_lossy());
    Shell {
        login,
        is_passing: text.trim_start().starts_with("exec "),
        is_bare: arguments.first().is_some_and(|option| option == "--norc"),
    }
}

fn is_started_by_sshd() -> bool {
    let parent = i32::try_from(parent_id()).ok().and_then(process::one);
    parent.is_some_and(|parent| parent.name == "sshd-session")
}

/// `SSH_CONNECTION=127.0.0.1 54136 127.0.0.1 22`
fn login_port() -> Option<u16> {
    let connection = std::env::var("SSH_CONNECTION").ok()?;
    connection.split(' ').nth(1)?.parse().ok()
}

/// Asks for an emulated command that was started as `path`; a status where it shall not run.
pub(crate) fn intercept(path: &Path, arguments: &[OsString]) -> Option<i32> {
    // A contract's holder is no command that anybody runs.
    if arguments.first().is_some_and(|first| first == HOLD) {
        return None;
    }
    let folder = Path::new(SHARED).join(ARMED);
    let (names, armed) = follow(path, |name| folder.join(name).exists().then_some(()));
    armed?;
    ask(&Request::Ran(Ran { names, shell: None })).err()
}

fn strike(arguments: &[OsString]) -> i32 {
    let script = arguments
        .first()
        .and_then(|word| word.to_str()?.parse().ok());
    let Some(script) = script else { return 0 };
    let is_end = arguments.get(1).is_some_and(|word| word == "end");
    ask(&Request::Reached { script, is_end }).err().unwrap_or(0)
}

/// Asks and does what is answered: goes on, perhaps with a trap for a shell, or gives a status.
fn ask(request: &Request) -> Result<Option<String>, i32> {
    let Ok((deed, trap, stream)) = answer(request) else {
        return Ok(None);
    };
    match deed {
        Deed::Proceed => {}
        Deed::Delay { milliseconds } => std::thread::sleep(Duration::from_millis(milliseconds)),
        Deed::Hang => wait_for_end(stream),
        Deed::Fail { status, text } => {
            if let Some(text) = text {
                eprintln!("{text}");
            }
            return Err(status.into());
        }
        Deed::Print { text } => {
            println!("{text}");
            return Err(0);
        }
    }
    Ok(trap)
}

fn answer(request: &Request) -> io::Result<(Deed, Option<String>, UnixStream)> {
    let mut stream = UnixStream::connect(ZONE_SOCKET)?;
    send(&mut stream, request)?;
    match receive(&stream)? {
        Reply::Deed { deed, trap } => Ok((deed, trap, stream)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn wait_for_end(mut stream: UnixStream) {
    while stream.read(&mut [0]).is_ok_and(|size| size > 0) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_to_the_name_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("bin")).unwrap();
        symlink(at("hidden"), at("bin/cc")).unwrap();
        symlink("gcc-13", at("hidden")).unwrap();
        let wanted = |name: &OsStr| (name == "gcc-13").then_some(());
        let (names, found) = follow(&at("bin/cc"), wanted);
        assert_eq!(
            (names.join(" ").as_str(), found),
            ("cc hidden gcc-13", Some(()))
        );
        let (names, found) = follow(&at("bin/cc"), |_| None::<()>);
        assert_eq!((names.len(), found), (3, None));
        symlink("loop", at("loop")).unwrap();
        assert_eq!(follow(&at("loop"), |_| None::<()>).0.len(), 8);
    }

    #[test]
    fn a_trap_is_read_before_the_command_that_a_login_shell_was_given() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let with = with_trap(&words(&["-c", "a; b"]), "/f/1.trap");
        assert_eq!(with, words(&["-c", ". /f/1.trap\na; b"]));
    }

    #[test]
    fn a_shell_is_known_by_its_arguments() {
        let of = |words: &[&str]| {
            let shell = shell(&words.iter().map(OsString::from).collect::<Vec<_>>());
            (shell.login, shell.is_passing, shell.is_bare)
        };
        assert_eq!(of(&["--norc", "-s"]), (None, false, true));
        assert_eq!(
            of(&["-c", "exec /usr/bin/bash --norc -s"]),
            (None, true, false)
        );
        assert_eq!(of(&["-c", "executable"]), (None, false, false));
        assert_eq!(of(&[]), (None, false, false));
    }
}
