//! Another root for a zone: what stays, what is given back, and what becomes of a run that is killed in between.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use zonewright::host::zlogin::Zlogin;
use zonewright::host::{Exit, Host, HostError, Stream};
use zonewright::run::zone::{host_keys, put_host_keys};
use zonewright::script::Script;

use super::harness::{Ran, Zone};
use super::zone_files::{apply, run, zone, zones_of};

/// Everything in the datasets, with all that is set for them.
const DATASETS: &str = "sum /backups/matt/band /netatalk/identity; stat -c '%n %a %u %g %i %Y' /backups/matt/* /netatalk/*; \
    zfs list -H -t all -r -o name,guid zones/$(zonename)/data; \
    zfs get -H -r -s local,received -o name,property,value,source all zones/$(zonename)/data";
const HASH: &str = "grep ^matt: /etc/shadow | cut -d: -f2";
const KEYS: &str = "cat /var/ssh/ssh_host_*_key.pub";
const BRANCH: &str = "grep release /etc/pkgsrc_version";

/// A zone with something in its datasets.
fn filled(alias: &str) -> Option<Zone> {
    let zone = zone(alias)?;
    apply(&zone).succeeds();
    zone.shell(
        "head -c 3000000 /dev/urandom >/backups/matt/band && chown 1001 /backups/matt/band && \
         chmod 0640 /backups/matt/band && zfs snapshot zones/$(zonename)/data/matt@first && \
         echo signature >/netatalk/identity",
    );
    Some(zone)
}

/// The keys that were written down for the zone.
fn pinned(zone: &Zone) -> PathBuf {
    let uuid = zones_of(zone)[0]["uuid"].as_str().unwrap().to_owned();
    zone.folders().state.join("known_hosts").join(uuid)
}

/// Logs in where the zone is with these keys and no others.
fn log_in_with(zone: &Zone, pinned: &str) {
    let mut access = zone.access();
    let address = access.address.to_string();
    let lines = pinned.lines().map(|line| line.split_once(' ').unwrap().1);
    let text: String = lines.map(|key| format!("{address} {key}\n")).collect();
    access.known_hosts = zone.own("pinned");
    fs::write(&access.known_hosts, text).unwrap();
    let script = Script::new("nothing").shell("true");
    let exit = zone
        .connect(&access)
        .run(&script, &mut std::io::empty(), &mut |_, _| {});
    assert_eq!(exit.unwrap(), Exit::Code(0));
}

#[test]
fn another_root_keeps_datasets_users_passwords_and_host_keys() {
    let Some(zone) = filled("rooted") else { return };
    let look = || [DATASETS, HASH, KEYS].map(|script| zone.shell(script));
    let before = look();
    half_an_archive_changes_no_key(&zone);
    let keys = fs::read_to_string(pinned(&zone)).unwrap();
    zone.edit("zones/rooted.toml", "24.4.1", "23.4.0");
    let plan = run(&zone, &["plan", "rooted"]).succeeds();
    assert!(plan.out.contains("zone reprovision"), "{plan}");
    let reprovision = ["zone", "reprovision", "rooted"];
    what_would_be_lost_is_said(&zone, &reprovision);
    run(&zone, &reprovision).exits(2);
    assert_eq!(zone.shell(BRANCH), "release: 2024Q4\n");
    run(
        &zone,
        &[&reprovision[..], &["--yes", "--keep-host-keys"]].concat(),
    )
    .succeeds();
    assert_eq!(zone.shell(BRANCH), "release: 2023Q4\n");
    assert_eq!(look(), before);
    log_in_with(&zone, &keys);
    assert_eq!(fs::read_to_string(pinned(&zone)).unwrap(), keys);
    let done = apply(&zone).succeeds();
    assert!(done.out.contains("nothing to do"), "{done}");
}

