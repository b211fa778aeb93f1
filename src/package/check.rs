//! Package checks: every library is found where the files look for it, and nothing of the build
//! folder stays behind.
//!
//! Which libraries the target has is asked once, for all candidates together:
//! [`library_candidates`] says which paths, [`check`] gets the answer as a function.

use std::collections::BTreeSet;

use crate::package::elf::{self, Linkage};
use crate::package::{EntryKind, PackageFiles, PackageProblem};
use crate::problem::Severity;

/// Where a 64-bit program on illumos looks for libraries after its own path.
pub const ILLUMOS_64: &[&str] = &["/lib/64", "/usr/lib/64"];
const ILLUMOS_32: &[&str] = &["/lib", "/usr/lib"];
const LINUX_64: &[&str] = &[
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
];

/// What the checks found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// `REQUIRES`: libraries of other packages and of the platform, absolute, sorted. `pkg_add`
    /// refuses the package where one is not there; pkgsrc writes the platform's too.
    pub requires: Vec<String>,
    /// `PROVIDES`: the package's own libraries, absolute, sorted.
    pub provides: Vec<String>,
    /// Errors and warnings, by path.
    pub problems: Vec<PackageProblem>,
}

impl Checked {
    /// Whether nothing stands in the way of making the package.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.problems
            .iter()
            .all(|problem| problem.severity != Severity::Error)
    }
}

/// The folders that the package's programs search last: their run-time linker decides. 64-bit
/// illumos where there is no program.
#[must_use]
pub fn system_folders(files: &PackageFiles) -> &'static [&'static str] {
    let interpreter = files
        .regular()
        .find_map(|(_, bytes, _)| elf::linkage(bytes).ok()??.interpreter);
    match interpreter {
        Some("/lib/ld.so.1" | "/usr/lib/ld.so.1") => ILLUMOS_32,
        Some(name) if name.contains("ld-linux") => LINUX_64,
        _ => ILLUMOS_64,
    }
}

/// Every absolute path outside the package at which a needed library could be: what the target has
/// to be asked about. `system` are the folders searched last: see [`system_folders`].
#[must_use]
pub fn library_candidates(files: &PackageFiles, system: &[&str]) -> BTreeSet<String> {
    let mut candidates = BTreeSet::new();
    for (path, bytes, _) in files.regular() {
        let Ok(Some(linkage)) = elf::linkage(bytes) else {
            continue;
        };
        for library in &linkage.needed {
            for place in places(&path, &linkage, library, system) {
                if find_own(files, &place).is_none() {
                    candidates.insert(place);
                }
            }
        }
    }
    candidates
}

/// Checks the files of a package.
///
/// `system` are the folders searched last ([`system_folders`]); `build_folders` are paths that must
/// not live on in the package: the build tree, `DESTDIR`; `is_on_target` says of each path of
/// [`library_candidates`] whether it is a regular file there, links followed. It must say no for
/// files of an earlier version of this package: they go when it comes.
#[must_use]
pub fn check(
    files: &PackageFiles,
    system: &[&str],
    build_folders: &[&str],
    is_on_target: &dyn Fn(&str) -> bool,
) -> Checked {
    let mut problems = Vec::new();
    let mut requires = BTreeSet::new();
    if files
        .entries
        .values()
        .all(|entry| entry.kind == EntryKind::Directory)
    {
        let message = format!(
            "nothing was staged below `{}`: the package is empty",
            files.prefix
        );
        problems.push(PackageProblem::error("", message));
    }
    for (path, bytes, mode) in files.regular() {
        check_mode(&path, mode, &mut problems);
        match elf::linkage(bytes) {
            Ok(Some(linkage)) => {
                check_search(&path, &linkage, files, system, &mut problems);
                for library in &linkage.needed {
                    let places = places(&path, &linkage, library, system);
                    if places.iter().any(|place| find_own(files, place).is_some()) {
                        continue;
                    }
                    match places.iter().find(|place| is_on_target(place)) {
                        Some(place) => {
                            requires.insert(place.clone());
                        }
                        None => problems.push(missing(&path, &linkage, library, files, &places)),
                    }
                }
            }
            Ok(None) => check_text(&path, bytes, build_folders, &mut problems),
            Err(error) => problems.push(PackageProblem::error(
                &path,
                format!("`{path}` starts like a program and cannot be read as one: {error}"),
            )),
        }
    }
    check_links_and_folders(files, build_folders, &mut problems);
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    Checked {
        requires: requires.into_iter().collect(),
        provides: provides(files),
        problems,
    }
}

/// Where the run-time linker looks for `library`, in its order; nowhere where that is for the current
/// folder of whoever runs the program to decide.
fn places(path: &str, linkage: &Linkage<'_>, library: &str, system: &[&str]) -> Vec<String> {
    if library.starts_with('/') {
        return vec![library.to_owned()];
    }
    if library.contains('/') {
        return Vec::new();
    }
    let own = linkage
        .search
        .iter()
        .map(|folder| expand_origin(path, folder));
    let all = own.chain(system.iter().map(|folder| (*folder).to_owned()));
    let absolute = all.filter(|folder| folder.starts_with('/'));
    absolute
        .map(|folder| format!("{}/{library}", folder.trim_end_matches('/')))
        .collect()
}

