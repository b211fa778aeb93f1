//! What people read: reports, plans, tables. Text goes in, text comes out.
//!
//! Nothing here prints; `command` decides what goes to which stream.

pub mod problems;
