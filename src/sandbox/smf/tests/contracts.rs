//! Contracts by hand: `ctrun`, `ctstat`, `pgrep -c`.

use super::*;

fn ctrun(zone: &Zone, line: &[&str]) -> Answer {
    ctrun::answer(&words(line), &zone.paths)
}

#[test]
fn ctrun_gives_the_childs_status_and_123_for_a_signal() {
    let zone = Zone::boot();
    assert_eq!(ctrun(&zone, &["-l", "child", "sh", "-c", "exit 7"]).code, 7);
    assert_eq!(ctrun(&zone, &["sh", "-c", "kill -KILL $$"]).code, 123);
    assert_eq!(ctrun(&zone, &["/nonexistent/program"]).code, 127);
    assert_eq!(ctrun(&zone, &["/etc/passwd"]).code, 126);
    let start = Instant::now();
    assert_eq!(ctrun(&zone, &["sh", "-c", "sleep 0.5 & exit 3"]).code, 3);
    assert!(
        start.elapsed() >= Duration::from_millis(450),
        "waits for the whole contract"
    );
}

#[test]
fn a_detached_contract_is_killed_whole_by_its_id() {
    let zone = Zone::boot();
    let started = zone.file("started");
    let job = format!(
        "(sh -c 'sleep 1000 & echo $! >> {started}; wait' &) ; sleep 1000 & echo $! >> {started}; wait"
    );
    assert_eq!(
        ctrun(&zone, &["-l", "none", "-o", "pgrponly", "sh", "-c", &job]).code,
        0
    );
    zone.until("started", |_| zone.lines("started") == 2);
    let processes = process::all();
    let contracts = Contracts::find(&zone.paths, &processes);
    let (id, _) = contracts.live.first_key_value().unwrap();
    let listed = ctstat::answer(&words(&["-i", &id.to_string()]), &zone.paths);
    assert_eq!(listed.out.lines().count(), 2);
    assert!(zone.paths.contracts().join(id.to_string()).is_dir());
    let found = pgrep::answer(
        Command::Pgrep,
        &words(&["-c", &id.to_string(), "-x", "sleep"]),
        &zone.paths,
    );
    assert_eq!(found.out.lines().count(), 2, "{}", found.out);

    assert_eq!(
        pgrep::answer(
            Command::Pkill,
            &words(&["-KILL", "-c", &id.to_string()]),
            &zone.paths
        )
        .code,
        0
    );
    zone.until("gone", |_| {
        !zone.paths.contracts().join(id.to_string()).exists()
    });
    let listed = ctstat::answer(&words(&["-i", &id.to_string()]), &zone.paths);
    assert_eq!((listed.out.lines().count(), listed.code), (1, 0));
    assert_eq!(
        pgrep::answer(
            Command::Pgrep,
            &words(&["-c", &id.to_string()]),
            &zone.paths
        )
        .code,
        1
    );
}

#[test]
fn a_contract_tied_to_its_owner_ends_with_it() {
    let zone = Zone::boot();
    let line = [
        "-l",
        "child",
        "-o",
        "noorphan",
        "sh",
        "-c",
        "sleep 1000 & exit 4",
    ];
    assert_eq!(ctrun(&zone, &line).code, 4);
    zone.until("gone", |_| {
        let processes = process::all();
        Contracts::find(&zone.paths, &processes).live.is_empty()
    });
    // Without the tie the rest lives on.
    assert_eq!(
        ctrun(&zone, &["-l", "child", "sh", "-c", "sleep 1000 & exit 4"]).code,
        4
    );
    thread::sleep(Duration::from_millis(200));
    let processes = process::all();
    assert_eq!(Contracts::find(&zone.paths, &processes).live.len(), 1);
}

#[test]
fn a_contract_made_inside_a_service_is_none_of_its() {
    let zone = Zone::boot();
    let script = zone.file("method");
    let program = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\n{ROOT_VARIABLE}={} {} --exact --ignored sandbox::smf::tests::as_ctrun\nsleep 1000 &\n",
        zone.root.path().display(),
        program.display()
    );
    fs::write(&script, text).unwrap();
    zone.service(&format!("/bin/sh {script}"), ":kill", "");
    assert_eq!(zone.svcadm(&["enable", "-s", "x"]).code, 0);
    let live = || {
        let processes = process::all();
        Contracts::find(&zone.paths, &processes)
    };
    assert_eq!(live().live.len(), 2);
    let own: u64 = zone
        .repository()
        .restarter(&x(), "contract")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(live().members(own, &process::all()).len(), 1);
    // What left the service's contract keeps it neither alive nor from stopping.
    assert_eq!(zone.svcadm(&["disable", "-s", "x"]), Answer::default());
    zone.until("disabled", rests_in(State::Disabled));
    assert!(!zone.log().contains("timed out"), "{}", zone.log());
    assert_eq!(live().live.len(), 1);
    assert!(!live().live.contains_key(&own));
}
