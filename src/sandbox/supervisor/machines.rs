//! What `vmadm` orders: machines made, changed, booted, ended and removed, with the refusals of the
//! real one.
//!
//! An order goes on when whoever gave it is gone: a connection that breaks in the middle of
//! `create` leaves a machine behind, or one that is being made.

use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use serde_json::{Map, Value, json};

use super::first_boot::NotThrough;
use super::zones::lock;
use super::{Slot, Supervisor, records};
use crate::causes::in_one_line;
use crate::sandbox::control::Reply;
use crate::sandbox::error::{SandboxError, errno};
use crate::sandbox::furnish;
use crate::sandbox::imgadm::catalogue;
use crate::sandbox::vm::machine::{Machine, Mark, ZoneState};
use crate::sandbox::vm::rules::{self, Inventory};
use crate::sandbox::vm::{Order, Outcome, nics, payload};
use crate::sandbox::zone::{self, Zone};

/// How long a machine may take to shut down before it is ended.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// Why an order was not carried out: in `vmadm`'s words, or because the sandbox itself failed.
pub(super) enum Refusal {
    Said(String),
    Broken(SandboxError),
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        Self::Broken(error)
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Said(message)
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::Said(message.to_owned())
    }
}

pub(super) type Carried = Result<Outcome, Refusal>;

fn done(uuid: &str) -> Outcome {
    Outcome::Done {
        uuid: uuid.to_owned(),
    }
}

impl Supervisor {
    /// Carries an order out.
    pub(super) fn carry_out(self: &Arc<Self>, order: Order) -> Result<Outcome, SandboxError> {
        let carried = match order {
            Order::Create { payload } => self.create(payload),
            Order::Update { uuid, payload } => self.update(&uuid, payload),
            Order::Start { uuid } => self.start_machine(&uuid),
            Order::Stop { uuid, is_forced } => self.stop_machine(&uuid, is_forced),
            Order::Reboot { uuid, is_forced } => self.reboot_machine(&uuid, is_forced),
            Order::Delete { uuid } => self.delete(&uuid),
            Order::Reprovision { uuid, payload } => self.reprovision(&uuid, &payload),
            Order::CreateSnapshot { uuid, name } => self.create_snapshot(&uuid, &name),
            Order::DeleteSnapshot { uuid, name } => self.delete_snapshot(&uuid, &name),
            Order::RollbackSnapshot { uuid, name } => self.roll_back(&uuid, &name),
        };
        match carried {
            Ok(outcome) => Ok(outcome),
            Err(Refusal::Said(message)) => Ok(Outcome::Failed { message }),
            Err(Refusal::Broken(error)) => Err(error),
        }
    }

    pub(super) fn existing(&self, uuid: &str) -> Result<Machine, Refusal> {
        self.machine(uuid)
            .ok_or_else(|| Refusal::Said(rules::not_found(uuid)))
    }

    /// As `existing`, for those commands that ask another daemon for it.
    pub(super) fn served(&self, uuid: &str) -> Result<Machine, Refusal> {
        self.machine(uuid)
            .ok_or_else(|| Refusal::from(rules::NOT_SERVED))
    }

    /// The key of the machine of that alias; one of the default payload where there is none.
    pub(super) fn called_or_new(
        &self,
        alias: &str,
        with_disk: bool,
    ) -> Result<String, SandboxError> {
        let refused = |message| SandboxError::Refused(message);
        // as a zone file has it that says no more than the alias
        let payload = json!({
            "brand": "joyent", "image_uuid": catalogue::DEFAULT, "alias": alias,
            "hostname": alias, "max_physical_memory": 1024, "max_swap": 2048, "quota": 10,
            "nics": [{"nic_tag": "admin", "ips": ["dhcp"], "primary": true}],
        });
        let payload = payload.as_object().cloned().unwrap_or_default();
        let properties = payload::for_create(payload, &zone::new_uuid()?).map_err(refused)?;
        {
            let mut machines = self.lock_machines();
            if let Some(machine) = machines.values().find(|machine| machine.label() == alias) {
                return Ok(machine.uuid.clone());
            }
            let mut machine = Machine::new(properties);
            machine.is_ours = true;
            machine.has_disk = with_disk;
            machine.mark = Mark::Provisioning;
            let uuid = machine.uuid.clone();
            machines.insert(uuid.clone(), machine);
            drop(machines);
            self.change_host(|host| host.import(catalogue::DEFAULT))?;
            Ok(uuid)
        }
    }

