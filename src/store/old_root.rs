//! What a zone's new root is to get from the old one, while the one is gone and the other not yet made up.
//!
//! Password hashes and, where that was asked for, SSH host keys: whoever kills this process between the two must not
//! have to know every password again. It is one file that only its owner reads, is written before the old root goes,
//! and is gone when the new one has what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Folders, StoreError, at};

/// What a file's name ends with until it is whole.
const NEW: &str = "json.new";

/// What was in a root that goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OldRoot {
    /// The uuid of its image: a zone that still has this one has its old root.
    pub image: String,
    /// Account → what the shadow file says of its password.
    pub hashes: BTreeMap<String, String>,
    /// An archive of the SSH host keys, where they are to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "digits")]
    pub host_keys: Option<Vec<u8>>,
}

/// Never what is in it: a message or a log may print it.
impl std::fmt::Debug for OldRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OldRoot")
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}

impl Folders {
    fn old_root_of(&self, uuid: &str) -> PathBuf {
        self.state.join("old-roots").join(format!("{uuid}.json"))
    }

    /// What is kept of the root that a zone had.
    ///
    /// # Errors
    /// [`StoreError`] when it is there and cannot be read.
    pub fn old_root(&self, uuid: &str) -> Result<Option<OldRoot>, StoreError> {
        let path = self.old_root_of(uuid);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at("read", &path)(error)),
        };
        let kept = serde_json::from_slice(&bytes);
        kept.map(Some)
            .map_err(|error| at("read", &path)(error.into()))
    }

    /// Keeps what a root has that goes, in place of what was kept before.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn keep_old_root(&self, uuid: &str, kept: &OldRoot) -> Result<(), StoreError> {
        let path = self.old_root_of(uuid);
        let folder = path.parent().unwrap_or(&self.state);
        fs::create_dir_all(folder)
            .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
            .map_err(at("make", folder))?;
        let text = serde_json::to_vec(kept).map_err(|error| at("write", &path)(error.into()))?;
        // whoever forgets it must find what a run left that was killed here, so the name is no random one
        let new = path.with_extension(NEW);
        let mut options = fs::OpenOptions::new();
        let opened = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new);
        let mut file = opened.map_err(at("make", &new))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, &path))
            .map_err(at("write", &path))
    }

    /// Removes what was kept of a root, if anything was.
    ///
    /// # Errors
    /// [`StoreError`] when it is there and stays.
    pub fn forget_old_root(&self, uuid: &str) -> Result<(), StoreError> {
        let path = self.old_root_of(uuid);
        for path in [path.with_extension(NEW), path] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(at("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Bytes as hexadecimal digits.
mod digits {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::hex::hex;

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(hex).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let bytes = bytes.filter(|_| rest.is_empty());
        bytes
            .map(Some)
            .ok_or_else(|| D::Error::custom("no hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_until_it_is_forgotten_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders {
            cache: folder.path().join("cache"),
            state: folder.path().join("state"),
            packages: folder.path().join("packages"),
        };
        assert_eq!(folders.old_root("u").unwrap(), None);
        folders.forget_old_root("u").unwrap();
        for host_keys in [None, Some(vec![0, 1, 0xff])] {
            let kept = OldRoot {
                image: "i".to_owned(),
                hashes: BTreeMap::from([("matt".to_owned(), "$6$a$secret".to_owned())]),
                host_keys,
            };
            folders.keep_old_root("u", &kept).unwrap();
            assert_eq!(folders.old_root("u").unwrap(), Some(kept.clone()));
            assert!(!format!("{kept:?}").contains("secret"));
        }
        let path = folders.old_root_of("u");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path) & 0o777, 0o600);
        assert_eq!(mode(path.parent().unwrap()) & 0o777, 0o700);
        fs::write(&path, r#"{"image": "i", "hashes": {}, "host-keys": "0g"}"#).unwrap();
        assert!(folders.old_root("u").is_err());
        folders.forget_old_root("u").unwrap();
        assert_eq!(folders.old_root("u").unwrap(), None);
    }
}
