//! Who is let in, and whom we trust: host keys, user keys, jump hosts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use zonewright::host::ssh::{Ssh, SshTarget};
use zonewright::host::{Exit, HostError, run_to_string};
use zonewright::script::Script;

use super::server::{Server, keygen, no_terminal, server, server_with, user};

fn connect(target: &SshTarget) -> Result<Ssh, HostError> {
    Ssh::connect(target, &mut no_terminal)
}

fn works(target: &SshTarget) {
    let script = Script::new("t").shell("echo in");
    let answer = run_to_string(&mut connect(target).unwrap(), &script).unwrap();
    assert_eq!(answer, (Exit::Code(0), b"in\n".to_vec(), Vec::new()));
}

fn refusal(target: &SshTarget) -> HostError {
    connect(target).expect_err("it must be refused")
}

#[test]
fn an_unknown_host_key_is_refused_unless_accepted_and_then_known() {
    let Some(server) = server() else { return };
    let known = server.path("home/.ssh/known_hosts");
    std::fs::remove_file(&known).unwrap();
    let mut target = server.target();
    target.host_key_alias = None;
    let HostError::UnknownHostKey {
        host,
        algorithm,
        fingerprint,
    } = refusal(&target)
    else {
        panic!()
    };
    assert_eq!(host, format!("[127.0.0.1]:{}", server.port));
    assert_eq!(algorithm, "ssh-ed25519");
    assert_eq!(fingerprint, server.fingerprint("ed25519"));
    assert!(!known.exists());

    target.accept_new_host_key = true;
    works(&target);
    target.accept_new_host_key = false;
    works(&target);
    let text = std::fs::read_to_string(&known).unwrap();
    let key = server.public_key("ed25519");
    assert_eq!(
        text,
        format!("{host} {}\n", key.trim().trim_end_matches(" test"))
    );
}

#[test]
fn a_changed_host_key_is_always_refused() {
    let Some(server) = server() else { return };
    let known = server.path("home/.ssh/known_hosts");
    let other = std::fs::read_to_string(server.path("home/.ssh/id_ed25519.pub")).unwrap();
    let text = format!("# a comment\n[127.0.0.1]:{} {other}", server.port);
    std::fs::write(&known, &text).unwrap();
    let mut target = server.target();
    target.accept_new_host_key = true;
    let HostError::ChangedHostKey {
        fingerprint,
        known_in,
        ..
    } = refusal(&target)
    else {
        panic!()
    };
    assert_eq!(fingerprint, server.fingerprint("ed25519"));
    assert_eq!(known_in, format!("{}:2", known.display()));
    assert_eq!(std::fs::read_to_string(&known).unwrap(), text);
}

#[test]
fn hashed_names_in_a_second_file_are_found() {
    let Some(server) = server() else { return };
    let known = server.path("home/.ssh/known_hosts");
    let hash = Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(&known)
        .output()
        .unwrap();
    assert!(hash.status.success());
    assert!(std::fs::read_to_string(&known).unwrap().starts_with("|1|"));
    let second = server.path("home/.ssh/known_hosts2");
    std::fs::rename(&known, &second).unwrap();
    let target = server.target();
    assert_eq!(target.known_hosts, [known, second]);
    works(&target);
}

#[test]
fn a_revoked_host_key_is_refused() {
    let Some(server) = server() else { return };
    let known = server.path("home/.ssh/known_hosts");
    let mut text = std::fs::read_to_string(&known).unwrap();
    text.push_str(&format!("@revoked * {}", server.public_key("ed25519")));
    std::fs::write(&known, text).unwrap();
    let HostError::RevokedHostKey { known_in, .. } = refusal(&server.target()) else {
        panic!()
    };
    assert_eq!(known_in, format!("{}:2", known.display()));
}

#[test]
fn a_host_known_by_one_key_alone_is_asked_for_that_one() {
    let Some(server) = server_with("", &["ed25519", "ecdsa", "rsa"]) else {
        return;
    };
    for kind in ["rsa", "ecdsa", "ed25519"] {
        server.know(kind);
        works(&server.target());
    }
}

#[test]
fn a_host_that_lost_the_known_kind_of_key_has_changed() {
    let Some(server) = server() else { return };
    keygen(&server.path("host_rsa"), "rsa", "");
    server.know("rsa");
    let mut target = server.target();
    target.accept_new_host_key = true;
    assert!(matches!(refusal(&target), HostError::ChangedHostKey { .. }));
}

