//! A recorder around any host, and a replayer of what it recorded.
//!
//! Input may be a secret, so only its length and sha256 are recorded; what a script prints is
//! recorded whole, so a script must never print a secret.

use std::collections::VecDeque;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Exit, Host, HostError, Stream};
use crate::script::Script;

/// Everything that was sent to a target and came back, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// One for each run of a script.
    pub exchanges: Vec<Exchange>,
}

/// One run of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Exchange {
    /// [`Script::name`].
    pub name: String,
    /// [`Script::body`].
    pub body: String,
    /// What is known of the input, where the script reads it.
    pub input: Option<InputDigest>,
    /// The pieces of output in the order they came; neighbours of one stream are joined.
    pub output: Vec<Piece>,
    /// How it ended; nothing where that never became known.
    pub exit: Option<Exit>,
}

/// What is recorded of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InputDigest {
    /// How many bytes the target was given.
    pub length: u64,
    /// Their sha256 in hexadecimal.
    pub sha256: String,
}

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Piece {
    /// Text on standard output.
    Out(String),
    /// Text on standard error.
    Err(String),
    /// Anything else on standard output, byte by byte.
    OutBytes(Vec<u8>),
    /// Anything else on standard error, byte by byte.
    ErrBytes(Vec<u8>),
}

impl Piece {
    fn new(stream: Stream, bytes: Vec<u8>) -> Self {
        match (stream, String::from_utf8(bytes)) {
            (Stream::Out, Ok(text)) => Self::Out(text),
            (Stream::Err, Ok(text)) => Self::Err(text),
            (Stream::Out, Err(error)) => Self::OutBytes(error.into_bytes()),
            (Stream::Err, Err(error)) => Self::ErrBytes(error.into_bytes()),
        }
    }

    /// The stream it came on, and its bytes.
    #[must_use]
    pub fn bytes(&self) -> (Stream, &[u8]) {
        match self {
            Self::Out(text) => (Stream::Out, text.as_bytes()),
            Self::Err(text) => (Stream::Err, text.as_bytes()),
            Self::OutBytes(bytes) => (Stream::Out, bytes),
            Self::ErrBytes(bytes) => (Stream::Err, bytes),
        }
    }
}

/// Passes everything on to another host and writes it down.
#[derive(Debug)]
pub struct Recorder<H> {
    inner: H,
    transcript: Transcript,
}

impl<H: Host> Recorder<H> {
    /// Starts an empty recording of `inner`.
    pub fn new(inner: H) -> Self {
        Self {
            inner,
            transcript: Transcript::default(),
        }
    }

    /// What was recorded so far.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Ends the recording.
    pub fn into_transcript(self) -> Transcript {
        self.transcript
    }
}

impl<H: Host> Host for Recorder<H> {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        let mut input = DigestingRead {
            inner: input,
            length: 0,
            hash: Sha256::new(),
        };
        let mut pieces: Vec<(Stream, Vec<u8>)> = Vec::new();
        let result = self.inner.run(script, &mut input, &mut |stream, data| {
            match pieces.last_mut() {
                Some((last, bytes)) if *last == stream => bytes.extend_from_slice(data),
                _ => pieces.push((stream, data.to_vec())),
            }
            output(stream, data);
        });
        self.transcript.exchanges.push(Exchange {
            name: script.name().to_owned(),
            body: script.body().to_owned(),
            input: script.reads_input().then(|| input.digest()),
            output: pieces
                .into_iter()
                .map(|(stream, bytes)| Piece::new(stream, bytes))
                .collect(),
            exit: result.as_ref().ok().cloned(),
        });
        result
    }
}

/// Answers as a recording did, and refuses whatever it does not hold next.
#[derive(Debug)]
pub struct Replay {
    rest: VecDeque<Exchange>,
    total: usize,
}

impl Replay {
    /// Answers from the first exchange on.
    #[must_use]
    pub fn new(transcript: Transcript) -> Self {
        let rest = VecDeque::from(transcript.exchanges);
        Self {
            total: rest.len(),
            rest,
        }
    }

