//! Runs as people read them: a line each, the steps of one, and its first real error.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::super::now;
use super::{Entry, outcome, read};
use crate::script::quote;
use crate::show::{Style, duration, excerpt, labelled, moment, whole_seconds};
use crate::store::{Run, RunRecord, StepRecord};

/// One line a run.
pub(super) fn rows(entries: &[Entry], zone: Option<&str>, style: Style) -> String {
    let mut out = String::new();
    for entry in entries {
        let outcome = outcome(entry);
        let color = match outcome {
            "done" => "32",
            "running" => "33",
            _ => "31",
        };
        let name = match zone {
            Some(zone) => zone.to_owned(),
            None => format!("{:>3}", entry.number),
        };
        let _ = write!(
            out,
            "{name}  {}  {}",
            moment(entry.run.started()),
            style.paint(color, &format!("{outcome:<10}"))
        );
        match &entry.record {
            Ok(record) => {
                let steps = match record.steps.len() {
                    1 => "1 step".to_owned(),
                    count => format!("{count} steps"),
                };
                let line = format!("  {steps:>9}  {:>12}  {}", took(entry, record), record.user);
                let _ = writeln!(out, "{}", line.trim_end());
            }
            Err(error) => {
                let _ = writeln!(out, "  {error}");
            }
        }
    }
    out
}

/// How long a run took, or takes already.
fn took(entry: &Entry, record: &RunRecord) -> String {
    match record.took_ms {
        Some(ms) => duration(Duration::from_millis(ms)),
        None if entry.run.is_running() => {
            whole_seconds(Duration::from_secs(now().saturating_sub(record.started)))
        }
        None => String::new(),
    }
}

/// Who asked for a run, with what, and where its files are.
pub(super) fn origin(entry: &Entry, style: Style) -> String {
    let Ok(record) = &entry.record else {
        return String::new();
    };
    let mut words = record.command.iter();
    let program = words.next().map(|program| {
        let name = Path::new(program).file_name();
        name.map_or_else(|| program.clone(), |n| n.to_string_lossy().into_owned())
    });
    let words: Vec<String> = program
        .into_iter()
        .chain(words.cloned())
        .map(|word| quote(&word))
        .collect();
    let what = format!("{} ({})", words.join(" "), record.zonewright);
    let folder = entry.run.folder.display();
    format!(
        "{}\n{}\n",
        style.paint("1", &what),
        style.paint("2", &folder.to_string())
    )
}

/// The steps of a run, and its first real error.
pub(super) fn details(entry: &Entry, style: Style) -> String {
    let Ok(record) = &entry.record else {
        return String::new();
    };
    let mut out = String::new();
    let is_running = entry.run.is_running();
    let widest = record
        .steps
        .iter()
        .map(|step| step.id.chars().count())
        .max();
    for step in &record.steps {
        let (mark, took) = match (&step.error, step.took_ms) {
            (Some(_), ms) => (style.paint("31", "✗"), ms),
            (None, Some(ms)) => (style.paint("32", "✓"), Some(ms)),
            (None, None) => (style.paint("33", "…"), None),
        };
        let took = match took {
            Some(ms) => duration(Duration::from_millis(ms)),
            None if is_running => "running".to_owned(),
            None => "broken off".to_owned(),
        };
        let width = widest.unwrap_or_default();
        let _ = writeln!(out, "  {mark} {:<width$}  {took:>12}", step.id);
    }
    match record.steps.iter().find(|step| step.error.is_some()) {
        Some(step) => out.push_str(&failed(&entry.run, step, style)),
        None => {
            if let Some(error) = &record.error {
                let _ = writeln!(out, "\n{error}");
            }
        }
    }
    out
}

fn failed(run: &Run, step: &StepRecord, style: Style) -> String {
    let mut out = format!("\n{}\n", step.error.as_deref().unwrap_or_default());
    let path = run.folder.join(&step.log);
    let log = read(&path);
    if log.trim().is_empty() {
        return out;
    }
    let found = excerpt::of_step(&step.id, &log);
    out.push_str(&excerpt::text(&found, style));
    out.push_str(&labelled("log", &path.display().to_string(), style));
    if let Some(help) = &found.help {
        out.push_str(&labelled("help", help, style));
    }
    out
}

/// The whole output of these steps.
pub(super) fn outputs(run: &Run, steps: &[StepRecord]) -> String {
    let mut out = String::new();
    for step in steps {
        let _ = writeln!(
            out,
            "==> {}\n{}",
            step.id,
            read(&run.folder.join(&step.log))
        );
    }
    out
}
