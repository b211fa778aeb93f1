//! Converge: ask, plan, run the first stage, and ask again until there is nothing to do.
//!
//! A step that was run and is planned again is an error: its change did not take. A lost connection
//! is no error as long as another one can be had: what then is planned is what is left to do.

mod build;
mod course;
pub mod debug;
mod door;
mod error;
mod lock;
mod sources;
mod step;
mod wait;
pub mod zone;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::facts::accounts::Secret;
use crate::facts::locks::Lock;
use crate::facts::platform::CLOCK_FIX;
use crate::facts::sessions::Session;
use crate::facts::{self, Facts, Questions};
use crate::host::{self, Exit, Host, HostError, Stream};
use crate::plan::{self, Given, Plan, Step, Wanted, WantedRecipe};
use crate::receipt::Receipt;
use crate::recipe::bundle::{ZoneContext, resolve};
use crate::recipe::load::LoadedRecipe;
use crate::secrets::PasswordError;
use crate::site::ZoneFile;
use crate::site::model::User;
use crate::source::fetch::FetchEvent;
use crate::store::{Folders, Kept, RunLog, StoreError};
use course::Course;

pub use build::BuildError;
pub use door::{Door, PATIENCE, Reopen};
pub use error::RunError;
pub use lock::Locking;

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
    pub fresh: Fresh,
}

/// Whether builds that are due begin anew, whatever earlier runs left of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fresh {
    #[default]
    No,
    /// Yes: build trees that are there are removed.
    Begin,
    /// Begun: what is there now is this run's own, but packages in the store are not.
    Begun,
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
    /// Who this run is to others.
    pub locking: Locking<'a>,
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
    /// Somebody is being served, and the step waits for them. Sent again every few seconds.
    Waiting {
        sessions: &'a [Session],
        waited: Duration,
    },
    /// Somebody else holds the zone, and the run waits for them.
    Held(&'a [Lock]),
    /// The connection is gone; it is tried again after a while.
    Lost {
        error: &'a HostError,
        again_in: Duration,
    },
    /// It is back, after so long.
    Reconnected(Duration),
    /// The step ended well.
    Ended {
        step: &'a Step,
        took: Duration,
        summary: Option<String>,
    },
    /// The step failed; the error is returned as well.
    Failed { step: &'a Step, took: Duration },
}

/// A target as it is, what is wanted of it, and the difference.
#[derive(Debug)]
pub struct View {
    pub facts: Facts,
    pub recipes: Vec<WantedRecipe>,
    pub plan: Plan,
}

impl View {
    /// What is worth knowing of the target and is no difference; `now` is this machine's clock.
    #[must_use]
    pub fn notes(&self, now: SystemTime) -> Vec<String> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        let clock = self.facts.platform.clock_off(seconds);
        let mut notes: Vec<String> = clock
            .map(|off| format!("{off}. {CLOCK_FIX}"))
            .into_iter()
            .collect();
        notes.extend(self.left_behind());
        notes
    }

    /// What recipes installed that the zone file does not name any more: it is not removed by itself, since
    /// others may use it by now.
    fn left_behind(&self) -> impl Iterator<Item = String> {
        let receipts = self.facts.receipts.0.values().filter(|receipt| {
            let is_wanted = self
                .recipes
                .iter()
                .any(|recipe| recipe.name == receipt.recipe);
            let is_installed = receipt
                .package
                .rsplit_once('-')
                .is_some_and(|(base, version)| {
                    let installed = self.facts.packages.installed.get(base);
                    installed.is_some_and(|installed| installed == version)
                });
            !is_wanted && is_installed
        });
        receipts.map(|receipt| {
            let Receipt { recipe, package, services, .. } = receipt;
            let stop: String = services
                .keys()
                .map(|fmri| format!("svcadm disable -s {fmri} && "))
                .collect();
            format!(
                "{package} is there, and the zone file does not name the recipe {recipe} any more; in the zone, \
                 `{stop}pkg_delete {package}` removes it"
            )
        })
    }
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
    let wanted = Wanted {
        zone: &wish.zone,
        recipes: &recipes,
    };
    plan::questions_after(&wanted, &facts, &mut questions);
    if !questions.is_answered_by(&asked) {
        facts = ask(door, &questions)?;
    }
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

/// Fetches, verifies and patches the sources of all of a zone's recipes: what another root is to be built from.
///
/// # Errors
/// [`RunError::Sources`] for the first that cannot be had or patched; [`RunError::Problems`] when a recipe does not
/// fit the zone file.
pub fn rehearse(wish: &Wish, controller: &mut Controller<'_>) -> Result<(), RunError> {
    let recipes = resolve_all(wish, &zone_context(wish, None))?;
    sources::prepare_each(wish, &recipes, controller)
}

/// A folder that another root would not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderInRoot {
    /// The recipe or user it is of.
    pub of: String,
    pub path: String,
    /// What is mounted in it, and stays.
    pub but_for: Vec<String>,
}

