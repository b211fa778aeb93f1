//! `ctstat`: lists contracts.
//!
//! For a contract that is gone it prints the header alone and exits with 0.

use super::super::answer::{Answer, words};
use super::super::options::{Misuse, Options};
use super::super::paths::Paths;
use super::super::process;
use super::{Contracts, Live};
use std::ffi::OsString;

const USAGE: &str = "Usage: ctstat [-a] [-i ctidlist] [-t typelist] [-v] [interval [count]]";

/// Runs `ctstat` in this zone.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    answer(&words(arguments), &Paths::zone()).deliver()
}

/// What `ctstat` says. Widths and labels are inferred.
#[must_use]
pub fn answer(arguments: &[String], paths: &Paths) -> Answer {
    let options = match Options::parse(arguments, "ai:t:vT:") {
        Ok(options) => options,
        Err(Misuse::Unknown(letter)) => {
            return Answer::failure(2, format!("ctstat: illegal option -- {letter}\n{USAGE}"));
        }
        Err(Misuse::NoValue(_)) => return Answer::failure(2, USAGE),
    };
    if !options.operands.is_empty() || options.has('T') {
        return Answer::not_emulated("ctstat", "interval");
    }
    let wanted: Result<Vec<u64>, _> = options
        .values('i')
        .iter()
        .flat_map(|list| list.split([',', ' ']))
        .filter(|word| !word.is_empty())
        .map(str::parse)
        .collect();
    let Ok(wanted) = wanted else {
        return Answer::failure(2, "ctstat: invalid contract id");
    };
    let types = options.values('t').join(",");
    let only_processes = types.is_empty() || types.split(',').any(|kind| kind == "process");
    let processes = process::all();
    let contracts = Contracts::find(paths, &processes);
    let mut answer = Answer::default();
    answer.say(row([
        "CTID", "ZONEID", "TYPE", "STATE", "HOLDER", "EVENTS", "QTIME", "NTIME",
    ]));
    let shown = contracts
        .live
        .iter()
        .filter(|(contract, _)| only_processes && (wanted.is_empty() || wanted.contains(contract)));
    for (contract, live) in shown {
        let owned = processes.contains_key(&live.owner);
        let (state, holder) = if owned {
            ("owned", live.owner)
        } else {
            ("orphan", 0)
        };
        let (id, holder) = (contract.to_string(), holder.to_string());
        answer.say(row([&id, "1", "process", state, &holder, "0", "-", "-"]));
        if options.has('v') {
            let members = contracts.members(*contract, &processes);
            details(live, &members.into_iter().collect::<Vec<_>>(), &mut answer);
        }
    }
    answer
}

fn row(cells: [&str; 8]) -> String {
    cells
        .iter()
        .map(|cell| format!("{cell:<8}"))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

fn details(live: &Live, members: &[i32], answer: &mut Answer) {
    let list = |words: &[String]| {
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(" ")
        }
    };
    let members: Vec<String> = members.iter().map(ToString::to_string).collect();
    for (label, text) in [
        ("cookie:", "0".to_owned()),
        ("informative event set:", "none".to_owned()),
        ("critical event set:", "none".to_owned()),
        ("fatal event set:", list(&live.fatal)),
        ("parameter set:", list(&live.parameters)),
        ("member processes:", list(&members)),
        ("inherited contracts:", "none".to_owned()),
        (
            "service fmri:",
            live.service.clone().unwrap_or_else(|| "none".to_owned()),
        ),
    ] {
        answer.say(format!("\t{label:<23}{text}"));
    }
}
