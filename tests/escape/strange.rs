//! One zone whose files hold every text that the desk takes, applied and read back.

use serde_json::{Value, json};

use super::ledger::Ledger;
use super::place::{Place, is_fit_for_a_terminal};
use super::{allow, build, by_ssh, checks, files, package, services, shapes, users};
use crate::sandbox::harness::files_below;

/// The package's name, which a template among the texts names.
pub const NAME: &str = "strange";

#[test]
fn what_is_taken_arrives_byte_for_byte_and_is_never_executed() {
    let Some(place) = Place::new("strange") else {
        return;
    };
    let zone = &place.zone;
    let mut file = json!({
        "host": { "sandbox": true }, "zone": { "alias": "strange" }, "recipe": [{ "name": NAME }],
    });
    let mut recipe = json!({});
    package::add(&mut recipe);
    build::add(&mut recipe, &place);
    files::add(&mut recipe, &mut file, &place);
    services::add(&mut recipe, &place);
    users::add(&mut recipe, &mut file, &place);
    checks::add(&mut recipe, &place);
    place.recipe(NAME, &recipe);
    place.zone_file("strange", &file);
    let names = build::SYSTEMS.map(|(name, _)| name);
    for (index, name) in names.iter().enumerate() {
        if let Some(recipe) = build::of_system(&place, index) {
            place.recipe(name, &recipe);
            file["recipe"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "name": name }));
        }
    }
    place.zone_file("strange", &file);
    let mut ledger = Ledger::default();
    users::read_passwords(&mut ledger);
    allow::read(&place, &mut ledger);

    let plan = zone.plan().succeeds();
    is_fit_for_a_terminal(&plan);
    let applied = zone.run(&["apply", "strange", "--json", "-vv"]);
    is_fit_for_a_terminal(&applied);
    let applied = applied.succeeds();
    let said: Value = serde_json::from_str(&applied.out).unwrap();
    package::read(&place, &mut ledger);
    build::read(&place, &mut ledger, &applied.err);
    build::read_systems(&place, &mut ledger);
    files::read(&place, &mut ledger);
    users::read(&place, &mut ledger);
    checks::read(&place, &mut ledger, &said["zones"][0]["checks"]);
    services::read(&place, &mut ledger);
    place.nobody_was_pwned();

    // everything that depends on the parameter changes, and is said to
    zone.shell("svcadm enable -s svc:/site/strange svc:/site/long");
    let again = zone.run(&["plan", "strange", "--json"]).succeeds();
    is_fit_for_a_terminal(&again);
    let steps: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(steps["zones"][0]["steps"], json!([]), "{again}");
    file["recipe"][0]["parameters"]["round"] = json!("second");
    place.zone_file("strange", &file);
    let plan = zone.run(&["plan", "strange", "--json"]).succeeds();
    services::read_restarts(&mut ledger, &serde_json::from_str(&plan.out).unwrap());
    zone.shell(": >/opt/fail");
    let failed = zone.run(&["apply", "strange", "--json"]).exits(1);
    is_fit_for_a_terminal(&failed);
    let logs = files_below(&zone.folders().state);
    let logs: String = logs
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect();
    services::read_failure(&mut ledger, &logs);
    zone.shell("rm /opt/fail");
    for command in [
        &["log", "strange", "--full"][..],
        &["log", "strange", "--json"],
        &["status", "strange"],
    ] {
        is_fit_for_a_terminal(&zone.run(command));
    }
    by_ssh::read(&place, &mut ledger);
    shapes::read(&mut ledger);
    place.nobody_was_pwned();

    let missing = ledger.missing();
    let (count, fields) = ledger.count();
    println!("{count} texts of {fields} fields arrived");
    assert!(
        missing.is_empty(),
        "{} texts were not read back:\n{}",
        missing.len(),
        missing.join("\n")
    );
}
