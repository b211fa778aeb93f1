//! `svcs`: which services there are and how they are.
//!
//! The header line is printed even when no pattern matches, and columns are padded to fixed widths
//! with `-H` too.

mod columns;
mod explain;
mod long;

use super::answer::{Answer, words};
use super::contract::Contracts;
use super::dependencies::{dependency_groups, dependents, instances_of};
use super::door::Door;
use super::fmri::{Fmri, matching_instances};
use super::model::Repository;
use super::options::{Misuse, Options};
use super::paths::Paths;
use super::process::{self, Process};
use super::stamp;
use columns::{Column, Order};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::Duration;

const USAGE: &str = "Usage: svcs [-aHpv] [-o col[,col ... ]] [-R restarter] [-sS col] [-Z | -z \
                     zone ]\n            [<service> ...]\n       svcs -d | -D [-Hpv] [-o col[,col \
                     ... ]] [-sS col] [-Z | -z zone ]\n            [<service> ...]\n       svcs [-l \
                     | -L] [-Z | -z zone] <service> ...\n       svcs -x [-v] [-Z | -z zone] \
                     [<service> ...]";

/// Runs `svcs` in this zone.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    answer(&words(arguments), &Paths::zone()).deliver()
}

/// A zone as `svcs` sees it.
struct View {
    repository: Repository,
    processes: BTreeMap<i32, Process>,
    contracts: Contracts,
    now: Duration,
    paths: Paths,
}

impl View {
    /// The processes of an instance's contract, by id.
    fn members(&self, fmri: &Fmri) -> Vec<&Process> {
        let contract = self
            .repository
            .restarter(fmri, "contract")
            .and_then(|id| id.parse().ok());
        let members = contract.map(|id| self.contracts.members(id, &self.processes));
        members
            .into_iter()
            .flatten()
            .filter_map(|pid| self.processes.get(&pid))
            .collect()
    }
}

/// What `svcs` says.
#[must_use]
pub fn answer(arguments: &[String], paths: &Paths) -> Answer {
    let options = match Options::parse(arguments, "aHpvo:R:s:S:dDlLxZz:") {
        Ok(options) => options,
        Err(Misuse::Unknown(letter)) => {
            return Answer::failure(2, format!("svcs: illegal option -- {letter}\n{USAGE}"));
        }
        Err(Misuse::NoValue(letter)) => {
            let text = format!("svcs: option requires an argument -- {letter}\n{USAGE}");
            return Answer::failure(2, text);
        }
    };
    for letter in ['z', 'Z'] {
        if options.has(letter) {
            let text = format!("svcs: svcs -{letter} may only be used from the global zone");
            return Answer::failure(1, text);
        }
    }
    if options.has('R') {
        return Answer::not_emulated("svcs", "-R");
    }
    let repository = match Door::open(paths).and_then(|mut door| door.read()) {
        Ok(repository) => repository,
        Err(error) => {
            let text = format!("svcs: Could not bind to repository server: {error}.  Exiting.");
            return Answer::failure(1, text);
        }
    };
    let wants_processes = ['p', 'l', 'x'].iter().any(|letter| options.has(*letter));
    let processes = if wants_processes {
        process::all()
    } else {
        BTreeMap::new()
    };
    let contracts = Contracts::find(paths, &processes);
    let view = View {
        repository,
        processes,
        contracts,
        now: stamp::now(),
        paths: paths.clone(),
    };
    view.answer(&options)
}

impl View {
    fn answer(&self, options: &Options) -> Answer {
        let mut answer = Answer::default();
        let modes = ['d', 'D', 'l', 'L', 'x']
            .iter()
            .filter(|letter| options.has(**letter))
            .count();
        let needs_operand = ['d', 'D', 'l', 'L']
            .iter()
            .any(|letter| options.has(*letter));
        if modes > 1 || (needs_operand && options.operands.is_empty()) {
            return Answer::failure(2, USAGE);
        }
        let named = self.named(options, &mut answer);
        if options.has('x') {
            explain::explain(self, options, &named, &mut answer);
        } else if options.has('l') {
            long::describe(self, options, &named, &mut answer);
        } else if options.has('L') {
            for fmri in &named {
                if let Some(log) = self.repository.restarter(fmri, "logfile") {
                    answer.say(log);
                }
            }
        } else {
            self.table(options, named, &mut answer);
        }
        answer
    }

