//! AFP's `GetStatus`: what a file server says of itself to whoever asks, before any login.
//!
//! The request is one packet of DSI, the session layer of AFP over TCP. The reply is a block of
//! offsets, counted from its own start, to strings that carry their length; the last four offsets
//! have no fixed place, they follow the server's name. Layout as netatalk 4.2.3 writes it
//! (`etc/afpd/status.c`); what netatalk does not send is from memory of Apple's reference.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port AFP has where an address names none.
const AFP_PORT: u16 = 548;
const DSI_REPLY: u8 = 1;
const DSI_GET_STATUS: u8 = 3;
const HEADER: usize = 16;
/// Far more than a status holds: netatalk's buffer has 1400 bytes.
const LONGEST_STATUS: u32 = 65_536;

const HAS_SIGNATURE: u16 = 1 << 4;
const HAS_TCP: u16 = 1 << 5;
const HAS_DIRECTORY_NAMES: u16 = 1 << 8;
const HAS_UTF8_NAME: u16 = 1 << 9;

/// The names of the flags, by bit.
const FLAGS: [(u16, &str); 13] = [
    (1 << 0, "copy-file"),
    (1 << 1, "change-password"),
    (1 << 2, "no-saved-password"),
    (1 << 3, "server-messages"),
    (HAS_SIGNATURE, "signature"),
    (HAS_TCP, "tcp"),
    (1 << 6, "notifications"),
    (1 << 7, "reconnect"),
    (HAS_DIRECTORY_NAMES, "directory-names"),
    (HAS_UTF8_NAME, "utf8-name"),
    (1 << 10, "uuids"),
    (1 << 11, "extended-sleep"),
    (1 << 15, "super-client"),
];

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerStatus {
    /// The name of at most 31 bytes, in the Mac's old character set: what is not ASCII in it is
    /// U+FFFD here.
    pub short_name: String,
    /// The name that today's Macs show, where there is one. A Mac's UTF-8 is decomposed: `é` is
    /// `e` and an accent.
    pub utf8_name: Option<String>,
    /// `Netatalk4.2.3`
    pub machine_type: String,
    /// `AFP3.4` and friends, in the server's order.
    pub versions: Vec<String>,
    /// The ways to log in, in the server's order: `DHX2`.
    pub uams: Vec<String>,
    /// The flags as they came; see [`ServerStatus::flag_names`].
    pub flags: u16,
    /// What makes the server the same one to a Mac, under whatever name and address.
    pub signature: Option<[u8; 16]>,
    /// Where the server says it can be reached.
    pub addresses: Vec<Address>,
    /// Kerberos names.
    pub directory_names: Vec<String>,
}

/// Where a server can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// An AppleTalk network, node and socket.
    AppleTalk(u16, u8, u8),
    /// A host name, perhaps with `:PORT`.
    Name(String),
    /// A host name that is reached through an SSH tunnel.
    Ssh(String),
    /// Of a type that is not known here.
    Other(u8),
}

/// Why a reply is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AfpError {
    /// Something else answers on that port.
    #[error("the reply is not AFP's")]
    NotAfp,
    /// The server refuses to say.
    #[error("the server answers with the error {0}")]
    Refused(i32),
    /// The reply ends too early, or points outside itself.
    #[error("the reply is cut off or damaged at its {0}")]
    Damaged(&'static str),
}

impl ServerStatus {
    /// The name that a Mac shows.
    #[must_use]
    pub fn name(&self) -> &str {
        self.utf8_name.as_deref().unwrap_or(&self.short_name)
    }

    /// The names of the flags that are set, by bit; unknown ones are left out.
    #[must_use]
    pub fn flag_names(&self) -> Vec<&'static str> {
        FLAGS
            .iter()
            .filter(|(bit, _)| self.flags & bit != 0)
            .map(|(_, name)| *name)
            .collect()
    }
}

