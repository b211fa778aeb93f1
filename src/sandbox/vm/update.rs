//! What `vmadm update` makes of a machine, and what it changes in the running zone beside that.

use serde_json::{Map, Value, json};

use super::check::plain;
use super::machine::Machine;
use super::{nics, payload, time};

type Properties = Map<String, Value>;

/// What a change makes the zone do at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Effects {
    /// Whether the zone fetches its metadata again.
    pub fetches_metadata: bool,
    /// Whether its interfaces are others; that shows when it boots again.
    pub changes_nics: bool,
}

/// The lists of things that have a name of their own, and that name.
const KEYED: [(&str, &str); 2] = [("nics", "mac"), ("filesystems", "target")];

/// The tables that are changed by key.
const TABLES: [&str; 4] = ["customer_metadata", "internal_metadata", "tags", "routes"];

/// The machine as the update leaves it.
pub(crate) fn updated(machine: &Machine, change: Properties) -> Result<(Machine, Effects), String> {
    let mut change = payload::for_update(change, &machine.properties)?;
    let mut after = machine.clone();
    let mut effects = Effects {
        fetches_metadata: fetches_metadata(machine, &change),
        ..Effects::default()
    };
    for (list, key) in KEYED {
        let is_changed = change_list(&mut after.properties, &mut change, list, key)?;
        effects.changes_nics |= is_changed && list == "nics";
    }
    for table in TABLES {
        change_table(&mut after.properties, &mut change, table);
    }
    change.shift_remove("ram");
    for (name, value) in change {
        if value.is_null() || value == json!("") {
            after.properties.shift_remove(&name);
        } else {
            after.properties.insert(name, value);
        }
    }
    after.modified = time::now();
    Ok((after, effects))
}

/// Only these changes restart `mdata:fetch`, whatever the manual says.
fn fetches_metadata(machine: &Machine, change: &Properties) -> bool {
    let has = |name: &str| change.contains_key(name);
    let maintains = change
        .get("maintain_resolvers")
        .map_or(machine.is("maintain_resolvers"), |value| {
            *value == json!(true)
        });
    let is_changed = [
        "maintain_resolvers",
        "routes",
        "set_routes",
        "remove_routes",
        "tmpfs",
    ]
    .into_iter()
    .any(has);
    is_changed || (has("resolvers") && maintains)
}

fn change_list(
    properties: &mut Properties,
    change: &mut Properties,
    list: &str,
    key: &str,
) -> Result<bool, String> {
    let mut take = |verb: &str| change.shift_remove(&format!("{verb}_{list}"));
    let (added, updated, removed) = (take("add"), take("update"), take("remove"));
    if added.is_none() && updated.is_none() && removed.is_none() {
        return Ok(false);
    }
    let is_nics = list == "nics";
    let mut all = nics::of(properties, list);
    let removed: Vec<String> = elements(removed.as_ref())
        .iter()
        .filter_map(plain)
        .collect();
    let named = |part: &Properties| part.get(key).and_then(plain);
    all.retain(|part| !named(part).is_some_and(|name| removed.contains(&name)));
    let mut updates = objects(updated.as_ref());
    let mut additions = objects(added.as_ref());
    if is_nics {
        check_nics(&all, &mut updates, &mut additions)?;
    }
    for update in updates {
        let name = named(&update);
        let old = all.iter_mut().find(|part| named(part) == name);
        let Some(old) = old else { continue };
        for (name, value) in update {
            if value.is_null() || value == json!("") {
                old.shift_remove(&name);
            } else {
                old.insert(name, value);
            }
        }
    }
    if is_nics && additions.iter().any(|nic| nic.contains_key("primary")) {
        for nic in &mut all {
            nic.shift_remove("primary");
        }
    }
    all.extend(additions);
    if is_nics {
        nics::complete(&mut all);
    }
    properties.insert(list.to_owned(), json!(all));
    Ok(true)
}

fn check_nics(
    all: &[Properties],
    updates: &mut [Properties],
    additions: &mut [Properties],
) -> Result<(), String> {
    for nic in updates.iter_mut() {
        nics::normalise(nic, false)?;
    }
    for nic in additions.iter_mut() {
        nics::normalise(nic, true)?;
    }
    let changed: Vec<_> = updates
        .iter()
        .filter(|nic| nic.contains_key("ips"))
        .filter_map(nics::mac)
        .collect();
    let kept: Vec<Properties> = all
        .iter()
        .map(|nic| {
            let mut nic = nic.clone();
            if nics::mac(&nic).is_some_and(|mac| changed.contains(&mac)) {
                nic.shift_remove("ips");
            }
            nic
        })
        .collect();
    nics::check(additions, &kept, true)?;
    nics::check(updates, &kept, false)?;
    let is_primary = |nic: &&Properties| nic.contains_key("primary");
    if updates
        .iter()
        .chain(additions.iter())
        .filter(is_primary)
        .count()
        > 1
    {
        return Err("payload specifies more than 1 primary NIC".into());
    }
    Ok(())
}

fn change_table(properties: &mut Properties, change: &mut Properties, table: &str) {
    let set = change.shift_remove(&format!("set_{table}"));
    let removed = change.shift_remove(&format!("remove_{table}"));
    if set.is_none() && removed.is_none() {
        return;
    }
    let entry = properties.entry(table).or_insert_with(|| json!({}));
    let Some(entries) = entry.as_object_mut() else {
        return;
    };
    for name in elements(removed.as_ref()).iter().filter_map(plain) {
        entries.shift_remove(&name);
    }
    for (name, value) in set
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        entries.insert(name.clone(), value.clone());
    }
}

fn elements(value: Option<&Value>) -> Vec<Value> {
    value.and_then(Value::as_array).cloned().unwrap_or_default()
}

fn objects(value: Option<&Value>) -> Vec<Properties> {
    elements(value)
        .into_iter()
        .filter_map(|part| part.as_object().cloned())
        .collect()
}
