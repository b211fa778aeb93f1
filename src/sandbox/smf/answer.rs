//! What an emulated command says: two streams and an exit status, as one value.
//!
//! Nothing here is written while the command works, so a test reads exactly what a user would.

use std::ffi::OsString;
use std::io::Write;

/// The status of everything that is not emulated.
pub const NOT_EMULATED: i32 = 99;

/// Output, diagnostics and exit status of one command.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Exit status.
    pub code: i32,
}

impl Answer {
    /// Adds one line to standard output.
    pub fn say(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    /// Adds one line to standard error.
    pub fn complain(&mut self, line: impl AsRef<str>) {
        self.err.push_str(line.as_ref());
        self.err.push('\n');
    }

    /// Adds one line to standard error and sets the exit status.
    pub fn fail(&mut self, code: i32, line: impl AsRef<str>) {
        self.complain(line);
        self.code = code;
    }

    /// An answer that is one line on standard error.
    #[must_use]
    pub fn failure(code: i32, line: impl AsRef<str>) -> Self {
        let mut answer = Self::default();
        answer.fail(code, line);
        answer
    }

    /// The answer to a flag or sub-command that this sandbox does not play.
    #[must_use]
    pub fn not_emulated(command: &str, what: &str) -> Self {
        Self::failure(
            NOT_EMULATED,
            format!("{command}: `{what}` is not emulated in a sandbox zone"),
        )
    }

    /// Writes both streams; the result is the exit status, 1 when standard output is gone.
    #[must_use]
    pub fn deliver(self) -> i32 {
        let written = std::io::stdout()
            .lock()
            .write_all(self.out.as_bytes())
            .and_then(|()| std::io::stdout().lock().flush());
        let told = std::io::stderr().lock().write_all(self.err.as_bytes());
        match (written, told) {
            (Ok(()), Ok(())) => self.code,
            _ => self.code.max(1),
        }
    }
}

/// The arguments as text; bytes that are no UTF-8 become replacement characters.
#[must_use]
pub fn words(arguments: &[OsString]) -> Vec<String> {
    arguments
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}
