//! `zonewright debug run`: one phase again, as it stands in the tree.

use super::super::{DONE, FAILED, Failure, answer, door};
use super::shell::live;
use super::{Session, phase_of, refuse_running};
use crate::build_system::PHASES;
use crate::cli::{Global, RunArgs};
use crate::host::{Exit, Host as _};
use crate::plan::debug::{self, KeptTree};
use crate::plan::inputs;
use crate::plan::phases::{PhaseText, phase_text};
use crate::recipe::format::list_of;
use crate::run::debug::{ask, under_lock};
use crate::run::{self as runs, RunError};

pub(super) fn run(global: &Global, arguments: &RunArgs) -> Result<u8, Failure> {
    let RunArgs {
        zone,
        recipe,
        phase,
        trace,
    } = arguments;
    let (mut session, mut door) = Session::begin(global, zone, recipe)?;
    let tree = session.tree(&mut door)?;
    refuse_running(&tree, zone)?;
    let begun = tree.phases.iter().any(|(name, _)| name == phase);
    let files = match begun || !PHASES.contains(&phase.as_str()) {
        true => {
            phase_of(&tree, Some(phase))?;
            None
        }
        false => Some(files_of(&mut session, &mut door, &tree, phase)?),
    };
    let script = debug::run_phase(&tree, phase, *trace);
    let command = format!("debug run {zone} {recipe} {phase}");
    let exit = session.with_controller(command, |controller, _| {
        let result = under_lock(&mut door.host, controller, |door| {
            if let Some(files) = &files {
                ask(
                    door,
                    &debug::lay_out(&tree, phase, files),
                    &mut std::io::empty(),
                )?;
            }
            door.run(&script, &mut std::io::empty(), &mut live)
                .map_err(RunError::from)
        });
        result.map_err(|error| Failure::run(zone, error))
    })?;
    match exit {
        Exit::Code(0) => {
            answer(&format!(
                "{phase} passes in the tree; `zonewright debug create-patch {zone} {recipe} NAME` brings home \
                 what was changed there\n"
            ));
            Ok(DONE)
        }
        exit => {
            let how = match exit {
                Exit::Code(status) => format!("fails with status {status}"),
                Exit::Signal(name) => format!("was ended by the signal {name}"),
            };
            super::super::complain(
                &Failure::text_only(
                    &format!("{zone}: {phase} {how}"),
                    &format!("`zonewright debug shell {zone} {recipe}` opens the tree"),
                ),
                global,
            );
            Ok(FAILED)
        }
    }
}

/// The files of a phase that the build has not come to, if the recipe still says what it said then.
fn files_of(
    session: &mut Session<'_>,
    door: &mut door::Door,
    tree: &KeptTree,
    phase: &str,
) -> Result<PhaseText, Failure> {
    let (zone, recipe) = (session.wish.zone.name.clone(), session.recipe);
    session.with_controller(String::new(), |controller, wish| {
        let view = runs::look(&mut door.host, wish, controller);
        let view = view.map_err(|error| Failure::run(&zone, error))?;
        let wanted = view.recipes.iter().find(|one| one.name == recipe);
        let known = wanted.and_then(|wanted| {
            let inputs = inputs::of(wanted, &view.facts).ok()?;
            (inputs.key() == tree.key).then_some((wanted, inputs))
        });
        let Some((wanted, inputs)) = known else {
            return Err(Failure::text_only(
                &format!(
                    "`{phase}` has not begun in the build tree, and the recipe was changed since"
                ),
                &format!("`zonewright apply {zone}` builds what the recipe says now"),
            ));
        };
        let folder = tree.folder();
        let build = &wanted.bundle.recipe.build;
        let cores = view.facts.machine.cores;
        let text = |phase: &str| phase_text(build, &folder, phase, cores, &inputs.compiler);
        text(phase).ok_or_else(|| {
            let there: Vec<&str> = PHASES
                .into_iter()
                .filter(|phase| text(phase).is_some())
                .collect();
            no_phase(recipe, phase, &there, build.test)
        })
    })
}

fn no_phase(recipe: &str, phase: &str, there: &[&str], runs_tests: bool) -> Failure {
    let mut help = format!("it has {}", list_of(there));
    if phase == "test" && !runs_tests {
        help.push_str("; with `test = true` in `[build]` of the recipe it has `test` too");
    }
    Failure::usage(&format!("a build of `{recipe}` has no `{phase}`"), &help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_a_phase_that_is_not_there_is_told_which_are() {
        let (_, help) = no_phase("a", "test", &["configure", "compile"], false).in_short();
        assert_eq!(
            help,
            "it has `configure` and `compile`; with `test = true` in `[build]` of the recipe it has `test` too"
        );
        let (message, help) = no_phase("a", "link", &["compile"], false).in_short();
        assert_eq!(
            (message.as_str(), help.as_str()),
            ("a build of `a` has no `link`", "it has `compile`")
        );
    }
}
