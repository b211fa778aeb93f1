//! One recipe at a desk: with its sources, where they are here, for each kind of zone.

use std::collections::BTreeSet;

use super::circumstances::zones;
use super::options::given::check_options;
use super::options::{OptionSet, Verdict};
use super::sources::{Made, Maker};
use super::{Unchecked, manifests, options};
use crate::build_system;
use crate::problem::{Problem, Severity};
use crate::recipe::LoadedRecipe;
use crate::recipe::bundle::{ZoneContext, resolve};
use crate::recipe::check::as_in_zone;
use crate::recipe::format::{list_of, quoted};
use crate::recipe::load::examine_recipe;
use crate::recipe::read;
use crate::recipe::tree::{Document, Node, child_path, is_at_or_below};
use crate::site::{LoadedZone, SiteRoot};
use crate::source::fetch::Fetcher;

/// What was seen of a recipe; nothing is taken out that it allows.
#[derive(Debug)]
pub(super) struct Look {
    /// `None` where the file does not parse.
    pub loaded: Option<LoadedRecipe>,
    pub problems: Vec<Problem>,
    pub checked: Vec<String>,
    pub unchecked: Vec<Unchecked>,
    /// Whether nothing is wrong with the recipe itself, so that zones' values can be tried.
    pub is_good: bool,
    /// The options of the source in the newest kind of zone.
    options: Option<OptionSet>,
}

impl Look {
    /// Whether all sources were looked into.
    pub(super) fn is_whole(&self) -> bool {
        self.options.is_some() && self.unchecked.iter().all(|unchecked| !unchecked.is_source)
    }

    /// Complains about options that a zone's values make wrong.
    pub(super) fn check_values(&self, zone: &LoadedZone, index: usize) -> Vec<Problem> {
        let (Some(loaded), Some(options)) = (&self.loaded, &self.options) else {
            return Vec::new();
        };
        let Some(given) = zone.zone.recipes.get(index).filter(|_| self.is_good) else {
            return Vec::new();
        };
        let context = ZoneContext {
            alias: zone.zone.zone.alias.clone(),
            brand: "joyent".to_owned(),
            branch: "2024Q4".to_owned(),
            users: Vec::new(),
        };
        let Ok(bundle) = resolve(loaded, &given.parameters, &context) else {
            return Vec::new();
        };
        let written = loaded
            .document
            .root
            .get("build")
            .and_then(|build| build.get("options"));
        let written = written.map_or(&[][..], Node::items);
        let mut problems = Vec::new();
        for option in &bundle.recipe.build.options {
            let Verdict::Value(kind) = options.verdict(&option.value) else {
                continue;
            };
            // which parameter it is that gives the value
            let named = given.parameters.keys().find(|name| {
                let name = format!("parameters.{name}");
                let begin = option.value.split('=').next().unwrap_or("");
                let mut texts = written.iter().filter_map(|node| node.maybe_text("value"));
                texts.any(|text| text.contains(&name) && text.starts_with(begin))
            });
            let Some(name) = named else { continue };
            let key = child_path(&format!("recipe[{index}].parameters"), name);
            let message = format!("the source does not take {}", quoted(&option.value));
            problems.push(
                Problem {
                    help: Some(format!("it takes {}", kind.noun())),
                    ..zone.document.problem_at(&key, message)
                }
                .of("option-value"),
            );
        }
        problems
    }
}

/// Looks at a recipe as well as can be done here.
pub(super) fn look(site: &SiteRoot, name: &str, fetcher: Option<&Fetcher<'_>>) -> Look {
    let (loaded, problems) = examine_recipe(site, name, &build_system::names());
    let is_good = problems.iter().all(|p| p.severity == Severity::Warning);
    let mut look = Look {
        loaded: None,
        problems,
        checked: Vec::new(),
        unchecked: Vec::new(),
        is_good,
        options: None,
    };
    let Some(loaded) = loaded else {
        let is_there = |problem: &Problem| problem.rule != Some("unknown-recipe");
        if look.problems.iter().all(is_there) {
            let what = "everything else about it";
            look.unchecked
                .push(Unchecked::new(what, "the file cannot be read"));
        }
        return look;
    };
    look.problems.extend(missing_tools(&loaded));
    look.problems.extend(placeholders(&loaded));
    manifests::check(
        &loaded,
        &mut look.problems,
        &mut look.checked,
        &mut look.unchecked,
    );
    let is_faulty = |part: &str| {
        let mut errors = look
            .problems
            .iter()
            .filter(|p| p.severity == Severity::Error);
        errors.any(|problem| is_at_or_below(&problem.key, part))
    };
    if is_faulty("source") || is_faulty("build") || is_faulty("package") {
        if !loaded.recipe.sources.is_empty() {
            look.unchecked.push(not_yet());
        }
    } else if !loaded.recipe.sources.is_empty() {
        look_into_sources(&loaded, fetcher, &mut look);
    }
    look.unchecked.extend(facts_of_zones(&loaded));
    look.unchecked.dedup();
    look.loaded = Some(loaded);
    look
}

