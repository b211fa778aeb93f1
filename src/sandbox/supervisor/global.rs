//! The global zone: a zone like the others in which the commands of a host work, and through which
//! the addresses of the others are reached.
//!
//! It sees the root of every machine below `/zones`, running or not, as a host does.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::zones::{lock, settled};
use super::{Supervisor, records};
use crate::causes::in_one_line;
use crate::sandbox::control::{Reply, Request};
use crate::sandbox::error::{SandboxError, errno, file};
use crate::sandbox::forward::Forwarder;
use crate::sandbox::vm::machine::Mark;
use crate::sandbox::vm::nics;
use crate::sandbox::zone::{self, GLOBAL, Zone};
use crate::sandbox::{furnish, vm};

impl Supervisor {
    /// Starts the global zone, which is made if there is none, and the machines that boot with it.
    pub(super) fn up_global(self: &Arc<Self>) -> Result<Reply, SandboxError> {
        let Some(slot) = self.slot(GLOBAL) else {
            return Ok(Reply::Ending);
        };
        let mut held = settled(&slot);
        if !self.is_current(GLOBAL, &slot) {
            drop(held);
            return self.up_global();
        }
        if let Some(zone) = held.as_ref() {
            return Ok(Reply::Access(self.access(zone)));
        }
        let place = self.place(GLOBAL)?;
        let started = zone::make(&self.ground, &place, &|root| {
            furnish::global(&self.ground, root)
        })
        .and_then(|_| Forwarder::open_for_host())
        .and_then(|forwarder| self.start(&slot, GLOBAL, forwarder, true));
        match started {
            Ok(zone) => {
                let access = self.access(&zone);
                *held = Some(zone);
                drop(held);
                self.prepare_next();
                self.prepare_pool();
                self.boot_machines();
                Ok(Reply::Access(access))
            }
            Err(error) => {
                self.forget(GLOBAL, &slot);
                Err(error)
            }
        }
    }

    /// Shows the machines in a global zone that has just booted, and boots those that boot with it.
    pub(super) fn boot_machines(self: &Arc<Self>) {
        let machines: Vec<_> = self.lock_machines().values().cloned().collect();
        for machine in machines {
            let Some(slot) = self.slot(&machine.uuid) else {
                return;
            };
            let is_running = match lock(&slot).as_ref() {
                Some(zone) => {
                    self.show_in_global(zone)
                        .unwrap_or_else(|error| eprintln!("{}", in_one_line(&error)));
                    true
                }
                None => false,
            };
            if is_running {
                continue;
            }
            self.show_idle(&machine.uuid);
            if machine.is("autoboot") && machine.mark == Mark::None {
                let this = Arc::clone(self);
                std::thread::spawn(move || {
                    if let Err(error) = this.boot(&machine.uuid) {
                        eprintln!("{}", in_one_line(&error));
                    }
                });
            }
        }
    }

    /// Every zone ends with the global zone: that is the host's end.
    pub(super) fn crash(&self) {
        self.crashes.fetch_add(1, Ordering::SeqCst);
        let zones: Vec<_> = self.lock_zones().clone().into_iter().collect();
        for (_, slot) in zones.iter().filter(|(key, _)| key != GLOBAL) {
            self.halt(slot);
        }
    }

    /// Where the global zone has a machine's root, if it runs.
    fn seen_at(&self, key: &str) -> Option<PathBuf> {
        let slot = self.lock_zones().get(GLOBAL).cloned()?;
        // A lock that is held by a start of the global zone must not keep zones from starting: it
        // looks for them itself, once it is up.
        let held = slot.try_lock().ok()?;
        let zone = held.as_ref()?;
        Some(zone.root().join("zones").join(key).join("root"))
    }

    /// The network of the global zone, if it runs.
    fn network_of_global(&self) -> Option<Arc<OwnedFd>> {
        let slot = self.lock_zones().get(GLOBAL).cloned()?;
        let held = slot.try_lock().ok()?;
        held.as_ref()?.forwarder.inside()
    }

    /// Makes a running zone seen in the global zone, its files and its addresses.
    pub(super) fn show_in_global(&self, zone: &Zone) -> Result<(), SandboxError> {
        let key = &zone.place.key;
        let Some(machine) = self.machine(key) else {
            return Ok(());
        };
        self.bind_root(key, &zone.root())?;
        if let Some(network) = self.network_of_global() {
            let own = machine.nics();
            let mut addresses: Vec<_> = own.iter().flat_map(nics::addresses).collect();
            let is_leased = |nic: &serde_json::Map<_, _>| {
                nics::list(nic, "ips")
                    .iter()
                    .any(|ip| nics::is_automatic(ip))
            };
            if own.iter().any(is_leased) {
                addresses.push(zone.forwarder.address);
            }
            zone.forwarder.appear_in(&network, &addresses);
        }
        Ok(())
    }

    /// Makes the root of a machine that does not run seen in the global zone.
    pub(super) fn show_idle(&self, key: &str) {
        if self.machine(key).is_none() || self.seen_at(key).is_none() {
            return;
        }
        let shown = self
            .place(key)
            .and_then(|place| zone::mount_idle(&self.ground, &place))
            .and_then(|root| self.bind_root(key, &root));
        if let Err(error) = shown {
            eprintln!("{}", in_one_line(&error));
        }
    }

    fn bind_root(&self, key: &str, root: &std::path::Path) -> Result<(), SandboxError> {
        let Some(target) = self.seen_at(key) else {
            return Ok(());
        };
        self.hide(key);
        fs::create_dir_all(&target).map_err(file("make", &target))?;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(root), &target, None::<&str>, flags, None::<&str>)
            .map_err(errno("mount", &target))
    }

    /// Removes the folder of a machine that is about to be gone from the global zone.
    pub(super) fn unsee(&self, key: &str) {
        if let Some(target) = self.seen_at(key) {
            let _ = fs::remove_dir(&target);
            let _ = target.parent().map(fs::remove_dir);
        }
    }

    /// Takes a machine's root away from the global zone.
    pub(super) fn hide(&self, key: &str) {
        if let Some(target) = self.seen_at(key) {
            let _ = umount2(&target, MntFlags::MNT_DETACH);
        }
    }

    /// Answers a command of the global zone.
    pub(super) fn answer_host(self: &Arc<Self>, request: Request) -> Result<Reply, SandboxError> {
        match request {
            Request::Machines => {
                let machines = self.lock_machines();
                let shown = machines.values().map(vm::machine::Machine::shown);
                Ok(Reply::Machines(shown.collect()))
            }
            Request::Order(order) => self.carry_out(order).map(Reply::Outcome),
            Request::HostState => Ok(Reply::HostState(self.lock_host().clone())),
            Request::Import { uuid } => {
                self.make_image(&uuid);
                self.change_host(|host| host.import(&uuid))
            }
            Request::Forget { uuid } => {
                self.drop_storage(&uuid);
                self.change_host(|host| host.images.retain(|image| *image != uuid))
            }
            Request::AddStub { name } => self.change_host(|host| {
                if !host.stubs.contains(&name) {
                    host.stubs.push(name);
                }
            }),
            Request::SetSources { sources } => {
                self.change_host(|host| host.sources = Some(sources))
            }
            _ => Ok(Reply::Refused("the global zone cannot ask that".into())),
        }
    }

    pub(super) fn change_host(
        &self,
        change: impl FnOnce(&mut records::Host),
    ) -> Result<Reply, SandboxError> {
        let mut host = self.lock_host();
        change(&mut host);
        records::keep_host(&self.ground.state, &host)?;
        Ok(Reply::Done)
    }
}
