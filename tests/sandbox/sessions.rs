//! Somebody is being served while a service must be restarted.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use super::harness::Zone;

/// A client inside the zone, which stays until it is ended.
pub struct Client(Child);

impl Client {
    /// Connects, and waits for the greeting: from then on it is being served.
    pub fn connect(zone: &Zone) -> Self {
        let script = "exec 3<>/dev/tcp/127.0.0.1/7007 && IFS= read -r line <&3 && echo \"$line\" && exec cat";
        let shell = [
            "sandbox",
            "shell",
            &zone.alias,
            "--",
            "/usr/bin/bash",
            "-c",
            script,
        ];
        let mut child = zone
            .command(&shell)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with("hello"), "{line:?}");
        Self(child)
    }

    pub fn leave(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_restart_waits_for_who_is_being_served_and_goes_on_when_they_leave() {
    let Some(zone) = Zone::serving("waits") else {
        return;
    };
    let client = Client::connect(&zone);
    assert_eq!(
        zone.shell("ps -o user= -p \"$(pgrep -x greeter | paste -sd, -)\" | tr -d ' ' | sort"),
        "greeter\nroot\n"
    );
    zone.set_parameters("greeting = \"later\"");
    let mut apply = zone
        .command(&["apply", "waits"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(apply.stderr.take().unwrap());
    let mut heard = String::new();
    while !heard.contains("waiting") && said.read_line(&mut heard).unwrap() > 0 {}
    let line = heard.lines().last().unwrap();
    assert!(
        line.starts_with("waiting for greeter, connected for "),
        "{heard}"
    );
    assert!(
        line.ends_with(" s (0 s so far); --end-sessions would end the session"),
        "{heard}"
    );
    assert_eq!(zone.greeting(), "hello from waits loudly 2.1.12-stable");
    client.leave();
    said.read_to_string(&mut heard).unwrap();
    assert!(apply.wait().unwrap().success(), "{heard}");
    assert_eq!(zone.greeting(), "later loudly 2.1.12-stable");
}

#[test]
fn a_restart_that_may_end_sessions_does_not_wait() {
    let Some(zone) = Zone::serving("ends") else {
        return;
    };
    let _client = Client::connect(&zone);
    zone.set_parameters("greeting = \"at once\"");
    let apply = zone.run(&["apply", "ends", "--end-sessions"]).succeeds();
    assert!(!apply.err.contains("waiting"), "{apply}");
    assert_eq!(zone.greeting(), "at once loudly 2.1.12-stable");
}

#[test]
fn who_is_being_served_does_not_hold_up_what_restarts_nothing() {
    let Some(zone) = Zone::serving("unheld") else {
        return;
    };
    let client = Client::connect(&zone);
    zone.shell("chmod 0777 /var/greeter");
    let apply = zone.apply().succeeds();
    assert!(!apply.err.contains("waiting"), "{apply}");
    client.leave();
}

/// The zone's file, with more memory for a card that must be made anew.
const ON_HOST: &str = r#"[host]
sandbox = true

[zone]
alias = "served"
image = "base-64-lts@24.4.1"
memory = "2 GiB"
quota = "10 GiB"

[[zone.nic]]
tag = "admin"
address = "dhcp"

[[recipe]]
name = "greeter"
"#;

#[test]
fn what_ends_a_zone_on_its_host_waits_for_who_is_in_it() {
    let Some(zone) = Zone::alone("served", ON_HOST) else {
        return;
    };
    zone.apply().succeeds();
    let boot = "kstat -p unix:0:system_misc:boot_time; zonename";
    let before = zone.shell(boot);
    let client = Client::connect(&zone);

    // somebody is being served
    zone.edit("zones/served.toml", "\"dhcp\"", "\"127.0.1.203/8\"");
    let mut update = zone
        .command(&["zone", "update", "served", "--reboot"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(update.stderr.take().unwrap()).lines();
    let waits = lines.find_map(|line| line.ok().filter(|line| line.starts_with("waiting ")));
    let waits = waits.unwrap();
    assert!(
        waits.starts_with("waiting for greeter, connected for "),
        "{waits}"
    );
    assert!(
        waits.ends_with("; --end-sessions would end the session"),
        "{waits}"
    );
    assert_eq!(zone.shell(boot), before);
    client.leave();
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(update.wait().unwrap().success(), "{rest:?}");
    assert_ne!(zone.shell(boot), before);
    zone.shell("ipadm show-addr -p -o addrobj,type,state,addr | grep -q :127.0.1.203/8");

    // somebody else changes what is in it: an announcement of a contract that is alive
    let announce = r#"read -r boot < <(kstat -p unix:0:system_misc:boot_time | awk '{ print $2 }')
        read -r contract < <(svcs -H -o ctid svc:/site/greeter:default)
        printf '%s %s 1790000000\n{"user":"anna","host":"mini","command":"apply served"}\n' \
            "$boot" "$contract" >/var/db/zonewright/lock/other"#;
    zone.shell(announce);
    for words in [
        &["zone", "destroy", "served", "--yes"][..],
        &["zone", "reprovision", "served", "--yes"],
    ] {
        zone.edit("zones/served.toml", "24.4.1", "23.4.0");
        let told = zone.run(words).exits(1);
        zone.edit("zones/served.toml", "23.4.0", "24.4.1");
        let line = "served is being changed by anna@mini (apply served, since ";
        assert!(told.err.contains(line), "{told}");
        zone.shell("test -e /var/db/zonewright/lock/other");
    }
    let ended = ["zone", "destroy", "served", "--yes", "--break-lock"];
    zone.run(&ended).succeeds();
}
