//! Everything that can be known of recipes and zone files at a desk: nobody is asked, nothing is
//! sent, and no zone is touched.
//!
//! What could not be looked at is said as loudly as what is wrong: a check that passes over a source
//! which is not there would else read as praise.

mod circumstances;
pub mod draft;
pub mod fix;
mod manifests;
mod options;
mod recipe;
mod sources;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::build_system;
use crate::problem::{Problem, Severity};
use crate::recipe::allow::{self, Allowed};
use crate::recipe::check::is_at_same_place;
use crate::site::check::check_use;
use crate::site::load::{check_others, check_zone, load_zone, zone_names};
use crate::site::{LoadedZone, SiteRoot};
use crate::source::Patience;
use crate::source::cache::Cache;
use crate::source::fetch::Fetcher;
use recipe::Look;

/// Where archives lie on this machine.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// The cache of this program, where there is one.
    pub cache: Option<PathBuf>,
    /// Folders of the user's.
    pub distfiles: Vec<PathBuf>,
}

/// A file to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Recipe(String),
    Zone(String),
}

/// What is known of one file.
#[derive(Debug, Clone)]
pub struct Report {
    pub target: Target,
    /// Everything that is wrong and not allowed.
    pub problems: Vec<Problem>,
    /// What the recipe breaks on purpose.
    pub allowed: Vec<Allowed>,
    /// What was looked at, a few words each.
    pub checked: Vec<String>,
    /// What was not.
    pub unchecked: Vec<Unchecked>,
}

/// Something that was not looked at, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    pub what: String,
    pub why: String,
    /// Whether it takes a source that is not on this machine.
    pub is_source: bool,
}

impl Unchecked {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            is_source: false,
        }
    }
}

/// Checks the targets, all at once as far as there are processors.
#[must_use]
pub fn check(site: &SiteRoot, targets: &[Target], shelf: &Shelf) -> Vec<Report> {
    // an empty cache is made where there is none: folders of archives are searched through it
    let cache = shelf.cache.as_deref().map(Cache::at);
    let fetcher = cache
        .as_ref()
        .map(|cache| Fetcher::new(cache, &shelf.distfiles, Patience::default()));
    let zones: Vec<LoadedZone> = zone_names(site)
        .iter()
        .filter_map(|name| load_zone(site, name).ok())
        .collect();
    let looks = look_at(site, &recipes_of(targets, &zones), fetcher.as_ref());
    targets
        .iter()
        .map(|target| match target {
            Target::Recipe(name) => report_recipe(name, &looks, &zones),
            Target::Zone(name) => report_zone(site, name, &looks),
        })
        .collect()
}

/// The recipes that are to be looked at, each once.
fn recipes_of(targets: &[Target], zones: &[LoadedZone]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for target in targets {
        match target {
            Target::Recipe(name) => names.push(name.clone()),
            Target::Zone(name) => {
                let zone = zones.iter().find(|zone| zone.zone.name == *name);
                let recipes = zone.iter().flat_map(|zone| &zone.zone.recipes);
                names.extend(recipes.map(|given| given.name.clone()));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn look_at(
    site: &SiteRoot,
    names: &[String],
    fetcher: Option<&Fetcher<'_>>,
) -> BTreeMap<String, Look> {
    let next = AtomicUsize::new(0);
    let looks = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let look = recipe::look(site, name, fetcher);
            if let Ok(mut looks) = looks.lock() {
                looks.insert(name.clone(), look);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..threads.min(names.len()) {
            scope.spawn(work);
        }
        work();
    });
    looks.into_inner().unwrap_or_default()
}

/// A recipe with every zone file of the site that uses it.
fn report_recipe(name: &str, looks: &BTreeMap<String, Look>, zones: &[LoadedZone]) -> Report {
    let target = Target::Recipe(name.to_owned());
    let Some(look) = looks.get(name) else {
        return empty(target);
    };
    let mut problems = look.problems.clone();
    let mut checked = look.checked.clone();
    let mut used_by = Vec::new();
    if let Some(loaded) = &look.loaded {
        for zone in zones {
            for (index, given) in zone.zone.recipes.iter().enumerate() {
                if given.name == name {
                    problems.extend(new(check_use(zone, index, loaded, look.is_good), &problems));
                    problems.extend(new(look.check_values(zone, index), &problems));
                    used_by.push(zone.zone.name.clone());
                }
            }
        }
    }
    if look.is_good
        && look
            .loaded
            .as_ref()
            .is_some_and(|l| !l.recipe.files.is_empty())
    {
        checked.push(match used_by.as_slice() {
            [] => "files with the defaults".to_owned(),
            zones => format!("files with the defaults and for {}", zones.join(", ")),
        });
    }
    let (problems, allowed) = settle(look, problems);
    Report {
        target,
        problems,
        allowed,
        checked,
        unchecked: look.unchecked.clone(),
    }
}

/// A zone file with the recipes that it uses.
fn report_zone(site: &SiteRoot, name: &str, looks: &BTreeMap<String, Look>) -> Report {
    let target = Target::Zone(name.to_owned());
    let (zone, mut problems) = check_zone(site, name, &build_system::names());
    problems.extend(zone.iter().flat_map(|zone| check_others(site, zone)));
    let mut report = empty(target);
    for (index, given) in zone
        .iter()
        .flat_map(|zone| zone.zone.recipes.iter().enumerate())
    {
        // of one that cannot be read the zone's own check has told
        let look = looks.get(&given.name).filter(|look| look.loaded.is_some());
        let Some(look) = look else {
            continue;
        };
        let mut of_recipe = look.problems.clone();
        if let Some(zone) = &zone {
            of_recipe.extend(look.check_values(zone, index));
        }
        let (of_recipe, allowed) = settle(look, of_recipe);
        problems.extend(new(of_recipe, &problems));
        report.allowed.extend(allowed);
        report.checked.push(format!("recipe {}", given.name));
    }
    report.problems = problems;
    report
}

fn empty(target: Target) -> Report {
    Report {
        target,
        problems: Vec::new(),
        allowed: Vec::new(),
        checked: Vec::new(),
        unchecked: Vec::new(),
    }
}

/// What is not known yet: a line of a template makes one in each zone.
fn new(found: Vec<Problem>, known: &[Problem]) -> Vec<Problem> {
    let is_new = |problem: &Problem| {
        let is_known = |other: &Problem| match problem.span {
            Some(_) => is_at_same_place(other, problem) && other.key == problem.key,
            None => other == problem,
        };
        !known.iter().any(is_known)
    };
    found.into_iter().filter(is_new).collect()
}

/// Takes out what the recipe allows, and complains about what it allows for nothing.
fn settle(look: &Look, problems: Vec<Problem>) -> (Vec<Problem>, Vec<Allowed>) {
    let Some(loaded) = &look.loaded else {
        // what is in no file is mended in none
        let placed = problems.into_iter().map(|problem| Problem {
            fix: problem.fix.filter(|_| problem.file.is_some()),
            ..problem
        });
        return (placed.collect(), Vec::new());
    };
    let (mut problems, allowed) = allow::sift(problems, loaded);
    let has_errors = problems.iter().any(|p| p.severity == Severity::Error);
    if !has_errors {
        let is_checked = |rule: &str| !rule_needs_source(rule) || look.is_whole();
        problems.extend(allow::unused(loaded, &allowed, is_checked));
    }
    (problems, allowed)
}

/// Whether a rule is about what is inside of a source.
fn rule_needs_source(rule: &str) -> bool {
    rule.starts_with("option-") || rule.starts_with("patch-") || rule == "source-layout"
}
