//! `zonewright recipe`: what an author does at a desk.

mod check;
mod explain;
mod patch;
mod schema;

use super::Failure;
use crate::cli::{Global, RecipeCommand};

pub(super) fn run(global: &Global, command: &RecipeCommand) -> Result<u8, Failure> {
    match command {
        RecipeCommand::Check(arguments) => check::run(global, arguments),
        RecipeCommand::Explain(arguments) => explain::run(global, arguments),
        RecipeCommand::Patch(command) => patch::run(global, command),
        RecipeCommand::Schema(arguments) => schema::run(arguments),
    }
}
