//! `zonewright zone reprovision`: another root for a zone, and the same server on it.
//!
//! Delegated datasets stay, and with them whatever makes the server the same one to every Mac. Password hashes are
//! read before and given to the accounts that are made anew, so nobody is asked for a password.

use std::time::Instant;

use serde_json::json;

use super::{begin, confirm, host, load};
use crate::cli::{Global, ZoneReprovisionArgs};
use crate::command::apply::asked_for;
use crate::command::{DONE, Failure, answer, answer_json, door, site};
use crate::facts::host::vms::Vm;
use crate::plan::zone::{GivenZone, Need, plan};
use crate::run::RunError;
use crate::run::zone::{ZoneView, host_keys, password_hashes, put_host_keys};
use crate::show::duration;

pub(super) fn run(global: &Global, arguments: &ZoneReprovisionArgs) -> Result<u8, Failure> {
    let started = Instant::now();
    let site = site(global)?;
    let name = &arguments.zone;
    let wish = load(&site, name)?;
    let given = GivenZone {
        reprovisions: true,
        reboots: true,
        ..GivenZone::default()
    };
    let mut run = begin(global, &site, &wish, given, "zone reprovision");
    let mut first = host(global, &site, &wish, false, &mut run.progress)?;
    let view = first.look()?;
    let Some(vm) = view.vm().cloned() else {
        return Err(Failure::text_only(
            &format!("there is no zone {name} on {}", view.facts.hostname),
            &format!("`zonewright apply {name}` makes it"),
        ));
    };
    if !view
        .plan
        .asked
        .iter()
        .any(|(need, _)| *need == Need::Reprovision)
    {
        answer(&format!(
            "{name} has the image of its file already: nothing to do\n"
        ));
        return Ok(DONE);
    }
    // nothing is asked about what would then be refused
    let both = GivenZone {
        takes_over: first.wish.given.takes_over,
        ..given
    };
    plan(&first.wish.wanted, &view.facts, both)
        .map_err(|refusals| Failure::run(name, RunError::Refused(refusals)))?;
    if !global.json {
        answer(&text(name, &view, &vm));
    }
    confirm(&vm.alias, "the zone gets another root", arguments.yes)?;
    // what a new root would not have
    let mut keys = None;
    if let Some(mut zone) = door::route::open(global, &wish.zone, first, &view)? {
        let failed = |error| Failure::run(name, error);
        run.kept = password_hashes(&mut zone.host, &wish.zone.users).map_err(failed)?;
        if arguments.keep_host_keys {
            keys = Some(host_keys(&mut zone.host).map_err(failed)?);
        }
    }
    let mut result = run.all();
    if let (Ok(done), Some(archive)) = (&mut result, keys) {
        let kept = put_host_keys(&mut done.door.host, &archive);
        if let Err(error) = kept {
            result = Err(Failure::run(name, error));
        }
    }
    let done = run.end(result, started.elapsed())?;
    let steps = done.steps + done.report.steps;
    if global.json {
        answer_json(
            "zone-reprovision",
            json!({ "zone": name, "uuid": vm.uuid, "steps": steps, "address": done.door.address }),
        );
    } else {
        let took = duration(started.elapsed());
        answer(&format!(
            "{name} has another root, and is as its file says: {steps} steps in {took}\n  address  {}\n",
            done.door.address
        ));
    }
    if done.asked.is_empty() {
        return Ok(DONE);
    }
    Err(asked_for(name, &done.asked))
}

/// What goes and what stays, by name.
fn text(name: &str, view: &ZoneView, vm: &Vm) -> String {
    let mut out = format!("zone {name} on {} ({})\n", view.facts.hostname, vm.uuid);
    for (_, change) in &view.plan.asked {
        out.push_str(&format!("  ~ {}  {}\n", change.what, change.why.join("; ")));
    }
    out.push_str(&format!(
        "  - {}/{}  the root: packages, /etc, /var, /root, /opt/local, and the snapshots of it\n",
        vm.pool(),
        vm.uuid
    ));
    for dataset in &vm.datasets {
        out.push_str(&format!(
            "  = {dataset}  stays, with all below it and its snapshots\n"
        ));
    }
    out
}
