//! What the benchmarks of commands have in common: commands are timed from outside, in turn, and medians are
//! compared, so that what else the machine does falls on all of them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program that is measured.
pub const ZONEWRIGHT: &str = env!("CARGO_BIN_EXE_zonewright");

/// `zonewright` at the site of this repository.
pub fn zonewright(words: &[&str]) -> Command {
    let mut command = Command::new(ZONEWRIGHT);
    command.args(["--site", env!("CARGO_MANIFEST_DIR")]);
    command.args(words);
    command
}

/// How long a command takes; nothing where it fails.
pub fn time(mut command: Command) -> Option<Duration> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status();
    status
        .is_ok_and(|status| status.success())
        .then(|| started.elapsed())
}

/// Times two commands in turn, so many rounds after one that does not count, and gives their medians.
pub fn in_turn(
    rounds: usize,
    mut one: impl FnMut() -> Option<Duration>,
    mut other: impl FnMut() -> Option<Duration>,
) -> Option<[Duration; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        let pair = [one()?, other()?];
        if round > 0 {
            for (times, time) in times.iter_mut().zip(pair) {
                times.push(time);
            }
        }
    }
    Some(times.map(|mut times| {
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }))
}

/// Prints two medians and their ratio.
pub fn print(names: [&str; 2], [one, other]: [Duration; 2]) {
    for (name, time) in names.iter().zip([one, other]) {
        println!("{name:<32} {:>8.1} ms", time.as_secs_f64() * 1e3);
    }
    let ratio = one.as_secs_f64() / other.as_secs_f64();
    println!("{:<32} {ratio:>8.2}", "ratio");
}

/// How a zone of the sandbox is reached, as `zonewright sandbox list --json` tells.
pub fn sandbox(alias: &str) -> Option<Value> {
    let output = Command::new(ZONEWRIGHT)
        .args(["sandbox", "list", "--json"])
        .output()
        .ok()?;
    let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
    let zones = answer.get("zones")?.as_array()?;
    zones.iter().find(|zone| zone["alias"] == alias).cloned()
}

/// A script run by OpenSSH's client in a zone that [`sandbox`] told of.
pub fn ssh(zone: &Value, script: &str) -> Option<Command> {
    let text = |key: &str| zone[key].as_str();
    let known_hosts = format!("UserKnownHostsFile={}", text("known-hosts")?);
    let login = format!("{}@{}", text("user")?, text("address")?);
    let port = zone["ssh-port"].to_string();
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", &known_hosts]);
    command.args(["-i", text("identity")?, "-p", &port, &login, script]);
    Some(command)
}