/// `$ORIGIN` is the folder of the file itself. `..` is resolved by name: the package's files are
/// not on a disk here.
fn expand_origin(path: &str, folder: &str) -> String {
    let origin = path.rsplit_once('/').map_or("", |(origin, _)| origin);
    let text = folder
        .replace("${ORIGIN}", origin)
        .replace("$ORIGIN", origin);
    if !text.starts_with('/') {
        return text;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    format!("/{}", parts.join("/"))
}

/// The package's own file at `place`, through at most eight links that stay in the package.
fn find_own(files: &PackageFiles, place: &str) -> Option<()> {
    let mut place = place.to_owned();
    for _ in 0..8 {
        match &files.get(&place)?.kind {
            EntryKind::File { .. } => return Some(()),
            EntryKind::Directory => return None,
            EntryKind::Symlink { target } if target.starts_with('/') => place.clone_from(target),
            EntryKind::Symlink { target } => {
                place = expand_origin(&place, &format!("$ORIGIN/{target}"));
            }
        }
    }
    None
}

/// A library without a path of its own may be found through the program that loads it, so there it
/// is only a warning where the package itself has the file.
fn missing(
    path: &str,
    linkage: &Linkage<'_>,
    library: &str,
    files: &PackageFiles,
    places: &[String],
) -> PackageProblem {
    let own = files
        .entries
        .keys()
        .find(|own| own.rsplit('/').next() == Some(library));
    if places.is_empty() {
        let message = format!(
            "`{path}` needs `{library}`, which is looked for in whatever folder it is run from"
        );
        return PackageProblem::error(path, message)
            .with_help("link the library with a name of its own (`-Wl,-h,NAME`)".to_owned());
    }
    let looked = places.join("`, `");
    match own {
        Some(own) => {
            let message = format!(
                "`{path}` needs `{library}`, which is `{}/{own}` and not where it looks: `{looked}`",
                files.prefix
            );
            let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
            let problem = if linkage.interpreter.is_some() {
                PackageProblem::error(path, message)
            } else {
                PackageProblem::warning(path, message)
            };
            problem.with_help(format!("link with `-Wl,-R{}/{folder}`", files.prefix))
        }
        None => PackageProblem::error(
            path,
            format!("`{path}` needs `{library}`, which is in none of `{looked}`"),
        )
        .with_help("name the package that has it in `[dependencies] run`".to_owned()),
    }
}

fn check_search(
    path: &str,
    linkage: &Linkage<'_>,
    files: &PackageFiles,
    system: &[&str],
    problems: &mut Vec<PackageProblem>,
) {
    for written in &linkage.search {
        let folder = expand_origin(path, written);
        let allowed = [files.prefix.as_str(), "/lib", "/usr/lib"];
        if !allowed
            .iter()
            .chain(system)
            .any(|root| is_below(&folder, root))
        {
            let message = format!(
                "`{path}` looks for libraries in `{written}`, which is neither below `{}` nor the platform's",
                files.prefix
            );
            let help = "a run-time path must not name the build tree; look for `-R` and `-rpath` in the build's flags";
            problems.push(PackageProblem::error(path, message).with_help(help.to_owned()));
        }
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_mode(path: &str, mode: u32, problems: &mut Vec<PackageProblem>) {
    let word = match mode & 0o6000 {
        0o4000 => "setuid",
        0o2000 => "setgid",
        0o6000 => "setuid and setgid",
        _ => return,
    };
    problems.push(PackageProblem::warning(
        path,
        format!("`{path}` is {word} root ({mode:04o})"),
    ));
}

fn check_text(path: &str, bytes: &[u8], build: &[&str], problems: &mut Vec<PackageProblem>) {
    if bytes.contains(&0) {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    for folder in build {
        if let Some(line) = text.lines().position(|line| line.contains(folder)) {
            let message = format!(
                "`{path}` names the build folder `{folder}` (line {})",
                line + 1
            );
            problems.push(PackageProblem::warning(path, message));
            return;
        }
    }
}

fn check_links_and_folders(
    files: &PackageFiles,
    build: &[&str],
    problems: &mut Vec<PackageProblem>,
) {
    for (relative, entry) in &files.entries {
        let path = format!("{}/{relative}", files.prefix);
        match &entry.kind {
            EntryKind::Symlink { target } if build.iter().any(|root| is_below(target, root)) => {
                let message = format!("`{path}` points into the build folder: `{target}`");
                problems.push(PackageProblem::error(&path, message));
            }
            // an archive has no folders as members, so their modes have no way into the zone
            EntryKind::Directory if entry.mode != 0o755 => {
                let message = format!(
                    "the folder `{path}` was staged with mode {:04o}, which a package cannot carry",
                    entry.mode
                );
                let help = format!(
                    "[[directory]] path = \"{path}\" mode = \"{:04o}\"",
                    entry.mode
                );
                problems.push(PackageProblem::warning(&path, message).with_help(help));
            }
            _ => {}
        }
    }
}

/// Files and links called `libX.so` or `libX.so.1.2`, as pkgsrc recognises libraries.
fn provides(files: &PackageFiles) -> Vec<String> {
    let is_library = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some((stem, version)) = name.split_once(".so") else {
            return false;
        };
        let numbers = version
            .split('.')
            .skip(1)
            .all(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
        stem.starts_with("lib") && (version.is_empty() || version.starts_with('.')) && numbers
    };
    let own = files
        .entries
        .iter()
        .filter(|(_, entry)| entry.kind != EntryKind::Directory);
    own.filter(|(path, _)| is_library(path))
        .map(|(path, _)| format!("{}/{path}", files.prefix))
        .collect()
}

#[cfg(test)]
mod tests;
