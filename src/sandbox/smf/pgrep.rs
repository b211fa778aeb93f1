//! `pgrep` and `pkill`: finding processes by what they are, and signalling them.
//!
//! A pattern is an extended regular expression on the name, 15 characters at most, or on all
//! arguments with `-f`. The command never finds itself, but does find the shell that carries the
//! pattern among its arguments.

use super::answer::{Answer, words};
use super::contract::Contracts;
use super::options::{Misuse, Options};
use super::paths::Paths;
use super::process::{self, Process};
use super::ps::{own_pid, zone_name};
use super::signals;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Group, Pid, User};
use regex::Regex;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Which of the two commands is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Lists.
    Pgrep,
    /// Signals.
    Pkill,
}

impl Command {
    fn name(self) -> &'static str {
        match self {
            Self::Pgrep => "pgrep",
            Self::Pkill => "pkill",
        }
    }
}

const USAGE: i32 = 2;
const FATAL: i32 = 3;
const LISTS: &str = "[-P ppidlist] [-g pgrplist] [-s sidlist]\n\
    \t[-u euidlist] [-U uidlist] [-G gidlist] [-J projidlist]\n\
    \t[-T taskidlist] [-c ctidlist] [-t termlist] [-z zonelist] [pattern]";

/// Runs `pgrep` in this zone.
#[must_use]
pub fn run_pgrep(arguments: &[OsString]) -> i32 {
    answer(Command::Pgrep, &words(arguments), &Paths::zone()).deliver()
}

/// Runs `pkill` in this zone.
#[must_use]
pub fn run_pkill(arguments: &[OsString]) -> i32 {
    answer(Command::Pkill, &words(arguments), &Paths::zone()).deliver()
}

fn usage(command: Command, text: &str) -> Answer {
    let own = match command {
        Command::Pgrep => "[-flnovx] [-d delim]",
        Command::Pkill => "[-signal] [-fnovx]",
    };
    let name = command.name();
    Answer::failure(USAGE, format!("{text}Usage: {name} {own} {LISTS}"))
}

/// What the command says and does.
#[must_use]
pub fn answer(command: Command, arguments: &[String], paths: &Paths) -> Answer {
    let name = command.name();
    let (signal, rest) = match leading_signal(command, arguments) {
        Ok(found) => found,
        Err(word) => return usage(command, &format!("{name}: illegal option -- {word}\n")),
    };
    let options = match Options::parse(rest, "flnovxd:P:g:s:u:U:G:J:T:t:z:c:") {
        Ok(options) => options,
        Err(Misuse::Unknown(letter)) => {
            return usage(command, &format!("{name}: illegal option -- {letter}\n"));
        }
        Err(Misuse::NoValue(letter)) => {
            let text = format!("{name}: option requires an argument -- {letter}\n");
            return usage(command, &text);
        }
    };
    for letter in ['J', 'T', 't'] {
        if options.has(letter) {
            return Answer::not_emulated(name, &format!("-{letter}"));
        }
    }
    let lists = ['P', 'g', 's', 'u', 'U', 'G', 'z', 'c'];
    let listed = lists.iter().any(|letter| options.has(*letter));
    if options.operands.len() > 1
        || (options.operands.is_empty() && !listed)
        || (options.has('n') && options.has('o'))
        || (options.has('v') && (options.has('n') || options.has('o')))
    {
        return usage(command, "");
    }
    let search = match Search::new(&options) {
        Ok(search) => search,
        Err(text) => return Answer::failure(USAGE, format!("{name}: {text}")),
    };
    let processes = process::all();
    let contracts = Contracts::find(paths, &processes);
    let found = search.find(&options, &processes, &contracts);
    match command {
        Command::Pgrep => print(&options, &found),
        Command::Pkill => signal_all(signal, &found),
    }
}

/// `pkill` takes a signal as its first word.
fn leading_signal(command: Command, arguments: &[String]) -> Result<(Signal, &[String]), &str> {
    let default = Ok((Signal::SIGTERM, arguments));
    let (Command::Pkill, Some((first, rest))) = (command, arguments.split_first()) else {
        return default;
    };
    let Some(name) = first.strip_prefix('-') else {
        return default;
    };
    match signals::parse(name) {
        Some(signal) => Ok((signal, rest)),
        None if name.chars().all(|c| c.is_ascii_digit()) && !name.is_empty() => Err(name),
        None => default,
    }
}

/// What the options ask for.
struct Search {
    pattern: Option<Regex>,
    full: bool,
    parents: Vec<i64>,
    groups: Vec<i64>,
    sessions: Vec<i64>,
    effective_users: Vec<i64>,
    users: Vec<i64>,
    group_ids: Vec<i64>,
    contracts: Vec<i64>,
    zones: Vec<String>,
}

impl Search {
    fn new(options: &Options) -> Result<Self, String> {
        let pattern = match options.operands.first() {
            None => None,
            Some(text) => {
                let text = if options.has('x') {
                    format!("^(?:{text})$")
                } else {
                    text.clone()
                };
                Some(Regex::new(&text).map_err(|_| format!("invalid regular expression: {text}"))?)
            }
        };
        let numbers = |letter: char| numbers(options, letter, |_| None);
        let user = |name: &str| {
            Some(i64::from(
                User::from_name(name).ok().flatten()?.uid.as_raw(),
            ))
        };
        let group = |name: &str| {
            Some(i64::from(
                Group::from_name(name).ok().flatten()?.gid.as_raw(),
            ))
        };
        Ok(Self {
            pattern,
            full: options.has('f'),
            parents: numbers('P')?,
            groups: numbers('g')?,
            sessions: numbers('s')?,
            effective_users: self::numbers(options, 'u', user)?,
            users: self::numbers(options, 'U', user)?,
            group_ids: self::numbers(options, 'G', group)?,
            contracts: numbers('c')?,
            zones: words_of(options, 'z'),
        })
    }

