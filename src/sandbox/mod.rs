//! The SmartOS-shaped host on one Linux machine.

pub mod emulate;
pub mod smf;
