//! A zone that is there already: what differs, what it waits for, and what to do with half a zone.

use serde_json::{Map, Value};

use super::{
    GivenZone, Need, Place, WantedZone, ZonePlan, datasets, obstacles, plan_image, plan_keys,
    plan_new, properties, remains, scripts,
};
use crate::facts::host::HostFacts;
use crate::facts::host::inside::USER_SCRIPT_FAILED;
use crate::facts::host::vms::Vm;
use crate::plan::{Action, Change, Refusal};
use crate::site::shape::{self, Shape};

/// A zone that is there, and what is wanted of it.
#[derive(Clone, Copy)]
pub(super) struct Existing<'a> {
    pub(super) wanted: &'a WantedZone,
    pub(super) facts: &'a HostFacts,
    pub(super) given: GivenZone,
    pub(super) vm: &'a Vm,
}

pub(super) fn plan_existing(zone: Existing<'_>, plan: &mut ZonePlan, refusals: &mut Vec<Refusal>) {
    let Existing {
        wanted,
        facts,
        given,
        vm,
    } = zone;
    let shape = &wanted.shape;
    if let Some(refusal) = remains::set_aside(shape, facts, vm) {
        refusals.push(refusal);
        return;
    }
    let inside = facts.inside.get(&vm.uuid);
    let is_ready = inside.is_some_and(|inside| inside.waits_for().is_none());
    // a state that is stuck in `provisioning` says nothing of a zone that says of itself that it is ready
    if !(vm.is_whole() || vm.state == "provisioning" && is_ready) {
        plan_unwhole(zone, plan, refusals);
        return;
    }
    if let Some(refusal) = obstacles::other_zone(shape, vm) {
        refusals.push(refusal);
        return;
    }
    refusals.extend(obstacles::cards(shape, facts, Some(vm)));
    refusals.extend(obstacles::folder(shape, facts));
    refusals.extend(obstacles::quota(shape, facts, vm));
    if let Some(broken) = inside.and_then(|inside| inside.is_broken())
        && properties::differences(shape, vm).is_empty()
    {
        if broken == USER_SCRIPT_FAILED && given.reboots {
            plan_reboot(shape, vm, &broken, plan);
        } else {
            refusals.push(obstacles::broken(shape, facts, vm, &broken));
        }
        return;
    }
    plan_root(zone, plan, refusals);
    properties::plan(shape, vm, given, plan);
    if !is_ready && (vm.is_running() || !plan.steps.is_empty() || shape.autoboot) {
        plan_start(shape, facts, vm, plan);
    }
    if let Some(inside) = inside.filter(|_| vm.is_running() || vm.state == "provisioning") {
        refusals.extend(datasets::obstacles(shape, &vm.uuid, vm.pool(), inside));
        datasets::plan(shape, &vm.uuid, vm.pool(), Some(&inside.datasets), plan);
        plan_keys(wanted, Some(&inside.authorized_keys), plan);
    }
    if facts.creating.contains(&vm.uuid) && is_ready {
        let change = Change::new(
            Action::Destroy,
            format!("the note that {} is being made", shape.alias),
            "it is there",
        );
        let script = scripts::forget_creation(&vm.uuid);
        plan.push("zone/noted", vec![change], Place::Host, script, None);
    }
}

