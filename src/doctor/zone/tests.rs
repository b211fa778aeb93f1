//! One zone that is well, and each ailment alone.

use std::collections::BTreeMap;

use super::*;
use crate::doctor::{USER_SCRIPT, Verdict};
use crate::facts::machine::Machine;
use crate::facts::platform::Platform;

const NETATALK: &str = "svc:/network/netatalk:default";
const NOW: u64 = 1_795_392_000;

fn health() -> Health {
    let states = [(NETATALK, "online"), (MULTICAST, "online")];
    Health {
        platform: Platform {
            now: NOW,
            zone: "u".to_owned(),
            stamp: "joyent_20241212T000720Z".to_owned(),
            branch: Some("2024Q4".to_owned()),
            brand: Some("joyent".to_owned()),
            ..Platform::default()
        },
        machine: Machine {
            free: BTreeMap::from([("/opt".to_owned(), 5 << 30), ("/var".to_owned(), 6 << 30)]),
            ..Machine::default()
        },
        services: states.map(|(f, s)| (f.to_owned(), s.to_owned())).into(),
        repositories: vec![format!(
            "https://{NEW_HOST}/packages/SmartOS/2024Q4/x86_64/All"
        )],
        datasets: Ok(vec![Dataset {
            name: "zones/u/data".to_owned(),
            used: 1 << 30,
            available: 100 << 30,
            quota: 0,
            refquota: 0,
            is_mounted: true,
            mountpoint: "/zones/u/data".to_owned(),
        }]),
        listening: BTreeSet::from([548]),
        adverts: Ok(BTreeSet::from(["vault".to_owned()])),
    }
}

fn expected() -> Expected {
    Expected {
        fmris: [NETATALK, MULTICAST].map(str::to_owned).into(),
        afp_ports: BTreeSet::from([548]),
    }
}

fn status() -> ServerStatus {
    ServerStatus {
        utf8_name: Some("vault".to_owned()),
        versions: vec!["AFP3.4".to_owned()],
        ..ServerStatus::default()
    }
}

/// What is said of a zone besides what is fine.
fn complaints(change: impl Fn(&mut Health)) -> Vec<(Verdict, String)> {
    let mut health = health();
    change(&mut health);
    let status = status();
    let served = health.listening.contains(&548).then_some(&status);
    let findings = examine(&health, &expected(), served, NOW);
    for finding in &findings {
        let is_lame = finding.verdict >= Verdict::Notice && finding.fix.is_none();
        assert!(!is_lame, "nothing to do about {finding:?}");
    }
    let bad = findings.into_iter().filter(|f| f.verdict != Verdict::Fine);
    bad.map(|f| (f.verdict, format!("{}: {}", f.what, f.says)))
        .collect()
}

#[test]
fn a_zone_that_is_well_gets_no_complaint() {
    assert_eq!(complaints(|_| {}), []);
}