    fn find<'a>(
        &self,
        options: &Options,
        processes: &'a BTreeMap<i32, Process>,
        contracts: &Contracts,
    ) -> Vec<&'a Process> {
        let own = own_pid();
        let mut found: Vec<&Process> = processes
            .values()
            .filter(|process| process.pid != own && process.state != 'Z')
            .filter(|process| !contracts.is_holder(process.pid))
            .filter(|process| self.fits(process, contracts) != options.has('v'))
            .collect();
        let age = |process: &&Process| (process.start_ticks, process.pid);
        if options.has('n') {
            found = found.into_iter().max_by_key(age).into_iter().collect();
        } else if options.has('o') {
            found = found.into_iter().min_by_key(age).into_iter().collect();
        }
        found
    }

    fn fits(&self, process: &Process, contracts: &Contracts) -> bool {
        let within = |list: &[i64], value: i64| list.is_empty() || list.contains(&value);
        let parent = if contracts.is_holder(process.parent) {
            1
        } else {
            process.parent
        };
        let contract = contracts
            .of
            .get(&process.pid)
            .and_then(|id| i64::try_from(*id).ok());
        let text = if self.full {
            process.command_line()
        } else {
            process.name.clone()
        };
        within(&self.parents, i64::from(parent))
            && within(&self.groups, i64::from(process.group))
            && within(&self.sessions, i64::from(process.session))
            && within(&self.effective_users, i64::from(process.effective_user))
            && within(&self.users, i64::from(process.user))
            && within(&self.group_ids, i64::from(process.group_id))
            && within(&self.contracts, contract.unwrap_or(-1))
            && (self.zones.is_empty() || self.zones.contains(&zone_name()))
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&text))
    }
}

fn words_of(options: &Options, letter: char) -> Vec<String> {
    let values = options.values(letter).join(",");
    values
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn numbers(
    options: &Options,
    letter: char,
    by_name: impl Fn(&str) -> Option<i64>,
) -> Result<Vec<i64>, String> {
    words_of(options, letter)
        .iter()
        .map(|word| {
            word.parse()
                .ok()
                .or_else(|| by_name(word))
                .ok_or_else(|| match letter {
                    'u' | 'U' => format!("invalid user name -- {word}"),
                    'G' => format!("invalid group name -- {word}"),
                    _ => format!("invalid argument for option '{letter}' -- {word}"),
                })
        })
        .collect()
}

fn print(options: &Options, found: &[&Process]) -> Answer {
    let mut answer = Answer::default();
    let lines: Vec<String> = found
        .iter()
        .map(|process| match (options.has('l'), options.has('f')) {
            (true, true) => format!("{:>5} {}", process.pid, process.command_line()),
            (true, false) => format!("{:>5} {}", process.pid, process.name),
            (false, _) => process.pid.to_string(),
        })
        .collect();
    if lines.is_empty() {
        answer.code = 1;
        return answer;
    }
    answer.say(lines.join(options.value('d').unwrap_or("\n")));
    answer
}

fn signal_all(signal: Signal, found: &[&Process]) -> Answer {
    let mut answer = Answer {
        code: i32::from(found.is_empty()),
        ..Answer::default()
    };
    for process in found {
        match kill(Pid::from_raw(process.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => {
                let text = format!(
                    "pkill: Failed to signal pid {}: {}",
                    process.pid,
                    errno.desc()
                );
                answer.fail(FATAL, text);
            }
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: Command, words: &[&str]) -> Answer {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        answer(command, &words, &Paths::zone())
    }

    #[test]
    fn statuses_tell_found_from_not_found_from_misuse() {
        let mut child = std::process::Command::new("/bin/sleep")
            .arg("86399")
            .spawn()
            .unwrap();
        let pid = child.id().to_string();
        let parent = own_pid().to_string();
        let found = run(Command::Pgrep, &["-P", &parent, "-f", "^/bin/sleep 86399$"]);
        assert_eq!((found.out.trim(), found.code), (pid.as_str(), 0));
        assert_eq!(run(Command::Pgrep, &["-x", "-P", &parent, "slee"]).code, 1);
        let long = run(Command::Pgrep, &["-lf", "-P", &parent, "slee.*86399"]);
        assert!(
            long.out
                .trim_start()
                .starts_with(&format!("{pid} /bin/sleep 86399"))
        );
        assert_eq!(
            run(
                Command::Pkill,
                &["-KILL", "-P", &parent, "-f", "sleep 86399"]
            )
            .code,
            0
        );
        assert!(!child.wait().unwrap().success());
        assert_eq!(
            run(Command::Pkill, &["-P", &parent, "-f", "sleep 86399"]).code,
            1
        );
    }

    #[test]
    fn misuse_is_two() {
        for words in [
            &[][..],
            &["a", "b"],
            &["-n", "-o", "a"],
            &["-u", "nobody-here"],
            &["-Q"],
            &["("],
        ] {
            assert_eq!(run(Command::Pgrep, words).code, 2, "{words:?}");
        }
        assert_eq!(run(Command::Pkill, &["-99", "a"]).code, 2);
        assert_eq!(run(Command::Pgrep, &["-J", "1"]).code, 99);
    }

    #[test]
    fn it_never_finds_itself() {
        let own = own_pid().to_string();
        let everything = run(Command::Pgrep, &["."]);
        assert!(everything.out.lines().all(|line| line != own));
    }
}
