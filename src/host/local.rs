//! This machine as a target: for tests, and for the same binary at work inside a zone.
//!
//! The script is framed and judged exactly as over SSH, and its environment starts as bare as
//! sshd's, so that what works here does not work by the luck of an exported variable.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::frame::{Frame, Reception, nonce};
use super::{Exit, Host, HostError, Stream};
use crate::script::Script;

/// How a report names this machine.
const NAME: &str = "this machine";

/// What a login would have, and a script may use.
const KEPT: [&str; 5] = ["HOME", "USER", "LOGNAME", "SHELL", "TMPDIR"];

/// Runs scripts with this machine's bash.
#[derive(Debug, Default, Clone, Copy)]
pub struct Local;

enum Event {
    Output(Stream, Vec<u8>),
    /// The shell's standard input can take more.
    WantsInput,
}

impl Host for Local {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        let frame = Frame::new(script, None, &nonce())?;
        let mut reception = Reception::new(&frame);
        let mut child = start(&frame)?;
        let mut framed = frame.stdin.as_deref().map(str::as_bytes);
        let source: &mut dyn Read = match framed.as_mut() {
            Some(text) => text,
            None => input,
        };
        let quiet = script.quiet_limit();
        let talked = talk(&mut child, source, quiet, &mut |stream, data| {
            reception.push(stream, data, output);
        });
        if talked.is_err() {
            // nothing is fed to it any more; what it answers to that is of no interest
            let _ = child.kill();
        }
        let status = child.wait().map_err(|source| lost(script, source))?;
        talked.map_err(|source| match quiet {
            Some(limit) if source.kind() == io::ErrorKind::TimedOut => HostError::Overdue {
                host: NAME.to_owned(),
                script: script.name().to_owned(),
                limit,
            },
            _ => lost(script, source),
        })?;
        reception.finish(NAME, script, None, shell_exit(status), output)
    }
}

fn start(frame: &Frame) -> Result<Child, HostError> {
    let mut words = frame.words.iter();
    let shell = words.next().map_or("/usr/bin/bash", String::as_str);
    let mut command = Command::new(shell);
    command.args(words).env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().map_err(|source| HostError::Local {
        operation: format!("start `{shell}`"),
        source,
    })
}

/// Feeds the child and hands on its output until both its outputs are closed.
///
/// Reading `input` stays on this thread, the waiting is done by three others.
fn talk(
    child: &mut Child,
    input: &mut dyn Read,
    quiet: Option<Duration>,
    receive: &mut dyn FnMut(Stream, &[u8]),
) -> io::Result<()> {
    let (events, happened) = channel();
    let (chunks, to_write) = channel::<Vec<u8>>();
    if let Some(out) = child.stdout.take() {
        let events = events.clone();
        thread::spawn(move || forward(out, Stream::Out, &events));
    }
    if let Some(err) = child.stderr.take() {
        let events = events.clone();
        thread::spawn(move || forward(err, Stream::Err, &events));
    }
    if let Some(stdin) = child.stdin.take() {
        thread::spawn(move || feed(stdin, &to_write, &events));
    }
    let mut chunks = Some(chunks);
    loop {
        let event = match happened.recv_timeout(quiet.unwrap_or(Duration::MAX)) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        match event {
            Event::Output(stream, data) => receive(stream, &data),
            Event::WantsInput => {
                let mut chunk = vec![0; 64 * 1024];
                let length = input.read(&mut chunk)?;
                chunk.truncate(length);
                if length == 0 {
                    chunks = None;
                } else if let Some(chunks) = &chunks {
                    // the writer is gone when the shell reads no more, which is the shell's right
                    let _ = chunks.send(chunk);
                }
            }
        }
    }
}

fn forward(mut from: impl Read, stream: Stream, events: &Sender<Event>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                let data = buffer.get(..length).unwrap_or_default().to_vec();
                if events.send(Event::Output(stream, data)).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn feed(mut stdin: impl Write, chunks: &Receiver<Vec<u8>>, events: &Sender<Event>) {
    while events.send(Event::WantsInput).is_ok() {
        let Ok(chunk) = chunks.recv() else { return };
        if stdin.write_all(&chunk).is_err() {
            return;
        }
    }
}

fn shell_exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(number)) => Exit::by_signal(number),
        (None, None) => Exit::Signal("unknown".to_owned()),
    }
}

