//! `zonewright zone reprovision`: another root for a zone, and the same server on it.
//!
//! Delegated datasets stay, and with them whatever makes the server the same one to every Mac. Password hashes are
//! kept before and given to the accounts that are made anew, so nobody is asked for a password, not even where this
//! process ends in between: whichever command sees to the zone next goes on.

use std::time::Instant;

use serde_json::json;

use super::{begin, confirm, host, load};
use crate::cli::{Global, ZoneReprovisionArgs};
use crate::command::apply::asked_for;
use crate::command::{DONE, Failure, answer, answer_json, door, old_root, site};
use crate::facts::host::vms::Vm;
use crate::plan::Change;
use crate::plan::zone::{GivenZone, Need, plan};
use crate::run::zone::ZoneView;
use crate::run::{FolderInRoot, RunError, Wish, folders_in_root, rehearse};
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
    let mut run = begin(
        global,
        &site,
        &wish,
        given,
        arguments.regard,
        "zone reprovision",
    );
    let mut first = host(global, &site, &wish, false, &mut run.progress)?;
    let view = first.look()?;
    let Some(vm) = view.vm().cloned() else {
        return Err(Failure::text_only(
            &format!("there is no zone {name} on {}", view.facts.hostname),
            &format!("`zonewright apply {name}` makes it"),
        ));
    };
    let tell = |steps: usize, address: Option<&str>, text: &str| {
        if global.json {
            let document =
                json!({ "zone": name, "uuid": vm.uuid, "steps": steps, "address": address });
            answer_json("zone-reprovision", document)
        } else {
            answer(text)
        }
    };
    let is_due = |(need, _): &(Need, Change)| *need == Need::Reprovision;
    if view.plan.asked.iter().any(is_due) {
        // nothing is asked about what would then be refused
        let both = GivenZone {
            takes_over: first.wish.given.takes_over,
            ..given
        };
        plan(&first.wish.wanted, &view.facts, both)
            .map_err(|refusals| Failure::run(name, RunError::Refused(refusals)))?;
        run.with_controller(|controller, _, _| rehearse(&wish, controller))?;
        if !global.json {
            answer(&text(&wish, &view, &vm)?);
        }
        confirm(&vm.alias, "the zone gets another root", arguments.yes)?;
        let zone = door::route::open(global, &wish.zone, first, &view)?;
        old_root::keep(&wish, &vm, zone, arguments.keep_host_keys)?;
    } else if !old_root::is_due(&wish, &vm)? {
        // a run that ended before the host began left it
        old_root::forget(&wish, &vm.uuid)?;
        let address = view.inside().and_then(|inside| inside.addresses().next());
        tell(
            0,
            address,
            &format!("{name} has the image of its file already: nothing to do\n"),
        );
        return Ok(DONE);
    }
    let result = run.all();
    let done = run.end(result, started.elapsed())?;
    let steps = done.steps + done.report.steps;
    let (took, address) = (duration(started.elapsed()), &done.door.address);
    let text = format!(
        "{name} has another root, and is as its file says: {steps} steps in {took}\n  address  {address}\n"
    );
    tell(steps, Some(address.as_str()), &text);
    if done.asked.is_empty() {
        return Ok(DONE);
    }
    Err(asked_for("apply", name, &done.asked))
}

/// What goes and what stays, by name.
fn text(wish: &Wish, view: &ZoneView, vm: &Vm) -> Result<String, Failure> {
    let name = &wish.zone.name;
    let mut out = format!("zone {name} on {} ({})\n", view.facts.hostname, vm.uuid);
    for (_, change) in &view.plan.asked {
        out.push_str(&format!("  ~ {}  {}\n", change.what, change.why.join("; ")));
    }
    out.push_str(&format!(
        "  - {}/{}  the root: packages, /etc, /var, /root, /home, /opt/local, and the snapshots of it\n",
        vm.pool(),
        vm.uuid
    ));
    let failed = |error| Failure::run(name, error);
    for FolderInRoot { of, path, but_for } in folders_in_root(wish).map_err(failed)? {
        let what = match &but_for[..] {
            [] => "with all in it: no dataset of the zone file is mounted there".to_owned(),
            stays => format!(
                "with all in it but {}, where datasets are mounted",
                stays.join(", ")
            ),
        };
        out.push_str(&format!("  - {path}  of {of}, {what}\n"));
    }
    if view.inside().is_none() {
        out.push_str(&format!(
            "  - passwords and host keys: the zone does not run; they stay where `vmadm start {}` comes first\n",
            vm.uuid
        ));
    }
    for dataset in &vm.datasets {
        out.push_str(&format!(
            "  = {dataset}  stays, with all below it and its snapshots\n"
        ));
    }
    Ok(out)
}
