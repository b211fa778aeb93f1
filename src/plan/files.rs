//! Which folders and files must change: the twin of `facts/files`.
//!
//! A file is compared three ways: what is wanted, what we wrote last (the receipt) and what is
//! there. One that somebody edited is never overwritten unasked.

use std::collections::{BTreeMap, BTreeSet};

use super::services::start_record;
use super::{Action, Change, Given, Input, Refusal, Stage, Step, WantedRecipe, Work, shell};
use crate::facts::files::{FileFact, FileKind};
use crate::facts::{Facts, Questions};
use crate::receipt::{FileRecord, sha256_hex};
use crate::recipe::bundle::{BundledFile, FileBytes};
use crate::script::Script;

/// The files of a recipe as they will be: path → record. Files whose content is not known yet are
/// missing.
pub(super) type Placed = BTreeMap<String, FileRecord>;

pub(super) fn ask(recipe: &WantedRecipe, questions: &mut Questions) {
    for file in &recipe.bundle.files {
        questions.paths.insert(file.path.clone());
        questions.paths.insert(beside(&file.path));
        questions.paths.insert(first_kept(&file.path));
        questions.contents.insert(file.path.clone());
    }
    for directory in &recipe.bundle.recipe.directories {
        questions.paths.insert(directory.path.clone());
    }
}

/// Plans folders, files and the removal of files that are wanted no more.
pub(super) fn plan(
    recipe: &WantedRecipe,
    outside: Option<&BTreeMap<String, Vec<u8>>>,
    facts: &Facts,
    given: &Given,
    steps: &mut Vec<Step>,
    refusals: &mut Vec<Refusal>,
) -> Placed {
    plan_directories(recipe, facts, steps, refusals);
    let recorded = facts
        .receipts
        .0
        .get(&recipe.name)
        .map(|receipt| &receipt.files);
    let mut placed = Placed::new();
    let mut changes = Vec::new();
    let mut upload = Upload::default();
    for file in &recipe.bundle.files {
        let known = recorded.and_then(|files| files.get(&file.path));
        let fact = facts.files.0.get(&file.path);
        let fact_beside = facts.files.0.get(&beside(&file.path));
        let Some(bytes) = content(file, outside) else {
            plan_unknown(file, known, fact, &mut placed, &mut changes);
            continue;
        };
        let wanted = record(file, bytes);
        let mut becomes = wanted.clone();
        match compare(file, bytes, &wanted, known, facts, given) {
            Verdict::Same => {}
            Verdict::Refused(refusal) => refusals.push(refusal),
            Verdict::Write(change) => {
                changes.push(change);
                upload.add(file, bytes, file.path.clone());
            }
            Verdict::Replace(change) => {
                changes.push(change);
                upload.add(file, bytes, file.path.clone());
                upload.edited.push(file.path.clone());
                upload.kept.push(kept(&file.path, facts));
            }
            Verdict::Keep(change) => {
                // the file stays as it is, so nothing that depends on it is due
                becomes = known.cloned().unwrap_or(becomes);
                if !fact_beside.is_some_and(|fact| is_as_wanted(fact, &wanted)) {
                    changes.push(change);
                    upload.add(file, bytes, beside(&file.path));
                }
            }
        }
        placed.insert(file.path.clone(), becomes);
    }
    if upload.targets.is_empty() {
        push_unknown(recipe, changes, steps);
    } else {
        steps.push(upload.step(recipe, changes));
    }
    placed
}

fn record(file: &BundledFile, bytes: &[u8]) -> FileRecord {
    FileRecord {
        sha256: sha256_hex(bytes),
        mode: file.mode,
        owner: file.owner.clone(),
        group: file.group.clone(),
    }
}

fn content<'a>(
    file: &'a BundledFile,
    outside: Option<&'a BTreeMap<String, Vec<u8>>>,
) -> Option<&'a [u8]> {
    match &file.content {
        FileBytes::Known(bytes) => Some(bytes),
        FileBytes::Staged(path) => outside?.get(path).map(Vec::as_slice),
    }
}

