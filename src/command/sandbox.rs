//! `zonewright sandbox`: the SmartOS-shaped host on this machine.

use std::os::unix::process::CommandExt as _;
use std::time::Instant;

use serde_json::{Value, json};

use super::{DONE, Failure, answer, answer_json};
use crate::apt::AptError;
use crate::cli::{Global, SandboxCommand};
use crate::recipe::format::{nearest, there_are};
use crate::sandbox::fault::{Fault, Watched};
use crate::sandbox::{self, Access, Missing, SandboxError};
use crate::show::Style;
use crate::show::progress::Progress;

/// Said at each making of a zone: what the sandbox is and is not.
const HONEST: &str = "SmartOS is emulated here; what works still wants a run on a real zone";

const NONE: &str = "no sandbox zone is there";

pub(super) fn run(global: &Global, command: &SandboxCommand) -> Result<u8, Failure> {
    match command {
        SandboxCommand::Up {
            alias,
            faults,
            count_scripts,
            no_faults,
        } => {
            let mut progress =
                Progress::new(Style::stderr(global.color), global.verbose, String::new());
            let faults = parse_faults(faults)?;
            let has_faults = !faults.is_empty() || *count_scripts;
            let start = match has_faults {
                true => sandbox::up_for_faults,
                false => sandbox::up,
            };
            let access = make(alias, start, &mut progress)?;
            if has_faults || *no_faults {
                sandbox::arm(alias, *no_faults, &faults, *count_scripts)
                    .map_err(|error| failure(&error))?;
            }
            show(
                global,
                "sandbox-up",
                &[(alias.clone(), access, Watched::default())],
            );
            Ok(DONE)
        }
        SandboxCommand::Down { alias } => {
            let ended = sandbox::down(alias.as_deref()).map_err(|error| failure(&error))?;
            if let (Some(alias), true) = (alias, ended.is_empty()) {
                return Err(not_there(alias)?);
            }
            if global.json {
                answer_json("sandbox-down", json!({ "ended": ended }));
            } else if ended.is_empty() {
                answer(&format!("{NONE}{}\n", of_whom()));
            } else {
                answer(&format!("ended and removed: {}\n", ended.join(", ")));
            }
            Ok(DONE)
        }
        SandboxCommand::List => {
            let zones = sandbox::list().map_err(|error| failure(&error))?;
            let running = zones
                .into_iter()
                .filter_map(|zone| Some((zone.alias, zone.access?, zone.watched)));
            show(global, "sandbox-list", &running.collect::<Vec<_>>());
            Ok(DONE)
        }
        SandboxCommand::Shell { alias, command } => shell(alias, command),
    }
}

/// No zone of the sandbox has this name; those that are there have these.
fn not_there(alias: &str) -> Result<Failure, Failure> {
    let zones = sandbox::list().map_err(|error| failure(&error))?;
    let names: Vec<String> = zones.into_iter().map(|zone| zone.alias).collect();
    let help = match nearest(alias, &names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => NONE.to_owned(),
        None => there_are(&names),
    };
    let message = format!("there is no sandbox zone `{alias}`{}", of_whom());
    Ok(Failure::usage(&message, &help))
}

fn parse_faults(texts: &[String]) -> Result<Vec<Fault>, Failure> {
    let parse = |text: &String| {
        text.parse().map_err(|error| {
            let message = format!("`--fault {text}`: {error}");
            Failure::usage(&message, "`zonewright sandbox up --help` shows examples")
        })
    };
    texts.iter().map(parse).collect()
}

/// Starts the host or finds it running, showing what takes long.
pub(super) fn host(progress: &mut Progress) -> Result<Access, Failure> {
    make(sandbox::GLOBAL, |_, watch| sandbox::host(watch), progress)
}

type Start = fn(&str, &mut dyn FnMut(sandbox::Progress)) -> Result<Access, SandboxError>;

