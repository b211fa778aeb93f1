//! What holds between the parts of a zone file, and between it and the recipes it names.
//!
//! A report shows the line it is about: a password that somebody wrote into the file is starred out
//! of it first.

mod backups;
mod network;
mod others;
mod shape;
mod storage;
pub(super) mod words;

use std::sync::Arc;

use super::load::LoadedZone;
use super::model::ZoneFile;
use super::read::PASSWORD;
use crate::problem::{Problem, SourceText};
use crate::recipe::bundle::{Bundle, FileBytes, ZoneContext, resolve};
use crate::recipe::check::check_file;
use crate::recipe::format::{quoted, toml_text};
use crate::recipe::load::LoadedRecipe;
use crate::recipe::parameters::check_given;
use crate::recipe::tree::{Document, Node, Value, child_path, is_at_or_below};
pub use others::check_beside;

/// What holds between the parts of a zone file; `found` are the problems there are already.
pub(super) fn check(zone: &ZoneFile, document: &Document, found: &[Problem]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_fine = |path: &str| {
        !found
            .iter()
            .any(|problem| is_at_or_below(&problem.key, path))
    };
    let host = document.root.get("host");
    if host.is_some_and(|host| host.has("sandbox") && !host.boolean("sandbox")) && is_fine("host") {
        problems.push(Problem {
            help: Some("write `true`, or leave `[host]` out".to_string()),
            ..document
                .problem_at("host.sandbox", "`sandbox = false` says nothing")
                .of("zone-access")
        });
    }
    if host.is_none() && zone.zone.ssh.is_none() && is_fine("zone") {
        problems.push(Problem {
            help: Some(
                "write `[host] ssh = \"root@…\"` where the zone is to be made, or `[zone] ssh = \"…\"` for \
                 one that is there"
                    .to_string(),
            ),
            ..document
                .problem_at("zone", "nothing says how to reach the zone")
                .of("zone-access")
        });
    }
    if zone.host.is_some() && zone.zone.ssh.is_some() {
        problems.push(Problem {
            help: Some("a zone is reached through its host: leave it out".to_string()),
            fix: document.removal("zone.ssh"),
            ..document
                .problem_at("zone.ssh", "`ssh` cannot stand beside `[host]`")
                .of("zone-access")
        });
    }
    problems.extend(shape::check(zone, document, found));
    problems.extend(network::check(zone, document));
    problems.extend(storage::check(zone, document));
    problems.extend(check_users(zone, document));
    problems
}

fn check_users(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, user) in zone.users.iter().enumerate() {
        // nobody, noaccess and nobody4 of every illumos system
        if matches!(user.uid, 60_001 | 60_002 | 65_534) {
            let key = format!("user[{index}].uid");
            let message = format!("the uid `{}` is taken by the system", user.uid);
            problems.push(document.problem_at(&key, message).of("zone-user"));
        }
        let key = format!("user[{index}].password");
        let node = document
            .root
            .get("user")
            .and_then(|users| users.items().get(index));
        let password = node.and_then(|node| node.get("password"));
        let is_empty = |password: &Node| match password.get("command").map(|node| &node.value) {
            Some(Value::List(words)) => words.iter().all(|word| word.as_text() == Some("")),
            _ => false,
        };
        if password.is_some_and(is_empty) {
            problems.push(Problem {
                help: Some("begin it with a program".to_string()),
                ..document
                    .problem_at(&format!("{key}.command"), "this command is empty")
                    .of("zone-user")
            });
        }
        if password.is_some_and(|password| password.has("prompt") && !password.boolean("prompt")) {
            problems.push(Problem {
                help: Some("write `true`, or leave the password out".to_string()),
                ..document
                    .problem_at(&key, "`prompt = false` says nothing")
                    .of("zone-user")
            });
        }
    }
    problems
}