#[test]
fn a_refused_login_tells_what_was_tried() {
    let Some(server) = server() else { return };
    let mut target = server.target();
    target.user = "nobody-of-that-name".to_owned();
    let HostError::Login { host, user, tried } = refusal(&target) else {
        panic!()
    };
    assert_eq!(
        (host, user),
        (format!("127.0.0.1:{}", server.port), target.user.clone())
    );
    assert!(tried.starts_with("no agent; "), "{tried}");
    assert!(tried.contains("home/.ssh/id_ed25519 (refused)"), "{tried}");
    assert!(tried.ends_with("the server offers publickey"), "{tried}");

    let mut target = server.target();
    target.identities.clear();
    let HostError::Login { tried, .. } = refusal(&target) else {
        panic!()
    };
    assert_eq!(
        tried,
        "no agent; no key file is there; the server offers publickey"
    );

    target.identities = vec![PathBuf::from("/nonexistent/key")];
    let HostError::Login { tried, .. } = refusal(&target) else {
        panic!()
    };
    assert!(tried.contains("/nonexistent/key (No such file"), "{tried}");
}

/// Lets in this key only.
fn authorize(server: &Server, key: &Path) {
    std::fs::copy(key.with_extension("pub"), server.path("authorized_keys")).unwrap();
}

#[test]
fn every_kind_of_key_file_is_taken() {
    let Some(server) = server() else { return };
    for kind in ["rsa", "ecdsa"] {
        let key = server.path(kind);
        keygen(&key, kind, "");
        authorize(&server, &key);
        let mut target = server.target();
        target.identities = vec![key.clone()];
        works(&target);
        std::fs::remove_file(key.with_extension("pub")).unwrap();
        works(&target);
        // the older form of private key, without its public half in clear
        let convert = Command::new("ssh-keygen")
            .args(["-q", "-p", "-m", "PEM", "-N", "", "-f"])
            .arg(&key)
            .output()
            .unwrap();
        assert!(convert.status.success());
        works(&target);
    }
}

#[test]
fn a_passphrase_is_asked_for_when_the_server_would_take_the_key() {
    let Some(server) = server() else { return };
    let (locked, foreign) = (server.path("locked"), server.path("foreign"));
    keygen(&locked, "ed25519", "open sesame");
    keygen(&foreign, "ed25519", "never asked for");
    authorize(&server, &locked);
    std::fs::remove_file(locked.with_extension("pub")).unwrap();
    let mut target = server.target();
    target.identities = vec![foreign, locked.clone()];

    let HostError::Login { tried, .. } = refusal(&target) else {
        panic!()
    };
    assert!(tried.contains("foreign (refused)"), "{tried}");
    assert!(
        tried.contains("locked (wants a passphrase and there is no terminal)"),
        "{tried}"
    );

    let mut asked = Vec::new();
    let mut answers = ["wrong", "open sesame"].into_iter();
    let host = Ssh::connect(&target, &mut |question| {
        asked.push(question.to_owned());
        answers.next().map(String::from)
    });
    assert!(host.is_ok(), "{:?}", host.err());
    let question = format!("passphrase of the key `{}`: ", locked.display());
    assert_eq!(asked, [question.clone(), question]);

    let mut count = 0;
    let host = Ssh::connect(&target, &mut |_| {
        count += 1;
        Some("wrong".to_owned())
    });
    let Some(HostError::Login { tried, .. }) = host.err() else {
        panic!()
    };
    assert!(tried.contains("locked (wrong passphrase)"), "{tried}");
    assert_eq!(count, 3);
}

#[test]
fn a_passphrase_opens_the_older_form_of_key_too() {
    let Some(server) = server() else { return };
    let key = server.path("pem");
    keygen(&key, "rsa", "");
    authorize(&server, &key);
    let convert = Command::new("ssh-keygen")
        .args(["-q", "-p", "-m", "PEM", "-N", "open sesame", "-f"])
        .arg(&key)
        .output()
        .unwrap();
    assert!(convert.status.success());
    std::fs::remove_file(key.with_extension("pub")).unwrap();
    let mut target = server.target();
    target.identities = vec![key];
    assert!(matches!(refusal(&target), HostError::Login { .. }));
    assert!(Ssh::connect(&target, &mut |_| Some("open sesame".to_owned())).is_ok());
}

/// An agent that ends with the test.
struct Agent {
    process: std::process::Child,
    socket: PathBuf,
}

