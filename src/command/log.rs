//! `zonewright log`: the runs of a zone, what the last one did, and its first real error.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{DONE, Failure, answer, answer_json, folders, now};
use crate::cli::{Global, LogArgs};
use crate::plan;
use crate::show::{Style, duration, excerpt, labelled, moment, whole_seconds};
use crate::store::{Folders, Run, RunRecord, StepRecord, StoreError};

/// How many runs are listed.
const LISTED: usize = 10;

/// A run with its place in the list, and what is recorded of it.
struct Entry {
    /// 1 is the last run.
    number: usize,
    run: Run,
    record: Result<RunRecord, StoreError>,
}

pub(super) fn run(global: &Global, arguments: &LogArgs) -> Result<u8, Failure> {
    let folders = folders();
    let style = Style::stdout(global.color);
    let (text, documents) = match &arguments.zone {
        None => overview(&folders, arguments.full, style)?,
        Some(zone) => of_zone(&folders, zone, arguments, style)?,
    };
    if global.json {
        answer_json("log", json!({ "runs": documents }));
    } else {
        answer(&text);
    }
    Ok(DONE)
}

/// The last run of each zone.
fn overview(folders: &Folders, full: bool, style: Style) -> Result<(String, Vec<Value>), Failure> {
    let zones = folders.zones_with_runs().map_err(|e| Failure::of(&e, ""))?;
    let (mut text, mut documents) = (String::new(), Vec::new());
    for zone in &zones {
        let entries = entries(folders, zone)?;
        let Some(last) = entries.first() else {
            continue;
        };
        let steps = recorded(last);
        documents.push(document(last, full.then_some(steps.as_slice())));
        if full {
            text.push_str(&outputs(&last.run, &steps));
        } else {
            let rows = rows(std::slice::from_ref(last), Some(zone), style);
            let _ = write!(text, "{rows}{}", details(last, style));
        }
    }
    if documents.is_empty() {
        text.push_str("no runs yet; `zonewright apply ZONE` makes one\n");
    }
    Ok((text, documents))
}

/// The runs of one zone, or a part of what one of them did.
fn of_zone(
    folders: &Folders,
    zone: &str,
    arguments: &LogArgs,
    style: Style,
) -> Result<(String, Vec<Value>), Failure> {
    let mut entries = entries(folders, zone)?;
    if entries.is_empty() {
        let text = format!("{zone}: no runs yet; `zonewright apply {zone}` makes one\n");
        return Ok((text, Vec::new()));
    }
    if let Some(wanted) = &arguments.run {
        entries = vec![chosen(entries, wanted, zone)?];
    }
    if let Some(name) = &arguments.phase {
        let (entry, steps) = with_phase(&entries, name, zone)?;
        let documents = vec![document(entry, Some(&steps))];
        return Ok((outputs(&entry.run, &steps), documents));
    }
    let Some(first) = entries.first() else {
        return Ok((String::new(), Vec::new()));
    };
    if arguments.full {
        let steps = recorded(first);
        let documents = vec![document(first, Some(&steps))];
        return Ok((outputs(&first.run, &steps), documents));
    }
    let listed = entries.get(..LISTED.min(entries.len())).unwrap_or_default();
    let mut text = rows(listed, None, style);
    if entries.len() > listed.len() {
        let _ = writeln!(text, "    and {} older ones", entries.len() - listed.len());
    }
    let _ = write!(text, "\n{}{}", origin(first, style), details(first, style));
    let documents = listed.iter().map(|entry| document(entry, None)).collect();
    Ok((text, documents))
}

fn entries(folders: &Folders, zone: &str) -> Result<Vec<Entry>, Failure> {
    let runs = folders
        .runs(zone)
        .map_err(|error| Failure::of(&error, ""))?;
    let entry = |(index, run): (usize, Run)| Entry {
        number: index + 1,
        record: run.record(),
        run,
    };
    Ok(runs.into_iter().enumerate().map(entry).collect())
}

fn recorded(entry: &Entry) -> Vec<StepRecord> {
    let record = entry.record.as_ref().ok();
    record
        .map(|record| record.steps.clone())
        .unwrap_or_default()
}

