//! What was applied to the zone before, as the zone itself remembers it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::receipt::Receipt;
use crate::script::Script;

/// Where receipts live, one `RECIPE.json` each.
pub const RECEIPT_ROOT: &str = "/var/db/zonewright/receipts";

/// Recipe name → receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Receipts(pub BTreeMap<String, Receipt>);

pub(super) fn ask(script: Script) -> Script {
    script.set("root", RECEIPT_ROOT).shell(
        r#"
for path in "$root"/*.json; do
  [ -f "$path" ] && section "receipt:$path" 0 "$(<"$path")"
done
text=
for path in "$root"/*.unchecked; do
  [ -f "$path" ] && path=${path##*/} && text=$text${path%.unchecked}$'\n'
done
section unchecked 0 "$text"
"#,
    )
}

/// Recipes whose checks have not passed since something was last changed.
pub(super) fn parse_unchecked(sections: &Sections<'_>) -> Result<BTreeSet<String>, FactError> {
    let lines = sections.get("unchecked")?.lines()?;
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Receipts that cannot be read: path → why.
pub(super) fn parse_unreadable(sections: &Sections<'_>) -> BTreeMap<String, String> {
    let receipts = sections.with_argument("receipt");
    let unreadable = receipts.filter_map(|(path, section)| {
        let error = Receipt::parse(section.text).err()?;
        Some((path.to_owned(), error.to_string()))
    });
    unreadable.collect()
}

/// The receipts that can be read.
pub(super) fn parse(sections: &Sections<'_>) -> Receipts {
    let mut receipts = BTreeMap::new();
    for (_, section) in sections.with_argument("receipt") {
        if let Ok(receipt) = Receipt::parse(section.text) {
            receipts.insert(receipt.recipe.clone(), receipt);
        }
    }
    Receipts(receipts)
}
