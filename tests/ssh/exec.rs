//! What becomes of a script: statuses, streams, losses, latency.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use zonewright::host::ssh::Ssh;
use zonewright::host::{Exit, Host, HostError, Stream, run_to_string};
use zonewright::script::Script;
use zonewright::site::model::Become;

use super::server::{Server, cut_way, no_terminal, server, server_with, signal, slow_way};
#[cfg(target_os = "linux")]
use super::server::{narrow_buffer, narrow_way};

fn script(text: &'static str) -> Script {
    Script::new("test").shell(text)
}

fn run(host: &mut Ssh, text: &'static str) -> (Exit, String, String) {
    let (exit, out, err) = run_to_string(host, &script(text)).unwrap();
    (
        exit,
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
    )
}

#[test]
fn statuses_and_signals_are_carried() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    for status in [0, 1, 7, 126, 255] {
        let script = Script::new("t")
            .set("x", status.to_string())
            .shell("exit \"$x\"");
        assert_eq!(
            run_to_string(&mut host, &script).unwrap().0,
            Exit::Code(status)
        );
    }
    for (text, signal) in [("kill -KILL $$", "KILL"), ("kill -TERM $$", "TERM")] {
        assert_eq!(run(&mut host, text).0, Exit::Signal(signal.to_owned()));
    }
    // twelve on one connection: sshd allows ten channels at a time
    for _ in 0..12 {
        assert_eq!(run(&mut host, "false").0, Exit::Code(1));
    }
}

#[test]
fn text_arrives_as_it_was_given() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let words = [
        "ünïcode ☃",
        "a'b\"c",
        "$HOME `id`",
        "two\nlines",
        "",
        "tab\t!",
    ];
    let script = Script::new("t")
        .list("x", words)
        .shell("printf '%s|' \"${x[@]}\"");
    let (exit, out, _) = run_to_string(&mut host, &script).unwrap();
    assert_eq!(exit, Exit::Code(0));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        words.map(|word| format!("{word}|")).concat()
    );
    let script = Script::new("t")
        .list("x", words)
        .shell("printf '%s|' \"${x[@]}\"")
        .with_input();
    let (_, out, _) = run_to_string(&mut host, &script).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        words.map(|word| format!("{word}|")).concat()
    );
}

#[test]
fn a_large_script_arrives_whole() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let filler = "x".repeat(1_000);
    for lines in [20, 40, 300] {
        let mut script = Script::new("t").shell("n=0");
        for _ in 0..lines {
            script = script.command([":", &filler]).shell("n=$((n + 1))");
        }
        let (exit, out, _) = run_to_string(&mut host, &script.shell("printf %s $n")).unwrap();
        assert_eq!((exit, out), (Exit::Code(0), lines.to_string().into_bytes()));
    }
}

#[test]
fn a_bashrc_that_prints_does_no_harm() {
    let Some(server) = server() else { return };
    std::fs::write(
        server.path("home/.bashrc"),
        "echo welcome\nprintf 'no newline'\n",
    )
    .unwrap();
    let mut host = server.connect();
    let plain = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-p",
            &server.port.to_string(),
            "-i",
        ])
        .arg(server.path("home/.ssh/id_ed25519"))
        .arg("-o")
        .arg(format!(
            "UserKnownHostsFile={}",
            server.path("home/.ssh/known_hosts").display()
        ))
        .args(["127.0.0.1", "true"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert_eq!(
        plain, "welcome\nno newline",
        "it must print for this test to mean anything"
    );
    assert_eq!(run(&mut host, "echo hello").1, "hello\n");
    let mut out: Vec<u8> = Vec::new();
    host.run(
        &script("cat").with_input(),
        &mut &b"in"[..],
        &mut |_, data| out.extend(data),
    )
    .unwrap();
    assert_eq!(out, b"in");
}

#[test]
fn a_command_that_reads_input_does_not_eat_the_script() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    assert_eq!(
        run(&mut host, "cat; read -r line; echo \"end<$line>\"").1,
        "end<>\n"
    );
}

