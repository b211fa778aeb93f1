//! SMF manifests: generated as they would be, and held against the grammar that `svccfg` uses.
//!
//! The grammar is the sandbox's, so on a machine without one manifests are generated only.

use super::Unchecked;
use super::recipe::in_newest_zone;
use crate::problem::{Problem, Severity};
use crate::recipe::LoadedRecipe;
use crate::recipe::model::FileContent;
use crate::recipe::tree::is_at_or_below;
use crate::smf;

/// Complains about manifests that `svccfg` would refuse.
pub(super) fn check(
    loaded: &LoadedRecipe,
    problems: &mut Vec<Problem>,
    checked: &mut Vec<String>,
    unchecked: &mut Vec<Unchecked>,
) {
    let is_faulty = |part: &str| {
        let mut errors = problems.iter().filter(|p| p.severity == Severity::Error);
        errors.any(|problem| is_at_or_below(&problem.key, part))
    };
    if loaded.recipe.services.is_empty() || is_faulty("service") || is_faulty("package") {
        return;
    }
    let Some((document, recipe)) = in_newest_zone(loaded) else {
        return;
    };
    let mut count = 0;
    let mut found = Vec::new();
    for (index, service) in recipe.services.iter().enumerate() {
        let (key, text) = match &service.manifest {
            None => (
                format!("service[{index}]"),
                smf::manifest(service, &recipe.package.summary).ok(),
            ),
            Some(path) => {
                let file = recipe.files.iter().position(|file| file.path == *path);
                match file.and_then(|index| Some((index, recipe.files.get(index)?))) {
                    Some((index, file)) => match &file.content {
                        FileContent::Content(text) => {
                            (format!("file[{index}].content"), Some(text.clone()))
                        }
                        _ => (String::new(), None),
                    },
                    None => (String::new(), None),
                }
            }
        };
        let Some(text) = text else {
            if let Some(path) = &service.manifest {
                let why = "it is made by the build, or from a template";
                unchecked.push(Unchecked::new(format!("the manifest `{path}`"), why));
            }
            continue;
        };
        count += 1;
        if let Some(reason) = refusal(&text) {
            let problem = document.problem_at(
                &key,
                format!("`svccfg` would refuse the manifest: {reason}"),
            );
            found.push(problem.of("service-manifest"));
        }
    }
    problems.extend(found);
    match count {
        0 => {}
        1 => checked.push("1 manifest".to_owned()),
        _ => checked.push(format!("{count} manifests")),
    }
}

/// Why `svccfg validate` would refuse a manifest.
#[cfg(target_os = "linux")]
fn refusal(text: &str) -> Option<String> {
    use crate::sandbox::smf::manifest::{Purpose, parse};
    let error = parse(text, "manifest", Purpose::Manifest).err()?;
    let reason = error.library.first().or_else(|| error.messages.first());
    Some(reason.cloned().unwrap_or_default())
}

#[cfg(not(target_os = "linux"))]
fn refusal(_: &str) -> Option<String> {
    None
}
