//! SSH keys: one for the client, and a pair of host keys for each zone.
//!
//! The machine may have no `ssh-keygen`, so the image's runs, by the image's own loader and
//! libraries, without entering the image.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sandbox::error::{SandboxError, file, run};
use crate::sandbox::image::Image;
use crate::sandbox::paths;

/// The kinds of host key a zone has.
const HOST_KEYS: [&str; 2] = ["rsa", "ed25519"];

/// The client's private key in the state folder, made if it is not there.
pub(crate) fn client_key(image: &Image, state: &Path) -> Result<PathBuf, SandboxError> {
    let path = state.join("id_ed25519");
    if !path.exists() {
        let partial = state.join("id_ed25519.partial");
        let public = |p: &Path| p.with_file_name(format!("{}.pub", name_of(p)));
        for old in [&partial, &public(&partial)] {
            remove(old)?;
        }
        generate(image, "ed25519", &partial, "zonewright-sandbox")?;
        fs::rename(public(&partial), public(&path)).map_err(file("rename", &partial))?;
        fs::rename(&partial, &path).map_err(file("rename", &partial))?;
    }
    Ok(path)
}

/// Puts host keys into a folder: those made beforehand, or else new ones.
pub(crate) fn host_keys(image: &Image, state: &Path, folder: &Path) -> Result<(), SandboxError> {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let spare = state.join("spare-keys");
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    let taken = state.join(format!("spare-keys.{}.{number}", std::process::id()));
    if fs::rename(&spare, &taken).is_ok() {
        for entry in fs::read_dir(&taken)
            .map_err(file("list", &taken))?
            .flatten()
        {
            let target = folder.join(entry.file_name());
            fs::copy(entry.path(), &target).map_err(file("write", &target))?;
        }
        return fs::remove_dir_all(&taken).map_err(file("remove", &taken));
    }
    make_host_keys(image, folder)
}

/// Makes the next zone's host keys, for an RSA key takes longer than the rest of a start.
pub(crate) fn make_spare(image: &Image, state: &Path) -> Result<(), SandboxError> {
    let spare = state.join("spare-keys");
    // Zones that start at once would each begin to make them, in one place.
    let _alone = paths::exclusive(state, "spare-keys.lock")?;
    if spare.exists() {
        return Ok(());
    }
    paths::make_whole(&spare, |partial| {
        fs::create_dir(partial).map_err(file("make", partial))?;
        make_host_keys(image, partial)
    })
}

fn make_host_keys(image: &Image, folder: &Path) -> Result<(), SandboxError> {
    for kind in HOST_KEYS {
        generate(
            image,
            kind,
            &folder.join(format!("ssh_host_{kind}_key")),
            "",
        )?;
    }
    Ok(())
}

/// The public host keys in a folder, one line each.
pub(crate) fn public_keys(folder: &Path) -> Result<Vec<String>, SandboxError> {
    HOST_KEYS
        .iter()
        .map(|kind| {
            let path = folder.join(format!("ssh_host_{kind}_key.pub"));
            fs::read_to_string(&path)
                .map(|t| t.trim().to_owned())
                .map_err(file("read", &path))
        })
        .collect()
}

fn generate(image: &Image, kind: &str, path: &Path, comment: &str) -> Result<(), SandboxError> {
    let mut command = image.program(&image.root().join("usr/bin/ssh-keygen"), &[]);
    command.args(["-q", "-t", kind, "-N", "", "-C", comment]);
    if kind == "rsa" {
        command.args(["-b", "2048"]);
    }
    run(command.arg("-f").arg(path)).map(drop)
}

fn remove(path: &Path) -> Result<(), SandboxError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file("remove", path)(e)),
        _ => Ok(()),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
