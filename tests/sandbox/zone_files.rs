//! From a zone file to a zone on a host, and what becomes of it: made, changed, cut off, given another root,
//! adopted, destroyed. Each test has a host of its own.

use std::io::Cursor;
use std::time::{Duration, Instant};

use serde_json::Value;
use zonewright::host::zlogin::Zlogin;
use zonewright::host::{Exit, Host, HostError};
use zonewright::sandbox::GLOBAL;
use zonewright::script::Script;

use super::harness::Zone;

pub const FILE: &str = r#"[host]
sandbox = true

[zone]
alias = "ALIAS"
image = "base-64-lts@24.4.1"
memory = "2 GiB"
quota = "100 GiB"

[[zone.nic]]
tag = "admin"
address = "dhcp"

[storage]
kind = "delegated"

[[user]]
name = "matt"
uid = 1001
password = { env = "MATT" }

[[dataset]]
name = "matt"
mountpoint = "/backups/matt"
refquota = "10 GiB"
atime = false
owner = "matt"

[[dataset]]
name = "state"
mountpoint = "/netatalk"
"#;

pub fn zone(alias: &str) -> Option<Zone> {
    Zone::alone(alias, &FILE.replace("ALIAS", alias))
}

/// Runs the program with the password that the file names.
pub fn run(zone: &Zone, words: &[&str]) -> super::harness::Ran {
    let mut command = zone.command(words);
    command.env("MATT", "correct horse");
    super::harness::Ran::of(command)
}

pub fn apply(zone: &Zone) -> super::harness::Ran {
    run(zone, &["apply", &zone.alias])
}

/// The zones of the host that are called so.
pub fn zones_of(zone: &Zone) -> Vec<Value> {
    let list = zone.run(&["zone", "list", "sandbox", "--json"]).succeeds();
    let document: Value = serde_json::from_str(&list.out).unwrap();
    let zones = document["zones"].as_array().unwrap();
    let own = zones.iter().filter(|row| row["alias"] == *zone.alias);
    own.cloned().collect()
}

#[test]
fn a_zone_is_made_from_nothing_and_asked_once_on_each_machine_afterwards() {
    let Some(zone) = zone("fromnothing") else {
        return;
    };
    zone.edit(
        "zones/fromnothing.toml",
        "uid = 1001\n",
        "uid = 1001\ncomment = \"Matt\"\n",
    );
    let text = std::fs::read_to_string(zone.site.join("zones/fromnothing.toml")).unwrap();
    zone.write(
        "zones/fromnothing.toml",
        &(text + "\n[[recipe]]\nname = \"greeter\"\n"),
    );
    zone.run(&["sandbox", "up", "global"]).succeeds();
    let plan = run(&zone, &["plan", "fromnothing"]).succeeds();
    assert!(plan.out.contains("+ zone fromnothing"), "{plan}");
    apply(&zone).succeeds();
    assert!(!zone.greeting().is_empty());
    let owner =
        zone.shell("stat -c %u /backups/matt; zfs get -H -p -o value refquota /backups/matt");
    assert_eq!(owner, "1001\n10737418240\n");
    zone.run(&["sandbox", "up", "global", "--count-scripts"])
        .succeeds();
    zone.run(&["sandbox", "up", "fromnothing", "--count-scripts"])
        .succeeds();
    let again = apply(&zone).succeeds();
    assert!(again.out.contains("nothing to do"), "{again}");
    assert_eq!(zone.watched_on_host().scripts.len(), 1);
    assert_eq!(zone.watched().scripts.len(), 1);
    let root = run(&zone, &["zone", "reprovision", "fromnothing", "--json"]).succeeds();
    let root: Value = serde_json::from_str(&root.out).unwrap();
    assert_eq!(
        (&root["zone"], &root["steps"]),
        (&"fromnothing".into(), &0.into()),
        "{root}"
    );
    let gone = run(&zone, &["zone", "destroy", "fromnothing"]).exits(2);
    assert!(gone.out.contains("/data/matt  "), "{gone}");
    assert_eq!(zones_of(&zone).len(), 1);
    run(&zone, &["zone", "destroy", "fromnothing", "--yes"]).succeeds();
    assert_eq!(zones_of(&zone).len(), 0);
}