    /// How many exchanges were not asked for yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }
}

impl Host for Replay {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        let at = self.total - self.rest.len() + 1;
        let refuse = |why: &str| HostError::Local {
            operation: format!(
                "replay `{}` as exchange {at} of {}",
                script.name(),
                self.total
            ),
            source: io::Error::new(io::ErrorKind::InvalidData, why.to_owned()),
        };
        let Some(exchange) = self.rest.front() else {
            return Err(refuse("the recording has ended"));
        };
        if exchange.name != script.name() || exchange.body != script.body() {
            return Err(refuse(&format!(
                "the recording holds another script, `{}`",
                exchange.name
            )));
        }
        let read = script.reads_input().then(|| digest_of(input)).transpose();
        let read = read.map_err(|error| refuse(&format!("its input cannot be read: {error}")))?;
        if exchange.input != read {
            return Err(refuse("the recording was given another input"));
        }
        let Some(exit) = exchange.exit.clone() else {
            return Err(refuse("the recording does not know how it ended"));
        };
        for piece in &exchange.output {
            let (stream, bytes) = piece.bytes();
            output(stream, bytes);
        }
        self.rest.pop_front();
        Ok(exit)
    }
}

struct DigestingRead<'a> {
    inner: &'a mut dyn Read,
    length: u64,
    hash: Sha256,
}

impl DigestingRead<'_> {
    fn digest(&self) -> InputDigest {
        let sha256 = self
            .hash
            .clone()
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        InputDigest {
            length: self.length,
            sha256,
        }
    }
}

impl Read for DigestingRead<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.length += length as u64;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

fn digest_of(input: &mut dyn Read) -> io::Result<InputDigest> {
    let mut input = DigestingRead {
        inner: input,
        length: 0,
        hash: Sha256::new(),
    };
    io::copy(&mut input, &mut io::sink())?;
    Ok(input.digest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::local::Local;
    use crate::host::run_to_string;

    #[test]
    fn a_replay_answers_as_the_recorded_host_did() {
        let mut recorder = Recorder::new(Local);
        let plain = Script::new("plain").shell("printf 'a\\377'; printf oops >&2; exit 3");
        let secret = Script::new("secret").shell("wc -c").with_input();
        let first = run_to_string(&mut recorder, &plain).unwrap();
        recorder
            .run(&secret, &mut &b"hunter2"[..], &mut |_, _| {})
            .unwrap();
        let json = serde_json::to_string(recorder.transcript()).unwrap();
        assert!(!json.contains("hunter2"), "{json}");
        assert!(json.contains("f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7"));

        let mut replay = Replay::new(serde_json::from_str(&json).unwrap());
        assert_eq!(run_to_string(&mut replay, &plain).unwrap(), first);
        assert_eq!(replay.remaining(), 1);
        let other = replay
            .run(&secret, &mut &b"hunter3"[..], &mut |_, _| {})
            .unwrap_err();
        assert!(matches!(other, HostError::Local { .. }));
        replay
            .run(&secret, &mut &b"hunter2"[..], &mut |_, _| {})
            .unwrap();
        assert!(run_to_string(&mut replay, &plain).is_err());
    }

    #[test]
    fn a_replay_refuses_another_script() {
        let mut recorder = Recorder::new(Local);
        run_to_string(&mut recorder, &Script::new("a").shell("true")).unwrap();
        let mut replay = Replay::new(recorder.into_transcript());
        assert!(run_to_string(&mut replay, &Script::new("a").shell("false")).is_err());
        assert!(run_to_string(&mut replay, &Script::new("b").shell("true")).is_err());
        assert!(run_to_string(&mut replay, &Script::new("a").shell("true")).is_ok());
    }

    #[test]
    fn a_run_without_a_known_end_is_recorded_all_the_same() {
        let mut recorder = Recorder::new(Local);
        assert!(run_to_string(&mut recorder, &Script::new("a").shell("if")).is_err());
        assert_eq!(recorder.transcript().exchanges.len(), 1);
        assert_eq!(recorder.transcript().exchanges[0].exit, None);
    }
}
