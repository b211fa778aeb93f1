//! What is in the way of a zone: what its host would refuse late, or take and fail at.
//!
//! An address that another zone has is refused even where that zone is stopped; a gateway or address that another
//! machine has ends a first boot after five minutes.

use std::collections::BTreeSet;

use crate::facts::host::HostFacts;
use crate::facts::host::images::{Available, Image};
use crate::facts::host::inside::USER_SCRIPT_FAILED;
use crate::facts::host::vms::Vm;
use crate::plan::Refusal;
use crate::recipe::units::write_size;
use crate::site::model::StorageKind;
use crate::site::shape::Shape;

pub(super) fn refusal(message: impl Into<String>, help: impl Into<String>) -> Refusal {
    Refusal {
        message: message.into(),
        help: help.into(),
        diff: None,
    }
}

pub(super) fn alias_taken(shape: &Shape, named: &[&Vm]) -> Refusal {
    let alias = &shape.alias;
    let uuids: Vec<&str> = named.iter().map(|vm| vm.uuid.as_str()).collect();
    match uuids[..] {
        [uuid] => refusal(
            format!("the host has a zone {alias} that zonewright did not make ({uuid})"),
            format!(
                "`zonewright zone adopt` writes a file for it; or write `uuid = \"{uuid}\"` below `[zone]`, or \
                 choose another alias"
            ),
        ),
        _ => refusal(
            format!(
                "the host has {} zones {alias}: {}",
                uuids.len(),
                uuids.join(", ")
            ),
            "write the `uuid` of the one that is meant below `[zone]`",
        ),
    }
}

/// What stands in the way of a zone that is not there.
pub(super) fn new_zone(shape: &Shape, facts: &HostFacts) -> Vec<Refusal> {
    let mut refusals = cards(shape, facts, None);
    refusals.extend(folder(shape, facts));
    let storage = shape.storage.as_ref();
    if let Some(dataset) = storage
        .filter(|storage| storage.kind == StorageKind::Existing)
        .and_then(|storage| storage.dataset.as_ref())
    {
        refusals.push(refusal(
            format!("a new zone cannot have the dataset {dataset}: `vmadm` delegates none that is there"),
            "create the zone without `[storage]`, delegate the dataset by `zonecfg` on the host (`add dataset`), \
             reboot the zone, and write `kind = \"existing\"` then",
        ));
    }
    refusals
}

/// A folder of the host that is not there: a zone that uses it does not boot, or not the next time.
pub(super) fn folder(shape: &Shape, facts: &HostFacts) -> Option<Refusal> {
    let source = shape.storage.as_ref()?.source.as_ref()?;
    (facts.folders.get(source) != Some(&true)).then(|| {
        refusal(
            format!("the host has no folder {source}"),
            format!(
                "make it there, best as a dataset: `zfs create -o mountpoint={source} {}/NAME`; a zone with a \
                 folder that is missing can neither start nor be mended",
                facts.pool
            ),
        )
    })
}

/// A quota that the zone exceeds already: the host would refuse it in the middle of other changes.
pub(super) fn quota(shape: &Shape, facts: &HostFacts, vm: &Vm) -> Option<Refusal> {
    const GIB: u64 = 1 << 30;
    let root = format!("{}/{}", vm.pool(), vm.uuid);
    let used = facts.inside.get(&vm.uuid)?.datasets.get(&root)?.used;
    let is_less = shape.quota_gib > 0 && shape.quota_gib.saturating_mul(GIB) < used;
    (is_less && shape.quota_gib != vm.quota).then(|| {
        refusal(
            format!(
                "zone {} cannot have a quota of {} GiB: it takes {} GiB already",
                shape.alias,
                shape.quota_gib,
                used.div_ceil(GIB)
            ),
            format!(
                "write `quota = \"{} GiB\"` or more; or make room first: on the host, `zfs list -r -t all -o \
                 name,used {root}` shows what takes it, snapshots too",
                used.div_ceil(GIB)
            ),
        )
    })
}

