//! `zonewright recipe`: what an author does at a desk.

mod bump;
mod check;
mod desk;
mod explain;
mod fetch;
mod files;
mod fmt;
mod new;
mod patch;
mod schema;
mod show;

use super::Failure;
use crate::cli::{Global, RecipeCommand};
pub(super) use new::create;

pub(super) fn run(global: &Global, command: &RecipeCommand) -> Result<u8, Failure> {
    match command {
        RecipeCommand::Check(arguments) => check::run(global, arguments),
        RecipeCommand::Show(arguments) => show::run(global, arguments),
        RecipeCommand::New(arguments) => new::run(global, arguments),
        RecipeCommand::Fmt(arguments) => fmt::run(global, arguments),
        RecipeCommand::Bump(arguments) => bump::run(global, arguments),
        RecipeCommand::Fetch(arguments) => fetch::run(global, arguments),
        RecipeCommand::Explain(arguments) => explain::run(global, arguments),
        RecipeCommand::Patch(command) => patch::run(global, command),
        RecipeCommand::Schema(arguments) => schema::run(arguments),
    }
}
