//! The first boot of a machine, seen from the host: it is over when `/var/svc/provisioning` is gone
//! from the zone, under whatever name it is then.
//!
//! The file is looked for where the zone's own writes land, which is there while the zone reboots.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Supervisor;
use super::machines::Carried;
use crate::sandbox::emulate;
use crate::sandbox::error::SandboxError;
use crate::sandbox::furnish::PROVISIONING;
use crate::sandbox::vm::Outcome;
use crate::sandbox::vm::machine::Mark;
use crate::sandbox::vm::rules;
use crate::sandbox::zone::{self, GLOBAL, Zone};

/// How long a first boot may take.
const PROVISIONED_WITHIN: Duration = Duration::from_secs(300);

/// Why a first boot is not through.
pub(super) enum NotThrough {
    /// It took too long.
    TooLate,
    /// Nobody waits for it any more.
    Abandoned,
    /// The sandbox failed.
    Broken(SandboxError),
}

impl Supervisor {
    /// Waits until a first boot is through. A host that crashes meanwhile waits no more, and the
    /// machine stays as it is.
    pub(super) fn wait_for_first_boot(&self, uuid: &str) -> Result<(), NotThrough> {
        let place = self.place(uuid).map_err(NotThrough::Broken)?;
        let marker = zone::written(&self.ground.state, &place).join(PROVISIONING);
        let (begun, crashes) = (Instant::now(), self.crashes.load(Ordering::SeqCst));
        while marker.exists() {
            if self.crashes.load(Ordering::SeqCst) != crashes || self.machine(uuid).is_none() {
                return Err(NotThrough::Abandoned);
            }
            if begun.elapsed() > self.patience() {
                return Err(NotThrough::TooLate);
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Ok(())
    }

    /// How long the host waits for a first boot.
    fn patience(&self) -> Duration {
        let slot = self.lock_zones().get(GLOBAL).cloned();
        let shortened = slot.and_then(|slot| {
            let held = slot.try_lock().ok()?;
            held.as_ref()?.forwarder.faults.patience()
        });
        shortened.unwrap_or(PROVISIONED_WITHIN)
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
        let image = rules::may_reprovision(&machine, payload, &self.lock_host().images)?;
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
