//! Logging in: the agent's keys, then key files.
//!
//! A key is first shown to the server without a signature. So a passphrase is asked for only when
//! the server would take the key, and a server that allows few attempts is not worn out.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ssh2::{ErrorCode, Session};

use super::known_hosts::algorithm_of;
use super::target::SshTarget;
use crate::host::HostError;

/// libssh2's code for an answer of "no" to a key that was shown.
const REFUSED: ErrorCode = ErrorCode::Session(-18);
/// libssh2's codes for a connection that the server has ended.
const ENDED: [ErrorCode; 3] = [
    ErrorCode::Session(-13),
    ErrorCode::Session(-7),
    ErrorCode::Session(-43),
];
/// libssh2's code for a signature that could not be made, and for an answer that did not come.
const UNVERIFIED: ErrorCode = ErrorCode::Session(-19);

/// How often a passphrase is asked for.
const PASSPHRASES: usize = 3;

/// A private key as far as it can be read without its passphrase.
struct KeyFile {
    path: PathBuf,
    text: String,
    encrypted: bool,
    /// The public half, in SSH's own form.
    public: Option<Vec<u8>>,
}

/// What came of showing one key.
enum Outcome {
    LoggedIn,
    /// Why not, for the list of what was tried.
    No(String),
    /// The server has ended the connection.
    Ended,
}

/// Logs in with the first key that the server takes.
pub(super) fn log_in(
    session: &Session,
    target: &SshTarget,
    prompt: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<(), HostError> {
    let mut tried = Vec::new();
    let files = read_keys(&target.identities, &mut tried);
    let mut shown = Vec::new();
    match try_agent(session, target, &files, &mut shown, &mut tried) {
        Outcome::LoggedIn => return Ok(()),
        Outcome::Ended => return Err(refused(target, tried)),
        Outcome::No(_) => {}
    }
    for file in &files {
        if file.public.as_ref().is_some_and(|key| shown.contains(key)) {
            continue;
        }
        match try_file(session, target, file, prompt) {
            Outcome::LoggedIn => return Ok(()),
            Outcome::No(why) => tried.push(format!("{} ({why})", file.path.display())),
            Outcome::Ended => {
                tried.push(format!("{} (the server hung up)", file.path.display()));
                return Err(refused(target, tried));
            }
        }
    }
    if files.is_empty() && target.identities.is_empty() {
        tried.push("no key file is there".to_owned());
    }
    if let Ok(methods) = session.auth_methods(&target.user)
        && !methods.is_empty()
    {
        tried.push(format!("the server offers {methods}"));
    }
    Err(refused(target, tried))
}

/// Whether the server has hung up, as it does after too many attempts. Where that happens while an
/// answer is awaited, only the text tells it from a signature that could not be made.
fn is_ended(error: &ssh2::Error) -> bool {
    let waited = error.code() == UNVERIFIED && error.message().starts_with("Waiting for");
    waited || ENDED.contains(&error.code())
}

fn refused(target: &SshTarget, tried: Vec<String>) -> HostError {
    HostError::Login {
        host: format!("{}:{}", target.host, target.port),
        user: target.user.clone(),
        tried: tried.join("; "),
    }
}

/// How many keys an agent holds.
///
/// # Errors
/// Why it cannot be asked.
pub fn keys_of_agent(socket: Option<&Path>) -> Result<usize, String> {
    let socket = socket.ok_or("no agent runs: `SSH_AUTH_SOCK` is not set")?;
    let count = || {
        let session = Session::new()?;
        let mut agent = session.agent()?;
        agent.set_identity_path(socket)?;
        agent.connect()?;
        agent.list_identities()?;
        Ok::<_, ssh2::Error>(agent.identities()?.len())
    };
    count().map_err(|error| format!("the agent does not answer: {}", error.message()))
}

fn try_agent(
    session: &Session,
    target: &SshTarget,
    files: &[KeyFile],
    shown: &mut Vec<Vec<u8>>,
    tried: &mut Vec<String>,
) -> Outcome {
    let Some(socket) = &target.agent else {
        tried.push("no agent".to_owned());
        return Outcome::No(String::new());
    };
    let keys = || {
        let mut agent = session.agent()?;
        agent.set_identity_path(socket)?;
        agent.connect()?;
        agent.list_identities()?;
        let keys = agent.identities()?;
        Ok::<_, ssh2::Error>((agent, keys))
    };
    let (agent, mut keys) = match keys() {
        Ok(answer) => answer,
        Err(error) => {
            tried.push(format!("agent (does not answer: {})", error.message()));
            return Outcome::No(String::new());
        }
    };
    let named = |blob: &[u8]| {
        files
            .iter()
            .any(|file| file.public.as_deref() == Some(blob))
    };
    if target.identities_only {
        keys.retain(|key| named(key.blob()));
    }
    keys.sort_by_key(|key| !named(key.blob()));
    let mut outcome = Outcome::No(String::new());
    for key in &keys {
        shown.push(key.blob().to_vec());
        match agent.userauth(&target.user, key) {
            Ok(()) => return Outcome::LoggedIn,
            Err(error) if is_ended(&error) => {
                outcome = Outcome::Ended;
                break;
            }
            Err(_) => {}
        }
    }
    let hung_up = if matches!(outcome, Outcome::Ended) {
        ", the server hung up"
    } else {
        ""
    };
    tried.push(format!(
        "agent ({} of {} keys{hung_up})",
        shown.len(),
        keys.len()
    ));
    outcome
}

/// Reads the key files that are there; those that cannot be read are put on the list.
fn read_keys(paths: &[PathBuf], tried: &mut Vec<String>) -> Vec<KeyFile> {
    let mut files = Vec::new();
    for path in paths {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let (encrypted, embedded) = inspect(&text);
                let public = embedded.or_else(|| read_public(path));
                files.push(KeyFile {
                    path: path.clone(),
                    text,
                    encrypted,
                    public,
                });
            }
            Err(error) => match read_public(path) {
                // a key that lives in the agent alone, named by its public half
                Some(public) => files.push(KeyFile {
                    path: path.clone(),
                    text: String::new(),
                    encrypted: false,
                    public: Some(public),
                }),
                None => tried.push(format!("{} ({error})", path.display())),
            },
        }
    }
    files
}

