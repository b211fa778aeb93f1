//! One patch being applied: which file each part of it means, and what becomes of that file.
//!
//! `patch` chooses between the old and the new name by what exists; of two that exist it takes the
//! one with fewer components, then the shorter base name (`foo.c` and not `foo.c.orig`).

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::header::Side;
use super::locate::{Place, apply_hunks, lines_of, reversed, wanted};
use super::parse::{FilePatch, GitHeader, Hunk};
use super::reject;
use super::{Applied, AppliedFile, AppliedHunk, FileChange, PatchReason};
use crate::source::tree::{Entry, Tree, TreePath};

/// The file type bits of a mode in a git header.
const KIND: u32 = 0o170_000;
const SYMLINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

pub(super) struct Work<'t> {
    before: &'t Tree,
    next: Tree,
    strip: u32,
    fuzz: usize,
    /// Paths that this patch has written; a later rename must not take them away.
    written: BTreeSet<TreePath>,
    /// Paths that renames of this patch give free.
    vacated: BTreeSet<TreePath>,
}

impl<'t> Work<'t> {
    pub(super) fn new(before: &'t Tree, strip: u32, fuzz: usize) -> Self {
        let (written, vacated) = (BTreeSet::new(), BTreeSet::new());
        Self {
            before,
            next: before.clone(),
            strip,
            fuzz,
            written,
            vacated,
        }
    }

