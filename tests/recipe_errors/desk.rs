//! The site `desk/`: files whose mistakes show only beside their sources, which are packed here from
//! `desk/sources/`, and only where they are used.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zonewright::desk::{self, Report, Shelf, Target};
use zonewright::show::Style;
use zonewright::show::checked;
use zonewright::show::problems::render;
use zonewright::site::SiteRoot;

use super::{hold_text, without_folder};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipe_errors/desk")
}

/// The archives of the sources, in a folder of their own.
pub fn shelf() -> (TempDir, Shelf) {
    let place = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder().join("sources")).unwrap() {
        let source = entry.unwrap().path();
        let name = source.file_name().unwrap().to_str().unwrap();
        let file = fs::File::create(place.path().join(format!("{name}.tar"))).unwrap();
        let mut archive = tar::Builder::new(file);
        archive
            .append_dir_all(format!("{name}-1.0"), &source)
            .unwrap();
        archive.finish().unwrap();
    }
    fs::write(place.path().join("no-archive.tar"), "nothing of the kind\n").unwrap();
    let shelf = Shelf {
        cache: Some(place.path().join("cache")),
        distfiles: vec![place.path().to_path_buf()],
    };
    fs::create_dir(place.path().join("cache")).unwrap();
    (place, shelf)
}

/// Everything that is to be read about one file.
fn report(report: &Report, place: &Path) -> String {
    let problems = without_folder(report.problems.clone());
    let style = Style {
        color: false,
        terminal: false,
    };
    let severity = zonewright::problem::Severity::Error;
    let errors = problems.iter().filter(|p| p.severity == severity).count();
    let rest = checked::render(
        std::slice::from_ref(report),
        errors,
        problems.len() - errors,
        style,
    );
    let text = render(&problems, false) + "\n" + &rest;
    text.replace(&place.display().to_string(), "DISTFILES")
}

#[test]
fn what_only_the_sources_show_gets_its_exact_report() {
    let site = SiteRoot::at(&folder()).unwrap();
    let (place, shelf) = shelf();
    let check = |target: Target| {
        let reports = desk::check(&site, &[target], &shelf);
        let [one] = reports.as_slice() else {
            panic!("{reports:?}");
        };
        (
            one.problems.is_empty() && one.unchecked.is_empty(),
            report(one, place.path()),
        )
    };
    for good in ["good_meson", "good_configure", "good_allowed"] {
        let (is_good, text) = check(Target::Recipe(good.to_owned()));
        assert!(is_good, "{text}");
    }
    let recipes = hold_text(&folder().join("recipes"), |name| {
        check(Target::Recipe(name.to_owned()))
    });
    let zones = hold_text(&folder().join("zones"), |name| {
        check(Target::Zone(name.to_owned()))
    });
    assert!(
        recipes >= 45 && zones >= 5,
        "{recipes} recipes, {zones} zone files"
    );
}
