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
