//! `zonewright sandbox`: the SmartOS-shaped host on this machine.

use std::os::unix::process::CommandExt as _;
use std::time::Instant;

use serde_json::{Value, json};

use super::{DONE, Failure, answer, answer_json};
use crate::cli::{Global, SandboxCommand};
use crate::sandbox::{self, Access, SandboxError};
use crate::show::Style;
use crate::show::progress::Progress;

/// Said at each making of a zone: what the sandbox is and is not.
const HONEST: &str = "the sandbox emulates SmartOS's commands on Linux; a recipe that works here \
                      still wants a run on a real zone";

pub(super) fn run(global: &Global, command: &SandboxCommand) -> Result<u8, Failure> {
    match command {
        SandboxCommand::Up { alias } => {
            let mut progress =
                Progress::new(Style::stderr(global.color), global.verbose, String::new());
            let access = up(alias, &mut progress)?;
            show(global, "sandbox-up", &[(alias.clone(), access)]);
            Ok(DONE)
        }
        SandboxCommand::Down { alias } => {
            let ended = sandbox::down(alias.as_deref()).map_err(|error| failure(&error))?;
            if global.json {
                answer_json("sandbox-down", json!({ "ended": ended }));
            } else if ended.is_empty() {
                answer("no sandbox zone is there\n");
            } else {
                answer(&format!("ended and removed: {}\n", ended.join(", ")));
            }
            Ok(DONE)
        }
        SandboxCommand::List => {
            let zones = sandbox::list().map_err(|error| failure(&error))?;
            let running = zones
                .into_iter()
                .filter_map(|zone| Some((zone.alias, zone.access?)));
            show(global, "sandbox-list", &running.collect::<Vec<_>>());
            Ok(DONE)
        }
        SandboxCommand::Shell { alias, command } => shell(alias, command),
    }
}

/// Makes a zone or finds it, showing what takes long.
pub(super) fn up(alias: &str, progress: &mut Progress) -> Result<Access, Failure> {
    if let Some(access) = sandbox::access(alias).map_err(|error| failure(&error))? {
        return Ok(access);
    }
    let missing = sandbox::requirements();
    if let Some(first) = missing.first() {
        let all: Vec<String> = missing.iter().map(|missing| missing.what.clone()).collect();
        let message = format!(
            "the sandbox cannot run here: this machine lacks {}",
            all.join(", ")
        );
        return Err(Failure::text_only(&message, &first.remedy));
    }
    progress.line(&format!("note: {HONEST}"));
    let what = format!("make the sandbox zone {alias}");
    let started = Instant::now();
    progress.start(&what);
    let result = sandbox::up(alias, &mut |step| progress.detail(&share(&step)));
    progress.stop();
    let access = result.map_err(|error| failure(&error))?;
    progress.done(&what, started.elapsed(), None);
    Ok(access)
}

/// How far the work has come.
fn share(step: &sandbox::Progress) -> String {
    match (step.done * 100).checked_div(step.total) {
        Some(percent) if step.total > 1 => format!("{} {percent} %", step.phase),
        _ => step.phase.to_owned(),
    }
}

pub(super) fn failure(error: &SandboxError) -> Failure {
    Failure::of(error, "")
}

fn show(global: &Global, schema: &str, zones: &[(String, Access)]) {
    if global.json {
        let zones: Vec<Value> = zones
            .iter()
            .map(|(alias, access)| {
                json!({
                    "alias": alias,
                    "uuid": access.uuid,
                    "address": access.address,
                    "ssh-port": access.ssh_port,
                    "afp-port": access.afp_port,
                    "user": access.user,
                    "identity": access.identity,
                    "known-hosts": access.known_hosts,
                })
            })
            .collect();
        answer_json(schema, json!({ "zones": zones }));
        return;
    }
    if zones.is_empty() {
        answer("no sandbox zone is there; `zonewright sandbox up` makes one\n");
    }
    for (alias, access) in zones {
        answer(&format!(
            "{alias}  {}  {}  ssh -p {} -i {} {}@{}\n",
            access.uuid,
            access.address,
            access.ssh_port,
            access.identity.display(),
            access.user,
            access.address
        ));
    }
}

/// Enters a zone's namespaces, as `zlogin` does on a host.
fn shell(alias: &str, command: &[String]) -> Result<u8, Failure> {
    let zones = sandbox::list().map_err(|error| failure(&error))?;
    let zone = zones.into_iter().find(|zone| zone.alias == *alias);
    let process = zone.and_then(|zone| zone.init).ok_or_else(|| {
        Failure::text_only(
            &format!("there is no sandbox zone {alias}"),
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
