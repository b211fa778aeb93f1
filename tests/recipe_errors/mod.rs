//! Broken files and the exact report that each gets.
//!
//! This folder is itself a site: `recipes/NAME.toml` (or `.json`) has its report in
//! `recipes/NAME.txt`, and so have zone files. `UPDATE_GOLDEN=1` writes the reports anew.

mod desk;
mod mend;

use std::path::{Path, PathBuf};

use zonewright::problem::{Problem, SourceText};
use zonewright::recipe::load::check_recipe;
use zonewright::show::problems::render;
use zonewright::site::SiteRoot;
use zonewright::site::load::check_zone;

const SYSTEMS: &[&str] = &["autotools", "meson", "cmake", "make", "custom"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipe_errors")
}

/// The same problems with paths that start at the site.
fn without_folder(problems: Vec<Problem>) -> Vec<Problem> {
    let strip = |problem: Problem| Problem {
        file: problem.file.map(|file| {
            let path = file
                .path
                .strip_prefix(folder().join("desk"))
                .or_else(|_| file.path.strip_prefix(folder()))
                .unwrap_or(&file.path)
                .to_path_buf();
            SourceText {
                path,
                text: file.text.clone(),
            }
            .into()
        }),
        ..problem
    };
    problems.into_iter().map(strip).collect()
}

/// Holds every file of `kind` against its report; returns how many there are.
fn hold(kind: &str, report: impl Fn(&SiteRoot, &str) -> Vec<Problem>) -> usize {
    let site = SiteRoot::at(&folder()).unwrap();
    hold_text(&folder().join(kind), |name| {
        let problems = without_folder(report(&site, name));
        (problems.is_empty(), render(&problems, false))
    })
}

/// Holds every file of a folder against its report, but the good ones; returns how many there are.
fn hold_text(folder: &Path, report: impl Fn(&str) -> (bool, String)) -> usize {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending != "txt"))
        .collect();
    files.sort();
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in &files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        if name.starts_with("good") {
            continue;
        }
        let (is_good, text) = report(name);
        assert!(!is_good, "{name} is not broken");
        count += 1;
        let golden = file.with_extension("txt");
        if update {
            std::fs::write(&golden, &text).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != text {
            wrong.push(format!("{name}:\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    count
}

#[test]
fn broken_recipes_get_their_exact_report() {
    let count = hold("recipes", |site, name| check_recipe(site, name, SYSTEMS).1);
    assert!(count >= 30, "only {count} broken recipes");
}

#[test]
fn broken_zone_files_get_their_exact_report() {
    let count = hold("zones", |site, name| check_zone(site, name, SYSTEMS).1);
    assert!(count >= 15, "only {count} broken zone files");
}
