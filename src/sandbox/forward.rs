//! The way into a zone's own network: listeners on an address of the machine's loopback, each
//! connection carried to the same service inside.
//!
//! A thread that enters a network namespace stays there, and so does every socket it makes. So
//! each connection has a thread of its own, which enters, connects, and carries. Whatever is to
//! cut, delay or stall a connection belongs into `carry`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::{Arc, Mutex};

use nix::sched::{CloneFlags, setns};

use crate::sandbox::error::SandboxError;

/// The network namespace that connections are carried into; none while the zone is down.
pub(crate) type Inside = Arc<Mutex<Option<Arc<OwnedFd>>>>;

/// The listeners of one zone; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Forwarder {
    /// The zone's address on the machine.
    pub address: IpAddr,
    /// Where its sshd is reached.
    pub ssh_port: u16,
    /// Where its AFP server is reached.
    pub afp_port: u16,
    /// Where connections are carried.
    pub inside: Inside,
    listeners: Vec<Arc<TcpListener>>,
    /// Keeps other sandboxes of this machine away from the address.
    _claim: UnixListener,
}

impl Forwarder {
    /// Takes the first free address and listens on it. A port that the machine itself holds on
    /// every address (its own sshd) is replaced by a free high one.
    pub fn open() -> Result<Self, SandboxError> {
        let (address, claim) = claim()?;
        let inside = Inside::default();
        let ssh = listen(address, 22, &inside)?;
        let afp = listen(address, 548, &inside)?;
        Ok(Self {
            address,
            ssh_port: ssh.1,
            afp_port: afp.1,
            inside,
            listeners: vec![ssh.0, afp.0],
            _claim: claim,
        })
    }

    /// Carries connections into another network namespace from now on, or nowhere.
    pub fn lead_into(&self, namespace: Option<OwnedFd>) {
        if let Ok(mut inside) = self.inside.lock() {
            *inside = namespace.map(Arc::new);
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        use std::os::fd::AsRawFd;
        for listener in &self.listeners {
            // Ends the thread that waits in accept.
            let _ =
                nix::sys::socket::shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Both);
        }
    }
}

/// 127.0.1.1 is the global zone's. A name in the abstract socket space lasts as long as its holder
/// and is seen by every process of the machine's network.
fn claim() -> Result<(IpAddr, UnixListener), SandboxError> {
    for last in 2..=254 {
        let address = IpAddr::from(Ipv4Addr::new(127, 0, 1, last));
        let name = UnixAddr::from_abstract_name(format!("zonewright-sandbox/{address}"));
        if let Ok(claim) = name.and_then(|name| UnixListener::bind_addr(&name)) {
            return Ok((address, claim));
        }
    }
    Err(SandboxError::NoAddress)
}

fn listen(
    address: IpAddr,
    port: u16,
    inside: &Inside,
) -> Result<(Arc<TcpListener>, u16), SandboxError> {
    let failed = |source| SandboxError::System {
        doing: "listen on the zone's address",
        source,
    };
    let listener = TcpListener::bind((address, port))
        .or_else(|_| TcpListener::bind((address, 0)))
        .map_err(failed)?;
    let actual = listener.local_addr().map_err(failed)?.port();
    let listener = Arc::new(listener);
    let (accepting, inside) = (Arc::clone(&listener), Arc::clone(inside));
    std::thread::spawn(move || {
        while let Ok((client, _)) = accepting.accept() {
            let namespace = inside.lock().ok().and_then(|i| i.clone());
            let spawned = std::thread::Builder::new().spawn(move || {
                if let Some(namespace) = namespace {
                    let _ = serve(&client, &namespace, port);
                }
            });
            if spawned.is_err() {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    });
    Ok((listener, actual))
}

fn serve(client: &TcpStream, namespace: &OwnedFd, port: u16) -> io::Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET)?;
    let server = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    std::thread::scope(|scope| {
        scope.spawn(|| carry(client, &server));
        carry(&server, client);
    });
    Ok(())
}

/// Carries one direction to its end, and passes the end on.
fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    match io::copy(&mut from, &mut to) {
        Ok(_) => {
            let _ = to.shutdown(Shutdown::Write);
        }
        Err(_) => {
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn two_forwarders_have_two_addresses_and_give_them_back() {
        let first = Forwarder::open().unwrap();
        let second = Forwarder::open().unwrap();
        assert_ne!(first.address, second.address);
        let address = second.address;
        drop(second);
        let name = UnixAddr::from_abstract_name(format!("zonewright-sandbox/{address}")).unwrap();
        assert!(UnixListener::bind_addr(&name).is_ok());
    }

    #[test]
    fn both_directions_and_their_ends_are_carried() {
        let inside = TcpListener::bind("127.0.0.1:0").unwrap();
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(outside.local_addr().unwrap()).unwrap();
        let server = TcpStream::connect(inside.local_addr().unwrap()).unwrap();
        let (accepted, _) = outside.accept().unwrap();
        let echo = std::thread::spawn(move || {
            let mut text = String::new();
            let (mut end, _) = inside.accept().unwrap();
            end.read_to_string(&mut text).unwrap();
            end.write_all(text.to_uppercase().as_bytes()).unwrap();
        });
        let carrier = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                scope.spawn(|| carry(&accepted, &server));
                carry(&server, &accepted);
            });
        });
        client.write_all(b"abc").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ABC");
        echo.join().unwrap();
        carrier.join().unwrap();
    }
}
