//! What can be known about a whole recipe at a desk, without the sources and without a server.
//!
//! Templates are tried with the defaults and a sample zone, and conditions are ignored, so that a
//! mistake in what only old branches use is found too.

mod files;
mod services;

use serde_json::{Map, Value as Json};

use super::allow;
use super::bundle::{ZoneContext, drop_unmet, render_document};
use super::format::{nearest, quoted, there_are, toml_text};
use super::load::LoadedRecipe;
use super::model::{FileContent, Source};
use super::parameters::{default_value, sample, typed, value_of};
use super::paths;
use super::read::{self, RECIPE};
use super::template::Context;
use super::tree::{Document, child_path, is_at_or_below};
use super::validate::{Stage, validate};
use super::when::{Circumstances, is_within};
use crate::problem::Problem;
pub(crate) use files::check_file;
use files::check_files;
pub(super) use files::netatalk_version;
use services::{check_manifests, check_services};

/// Everything wrong with a recipe beyond its single keys. `systems` are the build systems there
/// are; what lies at or below a key path of `faulty` has its problem already.
#[must_use]
pub fn check(loaded: &LoadedRecipe, systems: &[&str], faulty: &[String]) -> Vec<Problem> {
    let mut problems = check_build(loaded, systems);
    problems.extend(allow::check(loaded));
    problems.extend(check_version(loaded));
    problems.extend(check_unused(loaded));
    problems.extend(check_sources(loaded));
    let (parameters, found) = check_parameters(loaded);
    problems.extend(found);
    problems.extend(check_rendered(loaded, parameters, faulty));
    problems.retain(|problem| {
        let is_known = |path: &String| !path.is_empty() && is_at_or_below(&problem.key, path);
        !faulty.iter().any(is_known)
    });
    problems
}

fn check_build(loaded: &LoadedRecipe, systems: &[&str]) -> Vec<Problem> {
    let build = &loaded.recipe.build;
    let mut problems = Vec::new();
    if build.system.is_empty() {
        return problems;
    }
    let at_system = |message: String, label: &str, help: Option<String>| Problem {
        label: label.to_string(),
        help,
        ..loaded
            .document
            .problem_at("build.system", message)
            .of("build-system")
    };
    if !systems.contains(&build.system.as_str()) {
        let message = format!("unknown build system {}", quoted(&build.system));
        let help = match nearest(&build.system, systems) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => there_are(systems),
        };
        let problem = at_system(message, "not a build system", Some(help));
        problems.push(match nearest(&build.system, systems).and_then(toml_text) {
            Some(meant) => problem.replaced_by(meant),
            None => problem,
        });
    } else if build.system == "custom" && build.custom.is_none() {
        let help = "say what to run in `[build.custom]`".to_string();
        problems.push(at_system(
            "`custom` has no commands".to_string(),
            "",
            Some(help),
        ));
    } else if build.system != "custom" && build.custom.is_some() {
        problems.push(Problem {
            help: Some("write `system = \"custom\"`, or leave `[build.custom]` out".to_string()),
            ..loaded
                .document
                .problem_at(
                    "build.custom",
                    format!("`{}` runs no commands of its own", build.system),
                )
                .of("build-system")
        });
    }
    if build.system != "custom" && loaded.recipe.sources.is_empty() {
        let help = "add a `[[source]]`".to_string();
        problems.push(at_system(
            "there is nothing to build".to_string(),
            "",
            Some(help),
        ));
    }
    problems
}

/// Versions of netatalk that have holes: the first one that has them no more, and what they are. That
/// all before it have them is inferred.
const HOLES: &[(&str, &str)] = &[
    (
        "3.1.12",
        "anybody who reaches the port becomes root (CVE-2018-1160)",
    ),
    ("3.1.13", "3.1.13 mended seven of them"),
    ("4.5.1", "4.5.1 mended some in DHX2, DSI and Spotlight"),
];

