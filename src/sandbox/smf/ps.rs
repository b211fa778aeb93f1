//! `ps` as SmartOS has it: System V options, contracts and zones among the columns.
//!
//! Arguments are cut at 80 characters unless `-f` is given too. Holders of contracts are not shown;
//! what they adopted shows process 1 as its parent.

use super::answer::{Answer, words};
use super::contract::Contracts;
use super::options::{Misuse, Options};
use super::paths::Paths;
use super::process::{self, Process, TICKS};
use super::stamp;
use nix::unistd::{Gid, Group, Uid, User, getuid};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

const USAGE: &str = "usage: ps [ -aAdefHlcjLPyZ ] [ -o format ] [ -t termlist ]\n\
    \t[ -u userlist ] [ -U userlist ] [ -G grouplist ]\n\
    \t[ -p proclist ] [ -g pgrplist ] [ -s sidlist ] [ -z zonelist ]";

/// Runs `ps` in this zone.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    answer(&words(arguments), &Paths::zone()).deliver()
}

struct Listing {
    processes: BTreeMap<i32, Process>,
    contracts: Contracts,
    boot: Duration,
    now: Duration,
    full: bool,
}

/// A column: its header and how its cells are made.
struct Field {
    name: &'static str,
    header: String,
    width: usize,
}

/// Name, header, width; those left-justified are in `LEFT`.
const FIELDS: [(&str, &str, usize); 39] = [
    ("user", "USER", 8),
    ("ruser", "RUSER", 8),
    ("group", "GROUP", 8),
    ("rgroup", "RGROUP", 8),
    ("uid", "UID", 5),
    ("ruid", "RUID", 5),
    ("gid", "GID", 5),
    ("rgid", "RGID", 5),
    ("pid", "PID", 5),
    ("ppid", "PPID", 5),
    ("pgid", "PGID", 5),
    ("sid", "SID", 5),
    ("psr", "PSR", 3),
    ("nlwp", "NLWP", 4),
    ("opri", "PRI", 3),
    ("pri", "PRI", 3),
    ("f", "F", 2),
    ("s", "S", 1),
    ("c", "C", 2),
    ("pcpu", "%CPU", 4),
    ("pmem", "%MEM", 4),
    ("osz", "SZ", 4),
    ("vsz", "VSZ", 4),
    ("rss", "RSS", 4),
    ("stime", "STIME", 8),
    ("etime", "ELAPSED", 11),
    ("tty", "TT", 7),
    ("time", "TIME", 11),
    ("class", "CLS", 4),
    ("nice", "NI", 2),
    ("fname", "COMMAND", 8),
    ("comm", "COMMAND", 80),
    ("args", "COMMAND", 80),
    ("ctid", "CTID", 5),
    ("zone", "ZONE", 8),
    ("zoneid", "ZONEID", 5),
    ("taskid", "TASKID", 5),
    ("projid", "PROJID", 5),
    ("project", "PROJECT", 8),
];

const LEFT: [&str; 4] = ["fname", "comm", "args", "tty"];

/// What `ps` says.
#[must_use]
pub fn answer(arguments: &[String], paths: &Paths) -> Answer {
    let options = match Options::parse(arguments, "aAdefo:p:u:U:g:G:s:t:z:ZlcjLPyHT:h:") {
        Ok(options) => options,
        Err(Misuse::Unknown(letter)) => {
            return Answer::failure(1, format!("ps: illegal option -- {letter}\n{USAGE}"));
        }
        Err(Misuse::NoValue(letter)) => {
            let text = format!("ps: option requires an argument -- {letter}\n{USAGE}");
            return Answer::failure(1, text);
        }
    };
    for letter in "tlcjLPyHTh".chars() {
        if options.has(letter) {
            return Answer::not_emulated("ps", &format!("-{letter}"));
        }
    }
    if let Some(word) = options.operands.first() {
        return Answer::failure(1, format!("ps: {word} is not a valid option\n{USAGE}"));
    }
    let fields = match fields(&options) {
        Ok(fields) => fields,
        Err(name) => {
            return Answer::failure(1, format!("ps: unknown output format: -o {name}\n{USAGE}"));
        }
    };
    let processes = process::all();
    let contracts = Contracts::find(paths, &processes);
    let listing = Listing {
        processes,
        contracts,
        boot: process::boot_time(),
        now: stamp::now(),
        full: options.has('f'),
    };
    listing.print(&options, &fields)
}

