//! `pargs [-e|-l] PID…`: the arguments or the environment of a process.
//!
//! Read from Linux's `/proc`; a process of another user cannot be examined, as on SmartOS. The words
//! of its messages are (inferred).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::getopt::{Parsed, Refusal};
use super::{Streams, below, not_emulated};
use crate::script::quote;

/// Prints a block for each process.
pub fn pargs(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "ael") {
        Ok(parsed) if parsed.operands.is_empty() => return usage(streams),
        Ok(parsed) => parsed,
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "pargs", &option),
        Err(Refusal::Missing(_)) => return usage(streams),
    };
    let mut status = 0;
    for operand in &parsed.operands {
        let pid = operand
            .to_string_lossy()
            .trim_start_matches("/proc/")
            .to_owned();
        let Some(words) = strings(root, &pid, "cmdline") else {
            writeln!(
                streams.errors,
                "pargs: cannot examine {pid}: no such process"
            )?;
            status = 1;
            continue;
        };
        if parsed.has('l') {
            let line: Vec<String> = words.iter().map(|word| quote(word)).collect();
            writeln!(streams.output, "{}", line.join(" "))?;
            continue;
        }
        writeln!(streams.output, "{pid}:\t{}", words.join(" "))?;
        if parsed.has('a') || !parsed.has('e') {
            print(streams, "argv", &words)?;
        }
        if parsed.has('e') {
            print(
                streams,
                "envp",
                &strings(root, &pid, "environ").unwrap_or_default(),
            )?;
        }
    }
    Ok(status)
}

fn print(streams: &mut Streams, name: &str, words: &[String]) -> io::Result<()> {
    for (index, word) in words.iter().enumerate() {
        writeln!(streams.output, "{name}[{index}]: {word}")?;
    }
    Ok(())
}

fn usage(streams: &mut Streams) -> io::Result<i32> {
    writeln!(
        streams.errors,
        "usage:  pargs [-aceFlx] {{ pid | core }} ..."
    )?;
    Ok(2)
}

fn strings(root: &Path, pid: &str, file: &str) -> Option<Vec<String>> {
    pid.parse::<u32>().ok()?;
    let bytes = fs::read(below(root, &format!("/proc/{pid}/{file}"))).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_suffix('\0').unwrap_or(&text);
    Some(text.split('\0').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn arguments_are_numbered_and_l_quotes_them() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/7")).unwrap();
        fs::write(root.path().join("proc/7/cmdline"), "/bin/x\0a b\0").unwrap();
        fs::write(root.path().join("proc/7/environ"), "A=1\0").unwrap();
        let answer = run(root.path(), pargs, &["7"], b"");
        assert_eq!(
            answer.output,
            "7:\t/bin/x a b\nargv[0]: /bin/x\nargv[1]: a b\n"
        );
        assert_eq!(
            run(root.path(), pargs, &["-l", "7"], b"").output,
            "/bin/x 'a b'\n"
        );
        let answer = run(root.path(), pargs, &["-e", "7"], b"");
        assert_eq!(answer.output, "7:\t/bin/x a b\nenvp[0]: A=1\n");
        let answer = run(root.path(), pargs, &["8"], b"");
        assert_eq!(answer.errors, "pargs: cannot examine 8: no such process\n");
        assert_eq!(answer.status, 1);
    }
}
