//! `zfs list`, and what it shares with `zfs get`: which datasets are meant, in which order.

use std::cmp::Ordering;

use super::properties::{Nature, property, shown_property};
use super::{Deed, Ground, Planned, misuse, not_applicable, options, refuse};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::smf::options::Options;
use crate::sandbox::zfs::asker::Owner;
use crate::sandbox::zfs::daemon::POOL;
use crate::sandbox::zfs::format;
use crate::sandbox::zfs::model::Dataset;
use crate::sandbox::zfs::mounting;

const USAGE: &str = "list [-Hp] [-r|-d max] [-o property[,...]] [-s property]...\n\
    \t    [-S property]... [-t type[,...]] [filesystem|volume|snapshot] ...";

const DEFAULT: &str = "name,used,available,referenced,mountpoint";
const SPACE: &str =
    "name,available,used,usedbysnapshots,usedbydataset,usedbyrefreservation,usedbychildren";

/// Which kinds are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds {
    pub filesystems: bool,
    pub snapshots: bool,
}

impl Kinds {
    fn has(self, dataset: &Dataset) -> bool {
        if dataset.is_snapshot() {
            self.snapshots
        } else {
            self.filesystems
        }
    }
}

/// `zfs list`
pub(super) fn list(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "Hpo:rd:s:S:t:", "", USAGE)?;
    let asked = options.value('o').unwrap_or(DEFAULT);
    let asked = if asked == "space" { SPACE } else { asked };
    let columns: Result<Vec<String>, Answer> = asked
        .split(',')
        .map(|word| shown_property(word, USAGE))
        .collect();
    let columns = columns?;
    let keys = keys(&options)?;
    let kinds = kinds(&options, USAGE)?;
    let default = Kinds {
        filesystems: true,
        snapshots: false,
    };
    let depth = depth(&options, USAGE)?;
    let mut answer = Answer::default();
    let mut found = meant(
        ground,
        &options.operands,
        kinds,
        default,
        depth,
        &mut answer,
    );
    sort(&mut found, &keys);
    if found.is_empty() && options.operands.is_empty() && !options.has('H') {
        answer.complain("no datasets available");
    }
    let exact = options.has('p');
    let cell = |dataset: &Dataset, column: &String| shown(ground, dataset, column, exact);
    let rows = found.iter().map(|dataset| -> Vec<String> {
        columns.iter().map(|column| cell(dataset, column)).collect()
    });
    if options.has('H') {
        rows.for_each(|row| answer.say(row.join("\t")));
    } else if !found.is_empty() {
        let heading = columns.iter().map(|column| match property(column) {
            Some((_, heading, _)) => heading.to_owned(),
            None => column.to_uppercase(),
        });
        let rows: Vec<Vec<String>> = std::iter::once(heading.collect()).chain(rows).collect();
        let right: Vec<bool> = columns.iter().map(|column| leans_right(column)).collect();
        answer.out = format::table(&rows, &right);
    }
    Ok(vec![Deed::Say(answer)])
}

fn leans_right(column: &str) -> bool {
    let others = [
        "compressratio",
        "copies",
        "recordsize",
        "userrefs",
        "createtxg",
        "guid",
        "version",
    ];
    others.contains(&column)
        || matches!(
            property(column),
            Some((_, _, Nature::Measured | Nature::Limit))
        )
}

/// The datasets that a command line means, without doubles; what is missing is said in `answer`.
pub(super) fn meant<'a>(
    ground: &Ground<'a>,
    operands: &[String],
    kinds: Option<Kinds>,
    default: Kinds,
    depth: Option<usize>,
    answer: &mut Answer,
) -> Vec<&'a Dataset> {
    let all = kinds.unwrap_or(default);
    if operands.is_empty() {
        let depth = depth.unwrap_or(usize::MAX);
        let within = |dataset: &&Dataset| level(&dataset.name, POOL) <= depth;
        let seen = ground.view.all().filter(|dataset| all.has(dataset));
        return seen.filter(within).collect();
    }
    let mut found: Vec<&Dataset> = Vec::new();
    for asked in operands {
        let root = match named(ground, asked) {
            Ok(root) => root,
            Err(wrong) => {
                answer.err += &wrong.err;
                answer.code = 1;
                continue;
            }
        };
        let Some(depth) = depth else {
            if kinds.is_some_and(|kinds| !kinds.has(root)) {
                answer.err += &not_applicable(&root.name).err;
                answer.code = 1;
            } else {
                found.push(root);
            }
            continue;
        };
        let below = ground.view.all().filter(|dataset| {
            crate::sandbox::zfs::names::is_within(&dataset.name, &root.name)
                && level(&dataset.name, &root.name) <= depth
        });
        // A snapshot that is named has nothing below it.
        found.extend(below.filter(|dataset| all.has(dataset) || root.is_snapshot()));
    }
    let order = |dataset: &&Dataset| ground.view.datasets.0.iter().position(|d| d == *dataset);
    found.sort_by_key(order);
    found.dedup();
    found
}

