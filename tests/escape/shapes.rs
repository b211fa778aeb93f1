//! Zones of a host: metadata that the zone reads, where datasets are mounted, folders of the host in the zone.

use serde_json::{Map, json};
use zonewright::script::quote;

use super::ledger::{Joined, Ledger, joined, texts};
use super::nasty::canary;
use crate::sandbox::harness::Zone;

const METADATA: &str = "zone zone.metadata.*";
const MOUNTPOINT: &str = "zone dataset[].mountpoint";
const SOURCE: &str = "zone storage.source";
const TARGET: &str = "zone storage.target";

/// Longer paths fit into no message.
const LONGEST: usize = 700;

pub fn read(ledger: &mut Ledger) {
    let zone = Zone::new("strange-shape").unwrap();
    let values = texts(METADATA).into_iter().enumerate();
    let metadata: Map<String, _> = values
        .map(|(i, text)| (format!("m{i}"), json!(text)))
        .collect();
    let places = texts(MOUNTPOINT).into_iter().enumerate();
    let datasets: Vec<_> = places
        .map(|(i, text)| json!({ "name": format!("d{i}"), "mountpoint": text }))
        .collect();
    let file = json!({
        "host": { "sandbox": true },
        "zone": { "alias": "strange-shape", "metadata": metadata, "quota": "100 GiB" },
        "storage": { "kind": "delegated" },
        "dataset": datasets,
    });
    write(&zone, &file);
    zone.apply().succeeds();
    let plan = zone
        .run(&["zone", "plan", "strange-shape", "--json"])
        .succeeds();
    let plan: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!(plan["zones"][0]["steps"], json!([]), "{plan}");
    for (index, text) in texts(METADATA).iter().enumerate() {
        let found = zone.shell(&format!("/usr/sbin/mdata-get m{index}; printf x"));
        let found = found.strip_suffix('x').unwrap();
        // it ends what has no end of a line with one
        let found = match text.ends_with('\n') {
            true => found,
            false => found.strip_suffix('\n').unwrap(),
        };
        ledger.hold_one(METADATA, text, found.as_bytes());
    }
    let root = zone.access().uuid;
    for (index, text) in texts(MOUNTPOINT).iter().enumerate() {
        let name = format!("zones/{root}/data/d{index}");
        zone.shell(&format!("cd {} && echo {index} >here", quote(text)));
        let found = zone.shell(&format!(
            "/usr/sbin/zfs get -H -o value mountpoint {name} && /usr/sbin/zfs get -H -o value mounted {name}"
        ));
        let (found, mounted) = found.trim_end_matches('\n').rsplit_once('\n').unwrap();
        assert_eq!(mounted, "yes", "{text}");
        ledger.hold_one(MOUNTPOINT, text, found.as_bytes());
    }
    let (sources, targets) = (joined(SOURCE, "/", LONGEST), joined(TARGET, "/", LONGEST));
    for index in 0..sources.len().max(targets.len()) {
        let source = sources.get(index).unwrap_or(&sources[0]);
        let target = targets.get(index).unwrap_or(&targets[0]);
        folder_of_the_host(index, source, target, ledger);
    }
    let pwned = zone.shell(&format!("ls -d {}* 2>/dev/null; exit 0", canary()));
    assert_eq!(pwned, "");
}

/// A zone that sees a folder of the host.
fn folder_of_the_host(index: usize, source: &Joined, target: &Joined, ledger: &mut Ledger) {
    let alias = format!("strange-folder-{index}");
    let zone = Zone::new(&alias).unwrap();
    let on_host = |script: &str| {
        let shell = [
            "sandbox",
            "shell",
            "global",
            "--",
            "/usr/bin/bash",
            "-c",
            script,
        ];
        zone.run(&shell).succeeds().out
    };
    let folder = quote(&source.raw);
    on_host(&format!(
        "mkdir -p -- {folder} && printf %s {folder} >{folder}/here"
    ));
    let file = json!({
        "host": { "sandbox": true },
        "zone": { "alias": alias },
        "storage": { "kind": "lofs", "source": source.raw, "target": target.raw },
    });
    write(&zone, &file);
    zone.apply().succeeds();
    let found = zone.shell(&format!("cat -- {}/here", quote(&target.raw)));
    ledger.hold(SOURCE, source, &found);
    ledger.hold(TARGET, target, &target.raw);
    assert_eq!(
        on_host(&format!("ls -d {}* 2>/dev/null; exit 0", canary())),
        ""
    );
}

fn write(zone: &Zone, file: &serde_json::Value) {
    let path = format!("zones/{}", zone.alias);
    std::fs::remove_file(zone.site.join(format!("{path}.toml"))).unwrap();
    zone.write(&format!("{path}.json"), &file.to_string());
}
