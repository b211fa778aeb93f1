//! `zonewright zone destroy`: a zone ends, with everything that is its own.

use std::time::Instant;

use serde_json::{Value, json};

use super::{begin, confirm, host, load, size};
use crate::cli::{Global, ZoneDestroyArgs};
use crate::command::{DONE, Failure, answer, answer_json, folders, old_root, site};
use crate::facts::host::victims::Victim;
use crate::facts::host::vms::Vm;
use crate::plan::zone::{GivenZone, concerned, held};
use crate::run;
use crate::run::zone::{ask, victims};
use crate::show::plain;

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
            answer(&format!("there is no zone {name} on {}\n", facts.hostname));
        }
        return Ok(DONE);
    };
    let datasets = victims(&mut host.host, &vm).map_err(failed)?;
    if !global.json {
        answer(&text(&vm, &facts.hostname, &datasets));
    }
    if let Some(refusal) = held(&vm) {
        return Err(failed(run::RunError::Refused(vec![refusal])));
    }
    refuse_busy(&datasets)?;
    let word = if vm.alias.is_empty() {
        &vm.uuid
    } else {
        &vm.alias
    };
    confirm(word, "all of this will be gone", arguments.yes)?;
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
            size(dataset.used)
        ));
        for snapshot in &dataset.snapshots {
            out.push_str(&format!("      @{}\n", plain::line(snapshot)));
        }
    }
    out
}

/// The host would end the zone first, and then find that its datasets cannot go.
fn refuse_busy(datasets: &[Victim]) -> Result<(), Failure> {
    let held = datasets.iter().find_map(|dataset| {
        let snapshot = dataset.held.first()?;
        Some(format!("{}@{snapshot}", dataset.name))
    });
    let Some(held) = held else { return Ok(()) };
    let name = plain::line(&held);
    Err(Failure::text_only(
        &format!("the snapshot {name} is held, so the zone cannot be destroyed"),
        &format!(
            "on the host: `zfs holds {name}` says by which tag, `zfs release TAG {name}` lets go of it"
        ),
    ))
}
