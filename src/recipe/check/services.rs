//! Services: what they need is there, and a manifest can be made of each.

use crate::problem::Problem;
use crate::recipe::format::{list_of, nearest, quoted, toml_text};
use crate::recipe::model::{FileContent, Recipe, Service};
use crate::recipe::tree::{Document, is_at_or_below};
use crate::smf::{self, SmfError};

pub(super) fn check_services(recipe: &Recipe, document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut made: Vec<&str> = recipe.files.iter().map(|file| file.path.as_str()).collect();
    let missing = |key: String, path: &str, made: &[&str]| {
        let problem = Problem {
            label: "no `[[file]]` has this path".to_string(),
            help: Some(match nearest(path, made) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if made.is_empty() => "the recipe makes no files".to_string(),
                None => format!("the recipe makes {}", list_of(made)),
            }),
            ..document
                .problem_at(&key, format!("the recipe does not make {}", quoted(path)))
                .of("unmade-file")
        };
        match nearest(path, made).and_then(toml_text) {
            // what a template made is not written in its place
            Some(meant) if !is_template(document, &key) => problem.replaced_by(meant),
            _ => problem,
        }
    };
    for (s, service) in recipe.services.iter().enumerate() {
        for (index, path) in service.restart_after.iter().enumerate() {
            if !made.contains(&path.as_str()) {
                problems.push(missing(
                    format!("service[{s}].restart-after[{index}]"),
                    path,
                    &made,
                ));
            }
        }
    }
    made.extend(recipe.files.iter().filter_map(|file| match &file.content {
        FileContent::Staged(path) => Some(path.as_str()),
        _ => None,
    }));
    for (s, service) in recipe.services.iter().enumerate() {
        if let Some(path) = service
            .manifest
            .as_deref()
            .filter(|path| !made.contains(path))
        {
            problems.push(missing(format!("service[{s}].manifest"), path, &made));
        }
    }
    problems
}

/// Whether the text with this key path is a template in the file.
fn is_template(document: &Document, path: &str) -> bool {
    let span = document.problem_at(path, "").span;
    let written = span.and_then(|span| document.source.text.get(span));
    written.is_some_and(|text| text.contains("{{"))
}

/// Complains about services of which no manifest can be made, where their keys are good each.
pub(super) fn check_manifests(
    recipe: &Recipe,
    document: &Document,
    faulty: &[String],
) -> Vec<Problem> {
    let services = recipe.services.iter().enumerate();
    let is_faulty = |above: &str| faulty.iter().any(|path| is_at_or_below(path, above));
    let services = services
        .filter(|(s, _)| !is_faulty(&format!("service[{s}]")) && !is_faulty("package.summary"));
    services
        .filter_map(|(s, service)| check_manifest(recipe, s, service, document))
        .collect()
}

/// Complains about a service of which no manifest can be made.
fn check_manifest(
    recipe: &Recipe,
    index: usize,
    service: &Service,
    document: &Document,
) -> Option<Problem> {
    if service.manifest.is_some() {
        return None;
    }
    let error = smf::manifest(service, &recipe.package.summary).err()?;
    let (key, help) = match &error {
        SmfError::NoProgram { method } | SmfError::Kill { method, .. } => (*method, None),
        SmfError::Program { method, .. } => (*method, Some("begin it with the path of a program")),
        SmfError::Long { what, .. } => {
            let methods = ["start", "stop", "refresh"].into_iter();
            let method = methods.into_iter().find(|method| what.contains(method));
            (
                method.unwrap_or("fmri"),
                Some("put what it does into a script"),
            )
        }
        _ => ("fmri", None),
    };
    Some(Problem {
        help: help.map(str::to_string),
        ..document
            .problem_at(&format!("service[{index}].{key}"), error.to_string())
            .of("service-manifest")
    })
}
