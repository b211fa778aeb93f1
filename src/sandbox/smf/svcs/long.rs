//! `svcs -l`: everything about an instance, one labelled line each.
//!
//! The line with the contract ends with a blank.

use super::super::answer::Answer;
use super::super::dependencies::{dependency_groups, file_path, instances_of};
use super::super::fmri::Fmri;
use super::super::model::{Groups, value};
use super::super::options::Options;
use super::super::stamp;
use super::View;

/// Describes each instance, with an empty line in between.
pub fn describe(view: &View, options: &Options, named: &[Fmri], answer: &mut Answer) {
    for (index, fmri) in named.iter().enumerate() {
        if index > 0 {
            answer.say("");
        }
        one(view, options, fmri, answer);
    }
}

fn one(view: &View, options: &Options, fmri: &Fmri, answer: &mut Answer) {
    let repository = &view.repository;
    let groups = repository.running(fmri);
    let restarter = |name| repository.restarter(fmri, name);
    let mut say = |label: &str, text: &str| answer.say(format!("{label:<13}{text}"));
    say("fmri", &fmri.to_string());
    if let Some(name) = value(&groups, "tm_common_name", "C") {
        say("name", name);
    }
    let enabled = repository.is_enabled(fmri).unwrap_or_default();
    let temporary = repository.enabled_for_now(fmri).is_some();
    say(
        "enabled",
        &format!("{enabled}{}", if temporary { " (temporary)" } else { "" }),
    );
    if !enabled && let Some(comment) = comment(view, fmri) {
        say("comment", comment);
    }
    if let Some(state) = restarter("state") {
        say("state", state);
    }
    if let Some(state) = restarter("next_state") {
        say("next_state", state);
    }
    if let Some(moment) = restarter("state_timestamp").and_then(stamp::parse_time) {
        say("state_time", &stamp::long_time(moment));
    }
    if let Some(log) = restarter("logfile") {
        say("logfile", log);
    }
    let default = "svc:/system/svc/restarter:default";
    say(
        "restarter",
        value(&groups, "general", "restarter").unwrap_or(default),
    );
    if let Some(contract) = restarter("contract") {
        say("contract_id", &format!("{contract} "));
    }
    for line in dependency_lines(view, &groups) {
        say("dependency", &line);
    }
    if options.has('p') {
        for process in view.members(fmri) {
            say(
                "process",
                &format!("{:<8} {}", process.pid, process.command_line()),
            );
        }
    }
    if options.has('v') {
        application_groups(&groups, &mut say);
    }
}

/// The comment that `svcadm disable -c` left.
pub fn comment<'a>(view: &'a View, fmri: &Fmri) -> Option<&'a str> {
    let groups = view.repository.groups(fmri)?;
    value(groups, "general_ovr", "comment").or_else(|| value(groups, "general", "comment"))
}

fn dependency_lines(view: &View, groups: &Groups) -> Vec<String> {
    dependency_groups(groups)
        .map(|(_, group)| {
            let mut line = format!(
                "{}/{}",
                group.value("grouping").unwrap_or(""),
                group.value("restart_on").unwrap_or("")
            );
            for entity in group.values("entities") {
                line.push_str(&format!(" {entity} ({})", standing(view, entity)));
            }
            line
        })
        .collect()
}

fn standing(view: &View, entity: &str) -> &'static str {
    if let Some(path) = file_path(entity) {
        return if view.paths.inside(path).exists() {
            "online"
        } else {
            "absent"
        };
    }
    if Fmri::parse(entity).is_none() {
        return "invalid";
    }
    match instances_of(&view.repository, entity).as_slice() {
        [] => "absent",
        [only] => match view.repository.is_enabled(only) {
            Some(_) => view.repository.state(only).name(),
            None => "absent",
        },
        _ => "multiple",
    }
}

fn application_groups(groups: &Groups, say: &mut impl FnMut(&str, &str)) {
    for (name, group) in groups
        .iter()
        .filter(|(_, group)| group.kind == "application")
    {
        say(name, "application");
        for (property, body) in &group.properties {
            let path = format!("{name}/{property}");
            say(
                &path,
                &format!(" {:<10} {}", body.kind, body.values.join(" ")),
            );
        }
    }
}
