//! Which services must change: the twin of `facts/services`.
//!
//! What a start depends on (the package, the manifest, the files of `restart-after`) is digested and
//! recorded in the zone right after the start, so that a restart that is due and did not happen, for
//! whatever reason, is still due at the next apply.

use std::time::Duration;

use super::files::Placed;
use super::{Action, Change, Given, Input, Refusal, Stage, Step, WantedRecipe, Work, shell};
use crate::facts::services::{START_ROOT, ServiceFact};
use crate::facts::{Facts, Questions};
use crate::receipt::{BuildInputs, Receipt, sha256_hex};
use crate::recipe::model::Service;
use crate::script::Script;
use crate::smf::{self, Fmri};

pub(super) fn ask(recipe: &WantedRecipe, questions: &mut Questions) {
    let wanted = &recipe.bundle.recipe;
    questions.fmris.extend(
        wanted
            .platform_services
            .iter()
            .map(|service| service.fmri.clone()),
    );
    for service in &wanted.services {
        questions.fmris.insert(service.fmri.clone());
        questions
            .processes
            .extend(service.sessions.iter().map(|s| s.process.clone()));
        if let Some(path) = manifest_path(service) {
            questions.paths.insert(path);
        }
    }
}

/// Where a service's manifest is in the zone.
fn manifest_path(service: &Service) -> Option<String> {
    match &service.manifest {
        Some(path) => Some(path.clone()),
        None => Fmri::parse(&service.fmri)
            .ok()
            .map(|fmri| fmri.manifest_path()),
    }
}

/// A service's manifest: our own text, or a file of the recipe's.
enum Manifest {
    Generated(String),
    File,
}

/// Plans platform services, then the recipe's own, then the end of those it no longer has.
pub(super) fn plan(
    recipe: &WantedRecipe,
    inputs: Option<&BuildInputs>,
    placed: &Placed,
    facts: &Facts,
    given: &Given,
    steps: &mut Vec<Step>,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for service in &recipe.bundle.recipe.platform_services {
        plan_platform(&service.fmri, facts, steps);
    }
    for service in &recipe.bundle.recipe.services {
        match generated(recipe, service) {
            Ok(manifest) => plan_service(
                &Context {
                    recipe,
                    inputs,
                    placed,
                    facts,
                    given,
                },
                service,
                &manifest,
                steps,
            ),
            Err(refusal) => refusals.push(refusal),
        }
    }
    plan_removal(recipe, facts, given, steps);
    refusals
}

fn generated(recipe: &WantedRecipe, service: &Service) -> Result<Manifest, Refusal> {
    if service.manifest.is_some() {
        return Ok(Manifest::File);
    }
    let summary = service
        .summary
        .as_ref()
        .unwrap_or(&recipe.bundle.recipe.package.summary);
    smf::manifest(service, summary)
        .map(Manifest::Generated)
        .map_err(|error| Refusal {
            message: format!("no manifest can be made for {}: {error}", service.fmri),
            help: format!("change the `[[service]]` in the recipe {}", recipe.name),
            diff: None,
        })
}

fn plan_platform(fmri: &str, facts: &Facts, steps: &mut Vec<Step>) {
    let state = facts.services.0.get(fmri);
    if state.is_some_and(ServiceFact::is_online) {
        return;
    }
    let id = format!("services/{fmri}");
    if steps.iter().any(|step| step.id == id) {
        return;
    }
    let why = why_not_online(state);
    let script = Script::new(format!("enable {fmri}"))
        .shell(shell::FAIL)
        .shell(shell::WAIT_ONLINE)
        .set("fmri", fmri)
        .set(
            "clear",
            if is_in_maintenance(state) {
                "yes"
            } else {
                "no"
            },
        )
        .shell(ENABLE)
        .shell("wait_online \"$fmri\" 60 '' '' \"$since\"");
    steps.push(Step {
        id: format!("services/{fmri}"),
        stage: Stage::Serve,
        changes: vec![Change::new(Action::Change, format!("enable {fmri}"), why)],
        work: Work::Script {
            script,
            input: Input::None,
        },
    });
}

/// `enable` does not clear maintenance, and `clear` alone does not enable. A `clear` that comes too late
/// fails, and is no failure.
const ENABLE: &str = r#"
look_at "$fmri"
if [ "$clear" = yes ]; then /usr/sbin/svcadm clear "$fmri"; else since=; fi
/usr/sbin/svcadm enable "$fmri" || fail "cannot enable $fmri"
"#;

fn why_not_online(state: Option<&ServiceFact>) -> String {
    match state {
        None => "not known to SMF".to_owned(),
        Some(_) if is_in_maintenance(state) => "is in maintenance".to_owned(),
        Some(fact) if fact.next != "-" => format!("is {} and going {}", fact.state, fact.next),
        Some(fact) => format!("is {}", fact.state),
    }
}

fn is_in_maintenance(state: Option<&ServiceFact>) -> bool {
    state.is_some_and(|fact| fact.state == "maintenance")
}

struct Context<'a> {
    recipe: &'a WantedRecipe,
    inputs: Option<&'a BuildInputs>,
    placed: &'a Placed,
    facts: &'a Facts,
    given: &'a Given,
}

