//! What a recipe's author wrote, and the bundle that it becomes.
//!
//! A recipe and the files it names become a [`Bundle`]: every template string resolved, every
//! patch and template read and hashed, so that whatever follows needs neither the site's folder
//! nor the parameters.

pub mod model;

pub use model::Recipe;
