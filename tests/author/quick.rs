//! What a check costs, and that it asks nobody.
//!
//! It runs in a network namespace of its own, whose counters tell of every attempt to send.

use std::path::Path;
use std::process::Command;

/// What one script said, run where nothing can be reached.
fn alone(script: &str, word: &Path) -> String {
    let output = Command::new("/usr/bin/unshare")
        .args(["--net", "/bin/bash", "-c", script, "bash"])
        .arg(word)
        .env("TIMEFORMAT", "seconds %U %S")
        .env("LC_ALL", "C")
        .current_dir("/")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap()
}

/// How many packets were sent or could not be, and connections begun.
fn attempts(text: &str) -> u64 {
    const COUNTED: [&str; 3] = ["OutRequests", "OutNoRoutes", "ActiveOpens"];
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let tables = lines
        .windows(2)
        .filter(|pair| pair[0].first() == pair[1].first())
        .flat_map(|pair| pair[0].iter().zip(&pair[1]));
    let counts = tables
        .filter(|(name, _)| COUNTED.contains(name))
        .map(|(_, count)| count.parse::<u64>().unwrap());
    counts.sum()
}

#[test]
fn checking_everything_that_ships_takes_less_than_a_second_and_asks_nobody() {
    let program = Path::new(env!("CARGO_BIN_EXE_zonewright"));
    let fetched = Command::new(program)
        .args(["recipe", "fetch", "fping", "netatalk-4.2"])
        .current_dir("/")
        .output()
        .unwrap();
    assert!(fetched.status.success(), "{fetched:?}");
    let check = r#"time "$1" recipe check; cat /proc/net/snmp"#;
    let said = alone(check, program);
    for checked in ["1 patch", "24 options", "recipe fping", "zone sandbox"] {
        assert!(said.contains(checked), "{said}");
    }
    assert_eq!(attempts(&said), 0, "{said}");
    let seconds = said
        .lines()
        .find_map(|line| line.strip_prefix("seconds "))
        .unwrap();
    // the processor's time, which other tests beside this one do not change
    let used: f64 = seconds
        .split(' ')
        .map(|seconds| seconds.parse::<f64>().unwrap())
        .sum();
    assert!(used < 1.0, "{used} s of processor time\n{said}");
    // and the counters would have told
    let asking = "exec 3<>/dev/tcp/192.0.2.1/80; cat /proc/net/snmp";
    assert!(attempts(&alone(asking, program)) > 0);
}
