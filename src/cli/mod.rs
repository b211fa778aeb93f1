//! The words of the command line: a contract with users and their scripts.

pub mod author;
mod debug;
mod patch;
mod recipe;
mod zone;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use debug::{CreatePatchArgs, DebugCommand, RunArgs, ShellArgs};
pub use patch::{ImportArgs, PatchCommand, RebaseArgs};
pub use recipe::{CheckArgs, CheckFormat, RecipeCommand};
pub use zone::{
    RegardArgs, ZoneAdoptArgs, ZoneChangeArgs, ZoneCommand, ZoneDestroyArgs, ZoneListArgs,
    ZonePlanArgs, ZoneReprovisionArgs, ZoneShowArgs,
};

/// Builds, installs and serves software in SmartOS zones, from recipes, over SSH.
#[derive(Debug, Parser)]
#[command(
    name = "zonewright",
    version,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 done, or nothing differs; 1 failed; 2 usage or recipe error; \
                  with --detailed-exitcode 3 something differs; 128 and the signal's number where one ended \
                  it, as 130 for Ctrl-C.\n\n\
                  Try it on this machine: zonewright apply sandbox"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The site: a folder with recipes/ patches/ templates/ zones/ [default: this folder or the
    /// nearest above it that is one]
    #[arg(long, global = true, value_name = "DIR")]
    pub site: Option<PathBuf>,
    /// One JSON document on standard output (for commands that read)
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more: each question asked, each script's output
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Trust the key of a host that is not in known_hosts, and remember it
    #[arg(long, global = true)]
    pub accept_new_host_key: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what `apply` would change, and change nothing
    #[command(
        after_help = "Examples:\n  zonewright plan backup\n  zonewright plan backup --json\n  \
                            zonewright plan backup --detailed-exitcode && echo 'as it should be'"
    )]
    Plan(PlanArgs),
    /// Make zones what their files say: build, install, configure, serve, check
    #[command(
        after_help = "Examples:\n  zonewright apply sandbox\n  zonewright apply backup \
                            --keep-edited\n  zonewright apply backup --distfiles ~/Downloads"
    )]
    Apply(ApplyArgs),
    /// Zones on their hosts
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// One table: what is wanted, what is there, what differs
    #[command(
        after_help = "Examples:\n  zonewright status\n  zonewright status backup --json\n  \
                            zonewright status --check   (0 ok, 1 drift, 2 broken, 3 not reached)"
    )]
    Status(StatusArgs),
    /// Start a site: a folder with examples to change, and schemas for editors
    #[command(
        after_help = "Examples:\n  zonewright new backups\n  cd backups && zonewright recipe check"
    )]
    New(author::NewSiteArgs),
    /// Recipes
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// Inside the tree of a build that failed: look, try, and bring a patch home
    #[command(subcommand)]
    Debug(DebugCommand),
    /// The SmartOS-shaped host on this Linux machine
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Runs of `apply`, and the first real error of the last one
    #[command(
        after_help = "Examples:\n  zonewright log\n  zonewright log backup\n  \
                            zonewright log backup --full\n  zonewright log backup --phase compile\n  \
                            zonewright log backup --run 2"
    )]
    Log(LogArgs),
    /// Look for what ails a setup: this machine, the hosts, the zones; each with what to do
    #[command(
        after_help = "Examples:\n  zonewright doctor\n  zonewright doctor backup\n  zonewright doctor --json\n\n\
                      Changes nothing. Exits with 1 if something is wrong; a notice is no failure."
    )]
    Doctor(DoctorArgs),
    /// Completions for a shell, on standard output
    #[command(
        after_help = "Examples:\n  zonewright completions bash > ~/.local/share/bash-completion/completions/zonewright\n  \
                      zonewright completions zsh > ~/.zfunc/_zonewright\n  zonewright completions fish > \
                      ~/.config/fish/completions/zonewright.fish"
    )]
    Completions(author::CompletionsArgs),
    /// Manual pages, one for each command, into a folder
    #[command(
        after_help = "Examples:\n  zonewright man ~/.local/share/man/man1\n  man zonewright-recipe-bump"
    )]
    Man(author::ManArgs),
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Zones, as their files in zones/ are called [default: all of the site]
    #[arg(value_name = "ZONE")]
    pub zones: Vec<String>,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Zones, as their files in zones/ are called
    #[arg(required = true, value_name = "ZONE")]
    pub zones: Vec<String>,
    /// Exit with 3 if something differs
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub decisions: DecisionArgs,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Zones, as their files in zones/ are called
    #[arg(required = true, value_name = "ZONE")]
    pub zones: Vec<String>,
    /// Look for archives here before fetching them (repeatable; distfiles/ of the site is looked
    /// into anyway)
    #[arg(long, value_name = "DIR")]
    pub distfiles: Vec<PathBuf>,
    /// Exit with 3 if something had to be changed
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub others: OthersArgs,
    /// Begin builds that are due anew, whatever earlier runs left of them
    #[arg(long)]
    pub fresh: bool,
    /// Reboot the zone where a change of it needs that
    #[arg(long)]
    pub reboot: bool,
    /// Destroy what is left of a zone that failed on its host, with all it holds, and make it anew
    #[arg(long)]
    pub replace_failed: bool,
    /// Do not ask before data is destroyed with what `--replace-failed` replaces
    #[arg(long, requires = "replace_failed")]
    pub yes: bool,
    /// End a step that neither prints nor takes anything for so long, as in `90s` or `20m` [default:
    /// 15 minutes, downloads of packages 2 hours, phases of builds never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub step_timeout: Option<Duration>,
    #[command(flatten)]
    pub decisions: DecisionArgs,
}

