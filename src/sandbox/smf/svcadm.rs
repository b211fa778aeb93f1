//! `svcadm`: tells the restarter what an administrator wants.
//!
//! Everything returns before it has happened, unless `-s` waits. `-s` has no time limit of its
//! own: a method without a timeout makes it wait for ever.

use super::answer::{Answer, words};
use super::dependencies::{Graph, Verdict, dependency_groups, instances_of};
use super::door::{Action, Door, DoorError, Edit};
use super::fmri::{Fmri, Pattern, kind_of, matching_instances};
use super::model::{Repository, State};
use super::options::{Misuse, Options};
use super::paths::Paths;
use std::collections::BTreeSet;
use std::ffi::OsString;

const USAGE: &str = "Usage: svcadm [-S <state>] [-v] [-Z | -z zone] [cmd [args ... ]]\n\n\
    \tsvcadm enable [-rst] [<service> ...]\t- enable and online service(s)\n\
    \tsvcadm disable [-c comment] [-st] [<service> ...]\t- disable and offline service(s)\n\
    \tsvcadm restart [-d] [<service> ...]\t- restart specified service(s)\n\
    \tsvcadm refresh [<service> ...]\t\t- re-read service configuration\n\
    \tsvcadm mark [-It] <state> [<service> ...]\t- set maintenance state\n\
    \tsvcadm clear [<service> ...]\t\t- clear maintenance state\n\
    \tsvcadm milestone [-d] <milestone>\t- advance to a service milestone";

const MILESTONES: [&str; 5] = [
    "none",
    "all",
    "single-user",
    "multi-user",
    "multi-user-server",
];

/// Runs `svcadm` in this zone.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    answer(&words(arguments), &Paths::zone()).deliver()
}

/// What `svcadm` says and does.
#[must_use]
pub fn answer(arguments: &[String], paths: &Paths) -> Answer {
    let global = match Options::parse(arguments, "S:vZz:") {
        Ok(options) => options,
        Err(misuse) => return misused(misuse),
    };
    for letter in ['z', 'Z'] {
        if global.has(letter) {
            let text = format!("svcadm: svcadm -{letter} may only be used from the global zone");
            return Answer::failure(1, text);
        }
    }
    if global.has('S') {
        return Answer::not_emulated("svcadm", "-S");
    }
    let Some((verb, rest)) = global.operands.split_first() else {
        return Answer::failure(2, USAGE);
    };
    let known = match verb.as_str() {
        "enable" => "rst",
        "disable" => "c:st",
        "restart" | "milestone" => "d",
        "mark" => "It",
        "refresh" | "clear" => "",
        "delegate" => return Answer::not_emulated("svcadm", "delegate"),
        _ => return Answer::failure(2, USAGE),
    };
    let options = match Options::parse(rest, known) {
        Ok(options) => options,
        Err(misuse) => return misused(misuse),
    };
    if options.operands.is_empty() {
        return Answer::failure(2, USAGE);
    }
    if verb == "milestone" {
        return milestone(&options);
    }
    match Door::open(paths) {
        Ok(door) => {
            let answer = Answer::default();
            Session {
                door,
                paths,
                verbose: global.has('v'),
                answer,
            }
            .perform(verb, &options)
        }
        Err(error) => bind_failure(&error),
    }
}

fn misused(misuse: Misuse) -> Answer {
    let text = match misuse {
        Misuse::Unknown(letter) => format!("svcadm: illegal option -- {letter}"),
        Misuse::NoValue(letter) => format!("svcadm: option requires an argument -- {letter}"),
    };
    Answer::failure(2, format!("{text}\n{USAGE}"))
}

fn milestone(options: &Options) -> Answer {
    let name = options.operands.first().map_or("", String::as_str);
    let bare = name.strip_prefix("svc:/milestone/").unwrap_or(name);
    let bare = bare.strip_prefix("milestone/").unwrap_or(bare);
    if MILESTONES.contains(&bare.strip_suffix(":default").unwrap_or(bare)) {
        return Answer::not_emulated("svcadm", "milestone");
    }
    Answer::failure(
        2,
        format!("svcadm: \"{name}\" is not a valid major milestone.\n{USAGE}"),
    )
}

fn bind_failure(error: &DoorError) -> Answer {
    let text = format!("svcadm: Couldn't bind to configuration repository: {error}.");
    Answer::failure(1, text)
}

struct Session<'a> {
    door: Door,
    paths: &'a Paths,
    verbose: bool,
    answer: Answer,
}

/// What kind of mistake kept a command from doing everything.
#[derive(Default, Clone, Copy)]
struct Mistakes {
    pattern: bool,
    write: bool,
}

