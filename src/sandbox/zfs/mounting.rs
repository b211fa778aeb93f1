//! Datasets in the roots of running zones.
//!
//! The daemon mounts a file system in its own root; from there it is bound to its place in the
//! zone's root, a shared mount, and appears in the running zone. Taking it away again fails while
//! somebody in the zone has a file of it open: the kernel looks into the zone's copy too.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, open, openat2};

use super::asker::{Owner, owner};
use super::daemon::POOL;
use super::model::{Dataset, Datasets, UNMOUNTED};
use super::{Inner, Zfs};

/// A dataset that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mounted {
    pub dataset: String,
    /// Whose root it is in.
    pub owner: Owner,
    /// Where, as its zone sees it.
    pub path: String,
    /// Where, as the supervisor sees it.
    place: PathBuf,
}

impl Zfs {
    /// A zone is about to run, or runs, with this root, a shared mount: its datasets appear in it. A
    /// pool that an earlier supervisor left is taken up. One who does not `wait` has them a little
    /// later, and is not held up by what else is done in the pool.
    pub fn attach(self: &Arc<Self>, owner: Owner, root: &Path, waits: bool) {
        self.lock_roots().insert(owner.clone(), root.to_path_buf());
        if waits {
            return self.mount_attached(&owner);
        }
        let this = Arc::clone(self);
        std::thread::spawn(move || this.mount_attached(&owner));
    }

    fn mount_attached(self: &Arc<Self>, owner: &Owner) {
        let mut inner = self.lock();
        drop_all(&mut inner.mounts, |mounted| mounted.owner == *owner);
        let was_running = inner.daemon.is_some();
        if !was_running && !self.place.has_pool() {
            return;
        }
        // A start mounts what belongs into all roots.
        let mounted = self.ready(&mut inner).and_then(|()| match was_running {
            true => self
                .datasets()
                .map(|datasets| self.mount_all(&mut inner, &datasets, owner)),
            false => Ok(()),
        });
        if let Err(error) = mounted {
            eprintln!("{}", crate::causes::in_one_line(&error));
        }
    }

    /// A zone has ended: what was mounted in it is let go.
    pub fn detach(&self, owner: &Owner) {
        self.lock_roots().remove(owner);
        let mut inner = self.lock();
        drop_all(&mut inner.mounts, |mounted| mounted.owner == *owner);
    }

    /// What a zone mounts when it boots: everything of its own, from above.
    pub(super) fn mount_all(&self, inner: &mut Inner, datasets: &Datasets, whose: &Owner) {
        let own = datasets.0.iter().filter(|dataset| !dataset.is_snapshot());
        let mut own: Vec<&Dataset> = own.filter(|d| owner(d).as_ref() == Some(whose)).collect();
        own.sort_by_key(|dataset| dataset.get("mountpoint").unwrap_or_default().to_owned());
        for dataset in own {
            if let Err(line) = self.mount_one(inner, dataset, false) {
                eprintln!("{line}");
            }
        }
    }

    /// Mounts a dataset where its properties say, if they do and its zone runs; `always` even where
    /// it is not mounted by itself. The error is the line that illumos prints.
    pub(super) fn mount_one(
        &self,
        inner: &mut Inner,
        dataset: &Dataset,
        always: bool,
    ) -> Result<(), String> {
        let Some((owner, root)) = self.wanted_root(inner, dataset) else {
            return Ok(());
        };
        let path = dataset.get("mountpoint").unwrap_or("none").to_owned();
        let can = match dataset.get("canmount").unwrap_or("on") {
            "on" => true,
            "noauto" => always,
            _ => false,
        };
        if !can || !path.starts_with('/') {
            return Ok(());
        }
        let name = &dataset.name;
        let wrong = |error: io::Error| format!("cannot mount '{name}': {error}");
        let folder = make_folder(&root, &path).map_err(wrong)?;
        let place = place_of(&folder).map_err(wrong)?;
        let mut entries = fs::read_dir(&place).map_err(wrong)?;
        if entries.next().is_some() {
            return Err(format!("cannot mount '{path}': directory is not empty"));
        }
        inner.count += 1;
        let first = format!("/mnt/{}", inner.count);
        self.place.mount_dataset(name, &first).map_err(wrong)?;
        let from = self.place.root().join(first.trim_start_matches('/'));
        let bound = mount(
            Some(&from),
            &place,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        );
        let _ = umount2(&from, MntFlags::MNT_DETACH);
        bound.map_err(|error| wrong(error.into()))?;
        inner.mounts.push(Mounted {
            dataset: name.clone(),
            owner,
            path,
            place,
        });
        Ok(())
    }

