//! `zonewright zone list`: every zone of every host of the site. Hosts are asked at once, each on a thread of
//! its own.

use std::collections::BTreeMap;
use std::thread;

use serde_json::{Value, json};

use super::progress;
use crate::cli::{Global, ZoneListArgs};
use crate::command::door::host::{Login, login};
use crate::command::{DONE, FAILED, Failure, answer, answer_json, complain, site};
use crate::facts::host::vms::Vm;
use crate::facts::host::{HostFacts, HostQuestions};
use crate::host::ssh::Ssh;
use crate::plan::zone::uuid_of;
use crate::recipe::units::{write_quota, write_size};
use crate::run::zone::ask;
use crate::show::plain;
use crate::site::load::{load_zone, zone_names};
use crate::site::model::HostSpec;
use crate::site::{SiteRoot, ZoneFile};

/// What a host said.
type Answered = Result<HostFacts, Failure>;

pub(super) fn run(global: &Global, arguments: &ZoneListArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let files = files(&site);
    let hosts = match arguments.hosts.is_empty() {
        true => hosts_of(&files),
        false => arguments.hosts.iter().map(|host| spec(host)).collect(),
    };
    let answered = ask_all(global, &hosts)?;
    let mut rows = Vec::new();
    let mut is_whole = true;
    for (name, answer) in &answered {
        match answer {
            Ok(facts) => {
                let of_host =
                    |file: &&ZoneFile| file.host.as_ref().is_some_and(|h| label(h) == *name);
                let own: Vec<&ZoneFile> = files.iter().filter(of_host).collect();
                rows.extend(facts.vms.iter().map(|vm| row(name, facts, vm, &own)));
            }
            Err(failure) => {
                is_whole = false;
                complain(failure, global);
            }
        }
    }
    if global.json {
        let zones: Vec<Value> = rows.iter().map(Row::json).collect();
        answer_json("zone-list", json!({ "zones": zones }));
    } else {
        answer(&table(&rows));
    }
    Ok(if is_whole { DONE } else { FAILED })
}

/// The zone files of the site that can be read.
fn files(site: &SiteRoot) -> Vec<ZoneFile> {
    let own = site.folder().map(|folder| folder.join("zones"));
    let is_own = |name: &String| match &own {
        Some(folder) => ["toml", "json"]
            .iter()
            .any(|ending| folder.join(format!("{name}.{ending}")).is_file()),
        None => name == "sandbox",
    };
    let names = zone_names(site).into_iter().filter(is_own);
    names
        .filter_map(|name| load_zone(site, &name).ok())
        .map(|loaded| loaded.zone)
        .collect()
}

fn hosts_of(files: &[ZoneFile]) -> Vec<HostSpec> {
    let mut hosts: Vec<HostSpec> = Vec::new();
    for host in files.iter().filter_map(|file| file.host.clone()) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// A host as the command line names it.
pub(super) fn spec(text: &str) -> HostSpec {
    match text {
        "sandbox" => HostSpec::Sandbox,
        destination => HostSpec::Ssh(destination.to_owned()),
    }
}

fn label(host: &HostSpec) -> String {
    match host {
        HostSpec::Sandbox => "sandbox".to_owned(),
        HostSpec::Ssh(destination) => destination.clone(),
    }
}

/// Asks every host; a sandbox that does not run has no zones and is left out.
fn ask_all(global: &Global, hosts: &[HostSpec]) -> Result<BTreeMap<String, Answered>, Failure> {
    let mut progress = progress(global);
    let mut logins: Vec<(String, Login)> = Vec::new();
    for host in hosts {
        if let Some(login) = login(global, host, false, &mut progress)? {
            logins.push((label(host), login));
        }
    }
    // two questions at once on one terminal are one too many
    let asks = logins.len() == 1;
    let answered = thread::scope(|scope| {
        let each = logins.iter().map(|(name, login)| {
            let thread = scope.spawn(move || {
                let mut prompt = |question: &str| match asks {
                    true => crate::command::door::prompt(question),
                    false => None,
                };
                let mut host = Ssh::connect(&login.target, &mut prompt)
                    .map_err(|error| Failure::at_host(name, error))?;
                ask(&mut host, &HostQuestions::default()).map_err(|error| Failure::run(name, error))
            });
            (name.clone(), thread)
        });
        let threads: Vec<_> = each.collect();
        let joined = threads.into_iter().map(|(name, thread)| {
            let answer = thread.join().unwrap_or_else(|_| {
                Err(Failure::text_only(
                    &format!("{name}: asking it failed"),
                    "ask it alone: `zonewright zone list HOST -v`",
                ))
            });
            (name, answer)
        });
        joined.collect()
    });
    Ok(answered)
}

struct Row {
    host: String,
    alias: String,
    uuid: String,
    state: String,
    brand: String,
    image: String,
    memory: u64,
    quota: u64,
    addresses: Vec<String>,
    file: Option<String>,
}

fn row(host: &str, facts: &HostFacts, vm: &Vm, files: &[&ZoneFile]) -> Row {
    let image = facts
        .images
        .iter()
        .find(|image| image.uuid == vm.image_uuid);
    let file = files.iter().find(|file| match &file.zone.uuid {
        Some(uuid) => *uuid == vm.uuid,
        None => {
            uuid_of(&facts.uuid, &file.zone.alias) == vm.uuid
                || (file.host == Some(HostSpec::Sandbox) && file.zone.alias == vm.alias)
        }
    });
    Row {
        host: host.to_owned(),
        alias: vm.alias.clone(),
        uuid: vm.uuid.clone(),
        state: vm.state.clone(),
        brand: vm.brand.clone(),
        image: image.map_or_else(
            || vm.image_uuid.clone(),
            |image| format!("{}@{}", image.name, image.version),
        ),
        memory: vm.max_physical_memory,
        quota: vm.quota,
        addresses: vm.nics.iter().flat_map(|nic| nic.addresses()).collect(),
        file: file.map(|file| file.name.clone()),
    }
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "host": self.host,
            "alias": self.alias,
            "uuid": self.uuid,
            "state": self.state,
            "brand": self.brand,
            "image": self.image,
            "memory-mib": self.memory,
            "quota-gib": self.quota,
            "addresses": self.addresses,
            "file": self.file,
        })
    }

    fn cells(&self) -> [String; 8] {
        [
            self.host.clone(),
            self.alias.clone(),
            self.state.clone(),
            self.image.clone(),
            write_size(self.memory << 20),
            write_quota(self.quota << 30),
            self.addresses.join(" "),
            self.file.clone().unwrap_or_else(|| "-".to_owned()),
        ]
        .map(|cell| match cell.is_empty() {
            true => "-".to_owned(),
            false => plain::line(&cell).into_owned(),
        })
    }
}

fn table(rows: &[Row]) -> String {
    let head = [
        "HOST", "ALIAS", "STATE", "IMAGE", "MEMORY", "QUOTA", "ADDRESS", "FILE",
    ];
    let lines: Vec<[String; 8]> = std::iter::once(head.map(str::to_owned))
        .chain(rows.iter().map(Row::cells))
        .collect();
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for line in &lines {
        let cells = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}
