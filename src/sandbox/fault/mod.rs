//! Faults: what the sandbox does to a zone when it is told to misbehave.
//!
//! They are counted in the supervisor, which no process of the zone outlives: commands and scripts
//! ask it before they run, and a full disk or a reboot changes nothing about the counting.

mod armed;
pub(crate) mod disk;
mod kinds;
pub(crate) mod scripts;
pub(crate) mod shim;
pub(crate) mod shims;
mod spec;

pub use armed::{FaultState, Watched};
pub(crate) use armed::{Faults, Ran};
pub(crate) use kinds::Deed;
pub use shim::COMMANDS;
pub use spec::{Fault, SpecError};
