//! Waiting for a target, and noticing that it is no longer there.
//!
//! A compiler may say nothing for an hour, and a host that lost its power says nothing either. So a
//! quiet target is asked for a sign of life; what it answers does not matter.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ssh2::{BlockDirections, Session};

use super::connect::Connection;
use super::target::Timing;

/// libssh2 does not ask the target for a sign of life more often than this.
const KEEPALIVE_LEAST: Duration = Duration::from_secs(2);

/// Watches for signs of life, and asks for one when the target is quiet.
pub(super) struct Life {
    timing: Timing,
    heard: Instant,
    /// Since when an answer is awaited.
    asked: Option<Instant>,
    /// When whoever waits wants to look at the clock.
    until: Option<Instant>,
}

impl Life {
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            heard: Instant::now(),
            asked: None,
            until: None,
        }
    }

    /// Waits no longer than until then; waiting on is no error.
    pub(super) fn wake_at(&mut self, until: Option<Instant>) {
        self.until = until;
    }

    /// Waits until the session can go on; fails when the target gives no sign of life in time.
    pub(super) fn wait(&mut self, connection: &Connection) -> io::Result<()> {
        self.wait_for(connection, PollFlags::POLLIN)
    }

    /// The same where nothing but sending can bring the session on.
    pub(super) fn wait_to_send(&mut self, connection: &Connection) -> io::Result<()> {
        self.wait_for(connection, PollFlags::POLLOUT)
    }

    fn wait_for(&mut self, connection: &Connection, wanted: PollFlags) -> io::Result<()> {
        loop {
            let (since, span) = match self.asked {
                Some(asked) => (asked, self.timing.patience),
                None => (self.heard, self.timing.keepalive.max(KEEPALIVE_LEAST)),
            };
            let mut left = span.saturating_sub(since.elapsed());
            if let Some(until) = self.until {
                left = left.min(until.saturating_duration_since(Instant::now()));
            }
            let ready = poll_socket(connection, wanted, left)?;
            if ready.intersects(!PollFlags::POLLOUT) {
                self.heard = Instant::now();
                self.asked = None;
                return Ok(());
            }
            // being able to send is no sign of life
            if since.elapsed() < span {
                let is_woken = self.until.is_some_and(|until| until <= Instant::now());
                if ready.is_empty() && !is_woken {
                    continue;
                }
                return Ok(());
            }
            if self.asked.is_some() {
                let error = io::Error::new(io::ErrorKind::TimedOut, "the target is silent");
                return Err(error);
            }
            self.asked = Some(Instant::now());
            // a packet that is half sent must be finished before another: it asks as well
            if !is_sending(connection) {
                connection.session.keepalive_send()?;
            }
        }
    }
}

/// Whether a packet is half sent, and must be finished before any other.
pub(super) fn is_sending(connection: &Connection) -> bool {
    let direction = connection.session.block_directions();
    matches!(direction, BlockDirections::Outbound | BlockDirections::Both)
}

/// What the socket is ready for, of what is wanted; nothing when the time is over.
pub(super) fn poll_socket(
    connection: &Connection,
    mut wanted: PollFlags,
    left: Duration,
) -> io::Result<PollFlags> {
    if is_sending(connection) {
        wanted |= PollFlags::POLLOUT;
    }
    let mut sockets = [PollFd::new(connection.socket.as_fd(), wanted)];
    // rounded up, or the last millisecond would be spent asking again and again
    let milliseconds = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    match poll(
        &mut sockets,
        PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX),
    ) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(PollFlags::empty()),
        Err(error) => return Err(error.into()),
    }
    let [socket] = sockets;
    Ok(socket.revents().unwrap_or(PollFlags::empty()))
}

/// Decides whether the target answers to a keepalive.
pub(super) fn set_keepalive(session: &Session, is_answered: bool) {
    let least = u32::try_from(KEEPALIVE_LEAST.as_secs()).unwrap_or(u32::MAX);
    session.set_keepalive(is_answered, least);
}
