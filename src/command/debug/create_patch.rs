//! `zonewright debug create-patch`: what was mended in the tree becomes a patch of the recipe.
//!
//! The tree is compared with the sources as they are prepared here, and only if they are, by their
//! hash, the very ones that it was unpacked from: else the recipe's own changes would end up in the
//! patch.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::Path;

use super::super::patch_files::{Writes, own_folder, patch_file, source_in_file};
use super::super::{DONE, Failure, answer, door};
use super::Session;
use crate::cli::{CreatePatchArgs, Global};
use crate::plan::WantedRecipe;
use crate::plan::debug::{self, KeptTree};
use crate::recipe::load::LoadedRecipe;
use crate::recipe::patch_list::NewPatch;
use crate::run::debug::{ask, sources};
use crate::run::{self as runs, BuildError, RunError};
use crate::show::plain;
use crate::source::patch::write::{Prefixes, Side, file_diff};
use crate::source::tree::{Entry, Tree, TreePath};
use crate::source::unpack::{Limits, unpack_stream};
use crate::source::{PrepareError, patch};

pub(super) fn run(global: &Global, arguments: &CreatePatchArgs) -> Result<u8, Failure> {
    let CreatePatchArgs { zone, recipe, .. } = arguments;
    let file = patch_file(recipe, &arguments.name)?;
    let added = added(&arguments.add)?;
    let (mut session, mut door) = Session::begin(global, zone, recipe)?;
    let site = own_folder(&session.site)?;
    let tree = session.tree(&mut door)?;
    let (wanted, source) = prepare(&mut session, &mut door, &tree, &file, arguments)?;
    let found = compare(&session, &mut door, &tree, &source, &added)?;
    if found.changed.is_empty() {
        return Err(nothing(zone, &found));
    }
    let Some((_, loaded)) = session.wish.recipes.iter().find(|(name, _)| name == recipe) else {
        return Ok(DONE);
    };
    let mut writes = Writes::default();
    let mut report = String::new();
    for (index, changes) in by_source(&wanted, &found.changed) {
        let part = Part {
            wanted: &wanted,
            loaded,
            index,
            changes: &changes,
            tree: &source,
        };
        report.push_str(&part.write(&file, arguments, &mut writes)?);
    }
    writes.write(&site)?;
    answer(&report);
    answer(&found.left_out());
    answer(&format!(
        "next: `zonewright apply {zone}` builds {recipe} with it, from the start\n"
    ));
    Ok(DONE)
}

fn added(paths: &[String]) -> Result<BTreeSet<TreePath>, Failure> {
    let parse = |text: &String| {
        TreePath::parse(text.as_bytes()).map_err(|error| {
            Failure::usage(
                &format!("`--add {text}`: {error}"),
                "write the path of a file below the source tree, as in `src/main.c`",
            )
        })
    };
    paths.iter().map(parse).collect()
}

/// The recipe without the patch that is made anew, and its patched sources: those that the tree was
/// made of.
fn prepare(
    session: &mut Session<'_>,
    door: &mut door::Door,
    kept: &KeptTree,
    file: &str,
    arguments: &CreatePatchArgs,
) -> Result<(WantedRecipe, Tree), Failure> {
    let CreatePatchArgs { zone, recipe, .. } = arguments;
    let (wanted, prepared) = session.with_controller(String::new(), |controller, wish| {
        let look = runs::look(&mut door.host, wish, controller);
        let mut view = look.map_err(|error| Failure::run(zone, error))?;
        for wanted in view.recipes.iter_mut().filter(|one| one.name == *recipe) {
            wanted.bundle.patches.retain(|patch| patch.file != file);
        }
        let prepared = sources(&view, recipe, controller).map_err(|error| match *error {
            BuildError::Prepare(PrepareError::Patch(error)) => Failure::of(&error, error.help()),
            error => Failure::of(
                &error,
                "`zonewright recipe fetch` shows whether the sources can be had",
            ),
        })?;
        let wanted = view.recipes.into_iter().find(|one| one.name == *recipe);
        Ok((wanted, prepared))
    })?;
    let (source, sha256) = prepared;
    let Some(wanted) = wanted else {
        return Err(session.failed(RunError::Problems(Vec::new())));
    };
    if kept.source.as_ref() == Some(&sha256) {
        return Ok((wanted, source.tree));
    }
    Err(Failure::text_only(
        &format!(
            "the build tree of {recipe} in {zone} was made of other sources or patches than the recipe \
             names now"
        ),
        "a patch is the difference from what the tree was made of: take back what was changed in the \
         recipe's sources and patches since, make the patch, and change them again",
    ))
}

