//! People in a build tree: under the zone's lock, as whatever else changes something there.

use std::io::Read;

use super::build::{self, BuildError};
use super::{Controller, Door, RunError, View, judged, lock};
use crate::host::{self, Exit, Host as _, Stream};
use crate::plan::debug::{self, KeptTree, NO_TREE};
use crate::plan::phases::BUILD_EPOCH;
use crate::receipt::sha256_hex;
use crate::script::Script;
use crate::source::Prepared;
use crate::source::repack::ustar;

/// Holds the zone while `work` is done.
///
/// # Errors
/// [`RunError::Locked`] when somebody else holds it, and whatever `work` returns.
pub fn under_lock<T>(
    door: &mut Door<'_>,
    controller: &mut Controller<'_>,
    work: impl FnOnce(&mut Door<'_>) -> Result<T, RunError>,
) -> Result<T, RunError> {
    lock::take(door, controller, None)?;
    let result = work(door);
    lock::release(door);
    result
}

/// The newest build tree of a recipe that is kept in the zone, if there is one.
///
/// # Errors
/// [`RunError`] when the zone cannot be asked.
pub fn kept_tree(door: &mut Door<'_>, recipe: &str) -> Result<Option<KeptTree>, RunError> {
    let (exit, said, errors) = host::run_to_string(door, &debug::look(recipe))?;
    let text = String::from_utf8_lossy(&said);
    match exit {
        Exit::Code(NO_TREE) => Ok(None),
        exit => {
            judged(&exit, &errors)?;
            let tree = KeptTree::parse(&text);
            tree.map(Some)
                .ok_or_else(|| RunError::Probe(text.trim().to_owned()))
        }
    }
}

/// Runs a script that prints an answer or fails.
///
/// # Errors
/// [`RunError`] when it fails.
pub fn ask(
    door: &mut Door<'_>,
    script: &Script,
    input: &mut dyn Read,
) -> Result<Vec<u8>, RunError> {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let exit = door.run(script, input, &mut |stream, data| match stream {
        Stream::Out => out.extend_from_slice(data),
        Stream::Err => errors.extend_from_slice(data),
    })?;
    judged(&exit, &errors).map(|()| out)
}

/// The sources of a recipe as a build of it gets them, and the sha256 of the archive they travel in.
///
/// # Errors
/// [`BuildError`] when they cannot be had or patched.
pub fn sources(
    view: &View,
    recipe: &str,
    controller: &mut Controller<'_>,
) -> Result<(Prepared, String), Box<BuildError>> {
    let wanted = build::recipe(view, recipe).map_err(|error| Box::new(error.into()))?;
    let prepared = build::prepare_tree(wanted, controller).map_err(|failure| failure.error)?;
    let archive = ustar(&prepared.tree, BUILD_EPOCH).map_err(|error| Box::new(error.into()))?;
    Ok((prepared, sha256_hex(&archive)))
}
