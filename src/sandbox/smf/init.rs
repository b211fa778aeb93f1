//! Process 1 of a sandbox zone: the repository, the restarter, and the reaping of orphans.
//!
//! On SmartOS these are three processes (`init`, `svc.configd`, `svc.startd`). Here one holds all:
//! a zone has to be there within a few hundredths of a second.

use super::answer::words;
use super::contract;
use super::door::{Reply, Request};
use super::paths::Paths;
use super::platform::{self, System};
use super::restarter::Restarter;
use super::store;
use crate::sandbox::userland;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::wait::wait;
use nix::unistd::geteuid;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

/// The longest a zone takes to stop its services.
const SHUTDOWN: Duration = Duration::from_secs(20);

/// What keeps process 1 from its work.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A folder or the socket cannot be made.
    #[error("cannot prepare `{path}`")]
    Prepare {
        /// The path.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The repository's file is damaged.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The folder of contracts cannot be made.
    #[error(transparent)]
    Contract(#[from] contract::ContractError),
}

/// Runs as process 1 until it is told to stop.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    if !words(arguments).is_empty() {
        eprintln!("init: arguments are not emulated in a sandbox zone");
        return super::answer::NOT_EMULATED;
    }
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGPWR);
    // Blocked before the first thread exists, so that every thread inherits it.
    if let Err(errno) = signals.thread_block() {
        eprintln!("init: cannot block signals: {errno}");
        return 1;
    }
    match boot(&Paths::zone()) {
        Ok(restarter) => {
            thread::spawn(reap);
            while let Err(errno) = signals.wait() {
                eprintln!("init: {errno}");
            }
            restarter.shut_down(SHUTDOWN);
            0
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            eprintln!("init: {error}{}", cause.unwrap_or_default());
            1
        }
    }
}

/// Reaps whatever process 1 inherits. The owners of contracts learn nothing from wait statuses.
fn reap() {
    loop {
        if wait().is_err() {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Prepares the folders, opens the door and starts the services; returns at once.
pub fn boot(paths: &Paths) -> Result<Restarter, InitError> {
    for folder in [
        "/etc/svc/volatile",
        "/var/svc/log",
        "/var/svc/manifest/site",
        "/run/sshd",
    ] {
        make_folder(paths, folder)?;
    }
    contract::reset(paths)?;
    let repository = match store::load(paths)? {
        Some(repository) => repository,
        None => platform::seed(system(paths)?),
    };
    let restarter = Restarter::new(paths.clone(), repository);
    let listener = listen(paths)?;
    let server = restarter.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = server.clone();
            thread::spawn(move || {
                // A client that goes away in the middle has no use for the reply.
                drop(serve(&server, stream));
            });
        }
    });
    restarter.settle();
    Ok(restarter)
}

/// What boots here.
fn system(paths: &Paths) -> Result<System, InitError> {
    let metadata = userland::metadata(paths.root()).map_err(|source| InitError::Prepare {
        path: userland::METADATA_FILE.to_owned(),
        source,
    })?;
    Ok(System::of(&metadata))
}

fn make_folder(paths: &Paths, folder: &str) -> Result<(), InitError> {
    fs::create_dir_all(paths.inside(folder)).map_err(|source| InitError::Prepare {
        path: folder.to_owned(),
        source,
    })
}

fn listen(paths: &Paths) -> Result<UnixListener, InitError> {
    let door = paths.door();
    let failed = |source| InitError::Prepare {
        path: door.display().to_string(),
        source,
    };
    if door.exists() {
        fs::remove_file(&door).map_err(failed)?;
    }
    let listener = UnixListener::bind(&door).map_err(failed)?;
    fs::set_permissions(&door, Permissions::from_mode(0o666)).map_err(failed)?;
    Ok(listener)
}

fn serve(restarter: &Restarter, stream: UnixStream) -> io::Result<()> {
    let peer = getsockopt(&stream, PeerCredentials)?.uid();
    let may_write = peer == 0 || peer == geteuid().as_raw();
    let mut replies = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let reply = answer(restarter, &serde_json::from_str(&line?)?, may_write);
        let mut text = serde_json::to_string(&reply)?;
        text.push('\n');
        replies.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn answer(restarter: &Restarter, request: &Request, may_write: bool) -> Reply {
    match request {
        Request::Read => {
            let (generation, repository) = restarter.read();
            Reply::Contents {
                generation,
                repository,
            }
        }
        Request::Wait {
            generation,
            milliseconds,
        } => {
            let longest = Duration::from_millis(*milliseconds);
            let (generation, repository) = restarter.wait(*generation, longest);
            Reply::Contents {
                generation,
                repository,
            }
        }
        Request::Apply(_) if !may_write => Reply::Denied,
        Request::Apply(edits) => match restarter.apply(edits) {
            Ok(messages) => Reply::Done { messages },
            Err(reason) => Reply::Refused { reason },
        },
    }
}
