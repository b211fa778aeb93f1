//! Converge: ask, plan, run the first stage, and ask again until there is nothing to do.
//!
//! A step that was run and is planned again is an error: its change did not take.

mod build;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::facts::accounts::Secret;
use crate::facts::{self, FactError, Facts, Questions};
use crate::host::{self, Exit, Host, HostError, Stream};
use crate::plan::{self, Given, Plan, Refusal, Stage, Step, Wanted, WantedRecipe, Work};
use crate::problem::Problem;
use crate::recipe::bundle::{ZoneContext, resolve};
use crate::recipe::load::LoadedRecipe;
use crate::secrets::PasswordError;
use crate::site::ZoneFile;
use crate::site::model::User;
use crate::source::fetch::FetchEvent;
use crate::store::{Folders, RunLog, StepRecord, StoreError};

pub use build::BuildError;

/// Everything that files say about a zone, before the zone was asked.
#[derive(Debug)]
pub struct Wish {
    pub zone: ZoneFile,
    /// In the zone file's order: name in the site, recipe.
    pub recipes: Vec<(String, LoadedRecipe)>,
}

/// What the user decided for this run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decisions {
    /// See [`Given::overwrite`].
    pub overwrite: bool,
    /// See [`Given::keep_edited`].
    pub keep_edited: bool,
    /// See [`Given::end_sessions`].
    pub end_sessions: bool,
}

/// Gives the hash to set for an account, if its password differs from the wanted one.
pub type AskPassword<'a> =
    dyn FnMut(&User, Option<&Secret>) -> Result<Option<Secret>, PasswordError> + 'a;

/// What the controller brings to a run besides the files.
pub struct Controller<'a> {
    pub folders: &'a Folders,
    /// Folders that are looked into for archives before anything is fetched.
    pub distfiles: Vec<PathBuf>,
    pub decisions: Decisions,
    /// The hash to set for an account, if its password differs from the wanted one.
    pub password: &'a mut AskPassword<'a>,
    /// Is told of everything that happens.
    pub watch: &'a mut dyn FnMut(Event<'_>),
}

