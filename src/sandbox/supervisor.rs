//! The background process that holds a sandbox's mounts and zones. One per state folder.
//!
//! It ends when its last zone is gone, and everything ends with it: its mounts live in a namespace
//! that no other process shares, and a zone's launcher watches a pipe to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use crate::causes::in_one_line;
use crate::sandbox::control::{Reply, Request, ZONE_SOCKET, receive, send};
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::fault::{Deed, Fault, Faults, Watched};
use crate::sandbox::forward::Forwarder;
use crate::sandbox::image;
use crate::sandbox::inside::REBOOT;
use crate::sandbox::zfs::{Owner, Zfs};
use crate::sandbox::zone::{self, Ground, Zone};
use crate::sandbox::{Access, ZoneState, keys, layer, mounts, paths, platform};

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
    zones: Mutex<BTreeMap<String, Slot>>,
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
        known_hosts: Mutex::default(),
        is_ending: AtomicBool::new(false),
        answering: AtomicUsize::new(0),
    });
    supervisor.accept(&listener);
    supervisor
        .ground
        .zfs
        .end(zones_on_disk(state)?.is_empty())?;
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
            Request::Storage(asked) => {
                Ok(self.ground.zfs.answer(Owner::Global, true, &asked, &stream))
            }
            Request::Show { .. } | Request::Ran(_) | Request::Reached { .. } => {
                Ok(Reply::Refused("only a zone can ask that".into()))
            }
        };
        let reply = outcome.unwrap_or_else(|error| {
            let text = in_one_line(&error);
            eprintln!("{text}");
            Reply::Refused(text)
        });
        let _ = send(&mut stream, &reply);
    }

    fn up(self: &Arc<Self>, alias: &str, with_disk: bool) -> Result<Reply, SandboxError> {
        zone::check_alias(alias)?;
        let Some(slot) = self.slot(alias) else {
            return Ok(Reply::Ending);
        };
        let mut held = settled(&slot);
        if !self.is_current(alias, &slot) {
            drop(held);
            return self.up(alias, with_disk);
        }
        if let Some(zone) = held.as_ref() {
            return Ok(Reply::Access(self.access(zone)));
        }
        let started =
            Forwarder::open().and_then(|forwarder| self.start(&slot, alias, with_disk, forwarder));
        match started {
            Ok(zone) => {
                let access = self.access(&zone);
                *held = Some(zone);
                drop(held);
                self.prepare_next();
                Ok(Reply::Access(access))
            }
            Err(error) => {
                self.forget(alias, &slot);
                Err(error)
            }
        }
    }

    /// Arms faults in a zone that runs.
    fn arm(
        &self,
        alias: &str,
        disarms: bool,
        faults: &[String],
        counts_scripts: bool,
    ) -> Result<Reply, SandboxError> {
        let faults: Result<Vec<Fault>, _> = faults.iter().map(|fault| fault.parse()).collect();
        let faults = faults.map_err(|error| SandboxError::Refused(error.to_string()))?;
        let slot = self.lock_zones().get(alias).cloned().unwrap_or_default();
        let mut held = settled(&slot);
        let zone = held
            .as_mut()
            .ok_or_else(|| SandboxError::NotRunning(alias.to_owned()))?;
        let armed = Arc::clone(&zone.forwarder.faults);
        if disarms {
            armed.disarm()?;
        }
        armed.arm(&faults, counts_scripts)?;
        if !armed.is_crashing() {
            zone.lay_shims(&self.ground)?;
        }
        drop(held);
        // A zone that was struck down at once is up again when this is answered.
        drop(settled(&slot));
        Ok(Reply::Done)
    }

    /// The place of a zone, made if there is none; none at all when the supervisor is ending.
    /// Whoever needs both locks takes the slot's before the one of all zones.
    fn slot(&self, alias: &str) -> Option<Slot> {
        let mut zones = self.lock_zones();
        let is_ending = self.is_ending.load(Ordering::SeqCst);
        (!is_ending).then(|| Arc::clone(zones.entry(alias.to_owned()).or_default()))
    }

    fn is_current(&self, alias: &str, slot: &Slot) -> bool {
        self.lock_zones()
            .get(alias)
            .is_some_and(|s| Arc::ptr_eq(s, slot))
    }

    /// Starts a zone and everything that watches it.
    fn start(
        self: &Arc<Self>,
        slot: &Slot,
        alias: &str,
        with_disk: bool,
        forwarder: Forwarder,
    ) -> Result<Zone, SandboxError> {
        let (zone, launcher) = Zone::start(&self.ground, alias, with_disk, forwarder)?;
        self.watch(slot, &zone, launcher);
        let ready = self
            .listen_in(slot, &zone)
            .and_then(|()| self.note_keys(&zone))
            .and_then(|()| zone.lay_shims(&self.ground))
            .and_then(|()| zone.limit_disk());
        if let Err(error) = ready {
            zone.halt();
            return Err(error);
        }
        zone.forwarder.faults.settle(zone.init);
        Ok(zone)
    }

    /// Waits for the end of a zone's processes; a zone that asked for it is started again.
    fn watch(self: &Arc<Self>, slot: &Slot, zone: &Zone, mut launcher: Child) {
        let (this, slot, ended) = (Arc::clone(self), Arc::clone(slot), Arc::clone(&zone.ended));
        std::thread::spawn(move || {
            let status = launcher.wait().ok().and_then(|s| s.code()).unwrap_or(-1);
            ended.set(status);
            let mut held = lock(&slot);
            let is_same = held
                .as_ref()
                .is_some_and(|zone| Arc::ptr_eq(&zone.ended, &ended));
            let Some(zone) = held.take_if(|_| is_same) else {
                return;
            };
            let faults = Arc::clone(&zone.forwarder.faults);
            let is_crash = faults.unsettle();
            zone.halt();
            eprintln!("zone `{}` ended with status {status}", zone.alias);
            if status == REBOOT || is_crash {
                let (alias, with_disk) = (zone.alias.clone(), zone.record.with_disk);
                match this.start(&slot, &alias, with_disk, zone.forwarder) {
                    Ok(zone) => *held = Some(zone),
                    Err(error) => eprintln!("{}", in_one_line(&error)),
                }
                faults.give_up();
            }
        });
    }

    /// Answers the zone's own requests, on a socket at its root.
    fn listen_in(self: &Arc<Self>, slot: &Slot, zone: &Zone) -> Result<(), SandboxError> {
        let root = zone.root();
        let name = ZONE_SOCKET.trim_start_matches('/');
        let _ = fs::remove_file(root.join(name));
        let folder = File::open(&root).map_err(file("open", &root))?;
        let listener = UnixListener::bind(paths::short(&folder, name))
            .map_err(file("listen on", root.join(name)))?;
        // Any user's command may tell that it is about to run.
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o666))
            .map_err(file("change", root.join(name)))?;
        listener
            .set_nonblocking(true)
            .map_err(file("listen on", root.join(name)))?;
        let faults = Arc::clone(&zone.forwarder.faults);
        let (this, slot, ended) = (Arc::clone(self), Arc::clone(slot), Arc::clone(&zone.ended));
        std::thread::spawn(move || {
            use std::os::fd::AsFd;
            while !ended.is_set() {
                let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
                if poll(&mut waiting, PollTimeout::from(500u16)).is_ok_and(|n| n > 0)
                    && let Ok((stream, _)) = listener.accept()
                {
                    let (this, slot) = (Arc::clone(&this), Arc::clone(&slot));
                    let faults = Arc::clone(&faults);
                    std::thread::spawn(move || this.answer_zone(&slot, &faults, stream));
                }
            }
        });
        Ok(())
    }

    fn answer_zone(&self, slot: &Slot, faults: &Faults, mut stream: UnixStream) {
        let is_timed = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_read_timeout(Some(REQUEST_WITHIN)));
        let Ok(request) = is_timed.and_then(|()| receive::<Request>(&stream)) else {
            return;
        };
        let Ok(peer) = getsockopt(&stream, PeerCredentials) else {
            return;
        };
        let outcome = match request {
            Request::Show { packages } if peer.uid() == 0 => self.show(slot, &packages),
            Request::Storage(asked) => {
                let Some(owner) = owner_of(slot) else {
                    return;
                };
                let (zfs, is_root) = (&self.ground.zfs, peer.uid() == 0);
                Ok(zfs.answer(owner, is_root, &asked, &stream))
            }
            Request::Ran(ran) => {
                let (deed, trap) = faults.ran(&ran, peer.pid());
                Ok(Reply::Deed { deed, trap })
            }
            Request::Reached { script, is_end } => Ok(Reply::Deed {
                deed: faults.reached(script, is_end),
                trap: None,
            }),
            _ => Ok(Reply::Refused("a zone cannot ask that".into())),
        };
        let reply = outcome.unwrap_or_else(|error| Reply::Refused(in_one_line(&error)));
        let is_sent = send(&mut stream, &reply).is_ok();
        if is_sent
            && matches!(
                reply,
                Reply::Deed {
                    deed: Deed::Hang,
                    ..
                }
            )
        {
            faults.keep_hanging(stream);
        }
    }

    /// Layers are made before the zone is locked: a download must not keep others from asking
    /// about it.
    fn show(&self, slot: &Slot, packages: &[String]) -> Result<Reply, SandboxError> {
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        layer::ensure(&self.ground.image, &names)?;
        match lock(slot).as_mut() {
            Some(zone) => zone.show(&self.ground, packages).map(|()| Reply::Done),
            None => Ok(Reply::Refused("the zone is not running".into())),
        }
    }

    /// Destroys one zone or all; the supervisor ends with its last.
    fn down(&self, alias: Option<&str>) -> Result<Reply, SandboxError> {
        let mut names: Vec<String> = match alias {
            Some(alias) => vec![alias.to_owned()],
            None => zones_on_disk(&self.ground.state)?,
        };
        names.extend(
            self.lock_zones()
                .keys()
                .filter(|_| alias.is_none())
                .cloned(),
        );
        names.sort();
        names.dedup();
        let mut gone = Vec::new();
        for name in names {
            let slot = self.lock_zones().get(&name).cloned().unwrap_or_default();
            let mut held = lock(&slot);
            if let Some(zone) = held.take() {
                zone.halt();
            }
            if zone::folder(&self.ground.state).join(&name).is_dir() {
                zone::destroy(&self.ground.state, &name)?;
                gone.push(name.clone());
            }
            self.forget(&name, &slot);
        }
        let is_last = self.is_ending.load(Ordering::SeqCst);
        Ok(Reply::Gone {
            names: gone,
            is_last,
        })
    }

    fn list(&self) -> Result<Vec<ZoneState>, SandboxError> {
        let slots = self.lock_zones().clone();
        let mut states = Vec::new();
        for alias in zones_on_disk(&self.ground.state)? {
            let held = slots.get(&alias).map(settled);
            match held.as_ref().and_then(|h| h.as_ref()) {
                Some(zone) => states.push(ZoneState {
                    alias,
                    uuid: zone.record.uuid.clone(),
                    packages: zone.record.packages.clone(),
                    access: Some(self.access(zone)),
                    init: Some(zone.init.as_raw()),
                    watched: zone.forwarder.faults.watched(),
                }),
                None => states.extend(stopped(&self.ground.state, &alias)?),
            }
        }
        Ok(states)
    }

    /// Forgets a zone that does not run, while its slot is locked; without zones there is no
    /// reason to live.
    fn forget(&self, alias: &str, slot: &Slot) {
        if self.is_current(alias, slot) {
            let mut known = self
                .known_hosts
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            known.remove(alias);
            if let Err(error) = write_known_hosts(&self.ground.state, &known) {
                eprintln!("{}", in_one_line(&error));
            }
            self.lock_zones().remove(alias);
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
        known.insert(zone.alias.clone(), lines);
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

    fn lock_zones(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Zone>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who the running zone is for the pool.
fn owner_of(slot: &Slot) -> Option<Owner> {
    let held = lock(slot);
    held.as_ref()
        .map(|zone| Owner::Zone(zone.record.uuid.clone()))
}

/// The same once a zone that a fault struck down is up again.
fn settled(slot: &Slot) -> MutexGuard<'_, Option<Zone>> {
    loop {
        let held = lock(slot);
        let is_crashing = |zone: &Zone| zone.forwarder.faults.is_crashing();
        if !held.as_ref().is_some_and(is_crashing) {
            return held;
        }
        drop(held);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The zones that a state folder holds, running or not.
pub(crate) fn zones_on_disk(state: &Path) -> Result<Vec<String>, SandboxError> {
    let folder = zone::folder(state);
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(file("list", &folder))?,
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// What is known of a zone that does not run.
pub(crate) fn stopped(state: &Path, alias: &str) -> Result<Option<ZoneState>, SandboxError> {
    let record = zone::record(state, alias)?;
    Ok(record.map(|record| ZoneState {
        alias: alias.to_owned(),
        uuid: record.uuid,
        packages: record.packages,
        access: None,
        init: None,
        watched: Watched::default(),
    }))
}

fn write_known_hosts(state: &Path, known: &BTreeMap<String, String>) -> Result<(), SandboxError> {
    let text: String = known.values().map(String::as_str).collect();
    paths::replace(&state.join("known_hosts"), text.as_bytes())
}
