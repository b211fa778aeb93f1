//! Regard for what goes on in a zone before something on its host ends all of it: runs of others that
//! change what is in it, and those who are being served.
//!
//! The lock on the host keeps out whoever changes the zone there; a run that is in the zone already holds
//! the zone's own.

use std::time::Instant;

use super::super::wait::PAUSE;
use super::super::{Controller, Event, RunError};
use crate::facts::host::inside::Inside;
use crate::facts::locks::Lock;
use crate::plan::Work;
use crate::plan::zone::ZoneStep;

/// What a run waited for so far.
#[derive(Debug)]
pub(super) struct Regard {
    since: Instant,
    is_told: bool,
}

impl Default for Regard {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            is_told: false,
        }
    }
}

impl Regard {
    /// Whether a step may be carried out now; where it may not, the zone is to be looked at again, a
    /// moment has gone by, and the user was told for whom.
    ///
    /// # Errors
    /// [`RunError::Locked`] where somebody else is changing the zone and is not waited for any longer.
    pub(super) fn allows(
        &mut self,
        step: &ZoneStep,
        inside: Option<&Inside>,
        controller: &mut Controller<'_>,
    ) -> Result<bool, RunError> {
        let stops = matches!(&step.step.work, Work::Script { script, .. } if script.stops_zone());
        let Some(inside) = inside.filter(|_| stops) else {
            return Ok(true);
        };
        if !self.allows_beside(&inside.locks, controller)? {
            return Ok(false);
        }
        let sessions = inside.sessions.all();
        if sessions.is_empty() || controller.decisions.end_sessions {
            return Ok(true);
        }
        (controller.watch)(Event::Waiting {
            sessions: &sessions,
            waited: self.since.elapsed(),
        });
        std::thread::sleep(PAUSE);
        Ok(false)
    }

    /// The same about the runs of others alone.
    pub(super) fn allows_beside(
        &mut self,
        locks: &[Lock],
        controller: &mut Controller<'_>,
    ) -> Result<bool, RunError> {
        let locking = &controller.locking;
        let is_held = |lock: &&Lock| lock.is_alive && !(locking.is_over)(&lock.holder);
        let held: Vec<Lock> = locks.iter().filter(is_held).cloned().collect();
        if held.is_empty() || locking.breaks {
            return Ok(true);
        }
        if locking.wait.is_none_or(|wait| self.since.elapsed() >= wait) {
            return Err(RunError::Locked(held));
        }
        if !std::mem::replace(&mut self.is_told, true) {
            (controller.watch)(Event::Held(&held));
        }
        std::thread::sleep(PAUSE);
        Ok(false)
    }
}
