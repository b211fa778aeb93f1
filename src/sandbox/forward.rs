//! The way into a zone's own network: listeners on an address of the machine's loopback, each
//! connection carried to the same service inside.
//!
//! A thread that enters a network namespace stays there, and so does every socket it makes. So
//! each connection has a thread of its own, which enters, connects, and carries.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::{Arc, Mutex};

use nix::sched::{CloneFlags, setns};

use crate::sandbox::error::SandboxError;
use crate::sandbox::fault::Faults;

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
    /// What happens to them on the way.
    pub faults: Arc<Faults>,
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
        let faults = Arc::default();
        let ssh = listen(address, 22, &inside, &faults)?;
        let afp = listen(address, 548, &inside, &faults)?;
        Ok(Self {
            address,
            ssh_port: ssh.1,
            afp_port: afp.1,
            inside,
            faults,
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
    faults: &Arc<Faults>,
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
    let accepting = Arc::clone(&listener);
    let (inside, faults) = (Arc::clone(inside), Arc::clone(faults));
    std::thread::spawn(move || {
        while let Ok((client, _)) = accepting.accept() {
            let namespace = inside.lock().ok().and_then(|i| i.clone());
            let faults = Arc::clone(&faults);
            let spawned = std::thread::Builder::new().spawn(move || {
                if let Some(namespace) = namespace {
                    let _ = serve(client, &namespace, port, &faults);
                }
            });
            if spawned.is_err() {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    });
    Ok((listener, actual))
}

fn serve(client: TcpStream, namespace: &OwnedFd, port: u16, faults: &Faults) -> io::Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET)?;
    let server = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let carried = faults.connections.admit(client, server)?;
    faults.connected(&carried);
    faults.connections.carry(&carried);
    Ok(())
}

#[cfg(test)]
mod tests {
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
}
