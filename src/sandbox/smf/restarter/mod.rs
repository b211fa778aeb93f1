//! The restarter: brings every instance to the state its configuration asks for.
//!
//! All state sits behind one lock; methods run outside it, one at a time for an instance, and what
//! happens to the instance meanwhile waits in its queue. Whoever changes something under the lock
//! settles the whole graph before letting go, so services without methods start in one go.

mod jobs;
mod method;
mod stop;

use super::dependencies::{self, Cause, Graph, Verdict};
use super::door::{Action, Edit, Refusal};
use super::fmri::Fmri;
use super::model::{Group, Property, Repository, State};
use super::paths::Paths;
use super::platform;
use super::{edit, log, stamp, store};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The restarter with the repository it works on.
#[derive(Clone)]
pub struct Restarter {
    shared: Arc<Shared>,
}

struct Shared {
    paths: Paths,
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    repository: Repository,
    live: BTreeMap<Fmri, Live>,
    generation: u64,
    /// Whether the repository's file is older than what it should hold. What the restarter itself
    /// changes is not persistent, so only edits make it so.
    is_unsaved: bool,
    shutting_down: bool,
}

/// What the restarter knows of an instance beyond its `restarter` property group.
#[derive(Default)]
struct Live {
    /// A method runs.
    busy: bool,
    events: VecDeque<Event>,
    contract: Option<u64>,
    /// Recent starts, retries included.
    starts: VecDeque<Instant>,
    /// Failures since a method last succeeded. `clear` does not reset it, so that a service which
    /// fails again after `clear` gets one try.
    faults: u32,
    /// Files of path dependencies, as they were when last looked at.
    files: BTreeMap<String, bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Restart,
    Refresh,
    Clear,
    Maintain {
        now: bool,
    },
    Degrade,
    /// Something happened in a contract.
    Contract(u64, Fault),
    /// A service that this one depends on stopped.
    Dependency,
}

/// What can happen in a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Empty,
    Core,
    Signal,
    /// The process of a child-style service ended with this wait status.
    Child(i32),
}

/// What the lock holder wants done once the lock is free.
enum Job {
    Start(Fmri),
    Stop(Fmri, stop::Stop),
    Refresh(Fmri),
}

impl Restarter {
    /// A restarter over a repository; nothing happens before [`Restarter::settle`].
    #[must_use]
    pub fn new(paths: Paths, repository: Repository) -> Self {
        let inner = Inner {
            is_unsaved: true,
            repository,
            live: BTreeMap::new(),
            generation: 1,
            shutting_down: false,
        };
        Self {
            shared: Arc::new(Shared {
                paths,
                inner: Mutex::new(inner),
                changed: Condvar::new(),
            }),
        }
    }

    /// The zone's folders.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.shared.paths
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A thread that died inside left consistent state: every change is one assignment.
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the graph to rest and starts what can start.
    pub fn settle(&self) {
        self.change(|_| ());
    }

    /// The repository as it is now, with its generation.
    #[must_use]
    pub fn read(&self) -> (u64, Repository) {
        let inner = self.lock();
        (inner.generation, inner.repository.clone())
    }

    /// The repository once it is newer than `generation`, or after `longest`.
    #[must_use]
    pub fn wait(&self, generation: u64, longest: Duration) -> (u64, Repository) {
        let inner = self.lock();
        let (inner, _) = self
            .shared
            .changed
            .wait_timeout_while(inner, longest, |inner| inner.generation <= generation)
            .unwrap_or_else(PoisonError::into_inner);
        (inner.generation, inner.repository.clone())
    }

    /// Makes changes, all or none, and lets the restarter act on them.
    pub fn apply(&self, edits: &[Edit]) -> Result<Vec<String>, Refusal> {
        self.change(|inner| {
            let mut repository = inner.repository.clone();
            let mut messages = Vec::new();
            for change in edits {
                messages.extend(edit::apply(&mut repository, change)?);
            }
            inner.repository = repository;
            inner.is_unsaved = true;
            for change in edits {
                inner.take_notice(change);
            }
            Ok(messages)
        })
    }

