//! `zonewright zone destroy`: a zone ends, with everything that is its own.

use std::time::Instant;

use serde_json::{Value, json};

use super::{begin, confirm, host, load};
use crate::cli::{Global, ZoneDestroyArgs};
use crate::command::door::host::HostDoor;
use crate::command::{DONE, Failure, answer, answer_json, door, folders, old_root, site};
use crate::facts::host::victims::Victim;
use crate::facts::host::vms::Vm;
use crate::plan::zone::{GivenZone, concerned, held, is_at_stake, snapshot_held};
use crate::run::zone::{ask, facts_of, victims};
use crate::run::{self, RunError, Wish};
use crate::show::plain;
use crate::show::progress::Progress;
use crate::site::SiteRoot;
use crate::size::show_size;

pub(super) fn run(global: &Global, arguments: &ZoneDestroyArgs) -> Result<u8, Failure> {
    let started = Instant::now();
    let site = site(global)?;
    let name = &arguments.zone;
    let wish = load(&site, name)?;
    let mut run = begin(
        global,
        &site,
        &wish,
        GivenZone::default(),
        arguments.regard,
        "zone destroy",
    );
    let mut host = host(global, &site, &wish, false, &mut run.progress)?;
    let failed = |error: run::RunError| Failure::run(name, error);
    let questions = crate::plan::zone::questions(&host.wish.wanted);
    let facts = ask(&mut host.host, &questions).map_err(failed)?;
    let vm = concerned(&host.wish.wanted, &facts, host.wish.given)
        .map_err(|refusal| failed(run::RunError::Refused(vec![refusal])))?;
    let Some(vm) = vm.cloned() else {
        if global.json {
            answer_json("zone-destroy", json!({ "zone": name, "destroyed": [] }));
        } else {
            answer(&format!(
                "there is no zone {} on {}; `zonewright zone list` shows which there are\n",
                host.wish.wanted.shape.alias, facts.hostname
            ));
        }
        return Ok(DONE);
    };
    let datasets = agree(global, name, &mut host, &vm, &facts.hostname, arguments.yes)?;
    let word = word_of(&vm);
    let wanted = host.wish.wanted.clone();
    let result = run.with_controller(|controller, log, begin| {
        run::zone::destroy(&mut host.host, &wanted, &vm, controller, log, begin)
    });
    run.end(result, started.elapsed())?;
    old_root::forget(&wish, &vm.uuid)?;
    // another zone of this uuid has other keys
    let _ = std::fs::remove_file(folders().state.join("known_hosts").join(&vm.uuid));
    if global.json {
        let gone: Vec<Value> = datasets
            .iter()
            .map(|v| json!({ "name": v.name, "used": v.used, "snapshots": v.snapshots }))
            .collect();
        answer_json(
            "zone-destroy",
            json!({ "zone": name, "uuid": vm.uuid, "destroyed": gone }),
        );
    } else {
        answer(&format!("destroyed: zone {word} on {}\n", facts.hostname));
    }
    Ok(DONE)
}

/// Before what is left of a zone is replaced: whether data dies with it, which is listed then and agreed to.
pub(in crate::command) fn agree_to_replace(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    progress: &mut Progress,
    yes: bool,
) -> Result<bool, Failure> {
    let name = &wish.zone.name;
    let Some(mut host) = door::host::open(global, site, wish, true, progress)? else {
        return Ok(false);
    };
    let failed = |error| Failure::run(name, error);
    let facts = facts_of(&mut host.host, &host.wish.wanted).map_err(failed)?;
    let vm = concerned(&host.wish.wanted, &facts, host.wish.given)
        .map_err(|refusal| failed(RunError::Refused(vec![refusal])))?;
    let Some(vm) = vm.filter(|vm| !vm.is_whole() && is_at_stake(&facts, vm)) else {
        return Ok(false);
    };
    progress.stop();
    agree(global, name, &mut host, vm, &facts.hostname, yes).map(|_| true)
}

/// Lists what dies with a zone, refuses what would stop half-way, and wants the zone's name typed.
fn agree(
    global: &Global,
    name: &str,
    host: &mut HostDoor,
    vm: &Vm,
    hostname: &str,
    yes: bool,
) -> Result<Vec<Victim>, Failure> {
    let failed = |error| Failure::run(name, error);
    let datasets = victims(&mut host.host, vm).map_err(failed)?;
    if !global.json {
        answer(&text(vm, hostname, &datasets));
    }
    if let Some(refusal) = held(vm).or_else(|| snapshot_held(&datasets)) {
        return Err(failed(RunError::Refused(vec![refusal])));
    }
    confirm(word_of(vm), "all of this will be gone", yes)?;
    Ok(datasets)
}

/// What must be typed to end a zone.
fn word_of(vm: &Vm) -> &str {
    match vm.alias.as_str() {
        "" => &vm.uuid,
        alias => alias,
    }
}

/// What dies, each by its name.
fn text(vm: &Vm, host: &str, datasets: &[Victim]) -> String {
    let alias = plain::line(&vm.alias);
    let mut out = format!("zone {alias} on {host} ({}, {})\n", vm.uuid, vm.state);
    for dataset in datasets {
        let snapshots = match dataset.snapshots.len() {
            0 => String::new(),
            1 => ", 1 snapshot".to_owned(),
            number => format!(", {number} snapshots"),
        };
        out.push_str(&format!(
            "  - {}  {}{snapshots}\n",
            plain::line(&dataset.name),
            show_size(dataset.used)
        ));
        for snapshot in &dataset.snapshots {
            out.push_str(&format!("      @{}\n", plain::line(snapshot)));
        }
    }
    out
}
