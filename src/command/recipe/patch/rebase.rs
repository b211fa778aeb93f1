//! `zonewright recipe patch rebase`: a series fitted to its source anew.

use std::path::Path;

use serde_json::{Value, json};

use super::super::super::patch_files::{Writes, own_folder};
use super::super::super::{DONE, FAILED, Failure, answer, answer_json};
use super::{Desk, Unpacked, unpacked};
use crate::cli::{Global, RebaseArgs};
use crate::recipe::sample::{SourceOf, sources_of, takes};
use crate::run::Event;
use crate::show::plan::diff_line;
use crate::show::{Style, plain};
use crate::source::patch::rebase::{Member, Outcome, rebase};

pub(super) fn run(global: &Global, arguments: &RebaseArgs) -> Result<u8, Failure> {
    let mut desk = Desk::open(global, &arguments.recipe)?;
    let current = desk.version().to_owned();
    let onto = place(arguments.onto.as_deref(), &current);
    // without another source there is nothing that the patches were made for instead
    let from = match (&arguments.from, &arguments.onto) {
        (Some(from), _) => Some(place(Some(from), &current)),
        (None, Some(_)) => Some(Place::Version(current.clone())),
        (None, None) => None,
    };
    let new_version = onto.version().unwrap_or(&current).to_owned();
    let old_version = match &from {
        Some(from) => from.version().unwrap_or(&current).to_owned(),
        None => current.clone(),
    };
    let all: Vec<SourceOf> = desk
        .patched_sources(&new_version)
        .into_iter()
        .filter(|one| !one.source.patches.is_empty())
        .collect();
    if all.is_empty() {
        match global.json {
            true => answer_json(
                "recipe-patch-rebase",
                document(arguments, &Report::default(), 0),
            ),
            false => answer(&format!(
                "{}: the recipe has no patches\n",
                arguments.recipe
            )),
        }
        return Ok(DONE);
    }
    one_archive(&all, [Some(&onto), from.as_ref()])?;
    let mut report = Report::default();
    for one in &all {
        let new = onto.unpack(&mut desk, one)?;
        let old = match &from {
            Some(from) => Some(old_source(&mut desk, from, one)?),
            None => None,
        };
        let old = old.flatten();
        let series = members(&desk, one, &old_version, &new_version);
        let outcomes = rebase(&series, old.as_ref().map(|old| &old.tree), &new.tree);
        for (member, outcome) in series.iter().zip(outcomes) {
            report.add(member, outcome, &new.name, Style::stdout(global.color));
        }
    }
    match global.json {
        true => finish_as_json(&desk, arguments, report),
        false => finish(&desk, arguments, report),
    }
}

/// Where a source comes from.
enum Place<'a> {
    Version(String),
    Archive(&'a Path),
}

/// What is a file is an archive, everything else a version.
fn place<'a>(text: Option<&'a str>, current: &str) -> Place<'a> {
    match text {
        None => Place::Version(current.to_owned()),
        Some(text) if text.contains('/') || Path::new(text).is_file() => {
            Place::Archive(Path::new(text))
        }
        Some(text) => Place::Version(text.to_owned()),
    }
}

impl Place<'_> {
    fn version(&self) -> Option<&str> {
        match self {
            Self::Version(version) => Some(version),
            Self::Archive(_) => None,
        }
    }

    fn unpack(&self, desk: &mut Desk, one: &SourceOf) -> Result<Unpacked, Failure> {
        match self {
            Self::Archive(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                unpacked(path, one.source.strip, &name)
            }
            Self::Version(version) => {
                let there = sources_of(&desk.loaded, version);
                let there = there.into_iter().find(|other| other.index == one.index);
                desk.unpack(there.as_ref().unwrap_or(one), version)
            }
        }
    }
}

/// One archive is one source.
fn one_archive(all: &[SourceOf], places: [Option<&Place<'_>>; 2]) -> Result<(), Failure> {
    let mut archives = places.into_iter().flatten();
    if all.len() < 2 || !archives.any(|place| matches!(place, Place::Archive(_))) {
        return Ok(());
    }
    Err(Failure::usage(
        "several of the recipe's sources have patches, and an archive is one of them",
        "name a version",
    ))
}

/// The source that the patches were made for. One that was asked for must be had; where it is only the
/// recipe's own, its lack is told and gone on without.
fn old_source(
    desk: &mut Desk,
    from: &Place<'_>,
    one: &SourceOf,
) -> Result<Option<Unpacked>, Failure> {
    let is_own = from.version() == Some(desk.version());
    match from.unpack(desk, one) {
        Ok(unpacked) => Ok(Some(unpacked)),
        Err(failure) if !is_own => Err(failure),
        Err(_) => {
            let note = format!(
                "the source of {} is not at hand, so what does not fit cannot be merged",
                desk.version()
            );
            desk.progress.show(&Event::Note(note));
            Ok(None)
        }
    }
}

fn members<'d>(
    desk: &'d Desk,
    one: &'d SourceOf,
    old_version: &str,
    new_version: &str,
) -> Vec<Member<'d>> {
    let patches = one.source.patches.iter().filter_map(|patch| {
        let file = desk.loaded.patches.get(&patch.file)?;
        Some(Member {
            name: &patch.file,
            bytes: &file.bytes,
            strip: patch.strip,
            fuzz: patch.fuzz,
            in_old: takes(patch.when.as_ref(), old_version),
            in_new: takes(patch.when.as_ref(), new_version),
        })
    });
    patches.collect()
}

