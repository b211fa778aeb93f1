//! One step: its work carried out, its output kept and shown.

use std::fs::File;
use std::io::{Cursor, Read, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Controller, Event, RunError, View, build, wait};
use crate::afp;
use crate::host::{Exit, Host, Stream};
use crate::plan::{self, Input, Step, Work, checks, lock, shell};
use crate::receipt::sha256_hex;
use crate::recipe::model::{Check, CheckKind, Service};
use crate::script::Script;
use crate::size::show_size;

/// How much of a step's last output an error carries.
const TAIL_BYTES: usize = 8 * 1024;

/// The file that takes a step's output.
pub(super) struct Sink {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// How much of a phase's log is in it.
    pub(super) shown: u64,
}

impl Sink {
    pub(super) fn new(path: PathBuf, file: File) -> Self {
        Self {
            path,
            file,
            shown: 0,
        }
    }
}

/// Runs a step; the answer is what it has to say when all went well.
pub(super) fn run(
    door: &mut dyn Host,
    view: &View,
    step: &Step,
    controller: &mut Controller<'_>,
    sink: &mut Sink,
) -> Result<Option<String>, RunError> {
    match &step.work {
        Work::Script { script, input } => {
            run_script(door, step, script, &bytes_of(input), controller, sink).map(|()| None)
        }
        Work::Source(job) => {
            let wanted = build::recipe(view, &job.recipe)?;
            let tree = build::prepare(wanted, controller)
                .map_err(|unprepared| build_error(step)(*unprepared.error))?;
            let said = format!("{} sent", show_size(tree.len() as u64));
            run_script(door, step, &job.script, &framed(&tree), controller, sink)?;
            Ok(Some(said))
        }
        Work::Phase { script, .. } => {
            let script = plan::phases::follow_from(script, sink.shown);
            run_script(door, step, &script, &[], controller, sink).map(|()| None)
        }
        Work::Package(job) => {
            let made = build::make_package(door, view, job, controller, sink);
            made.map(Some).map_err(build_error(step))
        }
        Work::Install { key, script } => {
            let package = controller.folders.package_bytes(key)?;
            run_script(door, step, script, &framed(&package), controller, sink).map(|()| None)
        }
        Work::Check(check) => {
            let services = services_of(view, step);
            run_check(door, check, services, controller, sink).map(Some)
        }
        Work::Unknown => Ok(None),
    }
}

/// Runs a step that is a script and nothing else.
pub(super) fn run_alone(
    door: &mut dyn Host,
    step: &Step,
    controller: &mut Controller<'_>,
    sink: &mut Sink,
) -> Result<(), RunError> {
    let Work::Script { script, input } = &step.work else {
        return Ok(());
    };
    run_script(door, step, script, &bytes_of(input), controller, sink)
}

/// What a script reads, as it reads it.
fn bytes_of(input: &Input) -> Vec<u8> {
    match input {
        Input::None => Vec::new(),
        Input::Bytes(bytes) | Input::Secret(bytes) => framed(bytes),
    }
}

fn build_error(step: &Step) -> impl FnOnce(build::BuildError) -> RunError {
    let (id, what) = (step.id.clone(), step.title());
    move |source| RunError::Build {
        id,
        what,
        source: Box::new(source),
    }
}

/// The bytes behind a line with their hash and size, which the target compares.
pub(super) fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut framed = format!("{} {}\n", sha256_hex(bytes), bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed
}

/// Runs a script to its end; waits as long as it finds somebody being served.
fn run_script(
    door: &mut dyn Host,
    step: &Step,
    script: &Script,
    input: &[u8],
    controller: &mut Controller<'_>,
    sink: &mut Sink,
) -> Result<(), RunError> {
    let mut waits_since = None;
    loop {
        let mut tail = Tail::default();
        let mut feed = Cursor::new(input);
        let exit = door.run(script, &mut feed, &mut |stream, bytes| {
            // the output is shown and kept as far as it can be; the target's work goes on
            let _ = sink.file.write_all(bytes);
            if stream == Stream::Out {
                sink.shown += bytes.len() as u64;
            }
            tail.push(bytes);
            (controller.watch)(Event::Output(stream, bytes));
        })?;
        let status = match exit {
            Exit::Code(0) => return Ok(()),
            // any other script, as a phase of a build, may end with this status too
            Exit::Code(shell::SESSIONS_OPEN) if !script.spares().is_empty() => {
                let since = *waits_since.get_or_insert_with(Instant::now);
                wait::until_quiet(door, script.spares(), &tail.text(), since, controller)?;
                continue;
            }
            Exit::Code(lock::NOT_HELD) if tail.text().trim_end().ends_with(lock::NOT_HELD_TEXT) => {
                return Err(RunError::NotHeld);
            }
            Exit::Code(status) => Some(status),
            Exit::Signal(signal) => {
                tail.push(format!("\nended by the signal {signal}\n").as_bytes());
                None
            }
        };
        return Err(RunError::Step {
            id: step.id.clone(),
            what: step.title(),
            status,
            tail: tail.text(),
            log: sink.path.clone(),
        });
    }
}

