//! What the site's files say about a zone, loaded and checked before anything is touched.

use super::Failure;
use crate::build_system;
use crate::problem::Severity;
use crate::recipe::load::load_recipe;
use crate::run::Wish;
use crate::site::SiteRoot;
use crate::site::load::{check_others, check_zone};

/// Loads a zone file and its recipes.
pub(super) fn load(site: &SiteRoot, zone: &str) -> Result<Wish, Failure> {
    let systems = build_system::names();
    let (loaded, mut problems) = check_zone(site, zone, &systems);
    problems.extend(loaded.iter().flat_map(|loaded| check_others(site, loaded)));
    let is_good = problems
        .iter()
        .all(|problem| problem.severity == Severity::Warning);
    let Some(loaded) = loaded.filter(|_| is_good) else {
        return Err(Failure::Problems(problems));
    };
    let mut recipes = Vec::new();
    for used in &loaded.zone.recipes {
        recipes.push((used.name.clone(), load_recipe(site, &used.name, &systems)?));
    }
    Ok(Wish {
        zone: loaded.zone,
        recipes,
    })
}
