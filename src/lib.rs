//! zonewright: provisions SmartOS zones and builds software in them from declarative recipes.
//!
//! Arrows never turn back: `command → run → host → script`, `plan → facts → script`. Pure modules
//! (`recipe site facts plan build_system package smf receipt script`) take values and return
//! values; `tests/layers.rs` holds that.

pub mod host;
pub mod problem;
pub mod recipe;
#[cfg(target_os = "linux")]
pub mod sandbox;
pub mod script;
pub mod show;
pub mod site;
pub mod source;