fn check_version(loaded: &LoadedRecipe) -> Option<Problem> {
    let version = netatalk_version(&loaded.recipe)?;
    let is_before = |first: &str| is_within(version, &format!("<{first}"));
    let (_, what) = HOLES.iter().find(|(first, _)| is_before(first))?;
    let newest = HOLES.last().map_or("", |(first, _)| first);
    let message = format!("netatalk {version} has known security holes");
    Some(
        Problem {
            label: (*what).to_string(),
            help: Some(format!(
                "take {newest} or newer; where that cannot be, say why in `allow`"
            )),
            ..loaded.document.problem_at("package.version", message)
        }
        .of("vulnerable-version")
        .warn(),
    )
}

/// Complains about parameters that nothing names.
fn check_unused(loaded: &LoadedRecipe) -> Vec<Problem> {
    let texts = || {
        let templates = loaded.templates.values().map(|template| &template.text);
        std::iter::once(&loaded.document.source.text).chain(templates)
    };
    // a template that could not be read may name any of them
    let files = loaded.recipe.files.iter();
    let mut wanted = files.filter_map(|file| match &file.content {
        FileContent::Template(name) => Some(name),
        _ => None,
    });
    if !wanted.all(|name| loaded.templates.contains_key(name)) {
        return Vec::new();
    }
    let is_named = |name: &str| {
        let word = format!("parameters.{name}");
        let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        texts().any(|text| {
            let mut after = text.split(&word).skip(1);
            after.any(|rest| !rest.starts_with(goes_on))
        })
    };
    let unused = loaded
        .recipe
        .parameters
        .keys()
        .filter(|name| !is_named(name));
    unused
        .map(|name| {
            let message = format!("nothing names the parameter `{name}`");
            let key = child_path("parameters", name);
            Problem {
                help: Some(format!(
                    "write `{{{{parameters.{name}}}}}` where it belongs, or leave it out"
                )),
                span: loaded.document.key_span(&key),
                ..loaded.document.problem_at(&key, message)
            }
            .of("unused-parameter")
            .warn()
        })
        .collect()
}

fn check_sources(loaded: &LoadedRecipe) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, source) in loaded.recipe.sources.iter().enumerate() {
        if source.unverified.is_some() {
            let key = format!("source[{index}].unverified");
            problems.push(Problem {
                label: "whoever answers for the URL decides what runs in the zone".to_string(),
                help: Some("give its `sha256` as soon as there is one".to_string()),
                ..loaded
                    .document
                    .problem_at(&key, "this source is used UNVERIFIED")
                    .of("unpinned-source")
                    .warn()
            });
        }
        problems.extend(check_urls(loaded, index, source));
    }
    problems
}

fn check_urls(loaded: &LoadedRecipe, index: usize, source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (u, url) in source.urls.iter().enumerate() {
        let key = format!("source[{index}].urls[{u}]");
        if url.contains("/archive/") {
            problems.push(Problem {
                label: "made anew at each request".to_string(),
                help: Some(
                    "its checksum may change; use an archive that upstream released".to_string(),
                ),
                ..loaded
                    .document
                    .problem_at(&key, "an archive made by the forge is not stable")
                    .of("archive-url")
                    .warn()
            });
        }
        if url.starts_with("http://") && source.unverified.is_some() {
            let message = "nothing protects this download: no TLS and no checksum";
            let problem = loaded.document.problem_at(&key, message);
            problems.push(problem.of("insecure-url").warn());
        }
    }
    problems
}

/// A zone to try templates with.
fn sample_zone() -> ZoneContext {
    ZoneContext {
        alias: "zone".to_string(),
        brand: "joyent".to_string(),
        branch: "2024Q4".to_string(),
        users: vec![("user".to_string(), 1001)],
    }
}