    /// Applies every part and hands out the tree as it is then.
    pub(super) fn all(mut self, files: &[FilePatch<'_>]) -> Result<(Tree, Applied), PatchReason> {
        for file in files {
            if let Some((git, from)) = file
                .git
                .as_ref()
                .and_then(|git| Some((git, git.from.as_ref()?)))
                && !git.is_copy
            {
                self.vacated.insert(self.prefixless(file, from)?);
            }
        }
        let mut applied = Vec::new();
        for file in files {
            applied.push(self.file(file)?);
        }
        self.next.check_links()?;
        Ok((self.next, Applied { files: applied }))
    }

    fn file(&mut self, file: &FilePatch<'_>) -> Result<AppliedFile, PatchReason> {
        if let Some(git) = &file.git {
            if let (Some(from), Some(to)) = (&git.from, &git.to) {
                return self.rename(file, git, from, to);
            }
            if git.is_new {
                let path = self.named(file, true)?;
                return self.create(file, path);
            }
            if git.is_deleted {
                let path = self.named(file, false)?;
                return self.delete(file, path);
            }
        }
        match (&file.old, &file.new) {
            (Some(Side::Nothing), _) => {
                let path = self.named(file, true)?;
                self.create(file, path)
            }
            (_, Some(Side::Nothing)) => {
                let path = self.named(file, false)?;
                self.delete(file, path)
            }
            _ => self.change(file),
        }
    }

    fn change(&mut self, file: &FilePatch<'_>) -> Result<AppliedFile, PatchReason> {
        let candidates = self.candidates(file)?;
        let mut existing: Vec<_> = candidates
            .iter()
            .filter(|path| self.next.get(path).is_some())
            .collect();
        existing.sort_by_key(|path| likeness(path));
        let Some(path) = existing.first().copied().cloned() else {
            return match candidates.into_iter().next_back() {
                Some(path) if creates(file) => self.create(file, path),
                Some(path) => Err(self.missing(file, path)),
                None => Err(PatchReason::Nameless { line: file.line }),
            };
        };
        let entry = self.existing(file, &path, &self.next)?;
        if is_absent_before(file) && !content(&entry).is_empty() {
            return self.create(file, path);
        }
        let (bytes, hunks) = self.hunks(file, &path, content(&entry))?;
        if is_absent_after(file) && bytes.is_empty() {
            self.next.remove(&path);
            return Ok(AppliedFile {
                path,
                change: FileChange::Deleted,
                hunks,
            });
        }
        let entry = self.entry(file, &path, bytes, Some(&entry))?;
        self.put(path.clone(), entry)?;
        Ok(AppliedFile {
            path,
            change: FileChange::Changed,
            hunks,
        })
    }

    fn create(&mut self, file: &FilePatch<'_>, path: TreePath) -> Result<AppliedFile, PatchReason> {
        let (bytes, hunks) = self.hunks(file, &path, b"")?;
        if let Some(there) = self.next.get(&path).filter(|_| !self.is_free(&path)) {
            return match there {
                Entry::File { bytes: found, .. } if found.is_empty() => {
                    let entry = self.entry(file, &path, bytes, Some(&there.clone()))?;
                    self.put(path.clone(), entry)?;
                    Ok(AppliedFile {
                        path,
                        change: FileChange::Changed,
                        hunks,
                    })
                }
                Entry::File { bytes: found, .. } if **found == *bytes => {
                    Err(PatchReason::AlreadyApplied { file: path })
                }
                _ => Err(PatchReason::Exists { file: path }),
            };
        }
        let entry = self.entry(file, &path, bytes, None)?;
        self.put(path.clone(), entry)?;
        Ok(AppliedFile {
            path,
            change: FileChange::Created,
            hunks,
        })
    }

    fn delete(&mut self, file: &FilePatch<'_>, path: TreePath) -> Result<AppliedFile, PatchReason> {
        let entry = self.existing(file, &path, &self.next)?;
        let (bytes, hunks) = self.hunks(file, &path, content(&entry))?;
        if !bytes.is_empty() {
            return Err(PatchReason::NotEmpty { file: path });
        }
        self.next.remove(&path);
        Ok(AppliedFile {
            path,
            change: FileChange::Deleted,
            hunks,
        })
    }

    /// A rename or a copy: the old file is read as it was before the whole patch.
    fn rename(
        &mut self,
        file: &FilePatch<'_>,
        git: &GitHeader,
        from: &[u8],
        to: &[u8],
    ) -> Result<AppliedFile, PatchReason> {
        let (from, path) = (self.prefixless(file, from)?, self.prefixless(file, to)?);
        if !git.is_copy && self.before.get(&from).is_none() && self.before.get(&path).is_some() {
            return Err(PatchReason::AlreadyApplied { file: path });
        }
        let entry = self.existing(file, &from, self.before)?;
        if self.next.get(&path).is_some() && !self.is_free(&path) {
            return Err(PatchReason::Exists { file: path });
        }
        let (bytes, hunks) = self.hunks(file, &from, content(&entry))?;
        let entry = self.entry(file, &path, bytes, Some(&entry))?;
        if !git.is_copy && !self.written.contains(&from) {
            self.next.remove(&from);
        }
        self.put(path.clone(), entry)?;
        let change = if git.is_copy {
            FileChange::Copied { from }
        } else {
            FileChange::Renamed { from }
        };
        Ok(AppliedFile {
            path,
            change,
            hunks,
        })
    }

    fn put(&mut self, path: TreePath, entry: Entry) -> Result<(), PatchReason> {
        self.written.insert(path.clone());
        Ok(self.next.insert(path, entry)?)
    }

    /// Whether what stands at `path` goes away by a later part of this patch.
    fn is_free(&self, path: &TreePath) -> bool {
        self.vacated.contains(path) && !self.written.contains(path)
    }

    /// The file or link at `path`; a link only where the patch knows that it is one.
    fn existing(
        &self,
        file: &FilePatch<'_>,
        path: &TreePath,
        tree: &Tree,
    ) -> Result<Entry, PatchReason> {
        let knows_links = file.git.is_some();
        match tree.get(path) {
            Some(entry @ Entry::File { .. }) => Ok(entry.clone()),
            Some(entry @ Entry::Symlink { .. }) if knows_links => Ok(entry.clone()),
            Some(other) => Err(PatchReason::NotAFile {
                file: path.clone(),
                kind: other.kind(),
            }),
            None => Err(self.missing(file, path.clone())),
        }
    }

    fn hunks(
        &self,
        file: &FilePatch<'_>,
        path: &TreePath,
        bytes: &[u8],
    ) -> Result<(Vec<u8>, Vec<AppliedHunk>), PatchReason> {
        let is_crlf_file = lines_of(bytes)
            .first()
            .is_some_and(|line| line.ends_with(b"\r\n"));
        let hunks = if file.is_crlf && !is_crlf_file {
            Cow::Owned(file.hunks.iter().map(without_carriage_returns).collect())
        } else {
            Cow::Borrowed(&file.hunks[..])
        };
        match apply_hunks(bytes, &hunks, self.fuzz) {
            Ok((bytes, places)) => Ok((bytes, places.iter().map(applied_hunk).collect())),
            Err(index) => Err(self.rejected(path, bytes, &hunks, index)),
        }
    }

    fn rejected(
        &self,
        path: &TreePath,
        bytes: &[u8],
        hunks: &[Hunk<'_>],
        index: usize,
    ) -> PatchReason {
        let back: Vec<_> = hunks.iter().map(reversed).collect();
        // A hunk that would only insert fits anywhere and proves nothing.
        let is_proof = back.iter().all(|hunk| !wanted(hunk).is_empty());
        if is_proof && apply_hunks(bytes, &back, 0).is_ok() {
            return PatchReason::AlreadyApplied { file: path.clone() };
        }
        match reject::describe(path, bytes, hunks, index) {
            Some(rejection) => PatchReason::Rejected(Box::new(rejection)),
            None => PatchReason::AlreadyApplied { file: path.clone() },
        }
    }

    /// What a file becomes, with the mode that the patch gives it or the one that it had.
    fn entry(
        &self,
        file: &FilePatch<'_>,
        path: &TreePath,
        bytes: Vec<u8>,
        old: Option<&Entry>,
    ) -> Result<Entry, PatchReason> {
        let mode = file.git.as_ref().and_then(|git| git.new_mode);
        let is_link = match mode.map(|mode| mode & KIND) {
            Some(SUBMODULE) => return Err(PatchReason::Submodule { file: path.clone() }),
            Some(kind) => kind == SYMLINK,
            None => matches!(old, Some(Entry::Symlink { .. })),
        };
        if is_link {
            return Ok(Entry::Symlink { target: bytes });
        }
        let executable = match (mode, old) {
            (Some(mode), _) => mode & 0o100 != 0,
            (None, Some(Entry::File { executable, .. })) => *executable,
            (None, _) => false,
        };
        Ok(Entry::file(bytes, executable))
    }

    /// The one name of a file that is created (`is_new`) or deleted.
    fn named(&self, file: &FilePatch<'_>, is_new: bool) -> Result<TreePath, PatchReason> {
        let candidates = self.candidates(file)?;
        let mut in_order = candidates.into_iter();
        let path = if is_new {
            in_order.next_back()
        } else {
            in_order.next()
        };
        path.ok_or(PatchReason::Nameless { line: file.line })
    }

    /// The names that a part of the patch gives, stripped: the old one first.
    fn candidates(&self, file: &FilePatch<'_>) -> Result<Vec<TreePath>, PatchReason> {
        let names = names(file);
        let mut paths = Vec::new();
        let mut problem = None;
        for name in &names {
            match self.stripped(file, name, self.strip) {
                Ok(path) => paths.push(path),
                Err(error) => problem = Some(error),
            }
        }
        paths.dedup();
        match problem {
            Some(problem) if paths.is_empty() => Err(problem),
            _ => Ok(paths),
        }
    }

    fn stripped(
        &self,
        file: &FilePatch<'_>,
        name: &[u8],
        strip: u32,
    ) -> Result<TreePath, PatchReason> {
        let line = file.line;
        let shown = || String::from_utf8_lossy(name).into_owned();
        let kept = drop_components(name, strip).ok_or_else(|| PatchReason::Strip {
            line,
            name: shown(),
            strip,
        })?;
        TreePath::parse(kept).map_err(|reason| PatchReason::Name {
            line,
            name: shown(),
            reason,
        })
    }

    /// A name of a `rename` or `copy` line, which lacks the prefix `a/`.
    fn prefixless(&self, file: &FilePatch<'_>, name: &[u8]) -> Result<TreePath, PatchReason> {
        self.stripped(file, name, self.strip.saturating_sub(1))
    }

    fn missing(&self, file: &FilePatch<'_>, path: TreePath) -> PatchReason {
        let names = names(file);
        let fits = |strip: &u32| {
            names.iter().any(|name| {
                let path = self.stripped(file, name, *strip);
                path.is_ok_and(|path| matches!(self.next.get(&path), Some(Entry::File { .. })))
            })
        };
        let strip_that_fits = (0..8).find(fits);
        PatchReason::Missing {
            line: file.line,
            file: path,
            strip_that_fits,
        }
    }
}

/// The names in the order old, new; `Index:` only where there is no other, and those of the
/// `diff --git` line only where no hunks follow.
fn names(file: &FilePatch<'_>) -> Vec<Vec<u8>> {
    let of_side = |side: &Option<Side>| match side {
        Some(Side::File { name, .. }) => Some(name.clone()),
        _ => None,
    };
    let names: Vec<_> = [of_side(&file.old), of_side(&file.new)]
        .into_iter()
        .flatten()
        .collect();
    if !names.is_empty() {
        return names;
    }
    if let Some((old, new)) = file.git.as_ref().and_then(|git| git.names.as_ref()) {
        return [old, new]
            .into_iter()
            .filter(|name| *name != b"/dev/null")
            .cloned()
            .collect();
    }
    file.index.iter().cloned().collect()
}

/// The name without `strip` leading components, which `./` counts as and `//` does not.
fn drop_components(name: &[u8], strip: u32) -> Option<&[u8]> {
    let mut rest = name;
    for _ in 0..strip {
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        rest = rest.get(slash..)?;
        while let Some(after) = rest.strip_prefix(b"/") {
            rest = after;
        }
    }
    (!rest.is_empty()).then_some(rest)
}

/// Whether a part of the patch can only be meant for a file that is not there.
fn creates(file: &FilePatch<'_>) -> bool {
    let starts_empty = |hunk: &Hunk<'_>| hunk.old_start == 0 && wanted(hunk).is_empty();
    is_absent_before(file) || (file.hunks.len() == 1 && file.hunks.iter().all(starts_empty))
}

/// Times of 1970 alone say nothing, for archives are made with them; the range must be empty too.
fn is_absent_before(file: &FilePatch<'_>) -> bool {
    is_epoch(&file.old) && file.hunks.first().is_some_and(|hunk| hunk.old_start == 0)
}

fn is_absent_after(file: &FilePatch<'_>) -> bool {
    is_epoch(&file.new) && file.hunks.first().is_some_and(|hunk| hunk.new_start == 0)
}

fn is_epoch(side: &Option<Side>) -> bool {
    matches!(side, Some(Side::File { is_epoch: true, .. }))
}

/// How `patch` ranks names that exist: the least is taken.
fn likeness(path: &TreePath) -> (usize, usize, usize) {
    let slashes = path.as_bytes().iter().filter(|byte| **byte == b'/').count();
    (slashes, path.file_name().len(), path.as_bytes().len())
}

fn content(entry: &Entry) -> &[u8] {
    match entry {
        Entry::File { bytes, .. } => bytes,
        Entry::Symlink { target } => target,
        Entry::Directory => b"",
    }
}

fn applied_hunk(place: &Place) -> AppliedHunk {
    AppliedHunk {
        line: place.at + 1,
        offset: place.drift,
        fuzz: place.fuzz,
    }
}

fn without_carriage_returns<'a>(hunk: &Hunk<'a>) -> Hunk<'a> {
    let mut hunk = hunk.clone();
    for line in &mut hunk.lines {
        if let Some(start) = line.bytes.strip_suffix(b"\r\n") {
            line.bytes = Cow::Owned([start, b"\n"].concat());
        } else if let Some(start) = line.bytes.strip_suffix(b"\r") {
            line.bytes = Cow::Owned(start.to_vec());
        }
    }
    hunk
}