#[test]
fn each_ailment_is_said_and_no_other() {
    use Verdict::{NotChecked, Notice, Wrong};
    type Ailment = (fn(&mut Health), Verdict, &'static str);
    let ailments: &[Ailment] = &[
        (
            |h| h.platform.now -= 3600,
            Wrong,
            "clock: the zone's clock is 60 min behind",
        ),
        (
            |h| h.machine.uid = 100,
            Wrong,
            "login: the login has the uid 100",
        ),
        (
            |h| *h.machine.free.get_mut("/var").unwrap() = LITTLE - 1,
            Notice,
            "disk: ",
        ),
        (
            |h| *h.machine.free.get_mut("/var").unwrap() = TOO_LITTLE - 1,
            Wrong,
            "disk: ",
        ),
        (
            |h| h.machine.read_only.extend(["/var".to_owned()]),
            Wrong,
            "disk: /var cannot be written to",
        ),
        (
            |h| h.platform.branch = None,
            NotChecked,
            "pkgsrc branch: there is no /etc/pkgsrc_version",
        ),
        (
            |h| h.repositories.clear(),
            Wrong,
            "pkgsrc branch: 2024Q4, and pkgin has no repository",
        ),
        (
            |h| {
                h.repositories = vec![format!(
                    "http://{OLD_HOST}/packages/SmartOS/2024Q4/x86_64/All"
                )]
            },
            Wrong,
            "pkgsrc branch: pkgin's repository is at pkgsrc.joyent.com",
        ),
        (
            |h| {
                h.repositories
                    .push("file:///x/2023Q4/x86_64/All".to_owned())
            },
            Wrong,
            "pkgsrc branch: the image is 2024Q4, and pkgin takes packages of 2023Q4",
        ),
        (
            |h| {
                h.platform.branch = Some("2021Q4".to_owned());
                h.repositories = vec!["https://x/2021Q4/x86_64/All".to_owned()];
            },
            Notice,
            "pkgsrc branch: 2021Q4 has had no updates for a year",
        ),
        (
            |h| {
                drop(
                    h.services
                        .insert(NETATALK.to_owned(), "maintenance".to_owned()),
                )
            },
            Wrong,
            "services: svc:/network/netatalk:default is in the state maintenance",
        ),
        (
            |h| drop(h.services.remove(NETATALK)),
            Wrong,
            "services: there is no svc:/network/netatalk",
        ),
        (
            |h| {
                drop(
                    h.services
                        .insert("svc:/site/x:default".to_owned(), "offline".to_owned()),
                )
            },
            Notice,
            "services: svc:/site/x:default is in the state offline",
        ),
        (
            |h| {
                drop(
                    h.services
                        .insert(USER_SCRIPT.to_owned(), "maintenance".to_owned()),
                )
            },
            Wrong,
            "services: the zone's user-script failed",
        ),
        (
            |h| {
                drop(
                    h.services
                        .insert(MULTICAST.to_owned(), "disabled".to_owned()),
                )
            },
            Wrong,
            "multicast DNS: its responder is disabled: no Mac sees",
        ),
        (
            |h| h.adverts = Err("there is no dns-sd in it".to_owned()),
            NotChecked,
            "Bonjour: there is no dns-sd",
        ),
        (
            |h| h.adverts = Ok(BTreeSet::new()),
            Wrong,
            "Bonjour: no file server is announced",
        ),
        (
            |h| h.adverts = Ok(BTreeSet::from(["attic".to_owned()])),
            Wrong,
            "Bonjour: announced are attic, and not this one",
        ),
        (
            |h| h.datasets = Err("cannot open 'zones/u/data': dataset does not exist".to_owned()),
            NotChecked,
            "datasets: none is delegated to the zone",
        ),
        (
            |h| h.datasets = Err("there is no zfs in it".to_owned()),
            NotChecked,
            "datasets: there is no zfs in it",
        ),
        (
            |h| h.datasets.as_mut().unwrap()[0].is_mounted = false,
            Wrong,
            "datasets: zones/u/data is not mounted",
        ),
        (
            |h| h.datasets.as_mut().unwrap()[0].available = 1,
            Wrong,
            "datasets: zones/u/data has 1 B free",
        ),
        (
            |h| {
                let dataset = &mut h.datasets.as_mut().unwrap()[0];
                (dataset.used, dataset.available) = (97 << 30, 3 << 30);
            },
            Notice,
            "datasets: zones/u/data has 3",
        ),
    ];
    for (change, verdict, says) in ailments {
        let found = complaints(change);
        let [(found_verdict, found_says)] = &found[..] else {
            panic!("{says}: {found:?}");
        };
        assert_eq!(found_verdict, verdict, "{says}");
        assert!(found_says.starts_with(says), "{found_says}");
    }
}

#[test]
fn a_server_that_is_down_is_missed_at_its_port_and_on_the_network() {
    let found = complaints(|health| {
        health.listening.clear();
        health.adverts = Ok(BTreeSet::new());
    });
    let says: Vec<&str> = found.iter().map(|(_, says)| says.as_str()).collect();
    assert_eq!(
        says,
        [
            "file server: nothing listens on port 548",
            "Bonjour: no file server is announced on the network"
        ]
    );
}

#[test]
fn branches_end_with_the_next_quarter_or_after_three_years() {
    let end = |branch| end_of_support(branch).map(|end| 1970 + end / YEAR);
    assert_eq!(end("2024Q4"), Some(2028));
    assert_eq!(end("2024Q1"), Some(2024));
    assert_eq!(end("trunk"), None);
}
