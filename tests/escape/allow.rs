//! Why a recipe allows what `recipe check` would tell: where the check says what is allowed.

use serde_json::{Value, json};

use super::ledger::{Ledger, texts};
use super::place::{Place, is_fit_for_a_terminal};

pub fn read(place: &Place, ledger: &mut Ledger) {
    let field = "recipe allow[].reason";
    for text in texts(field) {
        let recipe = json!({
            "package": { "name": "allowing", "version": "1.0", "summary": "A test" },
            "source": [{ "urls": ["https://example.org/archive/1.0.tar.gz"], "sha256": "1".repeat(64) }],
            "build": { "system": "make" },
            "allow": [{ "rule": "archive-url", "reason": text }],
        });
        place.recipe("allowing", &recipe);
        is_fit_for_a_terminal(&place.zone.run(&["recipe", "check", "allowing", "-v"]));
        let check = place.zone.run(&["recipe", "check", "allowing", "--json"]);
        is_fit_for_a_terminal(&check);
        let said: Value = serde_json::from_str(&check.succeeds().out).unwrap();
        let found = said["files"][0]["allowed"][0]["reason"].as_str();
        ledger.hold_one(field, &text, found.unwrap().as_bytes());
    }
}
