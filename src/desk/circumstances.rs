//! The zones for which a recipe would be different: every branch and brand that a `when` tells apart.
//!
//! The version is the recipe's own, so what is for other versions is used by no zone of today; it is
//! named as not checked.

use std::collections::BTreeSet;

use crate::recipe::LoadedRecipe;
use crate::recipe::tree::{Node, Value};
use crate::recipe::when::operands;

/// A branch and a brand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Zone {
    pub branch: String,
    pub brand: &'static str,
}

/// What is tried where nothing tells branches or brands apart.
const BRANCH: &str = "2024Q4";
const BRANDS: [&str; 2] = ["joyent", "joyent-minimal"];

/// One zone of each kind that the recipe's conditions can tell apart.
pub(super) fn zones(loaded: &LoadedRecipe) -> Vec<Zone> {
    let mut branches = BTreeSet::new();
    let mut has_brands = false;
    each_condition(&loaded.document.root, &mut |when| {
        has_brands |= when.has("brand");
        let condition = when.text("branch");
        for branch in operands(&condition).filter(|branch| !branch.is_empty()) {
            branches.extend(around(branch));
        }
    });
    if branches.is_empty() {
        branches.insert(BRANCH.to_owned());
    }
    let brands = if has_brands {
        &BRANDS[..]
    } else {
        &BRANDS[..1]
    };
    // newest first: what is wrong there is what most people meet
    let branches = branches.iter().rev();
    branches
        .flat_map(|branch| {
            brands.iter().map(|brand| Zone {
                branch: branch.clone(),
                brand,
            })
        })
        .collect()
}

/// A branch and its neighbours: on one side of each, conditions hold that do not on the other.
fn around(branch: &str) -> Vec<String> {
    let parsed = branch.split_once('Q').and_then(|(year, quarter)| {
        Some((year.parse::<u32>().ok()?, quarter.parse::<u32>().ok()?))
    });
    let Some((year, quarter)) = parsed.filter(|(year, quarter)| *year > 0 && *quarter > 0) else {
        return vec![branch.to_owned()];
    };
    let count = year * 4 + quarter - 1;
    let shown = |count: u32| format!("{}Q{}", count / 4, count % 4 + 1);
    vec![shown(count - 1), shown(count), shown(count + 1)]
}

/// Calls `see` with each `when` below the node.
fn each_condition(node: &Node, see: &mut dyn FnMut(&Node)) {
    match &node.value {
        Value::Table(entries) => {
            for entry in entries {
                if entry.key == "when" {
                    see(&entry.node);
                }
                each_condition(&entry.node, see);
            }
        }
        Value::List(items) => items.iter().for_each(|item| each_condition(item, see)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_has_neighbours_over_the_turn_of_the_year() {
        assert_eq!(around("2024Q1"), ["2023Q4", "2024Q1", "2024Q2"]);
        assert_eq!(around("2023Q4"), ["2023Q3", "2023Q4", "2024Q1"]);
        assert_eq!(around("trunk"), ["trunk"]);
    }
}
