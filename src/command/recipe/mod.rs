//! `zonewright recipe`: what an author does at a desk.

mod check;

use super::Failure;
use crate::cli::{Global, RecipeCommand};

pub(super) fn run(global: &Global, command: &RecipeCommand) -> Result<u8, Failure> {
    match command {
        RecipeCommand::Check(arguments) => check::run(global, arguments),
    }
}