/// How far below the root: a snapshot is one step below its file system.
fn level(name: &str, root: &str) -> usize {
    let rest = name.strip_prefix(root).unwrap_or(name);
    rest.matches(['/', '@']).count()
}

/// The dataset of a name or of a path in it.
fn named<'a>(ground: &Ground<'a>, asked: &str) -> Result<&'a Dataset, Answer> {
    if !asked.starts_with('/') {
        return ground.open(asked);
    }
    let holders = ground.mounted.iter().filter(|(_, path)| {
        asked
            .strip_prefix(path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || path == "/")
    });
    let nearest = holders.max_by_key(|(_, path)| path.len());
    let found = match (nearest, &ground.view.asker.owner) {
        (Some((name, _)), _) => ground.view.find(name),
        // The rest of a zone is its own dataset, which lies elsewhere here.
        (None, Owner::Zone(uuid)) => ground.view.find(&format!("{POOL}/{uuid}")),
        (None, Owner::Global) => None,
    };
    found.ok_or_else(|| refuse(format!("'{asked}': not a ZFS filesystem")))
}

/// How deep `-r` and `-d` reach; none without either.
pub(super) fn depth(options: &Options, usage: &str) -> Result<Option<usize>, Answer> {
    let Some(text) = options.value('d') else {
        return Ok(options.has('r').then_some(usize::MAX));
    };
    let depth = text.parse();
    depth
        .map(Some)
        .map_err(|_| misuse(&format!("{text} is not an integer"), usage))
}

/// The kinds after `-t`.
pub(super) fn kinds(options: &Options, usage: &str) -> Result<Option<Kinds>, Answer> {
    let Some(text) = options.value('t') else {
        return Ok(None);
    };
    let mut kinds = Kinds {
        filesystems: false,
        snapshots: false,
    };
    for word in text.split(',') {
        match word {
            "filesystem" => kinds.filesystems = true,
            "snapshot" | "snap" => kinds.snapshots = true,
            "all" => (kinds.filesystems, kinds.snapshots) = (true, true),
            // There are none of these.
            "volume" | "bookmark" => {}
            _ => return Err(misuse(&format!("invalid type '{word}'"), usage)),
        }
    }
    Ok(Some(kinds))
}

/// The properties to sort by, and whether downwards.
fn keys(options: &Options) -> Result<Vec<(String, bool)>, Answer> {
    let given = options
        .flags
        .iter()
        .filter(|(letter, _)| ['s', 'S'].contains(letter));
    let keys = given.map(|(letter, word)| {
        let known = shown_property(word, USAGE);
        let known = known.map_err(|answer| match answer.code {
            2 => misuse(&format!("invalid property '{word}'"), USAGE),
            _ => answer,
        });
        known.map(|name| (name, *letter == 'S'))
    });
    keys.collect()
}

