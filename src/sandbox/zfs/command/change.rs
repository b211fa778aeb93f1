//! `zfs rename`, `zfs promote` and `zfs rollback`.

use super::create::new_name;
use super::{Deed, Ground, Planned, misuse, options, refuse, words};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::asker::Owner;
use crate::sandbox::zfs::names::{Wanted, dataset_of, fault, is_within, parent};

const RENAME_USAGE: &str = "rename [-f] <filesystem|volume|snapshot> <filesystem|volume|snapshot>";
const PROMOTE_USAGE: &str = "promote <clone-filesystem>";
const ROLLBACK_USAGE: &str = "rollback [-rRf] <snapshot>";

/// `zfs rename [-fpr] FROM TO`
pub(super) fn rename(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "fpr", "", RENAME_USAGE)?;
    let [from, to] = match options.operands.as_slice() {
        [] => return Err(misuse("missing source dataset argument", RENAME_USAGE)),
        [_] => return Err(misuse("missing target dataset argument", RENAME_USAGE)),
        [from, to] => [from, to],
        _ => return Err(misuse("too many arguments", RENAME_USAGE)),
    };
    let dataset = ground.open(from)?;
    if dataset.is_snapshot() {
        return rename_snapshot(ground, from, to, options.has('r'));
    }
    if options.has('r') {
        return Err(misuse("source dataset must be a snapshot", RENAME_USAGE));
    }
    ground.may_change(from, &format!("cannot rename '{from}'"))?;
    if dataset.get("zoned") == Some("on") && ground.view.asker.owner == Owner::Global {
        return Err(refuse(format!(
            "cannot rename '{from}': dataset is used in a non-global zone"
        )));
    }
    if parent(from).is_none() {
        return Err(refuse(format!(
            "cannot rename '{from}': operation does not apply to pools"
        )));
    }
    if is_within(to, from) {
        return Err(refuse(format!(
            "cannot rename '{from}': new dataset name cannot be a descendant of current dataset name"
        )));
    }
    let above = new_name(ground, to, false).or_else(|answer| {
        if options.has('p') {
            new_name(ground, to, true)
        } else {
            Err(answer)
        }
    })?;
    let mut deeds: Vec<Deed> = above
        .iter()
        .map(|name| Deed::Real(vec!["create".into(), name.clone()]))
        .collect();
    deeds.push(Deed::Unmount {
        names: ground.tree(from),
        by_force: options.has('f'),
    });
    deeds.push(Deed::Rename {
        from: from.clone(),
        to: to.clone(),
    });
    deeds.push(Deed::Mount {
        names: above,
        always: false,
    });
    deeds.push(Deed::Remount {
        from: from.clone(),
        to: to.clone(),
    });
    Ok(deeds)
}

fn rename_snapshot(ground: &Ground, from: &str, to: &str, is_recursive: bool) -> Planned {
    let dataset = dataset_of(from);
    let to = if to.starts_with('@') {
        format!("{dataset}{to}")
    } else {
        to.to_owned()
    };
    if dataset_of(&to) != dataset {
        return Err(refuse("snapshots must be part of same dataset"));
    }
    if let Some(why) = fault(&to, Wanted::Snapshot) {
        return Err(refuse(format!("cannot rename to '{to}': {why}")));
    }
    ground.may_change(from, &format!("cannot rename '{from}'"))?;
    if ground.view.find(&to).is_some() {
        return Err(refuse(format!(
            "cannot rename '{from}': dataset already exists"
        )));
    }
    let mut line = words(&["rename"]);
    if is_recursive {
        line.push("-r".into());
    }
    line.extend([from.to_owned(), to]);
    Ok(vec![Deed::Real(line)])
}

/// `zfs promote CLONE`
pub(super) fn promote(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "", "", PROMOTE_USAGE)?;
    let name = match options.operands.as_slice() {
        [] => return Err(misuse("missing clone filesystem argument", PROMOTE_USAGE)),
        [name] => name,
        _ => return Err(misuse("too many arguments", PROMOTE_USAGE)),
    };
    let dataset = ground.open_as(name, false)?;
    let action = format!("cannot promote '{name}'");
    ground.may_change(name, &action)?;
    let origin = dataset.get("origin").filter(|origin| *origin != "-");
    let Some(origin) = origin else {
        return Err(refuse(format!("{action}: not a cloned filesystem")));
    };
    ground.may_change(origin, &action)?;
    let moving = ground.view.datasets.snapshots_of(dataset_of(origin));
    let born = ground
        .view
        .datasets
        .find(origin)
        .map_or(0, |o| o.number("createtxg"));
    let mut moving = moving.filter(|snapshot| snapshot.number("createtxg") <= born);
    let own = |tag: &str| {
        ground
            .view
            .datasets
            .find(&format!("{name}@{tag}"))
            .is_some()
    };
    if let Some(both) = moving.find(|snapshot| own(snapshot.tag())) {
        return Err(refuse(format!(
            "{action}: snapshot name '{}' from origin \nconflicts with '{}' from target",
            both.name,
            format_args!("{name}@{}", both.tag())
        )));
    }
    Ok(vec![Deed::Real(words(&["promote", name]))])
}

