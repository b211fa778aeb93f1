//! `pkg_install.conf`: `VAR=VALUE` lines.
//!
//! A variable that stands there twice has both values, joined by a newline: a second
//! `VERIFIED_INSTALLATION=` line makes an unknown value of a good one, and every install fails.

use std::collections::BTreeMap;

use super::process::{Process, Stop, at};

/// Where the tools' own configuration lies.
pub const CONFIGURATION: &str = "/opt/local/etc/pkg_install.conf";
/// The package database where neither option, environment nor configuration name another.
pub const DATABASE: &str = "/opt/local/pkg";
/// The prefix of everything.
pub const PREFIX: &str = "/opt/local";

/// The settings of one call.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// Reads the text of a configuration. Lines without `=` are ignored.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            values
                .entry(name.into())
                .and_modify(|old| {
                    old.push('\n');
                    old.push_str(value);
                })
                .or_insert_with(|| value.into());
        }
        Self { values }
    }

    /// Reads a configuration file; a missing one has no settings.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read.
    pub fn load(process: &Process<'_>, file: &str) -> Result<Self, Stop> {
        let path = process.file(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(at(&path)(error).into()),
        }
    }

    /// A variable's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The package database: option `-K`, then environment, then this file, then the default.
    #[must_use]
    pub fn database(&self, process: &Process<'_>, option: Option<&str>) -> String {
        option
            .map(str::to_owned)
            .or_else(|| (process.environment)("PKG_DBDIR").filter(|d| !d.is_empty()))
            .or_else(|| self.get("PKG_DBDIR").map(str::to_owned))
            .unwrap_or_else(|| DATABASE.into())
    }

    /// What `pkg_admin config-var` answers: a set variable or a default that the tools have.
    #[must_use]
    pub fn variable(
        &self,
        process: &Process<'_>,
        name: &str,
        database: Option<&str>,
    ) -> Option<String> {
        match name {
            "PKG_DBDIR" => Some(self.database(process, database)),
            "PKG_REFCOUNT_DBDIR" => Some(
                (process.environment)("PKG_REFCOUNT_DBDIR")
                    .or_else(|| self.get(name).map(str::to_owned))
                    .unwrap_or_else(|| format!("{}.refcount", self.database(process, database))),
            ),
            "PKG_PATH" => (process.environment)(name).or_else(|| self.get(name).map(str::to_owned)),
            _ if KNOWN.contains(&name) => {
                self.get(name).or_else(|| default(name)).map(str::to_owned)
            }
            _ => None,
        }
    }
}

/// Variables that the tools know (inferred to be all that matter here).
const KNOWN: &[&str] = &[
    "ACCEPTABLE_LICENSES",
    "CHECK_END_OF_LIFE",
    "CHECK_LICENSE",
    "CHECK_OS_VERSION",
    "CHECK_VULNERABILITIES",
    "DEFAULT_ACCEPTABLE_LICENSES",
    "GPG",
    "GPG_KEYRING_PKGVULN",
    "GPG_KEYRING_SIGN",
    "GPG_KEYRING_VERIFY",
    "GPG_SIGN_AS",
    "IGNORE_URL",
    "PKGVULNDIR",
    "PKGVULNURL",
    "VERIFIED_INSTALLATION",
];

fn default(name: &str) -> Option<&'static str> {
    match name {
        "CHECK_LICENSE" | "CHECK_END_OF_LIFE" => Some("no"),
        "CHECK_OS_VERSION" => Some("yes"),
        "CHECK_VULNERABILITIES" | "VERIFIED_INSTALLATION" => Some("never"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_lines_are_joined_and_junk_is_ignored() {
        let settings = Settings::parse(
            "# a comment\nVERIFIED_INSTALLATION=always\nx\nVERIFIED_INSTALLATION=never\nGPG_KEYRING_VERIFY=/a=b\n",
        );
        assert_eq!(settings.get("VERIFIED_INSTALLATION"), Some("always\nnever"));
        assert_eq!(settings.get("GPG_KEYRING_VERIFY"), Some("/a=b"));
        assert_eq!(settings.get("CHECK_LICENSE"), None);
    }
}
