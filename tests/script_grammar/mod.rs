//! The grammar of the scripts that are sent to a target: what SmartOS is known to understand.
//!
//! A script is parsed by a real bash parser and every command in it, however deep (substitutions,
//! functions, `su -c`, `find -exec`, a script in a here-document), is held against `allowed.toml`,
//! which was made from the facts. What the list does not name is a violation, even where it works
//! on Linux: that is the point.

mod allowed;
mod builtins;
mod commands;
mod expansion;
mod options;
pub mod payload;
mod walk;

use std::fmt;

pub use allowed::Allowed;

/// Something in a script that SmartOS may not understand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The line of the script, from 1.
    pub line: usize,
    /// The command, or the expansion, as it is written.
    pub command: String,
    /// What is wrong with it, and what to write instead.
    pub reason: String,
    /// It works as long as a value is not empty.
    pub is_warning: bool,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_warning { "warning: " } else { "" };
        write!(
            f,
            "line {}: {kind}`{}`: {}",
            self.line, self.command, self.reason
        )
    }
}

/// Everything in `script` that the facts do not cover.
pub fn check(script: &str) -> Vec<Violation> {
    check_against(Allowed::shipped(), script)
}

/// As [`check`], against another list.
pub fn check_against(allowed: &Allowed, script: &str) -> Vec<Violation> {
    let mut violations = walk::Walk::check(allowed, script, 1);
    violations.sort();
    violations.dedup();
    violations
}

#[cfg(test)]
mod tests;
