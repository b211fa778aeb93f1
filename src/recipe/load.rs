//! Reads a recipe and the patches and templates that it names.
//!
//! What can be read is checked even where something else cannot: one run names every mistake.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::allow;
use super::check;
use super::format::{nearest, there_are, toml_text};
use super::model::{FileContent, Recipe};
use super::read::{self, RECIPE};
use super::syntax;
use super::tree::Document;
use super::validate::{Stage, validate};
use crate::problem::{Problem, Severity, SourceText};
use crate::site::load::SiteRoot;

/// A recipe that was read, with the bytes of what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedRecipe {
    /// What the command line and zone files call it: the file's name without its ending.
    pub name: String,
    /// The recipe as written, templates unrendered.
    pub recipe: Recipe,
    /// The file, to place problems in.
    pub document: Document,
    /// The patches by the name that the recipe gives them.
    pub patches: BTreeMap<String, PatchFile>,
    /// The template files by the name that the recipe gives them.
    pub templates: BTreeMap<String, Arc<SourceText>>,
}

/// A patch's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchFile {
    /// The patch itself.
    pub bytes: Vec<u8>,
    /// Of the bytes, in lower-case hex.
    pub sha256: String,
}

/// Reads and checks `recipes/NAME.toml` or `.json`. `systems` are the build systems there are.
///
/// # Errors
/// Everything that is wrong, and the warnings among it.
pub fn load_recipe(
    site: &SiteRoot,
    name: &str,
    systems: &[&str],
) -> Result<LoadedRecipe, Vec<Problem>> {
    let (loaded, problems) = check_recipe(site, name, systems);
    match loaded {
        Some(loaded) if problems.iter().all(|p| p.severity == Severity::Warning) => Ok(loaded),
        _ => Err(problems),
    }
}

/// The same, with the warnings of a good recipe too. There is a recipe wherever the file parses.
#[must_use]
pub fn check_recipe(
    site: &SiteRoot,
    name: &str,
    systems: &[&str],
) -> (Option<LoadedRecipe>, Vec<Problem>) {
    match site.definition("recipes", "recipe", name) {
        Ok(source) => check_text(site, name, source, systems),
        Err(problem) => (None, vec![*problem]),
    }
}

/// The same, with what the recipe allows among the problems.
#[must_use]
pub fn examine_recipe(
    site: &SiteRoot,
    name: &str,
    systems: &[&str],
) -> (Option<LoadedRecipe>, Vec<Problem>) {
    match site.definition("recipes", "recipe", name) {
        Ok(source) => examine_text(site, name, source, systems),
        Err(problem) => (None, vec![*problem]),
    }
}

/// The same for a recipe whose text is at hand; patches and templates are those of `site`.
#[must_use]
pub fn check_text(
    site: &SiteRoot,
    name: &str,
    source: Arc<SourceText>,
    systems: &[&str],
) -> (Option<LoadedRecipe>, Vec<Problem>) {
    let (loaded, problems) = examine_text(site, name, source, systems);
    match loaded {
        Some(loaded) => {
            let (problems, _) = allow::sift(problems, &loaded);
            (Some(loaded), problems)
        }
        None => (None, problems),
    }
}

/// The same with what the recipe allows.
#[must_use]
pub fn examine_text(
    site: &SiteRoot,
    name: &str,
    source: Arc<SourceText>,
    systems: &[&str],
) -> (Option<LoadedRecipe>, Vec<Problem>) {
    let mut document = match syntax::parse(source) {
        Ok(document) => document,
        Err(problem) => return (None, vec![*problem]),
    };
    let mut problems = validate(&mut document, &RECIPE, Stage::Written);
    let mut loaded = LoadedRecipe {
        name: name.to_string(),
        recipe: read::recipe(&document.root),
        document,
        patches: BTreeMap::new(),
        templates: BTreeMap::new(),
    };
    read_patches(site, &mut loaded, &mut problems);
    read_templates(site, &mut loaded, &mut problems);
    let faulty: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
    problems.extend(check::check(&loaded, systems, &faulty));
    (Some(loaded), problems)
}

fn read_patches(site: &SiteRoot, loaded: &mut LoadedRecipe, problems: &mut Vec<Problem>) {
    for (s, source) in loaded.recipe.sources.iter().enumerate() {
        for (p, patch) in source.patches.iter().enumerate() {
            let key = format!("source[{s}].patches[{p}].file");
            if patch.file.is_empty() || has_problem(problems, &key) {
                continue;
            }
            match read_beside(site, "patches", &patch.file) {
                Ok(bytes) => {
                    let sha256 = hex(&Sha256::digest(&bytes));
                    loaded
                        .patches
                        .insert(patch.file.clone(), PatchFile { bytes, sha256 });
                }
                Err(found) => problems.push(loaded.document.place(&key, *found).of("missing-file")),
            }
        }
    }
}

fn read_templates(site: &SiteRoot, loaded: &mut LoadedRecipe, problems: &mut Vec<Problem>) {
    for (index, file) in loaded.recipe.files.iter().enumerate() {
        let FileContent::Template(name) = &file.content else {
            continue;
        };
        let key = format!("file[{index}].template");
        if name.is_empty() || has_problem(problems, &key) {
            continue;
        }
        let text = read_beside(site, "templates", name).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| {
                Problem::error(format!("the template `{name}` is not UTF-8 text"))
                    .of("missing-file")
                    .into()
            })
        });
        match text {
            Ok(text) => {
                let path = site.shown(&format!("templates/{name}"));
                let source = Arc::new(SourceText { path, text });
                loaded.templates.insert(name.clone(), source);
            }
            Err(found) => problems.push(loaded.document.place(&key, *found).of("missing-file")),
        }
    }
}

/// Whether there is a problem with the value at a key path or the short form around it.
fn has_problem(problems: &[Problem], path: &str) -> bool {
    let is_it = |key: &str| key == path || path.strip_suffix(".file") == Some(key);
    problems.iter().any(|problem| is_it(&problem.key))
}

/// The bytes of a file of the site that a recipe names.
fn read_beside(site: &SiteRoot, folder: &str, name: &str) -> Result<Vec<u8>, Box<Problem>> {
    if let Some(bytes) = site.read(&format!("{folder}/{name}"))? {
        return Ok(bytes);
    }
    let names = site.names(folder);
    let last = |name: &str| name.rsplit('/').next().unwrap_or("").to_string();
    let elsewhere = names.iter().find(|other| last(other) == last(name));
    let meant = elsewhere
        .map(String::as_str)
        .or_else(|| nearest(name, &names));
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => format!("there is nothing in `{folder}`"),
        None => there_are(&names),
    };
    let problem = Problem {
        label: "not there".to_string(),
        help: Some(help),
        ..Problem::error(format!("there is no file `{folder}/{name}`")).of("missing-file")
    };
    Err(Box::new(problem.meaning(meant.and_then(toml_text))))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}
