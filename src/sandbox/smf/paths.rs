//! Where SMF keeps its files, below a root that is `/` in a zone and a temporary folder in tests.
//!
//! The door is a Unix socket here; on SmartOS it is a real door, and the repository is an SQLite
//! file where ours is JSON.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folder layout of one zone.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
    /// The program, with its leading arguments and environment, that holds a contract.
    holder: Holder,
}

/// How a contract's holder process is started.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; the contract's folder follows as the last one.
    pub arguments: Vec<OsString>,
    /// Set in its environment to the contract's folder too, for programs that own their arguments.
    pub variable: Option<String>,
}

impl Paths {
    /// The layout of the zone this process lives in.
    #[must_use]
    pub fn zone() -> Self {
        Self {
            root: PathBuf::from("/"),
            holder: Holder {
                program: PathBuf::from("/usr/bin/ctrun"),
                arguments: vec![OsString::from(super::contract::HOLD)],
                variable: None,
            },
        }
    }

    /// A layout below `root`, with another program as holder.
    #[must_use]
    pub fn below(root: &Path, holder: Holder) -> Self {
        Self {
            root: root.to_path_buf(),
            holder,
        }
    }

    /// The zone's root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How a contract's holder is started.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// An absolute path of the zone as this process sees it.
    #[must_use]
    pub fn inside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The repository's file.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.inside("/etc/svc/repository.db")
    }

    /// The socket on which the repository answers.
    #[must_use]
    pub fn door(&self) -> PathBuf {
        self.inside("/etc/svc/volatile/repository_door")
    }

    /// The folder of live contracts.
    #[must_use]
    pub fn contracts(&self) -> PathBuf {
        self.inside("/system/contract/process")
    }

    /// The folder of instance logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.inside("/var/svc/log")
    }
}
