//! `zonewright debug run`: one phase again, as it stands in the tree.

use super::super::{DONE, FAILED, Failure, answer};
use super::shell::live;
use super::{Session, phase_of, refuse_running};
use crate::cli::{Global, RunArgs};
use crate::host::{Exit, Host as _};
use crate::plan::debug;
use crate::run::RunError;
use crate::run::debug::under_lock;

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
    phase_of(&tree, Some(phase))?;
    let script = debug::run_phase(&tree, phase, *trace);
    let command = format!("debug run {zone} {recipe} {phase}");
    let exit = session.with_controller(command, |controller, _| {
        let result = under_lock(&mut door.host, controller, |door| {
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
