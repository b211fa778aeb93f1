//! Emulated commands of SmartOS's userland.

use crate::sandbox::emulate::Emulated;

/// The commands of this part.
pub const COMMANDS: &[Emulated] = &[];
