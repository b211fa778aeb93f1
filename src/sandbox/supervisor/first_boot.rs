//! The first boot of a machine, seen from the host: it is over when `/var/svc/provisioning` is gone
//! from the zone, under whatever name it is then.
//!
//! The file is looked for where the zone's own writes land, which is there while the zone reboots.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Supervisor;
use super::machines::{Carried, image_of};
use crate::sandbox::emulate;
use crate::sandbox::error::SandboxError;
use crate::sandbox::furnish::PROVISIONING;
use crate::sandbox::vm::Outcome;
use crate::sandbox::vm::machine::Mark;
use crate::sandbox::zone::{self, Zone};

/// How long a first boot may take.
const PROVISIONED_WITHIN: Duration = Duration::from_secs(300);

impl Supervisor {
    /// Waits until a first boot is through.
    pub(super) fn wait_for_first_boot(&self, uuid: &str) -> Result<(), SandboxError> {
        let place = self.place(uuid)?;
        let marker = zone::written(&self.ground.state, &place).join(PROVISIONING);
        let begun = Instant::now();
        while marker.exists() {
            if begun.elapsed() > PROVISIONED_WITHIN || self.machine(uuid).is_none() {
                return Err(SandboxError::NotReady {
                    alias: place.label,
                    seconds: begun.elapsed().as_secs(),
                    console: "it is still provisioning".into(),
                });
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Ok(())
    }

    /// Lets a running zone fetch its metadata again, and enables the service that does it.
    pub(super) fn fetch_metadata(&self, zone: &Zone) {
        for verb in ["enable", "restart"] {
            let status = Command::new(&self.ground.binary)
                .arg(emulate::ENTER)
                .arg(zone.init.to_string())
                .args(["/usr/sbin/svcadm", verb, "svc:/smartdc/mdata:fetch"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status();
            if let Err(error) = status {
                eprintln!("cannot let a zone fetch its metadata: {error}");
            }
        }
    }

    /// Gives a machine a new root, of another image or of the same.
    pub(super) fn reprovision(
        self: &Arc<Self>,
        uuid: &str,
        payload: &serde_json::Value,
    ) -> Carried {
        let machine = self.existing(uuid)?;
        if payload.get("image_uuid").is_none() {
            return Err("payload is missing image_uuid".into());
        }
        let image = image_of(payload)
            .filter(|image| self.lock_host().images.iter().any(|known| known == image));
        let Some(image) = image else {
            return Err("Invalid value(s) for: image_uuid".into());
        };
        if machine.is("indestructible_zoneroot") {
            return Err("indestructible_zoneroot is set, cannot reprovision".into());
        }
        self.shut_down(uuid, true)?;
        self.change(uuid, |machine| {
            machine.properties.insert("image_uuid".into(), image.into());
            machine.properties.shift_remove("mdata_exec_timeout");
            machine.mark = Mark::Provisioning;
            machine.snapshots.clear();
        })?;
        self.hide(uuid);
        zone::destroy(&self.ground.state, uuid)?;
        if machine.is("autoboot") {
            self.boot(uuid)?;
            self.finish_first_boot(uuid)?;
        } else {
            self.show_idle(uuid);
            self.change(uuid, |machine| machine.mark = Mark::None)?;
        }
        Ok(Outcome::Done {
            uuid: uuid.to_owned(),
        })
    }
}
