//! `pkgin` questions: they change nothing and need no rights.

use std::collections::BTreeSet;

use super::plan::patterns;
use super::{Available, Call, PROGRAM};
use crate::sandbox::packages::index::{INDEX, category};
use crate::sandbox::packages::pattern;
use crate::sandbox::packages::pkg_info;
use crate::sandbox::packages::process::{Process, Stop};

fn line(call: &Call, name: &str, comment: &str) -> String {
    if call.is_parsable() {
        format!("{name};{comment}")
    } else {
        format!("{name:<20} {comment}")
    }
}

fn comment_of(call: &Call, name: &str) -> Result<String, Stop> {
    let text = call.database.read(name, "+COMMENT")?.unwrap_or_default();
    Ok(text.lines().next().unwrap_or("").to_owned())
}

/// How an installed version stands to the available one: `=`, `<` (outdated) or `>`.
fn flag(call: &Call, package: &Available) -> Result<&'static str, Stop> {
    let Some(installed) = call
        .database
        .best(&format!("{}-[0-9]*", package.entry.name))?
    else {
        return Ok("");
    };
    Ok(if pattern::is_newer(&package.name, &installed) {
        "<"
    } else if pattern::is_newer(&installed, &package.name) {
        ">"
    } else {
        "="
    })
}

/// `pkgin list`.
pub fn list(process: &mut Process<'_>, call: &Call) -> Result<i32, Stop> {
    let limit = call.options.value('l');
    for name in call.database.names()? {
        if let Some(limit) = limit {
            let package = call.find(pattern::base(&name));
            let flag = package.map_or(Ok(""), |package| flag(call, package))?;
            if !limit.contains(flag) || flag.is_empty() {
                continue;
            }
        }
        let comment = comment_of(call, &name)?;
        process.say(&line(call, &name, &comment));
    }
    Ok(0)
}

/// `pkgin avail`.
pub fn available(process: &mut Process<'_>, call: &Call) -> Result<i32, Stop> {
    for package in &call.available {
        process.say(&line(call, &package.name, package.entry.comment));
    }
    Ok(0)
}

/// `pkgin search`: over name, full name and comment, without regard to case.
pub fn search(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    let Some(word) = words.first() else {
        process.warn(PROGRAM, "missing search string");
        return Ok(1);
    };
    let regex = super::expression::Expression::parse(word)
        .ok_or_else(|| Stop::not_emulated(&format!("the expression `{word}`")))?;
    let hits: Vec<&Available> = call
        .available
        .iter()
        .filter(|a| {
            [a.entry.name, &a.name, a.entry.comment]
                .iter()
                .any(|t| regex.is_match(t))
        })
        .collect();
    if hits.is_empty() {
        process.say(&format!("No results found for {word}"));
        return Ok(1);
    }
    for package in hits {
        let flag = flag(call, package)?;
        let comment = package.entry.comment;
        if call.is_parsable() {
            process.say(&format!("{};{flag};{comment}", package.name));
        } else {
            let shown = format!("{} {flag}", package.name);
            process.say(&format!("{shown:<20} {comment}"));
        }
    }
    process.say("");
    process.say("=: package is installed and up-to-date");
    process.say("<: package is installed but newer version is available");
    process.say(">: installed package has a greater version than available package");
    Ok(0)
}

/// `pkgin export`: categories and names of what was asked for, without versions.
pub fn export(process: &mut Process<'_>, call: &Call) -> Result<i32, Stop> {
    for name in call.database.names()? {
        if call.database.is_automatic(&name)? {
            continue;
        }
        let text = call
            .database
            .read(&name, "+BUILD_INFO")?
            .unwrap_or_default();
        if let Some(path) = crate::sandbox::packages::database::value_of(&text, "PKGPATH") {
            process.say(path);
        }
    }
    Ok(0)
}

