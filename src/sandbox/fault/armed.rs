//! The faults that are armed in one zone: who counts towards them, and when one strikes.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::disk;
use super::kinds::{Deed, Scene};
use super::scripts::Scripts;
use super::spec::{At, Fault, When};
use crate::causes::in_one_line;
use crate::sandbox::carry::{Carried, Connections, Reach};
use crate::sandbox::error::SandboxError;

/// A command of the zone that is about to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// Its names: as it was called, and what links from there lead to.
    pub names: Vec<String>,
    /// What is to be known of it if it is a shell.
    pub shell: Option<Shell>,
}

/// A shell that is about to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shell {
    /// The client's port of the connection whose login shell it is.
    pub login: Option<u16>,
    /// Whether it only becomes another program.
    pub is_passing: bool,
    /// Whether it reads no start-up files.
    pub is_bare: bool,
}

/// A fault as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultState {
    /// How it was ordered.
    pub fault: String,
    /// How often it happened.
    pub happened: u64,
}

/// What is seen of a zone while faults are armed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The armed faults, those that happened too.
    #[serde(default)]
    pub faults: Vec<FaultState>,
    /// How many simple commands each script ran that came over SSH, in their order.
    #[serde(default)]
    pub scripts: Vec<u64>,
}

/// One armed fault.
#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// How often its moment was seen.
    seen: u64,
    happened: u64,
}

impl Armed {
    /// Whether this is the moment, of which one more was seen.
    fn is_due(&mut self, number: u64) -> bool {
        self.seen += 1;
        self.seen == number
    }
}

#[derive(Debug, Default)]
struct State {
    armed: Vec<Armed>,
    scripts: Scripts,
    is_counting: bool,
    /// Processes that hang until these ends of their connections are closed.
    hanging: Vec<UnixStream>,
    disk: Option<PathBuf>,
    /// The zone's first process, while the zone is up.
    init: Option<Pid>,
    is_crashing: bool,
    /// How long the host waits for a first boot, if not as long as always.
    patience: Option<Duration>,
    /// The commands that asked at any time.
    shimmed: BTreeSet<String>,
}

/// The faults of one zone, and the connections they act on. They outlive its reboots.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub connections: Connections,
    state: Mutex<State>,
}

impl Faults {
    /// Where the zone's disk is, if it can be filled, and where scripts are counted.
    pub fn furnish(&self, disk: Option<PathBuf>, shared: PathBuf) {
        let mut state = self.lock();
        state.disk = disk;
        state.scripts.folder = shared;
    }

    /// Notes that the zone is up.
    pub fn settle(&self, init: Pid) {
        let mut state = self.lock();
        state.init = Some(init);
        state.is_crashing = false;
    }

    /// Notes that the zone is down; whether a fault wants it to start again.
    pub fn unsettle(&self) -> bool {
        self.connections.cut(&Reach::All, 0);
        let mut state = self.lock();
        state.init = None;
        state.is_crashing
    }

    /// Whether the zone was struck down and is not up again.
    pub fn is_crashing(&self) -> bool {
        self.lock().is_crashing
    }

    /// Gives up on a zone that did not start again.
    pub fn give_up(&self) {
        self.lock().is_crashing = false;
    }

    /// Arms further faults; those that strike at once do.
    pub fn arm(&self, faults: &[Fault], counts_scripts: bool) -> Result<(), SandboxError> {
        let mut state = self.lock();
        if let Some(fault) = faults.iter().find(|fault| fault.kind.fills_disk)
            && state.disk.is_none()
        {
            return Err(SandboxError::NoDisk(fault.to_string()));
        }
        state.is_counting |= counts_scripts;
        for fault in faults {
            state.armed.push(Armed {
                fault: fault.clone(),
                seen: 0,
                happened: 0,
            });
            if fault.when == When::Now {
                let index = state.armed.len() - 1;
                self.strike(&mut state, index, Reach::All, &|| {})?;
            }
        }
        Ok(())
    }

    /// Disarms everything and mends what can be mended.
    pub fn disarm(&self) -> Result<(), SandboxError> {
        let mut state = self.lock();
        state.armed.clear();
        state.hanging.clear();
        state.is_counting = false;
        state.patience = None;
        state.scripts.forget();
        self.connections.heal();
        match &state.disk {
            Some(disk) => disk::heal(disk),
            None => Ok(()),
        }
    }

    /// How long the host of this global zone waits for a machine's first boot.
    pub fn patience(&self) -> Option<Duration> {
        self.lock().patience
    }

    /// What `list` shows.
    pub fn watched(&self) -> Watched {
        let state = self.lock();
        let faults = state.armed.iter().map(|armed| FaultState {
            fault: armed.fault.to_string(),
            happened: armed.happened,
        });
        Watched {
            faults: faults.collect(),
            scripts: state.scripts.counts(),
        }
    }

