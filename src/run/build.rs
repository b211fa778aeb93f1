//! The controller's half of a build: sources prepared before it, a package made after it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use super::step::{Sink, collect};
use super::{Controller, Event, RunError, View};
use crate::build_system::PREFIX;
use crate::host::{Exit, Host};
use crate::package::{
    self, BuildInfo, EntryKind, OutsideFiles, PackageFiles, PackageProblem, PackageSpec, StagedTree,
};
use crate::plan::phases::BUILD_EPOCH;
use crate::plan::{PackageJob, StoredPackage, WantedRecipe};
use crate::problem::Severity;
use crate::recipe::bundle::FileBytes;
use crate::script::Script;
use crate::size::show_size;
use crate::source::cache::{Cache, CacheError};
use crate::source::fetch::{FetchError, Fetcher};
use crate::source::repack::{RepackError, ustar};
use crate::source::unpack::Limits;
use crate::source::{self, Ingredient, NamedPatch, Patience, PrepareError, Prepared};

/// Why the controller's half of a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Repack(#[from] RepackError),
    /// The staged tree did not arrive or cannot be read.
    #[error("cannot read what was staged in {folder}")]
    Staged {
        folder: String,
        #[source]
        source: package::StagedError,
    },
    /// `tar` failed on the target.
    #[error("cannot fetch what was staged in {folder}: gtar ended with {exit}")]
    Collect { folder: String, exit: Exit },
    /// What was staged cannot become a package.
    #[error("what was staged cannot become a package")]
    Problems(Vec<PackageProblem>),
    #[error(transparent)]
    Package(#[from] package::PackageError),
    /// The zone's package tools do not say what they are built for.
    #[error("`pkg_info -X pkg_install` in the zone does not say `{0}`")]
    NoTools(&'static str),
    #[error(transparent)]
    Run(#[from] Box<RunError>),
}

impl From<RunError> for BuildError {
    fn from(error: RunError) -> Self {
        Self::Run(Box::new(error))
    }
}

/// A recipe of the zone.
pub(super) fn recipe<'a>(view: &'a View, name: &str) -> Result<&'a WantedRecipe, RunError> {
    let mut recipes = view.recipes.iter();
    recipes
        .find(|recipe| recipe.name == name)
        .ok_or_else(|| RunError::Stuck {
            what: format!("the recipe {name}"),
        })
}

/// Why there are no sources, and which of the recipe's sources it is about where it is about one.
#[derive(Debug)]
pub(super) struct Unprepared {
    pub(super) source: Option<usize>,
    pub(super) error: Box<BuildError>,
}

impl<E: Into<BuildError>> From<E> for Unprepared {
    fn from(error: E) -> Self {
        Self {
            source: None,
            error: Box::new(error.into()),
        }
    }
}

/// Fetches, verifies, unpacks, patches and packs a recipe's sources.
pub(super) fn prepare(
    wanted: &WantedRecipe,
    controller: &mut Controller<'_>,
) -> Result<Vec<u8>, Unprepared> {
    let prepared = prepare_tree(wanted, controller)?;
    Ok(ustar(&prepared.tree, BUILD_EPOCH)?)
}

/// The same without the packing.
pub(super) fn prepare_tree(
    wanted: &WantedRecipe,
    controller: &mut Controller<'_>,
) -> Result<Prepared, Unprepared> {
    let cache = Cache::open(&controller.folders.cache)?;
    let fetcher = Fetcher::new(&cache, &controller.distfiles, Patience::default());
    let watch = &mut *controller.watch;
    let mut archives = Vec::new();
    for (index, source) in wanted.bundle.recipe.sources.iter().enumerate() {
        let fetched = fetcher
            .fetch(source, &mut |event| watch(Event::Fetch(event)))
            .map_err(|error| Unprepared {
                source: Some(index),
                error: Box::new(error.into()),
            })?;
        if let (false, Some(reason)) = (fetched.verified, &source.unverified) {
            let from = &fetched.from;
            let text = format!(
                "{from} is NOT VERIFIED ({reason}); its sha256 is {}",
                fetched.sha256
            );
            watch(Event::Note(text));
        }
        archives.push(fetched.path);
    }
    let sources = wanted
        .bundle
        .recipe
        .sources
        .iter()
        .zip(&archives)
        .enumerate();
    let ingredients = sources.map(|(index, (source, archive))| Ingredient {
        archive,
        strip: source.strip,
        into: source.into.as_deref(),
        patches: patches_of(wanted, index),
    });
    let ingredients: Vec<_> = ingredients.collect();
    source::prepare(&ingredients, &Limits::default()).map_err(|error| Unprepared {
        source: blamed(&error, &ingredients),
        error: Box::new(error.into()),
    })
}

