//! Starting, watching and ending zones, whatever they are.
//!
//! A zone's place is locked while it starts, also when it starts again by itself; so whoever finds
//! the place empty knows that the zone is down.

use std::net::IpAddr;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::records::{self, stopped};
use super::{Slot, Supervisor};
use crate::causes::in_one_line;
use crate::sandbox::control::Reply;
use crate::sandbox::error::SandboxError;
use crate::sandbox::fault::Fault;
use crate::sandbox::forward::Forwarder;
use crate::sandbox::inside::REBOOT;
use crate::sandbox::vm::machine::{Machine, ZoneState as State};
use crate::sandbox::vm::nics;
use crate::sandbox::zone::{self, GLOBAL, Place, Zone};
use crate::sandbox::{ZoneState, furnish};

impl Supervisor {
    /// Starts the machine of that name, which is made if there is none.
    pub(super) fn up(
        self: &Arc<Self>,
        alias: &str,
        with_disk: bool,
    ) -> Result<Reply, SandboxError> {
        zone::check_alias(alias)?;
        if self.is_ending.load(Ordering::SeqCst) {
            return Ok(Reply::Ending);
        }
        let key = self.called_or_new(alias, with_disk)?;
        let Some(slot) = self.slot(&key) else {
            return Ok(Reply::Ending);
        };
        let held = settled(&slot);
        if !self.is_current(&key, &slot) {
            drop(held);
            return self.up(alias, with_disk);
        }
        if held.is_some() {
            drop(held);
            self.wait_until_through(&key);
        } else {
            let started = self.bring_up(&slot, held, &key);
            if let Err(error) = started {
                self.remove(&key, &slot);
                return Err(error);
            }
            self.prepare_next();
        }
        match lock(&slot).as_ref() {
            Some(zone) => Ok(Reply::Access(self.access(zone))),
            None => Err(SandboxError::NotRunning(alias.to_owned())),
        }
    }

    /// Arms faults in a zone that runs.
    pub(super) fn arm(
        &self,
        alias: &str,
        disarms: bool,
        faults: &[String],
        counts_scripts: bool,
    ) -> Result<Reply, SandboxError> {
        let faults: Result<Vec<Fault>, _> = faults.iter().map(|fault| fault.parse()).collect();
        let faults = faults.map_err(|error| SandboxError::Refused(error.to_string()))?;
        let key = self.called(alias).unwrap_or_default();
        let slot = self.lock_zones().get(&key).cloned().unwrap_or_default();
        let mut held = settled(&slot);
        let zone = held
            .as_mut()
            .ok_or_else(|| SandboxError::NotRunning(alias.to_owned()))?;
        let armed = Arc::clone(&zone.forwarder.faults);
        if disarms {
            armed.disarm()?;
        }
        armed.arm(&faults, counts_scripts)?;
        if !armed.is_crashing() {
            zone.lay_shims(&self.ground)?;
        }
        drop(held);
        // A zone that was struck down at once is up again when this is answered.
        drop(settled(&slot));
        Ok(Reply::Done)
    }

    /// The key of what a person calls so: a machine's alias, its uuid, or the global zone.
    pub(super) fn called(&self, name: &str) -> Option<String> {
        if name == GLOBAL {
            return Some(GLOBAL.to_owned());
        }
        let machines = self.lock_machines();
        let by_alias = machines.values().find(|machine| machine.label() == name);
        by_alias
            .or_else(|| machines.get(name))
            .map(|machine| machine.uuid.clone())
    }

    /// The place of a zone, made if there is none; none at all when the supervisor is ending.
    /// Whoever needs both locks takes the slot's before the one of all zones.
    pub(super) fn slot(&self, key: &str) -> Option<Slot> {
        let mut zones = self.lock_zones();
        let is_ending = self.is_ending.load(Ordering::SeqCst);
        (!is_ending).then(|| Arc::clone(zones.entry(key.to_owned()).or_default()))
    }

