//! `/usr/sbin/vmadm`: reads the command line and the payload, lets the host do it, and says how it
//! ended.
//!
//! Standard output carries data alone. Success is a sentence on standard error with status 0, and so
//! is `start` of a machine that runs, which reads like a mistake.

use std::fs;
use std::io::{self, Read, Write};

use serde_json::{Map, Value, json};

use super::check::{self, check};
use super::list::{self, Look};
use super::options::{Option as Known, Words};
use super::properties::Action;
use super::{Order, Outcome};
use crate::sandbox::userland::NOT_EMULATED;

/// The host, as the commands of the global zone reach it.
pub(crate) trait Host {
    /// Every machine as `get` shows it.
    fn machines(&self) -> io::Result<Vec<Map<String, Value>>>;
    /// Does it.
    fn carry_out(&self, order: Order) -> io::Result<Outcome>;
}

/// The streams of the command.
pub(crate) struct Streams<'a> {
    pub input: &'a mut dyn Read,
    /// Whether a person would have to type what is read.
    pub is_terminal: bool,
    pub output: &'a mut dyn Write,
    pub errors: &'a mut dyn Write,
}

/// How it ends before it is over.
enum Stop {
    /// Called wrongly: the message, then how to call it.
    Usage(String),
    /// It failed.
    Failed(String),
    /// The sandbox does not do that.
    NotEmulated(String),
    /// Nobody listens or answers.
    Broken(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

const FILE: &[Known] = &[Known {
    short: 'f',
    long: "file",
    takes_value: true,
}];
const FORCE: &[Known] = &[
    Known {
        short: 'F',
        long: "force",
        takes_value: false,
    },
    Known {
        short: 't',
        long: "timeout",
        takes_value: true,
    },
];
const LIST: &[Known] = &[
    Known {
        short: 'o',
        long: "order",
        takes_value: true,
    },
    Known {
        short: 's',
        long: "sortby",
        takes_value: true,
    },
    Known {
        short: 'p',
        long: "parsable",
        takes_value: false,
    },
    Known {
        short: 'H',
        long: "no-header",
        takes_value: false,
    },
    Known {
        short: 'h',
        long: "header",
        takes_value: false,
    },
];
const LOOKUP: &[Known] = &[
    Known {
        short: 'j',
        long: "json",
        takes_value: false,
    },
    Known {
        short: 'o',
        long: "output",
        takes_value: true,
    },
    Known {
        short: '1',
        long: "unique",
        takes_value: false,
    },
];

/// Commands that exist, and not in the sandbox.
const NOT_HERE: &[&str] = &[
    "console", "events", "install", "kill", "receive", "recv", "send", "sysrq",
];

/// Runs it; the exit status comes back.
pub(crate) fn run(host: &dyn Host, args: &[String], streams: &mut Streams) -> io::Result<i32> {
    let Some((command, rest)) = args.split_first() else {
        usage(streams.errors, None)?;
        return Ok(2);
    };
    if ["-h", "-?", "help"].contains(&command.as_str()) {
        usage(streams.output, None)?;
        return Ok(0);
    }
    match dispatch(host, command, rest, streams) {
        Ok(Some(message)) => {
            writeln!(streams.errors, "{message}")?;
            Ok(0)
        }
        Ok(None) => Ok(0),
        Err(Stop::Usage(message)) => {
            usage(streams.errors, Some(&message))?;
            Ok(2)
        }
        Err(Stop::Failed(message)) => {
            writeln!(streams.errors, "{message}")?;
            Ok(1)
        }
        Err(Stop::NotEmulated(what)) => {
            writeln!(streams.errors, "vmadm: {what}: not emulated in the sandbox")?;
            Ok(NOT_EMULATED)
        }
        Err(Stop::Broken(error)) => Err(error),
    }
}

type Done = Result<Option<String>, Stop>;

fn dispatch(host: &dyn Host, command: &str, rest: &[String], streams: &mut Streams) -> Done {
    match command {
        "create" => create(host, rest, streams),
        "validate" => validate(rest, streams),
        "get" | "json" => get(host, command, rest, streams),
        "list" => list(host, rest, streams),
        "lookup" => lookup(host, rest, streams),
        "update" => update(host, rest, streams),
        "start" | "boot" => start(host, command, rest),
        "stop" | "halt" | "reboot" => stop(host, command, rest),
        "delete" | "destroy" => delete(host, command, rest),
        "reprovision" => reprovision(host, rest, streams),
        "create-snapshot" | "delete-snapshot" | "rollback-snapshot" => {
            snapshot(host, command, rest)
        }
        "info" => info(host, rest),
        other if NOT_HERE.contains(&other) => Err(Stop::NotEmulated(other.to_owned())),
        other => Err(Stop::Usage(format!("Invalid command: \"{other}\"."))),
    }
}

fn words(args: &[String], known: &[Known]) -> Result<Words, Stop> {
    Words::read(args, known).map_err(Stop::NotEmulated)
}

fn take_uuid(command: &str, words: &mut Words) -> Result<String, Stop> {
    let is_uuid = |text: &&String| {
        let bytes = text.as_bytes();
        bytes.len() == 36
            && [8, 13, 18, 23]
                .iter()
                .all(|&at| bytes.get(at) == Some(&b'-'))
    };
    match words.operands.first().filter(is_uuid).cloned() {
        Some(uuid) => {
            words.operands.remove(0);
            Ok(uuid)
        }
        None => Err(Stop::Usage(format!(
            "Invalid or missing UUID for {command}"
        ))),
    }
}

fn one_uuid(command: &str, rest: &[String]) -> Result<String, Stop> {
    take_uuid(command, &mut words(rest, &[])?)
}

fn payload(words: &Words, refusal: &str, streams: &mut Streams) -> Result<Value, Stop> {
    let mut text = Vec::new();
    match words.value('f').filter(|file| *file != "-") {
        Some(file) => match fs::read(file) {
            Ok(bytes) => text = bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Stop::Failed(format!("File: {file} does not exist.")));
            }
            Err(error) => {
                let code = json!({ "code": error.kind().to_string() });
                return Err(Stop::Failed(format!("Error reading: {file} {code}")));
            }
        },
        None if streams.is_terminal => return Err(Stop::Usage(refusal.to_owned())),
        None => drop(streams.input.read_to_end(&mut text)?),
    }
    let text = String::from_utf8_lossy(&text);
    serde_json::from_str(&text).map_err(|error| {
        Stop::Failed(format!(
            "Invalid JSON payload: {}",
            complaint(&text, &error)
        ))
    })
}

