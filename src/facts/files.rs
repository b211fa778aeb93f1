//! Files, folders and links: kind, mode, owner, hash and, for small text files, content.
//!
//! GNU `stat` is on the platform and names what it found in one process for any number of paths;
//! `digest -v` prints one format for one file and for many.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// The paths that were asked for and are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Files(pub BTreeMap<String, FileFact>);

/// What is at a path; links are not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileFact {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits.
    pub mode: u32,
    /// The owner's name, or its number where it has none.
    pub owner: String,
    /// The group's name, or its number where it has none.
    pub group: String,
    /// Bytes.
    pub size: u64,
    /// sha256 of a regular file, in hex.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The content, where it was asked for and is text of at most 256 KiB.
    #[serde(default)]
    pub content: Option<String>,
    /// The package that it belongs to, asked only for files of recipes that no receipt knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
}

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    Regular,
    Directory,
    Symlink,
    Other,
}

// stat --printf '%f %s %u %g %U %G %n\n' →  81a4 612 0 0 root root /opt/local/etc/afp.conf
//   (a missing path: a line on stderr, exit 1, the others are printed)
// pkg_info -Fe P → libevent-2.1.12   (nobody's file: no output, exit 1)
// digest -a sha256 -v P… → sha256 (P) = 9f86d0…   (a missing file: a line on stderr, exit 2)
pub(super) fn ask(script: Script, paths: &BTreeSet<String>, contents: &BTreeSet<String>) -> Script {
    script
        .list("paths", paths)
        .list("contents", contents)
        .shell(
            r#"
text= hashes= status=0
if [ ${#paths[@]} -gt 0 ]; then
  text=$(/usr/bin/stat --printf '%f %s %u %g %U %G %n\n' -- "${paths[@]}" 2>/dev/null)
  regular=()
  for path in "${paths[@]}"; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    # what is there and was not told is a failure, not an absence
    case $text$'\n' in *" $path"$'\n'*) ;; *) status=1 ;; esac
    [ -f "$path" ] && [ ! -L "$path" ] && regular+=("$path")
  done
  if [ ${#regular[@]} -gt 0 ]; then
    hashes=$(/usr/bin/digest -a sha256 -v "${regular[@]}" 2>/dev/null)
  fi
fi
section files "$status" "$text"
section hashes 0 "$hashes"
for path in ${contents[@]+"${contents[@]}"}; do
  [ -f "$path" ] && [ ! -L "$path" ] || continue
  # to the end of the file, trailing newlines and all, without a process
  content=; IFS= read -r -d '' content <"$path"
  [ "${#content}" -le 262144 ] && section "content:$path" 0 "$content"
done
known=
for path in /var/db/zonewright/receipts/*.json; do
  content=; [ -f "$path" ] && IFS= read -r -d '' content <"$path"
  known=$known$content
done
for path in ${contents[@]+"${contents[@]}"}; do
  [ -e "$path" ] || [ -L "$path" ] || continue
  case $known in *"\"$path\""*) continue ;; esac
  owner=$(/opt/local/sbin/pkg_info -Fe "$path" 2>/dev/null) && section "owner:$path" 0 "$owner"
done
"#,
        )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Files, FactError> {
    let mut files = BTreeMap::new();
    for line in sections.get("files")?.text_of("stat")?.lines() {
        let (path, fact) = parse_stat(line).ok_or_else(|| FactError::Line {
            command: "stat",
            line: line.to_owned(),
        })?;
        files.insert(path, fact);
    }
    for line in sections.get("hashes")?.lines()? {
        let (path, hash) = parse_digest(line).ok_or_else(|| FactError::Line {
            command: "digest",
            line: line.to_owned(),
        })?;
        if let Some(fact) = files.get_mut(path) {
            fact.sha256 = Some(hash.to_owned());
        }
    }
    let unread = files
        .iter()
        .find(|(_, f)| f.kind == FileKind::Regular && f.sha256.is_none());
    if let Some((path, _)) = unread {
        return Err(FactError::Command {
            command: "digest",
            status: 1,
            output: format!("no hash of {path}"),
        });
    }
    for (path, section) in sections.with_argument("content") {
        // `read` stops at a NUL byte: a file with one is no text
        let text = section.text;
        if let Some(fact) = files.get_mut(path)
            && fact.size == text.len() as u64
        {
            fact.content = std::str::from_utf8(text).ok().map(str::to_owned);
        }
    }
    for (path, section) in sections.with_argument("owner") {
        if let Some(fact) = files.get_mut(path) {
            fact.package = section.lines()?.next().map(str::to_owned);
        }
    }
    Ok(Files(files))
}

fn parse_stat(line: &str) -> Option<(String, FileFact)> {
    let mut words = line.splitn(7, ' ');
    let raw_mode = u32::from_str_radix(words.next()?, 16).ok()?;
    let size = words.next()?.parse().ok()?;
    let (uid, gid) = (words.next()?, words.next()?);
    let name_or = |name: &str, id: &str| if name == "UNKNOWN" { id } else { name }.to_owned();
    let owner = name_or(words.next()?, uid);
    let group = name_or(words.next()?, gid);
    let kind = match raw_mode & 0o170_000 {
        0o100_000 => FileKind::Regular,
        0o040_000 => FileKind::Directory,
        0o120_000 => FileKind::Symlink,
        _ => FileKind::Other,
    };
    let mode = raw_mode & 0o7777;
    let fact = FileFact {
        kind,
        mode,
        owner,
        group,
        size,
        sha256: None,
        content: None,
        package: None,
    };
    Some((words.next()?.to_owned(), fact))
}

fn parse_digest(line: &str) -> Option<(&str, &str)> {
    let (path, hash) = line.strip_prefix("sha256 (")?.rsplit_once(") = ")?;
    (hash.len() == 64).then_some((path, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_hold_blanks_and_brackets() {
        let (path, fact) = parse_stat("81a4 612 0 3 root UNKNOWN /opt/a b (c) = d").unwrap();
        assert_eq!(path, "/opt/a b (c) = d");
        assert_eq!((fact.kind, fact.mode), (FileKind::Regular, 0o644));
        assert_eq!((fact.owner.as_str(), fact.group.as_str()), ("root", "3"));
        let hash = "a".repeat(64);
        let line = format!("sha256 (/opt/a b (c) = d) = {hash}");
        assert_eq!(
            parse_digest(&line),
            Some(("/opt/a b (c) = d", hash.as_str()))
        );
        assert_eq!(parse_digest("sha256 (x) = short"), None);
    }
}
