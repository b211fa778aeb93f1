//! A zone's disk that can be filled: a memory file system which is made smaller under its writers.
//!
//! Whatever a zone writes beyond its temporary folders lands there through its overlay, so that
//! each of its processes meets the kernel's own `ENOSPC`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::statfs;

use crate::sandbox::error::{SandboxError, errno, file};

/// What a zone may write: more than it will, and no more memory than it does is used.
const ROOMY: &str = "size=64g,nr_inodes=8m";

/// The unit in which the file system gives room.
const PAGE: u64 = 4096;

/// Writers may use room between the question and the change, which then is refused.
const TRIES: usize = 20;

/// Mounts the disk at a folder unless it is there already; whether it is new.
pub(crate) fn ensure(disk: &Path) -> Result<bool, SandboxError> {
    fs::create_dir_all(disk).map_err(file("make", disk))?;
    if is_mounted(disk)? {
        return Ok(false);
    }
    mount(
        Some("zonewright-disk"),
        disk,
        Some("tmpfs"),
        MsFlags::empty(),
        Some(format!("mode=755,{ROOMY}").as_str()),
    )
    .map_err(errno("mount the zone's disk at", disk))?;
    Ok(true)
}

/// Takes the disk away, with all it holds.
pub(crate) fn remove(disk: &Path) {
    // Without a supervisor that mounted it there is none.
    let _ = umount2(disk, MntFlags::MNT_DETACH);
}

/// Lets so many bytes be written from now on, and then no more.
pub(crate) fn leave_room(disk: &Path, bytes: u64) -> Result<(), SandboxError> {
    let now = statfs(disk).map_err(errno("measure", disk))?;
    let size = Size {
        blocks: now.blocks() - now.blocks_free() + bytes / PAGE,
        files: now.files() - now.files_free() + bytes / PAGE,
    };
    restore(disk, size)
}

/// How much a disk takes in all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    blocks: u64,
    files: u64,
}

/// Gives room to a start of the zone, which a full disk would not let begin; what was there before
/// is given back to `restore`.
pub(crate) fn suspend(disk: &Path) -> Result<Size, SandboxError> {
    let now = statfs(disk).map_err(errno("measure", disk))?;
    heal(disk)?;
    Ok(Size {
        blocks: now.blocks(),
        files: now.files(),
    })
}

/// Gives a disk the size that it had, or as little more as is used by now.
pub(crate) fn restore(disk: &Path, size: Size) -> Result<(), SandboxError> {
    let mut tries = 0;
    loop {
        let now = statfs(disk).map_err(errno("measure", disk))?;
        let blocks = size.blocks.max(now.blocks() - now.blocks_free());
        let files = size.files.max(now.files() - now.files_free());
        tries += 1;
        match resize(disk, &format!("size={},nr_inodes={files}", blocks * PAGE)) {
            Err(_) if tries < TRIES => {}
            result => return result,
        }
    }
}

/// Lets be written whatever is wanted.
pub(crate) fn heal(disk: &Path) -> Result<(), SandboxError> {
    resize(disk, ROOMY)
}

fn resize(disk: &Path, options: &str) -> Result<(), SandboxError> {
    mount(
        None::<&str>,
        disk,
        None::<&str>,
        MsFlags::MS_REMOUNT,
        Some(options),
    )
    .map_err(errno("resize", disk))
}

fn is_mounted(disk: &Path) -> Result<bool, SandboxError> {
    let device = |path: &Path| {
        fs::metadata(path)
            .map(|m| m.dev())
            .map_err(file("read", path))
    };
    let above = disk.parent().map(device).transpose()?;
    Ok(Some(device(disk)?) != above)
}
