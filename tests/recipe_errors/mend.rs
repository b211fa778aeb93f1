//! The help, followed to the letter: after the edit that a problem names, the next check does not
//! have that problem any more, and no other error came in its place.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use zonewright::desk::{self, Shelf, Target, fix};
use zonewright::problem::{Problem, Severity};
use zonewright::recipe::rules;
use zonewright::site::SiteRoot;

use super::{desk as desk_tests, folder};

/// A site of broken files, copied to where it can be mended.
struct Copy {
    place: tempfile::TempDir,
    site: SiteRoot,
    shelf: Shelf,
}

impl Copy {
    fn of(folder: &Path, shelf: &Shelf) -> Self {
        let place = tempfile::tempdir().unwrap();
        for part in ["recipes", "patches", "templates", "zones"] {
            copy(&folder.join(part), &place.path().join(part));
        }
        let site = SiteRoot::at(place.path()).unwrap();
        Self {
            place,
            site,
            shelf: shelf.clone(),
        }
    }

    fn problems(&self, target: &Target) -> Vec<Problem> {
        let reports = desk::check(&self.site, std::slice::from_ref(target), &self.shelf);
        reports
            .into_iter()
            .flat_map(|report| report.problems)
            .collect()
    }

    /// The files to check: broken ones, each by itself.
    fn targets(&self) -> Vec<Target> {
        let names = |part: &str| -> BTreeSet<String> {
            let entries = fs::read_dir(self.place.path().join(part)).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            let definitions = paths.filter(|path| path.extension().is_some_and(|e| e != "txt"));
            definitions
                .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                .collect()
        };
        let recipes = names("recipes").into_iter().map(Target::Recipe);
        recipes
            .chain(names("zones").into_iter().map(Target::Zone))
            .collect()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        // the link is one of the mistakes
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else if entry.path().is_file() {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

fn count(problems: &[Problem], wanted: &Problem) -> usize {
    problems
        .iter()
        .filter(|problem| fix::is_same(problem, wanted))
        .count()
}

/// Whether the help is one that can be followed without a thought.
fn sounds_mechanical(problem: &Problem) -> bool {
    let help = problem.help.as_deref().unwrap_or("");
    help.contains("did you mean `")
}

/// Why a help that sounds mechanical is none: JSON has no places, and what a template makes or a
/// site ships is mended elsewhere.
fn cannot_be(problem: &Problem) -> bool {
    let Some(file) = &problem.file else {
        return true;
    };
    let is_json = file.path.extension().is_some_and(|ending| ending == "json");
    let written = problem.span.clone().and_then(|span| file.text.get(span));
    is_json || file.path.starts_with("(built in)") || written.is_none_or(|text| text.contains("{{"))
}

/// Follows every help of every file; returns how many files and helps there were.
fn follow(copy: &Copy, faults: &mut Vec<String>) -> (usize, usize) {
    let (mut files, mut helps) = (0, 0);
    for target in copy.targets() {
        let before = copy.problems(&target);
        files += usize::from(!before.is_empty());
        for problem in &before {
            let rule = problem.rule.and_then(rules::find);
            if rule.is_none() {
                faults.push(format!(
                    "{target:?}: {:?} of {}",
                    problem.rule, problem.message
                ));
            }
            let Some(fix) = &problem.fix else {
                if sounds_mechanical(problem) && !cannot_be(problem) {
                    faults.push(format!(
                        "{target:?}: no edit for {}: {:?}",
                        problem.message, problem.help
                    ));
                }
                continue;
            };
            helps += 1;
            faults.extend(follow_one(copy, &target, &before, problem, fix));
        }
    }
    (files, helps)
}

fn follow_one(
    copy: &Copy,
    target: &Target,
    before: &[Problem],
    problem: &Problem,
    fix: &zonewright::problem::Fix,
) -> Option<String> {
    let path: PathBuf = problem.file.as_ref().unwrap().path.clone();
    let text = fs::read_to_string(&path).unwrap();
    let Some(mended) = fix::applied(&text, fix) else {
        return Some(format!(
            "{target:?}: {fix:?} does not fit {}",
            path.display()
        ));
    };
    fs::write(&path, mended).unwrap();
    let after = copy.problems(target);
    fs::write(&path, &text).unwrap();
    let told = |problems: &[Problem]| {
        let lines: Vec<String> = problems
            .iter()
            .map(zonewright::show::problems::line)
            .collect();
        lines.join("\n")
    };
    if count(&after, problem) >= count(before, problem) {
        return Some(format!(
            "{target:?}: still there after {fix:?}:\n{}\nnow:\n{}",
            told(std::slice::from_ref(problem)),
            told(&after)
        ));
    }
    // what the mistake hid may come to light, but not another of its kind
    let is_new = |p: &&Problem| {
        let is_like_it = p.rule == problem.rule && p.span == problem.span;
        let is_known = before.iter().any(|b| fix::is_same(b, p));
        p.severity == Severity::Error && !is_known && (p.rule == Some("syntax") || is_like_it)
    };
    let worse: Vec<Problem> = after.iter().filter(is_new).cloned().collect();
    (!worse.is_empty() && problem.rule != Some("syntax"))
        .then(|| format!("{target:?}: {fix:?} brings\n{}", told(&worse)))
}

#[test]
fn the_next_check_passes_where_a_help_was_followed_to_the_letter() {
    let (_place, shelf) = desk_tests::shelf();
    let mut faults = Vec::new();
    let plain = follow(&Copy::of(&folder(), &shelf), &mut faults);
    let desk = follow(&Copy::of(&desk_tests::folder(), &shelf), &mut faults);
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    let (files, helps) = (plain.0 + desk.0, plain.1 + desk.1);
    println!("{files} broken files, {helps} helps followed to the letter");
    assert!(files >= 60, "only {files} broken files");
    assert!(helps >= 60, "only {helps} helps");
}

#[test]
fn all_that_can_be_mended_is_mended_at_once_and_nothing_else_is_touched() {
    let (_place, shelf) = desk_tests::shelf();
    let copy = Copy::of(&desk_tests::folder(), &shelf);
    let targets = copy.targets();
    let look = || desk::check(&copy.site, &targets, &shelf);
    let before = look();
    let errors = |reports: &[desk::Report]| {
        let problems = reports.iter().flat_map(|report| &report.problems);
        let errors = problems.filter(|problem| problem.severity == Severity::Error);
        errors.count()
    };
    let (after, edits) = fix::all(&copy.site, before.clone(), look).unwrap();
    assert!(edits.len() >= 30, "only {} edits", edits.len());
    assert!(errors(&after) < errors(&before));
    for problem in after.iter().flat_map(|report| &report.problems) {
        let is_left = problem.fix.is_none() || problem.rule == Some("weak-login");
        assert!(is_left, "{problem:?}");
    }
    // one word of a file is mended, its comments and the rest stay as they are
    let text = |name: &str| fs::read_to_string(copy.place.path().join(name)).unwrap();
    let original = fs::read_to_string(desk_tests::folder().join("recipes/option_with_a_slip.toml"));
    let mended = original
        .unwrap()
        .replace("with-acl=", "with-acls=")
        .replace("with-state_path", "with-state-path");
    assert_eq!(text("recipes/option_with_a_slip.toml"), mended);
    let names = fs::read_dir(copy.place.path().join("recipes")).unwrap();
    let left_over = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("zonewright-new")
    });
    assert_eq!(left_over.count(), 0);
}
