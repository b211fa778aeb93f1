//! Which process belongs to which contract.
//!
//! A contract's folder can outlive a holder that was killed, so the holder's start time is kept
//! and compared: a reused process id is no holder.

use super::super::paths::Paths;
use super::super::process::Process;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Process 1 and everything that no contract holds.
const INIT_CONTRACT: u64 = 1;

/// A live contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// The holder's process id.
    pub holder: i32,
    /// The owner's process id.
    pub owner: i32,
    /// The service it belongs to.
    pub service: Option<String>,
    /// `noorphan`, `pgrponly`, `regent`.
    pub parameters: Vec<String>,
    /// Fatal events.
    pub fatal: Vec<String>,
}

/// All live contracts and the processes in them.
#[derive(Debug, Clone, Default)]
pub struct Contracts {
    /// The contracts by id.
    pub live: BTreeMap<u64, Live>,
    /// The contract of each process; holders have none.
    pub of: BTreeMap<i32, u64>,
}

impl Contracts {
    /// Reads the contract folders and sorts `processes` into them.
    #[must_use]
    pub fn find(paths: &Paths, processes: &BTreeMap<i32, Process>) -> Self {
        let live = live_contracts(paths, processes);
        let holders: BTreeMap<i32, u64> = live
            .iter()
            .map(|(contract, body)| (body.holder, *contract))
            .collect();
        let of = processes
            .keys()
            .filter(|pid| !holders.contains_key(pid))
            .map(|&pid| (pid, contract_of(pid, processes, &holders)))
            .collect();
        Self { live, of }
    }

    /// Whether a process is a holder, which no command shows.
    #[must_use]
    pub fn is_holder(&self, pid: i32) -> bool {
        !self.of.contains_key(&pid)
    }

    /// The member processes of a contract; the dead that nobody reaped yet are none.
    #[must_use]
    pub fn members(&self, contract: u64, processes: &BTreeMap<i32, Process>) -> BTreeSet<i32> {
        let alive = |pid: &i32| {
            processes
                .get(pid)
                .is_some_and(|process| process.state != 'Z')
        };
        self.of
            .iter()
            .filter(|(pid, of)| **of == contract && alive(pid))
            .map(|(pid, _)| *pid)
            .collect()
    }
}

fn contract_of(pid: i32, processes: &BTreeMap<i32, Process>, holders: &BTreeMap<i32, u64>) -> u64 {
    let mut current = pid;
    // No chain of parents is longer than there are processes.
    for _ in 0..=processes.len() {
        if let Some(contract) = holders.get(&current) {
            return *contract;
        }
        match processes.get(&current) {
            Some(process) if process.parent > 0 => current = process.parent,
            _ => return INIT_CONTRACT,
        }
    }
    INIT_CONTRACT
}

fn live_contracts(paths: &Paths, processes: &BTreeMap<i32, Process>) -> BTreeMap<u64, Live> {
    let entries = fs::read_dir(paths.contracts())
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| {
            let contract = entry.file_name().to_str()?.parse().ok()?;
            let text = fs::read_to_string(entry.path().join("holder")).ok()?;
            let (live, start) = parse_holder(&text)?;
            let running = processes
                .get(&live.holder)
                .is_some_and(|p| p.start_ticks == start);
            running.then_some((contract, live))
        })
        .collect()
}

/// The text of a contract's `holder` file.
#[must_use]
pub fn render_holder(live: &Live, start_ticks: u64) -> String {
    format!(
        "{} {start_ticks} {}\n{}\n{}\n{}\n",
        live.holder,
        live.owner,
        live.service.as_deref().unwrap_or(""),
        live.parameters.join(" "),
        live.fatal.join(" "),
    )
}

// 4711 93021 1
// svc:/network/ssh:default
// noorphan
// hwerr
fn parse_holder(text: &str) -> Option<(Live, u64)> {
    let mut lines = text.lines();
    let mut numbers = lines.next()?.split(' ');
    let holder = numbers.next()?.parse().ok()?;
    let start = numbers.next()?.parse().ok()?;
    let owner = numbers.next()?.parse().ok()?;
    let service = lines
        .next()
        .filter(|line| !line.is_empty())
        .map(str::to_owned);
    let mut words = || -> Vec<String> {
        lines
            .next()
            .unwrap_or("")
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let parameters = words();
    let fatal = words();
    Some((
        Live {
            holder,
            owner,
            service,
            parameters,
            fatal,
        },
        start,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(links: &[(i32, i32, &str)]) -> BTreeMap<i32, Process> {
        links
            .iter()
            .map(|&(pid, parent, name)| {
                (
                    pid,
                    Process {
                        pid,
                        parent,
                        name: name.to_owned(),
                        ..Process::default()
                    },
                )
            })
            .collect()
    }

    #[test]
    fn a_nested_holder_takes_its_processes_out_of_the_outer_contract() {
        let processes = family(&[
            (1, 0, "init"),
            (10, 1, "ctrun"),
            (11, 10, "daemon"),
            (12, 11, "ctrun"),
            (13, 12, "escaped"),
            (20, 1, "stray"),
        ]);
        let holders = BTreeMap::from([(10, 7), (12, 8)]);
        let of = |pid| contract_of(pid, &processes, &holders);
        assert_eq!(
            (of(11), of(13), of(20), of(1)),
            (7, 8, INIT_CONTRACT, INIT_CONTRACT)
        );
    }

    #[test]
    fn a_connection_is_no_member_of_the_ssh_service() {
        let processes = family(&[
            (1, 0, "init"),
            (10, 1, "ctrun"),
            (11, 10, "sshd"),
            (12, 11, "sshd-session"),
            (13, 12, "sshd-session"),
            (14, 13, "bash"),
            (15, 12, "orphan"),
        ]);
        let holders = BTreeMap::from([(10, 7), (12, 8)]);
        let of = |pid| contract_of(pid, &processes, &holders);
        assert_eq!((of(11), of(13), of(14), of(15)), (7, 8, 8, 8));
    }

    #[test]
    fn a_holder_file_reads_back() {
        let live = Live {
            holder: 5,
            owner: 1,
            service: Some("svc:/a:b".to_owned()),
            parameters: vec!["noorphan".to_owned()],
            fatal: vec!["core".to_owned(), "signal".to_owned()],
        };
        assert_eq!(parse_holder(&render_holder(&live, 99)), Some((live, 99)));
    }
}
