//! `vmadm list` and `lookup`: columns, orders and filters over the machines.
//!
//! `-p` escapes nothing: a `:` in an alias moves every column after it.

use std::cmp::Ordering;

use regex::RegexBuilder;
use serde_json::{Map, Value};

use super::check::as_integer;

/// The columns that have a name of their own, with their headings and widths.
const FIELDS: &[(&str, &str, usize)] = &[
    ("alias", "ALIAS", 10),
    ("autoboot", "AUTOBOOT", 8),
    ("billing_id", "BILLING_ID", 36),
    ("boot_timestamp", "BOOT_TIMESTAMP", 24),
    ("brand", "BRAND", 14),
    ("cpu_cap", "CPU_CAP", 7),
    ("cpu_shares", "CPU_SHARE", 9),
    ("cpu_type", "CPU_TYPE", 8),
    ("create_timestamp", "CREATE_TIMESTAMP", 24),
    ("dns_domain", "DOMAIN", 32),
    ("do_not_inventory", "DNI", 5),
    ("docker", "DOCKER", 6),
    ("exit_status", "EXIT", 4),
    ("exit_timestamp", "EXIT_TIMESTAMP", 24),
    ("firewall_enabled", "FIREWALL_ENABLED", 16),
    ("flexible_disk_size", "FLEX_DISK_SIZE", 14),
    ("free_space", "FREE_SPACE", 14),
    ("hostname", "HOSTNAME", 32),
    ("hvm", "HVM", 5),
    ("image_uuid", "IMAGE_UUID", 36),
    ("indestructible_delegated", "INDESTR_DATA", 12),
    ("indestructible_zoneroot", "INDESTR_ROOT", 12),
    ("ram", "RAM", 7),
    ("max_locked_memory", "MAX_LOCKED", 10),
    ("max_lwps", "MAX_LWP", 7),
    ("max_physical_memory", "MAX_PHYS", 8),
    ("max_swap", "MAX_SWAP", 8),
    ("owner_uuid", "OWNER_UUID", 36),
    ("package_name", "PACKAGE_NAME", 32),
    ("package_version", "PACKAGE_VER", 11),
    ("pid", "PID", 6),
    ("qemu_extra_opts", "QEMU_EXTRA_OPTS", 15),
    ("quota", "QUOTA", 5),
    ("zone_state", "ZONE_STATE", 10),
    ("state", "STATE", 16),
    ("tmpfs", "TMPFS", 5),
    ("type", "TYPE", 4),
    ("uuid", "UUID", 36),
    ("vcpus", "VCPUS", 5),
    ("zfs_io_priority", "IO_PRIORITY", 11),
    ("zpool", "ZPOOL", 12),
    ("zonename", "ZONENAME", 12),
    ("zonepath", "ZONEPATH", 40),
    ("zoneid", "ZONEID", 6),
];

/// The columns and the order of `list` where nothing else is asked for.
pub(crate) const COLUMNS: &str = "uuid,type,ram,state,alias";
/// See [`COLUMNS`].
pub(crate) const ORDER: &str = "ram,uuid";

/// The parts of interfaces that can be asked for. `ips` is not among them.
const NIC_KEYS: &[&str] = &[
    "dhcp_server",
    "gateway",
    "interface",
    "ip",
    "mac",
    "model",
    "netmask",
    "nic_tag",
    "vlan_id",
];
const DISK_KEYS: &[&str] = &[
    "boot",
    "image_name",
    "image_size",
    "image_uuid",
    "size",
    "media",
    "model",
    "zpool",
];

pub(crate) type Shown = Map<String, Value>;

/// One `KEY=VALUE` of a command line.
pub(crate) type Filter = (String, String);

/// Adds what `list` and `lookup` show and `get` does not.
pub(crate) fn add_fields(machine: &mut Shown) {
    let kind = match machine.get("brand").and_then(Value::as_str) {
        Some("lx") => "LX",
        Some("bhyve") => "BHYV",
        _ => "OS",
    };
    machine.insert("type".to_owned(), kind.into());
    let memory = machine.get("max_physical_memory").cloned();
    machine.insert("ram".to_owned(), memory.unwrap_or_default());
}

