//! `zfs hold`, `zfs release` and `zfs holds`.
//!
//! zfs-fuse holds and releases, and counts, but cannot say who holds. So each snapshot carries a list
//! of its own, in a property that no listing shows.

use super::{Deed, Ground, Planned, misuse, options, refuse, words};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::format;
use crate::sandbox::zfs::model::{Dataset, HOLDS};
use crate::sandbox::zfs::names::dataset_of;

const HOLD_USAGE: &str = "hold [-r] <tag> <snapshot> ...";
const RELEASE_USAGE: &str = "release [-r] <tag> <snapshot> ...";
const HOLDS_USAGE: &str = "holds [-rH] <snapshot> ...";

type Holds = Vec<(String, u64)>;

/// The tags on a snapshot with their times.
fn holds_on(snapshot: &Dataset) -> Holds {
    let noted = snapshot
        .property(HOLDS)
        .filter(|noted| noted.source == "local");
    let holds: Option<Holds> = noted.and_then(|noted| serde_json::from_str(&noted.value).ok());
    holds.unwrap_or_default()
}

/// The snapshots that are meant: with `-r` those of that name in all file systems below.
fn meant<'a>(
    ground: &Ground<'a>,
    name: &str,
    is_recursive: bool,
) -> Result<Vec<&'a Dataset>, Answer> {
    if !name.contains('@') {
        return Err(refuse(format!("'{name}' is not a snapshot")));
    }
    let dataset = dataset_of(name);
    ground.open(dataset)?;
    if !is_recursive {
        return Ok(vec![ground.open_as(name, true)?]);
    }
    let tag = name.split('@').nth(1).unwrap_or_default();
    let trees = ground.tree(dataset).into_iter();
    let all: Vec<&Dataset> = trees
        .filter_map(|tree| ground.view.datasets.find(&format!("{tree}@{tag}")))
        .collect();
    if all.is_empty() {
        ground.open(name)?;
    }
    Ok(all)
}

fn note(snapshot: &Dataset, holds: &Holds) -> Deed {
    let text = serde_json::to_string(holds).unwrap_or_default();
    Deed::Real(words(&["set", &format!("{HOLDS}={text}"), &snapshot.name]))
}

/// `zfs hold [-r] TAG SNAPSHOT ...`
pub(super) fn hold(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "rt", "t", HOLD_USAGE)?;
    let (tag, names) = tag_and_names(&options.operands, HOLD_USAGE)?;
    if tag.starts_with('.') {
        return Err(refuse("tag may not start with '.'"));
    }
    let mut deeds = Vec::new();
    for name in names {
        for snapshot in meant(ground, name, options.has('r'))? {
            let action = format!("cannot hold snapshot '{}'", snapshot.name);
            ground.may_change(&snapshot.name, &action)?;
            let mut holds = holds_on(snapshot);
            if holds.iter().any(|(held, _)| held == tag) {
                return Err(refuse(format!(
                    "{action}: tag already exists on this dataset"
                )));
            }
            holds.push((tag.clone(), ground.now));
            deeds.push(Deed::Real(words(&["hold", tag, &snapshot.name])));
            deeds.push(note(snapshot, &holds));
        }
    }
    Ok(deeds)
}

/// `zfs release [-r] TAG SNAPSHOT ...`
pub(super) fn release(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "r", "", RELEASE_USAGE)?;
    let (tag, names) = tag_and_names(&options.operands, RELEASE_USAGE)?;
    let mut deeds = Vec::new();
    for name in names {
        for snapshot in meant(ground, name, options.has('r'))? {
            let action = format!("cannot release hold from snapshot '{}'", snapshot.name);
            ground.may_change(&snapshot.name, &action)?;
            let mut holds = holds_on(snapshot);
            if !holds.iter().any(|(held, _)| held == tag) {
                return Err(refuse(format!("{action}: no such tag on this dataset")));
            }
            holds.retain(|(held, _)| held != tag);
            // The last release of one that was to be destroyed ends it: the note comes first.
            deeds.push(note(snapshot, &holds));
            deeds.push(Deed::Real(words(&["release", tag, &snapshot.name])));
        }
    }
    Ok(deeds)
}

