//! What a package says of itself.

use serde_json::{Value, json};
use zonewright::script::quote;

use super::ledger::{Joined, Ledger, joined};
use super::place::Place;

const SUMMARY: &str = "recipe package.summary";
const LICENSE: &str = "recipe package.license";
const HOMEPAGE: &str = "recipe package.homepage";

fn one(path: &str, between: &str) -> Joined {
    let mut all = joined(path, between, 999);
    assert_eq!(all.len(), 1, "{path} does not fit into one text");
    all.remove(0)
}

pub fn add(recipe: &mut Value) {
    recipe["package"] = json!({
        "name": super::strange::NAME, "version": "1.0",
        "summary": one(SUMMARY, " ").raw,
        "license": one(LICENSE, " ").raw,
        "homepage": one(HOMEPAGE, "/").raw,
    });
}

pub fn read(place: &Place, ledger: &mut Ledger) {
    let ask = |what: &str| {
        let name = quote("zw-strange");
        place
            .zone
            .shell(&format!("pkg_info {what} {name}"))
            .trim_end_matches('\n')
            .to_owned()
    };
    let index = place.zone.shell("pkg_info | grep '^zw-strange-1.0 '");
    let (_, comment) = index.trim_end_matches('\n').split_once(' ').unwrap();
    ledger.hold(SUMMARY, &one(SUMMARY, " "), comment.trim_start());
    ledger.hold(LICENSE, &one(LICENSE, " "), &ask("-Q LICENSE"));
    ledger.hold(HOMEPAGE, &one(HOMEPAGE, "/"), &ask("-Q HOMEPAGE"));
    let description = ask("-qd");
    assert!(
        description.starts_with(&one(SUMMARY, " ").arrives),
        "{description}"
    );
}
