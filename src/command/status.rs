//! `zonewright status`: wanted, recorded and actual, in one table.

use serde_json::{Value, json};

use super::plan::{Looked, look};
use super::{DONE, FAILED, Failure, answer, answer_json, complain, site, wish};
use crate::cli::{Global, StatusArgs};
use crate::package::package_base;
use crate::plan::{Action, Stage, Step, WantedRecipe, Work};
use crate::run::{Decisions, RunError, View, Wish};
use crate::show::{Style, holder, plain};
use crate::site::SiteRoot;
use crate::site::load::zone_names;

/// Nagios's exit statuses.
const DRIFT: u8 = 1;
const BROKEN: u8 = 2;
const UNREACHED: u8 = 3;

/// From fine to worst: what is known to be broken is worse than what is not known.
const RANKS: [u8; 4] = [DONE, DRIFT, UNREACHED, BROKEN];

/// Why nothing is known of a recipe, a service or a version.
const NOTHING: &str = "-";

/// One recipe in one zone, or what is the zone's own.
struct Row {
    zone: String,
    recipe: String,
    wanted: String,
    installed: String,
    service: String,
    drift: String,
    severity: u8,
}

pub(super) fn run(global: &Global, arguments: &StatusArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let zones = match arguments.zones.is_empty() {
        true => own_zones(&site),
        false => arguments.zones.clone(),
    };
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for zone in &zones {
        let wish = match wish::load(&site, zone) {
            Ok(wish) => wish,
            // one file with a mistake does not hide the other zones
            Err(failure) if zones.len() > 1 => {
                rows.push(Row::of_zone(zone, "its file has a mistake", BROKEN));
                failures.push(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let decisions = Decisions {
            overwrite: true,
            ..Decisions::default()
        };
        match look(global, &site, &wish, decisions) {
            Ok(looked) => rows.extend(rows_of_look(&wish, &looked)),
            Err(failure) => {
                let is_unreached = matches!(&failure, Failure::Run { error, .. }
                    if matches!(**error, RunError::Host(_)));
                rows.push(match is_unreached {
                    true => Row::of_zone(zone, "not reached", UNREACHED),
                    false => Row::of_zone(zone, "cannot be planned", BROKEN),
                });
                failures.push(failure);
            }
        }
    }
    if global.json {
        let rows: Vec<Value> = rows.iter().map(row_json).collect();
        answer_json("status", json!({ "rows": rows }));
    } else {
        answer(&table(&rows, Style::stdout(global.color)));
    }
    for failure in &failures {
        complain(failure, global);
    }
    let worst = RANKS
        .into_iter()
        .rev()
        .find(|rank| rows.iter().any(|row| row.severity == *rank));
    let worst = worst.unwrap_or(DONE);
    Ok(match (arguments.check, failures.is_empty()) {
        (true, _) => worst,
        (false, true) => DONE,
        (false, false) => FAILED,
    })
}

/// The zones of the user's own site; those that ship where there is none.
pub(super) fn own_zones(site: &SiteRoot) -> Vec<String> {
    let names = zone_names(site);
    let Some(folder) = site.folder().map(|folder| folder.join("zones")) else {
        // of those that ship, the others are examples
        return names.into_iter().filter(|name| name == "sandbox").collect();
    };
    let is_own = |name: &String| {
        let files = [format!("{name}.toml"), format!("{name}.json")];
        files.iter().any(|file| folder.join(file).is_file())
    };
    names.into_iter().filter(is_own).collect()
}

impl Row {
    fn of_zone(zone: &str, drift: &str, severity: u8) -> Self {
        Self {
            zone: zone.to_owned(),
            recipe: NOTHING.to_owned(),
            wanted: NOTHING.to_owned(),
            installed: NOTHING.to_owned(),
            service: NOTHING.to_owned(),
            drift: drift.to_owned(),
            severity,
        }
    }
}

/// The zone's own row is there where something of the zone itself differs, or nothing else is to be told of it.
fn rows_of_look(wish: &Wish, looked: &Looked) -> Vec<Row> {
    let zone = &wish.zone.name;
    let host = looked.host.iter().flat_map(|view| view.plan.shown().steps);
    let mut own: Vec<String> = host
        .flat_map(|step| step.changes)
        .map(|change| format!("{} {}", change.action.sign(), change.what))
        .collect();
    let view = match (&looked.zone, &looked.host) {
        (Some(view), _) => view,
        (None, Some(host)) if host.vm().is_none() => {
            return vec![Row::of_zone(zone, "the zone is not there", DRIFT)];
        }
        (None, Some(_)) => return vec![Row::of_zone(zone, "the zone does not run", BROKEN)],
        (None, None) => {
            return vec![Row::of_zone(zone, "the sandbox zone is not there", DRIFT)];
        }
    };
    let locks = view.facts.locks.iter().filter(|lock| lock.is_alive);
    own.extend(locks.map(|lock| format!("being changed by {}", holder(lock))));
    let mut of_recipes = vec![Vec::new(); view.recipes.len()];
    for step in &view.plan.steps {
        let of = view.recipes.iter().position(|recipe| is_of(step, recipe));
        match of.and_then(|index| of_recipes.get_mut(index)) {
            Some(drift) => drift.extend(drift_of(step)),
            None => own.extend(drift_of(step)),
        }
    }
    let mut rows = Vec::new();
    if !own.is_empty() || view.recipes.is_empty() {
        rows.push(Row::of_zone(zone, &told(&own), severity_of(&own)));
    }
    let recipes = view.recipes.iter().zip(&of_recipes);
    rows.extend(recipes.map(|(recipe, drift)| row_of(zone, view, recipe, drift)));
    rows
}

/// Whether a step is about one recipe alone.
fn is_of(step: &Step, recipe: &WantedRecipe) -> bool {
    match step.id.split_once('/') {
        Some(("users", _)) | None => false,
        Some(("services", rest)) => {
            let fmri = rest.strip_suffix("/remove").unwrap_or(rest);
            let mut services = recipe.bundle.recipe.services.iter();
            services.any(|service| service.fmri == fmri)
        }
        Some((_, rest)) => rest.split('/').next() == Some(recipe.name.as_str()),
    }
}

/// What differs, with why; checks and receipts follow from the rest.
fn drift_of(step: &Step) -> impl Iterator<Item = String> {
    let changes = step
        .changes
        .iter()
        .filter(|change| step.stage != Stage::Check && change.action != Action::Run);
    changes.map(|change| {
        let why = change.why.join("; ");
        format!("{} {} ({why})", change.action.sign(), change.what)
    })
}

fn checks_due(view: &View, recipe: &WantedRecipe) -> Vec<String> {
    let own = view.plan.steps.iter().filter(|step| is_of(step, recipe));
    let checks = own.filter_map(|step| match &step.work {
        Work::Check(check) => Some(format!("not passed: {}", check.name)),
        _ => None,
    });
    checks.collect()
}

fn told(drift: &[String]) -> String {
    match drift {
        [] => "none".to_owned(),
        drift => drift.join(", "),
    }
}

fn severity_of(drift: &[String]) -> u8 {
    if drift.is_empty() { DONE } else { DRIFT }
}

fn row_of(zone: &str, view: &View, recipe: &WantedRecipe, drift: &[String]) -> Row {
    let wanted = &recipe.bundle.recipe;
    let installed = &view.facts.packages.installed;
    let services = &view.facts.services.0;
    let states: Vec<&str> = wanted
        .services
        .iter()
        .map(|service| {
            services
                .get(&service.fmri)
                .map_or("absent", |fact| &fact.state)
        })
        .collect();
    // where nothing else is to be done, checks are due because they did not pass, or nobody saw their end
    let failed = match drift {
        [] => checks_due(view, recipe),
        _ => Vec::new(),
    };
    let is_broken = states.iter().any(|state| *state != "online") || !failed.is_empty();
    let installed = installed.get(&package_base(&wanted.package.name));
    Row {
        zone: zone.to_owned(),
        recipe: recipe.name.clone(),
        wanted: wanted.package.version.clone(),
        installed: installed.cloned().unwrap_or_else(|| "none".to_owned()),
        service: match states.as_slice() {
            [] => NOTHING.to_owned(),
            states => states.join(","),
        },
        drift: match failed.as_slice() {
            [] => told(drift),
            failed => failed.join(", "),
        },
        severity: if is_broken {
            BROKEN
        } else {
            severity_of(drift)
        },
    }
}

fn row_json(row: &Row) -> Value {
    json!({
        "zone": row.zone,
        "recipe": row.recipe,
        "wanted": row.wanted,
        "installed": row.installed,
        "service": row.service,
        "drift": row.drift,
        "severity": row.severity,
    })
}

fn table(rows: &[Row], style: Style) -> String {
    let cells = |row: &Row| {
        [
            &row.zone,
            &row.recipe,
            &row.wanted,
            &row.installed,
            &row.service,
            &row.drift,
        ]
        .map(|text| plain::line(text).into_owned())
    };
    let head = ["ZONE", "RECIPE", "WANTED", "INSTALLED", "SERVICE", "DRIFT"].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(head)
        .chain(rows.iter().map(cells))
        .collect();
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let padded = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let text = padded.collect::<Vec<_>>().join("  ");
        let severity = index
            .checked_sub(1)
            .and_then(|i| rows.get(i))
            .map_or(0, |row| row.severity);
        let color = ["0", "33", "31", "35"]
            .get(usize::from(severity))
            .copied()
            .unwrap_or("31");
        let text = text.trim_end();
        out.push_str(&if severity == 0 {
            text.to_owned()
        } else {
            style.paint(color, text)
        });
        out.push('\n');
    }
    out
}
