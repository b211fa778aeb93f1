//! Two operators at once: one waits or is told who holds the zone; never both.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use zonewright::facts::host::HOST_LOCK_ROOT;
use zonewright::facts::locks::{Holder, LOCK_ROOT};
use zonewright::host::{Exit, Host, run_to_string};
use zonewright::plan::lock;
use zonewright::script::Script;
use zonewright::store::fresh_name;

use super::harness::{Running, Zone};

const COMPILING: &str = "pgrep -f '[l]ine %s' >/dev/null";

/// Another controller with the same site: state and packages of its own.
fn elsewhere(zone: &Zone, arguments: &[&str]) -> Command {
    let mut command = zone.command(arguments);
    command.env("XDG_STATE_HOME", zone.own("elsewhere/state"));
    let cache = zone.own("elsewhere/cache");
    let shared = cache.join("zonewright/sandbox");
    if !shared.exists() {
        std::fs::create_dir_all(shared.parent().unwrap()).unwrap();
        let sandbox: &Path = &zone.folders().cache.join("sandbox");
        std::os::unix::fs::symlink(sandbox.canonicalize().unwrap(), shared).unwrap();
    }
    command.env("XDG_CACHE_HOME", cache);
    command
}

#[test]
fn the_second_is_told_who_holds_the_zone_or_waits() {
    let Some(zone) = Zone::with_recipe("shared", "slow") else {
        return;
    };
    zone.set_parameters("seconds = 20");
    let first = zone.start(&["apply", "shared"]);
    zone.until(COMPILING);
    let told = Running::of(elsewhere(&zone, &["apply", "shared"]))
        .wait()
        .exits(1);
    let line = told.err.lines().next().unwrap();
    assert!(
        line.starts_with("error: shared is being changed by "),
        "{told}"
    );
    assert!(line.contains(" (apply shared, since 2"), "{told}");
    assert!(told.err.contains("--wait"), "{told}");
    let log = Running::of(elsewhere(&zone, &["log", "shared"])).wait();
    assert!(
        log.succeeds().out.contains(": no runs yet"),
        "a run that did nothing is logged"
    );
    let plan = Running::of(elsewhere(&zone, &["plan", "shared"]))
        .wait()
        .succeeds();
    assert!(plan.out.starts_with("note: "), "{plan}");
    assert!(plan.out.contains(" is changing it right now\n"), "{plan}");
    let impatient = elsewhere(&zone, &["apply", "shared", "--wait=1s"]);
    Running::of(impatient).wait().exits(1);

    let waits = Running::of(elsewhere(&zone, &["apply", "shared", "--wait"]))
        .wait()
        .succeeds();
    assert!(waits.err.contains("waiting for "), "{waits}");
    let first = first.wait().succeeds();
    assert!(first.err.contains("done compile"), "{first}");
    assert!(!waits.err.contains("done compile"), "{waits}");
    assert_eq!(zone.shell("cat /var/tmp/compilations"), "compiled\n");
    assert_eq!(zone.shell("ls -A /var/db/zonewright/lock"), "");
}

#[test]
fn two_files_for_one_zone_are_two_operators() {
    let Some(zone) = Zone::with_recipe("twofiles", "slow") else {
        return;
    };
    let access = zone.access();
    let file = format!(
        "[zone]\nssh = \"{}@{}:{}\"\n\n[[recipe]]\nname = \"slow\"\n",
        access.user, access.address, access.ssh_port
    );
    let home = zone.own("home/.ssh");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::copy(&access.identity, home.join("id_ed25519")).unwrap();
    std::fs::copy(&access.known_hosts, home.join("known_hosts")).unwrap();
    zone.write("zones/renamed.toml", &file);
    let first = zone.start(&["apply", "twofiles"]);
    zone.until(COMPILING);
    let mut second = zone.command(&["apply", "renamed"]);
    second.env("HOME", zone.own("home"));
    let second = Running::of(second).wait().exits(1);
    let line = second.err.lines().next().unwrap();
    assert!(line.contains("renamed is being changed by "), "{second}");
    assert!(line.contains(" (apply twofiles, since 2"), "{second}");
    first.wait().succeeds();
    assert_eq!(zone.shell("cat /var/tmp/compilations"), "compiled\n");
}

#[test]
fn a_lock_can_be_broken_and_its_run_says_so() {
    let Some(zone) = Zone::with_recipe("broken", "slow") else {
        return;
    };
    let first = zone.start(&["apply", "broken"]);
    zone.until(COMPILING);
    let breaks = elsewhere(&zone, &["apply", "broken", "--break-lock"]);
    let breaks = Running::of(breaks).wait().succeeds();
    assert!(breaks.err.starts_with("note: the run of "), "{breaks}");
    // its connection went with its lock; connecting again it met the new holder, or nothing to do
    let first = first.wait();
    assert!(first.err.contains("\nlost: "), "{first}");
    if first.status != 0 {
        assert!(first.err.contains(" is being changed by "), "{first}");
    }
    assert_eq!(zone.shell("cat /var/tmp/compilations"), "compiled\n");
    let again = zone.apply().succeeds();
    assert!(again.out.ends_with("): nothing to do\n"), "{again}");
}

