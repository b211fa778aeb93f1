//! The connections that are carried into a zone, and what a fault does to them.
//!
//! Cut, silence and delay act on the bytes between the machine and the zone, so both ends see what
//! a broken network shows them: while it is silent not even the end of the other side arrives.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Which connections a fault is about.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// The one whose end in the zone has this port.
    Port(u16),
    /// This one.
    One(Arc<Carried>),
    /// Those that are open, and later ones too where the fault lasts.
    All,
}

/// Every connection into one zone.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<Vec<Arc<Carried>>>,
    /// What every new one begins with.
    lasting: Mutex<Course>,
}

/// How a connection's bytes are treated.
#[derive(Debug, Clone, Default)]
struct Course {
    /// How many bytes still pass, and what follows.
    limit: Option<(u64, Limit)>,
    /// How much later each piece arrives.
    delay: Duration,
    /// Whether the connection was cut.
    is_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Cut,
    Silence,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Carried {
    client: TcpStream,
    server: TcpStream,
    /// The port of its end in the zone, which a script of it can name.
    port: u16,
    course: Mutex<Course>,
    changed: Condvar,
}

impl Connections {
    /// Takes a connection in before anything is carried.
    pub fn admit(&self, client: TcpStream, server: TcpStream) -> io::Result<Arc<Carried>> {
        let port = server.local_addr()?.port();
        let course = locked(&self.lasting).clone();
        let carried = Arc::new(Carried {
            client,
            server,
            port,
            course: Mutex::new(course),
            changed: Condvar::new(),
        });
        locked(&self.open).push(Arc::clone(&carried));
        Ok(carried)
    }

    /// Carries a connection to its end.
    pub fn carry(&self, carried: &Arc<Carried>) {
        thread::scope(|scope| {
            scope.spawn(|| carried.carry(&carried.client, &carried.server));
            carried.carry(&carried.server, &carried.client);
        });
        locked(&self.open).retain(|other| !Arc::ptr_eq(other, carried));
    }

    /// Closes both ends once so many more bytes have passed.
    pub fn cut(&self, reach: &Reach, bytes: u64) {
        for carried in self.within(reach) {
            carried.limit(bytes, Limit::Cut);
        }
    }

    /// Lets nothing pass any more once so many more bytes have; both ends stay open.
    pub fn silence(&self, reach: &Reach, bytes: u64) {
        if let Reach::All = reach {
            locked(&self.lasting).limit = Some((bytes, Limit::Silence));
        }
        for carried in self.within(reach) {
            carried.limit(bytes, Limit::Silence);
        }
    }

    /// Lets every piece arrive so much later.
    pub fn delay(&self, reach: &Reach, delay: Duration) {
        if let Reach::All = reach {
            locked(&self.lasting).delay = delay;
        }
        for carried in self.within(reach) {
            locked(&carried.course).delay = delay;
        }
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        *locked(&self.lasting) = Course::default();
        for carried in self.within(&Reach::All) {
            let mut course = locked(&carried.course);
            let is_cut = course.is_cut;
            *course = Course {
                is_cut,
                ..Course::default()
            };
            carried.changed.notify_all();
        }
    }

    fn within(&self, reach: &Reach) -> Vec<Arc<Carried>> {
        let open = locked(&self.open);
        let is_meant = |carried: &&Arc<Carried>| match reach {
            Reach::Port(port) => carried.port == *port,
            Reach::One(one) => Arc::ptr_eq(carried, one),
            Reach::All => true,
        };
        open.iter().filter(is_meant).cloned().collect()
    }
}

impl Carried {
    /// Carries one direction to its end, and passes the end on.
    fn carry(&self, mut from: &TcpStream, to: &TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let passed = match from.read(&mut buffer) {
                Ok(0) => {
                    if self.wait_for_room(0).is_some() {
                        let _ = to.shutdown(Shutdown::Write);
                    }
                    return;
                }
                Ok(size) => self.pass(buffer.get(..size).unwrap_or_default(), to),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => false,
            };
            if !passed {
                return self.close();
            }
        }
    }

    /// Writes a piece as far and as late as it may; whether all of it arrived.
    fn pass(&self, mut piece: &[u8], mut to: &TcpStream) -> bool {
        while !piece.is_empty() {
            let Some(room) = self.wait_for_room(piece.len()) else {
                return false;
            };
            let delay = locked(&self.course).delay;
            thread::sleep(delay);
            let (now, later) = piece.split_at(room.min(piece.len()));
            if to.write_all(now).is_err() || self.is_used_up() {
                return false;
            }
            piece = later;
        }
        true
    }

