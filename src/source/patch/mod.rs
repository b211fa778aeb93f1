//! Applies unified diffs to a source tree, as `patch -F0` would, whole or not at all.
//!
//! Lines that moved are accepted and reported; context that differs is not, unless a recipe allows
//! fuzz. Git's renames and copies read the files as they were before the patch, so that two files
//! can change names with each other.

mod header;
mod locate;
mod parse;
pub mod rebase;
pub mod refresh;
mod reject;
mod work;
pub mod write;

pub use parse::ParseError;
pub use reject::{Nearest, NearestLine, Rejection};

use super::tree::{NameError, Tree, TreeError, TreePath};
use work::Work;

/// What a patch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The files, in the patch's order.
    pub files: Vec<AppliedFile>,
}

/// What a patch did to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedFile {
    /// The file, by its new name.
    pub path: TreePath,
    /// What became of it.
    pub change: FileChange,
    /// Where each hunk was found.
    pub hunks: Vec<AppliedHunk>,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    Changed,
    Created,
    Deleted,
    Renamed { from: TreePath },
    Copied { from: TreePath },
}

/// Where a hunk was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedHunk {
    /// The line of the file as it was before the patch, counted from 1.
    pub line: usize,
    /// How far that is from the line that the patch names.
    pub offset: isize,
    /// How many lines of context were passed over at each end.
    pub fuzz: usize,
}

/// A patch that does not apply; the tree is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the patch `{patch}` does not apply: {reason}")]
pub struct PatchError {
    /// The patch's name.
    pub patch: String,
    /// Why.
    pub reason: PatchReason,
}

impl PatchError {
    /// More than one line about a hunk that does not fit: its text, and where the file comes nearest.
    #[must_use]
    pub fn details(&self) -> Option<String> {
        match &self.reason {
            PatchReason::Rejected(rejection) => Some(rejection.details()),
            _ => None,
        }
    }

    /// Why it does not apply, without its name.
    #[must_use]
    pub fn reason_text(&self) -> String {
        self.reason.to_string()
    }

    /// What to do or to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.reason.help()
    }
}

impl PatchReason {
    /// What to do or to write instead.
    fn help(&self) -> &'static str {
        match self {
            Self::Parse(_) | Self::Nameless { .. } => "make it anew with `diff -u` or `git diff`",
            Self::Name { .. } | Self::Tree(_) | Self::Submodule { .. } => {
                "a patch changes files of the source tree and nothing else: make it anew"
            }
            Self::Strip { .. } => "write a smaller `strip`",
            Self::Missing {
                strip_that_fits: Some(_),
                ..
            } => "write that `strip` beside the patch's `file`",
            Self::Missing { .. } => {
                "is the patch made for this version? make it anew, or limit it with `when`"
            }
            Self::AlreadyApplied { .. } => {
                "this source has the change: take the patch out of `patches`, or limit it to the \
                 versions that need it, as in `when = { version = \"<1.2\" }`"
            }
            Self::Exists { .. }
            | Self::NotEmpty { .. }
            | Self::NotAFile { .. }
            | Self::Rejected(_) => {
                "make the patch anew for this source, or limit it to the versions that it fits, as \
                 in `when = { version = \"<1.2\" }`"
            }
        }
    }
}

/// Why a patch does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchReason {
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error("line {line}: the file name `{name}` is refused: {reason}")]
    Name {
        line: usize,
        name: String,
        reason: NameError,
    },
    #[error("line {line}: the file name `{name}` has fewer than {strip} components to drop")]
    Strip {
        line: usize,
        name: String,
        strip: u32,
    },
    #[error("line {line}: no file is named")]
    Nameless { line: usize },
    #[error("line {line}: there is no file `{file}`{}", hint(.strip_that_fits))]
    Missing {
        line: usize,
        file: TreePath,
        strip_that_fits: Option<u32>,
    },
    #[error("it is already applied to `{file}`")]
    AlreadyApplied { file: TreePath },
    #[error("it creates `{file}`, which is there with other content")]
    Exists { file: TreePath },
    #[error("it deletes `{file}`, which holds more than the patch knows of")]
    NotEmpty { file: TreePath },
    #[error("it changes `{file}`, which is {kind}")]
    NotAFile { file: TreePath, kind: &'static str },
    #[error("it makes `{file}` a submodule")]
    Submodule { file: TreePath },
    #[error("{0}")]
    Rejected(Box<Rejection>),
    #[error(transparent)]
    Tree(#[from] TreeError),
}

fn hint(strip: &Option<u32>) -> String {
    strip.map_or_else(String::new, |strip| {
        format!("; there is one with `strip = {strip}`")
    })
}

/// Applies a patch to the tree, dropping `strip` components of its names and letting `fuzz` lines of
/// context differ at each end of a hunk.
///
/// # Errors
/// [`PatchError`] when anything of it does not apply exactly; then the tree is as it was.
pub fn apply(
    tree: &mut Tree,
    patch_name: &str,
    patch: &[u8],
    strip: u32,
    fuzz: u32,
) -> Result<Applied, PatchError> {
    let fuzz = usize::try_from(fuzz).unwrap_or(usize::MAX);
    let (next, applied) = parse::parse(patch)
        .map_err(PatchReason::from)
        .and_then(|files| Work::new(tree, strip, fuzz).all(&files))
        .map_err(|reason| PatchError {
            patch: patch_name.to_owned(),
            reason,
        })?;
    *tree = next;
    Ok(applied)
}

#[cfg(test)]
pub(in crate::source) mod tests;
