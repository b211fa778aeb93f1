//! Which versions of a source there are: from a server's folder, a forge's releases, Debian's lists.
//!
//! A version counts only with the archive's own name around it, as the recipe writes it, so that
//! neither another package of the same folder nor a signature is taken for a release.

use std::io::Read as _;

use pkgsrc::Dewey;
use serde_json::Value;

use super::cache::digest_of;
use super::debian;
use super::fetch::{FetchEvent, Fetcher};
use super::http;
use crate::apt::SourceRecord;
use crate::causes::in_one_line;
use crate::recipe::model::DebianSource;

/// The most that is read of a page that lists releases.
const LARGEST_PAGE: u64 = 8 << 20;

/// The versions that were found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub versions: Vec<String>,
    /// The page that names them.
    pub from: String,
}

/// A page to ask, and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Page {
    /// A folder: its links, each a file or folder named `before` + version + `after`.
    Folder {
        url: String,
        before: String,
        after: String,
    },
    /// The releases of a repository on GitHub, with their files.
    Releases {
        url: String,
        before: String,
        after: String,
    },
}

impl Fetcher<'_> {
    /// The versions that the server of `url`, which is that of `version`, has.
    ///
    /// # Errors
    /// Why it cannot be known, in one line.
    pub fn versions(&self, url: &str, version: &str) -> Result<Found, String> {
        let page = page(url, version).ok_or_else(|| {
            format!(
                "`{url}` does not have the version in its name, so no other one can be told from it"
            )
        })?;
        match page {
            Page::Folder { url, before, after } => {
                let text = self.page(&url)?;
                let names = links(&text);
                let versions = between(names.iter().map(String::as_str), &before, &after);
                Ok(Found {
                    versions,
                    from: url,
                })
            }
            Page::Releases { url, before, after } => {
                let text = self.page(&url)?;
                let versions = released(&text, &before, &after)?;
                Ok(Found {
                    versions,
                    from: url,
                })
            }
        }
    }

    /// The versions of a Debian source package with their files and checksums, read anew.
    ///
    /// # Errors
    /// Why Debian's lists cannot be read, in one line.
    pub fn debian_versions(
        &self,
        wanted: &DebianSource,
        progress: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Vec<SourceRecord>, String> {
        let failed = |error: &dyn std::error::Error| in_one_line(error);
        let cache = self.cache();
        let key = digest_of(&wanted.release);
        let _lock = cache
            .lock(&format!("debian-{key}"), &mut || {
                progress(FetchEvent::Waiting)
            })
            .map_err(|error| failed(&error))?;
        let folder = cache
            .folder(&format!("debian/{key}"))
            .map_err(|error| failed(&error))?;
        debian::records(wanted, &folder, progress).map_err(|error| failed(&error))
    }

    fn page(&self, url: &str) -> Result<String, String> {
        let shown = http::shown(url);
        let failed = |why: String| format!("{shown}: {why}");
        let response = self
            .agent()
            .get(url)
            .call()
            .map_err(|e| failed(e.to_string()))?;
        let status = response.status();
        if !status.is_success() {
            return Err(failed(format!("the server answered {}", status.as_u16())));
        }
        let mut text = Vec::new();
        let body = response.into_body().into_reader().take(LARGEST_PAGE);
        let mut body = body;
        body.read_to_end(&mut text)
            .map_err(|e| failed(e.to_string()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// The version as names write it: with dots, or dashes or underscores in their place.
fn spellings(version: &str) -> [String; 3] {
    [
        version.to_owned(),
        version.replace('.', "-"),
        version.replace('.', "_"),
    ]
}

fn page(url: &str, version: &str) -> Option<Page> {
    let plain = url.split(['?', '#']).next()?;
    let (folder, file) = plain.rsplit_once('/')?;
    let (before, after) = around(file, version)?;
    if let Some(rest) = plain.strip_prefix("https://github.com/") {
        let mut parts = rest.split('/');
        let (owner, name) = (parts.next()?, parts.next()?);
        if parts.next() == Some("releases") {
            let url = format!("https://api.github.com/repos/{owner}/{name}/releases?per_page=50");
            return Some(Page::Releases { url, before, after });
        }
    }
    // a folder for each version: the one above them lists them
    let (scheme, path) = folder.split_once("://")?;
    let parts: Vec<&str> = path.split('/').collect();
    let of_version = parts
        .iter()
        .skip(1)
        .position(|part| around(part, version).is_some());
    match of_version {
        Some(at) => {
            let above = parts.get(..=at)?.join("/");
            let (before, after) = around(parts.get(at + 1)?, version)?;
            Some(Page::Folder {
                url: format!("{scheme}://{above}/"),
                before,
                after,
            })
        }
        None => Some(Page::Folder {
            url: format!("{folder}/"),
            before,
            after,
        }),
    }
}

/// What stands before and after the version in a name.
fn around(name: &str, version: &str) -> Option<(String, String)> {
    spellings(version).into_iter().find_map(|spelt| {
        let (before, after) = name.split_once(spelt.as_str())?;
        let is_whole = !before.ends_with(|c: char| c.is_ascii_digit())
            && !after.starts_with(|c: char| c.is_ascii_digit());
        is_whole.then(|| (before.to_owned(), after.to_owned()))
    })
}

// <a href="fping-5.1.tar.gz">fping-5.1.tar.gz</a>   2022-02-06 13:36   187K
/// The last parts of the links of a page.
fn links(page: &str) -> Vec<String> {
    let mut names = Vec::new();
    let lower = page.to_ascii_lowercase();
    for (at, _) in lower.match_indices("href=") {
        let rest = page.get(at + 5..).unwrap_or("");
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let text = match quote {
            Some(quote) => rest.get(1..).unwrap_or("").split(quote).next(),
            None => rest.split([' ', '>', '\n']).next(),
        };
        let link = text.unwrap_or("").split(['?', '#']).next().unwrap_or("");
        let name = link.trim_end_matches('/').rsplit('/').next().unwrap_or("");
        names.push(name.replace("%2B", "+").replace("%7E", "~"));
    }
    names
}

/// The versions between `before` and `after` in names.
fn between<'n>(names: impl Iterator<Item = &'n str>, before: &str, after: &str) -> Vec<String> {
    let mut versions: Vec<String> = names
        .filter_map(|name| name.strip_prefix(before)?.strip_suffix(after))
        .map(|version| version.replace(['-', '_'], "."))
        .filter(|version| is_version(version))
        .collect();
    versions.sort();
    versions.dedup();
    versions
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() < 40
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".+".contains(c))
}

// [{"tag_name":"netatalk-4-5-2","prerelease":false,"draft":false,"assets":[{"name":"netatalk-4.5.2.tar.xz"}]}]
/// The versions of the releases that people are meant to take.
fn released(page: &str, before: &str, after: &str) -> Result<Vec<String>, String> {
    let list: Value =
        serde_json::from_str(page).map_err(|error| format!("no JSON came: {error}"))?;
    let releases = list.as_array().ok_or("no list of releases came")?;
    let is_meant = |release: &&Value| release["draft"] != true && release["prerelease"] != true;
    let assets = releases.iter().filter(is_meant).flat_map(|release| {
        let assets = release["assets"].as_array();
        assets
            .into_iter()
            .flatten()
            .filter_map(|asset| asset["name"].as_str())
    });
    Ok(between(assets, before, after))
}

/// The newest of some versions in pkgsrc's order, without those that are tried before a release.
#[must_use]
pub fn newest(versions: &[String]) -> Option<&String> {
    let finished = versions.iter().filter(|version| is_finished(version));
    finished.reduce(|best, other| if is_newer(other, best) { other } else { best })
}

/// Whether `version` comes after `other`.
#[must_use]
pub fn is_newer(version: &str, other: &str) -> bool {
    Dewey::new(&format!("x>{other}")).is_ok_and(|later| later.matches(&format!("x-{version}")))
}

fn is_finished(version: &str) -> bool {
    let lower = version.to_ascii_lowercase();
    !["alpha", "beta", "rc", "pre", "dev", "a1", "b1"]
        .iter()
        .any(|word| lower.contains(word))
}

/// Debian's version without what Debian adds to upstream's: `1:4.2.3~ds-1+deb13u2` is `4.2.3`.
#[must_use]
pub fn upstream_of(debian: &str) -> &str {
    let without_epoch = debian.split_once(':').map_or(debian, |(_, rest)| rest);
    let upstream = without_epoch
        .rsplit_once('-')
        .map_or(without_epoch, |(version, _)| version);
    upstream.split(['~', '+']).next().unwrap_or(upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_to_ask_follows_from_the_url() {
        let folder = |url: &str, before: &str, after: &str| {
            Some(Page::Folder {
                url: url.to_owned(),
                before: before.to_owned(),
                after: after.to_owned(),
            })
        };
        assert_eq!(
            page("https://fping.org/dist/fping-5.1.tar.gz", "5.1"),
            folder("https://fping.org/dist/", "fping-", ".tar.gz")
        );
        assert_eq!(
            page("http://h:81/sources/x/1.2/x-1.2.tar.xz", "1.2"),
            folder("http://h:81/sources/x/", "", "")
        );
        assert_eq!(
            page(
                "https://github.com/Netatalk/netatalk/releases/download/netatalk-4-5-2/netatalk-4.5.2.tar.xz",
                "4.5.2"
            ),
            Some(Page::Releases {
                url: "https://api.github.com/repos/Netatalk/netatalk/releases?per_page=50"
                    .to_owned(),
                before: "netatalk-".to_owned(),
                after: ".tar.xz".to_owned(),
            })
        );
        assert_eq!(page("https://x/y-5.10.tar.gz", "5.1"), None);
        assert_eq!(page("https://x/latest.tar.gz", "5.1"), None);
    }

    #[test]
    fn versions_are_read_from_links_and_releases() {
        let page = "<A HREF=\"../\">up</A><a href='x-1.2.tar.gz'>x</a> <a href=/d/x-1.10.tar.gz?a=b>x</a>\
                    <a href=\"x-1.2.tar.gz.sig\">s</a><a href=\"xx-9.tar.gz\">n</a><a href=\"x-2.0rc1.tar.gz\">r</a>";
        let names = links(page);
        let versions = between(names.iter().map(String::as_str), "x-", ".tar.gz");
        assert_eq!(versions, ["1.10", "1.2", "2.0rc1"]);
        assert_eq!(newest(&versions).unwrap(), "1.10");
        assert_eq!(newest(&[]), None);
        let json = r#"[{"prerelease":true,"assets":[{"name":"n-5.tar.xz"}]},
            {"prerelease":false,"draft":false,"assets":[{"name":"n-4.5.2.tar.xz"},{"name":"n-4.5.2.tar.xz.sha256"}]}]"#;
        assert_eq!(released(json, "n-", ".tar.xz").unwrap(), ["4.5.2"]);
        assert!(released("<html>", "", "").is_err());
    }

    #[test]
    fn debians_additions_are_no_part_of_the_version() {
        for (debian, upstream) in [
            ("4.2.3~ds-1+deb13u2", "4.2.3"),
            ("5.1-1", "5.1"),
            ("1:2.3+dfsg1-4", "2.3"),
            ("7", "7"),
        ] {
            assert_eq!(upstream_of(debian), upstream);
        }
    }
}
