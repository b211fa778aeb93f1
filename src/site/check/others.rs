//! Two zone files of one site that are about one zone, or that give one address to two zones.
//!
//! A second zone begins as a copy of the first one's file. Until its alias is another one, whatever is done to the
//! copy is done to the zone of the first.

use std::net::IpAddr;

use super::network::addresses;
use crate::problem::Problem;
use crate::recipe::format::quoted;
use crate::recipe::names::split_prefix;
use crate::site::load::LoadedZone;
use crate::site::model::{HostSpec, Nic};

/// Complains about what a zone file says that `other`, a file of the same site, says too. A zone that no host
/// makes may have several files.
#[must_use]
pub fn check_beside(loaded: &LoadedZone, other: &LoadedZone) -> Vec<Problem> {
    let machines = [loaded, other].map(|file| file.zone.host.as_ref().map(machine));
    match machines {
        [Some(one), Some(two)] if one == two => {
            let same_zone = check_zone(loaded, other);
            same_zone
                .into_iter()
                .chain(check_addresses(loaded, other))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// A host by one of the ways to write it: the login is root's and the port 22 unless it says another.
fn machine(host: &HostSpec) -> String {
    match host {
        HostSpec::Sandbox => String::new(),
        HostSpec::Ssh(text) => {
            let text = text.strip_prefix("ssh://").unwrap_or(text);
            let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
            text.strip_suffix(":22").unwrap_or(text).to_lowercase()
        }
    }
}

/// The file's path as messages name it.
fn path(file: &LoadedZone) -> String {
    quoted(&file.document.source.path.to_string_lossy())
}

fn check_zone(loaded: &LoadedZone, other: &LoadedZone) -> Option<Problem> {
    let (spec, theirs) = (&loaded.zone.zone, &other.zone.zone);
    let key = if !spec.alias.is_empty() && spec.alias == theirs.alias {
        "zone.alias"
    } else if spec.uuid.is_some() && spec.uuid == theirs.uuid {
        "zone.uuid"
    } else {
        return None;
    };
    let message = format!("{} and {} are about one zone", path(loaded), path(other));
    let (label, help) = match key {
        "zone.uuid" => (
            "the same uuid in both".to_owned(),
            "leave `uuid` out of the file of a zone that is to be made".to_owned(),
        ),
        _ => {
            let free = [loaded, other]
                .into_iter()
                .find(|file| file.zone.name != spec.alias);
            let help = free.map_or_else(
                || "give one of them another `alias`, or remove it".to_owned(),
                |file| {
                    format!(
                        "write `alias = {:?}` into {} for a zone of its own, or remove that file",
                        file.zone.name,
                        path(file)
                    )
                },
            );
            ("the same alias on the same host".to_owned(), help)
        }
    };
    Some(Problem {
        label,
        help: Some(help),
        ..loaded.document.problem_at(key, message).of("zone-clash")
    })
}

fn check_addresses(loaded: &LoadedZone, other: &LoadedZone) -> Vec<Problem> {
    let cards = loaded.zone.zone.nics.iter().enumerate();
    let clashing = cards.flat_map(|(index, nic)| {
        let own = addresses(&loaded.document, index, nic).into_iter();
        own.filter(|(_, text)| has_address(other, nic, text))
    });
    clashing
        .map(|(key, text)| {
            let message = format!(
                "{} and {} give the address {} to two zones",
                path(loaded),
                path(other),
                quoted(text)
            );
            Problem {
                help: Some("give each zone an address of its own".to_owned()),
                ..loaded.document.problem_at(&key, message).of("zone-clash")
            }
        })
        .collect()
}

/// Whether a card in the same network has this address; `dhcp` is none.
fn has_address(other: &LoadedZone, nic: &Nic, text: &str) -> bool {
    let plain = |text: &str| split_prefix(text).map(|(address, _): (IpAddr, u8)| address);
    let wanted = plain(text);
    let cards = other.zone.zone.nics.iter();
    let mut beside = cards.filter(|card| card.tag == nic.tag && card.vlan == nic.vlan);
    wanted.is_some()
        && beside.any(|card| card.addresses.iter().any(|theirs| plain(theirs) == wanted))
}