impl Agent {
    fn start(server: &Server) -> Self {
        let socket = server.path("agent");
        let process = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while !socket.exists() {
            assert!(started.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { process, socket }
    }

    fn add(&self, key: &Path) {
        let status = Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket)
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_agents_keys_are_tried_the_named_ones_first() {
    // two attempts: a third key would not be looked at
    let Some(server) = server_with("MaxAuthTries 2", &["ed25519"]) else {
        return;
    };
    let agent = Agent::start(&server);
    let keys = ["a", "b", "c", "d"].map(|name| server.path(name));
    for key in &keys {
        keygen(key, "ed25519", "");
        agent.add(key);
    }
    keygen(&server.path("r"), "rsa", "");
    authorize(&server, &keys[3]);
    let mut target = server.target();
    target.agent = Some(agent.socket.clone());
    target.identities.clear();
    let HostError::Login { tried, .. } = refusal(&target) else {
        panic!()
    };
    assert_eq!(tried, "agent (2 of 4 keys, the server hung up)");

    // named by its public half, the private one being in the agent alone
    std::fs::remove_file(&keys[3]).unwrap();
    target.identities = vec![keys[3].clone()];
    works(&target);
    target.identities_only = true;
    works(&target);

    agent.add(&server.path("r"));
    authorize(&server, &server.path("r"));
    target.identities = vec![server.path("r")];
    works(&target);
}

#[test]
fn a_dead_agent_is_told_and_files_are_tried() {
    let Some(server) = server() else { return };
    let mut target = server.target();
    target.agent = Some(server.path("no-agent"));
    works(&target);
    target.user = "nobody-of-that-name".to_owned();
    let HostError::Login { tried, .. } = refusal(&target) else {
        panic!()
    };
    assert!(tried.starts_with("agent (does not answer: "), "{tried}");
}

#[test]
fn a_target_that_is_not_there_is_unreachable() {
    let Some(mut server) = server() else { return };
    server.stop();
    let HostError::Unreachable { host, source } = refusal(&server.target()) else {
        panic!()
    };
    assert_eq!(host, format!("{}@127.0.0.1:{}", user(), server.port));
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_port_where_nobody_speaks_ssh_is_given_up() {
    let Some(server) = server() else { return };
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut target = server.target_at(mute.local_addr().unwrap().port());
    target.timing.connect = Duration::from_millis(300);
    let started = Instant::now();
    assert!(matches!(refusal(&target), HostError::Unreachable { .. }));
    // far from the ten seconds that are usual
    assert!(started.elapsed() < Duration::from_secs(6));
}

#[test]
fn jump_hosts_lead_to_the_host_behind_them() {
    let (Some(first), Some(second), Some(last)) = (server(), server(), server()) else {
        return;
    };
    let mut target = last.target();
    target.jumps = vec![first.target(), second.target()];
    works(&target);

    let mut host = connect(&target).unwrap();
    let sent = vec![7; 3_000_000];
    let mut back = 0;
    let script = Script::new("t").shell("cat").with_input();
    use zonewright::host::Host;
    let exit = host.run(&script, &mut sent.as_slice(), &mut |_, data| {
        back += data.len()
    });
    assert_eq!((exit.unwrap(), back), (Exit::Code(0), sent.len()));

    // the host key of the host behind is checked as that of any other
    std::fs::write(last.path("home/.ssh/known_hosts"), "").unwrap();
    assert!(matches!(refusal(&target), HostError::UnknownHostKey { .. }));
}

#[test]
fn a_jump_that_leads_nowhere_or_breaks_is_told() {
    let (Some(first), Some(mut last)) = (server(), server()) else {
        return;
    };
    let mut target = last.target();
    target.jumps = vec![first.target()];
    let mut host = connect(&target).unwrap();
    let script = Script::new("t").shell("kill -KILL $PPID; sleep 1");
    let error = run_to_string(&mut host, &script).unwrap_err();
    assert!(matches!(error, HostError::Lost { .. }), "{error}");
    last.stop();
    assert!(matches!(refusal(&target), HostError::Unreachable { .. }));
}

#[test]
fn a_proxy_jump_of_the_configuration_is_followed() {
    let (Some(first), Some(last)) = (server(), server()) else {
        return;
    };
    let config = format!(
        "Host behind\n  HostName 127.0.0.1\n  Port {}\n  ProxyJump way\n  IdentityFile {}\n\
         Host way\n  HostName 127.0.0.1\n  Port {}\nHost *\n  User {}\n  GlobalKnownHostsFile none\n",
        last.port,
        last.path("home/.ssh/id_ed25519").display(),
        first.port,
        user(),
    );
    let home = first.path("home");
    std::fs::write(home.join(".ssh/config"), config).unwrap();
    let mut known = std::fs::read_to_string(home.join(".ssh/known_hosts")).unwrap();
    known.push_str(&std::fs::read_to_string(last.path("home/.ssh/known_hosts")).unwrap());
    std::fs::write(home.join(".ssh/known_hosts"), known).unwrap();
    let files = [home.join(".ssh/config")];
    let config = zonewright::host::ssh::SshConfig::load(&home, "me", None, &files).unwrap();
    works(&SshTarget::parse("behind", &config).unwrap());
}
