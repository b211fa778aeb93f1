//! From a zone file to a connection: the sandbox's zones are made first, all others are there.

use std::collections::BTreeMap;

use super::Failure;
use crate::cli::Global;
use crate::host::Host;
use crate::host::ssh::{Ssh, SshConfig, SshTarget};
use crate::run;
use crate::show::progress::Progress;
use crate::site::ZoneFile;
use crate::site::model::HostSpec;

/// A zone that can be asked, and how people reach it.
pub(super) struct Door {
    pub(super) host: run::Door<'static>,
    /// The zone's address for people.
    pub(super) address: String,
    /// Lines about ports that are not the usual ones.
    pub(super) notes: Vec<String>,
}

/// Reaches a zone; `makes` says whether a sandbox zone may be made.
pub(super) fn open(
    global: &Global,
    zone: &ZoneFile,
    makes: bool,
    progress: &mut Progress,
) -> Result<Option<Door>, Failure> {
    match &zone.host {
        Some(HostSpec::Sandbox) => open_sandbox(zone, makes, progress),
        None => {
            let target = target(global, zone)?;
            for note in &target.notes {
                progress.line(&format!("note: {note}"));
            }
            let address = target.host.clone();
            let host = connect(zone, target)?;
            Ok(Some(Door {
                host,
                address,
                notes: Vec::new(),
            }))
        }
    }
}

fn target(global: &Global, zone: &ZoneFile) -> Result<SshTarget, Failure> {
    let failed = |error| Failure::run(&zone.name, error);
    let config = SshConfig::of_user().map_err(failed)?;
    let destination = zone.zone.ssh.as_deref().unwrap_or(&zone.zone.alias);
    let mut target = SshTarget::parse(destination, &config).map_err(failed)?;
    target.become_root = zone.zone.become_root;
    if global.accept_new_host_key {
        target.accept_new_host_keys();
    }
    Ok(target)
}

/// Connects, now and whenever the connection is lost. A passphrase is asked for once.
fn connect(zone: &ZoneFile, target: SshTarget) -> Result<run::Door<'static>, Failure> {
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    let mut ask = move |question: &str| {
        if !answers.contains_key(question) {
            answers.insert(question.to_owned(), prompt(question)?);
        }
        answers.get(question).cloned()
    };
    let first = Ssh::connect(&target, &mut ask).map_err(|error| Failure::run(&zone.name, error))?;
    let open = move || Ssh::connect(&target, &mut ask).map(|ssh| Box::new(ssh) as Box<dyn Host>);
    Ok(run::Door::reopening(first, Box::new(open)))
}

/// Asks on the terminal without showing the answer.
pub(super) fn prompt(question: &str) -> Option<String> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return None;
    }
    rpassword::prompt_password(question).ok()
}

#[cfg(target_os = "linux")]
fn open_sandbox(
    zone: &ZoneFile,
    makes: bool,
    progress: &mut Progress,
) -> Result<Option<Door>, Failure> {
    use crate::sandbox;

    let alias = &zone.zone.alias;
    let access = if makes {
        Some(super::sandbox::up(alias, progress)?)
    } else {
        sandbox::access(alias).map_err(|error| super::sandbox::failure(&error))?
    };
    let Some(access) = access else {
        return Ok(None);
    };
    let failed = |error| Failure::run(&zone.name, error);
    let config = SshConfig::of_user().map_err(failed)?;
    let address = access.address.to_string();
    let destination = format!("{}@{address}:{}", access.user, access.ssh_port);
    let mut target = SshTarget::parse(&destination, &config).map_err(failed)?;
    // neither the user's configuration nor the user's agent has a say in this
    target.host.clone_from(&address);
    target.port = access.ssh_port;
    target.user.clone_from(&access.user);
    target.identities = vec![access.identity.clone()];
    target.identities_only = true;
    target.agent = None;
    target.known_hosts = vec![access.known_hosts.clone()];
    target.global_known_hosts = Vec::new();
    target.host_key_alias = None;
    target.jumps = Vec::new();
    let mut notes = Vec::new();
    if access.afp_port != 548 {
        notes.push(format!(
            "AFP is forwarded on port {}, for 548 is taken",
            access.afp_port
        ));
    }
    Ok(Some(Door {
        host: connect(zone, target)?,
        address,
        notes,
    }))
}

#[cfg(not(target_os = "linux"))]
fn open_sandbox(_: &ZoneFile, _: bool, _: &mut Progress) -> Result<Option<Door>, Failure> {
    Err(Failure::text_only(
        "the sandbox needs Linux",
        "run it on a Debian machine",
    ))
}