/// Cards that the host cannot give: tags that it does not have, addresses that another zone has.
pub(super) fn cards(shape: &Shape, facts: &HostFacts, own: Option<&Vm>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut told = BTreeSet::new();
    for nic in &shape.nics {
        let base = nic.tag.split('/').next().unwrap_or(&nic.tag);
        if !facts.tags.contains_key(base) && told.insert(base) {
            let known: Vec<&str> = facts.tags.keys().map(String::as_str).collect();
            refusals.push(refusal(
                format!("the host has no NIC tag {base}"),
                format!("it has {}; `nictagadm add` makes another", known.join(", ")),
            ));
        }
        let others = facts.vms.iter().filter(|vm| {
            let is_own = own.is_some_and(|own| own.uuid == vm.uuid);
            let is_gone = vm.state == "failed" && vm.zone_state != "running";
            !is_own
                && !is_gone
                && (own.is_some() || vm.alias != shape.alias || shape.uuid.is_some())
        });
        for other in others {
            for card in &other.nics {
                if card.nic_tag != nic.tag || card.vlan_id != nic.vlan {
                    continue;
                }
                let theirs = card.addresses();
                let bare = |address: &str| address.split('/').next().unwrap_or("").to_owned();
                let is_taken = |address: &&String| {
                    address.contains('/') && theirs.iter().any(|t| bare(t) == bare(address))
                };
                if let Some(mac) = &nic.mac
                    && super::card::plain(mac) == super::card::plain(&card.mac)
                {
                    refusals.push(refusal(
                        format!("the mac {mac} is that of zone {}", name_of(other)),
                        "leave `mac` out, and the host makes one up; or write another. A stopped zone has its \
                         own too",
                    ));
                }
                for address in nic.addresses.iter().filter(is_taken) {
                    refusals.push(refusal(
                        format!("the address {address} is that of zone {}", name_of(other)),
                        "give the zone another one; `zonewright zone list` shows who has which, and a \
                         stopped zone has its own too",
                    ));
                }
            }
        }
    }
    refusals
}

fn name_of(vm: &Vm) -> &str {
    if vm.alias.is_empty() {
        &vm.uuid
    } else {
        &vm.alias
    }
}

/// Why an image cannot be had or used.
pub(super) fn image(shape: &Shape, facts: &HostFacts, found: Option<&Image>) -> Option<Refusal> {
    let wanted = &shape.image;
    let Some(image) = found else {
        return Some(match &facts.available {
            _ if facts.sources.is_empty() => refusal(
                format!("the host has neither the image {wanted} nor a source of images"),
                "`imgadm sources -a https://images.smartos.org` on the host adds the usual one",
            ),
            Some(Available::Not(why)) => refusal(
                format!(
                    "the host cannot ask for the image {wanted}: {}",
                    why.lines().last().unwrap_or("")
                ),
                "look at `imgadm sources` and at the way out of the host; `imgadm install` takes an image from files",
            ),
            _ => refusal(
                format!("no image source of the host has {wanted}"),
                "`imgadm avail` on the host lists what there is",
            ),
        });
    };
    if image.kind != "zone-dataset" {
        return Some(refusal(
            format!(
                "a {} zone cannot be made from {wanted}, which is a {}",
                shape.brand.name(),
                image.kind
            ),
            "choose an image of the kind `zone-dataset`, for example `base-64-lts@24.4.1`",
        ));
    }
    let oldest = image.min_platform.as_ref()?;
    (facts.stamp < *oldest).then(|| {
        refusal(
            format!(
                "{wanted} needs a platform of {oldest} or later, the host has {}",
                facts.stamp
            ),
            "upgrade the host (`piadm install latest`), or choose an older image",
        )
    })
}

/// A zone that can never become what the file says.
pub(super) fn other_zone(shape: &Shape, vm: &Vm) -> Option<Refusal> {
    let alias = &shape.alias;
    if vm.brand != shape.brand.name() {
        return Some(refusal(
            format!(
                "zone {alias} is a {} zone and cannot become {}",
                vm.brand,
                shape.brand.name()
            ),
            format!(
                "write `brand = \"{}\"`, or choose another alias for a new zone",
                vm.brand
            ),
        ));
    }
    let storage = shape.storage.as_ref()?;
    let wanted = match storage.kind {
        StorageKind::Lofs => return None,
        StorageKind::Delegated => vm.own_dataset(),
        StorageKind::Existing => storage.dataset.clone()?,
    };
    if vm.datasets.contains(&wanted) {
        return None;
    }
    Some(match storage.kind {
        StorageKind::Existing => refusal(
            format!("the dataset {wanted} is not delegated to zone {alias}"),
            format!(
                "on the host: `zonecfg -z {} 'add dataset; set name={wanted}; end'`, then `vmadm reboot {}`",
                vm.uuid, vm.uuid
            ),
        ),
        _ => refusal(
            format!("zone {alias} was made without a delegated dataset, and gets none later"),
            format!(
                "make a new zone under another alias; or leave `[storage]` out; or delegate a dataset by \
                 `zonecfg` on the host and write `kind = \"existing\"` ({})",
                vm.uuid
            ),
        ),
    })
}

