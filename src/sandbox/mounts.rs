//! The overlays of a zone, mounted in the supervisor's own mount namespace.
//!
//! A zone's root and its `/usr` are shared mounts, of which the zone has slave copies. So a package
//! is shown by mounting one more overlay over `/usr` here: it appears in the running zone, and no
//! folder that an overlay uses ever changes.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::sandbox::error::{SandboxError, errno, file, system};
use crate::sandbox::fault::shim::SHARED;
use crate::sandbox::zone::Ground;
use crate::sandbox::{layer, paths};

/// Mounts a zone's root: the platform over the image, and over both what the zone itself wrote.
///
/// What it writes goes to `disk`; what it shares with us is in `folder`.
pub(crate) fn mount_root(
    ground: &Ground,
    folder: &Path,
    disk: &Path,
    uuid: &str,
) -> Result<(), SandboxError> {
    let handle = File::open(disk).map_err(file("open", disk))?;
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
    .map_err(errno("share the mount", &root))?;
    let shared = root.join(SHARED.trim_start_matches('/'));
    mount(
        Some(&folder.join("shared")),
        &shared,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .map_err(errno("mount", &shared))
}

/// Mounts a `/usr` with these packages over the one that may be there. The old one stays below:
/// running programs may use it. `above`, a folder in `folder`, lies on top of it all.
pub(crate) fn mount_usr(
    ground: &Ground,
    folder: &Path,
    packages: &[String],
    above: Option<&str>,
) -> Result<(), SandboxError> {
    let handle = File::open(folder).map_err(file("open", folder))?;
    let usr = folder.join("root/usr");
    let above = above.map(|name| paths::short(&handle, name));
    let trees: Vec<PathBuf> = above
        .into_iter()
        .chain(usr_trees(ground, packages)?)
        .collect();
    let options = usr_options(&trees);
    mount(
        Some("/usr"),
        &usr,
        Some("overlay"),
        MsFlags::MS_RDONLY,
        Some(options.as_str()),
    )
    .map_err(errno("mount the zone's platform at", &usr))
}

/// The trees of a `/usr` with these packages, the topmost first, relative to the image's folder.
pub(crate) fn usr_trees(
    ground: &Ground,
    packages: &[String],
) -> Result<Vec<PathBuf>, SandboxError> {
    let names: Vec<&str> = packages.iter().map(String::as_str).collect();
    let layers = layer::ensure(&ground.image, &names)?;
    let platform = format!("platform/{}", ground.platform.name);
    let layers = layers.into_iter().map(|layer| format!("layers/{layer}"));
    let trees = std::iter::once(platform)
        .chain(layers)
        .chain(["root".to_owned()]);
    Ok(trees.map(|tree| PathBuf::from(tree).join("usr")).collect())
}

/// The options of a `/usr` overlay; names are short, for the kernel takes no more than one page.
fn usr_options(trees: &[PathBuf]) -> String {
    let trees: Vec<_> = trees.iter().map(|tree| tree.to_string_lossy()).collect();
    format!("lowerdir={}", trees.join(":"))
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
    fn a_hundred_packages_fit_into_one_page_of_options() {
        let layers = (0..100).map(|n| format!("layers/mDNSResponder{n:03}-abcdef/usr"));
        let trees: Vec<PathBuf> = std::iter::once("platform/0123456789/usr".to_owned())
            .chain(layers)
            .map(PathBuf::from)
            .collect();
        let options = usr_options(&trees);
        assert!(options.starts_with("lowerdir=platform/0123456789/usr:layers/"));
        assert!(options.len() < 4096);
    }
}
