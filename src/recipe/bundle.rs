//! A recipe and everything it names, for one zone: conditions applied, templates rendered.
//!
//! Conditions and templates are applied to the tree, not to the [`Recipe`]: the schema knows which
//! strings are templates, so a new key needs nothing here, and what a template became is held
//! against the same formats as what the author wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::load::LoadedRecipe;
use super::model::{Directory, FileContent, FileKind, Recipe};
use super::parameters::{self, ParameterMistake};
use super::paths;
use super::read::{self, RECIPE};
use super::schema::render_templates;
use super::template::{Context, TemplateMistake, render};
use super::tree::{Document, Node, Value};
use super::validate::{Stage, validate};
use super::when::{Circumstances, holds};
use crate::problem::{Fix, Problem, Severity, SourceText};

/// What templates and conditions may ask about a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneContext {
    /// The zone's name for people.
    pub alias: String,
    /// `joyent` or `joyent-minimal`; a fact.
    pub brand: String,
    /// The pkgsrc branch (`2024Q4`); a fact.
    pub branch: String,
    /// Who logs in to what the zone serves: name and uid.
    pub users: Vec<(String, u32)>,
}

/// A recipe for one zone, with every byte that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The recipe: templates rendered, and without what a `when` excludes.
    pub recipe: Recipe,
    /// The parameters' values as templates saw them.
    pub parameters: BTreeMap<String, String>,
    /// The patches, in order.
    pub patches: Vec<BundledPatch>,
    /// The files, in the order of the recipe.
    pub files: Vec<BundledFile>,
}

/// A patch and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledPatch {
    /// Which of [`Recipe::sources`] it belongs to.
    pub source: usize,
    /// The file below `patches/`.
    pub file: String,
    /// The patch itself.
    pub bytes: Vec<u8>,
    /// Of the bytes, in lower-case hex.
    pub sha256: String,
    /// How many leading path components to drop.
    pub strip: u32,
    /// How many lines of context may differ at each end of a hunk.
    pub fuzz: u32,
}

/// A file to install beside the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledFile {
    /// An absolute path.
    pub path: String,
    /// What will be in it.
    pub content: FileBytes,
    /// Permissions in bits.
    pub mode: u32,
    /// The owner's name.
    pub owner: String,
    /// The group's name.
    pub group: String,
}

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileBytes {
    /// These bytes.
    Known(Vec<u8>),
    /// What the build staged under this path.
    Staged(String),
}

/// Settles a recipe for one zone.
///
/// # Errors
/// Everything that is wrong, with the recipe or with `values`.
pub fn resolve(
    loaded: &LoadedRecipe,
    values: &BTreeMap<String, String>,
    zone: &ZoneContext,
) -> Result<Bundle, Vec<Problem>> {
    let settled = parameters::settle(&loaded.recipe, values, zone).map_err(|mistakes| {
        mistakes
            .into_iter()
            .map(|m| place_parameter(loaded, m))
            .collect::<Vec<_>>()
    })?;
    let shown = settled
        .iter()
        .map(|(name, value)| (name.clone(), parameters::shown(value)))
        .collect();
    let context = Context::for_defaults(&loaded.recipe.package, zone)
        .with_parameters(Json::Object(settled), &zone.users);

    let mut document = loaded.document.clone();
    let now = Circumstances {
        version: &loaded.recipe.package.version,
        branch: &zone.branch,
        brand: &zone.brand,
    };
    drop_unmet(&mut document.root, &now);
    let mut problems = render_document(&mut document, &context);
    if problems.is_empty() {
        problems = validate(&mut document, &RECIPE, Stage::Rendered);
    }
    let mut recipe = read::recipe(&document.root);
    recipe.directories = with_user_folders(recipe.directories, &zone.users);
    if problems.is_empty() {
        problems = paths::check(&recipe, &document);
    }
    let files = bundle_files(&recipe, loaded, &document, &context, &mut problems);
    let patches = bundle_patches(&recipe, loaded, &document, &mut problems);
    problems.retain(|problem| problem.severity == Severity::Error);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Bundle {
        recipe,
        parameters: shown,
        patches,
        files,
    })
}

fn place_parameter(loaded: &LoadedRecipe, mistake: ParameterMistake) -> Problem {
    let path = super::tree::child_path("parameters", &mistake.name);
    let place = if mistake.is_default {
        loaded.document.problem_at(&format!("{path}.default"), "")
    } else {
        Problem {
            key: path,
            ..Problem::error("")
        }
    };
    Problem {
        message: mistake.complaint.message,
        label: mistake.complaint.label,
        help: mistake.complaint.help,
        ..place
    }
    .of("parameter-value")
}

