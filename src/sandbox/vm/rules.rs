//! What `vmadm` refuses by what the host has: machines, images, network tags; and in which words.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::is_uuid;
use super::machine::{Machine, Mark, ZoneState};
use super::update::{self, Effects};
use super::{nics, payload};
use crate::sandbox::host::tags;

/// What there is on the host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inventory<'a> {
    pub machines: &'a BTreeMap<String, Machine>,
    /// The installed images.
    pub images: &'a [String],
    /// The virtual switches.
    pub stubs: &'a [String],
}

/// The machine to be made of a payload; `uuid` is its name if the payload has none.
pub(crate) fn admit(
    payload: Map<String, Value>,
    uuid: &str,
    host: Inventory,
) -> Result<Machine, String> {
    let named = payload.get("uuid").and_then(Value::as_str);
    if let Some(uuid) = named.filter(|uuid| host.machines.contains_key(*uuid)) {
        return Err(format!("VM with UUID {uuid} already exists"));
    }
    let properties = payload::for_create(payload, uuid)?;
    let mut machine = Machine::new(properties);
    check_image(&machine, host.images)?;
    check_tags(&machine, host.stubs)?;
    check_conflicts(&machine, host.machines)?;
    machine.mark = Mark::Provisioning;
    Ok(machine)
}

/// lx and bhyve want images of other types, which are never installed here.
fn check_image(machine: &Machine, images: &[String]) -> Result<(), String> {
    let is_zone = matches!(machine.text("brand"), Some("joyent" | "joyent-minimal"));
    let image = machine.text("image_uuid");
    if is_zone && image.is_some_and(|image| images.iter().any(|known| known == image)) {
        Ok(())
    } else {
        Err("Invalid value(s) for: image_uuid".into())
    }
}

fn check_tags(machine: &Machine, stubs: &[String]) -> Result<(), String> {
    for nic in machine.nics() {
        let tag = nic
            .get("nic_tag")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !tags::exists(stubs, tag) {
            return Err(format!("Invalid nic tag \"{tag}\""));
        }
    }
    Ok(())
}

/// Refuses an address that another machine has on the same network; one whose provisioning failed
/// counts only while it runs.
fn check_conflicts(machine: &Machine, machines: &BTreeMap<String, Machine>) -> Result<(), String> {
    let own = machine.nics();
    let others = machines.values().filter(|other| other.uuid != machine.uuid);
    for other in others {
        let is_gone = other.mark == Mark::Failed && other.zone_state != ZoneState::Running;
        if !is_gone && nics::conflict(&own, &other.nics()) {
            return Err(nics::CONFLICT.into());
        }
    }
    Ok(())
}

/// A machine as an update leaves it.
pub(crate) fn change(
    machine: &Machine,
    change: Map<String, Value>,
    host: Inventory,
) -> Result<(Machine, Effects), String> {
    let (after, effects) = update::updated(machine, change)?;
    if effects.changes_nics {
        check_tags(&after, host.stubs)?;
        check_conflicts(&after, host.machines)?;
    }
    Ok((after, effects))
}

/// What is said when there is no such machine.
pub(crate) fn not_found(uuid: &str) -> String {
    format!("VM {uuid} not found")
}

/// The same, by those commands that ask another daemon for it.
pub(crate) const NOT_SERVED: &str = "bad statusCode: 404";

/// What is said when a machine is started that runs.
pub(crate) fn runs_already(machine: &Machine) -> Option<String> {
    let runs = machine.zone_state == ZoneState::Running;
    runs.then(|| format!("VM {} is already 'running'", machine.uuid))
}

/// What is said when a machine is stopped that does not run.
pub(crate) fn is_down_already(machine: &Machine) -> Option<String> {
    (machine.zone_state != ZoneState::Running).then(|| {
        let (uuid, state) = (&machine.uuid, machine.state());
        format!("VM {uuid} is already not 'running' (currently: {state})")
    })
}

/// Only what runs can be rebooted.
pub(crate) fn may_reboot(machine: &Machine) -> Result<(), String> {
    if machine.zone_state == ZoneState::Running {
        return Ok(());
    }
    let state = machine.state();
    Err(format!(
        "Cannot reboot vm from state \"{state}\", must be \"running\""
    ))
}

/// Whether nothing keeps a machine from being deleted.
pub(crate) fn may_delete(machine: &Machine) -> Result<(), String> {
    for property in ["indestructible_zoneroot", "indestructible_delegated"] {
        if machine.is(property) {
            return Err(format!("{property} is set, cannot delete"));
        }
    }
    Ok(())
}

/// The image that a machine is to be made of anew.
pub(crate) fn may_reprovision(
    machine: &Machine,
    payload: &Value,
    images: &[String],
) -> Result<String, String> {
    let Some(image) = payload.get("image_uuid") else {
        return Err("payload is missing image_uuid".into());
    };
    let image = image.as_str().filter(|image| is_uuid(image));
    let known = image.filter(|image| images.iter().any(|known| known == image));
    let Some(image) = known else {
        return Err("Invalid value(s) for: image_uuid".into());
    };
    if machine.is("indestructible_zoneroot") {
        // (inferred: after the words of `delete`)
        return Err("indestructible_zoneroot is set, cannot reprovision".into());
    }
    Ok(image.to_owned())
}

/// Whether a root can be remembered under that name.
pub(crate) fn may_snapshot(machine: &Machine, name: &str) -> Result<(), String> {
    if machine.dataset().is_some() {
        return Err("Cannot currently snapshot zones that have datasets".into());
    }
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._:%-".contains(c);
    if !(1..=64).contains(&name.len()) || !name.chars().all(is_good) {
        return Err("Invalid snapshot name".into());
    }
    if machine.snapshots.iter().any(|known| known.name == name) {
        return Err(format!("snapshot with name \"{name}\" already exists."));
    }
    Ok(())
}

/// Whether there is a remembered root of that name.
pub(crate) fn has_snapshot(machine: &Machine, name: &str) -> Result<(), String> {
    if machine.snapshots.iter().any(|known| known.name == name) {
        Ok(())
    } else {
        let uuid = &machine.uuid;
        Err(format!("No snapshot named \"{name}\" for {uuid}"))
    }
}
