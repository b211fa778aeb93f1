//! The log of every run: a folder with a record of its steps, and each step's output.
//!
//! The record is written at every step's begin and end, so that what a killed run did is known, and
//! so is what a run that goes on is doing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Folders, StoreError, alive, at, write_whole};

/// How many runs of a zone are kept.
pub const KEPT_RUNS: usize = 50;

/// The record in a run's folder.
const RECORD: &str = "run.json";

/// What happened in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct RunRecord {
    pub zone: String,
    /// zonewright's version.
    pub zonewright: String,
    /// Who ran it, as in `anna@mini`.
    pub user: String,
    /// The command line.
    pub command: Vec<String>,
    /// Seconds since 1970.
    pub started: u64,
    /// Milliseconds the whole run took, once it has ended.
    pub took_ms: Option<u64>,
    /// How it ended: `done`, `failed`; nothing while it runs or if it was killed.
    pub outcome: Option<String>,
    /// What went wrong, where something did.
    pub error: Option<String>,
    pub steps: Vec<StepRecord>,
}

/// One step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StepRecord {
    /// As in a plan: `build/netatalk/compile`.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// Seconds since 1970.
    pub started: u64,
    /// Milliseconds it took; nothing while it runs, or if the run was killed in it.
    pub took_ms: Option<u64>,
    /// The exit status of a script that failed.
    pub status: Option<i32>,
    /// What went wrong, where something did.
    pub error: Option<String>,
    /// The file with the step's output, in the run's folder.
    pub log: String,
}

/// Who asks for a run, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// As in `anna@mini`.
    pub user: String,
    /// The command line.
    pub command: Vec<String>,
}

/// A run of the past, or one that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `…/runs/ZONE/STARTED-NUMBER`
    pub folder: PathBuf,
    /// When it began in seconds since 1970, and a number among those of that second.
    order: (u64, u32),
}

impl Run {
    fn of(folder: PathBuf) -> Option<Self> {
        let (started, number) = folder.file_name()?.to_str()?.split_once('-')?;
        let order = (started.parse().ok()?, number.parse().ok()?);
        Some(Self { folder, order })
    }

    /// Its name among the zone's runs.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(&self.folder)
    }

    /// When it began, in seconds since 1970.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.order.0
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        alive::is_held(&self.folder)
    }

    /// What happened in it.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be read.
    pub fn record(&self) -> Result<RunRecord, StoreError> {
        let path = self.folder.join(RECORD);
        let text = fs::read(&path).map_err(at("read", &path))?;
        serde_json::from_slice(&text)
            .map_err(|error| at("understand", &path)(io::Error::other(error)))
    }
}

impl Folders {
    fn runs_of(&self, zone: &str) -> PathBuf {
        self.state.join("runs").join(zone)
    }

    /// Begins the log of a run, and lets go of the zone's oldest ones; `started` is in seconds since
    /// 1970.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be made.
    pub fn begin_run(
        &self,
        zone: &str,
        caller: &Caller,
        started: u64,
    ) -> Result<RunLog, StoreError> {
        let runs = self.runs_of(zone);
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
            _alive: alive,
            record: RunRecord {
                zone: zone.to_owned(),
                zonewright: env!("CARGO_PKG_VERSION").to_owned(),
                user: caller.user.clone(),
                command: caller.command.clone(),
                started,
                ..RunRecord::default()
            },
        };
        // a run that is killed in its first step is a run too
        log.save()?;
        for old in self.runs(zone)?.iter().skip(KEPT_RUNS) {
            if !old.is_running() {
                // what cannot be removed now is old the next time, too
                let _ = fs::remove_dir_all(&old.folder);
            }
        }
        Ok(log)
    }

    /// Whether a run of this controller is still going on.
    #[must_use]
    pub fn is_running(&self, zone: &str, run: &str) -> bool {
        alive::is_held(&self.runs_of(zone).join(run))
    }

    /// The runs of a zone, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be listed.
    pub fn runs(&self, zone: &str) -> Result<Vec<Run>, StoreError> {
        // no zone has such a name, and what it leads to is no folder of runs
        if zone.is_empty() || zone.starts_with('.') || zone.contains(['/', '\0']) {
            return Ok(Vec::new());
        }
        let runs = self.runs_of(zone);
        let entries = match fs::read_dir(&runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at("list", &runs))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let folder = entry.map_err(at("list", &runs))?.path();
            let is_run = folder.join(RECORD).is_file();
            found.extend(Run::of(folder).filter(|_| is_run));
        }
        found.sort_by_key(|run| std::cmp::Reverse(run.order));
        Ok(found)
    }

    /// The zones that have runs.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be listed.
    pub fn zones_with_runs(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.state.join("runs");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at("list", &folder))?,
        };
        let mut zones = Vec::new();
        for entry in entries {
            let name = entry.map_err(at("list", &folder))?.file_name();
            zones.extend(name.into_string().ok());
        }
        zones.sort();
        Ok(zones)
    }
}

/// The log of a run that is going on.
#[derive(Debug)]
pub struct RunLog {
    /// The run's folder.
    pub folder: PathBuf,
    record: RunRecord,
    _alive: alive::Alive,
}

