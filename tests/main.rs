//! All tests that look at the crate from outside, in one binary.

mod author;
#[cfg(target_os = "linux")]
mod escape;
mod fuzz;
#[cfg(target_os = "linux")]
mod host_facts;
#[cfg(target_os = "linux")]
mod hostile;
mod layers;
mod logs;
#[cfg(target_os = "linux")]
mod netatalk;
mod patch_series;
mod plan;
mod recipe;
mod recipe_errors;
#[cfg(target_os = "linux")]
mod sandbox;
mod script_grammar;
mod site;
mod ssh;
mod zone_plan;
