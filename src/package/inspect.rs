//! Reading a package back before `pkg_add` sees it.
//!
//! An archive whose members differ from its list is found out by `pkg_add` only while it extracts,
//! and then it removes every path of the list. So the agreement is checked here, down to the
//! checksums.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use md5::{Digest as _, Md5};

use crate::package::PackageError;
use crate::package::archive::METADATA_ORDER;

/// What is in a package file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspected {
    /// `zw-NAME-VERSION`
    pub name: String,
    /// `/opt/local`
    pub prefix: String,
    /// `+COMMENT`
    pub comment: String,
    /// Files and links in the list's order, relative to the prefix.
    pub files: Vec<String>,
    /// Folders that the package manages, relative to the prefix.
    pub folders: Vec<String>,
    /// `@pkgdep` patterns.
    pub depends: Vec<String>,
    /// `@pkgcfl` patterns.
    pub conflicts: Vec<String>,
    /// `+BUILD_INFO`; a repeated key has several values.
    pub build_info: BTreeMap<String, Vec<String>>,
    /// `+SIZE_PKG`
    pub size_bytes: u64,
}

/// What the list says of a file.
type Recorded = Option<String>;

/// Reads a gzipped package and checks that its members are those of its list.
///
/// # Errors
/// [`PackageError`] for bytes that are no package, and for one that `pkg_add` would stumble over.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, PackageError> {
    let mut inspected = Inspected::default();
    let mut recorded: Vec<Recorded> = Vec::new();
    let mut metadata = METADATA_ORDER.iter();
    let mut members = 0;
    let mut after = String::new();
    let failed = |after: &str, source| PackageError::Read {
        after: after.to_owned(),
        source,
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    for entry in archive.entries().map_err(|source| failed(&after, source))? {
        let mut entry = entry.map_err(|source| failed(&after, source))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|source| failed(&after, source))?;
        if name.starts_with('+') {
            // `any` goes on behind the last one that was found
            if members > 0 || !metadata.any(|known| *known == name) {
                return Err(PackageError::Damaged(format!(
                    "`{name}` is not where it belongs"
                )));
            }
            take_metadata(&name, &content, &mut inspected, &mut recorded)?;
        } else {
            let seen = match entry.header().entry_type() {
                tar::EntryType::Symlink => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    format!("Symlink:{}", String::from_utf8_lossy(&target))
                }
                _ => format!("MD5:{:x}", Md5::digest(&content)),
            };
            check_member(&name, &seen, &inspected, &recorded, members)?;
            members += 1;
        }
        after = name;
    }
    // the checksum of the compressed stream is only looked at when it is read to its end
    io::copy(&mut archive.into_inner(), &mut io::sink())
        .map_err(|source| failed(&after, source))?;
    if let Some(missing) = inspected.files.get(members) {
        return Err(PackageError::Damaged(format!(
            "`{missing}` is listed and not there"
        )));
    }
    for (what, value) in [("@name", &inspected.name), ("@cwd", &inspected.prefix)] {
        if value.is_empty() {
            return Err(PackageError::Damaged(format!("its list has no {what}")));
        }
    }
    if inspected.comment.is_empty() {
        return Err(PackageError::Damaged("it has no +COMMENT".to_owned()));
    }
    Ok(inspected)
}

fn take_metadata(
    name: &str,
    content: &[u8],
    inspected: &mut Inspected,
    recorded: &mut Vec<Recorded>,
) -> Result<(), PackageError> {
    let text = String::from_utf8_lossy(content);
    match name {
        "+CONTENTS" => parse_contents(&text, inspected, recorded),
        "+COMMENT" => inspected.comment = text.trim_end().to_owned(),
        "+BUILD_INFO" => {
            for line in text.lines() {
                if let Some((key, value)) = line.split_once('=') {
                    let values = inspected.build_info.entry(key.to_owned()).or_default();
                    values.push(value.trim_start().to_owned());
                }
            }
        }
        "+SIZE_PKG" => {
            inspected.size_bytes = text
                .trim()
                .parse()
                .map_err(|_| PackageError::Damaged(format!("+SIZE_PKG is `{}`", text.trim())))?;
        }
        _ => {}
    }
    Ok(())
}

