//! Converge a zone on its host: ask, plan, carry out the first step, and ask again until there is nothing
//! to do.
//!
//! One step at a time, since each changes what the next one finds: a zone that was just made has datasets to be
//! looked at. A connection that is lost in the middle of a creation is no failure: whatever the host has made of it by
//! then is found again by the zone's uuid.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

mod regard;

use regard::Regard;

use super::course::Course;
use super::door::Door;
use super::step::{self, Sink};
use super::{Controller, Event, RunError, judged, lock};
use crate::causes::in_one_line;
use crate::facts::Questions;
use crate::facts::accounts::Secret;
use crate::facts::host::inside::Inside;
use crate::facts::host::victims::{self, Victim};
use crate::facts::host::vms::Vm;
use crate::facts::host::{self as host_facts, HostFacts, HostQuestions};
use crate::host::zlogin::Zlogin;
use crate::host::{self, Host, HostError};
use crate::plan::Work;
use crate::plan::zone::{self, GivenZone, Place, WantedZone, ZonePlan, ZoneStep};
use crate::shadow::ShadowState;
use crate::site::model::User;
use crate::store::{RunLog, StoreError};

/// How long what an earlier connection of this run left on the host may go on: a first boot takes its time.
const SETTLE: Duration = Duration::from_secs(330);

/// More steps than any zone needs: what comes after goes in circles.
const MOST_STEPS: usize = 40;

/// What is wanted of a zone on its host.
#[derive(Debug, Clone)]
pub struct ZoneWish {
    pub wanted: WantedZone,
    pub given: GivenZone,
}

/// A host as it is, and what differs on it.
#[derive(Debug)]
pub struct ZoneView {
    pub facts: HostFacts,
    pub plan: ZonePlan,
}

impl ZoneView {
    /// The zone as its host tells of it.
    #[must_use]
    pub fn vm(&self) -> Option<&Vm> {
        self.facts.zones.get(&self.plan.uuid)
    }

    /// What the zone says of itself, where it runs.
    #[must_use]
    pub fn inside(&self) -> Option<&Inside> {
        self.facts.inside.get(&self.plan.uuid)
    }
}

/// What a run on a host came to.
#[derive(Debug)]
pub struct ZoneReport {
    /// The last look.
    pub view: ZoneView,
    /// How many steps ran.
    pub steps: usize,
}

/// Asks a host. One exec.
///
/// # Errors
/// [`RunError`] when the host cannot be asked.
pub fn ask(door: &mut dyn Host, questions: &HostQuestions) -> Result<HostFacts, RunError> {
    let (exit, answer, errors) = host::run_to_string(door, &host_facts::probe(questions))?;
    judged(&exit, &errors)?;
    Ok(host_facts::parse(&answer)?)
}

/// Asks a host and plans. One exec, unless an image must be looked for.
///
/// # Errors
/// [`RunError`] when the host cannot be asked or nothing can be planned.
pub fn look(door: &mut dyn Host, wish: &ZoneWish) -> Result<ZoneView, RunError> {
    let facts = facts_of(door, &wish.wanted)?;
    let plan = zone::plan(&wish.wanted, &facts, wish.given).map_err(RunError::Refused)?;
    Ok(ZoneView { facts, plan })
}

/// Asks a host for all that a zone's file is about.
///
/// # Errors
/// [`RunError`] when the host cannot be asked.
pub fn facts_of(door: &mut dyn Host, wanted: &WantedZone) -> Result<HostFacts, RunError> {
    let mut questions = zone::questions(wanted);
    let facts = ask(door, &questions)?;
    match zone::questions_after(wanted, &facts, &mut questions) {
        true => ask(door, &questions),
        false => Ok(facts),
    }
}

