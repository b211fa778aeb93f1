//! `svc:/system/manifest-import`: imports what lies below `/var/svc/manifest` when it has changed,
//! and cleans up after what has gone.
//!
//! A manifest's hash is remembered under `svc:/smf/manifest`, one group a file. Only this service
//! looks at it: a plain `svccfg import` always imports and remembers nothing.

use super::door::Edit;
use super::fmri::Fmri;
use super::log;
use super::manifest::{self, Purpose};
use super::model::{Property, Repository, value};
use super::restarter::Restarter;
use crate::hex::hex;
use md5::{Digest, Md5};
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = "/var/svc/manifest";
const HASHES: &str = "smf/manifest";

/// Imports and cleans up; what happened stands in the instance's log.
pub fn run(restarter: &Restarter, fmri: &Fmri) {
    let mut loaded = 0;
    let mut failed = 0;
    let mut found = Vec::new();
    for file in manifests(&restarter.paths().inside(FOLDER)) {
        let name = zone_name(restarter, &file);
        let Ok(text) = fs::read(&file) else {
            failed += 1;
            continue;
        };
        let hash = hex(&Md5::digest(&text));
        let group = group_name(&name);
        found.push(group.clone());
        let (_, repository) = restarter.read();
        if value_of(&repository, &group, "md5sum") == Some(hash.as_str()) {
            continue;
        }
        match import(restarter, &file, &name, &group, &hash) {
            Ok(messages) => {
                loaded += 1;
                note(restarter, fmri, &messages);
            }
            Err(messages) => {
                failed += 1;
                note(restarter, fmri, &messages);
            }
        }
    }
    if loaded > 0 {
        log::write(
            restarter.paths(),
            fmri,
            &format!("Loaded {loaded} smf(5) service descriptions"),
        );
    }
    if failed > 0 {
        let text = format!("{failed} smf(5) service descriptions failed to load");
        log::write(restarter.paths(), fmri, &text);
    }
    clean_up(restarter, &found);
}

fn note(restarter: &Restarter, fmri: &Fmri, messages: &[String]) {
    for message in messages {
        // A log that cannot be written is told on the console by the next line of the log itself.
        drop(log::append(
            restarter.paths(),
            fmri,
            &format!("svccfg: {message}\n"),
        ));
    }
}

fn value_of<'a>(repository: &'a Repository, group: &str, property: &str) -> Option<&'a str> {
    value(&repository.services.get(HASHES)?.groups, group, property)
}

fn import(
    restarter: &Restarter,
    file: &Path,
    name: &str,
    group: &str,
    hash: &str,
) -> Result<Vec<String>, Vec<String>> {
    let services = manifest::load(file, Purpose::Manifest).map_err(|error| {
        let mut lines = error.library;
        lines.extend(error.messages);
        lines
    })?;
    let (_, repository) = restarter.read();
    let holder = Fmri::service(HASHES);
    let mut edits = Vec::new();
    if !repository.services.contains_key(HASHES) {
        edits.push(Edit::Add(holder.clone()));
    }
    if value_of(&repository, group, "manifestfile").is_none() {
        edits.push(Edit::AddGroup {
            fmri: holder.clone(),
            group: group.to_owned(),
            kind: "framework".to_owned(),
            nonpersistent: false,
        });
    }
    let names: Vec<String> = services
        .iter()
        .map(|declared| declared.service.clone())
        .collect();
    edits.extend(services.into_iter().map(|declared| Edit::Import {
        declared,
        refresh: true,
    }));
    for (property, body) in [
        ("md5sum", Property::one("opaque", hash)),
        ("manifestfile", Property::one("astring", name)),
        (
            "services",
            Property {
                kind: "astring".to_owned(),
                values: names,
            },
        ),
    ] {
        edits.push(Edit::Set {
            fmri: holder.clone(),
            group: group.to_owned(),
            name: property.to_owned(),
            property: body,
        });
    }
    restarter
        .apply(&edits)
        .map_err(|refusal| vec![refusal.to_string()])
}

/// Deletes the services whose manifest has disappeared.
fn clean_up(restarter: &Restarter, found: &[String]) {
    let (_, repository) = restarter.read();
    let Some(hashes) = repository.services.get(HASHES) else {
        return;
    };
    for (name, group) in hashes
        .groups
        .iter()
        .filter(|(name, _)| !found.contains(name))
    {
        let mut edits: Vec<Edit> = group
            .values("services")
            .iter()
            .filter(|service| repository.services.contains_key(*service))
            .map(|service| Edit::Delete(Fmri::service(service)))
            .collect();
        edits.push(Edit::DeleteGroup {
            fmri: Fmri::service(HASHES),
            group: name.clone(),
        });
        if let Err(refusal) = restarter.apply(&edits) {
            eprintln!("manifest-import: cannot clean up after {name}: {refusal}");
        }
    }
}

/// Folders other than `site` come first, then `site`.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut folders = entries(folder);
    folders.sort_by_key(|path| {
        (
            path.file_name().is_some_and(|name| name == "site"),
            path.clone(),
        )
    });
    folders.iter().flat_map(|path| xml_files(path)).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    // A folder that is not there holds nothing.
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

/// The `*.xml` files at or below a path, sorted.
#[must_use]
pub fn xml_files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let mut below = entries(path);
        below.sort();
        return below.iter().flat_map(|path| xml_files(path)).collect();
    }
    let is_xml = path.extension().is_some_and(|extension| extension == "xml");
    if is_xml {
        vec![path.to_path_buf()]
    } else {
        Vec::new()
    }
}

fn zone_name(restarter: &Restarter, file: &Path) -> String {
    let below = file.strip_prefix(restarter.paths().root()).unwrap_or(file);
    format!("/{}", below.display())
}

/// A path as a property group's name.
fn group_name(path: &str) -> String {
    path.trim_start_matches('/').replace(['/', '.', ':'], "_")
}
