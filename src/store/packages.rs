//! Built packages, by build key.
//!
//! A package is a folder with the checksums of what else is in it, written last. One whose files are
//! not what was written is as good as none: it is made again, and never reaches a zone. Whoever reads one
//! keeps writers out until it is done, as two zones with the same inputs share it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::{Folders, StoreError, at, write_whole};
use crate::plan::StoredPackage;
use crate::receipt::sha256_hex;

/// The package itself.
const PACKAGE: &str = "package.tgz";
/// What the build staged outside the prefix.
const OUTSIDE: &str = "outside.tar";
/// The platform stamp of the zone that built it.
const PLATFORM: &str = "platform";
/// Their checksums, as `sha256sum -c` reads them.
const SUMS: &str = "sha256sums";
/// Locked by whoever reads or writes the others.
const LOCK: &str = "lock";

/// What the store has under a build key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    Package(StoredPackage),
    /// Something that is not what was written.
    Damaged {
        /// The file that is not.
        path: PathBuf,
    },
}

impl Folders {
    fn package(&self, key: &str) -> PathBuf {
        self.packages.join(key)
    }

    /// The stored package of a build key, without its bytes.
    ///
    /// # Errors
    /// [`StoreError`] when it is there and cannot be read.
    pub fn stored(&self, key: &str) -> Result<Kept, StoreError> {
        let folder = self.package(key);
        let _lock = lock(&folder, FlockArg::LockShared)?;
        let Some(sums) = sums(&folder)? else {
            return Ok(Kept::Nothing);
        };
        let mut parts = Vec::new();
        for name in [PACKAGE, OUTSIDE, PLATFORM] {
            let path = folder.join(name);
            match whole(&path, sums.get(name))? {
                Some(bytes) => parts.push(bytes),
                None => return Ok(Kept::Damaged { path }),
            }
        }
        let [package, outside, platform] = parts.as_slice() else {
            return Ok(Kept::Nothing);
        };
        Ok(Kept::Package(StoredPackage {
            outside: unpack(outside).map_err(at("read", &folder.join(OUTSIDE)))?,
            size_bytes: package.len() as u64,
            platform: String::from_utf8_lossy(platform).into_owned(),
        }))
    }

    /// The bytes of a stored package.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read, or is not what was written.
    pub fn package_bytes(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let folder = self.package(key);
        let path = folder.join(PACKAGE);
        let _lock = lock(&folder, FlockArg::LockShared)?;
        let sums = sums(&folder)?.unwrap_or_default();
        let bytes = whole(&path, sums.get(PACKAGE))?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged");
        bytes.ok_or_else(damaged).map_err(at("use", &path))
    }

    /// Keeps a package under its build key and says where.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn keep_package(
        &self,
        key: &str,
        package: &[u8],
        beside: &StoredPackage,
    ) -> Result<PathBuf, StoreError> {
        let folder = self.package(key);
        fs::create_dir_all(&folder).map_err(at("make", &folder))?;
        let _lock = lock(&folder, FlockArg::LockExclusive)?;
        // what is half written is nothing
        let path = folder.join(SUMS);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at("remove", &path)(error));
            }
            _ => {}
        }
        let outside = pack(&beside.outside).map_err(at("pack", &folder))?;
        let mut sums = String::new();
        let parts = [
            (PACKAGE, package),
            (OUTSIDE, &outside),
            (PLATFORM, beside.platform.as_bytes()),
        ];
        for (name, bytes) in parts {
            write_whole(&folder.join(name), bytes)?;
            sums.push_str(&format!("{}  {name}\n", sha256_hex(bytes)));
        }
        write_whole(&path, sums.as_bytes())?;
        Ok(folder.join(PACKAGE))
    }
}

/// Locks a package as long as the answer lives; one that is not there needs none.
fn lock(folder: &Path, how: FlockArg) -> Result<Option<Flock<File>>, StoreError> {
    let path = folder.join(LOCK);
    // NFS locks only what is open for writing
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(false);
    let file = match options.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(at("open", &path))?,
    };
    let lock = Flock::lock(file, how);
    lock.map(Some)
        .map_err(|(_, errno)| at("lock", &path)(errno.into()))
}

/// The recorded checksums by file; nothing where there is no whole package, or one that an earlier
/// version kept without them.
fn sums(folder: &Path) -> Result<Option<BTreeMap<String, String>>, StoreError> {
    let path = folder.join(SUMS);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(at("read", &path))?,
    };
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    let sums = lines.map(|(sum, name)| (name.to_owned(), sum.to_owned()));
    Ok(Some(sums.collect()))
}

