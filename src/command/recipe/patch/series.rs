//! Patches from elsewhere: a file, a quilt series, the patches of a pkgsrc package.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::super::Failure;

/// A patch to take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Its name here, without the ending.
    pub(super) name: String,
    /// How many leading components its names are said to have.
    pub(super) strip: Option<u32>,
    pub(super) bytes: Vec<u8>,
}

/// Reads what lies at a path, in the order in which it is applied.
pub(super) fn read(from: &Path) -> Result<Vec<Foreign>, Failure> {
    if !from.is_dir() {
        return Ok(vec![read_one(from, None)?]);
    }
    // a Debian source tree, or what it has below `debian`
    let places = [
        from.to_owned(),
        from.join("patches"),
        from.join("debian/patches"),
    ];
    for folder in &places {
        let series = folder.join("series");
        if series.is_file() {
            return quilt(folder, &text(&series)?);
        }
    }
    for folder in &places {
        let patches = unordered(folder)?;
        if !patches.is_empty() {
            return Ok(patches);
        }
    }
    Err(Failure::usage(
        &format!("there are no patches in `{}`", from.display()),
        "a folder has a file `series`, or files named patch-*, *.patch or *.diff",
    ))
}

/// `NAME [-pN] [# why]` a line.
fn quilt(folder: &Path, series: &str) -> Result<Vec<Foreign>, Failure> {
    let mut patches = Vec::new();
    for (index, line) in series.lines().enumerate() {
        // quilt takes a `#` for a comment at the beginning of a word only
        let words: Vec<&str> = line
            .split_whitespace()
            .take_while(|w| !w.starts_with('#'))
            .collect();
        let Some((name, options)) = words.split_first() else {
            continue;
        };
        let mut strip = None;
        for option in options {
            let bad = || {
                Failure::usage(
                    &format!("line {} of `series` has the option `{option}`", index + 1),
                    "only `-p` and a number are understood: take that patch in by itself",
                )
            };
            let number = option.strip_prefix("-p").and_then(|n| n.parse().ok());
            strip = Some(number.ok_or_else(bad)?);
        }
        patches.push(read_one(&folder.join(name), strip)?);
    }
    if patches.is_empty() {
        return Err(Failure::usage(
            &format!("`{}` names no patch", folder.join("series").display()),
            "write a file's name on each line of it, or name a single patch",
        ));
    }
    Ok(patches)
}

/// The patches of a folder without a series, in the order of their names. pkgsrc's are named
/// `patch-aa` or `patch-src_main.c` and have no leading component.
fn unordered(folder: &Path) -> Result<Vec<Foreign>, Failure> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut patches = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_pkgsrc = name.starts_with("patch-");
        let is_kept = !["~", ".orig", ".rej", ".bak"]
            .iter()
            .any(|end| name.ends_with(end));
        let is_patch = is_pkgsrc || name.ends_with(".patch") || name.ends_with(".diff");
        if is_patch && is_kept && path.is_file() {
            patches.push(read_one(&path, is_pkgsrc.then_some(0))?);
        }
    }
    patches.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(patches)
}

fn read_one(path: &Path, strip: Option<u32>) -> Result<Foreign, Failure> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    Ok(Foreign {
        name: name_of(path),
        path: path.to_owned(),
        strip,
        bytes,
    })
}

/// A name that a recipe can have in its list: endings dropped, what files cannot be called replaced.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = [".patch", ".diff"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.+".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(plain).collect();
    name.trim_start_matches(['.', '-']).to_owned()
}

fn text(path: &Path) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        &format!("cannot read `{}`: {error}", path.display()),
        "name a patch, a quilt series or the folder of a pkgsrc package",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(from: &Path) -> Vec<(String, Option<u32>)> {
        let patches = read(from).unwrap_or_else(|failure| panic!("{failure:?}"));
        patches
            .into_iter()
            .map(|one| (one.name, one.strip))
            .collect()
    }

    #[test]
    fn a_quilt_series_has_its_order_its_strips_and_its_comments() {
        let series = "# ours\n\nb.patch -p0 # why\nsub/a#1.diff\n";
        let folder = folder(&[
            ("debian/patches/series", series),
            ("debian/patches/b.patch", "b"),
            ("debian/patches/sub/a#1.diff", "a"),
        ]);
        let wanted = [("b".to_owned(), Some(0)), ("a-1".to_owned(), None)];
        for from in ["", "debian", "debian/patches"] {
            assert_eq!(names(&folder.path().join(from)), wanted);
        }
    }

    #[test]
    fn the_patches_of_a_pkgsrc_package_come_in_the_order_of_their_names() {
        let folder = folder(&[
            ("patches/patch-ab", "b"),
            ("patches/patch-aa", "a"),
            ("patches/patch-aa.orig", "x"),
            ("patches/CVS", "x"),
        ]);
        let wanted = ["patch-aa", "patch-ab"].map(|name| (name.to_owned(), Some(0)));
        assert_eq!(names(folder.path()), wanted);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let folder = folder(&[
            ("a/series", "x -R\n"),
            ("b/README", ""),
            ("c/series", "gone\n"),
        ]);
        for below in ["a", "b", "c", "d"] {
            assert!(read(&folder.path().join(below)).is_err(), "{below}");
        }
    }
}
