//! A recipe's sources at a desk: fetched, and its patches tried on them.

use std::path::PathBuf;

use super::super::{Failure, folders};
use crate::causes::in_one_line;
use crate::problem::Problem;
use crate::recipe::bundle::BundledPatch;
use crate::recipe::load::LoadedRecipe;
use crate::recipe::model::Source;
use crate::recipe::resolve;
use crate::recipe::sample::{sample_zone, samples};
use crate::run::Event;
use crate::show::progress::Progress;
use crate::site::SiteRoot;
use crate::source::cache::Cache;
use crate::source::fetch::{Fetched, Fetcher};
use crate::source::unpack::Limits;
use crate::source::{Ingredient, NamedPatch, PrepareError, Prepared, prepare};

/// The cache of archives.
pub(super) fn cache() -> Result<Cache, Failure> {
    let folder = folders().cache;
    Cache::open(&folder)
        .map_err(|error| Failure::of(&error, "set XDG_CACHE_HOME to a folder of yours"))
}

/// Where archives are looked for before they are fetched.
pub(super) fn distfiles(site: &SiteRoot, given: &[PathBuf]) -> Vec<PathBuf> {
    let own = site.folder().map(|folder| folder.join("distfiles"));
    given.iter().cloned().chain(own).collect()
}

/// Fetches one source of a recipe; `number` is its place there.
pub(super) fn fetch(
    fetcher: &Fetcher<'_>,
    source: &Source,
    loaded: &LoadedRecipe,
    number: usize,
    progress: &mut Progress,
) -> Result<Fetched, Failure> {
    let fetched = fetcher.fetch(source, &mut |event| progress.show(&Event::Fetch(event)));
    progress.stop();
    fetched.map_err(|error| {
        let place = match source.urls.is_empty() {
            true => "debian",
            false => "urls",
        };
        let key = error.belies().unwrap_or(place);
        let text = in_one_line(&error);
        let (message, places) = text.split_once('\n').unwrap_or((&text, ""));
        let problem = Problem {
            help: Some(error.help()),
            ..Problem::error(message)
        };
        let details = Some(places).filter(|places| !places.is_empty());
        Failure::Unfit {
            problem: Box::new(
                loaded
                    .document
                    .place(&format!("source[{number}].{key}"), problem),
            ),
            details: details.map(|places| places.to_owned() + "\n"),
        }
    })
}

/// Tries a recipe's patches on its sources, as a sample zone would get them.
pub(super) fn try_patches(
    fetcher: &Fetcher<'_>,
    loaded: &LoadedRecipe,
    progress: &mut Progress,
) -> Result<Prepared, Failure> {
    let bundle = resolve(loaded, &samples(&loaded.recipe), &sample_zone())?;
    let mut archives = Vec::new();
    for (number, source) in bundle.recipe.sources.iter().enumerate() {
        archives.push(fetch(fetcher, source, loaded, number, progress)?.path);
    }
    let sources = bundle.recipe.sources.iter().zip(&archives).enumerate();
    let ingredients: Vec<Ingredient<'_>> = sources
        .map(|(number, (source, archive))| Ingredient {
            archive,
            strip: source.strip,
            into: source.into.as_deref(),
            patches: of_source(&bundle.patches, number),
        })
        .collect();
    prepare(&ingredients, &Limits::default()).map_err(|error| unprepared(loaded, &error))
}

fn of_source(patches: &[BundledPatch], number: usize) -> Vec<NamedPatch<'_>> {
    let own = patches.iter().filter(|patch| patch.source == number);
    own.map(|patch| NamedPatch {
        name: &patch.file,
        bytes: &patch.bytes,
        strip: patch.strip,
        fuzz: patch.fuzz,
    })
    .collect()
}

/// The failure at the patch's own line in the recipe, with the rejected hunk.
fn unprepared(loaded: &LoadedRecipe, error: &PrepareError) -> Failure {
    let PrepareError::Patch(patch) = error else {
        return Failure::of(error, error.help());
    };
    let mut problem = Problem {
        help: Some(patch.help().to_owned()),
        ..Problem::error(in_one_line(patch))
    };
    for (s, source) in loaded.recipe.sources.iter().enumerate() {
        if let Some(p) = source
            .patches
            .iter()
            .position(|known| known.file == patch.patch)
        {
            problem = loaded
                .document
                .place(&format!("source[{s}].patches[{p}].file"), problem);
        }
    }
    Failure::Unfit {
        problem: Box::new(problem),
        details: patch.details(),
    }
}
