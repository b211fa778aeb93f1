//! Whether the sources of a build can be had and patched: asked before the first change of a run.
//!
//! They are prepared once more when their turn comes, for whole trees are not worth keeping in memory
//! while pkgin installs compilers. What is wrong is placed in the recipe, since the recipe is what
//! its author will change.

use super::build::{self, BuildError};
use super::{Controller, RunError, View, Wish};
use crate::causes::in_one_line;
use crate::plan::{Step, WantedRecipe, Work};
use crate::problem::Problem;
use crate::recipe::load::LoadedRecipe;
use crate::recipe::model::Source;
use crate::source::PrepareError;

/// Fetches, verifies, unpacks and patches the sources of every build that is planned, or may be.
pub(super) fn rehearse(
    wish: &Wish,
    view: &View,
    controller: &mut Controller<'_>,
) -> Result<(), RunError> {
    let built = view.recipes.iter().filter(|recipe| is_built(recipe, view));
    prepare_each(wish, built, controller)
}

/// The same for recipes whose zone was not asked; nothing is known then of what would be built.
pub(super) fn prepare_each<'a>(
    wish: &Wish,
    recipes: impl IntoIterator<Item = &'a WantedRecipe>,
    controller: &mut Controller<'_>,
) -> Result<(), RunError> {
    for recipe in recipes {
        if let Err(failure) = build::prepare(recipe, controller) {
            return Err(placed(wish, recipe, failure));
        }
    }
    Ok(())
}

fn is_built(recipe: &WantedRecipe, view: &View) -> bool {
    let unknown = format!("build/{}", recipe.name);
    let needs_sources = |step: &Step| match &step.work {
        Work::Source(job) => job.recipe == recipe.name,
        Work::Unknown => step.id == unknown,
        _ => false,
    };
    view.plan.steps.iter().any(needs_sources)
}

/// The failure as a problem of the recipe's file, with what takes more than one line beside it.
fn placed(wish: &Wish, recipe: &WantedRecipe, failure: build::Unprepared) -> RunError {
    let build::Unprepared { source, error } = failure;
    let loaded = wish.recipes.iter().find(|(name, _)| *name == recipe.name);
    let wanted = source.and_then(|index| recipe.bundle.recipe.sources.get(index));
    let place = loaded
        .zip(wanted)
        .and_then(|((_, loaded), wanted)| Some((loaded, key(loaded, wanted, &error)?)));
    let text = in_one_line(&*error);
    // which places were tried takes a line for each
    let (message, places) = text.split_once('\n').unwrap_or((&text, ""));
    let (help, details) = match &*error {
        BuildError::Fetch(error) => (error.help(), Some(places.to_owned())),
        BuildError::Prepare(error) => {
            let details = match error {
                PrepareError::Patch(patch) => patch.details(),
                _ => None,
            };
            (error.help().to_owned(), details)
        }
        _ => (String::new(), None),
    };
    let problem = Problem {
        help: Some(help).filter(|help| !help.is_empty()),
        ..Problem::error(message)
    };
    let problem = match place {
        Some((loaded, key)) => loaded.document.place(&key, problem),
        None => problem,
    };
    RunError::Sources {
        problem: Box::new(problem),
        details,
        is_late: false,
    }
}

/// The key of the recipe that the failure is about. What a `when` excludes is in the file, but not
/// in the recipe of this zone, so a source is known by what it holds and not by its number.
fn key(loaded: &LoadedRecipe, wanted: &Source, error: &BuildError) -> Option<String> {
    let is_it = |source: &Source| match &wanted.sha256 {
        Some(sha256) => source.sha256.as_ref() == Some(sha256) && source.into == wanted.into,
        None => source.unverified == wanted.unverified && source.into == wanted.into,
    };
    let index = loaded.recipe.sources.iter().position(is_it)?;
    let source = loaded.recipe.sources.get(index)?;
    let place = if source.urls.is_empty() {
        "debian"
    } else {
        "urls"
    };
    let key = match error {
        BuildError::Fetch(error) => error.belies().unwrap_or(place).to_owned(),
        BuildError::Prepare(PrepareError::Patch(error)) => {
            let is_it = |patch: &crate::recipe::model::Patch| patch.file == error.patch;
            let number = source.patches.iter().position(is_it)?;
            format!("patches[{number}].file")
        }
        BuildError::Prepare(PrepareError::Into { .. } | PrepareError::InTheWay { .. }) => {
            "into".to_owned()
        }
        _ => place.to_owned(),
    };
    Some(format!("source[{index}].{key}"))
}
