//! A machine's datasets: `zones/UUID` with its limits, of which `zones/IMAGE` is the origin on SmartOS,
//! and `zones/UUID/data` where that is delegated.
//!
//! Where this machine can run no ZFS, machines without a delegated dataset do without. The sandbox's
//! own machines have datasets only once there is a global zone to see them.

use std::sync::Arc;

use super::Supervisor;
use super::machines::Refusal;
use crate::causes::in_one_line;
use crate::sandbox::error::SandboxError;
use crate::sandbox::vm::check::POOL;
use crate::sandbox::vm::machine::Machine;

/// The tag by which `vmadm` keeps a dataset from being destroyed, and its snapshot's name.
const HOLD: &str = "do_not_destroy";
const INDESTRUCTIBLE: &str = "indestructible";

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
        let zfs = &self.ground.zfs;
        let known = zfs.run(&["list", "-H", "-o", "name"])?;
        let has = |name: &str| known.lines().any(|line| line == name);
        if let Some(image) = machine.text("image_uuid")
            && !has(&format!("{POOL}/{image}"))
        {
            self.create_once(image, &[])?;
        }
        let (root, data) = properties(machine);
        if !has(&format!("{POOL}/{}", machine.uuid)) {
            self.create_once(&machine.uuid, &pairs(&root))?;
        }
        if let Some(dataset) = machine.dataset()
            && !has(&dataset)
        {
            zfs.delegate(&machine.uuid, &pairs(&data))?;
        }
        Ok(())
    }

    /// Makes a dataset, unless somebody else just made it: those of the machines that are there are made beside
    /// other work.
    fn create_once(&self, name: &str, properties: &[(&str, &str)]) -> Result<(), SandboxError> {
        let zfs = &self.ground.zfs;
        zfs.create_unmounted(name, properties).or_else(|error| {
            let known = zfs.run(&["list", "-H", "-o", "name"])?;
            let full = format!("{POOL}/{name}");
            match known.lines().any(|line| line == full) {
                true => Ok(()),
                false => Err(error),
            }
        })
    }

    /// Makes an image's dataset.
    pub(super) fn make_image(&self, uuid: &str) {
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

    /// A snapshot of a machine's datasets that cannot be destroyed, since somebody holds it.
    pub(super) fn held_snapshot(&self, uuid: &str) -> Result<Option<String>, SandboxError> {
        let zfs = &self.ground.zfs;
        let name = format!("{POOL}/{uuid}");
        let names = ["list", "-H", "-o", "name"];
        if !zfs.has_pool() || !zfs.run(&names)?.lines().any(|line| line == name) {
            return Ok(None);
        }
        let listing = zfs.run(&[
            "list",
            "-H",
            "-r",
            "-t",
            "snapshot",
            "-o",
            "userrefs,name",
            &name,
        ])?;
        let rows = listing.lines().filter_map(|line| line.split_once('\t'));
        let mut held = rows.filter(|(holds, _)| !["0", "-"].contains(holds));
        Ok(held.next().map(|(_, name)| name.to_owned()))
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