/// A recipe's folder where nothing is mounted goes with the root.
fn what_would_be_lost_is_said(zone: &Zone, reprovision: &[&str]) {
    let file = "zones/rooted.toml";
    let text = fs::read_to_string(zone.site.join(file)).unwrap();
    let used = "\n[[recipe]]\nname = \"netatalk-4.2\"\n";
    for (parameters, lost) in [
        (
            "",
            vec![
                "/opt/local/var/netatalk",
                "/opt/local/var/netatalk/CNID",
                "/var/backups/timemachine",
                "/var/backups/timemachine/matt",
            ],
        ),
        (
            "parameters = { state = \"/netatalk\" }\n",
            vec!["/var/backups/timemachine", "/var/backups/timemachine/matt"],
        ),
        (
            "parameters = { state = \"/netatalk\", backups = \"/backups\" }\n",
            vec!["/backups"],
        ),
    ] {
        zone.write(file, &format!("{text}{used}{parameters}"));
        let said = run(zone, reprovision).exits(2);
        let lines = said
            .out
            .lines()
            .filter_map(|line| line.split_once("  of netatalk-4.2, "));
        let found: Vec<&str> = lines
            .map(|(folder, _)| folder.trim_start_matches("  - "))
            .collect();
        assert_eq!(found, lost, "{said}");
        let but = "/backups  of netatalk-4.2, with all in it but /backups/matt, where datasets are mounted\n";
        assert_eq!(said.out.contains(but), lost == ["/backups"], "{said}");
        assert!(
            said.out
                .contains("  - /home/matt  of matt, with all in it: no"),
            "{said}"
        );
    }
    zone.write(file, &text);
}

/// A zone whose input ends early, as when its connection does.
struct Short<H>(H, u64);

impl<H: Host> Host for Short<H> {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        self.0.run(script, &mut input.take(self.1), output)
    }
}

/// Each key is the old one or the new one, whole, wherever the archive of them ends.
fn half_an_archive_changes_no_key(zone: &Zone) {
    let uuid = zones_of(zone)[0]["uuid"].as_str().unwrap().to_owned();
    let mut door = Zlogin::new(zone.host_door(), uuid.as_str());
    let archive = host_keys(&mut door).unwrap();
    let look = "cd /var/ssh && ls -A && cat ssh_host_*";
    let before = zone.shell(look);
    for bytes in [700, archive.len() as u64 / 3, archive.len() as u64 / 2] {
        let mut short = Short(&mut door, bytes);
        let error = put_host_keys(&mut short, &archive).unwrap_err();
        assert_eq!(zone.shell(look), before, "after {bytes} bytes: {error}");
    }
}

#[test]
fn a_new_roots_own_host_keys_are_no_alarm() {
    let Some(zone) = filled("rekeyed") else {
        return;
    };
    let look = || [DATASETS, HASH].map(|script| zone.shell(script));
    let (before, keys) = (look(), zone.shell(KEYS));
    zone.edit("zones/rekeyed.toml", "24.4.1", "23.4.0");
    let ran = run(&zone, &["zone", "reprovision", "rekeyed", "--yes"]).succeeds();
    assert!(!ran.err.contains("host key"), "{ran}");
    assert_ne!(zone.shell(KEYS), keys);
    assert_eq!(look(), before);
    log_in_with(&zone, &fs::read_to_string(pinned(&zone)).unwrap());
    let done = apply(&zone).succeeds();
    assert!(done.out.contains("nothing to do"), "{done}");
    assert!(!done.err.contains("host key"), "{done}");
}

/// When a run that gives a zone another root is killed.
#[derive(Debug, Clone, Copy)]
enum Killed {
    /// So many milliseconds after what is to be kept was.
    After(u64),
    /// When the host has made the root, and nothing is in it.
    WithNewRoot,
}

