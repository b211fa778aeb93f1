//! The life of instances: methods, contracts, states.

use super::super::platform::System;
use super::*;

#[test]
fn a_failing_method_runs_three_times_and_once_after_clear() {
    let zone = Zone::boot();
    let runs = zone.file("runs");
    zone.service(
        &format!("/bin/sh -c \"echo run >> {runs}; exit 1\"").replace('"', "&quot;"),
        ":kill",
        "",
    );
    let answer = zone.svcadm(&["enable", "-s", "site/x"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            3,
            "svcadm: Instance \"svc:/site/x:default\" is in maintenance state.\n"
        )
    );
    assert_eq!(zone.lines("runs"), 3);
    let aux = zone.svcprop(&["-p", "restarter/auxiliary_state", "x"]);
    assert_eq!(aux.out, "fault_threshold_reached\n");
    let status = zone.svcprop(&["-p", "restarter/start_method_waitstatus", "x"]);
    assert_eq!(status.out, "256\n");
    assert!(
        zone.log()
            .contains(" Method \"start\" exited with status 1. ]\n")
    );

    assert_eq!(zone.svcadm(&["clear", "x"]), Answer::default());
    zone.until("cleared and failed again", |repository| {
        zone.lines("runs") >= 4 && rests_in(State::Maintenance)(repository)
    });
    assert_eq!(zone.lines("runs"), 4);
    assert!(
        zone.log()
            .contains(" Leaving maintenance because clear requested. ]\n")
    );
    assert_eq!(zone.svcadm(&["enable", "-s", "x"]).code, 3);
}

#[test]
fn an_empty_contract_restarts_the_service_until_it_restarts_too_quickly() {
    let zone = Zone::boot();
    let runs = zone.file("runs");
    zone.service(
        &format!("/bin/sh -c \"echo run >> {runs}; sleep 0.01 &amp;\"").replace('"', "&quot;"),
        ":kill",
        "",
    );
    assert_eq!(zone.svcadm(&["enable", "x"]), Answer::default());
    zone.until("too quick", rests_in(State::Maintenance));
    assert_eq!(zone.lines("runs"), 9);
    assert!(
        zone.log()
            .contains(" Stopping because all processes in service exited. ]\n")
    );
    assert!(
        zone.log()
            .contains(" Restarting too quickly, changing state to maintenance. ]\n")
    );
    let explained = zone.svcs(&["-x"]);
    assert!(explained.out.contains(
        "\nReason: Restarting too quickly.\n   See: http://illumos.org/msg/SMF-8000-L5\n"
    ));
    // Clearing forgets the starts: it runs nine times more.
    zone.svcadm(&["clear", "x"]);
    zone.until("too quick again", |repository| {
        zone.lines("runs") >= 18 && rests_in(State::Maintenance)(repository)
    });
    assert_eq!(zone.lines("runs"), 18);
}

#[test]
fn a_daemon_is_watched_listed_killed_and_started_again() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    assert_eq!(
        zone.svcadm(&["-v", "enable", "-s", "x"]).out,
        "svc:/site/x:default enabled.\n"
    );
    let first = zone.svcs(&["-H", "-o", "state,ctid", "-p", "x"]);
    assert!(
        first
            .out
            .lines()
            .next()
            .unwrap()
            .starts_with("online         ")
    );
    assert!(
        first.out.lines().nth(1).unwrap().ends_with(" sleep"),
        "{}",
        first.out
    );
    let contract = zone
        .svcprop(&["-p", "restarter/contract", "x"])
        .out
        .trim()
        .to_owned();

    assert_eq!(
        pgrep::answer(
            Command::Pkill,
            &words(&["-KILL", "-c", &contract]),
            &zone.paths
        )
        .code,
        0
    );
    zone.until("restarted", |repository| {
        repository.state(&x()) == State::Online
            && repository
                .restarter(&x(), "contract")
                .is_some_and(|now| now != contract)
            && repository.next_state(&x()).is_none()
    });

    assert_eq!(zone.svcadm(&["disable", "-s", "x"]), Answer::default());
    zone.until("disabled", rests_in(State::Disabled));
    assert!(
        zone.log()
            .contains(" Stopping because service disabled. ]\n")
    );
    assert!(zone.log().contains(" Executing stop method (:kill). ]\n"));
    let processes = process::all();
    assert!(Contracts::find(&zone.paths, &processes).live.is_empty());
}