/// A file that the build brings and that is not at hand: unchanged if it is as recorded.
fn plan_unknown(
    file: &BundledFile,
    known: Option<&FileRecord>,
    fact: Option<&FileFact>,
    placed: &mut Placed,
    changes: &mut Vec<Change>,
) {
    let as_recorded =
        known.filter(|known| fact.and_then(|fact| fact.sha256.as_ref()) == Some(&known.sha256));
    match as_recorded {
        Some(known) => {
            placed.insert(file.path.clone(), known.clone());
        }
        None => changes.push(Change::new(
            Action::Unknown,
            format!("file {}", file.path),
            "comes from the build",
        )),
    }
}

fn push_unknown(recipe: &WantedRecipe, changes: Vec<Change>, steps: &mut Vec<Step>) {
    if !changes.is_empty() {
        steps.push(Step {
            id: format!("files/{}", recipe.name),
            stage: Stage::Configure,
            changes,
            work: Work::Unknown,
        });
    }
}

/// Where our version of a file goes that somebody edited and wants to keep.
fn beside(path: &str) -> String {
    format!("{path}.new")
}

/// Where a file that somebody edited goes when it is replaced for the first time.
fn first_kept(path: &str) -> String {
    format!("{path}.before-zonewright")
}

/// Where it goes now: what was kept before stays.
fn kept(path: &str, facts: &Facts) -> String {
    let first = first_kept(path);
    if !facts.files.0.contains_key(&first) {
        return first;
    }
    let now = i64::try_from(facts.platform.now).unwrap_or(i64::MAX);
    let now = jiff::Timestamp::from_second(now).unwrap_or(jiff::Timestamp::MAX);
    format!("{first}.{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

fn is_as_wanted(fact: &FileFact, wanted: &FileRecord) -> bool {
    fact.kind == FileKind::Regular
        && fact.sha256.as_deref() == Some(&wanted.sha256)
        && fact.mode == wanted.mode
        && (&fact.owner, &fact.group) == (&wanted.owner, &wanted.group)
}

enum Verdict {
    Same,
    Refused(Refusal),
    Write(Change),
    /// Write it over somebody's edit, of which a copy is kept.
    Replace(Change),
    /// Leave the file and put ours beside it.
    Keep(Change),
}

fn compare(
    file: &BundledFile,
    bytes: &[u8],
    wanted: &FileRecord,
    known: Option<&FileRecord>,
    facts: &Facts,
    given: &Given,
) -> Verdict {
    let what = format!("file {}", file.path);
    let Some(fact) = facts.files.0.get(&file.path) else {
        let change = Change {
            diff: diff(&file.path, Some(""), bytes),
            ..Change::new(Action::Create, what, "not there")
        };
        return Verdict::Write(change);
    };
    if let Some(package) = fact.package.as_ref().filter(|_| !given.overwrite) {
        return Verdict::Refused(Refusal {
            message: format!(
                "{} is there and belongs to the package {package}",
                file.path
            ),
            help:
                "give the recipe's file another path: the package would write over it when it is \
                   upgraded"
                    .to_owned(),
            diff: None,
        });
    }
    if fact.kind != FileKind::Regular {
        return Verdict::Refused(Refusal {
            message: format!("{} is there and is not a regular file", file.path),
            help: "move it away, or give the recipe's file another path".to_owned(),
            diff: None,
        });
    }
    let same_content = fact.sha256.as_deref() == Some(&wanted.sha256);
    let mut why = Vec::new();
    if !same_content {
        why.push(
            match known {
                Some(known) if known.sha256 == wanted.sha256 => "differs from what was written",
                Some(_) => "the wanted content changed",
                None => "differs",
            }
            .to_owned(),
        );
    }
    if fact.mode != wanted.mode {
        why.push(format!("mode {:04o} → {:04o}", fact.mode, wanted.mode));
    }
    if (&fact.owner, &fact.group) != (&wanted.owner, &wanted.group) {
        why.push(format!(
            "owner {}:{} → {}:{}",
            fact.owner, fact.group, wanted.owner, wanted.group
        ));
    }
    if why.is_empty() {
        return Verdict::Same;
    }
    let diff = if same_content {
        None
    } else {
        diff(&file.path, fact.content.as_deref(), bytes)
    };
    let is_ours = known.is_some_and(|known| fact.sha256.as_deref() == Some(&known.sha256));
    if !same_content && !is_ours && !given.overwrite {
        return edited(file, known.is_some(), given, diff);
    }
    let replaces_edit = !same_content && !is_ours;
    if replaces_edit {
        why.push(format!(
            "the edited one goes to {}",
            kept(&file.path, facts)
        ));
    }
    let change = Change {
        action: Action::Change,
        what,
        why,
        diff,
    };
    if replaces_edit {
        Verdict::Replace(change)
    } else {
        Verdict::Write(change)
    }
}

/// A file that somebody else wrote or edited.
fn edited(file: &BundledFile, was_ours: bool, given: &Given, diff: Option<String>) -> Verdict {
    let path = &file.path;
    if given.keep_edited {
        let what = format!("file {}", beside(path));
        return Verdict::Keep(Change {
            diff,
            ..Change::new(Action::Create, what, "the file itself was edited")
        });
    }
    let message = if was_ours {
        format!("{path} was edited by hand since it was written")
    } else {
        format!("{path} is already there and zonewright did not write it")
    };
    let help = "take the edit into the recipe's template; or `--overwrite` to replace the file, \
                or `--keep-edited` to leave it and get ours beside it as `.new`";
    Verdict::Refused(Refusal {
        message,
        help: help.to_owned(),
        diff,
    })
}

fn diff(path: &str, old: Option<&str>, new: &[u8]) -> Option<String> {
    let new = std::str::from_utf8(new).ok()?;
    let text = flickzeug::create_patch(old?, new).to_string();
    let body: String = text.split_inclusive('\n').skip(2).collect();
    Some(format!("--- {path}\n+++ {path}\n{body}"))
}

/// Files of one step, on their way.
#[derive(Default)]
struct Upload {
    targets: Vec<String>,
    modes: Vec<String>,
    owners: Vec<String>,
    contents: Vec<Vec<u8>>,
    /// Targets that somebody edited, and where a copy of each is kept.
    edited: Vec<String>,
    kept: Vec<String>,
}

impl Upload {
    fn add(&mut self, file: &BundledFile, bytes: &[u8], target: String) {
        self.targets.push(target);
        self.modes.push(format!("{:04o}", file.mode));
        self.owners.push(format!("{}:{}", file.owner, file.group));
        self.contents.push(bytes.to_vec());
    }

    fn step(self, recipe: &WantedRecipe, changes: Vec<Change>) -> Step {
        let script = Script::new("install files")
            .shell(shell::FAIL)
            .shell(shell::RECEIVE)
            .shell(shell::NOTE)
            .list("targets", &self.targets)
            .list("modes", &self.modes)
            .list("owners", &self.owners)
            .list("edited", &self.edited)
            .list("kept", &self.kept)
            .list("due", due_restarts(recipe, &self.targets))
            .shell(INSTALL)
            .with_input();
        Step {
            id: format!("files/{}", recipe.name),
            stage: Stage::Configure,
            changes,
            work: Work::Script {
                script,
                input: Input::Bytes(pack(&self.contents)),
            },
        }
    }
}

/// The records of starts that are no longer true when these files are written: their services are due
/// for a restart, whatever happens between the files and the restart.
fn due_restarts(recipe: &WantedRecipe, targets: &[String]) -> Vec<String> {
    let services = recipe.bundle.recipe.services.iter();
    let due = services.filter(|s| s.restart_after.iter().any(|path| targets.contains(path)));
    due.map(|service| start_record(&service.fmri)).collect()
}

/// The contents as one plain ustar with the members `0`, `1`, ….
fn pack(contents: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (index, content) in contents.iter().enumerate() {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        // writing to memory does not fail
        let _ = builder.append_data(&mut header, index.to_string(), content.as_slice());
    }
    builder.into_inner().unwrap_or_default()
}

/// Each file is written beside its place and renamed, so that a reader sees the old or the new one.
/// (`mv` renames only within a file system, and would put a file *into* a folder.) All are beside
/// their places, and there is room for them, before the first is renamed.
const INSTALL: &str = r#"
places=()
for target in "${targets[@]}"; do places+=("${target%/*}/.${target##*/}.zonewright.new"); done
note "${places[@]}"
what='the files'
receive "$temporary/files.tar" 2
/usr/bin/gtar -xf "$temporary/files.tar" -C "$temporary" --no-same-owner || fail 'cannot unpack the files'
i=0
for target in "${targets[@]}"; do
  parent=${target%/*} place=${places[$i]}
  [ -d "$target" ] && fail "$target is a folder"
  { [ -d "$parent" ] || /usr/bin/mkdir -p "$parent"; } && /usr/bin/rm -f "$place" &&
    /usr/bin/cp "$temporary/$i" "$place" && /usr/bin/chown "${owners[$i]}" "$place" &&
    /usr/bin/chmod "${modes[$i]}" "$place" || fail "cannot write $target; no file was changed"
  i=$((i + 1))
done
i=0
for target in ${edited[@]+"${edited[@]}"}; do
  copy=${kept[$i]}
  # not over another copy, nor through a link or into a folder
  [ ! -e "$copy" ] && [ ! -L "$copy" ] && /usr/bin/cp -p "$target" "$copy" ||
    fail "cannot keep a copy of $target as $copy"
  printf 'the edited %s is kept as %s\n' "$target" "$copy"
  i=$((i + 1))
done
for record in ${due[@]+"${due[@]}"}; do
  /usr/bin/rm -f "$record" || fail "cannot remove $record"
done
i=0 status=0
for target in "${targets[@]}"; do
  /usr/bin/mv -f "${places[$i]}" "$target" || { printf 'cannot write %s\n' "$target" >&2; status=1; }
  i=$((i + 1))
done
exit "$status"
"#;

fn plan_directories(
    recipe: &WantedRecipe,
    facts: &Facts,
    steps: &mut Vec<Step>,
    refusals: &mut Vec<Refusal>,
) {
    let mut changes = Vec::new();
    let mut script = Script::new("make folders")
        .shell(shell::FAIL)
        .shell(MAKE_DIRECTORY);
    for directory in &recipe.bundle.recipe.directories {
        let owner = format!("{}:{}", directory.owner, directory.group);
        let mode = format!("{:04o}", directory.mode);
        let what = format!("folder {}", directory.path);
        let change = match facts.files.0.get(&directory.path) {
            None => Change::new(Action::Create, what, "not there"),
            Some(fact) if fact.kind != FileKind::Directory => {
                refusals.push(Refusal {
                    message: format!("{} is there and is not a folder", directory.path),
                    help: "move it away, or give the recipe's folder another path".to_owned(),
                    diff: None,
                });
                continue;
            }
            Some(fact) => {
                let is = (fact.mode, format!("{}:{}", fact.owner, fact.group));
                if is == (directory.mode, owner.clone()) {
                    continue;
                }
                let why = format!("{:04o} {} → {mode} {owner}", is.0, is.1);
                Change::new(Action::Change, what, why)
            }
        };
        changes.push(change);
        script = script.command(["make_directory", &directory.path, &owner, &mode]);
    }
    if !changes.is_empty() {
        steps.push(Step {
            id: format!("folders/{}", recipe.name),
            stage: Stage::Configure,
            changes,
            work: Work::Script {
                script,
                input: Input::None,
            },
        });
    }
}

const MAKE_DIRECTORY: &str = r#"
make_directory() {
  /usr/bin/mkdir -p "$1" && /usr/bin/chown "$2" "$1" && /usr/bin/chmod "$3" "$1" ||
    fail "cannot make the folder $1"
}
"#;

/// Removes files that were ours and are wanted no more by any recipe of the zone, after the services
/// that read them have ended. Edited ones stay.
pub(super) fn plan_removal(
    recipe: &WantedRecipe,
    wanted: &BTreeSet<&str>,
    facts: &Facts,
    steps: &mut Vec<Step>,
) {
    let receipt = facts.receipts.0.get(&recipe.name);
    let recorded = receipt.map(|receipt| &receipt.files);
    let gone = recorded.into_iter().flatten().filter(|(path, record)| {
        let fact = facts.files.0.get(*path);
        let is_ours = fact.and_then(|f| f.sha256.as_ref()) == Some(&record.sha256);
        !wanted.contains(path.as_str()) && is_ours
    });
    let gone: Vec<&String> = gone.map(|(path, _)| path).collect();
    if gone.is_empty() {
        return;
    }
    let change = |path: &&String| {
        Change::new(
            Action::Destroy,
            format!("file {path}"),
            "the recipe does not make it any more",
        )
    };
    steps.push(Step {
        id: format!("files/{}/remove", recipe.name),
        stage: Stage::Serve,
        changes: gone.iter().map(change).collect(),
        work: Work::Script {
            script: Script::new("remove files")
                .shell(shell::FAIL)
                .list("paths", gone)
                .shell("/usr/bin/rm -f \"${paths[@]}\" || fail 'cannot remove the files'"),
            input: Input::None,
        },
    });
}
