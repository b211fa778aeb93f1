//! One URL, fetched into a file: resumed where a part is there, retried where that can help.
//!
//! A part is only gone on with if the server says that it still has the same file (`If-Range`), and
//! from the URL that it came from: pieces of two files would fail their checksum for ever.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use super::compression::looks_like_html;
use super::fetch::FetchEvent;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection to be there. Default: 30 s.
    pub connect: Duration,
    /// Without a byte. Default: 60 s.
    pub silence: Duration,
    /// How often a URL is tried when it fails in a way that may pass. Default: 4.
    pub tries: u32,
    /// Before the second try; twice as long before each further one. Default: 1 s.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            silence: Duration::from_secs(60),
            tries: 4,
            pause: Duration::from_secs(1),
        }
    }
}

/// The most that is ever fetched where a recipe names no size.
const LARGEST: u64 = 8 << 30;
/// The longest that a server may ask us to wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a try came to nothing.
#[derive(Debug)]
pub(super) struct Failure {
    pub reason: String,
    /// Whether another try may help, and how long the server wants us to wait first.
    passes: bool,
    wait: Option<Duration>,
    /// Whether the file has another size than the recipe says.
    pub is_size: bool,
}

impl Failure {
    fn lasting(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            passes: false,
            wait: None,
            is_size: false,
        }
    }

    fn passing(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            passes: true,
            wait: None,
            is_size: false,
        }
    }

    fn of_size(reason: String) -> Self {
        Self {
            is_size: true,
            ..Self::lasting(reason)
        }
    }

    fn local(operation: &str, path: &Path, error: &io::Error) -> Self {
        Self::lasting(format!("cannot {operation} `{}`: {error}", path.display()))
    }
}

pub(super) fn agent(patience: Patience) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::NativeTls)
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .user_agent(concat!("zonewright/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(patience.connect))
        .timeout_resolve(Some(patience.connect))
        .timeout_recv_response(Some(patience.silence))
        .timeout_per_read(Some(patience.silence))
        .timeout_per_write(Some(patience.silence))
        .build()
        .new_agent()
}

/// One file of one URL on its way into `partial`.
pub(super) struct Download<'a> {
    pub agent: &'a Agent,
    pub patience: Patience,
    pub url: &'a str,
    /// Where what has come is kept, between runs too.
    pub partial: &'a Path,
    /// What the recipe says.
    pub size_bytes: Option<u64>,
}

