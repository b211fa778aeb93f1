//! `zonewright recipe bump`: another release, with nothing changed in the file but what must.
//!
//! The file is written last: after the new archive is there, and every patch has been tried on it.

use serde_json::{Value, json};

use super::super::{DONE, FAILED, Failure, answer, answer_json, site};
use super::desk;
use super::files::{self, Own};
use crate::build_system;
use crate::cli::Global;
use crate::cli::author::BumpArgs;
use crate::problem::Severity;
use crate::recipe::LoadedRecipe;
use crate::recipe::edit::{EditError, Literal, set};
use crate::recipe::load::check_text;
use crate::recipe::model::{DebianSource, Source};
use crate::recipe::sample::sources;
use crate::run::Event;
use crate::script::quote;
use crate::show::plan::diff_line;
use crate::show::progress::Progress;
use crate::show::{Style, labelled};
use crate::site::SiteRoot;
use crate::source::fetch::{Fetched, Fetcher};
use crate::source::patch::Applied;
use crate::source::releases::{is_newer, newest, upstream_of};
use crate::source::{Patience, Prepared};

/// Everything that a bump needs at hand.
struct Bump<'a> {
    site: &'a SiteRoot,
    file: &'a Own,
    fetcher: Fetcher<'a>,
    progress: Progress,
    style: Style,
    /// Whether the answer is one document at the end.
    is_json: bool,
}

/// An archive whose checksum is not the recipe's.
struct Renewed {
    number: usize,
    old: Option<String>,
    fetched: Fetched,
}

pub(super) fn run(global: &Global, arguments: &BumpArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let file = files::own(&site, &arguments.recipe)?;
    let cache = desk::cache()?;
    let distfiles = desk::distfiles(&site, &arguments.distfiles);
    let mut bump = Bump {
        site: &site,
        file: &file,
        fetcher: Fetcher::new(&cache, &distfiles, Patience::default()),
        progress: Progress::new(Style::stderr(global.color), global.verbose, String::new()),
        style: Style::stdout(global.color),
        is_json: global.json,
    };
    let loaded = bump.load(&file.source.text)?;
    let old = loaded.recipe.package.version.clone();
    let version = match &arguments.version {
        Some(version) => version.clone(),
        None => bump.newest(&loaded)?,
    };
    let text = bump.with_version(&loaded, &version)?;
    let (text, renewed) = bump.with_checksums(&loaded, text)?;
    let is_same = version == old;
    if is_same && !renewed.is_empty() && !arguments.accept_changed {
        bump.shout(&renewed, &version);
        if global.json {
            let text = &file.source.text;
            answer_json(
                "recipe-bump",
                bump.document(text, &old, &version, &renewed, None),
            );
        }
        return Ok(FAILED);
    }
    let prepared = match desk::try_patches(&bump.fetcher, &bump.load(&text)?, &mut bump.progress) {
        Ok(prepared) => prepared,
        Err(failure) => {
            super::super::complain(&failure, global);
            let path = file.source.path.display();
            eprint!(
                "{}",
                labelled(
                    "left",
                    &format!("{path} is as it was, at {old}"),
                    Style::stderr(global.color)
                )
            );
            return Ok(failure.status());
        }
    };
    let is_written = text != file.source.text && !arguments.dry_run;
    if global.json {
        if is_written {
            file.replace(&text)?;
        }
        let mut document = bump.document(&text, &old, &version, &renewed, Some(&prepared));
        document["written"] = Value::from(is_written);
        answer_json("recipe-bump", document);
        return Ok(DONE);
    }
    bump.report(&text, &old, &version, &renewed, &prepared);
    if is_written {
        file.replace(&text)?;
        answer(&format!("wrote {}\n", file.source.path.display()));
    }
    Ok(DONE)
}

