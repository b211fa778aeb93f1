//! `allow`: the rules that a recipe breaks on purpose, each with its reason.
//!
//! An entry silences a rule for the whole recipe, with its patches and templates and for every zone
//! that uses it; what makes the recipe meaningless cannot be silenced.

use super::format::{nearest, quoted};
use super::load::LoadedRecipe;
use super::rules;
use crate::problem::Problem;

/// A problem that the recipe allows, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// What would have been reported.
    pub problem: Problem,
    /// The recipe's own words.
    pub reason: String,
}

/// Complains about entries that allow nothing that there is.
pub(super) fn check(loaded: &LoadedRecipe) -> Vec<Problem> {
    let entries = loaded.recipe.allow.iter().enumerate();
    entries
        .filter_map(|(index, entry)| {
            let message = match rules::find(&entry.rule) {
                Some(rule) if rule.can_be_allowed => return None,
                // there is a problem with the key already
                None if entry.rule.trim().is_empty() => return None,
                Some(_) => format!("{} cannot be allowed", quoted(&entry.rule)),
                None => format!("there is no rule {}", quoted(&entry.rule)),
            };
            let key = format!("allow[{index}].rule");
            let problem = loaded.document.problem_at(&key, message).of("allow-rule");
            Some(help(problem, &entry.rule))
        })
        .collect()
}

fn help(problem: Problem, name: &str) -> Problem {
    if rules::find(name).is_some() {
        return Problem {
            label: "the recipe means nothing without it".to_string(),
            help: Some("mend what it is about, and leave this entry out".to_string()),
            ..problem
        };
    }
    let allowable = rules::all().iter().filter(|rule| rule.can_be_allowed);
    let names: Vec<&str> = allowable.map(|rule| rule.name).collect();
    match nearest(name, &names) {
        Some(meant) => Problem {
            help: Some(format!("did you mean `{meant}`?")),
            ..problem.replaced_by(format!("{meant:?}"))
        },
        None => Problem {
            help: Some("each report names its rule in brackets".to_string()),
            ..problem
        },
    }
}

/// Takes out of `problems` what the recipe allows.
#[must_use]
pub fn sift(problems: Vec<Problem>, loaded: &LoadedRecipe) -> (Vec<Problem>, Vec<Allowed>) {
    let mut kept = Vec::new();
    let mut allowed = Vec::new();
    for problem in problems {
        match reason(&problem, loaded) {
            Some(reason) => allowed.push(Allowed { problem, reason }),
            None => kept.push(problem),
        }
    }
    (kept, allowed)
}

fn reason(problem: &Problem, loaded: &LoadedRecipe) -> Option<String> {
    let rule = problem.rule.and_then(rules::find)?;
    let mut entries = loaded.recipe.allow.iter();
    let entry = entries.find(|entry| entry.rule == rule.name && !entry.reason.trim().is_empty())?;
    rule.can_be_allowed.then(|| entry.reason.clone())
}

/// Complains about entries whose rule the recipe keeps. `is_checked` says of a rule whether all was
/// looked at that could break it.
#[must_use]
pub fn unused(
    loaded: &LoadedRecipe,
    allowed: &[Allowed],
    is_checked: impl Fn(&str) -> bool,
) -> Vec<Problem> {
    let is_used = |rule: &str| {
        let mut allowed = allowed.iter();
        allowed.any(|allowed| allowed.problem.rule == Some(rule))
    };
    let entries = loaded.recipe.allow.iter().enumerate();
    let unused = entries.filter(|(_, entry)| {
        let can_be = rules::find(&entry.rule).is_some_and(|rule| rule.can_be_allowed);
        can_be && is_checked(&entry.rule) && !is_used(&entry.rule)
    });
    unused
        .map(|(index, entry)| {
            let message = format!("{} is allowed, and nothing breaks it", quoted(&entry.rule));
            Problem {
                help: Some("leave the entry out".to_string()),
                fix: match loaded.recipe.allow.len() {
                    1 => loaded.document.removal("allow"),
                    _ => loaded.document.removal(&format!("allow[{index}]")),
                },
                ..loaded
                    .document
                    .problem_at(&format!("allow[{index}]"), message)
                    .of("allow-unused")
                    .warn()
            }
        })
        .collect()
}
