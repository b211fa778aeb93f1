//! What a recipe's author wrote, and the bundle that it becomes.
//!
//! Text becomes a [`tree`] with spans, `validate` holds the tree against the [`schema`],
//! [`read`] converts it into the [`Recipe`], [`check`] looks at the recipe as a whole, and
//! [`bundle`] settles it for one zone: every template rendered, every patch and template read and
//! hashed, so that whatever follows needs neither the site's folder nor the parameters.

pub(crate) mod afp_conf;
pub mod allow;
pub mod bundle;
pub mod check;
pub mod doc_comments;
pub mod edit;
mod embed;
pub mod format;
pub mod load;
pub mod manual;
pub mod model;
pub(crate) mod names;
pub mod parameters;
pub mod patch_list;
mod paths;
mod patterns;
pub mod read;
pub mod reference;
pub mod resolved;
pub mod rules;
pub mod sample;
pub mod schema;
pub mod syntax;
pub mod template;
pub mod tree;
pub mod units;
pub(crate) mod validate;
pub mod when;

pub use bundle::{Bundle, ZoneContext, resolve};
pub use load::{LoadedRecipe, load_recipe};
pub use model::Recipe;
