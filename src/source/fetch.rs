//! Fetches the archive of one source: from folders of the user's, the cache, its URLs, Debian.
//!
//! Whatever is handed out has the checksum of the recipe, or the recipe says why it has none.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;

use super::cache::{Cache, CacheError, digest, digest_of, while_doing};
use super::debian;
use super::http::{self, Download, Patience, shown};
use crate::causes;
use crate::recipe::model::Source;

/// What happens while a source is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchEvent<'a> {
    /// Another process fetches the same file.
    Waiting,
    /// A download begins, or goes on at `resumed_at`.
    Started {
        from: &'a str,
        resumed_at: u64,
        total: Option<u64>,
    },
    /// Bytes have come; `received` counts those of earlier tries too.
    Progress { received: u64, total: Option<u64> },
    /// A try failed in a way that may pass; the next one follows after `wait`.
    Retrying {
        from: &'a str,
        reason: &'a str,
        wait: Duration,
    },
    /// A place is given up, the next one is tried.
    GaveUp { from: &'a str, reason: &'a str },
    /// The lists of a Debian release are read anew.
    DebianLists { release: &'a str },
}

/// A fetched archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// Its sha256, in hex.
    pub sha256: String,
    /// Its size.
    pub size: u64,
    /// Where it came from: a URL, `the cache`, a file, a Debian source package.
    pub from: String,
    /// Whether the checksum is the recipe's; otherwise the recipe goes without one.
    pub verified: bool,
}

/// One place that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub from: String,
    pub reason: String,
    /// The key of the recipe (`sha256`, `size`) that the archive which is there belies.
    pub belies: Option<&'static str>,
}

/// Why a source was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(
        "`{name}` has no checksum; give its `sha256`, or say under `unverified` why there is none"
    )]
    NoChecksum { name: String },
    #[error("`{sha256}` is not a sha256 of 64 hex digits")]
    BadChecksum { sha256: String },
    #[error("a source has neither `urls` nor `debian`")]
    NoPlace,
    #[error("cannot fetch `{name}`{}", listed(.attempts))]
    Failed {
        name: String,
        attempts: Vec<Attempt>,
    },
    #[error("`{name}` has {found} bytes, the recipe says {wanted}")]
    Size {
        name: String,
        found: u64,
        wanted: u64,
    },
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl FetchError {
    /// The key of the recipe that what was found belies: `sha256`, else `size`.
    #[must_use]
    pub fn belies(&self) -> Option<&'static str> {
        match self {
            Self::Size { .. } => Some("size"),
            // in the order of the alphabet
            Self::Failed { attempts, .. } => attempts.iter().filter_map(|a| a.belies).min(),
            _ => None,
        }
    }

    /// What to do or to write instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoChecksum { .. } | Self::BadChecksum { .. } => {
                "write the sum that the publisher announces as the source's `sha256`".to_owned()
            }
            Self::NoPlace => "give the source its `urls`".to_owned(),
            Self::Size { found, .. } => format!("write `size = {found}`, or leave it out"),
            Self::Failed { name, .. } => match self.belies() {
                Some("sha256") => {
                    "if the publisher announces the sum that was found, write it as `sha256` (as \
                     `zonewright recipe bump NAME VERSION --accept-changed` does); if not, the \
                     archive was changed on its way: do not use it"
                        .to_owned()
                }
                Some(_) => {
                    "if the publisher's archive is as large as that, write it as `size`, or \
                     leave that out; if not, name another mirror in `urls`"
                        .to_owned()
                }
                None => {
                    format!("add a mirror to `urls`, or put {name} into the site's `distfiles`")
                }
            },
            Self::Cache(_) => "make room or mend the rights there".to_owned(),
        }
    }
}

fn listed(attempts: &[Attempt]) -> String {
    attempts
        .iter()
        .map(|attempt| format!("\n  {}: {}", attempt.from, attempt.reason))
        .collect()
}

/// Fetches sources into a cache.
#[derive(Debug)]
pub struct Fetcher<'a> {
    cache: &'a Cache,
    distfiles: &'a [PathBuf],
    patience: Patience,
    agent: Agent,
}

impl<'a> Fetcher<'a> {
    /// A fetcher that looks into the folders `distfiles` first.
    #[must_use]
    pub fn new(cache: &'a Cache, distfiles: &'a [PathBuf], patience: Patience) -> Self {
        Self {
            cache,
            distfiles,
            patience,
            agent: http::agent(patience),
        }
    }