/// What `vmadm` refuses to delete.
#[must_use]
pub fn held(vm: &Vm) -> Option<Refusal> {
    let (is_root, is_data) = (vm.indestructible_zoneroot, vm.indestructible_delegated);
    let name = match (is_root, is_data) {
        (true, _) => "indestructible_zoneroot",
        (_, true) => "indestructible_delegated",
        _ => return None,
    };
    Some(refusal(
        format!("the zone is held by `{name}`"),
        format!("on the host: `vmadm update {} {name}=false`", vm.uuid),
    ))
}

pub(super) fn reprovision(shape: &Shape, vm: &Vm) -> Option<Refusal> {
    let alias = &shape.alias;
    let own = vm.own_dataset();
    if vm.indestructible_zoneroot {
        return Some(refusal(
            format!("zone {alias} is held by `indestructible_zoneroot`"),
            format!(
                "on the host: `vmadm update {} indestructible_zoneroot=false`",
                vm.uuid
            ),
        ));
    }
    vm.datasets.iter().find(|dataset| **dataset != own).map(|dataset| {
        refusal(
            format!("zone {alias} has the dataset {dataset}, with which `vmadm reprovision` does not work"),
            "take it out by `zonecfg` on the host, reprovision, and put it back",
        )
    })
}

/// A zone that failed, or that was never finished by somebody else.
pub(super) fn unwhole(shape: &Shape, facts: &HostFacts, vm: &Vm) -> Refusal {
    let alias = &shape.alias;
    let message = match vm.state.as_str() {
        "failed" => format!("zone {alias} failed on its host{}", cause(facts, vm)),
        _ => format!("zone {alias} is not finished: it is {}", vm.zone_state),
    };
    Refusal {
        diff: facts.boot_logs.get(&vm.uuid).cloned(),
        ..refusal(message, super::remains::ways_on(facts, vm))
    }
}

/// A zone that runs and will never be ready by itself.
pub(super) fn broken(shape: &Shape, facts: &HostFacts, vm: &Vm, why: &str) -> Refusal {
    let folder = format!("/zones/{}/root/var/svc/log", vm.uuid);
    let help = match why {
        USER_SCRIPT_FAILED => format!(
            "on the host, {folder}/smartdc-mdata:execute.log says why; it runs at every boot, so mend it in \
             `[zone.metadata]`, and `zonewright apply ZONE --reboot` runs it again"
        ),
        _ => format!(
            "on the host, `zlogin {} svcs -xv` and {folder}/system-zoneinit:default.log say more",
            vm.uuid
        ),
    };
    let script = facts.inside.get(&vm.uuid).map(|inside| &inside.user_script);
    let script = script.filter(|log| !log.is_empty() && why == USER_SCRIPT_FAILED);
    Refusal {
        diff: script.or_else(|| facts.boot_logs.get(&vm.uuid)).cloned(),
        ..refusal(format!("zone {} cannot be used: {why}", shape.alias), help)
    }
}

/// What the log of a first boot speaks of, where that is known to end one.
fn cause(facts: &HostFacts, vm: &Vm) -> &'static str {
    let log = facts.boot_logs.get(&vm.uuid).map(|log| log.to_lowercase());
    match log {
        Some(log) if log.contains("dup") => ": another machine has its address",
        Some(log) if log.contains("gateway") || log.contains("route") => ": its gateway cannot be",
        _ => "",
    }
}

/// What is worth knowing and stops nothing.
pub(super) fn notes(shape: &Shape, facts: &HostFacts) -> Vec<String> {
    let mut notes = Vec::new();
    if !facts.pools.contains_key(&facts.pool) {
        notes.push(format!(
            "the host's pool {} does not show in `zpool list`: is it well?",
            facts.pool
        ));
    }
    if let Some(pool) = facts.pools.get(&facts.pool) {
        if pool.health != "ONLINE" {
            notes.push(format!("the host's pool {} is {}", facts.pool, pool.health));
        }
        let quota = shape.quota_gib.saturating_mul(1 << 30);
        if quota > pool.size_bytes {
            notes.push(format!(
                "the quota of {} is more than the host's pool has ({} GiB)",
                write_size(quota),
                pool.size_bytes >> 30
            ));
        }
    }
    if shape.memory_mib > facts.memory_mib {
        notes.push(format!(
            "the zone may use {} of memory, the host has {} MiB",
            write_size(shape.memory_mib << 20),
            facts.memory_mib
        ));
    }
    notes
}
