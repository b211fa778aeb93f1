//! `cargo bench --bench noop`: what a second `apply` costs, beside `ssh` running `true` on the same zone with
//! the same key. Uses the zone `sandbox`, which is made if it is not there.

use std::process::ExitCode;

mod measure;

use measure::{in_turn, print, sandbox, ssh, time, zonewright};

/// Rounds that count.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    let apply = || time(zonewright(&["apply", "sandbox"]));
    if apply().is_none() {
        eprintln!("`zonewright apply sandbox` fails: nothing to measure");
        return ExitCode::FAILURE;
    }
    let Some(zone) = sandbox("sandbox") else {
        eprintln!("`zonewright sandbox list --json` does not say how to reach the zone");
        return ExitCode::FAILURE;
    };
    let ssh = || time(ssh(&zone, "true")?);
    let Some(medians) = in_turn(ROUNDS, apply, ssh) else {
        eprintln!("a command failed in the middle of the measurement");
        return ExitCode::FAILURE;
    };
    print(["apply with nothing to do", "ssh ZONE true"], medians);
    ExitCode::SUCCESS
}
