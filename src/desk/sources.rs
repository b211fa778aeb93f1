//! Sources that lie on this machine: unpacked, patched as the recipe says, and looked into.
//!
//! A patch that does not apply does not hide the next one: what comes after it is tried too, and
//! where that fails it is said to be unknown, for it may rest on the one before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Unchecked;
use crate::problem::Problem;
use crate::recipe::LoadedRecipe;
use crate::recipe::model::{Patch, Source};
use crate::recipe::read;
use crate::recipe::tree::{Document, Node};
use crate::source::fetch::{FetchError, Fetcher, file_name};
use crate::source::patch::{self, Applied, PatchError, PatchReason};
use crate::source::tree::{Tree, TreePath};
use crate::source::unpack::{Limits, UnpackError, unpack};

/// How far away a hunk may be found before it is worth a look.
const FAR: usize = 100;

/// What became of a recipe's sources in one kind of zone.
#[derive(Debug)]
pub(super) struct Made {
    /// The tree; `None` where a source is not here or cannot be unpacked.
    pub tree: Option<Tree>,
    /// The key paths of the patches that were applied.
    pub applied: Vec<String>,
    pub problems: Vec<Problem>,
    pub unchecked: Vec<Unchecked>,
}

/// Archives that were unpacked already, by path and `strip`.
type Unpacked = BTreeMap<(PathBuf, u32), Result<Tree, (String, String)>>;

/// Makes trees for one recipe, for each kind of zone in turn.
pub(super) struct Maker<'a> {
    loaded: &'a LoadedRecipe,
    fetcher: Option<&'a Fetcher<'a>>,
    unpacked: Unpacked,
}

impl<'a> Maker<'a> {
    pub(super) fn new(loaded: &'a LoadedRecipe, fetcher: Option<&'a Fetcher<'a>>) -> Self {
        Self {
            loaded,
            fetcher,
            unpacked: Unpacked::new(),
        }
    }

    /// The sources of `document`, which is the recipe as one kind of zone has it.
    pub(super) fn make(&mut self, document: &Document) -> Made {
        let recipe = read::recipe(&document.root);
        let nodes = document.root.get("source").map_or(&[][..], Node::items);
        let mut made = Made {
            tree: Some(Tree::new()),
            applied: Vec::new(),
            problems: Vec::new(),
            unchecked: Vec::new(),
        };
        for (source, node) in recipe.sources.iter().zip(nodes) {
            let before = made.tree.take();
            let Some(tree) = self.unpacked(source, node, &mut made) else {
                continue;
            };
            made.tree = before.and_then(|whole| self.add(whole, tree, source, node, &mut made));
        }
        made
    }

    /// The files of a source's archive.
    fn unpacked(&mut self, source: &Source, node: &Node, made: &mut Made) -> Option<Tree> {
        let archive = self.find(source, node, made)?;
        let unpacked = self
            .unpacked
            .entry((archive.clone(), source.strip))
            .or_insert_with(|| unpack_alone(&archive, source.strip))
            .clone();
        match unpacked {
            Ok(tree) if !tree.is_empty() => Some(tree),
            Ok(_) => {
                let strip = source.strip;
                let message = format!("nothing is left of the archive with `strip = {strip}`");
                let problem = Problem {
                    help: Some("write a smaller `strip`".to_owned()),
                    ..self.at(&format!("{}.strip", node.path), &message)
                };
                made.problems.push(problem.of("source-layout"));
                None
            }
            Err((message, help)) => {
                let problem = Problem {
                    help: Some(help),
                    ..self.at(&node.path, &message)
                };
                made.problems.push(problem.of("source-layout"));
                None
            }
        }
    }

    /// The archive, where it lies on this machine.
    fn find(&self, source: &Source, node: &Node, made: &mut Made) -> Option<PathBuf> {
        let name = file_name(source).unwrap_or_else(|_| node.path.clone());
        let found = self.fetcher.map(|fetcher| fetcher.find(source));
        let why = match found {
            Some(Ok(Some(found))) => return Some(found.path),
            Some(Err(error @ FetchError::Size { .. })) => {
                let problem = Problem {
                    help: Some(error.help()),
                    ..self.at(&format!("{}.size", node.path), &error.to_string())
                };
                made.problems.push(problem.of("source-size"));
                return None;
            }
            Some(Err(error)) => crate::causes::in_one_line(&error),
            Some(Ok(None)) | None if source.unverified.is_some() => {
                format!(
                    "`{name}` is not in distfiles/, and without a checksum it is kept nowhere else"
                )
            }
            Some(Ok(None)) | None => format!("`{name}` is not on this machine"),
        };
        made.unchecked.push(Unchecked {
            what: "its source".to_owned(),
            why,
            is_source: true,
        });
        None
    }

