//! The rules of a machine's network interfaces: what is completed, what is refused, what conflicts.
//!
//! Both spellings are accepted, `ip` with `netmask` and `ips` with prefixes; a bare address in
//! `ips` is not.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value, json};

use super::check::{as_boolean, as_integer, as_list, plain};

type Nic = Map<String, Value>;

/// What is said when another machine has an address already.
pub(crate) const CONFLICT: &str =
    "Conflict detected with another vm, please check the MAC, IP, and VRID";

/// Brings an interface that is added or changed into the form in which it is kept.
pub(crate) fn normalise(nic: &mut Nic, is_added: bool) -> Result<(), String> {
    nic.remove("index");
    for key in ["ips", "gateways", "allowed_ips", "blocked_outgoing_ports"] {
        if let Some(list) = nic.get(key).and_then(as_list) {
            nic.insert(key.to_owned(), Value::Array(list));
        }
    }
    for key in ["vlan_id", "mtu", "vrrp_vrid"] {
        if let Some(number) = nic.get(key).and_then(as_integer) {
            nic.insert(key.to_owned(), number.into());
        }
    }
    for key in [
        "primary",
        "dhcp_server",
        "allow_ip_spoofing",
        "allow_mac_spoofing",
        "allow_dhcp_spoofing",
        "allow_restricted_traffic",
    ] {
        if let Some(value) = nic.get(key).and_then(as_boolean) {
            nic.insert(key.to_owned(), value.into());
        }
    }
    if is_added {
        if nic.get("primary") == Some(&json!(false)) {
            nic.remove("primary");
        }
        if !nic.contains_key("mac") {
            nic.insert("mac".to_owned(), random_mac().into());
        }
    }
    if let Some(ip) = nic.get("ip").and_then(plain)
        && !nic.contains_key("ips")
    {
        let ips = match ip.as_str() {
            "dhcp" | "addrconf" => ip,
            _ => format!("{ip}/{}", prefix_of(nic)?),
        };
        nic.insert("ips".to_owned(), json!([ips]));
    }
    if let Some(gateway) = nic.get("gateway").and_then(plain)
        && !nic.contains_key("gateways")
    {
        nic.insert("gateways".to_owned(), json!([gateway]));
    }
    Ok(())
}

fn prefix_of(nic: &Nic) -> Result<u32, String> {
    let Some(mask) = nic.get("netmask").and_then(plain) else {
        return Err(format!("Missing .netmask option for NIC: {}", text(nic)));
    };
    let bits = mask.parse::<Ipv4Addr>().map(u32::from);
    match bits {
        Ok(bits) if bits.leading_ones() + bits.trailing_zeros() == 32 => Ok(bits.leading_ones()),
        _ => Err(format!("Specified netmask value is invalid: {mask}")),
    }
}

/// Refuses what `vmadm` refuses in the interfaces of one payload; `kept` are those the machine has
/// already and keeps.
pub(crate) fn check(nics: &[Nic], kept: &[Nic], is_added: bool) -> Result<(), String> {
    let mut macs: Vec<String> = kept.iter().filter_map(mac).collect();
    let mut ips: Vec<String> = kept.iter().flat_map(|nic| list(nic, "ips")).collect();
    ips.retain(|ip| !is_automatic(ip));
    let mut primaries = 0;
    for nic in nics {
        if is_added && let Some(mac) = mac(nic) {
            if macs.contains(&mac) {
                return Err(format!("Cannot add multiple NICs with the same MAC: {mac}"));
            }
            macs.push(mac);
        }
        match nic.get("primary") {
            None => {}
            Some(Value::Bool(true)) => primaries += 1,
            Some(other) => {
                let other = plain(other).unwrap_or_else(|| other.to_string());
                return Err(format!(
                    "invalid value for NIC's primary flag: {other} (must be true)"
                ));
            }
        }
        check_addresses(nic, &mut ips)?;
        let tag = nic.get("nic_tag").and_then(Value::as_str);
        let is_word = |tag: &str| {
            let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == '/' && is_added);
            !tag.is_empty() && tag.chars().all(is_good)
        };
        if is_added && !tag.is_some_and(is_word) {
            let nic = text(nic);
            return Err(format!("invalid or missing .nic_tag option for NIC: {nic}"));
        }
        if !is_added && tag.is_some_and(|tag| !is_word(tag)) {
            return Err(format!("invalid .nic_tag option for NIC: {}", text(nic)));
        }
    }
    if primaries > 1 {
        return Err("payload specifies more than 1 primary NIC".into());
    }
    Ok(())
}

fn check_addresses(nic: &Nic, ips: &mut Vec<String>) -> Result<(), String> {
    for gateway in list(nic, "gateways") {
        if gateway.parse::<Ipv4Addr>().is_err() {
            return Err(format!("Static gateways must be IPv4 addresses: {gateway}"));
        }
    }
    let own = list(nic, "ips");
    if own.len() > 20 {
        let number = own.len();
        return Err(format!(
            "nic.*.ips contains {number} addresses, but is limited to 20"
        ));
    }
    for ip in own.iter().filter(|ip| !is_automatic(ip)) {
        if split(ip).is_none() {
            return Err(format!("Invalid IP for NIC: {}", text(nic)));
        }
        if ips.contains(ip) {
            return Err(format!("Cannot add multiple NICs with the same IP: {ip}"));
        }
        ips.push(ip.clone());
    }
    let allowed = list(nic, "allowed_ips");
    if allowed.len() > 13 {
        return Err("Maximum of 13 allowed_ips per nic".into());
    }
    let is_address = |text: &String| text.parse::<IpAddr>().is_ok() || split(text).is_some();
    let wrong: Vec<String> = allowed
        .iter()
        .filter(|ip| !is_address(ip))
        .cloned()
        .collect();
    if !wrong.is_empty() {
        return Err(format!("invalid allowed_ips: {}", wrong.join(", ")));
    }
    if own.len() + allowed.len() > 32 {
        return Err("More than 32 IPs cannot be associated with a NIC".into());
    }
    Ok(())
}

