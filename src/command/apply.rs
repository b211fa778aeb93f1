//! `zonewright apply`: make zones what their files say.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    DIFFERS, DONE, FAILED, Failure, STATE_HELP, answer, answer_json, complain, door, folders_of,
    interrupt, now, old_root, site, wish, zone,
};
use crate::causes::in_one_line;
use crate::cli::{ApplyArgs, Global, OthersArgs};
use crate::facts::accounts::Secret;
use crate::facts::locks::Holder;
use crate::plan::Change;
use crate::plan::zone::{GivenZone, Need};
use crate::run::zone::{ZoneReport, ZoneView};
use crate::run::{self, Controller, Decisions, Event, Fresh, Locking, Report, RunError, Wish};
use crate::secrets::Passwords;
use crate::show::progress::Progress;
use crate::show::{Style, duration, plain, plan as show_plan};
use crate::site::SiteRoot;
use crate::store::{Caller, RunLog, StoreError};

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
    let label = if several {
        format!("{name}: ")
    } else {
        String::new()
    };
    let progress = Progress::new(Style::stderr(global.color), global.verbose, label);
    let given = GivenZone {
        reboots: arguments.reboot,
        replaces_failed: arguments.replace_failed,
        ..GivenZone::default()
    };
    let given = zone::replacing(global, site, wish, given, arguments.yes)?;
    let mut run = Run {
        global,
        site,
        wish,
        others: arguments.others,
        step_timeout: arguments.step_timeout,
        given,
        decisions: Decisions {
            fresh: if arguments.fresh {
                Fresh::Begin
            } else {
                Fresh::No
            },
            ..arguments.decisions.into()
        },
        distfiles: arguments.distfiles.clone(),
        verb: "apply",
        kept: BTreeMap::new(),
        progress,
        log: None,
    };
    let result = run.all();
    let done = run.end(result, started.elapsed())?;
    if !global.json {
        answer(&text(name, &done, &duration(started.elapsed())));
    }
    if !done.asked.is_empty() {
        return Err(asked_for("apply", name, &done.asked));
    }
    Ok(json!({
        "zone": name,
        "address": done.door.address,
        "steps": done.steps + done.report.steps,
        "checks": done.report.checks.iter().map(|(name, found)| json!({ "name": name, "found": found })).collect::<Vec<_>>(),
    }))
}

/// One run on a zone and, where it has one, on its host: both have one log.
pub(super) struct Run<'a> {
    pub(super) global: &'a Global,
    pub(super) site: &'a SiteRoot,
    pub(super) wish: &'a Wish,
    pub(super) others: OthersArgs,
    pub(super) step_timeout: Option<Duration>,
    pub(super) given: GivenZone,
    pub(super) decisions: Decisions,
    pub(super) distfiles: Vec<PathBuf>,
    /// The command, as others are told of it.
    pub(super) verb: &'static str,
    /// Password hashes of the zone's old root, which accounts without a password get again.
    pub(super) kept: BTreeMap<String, Secret>,
    pub(super) progress: Progress,
    pub(super) log: Option<RunLog>,
}

/// What a run came to.
pub(super) struct Done {
    pub(super) door: door::Door,
    pub(super) report: Report,
    /// How many steps ran on the host.
    pub(super) steps: usize,
    /// What was left as it is.
    pub(super) asked: Vec<(Need, Change)>,
}

