//! `zonewright plan`: what `apply` would change.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{DIFFERS, DONE, Failure, answer, answer_json, door, folders_of, site, wish};
use crate::cli::{DecisionArgs, Global, PlanArgs};
use crate::facts::locks::Holder;
use crate::plan::Plan;
use crate::run::{self, Controller, Decisions, Event, Fresh, Locking, View, Wish};
use crate::secrets::Passwords;
use crate::show::progress::Progress;
use crate::show::{Style, holder, plan as show};
use crate::site::SiteRoot;

impl From<DecisionArgs> for Decisions {
    fn from(arguments: DecisionArgs) -> Self {
        let DecisionArgs {
            overwrite,
            keep_edited,
            end_sessions,
        } = arguments;
        Self {
            overwrite,
            keep_edited,
            end_sessions,
            fresh: Fresh::No,
        }
    }
}

pub(super) fn run(global: &Global, arguments: &PlanArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let wishes: Result<Vec<Wish>, Failure> = arguments
        .zones
        .iter()
        .map(|zone| wish::load(&site, zone))
        .collect();
    let style = Style::stdout(global.color);
    let mut documents: Vec<Value> = Vec::new();
    let mut differs = false;
    for wish in wishes? {
        let Some(view) = look(global, &site, &wish, arguments.decisions.into())? else {
            differs = true;
            let alias = &wish.zone.zone.alias;
            documents.push(json!({ "zone": wish.zone.name, "exists": false }));
            if !global.json {
                answer(&format!(
                    "zone {}\n\n  + sandbox zone {alias}: not there\n  ? everything in it: not \
                     known until it is there\n",
                    wish.zone.name
                ));
            }
            continue;
        };
        differs |= !view.plan.steps.is_empty();
        documents.push(show::json(&wish.zone.name, &view.plan));
        if !global.json {
            answer(&text(&wish, &view, &view.plan, style));
        }
    }
    if global.json {
        answer_json("plan", json!({ "zones": documents }));
    }
    Ok(if differs && arguments.detailed_exitcode {
        DIFFERS
    } else {
        DONE
    })
}

fn text(wish: &Wish, view: &View, plan: &Plan, style: Style) -> String {
    let platform = &view.facts.platform;
    let branch = platform.branch.as_deref().unwrap_or("no pkgsrc branch");
    let head = format!("zone {} ({}, {branch})", wish.zone.name, platform.stamp);
    let mut out = String::new();
    for lock in view.facts.locks.iter().filter(|lock| lock.is_alive) {
        let mark = style.paint("33", "note");
        out.push_str(&format!(
            "{mark}: {} is changing it right now\n",
            holder(lock)
        ));
    }
    if plan.steps.is_empty() {
        return format!("{out}{head}: nothing to do\n");
    }
    out.push_str(&format!(
        "{}\n\n{}",
        style.paint("1", &head),
        show::text(plan, style)
    ));
    out
}

/// Asks a zone and plans, changing nothing; nothing comes back if the sandbox zone is not there.
pub(super) fn look(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    decisions: Decisions,
) -> Result<Option<View>, Failure> {
    let style = Style::stderr(global.color);
    let mut progress = Progress::new(style, global.verbose, String::new());
    let Some(mut door) = door::open(global, &wish.zone, false, &mut progress)? else {
        return Ok(None);
    };
    let folders = folders_of(&wish.zone);
    let mut passwords = Passwords::new(site.folder());
    let mut controller = Controller {
        folders: &folders,
        distfiles: Vec::new(),
        decisions,
        // a plan changes nothing, so it takes no lock
        locking: Locking::of(Holder::default()),
        password: &mut |user, known| {
            // a plan asks nothing on the terminal; a missing password is planned as one
            let mut no_prompt = |_: &str| Some("to be asked for".to_owned());
            passwords.wanted_hash(user, known, &mut no_prompt)
        },
        watch: &mut |_| {},
    };
    let view = run::look(&mut door.host, wish, &mut controller)
        .map_err(|error| Failure::run(&wish.zone.name, error))?;
    for note in view.notes(SystemTime::now()) {
        progress.show(&Event::Note(format!("{}: {note}", wish.zone.name)));
    }
    Ok(Some(view))
}
