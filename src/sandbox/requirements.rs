//! What a machine must have to run the sandbox, each thing by name with the way to get it.
//!
//! Nothing needs to be installed on a Debian beyond what every Debian has: apt and dpkg. Whether
//! overlays work is not asked here, the first mount tells.

use std::path::Path;

use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};

use crate::sandbox::error::Missing;
use crate::sandbox::paths;

/// What this machine lacks; empty when the sandbox can run.
#[must_use]
pub fn requirements() -> Vec<Missing> {
    let has_overlay = is_known_file_system("overlay")
        || Path::new("/sys/module/overlay").exists()
        || has_module();
    let as_root = format!("`sudo {}`", own_command());
    let needs = [
        (
            cfg!(target_arch = "x86_64"),
            "an x86-64 processor",
            "the sandbox's image is made of amd64 packages",
        ),
        (nix::unistd::geteuid().is_root(), "root's rights", &as_root),
        (
            has_overlay,
            "overlayfs in the kernel",
            "`modprobe overlay`; Debian's and Ubuntu's kernels have it",
        ),
        (
            has_root_mount(),
            "a `/` that is a mount point",
            "in a chroot, `mount --bind FOLDER FOLDER` before it is entered",
        ),
        (
            is_in_path("apt-get"),
            "`apt-get`",
            "package `apt`; the machine must be a Debian or Ubuntu",
        ),
        (is_in_path("apt-cache"), "`apt-cache`", "package `apt`"),
        (is_in_path("dpkg-deb"), "`dpkg-deb`", "package `dpkg`"),
        (is_in_path("tar"), "`tar`", "package `tar`"),
    ];
    let missing = needs.into_iter().filter(|(is_there, ..)| !is_there);
    missing
        .map(|(_, what, remedy)| Missing {
            what: what.to_owned(),
            remedy: remedy.to_owned(),
        })
        .chain(folders_on_overlays())
        .collect()
}

/// The running command with the program's whole path: under `sudo` neither cargo nor a folder of
/// the user's is looked into.
fn own_command() -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "zonewright".into());
    let rest = std::env::args_os().skip(1);
    let words: Vec<String> = std::iter::once(program.into_os_string())
        .chain(rest)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

fn folders_on_overlays() -> impl Iterator<Item = Missing> {
    let folders = [paths::cache_folder(), paths::state_folder()]
        .into_iter()
        .flatten();
    folders
        .filter(|folder| is_on_overlay(folder))
        .map(|folder| Missing {
            what: format!(
                "a file system for `{}` that is not itself an overlay",
                folder.display()
            ),
            remedy: "in a container, put a volume there or set `XDG_CACHE_HOME` and \
                 `ZONEWRIGHT_SANDBOX_DIR`"
                .to_owned(),
        })
}

/// Overlays cannot be made of an overlay's files: their marks for hidden files would be taken for
/// its own.
fn is_on_overlay(folder: &Path) -> bool {
    let there = folder.ancestors().find(|path| path.exists());
    there
        .and_then(|path| statfs(path).ok())
        .is_some_and(|s| s.filesystem_type() == OVERLAYFS_SUPER_MAGIC)
}

/// A zone's mounts are kept from the machine's by a property that only a mount point has.
fn has_root_mount() -> bool {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else {
        return false;
    };
    is_root_mounted(&mounts)
}

// 62 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
fn is_root_mounted(mounts: &str) -> bool {
    mounts
        .lines()
        .any(|line| line.split(' ').nth(4) == Some("/"))
}

fn is_known_file_system(name: &str) -> bool {
    std::fs::read_to_string("/proc/filesystems").is_ok_and(|text| {
        text.lines()
            .any(|line| line.split_whitespace().last() == Some(name))
    })
}

/// The kernel loads the module by itself at the first mount, where there is one.
fn has_module() -> bool {
    let Ok(release) = std::fs::read_to_string("/proc/sys/kernel/osrelease") else {
        return false;
    };
    let folder = Path::new("/lib/modules")
        .join(release.trim())
        .join("kernel/fs/overlayfs");
    folder.is_dir()
}

fn is_in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a chroot into an ordinary folder sees, and what everybody else sees.
    #[test]
    fn a_chroot_that_is_no_mount_point_is_told_from_a_machine() {
        let inside = "71 70 0:21 / /proc rw,relatime - proc proc rw\n";
        let machine = format!("62 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n{inside}");
        assert!(!is_root_mounted(inside));
        assert!(is_root_mounted(&machine));
    }
}