/// Sorts by the keys in turn; what lacks a property comes after what has it, and ties stay as they
/// were.
fn sort(found: &mut [&Dataset], keys: &[(String, bool)]) {
    found.sort_by(|a, b| {
        let orders = keys.iter().map(|(key, is_down)| {
            let order = compare(a, b, key);
            if *is_down { order.reverse() } else { order }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
}

fn compare(a: &Dataset, b: &Dataset, key: &str) -> Ordering {
    if key == "name" {
        return a.name.cmp(&b.name);
    }
    let value = |dataset: &Dataset| dataset.get(key).map(str::to_owned);
    match (value(a), value(b)) {
        (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(&b),
        },
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// A property's value as it is shown.
pub(super) fn shown(ground: &Ground, dataset: &Dataset, name: &str, exact: bool) -> String {
    if name == "name" {
        return dataset.name.clone();
    }
    if name == "mounted" && !dataset.is_snapshot() {
        let is_mounted =
            ground.everywhere.contains(&dataset.name) || mounting::lies_elsewhere(dataset);
        return if is_mounted { "yes" } else { "no" }.into();
    }
    let Some(value) = dataset.get(name) else {
        return "-".into();
    };
    let number = value.parse::<u64>().ok();
    match (name, number) {
        ("creation", Some(seconds)) if !exact => format::time(seconds),
        ("compressratio", _) if exact => value.trim_end_matches('x').to_owned(),
        ("filesystem_limit" | "snapshot_limit", None) if exact => u64::MAX.to_string(),
        ("recordsize", Some(number)) if !exact => format::short(number),
        (_, Some(number)) if !exact => match property(name) {
            Some((_, _, Nature::Limit)) if number == 0 => "none".into(),
            Some((_, _, Nature::Limit | Nature::Measured)) => format::short(number),
            _ => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::zfs::asker::tests::{POOL as ZONES, global, zone};
    use crate::sandbox::zfs::command::tests::{refusal, said, try_plan};

    const POOL: &str = "zones used=2048\n\
        zones/a used=1536 available=4096 quota=0!default a:b=x\n\
        zones/a@2 creation=200\n\
        zones/a@1 creation=100 used=5\n\
        zones/a@3 creation=200\n\
        zones/a/c quota=1048576\n\
        zones/a/c@1";

    #[test]
    fn the_default_is_a_table_of_file_systems() {
        assert_eq!(
            said(&global(), POOL, "list zones/a"),
            "NAME      USED  AVAIL  REFER  MOUNTPOINT\n\
             zones/a  1.50K     4K    100  /zones/a\n"
        );
        assert_eq!(
            said(
                &global(),
                POOL,
                "list -Hpo name,used,quota,a:b,origin zones/a"
            ),
            "zones/a\t1536\t0\tx\t-\n"
        );
        assert_eq!(
            said(&global(), POOL, "list -Ho quota -r zones/a"),
            "none\n1M\n"
        );
        assert!(
            said(&global(), POOL, "list -o space").starts_with("NAME       AVAIL   USED  USEDSNAP")
        );
    }

    #[test]
    fn snapshots_come_as_they_were_made_and_ties_stay_so_both_ways() {
        let names = |line: &str| {
            let out = said(&global(), POOL, &format!("list -Ho name {line}"));
            out.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            names("-t snapshot -d 1 zones/a"),
            ["zones/a@2", "zones/a@1", "zones/a@3"]
        );
        assert_eq!(
            names("-t snap -s creation -d 1 zones/a"),
            ["zones/a@1", "zones/a@2", "zones/a@3"]
        );
        assert_eq!(
            names("-t snapshot -S creation -d 1 zones/a"),
            ["zones/a@2", "zones/a@3", "zones/a@1"]
        );
        assert_eq!(names("-t all -d 1 zones/a").len(), 5);
        assert_eq!(names("-t snapshot").len(), 4);
        assert_eq!(names("zones/a@1"), ["zones/a@1"]);
        assert_eq!(names("-r zones/a"), ["zones/a", "zones/a/c"]);
        assert_eq!(names("-t bookmark -r zones/a"), [""; 0]);
    }

    #[test]
    fn one_missing_name_does_not_hide_the_others() {
        let deeds = try_plan(&global(), POOL, "list -Ho name zones/no zones/a").unwrap();
        let [Deed::Say(answer)] = deeds.as_slice() else {
            panic!("{deeds:?}");
        };
        assert_eq!(answer.out, "zones/a\n");
        assert_eq!(
            answer.err,
            "cannot open 'zones/no': dataset does not exist\n"
        );
        assert_eq!(answer.code, 1);
    }

    #[test]
    fn a_file_system_is_no_snapshot() {
        let deeds = try_plan(&global(), POOL, "list -t snapshot zones/a").unwrap();
        let [Deed::Say(answer)] = deeds.as_slice() else {
            panic!("{deeds:?}");
        };
        assert_eq!(
            answer.err,
            "cannot open 'zones/a': operation not applicable to datasets of this type\n"
        );
    }

    #[test]
    fn unknown_words_are_usage_errors() {
        for (line, said) in [
            (
                "list -o nosuch",
                "bad property list: invalid property 'nosuch'",
            ),
            ("list -s nosuch", "invalid property 'nosuch'"),
            ("list -t nosuch", "invalid type 'nosuch'"),
            ("list -o", "missing argument for 'o' option"),
        ] {
            let (text, code) = refusal(&global(), POOL, line);
            assert_eq!((text.lines().next(), code), (Some(said), 2));
        }
        assert_eq!(refusal(&global(), POOL, "list -o logicalused").1, 99);
    }

    #[test]
    fn a_zone_without_a_delegated_dataset_has_none() {
        let deeds = try_plan(&zone("u3"), ZONES, "list").unwrap();
        let [Deed::Say(answer)] = deeds.as_slice() else {
            panic!("{deeds:?}");
        };
        assert_eq!(
            (answer.err.as_str(), answer.code),
            ("no datasets available\n", 0)
        );
    }
}