    pub(super) fn is_current(&self, key: &str, slot: &Slot) -> bool {
        self.lock_zones()
            .get(key)
            .is_some_and(|s| Arc::ptr_eq(s, slot))
    }

    /// What a zone is started as.
    pub(super) fn place(&self, key: &str) -> Result<Place, SandboxError> {
        if key == GLOBAL {
            return Ok(Place {
                key: GLOBAL.to_owned(),
                label: GLOBAL.to_owned(),
                hostname: furnish::HOSTNAME.to_owned(),
                with_disk: false,
                has_datasets: true,
            });
        }
        let with_disk = zone::record(&self.ground.state, key)?.map(|record| record.with_disk);
        match self.machine(key) {
            Some(machine) => Ok(Place {
                key: key.to_owned(),
                label: machine.label().to_owned(),
                hostname: machine.hostname().to_owned(),
                with_disk: with_disk.unwrap_or(machine.has_disk),
                has_datasets: machine.dataset().is_some(),
            }),
            None => Err(SandboxError::NotRunning(key.to_owned())),
        }
    }

    /// The address and the listeners for a zone.
    pub(super) fn forwarder(&self, machine: &Machine) -> Result<Forwarder, SandboxError> {
        let all = machine.nics();
        let mut fixed = all.iter().flat_map(nics::addresses);
        match fixed.find(IpAddr::is_loopback).or(machine.lease) {
            Some(address) => Forwarder::open_at(address),
            None => Forwarder::open(),
        }
    }

    /// Starts a zone that was made, and everything that watches it. Where `waits`, it is ready when
    /// this returns.
    pub(super) fn start(
        self: &Arc<Self>,
        slot: &Slot,
        key: &str,
        forwarder: Forwarder,
        waits: bool,
    ) -> Result<Zone, SandboxError> {
        let place = self.place(key)?;
        let address = forwarder.address;
        let prepare = |root: &Path| self.prepare(key, root, address);
        let (zone, launcher) = Zone::start(&self.ground, place, forwarder, &prepare)?;
        self.watch(slot, &zone, launcher);
        let ready = self
            .listen_in(slot, &zone)
            .and_then(|()| self.note_keys(&zone))
            .and_then(|()| zone.lay_shims(&self.ground))
            .and_then(|()| zone.limit_disk())
            .and_then(|()| {
                if waits {
                    zone.wait_until_ready()
                } else {
                    Ok(())
                }
            })
            .and_then(|()| self.note_start(&zone));
        if let Err(error) = ready {
            zone.halt();
            return Err(error);
        }
        zone.forwarder.faults.settle(zone.init);
        Ok(zone)
    }

    /// What is done in a zone's root before its first process runs.
    fn prepare(&self, key: &str, root: &Path, address: IpAddr) -> Result<(), SandboxError> {
        match self.machine(key) {
            Some(machine) => {
                let duplicates = self.duplicates(&machine, address);
                furnish::metadata(root, &machine, Some(address), &duplicates)?;
                self.mount_for(&machine, root)
            }
            None => Ok(()),
        }
    }

    /// The fixed addresses of a machine that somebody else answers for: another sandbox of this
    /// machine, the host itself, or a zone on another network.
    fn duplicates(&self, machine: &Machine, reached: IpAddr) -> Vec<IpAddr> {
        let own: Vec<IpAddr> = machine.nics().iter().flat_map(nics::addresses).collect();
        let others: Vec<IpAddr> = self
            .lock_machines()
            .values()
            .filter(|other| other.uuid != machine.uuid && other.zone_state == State::Running)
            .flat_map(Machine::nics)
            .flat_map(|nic| nics::addresses(&nic))
            .collect();
        let is_unreached = |address: &IpAddr| address.is_loopback() && *address != reached;
        let first = own.iter().find(|address| address.is_loopback());
        own.iter()
            .filter(|address| {
                others.contains(address) || (first == Some(*address) && is_unreached(address))
            })
            .copied()
            .collect()
    }

