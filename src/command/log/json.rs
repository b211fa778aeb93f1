//! Runs as programs read them.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, outcome, read};
use crate::causes::in_one_line;
use crate::show::excerpt;
use crate::store::StepRecord;

/// All that is known of a run; with the output of these steps, where they are given.
pub(super) fn document(entry: &Entry, whole: Option<&[StepRecord]>) -> Value {
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
        Err(error) => document["error"] = Value::String(in_one_line(error)),
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
