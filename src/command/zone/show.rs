//! `zonewright zone show`: what a host and a zone say of the zone.

use serde_json::{Value, json};

use super::{host, load, progress};
use crate::cli::{Global, ZoneShowArgs};
use crate::command::{DONE, Failure, answer, answer_json, site};
use crate::facts::host::inside::Inside;
use crate::facts::host::vms::Vm;
use crate::recipe::units::{write_quota, write_size};
use crate::run::zone::ask;
use crate::show::plain;
use crate::size::show_size;

pub(super) fn run(global: &Global, arguments: &ZoneShowArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let name = &arguments.zone;
    let wish = load(&site, name)?;
    let mut host = host(global, &site, &wish, false, &mut progress(global))?;
    let failed = |error: crate::run::RunError| Failure::run(name, error);
    let questions = crate::plan::zone::questions(&host.wish.wanted);
    let facts = ask(&mut host.host, &questions).map_err(failed)?;
    let vm = crate::plan::zone::concerned(&host.wish.wanted, &facts, host.wish.given)
        .map_err(|refusal| failed(crate::run::RunError::Refused(vec![refusal])))?;
    let Some(vm) = vm else {
        if global.json {
            answer_json("zone-show", json!({ "zone": name, "exists": false }));
        } else {
            answer(&format!("there is no zone {name} on {}\n", facts.hostname));
        }
        return Ok(DONE);
    };
    let inside = facts.inside.get(&vm.uuid);
    let image = facts
        .images
        .iter()
        .find(|image| image.uuid == vm.image_uuid);
    let image = image.map_or_else(
        || vm.image_uuid.clone(),
        |image| format!("{}@{}", image.name, image.version),
    );
    if global.json {
        answer_json(
            "zone-show",
            document(name, &facts.hostname, vm, &image, inside),
        );
    } else {
        answer(&text(name, &facts.hostname, vm, &image, inside));
    }
    Ok(DONE)
}

fn text(name: &str, host: &str, vm: &Vm, image: &str, inside: Option<&Inside>) -> String {
    let mut lines: Vec<(&str, String)> = vec![
        ("uuid", vm.uuid.clone()),
        ("alias", vm.alias.clone()),
        ("state", state(vm, inside)),
        ("brand", vm.brand.clone()),
        ("image", image.to_owned()),
        (
            "memory",
            format!(
                "{}, {} with swap",
                write_size(vm.max_physical_memory << 20),
                write_size(vm.max_swap << 20)
            ),
        ),
        ("quota", write_quota(vm.quota << 30)),
    ];
    for nic in &vm.nics {
        let vlan = match nic.vlan_id {
            0 => String::new(),
            vlan => format!(" on VLAN {vlan}"),
        };
        lines.push((
            "nic",
            format!(
                "{} {} {}{vlan}, {}",
                nic.interface,
                nic.nic_tag,
                nic.addresses().join(" "),
                nic.mac
            ),
        ));
    }
    for address in inside.iter().flat_map(|inside| inside.addresses()) {
        lines.push(("address", address.to_owned()));
    }
    for (dataset, fact) in inside.iter().flat_map(|inside| &inside.datasets) {
        if !vm
            .datasets
            .iter()
            .any(|own| dataset.starts_with(own.as_str()))
        {
            continue;
        }
        let limit = match (fact.refquota, fact.quota) {
            (0, 0) => String::new(),
            (0, quota) => format!(" of {}", show_size(quota)),
            (refquota, _) => format!(" of {}", show_size(refquota)),
        };
        lines.push((
            "dataset",
            format!(
                "{dataset} at {}: {}{limit}",
                fact.mountpoint,
                show_size(fact.used)
            ),
        ));
    }
    let mut out = format!("zone {name} on {host}\n");
    for (label, value) in lines {
        out.push_str(&format!("  {label:<8} {}\n", plain::line(&value)));
    }
    out
}

fn state(vm: &Vm, inside: Option<&Inside>) -> String {
    match inside.and_then(|inside| inside.is_broken().or_else(|| inside.waits_for())) {
        Some(why) => format!("{}, but not ready: {why}", vm.state),
        None => vm.state.clone(),
    }
}

fn document(name: &str, host: &str, vm: &Vm, image: &str, inside: Option<&Inside>) -> Value {
    let nics: Vec<Value> = vm
        .nics
        .iter()
        .map(|nic| {
            json!({
                "interface": nic.interface,
                "tag": nic.nic_tag,
                "vlan": nic.vlan_id,
                "mac": nic.mac,
                "addresses": nic.addresses(),
            })
        })
        .collect();
    json!({
        "zone": name,
        "exists": true,
        "host": host,
        "uuid": vm.uuid,
        "alias": vm.alias,
        "state": vm.state,
        "brand": vm.brand,
        "image": image,
        "memory-mib": vm.max_physical_memory,
        "swap-mib": vm.max_swap,
        "quota-gib": vm.quota,
        "nics": nics,
        "addresses": inside.map(|inside| inside.addresses().collect::<Vec<_>>()),
        "ready": inside.is_some_and(|inside| inside.waits_for().is_none()),
        "host-keys": inside.map(|inside| &inside.host_keys),
        "datasets": inside.map(|inside| &inside.datasets),
    })
}