/// What Node's parser says (inferred: it depends on Node's version).
fn complaint(text: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "Unexpected end of JSON input".to_owned();
    }
    let line = text
        .lines()
        .nth(error.line().saturating_sub(1))
        .unwrap_or("");
    let before: usize = text
        .lines()
        .take(error.line().saturating_sub(1))
        .map(|line| line.chars().count() + 1)
        .sum();
    let column = error.column().saturating_sub(1);
    let token = line.chars().nth(column).unwrap_or(' ');
    format!(
        "Unexpected token {token} in JSON at position {}",
        before + column
    )
}

fn done(outcome: Outcome, success: impl FnOnce(&str) -> String) -> Done {
    match outcome {
        Outcome::Done { uuid } => Ok(Some(success(&uuid))),
        Outcome::Nothing { message } => Ok(Some(message)),
        Outcome::Failed { message } => Err(Stop::Failed(message)),
    }
}

fn create(host: &dyn Host, rest: &[String], streams: &mut Streams) -> Done {
    let words = words(rest, FILE)?;
    let refusal = "Will not create from stdin when stdin is a tty.";
    let payload = payload(&words, refusal, streams)?;
    let outcome = host.carry_out(Order::Create { payload })?;
    done(outcome, |uuid| format!("Successfully created VM {uuid}"))
}