/// The content of a file, if it is what was recorded.
fn whole(path: &Path, sum: Option<&String>) -> Result<Option<Vec<u8>>, StoreError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(at("read", path))?,
    };
    Ok(Some(bytes).filter(|bytes| sum == Some(&sha256_hex(bytes))))
}

fn pack(files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let name = path.trim_start_matches('/');
        builder.append_data(&mut header, name, content.as_slice())?;
    }
    builder.into_inner()
}

fn unpack(bytes: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries()? {
        let mut entry = entry?;
        let name = format!("/{}", entry.path()?.display());
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(name, content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Folders, StoredPackage) {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders {
            cache: root.path().join("c"),
            state: root.path().join("s"),
            packages: root.path().join("p"),
        };
        let outside = [(
            "/var/svc/manifest/network/x.xml".to_owned(),
            b"<xml/>".to_vec(),
        )];
        let kept = StoredPackage {
            outside: outside.into(),
            size_bytes: 3,
            platform: "joyent_20241212T000720Z".to_owned(),
        };
        (root, folders, kept)
    }

    #[test]
    fn a_package_comes_back_as_it_was_kept() {
        let (_root, folders, kept) = store();
        assert_eq!(folders.stored("k").unwrap(), Kept::Nothing);
        folders.keep_package("k", b"tgz", &kept).unwrap();
        assert_eq!(folders.stored("k").unwrap(), Kept::Package(kept.clone()));
        assert_eq!(folders.package_bytes("k").unwrap(), b"tgz");
        // and again, over what is there
        folders.keep_package("k", b"two", &kept).unwrap();
        assert_eq!(folders.package_bytes("k").unwrap(), b"two");
    }

    #[test]
    fn a_package_is_read_whole_while_another_run_keeps_it_anew() {
        let (_root, folders, kept) = store();
        folders.keep_package("k", b"tgz", &kept).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..20 {
                    folders.keep_package("k", b"tgz", &kept).unwrap();
                }
            });
            while !writer.is_finished() {
                assert_eq!(folders.package_bytes("k").unwrap(), b"tgz");
                assert_eq!(folders.stored("k").unwrap(), Kept::Package(kept.clone()));
            }
        });
    }

    #[test]
    fn whatever_part_is_damaged_the_package_counts_as_not_there() {
        for name in [PACKAGE, OUTSIDE, PLATFORM] {
            let (_root, folders, kept) = store();
            folders.keep_package("k", b"tgz", &kept).unwrap();
            let path = folders.package("k").join(name);
            let bytes = fs::read(&path).unwrap();
            let cut = &bytes[..bytes.len() - 1];
            for change in [Some(cut), Some(b""), None] {
                match change {
                    Some(bytes) => fs::write(&path, bytes).unwrap(),
                    None => fs::remove_file(&path).unwrap(),
                }
                let damaged = Kept::Damaged { path: path.clone() };
                assert_eq!(folders.stored("k").unwrap(), damaged, "{name}");
            }
            folders.keep_package("k", b"tgz", &kept).unwrap();
            assert_eq!(folders.stored("k").unwrap(), Kept::Package(kept));
        }
    }

    #[test]
    fn the_bytes_of_a_package_that_was_cut_are_never_given_away() {
        let (_root, folders, kept) = store();
        let path = folders.keep_package("k", b"tgz", &kept).unwrap();
        fs::write(&path, b"tg").unwrap();
        let error = folders.package_bytes("k").unwrap_err();
        assert!(error.to_string().contains("package.tgz"), "{error}");
        // no checksums is no package
        fs::write(&path, b"tgz").unwrap();
        fs::remove_file(path.with_file_name(SUMS)).unwrap();
        assert!(folders.package_bytes("k").is_err());
        assert_eq!(folders.stored("k").unwrap(), Kept::Nothing);
    }

    #[test]
    fn a_package_that_was_being_written_is_nothing() {
        let (_root, folders, kept) = store();
        folders.keep_package("k", b"tgz", &kept).unwrap();
        fs::remove_file(folders.package("k").join(SUMS)).unwrap();
        fs::remove_file(folders.package("k").join(PLATFORM)).unwrap();
        assert_eq!(folders.stored("k").unwrap(), Kept::Nothing);
    }
}
