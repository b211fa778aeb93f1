//! `zonewright debug`: people in the tree of a build.

mod create_patch;
mod run;
mod shell;

use super::{Failure, STATE_HELP, apply, door, folders_of, site, wish};
use crate::build_system::PHASES;
use crate::cli::{DebugCommand, Global};
use crate::plan::debug::KeptTree;
use crate::run::{self as runs, Controller, Decisions, Event, Locking, RunError, Wish};
use crate::secrets::Passwords;
use crate::show::Style;
use crate::show::progress::Progress;
use crate::site::SiteRoot;
use crate::store::Folders;

pub(super) fn run(global: &Global, command: &DebugCommand) -> Result<u8, Failure> {
    match command {
        DebugCommand::Shell(arguments) => shell::run(global, arguments),
        DebugCommand::Run(arguments) => run::run(global, arguments),
        DebugCommand::CreatePatch(arguments) => create_patch::run(global, arguments),
    }
}

/// A zone that is connected to, and the recipe whose build is looked into.
struct Session<'a> {
    site: SiteRoot,
    wish: Wish,
    recipe: &'a str,
    folders: Folders,
    progress: Progress,
}

impl<'a> Session<'a> {
    /// Reads the files and connects.
    fn begin(global: &Global, zone: &str, recipe: &'a str) -> Result<(Self, door::Door), Failure> {
        let site = site(global)?;
        let wish = wish::load(&site, zone)?;
        if !wish.recipes.iter().any(|(name, _)| name == recipe) {
            let there: Vec<&str> = wish.recipes.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Failure::usage(
                &format!("the zone {zone} does not use the recipe `{recipe}`"),
                &format!("it uses {}", there.join(", ")),
            ));
        }
        let style = Style::stderr(global.color);
        let mut progress = Progress::new(style, global.verbose, String::new());
        let Some(door) = door::open(global, &site, &wish, &mut progress)? else {
            return Err(Failure::text_only(
                &format!("there is no zone {zone}, and so nothing was built in it"),
                &format!("`zonewright apply {zone}` makes it"),
            ));
        };
        let folders = folders_of(&wish.zone);
        let session = Self {
            site,
            wish,
            recipe,
            folders,
            progress,
        };
        Ok((session, door))
    }

    /// The tree that is kept of the recipe's build.
    fn tree(&self, door: &mut door::Door) -> Result<KeptTree, Failure> {
        let zone = &self.wish.zone.name;
        let kept = runs::debug::kept_tree(&mut door.host, self.recipe)
            .map_err(|error| Failure::run(zone, error))?;
        kept.ok_or_else(|| {
            Failure::text_only(
                &format!("no build tree of `{}` is kept in {zone}", self.recipe),
                &format!(
                    "a tree is kept while its build is unfinished; `zonewright apply {zone} --fresh` builds \
                     what is due anew, and one that fails leaves its tree"
                ),
            )
        })
    }

    /// Does `work` with what a run needs; `command` is what others are told while the zone is held.
    fn with_controller<T>(
        &mut self,
        command: String,
        work: impl FnOnce(&mut Controller<'_>, &Wish) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let id = self.folders.controller_id();
        let id = id.map_err(|error| Failure::of(&error, STATE_HELP))?;
        let mut passwords = Passwords::new(self.site.folder());
        let progress = &mut self.progress;
        let mut watch = |event: Event<'_>| progress.show(&event);
        let distfiles = self.site.folder().map(|folder| folder.join("distfiles"));
        let mut controller = Controller {
            folders: &self.folders,
            distfiles: distfiles.into_iter().collect(),
            decisions: Decisions::default(),
            // without a log nobody can tell that this is over, and so no other run ends it
            locking: Locking::of(apply::holder(command, &id)),
            password: &mut |user, known| {
                let mut no_prompt = |_: &str| Some("to be asked for".to_owned());
                passwords.wanted_hash(user, known, &mut no_prompt)
            },
            watch: &mut watch,
        };
        work(&mut controller, &self.wish)
    }

    fn failed(&self, error: impl Into<RunError>) -> Failure {
        Failure::run(&self.wish.zone.name, error)
    }
}

/// The phase that is meant, which must have begun in this tree.
fn phase_of<'t>(tree: &'t KeptTree, wanted: Option<&'t str>) -> Result<&'t str, Failure> {
    let begun: Vec<&str> = tree.phases.iter().map(|(name, _)| name.as_str()).collect();
    let Some(phase) = wanted.or(tree.main_phase()) else {
        return Err(Failure::text_only(
            "no phase of the build has begun in its tree",
            "run `zonewright apply` first",
        ));
    };
    if begun.contains(&phase) {
        return Ok(phase);
    }
    let (message, help) = if PHASES.contains(&phase) {
        let message = format!("`{phase}` has not begun in the build tree");
        (message, format!("what has begun: {}", begun.join(", ")))
    } else {
        let message = format!("`{phase}` is no phase of a build");
        (message, format!("the phases are {}", PHASES.join(", ")))
    };
    Err(Failure::usage(&message, &help))
}

/// A tree that a phase still writes in is not touched.
fn refuse_running(tree: &KeptTree, zone: &str) -> Result<(), Failure> {
    match tree.running() {
        None => Ok(()),
        Some(phase) => Err(Failure::text_only(
            &format!("{zone}: `{phase}` still runs in the build tree"),
            &format!("`zonewright apply {zone}` follows it to its end"),
        )),
    }
}