impl Run<'_> {
    /// The host first, then what is in the zone.
    pub(super) fn all(&mut self) -> Result<Done, Failure> {
        let zone = &self.wish.zone;
        let (mut steps, mut asked, mut uuid) = (0, Vec::new(), None);
        let mut door = match zone.host {
            None => door::open_existing(self.global, zone, &mut self.progress)?,
            Some(_) => {
                let (mut host, report) = self.on_host()?;
                steps = report.steps;
                let view = old_root::give_back_keys(self, &mut host, report.view)?;
                asked.clone_from(&view.plan.asked);
                uuid = Some(view.plan.uuid.clone());
                let door = door::route::open(self.global, zone, host, &view)?;
                door.ok_or_else(|| does_not_run(&zone.name, &view))?
            }
        };
        door.host = door.host.with_quiet_limit(self.step_timeout);
        let wish = self.wish;
        let report = self.with_controller(|controller, log, begin| {
            let result = run::converge(&mut door.host, wish, controller, log, begin);
            result.map_err(|error| error.after(steps))
        })?;
        if let Some(uuid) = uuid {
            old_root::forget(self.wish, &uuid)?;
        }
        Ok(Done {
            door,
            report,
            steps,
            asked,
        })
    }

    /// The zone itself, on its host.
    pub(super) fn on_host(&mut self) -> Result<(door::host::HostDoor, ZoneReport), Failure> {
        let zone = &self.wish.zone;
        let host = door::host::open(self.global, self.site, self.wish, true, &mut self.progress)?;
        let Some(mut host) = host else {
            return Err(Failure::text_only(
                &format!("the zone {} has no host", zone.name),
                "write `[host] ssh = \"root@HOST\"` in its file, or use `zonewright apply`",
            ));
        };
        let given = &mut host.wish.given;
        *given = GivenZone {
            takes_over: given.takes_over,
            ..self.given
        };
        let wish = host.wish.clone();
        let report = self.with_controller(|controller, log, begin| {
            run::zone::converge(&mut host.host, &wish, controller, log, begin)
        })?;
        Ok((host, report))
    }

    /// Does `work` with what a run needs.
    pub(super) fn with_controller<T>(
        &mut self,
        work: impl FnOnce(
            &mut Controller<'_>,
            &mut Option<RunLog>,
            &mut dyn FnMut() -> Result<RunLog, StoreError>,
        ) -> Result<T, RunError>,
    ) -> Result<T, Failure> {
        let name = &self.wish.zone.name;
        let folders = folders_of(&self.wish.zone);
        let id = folders.controller_id();
        let id = id.map_err(|error| Failure::of(&error, STATE_HELP))?;
        // a run of this controller whose process is gone holds nothing, whatever the zone still thinks; its
        // file may have another name than this run's
        let is_over = |holder: &Holder| {
            let is_known = holder.controller == id && !holder.zone.is_empty();
            is_known && !folders.is_running(&holder.zone, &holder.run)
        };
        let mut own = holder(format!("{} {name}", self.verb), &id);
        own.zone.clone_from(name);
        let locking = Locking {
            holder: own,
            wait: self.others.wait,
            breaks: self.others.break_lock,
            is_over: &is_over,
        };
        let caller = Caller {
            user: format!("{}@{}", locking.holder.user, locking.holder.host),
            command: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        };
        let mut passwords = Passwords::new(self.site.folder());
        let mut distfiles = self.distfiles.clone();
        distfiles.extend(self.site.folder().map(|folder| folder.join("distfiles")));
        let (progress, verbose) = (&mut self.progress, self.global.verbose);
        let style = Style::stderr(self.global.color);
        let mut shows_plan = true;
        let mut watch = |event: Event<'_>| {
            if let Event::Planned(plan) = event {
                if shows_plan && verbose > 0 {
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
            decisions: self.decisions,
            locking,
            password: &mut |user, known| match self.kept.get(&user.name) {
                Some(hash) => Ok(old_root::is_without_password(known).then(|| hash.clone())),
                None => passwords.wanted_hash(user, known, &mut door::prompt),
            },
            watch: &mut watch,
        };
        let mut begin = || folders.begin_run(name, &caller, now());
        let result = work(&mut controller, &mut self.log, &mut begin);
        result.map_err(|error| Failure::run(name, error))
    }

    /// Closes the log.
    pub(super) fn end<T>(
        &mut self,
        result: Result<T, Failure>,
        took: Duration,
    ) -> Result<T, Failure> {
        self.progress.stop();
        let outcome = match &result {
            Ok(_) => "done",
            Err(_) => "failed",
        };
        let error = match &result {
            Err(Failure::Run { error, .. }) => Some(in_one_line(&**error)),
            Err(Failure::Text { message, .. }) => Some(message.clone()),
            _ => None,
        };
        let is_kept_out = matches!(&result, Err(Failure::Run { error, .. })
            if matches!(**error, RunError::Locked(_)));
        // nobody would look for it, and everybody for the run that it was kept out by
        let idle = self.log.take_if(|log| is_kept_out && !log.has_steps());
        let logged = match (idle, &mut self.log) {
            (Some(idle), _) => idle.discard(),
            (None, Some(log)) => log.end(outcome, took, error),
            (None, None) => Ok(()),
        };
        let done = result?;
        logged.map_err(|error| Failure::run(&self.wish.zone.name, error))?;
        Ok(done)
    }
}

fn does_not_run(name: &str, view: &ZoneView) -> Failure {
    let state = view.vm().map_or("not there", |vm| vm.state.as_str());
    Failure::text_only(
        &format!("the zone {name} is {state}: what is in it cannot be seen to"),
        &format!(
            "its file says `autoboot = false`: on its host, `vmadm start {}` starts it",
            view.plan.uuid
        ),
    )
}

/// What differs and needs the user's word.
pub(super) fn asked_for(verb: &str, name: &str, asked: &[(Need, Change)]) -> Failure {
    let lines = asked.iter().map(|(need, change)| {
        let why = change.why.join("; ");
        format!("{} ({why}): {}", change.what, need.text())
    });
    let lines: Vec<String> = lines.collect();
    let help = match asked.iter().map(|(need, _)| *need).max() {
        Some(Need::Reprovision) => format!(
            "`zonewright zone reprovision {name}` gives it the other root; datasets that are delegated stay"
        ),
        _ => format!(
            "`zonewright {verb} {name} --reboot` reboots it for them, as soon as nobody is being served"
        ),
    };
    let message = format!(
        "{name}: everything else is as its file says, but not this\n  {}",
        lines.join("\n  ")
    );
    Failure::text_only(&message, &help)
}

/// What others are told of this run.
pub(super) fn holder(command: String, controller: &str) -> Holder {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::current());
    let user = user.ok().flatten().map(|user| user.name);
    let host = nix::unistd::gethostname().ok();
    Holder {
        user: user.unwrap_or_else(|| "somebody".to_owned()),
        host: host.map_or_else(
            || "somewhere".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        command,
        controller: controller.to_owned(),
        ..Holder::default()
    }
}

fn text(name: &str, done: &Done, took: &str) -> String {
    let door = &done.door;
    let number = done.steps + done.report.steps;
    if number == 0 && done.asked.is_empty() {
        return format!("{name} ({}): nothing to do\n", door.address);
    }
    let steps = if number == 1 {
        "1 step".to_owned()
    } else {
        format!("{number} steps")
    };
    let mut out = match done.asked.is_empty() {
        true => format!("{name} is as its file says: {steps} in {took}\n"),
        false => format!("{name}: {steps} in {took}\n"),
    };
    out.push_str(&format!("  address  {}\n", door.address));
    for (what, found) in &done.report.checks {
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
