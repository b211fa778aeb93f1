//! `zonewright apply`: make zones what their files say.

use std::time::Instant;

use serde_json::json;

use super::{
    DIFFERS, DONE, FAILED, Failure, answer, answer_json, complain, door, folders_of, interrupt,
    now, site, wish,
};
use crate::causes::in_one_line;
use crate::cli::{ApplyArgs, Global};
use crate::facts::locks::Holder;
use crate::run::{self, Controller, Decisions, Event, Fresh, Locking, Report, Wish};
use crate::secrets::Passwords;
use crate::show::progress::Progress;
use crate::show::{Style, duration, plain, plan as show_plan};
use crate::site::SiteRoot;
use crate::store::{Caller, RunLog};

pub(super) fn run(global: &Global, arguments: &ApplyArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    // every file is read and checked before the first zone is touched
    let wishes: Result<Vec<Wish>, Failure> = arguments
        .zones
        .iter()
        .map(|zone| wish::load(&site, zone))
        .collect();
    let wishes = wishes?;
    interrupt::explain();
    let mut documents = Vec::new();
    let mut changed = false;
    let mut failed = Vec::new();
    let several = wishes.len() > 1;
    for wish in &wishes {
        match apply(global, &site, wish, arguments, several) {
            Ok(document) => {
                changed |= document["steps"] != 0;
                documents.push(document);
            }
            Err(failure) if !several => return Err(failure),
            Err(failure) => {
                complain(&failure, global);
                failed.push(wish.zone.name.clone());
            }
        }
    }
    if global.json {
        answer_json("apply", json!({ "zones": documents, "failed": failed }));
    }
    Ok(
        match (failed.is_empty(), changed && arguments.detailed_exitcode) {
            (false, _) => FAILED,
            (true, true) => DIFFERS,
            (true, false) => DONE,
        },
    )
}

fn apply(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    arguments: &ApplyArgs,
    several: bool,
) -> Result<serde_json::Value, Failure> {
    let started = Instant::now();
    let name = &wish.zone.name;
    let style = Style::stderr(global.color);
    let label = if several {
        format!("{name}: ")
    } else {
        String::new()
    };
    let mut progress = Progress::new(style, global.verbose, label);
    let Some(mut door) = door::open(global, &wish.zone, true, &mut progress)? else {
        return Err(Failure::text_only(&format!("there is no zone {name}"), ""));
    };
    door.host = door.host.with_quiet_limit(arguments.step_timeout);
    let folders = folders_of(&wish.zone);
    let controller_id = folders
        .controller_id()
        .map_err(|error| Failure::of(&error, ""))?;
    // a run of this controller whose process is gone holds nothing, whatever the zone still thinks
    let is_over = |holder: &Holder| {
        holder.controller == controller_id && !folders.is_running(name, &holder.run)
    };
    let locking = Locking {
        holder: holder(format!("apply {name}"), &controller_id),
        wait: arguments.wait,
        breaks: arguments.break_lock,
        is_over: &is_over,
    };
    let caller = Caller {
        user: format!("{}@{}", locking.holder.user, locking.holder.host),
        command: std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
    };
    let mut log = None;
    let mut passwords = Passwords::new(site.folder());
    let mut shows_plan = true;
    let mut distfiles = arguments.distfiles.clone();
    distfiles.extend(site.folder().map(|folder| folder.join("distfiles")));
    let result = {
        let mut watch = |event: Event<'_>| {
            if let Event::Planned(plan) = event {
                if shows_plan && global.verbose > 0 {
                    progress.line(&show_plan::text(plan, style));
                }
                shows_plan = false;
            } else {
                progress.show(&event);
            }
        };
        let mut controller = Controller {
            folders: &folders,
            distfiles,
            decisions: Decisions {
                fresh: if arguments.fresh {
                    Fresh::Begin
                } else {
                    Fresh::No
                },
                ..arguments.decisions.into()
            },
            locking,
            password: &mut |user, known| passwords.wanted_hash(user, known, &mut door::prompt),
            watch: &mut watch,
        };
        let mut begin = || folders.begin_run(name, &caller, now());
        run::converge(&mut door.host, wish, &mut controller, &mut log, &mut begin)
    };
    progress.stop();
    let outcome = match &result {
        Ok(_) => "done",
        Err(_) => "failed",
    };
    let error = result.as_ref().err().map(|error| in_one_line(error));
    let end = |log: &mut RunLog| log.end(outcome, started.elapsed(), error);
    let logged = log.as_mut().map_or(Ok(()), end);
    let report = result.map_err(|error| Failure::run(name, error))?;
    logged.map_err(|error| Failure::run(name, error))?;
    if !global.json {
        answer(&text(name, &door, &report, &duration(started.elapsed())));
    }
    Ok(json!({
        "zone": name,
        "address": door.address,
        "steps": report.steps,
        "checks": report.checks.iter().map(|(name, found)| json!({ "name": name, "found": found })).collect::<Vec<_>>(),
    }))
}

/// What others are told of this run.
pub(super) fn holder(command: String, controller: &str) -> Holder {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::current());
    let user = user.ok().flatten().map(|user| user.name);
    let host = nix::unistd::gethostname().ok();
    Holder {
        token: String::new(),
        user: user.unwrap_or_else(|| "somebody".to_owned()),
        host: host.map_or_else(
            || "somewhere".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        command,
        controller: controller.to_owned(),
        run: String::new(),
    }
}

fn text(name: &str, door: &door::Door, report: &Report, took: &str) -> String {
    if report.steps == 0 {
        return format!("{name} ({}): nothing to do\n", door.address);
    }
    let steps = if report.steps == 1 {
        "1 step".to_owned()
    } else {
        format!("{} steps", report.steps)
    };
    let mut out = format!("{name} is as its file says: {steps} in {took}\n");
    out.push_str(&format!("  address  {}\n", door.address));
    for (what, found) in &report.checks {
        out.push_str(&format!(
            "  {}: {}\n",
            plain::line(what),
            plain::line(found)
        ));
    }
    for note in &door.notes {
        out.push_str(&format!("  note: {note}\n"));
    }
    out
}
