//! A machine's datasets: `zones/UUID` with its limits, of which `zones/IMAGE` is the origin on SmartOS,
//! and `zones/UUID/data` where that is delegated.
//!
//! Where this machine can run no ZFS, machines without a delegated dataset do without. The sandbox's
//! own machines have datasets only once there is a global zone to see them.

use std::sync::{Arc, Mutex, PoisonError};

use super::Supervisor;
use super::machines::Refusal;
use crate::causes::in_one_line;
use crate::sandbox::error::SandboxError;
use crate::sandbox::vm::check::POOL;
use crate::sandbox::vm::machine::Machine;

/// The tag by which `vmadm` keeps a dataset from being destroyed, and its snapshot's name.
const HOLD: &str = "do_not_destroy";
const INDESTRUCTIBLE: &str = "indestructible";

/// Held from the look at what is missing until it is there: machines of one image are made beside each other.
static MAKING: Mutex<()> = Mutex::new(());

impl Supervisor {
    /// Starts the pool and makes the datasets that images and machines lack, beside other work.
    pub(super) fn prepare_pool(self: &Arc<Self>) {
        let this = Arc::clone(self);
        std::thread::spawn(move || {
            let machines: Vec<Machine> = this.lock_machines().values().cloned().collect();
            for machine in machines {
                if let Err(error) = this.make_datasets(&machine) {
                    eprintln!("{}", in_one_line(&error));
                }
            }
            if let Err(error) = this.ground.zfs.start() {
                eprintln!("{}", in_one_line(&error));
            }
        });
    }

    /// Makes a machine's datasets, as far as it has none.
    pub(super) fn make_storage(&self, machine: &Machine) -> Result<(), Refusal> {
        match self.make_datasets(machine) {
            Err(error) if machine.dataset().is_some() => Err(Refusal::Broken(error)),
            Err(error) => {
                eprintln!("{}", in_one_line(&error));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn make_datasets(&self, machine: &Machine) -> Result<(), SandboxError> {
        self.make_missing(machine)?;
        match machine.is("indestructible_delegated") {
            true => self.hold(machine, true),
            false => Ok(()),
        }
    }

    /// Those of a machine that are not there, and no hold on them.
    fn make_missing(&self, machine: &Machine) -> Result<(), SandboxError> {
        let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let zfs = &self.ground.zfs;
        let known = zfs.run(&["list", "-H", "-o", "name"])?;
        let has = |name: &str| known.lines().any(|line| line == name);
        if let Some(image) = machine.text("image_uuid")
            && !has(&format!("{POOL}/{image}"))
        {
            zfs.create_unmounted(image, &[])?;
        }
        let (root, data) = properties(machine);
        if !has(&format!("{POOL}/{}", machine.uuid)) {
            zfs.create_unmounted(&machine.uuid, &pairs(&root))?;
        }
        if let Some(dataset) = machine.dataset()
            && !has(&dataset)
        {
            zfs.delegate(&machine.uuid, &pairs(&data))?;
        }
        Ok(())
    }

    /// Makes an image's dataset.
    pub(super) fn make_image(&self, uuid: &str) {
        let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.ground.zfs.create_unmounted(uuid, &[]) {
            eprintln!("{}", in_one_line(&error));
        }
    }

    /// Destroys a machine's datasets, or an image's, if there is a pool at all.
    pub(super) fn drop_storage(&self, uuid: &str) {
        let zfs = &self.ground.zfs;
        if !zfs.has_pool() || uuid == crate::sandbox::zone::GLOBAL {
            return;
        }
        let name = format!("{POOL}/{uuid}");
        if let Err(error) = zfs
            .run(&["list", "-H", "-o", "name", &name])
            .and_then(|_| zfs.destroy(&name))
        {
            eprintln!("{}", in_one_line(&error));
        }
    }

    /// Carries a change over to the datasets; what ZFS says to it is what `vmadm` says.
    pub(super) fn change_storage(&self, before: &Machine, after: &Machine) -> Result<(), Refusal> {
        let zfs = &self.ground.zfs;
        if !zfs.has_pool() {
            return Ok(());
        }
        // those of a machine that was made without waiting for the pool may be on their way
        self.make_missing(before)?;
        let ((old_root, old_data), (root, data)) = (properties(before), properties(after));
        let root_name = format!("{POOL}/{}", after.uuid);
        let data_name = after.dataset();
        let mut changes = Vec::new();
        for (new, old, name) in [
            (&root, &old_root, Some(root_name)),
            (&data, &old_data, data_name),
        ] {
            for pair in new.iter().filter(|pair| !old.contains(pair)) {
                changes.extend(name.clone().map(|name| (name, pair)));
            }
            for (property, _) in old.iter().filter(|(p, _)| !new.iter().any(|(n, _)| n == p)) {
                if let Some(name) = &name {
                    if property.ends_with("_limit") {
                        zfs.run(&["set", &format!("{property}=none"), name])?;
                    } else {
                        zfs.run(&["inherit", property, name])?;
                    }
                }
            }
        }
        for (name, (property, value)) in changes {
            match zfs.run(&["set", &format!("{property}={value}"), &name]) {
                Ok(_) => {}
                Err(SandboxError::Failed { said, .. }) => return Err(Refusal::Said(said)),
                Err(error) => return Err(Refusal::Broken(error)),
            }
        }
        let is_held = |machine: &Machine| machine.is("indestructible_delegated");
        if is_held(before) != is_held(after) {
            self.hold(after, is_held(after))?;
        }
        Ok(())
    }

    /// Holds a snapshot of the delegated dataset, or lets go of it.
    fn hold(&self, machine: &Machine, is_held: bool) -> Result<(), SandboxError> {
        let zfs = &self.ground.zfs;
        let Some(dataset) = machine.dataset() else {
            return Ok(());
        };
        let snapshot = format!("{dataset}@{INDESTRUCTIBLE}");
        if is_held {
            zfs.run(&["snapshot", &snapshot])?;
            zfs.run(&["hold", HOLD, &snapshot]).map(drop)
        } else {
            zfs.run(&["release", HOLD, &snapshot])?;
            zfs.run(&["destroy", &snapshot]).map(drop)
        }
    }
}

type Pair = (String, String);

fn pairs(list: &[Pair]) -> Vec<(&str, &str)> {
    list.iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// What a record says of the root's dataset, and of the delegated one.
fn properties(machine: &Machine) -> (Vec<Pair>, Vec<Pair>) {
    let text = |name: &str| {
        machine
            .properties
            .get(name)
            .and_then(crate::sandbox::vm::check::plain)
    };
    let pair = |property: &str, name: &str| Some((property.to_owned(), text(name)?));
    let quota = match machine.number("quota") {
        Some(gibibytes) if gibibytes > 0 => format!("{gibibytes}G"),
        _ => "none".to_owned(),
    };
    let root = [
        Some(("quota".to_owned(), quota)),
        pair("compression", "zfs_root_compression"),
        pair("recordsize", "zfs_root_recsize"),
        pair("snapshot_limit", "zfs_snapshot_limit"),
        pair("filesystem_limit", "zfs_filesystem_limit"),
    ];
    let data = [
        pair("compression", "zfs_data_compression"),
        pair("recordsize", "zfs_data_recsize"),
    ];
    let all = |list: Vec<Option<Pair>>| list.into_iter().flatten().collect();
    (all(root.to_vec()), all(data.to_vec()))
}
