//! Zone files and the folder they live in.

pub mod model;

pub use model::ZoneFile;
