//! From a zone file to a connection: the sandbox's zones are made first, all others are there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;

use super::Failure;
use crate::cli::Global;
use crate::host::Host;
use crate::host::ssh::{Ssh, SshConfig, SshTarget};
use crate::run;
use crate::script::words_of;
use crate::show::progress::Progress;
use crate::site::ZoneFile;
use crate::site::model::{Become, HostSpec};

/// A zone that can be asked, and how people reach it.
pub(super) struct Door {
    pub(super) host: run::Door<'static>,
    /// The zone's address for people.
    pub(super) address: String,
    /// Lines about ports that are not the usual ones.
    pub(super) notes: Vec<String>,
    /// How people get in from a terminal.
    pub(super) terminal: Terminal,
}

/// The user's own `ssh`, which knows more of terminals than this program ever will.
pub(super) struct Terminal {
    /// The arguments up to the destination.
    arguments: Vec<OsString>,
    become_root: Option<Become>,
}

impl Terminal {
    /// The command that runs `words` as root in the zone, on this terminal.
    pub(super) fn command<'w>(&self, words: impl IntoIterator<Item = &'w String>) -> Command {
        let before: &[&str] = match self.become_root {
            None => &[],
            Some(Become::Sudo) => &["/opt/local/bin/sudo", "-n"],
            Some(Become::Pfexec) => &["/usr/bin/pfexec"],
        };
        let all = before
            .iter()
            .copied()
            .chain(words.into_iter().map(String::as_str));
        let all: Vec<&str> = all.collect();
        let mut command = Command::new("ssh");
        command
            // not a word about the connection that ends with the shell
            .args(["-t", "-o", "LogLevel=ERROR"])
            .args(&self.arguments)
            .arg("--")
            .arg(words_of(&all));
        command
    }
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
        Some(HostSpec::Ssh(_)) | None => {
            let target = target(global, zone)?;
            for note in &target.notes {
                progress.line(&format!("note: {note}"));
            }
            let address = target.host.clone();
            let destination = zone.zone.ssh.as_deref().unwrap_or(&zone.zone.alias);
            let terminal = Terminal {
                arguments: vec![for_ssh(destination).into()],
                become_root: zone.zone.become_root,
            };
            let host = connect(zone, target)?;
            Ok(Some(Door {
                host,
                address,
                notes: Vec::new(),
                terminal,
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

/// A zone file's destination as `ssh` understands it: with a port only in the form of a URL.
fn for_ssh(destination: &str) -> String {
    let host = destination
        .rsplit_once('@')
        .map_or(destination, |(_, host)| host);
    let has_port = host.contains("]:") || host.matches(':').count() == 1;
    match destination.starts_with("ssh://") || !has_port {
        true => destination.to_owned(),
        false => format!("ssh://{destination}"),
    }
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
    let terminal = Terminal {
        arguments: sandbox_arguments(&access),
        become_root: None,
    };
    Ok(Some(Door {
        host: connect(zone, target)?,
        address,
        notes,
        terminal,
    }))
}

/// The same way in for `ssh`: the user's configuration has no say in it either.
#[cfg(target_os = "linux")]
fn sandbox_arguments(access: &crate::sandbox::Access) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["-F", "none", "-p", &access.ssh_port.to_string(), "-i"]
        .map(OsString::from)
        .into();
    arguments.push(access.identity.clone().into());
    let known_hosts = format!(
        "UserKnownHostsFile=\"{}\"",
        access.known_hosts.to_string_lossy()
    );
    for option in [
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "GlobalKnownHostsFile=none",
        &known_hosts,
    ] {
        arguments.extend(["-o", option].map(OsString::from));
    }
    arguments.push(format!("{}@{}", access.user, access.address).into());
    arguments
}

#[cfg(not(target_os = "linux"))]
fn open_sandbox(_: &ZoneFile, _: bool, _: &mut Progress) -> Result<Option<Door>, Failure> {
    Err(Failure::text_only(
        "the sandbox needs Linux",
        "run it on a Debian machine",
    ))
}

#[cfg(test)]
mod tests {
    use super::for_ssh;

    #[test]
    fn a_destination_with_a_port_becomes_a_url() {
        for (written, wanted) in [
            ("zone", "zone"),
            ("root@zone", "root@zone"),
            ("root@zone:2222", "ssh://root@zone:2222"),
            ("[fe80::1]:22", "ssh://[fe80::1]:22"),
            ("fe80::1", "fe80::1"),
            ("ssh://a@b:1", "ssh://a@b:1"),
        ] {
            assert_eq!(for_ssh(written), wanted);
        }
    }
}
