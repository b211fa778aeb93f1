//! What the controller keeps: logs of runs, and built packages that may have been damaged since.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use zonewright::store::Caller;

use super::harness::Zone;

#[test]
fn earlier_runs_and_parts_of_them_are_found_by_number_folder_and_name() {
    let Some(zone) = Zone::new("records") else {
        return;
    };
    let folders = zone.folders();
    let caller = Caller {
        user: "anna@mini".to_owned(),
        command: vec!["/usr/bin/zonewright".into(), "apply".into(), "a b".into()],
    };
    let begin = |started| folders.begin_run("records", &caller, started).unwrap();
    let mut first = begin(1_795_356_309);
    let (path, _) = first.open_step("build/greeter/compile", "compile").unwrap();
    fs::write(&path, "+ gmake\na.c:1:2: error: no\n").unwrap();
    let error = || Some("compile failed with status 2".to_owned());
    let took = Duration::from_millis(65_000);
    first.end_step(took, Some(2), error()).unwrap();
    first.end("failed", took, error()).unwrap();
    drop(first);
    let mut second = begin(1_795_356_400);
    let (path, _) = second.open_step("install/greeter", "package").unwrap();
    fs::write(&path, "installing\n").unwrap();

    let log = zone.run(&["log", "records"]).succeeds();
    let lines: Vec<&str> = log.out.lines().collect();
    assert!(
        lines[0].starts_with("  1  2026-11-22 14:06:40Z  running        1 step  "),
        "{log}"
    );
    assert_eq!(
        lines[1],
        "  2  2026-11-22 14:05:09Z  failed         1 step    1 min 05 s  anna@mini"
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(lines[3], format!("zonewright apply 'a b' ({version})"));
    assert_eq!(lines[5], "  … install/greeter       running", "{log}");

    // killed in the middle
    drop(second);
    let log = zone.run(&["log"]).succeeds();
    assert!(
        log.out
            .starts_with("records  2026-11-22 14:06:40Z  broken off  ")
    );
    assert!(
        log.out.contains("  … install/greeter    broken off\n"),
        "{log}"
    );

    let folder = folders.runs("records").unwrap().remove(1).folder;
    for run in ["2", "1795356309-00", folder.to_str().unwrap()] {
        let log = zone.run(&["log", "records", "--run", run]).succeeds();
        assert!(
            log.out.contains("\n>     2 │ a.c:1:2: error: no\n"),
            "{log}"
        );
        assert!(log.out.contains("\ncommand: gmake\n"), "{log}");
    }
    // the last run did not compile
    for name in ["compile", "greeter/compile", "build/greeter/compile"] {
        let log = zone.run(&["log", "records", "--phase", name]).succeeds();
        let whole = "==> build/greeter/compile\n+ gmake\na.c:1:2: error: no\n\n";
        assert_eq!(log.out, whole, "{log}");
    }
    let unknown = zone.run(&["log", "records", "--phase", "comple"]).exits(2);
    assert_eq!(
        unknown.err,
        "error: no run of records has a step `comple`\n help: did you mean `compile`? there are \
         `compile` and `install/greeter`\n"
    );
    let unknown = zone.run(&["log", "records", "--run", "3"]).exits(2);
    assert!(unknown.err.contains("records has no run `3`"), "{unknown}");

    let json = zone.run(&["log", "records", "--run", "2", "--full", "--json"]);
    let json: Value = serde_json::from_str(&json.succeeds().out).unwrap();
    let run = &json["runs"][0];
    assert_eq!(run["state"], "failed");
    assert_eq!(run["run"]["user"], "anna@mini");
    assert_eq!(run["run"]["steps"][0]["status"], 2);
    assert_eq!(run["first-error"]["message"], "a.c:1:2: error: no");
    assert_eq!(run["first-error"]["lines"][0]["number"], 2);
    assert_eq!(run["output"][0]["text"], "+ gmake\na.c:1:2: error: no\n");

    // a record that cannot be read hides no other
    fs::write(folder.join("run.json"), "{").unwrap();
    let log = zone.run(&["log", "records"]).succeeds();
    assert!(log.out.contains("Z  unreadable  "), "{log}");
    assert!(log.out.contains("Z  broken off  "), "{log}");
}

#[test]
fn a_stored_package_that_was_cut_never_reaches_the_zone() {
    let Some(zone) = Zone::serving("cut") else {
        return;
    };
    let packages = zone.folders().packages;
    let key = fs::read_dir(packages).unwrap().next().unwrap().unwrap();
    let stored = key.path().join("package.tgz");
    let good = fs::read(&stored).unwrap();
    fs::write(&stored, &good[..good.len() / 2]).unwrap();
    zone.shell("/opt/local/sbin/pkg_delete -f zw-greeter");
    let applied = zone.apply().succeeds();
    let note = format!(
        "note: {} is damaged; it is made again when it is needed\n",
        stored.display()
    );
    assert_eq!(applied.err.matches(&note).count(), 1, "{applied}");
    assert!(
        applied.err.contains("done compile zw-greeter-1.0"),
        "{applied}"
    );
    assert_eq!(
        fs::read(&stored).unwrap(),
        good,
        "the build is reproducible"
    );
    assert_eq!(zone.greeting(), "hello from cut loudly 2.1.12-stable");
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}