fn validate(rest: &[String], streams: &mut Streams) -> Done {
    let words = words(rest, FILE)?;
    let mut operands = words.operands.iter().map(String::as_str);
    let action = match operands.next() {
        Some("create") => Action::Create,
        Some("update") => Action::Update,
        Some("receive") => return Err(Stop::NotEmulated("validate receive".to_owned())),
        _ => {
            return Err(Stop::Usage(
                "Will not validate without a valid action.".to_owned(),
            ));
        }
    };
    let named = operands.next();
    if action == Action::Update && named.is_none() {
        let message = "Will not validate without a valid action and brand.";
        return Err(Stop::Usage(message.to_owned()));
    }
    let refusal = "Will not validate from stdin when stdin is a tty.";
    let payload = payload(&words, refusal, streams)?;
    let empty = Map::new();
    let payload = payload.as_object().unwrap_or(&empty);
    let brand = match named {
        Some(brand) => brand,
        None => payload
            .get("brand")
            .and_then(Value::as_str)
            .unwrap_or("undefined"),
    };
    let findings = if check::is_brand(brand) {
        let findings = check(brand, action, payload);
        (!findings.is_empty()).then(|| findings.to_value())
    } else {
        Some(json!({ "bad_brand": brand }))
    };
    match findings {
        Some(findings) => Err(Stop::Failed(pretty(&findings)?)),
        None => {
            let action = if action == Action::Create {
                "create"
            } else {
                "update"
            };
            Ok(Some(format!(
                "VALID '{action}' payload for {brand} brand VMs."
            )))
        }
    }
}

fn pretty(value: &impl serde::Serialize) -> io::Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}

fn find(host: &dyn Host, uuid: &str) -> io::Result<Option<Map<String, Value>>> {
    let is_it = |machine: &Map<String, Value>| machine.get("uuid") == Some(&json!(uuid));
    Ok(host.machines()?.into_iter().find(is_it))
}

fn get(host: &dyn Host, command: &str, rest: &[String], streams: &mut Streams) -> Done {
    let uuid = one_uuid(command, rest)?;
    match find(host, &uuid)? {
        Some(machine) => writeln!(streams.output, "{}", pretty(&machine)?)?,
        None => {
            let message = format!("zoneadm: {uuid}: No such zone configured");
            return Err(Stop::Failed(message));
        }
    }
    Ok(None)
}

fn filters(words: &Words) -> Result<Vec<list::Filter>, Stop> {
    let split = |word: String| Stop::Usage(format!("Bad arguments: unable to split {word}"));
    words.pairs().map_err(split)
}

fn list(host: &dyn Host, rest: &[String], streams: &mut Streams) -> Done {
    let words = words(rest, LIST)?;
    let filters = filters(&words)?;
    if let Some((key, _)) = filters.iter().find(|(key, _)| !list::is_filter(key)) {
        return Err(Stop::Failed(format!("Invalid filter key: \"{key}\"")));
    }
    let columns = words.value('o').unwrap_or(list::COLUMNS);
    let order = words.value('s').unwrap_or(list::ORDER);
    for (what, keys) in [("order", columns), ("sort", order)] {
        if let Some(key) = keys.split(',').find(|key| !list::is_column(key)) {
            return Err(Stop::Failed(format!("Invalid {what} key: \"{key}\"")));
        }
    }
    let look = Look {
        has_header: !words.has('H') && !words.has('p'),
        is_parsable: words.has('p'),
    };
    let machines = list::select(machines(host)?, &filters);
    let table = list::table(machines, columns, order, look).map_err(Stop::Failed)?;
    streams.output.write_all(table.as_bytes())?;
    Ok(None)
}