/// The packet that asks a server for its status.
#[must_use]
pub fn get_status_request() -> [u8; HEADER] {
    // flags, command, request id, offset, length, reserved
    [0, DSI_GET_STATUS, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// How many bytes follow the first sixteen of a reply.
///
/// # Errors
/// [`AfpError`] where these are not the start of a status.
pub fn status_length(header: &[u8; HEADER]) -> Result<usize, AfpError> {
    let [flags, command, _, _, c0, c1, c2, c3, l0, l1, l2, l3, ..] = *header;
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    if flags != DSI_REPLY || command != DSI_GET_STATUS || length > LONGEST_STATUS {
        return Err(AfpError::NotAfp);
    }
    match i32::from_be_bytes([c0, c1, c2, c3]) {
        0 => usize::try_from(length).map_err(|_| AfpError::NotAfp),
        code => Err(AfpError::Refused(code)),
    }
}

/// Reads a whole reply, header included.
///
/// # Errors
/// [`AfpError`] for a reply that is none, refuses, or is damaged.
pub fn parse_status(reply: &[u8]) -> Result<ServerStatus, AfpError> {
    let header: &[u8; HEADER] = reply.first_chunk().ok_or(AfpError::Damaged("header"))?;
    let length = status_length(header)?;
    let body = reply
        .get(HEADER..HEADER + length)
        .ok_or(AfpError::Damaged("end"))?;
    let mut fixed = Cursor {
        rest: body,
        part: "offsets",
    };
    let (machine, versions, uams) = (fixed.number()?, fixed.number()?, fixed.number()?);
    let (_icon, flags) = (fixed.number()?, fixed.number()?);
    fixed.part = "name";
    let short_name = fixed.mac_string()?;
    let mut status = ServerStatus {
        short_name,
        machine_type: Cursor::at(body, machine, "machine type")?.mac_string()?,
        versions: Cursor::at(body, versions, "versions")?.strings()?,
        uams: Cursor::at(body, uams, "login methods")?.strings()?,
        flags,
        ..ServerStatus::default()
    };
    // the name is padded to an even length
    let name_end = body.len() - fixed.rest.len();
    let mut at = name_end + name_end % 2;
    // these offsets were added one after another as AFP grew; a server that lacks the last ones
    // starts its machine type there
    let mut offset = || {
        let inside = at + 2 <= usize::from(machine);
        let value = body.get(at..at + 2).filter(|_| inside);
        at += 2;
        value
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |bytes| u16::from_be_bytes(*bytes))
    };
    let (signature, addresses, directory, utf8_name) = (offset(), offset(), offset(), offset());
    let has = |flag: u16, offset: u16| (flags & flag != 0 && offset != 0).then_some(offset);
    if let Some(offset) = has(HAS_SIGNATURE, signature) {
        status.signature = Some(Cursor::at(body, offset, "signature")?.array()?);
    }
    if let Some(offset) = has(HAS_TCP, addresses) {
        status.addresses = Cursor::at(body, offset, "addresses")?.addresses()?;
    }
    if let Some(offset) = has(HAS_DIRECTORY_NAMES, directory) {
        status.directory_names = Cursor::at(body, offset, "directory names")?.strings()?;
    }
    if let Some(offset) = has(HAS_UTF8_NAME, utf8_name) {
        let mut cursor = Cursor::at(body, offset, "UTF-8 name")?;
        let length = usize::from(cursor.number()?);
        status.utf8_name = Some(printable(&String::from_utf8_lossy(cursor.take(length)?)));
    }
    Ok(status)
}

/// Text from the network goes to a terminal: nothing in it may move the cursor.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Reads on from one place of the reply; `part` is what an error calls it.
struct Cursor<'a> {
    rest: &'a [u8],
    part: &'static str,
}

impl<'a> Cursor<'a> {
    fn at(body: &'a [u8], offset: u16, part: &'static str) -> Result<Self, AfpError> {
        let rest = body
            .get(usize::from(offset)..)
            .ok_or(AfpError::Damaged(part))?;
        Ok(Self { rest, part })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], AfpError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(AfpError::Damaged(self.part))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AfpError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(AfpError::Damaged(self.part))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, AfpError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u16, AfpError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A length of one byte and as many bytes, ASCII or the Mac's old character set.
    fn mac_string(&mut self) -> Result<String, AfpError> {
        let length = usize::from(self.byte()?);
        let ascii = |byte: &u8| match byte {
            0..=0x7f => char::from(*byte),
            _ => char::REPLACEMENT_CHARACTER,
        };
        Ok(printable(
            &self.take(length)?.iter().map(ascii).collect::<String>(),
        ))
    }

    fn strings(&mut self) -> Result<Vec<String>, AfpError> {
        let count = self.byte()?;
        (0..count).map(|_| self.mac_string()).collect()
    }

    fn addresses(&mut self) -> Result<Vec<Address>, AfpError> {
        let count = self.byte()?;
        let mut addresses = Vec::new();
        for _ in 0..count {
            // the length counts itself and the type
            let length = usize::from(self.byte()?).checked_sub(1);
            let entry = self.take(length.ok_or(AfpError::Damaged(self.part))?)?;
            let (kind, value) = entry.split_first().ok_or(AfpError::Damaged(self.part))?;
            addresses.push(address(*kind, value).ok_or(AfpError::Damaged(self.part))?);
        }
        Ok(addresses)
    }
}

fn address(kind: u8, value: &[u8]) -> Option<Address> {
    let ip = |ip: IpAddr, port: u16| Some(Address::Ip(SocketAddr::new(ip, port)));
    let name = || printable(&String::from_utf8_lossy(value));
    match kind {
        1 => ip(
            Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into(),
            AFP_PORT,
        ),
        2 => {
            let (octets, port) = value.split_first_chunk::<4>()?;
            ip(
                Ipv4Addr::from(*octets).into(),
                u16::from_be_bytes(port.try_into().ok()?),
            )
        }
        3 => {
            let [n0, n1, node, socket] = value.try_into().ok()?;
            Some(Address::AppleTalk(
                u16::from_be_bytes([n0, n1]),
                node,
                socket,
            ))
        }
        4 => Some(Address::Name(name())),
        5 => Some(Address::Ssh(name())),
        6 => ip(
            Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into(),
            AFP_PORT,
        ),
        7 => {
            let (octets, port) = value.split_first_chunk::<16>()?;
            ip(
                Ipv6Addr::from(*octets).into(),
                u16::from_be_bytes(port.try_into().ok()?),
            )
        }
        other => Some(Address::Other(other)),
    }
}

#[cfg(test)]
mod tests;
