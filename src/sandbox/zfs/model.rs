//! What the pool holds, read from the real commands, with what zfs-fuse lacks put beside it.
//!
//! A property whose real value would be in the sandbox's way is kept as a user property of a name
//! that no listing shows: every dataset is `zoned` for the daemon, and `compression=lz4` is
//! something that it does not know. `mountpoint` is kept so because the real `zfs` sets none of a zoned
//! dataset's from outside its zone.

use std::collections::BTreeMap;

use super::daemon::POOL;
use super::names;
use crate::sandbox::error::SandboxError;

/// What the hidden user properties begin with; the property's own name follows.
pub(super) const HIDDEN: &str = "zonewright.sandbox:";

/// Stands for an empty value, which zfs-fuse does not take.
pub(super) const NOTHING: &str = " ";

/// The properties whose shown values are the hidden ones.
const REVEALED: &[&str] = &["zoned", "compression", "filesystem_limit", "snapshot_limit"];

/// Those of them that nobody inherits.
const LIMITS: &[&str] = &["filesystem_limit", "snapshot_limit"];

/// The holds on a snapshot, which zfs-fuse counts but cannot list: a JSON array of tags and times.
pub(super) const HOLDS: &str = "zonewright.sandbox:holds";

/// Marks a dataset whose files lie elsewhere: it is never mounted.
pub(super) const UNMOUNTED: &str = "zonewright.sandbox:unmounted";

/// What a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Filesystem,
    Snapshot,
}

/// One value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    pub name: String,
    pub value: String,
    pub source: String,
}

/// A file system or a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dataset {
    pub name: String,
    pub kind: Kind,
    /// In the order in which the real command lists them.
    pub properties: Vec<Property>,
}

impl Dataset {
    /// A property's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.property(name).map(|property| property.value.as_str())
    }

    /// A property with its source.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }

    /// A property's value as a number; 0 when it is none.
    pub fn number(&self, name: &str) -> u64 {
        self.get(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(0)
    }

    pub fn is_snapshot(&self) -> bool {
        self.kind == Kind::Snapshot
    }

    /// The name after the `@`.
    pub fn tag(&self) -> &str {
        self.name.split_once('@').map_or("", |(_, tag)| tag)
    }

    fn set(&mut self, name: &str, value: impl Into<String>, source: &str) {
        let value = value.into();
        match self.properties.iter_mut().find(|p| p.name == name) {
            Some(property) => {
                property.value = value;
                property.source = source.to_owned();
            }
            None => self.properties.push(Property {
                name: name.to_owned(),
                value,
                source: source.to_owned(),
            }),
        }
    }
}

/// Everything in the pool: file systems by name, each followed by its snapshots as they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Datasets(pub Vec<Dataset>);

