//! Addresses at which no zone answers as it should. All of them are on this machine's loopback.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::row::{Row, Site, end, status};
use crate::sandbox::harness::{BINARY, Ran};

/// An address, and what keeps it as it is.
struct Place {
    destination: String,
    _kept: Vec<TcpStream>,
    _listener: Option<TcpListener>,
}

impl Place {
    fn named(destination: &str) -> Self {
        Self {
            destination: destination.to_owned(),
            _kept: Vec::new(),
            _listener: None,
        }
    }

    /// A port where each client gets what `greet` does with it.
    fn greeting(greet: fn(TcpStream)) -> Self {
        let (listener, address) = listener();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || greet(stream.unwrap()));
            }
        });
        Self::named(&format!("root@{address}"))
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port whose queue is full: the kernel answers nobody who knocks, as behind a firewall that drops.
fn deaf() -> Place {
    let (listener, address) = listener();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    assert!(listener.as_raw_fd() >= 0);
    let mut kept = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        kept.push(stream);
    }
    Place {
        destination: format!("root@{address}"),
        _kept: kept,
        _listener: Some(listener),
    }
}

const NOTHING: fn(&Site) = |_| {};

/// What answers at an address, and what is said of it.
type Case = (Row, fn() -> Place);

const ROWS: &[Case] = &[
    (
        Row {
            name: "refusing",
            broken: NOTHING,
            says: [
                "cannot reach `root@127.0.0.1:PORT`",
                "Connection refused",
                "does sshd run in it",
            ],
            is_golden: true,
        },
        || {
            let (listener, address) = listener();
            drop(listener);
            Place::named(&format!("root@{address}"))
        },
    ),
    (
        Row {
            name: "unknown-name",
            broken: NOTHING,
            says: [
                "cannot reach `root@vault..invalid:22`",
                "lookup",
                "is the address in the zone file (or ~/.ssh/config) right?",
            ],
            is_golden: true,
        },
        || Place::named("root@vault..invalid"),
    ),
    (
        Row {
            name: "unreachable",
            broken: NOTHING,
            says: [
                "cannot reach `root@127.0.0.1:PORT`",
                "nothing answered for 1 s",
                "is the address in the zone file (or ~/.ssh/config) right?",
            ],
            is_golden: true,
        },
        deaf,
    ),
    (
        Row {
            name: "silent",
            broken: NOTHING,
            says: [
                "root@127.0.0.1:PORT",
                "took the connection and then said nothing for 1 s",
                "svcs -xv ssh",
            ],
            is_golden: true,
        },
        || Place::greeting(|_stream| thread::sleep(Duration::from_secs(30))),
    ),
    (
        Row {
            name: "hangs-up",
            broken: NOTHING,
            says: ["root@127.0.0.1:PORT", "hung up", "svcs -xv ssh"],
            is_golden: true,
        },
        || Place::greeting(drop),
    ),
    (
        Row {
            name: "no-ssh",
            broken: NOTHING,
            says: [
                "root@127.0.0.1:PORT",
                "does not speak SSH: it says `220 mail.example.org ESMTP`",
                "is the port",
            ],
            is_golden: true,
        },
        || {
            Place::greeting(|mut stream| {
                let _ = stream.write_all(b"220 mail.example.org ESMTP\r\n");
                thread::sleep(Duration::from_secs(30));
            })
        },
    ),
];

#[test]
fn zones_that_do_not_answer_are_told_apart_and_soon_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("home/.ssh")).unwrap();
    fs::write(at("home/.ssh/config"), "Host *\n  ConnectTimeout 1\n").unwrap();
    let mut wrong = Vec::new();
    for (row, place) in ROWS {
        let place = place();
        let site = Site::fresh(&at("site"), "vault");
        let text = format!(
            "[zone]\nssh = \"{}\"\n\n[[recipe]]\nname = \"greeter\"\n",
            place.destination
        );
        site.write(&site.zone_file(), &text);
        for verb in ["plan", "apply", "status"] {
            let mut command = Command::new(BINARY);
            command
                .arg("--site")
                .arg(&site.folder)
                .args([verb, "vault"]);
            command.env("HOME", at("home")).env("NO_COLOR", "1");
            command.env("XDG_CACHE_HOME", at("cache"));
            command.env("XDG_STATE_HOME", at("state"));
            let begun = Instant::now();
            let ran = Ran::of(command);
            let took = begun.elapsed();
            if took > Duration::from_secs(12) {
                wrong.push(format!("{}: {verb} took {took:?}", row.name));
            }
            wrong.extend(status(&ran, 1).err());
            wrong.extend(row.judge(&ran.err, &[]).err());
        }
    }
    end("reach", ROWS.len(), &wrong);
    for name in ["cache", "state"] {
        assert!(!at(name).exists(), "{name} was made");
    }
}