/// What became of all of them.
#[derive(Default)]
struct Report {
    text: String,
    writes: Vec<(String, Vec<u8>)>,
    rejected: usize,
    included: Vec<String>,
    /// One for each patch, for programs.
    documents: Vec<Value>,
}

impl Report {
    fn add(&mut self, member: &Member<'_>, outcome: Outcome, onto: &str, style: Style) {
        let name = plain::line(member.name).into_owned();
        self.documents.push(of_one(member.name, &outcome));
        let mut say = |mark: &str, code: &str, what: &str| {
            let mark = style.paint(code, mark);
            self.text.push_str(&format!("  {mark} {name}: {what}\n"));
        };
        match outcome {
            Outcome::Fits => say("=", "2", "fits as it is"),
            Outcome::NotTaken => say("=", "2", &format!("{onto} does not take it (`when`)")),
            Outcome::Moved(bytes) => {
                say("~", "33", "fits on other lines; written anew");
                self.writes.push((member.name.to_owned(), bytes));
            }
            Outcome::Merged(bytes) => {
                say(
                    "~",
                    "33",
                    "merged with what changed around it; please read it",
                );
                self.writes.push((member.name.to_owned(), bytes));
            }
            Outcome::Included => {
                say(
                    "-",
                    "31",
                    &format!("{onto} has the change: it is needed no more"),
                );
                self.included.push(member.name.to_owned());
            }
            Outcome::Unwritable => {
                say(
                    "=",
                    "2",
                    "fits; it is left as it is, for not all of it is text",
                );
            }
            Outcome::Rejected { error, conflicts } => {
                self.rejected += 1;
                say("x", "31", &plain::line(&error.reason_text()));
                let mut lines = error.details().unwrap_or_default();
                for conflict in conflicts {
                    lines.push_str(&format!(
                        "both changed {}:\n{}\n",
                        conflict.file, conflict.what
                    ));
                }
                for line in lines.lines() {
                    self.text
                        .push_str(&format!("      {}\n", diff_line(line, style)));
                }
            }
        }
    }
}

/// What became of one patch, for programs.
fn of_one(name: &str, outcome: &Outcome) -> Value {
    let (word, details) = match outcome {
        Outcome::Fits => ("fits", None),
        Outcome::NotTaken => ("not-taken", None),
        Outcome::Moved(_) => ("moved", None),
        Outcome::Merged(_) => ("merged", None),
        Outcome::Included => ("included", None),
        Outcome::Unwritable => ("unwritable", None),
        Outcome::Rejected { error, .. } => ("rejected", Some(error.reason_text())),
    };
    json!({ "patch": name, "outcome": word, "reason": details })
}

fn document(arguments: &RebaseArgs, report: &Report, written: usize) -> Value {
    json!({
        "recipe": arguments.recipe,
        "onto": arguments.onto,
        "patches": report.documents,
        "rejected": report.rejected,
        "would-write": report.writes.len(),
        "written": written,
    })
}

fn finish_as_json(desk: &Desk, arguments: &RebaseArgs, report: Report) -> Result<u8, Failure> {
    let is_good = report.rejected == 0;
    let writes = !arguments.dry_run && (is_good || arguments.keep_going);
    let written = if writes { report.writes.len() } else { 0 };
    let document = document(arguments, &report, written);
    if written > 0 {
        write(desk, report.writes)?;
    }
    answer_json("recipe-patch-rebase", document);
    Ok(if is_good { DONE } else { FAILED })
}

fn write(desk: &Desk, files: Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    let site = own_folder(&desk.site)?;
    let mut writes = Writes::default();
    for (file, bytes) in files {
        writes.patch(&file, bytes);
    }
    writes.write(&site)
}

fn finish(desk: &Desk, arguments: &RebaseArgs, report: Report) -> Result<u8, Failure> {
    answer(&report.text);
    let is_good = report.rejected == 0;
    for name in &report.included {
        answer(&format!(
            "take `{}` out of `patches`, or limit it to the versions that need it: {{ file = \"{}\", when = {{ \
             version = \"<{}\" }} }}\n",
            plain::line(name),
            plain::line(name),
            arguments
                .onto
                .as_deref()
                .filter(|text| !text.contains('/'))
                .unwrap_or("VERSION")
        ));
    }
    let count = report.writes.len();
    let patches = |count: usize| match count {
        1 => "1 patch".to_owned(),
        count => format!("{count} patches"),
    };
    if arguments.dry_run {
        answer(&format!("{} would be written\n", patches(count)));
    } else if count == 0 {
        answer("nothing to write\n");
    } else if is_good || arguments.keep_going {
        write(desk, report.writes)?;
        answer(&format!("{} written\n", patches(count)));
    } else {
        answer(&format!(
            "nothing was written: {} cannot be carried over (`--keep-going` writes the others)\n",
            patches(report.rejected)
        ));
    }
    Ok(if is_good { DONE } else { FAILED })
}
