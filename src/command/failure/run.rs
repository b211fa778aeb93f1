//! The report of a run that ended early.

use std::fmt::Write as _;
use std::path::Path;

use super::super::remedy;
use super::{report, status};
use crate::causes::in_one_line;
use crate::facts::FactError;
use crate::facts::locks::Lock;
use crate::plan::{self, Refusal};
use crate::problem::Problem;
use crate::run::{BuildError, RunError};
use crate::script::quote;
use crate::show::{Style, excerpt, holder, labelled, plain, plan::diff_line, problems};
use crate::source::PrepareError;

/// What to do about a host that lets nobody in, where that is another thing than for a zone.
pub(super) fn of_global_zone(error: &RunError) -> Option<String> {
    match error {
        RunError::Host(source) => remedy::of_global_zone(source),
        _ => None,
    }
}

/// What went wrong and what to do about it, in a line each.
pub(super) fn in_short(zone: &str, error: &RunError, is_host: bool) -> (String, String) {
    if let Some(help) = of_global_zone(error).filter(|_| is_host) {
        return (in_one_line(error), help);
    }
    match error {
        RunError::Host(source) => (in_one_line(error), remedy::of_host(source).to_string()),
        RunError::Refused(refusals) | RunError::RefusedAfter(refusals) => match refusals.first() {
            Some(refusal) => (refusal.message.clone(), refusal.help.clone()),
            None => (in_one_line(error), String::new()),
        },
        _ => {
            let help = format!("`zonewright plan {}` says more", quote(zone));
            (in_one_line(error), help)
        }
    }
}

/// The whole report; `program` is this program as it must be typed.
pub(super) fn text(zone: &str, error: &RunError, program: &str, style: Style) -> String {
    // a zone's name may need quotes
    let zone = &quote(zone);
    let simple = |help: &str| report(style, &format!("{zone}: {}", in_one_line(error)), help);
    match error {
        RunError::Problems(found) => problems::render(found, style.color),
        RunError::Sources {
            problem,
            details,
            is_late,
        } => unprepared(zone, problem, details.as_deref(), style) + what_became(*is_late),
        RunError::Refused(refusals) | RunError::RefusedAfter(refusals) => {
            refused(zone, refusals, style) + &format!("{error}\n")
        }
        RunError::Step {
            id,
            status,
            tail,
            log,
            ..
        } => {
            let mut out = head(zone, error, style);
            out.push_str(&step_text(id, *status, tail, log, style));
            out.push_str(&next(id, zone, program, style));
            out
        }
        RunError::Build { id, source, .. } => build_text(zone, error, id, source, program, style),
        RunError::Host(source) => simple(&remedy::of_host(source)),
        RunError::Locked(locks) => locked(zone, locks, style),
        RunError::AtWork(_) => simple(&format!(
            "`{program} apply {zone}` goes on when that has ended; where it never ends, look into it on the host"
        )),
        RunError::NotHeld => simple(&format!(
            "`{program} status {zone}` says who holds it; `{program} apply {zone} --wait` goes on when \
             they are done"
        )),
        RunError::Overdue { id, log, .. } => {
            let next = format!(
                "look into the zone for the cause, then `{program} apply {zone}` goes on from here \
                 (`--step-timeout TIME` waits longer)"
            );
            let show = format!(
                "`zonewright log {zone} --phase {}` shows what it said",
                name_of(id)
            );
            head(zone, error, style)
                + &labelled("log", &log.display().to_string(), style)
                + &labelled("next", &next, style)
                + &labelled("and", &show, style)
        }
        RunError::Check { evidence, .. } => {
            let mut out = head(zone, error, style);
            for line in evidence.lines() {
                let _ = writeln!(out, "      {line}");
            }
            let _ = writeln!(
                out,
                "{}: everything else is in place; mend the cause, or the `[[check]]` in the recipe: \
                 `{program} apply {zone}` runs the checks again",
                style.paint("36", " help")
            );
            out
        }
        RunError::Facts(FactError::OtherSystem { .. }) => {
            simple("name a SmartOS zone in the zone file's `[zone] ssh`")
        }
        RunError::Dropped { .. } => simple(
            "this is a fault of zonewright, or the host's platform does not know it: `-vv` shows the payload",
        ),
        RunError::Stuck { .. } | RunError::DidNotTake { .. } => simple(&format!(
            "something in the zone undoes it, or this is a fault of zonewright: `{program} plan {zone}` \
             says what differs now, `zonewright log {zone} --full` what was done"
        )),
        RunError::Probe(_) | RunError::Swept(_) => {
            simple("`-vv` shows what the zone was asked and said")
        }
        RunError::Facts(_) | RunError::Store(_) | RunError::Password(_) => simple(""),
    }
}

fn head(zone: &str, error: &RunError, style: Style) -> String {
    format!("{}: {zone}: {error}\n", style.paint("31", "error"))
}

/// What a step's output says, and where all of it is.
fn step_text(id: &str, status: Option<i32>, tail: &str, log: &Path, style: Style) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => tail.to_owned(),
    };
    let found = excerpt::of_step(id, &text);
    let mut out = excerpt::text(&found, style);
    let meaning = match status {
        Some(status) => status::meaning(id, status).map(|text| format!("{status}: {text}")),
        // the signal is not in the target's own output
        None => tail.lines().next_back().map(str::to_owned),
    };
    if let Some(meaning) = meaning {
        out.push_str(&labelled("status", &meaning, style));
    }
    out.push_str(&labelled("log", &log.display().to_string(), style));
    if let Some(help) = &found.help {
        out.push_str(&labelled("help", help, style));
    }
    out
}

