//! `ctrun`: runs a command in a process contract of its own.
//!
//! A command that dies of a signal makes `ctrun` exit with 123, not with 128 and the signal.

use super::super::answer::{Answer, words};
use super::super::options::{Misuse, Options};
use super::super::paths::Paths;
use super::holder::hold;
use super::{Owner, Report, Spec, held_folder, start};
use nix::errno::Errno;
use std::ffi::OsString;

const USAGE: &str = "Usage: ctrun [options] command [argument ...]\n\n\
    \t-i, --informative-event-set=[core,exit,fork,...]\n\
    \t-f, --fatal-event-set=[core,hwerr,signal]\n\
    \t-l, --lifetime=[none|child|contract]\n\
    \t-o, --options=[noorphan,pgrponly,regent]\n\
    \t-r, --restart-count=n\n\
    \t-t, --transfer=[ctid,...]\n\
    \t-v, --verbose";

/// The status when the command died of a signal or could not be started for an unusual reason.
const BAD_CHILD: i32 = 123;
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    None,
    Child,
    Contract,
}

/// Runs `ctrun` in this zone, or serves as a contract's holder.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    let paths = Paths::zone();
    match held_folder(arguments) {
        Some(folder) => hold(&folder, &paths),
        None => {
            let answer = answer(&words(arguments), &paths);
            answer.deliver()
        }
    }
}

/// Runs the command; its output is its own, the answer holds `ctrun`'s words and the status.
#[must_use]
pub fn answer(arguments: &[String], paths: &Paths) -> Answer {
    let (spec, lifetime) = match order(arguments) {
        Ok(order) => order,
        Err(answer) => return answer,
    };
    let mut owner = match start(paths, &spec) {
        Ok(owner) => owner,
        Err(error) => {
            return Answer::failure(1, format!("ctrun: failed to create contract: {error}"));
        }
    };
    let code = follow(&mut owner, lifetime);
    // Whoever ends before his contract lets go of it, or `noorphan` would end it too.
    if !spec.no_orphan || lifetime == Lifetime::None {
        drop(owner.abandon());
    }
    match code {
        Ok(code) => Answer {
            code,
            ..Answer::default()
        },
        Err(errno) => {
            let program = spec.words.first().map_or("", String::as_str);
            let code = match errno {
                Errno::ENOENT => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            };
            Answer::failure(
                code,
                format!("ctrun: exec failed: {program}: {}", errno.desc()),
            )
        }
    }
}

fn follow(owner: &mut Owner, lifetime: Lifetime) -> Result<i32, Errno> {
    let mut code = BAD_CHILD;
    while let Some(report) = owner.next_report() {
        match report {
            Report::NotStarted { errno } => return Err(Errno::from_raw(errno)),
            Report::Started { .. } if lifetime == Lifetime::None => return Ok(0),
            Report::Exited { status } => {
                code = if status & 0x7f == 0 {
                    status >> 8
                } else {
                    BAD_CHILD
                };
                if lifetime == Lifetime::Child {
                    return Ok(code);
                }
            }
            Report::Empty => break,
            Report::Started { .. } | Report::Core | Report::Signal => {}
        }
    }
    Ok(code)
}