/// The run of this number, name or folder.
fn chosen(entries: Vec<Entry>, wanted: &str, zone: &str) -> Result<Entry, Failure> {
    let count = entries.len();
    let name = Path::new(wanted).file_name();
    let is_it =
        |entry: &Entry| wanted.parse() == Ok(entry.number) || name == entry.run.folder.file_name();
    entries.into_iter().find(is_it).ok_or_else(|| {
        Failure::usage(
            &format!("{zone} has no run `{wanted}`"),
            &format!("1 is the last of its {count} runs: `zonewright log {zone}` lists them"),
        )
    })
}

/// The last run that has a step of this name, with all its steps of that name.
fn with_phase<'a>(
    entries: &'a [Entry],
    name: &str,
    zone: &str,
) -> Result<(&'a Entry, Vec<StepRecord>), Failure> {
    for entry in entries {
        let mut steps = recorded(entry);
        steps.retain(|step| is_called(&step.id, name));
        if !steps.is_empty() {
            return Ok((entry, steps));
        }
    }
    let mut names = BTreeSet::new();
    for step in entries.iter().flat_map(recorded) {
        names.extend(plan::phase_of(&step.id).map(str::to_owned));
        names.insert(step.id);
    }
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    Err(Failure::usage(
        &format!("no run of {zone} has a step `{name}`"),
        &format!("there are {}", names.join(", ")),
    ))
}

/// Whether a step goes by this name: its id, the id's end, or its phase.
fn is_called(id: &str, name: &str) -> bool {
    id == name
        || id
            .strip_suffix(name)
            .is_some_and(|rest| rest.ends_with('/'))
}

/// How a run ended, or that it has not.
fn outcome(entry: &Entry) -> &str {
    match &entry.record {
        Err(_) => "unreadable",
        Ok(RunRecord {
            outcome: Some(outcome),
            ..
        }) => outcome,
        Ok(_) if entry.run.is_running() => "running",
        Ok(_) => "broken off",
    }
}

/// One line a run.
fn rows(entries: &[Entry], zone: Option<&str>, style: Style) -> String {
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
fn origin(entry: &Entry, style: Style) -> String {
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
        .map(|word| crate::script::quote(&word))
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
fn details(entry: &Entry, style: Style) -> String {
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

/// A log, whatever bytes a compiler put into it; what cannot be read is said in its place.
fn read(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("cannot read {}: {error}\n", path.display()),
    }
}

/// The whole output of these steps.
fn outputs(run: &Run, steps: &[StepRecord]) -> String {
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

/// All that is known of a run; with the output of these steps, where they are given.
fn document(entry: &Entry, whole: Option<&[StepRecord]>) -> Value {
    let folder = &entry.run.folder;
    let mut document = json!({
        "number": entry.number,
        "name": entry.run.name(),
        "folder": folder,
        "state": outcome(entry),
    });
    match &entry.record {
        Ok(record) => {
            document["run"] = json!(record);
            let failed = record.steps.iter().find(|step| step.error.is_some());
            document["first-error"] = failed.map_or(Value::Null, |step| first_error(folder, step));
        }
        Err(error) => document["error"] = Value::String(crate::causes::in_one_line(error)),
    }
    if let Some(steps) = whole {
        let output = |step: &StepRecord| {
            let path = folder.join(&step.log);
            json!({ "id": step.id, "log": path, "text": read(&path) })
        };
        document["output"] = steps.iter().map(output).collect();
    }
    document
}

fn first_error(folder: &Path, step: &StepRecord) -> Value {
    let path = folder.join(&step.log);
    let found = excerpt::of_step(&step.id, &read(&path));
    let lines = found.lines.iter();
    let lines: Vec<Value> = lines
        .map(|(number, text)| json!({ "number": number, "text": text }))
        .collect();
    json!({
        "step": step.id,
        "log": path,
        "line": found.error,
        "message": found.message(),
        "tool": found.tool,
        "command": found.command,
        "folder": found.folder,
        "help": found.help,
        "lines": lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_goes_by_its_id_and_by_its_end() {
        for name in ["build/a/compile", "a/compile", "compile"] {
            assert!(is_called("build/a/compile", name), "{name}");
        }
        for name in ["build/a", "pile", "", "a/compile/", "/compile"] {
            assert!(!is_called("build/a/compile", name), "{name}");
        }
        assert!(is_called(
            "services/svc:/site/a:default",
            "svc:/site/a:default"
        ));
    }
}
