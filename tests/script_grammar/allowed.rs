//! The allow-list: which commands exist on SmartOS, with which options.
//!
//! Options are written as for getopt (`a:v`: `-a` takes an argument, `-v` none). A `-` in front of
//! the letters lets options follow operands, as GNU's commands allow.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// What scripts may use.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Allowed {
    /// Commands that exist.
    #[serde(default)]
    pub tool: Vec<Tool>,
    /// Names that SmartOS lacks, and what to use instead.
    #[serde(default)]
    pub missing: BTreeMap<String, String>,
    /// Paths that exist and must not be used, and why.
    #[serde(default)]
    pub forbidden: BTreeMap<String, String>,
    /// Variables that may stand for a command, and why.
    #[serde(default)]
    pub command_variables: BTreeMap<String, String>,
    /// Functions of a script that run what follows so many of their words: in their bodies `"$@"` is a
    /// command, and where they are called it is looked at.
    #[serde(default)]
    pub running_functions: BTreeMap<String, usize>,
    /// Variables that hold `NAME=value` words for `env`, and why.
    #[serde(default)]
    pub assignment_variables: BTreeMap<String, String>,
}

/// A command, or several with the same options.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tool {
    /// Absolute paths; one `*` stands for a part of a name.
    pub paths: Vec<String>,
    /// The section of the facts that says so.
    pub reason: String,
    /// Letters, as for getopt.
    #[serde(default)]
    pub options: String,
    /// Whole-word options: `-type`, `--printf`.
    #[serde(default)]
    pub words: Vec<String>,
    /// Whole-word options with an argument in the next word, or after `=`.
    #[serde(default)]
    pub valued_words: Vec<String>,
    /// A first word that is a cluster of these letters (`tar xf`).
    #[serde(default)]
    pub keys: String,
    /// `-9`, `-20`.
    #[serde(default)]
    pub numbers: bool,
    /// The options are not looked at.
    #[serde(default)]
    pub any: bool,
    /// How it runs another command.
    pub runs: Option<Runs>,
    /// Sub-commands with their own letters; empty where it has none.
    #[serde(default)]
    pub subcommands: BTreeMap<String, String>,
}

/// Where in its words a command names another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runs {
    /// The operands are a command.
    Operands,
    /// Assignments, then a command.
    Environment,
    /// One operand, then a command.
    AfterOne,
    /// `- USER -c STRING`.
    User,
    /// `-c STRING`, or a script on standard input.
    Shell,
    /// `-exec COMMAND {} +`.
    Find,
}

impl Allowed {
    /// The list that lies beside this file.
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<Allowed> =
            LazyLock::new(|| Allowed::parse(include_str!("allowed.toml")));
        &SHIPPED
    }

    /// Reads a list.
    pub fn parse(text: &str) -> Self {
        toml_edit::de::from_str(text).unwrap_or_else(|error| panic!("allowed.toml: {error}"))
    }

    /// The rules of the command at this path.
    pub fn tool(&self, path: &str) -> Option<&Tool> {
        self.tool
            .iter()
            .find(|tool| tool.paths.iter().any(|known| is_path(known, path)))
    }

    /// The path of a command that is called by its name alone.
    pub fn path_of(&self, name: &str) -> Option<&str> {
        let paths = self.tool.iter().flat_map(|tool| &tool.paths);
        paths
            .map(String::as_str)
            .find(|path| path.rsplit('/').next() == Some(name))
    }
}

fn is_path(known: &str, path: &str) -> bool {
    match known.split_once('*') {
        None => known == path,
        Some((start, end)) => path
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .is_some_and(|part| !part.is_empty() && !part.contains('/')),
    }
}