    /// Changes something under the lock, settles, and starts the jobs that result.
    fn change<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        let (result, jobs) = {
            let mut inner = self.lock();
            let result = work(&mut inner);
            let jobs = inner.settle(&self.shared.paths);
            inner.generation += 1;
            inner.save(&self.shared.paths);
            (result, jobs)
        };
        self.shared.changed.notify_all();
        for job in jobs {
            let restarter = self.clone();
            thread::spawn(move || match job {
                Job::Start(fmri) => restarter.start(&fmri),
                Job::Stop(fmri, stop) => restarter.stop(&fmri, stop),
                Job::Refresh(fmri) => restarter.refresh(&fmri),
            });
        }
        result
    }

    /// Stops every running service and waits for that, at most `longest`.
    pub fn shut_down(&self, longest: Duration) {
        let deadline = Instant::now() + longest;
        self.change(|inner| inner.shutting_down = true);
        loop {
            let (generation, repository) = self.read();
            let running = repository.instances().iter().any(|fmri| {
                repository
                    .restarter(fmri, "contract")
                    .is_some_and(|contract| !contract.is_empty())
            });
            let left = deadline.saturating_duration_since(Instant::now());
            if !running || left.is_zero() {
                return;
            }
            drop(self.wait(generation, left));
        }
    }
}

impl Inner {
    fn save(&mut self, paths: &Paths) {
        if !self.is_unsaved {
            return;
        }
        match store::save(paths, &self.repository) {
            Ok(()) => self.is_unsaved = false,
            Err(error) => {
                let cause = std::error::Error::source(&error);
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                eprintln!("svc.configd: {error}{cause}");
            }
        }
    }

    /// Queues what an edit means to the restarter.
    fn take_notice(&mut self, change: &Edit) {
        match change {
            Edit::Refresh(fmri) => self.push(fmri, Event::Refresh),
            Edit::Import {
                declared,
                refresh: true,
            } => {
                let service = Fmri::service(&declared.service).to_string();
                for fmri in dependencies::instances_of(&self.repository, &service) {
                    self.push(&fmri, Event::Refresh);
                }
            }
            Edit::Act { fmri, action } => {
                let event = match action {
                    Action::Restart => Event::Restart,
                    Action::Clear => Event::Clear,
                    Action::Maintain => Event::Maintain { now: false },
                    Action::MaintainNow => Event::Maintain { now: true },
                    Action::Degrade => Event::Degrade,
                };
                self.push(fmri, event);
            }
            Edit::Enable { fmri, enabled, .. } => {
                let live = self.live.entry(fmri.clone()).or_default();
                live.files.clear();
                if !enabled {
                    live.starts.clear();
                }
            }
            Edit::Delete(fmri) => {
                self.live.retain(|known, _| {
                    known != fmri && !(fmri.instance.is_none() && known.service == fmri.service)
                });
            }
            _ => {}
        }
    }

    fn push(&mut self, fmri: &Fmri, event: Event) {
        self.live
            .entry(fmri.clone())
            .or_default()
            .events
            .push_back(event);
    }

    fn settle(&mut self, paths: &Paths) -> Vec<Job> {
        let mut jobs = Vec::new();
        loop {
            let mut moved = false;
            for fmri in self.repository.instances() {
                let Some(enabled) = self.repository.is_enabled(&fmri) else {
                    continue;
                };
                let live = self.live.entry(fmri.clone()).or_default();
                if live.busy {
                    continue;
                }
                let event = live.events.pop_front();
                moved |= match event {
                    Some(event) => {
                        self.handle(paths, &fmri, event, &mut jobs);
                        true
                    }
                    None => self.step(paths, &fmri, enabled, &mut jobs),
                };
            }
            if !moved {
                return jobs;
            }
        }
    }

