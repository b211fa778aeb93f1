//! Start and refresh: running methods, and what their ends mean.
//!
//! A failed method is tried again at once; the third failure since anything last succeeded is the
//! end. Every try counts towards "restarting too quickly", whose tenth start is not made.

use super::super::contract::{Owner, Report, holder};
use super::super::dependencies::Cause;
use super::super::door::Edit;
use super::super::fmri::Fmri;
use super::super::log;
use super::super::model::{Groups, State, value};
use super::super::paths::Paths;
use super::super::stamp;
use super::method::{Ended, Method, Unusable, await_end, ending, launch};
use super::stop::first_signal;
use super::{Event, Fault, Inner, Restarter};
use crate::sandbox::userland::first_boot;
use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A service of the platform whose method this process runs itself.
const MANIFEST_IMPORT: &str = "/lib/svc/method/manifest-import";

const NO_DAEMON: i32 = 94;
/// Exit statuses after which trying again is of no use.
const HOPELESS: [i32; 4] = [95, 96, 99, 100];
const FAULT_THRESHOLD: u32 = 3;

/// How a service wants to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Contract,
    Transient,
    Child,
}

impl Style {
    /// Any word that is not known means `contract`.
    pub fn of(view: &Groups) -> Self {
        match value(view, "startd", "duration") {
            Some("transient") => Self::Transient,
            Some("child" | "wait") => Self::Child,
            _ => Self::Contract,
        }
    }
}

