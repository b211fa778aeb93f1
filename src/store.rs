//! The controller's own folders: built packages by build key, and a log of every run.
//!
//! Everything is written beside its place and renamed, so a run that is broken off leaves nothing
//! half written, and two runs at once do not meet.

mod alive;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::StoredPackage;

/// A file of the controller's that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}")]
pub struct StoreError {
    operation: &'static str,
    path: String,
    #[source]
    source: io::Error,
}

fn at<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| StoreError {
        operation,
        path: path.display().to_string(),
        source,
    }
}

/// Where the controller keeps what can be made again (cache) and what cannot (state).
#[derive(Debug, Clone)]
pub struct Folders {
    /// `$XDG_CACHE_HOME/zonewright`
    pub cache: PathBuf,
    /// `$XDG_STATE_HOME/zonewright`
    pub state: PathBuf,
    /// Built packages by build key.
    pub packages: PathBuf,
}

impl Folders {
    /// The folders of the XDG base directory specification, from these variables' values.
    #[must_use]
    pub fn from_environment(get: &dyn Fn(&str) -> Option<PathBuf>) -> Self {
        let home = get("HOME").unwrap_or_else(|| PathBuf::from("/"));
        // the specification says that a relative path is to be ignored
        let folder = |name: &str, default: &str| {
            get(name)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(default))
        };
        let cache = folder("XDG_CACHE_HOME", ".cache").join("zonewright");
        Self {
            packages: cache.join("packages"),
            cache,
            state: folder("XDG_STATE_HOME", ".local/state").join("zonewright"),
        }
    }

    /// The same folders with a store of packages of its own. Programs built for one system must never
    /// be taken for another's, even where everything else that decides a build is the same.
    #[must_use]
    pub fn with_packages_of(mut self, system: &str) -> Self {
        self.packages = self.cache.join(format!("packages-{system}"));
        self
    }

    fn package(&self, key: &str) -> PathBuf {
        self.packages.join(key)
    }

    /// The stored package of a build key, without its bytes.
    ///
    /// # Errors
    /// [`StoreError`] when it is there and cannot be read.
    pub fn stored(&self, key: &str) -> Result<Option<StoredPackage>, StoreError> {
        let folder = self.package(key);
        // what an earlier version kept otherwise is not there: it can be made again
        let parts = ["package.tgz", "outside.tar", "platform"];
        if !parts.iter().all(|part| folder.join(part).is_file()) {
            return Ok(None);
        }
        let path = folder.join("outside.tar");
        let bytes = fs::read(&path).map_err(at("read", &path))?;
        let mut outside = BTreeMap::new();
        let mut archive = tar::Archive::new(bytes.as_slice());
        for entry in archive.entries().map_err(at("read", &path))? {
            let mut entry = entry.map_err(at("read", &path))?;
            let name = format!("/{}", entry.path().map_err(at("read", &path))?.display());
            let mut content = Vec::new();
            io::Read::read_to_end(&mut entry, &mut content).map_err(at("read", &path))?;
            outside.insert(name, content);
        }
        let path = folder.join("platform");
        let platform = fs::read_to_string(&path).map_err(at("read", &path))?;
        let path = folder.join("package.tgz");
        let size_bytes = fs::metadata(&path).map_err(at("look at", &path))?.len();
        Ok(Some(StoredPackage {
            outside,
            size_bytes,
            platform,
        }))
    }

    /// The bytes of a stored package.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn package_bytes(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.package(key).join("package.tgz");
        fs::read(&path).map_err(at("read", &path))
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
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in &beside.outside {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            let name = path.trim_start_matches('/');
            builder
                .append_data(&mut header, name, content.as_slice())
                .map_err(at("pack", Path::new(path)))?;
        }
        let outside = builder.into_inner().map_err(at("pack", &folder))?;
        write_whole(&folder.join("outside.tar"), &outside)?;
        write_whole(&folder.join("platform"), beside.platform.as_bytes())?;
        let path = folder.join("package.tgz");
        write_whole(&path, package)?;
        Ok(path)
    }

    /// What this controller is known by to others: made once, and at random.
    ///
    /// # Errors
    /// [`StoreError`] when it can be neither read nor written.
    pub fn controller_id(&self) -> Result<String, StoreError> {
        let path = self.state.join("controller-id");
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at("read", &path)(error));
            }
            _ => {}
        }
        fs::create_dir_all(&self.state).map_err(at("make", &self.state))?;
        let id = fresh_name();
        write_whole(&path, format!("{id}\n").as_bytes())?;
        Ok(id)
    }

    /// Whether a run of this controller is still going on.
    #[must_use]
    pub fn is_running(&self, zone: &str, run: &str) -> bool {
        alive::is_held(&self.state.join("runs").join(zone).join(run))
    }

    /// Begins the log of a run; `started` is in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be made.
    pub fn begin_run(&self, zone: &str, started: u64) -> Result<RunLog, StoreError> {
        let runs = self.state.join("runs").join(zone);
        fs::create_dir_all(&runs).map_err(at("make", &runs))?;
        let mut number = 0;
        let folder = loop {
            let folder = runs.join(format!("{started}-{number:02}"));
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(at("make", &folder)(error)),
            }
        };
        let alive = alive::hold(&folder).map_err(at("lock", &folder))?;
        let log = RunLog {
            folder,
            opened: 0,
            _alive: alive,
            record: RunRecord {
                zone: zone.to_owned(),
                started,
                ..RunRecord::default()
            },
        };
        // a run that is killed in its first step is a run too
        log.save()?;
        Ok(log)
    }

    /// The runs of a zone, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when a log cannot be read.
    pub fn runs(&self, zone: &str) -> Result<Vec<(PathBuf, RunRecord)>, StoreError> {
        let runs = self.state.join("runs").join(zone);
        let entries = match fs::read_dir(&runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at("list", &runs))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let folder = entry.map_err(at("list", &runs))?.path();
            let path = folder.join("run.json");
            let Ok(text) = fs::read(&path) else { continue };
            let record = serde_json::from_slice(&text)
                .map_err(|error| at("understand", &path)(io::Error::other(error)))?;
            found.push((folder, record));
        }
        found.sort_by(|a, b| b.0.cmp(&a.0));
        Ok(found)
    }

    /// The zones that have runs.
    #[must_use]
    pub fn zones_with_runs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state.join("runs"))
            .into_iter()
            .flatten()
            .flatten();
        let mut zones: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        zones.sort();
        zones
    }
}