    /// Boots one of our own machines and waits until it answers, first making what is missing.
    pub(super) fn bring_up(
        self: &Arc<Self>,
        slot: &Slot,
        mut held: MutexGuard<'_, Option<Zone>>,
        uuid: &str,
    ) -> Result<(), SandboxError> {
        let Some(machine) = self.machine(uuid) else {
            return Err(SandboxError::NotRunning(uuid.to_owned()));
        };
        let is_new = self.make(&machine)?;
        if is_new {
            self.change(uuid, |machine| machine.mark = Mark::Provisioning)?;
        }
        let forwarder = self.forwarder(&machine)?;
        let is_first = is_new || machine.mark == Mark::Provisioning;
        *held = Some(self.start(slot, uuid, forwarder, !is_first)?);
        if is_first {
            self.lock_coming_up().insert(uuid.to_owned());
            drop(held);
            let down = || SandboxError::NotRunning(machine.label().to_owned());
            let answers = match (self.wait_for_first_boot(uuid), lock(slot).as_ref()) {
                (Ok(()), Some(zone)) => zone.wait_until_ready(),
                (Err(NotThrough::Broken(error)), _) => Err(error),
                _ => Err(down()),
            };
            let noted = self.change(uuid, |machine| machine.mark = Mark::None);
            self.lock_coming_up().remove(uuid);
            noted.and(answers)?;
        }
        self.change(uuid, |machine| {
            machine.properties.insert("autoboot".into(), true.into());
        })
    }

    /// Makes a machine's zone, unless it is made already.
    fn make(&self, machine: &Machine) -> Result<bool, SandboxError> {
        let place = self.place(&machine.uuid)?;
        let is_new = zone::make(&self.ground, &place, &|root| {
            furnish::machine(&self.ground, root, machine)
        })?;
        self.change(&machine.uuid, |machine| {
            machine.zone_state = ZoneState::Installed;
        })?;
        Ok(is_new)
    }

    fn create(self: &Arc<Self>, payload: Value) -> Carried {
        let Value::Object(payload) = payload else {
            return Err("Unable to determine brand for payload".into());
        };
        let (mut machine, slot) = self.register(payload)?;
        let uuid = machine.uuid.clone();
        let boots = machine.is("autoboot");
        let nowait = machine.is("nowait");
        self.make_storage(&machine).or_else(|refusal| {
            let message = match refusal {
                Refusal::Said(message) => message,
                Refusal::Broken(error) => in_one_line(&error),
            };
            self.fail(&uuid, &message).map(drop)
        })?;
        if let Err(error) = self.make(&machine) {
            return self.fail(&uuid, &in_one_line(&error));
        }
        machine.zone_state = ZoneState::Installed;
        self.show_idle(&uuid);
        if !boots {
            self.change(&uuid, |machine| machine.mark = Mark::None)?;
            return Ok(done(&uuid));
        }
        if let Err(error) = self.boot_in(&slot, &machine) {
            // (inferred: the shape of the words)
            let why = in_one_line(&error);
            return self.fail(&uuid, &format!("Command failed: zone '{uuid}': {why}"));
        }
        self.prepare_next();
        if nowait {
            let this = Arc::clone(self);
            std::thread::spawn(move || this.finish_first_boot(&machine.uuid));
            return Ok(done(&uuid));
        }
        self.finish_first_boot(&uuid)?;
        Ok(done(&uuid))
    }

