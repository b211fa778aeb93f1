//! Which properties there are, and which values they take.
//!
//! A property that zfs-fuse cannot take is refused as not emulated, but for `compression=lz4`: it is
//! what every SmartOS host uses, so it is kept beside a compression that zfs-fuse has.

use super::{absent, misuse, refuse};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::format;
use crate::sandbox::zfs::model::{Dataset, HIDDEN, NOTHING};
use crate::sandbox::zfs::names::is_user_property;

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
    /// A limit on how many there are, or none.
    Count,
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
    ("filesystem_limit", "FSLIMIT", Nature::Count),
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
    ("snapshot_limit", "SSLIMIT", Nature::Count),
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

/// `p=v` as pairs, none twice.
pub(super) fn split_pairs<T: AsRef<str>>(pairs: &[T]) -> Result<Vec<(String, String)>, Answer> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in pairs {
        let Some((name, value)) = pair.as_ref().split_once('=') else {
            return Err(misuse("missing '=' for property=value argument", ""));
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
        "filesystem_limit" | "snapshot_limit" => {
            let is_good = value == "none" || value.parse::<u64>().is_ok();
            (!is_good).then(|| format!("bad numeric value '{value}'"))
        }
        "recordsize" => {
            let size = format::bytes(value);
            let is_good = |size: u64| size.is_power_of_two() && (512..=131_072).contains(&size);
            let why = format!("'{name}' must be power of 2 from 512B to 128KB");
            (!size.is_some_and(is_good)).then_some(why)
        }
        _ => None,
    }
}

/// `p=v` as zfs-fuse can take it.
pub(in crate::sandbox::zfs) fn real_pairs(property: &str, value: &str) -> Vec<String> {
    match (property, value) {
        ("compression", "lz4") => vec![
            "compression=lzjb".into(),
            format!("{HIDDEN}compression=lz4"),
        ],
        // zfs-fuse refuses an empty value.
        (_, "") => vec![format!("{property}={NOTHING}")],
        ("zoned" | "mountpoint" | "filesystem_limit" | "snapshot_limit", value) => {
            vec![format!("{HIDDEN}{property}={value}")]
        }
        _ => vec![format!("{property}={value}")],
    }
}
