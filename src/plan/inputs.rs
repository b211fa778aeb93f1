//! What decides a recipe's build, gathered from its bundle and from what the zone has.

use std::collections::BTreeMap;

use super::{Refusal, WantedRecipe, packages};
use crate::facts::Facts;
use crate::package::package_name;
use crate::receipt::{BUILD_FORMAT, BuildInputs, sha256_hex};
use crate::recipe::bundle::FileBytes;
use crate::script::words_of;

/// Everything that decides the build.
///
/// # Errors
/// A [`Refusal`] when the target lacks what every build needs (a compiler of the recipe's choice).
pub fn of(recipe: &WantedRecipe, facts: &Facts) -> Result<BuildInputs, Refusal> {
    let wanted = &recipe.bundle.recipe;
    let dependencies = packages::dependencies(recipe);
    let found = dependencies
        .iter()
        .filter_map(|d| facts.packages.find(&d.name));
    let dependencies = found.filter_map(|full| {
        full.rsplit_once('-')
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
    });
    let patches = recipe.bundle.patches.iter().map(|patch| {
        let parts = format!(
            "{}:{}:{}:{}",
            patch.sha256, patch.strip, patch.fuzz, patch.source
        );
        (patch.file.clone(), sha256_hex(parts.as_bytes()))
    });
    let sources = wanted.sources.iter().map(|source| {
        let digest = source.sha256.as_deref().unwrap_or("unverified");
        format!(
            "{digest} into {} strip {}",
            source.into.as_deref().unwrap_or("."),
            source.strip
        )
    });
    let build = &wanted.build;
    Ok(BuildInputs {
        format: BUILD_FORMAT,
        package: package_name(&wanted.package.name, &wanted.package.version),
        sources: sources.collect(),
        patches: patches.collect(),
        system: build.system.clone(),
        options: build
            .options
            .iter()
            .map(|option| option.value.clone())
            .collect(),
        settings: settings(recipe),
        environment: build.environment.clone(),
        dependencies: dependencies.collect(),
        branch: facts.platform.branch.clone().unwrap_or_default(),
        architecture: facts.platform.architecture.clone(),
        compiler: compiler(recipe, facts)?,
    })
}

fn settings(recipe: &WantedRecipe) -> BTreeMap<String, String> {
    let wanted = &recipe.bundle.recipe;
    let build = &wanted.build;
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            settings.insert(name.to_owned(), value);
        }
    };
    set("directory", build.directory.clone().unwrap_or_default());
    set("make arguments", words_of(&build.make_arguments));
    set("discard", words_of(&build.discard));
    set(
        "tests",
        if build.test {
            "run".to_owned()
        } else {
            String::new()
        },
    );
    if let Some(custom) = &build.custom {
        let phases = [
            ("configure", &custom.configure),
            ("compile", &custom.compile),
            ("test", &custom.test),
            ("stage", &custom.stage),
        ];
        for (phase, commands) in phases {
            let lines: Vec<String> = commands.iter().map(|words| words_of(words)).collect();
            set(&format!("{phase} commands"), lines.join("\n"));
        }
    }
    let package = &wanted.package;
    set("conflicts", package.conflicts.join(" "));
    set("summary", package.summary.clone());
    set("license", package.license.clone().unwrap_or_default());
    set("homepage", package.homepage.clone().unwrap_or_default());
    let run = wanted
        .dependencies
        .run
        .iter()
        .map(|dependency| dependency.name.as_str());
    set("run dependencies", run.collect::<Vec<_>>().join(" "));
    let staged = recipe
        .bundle
        .files
        .iter()
        .filter_map(|file| match &file.content {
            FileBytes::Staged(path) => Some(path.as_str()),
            FileBytes::Known(_) => None,
        });
    set("staged files", words_of(&staged.collect::<Vec<_>>()));
    settings
}

/// The compiler among the recipe's build dependencies. A recipe's own commands may need none.
fn compiler(recipe: &WantedRecipe, facts: &Facts) -> Result<String, Refusal> {
    let wanted = &recipe.bundle.recipe;
    let name = |text: &str| {
        text.split(['<', '>', '-', '['])
            .next()
            .unwrap_or("")
            .to_owned()
    };
    let asked = wanted.dependencies.build.iter();
    let found = asked
        .filter_map(|d| facts.packages.compilers.get(&name(&d.name)))
        .next();
    match found {
        Some(path) => Ok(path.clone()),
        None if wanted.build.system == "custom" || wanted.build.environment.contains_key("CC") => {
            Ok(String::new())
        }
        None => Err(Refusal {
            message: format!("the recipe {} names no compiler to build with", recipe.name),
            help: "name one in its `[dependencies] build`, as in `\"gcc13\"`".to_owned(),
            diff: None,
        }),
    }
}