#[test]
fn whoever_breaks_a_hosts_lock_waits_for_what_the_host_is_making() {
    let Some(zone) = super::zone_files::zone("patient") else {
        return;
    };
    let with_password = |mut command: Command| {
        command.env("MATT", "correct horse");
        Running::of(command)
    };
    // the image stays
    let create = ["zone", "create", "patient"];
    zone.run(&create).succeeds();
    zone.run(&["zone", "destroy", "patient", "--yes"])
        .succeeds();
    // two looks with two questions each, and the validation
    let fault = "vmadm#6=delay(4000)";
    zone.run(&["sandbox", "up", "global", "--fault", fault])
        .succeeds();
    let first = with_password(zone.command(&create));
    zone.host_shell("until ls /var/db/zonewright/creating/?* >/dev/null 2>&1; do sleep 0.05; done");
    let breaks = elsewhere(&zone, &["apply", "patient", "--break-lock"]);
    let breaks = with_password(breaks).wait().succeeds();
    let first = first.wait();
    assert!(
        breaks.err.starts_with("note: the run of "),
        "{breaks}\n{first}"
    );
    assert!(
        !breaks.err.contains("create zone patient"),
        "{breaks}\n{first}"
    );
}

#[test]
fn what_changes_zones_of_a_host_is_never_ended() {
    let Some(zone) = Zone::with_recipe("vital", "slow") else {
        return;
    };
    zone.run(&["sandbox", "up", "vital"]).succeeds();
    let root = format!("{HOST_LOCK_ROOT}/vital/lock");
    let holder = || Holder {
        token: fresh_name(),
        ..Holder::default()
    };
    let (mut first, mut second) = (zone.door(), zone.door());
    let run = |door: &mut dyn Host, script: &Script| {
        let (exit, _, errors) = run_to_string(door, script).unwrap();
        (exit, String::from_utf8(errors).unwrap())
    };
    let held = holder();
    let take = lock::take(&root, &held, None, &[], Duration::ZERO);
    assert_eq!(run(&mut first, &take).0, Exit::Code(0));
    let vmadm = "cp /usr/bin/bash /var/tmp/vmadm; \
                 /var/tmp/vmadm -c 'sleep 5; echo made >/var/tmp/zone' </dev/null >/dev/null 2>&1 &";
    assert_eq!(
        run(&mut first, &Script::new("x").shell(vmadm)).0,
        Exit::Code(0)
    );
    let evict = [held.token.clone()];
    let mut after = |seconds| {
        let settle = Duration::from_secs(seconds);
        run(
            &mut second,
            &lock::take(&root, &holder(), None, &evict, settle),
        )
    };
    let (exit, said) = after(1);
    assert!(
        exit == Exit::Code(77) && said.starts_with("/var/tmp/vmadm -c "),
        "{exit:?}: {said}"
    );
    assert_eq!(after(60).0, Exit::Code(0));
    assert_eq!(zone.shell("cat /var/tmp/zone"), "made\n");
}

#[test]
fn what_a_dead_run_of_the_same_controller_left_hanging_makes_way() {
    let Some(zone) = Zone::with_recipe("remains", "slow") else {
        return;
    };
    let apply = zone.start(&["apply", "remains"]);
    zone.until(COMPILING);
    // a script that nobody hears any more and that does not end by itself
    zone.shell("pkill -STOP -x sshd-session");
    apply.kill();
    let somebody_else = elsewhere(&zone, &["apply", "remains"]);
    let told = Running::of(somebody_else).wait().exits(1);
    assert!(told.err.contains(" is being changed by "), "{told}");
    let again = zone
        .run(&["apply", "remains", "--step-timeout", "20s"])
        .succeeds();
    assert!(
        again
            .err
            .contains("note: an earlier run of yours was cut off"),
        "{again}"
    );
    assert_eq!(zone.shell("cat /var/tmp/compilations"), "compiled\n");
    assert_eq!(zone.shell("ls -A /var/db/zonewright/lock"), "");
}

#[test]
fn of_many_that_want_a_zone_at_once_never_two_have_it() {
    const OPERATORS: usize = 6;
    const ROUNDS: usize = 5;
    let Some(zone) = Zone::with_recipe("crowd", "slow") else {
        return;
    };
    zone.run(&["sandbox", "up", "crowd"]).succeeds();
    let (inside, had) = (AtomicU32::new(0), AtomicU32::new(0));
    let doors: Vec<_> = (0..OPERATORS).map(|_| zone.door()).collect();
    std::thread::scope(|scope| {
        for mut door in doors {
            let (inside, had) = (&inside, &had);
            scope.spawn(move || {
                let mut rounds = 0;
                while rounds < ROUNDS {
                    let holder = Holder {
                        token: fresh_name(),
                        user: "somebody".to_owned(),
                        ..Holder::default()
                    };
                    let take = lock::take(LOCK_ROOT, &holder, None, &[], Duration::ZERO);
                    let (exit, _, errors) = run_to_string(&mut door, &take).unwrap();
                    match exit {
                        Exit::Code(0) => {}
                        Exit::Code(lock::HELD) => continue,
                        other => panic!("{other:?}: {}", String::from_utf8_lossy(&errors)),
                    }
                    assert_eq!(
                        inside.fetch_add(1, Ordering::SeqCst),
                        0,
                        "two have the zone"
                    );
                    had.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    run_to_string(&mut door, &lock::release(LOCK_ROOT, &holder.token)).unwrap();
                    rounds += 1;
                }
            });
        }
    });
    assert_eq!(had.load(Ordering::SeqCst) as usize, OPERATORS * ROUNDS);
    assert_eq!(zone.shell("ls -A /var/db/zonewright/lock"), "");
}
