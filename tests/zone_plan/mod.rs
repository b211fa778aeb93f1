//! Zone files against what their hosts answered: the plan of each, to the letter.
//!
//! A case is a folder with `zone.toml`, `facts.json`, `plan.txt` and, unless the plan is a refusal or asks for
//! something, `after.json`, from which the plan must be empty. What `vmadm` says of a zone stands in the facts
//! as it says it. The facts are written from what is known of the systems, not recorded.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde::Deserialize;
use zonewright::facts::host::HostFacts;
use zonewright::plan::zone::{GivenZone, Place, WantedZone, ZonePlan, plan};
use zonewright::plan::{Input, Refusal, Work};
use zonewright::problem::{Severity, SourceText};
use zonewright::show::{Style, plan as show};
use zonewright::site::load::read_text;

const PLAIN: Style = Style {
    color: false,
    terminal: false,
};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA anna@mini";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct CaseGiven {
    takes_over: bool,
    reboots: bool,
    reprovisions: bool,
    replaces_failed: bool,
    loses_data: bool,
}

struct Case {
    folder: PathBuf,
    wanted: WantedZone,
    given: GivenZone,
}

impl Case {
    fn read(folder: PathBuf) -> Self {
        let path = folder.join("zone.toml");
        let text = fs::read_to_string(&path).unwrap();
        let source = Arc::new(SourceText { path, text });
        let (zone, problems) = read_text("case", source);
        let is_good = problems.iter().all(|p| p.severity == Severity::Warning);
        assert!(is_good, "{}: {problems:?}", folder.display());
        let wanted = WantedZone::of(&zone.unwrap().zone, [], vec![KEY.to_owned()]).unwrap();
        let given = fs::read(folder.join("given.json")).map_or_else(
            |_| CaseGiven::default(),
            |text| serde_json::from_slice(&text).unwrap(),
        );
        let given = GivenZone {
            takes_over: given.takes_over,
            reboots: given.reboots,
            reprovisions: given.reprovisions,
            replaces_failed: given.replaces_failed,
            loses_data: given.loses_data,
        };
        Self {
            folder,
            wanted,
            given,
        }
    }

    fn facts(&self, name: &str) -> Option<HostFacts> {
        let text = fs::read(self.folder.join(name)).ok()?;
        let facts = serde_json::from_slice(&text);
        Some(facts.unwrap_or_else(|error| panic!("{}/{name}: {error}", self.folder.display())))
    }
}

fn text(plan: &Result<ZonePlan, Vec<Refusal>>) -> String {
    let mut out = String::new();
    match plan {
        Ok(plan) => {
            out.push_str(&show::text(&plan.shown(), PLAIN));
            for note in &plan.notes {
                let _ = writeln!(out, "note: {note}");
            }
            for step in &plan.steps {
                let place = match step.place {
                    Place::Host => "on the host",
                    Place::Zone => "in the zone",
                };
                let _ = writeln!(out, "\n{}, {place}", step.step.id);
                if let Work::Script { script, input } = &step.step.work {
                    let _ = writeln!(out, "  {}", script.name());
                    if let Input::Bytes(bytes) = input {
                        out.push_str(std::str::from_utf8(bytes).unwrap());
                    }
                    let own =
                        |line: &&str| line.starts_with("run ") || line.starts_with("see_mounted ");
                    for line in script.body().lines().filter(own) {
                        let _ = writeln!(out, "  {line}");
                    }
                }
            }
        }
        Err(refusals) => {
            for refusal in refusals {
                let _ = writeln!(out, "refused: {}\nhelp: {}", refusal.message, refusal.help);
                out.push_str(refusal.diff.as_deref().unwrap_or_default());
            }
        }
    }
    out
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zone_plan");
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("zone.toml").is_file())
        .collect();
    folders.sort();
    assert!(folders.len() >= 30, "only {} cases", folders.len());
    folders.into_iter().map(Case::read).collect()
}

