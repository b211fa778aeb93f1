//! One command over a session: feeding it, draining it, and learning how it ended.
//!
//! Both outputs are drained in one loop while input is fed, since a full pipe stops the command.
//! A command costs two round trips, one with input three: sshd opens a channel with an empty
//! window, so that nothing can be sent before the request is granted.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use ssh2::{Channel, ErrorCode};

use super::connect::Connection;
use super::life::{Life, is_sending, poll_socket, set_keepalive};
use super::target::Timing;
use crate::host::{Exit, Stream};

/// libssh2's code for "not now".
const AGAIN: ErrorCode = ErrorCode::Session(-37);
/// libssh2's codes for a channel or a request that the server does not grant.
const DENIED: [ErrorCode; 2] = [ErrorCode::Session(-21), ErrorCode::Session(-22)];

/// The sizes at which libssh2 neither splits a write nor waits to widen the window for a read.
const CHUNK: usize = 32 * 1024;

/// How long after an announcement the next packet may come by itself.
const REST: Duration = Duration::from_millis(1);

/// Why it is not known how a command ended.
pub(super) enum ExecError {
    /// The connection is gone or silent, and the command was never asked for.
    Gone(io::Error),
    /// The connection is gone or silent.
    Lost(io::Error),
    /// The command neither printed nor took input for longer than it may.
    Overdue(Duration),
    /// The server does not grant it; the connection is as good as before.
    Denied(ssh2::Error),
    /// The input could not be read.
    Input(io::Error),
}

impl ExecError {
    /// The same error, of a time when nothing was asked for yet.
    fn before(self) -> Self {
        match self {
            Self::Lost(source) => Self::Gone(source),
            other => other,
        }
    }
}

impl From<ssh2::Error> for ExecError {
    fn from(error: ssh2::Error) -> Self {
        if DENIED.contains(&error.code()) {
            Self::Denied(error)
        } else {
            Self::Lost(error.into())
        }
    }
}

impl From<io::Error> for ExecError {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// Runs `request`, feeds it `input` and gives how its shell ended. `quiet` is how long neither
/// output nor input may move.
pub(super) fn exec(
    connection: &Connection,
    timing: Timing,
    quiet: Option<Duration>,
    request: &str,
    input: &mut dyn Read,
    receive: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Exit, ExecError> {
    let mut life = Life::new(timing);
    let channel = open(connection, &mut life).map_err(ExecError::before)?;
    let mut exec = Exec {
        channel,
        request,
        granted: false,
        feed: Feed {
            input,
            chunk: Vec::new(),
            sent: 0,
            state: FeedState::More,
        },
        buffer: vec![0; CHUNK],
    };
    let mut is_woken = false;
    let mut moved_last = Instant::now();
    loop {
        life.wake_at(quiet.map(|quiet| moved_last + quiet));
        let mut moved = exec.start()?;
        moved |= exec.feed()?;
        moved |= exec.drain(connection, receive)?;
        // a packet that is half sent would stand in the way of all that follow
        if exec.is_at_end() && !is_sending(connection) {
            break;
        }
        if moved {
            moved_last = Instant::now();
            is_woken = false;
        } else if let Some(quiet) = quiet.filter(|quiet| moved_last.elapsed() >= *quiet) {
            return Err(ExecError::Overdue(quiet));
        } else if is_woken && is_sending(connection) {
            // what is here cannot be received before that packet is gone
            life.wait_to_send(connection)?;
        } else {
            life.wait(connection)?;
            is_woken = true;
        }
    }
    life.wake_at(None);
    while let Err(error) = exec.channel.wait_close() {
        if error.code() != AGAIN {
            return Err(error.into());
        }
        life.wait(connection)?;
    }
    exec.exit()
}

/// Opens a channel.
///
/// After a login sshd makes two announcements and then answers, with Nagle's algorithm on: the
/// answer is kept back until the announcements are acknowledged, which a client with nothing to say
/// does 40 ms or more later. So, when the announcements are here and the answer is not, something
/// is said.
fn open(connection: &Connection, life: &mut Life) -> Result<Channel, ExecError> {
    let session = &connection.session;
    let (mut is_announced, mut is_said) = (false, false);
    loop {
        match session.channel_session() {
            Ok(channel) => return Ok(channel),
            Err(error) if error.code() != AGAIN => return Err(error.into()),
            Err(_) => {}
        }
        if is_announced && !is_said && poll_socket(connection, PollFlags::POLLIN, REST)?.is_empty()
        {
            is_said = true;
            if !is_sending(connection) {
                set_keepalive(session, false);
                session.keepalive_send()?;
                set_keepalive(session, true);
            }
        }
        life.wait(connection)?;
        is_announced = true;
    }
}

struct Exec<'a> {
    channel: Channel,
    request: &'a str,
    granted: bool,
    feed: Feed<'a>,
    buffer: Vec<u8>,
}

struct Feed<'a> {
    input: &'a mut dyn Read,
    chunk: Vec<u8>,
    sent: usize,
    state: FeedState,
}