    /// One step of an idle instance towards what its configuration asks for.
    fn step(&mut self, paths: &Paths, fmri: &Fmri, enabled: bool, jobs: &mut Vec<Job>) -> bool {
        let wanted = enabled && !self.shutting_down;
        match self.repository.state(fmri) {
            State::Uninitialized if enabled => {
                self.say(paths, fmri, "Enabled.");
                self.enter(fmri, State::Offline, "insert_in_graph", Cause::Other);
            }
            State::Uninitialized => {
                self.enter(fmri, State::Disabled, "per_configuration", Cause::Other);
            }
            State::Disabled if enabled => {
                self.say(paths, fmri, "Enabled.");
                self.enter(fmri, State::Offline, "enable_request", Cause::Other);
            }
            State::Offline | State::Maintenance if !enabled => {
                if self.repository.state(fmri) == State::Maintenance {
                    self.say(
                        paths,
                        fmri,
                        "Leaving maintenance because disable requested.",
                    );
                }
                self.say(paths, fmri, "Disabled.");
                self.enter(fmri, State::Disabled, "disable_request", Cause::Other);
            }
            State::Online | State::Degraded if !enabled => {
                self.begin_stop(paths, fmri, stop::Stop::disabled(), jobs);
            }
            State::Online | State::Degraded if !wanted && self.has_contract(fmri) => {
                self.begin_stop(paths, fmri, stop::Stop::disabled(), jobs);
            }
            State::Offline if wanted && self.may_start(paths, fmri) => {
                self.begin_start(fmri, jobs);
            }
            _ => return false,
        }
        true
    }

    fn has_contract(&self, fmri: &Fmri) -> bool {
        self.live
            .get(fmri)
            .is_some_and(|live| live.contract.is_some())
    }

    /// Files are looked at when the instance is enabled or refreshed, not all the time.
    fn may_start(&mut self, paths: &Paths, fmri: &Fmri) -> bool {
        let view = self.repository.snapshot(fmri);
        let live = self.live.entry(fmri.clone()).or_default();
        for (_, group) in dependencies::dependency_groups(&view) {
            for path in group
                .values("entities")
                .iter()
                .filter_map(|e| dependencies::file_path(e))
            {
                live.files
                    .entry(path.to_owned())
                    .or_insert_with(|| paths.inside(path).exists());
            }
        }
        let files = live.files.clone();
        let exists = |path: &str| match files.get(path) {
            Some(found) => *found,
            None => paths.inside(path).exists(),
        };
        Graph {
            repository: &self.repository,
            exists: &exists,
        }
        .verdict(fmri)
            == Verdict::Met
    }

    fn begin_start(&mut self, fmri: &Fmri, jobs: &mut Vec<Job>) {
        let view = self.repository.snapshot(fmri);
        // What only stands for a part of the platform starts within the lock and logs nothing.
        if platform::is_quiet(fmri) && super::model::value(&view, "start", "exec") == Some(":true")
        {
            self.enter(fmri, State::Online, "dependencies_satisfied", Cause::Other);
            return;
        }
        self.set_busy(fmri, State::Online);
        self.set(fmri, "logfile", "astring", Some(log::zone_path(fmri)));
        jobs.push(Job::Start(fmri.clone()));
    }

    fn begin_stop(&mut self, paths: &Paths, fmri: &Fmri, stop: stop::Stop, jobs: &mut Vec<Job>) {
        let view = self.repository.snapshot(fmri);
        if platform::is_quiet(fmri) && super::model::value(&view, "stop", "exec") == Some(":true") {
            self.enter(fmri, stop.then, stop.auxiliary, stop.cause);
            return;
        }
        self.set_busy(fmri, stop.then);
        self.say(paths, fmri, stop.reason);
        jobs.push(Job::Stop(fmri.clone(), stop));
    }

    fn set_busy(&mut self, fmri: &Fmri, next: State) {
        self.live.entry(fmri.clone()).or_default().busy = true;
        self.set(fmri, "next_state", "astring", Some(next.name().to_owned()));
    }