    pub(super) fn cache(&self) -> &'a Cache {
        self.cache
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// What lies in the folders or in the cache already; nobody is asked.
    ///
    /// # Errors
    /// [`FetchError`] where a file is there and cannot be read.
    pub fn find(&self, source: &Source) -> Result<Option<Fetched>, FetchError> {
        self.begin(source)?.look()
    }

    fn begin<'s>(&'s self, source: &'s Source) -> Result<Fetch<'s>, FetchError> {
        let name = file_name(source)?;
        let sha256 = checksum(source, &name)?;
        Ok(Fetch {
            fetcher: self,
            source,
            name,
            sha256,
            attempts: Vec::new(),
        })
    }

    /// Fetches a source whose templates are resolved.
    ///
    /// # Errors
    /// [`FetchError::Failed`] lists each place that was tried, and why it did not do.
    pub fn fetch(
        &self,
        source: &Source,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Fetched, FetchError> {
        let mut fetch = self.begin(source)?;
        if let Some(found) = fetch.look()? {
            return Ok(found);
        }
        let key = fetch.key();
        let _lock = self
            .cache
            .lock(&key, &mut || progress(FetchEvent::Waiting))?;
        // Another process may have fetched it while this one waited.
        if let Some(found) = fetch.look_in_cache()? {
            return Ok(found);
        }
        match fetch.try_places(&self.cache.partial(&key), progress)? {
            Some(found) => Ok(found),
            None => Err(FetchError::Failed {
                name: fetch.name,
                attempts: fetch.attempts,
            }),
        }
    }
}

/// The name that people know the archive by: the last part of the first URL.
pub(crate) fn file_name(source: &Source) -> Result<String, FetchError> {
    let url_names = source.urls.iter().filter_map(|url| url_file_name(url));
    let debian_name = source
        .debian
        .iter()
        .filter_map(|debian| debian.file.rsplit('/').next());
    let name = url_names
        .chain(debian_name)
        .next()
        .ok_or(FetchError::NoPlace)?;
    Ok(name.to_owned())
}

fn url_file_name(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?.split_once("://")?.1;
    let name = path.split_once('/')?.1.rsplit('/').next()?;
    (!matches!(name, "" | "." | "..")).then_some(name)
}

fn checksum(source: &Source, name: &str) -> Result<Option<String>, FetchError> {
    let Some(sha256) = &source.sha256 else {
        return match source.unverified {
            Some(_) => Ok(None),
            None => Err(FetchError::NoChecksum {
                name: name.to_owned(),
            }),
        };
    };
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(FetchError::BadChecksum {
            sha256: sha256.clone(),
        });
    }
    Ok(Some(sha256.to_lowercase()))
}

/// One source being fetched.
struct Fetch<'a> {
    fetcher: &'a Fetcher<'a>,
    source: &'a Source,
    name: String,
    sha256: Option<String>,
    attempts: Vec<Attempt>,
}