/// Whether machines can be told apart by it.
pub(crate) fn is_filter(key: &str) -> bool {
    if FIELDS.iter().any(|(name, ..)| *name == key) {
        return true;
    }
    let parts: Vec<&str> = key.split('.').collect();
    let is_place = |place: &str| place.chars().all(|c| c == '*' || c.is_ascii_digit());
    match parts.as_slice() {
        ["nics", place, name] => is_place(place) && NIC_KEYS.contains(name),
        ["disks", place, name] => is_place(place) && DISK_KEYS.contains(name),
        ["tags" | "customer_metadata" | "internal_metadata", ..] => parts.len() > 1,
        _ => false,
    }
}

/// Whether it can be a column: one of several values cannot.
pub(crate) fn is_column(key: &str) -> bool {
    !["disks.*.", "filesystems.*.", "nics.*."]
        .iter()
        .any(|start| key.starts_with(start))
}

/// The machines that all the filters let through.
pub(crate) fn select(mut machines: Vec<Shown>, filters: &[Filter]) -> Vec<Shown> {
    machines.retain(|machine| filters.iter().all(|filter| fits(machine, filter)));
    machines
}

fn fits(machine: &Shown, (key, wanted): &Filter) -> bool {
    let pattern = wanted.strip_prefix('~').map(|pattern| {
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .build()
            .ok()
    });
    values(machine, key).iter().any(|value| {
        let text = text(value);
        match &pattern {
            None => text == *wanted,
            Some(pattern) => pattern.as_ref().is_some_and(|p| p.is_match(&text)),
        }
    })
}

fn values<'a>(machine: &'a Shown, key: &str) -> Vec<&'a Value> {
    if let Some(value) = machine.get(key) {
        return vec![value];
    }
    let parts: Vec<&str> = key.splitn(3, '.').collect();
    match parts.as_slice() {
        [list @ ("nics" | "disks"), place, name] => {
            let all = machine.get(*list).and_then(Value::as_array);
            all.into_iter()
                .flatten()
                .enumerate()
                .filter(|(number, _)| *place == "*" || *place == number.to_string())
                .filter_map(|(_, part)| part.get(name))
                .collect()
        }
        [map, ..] => {
            let rest = key.split_once('.').map_or("", |(_, rest)| rest);
            machine
                .get(*map)
                .and_then(|m| m.get(rest))
                .into_iter()
                .collect()
        }
        [] => Vec::new(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub has_header: bool,
    pub is_parsable: bool,
}

/// The lines of `list`, or why there are none.
pub(crate) fn table(
    mut machines: Vec<Shown>,
    columns: &str,
    order: &str,
    look: Look,
) -> Result<String, String> {
    machines.sort_by(|a, b| compare(a, b, order));
    let mut widths = Vec::new();
    let mut heads = Vec::new();
    for column in columns.split(',') {
        let known = FIELDS.iter().find(|(name, ..)| *name == column);
        let is_deep = is_filter(column);
        match known {
            Some((_, head, width)) => {
                heads.push((*head).to_owned());
                widths.push(*width);
            }
            None if is_deep => {
                heads.push(column.to_uppercase());
                widths.push(20);
            }
            None => return Err(format!("invalid order field: {column}")),
        }
    }
    let mut lines = Vec::new();
    if look.has_header && !look.is_parsable {
        lines.push(row(&heads, &widths));
    }
    for machine in &machines {
        let cells: Vec<String> = columns
            .split(',')
            .map(|column| {
                values(machine, column)
                    .first()
                    .map_or(String::new(), |v| text(v))
            })
            .collect();
        if look.is_parsable {
            lines.push(cells.join(":"));
        } else {
            let shown: Vec<String> = cells
                .into_iter()
                .map(|cell| {
                    if cell.is_empty() {
                        "-".to_owned()
                    } else {
                        cell
                    }
                })
                .collect();
            lines.push(row(&shown, &widths));
        }
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

fn row(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"))
        .collect();
    padded.join("  ").trim_end().to_owned()
}

fn compare(a: &Shown, b: &Shown, order: &str) -> Ordering {
    for field in order.split(',') {
        let (is_reversed, name) = match field.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, field.strip_prefix('+').unwrap_or(field)),
        };
        let value = |machine| values(machine, name).first().map(|v| (*v).clone());
        let (left, right) = (value(a), value(b));
        let numbers = (
            left.as_ref().and_then(as_integer),
            right.as_ref().and_then(as_integer),
        );
        let ordering = match numbers {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left
                .as_ref()
                .map(text)
                .unwrap_or_default()
                .cmp(&right.as_ref().map(text).unwrap_or_default()),
        };
        let ordering = if is_reversed {
            ordering.reverse()
        } else {
            ordering
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}
