//! The pool `zones`: real ZFS by a private zfs-fuse daemon, with illumos' `zfs` and `zpool` in front.
//!
//! A zone's root is no dataset here: it lies on an overlay, which FUSE cannot carry. `zones/UUID` and
//! `zones/IMAGE` exist all the same, with their properties and limits, but are mounted nowhere; what
//! is delegated to a zone, and whatever else is made in the pool, is really there. The commands
//! decide over what the pool holds and ask zfs-fuse only for what it can do; mounting is done here,
//! into the roots of the zones that run.

mod asker;
mod client;
mod command;
mod daemon;
mod format;
mod model;
mod mounting;
mod names;
mod perform;
mod streams;
mod tools;
mod zpool;

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::causes::in_one_line;
use crate::sandbox::Progress;
use crate::sandbox::control::Reply;
use crate::sandbox::error::SandboxError;
use crate::sandbox::image::Image;
use crate::sandbox::smf::answer::Answer;

use asker::Asker;
use daemon::{POOL, Place};
use model::{Dataset, Datasets, HIDDEN, UNMOUNTED};
use mounting::Mounted;

pub use asker::Owner;
pub use client::{COMMANDS, in_global_zone};

/// How often a daemon that ends by itself is started again.
const RESTARTS: u32 = 5;

/// What the emulated commands ask the supervisor for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Asked {
    /// `zfs` or `zpool`.
    pub program: String,
    /// What follows it.
    pub words: Vec<String>,
}

/// The pool of a supervisor.
#[derive(Debug)]
pub struct Zfs {
    place: Place,
    image: Image,
    inner: Mutex<Inner>,
    /// The roots of the zones that run. Locked for moments only.
    roots: Mutex<BTreeMap<Owner, PathBuf>>,
}

#[derive(Debug, Default)]
struct Inner {
    daemon: Option<Running>,
    /// Why there is none and none can be.
    failure: Option<String>,
    restarts: u32,
    mounts: Vec<Mounted>,
    /// Makes each folder that a file system is mounted at first another one.
    count: u64,
}

#[derive(Debug)]
struct Running {
    process: Pid,
    is_stopping: Arc<AtomicBool>,
    ended: mpsc::Receiver<()>,
}

impl Zfs {
    /// A pool that is not started yet. The process is in the image's folder, in a mount namespace
    /// of its own.
    pub fn new(state: &Path, image: &Image) -> Arc<Self> {
        Arc::new(Self {
            place: Place::of(state),
            image: image.clone(),
            inner: Mutex::default(),
            roots: Mutex::default(),
        })
    }

    /// Fetches zfs-fuse where it is missing and could run, with progress; it is not started.
    ///
    /// # Errors
    ///
    /// When it cannot be downloaded or unpacked.
    pub fn prepare(image: &Image, progress: &mut dyn FnMut(Progress)) -> Result<(), SandboxError> {
        match daemon::obstacle() {
            Some(_) => Ok(()),
            None => tools::ensure(image, progress).map(drop),
        }
    }

    /// Starts the daemon where it does not run, takes up the pool or makes it, and mounts what
    /// belongs into the zones that were attached. What stands against it is kept: the next call
    /// says it at once.
    pub fn start(self: &Arc<Self>) -> Result<(), SandboxError> {
        self.ready(&mut self.lock())
    }

    fn ready(self: &Arc<Self>, inner: &mut Inner) -> Result<(), SandboxError> {
        if inner.daemon.is_some() {
            return Ok(());
        }
        if let Some(obstacle) = daemon::obstacle() {
            return Err(SandboxError::NoPool(obstacle.into()));
        }
        if let Some(failure) = &inner.failure {
            return Err(SandboxError::NoPool(failure.clone()));
        }
        let started = self.start_daemon().and_then(|running| {
            let listening = self.place.wait_until_listening(running.process);
            let opened = listening.and_then(|()| self.place.open_pool());
            opened.map(|()| running)
        });
        match started {
            Ok(running) => {
                inner.daemon = Some(running);
                let datasets = self.datasets()?;
                let owners: Vec<Owner> = self.lock_roots().keys().cloned().collect();
                for owner in owners {
                    self.mount_all(inner, &datasets, &owner);
                }
                Ok(())
            }
            Err(error) => {
                let failure = inner.failure.insert(in_one_line(&error));
                eprintln!("no ZFS: {failure}");
                Err(SandboxError::NoPool(failure.clone()))
            }
        }
    }

