//! `zonewright status`: wanted, recorded and actual, in one table.

use serde_json::{Value, json};

use super::plan::{Looked, look};
use super::{DONE, FAILED, Failure, answer, answer_json, complain, site, wish};
use crate::cli::{Global, StatusArgs};
use crate::package::package_base;
use crate::plan::{Action, Stage};
use crate::run::{Decisions, RunError, View, Wish};
use crate::show::{Style, holder, plain};
use crate::site::SiteRoot;
use crate::site::load::zone_names;

/// Nagios's exit statuses.
const DRIFT: u8 = 1;
const BROKEN: u8 = 2;
const UNREACHED: u8 = 3;

/// One recipe in one zone.
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
        let wish = wish::load(&site, zone)?;
        let decisions = Decisions {
            overwrite: true,
            ..Decisions::default()
        };
        match look(global, &site, &wish, decisions) {
            Ok(looked) => rows.extend(rows_of_look(&wish, &looked)),
            Err(failure) => {
                let is_unreached = matches!(&failure, Failure::Run { error, .. }
                    if matches!(**error, RunError::Host(_)));
                let severity = if is_unreached { UNREACHED } else { BROKEN };
                rows.push(row(&wish, "not reached", severity));
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
    let worst = rows.iter().map(|row| row.severity).max().unwrap_or(0);
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

fn row(wish: &Wish, drift: &str, severity: u8) -> Row {
    Row {
        zone: wish.zone.name.clone(),
        recipe: "-".to_owned(),
        wanted: "-".to_owned(),
        installed: "-".to_owned(),
        service: "-".to_owned(),
        drift: drift.to_owned(),
        severity,
    }
}

/// What differs on the host stands in every row: it is the zone's.
fn rows_of_look(wish: &Wish, looked: &Looked) -> Vec<Row> {
    let steps = looked.host.iter().flat_map(|view| view.plan.shown().steps);
    let changes: Vec<String> = steps
        .flat_map(|step| step.changes)
        .map(|change| format!("{} {}", change.action.sign(), change.what))
        .collect();
    let mut rows = match (&looked.zone, &looked.host) {
        (Some(view), _) => rows_of(wish, view),
        (None, Some(host)) if host.vm().is_none() => {
            vec![row(wish, "the zone is not there", DRIFT)]
        }
        (None, Some(_)) => vec![row(wish, "the zone does not run", BROKEN)],
        (None, None) => vec![row(wish, "the sandbox zone is not there", DRIFT)],
    };
    if changes.is_empty() || looked.zone.is_none() {
        return rows;
    }
    for row in &mut rows {
        let own = std::mem::take(&mut row.drift);
        row.drift = match own.as_str() {
            "none" => changes.join(", "),
            own => format!("{}, {own}", changes.join(", ")),
        };
        row.severity = row.severity.max(DRIFT);
    }
    rows
}

fn rows_of(wish: &Wish, view: &View) -> Vec<Row> {
    view.recipes
        .iter()
        .map(|recipe| {
            let wanted = &recipe.bundle.recipe;
            let base = package_base(&wanted.package.name);
            let installed = view.facts.packages.installed.get(&base);
            let states: Vec<&str> = wanted
                .services
                .iter()
                .map(|s| {
                    view.facts
                        .services
                        .0
                        .get(&s.fmri)
                        .map_or("absent", |fact| &fact.state)
                })
                .collect();
            // checks and receipts follow from the rest
            let steps = view
                .plan
                .steps
                .iter()
                .filter(|step| step.stage != Stage::Check);
            let changes = steps.flat_map(|step| &step.changes);
            let drift: Vec<String> = changes
                .filter(|change| change.action != Action::Run)
                .map(|change| {
                    format!(
                        "{} {} ({})",
                        change.action.sign(),
                        change.what,
                        change.why.join("; ")
                    )
                })
                .collect();
            let mut drift = drift;
            for lock in view.facts.locks.iter().filter(|lock| lock.is_alive) {
                drift.insert(0, format!("being changed by {}", holder(lock)));
            }
            let broken = states.iter().any(|state| *state != "online");
            let severity = if broken {
                BROKEN
            } else {
                u8::from(!drift.is_empty()) * DRIFT
            };
            Row {
                zone: wish.zone.name.clone(),
                recipe: recipe.name.clone(),
                wanted: wanted.package.version.clone(),
                installed: installed.cloned().unwrap_or_else(|| "none".to_owned()),
                service: if states.is_empty() {
                    "-".to_owned()
                } else {
                    states.join(",")
                },
                drift: if drift.is_empty() {
                    "none".to_owned()
                } else {
                    drift.join(", ")
                },
                severity,
            }
        })
        .collect()
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
