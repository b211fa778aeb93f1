//! Network cards: which of the zone's is which of the file's, and what differs.
//!
//! A card has no name of its own: it is known by its MAC address where the file says one, or else by its
//! NIC tag and VLAN, in order, among those that no entry names. All changes need a reboot of the zone.

use serde_json::{Map, Value, json};

use super::payload;
use super::properties::Difference;
use crate::facts::host::vms::VmNic;
use crate::site::model::Nic;

/// A card in words: `admin 192.0.2.10/24`.
pub(super) fn text_of(nic: &Nic) -> String {
    text(&nic.tag, nic.vlan, &nic.addresses, nic.gateway.as_deref())
}

fn text_of_actual(nic: &VmNic) -> String {
    let gateway = nic.gateways.first().map(String::as_str);
    text(&nic.nic_tag, nic.vlan_id, &nic.addresses(), gateway)
}

fn text(tag: &str, vlan: u16, addresses: &[String], gateway: Option<&str>) -> String {
    let mut out = format!("{tag} {}", addresses.join(" "));
    if vlan > 0 {
        out.push_str(&format!(" on VLAN {vlan}"));
    }
    if let Some(gateway) = gateway {
        out.push_str(&format!(" by {gateway}"));
    }
    out
}

/// What the cards of a zone differ by, as parts of an update.
pub(super) fn differences(wanted: &[Nic], actual: &[VmNic]) -> Vec<Difference> {
    let mut left: Vec<&VmNic> = actual.iter().collect();
    let mut pairs: Vec<(&Nic, Option<&VmNic>)> = wanted.iter().map(|nic| (nic, None)).collect();
    for by_mac in [true, false] {
        for (nic, other) in &mut pairs {
            if nic.mac.is_some() == by_mac {
                let at = left.iter().position(|other| is_same(nic, other));
                *other = at.map(|at| left.remove(at));
            }
        }
    }
    let mut differences = Vec::new();
    for nic in &left {
        differences.push(Difference::of_card(
            format!("remove nic {}", text_of_actual(nic)),
            "not in the file".to_owned(),
            "remove_nics",
            Value::from(nic.mac.as_str()),
        ));
    }
    for (nic, other) in pairs {
        match other {
            None => differences.push(Difference::of_card(
                format!("nic {}", text_of(nic)),
                "not there".to_owned(),
                "add_nics",
                payload::card(nic),
            )),
            Some(other) => differences.extend(difference(nic, other, actual.len())),
        }
    }
    differences
}

fn is_same(wanted: &Nic, actual: &VmNic) -> bool {
    match &wanted.mac {
        Some(mac) => plain(mac) == plain(&actual.mac),
        None => wanted.tag == actual.nic_tag && wanted.vlan == actual.vlan_id,
    }
}

/// Zeros in front of a part are left out by some and not by others.
pub(super) fn plain(mac: &str) -> String {
    let parts = mac
        .split(':')
        .map(|part| part.trim_start_matches('0').to_lowercase());
    parts.collect::<Vec<_>>().join(":")
}

fn difference(wanted: &Nic, actual: &VmNic, number: usize) -> Option<Difference> {
    let mut change = Map::new();
    if wanted.tag != actual.nic_tag {
        change.insert("nic_tag".into(), wanted.tag.as_str().into());
    }
    if wanted.vlan != actual.vlan_id {
        change.insert("vlan_id".into(), wanted.vlan.into());
    }
    if wanted.addresses != actual.addresses() {
        change.insert("ips".into(), json!(wanted.addresses));
    }
    if wanted.gateway.as_ref() != actual.gateways.first() {
        let gateways: Vec<&String> = wanted.gateway.iter().collect();
        change.insert("gateways".into(), json!(gateways));
    }
    // of a single card it goes without saying
    if wanted.primary && !actual.primary && number > 1 {
        change.insert("primary".into(), true.into());
    }
    if change.is_empty() {
        return None;
    }
    change.insert("mac".into(), actual.mac.as_str().into());
    let what = match wanted.primary && !actual.primary && number > 1 {
        true => format!("nic {}, primary", text_of(wanted)),
        false => format!("nic {}", text_of(wanted)),
    };
    Some(Difference::of_card(
        what,
        format!("is {}", text_of_actual(actual)),
        "update_nics",
        Value::Object(change),
    ))
}
