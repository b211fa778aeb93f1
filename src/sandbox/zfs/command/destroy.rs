//! `zfs destroy`, of file systems and of lists and ranges of snapshots.
//!
//! On illumos a list of snapshots is all or nothing; zfs-fuse destroys one after another. So what
//! could keep one of them is looked for first.

use std::collections::BTreeSet;

use super::{Deed, Ground, Planned, misuse, options, refuse, words};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::smf::options::Options;
use crate::sandbox::zfs::format::short;
use crate::sandbox::zfs::model::Dataset;
use crate::sandbox::zfs::names::{can_be_sought, dataset_of, parent};

const USAGE: &str = "destroy [-fnpRrv] <filesystem|volume>\n\
    \tdestroy [-dnpRrv] <filesystem|volume>@<snap>[%<snap>][,...]";

/// `zfs destroy [-dfnpRrv] NAME`
pub(super) fn destroy(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "dfnpRrv", "", USAGE)?;
    let name = match options.operands.as_slice() {
        [] => return Err(misuse("missing dataset argument", USAGE)),
        [name] => name,
        _ => return Err(misuse("too many arguments", USAGE)),
    };
    if name.contains('#') {
        return Err(super::absent("destroy of a bookmark"));
    }
    match name.split_once('@') {
        Some((dataset, tags)) => snapshots(ground, &options, dataset, tags),
        None => filesystem(ground, &options, name),
    }
}

fn filesystem(ground: &Ground, options: &Options, name: &str) -> Planned {
    let dataset = ground.open(name)?;
    let action = format!("cannot destroy '{name}'");
    ground.may_change(name, &action)?;
    if options.has('d') {
        return Err(refuse(format!(
            "{action}: '-d' can only be used with snapshots"
        )));
    }
    let takes_children = options.has('r') || options.has('R');
    if parent(name).is_none() && !takes_children {
        let mut answer = refuse(format!("{action}: operation does not apply to pools"));
        answer.complain(format!(
            "use 'zfs destroy -r {name}' to destroy all datasets in the pool"
        ));
        answer.complain(format!(
            "use 'zpool destroy {name}' to destroy the pool itself"
        ));
        return Err(answer);
    }
    let below = below(ground, dataset);
    if !below.is_empty() && !takes_children {
        let mut answer = refuse(format!("{action}: filesystem has children"));
        answer.complain("use '-r' to destroy the following datasets:");
        below.iter().for_each(|name| answer.complain(name));
        return Err(answer);
    }
    let clones = outside_clones(ground, name);
    if !clones.is_empty() && !options.has('R') {
        let mut answer = refuse(format!("{action}: filesystem has dependent clones"));
        answer.complain("use '-R' to destroy the following datasets:");
        clones.iter().for_each(|clone| answer.complain(clone));
        return Err(answer);
    }
    let mut tree: Vec<String> = clones.iter().flat_map(|clone| ground.tree(clone)).collect();
    tree.extend(ground.tree(name));
    // A pool itself stays.
    tree.retain(|name| parent(name).is_some());
    let snapshots: Vec<&Dataset> = tree
        .iter()
        .flat_map(|name| ground.view.datasets.snapshots_of(name))
        .collect();
    if options.has('n') || options.has('v') {
        let said = announcement(ground, options, &snapshots, &tree);
        if options.has('n') {
            return Ok(vec![Deed::Say(said)]);
        }
        let mut deeds = vec![Deed::Say(said)];
        deeds.extend(tree_deeds(ground, options, name, &clones, &snapshots));
        return Ok(deeds);
    }
    Ok(tree_deeds(ground, options, name, &clones, &snapshots))
}

