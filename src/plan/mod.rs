//! What must change: the ordered steps that differ between what files say and what facts say.
//!
//! Pure data. A step has at least one change, a stable id and one piece of work; nothing to change
//! means no step, and running a step and planning again must give no step. What cannot be known
//! before an earlier step has run is a step without work, marked `?`.

pub mod accounts;
mod aside;
pub mod build;
pub mod checks;
pub mod debug;
pub mod files;
mod ids;
pub mod inputs;
mod install;
pub mod lock;
mod obstacles;
pub mod packages;
pub mod phases;
pub mod receipts;
pub mod services;
pub mod shell;
mod space;
pub mod sweep;
pub mod zone;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::build_system;
use crate::facts::platform::stamp_date;
use crate::facts::{Facts, Questions};
use crate::receipt::{BuildInputs, sha256_hex};
use crate::recipe::bundle::Bundle;
use crate::recipe::model::Check;
use crate::script::Script;
use crate::site::ZoneFile;

pub use build::{PackageJob, SourceJob};

/// What is to become of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Create,
    Change,
    Destroy,
    Replace,
    /// Something is going to be run that changes nothing by itself.
    Run,
    /// Not known until an earlier step has run.
    Unknown,
}

impl Action {
    /// The sign in front of a plan's line.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Change => "~",
            Self::Destroy => "-",
            Self::Replace => "-/+",
            Self::Run => ">",
            Self::Unknown => "?",
        }
    }
}

/// One object that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    pub action: Action,
    /// The object, as in `file /opt/local/etc/afp.conf`.
    pub what: String,
    /// Why, in the words of the change.
    pub why: Vec<String>,
    /// A unified diff where there is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl Change {
    pub(crate) fn new(action: Action, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            action,
            what: what.into(),
            why: vec![why.into()],
            diff: None,
        }
    }
}

/// When a step's turn is. After each stage the target is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The zone itself, on its host.
    Zone,
    Dependencies,
    Build,
    Configure,
    Serve,
    Check,
}

/// What a script reads on its standard input.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    None,
    /// Bytes, preceded by a line with their hash and size.
    Bytes(Vec<u8>),
    /// The same, but never shown or recorded.
    Secret(Vec<u8>),
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => write!(f, "Bytes({} {})", bytes.len(), sha256_hex(bytes)),
            Self::Secret(bytes) => write!(f, "Secret({} bytes)", bytes.len()),
        }
    }
}

/// How a step is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// One script; exit status 0 is success, [`shell::SESSIONS_OPEN`] means that somebody is being
    /// served and was not interrupted.
    Script { script: Script, input: Input },
    /// Sources are fetched, patched, packed and sent.
    Source(SourceJob),
    /// A phase of a build, detached and followed: the script starts it, or finds it running or
    /// ended, and prints its log.
    Phase {
        phase: String,
        script: Script,
        /// Ends it, with every process it started.
        stop: Script,
    },
    /// The staged tree is fetched and made a package.
    Package(PackageJob),
    /// A stored package is sent and installed.
    Install { key: String, script: Script },
    /// A check of the recipe.
    Check(Check),
    /// Nothing yet: an earlier step decides.
    Unknown,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Stable, as in `files/netatalk`.
    pub id: String,
    pub stage: Stage,
    pub changes: Vec<Change>,
    pub work: Work,
}

impl Step {
    /// The change that the step is about. A manifest is written for a service to start with, so of a
    /// service's changes it is the last one; otherwise the first.
    #[must_use]
    pub fn main_change(&self) -> Option<&Change> {
        match self.stage {
            Stage::Serve => self.changes.last(),
            _ => self.changes.first(),
        }
    }

    /// What the step is about, in a few words: `package gcc13 and 8 more`.
    #[must_use]
    pub fn title(&self) -> String {
        let Some(main) = self.main_change() else {
            return self.id.clone();
        };
        match self.changes.len() {
            more @ 2.. if self.stage != Stage::Serve => {
                format!("{} and {} more", main.what, more - 1)
            }
            _ => main.what.clone(),
        }
    }
}

