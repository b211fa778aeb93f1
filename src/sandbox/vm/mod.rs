//! Virtual machines as `vmadm` speaks of them: payloads, their rules, and what is shown of them.
//!
//! Everything here takes values and returns values; zones are made of them in the supervisor. The
//! global zone's commands and the supervisor both use it, each on its side of the socket.

pub(crate) mod check;
pub(crate) mod list;
pub(crate) mod machine;
pub(crate) mod nics;
mod options;
pub(crate) mod payload;
pub(crate) mod properties;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
pub(crate) mod time;
pub(crate) mod update;
pub(crate) mod vmadm;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `vmadm` lets the host do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// Make a machine, and boot it unless the payload says otherwise.
    Create { payload: Value },
    /// Change one.
    Update { uuid: String, payload: Value },
    /// Boot it.
    Start { uuid: String },
    /// Shut it down, or end it at once.
    Stop { uuid: String, is_forced: bool },
    /// Shut it down and boot it, or end it at once and boot it.
    Reboot { uuid: String, is_forced: bool },
    /// Remove it with everything it holds.
    Delete { uuid: String },
    /// Give it a new root.
    Reprovision { uuid: String, payload: Value },
    /// Remember its root.
    CreateSnapshot { uuid: String, name: String },
    /// Forget a root.
    DeleteSnapshot { uuid: String, name: String },
    /// Go back to a root.
    RollbackSnapshot { uuid: String, name: String },
}

/// How an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Done; the uuid of a machine that was made.
    Done { uuid: String },
    /// There was nothing to do, which is said as if it were a mistake.
    Nothing { message: String },
    /// Refused or failed, in the words of `vmadm`.
    Failed { message: String },
}
