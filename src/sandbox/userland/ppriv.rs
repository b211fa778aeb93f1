//! `ppriv -e -s A-net_access COMMAND…`: runs a command that can open no network endpoint.
//!
//! On illumos the kernel refuses TCP, UDP and SCTP endpoints with EACCES, on the loopback too. Here a
//! seccomp filter answers `socket` calls for those with the same errno; it holds through `su` and
//! every other exec and cannot be undone. How it differs: the process can gain no privileges any more
//! (a setuid program runs with the caller's rights; `su` from root works), `io_uring` is refused
//! altogether because it could open a socket, and a 32-bit program is killed. A name service that
//! answers over a local socket still answers, as it does on illumos through its door.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::exec::become_command;
use super::getopt::{Parsed, Refusal};
use super::{Streams, not_emulated};

/// Drops the network from the sets that `-s` names, then becomes the command.
pub fn ppriv(_root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "es:") {
        Ok(parsed) if parsed.has('e') => parsed,
        Ok(_) => return not_emulated(streams, "ppriv", "anything but -e"),
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "ppriv", &option),
        Err(Refusal::Missing(_)) => return Ok(2),
    };
    if parsed.operands.is_empty() {
        return not_emulated(streams, "ppriv", "-e without a command");
    }
    let mut loses_network = false;
    for specification in parsed.values('s') {
        let specification = specification.to_string_lossy();
        match takes_network(&specification, nix::unistd::geteuid().is_root()) {
            Some(takes) => loses_network |= takes,
            None => return not_emulated(streams, "ppriv", &format!("-s {specification}")),
        }
    }
    if loses_network {
        forbid_network().map_err(io::Error::other)?;
    }
    Err(become_command(&parsed.operands, streams))
}

/// Whether the command loses the network; `None` for a specification that is not emulated.
///
/// The inheritable set alone is not enough for root, who fills it again from the limit set.
fn takes_network(specification: &str, is_root: bool) -> Option<bool> {
    let (sets, privilege) = specification.split_once('-')?;
    let known = !sets.is_empty() && sets.chars().all(|set| "AEILP".contains(set));
    if privilege != "net_access" || !known {
        return None;
    }
    Some(sets.contains(['A', 'L']) || sets.contains('I') && !is_root)
}

fn forbid_network() -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter(&filter()?)
}

fn filter() -> Result<BpfProgram, seccompiler::Error> {
    let equals = |argument: u8, mask: Option<u64>, value: libc::c_int| {
        let value = u64::from(value.unsigned_abs());
        let operator = mask.map_or(SeccompCmpOp::Eq, SeccompCmpOp::MaskedEq);
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
    };
    let mut endpoints = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
            // the upper bits of the type are SOCK_CLOEXEC and SOCK_NONBLOCK
            let conditions = vec![equals(0, None, family)?, equals(1, Some(0xf), kind)?];
            endpoints.push(SeccompRule::new(conditions)?);
        }
    }
    let rules = BTreeMap::from([
        (libc::SYS_socket, endpoints),
        (libc::SYS_io_uring_setup, Vec::new()),
    ]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EACCES.unsigned_abs()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixStream;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn a_filtered_process_opens_no_endpoint_but_local_ones() {
        // a filter holds for the thread that asks for it and for what it starts
        let filtered = std::thread::spawn(|| {
            forbid_network().unwrap();
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap_err().kind();
            let udp = UdpSocket::bind("[::1]:0").unwrap_err().kind();
            let local = UnixStream::pair().is_ok();
            let script = "exec 3<>/dev/tcp/127.0.0.1/22";
            let child = std::process::Command::new("/bin/bash")
                .args(["-c", script])
                .output();
            (tcp, udp, local, child.unwrap().stderr)
        });
        let (tcp, udp, local, child) = filtered.join().unwrap();
        assert_eq!(
            (tcp, udp),
            (ErrorKind::PermissionDenied, ErrorKind::PermissionDenied)
        );
        assert!(local);
        let child = String::from_utf8_lossy(&child).into_owned();
        assert!(child.contains("Permission denied"), "{child}");
        assert!(TcpListener::bind("127.0.0.1:0").is_ok());
    }

    #[test]
    fn the_limit_set_decides_for_root() {
        assert_eq!(takes_network("A-net_access", true), Some(true));
        assert_eq!(takes_network("LI-net_access", true), Some(true));
        assert_eq!(takes_network("I-net_access", true), Some(false));
        assert_eq!(takes_network("I-net_access", false), Some(true));
        assert_eq!(takes_network("A-file_write", true), None);
        assert_eq!(takes_network("A=basic", true), None);
        assert_eq!(takes_network("-net_access", true), None);
    }

    #[test]
    fn other_uses_are_refused() {
        let root = Path::new("/");
        assert_eq!(run(root, ppriv, &["-v", "1"], b"").status, 99);
        assert_eq!(
            run(root, ppriv, &["-s", "A-net_access", "1"], b"").status,
            99
        );
        assert_eq!(
            run(root, ppriv, &["-e", "-s", "A-all", "id"], b"").status,
            99
        );
        assert_eq!(run(root, ppriv, &["-e"], b"").status, 99);
    }
}
