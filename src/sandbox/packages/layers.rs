//! Which layers of Debian files a zone should show: those of the emulated packages that its
//! database holds.
//!
//! A package that `pkgin` registered carries `ZONEWRIGHT_LAYER=NAME` in its `+BUILD_INFO`; a real
//! package of the same name does not, and so never uncovers anything.

use std::io;

use super::database::{BUILD_INFO, Database, value_of};
use super::process::{Process, Stop};

/// The variable of `+BUILD_INFO` that names a package's layer.
pub const VARIABLE: &str = "ZONEWRIGHT_LAYER";

/// The variable that stands there instead while the layer is not wanted yet: a fresh zone has the
/// package (`openssl`), but its headers only appear when something is installed that needs them.
pub const PENDING: &str = "ZONEWRIGHT_PENDING";

/// How an emulated package stands to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// It has none; its files are the image's own.
    None,
    /// It has one that is shown when the package is asked for or needed.
    Pending,
    /// It has one that is shown.
    Shown,
}

/// Whether a package's layer still waits to be wanted.
///
/// # Errors
///
/// When its record cannot be read.
pub fn is_pending(database: &Database, name: &str) -> io::Result<bool> {
    let text = database.read(name, BUILD_INFO)?.unwrap_or_default();
    Ok(value_of(&text, PENDING).is_some())
}

/// The layers of the packages in the database, sorted.
///
/// # Errors
///
/// When the database cannot be read.
pub fn wanted(database: &Database) -> io::Result<Vec<String>> {
    let mut layers = Vec::new();
    for name in database.names()? {
        let text = database.read(&name, BUILD_INFO)?.unwrap_or_default();
        layers.extend(value_of(&text, VARIABLE).map(str::to_owned));
    }
    layers.sort();
    layers.dedup();
    Ok(layers)
}

/// Shows the layers of the packages in the database, if they are others than before.
///
/// # Errors
///
/// When the database cannot be read or the sandbox does not show them.
pub fn show_if_changed(
    process: &mut Process<'_>,
    program: &str,
    database: &Database,
    before: &[String],
) -> Result<(), Stop> {
    let layers = wanted(database)?;
    if layers != before {
        show(process, &layers)
            .map_err(|error| Stop::Exit(1, format!("the sandbox cannot hide packages: {error}")))
            .inspect_err(|_| process.warn(program, "the package database is already changed"))?;
    }
    Ok(())
}

/// Shows exactly these layers.
///
/// # Errors
///
/// The sandbox's words when it does not.
pub fn show(process: &mut Process<'_>, layers: &[String]) -> Result<(), String> {
    let names: Vec<&str> = layers.iter().map(String::as_str).collect();
    (process.show_layers)(&names)
}
