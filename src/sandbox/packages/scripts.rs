//! What packages run: `+INSTALL`, `+DEINSTALL`, `@exec` and `@unexec`.
//!
//! A script runs in its metadata directory, the file itself being the program: without a `#!`
//! line or with a missing interpreter it does not run at all.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::database::Database;
use super::process::{Process, below};

/// How a script ended.
#[derive(Debug)]
pub enum Ended {
    /// Well, or there was none.
    Well,
    /// With an error status.
    Badly,
    /// It could not be started.
    NotStarted(io::Error),
}

/// Where a package is being installed or removed.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The package database.
    pub database: &'a Database,
    /// The directory of the package in it, by name (differs from the package's during `-U`).
    pub entry: &'a str,
    /// The package's name with version.
    pub package: &'a str,
    /// The first `@cwd`, below the destination directory if there is one.
    pub prefix: &'a str,
    /// `-P`.
    pub destination: Option<&'a str>,
}

/// Runs `+INSTALL` or `+DEINSTALL` with one of its four words.
pub fn run_script(process: &mut Process<'_>, place: Place<'_>, script: &str, phase: &str) -> Ended {
    let directory = place.database.package(place.entry);
    let file = directory.join(script);
    if !file.is_file() {
        return Ended::Well;
    }
    let mut command = Command::new(&file);
    command
        .args([place.package, phase])
        .current_dir(&directory)
        .env("PKG_PREFIX", below(process.root, Path::new(place.prefix)))
        .env("PKG_METADATA_DIR", &directory)
        .env(
            "PKG_REFCOUNT_DBDIR",
            format!("{}.refcount", place.database.directory().display()),
        );
    if let Some(destination) = place.destination {
        command.env("PKG_DESTDIR", below(process.root, Path::new(destination)));
    }
    match run(process, &mut command) {
        Ok(true) => Ended::Well,
        Ok(false) => Ended::Badly,
        Err(error) => Ended::NotStarted(error),
    }
}

/// Runs the shell command of an `@exec` or `@unexec` line.
///
/// # Errors
///
/// When there is no shell.
pub fn run_command(process: &mut Process<'_>, command: &str) -> io::Result<bool> {
    run(
        process,
        Command::new("/bin/sh")
            .arg(OsStr::new("-c"))
            .arg(command)
            .current_dir("/"),
    )
}

/// `%D` prefix, `%F` last file, `%B` its directory, `%f` its base name.
#[must_use]
pub fn expand(command: &str, prefix: &str, last_file: &str) -> String {
    let (directory, name) = last_file.rsplit_once('/').unwrap_or(("", last_file));
    let mut text = String::new();
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('D') => text.push_str(prefix),
            Some('F') => text.push_str(&format!("{prefix}/{last_file}")),
            Some('B') if directory.is_empty() => text.push_str(prefix),
            Some('B') => text.push_str(&format!("{prefix}/{directory}")),
            Some('f') => text.push_str(name),
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}

fn run(process: &mut Process<'_>, command: &mut Command) -> io::Result<bool> {
    let output = command.stdin(Stdio::null()).output()?;
    let _ = process.output.write_all(&output.stdout);
    let _ = process.errors.write_all(&output.stderr);
    Ok(output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_name_prefix_file_directory_and_base_name() {
        let text = expand("x %D %F %B %f %% %z", "/opt/local", "share/foo/a.txt");
        assert_eq!(
            text,
            "x /opt/local /opt/local/share/foo/a.txt /opt/local/share/foo a.txt % z"
        );
        assert_eq!(expand("%B", "/opt/local", "x"), "/opt/local");
    }
}
