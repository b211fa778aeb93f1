//! `svcs -x`: why services do not run.
//!
//! Without a name it looks for root causes: a disabled service that an enabled one needs is
//! explained in the latter's stead. The exit status says nothing about health.

use super::super::answer::Answer;
use super::super::dependencies::{Graph, Verdict, dependency_groups, file_path, instances_of};
use super::super::fmri::Fmri;
use super::super::model::{Group, State, value};
use super::super::options::Options;
use super::super::signals;
use super::super::stamp;
use super::View;
use super::long::comment;
use std::collections::{BTreeMap, BTreeSet};

/// Why an instance does not run.
struct Reason {
    text: String,
    code: &'static str,
    /// The instance that it waits for.
    waits_for: Option<Fmri>,
}

fn because(text: impl Into<String>, code: &'static str) -> Reason {
    Reason {
        text: text.into(),
        code,
        waits_for: None,
    }
}

/// Explains the named instances, or everything that is enabled and does not run.
pub fn explain(view: &View, options: &Options, named: &[Fmri], answer: &mut Answer) {
    let impacts = impacts(view);
    let subjects: Vec<Fmri> = if options.operands.is_empty() {
        impacts.keys().cloned().collect()
    } else {
        named.to_vec()
    };
    for (index, fmri) in subjects.iter().enumerate() {
        if index > 0 {
            answer.say("");
        }
        let impact = impacts.get(fmri).cloned().unwrap_or_default();
        one(view, fmri, options.has('v'), &impact, answer);
    }
}

/// Root causes, each with the enabled instances that do not run because of it.
fn impacts(view: &View) -> BTreeMap<Fmri, BTreeSet<Fmri>> {
    let mut impacts: BTreeMap<Fmri, BTreeSet<Fmri>> = BTreeMap::new();
    for fmri in view.repository.instances() {
        let wanted = view.repository.is_enabled(&fmri) == Some(true);
        if !wanted || view.repository.state(&fmri).is_running() {
            continue;
        }
        let root = root_cause(view, &fmri);
        let victims = impacts.entry(root.clone()).or_default();
        if root != fmri {
            victims.insert(fmri);
        }
    }
    impacts
}

fn root_cause(view: &View, fmri: &Fmri) -> Fmri {
    let mut seen = BTreeSet::new();
    let mut current = fmri.clone();
    while seen.insert(current.clone()) {
        match reason(view, &current).and_then(|reason| reason.waits_for) {
            Some(next) => current = next,
            None => break,
        }
    }
    current
}

fn one(view: &View, fmri: &Fmri, verbose: bool, impact: &BTreeSet<Fmri>, answer: &mut Answer) {
    let groups = view.repository.composed(fmri);
    let name = value(&groups, "tm_common_name", "C").unwrap_or("?");
    answer.say(format!("{fmri} ({name})"));
    let state = view.repository.restarter(fmri, "state").unwrap_or("-");
    let since = view
        .repository
        .restarter(fmri, "state_timestamp")
        .and_then(stamp::parse_time);
    let since = since.map(|moment| format!(" since {}", stamp::long_time(moment)));
    answer.say(format!(" State: {state}{}", since.unwrap_or_default()));
    if let Some(reason) = reason(view, fmri) {
        answer.say(format!("Reason: {}", reason.text));
        answer.say(format!(
            "   See: http://illumos.org/msg/SMF-8000-{}",
            reason.code
        ));
        if let Some(next) = reason.waits_for {
            path(view, fmri, next, answer);
        }
    }
    for (_, group) in groups
        .iter()
        .filter(|(name, _)| name.starts_with("tm_man_"))
    {
        answer.say(format!("   See: {}", manual(group, verbose)));
    }
    for (_, group) in groups
        .iter()
        .filter(|(name, _)| name.starts_with("tm_doc_"))
    {
        answer.say(format!("   See: {}", group.value("uri").unwrap_or("")));
    }
    if let Some(log) = view.repository.restarter(fmri, "logfile") {
        answer.say(format!("   See: {log}"));
    }
    answer.say(format!(
        "Impact: {}",
        impact_text(view, fmri, impact, verbose)
    ));
    if verbose {
        for victim in impact {
            answer.say(format!("        {victim}"));
        }
    }
}

fn path(view: &View, fmri: &Fmri, next: Fmri, answer: &mut Answer) {
    let mut label = "  Path:";
    let mut current = next;
    let mut seen = BTreeSet::from([fmri.clone()]);
    answer.say(format!("{label} {fmri}"));
    label = "       ";
    while seen.insert(current.clone()) {
        answer.say(format!("{label}   {current}"));
        match reason(view, &current).and_then(|reason| reason.waits_for) {
            Some(next) => current = next,
            None => break,
        }
    }
}

fn manual(group: &Group, verbose: bool) -> String {
    let (title, section) = (
        group.value("title").unwrap_or(""),
        group.value("section").unwrap_or(""),
    );
    if !verbose {
        return format!("{title}({section})");
    }
    let path = match group.value("manpath") {
        Some(":default") | None => "/usr/share/man",
        Some(path) => path,
    };
    format!("man -M {path} -s {section} {title}")
}

fn impact_text(view: &View, fmri: &Fmri, impact: &BTreeSet<Fmri>, verbose: bool) -> String {
    let running = view.repository.state(fmri).is_running();
    let tail = if verbose {
        ":"
    } else {
        ".  (Use -v for list.)"
    };
    match impact.len() {
        0 if running => "None.".to_owned(),
        0 => "This service is not running.".to_owned(),
        1 => format!("1 dependent service is not running{tail}"),
        number => format!("{number} dependent services are not running{tail}"),
    }
}

