//! The grammar of what `vmadm` is given: properties, the brands and actions that take them, forms of values.
//!
//! `vmadm` drops what it does not know without a word, and takes some forms that it then misreads (a gateway in
//! IPv6, an address without its prefix), so everything here is held against the facts before any host sees it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The table of the real validator (facts: smartos-host §2, and its table of properties).
const TABLE: &str = include_str!("../../src/sandbox/vm/properties.txt");

#[derive(Debug, Clone)]
struct Row {
    kind: &'static str,
    /// For joyent and joyent-minimal: the letters of the actions.
    allowed: [&'static str; 2],
    rest: Vec<&'static str>,
}

static ROWS: LazyLock<BTreeMap<&'static str, Row>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let row = Row {
                kind: words[1],
                allowed: [words[2], words[3]],
                rest: words[6..].to_vec(),
            };
            (words[0], row)
        })
        .collect()
});

/// Everything in a payload that a real `vmadm` would refuse or drop. `action` is `c` for `create`, `u` for
/// `update`.
pub fn check(brand: &str, action: char, payload: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(all) = payload.as_object() else {
        return vec!["it is no object".to_owned()];
    };
    let column = match brand {
        "joyent" => 0,
        "joyent-minimal" => 1,
        other => return vec![format!("the brand {other} has no column here")],
    };
    for (name, value) in all {
        match ROWS.get(name.as_str()) {
            Some(row) if row.allowed[column].contains(action) => {
                value_of(name, row, value, column, &mut wrong);
            }
            Some(_) => wrong.push(format!("{name}: {brand} does not take it at `{action}`")),
            None => wrong.push(format!("{name}: there is no such property")),
        }
    }
    if action == 'c' {
        for name in ["brand", "image_uuid", "uuid"] {
            if !all.contains_key(name) {
                wrong.push(format!("{name} is missing"));
            }
        }
        swap_holds_memory(all, &mut wrong);
    }
    wrong
}

fn swap_holds_memory(all: &Map<String, Value>, wrong: &mut Vec<String>) {
    let number = |name: &str| all.get(name).and_then(Value::as_u64);
    if let (Some(memory), Some(swap)) = (number("max_physical_memory"), number("max_swap"))
        && (swap < memory || swap < 256)
    {
        wrong.push(format!(
            "max_swap {swap} is less than the memory {memory}, or than 256"
        ));
    }
}

fn value_of(name: &str, row: &Row, value: &Value, column: usize, wrong: &mut Vec<String>) {
    let bound = |key: &str| {
        let words = row.rest.iter().find_map(|word| word.strip_prefix(key));
        words.and_then(|number| number.parse::<i64>().ok())
    };
    let is_good = match (row.kind, value) {
        ("boolean", Value::Bool(_)) => true,
        ("integer", Value::Number(number)) => number.as_i64().is_some_and(|number| {
            bound("min=").is_none_or(|least| number >= least)
                && bound("max=").is_none_or(|most| number <= most)
        }),
        ("uuid", Value::String(text)) => is_uuid(text),
        ("string" | "zpool", Value::String(_)) => true,
        ("list", Value::Array(items)) => items.iter().all(|item| {
            let text = item.as_str();
            text.is_some_and(|text| !text.is_empty() && !text.contains(','))
        }),
        ("flat-object", Value::Object(members)) => members.values().all(Value::is_string),
        ("object-array", Value::Array(items)) => {
            for item in items {
                element(name, row, item, column, wrong);
            }
            true
        }
        _ => false,
    };
    if !is_good {
        wrong.push(format!("{name}: {value} is not of the form {}", row.kind));
    }
}

/// An element of `nics`, `add_nics`, `filesystems` and their like.
fn element(list: &str, row: &Row, item: &Value, column: usize, wrong: &mut Vec<String>) {
    let like = row.rest.iter().find_map(|word| word.strip_prefix("as="));
    let kind = like.unwrap_or(list);
    let letter = if list.starts_with("update_") {
        'u'
    } else {
        'a'
    };
    let Some(members) = item.as_object() else {
        // what is removed is named by its key alone
        if !(list.starts_with("remove_") && item.is_string()) {
            wrong.push(format!("{list}: {item} is no object"));
        }
        return;
    };
    for (name, value) in members {
        let full = format!("{kind}.*.{name}");
        match ROWS.get(full.as_str()) {
            Some(row) if row.allowed[column].contains(letter) => {
                value_of(&full, row, value, column, wrong);
            }
            _ => wrong.push(format!("{full}: there is no such member for `{letter}`")),
        }
    }
    if kind == "nics" {
        nic(members, letter, wrong);
    }
}