/// The snapshots go first, then each file system is unmounted and goes, from below: one that is
/// busy stays, and its snapshots are gone all the same.
fn tree_deeds(
    ground: &Ground,
    options: &Options,
    name: &str,
    clones: &[String],
    snapshots: &[&Dataset],
) -> Vec<Deed> {
    if let Some(held) = snapshots
        .iter()
        .find(|snapshot| snapshot.number("userrefs") > 0)
    {
        return vec![Deed::Say(busy(&held.name))];
    }
    let roots = clones.iter().map(String::as_str).chain([name]);
    let mut deeds = Vec::new();
    for root in roots {
        // What was cloned from here within the tree must go before its origin.
        let mut waiting: Vec<String> = ground.tree(root);
        waiting.retain(|name| parent(name).is_some());
        let own = waiting
            .iter()
            .flat_map(|name| ground.view.datasets.snapshots_of(name));
        let is_free = |snapshot: &&Dataset| {
            let mut clones = ground.view.datasets.clones_of(&snapshot.name);
            clones.next().is_none()
        };
        let free = own.filter(is_free);
        let free: Vec<&str> = free.map(|snapshot| snapshot.name.as_str()).collect();
        deeds.extend(
            free.iter()
                .map(|name| Deed::Real(words(&["destroy", name]))),
        );
        deeds.push(Deed::Unmount {
            names: waiting,
            by_force: options.has('f'),
        });
        if parent(root).is_some() {
            deeds.push(Deed::Real(words(&["destroy", "-R", root])));
        } else {
            let children = ground.tree(root).into_iter().skip(1);
            let direct = children.filter(|child| parent(child) == Some(root));
            deeds.extend(direct.map(|child| Deed::Real(words(&["destroy", "-R", &child]))));
        }
    }
    deeds
}

/// Everything that a file system's end would take along, itself left out.
fn below(ground: &Ground, dataset: &Dataset) -> Vec<String> {
    let all = ground.view.datasets.0.iter();
    let within = all.filter(|other| {
        other.name != dataset.name
            && crate::sandbox::zfs::names::is_within(&other.name, &dataset.name)
    });
    within.map(|other| other.name.clone()).collect()
}

/// The clones of a tree's snapshots that lie elsewhere.
fn outside_clones(ground: &Ground, name: &str) -> Vec<String> {
    let within = |other: &str| crate::sandbox::zfs::names::is_within(other, name);
    let all = ground.view.datasets.0.iter();
    let clones = all.filter(|dataset| {
        let origin = dataset.get("origin").unwrap_or("-");
        !dataset.is_snapshot() && within(origin) && !within(&dataset.name)
    });
    clones.map(|clone| clone.name.clone()).collect()
}

fn busy(name: &str) -> Answer {
    refuse(format!("cannot destroy snapshot {name}: dataset is busy"))
}

fn snapshots(ground: &Ground, options: &Options, dataset: &str, tags: &str) -> Planned {
    if !can_be_sought(dataset) {
        return Err(refuse(format!(
            "cannot open '{dataset}': invalid dataset name"
        )));
    }
    let dataset = ground.open(dataset)?;
    ground.may_change(
        &dataset.name,
        &format!("cannot destroy '{}@{tags}'", dataset.name),
    )?;
    let trees: Vec<String> = if options.has('r') || options.has('R') {
        ground.tree(&dataset.name)
    } else {
        vec![dataset.name.clone()]
    };
    let mut names = BTreeSet::new();
    for tree in &trees {
        let of_tree: Vec<&Dataset> = ground.view.datasets.snapshots_of(tree).collect();
        for part in tags.split(',') {
            names.extend(matching(&of_tree, part).map(|snapshot| snapshot.name.clone()));
        }
    }
    let all = ground.view.datasets.0.iter();
    let victims: Vec<&Dataset> = all.filter(|other| names.contains(&other.name)).collect();
    if victims.is_empty() {
        return Err(refuse(
            "could not find any snapshots to destroy; check snapshot names.",
        ));
    }
    if options.has('n') {
        return Ok(vec![Deed::Say(announcement(
            ground,
            options,
            &victims,
            &[],
        ))]);
    }
    let mut deeds = Vec::new();
    for victim in &victims {
        deeds.extend(clones_of(ground, options, victim)?);
        if victim.number("userrefs") > 0 && !options.has('d') {
            return Err(busy(&victim.name));
        }
    }
    if options.has('v') {
        deeds.insert(0, Deed::Say(announcement(ground, options, &victims, &[])));
    }
    for victim in victims {
        let name = victim.name.as_str();
        deeds.push(Deed::Real(if options.has('d') {
            words(&["destroy", "-d", name])
        } else {
            words(&["destroy", name])
        }));
    }
    Ok(deeds)
}