#[test]
fn what_may_be_changed_at_once_is_changed_and_the_rest_is_asked_for() {
    let Some(zone) = zone("differs") else { return };
    apply(&zone).succeeds();
    let boot = "zonename; kstat -p unix:0:system_misc:boot_time";
    let before = zone.shell(boot);
    let file = "zones/differs.toml";
    zone.edit(file, "quota = \"100 GiB\"", "quota = \"120 GiB\"");
    zone.edit(file, "memory = \"2 GiB\"", "memory = \"3 GiB\"");
    zone.edit(file, "refquota = \"10 GiB\"", "refquota = \"12 GiB\"");
    zone.edit(file, "address = \"dhcp\"", "address = \"127.0.1.200/8\"");
    let plan = run(&zone, &["plan", "differs"]).succeeds();
    // a zone without recipes has a row of its own
    let status = run(&zone, &["status", "differs", "--check"]).exits(1);
    assert!(
        status
            .out
            .contains("\ndiffers  -       -       -          -        ~ "),
        "{status}"
    );
    for line in [
        "memory 3 GiB",
        "quota 120 GiB",
        "refquota 12 GiB",
        "nic admin 127.0.1.200/8",
    ] {
        assert!(plan.out.contains(line), "{line}: {plan}");
    }
    assert_eq!(plan.out.matches("\n  ~ ").count(), 5, "{plan}");
    let some = apply(&zone).exits(1);
    assert!(some.err.contains("--reboot"), "{some}");
    assert_eq!(zone.shell(boot), before);
    let left = run(&zone, &["plan", "differs"]).succeeds();
    assert_eq!(left.out.matches("\n  ~ ").count(), 1, "{left}");
    a_refused_change_leaves_it_running(&zone);
    run(&zone, &["apply", "differs", "--reboot"]).succeeds();
    assert_ne!(zone.shell(boot), before);
    let done = run(&zone, &["plan", "differs", "--detailed-exitcode"]).succeeds();
    assert_eq!(done.out.matches("nothing to do").count(), 1, "{done}");
}

/// The host refuses what it had found valid, when the zone is stopped for it.
fn a_refused_change_leaves_it_running(zone: &Zone) {
    // two looks with three questions each, the validation, the stop
    let fault = "vmadm#9=fail(1,Conflict detected with another vm)";
    zone.run(&["sandbox", "up", "global", "--fault", fault])
        .succeeds();
    let refused = run(zone, &["apply", "differs", "--reboot"]).exits(1);
    zone.run(&["sandbox", "up", "global", "--no-faults"])
        .succeeds();
    for part in ["Conflict detected", "which runs again as it was"] {
        assert!(refused.err.contains(part), "{refused}");
    }
    let state = zone.host_shell("vmadm list -H -o state,autoboot alias=differs");
    assert_eq!(
        state.split_whitespace().collect::<Vec<_>>(),
        ["running", "true"]
    );
}

#[test]
fn a_connection_that_is_cut_anywhere_in_a_creation_leaves_exactly_one_zone() {
    // everywhere is what tests/slow.rs does
    super::cut::thin();
}

#[test]
fn a_run_that_is_killed_while_it_makes_a_zone_is_taken_up_by_the_next() {
    let Some(zone) = zone("killed") else { return };
    for milliseconds in [150, 400, 700, 1000, 1300] {
        let mut command = zone.command(&["zone", "create", "killed"]);
        command.env("MATT", "correct horse");
        let running = super::harness::Running::of(command);
        std::thread::sleep(Duration::from_millis(milliseconds));
        running.kill();
        let next = run(&zone, &["zone", "create", "killed"]);
        assert_eq!(next.status, 0, "after {milliseconds} ms: {next}");
        assert_eq!(zones_of(&zone).len(), 1, "after {milliseconds} ms");
        run(&zone, &["zone", "destroy", "killed", "--yes"]).succeeds();
    }
}