    /// Waits for a first boot and marks the machine by how it ended.
    pub(super) fn finish_first_boot(self: &Arc<Self>, uuid: &str) -> Result<(), Refusal> {
        match self.wait_for_first_boot(uuid) {
            Ok(()) => Ok(self.change(uuid, |machine| machine.mark = Mark::None)?),
            Err(NotThrough::Broken(error)) => Err(Refusal::Broken(error)),
            Err(NotThrough::Abandoned) => Err(rules::not_found(uuid).into()),
            Err(NotThrough::TooLate) => {
                let message =
                    format!("timed out waiting for /var/svc/provisioning to move for {uuid}");
                self.fail(uuid, &message).map(drop)
            }
        }
    }

    /// Ends what could not be provisioned and leaves it behind.
    fn fail(&self, uuid: &str, message: &str) -> Carried {
        self.change(uuid, |machine| machine.mark = Mark::Failed)?;
        if let Some(slot) = self.slot(uuid) {
            self.halt(&slot);
        }
        self.show_idle(uuid);
        Err(message.into())
    }

    /// Checks a payload and keeps the record of the machine to be made of it.
    fn register(&self, payload: Map<String, Value>) -> Result<(Machine, Slot), Refusal> {
        let uuid = zone::new_uuid()?;
        let host = self.lock_host().clone();
        let mut machines = self.lock_machines();
        let inventory = Inventory {
            machines: &machines,
            images: &host.images,
            stubs: &host.stubs,
        };
        let machine = rules::admit(payload, &uuid, inventory)?;
        records::keep(&self.ground.state, &machine)?;
        machines.insert(machine.uuid.clone(), machine.clone());
        drop(machines);
        match self.slot(&machine.uuid) {
            Some(slot) => Ok((machine, slot)),
            None => Err("the sandbox is ending".into()),
        }
    }

    fn update(self: &Arc<Self>, uuid: &str, payload: Value) -> Carried {
        let before = self.existing(uuid)?;
        let payload = payload.as_object().cloned().unwrap_or_default();
        let host = self.lock_host().clone();
        let (after, effects) = {
            let machines = self.lock_machines();
            let inventory = Inventory {
                machines: &machines,
                images: &host.images,
                stubs: &host.stubs,
            };
            rules::change(&before, payload, inventory)?
        };
        self.change_storage(&before, &after)?;
        self.change(uuid, |machine| {
            machine.properties = after.properties.clone();
            machine.modified.clone_from(&after.modified);
        })?;
        if let Some(slot) = self.lock_zones().get(uuid).cloned()
            && let Some(zone) = lock(&slot).as_ref()
        {
            let address = zone.forwarder.address;
            furnish::metadata(&zone.root(), &after, Some(address), &[])?;
            if effects.fetches_metadata {
                self.fetch_metadata(zone);
            }
        }
        Ok(done(uuid))
    }

    /// Changes metadata from within the zone.
    pub(super) fn change_metadata(
        &self,
        uuid: &str,
        name: &str,
        value: Option<String>,
    ) -> Result<Reply, SandboxError> {
        let is_internal = name.ends_with("_pw") || name.contains(':');
        let table = if is_internal {
            "internal_metadata"
        } else {
            "customer_metadata"
        };
        self.change(uuid, |machine| {
            let entry = machine.properties.entry(table).or_insert_with(|| json!({}));
            if let Some(entries) = entry.as_object_mut() {
                match value {
                    Some(value) => drop(entries.insert(name.to_owned(), value.into())),
                    None => drop(entries.shift_remove(name)),
                }
            }
        })?;
        Ok(Reply::Done)
    }

    fn start_machine(self: &Arc<Self>, uuid: &str) -> Carried {
        let machine = self.served(uuid)?;
        if let Some(message) = rules::runs_already(&machine) {
            return Ok(Outcome::Nothing { message });
        }
        self.change(uuid, |machine| {
            machine.properties.insert("autoboot".into(), true.into());
        })?;
        self.boot(uuid)?;
        Ok(done(uuid))
    }

