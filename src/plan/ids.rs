//! The ids of accounts for which no file says one: out of a range that people leave free, by their names.
//!
//! `useradd` would take the highest one and one more: the one that the next person is going to be given,
//! and another one when the zone is made anew, while the files on its datasets keep the old one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Wanted;
use super::accounts::BUILD_USER;
use crate::facts::Facts;

/// People's ids begin with 501 on a Mac and with 1000 or 1001 elsewhere.
const RANGE: Range<u32> = 600..1000;

/// Account → the uid that it is made with.
pub(super) type Ids = BTreeMap<String, u32>;

/// Chooses for every account that is not there and has no uid in any file; what is there keeps its own.
/// As uid and as gid it is free, so that the group of the account's own name can have the same one.
pub(super) fn choose(wanted: &Wanted<'_>, facts: &Facts) -> Ids {
    let recipes = wanted.recipes.iter();
    let users = || {
        recipes
            .clone()
            .flat_map(|recipe| &recipe.bundle.recipe.users)
    };
    let known = &facts.accounts;
    let open = users().filter(|user| user.uid.is_none());
    let names = open.map(|user| user.name.as_str()).chain([BUILD_USER]);
    let names: BTreeSet<&str> = names
        .filter(|name| !known.users.contains_key(*name))
        .collect();
    let others = known.groups.iter();
    let others = others.filter(|(name, _)| !names.contains(name.as_str()));
    let mut taken: BTreeSet<u32> = others.map(|(_, gid)| *gid).collect();
    taken.extend(known.users.values().map(|user| user.uid));
    taken.extend(wanted.zone.users.iter().map(|user| user.uid));
    taken.extend(users().filter_map(|user| user.uid));
    let mut ids = Ids::new();
    for name in names {
        let first = RANGE.start + number(name) % (RANGE.end - RANGE.start);
        let mut from_first = (first..RANGE.end).chain(RANGE.start..first);
        // with none left the system chooses
        if let Some(id) = from_first.find(|id| !taken.contains(id)) {
            taken.insert(id);
            ids.insert(name.to_owned(), id);
        }
    }
    ids
}

/// A number that depends on the name alone.
fn number(name: &str) -> u32 {
    name.bytes().fold(0, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    })
}