fn not_yet() -> Unchecked {
    let why = "mend what is wrong with the recipe first";
    Unchecked::new("patches and options", why)
}

/// Unpacks, patches and reads the sources for each kind of zone that has others.
fn look_into_sources(loaded: &LoadedRecipe, fetcher: Option<&Fetcher<'_>>, look: &mut Look) {
    let mut maker = Maker::new(loaded, fetcher);
    let mut seen: Vec<(BTreeSet<String>, Made, OptionSet)> = Vec::new();
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut options_checked: BTreeSet<String> = BTreeSet::new();
    let documents = zones(loaded)
        .into_iter()
        .map(|zone| as_in_zone(loaded, &zone.branch, zone.brand, &["source", "build"]));
    let Some(documents) = documents.collect::<Option<Vec<Document>>>() else {
        look.unchecked.push(not_yet());
        return;
    };
    for document in documents {
        used.extend(paths_of(&document, "source"));
        used.extend(paths_of(&document, "build"));
        let parts = paths_of(&document, "source");
        if !seen.iter().any(|(known, ..)| *known == parts) {
            let made = maker.make(&document);
            let options = options_of(loaded, &made);
            look.problems
                .extend(super::new(made.problems.clone(), &look.problems));
            look.unchecked.extend(made.unchecked.clone());
            seen.push((parts.clone(), made, options));
        }
        let Some((_, made, options)) = seen.iter().find(|(known, ..)| *known == parts) else {
            continue;
        };
        if made.tree.is_some() {
            let found = check_options(loaded, &document, options, look, &mut options_checked);
            look.problems.extend(super::new(found, &look.problems));
        }
    }
    say_what_was_checked(loaded, &seen, &options_checked, look);
    look.unchecked.extend(never_used(loaded, &used));
    look.options = seen
        .into_iter()
        .next()
        .filter(|(_, made, _)| made.tree.is_some())
        .map(|(.., options)| options);
}

fn options_of(loaded: &LoadedRecipe, made: &Made) -> OptionSet {
    let build = &loaded.recipe.build;
    match &made.tree {
        Some(tree) => options::read(tree, build.directory.as_deref(), &build.system),
        None => OptionSet::Unreadable("a source is missing"),
    }
}

fn say_what_was_checked(
    loaded: &LoadedRecipe,
    seen: &[(BTreeSet<String>, Made, OptionSet)],
    options_checked: &BTreeSet<String>,
    look: &mut Look,
) {
    let applied = seen.iter().flat_map(|(_, made, _)| &made.applied);
    let applied: BTreeSet<&String> = applied.collect();
    let made = seen.iter().any(|(_, made, _)| made.tree.is_some());
    let counted = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    if !applied.is_empty() {
        look.checked
            .push(counted(applied.len(), "patch").replace("patchs", "patches"));
    }
    if !options_checked.is_empty() {
        look.checked.push(counted(options_checked.len(), "option"));
    }
    if made {
        look.checked
            .push(counted(loaded.recipe.sources.len(), "source"));
    }
    let patches: usize = loaded.recipe.sources.iter().map(|s| s.patches.len()).sum();
    if !made {
        let what = match (patches, loaded.recipe.build.options.len()) {
            (0, 0) => return,
            (0, _) => "its options".to_owned(),
            (count, 0) => format!("its {}", plural("patch", "patches", count)),
            (count, _) => format!("its {} and options", plural("patch", "patches", count)),
        };
        for unchecked in look
            .unchecked
            .iter_mut()
            .filter(|unchecked| unchecked.is_source)
        {
            unchecked.what.clone_from(&what);
        }
    }
}

fn plural(one: &'static str, many: &'static str, count: usize) -> &'static str {
    if count == 1 { one } else { many }
}

/// The key paths of the items below a part of the file: sources, patches, options.
fn paths_of(document: &Document, part: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let mut collect = |items: &[Node]| paths.extend(items.iter().map(|node| node.path.clone()));
    match document.root.get(part) {
        Some(node) if part == "source" => {
            collect(node.items());
            for source in node.items() {
                collect(source.get("patches").map_or(&[][..], Node::items));
            }
        }
        Some(node) => collect(node.get("options").map_or(&[][..], Node::items)),
        None => {}
    }
    paths
}