#[test]
fn a_zone_that_was_made_by_hand_is_adopted_with_nothing_to_do() {
    let Some(zone) = zone("adopted") else { return };
    zone.host_shell(
        r##"imgadm import 2f1dc911-6401-4fa4-8e9d-67ea2e39c271 && vmadm create <<'END'
{"brand": "joyent", "image_uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271", "alias": "byhand",
 "hostname": "other", "max_physical_memory": 768, "max_swap": 1536, "quota": 33, "cpu_cap": 150,
 "delegate_dataset": true, "resolvers": ["192.0.2.53", "192.0.2.54"],
 "customer_metadata": {"user-script": "#!/usr/bin/bash\ntrue\n", "token": "a secret"},
 "nics": [{"nic_tag": "admin", "ips": ["dhcp"], "primary": true}]}
END"##,
    );
    let uuid = zone
        .host_shell("vmadm lookup alias=byhand")
        .trim()
        .to_owned();
    zone.host_shell(&format!(
        "zlogin {uuid} zfs create -o mountpoint=/b -o refquota=3000M -o compression=on zones/{uuid}/data/b && \
         zlogin {uuid} 'useradd -u 1234 anna && chown anna /b'"
    ));
    let said = run(&zone, &["zone", "adopt", "sandbox", "byhand"]).succeeds();
    assert!(
        said.out
            .contains("  its accounts (anna) are in it as comments: "),
        "{said}"
    );
    let text = std::fs::read_to_string(zone.site.join("zones/byhand.toml")).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("refquota = \"3000 MiB\""), "{text}");
    assert!(
        text.ends_with("\n# [[user]]\n# name = \"anna\"\n# uid = 1234\n"),
        "{text}"
    );
    let named = text.replace(
        "# [[user]]\n# name = \"anna\"\n# uid",
        "[[user]]\nname = \"anna\"\nuid",
    );
    let named = named.replace("# owner = \"anna\"", "owner = \"anna\"");
    zone.write("zones/byhand.toml", &named);
    let plan = run(&zone, &["zone", "plan", "byhand"]).succeeds();
    // whoever made it by hand did not put the sandbox's own key there
    let changes: Vec<&str> = plan
        .out
        .lines()
        .filter(|line| line.starts_with("  "))
        .collect();
    assert!(
        changes.len() == 1 && changes[0].contains("key zonewright-sandbox"),
        "{plan}\n{text}"
    );
    let identity = zone.access_to(GLOBAL).identity;
    let key = std::fs::read_to_string(identity.with_extension("pub")).unwrap();
    zone.host_shell(&format!(
        "zlogin {uuid} 'mkdir -p /root/.ssh && cat >/root/.ssh/authorized_keys' <<'END'\n{key}END"
    ));
    let plan = run(&zone, &["zone", "plan", "byhand", "--detailed-exitcode"]).succeeds();
    assert!(plan.out.ends_with(": nothing to do\n"), "{plan}");
    run(&zone, &["zone", "adopt", "sandbox", "byhand"]).exits(2);
    run(&zone, &["zone", "adopt", "sandbox", "nobody"]).exits(1);
    let again = ["zone", "adopt", "sandbox", &uuid, "--name", "again"];
    let told = run(&zone, &again).exits(2);
    assert!(told.err.contains("zones/byhand.toml"), "{told}");
    assert!(!zone.site.join("zones/again.toml").exists());
    std::fs::remove_file(zone.site.join("zones/byhand.toml")).unwrap();
    run(&zone, &again).succeeds();
}

#[test]
fn a_zone_is_entered_through_its_host_and_every_end_is_told_apart() {
    let Some(zone) = zone("entered") else { return };
    run(&zone, &["zone", "create", "entered"]).succeeds();
    let uuid = zones_of(&zone)[0]["uuid"].as_str().unwrap().to_owned();
    let mut inside = Zlogin::new(zone.host_door(), uuid.as_str());
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let mut run_in = |script: &Script, input: &[u8]| {
        let mut out = Vec::new();
        let exit = inside.run(script, &mut Cursor::new(input), &mut |_, data| {
            out.extend_from_slice(data);
        });
        (exit, out)
    };
    let words = ["it's", "$HOME", "a\nb", "\"", "`id`", "\\", "*", "é"];
    let script = Script::new("words")
        .list("x", words)
        .shell("printf '%s|' \"${x[@]}\"");
    let (exit, out) = run_in(&script, b"");
    assert_eq!(exit.unwrap(), Exit::Code(0));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        words.map(|w| format!("{w}|")).concat()
    );
    let (exit, out) = run_in(&Script::new("input").shell("cat").with_input(), &bytes);
    assert!(exit.unwrap() == Exit::Code(0) && out == bytes);
    for status in [1, 7, 255] {
        let script = Script::new("status").command(["exit", &status.to_string()]);
        assert_eq!(run_in(&script, b"").0.unwrap(), Exit::Code(status));
    }
    let killed = Script::new("killed").shell("kill -KILL $$");
    assert_eq!(run_in(&killed, b"").0.unwrap(), Exit::Signal("KILL".into()));
    zone.host_shell(&format!("vmadm stop {uuid}"));
    let (exit, _) = run_in(&Script::new("stopped").shell("true"), b"");
    assert!(matches!(exit, Err(HostError::NoZone { .. })), "{exit:?}");
    let mut nobody = Zlogin::new(zone.host_door(), "00000000-0000-4000-8000-000000000000");
    let gone = nobody.run(
        &Script::new("gone").shell("true"),
        &mut std::io::empty(),
        &mut |_, _| {},
    );
    assert!(matches!(gone, Err(HostError::NoZone { .. })), "{gone:?}");
}

