//! Files of the user's own site that a command is about to change.
//!
//! What is built into the program cannot be changed; who wants to gets told how to begin.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::Failure;
use crate::problem::SourceText;
use crate::recipe::doc_comments::Kind;
use crate::recipe::format::{nearest, there_are};
use crate::site::SiteRoot;

/// A recipe or zone file of the user's.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) kind: Kind,
    /// The file's name without its ending.
    pub(super) name: String,
    /// Its text, under the path that people know it by.
    pub(super) source: Arc<SourceText>,
    path: PathBuf,
}

/// The file that an argument names: a path, or the name of a recipe.
pub(super) fn own(site: &SiteRoot, argument: &str) -> Result<Own, Failure> {
    let given = Path::new(argument);
    let is_file_name = given
        .extension()
        .is_some_and(|e| e == "toml" || e == "json");
    if argument.contains('/') || (is_file_name && given.is_file()) {
        return read(given, given);
    }
    let folder = site.folder().map(|folder| folder.join("recipes"));
    let candidates = folder.iter().flat_map(|folder| {
        [".toml", ".json", ""].map(|ending| folder.join(format!("{argument}{ending}")))
    });
    let found = candidates.into_iter().find(|path| path.is_file());
    let Some(path) = found else {
        return Err(no_file(site, argument));
    };
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let shown = site.shown(&format!("recipes/{}", name.unwrap_or_default()));
    read(&path, &shown)
}

fn no_file(site: &SiteRoot, argument: &str) -> Failure {
    let names = site.definitions("recipes");
    if names.iter().any(|name| name == argument) {
        return Failure::usage(
            &format!("the recipe `{argument}` is built into this program and cannot be changed"),
            &format!(
                "copy it into your site with `zonewright recipe new {argument} --like {argument}` \
                 (`zonewright new DIR` makes a site)"
            ),
        );
    }
    let help = match nearest(argument, &names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => there_are(&names),
    };
    Failure::usage(&format!("there is no recipe `{argument}`"), &help)
}

/// Every recipe and zone file of the user's site.
pub(super) fn all(site: &SiteRoot) -> Result<Vec<Own>, Failure> {
    let mut found = Vec::new();
    let Some(root) = site.folder() else {
        return Ok(found);
    };
    for folder in ["recipes", "zones"] {
        let entries = fs::read_dir(root.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "toml" || e == "json"));
        paths.sort();
        for path in paths {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let shown = site.shown(&format!("{folder}/{}", name.unwrap_or_default()));
            found.push(read(&path, &shown)?);
        }
    }
    Ok(found)
}

fn read(path: &Path, shown: &Path) -> Result<Own, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(
            &format!("cannot read `{}`: {error}", shown.display()),
            "name another file",
        )
    };
    let bytes = fs::read(path).map_err(|error| failed(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(&"it is not UTF-8 text"))?;
    let in_zones = path
        .parent()
        .and_then(Path::file_name)
        .is_some_and(|name| name == "zones");
    let stem = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Ok(Own {
        kind: if in_zones { Kind::Zone } else { Kind::Recipe },
        name: stem,
        source: Arc::new(SourceText {
            path: shown.to_owned(),
            text,
        }),
        path: path.to_owned(),
    })
}

impl Own {
    /// Another text in its place: whole or not at all, and with the rights that the file has.
    pub(super) fn replace(&self, text: &str) -> Result<(), Failure> {
        let put = || -> std::io::Result<()> {
            // a link stays one
            let path = self.path.canonicalize()?;
            let rights = fs::metadata(&path)?.permissions();
            let folder = path.parent().unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().set_permissions(rights)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        put().map_err(|error| {
            let message = format!("cannot write `{}`: {error}", self.source.path.display());
            Failure::text_only(&message, "make the file and its folder writable")
        })
    }

    /// The same file with another text.
    pub(super) fn with(&self, text: String) -> Arc<SourceText> {
        Arc::new(SourceText {
            path: self.source.path.clone(),
            text,
        })
    }
}

/// A unified diff of a file.
pub(super) fn diff(path: &Path, old: &str, new: &str) -> String {
    let text = flickzeug::create_patch(old, new).to_string();
    let body: String = text.split_inclusive('\n').skip(2).collect();
    let path = path.display();
    format!("--- {path}\n+++ {path}\n{body}")
}