impl Session<'_> {
    fn perform(mut self, verb: &str, options: &Options) -> Answer {
        let repository = match self.door.read() {
            Ok(repository) => repository,
            Err(error) => return bind_failure(&error),
        };
        let action = match (verb, options.operands.first().map(String::as_str)) {
            ("mark", Some("maintenance")) if options.has('I') => Some(Action::MaintainNow),
            ("mark", Some("maintenance")) => Some(Action::Maintain),
            ("mark", Some("degraded")) => Some(Action::Degrade),
            ("mark", _) => return Answer::failure(2, USAGE),
            ("restart", _) if options.has('d') => {
                return Answer::not_emulated("svcadm", "restart -d");
            }
            ("restart", _) => Some(Action::Restart),
            ("clear", _) => Some(Action::Clear),
            _ => None,
        };
        let patterns = if verb == "mark" {
            options.operands.get(1..).unwrap_or(&[])
        } else {
            &options.operands
        };
        if patterns.is_empty() {
            return Answer::failure(2, USAGE);
        }
        let (found, mistakes) = self.find(&repository, patterns);
        match (verb, action) {
            ("enable" | "disable", _) => {
                self.set_enabled(verb == "enable", &repository, found, options, mistakes);
            }
            (_, Some(action)) => {
                for fmri in &found {
                    self.act(&repository, fmri, action);
                }
            }
            (_, None) => {
                for fmri in &found {
                    self.write(fmri, Edit::Refresh(fmri.clone()), || {
                        format!("Action refresh set for {fmri}.")
                    });
                }
            }
        }
        self.answer
    }

    fn find(&mut self, repository: &Repository, patterns: &[String]) -> (Vec<Fmri>, Mistakes) {
        let mut found = Vec::new();
        let mut mistakes = Mistakes::default();
        for pattern in patterns {
            if pattern.starts_with("lrc:/") {
                let text =
                    format!("svcadm: Operation not supported for legacy service '{pattern}'.");
                self.answer.fail(1, text);
                mistakes.pattern = true;
                continue;
            }
            let matches = matching_instances(repository, pattern);
            match matches.as_slice() {
                [] => {
                    let text = format!("svcadm: Pattern '{pattern}' doesn't match any instances");
                    self.answer.fail(1, text);
                    mistakes.pattern = true;
                }
                [_, _, ..] if kind_of(pattern) == Pattern::Partial => {
                    let text =
                        format!("svcadm: Partial FMRI '{pattern}' matches multiple instances:");
                    self.answer.fail(1, text);
                    for fmri in &matches {
                        self.answer.complain(format!("\t{fmri}"));
                    }
                    mistakes.pattern = true;
                }
                _ => found.extend(matches),
            }
        }
        (found, mistakes)
    }

    /// Makes one change; `said` is what `-v` prints.
    fn write(&mut self, fmri: &Fmri, edit: Edit, said: impl Fn() -> String) -> bool {
        let group = match &edit {
            Edit::Enable {
                temporary: true, ..
            } => "general_ovr",
            Edit::Enable { .. } => "general",
            _ => "restarter_actions",
        };
        match self.door.apply(vec![edit]) {
            Ok(_) => {
                if self.verbose {
                    self.answer.say(said());
                }
                return true;
            }
            Err(DoorError::Denied) if self.verbose => {
                let text = format!(
                    "svcadm: {fmri}: Couldn't modify \"{group}\" property group (permission \
                     denied)."
                );
                self.answer.fail(1, text);
            }
            Err(DoorError::Denied) => {
                self.answer
                    .fail(1, format!("svcadm: {fmri}: Permission denied."));
            }
            Err(error) => self.answer.fail(1, format!("svcadm: {fmri}: {error}.")),
        }
        false
    }

    fn act(&mut self, repository: &Repository, fmri: &Fmri, action: Action) {
        let state = repository.state(fmri);
        if action == Action::Clear && !matches!(state, State::Maintenance | State::Degraded) {
            let text =
                format!("svcadm: Instance \"{fmri}\" is not in a maintenance or degraded state.");
            self.answer.fail(1, text);
            return;
        }
        if action == Action::Degrade && state != State::Online {
            self.answer
                .fail(1, format!("svcadm: Instance \"{fmri}\" is not online."));
            return;
        }
        let name = match action {
            Action::Restart => "restart",
            Action::Clear => "maint_off",
            Action::Maintain => "maint_on",
            Action::MaintainNow => "maint_on_immediate",
            Action::Degrade => "degraded",
        };
        self.write(
            fmri,
            Edit::Act {
                fmri: fmri.clone(),
                action,
            },
            || format!("Action {name} set for {fmri}."),
        );
    }

    fn set_enabled(
        &mut self,
        enabled: bool,
        repository: &Repository,
        found: Vec<Fmri>,
        options: &Options,
        mut mistakes: Mistakes,
    ) {
        let mut wanted = Vec::new();
        for fmri in found {
            if enabled && options.has('r') {
                let mut chain = BTreeSet::new();
                if let Err(text) = with_dependencies(repository, &fmri, &mut wanted, &mut chain) {
                    self.answer.fail(1, format!("svcadm: {text}"));
                    mistakes.write = true;
                }
            } else if !wanted.contains(&fmri) {
                wanted.push(fmri);
            }
        }
        let temporary = options.has('t');
        for fmri in &wanted {
            let edit = Edit::Enable {
                fmri: fmri.clone(),
                enabled,
                temporary,
                comment: options.value('c').map(str::to_owned),
            };
            let done = self.write(fmri, edit, || {
                let verb = if enabled { "enabled" } else { "disabled" };
                let how = if temporary { "temporarily " } else { "" };
                format!("{fmri} {how}{verb}.")
            });
            mistakes.write |= !done;
        }
        // `enable -s` still waits after a pattern that matched nothing, `disable -s` does not.
        let waits = options.has('s') && !mistakes.write && (enabled || !mistakes.pattern);
        if waits && let Some(code) = self.wait_for(enabled, wanted) {
            self.answer.code = code;
        }
    }

    /// Waits until every instance has arrived or cannot; the worst exit status, if any is bad.
    fn wait_for(&mut self, enabled: bool, mut open: Vec<Fmri>) -> Option<i32> {
        let mut worst = None;
        let mut generation = 0;
        while !open.is_empty() {
            let (newer, repository) = match self.door.wait(generation, 3000) {
                Ok(contents) => contents,
                Err(error) => {
                    self.answer.fail(1, format!("svcadm: {error}."));
                    return Some(1);
                }
            };
            generation = newer;
            open.retain(|fmri| {
                let outcome = if enabled {
                    arrived_online(&repository, self.paths, fmri)
                } else {
                    arrived_disabled(&repository, fmri)
                };
                match outcome {
                    Outcome::Open => return true,
                    Outcome::Done => {}
                    Outcome::Failed(code, text) => {
                        self.answer.complain(format!("svcadm: {text}"));
                        // An instance's own problem weighs more than a dependency's.
                        worst = Some(worst.map_or(code, |known: i32| known.min(code)));
                    }
                }
                false
            });
        }
        worst
    }
}

