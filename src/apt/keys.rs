//! The keys that a mirror's releases are verified with.
//!
//! apt takes a key file for one by the end of its name: `.asc` for an armoured one, `.gpg` for any
//! other. Elsewhere people name them as they like, so copies get names of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{AptError, during, run};
use super::mirror::Mirror;
use super::{PrivateApt, write};

/// The key files that Debian's package of that name installs, below `/`.
const KEYRING: &str = "usr/share/keyrings/debian-archive-keyring.gpg";

const MACHINE_ETC: &str = "/etc/apt";

/// Trusts Debian's keys, and those that the machine trusts for this mirror: it may sign anew.
pub(super) fn copy(mirror: &Mirror, trusted: &Path) -> Result<(), AptError> {
    let signed_by = mirror.signed_by();
    let debian = Path::new("/").join(KEYRING);
    let mut keys: Vec<PathBuf> = Vec::new();
    if debian.exists() {
        keys.push(debian);
    }
    if signed_by.starts_with("-----BEGIN") {
        write(&trusted.join("embedded.asc"), signed_by)?;
    } else {
        let (files, fingerprints): (Vec<&str>, Vec<&str>) = signed_by
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .partition(|word| word.starts_with('/'));
        keys.extend(files.into_iter().map(PathBuf::from));
        // A fingerprint is one of a key that the machine trusts for everything.
        if keys.is_empty() || !fingerprints.is_empty() {
            keys.extend(general_keys(Path::new(MACHINE_ETC))?);
        }
    }
    keys.dedup();
    for (number, key) in keys.iter().enumerate() {
        copy_key(key, trusted, &number.to_string())?;
    }
    Ok(())
}

/// The keys that the machine trusts for archives that name none.
fn general_keys(etc: &Path) -> Result<Vec<PathBuf>, AptError> {
    let mut keys = Vec::new();
    let parts = etc.join("trusted.gpg.d");
    if parts.is_dir() {
        for entry in fs::read_dir(&parts).map_err(during("list", &parts))? {
            keys.push(entry.map_err(during("list", &parts))?.path());
        }
    }
    keys.push(etc.join("trusted.gpg"));
    keys.retain(|key| key.extension().is_some_and(|e| e == "gpg" || e == "asc") && key.is_file());
    keys.sort();
    Ok(keys)
}

fn copy_key(key: &Path, folder: &Path, name: &str) -> Result<(), AptError> {
    let bytes = fs::read(key).map_err(during("read", key))?;
    let end = if bytes.starts_with(b"-----BEGIN") {
        "asc"
    } else {
        "gpg"
    };
    let target = folder.join(format!("{name}.{end}"));
    fs::write(&target, bytes).map_err(during("write", &target))
}

/// Takes Debian's newest keyring package from the machine's own archive, by the machine's own keys.
pub(super) fn fetch(work: &Path, trusted: &Path) -> Result<(), AptError> {
    let apt = PrivateApt::open_under(&work.join("apt"), Some(Path::new(MACHINE_ETC)))?;
    apt.read_lists("this machine's own archives")?;
    let operation = || "fetching Debian's keys".to_owned();
    let mut download = apt.command("apt-get");
    download
        .args(["download", "-qq", "debian-archive-keyring"])
        .current_dir(work);
    run("apt-get", &mut download, operation)?;
    let tree = work.join("tree");
    for entry in fs::read_dir(work).map_err(during("list", work))?.flatten() {
        if entry.path().extension().is_some_and(|e| e == "deb") {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("-x").arg(entry.path()).arg(&tree);
            run("dpkg-deb", &mut unpack, operation)?;
        }
    }
    copy_key(&tree.join(KEYRING), trusted, "newest")?;
    fs::remove_dir_all(work).map_err(during("remove", work))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debian and Ubuntu both have the package.
    #[test]
    fn the_newest_keys_come_from_the_machines_own_archive() {
        let folder = tempfile::tempdir().unwrap();
        let (work, trusted) = (folder.path().join("work"), folder.path().join("trusted"));
        fs::create_dir(&trusted).unwrap();
        match fetch(&work, &trusted) {
            Err(error @ (AptError::Missing(_) | AptError::Failed { .. })) => {
                assert!(std::env::var_os("CI").is_none(), "{error}");
                eprintln!("skipped: {error}");
            }
            result => {
                result.unwrap();
                assert!(fs::metadata(trusted.join("newest.gpg")).unwrap().len() > 1000);
                assert!(!work.exists());
            }
        }
    }

    #[test]
    fn a_copied_key_is_named_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("k.pgp");
        fs::write(&key, "-----BEGIN PGP").unwrap();
        copy_key(&key, folder.path(), "a").unwrap();
        fs::write(&key, [0x99, 1]).unwrap();
        copy_key(&key, folder.path(), "b").unwrap();
        assert!(folder.path().join("a.asc").is_file());
        assert_eq!(fs::read(folder.path().join("b.gpg")).unwrap(), [0x99, 1]);
    }

    #[test]
    fn the_keys_for_everything_are_those_that_apt_itself_would_take() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            general_keys(folder.path()).unwrap(),
            [""; 0].map(PathBuf::from)
        );
        let parts = folder.path().join("trusted.gpg.d");
        fs::create_dir(&parts).unwrap();
        for name in ["b.asc", "a.gpg", "c.gpg.old"] {
            fs::write(parts.join(name), "").unwrap();
        }
        fs::write(folder.path().join("trusted.gpg"), "").unwrap();
        let names: Vec<_> = general_keys(folder.path())
            .unwrap()
            .iter()
            .map(|key| key.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["trusted.gpg", "a.gpg", "b.asc"]);
    }
}
