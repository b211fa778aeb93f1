//! Values that a shell, a file format or a terminal would take for more than text, in every string
//! of a recipe and a zone file: refused at the desk, or read back byte for byte where they went.
//!
//! The fields are those of the tables that read the files, and the ledger of what was read back is
//! held against what the desk takes: a field that nobody reads back fails the test.

mod allow;
mod build;
mod by_ssh;
mod checks;
mod desk;
mod fields;
mod files;
mod ledger;
mod names;
mod nasty;
mod package;
mod place;
mod secrets;
mod services;
mod shapes;
mod strange;
mod users;
