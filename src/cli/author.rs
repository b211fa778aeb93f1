//! Words for recipe authors: what a key means, files rewritten, sources fetched, a start made.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which kind of file
    #[arg(value_enum, default_value = "recipe", value_name = "KIND")]
    pub kind: SchemaKind,
}

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// recipes/NAME.toml
    Recipe,
    /// zones/NAME.toml
    Zone,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A key (`source.sha256`, or `sha256` alone) or a rule of `recipe check` (`patch-rejected`)
    /// [default: lists all]
    #[arg(value_name = "KEY|RULE")]
    pub what: Option<String>,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Where the pages go; made where it is missing
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}