/// What no zone of today uses: it is for other versions.
fn never_used(loaded: &LoadedRecipe, used: &BTreeSet<String>) -> Vec<Unchecked> {
    let mut found = Vec::new();
    let version = &loaded.recipe.package.version;
    for part in ["source", "build"] {
        for path in paths_of(&loaded.document, part) {
            // what stands in a source that is not used is not named beside it
            let is_within = path
                .rsplit_once(".patches[")
                .is_some_and(|(source, _)| !used.contains(source));
            if used.contains(&path) || is_within {
                continue;
            }
            let (what, key) = match (part, path.contains(".patches[")) {
                ("build", _) => ("the option", "value"),
                (_, true) => ("the patch", "file"),
                (_, false) => ("", ""),
            };
            let what = match loaded.document.text_at(&format!("{path}.{key}")) {
                Some(text) => format!("{what} {}", quoted(text)),
                None => format!("`{path}`"),
            };
            found.push(Unchecked::new(
                what,
                format!("its `when` excludes {version}"),
            ));
        }
    }
    found
}

/// What a draft leaves to be filled in.
fn placeholders(loaded: &LoadedRecipe) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, source) in loaded.recipe.sources.iter().enumerate() {
        let is_zeros = |sum: &String| !sum.is_empty() && sum.bytes().all(|byte| byte == b'0');
        if source.sha256.as_ref().is_some_and(is_zeros) {
            let key = format!("source[{index}].sha256");
            let problem = loaded
                .document
                .problem_at(&key, "this checksum stands for one");
            problems.push(
                Problem {
                    help: Some("write the sum that the publisher announces".to_owned()),
                    ..problem
                }
                .of("placeholder"),
            );
        }
        // whoever goes without a checksum has said why, and whose archive it is
        let urls = source.urls.iter().enumerate();
        for (u, url) in urls.filter(|(_, url)| source.sha256.is_some() && is_example(url)) {
            let key = format!("source[{index}].urls[{u}]");
            let message = format!("nothing is fetched from {}", quoted(url));
            problems.push(
                Problem {
                    help: Some("write where the archive is published".to_owned()),
                    ..loaded.document.problem_at(&key, message)
                }
                .of("placeholder")
                .warn(),
            );
        }
    }
    problems
}

/// Whether a URL is of a domain that is kept for examples (RFC 2606).
fn is_example(url: &str) -> bool {
    let host = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split(['/', ':']).next());
    let domains = ["example.org", "example.com", "example.net"];
    host.is_some_and(|host| {
        domains
            .iter()
            .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
    })
}

/// What the build system needs itself and the recipe does not name.
fn missing_tools(loaded: &LoadedRecipe) -> Vec<Problem> {
    let Some(system) = build_system::find(&loaded.recipe.build.system) else {
        return Vec::new();
    };
    let dependencies = &loaded.recipe.dependencies;
    let named = || dependencies.build.iter().chain(&dependencies.run);
    let is_named = |tool: &str| {
        named().any(|dependency| {
            let name = dependency.name.split(['<', '>', '=', '[', '{', '*']).next();
            let name = name.unwrap_or("").trim_end_matches('-');
            name == tool
        })
    };
    let missing: Vec<&str> = system
        .needs
        .iter()
        .copied()
        .filter(|tool| !is_named(tool))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let message = format!("`{}` needs {}", system.name, list_of(&missing));
    let key = match loaded
        .document
        .root
        .get("dependencies")
        .and_then(|d| d.get("build"))
    {
        Some(_) => "dependencies.build",
        None => "build.system",
    };
    let problem = Problem {
        label: "not among the packages to build with".to_owned(),
        help: Some(format!(
            "add {} to `build` of `[dependencies]`",
            list_of(&missing)
        )),
        ..loaded.document.problem_at(key, message)
    };
    vec![problem.of("build-tool").warn()]
}

/// What templates ask about zones that only a zone can answer.
fn facts_of_zones(loaded: &LoadedRecipe) -> Option<Unchecked> {
    let mut texts = loaded.templates.values().map(|template| &template.text);
    let names = ["zone.branch", "zone.brand"];
    let is_asked = |text: &String| names.iter().any(|name| text.contains(name));
    let is_asked = is_asked(&loaded.document.source.text) || texts.any(is_asked);
    is_asked.then(|| {
        let what = "what templates make of the zone's branch and brand";
        Unchecked::new(what, "they are facts: 2024Q4 and joyent were tried")
    })
}

/// The recipe, as `read` makes it, of the whole file; for manifests.
pub(super) fn in_newest_zone(loaded: &LoadedRecipe) -> Option<(Document, crate::recipe::Recipe)> {
    let zone = zones(loaded).into_iter().next()?;
    let parts = ["package", "service", "file"];
    let document = as_in_zone(loaded, &zone.branch, zone.brand, &parts)?;
    let recipe = read::recipe(&document.root);
    Some((document, recipe))
}
