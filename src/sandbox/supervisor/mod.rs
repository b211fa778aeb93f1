//! The background process that holds a sandbox's mounts and zones. One per state folder.
//!
//! It ends when its last zone is gone, and everything ends with it: its mounts live in a namespace
//! that no other process shares, and a zone's launcher watches a pipe to it.

mod first_boot;
mod global;
mod login;
mod machines;
mod records;
mod requests;
mod snapshots;
mod storage;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::causes::in_one_line;
use crate::sandbox::control::{Reply, Request, receive, send};
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::image;
use crate::sandbox::vm::machine::Machine;
use crate::sandbox::zfs::{Owner, Zfs};
use crate::sandbox::zone::{Ground, Zone};
use crate::sandbox::{Access, keys, mounts, paths, platform};

pub(crate) use records::{Host, on_disk, remove};

/// The socket's name in the state folder.
pub(crate) const SOCKET: &str = "control.sock";
/// Held by the supervisor as long as it lives.
pub(crate) const LOCK: &str = "supervisor.lock";
/// What the supervisor says.
pub(crate) const LOG: &str = "supervisor.log";

/// How long a supervisor without zones waits for its first.
const IDLE: u16 = 60_000;

/// How long a client may take to say what it wants.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

type Slot = Arc<Mutex<Option<Zone>>>;

/// Everything the supervisor's threads share.
struct Supervisor {
    ground: Ground,
    /// The places of zones by uuid, and the global zone's.
    zones: Mutex<BTreeMap<String, Slot>>,
    /// The records of all machines by uuid. Never held while another lock is waited for.
    machines: Mutex<BTreeMap<String, Machine>>,
    /// Held while datasets of machines and images are looked for and made, or destroyed.
    making: Mutex<()>,
    /// Our own machines whose first boot this process waits for.
    coming_up: Mutex<BTreeSet<String>>,
    /// What the host has beside machines.
    host: Mutex<Host>,
    /// The number of the next zone that boots.
    next_zone: AtomicU32,
    /// How often the host crashed.
    crashes: AtomicU32,
    known_hosts: Mutex<BTreeMap<String, String>>,
    is_ending: AtomicBool,
    /// Requests that are being answered.
    answering: AtomicUsize,
}

/// Serves until the last zone is gone. Called in a process that has one thread.
pub(crate) fn serve(state: &Path, cache: &Path, binary: &Path) -> Result<(), SandboxError> {
    let lock_path = state.join(LOCK);
    let lock = File::create(&lock_path).map_err(file("make", &lock_path))?;
    let Ok(_alone) = Flock::lock(lock, FlockArg::LockExclusiveNonblock) else {
        return Ok(());
    };
    mounts::enter_private_mounts()?;
    let image = image::import(cache, &mut |_| {})?;
    std::env::set_current_dir(&image.folder).map_err(file("enter", &image.folder))?;
    let platform = platform::ensure(&image, binary)?;
    keys::client_key(&image, state)?;
    let listener = listen(state)?;
    let supervisor = Arc::new(Supervisor {
        ground: Ground {
            state: state.to_path_buf(),
            zfs: Zfs::new(state, &image),
            image,
            platform,
            binary: binary.to_path_buf(),
        },
        zones: Mutex::default(),
        machines: Mutex::new(records::machines(state)?),
        making: Mutex::default(),
        coming_up: Mutex::default(),
        host: Mutex::new(records::host(state)?),
        next_zone: AtomicU32::new(1),
        crashes: AtomicU32::new(0),
        known_hosts: Mutex::default(),
        is_ending: AtomicBool::new(false),
        answering: AtomicUsize::new(0),
    });
    supervisor.accept(&listener);
    supervisor.ground.zfs.end(on_disk(state)?.is_empty())?;
    let socket = state.join(SOCKET);
    fs::remove_file(&socket).map_err(file("remove", &socket))
}

fn listen(state: &Path) -> Result<UnixListener, SandboxError> {
    let socket = state.join(SOCKET);
    match fs::remove_file(&socket) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(file("remove", socket)(e));
        }
        _ => {}
    }
    let folder = File::open(state).map_err(file("open", state))?;
    UnixListener::bind(paths::short(&folder, SOCKET)).map_err(file("listen on", &socket))
}