fn parse_contents(text: &str, inspected: &mut Inspected, recorded: &mut Vec<Recorded>) {
    let mut is_ignored = false;
    for line in text.lines() {
        let line = line.trim_end();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "@name" => inspected.name = rest.to_owned(),
            // only the first one counts
            "@cwd" if inspected.prefix.is_empty() => inspected.prefix = rest.to_owned(),
            "@pkgdep" => inspected.depends.push(rest.to_owned()),
            "@pkgcfl" => inspected.conflicts.push(rest.to_owned()),
            "@pkgdir" => inspected.folders.push(rest.to_owned()),
            "@ignore" => is_ignored = true,
            "@comment" if rest.starts_with("MD5:") || rest.starts_with("Symlink:") => {
                if let Some(last) = recorded.last_mut() {
                    *last = Some(rest.to_owned());
                }
            }
            _ if word.starts_with('@') => {}
            _ if is_ignored => is_ignored = false,
            _ => {
                inspected.files.push(line.to_owned());
                recorded.push(None);
            }
        }
    }
}

fn check_member(
    name: &str,
    seen: &str,
    inspected: &Inspected,
    recorded: &[Recorded],
    index: usize,
) -> Result<(), PackageError> {
    let damaged = |text| Err(PackageError::Damaged(text));
    match (inspected.files.get(index), recorded.get(index)) {
        (Some(listed), _) if listed != name => {
            damaged(format!("`{name}` is where its list has `{listed}`"))
        }
        (Some(_), Some(Some(recorded))) if recorded != seen => damaged(format!(
            "`{name}` is not what its list records ({recorded})"
        )),
        (Some(_), _) => Ok(()),
        (None, _) => damaged(format!("`{name}` is not in its list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::archive::tests::{files, long_path, spec};
    use crate::package::write;

    #[test]
    fn a_package_reads_back_as_it_was_written() {
        let inspected = inspect(&write(&spec(), &files()).unwrap()).unwrap();
        assert_eq!(inspected.name, "zw-foo-bar-1.0nb2");
        assert_eq!(inspected.prefix, "/opt/local");
        assert_eq!(inspected.comment, "A test: of <things>");
        assert_eq!(
            inspected.files,
            [
                "bin/foo",
                "bin/su me",
                "lib/libfoo.so",
                "lib/long",
                &long_path()
            ]
        );
        assert_eq!(inspected.folders, ["var/foo"]);
        assert_eq!(inspected.depends, spec().depends);
        assert_eq!(inspected.conflicts, spec().conflicts);
        assert_eq!(inspected.build_info["REQUIRES"], spec().build_info.requires);
        assert_eq!(inspected.size_bytes, 6 + 11 + 160 + 4);
    }

    #[test]
    fn a_damaged_package_is_refused() {
        let bytes = write(&spec(), &files()).unwrap();
        assert!(inspect(b"").is_err());
        assert!(inspect(b"no package at all").is_err());
        for length in 0..bytes.len() {
            assert!(inspect(&bytes[..length]).is_err(), "{length}");
        }
        let unpack = |bytes: &[u8]| {
            let mut content = Vec::new();
            flate2::read::GzDecoder::new(bytes)
                .read_to_end(&mut content)
                .map(|_| content)
        };
        let content = unpack(&bytes).unwrap();
        let mut harmless = 0;
        for position in 10..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[position] ^= 0x20;
            if inspect(&bytes).is_ok() {
                // among zeros another distance copies the same bytes
                assert_eq!(unpack(&bytes).unwrap(), content, "{position}");
                harmless += 1;
            }
        }
        assert!(harmless < 10, "{harmless}");
    }

    fn archive(members: &[(&str, &str)]) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(gzip);
        for (name, text) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, name, text.as_bytes())
                .unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn members_that_differ_from_the_list_are_named() {
        let list = "@name x-1\n@cwd /opt/local\na\nb\n@comment MD5:00\n@ignore\n+COMMENT\n";
        let cases: [(&[(&str, &str)], &str); 7] = [
            (&[("a", "")], "`b` is listed and not there"),
            (&[("b", "")], "`b` is where its list has `a`"),
            (
                &[("a", ""), ("b", "")],
                "`b` is not what its list records (MD5:00)",
            ),
            (
                &[("a", ""), ("+DESC", "")],
                "`+DESC` is not where it belongs",
            ),
            (
                &[("+BUILD_INFO", ""), ("+DESC", "")],
                "`+DESC` is not where it belongs",
            ),
            (&[("+COMMENT", "")], "`+COMMENT` is not where it belongs"),
            (&[], "`a` is listed and not there"),
        ];
        for (members, expected) in cases {
            let mut all = vec![("+CONTENTS", list), ("+COMMENT", "x\n")];
            all.extend(members);
            let error = inspect(&archive(&all)).unwrap_err().to_string();
            assert_eq!(error, format!("the package is damaged: {expected}"));
        }
        let extra = archive(&[
            ("+CONTENTS", "@name x-1\n@cwd /\n"),
            ("+COMMENT", "x"),
            ("a", ""),
        ]);
        assert!(
            inspect(&extra)
                .unwrap_err()
                .to_string()
                .contains("`a` is not in its list")
        );
    }
}
