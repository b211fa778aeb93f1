//! The targets of the tests, for the programs here.

#[path = "../tests/fuzz/targets/mod.rs"]
mod targets;

pub use targets::run;
