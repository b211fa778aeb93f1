//! Every SSH connection to a zone has a process contract of its own, as on SmartOS.

use std::thread;
use std::time::{Duration, Instant};

use zonewright::host::{self, HostError};
use zonewright::script::Script;

use super::harness::Zone;

/// What a script prints that succeeds, line by line.
fn lines(door: &mut impl host::Host, script: &'static str) -> Vec<String> {
    let script = Script::new("test").shell(script);
    let (exit, out, errors) = host::run_to_string(door, &script).unwrap();
    assert_eq!(
        exit,
        host::Exit::Code(0),
        "{}",
        String::from_utf8_lossy(&errors)
    );
    let out = String::from_utf8(out).unwrap();
    out.lines().map(|line| line.trim().to_owned()).collect()
}

/// Waits until the members of a contract are these, by their names.
#[track_caller]
fn wait_for_members(zone: &Zone, contract: &str, wanted: &[&str]) {
    let script = format!("pgrep -l -c {contract} | sed 's/^ *[0-9]* //' | sort; true");
    let begun = Instant::now();
    loop {
        let found = zone.shell(&script);
        if found.lines().eq(wanted.iter().copied()) {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{contract}: {found}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

const ORPHANS: &str = r"
/usr/bin/ctrun -l none -o pgrponly /usr/bin/bash -c 'ps -o ctid= -p $$ >/var/tmp/phase; sleep 2000; :' >/dev/null 2>&1
sleep 1000 >/dev/null 2>&1 &
ps -o ctid= -p $$
while [ ! -s /var/tmp/phase ]; do sleep 0.02; done
cat /var/tmp/phase
";

#[test]
fn what_a_connection_started_can_be_found_and_ended_by_its_contract() {
    let Some(zone) = Zone::new("contract") else {
        return;
    };
    let mut door = zone.door();
    let contracts = lines(&mut door, ORPHANS);
    let [connection, phase] = contracts.as_slice() else {
        panic!("{contracts:?}");
    };
    assert_ne!(connection, phase);
    let again = lines(&mut door, "ps -o ctid= -p $$");
    assert_eq!(&again[0], connection, "channels of one connection share it");

    // an orphan of a connection that is gone is still a member, a phase never was one
    zone.shell(&format!("pkill -KILL -c {connection} sshd-session"));
    wait_for_members(&zone, connection, &["sleep"]);
    let script = Script::new("test").shell("true");
    assert!(host::run_to_string(&mut door, &script).is_err());
    zone.shell(&format!("pkill -KILL -c {connection}"));
    wait_for_members(&zone, connection, &[]);
    wait_for_members(&zone, phase, &["bash", "sleep"]);
}

#[test]
fn a_connection_with_a_running_script_ends_by_its_contract() {
    let Some(zone) = Zone::new("pkill") else {
        return;
    };
    let mut door = zone.door();
    let earlier = lines(&mut door, "ps -o ctid= -p $$");
    let mut door = zone.door();
    let running = thread::spawn(move || {
        let script = "ps -o ctid= -p $$ >/var/tmp/running.new; mv /var/tmp/running.new /var/tmp/running; sleep 1000; echo";
        host::run_to_string(&mut door, &Script::new("test").shell(script)).unwrap_err()
    });
    let contract = zone.shell("until cat /var/tmp/running 2>/dev/null; do sleep 0.02; done");
    let contract = contract.trim();
    let number = |text: &str| text.parse::<u32>().unwrap();
    assert!(
        number(contract) > number(&earlier[0]),
        "{contract} after {earlier:?}"
    );

    zone.shell(&format!("pkill -KILL -c {contract}"));
    wait_for_members(&zone, contract, &[]);
    let lost = running.join().unwrap();
    assert!(matches!(lost, HostError::Lost { .. }), "{lost}");
}
