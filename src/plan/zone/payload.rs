//! The payload of `vmadm create`.
//!
//! It carries the zone's uuid, so that a lost connection cannot lose the zone's name, and names nothing
//! that the host would make up better itself. `vmadm` takes no `primary: false`.

use serde_json::{Map, Value, json};

use crate::facts::host::images::Image;
use crate::recipe::units::{write_quota, write_size};
use crate::site::model::{Nic, StorageKind};
use crate::site::shape::Shape;

/// All of a new zone.
pub(super) fn create(shape: &Shape, uuid: &str, image: &str) -> Map<String, Value> {
    let mut payload = Map::new();
    let mut put = |name: &str, value: Value| {
        payload.insert(name.to_owned(), value);
    };
    put("uuid", uuid.into());
    put("brand", shape.brand.name().into());
    put("image_uuid", image.into());
    put("alias", shape.alias.as_str().into());
    put("hostname", shape.hostname.as_str().into());
    put("dns_domain", shape.dns_domain.as_str().into());
    put("autoboot", shape.autoboot.into());
    put("max_physical_memory", shape.memory_mib.into());
    put("max_swap", shape.swap_mib.into());
    put("quota", shape.quota_gib.into());
    if shape.cpu_cap > 0 {
        put("cpu_cap", shape.cpu_cap.into());
    }
    if !shape.resolvers.is_empty() {
        put("resolvers", json!(shape.resolvers));
    }
    if shape.maintain_resolvers {
        put("maintain_resolvers", true.into());
    }
    if !shape.metadata.is_empty() {
        put("customer_metadata", json!(shape.metadata));
    }
    match shape.storage.as_ref() {
        Some(storage) if storage.kind == StorageKind::Delegated => {
            put("delegate_dataset", true.into());
        }
        Some(storage) => {
            if let (Some(source), Some(target)) = (&storage.source, &storage.target) {
                put("filesystems", json!([filesystem(source, target)]));
            }
        }
        None => {}
    }
    put("nics", shape.nics.iter().map(card).collect());
    payload
}

/// A folder of the host in the zone.
pub(super) fn filesystem(source: &str, target: &str) -> Value {
    json!({ "type": "lofs", "source": source, "target": target, "options": ["nodevices"] })
}

/// A new network card.
pub(super) fn card(nic: &Nic) -> Value {
    let mut card = Map::new();
    card.insert("nic_tag".into(), nic.tag.as_str().into());
    card.insert("ips".into(), json!(nic.addresses));
    if let Some(gateway) = &nic.gateway {
        card.insert("gateways".into(), json!([gateway]));
    }
    if nic.vlan > 0 {
        card.insert("vlan_id".into(), nic.vlan.into());
    }
    if let Some(mac) = &nic.mac {
        card.insert("mac".into(), mac.as_str().into());
    }
    if nic.primary {
        card.insert("primary".into(), true.into());
    }
    Value::Object(card)
}

/// The payload for people: a line a property, with its unit.
pub(super) fn diff(payload: &Map<String, Value>, shape: &Shape, image: &Image) -> String {
    let mut out = String::new();
    for (name, value) in payload {
        let text = match (name.as_str(), value) {
            ("uuid" | "alias", _) => continue,
            ("image_uuid", _) => format!("{}@{}, {}", image.name, image.version, image.uuid),
            ("max_physical_memory", _) => write_size(shape.memory_mib << 20),
            ("max_swap", _) => write_size(shape.swap_mib << 20),
            ("quota", _) => write_quota(shape.quota_gib << 30),
            ("cpu_cap", value) => format!("{value} %"),
            ("nics", _) => {
                for nic in &shape.nics {
                    out.push_str(&format!("+ nic {}\n", super::card::text_of(nic)));
                }
                continue;
            }
            ("customer_metadata", _) => {
                for name in shape.metadata.keys() {
                    out.push_str(&format!("+ metadata {name}\n"));
                }
                continue;
            }
            (_, Value::String(text)) => text.clone(),
            (_, Value::Array(items)) => {
                let items = items.iter().map(|item| match item {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                items.collect::<Vec<_>>().join(", ")
            }
            (_, value) => value.to_string(),
        };
        out.push_str(&format!("+ {name} {text}\n"));
    }
    out
}
