//! Storage and datasets: whether they fit into each other and into the zone.
//!
//! A zone's quota is ZFS's `quota`: it counts snapshots, which `refquota` does not. A Time Machine
//! volume that fills its `refquota` therefore needs more of the zone's than that.

use crate::problem::Problem;
use crate::recipe::format::quoted;
use crate::recipe::names::is_uuid;
use crate::recipe::tree::Document;
use crate::site::model::{Dataset, HostSpec, StorageKind, ZoneFile};

const GIB: u64 = 1 << 30;

/// What `vmadm` gives a zone that says nothing.
const DEFAULT_QUOTA: u64 = 10 * GIB;

/// What the zone's own root takes: the image's packages, a build, logs.
const ROOT: u64 = 4 * GIB;

/// Folders that belong to the system.
const TAKEN: &[&str] = &[
    "/dev",
    "/etc",
    "/lib",
    "/native",
    "/opt/local",
    "/proc",
    "/root",
    "/sbin",
    "/system",
    "/tmp",
    "/usr",
    "/var/db",
    "/var/run",
    "/var/svc",
];

pub(super) fn check(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !document.root.has("host") {
        return problems;
    }
    problems.extend(check_kind(zone, document));
    problems.extend(check_home(zone, document));
    for (index, dataset) in zone.datasets.iter().enumerate() {
        let at = |key: &str| format!("dataset[{index}].{key}");
        problems.extend(check_dataset(zone, dataset, document, &at));
    }
    problems.extend(check_quota(zone, document));
    problems
}

fn check_kind(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let Some(storage) = &zone.storage else {
        return Vec::new();
    };
    let lacks = |key: &str, what: &str| Problem {
        help: Some(format!("write `{key} = \"…\"`, {what}")),
        ..document
            .problem_at("storage", format!("`[storage]` lacks `{key}`"))
            .of("missing-key")
    };
    let other = |key: &str, kind: &str| {
        let path = format!("storage.{key}");
        Problem {
            help: Some(format!("leave it out, or write `kind = \"{kind}\"`")),
            fix: document.removal(&path),
            ..document
                .problem_at(&path, format!("`{key}` belongs to `{kind}` storage"))
                .of("zone-storage")
        }
    };
    let mut problems = Vec::new();
    match (storage.kind, &storage.source, &storage.dataset) {
        (StorageKind::Lofs, None, _) => problems.push(lacks("source", "the folder of the host")),
        (StorageKind::Existing, _, None) => {
            problems.push(lacks("dataset", "as the host calls it: `zones/MacBackup`"));
        }
        _ => {}
    }
    if storage.kind != StorageKind::Lofs && storage.source.is_some() {
        problems.push(other("source", "lofs"));
    }
    if storage.kind != StorageKind::Existing && storage.dataset.is_some() {
        problems.push(other("dataset", "existing"));
    }
    if storage.kind == StorageKind::Lofs {
        let (source, target) = (storage.source.as_ref(), storage.target.as_ref());
        problems.extend(source.and_then(|source| check_source(source, document)));
        problems.extend(target.and_then(|target| check_place(target, "storage.target", document)));
    }
    problems
}

/// `vmadm` deletes no zone whose folders another one uses, and what lies in a zone dies with it.
fn check_source(source: &str, document: &Document) -> Option<Problem> {
    let below = source.strip_prefix("/zones/")?;
    if !is_uuid(below.split('/').next().unwrap_or_default()) {
        return None;
    }
    Some(Problem {
        label: "it dies with that zone, which cannot be deleted before".to_string(),
        help: Some("choose a folder that no zone owns, for example `/zones/backups`".to_string()),
        ..document
            .problem_at(
                "storage.source",
                format!("{} is a zone's own", quoted(source)),
            )
            .of("zone-storage")
    })
}

/// Datasets need a dataset of the zone's above them.
fn check_home(zone: &ZoneFile, document: &Document) -> Option<Problem> {
    if zone.datasets.is_empty() {
        return None;
    }
    let (message, help) = match zone.storage.as_ref().map(|storage| storage.kind) {
        None => (
            "there is no `[storage]` for the zone's datasets",
            "write `[storage]` with `kind = \"delegated\"`",
        ),
        Some(StorageKind::Lofs) => (
            "a zone with `lofs` storage cannot have datasets",
            "write `kind = \"delegated\"`, or leave the datasets out",
        ),
        Some(_) => return None,
    };
    Some(Problem {
        help: Some(help.to_string()),
        ..document.problem_at("dataset", message).of("zone-storage")
    })
}

fn check_place(path: &str, key: &str, document: &Document) -> Option<Problem> {
    // every path begins with what `/` is without its slash
    let folder = path.trim_end_matches('/');
    let is_below = |below: &str, above: &str| below.starts_with(&format!("{above}/"));
    let covers = |taken: &&&str| folder == **taken || is_below(taken, folder);
    let label = match TAKEN.iter().find(covers) {
        Some(taken) if folder != *taken => {
            format!(
                "it would cover {}, which belongs to the system",
                quoted(taken)
            )
        }
        _ => {
            let is_within = |taken: &&&str| folder == **taken || is_below(folder, taken);
            let taken = TAKEN.iter().find(is_within)?;
            format!("{} belongs to the system", quoted(taken))
        }
    };
    Some(Problem {
        label,
        help: Some("choose a folder of its own, for example `/backups/matt`".to_string()),
        ..document
            .problem_at(key, format!("nothing can be mounted on {}", quoted(path)))
            .of("zone-storage")
    })
}

