//! `zonewright recipe check`: everything that can be known at a desk.

use std::path::Path;

use serde_json::{Value, json};

use super::super::{DONE, Failure, USAGE, answer, answer_json, folders, site};
use crate::cli::{CheckArgs, CheckFormat, Global};
use crate::desk::{self, Report, Shelf, Target};
use crate::problem::{Problem, Severity};
use crate::show::{Style, checked, problems};
use crate::site::SiteRoot;
use crate::site::load::{recipe_names, zone_names};

pub(super) fn run(global: &Global, arguments: &CheckArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let targets = targets(&site, &arguments.what);
    let mut distfiles = arguments.distfiles.clone();
    distfiles.extend(site.folder().map(|folder| folder.join("distfiles")));
    let shelf = Shelf {
        cache: Some(folders().cache),
        distfiles,
    };
    let mut reports = desk::check(&site, &targets, &shelf);
    if arguments.fix {
        let look = || desk::check(&site, &targets, &shelf);
        let (after, edits) = desk::fix::all(&site, reports, look)
            .map_err(|problem| Failure::Problems(vec![*problem]))?;
        reports = after;
        for edit in edits {
            answer(&format!("mended {edit}\n"));
        }
    }
    let found = once(&reports);
    let errors = count(&found, Severity::Error);
    let warnings = count(&found, Severity::Warning);
    if global.json {
        answer_json("recipe-check", document(&reports, &found, errors, warnings));
    } else if arguments.format == CheckFormat::Line {
        answer(&problems::render_lines(&found));
    } else {
        let style = Style::stdout(global.color);
        answer(&problems::render(&found, style.color));
        if !found.is_empty() {
            answer("\n");
        }
        answer(&checked::render(&reports, errors, warnings, style));
    }
    let is_bad = errors > 0 || (arguments.strict && warnings > 0);
    Ok(if is_bad { USAGE } else { DONE })
}

fn count(problems: &[Problem], severity: Severity) -> usize {
    let of = problems.iter().filter(|p| p.severity == severity);
    of.count()
}

/// A zone's recipes are checked with it; one mistake is reported once.
fn once(reports: &[Report]) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    for problem in reports.iter().flat_map(|report| &report.problems) {
        if !found.contains(problem) {
            found.push(problem.clone());
        }
    }
    found
}

fn targets(site: &SiteRoot, what: &[String]) -> Vec<Target> {
    if what.is_empty() {
        let recipes = recipe_names(site).into_iter().map(Target::Recipe);
        return recipes
            .chain(zone_names(site).into_iter().map(Target::Zone))
            .collect();
    }
    what.iter().map(|text| target(text)).collect()
}

/// A path whose folder is `zones` names a zone file; everything else is a recipe.
fn target(text: &str) -> Target {
    let path = Path::new(text);
    let stem = path
        .file_stem()
        .map_or_else(|| text.to_owned(), |s| s.to_string_lossy().into_owned());
    let is_path = text.contains('/');
    let in_zones = path
        .parent()
        .and_then(Path::file_name)
        .is_some_and(|name| name == "zones");
    match (is_path, in_zones) {
        (true, true) => Target::Zone(stem),
        (true, false) => Target::Recipe(stem),
        (false, _) => Target::Recipe(text.to_owned()),
    }
}

fn document(reports: &[Report], found: &[Problem], errors: usize, warnings: usize) -> Value {
    let problems: Vec<Value> = found.iter().map(problem_json).collect();
    let files: Vec<Value> = reports.iter().map(report_json).collect();
    json!({
        "checked": reports.len(),
        "errors": errors,
        "warnings": warnings,
        "problems": problems,
        "files": files,
    })
}

fn report_json(report: &Report) -> Value {
    let (kind, name) = match &report.target {
        Target::Recipe(name) => ("recipe", name),
        Target::Zone(name) => ("zone", name),
    };
    let allowed: Vec<Value> = report
        .allowed
        .iter()
        .map(|allowed| {
            let mut problem = problem_json(&allowed.problem);
            problem["reason"] = Value::from(allowed.reason.as_str());
            problem
        })
        .collect();
    let unchecked: Vec<Value> = report
        .unchecked
        .iter()
        .map(|unchecked| json!({ "what": unchecked.what, "why": unchecked.why }))
        .collect();
    json!({
        "kind": kind,
        "name": name,
        "problems": report.problems.len(),
        "allowed": allowed,
        "checked": report.checked,
        "not-checked": unchecked,
    })
}

fn problem_json(problem: &Problem) -> Value {
    let place = problem.line_and_column();
    let fix = problem.fix.as_ref().map(|fix| {
        json!({ "start": fix.span.start, "end": fix.span.end, "replacement": fix.replacement })
    });
    json!({
        "severity": match problem.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "rule": problem.rule,
        "message": problem.message,
        "label": problem.label,
        "file": problem.file.as_ref().map(|file| file.path.clone()),
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
        "key": problem.key,
        "details": problem.details,
        "help": problem.help,
        "fix": fix,
    })
}
