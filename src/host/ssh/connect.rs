//! From a target to a session that is logged in: connections, jumps, host keys.
//!
//! libssh2 sends small packets and waits for the answers, so without `TCP_NODELAY` each of them
//! may wait for the acknowledgement of the one before.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use ssh2::{ErrorCode, MethodType, Session};

use super::auth;
use super::jump;
use super::known_hosts::{KnownHosts, LookupName, Verdict, algorithm_of, fingerprint, remember};
use super::target::SshTarget;
use crate::host::HostError;

/// A session that is logged in, and the socket that it waits on.
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) socket: Arc<OwnedFd>,
}

/// A handle on the socket for the session to keep.
struct SharedSocket(Arc<OwnedFd>);

impl AsRawFd for SharedSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Connects to `target` through its jumps and logs in on each of them.
pub(super) fn connect(
    target: &SshTarget,
    prompt: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<Connection, HostError> {
    let mut route = target.jumps.iter().chain([target]).peekable();
    let nearest = route.peek().copied().unwrap_or(target);
    let mut socket = dial(nearest)?;
    while let Some(hop) = route.next() {
        let connection = establish(hop, socket, prompt)?;
        let Some(next) = route.peek() else {
            return Ok(connection);
        };
        socket = jump::through(connection, next)?;
    }
    Err(unreachable(
        target,
        io::Error::other("there is no way to it"),
    ))
}

fn unreachable(target: &SshTarget, source: io::Error) -> HostError {
    HostError::Unreachable {
        host: target.name(),
        source,
    }
}

/// A TCP connection to the first of the host's addresses that takes one.
fn dial(target: &SshTarget) -> Result<OwnedFd, HostError> {
    let addresses = (target.host.as_str(), target.port)
        .to_socket_addrs()
        .map_err(|source| unreachable(target, source))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let patience = target.timing.dial.unwrap_or(target.timing.connect);
    for address in addresses {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => {
                stream
                    .set_nodelay(true)
                    .map_err(|source| unreachable(target, source))?;
                return Ok(stream.into());
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let seconds = patience.as_secs_f32();
                last = io::Error::new(error.kind(), format!("nothing answered for {seconds} s"));
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(target, last))
}

/// Shakes hands over `socket`, checks the host key and logs in.
fn establish(
    target: &SshTarget,
    socket: OwnedFd,
    prompt: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<Connection, HostError> {
    let known = KnownHosts::load(
        target
            .known_hosts
            .iter()
            .chain(target.global_known_hosts.iter()),
    )?;
    let lookup = LookupName::new(&target.host, target.port, target.host_key_alias.as_deref());
    let failed = |operation: &'static str| {
        move |source| HostError::Ssh {
            host: target.name(),
            operation: operation.to_owned(),
            source,
        }
    };
    let socket = Arc::new(socket);
    let mut session = Session::new().map_err(failed("make a session"))?;
    session.set_tcp_stream(SharedSocket(Arc::clone(&socket)));
    session.set_timeout(milliseconds(target.timing.connect));
    session
        .method_pref(MethodType::HostKey, &known.preferences(&lookup))
        .map_err(failed("choose host-key algorithms"))?;
    session
        .handshake()
        .map_err(|error| no_handshake(target, &session, error))?;
    check_host_key(target, &session, &known, &lookup)?;
    auth::log_in(&session, target, prompt)?;
    session.set_blocking(false);
    Ok(Connection { session, socket })
}

/// Tells a server that is silent, gone or no SSH server from one that has no algorithm in common.
fn no_handshake(target: &SshTarget, session: &Session, error: ssh2::Error) -> HostError {
    // libssh2: banner, socket timeout, timeout, disconnect, receive
    const SILENT: [i32; 2] = [-30, -9];
    const GONE: [i32; 3] = [-2, -13, -43];
    let ErrorCode::Session(code) = error.code() else {
        return HostError::Ssh {
            host: target.name(),
            operation: "shake hands".to_owned(),
            source: error,
        };
    };
    let said = session.banner_bytes().unwrap_or_default();
    let is_other = !said.is_empty() && !said.starts_with(b"SSH-");
    let (kind, text) = if is_other {
        let said = String::from_utf8_lossy(said);
        let line: String = said.chars().filter(|c| !c.is_control()).take(60).collect();
        (
            io::ErrorKind::InvalidData,
            format!("what answers does not speak SSH: it says `{line}`"),
        )
    } else if SILENT.contains(&code) {
        let seconds = target.timing.connect.as_secs();
        let text = format!("it took the connection and then said nothing for {seconds} s");
        (io::ErrorKind::ConnectionAborted, text)
    } else if GONE.contains(&code) {
        let text = "it took the connection and hung up at once".to_owned();
        (io::ErrorKind::ConnectionAborted, text)
    } else {
        return HostError::Ssh {
            host: target.name(),
            operation: "shake hands".to_owned(),
            source: error,
        };
    };
    unreachable(target, io::Error::new(kind, text))
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis())
        .unwrap_or(u32::MAX)
        .max(1)
}

fn check_host_key(
    target: &SshTarget,
    session: &Session,
    known: &KnownHosts,
    lookup: &LookupName,
) -> Result<(), HostError> {
    let key = session.host_key().map(|(key, _)| key).unwrap_or_default();
    let host = lookup.name.clone();
    let (algorithm, fingerprint) = (algorithm_of(key), fingerprint(key));
    match known.judge(lookup, key) {
        Verdict::Known => Ok(()),
        Verdict::Unknown if target.accept_new_host_key => match target.known_hosts.first() {
            Some(file) => remember(file, &lookup.name, key),
            None => Ok(()),
        },
        Verdict::Unknown => Err(HostError::UnknownHostKey {
            host,
            algorithm,
            fingerprint,
        }),
        Verdict::Changed(place) => Err(HostError::ChangedHostKey {
            host,
            algorithm,
            fingerprint,
            known_in: place.to_owned(),
        }),
        Verdict::Revoked(place) => Err(HostError::RevokedHostKey {
            host,
            algorithm,
            fingerprint,
            known_in: place.to_owned(),
        }),
    }
}