/// A time with its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text.get(digits.len()..) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86400,
        _ => return Err("write a number and a unit, as in `90s`, `20m` or `2h`".to_owned()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "write a whole number and a unit, as in `90s`, `20m` or `2h`".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) | None => Err("that is no length of time to wait for".to_owned()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

/// What to do about somebody else who is changing the zone.
#[derive(Debug, Clone, Copy, Args)]
pub struct OthersArgs {
    /// Wait until nobody else is changing the zone, at most this long [default: as long as it takes]
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "365d", value_parser = duration)]
    pub wait: Option<Duration>,
    /// End whoever else is changing the zone, and all they started but builds
    #[arg(long, conflicts_with = "wait")]
    pub break_lock: bool,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct DecisionArgs {
    /// Replace files that were edited by hand
    #[arg(long, conflicts_with = "keep_edited")]
    pub overwrite: bool,
    /// Leave files that were edited by hand, and put ours beside them as PATH.new
    #[arg(long)]
    pub keep_edited: bool,
    /// Restart services although somebody is being served
    #[arg(long)]
    pub end_sessions: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Zones [default: all]
    #[arg(value_name = "ZONE")]
    pub zones: Vec<String>,
    /// Exit as Nagios plugins do: 0 ok, 1 drift, 2 broken, 3 not reached
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Make a zone, or find it running; arm faults in it
    #[command(
        after_help = "Examples:\n  zonewright sandbox up\n  zonewright sandbox up sandbox --no-faults\n\n\
                      Faults: numbers count from now on; without one the next is meant.\n  \
                      --fault gtar#2=fail(1,no space)   the second run of gtar from now\n  \
                      --fault script#3.7=cut            in the third script over SSH, before its \
                      7th command\n  \
                      --fault connection=cut(5000)      the next connection, after 5000 bytes\n  \
                      --fault now=full                  nothing more can be written to the disk \
                      (a zone made with --fault)\n\n\
                      A cut, silence or full disk at a command or script acts just before it. At a \
                      command it is about every connection of the zone, at a script about its own."
    )]
    Up {
        /// The zone's name; `global` is the host itself, where `vmadm` works
        #[arg(default_value = "sandbox")]
        alias: String,
        /// Arm a fault, WHEN=WHAT (repeatable). WHEN: COMMAND#N, script#N, script#N.K, script#N.end,
        /// connection#N, now. WHAT: fail(STATUS,TEXT), print(TEXT), hang, cut(BYTES), silent(BYTES),
        /// delay(MS), full(BYTES), reboot; in the zone `global`, which is the host, also
        /// impatient(MS)
        #[arg(long = "fault", value_name = "WHEN=WHAT")]
        faults: Vec<String>,
        /// Count the scripts that come over SSH, and the commands of each, for `list --json`
        #[arg(long)]
        count_scripts: bool,
        /// Disarm all faults first: the disk has room again, what is silent or hangs goes on
        #[arg(long)]
        no_faults: bool,
    },
    /// End a zone and remove all it holds
    #[command(
        after_help = "Examples:\n  zonewright sandbox down\n  zonewright sandbox down sandbox"
    )]
    Down {
        /// The zone's name [default: all zones]
        alias: Option<String>,
    },
    /// List zones
    #[command(
        after_help = "Examples:\n  zonewright sandbox list\n  zonewright sandbox list --json"
    )]
    List,
    /// A shell, or one command, in a zone
    #[command(
        after_help = "Examples:\n  zonewright sandbox shell\n  zonewright sandbox shell sandbox -- svcs -a"
    )]
    Shell {
        /// The zone's name
        #[arg(default_value = "sandbox")]
        alias: String,
        /// The command and its arguments [default: a shell]
        #[arg(last = true)]
        command: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub struct LogArgs {
    /// A zone [default: the last run of each]
    #[arg(value_name = "ZONE")]
    pub zone: Option<String>,
    /// The whole output of the run
    #[arg(long)]
    pub full: bool,
    /// The whole output of one step or phase of a build, in the last run that had it: `compile`,
    /// `install/netatalk`
    #[arg(long, value_name = "NAME", requires = "zone", conflicts_with = "full")]
    pub phase: Option<String>,
    /// Another run than the last: its number in the list, or its folder
    #[arg(long, value_name = "N|FOLDER", requires = "zone")]
    pub run: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_a_line_of_help() {
        fn hold(command: &clap::Command, name: &str) -> usize {
            let below: Vec<&clap::Command> = command.get_subcommands().collect();
            assert!(command.get_about().is_some(), "{name}");
            if below.is_empty() {
                let help = command.get_after_help().map(ToString::to_string);
                let help = help.unwrap_or_default();
                let words: Vec<&str> = name.split(' ').collect();
                assert!(
                    help.contains(&words.join(" ")),
                    "{name} has no examples: {help}"
                );
                return 1;
            }
            let each = |sub: &&clap::Command| hold(sub, &format!("{name} {}", sub.get_name()));
            below.iter().map(each).sum()
        }
        assert!(hold(&super::Cli::command(), "zonewright") >= 12);
    }

    #[test]
    fn times_have_units() {
        let seconds = |text| super::duration(text).map(|time| time.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("2h"), Ok(7200));
        for text in [
            "",
            "9",
            "s",
            "0m",
            "-1s",
            "1.5h",
            "9w",
            "99999999999999999999d",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
