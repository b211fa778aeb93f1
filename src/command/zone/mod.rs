//! `zonewright zone`: zones on their hosts, without what is in them.

mod adopt;
mod destroy;
mod list;
mod reprovision;
mod show;

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Instant;

use serde_json::{Value, json};

use super::apply::{Run, asked_for};
use super::plan::{json_of_host, text_of_host};
use super::{DIFFERS, DONE, Failure, answer, answer_json, door, site, wish};
use crate::cli::{Global, RegardArgs, ZoneChangeArgs, ZoneCommand, ZonePlanArgs};
use crate::plan::zone::GivenZone;
use crate::run::{Decisions, Event, Wish};
use crate::show::progress::Progress;
use crate::show::{Style, duration};
use crate::site::SiteRoot;

pub(super) fn run(global: &Global, command: &ZoneCommand) -> Result<u8, Failure> {
    match command {
        ZoneCommand::Plan(arguments) => plan(global, arguments),
        ZoneCommand::Create(arguments) => change(global, arguments, "create"),
        ZoneCommand::List(arguments) => list::run(global, arguments),
        ZoneCommand::Show(arguments) => show::run(global, arguments),
        ZoneCommand::Update(arguments) => change(global, arguments, "update"),
        ZoneCommand::Reprovision(arguments) => reprovision::run(global, arguments),
        ZoneCommand::Destroy(arguments) => destroy::run(global, arguments),
        ZoneCommand::Adopt(arguments) => adopt::run(global, arguments),
    }
}

/// Reads a zone file that says a host.
fn load(site: &SiteRoot, zone: &str) -> Result<Wish, Failure> {
    let wish = wish::load(site, zone)?;
    if wish.zone.host.is_some() {
        return Ok(wish);
    }
    Err(Failure::usage(
        &format!("the file of the zone {zone} says no host"),
        "`[host] ssh = \"root@…\"` says where it is; `zonewright zone adopt` writes a file for a zone that is there",
    ))
}

fn progress(global: &Global) -> Progress {
    Progress::new(Style::stderr(global.color), global.verbose, String::new())
}

/// The host of a zone, which is started where it is the sandbox and `makes` says so.
fn host(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    makes: bool,
    progress: &mut Progress,
) -> Result<door::host::HostDoor, Failure> {
    let host = door::host::open(global, site, wish, makes, progress)?;
    host.ok_or_else(|| {
        Failure::text_only(
            "the sandbox does not run",
            &format!("`zonewright apply {}` starts it", wish.zone.name),
        )
    })
}

fn plan(global: &Global, arguments: &ZonePlanArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let style = Style::stdout(global.color);
    let mut progress = progress(global);
    let mut documents = Vec::new();
    let mut differs = false;
    for name in &arguments.zones {
        let wish = load(&site, name)?;
        let mut host = host(global, &site, &wish, false, &mut progress)?;
        let view = host.look()?;
        for note in &view.plan.notes {
            progress.show(&Event::Note(format!("{name}: {note}")));
        }
        differs |= !view.plan.is_empty();
        let mut document = json_of_host(name, &view);
        document["zone"] = Value::from(name.as_str());
        documents.push(document);
        if !global.json {
            answer(&text_of_host(name, &view, style));
        }
    }
    if global.json {
        answer_json("zone-plan", json!({ "zones": documents }));
    }
    Ok(match differs && arguments.detailed_exitcode {
        true => DIFFERS,
        false => DONE,
    })
}

/// A run on the host alone.
fn begin<'a>(
    global: &'a Global,
    site: &'a SiteRoot,
    wish: &'a Wish,
    given: GivenZone,
    regard: RegardArgs,
    verb: &'static str,
) -> Run<'a> {
    Run {
        global,
        site,
        wish,
        others: regard.others,
        step_timeout: None,
        given,
        decisions: Decisions {
            end_sessions: regard.end_sessions,
            ..Decisions::default()
        },
        distfiles: Vec::new(),
        verb,
        kept: BTreeMap::new(),
        progress: progress(global),
        log: None,
    }
}

fn change(global: &Global, arguments: &ZoneChangeArgs, verb: &'static str) -> Result<u8, Failure> {
    let started = Instant::now();
    let site = site(global)?;
    let name = &arguments.zone;
    let wish = load(&site, name)?;
    let given = GivenZone {
        reboots: arguments.reboot,
        replaces_failed: arguments.replace_failed,
        ..GivenZone::default()
    };
    let given = replacing(global, &site, &wish, given, arguments.yes)?;
    let verb = match verb {
        "create" => "zone create",
        _ => "zone update",
    };
    let mut run = begin(global, &site, &wish, given, arguments.regard, verb);
    let result = run.on_host();
    let (_, report) = run.end(result, started.elapsed())?;
    let view = &report.view;
    let addresses: Vec<&str> = view
        .inside()
        .map_or(Vec::new(), |i| i.addresses().collect());
    if global.json {
        answer_json(
            "zone-change",
            json!({
                "zone": name,
                "uuid": view.plan.uuid,
                "steps": report.steps,
                "addresses": addresses,
                "left": view.plan.asked.iter().map(|(_, change)| &change.what).collect::<Vec<_>>(),
            }),
        );
    } else {
        let took = duration(started.elapsed());
        answer(&match report.steps {
            0 if !view.plan.asked.is_empty() => {
                format!("{name} on {}: nothing was changed\n", view.facts.hostname)
            }
            0 => format!("{name} on {}: nothing to do\n", view.facts.hostname),
            1 => format!("{name} on {}: 1 step in {took}\n", view.facts.hostname),
            steps => format!(
                "{name} on {}: {steps} steps in {took}\n",
                view.facts.hostname
            ),
        });
        answer(&format!("  uuid     {}\n", view.plan.uuid));
        for address in addresses {
            answer(&format!("  address  {address}\n"));
        }
    }
    if view.plan.asked.is_empty() {
        return Ok(DONE);
    }
    Err(asked_for(verb, name, &view.plan.asked))
}

/// What may be done to a zone, once the user has agreed to what `--replace-failed` destroys.
pub(super) fn replacing(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    given: GivenZone,
    yes: bool,
) -> Result<GivenZone, Failure> {
    let loses_data = given.replaces_failed
        && destroy::agree_to_replace(global, site, wish, &mut progress(global), yes)?;
    Ok(GivenZone {
        loses_data,
        ..given
    })
}

/// Wants `word` typed on the terminal; where there is none, `--yes`.
fn confirm(word: &str, question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            &format!("nothing was changed: {question}, so this wants the word `{word}` typed"),
            "`--yes` says it where there is no terminal",
        ));
    }
    eprint!("{question}; type `{word}` to go on: ");
    let _ = std::io::stderr().flush();
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    if read.is_ok() && typed.trim() == word {
        return Ok(());
    }
    Err(Failure::text_only(
        "nothing was changed: that was another word",
        &format!("type `{word}`, or give `--yes`"),
    ))
}