/// What happens during a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// The target was asked and this is what differs. Sent before each stage.
    Planned(&'a Plan),
    /// A step begins.
    Started(&'a Step),
    /// The step's script prints.
    Output(Stream, &'a [u8]),
    /// An archive is being fetched.
    Fetch(FetchEvent<'a>),
    /// Something worth reading that ends nothing.
    Note(String),
    /// Somebody is being served, and the step waits for them.
    Waiting(&'a str),
    /// The step ended well.
    Ended {
        step: &'a Step,
        took: Duration,
        summary: Option<String>,
    },
    /// The step failed; the error is returned as well.
    Failed { step: &'a Step, took: Duration },
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Facts(#[from] FactError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The recipe cannot be resolved for this zone.
    #[error("the recipes do not fit this zone")]
    Problems(Vec<Problem>),
    /// The zone holds something that must not be changed blindly.
    #[error("nothing was changed")]
    Refused(Vec<Refusal>),
    /// The probe failed.
    #[error("the zone does not answer the questions: {0}")]
    Probe(String),
    /// A step failed.
    #[error("{what} failed{}", status.map(|s| format!(" with status {s}")).unwrap_or_default())]
    Step {
        id: String,
        what: String,
        status: Option<i32>,
        /// The last lines it printed.
        tail: String,
        /// The whole output.
        log: PathBuf,
    },
    /// A build step failed on the controller.
    #[error("{what} failed")]
    Build {
        id: String,
        what: String,
        #[source]
        source: Box<BuildError>,
    },
    /// A check did not pass.
    #[error("the check “{name}” does not pass: {reason}")]
    Check { name: String, reason: String },
    /// Something stays unknown whatever is done.
    #[error("{what} is not known, and no step makes it known")]
    Stuck { what: String },
    /// A step was run and is due again.
    #[error("{what}: the change did not take ({why})")]
    DidNotTake { what: String, why: String },
}

/// A target as it is, what is wanted of it, and the difference.
#[derive(Debug)]
pub struct View {
    pub facts: Facts,
    pub recipes: Vec<WantedRecipe>,
    pub plan: Plan,
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    /// How many steps ran.
    pub steps: usize,
    /// The checks that ran, with what they found.
    pub checks: Vec<(String, String)>,
}

/// Asks a target and plans. One exec, unless what is to be asked depends on the answer.
///
/// # Errors
/// [`RunError`] when the target cannot be asked or nothing can be planned.
pub fn look(
    door: &mut dyn Host,
    wish: &Wish,
    controller: &mut Controller<'_>,
) -> Result<View, RunError> {
    // the branch and the brand are facts; a good guess saves the second question, and what does not
    // fit the guess may fit the facts
    let mut context = zone_context(wish, None);
    let mut resolved = resolve_all(wish, &context);
    let guessed = resolved.as_deref().unwrap_or_default();
    let mut questions = plan::questions(&Wanted {
        zone: &wish.zone,
        recipes: guessed,
    });
    let mut facts = ask(door, &questions)?;
    let actual = zone_context(wish, Some(&facts));
    if actual != context {
        context = actual;
        resolved = resolve_all(wish, &context);
    }
    let recipes = resolved?;
    let asked = std::mem::replace(
        &mut questions,
        plan::questions(&Wanted {
            zone: &wish.zone,
            recipes: &recipes,
        }),
    );
    plan::questions_after(&facts, &mut questions);
    if !questions.is_answered_by(&asked) {
        facts = ask(door, &questions)?;
    }
    let wanted = Wanted {
        zone: &wish.zone,
        recipes: &recipes,
    };
    let given = given(&wanted, &facts, controller)?;
    let plan = plan::plan(&wanted, &facts, &given).map_err(RunError::Refused)?;
    Ok(View {
        facts,
        recipes,
        plan,
    })
}

fn zone_context(wish: &Wish, facts: Option<&Facts>) -> ZoneContext {
    let (brand, branch) = match facts.map(|facts| &facts.platform) {
        None => ("joyent".to_owned(), "2024Q4".to_owned()),
        Some(known) => (
            known.brand.clone().unwrap_or_default(),
            known.branch.clone().unwrap_or_default(),
        ),
    };
    ZoneContext {
        alias: wish.zone.zone.alias.clone(),
        brand,
        branch,
        users: wish
            .zone
            .users
            .iter()
            .map(|user| (user.name.clone(), user.uid))
            .collect(),
    }
}

fn resolve_all(wish: &Wish, context: &ZoneContext) -> Result<Vec<WantedRecipe>, RunError> {
    let mut resolved = Vec::new();
    let mut problems = Vec::new();
    for (used, (name, loaded)) in wish.zone.recipes.iter().zip(&wish.recipes) {
        match resolve(loaded, &used.parameters, context) {
            Ok(bundle) => resolved.push(WantedRecipe {
                name: name.clone(),
                bundle,
            }),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(resolved)
    } else {
        Err(RunError::Problems(problems))
    }
}

fn ask(door: &mut dyn Host, questions: &Questions) -> Result<Facts, RunError> {
    let (exit, answer, errors) = host::run_to_string(door, &facts::probe(questions))?;
    if exit != Exit::Code(0) {
        let errors = String::from_utf8_lossy(&errors);
        return Err(RunError::Probe(format!("{exit:?}: {}", errors.trim())));
    }
    Ok(facts::parse(&answer)?)
}

fn given(
    wanted: &Wanted<'_>,
    facts: &Facts,
    controller: &mut Controller<'_>,
) -> Result<Given, RunError> {
    let mut packages = BTreeMap::new();
    for recipe in wanted.recipes {
        let Ok(inputs) = plan::inputs::of(recipe, facts) else {
            continue;
        };
        let key = inputs.key();
        if let Some(stored) = controller.folders.stored(&key)? {
            packages.insert(key, stored);
        }
    }
    let mut passwords = BTreeMap::new();
    for user in wanted
        .zone
        .users
        .iter()
        .filter(|user| user.password.is_some())
    {
        let known = facts
            .accounts
            .users
            .get(&user.name)
            .map(|fact| &fact.shadow);
        if let Some(hash) = (controller.password)(user, known)? {
            passwords.insert(user.name.clone(), hash);
        }
    }
    let Decisions {
        overwrite,
        keep_edited,
        end_sessions,
    } = controller.decisions;
    Ok(Given {
        packages,
        passwords,
        overwrite,
        keep_edited,
        end_sessions,
    })
}

/// Makes it so.
///
/// # Errors
/// [`RunError`] at the first step that fails; the next run goes on from there.
pub fn converge(
    door: &mut dyn Host,
    wish: &Wish,
    controller: &mut Controller<'_>,
    log: &mut Option<RunLog>,
    begin: &mut dyn FnMut() -> Result<RunLog, StoreError>,
) -> Result<Report, RunError> {
    let mut report = Report::default();
    let mut ran = BTreeSet::new();
    loop {
        let view = look(door, wish, controller)?;
        if view.plan.steps.is_empty() {
            return Ok(report);
        }
        if log.is_none() {
            *log = Some(begin()?);
        }
        let Some(log) = log.as_mut() else {
            return Ok(report);
        };
        (controller.watch)(Event::Planned(&view.plan));
        let stage = next_stage(&view.plan)?;
        if ran.is_empty() && stage != Stage::Check {
            note_unchecked(door, &view)?;
        }
        for step in view.plan.steps.iter().filter(|s| s.stage == stage) {
            if matches!(step.work, Work::Unknown) {
                continue;
            }
            if !ran.insert(step.id.clone()) {
                return Err(did_not_take(step));
            }
            let summary = run_logged(door, &view, step, controller, log)?;
            report.steps += 1;
            if let (Work::Check(check), Some(found)) = (&step.work, summary) {
                report.checks.push((check.name.clone(), found));
            }
        }
        if stage == Stage::Check {
            // checks change nothing: only the receipt could be due again
            ran.retain(|id| !id.starts_with("checks/"));
        }
    }
}

/// The first stage in which something can be done. What is not known yet must come after it: nothing
/// else would make it known.
fn next_stage(plan: &Plan) -> Result<Stage, RunError> {
    let is_unknown = |step: &&Step| matches!(step.work, Work::Unknown);
    let stage = plan
        .steps
        .iter()
        .filter(|step| !is_unknown(step))
        .map(|step| step.stage)
        .min();
    let stuck = plan
        .steps
        .iter()
        .filter(is_unknown)
        .find(|step| stage.is_none_or(|stage| stage == Stage::Check && step.stage < stage));
    match (stage, stuck) {
        (Some(stage), None) => Ok(stage),
        (_, stuck) => Err(RunError::Stuck {
            what: stuck.map(what).unwrap_or_default(),
        }),
    }
}

/// Notes in the zone that the checks of the recipes that are about to change are due.
fn note_unchecked(door: &mut dyn Host, view: &View) -> Result<(), RunError> {
    let has_checks = |name: &str| {
        let (checks, receipt) = (format!("checks/{name}/"), format!("receipt/{name}"));
        view.plan
            .steps
            .iter()
            .any(|step| step.id.starts_with(&checks) || step.id == receipt)
    };
    let names = view.recipes.iter().map(|recipe| recipe.name.as_str());
    let names: Vec<&str> = names.filter(|name| has_checks(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let script = plan::receipts::note_unchecked(names);
    let (exit, _, errors) = host::run_to_string(door, &script)?;
    if exit == Exit::Code(0) {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&errors);
    Err(RunError::Probe(format!("{exit:?}: {}", errors.trim())))
}

fn what(step: &Step) -> String {
    let first = step.changes.first();
    first.map_or_else(|| step.id.clone(), |change| change.what.clone())
}

fn did_not_take(step: &Step) -> RunError {
    RunError::DidNotTake {
        what: what(step),
        why: step
            .changes
            .first()
            .map(|change| change.why.join("; "))
            .unwrap_or_default(),
    }
}

fn run_logged(
    door: &mut dyn Host,
    view: &View,
    step: &Step,
    controller: &mut Controller<'_>,
    log: &mut RunLog,
) -> Result<Option<String>, RunError> {
    (controller.watch)(Event::Started(step));
    let started = Instant::now();
    let (path, mut file) = log.open_step(&step.id)?;
    let result = step::run(
        door,
        view,
        step,
        controller,
        &mut step::Sink {
            path: &path,
            file: &mut file,
        },
    );
    let took = started.elapsed();
    let logged = log.end_step(StepRecord {
        id: step.id.clone(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        error: result.as_ref().err().map(ToString::to_string),
        log: path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default(),
    });
    match &result {
        Ok(summary) => {
            (controller.watch)(Event::Ended {
                step,
                took,
                summary: summary.clone(),
            });
        }
        Err(_) => (controller.watch)(Event::Failed { step, took }),
    }
    // a log that cannot be written is worth telling only where nothing worse happened
    if result.is_ok() {
        logged?;
    }
    result
}