/// `pkgin show-keep` and `show-no-keep`. The words are inferred.
pub fn kept(process: &mut Process<'_>, call: &Call, keeps: bool) -> Result<i32, Stop> {
    for name in call.database.names()? {
        if call.database.is_automatic(&name)? != keeps {
            let words = if keeps {
                "non-autoremovable"
            } else {
                "autoremovable"
            };
            process.say(&format!("{name} is marked as {words}"));
        }
    }
    Ok(0)
}

fn one<'a>(
    process: &mut Process<'_>,
    call: &'a Call,
    words: &[String],
) -> Result<&'a Available, Stop> {
    let Some(word) = words.first() else {
        process.warn(PROGRAM, "missing package name");
        return Err(Stop::Failed);
    };
    let names = call.available.iter().map(|a| a.name.as_str());
    let best = pattern::best(word, names).map(str::to_owned);
    match best.and_then(|name| call.available.iter().find(|a| a.name == name)) {
        Some(package) => Ok(package),
        None => {
            process.complain(&format!("{word} is not available in the repository"));
            Err(Stop::Failed)
        }
    }
}

/// `pkgin show-deps`.
pub fn dependencies(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    let package = one(process, call, words)?;
    process.say(&format!("direct dependencies for {}", package.name));
    for wanted in patterns(call, package) {
        process.say(&format!("\t{wanted}"));
    }
    Ok(0)
}

/// `pkgin show-full-deps`.
pub fn all_dependencies(
    process: &mut Process<'_>,
    call: &Call,
    words: &[String],
) -> Result<i32, Stop> {
    let package = one(process, call, words)?;
    process.say(&format!("full dependency tree for {}", package.name));
    let mut seen = BTreeSet::new();
    let mut open = vec![package];
    while let Some(package) = open.pop() {
        for wanted in patterns(call, package) {
            if seen.insert(wanted.clone()) {
                process.say(&format!("\t{wanted}"));
            }
        }
        open.extend(
            package
                .entry
                .depends
                .iter()
                .filter_map(|name| call.find(name)),
        );
    }
    Ok(0)
}

/// `pkgin show-rev-deps`: among installed packages.
pub fn dependents(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    let package = one(process, call, words)?;
    process.say(&format!(
        "local reverse dependency tree for {}",
        package.name
    ));
    if let Some(name) = call
        .database
        .best(&format!("{}-[0-9]*", package.entry.name))?
    {
        for dependent in call.database.all_dependents(&[name])? {
            process.say(&format!("\t{dependent}"));
        }
    }
    Ok(0)
}

/// `pkgin show-category`.
pub fn of_category(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    let Some(word) = words.first() else {
        process.warn(PROGRAM, "missing category");
        return Ok(1);
    };
    let mut is_known = false;
    for package in call
        .available
        .iter()
        .filter(|a| category(a.entry.name) == word)
    {
        is_known = true;
        process.say(&line(call, &package.name, package.entry.comment));
    }
    if !is_known {
        process.complain(&format!("Category {word} does not exist."));
    }
    Ok(i32::from(!is_known))
}

/// `pkgin show-pkg-category`.
pub fn category_of(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    let package = one(process, call, words)?;
    process.say(&format!(
        "{:<12} - {}",
        category(package.entry.name),
        package.name
    ));
    Ok(0)
}

/// `pkgin show-all-categories`.
pub fn categories(process: &mut Process<'_>) -> Result<i32, Stop> {
    let all: BTreeSet<&str> = INDEX.iter().map(|entry| category(entry.name)).collect();
    for category in all {
        process.say(category);
    }
    Ok(0)
}

/// `pkgin pkg-content`, `pkg-descr` and `pkg-build-defs`: here only of installed packages, since
/// the index has nothing but a comment of the others.
pub fn content(
    process: &mut Process<'_>,
    call: &Call,
    words: &[String],
    option: &str,
) -> Result<i32, Stop> {
    let package = one(process, call, words)?;
    if !call.database.has(&package.name) {
        return Err(Stop::not_emulated(
            "looking into a package that is not installed",
        ));
    }
    let arguments = [option.to_owned(), package.name.clone()];
    Ok(pkg_info::main(process, &arguments))
}
