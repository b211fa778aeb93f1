//! What is put around a script, and what is taken off its output again.
//!
//! sshd may hand bash a socket as standard input, for which it reads `~/.bashrc` before anything
//! else, and an administrator's `.bashrc` may print. So everything before the begin marker is
//! dropped. The end marker carries the body's status and counts only as the very last bytes: the
//! same text in the middle is output like any other.

use std::fmt::Write as _;
use std::io;

use super::{Exit, HostError, Stream};
use crate::script::{Script, quote};
use crate::site::model::Become;

/// sshd refuses an exec request of 40,000 bytes and takes one of 34,000; this stays clear of both.
const REQUEST_LIMIT: usize = 30_000;

/// How much of what was said is kept for a report.
const KEPT: usize = 4096;

/// `\036` opens a marker: a byte that no text holds, so that text is passed on as it comes.
const MARK: u8 = 0x1e;

// A body that calls `exit`, or dies of `set -u`, ends its own subshell, so the end marker always
// comes. All of it is one compound command: bash reads it whole before it runs any of it, so a
// script cut in transit does nothing. IFS is set, not unset: `old=$IFS` would fail under `set -u`.
const ENVIRONMENT: &str = "\
LC_ALL=C TZ=UTC0 PATH=/usr/bin:/usr/sbin:/sbin:/opt/local/sbin:/opt/local/bin
export LC_ALL TZ PATH
unset CDPATH ENV BASH_ENV GLOBIGNORE GREP_OPTIONS POSIXLY_CORRECT
IFS=$' \\t\\n'
umask 022
";

// pfexec runs a command that no profile names as the same user, without a word.
const ROOT_CHECK: &str =
    "[ \"$EUID\" = 0 ] || { printf 'still user %s\\n' \"$EUID\" >&2; exit 1; }\n";

/// A script as it is given to a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    nonce: String,
    /// The shell and its arguments.
    pub(crate) words: Vec<String>,
    /// The framed script where it travels on standard input; otherwise it is one of the words, and
    /// standard input is the script's own.
    pub(crate) stdin: Option<String>,
}

impl Frame {
    /// Frames `script`; `nonce` makes its markers unlike those of any other run.
    pub(crate) fn new(
        script: &Script,
        become_root: Option<Become>,
        nonce: &str,
    ) -> Result<Self, HostError> {
        if script.body().contains('\0') {
            // bash would drop it without a word
            return Err(HostError::Local {
                operation: format!("send `{}`", script.name()),
                source: io::Error::new(io::ErrorKind::InvalidInput, "it holds a NUL byte"),
            });
        }
        let text = frame_text(script, become_root, nonce);
        let mut words: Vec<String> = match become_root {
            None => Vec::new(),
            Some(Become::Sudo) => vec!["/opt/local/bin/sudo".into(), "-n".into()],
            Some(Become::Pfexec) => vec!["/usr/bin/pfexec".into()],
        };
        words.extend(["/usr/bin/bash".into(), "--norc".into()]);
        if script.reads_input() {
            words.extend(["-c".into(), text]);
            return Ok(Self {
                nonce: nonce.to_owned(),
                words,
                stdin: None,
            });
        }
        words.push("-s".into());
        Ok(Self {
            nonce: nonce.to_owned(),
            words,
            stdin: Some(text),
        })
    }

    /// The framed script, whichever way it travels.
    pub(crate) fn text(&self) -> &str {
        let last = self.words.last().map_or("", String::as_str);
        self.stdin.as_deref().unwrap_or(last)
    }

    /// The frame as an exec request. `exec`, so that a signal that ends the shell is told to us by
    /// any login shell.
    pub(crate) fn request(&self, script: &Script) -> Result<String, HostError> {
        let mut request = String::from("exec");
        for word in &self.words {
            let _ = write!(request, " {}", quote(word));
        }
        if request.len() > REQUEST_LIMIT {
            return Err(HostError::ScriptTooLarge {
                script: script.name().to_owned(),
                size: request.len(),
                limit: REQUEST_LIMIT,
            });
        }
        Ok(request)
    }
}

fn frame_text(script: &Script, become_root: Option<Become>, nonce: &str) -> String {
    let check = if become_root.is_some() {
        ROOT_CHECK
    } else {
        ""
    };
    let body = script.body();
    let newline = if body.is_empty() || body.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let input = if script.reads_input() {
        ""
    } else {
        " </dev/null"
    };
    format!(
        "{check}printf '\\036zonewright begin %s\\n' {nonce}\n{ENVIRONMENT}{{ (\nset -u\n{body}{newline}){input}\n\
         zw_status=$?; printf '\\036zonewright end %s %03d\\n' {nonce} \"$zw_status\"; exit \"$zw_status\"; }}\n"
    )
}