    /// Waits for the end of a zone's processes; a zone that asked for it is started again.
    fn watch(self: &Arc<Self>, slot: &Slot, zone: &Zone, mut launcher: Child) {
        let (this, slot, ended) = (Arc::clone(self), Arc::clone(slot), Arc::clone(&zone.ended));
        std::thread::spawn(move || {
            let status = launcher.wait().ok().and_then(|s| s.code()).unwrap_or(-1);
            ended.set(status);
            let mut held = lock(&slot);
            let is_same = held
                .as_ref()
                .is_some_and(|zone| Arc::ptr_eq(&zone.ended, &ended));
            let Some(zone) = held.take_if(|_| is_same) else {
                return;
            };
            let faults = Arc::clone(&zone.forwarder.faults);
            let is_crash = faults.unsettle();
            zone.halt();
            let (key, label) = (zone.place.key.clone(), zone.place.label.clone());
            eprintln!("zone `{label}` ended with status {status}");
            this.note_end(&key);
            if key == GLOBAL {
                this.crash();
            }
            if status == REBOOT || is_crash {
                match this.start(&slot, &key, zone.forwarder, is_crash) {
                    Ok(zone) => *held = Some(zone),
                    Err(error) => eprintln!("{}", in_one_line(&error)),
                }
                faults.give_up();
            }
            let is_down = held.is_none();
            if is_down {
                // whoever boots it next mounts its root in the same place, and waits for this
                this.show_idle(&key);
            }
            drop(held);
            if key == GLOBAL && !is_down {
                this.boot_machines();
            }
        });
    }

    /// Ends a zone at once, if it runs.
    pub(super) fn halt(&self, slot: &Slot) {
        if let Some(zone) = lock(slot).take() {
            zone.halt();
            self.note_end(&zone.place.key);
        }
    }

    /// Destroys one zone or all; the supervisor ends with its last.
    pub(super) fn down(&self, name: Option<&str>) -> Result<Reply, SandboxError> {
        // A host takes its machines along.
        let is_all = name.is_none_or(|name| name == GLOBAL);
        let mut keys: Vec<String> = match name.filter(|_| !is_all) {
            Some(name) => self.called(name).into_iter().collect(),
            None => self.lock_machines().keys().cloned().collect(),
        };
        if is_all {
            keys.extend(self.lock_zones().keys().cloned());
            keys.push(GLOBAL.to_owned());
            keys.sort();
            keys.dedup();
        }
        let mut gone = Vec::new();
        for key in keys {
            let label = self.label(&key);
            let slot = self.lock_zones().get(&key).cloned().unwrap_or_default();
            let mut held = lock(&slot);
            if let Some(zone) = held.take() {
                zone.halt();
            }
            if zone::folder(&self.ground.state).join(&key).is_dir() {
                self.hide(&key);
                self.unsee(&key);
                zone::destroy(&self.ground.state, &key)?;
                gone.push(label);
            }
            // in this order: datasets are made for what has a record
            self.forget_machine(&key)?;
            self.drop_storage(&key);
            self.forget(&key, &slot);
            if key == GLOBAL {
                self.forget_host()?;
            }
        }
        gone.sort();
        if self.lock_zones().is_empty() {
            self.is_ending.store(true, Ordering::SeqCst);
            self.forget_host()?;
        }
        let is_last = self.is_ending.load(Ordering::SeqCst);
        Ok(Reply::Gone {
            names: gone,
            is_last,
        })
    }

    fn forget_host(&self) -> Result<(), SandboxError> {
        *self.lock_host() = records::Host::default();
        records::forget_host(&self.ground.state)
    }

