//! What `doctor` found, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Style, plain};
use crate::doctor::{Examined, Finding, Verdict};

/// One block for each thing that was examined, what could not be looked at after it, and a sum.
#[must_use]
pub fn text(examined: &[Examined], style: Style) -> String {
    let mut out = String::new();
    for one in examined {
        let _ = writeln!(out, "{}", style.paint("1", &plain::line(&one.subject)));
        let is_seen = |finding: &&Finding| finding.verdict != Verdict::NotChecked;
        let width = one.findings.iter().map(|f| f.what.chars().count()).max();
        for finding in one.findings.iter().filter(is_seen) {
            line(&mut out, finding, width.unwrap_or(0), style);
        }
        for finding in one.findings.iter().filter(|finding| !is_seen(finding)) {
            line(&mut out, finding, width.unwrap_or(0), style);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", sum(examined));
    out
}

fn line(out: &mut String, finding: &Finding, width: usize, style: Style) {
    let (sign, color) = match finding.verdict {
        Verdict::Fine => ("✓", "32"),
        Verdict::NotChecked => ("?", "36"),
        Verdict::Notice => ("!", "33"),
        Verdict::Wrong => ("✗", "31"),
    };
    let not_checked = match finding.verdict {
        Verdict::NotChecked => "not checked: ",
        _ => "",
    };
    let (what, says) = (plain::line(&finding.what), plain::line(&finding.says));
    let _ = writeln!(
        out,
        "  {} {what:<width$}  {not_checked}{says}",
        style.paint(color, sign)
    );
    if let Some(fix) = &finding.fix {
        let _ = writeln!(out, "    {:<width$}  → {}", "", plain::line(fix));
    }
}

fn sum(examined: &[Examined]) -> String {
    let count = |verdict| {
        let findings = examined.iter().flat_map(|one| &one.findings);
        findings
            .filter(|finding| finding.verdict == verdict)
            .count()
    };
    let mut parts = vec![format!("{} fine", count(Verdict::Fine))];
    for (verdict, one, many) in [
        (Verdict::Notice, "notice", "notices"),
        (Verdict::Wrong, "wrong", "wrong"),
        (Verdict::NotChecked, "not checked", "not checked"),
    ] {
        match count(verdict) {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            several => parts.push(format!("{several} {many}")),
        }
    }
    parts.join(", ")
}

/// The same for programs.
#[must_use]
pub fn json(examined: &[Examined]) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "what": finding.what,
            "verdict": finding.verdict.name(),
            "says": finding.says,
            "fix": finding.fix,
        })
    };
    let one = |one: &Examined| {
        let findings: Vec<Value> = one.findings.iter().map(finding).collect();
        json!({ "subject": one.subject, "findings": findings })
    };
    json!({ "examined": examined.iter().map(one).collect::<Vec<_>>() })
}
