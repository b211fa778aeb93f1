//! Writes patches and the recipe that names them: everything is known to be good before the first
//! byte is written, and the recipe comes last, so that it never names what is not there.

use std::fs;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::recipe::format::Format;
use crate::recipe::load::LoadedRecipe;
use crate::recipe::model::Source;
use crate::recipe::patch_list::{self, NewPatch};
use crate::site::SiteRoot;
use crate::store::write_whole;

/// Files of a site that are about to be written, in order: path below the site, content.
#[derive(Debug, Default)]
pub(super) struct Writes(Vec<(String, Vec<u8>)>);

impl Writes {
    /// A patch; `file` is below `patches/`.
    pub(super) fn patch(&mut self, file: &str, bytes: Vec<u8>) {
        self.0.push((format!("patches/{file}"), bytes));
    }

    /// The recipe with more patches in the list of its source `index`, and its path below the site. One
    /// that ships is written there: a local one wins.
    pub(super) fn recipe(
        &mut self,
        loaded: &LoadedRecipe,
        index: usize,
        patches: &[NewPatch],
    ) -> Result<String, Failure> {
        let file = format!("recipes/{}.toml", loaded.name);
        let known = self.0.iter().position(|(path, _)| *path == file);
        let text = match known.and_then(|at| self.0.get(at)) {
            Some((_, bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            None => loaded.document.source.text.clone(),
        };
        let edited = patch_list::add(&text, index, patches).map_err(|error| {
            let names: Vec<&str> = patches.iter().map(|patch| patch.file.as_str()).collect();
            Failure::usage(
                &format!(
                    "cannot add patches to the recipe `{}`: {error}",
                    loaded.name
                ),
                &format!("add {} to its `patches` yourself", names.join(", ")),
            )
        })?;
        self.0.retain(|(path, _)| *path != file);
        self.0.push((file.clone(), edited.into_bytes()));
        Ok(file)
    }

    /// Writes everything.
    pub(super) fn write(self, site: &Path) -> Result<(), Failure> {
        for (path, bytes) in self.0 {
            let path = site.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|error| {
                    let message = format!("cannot make the folder `{}`: {error}", folder.display());
                    Failure::text_only(&message, "make the site's folder writable")
                })?;
            }
            // through a link to where it leads
            let path = path.canonicalize().unwrap_or(path);
            let mode = fs::metadata(&path).map(|known| known.permissions()).ok();
            write_whole(&path, &bytes)
                .map_err(|error| Failure::of(&error, "make the site's folder writable"))?;
            readable(&path, mode);
        }
        Ok(())
    }
}

/// A file that was written beside its place is its writer's alone; the site's other readers keep
/// theirs.
fn readable(path: &Path, mode: Option<fs::Permissions>) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = mode.unwrap_or_else(|| fs::Permissions::from_mode(0o644));
    // whoever cannot change a mode can still read what was written
    let _ = fs::set_permissions(path, mode);
}

/// The folder to write into: a site of the user's own.
pub(super) fn own_folder(site: &SiteRoot) -> Result<PathBuf, Failure> {
    site.folder().map(Path::to_path_buf).ok_or_else(|| {
        Failure::usage(
            "there is no site here to write into, only the one that is built in",
            "run this in a folder with `recipes/` or `zones/`, or name one with --site",
        )
    })
}

/// The file below `patches/` for a patch of a recipe.
pub(super) fn patch_file(recipe: &str, name: &str) -> Result<String, Failure> {
    let name = name.strip_suffix(".patch").unwrap_or(name);
    let file = format!("{recipe}/{name}.patch");
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    let is_good = is_plain && Format::Below("patches").check(&file).is_ok();
    is_good.then_some(file).ok_or_else(|| {
        Failure::usage(
            &format!("`{name}` cannot be the name of a patch"),
            "write a word, as in `solaris-types`",
        )
    })
}

/// Which of the sources in the recipe's file a resolved one is: what a `when` excludes is in the file
/// and not in the resolved recipe, so it is known by what it holds.
pub(super) fn source_in_file(loaded: &LoadedRecipe, wanted: &Source) -> Option<usize> {
    let is_it = |source: &Source| {
        source.sha256 == wanted.sha256
            && source.unverified == wanted.unverified
            && source.into == wanted.into
    };
    loaded.recipe.sources.iter().position(is_it)
}
