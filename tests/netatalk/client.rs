//! The least of an AFP client: logs in as a Mac does, writes a file and reads it.
//!
//! netatalk's own test programs clean up after themselves; this one leaves a file behind, for the
//! test to find in the volume's folder. Numbers of commands as netatalk 4.2.3 has them
//! (`include/atalk/afp.h`).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::dhx2::Login;

const DSI_COMMAND: u8 = 2;
const DSI_OPEN_SESSION: u8 = 4;
const DSI_TICKLE: u8 = 5;
const DSI_WRITE: u8 = 6;

const CLOSE_FORK: u8 = 4;
const CREATE_FILE: u8 = 7;
const GET_VOLUME: u8 = 17;
const LOGIN: u8 = 18;
const LOGIN_CONTINUED: u8 = 19;
const LOGOUT: u8 = 20;
const OPEN_VOLUME: u8 = 24;
const OPEN_FORK: u8 = 26;
const READ: u8 = 27;
const WRITE: u8 = 33;
const GET_FILE: u8 = 34;

const ROOT_FOLDER: [u8; 4] = [0, 0, 0, 2];

/// `FPAuthContinue`: the login goes on.
const CONTINUES: i32 = -5001;

/// `FPUserNotAuth`: the name or the password is wrong.
pub const NOT_AUTHENTICATED: i32 = -5023;

pub struct Client {
    stream: TcpStream,
    request: u16,
}

