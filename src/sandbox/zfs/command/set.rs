//! `zfs set` and `zfs inherit`.
//!
//! zfs-fuse sets one property of one dataset at a time, so a command that fails in the middle leaves
//! what it has done. What can be known to fail is looked for first.

use super::properties::{Nature, PROPERTIES, check, real_pairs, split_pairs};
use super::{Deed, Ground, Planned, misuse, options, refuse, words};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::asker::Owner;
use crate::sandbox::zfs::format;
use crate::sandbox::zfs::model::{Dataset, HIDDEN};
use crate::sandbox::zfs::names::is_user_property;

const SET_USAGE: &str = "set <property=value> ... <filesystem|volume|snapshot> ...";
const INHERIT_USAGE: &str = "inherit [-rS] <property> <filesystem|volume|snapshot> ...";

/// `zfs set p=v ... DATASET ...`
pub(super) fn set(ground: &Ground, given: &[String]) -> Planned {
    let given = options(given, "", "", SET_USAGE)?.operands;
    let split = given.iter().position(|word| !word.contains('='));
    let (pairs, names) = given.split_at(split.unwrap_or(given.len()));
    if pairs.is_empty() && names.is_empty() {
        return Err(misuse("missing arguments", SET_USAGE));
    }
    if pairs.is_empty() {
        let line = "missing property=value argument(s)";
        return Err(misuse(line, SET_USAGE));
    }
    if names.is_empty() {
        return Err(misuse("missing dataset name(s)", SET_USAGE));
    }
    let pairs = split_pairs(pairs)?;
    let mut deeds = Vec::new();
    for name in names {
        match set_one(ground, &pairs, name) {
            Ok(more) => deeds.extend(more),
            Err(answer) => deeds.push(Deed::Say(answer)),
        }
    }
    only_failures(deeds)
}

/// A plan that only says what is wrong is a refusal.
pub(super) fn only_failures(deeds: Vec<Deed>) -> Planned {
    let is_failure = |deed: &Deed| matches!(deed, Deed::Say(answer) if answer.code != 0);
    if deeds.is_empty() || !deeds.iter().all(is_failure) {
        return Ok(deeds);
    }
    let mut whole = Answer::default();
    for deed in deeds {
        if let Deed::Say(answer) = deed {
            whole.out += &answer.out;
            whole.err += &answer.err;
            whole.code = whole.code.max(answer.code);
        }
    }
    Err(whole)
}

fn set_one(ground: &Ground, pairs: &[(String, String)], name: &str) -> Planned {
    let dataset = ground.open(name)?;
    let action = format!("cannot set property for '{name}'");
    let mut deeds = Vec::new();
    for (property, value) in pairs {
        check(
            Some(dataset),
            dataset.is_snapshot(),
            property,
            value,
            &action,
        )?;
        ground.may_change(name, &action)?;
        if ground.view.is_reserved(dataset, property) {
            return Err(refuse(format!("{action}: permission denied")));
        }
        let is_zoned = dataset.get("zoned") == Some("on");
        if is_zoned && property == "mountpoint" && ground.view.asker.owner == Owner::Global {
            return Err(refuse(format!(
                "{action}: '{property}' cannot be set on dataset in a non-global zone"
            )));
        }
        if let Some(limit) = too_small(dataset, property, value) {
            return Err(refuse(format!("{action}: {limit}")));
        }
        deeds.extend(set_deeds(ground, dataset, property, value));
    }
    Ok(deeds)
}

/// Why a limit cannot be that low, or what is reserved not that high.
fn too_small(dataset: &Dataset, name: &str, value: &str) -> Option<&'static str> {
    let size = format::bytes(value).filter(|size| *size > 0)?;
    let is_below = match name {
        "quota" => size < dataset.number("used").max(dataset.number("reservation")),
        "refquota" => size < dataset.number("referenced"),
        _ => false,
    };
    if is_below {
        return Some("size is less than current used or reserved space");
    }
    let room = dataset.number("available") + dataset.number("used");
    let is_reservation = ["reservation", "refreservation"].contains(&name);
    (is_reservation && size > room).then_some("size is greater than available space")
}