#[test]
fn restart_is_asynchronous_and_gets_a_new_contract() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    zone.svcadm(&["enable", "-s", "x"]);
    let old = zone
        .repository()
        .restarter(&x(), "contract")
        .unwrap()
        .to_owned();
    assert_eq!(zone.svcadm(&["restart", "x"]), Answer::default());
    zone.until("restarted", |repository| {
        rests_in(State::Online)(repository)
            && repository
                .restarter(&x(), "contract")
                .is_some_and(|now| now != old)
    });
    assert!(
        zone.log()
            .contains(" Stopping because service restarting. ]\n")
    );
}

#[test]
fn a_stop_that_leaves_processes_ends_in_maintenance() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":true", "");
    zone.svcadm(&["enable", "-s", "x"]);
    zone.svcadm(&["mark", "maintenance", "x"]);
    zone.until("in maintenance", rests_in(State::Maintenance));
    assert!(
        zone.log()
            .contains(" Method or service exit timed out.  Killing contract ")
    );
    let aux = zone.svcprop(&["-p", "restarter/auxiliary_state", "x"]);
    assert_eq!(aux.out, "method_failed\n");
}

#[test]
fn exit_codes_of_methods_decide() {
    for (code, state) in [
        (0, State::Online),
        (94, State::Online),
        (95, State::Maintenance),
        (96, State::Maintenance),
    ] {
        let zone = Zone::boot();
        let runs = zone.file("runs");
        let start =
            format!("/bin/sh -c \"echo run >> {runs}; exit {code}\"").replace('"', "&quot;");
        zone.service(&start, ":true", "");
        // Transient, so that success stays online.
        zone.script("select site/x\naddpg startd framework\nsetprop startd/duration = astring: transient\nselect default\nrefresh\n");
        zone.svcadm(&["enable", "x"]);
        zone.until("at rest", rests_in(state));
        assert_eq!(zone.lines("runs"), 1, "{code}");
    }
}

#[test]
fn a_child_service_is_online_as_soon_as_it_runs_and_is_started_again() {
    let zone = Zone::boot();
    let runs = zone.file("runs");
    let start =
        format!("/bin/sh -c \"echo run >> {runs}; exec sleep 1000\"").replace('"', "&quot;");
    zone.service(&start, ":kill", "");
    zone.script("select site/x\naddpg startd framework\nsetprop startd/duration = astring: child\nselect default\nrefresh\n");
    assert_eq!(zone.svcadm(&["enable", "-s", "x"]).code, 0);
    zone.until("running", |_| zone.lines("runs") == 1);
    let pid = zone.svcprop(&["-p", "restarter/start_pid", "x"]).out;
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    zone.until("started again", |_| zone.lines("runs") == 2);
    zone.until("online", rests_in(State::Online));
}

#[test]
fn a_missing_file_makes_a_dependency_unsatisfiable_until_a_refresh() {
    let zone = Zone::boot();
    zone.service(
        "/bin/sleep 1000 &amp;",
        ":kill",
        "<dependency name='c' grouping='require_all' restart_on='none' type='path'><service_fmri value='file://localhost/conf'/></dependency>",
    );
    let answer = zone.svcadm(&["enable", "-s", "x"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            4,
            "svcadm: Instance \"svc:/site/x:default\" has unsatisfied dependencies.\n"
        )
    );
    let explained = zone.svcs(&["-x", "x"]);
    assert!(
        explained
            .out
            .contains("Reason: Dependency file://localhost/conf is absent.\n")
    );
    fs::write(zone.file("conf"), "").unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(zone.repository().state(&x()), State::Offline);
    zone.svcadm(&["refresh", "x"]);
    zone.until("online", rests_in(State::Online));
}

#[test]
fn shutting_down_stops_every_process() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    zone.svcadm(&["enable", "-s", "x"]);
    zone.restarter.shut_down(Duration::from_secs(30));
    let processes = process::all();
    assert!(Contracts::find(&zone.paths, &processes).live.is_empty());
}