fn machines(host: &dyn Host) -> io::Result<Vec<list::Shown>> {
    let mut machines = host.machines()?;
    machines.iter_mut().for_each(list::add_fields);
    Ok(machines)
}

fn lookup(host: &dyn Host, rest: &[String], streams: &mut Streams) -> Done {
    let words = words(rest, LOOKUP)?;
    if words.has('o') && !words.has('j') {
        return Err(Stop::Failed("Cannot specify -o without -j".to_owned()));
    }
    let filters = filters(&words)?;
    if let Some((key, _)) = filters.iter().find(|(key, _)| !list::is_filter(key)) {
        return Err(Stop::Failed(format!("Invalid lookup key: \"{key}\"")));
    }
    let mut machines = list::select(machines(host)?, &filters);
    if words.has('1') && machines.len() != 1 {
        let number = machines.len();
        let message = format!("Requested unique lookup but found {number} results.");
        return Err(Stop::Failed(message));
    }
    if words.has('j') {
        if let Some(fields) = words.value('o') {
            for machine in &mut machines {
                *machine = fields
                    .split(',')
                    .filter_map(|field| machine.get_key_value(field))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
            }
        }
        writeln!(streams.output, "{}", pretty(&machines)?)?;
        return Ok(None);
    }
    for uuid in machines.iter().filter_map(|m| m.get("uuid")?.as_str()) {
        writeln!(streams.output, "{uuid}")?;
    }
    Ok(None)
}

fn update(host: &dyn Host, rest: &[String], streams: &mut Streams) -> Done {
    let mut words = words(rest, FILE)?;
    let uuid = take_uuid("update", &mut words)?;
    let pairs = filters(&words)?;
    let payload = if pairs.is_empty() {
        let refusal = "Will not update from stdin when stdin is a tty.";
        payload(&words, refusal, streams)?
    } else {
        pairs
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)))
            .collect()
    };
    let outcome = host.carry_out(Order::Update {
        uuid: uuid.clone(),
        payload,
    })?;
    done(outcome, |_| format!("Successfully updated VM {uuid}"))
}

fn start(host: &dyn Host, command: &str, rest: &[String]) -> Done {
    let mut words = words(rest, &[])?;
    let uuid = take_uuid(command, &mut words)?;
    if let Some(word) = words.operands.first() {
        return Err(Stop::NotEmulated(format!("start with {word}")));
    }
    match host.carry_out(Order::Start { uuid: uuid.clone() })? {
        Outcome::Done { .. } => Ok(Some(format!("Successfully started VM {uuid}"))),
        Outcome::Nothing { message } => Ok(Some(format!("Unable to start VM {uuid}: {message}"))),
        Outcome::Failed { message } => Err(Stop::Failed(format!(
            "Unable to start VM {uuid}: {message}"
        ))),
    }
}

fn stop(host: &dyn Host, command: &str, rest: &[String]) -> Done {
    let mut words = words(rest, FORCE)?;
    let uuid = take_uuid(command, &mut words)?;
    if words.has('t') && find(host, &uuid)?.is_some() {
        let message = "Timeout option is only supported for bhyve, KVM and docker containers.";
        return Err(Stop::Failed(message.to_owned()));
    }
    let is_forced = words.has('F');
    let (order, verb) = if command == "reboot" {
        (
            Order::Reboot {
                uuid: uuid.clone(),
                is_forced,
            },
            "reboot",
        )
    } else {
        (
            Order::Stop {
                uuid: uuid.clone(),
                is_forced,
            },
            "stop",
        )
    };
    let outcome = host.carry_out(order)?;
    done(outcome, |_| {
        format!("Successfully completed {verb} for VM {uuid}")
    })
}

fn delete(host: &dyn Host, command: &str, rest: &[String]) -> Done {
    let uuid = one_uuid(command, rest)?;
    match host.carry_out(Order::Delete { uuid: uuid.clone() })? {
        Outcome::Failed { message } => Err(Stop::Failed(format!(
            "Failed to delete VM {uuid}: {message}"
        ))),
        _ => Ok(Some(format!("Successfully deleted VM {uuid}"))),
    }
}

