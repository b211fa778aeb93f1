//! Paths that cannot be there, or not both.
//!
//! `/usr`, `/lib` and `/sbin` of a SmartOS zone are the host's own, mounted read-only: a file for
//! them would fail only when it is installed.

use super::format::quoted;
use super::model::Recipe;
use super::tree::Document;
use crate::problem::Problem;

/// Complains about the paths of directories and files.
pub(super) fn check(recipe: &Recipe, document: &Document) -> Vec<Problem> {
    let directories = recipe.directories.iter().enumerate();
    let directories = directories.map(|(index, directory)| {
        let path = directory.path.trim_end_matches('/');
        (format!("directory[{index}].path"), path)
    });
    let files = recipe.files.iter().enumerate();
    let files = files.map(|(index, file)| (format!("file[{index}].path"), file.path.as_str()));
    let is_file = |path: &str| recipe.files.iter().any(|file| file.path == path);
    let mut problems = Vec::new();
    for (key, path) in directories.clone() {
        if is_file(path) {
            let message = format!("{} is both a file and a folder", quoted(path));
            problems.push(document.problem_at(&key, message).of("path-conflict"));
        }
    }
    for (key, path) in files.clone().filter(|(_, path)| path.ends_with('/')) {
        problems.push(Problem {
            help: Some("name a file in it".to_string()),
            ..document
                .problem_at(&key, format!("{} names a folder", quoted(path)))
                .of("path-conflict")
        });
    }
    for (key, path) in directories.chain(files) {
        if let Some(above) = parents(path).find(|parent| is_file(parent)) {
            let message = format!("{} lies inside the file {}", quoted(path), quoted(above));
            problems.push(document.problem_at(&key, message).of("path-conflict"));
        }
        problems.extend(check_writable(document, &key, path));
    }
    problems
}

/// The platform's own folders, which a zone cannot write to, and what in them it can.
const PLATFORM: [&str; 3] = ["/usr", "/lib", "/sbin"];
const NOT_PLATFORM: [&str; 3] = ["/usr/local", "/usr/ccs", "/lib/svc/manifest/site"];

fn check_writable(document: &Document, key: &str, path: &str) -> Option<Problem> {
    let is_below = |folder: &&str| {
        let rest = path.strip_prefix(*folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let platform = PLATFORM.iter().find(|folder| is_below(folder))?;
    if NOT_PLATFORM.iter().any(is_below) {
        return None;
    }
    Some(Problem {
        label: format!("`{platform}` is the platform's, read-only in a zone"),
        help: Some("write below `/opt/local`, `/etc` or `/var`".to_string()),
        ..document
            .problem_at(key, format!("{} cannot be written", quoted(path)))
            .of("path-conflict")
    })
}

/// The folders above a path.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .skip(1)
        .filter_map(|(at, _)| path.get(..at))
}
