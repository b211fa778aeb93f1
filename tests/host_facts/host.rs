//! A host of its own for a table, with zones that are in the way of others.

use crate::sandbox::harness::{Ran, Zone};

use super::site::{Edit, edited};

/// What stands for the uuid of the zone that runs.
pub const THERE: &str = "59cbcfdf-0000-4000-8000-000000000001";
/// One that is stopped.
pub const MEDIA: &str = "59cbcfdf-0000-4000-8000-000000000002";
/// One that is stopped, with a folder of the host.
pub const LENT: &str = "59cbcfdf-0000-4000-8000-000000000003";
/// One that failed.
pub const BROKEN: &str = "59cbcfdf-0000-4000-8000-000000000004";

/// A zone that is not there yet.
pub const NEW: &str = r#"[host]
sandbox = true

[zone]
alias = "wanted"
image = "base-64-lts@24.4.1"
memory = "1 GiB"
quota = "20 GiB"

[[zone.nic]]
tag = "admin"
address = "192.0.2.10/24"
gateway = "192.0.2.1"

[storage]
kind = "delegated"
"#;

/// The edits that make of it the zone that runs.
pub const OF_THERE: [Edit; 2] = [
    ("alias = \"wanted\"", "alias = \"there\""),
    ("192.0.2.10/24", "192.0.2.30/24"),
];

const IMAGE: &str = "2f1dc911-6401-4fa4-8e9d-67ea2e39c271";

/// A host without an image and without a zone.
pub fn empty() -> Option<Zone> {
    let zone = Zone::on_empty_host("wanted", NEW)?;
    let images = shell(&zone, "vmadm lookup; imgadm list");
    assert_eq!(images, "");
    Some(zone)
}

/// The script that gives it an image and the zones that are in the way.
pub fn inhabit() -> String {
    let zone = |uuid: &str, alias: &str, address: &str, more: &str| {
        format!(
            "vmadm create <<'END'\n{{\"uuid\": \"{uuid}\", \"brand\": \"joyent\", \"image_uuid\": \"{IMAGE}\", \
             \"alias\": \"{alias}\", \"hostname\": \"{alias}\", \"max_physical_memory\": 1024, \"max_swap\": 2048, \
             \"quota\": 20, {more}, \"nics\": [{{\"nic_tag\": \"admin\", \"ips\": [\"{address}/24\"], \
             \"gateways\": [\"192.0.2.1\"], \"mac\": \"b2:1e:ba:a5:6e:{}\"}}]}}\nEND\n",
            &address[8..],
        )
    };
    let lofs = |source: &str, target: &str| {
        format!(
            "\"filesystems\": [{{\"type\": \"lofs\", \"source\": \"{source}\", \"target\": \"{target}\", \
             \"options\": [\"nodevices\"]}}]"
        )
    };
    [
        format!("imgadm import -q {IMAGE}; mkdir -p /opt/lent\n"),
        zone(THERE, "there", "192.0.2.30", "\"delegate_dataset\": true"),
        zone(MEDIA, "media", "192.0.2.20", "\"autoboot\": false"),
        zone(
            LENT,
            "lent",
            "192.0.2.50",
            &format!("\"autoboot\": false, {}", lofs("/opt/lent", "/lent")),
        ),
        // it stays behind
        zone(
            BROKEN,
            "broken",
            "192.0.2.40",
            &lofs("/opt/nowhere", "/lent"),
        ) + "true\n",
    ]
    .concat()
    .trim_end()
    .to_owned()
}

/// Runs a script in the global zone.
pub fn shell(zone: &Zone, script: &str) -> String {
    let words = [
        "sandbox",
        "shell",
        "global",
        "--",
        "/usr/bin/bash",
        "-c",
        script,
    ];
    zone.run(&words).succeeds().out
}

/// Arms faults on the host.
pub fn arm(zone: &Zone, faults: &[&str]) {
    let ordered = faults.iter().flat_map(|fault| ["--fault", *fault]);
    let words: Vec<&str> = ["sandbox", "up", "global"]
        .into_iter()
        .chain(ordered)
        .collect();
    zone.run(&words).succeeds();
}

/// Writes the zone's file and runs the program.
pub fn run(zone: &Zone, fact: &str, file: &[&[Edit]], words: &[&str]) -> Ran {
    zone.write("zones/wanted.toml", &edited(fact, NEW, &file.concat()));
    zone.run(words)
}

/// What is on the host: zones with all that is set, datasets, images, sources, tags.
pub const STATE: &str = "vmadm lookup -j; zfs list -H -o name,quota,mountpoint; imgadm list -j; imgadm sources; \
                         nictagadm list; ls /var/db/zonewright/creating 2>/dev/null || true";
