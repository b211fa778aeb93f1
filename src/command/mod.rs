//! One file a command: load → probe → plan → show or run. Commands decide nothing.

mod apply;
mod debug;
mod doctor;
mod door;
mod failure;
mod interrupt;
mod log;
mod manual;
mod new;
mod old_root;
mod patch_files;
mod plan;
mod recipe;
mod remedy;
#[cfg(target_os = "linux")]
mod sandbox;
mod status;
mod wish;
mod zone;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::Parser as _;

use crate::cli::{Cli, Command, Global};
use crate::show::plain;
use crate::site::model::HostSpec;
use crate::site::{SiteRoot, ZoneFile};
use crate::store::Folders;
pub(crate) use failure::Failure;

/// What to do where the records of runs cannot be read or written.
pub(crate) const STATE_HELP: &str =
    "make the folder readable and writable, or name another with XDG_STATE_HOME";

/// Exit statuses: see the help of `zonewright`.
pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const DIFFERS: u8 = 3;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // help and version are answers; everything else is a usage error
            let written = error.print();
            return ended(if error.use_stderr() { USAGE } else { DONE }, written.err());
        }
    };
    let global = cli.global.clone();
    match run(cli) {
        Ok(status) => ended(status, None),
        Err(failure) => {
            complain(&failure, &global);
            ended(failure.status(), None)
        }
    }
}

/// The first answer that could not be written, and why.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// The exit status, which is no success where the answer did not arrive. A reader that has gone away has read
/// what it wanted.
fn ended(status: u8, unwritten: Option<io::Error>) -> ExitCode {
    let error = unwritten.as_ref().or(UNWRITTEN.get());
    match error.filter(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        None => ExitCode::from(status),
        Some(error) => {
            eprintln!("error: cannot write the answer: {error}");
            ExitCode::from(if status == DONE { FAILED } else { status })
        }
    }
}

fn run(cli: Cli) -> Result<u8, Failure> {
    let global = &cli.global;
    match cli.command {
        Command::Plan(arguments) => plan::run(global, &arguments),
        Command::Apply(arguments) => apply::run(global, &arguments),
        Command::Zone(command) => zone::run(global, &command),
        Command::Status(arguments) => status::run(global, &arguments),
        Command::Doctor(arguments) => doctor::run(global, &arguments),
        Command::New(arguments) => new::run(&arguments),
        Command::Recipe(command) => recipe::run(global, &command),
        Command::Debug(command) => debug::run(global, &command),
        Command::Log(arguments) => log::run(global, &arguments),
        Command::Completions(arguments) => Ok(manual::completions(&arguments)),
        Command::Man(arguments) => manual::pages(&arguments),
        #[cfg(target_os = "linux")]
        Command::Sandbox(command) => sandbox::run(global, &command),
        #[cfg(not(target_os = "linux"))]
        Command::Sandbox(_) => Err(Failure::text_only(
            "the sandbox needs Linux",
            "run it on a Debian machine",
        )),
    }
}

/// The site of this run.
pub(crate) fn site(global: &Global) -> Result<SiteRoot, Failure> {
    match &global.site {
        Some(folder) => SiteRoot::at(folder).map_err(|problem| Failure::Problems(vec![*problem])),
        None => {
            let here = std::env::current_dir().map_err(|error| {
                Failure::usage(
                    &format!("cannot read the current folder: {error}"),
                    "use --site",
                )
            })?;
            Ok(SiteRoot::find(&here))
        }
    }
}

/// The controller's folders.
pub(crate) fn folders() -> Folders {
    Folders::from_environment(&|name| std::env::var_os(name).map(PathBuf::from))
}

/// The same for a zone: what is built in the sandbox is kept apart from what is built on SmartOS.
pub(crate) fn folders_of(zone: &ZoneFile) -> Folders {
    match zone.host {
        Some(HostSpec::Sandbox) => folders().with_packages_of("sandbox"),
        Some(HostSpec::Ssh(_)) | None => folders(),
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Writes to standard error why a command failed.
pub(crate) fn complain(failure: &Failure, global: &Global) {
    eprint!("{}", plain::colored(&failure.text(global)));
}

/// Writes an answer to standard output.
pub(crate) fn answer(text: &str) {
    write_out(&plain::colored(text));
}

pub(crate) fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // what is under way goes on; the exit status tells
        let _ = UNWRITTEN.set(error);
    }
}

/// Writes one JSON document with its schema's name first.
pub(crate) fn answer_json(schema: &str, mut document: serde_json::Value) {
    if let Some(map) = document.as_object_mut() {
        map.shift_insert(
            0,
            "schema".to_owned(),
            format!("zonewright/{schema}/v1").into(),
        );
    }
    write_out(&plain::json(&format!("{document:#}\n")));
}
