//! What a recipe gives its build: each option held against those of the source.

use std::collections::BTreeSet;

use super::super::{Unchecked, recipe::Look};
use super::{OptionSet, Verdict};
use crate::problem::Problem;
use crate::recipe::LoadedRecipe;
use crate::recipe::check::rests_on_sample;
use crate::recipe::format::{quoted, toml_text};
use crate::recipe::tree::{Document, Node};

/// Complains about the options of the recipe as one kind of zone has it.
pub(in crate::desk) fn check_options(
    loaded: &LoadedRecipe,
    document: &Document,
    options: &OptionSet,
    look: &mut Look,
    checked: &mut BTreeSet<String>,
) -> Vec<Problem> {
    let list = document
        .root
        .get("build")
        .and_then(|build| build.get("options"));
    let mut problems = Vec::new();
    let mut names: Vec<(String, &Node)> = Vec::new();
    for node in list.map_or(&[][..], Node::items) {
        let argument = node.text("value");
        let key = format!("{}.value", node.path);
        let is_guess = rests_on_sample(loaded, &key);
        match options.verdict(&argument) {
            Verdict::NotChecked(why) if options.is_readable() => {
                let what = format!("the option {}", quoted(&argument));
                look.unchecked.push(Unchecked::new(what, why));
                continue;
            }
            Verdict::NotChecked(why) => {
                look.unchecked.push(Unchecked::new("its options", why));
                break;
            }
            Verdict::Good => {}
            Verdict::Unknown(meant) => {
                problems.push(unknown(loaded, node, &argument, meant, options));
            }
            // a zone file gives the value: it is looked at there
            Verdict::Value(_) if is_guess => {}
            Verdict::Value(kind) => {
                let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
                let message = format!("`{name}` does not take {}", quoted(value));
                let problem = Problem {
                    help: Some(format!("it takes {}", kind.noun())),
                    ..loaded.document.problem_at(&key, message)
                };
                let meant = kind.meant(value).map(|meant| format!("{name}={meant}"));
                problems.push(instead(problem, loaded, &key, name, meant).of("option-value"));
            }
        }
        checked.insert(node.path.clone());
        let name = argument.split('=').next().unwrap_or("").to_owned();
        // `-U` and flags of compilers may well come more than once
        if argument.starts_with("-D") || argument.starts_with("--") {
            names.push((name, node));
        }
    }
    problems.extend(repeated(loaded, &names));
    problems
}

fn unknown(
    loaded: &LoadedRecipe,
    node: &Node,
    argument: &str,
    meant: Option<String>,
    options: &OptionSet,
) -> Problem {
    let name = argument.split('=').next().unwrap_or(argument);
    let key = format!("{}.value", node.path);
    let problem = loaded
        .document
        .problem_at(&key, format!("the source has no option {}", quoted(name)))
        .of("option-unknown");
    let (label, is_warning) = match options {
        OptionSet::Meson { .. } => ("meson stops at it", false),
        OptionSet::Autoconf(_) => ("`configure` passes over it", true),
        _ => ("cmake keeps it for nobody", true),
    };
    let problem = Problem {
        label: label.to_owned(),
        ..problem
    };
    let problem = if is_warning { problem.warn() } else { problem };
    match meant {
        Some(meant) => instead(problem, loaded, &key, name, Some(meant)),
        None => {
            let help = "leave it out, or limit it with `when` to the versions that have it";
            Problem {
                help: Some(help.to_owned()),
                ..problem
            }
        }
    }
}

/// The problem with the argument to write instead. `name` is what stands before the `=`: of an
/// argument with a template in it no more than that can be told.
fn instead(
    problem: Problem,
    loaded: &LoadedRecipe,
    key: &str,
    name: &str,
    meant: Option<String>,
) -> Problem {
    let written = loaded.document.written_at(key).unwrap_or("");
    let Some(meant) = meant.filter(|_| !written.is_empty()) else {
        return problem;
    };
    let meant_name = meant.split('=').next().unwrap_or(&meant);
    let (shown, text) = if !written.contains("{{") {
        (meant.as_str(), toml_text(&meant))
    } else if written.contains(name) && meant_name != name {
        (meant_name, Some(written.replacen(name, meant_name, 1)))
    } else {
        return problem;
    };
    let takes = problem.help.as_deref().unwrap_or("");
    let help = format!("did you mean `{shown}`? {takes}")
        .trim_end()
        .to_owned();
    let problem = Problem {
        help: Some(help),
        ..problem
    };
    match text {
        Some(text) => problem.replaced_by(text),
        None => problem,
    }
}

/// Options that are given twice to the same zone.
fn repeated(loaded: &LoadedRecipe, names: &[(String, &Node)]) -> Vec<Problem> {
    let lost = names.iter().enumerate().filter(|(index, (name, _))| {
        let mut later = names.iter().skip(index + 1);
        later.any(|(other, _)| other == name)
    });
    lost.map(|(_, (name, node))| {
        let key = format!("{}.value", node.path);
        Problem {
            label: "the last one counts".to_owned(),
            help: Some("leave this one out".to_owned()),
            fix: loaded.document.removal(&node.path),
            ..loaded
                .document
                .problem_at(&key, format!("{} is given twice", quoted(name)))
        }
        .of("option-repeated")
        .warn()
    })
    .collect()
}
