//! The way into the repository: requests, replies, and the commands' end of the socket.
//!
//! Everybody may read; writing is for root. A reply carries a generation number, so a waiter can
//! ask for "anything newer than what I saw" and never misses a change.

use super::fmri::Fmri;
use super::model::{Property, Repository};
use super::paths::Paths;
use super::upgrade::Declared;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// The whole repository.
    Read,
    /// The whole repository, once it is newer than `generation` or `milliseconds` have passed.
    Wait {
        /// The generation that the asker has.
        generation: u64,
        /// The longest wait.
        milliseconds: u64,
    },
    /// Changes, all or none.
    Apply(Vec<Edit>),
}

/// One change of the repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Edit {
    /// Adds an empty service or instance.
    Add(Fmri),
    /// Removes a service or instance.
    Delete(Fmri),
    /// Adds an empty property group.
    AddGroup {
        /// The service or instance.
        fmri: Fmri,
        /// The group's name.
        group: String,
        /// Its type.
        kind: String,
        /// Forgotten at shutdown.
        nonpersistent: bool,
    },
    /// Removes a property group.
    DeleteGroup {
        /// The service or instance.
        fmri: Fmri,
        /// The group's name.
        group: String,
    },
    /// Sets a property of an existing group.
    Set {
        /// The service or instance.
        fmri: Fmri,
        /// The group's name.
        group: String,
        /// The property's name.
        name: String,
        /// Type and values.
        property: Property,
    },
    /// Removes a property.
    Unset {
        /// The service or instance.
        fmri: Fmri,
        /// The group's name.
        group: String,
        /// The property's name.
        name: String,
    },
    /// Enables or disables an instance.
    Enable {
        /// The instance.
        fmri: Fmri,
        /// Which of the two.
        enabled: bool,
        /// Until the next boot only.
        temporary: bool,
        /// Why it was disabled.
        comment: Option<String>,
    },
    /// Takes the running snapshot and tells the restarter.
    Refresh(Fmri),
    /// Asks the restarter for something, without waiting.
    Act {
        /// The instance.
        fmri: Fmri,
        /// What.
        action: Action,
    },
    /// Imports one service.
    Import {
        /// The service as a manifest declares it.
        declared: Declared,
        /// Whether its instances are refreshed afterwards.
        refresh: bool,
    },
}

/// What an administrator can ask of the restarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Stop and start.
    Restart,
    /// Abort, then start.
    Clear,
    /// To maintenance, after the stop method.
    Maintain,
    /// To maintenance at once.
    MaintainNow,
    /// Asked of a running instance; the restarter only logs it.
    Degrade,
}

/// What the repository answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The contents.
    Contents {
        /// Grows with every change.
        generation: u64,
        /// Everything.
        repository: Repository,
    },
    /// The changes are made.
    Done {
        /// What an import has to say.
        messages: Vec<String>,
    },
    /// The asker may not write.
    Denied,
    /// A change does not fit the repository.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// Why a change was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The service or instance is absent.
    #[error("no such service or instance")]
    NoEntity,
    /// The property group is absent.
    #[error("no such property group")]
    NoGroup,
    /// The property is absent.
    #[error("no such property")]
    NoProperty,
    /// The thing to add is there.
    #[error("it exists already")]
    Exists,
}

/// Why the repository did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Nobody listens.
    #[error("repository server unavailable")]
    Unavailable(#[source] io::Error),
    /// The answer is no answer.
    #[error("repository server gave no sensible answer")]
    Garbled,
    /// Not root.
    #[error("permission denied")]
    Denied,
    /// It does not fit.
    #[error("{0}")]
    Refused(Refusal),
}

/// An open connection to the repository.
#[derive(Debug)]
pub struct Door {
    stream: BufReader<UnixStream>,
}

impl Door {
    /// Connects.
    pub fn open(paths: &Paths) -> Result<Self, DoorError> {
        let stream = UnixStream::connect(paths.door()).map_err(DoorError::Unavailable)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, DoorError> {
        let mut text = serde_json::to_string(request).map_err(|_| DoorError::Garbled)?;
        text.push('\n');
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .map_err(DoorError::Unavailable)?;
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .map_err(DoorError::Unavailable)?;
        serde_json::from_str(&line).map_err(|_| DoorError::Garbled)
    }

    fn contents(&mut self, request: &Request) -> Result<(u64, Repository), DoorError> {
        match self.ask(request)? {
            Reply::Contents {
                generation,
                repository,
            } => Ok((generation, repository)),
            Reply::Denied => Err(DoorError::Denied),
            Reply::Refused { reason } => Err(DoorError::Refused(reason)),
            Reply::Done { .. } => Err(DoorError::Garbled),
        }
    }

    /// The repository as it is now.
    pub fn read(&mut self) -> Result<Repository, DoorError> {
        Ok(self.contents(&Request::Read)?.1)
    }

    /// The repository as it is now, with its generation.
    pub fn read_generation(&mut self) -> Result<(u64, Repository), DoorError> {
        self.contents(&Request::Read)
    }

    /// The repository once it has changed, or after `milliseconds`.
    pub fn wait(
        &mut self,
        generation: u64,
        milliseconds: u64,
    ) -> Result<(u64, Repository), DoorError> {
        self.contents(&Request::Wait {
            generation,
            milliseconds,
        })
    }

    /// Makes changes, all or none; an import's remarks come back.
    pub fn apply(&mut self, edits: Vec<Edit>) -> Result<Vec<String>, DoorError> {
        match self.ask(&Request::Apply(edits))? {
            Reply::Done { messages } => Ok(messages),
            Reply::Denied => Err(DoorError::Denied),
            Reply::Refused { reason } => Err(DoorError::Refused(reason)),
            Reply::Contents { .. } => Err(DoorError::Garbled),
        }
    }
}