    /// Applies the source's patches, and says what there is to say of each.
    fn patch(&self, tree: &mut Tree, source: &Source, node: &Node, made: &mut Made) {
        let nodes = node.get("patches").map_or(&[][..], Node::items);
        let mut is_whole = true;
        for (patch, node) in source.patches.iter().zip(nodes) {
            let Some(file) = self.loaded.patches.get(&patch.file) else {
                continue;
            };
            match patch::apply(tree, &patch.file, &file.bytes, patch.strip, patch.fuzz) {
                Ok(applied) => {
                    made.problems.extend(self.doubts(patch, node, &applied));
                    made.applied.push(node.path.clone());
                }
                Err(error) if is_whole => {
                    is_whole = false;
                    made.problems.push(self.rejected(patch, node, &error));
                }
                Err(_) => made.unchecked.push(Unchecked {
                    what: format!("the patch `{}`", patch.file),
                    why: "it does not apply without the one before it".to_owned(),
                    is_source: false,
                }),
            }
        }
    }

    fn rejected(&self, patch: &Patch, node: &Node, error: &PatchError) -> Problem {
        let problem = Problem {
            help: Some(error.help().to_owned()),
            details: error.details(),
            ..self.at(&node.path, &error.to_string())
        }
        .of("patch-rejected");
        match &error.reason {
            PatchReason::Missing {
                strip_that_fits: Some(strip),
                ..
            } if patch.fuzz == 0 && patch.when.is_none() => {
                let entry = format!("{{ file = {:?}, strip = {strip} }}", patch.file);
                Problem {
                    help: Some(format!("write `{entry}`")),
                    ..problem.replaced_by(entry)
                }
            }
            _ => problem,
        }
    }

    /// What is odd about a patch that applied.
    fn doubts(&self, patch: &Patch, node: &Node, applied: &Applied) -> Vec<Problem> {
        let mut problems = Vec::new();
        for file in &applied.files {
            if let Some(hunk) = file.hunks.iter().find(|hunk| hunk.fuzz > 0) {
                let message = format!(
                    "the patch `{}` fits `{}` at line {} only with {} of its lines passed over",
                    patch.file, file.path, hunk.line, hunk.fuzz
                );
                let problem = Problem {
                    help: Some(
                        "make the patch anew for this source, and leave `fuzz` out".to_owned(),
                    ),
                    ..self.at(&node.path, &message)
                };
                problems.push(problem.of("patch-fuzz").warn());
            }
            let far = file
                .hunks
                .iter()
                .find(|hunk| hunk.offset.unsigned_abs() >= FAR);
            if let Some(hunk) = far {
                let message = format!(
                    "the patch `{}` fits `{}` at line {}, {} lines from where it says",
                    patch.file,
                    file.path,
                    hunk.line,
                    hunk.offset.unsigned_abs()
                );
                let problem = Problem {
                    help: Some(
                        "see that it is the right place, and make the patch anew".to_owned(),
                    ),
                    ..self.at(&node.path, &message)
                };
                problems.push(problem.of("patch-offset").warn());
            }
        }
        problems
    }

    /// Puts one source where it belongs in the whole, and patches it: by itself where it goes into a
    /// folder, with what is there already where it does not.
    fn add(
        &self,
        mut whole: Tree,
        mut tree: Tree,
        source: &Source,
        node: &Node,
        made: &mut Made,
    ) -> Option<Tree> {
        let into = source.into.as_deref();
        let joined = match into.map(|into| TreePath::parse(into.as_bytes())) {
            Some(Ok(into)) => {
                self.patch(&mut tree, source, node, made);
                whole.graft(&into, tree)
            }
            // there is a problem with the name already
            Some(Err(_)) => return None,
            None if whole.is_empty() => {
                self.patch(&mut tree, source, node, made);
                whole = tree;
                Ok(())
            }
            None => {
                let mut entries = tree.iter();
                let joined =
                    entries.try_for_each(|(path, entry)| whole.insert(path.clone(), entry.clone()));
                if joined.is_ok() {
                    self.patch(&mut whole, source, node, made);
                }
                joined
            }
        };
        match joined {
            Ok(()) => Some(whole),
            Err(error) => {
                let help = "write another `into`: something of another source is there";
                let problem = Problem {
                    help: Some(help.to_owned()),
                    ..self.at(&node.path, &error.to_string())
                };
                made.problems.push(problem.of("source-layout"));
                None
            }
        }
    }

    /// A problem at a key path of the recipe as it was written.
    fn at(&self, path: &str, message: &str) -> Problem {
        self.loaded.document.problem_at(path, message)
    }
}

fn unpack_alone(archive: &Path, strip: u32) -> Result<Tree, (String, String)> {
    let mut tree = Tree::new();
    let unpacked = unpack(archive, strip, &mut tree, &Limits::default());
    unpacked
        .map(|_| tree)
        .map_err(|error: UnpackError| (crate::causes::in_one_line(&error), error.help().to_owned()))
}
