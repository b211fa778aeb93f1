//! What a target answered when it was asked, parsed; never a guess.
//!
//! All subjects are asked in one script, so a probe costs one exec whatever it asks. A subject is
//! one file with its shell text and its parser side by side; adding one is that file, its three
//! lines here, and whoever uses the new field.

pub mod accounts;
pub mod builds;
pub mod files;
pub mod health;
pub mod host;
pub mod locks;
pub mod machine;
pub mod packages;
pub mod platform;
pub mod receipts;
pub mod repositories;
pub mod sections;
pub mod services;
pub mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::script::Script;
use sections::Sections;

/// What a probe asks beyond what it always asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// Absolute paths: is it there, what kind, mode, owner, hash.
    pub paths: BTreeSet<String>,
    /// Of those, the ones whose content is wanted too (small text files).
    pub contents: BTreeSet<String>,
    /// Service instances.
    pub fmris: BTreeSet<String>,
    /// Accounts of which the password's hash is wanted.
    pub users: BTreeSet<String>,
    /// Our own package names, of which the build key is asked.
    pub packages: BTreeSet<String>,
    /// Process names whose sessions count.
    pub processes: BTreeSet<String>,
    /// Packages that are missing: what would pkgin do to bring them?
    pub missing: BTreeSet<String>,
}

impl Questions {
    /// Whether the answer to `asked` answers these questions too.
    #[must_use]
    pub fn is_answered_by(&self, asked: &Self) -> bool {
        self.paths.is_subset(&asked.paths)
            && self.contents.is_subset(&asked.contents)
            && self.fmris.is_subset(&asked.fmris)
            && self.users.is_subset(&asked.users)
            && self.packages.is_subset(&asked.packages)
            && self.processes.is_subset(&asked.processes)
            && self.missing.is_subset(&asked.missing)
    }
}

/// Everything known about a target at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// What it is.
    pub platform: platform::Platform,
    /// Cores, memory, free space.
    #[serde(default)]
    pub machine: machine::Machine,
    /// Installed packages and compilers.
    #[serde(default)]
    pub packages: packages::Packages,
    /// The paths that were asked for.
    #[serde(default)]
    pub files: files::Files,
    /// The service instances that were asked for.
    #[serde(default)]
    pub services: services::Services,
    /// All accounts and groups.
    #[serde(default)]
    pub accounts: accounts::Accounts,
    /// What was applied before.
    #[serde(default)]
    pub receipts: receipts::Receipts,
    /// Receipts that are there and cannot be read: path → why.
    #[serde(default)]
    pub unreadable_receipts: BTreeMap<String, String>,
    /// Recipes whose checks are due: something was changed and they have not passed since.
    #[serde(default)]
    pub unchecked: BTreeSet<String>,
    /// Build trees that are there, with the state of their phases.
    #[serde(default)]
    pub builds: builds::Builds,
    /// Build key of a tree that is there → the recipe that it belongs to.
    #[serde(default)]
    pub build_recipes: BTreeMap<String, String>,
    /// Who is changing the target right now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<locks::Lock>,
    /// Who is being served right now.
    #[serde(default)]
    pub sessions: sessions::Sessions,
}

/// An answer that is not what the system is known to print.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FactError {
    /// A section is missing or its frame is broken.
    #[error("the probe's answer is cut or garbled at `{section}`")]
    Garbled {
        /// The section's name.
        section: String,
    },
    /// A line that the parser does not understand.
    #[error("`{command}` answered with a line that is not understood: `{line}`")]
    Line {
        /// The command as it was run.
        command: &'static str,
        /// The line.
        line: String,
    },
    /// Nothing that this tool knows.
    #[error("it runs {system}, not SunOS: it is no SmartOS zone")]
    OtherSystem {
        /// `uname -s`.
        system: String,
    },
    /// A zone where a host belongs.
    #[error("it is the zone {zone} and no host: zones are made in the global zone")]
    NotGlobal {
        /// `zonename`.
        zone: String,
    },
    /// A command that failed or is missing.
    #[error("`{command}` failed with status {status}: {output}")]
    Command {
        /// The command as it was run.
        command: &'static str,
        /// Its exit status.
        status: i32,
        /// What it said.
        output: String,
    },
}

/// The one script that asks for everything in `questions`.
#[must_use]
pub fn probe(questions: &Questions) -> Script {
    let mut script = Script::new("ask for facts").shell(sections::SHELL);
    script = platform::ask(script);
    script = machine::ask(script);
    script = packages::ask(script, &questions.packages);
    script = repositories::ask(script);
    let missing: Vec<&String> = questions.missing.iter().collect();
    script = repositories::ask_pkgin(script, &missing);
    script = files::ask(script, &questions.paths, &questions.contents);
    script = services::ask(script, &questions.fmris);
    script = accounts::ask(script, &questions.users);
    script = receipts::ask(script);
    script = builds::ask(script);
    script = locks::ask(script);
    sessions::ask(script, &questions.processes).shell("section end 0 ''")
}

/// Reads the answer to [`probe`].
///
/// # Errors
/// [`FactError`] at the first thing that is not as `facts/` says; nothing is turned into a default.
pub fn parse(answer: &[u8]) -> Result<Facts, FactError> {
    let sections = Sections::parse(answer)?;
    let system = sections
        .get("system")?
        .lines()?
        .next()
        .unwrap_or("nothing it tells");
    if system != "SunOS" {
        return Err(FactError::OtherSystem {
            system: system.to_owned(),
        });
    }
    sections.get("end")?;
    Ok(Facts {
        platform: platform::parse(&sections)?,
        machine: machine::parse(&sections)?,
        packages: packages::parse(&sections)?,
        files: files::parse(&sections)?,
        services: services::parse(&sections)?,
        accounts: accounts::parse(&sections)?,
        receipts: receipts::parse(&sections),
        unreadable_receipts: receipts::parse_unreadable(&sections),
        unchecked: receipts::parse_unchecked(&sections)?,
        builds: builds::parse(&sections)?,
        build_recipes: builds::parse_recipes(&sections)?,
        locks: locks::parse(&sections)?,
        sessions: sessions::parse(&sections)?,
    })
}