    fn start_daemon(self: &Arc<Self>) -> Result<Running, SandboxError> {
        let tools = daemon::tools(&self.image)?;
        self.place.mount(&tools)?;
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (started, first) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (this, stopping) = (Arc::clone(self), Arc::clone(&is_stopping));
        // The daemon dies with the thread that started it, which therefore waits for its end.
        std::thread::spawn(move || {
            let mut child = match this.place.spawn() {
                Ok(child) => child,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            let process = Pid::from_raw(child.id().try_into().unwrap_or(i32::MAX));
            let _ = started.send(Ok(process));
            let _ = child.wait();
            let _ = end.send(());
            if !stopping.load(Ordering::SeqCst) {
                this.recover(process);
            }
        });
        let process = first.recv().map_err(|_| SandboxError::Malformed {
            what: "the pool's keeper",
            said: "it ended".into(),
        })??;
        Ok(Running {
            process,
            is_stopping,
            ended,
        })
    }

    /// A daemon that was killed is started again, and what was mounted is mounted again.
    fn recover(self: &Arc<Self>, process: Pid) {
        let mut inner = self.lock();
        if inner
            .daemon
            .as_ref()
            .is_none_or(|daemon| daemon.process != process)
        {
            return;
        }
        eprintln!("zfs-fuse ended by itself; it is started again");
        inner.daemon = None;
        let mounted: Vec<String> = inner.mounts.iter().map(|m| m.dataset.clone()).collect();
        mounting::drop_all(&mut inner.mounts, |_| true);
        inner.restarts += 1;
        if inner.restarts > RESTARTS {
            inner.failure = Some("zfs-fuse ends again and again".into());
            return;
        }
        let again = self.ready(&mut inner).and_then(|()| self.datasets());
        match again {
            Ok(datasets) => {
                for name in mounted {
                    let dataset = datasets.find(&name);
                    let wrong = dataset.and_then(|d| self.mount_one(&mut inner, d, true).err());
                    wrong.iter().for_each(|line| eprintln!("{line}"));
                }
            }
            Err(error) => eprintln!("{}", in_one_line(&error)),
        }
    }

    /// Ends the daemon. The pool goes with it, or stays for the next start.
    pub fn end(&self, is_removed: bool) -> Result<(), SandboxError> {
        let mut inner = self.lock();
        mounting::drop_all(&mut inner.mounts, |_| true);
        if !is_removed
            && inner.daemon.is_some()
            && let Err(error) = self.place.real("zpool", &["export", "-f", POOL])
        {
            eprintln!("{}", in_one_line(&error));
        }
        self.kill(&mut inner);
        if is_removed {
            self.place.remove()
        } else {
            Ok(())
        }
    }

    fn kill(&self, inner: &mut Inner) {
        if let Some(daemon) = inner.daemon.take() {
            daemon.is_stopping.store(true, Ordering::SeqCst);
            let _ = kill(daemon.process, Signal::SIGKILL);
            let _ = daemon.ended.recv();
        }
        self.place.unmount();
    }

    /// Everything in the pool.
    fn datasets(&self) -> Result<Datasets, SandboxError> {
        let get = |what: &str| {
            let words = [
                "get",
                "-rHp",
                "-o",
                "name,property,value,source",
                what,
                POOL,
            ];
            self.place.real("zfs", &words)
        };
        let (all, hidden) = (get("all")?, get("createtxg,guid")?);
        Datasets::parse(
            &String::from_utf8_lossy(&all.stdout),
            &String::from_utf8_lossy(&hidden.stdout),
        )
    }

    fn lock_roots(&self) -> MutexGuard<'_, BTreeMap<Owner, PathBuf>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the pool of a sandbox without a supervisor.
pub(crate) fn remove_pool(state: &Path) -> Result<(), SandboxError> {
    Place::of(state).remove()
}

/// A file system or snapshot, as the supervisor asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its whole name.
    pub name: String,
    /// Its properties with exact values, as `zfs get -p all` prints them.
    pub properties: BTreeMap<String, String>,
    /// Where it is mounted, and in whose root.
    pub mounted: Option<(Owner, String)>,
}

/// What the supervisor itself does with the pool, as the global zone's root would.
impl Zfs {
    /// Runs `zfs` with these words; anything but status 0 is an error with what it said.
    pub fn run(self: &Arc<Self>, words: &[&str]) -> Result<String, SandboxError> {
        let asker = Asker {
            owner: Owner::Global,
            is_root: true,
        };
        let asked = Asked {
            program: "zfs".into(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        self.start()?;
        let answer = self.command(&asker, &asked);
        if answer.code == 0 {
            return Ok(answer.out);
        }
        Err(SandboxError::Failed {
            command: format!("zfs {}", words.first().unwrap_or(&"")),
            status: answer.code.to_string(),
            said: answer.err.trim_end().to_owned(),
        })
    }

    /// Makes a file system.
    pub fn create(
        self: &Arc<Self>,
        name: &str,
        properties: &[(&str, &str)],
    ) -> Result<(), SandboxError> {
        let pairs: Vec<String> = properties
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let options = pairs.iter().flat_map(|pair| ["-o", pair]);
        let words: Vec<&str> = ["create"]
            .into_iter()
            .chain(options)
            .chain([name])
            .collect();
        self.run(&words).map(drop)
    }

    /// Makes the dataset of a zone or an image, `zones/UUID`: its files lie on an overlay, so it is
    /// mounted nowhere.
    pub fn create_unmounted(
        self: &Arc<Self>,
        uuid: &str,
        properties: &[(&str, &str)],
    ) -> Result<(), SandboxError> {
        let pairs = properties
            .iter()
            .flat_map(|(name, value)| command::real_pairs(name, value))
            // Told before anybody can mount it.
            .chain([format!("{UNMOUNTED}=on")]);
        let options: Vec<String> = pairs.flat_map(|pair| ["-o".to_owned(), pair]).collect();
        let name = format!("{POOL}/{uuid}");
        let mut words = vec!["create"];
        words.extend(options.iter().map(String::as_str));
        words.push(&name);
        let mut inner = self.lock();
        self.ready(&mut inner)?;
        self.place.real("zfs", &words).map(drop)
    }

    /// Makes `zones/UUID/data` and delegates it: it is there in the running zone at once.
    pub fn delegate(
        self: &Arc<Self>,
        uuid: &str,
        properties: &[(&str, &str)],
    ) -> Result<(), SandboxError> {
        let mut all = properties.to_vec();
        all.push(("zoned", "on"));
        self.create(&format!("{POOL}/{uuid}/data"), &all)
    }

    /// Destroys a file system with everything below it, and its clones.
    pub fn destroy(self: &Arc<Self>, name: &str) -> Result<(), SandboxError> {
        self.run(&["destroy", "-fR", name]).map(drop)
    }

    /// Gives a file system another name.
    pub fn rename(self: &Arc<Self>, from: &str, to: &str) -> Result<(), SandboxError> {
        self.run(&["rename", from, to]).map(drop)
    }

    /// Sets properties.
    pub fn set(
        self: &Arc<Self>,
        name: &str,
        properties: &[(&str, &str)],
    ) -> Result<(), SandboxError> {
        for (property, value) in properties {
            self.run(&["set", &format!("{property}={value}"), name])?;
        }
        Ok(())
    }

    /// Whether there is a pool at all, running or not.
    pub fn has_pool(&self) -> bool {
        self.place.has_pool()
    }

    /// Everything in the pool.
    pub fn list(self: &Arc<Self>) -> Result<Vec<Listed>, SandboxError> {
        self.start()?;
        let inner = self.lock();
        let datasets = self.datasets()?;
        Ok(datasets
            .0
            .iter()
            .map(|dataset| listed(&inner, dataset))
            .collect())
    }
}

fn listed(inner: &Inner, dataset: &Dataset) -> Listed {
    let shown = dataset
        .properties
        .iter()
        .filter(|p| !p.name.starts_with(HIDDEN));
    let mounted = inner
        .mounts
        .iter()
        .find(|mounted| mounted.dataset == dataset.name);
    Listed {
        name: dataset.name.clone(),
        properties: shown.map(|p| (p.name.clone(), p.value.clone())).collect(),
        mounted: mounted.map(|mounted| (mounted.owner.clone(), mounted.path.clone())),
    }
}

/// What is asked for by the emulated commands.
impl Zfs {
    /// Answers one command. `send` and `receive` get the asker's own streams, which it sends after
    /// the go-ahead.
    pub(crate) fn answer(
        self: &Arc<Self>,
        owner: Owner,
        is_root: bool,
        asked: &Asked,
        stream: &UnixStream,
    ) -> Reply {
        let asker = Asker { owner, is_root };
        if let Err(error) = self.start() {
            return said(unavailable(&error));
        }
        let is_stream = asked.program == "zfs"
            && asked
                .words
                .first()
                .is_some_and(|word| client::STREAMING.contains(&word.as_str()));
        let answer = if is_stream {
            self.stream(&asker, asked, stream)
        } else {
            self.command(&asker, asked)
        };
        said(answer)
    }
}

fn said(answer: Answer) -> Reply {
    Reply::Said {
        out: answer.out,
        err: answer.err,
        code: answer.code,
    }
}

/// What the commands say where there can be no daemon. The first line is illumos' own.
fn unavailable(error: &SandboxError) -> Answer {
    let mut answer = Answer::failure(1, "internal error: failed to initialize ZFS library");
    answer.complain(in_one_line(error));
    answer
}
