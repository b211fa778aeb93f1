//! What to do about a target that cannot be asked.
//!
//! The same error has several cures: who is told that a connection was refused need not look for
//! another address, and who has no key need not look into `authorized_keys`.

use std::io::ErrorKind;

use crate::host::HostError;
use crate::script::quote;

/// The next thing to try; empty where there is nothing to try.
pub(super) fn of_host(error: &HostError) -> String {
    let text = match error {
        HostError::Unreachable { source, .. } => of_kind(source.kind()),
        HostError::Lost { .. } => {
            "run the same command again: a build goes on without the connection, and what ended well is \
             not done again"
        }
        HostError::Overdue { .. } => {
            "look at the zone (`svcs -xv`, `ps -ef`); `--step-timeout` sets how long to wait"
        }
        HostError::UnknownHostKey { algorithm, .. } => return of_unknown(algorithm),
        HostError::ChangedHostKey { host, known_in, .. } => return of_changed(host, known_in),
        HostError::Login { user, tried, .. } => return of_login(user, tried),
        HostError::Become { how, .. } if how == "sudo" => {
            "let this user run bash as root without a password (`NAME ALL=(ALL) NOPASSWD: ALL` in a \
             file of /opt/local/etc/sudoers.d), or let `[zone] ssh` log in as root"
        }
        HostError::Become { .. } => {
            "allow this user to run bash as root without a password, or let `[zone] ssh` log in as root"
        }
        HostError::RevokedHostKey { .. } => {
            "known_hosts says that this key must not be trusted any more: ask who revoked it"
        }
        HostError::ScriptTooLarge { .. } => {
            "this is a fault of zonewright: please report it with the recipe"
        }
        HostError::Ssh { .. } => {
            "run the same command again; if it stays, `ssh -v` to the same host shows more"
        }
        HostError::NoZone { .. } => {
            "on the host, `vmadm list` shows what the zone does, `vmadm start UUID` starts it"
        }
        HostError::NoEnd { .. } => {
            "run the same command again; if it stays, please report it with what `-vv` shows"
        }
        HostError::Local { .. } => "",
    };
    text.to_owned()
}

/// The same for a SmartOS host, where it differs. Its /root lies in memory, and its sshd has its keys in /usbkey/ssh.
pub(super) fn of_global_zone(error: &HostError) -> Option<String> {
    let text = match error {
        HostError::Unreachable { source, .. } => match source.kind() {
            ErrorKind::InvalidData | ErrorKind::ConnectionAborted => return None,
            _ => {
                "is the host up, and is the address in `[host] ssh` (or ~/.ssh/config) right? `ssh -v` to it \
                 shows more"
            }
        },
        HostError::UnknownHostKey { algorithm, .. } => {
            return Some(format!(
                "compare the fingerprint with the host's own (on its console: `ssh-keygen -lf \
                 /etc/ssh/ssh_host_{}_key.pub`), then use --accept-new-host-key",
                kind_of(algorithm)
            ));
        }
        HostError::Login { tried, .. }
            if !tried.contains("wants a passphrase") && !tried.contains("no key file is there") =>
        {
            "put your public key into /root/.ssh/authorized_keys on the host, or name the right key with \
             IdentityFile in ~/.ssh/config; that file is gone when the host reboots, unless the key is in \
             /usbkey/config.inc/authorized_keys and /usbkey/config says \
             `root_authorized_keys_file=authorized_keys`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn of_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionRefused => {
            "is the zone running, and does sshd run in it (from its host: `zlogin UUID svcs -xv ssh`)? \
             is the port right?"
        }
        ErrorKind::ConnectionAborted => {
            "something is there, but no sshd that works: look from the zone's host with `zlogin UUID \
             svcs -xv ssh`"
        }
        ErrorKind::InvalidData => "is the port in the zone file (or ~/.ssh/config) right?",
        _ => "is the zone running, and is the address in the zone file (or ~/.ssh/config) right?",
    }
}

/// The sshd of SmartOS zones has its keys in /var/ssh.
fn of_unknown(algorithm: &str) -> String {
    let kind = kind_of(algorithm);
    format!(
        "compare the fingerprint with the zone's own (from its host: `zlogin UUID ssh-keygen -lf \
         /var/ssh/ssh_host_{kind}_key.pub`), then use --accept-new-host-key"
    )
}

fn kind_of(algorithm: &str) -> &'static str {
    let mut kinds = ["ed25519", "ecdsa"].into_iter();
    kinds.find(|kind| algorithm.contains(kind)).unwrap_or("rsa")
}

fn of_changed(host: &str, known_in: &str) -> String {
    let file = match known_in.rsplit_once(':') {
        Some((file, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) => file,
        _ => known_in,
    };
    format!(
        "if the zone was made anew, forget its old key with `ssh-keygen -R {} -f {}`; if not, somebody \
         may be in between",
        quote(host),
        quote(file)
    )
}

fn of_login(user: &str, tried: &str) -> String {
    if tried.contains("wants a passphrase") {
        return "unlock the key with `ssh-add` and an agent, or run this on a terminal".to_owned();
    }
    if tried.contains("no key file is there") {
        return format!(
            "make a key with `ssh-keygen -t ed25519`, and put its public half into \
             ~/.ssh/authorized_keys of `{user}` in the zone"
        );
    }
    format!(
        "is `{user}` right? put your public key into that user's ~/.ssh/authorized_keys in the zone, or \
         name the right key with IdentityFile in ~/.ssh/config"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_apart_from_a_zone_where_that_matters() {
        let login = |tried: &str| HostError::Login {
            host: "vault:22".into(),
            user: "root".into(),
            tried: tried.into(),
        };
        let help = of_global_zone(&login("no agent; the server offers publickey")).unwrap();
        assert!(
            help.contains("/usbkey/config.inc/authorized_keys"),
            "{help}"
        );
        assert_eq!(
            of_global_zone(&login("no agent; no key file is there")),
            None
        );
        let unreachable = |kind: ErrorKind| HostError::Unreachable {
            host: "vault:22".into(),
            source: kind.into(),
        };
        for (kind, differs) in [
            (ErrorKind::ConnectionRefused, true),
            (ErrorKind::TimedOut, true),
            (ErrorKind::InvalidData, false),
        ] {
            let help = of_global_zone(&unreachable(kind));
            assert_eq!(help.is_some(), differs, "{kind:?}");
            assert!(help.is_none_or(|help| help.contains("`[host] ssh`")));
        }
    }
}