    /// The commands that must ask before they run.
    pub fn names(&self) -> BTreeSet<String> {
        let state = self.lock();
        let mut names = BTreeSet::new();
        for armed in &state.armed {
            match &armed.fault.when {
                When::Command { name, .. } => drop(names.insert(name.clone())),
                When::Script { .. } => drop(names.insert("bash".to_owned())),
                When::Connection { .. } | When::Now => {}
            }
        }
        if state.is_counting {
            names.insert("bash".to_owned());
        }
        names
    }

    /// The commands that asked at any time, these among them from now on.
    pub fn shimmed(&self, more: BTreeSet<String>) -> BTreeSet<String> {
        let mut state = self.lock();
        state.shimmed.extend(more);
        state.shimmed.clone()
    }

    /// A connection was made.
    pub fn connected(&self, carried: &Arc<Carried>) {
        let mut state = self.lock();
        // Who looks whether a starting zone is ready does not count.
        if state.init.is_none() {
            return;
        }
        let due = state.due(|when| match when {
            When::Connection { number } => Some(*number),
            _ => None,
        });
        if let Some(index) = due {
            let reach = Reach::One(Arc::clone(carried));
            let struck = self.strike(&mut state, index, reach, &|| {});
            report(struck);
        }
    }

    /// A command is about to run, as process `pid`.
    pub fn ran(&self, ran: &Ran, pid: i32) -> (Deed, Option<String>) {
        let mut state = self.lock();
        let due = state.due(|when| match when {
            When::Command { name, number } if ran.names.contains(name) => Some(*number),
            _ => None,
        });
        let mut deed = Deed::Proceed;
        if let Some(index) = due {
            deed = report(self.strike(&mut state, index, Reach::All, &|| {}));
        }
        let Some(shell) = &ran.shell else {
            return (deed, None);
        };
        if let Some(port) = shell.login {
            let before = self.script_begins(&mut state, port, pid);
            if deed == Deed::Proceed {
                deed = before;
            }
        }
        let is_its_shell = match shell.login {
            Some(_) => !shell.is_passing,
            None => shell.is_bare,
        };
        let trap = if is_its_shell && state.is_watching() {
            state.scripts.follow(pid)
        } else {
            None
        };
        (deed, trap)
    }

    fn script_begins(&self, state: &mut State, port: u16, pid: i32) -> Deed {
        if !state.is_watching() {
            return Deed::Proceed;
        }
        let mut strikes = Vec::new();
        for (index, armed) in state.armed.iter_mut().enumerate() {
            if let When::Script { number, at } = armed.fault.when
                && armed.is_due(number)
            {
                strikes.push((index, at));
            }
        }
        state.scripts.begin(port, pid, &strikes);
        let before = strikes.iter().find(|(_, at)| *at == At::Before);
        match before {
            Some((index, _)) => report(self.strike(state, *index, Reach::Port(port), &|| {})),
            None => Deed::Proceed,
        }
    }

    /// A script reached the command, or the end, at which something waits for it.
    pub fn reached(&self, script: usize, is_end: bool) -> Deed {
        let mut state = self.lock();
        let Some((index, port, done)) = state.scripts.take(script, is_end) else {
            return Deed::Proceed;
        };
        report(self.strike(&mut state, index, Reach::Port(port), &done))
    }

    /// Keeps a process waiting until everything is disarmed.
    pub fn keep_hanging(&self, stream: UnixStream) {
        self.lock().hanging.push(stream);
    }

    fn strike(
        &self,
        state: &mut State,
        index: usize,
        reach: Reach,
        before: &dyn Fn(),
    ) -> Result<Deed, SandboxError> {
        let Some(armed) = state.armed.get_mut(index) else {
            return Ok(Deed::Proceed);
        };
        armed.happened += 1;
        before();
        let is_crashing = std::cell::Cell::new(false);
        let patience = std::cell::Cell::new(None);
        let deed = (armed.fault.kind.strike)(
            &armed.fault.values,
            &Scene {
                connections: &self.connections,
                reach,
                disk: state.disk.as_deref(),
                crash: &|| is_crashing.set(true),
                patience: &|time| patience.set(Some(time)),
                place: armed.fault.when.place(),
            },
        );
        state.patience = patience.get().or(state.patience);
        if is_crashing.get()
            && let Some(init) = state.init
        {
            state.is_crashing = true;
            let _ = kill(init, Signal::SIGKILL);
        }
        deed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The first fault that is due; every one that counts such moments counts this one.
    fn due(&mut self, number: impl Fn(&When) -> Option<u64>) -> Option<usize> {
        let mut due = None;
        for (index, armed) in self.armed.iter_mut().enumerate() {
            if let Some(number) = number(&armed.fault.when)
                && armed.is_due(number)
            {
                due = due.or(Some(index));
            }
        }
        due
    }

    fn is_watching(&self) -> bool {
        let is_script = |armed: &Armed| matches!(armed.fault.when, When::Script { .. });
        self.is_counting || self.armed.iter().any(is_script)
    }
}

/// Nobody waits for the supervisor's troubles: they go into its log, and life goes on.
fn report(struck: Result<Deed, SandboxError>) -> Deed {
    struck.unwrap_or_else(|error| {
        eprintln!("{}", in_one_line(&error));
        Deed::Proceed
    })
}
