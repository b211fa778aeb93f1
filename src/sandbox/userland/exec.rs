//! Becoming another command, for the wrappers (`ppriv`, `newtask`, `pfexec`, `su`).
//!
//! The process is replaced, not copied: exit status, signals and terminal are the command's own. The
//! standard library's `exec` is used because it gives SIGPIPE its default action back, which a Rust
//! program starts without; a build would otherwise see write errors where it expects to be ended.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process;

use super::Streams;

/// Replaces this process by a command looked up through PATH; returns only if that fails.
pub fn become_command(words: &[OsString], streams: &mut Streams) -> io::Error {
    let Some((program, args)) = words.split_first() else {
        return io::Error::from(io::ErrorKind::NotFound);
    };
    let mut command = process::Command::new(program);
    command.args(args);
    become_process(&mut command, streams)
}

/// Replaces this process; returns only if that fails.
pub fn become_process(command: &mut process::Command, streams: &mut Streams) -> io::Error {
    if let Err(error) = streams.output.flush() {
        return error;
    }
    let error = command.exec();
    let program = command.get_program().to_string_lossy();
    io::Error::new(error.kind(), format!("{program}: {error}"))
}
