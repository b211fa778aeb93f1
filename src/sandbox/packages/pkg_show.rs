//! What `pkg_info` prints of one package.
//!
//! `-q` drops the titles, but the blank line after a metadata file stays.

use std::collections::BTreeMap;

use super::database::{BUILD_INFO, Database, INSTALLED_INFO, PRESERVE, values_of};
use super::options::Options;
use super::plist::{Contents, Entry};
use super::process::{Process, Stop};

/// A package, installed or in a file.
#[derive(Debug)]
pub struct Subject {
    /// Name with version.
    pub name: String,
    /// Its packing list.
    pub contents: Contents,
    /// Its metadata files.
    pub metadata: BTreeMap<String, String>,
    /// Name and size of the file that it is in, if it is not installed.
    pub file: Option<(String, u64)>,
}

/// Variables of `+BUILD_INFO` that stand in a summary.
const SUMMARY: &[&str] = &[
    "PKGPATH",
    "CATEGORIES",
    "PROVIDES",
    "REQUIRES",
    "PKG_OPTIONS",
    "OPSYS",
    "OS_VERSION",
    "MACHINE_ARCH",
    "LICENSE",
    "HOMEPAGE",
    "PKGTOOLS_VERSION",
    "BUILD_DATE",
    "PREV_PKGPATH",
    "SUPERSEDES",
];

/// Prints what the options ask for.
///
/// # Errors
///
/// When the package database cannot be read.
pub fn show(
    process: &mut Process<'_>,
    options: &Options,
    database: &Database,
    subject: &Subject,
) -> Result<(), Stop> {
    if let Some(variable) = options.value('Q') {
        variable_of(process, subject, variable);
        return Ok(());
    }
    if options.has('X') {
        let text = summary(subject);
        process.put(&text);
        return Ok(());
    }
    let questions: Vec<char> = options
        .letters()
        .filter(|l| "cdDfLBikbnNRrsSp".contains(*l))
        .collect();
    if options.has('I') || (questions.is_empty() && options.rest.is_empty()) {
        index_line(process, subject);
        return Ok(());
    }
    let is_quiet = options.has('q');
    let prefix = options.value('l').unwrap_or("");
    let mut page = Page {
        process,
        prefix,
        is_quiet,
    };
    if !is_quiet {
        page.process
            .put(&format!("{prefix}Information for {}:\n\n", subject.name));
        page.warn_of_preserved(subject);
    }
    let wanted: &[char] = if questions.is_empty() {
        &['c', 'R', 'd']
    } else {
        &questions
    };
    for question in "cnNRrdDfikpLbBsS".chars().filter(|q| wanted.contains(q)) {
        answer(&mut page, database, subject, question)?;
    }
    if !is_quiet {
        page.warn_of_preserved(subject);
        page.process.say(prefix);
    }
    Ok(())
}

struct Page<'p, 'a> {
    process: &'p mut Process<'a>,
    prefix: &'p str,
    is_quiet: bool,
}

impl Page<'_, '_> {
    fn title(&mut self, title: &str) {
        if !self.is_quiet {
            self.process.put(&format!("{}{title}", self.prefix));
        }
    }

    /// A metadata file with a blank line after it; nothing if there is none.
    fn file(&mut self, title: &str, text: Option<&String>) {
        let Some(text) = text else { return };
        self.title(title);
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        self.process.put(&format!("{text}{end}\n"));
    }

    /// Lines with a blank one after them; nothing if there are none.
    fn lines<'t>(&mut self, title: &str, lines: impl Iterator<Item = &'t str>) {
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        if !text.is_empty() {
            self.file(title, Some(&text));
        }
    }

    fn warn_of_preserved(&mut self, subject: &Subject) {
        if subject.metadata.contains_key(PRESERVE) {
            self.process.say("*** PACKAGE MAY NOT BE DELETED ***\n");
        }
    }
}

fn answer(
    page: &mut Page<'_, '_>,
    database: &Database,
    subject: &Subject,
    question: char,
) -> Result<(), Stop> {
    let file = |name: &str| subject.metadata.get(name);
    let contents = &subject.contents;
    match question {
        'c' => page.file("Comment:\n", file("+COMMENT")),
        'd' => page.file("Description:\n", file("+DESC")),
        'D' => page.file("Install notice:\n", file("+DISPLAY")),
        'i' => page.file("Install script:\n", file("+INSTALL")),
        'k' => page.file("De-Install script:\n", file("+DEINSTALL")),
        'b' => page.file("Build version:\n", file("+BUILD_VERSION")),
        'B' => {
            page.file("Build information:\n", file(BUILD_INFO));
            page.file("Installed information:\n", file(INSTALLED_INFO));
        }
        's' => page.file("Size of this package in bytes: ", file("+SIZE_PKG")),
        'S' => page.file("Size in bytes including required pkgs: ", file("+SIZE_ALL")),
        'n' => page.lines("Requires:\n", contents.dependencies()),
        'N' => page.lines("Built using:\n", contents.built_with()),
        'R' => page.file("Required by:\n", file("+REQUIRED_BY")),
        'r' => {
            let all = database.all_dependents(std::slice::from_ref(&subject.name))?;
            page.lines("Full required by list:\n", all.iter().map(String::as_str));
        }
        'f' => packing_list(page, contents),
        'p' => prefixes(page, contents),
        'L' => {
            page.title("Files:\n");
            for listed in contents.files() {
                page.process
                    .say(&format!("{}/{}", listed.directory, listed.path));
            }
        }
        _ => {}
    }
    Ok(())
}

