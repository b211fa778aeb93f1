//! `zonewright recipe check`: everything that can be known at a desk.

use std::path::Path;

use serde_json::{Value, json};

use super::super::{DONE, Failure, USAGE, answer, answer_json, site};
use crate::build_system;
use crate::cli::{CheckArgs, Global};
use crate::problem::{Problem, Severity};
use crate::recipe::load::check_recipe;
use crate::show::{Style, problems};
use crate::site::SiteRoot;
use crate::site::load::{check_zone, recipe_names, zone_names};

/// A file to check.
enum Target {
    Recipe(String),
    Zone(String),
}

pub(super) fn run(global: &Global, arguments: &CheckArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let targets = targets(&site, &arguments.what);
    let mut found: Vec<Problem> = Vec::new();
    let mut names = Vec::new();
    for target in &targets {
        let (name, problems) = match target {
            Target::Recipe(name) => (
                format!("recipe {name}"),
                check_recipe(&site, name, &build_system::names()).1,
            ),
            Target::Zone(name) => (
                format!("zone {name}"),
                check_zone(&site, name, &build_system::names()).1,
            ),
        };
        names.push((name, problems.is_empty()));
        // a zone's recipes are checked with it; one mistake is reported once
        found.extend(
            problems
                .into_iter()
                .filter(|p| !found.contains(p))
                .collect::<Vec<_>>(),
        );
    }
    let errors = found
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .count();
    if global.json {
        let problems: Vec<Value> = found.iter().map(problem_json).collect();
        answer_json(
            "recipe-check",
            json!({ "checked": names.len(), "problems": problems }),
        );
    } else {
        answer(&problems::render(&found, Style::stdout(global.color).color));
        for (name, _) in names.iter().filter(|(_, is_good)| *is_good) {
            answer(&format!("{name}: no problems\n"));
        }
        if errors > 0 {
            let files = names.iter().filter(|n| !n.1).count();
            let counted = |count: usize, noun: &str| match count {
                1 => format!("1 {noun}"),
                _ => format!("{count} {noun}s"),
            };
            answer(&format!(
                "{} in {}\n",
                counted(errors, "error"),
                counted(files, "file")
            ));
        }
    }
    Ok(if errors > 0 { USAGE } else { DONE })
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

fn problem_json(problem: &Problem) -> Value {
    let place = problem.line_and_column();
    json!({
        "severity": match problem.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": problem.message,
        "file": problem.file.as_ref().map(|file| file.path.clone()),
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
        "key": problem.key,
        "help": problem.help,
    })
}
