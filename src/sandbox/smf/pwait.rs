//! `pwait`: blocks until processes have ended, whoever their parent is.
//!
//! A process that nobody reaps counts as ended.

use super::answer::{Answer, words};
use super::options::Options;
use super::process;
use std::ffi::OsString;
use std::thread;
use std::time::Duration;

const USAGE: &str = "usage:\tpwait [-v] pid ...\n  (wait for processes to terminate)";

/// Runs `pwait` in this zone.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    answer(&words(arguments)).deliver()
}

/// Waits.
#[must_use]
pub fn answer(arguments: &[String]) -> Answer {
    let Ok(options) = Options::parse(arguments, "v") else {
        return Answer::failure(2, USAGE);
    };
    if options.operands.is_empty() {
        return Answer::failure(2, USAGE);
    }
    if options.has('v') {
        return Answer::not_emulated("pwait", "-v");
    }
    let mut answer = Answer::default();
    let mut open = Vec::new();
    for word in &options.operands {
        let bare = word.strip_prefix("/proc/").unwrap_or(word);
        match bare.parse().ok().and_then(process::one) {
            Some(process) => open.push(process),
            None => answer.fail(2, format!("pwait: no such process: {word}")),
        }
    }
    // The start time tells a process from a later one with the same id.
    while !open.is_empty() {
        open.retain(|known| {
            process::one(known.pid)
                .is_some_and(|now| now.start_ticks == known.start_ticks && now.state != 'Z')
        });
        if !open.is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn it_waits_for_a_process_and_refuses_what_is_none() {
        let mut child = std::process::Command::new("/bin/sleep")
            .arg("0.3")
            .spawn()
            .unwrap();
        let start = Instant::now();
        assert_eq!(answer(&[child.id().to_string()]).code, 0);
        assert!(start.elapsed() >= Duration::from_millis(250));
        child.wait().unwrap();
        assert_eq!(answer(&["2147483647".to_owned()]).code, 2);
        assert_eq!(answer(&["x".to_owned()]).code, 2);
    }
}
