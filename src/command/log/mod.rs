//! `zonewright log`: the runs of a zone, what the last one did, and its first real error.

mod json;
mod text;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{DONE, Failure, STATE_HELP, answer, answer_json, folders, site};
use crate::cli::{Global, LogArgs};
use crate::plan;
use crate::recipe::format::{list_of, nearest, there_are};
use crate::show::Style;
use crate::site::load::zone_names;
use crate::store::{Folders, Run, RunRecord, StepRecord, StoreError};
use json::document;
use text::{details, origin, outputs, rows};

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
        Some(zone) => {
            refuse_unknown(global, &folders, zone)?;
            of_zone(&folders, zone, arguments, style)?
        }
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
    let zones = folders
        .zones_with_runs()
        .map_err(|e| Failure::of(&e, STATE_HELP))?;
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

/// Refuses a name that has neither a zone file nor runs.
fn refuse_unknown(global: &Global, folders: &Folders, zone: &str) -> Result<(), Failure> {
    let mut names = folders
        .zones_with_runs()
        .map_err(|error| Failure::of(&error, STATE_HELP))?;
    names.extend(zone_names(&site(global)?));
    names.sort();
    names.dedup();
    if names.iter().any(|name| name == zone) {
        return Ok(());
    }
    let help = match nearest(zone, &names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => there_are(&names),
    };
    Err(Failure::usage(&format!("there is no zone `{zone}`"), &help))
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
        .map_err(|error| Failure::of(&error, STATE_HELP))?;
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
    // a phase goes by its own name, whichever recipe it builds
    let own = |step: StepRecord| {
        plan::phase_of(&step.id)
            .map(str::to_owned)
            .unwrap_or(step.id)
    };
    let names: BTreeSet<String> = entries.iter().flat_map(recorded).map(own).collect();
    let names: Vec<String> = names.into_iter().collect();
    let there = format!("there are {}", list_of(&names));
    let help = match nearest(name, &names) {
        Some(meant) => format!("did you mean `{meant}`? {there}"),
        None => there,
    };
    Err(Failure::usage(
        &format!("no run of {zone} has a step `{name}`"),
        &help,
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

/// A log, whatever bytes a compiler put into it; what cannot be read is said in its place.
fn read(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("cannot read {}: {error}\n", path.display()),
    }
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
