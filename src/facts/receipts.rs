//! What was applied to the zone before, as the zone itself remembers it.

use std::collections::BTreeMap;

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
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Receipts, FactError> {
    let mut receipts = BTreeMap::new();
    for (path, section) in sections.with_argument("receipt") {
        let receipt: Receipt =
            serde_json::from_slice(section.text).map_err(|error| FactError::Line {
                command: "receipt",
                line: format!("{path}: {error}"),
            })?;
        receipts.insert(receipt.recipe.clone(), receipt);
    }
    Ok(Receipts(receipts))
}
