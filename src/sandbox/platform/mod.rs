//! The platform: what makes a zone out of the image. One tree over the image's root and one over
//! its `/usr`, made once for each build of the program.
//!
//! Commands that SmartOS lacks are whiteouts (character devices 0/0, overlayfs' own mark), so they
//! cannot be found by any path of `/usr/bin`. Each command of the image remains as a hard link
//! below `/usr/lib/zonewright/bin`, which is where `/opt/local/bin` and the shown names point.

pub mod files;
pub mod names;

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::Flock;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use sha2::{Digest, Sha256};

use crate::apt::PrivateApt;
use crate::hex::hex;
use crate::sandbox::emulate;
use crate::sandbox::error::{SandboxError, errno, file, run};
use crate::sandbox::image::{Image, command_name, write_json};
use crate::sandbox::layer::{HIDDEN_BIN, moved_target};
use crate::sandbox::packages::INDEX;
use crate::sandbox::paths;

/// The emulator, below `usr`.
const EMULATOR: &str = "lib/zonewright/emulator";

/// The Debian versions behind the index, below `usr`: a map from Debian package to version.
const VERSIONS: &str = "lib/zonewright/packages.json";

/// A platform that is ready for use.
#[derive(Debug)]
pub struct Platform {
    /// Its folder's name below `platform` in the image's folder.
    pub name: String,
    /// Keeps it from being removed while it is in use.
    _held: Flock<File>,
}

/// Platforms of other builds of the program that were not used for so long are removed.
const UNUSED_FOR: Duration = Duration::from_secs(24 * 3600);

/// The platform made of this program file, made if it is not there.
///
/// # Errors
///
/// When the tree cannot be written.
pub fn ensure(image: &Image, binary: &Path) -> Result<Platform, SandboxError> {
    let name = key(binary)?;
    let platforms = image.folder.join("platform");
    let target = platforms.join(&name);
    let _alone = paths::exclusive(&platforms, "lock")?;
    if !target.is_dir() {
        paths::remove_unused(&platforms, "", UNUSED_FOR)?;
        paths::make_whole(&target, |partial| {
            make_usr(image, binary, &partial.join("usr"))?;
            make_root(image, &partial.join("root"))
        })?;
    }
    let _held = paths::hold(&target)?;
    Ok(Platform { name, _held })
}

/// Size and time of change tell one build from another without reading 100 MB.
fn key(binary: &Path) -> Result<String, SandboxError> {
    let metadata = fs::metadata(binary).map_err(file("read", binary))?;
    let mut digest = Sha256::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    digest.update(format!(
        " {} {} {}",
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec()
    ));
    Ok(hex(digest.finalize().get(..5).unwrap_or_default()))
}

fn make_usr(image: &Image, binary: &Path, usr: &Path) -> Result<(), SandboxError> {
    let from = image.root().join("usr");
    for below in files::PLATFORM_FOLDERS {
        make_folder(&usr.join(below))?;
    }
    for text in files::PLATFORM_FILES {
        write_text(usr, text)?;
    }
    for below in ["bin", "sbin"] {
        let folder = from.join(below);
        for entry in fs::read_dir(&folder)
            .map_err(file("list", &folder))?
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            keep_hidden(below, &entry.path(), &usr.join(HIDDEN_BIN).join(&name))?;
            if !names::is_shown(below, &name) {
                whiteout(&usr.join(below).join(&name))?;
            }
        }
    }
    for below in names::HIDDEN {
        whiteout(&usr.join(below))?;
    }
    for (path, command) in names::ELSEWHERE {
        let depth = path.matches('/').count();
        let target = format!("{}{HIDDEN_BIN}/{command}", "../".repeat(depth));
        replace_link(&target, &usr.join(path))?;
    }
    for (path, target) in names::LINKS {
        replace_link(target, &usr.join(path))?;
    }
    let emulator = usr.join(EMULATOR);
    fs::copy(binary, &emulator).map_err(file("copy", binary))?;
    fs::set_permissions(&emulator, fs::Permissions::from_mode(0o555))
        .map_err(file("change", &emulator))?;
    // A program built on a newer Linux may want functions that the image's libc lacks; without
    // this it would be found out by every command of the zone.
    run(image.program(Path::new("--list"), &[]).arg(&emulator))?;
    link_emulated(usr, |path| path.strip_prefix("usr/").map(str::to_owned))?;
    write_versions(image, &usr.join(VERSIONS))
}

/// The commands of a layer over `/usr`, or of a layer over the root, as links to the emulator.
fn link_emulated(tree: &Path, below: impl Fn(&str) -> Option<String>) -> Result<(), SandboxError> {
    for command in emulate::commands() {
        if let Some(path) = below(&unmerged(command.path)) {
            let path = tree.join(path);
            if let Some(parent) = path.parent() {
                make_folder(parent)?;
            }
            replace_link(&format!("/usr/{EMULATOR}"), &path)?;
        }
    }
    Ok(())
}

