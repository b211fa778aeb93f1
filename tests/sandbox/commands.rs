//! The reading commands from outside: exit statuses and key lines.

use serde_json::Value;

use super::harness::Zone;

#[test]
fn status_and_plan_answer_with_their_exit_statuses() {
    let Some(zone) = Zone::serving("status") else {
        return;
    };
    let table = |service: &str, drift: &str| {
        let width = service.len().max(7);
        format!(
            "ZONE    RECIPE   WANTED  INSTALLED  {:width$}  DRIFT\nstatus  greeter  1.0     1.0        {service:width$}  {drift}\n",
            "SERVICE"
        )
    };
    let check = ["status", "status", "--check"];
    let detailed = ["plan", "status", "--detailed-exitcode"];
    let status = zone.run(&check).succeeds();
    assert_eq!(status.out, table("online", "none"));
    zone.run(&detailed).succeeds();

    zone.shell("chmod 0777 /var/greeter");
    let drift = "~ folder /var/greeter (0777 greeter:greeter → 0750 greeter:greeter)";
    let status = zone.run(&check).exits(1);
    assert_eq!(status.out, table("online", drift));
    zone.run(&["status", "status"]).succeeds();
    zone.run(&detailed).exits(3);
    zone.plan().succeeds();

    zone.apply().succeeds();
    zone.shell("svcadm disable -s svc:/site/greeter:default");
    let status = zone.run(&check).exits(2);
    let drift = "~ start svc:/site/greeter:default (is disabled)";
    assert_eq!(status.out, table("disabled", drift));

    // an address where nobody listens
    zone.write(
        "zones/nowhere.toml",
        "[zone]\nssh = \"root@127.0.1.250:9\"\n\n[[recipe]]\nname = \"greeter\"\n",
    );
    let status = zone.run(&["status", "nowhere", "--check"]).exits(3);
    assert!(status.out.ends_with("  not reached\n"), "{status}");
    assert!(status.err.contains("cannot reach"), "{status}");
    zone.run(&["status", "nowhere"]).exits(1);
    let json = zone.run(&["status", "status", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["schema"], "zonewright/status/v1");
    assert_eq!(json["rows"][0]["service"], "disabled");
}

#[test]
fn a_check_that_did_not_pass_is_told_and_a_file_with_a_mistake_hides_nothing() {
    let Some(zone) = Zone::serving("unproved") else {
        return;
    };
    zone.edit(
        "recipes/greeter.toml",
        "{{parameters.variant}} loudly",
        "{{parameters.variant}} softly",
    );
    let apply = zone.apply().exits(1);
    assert!(apply.err.contains("does not pass"), "{apply}");
    let status = zone.run(&["status", "unproved", "--check"]).exits(2);
    assert!(status.out.contains("  online   not passed: "), "{status}");

    zone.write("zones/odd.toml", "[zone]\nmemory = 1\n");
    let status = zone.run(&["status", "--check"]).exits(2);
    assert!(
        status
            .out
            .contains("\nodd       -        -       -          -        its file has a mistake\n"),
        "{status}"
    );
    assert!(status.out.contains("\nunproved  greeter  1.0 "), "{status}");
    assert!(status.err.contains("zones/odd.toml"), "{status}");

    let file = "zones/unproved.toml";
    let text = std::fs::read_to_string(zone.site.join(file)).unwrap();
    zone.write(file, text.split("[[recipe]]").next().unwrap());
    let plan = zone.plan().succeeds();
    let note = "note: unproved: zw-greeter-1.0 is there, and the zone file does not name the recipe greeter any \
                more; in the zone, `svcadm disable -s svc:/site/greeter:default && pkg_delete zw-greeter-1.0` \
                removes it\n";
    assert!(plan.err.contains(note), "{plan}");
    let status = zone.run(&["status", "unproved", "--check"]).succeeds();
    assert!(
        status
            .out
            .ends_with("\nunproved  -       -       -          -        none\n"),
        "{status}"
    );
}

#[test]
fn log_tells_of_the_runs_and_what_they_printed() {
    let Some(zone) = Zone::new("log") else {
        return;
    };
    let none = zone.run(&["log", "log"]).succeeds();
    assert_eq!(
        none.out,
        "log: no runs yet; `zonewright apply log` makes one\n"
    );
    zone.apply().succeeds();
    let log = zone.run(&["log"]).succeeds();
    let row = log.out.lines().next().unwrap_or_default();
    assert!(row.starts_with("log  "), "{log}");
    assert!(row.contains("Z  done         17 steps  "), "{log}");
    assert!(log.out.contains("\n  ✓ build/greeter/compile "), "{log}");
    let full = zone.run(&["log", "log", "--full"]).succeeds();
    for part in [
        "==> dependencies/greeter\n",
        "==> build/greeter/compile\n",
        "+ /opt/local/bin/meson setup",
    ] {
        assert!(full.out.contains(part), "{part}: {full}");
    }
    // a run that had nothing to do leaves no log behind
    zone.apply().succeeds();
    assert_eq!(zone.folders().runs("log").unwrap().len(), 1);
    let json = zone.run(&["log", "log", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["schema"], "zonewright/log/v1");
    assert_eq!(json["runs"][0]["run"]["outcome"], "done");
}

#[test]
fn sandbox_list_tells_how_to_get_in_as_json() {
    let Some(zone) = Zone::new("listed") else {
        return;
    };
    zone.run(&["sandbox", "up", "listed"]).succeeds();
    let list = zone.run(&["sandbox", "list", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(json["schema"], "zonewright/sandbox-list/v1");
    let zones = json["zones"].as_array().unwrap();
    let found = zones.iter().find(|zone| zone["alias"] == "listed").unwrap();
    assert!(
        found["address"].as_str().unwrap().starts_with("127.0.1."),
        "{list}"
    );
    assert_eq!(found["user"], "root");
    let uuid = zone.shell("zonename");
    assert_eq!(found["uuid"], uuid.trim());
    let lost = zone.run(&["sandbox", "down", "lisetd"]).exits(2);
    assert!(lost.err.contains("did you mean `listed`?"), "{lost}");
    zone.run(&["sandbox", "down", "listed"]).succeeds();
    let list = zone.run(&["sandbox", "list"]).succeeds();
    assert!(!list.out.contains("listed"), "{list}");
}

#[test]
fn a_zones_devices_are_its_own() {
    use std::os::unix::fs::MetadataExt as _;
    let Some(zone) = Zone::new("devices") else {
        return;
    };
    zone.run(&["sandbox", "up", "devices"]).succeeds();
    let said = zone.shell("/usr/bin/stat -c '%d %t:%T %a' /dev/full; echo x >/dev/null");
    let (device, rest) = said.trim_end().split_once(' ').unwrap();
    assert_eq!(rest, "1:7 666");
    let ours = std::fs::metadata("/dev/full").unwrap().dev();
    assert_ne!(device, ours.to_string(), "it is the machine's own node");
}