/// What is asked of a card beyond its members' forms (facts: smartos-host §2, the NIC object).
fn nic(card: &Map<String, Value>, letter: char, wrong: &mut Vec<String>) {
    let texts = |name: &str| -> Vec<String> {
        let items = card.get(name).and_then(Value::as_array);
        let items = items.into_iter().flatten();
        items
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let tag = card.get("nic_tag").and_then(Value::as_str);
    let is_tag = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == '/' && letter == 'a');
    if letter == 'a' && tag.is_none() {
        wrong.push("nics.*.nic_tag is missing".to_owned());
    }
    if tag.is_some_and(|tag| tag.is_empty() || !tag.chars().all(is_tag)) {
        wrong.push(format!("nics.*.nic_tag: {tag:?}"));
    }
    if letter == 'u' && !card.contains_key("mac") {
        wrong.push("update_nics knows a card by its mac alone".to_owned());
    }
    for address in texts("ips") {
        let is_method = address == "dhcp" || address == "addrconf";
        let cidr = address.split_once('/').and_then(|(host, prefix)| {
            let host: IpAddr = host.parse().ok()?;
            let prefix: u8 = prefix.parse().ok()?;
            Some(match host {
                IpAddr::V4(_) => (8..=32).contains(&prefix),
                IpAddr::V6(_) => prefix <= 128,
            })
        });
        if !is_method && cidr != Some(true) {
            wrong.push(format!("nics.*.ips: {address}"));
        }
    }
    for gateway in texts("gateways") {
        if gateway.parse::<Ipv4Addr>().is_err() {
            wrong.push(format!("nics.*.gateways: {gateway}"));
        }
    }
    if card.get("primary") == Some(&Value::Bool(false)) {
        wrong.push("nics.*.primary: only true is taken".to_owned());
    }
}

fn is_uuid(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| part.chars().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_vmadm_would_drop_or_refuse_is_told() {
        let uuid = "2f1dc911-6401-4fa4-8e9d-67ea2e39c271";
        let good = json!({
            "uuid": uuid, "brand": "joyent", "image_uuid": uuid, "alias": "tm", "quota": 100,
            "max_physical_memory": 1024, "max_swap": 2048, "delegate_dataset": true,
            "customer_metadata": { "root_authorized_keys": "x" }, "resolvers": ["192.0.2.1"],
            "nics": [{ "nic_tag": "admin", "ips": ["192.0.2.10/24"], "gateways": ["192.0.2.1"], "primary": true }],
        });
        assert_eq!(check("joyent", 'c', &good), [""; 0]);
        type Change = (&'static str, Value, &'static str);
        let changes: &[Change] = &[
            ("quotta", json!(1), "quotta: there is no such property"),
            (
                "quota",
                json!("100"),
                "quota: \"100\" is not of the form integer",
            ),
            ("quota", json!(-1), "quota: -1 is not"),
            (
                "uuid",
                json!("2F1DC911-6401-4FA4-8E9D-67EA2E39C271"),
                "uuid: ",
            ),
            (
                "set_tags",
                json!({}),
                "set_tags: joyent does not take it at `c`",
            ),
            ("max_swap", json!(512), "max_swap 512 is less"),
            (
                "customer_metadata",
                json!({ "a": {} }),
                "customer_metadata: ",
            ),
            ("resolvers", json!(["1,2"]), "resolvers: "),
            (
                "nics",
                json!([{ "ips": ["dhcp"] }]),
                "nics.*.nic_tag is missing",
            ),
            ("nics", json!([{ "nic_tag": "a-b" }]), "nics.*.nic_tag: "),
            (
                "nics",
                json!([{ "nic_tag": "a", "ips": ["192.0.2.1"] }]),
                "nics.*.ips: 192.0.2.1",
            ),
            (
                "nics",
                json!([{ "nic_tag": "a", "gateways": ["::1"] }]),
                "nics.*.gateways: ::1",
            ),
            (
                "nics",
                json!([{ "nic_tag": "a", "primary": false }]),
                "nics.*.primary: ",
            ),
            (
                "nics",
                json!([{ "nic_tag": "a", "vlan": 4 }]),
                "nics.*.vlan: there is no such member",
            ),
            (
                "nics",
                json!([{ "nic_tag": "a", "vlan_id": 4096 }]),
                "nics.*.vlan_id: 4096 is not",
            ),
        ];
        for (name, value, says) in changes {
            let mut bad = good.clone();
            bad[*name] = value.clone();
            let found = check("joyent", 'c', &bad);
            assert!(
                found.len() == 1 && found[0].starts_with(says),
                "{says}: {found:?}"
            );
        }
        let update = json!({ "update_nics": [{ "ips": ["dhcp"] }], "uuid": uuid });
        let found = check("joyent", 'u', &update);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            check(
                "joyent",
                'u',
                &json!({ "remove_nics": ["aa:bb"], "quota": 5 })
            ),
            [""; 0]
        );
    }
}