fn tag_and_names<'a>(
    operands: &'a [String],
    usage: &str,
) -> Result<(&'a String, &'a [String]), Answer> {
    match operands.split_first() {
        Some((tag, names)) if !names.is_empty() => Ok((tag, names)),
        _ => Err(misuse("missing arguments", usage)),
    }
}

/// `zfs holds [-rH] SNAPSHOT ...`
pub(super) fn holds(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "rH", "", HOLDS_USAGE)?;
    if options.operands.is_empty() {
        return Err(misuse("missing snapshot argument", HOLDS_USAGE));
    }
    let mut rows = Vec::new();
    for name in &options.operands {
        for snapshot in meant(ground, name, options.has('r'))? {
            let holds = holds_on(snapshot).into_iter();
            rows.extend(
                holds.map(|(tag, since)| vec![snapshot.name.clone(), tag, format::time(since)]),
            );
        }
    }
    let mut answer = Answer::default();
    if options.has('H') {
        rows.iter().for_each(|row| answer.say(row.join("\t")));
    } else if !rows.is_empty() {
        rows.insert(0, words(&["NAME", "TAG", "TIMESTAMP"]));
        answer.out = format::table(&rows, &[]);
    }
    Ok(vec![Deed::Say(answer)])
}

#[cfg(test)]
mod tests {
    use crate::sandbox::zfs::asker::tests::global;
    use crate::sandbox::zfs::command::tests::{real, refusal, said};

    const POOL: &str = "zones\nzones/a\n\
        zones/a@s userrefs=1 zonewright.sandbox:holds=[[\"keep\",1795351440]]\n\
        zones/a@t\nzones/a/b\nzones/a/b@t";

    #[test]
    fn a_hold_is_made_and_noted() {
        assert_eq!(
            real(&global(), POOL, "hold -r me zones/a@t"),
            [
                "hold me zones/a@t",
                "set zonewright.sandbox:holds=[[\"me\",1795351440]] zones/a@t",
                "hold me zones/a/b@t",
                "set zonewright.sandbox:holds=[[\"me\",1795351440]] zones/a/b@t",
            ]
        );
        assert_eq!(
            real(&global(), POOL, "release keep zones/a@s"),
            [
                "set zonewright.sandbox:holds=[] zones/a@s",
                "release keep zones/a@s"
            ]
        );
    }

    #[test]
    fn holds_are_listed_with_their_time() {
        assert_eq!(
            said(&global(), POOL, "holds -H zones/a@s"),
            "zones/a@s\tkeep\tSun Nov 22 12:44 2026\n"
        );
        assert_eq!(
            said(&global(), POOL, "holds zones/a@s"),
            "NAME       TAG   TIMESTAMP\nzones/a@s  keep  Sun Nov 22 12:44 2026\n"
        );
        assert_eq!(said(&global(), POOL, "holds -rH zones/a@t"), "");
    }

    #[test]
    fn a_second_hold_and_a_wrong_tag_are_refused() {
        for (line, said) in [
            (
                "hold keep zones/a@s",
                "cannot hold snapshot 'zones/a@s': tag already exists on this dataset",
            ),
            (
                "release nope zones/a@s",
                "cannot release hold from snapshot 'zones/a@s': no such tag on this dataset",
            ),
            ("hold .x zones/a@s", "tag may not start with '.'"),
            (
                "hold x zones/a@no",
                "cannot open 'zones/a@no': dataset does not exist",
            ),
        ] {
            assert_eq!(
                refusal(&global(), POOL, line),
                (format!("{said}\n"), 1),
                "{line}"
            );
        }
    }
}
