//! `zonewright log`: runs, and the first real error of the last one.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{DONE, Failure, answer, answer_json, folders};
use crate::cli::{Global, LogArgs};
use crate::show::{Style, duration, first_error, moment};
use crate::store::{Folders, RunRecord};

/// How many runs are listed.
const LISTED: usize = 10;

pub(super) fn run(global: &Global, arguments: &LogArgs) -> Result<u8, Failure> {
    let folders = folders();
    let zones = match &arguments.zone {
        Some(zone) => vec![zone.clone()],
        None => folders.zones_with_runs(),
    };
    let style = Style::stdout(global.color);
    let mut documents = Vec::new();
    let mut out = String::new();
    for zone in &zones {
        let runs = runs(&folders, zone)?;
        if arguments.full {
            out.push_str(&full(&runs));
            continue;
        }
        let listed = if arguments.zone.is_some() { LISTED } else { 1 };
        for (folder, record) in runs.iter().take(listed) {
            documents.push(json!({ "folder": folder, "run": record }));
        }
        out.push_str(&text(zone, &runs, listed, style));
    }
    if zones.is_empty() {
        out.push_str("no runs yet; `zonewright apply ZONE` makes one\n");
    }
    if global.json {
        answer_json("log", json!({ "runs": documents }));
    } else {
        answer(&out);
    }
    Ok(DONE)
}

type Runs = Vec<(std::path::PathBuf, RunRecord)>;

fn runs(folders: &Folders, zone: &str) -> Result<Runs, Failure> {
    folders.runs(zone).map_err(|error| Failure::of(&error, ""))
}

fn text(zone: &str, runs: &Runs, listed: usize, style: Style) -> String {
    let mut out = String::new();
    if runs.is_empty() {
        return format!("{zone}: no runs yet; `zonewright apply {zone}` makes one\n");
    }
    for (folder, record) in runs.iter().take(listed) {
        let outcome = record.outcome.as_deref().unwrap_or("broken off");
        let took = record.took_ms.map(|ms| duration(Duration::from_millis(ms)));
        let color = if outcome == "done" { "32" } else { "31" };
        let _ = writeln!(
            out,
            "{}  {zone}  {}  {} steps  {}  {}",
            moment(record.started),
            style.paint(color, outcome),
            record.steps.len(),
            took.unwrap_or_default(),
            style.paint("2", &folder.display().to_string())
        );
    }
    if let Some((folder, record)) = runs.first() {
        out.push_str(&last(folder, record, style));
    }
    out
}

/// The steps of the last run, and its error.
fn last(folder: &Path, record: &RunRecord, style: Style) -> String {
    let mut out = String::new();
    for step in &record.steps {
        let mark = if step.error.is_some() {
            style.paint("31", "✗")
        } else {
            style.paint("32", "✓")
        };
        let took = duration(Duration::from_millis(step.took_ms));
        let _ = writeln!(out, "  {mark} {:<50} {took:>12}", step.id);
    }
    let Some(step) = record.steps.iter().find(|step| step.error.is_some()) else {
        return out;
    };
    let path = folder.join(&step.log);
    let log = read(&path);
    let _ = writeln!(out, "\n{}", step.error.as_deref().unwrap_or_default());
    out.push_str(&first_error::find(&log, first_error::Source::Phase).text(style));
    let _ = writeln!(out, "the whole output: {}", path.display());
    out
}

/// A log, whatever bytes a compiler put into it; what cannot be read is said in its place.
fn read(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("cannot read {}: {error}\n", path.display()),
    }
}

fn full(runs: &Runs) -> String {
    let Some((folder, record)) = runs.first() else {
        return String::new();
    };
    let mut out = String::new();
    for step in &record.steps {
        let log = read(&folder.join(&step.log));
        let _ = writeln!(out, "==> {}\n{log}", step.id);
    }
    out
}
