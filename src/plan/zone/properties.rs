//! Properties of a zone that is there: what differs, and what each difference needs.
//!
//! `vmadm update` takes most of them while the zone runs. Host name and domain are taken too and change
//! nothing in the zone: it reads them at its first boot.

use serde_json::{Map, Value, json};

use super::{GivenZone, Need, Place, ZonePlan, card, payload, scripts};
use crate::facts::host::vms::Vm;
use crate::plan::{Action, Change};
use crate::recipe::units::{write_quota, write_size};
use crate::site::model::StorageKind;
use crate::site::shape::Shape;

/// A property that differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// What it is to be: `memory 2048 MiB`.
    pub(super) what: String,
    /// What it is.
    pub(super) why: String,
    need: Option<Need>,
    /// The member of the update's payload, and what it is or, for cards, holds.
    member: &'static str,
    value: Value,
    is_item: bool,
}

impl Difference {
    fn live(what: String, why: String, member: &'static str, value: impl Into<Value>) -> Self {
        Self {
            what,
            why,
            need: None,
            member,
            value: value.into(),
            is_item: false,
        }
    }

    /// One of several of its kind, which needs a reboot.
    pub(super) fn of_card(what: String, why: String, member: &'static str, value: Value) -> Self {
        Self {
            need: Some(Need::Reboot),
            is_item: true,
            ..Self::live(what, why, member, value)
        }
    }
}

/// Everything that `vmadm update` can change.
pub(super) fn differences(shape: &Shape, vm: &Vm) -> Vec<Difference> {
    let mut found = Vec::new();
    if shape.alias != vm.alias {
        found.push(Difference::live(
            format!("alias {}", shape.alias),
            format!("is {}", or_none(&vm.alias)),
            "alias",
            shape.alias.as_str(),
        ));
    }
    let numbers = [
        (
            "memory",
            "max_physical_memory",
            shape.memory_mib,
            vm.max_physical_memory,
        ),
        ("swap", "max_swap", shape.swap_mib, vm.max_swap),
        ("quota", "quota", shape.quota_gib, vm.quota),
        (
            "cpu-cap",
            "cpu_cap",
            u64::from(shape.cpu_cap),
            u64::from(vm.cpu_cap),
        ),
    ];
    for (name, member, wanted, actual) in numbers {
        let shown = |number: u64| match (name, number) {
            ("cpu-cap", 0) => "none".to_owned(),
            ("cpu-cap", number) => format!("{number} %"),
            ("quota", number) => write_quota(number << 30),
            (_, number) => write_size(number << 20),
        };
        if wanted != actual {
            let what = format!("{name} {}", shown(wanted));
            found.push(Difference::live(
                what,
                format!("is {}", shown(actual)),
                member,
                wanted,
            ));
        }
    }
    names(shape, vm, &mut found);
    if shape.autoboot != vm.autoboot {
        found.push(Difference::live(
            format!("autoboot {}", shape.autoboot),
            format!("is {}", vm.autoboot),
            "autoboot",
            shape.autoboot,
        ));
    }
    for (name, value) in &shape.metadata {
        let actual = vm.customer_metadata.get(name);
        if actual != Some(value) {
            let why = if actual.is_some() {
                "differs"
            } else {
                "not there"
            };
            let mut one = Map::new();
            one.insert(name.clone(), Value::from(value.as_str()));
            found.push(Difference::live(
                format!("metadata {name}"),
                why.to_owned(),
                "set_customer_metadata",
                Value::Object(one),
            ));
        }
    }
    found.extend(card::differences(&shape.nics, &vm.nics));
    found.extend(folder(shape, vm));
    found
}

