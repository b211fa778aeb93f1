//! A socket that leads through another SSH session to a host behind it.
//!
//! libssh2 speaks over a real socket only, so one end of a socket pair is given out and a thread
//! carries bytes between the other end and the channel. The thread ends with either of them.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ssh2::{BlockDirections, Channel};

use super::connect::Connection;
use super::target::SshTarget;
use crate::host::HostError;

const CHUNK: usize = 32 * 1024;

/// Opens a way through `connection` to `next`.
pub(super) fn through(connection: Connection, next: &SshTarget) -> Result<OwnedFd, HostError> {
    let channel = open(&connection, next).map_err(|source| HostError::Unreachable {
        host: next.name(),
        source: io::Error::other(format!("the jump host says: {}", source.message())),
    })?;
    let failed = |source| HostError::Local {
        operation: format!("make a way to `{}`", next.name()),
        source,
    };
    let (given, kept) = UnixStream::pair().map_err(failed)?;
    kept.set_nonblocking(true).map_err(failed)?;
    thread::Builder::new()
        .name("jump".to_owned())
        .spawn(move || {
            // an error closes the given end, which is how the session over it learns of it
            let _ = carry(&connection, channel, kept);
        })
        .map_err(failed)?;
    Ok(given.into())
}

fn open(connection: &Connection, next: &SshTarget) -> Result<Channel, ssh2::Error> {
    connection.session.set_blocking(true);
    let channel = connection
        .session
        .channel_direct_tcpip(&next.host, next.port, None);
    connection.session.set_blocking(false);
    channel
}

/// Bytes on their way in one direction.
#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    sent: usize,
    ended: bool,
}

impl Pipe {
    fn is_empty(&self) -> bool {
        self.sent >= self.bytes.len()
    }

    /// Takes the next bytes when the last ones are gone, and passes on what it can. Gives whether
    /// anything moved.
    fn step(&mut self, from: &mut dyn Read, to: &mut dyn Write) -> io::Result<bool> {
        let mut moved = false;
        if self.is_empty() && !self.ended {
            self.bytes.resize(CHUNK, 0);
            self.sent = 0;
            let length = ready(from.read(&mut self.bytes))?;
            self.ended = length == Some(0);
            self.bytes.truncate(length.unwrap_or(0));
            moved = length.is_some();
        }
        if !self.is_empty() {
            let rest = self.bytes.get(self.sent..).unwrap_or_default();
            let length = ready(to.write(rest))?.unwrap_or(0);
            self.sent += length;
            moved |= length > 0;
        }
        Ok(moved)
    }
}

/// Nothing where it is not ready yet.
fn ready(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Carries bytes both ways until one side ends.
fn carry(connection: &Connection, channel: Channel, mut near: UnixStream) -> io::Result<()> {
    let (mut reader, mut writer) = (channel.stream(0), channel.stream(0));
    let (mut out, mut back) = (Pipe::default(), Pipe::default());
    loop {
        // reading from the channel comes last: whatever else touches it may queue its bytes
        let mut moved = out.step(&mut &near, &mut writer)?;
        moved |= back.step(&mut reader, &mut near)?;
        if (out.ended && out.is_empty()) || (back.ended && back.is_empty()) {
            return Ok(());
        }
        if !moved {
            wait(connection, &near, &out, &back)?;
        }
    }
}

fn wait(connection: &Connection, near: &UnixStream, out: &Pipe, back: &Pipe) -> io::Result<()> {
    // what cannot be passed on yet is left where it is, or this would not wait at all
    let mut far_wants = PollFlags::empty();
    far_wants.set(PollFlags::POLLIN, back.is_empty());
    let direction = connection.session.block_directions();
    if matches!(direction, BlockDirections::Outbound | BlockDirections::Both) {
        far_wants |= PollFlags::POLLOUT;
    }
    let mut near_wants = PollFlags::empty();
    near_wants.set(PollFlags::POLLIN, out.is_empty());
    near_wants.set(PollFlags::POLLOUT, !back.is_empty());
    let mut sockets = [
        PollFd::new(connection.socket.as_fd(), far_wants),
        PollFd::new(near.as_fd(), near_wants),
    ];
    match poll(&mut sockets, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let [_, near] = sockets;
    if near
        .revents()
        .is_some_and(|ready| ready.contains(PollFlags::POLLHUP))
    {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}
