//! `cargo bench --bench zones`: `zone list` over ten hosts beside one, and a zone made by `zone create` beside
//! what `vmadm create` takes for one, which is its boot.
//!
//! The ten hosts are ten names of the sandbox's host, each behind a relay that holds every packet back as a
//! household's link would: what is compared is waiting, since the host itself is one and its processor too.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

mod measure;

use measure::{in_turn, print, sandbox, ssh, time, zonewright};

const HOSTS: usize = 10;

/// Rounds of `zone list` that count.
const ROUNDS: usize = 10;

/// Zones made each way.
const ZONES: usize = 5;

/// What a packet takes one way.
const LINK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    match lists().and_then(|()| creations()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn lists() -> Result<(), Box<dyn Error>> {
    if time(zonewright(&["sandbox", "up", "global"])).is_none() {
        return Err("`zonewright sandbox up global` fails: nothing to measure".into());
    }
    let host = sandbox("global").ok_or("`sandbox list --json` does not name the host")?;
    let text = |key: &str| host[key].as_str().unwrap_or_default().to_owned();
    let reached: SocketAddr = format!("{}:{}", text("address"), host["ssh-port"]).parse()?;
    let home = tempfile::tempdir()?;
    fs::create_dir(home.path().join(".ssh"))?;
    let mut config = String::new();
    for number in 0..HOSTS {
        let relay = relay(reached)?;
        config.push_str(&format!(
            "Host vault-{number}\n  HostName {}\n  Port {}\n  HostKeyAlias {}\n  IdentityFile {}\n  \
             UserKnownHostsFile {}\n",
            relay.ip(),
            relay.port(),
            reached.ip(),
            text("identity"),
            text("known-hosts"),
        ));
    }
    fs::write(home.path().join(".ssh/config"), config)?;
    let list = |hosts: usize| {
        let names: Vec<String> = (0..hosts).map(|number| format!("vault-{number}")).collect();
        let mut command = zonewright(&["zone", "list"]);
        command.args(names).env("HOME", home.path());
        time(command)
    };
    let medians = in_turn(ROUNDS, || list(HOSTS), || list(1)).ok_or("`zone list` fails")?;
    print(["zone list, ten hosts", "zone list, one host"], medians);
    Ok(())
}

fn creations() -> Result<(), Box<dyn Error>> {
    let site = tempfile::tempdir()?;
    fs::create_dir(site.path().join("zones"))?;
    fs::write(
        site.path().join("zones/measured.toml"),
        "[host]\nsandbox = true\n\n[zone]\nalias = \"measured\"\n",
    )?;
    let ours = |word: &str| {
        let site = site.path().to_str()?;
        let more: &[&str] = if word == "destroy" { &["--yes"] } else { &[] };
        let words = [&["--site", site, "zone", word, "measured"], more].concat();
        let mut command = Command::new(measure::ZONEWRIGHT);
        command.args(words);
        time(command)
    };
    let create = || {
        let took = ours("create")?;
        ours("destroy")?;
        Some(took)
    };
    let host = sandbox("global").ok_or("`sandbox list --json` does not name the host")?;
    let boot = || {
        let script = "vmadm create >/dev/null 2>&1 <<'END'\n\
            {\"brand\": \"joyent\", \"image_uuid\": \"2f1dc911-6401-4fa4-8e9d-67ea2e39c271\", \
            \"uuid\": \"6d1c2a52-8f0e-4b5e-9c57-0d5c1c3a7a10\", \"alias\": \"booted\", \"quota\": 10, \
            \"nics\": [{\"nic_tag\": \"admin\", \"ips\": [\"dhcp\"]}]}\nEND";
        let took = time(ssh(&host, script)?)?;
        time(ssh(
            &host,
            "vmadm delete 6d1c2a52-8f0e-4b5e-9c57-0d5c1c3a7a10",
        )?)?;
        Some(took)
    };
    let medians = in_turn(ZONES, create, boot).ok_or("a zone cannot be made")?;
    print(["zone create", "vmadm create"], medians);
    let [ours, theirs] = medians;
    println!(
        "{:<32} {:>8.1} ms",
        "beyond the boot",
        ours.saturating_sub(theirs).as_secs_f64() * 1e3
    );
    Ok(())
}

/// A way to a listener that takes [`LINK`] longer in each direction.
fn relay(reached: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(reached) else {
                continue;
            };
            let ends = near.try_clone().and_then(|n| Ok((n, far.try_clone()?)));
            if let Ok((back, forth)) = ends {
                delayed(near, forth);
                delayed(far, back);
            }
        }
    });
    Ok(address)
}

/// Carries bytes from one end to the other, each as late as the link makes it.
fn delayed(mut from: TcpStream, mut to: TcpStream) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let packet = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + LINK, packet)).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, packet) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&packet).is_err() {
                break;
            }
        }
        // the other end of a connection that has ended may have gone already
        let _ = to.shutdown(Shutdown::Write);
    });
}
