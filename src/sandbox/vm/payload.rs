//! From a payload to the properties of a machine, as `vmadm create` and `update` complete it.
//!
//! The order of the steps decides which of several mistakes is reported: numbers, then bad values,
//! then missing properties; unknown properties are dropped after that, without a word.

use serde_json::{Map, Value, json};

use super::check::{self, as_boolean, as_integer, as_list, check, is_unset};
use super::nics;
use super::properties::{Action, TABLE};

type Properties = Map<String, Value>;

/// The least of `max_swap`, in MiB.
const LEAST_SWAP: i64 = 256;

/// The owner and the payer of whatever belongs to nobody.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

const COMPRESSIONS: &str = "on, off, lzjb, gzip, gzip-1, gzip-2, gzip-3, gzip-4, gzip-5, gzip-6, gzip-7, gzip-8, gzip-9, \
     zle, lz4";

/// The properties of a new machine; `uuid` is its name if the payload has none.
pub(crate) fn for_create(mut payload: Properties, uuid: &str) -> Result<Properties, String> {
    payload.entry("uuid").or_insert_with(|| uuid.into());
    numbers_and_lists(&mut payload)?;
    add_defaults(&mut payload);
    let brand = payload
        .get("brand")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if !check::is_brand(&brand) {
        return Err(format!("Unsupported brand: {brand}"));
    }
    for old in ["dataset_uuid", "zone_dataset_uuid"] {
        if let Some(image) = payload.remove(old) {
            payload.entry("image_uuid").or_insert(image);
        }
    }
    drop_unknown(&brand, Action::Create, &mut payload)?;
    for (name, value) in payload.iter_mut() {
        *value = settled(name, value);
    }
    if payload.get("zonename").is_none_or(is_unset) {
        let uuid = payload.get("uuid").cloned().unwrap_or_default();
        payload.insert("zonename".into(), uuid);
    }
    let zonename = payload.get("zonename").cloned().unwrap_or_default();
    payload.entry("hostname").or_insert(zonename);
    check_storage(&mut payload)?;
    check_routes(&payload)?;
    let mut all = nics::of(&payload, "nics");
    for nic in &mut all {
        nics::normalise(nic, true)?;
    }
    nics::check(&all, &[], true)?;
    nics::complete(&mut all);
    payload.insert("nics".into(), json!(all));
    Ok(payload)
}

/// The changes of an update, checked and in their final form; what a machine has is given.
pub(crate) fn for_update(
    mut payload: Properties,
    machine: &Properties,
) -> Result<Properties, String> {
    for list in ["nics", "disks", "filesystems"] {
        for verb in ["add", "update", "remove"] {
            let name = format!("{verb}_{list}");
            if payload
                .get(&name)
                .is_some_and(|value| !value.is_array() && verb != "remove")
            {
                return Err(format!("{name} must be an array."));
            }
        }
    }
    numbers_and_lists(&mut payload)?;
    fix_memory(&mut payload, machine);
    let brand = machine
        .get("brand")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    drop_unknown(&brand, Action::Update, &mut payload)?;
    for (name, value) in payload.iter_mut() {
        *value = settled(name, value);
    }
    check_storage(&mut payload)?;
    check_routes(&payload)?;
    Ok(payload)
}

/// Numbers that came as text become numbers, lists that came as text become lists.
fn numbers_and_lists(payload: &mut Properties) -> Result<(), String> {
    for (name, value) in payload.iter_mut() {
        match TABLE.get(name.as_str()).map(|property| property.kind) {
            Some("integer") if is_unset(value) => *value = Value::Null,
            Some("integer") => match value {
                Value::String(text) => {
                    let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
                    *value = match (as_integer(value), number) {
                        (Some(whole), _) => whole.into(),
                        (None, Some(number)) => number.into(),
                        // the value is gone before the message is made
                        (None, None) => return Err(not_a_number(name)),
                    };
                }
                Value::Bool(is_true) => *value = i64::from(*is_true).into(),
                Value::Object(_) => return Err(not_a_number(name)),
                _ => {}
            },
            Some("list") if value.is_string() => {
                *value = Value::Array(as_list(value).unwrap_or_default());
            }
            _ => {}
        }
    }
    if payload.get("quota") == Some(&Value::Null) {
        payload.insert("quota".into(), 0.into());
    }
    Ok(())
}