/// The real words for one value.
fn set_deeds(ground: &Ground, dataset: &Dataset, property: &str, value: &str) -> Vec<Deed> {
    let name = &dataset.name;
    let set = |pair: String| Deed::Real(vec!["set".into(), pair, name.clone()]);
    match property {
        "zoned" => vec![
            unmount(ground, name),
            set(format!("{HIDDEN}zoned={value}")),
            mount(ground.view.datasets.tree(name)),
        ],
        "compression" => {
            let mut deeds: Vec<Deed> = real_pairs(property, value).into_iter().map(set).collect();
            if value != "lz4" && dataset.property(&format!("{HIDDEN}{property}")).is_some() {
                deeds.push(Deed::Real(words(&[
                    "inherit",
                    &format!("{HIDDEN}{property}"),
                    name,
                ])));
                // A parent's would show through.
                let above = crate::sandbox::zfs::names::parent(name)
                    .and_then(|parent| ground.view.datasets.find(parent));
                if above
                    .is_some_and(|above| above.property(&format!("{HIDDEN}{property}")).is_some())
                {
                    deeds.push(set(format!("{HIDDEN}{property}={value}")));
                }
            }
            deeds
        }
        "mountpoint" => {
            let change = set(format!("{HIDDEN}mountpoint={value}"));
            moved(ground, dataset, change, value)
        }
        "canmount" if value == "off" => vec![
            Deed::Unmount {
                names: vec![name.clone()],
                by_force: false,
            },
            set(format!("canmount={value}")),
        ],
        "canmount" if value == "on" => vec![
            set(format!("canmount={value}")),
            mount(std::iter::once(dataset)),
        ],
        // The file system reads it when it is mounted.
        "readonly" | "atime" | "exec" | "setuid" | "devices" | "xattr" => {
            vec![set(format!("{property}={value}"))]
        }
        _ => real_pairs(property, value).into_iter().map(set).collect(),
    }
}

fn unmount(ground: &Ground, name: &str) -> Deed {
    Deed::Unmount {
        names: ground.tree(name),
        by_force: false,
    }
}

fn mount<'a>(datasets: impl Iterator<Item = &'a Dataset>) -> Deed {
    Deed::Mount {
        names: datasets.map(|dataset| dataset.name.clone()).collect(),
        always: false,
    }
}

/// A change of `mountpoint`: what is mounted below moves along, and what could not be mounted before
/// is mounted now.
fn moved(ground: &Ground, dataset: &Dataset, change: Deed, value: &str) -> Vec<Deed> {
    let name = &dataset.name;
    let was_nowhere = ["none", "legacy"].contains(&dataset.get("mountpoint").unwrap_or_default());
    let mut deeds = vec![unmount(ground, name), change];
    deeds.push(Deed::Remount {
        from: name.clone(),
        to: name.clone(),
    });
    if was_nowhere && !["none", "legacy"].contains(&value) {
        deeds.push(mount(ground.view.datasets.tree(name)));
    }
    deeds
}

/// `zfs inherit [-rS] p DATASET ...`
pub(super) fn inherit(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "rS", "S", INHERIT_USAGE)?;
    let Some((property, names)) = options.operands.split_first() else {
        return Err(misuse("missing property argument", INHERIT_USAGE));
    };
    if names.is_empty() {
        return Err(misuse("missing dataset argument", INHERIT_USAGE));
    }
    if !is_user_property(property) {
        match PROPERTIES.iter().find(|(known, ..)| known == property) {
            None => {
                return Err(misuse(
                    &format!("invalid property '{property}'"),
                    INHERIT_USAGE,
                ));
            }
            Some((_, _, Nature::ReadOnly | Nature::Measured | Nature::Once)) => {
                return Err(refuse(format!("{property} property is read-only")));
            }
            Some((_, _, Nature::Limit | Nature::Count)) => return Err(no_inheritance(property)),
            Some(_) => {}
        }
    }
    let mut deeds = Vec::new();
    for name in names {
        let dataset = ground.open(name)?;
        let action = format!("cannot inherit {property} for '{name}'");
        ground.may_change(name, &action)?;
        if ground.view.is_reserved(dataset, property) {
            return Err(refuse(format!("{action}: permission denied")));
        }
        let targets = if options.has('r') {
            ground.tree(name)
        } else {
            vec![name.clone()]
        };
        for target in targets {
            deeds.extend(inherit_deeds(ground, property, &target));
        }
    }
    Ok(deeds)
}

// What a limit of the parent's means for a child is no limit of the child's own.
fn no_inheritance(property: &str) -> Answer {
    let mut answer = refuse(format!("'{property}' property cannot be inherited"));
    answer.complain(format!("use 'zfs set {property}=none' to clear"));
    answer.complain(format!(
        "use 'zfs inherit -S {property}' to revert to received value"
    ));
    answer
}