/// What one try of a method came to.
pub enum Try {
    Succeeded,
    /// Worth another try.
    Failed(&'static str),
    /// Not worth one; the cause for the console.
    Hopeless(&'static str),
}

/// An instance's log, to be written to as a method writes.
struct LogOf<'a>(&'a Paths, &'a Fmri);

impl Write for LogOf<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        log::append(self.0, self.1, &String::from_utf8_lossy(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Restarter {
    /// Runs the start method until it succeeds or gives up.
    pub(super) fn start(&self, fmri: &Fmri) {
        loop {
            let view = self.lock().repository.running(fmri);
            if self.starts_too_quickly(fmri, &view) {
                log::write(
                    self.paths(),
                    fmri,
                    "Restarting too quickly, changing state to maintenance.",
                );
                self.maintain(fmri, "restarting_too_quickly", "failed repeatedly");
                return;
            }
            let result = match Method::find(&view, fmri, "start") {
                Err(Unusable(why)) => self.unusable(fmri, &why),
                Ok(None) => {
                    log::write(
                        self.paths(),
                        fmri,
                        "Method property group 'start' is not present.",
                    );
                    Try::Succeeded
                }
                Ok(Some(method)) => self.try_start(fmri, &view, &method),
            };
            if self.judge(fmri, &result, State::Online) {
                return;
            }
        }
    }

    /// Acts on the result of a try; false when there shall be another one.
    pub(super) fn judge(&self, fmri: &Fmri, result: &Try, good: State) -> bool {
        match result {
            Try::Succeeded => {
                self.change(|inner| {
                    let live = inner.live.entry(fmri.clone()).or_default();
                    live.faults = 0;
                    live.busy = false;
                    inner.enter(fmri, good, "dependencies_satisfied", Cause::Other);
                });
                true
            }
            Try::Hopeless(words) => {
                self.maintain(fmri, "method_failed", words);
                true
            }
            Try::Failed(_) => {
                let faults = self.change(|inner| {
                    let live = inner.live.entry(fmri.clone()).or_default();
                    live.faults += 1;
                    live.faults
                });
                if faults < FAULT_THRESHOLD {
                    return false;
                }
                self.maintain(fmri, "fault_threshold_reached", "failed repeatedly");
                true
            }
        }
    }

    /// To maintenance, with a word on the console.
    pub(super) fn maintain(&self, fmri: &Fmri, auxiliary: &str, words: &str) {
        let name = fmri.to_string();
        eprintln!(
            "svc.startd: {} {words}: transitioned to maintenance (see 'svcs -xv' for details)",
            name.trim_start_matches("svc:/")
        );
        self.change(|inner| {
            inner.live.entry(fmri.clone()).or_default().busy = false;
            inner.enter(fmri, State::Maintenance, auxiliary, Cause::Error);
        });
    }

    pub(super) fn unusable(&self, fmri: &Fmri, why: &str) -> Try {
        for line in why.lines() {
            log::write(self.paths(), fmri, line);
        }
        Try::Hopeless("misconfigured")
    }

    /// Records a start; true when it must not be made.
    fn starts_too_quickly(&self, fmri: &Fmri, view: &Groups) -> bool {
        let (count, period) = critical(view);
        let mut inner = self.lock();
        let live = inner.live.entry(fmri.clone()).or_default();
        live.starts.push_back(Instant::now());
        while live.starts.len() > count {
            live.starts.pop_front();
        }
        let oldest = live.starts.front().map(Instant::elapsed);
        // A child is slowed down instead.
        Style::of(view) != Style::Child
            && live.starts.len() == count
            && oldest.is_some_and(|age| age < period)
    }

    fn try_start(&self, fmri: &Fmri, view: &Groups, method: &Method) -> Try {
        let paths = self.paths();
        if Style::of(view) == Style::Child
            && let Some(missing) = missing_program(&method.exec)
        {
            let message =
                format!("Missing start method ({missing}), changing state to maintenance.");
            log::write(paths, fmri, &message);
            return Try::Hopeless("misconfigured");
        }
        log::write(
            paths,
            fmri,
            &format!("Executing start method {}.", method.label()),
        );
        if method.exec == ":true" {
            return Try::Succeeded;
        }
        if first_signal(&method.exec).is_some() {
            return self.unusable(fmri, "Invalid use of \":kill\" as start method.");
        }
        if method.exec == MANIFEST_IMPORT {
            super::super::manifest_import::run(self, fmri);
            log::write(paths, fmri, "Method \"start\" exited with status 0.");
            return Try::Succeeded;
        }
        if let Some(result) = self.run_within(fmri, view, method) {
            return result;
        }
        let owner = match method.spec(paths, fmri).map_err(|Unusable(why)| why) {
            Ok(spec) => match launch(paths, &spec) {
                Ok(owner) => owner,
                Err(why) => return self.unusable(fmri, &why),
            },
            Err(why) => return self.unusable(fmri, &why),
        };
        self.follow_start(fmri, view, method, owner)
    }

    /// Runs a method of a zone's first boot that needs no process of its own.
    fn run_within(&self, fmri: &Fmri, view: &Groups, method: &Method) -> Option<Try> {
        let paths = self.paths();
        let apply = |edits: Vec<Edit>| {
            let applied = self.apply(&edits).map_err(std::io::Error::other);
            applied.map(drop)
        };
        let mut log = LogOf(paths, fmri);
        let ended = first_boot::within(&method.exec, paths.root(), view, &apply, &mut log)?;
        let status = ended.unwrap_or_else(|error| {
            log::write(paths, fmri, &error.to_string());
            1
        });
        log::write(
            paths,
            fmri,
            &format!("Method \"start\" exited with status {status}."),
        );
        Some(match status {
            0 => Try::Succeeded,
            status if HOPELESS.contains(&status) => Try::Hopeless("failed fatally"),
            _ => Try::Failed("failed"),
        })
    }

    fn follow_start(&self, fmri: &Fmri, view: &Groups, method: &Method, owner: Owner) -> Try {
        let paths = self.paths();
        let contract = owner.contract;
        let deadline = method.timeout.map(|timeout| Instant::now() + timeout);
        let reports = self.relay(fmri, owner, Style::of(view));
        self.change(|inner| {
            inner.live.entry(fmri.clone()).or_default().contract = Some(contract);
            let now = stamp::property_time(stamp::now());
            inner.set(fmri, "start_method_timestamp", "time", Some(now));
            inner.set(fmri, "contract", "count", Some(contract.to_string()));
        });
        if Style::of(view) == Style::Child {
            // The method is the service: it runs, so all is well.
            self.note_start(fmri, &reports);
            return Try::Succeeded;
        }
        self.note_start(fmri, &reports);
        let ended = await_end(&reports, paths, fmri, contract, deadline);
        log::write(paths, fmri, &ending("start", ended));
        let result = judge_end(
            ended,
            value(view, "startd", "timeout_retry") != Some("false"),
        );
        let keeps = matches!(result, Try::Succeeded)
            && ended == Ended::Status(0)
            && Style::of(view) == Style::Contract;
        if matches!(result, Try::Failed(_) | Try::Hopeless(_)) {
            // What a failed method left running would be in the way of the next try (inferred).
            holder::kill_until_empty(paths, contract);
        }
        self.change(|inner| {
            let status = match ended {
                Ended::Status(status) => status,
                Ended::TimedOut => 9,
            };
            inner.set(
                fmri,
                "start_method_waitstatus",
                "integer",
                Some(status.to_string()),
            );
            if !keeps {
                inner.live.entry(fmri.clone()).or_default().contract = None;
            }
        });
        result
    }

    /// Waits for the first report and keeps the process id it brings.
    fn note_start(&self, fmri: &Fmri, reports: &Receiver<Report>) {
        if let Ok(Report::Started { pid }) = reports.recv() {
            self.change(|inner| inner.set(fmri, "start_pid", "count", Some(pid.to_string())));
        }
    }

    /// Passes a contract's reports on: to the method's job, and those about the service's later
    /// life to its queue.
    pub(super) fn relay(&self, fmri: &Fmri, mut owner: Owner, style: Style) -> Receiver<Report> {
        let (sender, receiver) = channel();
        let restarter = self.clone();
        let fmri = fmri.clone();
        let contract = owner.contract;
        thread::spawn(move || {
            while let Some(report) = owner.next_report() {
                let fault = match report {
                    Report::Empty => Some(Fault::Empty),
                    Report::Core => Some(Fault::Core),
                    Report::Signal => Some(Fault::Signal),
                    Report::Exited { status } if style == Style::Child => {
                        Some(Fault::Child(status))
                    }
                    _ => None,
                };
                // The job may have lost interest; the queue has not.
                drop(sender.send(report));
                if let Some(fault) = fault {
                    restarter.change(|inner| inner.contract_fault(&fmri, contract, fault));
                }
            }
            owner.reap();
            let folder = restarter.paths().contracts().join(contract.to_string());
            if folder.exists() {
                drop(std::fs::remove_dir_all(folder));
            }
            // A holder that was killed cannot say that its contract is gone.
            restarter.change(|inner| inner.contract_fault(&fmri, contract, Fault::Empty));
        });
        receiver
    }

    /// Runs the refresh method of a running instance.
    pub(super) fn refresh(&self, fmri: &Fmri) {
        let paths = self.paths();
        log::write(paths, fmri, "Rereading configuration.");
        loop {
            let (view, state) = {
                let inner = self.lock();
                (inner.repository.running(fmri), inner.repository.state(fmri))
            };
            let result = match Method::find(&view, fmri, "refresh") {
                Err(Unusable(why)) => self.unusable(fmri, &why),
                Ok(None) => {
                    let message = "No 'refresh' method defined.  Treating as :true.";
                    log::write(paths, fmri, message);
                    Try::Succeeded
                }
                Ok(Some(method)) => self.run_beside(fmri, &method),
            };
            if let Try::Succeeded = result {
                self.change(|inner| {
                    let live = inner.live.entry(fmri.clone()).or_default();
                    live.faults = 0;
                    live.busy = false;
                    inner.set(fmri, "next_state", "astring", Some("none".to_owned()));
                });
                return;
            }
            if self.judge(fmri, &result, state) {
                return;
            }
        }
    }

    /// Runs a method that is not the start method, in a contract of its own.
    pub(super) fn run_beside(&self, fmri: &Fmri, method: &Method) -> Try {
        let paths = self.paths();
        let name = method.name;
        log::write(
            paths,
            fmri,
            &format!("Executing {name} method {}.", method.label()),
        );
        if method.exec == ":true" {
            return Try::Succeeded;
        }
        if let Some(signal) = first_signal(&method.exec) {
            let contract = self.lock().live.get(fmri).and_then(|live| live.contract);
            if let Some(contract) = contract {
                holder::kill_members(paths, contract, signal);
            }
            return Try::Succeeded;
        }
        let spec = match method.spec(paths, fmri) {
            Ok(spec) => spec,
            Err(Unusable(why)) => return self.unusable(fmri, &why),
        };
        let owner = match launch(paths, &spec) {
            Ok(owner) => owner,
            Err(why) => return self.unusable(fmri, &why),
        };
        let contract = owner.contract;
        let reports = self.relay(fmri, owner, Style::Transient);
        let deadline = method.timeout.map(|timeout| Instant::now() + timeout);
        let ended = await_end(&reports, paths, fmri, contract, deadline);
        log::write(paths, fmri, &ending(name, ended));
        match ended {
            Ended::TimedOut if name == "stop" => Try::Hopeless("timed out"),
            ended => judge_end(ended, true),
        }
    }
}

impl Inner {
    fn contract_fault(&mut self, fmri: &Fmri, contract: u64, fault: Fault) {
        let Some(live) = self.live.get_mut(fmri) else {
            return;
        };
        if live.contract != Some(contract) {
            return;
        }
        let ignored = value(&self.repository.running(fmri), "startd", "ignore_error")
            .unwrap_or("")
            .to_owned();
        // Only these exact words have an effect; `core, signal` with a blank has none.
        let (core, signal) = match ignored.as_str() {
            "core" => (true, false),
            "signal" => (false, true),
            "core,signal" | "signal,core" => (true, true),
            _ => (false, false),
        };
        if (fault == Fault::Core && core) || (fault == Fault::Signal && signal) {
            return;
        }
        self.push(fmri, Event::Contract(contract, fault));
    }
}

fn judge_end(ended: Ended, timeout_retry: bool) -> Try {
    match ended {
        Ended::TimedOut if timeout_retry => Try::Failed("timed out"),
        Ended::TimedOut => Try::Hopeless("timed out"),
        Ended::Status(status) if status & 0x7f != 0 => Try::Failed("failed"),
        Ended::Status(status) => match status >> 8 {
            0 | NO_DAEMON => Try::Succeeded,
            code if HOPELESS.contains(&code) => Try::Hopeless(if code == 96 {
                "misconfigured"
            } else {
                "failed fatally"
            }),
            _ => Try::Failed("failed"),
        },
    }
}

/// Both properties have to be there, as integers, or neither counts.
fn critical(view: &Groups) -> (usize, Duration) {
    let integer = |name: &str| {
        let property = view.get("startd")?.properties.get(name)?;
        (property.kind == "integer").then(|| property.values.first()?.parse::<u64>().ok())?
    };
    match (
        integer("critical_failure_count"),
        integer("critical_failure_period"),
    ) {
        (Some(count), Some(period)) => {
            let count = usize::try_from(count.clamp(1, 10)).unwrap_or(10);
            (count, Duration::from_secs(period))
        }
        _ => (10, Duration::from_secs(600)),
    }
}

fn missing_program(exec: &str) -> Option<&str> {
    let program = exec.split_whitespace().next()?;
    (program.starts_with('/') && !std::path::Path::new(program).exists()).then_some(program)
}