/// A password that was written into the file must not be shown by the report that refuses it.
pub(super) fn hide_passwords(document: &Document, problems: &mut [Problem]) {
    let users = document.root.get("user").map_or(&[][..], Node::items);
    let mut text = document.source.text.clone();
    let passwords = users.iter().filter_map(|user| user.get("password"));
    for secret in passwords.flat_map(secrets) {
        if let Some(span) = secret
            .span
            .clone()
            .filter(|span| text.get(span.clone()).is_some())
        {
            let stars = "*".repeat(span.len());
            text.replace_range(span, &stars);
        }
    }
    let hidden = Arc::new(SourceText {
        path: document.source.path.clone(),
        text,
    });
    for problem in problems {
        problem.file = Some(Arc::clone(&hidden));
        if problem.message.starts_with("`password` must be") {
            problem.label = "never the password itself".to_string();
            problem.help = Some(
                "say where it comes from: `{ prompt = true }`, `{ file = \"…\" }`, `{ command = [\"…\"] }` or `{ env = \"…\" }`"
                    .to_string(),
            );
        }
    }
}

/// What may be the password itself: anything but a table, and what an unknown key holds.
fn secrets(password: &Node) -> Vec<&Node> {
    if !matches!(password.value, Value::Table(_)) {
        return vec![password];
    }
    let is_known = |name: &str| PASSWORD.keys.iter().any(|key| key.name == name);
    let strangers = password
        .entries()
        .iter()
        .filter(|entry| !is_known(&entry.key));
    strangers.map(|entry| &entry.node).collect()
}

/// The same for a file that does not parse: no line that speaks of a password is shown, nor the
/// lines of a text that begins in it. Every byte becomes one star, so that places stay where they are.
pub(super) fn hide_password_lines(problem: Problem) -> Problem {
    let hidden = |file: Arc<SourceText>| {
        let mut open: Option<&str> = None;
        let hide = |line: &str| {
            let is_secret = open.is_some() || line.contains("password");
            for quotes in ["\"\"\"", "'''"] {
                let is_odd = line.matches(quotes).count() % 2 == 1;
                match open {
                    None if is_secret && is_odd => open = Some(quotes),
                    Some(opened) if opened == quotes && is_odd => open = None,
                    _ => {}
                }
            }
            let end = line.trim_end_matches('\n').len();
            match line.get(end..) {
                Some(ending) if is_secret => "*".repeat(end) + ending,
                _ => line.to_string(),
            }
        };
        let text = file.text.split_inclusive('\n').map(hide).collect();
        Arc::new(SourceText {
            path: file.path.clone(),
            text,
        })
    };
    Problem {
        file: problem.file.map(hidden),
        ..problem
    }
}

/// Complains, in the zone file, about what it gives to its recipe number `index`. What a value becomes
/// is looked at where the recipe itself `is_good`: what is wrong with a recipe is told once.
#[must_use]
pub fn check_use(
    loaded: &LoadedZone,
    index: usize,
    recipe: &LoadedRecipe,
    is_good: bool,
) -> Vec<Problem> {
    let Some(given) = loaded.zone.recipes.get(index) else {
        return Vec::new();
    };
    let parameters = format!("recipe[{index}].parameters");
    let mistakes = check_given(&recipe.recipe, &given.parameters);
    let mut problems: Vec<Problem> = mistakes
        .into_iter()
        .map(|mistake| {
            let key = child_path(&parameters, &mistake.name);
            let problem = loaded.document.problem_at(&key, mistake.complaint.message);
            let is_known = recipe.recipe.parameters.contains_key(&mistake.name);
            let instead = mistake.complaint.instead;
            let problem = Problem {
                label: mistake.complaint.label,
                help: mistake.complaint.help,
                ..problem.of("parameter-value")
            };
            if is_known {
                return match instead.as_deref().and_then(toml_text) {
                    Some(instead) => problem.replaced_by(instead),
                    None => problem,
                };
            }
            // the name is wrong, not what it is given
            let problem = Problem {
                span: loaded
                    .document
                    .key_span(&key)
                    .or_else(|| problem.span.clone()),
                ..problem
            };
            match instead {
                Some(instead) => problem.replaced_by(instead),
                None => problem,
            }
        })
        .collect();
    if problems.is_empty() && is_good {
        problems.extend(check_values(loaded, index, recipe));
    }
    for (u, user) in loaded.zone.users.iter().enumerate() {
        for account in &recipe.recipe.users {
            let (key, shown) = if account.name == user.name {
                ("name", quoted(&user.name))
            } else if account.uid == Some(user.uid) {
                ("uid", format!("`{}`", user.uid))
            } else {
                continue;
            };
            let message = format!(
                "the recipe `{}` has a user with the {key} {shown} too",
                recipe.name
            );
            problems.push(
                loaded
                    .document
                    .problem_at(&format!("user[{u}].{key}"), message)
                    .of("zone-user"),
            );
        }
    }
    problems
}