/// `zfs rollback [-rRf] SNAPSHOT`
pub(super) fn rollback(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "rRf", "", ROLLBACK_USAGE)?;
    let name = match options.operands.as_slice() {
        [] => return Err(misuse("missing dataset argument", ROLLBACK_USAGE)),
        [name] => name,
        _ => return Err(misuse("too many arguments", ROLLBACK_USAGE)),
    };
    let snapshot = ground.open_as(name, true)?;
    let dataset = dataset_of(name);
    ground.may_change(dataset, &format!("cannot rollback '{dataset}'"))?;
    let born = snapshot.number("createtxg");
    let all = ground.view.datasets.snapshots_of(dataset);
    let newer: Vec<_> = all
        .filter(|other| other.number("createtxg") > born)
        .collect();
    let takes_clones = options.has('R');
    if !newer.is_empty() && !options.has('r') && !takes_clones {
        let mut answer = refuse(format!(
            "cannot rollback to '{name}': more recent snapshots or bookmarks exist"
        ));
        answer.complain("use '-r' to force deletion of the following snapshots and bookmarks:");
        newer.iter().for_each(|newer| answer.complain(&newer.name));
        return Err(answer);
    }
    let clones: Vec<&str> = newer
        .iter()
        .flat_map(|newer| ground.view.datasets.clones_of(&newer.name))
        .map(|clone| clone.name.as_str())
        .collect();
    if !clones.is_empty() && !takes_clones {
        return Err(with_clones(name, &clones));
    }
    if let Some(held) = newer.iter().find(|newer| newer.number("userrefs") > 0) {
        return Err(refuse(format!(
            "cannot destroy '{}': dataset is busy",
            held.name
        )));
    }
    let mut deeds: Vec<Deed> = Vec::new();
    for clone in clones {
        deeds.push(Deed::Unmount {
            names: ground.tree(clone),
            by_force: options.has('f'),
        });
        deeds.push(Deed::Real(words(&["destroy", "-R", clone])));
    }
    let newer = newer.iter().rev();
    deeds.extend(newer.map(|newer| Deed::Real(words(&["destroy", &newer.name]))));
    deeds.push(Deed::Real(words(&["rollback", name])));
    Ok(deeds)
}

fn with_clones(name: &str, clones: &[&str]) -> Answer {
    let mut answer = refuse(format!(
        "cannot rollback to '{name}': clones of previous snapshots exist"
    ));
    answer.complain("use '-R' to force deletion of the following clones and dependents:");
    clones.iter().for_each(|clone| answer.complain(clone));
    answer
}

#[cfg(test)]
mod tests {
    use crate::sandbox::zfs::asker::tests::global;
    use crate::sandbox::zfs::command::tests::{real, refusal};

    const POOL: &str = "zones\nzones/a\nzones/a@1\nzones/a@2\nzones/a@3 userrefs=0\n\
        zones/b origin=zones/a@2!-\nzones/b@2\nzones/c origin=zones/a@1!-";

    #[test]
    fn newer_snapshots_stand_in_the_way_of_a_rollback() {
        assert_eq!(
            refusal(&global(), POOL, "rollback zones/a@2"),
            (
                "cannot rollback to 'zones/a@2': more recent snapshots or bookmarks exist\n\
                 use '-r' to force deletion of the following snapshots and bookmarks:\n\
                 zones/a@3\n"
                    .into(),
                1
            )
        );
        assert_eq!(
            real(&global(), POOL, "rollback -r zones/a@2"),
            ["destroy zones/a@3", "rollback zones/a@2"]
        );
        assert_eq!(
            real(&global(), POOL, "rollback zones/a@3"),
            ["rollback zones/a@3"]
        );
    }

    #[test]
    fn a_clone_of_a_newer_snapshot_stands_in_the_way_even_of_r() {
        assert_eq!(
            refusal(&global(), POOL, "rollback -r zones/a@1").0,
            "cannot rollback to 'zones/a@1': clones of previous snapshots exist\n\
             use '-R' to force deletion of the following clones and dependents:\n\
             zones/b\n"
        );
        assert_eq!(
            real(&global(), POOL, "rollback -R zones/a@1"),
            [
                "destroy -R zones/b",
                "destroy zones/a@3",
                "destroy zones/a@2",
                "rollback zones/a@1"
            ]
        );
    }

    #[test]
    fn a_held_newer_snapshot_fails_a_rollback() {
        let held = POOL.replace("userrefs=0", "userrefs=1");
        assert_eq!(
            refusal(&global(), &held, "rollback -r zones/a@2").0,
            "cannot destroy 'zones/a@3': dataset is busy\n"
        );
    }

    #[test]
    fn a_rename_takes_what_is_below_along_and_refuses_what_is_there() {
        assert_eq!(
            real(&global(), POOL, "rename zones/a zones/d"),
            ["rename zones/a zones/d"]
        );
        assert_eq!(
            real(&global(), POOL, "rename zones/a@1 @0"),
            ["rename zones/a@1 zones/a@0"]
        );
        for (line, said) in [
            (
                "rename zones/a zones/b",
                "cannot create 'zones/b': dataset already exists",
            ),
            (
                "rename zones/a zones/x/y",
                "cannot create 'zones/x/y': parent does not exist",
            ),
            (
                "rename zones/a@1 zones/b@1",
                "snapshots must be part of same dataset",
            ),
            (
                "rename zones/a@1 @2",
                "cannot rename 'zones/a@1': dataset already exists",
            ),
        ] {
            assert_eq!(
                refusal(&global(), POOL, line),
                (format!("{said}\n"), 1),
                "{line}"
            );
        }
    }

    #[test]
    fn only_a_clone_can_be_promoted_and_no_name_may_be_there_twice() {
        assert_eq!(
            real(&global(), POOL, "promote zones/c"),
            ["promote zones/c"]
        );
        assert_eq!(
            refusal(&global(), POOL, "promote zones/a").0,
            "cannot promote 'zones/a': not a cloned filesystem\n"
        );
        assert!(
            refusal(&global(), POOL, "promote zones/b")
                .0
                .contains("conflicts with 'zones/b@2'")
        );
    }
}