impl Fetch<'_> {
    /// What the download is locked and kept under: its checksum, else where it comes from.
    fn key(&self) -> String {
        let debian = self.source.debian.iter().map(|debian| &debian.file);
        let places: Vec<_> = self
            .source
            .urls
            .iter()
            .chain(debian)
            .map(String::as_str)
            .collect();
        self.sha256
            .clone()
            .unwrap_or_else(|| digest_of(&places.join("\n")))
    }

    fn try_places(
        &mut self,
        partial: &Path,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Option<Fetched>, FetchError> {
        for url in &self.source.urls {
            if let Some(found) = self.try_url(url, partial, progress)? {
                return Ok(Some(found));
            }
        }
        self.try_debian(partial, progress)
    }

    /// What is on this machine already.
    fn look(&mut self) -> Result<Option<Fetched>, FetchError> {
        match self.look_in_folders()? {
            Some(found) => Ok(Some(found)),
            None => self.look_in_cache(),
        }
    }

    /// A file of the right name and content in one of the user's folders; it is used where it lies.
    fn look_in_folders(&mut self) -> Result<Option<Fetched>, FetchError> {
        let mut names: Vec<&str> = self
            .source
            .urls
            .iter()
            .filter_map(|url| url_file_name(url))
            .collect();
        names.extend(self.source.debian.iter().map(|debian| debian.file.as_str()));
        names.dedup();
        for folder in self.fetcher.distfiles {
            for name in &names {
                let path = folder.join(name);
                if !path.is_file() {
                    continue;
                }
                let found = digest(&path)?;
                let from = path.display().to_string();
                match self.mismatch(&found) {
                    None => return Ok(Some(self.fetched(path, found, from)?)),
                    Some(reason) => self.attempts.push(Attempt {
                        from,
                        reason,
                        belies: Some("sha256"),
                    }),
                }
            }
        }
        Ok(None)
    }

    fn look_in_cache(&self) -> Result<Option<Fetched>, FetchError> {
        let Some(sha256) = &self.sha256 else {
            return Ok(None);
        };
        match self.fetcher.cache.get(sha256)? {
            Some(path) => Ok(Some(self.fetched(
                path,
                sha256.clone(),
                "the cache".to_owned(),
            )?)),
            None => Ok(None),
        }
    }

    fn try_url(
        &mut self,
        url: &str,
        partial: &Path,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Option<Fetched>, FetchError> {
        let download = Download {
            agent: &self.fetcher.agent,
            patience: self.fetcher.patience,
            url,
            partial,
            size_bytes: self.source.size,
        };
        let from = shown(url);
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        let result = if is_http {
            download.run(progress).map_err(|failure| {
                let belies = failure.is_size.then_some("size");
                (failure.reason, belies)
            })
        } else {
            Err(("only http and https URLs can be fetched".to_owned(), None))
        };
        match result {
            Ok(()) => self.accept(partial, from, progress),
            Err((reason, belies)) => {
                self.gave_up(from, reason, belies, progress);
                Ok(None)
            }
        }
    }

    fn try_debian(
        &mut self,
        partial: &Path,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Option<Fetched>, FetchError> {
        let Some(wanted) = &self.source.debian else {
            return Ok(None);
        };
        let from = format!(
            "Debian {} source package `{}`",
            wanted.release, wanted.package
        );
        let cache = self.fetcher.cache;
        let lock = format!("debian-{}", digest_of(&wanted.release));
        let _lock = cache.lock(&lock, &mut || progress(FetchEvent::Waiting))?;
        let folder = cache.folder(&format!("debian/{}", digest_of(&wanted.release)))?;
        let sha256 = self.sha256.as_deref();
        // Not the part of a URL: what apt leaves behind must not be gone on with.
        let target = partial.with_extension("debian");
        match debian::download(wanted, sha256, &folder, &target, progress) {
            Ok(version) => self.accept(&target, format!("{from} {version}"), progress),
            Err(error) => {
                let belies = error.is_other().then_some("sha256");
                self.gave_up(from, causes::in_one_line(&error), belies, progress);
                Ok(None)
            }
        }
    }

    /// Holds a complete download against the recipe; what is wrong is put aside.
    fn accept(
        &mut self,
        file: &Path,
        from: String,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Option<Fetched>, FetchError> {
        let found = digest(file)?;
        let Some(reason) = self.mismatch(&found) else {
            let path = self.fetcher.cache.put(file, &found, &self.name)?;
            return Ok(Some(self.fetched(path, found, from)?));
        };
        let kept = self.fetcher.cache.reject(file, &found, &self.name)?;
        let reason = format!("{reason}; what came is kept as `{}`", kept.display());
        self.gave_up(from, reason, Some("sha256"), progress);
        Ok(None)
    }

    fn mismatch(&self, found: &str) -> Option<String> {
        let wanted = self.sha256.as_deref().filter(|wanted| *wanted != found)?;
        Some(format!("its sha256 is {found}, the recipe wants {wanted}"))
    }

    fn gave_up(
        &mut self,
        from: String,
        reason: String,
        belies: Option<&'static str>,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) {
        progress(FetchEvent::GaveUp {
            from: &from,
            reason: &reason,
        });
        self.attempts.push(Attempt {
            from,
            reason,
            belies,
        });
    }

    /// What is handed out: of a size, too, that the recipe does not deny.
    fn fetched(&self, path: PathBuf, sha256: String, from: String) -> Result<Fetched, FetchError> {
        let size = fs::metadata(&path)
            .map_err(while_doing("read", &path))?
            .len();
        if let Some(wanted) = self.source.size.filter(|wanted| *wanted != size) {
            return Err(FetchError::Size {
                name: self.name.clone(),
                found: size,
                wanted,
            });
        }
        Ok(Fetched {
            path,
            sha256,
            size,
            from,
            verified: self.sha256.is_some(),
        })
    }
}

#[cfg(test)]
mod tests;