/// Complains about values that are good each, and that the recipe's files, paths or commands cannot
/// hold. Branch and brand are facts that are not known here; what they decide holds no value.
fn check_values(loaded: &LoadedZone, index: usize, recipe: &LoadedRecipe) -> Vec<Problem> {
    let Some(given) = loaded.zone.recipes.get(index) else {
        return Vec::new();
    };
    let users = loaded.zone.users.iter();
    let zone = ZoneContext {
        alias: loaded.zone.zone.alias.clone(),
        brand: "joyent".to_owned(),
        branch: "2024Q4".to_owned(),
        users: users.map(|user| (user.name.clone(), user.uid)).collect(),
    };
    let place = |mut problem: Problem| {
        let names = named_parameters(&problem, recipe);
        if let Some(file) = &problem.file {
            let name = quoted(&file.path.to_string_lossy());
            problem.message = problem
                .message
                .replace("into this file", &format!("into {name}"));
        }
        let name = names
            .iter()
            .find(|name| given.parameters.contains_key(*name));
        let of_alias = |name: &String| {
            let parameter = recipe.recipe.parameters.get(name);
            let default = parameter.and_then(|parameter| parameter.default.as_ref());
            default.is_some_and(|default| default.contains("zone.alias"))
        };
        match name {
            Some(name) => {
                let parameters = format!("recipe[{index}].parameters");
                loaded
                    .document
                    .place(&child_path(&parameters, name), problem)
            }
            None if names.iter().any(of_alias) => loaded.document.place("zone.alias", problem),
            None => problem,
        }
    };
    let found = match resolve(recipe, &given.parameters, &zone) {
        Err(found) => found,
        Ok(bundle) => {
            let mut found: Vec<Problem> = check_texts(recipe, &bundle)
                .into_iter()
                .map(place)
                .collect();
            found.extend(backups::check(loaded, &bundle));
            return found;
        }
    };
    found.into_iter().map(place).collect()
}

/// Complains about what this zone's files say.
fn check_texts(recipe: &LoadedRecipe, bundle: &Bundle) -> Vec<Problem> {
    let files = bundle.files.iter().enumerate();
    files
        .filter_map(|(index, file)| match &file.content {
            FileBytes::Known(bytes) => Some((index, std::str::from_utf8(bytes).ok()?)),
            FileBytes::Staged(_) => None,
        })
        .flat_map(|(index, text)| check_file(recipe, &bundle.recipe, &recipe.document, index, text))
        .collect()
}

/// The parameters that the text names at which a problem was found: the very tag of a template file,
/// or a whole text of the recipe.
fn named_parameters(problem: &Problem, recipe: &LoadedRecipe) -> Vec<String> {
    let in_template = problem.file.as_ref().zip(problem.span.clone());
    let tag = in_template.and_then(|(file, span)| file.text.get(span));
    let text = recipe
        .document
        .text_at(&problem.key)
        .filter(|_| !problem.key.is_empty());
    let names = recipe.recipe.parameters.keys();
    let is_named = |name: &&String| {
        let word = format!("parameters.{name}");
        let names = |text: Option<&str>| text.is_some_and(|text| text.contains(&word));
        names(tag) || names(text)
    };
    names.filter(is_named).cloned().collect()
}
