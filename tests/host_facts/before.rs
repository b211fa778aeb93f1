//! Facts that show in a look at the host: what would fail is refused, and nothing there is changed.

use super::host::{self, OF_THERE, STATE, arm, shell};
use super::site::{Edit, lacking};
use super::{Fate, Row};
use crate::hostile::row::end;

/// A zone file that is held against a host.
#[derive(Debug)]
pub struct Looked {
    /// What is done on the host before, and undone afterwards.
    host: [&'static str; 2],
    faults: &'static [&'static str],
    edits: &'static [&'static [Edit]],
    words: &'static [&'static str],
    status: i32,
    /// What is said: what is in the way and what to do about it, or what would be done.
    says: &'static [&'static str],
}

const CREATE: &[&str] = &["zone", "create", "wanted"];
const PLAN: &[&str] = &["zone", "plan", "wanted"];
const DESTROY: &[&str] = &["zone", "destroy", "wanted", "--yes"];

/// A run that is refused.
fn refused(
    fact: &'static str,
    edits: &'static [&'static [Edit]],
    says: &'static [&'static str],
) -> Row {
    looked(fact, edits, CREATE, 1, says)
}

/// What is no obstacle.
fn planned(
    fact: &'static str,
    edits: &'static [&'static [Edit]],
    says: &'static [&'static str],
) -> Row {
    looked(fact, edits, PLAN, 0, says)
}

fn looked(
    fact: &'static str,
    edits: &'static [&'static [Edit]],
    words: &'static [&'static str],
    status: i32,
    says: &'static [&'static str],
) -> Row {
    let looked = Looked {
        host: ["true", "true"],
        faults: &[],
        edits,
        words,
        status,
        says,
    };
    Row {
        fact,
        fate: Fate::Looked(looked),
    }
}

/// On a host to which this was done, until that is.
fn on(done: &'static str, undone: &'static str, mut row: Row) -> Row {
    if let Fate::Looked(looked) = &mut row.fate {
        looked.host = [done, undone];
    }
    row
}

/// On a host whose commands answer so.
fn answered(faults: &'static [&'static str], mut row: Row) -> Row {
    if let Fate::Looked(looked) = &mut row.fate {
        looked.faults = faults;
    }
    row
}

const NO_STORAGE: Edit = ("[storage]\nkind = \"delegated\"\n", "");
const OTHER_IMAGE: Edit = ("24.4.1", "23.4.0");

pub fn rows() -> Vec<Row> {
    [of_zones(), of_images(), of_existing_zones()]
        .into_iter()
        .flatten()
        .collect()
}

/// Zones that are not there yet, and what of the host is in their way.
#[rustfmt::skip]
fn of_zones() -> Vec<Row> {
    vec![
        planned("1.2/get-of-nobody",
            &[&[("alias =", "uuid = \"4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e\"\nalias =")]],
            &["+ zone wanted not on smartos", "Plan: 2 to create, 0 to change, 0 to destroy."]),
        planned("1.2/uuid-is-taken",
            &[&[("alias =", "uuid = \"59cbcfdf-0000-4000-8000-000000000002\"\nalias ="), NO_STORAGE]],
            &["~ zone wanted: alias wanted is media"]),
        refused("1.2/tag-is-not-there",
            &[&[("\"admin\"", "\"backups\"")]],
            &["the host has no NIC tag backups", "it has admin, external; `nictagadm add` makes another"]),
        refused("1.2/address-of-another",
            &[&[("192.0.2.10/24", "192.0.2.30/24")]],
            &["the address 192.0.2.30/24 is that of zone there", "give the zone another one; `zonewright zone list` shows who has which"]),
        refused("8.4/address-of-a-stopped-one",
            &[&[("192.0.2.10/24", "192.0.2.20/24")]],
            &["the address 192.0.2.20/24 is that of zone media", "a stopped zone has its own too"]),
        refused("1.2/mac-of-another",
            &[&[("gateway =", "mac = \"B2:1E:BA:A5:6E:20\"\ngateway =")]],
            &["the mac B2:1E:BA:A5:6E:20 is that of zone media", "leave `mac` out, and the host makes one up"]),
        planned("1.2/address-of-a-failed-one",
            &[&[("192.0.2.10/24", "192.0.2.40/24")]],
            &["+ zone wanted not on smartos"]),
        on("for n in 1 2; do echo '{\"brand\": \"joyent\", \"image_uuid\": \"2f1dc911-6401-4fa4-8e9d-67ea2e39c271\", \
            \"alias\": \"twin\", \"autoboot\": false}' | vmadm create; done",
           "for uuid in $(vmadm lookup alias=twin); do vmadm delete $uuid; done",
           refused("1.2/alias-twice",
            &[&[("alias = \"wanted\"", "alias = \"twin\"")]],
            &["the host has 2 zones twin: ", "write the `uuid` of the one that is meant below `[zone]`"])),
        planned("8.3/memory-by-default",
            &[&[("memory = \"1 GiB\"\n", "")]],
            &["+ max_physical_memory 1 GiB", "+ max_swap 2 GiB"]),
        refused("8.10/folder-is-missing",
            &[&[("\"delegated\"", "\"lofs\"\nsource = \"/opt/nowhere\"\ntarget = \"/lent\"")]],
            &["the host has no folder /opt/nowhere", "`zfs create -o mountpoint=/opt/nowhere zones/NAME`"]),
    ]
}