    /// The instances that the operands name, each once.
    fn named(&self, options: &Options, answer: &mut Answer) -> Vec<Fmri> {
        let mut named = BTreeSet::new();
        for pattern in &options.operands {
            let found = matching_instances(&self.repository, pattern);
            if found.is_empty() {
                answer.fail(
                    1,
                    format!("svcs: Pattern '{pattern}' doesn't match any instances"),
                );
            }
            named.extend(found);
        }
        named.into_iter().collect()
    }

    fn rows(&self, options: &Options, named: Vec<Fmri>) -> Vec<Fmri> {
        let related = |relation: &dyn Fn(&Fmri) -> Vec<Fmri>| {
            let all: BTreeSet<Fmri> = named.iter().flat_map(relation).collect();
            all.into_iter().collect()
        };
        if options.has('d') {
            return related(&|fmri| {
                let view = self.repository.running(fmri);
                dependency_groups(&view)
                    .flat_map(|(_, group)| group.values("entities"))
                    .flat_map(|entity| instances_of(&self.repository, entity))
                    .collect()
            });
        }
        if options.has('D') {
            return related(&|fmri| dependents(&self.repository, fmri, |_| true));
        }
        if !options.operands.is_empty() {
            return named;
        }
        let shown = |fmri: &Fmri| {
            self.repository
                .is_enabled(fmri)
                .is_some_and(|enabled| enabled || options.has('a'))
        };
        self.repository
            .instances()
            .into_iter()
            .filter(shown)
            .collect()
    }

    fn table(&self, options: &Options, named: Vec<Fmri>, answer: &mut Answer) {
        let columns = match chosen_columns(options) {
            Ok(columns) => columns,
            Err(name) => {
                answer.fail(1, format!("svcs: Unknown column \"{name}\"."));
                return;
            }
        };
        let order = match sort_keys(options) {
            Ok(order) => order,
            Err(name) => {
                answer.fail(1, format!("svcs: Unknown sort column \"{name}\"."));
                return;
            }
        };
        let mut rows = self.rows(options, named);
        rows.sort_by(|a, b| order.compare(self, a, b));
        if !options.has('H') {
            answer.say(columns::header(&columns));
        }
        for fmri in &rows {
            answer.say(columns::line(self, &columns, fmri));
            if options.has('p') {
                self.processes_of(fmri, answer);
            }
        }
    }

    // online         13:25:13 svc:/network/smtp:sendmail
    //                13:25:15   100939 sendmail
    fn processes_of(&self, fmri: &Fmri, answer: &mut Answer) {
        let boot = process::boot_time();
        for process in self.members(fmri) {
            let start = stamp::short_time(self.now, process::start_time(process, boot));
            answer.say(format!(
                "{:15}{start:8}   {:>6} {}",
                "", process.pid, process.name
            ));
        }
    }
}

fn chosen_columns(options: &Options) -> Result<Vec<&'static Column>, String> {
    let given = options.values('o');
    let names = match (given.is_empty(), options.has('v')) {
        (false, _) => given.join(","),
        (true, true) => "state,nstate,stime,ctid,fmri".to_owned(),
        (true, false) => "state,stime,fmri".to_owned(),
    };
    names
        .split(',')
        .map(|name| columns::find(name).ok_or_else(|| name.to_owned()))
        .collect()
}

fn sort_keys(options: &Options) -> Result<Order, String> {
    let mut keys = Vec::new();
    for (letter, value) in &options.flags {
        if matches!(letter, 's' | 'S') {
            for name in value.split(',') {
                keys.push((
                    columns::find(name).ok_or_else(|| name.to_owned())?,
                    *letter == 'S',
                ));
            }
        }
    }
    if keys.is_empty() && !options.has('o') {
        keys.extend(
            ["state", "stime", "fmri"]
                .iter()
                .filter_map(|name| columns::find(name))
                .map(|column| (column, false)),
        );
    }
    Ok(Order { keys })
}

#[cfg(test)]
mod tests;