/// The last part of an output.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * TAIL_BYTES {
            self.0.drain(..self.0.len() - TAIL_BYTES);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// What a check found: good news, or why not.
fn run_check(
    door: &mut dyn Host,
    check: &Check,
    services: &[Service],
    controller: &mut Controller<'_>,
    sink: &mut Sink,
) -> Result<String, RunError> {
    let default = match check.kind {
        CheckKind::Command { .. } => Duration::ZERO,
        CheckKind::Tcp { .. } | CheckKind::Afp { .. } => Duration::from_secs(30),
    };
    let until = Instant::now() + check.within.unwrap_or(default);
    loop {
        let mut answer = Vec::new();
        let mut errors = Vec::new();
        let exit = door.run(
            &checks::script(&check.kind),
            &mut std::io::empty(),
            &mut |s, bytes| {
                let _ = sink.file.write_all(bytes);
                match s {
                    Stream::Out => answer.extend_from_slice(bytes),
                    Stream::Err => errors.extend_from_slice(bytes),
                }
                (controller.watch)(Event::Output(s, &[]));
            },
        )?;
        match judge(&check.kind, &exit, &answer, &errors) {
            Ok(found) => return Ok(found),
            Err(reason) if Instant::now() >= until || has_given_up(door, services, sink) => {
                return Err(RunError::Check {
                    name: check.name.clone(),
                    reason,
                    evidence: evidence(door, services, sink),
                });
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Whether SMF starts one of the services no more, so that waiting is in vain.
fn has_given_up(door: &mut dyn Host, services: &[Service], sink: &mut Sink) -> bool {
    if services.is_empty() {
        return false;
    }
    let answer = collect(door, &checks::states(services), &mut std::io::empty(), sink);
    answer.is_ok_and(|(_, states)| {
        String::from_utf8_lossy(&states)
            .lines()
            .any(|state| state.trim() == "maintenance")
    })
}

/// The services of the recipe that a check belongs to.
fn services_of<'a>(view: &'a View, step: &Step) -> &'a [Service] {
    let is_it = |name: &str| step.id.starts_with(&format!("checks/{name}/"));
    let recipe = view.recipes.iter().find(|recipe| is_it(&recipe.name));
    recipe.map_or(&[], |recipe| &recipe.bundle.recipe.services)
}

/// How the services are. What cannot be asked is no reason to tell of anything but the check.
fn evidence(door: &mut dyn Host, services: &[Service], sink: &mut Sink) -> String {
    if services.is_empty() {
        return String::new();
    }
    let script = checks::explain(services);
    match collect(door, &script, &mut std::io::empty(), sink) {
        Ok((_, answer)) => {
            let _ = sink.file.write_all(&answer);
            String::from_utf8_lossy(&answer).into_owned()
        }
        Err(_) => String::new(),
    }
}

/// Holds the answer of a check against what it must be.
fn judge(kind: &CheckKind, exit: &Exit, answer: &[u8], errors: &[u8]) -> Result<String, String> {
    let text = || String::from_utf8_lossy(answer).into_owned();
    let said = || {
        let all = format!("{}{}", text(), String::from_utf8_lossy(errors));
        let all = all.trim().to_owned();
        if all.is_empty() {
            "it said nothing".to_owned()
        } else {
            all
        }
    };
    match kind {
        CheckKind::Command {
            contains, status, ..
        } => {
            if *exit != Exit::Code(*status) {
                return Err(format!("it ended with {}, not {status}; {}", exit, said()));
            }
            match contains {
                Some(wanted) if !text().contains(wanted) => Err(format!(
                    "its output does not contain `{wanted}`: {}",
                    said()
                )),
                _ => Ok("passes".to_owned()),
            }
        }
        CheckKind::Tcp { port, address } => match exit {
            Exit::Code(0) => Ok(format!("listens on {address}:{port}")),
            _ => Err(format!("nothing listens on {address}:{port}")),
        },
        CheckKind::Afp { port, address } => match afp::parse_status(answer) {
            Ok(status) => Ok(show_status(&status)),
            Err(error) if answer.is_empty() => Err(format!(
                "nothing answers on {address}:{port} ({}; {error})",
                exit
            )),
            Err(error) => Err(format!("{address}:{port} answers, but not as AFP: {error}")),
        },
    }
}

fn show_status(status: &afp::ServerStatus) -> String {
    format!(
        "“{}” speaks {} with {}",
        status.name(),
        status.versions.join(", "),
        status.uams.join(", ")
    )
}

/// Runs a script whose standard output is data, and gives the data.
pub(super) fn collect(
    door: &mut dyn Host,
    script: &Script,
    input: &mut dyn Read,
    sink: &mut Sink,
) -> Result<(Exit, Vec<u8>), RunError> {
    let mut data = Vec::new();
    let exit = door.run(script, input, &mut |stream, bytes| match stream {
        Stream::Out => data.extend_from_slice(bytes),
        Stream::Err => {
            let _ = sink.file.write_all(bytes);
        }
    })?;
    Ok((exit, data))
}
