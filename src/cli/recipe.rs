//! The words of `zonewright recipe`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum RecipeCommand {
    /// Check recipes and zone files without touching any zone
    #[command(
        after_help = "Examples:\n  zonewright recipe check\n  zonewright recipe check \
                            netatalk\n  zonewright recipe check recipes/netatalk.toml zones/backup.toml"
    )]
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Recipes by name, or recipe and zone files by path [default: all of the site]
    #[arg(value_name = "RECIPE|FILE")]
    pub what: Vec<String>,
}
