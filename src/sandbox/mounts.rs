//! The overlays of a zone, mounted in the supervisor's own mount namespace.
//!
//! A zone's root and its `/usr` are shared mounts, of which the zone has slave copies. So a package
//! is shown by mounting one more overlay over `/usr` here: it appears in the running zone, and no
//! folder that an overlay uses ever changes.

use std::fs::File;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::sandbox::error::{SandboxError, errno, file, system};
use crate::sandbox::zone::Ground;
use crate::sandbox::{layer, paths};

/// Mounts a zone's root: the platform over the image, and over both what the zone itself wrote.
pub(crate) fn mount_root(ground: &Ground, folder: &Path, uuid: &str) -> Result<(), SandboxError> {
    let handle = File::open(folder).map_err(file("open", folder))?;
    let options = format!(
        "lowerdir=platform/{}/root:root,upperdir={},workdir={},index=off",
        ground.platform.name,
        paths::short(&handle, "upper").display(),
        paths::short(&handle, "work").display(),
    );
    let root = folder.join("root");
    let source = format!("zones/{uuid}");
    mount(
        Some(source.as_str()),
        &root,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .map_err(errno("mount the zone's root at", &root))?;
    mount(
        None::<&str>,
        &root,
        None::<&str>,
        MsFlags::MS_SHARED,
        None::<&str>,
    )
    .map_err(errno("share the mount", &root))
}

/// Mounts a `/usr` with these packages over the one that may be there. The old one stays below:
/// running programs may use it.
pub(crate) fn mount_usr(
    ground: &Ground,
    folder: &Path,
    packages: &[String],
) -> Result<(), SandboxError> {
    let names: Vec<&str> = packages.iter().map(String::as_str).collect();
    let layers = layer::ensure(&ground.image, &names)?;
    let usr = folder.join("root/usr");
    let options = usr_options(&ground.platform.name, &layers);
    mount(
        Some("/usr"),
        &usr,
        Some("overlay"),
        MsFlags::MS_RDONLY,
        Some(options.as_str()),
    )
    .map_err(errno("mount the zone's platform at", &usr))
}

/// The options of a `/usr` overlay, with names relative to the image's folder: the kernel takes
/// no more than one page of options.
fn usr_options(platform: &str, layers: &[String]) -> String {
    let mut options = format!("lowerdir=platform/{platform}/usr");
    for layer in layers {
        options.push_str(":layers/");
        options.push_str(layer);
        options.push_str("/usr");
    }
    options.push_str(":root/usr");
    options
}

/// Takes a zone's root away with all that is mounted below it.
pub(crate) fn unmount(folder: &Path) {
    let _ = umount2(&folder.join("root"), MntFlags::MNT_DETACH);
}

/// Makes the calling process see mounts of its own from now on; the machine's later mounts and
/// unmounts still arrive.
pub(crate) fn enter_private_mounts() -> Result<(), SandboxError> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)
        .map_err(system("make a mount namespace"))?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_SLAVE,
        None::<&str>,
    )
    .map_err(errno("change the propagation of", "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_lies_on_top_and_the_image_below() {
        let layers = ["meson-1".to_owned(), "db5-2".to_owned()];
        assert_eq!(
            usr_options("ab", &layers),
            "lowerdir=platform/ab/usr:layers/meson-1/usr:layers/db5-2/usr:root/usr"
        );
    }

    #[test]
    fn a_hundred_packages_fit_into_one_page_of_options() {
        let layers: Vec<String> = (0..100)
            .map(|n| format!("mDNSResponder{n:03}-abcdef"))
            .collect();
        assert!(usr_options("0123456789", &layers).len() < 4096);
    }
}