/// Makes the zone what its file says, under a lock on its host that is the zone's own. What the user must be asked
/// about is left as it is, and is in the view that comes back.
///
/// # Errors
/// [`RunError`] at the first step that fails; the next run goes on from there.
pub fn converge(
    door: &mut Door<'_>,
    wish: &ZoneWish,
    controller: &mut Controller<'_>,
    log: &mut Option<RunLog>,
    begin: &mut dyn FnMut() -> Result<RunLog, StoreError>,
) -> Result<ZoneReport, RunError> {
    let mut course = Course::default();
    let mut regard = Regard::default();
    let first = course.through_losses(door, controller, &mut |door, controller, _| {
        let view = look(door, wish)?;
        // what comes next is done in the zone, which somebody may be about to stop on its host
        let is_free =
            !view.plan.steps.is_empty() || regard.allows_beside(&view.facts.locks, controller)?;
        Ok(is_free.then_some(view))
    })?;
    for note in &first.plan.notes {
        (controller.watch)(Event::Note(note.clone()));
    }
    if first.plan.steps.is_empty() {
        lock::clear(door, controller, &first.facts.locks);
        return Ok(ZoneReport {
            view: first,
            steps: 0,
        });
    }
    let log = match log {
        Some(log) => log,
        None => log.insert(begin()?),
    };
    controller.locking.holder.run = log.name();
    (controller.watch)(Event::Planned(&first.plan.shown()));
    let mut way = Way::default();
    let result = course.through_losses(door, controller, &mut |door, controller, course| {
        if !door.is_locked() {
            lock::take(door, controller, Some(SETTLE))?;
            way.last = None;
        }
        let done = way.forward(door, wish, controller, log)?;
        course.went_forward();
        Ok(done)
    });
    lock::release(door);
    result.map(|view| ZoneReport {
        view,
        steps: way.steps,
    })
}

/// The password hashes of users of a zone, as they are in it: locked ones with their locks.
///
/// # Errors
/// [`RunError`] when the zone cannot be asked.
pub fn password_hashes(
    door: &mut dyn Host,
    users: &[User],
) -> Result<BTreeMap<String, Secret>, RunError> {
    let questions = Questions {
        users: users.iter().map(|user| user.name.clone()).collect(),
        ..Questions::default()
    };
    let facts = super::ask(door, &questions)?;
    let known = facts.accounts.users.into_iter();
    let hashes = known.filter(|(_, fact)| ShadowState::parse(&fact.shadow.0).hash().is_some());
    Ok(hashes.map(|(name, fact)| (name, fact.shadow)).collect())
}

/// The SSH host keys of a zone as an archive, for [`put_host_keys`].
///
/// # Errors
/// [`RunError`] when they cannot be read.
pub fn host_keys(door: &mut dyn Host) -> Result<Vec<u8>, RunError> {
    let script = zone::scripts::read_host_keys();
    let (exit, archive, errors) = host::run_to_string(door, &script)?;
    judged(&exit, &errors).map(|()| archive)
}

/// Gives a zone the SSH host keys of an archive.
///
/// # Errors
/// [`RunError`] when they cannot be written.
pub fn put_host_keys(door: &mut dyn Host, archive: &[u8]) -> Result<(), RunError> {
    let mut errors = Vec::new();
    let exit = door.run(
        &zone::scripts::write_host_keys(),
        &mut std::io::Cursor::new(step::framed(archive)),
        &mut |_, bytes| errors.extend_from_slice(bytes),
    )?;
    judged(&exit, &errors)
}

/// Asks what dies with a zone.
///
/// # Errors
/// [`RunError`] when the host cannot be asked.
pub fn victims(door: &mut dyn Host, vm: &Vm) -> Result<Vec<Victim>, RunError> {
    let root = format!("{}/{}", vm.pool(), vm.uuid);
    let (exit, answer, errors) = host::run_to_string(door, &victims::ask(&root))?;
    judged(&exit, &errors)?;
    Ok(victims::parse(&answer)?)
}

