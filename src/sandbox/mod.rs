//! The SmartOS-shaped host on one Linux machine.

pub mod control;
pub mod emulate;
pub mod packages;
pub mod smf;
pub mod userland;