/// A name that nothing else has: 16 hexadecimal digits.
#[must_use]
pub fn fresh_name() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    // each state is seeded from the system's random source
    let number = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    format!("{number:016x}")
}

/// Writes a file beside its place and renames it.
///
/// # Errors
/// [`StoreError`] with the path.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(at("write in", folder))?;
    file.write_all(bytes).map_err(at("write", path))?;
    // a rename that outlives a power cut while the bytes do not would leave an empty file
    file.as_file().sync_all().map_err(at("write", path))?;
    file.persist(path)
        .map_err(|error| at("write", path)(error.error))?;
    Ok(())
}

/// What happened in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    pub zone: String,
    /// Seconds since 1970.
    pub started: u64,
    /// Milliseconds the whole run took, once it has ended.
    pub took_ms: Option<u64>,
    /// How it ended: `done`, `nothing to do`, `failed`; nothing while it runs or if it was killed.
    pub outcome: Option<String>,
    pub steps: Vec<StepRecord>,
}

/// One step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepRecord {
    pub id: String,
    pub took_ms: u64,
    /// What went wrong, where something did.
    pub error: Option<String>,
    /// The file with the step's output, in the run's folder.
    pub log: String,
}

/// The log of a run that is going on.
#[derive(Debug)]
pub struct RunLog {
    /// The run's folder.
    pub folder: PathBuf,
    record: RunRecord,
    /// How many steps have a log.
    opened: usize,
    _alive: alive::Alive,
}

impl RunLog {
    /// The name of the run's folder.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.folder.file_name();
        name.map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// The file that takes a step's output, made empty.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be made.
    pub fn open_step(&mut self, id: &str) -> Result<(PathBuf, fs::File), StoreError> {
        self.opened += 1;
        let name = format!("{:02}-{}.log", self.opened, file_name_of(id));
        let path = self.folder.join(name);
        let file = fs::File::create(&path).map_err(at("write", &path))?;
        Ok((path, file))
    }

    /// Records the end of a step.
    ///
    /// # Errors
    /// [`StoreError`] when the record cannot be written.
    pub fn end_step(&mut self, step: StepRecord) -> Result<(), StoreError> {
        self.record.steps.push(step);
        self.save()
    }

    /// Records the end of the run.
    ///
    /// # Errors
    /// [`StoreError`] when the record cannot be written.
    pub fn end(&mut self, outcome: &str, took_ms: u64) -> Result<(), StoreError> {
        self.record.outcome = Some(outcome.to_owned());
        self.record.took_ms = Some(took_ms);
        self.save()
    }

    fn save(&self) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(&self.record).unwrap_or_default();
        write_whole(&self.folder.join("run.json"), &text)
    }
}

/// A step's id in the letters of a file name.
fn file_name_of(id: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = id.chars().map(letter).collect();
    name.trim_matches('-').chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders_in(root: &Path) -> Folders {
        Folders {
            cache: root.join("c"),
            state: root.join("s"),
            packages: root.join("p"),
        }
    }

    #[test]
    fn a_package_comes_back_as_it_was_kept() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders_in(root.path());
        assert_eq!(folders.stored("k").unwrap(), None);
        let outside: BTreeMap<String, Vec<u8>> = [(
            "/var/svc/manifest/network/x.xml".to_owned(),
            b"<xml/>".to_vec(),
        )]
        .into();
        let kept = StoredPackage {
            outside,
            size_bytes: 3,
            platform: "joyent_20241212T000720Z".to_owned(),
        };
        folders.keep_package("k", b"tgz", &kept).unwrap();
        assert_eq!(folders.stored("k").unwrap(), Some(kept));
        assert_eq!(folders.package_bytes("k").unwrap(), b"tgz");
    }

    #[test]
    fn two_runs_in_one_second_have_two_logs() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders_in(root.path());
        let mut first = folders.begin_run("z", 7).unwrap();
        let second = folders.begin_run("z", 7).unwrap();
        assert_ne!(first.folder, second.folder);
        first
            .end_step(StepRecord {
                id: "a/b".into(),
                ..StepRecord::default()
            })
            .unwrap();
        first.end("failed", 3).unwrap();
        let outcomes: Vec<_> = folders
            .runs("z")
            .unwrap()
            .into_iter()
            .map(|(_, r)| r.outcome)
            .collect();
        assert_eq!(outcomes, [None, Some("failed".to_owned())]);
        assert_eq!(folders.zones_with_runs(), ["z"]);
    }

    #[test]
    fn relative_base_folders_are_ignored() {
        let get = |name: &str| match name {
            "HOME" => Some(PathBuf::from("/h")),
            "XDG_CACHE_HOME" => Some(PathBuf::from("x")),
            _ => None,
        };
        let folders = Folders::from_environment(&get);
        assert_eq!(folders.cache, Path::new("/h/.cache/zonewright"));
        assert_eq!(folders.state, Path::new("/h/.local/state/zonewright"));
    }
}
