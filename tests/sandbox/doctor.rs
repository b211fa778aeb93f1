//! `doctor` on zones that serve, ail, and are not there.

use std::collections::BTreeSet;

use zonewright::facts::{health, host_health};

use super::harness::Zone;
use crate::script_grammar;

/// What is said of a zone, as `VERDICT WHAT: SAYS`, without what is fine.
fn complaints(zone: &Zone, status: i32) -> Vec<String> {
    let ran = zone.run(&["doctor", &zone.alias, "--json"]);
    assert_eq!(ran.status, status, "{ran}");
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let subject = format!("zone {}", zone.alias);
    let examined = document["examined"].as_array().unwrap();
    let one = examined.iter().find(|one| one["subject"] == *subject);
    let findings = one.unwrap()["findings"].as_array().unwrap().iter();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let bad = findings.filter(|finding| finding["verdict"] != "fine");
    bad.map(|f| {
        format!(
            "{} {}: {}",
            text(f, "verdict"),
            text(f, "what"),
            text(f, "says")
        )
    })
    .collect()
}

#[test]
fn the_doctor_sees_what_ails_a_zone_and_changes_nothing() {
    let Some(zone) = Zone::serving("doctor") else {
        return;
    };
    let wrong = |found: &[String]| {
        let wrong = found.iter().filter(|found| found.starts_with("wrong"));
        wrong.cloned().collect::<Vec<String>>()
    };
    assert_eq!(wrong(&complaints(&zone, 0)), [""; 0]);
    zone.shell("/usr/sbin/svcadm mark -I maintenance svc:/site/greeter:default");
    zone.until("[ \"$(/usr/bin/svcs -H -o state svc:/site/greeter:default)\" = maintenance ]");
    zone.shell(
        "echo 'https://pkgsrc.joyent.com/packages/SmartOS/2023Q4/x86_64/All' \
         >>/opt/local/etc/pkgin/repositories.conf",
    );
    let ailing = wrong(&complaints(&zone, 1));
    assert_eq!(
        ailing,
        [
            "wrong pkgsrc branch: pkgin's repository is at pkgsrc.joyent.com, which moved in 2022",
            "wrong pkgsrc branch: the image is 2024Q4, and pkgin takes packages of 2023Q4",
            "wrong services: svc:/site/greeter:default is in the state maintenance",
        ]
    );
    let state = zone.shell("/usr/bin/svcs -H -o state svc:/site/greeter:default");
    assert_eq!(state.trim(), "maintenance");
    // for people: each with what to do, and what could not be looked at apart
    let ran = zone.run(&["doctor", &zone.alias]);
    assert_eq!(ran.status, 1, "{ran}");
    for said in [
        "✗ services ",
        "→ `svcs -xv svc:/site/greeter:default`",
        "? datasets ",
        "not checked: ",
    ] {
        assert!(ran.out.contains(said), "{said}\n{ran}");
    }
    zone.run(&["sandbox", "down", &zone.alias]).succeeds();
    assert_eq!(
        complaints(&zone, 1),
        ["wrong reached: the zone is not there"]
    );
}

#[test]
fn what_the_doctor_asks_is_within_the_grammar() {
    let fmris = BTreeSet::from(["svc:/site/a:default".to_owned()]);
    let ports = BTreeSet::from([548]);
    for script in [health::probe(&fmris, &ports), host_health::probe()] {
        let found = script_grammar::check(script.body());
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [""; 0], "{}", script.name());
    }
}
