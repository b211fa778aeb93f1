//! Finds a site and reads files from it; the only part of `site` that touches the disk.
//!
//! Names come from command lines and from recipes of others: none may lead out of the site, by `..`
//! or by a symbolic link.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check;
use super::embedded;
use super::model::ZoneFile;
use super::read::{self, ZONE};
use crate::problem::{Problem, Severity, SourceText};
use crate::recipe::allow;
use crate::recipe::check::is_at_same_place;
use crate::recipe::format::{Format, nearest, quoted, there_are, toml_text};
use crate::recipe::load::check_recipe;
use crate::recipe::syntax;
use crate::recipe::tree::Document;
use crate::recipe::validate::{Stage, validate};

/// A site: a folder of the user's and the site that ships, or that one alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteRoot {
    folder: Option<PathBuf>,
    /// The same folder as reports name it.
    shown: PathBuf,
}

/// A zone file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedZone {
    /// What it says.
    pub zone: ZoneFile,
    /// The file, to place problems in.
    pub document: Document,
}

impl SiteRoot {
    /// The site around `start`, the current folder: that folder itself or the nearest one above
    /// with `recipes/` or `zones/`. Where there is none, the site that ships.
    #[must_use]
    pub fn find(start: &Path) -> Self {
        let is_site =
            |folder: &Path| folder.join("recipes").is_dir() || folder.join("zones").is_dir();
        let mut shown = PathBuf::new();
        for folder in start.ancestors() {
            if is_site(folder) {
                return Self {
                    folder: Some(folder.to_path_buf()),
                    shown,
                };
            }
            shown.push("..");
        }
        Self::built_in()
    }

    /// The site in `folder`.
    ///
    /// # Errors
    /// A problem when it is no folder.
    pub fn at(folder: &Path) -> Result<Self, Box<Problem>> {
        if folder.is_dir() {
            Ok(Self {
                folder: Some(folder.to_path_buf()),
                shown: folder.to_path_buf(),
            })
        } else {
            let shown = quoted(&folder.to_string_lossy());
            let message = format!("there is no site at {shown}: it is not a folder");
            Err(Problem::error(message).into())
        }
    }

    /// The site that ships, alone.
    #[must_use]
    pub fn built_in() -> Self {
        Self::default()
    }

    /// The user's folder, where there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The bytes of a file: the user's, or else the one that ships.
    ///
    /// # Errors
    /// A problem when it is there and cannot be read, or leads out of the site.
    pub fn read(&self, relative: &str) -> Result<Option<Vec<u8>>, Box<Problem>> {
        Format::Below("the site")
            .check(relative)
            .map_err(|complaint| Problem::error(complaint.message).of("missing-file"))?;
        match self.own(relative)? {
            Some(bytes) => Ok(Some(bytes)),
            None => Ok(embedded::read(relative).map(<[u8]>::to_vec)),
        }
    }