fn make(alias: &str, start: Start, progress: &mut Progress) -> Result<Access, Failure> {
    if let Some(access) = sandbox::access(alias).map_err(|error| failure(&error))? {
        return Ok(access);
    }
    let missing = sandbox::requirements();
    if !missing.is_empty() {
        let all = |part: fn(&Missing) -> &str| -> Vec<&str> { missing.iter().map(part).collect() };
        let needs = all(|missing| &missing.what).join(", ");
        let message = format!("the sandbox cannot run here: it needs {needs}");
        let remedies = all(|missing| &missing.remedy).join("; ");
        return Err(Failure::text_only(&message, &remedies));
    }
    let what = match alias {
        sandbox::GLOBAL => "start the sandbox's host".to_owned(),
        alias => format!("make the sandbox zone {alias}"),
    };
    let started = Instant::now();
    progress.line(&format!("note: {HONEST}"));
    progress.start(&what);
    let result = start(alias, &mut |step| progress.detail(&share(&step)));
    match &result {
        Ok(_) => progress.done(&what, started.elapsed(), None),
        Err(_) => progress.failed(&what, started.elapsed()),
    }
    result.map_err(|error| failure(&error))
}

/// How far the work has come.
fn share(step: &sandbox::Progress) -> String {
    match (step.done * 100).checked_div(step.total) {
        Some(percent) if step.total > 1 => format!("{} {percent} %", step.phase),
        _ => step.phase.to_owned(),
    }
}

/// Zones are kept below the home of the user who makes them, who is root.
fn of_whom() -> &'static str {
    if nix::unistd::geteuid().is_root() {
        ""
    } else {
        " for this user (root's are seen with `sudo`)"
    }
}

pub(super) fn failure(error: &SandboxError) -> Failure {
    let help = match error {
        SandboxError::Apt(AptError::Failed { .. }) => {
            "its packages come from the mirror that this machine's own apt uses: does \
             `apt-get update` work here?"
        }
        _ => "",
    };
    Failure::of(error, help)
}

fn show(global: &Global, schema: &str, zones: &[(String, Access, Watched)]) {
    if global.json {
        let zones: Vec<Value> = zones
            .iter()
            .map(|(alias, access, watched)| {
                json!({
                    "alias": alias,
                    "uuid": access.uuid,
                    "address": access.address,
                    "ssh-port": access.ssh_port,
                    "afp-port": access.afp_port,
                    "user": access.user,
                    "identity": access.identity,
                    "known-hosts": access.known_hosts,
                    "faults": watched.faults,
                    "scripts": watched.scripts,
                })
            })
            .collect();
        answer_json(schema, json!({ "zones": zones }));
        return;
    }
    if zones.is_empty() {
        answer(&format!(
            "{NONE}{}; `zonewright sandbox up` makes one\n",
            of_whom()
        ));
    }
    for (alias, access, watched) in zones {
        answer(&format!(
            "{alias}  {}  {}  ssh -p {} -i {} -o UserKnownHostsFile={} {}@{}\n",
            access.uuid,
            access.address,
            access.ssh_port,
            access.identity.display(),
            access.known_hosts.display(),
            access.user,
            access.address
        ));
        for state in &watched.faults {
            let times = match state.happened {
                0 => "armed".to_owned(),
                1 => "happened".to_owned(),
                times => format!("happened {times} times"),
            };
            answer(&format!("  {}: {times}\n", state.fault));
        }
    }
}

/// Enters a zone's namespaces, as `zlogin` does on a host.
fn shell(alias: &str, command: &[String]) -> Result<u8, Failure> {
    let zones = sandbox::list().map_err(|error| failure(&error))?;
    let zone = zones.into_iter().find(|zone| zone.alias == *alias);
    let process = zone.and_then(|zone| zone.init).ok_or_else(|| {
        Failure::text_only(
            &format!("there is no sandbox zone `{alias}`{}", of_whom()),
            &format!("`zonewright sandbox up {alias}` makes one"),
        )
    })?;
    let words: Vec<&str> = match command {
        [] => vec!["/usr/bin/bash", "-l"],
        words => words.iter().map(String::as_str).collect(),
    };
    let error = std::process::Command::new("nsenter")
        .args([
            "--target",
            &process.to_string(),
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
        ])
        .args([
            "--root",
            "--wd",
            "--",
            "/usr/bin/env",
            "-i",
            "HOME=/root",
            "USER=root",
        ])
        .arg("PATH=/usr/bin:/usr/sbin:/sbin:/opt/local/sbin:/opt/local/bin")
        .arg(format!(
            "TERM={}",
            std::env::var("TERM").unwrap_or_default()
        ))
        .args(words)
        .exec();
    Err(Failure::of(
        &error,
        "`nsenter` is part of the package util-linux",
    ))
}