/// Reads `KEY.pub`, or the file itself where it is one.
fn read_public(path: &Path) -> Option<Vec<u8>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let text = std::fs::read_to_string(name)
        .or_else(|_| std::fs::read_to_string(path))
        .ok()?;
    parse_public(&text)
}

// ssh-ed25519 AAAAC3Nz… matt@mac
fn parse_public(text: &str) -> Option<Vec<u8>> {
    let mut words = text.split_ascii_whitespace();
    let algorithm = words.next()?;
    let key = STANDARD.decode(words.next()?).ok()?;
    (algorithm_of(&key) == algorithm).then_some(key)
}

/// Whether a private key wants a passphrase, and its public half where that is readable without.
fn inspect(text: &str) -> (bool, Option<Vec<u8>>) {
    if let Some(public) = parse_public(text) {
        return (false, Some(public));
    }
    let Some(rest) = text
        .trim_start()
        .strip_prefix("-----BEGIN OPENSSH PRIVATE KEY-----")
    else {
        let encrypted = text.contains("BEGIN ENCRYPTED PRIVATE KEY")
            || text
                .lines()
                .any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"));
        return (encrypted, None);
    };
    let body = rest.split("-----").next().unwrap_or_default();
    let body: String = body.split_ascii_whitespace().collect();
    inspect_openssh(&STANDARD.decode(body).unwrap_or_default()).unwrap_or((false, None))
}

// "openssh-key-v1\0", cipher, kdf, kdf options, count of keys, public key, private keys
fn inspect_openssh(bytes: &[u8]) -> Option<(bool, Option<Vec<u8>>)> {
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let cipher = take_string(&mut rest)?;
    take_string(&mut rest)?;
    take_string(&mut rest)?;
    rest = rest.get(4..)?;
    let public = take_string(&mut rest).map(<[u8]>::to_vec);
    Some((cipher != b"none", public))
}

fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (string, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(string)
}

fn try_file(
    session: &Session,
    target: &SshTarget,
    file: &KeyFile,
    prompt: &mut dyn FnMut(&str) -> Option<String>,
) -> Outcome {
    if file.text.is_empty() || parse_public(&file.text).is_some() {
        return Outcome::No("only its public half is here, and no agent holds it".to_owned());
    }
    let public = file
        .public
        .as_ref()
        .map(|key| format!("{} {}", algorithm_of(key), STANDARD.encode(key)));
    let show = |passphrase: Option<&str>| {
        session.userauth_pubkey_memory(&target.user, public.as_deref(), &file.text, passphrase)
    };
    // without its public half an encrypted key cannot even be shown
    if !file.encrypted || public.is_some() {
        match show(None) {
            Ok(()) => return Outcome::LoggedIn,
            Err(error) if is_ended(&error) => return Outcome::Ended,
            Err(error) if error.code() == REFUSED => return Outcome::No("refused".to_owned()),
            Err(error) if !file.encrypted => return Outcome::No(error.message().to_owned()),
            Err(_) => {}
        }
    }
    for _ in 0..PASSPHRASES {
        let question = format!("passphrase of the key `{}`: ", file.path.display());
        let Some(passphrase) = prompt(&question) else {
            return Outcome::No("wants a passphrase and there is no terminal".to_owned());
        };
        match show(Some(&passphrase)) {
            Ok(()) => return Outcome::LoggedIn,
            Err(error) if is_ended(&error) => return Outcome::Ended,
            Err(error) if error.code() == REFUSED => return Outcome::No("refused".to_owned()),
            Err(_) => {}
        }
    }
    Outcome::No("wrong passphrase".to_owned())
}
