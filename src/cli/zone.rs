//! The words of `zonewright zone`: the zone itself, on its host, without what is in it.

use clap::{Args, Subcommand};

use super::OthersArgs;

#[derive(Debug, Subcommand)]
pub enum ZoneCommand {
    /// Say what would change of the zone on its host, and change nothing
    #[command(
        after_help = "Examples:\n  zonewright zone plan backup\n  zonewright zone plan backup --json"
    )]
    Plan(ZonePlanArgs),
    /// Make the zone on its host, with its datasets and keys, and nothing in it
    #[command(after_help = "Examples:\n  zonewright zone create backup")]
    Create(ZoneChangeArgs),
    /// Every zone of every host of the site, ours or not
    #[command(
        after_help = "Examples:\n  zonewright zone list\n  zonewright zone list root@vault\n  \
                      zonewright zone list --json"
    )]
    List(ZoneListArgs),
    /// What the host and the zone say of it: state, addresses, datasets
    #[command(
        after_help = "Examples:\n  zonewright zone show backup\n  zonewright zone show backup --json"
    )]
    Show(ZoneShowArgs),
    /// Make the zone on its host as its file says, and leave alone what is in it
    #[command(
        after_help = "Examples:\n  zonewright zone update backup\n  zonewright zone update backup --reboot"
    )]
    Update(ZoneChangeArgs),
    /// Give the zone the image of its file: everything but delegated datasets is new, then the recipes
    /// are applied
    #[command(
        after_help = "Examples:\n  zonewright zone reprovision backup\n  zonewright zone reprovision backup \
                      --keep-host-keys --yes"
    )]
    Reprovision(ZoneReprovisionArgs),
    /// Destroy the zone, its delegated dataset and every snapshot of it
    #[command(
        after_help = "Examples:\n  zonewright zone destroy backup\n  zonewright zone destroy backup --yes"
    )]
    Destroy(ZoneDestroyArgs),
    /// Write a zone file from a zone that somebody else made
    #[command(
        after_help = "Examples:\n  zonewright zone adopt root@vault timemachine\n  zonewright zone adopt \
                      root@vault 4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e --name backup"
    )]
    Adopt(ZoneAdoptArgs),
}

#[derive(Debug, Args)]
pub struct ZonePlanArgs {
    /// Zones, as their files in zones/ are called
    #[arg(required = true, value_name = "ZONE")]
    pub zones: Vec<String>,
    /// Exit with 3 if something differs
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub struct ZoneChangeArgs {
    /// The zone, as its file in zones/ is called
    #[arg(value_name = "ZONE")]
    pub zone: String,
    /// Reboot the zone where a change of it needs that
    #[arg(long)]
    pub reboot: bool,
    /// Destroy what is left of a zone that failed on its host, with all it holds, and make it anew
    #[arg(long)]
    pub replace_failed: bool,
    /// Do not ask before data is destroyed with what `--replace-failed` replaces
    #[arg(long, requires = "replace_failed")]
    pub yes: bool,
    #[command(flatten)]
    pub regard: RegardArgs,
}

/// Regard for what goes on in a zone that is rebooted, reprovisioned or destroyed.
#[derive(Debug, Clone, Copy, Args)]
pub struct RegardArgs {
    /// Do not wait for those who are being served
    #[arg(long)]
    pub end_sessions: bool,
    #[command(flatten)]
    pub others: OthersArgs,
}

#[derive(Debug, Args)]
pub struct ZoneListArgs {
    /// Hosts: `root@vault`, or `sandbox` [default: those of the site's zone files]
    #[arg(value_name = "HOST")]
    pub hosts: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ZoneShowArgs {
    /// The zone, as its file in zones/ is called
    #[arg(value_name = "ZONE")]
    pub zone: String,
}

#[derive(Debug, Args)]
pub struct ZoneReprovisionArgs {
    /// The zone, as its file in zones/ is called
    #[arg(value_name = "ZONE")]
    pub zone: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Give the new root the old one's SSH host keys
    #[arg(long)]
    pub keep_host_keys: bool,
    #[command(flatten)]
    pub regard: RegardArgs,
}

#[derive(Debug, Args)]
pub struct ZoneDestroyArgs {
    /// The zone, as its file in zones/ is called
    #[arg(value_name = "ZONE")]
    pub zone: String,
    /// Do not ask for the alias to be typed
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub regard: RegardArgs,
}

#[derive(Debug, Args)]
pub struct ZoneAdoptArgs {
    /// The host: `root@vault`, or `sandbox`
    #[arg(value_name = "HOST")]
    pub host: String,
    /// The zone's alias or uuid there
    #[arg(value_name = "ALIAS|UUID")]
    pub zone: String,
    /// What the file is called [default: the alias]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}