#[test]
fn the_platforms_milestones_are_there_at_once() {
    let root = tempfile::tempdir().unwrap();
    let paths = paths(root.path());
    fs::create_dir_all(paths.repository().parent().unwrap()).unwrap();
    let mut repository = super::super::platform::seed(System::Plain);
    // No sshd shall start on the machine that runs the tests.
    repository.services.remove("network/ssh");
    store::save(&paths, &repository).unwrap();
    let restarter = init::boot(&paths).unwrap();
    let (_, repository) = restarter.read();
    for name in [
        "milestone/multi-user-server",
        "milestone/network",
        "system/filesystem/local",
    ] {
        assert_eq!(
            repository.state(&Fmri::instance(name, "default")),
            State::Online,
            "{name}"
        );
    }
    let execute = Fmri::instance("smartdc/mdata", "execute");
    assert_eq!(repository.state(&execute), State::Online);
    let bonjour = Fmri::instance("network/dns/multicast", "default");
    assert_eq!(repository.state(&bonjour), State::Disabled);
    // The import of manifests runs beside, and its method shows as a transition.
    let deadline = Instant::now() + Duration::from_secs(60);
    while svcs::answer(&words(&["-x"]), &paths) != Answer::default() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_dependency_that_fails_drags_its_dependents_along_as_restart_on_says() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    for restart_on in ["none", "error", "restart"] {
        let file = zone.file("y.xml");
        let body = format!(
            "<create_default_instance enabled='true'/>
             <dependency name='d' grouping='require_all' restart_on='{restart_on}' type='service'><service_fmri value='svc:/site/x'/></dependency>
             <exec_method type='method' name='start' exec='/bin/sleep 1000 &amp;' timeout_seconds='20'/>
             <exec_method type='method' name='stop' exec=':kill' timeout_seconds='20'/>"
        );
        fs::write(&file, manifest(&format!("site/{restart_on}"), &body)).unwrap();
        assert_eq!(zone.svccfg(&["import", &file]), Answer::default());
    }
    let contract = |name: &str| {
        let fmri = Fmri::instance(&format!("site/{name}"), "default");
        zone.repository()
            .restarter(&fmri, "contract")
            .map(str::to_owned)
    };
    assert_eq!(contract("none"), None);
    zone.svcadm(&["enable", "-s", "x"]);
    for name in ["none", "error", "restart"] {
        assert_eq!(
            zone.svcadm(&["enable", "-s", &format!("site/{name}")]).code,
            0
        );
    }
    let before: Vec<_> = ["none", "error", "restart"].map(contract).to_vec();
    // An administrator's restart is no error.
    zone.svcadm(&["restart", "x"]);
    zone.until("dragged along", |_| {
        let after = contract("restart");
        after.is_some() && after != before[2]
    });
    assert_eq!(contract("none"), before[0]);
    assert_eq!(contract("error"), before[1]);
    zone.until("at rest", rests_in(State::Online));
    let own = contract("x").unwrap();
    let killed = pgrep::answer(Command::Pkill, &words(&["-KILL", "-c", &own]), &zone.paths);
    assert_eq!(killed.code, 0);
    zone.until("dragged along by the fault", |_| {
        let after = contract("error");
        after.is_some() && after != before[1]
    });
    assert_eq!(contract("none"), before[0]);
}

#[test]
fn a_start_method_out_of_time_is_killed_and_not_retried_when_told_so() {
    let zone = Zone::boot();
    let runs = zone.file("runs");
    let start = format!("/bin/sh -c \"echo run >> {runs}; sleep 1000\"").replace('"', "&quot;");
    zone.import(&format!(
        "<create_default_instance enabled='false'/>
         <exec_method type='method' name='start' exec='{start}' timeout_seconds='1'/>
         <exec_method type='method' name='stop' exec=':kill' timeout_seconds='2'/>
         <property_group name='startd' type='framework'><propval name='timeout_retry' type='boolean' value='false'/></property_group>"
    ));
    assert_eq!(zone.svcadm(&["enable", "-s", "x"]).code, 3);
    assert_eq!(zone.lines("runs"), 1);
    assert!(
        zone.log()
            .contains(" Method or service exit timed out.  Killing contract ")
    );
    assert!(
        zone.log()
            .contains(" Method \"start\" failed due to signal KILL. ]\n")
    );
}