#[test]
fn a_full_stderr_does_not_stop_a_quiet_stdout() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let text = "head -c 1000000 /dev/zero >&2; echo done; head -c 3000000 /dev/zero; head -c 1000000 /dev/zero >&2";
    let (mut out, mut err) = (0, 0);
    let exit = host.run(
        &script(text),
        &mut std::io::empty(),
        &mut |stream, data| match stream {
            Stream::Out => out += data.len(),
            Stream::Err => err += data.len(),
        },
    );
    assert_eq!(exit.unwrap(), Exit::Code(0));
    assert_eq!((out, err), (3_000_005, 2_000_000));
}

/// 5 MB in which nothing repeats in step with a packet.
fn noise() -> Vec<u8> {
    let mut state = 1u32;
    (0..5_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn echo(host: &mut Ssh) {
    let sent = noise();
    let hex: String = Sha256::digest(&sent)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let script = script("tee >(sha256sum >&2)").with_input();
    let exit = host.run(
        &script,
        &mut sent.as_slice(),
        &mut |stream, data| match stream {
            Stream::Out => out.extend_from_slice(data),
            Stream::Err => err.extend_from_slice(data),
        },
    );
    assert_eq!(exit.unwrap(), Exit::Code(0));
    assert!(out == sent, "{} bytes came back", out.len());
    assert_eq!(String::from_utf8_lossy(&err), format!("{hex}  -\n"));
}

#[test]
fn a_large_upload_comes_back_unharmed() {
    let Some(server) = server() else { return };
    echo(&mut server.connect());
}

/// Packets that are half sent while others arrive: what is received must wait, not spin.
#[test]
#[cfg(target_os = "linux")]
fn a_narrow_way_out_does_not_stop_what_comes_back() {
    let Some(server) = server() else { return };
    let port = narrow_way(server.port);
    let mut host = Ssh::connect(&server.target_at(port), &mut no_terminal).unwrap();
    narrow_buffer(port);
    let (sent, mut out) = (vec![7; 2_000_000], 0);
    let script = script("head -c 20000000 /dev/zero & cat; wait").with_input();
    let exit = host.run(&script, &mut sent.as_slice(), &mut |_, data| {
        out += data.len()
    });
    assert_eq!((exit.unwrap(), out), (Exit::Code(0), 22_000_000));
    assert_eq!(run(&mut host, "echo still here").1, "still here\n");
}

#[test]
fn new_keys_in_the_middle_of_a_transfer_do_no_harm() {
    let Some(server) = server_with("RekeyLimit 1M", &["ed25519"]) else {
        return;
    };
    let mut host = server.connect();
    echo(&mut host);
    assert_eq!(run(&mut host, "echo still here").1, "still here\n");
}

#[test]
fn an_input_that_nobody_reads_is_no_error() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let sent = noise();
    let exit = host.run(
        &script("exit 3").with_input(),
        &mut sent.as_slice(),
        &mut |_, _| {},
    );
    assert_eq!(exit.unwrap(), Exit::Code(3));
    assert_eq!(run(&mut host, "true").0, Exit::Code(0));
}

#[test]
fn a_request_that_is_too_large_is_not_sent() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let script = Script::new("big").set("x", "y".repeat(30_000)).with_input();
    let error = run_to_string(&mut host, &script).unwrap_err();
    assert!(
        matches!(error, HostError::ScriptTooLarge { limit: 30_000, .. }),
        "{error}"
    );
    let script = Script::new("fits")
        .set("x", "y".repeat(29_000))
        .shell("echo ${#x}")
        .with_input();
    assert_eq!(run_to_string(&mut host, &script).unwrap().1, b"29000\n");
}

#[test]
fn a_syntax_error_is_told_with_what_bash_says() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let error = run_to_string(&mut host, &script("if true")).unwrap_err();
    let HostError::NoEnd {
        status: 2, stderr, ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(stderr.contains("syntax error"), "{stderr}");
    assert_eq!(run(&mut host, "true").0, Exit::Code(0));
}

#[test]
fn a_connection_that_dies_is_lost_and_stays_lost() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let error = run_to_string(&mut host, &script("kill -KILL $PPID; sleep 1")).unwrap_err();
    assert!(
        matches!(&error, HostError::Lost { script, .. } if script == "test"),
        "{error}"
    );
    // what comes after it was never started
    let error = run_to_string(&mut host, &script("true")).unwrap_err();
    assert!(matches!(error, HostError::Unreachable { .. }), "{error}");

    let mut host = server.connect();
    let session = run(&mut host, "echo $PPID").1;
    signal("KILL", session.trim());
    let error = run_to_string(&mut host, &script("true")).unwrap_err();
    assert!(matches!(error, HostError::Unreachable { .. }), "{error}");
    assert_eq!(run(&mut server.connect(), "true").0, Exit::Code(0));
}