    fn own(&self, relative: &str) -> Result<Option<Vec<u8>>, Box<Problem>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join(relative);
        let shown = quoted(&self.shown.join(relative).to_string_lossy());
        let failed = |error: io::Error| {
            let message = format!("cannot read {shown}: {error}");
            Box::new(Problem::error(message).of("missing-file"))
        };
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !real.starts_with(folder.canonicalize().map_err(failed)?) {
            let message = format!("a symbolic link leads `{relative}` out of the site");
            return Err(Problem::error(message).of("missing-file").into());
        }
        std::fs::read(&path).map(Some).map_err(failed)
    }

    /// How a file is named to the user.
    #[must_use]
    pub fn shown(&self, relative: &str) -> PathBuf {
        match &self.folder {
            Some(folder) if folder.join(relative).exists() => self.shown.join(relative),
            _ => Path::new("(built in)").join(relative),
        }
    }

    /// The files below one of the site's folders, the user's and those that ship, sorted.
    #[must_use]
    pub fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = embedded::names(folder).map(str::to_string).collect();
        if let Some(root) = &self.folder {
            list(&root.join(folder), "", &mut names);
        }
        names.sort();
        names.dedup();
        names
    }

    /// The names of the recipes or zone files.
    #[must_use]
    pub fn definitions(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .names(folder)
            .iter()
            .filter_map(|file| {
                file.strip_suffix(".toml")
                    .or_else(|| file.strip_suffix(".json"))
            })
            .filter(|name| !name.contains('/'))
            .map(str::to_string)
            .collect();
        names.dedup();
        names
    }

    /// The text of `FOLDER/NAME.toml` or `.json`; `what` is what it holds.
    ///
    /// # Errors
    /// A problem when there is none, or two, or it cannot be read.
    pub fn definition(
        &self,
        folder: &str,
        what: &str,
        name: &str,
    ) -> Result<Arc<SourceText>, Box<Problem>> {
        let is_name = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_name) {
            let help = format!("give the name of a file in `{folder}`, without its ending");
            return Err(Box::new(Problem {
                help: Some(help),
                ..Problem::error(format!("{} is not the name of a {what}", quoted(name)))
                    .of(unknown(folder))
            }));
        }
        let toml = format!("{folder}/{name}.toml");
        let json = format!("{folder}/{name}.json");
        let (relative, bytes) = match (self.own(&toml)?, self.own(&json)?) {
            (Some(_), Some(_)) => {
                return Err(Box::new(Problem {
                    help: Some("keep one of them".to_string()),
                    ..Problem::error(format!("there are both `{toml}` and `{json}`"))
                        .of("duplicate")
                }));
            }
            (Some(bytes), None) => (toml, bytes),
            (None, Some(bytes)) => (json, bytes),
            (None, None) => [toml, json]
                .into_iter()
                .find_map(|file| embedded::read(&file).map(|bytes| (file, bytes.to_vec())))
                .ok_or_else(|| Box::new(self.no_definition(folder, what, name)))?,
        };
        let path = self.shown(&relative);
        let text = String::from_utf8(bytes).map_err(|_| {
            Problem::error(format!("`{}` is not UTF-8 text", path.display())).of("syntax")
        })?;
        Ok(Arc::new(SourceText { path, text }))
    }

    /// The file of this name that is a zone where a recipe was looked for, and the other way round.
    fn elsewhere(&self, folder: &str, name: &str) -> Option<String> {
        let other = match folder {
            "zones" => "recipes",
            _ => "zones",
        };
        let is_it = |file: &String| {
            let mut endings = ["toml", "json"].iter();
            endings.any(|ending| *file == format!("{name}.{ending}"))
        };
        let file = self.names(other).into_iter().find(is_it)?;
        Some(format!("{other}/{file}"))
    }

    fn no_definition(&self, folder: &str, what: &str, name: &str) -> Problem {
        let names = self.definitions(folder);
        let plain = name
            .strip_suffix(".toml")
            .or_else(|| name.strip_suffix(".json"));
        let help = match nearest(plain.unwrap_or(name), &names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => format!("there is no {what} at all in `{folder}`"),
            None => there_are(&names),
        };
        let meant = nearest(plain.unwrap_or(name), &names).and_then(toml_text);
        let elsewhere = self.elsewhere(folder, plain.unwrap_or(name));
        let elsewhere = elsewhere.map(|file| format!("`{file}` is there: did you mean that?"));
        Problem {
            help: elsewhere.or(Some(help)),
            ..Problem::error(format!("there is no {what} {}", quoted(name))).of(unknown(folder))
        }
        .meaning(meant)
    }
}

/// The rule that a name breaks which stands for nothing.
fn unknown(folder: &str) -> &'static str {
    match folder {
        "zones" => "unknown-zone",
        _ => "unknown-recipe",
    }
}

/// The files below `folder`, named from it; what cannot be listed is left out.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&entry.path(), &format!("{relative}/"), names);
        } else {
            names.push(relative);
        }
    }
}

/// The names of all zone files.
#[must_use]
pub fn zone_names(site: &SiteRoot) -> Vec<String> {
    site.definitions("zones")
}

