//! What to do when a target cannot be asked.

use std::io;

use crate::host::HostError;
use crate::script::quote;

/// What to do, and what to type. `zone` is the zone's name, `program` this program as it was called.
pub(super) fn help(error: &HostError, zone: &str, program: &str) -> String {
    match error {
        HostError::Unreachable { host, source } => unreachable(host, source, zone),
        HostError::Lost { .. } => format!(
            "`{program} apply {zone}` goes on from there: a build went on without the connection, and \
             nothing that ended well is done again"
        ),
        HostError::Overdue { .. } => {
            "look at the zone (`svcs -xv`, `ps -ef`); `--step-timeout` sets how long to wait"
                .to_owned()
        }
        HostError::UnknownHostKey { algorithm, .. } => format!(
            "ask the zone itself, through `zlogin` on its host: `ssh-keygen -lf \
             /var/ssh/ssh_host_{}_key.pub`; if it says the same, run this again with \
             --accept-new-host-key",
            key_kind(algorithm)
        ),
        HostError::ChangedHostKey { host, known_in, .. } => format!(
            "if the zone was made anew: `ssh-keygen -f {} -R {}`, then run this again with \
             --accept-new-host-key; if it was not, somebody may be in between",
            quote(file_of(known_in)),
            quote(host)
        ),
        HostError::RevokedHostKey { .. } => {
            "known_hosts says that this key must not be trusted any more: ask who revoked it"
                .to_owned()
        }
        HostError::Login { host, user, .. } => format!(
            "put your public key into ~{user}/.ssh/authorized_keys in the zone, or name the key with \
             IdentityFile in ~/.ssh/config; `{}` shows what is tried",
            ssh(&format!("{user}@{host}"), "-v ", "true")
        ),
        HostError::Become { host, how, .. } => {
            let test = match how.as_str() {
                "sudo" => "sudo -n /usr/bin/bash -c true",
                _ => "pfexec /usr/bin/bash -c true",
            };
            format!(
                "`{}` must work and ask nothing; or let `[zone] ssh` in zones/{zone}.toml log in as root",
                ssh(host, "", test)
            )
        }
        HostError::ScriptTooLarge { .. } => {
            "this is a fault of zonewright: please report it with the recipe".to_owned()
        }
        HostError::Ssh { host, .. } => format!(
            "run it again; `{}` tells whether it is the connection",
            ssh(host, "-v ", "true")
        ),
        HostError::NoEnd { .. } => {
            "run it again; if it stays, please report it with what `-vv` shows".to_owned()
        }
        HostError::Local { .. } => String::new(),
    }
}

fn unreachable(host: &str, source: &io::Error, zone: &str) -> String {
    let why = source.to_string();
    if source.kind() == io::ErrorKind::ConnectionRefused {
        return "the machine is there, and nothing listens on that port: `svcs -xv ssh` in the zone \
                (through `zlogin` on its host) says why; or the port is another one"
            .to_owned();
    }
    if why.contains("lookup address") {
        return format!(
            "the name is not known: write `[zone] ssh` in zones/{zone}.toml as `ssh` knows the zone, or \
             give it a `HostName` in ~/.ssh/config"
        );
    }
    format!(
        "is the zone running (`vmadm list` on its host), and is its address right (`[zone] ssh` in \
         zones/{zone}.toml, ~/.ssh/config)? `{}` tells",
        ssh(host, "", "true")
    )
}

/// A command line for ssh; `host` is `user@host:port`.
fn ssh(host: &str, options: &str, command: &str) -> String {
    let (host, port) = match host.rsplit_once(':') {
        Some((host, "22")) => (host, String::new()),
        Some((host, port)) => (host, format!("-p {port} ")),
        None => (host, String::new()),
    };
    format!("ssh {options}{port}{} {command}", quote(host))
}

/// The word for a kind of key in the name of its file.
fn key_kind(algorithm: &str) -> &'static str {
    match algorithm {
        "ssh-ed25519" => "ed25519",
        _ if algorithm.starts_with("ecdsa") => "ecdsa",
        _ => "rsa",
    }
}

/// The file in `FILE:LINE`.
fn file_of(place: &str) -> &str {
    place
        .rsplit_once(':')
        .filter(|(_, line)| line.parse::<u32>().is_ok())
        .map_or(place, |(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help_of(error: &HostError) -> String {
        help(error, "backup", "zonewright")
    }

    #[test]
    fn each_way_of_not_getting_in_says_what_to_type() {
        let host = || "anna@192.0.2.1:2222".to_owned();
        let unreachable = |kind: io::ErrorKind| HostError::Unreachable {
            host: host(),
            source: kind.into(),
        };
        let changed = HostError::ChangedHostKey {
            host: "[192.0.2.1]:2222".to_owned(),
            algorithm: "ssh-rsa".to_owned(),
            fingerprint: "SHA256:x".to_owned(),
            known_in: "/home/anna/.ssh/known_hosts:7".to_owned(),
        };
        let unknown = HostError::UnknownHostKey {
            host: "192.0.2.1".to_owned(),
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: "SHA256:x".to_owned(),
        };
        let login = HostError::Login {
            host: "192.0.2.1:22".to_owned(),
            user: "anna".to_owned(),
            tried: "agent".to_owned(),
        };
        let become_root = HostError::Become {
            host: host(),
            how: "sudo".to_owned(),
            stderr: "sudo: a password is required".to_owned(),
        };
        let lost = HostError::Lost {
            host: host(),
            script: "compile".to_owned(),
            source: io::ErrorKind::ConnectionReset.into(),
        };
        for (error, typed) in [
            (
                unreachable(io::ErrorKind::TimedOut),
                "`ssh -p 2222 anna@192.0.2.1 true`",
            ),
            (
                unreachable(io::ErrorKind::ConnectionRefused),
                "`svcs -xv ssh`",
            ),
            (
                changed,
                "`ssh-keygen -f /home/anna/.ssh/known_hosts -R '[192.0.2.1]:2222'`",
            ),
            (
                unknown,
                "`ssh-keygen -lf /var/ssh/ssh_host_ed25519_key.pub`",
            ),
            (login, "`ssh -v anna@192.0.2.1 true`"),
            (
                become_root,
                "`ssh -p 2222 anna@192.0.2.1 sudo -n /usr/bin/bash -c true`",
            ),
            (lost, "`zonewright apply backup`"),
        ] {
            let help = help_of(&error);
            assert!(help.contains(typed), "{error}: {help}");
        }
    }
}
