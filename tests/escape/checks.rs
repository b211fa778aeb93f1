//! Checks: their names, their commands and what their output must contain.

use serde_json::{Value, json};

use super::ledger::{Joined, Ledger, arrives, joined, texts};
use super::place::Place;

const NAMES: &str = "recipe check[].name";
const ARGUMENTS: &str = "recipe check[].command[1]";
const CONTAINS: &str = "recipe check[].contains";
const PROGRAM: &str = "recipe check[].command[0]";

fn program() -> Joined {
    joined(PROGRAM, "/", 900).remove(0)
}

pub fn add(recipe: &mut Value, place: &Place) {
    let program = program();
    place.recorders(&[&program.arrives]);
    let all = [
        vec!["/opt/record".to_owned(), "all".to_owned()],
        texts(ARGUMENTS),
    ]
    .concat();
    let mut checks = vec![
        json!({ "name": "the program", "command": [program.raw] }),
        json!({ "name": "all arguments", "command": all }),
    ];
    let (names, contains) = (texts(NAMES), texts(CONTAINS));
    for index in 0..names.len().max(contains.len()) {
        let plain = format!("check {index}");
        let mut check =
            json!({ "name": names.get(index).unwrap_or(&plain), "command": ["/opt/say", "x"] });
        if let Some(text) = contains.get(index).filter(|text| text.len() < 60_000) {
            check["command"] = json!(["/opt/say", text]);
            check["contains"] = json!(text);
        }
        checks.push(check);
    }
    recipe["check"] = json!(checks);
}

/// What the zone recorded, and what `apply` said of the checks.
pub fn read(place: &Place, ledger: &mut Ledger, checks: &Value) {
    let recorded = place.recorded("/var/tmp/checks");
    let wanted = program();
    let found = recorded.iter().find(|words| words[0] == wanted.arrives);
    ledger.hold(PROGRAM, &wanted, &found.unwrap()[0]);
    let all = recorded
        .iter()
        .find(|words| words.get(1).is_some_and(|word| word == "all"));
    for (text, found) in texts(ARGUMENTS).iter().zip(&all.unwrap()[2..]) {
        ledger.hold_one(ARGUMENTS, text, found.as_bytes());
    }
    let said: Vec<&str> = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for text in texts(NAMES) {
        assert!(
            said.contains(&&*arrives(NAMES, &text)),
            "{text} of {said:?}"
        );
        ledger.note(NAMES, &text);
    }
    // each was held against the output of a command that says it
    for text in texts(CONTAINS) {
        ledger.note(CONTAINS, &text);
    }
}
