//! A recipe at a desk, where no zone says what it is like: a sample zone stands in for one.
//!
//! Parameters without a default get a sample too. What is made of it is good for looking at, for
//! fetching sources and for trying patches, and never for a zone.

use std::collections::BTreeMap;

use super::bundle::{ZoneContext, render_document};
use super::load::LoadedRecipe;
use super::model::{FileKind, Package, Parameter, ParameterKind, Recipe, Source, When};
use super::parameters;
use super::read;
use super::template::{Context, render};
use super::when::is_within;
use crate::problem::Problem;

/// The branch that a sample zone has where nothing says another.
pub const BRANCH: &str = "2024Q4";

/// A zone to try things with.
#[must_use]
pub fn zone(alias: &str, brand: &str, branch: &str) -> ZoneContext {
    ZoneContext {
        alias: alias.to_owned(),
        brand: brand.to_owned(),
        branch: branch.to_owned(),
        users: Vec::new(),
    }
}

/// The sample zone.
#[must_use]
pub fn sample_zone() -> ZoneContext {
    zone("zone", "joyent", BRANCH)
}

/// Values for the parameters that have no default.
#[must_use]
pub fn samples(recipe: &Recipe) -> BTreeMap<String, String> {
    let lacking = recipe
        .parameters
        .iter()
        .filter(|(_, p)| p.default.is_none());
    lacking
        .map(|(name, parameter)| (name.clone(), sample(parameter)))
        .collect()
}

fn sample(parameter: &Parameter) -> String {
    if let Some(choice) = parameter.choices.first() {
        return choice.clone();
    }
    let text = match parameter.kind {
        ParameterKind::String => "sample",
        ParameterKind::Integer => "1",
        ParameterKind::Boolean => "true",
        ParameterKind::Path => "/sample",
        ParameterKind::Size => "1 GiB",
        ParameterKind::Duration => "60s",
    };
    text.to_owned()
}

/// Every source of the recipe, those too that only some zones take, with their templates rendered.
///
/// # Errors
/// What is wrong with the templates or the parameters' defaults.
pub fn sources(loaded: &LoadedRecipe) -> Result<Vec<Source>, Vec<Problem>> {
    let zone = sample_zone();
    let settled = parameters::settle(&loaded.recipe, &samples(&loaded.recipe), &zone);
    let settled = settled.map_err(|mistakes| {
        let place = |name: &str| format!("parameters.{name}.default");
        let problem = |mistake: parameters::ParameterMistake| Problem {
            label: mistake.complaint.label,
            help: mistake.complaint.help,
            ..loaded
                .document
                .problem_at(&place(&mistake.name), mistake.complaint.message)
        };
        mistakes.into_iter().map(problem).collect::<Vec<_>>()
    })?;
    let context = Context::for_defaults(&loaded.recipe.package, &zone)
        .with_parameters(serde_json::Value::Object(settled), &zone.users);
    let mut document = loaded.document.clone();
    let problems = render_document(&mut document, &context);
    if problems.is_empty() {
        Ok(read::recipe(&document.root).sources)
    } else {
        Err(problems)
    }
}

/// A source that a version takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOf {
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

/// The sources that a recipe has in `version`. Conditions on the branch or the brand are about zones,
/// so they count as met: whoever works on patches wants to see them all.
#[must_use]
pub fn sources_of(loaded: &LoadedRecipe, version: &str) -> Vec<SourceOf> {
    let package = Package {
        version: version.to_owned(),
        ..loaded.recipe.package.clone()
    };
    let context = Context::for_defaults(&package, &sample_zone());
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
            SourceOf { index, source }
        })
        .collect()
}
