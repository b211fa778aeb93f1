//! The course of a run: one stage after the other, across lost connections.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::door::Door;
use super::step::{self, Sink};
use super::{Controller, Event, Fresh, RunError, View, Wish, judged, lock, look};
use crate::causes::in_one_line;
use crate::host::{self, Host, HostError};
use crate::plan::{self, Plan, Stage, Step, Work};
use crate::store::{RunLog, StoreError};

use super::Report;

/// So many losses with nothing going forward between them are one failure.
const LOSSES: u32 = 6;

/// Work that may be begun again on another connection; nothing comes back while there is more to do.
type Attempt<'w, T> =
    dyn FnMut(&mut Door<'_>, &mut Controller<'_>, &mut Course) -> Result<Option<T>, RunError> + 'w;

/// A run under way.
#[derive(Default)]
pub(super) struct Course {
    pub(super) report: Report,
    /// The steps that ran since the connection was last made.
    ran: BTreeSet<String>,
    /// All steps that ran.
    ever_ran: BTreeSet<String>,
    /// The step that the connection was lost in, or that hangs.
    open: Option<OpenStep>,
    /// Losses since something last went forward.
    losses: u32,
}

/// A step that has not ended.
struct OpenStep {
    step: Step,
    started: Instant,
    sink: Sink,
}

impl Course {
    /// Repeats `work` until it has a result, across connections.
    pub(super) fn through_losses<T>(
        &mut self,
        door: &mut Door<'_>,
        controller: &mut Controller<'_>,
        work: &mut Attempt<'_, T>,
    ) -> Result<T, RunError> {
        loop {
            let error = match work(door, controller, self) {
                Ok(Some(result)) => return Ok(result),
                Ok(None) => continue,
                Err(error) => error,
            };
            if !door.can_reopen() || self.losses >= LOSSES {
                return Err(error);
            }
            let lost = error.into_loss()?;
            self.losses += 1;
            // a zone that was started again may need again what had been done
            self.ran.clear();
            door.reopen(lost, controller.watch)?;
        }
    }

    /// Notes that something was done since the last loss.
    pub(super) fn went_forward(&mut self) {
        self.losses = 0;
    }

    /// Looks at the target and carries out the first stage of what differs; a result comes back when
    /// nothing does.
    pub(super) fn stage(
        &mut self,
        door: &mut Door<'_>,
        wish: &Wish,
        controller: &mut Controller<'_>,
        log: &mut RunLog,
    ) -> Result<Option<()>, RunError> {
        let steps = self.report.steps;
        let mut view = look(door, wish, controller).map_err(|error| error.after(steps))?;
        self.settle_open(door, &view, controller, log)?;
        self.leave_to_checks(&mut view.plan);
        if view.plan.steps.is_empty() {
            return Ok(Some(()));
        }
        let stage = next_stage(&view.plan)?;
        if self.ever_ran.is_empty() && stage != Stage::Check {
            note_unchecked(door, &view)?;
        }
        for step in view.plan.steps.iter().filter(|s| s.stage == stage) {
            if matches!(step.work, Work::Unknown) {
                continue;
            }
            if !self.ran.insert(step.id.clone()) {
                return Err(did_not_take(step));
            }
            let summary = self.run_logged(door, &view, step, controller, log)?;
            if self.ever_ran.insert(step.id.clone()) {
                self.losses = 0;
                self.report.steps += 1;
            }
            controller.decisions.fresh = fresh_after(step, controller.decisions.fresh);
            if let (Work::Check(check), Some(found)) = (&step.work, summary) {
                self.report.checks.push((check.name.clone(), found));
            }
        }
        if stage == Stage::Check {
            // checks change nothing: only the receipt could be due again
            self.ran.retain(|id| !id.starts_with("checks/"));
        }
        Ok(None)
    }

    /// Leaves out services that were started and are down again, as long as there are checks to come: these say what
    /// is wrong with such a service, with its state and its log.
    fn leave_to_checks(&self, plan: &mut Plan) {
        let is_to_come =
            |step: &Step| matches!(step.work, Work::Check(_)) && !self.ever_ran.contains(&step.id);
        if plan.steps.iter().any(is_to_come) {
            let is_down_again =
                |step: &Step| step.stage == Stage::Serve && self.ran.contains(&step.id);
            plan.steps.retain(|step| !is_down_again(step));
        }
    }

    /// Runs a step with its output kept. One that the connection was lost in goes on in the same log.
    fn run_logged(
        &mut self,
        door: &mut Door<'_>,
        view: &View,
        step: &Step,
        controller: &mut Controller<'_>,
        log: &mut RunLog,
    ) -> Result<Option<String>, RunError> {
        (controller.watch)(Event::Started(step));
        let mut open = match self.open.take_if(|open| open.step.id == step.id) {
            Some(open) => open,
            None => {
                let (path, file) = log.open_step(&step.id, &step.title())?;
                OpenStep {
                    step: step.clone(),
                    started: Instant::now(),
                    sink: Sink::new(path, file),
                }
            }
        };
        let shown = open.sink.shown;
        let result = step::run(door, view, step, controller, &mut open.sink);
        match result.as_ref().err().and_then(RunError::host_error) {
            Some(error) if error.is_loss() => {
                if open.sink.shown > shown {
                    self.losses = 0;
                }
                self.open = Some(open);
                return result;
            }
            Some(HostError::Overdue { limit, .. }) => {
                let error = RunError::Overdue {
                    id: step.id.clone(),
                    what: step.title(),
                    limit: *limit,
                    log: open.sink.path.clone(),
                };
                (controller.watch)(Event::Failed {
                    step,
                    took: open.started.elapsed(),
                });
                self.open = Some(open);
                return Err(error);
            }
            _ => {}
        }
        let took = open.started.elapsed();
        let logged = end_step(log, &open, result.as_ref().err());
        match &result {
            Ok(summary) => {
                (controller.watch)(Event::Ended {
                    step,
                    took,
                    summary: summary.clone(),
                });
                // a log that cannot be written is worth telling only where nothing worse happened
                logged?;
            }
            Err(_) => (controller.watch)(Event::Failed { step, took }),
        }
        result
    }