impl Datasets {
    /// Reads the answers of `zfs get -rHp all` and `zfs get -rHp createtxg,guid`.
    pub fn parse(all: &str, hidden: &str) -> Result<Self, SandboxError> {
        let mut found: BTreeMap<String, Dataset> = BTreeMap::new();
        for line in lines(all).iter().chain(&lines(hidden)) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, property, value @ .., source] = fields.as_slice() else {
                return Err(SandboxError::Malformed {
                    what: "`zfs get`",
                    said: line.clone(),
                });
            };
            let dataset = found.entry((*name).to_owned()).or_insert_with(|| Dataset {
                name: (*name).to_owned(),
                kind: if name.contains('@') {
                    Kind::Snapshot
                } else {
                    Kind::Filesystem
                },
                properties: Vec::new(),
            });
            let value = Some(value.join("\t")).filter(|value| value != NOTHING);
            dataset.set(property, value.unwrap_or_default(), source);
        }
        let mut datasets = Self(found.into_values().collect());
        datasets.sort();
        datasets.supply();
        Ok(datasets)
    }

    fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            let key = |dataset: &Dataset| {
                let is_snapshot = dataset.is_snapshot();
                (
                    is_snapshot,
                    if is_snapshot {
                        dataset.number("createtxg")
                    } else {
                        0
                    },
                )
            };
            let names = path_of(&a.name).cmp(path_of(&b.name));
            names.then_with(|| key(a).cmp(&key(b)))
        });
    }

    /// Puts what zfs-fuse lacks beside what it has.
    fn supply(&mut self) {
        let written: Vec<u64> = self.0.iter().map(|dataset| self.written(dataset)).collect();
        let mut clones: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for dataset in &self.0 {
            if let Some(origin) = dataset.get("origin").filter(|origin| *origin != "-") {
                clones
                    .entry(origin.to_owned())
                    .or_default()
                    .push(dataset.name.clone());
            }
        }
        for (dataset, written) in self.0.iter_mut().zip(written) {
            dataset.set("written", written.to_string(), "-");
            if dataset.is_snapshot() {
                let clones = clones.remove(&dataset.name).unwrap_or_default();
                dataset.set("clones", clones.join(","), "-");
                dataset
                    .properties
                    .retain(|property| property.name != "mlslabel");
            } else {
                for (name, value) in CONSTANT {
                    dataset.set(name, *value, if *value == "-" { "-" } else { "default" });
                }
            }
            reveal(dataset);
        }
    }

    /// How much was written since the snapshot before: what is referred to now and was not then.
    /// zfs-fuse does not count it. What was let go since is what the snapshot before holds alone,
    /// or all that snapshots hold when those before it are of the same content; so it can come out
    /// too small, but is 0 only where nothing was written.
    fn written(&self, dataset: &Dataset) -> u64 {
        let earlier = self.earlier(dataset);
        let referenced = dataset.number("referenced");
        let Some((before, older)) = earlier.split_last() else {
            let origin = dataset.get("origin").and_then(|name| self.find(name));
            let held = origin.map_or(0, |origin| origin.number("referenced"));
            return referenced.saturating_sub(held);
        };
        let is_same = |other: &&&Dataset| {
            other.number("referenced") == before.number("referenced") && before.number("used") == 0
        };
        let freed = if !dataset.is_snapshot() && older.last().is_some_and(|o| is_same(&o)) {
            dataset.number("usedbysnapshots")
        } else {
            before.number("used")
        };
        (referenced + freed).saturating_sub(before.number("referenced"))
    }

    /// The snapshots of the same file system that were there before, oldest first.
    fn earlier<'a>(&'a self, dataset: &'a Dataset) -> Vec<&'a Dataset> {
        let all = self.snapshots_of(names::dataset_of(&dataset.name));
        if !dataset.is_snapshot() {
            return all.collect();
        }
        let born = dataset.number("createtxg");
        all.filter(|other| other.number("createtxg") < born)
            .collect()
    }

    pub fn find(&self, name: &str) -> Option<&Dataset> {
        self.0.iter().find(|dataset| dataset.name == name)
    }

    /// A dataset's snapshots, oldest first.
    pub fn snapshots_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Dataset> {
        let all = self.0.iter().filter(|dataset| dataset.is_snapshot());
        all.filter(move |snapshot| names::dataset_of(&snapshot.name) == name)
    }

    /// A file system and all below it, without snapshots.
    pub fn tree<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Dataset> {
        let all = self.0.iter().filter(|dataset| !dataset.is_snapshot());
        all.filter(move |dataset| names::is_within(&dataset.name, name))
    }

    /// The file systems that were cloned from a snapshot.
    pub fn clones_of<'a>(&'a self, snapshot: &'a str) -> impl Iterator<Item = &'a Dataset> {
        self.0
            .iter()
            .filter(move |dataset| dataset.get("origin") == Some(snapshot))
    }
}

/// What later versions of ZFS have, where it always has the same value here.
const CONSTANT: &[(&str, &str)] = &[
    ("sync", "standard"),
    ("redundant_metadata", "all"),
    ("filesystem_limit", "none"),
    ("snapshot_limit", "none"),
    ("encryption", "off"),
    ("receive_resume_token", "-"),
];

/// Names in the order of a tree: `/` comes before everything else.
fn path_of(name: &str) -> impl Iterator<Item = &str> {
    names::dataset_of(name).split('/')
}

/// Puts hidden values in the place of the real ones.
fn reveal(dataset: &mut Dataset) {
    if !dataset.is_snapshot() {
        dataset.set("zoned", "off", "default");
    }
    reveal_mountpoint(dataset);
    for name in REVEALED {
        let hidden = dataset.property(&format!("{HIDDEN}{name}")).cloned();
        if let Some(hidden) = hidden
            && dataset.property(name).is_some()
            && (hidden.source == "local" || !LIMITS.contains(name))
        {
            dataset.set(name, hidden.value, &hidden.source);
        }
    }
}

/// The mount point as it was set here, with what lies between the dataset and whom it was inherited
/// from; else where ZFS puts it by itself.
fn reveal_mountpoint(dataset: &mut Dataset) {
    if dataset.is_snapshot() {
        return;
    }
    let Some(hidden) = dataset.property(&format!("{HIDDEN}mountpoint")).cloned() else {
        let path = format!("/{}", dataset.name);
        dataset.set("mountpoint", path, "default");
        return;
    };
    let above = hidden.source.strip_prefix("inherited from ");
    let rest = above
        .and_then(|above| dataset.name.strip_prefix(above))
        .unwrap_or_default();
    let path = if hidden.value.starts_with('/') {
        format!("{}{rest}", hidden.value.trim_end_matches('/'))
    } else {
        hidden.value
    };
    dataset.set("mountpoint", path, &hidden.source);
}

