//! Emulated package commands.

use crate::sandbox::emulate::Emulated;

/// The commands of this part.
pub const COMMANDS: &[Emulated] = &[];

/// One package of the emulated pkgin index.
#[derive(Debug, Clone, Copy)]
pub struct IndexEntry {
    /// The pkgsrc name, without version.
    pub name: &'static str,
    /// The Debian packages whose files stand for it; the first one gives the version.
    pub debian: &'static [&'static str],
    /// The pkgsrc names it depends on.
    pub depends: &'static [&'static str],
    /// The one-line comment.
    pub comment: &'static str,
    /// A version that replaces Debian's.
    pub version: Option<&'static str>,
}

/// All packages that the emulated pkgin knows.
pub const INDEX: &[IndexEntry] = &[];
