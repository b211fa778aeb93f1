//! `known_hosts` files: what keys a host is known by, and the judgement of the key it offers.
//!
//! A host known by its RSA key alone must be asked for that key: asked for any, it offers its
//! ed25519 key and looks changed.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::pattern::matches_list;
use crate::host::HostError;

/// What this side can check, most wanted first. Certificates are not among them: a server that has
/// one would offer it instead of the key that `known_hosts` holds.
/// Signatures over SHA-1 (`ssh-rsa`) are not either; sshd has better ones for RSA keys since 2016.
const ALGORITHMS: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// What a host is looked up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupName {
    /// `host`, `[host]:port` or an alias: what is written into `known_hosts`.
    pub(super) name: String,
    /// The bare host, where the port is not 22: a matching key under it is accepted too.
    bare: Option<String>,
}

impl LookupName {
    /// What to look up for a host on a port, or its `HostKeyAlias`.
    #[must_use]
    pub fn new(host: &str, port: u16, alias: Option<&str>) -> Self {
        if let Some(alias) = alias {
            return Self {
                name: alias.to_owned(),
                bare: None,
            };
        }
        let host = host.to_lowercase();
        if port == 22 {
            return Self {
                name: host,
                bare: None,
            };
        }
        Self {
            name: format!("[{host}]:{port}"),
            bare: Some(host),
        }
    }
}

/// What the known keys say of an offered one.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is one of the host's.
    Known,
    /// The host is not known.
    Unknown,
    /// The host is known by another key; where that is.
    Changed(&'a str),
    /// The key is marked `@revoked`; where that is.
    Revoked(&'a str),
}

/// The entries of some `known_hosts` files.
#[derive(Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// `file:line`
    place: String,
    revoked: bool,
    names: Names,
    algorithm: String,
    key: Vec<u8>,
}

#[derive(Debug)]
enum Names {
    /// Patterns separated by commas, `!` before those that exclude.
    Plain(String),
    Hashed {
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

impl KnownHosts {
    /// Reads those of the files that exist.
    pub(super) fn load<'a>(
        files: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<Self, HostError> {
        let mut known = Self::default();
        for file in files {
            match std::fs::read(file) {
                Ok(bytes) => known.add(file, &String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(file_error("read", file, source)),
            }
        }
        Ok(known)
    }

    /// Adds the entries of a file whose text is at hand; lines that say nothing are passed over.
    pub fn add(&mut self, file: &Path, text: &str) {
        for (index, line) in text.lines().enumerate() {
            if let Some(mut entry) = parse_line(line) {
                entry.place = format!("{}:{}", file.display(), index + 1);
                self.entries.push(entry);
            }
        }
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.names.matches(name))
    }

    /// The host-key algorithms to offer, those of the known keys first.
    #[must_use]
    pub fn preferences(&self, lookup: &LookupName) -> String {
        let mut wanted: Vec<&str> = Vec::new();
        let bare = lookup.bare.as_deref().unwrap_or(&lookup.name);
        for entry in self.named(&lookup.name).chain(self.named(bare)) {
            let algorithms: &[&str] = match entry.algorithm.as_str() {
                _ if entry.revoked => &[],
                "ssh-rsa" => &["rsa-sha2-512", "rsa-sha2-256"],
                other => ALGORITHMS
                    .iter()
                    .find(|a| **a == other)
                    .map_or(&[], std::slice::from_ref),
            };
            wanted.extend(algorithms);
        }
        wanted.extend(ALGORITHMS);
        let mut seen = Vec::new();
        wanted.retain(|algorithm| {
            let new = !seen.contains(algorithm);
            seen.push(*algorithm);
            new
        });
        wanted.join(",")
    }

    /// Judges the key that a host offers. A host whose known keys are all of other kinds counts as
    /// changed: they were asked for first, and it has none of them any more.
    #[must_use]
    pub fn judge(&self, lookup: &LookupName, key: &[u8]) -> Verdict<'_> {
        let names = [Some(lookup.name.as_str()), lookup.bare.as_deref()];
        for name in names.iter().flatten() {
            let revoked =
                |entry: &&Entry| entry.revoked && entry.key == key && entry.names.matches(name);
            if let Some(entry) = self.entries.iter().find(revoked) {
                return Verdict::Revoked(&entry.place);
            }
        }
        let known = |name: &str| {
            self.entries
                .iter()
                .filter(|e| !e.revoked && e.names.matches(name))
                .collect::<Vec<_>>()
        };
        let entries = known(&lookup.name);
        let same = |entry: &&Entry| entry.key == key;
        if entries.iter().any(same) {
            return Verdict::Known;
        }
        let algorithm = algorithm_of(key);
        let other = entries
            .iter()
            .find(|e| e.algorithm == algorithm)
            .or_else(|| entries.first());
        if let Some(entry) = other {
            return Verdict::Changed(&entry.place);
        }
        match &lookup.bare {
            Some(bare) if known(bare).iter().any(same) => Verdict::Known,
            _ => Verdict::Unknown,
        }
    }
}

impl Names {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Plain(patterns) => matches_list(patterns.split(','), name),
            Self::Hashed { salt, hash } => hmac_sha1(salt, name.as_bytes()).as_slice() == hash,
        }
    }
}