    /// The root that a dataset belongs into, if it is to be mounted at all and is not.
    fn wanted_root(&self, inner: &Inner, dataset: &Dataset) -> Option<(Owner, PathBuf)> {
        let mut mounts = inner.mounts.iter();
        let is_mounted = mounts.any(|mounted| mounted.dataset == dataset.name);
        if lies_elsewhere(dataset) || is_mounted || dataset.is_snapshot() {
            return None;
        }
        let owner = owner(dataset)?;
        let root = self.lock_roots().get(&owner)?.clone();
        Some((owner, root))
    }
}

/// Whether the files of a dataset are not in it: those of zones and images lie on overlays, and so
/// does what is above them.
pub(super) fn lies_elsewhere(dataset: &Dataset) -> bool {
    let mark = dataset.property(UNMOUNTED);
    dataset.name == POOL || mark.is_some_and(|mark| mark.source == "local")
}

/// Unmounts a dataset; false when somebody uses it.
pub(super) fn unmount_one(mounts: &mut Vec<Mounted>, dataset: &str, by_force: bool) -> bool {
    let Some(at) = mounts.iter().position(|mounted| mounted.dataset == dataset) else {
        return true;
    };
    let Some(mounted) = mounts.get(at) else {
        return true;
    };
    let flags = if by_force {
        MntFlags::MNT_DETACH
    } else {
        MntFlags::UMOUNT_NOFOLLOW
    };
    match umount2(&mounted.place, flags) {
        Err(nix::Error::EBUSY) => false,
        // What is not there any more need not be unmounted.
        _ => {
            mounts.remove(at);
            true
        }
    }
}

/// Lets go of mounts whoever uses them, the last first.
pub(super) fn drop_all(mounts: &mut Vec<Mounted>, is_meant: impl Fn(&Mounted) -> bool) {
    for mounted in mounts.iter().rev().filter(|mounted| is_meant(mounted)) {
        let _ = umount2(&mounted.place, MntFlags::MNT_DETACH);
    }
    mounts.retain(|mounted| !is_meant(mounted));
}

/// A folder of a zone, made with all above it where it is missing. Links lead where they lead in
/// the zone.
fn make_folder(root: &Path, path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(root, flags, Mode::empty())?;
    let find = |path: &Path| openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT);
    let mut reached = PathBuf::from("/");
    let mut folder = find(&reached)?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        reached.push(part);
        folder = match find(&reached) {
            Err(rustix::io::Errno::NOENT) => {
                mkdirat(&folder, part, Mode::from_raw_mode(0o755))?;
                find(&reached)?
            }
            found => found?,
        };
    }
    Ok(folder)
}

/// The path of an open folder, to be used after it was closed: a mount point that is open is busy.
fn place_of(folder: &OwnedFd) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_where_links_lead_in_the_zone_and_never_outside() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("export")).unwrap();
        std::os::unix::fs::symlink("/export", root.join("home")).unwrap();
        std::os::unix::fs::symlink("../../..", root.join("up")).unwrap();
        let made = |path: &str| place_of(&make_folder(&root, path).unwrap()).unwrap();
        assert_eq!(made("/data"), root.join("data"));
        assert_eq!(made("/home/a/b"), root.join("export/a/b"));
        assert_eq!(made("/up/c"), root.join("c"));
        assert!(!outer.path().join("c").exists());
    }
}