/// What the zone calls itself and whom it asks for names.
fn names(shape: &Shape, vm: &Vm, found: &mut Vec<Difference>) {
    let late = "; the zone takes it up when it is reprovisioned";
    if shape.hostname != vm.hostname {
        found.push(Difference::live(
            format!("hostname {}", shape.hostname),
            format!("is {}{late}", or_none(&vm.hostname)),
            "hostname",
            shape.hostname.as_str(),
        ));
    }
    let domain = if vm.dns_domain.is_empty() {
        "local"
    } else {
        &vm.dns_domain
    };
    if shape.dns_domain != domain {
        found.push(Difference::live(
            format!("dns-domain {}", shape.dns_domain),
            format!("is {domain}{late}"),
            "dns_domain",
            shape.dns_domain.as_str(),
        ));
    }
    if shape.resolvers != vm.resolvers {
        let late = if shape.maintain_resolvers { "" } else { late };
        let actual = vm.resolvers.join(", ");
        found.push(Difference::live(
            format!("resolvers {}", or_none(&shape.resolvers.join(", "))),
            format!("is {}{late}", or_none(&actual)),
            "resolvers",
            json!(shape.resolvers),
        ));
    }
    if shape.maintain_resolvers != vm.maintain_resolvers {
        found.push(Difference::live(
            format!("maintain-resolvers {}", shape.maintain_resolvers),
            format!("is {}", vm.maintain_resolvers),
            "maintain_resolvers",
            shape.maintain_resolvers,
        ));
    }
}

fn folder(shape: &Shape, vm: &Vm) -> Option<Difference> {
    let storage = shape
        .storage
        .as_ref()
        .filter(|s| s.kind == StorageKind::Lofs)?;
    let (source, target) = (storage.source.as_ref()?, storage.target.as_ref()?);
    let at_target = vm
        .filesystems
        .iter()
        .find(|folder| folder.target == *target);
    let (member, why) = match at_target {
        Some(folder) if folder.source == *source => return None,
        Some(folder) => ("update_filesystems", format!("is {}", folder.source)),
        None => ("add_filesystems", "not there".to_owned()),
    };
    Some(Difference::of_card(
        format!("folder {source} at {target}"),
        why,
        member,
        payload::filesystem(source, target),
    ))
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// Plans one update of everything that may be changed now. A zone that must be rebooted for it is stopped first and
/// started afterwards: whatever is cut off in between, what is left to do can be seen.
pub(super) fn plan(shape: &Shape, vm: &Vm, given: GivenZone, plan: &mut ZonePlan) {
    let stops = vm.is_running();
    let mut changes = Vec::new();
    let mut needs_stop = false;
    let mut update = Map::new();
    for difference in differences(shape, vm) {
        let action = match difference.why.as_str() {
            "not there" => Action::Create,
            "not in the file" => Action::Destroy,
            _ => Action::Change,
        };
        let what = format!("zone {}: {}", shape.alias, difference.what);
        let change = Change::new(action, what, difference.why.clone());
        match difference.need {
            Some(need) if stops && !given.reboots => plan.asked.push((need, change)),
            need => {
                needs_stop |= need.is_some() && stops;
                changes.push(change);
                merge(&mut update, &difference);
            }
        }
    }
    if changes.is_empty() {
        return;
    }
    let script = match (needs_stop, shape.autoboot) {
        (false, _) => scripts::update(&vm.uuid, shape.brand.name(), ""),
        (true, true) => scripts::update(&vm.uuid, shape.brand.name(), "stop"),
        // a zone that shall not start by itself would not be started again
        (true, false) => scripts::update(&vm.uuid, shape.brand.name(), "reboot"),
    };
    if needs_stop {
        changes.push(Change::new(
            Action::Run,
            format!("reboot zone {}", shape.alias),
            "its cards or folders change",
        ));
        // `stop` sets it to false, and this update comes after it
        update.insert("autoboot".into(), shape.autoboot.into());
    }
    plan.push("zone/update", changes, Place::Host, script, Some(&update));
}

fn merge(update: &mut Map<String, Value>, difference: &Difference) {
    let member = update.entry(difference.member);
    match (&difference.value, difference.is_item) {
        (value, true) => {
            let list = member.or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(value.clone());
            }
        }
        (Value::Object(members), false) => {
            let all = member.or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(all) = all {
                all.extend(members.clone());
            }
        }
        (value, false) => {
            member.or_insert_with(|| value.clone());
        }
    }
}
