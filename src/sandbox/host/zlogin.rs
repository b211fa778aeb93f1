//! `zlogin [-inQS] [-l USER] ZONE COMMAND…`: a command in a zone, with the caller's streams.
//!
//! The words are joined by blanks and read again by the zone's shell. Of several, one that holds a
//! blank is put into single quotes, and a quote inside it is not escaped: everything else that a
//! shell knows is live.

use std::io::{self, IoSlice, IsTerminal as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::not_emulated;
use crate::sandbox::control::{Login, Reply, Request, ZONE_SOCKET, receive, send};

/// What a command line asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    user: Option<String>,
    /// Whether nothing is read.
    has_no_input: bool,
    /// Whether the command is one for the caller's terminal: then its status is not told. The terminal is the caller's
    /// own here, where the real one makes another in the zone.
    is_interactive: bool,
    /// Whether there is no `su`, only a plain shell.
    is_safe: bool,
    zone: String,
    words: Vec<String>,
}

pub(crate) fn run(args: &[String]) -> io::Result<i32> {
    let asked = match read(args) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            // (inferred: the words of the usage)
            eprintln!(
                "usage: zlogin [ -dinQCES ] [ -e cmdchar ] [-l user] zonename [command [args ...] ]"
            );
            return Ok(2);
        }
        Err(option) => return not_emulated("zlogin", &option),
    };
    if asked.words.is_empty() {
        return not_emulated("zlogin", "a session without a command");
    }
    log_in(&asked)
}

fn read(args: &[String]) -> Result<Option<Asked>, String> {
    let mut asked = Asked::default();
    let mut args = args.iter();
    for arg in args.by_ref() {
        let Some(letters) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            asked.zone.clone_from(arg);
            break;
        };
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            match letter {
                'n' => asked.has_no_input = true,
                'i' => asked.is_interactive = true,
                'Q' => {}
                'S' => asked.is_safe = true,
                'l' => {
                    let rest: String = letters.by_ref().collect();
                    if rest.is_empty() {
                        asked.user = Some(String::new());
                    } else {
                        asked.user = Some(rest);
                    }
                }
                other => return Err(format!("-{other}")),
            }
        }
        if asked.user.as_deref() == Some("") {
            break;
        }
    }
    if asked.user.as_deref() == Some("") {
        asked.user = args.next().cloned();
        asked.zone = args.next().cloned().unwrap_or_default();
    }
    asked.words = args.cloned().collect();
    let is_wrong = asked.zone.is_empty() || asked.has_no_input && asked.is_interactive;
    Ok((!is_wrong).then_some(asked))
}

/// The text that the zone's shell reads.
fn joined(words: &[String]) -> String {
    if let [word] = words {
        return word.clone();
    }
    let quoted: Vec<String> = words
        .iter()
        .map(|word| {
            if word.contains([' ', '\t']) {
                format!("'{word}'")
            } else {
                word.clone()
            }
        })
        .collect();
    quoted.join(" ")
}

/// What runs in the zone.
fn words(asked: &Asked) -> Vec<String> {
    let text = joined(&asked.words);
    let words: Vec<&str> = match (&asked.user, asked.is_safe) {
        (_, true) => vec!["/sbin/sh", "-c", &text],
        (Some(user), _) => vec!["/usr/bin/su", "-", user, "-c", &text],
        (None, _) => vec!["/usr/bin/su", "root", "-c", &text],
    };
    words.into_iter().map(str::to_owned).collect()
}

fn log_in(asked: &Asked) -> io::Result<i32> {
    let mut stream = UnixStream::connect(ZONE_SOCKET)?;
    let login = Login {
        zone: asked.zone.clone(),
        words: words(asked),
    };
    send(&mut stream, &Request::Login(login))?;
    match receive(&stream)? {
        Reply::Done => {}
        Reply::Refused(why) => {
            eprintln!("zlogin: {why}");
            return Ok(1);
        }
        other => return Err(io::Error::other(format!("unexpected answer {other:?}"))),
    }
    let nothing = std::fs::File::open("/dev/null")?;
    let input = if asked.has_no_input {
        nothing.as_raw_fd()
    } else {
        0
    };
    let streams = [input, 1, 2];
    let rights = [ControlMessage::ScmRights(&streams)];
    let parts = [IoSlice::new(b"+")];
    sendmsg::<()>(stream.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None)?;
    match receive(&stream)? {
        Reply::Exited { .. } if asked.is_interactive && io::stdin().is_terminal() => Ok(0),
        Reply::Exited { status } => Ok(status),
        Reply::Refused(why) => {
            eprintln!("zlogin: {why}");
            Ok(1)
        }
        other => Err(io::Error::other(format!("unexpected answer {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn one_word_is_the_shells_text_as_it_is_and_several_are_joined() {
        assert_eq!(joined(&strings(&["echo 'a  b'; id"])), "echo 'a  b'; id");
        assert_eq!(
            joined(&strings(&["echo", "a b", "c\td", "$HOME", "it's", ""])),
            "echo 'a b' 'c\td' $HOME it's "
        );
        assert_eq!(joined(&strings(&["echo", "it's here"])), "echo 'it's here'");
    }

    #[test]
    fn options_come_before_the_zone_and_belong_to_the_command_after_it() {
        let asked = |args: &[&str]| read(&strings(args)).unwrap().unwrap();
        let plain = asked(&["-nQ", "z", "ls", "-l"]);
        assert!(plain.has_no_input && plain.user.is_none());
        assert_eq!((plain.zone.as_str(), plain.words.len()), ("z", 2));
        for args in [
            ["-l", "admin", "z", "id"].as_slice(),
            &["-ladmin", "z", "id"],
        ] {
            let other = asked(args);
            assert_eq!(other.user.as_deref(), Some("admin"));
            assert_eq!(words(&other), ["/usr/bin/su", "-", "admin", "-c", "id"]);
        }
        assert_eq!(read(&strings(&["-C", "z"])), Err("-C".to_owned()));
        assert_eq!(read(&[]), Ok(None));
        // the shell of the zone is what looks for a command called `--`
        let interactive = asked(&["-i", "z", "--", "id"]);
        assert!(interactive.is_interactive);
        assert_eq!(words(&interactive), ["/usr/bin/su", "root", "-c", "-- id"]);
        assert_eq!(read(&strings(&["-in", "z", "id"])), Ok(None));
        let safe = asked(&["-S", "z", "id"]);
        assert_eq!(words(&safe), ["/sbin/sh", "-c", "id"]);
    }
}