    /// How many of these bytes may pass; waits while none may, and gives up when it is cut.
    fn wait_for_room(&self, wanted: usize) -> Option<usize> {
        let mut course = locked(&self.course);
        loop {
            if course.is_cut {
                return None;
            }
            match &mut course.limit {
                None => return Some(wanted),
                Some((0, Limit::Cut)) => {
                    course.is_cut = true;
                    return None;
                }
                Some((0, Limit::Silence)) => {}
                Some((left, _)) => {
                    let room = usize::try_from(*left).unwrap_or(wanted).min(wanted);
                    *left -= room as u64;
                    return Some(room);
                }
            }
            course = self
                .changed
                .wait(course)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_used_up(&self) -> bool {
        matches!(locked(&self.course).limit, Some((0, Limit::Cut)))
    }

    fn limit(&self, bytes: u64, limit: Limit) {
        let mut course = locked(&self.course);
        course.limit = Some((bytes, limit));
        if bytes == 0 && limit == Limit::Cut {
            course.is_cut = true;
            drop(course);
            self.close();
        }
        self.changed.notify_all();
    }

    /// Closes both ends. What was sent and not read yet is lost, as with a real cut.
    fn close(&self) {
        for end in [&self.client, &self.server] {
            let now = nix::libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            let _ = nix::sys::socket::setsockopt(end, nix::sys::socket::sockopt::Linger, &now);
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc;

    use super::*;

    /// A client, the server that its bytes are carried to, and the connection between.
    struct Line {
        connections: Arc<Connections>,
        carried: Arc<Carried>,
        client: TcpStream,
        server: TcpStream,
    }

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (one, listener.accept().unwrap().0)
    }

    fn line(connections: &Arc<Connections>) -> Line {
        let (client, outside) = pair();
        let (inside, server) = pair();
        let carried = connections.admit(outside, inside).unwrap();
        let (all, one) = (Arc::clone(connections), Arc::clone(&carried));
        thread::spawn(move || {
            all.carry(&one);
            one.close();
        });
        Line {
            connections: Arc::clone(connections),
            carried,
            client,
            server,
        }
    }

    fn arrives(stream: &mut TcpStream, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn is_quiet(stream: &mut TcpStream) -> bool {
        stream
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let result = stream.read(&mut [0]);
        stream.set_read_timeout(None).unwrap();
        result.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[test]
    fn both_directions_and_their_ends_are_carried() {
        let mut line = line(&Arc::default());
        line.client.write_all(b"abc").unwrap();
        line.client.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        line.server.read_to_string(&mut text).unwrap();
        line.server.write_all(b"ABC").unwrap();
        drop(line.server);
        let mut answer = String::new();
        line.client.read_to_string(&mut answer).unwrap();
        assert_eq!((text.as_str(), answer.as_str()), ("abc", "ABC"));
    }

    #[test]
    fn a_cut_lets_exactly_so_many_bytes_through_and_closes_both_ends() {
        let mut line = line(&Arc::default());
        line.connections
            .cut(&Reach::One(Arc::clone(&line.carried)), 4);
        line.server.write_all(b"a").unwrap();
        assert_eq!(arrives(&mut line.client, 1), b"a");
        line.client.write_all(b"bcdefgh").unwrap();
        assert_eq!(arrives(&mut line.server, 3), b"bcd");
        assert!(matches!(line.server.read(&mut [0]), Ok(0) | Err(_)));
        assert!(matches!(line.client.read(&mut [0]), Ok(0) | Err(_)));
    }

    #[test]
    fn silence_holds_bytes_and_ends_back_until_it_is_healed() {
        let connections = Arc::default();
        let mut line = line(&connections);
        connections.silence(&Reach::Port(line.carried.port), 0);
        line.client.write_all(b"abc").unwrap();
        line.client.shutdown(Shutdown::Write).unwrap();
        assert!(is_quiet(&mut line.server) && is_quiet(&mut line.client));
        connections.heal();
        let mut text = String::new();
        line.server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    }

    #[test]
    fn a_silent_connection_can_still_be_cut() {
        let connections = Arc::default();
        let mut line = line(&connections);
        connections.silence(&Reach::All, 0);
        assert!(is_quiet(&mut line.client));
        connections.cut(&Reach::All, 0);
        assert!(matches!(line.client.read(&mut [0]), Ok(0) | Err(_)));
    }

    #[test]
    fn what_lasts_is_there_for_new_connections_too_until_it_is_healed() {
        let connections = Arc::default();
        Connections::silence(&connections, &Reach::All, 0);
        let mut late = line(&connections);
        late.server.write_all(b"x").unwrap();
        assert!(is_quiet(&mut late.client));
        connections.heal();
        assert_eq!(arrives(&mut late.client, 1), b"x");
    }

    #[test]
    fn a_delayed_piece_arrives_later() {
        let connections = Arc::default();
        let mut line = line(&connections);
        connections.delay(&Reach::All, Duration::from_millis(150));
        let begun = std::time::Instant::now();
        line.client.write_all(b"x").unwrap();
        arrives(&mut line.server, 1);
        assert!(begun.elapsed() >= Duration::from_millis(150));
    }

    #[test]
    fn a_connection_that_ended_is_forgotten() {
        let connections: Arc<Connections> = Arc::default();
        let (send, receive) = mpsc::channel();
        let (client, outside) = pair();
        let (inside, server) = pair();
        let carried = connections.admit(outside, inside).unwrap();
        let all = Arc::clone(&connections);
        thread::spawn(move || {
            all.carry(&carried);
            send.send(()).unwrap();
        });
        drop((client, server));
        receive.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(locked(&connections.open).is_empty());
    }
}