/// The lines of an answer; what does not begin a line is the rest of a value with line ends.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let begins = line
            .strip_prefix(POOL)
            .is_some_and(|rest| rest.starts_with(['\t', '/', '@']));
        match lines.last_mut() {
            Some(last) if !begins || last.matches('\t').count() < 3 => {
                last.push('\n');
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A pool in few words: `NAME [PROPERTY=VALUE[!SOURCE]]...`, one dataset a line, snapshots in
    /// the order in which they were made.
    pub fn pool(text: &str) -> Datasets {
        let (mut all, mut hidden) = (String::new(), String::new());
        for (number, line) in text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .enumerate()
        {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut lines = |property: &str, value: &str, source: &str| {
                all += &format!("{name}\t{property}\t{value}\t{source}\n");
            };
            let kind = if name.contains('@') {
                "snapshot"
            } else {
                "filesystem"
            };
            lines("type", kind, "-");
            lines("creation", "1763815440", "-");
            lines("referenced", "100", "-");
            lines("used", "0", "-");
            if name.contains('@') {
                lines("userrefs", "0", "-");
            } else {
                // Tests give it by its own name.
                let own = rest
                    .split_whitespace()
                    .find_map(|w| w.strip_prefix("mountpoint="));
                if let Some(own) = own {
                    lines("zonewright.sandbox:mountpoint", own, "local");
                }
                lines("canmount", "on", "default");
                lines("zoned", "on", "inherited from zones");
            }
            for word in rest.split_whitespace() {
                let (property, value) = word.split_once('=').unwrap();
                let (value, source) = value.split_once('!').unwrap_or((value, "local"));
                lines(property, value, &source.replace('~', " "));
            }
            hidden += &format!("{name}\tcreatetxg\t{number}\t-\n");
        }
        Datasets::parse(&all, &hidden).unwrap()
    }

    #[test]
    fn datasets_come_by_name_and_snapshots_as_they_were_made() {
        let pool = pool("zones\nzones/a@z\nzones/a@b\nzones/a\nzones/a-b\nzones/a/c");
        let names: Vec<_> = pool.0.iter().map(|dataset| dataset.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "zones",
                "zones/a",
                "zones/a@z",
                "zones/a@b",
                "zones/a/c",
                "zones/a-b"
            ]
        );
    }

    #[test]
    fn hidden_values_stand_in_for_the_real_ones() {
        let pool = pool(
            "zones\n\
             zones/u compression=lzjb zonewright.sandbox:compression=lz4\n\
             zones/u/data zonewright.sandbox:zoned=on zonewright.sandbox:unmounted=on",
        );
        let of = |name: &str, property: &str| {
            let property = pool.find(name).unwrap().property(property).unwrap();
            (property.value.as_str(), property.source.as_str())
        };
        assert_eq!(of("zones/u", "zoned"), ("off", "default"));
        assert_eq!(of("zones/u", "compression"), ("lz4", "local"));
        assert_eq!(of("zones/u/data", "zoned"), ("on", "local"));
        assert_eq!(of("zones/u/data", UNMOUNTED), ("on", "local"));
    }

    #[test]
    fn a_mount_point_is_handed_down_with_the_way_between() {
        let set = "zonewright.sandbox:mountpoint";
        let pool = pool(&format!(
            "zones\nzones/u\nzones/u/d {set}=/data\nzones/u/d/x/y {set}=/data!inherited~from~zones/u/d\n\
             zones/u/n {set}=none!inherited~from~zones/u"
        ));
        let of = |name: &str| {
            let property = pool.find(name).unwrap().property("mountpoint").unwrap();
            (property.value.clone(), property.source.clone())
        };
        let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
        assert_eq!(of("zones/u"), pair("/zones/u", "default"));
        assert_eq!(of("zones/u/d"), pair("/data", "local"));
        assert_eq!(
            of("zones/u/d/x/y"),
            pair("/data/x/y", "inherited from zones/u/d")
        );
        assert_eq!(of("zones/u/n").0, "none");
    }

    #[test]
    fn clones_and_written_are_supplied() {
        let pool = pool(
            "zones\nzones/a referenced=150\nzones/a@s used=20\nzones/b origin=zones/a@s!- referenced=130",
        );
        assert_eq!(
            pool.find("zones/a@s").unwrap().get("clones"),
            Some("zones/b")
        );
        assert_eq!(pool.find("zones/a").unwrap().get("written"), Some("70"));
        assert_eq!(pool.find("zones/b").unwrap().get("written"), Some("30"));
        assert_eq!(pool.find("zones/a@s").unwrap().get("written"), Some("100"));
    }

    #[test]
    fn something_written_after_two_equal_snapshots_is_not_nothing() {
        let pool = pool(
            "zones\nzones/a usedbysnapshots=30\nzones/a@s\nzones/a@t\n\
             zones/b usedbysnapshots=0\nzones/b@s\nzones/b@t",
        );
        assert_eq!(pool.find("zones/a").unwrap().get("written"), Some("30"));
        assert_eq!(pool.find("zones/b").unwrap().get("written"), Some("0"));
        assert_eq!(pool.find("zones/b@t").unwrap().get("written"), Some("0"));
    }

    #[test]
    fn a_value_with_a_line_end_and_a_tab_is_one_value() {
        let text = "zones\ttype\tfilesystem\t-\nzones\ta:b\tone\ntwo\tthree\tlocal\n";
        let pool = Datasets::parse(text, "").unwrap();
        let value = pool.find("zones").unwrap().get("a:b");
        assert_eq!(value, Some("one\ntwo\tthree"));
    }
}
