//! A plan for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Style, plain};
use crate::plan::{Action, Change, Plan};

/// The plan as text: one line a change, then the diff where there is text, then the count.
#[must_use]
pub fn text(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    if plan.steps.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let changes: Vec<&Change> = plan.steps.iter().flat_map(|step| &step.changes).collect();
    let whats: Vec<_> = changes.iter().map(|c| plain::line(&c.what)).collect();
    let width = whats
        .iter()
        .map(|what| what.chars().count())
        .max()
        .unwrap_or(0)
        .min(60);
    for (change, what) in changes.iter().zip(&whats) {
        let sign = style.paint(
            color(change.action),
            &format!("{:>3}", change.action.sign()),
        );
        let why = style.paint("2", &plain::line(&change.why.join("; ")));
        let padding = width.saturating_sub(what.chars().count());
        let _ = writeln!(out, "{sign} {what}{} {why}", " ".repeat(padding + 1));
        for line in change.diff.iter().flat_map(|diff| diff.lines()) {
            let _ = writeln!(out, "      {}", diff_line(line, style));
        }
    }
    let _ = writeln!(out, "\n{}", count(&changes));
    out
}

fn color(action: Action) -> &'static str {
    match action {
        Action::Create => "32",
        Action::Change => "33",
        Action::Destroy | Action::Replace => "31",
        Action::Run => "36",
        Action::Unknown => "35",
    }
}

/// A line of a unified diff.
#[must_use]
pub fn diff_line(line: &str, style: Style) -> String {
    let line = plain::lines(line);
    match line.as_bytes().first() {
        Some(b'+') => style.paint("32", &line),
        Some(b'-') => style.paint("31", &line),
        Some(b'@') => style.paint("36", &line),
        _ => line.into_owned(),
    }
}

fn count(changes: &[&Change]) -> String {
    let of = |wanted: &[Action]| {
        changes
            .iter()
            .filter(|c| wanted.contains(&c.action))
            .count()
    };
    let mut text = format!(
        "Plan: {} to create, {} to change, {} to destroy",
        of(&[Action::Create]),
        of(&[Action::Change, Action::Replace]),
        of(&[Action::Destroy])
    );
    for (action, what) in [(Action::Run, "to run"), (Action::Unknown, "not known yet")] {
        match of(&[action]) {
            0 => {}
            number => {
                let _ = write!(text, ", {number} {what}");
            }
        }
    }
    text.push('.');
    text
}

/// The plan of one zone as JSON.
#[must_use]
pub fn json(zone: &str, plan: &Plan) -> Value {
    let steps = plan
        .steps
        .iter()
        .map(|step| json!({ "id": step.id, "stage": step.stage, "changes": step.changes }));
    json!({ "zone": zone, "steps": steps.collect::<Vec<_>>() })
}
