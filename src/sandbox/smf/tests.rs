//! The whole of SMF below a temporary root: a real restarter, real methods, real contracts.

use super::answer::Answer;
use super::contract::holder::hold;
use super::contract::{Contracts, ctrun, ctstat};
use super::door::Door;
use super::fmri::Fmri;
use super::manifest::tests::manifest;
use super::model::{Repository, State};
use super::paths::{Holder, Paths};
use super::pgrep::{self, Command};
use super::restarter::Restarter;
use super::{init, manifest_import, process, store, svcadm, svccfg, svcprop, svcs};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const HOLD_VARIABLE: &str = "ZONEWRIGHT_TEST_HOLDER";

/// Not a test: the holder process of the other tests' contracts.
#[test]
#[ignore = "runs as a process of the other tests"]
fn as_holder() {
    let folder = PathBuf::from(std::env::var_os(HOLD_VARIABLE).unwrap());
    let root = folder.ancestors().nth(4).unwrap().to_path_buf();
    std::process::exit(hold(&folder, &paths(&root)));
}

fn paths(root: &Path) -> Paths {
    let arguments = [
        "--exact",
        "--ignored",
        "--test-threads=1",
        "sandbox::smf::tests::as_holder",
    ];
    let holder = Holder {
        program: std::env::current_exe().unwrap(),
        arguments: arguments.map(OsString::from).to_vec(),
        variable: Some(HOLD_VARIABLE.to_owned()),
    };
    Paths::below(root, holder)
}

struct Zone {
    root: TempDir,
    paths: Paths,
    restarter: Restarter,
}

impl Drop for Zone {
    fn drop(&mut self) {
        let processes = process::all();
        let contracts = Contracts::find(&self.paths, &processes);
        for contract in contracts.live.keys() {
            super::contract::holder::kill_until_empty(&self.paths, *contract);
        }
    }
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|&word| word.to_owned()).collect()
}

impl Zone {
    fn boot() -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        fs::create_dir_all(paths.repository().parent().unwrap()).unwrap();
        // Without the platform's services: no sshd shall start here.
        store::save(&paths, &Repository::default()).unwrap();
        let restarter = init::boot(&paths).unwrap();
        Self {
            root,
            paths,
            restarter,
        }
    }

    fn file(&self, name: &str) -> String {
        self.root.path().join(name).display().to_string()
    }

    fn lines(&self, name: &str) -> usize {
        fs::read_to_string(self.file(name)).map_or(0, |text| text.lines().count())
    }

    fn svccfg(&self, line: &[&str]) -> Answer {
        svccfg::answer(&words(line), &self.paths, &mut || Ok(String::new()))
    }

    fn script(&self, text: &str) -> Answer {
        svccfg::answer(&[], &self.paths, &mut || Ok(text.to_owned()))
    }

    fn svcadm(&self, line: &[&str]) -> Answer {
        svcadm::answer(&words(line), &self.paths)
    }

    fn svcs(&self, line: &[&str]) -> Answer {
        svcs::answer(&words(line), &self.paths)
    }

    fn svcprop(&self, line: &[&str]) -> Answer {
        svcprop::answer(&words(line), &self.paths)
    }

    fn import(&self, body: &str) -> Answer {
        let file = self.file("m.xml");
        fs::write(&file, manifest("site/x", body)).unwrap();
        self.svccfg(&["import", &file])
    }

    /// Imports a disabled service with these methods.
    fn service(&self, start: &str, stop: &str, more: &str) {
        let answer = self.import(&format!(
            "<create_default_instance enabled='false'/>{more}
             <exec_method type='method' name='start' exec='{start}' timeout_seconds='20'/>
             <exec_method type='method' name='stop' exec='{stop}' timeout_seconds='2'/>"
        ));
        assert_eq!(answer, Answer::default());
    }

    fn repository(&self) -> Repository {
        Door::open(&self.paths).unwrap().read().unwrap()
    }

    fn until(&self, what: &str, reached: impl Fn(&Repository) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !reached(&self.repository()) {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.file("var/svc/log/site-x:default.log"));
                panic!(
                    "never {what}: {:?}\n{}",
                    self.svcs(&["-l", "x"]).out,
                    log.unwrap_or_default()
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("var/svc/log/site-x:default.log")).unwrap()
    }
}

fn x() -> Fmri {
    Fmri::instance("site/x", "default")
}