impl RunLog {
    /// The name of the run's folder.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(&self.folder)
    }

    /// Records the begin of a step, and opens the file that takes its output.
    ///
    /// # Errors
    /// [`StoreError`] when either cannot be written.
    pub fn open_step(&mut self, id: &str, title: &str) -> Result<(PathBuf, fs::File), StoreError> {
        let number = self.record.steps.len() + 1;
        let name = format!("{number:02}-{}.log", file_name_of(id));
        let path = self.folder.join(&name);
        let file = fs::File::create(&path).map_err(at("write", &path))?;
        self.record.steps.push(StepRecord {
            id: id.to_owned(),
            title: title.to_owned(),
            started: now(),
            log: name,
            ..StepRecord::default()
        });
        self.save()?;
        Ok((path, file))
    }

    /// Records the end of the step that was begun last: its exit status and what went wrong, where
    /// something did.
    ///
    /// # Errors
    /// [`StoreError`] when the record cannot be written.
    pub fn end_step(
        &mut self,
        took: Duration,
        status: Option<i32>,
        error: Option<String>,
    ) -> Result<(), StoreError> {
        if let Some(step) = self.record.steps.last_mut() {
            step.took_ms = Some(milliseconds(took));
            step.status = status;
            step.error = error;
        }
        self.save()
    }

    /// Records the end of the run: how it ended, and what went wrong, where something did.
    ///
    /// # Errors
    /// [`StoreError`] when the record cannot be written.
    pub fn end(
        &mut self,
        outcome: &str,
        took: Duration,
        error: Option<String>,
    ) -> Result<(), StoreError> {
        self.record.outcome = Some(outcome.to_owned());
        self.record.took_ms = Some(milliseconds(took));
        self.record.error = error;
        self.save()
    }

    /// Whether a step was begun.
    #[must_use]
    pub fn has_steps(&self) -> bool {
        !self.record.steps.is_empty()
    }

    /// Removes the log of a run that did nothing.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be removed.
    pub fn discard(self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.folder).map_err(at("remove", &self.folder))
    }

    fn save(&self) -> Result<(), StoreError> {
        let path = self.folder.join(RECORD);
        let text = serde_json::to_vec_pretty(&self.record)
            .map_err(|error| at("write", &path)(io::Error::other(error)))?;
        write_whole(&path, &text)
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn name_of(folder: &Path) -> String {
    let name = folder.file_name();
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
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

    fn begin(folders: &Folders, started: u64) -> RunLog {
        let caller = Caller {
            user: "anna@mini".to_owned(),
            command: vec!["zonewright".to_owned(), "apply".to_owned(), "z".to_owned()],
        };
        folders.begin_run("z", &caller, started).unwrap()
    }

    #[test]
    fn two_runs_in_one_second_have_two_logs() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders_in(root.path());
        assert_eq!(folders.zones_with_runs().unwrap(), [""; 0]);
        let mut first = begin(&folders, 7);
        let second = begin(&folders, 7);
        assert_ne!(first.folder, second.folder);
        first.end("failed", Duration::from_millis(3), None).unwrap();
        let outcomes: Vec<_> = folders
            .runs("z")
            .unwrap()
            .into_iter()
            .map(|run| run.record().unwrap().outcome)
            .collect();
        assert_eq!(outcomes, [None, Some("failed".to_owned())]);
        assert_eq!(folders.zones_with_runs().unwrap(), ["z"]);
    }

    #[test]
    fn a_run_says_what_it_is_doing_and_what_it_did() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders_in(root.path());
        let mut log = begin(&folders, 7);
        log.open_step("build/a/compile", "compile a").unwrap();
        let run = folders.runs("z").unwrap().remove(0);
        assert!(run.is_running());
        assert!(folders.is_running("z", &run.name()));
        let record = run.record().unwrap();
        assert_eq!(record.user, "anna@mini");
        assert_eq!(record.command.join(" "), "zonewright apply z");
        assert_eq!(record.zonewright, env!("CARGO_PKG_VERSION"));
        let step = &record.steps[0];
        assert_eq!((step.took_ms, step.title.as_str()), (None, "compile a"));
        assert!(step.started > 1_600_000_000);
        assert!(run.folder.join(&step.log).is_file());

        let error = Some("compile a failed".to_owned());
        log.end_step(Duration::from_secs(2), Some(1), error.clone())
            .unwrap();
        log.end("failed", Duration::from_secs(3), error.clone())
            .unwrap();
        drop(log);
        assert!(!run.is_running());
        let record = run.record().unwrap();
        assert_eq!(record.steps[0].took_ms, Some(2000));
        assert_eq!(record.steps[0].status, Some(1));
        assert_eq!(record.steps[0].error, error);
        assert_eq!(record.error, error);
    }

    #[test]
    fn the_oldest_runs_go_except_those_that_go_on() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders_in(root.path());
        let runs = folders.runs_of("z");
        fs::create_dir_all(runs.join("kept by hand")).unwrap();
        let oldest = begin(&folders, 5);
        // as text the second would come first
        for started in [9, 10] {
            drop(begin(&folders, started));
        }
        for number in 0..KEPT_RUNS as u64 {
            drop(begin(&folders, 100 + number));
        }
        let left = folders.runs("z").unwrap();
        assert_eq!(left.len(), KEPT_RUNS + 1);
        assert_eq!(left[0].started(), 100 + KEPT_RUNS as u64 - 1);
        assert_eq!(left[KEPT_RUNS].folder, oldest.folder);
        assert!(runs.join("kept by hand").is_dir());
        drop(oldest);
        drop(begin(&folders, 1000));
        assert_eq!(folders.runs("z").unwrap().len(), KEPT_RUNS);
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders_in(root.path());
        let log = begin(&folders, 7);
        let old = r#"{"zone":"z","started":7,"took-ms":3,"outcome":"done",
                      "steps":[{"id":"a","took-ms":2,"error":null,"log":"01-a.log"}]}"#;
        fs::write(log.folder.join(RECORD), old).unwrap();
        let record = folders.runs("z").unwrap()[0].record().unwrap();
        assert_eq!(record.steps[0].took_ms, Some(2));
        fs::write(log.folder.join(RECORD), "{").unwrap();
        let error = folders.runs("z").unwrap()[0].record().unwrap_err();
        assert!(error.to_string().starts_with("cannot understand "));
    }
}