// vault,192.0.2.9 ssh-ed25519 AAAAC3Nz… comment
// [vault]:2222 ecdsa-sha2-nistp256 AAAAE2Vj…
// |1|salt|hash ssh-rsa AAAAB3Nz…
// @revoked * ssh-ed25519 AAAAC3Nz…
fn parse_line(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace().peekable();
    let marker = words.next_if(|word| word.starts_with('@'));
    if marker.is_some_and(|word| word != "@revoked") {
        return None;
    }
    let names = words.next().filter(|word| !word.starts_with('#'))?;
    let names = match names.strip_prefix("|1|") {
        Some(hashed) => {
            let (salt, hash) = hashed.split_once('|')?;
            Names::Hashed {
                salt: STANDARD.decode(salt).ok()?,
                hash: STANDARD.decode(hash).ok()?,
            }
        }
        None => Names::Plain(names.to_lowercase()),
    };
    let algorithm = words.next()?.to_owned();
    let key = STANDARD.decode(words.next()?).ok()?;
    Some(Entry {
        place: String::new(),
        revoked: marker.is_some(),
        names,
        algorithm,
        key,
    })
}

/// The algorithm that a public key names in its first field.
pub(super) fn algorithm_of(key: &[u8]) -> String {
    let length = key
        .first_chunk::<4>()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
    let name = key
        .get(4..)
        .and_then(|rest| rest.get(..length))
        .unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// `SHA256:…` as `ssh-keygen -l` prints it.
pub(super) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// Adds a key to a `known_hosts` file, which is made if need be.
pub(super) fn remember(file: &Path, name: &str, key: &[u8]) -> Result<(), HostError> {
    let write = || -> io::Result<()> {
        // such a name would stand for other hosts too, or end where the next field begins
        let is_special = |c: char| c.is_whitespace() || c.is_control() || ",*?!|#@".contains(c);
        if name.is_empty() || name.contains(is_special) {
            let why = format!("`{}` is not the name of one host", name.escape_debug());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        if let Some(folder) = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let mut open = OpenOptions::new();
        let mut known = open
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(file)?;
        let mut line = String::new();
        if known.seek(SeekFrom::End(0))? > 0 {
            known.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            known.read_exact(&mut last)?;
            if last != *b"\n" {
                line.push('\n');
            }
        }
        line.push_str(&format!(
            "{name} {} {}\n",
            algorithm_of(key),
            STANDARD.encode(key)
        ));
        known.write_all(line.as_bytes())
    };
    write().map_err(|source| file_error("add the host key to", file, source))
}

fn file_error(operation: &str, file: &Path, source: io::Error) -> HostError {
    HostError::Local {
        operation: format!("{operation} `{}`", file.display()),
        source,
    }
}

/// RFC 2104 over SHA-1, which is what `ssh-keygen -H` hashes host names with.
fn hmac_sha1(key: &[u8], text: &[u8]) -> [u8; 20] {
    let mut block = [0u8; 64];
    let digest = Sha1::digest(key);
    let short = if key.len() > block.len() {
        digest.as_slice()
    } else {
        key
    };
    for (to, from) in block.iter_mut().zip(short) {
        *to = *from;
    }
    let inner = Sha1::new()
        .chain_update(block.map(|b| b ^ 0x36))
        .chain_update(text)
        .finalize();
    Sha1::new()
        .chain_update(block.map(|b| b ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: &str, last: u8) -> Vec<u8> {
        let length = u32::try_from(algorithm.len()).unwrap().to_be_bytes();
        [&length[..], algorithm.as_bytes(), &[last]].concat()
    }

    fn line(names: &str, key: &[u8]) -> String {
        format!("{names} {} {}\n", algorithm_of(key), STANDARD.encode(key))
    }

    fn known(text: &str) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.add(Path::new("known"), text);
        known
    }

    #[test]
    fn hmac_is_that_of_the_rfc() {
        // RFC 2202, cases 2 and 6
        let hex = |bytes: [u8; 20]| bytes.map(|b| format!("{b:02x}")).concat();
        let text = b"what do ya want for nothing?";
        assert_eq!(
            hex(hmac_sha1(b"Jefe", text)),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex(hmac_sha1(&[0xaa; 80], text)),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112"
        );
    }

    #[test]
    fn a_key_is_judged_by_the_entries_of_its_host() {
        let (a, b) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
        let text = format!(
            "# comment\n\n{}{}{}",
            line("vault,*.lan,!bad.lan", &a),
            line("[vault]:2222", &b),
            line("@cert-authority *", &b)
        );
        let known = known(&text);
        let judge = |host: &str, port, key: &[u8]| {
            format!("{:?}", known.judge(&LookupName::new(host, port, None), key))
        };
        assert_eq!(judge("vault", 22, &a), "Known");
        assert_eq!(judge("VAULT", 22, &a), "Known");
        assert_eq!(judge("x.lan", 22, &a), "Known");
        assert_eq!(judge("bad.lan", 22, &a), "Unknown");
        assert_eq!(judge("vault", 22, &b), "Changed(\"known:3\")");
        assert_eq!(judge("vault", 2222, &b), "Known");
        assert_eq!(judge("vault", 2222, &a), "Changed(\"known:4\")");
        // no entry with that port: the bare name's key is good, another is merely unknown
        assert_eq!(judge("vault", 23, &a), "Known");
        assert_eq!(judge("vault", 23, &b), "Unknown");
        let alias = LookupName::new("vault", 2222, Some("x.lan"));
        assert_eq!(known.judge(&alias, &a), Verdict::Known);
        assert_eq!(
            judge("vault", 22, &key("ssh-rsa", 1)),
            "Changed(\"known:3\")"
        );
    }

    #[test]
    fn a_revoked_key_is_refused_even_where_it_is_known() {
        let a = key("ssh-ed25519", 1);
        let known = known(&format!("{}{}", line("vault", &a), line("@revoked *", &a)));
        let verdict = known.judge(&LookupName::new("vault", 22, None), &a);
        assert_eq!(verdict, Verdict::Revoked("known:2"));
    }

    #[test]
    fn algorithms_of_known_keys_come_first() {
        let text = line("vault", &key("ssh-rsa", 1)) + &line("vault", &key("ssh-ed25519", 1));
        let known = known(&text);
        assert_eq!(
            known.preferences(&LookupName::new("vault", 2200, None)),
            "rsa-sha2-512,rsa-sha2-256,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
        );
        let other = known.preferences(&LookupName::new("other", 22, None));
        assert_eq!(other, ALGORITHMS.join(","));
    }

    #[test]
    fn a_remembered_key_is_known_and_the_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/known_hosts");
        let a = key("ssh-ed25519", 1);
        remember(&file, "[vault]:2222", &a).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        // a last line without its newline stays a line of its own
        std::fs::write(&file, line("other", &a).trim_end()).unwrap();
        remember(&file, "[vault]:2222", &a).unwrap();
        for name in [
            "", "*", "a,b", "a b", "a\nb", "!a", "|1|x|y", "#a", "@revoked",
        ] {
            assert!(remember(&file, name, &a).is_err(), "{name:?}");
        }
        let known = KnownHosts::load([&file, &folder.path().join("missing")]).unwrap();
        for (host, port) in [("vault", 2222), ("other", 22)] {
            assert_eq!(
                known.judge(&LookupName::new(host, port, None), &a),
                Verdict::Known
            );
        }
    }
}