#[test]
fn a_zone_whose_reprovision_failed_loses_nothing_that_was_not_listed_and_agreed_to() {
    let Some(zone) = filled("unlucky") else {
        return;
    };
    let uuid = zones_of(&zone)[0]["uuid"].as_str().unwrap().to_owned();
    let data = format!("zones/{uuid}/data");
    let image = r#"{"image_uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271"}"#;
    let impatient = |milliseconds: &str| {
        let fault = format!("now=impatient({milliseconds})");
        zone.run(&["sandbox", "up", "global", "--no-faults", "--fault", &fault])
            .succeeds();
    };
    impatient("1");
    let failed = zone.host_shell(&format!(
        "vmadm reprovision {uuid} <<<'{image}' 2>&1; vmadm list -H -o state alias=unlucky"
    ));
    assert!(failed.ends_with("failed\n"), "{failed}");
    impatient("300000");
    let look = || zone.host_shell(&format!("zfs list -H -t all -r -o name,guid {data}"));
    let before = look();
    assert!(before.contains("/matt@first"), "{before}");

    // what keeps everything comes first
    let told = apply(&zone).exits(1);
    let keep = told.err.find("remove attr name=failed` and `vmadm start ");
    assert!(
        keep.is_some_and(|at| at < told.err.find("--replace-failed").unwrap()),
        "{told}"
    );
    for words in [
        ["apply", "unlucky", "--replace-failed"],
        ["zone", "create", "unlucky"],
    ] {
        let more: &[&str] = if words[0] == "zone" {
            &["--replace-failed"]
        } else {
            &[]
        };
        let asked = run(&zone, &[&words, more].concat()).exits(2);
        assert!(asked.out.contains(&format!("  - {data}/matt  ")), "{asked}");
        assert!(asked.out.contains("      @first\n"), "{asked}");
        assert!(asked.err.contains("the word `unlucky`"), "{asked}");
        assert_eq!(look(), before);
    }
    let replace = ["apply", "unlucky", "--replace-failed", "--yes"];
    zone.host_shell(&format!(
        "zfs snapshot {data}/state@kept; zfs hold mine {data}/state@kept"
    ));
    let before = look();
    let held = run(&zone, &replace).exits(1);
    assert!(
        held.err
            .contains(&format!("the snapshot {data}/state@kept is held")),
        "{held}"
    );
    assert_eq!(look(), before);

    // as a killed one leaves it
    let aside = format!("zones/{uuid}-reprovisioning-data");
    zone.host_shell(&format!(
        "zfs release mine {data}/state@kept; zfs set zoned=off {data}; zfs rename {data} {aside}"
    ));
    let lost = run(&zone, &replace).exits(1);
    let back = [
        format!("zfs set zoned=off {aside}"),
        format!("zfs rename {aside} {data}"),
        format!("zfs set zoned=on {data}"),
    ];
    assert!(
        lost.err.contains(&format!("`{}`", back.join("`, `"))),
        "{lost}"
    );
    zone.host_shell(&back.join("; "));
    assert_eq!(look(), before);

    run(&zone, &replace).succeeds();
    assert!(!look().contains("@first"));
}

#[test]
fn a_run_that_is_killed_before_users_are_made_again_costs_no_password_and_no_key() {
    let Some(zone) = filled("halfway") else {
        return;
    };
    let file = "zones/halfway.toml";
    // from here on nobody is there to be asked
    zone.edit(file, "{ env = \"MATT\" }", "{ prompt = true }");
    let look = || [DATASETS, HASH, KEYS].map(|script| zone.shell(script));
    let before = look();
    let keys = fs::read_to_string(pinned(&zone)).unwrap();
    let images = ["24.4.1", "23.4.0"];
    let reprovision = [
        "zone",
        "reprovision",
        "halfway",
        "--yes",
        "--keep-host-keys",
    ];
    let moments = [Killed::WithNewRoot, Killed::After(0), Killed::After(700)];
    for (round, moment) in moments.into_iter().enumerate() {
        zone.edit(file, images[round % 2], images[(round + 1) % 2]);
        kill(&zone, &reprovision, moment);
        let next: &[&str] = match (moment, round) {
            (Killed::WithNewRoot, 0) => {
                assert_eq!(zone.try_shell("grep -q ^matt: /etc/shadow").status, 1);
                &["apply", "halfway"]
            }
            // the root may be the old one still
            _ => &reprovision,
        };
        let next = Ran::of(zone.command(next));
        assert_eq!(next.status, 0, "{moment:?}: {next}");
        assert_eq!(look(), before, "{moment:?}");
        log_in_with(&zone, &keys);
        let done = Ran::of(zone.command(&["apply", "halfway"])).succeeds();
        assert!(done.out.contains("nothing to do"), "{done}");
        let left = fs::read_dir(zone.folders().state.join("old-roots")).unwrap();
        assert_eq!(left.count(), 0, "{moment:?}");
    }
}

fn kill(zone: &Zone, reprovision: &[&str], moment: Killed) {
    let mut command = zone.command(reprovision);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    match moment {
        Killed::WithNewRoot => {
            let is_made = |line: &String| line.starts_with("done replace root of zone");
            let line = lines.by_ref().map(Result::unwrap).find(is_made);
            assert!(line.is_some(), "{:?}", child.wait());
        }
        Killed::After(milliseconds) => {
            let folder = zone.folders().state.join("old-roots");
            while fs::read_dir(&folder).map_or(0, Iterator::count) == 0 {
                assert!(child.try_wait().unwrap().is_none(), "it ended");
                sleep(Duration::from_millis(5));
            }
            sleep(Duration::from_millis(milliseconds));
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
