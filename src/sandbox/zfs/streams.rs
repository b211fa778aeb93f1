//! `zfs send` and `zfs receive`: the asker's own standard streams travel over the socket, and the
//! real command works on them.
//!
//! The pool is free for others meanwhile, as soon as the command has its connection to the daemon.

use std::io::{self, IoSlice, IoSliceMut, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use crate::causes::in_one_line;
use crate::sandbox::control::{Reply, send};
use crate::sandbox::error::SandboxError;
use crate::sandbox::smf::answer::Answer;

use super::asker::{Asker, View};
use super::command::{self, Ground, Stream};
use super::perform::mounted_of;
use super::{Asked, Zfs};

/// How long a command may take to connect to the daemon before the next may begin.
const CONNECTS_WITHIN: Duration = Duration::from_millis(50);

impl Zfs {
    /// Runs a command on the asker's streams.
    pub(super) fn stream(&self, asker: &Asker, asked: &Asked, socket: &UnixStream) -> Answer {
        let planned = {
            let inner = self.lock();
            let datasets = match self.datasets() {
                Ok(datasets) => datasets,
                Err(error) => return Answer::failure(1, in_one_line(&error)),
            };
            let ground = Ground {
                view: View {
                    datasets: &datasets,
                    asker,
                },
                mounted: &mounted_of(&inner, asker),
                everywhere: &[],
                now: 0,
            };
            command::streaming(&ground, &asked.words)
        };
        match planned {
            Some(Ok(stream)) => self
                .run_stream(&stream, socket)
                .unwrap_or_else(|error| Answer::failure(1, in_one_line(&error))),
            Some(Err(answer)) => answer,
            None => Answer::not_emulated("zfs", &asked.words.join(" ")),
        }
    }

    fn run_stream(&self, stream: &Stream, socket: &UnixStream) -> Result<Answer, SandboxError> {
        let lost = |source| SandboxError::System {
            doing: "take over the command's streams",
            source,
        };
        let mut writer = socket.try_clone().map_err(lost)?;
        send(&mut writer, &Reply::Done).map_err(lost)?;
        let streams = take_streams(socket).map_err(lost)?;
        let mut child = {
            let _alone = self.lock();
            let child = self.place.start_real("zfs", &stream.words, streams)?;
            std::thread::sleep(CONNECTS_WITHIN);
            child
        };
        let status = child.wait().map_err(|source| SandboxError::System {
            doing: "wait for `zfs`",
            source,
        })?;
        let code = status.code().unwrap_or(1);
        if let (0, Some(name)) = (code, &stream.received) {
            return Ok(self.mount_received(name));
        }
        Ok(Answer {
            code,
            ..Answer::default()
        })
    }
}

/// Gives the three standard streams of this process away.
pub(super) fn give_streams(socket: &UnixStream) -> io::Result<()> {
    let streams: [RawFd; 3] = [0, 1, 2];
    let control = [ControlMessage::ScmRights(&streams)];
    let bytes = [IoSlice::new(b"s")];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &bytes,
        &control,
        MsgFlags::empty(),
        None,
    )?;
    let mut socket = socket;
    socket.flush()
}

/// Takes what `give_streams` sent.
fn take_streams(socket: &UnixStream) -> io::Result<[OwnedFd; 3]> {
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut room = nix::cmsg_space!([RawFd; 3]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut bytes, Some(&mut room), flags)?;
    let mut streams: Vec<OwnedFd> = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel made these descriptors for this message; nobody else has them.
            streams.extend(numbers.iter().map(|n| unsafe { OwnedFd::from_raw_fd(*n) }));
        }
    }
    <[OwnedFd; 3]>::try_from(streams).map_err(|_| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, BorrowedFd};

    #[test]
    fn streams_arrive_as_they_were_sent() {
        let (here, there) = UnixStream::pair().unwrap();
        give_streams(&here).unwrap();
        let streams = take_streams(&there).unwrap();
        let file = |stream: BorrowedFd| nix::sys::stat::fstat(stream).unwrap().st_ino;
        assert_eq!(file(streams[2].as_fd()), file(std::io::stderr().as_fd()));
    }
}
