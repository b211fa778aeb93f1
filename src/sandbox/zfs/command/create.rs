//! `zfs create` and `zfs clone`: new file systems.

use super::properties::{check, real_pairs, split_pairs};
use super::{Deed, Ground, Planned, absent, misuse, options, refuse};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::names::{Wanted, fault, parent};

const CREATE_USAGE: &str = "create [-p] [-o property=value] ... <filesystem>";
const CLONE_USAGE: &str = "clone [-p] [-o property=value] ... <snapshot> <filesystem|volume>";

/// `zfs create [-p] [-o p=v] ... FILESYSTEM`
pub(super) fn create(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "po:V:b:snPv", "V", CREATE_USAGE)?;
    if let Some(letter) = ['n', 'P', 'v']
        .into_iter()
        .find(|letter| options.has(*letter))
    {
        return Err(absent(&format!("create -{letter}")));
    }
    let [name] = one_operand(&options.operands, "filesystem", CREATE_USAGE)?;
    let pairs = split_pairs(&options.values('o'))?;
    make(ground, "create", &[name], options.has('p'), &pairs)
}

/// The deeds that make a file system of that kind, the last of the operands being its name.
fn make(
    ground: &Ground,
    kind: &str,
    operands: &[&String],
    makes_parents: bool,
    pairs: &[(String, String)],
) -> Planned {
    let Some(name) = operands.last().copied() else {
        return Ok(Vec::new());
    };
    let above = new_name(ground, name, makes_parents)?;
    if makes_parents && ground.view.find(name).is_some() {
        return Ok(Vec::new());
    }
    let action = format!("cannot create '{name}'");
    for (property, value) in pairs {
        check(None, false, property, value, &action)?;
        if ground.view.is_reserved_for_new(property) {
            return Err(refuse(format!("{action}: permission denied")));
        }
    }
    let mut deeds: Vec<Deed> = above
        .iter()
        .map(|name| Deed::Real(vec!["create".into(), name.clone()]))
        .collect();
    let mut words = vec![kind.to_owned()];
    words.extend(real_options(pairs));
    words.extend(operands.iter().map(|word| (*word).clone()));
    deeds.push(Deed::Real(words));
    deeds.push(Deed::Mount {
        names: above.into_iter().chain([name.clone()]).collect(),
        always: false,
    });
    Ok(deeds)
}

fn real_options(pairs: &[(String, String)]) -> Vec<String> {
    let real = pairs
        .iter()
        .flat_map(|(name, value)| real_pairs(name, value));
    real.flat_map(|pair| ["-o".to_owned(), pair]).collect()
}

/// `zfs clone [-p] [-o p=v] ... SNAPSHOT FILESYSTEM`
pub(super) fn clone(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "po:", "", CLONE_USAGE)?;
    let [snapshot, name] = match options.operands.as_slice() {
        [] => return Err(misuse("missing source dataset argument", CLONE_USAGE)),
        [_] => return Err(misuse("missing target dataset argument", CLONE_USAGE)),
        [snapshot, name] => [snapshot, name],
        _ => return Err(misuse("too many arguments", CLONE_USAGE)),
    };
    let pairs = split_pairs(&options.values('o'))?;
    ground.open_as(snapshot, true)?;
    make(ground, "clone", &[snapshot, name], options.has('p'), &pairs)
}

fn one_operand<'a>(
    operands: &'a [String],
    what: &str,
    usage: &str,
) -> Result<[&'a String; 1], Answer> {
    match operands {
        [] => Err(misuse(&format!("missing {what} argument"), usage)),
        [name] => Ok([name]),
        _ => Err(misuse("too many arguments", usage)),
    }
}

/// Refuses the name of a new file system that cannot be made; the missing ones above it, which
/// `-p` makes.
pub(super) fn new_name(
    ground: &Ground,
    name: &str,
    makes_parents: bool,
) -> Result<Vec<String>, Answer> {
    let action = format!("cannot create '{name}'");
    if let Some(why) = fault(name, Wanted::Dataset) {
        return Err(refuse(format!("{action}: {why}")));
    }
    let pool = name.split('/').next().unwrap_or_default();
    if pool != crate::sandbox::zfs::daemon::POOL {
        return Err(refuse(format!("{action}: no such pool '{pool}'")));
    }
    let Some(above) = parent(name) else {
        return Err(refuse(format!("{action}: missing dataset name")));
    };
    let mut missing: Vec<String> = Vec::new();
    let mut next = Some(above);
    while let Some(above) = next.filter(|above| ground.view.find(above).is_none()) {
        missing.insert(0, above.to_owned());
        next = parent(above);
    }
    if !missing.is_empty() && !makes_parents {
        return Err(refuse(format!("{action}: parent does not exist")));
    }
    if ground.view.find(name).is_some() && !makes_parents {
        return Err(refuse(format!("{action}: dataset already exists")));
    }
    ground.may_change(next.unwrap_or(name), &action)?;
    if ground.view.is_full_for(above, "filesystem_limit") {
        return Err(refuse(format!("{action}: out of space")));
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use crate::sandbox::zfs::asker::tests::{POOL, global, zone};
    use crate::sandbox::zfs::command::tests::{real, refusal};

    #[test]
    fn properties_are_given_along() {
        let line = "create -o quota=1G -o compression=lz4 -o a:b= zones/u1/data/new";
        assert_eq!(
            real(&zone("u1"), POOL, line),
            [
                "create -o quota=1G -o compression=lzjb -o zonewright.sandbox:compression=lz4 \
              -o a:b=  zones/u1/data/new"
            ]
        );
    }

    #[test]
    fn missing_parents_are_made_when_asked_for() {
        assert_eq!(
            real(&global(), POOL, "create -p zones/x/y/z"),
            ["create zones/x", "create zones/x/y", "create zones/x/y/z"]
        );
        assert_eq!(real(&global(), POOL, "create -p zones/backups"), [""; 0]);
    }

    #[test]
    fn a_name_that_cannot_be_is_refused_with_its_reason() {
        for (line, said) in [
            (
                "create zones/x/y",
                "cannot create 'zones/x/y': parent does not exist",
            ),
            (
                "create other/y",
                "cannot create 'other/y': no such pool 'other'",
            ),
            (
                "create zones/u1",
                "cannot create 'zones/u1': dataset already exists",
            ),
            (
                "create zones/a+b",
                "cannot create 'zones/a+b': invalid character '+' in name",
            ),
            (
                "create -o nosuch=1 zones/z",
                "cannot create 'zones/z': invalid property 'nosuch'",
            ),
            (
                "clone zones/u1@s zones/u1",
                "cannot create 'zones/u1': dataset already exists",
            ),
            (
                "clone zones/u1@t zones/x",
                "cannot open 'zones/u1@t': dataset does not exist",
            ),
        ] {
            assert_eq!(
                refusal(&global(), POOL, line),
                (format!("{said}\n"), 1),
                "{line}"
            );
        }
        assert_eq!(refusal(&global(), POOL, "create -V 1G zones/v").1, 99);
    }
}