impl Context<'_> {
    fn receipt(&self) -> Option<&Receipt> {
        self.facts.receipts.0.get(&self.recipe.name)
    }
}

/// The digest of everything that a start of the service depends on; none while the build is not
/// known.
pub(super) fn start_digest(
    recipe: &WantedRecipe,
    service: &Service,
    inputs: &BuildInputs,
    placed: &Placed,
) -> Option<String> {
    let mut text = inputs.key();
    match generated(recipe, service).ok()? {
        Manifest::Generated(manifest) => text.push_str(&sha256_hex(manifest.as_bytes())),
        Manifest::File => text.push_str(&placed.get(service.manifest.as_ref()?)?.sha256),
    }
    for path in &service.restart_after {
        text.push_str(&placed.get(path)?.sha256);
    }
    Some(sha256_hex(text.as_bytes()))
}

fn plan_service(
    context: &Context<'_>,
    service: &Service,
    manifest: &Manifest,
    steps: &mut Vec<Step>,
) {
    let Some(path) = manifest_path(service) else {
        return;
    };
    let fmri = &service.fmri;
    let state = context.facts.services.0.get(fmri);
    let recorded = state.and_then(|fact| fact.started_with.as_ref());
    let digest = context
        .inputs
        .and_then(|inputs| start_digest(context.recipe, service, inputs, context.placed));
    let is_current = digest
        .as_ref()
        .is_none_or(|digest| recorded == Some(digest));
    let on_disk = context
        .facts
        .files
        .0
        .get(&path)
        .and_then(|fact| fact.sha256.clone());
    let differs = match manifest {
        Manifest::Generated(text) => on_disk != Some(sha256_hex(text.as_bytes())),
        Manifest::File => false,
    };
    let imports = differs || state.is_none() || !is_current;
    let is_online = state.is_some_and(ServiceFact::is_online);
    let mut changes = Vec::new();
    if differs {
        let action = if on_disk.is_some() {
            Action::Change
        } else {
            Action::Create
        };
        let why = if on_disk.is_some() {
            "the manifest changed"
        } else {
            "not there"
        };
        changes.push(Change::new(action, format!("manifest {path}"), why));
    }
    let restarts = is_online && (differs || !is_current);
    if restarts {
        let why = restart_reasons(context, service, differs, steps);
        changes.push(Change {
            why,
            ..Change::new(Action::Change, format!("restart {fmri}"), "")
        });
    } else if !is_online {
        let why = why_not_online(state);
        changes.push(Change::new(Action::Change, format!("start {fmri}"), why));
    }
    if changes.is_empty() {
        return;
    }
    let seconds = wait_seconds(service, restarts);
    let mut script = Script::new(format!("bring {fmri} up"))
        .shell(shell::FAIL)
        .shell(shell::WAIT_ONLINE)
        .set("fmri", fmri)
        .set("manifest", &path)
        .set("seconds", seconds.to_string())
        .set("log", service.log.as_deref().unwrap_or(""))
        .set(
            "clear",
            if is_in_maintenance(state) {
                "yes"
            } else {
                "no"
            },
        );
    let mut input = Input::None;
    if restarts {
        let spares = !context.given.end_sessions;
        let sessions = service.sessions.as_ref().filter(|_| spares);
        let process = sessions.map(|sessions| &sessions.process);
        script = shell::spare(script, process).shell("spare_sessions");
    }
    if let (true, Manifest::Generated(text)) = (differs, manifest) {
        script = script
            .shell(shell::RECEIVE)
            .shell(shell::NOTE)
            .shell(PLACE)
            .with_input();
        input = Input::Bytes(text.clone().into_bytes());
    }
    if imports {
        script = script.shell(IMPORT);
    }
    script = if restarts {
        script.shell(RESTART)
    } else {
        script.shell(ENABLE).shell(WAIT)
    };
    if let Some(digest) = &digest {
        script = script
            .set("record", start_record(fmri))
            .set("digest", digest)
            .shell(RECORD);
    }
    // waiting for a slow stop or start is no hanging
    let longest = Duration::from_secs(seconds + 60);
    let quiet = script.quiet_limit();
    let script = script.with_quiet_limit(quiet.map(|quiet| quiet.max(longest)));
    steps.push(Step {
        id: format!("services/{fmri}"),
        stage: Stage::Serve,
        changes,
        work: Work::Script { script, input },
    });
}

/// How long a start may take: the method's own time-out, three tries, and some; before a restart it is
/// stopped, which may take as long as its own time-out. 0 is the word for none.
fn wait_seconds(service: &Service, restarts: bool) -> u64 {
    let start = service
        .start_timeout
        .map_or(60, |timeout| timeout.as_secs().max(1));
    let start = start.saturating_mul(3).saturating_add(10).min(LONGEST);
    let stop = match service.stop_timeout.map_or(60, |timeout| timeout.as_secs()) {
        _ if !restarts => 0,
        0 => LONGEST,
        stop => stop.min(LONGEST),
    };
    start + stop
}

