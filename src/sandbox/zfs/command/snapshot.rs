//! `zfs snapshot`: several at once, which zfs-fuse makes one after another.

use super::properties::{check, real_pairs, split_pairs};
use super::{Deed, Ground, Planned, misuse, options, refuse};
use crate::sandbox::zfs::names::{Wanted, dataset_of, fault};

const USAGE: &str = "snapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ...";

/// `zfs snapshot [-r] [-o p=v] ... A@s B@s ...`
///
/// On illumos all are made in one transaction. What could keep one of them from being made is
/// therefore looked for before the first is.
pub(super) fn snapshot(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "ro:", "", USAGE)?;
    if options.operands.is_empty() {
        return Err(misuse("missing snapshot argument", USAGE));
    }
    let pairs = split_pairs(&options.values('o'))?;
    let mut wanted: Vec<String> = Vec::new();
    for name in &options.operands {
        let action = format!("cannot create snapshot '{name}'");
        if let Some(why) = fault(name, Wanted::Snapshot) {
            return Err(refuse(format!("{action}: {why}")));
        }
        let dataset = ground.open(dataset_of(name))?;
        ground.may_change(name, &action)?;
        wanted.push(name.clone());
        if options.has('r') {
            let below = ground.tree(&dataset.name).into_iter().skip(1);
            let tag = name.split('@').nth(1).unwrap_or_default();
            wanted.extend(below.map(|below| format!("{below}@{tag}")));
        }
    }
    for (property, value) in &pairs {
        let is_own = crate::sandbox::zfs::names::is_user_property(property);
        let action = format!("cannot create snapshot '{}'", wanted.join(" "));
        check(None, !is_own, property, value, &action)?;
    }
    let is_alone = wanted.len() == 1;
    for (at, name) in wanted.iter().enumerate() {
        let earlier = wanted.iter().take(at);
        let is_twice = earlier
            .into_iter()
            .any(|other| dataset_of(other) == dataset_of(name));
        let why = if is_twice {
            "multiple snapshots of same fs not allowed"
        } else if ground.view.datasets.find(name).is_some() {
            "dataset already exists"
        } else if ground.view.is_full_for(dataset_of(name), "snapshot_limit") {
            // (inferred: libzfs has no other words for a quota that is reached)
            "out of space"
        } else {
            continue;
        };
        let mut answer = refuse(format!("cannot create snapshot '{name}': {why}"));
        if !is_alone {
            answer.complain("no snapshots were created");
        }
        return Err(answer);
    }
    let real: Vec<String> = pairs
        .iter()
        .flat_map(|(name, value)| real_pairs(name, value))
        .flat_map(|pair| ["-o".to_owned(), pair])
        .collect();
    let deeds = wanted.into_iter().map(|name| {
        let words = [vec!["snapshot".to_owned()], real.clone(), vec![name]];
        Deed::Real(words.concat())
    });
    Ok(deeds.collect())
}

#[cfg(test)]
mod tests {
    use crate::sandbox::zfs::asker::tests::{POOL, global, zone};
    use crate::sandbox::zfs::command::tests::{real, refusal};

    #[test]
    fn several_are_made_one_after_another() {
        assert_eq!(
            real(
                &zone("u1"),
                POOL,
                "snapshot -o a:b=1 zones/u1/data@x zones/u1/data/mac@x"
            ),
            [
                "snapshot -o a:b=1 zones/u1/data@x",
                "snapshot -o a:b=1 zones/u1/data/mac@x"
            ]
        );
        assert_eq!(
            real(&zone("u1"), POOL, "snapshot -r zones/u1/data@x"),
            ["snapshot zones/u1/data@x", "snapshot zones/u1/data/mac@x"]
        );
    }

    #[test]
    fn none_is_made_where_one_cannot_be() {
        let said = "cannot create snapshot 'zones/u1/data/mac@s': dataset already exists\n";
        assert_eq!(
            refusal(&global(), POOL, "snapshot zones/u1/data/mac@s"),
            (said.into(), 1)
        );
        let both = format!("{said}no snapshots were created\n");
        for line in [
            "snapshot zones/u1/data@s zones/u1/data/mac@s",
            "snapshot -r zones/u1/data@s",
        ] {
            assert_eq!(refusal(&global(), POOL, line), (both.clone(), 1));
        }
        let (text, code) = refusal(&global(), POOL, "snapshot zones@x zones@y");
        assert!(
            text.contains("multiple snapshots of same fs not allowed"),
            "{text}"
        );
        assert_eq!(code, 1);
    }

    #[test]
    fn a_name_without_a_snapshot_in_it_is_refused() {
        assert_eq!(
            refusal(&global(), POOL, "snapshot zones").0,
            "cannot create snapshot 'zones': missing '@' delimiter in snapshot name\n"
        );
        assert_eq!(
            refusal(&global(), POOL, "snapshot zones/no@x").0,
            "cannot open 'zones/no': dataset does not exist\n"
        );
        assert_eq!(refusal(&global(), POOL, "snapshot").1, 2);
    }
}