    fn handle(&mut self, paths: &Paths, fmri: &Fmri, event: Event, jobs: &mut Vec<Job>) {
        let state = self.repository.state(fmri);
        let live = self.live.entry(fmri.clone()).or_default();
        match event {
            Event::Restart if state.is_running() => {
                live.starts.clear();
                self.begin_stop(paths, fmri, stop::Stop::restart(), jobs);
            }
            Event::Refresh => {
                live.files.clear();
                if state.is_running() && !platform::is_quiet(fmri) {
                    self.set_busy(fmri, state);
                    jobs.push(Job::Refresh(fmri.clone()));
                }
                if state.is_running() {
                    self.drag_along(fmri, Cause::Refresh);
                }
            }
            Event::Clear if state == State::Maintenance => {
                live.starts.clear();
                self.say(paths, fmri, "Leaving maintenance because clear requested.");
                self.enter(fmri, State::Uninitialized, "clear_request", Cause::Other);
                if self.repository.is_enabled(fmri) == Some(true) {
                    self.enter(fmri, State::Offline, "clear_request", Cause::Other);
                }
            }
            Event::Clear if state == State::Degraded => {
                self.enter(fmri, State::Online, "clear_request", Cause::Other);
            }
            Event::Maintain { now: false } if state.is_running() => {
                self.begin_stop(paths, fmri, stop::Stop::maintenance(), jobs);
            }
            Event::Maintain { .. } if state != State::Maintenance => {
                self.enter(
                    fmri,
                    State::Maintenance,
                    "administrative_request",
                    Cause::Other,
                );
            }
            Event::Degrade => self.say(paths, fmri, "ADMIN_DEGRADED command unimplemented"),
            Event::Contract(contract, fault)
                if live.contract == Some(contract) && state.is_running() =>
            {
                self.begin_stop(paths, fmri, stop::Stop::fault(fault), jobs);
            }
            Event::Dependency if state.is_running() => {
                self.begin_stop(paths, fmri, stop::Stop::dependency(), jobs);
            }
            _ => {}
        }
    }

    /// Enters a state for good: nothing is on its way any more.
    fn enter(&mut self, fmri: &Fmri, state: State, auxiliary: &str, cause: Cause) {
        let before = self.repository.state(fmri);
        self.set(fmri, "state", "astring", Some(state.name().to_owned()));
        self.set(fmri, "next_state", "astring", Some("none".to_owned()));
        self.set(
            fmri,
            "auxiliary_state",
            "astring",
            Some(auxiliary.to_owned()),
        );
        let now = stamp::property_time(stamp::now());
        self.set(fmri, "state_timestamp", "time", Some(now));
        let contract = self.live.get(fmri).and_then(|live| live.contract);
        self.set(fmri, "contract", "count", contract.map(|id| id.to_string()));
        if before.is_running() && !state.is_running() {
            self.drag_along(fmri, cause);
        }
        if !before.is_running() && state.is_running() {
            for other in dependencies::excluded_by(&self.repository, fmri) {
                self.push(&other, Event::Dependency);
            }
        }
    }

    fn drag_along(&mut self, fmri: &Fmri, cause: Cause) {
        for other in dependencies::dragged_along(&self.repository, fmri, cause) {
            if self.repository.state(&other).is_running() {
                self.push(&other, Event::Dependency);
            }
        }
    }

    /// Sets a property of the `restarter` group, or empties it.
    fn set(&mut self, fmri: &Fmri, name: &str, kind: &str, value: Option<String>) {
        let Some(instance) = self.repository.instance_mut(fmri) else {
            return;
        };
        let fresh = || Group {
            nonpersistent: true,
            ..Group::new("framework")
        };
        let group = instance
            .groups
            .entry("restarter".to_owned())
            .or_insert_with(fresh);
        match value {
            Some(value) => {
                group
                    .properties
                    .insert(name.to_owned(), Property::one(kind, value));
            }
            None => {
                group.properties.remove(name);
            }
        }
    }

    /// Writes to the instance's log, unless it only stands for a part of the platform.
    fn say(&self, paths: &Paths, fmri: &Fmri, message: &str) {
        if !platform::is_silent(fmri) && !message.is_empty() {
            log::write(paths, fmri, message);
        }
    }
}
