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

#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Change nothing: show what would change, and exit with 1 if something would
    #[arg(long)]
    pub check: bool,
    /// Recipes by name, or recipe and zone files by path [default: all of the site]
    #[arg(value_name = "RECIPE|FILE")]
    pub what: Vec<String>,
}

#[derive(Debug, Args)]
pub struct BumpArgs {
    /// The recipe, by name or path
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// The version to go to [default: the newest that the source's server lists]
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
    /// Show what would change, and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Write the new checksum of an archive that changed although its version did not
    #[arg(long)]
    pub accept_changed: bool,
    /// Look for archives here before fetching them (repeatable; distfiles/ of the site is looked
    /// into anyway)
    #[arg(long, value_name = "DIR")]
    pub distfiles: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct FetchArgs {
    /// Recipes by name or path [default: all of the site]
    #[arg(value_name = "RECIPE")]
    pub recipes: Vec<String>,
    /// Look for archives here before fetching them (repeatable; distfiles/ of the site is looked
    /// into anyway)
    #[arg(long, value_name = "DIR")]
    pub distfiles: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct NewRecipeArgs {
    /// What the recipe will be called
    #[arg(value_name = "NAME")]
    pub name: String,
    /// An archive of sources to look into; a file is copied into distfiles/ of the site
    #[arg(long, value_name = "URL|FILE")]
    pub from: Option<String>,
    /// A recipe to copy instead, with its patches and templates: one that ships, to change it
    #[arg(long, value_name = "RECIPE", conflicts_with = "from")]
    pub like: Option<String>,
}

#[derive(Debug, Args)]
pub struct NewSiteArgs {
    /// The folder, which is made
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The recipe's name
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// The zone whose file gives the parameters and users
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// The script that this phase runs in a zone, instead
    #[arg(long, value_name = "PHASE", value_parser = ["configure", "compile", "test", "stage"])]
    pub phase: Option<String>,
    /// The zone's pkgsrc branch
    #[arg(long, value_name = "BRANCH", default_value = "2024Q4")]
    pub branch: String,
    /// The zone's brand
    #[arg(long, value_name = "BRAND", default_value = "joyent", value_parser = ["joyent", "joyent-minimal"])]
    pub brand: String,
}
