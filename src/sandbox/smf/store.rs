//! The repository's file.
//!
//! Written whole and by rename, so that a killed zone finds the old contents or the new ones. What
//! is not persistent (states, temporary overrides) is left out.

use super::model::{Repository, Service};
use super::paths::Paths;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

/// Why the repository could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} `{path}`", path = path.display())]
pub struct StoreError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Reads the repository; none at the first boot.
pub fn load(paths: &Paths) -> Result<Option<Repository>, StoreError> {
    let path = paths.repository();
    let failed = |source| StoreError {
        operation: "read",
        path: path.clone(),
        source,
    };
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Writes the repository.
pub fn save(paths: &Paths, repository: &Repository) -> Result<(), StoreError> {
    let path = paths.repository();
    let failed = |source| StoreError {
        operation: "write",
        path: path.clone(),
        source,
    };
    let text = serde_json::to_vec(&lasting(repository)).map_err(|error| failed(error.into()))?;
    let new = path.with_extension("db-new");
    let mut file = File::create(&new).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    drop(file);
    fs::rename(&new, &path).map_err(failed)
}

/// The repository without what is forgotten at shutdown.
#[must_use]
pub fn lasting(repository: &Repository) -> Repository {
    let mut lasting = repository.clone();
    for service in lasting.services.values_mut() {
        forget(service);
    }
    lasting
}

fn forget(service: &mut Service) {
    service.groups.retain(|_, group| !group.nonpersistent);
    for instance in service.instances.values_mut() {
        instance.groups.retain(|_, group| !group.nonpersistent);
    }
}
