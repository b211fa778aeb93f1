//! Why apt could not be asked, or what it answered.
//!
//! apt's own words are kept: they are the only explanation there is. Its warnings are left out
//! where it says what the error was.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use thiserror::Error;

use super::mirror::MIRROR_VARIABLE;

/// Why apt did not do what was asked.
#[derive(Debug, Error)]
pub enum AptError {
    /// A program of apt's or dpkg's.
    #[error("apt is not installed on this machine (`{0}` is missing)")]
    Missing(&'static str),
    /// The machine uses no mirror of Debian.
    #[error(
        "this machine's apt uses no mirror of Debian; set `{MIRROR_VARIABLE}` to the URL of one, such as `http://mirror.example/debian`"
    )]
    NoMirror,
    /// The variable's value.
    #[error(
        "`{0}` in `{MIRROR_VARIABLE}` is no URL of a mirror of Debian, such as `http://mirror.example/debian`"
    )]
    BadMirror(String),
    /// A file or folder.
    #[error("cannot {operation} `{}`", path.display())]
    File {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A command did not start.
    #[error("cannot run `{program}`")]
    Run {
        /// The program.
        program: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A command failed.
    #[error("{operation} failed: {said}")]
    Failed {
        /// What apt was to do.
        operation: String,
        /// Its errors, or how it ended.
        said: String,
    },
    /// An answer that makes no sense.
    #[error("{operation} brought an answer that makes no sense: {said}")]
    Malformed {
        /// What apt was asked.
        operation: String,
        /// What it said.
        said: String,
    },
    /// A path with a quote, a backslash or a line's end.
    #[error("`{}` is no path that apt can be told", .0.display())]
    Path(PathBuf),
}

impl AptError {
    /// Whether apt refused an archive because it lacks the keys that signed it.
    pub(super) fn is_about_keys(&self) -> bool {
        let words = ["NO_PUBKEY", "GPG error", "signature", "not signed"];
        matches!(self, Self::Failed { said, .. } if words.iter().any(|w| said.contains(w)))
    }
}

/// Turns an I/O error into one that names its file: `.map_err(during("read", &path))`.
pub(super) fn during(
    operation: &'static str,
    path: impl AsRef<Path>,
) -> impl FnOnce(io::Error) -> AptError {
    move |source| AptError::File {
        operation,
        path: path.as_ref().to_owned(),
        source,
    }
}

pub(super) fn not_run(program: &'static str) -> impl Fn(io::Error) -> AptError {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => AptError::Missing(program),
        _ => AptError::Run { program, source },
    }
}

/// Runs a command to its end; anything but status 0 is an error.
pub(super) fn run(
    program: &'static str,
    command: &mut Command,
    operation: impl FnOnce() -> String,
) -> Result<String, AptError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(not_run(program))?;
    check(&output, operation)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Refuses the output of a command that did not end with status 0.
pub(super) fn check(output: &Output, operation: impl FnOnce() -> String) -> Result<(), AptError> {
    if output.status.success() {
        return Ok(());
    }
    let said = errors_in(&String::from_utf8_lossy(&output.stderr));
    Err(AptError::Failed {
        operation: operation(),
        said: said.unwrap_or_else(|| output.status.to_string()),
    })
}

/// What apt says of the lists after each list that failed.
const SEQUEL: &str = "Some index files failed to download.";

// W: GPG error: http://mirror.example/debian trixie InRelease: … NO_PUBKEY 6ED0E7B82643E131
// E: The repository 'http://mirror.example/debian trixie InRelease' is not signed.
fn errors_in(text: &str) -> Option<String> {
    let mut errors: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("E: ")
                .or_else(|| line.strip_prefix("Error: "))
        })
        .map(str::trim)
        .collect();
    if errors.is_empty() {
        errors = text.lines().map(str::trim).collect();
        errors.drain(..errors.len().saturating_sub(8));
    }
    errors.retain(|line| !line.is_empty() && !line.starts_with(SEQUEL));
    errors.dedup();
    (!errors.is_empty()).then(|| errors.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_said_without_warnings_and_other_words_where_there_are_none() {
        let text = "W: old\nE: a \nE: a\nE: b\nE: Some index files failed to download. They\n";
        assert_eq!(errors_in(text).as_deref(), Some("a; b"));
        assert_eq!(
            errors_in("dpkg-deb: no\n\n").as_deref(),
            Some("dpkg-deb: no")
        );
        assert_eq!(errors_in("\n"), None);
    }

    #[test]
    fn a_refusal_for_want_of_keys_is_told_from_a_lost_network() {
        let failed = |said: &str| AptError::Failed {
            operation: "x".into(),
            said: said.into(),
        };
        assert!(failed("The repository 'u trixie InRelease' is not signed.").is_about_keys());
        assert!(!failed("Failed to fetch u  Could not connect").is_about_keys());
        assert!(!AptError::NoMirror.is_about_keys());
    }
}