/// Each folder, followed by the users' own below it where it has such.
fn with_user_folders(directories: Vec<Directory>, users: &[(String, u32)]) -> Vec<Directory> {
    let mut all = Vec::new();
    for directory in directories {
        let users = users.iter().filter(|_| directory.user_folders);
        let below: Vec<Directory> = users
            .map(|(user, _)| Directory {
                path: format!("{}/{user}", directory.path),
                mode: 0o700,
                owner: user.clone(),
                group: "other".to_owned(),
                user_folders: false,
            })
            .collect();
        all.push(directory);
        all.extend(below);
    }
    all
}

/// Drops the items of lists whose `when` does not hold.
pub(crate) fn drop_unmet(node: &mut Node, now: &Circumstances<'_>) {
    match &mut node.value {
        Value::List(items) => {
            items.retain(|item| item.get("when").is_none_or(|when| holds(when, now)));
            items.iter_mut().for_each(|item| drop_unmet(item, now));
        }
        Value::Table(entries) => {
            entries
                .iter_mut()
                .for_each(|entry| drop_unmet(&mut entry.node, now));
        }
        _ => {}
    }
}

/// Renders every template of the file itself.
pub(super) fn render_document(document: &mut Document, context: &Context) -> Vec<Problem> {
    let mut problems = Vec::new();
    let source = Arc::clone(&document.source);
    render_templates(&mut document.root, &RECIPE, &mut |node, text| {
        render(text, FileKind::Plain, context).unwrap_or_else(|mistakes| {
            problems.extend(
                mistakes
                    .into_iter()
                    .map(|mistake| place_in_node(&source, node, text, mistake)),
            );
            text.to_string()
        })
    });
    problems
}

/// A mistake in a string of the file: the very words where the file spells them as they are, else
/// the whole string.
fn place_in_node(
    source: &Arc<SourceText>,
    node: &Node,
    text: &str,
    mistake: TemplateMistake,
) -> Problem {
    let exact = || {
        let span = node.span.clone()?;
        let written = source.text.get(span.clone())?;
        let start = span.start + written.find(text)? + mistake.span.start;
        (!mistake.span.is_empty()).then(|| start..start + mistake.span.len())
    };
    let exact = exact();
    let fix = exact
        .clone()
        .zip(mistake.instead)
        .map(|(span, replacement)| Fix { span, replacement });
    Problem {
        fix,
        file: Some(Arc::clone(source)),
        span: exact.or_else(|| node.span.clone()),
        key: node.path.clone(),
        label: mistake.label,
        help: mistake.help,
        ..Problem::error(mistake.message).of(mistake.rule)
    }
}

/// A mistake in a template file.
pub(super) fn place_in_template(source: &Arc<SourceText>, mistake: TemplateMistake) -> Problem {
    let fix = mistake.instead.map(|replacement| Fix {
        span: mistake.span.clone(),
        replacement,
    });
    Problem {
        fix,
        file: Some(Arc::clone(source)),
        span: Some(mistake.span),
        label: mistake.label,
        help: mistake.help,
        ..Problem::error(mistake.message).of(mistake.rule)
    }
}

fn bundle_files(
    recipe: &Recipe,
    loaded: &LoadedRecipe,
    document: &Document,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> Vec<BundledFile> {
    let mut files = Vec::new();
    for (index, file) in recipe.files.iter().enumerate() {
        let content = match &file.content {
            FileContent::Content(text) => FileBytes::Known(text.clone().into_bytes()),
            FileContent::Staged(path) => FileBytes::Staged(path.clone()),
            FileContent::Template(name) => {
                let Some(template) = loaded.templates.get(name) else {
                    let key = format!("file[{index}].template");
                    problems.push(
                        document
                            .problem_at(&key, format!("the template `{name}` was not loaded"))
                            .of("missing-file"),
                    );
                    continue;
                };
                match render(&template.text, file.kind, context) {
                    Ok(text) => FileBytes::Known(text.into_bytes()),
                    Err(mistakes) => {
                        problems
                            .extend(mistakes.into_iter().map(|m| place_in_template(template, m)));
                        continue;
                    }
                }
            }
        };
        files.push(BundledFile {
            path: file.path.clone(),
            content,
            mode: file.mode,
            owner: file.owner.clone(),
            group: file.group.clone(),
        });
    }
    files
}

fn bundle_patches(
    recipe: &Recipe,
    loaded: &LoadedRecipe,
    document: &Document,
    problems: &mut Vec<Problem>,
) -> Vec<BundledPatch> {
    let mut patches = Vec::new();
    for (index, source) in recipe.sources.iter().enumerate() {
        for patch in &source.patches {
            match loaded.patches.get(&patch.file) {
                Some(found) => patches.push(BundledPatch {
                    source: index,
                    file: patch.file.clone(),
                    bytes: found.bytes.clone(),
                    sha256: found.sha256.clone(),
                    strip: patch.strip,
                    fuzz: patch.fuzz,
                }),
                None => problems.push(
                    document
                        .problem_at(
                            "source",
                            format!("the patch `{}` was not loaded", patch.file),
                        )
                        .of("missing-file"),
                ),
            }
        }
    }
    patches
}
