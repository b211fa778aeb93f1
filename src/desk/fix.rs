//! Makes the edits that problems name to the letter.
//!
//! An edit may bring another mistake to light, or mend several at once, so one is made for each file
//! and everything is looked at again; an edit after which the problem is still there, or after which
//! there are more errors, is taken back. Who may log in is never changed this way: that is a decision.

use std::path::{Path, PathBuf};

use super::Report;
use crate::problem::{Fix, Problem, Severity};
use crate::site::SiteRoot;

/// More rounds than anybody has mistakes that can be mended so.
const MOST_ROUNDS: usize = 200;

/// The text with the edit made; `None` where it does not fit.
#[must_use]
pub fn applied(text: &str, fix: &Fix) -> Option<String> {
    let before = text.get(..fix.span.start)?;
    let after = text.get(fix.span.end..)?;
    Some(format!("{before}{}{after}", fix.replacement))
}

/// Mends what can be mended. Returns what is left and a line for each edit.
///
/// # Errors
/// A problem when a file cannot be read or written.
pub fn all(
    site: &SiteRoot,
    mut reports: Vec<Report>,
    look: impl Fn() -> Vec<Report>,
) -> Result<(Vec<Report>, Vec<String>), Box<Problem>> {
    let mut edits = Vec::new();
    let mut refused: Vec<Problem> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let mendable = reports.iter().flat_map(|report| &report.problems);
        let next = mendable
            .filter(|problem| problem.fix.is_some() && problem.rule != Some("weak-login"))
            .filter(|problem| !refused.iter().any(|r| is_same(r, problem)))
            .find_map(|problem| Some((problem.clone(), own_file(site, problem)?)));
        let Some((problem, path)) = next else {
            break;
        };
        let before =
            std::fs::read_to_string(&path).map_err(|error| failed("read", &path, &error))?;
        let stands = problem
            .file
            .as_ref()
            .is_some_and(|file| file.text == before);
        let after = problem.fix.as_ref().and_then(|fix| applied(&before, fix));
        let Some(after) = after.filter(|_| stands) else {
            refused.push(problem);
            continue;
        };
        write(&path, &after)?;
        let now = look();
        let is_better = errors(&now) <= errors(&reports)
            && how_often(&now, &problem) < how_often(&reports, &problem);
        if is_better {
            edits.push(told(&problem));
            reports = now;
        } else {
            write(&path, &before)?;
            refused.push(problem);
        }
    }
    Ok((reports, edits))
}

/// The user's own file that a problem is in; what ships cannot be edited.
fn own_file(site: &SiteRoot, problem: &Problem) -> Option<PathBuf> {
    let folder = site.folder()?;
    let shown = &problem.file.as_ref()?.path;
    let parts = ["recipes", "zones", "templates"].iter();
    let relative = parts.filter_map(|part| {
        let components: Vec<_> = shown.components().collect();
        let at = components.iter().rposition(|c| c.as_os_str() == *part)?;
        Some(components.iter().skip(at).collect::<PathBuf>())
    });
    let mut relative = relative;
    let is_it = |path: &PathBuf| site.shown(&path.to_string_lossy()) == *shown;
    let path = relative.find(is_it)?;
    let path = folder.join(path);
    path.is_file().then_some(path)
}

/// The same mistake in the same file, wherever it stands by now.
#[must_use]
pub fn is_same(one: &Problem, other: &Problem) -> bool {
    let path = |problem: &Problem| problem.file.as_ref().map(|file| file.path.clone());
    one.rule == other.rule
        && one.message == other.message
        && one.key == other.key
        && path(one) == path(other)
}

fn how_often(reports: &[Report], problem: &Problem) -> usize {
    let all = reports.iter().flat_map(|report| &report.problems);
    all.filter(|other| is_same(problem, other)).count()
}

fn errors(reports: &[Report]) -> usize {
    let all = reports.iter().flat_map(|report| &report.problems);
    all.filter(|problem| problem.severity == Severity::Error)
        .count()
}

fn told(problem: &Problem) -> String {
    let path = problem
        .file
        .as_ref()
        .map(|file| file.path.display().to_string());
    let line = problem.line_and_column().map_or(0, |(line, _)| line);
    let help = problem.help.as_deref().unwrap_or("");
    format!(
        "{}:{line}: {} ({help})",
        path.unwrap_or_default(),
        problem.message
    )
}

/// By rename, so that a file is never half written.
fn write(path: &Path, text: &str) -> Result<(), Box<Problem>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".zonewright-new");
    let aside = PathBuf::from(name);
    let written = std::fs::write(&aside, text).and_then(|()| {
        let permissions = std::fs::metadata(path)?.permissions();
        std::fs::set_permissions(&aside, permissions)?;
        std::fs::rename(&aside, path)
    });
    written.map_err(|error| failed("write", path, &error))
}

fn failed(operation: &str, path: &Path, error: &std::io::Error) -> Box<Problem> {
    let message = format!("cannot {operation} `{}`: {error}", path.display());
    Problem::error(message).into()
}