/// `/bin`, `/sbin` and `/lib` are links into `usr`. Without the leading slash.
fn unmerged(path: &str) -> String {
    let path = path.trim_start_matches('/');
    match path.split('/').next() {
        Some("bin" | "sbin" | "lib") => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

fn keep_hidden(below: &str, from: &Path, to: &Path) -> Result<(), SandboxError> {
    match fs::read_link(from) {
        Ok(target) => {
            let target = moved_target(below, &target.to_string_lossy());
            symlink(target, to).map_err(file("link", to))
        }
        Err(_) => fs::hard_link(from, to).map_err(file("link", to)),
    }
}

fn make_root(image: &Image, root: &Path) -> Result<(), SandboxError> {
    make_folder(root)?;
    for (path, mode) in files::FOLDERS {
        let folder = root.join(path);
        make_folder(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(*mode))
            .map_err(file("change", &folder))?;
        make_opaque(&folder)?;
    }
    for text in files::FILES {
        write_text(root, text)?;
    }
    for name in files::TAKEN_OVER {
        let from = image.root().join("etc").join(name);
        if from.exists() {
            copy(&from, &root.join("etc").join(name))?;
        }
    }
    for path in files::HIDDEN {
        whiteout(&root.join(path))?;
    }
    for (path, target) in files::LINKS {
        replace_link(target, &root.join(path))?;
    }
    own_home(&root.join("home/admin"))?;
    link_base_packages(image, &root.join("opt/local/bin"))?;
    link_emulated(root, |path| {
        (!path.starts_with("usr/")).then(|| path.to_owned())
    })
}

fn write_text(tree: &Path, text: &files::TextFile) -> Result<(), SandboxError> {
    let path = tree.join(text.path);
    fs::write(&path, text.text).map_err(file("write", &path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(text.mode)).map_err(file("change", &path))
}

/// What base-64 has under `/opt/local/bin`: GNU's tools, with and without their `g`.
fn link_base_packages(image: &Image, bin: &Path) -> Result<(), SandboxError> {
    for (_, debian, has_prefix) in names::BASE {
        let files = image.files_of(debian)?.unwrap_or_default();
        for command in files.iter().filter_map(|path| command_name(path)) {
            let target = format!("/usr/{HIDDEN_BIN}/{command}");
            replace_link(&target, &bin.join(command))?;
            if *has_prefix {
                replace_link(&target, &bin.join(format!("g{command}")))?;
            }
        }
    }
    Ok(())
}

fn own_home(home: &Path) -> Result<(), SandboxError> {
    for path in [
        home.to_path_buf(),
        home.join(".ssh"),
        home.join(".ssh/environment"),
        home.join(".bashrc"),
    ] {
        std::os::unix::fs::chown(&path, Some(100), Some(10)).map_err(file("change", &path))?;
    }
    Ok(())
}

fn write_versions(image: &Image, path: &Path) -> Result<(), SandboxError> {
    let first: Vec<&str> = INDEX
        .iter()
        .filter_map(|e| e.debian.first().copied())
        .collect();
    let apt = PrivateApt::open(&image.folder.join("apt"))?;
    write_json(path, &apt.versions(&first)?)
}

fn whiteout(path: &Path) -> Result<(), SandboxError> {
    mknod(path, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).map_err(errno("make", path))
}

fn make_folder(path: &Path) -> Result<(), SandboxError> {
    fs::create_dir_all(path).map_err(file("make", path))
}

fn replace_link(target: &str, path: &Path) -> Result<(), SandboxError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(file("remove", path)(e)),
        _ => {}
    }
    symlink(target, path).map_err(file("link", path))
}

fn copy(from: &Path, to: &Path) -> Result<(), SandboxError> {
    let metadata = fs::symlink_metadata(from).map_err(file("read", from))?;
    if metadata.is_dir() {
        make_folder(to)?;
        for entry in fs::read_dir(from).map_err(file("list", from))?.flatten() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    } else if metadata.is_symlink() {
        let target = fs::read_link(from).map_err(file("read", from))?;
        symlink(target, to).map_err(file("link", to))
    } else {
        fs::copy(from, to).map(drop).map_err(file("copy", from))
    }
}

/// Marks a folder so that overlayfs shows nothing of the folder below it.
fn make_opaque(folder: &Path) -> Result<(), SandboxError> {
    let path = std::ffi::CString::new(folder.as_os_str().as_encoded_bytes())
        .map_err(|e| file("mark", folder)(e.into()))?;
    // SAFETY: all pointers are to live, terminated or sized buffers.
    let status = unsafe {
        nix::libc::setxattr(
            path.as_ptr(),
            c"trusted.overlay.opaque".as_ptr(),
            b"y".as_ptr().cast(),
            1,
            0,
        )
    };
    nix::errno::Errno::result(status)
        .map(drop)
        .map_err(errno("mark", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_folders_lead_into_usr() {
        assert_eq!(unmerged("/sbin/init"), "usr/sbin/init");
        assert_eq!(unmerged("/usr/bin/svcs"), "usr/bin/svcs");
        assert_eq!(unmerged("/opt/local/bin/pkgin"), "opt/local/bin/pkgin");
        assert_eq!(unmerged("/library"), "library");
    }
}
