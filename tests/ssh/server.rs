//! A real OpenSSH server on a loopback port, with keys of its own, for one test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zonewright::host::ssh::{Ssh, SshConfig, SshTarget};

const SSHD: &str = "/usr/sbin/sshd";

/// A running server, and a home folder for its client.
pub struct Server {
    pub folder: TempDir,
    pub port: u16,
    process: Child,
}

/// Starts a server with one ed25519 host key that lets the client's key in; `None`, with the reason
/// said, where there is no sshd.
pub fn server() -> Option<Server> {
    server_with("", &["ed25519"])
}

/// A server with more lines in its configuration, and host keys of these kinds.
pub fn server_with(lines: &str, kinds: &[&str]) -> Option<Server> {
    if !Path::new(SSHD).exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{SSHD} is missing (package openssh-server)"
        );
        eprintln!("skipped: {SSHD} is missing (package openssh-server)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("home/.ssh")).unwrap();
    if user() == "root" {
        std::fs::create_dir_all("/run/sshd").unwrap();
    }
    let mut config = format!(
        "ListenAddress 127.0.0.1\nUsePAM no\nStrictModes no\nUseDNS no\nPidFile none\n\
         PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthorizedKeysFile {}\n\
         SetEnv HOME={}\n{lines}\n",
        at("authorized_keys").display(),
        at("home").display(),
    );
    for kind in kinds {
        keygen(&at(&format!("host_{kind}")), kind, "");
        config.push_str(&format!(
            "HostKey {}\n",
            at(&format!("host_{kind}")).display()
        ));
    }
    keygen(&at("home/.ssh/id_ed25519"), "ed25519", "");
    std::fs::copy(at("home/.ssh/id_ed25519.pub"), at("authorized_keys")).unwrap();
    std::fs::write(at("sshd_config"), config).unwrap();
    let (process, port) = start(&at("sshd_config"));
    let server = Server {
        folder,
        port,
        process,
    };
    server.know(kinds[0]);
    Some(server)
}

/// Starts sshd on a free port; another process may take the port first, so it is tried again.
fn start(config: &Path) -> (Child, u16) {
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        // tests that are killed leave no server behind
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", SSHD, "-D", "-e", "-p"])
            .args([&port.to_string(), "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        while log.read_line(&mut said).unwrap() > 0 {
            if said.contains("Server listening") {
                thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return (process, port);
            }
        }
        process.wait().unwrap();
        assert!(said.contains("Address already in use"), "{said}");
    }
    panic!("no free port");
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends the listening process: nobody can connect any more.
    pub fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Writes `known_hosts` with the host key of one kind.
    pub fn know(&self, kind: &str) {
        let line = format!("[127.0.0.1]:{} {}", self.port, self.public_key(kind));
        std::fs::write(self.path("home/.ssh/known_hosts"), line).unwrap();
    }

    /// `algorithm key comment`
    pub fn public_key(&self, kind: &str) -> String {
        std::fs::read_to_string(self.path(&format!("host_{kind}.pub"))).unwrap()
    }

    /// What `ssh-keygen -l` calls a host key.
    pub fn fingerprint(&self, kind: &str) -> String {
        let output = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(self.path(&format!("host_{kind}.pub")))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    }

    /// A login of the client, without an agent and with its own home folder.
    pub fn target(&self) -> SshTarget {
        self.target_at(self.port)
    }

    /// The same by way of another port, where something stands in between.
    pub fn target_at(&self, port: u16) -> SshTarget {
        let home = self.path("home");
        let config = SshConfig::load(&home, &user(), None, &[home.join(".ssh/config")]).unwrap();
        let mut target = SshTarget::parse(&format!("127.0.0.1:{port}"), &config).unwrap();
        target.host_key_alias = Some(format!("[127.0.0.1]:{}", self.port));
        target.global_known_hosts.clear();
        target
    }

    pub fn connect(&self) -> Ssh {
        Ssh::connect(&self.target(), &mut no_terminal).unwrap()
    }
}

/// Who runs the tests.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub fn no_terminal(_: &str) -> Option<String> {
    None
}

/// Makes a key pair.
pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"])
        .arg(path);
    if kind == "rsa" {
        command.args(["-b", "2048"]);
    }
    assert!(command.status().unwrap().success());
}

pub fn signal(name: &str, pid: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", name, pid])
            .status()
            .unwrap()
            .success()
    );
}

/// A port that leads to another one, where every byte takes `delay` each way.
pub fn slow_way(port: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming() {
            let near = near.unwrap();
            let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
            for stream in [&near, &far] {
                stream.set_nodelay(true).unwrap();
            }
            carry_slowly(near.try_clone().unwrap(), far.try_clone().unwrap(), delay);
            carry_slowly(far, near, delay);
        }
    });
    own
}

fn carry_slowly(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (send, receive) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if send
                .send((Instant::now() + delay, buffer[..length].to_vec()))
                .is_err()
            {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receive {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

/// A port that leads to another one, until the server has sent so many bytes: then it is cut.
pub fn cut_way(port: u16, bytes: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let near = listener.accept().unwrap().0;
        let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap();
        }
        let (mut up_from, mut up_to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut up_from, &mut up_to));
        let _ = std::io::copy(&mut (&far).take(bytes), &mut &near);
        for stream in [&near, &far] {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    own
}

/// A port that leads to another one and takes what the client sends slowly and in small pieces.
#[cfg(target_os = "linux")]
pub fn narrow_way(port: u16) -> u16 {
    use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    setsockopt(&listener, RcvBuf, &4096).unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let near = listener.accept().unwrap().0;
        let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap();
        }
        let (mut up_from, mut up_to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || {
            let mut buffer = [0; 3000];
            while let Ok(length @ 1..) = up_from.read(&mut buffer) {
                if up_to.write_all(&buffer[..length]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_micros(200));
            }
        });
        let _ = std::io::copy(&mut &far, &mut &near);
    });
    own
}

/// Gives this process's connection to a port the smallest buffer for what it sends.
#[cfg(target_os = "linux")]
pub fn narrow_buffer(port: u16) {
    use nix::sys::socket::{SockaddrIn, getpeername, setsockopt, sockopt::SndBuf};
    use std::os::fd::BorrowedFd;
    let mut found = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let number = entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .parse()
            .unwrap();
        if getpeername::<SockaddrIn>(number).is_ok_and(|peer| peer.port() == port) {
            // SAFETY: the caller holds the connection, so the descriptor stays open meanwhile
            let socket = unsafe { BorrowedFd::borrow_raw(number) };
            setsockopt(&socket, SndBuf, &1).unwrap();
            found += 1;
        }
    }
    assert_eq!(found, 1);
}
