//! A run whose connection, controller or zone goes away in the middle of a compile.

use super::harness::{Ran, Zone};

const COMPILING: &str = "pgrep -f '[l]ine %s' >/dev/null";

/// Ends every SSH connection of the zone from inside, as a broken network would.
const CUT: &str = "pkill -KILL -x sshd-session";

/// Restarts the zone at once, as a host that lost its power does.
const REBOOT: &str = "/usr/bin/perl -e 'syscall(169, 0xfee1dead, 672274793, 0x01234567, 0)'";

fn compilations(zone: &Zone) -> usize {
    zone.shell("cat /var/tmp/compilations").lines().count()
}

/// The log of the compile phase of the last run, from beginning to end.
fn compile_log(zone: &Zone) -> String {
    let log = zone.run(&["log", &zone.alias, "--full"]).succeeds().out;
    let (_, log) = log.split_once("==> build/slow/compile\n").unwrap();
    log.split("==> ").next().unwrap().to_owned()
}

/// Each line of the compile once, in order.
#[track_caller]
fn is_whole(log: &str) {
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("line "))
        .collect();
    let wanted: Vec<String> = (0..90).map(|i| format!("line {i}")).collect();
    assert_eq!(lines, wanted);
}

fn nothing_is_left(zone: &Zone) {
    assert_eq!(
        zone.shell("ls -A /var/db/zonewright/lock /var/db/zonewright/build"),
        "/var/db/zonewright/build:\n\n/var/db/zonewright/lock:\n"
    );
    let again = zone.apply().succeeds();
    assert!(again.out.ends_with("): nothing to do\n"), "{again}");
}

#[test]
fn a_compile_goes_on_while_the_connection_is_lost_and_its_log_is_whole() {
    let Some(zone) = Zone::with_recipe("lost", "slow") else {
        return;
    };
    let apply = zone.start(&["apply", "lost"]);
    zone.until(COMPILING);
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(1200));
        zone.shell(CUT);
    }
    let apply = apply.wait().succeeds();
    assert_eq!(
        apply.err.matches("\nlost: lost the connection to ").count(),
        2,
        "{apply}"
    );
    assert_eq!(
        apply.err.matches("\nconnected again after ").count(),
        2,
        "{apply}"
    );
    assert_eq!(apply.err.matches("done compile").count(), 1, "{apply}");
    assert_eq!(compilations(&zone), 1);
    is_whole(&compile_log(&zone));
    nothing_is_left(&zone);
}

#[test]
fn a_compile_survives_its_controller_and_the_next_apply_takes_it_up() {
    let Some(zone) = Zone::with_recipe("orphan", "slow") else {
        return;
    };
    let apply = zone.start(&["apply", "orphan"]);
    zone.until(COMPILING);
    std::thread::sleep(std::time::Duration::from_secs(1));
    apply.kill();
    zone.shell(COMPILING);
    let status = zone.run(&["log", "orphan"]).succeeds();
    assert!(status.out.contains("broken off"), "{status}");
    let again = zone.apply().succeeds();
    assert!(again.err.contains("done compile zw-slow-1.0"), "{again}");
    assert!(!again.err.contains("sources"), "{again}");
    assert_eq!(compilations(&zone), 1);
    is_whole(&compile_log(&zone));
    nothing_is_left(&zone);
}

#[test]
fn an_interrupted_run_says_that_its_build_goes_on() {
    let Some(zone) = Zone::with_recipe("interrupted", "slow") else {
        return;
    };
    let apply = zone.start(&["apply", "interrupted"]);
    zone.until(COMPILING);
    let apply = apply.signal("INT");
    assert_eq!(apply.status, 130, "{apply}");
    assert!(
        apply.err.ends_with("the same command again takes it up\n"),
        "{apply}"
    );
    zone.shell(COMPILING);
    zone.apply().succeeds();
    assert_eq!(compilations(&zone), 1);
}

#[test]
fn a_compile_that_ended_while_nobody_looked_is_not_repeated() {
    let Some(zone) = Zone::with_recipe("alone", "slow") else {
        return;
    };
    let apply = zone.start(&["apply", "alone"]);
    zone.until(COMPILING);
    apply.kill();
    zone.until("[ -f /var/db/zonewright/build/*/compile.rc ]");
    let again = zone.apply().succeeds();
    assert!(!again.err.contains("compile"), "{again}");
    assert_eq!(compilations(&zone), 1);
    nothing_is_left(&zone);
}

#[test]
fn a_zone_that_is_restarted_is_waited_for_and_compiles_again() {
    let Some(zone) = Zone::with_recipe("reboot", "slow") else {
        return;
    };
    let apply = zone.start(&["apply", "reboot"]);
    zone.until(COMPILING);
    let _: Ran = zone.try_shell(REBOOT);
    let apply = apply.wait().succeeds();
    assert!(apply.err.contains("\nlost: "), "{apply}");
    assert_eq!(compilations(&zone), 2);
    nothing_is_left(&zone);
}

#[test]
fn a_build_is_begun_anew_where_that_is_asked_for() {
    let Some(zone) = Zone::with_recipe("anew", "slow") else {
        return;
    };
    let apply = zone.start(&["apply", "anew"]);
    zone.until(COMPILING);
    apply.kill();
    let again = zone.run(&["apply", "anew", "--fresh"]).succeeds();
    let first = again.err.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("done forget what earlier runs built of zw-slow-1.0"),
        "{again}"
    );
    assert_eq!(compilations(&zone), 2);
    is_whole(&compile_log(&zone));
    nothing_is_left(&zone);
    // what is installed already is not due
    let third = zone.run(&["apply", "anew", "--fresh"]).succeeds();
    assert!(third.out.ends_with("): nothing to do\n"), "{third}");
}

#[test]
fn a_phase_that_hangs_is_ended_with_all_it_started() {
    let Some(zone) = Zone::with_recipe("hangs", "slow") else {
        return;
    };
    zone.edit(
        "recipes/slow.toml",
        "for ((i = 0;",
        "printf 'hanging\\n'; [ -f /var/tmp/mended ] || sleep 1000 & wait; for ((i = 0;",
    );
    let apply = zone
        .run(&["apply", "hangs", "--step-timeout", "3s"])
        .exits(1);
    assert!(
        apply
            .err
            .contains("error: hangs: compile zw-slow-1.0 said nothing for 3 s and was ended\n"),
        "{apply}"
    );
    assert_eq!(zone.try_shell("pgrep -f '[s]leep 1000'").status, 1);
    assert_eq!(zone.shell("ls -A /var/db/zonewright/lock"), "");
    zone.shell("touch /var/tmp/mended");
    zone.apply().succeeds();
    assert_eq!(compilations(&zone), 2);
    nothing_is_left(&zone);
}
