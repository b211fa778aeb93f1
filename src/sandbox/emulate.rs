//! The commands of SmartOS that this binary plays inside a sandbox zone.
//!
//! The binary is seen under each `path`; which one it plays is decided by the sandbox, never by
//! the name alone.

use std::ffi::OsString;

/// One emulated command.
#[derive(Debug, Clone, Copy)]
pub struct Emulated {
    /// Where the command lies in a zone.
    pub path: &'static str,
    /// Runs it; the arguments come without the command's own name, the result is the exit status.
    pub run: fn(&[OsString]) -> i32,
}