fn reason(view: &View, fmri: &Fmri) -> Option<Reason> {
    let repository = &view.repository;
    match (repository.state(fmri), repository.next_state(fmri)) {
        (State::Online | State::Degraded, _) => None,
        (State::Offline, Some(State::Online)) => Some(because("Start method is running.", "C4")),
        (_, Some(next)) => Some(because(
            format!("Transitioning to state {}.", next.name()),
            "PH",
        )),
        (State::Disabled, None) => Some(disabled(view, fmri)),
        (State::Maintenance, None) => Some(maintenance(view, fmri)),
        (State::Uninitialized, None) => Some(because(
            "Restarter svc:/system/svc/restarter:default has not initialized service state.",
            "4D",
        )),
        (State::Offline, None) => Some(waiting(view, fmri)),
    }
}

fn disabled(view: &View, fmri: &Fmri) -> Reason {
    let tail = match comment(view, fmri) {
        Some(comment) => format!(": {comment}"),
        None => ".".to_owned(),
    };
    if view.repository.enabled_for_now(fmri) == Some(false) {
        because(
            format!("Temporarily disabled by an administrator{tail}"),
            "1S",
        )
    } else {
        because(format!("Disabled by an administrator{tail}"), "05")
    }
}

fn maintenance(view: &View, fmri: &Fmri) -> Reason {
    let status = view
        .repository
        .restarter(fmri, "start_method_waitstatus")
        .and_then(|status| status.parse::<i32>().ok())
        .filter(|status| *status != 0);
    match (view.repository.restarter(fmri, "auxiliary_state"), status) {
        (Some("administrative_request"), _) => {
            because("Maintenance requested by an administrator.", "63")
        }
        (Some("restarting_too_quickly"), _) => because("Restarting too quickly.", "L5"),
        (Some("service_request"), _) => because("Maintenance requested by another service.", "R4"),
        (Some("fault_threshold_reached"), Some(status)) => {
            let ending = ending(status);
            because(
                format!("Start method failed repeatedly, last {ending}"),
                "KS",
            )
        }
        (Some("fault_threshold_reached"), None) => because("Method failed repeatedly.", "7Y"),
        (Some("method_failed"), Some(status)) => {
            because(format!("Start method {}", ending(status)), "KS")
        }
        (Some("method_failed"), None) => because("Method failed.", "8Q"),
        _ => because("Unknown.", "AR"),
    }
}

fn ending(status: i32) -> String {
    match (status & 0x7f, status & 0x80, status >> 8) {
        (0, _, 95) => "exited with $SMF_EXIT_ERR_FATAL.".to_owned(),
        (0, _, 96) => "exited with $SMF_EXIT_ERR_CONFIG.".to_owned(),
        (0, _, code) => format!("exited with status {code}."),
        (signal, 0, _) => format!("died on {}.", signals::describe(signal)),
        (signal, ..) => format!("dumped core on {}.", signals::describe(signal)),
    }
}

fn waiting(view: &View, fmri: &Fmri) -> Reason {
    let exists = |path: &str| view.paths.inside(path).exists();
    let graph = Graph {
        repository: &view.repository,
        exists: &exists,
    };
    let groups = view.repository.running(fmri);
    let unmet = dependency_groups(&groups)
        .find(|(_, group)| graph.dependency(group) != Verdict::Met)
        .map(|(_, group)| group);
    match unmet {
        Some(group) => unmet_reason(view, group),
        None => because("Unknown.", "AR"),
    }
}

fn unmet_reason(view: &View, group: &Group) -> Reason {
    let excludes = group.value("grouping") == Some("exclude_all");
    for entity in group.values("entities") {
        if let Some(path) = file_path(entity) {
            if view.paths.inside(path).exists() == excludes {
                return because(
                    format!(
                        "Dependency {entity} is {}.",
                        if excludes { "present" } else { "absent" }
                    ),
                    "E2",
                );
            }
            continue;
        }
        let instances = instances_of(&view.repository, entity);
        let running = instances
            .iter()
            .find(|other| view.repository.state(other).is_running());
        match (excludes, running, instances.first()) {
            (true, Some(other), _) => {
                return because(format!("Service {other} is running."), "FJ");
            }
            (true, None, _) | (false, Some(_), _) => {}
            (false, None, None) => {
                return because(format!("Dependency {entity} is absent."), "E2");
            }
            (false, None, Some(other)) if view.repository.is_enabled(other).is_none() => {
                return because(format!("Dependency {entity} is absent."), "E2");
            }
            (false, None, Some(other)) => {
                let text = format!("Service {other}\n        {}", summary(view, other));
                return Reason {
                    waits_for: Some(other.clone()),
                    ..because(text, "GE")
                };
            }
        }
    }
    because("Unknown.", "AR")
}

/// The words of these summaries are inferred.
fn summary(view: &View, fmri: &Fmri) -> &'static str {
    match (
        view.repository.state(fmri),
        view.repository.enabled_for_now(fmri),
    ) {
        (State::Disabled, Some(false)) => "is temporarily disabled.",
        (State::Disabled, _) => "is disabled.",
        (State::Maintenance, _) => match view.repository.restarter(fmri, "auxiliary_state") {
            Some("restarting_too_quickly") => {
                "is not running because it was restarting too quickly."
            }
            Some("administrative_request") => {
                "is not running because it was placed into maintenance by an administrator."
            }
            _ => "is not running because a method failed.",
        },
        (State::Offline, _) if view.repository.next_state(fmri).is_some() => "is starting.",
        _ => "is not running because of a dependency.",
    }
}
