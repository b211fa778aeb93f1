//! Sources on the controller: fetch, verify, unpack, patch, repack.

mod compression;
pub mod patch;
pub mod repack;
pub mod tree;
pub mod unpack;
