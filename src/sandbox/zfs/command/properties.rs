//! `zfs set` and `zfs inherit`, and which properties there are.
//!
//! A property that zfs-fuse cannot take is refused as not emulated, but for `compression=lz4`: it is
//! what every SmartOS host uses, so it is kept beside a compression that zfs-fuse has.

use super::{Deed, Ground, Planned, absent, misuse, options, refuse, words};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::asker::Owner;
use crate::sandbox::zfs::format;
use crate::sandbox::zfs::model::{Dataset, HIDDEN, NOTHING};
use crate::sandbox::zfs::names::is_user_property;

const SET_USAGE: &str = "set <property=value> ... <filesystem|volume|snapshot> ...";
const INHERIT_USAGE: &str = "inherit [-rS] <property> <filesystem|volume|snapshot> ...";

/// How a property behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// Told by the system.
    ReadOnly,
    /// A number of bytes, read-only.
    Measured,
    /// A number that can be set.
    Settable,
    /// A limit in bytes, or none.
    Limit,
    /// Set when the dataset is made, or never.
    Once,
}

/// The properties of illumos that the sandbox has: name, heading of a column, and nature.
pub(super) const PROPERTIES: &[(&str, &str, Nature)] = &[
    ("aclinherit", "ACLINHERIT", Nature::Settable),
    ("aclmode", "ACLMODE", Nature::Settable),
    ("atime", "ATIME", Nature::Settable),
    ("available", "AVAIL", Nature::Measured),
    ("canmount", "CANMOUNT", Nature::Settable),
    ("casesensitivity", "CASE", Nature::Once),
    ("checksum", "CHECKSUM", Nature::Settable),
    ("clones", "CLONES", Nature::ReadOnly),
    ("compression", "COMPRESS", Nature::Settable),
    ("compressratio", "RATIO", Nature::ReadOnly),
    ("copies", "COPIES", Nature::Settable),
    ("createtxg", "CREATETXG", Nature::ReadOnly),
    ("creation", "CREATION", Nature::ReadOnly),
    ("dedup", "DEDUP", Nature::Settable),
    ("defer_destroy", "DEFER_DESTROY", Nature::ReadOnly),
    ("devices", "DEVICES", Nature::Settable),
    ("encryption", "ENCRYPTION", Nature::Once),
    ("exec", "EXEC", Nature::Settable),
    ("filesystem_limit", "FSLIMIT", Nature::Settable),
    ("guid", "GUID", Nature::ReadOnly),
    ("logbias", "LOGBIAS", Nature::Settable),
    ("mlslabel", "MLSLABEL", Nature::Settable),
    ("mounted", "MOUNTED", Nature::ReadOnly),
    ("mountpoint", "MOUNTPOINT", Nature::Settable),
    ("nbmand", "NBMAND", Nature::Settable),
    ("normalization", "NORMALIZATION", Nature::Once),
    ("origin", "ORIGIN", Nature::ReadOnly),
    ("primarycache", "PRIMARYCACHE", Nature::Settable),
    ("quota", "QUOTA", Nature::Limit),
    ("readonly", "RDONLY", Nature::Settable),
    ("receive_resume_token", "RESUMETOK", Nature::ReadOnly),
    ("recordsize", "RECSIZE", Nature::Settable),
    ("redundant_metadata", "REDUND_MD", Nature::Settable),
    ("referenced", "REFER", Nature::Measured),
    ("refquota", "REFQUOTA", Nature::Limit),
    ("refreservation", "REFRESERV", Nature::Limit),
    ("reservation", "RESERV", Nature::Limit),
    ("secondarycache", "SECONDARYCACHE", Nature::Settable),
    ("setuid", "SETUID", Nature::Settable),
    ("sharenfs", "SHARENFS", Nature::Settable),
    ("sharesmb", "SHARESMB", Nature::Settable),
    ("snapdir", "SNAPDIR", Nature::Settable),
    ("snapshot_limit", "SSLIMIT", Nature::Settable),
    ("sync", "SYNC", Nature::Settable),
    ("type", "TYPE", Nature::ReadOnly),
    ("used", "USED", Nature::Measured),
    ("usedbychildren", "USEDCHILD", Nature::Measured),
    ("usedbydataset", "USEDDS", Nature::Measured),
    ("usedbyrefreservation", "USEDREFRESERV", Nature::Measured),
    ("usedbysnapshots", "USEDSNAP", Nature::Measured),
    ("userrefs", "USERREFS", Nature::ReadOnly),
    ("utf8only", "UTF8ONLY", Nature::Once),
    ("version", "VERSION", Nature::Settable),
    ("vscan", "VSCAN", Nature::Settable),
    ("written", "WRITTEN", Nature::Measured),
    ("xattr", "XATTR", Nature::Settable),
    ("zoned", "ZONED", Nature::Settable),
];

/// Properties of illumos that the sandbox does not have.
const MISSING: &[&str] = &[
    "dnodesize",
    "filesystem_count",
    "keyformat",
    "keylocation",
    "keystatus",
    "logicalreferenced",
    "logicalused",
    "objsetid",
    "refcompressratio",
    "snapshot_count",
    "special_small_blocks",
    "volblocksize",
    "volsize",
];

/// Whether it belongs to the few that have a value in the sandbox which cannot be changed.
fn is_fixed(name: &str) -> bool {
    [
        "sync",
        "redundant_metadata",
        "filesystem_limit",
        "snapshot_limit",
        "encryption",
        "snapdir",
        "sharesmb",
        "sharenfs",
    ]
    .contains(&name)
}

