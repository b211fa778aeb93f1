//! Whole runs against zones of the sandbox: real sshd, real builds, real services.
//!
//! The software is the fixture's greeter, whose whole apply takes seconds. Every test has a zone of
//! its own; all zones are in one sandbox, which ends with the last test that holds it.

mod accounts;
mod afternoon;
mod another_root;
pub mod archive;
pub mod become_root;
mod changes;
mod commands;
mod conditions;
mod connections;
#[expect(dead_code, reason = "the slow tests use all of it")]
mod cut;
mod doctor;
mod drafted;
mod drift;
mod edited;
mod every_step;
mod failing;
mod faults;
mod first;
pub mod harness;
mod host;
mod host_grammar;
mod leftovers;
mod lost;
mod many;
mod package;
mod passwords;
mod pool;
mod record;
mod records;
mod scripts;
mod sessions;
mod swap;
mod systems;
mod two_operators;
mod upstream_manifest;
mod walk;
mod zone_files;