/// Another image is another root.
fn plan_root(zone: Existing<'_>, plan: &mut ZonePlan, refusals: &mut Vec<Refusal>) {
    let Existing {
        wanted,
        facts,
        given,
        vm,
    } = zone;
    let shape = &wanted.shape;
    let is_same = match &shape.image {
        shape::Image::Uuid(uuid) => vm.image_uuid == *uuid,
        shape::Image::Named { name, version } => facts.images.iter().any(|image| {
            image.uuid == vm.image_uuid && image.name == *name && image.version == *version
        }),
    };
    if is_same {
        return;
    }
    let was = facts
        .images
        .iter()
        .find(|image| image.uuid == vm.image_uuid);
    let was = was.map_or_else(
        || vm.image_uuid.clone(),
        |image| format!("{}@{}", image.name, image.version),
    );
    let change = Change::new(
        Action::Replace,
        format!("root of zone {}: image {}", shape.alias, shape.image),
        format!("is {was}"),
    );
    if !given.reprovisions {
        plan.asked.push((Need::Reprovision, change));
        return;
    }
    refusals.extend(obstacles::reprovision(shape, vm));
    if let Some(image) = plan_image(shape, facts, plan, refusals) {
        let mut payload = Map::new();
        payload.insert("image_uuid".into(), Value::from(image.uuid.as_str()));
        let script = scripts::reprovision(&vm.uuid);
        plan.push(
            "zone/reprovision",
            vec![change],
            Place::Host,
            script,
            Some(&payload),
        );
    }
}

/// Starts a zone that does not run, and waits for one that is not ready.
fn plan_start(shape: &Shape, facts: &HostFacts, vm: &Vm, plan: &mut ZonePlan) {
    let alias = &shape.alias;
    if vm.zone_state == "installed" && shape.autoboot {
        let change = Change::new(Action::Run, format!("start zone {alias}"), "it is stopped");
        plan.push(
            "zone/start",
            vec![change],
            Place::Host,
            scripts::start(&vm.uuid),
            None,
        );
    }
    if vm.zone_state == "installed" && !shape.autoboot {
        return;
    }
    let inside = facts.inside.get(&vm.uuid);
    let why = match inside.and_then(|inside| inside.waits_for()) {
        Some(why) => format!("it waits for {why}"),
        None => "it does not answer yet".to_owned(),
    };
    let change = Change::new(
        Action::Run,
        format!("wait until zone {alias} is ready"),
        why,
    );
    plan.push(
        "zone/ready",
        vec![change],
        Place::Host,
        scripts::ready(&vm.uuid),
        None,
    );
}

/// Boots a zone once more, and waits until it can be used: what failed at its last boot is tried again.
fn plan_reboot(shape: &Shape, vm: &Vm, why: &str, plan: &mut ZonePlan) {
    let what = format!("reboot zone {}", shape.alias);
    let change = Change::new(Action::Run, what, why);
    let script = scripts::reboot(&vm.uuid);
    plan.push("zone/reboot", vec![change], Place::Host, script, None);
}

/// A zone that was never finished, or that the host gave up.
fn plan_unwhole(zone: Existing<'_>, plan: &mut ZonePlan, refusals: &mut Vec<Refusal>) {
    let Existing {
        wanted,
        facts,
        given,
        vm,
    } = zone;
    let shape = &wanted.shape;
    let is_ours = facts.creating.contains(&vm.uuid);
    let is_torso = ["configured", "incomplete"].contains(&vm.zone_state.as_str());
    if vm.state == "provisioning" && !is_torso {
        let why = facts
            .inside
            .get(&vm.uuid)
            .and_then(|inside| inside.is_broken());
        match why {
            Some(why) => refusals.push(obstacles::broken(shape, facts, vm, &why)),
            None => plan_start(shape, facts, vm, plan),
        }
        return;
    }
    let replaces = match vm.state.as_str() {
        "failed" => given.replaces_failed,
        _ => is_torso && (is_ours || given.replaces_failed),
    };
    if !replaces || remains::is_at_stake(facts, vm) && !given.loses_data {
        refusals.push(obstacles::unwhole(shape, facts, vm));
        return;
    }
    refusals.extend(obstacles::held(vm));
    let left = facts.remains.get(&vm.uuid);
    refusals.extend(left.and_then(|left| remains::snapshot_held(left)));
    let why = match vm.state.as_str() {
        "failed" => "it failed, and you asked for another",
        _ => "its creation was cut off",
    };
    let change = Change::new(
        Action::Destroy,
        format!("what is left of zone {}", shape.alias),
        why,
    );
    plan.push(
        "zone/remains",
        vec![change],
        Place::Host,
        scripts::destroy(&vm.uuid),
        None,
    );
    plan_new(wanted, facts, plan, refusals);
}