/// Checks defaults and choices, and makes values to try templates with.
fn check_parameters(loaded: &LoadedRecipe) -> (Map<String, Json>, Vec<Problem>) {
    let context = Context::for_defaults(&loaded.recipe.package, &sample_zone());
    let mut values = Map::new();
    let mut problems = Vec::new();
    for (name, parameter) in &loaded.recipe.parameters {
        let path = child_path("parameters", name);
        let mut complain = |key: String, complaint: super::format::Complaint| {
            let problem = Problem {
                label: complaint.label,
                help: complaint.help,
                ..loaded
                    .document
                    .problem_at(&key, complaint.message)
                    .of("parameter-value")
            };
            problems.push(match complaint.instead.as_deref().and_then(toml_text) {
                Some(instead) => problem.replaced_by(instead),
                None => problem,
            });
        };
        for (index, choice) in parameter.choices.iter().enumerate() {
            if let Err(complaint) = typed(parameter.kind, choice) {
                complain(format!("{path}.choices[{index}]"), complaint);
            }
        }
        let value = match &parameter.default {
            None => Ok(sample(name, parameter)),
            Some(default) if default.contains("{{") => default_value(parameter, default, &context),
            Some(default) => value_of(parameter, default).map_err(|complaint| vec![complaint]),
        };
        let value = value.unwrap_or_else(|complaints| {
            for complaint in complaints {
                complain(format!("{path}.default"), complaint);
            }
            sample(name, parameter)
        });
        values.insert(name.clone(), value);
    }
    (values, problems)
}

/// The file as a zone of this branch and brand has it: without what its conditions exclude, and with
/// its templates rendered from the parameters' defaults. `None` where a template of these parts cannot be.
pub(crate) fn as_in_zone(
    loaded: &LoadedRecipe,
    branch: &str,
    brand: &str,
    parts: &[&str],
) -> Option<Document> {
    let zone = ZoneContext {
        branch: branch.to_string(),
        brand: brand.to_string(),
        ..sample_zone()
    };
    let (parameters, _) = check_parameters(loaded);
    let context = Context::for_defaults(&loaded.recipe.package, &zone)
        .with_parameters(Json::Object(parameters), &zone.users);
    let mut document = loaded.document.clone();
    let now = Circumstances {
        version: &loaded.recipe.package.version,
        branch,
        brand,
    };
    drop_unmet(&mut document.root, &now);
    let problems = render_document(&mut document, &context);
    let is_within = |problem: &Problem| parts.iter().any(|part| is_at_or_below(&problem.key, part));
    (!problems.iter().any(is_within)).then_some(document)
}

/// Tries every template, and checks what they became.
fn check_rendered(
    loaded: &LoadedRecipe,
    parameters: Map<String, Json>,
    faulty: &[String],
) -> Vec<Problem> {
    let zone = sample_zone();
    let context = Context::for_defaults(&loaded.recipe.package, &zone)
        .with_parameters(Json::Object(parameters), &zone.users);
    let mut document = loaded.document.clone();
    let mut problems = render_document(&mut document, &context);
    let recipe = read::recipe(&document.root);
    if problems.is_empty() {
        let mut found = Vec::new();
        if faulty.is_empty() {
            found.extend(validate(&mut document, &RECIPE, Stage::Rendered));
        }
        let is_of_files = |path: &String| path.is_empty() || is_at_or_below(path, "file");
        if !faulty.iter().any(is_of_files) {
            found.extend(paths::check(&recipe, &document));
            found.extend(check_services(&recipe, &document));
            let faulty = faulty
                .iter()
                .chain(found.iter().map(|problem| &problem.key));
            let faulty: Vec<String> = faulty.cloned().collect();
            found.extend(check_manifests(&recipe, &document, &faulty));
        }
        found.retain(|problem| !rests_on_sample(loaded, &problem.key));
        problems.extend(found);
    }
    problems.extend(check_files(loaded, &recipe, &document, &context));
    problems
}

/// Whether the value at a key path was made from a parameter that only a zone file can give: what
/// is wrong with a sample says nothing about the recipe.
pub(crate) fn rests_on_sample(loaded: &LoadedRecipe, path: &str) -> bool {
    let written = loaded.document.text_at(path).unwrap_or("");
    loaded.recipe.parameters.iter().any(|(name, parameter)| {
        parameter.default.is_none() && written.contains(&format!("parameters.{name}"))
    })
}

/// Whether two problems are about the same rule in the same words of a file.
pub(crate) fn is_at_same_place(one: &Problem, other: &Problem) -> bool {
    one.rule == other.rule && one.span == other.span && one.file == other.file
}
