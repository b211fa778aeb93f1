//! `cargo bench`: what a second `apply` costs, beside `ssh` running `true` on the same zone with the
//! same key. Both are timed from outside, in turn; the median and the ratio of the medians are
//! printed. Uses the zone `sandbox`, which is made if it is not there.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Rounds that count, after one that does not.
const ROUNDS: usize = 20;

const ZONEWRIGHT: &str = env!("CARGO_BIN_EXE_zonewright");

fn main() -> ExitCode {
    let site = env!("CARGO_MANIFEST_DIR");
    let apply = ["--site", site, "apply", "sandbox"];
    if !run(ZONEWRIGHT, &apply) {
        eprintln!("`zonewright apply sandbox` fails: nothing to measure");
        return ExitCode::FAILURE;
    }
    let Some(ssh) = ssh_arguments() else {
        eprintln!("`zonewright sandbox list --json` does not say how to reach the zone");
        return ExitCode::FAILURE;
    };
    let ssh: Vec<&str> = ssh.iter().map(String::as_str).collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (our, their) = (time(ZONEWRIGHT, &apply), time("ssh", &ssh));
        let (Some(our), Some(their)) = (our, their) else {
            eprintln!("a command failed in the middle of the measurement");
            return ExitCode::FAILURE;
        };
        if round > 0 {
            ours.push(our);
            theirs.push(their);
        }
    }
    let (our, their) = (median(&mut ours), median(&mut theirs));
    println!(
        "apply with nothing to do   {:>7.1} ms",
        our.as_secs_f64() * 1e3
    );
    println!(
        "ssh ZONE true              {:>7.1} ms",
        their.as_secs_f64() * 1e3
    );
    println!(
        "ratio                      {:>7.2}",
        our.as_secs_f64() / their.as_secs_f64()
    );
    ExitCode::SUCCESS
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn time(program: &str, arguments: &[&str]) -> Option<Duration> {
    let started = Instant::now();
    run(program, arguments).then(|| started.elapsed())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How OpenSSH's client reaches the zone `sandbox`.
fn ssh_arguments() -> Option<Vec<String>> {
    let output = Command::new(ZONEWRIGHT)
        .args(["sandbox", "list", "--json"])
        .output()
        .ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let zones = answer.get("zones")?.as_array()?;
    let zone = zones.iter().find(|zone| zone["alias"] == "sandbox")?;
    let text = |key: &str| zone[key].as_str().map(str::to_owned);
    Some(vec![
        "-F".to_owned(),
        "none".to_owned(),
        "-o".to_owned(),
        "BatchMode=yes".to_owned(),
        "-o".to_owned(),
        format!("UserKnownHostsFile={}", text("known-hosts")?),
        "-i".to_owned(),
        text("identity")?,
        "-p".to_owned(),
        zone["ssh-port"].to_string(),
        format!("{}@{}", text("user")?, text("address")?),
        "true".to_owned(),
    ])
}
