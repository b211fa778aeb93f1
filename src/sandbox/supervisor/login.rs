//! `zlogin`, on the supervisor's side: a process in the zone with the streams of a process of the
//! global zone.
//!
//! The global zone cannot see into the others, so the streams themselves travel here, as open files
//! beside one byte, and with them a helper enters the zone.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use super::Supervisor;
use super::zones::lock;
use crate::sandbox::control::{Login, Reply, send};
use crate::sandbox::emulate;
use crate::sandbox::vm::machine::ZoneState;
use crate::sandbox::zone::GLOBAL;

impl Supervisor {
    /// Runs a command in a zone, and tells how it ended.
    pub(super) fn log_in(&self, login: &Login, stream: &mut UnixStream) {
        if login.zone == GLOBAL {
            let refusal = "'zlogin' not applicable to the global zone".to_owned();
            let _ = send(stream, &Reply::Refused(refusal));
            return;
        }
        let refusal = match self.machine(&login.zone).map(|machine| machine.zone_state) {
            None => Some(format!("zone '{}' unknown", login.zone)),
            Some(ZoneState::Configured) => {
                Some("cannot login to a zone which is 'configured'".to_owned())
            }
            Some(ZoneState::Running) => None,
            Some(state) => Some(format!(
                "login allowed only to running zones ({} is '{}').",
                login.zone,
                state.word()
            )),
        };
        if let Some(refusal) = refusal {
            let _ = send(stream, &Reply::Refused(refusal));
            return;
        }
        let slot = self
            .lock_zones()
            .get(&login.zone)
            .cloned()
            .unwrap_or_default();
        let init = lock(&slot).as_ref().map(|zone| zone.init);
        let Some(init) = init else {
            let refusal = format!(
                "login allowed only to running zones ({} is 'installed').",
                login.zone
            );
            let _ = send(stream, &Reply::Refused(refusal));
            return;
        };
        if send(stream, &Reply::Done).is_err() {
            return;
        }
        let Some([input, output, errors]) = receive_streams(stream) else {
            return;
        };
        let status = Command::new(&self.ground.binary)
            .arg(emulate::ENTER)
            .arg(init.to_string())
            .args(&login.words)
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(errors))
            .status();
        let reply = match status {
            Ok(status) => Reply::Exited {
                status: status.code().unwrap_or(128 + status.signal().unwrap_or(0)),
            },
            Err(error) => Reply::Refused(error.to_string()),
        };
        let _ = send(stream, &reply);
    }
}

fn receive_streams(stream: &UnixStream) -> Option<[OwnedFd; 3]> {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([RawFd; 3]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), flags).ok()?;
    let mut streams = Vec::new();
    for part in message.cmsgs().ok()? {
        if let ControlMessageOwned::ScmRights(numbers) = part {
            // SAFETY: the kernel made these descriptors for us, and nobody else has them.
            streams.extend(
                numbers
                    .into_iter()
                    .map(|n| unsafe { OwnedFd::from_raw_fd(n) }),
            );
        }
    }
    streams.try_into().ok()
}
