//! `pkgin`, with the index in place of a repository.
//!
//! Its exit status says little: without `-y` and without an answer it ends with 0 and has done
//! nothing; a name that it does not know makes it 1 although everything else was installed.
//! Output is that of a pkgin whose standard output is no terminal. Which of its newer words 2024Q4
//! already has is not known: the shapes are those of 25.x (inferred for 2024Q4).

mod change;
mod expression;
mod install;
mod plan;
mod query;
mod register;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use super::config::{CONFIGURATION, Settings};
use super::database::Database;
use super::index::{INDEX, IndexEntry};
use super::options::Options;
use super::pkg_admin;
use super::process::{Process, Stop, below};

pub use register::{Registration, register};

const PROGRAM: &str = "pkgin";
/// Debian package → version, as the machine's archive has them now.
const VERSIONS: &str = "/usr/lib/zonewright/packages.json";
const REPOSITORIES: &str = "/opt/local/etc/pkgin/repositories.conf";
const REPOSITORY: &str = "https://pkgsrc.smartos.org/packages/SmartOS/2024Q4/x86_64/All";
/// pkgin's own database: here only the sign that the repository was looked at.
const STATE: &str = "/var/db/pkgin/pkgin.db";
const ERROR_LOG: &str = "/var/db/pkgin/pkg_install-err.log";
const VERSION: &str = "pkgin 25.10.0 (using the sandbox's index)";

/// What one call knows.
struct Call {
    options: Options,
    database: Database,
    available: Vec<Available>,
    repository: String,
}

/// A package of the index with its version.
#[derive(Debug, Clone)]
struct Available {
    entry: &'static IndexEntry,
    name: String,
}

impl Call {
    fn says_yes(&self) -> bool {
        self.options.has('y')
    }

    fn is_plan(&self) -> bool {
        self.options.has('n')
    }

    fn is_parsable(&self) -> bool {
        self.options.has('p')
    }

    fn find(&self, name: &str) -> Option<&Available> {
        self.available.iter().find(|a| a.entry.name == name)
    }
}

/// Long and short names of the commands.
const COMMANDS: &[(&str, &str)] = &[
    ("list", "ls"),
    ("avail", "av"),
    ("search", "se"),
    ("install", "in"),
    ("update", "up"),
    ("upgrade", "ug"),
    ("full-upgrade", "fug"),
    ("remove", "rm"),
    ("keep", "ke"),
    ("unkeep", "uk"),
    ("export", "ex"),
    ("import", "im"),
    ("show-keep", "sk"),
    ("show-no-keep", "snk"),
    ("autoremove", "ar"),
    ("clean", "cl"),
    ("show-deps", "sd"),
    ("show-full-deps", "sfd"),
    ("show-rev-deps", "srd"),
    ("provides", "prov"),
    ("requires", "req"),
    ("show-category", "sc"),
    ("show-pkg-category", "spc"),
    ("show-all-categories", "sac"),
    ("pkg-content", "pc"),
    ("pkg-descr", "pd"),
    ("pkg-build-defs", "pbd"),
    ("stats", "st"),
];

/// Runs `pkgin`.
pub fn main(process: &mut Process<'_>, arguments: &[String]) -> i32 {
    let result = run(process, arguments);
    process.finish(PROGRAM, result)
}

fn usage(process: &mut Process<'_>) -> Result<i32, Stop> {
    process.complain(
        "Usage: pkgin [-46dfhnPpVvy] [-c chroot_path] [-l limit_chars] [-t log_file] \
                      command [package ...]",
    );
    process.complain("");
    process.complain("Commands and shortcuts:");
    for (long, short) in COMMANDS {
        process.complain(&format!("{long:<19} ({short:<4})"));
    }
    Ok(1)
}

fn run(process: &mut Process<'_>, arguments: &[String]) -> Result<i32, Stop> {
    let options = match Options::read(arguments, "46c:dfhl:nPpt:Vvy") {
        Ok(options) => options,
        Err(mistake) => {
            process.warn(PROGRAM, &mistake);
            return usage(process);
        }
    };
    if options.has('v') {
        process.say(VERSION);
        return Ok(0);
    }
    if options.has('h') {
        usage(process)?;
        return Ok(0);
    }
    if let Some(letter) = options.letters().find(|l| "cdtP".contains(*l)) {
        return Err(Stop::not_emulated(&format!("option -{letter}")));
    }
    let mut words = options.rest.clone();
    let word = if words.is_empty() {
        String::new()
    } else {
        words.remove(0)
    };
    let known = COMMANDS
        .iter()
        .find(|(long, short)| word == *long || word == *short);
    let Some((command, _)) = known else {
        return usage(process);
    };
    let call = prepare(process, options)?;
    dispatch(process, &call, command, &words)
}