#[test]
fn every_zone_gets_its_exact_plan() {
    let mut wrong = Vec::new();
    for case in cases() {
        let facts = case.facts("facts.json").unwrap();
        let found = text(&plan(&case.wanted, &facts, case.given));
        let golden = case.folder.join("plan.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn afterwards_there_is_nothing_to_do() {
    for case in cases() {
        let Some(after) = case.facts("after.json") else {
            let facts = case.facts("facts.json").unwrap();
            let plan = plan(&case.wanted, &facts, case.given);
            assert!(
                plan.is_err() || plan.is_ok_and(|plan| !plan.asked.is_empty() || case.folder.ends_with("pinned")),
                "{}: only what asks for something has no after.json",
                case.folder.display()
            );
            continue;
        };
        let found = plan(&case.wanted, &after, GivenZone::default());
        let found =
            found.unwrap_or_else(|refusals| panic!("{}: {refusals:?}", case.folder.display()));
        assert!(found.is_empty(), "{}: {found:?}", case.folder.display());
    }
}

/// The scripts that a script carries for the zone's own shell.
fn inner_scripts(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("\ninside=")?;
    shlex::Shlex::new(rest).next()
}

#[test]
fn every_script_for_a_host_is_within_the_grammar() {
    use std::collections::BTreeSet;
    use zonewright::facts::host::{HostQuestions, ImageQuestion, probe, victims};
    use zonewright::plan::zone::{destruction, scripts};
    let mut bodies: BTreeSet<String> = BTreeSet::new();
    let questions = HostQuestions {
        alias: Some("timemachine".into()),
        uuid: Some("x".into()),
        image: Some(ImageQuestion::Uuid("y".into())),
        folders: vec!["/zones/backups".into()],
        processes: ["afpd".to_owned()].into(),
    };
    let named = HostQuestions {
        image: Some(ImageQuestion::Named {
            name: "base-64-lts".into(),
            version: "24.4.1".into(),
        }),
        ..HostQuestions::default()
    };
    let mut scripts = vec![
        probe(&questions),
        probe(&named),
        victims::ask("zones/x"),
        scripts::read_host_keys(),
        scripts::write_host_keys(),
    ];
    for case in cases() {
        let facts = case.facts("facts.json").unwrap();
        let vms = facts.vms.first();
        let mut steps: Vec<_> = vms.map(destruction).into_iter().collect();
        steps.extend(plan(&case.wanted, &facts, case.given).map_or(Vec::new(), |plan| plan.steps));
        for step in steps {
            if let Work::Script { script, .. } = step.step.work {
                scripts.push(script);
            }
        }
    }
    for script in &scripts {
        bodies.insert(script.body().to_owned());
        bodies.extend(inner_scripts(script.body()));
    }
    assert!(bodies.len() > 15, "{}", bodies.len());
    // what the functions `said NAME` and `run` are given is a command like any other
    let given: Vec<String> = bodies
        .iter()
        .flat_map(|body| body.lines())
        .filter_map(|line| {
            let said = line
                .strip_prefix("said ")
                .and_then(|rest| rest.split_once(' '));
            said.map(|(_, rest)| rest)
                .or_else(|| line.strip_prefix("run "))
        })
        .map(str::to_owned)
        .collect();
    assert!(
        given
            .iter()
            .any(|line| line.starts_with("/usr/sbin/vmadm lookup -j"))
    );
    bodies.extend(given);
    let wrong: BTreeSet<String> = bodies
        .iter()
        .flat_map(|body| crate::script_grammar::check(body))
        .filter(|violation| violation.command != "\"$@\"")
        .map(|violation| format!("{}: {}", violation.command, violation.reason))
        .collect();
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the script that waits for a zone hears in it where its services are online and `ipadm` prints this.
fn heard(inner: &str, addresses: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let rows = file("addresses", addresses);
    // addrobj,type,state,addr
    let fields = "case $4 in *,addr) fields=1,3- ;; *) fields=1,3 ;; esac";
    let ipadm = file("ipadm", &format!("{fields}\ncut -d: -f$fields {rows}\n"));
    let svcs = file("svcs", "echo 'online svc:/x'\n");
    let script = inner
        .replace("/usr/sbin/ipadm", &format!("/bin/sh {ipadm}"))
        .replace("/usr/bin/svcs", &format!("/bin/sh {svcs}"))
        .replace("/var/svc/", &format!("{}/", folder.path().display()));
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_zone_that_is_waited_for_is_ready_when_the_next_look_finds_it_so() {
    use zonewright::facts::host::inside::{Address, Inside};
    let cases = cases().into_iter();
    let body = cases
        .flat_map(|case| {
            let facts = case.facts("facts.json").unwrap();
            plan(&case.wanted, &facts, case.given).map_or(Vec::new(), |plan| plan.steps)
        })
        .find_map(|step| match step.step.work {
            Work::Script { script, .. } if step.step.id == "zone/ready" => {
                Some(script.body().to_owned())
            }
            _ => None,
        });
    let inner = inner_scripts(&body.unwrap()).unwrap();
    const LOCAL: &str = "net0/v6:addrconf:ok:fe80\\:\\:8\\:20ff/10\n";
    for (rows, wanted) in [
        ("lo0/v4:static:ok:127.0.0.1/8\n", "waits for an address\n"),
        (LOCAL, "waits for an address\n"),
        ("net0/_a:dhcp:ok:192.0.2.23/24\n", "ready\n"),
        ("net0/_a:addrconf:ok:2001\\:db8\\:\\:1/64\n", "ready\n"),
        ("net0/_a:dhcp:disabled:?\n", "waits for an address\n"),
        (
            "net0/_a:static:duplicate:192.0.2.23/24\n",
            "broken another machine has its address\n",
        ),
    ] {
        let rows = format!("{LOCAL}{rows}lo0/v6:static:ok:\\:\\:1/128\n");
        assert_eq!(heard(&inner, &rows), wanted, "{rows}");
        let addresses = rows.lines().map(|row| {
            let row = row.replace("\\:", "|");
            let cells: Vec<String> = row.split(':').map(|cell| cell.replace('|', ":")).collect();
            let [object, kind, state, address] = <[String; 4]>::try_from(cells).unwrap();
            Address {
                object,
                kind,
                state,
                address,
            }
        });
        let inside = Inside {
            addresses: addresses.collect(),
            ..Inside::default()
        };
        let is_ready = inside.is_broken().is_none() && inside.waits_for().is_none();
        assert_eq!(is_ready, wanted == "ready\n", "{rows}");
    }
}

#[test]
fn a_uuid_is_of_one_host_and_one_alias() {
    use zonewright::plan::zone::uuid_of;
    let one = uuid_of("host", "alias");
    assert_eq!(one, uuid_of("host", "alias"));
    assert_ne!(one, uuid_of("host", "alias2"));
    assert_ne!(one, uuid_of("host2", "alias"));
    let lengths: Vec<usize> = one.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
}