    /// Boots a machine that does not run.
    pub(super) fn boot(self: &Arc<Self>, uuid: &str) -> Result<(), SandboxError> {
        let machine = self.machine(uuid);
        let machine = machine.ok_or_else(|| SandboxError::NotRunning(uuid.to_owned()))?;
        match self.slot(uuid) {
            Some(slot) => self.boot_in(&slot, &machine),
            None => Ok(()),
        }
    }

    fn boot_in(self: &Arc<Self>, slot: &Slot, machine: &Machine) -> Result<(), SandboxError> {
        let mut held = lock(slot);
        if held.is_none() {
            self.make(machine)?;
            self.hide(&machine.uuid);
            let forwarder = self.forwarder(machine)?;
            *held = Some(self.start(slot, &machine.uuid, forwarder, false)?);
        }
        Ok(())
    }

    fn stop_machine(&self, uuid: &str, is_forced: bool) -> Carried {
        let machine = if is_forced {
            self.served(uuid)?
        } else {
            self.existing(uuid)?
        };
        self.change(uuid, |machine| {
            machine.properties.insert("autoboot".into(), false.into());
        })?;
        if let Some(message) = rules::is_down_already(&machine) {
            return Ok(Outcome::Nothing { message });
        }
        self.shut_down(uuid, is_forced)?;
        Ok(done(uuid))
    }

    fn reboot_machine(self: &Arc<Self>, uuid: &str, is_forced: bool) -> Carried {
        rules::may_reboot(&self.served(uuid)?)?;
        self.shut_down(uuid, is_forced)?;
        self.boot(uuid)?;
        Ok(done(uuid))
    }

    /// Lets a zone end by itself, or ends it.
    pub(super) fn shut_down(&self, uuid: &str, is_forced: bool) -> Result<(), SandboxError> {
        let slot = self.lock_zones().get(uuid).cloned().unwrap_or_default();
        let running = lock(&slot)
            .as_ref()
            .map(|zone| (zone.init, Arc::clone(&zone.ended)));
        let Some((init, ended)) = running else {
            return Ok(());
        };
        if !is_forced {
            self.change(uuid, |machine| machine.zone_state = ZoneState::ShuttingDown)?;
            let _ = kill(init, Signal::SIGTERM);
            let begun = Instant::now();
            while !ended.is_set() && begun.elapsed() < STOP_WITHIN {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        self.halt(&slot);
        self.note_end(uuid);
        self.show_idle(uuid);
        Ok(())
    }

    fn delete(self: &Arc<Self>, uuid: &str) -> Carried {
        rules::may_delete(&self.existing(uuid)?)?;
        if let Some(snapshot) = self.held_snapshot(uuid)? {
            // the zone is ended before its datasets are tried (inferred: the shape of the words)
            self.shut_down(uuid, true)?;
            let why = format!("Command failed: cannot destroy '{snapshot}': dataset is busy");
            return Err(why.into());
        }
        self.down(Some(uuid))?;
        Ok(done(uuid))
    }

    /// What a zone sees of the host's folders: its `lofs` filesystems.
    pub(super) fn mount_for(&self, machine: &Machine, root: &Path) -> Result<(), SandboxError> {
        for part in nics::of(&machine.properties, "filesystems") {
            let word = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
            let host = zone::folder(&self.ground.state)
                .join(zone::GLOBAL)
                .join("root");
            let source = host.join(word("source").trim_start_matches('/'));
            let target = root.join(word("target").trim_start_matches('/'));
            if !source.is_dir() {
                // (inferred: the words of zoneadm)
                return Err(SandboxError::Refused(format!(
                    "could not verify fs {}: could not access {}: No such file or directory",
                    word("target"),
                    word("source"),
                )));
            }
            if std::fs::create_dir_all(&target).is_err() {
                // (inferred: the shape of zoneadmd's words)
                return Err(SandboxError::Refused(format!(
                    "/zones/{}/root{} is not a directory",
                    machine.uuid,
                    word("target"),
                )));
            }
            mount(
                Some(&source),
                &target,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )
            .map_err(errno("mount", &target))?;
        }
        Ok(())
    }
}
