//! The words of `zonewright debug`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum DebugCommand {
    /// A shell, or one command, in the kept tree of a recipe's last build, with its environment
    #[command(
        after_help = "Examples:\n  zonewright debug shell backup netatalk\n  zonewright debug shell \
                      backup netatalk -- gmake -n\n  zonewright debug shell backup netatalk --phase \
                      configure\n\nWhat is changed there by hand is never packaged: `zonewright debug \
                      create-patch` brings it home, and `apply` begins the build anew."
    )]
    Shell(ShellArgs),
    /// Run the commands of one phase again in the kept tree
    #[command(
        after_help = "Examples:\n  zonewright debug run backup netatalk compile\n  zonewright debug \
                      run backup netatalk configure --trace"
    )]
    Run(RunArgs),
    /// Make a patch of what was changed in the kept tree, and add it to the recipe
    #[command(
        after_help = "Examples:\n  zonewright debug create-patch backup netatalk solaris-types\n  \
                      zonewright debug create-patch backup netatalk solaris-types --add \
                      libatalk/compat/strnlen.c\n\nWhat goes in: text files of the patched source that \
                      differ in the tree. Left out: files that the build itself wrote over, files that \
                      are gone, and new files, of which there may be thousands; `--add` takes one. The \
                      same name again makes the same patch anew."
    )]
    CreatePatch(CreatePatchArgs),
}

#[derive(Debug, Args)]
pub struct ShellArgs {
    /// The zone, as its file in zones/ is called
    #[arg(value_name = "ZONE")]
    pub zone: String,
    /// The recipe
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// The phase whose environment it gets [default: the one that failed, or the last]
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<String>,
    /// The command and its arguments [default: a shell]
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The zone, as its file in zones/ is called
    #[arg(value_name = "ZONE")]
    pub zone: String,
    /// The recipe
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// configure, compile, test or stage
    #[arg(value_name = "PHASE")]
    pub phase: String,
    /// Show each line that the bash scripts of the build run, with its file and number
    #[arg(long)]
    pub trace: bool,
}

#[derive(Debug, Args)]
pub struct CreatePatchArgs {
    /// The zone, as its file in zones/ is called
    #[arg(value_name = "ZONE")]
    pub zone: String,
    /// The recipe
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// What the patch is called: it becomes patches/RECIPE/NAME.patch
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Take this file too: a new one, one that is gone, or one that the build wrote (repeatable)
    #[arg(long, value_name = "PATH")]
    pub add: Vec<String>,
    /// The first line of the patch: what it is for [default: its name]
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,
}