    /// Removes a zone that could not be brought up, while nothing else knows it.
    fn remove(&self, key: &str, slot: &Slot) {
        self.halt(slot);
        let removed =
            zone::destroy(&self.ground.state, key).and_then(|()| self.forget_machine(key));
        if let Err(error) = removed {
            eprintln!("{}", in_one_line(&error));
        }
        let _held = lock(slot);
        self.forget(key, slot);
    }

    pub(super) fn list(&self) -> Result<Vec<ZoneState>, SandboxError> {
        let mut keys: Vec<String> = self.lock_machines().keys().cloned().collect();
        if zone::record(&self.ground.state, GLOBAL)?.is_some() {
            keys.push(GLOBAL.to_owned());
        }
        let mut states = Vec::new();
        for key in keys {
            let label = self.label(&key);
            let slot = self.lock_zones().get(&key).cloned();
            self.wait_until_through(&key);
            let held = slot.as_ref().map(settled);
            match held.as_ref().and_then(|h| h.as_ref()) {
                Some(zone) => states.push(ZoneState {
                    alias: label,
                    uuid: zone.record.uuid.clone(),
                    packages: zone.record.packages.clone(),
                    access: Some(self.access(zone)),
                    init: Some(zone.init.as_raw()),
                    watched: zone.forwarder.faults.watched(),
                }),
                None => states.push(stopped(label, &key)),
            }
        }
        states.sort_by(|a, b| a.alias.cmp(&b.alias));
        Ok(states)
    }

    fn label(&self, key: &str) -> String {
        self.machine(key)
            .map_or_else(|| key.to_owned(), |machine| machine.label().to_owned())
    }

    /// A machine's record as it is now.
    pub(super) fn machine(&self, uuid: &str) -> Option<Machine> {
        self.lock_machines().get(uuid).cloned()
    }

    /// Changes a machine's record, and keeps it.
    pub(super) fn change(
        &self,
        uuid: &str,
        change: impl FnOnce(&mut Machine),
    ) -> Result<(), SandboxError> {
        let mut machines = self.lock_machines();
        match machines.get_mut(uuid) {
            Some(machine) => {
                change(machine);
                records::keep(&self.ground.state, machine)
            }
            None => Ok(()),
        }
    }

    fn forget_machine(&self, uuid: &str) -> Result<(), SandboxError> {
        self.lock_machines().remove(uuid);
        records::forget(&self.ground.state, uuid)
    }

    fn note_start(&self, zone: &Zone) -> Result<(), SandboxError> {
        let key = &zone.place.key;
        if key == GLOBAL {
            return Ok(());
        }
        let number = self.next_zone.fetch_add(1, Ordering::SeqCst);
        self.change(key, |machine| {
            machine.zone_state = State::Running;
            machine.zone_id = Some(number);
            machine.lease = Some(zone.forwarder.address);
            machine.booted = Some(crate::sandbox::vm::time::now());
            machine.init = Some(zone.init.as_raw());
        })?;
        self.show_in_global(zone)
    }

    pub(super) fn note_end(&self, key: &str) {
        self.hide(key);
        let noted = self.change(key, |machine| {
            machine.zone_state = State::Installed;
            machine.zone_id = None;
            machine.booted = None;
            machine.init = None;
        });
        if let Err(error) = noted {
            eprintln!("{}", in_one_line(&error));
        }
    }

    /// Waits until a first boot is over, however it ended.
    fn wait_until_through(&self, key: &str) {
        while self.lock_coming_up().contains(key) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(super) fn lock(slot: &Slot) -> MutexGuard<'_, Option<Zone>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same once a zone that a fault struck down is up again.
pub(super) fn settled(slot: &Slot) -> MutexGuard<'_, Option<Zone>> {
    loop {
        let held = lock(slot);
        let is_crashing = |zone: &Zone| zone.forwarder.faults.is_crashing();
        if !held.as_ref().is_some_and(is_crashing) {
            return held;
        }
        drop(held);
        std::thread::sleep(Duration::from_millis(5));
    }
}