fn lost(script: &Script, source: io::Error) -> HostError {
    HostError::Lost {
        host: NAME.to_owned(),
        script: script.name().to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::run_to_string;

    fn run(text: &'static str) -> (Exit, String, String) {
        let (exit, out, err) = run_to_string(&mut Local, &Script::new("t").shell(text)).unwrap();
        (
            exit,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[test]
    fn the_bodys_status_is_carried_however_it_ends() {
        for (text, status) in [
            ("true", 0),
            ("false", 1),
            ("exit 7", 7),
            ("exit 255", 255),
            ("(exit 3)", 3),
            ("set -e; false; true", 1),
            ("exec true", 0),
            ("", 0),
        ] {
            assert_eq!(run(text).0, Exit::Code(status), "{text}");
        }
        let (exit, out, err) = run("printf a; printf %s \"$nothing\"; printf b");
        assert_ne!(exit, Exit::Code(0));
        assert_eq!(out, "a");
        assert!(err.contains("nothing: unbound variable"), "{err}");
    }

    #[test]
    fn a_script_that_says_nothing_for_too_long_is_ended() {
        let limit = Duration::from_millis(200);
        let limited = |text| Script::new("t").shell(text).with_quiet_limit(Some(limit));
        let talks = limited("for i in 1 2 3 4; do printf .; sleep 0.1; done");
        assert_eq!(
            run_to_string(&mut Local, &talks).unwrap().0,
            Exit::Code(0),
            "what prints goes on"
        );
        let hangs = run_to_string(&mut Local, &limited("exec sleep 60"));
        assert!(matches!(hangs, Err(HostError::Overdue { .. })), "{hangs:?}");
    }

    #[test]
    fn the_environment_is_the_same_everywhere() {
        let (_, out, _) = run(
            "printf '%s|' \"$LC_ALL\" \"$TZ\" \"$PATH\" \"$(umask)\" \"${CDPATH-none}\"; printf %q \"$IFS\"",
        );
        assert_eq!(
            out,
            "C|UTC0|/usr/bin:/usr/sbin:/sbin:/opt/local/sbin:/opt/local/bin|0022|none|$' \\t\\n'"
        );
    }

    #[test]
    fn a_command_that_reads_input_does_not_eat_the_script() {
        assert_eq!(run("cat; read line; printf end").1, "end");
    }

    #[test]
    fn output_comes_unharmed() {
        assert_eq!(run("printf 'no newline'").1, "no newline");
        let script = Script::new("t").shell("printf '\\036zonewright end 0 000\\n\\000\\377é'");
        let (exit, out, _) = run_to_string(&mut Local, &script).unwrap();
        assert_eq!(exit, Exit::Code(0));
        assert_eq!(out, b"\x1ezonewright end 0 000\n\0\xff\xc3\xa9");
    }

    #[test]
    fn input_arrives_whole_and_an_unread_rest_is_no_error() {
        let sent: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
        let mut got: Vec<u8> = Vec::new();
        let script = Script::new("t").shell("cat").with_input();
        let exit = Local.run(&script, &mut sent.as_slice(), &mut |_, data| {
            got.extend(data)
        });
        assert_eq!(exit.unwrap(), Exit::Code(0));
        assert!(got == sent, "the echo differs");
        let script = Script::new("t").shell("exit 5").with_input();
        let exit = Local.run(&script, &mut sent.as_slice(), &mut |_, _| {});
        assert_eq!(exit.unwrap(), Exit::Code(5));
    }

    #[test]
    fn a_signal_and_a_syntax_error_are_told_apart() {
        assert_eq!(run("kill -TERM $$").0, Exit::Signal("TERM".to_owned()));
        let error = run_to_string(&mut Local, &Script::new("broken").shell("if true")).unwrap_err();
        let HostError::NoEnd {
            script,
            status,
            stderr,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((script.as_str(), status), ("broken", 2));
        assert!(stderr.contains("syntax error"), "{stderr}");
    }

    #[test]
    fn a_cut_script_does_nothing() {
        let script = Script::new("t").shell("echo ran; echo ran");
        let text = Frame::new(&script, None, "n").unwrap().stdin.unwrap();
        let cut = &text.as_bytes()[..text.len() - 12];
        let mut child = Command::new("/usr/bin/bash")
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(cut).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"\x1ezonewright begin n\n");
    }
}
