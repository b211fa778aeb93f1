//! The words of `zonewright recipe`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::author::{
    BumpArgs, ExplainArgs, FetchArgs, FmtArgs, NewRecipeArgs, SchemaArgs, ShowArgs,
};
use super::patch::PatchCommand;

#[derive(Debug, Subcommand)]
pub enum RecipeCommand {
    /// Check recipes and zone files without touching any zone
    #[command(
        after_help = "Examples:\n  zonewright recipe check                          all recipes and zone files \
                      of the site\n  zonewright recipe check netatalk\n  zonewright recipe check \
                      recipes/netatalk.toml zones/backup.toml\n  zonewright recipe check --format line --strict   \
                      for a pipeline\n\nNothing is fetched and no host is asked. Where a recipe's sources are \
                      on this machine\n(`zonewright recipe fetch` gets them), its patches are really applied and \
                      its options\nlooked up in the patched source; what was not checked is said at the end.\n\
                      Each problem names its rule: `zonewright recipe explain RULE` tells more, and a recipe\n\
                      that means it says  allow = [{ rule = \"RULE\", reason = \"…\" }]"
    )]
    Check(CheckArgs),
    /// A recipe as a zone would get it, with where each value comes from
    #[command(
        after_help = "Examples:\n  zonewright recipe show netatalk\n  zonewright recipe show netatalk-4.2 --zone sandbox\n  \
                      zonewright recipe show netatalk --branch 2022Q4        what the conditions leave out there\n  \
                      zonewright recipe show netatalk --phase configure      the script of a phase\n\nNo zone is asked: \
                      the pkgsrc branch and the brand are assumed unless they are given."
    )]
    Show(ShowArgs),
    /// Draft a recipe from an archive of sources
    #[command(
        after_help = "Examples:\n  zonewright recipe new fping --from https://fping.org/dist/fping-5.1.tar.gz\n  \
                      zonewright recipe new netatalk-mine --from ~/netatalk_4.2.3~ds.orig.tar.xz\n  zonewright \
                      recipe new thing                 an empty one, to fill in\n  zonewright recipe new \
                      netatalk --like netatalk    the one that ships, to change it\n\nLooks into sources that build \
                      with meson or a configure script: name, version, licence, options,\npackages, programs and \
                      service. Nothing that is there is overwritten."
    )]
    New(NewRecipeArgs),
    /// Lay recipes and zone files out in one way; comments and blank lines stay
    #[command(
        after_help = "Examples:\n  zonewright recipe fmt\n  zonewright recipe fmt --check        for CI: shows what would change, exits with 1\n  \
                      zonewright recipe fmt recipes/netatalk.toml\n\nKeys take the order of the manual where no \
                      comment or blank line stands between them, `=` stands in\none column, lists of several \
                      lines are indented. A file that would not mean the same is left alone."
    )]
    Fmt(FmtArgs),
    /// Go to another release: version, size and sha256 in place, then try the patches
    #[command(
        after_help = "Examples:\n  zonewright recipe bump netatalk              the newest release\n  zonewright recipe \
                      bump netatalk 4.5.3\n  zonewright recipe bump netatalk -n           only show it\n\nThe newest \
                      release is looked for where the recipe's source is: in the folder of an http server, among\nthe \
                      releases on GitHub, in Debian's lists. A patch that does not apply to it leaves the file as \
                      it is\n(exit status 1), and so does an archive that changed although its version did not."
    )]
    Bump(BumpArgs),
    /// Fetch and verify sources, into the cache
    #[command(
        after_help = "Examples:\n  zonewright recipe fetch\n  zonewright recipe fetch netatalk --distfiles ~/Downloads"
    )]
    Fetch(FetchArgs),
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
    /// How problems are written: for people, or one line each for pipelines and editors
    /// (`path:line:column: severity[rule]: message; help`)
    #[arg(long, value_name = "FORMAT", default_value = "report")]
    pub format: CheckFormat,
    /// Make the edits that the helps name to the letter, each checked again (never who may log in)
    #[arg(long, conflicts_with = "json")]
    pub fix: bool,
    /// Warnings count as errors
    #[arg(long)]
    pub strict: bool,
    /// Look for archives here too (repeatable; the cache and distfiles/ of the site are looked into
    /// anyway)
    #[arg(long, value_name = "DIR")]
    pub distfiles: Vec<PathBuf>,
}

/// How `recipe check` writes problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// The line, underlined, with what to write instead
    Report,
    /// One line for each problem
    Line,
}