impl Supervisor {
    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        use std::os::fd::AsFd;
        loop {
            let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            let is_asked = poll(&mut waiting, PollTimeout::from(IDLE)).is_ok_and(|n| n > 0);
            let is_unused = !is_asked && self.lock_zones().is_empty();
            if is_unused || self.is_ending.load(Ordering::SeqCst) {
                return self.finish_answers();
            }
            let Ok((stream, _)) = listener.accept() else {
                continue;
            };
            self.answering.fetch_add(1, Ordering::SeqCst);
            let this = Arc::clone(self);
            std::thread::spawn(move || {
                this.answer(stream);
                this.answering.fetch_sub(1, Ordering::SeqCst);
                if this.is_ending.load(Ordering::SeqCst) {
                    this.wake();
                }
            });
        }
    }

    /// Whoever asked hears the answer before the process ends.
    fn finish_answers(&self) {
        while self.answering.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Makes `accept` look whether it is time to end.
    fn wake(&self) {
        if let Ok(folder) = File::open(&self.ground.state) {
            let _ = UnixStream::connect(paths::short(&folder, SOCKET));
        }
    }

    fn answer(self: &Arc<Self>, mut stream: UnixStream) {
        let Ok(()) = stream.set_read_timeout(Some(REQUEST_WITHIN)) else {
            return;
        };
        let Ok(request) = receive::<Request>(&stream) else {
            return;
        };
        let outcome = match request {
            Request::Up { alias, with_disk } => self.up(&alias, with_disk),
            Request::Arm {
                alias,
                disarms,
                faults,
                counts_scripts,
            } => self.arm(&alias, disarms, &faults, counts_scripts),
            Request::Down { alias } => self.down(alias.as_deref()),
            Request::List => self.list().map(Reply::Zones),
            Request::Host => self.up_global(),
            Request::Storage(asked) => {
                Ok(self.ground.zfs.answer(Owner::Global, true, &asked, &stream))
            }
            _ => Ok(Reply::Refused("only a zone can ask that".into())),
        };
        let reply = outcome.unwrap_or_else(|error| {
            let text = in_one_line(&error);
            eprintln!("{text}");
            Reply::Refused(text)
        });
        let _ = send(&mut stream, &reply);
    }

    /// Forgets a zone that does not run, while its slot is locked; without zones there is no
    /// reason to live.
    fn forget(&self, key: &str, slot: &Slot) {
        if self.is_current(key, slot) {
            let mut known = self
                .known_hosts
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            known.remove(key);
            if let Err(error) = write_known_hosts(&self.ground.state, &known) {
                eprintln!("{}", in_one_line(&error));
            }
            self.lock_zones().remove(key);
        }
        let zones = self.lock_zones();
        if zones.is_empty() {
            self.is_ending.store(true, Ordering::SeqCst);
        }
    }

    fn note_keys(&self, zone: &Zone) -> Result<(), SandboxError> {
        let lines = zone.known_hosts()?;
        let mut known = self
            .known_hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert(zone.place.key.clone(), lines);
        write_known_hosts(&self.ground.state, &known)
    }

    fn access(&self, zone: &Zone) -> Access {
        Access {
            address: zone.forwarder.address,
            ssh_port: zone.forwarder.ssh_port,
            afp_port: zone.forwarder.afp_port,
            user: "root".into(),
            identity: self.ground.state.join("id_ed25519"),
            known_hosts: self.ground.state.join("known_hosts"),
            uuid: zone.record.uuid.clone(),
        }
    }

    fn prepare_next(&self) {
        let (image, state) = (self.ground.image.clone(), self.ground.state.clone());
        std::thread::spawn(move || {
            if let Err(error) = keys::make_spare(&image, &state) {
                eprintln!("{}", in_one_line(&error));
            }
        });
    }

    fn lock_machines(&self) -> MutexGuard<'_, BTreeMap<String, Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_making(&self) -> MutexGuard<'_, ()> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_coming_up(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.coming_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_zones(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_known_hosts(state: &Path, known: &BTreeMap<String, String>) -> Result<(), SandboxError> {
    let text: String = known.values().map(String::as_str).collect();
    paths::replace(&state.join("known_hosts"), text.as_bytes())
}
