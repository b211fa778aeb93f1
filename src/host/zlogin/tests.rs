//! Against a `zlogin` that does to its words what the real one does, on this machine.

use std::io::{self, Cursor};
use std::path::Path;

use super::*;
use crate::host::local::Local;

/// Joins its words with blanks for another shell, passes its input and status on, and knows one zone that runs and one that does not.
const FAKE: &str = r#"#!/usr/bin/bash
zone=$1
shift
case $zone in
  running) ;;
  stopped) printf "zlogin: login allowed only to running zones (stopped is 'installed').\n" >&2; exit 1 ;;
  *) printf "zlogin: zone '%s' unknown\n" "$zone" >&2; exit 1 ;;
esac
/usr/bin/bash -c "$*"
"#;

fn zlogin(folder: &Path, zone: &str) -> Zlogin<Local> {
    use std::os::unix::fs::PermissionsExt as _;
    let program = folder.join("zlogin");
    std::fs::write(&program, FAKE).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Zlogin {
        program: program.to_string_lossy().into_owned(),
        ..Zlogin::new(Local, zone)
    }
}

fn run(zone: &str, script: &Script, input: &[u8]) -> (Result<Exit, HostError>, Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut host = zlogin(folder.path(), zone);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = host.run(
        script,
        &mut Cursor::new(input),
        &mut |stream, data| match stream {
            Stream::Out => out.extend_from_slice(data),
            Stream::Err => err.extend_from_slice(data),
        },
    );
    (exit, out, err)
}

#[test]
fn every_word_arrives_as_it_was_given() {
    let words = [
        "", " ", "a b", "'", "\"", "$HOME", "`id`", "$(id)", ";", "\n", "~", "*", "\\", "é",
        "a'b\"c'd", "!x", "#", "&&", "\t", "''''''",
    ];
    let script = Script::new("t")
        .list("x", words)
        .shell("printf '%s|' \"${x[@]}\"");
    let (exit, out, _) = run("running", &script, b"");
    assert_eq!(exit.unwrap(), Exit::Code(0));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        words.map(|w| format!("{w}|")).concat()
    );
}

#[test]
fn statuses_are_told_apart() {
    for status in [0, 1, 7, 129, 137, 255] {
        let script = Script::new("t").command(["exit", &status.to_string()]);
        let (exit, _, _) = run("running", &script, b"");
        assert_eq!(exit.unwrap(), Exit::Code(status));
    }
}

#[test]
fn a_killed_command_is_no_status() {
    for (signal, name) in [("KILL", "KILL"), ("TERM", "TERM")] {
        let script = Script::new("t")
            .shell("printf before")
            .set("signal", signal)
            .shell("kill -\"$signal\" $$");
        let (exit, out, _) = run("running", &script, b"");
        assert_eq!(exit.unwrap(), Exit::Signal(name.to_owned()));
        assert_eq!(out, b"before");
    }
}

#[test]
fn a_zone_that_does_not_run_and_one_that_is_not_there_are_no_status() {
    let script = Script::new("t").shell("exit 1");
    for (zone, said) in [("stopped", "login allowed only"), ("other", "unknown")] {
        let (exit, _, _) = run(zone, &script, b"");
        match exit {
            Err(HostError::NoZone { reason, .. }) => assert!(reason.contains(said), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_script_reads_its_input_to_the_last_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let script = Script::new("t")
        .set("text", "it's 'quoted' \"twice\" $x")
        .shell("printf '%s\\n' \"$text\"; cat; printf done >&2; exit 7")
        .with_input();
    let (exit, out, err) = run("running", &script, &bytes);
    assert_eq!(exit.unwrap(), Exit::Code(7));
    let head = b"it's 'quoted' \"twice\" $x\n";
    assert_eq!(&out[..head.len()], head);
    assert!(out[head.len()..] == bytes[..]);
    assert_eq!(err, b"done");
}

#[test]
fn a_script_that_reads_nothing_finds_nothing_to_read() {
    let script = Script::new("t").shell("cat; printf 'end\\n'");
    let (exit, out, _) = run("running", &script, b"not for it");
    assert_eq!(
        (exit.unwrap(), out.as_slice()),
        (Exit::Code(0), &b"end\n"[..])
    );
}

#[test]
fn a_script_of_many_quotes_still_fits_into_a_request() {
    let script = Script::new("t")
        .list("x", vec!["it's"; 1500])
        .shell("printf '%s' \"${#x[@]}\"; cat >/dev/null")
        .with_input();
    let host = Zlogin::new(Local, "running");
    let frame = Frame::new(&script, None, "n").unwrap();
    let outer = host.outer(&script, frame.text());
    let outer_frame = Frame::new(&outer, None, "n").unwrap();
    assert!(outer_frame.request(&outer).is_ok());
}

/// A host that is gone.
struct Gone;

impl Host for Gone {
    fn run(
        &mut self,
        script: &Script,
        _: &mut dyn Read,
        _: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        Err(HostError::Lost {
            host: "root@vault".into(),
            script: script.name().into(),
            source: io::ErrorKind::ConnectionReset.into(),
        })
    }
}

#[test]
fn a_lost_host_is_a_loss() {
    let mut host = Zlogin::new(Gone, "running");
    let error = host
        .run(&Script::new("t"), &mut io::empty(), &mut |_, _| {})
        .unwrap_err();
    assert!(error.is_loss(), "{error}");
}