/// A name of more than 19 letters still has one blank behind it.
fn index_line(process: &mut Process<'_>, subject: &Subject) {
    let comment = subject.metadata.get("+COMMENT").map_or("", String::as_str);
    let comment = comment.lines().next().unwrap_or("");
    process.say(&format!("{:<19} {comment}", subject.name));
}

fn variable_of(process: &mut Process<'_>, subject: &Subject, variable: &str) {
    let is_local = !variable.chars().any(|c| c.is_ascii_uppercase());
    let file = if is_local { INSTALLED_INFO } else { BUILD_INFO };
    match subject.metadata.get(file) {
        Some(text) => {
            for value in values_of(text, variable) {
                process.say(value);
            }
        }
        None if is_local => {}
        None => process.warn("pkg_info", "Build information missing"),
    }
}

fn prefixes(page: &mut Page<'_, '_>, contents: &Contents) {
    page.title("Prefix(s):\n");
    for entry in &contents.entries {
        if let Entry::Directory(directory) = entry {
            page.process.say(&format!("@cwd {directory}"));
        }
    }
}

/// The words without `-q` are from general knowledge (inferred).
fn packing_list(page: &mut Page<'_, '_>, contents: &Contents) {
    page.title("Packing list:\n");
    for entry in &contents.entries {
        let line = if page.is_quiet {
            raw_line(entry)
        } else {
            told_line(entry)
        };
        page.process.say(&line);
    }
}

fn raw_line(entry: &Entry) -> String {
    let (word, argument) = entry.words();
    match entry {
        Entry::File(path) => path.clone(),
        Entry::Mode(_) => format!("@chmod {argument}"),
        Entry::Owner(_) => format!("@chown {argument}"),
        Entry::Group(_) => format!("@chgrp {argument}"),
        Entry::Source(_) => format!("@src: {argument}"),
        Entry::Ignore => "@ignore".into(),
        Entry::Md5(_) | Entry::Symlink(_) => format!("@{word}{argument}"),
        _ => format!("@{word} {argument}"),
    }
}

fn told_line(entry: &Entry) -> String {
    let (_, argument) = entry.words();
    let title = match entry {
        Entry::File(_) => "File: ",
        Entry::Md5(_) => "\tComment: MD5:",
        Entry::Symlink(_) => "\tComment: Symlink:",
        Entry::Comment(_) => "\tComment: ",
        Entry::Name(_) => "\tPackage name: ",
        Entry::Directory(_) => "\tCWD to ",
        Entry::Source(_) => "\tSRC to ",
        Entry::Depends(_) => "\tPackage depends on: ",
        Entry::BuiltWith(_) => "\tPackage depends exactly on: ",
        Entry::Conflicts(_) => "\tPackage conflicts with: ",
        Entry::ManagedDirectory(_) => "\tManaged directory: ",
        Entry::RemoveDirectory(_) => "\tObsolete deinstall directory removal hint: ",
        Entry::Display(_) => "\tInstall message file: ",
        Entry::Execute(_) => "\tEXEC ",
        Entry::UndoExecute(_) => "\tUNEXEC ",
        Entry::Preference(_) => "\tOption: ",
        Entry::Mode(_) => "\tCHMOD to ",
        Entry::Owner(_) => "\tCHOWN to ",
        Entry::Group(_) => "\tCHGRP to ",
        Entry::Ignore => "\tIgnore next file",
    };
    format!("{title}{argument}")
}

/// A record of pkg_summary(5), with the blank line behind it.
#[must_use]
pub fn summary(subject: &Subject) -> String {
    let mut lines = vec![format!("PKGNAME={}", subject.name)];
    for entry in &subject.contents.entries {
        match entry {
            Entry::Depends(wanted) => lines.push(format!("DEPENDS={wanted}")),
            Entry::Conflicts(wanted) => lines.push(format!("CONFLICTS={wanted}")),
            _ => {}
        }
    }
    let text = |name: &str| subject.metadata.get(name).map_or("", String::as_str);
    lines.push(format!("COMMENT={}", text("+COMMENT").trim_end()));
    lines.push(format!("SIZE_PKG={}", text("+SIZE_PKG").trim()));
    for line in text(BUILD_INFO).lines() {
        if let Some((name, value)) = line.split_once('=').filter(|(n, _)| SUMMARY.contains(n)) {
            lines.push(format!("{name}={}", value.trim_start()));
        }
    }
    if let Some((file, size)) = &subject.file {
        lines.push(format!("FILE_NAME={file}"));
        lines.push(format!("FILE_SIZE={size}"));
    }
    lines.extend(
        text("+DESC")
            .lines()
            .map(|line| format!("DESCRIPTION={line}")),
    );
    lines
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        + "\n"
}
