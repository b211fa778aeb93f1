//! A zone file for a zone that is there, such that nothing is to do for it.
//!
//! It pins the zone's uuid: a zone that somebody else made has none that could be made from its alias. Metadata
//! that looks like a secret, or holds keys, stays on the host and out of the file; the plan leaves alone what a file
//! does not name.

use std::fmt::Write as _;

use std::ops::Range;

use crate::facts::host::images::Image;
use crate::facts::host::inside::{DatasetFact, Inside};
use crate::facts::host::vms::{Vm, VmNic};
use crate::plan::accounts::BUILD_USER;
use crate::recipe::units::write_size;

/// Where `useradd` begins, up to `nobody`.
const PEOPLE: Range<u32> = 1000..60_001;

/// The file's text; `host` is as `[host] ssh` says it, or `sandbox`, and `keys` are public key files.
///
/// # Errors
/// Why no file can say what the zone is.
pub fn file_of(
    vm: &Vm,
    inside: Option<&Inside>,
    images: &[Image],
    host: &str,
    keys: &[String],
) -> Result<String, String> {
    if !["joyent", "joyent-minimal"].contains(&vm.brand.as_str()) {
        return Err(format!("it is of the brand {}", vm.brand));
    }
    let mut out = String::from("[host]\n");
    match host {
        "sandbox" => out.push_str("sandbox = true\n"),
        host => put(&mut out, "ssh", host),
    }
    out.push_str("\n[zone]\n");
    put(&mut out, "alias", &vm.alias);
    put(&mut out, "uuid", &vm.uuid);
    if vm.brand != "joyent" {
        put(&mut out, "brand", &vm.brand);
    }
    let image = images.iter().find(|image| image.uuid == vm.image_uuid);
    put(
        &mut out,
        "image",
        &image.map_or_else(
            || vm.image_uuid.clone(),
            |image| format!("{}@{}", image.name, image.version),
        ),
    );
    put(
        &mut out,
        "memory",
        &write_size(vm.max_physical_memory << 20),
    );
    put(&mut out, "swap", &write_size(vm.max_swap << 20));
    put(&mut out, "quota", &write_size(vm.quota << 30));
    if vm.cpu_cap > 0 {
        let _ = writeln!(out, "cpu-cap = {}", vm.cpu_cap);
    }
    if vm.hostname != vm.alias {
        put(&mut out, "hostname", &vm.hostname);
    }
    if !["", "local"].contains(&vm.dns_domain.as_str()) {
        put(&mut out, "dns-domain", &vm.dns_domain);
    }
    if !vm.resolvers.is_empty() {
        let _ = writeln!(out, "resolvers = {}", list(&vm.resolvers));
    }
    if vm.maintain_resolvers == vm.resolvers.is_empty() {
        let _ = writeln!(out, "maintain-resolvers = {}", vm.maintain_resolvers);
    }
    if !vm.autoboot {
        out.push_str("autoboot = false\n");
    }
    if host != "sandbox" || !keys.is_empty() {
        let _ = writeln!(out, "ssh-keys = {}", list(keys));
    }
    if let Some(script) = vm.customer_metadata.get("user-script") {
        out.push_str("\n[zone.metadata]\n");
        put(&mut out, "user-script", script);
    }
    for nic in &vm.nics {
        card(&mut out, nic, vm.nics.len());
    }
    storage(&mut out, vm, inside);
    people(&mut out, inside);
    Ok(out)
}

/// The accounts of people, by their uids: a file that named them would be one for their passwords too, so that is
/// left to its reader.
#[must_use]
pub fn people_of(inside: &Inside) -> Vec<(&str, u32)> {
    let accounts = inside.accounts.iter();
    let people = accounts.filter(|(name, uid)| PEOPLE.contains(uid) && *name != BUILD_USER);
    let mut people: Vec<(&str, u32)> = people.map(|(name, uid)| (name.as_str(), *uid)).collect();
    people.sort_by_key(|(_, uid)| *uid);
    people
}

fn people(out: &mut String, inside: Option<&Inside>) {
    let people = inside.map(people_of).unwrap_or_default();
    if people.is_empty() {
        return;
    }
    out.push_str(
        "\n# Accounts of the zone that this file does not name yet. `zone reprovision` makes those anew that are\n\
         # named, with their passwords: take away the `#` of whoever keeps backups here.\n",
    );
    for (name, uid) in people {
        let _ = writeln!(out, "# [[user]]\n# name = {}\n# uid = {uid}", text(name));
    }
}

fn put(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {}", text(value));
}

/// A text as TOML writes it. JSON's escapes are among those of TOML.
fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| text(value)).collect();
    format!("[{}]", values.join(", "))
}

fn card(out: &mut String, nic: &VmNic, number: usize) {
    out.push_str("\n[[zone.nic]]\n");
    put(out, "tag", &nic.nic_tag);
    match &nic.addresses()[..] {
        [address] => put(out, "address", address),
        addresses => {
            let _ = writeln!(out, "addresses = {}", list(addresses));
        }
    }
    if let Some(gateway) = nic.gateways.first() {
        put(out, "gateway", gateway);
    }
    if nic.vlan_id > 0 {
        let _ = writeln!(out, "vlan = {}", nic.vlan_id);
    }
    put(out, "mac", &nic.mac);
    if nic.primary && number > 1 {
        out.push_str("primary = true\n");
    }
}

fn storage(out: &mut String, vm: &Vm, inside: Option<&Inside>) {
    let own = vm.own_dataset();
    let root = match vm.datasets.iter().find(|dataset| **dataset == own) {
        Some(root) => {
            out.push_str("\n[storage]\nkind = \"delegated\"\n");
            root
        }
        None => match (vm.datasets.first(), vm.filesystems.first()) {
            (Some(root), _) => {
                out.push_str("\n[storage]\nkind = \"existing\"\n");
                put(out, "dataset", root);
                root
            }
            (None, Some(folder)) => {
                out.push_str("\n[storage]\nkind = \"lofs\"\n");
                put(out, "source", &folder.source);
                put(out, "target", &folder.target);
                return;
            }
            (None, None) => return,
        },
    };
    let Some(inside) = inside else { return };
    let above = inside.datasets.get(root).cloned().unwrap_or_default();
    for (name, fact) in &inside.datasets {
        let below = name
            .strip_prefix(root.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        if let Some(below) = below.filter(|_| fact.mountpoint.starts_with('/')) {
            dataset(out, below, fact, &above);
            let mut people = people_of(inside).into_iter();
            if let Some((owner, _)) = people.find(|(_, uid)| fact.owner == Some(*uid)) {
                let _ = writeln!(out, "# owner = {}", text(owner));
            }
        }
    }
}

fn dataset(out: &mut String, name: &str, fact: &DatasetFact, above: &DatasetFact) {
    out.push_str("\n[[dataset]]\n");
    put(out, "name", name);
    put(out, "mountpoint", &fact.mountpoint);
    for (key, bytes) in [("quota", fact.quota), ("refquota", fact.refquota)] {
        if bytes > 0 {
            put(out, key, &write_size(bytes));
        }
    }
    if fact.recordsize != above.recordsize {
        put(out, "recordsize", &write_size(fact.recordsize));
    }
    if fact.compression != above.compression {
        put(out, "compression", &fact.compression);
    }
    if fact.atime != above.atime {
        let _ = writeln!(out, "atime = {}", fact.atime);
    }
}
