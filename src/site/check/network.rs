//! Network cards: whether what the file says could be one network.
//!
//! A wrong gateway or an address that is taken is not refused by `vmadm`: the zone's first boot halts, and
//! five minutes later the host says that it timed out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::problem::Problem;
use crate::recipe::format::quoted;
use crate::recipe::names::split_prefix;
use crate::recipe::tree::Document;
use crate::site::model::{Nic, ZoneFile};

/// The most addresses that a card takes.
const MOST_ADDRESSES: usize = 20;

pub(super) fn check(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<IpAddr, ()> = BTreeMap::new();
    for (index, nic) in zone.zone.nics.iter().enumerate() {
        let at = |key: &str| format!("zone.nic[{index}].{key}");
        for (key, text) in addresses(document, index, nic) {
            problems.extend(check_address(document, &key, text, &mut seen));
        }
        if nic.addresses.len() > MOST_ADDRESSES {
            let message = format!("a card takes at most {MOST_ADDRESSES} addresses");
            problems.push(Problem {
                label: format!("these are {}", nic.addresses.len()),
                help: Some("write a second `[[zone.nic]]` for the rest".to_string()),
                ..document
                    .problem_at(&at("addresses"), message)
                    .of("zone-network")
            });
        }
        problems.extend(check_gateway(document, &at("gateway"), nic));
        let earlier = zone.zone.nics.iter().take(index);
        let mac = nic.mac.as_deref().map(plain_mac);
        let is_same = |other: &Nic| mac.is_some() && other.mac.as_deref().map(plain_mac) == mac;
        if earlier.clone().any(is_same) {
            let message = "two `[[zone.nic]]` have this `mac`";
            problems.push(Problem {
                help: Some("leave it out: the host makes one up".to_string()),
                fix: document.removal(&at("mac")),
                ..document.problem_at(&at("mac"), message).of("zone-network")
            });
        }
        problems.extend(check_primary(document, &at("primary"), nic, earlier));
    }
    problems
}

/// The places of a card's addresses, with the text of each.
pub(super) fn addresses<'n>(
    document: &Document,
    index: usize,
    nic: &'n Nic,
) -> Vec<(String, &'n str)> {
    let one = format!("zone.nic[{index}].address");
    let is_one = document.has(&one);
    let texts = nic.addresses.iter().enumerate();
    texts
        .map(|(number, text)| {
            let number = if is_one {
                number.checked_sub(1)
            } else {
                Some(number)
            };
            let key = match number {
                None => one.clone(),
                Some(number) => format!("zone.nic[{index}].addresses[{number}]"),
            };
            (key, text.as_str())
        })
        .collect()
}

fn check_address(
    document: &Document,
    key: &str,
    text: &str,
    seen: &mut BTreeMap<IpAddr, ()>,
) -> Option<Problem> {
    let (address, prefix) = split_prefix(text)?;
    if seen.insert(address, ()).is_some() {
        let message = format!("two `[[zone.nic]]` have the address {}", quoted(text));
        return Some(Problem {
            help: Some("give each card an address of its own".to_string()),
            ..document.problem_at(key, message).of("zone-network")
        });
    }
    let (IpAddr::V4(address), 0..=30) = (address, prefix) else {
        return None;
    };
    let hosts = u32::MAX >> prefix;
    let what = match u32::from(address) & hosts {
        0 => "the name of its whole network",
        number if number == hosts => "what all machines of its network listen to",
        _ => return None,
    };
    Some(Problem {
        label: what.to_string(),
        help: Some("give it one of the addresses between".to_string()),
        ..document
            .problem_at(
                key,
                format!("{} is no address of one machine", quoted(text)),
            )
            .of("zone-network")
    })
}

fn check_gateway(document: &Document, key: &str, nic: &Nic) -> Option<Problem> {
    let gateway = nic.gateway.as_ref()?;
    let router: IpAddr = gateway.parse().ok()?;
    let networks: Vec<(&String, IpAddr, u8)> = nic
        .addresses
        .iter()
        .filter_map(|text| split_prefix(text).map(|(address, prefix)| (text, address, prefix)))
        .collect();
    if networks.is_empty() && nic.addresses.iter().any(|address| address == "dhcp") {
        return Some(Problem {
            help: Some("leave it out".to_string()),
            fix: document.removal(key),
            ..document
                .problem_at(key, "with `dhcp` the server gives the gateway")
                .of("zone-network")
        });
    }
    if router.is_ipv6() {
        return Some(Problem {
            help: Some(
                "leave it out: a router of IPv6 says by itself that it is there".to_string(),
            ),
            fix: document.removal(key),
            ..document
                .problem_at(
                    key,
                    format!("the gateway {} is not an IPv4 address", quoted(gateway)),
                )
                .of("zone-network")
        });
    }
    if networks.iter().any(|(_, address, _)| *address == router) {
        let problem = document.problem_at(key, "the gateway is the zone itself");
        return Some(problem.of("zone-network"));
    }
    let is_near = |(_, address, prefix): &(&String, IpAddr, u8)| {
        network(*address, *prefix) == network(router, *prefix)
    };
    if networks.is_empty() || networks.iter().any(is_near) {
        return None;
    }
    let all: Vec<String> = networks.iter().map(|(text, _, _)| quoted(text)).collect();
    Some(Problem {
        label: format!("outside of {}", all.join(" and ")),
        help: Some("a gateway must be reached without a gateway".to_string()),
        ..document
            .problem_at(
                key,
                format!("the gateway {} is out of reach", quoted(gateway)),
            )
            .of("zone-network")
    })
}

/// The bits of an address that its prefix covers; none across families.
fn network(address: IpAddr, prefix: u8) -> Option<(bool, u128)> {
    let (bits, length) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32_u8),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let hidden = u32::from(length.checked_sub(prefix)?);
    Some((address.is_ipv4(), bits.checked_shr(hidden).unwrap_or(0)))
}

/// `2:8:20:1:2:3` and `02:08:20:01:02:03` are one.
fn plain_mac(text: &str) -> Vec<u8> {
    let parts = text.split(':');
    parts
        .map(|part| u8::from_str_radix(part, 16).unwrap_or(0))
        .collect()
}

fn check_primary<'n>(
    document: &Document,
    key: &str,
    nic: &Nic,
    mut earlier: impl Iterator<Item = &'n Nic>,
) -> Option<Problem> {
    if !document.has(key) {
        return None;
    }
    if !nic.primary {
        return Some(Problem {
            help: Some("leave it out, and write `primary = true` at the card that is".to_string()),
            fix: document.removal(key),
            ..document
                .problem_at(key, "`primary = false` says nothing")
                .of("zone-network")
        });
    }
    earlier.any(|other| other.primary).then(|| Problem {
        help: Some("one card alone has the zone's way out".to_string()),
        fix: document.removal(key),
        ..document
            .problem_at(key, "two `[[zone.nic]]` are `primary`")
            .of("zone-network")
    })
}
