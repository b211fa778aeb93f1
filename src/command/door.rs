//! From a zone file to a connection: straight to a zone that is there, or by way of its host.

pub(super) mod host;
pub(super) mod route;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;

use super::Failure;
use crate::cli::Global;
use crate::host::ssh::{Ssh, SshConfig, SshTarget};
use crate::host::{Host, HostError};
use crate::run::{self, Wish};
use crate::script::words_of;
use crate::show::progress::Progress;
use crate::site::model::Become;
use crate::site::{SiteRoot, ZoneFile};

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
    /// The zone that is entered from there by `zlogin`.
    zone: Option<String>,
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
        let mut text = words_of(&all);
        if let Some(zone) = &self.zone {
            // it takes no `--`, gives the zone's shell one word as it is, and a command a terminal only if told so
            text = words_of(&["/usr/sbin/zlogin", "-i", zone, &text]);
        }
        let mut command = Command::new("ssh");
        command
            // not a word about the connection that ends with the shell
            .args(["-t", "-o", "LogLevel=ERROR"])
            .args(&self.arguments)
            .arg("--")
            .arg(text);
        command
    }
}

/// Reaches a zone as it is; nothing comes back where it is not there or does not run.
pub(super) fn open(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    progress: &mut Progress,
) -> Result<Option<Door>, Failure> {
    let zone = &wish.zone;
    if zone.host.is_none() {
        return open_existing(global, zone, progress).map(Some);
    }
    let Some(mut host) = host::open(global, site, wish, false, progress)? else {
        return Ok(None);
    };
    let view = host.look()?;
    route::open(global, zone, host, &view)
}

/// Reaches a zone that no host of ours makes.
pub(super) fn open_existing(
    global: &Global,
    zone: &ZoneFile,
    progress: &mut Progress,
) -> Result<Door, Failure> {
    let target = target(global, zone)?;
    for note in &target.notes {
        progress.line(&format!("note: {note}"));
    }
    let address = target.host.clone();
    let destination = zone.zone.ssh.as_deref().unwrap_or(&zone.zone.alias);
    let terminal = Terminal {
        arguments: vec![for_ssh(destination).into()],
        zone: None,
        become_root: zone.zone.become_root,
    };
    let host = connect(target).map_err(|error| Failure::run(&zone.name, error))?;
    Ok(Door {
        host,
        address,
        notes: Vec::new(),
        terminal,
    })
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
fn connect(target: SshTarget) -> Result<run::Door<'static>, HostError> {
    connect_as(target, Ok)
}

/// The same, and makes of each connection what is then talked to.
fn connect_as<H: Host + 'static>(
    target: SshTarget,
    make: impl Fn(Ssh) -> Result<H, HostError> + 'static,
) -> Result<run::Door<'static>, HostError> {
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    let mut ask = move |question: &str| {
        if !answers.contains_key(question) {
            answers.insert(question.to_owned(), prompt(question)?);
        }
        answers.get(question).cloned()
    };
    let first = make(Ssh::connect(&target, &mut ask)?)?;
    let open = move || {
        let host = make(Ssh::connect(&target, &mut ask)?)?;
        Ok(Box::new(host) as Box<dyn Host>)
    };
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