#[test]
fn a_login_shell_that_refuses_is_quoted() {
    let Some(server) = server_with("ForceCommand echo no shell here; exit 1", &["ed25519"]) else {
        return;
    };
    let error = run_to_string(&mut server.connect(), &script("true")).unwrap_err();
    let HostError::NoEnd { status, stderr, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((status, stderr.as_str()), (1, "no shell here"));
}

#[test]
fn a_connection_that_dies_while_it_is_fed_is_lost() {
    let Some(server) = server() else { return };
    let mut host = server.connect();
    let text = "head -c 100000 >/dev/null; kill -KILL $PPID; sleep 1";
    let sent = noise();
    let error = host.run(
        &script(text).with_input(),
        &mut sent.as_slice(),
        &mut |_, _| {},
    );
    assert!(matches!(error, Err(HostError::Lost { .. })), "{error:?}");
}

/// A login that asks for a sign of life after two seconds, the least there is.
fn impatient(server: &Server) -> Ssh {
    let mut target = server.target();
    target.timing.keepalive = Duration::ZERO;
    target.timing.patience = Duration::from_millis(500);
    Ssh::connect(&target, &mut no_terminal).unwrap()
}

#[test]
fn a_quiet_script_is_waited_for() {
    let Some(server) = server() else { return };
    assert_eq!(
        run(&mut impatient(&server), "sleep 2.8; echo awake").1,
        "awake\n"
    );
}

#[test]
fn a_connection_that_is_cut_anywhere_is_never_taken_for_success() {
    let Some(server) = server() else { return };
    let text = "printf %2000s x; printf %500s y >&2; exit 0";
    let (mut whole, mut lost) = (0, 0);
    for cut in (2_600..6_400).step_by(90) {
        let target = server.target_at(cut_way(server.port, cut));
        let Ok(mut host) = Ssh::connect(&target, &mut no_terminal) else {
            continue;
        };
        match run_to_string(&mut host, &script(text)) {
            Ok((exit, out, err)) => {
                assert_eq!(
                    (exit, out.len(), err.len()),
                    (Exit::Code(0), 2_000, 500),
                    "{cut}"
                );
                whole += 1;
            }
            Err(HostError::Lost { .. } | HostError::Unreachable { .. }) => lost += 1,
            Err(other) => panic!("{cut}: {other}"),
        }
    }
    assert!(whole > 0 && lost > 10, "{whole} whole, {lost} lost");
}

#[test]
fn a_silent_target_is_lost() {
    let Some(server) = server() else { return };
    let mut host = impatient(&server);
    let mut session = String::new();
    let started = Instant::now();
    let error = host.run(
        &script("echo $PPID; sleep 30"),
        &mut std::io::empty(),
        &mut |_, data| {
            session = String::from_utf8(data.to_vec()).unwrap().trim().to_owned();
            signal("STOP", &session);
        },
    );
    signal("KILL", &session);
    assert!(matches!(error, Err(HostError::Lost { .. })), "{error:?}");
    let lasted = started.elapsed().as_secs_f64();
    assert!((2.4..25.0).contains(&lasted), "{lasted}");
}

#[test]
fn root_is_asked_for_and_its_absence_is_told() {
    let Some(server) = server() else { return };
    let mut target = server.target();
    target.become_root = Some(Become::Pfexec);
    let mut host = Ssh::connect(&target, &mut no_terminal).unwrap();
    let error = run_to_string(&mut host, &script("true")).unwrap_err();
    let HostError::Become { how, stderr, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(how, "pfexec");
    assert!(stderr.contains("/usr/bin/pfexec"), "{stderr}");
}

/// A server where the command `from` is the shell text `to` instead, kept in `folder`.
fn with_instead(folder: &Path, from: &str, to: &str) -> Option<Server> {
    let stand_in = folder.join("stand-in");
    std::fs::write(&stand_in, format!("#!/bin/bash\n{to}\n")).unwrap();
    let wrapper = folder.join("wrapper");
    let text = format!(
        "#!/bin/bash\neval \"${{SSH_ORIGINAL_COMMAND/\"{from}\"/\"{}\"}}\"\n",
        stand_in.display()
    );
    std::fs::write(&wrapper, text).unwrap();
    for file in [&stand_in, &wrapper] {
        assert!(
            Command::new("chmod")
                .arg("755")
                .arg(file)
                .status()
                .unwrap()
                .success()
        );
    }
    server_with(&format!("ForceCommand {}", wrapper.display()), &["ed25519"])
}

#[test]
fn sudo_is_used_and_what_it_says_is_told() {
    let sudo = "/opt/local/bin/sudo";
    let run = |to: &str, text: &'static str| {
        let folder = tempfile::tempdir().unwrap();
        let server = with_instead(folder.path(), sudo, to)?;
        let mut target = server.target();
        target.become_root = Some(Become::Sudo);
        let mut host = Ssh::connect(&target, &mut no_terminal).unwrap();
        Some(run_to_string(&mut host, &script(text)))
    };
    let Some(denied) = run("echo 'sudo: a password is required' >&2; exit 1", "true") else {
        return;
    };
    let HostError::Become { how, stderr, .. } = denied.unwrap_err() else {
        panic!()
    };
    assert_eq!(
        (how.as_str(), stderr.as_str()),
        ("sudo", "sudo: a password is required")
    );

    let granted = run("[ \"$1\" = -n ] || exit 9; shift; exec \"$@\"", "exit 4").unwrap();
    if super::server::user() == "root" {
        assert_eq!(granted.unwrap().0, Exit::Code(4));
    } else {
        assert!(matches!(granted.unwrap_err(), HostError::Become { .. }));
    }
    if super::server::user() == "root" {
        // one that runs the command without making it root, as pfexec may
        let same = run(
            "shift; exec setpriv --reuid 65534 --clear-groups \"$@\"",
            "true",
        )
        .unwrap();
        let HostError::Become { stderr, .. } = same.unwrap_err() else {
            panic!()
        };
        assert_eq!(stderr, "still user 65534");
    }
}

#[test]
fn a_script_costs_three_round_trips_and_an_upload_too() {
    let Some(server) = server() else { return };
    let delay = Duration::from_millis(50);
    let mut host = Ssh::connect(
        &server.target_at(slow_way(server.port, delay)),
        &mut no_terminal,
    )
    .unwrap();
    for script in [script("echo hello"), script("cat; echo hello").with_input()] {
        // the best of several, for a machine that is busy with other tests
        let mut fewest = f64::MAX;
        for _ in 0..30 {
            let started = Instant::now();
            assert_eq!(run_to_string(&mut host, &script).unwrap().1, b"hello\n");
            let trips = started.elapsed().as_secs_f64() / (2.0 * delay.as_secs_f64());
            assert!(trips >= 2.0, "{trips} round trips");
            fewest = fewest.min(trips);
            if fewest < 3.9 {
                break;
            }
        }
        assert!(fewest < 3.9, "{fewest} round trips");
    }
}

#[test]
fn a_login_with_a_script_is_no_slower_than_ssh_itself() {
    let Some(server) = server() else { return };
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    // the best of seven each, or of more on a machine that is busy with other tests
    for tried in 1..=50 {
        let started = Instant::now();
        assert_eq!(run(&mut server.connect(), "true").0, Exit::Code(0));
        ours = ours.min(started.elapsed().as_secs_f64());
        let started = Instant::now();
        let status = Command::new("ssh")
            .args([
                "-F",
                "none",
                "-o",
                "BatchMode=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-p",
            ])
            .args([&server.port.to_string(), "-i"])
            .arg(server.path("home/.ssh/id_ed25519"))
            .arg("-o")
            .arg(format!(
                "UserKnownHostsFile={}",
                server.path("home/.ssh/known_hosts").display()
            ))
            .args(["127.0.0.1", "true"])
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        theirs = theirs.min(started.elapsed().as_secs_f64());
        if tried >= 7 && ours <= theirs * 1.1 {
            return;
        }
    }
    panic!("{ours} s against {theirs} s");
}