    /// A step that the connection was lost in and that is not planned any more has ended well.
    fn settle_open(
        &mut self,
        door: &mut Door<'_>,
        view: &View,
        controller: &mut Controller<'_>,
        log: &mut RunLog,
    ) -> Result<(), RunError> {
        let steps = &view.plan.steps;
        let is_over = |open: &mut OpenStep| steps.iter().all(|s| s.id != open.step.id);
        let Some(mut open) = self.open.take_if(is_over) else {
            return Ok(());
        };
        if matches!(open.step.work, Work::Phase { .. }) {
            // the rest of its log
            let rest = step::run(door, view, &open.step, controller, &mut open.sink);
            if let Err(error) = rest {
                self.open = Some(open);
                return Err(error);
            }
        }
        self.ever_ran.insert(open.step.id.clone());
        self.report.steps += 1;
        (controller.watch)(Event::Ended {
            step: &open.step,
            took: open.started.elapsed(),
            summary: None,
        });
        Ok(end_step(log, &open, None)?)
    }

    /// Ends what a failed run left in the target, and closes the log of the step it failed in.
    pub(super) fn fail(
        &mut self,
        door: &mut Door<'_>,
        controller: &mut Controller<'_>,
        log: &mut RunLog,
        error: &RunError,
    ) {
        let hangs = matches!(error, RunError::Overdue { .. })
            || matches!(error.host_error(), Some(HostError::Overdue { .. }));
        let open = self.open.take();
        if hangs && door.is_locked() {
            // the lock is taken again at once, which ends the connection's contract with all in it
            let ended = door.renew().map_err(RunError::from);
            let ended = ended.and_then(|()| lock::take(door, controller, Some(Duration::ZERO)));
            if let (Ok(()), Some(Work::Phase { stop, .. })) =
                (&ended, open.as_ref().map(|o| &o.step.work))
            {
                let _ = host::run_to_string(door, stop);
            }
            if let Err(error) = ended {
                (controller.watch)(Event::Note(format!(
                    "what hangs could not be ended: {error}"
                )));
            }
        }
        if let Some(open) = open {
            let _ = end_step(log, &open, Some(error));
        }
    }
}

/// What is begun anew is not begun anew again, and its package may be used.
fn fresh_after(step: &Step, fresh: Fresh) -> Fresh {
    match (&step.work, fresh) {
        (Work::Package(_), _) => Fresh::No,
        (_, Fresh::Begin) if step.stage == Stage::Build => Fresh::Begun,
        (_, fresh) => fresh,
    }
}

fn end_step(log: &mut RunLog, open: &OpenStep, error: Option<&RunError>) -> Result<(), StoreError> {
    let status = match error {
        Some(RunError::Step { status, .. }) => *status,
        _ => None,
    };
    let error = error.map(|error| in_one_line(error));
    log.end_step(open.started.elapsed(), status, error)
}

/// The first stage in which something can be done. What is not known yet must come after it: nothing
/// else would make it known.
fn next_stage(plan: &Plan) -> Result<Stage, RunError> {
    let is_unknown = |step: &&Step| matches!(step.work, Work::Unknown);
    let stage = plan
        .steps
        .iter()
        .filter(|step| !is_unknown(step))
        .map(|step| step.stage)
        .min();
    let stuck = plan
        .steps
        .iter()
        .filter(is_unknown)
        .find(|step| stage.is_none_or(|stage| stage == Stage::Check && step.stage < stage));
    match (stage, stuck) {
        (Some(stage), None) => Ok(stage),
        (_, stuck) => Err(RunError::Stuck {
            what: stuck.map(Step::title).unwrap_or_default(),
        }),
    }
}

/// Notes in the zone that the checks of the recipes that are about to change are due.
fn note_unchecked(door: &mut dyn Host, view: &View) -> Result<(), RunError> {
    let has_checks = |name: &str| {
        let (checks, receipt) = (format!("checks/{name}/"), format!("receipt/{name}"));
        view.plan
            .steps
            .iter()
            .any(|step| step.id.starts_with(&checks) || step.id == receipt)
    };
    let names = view.recipes.iter().map(|recipe| recipe.name.as_str());
    let names: Vec<&str> = names.filter(|name| has_checks(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let script = plan::receipts::note_unchecked(names);
    let (exit, _, errors) = host::run_to_string(door, &script)?;
    judged(&exit, &errors)
}

fn did_not_take(step: &Step) -> RunError {
    RunError::DidNotTake {
        what: step.title(),
        why: step
            .main_change()
            .map(|change| change.why.join("; "))
            .unwrap_or_default(),
    }
}