/// A step's name for `log --phase`.
fn name_of(id: &str) -> String {
    quote(plan::phase_of(id).unwrap_or(id))
}

/// What to type next, and what is then done again.
fn next(id: &str, zone: &str, program: &str, style: Style) -> String {
    let again = match plan::phase_of(id) {
        Some(phase) => format!(
            "goes on with `{phase}`; with other sources, patches, options or dependencies it builds from \
             the start"
        ),
        None => "goes on from here".to_owned(),
    };
    let recipe = id
        .strip_prefix("build/")
        .or_else(|| id.strip_prefix("dependencies/"))
        .and_then(|rest| rest.split('/').next());
    let what = match recipe {
        Some(recipe) => format!("the recipe `{recipe}`, or the zone"),
        None => "the cause".to_owned(),
    };
    let next = match id {
        // what the host could not finish stays there, and it is marked
        "zone/create" => format!(
            "mend {what}, then `{program} apply {zone} --replace-failed` makes the zone anew, whatever the \
             host left of it"
        ),
        // the host marks it as failed, and nothing goes on by itself
        "zone/reprovision" => format!(
            "`{program} apply {zone}` says what the host made of it and how it goes on; its datasets are still there"
        ),
        "zone/reboot" => {
            format!("mend {what}, then `{program} apply {zone} --reboot` boots the zone once more")
        }
        _ => format!("mend {what}, then `{program} apply {zone}` {again}"),
    };
    let log = format!(
        "`zonewright log {zone} --phase {}` shows the whole log",
        name_of(id)
    );
    let inside = plan::phase_of(id).zip(recipe).map(|(_, recipe)| {
        let text = format!(
            "`{program} debug shell {zone} {}` opens the build tree",
            quote(recipe)
        );
        labelled("or", &text, style)
    });
    labelled("next", &next, style) + &labelled("and", &log, style) + &inside.unwrap_or_default()
}

/// A recipe whose sources cannot be had or patched.
fn unprepared(zone: &str, problem: &Problem, details: Option<&str>, style: Style) -> String {
    let named = Problem {
        message: format!("{zone}: {}", problem.message),
        help: None,
        ..problem.clone()
    };
    let mut out = problems::render(&[named], style.color);
    for line in details.iter().flat_map(|text| text.lines()) {
        let _ = writeln!(out, "      {}", diff_line(line, style));
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(out, "{}: {help}", style.paint("36", " help"));
    }
    out
}

fn what_became(is_late: bool) -> &'static str {
    match is_late {
        false => "nothing was changed\n",
        true => "what was done so far stays, and the rest was not done\n",
    }
}

/// Somebody else holds the zone.
fn locked(zone: &str, locks: &[Lock], style: Style) -> String {
    let holders: Vec<String> = locks.iter().map(holder).collect();
    report(
        style,
        &format!("{zone} is being changed by {}", holders.join(" and ")),
        "`--wait` goes on as soon as they are done; if they are not there any more, `--break-lock` ends what \
         they left",
    )
}

fn build_text(
    zone: &str,
    error: &RunError,
    id: &str,
    source: &BuildError,
    program: &str,
    style: Style,
) -> String {
    if let BuildError::Run(inner) = source
        && let RunError::Host(lost) = &**inner
    {
        let message = format!("{zone}: {error}: {}", in_one_line(lost));
        return report(style, &message, &remedy::of_host(lost));
    }
    let mut out = format!(
        "{}: {zone}: {error}: {}\n",
        style.paint("31", "error"),
        in_one_line(source)
    );
    if let BuildError::Prepare(PrepareError::Patch(patch)) = source {
        for line in patch.details().iter().flat_map(|text| text.lines()) {
            let _ = writeln!(out, "      {}", diff_line(line, style));
        }
    }
    let found = match source {
        BuildError::Problems(found) => found.as_slice(),
        _ => &[],
    };
    for problem in found {
        let message = plain::line(&problem.message);
        let _ = writeln!(out, "  {} {message}", style.paint("31", "×"));
        if let Some(help) = &problem.help {
            let help = plain::line(help);
            let _ = writeln!(out, "    {}: {help}", style.paint("36", "help"));
        }
    }
    let again = match id.ends_with("/package") {
        true => "goes on from here; with other options or dependencies it builds from the start",
        false => "goes on from here",
    };
    let next = format!("mend the recipe, then `{program} apply {zone}` {again}");
    out.push_str(&labelled("next", &next, style));
    out
}

fn refused(zone: &str, refusals: &[Refusal], style: Style) -> String {
    let mut out = String::new();
    for refusal in refusals {
        out.push_str(&format!(
            "{}: {zone}: {}\n",
            style.paint("31", "error"),
            refusal.message
        ));
        for line in refusal.diff.iter().flat_map(|diff| diff.lines()) {
            let _ = writeln!(out, "      {}", diff_line(line, style));
        }
        let _ = writeln!(out, "{}: {}", style.paint("36", " help"), refusal.help);
    }
    out
}