#[derive(PartialEq)]
enum FeedState {
    More,
    AtEnd,
    Closed,
}

impl Exec<'_> {
    /// Asks for the command to be run, and learns whether it is granted.
    fn start(&mut self) -> Result<bool, ExecError> {
        if self.granted {
            return Ok(false);
        }
        match self.channel.exec(self.request) {
            Ok(()) => {
                self.granted = true;
                Ok(true)
            }
            Err(error) if error.code() == AGAIN => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends as much input as the target takes now.
    fn feed(&mut self) -> Result<bool, ExecError> {
        if self.feed.state == FeedState::Closed || !self.granted {
            return Ok(false);
        }
        if self.feed.state == FeedState::More {
            self.feed.refill().map_err(ExecError::Input)?;
        }
        if self.feed.state == FeedState::AtEnd {
            return match self.channel.send_eof() {
                Ok(()) => {
                    self.feed.state = FeedState::Closed;
                    Ok(true)
                }
                Err(error) if error.code() == AGAIN => Ok(false),
                Err(error) => Err(error.into()),
            };
        }
        let rest = self.feed.chunk.get(self.feed.sent..).unwrap_or_default();
        match self.channel.write(rest) {
            Ok(sent) => {
                self.feed.sent += sent;
                Ok(sent > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(ExecError::Lost(error)),
        }
    }

    /// Hands on all output that is here. Whatever reads from the socket may queue pieces of either
    /// stream, so both are asked again until neither has any: the poll that follows sees the
    /// socket, not the queue. But nothing can be received while a packet is half sent, if the window
    /// must be widened for it.
    fn drain(
        &mut self,
        connection: &Connection,
        receive: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<bool, ExecError> {
        let mut moved = false;
        while self.granted {
            let out = read_some(&mut self.channel.stream(0), &mut self.buffer)?;
            receive_some(Stream::Out, &self.buffer, out, receive);
            let err = read_some(&mut self.channel.stderr(), &mut self.buffer)?;
            receive_some(Stream::Err, &self.buffer, err, receive);
            moved |= out + err > 0;
            let is_more = self.channel.read_window().available > 0 && !is_sending(connection);
            if out + err == 0 && !is_more {
                break;
            }
        }
        Ok(moved)
    }

    fn is_at_end(&self) -> bool {
        self.granted && self.channel.eof()
    }

    fn exit(&self) -> Result<Exit, ExecError> {
        match self.channel.exit_signal()?.exit_signal {
            Some(name) => Ok(Exit::Signal(name)),
            None => Ok(Exit::Code(self.channel.exit_status()?)),
        }
    }
}

impl Feed<'_> {
    fn refill(&mut self) -> io::Result<()> {
        if self.sent < self.chunk.len() {
            return Ok(());
        }
        self.sent = 0;
        self.chunk.resize(CHUNK, 0);
        let length = loop {
            match self.input.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.chunk.truncate(length);
        if length == 0 {
            self.state = FeedState::AtEnd;
        }
        Ok(())
    }
}

fn read_some(stream: &mut ssh2::Stream, buffer: &mut [u8]) -> Result<usize, ExecError> {
    match stream.read(buffer) {
        Ok(length) => Ok(length),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(ExecError::Lost(error)),
    }
}

fn receive_some(
    stream: Stream,
    buffer: &[u8],
    length: usize,
    receive: &mut dyn FnMut(Stream, &[u8]),
) {
    if length > 0 {
        receive(stream, buffer.get(..length).unwrap_or_default());
    }
}