enum Outcome {
    Open,
    Done,
    Failed(i32, String),
}

fn arrived_online(repository: &Repository, paths: &Paths, fmri: &Fmri) -> Outcome {
    if repository.restarter(fmri, "state").is_none() {
        let text = format!("{fmri} is misconfigured (lacks \"restarter\" property group).");
        return Outcome::Failed(3, text);
    }
    if repository.is_enabled(fmri) != Some(true) {
        let text = format!("Instance \"{fmri}\" has been disabled by another entity.");
        return Outcome::Failed(3, text);
    }
    match (repository.state(fmri), repository.next_state(fmri)) {
        (State::Online | State::Degraded, None) => Outcome::Done,
        (State::Maintenance, None) => {
            Outcome::Failed(3, format!("Instance \"{fmri}\" is in maintenance state."))
        }
        (State::Offline, None) => {
            let exists = |path: &str| paths.inside(path).exists();
            match (Graph {
                repository,
                exists: &exists,
            })
            .verdict(fmri)
            {
                Verdict::Never => Outcome::Failed(
                    4,
                    format!("Instance \"{fmri}\" has unsatisfied dependencies."),
                ),
                _ => Outcome::Open,
            }
        }
        _ => Outcome::Open,
    }
}

fn arrived_disabled(repository: &Repository, fmri: &Fmri) -> Outcome {
    if repository.is_enabled(fmri) == Some(true) {
        let text = format!("Instance \"{fmri}\" has been enabled by another entity.");
        return Outcome::Failed(3, text);
    }
    match (repository.state(fmri), repository.next_state(fmri)) {
        (State::Disabled, None) => Outcome::Done,
        _ => Outcome::Open,
    }
}

/// Adds an instance behind everything it requires.
fn with_dependencies(
    repository: &Repository,
    fmri: &Fmri,
    wanted: &mut Vec<Fmri>,
    chain: &mut BTreeSet<Fmri>,
) -> Result<(), String> {
    if !chain.insert(fmri.clone()) {
        return Err(format!("{fmri}: Dependency cycle detected."));
    }
    let view = repository.running(fmri);
    for (_, group) in dependency_groups(&view) {
        if group.value("grouping") != Some("require_all") || group.value("type") == Some("path") {
            continue;
        }
        for entity in group.values("entities") {
            match instances_of(repository, entity).as_slice() {
                [] => {}
                [only] => with_dependencies(repository, only, wanted, chain)?,
                several
                    if several
                        .iter()
                        .any(|one| repository.is_enabled(one) == Some(true)) => {}
                _ => {
                    return Err(format!(
                        "operation on service {entity} is ambiguous; instance specification \
                         needed."
                    ));
                }
            }
        }
    }
    chain.remove(fmri);
    if !wanted.contains(fmri) {
        wanted.push(fmri.clone());
    }
    Ok(())
}