impl Bump<'_> {
    fn load(&self, text: &str) -> Result<LoadedRecipe, Failure> {
        let source = self.file.with(text.to_owned());
        let (loaded, problems) =
            check_text(self.site, &self.file.name, source, &build_system::names());
        let is_good = problems
            .iter()
            .all(|problem| problem.severity == Severity::Warning);
        loaded
            .filter(|_| is_good)
            .ok_or(Failure::Problems(problems))
    }

    /// The newest version that any of the recipe's places has; its own where there is none newer.
    fn newest(&mut self, loaded: &LoadedRecipe) -> Result<String, Failure> {
        let old = &loaded.recipe.package.version;
        let mut reasons = Vec::new();
        for source in sources(loaded)? {
            for url in &source.urls {
                self.progress
                    .start(&format!("look for releases beside {url}"));
                let found = self.fetcher.versions(url, old);
                self.progress.stop();
                match found {
                    Ok(found) => match newest(&found.versions) {
                        Some(version) => return Ok(self.chosen(old, version, &found.from)),
                        None => reasons.push(format!("{}: no release is listed", found.from)),
                    },
                    Err(reason) => reasons.push(reason),
                }
            }
            if let Some(debian) = &source.debian {
                let progress = &mut self.progress;
                let records = self
                    .fetcher
                    .debian_versions(debian, &mut |event| progress.show(&Event::Fetch(event)));
                let versions = records.map(|records| {
                    let versions = records
                        .iter()
                        .map(|record| upstream_of(&record.version).to_owned());
                    versions.collect::<Vec<String>>()
                });
                match versions.as_ref().map(|versions| newest(versions)) {
                    Ok(Some(version)) => {
                        let from = format!("Debian {}", debian.release);
                        return Ok(self.chosen(old, version, &from));
                    }
                    Ok(None) => reasons.push(format!(
                        "Debian {} has no `{}`",
                        debian.release, debian.package
                    )),
                    Err(reason) => reasons.push(reason.clone()),
                }
            }
        }
        let message = format!(
            "cannot find out which release of {} is the newest",
            loaded.recipe.package.name
        );
        let name = quote(&self.file.name);
        Err(Failure::text_only(
            &[vec![message], reasons].concat().join("\n  "),
            &format!("name it: zonewright recipe bump {name} VERSION"),
        ))
    }

    fn chosen(&self, old: &str, version: &str, from: &str) -> String {
        if is_newer(version, old) {
            return version.to_owned();
        }
        if !self.is_json {
            answer(&format!("{old} is the newest release that {from} has\n"));
        }
        old.to_owned()
    }

    /// The recipe with another version, in `package.version` and wherever a source spells it out.
    fn with_version(&mut self, loaded: &LoadedRecipe, version: &str) -> Result<String, Failure> {
        let old = &loaded.recipe.package.version;
        let mut text = self.file.source.text.clone();
        if version == old {
            return Ok(text);
        }
        let edited =
            |result: Result<String, EditError>| result.map_err(|error| self.entangled(&error));
        text = edited(set(
            &text,
            "package.version",
            &Literal::Text(version.to_owned()),
        ))?;
        for (s, source) in loaded.recipe.sources.iter().enumerate() {
            for (u, url) in source.urls.iter().enumerate() {
                if url.contains(old.as_str()) {
                    let url = Literal::Text(url.replace(old.as_str(), version));
                    text = edited(set(&text, &format!("source[{s}].urls[{u}]"), &url))?;
                }
            }
        }
        for (s, source) in loaded.recipe.sources.iter().enumerate() {
            let debian = source.debian.as_ref();
            let Some(debian) = debian.filter(|debian| debian.file.contains(old.as_str())) else {
                continue;
            };
            let (revision, archive) = self.of_debian(debian, version)?;
            for (key, value) in [("version", revision), ("file", archive)] {
                text = set(
                    &text,
                    &format!("source[{s}].debian.{key}"),
                    &Literal::Text(value),
                )
                .map_err(|error| self.entangled(&error))?;
            }
        }
        Ok(text)
    }

    /// Debian's own version of an upstream version, and the archive that it holds.
    fn of_debian(
        &mut self,
        wanted: &DebianSource,
        version: &str,
    ) -> Result<(String, String), Failure> {
        let progress = &mut self.progress;
        let records = self
            .fetcher
            .debian_versions(wanted, &mut |event| progress.show(&Event::Fetch(event)))
            .map_err(|reason| {
                Failure::text_only(&reason, "see that the Debian mirror can be reached")
            })?;
        let record = records
            .iter()
            .rfind(|record| upstream_of(&record.version) == version);
        let archive = record.and_then(|record| {
            let is_it = |name: &&String| name.contains(".orig.tar.") && !name.ends_with(".asc");
            record.files.iter().map(|(name, _)| name).find(is_it)
        });
        if let Some((record, archive)) = record.zip(archive) {
            return Ok((record.version.clone(), archive.clone()));
        }
        let there: Vec<&str> = records.iter().map(|r| r.version.as_str()).collect();
        let message = format!(
            "Debian {} has no `{}` {version}, but {}",
            wanted.release,
            wanted.package,
            there.join(", ")
        );
        Err(Failure::text_only(
            &message,
            "name another version, or another `release` in the recipe",
        ))
    }

    /// Fetches what the sources are now, and writes down their checksums and sizes.
    fn with_checksums(
        &mut self,
        before: &LoadedRecipe,
        text: String,
    ) -> Result<(String, Vec<Renewed>), Failure> {
        let loaded = self.load(&text)?;
        let old = sources(before)?;
        let is_same_version = before.recipe.package.version == loaded.recipe.package.version;
        let (mut text, mut renewed) = (text, Vec::new());
        for (number, source) in sources(&loaded)?.iter().enumerate() {
            let was = old.get(number);
            let is_elsewhere =
                was.is_none_or(|was| (&was.urls, &was.debian) != (&source.urls, &source.debian));
            if !is_elsewhere && !is_same_version {
                continue;
            }
            let Some(sha256) = &source.sha256 else {
                continue;
            };
            // the checksum is what is looked for, so none is known yet
            let unknown = Source {
                sha256: None,
                unverified: Some("its checksum is being made".to_owned()),
                size: None,
                ..source.clone()
            };
            let fetched =
                desk::fetch(&self.fetcher, &unknown, &loaded, number, &mut self.progress)?;
            let is_same = fetched.sha256 == *sha256 && !is_elsewhere;
            if is_same && source.size.is_none_or(|size| size == fetched.size) {
                continue;
            }
            let table = format!("source[{number}]");
            let sum = Literal::Text(fetched.sha256.clone());
            text = set(&text, &format!("{table}.sha256"), &sum)
                .map_err(|error| self.entangled(&error))?;
            if source.size.is_some() {
                let size = Literal::Integer(i64::try_from(fetched.size).unwrap_or(i64::MAX));
                text = set(&text, &format!("{table}.size"), &size)
                    .map_err(|error| self.entangled(&error))?;
            }
            if is_same {
                continue;
            }
            let old = was.and_then(|was| was.sha256.clone());
            renewed.push(Renewed {
                number,
                old,
                fetched,
            });
        }
        Ok((text, renewed))
    }

    fn entangled(&self, error: &EditError) -> Failure {
        let message = format!(
            "cannot change `{}`: {error}",
            self.file.source.path.display()
        );
        Failure::text_only(
            &message,
            "change it by hand; JSON recipes cannot be changed in place",
        )
    }

    /// An archive changed although its version did not.
    fn shout(&self, renewed: &[Renewed], version: &str) {
        let style = Style::stderr(crate::cli::Color::Auto);
        for one in renewed {
            let name = &self.file.name;
            let head = format!(
                "CHANGED WITHOUT A NEW VERSION: source {} of {name} {version}",
                one.number + 1
            );
            eprintln!("{}", style.paint("31", &head));
            eprint!("{}", labelled("from", &one.fetched.from, style));
            eprint!(
                "{}",
                labelled("was", one.old.as_deref().unwrap_or("(none)"), style)
            );
            eprint!("{}", labelled("is", &one.fetched.sha256, style));
        }
        eprintln!(
            "Either upstream released {version} anew, or somebody changed it on its way. Compare the new sum with\n\
             what upstream announces before you trust it. The file is as it was; to write the new sum:\n\n  \
             zonewright recipe bump {} {version} --accept-changed",
            quote(&self.file.name)
        );
    }

    /// The report for programs; without `prepared` the patches were not tried.
    fn document(
        &self,
        text: &str,
        old: &str,
        version: &str,
        renewed: &[Renewed],
        prepared: Option<&Prepared>,
    ) -> Value {
        let file = &self.file.source;
        let sources = renewed.iter().map(|one| {
            json!({
                "source": one.number,
                "was": one.old,
                "sha256": one.fetched.sha256,
                "size": one.fetched.size,
                "from": one.fetched.from,
            })
        });
        let patches = prepared.iter().flat_map(|prepared| &prepared.patches);
        let patches = patches.map(|(name, applied)| {
            let (moved, fuzz) = distance(applied);
            json!({ "patch": name, "lines-away": moved, "fuzz": fuzz })
        });
        let diff = (text != file.text).then(|| files::diff(&file.path, &file.text, text));
        json!({
            "recipe": self.file.name,
            "file": file.path,
            "from": old,
            "to": version,
            "written": false,
            "sources": sources.collect::<Vec<Value>>(),
            "patches": patches.collect::<Vec<Value>>(),
            "diff": diff,
        })
    }

    fn report(
        &self,
        text: &str,
        old: &str,
        version: &str,
        renewed: &[Renewed],
        prepared: &Prepared,
    ) {
        let file = &self.file.source;
        if text == file.text {
            answer(&format!(
                "{}: nothing to change, the archive is the one that the recipe knows\n",
                self.file.name
            ));
        } else {
            let diff = files::diff(&file.path, &file.text, text);
            let lines = diff.lines().map(|line| diff_line(line, self.style) + "\n");
            answer(&lines.collect::<String>());
        }
        for one in renewed
            .iter()
            .filter(|one| old != version && one.old.as_ref() == Some(&one.fetched.sha256))
        {
            let note = format!("source {} is byte for byte that of {old}", one.number + 1);
            answer(&labelled("note", &note, self.style));
        }
        for (name, applied) in &prepared.patches {
            let how = match distance(applied) {
                (0, 0) => "applies as it stands".to_owned(),
                (lines, 0) => format!("applies, up to {lines} lines away"),
                (_, fuzz) => format!("applies with fuzz {fuzz}"),
            };
            answer(&labelled("patch", &format!("{name} {how}"), self.style));
        }
    }
}

/// How many lines away a patch applies at most, and with how much fuzz.
fn distance(applied: &Applied) -> (usize, usize) {
    let hunks = || applied.files.iter().flat_map(|file| &file.hunks);
    let moved = hunks().map(|hunk| hunk.offset.unsigned_abs()).max();
    let fuzz = hunks().map(|hunk| hunk.fuzz).max();
    (moved.unwrap_or(0), fuzz.unwrap_or(0))
}
