//! Servers that must not be trusted, and logins that are not let in.
//!
//! The server is this machine's own sshd with keys of its own. It is no SmartOS, so whoever gets in
//! is told just that: it proves that a mended login works.

use std::fs;
use std::process::Command;

use super::row::{Row, Site, end, status};
use crate::sandbox::harness::{BINARY, Ran};
use crate::ssh::server::{Server, keygen, server, user};

/// A kind of login that is refused.
struct Login {
    row: Row,
    /// Changes the client's or the server's keys.
    broken: fn(&Server),
    /// Further words of the command line.
    words: &'static [&'static str],
}

const NOTHING: fn(&Site) = |_| {};

/// Puts another key into `known_hosts` than the server's.
fn know_another(server: &Server) {
    let other = fs::read_to_string(server.path("home/.ssh/id_ed25519.pub")).unwrap();
    let text = format!("[127.0.0.1]:{} {other}", server.port);
    fs::write(server.path("home/.ssh/known_hosts"), text).unwrap();
}

const ROWS: &[Login] = &[
    Login {
        row: Row {
            name: "unknown-host-key",
            broken: NOTHING,
            says: [
                "the host key of `[127.0.0.1]:PORT` is not known",
                "ssh-ed25519 FINGERPRINT",
                "--accept-new-host-key",
            ],
            is_golden: true,
        },
        broken: |server| fs::remove_file(server.path("home/.ssh/known_hosts")).unwrap(),
        words: &[],
    },
    Login {
        row: Row {
            name: "changed-host-key",
            broken: NOTHING,
            says: [
                "HOME/.ssh/known_hosts:1 holds another",
                "the host key of `[127.0.0.1]:PORT` has CHANGED",
                "ssh-keygen -R",
            ],
            is_golden: true,
        },
        broken: know_another,
        words: &[],
    },
    Login {
        row: Row {
            name: "changed-host-key",
            broken: NOTHING,
            says: ["HOME/.ssh/known_hosts:1", "has CHANGED", "ssh-keygen -R"],
            is_golden: true,
        },
        broken: know_another,
        words: &["--accept-new-host-key"],
    },
    Login {
        row: Row {
            name: "revoked-host-key",
            broken: NOTHING,
            says: [
                "see HOME/.ssh/known_hosts:1",
                "the host key of `[127.0.0.1]:PORT` is revoked",
                "ask who revoked it",
            ],
            is_golden: true,
        },
        broken: |server| {
            let line = format!("@revoked * {}", server.public_key("ed25519"));
            fs::write(server.path("home/.ssh/known_hosts"), line).unwrap();
        },
        words: &[],
    },
    Login {
        row: Row {
            name: "no-key",
            broken: NOTHING,
            says: [
                "`127.0.0.1:PORT` refuses the login of",
                "no key file is there; the server offers publickey",
                "make a key with `ssh-keygen -t ed25519`",
            ],
            is_golden: true,
        },
        broken: |server| {
            for name in ["id_ed25519", "id_ed25519.pub"] {
                fs::remove_file(server.path("home/.ssh").join(name)).unwrap();
            }
        },
        words: &[],
    },
    Login {
        row: Row {
            name: "key-not-authorized",
            broken: NOTHING,
            says: [
                "`127.0.0.1:PORT` refuses the login of",
                "HOME/.ssh/id_ed25519 (refused)",
                "authorized_keys",
            ],
            is_golden: true,
        },
        broken: |server| fs::write(server.path("authorized_keys"), "").unwrap(),
        words: &[],
    },
    Login {
        row: Row {
            name: "passphrase-without-terminal",
            broken: NOTHING,
            says: [
                "HOME/.ssh/id_ed25519",
                "wants a passphrase and there is no terminal",
                "ssh-add",
            ],
            is_golden: true,
        },
        broken: |server| {
            let key = server.path("home/.ssh/id_ed25519");
            fs::remove_file(&key).unwrap();
            keygen(&key, "ed25519", "open sesame");
            fs::copy(key.with_extension("pub"), server.path("authorized_keys")).unwrap();
        },
        words: &[],
    },
];

/// Runs the program with the client's home folder.
fn run(server: &Server, site: &Site, words: &[&str]) -> Ran {
    let mut command = Command::new(BINARY);
    command.arg("--site").arg(&site.folder).args(words);
    command.env("HOME", server.path("home"));
    command.env("XDG_CACHE_HOME", server.path("cache"));
    command.env("XDG_STATE_HOME", server.path("state"));
    command.env("NO_COLOR", "1").env_remove("SSH_AUTH_SOCK");
    Ran::of(command)
}

/// A site whose zone is reached at this destination.
fn reached_at(server: &Server, destination: &str) -> Site {
    let site = Site::fresh(&server.path("site"), "vault");
    let text = format!("[zone]\nssh = \"{destination}\"\n\n[[recipe]]\nname = \"greeter\"\n");
    site.write(&site.zone_file(), &text);
    site
}

#[test]
fn whoever_cannot_be_trusted_or_is_not_let_in_is_told_why() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let Some(server) = server() else { return };
        (row.broken)(&server);
        let home = || crate::sandbox::harness::files_below(&server.path("home"));
        let before = home();
        let site = reached_at(&server, &format!("{}@127.0.0.1:{}", user(), server.port));
        let paths = server.path("home").display().to_string();
        let (fingerprint, port) = (server.fingerprint("ed25519"), format!(":{}", server.port));
        let names = [
            (paths.as_str(), "HOME"),
            (fingerprint.as_str(), "FINGERPRINT"),
            (port.as_str(), ":PORT"),
        ];
        for verb in ["plan", "apply"] {
            let ran = run(&server, &site, &[&[verb, "vault"], row.words].concat());
            wrong.extend(status(&ran, 1).err());
            wrong.extend(row.row.judge(&ran.err, &names).err());
        }
        if home() != before {
            wrong.push(format!("{} changed the home folder", row.row.name));
        }
        for name in ["cache", "state"] {
            assert!(!server.path(name).exists(), "{name} was made");
        }
    }
    end("login", ROWS.len(), &wrong);
}

#[test]
fn a_user_whom_the_server_does_not_know_is_named() {
    let Some(server) = server() else { return };
    let site = reached_at(&server, &format!("nobody-at-all@127.0.0.1:{}", server.port));
    let row = Row {
        name: "wrong-user",
        broken: NOTHING,
        says: [
            "`127.0.0.1:PORT`",
            "refuses the login of `nobody-at-all`",
            "is `nobody-at-all` right?",
        ],
        is_golden: true,
    };
    let home = server.path("home").display().to_string();
    let ran = run(&server, &site, &["apply", "vault"]).exits(1);
    end(
        "user",
        1,
        &row.judge(&ran.err, &[(&home, "HOME")])
            .err()
            .into_iter()
            .collect::<Vec<_>>(),
    );

    // the right one gets in, and learns that this is no SmartOS
    let site = reached_at(&server, &format!("{}@127.0.0.1:{}", user(), server.port));
    let row = Row {
        name: "no-smartos",
        broken: NOTHING,
        says: ["vault", "is no SmartOS", "name a SmartOS zone"],
        is_golden: true,
    };
    let ran = run(&server, &site, &["apply", "vault"]).exits(1);
    end(
        "system",
        1,
        &row.judge(&ran.err, &[])
            .err()
            .into_iter()
            .collect::<Vec<_>>(),
    );
}