/// What differs in a tree.
#[derive(Debug, Default)]
struct Found {
    /// Path → before and after.
    changed: BTreeMap<TreePath, (Option<Text>, Option<Text>)>,
    written: Vec<TreePath>,
    binary: Vec<TreePath>,
    gone: Vec<TreePath>,
}

/// A file's bytes, and whether it can be run.
type Text = (Vec<u8>, bool);

fn compare(
    session: &Session<'_>,
    door: &mut door::Door,
    kept: &KeptTree,
    source: &Tree,
    added: &BTreeSet<TreePath>,
) -> Result<Found, Failure> {
    let failed = |error: RunError| session.failed(error);
    let products = debug::products(kept);
    let products = ask(&mut door.host, &products, &mut std::io::empty()).map_err(failed)?;
    let products = products.split(|byte| *byte == b'\n');
    let products: BTreeSet<TreePath> = products.filter_map(|p| TreePath::parse(p).ok()).collect();
    let is_file = |path: &TreePath| matches!(source.get(path), Some(Entry::File { .. }));
    let files = source
        .iter()
        .map(|(path, _)| path)
        .filter(|path| is_file(path));
    let names: Vec<u8> = files
        .chain(added.iter().filter(|path| !is_file(path)))
        .flat_map(|path| [path.as_bytes(), b"\0"].concat())
        .collect();
    let fetched =
        ask(&mut door.host, &debug::fetch(kept), &mut names.as_slice()).map_err(failed)?;
    let mut there = Tree::new();
    let size = fetched.len() as u64;
    let name = Path::new("the build tree");
    unpack_stream(
        name,
        BufReader::new(&fetched[..]),
        size,
        0,
        &mut there,
        &Limits::default(),
    )
    .map_err(|error| Failure::of(&error, error.help()))?;
    let missing = added
        .iter()
        .find(|path| !is_file(path) && text(&there, path).is_none());
    if let Some(path) = missing {
        return Err(Failure::usage(
            &format!("`--add {path}`: there is no such file in the build tree"),
            &format!("paths start at {}/src", kept.folder()),
        ));
    }
    Ok(differences(source, &there, &products, added))
}

fn differences(
    source: &Tree,
    there: &Tree,
    products: &BTreeSet<TreePath>,
    added: &BTreeSet<TreePath>,
) -> Found {
    let mut found = Found::default();
    let files = source
        .iter()
        .filter(|(_, entry)| matches!(entry, Entry::File { .. }));
    let paths: BTreeSet<&TreePath> = files.map(|(path, _)| path).chain(added).collect();
    for path in paths {
        let (old, new) = (text(source, path), text(there, path));
        if old == new {
            continue;
        }
        let is_binary = [&old, &new]
            .into_iter()
            .flatten()
            .any(|(bytes, _)| bytes.contains(&0));
        let list = if is_binary {
            &mut found.binary
        } else if added.contains(path) {
            found.changed.insert(path.clone(), (old, new));
            continue;
        } else if new.is_none() {
            &mut found.gone
        } else if products.contains(path) {
            &mut found.written
        } else {
            found.changed.insert(path.clone(), (old, new));
            continue;
        };
        list.push(path.clone());
    }
    found
}

fn text(tree: &Tree, path: &TreePath) -> Option<Text> {
    match tree.get(path)? {
        Entry::File { bytes, executable } => Some((bytes.to_vec(), *executable)),
        _ => None,
    }
}

impl Found {
    fn left_out(&self) -> String {
        let mut out = String::new();
        let mut say = |paths: &[TreePath], why: &str| {
            const SHOWN: usize = 8;
            if paths.is_empty() {
                return;
            }
            let names: Vec<String> = paths.iter().take(SHOWN).map(TreePath::to_string).collect();
            let more = match paths.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            out.push_str(&format!(
                "left out, {why}: {}{more}\n",
                plain::line(&names.join(", "))
            ));
        };
        say(
            &self.written,
            "for the build itself wrote them (`--add PATH` takes one)",
        );
        say(
            &self.gone,
            "for they are gone from the tree (`--add PATH` takes that)",
        );
        say(&self.binary, "for a patch holds text only");
        out
    }
}

fn nothing(zone: &str, found: &Found) -> Failure {
    let left_out = found.left_out();
    let known = left_out.trim_end().replace('\n', "; ");
    let message = match known.is_empty() {
        true => format!("{zone}: no file of the patched source differs in the build tree"),
        false => {
            format!("{zone}: nothing of what differs in the build tree becomes a patch ({known})")
        }
    };
    Failure::text_only(&message, "a new file is taken with `--add PATH`")
}

/// A file's path below its source, before and after.
type Change = (TreePath, (Option<Text>, Option<Text>));

