//! `zonewright zone adopt`: a file for a zone that somebody else made.

use std::sync::Arc;

use serde_json::json;

use super::list::spec;
use super::progress;
use crate::cli::{Global, ZoneAdoptArgs};
use crate::command::door::host::login;
use crate::command::door::prompt;
use crate::command::{DONE, Failure, answer, answer_json, site};
use crate::facts::host::inside::key_of;
use crate::facts::host::vms::Vm;
use crate::facts::host::{HostFacts, HostQuestions};
use crate::host::ssh::Ssh;
use crate::plan::zone::adopt::{file_of, people_of};
use crate::problem::SourceText;
use crate::run::zone::ask;
use crate::show::plain;
use crate::site::load::{check_others, read_text};
use crate::store::write_whole;

pub(super) fn run(global: &Global, arguments: &ZoneAdoptArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let Some(folder) = site.folder().map(|folder| folder.join("zones")) else {
        return Err(Failure::usage(
            "there is no site here to write the file into",
            "`zonewright new DIR` starts one; `--site DIR` names one",
        ));
    };
    let host = &arguments.host;
    let failed = |error: crate::run::RunError| Failure::run(host, error);
    let Some(login) = login(global, &spec(host), false, &mut progress(global))? else {
        return Err(Failure::text_only(
            "the sandbox does not run",
            "`zonewright sandbox up global` starts it",
        ));
    };
    let mut door =
        Ssh::connect(&login.target, &mut prompt).map_err(|error| Failure::at_host(host, error))?;
    let is_uuid = arguments.zone.len() == 36 && arguments.zone.matches('-').count() == 4;
    let questions = HostQuestions {
        alias: (!is_uuid).then(|| arguments.zone.clone()),
        uuid: is_uuid.then(|| arguments.zone.clone()),
        ..HostQuestions::default()
    };
    let facts = ask(&mut door, &questions).map_err(failed)?;
    let vm = the_one(host, &arguments.zone, &facts)?;
    let name = arguments.name.as_ref().unwrap_or(&vm.alias);
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Failure::usage(
            "the zone has no alias that could be a file's name",
            "`--name NAME` gives one",
        ));
    }
    let path = folder.join(format!("{name}.toml"));
    if path.exists() || folder.join(format!("{name}.json")).exists() {
        return Err(Failure::usage(
            &format!("{} is there already", path.display()),
            "`--name NAME` writes another file",
        ));
    }
    let inside = facts.inside.get(&vm.uuid);
    let known = inside.map_or(&[][..], |inside| &inside.authorized_keys);
    let keys = own_keys(known);
    let text = file_of(vm, inside, &facts.images, host, &keys).map_err(|why| {
        Failure::text_only(
            &format!("no file can say what the zone {name} is: {why}"),
            "write one for what can be said, and leave the rest to `vmadm`: `zonewright recipe explain zone`",
        )
    })?;
    let source = SourceText {
        path: path.clone(),
        text: text.clone(),
    };
    let clashes = read_text(name, Arc::new(source))
        .0
        .map(|own| check_others(&site, &own));
    if let Some(clashes) = clashes.filter(|clashes| !clashes.is_empty()) {
        return Err(Failure::Problems(clashes));
    }
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|error| {
        Failure::text_only(
            &format!("cannot make {}: {error}", folder.display()),
            "make the site's folder writable",
        )
    })?;
    write_whole(&path, text.as_bytes())
        .map_err(|error| Failure::of(&error, "make the site's folder writable"))?;
    let people = inside.map(people_of).unwrap_or_default();
    let names: Vec<&str> = people.iter().map(|(name, _)| *name).collect();
    if global.json {
        answer_json(
            "zone-adopt",
            json!({ "zone": name, "uuid": vm.uuid, "file": path, "left-out": names }),
        );
    } else {
        let left_out = match names.is_empty() {
            true => String::new(),
            false => format!(
                "  its accounts ({}) are in it as comments: take away the `#` of those that are to outlive a \
                 reprovision\n",
                plain::line(&names.join(", "))
            ),
        };
        answer(&format!(
            "wrote {}\n{left_out}  `zonewright plan {name}` says whether anything is left to change\n",
            path.display()
        ));
    }
    Ok(DONE)
}

fn the_one<'a>(host: &str, wanted: &str, facts: &'a HostFacts) -> Result<&'a Vm, Failure> {
    let zones: Vec<&Vm> = facts.zones.values().collect();
    match zones[..] {
        [vm] => Ok(vm),
        [] => {
            let names: Vec<&str> = facts.vms.iter().map(|vm| vm.alias.as_str()).collect();
            let help = match names.is_empty() {
                true => "it has none at all: `zonewright zone create` makes one".to_owned(),
                false => format!("it has {}", names.join(", ")),
            };
            let message = format!("there is no zone {wanted} on {host}");
            Err(Failure::text_only(&message, &help))
        }
        _ => {
            let uuids: Vec<&str> = zones.iter().map(|vm| vm.uuid.as_str()).collect();
            Err(Failure::text_only(
                &format!("there are {} zones {wanted} on {host}", uuids.len()),
                &format!("name one by its uuid: {}", uuids.join(", ")),
            ))
        }
    }
}

/// The user's public keys that may log in to the zone already; where none may, all there are.
fn own_keys(known: &[String]) -> Vec<String> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let folder = std::path::Path::new(&home).join(".ssh");
    let mut all = Vec::new();
    let mut allowed = Vec::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|ending| ending != "pub") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let Some(key) = key_of(&text) else { continue };
        let shown = format!("~/.ssh/{}", entry.file_name().to_string_lossy());
        if known.contains(&key) {
            allowed.push(shown.clone());
        }
        all.push(shown);
    }
    let mut keys = if allowed.is_empty() { all } else { allowed };
    keys.sort();
    keys
}