/// The clones that must go first, or the refusal.
fn clones_of(ground: &Ground, options: &Options, snapshot: &Dataset) -> Planned {
    let clones: Vec<&Dataset> = ground.view.datasets.clones_of(&snapshot.name).collect();
    if clones.is_empty() || options.has('d') {
        return Ok(Vec::new());
    }
    if !options.has('R') {
        let name = &snapshot.name;
        let mut answer = refuse(format!(
            "cannot destroy '{name}': snapshot has dependent clones"
        ));
        answer.complain("use '-R' to destroy the following datasets:");
        clones.iter().for_each(|clone| answer.complain(&clone.name));
        return Err(answer);
    }
    let mut deeds = Vec::new();
    for clone in clones {
        deeds.push(Deed::Unmount {
            names: ground.tree(&clone.name),
            by_force: options.has('f'),
        });
        deeds.push(Deed::Real(words(&["destroy", "-R", &clone.name])));
    }
    Ok(deeds)
}

/// The snapshots that one part of a list names: `a`, or a range by age with both ends in it.
fn matching<'a>(all: &[&'a Dataset], part: &str) -> impl Iterator<Item = &'a Dataset> {
    let (first, last) = part.split_once('%').unwrap_or((part, part));
    let place = |tag: &str| all.iter().position(|snapshot| snapshot.tag() == tag);
    let from = if first.is_empty() {
        Some(0)
    } else {
        place(first)
    };
    let to = if last.is_empty() {
        all.len().checked_sub(1)
    } else {
        place(last)
    };
    let is_nothing = part.is_empty();
    let range = match (from, to) {
        (Some(from), Some(to)) if !is_nothing => all.get(from..=to).unwrap_or_default().to_vec(),
        _ => Vec::new(),
    };
    range.into_iter()
}

/// What `-v` says: a line for each, and how much room they leave.
fn announcement(
    ground: &Ground,
    options: &Options,
    snapshots: &[&Dataset],
    filesystems: &[String],
) -> Answer {
    let mut answer = Answer::default();
    if !options.has('v') {
        return answer;
    }
    let verb = if options.has('n') {
        "would destroy"
    } else {
        "will destroy"
    };
    let names = snapshots.iter().map(|snapshot| snapshot.name.as_str());
    for name in names.chain(filesystems.iter().rev().map(String::as_str)) {
        answer.say(if options.has('p') {
            format!("destroy\t{name}")
        } else {
            format!("{verb} {name}")
        });
    }
    // Only a list of snapshots is measured.
    if filesystems.is_empty() {
        let bytes = reclaimed(ground, snapshots);
        let verb = if options.has('n') {
            "would reclaim"
        } else {
            "will reclaim"
        };
        answer.say(if options.has('p') {
            format!("reclaim\t{bytes}")
        } else {
            format!("{verb} {}", short(bytes))
        });
    }
    answer
}

