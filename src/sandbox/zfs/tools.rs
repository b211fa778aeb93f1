//! zfs-fuse itself: the files of its Debian package and of what that depends on, beside the image.
//!
//! It is no part of the image, so that a sandbox works where it cannot be had, and no package of
//! the index, so that no zone ever sees its libraries.

use std::fs;
use std::path::Path;

use crate::apt::PrivateApt;
use crate::sandbox::Progress;
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::image::{Image, unpack};
use crate::sandbox::paths;

/// The Debian package.
const PACKAGE: &str = "zfs-fuse";

/// Raised when the way the tree is made changes.
const FORMAT: u32 = 1;

/// What the daemon reads at its start: no caches of names and attributes in the kernel, for a
/// rollback changes files under it; extended attributes, in which netatalk keeps what Macs need.
const CONFIGURATION: &str = "\
vdev-cache-size = 1
max-arc-size = 64
zfs-prefetch-disable
enable-xattr
fuse-attr-timeout = 0
fuse-entry-timeout = 0
fuse-mount-options = default_permissions
";

/// The tree with the daemon and its commands, made if it is not there: its path below the image's
/// folder.
pub(super) fn ensure(
    image: &Image,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, SandboxError> {
    let name = format!("{PACKAGE}-{}", paths::definition(FORMAT, &[PACKAGE]));
    let tools = image.folder.join("tools");
    let target = tools.join(&name);
    if !target.is_dir() {
        // Whoever makes a layer uses the same apt.
        let _alone = paths::exclusive(&image.folder.join("layers"), "lock")?;
        fs::create_dir_all(&tools).map_err(file("make", &tools))?;
        if !target.is_dir() {
            paths::make_whole(&target, |partial| make(image, partial, progress))?;
        }
    }
    Ok(format!("tools/{name}"))
}

fn make(
    image: &Image,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), SandboxError> {
    let apt = PrivateApt::open(&image.folder.join("apt"))?;
    let (downloads, size) = apt.closure(&[PACKAGE])?;
    apt.download(&[PACKAGE], &mut |done| {
        progress(Progress::new("download zfs-fuse", done, size));
    })?;
    fs::create_dir_all(folder).map_err(file("make", folder))?;
    unpack(&downloads, folder, &mut |_, _| {})?;
    for below in [
        "var/run/zfs",
        "var/lock",
        "var/lib/zfs",
        "dev",
        "proc",
        "pool",
        "mnt",
    ] {
        let path = folder.join(below);
        fs::create_dir_all(&path).map_err(file("make", path))?;
    }
    let configuration = folder.join("etc/zfs/zfsrc");
    fs::write(&configuration, CONFIGURATION).map_err(file("write", configuration))
}