fn rests_in(state: State) -> impl Fn(&Repository) -> bool {
    move |repository| repository.state(&x()) == state && repository.next_state(&x()).is_none()
}

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
fn patterns_and_exit_codes_of_svcadm() {
    let zone = Zone::boot();
    let answer = zone.svcadm(&["enable", "none"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (1, "svcadm: Pattern 'none' doesn't match any instances\n")
    );
    assert_eq!(zone.svcadm(&["enable"]).code, 2);
    assert_eq!(zone.svcadm(&["frobnicate", "x"]).code, 2);
    zone.import("<instance name='one' enabled='false'/><instance name='two' enabled='false'/>");
    let answer = zone.svcadm(&["enable", "x"]);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.err,
        "svcadm: Partial FMRI 'x' matches multiple instances:\n\tsvc:/site/x:one\n\tsvc:/site/x:two\n"
    );
    let answer = zone.svcadm(&["clear", "x:one"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svcadm: Instance \"svc:/site/x:one\" is not in a maintenance or degraded state.\n"
        )
    );
    assert_eq!(zone.svcadm(&["restart", "x:one"]), Answer::default());
    assert_eq!(zone.svcadm(&["-z", "a", "enable", "x"]).code, 1);
    assert_eq!(zone.svcadm(&["milestone", "nowhere"]).code, 2);
}

#[test]
fn no_match_still_prints_the_header() {
    let zone = Zone::boot();
    let answer = zone.svcs(&["none"]);
    assert_eq!(answer.out, "STATE          STIME    FMRI\n");
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (1, "svcs: Pattern 'none' doesn't match any instances\n")
    );
    assert_eq!(zone.svcs(&["-H", "none"]).out, "");
    let answer = zone.svcs(&["-o", "state,colour"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (1, "svcs: Unknown column \"colour\".\n")
    );
    let answer = zone.svcs(&["-z", "other"]);
    assert_eq!(
        answer.err,
        "svcs: svcs -z may only be used from the global zone\n"
    );
    assert_eq!(zone.svcs(&["-x"]), Answer::default());
}

#[test]
fn svccfg_speaks_as_the_real_one() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    let said = |line: &[&str]| {
        let answer = zone.svccfg(line);
        (answer.code, answer.err.trim_end().to_owned())
    };
    let set = |text: &str| said(&["-s", "site/x", "setprop", text]);
    let error = |text: &str| (1, format!("svccfg: {text}"));
    assert_eq!(
        set("config/x = astring: v"),
        error("No such property group \"config\".")
    );
    assert_eq!(
        said(&["-s", "site/x", "addpg", "config", "application"]),
        (0, String::new())
    );
    assert_eq!(
        said(&["-s", "site/x", "addpg", "config", "application"]),
        error("Property group already exists.")
    );
    assert_eq!(
        set("config/x = v"),
        error("Type required for new properties.")
    );
    assert_eq!(
        set("config/x = colour: v"),
        error("Unknown type \"colour:\".")
    );
    assert_eq!(
        set("config = astring: v"),
        error("Property names must contain a `/'.")
    );
    assert_eq!(
        set("config/x = count: abc"),
        error("Invalid \"count\" value \"abc\".")
    );
    assert_eq!(
        set("config/x = astring: (a b)"),
        error("Multiple string values or string values with spaces must be quoted with '\"'.")
    );
    assert_eq!(set("config/x = astring: a b"), error("Syntax error."));
    assert_eq!(set("config/x = astring: \"--a=b c\""), (0, String::new()));
    assert_eq!(
        said(&["setprop", "config/x = v"]),
        error("An entity is not selected.")
    );
    assert_eq!(
        said(&["-s", "none", "refresh"]),
        error("Pattern 'none' doesn't match any instances or services")
    );
    assert_eq!(
        said(&["-s", "site/x", "refresh"]),
        error("Instance not selected.")
    );
    assert_eq!(
        said(&["frobnicate"]),
        error("Unknown command \"frobnicate\".")
    );
    assert_eq!(said(&["describe"]).0, 99);
    assert_eq!(said(&["-q"]).0, 2);
    let shown = zone.svccfg(&["-s", "site/x", "listprop", "config"]);
    assert_eq!(
        shown.out,
        "config    application\nconfig/x  astring  \"--a=b c\"\n"
    );

    // Not seen by methods before a refresh.
    let seen = zone.svcprop(&["-p", "config/x", "x:default"]);
    assert_eq!(
        (seen.code, seen.err.as_str()),
        (
            1,
            "svcprop: Couldn't find property `config/x' for instance `svc:/site/x:default'.\n"
        )
    );
    assert_eq!(
        zone.svccfg(&["-s", "site/x:default", "refresh"]),
        Answer::default()
    );
    assert_eq!(
        zone.svcprop(&["-p", "config/x", "x:default"]).out,
        "--a=b\\ c\n"
    );
}