fn reprovision(host: &dyn Host, rest: &[String], streams: &mut Streams) -> Done {
    let mut words = words(rest, FILE)?;
    let uuid = take_uuid("reprovision", &mut words)?;
    let refusal = "Will not take payload from stdin when stdin is a tty.";
    let payload = payload(&words, refusal, streams)?;
    match host.carry_out(Order::Reprovision {
        uuid: uuid.clone(),
        payload,
    })? {
        Outcome::Failed { message } => Err(Stop::Failed(format!(
            "Failed to reprovision VM {uuid}: {message}"
        ))),
        _ => Ok(Some(format!("Successfully reprovisioned VM {uuid}"))),
    }
}

fn snapshot(host: &dyn Host, command: &str, rest: &[String]) -> Done {
    let mut words = words(rest, &[])?;
    let uuid = take_uuid(command, &mut words)?;
    let [name] = words.operands.as_slice() else {
        return Err(Stop::Usage(format!(
            "Wrong number of parameters to \"{command}\""
        )));
    };
    let (uuid, name) = (uuid, name.clone());
    let (order, verb): (Order, &str) = match command {
        "create-snapshot" => (
            Order::CreateSnapshot {
                uuid: uuid.clone(),
                name: name.clone(),
            },
            "Created snapshot",
        ),
        "delete-snapshot" => (
            Order::DeleteSnapshot {
                uuid: uuid.clone(),
                name: name.clone(),
            },
            "Deleted snapshot",
        ),
        _ => (
            Order::RollbackSnapshot {
                uuid: uuid.clone(),
                name: name.clone(),
            },
            "Rolled back snapshot",
        ),
    };
    let outcome = host.carry_out(order)?;
    done(outcome, |_| format!("{verb} {name} for VM {uuid}"))
}

/// Of no use for zones: it always says no.
fn info(host: &dyn Host, rest: &[String]) -> Done {
    let uuid = one_uuid("info", rest)?;
    let why = match find(host, &uuid)? {
        None => "bad statusCode: 404".to_owned(),
        Some(machine) => {
            let word = |name: &str| {
                machine
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            match word("state") {
                "running" => format!("no info types supported for brand {}", word("brand")),
                state => format!(
                    "Unable to get info for vm from state \"{state}\", must be \"running\" or \
                     \"stopping\"."
                ),
            }
        }
    };
    Err(Stop::Failed(format!(
        "Unable to get VM info for VM {uuid}: {why}"
    )))
}

/// How to call it: the sandbox's own, shorter words after the real one's first line.
fn usage(stream: &mut dyn Write, message: Option<&str>) -> io::Result<()> {
    if let Some(message) = message {
        writeln!(stream, "{message}")?;
    }
    writeln!(stream, "Usage: /usr/sbin/vmadm <command> [options]\n")?;
    for form in [
        "create [-f <filename>]",
        "create-snapshot <uuid> <snapname>",
        "delete <uuid>",
        "delete-snapshot <uuid> <snapname>",
        "get <uuid>",
        "info <uuid> [type,...]",
        "list [-p] [-H] [-o field,...] [-s field,...] [field=value ...]",
        "lookup [-j|-1] [-o field,...] [field=value ...]",
        "reboot <uuid> [-F]",
        "reprovision <uuid> [-f <filename>]",
        "rollback-snapshot <uuid> <snapname>",
        "start <uuid>",
        "stop <uuid> [-F]",
        "update <uuid> [-f <filename>]",
        " -or- update <uuid> property=value [property=value ...]",
        "validate create [-f <filename>]",
        "validate update <brand> [-f <filename>]",
    ] {
        writeln!(stream, "{form}")?;
    }
    Ok(())
}