/// Which of the sources an error is about.
fn blamed(error: &PrepareError, ingredients: &[Ingredient<'_>]) -> Option<usize> {
    ingredients.iter().position(|one| match error {
        PrepareError::Unpack(error) => one.archive == error.archive(),
        PrepareError::Patch(error) => one.patches.iter().any(|patch| patch.name == error.patch),
        PrepareError::Into { into, .. } => one.into == Some(into.as_str()),
        PrepareError::InTheWay { archive, .. } => one.archive == archive,
    })
}

fn patches_of(wanted: &WantedRecipe, source: usize) -> Vec<NamedPatch<'_>> {
    let patches = wanted
        .bundle
        .patches
        .iter()
        .filter(|patch| patch.source == source);
    let named = patches.map(|patch| NamedPatch {
        name: &patch.file,
        bytes: &patch.bytes,
        strip: patch.strip,
        fuzz: patch.fuzz,
    });
    named.collect()
}

/// Fetches the staged tree, checks it, makes the package and keeps it.
pub(super) fn make_package(
    door: &mut dyn Host,
    view: &View,
    job: &PackageJob,
    controller: &mut Controller<'_>,
    sink: &mut Sink,
) -> Result<String, BuildError> {
    let wanted = recipe(view, &job.recipe)?;
    let (exit, tar) = collect(door, &job.script, &mut std::io::empty(), sink)?;
    if exit != Exit::Code(0) {
        return Err(BuildError::Collect {
            folder: job.stage.clone(),
            exit,
        });
    }
    let tree = StagedTree::read(&tar).map_err(|source| BuildError::Staged {
        folder: job.stage.clone(),
        source,
    })?;
    let (files, outside) = tree
        .split(
            PREFIX,
            &wanted.bundle.recipe.build.discard,
            &declared(wanted),
        )
        .map_err(BuildError::Problems)?;
    let doubled = doubled(wanted, &files);
    if !doubled.is_empty() {
        return Err(BuildError::Problems(doubled));
    }
    let checked = check(door, &files, job, sink)?;
    for problem in &checked.problems {
        let _ = writeln!(
            sink.file,
            "{}: {}",
            severity(problem.severity),
            problem.message
        );
        if problem.severity == Severity::Warning {
            (controller.watch)(Event::Note(problem.message.clone()));
        }
    }
    if !checked.is_good() {
        return Err(BuildError::Problems(checked.problems));
    }
    let spec = spec(&tools(door, sink)?, wanted, job, checked)?;
    let bytes = package::write(&spec, &files)?;
    let beside = StoredPackage {
        outside: contents(outside),
        size_bytes: bytes.len() as u64,
        platform: view.facts.platform.stamp.clone(),
    };
    let kept = controller
        .folders
        .keep_package(&job.key, &bytes, &beside)
        .map_err(RunError::Store)?;
    let _ = writeln!(sink.file, "kept as {}", kept.display());
    let count = files
        .entries
        .values()
        .filter(|e| e.kind != EntryKind::Directory)
        .count();
    Ok(format!("{count} files, {}", show_size(bytes.len() as u64)))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// What the recipe says about staged files outside the prefix.
fn declared(wanted: &WantedRecipe) -> Vec<String> {
    let files = wanted
        .bundle
        .files
        .iter()
        .filter_map(|file| match &file.content {
            FileBytes::Staged(path) => Some(path.clone()),
            FileBytes::Known(_) => None,
        });
    let folders = wanted
        .bundle
        .recipe
        .directories
        .iter()
        .map(|d| format!("{}/", d.path));
    files.chain(folders).collect()
}

/// Files of the recipe that the package would own as well, and so replace at every upgrade.
fn doubled(wanted: &WantedRecipe, files: &PackageFiles) -> Vec<PackageProblem> {
    let paths = wanted.bundle.files.iter().map(|file| &file.path);
    let both = paths.filter(|path| {
        let inside = path
            .strip_prefix(&files.prefix)
            .map(|rest| rest.trim_start_matches('/'));
        inside.is_some_and(|inside| files.entries.contains_key(inside))
    });
    let problem = |path: &String| PackageProblem {
        severity: Severity::Error,
        path: path.clone(),
        message: format!(
            "`{path}` is staged for the package and is a `[[file]]` of the recipe too"
        ),
        help: Some(format!(
            "write `discard = [\"{path}\"]` in `[build]`, or drop the `[[file]]`"
        )),
    };
    both.map(problem).collect()
}

/// Asks the target for all libraries at once, then checks the files.
fn check(
    door: &mut dyn Host,
    files: &PackageFiles,
    job: &PackageJob,
    sink: &mut Sink,
) -> Result<package::Checked, BuildError> {
    let system = package::system_folders(files);
    let candidates = package::library_candidates(files, system);
    let script = Script::new("look for libraries")
        .list("paths", &candidates)
        .shell(
            r#"
for path in ${paths[@]+"${paths[@]}"}; do [ -f "$path" ] && printf '%s\n' "$path"; done
exit 0
"#,
        );
    let (exit, answer) = collect(door, &script, &mut std::io::empty(), sink)?;
    if exit != Exit::Code(0) {
        return Err(RunError::Probe(format!("looking for libraries ended with {exit}")).into());
    }
    let text = String::from_utf8_lossy(&answer);
    let there: BTreeSet<&str> = text.lines().collect();
    Ok(package::check(files, system, &[&job.folder], &|path| {
        there.contains(path)
    }))
}

/// What the zone's package tools are built for.
///
/// ```text
/// pkg_info -X pkg_install → PKGNAME=pkg_install-20250417
///                           OPSYS=SunOS
///                           OS_VERSION=5.11
///                           MACHINE_ARCH=x86_64
/// ```
fn tools(door: &mut dyn Host, sink: &mut Sink) -> Result<BTreeMap<String, String>, BuildError> {
    let script = Script::new("ask what the package tools are built for").command([
        "/opt/local/sbin/pkg_info",
        "-X",
        "pkg_install",
    ]);
    let (_, answer) = collect(door, &script, &mut std::io::empty(), sink)?;
    let text = String::from_utf8_lossy(&answer);
    let lines = text.lines().filter_map(|line| line.split_once('='));
    Ok(lines
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect())
}

fn spec(
    tools: &BTreeMap<String, String>,
    wanted: &WantedRecipe,
    job: &PackageJob,
    checked: package::Checked,
) -> Result<PackageSpec, BuildError> {
    let recipe = &wanted.bundle.recipe;
    let tool = |key: &'static str| tools.get(key).cloned().ok_or(BuildError::NoTools(key));
    let depends = job.depends.iter().map(|(full, pattern)| {
        // a bare name says nothing to pkg_add's dependency check: at least what it was built with
        let is_bare = !pattern.contains(['<', '>', '[', '*', '{', '?']);
        match full.rsplit_once('-').filter(|_| is_bare) {
            Some((name, version)) => format!("{name}>={version}"),
            None => pattern.clone(),
        }
    });
    Ok(PackageSpec {
        name: package::package_name(&recipe.package.name, &recipe.package.version),
        comment: recipe.package.summary.clone(),
        description: description(wanted),
        depends: depends.collect(),
        built_with: job.built_with.clone(),
        conflicts: recipe.package.conflicts.clone(),
        build_info: BuildInfo {
            opsys: tool("OPSYS")?,
            os_version: tool("OS_VERSION")?,
            machine_arch: tool("MACHINE_ARCH")?,
            pkgpath: format!("local/zw-{}", recipe.package.name),
            categories: "local".to_owned(),
            build_date: BUILD_EPOCH,
            license: recipe.package.license.clone(),
            homepage: recipe.package.homepage.clone(),
            provides: checked.provides,
            requires: checked.requires,
            other: vec![("ZONEWRIGHT_BUILD_KEY".to_owned(), job.key.clone())],
        },
        build_version: Vec::new(),
        dependencies_size_bytes: 0,
        modified: BUILD_EPOCH,
    })
}

fn description(wanted: &WantedRecipe) -> String {
    let package = &wanted.bundle.recipe.package;
    let mut text = format!(
        "{}\n\nBuilt by zonewright from the recipe {}.\n",
        package.summary, wanted.name
    );
    for patch in &wanted.bundle.patches {
        text.push_str(&format!("Patched with {}.\n", patch.file));
    }
    if let Some(homepage) = &package.homepage {
        text.push_str(&format!("\nHomepage:\n{homepage}\n"));
    }
    text
}

fn contents(outside: OutsideFiles) -> BTreeMap<String, Vec<u8>> {
    let files = outside
        .into_iter()
        .filter_map(|(path, entry)| match entry.kind {
            EntryKind::File { bytes } => Some((path, bytes.to_vec())),
            _ => None,
        });
    files.collect()
}