/// Nothing is waited for longer than this.
const LONGEST: u64 = 3600;

fn restart_reasons(
    context: &Context<'_>,
    service: &Service,
    differs: bool,
    steps: &[Step],
) -> Vec<String> {
    let mut why = Vec::new();
    if differs {
        why.push("its manifest changed".to_owned());
    }
    let recorded = context.receipt();
    if let (Some(receipt), Some(inputs)) = (recorded, context.inputs)
        && receipt.build_key != inputs.key()
    {
        why.push(format!("{} is replaced", receipt.package));
    }
    for path in &service.restart_after {
        let old = recorded
            .and_then(|receipt| receipt.files.get(path))
            .map(|file| &file.sha256);
        if old != context.placed.get(path).map(|file| &file.sha256) {
            why.push(format!("{path} changes"));
        }
    }
    let is_new = steps
        .iter()
        .any(|step| step.id == format!("install/{}", context.recipe.name));
    if why.is_empty() {
        why.push(
            if is_new {
                "its package is installed anew"
            } else {
                "a restart is due"
            }
            .to_owned(),
        );
    }
    why
}

const PLACE: &str = r#"
place=${manifest%/*}/.${manifest##*/}.zonewright.new
/usr/bin/mkdir -p "${manifest%/*}" || fail "cannot make ${manifest%/*}"
note "$place"
receive "$place"
/usr/sbin/svccfg validate "$place" >&2 || fail 'svccfg does not accept the manifest'
/usr/bin/chmod 0644 "$place" && /usr/bin/mv -f "$place" "$manifest" || fail "cannot write $manifest"
"#;

/// Import waits until the restarter knows the instance, so that what follows finds it.
const IMPORT: &str = r#"
/usr/sbin/svccfg import "$manifest" || fail "svccfg does not import $manifest"
"#;

const WAIT: &str = r#"
wait_online "$fmri" "$seconds" "$log" '' "$since"
"#;

/// `svcadm restart` returns at once, and an import refreshes a running instance in its own time: only
/// a new time of the start method tells that the restart happened.
const RESTART: &str = r#"
look_at "$fmri"
spare_sessions
/usr/sbin/svcadm restart "$fmri" || fail "cannot restart $fmri"
wait_online "$fmri" "$seconds" "$log" "$started"
"#;

/// Where the digest of an instance's last start is kept: see [`START_ROOT`].
pub(super) fn start_record(fmri: &str) -> String {
    format!("{START_ROOT}/{}", fmri.replace('/', "_"))
}

const RECORD: &str = r#"
/usr/bin/mkdir -p "${record%/*}" && printf '%s\n' "$digest" >"$record.new" &&
  /usr/bin/mv -f "$record.new" "$record" || { /usr/bin/rm -f "$record.new"; fail "cannot write $record"; }
"#;

/// Ends services that the recipe made and no longer has.
fn plan_removal(recipe: &WantedRecipe, facts: &Facts, given: &Given, steps: &mut Vec<Step>) {
    let Some(receipt) = facts.receipts.0.get(&recipe.name) else {
        return;
    };
    let wanted = &recipe.bundle.recipe.services;
    for fmri in receipt.services.keys() {
        let is_wanted = wanted.iter().any(|service| service.fmri == *fmri);
        let Ok(parsed) = Fmri::parse(fmri) else {
            continue;
        };
        if is_wanted || !facts.services.0.contains_key(fmri) {
            continue;
        }
        let script = Script::new(format!("end {fmri}")).shell(shell::FAIL);
        let process = receipt.sessions.get(fmri).filter(|_| !given.end_sessions);
        let script = shell::spare(script, process)
            .set("fmri", fmri)
            .set("manifest", parsed.manifest_path())
            .shell(REMOVE);
        steps.push(Step {
            id: format!("services/{fmri}/remove"),
            stage: Stage::Serve,
            changes: vec![Change::new(
                Action::Destroy,
                format!("service {fmri}"),
                "the recipe does not have it any more",
            )],
            work: Work::Script {
                script,
                input: Input::None,
            },
        });
    }
}

/// Deleting an enabled instance would leave its processes running unmanaged: disabled first.
const REMOVE: &str = r#"
spare_sessions
/usr/sbin/svcadm disable -s "$fmri" || fail "cannot disable $fmri"
/usr/sbin/svccfg delete "$fmri" || fail "cannot delete $fmri"
/usr/bin/rm -f "$manifest" || fail "cannot remove $manifest"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_waited_for_as_long_as_its_stop_and_its_start_may_take() {
        let service = |start: u64, stop: u64| Service {
            start_timeout: Some(Duration::from_secs(start)),
            stop_timeout: Some(Duration::from_secs(stop)),
            ..Service::default()
        };
        for (start, stop, restart) in [(5, 300, 25 + 300), (5, 0, 25 + 3600), (5, 9999, 25 + 3600)]
        {
            let service = service(start, stop);
            assert_eq!(wait_seconds(&service, false), 25);
            assert_eq!(wait_seconds(&service, true), restart);
        }
        assert_eq!(wait_seconds(&Service::default(), true), 190 + 60);
    }
}