/// Gives each interface its name, makes one the primary, and writes both spellings.
pub(crate) fn complete(nics: &mut [Nic]) {
    let mut taken: Vec<String> = nics
        .iter()
        .filter_map(|nic| nic.get("interface").and_then(plain))
        .collect();
    for nic in nics.iter_mut() {
        if !nic.contains_key("interface") {
            let free = (0..).map(|n| format!("net{n}"));
            if let Some(name) = free.into_iter().find(|name| !taken.contains(name)) {
                taken.push(name.clone());
                nic.insert("interface".to_owned(), name.into());
            }
        }
        spell_twice(nic);
    }
    let has_primary = nics.iter().any(|nic| nic.contains_key("primary"));
    if !has_primary && let Some(first) = nics.first_mut() {
        first.insert("primary".to_owned(), true.into());
    }
    for nic in nics.iter_mut() {
        *nic = in_order(nic);
    }
}

fn spell_twice(nic: &mut Nic) {
    nic.remove("ip");
    nic.remove("netmask");
    nic.remove("gateway");
    let ips = list(nic, "ips");
    let old = ips
        .iter()
        .find(|ip| is_automatic(ip) || matches!(split(ip), Some((IpAddr::V4(_), _))));
    match old.and_then(|ip| split(ip)) {
        Some((address, length)) => {
            let mask = Ipv4Addr::from(u32::MAX.checked_shl(32 - length).unwrap_or(0));
            nic.insert("ip".to_owned(), address.to_string().into());
            nic.insert("netmask".to_owned(), mask.to_string().into());
        }
        None => {
            if let Some(word) = old {
                nic.insert("ip".to_owned(), word.clone().into());
            }
        }
    }
    if let Some(gateway) = list(nic, "gateways").first() {
        nic.insert("gateway".to_owned(), gateway.clone().into());
    }
}

fn in_order(nic: &Nic) -> Nic {
    const ORDER: [&str; 10] = [
        "interface",
        "mac",
        "vlan_id",
        "nic_tag",
        "gateway",
        "gateways",
        "netmask",
        "ip",
        "ips",
        "primary",
    ];
    let first = ORDER
        .iter()
        .filter_map(|key| nic.get_key_value(*key))
        .filter(|(key, _)| *key != "primary");
    let rest = nic.iter().filter(|(key, _)| !ORDER.contains(&key.as_str()));
    let last = nic.get_key_value("primary");
    first
        .chain(rest)
        .chain(last)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether two sets of interfaces share a MAC or an address on one network.
pub(crate) fn conflict(ours: &[Nic], theirs: &[Nic]) -> bool {
    let network = |nic: &Nic| {
        let tag = nic.get("nic_tag").and_then(plain);
        (tag, nic.get("vlan_id").and_then(as_integer).unwrap_or(0))
    };
    let mut used: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for nic in theirs {
        let names = used.entry(network(nic)).or_default();
        names.extend(mac(nic));
        names.extend(addresses(nic).iter().map(ToString::to_string));
    }
    ours.iter().any(|nic| {
        used.get(&network(nic)).is_some_and(|names| {
            let mut own: Vec<String> = mac(nic).into_iter().collect();
            own.extend(addresses(nic).iter().map(ToString::to_string));
            own.iter().any(|name| names.contains(name))
        })
    })
}

/// The interfaces of a machine or a payload.
pub(crate) fn of(properties: &Map<String, Value>, key: &str) -> Vec<Nic> {
    properties
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|nic| nic.as_object().cloned())
        .collect()
}

/// The interface's own address on the wire.
pub(crate) fn mac(nic: &Nic) -> Option<String> {
    nic.get("mac").and_then(plain)
}

/// Its fixed addresses.
pub(crate) fn addresses(nic: &Nic) -> Vec<IpAddr> {
    list(nic, "ips")
        .iter()
        .filter_map(|ip| split(ip).map(|(address, _)| address))
        .collect()
}

/// A list of texts in it.
pub(crate) fn list(nic: &Nic, key: &str) -> Vec<String> {
    nic.get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(plain)
        .collect()
}

/// Whether the address is to be learnt from the network.
pub(crate) fn is_automatic(ip: &str) -> bool {
    ip == "dhcp" || ip == "addrconf"
}

// 192.0.2.10/24, 2001:db8::1/64
pub(crate) fn split(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    let is_good = match address {
        IpAddr::V4(_) => (8..=32).contains(&length),
        IpAddr::V6(_) => length <= 128,
    };
    is_good.then_some((address, length))
}

fn text(nic: &Nic) -> String {
    Value::Object(nic.clone()).to_string()
}

/// A locally administered address.
fn random_mac() -> String {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u8(0);
    let [a, b, c, d, e, f, ..] = hasher.finish().to_be_bytes();
    let a = (a | 0x02) & 0xfe;
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}
