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