impl Client {
    /// Connects and opens a session; nobody is logged in yet.
    pub fn connect(address: &str, port: u16) -> Self {
        let stream = TcpStream::connect((address, port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut client = Self { stream, request: 0 };
        client.ask(DSI_OPEN_SESSION, 0, &[]).unwrap();
        client
    }

    /// # Errors
    /// The server's error.
    pub fn log_in(&mut self, user: &str, password: &str) -> Result<(), i32> {
        let mut words = vec![LOGIN];
        for word in ["AFP3.1", "DHX2", user] {
            words.extend(counted(word));
        }
        if words.len() % 2 == 1 {
            words.push(0);
        }
        let login = Login::begin(&self.continued(&words)?);
        let theirs = self.continued(&[&[LOGIN_CONTINUED, 0], &login.first()[..]].concat())?;
        let last = login.second(&theirs, password);
        let words = [&[LOGIN_CONTINUED, 0], &last[..]].concat();
        self.command(&words).map(drop)
    }

    /// A command of a login that is not its last.
    fn continued(&mut self, words: &[u8]) -> Result<Vec<u8>, i32> {
        match self.ask_all(DSI_COMMAND, 0, words) {
            (CONTINUES, reply) => Ok(reply),
            (error, _) => Err(error),
        }
    }

    pub fn open_volume(&mut self, name: &str) -> [u8; 2] {
        // asks for the volume's number, which follows the repeated bitmap
        let words = [&[OPEN_VOLUME, 0, 0, 0x20], counted(name).as_slice()].concat();
        self.command(&words).unwrap()[2..4].try_into().unwrap()
    }

    /// What tells a volume from others: its attributes, its kind, when it was made, its name.
    pub fn identity_of(&mut self, volume: [u8; 2]) -> Vec<u8> {
        let bitmap = 0x1_u16 | 0x2 | 0x4 | 0x100;
        let words = [&[GET_VOLUME, 0], &volume[..], &bitmap.to_be_bytes()].concat();
        self.command(&words).unwrap()
    }

    /// What tells a file of the topmost folder from others: its folder, when it was made and changed, its name
    /// and its number (CNID).
    pub fn identity_of_file(&mut self, volume: [u8; 2], name: &str) -> Vec<u8> {
        let bitmap = 0x2_u16 | 0x4 | 0x8 | 0x40 | 0x100;
        let head = [&[GET_FILE, 0], &volume[..], &ROOT_FOLDER].concat();
        let asked = [&head[..], &bitmap.to_be_bytes(), &[0, 0, 2]].concat();
        self.command(&[asked, counted(name)].concat()).unwrap()
    }

    /// Reads so much of a file of the topmost folder.
    pub fn read_file(&mut self, volume: [u8; 2], name: &str, length: usize) -> Vec<u8> {
        let head = [&[OPEN_FORK, 0], &volume[..], &ROOT_FOLDER].concat();
        // no bitmap; to read, by long name
        let words = [&head[..], &[0, 0, 0, 1, 2], &counted(name)].concat();
        let opened = self.command(&words).unwrap();
        let fork = &opened[2..4];
        let count = u32::try_from(length).unwrap().to_be_bytes();
        let read = [&[READ, 0], fork, &[0; 4], &count, &[0, 0]].concat();
        let found = self.command(&read).unwrap();
        self.command(&[&[CLOSE_FORK, 0], fork].concat()).unwrap();
        found
    }

    /// Makes a file with this content in the volume's topmost folder, and reads it again.
    pub fn write_and_read(&mut self, volume: [u8; 2], name: &str, content: &[u8]) -> Vec<u8> {
        // by long name
        let path = [&[2], counted(name).as_slice()].concat();
        let at = |start: &[u8], between: &[u8]| {
            [start, &volume, &ROOT_FOLDER, between, path.as_slice()].concat()
        };
        self.command(&at(&[CREATE_FILE, 0], &[])).unwrap();
        // no bitmap; to read and to write
        let opened = self.command(&at(&[OPEN_FORK, 0], &[0, 0, 0, 3])).unwrap();
        let fork = &opened[2..4];
        let count = u32::try_from(content.len()).unwrap().to_be_bytes();
        let head = [&[WRITE, 0], fork, &[0; 4], &count].concat();
        let write = [head.as_slice(), content].concat();
        self.ask(DSI_WRITE, u32::try_from(head.len()).unwrap(), &write)
            .unwrap();
        let read = [&[READ, 0], fork, &[0; 4], &count, &[0, 0]].concat();
        let found = self.command(&read).unwrap();
        self.command(&[&[CLOSE_FORK, 0], fork].concat()).unwrap();
        found
    }

    /// Says that the client is still there; the server answers nothing to that.
    pub fn tickle(&mut self) {
        let mut packet = [0; 16];
        packet[1] = DSI_TICKLE;
        self.stream.write_all(&packet).unwrap();
    }

    /// Whether the server ends the connection within the time that a reply may take.
    pub fn gets_cut_off(mut self) -> bool {
        let mut bytes = [0; 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return true,
                // notes that the server sends before it goes
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    pub fn log_out(mut self) {
        self.command(&[LOGOUT, 0]).unwrap();
    }

    fn command(&mut self, words: &[u8]) -> Result<Vec<u8>, i32> {
        self.ask(DSI_COMMAND, 0, words)
    }

    fn ask(&mut self, command: u8, offset: u32, words: &[u8]) -> Result<Vec<u8>, i32> {
        match self.ask_all(command, offset, words) {
            (0, reply) => Ok(reply),
            (error, _) => Err(error),
        }
    }

    /// The server's result and what it said with it.
    fn ask_all(&mut self, command: u8, offset: u32, words: &[u8]) -> (i32, Vec<u8>) {
        self.request += 1;
        let mut packet = vec![0, command];
        packet.extend(self.request.to_be_bytes());
        packet.extend(offset.to_be_bytes());
        packet.extend(u32::try_from(words.len()).unwrap().to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(words);
        self.stream.write_all(&packet).unwrap();
        loop {
            let mut header = [0; 16];
            self.stream.read_exact(&mut header).unwrap();
            let number = |at: usize| <[u8; 4]>::try_from(&header[at..at + 4]).unwrap();
            let mut reply = vec![0; u32::from_be_bytes(number(8)) as usize];
            self.stream.read_exact(&mut reply).unwrap();
            let code = i32::from_be_bytes(number(4));
            // a tickle or a note of the server's own is no reply
            if header[0] == 1 {
                return (code, reply);
            }
        }
    }
}

/// A text after its length.
fn counted(text: &str) -> Vec<u8> {
    let mut counted = vec![u8::try_from(text.len()).unwrap()];
    counted.extend(text.as_bytes());
    counted
}
