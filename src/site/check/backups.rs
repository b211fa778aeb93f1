//! Where the backups of a zone's users lie, and whether there is room for what Time Machine is told.
//!
//! A Mac fills what it believes to be there. Where the dataset holds less, the backup ends in the midst of a write
//! with a full disk, instead of making room by itself.

use crate::problem::Problem;
use crate::recipe::afp_conf::{Volume, time_machine_volumes};
use crate::recipe::bundle::{Bundle, FileBytes};
use crate::recipe::format::quoted;
use crate::recipe::model::FileKind;
use crate::recipe::units::write_size;
use crate::site::load::LoadedZone;
use crate::site::model::{Dataset, StorageKind};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Complains about Time Machine volumes that a recipe makes in this zone. What a zone that exists already has is
/// not known here.
pub(super) fn check(loaded: &LoadedZone, bundle: &Bundle) -> Vec<Problem> {
    if loaded.zone.host.is_none() {
        return Vec::new();
    }
    let files = bundle.recipe.files.iter().zip(&bundle.files);
    let texts = files
        .filter(|(file, _)| file.kind == FileKind::AfpConf)
        .filter_map(|(_, file)| match &file.content {
            FileBytes::Known(bytes) => std::str::from_utf8(bytes).ok(),
            FileBytes::Staged(_) => None,
        });
    let volumes: Vec<Volume> = texts.flat_map(time_machine_volumes).collect();
    let users = loaded.zone.users.iter().enumerate();
    let of_users = users.flat_map(|(index, user)| {
        let each = volumes.iter().filter(|volume| volume.path.contains("$u"));
        each.filter_map(move |volume| {
            let path = volume.path.replace("$u", &user.name);
            match dataset_of(loaded, &path) {
                Some((number, dataset)) => check_limit(loaded, number, dataset, volume, &path),
                None => check_place(loaded, &format!("user[{index}].name"), &path),
            }
        })
    });
    let shared = volumes.iter().filter(|volume| !volume.path.contains('$'));
    let shared = shared.filter_map(|volume| {
        let (number, dataset) = dataset_of(loaded, &volume.path)?;
        check_limit(loaded, number, dataset, volume, &volume.path)
    });
    of_users.chain(shared).collect()
}

/// The dataset that a path of the zone is on.
fn dataset_of<'z>(loaded: &'z LoadedZone, path: &str) -> Option<(usize, &'z Dataset)> {
    let datasets = loaded.zone.datasets.iter().enumerate();
    let holding = datasets.filter(|(_, dataset)| is_below(path, &dataset.mountpoint));
    holding.max_by_key(|(_, dataset)| dataset.mountpoint.len())
}

fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_limit(
    loaded: &LoadedZone,
    number: usize,
    dataset: &Dataset,
    volume: &Volume,
    path: &str,
) -> Option<Problem> {
    let limit = volume.limit_mib?.saturating_mul(MIB);
    let sizes = [("refquota", dataset.refquota), ("quota", dataset.quota)];
    let sizes = sizes
        .into_iter()
        .filter_map(|(key, size)| Some((size?, key)));
    let (room, key) = sizes.min()?;
    if limit <= room {
        return None;
    }
    let message = format!(
        "Time Machine is told that {} holds {}, and its dataset ends at {}",
        quoted(path),
        write_size(limit),
        write_size(room)
    );
    let unit = if room < 20 * GIB { MIB } else { GIB };
    let fitting = write_size(room / 20 * 19 / unit * unit);
    let problem = Problem {
        help: Some(format!(
            "give the recipe a limit of {fitting} or less (95 %) among its `parameters`, or make this larger"
        )),
        ..loaded
            .document
            .problem_at(&format!("dataset[{number}].{key}"), message)
            .of("backup-limit")
    };
    Some(problem.warn())
}

fn check_place(loaded: &LoadedZone, key: &str, path: &str) -> Option<Problem> {
    let storage = loaded.zone.storage.as_ref();
    let lofs = storage.filter(|storage| storage.kind == StorageKind::Lofs);
    let is_lent = |target: &String| is_below(path, target);
    if lofs.is_some_and(|storage| storage.target.as_ref().is_some_and(is_lent)) {
        return None;
    }
    let problem = Problem {
        label: "lost with the zone's next image".to_owned(),
        help: Some(format!(
            "write `[storage]` with `kind = \"delegated\"` and a `[[dataset]]` with `mountpoint = {path:?}` and a \
             `refquota`"
        )),
        ..loaded
            .document
            .problem_at(
                key,
                format!(
                    "the backups in {} would lie in the zone's own root",
                    quoted(path)
                ),
            )
            .of("backup-place")
    };
    Some(problem.warn())
}
