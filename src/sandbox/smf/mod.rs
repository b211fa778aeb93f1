//! Emulated SMF commands.

use crate::sandbox::emulate::Emulated;

/// The commands of this part.
pub const COMMANDS: &[Emulated] = &[];
