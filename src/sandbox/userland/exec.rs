//! Becoming another command, for the wrappers (`ppriv`, `newtask`, `pfexec`, `su`).
//!
//! The process is replaced, not copied: exit status, signals and terminal are the command's own.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::Streams;

/// Replaces this process by a command looked up through PATH; returns only if that fails.
pub fn become_command(words: &[OsString], streams: &mut Streams) -> io::Error {
    let mut run = || -> io::Result<Infallible> {
        streams.output.flush()?;
        let words = words
            .iter()
            .map(|word| c_string(word))
            .collect::<io::Result<Vec<_>>>()?;
        let program = words
            .first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(nix::unistd::execvp(program, &words)?)
    };
    match run() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// The word as the kernel wants it.
pub fn c_string(word: &OsStr) -> io::Result<CString> {
    CString::new(word.as_bytes()).map_err(io::Error::from)
}