/// What `imgadm list -j` says where there is this image alone.
const OF_LINUX: &str = r#"imgadm#1=print([{"manifest": {"uuid": "63d6e664-3f1f-11e8-aef6-a3120cf8dd9d", "name": "debian-9", "version": "20180404", "type": "lx-dataset"}, "zpool": "zones"}])"#;
const OF_TOMORROW: &str = r#"imgadm#1=print([{"manifest": {"uuid": "63d6e664-3f1f-11e8-aef6-a3120cf8dd9d", "name": "base-64-lts", "version": "29.4.0", "type": "zone-dataset", "requirements": {"min_platform": {"7.0": "20290101T000000Z"}}}, "zpool": "zones"}])"#;
/// The first probe asks for what is installed, the second for what there is as well, and once more why not.
const SILENT: [&str; 2] = [
    "imgadm#5=fail(1,imgadm avail: error (ClientError): https://images.smartos.org: connect ECONNREFUSED)",
    "imgadm#6=fail(1,imgadm avail: error (ClientError): https://images.smartos.org: connect ECONNREFUSED)",
];

#[rustfmt::skip]
fn of_images() -> Vec<Row> {
    vec![
        refused("1.2/image-is-not-there",
            &[&[("24.4.1", "24.9.9")]],
            &["no image source of the host has base-64-lts@24.9.9", "`imgadm avail` on the host lists what there is"]),
        answered(&[OF_LINUX], refused("1.2/image-of-another-kind",
            &[&[("base-64-lts@24.4.1", "debian-9@20180404")]],
            &["a joyent zone cannot be made from debian-9@20180404, which is a lx-dataset", "choose an image of the kind `zone-dataset`"])),
        refused("3.1/active-image-not-found",
            &[&[("base-64-lts@24.4.1", "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e")]],
            &["no image source of the host has 4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e", "`imgadm avail` on the host lists what there is"]),
        on("imgadm sources -d https://images.smartos.org", "imgadm sources -a https://images.smartos.org",
           refused("3.1/no-sources",
            &[&[OTHER_IMAGE]],
            &["the host has neither the image base-64-lts@23.4.0 nor a source of images", "`imgadm sources -a https://images.smartos.org` on the host adds the usual one"])),
        answered(&[OF_TOMORROW], refused("3.1/min-platform",
            &[&[("24.4.1", "29.4.0")]],
            &["base-64-lts@29.4.0 needs a platform of 20290101T000000Z or later, the host has 20241212T000720Z", "upgrade the host (`piadm install latest`), or choose an older image"])),
        answered(&SILENT, refused("3.1/source-is-silent",
            &[&[OTHER_IMAGE]],
            &["the host cannot ask for the image base-64-lts@23.4.0: imgadm avail: error (ClientError): https://images.smartos.org: connect ECONNREFUSED", "look at `imgadm sources` and at the way out of the host"])),
    ]
}

const HELD: &str = "vmadm update 59cbcfdf-0000-4000-8000-000000000001 indestructible_zoneroot=true";
const FREE: &str =
    "vmadm update 59cbcfdf-0000-4000-8000-000000000001 indestructible_zoneroot=false";

