//! zonewright: provisions SmartOS zones and builds software in them from declarative recipes.
//!
//! Arrows never turn back: `command → run → host → script`, `plan → facts → script`. Pure modules
//! (`recipe site facts plan build_system package smf receipt script afp shadow`) take values and
//! return values; `tests/layers.rs` holds that.

pub mod afp;
pub mod apt;
pub mod build_system;
pub mod causes;
pub mod cli;
pub mod command;
pub mod desk;
pub mod doctor;
pub mod facts;
pub mod hex;
pub mod host;
pub mod package;
pub mod plan;
pub mod problem;
pub mod receipt;
pub mod recipe;
pub mod run;
#[cfg(target_os = "linux")]
pub mod sandbox;
pub mod script;
pub mod secrets;
pub mod shadow;
pub mod show;
pub mod site;
pub mod size;
pub mod smf;
pub mod source;
pub mod store;