/// The phase of a build that a step is, from its id: `compile` for `build/netatalk/compile`.
#[must_use]
pub fn phase_of(id: &str) -> Option<&str> {
    let (_, phase) = id.strip_prefix("build/")?.rsplit_once('/')?;
    build_system::PHASES.contains(&phase).then_some(phase)
}

/// The steps that differ, in order; empty when there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
}

/// Why no plan can be made: what the target is or holds forbids it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is in the way.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// A unified diff where there is text.
    pub diff: Option<String>,
}

/// One recipe of a zone, resolved.
#[derive(Debug, Clone)]
pub struct WantedRecipe {
    /// The recipe's name in the site.
    pub name: String,
    pub bundle: Bundle,
}

/// Everything that files say about a zone.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    pub zone: &'a ZoneFile,
    pub recipes: &'a [WantedRecipe],
}

/// A package in the controller's store, as far as a plan needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredPackage {
    /// Files that the build staged outside the prefix: path → content.
    pub outside: BTreeMap<String, Vec<u8>>,
    /// How big the package's file is.
    pub size_bytes: u64,
    /// The platform stamp of the zone that built it, as in `joyent_20241212T000720Z`.
    pub platform: String,
}

impl StoredPackage {
    /// Whether it can run on a platform: one as new as that of its build, or newer. A program that
    /// was linked on a newer platform does not start on an older one (`ILLUMOS_0.NN not found`).
    #[must_use]
    pub fn runs_on(&self, platform: &str) -> bool {
        stamp_date(&self.platform) <= stamp_date(platform)
    }
}

/// What the controller has and was told.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Build key → package in the store.
    pub packages: BTreeMap<String, StoredPackage>,
    /// Accounts whose password differs from the wanted one → the hash to set.
    pub passwords: BTreeMap<String, crate::facts::accounts::Secret>,
    /// Overwrite files that were edited by hand.
    pub overwrite: bool,
    /// Leave files that were edited by hand, and put ours beside them as `.new`.
    pub keep_edited: bool,
    /// Restart services although somebody is being served.
    pub end_sessions: bool,
    /// Begin builds that are due anew, whatever earlier runs left of them.
    pub fresh: bool,
}

/// What must be asked of a target to plan for it.
#[must_use]
pub fn questions(wanted: &Wanted<'_>) -> Questions {
    let mut questions = Questions::default();
    accounts::ask(wanted, &mut questions);
    for recipe in wanted.recipes {
        packages::ask(recipe, &mut questions);
        files::ask(recipe, &mut questions);
        services::ask(recipe, &mut questions);
    }
    questions
}

/// Adds what a first answer makes it necessary to ask: what the receipts name, and what pkgin would do
/// about packages that are missing.
pub fn questions_after(wanted: &Wanted<'_>, facts: &Facts, questions: &mut Questions) {
    for recipe in wanted.recipes {
        let missing = packages::missing(recipe, facts).into_iter();
        questions.missing.extend(missing.map(str::to_owned));
    }
    for receipt in facts.receipts.0.values() {
        questions.paths.extend(receipt.files.keys().cloned());
        questions.fmris.extend(receipt.services.keys().cloned());
    }
}

/// The steps that differ between what files say and what facts say.
///
/// # Errors
/// All [`Refusal`]s at once, when the target is or holds something that must not be changed blindly.
pub fn plan(wanted: &Wanted<'_>, facts: &Facts, given: &Given) -> Result<Plan, Vec<Refusal>> {
    let mut steps = Vec::new();
    let mut refusals = Vec::new();
    accounts::plan_zone(wanted, facts, given, &mut steps, &mut refusals);
    for (path, why) in &facts.unreadable_receipts {
        refusals.push(Refusal {
            message: format!("the receipt {path} cannot be read: {why}"),
            help: "remove it in the zone; the next apply takes stock anew (files that differ are \
                   then asked about, and services are restarted)"
                .to_owned(),
            diff: None,
        });
    }
    let paths = wanted
        .recipes
        .iter()
        .flat_map(|recipe| &recipe.bundle.files);
    let paths: BTreeSet<&str> = paths.map(|file| file.path.as_str()).collect();
    let ids = ids::choose(wanted, facts);
    for recipe in wanted.recipes {
        plan_recipe(
            recipe,
            &paths,
            &ids,
            facts,
            given,
            &mut steps,
            &mut refusals,
        );
    }
    refusals.extend(packages::refuse(wanted, facts));
    refusals.extend(obstacles::look(facts, &steps));
    if refusals.is_empty() {
        Ok(Plan { steps })
    } else {
        Err(refusals)
    }
}