/// What these snapshots hold. Exact for one of a file system and for all of them; in between what
/// two or more of them share is not counted, for zfs-fuse cannot tell it.
fn reclaimed(ground: &Ground, snapshots: &[&Dataset]) -> u64 {
    let datasets: BTreeSet<&str> = snapshots.iter().map(|s| dataset_of(&s.name)).collect();
    let of = |dataset: &str| -> u64 {
        let own = snapshots.iter().filter(|s| dataset_of(&s.name) == dataset);
        let (count, sum) = own.fold((0, 0), |(count, sum), snapshot| {
            (count + 1, sum + snapshot.number("used"))
        });
        let all = ground.view.datasets.snapshots_of(dataset).count();
        let whole = ground.view.datasets.find(dataset);
        match whole {
            Some(whole) if count == all => whole.number("usedbysnapshots"),
            _ => sum,
        }
    };
    datasets.into_iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::zfs::asker::tests::global;
    use crate::sandbox::zfs::command::tests::{real, refusal, said, try_plan};

    const POOL: &str = "zones\n\
        zones/a usedbysnapshots=60\n\
        zones/a@old used=10\n\
        zones/a@kept userrefs=1 used=20\n\
        zones/a@mid used=5\n\
        zones/a@new\n\
        zones/a/b\n\
        zones/a/b@old\n\
        zones/c origin=zones/a@new!-";

    #[test]
    fn a_list_and_a_range_name_snapshots_by_age() {
        let names = |line: &str| -> Vec<String> {
            let out = said(&global(), POOL, &format!("destroy -nvp zones/a@{line}"));
            let lines = out
                .lines()
                .filter_map(|line| line.strip_prefix("destroy\tzones/a@"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(names("old,mid,nosuch"), ["old", "mid"]);
        assert_eq!(names("kept%new"), ["kept", "mid", "new"]);
        assert_eq!(names("%mid"), ["old", "kept", "mid"]);
        assert_eq!(names("mid%"), ["mid", "new"]);
        assert_eq!(names("%"), ["old", "kept", "mid", "new"]);
    }

    #[test]
    fn a_dry_run_says_what_would_go_and_how_much_room_it_leaves() {
        assert_eq!(
            said(&global(), POOL, "destroy -nv zones/a@old,mid"),
            "would destroy zones/a@old\nwould destroy zones/a@mid\nwould reclaim 15\n"
        );
        assert_eq!(
            said(&global(), POOL, "destroy -nvp zones/a@%"),
            "destroy\tzones/a@old\ndestroy\tzones/a@kept\ndestroy\tzones/a@mid\n\
             destroy\tzones/a@new\nreclaim\t60\n"
        );
        assert_eq!(real(&global(), POOL, "destroy -n zones/a@old"), [""; 0]);
    }

    #[test]
    fn one_that_is_held_or_cloned_keeps_the_whole_list() {
        assert_eq!(
            refusal(&global(), POOL, "destroy zones/a@old,kept"),
            (
                "cannot destroy snapshot zones/a@kept: dataset is busy\n".into(),
                1
            )
        );
        assert_eq!(
            refusal(&global(), POOL, "destroy zones/a@mid%new").0,
            "cannot destroy 'zones/a@new': snapshot has dependent clones\n\
             use '-R' to destroy the following datasets:\nzones/c\n"
        );
        assert_eq!(
            real(&global(), POOL, "destroy -d zones/a@old,kept"),
            ["destroy -d zones/a@old", "destroy -d zones/a@kept"]
        );
        assert_eq!(
            real(&global(), POOL, "destroy -R zones/a@new"),
            ["destroy -R zones/c", "destroy zones/a@new"]
        );
    }

    #[test]
    fn nothing_that_matches_is_an_error() {
        let said = "could not find any snapshots to destroy; check snapshot names.\n";
        for line in [
            "destroy zones/a@nosuch",
            "destroy zones/a@nosuch%new",
            "destroy zones@%",
        ] {
            assert_eq!(refusal(&global(), POOL, line), (said.into(), 1), "{line}");
        }
    }

    #[test]
    fn the_same_name_in_all_below_goes_with_r() {
        assert_eq!(
            real(&global(), POOL, "destroy -r zones/a@old"),
            ["destroy zones/a@old", "destroy zones/a/b@old"]
        );
    }

    #[test]
    fn children_and_clones_are_named_and_kept() {
        assert_eq!(
            refusal(
                &global(),
                "zones\nzones/a\nzones/a@s\nzones/a/b",
                "destroy zones/a"
            ),
            (
                "cannot destroy 'zones/a': filesystem has children\n\
                 use '-r' to destroy the following datasets:\nzones/a@s\nzones/a/b\n"
                    .into(),
                1
            )
        );
        assert_eq!(
            refusal(&global(), POOL, "destroy -r zones/a").0,
            "cannot destroy 'zones/a': filesystem has dependent clones\n\
             use '-R' to destroy the following datasets:\nzones/c\n"
        );
        assert_eq!(
            refusal(&global(), POOL, "destroy zones").0.lines().next(),
            Some("cannot destroy 'zones': operation does not apply to pools")
        );
    }

    // illumos destroys the snapshots before it finds the file system busy.
    #[test]
    fn snapshots_go_before_the_file_system_is_unmounted() {
        let deeds = try_plan(&global(), "zones\nzones/a\nzones/a@s", "destroy -r zones/a").unwrap();
        assert_eq!(
            deeds,
            [
                Deed::Real(words(&["destroy", "zones/a@s"])),
                Deed::Unmount {
                    names: words(&["zones/a"]),
                    by_force: false
                },
                Deed::Real(words(&["destroy", "-R", "zones/a"])),
            ]
        );
    }
}