fn check_dataset(
    zone: &ZoneFile,
    dataset: &Dataset,
    document: &Document,
    at: &dyn Fn(&str) -> String,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(check_place(
        &dataset.mountpoint,
        &at("mountpoint"),
        document,
    ));
    if let Some(size) = dataset.recordsize
        && !(size.is_power_of_two() && (512..=1 << 20).contains(&size))
    {
        problems.push(Problem {
            help: Some(
                "write a power of two from `512 B` to `1 MiB`, for example `128 KiB`".into(),
            ),
            ..document
                .problem_at(&at("recordsize"), "no block can be of this size")
                .of("zone-storage")
        });
    }
    if let (Some(quota), Some(refquota)) = (dataset.quota, dataset.refquota)
        && refquota > quota
    {
        problems.push(Problem {
            label: "more than its `quota`, which counts the snapshots too".to_string(),
            help: Some("make `quota` larger than `refquota`, or leave it out".to_string()),
            ..document
                .problem_at(&at("refquota"), "this dataset can never hold so much")
                .of("zone-storage")
        });
    }
    for (key, size) in [("quota", dataset.quota), ("refquota", dataset.refquota)] {
        if size == Some(0) {
            problems.push(Problem {
                help: Some("leave it out where there is no limit".to_string()),
                fix: document.removal(&at(key)),
                ..document
                    .problem_at(&at(key), format!("a `{key}` of nothing"))
                    .of("zone-storage")
            });
        }
    }
    if let Some(owner) = &dataset.owner
        && owner != "root"
        && !zone.users.iter().any(|user| user.name == *owner)
    {
        problems.push(Problem {
            help: Some(
                "write a `[[user]]` of this name with a `uid`, or `owner = \"root\"`".to_string(),
            ),
            ..document
                .problem_at(
                    &at("owner"),
                    format!("there is no user {} in this file", quoted(owner)),
                )
                .of("zone-storage")
        });
    }
    problems
}

/// Whether what the datasets may hold, and their snapshots, fits into the zone.
fn check_quota(zone: &ZoneFile, document: &Document) -> Option<Problem> {
    let is_storage = zone
        .storage
        .as_ref()
        .is_some_and(|storage| storage.kind == StorageKind::Delegated);
    let (quota, key) = match zone.zone.quota {
        Some(0) => return None,
        // what does not parse has been told
        None if document.has("zone.quota") => return None,
        Some(quota) => (quota, "zone.quota"),
        None => (DEFAULT_QUOTA, "zone"),
    };
    let promised = promised(&zone.datasets);
    let needed = promised.saturating_add(ROOT);
    let shown = |bytes: u64| format!("{} GiB", bytes.div_ceil(GIB));
    let help = format!(
        "write `quota = \"{}\"` or more: a quarter more than they hold is for their snapshots, {} for the \
         zone itself",
        shown(with_snapshots(promised).saturating_add(ROOT)),
        shown(ROOT),
    );
    if promised > 0 && quota < needed {
        let label = match key {
            "zone" => "no `quota` means 10 GiB".to_string(),
            _ => format!(
                "they hold {}, the zone itself needs {}",
                shown(promised),
                shown(ROOT)
            ),
        };
        return Some(Problem {
            label,
            help: Some(help),
            ..document
                .problem_at(key, "the zone's datasets do not fit into its quota")
                .of("zone-storage")
        });
    }
    if promised > 0 && quota < with_snapshots(promised).saturating_add(ROOT) {
        let problem = Problem {
            label: format!("they hold {} without their snapshots", shown(promised)),
            help: Some(help),
            ..document
                .problem_at(key, "the zone's quota leaves little room for snapshots")
                .of("zone-quota")
        };
        return Some(problem.warn());
    }
    let is_of_host = matches!(zone.host, Some(HostSpec::Ssh(_))) || is_storage;
    (key == "zone" && is_of_host).then(|| {
        Problem {
            help: Some(
                "write `quota = \"…\"`: it counts the zone, its datasets and their snapshots"
                    .into(),
            ),
            ..document
                .problem_at(key, "the zone gets the host's default quota of 10 GiB")
                .of("zone-quota")
        }
        .warn()
    })
}

fn with_snapshots(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 4)
}

/// What the datasets may hold together. What lies below one with a `quota` is within that.
fn promised(datasets: &[Dataset]) -> u64 {
    let is_within = |dataset: &Dataset| {
        datasets.iter().any(|other| {
            other.quota.is_some() && dataset.name.starts_with(&format!("{}/", other.name))
        })
    };
    let each = datasets.iter().filter(|dataset| !is_within(dataset));
    each.filter_map(|dataset| dataset.quota.or(dataset.refquota))
        .fold(0, u64::saturating_add)
}
