//! The loopback interface of the calling thread's network namespace.
//!
//! The whole of 127/8 is local wherever the interface is up; any other address has to be added, as
//! an alias of the interface.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc::{self, c_char, c_short, ifreq};

use crate::sandbox::error::{SandboxError, system};

/// Raises it: in a new namespace it is down.
pub(crate) fn raise() -> Result<(), SandboxError> {
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(|source| SandboxError::System {
        doing: "open a socket",
        source,
    })?;
    let mut request = request("lo");
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as c_short;
    // SAFETY: the kernel reads an ifreq, which lives beyond the call.
    let status = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    nix::errno::Errno::result(status)
        .map(drop)
        .map_err(system("raise the zone's loopback"))
}

/// Adds an address, as far as that is possible: who cannot listen on it finds out.
pub(crate) fn add(address: IpAddr) {
    let IpAddr::V4(address) = address else {
        return;
    };
    if address.is_loopback() {
        return;
    }
    let Ok(socket) = UdpSocket::bind("0.0.0.0:0") else {
        return;
    };
    let [_, b, c, d] = address.octets();
    let mut request = request(&format!("lo:{b:x}{c:02x}{d:02x}"));
    for (bytes, order) in [
        (address, libc::SIOCSIFADDR),
        (Ipv4Addr::BROADCAST, libc::SIOCSIFNETMASK),
    ] {
        request.ifr_ifru.ifru_addr = internet(bytes);
        // SAFETY: as above.
        unsafe { libc::ioctl(socket.as_raw_fd(), order, &raw const request) };
    }
}

fn request(name: &str) -> ifreq {
    // SAFETY: an all-zero ifreq is a valid one; a name of up to 15 bytes fits with its terminator.
    let mut request: ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(15)) {
        *to = from as c_char;
    }
    request
}

fn internet(address: Ipv4Addr) -> libc::sockaddr {
    // SAFETY: an all-zero sockaddr is a valid one.
    let mut socket: libc::sockaddr = unsafe { std::mem::zeroed() };
    socket.sa_family = libc::AF_INET as libc::sa_family_t;
    // family, then the port's two bytes, then the address
    for (to, from) in socket.sa_data.iter_mut().skip(2).zip(address.octets()) {
        *to = from as c_char;
    }
    socket
}
