//! The table entry of an emulated command.
//!
//! An emulated command is the tool's own binary seen under another path inside a sandbox; the path
//! alone never makes it act so.

use std::ffi::OsString;

/// A command of SmartOS that the sandbox answers itself.
#[derive(Debug, Clone, Copy)]
pub struct Emulated {
    /// Where the command lies in a zone.
    pub path: &'static str,
    /// Runs it with the arguments after the command's name; returns the exit status.
    pub run: fn(&[OsString]) -> i32,
}
