//! Instance logs: the restarter's own lines among what methods print.
//!
//! The lines carry no year, and both streams of a method go to the same file.

use super::fmri::Fmri;
use super::paths::Paths;
use super::stamp;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// An instance's log file.
#[must_use]
pub fn path(paths: &Paths, fmri: &Fmri) -> PathBuf {
    paths.logs().join(fmri.log_name())
}

/// The log's path as a process of the zone names it.
#[must_use]
pub fn zone_path(fmri: &Fmri) -> String {
    format!("/var/svc/log/{}", fmri.log_name())
}

/// Appends `[ Mon dd HH:MM:SS message ]`. A log that cannot be written is told on the console.
pub fn write(paths: &Paths, fmri: &Fmri, message: &str) {
    let line = format!("[ {} {message} ]\n", stamp::log_time(stamp::now()));
    if let Err(error) = append(paths, fmri, &line) {
        eprintln!(
            "svc.startd: cannot write {}: {error}",
            path(paths, fmri).display()
        );
    }
}

/// Appends text as a method would print it.
pub fn append(paths: &Paths, fmri: &Fmri, text: &str) -> io::Result<()> {
    fs::create_dir_all(paths.logs())?;
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o644)
        .open(path(paths, fmri))?
        .write_all(text.as_bytes())
}