/// Takes the markers off a script's standard output, piece by piece.
#[derive(Debug)]
pub(crate) struct Filter {
    begin: Vec<u8>,
    /// The end marker up to its three digits.
    end: Vec<u8>,
    begun: bool,
    /// The last of what came before the begin marker: a login shell that refuses may say so there.
    dropped: Vec<u8>,
    /// Bytes that may still turn out to be a marker.
    held: Vec<u8>,
}

impl Filter {
    pub(crate) fn new(nonce: &str) -> Self {
        Self {
            begin: [&[MARK], format!("zonewright begin {nonce}\n").as_bytes()].concat(),
            end: [&[MARK], format!("zonewright end {nonce} ").as_bytes()].concat(),
            begun: false,
            dropped: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Takes the next bytes and passes on what is surely output.
    pub(crate) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.held.extend_from_slice(data);
        if !self.begun {
            let Some(at) = self
                .held
                .windows(self.begin.len())
                .position(|w| w == self.begin)
            else {
                let kept = self.begin.len().saturating_sub(1);
                let sure = self.held.len().saturating_sub(kept);
                keep_last(&mut self.dropped, self.held.drain(..sure));
                return;
            };
            self.held.drain(..at + self.begin.len());
            self.begun = true;
        }
        let sure = self.sure();
        if sure > 0 {
            sink(self.held.get(..sure).unwrap_or_default());
            self.held.drain(..sure);
        }
    }

    /// Ends the output: passes on what was held if it is no end marker, and gives the marker's
    /// status if it is one.
    pub(crate) fn finish(self, sink: &mut dyn FnMut(&[u8])) -> Option<i32> {
        if !self.begun {
            return None;
        }
        if let Some(status) = self.status() {
            return Some(status);
        }
        if !self.held.is_empty() {
            sink(&self.held);
        }
        None
    }

    fn status(&self) -> Option<i32> {
        let digits = self
            .held
            .strip_prefix(self.end.as_slice())?
            .strip_suffix(b"\n")?;
        if digits.len() != 3 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// How many of the held bytes cannot belong to an end marker.
    fn sure(&self) -> usize {
        let first = self.held.len().saturating_sub(self.end.len() + 4);
        let tail = self.held.get(first..).unwrap_or_default();
        for (at, &byte) in tail.iter().enumerate() {
            if byte == MARK && self.may_be_end(tail.get(at..).unwrap_or_default()) {
                return first + at;
            }
        }
        self.held.len()
    }

    fn may_be_end(&self, bytes: &[u8]) -> bool {
        let prefix = bytes.len().min(self.end.len());
        let (text, rest) = bytes.split_at(prefix);
        let digits = rest.len().min(3);
        let (digits, newline) = rest.split_at(digits);
        self.end.starts_with(text)
            && digits.iter().all(u8::is_ascii_digit)
            && (newline.is_empty() || newline == b"\n")
    }
}

/// What has come back from a framed script so far.
pub(crate) struct Reception {
    filter: Filter,
    /// The last of standard error.
    stderr: Vec<u8>,
}

impl Reception {
    pub(crate) fn new(frame: &Frame) -> Self {
        Self {
            filter: Filter::new(&frame.nonce),
            stderr: Vec::new(),
        }
    }

    /// Whether the script was started.
    pub(crate) fn has_begun(&self) -> bool {
        self.filter.begun
    }

    /// Takes a piece of output and passes on what is the script's own.
    pub(crate) fn push(
        &mut self,
        stream: Stream,
        data: &[u8],
        output: &mut dyn FnMut(Stream, &[u8]),
    ) {
        match stream {
            Stream::Out => self
                .filter
                .push(data, &mut |piece| output(Stream::Out, piece)),
            Stream::Err => {
                keep_last(&mut self.stderr, data.iter().copied());
                output(Stream::Err, data);
            }
        }
    }

    /// Judges how the script ended, from its markers and from how its shell ended.
    pub(crate) fn finish(
        self,
        host: &str,
        script: &Script,
        become_root: Option<Become>,
        shell: Exit,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        let begun = self.filter.begun;
        let mut said = self.stderr;
        if !begun && said.is_empty() {
            said = [self.filter.dropped.as_slice(), &self.filter.held].concat();
        }
        let end = self.filter.finish(&mut |piece| output(Stream::Out, piece));
        let status = match (shell, end) {
            (Exit::Signal(name), _) => return Ok(Exit::Signal(name)),
            (Exit::Code(_), Some(status)) => return Ok(Exit::Code(status)),
            (Exit::Code(status), None) => status,
        };
        let stderr = String::from_utf8_lossy(&said).trim().to_owned();
        match become_root {
            Some(how) if !begun => Err(HostError::Become {
                host: host.to_owned(),
                how: match how {
                    Become::Sudo => "sudo".to_owned(),
                    Become::Pfexec => "pfexec".to_owned(),
                },
                stderr,
            }),
            _ => Err(HostError::NoEnd {
                host: host.to_owned(),
                script: script.name().to_owned(),
                status,
                stderr,
            }),
        }
    }
}

fn keep_last(kept: &mut Vec<u8>, more: impl IntoIterator<Item = u8>) {
    kept.extend(more);
    let excess = kept.len().saturating_sub(KEPT);
    kept.drain(..excess);
}

/// A text that no earlier run used and no output holds by chance.
pub(crate) fn nonce() -> String {
    use std::hash::{BuildHasher, Hasher};
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &[u8] = b"\x1ezonewright begin n\n";
    const END: &[u8] = b"\x1ezonewright end n 007\n";

    /// Runs `bytes` through a filter in pieces of `step` bytes.
    fn filtered(bytes: &[u8], step: usize) -> (Vec<u8>, Option<i32>) {
        let mut filter = Filter::new("n");
        let mut out = Vec::new();
        for piece in bytes.chunks(step) {
            filter.push(piece, &mut |data| out.extend_from_slice(data));
        }
        let status = filter.finish(&mut |data| out.extend_from_slice(data));
        (out, status)
    }

    #[test]
    fn markers_are_taken_off_whatever_the_pieces() {
        let binary: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let bodies: [&[u8]; 7] = [
            b"",
            b"no newline",
            b"text\n",
            &binary,
            b"before \x1ezonewright end n 000\n after",
            b"\x1e\x1ezonewright end n 0\x1e",
            b"\x1ezonewright end n 000\n",
        ];
        for body in bodies {
            let stream = [b"Welcome \x1ezonewright to you\n", BEGIN, body, END].concat();
            for step in [1, 2, 3, 7, 21, 22, 23, 64, stream.len()] {
                assert_eq!(
                    filtered(&stream, step),
                    (body.to_vec(), Some(7)),
                    "step {step}"
                );
            }
        }
    }

    #[test]
    fn a_missing_or_followed_end_marker_is_no_end() {
        for tail in [
            &b""[..],
            b"\x1ezonewright end n 00",
            b"\x1ezonewright end n 000\nmore",
        ] {
            let stream = [BEGIN, b"body", tail].concat();
            for step in [1, 5, stream.len()] {
                assert_eq!(filtered(&stream, step), ([b"body", tail].concat(), None));
            }
        }
        assert_eq!(filtered(b"only .bashrc spoke", 4), (Vec::new(), None));
    }

    #[test]
    fn text_is_passed_on_at_once() {
        let mut filter = Filter::new("n");
        let mut out = Vec::new();
        filter.push(BEGIN, &mut |_| {});
        filter.push(b"compiling a.c", &mut |data| out.extend_from_slice(data));
        assert_eq!(out, b"compiling a.c");
    }

    #[test]
    fn a_script_travels_on_stdin_unless_it_reads_it() {
        let script = Script::new("t").shell("true");
        let frame = Frame::new(&script, None, "n").unwrap();
        assert_eq!(
            frame.request(&script).unwrap(),
            "exec /usr/bin/bash --norc -s"
        );
        assert!(frame.stdin.unwrap().contains("\ntrue\n) </dev/null\n"));

        let script = Script::new("t").shell("cat").with_input();
        let frame = Frame::new(&script, Some(Become::Sudo), "n").unwrap();
        assert!(frame.stdin.is_none());
        let request = frame.request(&script).unwrap();
        assert!(request.starts_with("exec /opt/local/bin/sudo -n /usr/bin/bash --norc -c '"));

        let script = Script::new("t").shell("true");
        let frame = Frame::new(&script, Some(Become::Pfexec), "n").unwrap();
        assert_eq!(
            frame.request(&script).unwrap(),
            "exec /usr/bin/pfexec /usr/bin/bash --norc -s"
        );
    }

    #[test]
    fn a_request_may_have_as_many_bytes_as_the_limit_and_no_more() {
        let sized = |filler: usize| {
            let script = Script::new("t").with_input().set("x", "a".repeat(filler));
            Frame::new(&script, None, "n").unwrap().request(&script)
        };
        let overhead = sized(1).unwrap().len() - 1;
        assert_eq!(
            sized(REQUEST_LIMIT - overhead).unwrap().len(),
            REQUEST_LIMIT
        );
        assert!(sized(REQUEST_LIMIT - overhead - 1).is_ok());
        let error = sized(REQUEST_LIMIT - overhead + 1).unwrap_err();
        assert!(matches!(
            error,
            HostError::ScriptTooLarge {
                size: 30_001,
                limit: 30_000,
                ..
            }
        ));
    }

    #[test]
    fn a_nul_byte_is_refused() {
        let error = Frame::new(&Script::new("t").set("x", "a\0b"), None, "n").unwrap_err();
        assert_eq!(error.to_string(), "send `t`");
    }

    #[test]
    fn two_runs_have_two_nonces() {
        assert_ne!(nonce(), nonce());
        assert!(nonce().bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
