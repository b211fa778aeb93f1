//! The commands `/usr/sbin/zfs` and `/usr/sbin/zpool` of a zone: they ask the supervisor, which knows
//! who asks by the socket, and print what it says.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::sandbox::control::{Reply, Request, ZONE_SOCKET, receive, send};
use crate::sandbox::emulate::Emulated;
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::paths;
use crate::sandbox::smf::answer::{Answer, words};
use crate::sandbox::supervisor::SOCKET;

use super::Asked;
use super::streams::give_streams;

/// The commands of this module.
pub const COMMANDS: &[Emulated] = &[
    Emulated {
        path: "/usr/sbin/zfs",
        run: |args| run("zfs", args),
    },
    Emulated {
        path: "/usr/sbin/zpool",
        run: |args| run("zpool", args),
    },
];

/// Sub-commands that work on the asker's own streams.
pub(super) const STREAMING: &[&str] = &["send", "receive", "recv"];

/// How long a zone's supervisor may take to listen in it.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);

fn run(program: &str, args: &[OsString]) -> i32 {
    let asked = Asked {
        program: program.to_owned(),
        words: words(args),
    };
    let answered = connect().and_then(|stream| ask(stream, asked));
    match answered {
        Ok(answer) => answer.deliver(),
        Err(error) => {
            eprintln!("{program}: cannot reach the sandbox's supervisor: {error}");
            1
        }
    }
}

/// A zone that boots has its processes before the supervisor listens in it.
fn connect() -> io::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(Path::new(ZONE_SOCKET)) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) && begun.elapsed() < LISTENS_WITHIN =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

fn ask(mut stream: UnixStream, asked: Asked) -> io::Result<Answer> {
    send(&mut stream, &Request::Storage(asked))?;
    let mut reply = receive(&stream)?;
    if let Reply::Done = reply {
        give_streams(&stream)?;
        reply = receive(&stream)?;
    }
    match reply {
        Reply::Said { out, err, code } => Ok(Answer { out, err, code }),
        Reply::Refused(why) => Ok(Answer::failure(1, why)),
        other => Err(io::Error::other(format!("unexpected answer {other:?}"))),
    }
}

/// What a command of the global zone's root answers: standard output, standard error and exit
/// status. `state` is the sandbox's state folder, `program` is `zfs` or `zpool`.
///
/// # Errors
///
/// When no sandbox runs or its supervisor does not answer.
pub fn in_global_zone(
    state: &Path,
    program: &str,
    words: &[&str],
) -> Result<(String, String, i32), SandboxError> {
    let folder = File::open(state).map_err(file("open", state))?;
    let asked = Asked {
        program: program.to_owned(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
    };
    let answered = UnixStream::connect(paths::short(&folder, SOCKET)).and_then(|s| ask(s, asked));
    let answer = answered.map_err(|source| SandboxError::Unreachable {
        log: state.join(crate::sandbox::supervisor::LOG),
        source,
    })?;
    Ok((answer.out, answer.err, answer.code))
}
