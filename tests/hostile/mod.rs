//! Hostile and broken input: each gets an error that says where, what and what to write instead,
//! and leaves nothing half done.
//!
//! One row for each. The whole report stands in `reports/NAME.txt`, with what differs from run to
//! run replaced; `UPDATE_GOLDEN=1` writes it anew. Rows that leave a zone untouched share it, and
//! that it is untouched is held against everything it has.

mod archives;
mod backwards;
mod become_root;
mod desk;
mod login;
mod reach;
pub mod row;
mod sources;
mod zone;
