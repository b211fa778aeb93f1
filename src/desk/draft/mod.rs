//! A first recipe for a source that nobody has written one for: what the tree says of itself.
//!
//! What is found is written down; what can only be guessed stands there as a comment. The result is
//! a file like one by hand, in which each line says why it is there.

mod licence;
mod look;
mod netatalk;
mod options;
mod packages;
mod service;
mod write;

use std::collections::BTreeMap;

pub use look::{Found, look};
pub use write::{skeleton, write};

/// The files of a source, by their path below the archive's top folder.
pub type Files<'t> = BTreeMap<String, &'t [u8]>;

/// Where the archive comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A URL.
    Url(String),
    /// A file of a Debian source package: package, version, release.
    Debian(String, String, String),
    /// A file that was given; where it is fetched from nobody knows.
    File,
}

/// An archive that was unpacked.
#[derive(Debug, Clone)]
pub struct Archive<'t> {
    /// Its file name.
    pub name: String,
    pub place: Place,
    pub sha256: String,
    pub size: u64,
    /// The folder that all of it is in, where there is one.
    pub top: Option<String>,
    pub files: Files<'t>,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The recipe's text.
    pub recipe: String,
    /// Templates, by their path in the site.
    pub templates: Vec<(String, String)>,
}

/// A file as text, however it is encoded.
fn text(files: &Files<'_>, path: &str) -> Option<String> {
    let bytes = files.get(path)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// The text between the first two quotes.
fn quoted(text: &str) -> Option<&str> {
    let start = text.find(['\'', '"'])?;
    let quote = text.get(start..)?.chars().next()?;
    text.get(start + 1..)?.split(quote).next()
}
