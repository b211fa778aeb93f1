//! The first apply, and the second, which has nothing to do.

use zonewright::host::Exit;

use super::harness::Zone;

#[test]
fn a_first_apply_builds_installs_and_serves_and_a_second_has_nothing_to_do() {
    let Some(zone) = Zone::new("first") else {
        return;
    };
    let first = zone.apply().succeeds();
    let said = "first is as its file says: 17 steps in ";
    assert!(first.out.starts_with(said), "{first}");
    for line in [
        "  it is the patched one: passes\n",
        "  it listens: listens on 127.0.0.1:7007\n",
    ] {
        assert!(first.out.contains(line), "{first}");
    }
    assert_eq!(zone.greeting(), "hello from first loudly 2.1.12-stable");

    let second = zone
        .run(&["apply", "first", "--detailed-exitcode"])
        .succeeds();
    assert!(second.out.ends_with("): nothing to do\n"), "{second}");
    assert_eq!(second.err, "", "{second}");
}

#[test]
fn an_apply_with_nothing_to_do_is_one_exec_on_one_connection() {
    let Some(zone) = Zone::serving("once") else {
        return;
    };
    let (report, transcript) = zone.converge();
    assert_eq!(report.unwrap().steps, 0);
    let names: Vec<_> = transcript.exchanges.iter().map(|e| &e.name).collect();
    assert_eq!(names, ["ask for facts"]);
    assert_eq!(transcript.exchanges[0].exit, Some(Exit::Code(0)));

    let logins = || {
        let log = zone.shell("cat /var/svc/log/network-ssh:default.log");
        log.matches("Accepted publickey").count()
    };
    let before = logins();
    assert!(before > 0, "sshd's log tells of logins");
    zone.apply().succeeds();
    assert_eq!(logins(), before + 1);
}

#[test]
fn a_zone_that_is_not_there_is_planned_and_not_made() {
    let Some(zone) = Zone::new("absent") else {
        return;
    };
    zone.run(&["sandbox", "up", "global"]).succeeds();
    let plan = zone
        .run(&["plan", "absent", "--detailed-exitcode"])
        .exits(3);
    assert!(plan.out.starts_with("zone absent on smartos ("), "{plan}");
    assert!(plan.out.contains("\n  + zone absent "), "{plan}");
    let unknown = "\n  ? what is in zone absent: not known until it runs\n";
    assert!(plan.out.ends_with(unknown), "{plan}");
    let zones = zone.run(&["sandbox", "list"]).succeeds();
    assert!(!zones.out.contains("absent"), "{zones}");
}
