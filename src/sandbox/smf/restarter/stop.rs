//! Stopping an instance: why, and what it becomes afterwards.
//!
//! One time limit covers the stop method and then the wait for the contract to become empty; what
//! is left is killed, and that counts as a failed stop.

use super::super::contract::holder;
use super::super::dependencies::Cause;
use super::super::fmri::Fmri;
use super::super::log;
use super::super::model::State;
use super::jobs::{Style, Try};
use super::method::{Method, Unusable};
use super::{Fault, Restarter};
use nix::sys::signal::Signal;
use std::thread;
use std::time::{Duration, Instant};

/// A reason to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The log line.
    pub reason: &'static str,
    /// The state afterwards.
    pub then: State,
    /// The auxiliary state afterwards.
    pub auxiliary: &'static str,
    /// What dependents are told.
    pub cause: Cause,
    /// How long to wait first: a child that fails again and again is slowed down.
    pub throttled: bool,
}

const fn stop(reason: &'static str, auxiliary: &'static str, cause: Cause) -> Stop {
    Stop {
        reason,
        then: State::Offline,
        auxiliary,
        cause,
        throttled: false,
    }
}

impl Stop {
    /// The service shall not run any more.
    pub fn disabled() -> Self {
        let reason = "Stopping because service disabled.";
        Self {
            then: State::Disabled,
            ..stop(reason, "disable_request", Cause::Other)
        }
    }

    /// An administrator restarts it.
    pub fn restart() -> Self {
        stop(
            "Stopping because service restarting.",
            "restart_request",
            Cause::Other,
        )
    }

    /// An administrator wants it in maintenance.
    pub fn maintenance() -> Self {
        let reason = "Stopping for maintenance due to administrative_request.";
        Self {
            then: State::Maintenance,
            ..stop(reason, "administrative_request", Cause::Other)
        }
    }

    /// A dependency changed.
    pub fn dependency() -> Self {
        let reason = "Stopping because dependency activity requires stop.";
        stop(reason, "dependency_activity", Cause::Other)
    }

    /// Something happened to its processes.
    pub fn fault(fault: Fault) -> Self {
        match fault {
            Fault::Empty => stop(
                "Stopping because all processes in service exited.",
                "ct_ev_exit",
                Cause::Error,
            ),
            Fault::Core => stop(
                "Stopping because process dumped core.",
                "ct_ev_core",
                Cause::Error,
            ),
            Fault::Signal => stop(
                "Stopping because process received fatal signal from outside the service.",
                "ct_ev_signal",
                Cause::Error,
            ),
            Fault::Child(status) if status >> 8 == 96 => Self {
                then: State::Maintenance,
                ..stop(
                    "Stopping because service exited with a configuration error.",
                    "method_failed",
                    Cause::Error,
                )
            },
            Fault::Child(0) => stop(
                "Stopping because all processes in service exited.",
                "ct_ev_exit",
                Cause::Error,
            ),
            Fault::Child(_) => Self {
                throttled: true,
                ..stop(
                    "Stopping because service exited with an error.",
                    "ct_ev_exit",
                    Cause::Error,
                )
            },
        }
    }
}

/// The signal that a `:kill` method sends; none when the text is a command.
#[must_use]
pub fn first_signal(exec: &str) -> Option<Signal> {
    let rest = exec.strip_prefix(":kill")?;
    if rest.trim().is_empty() {
        return Some(Signal::SIGTERM);
    }
    let name = rest.strip_prefix([' ', '\t'])?.trim().strip_prefix('-')?;
    super::super::signals::parse(name)
}

impl Restarter {
    /// Runs the stop method and waits for the contract to become empty.
    pub(super) fn stop(&self, fmri: &Fmri, stop: Stop) {
        let (view, contract) = {
            let inner = self.lock();
            let contract = inner.live.get(fmri).and_then(|live| live.contract);
            (inner.repository.running(fmri), contract)
        };
        if stop.throttled {
            self.throttle(fmri);
        }
        let transient = Style::of(&view) == Style::Transient;
        let result = loop {
            // Without processes of its own there is nothing to stop.
            if contract.is_none() && !transient {
                break Try::Succeeded;
            }
            let result = match Method::find(&view, fmri, "stop") {
                Err(Unusable(why)) => self.unusable(fmri, &why),
                Ok(None) => {
                    let message = "Method property group 'stop' is not present.";
                    log::write(self.paths(), fmri, message);
                    Try::Succeeded
                }
                Ok(Some(method)) if transient && first_signal(&method.exec).is_some() => {
                    let message = "Invalid use of \":kill\" as stop method for transient service.";
                    self.unusable(fmri, message)
                }
                Ok(Some(method)) => self.stop_once(fmri, &method, contract),
            };
            match result {
                Try::Failed(_) if self.may_try_again(fmri) => {}
                other => break other,
            }
        };
        self.finish_stop(fmri, stop, &result);
    }

    fn finish_stop(&self, fmri: &Fmri, stop: Stop, result: &Try) {
        match result {
            Try::Succeeded => self.change(|inner| {
                let live = inner.live.entry(fmri.clone()).or_default();
                live.faults = 0;
                live.busy = false;
                live.contract = None;
                inner.enter(fmri, stop.then, stop.auxiliary, stop.cause);
            }),
            Try::Failed(words) => {
                self.forget_contract(fmri);
                self.maintain(fmri, "fault_threshold_reached", words);
            }
            Try::Hopeless(words) => {
                self.forget_contract(fmri);
                self.maintain(fmri, "method_failed", words);
            }
        }
    }

    fn forget_contract(&self, fmri: &Fmri) {
        self.change(|inner| inner.live.entry(fmri.clone()).or_default().contract = None);
    }

    fn may_try_again(&self, fmri: &Fmri) -> bool {
        self.change(|inner| {
            let live = inner.live.entry(fmri.clone()).or_default();
            live.faults += 1;
            live.faults < 3
        })
    }

    fn throttle(&self, fmri: &Fmri) {
        let often = self
            .lock()
            .live
            .get(fmri)
            .is_some_and(|live| live.starts.len() >= 5);
        if often {
            log::write(self.paths(), fmri, "Failing too quickly, throttling.");
            thread::sleep(Duration::from_secs(1));
        }
    }

    fn stop_once(&self, fmri: &Fmri, method: &Method, contract: Option<u64>) -> Try {
        let deadline = method.timeout.map(|timeout| Instant::now() + timeout);
        let result = self.run_beside(fmri, method);
        if !matches!(result, Try::Succeeded) {
            return result;
        }
        let Some(contract) = contract else {
            return result;
        };
        while !is_empty(self, contract) {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let message =
                    format!("Method or service exit timed out.  Killing contract {contract}.");
                log::write(self.paths(), fmri, &message);
                holder::kill_until_empty(self.paths(), contract);
                return Try::Hopeless("timed out");
            }
            thread::sleep(Duration::from_millis(10));
        }
        result
    }
}

fn is_empty(restarter: &Restarter, contract: u64) -> bool {
    !restarter
        .paths()
        .contracts()
        .join(contract.to_string())
        .exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_is_a_signal_only_when_nothing_but_a_signal_follows() {
        assert_eq!(first_signal(":kill"), Some(Signal::SIGTERM));
        assert_eq!(first_signal(":kill -HUP"), Some(Signal::SIGHUP));
        assert_eq!(first_signal(":kill -9"), Some(Signal::SIGKILL));
        assert_eq!(first_signal(":kill all"), None);
        assert_eq!(first_signal(":killer"), None);
        assert_eq!(first_signal("/bin/kill"), None);
    }
}
