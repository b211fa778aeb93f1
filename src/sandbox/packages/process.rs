//! What an emulated package command is given: a root, a working directory, an environment and
//! three streams.
//!
//! The root is `/` in a zone. Every path that a command names is looked up below it, so that a
//! test can give a command a folder instead of a zone.

use std::io::{self, BufRead, Write};
use std::path::{Component, Path, PathBuf};

/// The surroundings of one emulated command.
pub struct Process<'a> {
    /// Where the file system that the command sees begins.
    pub root: &'a Path,
    /// The working directory, as the command names it.
    pub directory: &'a Path,
    /// Looks up one variable of the environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Makes exactly the files of these packages of the index visible in the zone.
    pub show_layers: &'a mut dyn FnMut(&[&str]) -> Result<(), String>,
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Standard output.
    pub output: &'a mut dyn Write,
    /// Standard error.
    pub errors: &'a mut dyn Write,
}

/// Why a command, or its work on one package, ends early.
#[derive(Debug)]
pub enum Stop {
    /// This package failed; whatever there was to say has been said.
    Failed,
    /// The whole program ends with this text (may be empty) and this status.
    Exit(i32, String),
    /// The file system refused; ends the program as the real tools' `err` does.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Stop {
    /// The end of a call that asks for something this emulation does not do.
    #[must_use]
    pub fn not_emulated(what: &str) -> Self {
        Self::Exit(
            NOT_EMULATED,
            format!("{what} is not emulated in the sandbox"),
        )
    }
}

/// The exit status that no real package tool uses: the sandbox does not do this.
pub const NOT_EMULATED: i32 = 99;

impl Process<'_> {
    /// Writes one line to standard output. A reader that went away is not our concern.
    pub fn say(&mut self, line: &str) {
        let _ = writeln!(self.output, "{line}");
    }

    /// Writes text to standard output as it is.
    pub fn put(&mut self, text: &str) {
        let _ = self.output.write_all(text.as_bytes());
        let _ = self.output.flush();
    }

    /// Writes one line to standard error, without the program's name.
    pub fn complain(&mut self, line: &str) {
        let _ = writeln!(self.errors, "{line}");
    }

    /// Writes `PROGRAM: LINE` to standard error, as `warnx` does.
    pub fn warn(&mut self, program: &str, line: &str) {
        let _ = writeln!(self.errors, "{program}: {line}");
    }

    /// The file that the command means by `path`.
    #[must_use]
    pub fn file(&self, path: &str) -> PathBuf {
        below(self.root, &self.directory.join(path))
    }

    /// The same surroundings with another standard output.
    pub fn with_output<'b>(&'b mut self, output: &'b mut dyn Write) -> Process<'b> {
        Process {
            root: self.root,
            directory: self.directory,
            environment: self.environment,
            show_layers: &mut *self.show_layers,
            input: &mut *self.input,
            output,
            errors: &mut *self.errors,
        }
    }

    /// Turns the end of a program into its exit status, saying what there is to say.
    pub fn finish(&mut self, program: &str, result: Result<i32, Stop>) -> i32 {
        match result {
            Ok(status) => status,
            Err(Stop::Failed) => 1,
            Err(Stop::Exit(status, text)) => {
                if !text.is_empty() {
                    self.warn(program, &text);
                }
                status
            }
            Err(Stop::Io(error)) => {
                self.warn(program, &error.to_string());
                2
            }
        }
    }
}

/// `path` (absolute) below `root`; `..` never leaves the root.
#[must_use]
pub fn below(root: &Path, path: &Path) -> PathBuf {
    let mut file = root.to_path_buf();
    let depth = file.components().count();
    for component in path.components() {
        match component {
            Component::Normal(name) => file.push(name),
            Component::ParentDir if file.components().count() > depth => {
                file.pop();
            }
            _ => {}
        }
    }
    file
}

/// Adds the path to an error of the file system.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Writes a file whole or not at all.
///
/// # Errors
///
/// When the directory cannot be written to.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new()
        .prefix(".zonewright-")
        .tempfile_in(directory)
        .map_err(at(directory))?;
    file.write_all(bytes).map_err(at(path))?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(at(path))?;
    file.persist(path).map_err(|e| at(path)(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leaves_the_root() {
        let root = Path::new("/zone");
        for (path, file) in [
            ("/opt/local", "/zone/opt/local"),
            ("/../etc/passwd", "/zone/etc/passwd"),
            ("/opt/../../x", "/zone/x"),
            ("/./a//b/", "/zone/a/b"),
        ] {
            assert_eq!(below(root, Path::new(path)), Path::new(file), "{path}");
        }
    }
}