#[test]
fn an_empty_zone_costs_little_more_than_its_boot() {
    let Some(zone) = zone("quick") else { return };
    run(&zone, &["zone", "create", "quick"]).succeeds();
    run(&zone, &["zone", "destroy", "quick", "--yes"]).succeeds();
    let payload = r#"{"brand": "joyent", "image_uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271",
        "alias": "plain", "quota": 10, "nics": [{"nic_tag": "admin", "ips": ["dhcp"]}]}"#;
    let mut tries = Vec::new();
    // the machine may be busy with other tests: `cargo bench --bench zones` tells of a quiet one
    for _ in 0..3 {
        let begun = Instant::now();
        zone.host_shell(&format!("vmadm create <<'END'\n{payload}\nEND"));
        let boot = begun.elapsed();
        let begun = Instant::now();
        run(&zone, &["zone", "create", "quick"]).succeeds();
        let made = begun.elapsed();
        if made < boot + Duration::from_secs(6) {
            return;
        }
        tries.push((made, boot));
        run(&zone, &["zone", "destroy", "quick", "--yes"]).succeeds();
        zone.host_shell("vmadm delete $(vmadm lookup alias=plain)");
    }
    panic!("zones made, and the boot of one: {tries:?}");
}

#[test]
fn a_zone_in_a_network_that_only_its_host_reaches_is_entered_through_it() {
    let Some(zone) = zone("far") else { return };
    let file = "zones/far.toml";
    zone.edit(
        file,
        "address = \"dhcp\"",
        "address = \"192.0.2.10/24\"\ngateway = \"192.0.2.1\"",
    );
    let made = apply(&zone).succeeds();
    assert!(made.out.contains("address  192.0.2.10\n"), "{made}");
    let again = apply(&zone).succeeds();
    assert_eq!(again.out, "far (192.0.2.10): nothing to do\n");
    let inside = run(&zone, &["zone", "plan", "far", "--detailed-exitcode"]).succeeds();
    assert!(inside.out.ends_with(": nothing to do\n"), "{inside}");
}

#[test]
fn a_zone_without_a_server_for_ssh_is_entered_by_zlogin() {
    let Some(zone) = zone("minimal") else { return };
    let file = "zones/minimal.toml";
    zone.edit(
        file,
        "alias = \"minimal\"",
        "alias = \"minimal\"\nbrand = \"joyent-minimal\"",
    );
    let made = apply(&zone).succeeds();
    // what Macs would connect to, and not the host that was entered
    let address = made
        .out
        .lines()
        .find_map(|line| line.strip_prefix("  address  "));
    let host = zone.access_to(GLOBAL).address.to_string();
    assert!(address.is_some_and(|address| address != host), "{made}");
    let uuid = zones_of(&zone)[0]["uuid"].as_str().unwrap().to_owned();
    let look =
        "stat -c %u /backups/matt; svcs -H -o state ssh 2>&1; grep -c '^matt:[$]' /etc/shadow";
    let inside = zone.host_shell(&format!("zlogin {uuid} \"{look}\""));
    assert!(
        inside.starts_with("1001\n") && inside.ends_with("\n1\n"),
        "{inside}"
    );
    assert!(!inside.contains("online"), "{inside}");
    let again = apply(&zone).succeeds();
    assert!(again.out.ends_with(": nothing to do\n"), "{again}");
}
