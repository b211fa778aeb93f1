//! Zone files and the folder they live in.
//!
//! A site is looked through in two places: the user's folder first, then the site that is built
//! into this program, so that a shipped recipe works anywhere and a local one wins.

pub mod check;
mod embedded;
pub mod load;
pub mod model;
pub mod read;
pub mod shape;

pub use load::{LoadedZone, SiteRoot, load_zone};
pub use model::ZoneFile;
pub use shape::Shape;
