//! Remembered roots: `vmadm`'s snapshots.
//!
//! A root is an overlay, so a snapshot is a copy of what the zone wrote; on SmartOS it is a snapshot
//! of the root's dataset. A machine with a delegated dataset can have none.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use super::Supervisor;
use super::machines::Carried;
use crate::sandbox::error::{SandboxError, file, run};
use crate::sandbox::vm::Outcome;
use crate::sandbox::vm::machine::{Snapshot, ZoneState};
use crate::sandbox::vm::{rules, time};
use crate::sandbox::zone;

impl Supervisor {
    pub(super) fn create_snapshot(&self, uuid: &str, name: &str) -> Carried {
        let machine = self.existing(uuid)?;
        rules::may_snapshot(&machine, name)?;
        let written = zone::written(&self.ground.state, &self.place(uuid)?);
        let kept = self.kept_at(uuid, name);
        if let Some(folder) = kept.parent() {
            std::fs::create_dir_all(folder).map_err(file("make", folder))?;
        }
        copy(&written, &kept)?;
        self.change(uuid, |machine| {
            let snapshot = Snapshot {
                name: name.to_owned(),
                created_at: time::now(),
            };
            machine.snapshots.insert(0, snapshot);
        })?;
        done(uuid)
    }

    pub(super) fn delete_snapshot(&self, uuid: &str, name: &str) -> Carried {
        rules::has_snapshot(&self.existing(uuid)?, name)?;
        let kept = self.kept_at(uuid, name);
        std::fs::remove_dir_all(&kept).map_err(file("remove", &kept))?;
        self.change(uuid, |machine| {
            machine.snapshots.retain(|snapshot| snapshot.name != name);
        })?;
        done(uuid)
    }

    /// Ends the zone, goes back, forgets what is newer, and boots it again.
    pub(super) fn roll_back(self: &Arc<Self>, uuid: &str, name: &str) -> Carried {
        let machine = self.served(uuid)?;
        rules::has_snapshot(&machine, name)?;
        self.shut_down(uuid, true)?;
        self.hide(uuid);
        zone::unmount_idle(&self.ground.state, uuid);
        let written = zone::written(&self.ground.state, &self.place(uuid)?);
        std::fs::remove_dir_all(&written).map_err(file("remove", &written))?;
        copy(&self.kept_at(uuid, name), &written)?;
        let newer: Vec<String> = machine
            .snapshots
            .iter()
            .take_while(|snapshot| snapshot.name != name)
            .map(|snapshot| snapshot.name.clone())
            .collect();
        for name in newer {
            self.delete_snapshot(uuid, &name)?;
        }
        if machine.zone_state == ZoneState::Running {
            self.boot(uuid)?;
        } else {
            self.show_idle(uuid);
        }
        done(uuid)
    }

    fn kept_at(&self, uuid: &str, name: &str) -> PathBuf {
        let folder = zone::folder(&self.ground.state).join(uuid);
        folder.join("snapshots").join(name)
    }
}

fn done(uuid: &str) -> Carried {
    Ok(Outcome::Done {
        uuid: uuid.to_owned(),
    })
}

/// Owners, modes and an overlay's marks are kept.
fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<(), SandboxError> {
    run(Command::new("cp").arg("-a").arg("--").arg(from).arg(to)).map(drop)
}