fn inherit_deeds(ground: &Ground, property: &str, name: &str) -> Vec<Deed> {
    let inherit = |property: &str| Deed::Real(words(&["inherit", property, name]));
    let hidden = format!("{HIDDEN}{property}");
    let dataset = ground.view.datasets.find(name);
    let was_nowhere = dataset.is_some_and(|dataset| {
        ["none", "legacy"].contains(&dataset.get("mountpoint").unwrap_or_default())
    });
    match property {
        "zoned" => vec![inherit(&hidden)],
        "compression" => vec![inherit("compression"), inherit(&hidden)],
        "mountpoint" => {
            let mut deeds = vec![unmount(ground, name), inherit(&hidden)];
            deeds.push(Deed::Remount {
                from: name.to_owned(),
                to: name.to_owned(),
            });
            if was_nowhere {
                deeds.push(mount(ground.view.datasets.tree(name)));
            }
            deeds
        }
        _ => vec![inherit(property)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::zfs::asker::tests::{POOL, global, zone};
    use crate::sandbox::zfs::command::tests::{real, refusal, try_plan};

    #[test]
    fn several_values_for_several_datasets_are_one_command_each() {
        let line = "set a:b=1 compression=gzip zones/u1/data zones/u1/data/mac";
        assert_eq!(
            real(&zone("u1"), POOL, line),
            [
                "set a:b=1 zones/u1/data",
                "set compression=gzip zones/u1/data",
                "set a:b=1 zones/u1/data/mac",
                "set compression=gzip zones/u1/data/mac"
            ]
        );
    }

    #[test]
    fn what_cannot_be_set_is_refused_in_libzfs_words() {
        for (pair, why) in [
            ("nosuch=1", "invalid property 'nosuch'"),
            ("used=1", "'used' is readonly"),
            ("guid=1", "'guid' is readonly"),
            ("quota=junk", "bad numeric value 'junk'"),
            (
                "quota=1",
                "size is less than current used or reserved space",
            ),
            ("atime=maybe", "'atime' must be one of 'on | off'"),
            (
                "mountpoint=x",
                "'mountpoint' must be an absolute path, 'none', or 'legacy'",
            ),
            (
                "recordsize=1000",
                "'recordsize' must be power of 2 from 512B to 128KB",
            ),
            ("utf8only=on", "'utf8only' is readonly"),
        ] {
            let text = "zones\nzones/x used=100";
            let said = format!("cannot set property for 'zones/x': {why}\n");
            let line = format!("set {pair} zones/x");
            assert_eq!(refusal(&global(), text, &line), (said, 1), "{pair}");
        }
        for line in [
            "set sync=disabled zones",
            "set volsize=1G zones",
            "set snapdir=visible zones",
        ] {
            assert_eq!(refusal(&global(), POOL, line).1, 99, "{line}");
        }
        for line in ["set", "set a:b=1", "set zones"] {
            assert_eq!(refusal(&global(), POOL, line).1, 2, "{line}");
        }
    }

    #[test]
    fn lz4_is_kept_beside_a_compression_that_is_there() {
        assert_eq!(
            real(&global(), POOL, "set compression=lz4 zones"),
            [
                "set compression=lzjb zones",
                "set zonewright.sandbox:compression=lz4 zones"
            ]
        );
        let text = "zones zonewright.sandbox:compression=lz4 compression=lzjb";
        assert_eq!(
            real(&global(), text, "set compression=off zones"),
            [
                "set compression=off zones",
                "inherit zonewright.sandbox:compression zones"
            ]
        );
    }

    #[test]
    fn a_new_mountpoint_moves_everything_below() {
        let line = "set mountpoint=/data zones/u1/data";
        let deeds = try_plan(&zone("u1"), POOL, line).unwrap();
        let below = vec!["zones/u1/data".to_owned(), "zones/u1/data/mac".to_owned()];
        let unmount = Deed::Unmount {
            names: below,
            by_force: false,
        };
        assert_eq!(deeds.first(), Some(&unmount));
        assert!(matches!(deeds.last(), Some(Deed::Remount { .. })));
    }

    #[test]
    fn the_mount_point_of_a_zones_dataset_is_set_in_the_zone() {
        assert_eq!(
            refusal(&global(), POOL, "set mountpoint=/x zones/u1/data").0,
            "cannot set property for 'zones/u1/data': 'mountpoint' cannot be set on dataset in a \
             non-global zone\n"
        );
    }

    #[test]
    fn limits_cannot_be_inherited() {
        let (text, code) = refusal(&global(), POOL, "inherit quota zones/backups");
        assert_eq!(
            text,
            "'quota' property cannot be inherited\nuse 'zfs set quota=none' to clear\n\
             use 'zfs inherit -S quota' to revert to received value\n"
        );
        assert_eq!(code, 1);
        assert_eq!(
            real(&global(), POOL, "inherit a:b zones/backups"),
            ["inherit a:b zones/backups"]
        );
    }
}