impl Download<'_> {
    /// Fetches the whole file, or says why the last try failed. What has come stays in `partial` if
    /// another run can go on with it.
    pub(super) fn run(&self, progress: &mut dyn FnMut(FetchEvent<'_>)) -> Result<(), Failure> {
        let mut pause = self.patience.pause;
        for next in 2.. {
            let failure = match self.once(progress) {
                Ok(()) => {
                    let _ = fs::remove_file(self.note_path());
                    return Ok(());
                }
                Err(failure) => failure,
            };
            if !failure.passes {
                // The part of another URL is left to it.
                if self.resumable().is_some() || !self.note_path().exists() {
                    self.forget();
                }
                return Err(failure);
            }
            if next > self.patience.tries {
                return Err(failure);
            }
            let wait = failure.wait.unwrap_or(pause).min(LONGEST_PAUSE);
            let reason = &failure.reason;
            progress(FetchEvent::Retrying {
                from: &shown(self.url),
                reason,
                wait,
            });
            thread::sleep(wait);
            pause *= 2;
        }
        Err(Failure::lasting("no try was allowed"))
    }

    fn once(&self, progress: &mut dyn FnMut(FetchEvent<'_>)) -> Result<(), Failure> {
        let resume = self.resumable();
        let mut request = self
            .agent
            .get(self.url)
            .header("accept-encoding", "identity");
        if let Some((have, validator)) = &resume {
            request = request
                .header("range", format!("bytes={have}-"))
                .header("if-range", validator.as_str());
        }
        let response = request.call().map_err(failed_call)?;
        let status = response.status();
        let start = match (status, resume) {
            (StatusCode::PARTIAL_CONTENT, Some((have, _))) => {
                if range_start(response.headers()) != Some(have) {
                    self.forget();
                    return Err(Failure::passing(
                        "the server sent another range than asked for",
                    ));
                }
                have
            }
            (StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
                self.forget();
                return Err(Failure::passing(
                    "the server has less than was fetched before",
                ));
            }
            (StatusCode::OK, _) => 0,
            _ => return Err(refused(&response)),
        };
        self.receive(response, start, progress)
    }

    fn receive(
        &self,
        response: Response<Body>,
        start: u64,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), Failure> {
        let total = self.total(response.headers(), start)?;
        let mut file = self.open(start)?;
        self.note(response.headers());
        let from = shown(self.url);
        progress(FetchEvent::Started {
            from: &from,
            resumed_at: start,
            total,
        });
        let mut body = response
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader();
        let most = self.size_bytes.unwrap_or(LARGEST);
        let mut received = start;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = body
                .read(&mut buffer)
                .map_err(|error| failed_read(&error, received, total))?;
            let piece = buffer.get(..count).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            check_piece(piece, received, most)?;
            received += piece.len() as u64;
            file.write_all(piece)
                .map_err(|error| Failure::local("write", self.partial, &error))?;
            progress(FetchEvent::Progress { received, total });
        }
        file.sync_all()
            .map_err(|error| Failure::local("write", self.partial, &error))?;
        match total.or(self.size_bytes) {
            Some(total) if received < total => Err(cut_off(received, Some(total))),
            _ => Ok(()),
        }
    }

    /// The size of the whole file, where the server says it, which must be what the recipe says.
    fn total(&self, headers: &HeaderMap, start: u64) -> Result<Option<u64>, Failure> {
        let total = header(headers, "content-length")
            .and_then(|length| length.parse::<u64>().ok())
            .map(|rest| start.saturating_add(rest));
        match (self.size_bytes, total) {
            (Some(wanted), Some(total)) if wanted != total => Err(Failure::of_size(format!(
                "the server has {total} bytes, the recipe says {wanted}"
            ))),
            _ => Ok(total),
        }
    }

    fn open(&self, start: u64) -> Result<File, Failure> {
        let mut options = OpenOptions::new();
        if start == 0 {
            options.write(true).create(true).truncate(true);
        } else {
            options.append(true);
        }
        options
            .open(self.partial)
            .map_err(|error| Failure::local("write", self.partial, &error))
    }

    /// How much of this very file is there, and what the server called it.
    fn resumable(&self) -> Option<(u64, String)> {
        let note = fs::read_to_string(self.note_path()).ok()?;
        let (url, validator) = note.trim_end().split_once('\n')?;
        let have = fs::metadata(self.partial).ok()?.len();
        (url == self.url && have > 0).then(|| (have, validator.to_owned()))
    }

    /// Remembers what the server calls this file. A weak tag does not promise the same bytes.
    fn note(&self, headers: &HeaderMap) {
        let tag = header(headers, "etag").filter(|tag| tag.starts_with('"'));
        let validator = tag.or_else(|| header(headers, "last-modified"));
        let path = self.note_path();
        // Without a note the next run starts afresh, which is slower and right.
        let _ = match validator {
            Some(validator) => fs::write(path, format!("{}\n{validator}\n", self.url)),
            None => fs::remove_file(path),
        };
    }

    fn note_path(&self) -> PathBuf {
        self.partial.with_extension("from")
    }

    fn forget(&self) {
        let _ = fs::remove_file(self.partial);
        let _ = fs::remove_file(self.note_path());
    }
}

/// Refuses what cannot be the archive before it is written.
fn check_piece(piece: &[u8], received: u64, most: u64) -> Result<(), Failure> {
    if received == 0 && looks_like_html(piece) {
        return Err(Failure::lasting(
            "the server sent an HTML page instead of an archive",
        ));
    }
    if received.saturating_add(piece.len() as u64) > most {
        return Err(Failure::of_size(format!(
            "the server sends more than {most} bytes"
        )));
    }
    Ok(())
}

/// A URL without the user and password in it.
pub(super) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest
        .get(..authority_end)
        .and_then(|authority| authority.rfind('@'))
    {
        Some(at) => format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

// content-range: bytes 100-199/200
fn range_start(headers: &HeaderMap) -> Option<u64> {
    header(headers, "content-range")?
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .parse()
        .ok()
}

fn refused(response: &Response<Body>) -> Failure {
    let status = response.status();
    let name = status
        .canonical_reason()
        .unwrap_or("unknown status")
        .to_lowercase();
    let reason = format!("the server answered {} ({name})", status.as_u16());
    let passes = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504);
    let wait = header(response.headers(), "retry-after")
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    Failure {
        reason,
        passes,
        wait,
        is_size: false,
    }
}

fn failed_call(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::HostNotFound => Failure::lasting("the host name is not known"),
        ureq::Error::Timeout(timeout) => Failure::passing(format!("no answer in time ({timeout})")),
        ureq::Error::Io(error) => failed_connection(&error),
        ureq::Error::ConnectionFailed => Failure::passing("no connection"),
        other => Failure::lasting(other.to_string()),
    }
}

fn failed_connection(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::lasting("the connection was refused"),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            Failure::passing("no answer in time")
        }
        _ => Failure::passing(error.to_string()),
    }
}

fn failed_read(error: &io::Error, received: u64, total: Option<u64>) -> Failure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<ureq::Error>());
    if let Some(ureq::Error::Timeout(_)) = inner {
        return Failure::passing(format!("the server fell silent after {received} bytes"));
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off(received, total),
        _ => Failure::passing(format!("{error}, after {received} bytes")),
    }
}

fn cut_off(received: u64, total: Option<u64>) -> Failure {
    Failure::passing(match total {
        Some(total) => format!("the connection ended after {received} of {total} bytes"),
        None => format!("the connection ended after {received} bytes"),
    })
}