fn fields(options: &Options) -> Result<Vec<Field>, String> {
    let formats = options.values('o');
    let zone = options.has('Z');
    let mut chosen = Vec::new();
    if formats.is_empty() {
        // -f:     UID   PID  PPID   C    STIME TTY         TIME CMD
        let names: &[(&str, &str, usize)] = if options.has('f') {
            &[
                ("user", "UID", 8),
                ("pid", "PID", 5),
                ("ppid", "PPID", 5),
                ("c", "C", 3),
                ("stime", "STIME", 8),
                ("tty", "TTY", 7),
                ("time", "TIME", 8),
                ("args", "CMD", 80),
            ]
        } else {
            &[
                ("pid", "PID", 5),
                ("tty", "TTY", 7),
                ("time", "TIME", 8),
                ("fname", "CMD", 8),
            ]
        };
        let zone = zone.then_some(("zone", "ZONE", 8));
        for (name, header, width) in zone.into_iter().chain(names.iter().copied()) {
            chosen.push(Field {
                name,
                header: header.to_owned(),
                width,
            });
        }
        return Ok(chosen);
    }
    for format in formats {
        let mut rest = format;
        loop {
            let end = rest.find([',', ' ', '=']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let known = FIELDS.iter().find(|(known, ..)| *known == name);
            let &(name, header, width) = known.ok_or_else(|| name.to_owned())?;
            // A header of one's own takes the rest of the argument, commas and all.
            if let Some(own) = after.strip_prefix('=') {
                chosen.push(Field {
                    name,
                    header: own.to_owned(),
                    width: width.max(own.len()),
                });
                break;
            }
            chosen.push(Field {
                name,
                header: header.to_owned(),
                width: width.max(header.len()),
            });
            rest = after.trim_start_matches([',', ' ']);
            if rest.is_empty() {
                break;
            }
        }
    }
    Ok(chosen)
}

fn list(options: &Options, letter: char) -> Vec<String> {
    let values = options.values(letter).join(",");
    values
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Listing {
    fn print(&self, options: &Options, fields: &[Field]) -> Answer {
        let mut answer = Answer::default();
        let shown: Vec<&Process> = self
            .processes
            .values()
            .filter(|process| !self.contracts.is_holder(process.pid))
            .filter(|process| self.is_selected(options, process))
            .collect();
        if fields.iter().any(|field| !field.header.is_empty()) {
            let header = |field: &Field| field.header.clone();
            answer.say(row(fields, header));
        }
        for process in &shown {
            answer.say(row(fields, |field| self.cell(field.name, process)));
        }
        if shown.is_empty() {
            answer.code = 1;
        }
        answer
    }

    fn is_selected(&self, options: &Options, process: &Process) -> bool {
        let has = |letter: char, value: String| list(options, letter).contains(&value);
        let user =
            |letter: char, id: u32| has(letter, id.to_string()) || has(letter, user_name(id));
        if options.has('e') || options.has('A') {
            return true;
        }
        let any = ["p", "u", "U", "g", "G", "s", "z", "a", "d"]
            .iter()
            .any(|letter| letter.chars().any(|letter| options.has(letter)));
        if !any {
            let own = self.processes.get(&own_pid());
            return process.effective_user == getuid().as_raw()
                && own.is_some_and(|own| own.terminal == process.terminal);
        }
        let leads_session = process.session == process.pid;
        has('p', process.pid.to_string())
            || user('u', process.effective_user)
            || user('U', process.user)
            || has('g', process.group.to_string())
            || has('G', process.group_id.to_string())
            || has('G', group_name(process.group_id))
            || has('s', process.session.to_string())
            || has('z', zone_name())
            || (options.has('d') && !leads_session)
            || (options.has('a') && !leads_session && process.terminal != 0)
    }

    fn cell(&self, name: &str, process: &Process) -> String {
        match name {
            "user" => user_name(process.effective_user),
            "ruser" => user_name(process.user),
            "group" => group_name(process.effective_group),
            "rgroup" => group_name(process.group_id),
            "uid" => process.effective_user.to_string(),
            "ruid" => process.user.to_string(),
            "gid" => process.effective_group.to_string(),
            "rgid" => process.group_id.to_string(),
            "pid" => process.pid.to_string(),
            "ppid" if self.contracts.is_holder(process.parent) => {
                i32::from(process.parent > 0).to_string()
            }
            "ppid" => process.parent.to_string(),
            "pgid" => process.group.to_string(),
            "sid" => process.session.to_string(),
            "nlwp" => process.threads.to_string(),
            "pri" | "opri" => process.priority.to_string(),
            "nice" => process.nice.to_string(),
            "s" => state(process.state).to_string(),
            "osz" => (process.size_kib / 4).to_string(),
            "vsz" => process.size_kib.to_string(),
            "rss" => process.resident_kib.to_string(),
            "stime" => {
                let start = process::start_time(process, self.boot);
                stamp::short_time(self.now, start).trim().replace('_', " ")
            }
            "etime" => self.elapsed(process),
            "time" => minutes(process.used_ticks / TICKS),
            "tty" => terminal(process.terminal),
            "fname" => process.name.chars().take(8).collect(),
            "comm" => process.arguments.first().unwrap_or(&process.name).clone(),
            "args" if process.state == 'Z' => "<defunct>".to_owned(),
            "args" if self.full => process.command_line(),
            "args" => process.command_line().chars().take(80).collect(),
            "ctid" => self
                .contracts
                .of
                .get(&process.pid)
                .map_or("-".to_owned(), ToString::to_string),
            "zone" => zone_name(),
            "zoneid" => "1".to_owned(),
            "class" => "FSS".to_owned(),
            "project" => "default".to_owned(),
            "taskid" => process.session.to_string(),
            "projid" => "3".to_owned(),
            "psr" => "-".to_owned(),
            "pcpu" => self.share_of_time(process),
            "pmem" => "0.0".to_owned(),
            _ => "0".to_owned(),
        }
    }

    fn elapsed(&self, process: &Process) -> String {
        let age = self
            .now
            .saturating_sub(process::start_time(process, self.boot))
            .as_secs();
        let (days, hours) = (age / 86_400, age / 3600 % 24);
        let rest = format!("{:02}:{:02}", age / 60 % 60, age % 60);
        match (days, hours) {
            (0, 0) => rest,
            (0, hours) => format!("{hours:02}:{rest}"),
            (days, hours) => format!("{days}-{hours:02}:{rest}"),
        }
    }

    fn share_of_time(&self, process: &Process) -> String {
        let age = self
            .now
            .saturating_sub(process::start_time(process, self.boot))
            .as_secs()
            .max(1);
        let tenths = process.used_ticks * 1000 / TICKS / age;
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

fn row(fields: &[Field], cell: impl Fn(&Field) -> String) -> String {
    let last = fields.len().saturating_sub(1);
    let mut line = String::new();
    for (index, field) in fields.iter().enumerate() {
        let text = cell(field);
        let width = field.width;
        let text = match LEFT.contains(&field.name) {
            true if index == last => text,
            true => format!("{text:<width$}"),
            false => format!("{text:>width$}"),
        };
        if index > 0 {
            line.push(' ');
        }
        line.push_str(&text);
    }
    line
}

/// This process, as `/proc` numbers it.
pub fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

fn user_name(id: u32) -> String {
    let user = User::from_uid(Uid::from_raw(id)).ok().flatten();
    user.map_or_else(|| id.to_string(), |user| user.name)
}

fn group_name(id: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(id)).ok().flatten();
    group.map_or_else(|| id.to_string(), |group| group.name)
}

/// The zone's name: a sandbox zone's host name.
pub fn zone_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "-".to_owned())
}

fn minutes(seconds: u64) -> String {
    if seconds >= 3600 {
        format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    } else {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}

fn terminal(device: i32) -> String {
    let (major, minor) = (
        (device >> 8) & 0xfff,
        (device & 0xff) | ((device >> 12) & 0xfff00),
    );
    match major {
        0 => "?".to_owned(),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        _ => "console".to_owned(),
    }
}

/// Linux' state letters as SmartOS' ones.
fn state(letter: char) -> char {
    match letter {
        'R' => 'R',
        'Z' | 'X' => 'Z',
        'T' | 't' => 'T',
        _ => 'S',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ps(words: &[&str]) -> Answer {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        answer(&words, &Paths::zone())
    }

    #[test]
    fn a_process_is_found_by_its_id_and_the_header_can_go() {
        let own = own_pid().to_string();
        let listed = ps(&["-o", "pid=", "-p", &own]);
        assert_eq!((listed.out.trim(), listed.code), (own.as_str(), 0));
        let listed = ps(&["-o", "pid,ppid=PARENT", "-p", &own]);
        assert_eq!(listed.out.lines().next(), Some("  PID PARENT"));
        assert_eq!(ps(&["-p", "2147483647"]).code, 1);
    }

    #[test]
    fn unknown_columns_and_unplayed_options_are_refused() {
        assert_eq!(ps(&["-o", "lstart"]).code, 1);
        assert_eq!(ps(&["aux"]).code, 1);
        assert_eq!(ps(&["-L"]).code, 99);
    }

    #[test]
    fn the_default_headers_are_those_of_system_v() {
        let header = |words: &[&str]| ps(words).out.lines().next().unwrap_or("").to_owned();
        assert_eq!(header(&["-e"]), "  PID TTY         TIME CMD");
        assert_eq!(
            header(&["-ef"]),
            "     UID   PID  PPID   C    STIME TTY         TIME CMD"
        );
    }
}
