//! Datasets of the zone: made where they are missing, their properties set where they differ, in the
//! zone itself.
//!
//! The zone's root may do all of this below what is delegated to it; the delegated dataset's own quota is the
//! host's.

use std::collections::BTreeMap;

use super::{Place, ZonePlan, scripts, storage_root};
use crate::facts::host::inside::{DatasetFact, Inside};
use crate::plan::accounts::renumbered;
use crate::plan::{Action, Change, Refusal};
use crate::recipe::units::write_quota;
use crate::script::Script;
use crate::site::model::Dataset;
use crate::site::shape::Shape;
use crate::size::show_size;

const ZFS: &str = "/usr/sbin/zfs";

/// `known` is nothing while the zone is not there.
pub(super) fn plan(
    shape: &Shape,
    uuid: &str,
    pool: &str,
    known: Option<&BTreeMap<String, DatasetFact>>,
    plan: &mut ZonePlan,
) {
    let Some(root) = storage_root(shape, uuid, pool) else {
        return;
    };
    let mut changes = Vec::new();
    let mut script = scripts::datasets();
    // parents come first
    let mut datasets: Vec<&Dataset> = shape.datasets.iter().collect();
    datasets.sort_by(|a, b| a.name.cmp(&b.name));
    for dataset in datasets {
        let name = format!("{root}/{}", dataset.name);
        let owner = dataset.owner.as_deref().map(|owner| match owner {
            "root" => 0,
            owner => shape.uids.get(owner).copied().unwrap_or(0),
        });
        script = match known.and_then(|known| known.get(&name)) {
            None => {
                changes.push(Change {
                    diff: Some(text(dataset)),
                    ..Change::new(
                        Action::Create,
                        format!("dataset {}", dataset.name),
                        "not there",
                    )
                });
                make(script, dataset, &name, owner)
            }
            Some(fact) => mend(script, dataset, &name, owner, fact, &mut changes),
        };
    }
    if !changes.is_empty() {
        plan.push("zone/datasets", changes, Place::Zone, script, None);
    }
}

/// What stands in the way of datasets: an account with another uid would lose its own, and two that are mounted at
/// one folder hide each other.
pub(super) fn obstacles(shape: &Shape, uuid: &str, pool: &str, inside: &Inside) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (name, wanted) in &shape.uids {
        let actual = inside.accounts.get(name).filter(|uid| *uid != wanted);
        refusals.extend(actual.map(|uid| renumbered(name, *uid, "the zone file", *wanted)));
    }
    let Some(root) = storage_root(shape, uuid, pool) else {
        return refusals;
    };
    let wanted = |name: &str| {
        let mut datasets = shape.datasets.iter();
        datasets.find(|dataset| format!("{root}/{}", dataset.name) == name)
    };
    for dataset in &shape.datasets {
        let there = inside
            .datasets
            .iter()
            .find(|(name, fact)| fact.mountpoint == dataset.mountpoint && wanted(name).is_none());
        if let Some((name, fact)) = there {
            let (mountpoint, own) = (&dataset.mountpoint, &dataset.name);
            refusals.push(Refusal {
                message: format!(
                    "{mountpoint} is where {name} is mounted, with {} in it; the dataset {own} cannot be there too",
                    show_size(fact.used)
                ),
                help: format!(
                    "in the zone, `zfs rename {name} {root}/{own}` makes it the one of the file; or give one of them \
                     another mountpoint"
                ),
                diff: None,
            });
        }
    }
    refusals
}

/// The properties that a file says, as `zfs` spells them.
fn properties(dataset: &Dataset) -> Vec<(&'static str, String)> {
    let mut all = vec![("mountpoint", dataset.mountpoint.clone())];
    let sizes = [
        ("quota", dataset.quota),
        ("refquota", dataset.refquota),
        ("recordsize", dataset.recordsize),
    ];
    for (name, size) in sizes {
        all.extend(size.map(|size| (name, size.to_string())));
    }
    all.extend(dataset.compression.clone().map(|how| ("compression", how)));
    let on = |truth: bool| if truth { "on" } else { "off" }.to_owned();
    all.extend(dataset.atime.map(|atime| ("atime", on(atime))));
    all
}

fn text(dataset: &Dataset) -> String {
    let mut out = String::new();
    for (name, value) in properties(dataset) {
        out.push_str(&format!("+ {name} {}\n", shown(name, &value)));
    }
    if let Some(owner) = &dataset.owner {
        out.push_str(&format!("+ owner {owner}\n"));
    }
    out
}

/// A property's value for people.
fn shown(name: &str, value: &str) -> String {
    let is_size = ["quota", "refquota", "recordsize"].contains(&name);
    let number = value.parse().ok().filter(|_| is_size);
    number.map_or_else(|| value.to_owned(), write_quota)
}

fn make(script: Script, dataset: &Dataset, name: &str, owner: Option<u32>) -> Script {
    let mut words = vec![
        "run".to_owned(),
        ZFS.to_owned(),
        "create".to_owned(),
        "-p".to_owned(),
    ];
    for (property, value) in properties(dataset) {
        words.push("-o".to_owned());
        words.push(format!("{property}={value}"));
    }
    words.push(name.to_owned());
    let script = script.command(words);
    own(script, dataset, owner)
}

fn own(script: Script, dataset: &Dataset, owner: Option<u32>) -> Script {
    match owner {
        Some(uid) => script.command([
            "run",
            "/usr/bin/chown",
            &uid.to_string(),
            &dataset.mountpoint,
        ]),
        None => script,
    }
}

/// Sets what differs, one property at a time.
fn mend(
    mut script: Script,
    dataset: &Dataset,
    name: &str,
    owner: Option<u32>,
    fact: &DatasetFact,
    changes: &mut Vec<Change>,
) -> Script {
    for (property, wanted) in properties(dataset) {
        let actual = match property {
            "mountpoint" => fact.mountpoint.clone(),
            "quota" => fact.quota.to_string(),
            "refquota" => fact.refquota.to_string(),
            "recordsize" => fact.recordsize.to_string(),
            "compression" => fact.compression.clone(),
            _ => if fact.atime { "on" } else { "off" }.to_owned(),
        };
        // ZFS has one number for both
        let plain = |value: &str| value.replace("gzip-6", "gzip");
        if plain(&actual) == plain(&wanted) {
            continue;
        }
        let what = format!(
            "dataset {}: {property} {}",
            dataset.name,
            shown(property, &wanted)
        );
        let why = format!("is {}", shown(property, &actual));
        changes.push(Change::new(Action::Change, what, why));
        script = script.command(["run", ZFS, "set", &format!("{property}={wanted}"), name]);
    }
    if !fact.mounted {
        let what = format!("mount dataset {}", dataset.name);
        changes.push(Change::new(Action::Change, what, "is not mounted"));
        script = script.command(["see_mounted", name]);
    }
    if let (Some(wanted), Some(actual)) = (owner, fact.owner)
        && wanted != actual
    {
        let who = dataset.owner.as_deref().unwrap_or_default();
        let what = format!("dataset {}: owner {who}", dataset.name);
        changes.push(Change::new(
            Action::Change,
            what,
            format!("is the uid {actual}"),
        ));
        script = own(script, dataset, owner);
    }
    script
}
