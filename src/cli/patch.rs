//! The words of `zonewright recipe patch`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum PatchCommand {
    /// Write a recipe's patches anew so that they fit its source, or a newer one
    #[command(
        after_help = "Examples:\n  zonewright recipe patch rebase netatalk\n  zonewright recipe patch \
                      rebase netatalk --onto 4.2.4\n  zonewright recipe patch rebase netatalk --onto \
                      ~/Downloads/netatalk-4.2.4.tar.xz\n  zonewright recipe patch rebase netatalk --from \
                      4.2.3       after the recipe's version was changed\n\nHunks that moved get their \
                      right lines. What does not fit is merged where the source that it was made for can \
                      be had. What a patch says above its first file stays. Nothing is written unless all \
                      of it is good."
    )]
    Rebase(RebaseArgs),
    /// Take patches from elsewhere: one, a quilt series, or the patches of a pkgsrc package
    #[command(
        after_help = "Examples:\n  zonewright recipe patch import netatalk ~/fix.patch\n  zonewright recipe \
                      patch import netatalk ~/netatalk-4.2.3/debian/patches    a folder with `series`\n  \
                      zonewright recipe patch import netatalk ~/pkgsrc/net/netatalk/patches      a folder \
                      with patch-*\n\nHow many leading components their names have is found out. All of \
                      them fit behind the patches that the recipe has, or none is taken."
    )]
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub struct RebaseArgs {
    /// The recipe
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// The source to fit them to: another version, or an archive [default: the recipe's]
    #[arg(long, value_name = "VERSION|ARCHIVE")]
    pub onto: Option<String>,
    /// The source that they were made for [default: the recipe's, with --onto]
    #[arg(long, value_name = "VERSION|ARCHIVE")]
    pub from: Option<String>,
    /// Write those that are good although others are not
    #[arg(long)]
    pub keep_going: bool,
    /// Say what would become of them, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The recipe
    #[arg(value_name = "RECIPE")]
    pub recipe: String,
    /// A patch, or a folder of patches
    #[arg(value_name = "FILE|DIR")]
    pub from: std::path::PathBuf,
}