/// A property's own name and heading, by either.
pub(super) fn property(word: &str) -> Option<(&'static str, &'static str, Nature)> {
    let found = PROPERTIES
        .iter()
        .find(|(name, heading, _)| *name == word || heading.eq_ignore_ascii_case(word));
    found.copied()
}

/// The own name of a property that is to be shown, or why there is none of that name.
pub(super) fn shown_property(word: &str, usage: &str) -> Result<String, Answer> {
    if word == "name" || is_user_property(word) {
        return Ok(word.to_owned());
    }
    if let Some((name, ..)) = property(word) {
        return Ok(name.to_owned());
    }
    if MISSING.contains(&word)
        || [
            "written@",
            "userused@",
            "userquota@",
            "groupused@",
            "groupquota@",
        ]
        .iter()
        .any(|begin| word.starts_with(begin))
    {
        return Err(absent(word));
    }
    let line = format!("bad property list: invalid property '{word}'");
    Err(misuse(&line, usage))
}

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

/// `p=v` as pairs, none twice.
pub(super) fn split_pairs<T: AsRef<str>>(pairs: &[T]) -> Result<Vec<(String, String)>, Answer> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in pairs {
        let Some((name, value)) = pair.as_ref().split_once('=') else {
            return Err(misuse("missing '=' for property=value argument", SET_USAGE));
        };
        if found.iter().any(|(known, _)| known == name) {
            return Err(refuse(format!(
                "property '{name}' specified multiple times"
            )));
        }
        found.push((name.to_owned(), value.to_owned()));
    }
    Ok(found)
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

/// Refuses a property or a value that cannot be set.
pub(super) fn check(
    dataset: Option<&Dataset>,
    is_snapshot: bool,
    name: &str,
    value: &str,
    action: &str,
) -> Result<(), Answer> {
    let wrong = |why: &str| Err(refuse(format!("{action}: {why}")));
    if name.starts_with(HIDDEN) {
        return Err(absent(name));
    }
    if is_user_property(name) {
        return if value.len() > 8192 {
            wrong(&format!("property value for '{name}' is too long"))
        } else {
            Ok(())
        };
    }
    if MISSING.contains(&name) || name.starts_with("userquota@") || name.starts_with("groupquota@")
    {
        return Err(absent(name));
    }
    let Some((known, _, nature)) = PROPERTIES.iter().find(|(known, ..)| *known == name) else {
        return wrong(&format!("invalid property '{name}'"));
    };
    if is_snapshot {
        return wrong("this property can not be modified for snapshots");
    }
    match nature {
        Nature::ReadOnly | Nature::Measured => return wrong(&format!("'{name}' is readonly")),
        Nature::Once if dataset.is_some() => return wrong(&format!("'{name}' is readonly")),
        Nature::Limit if value != "none" && format::bytes(value).is_none() => {
            return wrong(&format!("bad numeric value '{value}'"));
        }
        _ => {}
    }
    let is_same = dataset.is_some_and(|dataset| dataset.get(known) == Some(value));
    if is_fixed(known) && !is_same {
        return Err(absent(&format!("{known}={value}")));
    }
    check_value(name, value).map_or(Ok(()), |why| wrong(&why))
}

/// What is wrong with the values that matter to a backup host; the others zfs-fuse checks itself.
fn check_value(name: &str, value: &str) -> Option<String> {
    let one_of = |known: &[&str], text: &str| {
        (!known.contains(&value)).then(|| format!("'{name}' must be one of '{text}'"))
    };
    match name {
        "atime" | "readonly" | "exec" | "setuid" | "devices" | "zoned" | "xattr" => {
            one_of(&["on", "off"], "on | off")
        }
        "canmount" => one_of(&["on", "off", "noauto"], "on | off | noauto"),
        // illumos 2021, in the order of its table (inferred)
        "compression" => {
            let is_level = value.strip_prefix("gzip-").is_some_and(|level| {
                ["1", "2", "3", "4", "5", "6", "7", "8", "9"].contains(&level)
            });
            if is_level {
                return None;
            }
            one_of(
                &["on", "off", "lzjb", "gzip", "zle", "lz4"],
                "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4",
            )
        }
        "mountpoint" if !["none", "legacy"].contains(&value) && !value.starts_with('/') => Some(
            format!("'{name}' must be an absolute path, 'none', or 'legacy'"),
        ),
        "recordsize" => {
            let size = format::bytes(value);
            let is_good = |size: u64| size.is_power_of_two() && (512..=131_072).contains(&size);
            let why = format!("'{name}' must be power of 2 from 512B to 128KB");
            (!size.is_some_and(is_good)).then_some(why)
        }
        _ => None,
    }
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

/// `p=v` as zfs-fuse can take it.
pub(super) fn real_pairs(property: &str, value: &str) -> Vec<String> {
    match (property, value) {
        ("compression", "lz4") => vec![
            "compression=lzjb".into(),
            format!("{HIDDEN}compression=lz4"),
        ],
        // zfs-fuse refuses an empty value.
        (_, "") => vec![format!("{property}={NOTHING}")],
        ("zoned" | "mountpoint", value) => vec![format!("{HIDDEN}{property}={value}")],
        _ => vec![format!("{property}={value}")],
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
            Some((_, _, Nature::Limit)) => return Err(no_inheritance(property)),
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
