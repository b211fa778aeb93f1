//! The words of `zonewright recipe`.

use clap::{Args, Subcommand};

use super::author::{ExplainArgs, SchemaArgs};
use super::patch::PatchCommand;

#[derive(Debug, Subcommand)]
pub enum RecipeCommand {
    /// Check recipes and zone files without touching any zone
    #[command(
        after_help = "Examples:\n  zonewright recipe check\n  zonewright recipe check \
                            netatalk\n  zonewright recipe check recipes/netatalk.toml zones/backup.toml"
    )]
    Check(CheckArgs),
    /// What a key of a recipe or zone file means, or a rule of `recipe check`
    #[command(
        after_help = "Examples:\n  zonewright recipe explain                    all keys and rules, a line \
                      each\n  zonewright recipe explain source.patches     what it takes, with an example\n  \
                      zonewright recipe explain fuzz               a key by its name alone\n  zonewright \
                      recipe explain patch-rejected     a rule"
    )]
    Explain(ExplainArgs),
    /// The JSON Schema of recipes or zone files, for editors
    #[command(
        after_help = "Editors with TOML support (taplo, Even Better TOML) complete, explain and underline keys \
                      in a\nfile whose first line names the schema:\n\n  #:schema ../schema/recipe.json\n\n\
                      The path is taken from the file's own folder. To write both schemas into a site:\n\n  \
                      mkdir -p schema\n  zonewright recipe schema > schema/recipe.json\n  zonewright recipe \
                      schema zone > schema/zone.json\n\nA site made by `zonewright new` has them. In a JSON \
                      file the editor's settings name the schema."
    )]
    Schema(SchemaArgs),
    /// A recipe's patches: fit them to another source, take some from elsewhere
    #[command(subcommand)]
    Patch(PatchCommand),
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Recipes by name, or recipe and zone files by path [default: all of the site]
    #[arg(value_name = "RECIPE|FILE")]
    pub what: Vec<String>,
}