#[test]
fn a_script_stops_at_its_first_error_and_names_the_line() {
    let zone = Zone::boot();
    let answer = zone.script("add site/y\nselect nothing\nadd site/z\n");
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svccfg (<stdin>, line 2): Pattern 'nothing' doesn't match any instances or services\n"
        )
    );
    let repository = zone.repository();
    assert!(repository.services.contains_key("site/y"));
    assert!(!repository.services.contains_key("site/z"));
}

#[test]
fn import_is_silent_warns_of_templates_and_fails_on_demand() {
    let zone = Zone::boot();
    let answer = zone.import(
        "<create_default_instance enabled='false'/>
         <exec_method type='method' name='start' exec=':true' timeout_seconds='1'/>",
    );
    assert_eq!(answer.code, 0);
    assert!(
        answer
            .err
            .starts_with("Warning: Required property group missing: FMRI=\"svc:/site/x:default\"")
    );
    let file = zone.file("m.xml");
    let answer = zone.svccfg(&["validate", &file]);
    assert_eq!(answer.code, 1);
    assert!(answer.err.ends_with("\nsvccfg: Validation failed.\n"));
    let answer = zone.svccfg(&["import", "-V", &file]);
    assert!(
        answer
            .err
            .ends_with(&format!("\nsvccfg: Import of {file} failed.\n"))
    );
    let answer = zone.svccfg(&["import", "/nonexistent.xml"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svccfg: Unable to stat file /nonexistent.xml.  No such file or directory\n"
        )
    );
    assert_eq!(
        zone.svccfg(&["inventory", &file]).out,
        "svc:/site/x:default\nsvc:/site/x\n"
    );
}

#[test]
fn a_running_instance_is_deleted_with_force_only() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    zone.svcadm(&["enable", "-s", "x"]);
    let answer = zone.svccfg(&["delete", "site/x"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svccfg: Instance svc:/site/x:default may be running.  Use delete -f if it is not.\n"
        )
    );
    assert_eq!(zone.svccfg(&["delete", "-f", "site/x"]), Answer::default());
    assert!(zone.repository().services.is_empty());
    // Nobody stopped its process.
    let processes = process::all();
    assert_eq!(Contracts::find(&zone.paths, &processes).live.len(), 1);
}

#[test]
fn an_export_imports_again_to_the_same_service() {
    let zone = Zone::boot();
    zone.service(
        "/bin/true",
        ":true",
        "<dependency name='d' grouping='optional_all' restart_on='none' type='service'><service_fmri value='svc:/milestone/m:default'/></dependency>
         <method_context working_directory='/var'><method_credential user='daemon'/><method_environment><envvar name='A' value='b &amp; c'/></method_environment></method_context>",
    );
    let before = zone.repository().services["site/x"].clone();
    let exported = zone.svccfg(&["export", "site/x:default"]);
    assert_eq!(
        exported.err,
        "svccfg: Only services may be exported; ignoring instance portion of argument.\n"
    );
    assert_eq!(exported.code, 0);
    let file = zone.file("exported.xml");
    fs::write(&file, &exported.out).unwrap();
    zone.svccfg(&["delete", "site/x"]);
    assert_eq!(zone.svccfg(&["import", &file]), Answer::default());
    assert_eq!(zone.repository().services["site/x"].groups, before.groups);
}

#[test]
fn manifest_import_follows_hashes_and_cleans_up() {
    let zone = Zone::boot();
    let fmri = Fmri::instance("system/manifest-import", "default");
    let file = zone.file("var/svc/manifest/site/x.xml");
    let body = |value: &str| {
        manifest(
            "site/x",
            &format!(
                "<create_default_instance enabled='false'/><property_group name='c' type='application'><propval name='p' type='count' value='{value}'/></property_group>"
            ),
        )
    };
    let value = || zone.svcprop(&["-p", "c/p", "x"]).out;
    fs::write(&file, body("1")).unwrap();
    manifest_import::run(&zone.restarter, &fmri);
    assert_eq!(value(), "1\n");
    // Unchanged: not imported again, so that a deletion stays.
    zone.svccfg(&["delete", "site/x"]);
    manifest_import::run(&zone.restarter, &fmri);
    assert_eq!(value(), "");
    fs::write(&file, body("2")).unwrap();
    manifest_import::run(&zone.restarter, &fmri);
    assert_eq!(value(), "2\n");
    fs::remove_file(&file).unwrap();
    manifest_import::run(&zone.restarter, &fmri);
    assert!(!zone.repository().services.contains_key("site/x"));
}

#[test]
fn the_repository_survives_a_boot_without_its_states() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    zone.svcadm(&["enable", "-s", "-t", "x"]);
    let loaded = store::load(&zone.paths).unwrap().unwrap();
    assert_eq!(loaded.is_enabled(&x()), Some(false));
    assert_eq!(loaded.restarter(&x(), "state"), None);
    assert!(loaded.instance(&x()).unwrap().running.is_some());
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