/// Zones that are there.
#[rustfmt::skip]
fn of_existing_zones() -> Vec<Row> {
    vec![
        on("zfs set reservation=3G zones/59cbcfdf-0000-4000-8000-000000000001/data",
           "zfs set reservation=none zones/59cbcfdf-0000-4000-8000-000000000001/data",
           refused("1.2/quota-below-used",
            &[&OF_THERE, &[("20 GiB", "2 GiB")]],
            &["zone there cannot have a quota of 2 GiB: it takes 4 GiB already", "write `quota = \"4 GiB\"` or more; or make room first",
              "`zfs list -r -t all -o name,used zones/59cbcfdf-0000-4000-8000-000000000001`"])),
        on(HELD, FREE, looked("1.2/root-is-held", &[&OF_THERE], DESTROY, 1,
            &["the zone is held by `indestructible_zoneroot`", "`vmadm update 59cbcfdf-0000-4000-8000-000000000001 indestructible_zoneroot=false`"])),
        on("vmadm update 59cbcfdf-0000-4000-8000-000000000001 indestructible_delegated=true",
           "vmadm update 59cbcfdf-0000-4000-8000-000000000001 indestructible_delegated=false",
           looked("1.2/data-is-held", &[&OF_THERE], DESTROY, 1,
            &["the zone is held by `indestructible_delegated`", "`vmadm update 59cbcfdf-0000-4000-8000-000000000001 indestructible_delegated=false`"])),
        on(HELD, FREE, looked("5.3/reprovision-is-refused", &[&OF_THERE, &[OTHER_IMAGE]], &["zone", "reprovision", "wanted", "--yes"], 1,
            &["zone there is held by `indestructible_zoneroot`", "`vmadm update 59cbcfdf-0000-4000-8000-000000000001 indestructible_zoneroot=false`"])),
        on("zfs snapshot zones/59cbcfdf-0000-4000-8000-000000000001/data@kept; zfs hold mine zones/59cbcfdf-0000-4000-8000-000000000001/data@kept",
           "zfs release mine zones/59cbcfdf-0000-4000-8000-000000000001/data@kept; zfs destroy zones/59cbcfdf-0000-4000-8000-000000000001/data@kept",
           looked("8.17/dataset-is-busy", &[&OF_THERE], DESTROY, 1,
            &["the snapshot zones/59cbcfdf-0000-4000-8000-000000000001/data@kept is held, so the zone cannot be destroyed",
              "`zfs holds zones/59cbcfdf-0000-4000-8000-000000000001/data@kept` says by which tag"])),
        planned("8.10/cards-need-a-reboot",
            &[&[("alias = \"wanted\"", "alias = \"there\""), ("192.0.2.10/24", "192.0.2.31/24")]],
            &["nic admin 192.0.2.31/24 by 192.0.2.1", "needs a reboot of the zone (`--reboot`)"]),
        on("rmdir /opt/lent", "mkdir /opt/lent",
           refused("8.10/folder-went-away",
            &[&[("alias = \"wanted\"", "alias = \"lent\""), ("192.0.2.10/24", "192.0.2.50/24"),
                ("\"delegated\"", "\"lofs\"\nsource = \"/opt/lent\"\ntarget = \"/lent\"")]],
            &["the host has no folder /opt/lent", "`zfs create -o mountpoint=/opt/lent zones/NAME`"])),
        refused("5.1/dataset-comes-never-later",
            &[&[("alias = \"wanted\"", "alias = \"media\""), ("192.0.2.10/24", "192.0.2.20/24")]],
            &["zone media was made without a delegated dataset, and gets none later", "make a new zone under another alias; or leave `[storage]` out"]),
    ]
}

/// An answer of a script between two looks at the host.
fn step(zone: &crate::sandbox::harness::Zone, script: &str) -> [String; 2] {
    let told = shell(
        zone,
        &format!("{{ {STATE}; }} 2>&1; echo '== done'; {{ {script}\n}} >/dev/null 2>&1; {STATE}"),
    );
    let (before, after) = told.split_once("== done\n").unwrap();
    [before.to_owned(), after.to_owned()]
}

#[test]
fn what_a_look_at_the_host_shows_is_refused_with_nothing_changed() {
    let Some(zone) = host::empty() else { return };
    let mut wrong = Vec::new();
    // a host on which nothing was ever installed is one to begin with
    let first = host::run(&zone, "3.1/empty-list", &[], PLAN);
    if first.status != 0 || !first.out.contains("+ image base-64-lts@24.4.1") {
        wrong.push(first.to_string());
    }
    let [_, mut state] = step(&zone, &host::inhabit());
    assert!(
        state.contains("failed") && state.contains("running"),
        "{state}"
    );
    let rows = rows();
    for row in &rows {
        let Fate::Looked(looked) = &row.fate else {
            continue;
        };
        let fact = row.fact;
        let [left, before] = step(&zone, looked.host[0]);
        assert_eq!(left, state, "before {fact}");
        if !looked.faults.is_empty() {
            arm(&zone, looked.faults);
        }
        let ran = host::run(&zone, fact, looked.edits, looked.words);
        let report = format!("{}\n{}", ran.out, ran.err);
        wrong.extend(
            lacking(&report, looked.says)
                .iter()
                .map(|part| format!("{fact} does not say `{part}`:\n{report}")),
        );
        if ran.status != looked.status {
            wrong.push(format!(
                "{fact} ended with {}, not {}:\n{report}",
                ran.status, looked.status
            ));
        }
        if !looked.faults.is_empty() {
            zone.run(&["sandbox", "up", "global", "--no-faults"])
                .succeeds();
        }
        let [after, undone] = step(&zone, looked.host[1]);
        if after != before {
            wrong.push(format!(
                "{fact} changed the host:\n{}",
                crate::sandbox::harness::differences(&before, &after)
            ));
        }
        state = undone;
    }
    let count = rows
        .iter()
        .filter(|row| matches!(row.fate, Fate::Looked(_)));
    end("after a look", count.count(), &wrong);
}