/// Destroys a zone, under its lock.
///
/// # Errors
/// [`RunError`] when it cannot be destroyed, or is still there afterwards.
pub fn destroy(
    door: &mut Door<'_>,
    wanted: &WantedZone,
    vm: &Vm,
    controller: &mut Controller<'_>,
    log: &mut Option<RunLog>,
    begin: &mut dyn FnMut() -> Result<RunLog, StoreError>,
) -> Result<(), RunError> {
    let log = match log {
        Some(log) => log,
        None => log.insert(begin()?),
    };
    controller.locking.holder.run = log.name();
    let step = zone::destruction(vm);
    let mut course = Course::default();
    let questions = HostQuestions {
        uuid: Some(vm.uuid.clone()),
        processes: wanted.processes.clone(),
        ..HostQuestions::default()
    };
    let mut regard = Regard::default();
    let mut tries = 0;
    let result = course.through_losses(door, controller, &mut |door, controller, _| {
        if !door.is_locked() {
            lock::take(door, controller, Some(SETTLE))?;
            tries = 0;
        }
        let facts = ask(door, &questions)?;
        if facts.vms.iter().all(|other| other.uuid != vm.uuid) {
            return Ok(Some(()));
        }
        if !regard.allows(&step, facts.inside.get(&vm.uuid), controller)? {
            return Ok(None);
        }
        tries += 1;
        if tries > 1 {
            return Err(RunError::DidNotTake {
                what: step.step.title(),
                why: "it is still there".to_owned(),
            });
        }
        run_logged(door, &vm.uuid, &step, controller, log).map(|()| None)
    });
    lock::release(door);
    result
}

/// How far a run came.
#[derive(Default)]
struct Way {
    steps: usize,
    /// The script of the step that ran last on this connection.
    last: Option<String>,
    /// Whether the zone was made by this run, and not looked at since.
    is_fresh: bool,
    regard: Regard,
}

impl Way {
    /// Looks, and carries out the first step; the last look comes back when there is none.
    fn forward(
        &mut self,
        door: &mut Door<'_>,
        wish: &ZoneWish,
        controller: &mut Controller<'_>,
        log: &mut RunLog,
    ) -> Result<Option<ZoneView>, RunError> {
        let view = look(door, wish).map_err(|error| error.after(self.steps))?;
        if std::mem::take(&mut self.is_fresh) {
            let names = zone::dropped(&wish.wanted, &view.facts, &view.plan.uuid);
            if !names.is_empty() {
                return Err(RunError::Dropped { names });
            }
        }
        let Some(step) = view.plan.steps.first() else {
            return Ok(Some(view));
        };
        let body = match &step.step.work {
            Work::Script { script, .. } => script.body().to_owned(),
            _ => String::new(),
        };
        if self.last.as_ref() == Some(&body) || self.steps >= MOST_STEPS {
            return Err(RunError::DidNotTake {
                what: step.step.title(),
                why: "it was done and is due again".to_owned(),
            });
        }
        if !self.regard.allows(step, view.inside(), controller)? {
            return Ok(None);
        }
        run_logged(door, &view.plan.uuid, step, controller, log)?;
        self.last = Some(body);
        self.is_fresh = step.step.id == "zone/create";
        self.steps += 1;
        Ok(None)
    }
}

/// Runs a step with its output kept.
fn run_logged(
    door: &mut Door<'_>,
    uuid: &str,
    step: &ZoneStep,
    controller: &mut Controller<'_>,
    log: &mut RunLog,
) -> Result<(), RunError> {
    let (place, step) = (step.place, &step.step);
    (controller.watch)(Event::Started(step));
    let started = Instant::now();
    let (path, file) = log.open_step(&step.id, &step.title())?;
    let mut sink = Sink::new(path, file);
    let result = match place {
        Place::Host => step::run_alone(door, step, controller, &mut sink),
        Place::Zone => {
            let mut zone = Zlogin::new(&mut *door, uuid);
            step::run_alone(&mut zone, step, controller, &mut sink)
        }
    };
    let result = result.map_err(|error| match error {
        RunError::Host(HostError::Overdue { limit, .. }) => RunError::Overdue {
            id: step.id.clone(),
            what: step.title(),
            limit,
            log: sink.path.clone(),
        },
        error => error,
    });
    let took = started.elapsed();
    let status = match &result {
        Err(RunError::Step { status, .. }) => *status,
        _ => None,
    };
    let error = result.as_ref().err().map(|error| in_one_line(error));
    log.end_step(took, status, error)?;
    match &result {
        Ok(()) => (controller.watch)(Event::Ended {
            step,
            took,
            summary: None,
        }),
        Err(_) => (controller.watch)(Event::Failed { step, took }),
    }
    result
}
