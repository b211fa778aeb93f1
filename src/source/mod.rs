//! Sources on the controller: fetch, verify, unpack, patch, repack.
//!
//! A zone gets one finished tree as one archive, so it needs no way out to the network, no `patch`
//! and no `xz`; and whether a recipe's patches still apply is known without any zone.

pub mod cache;
mod compression;
mod debian;
pub mod fetch;
mod http;
pub mod patch;
pub mod releases;
pub mod repack;
pub mod tree;
pub mod unpack;

pub use http::Patience;

use std::path::{Path, PathBuf};

use patch::{Applied, PatchError};
use tree::{NameError, Tree, TreeError, TreePath};
use unpack::{Limits, UnpackError};

/// A patch with its bytes.
#[derive(Debug, Clone, Copy)]
pub struct NamedPatch<'a> {
    /// The name that the recipe gives it.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// How many leading components of its names are dropped.
    pub strip: u32,
    /// How many lines of context may differ at each end of a hunk.
    pub fuzz: u32,
}

/// A fetched archive and what is to become of it.
#[derive(Debug, Clone)]
pub struct Ingredient<'a> {
    /// The archive.
    pub archive: &'a Path,
    /// How many leading components of its names are dropped.
    pub strip: u32,
    /// The folder of the tree to unpack into; the names in its patches start there too.
    pub into: Option<&'a str>,
    /// Patches, in order.
    pub patches: Vec<NamedPatch<'a>>,
}

/// A source tree that is ready to be built, and what the patches did to it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The tree.
    pub tree: Tree,
    /// For each patch its name, and where its hunks were found.
    pub patches: Vec<(String, Applied)>,
}

/// Why there is no source tree.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Patch(#[from] PatchError),
    #[error("the folder `{into}` to unpack into is refused: {reason}")]
    Into { into: String, reason: NameError },
    #[error("cannot unpack `{archive}` into `{into}`: {reason}")]
    InTheWay {
        archive: PathBuf,
        into: TreePath,
        reason: TreeError,
    },
}

impl PrepareError {
    /// What to do or to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unpack(error) => error.help(),
            Self::Patch(error) => error.help(),
            Self::Into { .. } => "write a folder of the source tree, as in `subprojects/bstring`",
            Self::InTheWay { .. } => "write another `into`: something of another source is there",
        }
    }
}

/// Unpacks all archives in order, each followed by its patches.
///
/// One that goes into a folder is unpacked and patched by itself, so that neither can touch what
/// lies beside the folder.
///
/// # Errors
/// [`PrepareError`] for the first archive or patch that is refused.
pub fn prepare(ingredients: &[Ingredient<'_>], limits: &Limits) -> Result<Prepared, PrepareError> {
    let mut prepared = Prepared {
        tree: Tree::new(),
        patches: Vec::new(),
    };
    for ingredient in ingredients {
        let place = ingredient.into.map(folder).transpose()?.flatten();
        let Some(into) = place else {
            add(
                ingredient,
                &mut prepared.tree,
                &mut prepared.patches,
                limits,
            )?;
            continue;
        };
        let mut tree = Tree::new();
        add(ingredient, &mut tree, &mut prepared.patches, limits)?;
        prepared
            .tree
            .graft(&into, tree)
            .map_err(|reason| PrepareError::InTheWay {
                archive: ingredient.archive.to_owned(),
                into,
                reason,
            })?;
    }
    Ok(prepared)
}

fn folder(into: &str) -> Result<Option<TreePath>, PrepareError> {
    TreePath::parse_stripped(into.as_bytes(), 0).map_err(|reason| PrepareError::Into {
        into: into.to_owned(),
        reason,
    })
}

fn add(
    ingredient: &Ingredient<'_>,
    tree: &mut Tree,
    patches: &mut Vec<(String, Applied)>,
    limits: &Limits,
) -> Result<(), PrepareError> {
    unpack::unpack(ingredient.archive, ingredient.strip, tree, limits)?;
    for one in &ingredient.patches {
        let applied = patch::apply(tree, one.name, one.bytes, one.strip, one.fuzz)?;
        patches.push((one.name.to_owned(), applied));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