fn not_a_number(name: &str) -> String {
    format!("Invalid value for {name}: null:number")
}

fn add_defaults(payload: &mut Properties) {
    let defaults = [
        ("owner_uuid", json!(NOBODY)),
        ("autoboot", json!(true)),
        ("brand", json!("joyent")),
        ("zpool", json!(check::POOL)),
        ("dns_domain", json!("local")),
        ("cpu_shares", json!(100)),
        ("zfs_io_priority", json!(100)),
        ("max_lwps", json!(2000)),
        ("ram", json!(256)),
    ];
    for (name, value) in defaults {
        payload.entry(name).or_insert(value);
    }
    if number(payload, "cpu_shares").is_some_and(|shares| shares > 65535) {
        payload.insert("cpu_shares".into(), 65535.into());
    }
    fix_memory(payload, &Properties::new());
    let memory = payload
        .get("max_physical_memory")
        .cloned()
        .unwrap_or_default();
    let is_larger = number(payload, "tmpfs") > memory.as_i64();
    if is_larger || !payload.contains_key("tmpfs") {
        payload.insert("tmpfs".into(), memory.clone());
    }
    payload.entry("max_shm_memory").or_insert(memory);
    for name in ["max_msg_ids", "max_sem_ids", "max_shm_ids"] {
        payload.entry(name).or_insert_with(|| 4096.into());
    }
    payload
        .entry("limit_priv")
        .or_insert_with(|| json!(["default"]));
    payload.entry("quota").or_insert_with(|| 10.into());
    payload.entry("billing_id").or_insert_with(|| NOBODY.into());
}

/// The limits that follow from one another; `machine` is what there is.
fn fix_memory(payload: &mut Properties, machine: &Properties) {
    if let Some(ram) = number(payload, "ram") {
        payload
            .entry("max_physical_memory")
            .or_insert_with(|| ram.into());
    }
    if let Some(memory) = number(payload, "max_physical_memory") {
        let had = number(machine, "max_physical_memory");
        let difference = |name| Some(number(machine, name)? - had?);
        let locked = memory + difference("max_locked_memory").unwrap_or(0);
        match number(payload, "max_locked_memory") {
            Some(locked) if locked <= memory => {}
            Some(_) => drop(payload.insert("max_locked_memory".into(), memory.into())),
            None => drop(payload.insert("max_locked_memory".into(), locked.into())),
        }
        let was_least = number(machine, "max_swap") == Some(LEAST_SWAP) && memory >= LEAST_SWAP;
        let swap = match difference("max_swap") {
            Some(difference) if !was_least => memory + difference,
            _ => memory,
        };
        match number(payload, "max_swap") {
            // one below the least is left for the check of values to refuse
            Some(swap) if swap >= memory || swap < LEAST_SWAP => {}
            Some(_) => drop(payload.insert("max_swap".into(), memory.into())),
            None => drop(payload.insert("max_swap".into(), swap.max(LEAST_SWAP).into())),
        }
    }
    let memory = number(payload, "max_physical_memory").or(number(machine, "max_physical_memory"));
    let tmpfs = number(payload, "tmpfs");
    if let (Some(tmpfs), Some(memory)) = (tmpfs, memory)
        && tmpfs > memory
    {
        payload.insert("tmpfs".into(), memory.into());
    }
    // /tmp follows the memory that it lies in
    if let (None, Some(memory), Some(old)) = (
        tmpfs,
        number(payload, "max_physical_memory"),
        number(machine, "tmpfs"),
    ) && old > 0
    {
        let is_whole = number(machine, "max_physical_memory") == Some(old);
        let tmpfs = if is_whole { memory } else { old.min(memory) };
        payload.insert("tmpfs".into(), tmpfs.into());
    }
}

