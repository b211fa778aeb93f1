//! `zonewright recipe patch`: series of patches, at the desk.

mod import;
mod rebase;
mod series;

use std::path::{Path, PathBuf};

use super::super::{Failure, site};
use crate::build_system;
use crate::cli::{Global, PatchCommand};
use crate::recipe::load::{LoadedRecipe, load_recipe};
use crate::recipe::sample::{SourceOf, sources_of};
use crate::run::Event;
use crate::show::Style;
use crate::show::progress::Progress;
use crate::site::SiteRoot;
use crate::source::Patience;
use crate::source::fetch::{FetchError, Fetcher};
use crate::source::tree::Tree;
use crate::source::unpack::{Limits, unpack};

pub(super) fn run(global: &Global, command: &PatchCommand) -> Result<u8, Failure> {
    match command {
        PatchCommand::Rebase(arguments) => rebase::run(global, arguments),
        PatchCommand::Import(arguments) => import::run(global, arguments),
    }
}

/// A recipe on the desk, and how its sources are had.
struct Desk {
    site: SiteRoot,
    loaded: LoadedRecipe,
    progress: Progress,
}

/// A source as it was unpacked.
struct Unpacked {
    tree: Tree,
    /// For people: a version or the name of an archive.
    name: String,
}

impl Desk {
    fn open(global: &Global, recipe: &str) -> Result<Self, Failure> {
        let site = site(global)?;
        let loaded = load_recipe(&site, recipe, &build_system::names())?;
        let style = Style::stderr(global.color);
        let progress = Progress::new(style, global.verbose, String::new());
        Ok(Self {
            site,
            loaded,
            progress,
        })
    }

    fn version(&self) -> &str {
        &self.loaded.recipe.package.version
    }

    /// The sources of a version that have patches, or else its main one.
    fn patched_sources(&self, version: &str) -> Vec<SourceOf> {
        let all = sources_of(&self.loaded, version);
        let patched = all.iter().filter(|one| !one.source.patches.is_empty());
        let patched: Vec<SourceOf> = patched.cloned().collect();
        match patched.is_empty() {
            false => patched,
            true => main_source(&all).into_iter().cloned().collect(),
        }
    }

    /// Fetches and unpacks a source; one of another version than the recipe's has no checksum.
    fn unpack(&mut self, desk: &SourceOf, version: &str) -> Result<Unpacked, Failure> {
        let mut source = desk.source.clone();
        if version != self.version() {
            let written = self.loaded.recipe.sources.get(desk.index);
            let is_same = written.is_none_or(|written| {
                let ours = sources_of(&self.loaded, self.version());
                let ours = ours.iter().find(|one| one.index == desk.index);
                written.urls.is_empty() || ours.is_some_and(|one| one.source.urls == source.urls)
            });
            if is_same {
                return Err(Failure::usage(
                    &format!(
                        "where version {version} can be fetched is not known: the recipe's `urls` do not \
                         hold `{{{{package.version}}}}`"
                    ),
                    "name the archive itself instead of a version",
                ));
            }
            source.sha256 = None;
            source.size = None;
            source.debian = None;
            source.unverified = Some(format!("version {version} was asked for"));
        }
        let cache = super::desk::cache()?;
        let distfiles: Vec<PathBuf> = self
            .site
            .folder()
            .map(|folder| folder.join("distfiles"))
            .into_iter()
            .collect();
        let fetcher = Fetcher::new(&cache, &distfiles, Patience::default());
        let progress = &mut self.progress;
        let result = fetcher.fetch(&source, &mut |event| progress.show(&Event::Fetch(event)));
        self.progress.stop();
        let fetched =
            result.map_err(|error| Failure::text_only(&error.to_string(), &help(&error)))?;
        if !fetched.verified {
            let (from, sha256) = (&fetched.from, &fetched.sha256);
            let text = format!("{from} is NOT VERIFIED; its sha256 is {sha256}");
            self.progress.show(&Event::Note(text));
        }
        unpacked(&fetched.path, source.strip, version)
    }
}

fn help(error: &FetchError) -> String {
    match error {
        FetchError::Failed { name, .. } if error.belies().is_none() => {
            format!("put {name} into the site's `distfiles`, or name an archive that is at hand")
        }
        error => error.help(),
    }
}

/// The source that the others are put into.
fn main_source(all: &[SourceOf]) -> Option<&SourceOf> {
    all.iter()
        .find(|one| one.source.into.is_none())
        .or(all.first())
}

fn unpacked(archive: &Path, strip: u32, name: &str) -> Result<Unpacked, Failure> {
    let mut tree = Tree::new();
    unpack(archive, strip, &mut tree, &Limits::default())
        .map_err(|error| Failure::of(&error, error.help()))?;
    Ok(Unpacked {
        tree,
        name: name.to_owned(),
    })
}
