//! `zfs mount` and `zfs unmount`, of the asker's own zone.

use super::{Deed, Ground, Planned, misuse, options, refuse};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::asker;
use crate::sandbox::zfs::model::Dataset;

const MOUNT_USAGE: &str = "mount\n\tmount [-vO] [-o opts] <-a | filesystem>";
const UNMOUNT_USAGE: &str = "unmount [-f] <-a | filesystem|mountpoint>";

/// `zfs mount`, `zfs mount -a`, `zfs mount FILESYSTEM`
pub(super) fn mount(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "aflo:Ov", "floO", MOUNT_USAGE)?;
    if options.has('a') {
        if !options.operands.is_empty() {
            return Err(misuse("too many arguments", MOUNT_USAGE));
        }
        if !ground.view.asker.is_root {
            return Err(refuse("cannot mount: permission denied"));
        }
        let own = ground.view.all().filter(|dataset| is_own(ground, dataset));
        return Ok(vec![Deed::Mount {
            names: own.map(|dataset| dataset.name.clone()).collect(),
            always: false,
        }]);
    }
    let name = match options.operands.as_slice() {
        [] => return Ok(vec![Deed::Say(table(ground))]),
        [name] => name,
        _ => return Err(misuse("too many arguments", MOUNT_USAGE)),
    };
    let dataset = ground.open_as(name, false)?;
    let action = format!("cannot mount '{name}'");
    ground.may_change(name, &action)?;
    let get = |property| dataset.get(property).unwrap_or_default();
    if !is_own(ground, dataset) {
        // In the global zone; what a zone does not own it does not get here with.
        return Err(refuse(format!(
            "{action}: dataset is exported to a local zone"
        )));
    }
    let why = match get("mountpoint") {
        "legacy" => {
            let mut answer = refuse(format!("{action}: legacy mountpoint"));
            answer.complain("use mount(1M) to mount this filesystem");
            return Err(answer);
        }
        "none" => "no mountpoint set",
        _ if get("canmount") == "off" => "'canmount' property is set to 'off'",
        _ if ground.mountpoint_of(name).is_some() => "filesystem already mounted",
        _ => {
            return Ok(vec![Deed::Mount {
                names: vec![name.clone()],
                always: true,
            }]);
        }
    };
    Err(refuse(format!("{action}: {why}")))
}

fn is_own(ground: &Ground, dataset: &Dataset) -> bool {
    !dataset.is_snapshot() && asker::owner(dataset).as_ref() == Some(&ground.view.asker.owner)
}

// zfs mount
// zones/u/data                    /data
fn table(ground: &Ground) -> Answer {
    let mut answer = Answer::default();
    for (name, path) in ground.mounted {
        answer.say(format!("{name:<30}  {path}"));
    }
    answer
}

/// `zfs unmount [-f] <-a | FILESYSTEM | MOUNTPOINT>`
pub(super) fn unmount(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "af", "", UNMOUNT_USAGE)?;
    let by_force = options.has('f');
    if options.has('a') {
        let names = ground
            .mounted
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        return Ok(vec![Deed::Unmount { names, by_force }]);
    }
    let asked = match options.operands.as_slice() {
        [] => return Err(misuse("missing filesystem argument", UNMOUNT_USAGE)),
        [name] => name,
        _ => return Err(misuse("too many arguments", UNMOUNT_USAGE)),
    };
    let by_path = ground.mounted.iter().find(|(_, path)| path == asked);
    let name = match by_path {
        Some((name, _)) => name,
        None if asked.starts_with('/') => {
            return Err(refuse(format!(
                "cannot unmount '{asked}': not currently mounted"
            )));
        }
        None => asked,
    };
    let dataset = ground.open_as(name, false)?;
    let action = format!("cannot unmount '{name}'");
    ground.may_change(name, &action)?;
    if ground.mountpoint_of(name).is_none() {
        return Err(refuse(format!("{action}: not currently mounted")));
    }
    let below = ground.tree(&dataset.name);
    Ok(vec![Deed::Unmount {
        names: below,
        by_force,
    }])
}

#[cfg(test)]
mod tests {
    use crate::sandbox::zfs::asker::tests::{POOL, global, zone};
    use crate::sandbox::zfs::command::Deed;
    use crate::sandbox::zfs::command::tests::{refusal, try_plan};

    #[test]
    fn all_that_is_the_askers_own_is_mounted() {
        let names = |asker| match try_plan(&asker, POOL, "mount -a").unwrap().pop() {
            Some(Deed::Mount { names, .. }) => names,
            other => panic!("{other:?}"),
        };
        assert_eq!(names(zone("u1")), ["zones/u1/data", "zones/u1/data/mac"]);
        assert_eq!(
            names(global()),
            ["zones", "zones/backups", "zones/u1", "zones/u2"]
        );
    }

    #[test]
    fn what_cannot_be_mounted_says_why() {
        let text =
            "zones\nzones/a mountpoint=none\nzones/b canmount=off\nzones/c mountpoint=legacy";
        for (line, said) in [
            (
                "mount zones/a",
                "cannot mount 'zones/a': no mountpoint set\n",
            ),
            (
                "mount zones/b",
                "cannot mount 'zones/b': 'canmount' property is set to 'off'\n",
            ),
            (
                "mount zones/c",
                "cannot mount 'zones/c': legacy mountpoint\nuse mount(1M) to mount this filesystem\n",
            ),
            (
                "unmount zones/a",
                "cannot unmount 'zones/a': not currently mounted\n",
            ),
            ("unmount /x", "cannot unmount '/x': not currently mounted\n"),
        ] {
            assert_eq!(refusal(&global(), text, line), (said.into(), 1), "{line}");
        }
        assert_eq!(
            refusal(&global(), POOL, "mount zones/u1/data").0,
            "cannot mount 'zones/u1/data': dataset is exported to a local zone\n"
        );
    }
}