/// The folders of a zone's recipes and users that another root would not have, as far as the zone file mounts nothing
/// there.
///
/// # Errors
/// [`RunError`] when a recipe does not fit the zone file.
pub fn folders_in_root(wish: &Wish) -> Result<Vec<FolderInRoot>, RunError> {
    let zone = &wish.zone;
    let shared = zone
        .storage
        .as_ref()
        .and_then(|storage| storage.target.as_deref());
    let datasets = zone
        .datasets
        .iter()
        .map(|dataset| dataset.mountpoint.as_str());
    let mounted: Vec<&Path> = datasets.chain(shared).map(Path::new).collect();
    let recipes = resolve_all(wish, &zone_context(wish, None))?;
    let of_recipes = recipes.iter().flat_map(|recipe| {
        let directories = recipe.bundle.recipe.directories.iter();
        directories.map(|directory| (&recipe.name, directory.path.clone()))
    });
    let of_users = zone.users.iter().map(|user| {
        let home = user.home.clone();
        (
            &user.name,
            home.unwrap_or_else(|| format!("/home/{}", user.name)),
        )
    });
    let lost = of_recipes.chain(of_users).filter_map(|(of, path)| {
        let is_below = |at: &&Path| Path::new(&path).starts_with(at);
        // `$` stands for others, as in afp.conf's `$u`
        if mounted.iter().any(is_below) || path.contains('$') {
            return None;
        }
        let within = mounted.iter().filter(|at| at.starts_with(&path));
        let but_for = within.map(|at| at.to_string_lossy().into_owned());
        Some(FolderInRoot {
            of: of.clone(),
            but_for: but_for.collect(),
            path,
        })
    });
    Ok(lost.collect())
}

fn ask(door: &mut dyn Host, questions: &Questions) -> Result<Facts, RunError> {
    let (exit, answer, errors) = host::run_to_string(door, &facts::probe(questions))?;
    judged(&exit, &errors)?;
    Ok(facts::parse(&answer)?)
}

/// Whether a script that asks ended well; what it said beside is why not.
fn judged(exit: &Exit, errors: &[u8]) -> Result<(), RunError> {
    if *exit == Exit::Code(0) {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(errors);
    Err(RunError::Probe(format!("{exit}: {}", errors.trim())))
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
        match controller.folders.stored(&key)? {
            Kept::Package(stored) => {
                packages.insert(key, stored);
            }
            Kept::Damaged { path } => (controller.watch)(Event::Note(format!(
                "{} is damaged; it is made again when it is needed",
                path.display()
            ))),
            Kept::Nothing => {}
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
        fresh,
    } = controller.decisions;
    if fresh != Fresh::No {
        packages.clear();
    }
    Ok(Given {
        packages,
        passwords,
        overwrite,
        keep_edited,
        end_sessions,
        fresh: fresh == Fresh::Begin,
    })
}

/// Makes it so, under a lock in the zone. A lost connection is made again as long as the target allows
/// it, and the run goes on from what it then finds.
///
/// # Errors
/// [`RunError`] at the first step that fails; the next run goes on from there.
pub fn converge(
    door: &mut Door<'_>,
    wish: &Wish,
    controller: &mut Controller<'_>,
    log: &mut Option<RunLog>,
    begin: &mut dyn FnMut() -> Result<RunLog, StoreError>,
) -> Result<Report, RunError> {
    let mut course = Course::default();
    let first = course.through_losses(door, controller, &mut |door, controller, _| {
        look(door, wish, controller).map(Some)
    })?;
    for note in first.notes(SystemTime::now()) {
        (controller.watch)(Event::Note(note));
    }
    if first.plan.steps.is_empty() {
        lock::clear(door, controller, &first.facts.locks);
        return Ok(course.report);
    }
    sources::rehearse(wish, &first, controller)?;
    let log = match log {
        Some(log) => log,
        None => log.insert(begin()?),
    };
    controller.locking.holder.run = log.name();
    (controller.watch)(Event::Planned(&first.plan));
    let result = course.through_losses(door, controller, &mut |door, controller, course| {
        // what was seen before the zone was held may have changed since
        if !door.is_locked() {
            lock::take(door, controller, None)?;
            sweep(door, controller)?;
        }
        course.stage(door, wish, controller, log)
    });
    if let Err(error) = &result {
        course.fail(door, controller, log, error);
    }
    lock::release(door);
    result.map(|()| course.report)
}

/// Ends what a run that was cut off left half done.
fn sweep(door: &mut Door<'_>, controller: &mut Controller<'_>) -> Result<(), RunError> {
    let (exit, _, said) = host::run_to_string(door, &plan::sweep::script())?;
    let said = String::from_utf8_lossy(&said);
    if exit != Exit::Code(0) {
        return Err(RunError::Swept(said.trim().to_owned()));
    }
    for line in said.lines() {
        (controller.watch)(Event::Note(line.to_owned()));
    }
    Ok(())
}
