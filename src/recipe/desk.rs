//! A recipe's sources and patches as a version of it takes them, known without any zone.
//!
//! Conditions on the branch or the brand are about zones, so they count as met here: whoever works on
//! patches wants to see them all.

use super::bundle::ZoneContext;
use super::load::LoadedRecipe;
use super::model::{FileKind, Package, Source, When};
use super::template::{Context, render};
use super::when::is_within;

/// A source that a version takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskSource {
    /// Which of the file's sources it is, from 0.
    pub index: usize,
    /// With its URLs rendered. Its patches are all of the file's, whatever their conditions.
    pub source: Source,
}

/// Whether a version meets a condition.
#[must_use]
pub fn takes(when: Option<&When>, version: &str) -> bool {
    let condition = when.and_then(|when| when.version.as_ref());
    condition.is_none_or(|condition| is_within(version, condition))
}

/// The sources that a recipe has in `version`.
#[must_use]
pub fn sources(loaded: &LoadedRecipe, version: &str) -> Vec<DeskSource> {
    let package = Package {
        version: version.to_owned(),
        ..loaded.recipe.package.clone()
    };
    let zone = ZoneContext {
        alias: String::new(),
        brand: String::new(),
        branch: String::new(),
        users: Vec::new(),
    };
    let context = Context::for_defaults(&package, &zone);
    let all = loaded.recipe.sources.iter().enumerate();
    all.filter(|(_, source)| takes(source.when.as_ref(), version))
        .map(|(index, source)| {
            let mut source = source.clone();
            for url in &mut source.urls {
                // a URL that asks for more than the package is tried as it is, and fails by its name
                if let Ok(rendered) = render(url, FileKind::Plain, &context) {
                    *url = rendered;
                }
            }
            DeskSource { index, source }
        })
        .collect()
}
