//! `zonewright plan`: what `apply` would change.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{DIFFERS, DONE, Failure, answer, answer_json, door, folders_of, site, wish};
use crate::cli::{DecisionArgs, Global, PlanArgs};
use crate::facts::locks::Holder;
use crate::run::zone::ZoneView;
use crate::run::{self, Controller, Decisions, Event, Fresh, Locking, View, Wish};
use crate::secrets::Passwords;
use crate::shadow::ShadowState;
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
        let looked = look(global, &site, &wish, arguments.decisions.into())?;
        differs |= looked.differs();
        documents.push(looked.json(&wish));
        if !global.json {
            answer(&text(&wish, &looked, style));
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

/// What a look at a zone, and at its host where it has one, showed.
pub(super) struct Looked {
    /// The host, where the file says one and it can be asked.
    pub(super) host: Option<ZoneView>,
    /// The zone, where it is there and runs.
    pub(super) zone: Option<View>,
}

impl Looked {
    fn differs(&self) -> bool {
        let host = self.host.as_ref().is_some_and(|view| !view.plan.is_empty());
        host || self
            .zone
            .as_ref()
            .is_none_or(|view| !view.plan.steps.is_empty())
    }

    fn json(&self, wish: &Wish) -> Value {
        let plan = self.zone.as_ref().map(|view| view.plan.clone());
        let mut document = show::json(&wish.zone.name, &plan.unwrap_or_default());
        document["exists"] = Value::from(self.zone.is_some());
        if let Some(view) = &self.host {
            document["host"] = json_of_host(&wish.zone.name, view);
        }
        document
    }
}

fn text(wish: &Wish, looked: &Looked, style: Style) -> String {
    let name = &wish.zone.name;
    let mut out = String::new();
    if let Some(view) = looked.host.as_ref().filter(|view| !view.plan.is_empty()) {
        let head = format!(
            "zone {name} on {} ({})",
            view.facts.hostname, view.facts.stamp
        );
        out.push_str(&format!(
            "{}\n\n{}",
            style.paint("1", &head),
            show::text(&view.plan.shown(), style)
        ));
        out.push('\n');
    }
    match &looked.zone {
        Some(view) => out + &text_of_zone(wish, view, style),
        None if looked.host.is_some() => {
            out + &format!("  ? what is in zone {name}: not known until it runs\n")
        }
        None => format!(
            "zone {name}\n\n  + sandbox zone {}: not there\n  ? everything in it: not known until it \
             is there\n",
            wish.zone.zone.alias
        ),
    }
}

/// What differs of a zone on its host.
pub(super) fn text_of_host(name: &str, view: &ZoneView, style: Style) -> String {
    let head = format!(
        "zone {name} on {} ({})",
        view.facts.hostname, view.facts.stamp
    );
    if view.plan.is_empty() {
        return format!("{head}: nothing to do\n");
    }
    format!(
        "{}\n\n{}",
        style.paint("1", &head),
        show::text(&view.plan.shown(), style)
    )
}

/// The same for programs.
pub(super) fn json_of_host(name: &str, view: &ZoneView) -> Value {
    let host = show::json(name, &view.plan.shown());
    json!({
        "hostname": view.facts.hostname,
        "uuid": view.plan.uuid,
        "steps": host["steps"],
    })
}

fn text_of_zone(wish: &Wish, view: &View, style: Style) -> String {
    let (plan, platform) = (&view.plan, &view.facts.platform);
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

/// Asks a zone's host and the zone, and plans, changing nothing.
pub(super) fn look(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    decisions: Decisions,
) -> Result<Looked, Failure> {
    let style = Style::stderr(global.color);
    let mut progress = Progress::new(style, global.verbose, String::new());
    let nothing = Looked {
        host: None,
        zone: None,
    };
    if wish.zone.host.is_none() {
        let door = door::open_existing(global, &wish.zone, &mut progress)?;
        let zone = look_inside(site, wish, decisions, door, &mut progress)?;
        return Ok(Looked {
            zone: Some(zone),
            ..nothing
        });
    }
    let Some(mut host) = door::host::open(global, site, wish, false, &mut progress)? else {
        return Ok(nothing);
    };
    let view = host.look()?;
    for note in &view.plan.notes {
        progress.show(&Event::Note(format!("{}: {note}", wish.zone.name)));
    }
    // a zone that lacks its keys lets nobody in
    let lets_in = !view
        .plan
        .steps
        .iter()
        .any(|step| step.step.id == "zone/keys");
    let door = match lets_in {
        true => door::route::open(global, &wish.zone, host, &view)?,
        false => None,
    };
    let zone = door
        .map(|door| look_inside(site, wish, decisions, door, &mut progress))
        .transpose()?;
    Ok(Looked {
        host: Some(view),
        zone,
    })
}

fn look_inside(
    site: &SiteRoot,
    wish: &Wish,
    decisions: Decisions,
    mut door: door::Door,
    progress: &mut Progress,
) -> Result<View, Failure> {
    let folders = folders_of(&wish.zone);
    let mut passwords = Passwords::new(site.folder());
    let mut uncompared = Vec::new();
    let mut controller = Controller {
        folders: &folders,
        distfiles: Vec::new(),
        decisions,
        // a plan changes nothing, so it takes no lock
        locking: Locking::of(Holder::default()),
        password: &mut |user, known| {
            // a plan asks nothing on the terminal; a missing password is planned as one
            let mut no_prompt = |_: &str| Some("to be asked for".to_owned());
            let wanted = passwords.wanted_hash(user, known, &mut no_prompt);
            let is_set = known.is_some_and(|known| ShadowState::parse(&known.0).hash().is_some());
            match wanted {
                // a look needs it for no more than to tell whether it is another one
                Err(error) if is_set => {
                    uncompared.push(format!(
                        "the password of {} is not compared: {}",
                        user.name, error.reason
                    ));
                    Ok(None)
                }
                wanted => wanted,
            }
        },
        watch: &mut |_| {},
    };
    let view = run::look(&mut door.host, wish, &mut controller)
        .map_err(|error| Failure::run(&wish.zone.name, error))?;
    for note in uncompared {
        progress.show(&Event::Note(format!("{}: {note}", wish.zone.name)));
    }
    for note in view.notes(SystemTime::now()) {
        progress.show(&Event::Note(format!("{}: {note}", wish.zone.name)));
    }
    Ok(view)
}
