//! What the site's files say about a zone, loaded and checked before anything is touched.

use super::Failure;
use crate::build_system;
use crate::recipe::load::load_recipe;
use crate::run::Wish;
use crate::site::SiteRoot;
use crate::site::load::load_zone;

/// Loads a zone file and its recipes.
pub(super) fn load(site: &SiteRoot, zone: &str) -> Result<Wish, Failure> {
    let loaded = load_zone(site, zone)?;
    let mut recipes = Vec::new();
    let mut problems = Vec::new();
    for used in &loaded.zone.recipes {
        match load_recipe(site, &used.name, &build_system::names()) {
            Ok(recipe) => {
                problems.extend(loaded.check_parameters(used, &recipe.recipe));
                recipes.push((used.name.clone(), recipe));
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(Wish { zone: loaded.zone, recipes })
    } else {
        Err(Failure::Problems(problems))
    }
}