fn dispatch(
    process: &mut Process<'_>,
    call: &Call,
    command: &str,
    words: &[String],
) -> Result<i32, Stop> {
    match command {
        "list" => query::list(process, call),
        "avail" => query::available(process, call),
        "search" => query::search(process, call, words),
        "install" => install::install(process, call, words),
        "upgrade" | "full-upgrade" => install::upgrade(process, call),
        "import" => install::import(process, call, words),
        "update" => change::update(process, call),
        "remove" => change::remove(process, call, words),
        "autoremove" => change::autoremove(process, call),
        "keep" => change::keep(process, call, words, true),
        "unkeep" => change::keep(process, call, words, false),
        "clean" => Ok(0),
        "export" => query::export(process, call),
        "show-keep" => query::kept(process, call, true),
        "show-no-keep" => query::kept(process, call, false),
        "show-deps" => query::dependencies(process, call, words),
        "show-full-deps" => query::all_dependencies(process, call, words),
        "show-rev-deps" => query::dependents(process, call, words),
        "show-category" => query::of_category(process, call, words),
        "show-pkg-category" => query::category_of(process, call, words),
        "show-all-categories" => query::categories(process),
        "pkg-content" => query::content(process, call, words, "-L"),
        "pkg-descr" => query::content(process, call, words, "-d"),
        "pkg-build-defs" => query::content(process, call, words, "-B"),
        other => Err(Stop::not_emulated(&format!("`pkgin {other}`"))),
    }
}

fn prepare(process: &Process<'_>, options: Options) -> Result<Call, Stop> {
    let settings = Settings::load(process, CONFIGURATION)?;
    let shown = settings.database(process, None);
    let database = Database::new(process.root, &shown);
    Ok(Call {
        options,
        database,
        available: available(process)?,
        repository: repository(process)?,
    })
}

/// The index with versions, in the order of the alphabet.
fn available(process: &Process<'_>) -> Result<Vec<Available>, Stop> {
    let versions = debian_versions(process.root).map_err(|text| Stop::Exit(1, text))?;
    let mut list: Vec<Available> = INDEX
        .iter()
        .map(|entry| Available {
            entry,
            name: entry.full_name(&versions),
        })
        .collect();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(list)
}

/// The versions that the sandbox's image knows; none if it does not say.
///
/// # Errors
///
/// When the image says it in a way that cannot be read.
pub fn debian_versions(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let path = below(root, Path::new(VERSIONS));
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| format!("{VERSIONS}: {e}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(format!("{VERSIONS}: {error}")),
    }
}

/// The repository's address, by which the index goes. Another kind of repository is not emulated.
fn repository(process: &Process<'_>) -> Result<String, Stop> {
    let from_environment = (process.environment)("PKG_REPOS").filter(|r| !r.trim().is_empty());
    let text = match from_environment {
        Some(text) => text.replace(' ', "\n"),
        None => std::fs::read_to_string(process.file(REPOSITORIES)).unwrap_or_default(),
    };
    let mut addresses = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    match addresses
        .clone()
        .find(|address| !address.contains("/packages/SmartOS/"))
    {
        Some(other) => Err(Stop::not_emulated(&format!("the repository `{other}`"))),
        None => Ok(addresses.next().unwrap_or(REPOSITORY).to_owned()),
    }
}

/// Ends the call unless it may change the system.
fn need_root() -> Result<(), Stop> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Stop::Exit(
        1,
        "You don't have enough rights for this operation.".into(),
    ))
}

/// Looks at the repository when that was never done.
fn refresh(process: &mut Process<'_>, call: &Call) -> Result<(), Stop> {
    let state = process.file(STATE);
    if state.exists() && !call.options.has('f') {
        return Ok(());
    }
    process.say(&format!(
        "processing remote summary ({})...",
        call.repository
    ));
    process.say("downloading pkg_summary.xz done.");
    if let Some(folder) = state.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&state, "the sandbox's index\n")?;
    Ok(())
}

/// Asks whether to go on; without an answer it is no.
fn proceed(process: &mut Process<'_>, call: &Call, default_yes: bool) -> Result<bool, Stop> {
    if call.says_yes() {
        return Ok(true);
    }
    if call.is_plan() {
        return Ok(false);
    }
    ask(process, default_yes)
}

fn ask(process: &mut Process<'_>, default_yes: bool) -> Result<bool, Stop> {
    process.put(if default_yes {
        "proceed ? [Y/n] "
    } else {
        "proceed ? [y/N] "
    });
    let mut answer = String::new();
    process.input.read_line(&mut answer)?;
    Ok(match answer.chars().next() {
        Some('y' | 'Y') => true,
        Some('\n') => default_yes,
        _ => false,
    })
}

/// What pkgin does after it changed something: `pkg_admin rebuild-tree >/dev/null`, then its own list.
fn reread(process: &mut Process<'_>, call: &Call, errors: usize) -> Result<(), Stop> {
    pkg_admin::rebuild_tree(process, &call.database)?;
    process.say(&format!("pkg_install warnings: 0, errors: {errors}"));
    if errors > 0 {
        process.say(&format!(
            "pkg_install error log can be found in {ERROR_LOG}"
        ));
    }
    process.say("reading local summary...");
    process.say("processing local summary...");
    Ok(())
}

/// Bytes in pkgin's short form.
fn human(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        0..KIB => format!("{bytes}B"),
        KIB..0x10_0000 => format!("{}K", bytes / KIB),
        _ => format!("{:.1}M", bytes as f64 / (KIB * KIB) as f64),
    }
}

/// `1 package`, `2 packages`.
fn counted(number: usize) -> String {
    format!("{number} package{}", if number == 1 { "" } else { "s" })
}
