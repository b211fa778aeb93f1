//! What is kept of machines and of the host, beside the zones' own folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sandbox::ZoneState;
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::fault::Watched;
use crate::sandbox::image::write_json;
use crate::sandbox::vm::machine::Machine;
use crate::sandbox::zone::{self, GLOBAL, read_json};

/// What a host has beside its machines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Host {
    /// The images that were imported.
    #[serde(default)]
    pub images: Vec<String>,
    /// The virtual switches that were made.
    #[serde(default)]
    pub stubs: Vec<String>,
    /// The sources of images.
    #[serde(default)]
    pub sources: Option<Vec<String>>,
}

impl Host {
    /// Has an image from now on.
    pub fn import(&mut self, uuid: &str) {
        if !self.images.iter().any(|known| known == uuid) {
            self.images.push(uuid.to_owned());
        }
    }
}

fn folder(state: &Path) -> PathBuf {
    state.join("machines")
}

fn host_file(state: &Path) -> PathBuf {
    state.join("host.json")
}

/// Every machine that there is a record of.
pub(crate) fn machines(state: &Path) -> Result<BTreeMap<String, Machine>, SandboxError> {
    let folder = folder(state);
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(file("list", &folder))?,
    };
    let mut machines = BTreeMap::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let is_record = path.extension().is_some_and(|ending| ending == "json");
        if is_record && let Some(machine) = read_json::<Machine>(&path, "a machine's record")? {
            machines.insert(machine.uuid.clone(), machine);
        }
    }
    Ok(machines)
}

/// What the host had when it was last asked.
pub(crate) fn host(state: &Path) -> Result<Host, SandboxError> {
    Ok(read_json(&host_file(state), "host.json")?.unwrap_or_default())
}

/// Keeps what the host has.
pub(crate) fn keep_host(state: &Path, host: &Host) -> Result<(), SandboxError> {
    write_json(&host_file(state), host)
}

/// Forgets what the host has: it is gone.
pub(crate) fn forget_host(state: &Path) -> Result<(), SandboxError> {
    let path = host_file(state);
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Keeps a machine's record.
pub(crate) fn keep(state: &Path, machine: &Machine) -> Result<(), SandboxError> {
    let folder = folder(state);
    fs::create_dir_all(&folder).map_err(file("make", &folder))?;
    write_json(&folder.join(format!("{}.json", machine.uuid)), machine)
}

/// Forgets a machine.
pub(crate) fn forget(state: &Path, uuid: &str) -> Result<(), SandboxError> {
    let path = folder(state).join(format!("{uuid}.json"));
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file("remove", path)(e)),
        _ => Ok(()),
    }
}

/// What a state folder holds while no supervisor runs: machines and the global zone, by name.
pub(crate) fn on_disk(state: &Path) -> Result<Vec<ZoneState>, SandboxError> {
    let mut found: Vec<ZoneState> = machines(state)?
        .into_values()
        .map(|machine| stopped(machine.label().to_owned(), &machine.uuid))
        .collect();
    if zone::record(state, GLOBAL)?.is_some() {
        found.push(stopped(GLOBAL.to_owned(), GLOBAL));
    }
    found.sort_by(|a, b| a.alias.cmp(&b.alias));
    Ok(found)
}

/// Removes a zone and its record while no supervisor runs.
pub(crate) fn remove(state: &Path, key: &str) -> Result<(), SandboxError> {
    if zone::folder(state).join(key).exists() {
        zone::destroy(state, key)?;
    }
    if key == GLOBAL {
        forget_host(state)?;
    }
    forget(state, key)
}

/// A zone that does not run.
pub(crate) fn stopped(alias: String, uuid: &str) -> ZoneState {
    ZoneState {
        alias,
        uuid: uuid.to_owned(),
        packages: Vec::new(),
        access: None,
        init: None,
        watched: Watched::default(),
    }
}
