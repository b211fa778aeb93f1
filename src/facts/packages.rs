//! Installed packages: the command that lists them and the parser of its answer.
//!
//! A package name may contain hyphens and the version may not, so the version starts after the last
//! one. `pkg_info` without arguments prints the index of all: the name padded to 19 columns (or one
//! blank after a longer one), then the comment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::FactError;
use super::repositories::{self, PkginPlan};
use super::sections::Sections;
use crate::script::Script;

/// Installed packages, and what of them matters to a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Packages {
    /// Name → version.
    pub installed: BTreeMap<String, String>,
    /// Compilers: package name (`gcc13`) → path of its `gcc`.
    #[serde(default)]
    pub compilers: BTreeMap<String, String>,
    /// Our own packages: name → build key, from their build information.
    #[serde(default)]
    pub build_keys: BTreeMap<String, String>,
    /// Our own packages whose installation was broken off.
    #[serde(default)]
    pub broken_off: BTreeSet<String>,
    /// Our own packages of which files are gone → some of these files.
    #[serde(default)]
    pub missing_files: BTreeMap<String, Vec<String>>,
    /// URLs of pkgin's repositories, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<String>,
    /// What pkgin would do to bring what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkgin: Option<PkginPlan>,
}

impl Packages {
    /// The full name (`libevent-2.1.12`) of an installed package that matches a pkgin argument:
    /// a bare name, or a pattern with a version.
    #[must_use]
    pub fn find(&self, wanted: &str) -> Option<String> {
        if let Some(version) = self.installed.get(wanted) {
            return Some(format!("{wanted}-{version}"));
        }
        let pattern = pkgsrc::Pattern::new(wanted).ok()?;
        self.installed
            .iter()
            .map(|(name, version)| format!("{name}-{version}"))
            .find(|full| pattern.matches(full))
    }
}

// The folder NAME.xxxxxx that a killed update leaves among the records counts as a package, and a record
// without content makes pkg_info fail; `-e` reads no record, only their names.
//
// pkg_info →
//   libevent-2.1.12     Asynchronous event notification library
//   py313-some-very-long-name-1.0 Something
// printf of the glob → /opt/local/gcc13/bin/gcc
// pkg_info -qL zw-netatalk → one absolute path a line
// pkg_info -Q ZONEWRIGHT_BUILD_KEY zw-netatalk → 64 hex digits; no output where it is unset
pub(super) fn ask(script: Script, ours: &BTreeSet<String>) -> Script {
    script.list("ours", ours).shell(
        r#"
index=$(/opt/local/sbin/pkg_info) status=$?
if [ "$status" -ne 0 ]; then
  index=$(/opt/local/sbin/pkg_info -e '*') status=$?
fi
section packages "$status" "$index"
text=
for path in /opt/local/gcc*/bin/gcc; do [ -x "$path" ] && text=$text$path$'\n'; done
section compilers 0 "$text"
for name in ${ours[@]+"${ours[@]}"}; do
  full=
  while read -r found rest; do
    case $found in
      *.xxxxxx) ;;
      *) [ "${found%-*}" != "$name" ] || full=$found ;;
    esac
  done <<<"$index"
  if [ -n "$full" ]; then
    text=$(/opt/local/sbin/pkg_info -Q ZONEWRIGHT_BUILD_KEY "$full" 2>/dev/null)
    section "build-key:$name" 0 "$text"
    text= gone=0 files=$(/opt/local/sbin/pkg_info -qL "$full" 2>/dev/null)
    while IFS= read -r path; do
      if [ -n "$path" ] && [ ! -e "$path" ] && [ ! -L "$path" ] && [ "$gone" -lt 3 ]; then
        text=$text$path$'\n' gone=$((gone + 1))
      fi
    done <<<"$files"
    section "missing-files:$name" 0 "$text"
  fi
  [ -f "/var/db/zonewright/aside/$name.busy" ] && section "broken-off:$name" 0 ''
done
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Packages, FactError> {
    let compilers = sections.get("compilers")?.lines()?.filter_map(|path| {
        let name = path.strip_prefix("/opt/local/")?.strip_suffix("/bin/gcc")?;
        Some((name.to_owned(), path.to_owned()))
    });
    let build_keys = sections
        .with_argument("build-key")
        .filter_map(|(name, section)| {
            let key = std::str::from_utf8(section.text).ok()?.trim();
            (!key.is_empty()).then(|| (name.to_owned(), key.to_owned()))
        });
    let broken_off = sections
        .with_argument("broken-off")
        .map(|(name, _)| name.to_owned());
    let mut missing_files = BTreeMap::new();
    for (name, section) in sections.with_argument("missing-files") {
        let paths: Vec<String> = section.lines()?.map(str::to_owned).collect();
        if !paths.is_empty() {
            missing_files.insert(name.to_owned(), paths);
        }
    }
    Ok(Packages {
        broken_off: broken_off.collect(),
        missing_files,
        installed: parse_index(sections.get("packages")?.text_of("pkg_info")?)?,
        compilers: compilers.collect(),
        build_keys: build_keys.collect(),
        repositories: repositories::parse(sections)?,
        pkgin: repositories::parse_pkgin(sections)?,
    })
}

/// How the folder of an update ends that was killed, or that is under way.
const LEFTOVER: &str = ".xxxxxx";

fn parse_index(text: &str) -> Result<BTreeMap<String, String>, FactError> {
    let mut installed = BTreeMap::new();
    for line in text.lines() {
        let full = line.split(' ').next().unwrap_or("");
        if full.ends_with(LEFTOVER) {
            continue;
        }
        let (name, version) = full
            .rsplit_once('-')
            .filter(|(name, version)| !name.is_empty() && !version.is_empty())
            .ok_or_else(|| FactError::Line {
                command: "pkg_info",
                line: line.to_owned(),
            })?;
        installed.insert(name.to_owned(), version.to_owned());
    }
    Ok(installed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_starts_after_the_last_hyphen() {
        let text = "libevent-2.1.12     Asynchronous event notification library\n\
                    py313-a-very-long-name-with-hyphens-1.0nb2 Something\n\
                    gtk2+-2.24.33       Toolkit";
        let installed = parse_index(text).unwrap();
        assert_eq!(installed["libevent"], "2.1.12");
        assert_eq!(installed["py313-a-very-long-name-with-hyphens"], "1.0nb2");
        assert_eq!(installed["gtk2+"], "2.24.33");
        assert!(parse_index("pkg_info: not a package").is_err());
        let left = parse_index("zw-x-1.0            X\nzw-x-1.0.xxxxxx     X").unwrap();
        assert_eq!(
            left,
            BTreeMap::from([("zw-x".to_owned(), "1.0".to_owned())])
        );
    }

    #[test]
    fn a_pattern_finds_what_a_bare_name_does_not() {
        let packages = Packages {
            installed: [("libevent".to_owned(), "2.1.12".to_owned())].into(),
            ..Packages::default()
        };
        assert_eq!(
            packages.find("libevent").as_deref(),
            Some("libevent-2.1.12")
        );
        assert_eq!(
            packages.find("libevent>=2.1").as_deref(),
            Some("libevent-2.1.12")
        );
        assert_eq!(packages.find("libevent>=2.2"), None);
        assert_eq!(packages.find("libeven"), None);
    }
}