fn drop_unknown(brand: &str, action: Action, payload: &mut Properties) -> Result<(), String> {
    let findings = check(brand, action, payload);
    if !findings.bad_values.is_empty() {
        let names = findings.bad_values.join(",");
        return Err(format!("Invalid value(s) for: {names}"));
    }
    if !findings.missing_properties.is_empty() {
        let names = findings.missing_properties.join(",");
        return Err(format!("Missing required properties: {names}"));
    }
    for name in findings.bad_properties {
        let Some((list, key)) = name.split_once(".*.") else {
            payload.shift_remove(&name);
            continue;
        };
        for holder in [
            list.to_owned(),
            format!("add_{list}"),
            format!("update_{list}"),
        ] {
            let parts = payload.get_mut(&holder).and_then(Value::as_array_mut);
            for part in parts.into_iter().flatten() {
                if let Some(part) = part.as_object_mut() {
                    part.shift_remove(key);
                }
            }
        }
    }
    Ok(())
}

/// A value in the form in which it is kept.
fn settled(name: &str, value: &Value) -> Value {
    match TABLE.get(name).map(|property| property.kind) {
        Some("boolean") => match as_boolean(value) {
            Some(value) => value.into(),
            None => (*value == json!(1) || *value == json!("1")).into(),
        },
        _ => value.clone(),
    }
}

fn check_storage(payload: &mut Properties) -> Result<(), String> {
    for name in ["zfs_root_recsize", "zfs_data_recsize"] {
        match payload.get(name) {
            None => {}
            Some(value) if is_unset(value) || as_integer(value) == Some(0) => {
                payload.insert(name.into(), 131_072.into());
            }
            Some(value) => {
                let size = as_integer(value).unwrap_or(0);
                let is_power = u64::try_from(size).is_ok_and(u64::is_power_of_two);
                if !(512..=131_072).contains(&size) || !is_power {
                    return Err(format!(
                        "invalid {name} ({size}), must be 512-131072 and a power of 2. (0 to disable)"
                    ));
                }
            }
        }
    }
    for name in ["zfs_root_compression", "zfs_data_compression"] {
        let word = payload
            .get(name)
            .map(|v| v.as_str().unwrap_or_default().to_owned());
        if word.is_some_and(|word| !COMPRESSIONS.split(", ").any(|known| known == word)) {
            return Err(format!(
                "invalid compression type for {name}, must be one of: {COMPRESSIONS}"
            ));
        }
    }
    // the delegated dataset lies below the root's, whose compression it would take over
    if payload.contains_key("zfs_root_compression") {
        payload
            .entry("zfs_data_compression")
            .or_insert_with(|| "off".into());
    }
    Ok(())
}

fn check_routes(payload: &Properties) -> Result<(), String> {
    for name in ["routes", "set_routes"] {
        for (to, by) in payload
            .get(name)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let is_address = to.parse::<std::net::Ipv4Addr>().is_ok();
            if !is_address && nics::split(to).is_none() {
                return Err(format!(
                    "Invalid route destination: \"{to}\" (must be IP address or CIDR)"
                ));
            }
            let by = by.as_str().unwrap_or_default();
            let is_interface = by.starts_with("nics[") || by.starts_with("macs[");
            if by.parse::<std::net::Ipv4Addr>().is_err() && !is_interface {
                return Err(format!(
                    "Invalid route gateway: \"{by}\" (must be IP address, MAC address, or nic)"
                ));
            }
        }
    }
    Ok(())
}

/// A number of the payload or of the machine.
pub(crate) fn number(properties: &Properties, name: &str) -> Option<i64> {
    properties.get(name).and_then(as_integer)
}
