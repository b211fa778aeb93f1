//! Files: their templates render, and what they become is good in its format.

use std::sync::Arc;

use super::is_at_same_place;
use crate::problem::Problem;
use crate::recipe::afp_conf;
use crate::recipe::bundle::place_in_template;
use crate::recipe::load::LoadedRecipe;
use crate::recipe::model::{File, FileContent, FileKind, Recipe};
use crate::recipe::template::{Context, render};
use crate::recipe::tree::Document;

pub(super) fn check_files(
    loaded: &LoadedRecipe,
    recipe: &Recipe,
    document: &Document,
    context: &Context,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, file) in recipe.files.iter().enumerate() {
        match &file.content {
            FileContent::Template(name) => {
                let Some(template) = loaded.templates.get(name) else {
                    continue;
                };
                match render(&template.text, file.kind, context) {
                    Ok(text) => {
                        problems.extend(check_file(loaded, recipe, document, index, &text));
                    }
                    Err(mistakes) => {
                        problems
                            .extend(mistakes.into_iter().map(|m| place_in_template(template, m)));
                    }
                }
            }
            FileContent::Content(text) => {
                problems.extend(check_file(loaded, recipe, document, index, text));
            }
            FileContent::Staged(_) => {}
        }
    }
    problems
}

/// Complains about the text that file number `index` gets, in the template that it was made from.
pub(crate) fn check_file(
    loaded: &LoadedRecipe,
    recipe: &Recipe,
    document: &Document,
    index: usize,
    text: &str,
) -> Vec<Problem> {
    let Some(file) = recipe.files.get(index) else {
        return Vec::new();
    };
    let template = match &file.content {
        FileContent::Template(name) => loaded.templates.get(name),
        _ => None,
    };
    let key = match template {
        Some(_) => format!("file[{index}].template"),
        None => format!("file[{index}].content"),
    };
    let fallback = document.problem_at(&key, "");
    let origin = match (template, &fallback.span) {
        (Some(template), _) => afp_conf::Origin {
            source: Arc::clone(template),
            part: 0..template.text.len(),
            fallback,
        },
        (None, span) => afp_conf::Origin {
            source: Arc::clone(&document.source),
            part: span.clone().unwrap_or(0..0),
            fallback,
        },
    };
    check_content(recipe, file, text, &origin)
}

/// What is known of a file's format. `part` is where the template stands, where it has a place.
fn check_content(
    recipe: &Recipe,
    file: &File,
    text: &str,
    origin: &afp_conf::Origin,
) -> Vec<Problem> {
    if file.kind != FileKind::AfpConf {
        return Vec::new();
    }
    let findings = afp_conf::check(text, netatalk_version(recipe));
    let mut problems: Vec<Problem> = Vec::new();
    for finding in &findings {
        let problem = afp_conf::place(finding, text, origin);
        // one line of a template makes one for each user
        if !problems
            .iter()
            .any(|other| is_at_same_place(other, &problem))
        {
            problems.push(problem);
        }
    }
    problems
}

/// The version, where the recipe is netatalk's and not something else that writes its file.
pub(in crate::recipe) fn netatalk_version(recipe: &Recipe) -> Option<&str> {
    let is_netatalk = recipe.package.name.starts_with("netatalk");
    is_netatalk.then_some(recipe.package.version.as_str())
}