fn order(arguments: &[String]) -> Result<(Spec, Lifetime), Answer> {
    let usage = |text: String| Answer::failure(2, format!("{text}{USAGE}"));
    let options = Options::parse(&short(arguments), "i:f:l:o:r:t:vF:A:").map_err(|misuse| {
        usage(match misuse {
            Misuse::Unknown(letter) => format!("ctrun: illegal option -- {letter}\n"),
            Misuse::NoValue(letter) => format!("ctrun: option requires an argument -- {letter}\n"),
        })
    })?;
    for letter in ['r', 't', 'v', 'F', 'A'] {
        if options.has(letter) {
            return Err(Answer::not_emulated("ctrun", &format!("-{letter}")));
        }
    }
    let lifetime = match options.value('l') {
        None | Some("contract") => Lifetime::Contract,
        Some("child") => Lifetime::Child,
        Some("none") => Lifetime::None,
        Some(other) => {
            return Err(usage(format!("ctrun: invalid lifetime \"{other}\"\n")));
        }
    };
    let list = |letter: char| -> Vec<String> {
        let values = options.values(letter).join(",");
        values
            .split(',')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (events, settings) = (list('f'), list('o'));
    let known = ["core", "hwerr", "signal", "none"];
    if let Some(bad) = events.iter().find(|event| !known.contains(&event.as_str())) {
        return Err(usage(format!("ctrun: invalid fatal event \"{bad}\"\n")));
    }
    let known = ["noorphan", "pgrponly", "regent", "none"];
    if let Some(bad) = settings
        .iter()
        .find(|setting| !known.contains(&setting.as_str()))
    {
        return Err(usage(format!("ctrun: invalid option \"{bad}\"\n")));
    }
    let no_orphan = settings.iter().any(|setting| setting == "noorphan");
    if no_orphan && lifetime == Lifetime::None {
        return Err(usage(
            "ctrun: -o noorphan is invalid with -l none\n".to_owned(),
        ));
    }
    if options.operands.is_empty() {
        return Err(usage(String::new()));
    }
    let spec = Spec {
        words: options.operands.clone(),
        process_group: nix::unistd::getpgrp().as_raw(),
        fatal: events.into_iter().filter(|event| event != "none").collect(),
        no_orphan,
        parameters: settings
            .into_iter()
            .filter(|setting| matches!(setting.as_str(), "pgrponly" | "regent"))
            .collect(),
        ..Spec::default()
    };
    Ok((spec, lifetime))
}

/// The long forms as short ones.
fn short(arguments: &[String]) -> Vec<String> {
    const LONG: [(&str, &str); 6] = [
        ("--informative-event-set", "-i"),
        ("--fatal-event-set", "-f"),
        ("--lifetime", "-l"),
        ("--options", "-o"),
        ("--restart-count", "-r"),
        ("--transfer", "-t"),
    ];
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        match LONG.iter().find(|(long, _)| *long == name) {
            Some((_, letter)) => {
                words.push((*letter).to_owned());
                words.extend(value.map(str::to_owned).or_else(|| rest.next().cloned()));
            }
            None if word.starts_with("--verbose") => words.push("-v".to_owned()),
            None if word.starts_with('-') && word != "--" => {
                words.push(word.clone());
                // An option's value that is a word of its own is not looked at.
                if word.len() == 2 && word != "-v" {
                    words.extend(rest.next().cloned());
                }
            }
            None => {
                words.push(word.clone());
                words.extend(rest.by_ref().cloned());
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> (i32, String) {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        match order(&words) {
            Ok(_) => (0, String::new()),
            Err(answer) => (
                answer.code,
                answer.err.lines().next().unwrap_or("").to_owned(),
            ),
        }
    }

    #[test]
    fn a_contract_that_is_let_go_cannot_be_tied_to_its_owner() {
        let (code, text) = refused(&["-l", "none", "-o", "noorphan", "true"]);
        assert_eq!(
            (code, text.as_str()),
            (2, "ctrun: -o noorphan is invalid with -l none")
        );
        assert_eq!(
            refused(&["-l", "child", "-o", "noorphan,pgrponly", "true", "-x"]).0,
            0
        );
        assert_eq!(
            refused(&["--lifetime=none", "--options", "pgrponly", "true"]).0,
            0
        );
    }

    #[test]
    fn what_is_not_played_says_so_and_mistakes_are_usage() {
        assert_eq!(refused(&["-r", "3", "true"]).0, 99);
        assert_eq!(refused(&["-l", "forever", "true"]).0, 2);
        assert_eq!(refused(&["-f", "fork", "true"]).0, 2);
        assert_eq!(refused(&["-l", "none"]).0, 2);
    }
}
