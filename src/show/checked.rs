//! What `recipe check` looked at, and apart from it what it could not look at.

use std::fmt::Write as _;

use super::Style;
use crate::desk::{Report, Target};
use crate::problem::Severity;

/// One line a file, what was not checked, and the sum.
#[must_use]
pub fn render(reports: &[Report], errors: usize, warnings: usize, style: Style) -> String {
    let mut text = String::new();
    let width = reports.iter().map(|report| name(&report.target).len());
    let width = width.max().unwrap_or(0);
    for report in reports {
        let _ = writeln!(
            text,
            "{} {:width$}  {}",
            sign(report, style),
            name(&report.target),
            verdict(report)
        );
    }
    let unchecked = unchecked(reports);
    if !unchecked.is_empty() {
        let _ = writeln!(text, "\n{}", style.paint("33", "not checked"));
        text.push_str(&unchecked);
    }
    let allowed: usize = reports
        .iter()
        .filter(|report| matches!(report.target, Target::Recipe(_)))
        .map(|report| report.allowed.len())
        .sum();
    let mut sum = vec![counted(errors, "error"), counted(warnings, "warning")];
    if allowed > 0 {
        sum.push(format!("{allowed} allowed by the recipes themselves"));
    }
    if errors + warnings + allowed > 0 {
        let _ = writeln!(text, "\n{}", sum.join(", "));
    }
    text
}

fn name(target: &Target) -> String {
    match target {
        Target::Recipe(name) => format!("recipe {name}"),
        Target::Zone(name) => format!("zone {name}"),
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn sign(report: &Report, style: Style) -> String {
    let worst = report.problems.iter().map(|problem| problem.severity).max();
    match worst {
        Some(Severity::Error) => style.paint("31", "×"),
        Some(Severity::Warning) => style.paint("33", "⚠"),
        None => style.paint("32", "✓"),
    }
}

fn verdict(report: &Report) -> String {
    let of = |severity| {
        let problems = report.problems.iter();
        problems
            .filter(|problem| problem.severity == severity)
            .count()
    };
    let found: Vec<String> = [
        (of(Severity::Error), "error"),
        (of(Severity::Warning), "warning"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| counted(count, noun))
    .collect();
    let found = if found.is_empty() {
        "no problems".to_owned()
    } else {
        found.join(", ")
    };
    if report.checked.is_empty() {
        return found;
    }
    format!("{found} (checked {})", report.checked.join(", "))
}

/// What was not looked at, each file's own, with what would change that.
fn unchecked(reports: &[Report]) -> String {
    let mut text = String::new();
    let mut missing = Vec::new();
    for report in reports {
        for unchecked in &report.unchecked {
            let _ = writeln!(
                text,
                "  {}: {}: {}",
                name(&report.target),
                unchecked.what,
                unchecked.why
            );
            if let (true, Target::Recipe(name)) = (unchecked.is_source, &report.target) {
                missing.push(name.as_str());
            }
        }
    }
    missing.dedup();
    if !missing.is_empty() {
        let _ = writeln!(
            text,
            "  next: zonewright recipe fetch {}, then check again",
            missing.join(" ")
        );
    }
    text
}
