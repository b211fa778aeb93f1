//! The processes of a zone, read from `/proc`.
//!
//! The command's name in `/proc/PID/stat` may itself contain blanks and parentheses; the fields
//! start after the last `)`.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// One process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: i32,
    /// Parent.
    pub parent: i32,
    /// Process group.
    pub group: i32,
    /// Session.
    pub session: i32,
    /// Controlling terminal's device number, 0 for none.
    pub terminal: i32,
    /// Linux' state letter.
    pub state: char,
    /// The name of the executed file, at most 15 characters.
    pub name: String,
    /// The arguments.
    pub arguments: Vec<String>,
    /// Start, in clock ticks since boot.
    pub start_ticks: u64,
    /// Processor time used, in clock ticks.
    pub used_ticks: u64,
    /// Number of threads.
    pub threads: u64,
    /// Size of the address space in KiB.
    pub size_kib: u64,
    /// Resident pages in KiB.
    pub resident_kib: u64,
    /// Niceness.
    pub nice: i32,
    /// Priority as Linux counts it.
    pub priority: i32,
    /// Real user and group.
    pub user: u32,
    /// Effective user.
    pub effective_user: u32,
    /// Real group.
    pub group_id: u32,
    /// Effective group.
    pub effective_group: u32,
}

impl Process {
    /// The arguments as one line; the name where there are none.
    #[must_use]
    pub fn command_line(&self) -> String {
        if self.arguments.is_empty() {
            self.name.clone()
        } else {
            self.arguments.join(" ")
        }
    }
}

/// Every process that can be seen, by id.
#[must_use]
pub fn all() -> BTreeMap<i32, Process> {
    // A folder of /proc that vanishes while it is read is a process that ended.
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, one(pid)?)))
        .collect()
}

/// One process; none when there is no such process.
#[must_use]
pub fn one(pid: i32) -> Option<Process> {
    let mut process = parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    for line in status.lines() {
        let ids = |rest: &str| -> Vec<u32> {
            rest.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect()
        };
        if let Some(rest) = line.strip_prefix("Uid:") {
            if let [real, effective, ..] = ids(rest)[..] {
                (process.user, process.effective_user) = (real, effective);
            }
        } else if let Some(rest) = line.strip_prefix("Gid:")
            && let [real, effective, ..] = ids(rest)[..]
        {
            (process.group_id, process.effective_group) = (real, effective);
        }
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    process.arguments = split_arguments(&line);
    Some(process)
}

fn split_arguments(line: &[u8]) -> Vec<String> {
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    if line.is_empty() {
        return Vec::new();
    }
    // A program that rewrote its title leaves a tail of zeros.
    let text = String::from_utf8_lossy(line);
    text.trim_end_matches('\0')
        .split('\0')
        .map(str::to_owned)
        .collect()
}

// /proc/PID/stat
// 4711 (tmux: server) S 1 4711 4711 0 -1 4194624 1402 91 0 0 5 3 0 0 20 0 1 0 93 7299072 1021 …
fn parse_stat(text: &str) -> Option<Process> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<i64>().ok())
    };
    let small = |index: usize| number(index).and_then(|value| i32::try_from(value).ok());
    let size = |index: usize| number(index).and_then(|value| u64::try_from(value).ok());
    Some(Process {
        pid: pid.parse().ok()?,
        name: name.to_owned(),
        state: fields.first()?.chars().next()?,
        parent: small(1)?,
        group: small(2)?,
        session: small(3)?,
        terminal: small(4)?,
        used_ticks: size(11)? + size(12)?,
        priority: small(15)?,
        nice: small(16)?,
        threads: size(17)?,
        start_ticks: size(19)?,
        size_kib: size(20)? / 1024,
        resident_kib: size(21)? * 4,
        ..Process::default()
    })
}

/// Clock ticks in a second.
pub const TICKS: u64 = 100;

/// When the machine was booted, in seconds since 1970.
#[must_use]
pub fn boot_time() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("btime "));
    Duration::from_secs(
        line.and_then(|seconds| seconds.trim().parse().ok())
            .unwrap_or_default(),
    )
}

/// When a process started.
#[must_use]
pub fn start_time(process: &Process, boot: Duration) -> Duration {
    boot + Duration::from_millis(process.start_ticks * 1000 / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "4711 (a) b (c) S 1 4710 4709 34816 -1 4194624 1402 91 0 0 5 3 0 0 20 0 2 0 93 \
                    7299072 1021 18446744073709551615\n";
        let process = parse_stat(text).unwrap();
        assert_eq!(process.name, "a) b (c");
        assert_eq!(
            (process.pid, process.parent, process.group),
            (4711, 1, 4710)
        );
        assert_eq!((process.session, process.terminal), (4709, 34816));
        assert_eq!(
            (process.used_ticks, process.threads, process.start_ticks),
            (8, 2, 93)
        );
        assert_eq!((process.size_kib, process.resident_kib), (7128, 4084));
    }

    #[test]
    fn this_process_is_found_with_its_arguments() {
        let own = one(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.arguments.first(), std::env::args().next().as_ref());
        assert_eq!(own.user, nix::unistd::getuid().as_raw());
    }
}
