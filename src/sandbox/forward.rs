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
use crate::sandbox::loopback;

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
    /// Those in the network of the global zone.
    elsewhere: Mutex<Option<Elsewhere>>,
    /// Keeps other sandboxes of this machine away from the address.
    _claim: UnixListener,
}

/// Listeners in another network.
#[derive(Debug)]
struct Elsewhere {
    network: Arc<OwnedFd>,
    addresses: Vec<IpAddr>,
    listeners: Vec<Arc<TcpListener>>,
}

impl Forwarder {
    /// Takes the first free address and listens on it. A port that the machine itself holds on
    /// every address (its own sshd) is replaced by a free high one.
    pub fn open() -> Result<Self, SandboxError> {
        Self::listen_on(claim(2)?)
    }

    /// The same for the global zone, which takes the very first address if it is free.
    pub fn open_for_host() -> Result<Self, SandboxError> {
        Self::listen_on(claim(1)?)
    }

    /// The same for an address that was chosen. Where another sandbox has it, or where the machine
    /// cannot listen on it, the zone is reached by a free one.
    pub fn open_at(address: IpAddr) -> Result<Self, SandboxError> {
        match claim_one(address) {
            Some(claim) => Self::listen_on((address, claim)).or_else(|_| Self::open()),
            None => Self::open(),
        }
    }

    fn listen_on((address, claim): (IpAddr, UnixListener)) -> Result<Self, SandboxError> {
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
            elsewhere: Mutex::default(),
            _claim: claim,
        })
    }

    /// The network that connections are carried into.
    pub fn inside(&self) -> Option<Arc<OwnedFd>> {
        self.inside.lock().ok().and_then(|inside| inside.clone())
    }

    /// Makes the zone's services reached in another network too, at these addresses of its
    /// loopback. What cannot be listened on there is not reached there.
    pub fn appear_in(&self, network: &Arc<OwnedFd>, addresses: &[IpAddr]) {
        let Ok(mut elsewhere) = self.elsewhere.lock() else {
            return;
        };
        // A zone that boots again is where it was: what listens there leads into it by itself.
        if elsewhere.as_ref().is_some_and(|known| {
            Arc::ptr_eq(&known.network, network) && known.addresses == addresses
        }) {
            return;
        }
        if let Some(old) = elsewhere.take() {
            end(&old.listeners);
        }
        let found: Vec<Arc<TcpListener>> = std::thread::scope(|scope| {
            let enter = || {
                if setns(network.as_ref(), CloneFlags::CLONE_NEWNET).is_err() {
                    return Vec::new();
                }
                let places = addresses
                    .iter()
                    .flat_map(|address| [(*address, 22), (*address, 548)]);
                addresses.iter().for_each(|address| loopback::add(*address));
                places
                    .filter_map(|place| TcpListener::bind(place).ok().map(|l| (l, place.1)))
                    .map(|(listener, port)| {
                        let listener = Arc::new(listener);
                        accept(&listener, port, &self.inside, &self.faults);
                        listener
                    })
                    .collect()
            };
            scope.spawn(enter).join().unwrap_or_default()
        });
        *elsewhere = Some(Elsewhere {
            network: Arc::clone(network),
            addresses: addresses.to_vec(),
            listeners: found,
        });
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
        end(&self.listeners);
        if let Ok(elsewhere) = self.elsewhere.lock()
            && let Some(elsewhere) = elsewhere.as_ref()
        {
            end(&elsewhere.listeners);
        }
    }
}

fn end(listeners: &[Arc<TcpListener>]) {
    use std::os::fd::AsRawFd;
    for listener in listeners {
        // Ends the thread that waits in accept.
        let _ = nix::sys::socket::shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Both);
    }
}

/// The first free address from 127.0.1.`first` on.
fn claim(first: u8) -> Result<(IpAddr, UnixListener), SandboxError> {
    for last in first..=254 {
        let address = IpAddr::from(Ipv4Addr::new(127, 0, 1, last));
        if let Some(claim) = claim_one(address) {
            return Ok((address, claim));
        }
    }
    Err(SandboxError::NoAddress)
}

/// A name in the abstract socket space lasts as long as its holder and is seen by every process of
/// the machine's network.
fn claim_one(address: IpAddr) -> Option<UnixListener> {
    let name = UnixAddr::from_abstract_name(format!("zonewright-sandbox/{address}"));
    name.and_then(|name| UnixListener::bind_addr(&name)).ok()
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
    accept(&listener, port, inside, faults);
    Ok((listener, actual))
}

/// Carries every connection of a listener to a port of the zone, until the listener ends.
fn accept(listener: &Arc<TcpListener>, port: u16, inside: &Inside, faults: &Arc<Faults>) {
    let accepting = Arc::clone(listener);
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