/// The names of all recipes.
#[must_use]
pub fn recipe_names(site: &SiteRoot) -> Vec<String> {
    site.definitions("recipes")
}

/// Reads and checks `zones/NAME.toml` or `.json`, but not the recipes it names.
///
/// # Errors
/// Everything that is wrong with it; warnings alone refuse nothing.
pub fn load_zone(site: &SiteRoot, name: &str) -> Result<LoadedZone, Vec<Problem>> {
    let is_warning = |problem: &Problem| problem.severity == Severity::Warning;
    match read_zone(site, name) {
        (Some(loaded), problems) if problems.iter().all(is_warning) => Ok(loaded),
        (_, problems) => Err(problems),
    }
}

/// A zone file, the recipes it names, and all that is wrong with any of them. `systems` are the
/// build systems there are.
#[must_use]
pub fn check_zone(
    site: &SiteRoot,
    name: &str,
    systems: &[&str],
) -> (Option<LoadedZone>, Vec<Problem>) {
    let (loaded, mut problems) = read_zone(site, name);
    let Some(loaded) = loaded else {
        return (None, problems);
    };
    for (index, given) in loaded.zone.recipes.iter().enumerate() {
        let key = format!("recipe[{index}].name");
        if problems.iter().any(|problem| problem.key == key) || given.name.is_empty() {
            continue;
        }
        match check_recipe(site, &given.name, systems) {
            (Some(recipe), found) => {
                let is_good = found
                    .iter()
                    .all(|found| found.severity == Severity::Warning);
                let (of_use, _) =
                    allow::sift(check::check_use(&loaded, index, &recipe, is_good), &recipe);
                let is_new = |problem: &Problem| {
                    let is_known = |other: &Problem| is_at_same_place(other, problem);
                    problem.span.is_none() || !found.iter().any(is_known)
                };
                let of_use: Vec<Problem> = of_use.into_iter().filter(is_new).collect();
                problems.extend(found);
                problems.extend(of_use);
            }
            (None, found) => problems.extend(found.into_iter().map(|found| match found.file {
                Some(_) => found,
                None => loaded.document.place(&key, found),
            })),
        }
    }
    (Some(loaded), problems)
}

/// Complains, in a zone file, about the user's other files that are about the same zone or give its address to
/// another one. A file that is broken elsewhere is held against it as far as it can be read.
#[must_use]
pub fn check_others(site: &SiteRoot, loaded: &LoadedZone) -> Vec<Problem> {
    if loaded.zone.host.is_none() {
        return Vec::new();
    }
    let folder = site.folder().map(|folder| folder.join("zones"));
    let is_other = |name: &String| {
        let mut files = ["toml", "json"]
            .map(|ending| format!("{name}.{ending}"))
            .into_iter();
        *name != loaded.zone.name
            && folder
                .iter()
                .any(|folder| files.any(|file| folder.join(file).is_file()))
    };
    let others = zone_names(site).into_iter().filter(is_other);
    others
        .filter_map(|name| read_zone(site, &name).0)
        .flat_map(|other| check::check_beside(loaded, &other))
        .collect()
}

fn read_zone(site: &SiteRoot, name: &str) -> (Option<LoadedZone>, Vec<Problem>) {
    match site.definition("zones", "zone", name) {
        Ok(source) => read_text(name, source),
        Err(problem) => (None, vec![*problem]),
    }
}

/// A zone file whose text is at hand, and all that is wrong with it.
#[must_use]
pub fn read_text(name: &str, source: Arc<SourceText>) -> (Option<LoadedZone>, Vec<Problem>) {
    let mut document = match syntax::parse(source) {
        Ok(document) => document,
        Err(problem) => return (None, vec![check::hide_password_lines(*problem)]),
    };
    let mut problems = validate(&mut document, &ZONE, Stage::Written);
    let zone = read::zone(&document.root, name);
    problems.extend(check::check(&zone, &document, &problems));
    check::words::explain(&mut problems);
    check::hide_passwords(&document, &mut problems);
    (Some(LoadedZone { zone, document }), problems)
}
