//! pkgsrc binary packages: from a staged tree to the bytes of an archive, and what is wrong on the
//! way.
//!
//! `pkg_add` deletes the old package before it looks closely at the new one, so whatever it could
//! stumble over is looked for here first.

pub mod archive;
pub mod check;
mod elf;
pub mod inspect;
pub mod staged;

use crate::problem::Severity;

pub use archive::{BuildInfo, PackageError, PackageSpec, write};
pub use check::{Checked, check, library_candidates, system_folders};
pub use inspect::{Inspected, inspect};
pub use staged::{EntryKind, OutsideFiles, PackageFiles, StagedEntry, StagedError, StagedTree};

/// What an installed package is called. The prefix keeps it apart from a package of pkgsrc of the
/// same name, which `pkgin upgrade` would otherwise put in its place.
#[must_use]
pub fn package_name(name: &str, version: &str) -> String {
    format!("{}-{version}", package_base(name))
}

/// The name of an installed package without its version: `zw-NAME`.
#[must_use]
pub fn package_base(name: &str) -> String {
    format!("zw-{name}")
}

/// Something wrong with what a build staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageProblem {
    /// An error ends the build; a warning is shown.
    pub severity: Severity,
    /// The absolute path of the staged file; empty where it is about the whole package.
    pub path: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What to write instead, where there is something to write.
    pub help: Option<String>,
}

impl PackageProblem {
    fn error(path: &str, message: String) -> Self {
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            message,
            help: None,
        }
    }

    fn warning(path: &str, message: String) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, message)
        }
    }

    fn with_help(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }
}

impl std::fmt::Display for PackageProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