fn plan_recipe(
    recipe: &WantedRecipe,
    paths: &BTreeSet<&str>,
    ids: &ids::Ids,
    facts: &Facts,
    given: &Given,
    steps: &mut Vec<Step>,
    refusals: &mut Vec<Refusal>,
) {
    let before = steps.len();
    let receipt = facts.receipts.0.get(&recipe.name);
    let missing = packages::plan(recipe, facts, steps);
    let built = if missing {
        build::plan_unknown(recipe, receipt, steps);
        None
    } else {
        match inputs::of(recipe, facts) {
            Ok(inputs) => {
                build::plan(recipe, &inputs, ids, facts, given, steps);
                refusals.extend(space::look(recipe, &inputs, facts, given, &steps[before..]));
                Some(inputs)
            }
            Err(refusal) => {
                refusals.push(refusal);
                None
            }
        }
    };
    let built_until = steps.len();
    accounts::plan_recipe(recipe, ids, facts, steps, refusals);
    let outside = built.as_ref().map(|inputs| outside_files(inputs, given));
    let files = files::plan(recipe, outside.flatten(), facts, given, steps, refusals);
    refusals.extend(services::plan(
        recipe,
        built.as_ref(),
        &files,
        facts,
        given,
        steps,
    ));
    files::plan_removal(recipe, paths, facts, steps);
    let receipt = built
        .as_ref()
        .map(|inputs| receipts::expected(recipe, inputs, &files, facts));
    refusals.extend(checks::plan(recipe, receipt, facts, before, steps).err());
    // it changes nothing that a check or the receipt could depend on
    let abandoned = built
        .as_ref()
        .and_then(|inputs| build::plan_abandoned(recipe, &inputs.key(), facts, steps));
    if let Some(step) = abandoned {
        steps.insert(built_until, step);
    }
}

fn outside_files<'a>(
    inputs: &BuildInputs,
    given: &'a Given,
) -> Option<&'a BTreeMap<String, Vec<u8>>> {
    given
        .packages
        .get(&inputs.key())
        .map(|package| &package.outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_known_by_their_ids() {
        assert_eq!(phase_of("build/a/compile"), Some("compile"));
        for id in [
            "build/a/source",
            "build/compile",
            "compile",
            "install/a/compile",
        ] {
            assert_eq!(phase_of(id), None, "{id}");
        }
    }

    #[test]
    fn a_service_is_started_whatever_is_written_for_it() {
        let step = |stage| Step {
            id: "services/svc:/site/a:default".to_owned(),
            stage,
            changes: vec![
                Change::new(Action::Create, "manifest /a.xml", ""),
                Change::new(Action::Change, "start svc:/site/a:default", ""),
            ],
            work: Work::Unknown,
        };
        assert_eq!(step(Stage::Serve).title(), "start svc:/site/a:default");
        assert_eq!(step(Stage::Configure).title(), "manifest /a.xml and 1 more");
    }

    #[test]
    fn a_package_is_not_used_on_an_older_platform_than_its_own() {
        let stored = StoredPackage {
            platform: "joyent_20241212T000720Z".to_owned(),
            ..StoredPackage::default()
        };
        assert!(stored.runs_on("joyent_20241212T000720Z"));
        assert!(stored.runs_on("joyent_20250101T000000Z"));
        assert!(!stored.runs_on("joyent_20241211T235959Z"));
    }
}