/// The changes of each source, with the paths that its patches use.
fn by_source(
    wanted: &WantedRecipe,
    changed: &BTreeMap<TreePath, (Option<Text>, Option<Text>)>,
) -> BTreeMap<usize, Vec<Change>> {
    let sources = &wanted.bundle.recipe.sources;
    let folders: Vec<Option<TreePath>> = sources
        .iter()
        .map(|source| TreePath::parse(source.into.as_deref()?.as_bytes()).ok())
        .collect();
    let mut parts: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
    for (path, change) in changed {
        let below = |folder: &TreePath| {
            let rest = path.as_bytes().strip_prefix(folder.as_bytes())?;
            TreePath::parse(rest.strip_prefix(b"/")?).ok()
        };
        let inside = folders.iter().enumerate().filter_map(|(index, folder)| {
            let folder = folder.as_ref()?;
            Some((folder.as_bytes().len(), index, below(folder)?))
        });
        let root = folders.iter().position(Option::is_none).unwrap_or(0);
        let (index, path) = match inside.max() {
            Some((_, index, path)) => (index, path),
            None => (root, path.clone()),
        };
        parts.entry(index).or_default().push((path, change.clone()));
    }
    parts
}

/// The changes of one source.
struct Part<'a> {
    wanted: &'a WantedRecipe,
    loaded: &'a LoadedRecipe,
    index: usize,
    changes: &'a [Change],
    tree: &'a Tree,
}

impl Part<'_> {
    /// Makes the patch, proves it, and says what is in it.
    fn write(
        &self,
        file: &str,
        arguments: &CreatePatchArgs,
        writes: &mut Writes,
    ) -> Result<String, Failure> {
        let Some(source) = self.wanted.bundle.recipe.sources.get(self.index) else {
            return Ok(String::new());
        };
        // what goes into a folder of its own is a patch of its own
        let file = match &source.into {
            None => file.to_owned(),
            Some(into) => {
                let start = file.strip_suffix(".patch").unwrap_or(file);
                format!("{start}-{}.patch", into.replace('/', "-"))
            }
        };
        let name = arguments
            .name
            .strip_suffix(".patch")
            .unwrap_or(&arguments.name);
        let subject = arguments.subject.clone();
        let subject = subject.unwrap_or_else(|| name.replace(['-', '_'], " "));
        let mut bytes = format!("Subject: {}\n\n", plain::line(&subject)).into_bytes();
        let mut list = String::new();
        for (path, (old, new)) in self.changes {
            let diff = file_diff(path, side(old), side(new), &Prefixes::of_strip(1));
            let count = |mark: u8| {
                let lines = diff.split(|byte| *byte == b'\n');
                let hunks = lines.skip_while(|line| !line.starts_with(b"@@"));
                hunks.filter(|line| line.first() == Some(&mark)).count()
            };
            list.push_str(&format!(
                "  {}  +{} -{}\n",
                plain::line(&path.to_string()),
                count(b'+'),
                count(b'-')
            ));
            bytes.extend(diff);
        }
        self.prove(source.into.as_deref(), &file, &bytes)?;
        writes.patch(&file, bytes);
        let mut report = format!("patches/{file}: {}\n{list}", counted(self.changes.len()));
        let is_known = source.patches.iter().any(|patch| patch.file == file);
        if !is_known {
            let index = source_in_file(self.loaded, source).unwrap_or(self.index);
            let patch = NewPatch { file, strip: 1 };
            let recipe = writes.recipe(self.loaded, index, &[patch])?;
            report.push_str(&format!("{recipe}: `patches` names it\n"));
        }
        Ok(report)
    }

    /// Applies the patch to what it is for: it must give the very files of the tree.
    fn prove(&self, into: Option<&str>, file: &str, bytes: &[u8]) -> Result<(), Failure> {
        let folder = into.and_then(|into| TreePath::parse(into.as_bytes()).ok());
        let whole = |path: &TreePath| match &folder {
            Some(folder) => folder.join(path),
            None => path.clone(),
        };
        let mut tree = Tree::new();
        for (path, _) in self.changes {
            if let Some(entry) = self.tree.get(&whole(path)) {
                let _ = tree.insert(path.clone(), entry.clone());
            }
        }
        patch::apply(&mut tree, file, bytes, 1, 0)
            .map_err(|error| Failure::of(&error, error.help()))?;
        let is_right = self
            .changes
            .iter()
            .all(|(path, (_, new))| text(&tree, path) == *new);
        if is_right {
            return Ok(());
        }
        Err(Failure::text_only(
            &format!("the patch `{file}` does not give what is in the tree"),
            "this is a fault of zonewright: please report it with the changed file",
        ))
    }
}

fn side(text: &Option<Text>) -> Option<Side<'_>> {
    text.as_ref().map(|(bytes, executable)| Side {
        bytes,
        executable: *executable,
    })
}

fn counted(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}
