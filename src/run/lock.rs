//! Taking the zone for a run, waiting for whoever holds it, and giving it back.

use std::time::{Duration, Instant};

use super::door::Door;
use super::{Controller, Event, RunError, judged};
use crate::facts::locks::{Holder, Lock, parse_lines};
use crate::host::{self, Exit};
use crate::plan::{lock, shell};
use crate::store::fresh_name;

/// How long a package tool that another run left in the zone is waited for.
const SETTLE: Duration = Duration::from_secs(30);

/// How long taking the zone may be quiet beside its own waits.
const SLACK: Duration = Duration::from_secs(60);

/// How often a held zone is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Who this run is, and what it does about somebody else who holds the zone.
pub struct Locking<'a> {
    /// Its token is chosen when the zone is taken.
    pub holder: Holder,
    /// How long to wait for the zone; nothing gives up at once.
    pub wait: Option<Duration>,
    /// Whether to end whoever holds it.
    pub breaks: bool,
    /// Whether a run of this controller is over: it was killed, or this machine was.
    pub is_over: &'a dyn Fn(&Holder) -> bool,
}

impl Locking<'_> {
    /// A run that neither waits for others nor ends them.
    #[must_use]
    pub fn of(holder: Holder) -> Self {
        Self {
            holder,
            wait: None,
            breaks: false,
            is_over: &|_| false,
        }
    }
}

/// Takes the zone, or fails with whoever holds it. `settle` is how long what an earlier connection of
/// this run left in the zone may go on.
pub(super) fn take(
    door: &mut Door<'_>,
    controller: &mut Controller<'_>,
    settle: Option<Duration>,
) -> Result<(), RunError> {
    let settle = settle.unwrap_or(door.quiet.map_or(SETTLE, |quiet| quiet.min(SETTLE)));
    let until = controller.locking.wait.map(|wait| Instant::now() + wait);
    let mut evict: Vec<String> = Vec::new();
    let mut is_told = false;
    // each connection has a token of its own
    let earlier = std::mem::replace(&mut controller.locking.holder.token, fresh_name());
    loop {
        let script = lock::take(
            &door.lock_root,
            &controller.locking.holder,
            Some(earlier.as_str()).filter(|e| !e.is_empty()),
            &evict,
            settle,
        );
        // its waits are its own: they must not count as hanging
        let slack = door.quiet.map_or(SLACK, |quiet| quiet.min(SLACK));
        let quiet = door.quiet.replace(settle + shell::ENDS_WITHIN + slack);
        let answer = host::run_to_string(door, &script);
        door.quiet = quiet;
        let (exit, said, errors) = answer?;
        match exit {
            Exit::Code(0) => {
                door.lock = Some(controller.locking.holder.token.clone());
                return Ok(());
            }
            Exit::Code(lock::HELD) => {}
            Exit::Code(lock::AT_WORK) => {
                let said = String::from_utf8_lossy(&errors);
                return Err(RunError::AtWork(said.trim().to_owned()));
            }
            exit => judged(&exit, &errors)?,
        }
        let held = parse_lines(&String::from_utf8_lossy(&said))?;
        let gone = to_evict(&held, controller, &evict);
        if !gone.is_empty() {
            evict.extend(gone);
            continue;
        }
        if until.is_none_or(|until| Instant::now() >= until) {
            return Err(RunError::Locked(held));
        }
        if !is_told {
            (controller.watch)(Event::Held(&held));
            is_told = true;
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

/// The holders that are made to go, each once.
fn to_evict(held: &[Lock], controller: &mut Controller<'_>, asked: &[String]) -> Vec<String> {
    let mut gone = Vec::new();
    for lock in held {
        let (holder, own) = (&lock.holder, &controller.locking.holder);
        if asked.contains(&holder.token) {
            continue;
        }
        let log = |holder: &Holder| {
            let Holder {
                controller,
                zone,
                run,
                ..
            } = holder;
            [controller, zone, run].map(String::clone)
        };
        if !own.run.is_empty() && log(holder) == log(own) {
            // an earlier connection of this very run
            gone.push(holder.token.clone());
            continue;
        }
        let is_over = (controller.locking.is_over)(holder);
        if !(is_over || controller.locking.breaks) {
            continue;
        }
        let text = if is_over {
            "an earlier run of yours was cut off; what it left running in the zone is ended"
                .to_owned()
        } else {
            format!("the run of {}@{} is ended", holder.user, holder.host)
        };
        (controller.watch)(Event::Note(text));
        gone.push(holder.token.clone());
    }
    gone
}

/// Removes what runs that are over left of their locks: one that was cut off while it gave the zone
/// back leaves nothing to do behind, and so nobody would ever take the zone and come across it.
pub(super) fn clear(door: &mut Door<'_>, controller: &mut Controller<'_>, locks: &[Lock]) {
    let is_over = |lock: &Lock| !lock.is_alive || (controller.locking.is_over)(&lock.holder);
    // the zone is as it should be: what cannot be removed now is removed another time
    if locks.iter().any(is_over) && take(door, controller, None).is_ok() {
        release(door);
    }
}

/// Gives the zone back, as far as it can be reached: the lock of a run whose connections are gone
/// counts for nobody.
pub(super) fn release(door: &mut Door<'_>) {
    if let Some(token) = door.lock.take() {
        let script = lock::release(&door.lock_root, &token);
        let _ = host::run_to_string(door, &script);
    }
}
