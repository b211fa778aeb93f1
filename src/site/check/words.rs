//! What `vmadm` and the manuals of SmartOS call things, for who writes a zone file from a payload.
//!
//! `vmadm` drops what it does not know without a word; here each such name is refused with what to write instead.

use crate::problem::Problem;

/// For what a file has no key at all: whoever needs it sets it by hand, and it stays so.
const LEFT_ALONE: &str =
    "leave it out; on the host `vmadm update UUID` sets it, and it stays as it is there";

/// Property of `vmadm` → what a zone file says for it.
const WORDS: &[(&str, &str)] = &[
    ("allow_dhcp_spoofing", LEFT_ALONE),
    ("allow_ip_spoofing", LEFT_ALONE),
    ("allow_mac_spoofing", LEFT_ALONE),
    ("allow_restricted_traffic", LEFT_ALONE),
    ("allowed_ips", LEFT_ALONE),
    ("blocked_outgoing_ports", LEFT_ALONE),
    ("cpu_shares", LEFT_ALONE),
    (
        "customer_metadata",
        "write `[zone.metadata]` with a text for each name",
    ),
    (
        "delegate_dataset",
        "write `[storage]` with `kind = \"delegated\"`",
    ),
    ("dhcp_server", LEFT_ALONE),
    (
        "filesystems",
        "write `[storage]` with `kind = \"lofs\"`, `source` and `target`",
    ),
    ("firewall_enabled", LEFT_ALONE),
    ("fs_allowed", LEFT_ALONE),
    ("image_uuid", "write `image`, which takes a uuid as well"),
    ("indestructible_delegated", LEFT_ALONE),
    ("indestructible_zoneroot", LEFT_ALONE),
    (
        "interface",
        "leave it out: the cards are net0, net1, … in the order of the file",
    ),
    ("internal_metadata", LEFT_ALONE),
    (
        "ip",
        "write `address` with the prefix length, as in `address = \"192.0.2.10/24\"`",
    ),
    (
        "ips",
        "write `addresses`, each with its prefix length, as in `192.0.2.10/24`",
    ),
    ("limit_priv", LEFT_ALONE),
    ("max_locked_memory", LEFT_ALONE),
    ("max_lwps", LEFT_ALONE),
    ("max_physical_memory", "write `memory = \"2 GiB\"`"),
    (
        "max_swap",
        "write `swap = \"4 GiB\"`, which includes `memory`",
    ),
    (
        "mdata_exec_timeout",
        "leave it out: a user-script has 300 s, at every boot; let it start a service for what takes longer",
    ),
    ("mtu", LEFT_ALONE),
    (
        "netmask",
        "write the prefix length behind `address`, as in `address = \"192.0.2.10/24\"`",
    ),
    ("nic_tag", "write `tag = \"admin\"`"),
    ("nics", "write `[[zone.nic]]`, once for each card"),
    ("ram", "write `memory = \"2 GiB\"`"),
    (
        "root_authorized_keys",
        "write `ssh-keys = [\"~/.ssh/id_ed25519.pub\"]` below `[zone]`",
    ),
    ("routes", LEFT_ALONE),
    ("tmpfs", LEFT_ALONE),
    ("user-script", "write it below `[zone.metadata]`"),
    ("vlan_id", "write `vlan`"),
    ("vrrp_primary_ip", LEFT_ALONE),
    ("vrrp_vrid", LEFT_ALONE),
    (
        "zfs_data_compression",
        "write `compression` in a `[[dataset]]`",
    ),
    ("zfs_data_recsize", "write `recordsize` in a `[[dataset]]`"),
    ("zfs_filesystem_limit", LEFT_ALONE),
    ("zfs_root_compression", LEFT_ALONE),
    ("zfs_root_recsize", LEFT_ALONE),
    ("zfs_snapshot_limit", LEFT_ALONE),
    ("zpool", "leave it out: new zones lie on the pool `zones`"),
];

/// Says what a zone file calls it, where the unknown key is one of `vmadm`'s and no slip of the pen.
pub(in crate::site) fn explain(problems: &mut [Problem]) {
    for problem in problems {
        if problem.rule != Some("unknown-key") || problem.fix.is_some() {
            continue;
        }
        let key = problem.key.rsplit('.').next().unwrap_or_default();
        let is_it = |word: &&(&str, &str)| word.0.replace('_', "-") == key.replace('_', "-");
        if let Some((_, instead)) = WORDS.iter().find(is_it) {
            problem.help = Some((*instead).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::read::{SPEC, ZONE};

    #[test]
    fn every_word_is_there_once_and_none_is_a_key_of_a_zone_file() {
        for (index, (word, _)) in WORDS.iter().enumerate() {
            let is_last = WORDS.get(index + 1).is_none_or(|(next, _)| word < next);
            assert!(is_last, "{word} is out of order");
            let keys = ZONE.keys.iter().chain(SPEC.keys);
            assert!(keys.map(|key| key.name).all(|name| name != *word), "{word}");
        }
    }
}
