//! A source tree in memory: what archives unpack into and patches change.
//!
//! Nothing in it can point out of it. A [`TreePath`] cannot hold `..` or a leading `/`, an entry
//! never lies below a symbolic link, and [`Tree::check_links`] follows every link through the
//! other links, for `up/..` means something else once `up` is a link.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map::Iter;
use std::fmt;
use std::sync::Arc;

/// How many links are followed in all before a path counts as a loop, as systems count them: of
/// links that each name the one before twice, forty are a million million steps.
const MOST_LINKS: usize = 40;

/// The longest name and the longest target of a link, in bytes: what illumos takes (`PATH_MAX`).
pub const LONGEST_PATH: usize = 1024;

/// A relative path inside a tree: at least one component, none of them `.`, `..` or empty.
///
/// Bytes and not text, for archives hold names in any encoding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<u8>);

/// Why a name cannot be a path of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("it is an absolute path")]
    Absolute,
    #[error("it contains `..`")]
    Parent,
    #[error("it contains a NUL byte")]
    Nul,
    #[error("it is empty")]
    Empty,
    #[error("it has more than {LONGEST_PATH} bytes")]
    TooLong,
}

impl TreePath {
    /// Reads a name as archives and patches write it; `./a//b/` is `a/b`.
    ///
    /// # Errors
    /// [`NameError`] for absolute, empty and overlong names, and those with `..`.
    pub fn parse(name: &[u8]) -> Result<Self, NameError> {
        Self::parse_stripped(name, 0)?.ok_or(NameError::Empty)
    }

    /// Like [`TreePath::parse`], without the first `strip` components; `None` when nothing is left.
    ///
    /// # Errors
    /// [`NameError`] for absolute and overlong names and those with `..`, in the part dropped too.
    pub fn parse_stripped(name: &[u8], strip: u32) -> Result<Option<Self>, NameError> {
        if name.contains(&0) {
            return Err(NameError::Nul);
        }
        if name.starts_with(b"/") {
            return Err(NameError::Absolute);
        }
        if name.len() > LONGEST_PATH {
            return Err(NameError::TooLong);
        }
        let mut kept = Vec::with_capacity(name.len());
        let mut dropped = 0;
        for component in components(name) {
            if component == b".." {
                return Err(NameError::Parent);
            }
            if dropped < strip {
                dropped += 1;
                continue;
            }
            if !kept.is_empty() {
                kept.push(b'/');
            }
            kept.extend_from_slice(component);
        }
        Ok((!kept.is_empty()).then_some(Self(kept)))
    }

    /// The path below this one.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self([&self.0[..], b"/", &below.0[..]].concat())
    }

    /// The folder it lies in, `None` at the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        self.0.get(..slash).map(|parent| Self(parent.to_vec()))
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or(&self.0)
    }

    /// The components, joined by `/`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0))
    }
}

/// A name from an archive or a patch for a message: one line, not too long, and nothing in it that
/// moves a terminal's cursor.
pub(super) fn printable(name: &[u8]) -> String {
    const MOST: usize = 300;
    let text = String::from_utf8_lossy(name);
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            _ if index == MOST => {
                shown.push('…');
                break;
            }
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

impl Borrow<[u8]> for TreePath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The components of a name that say something: neither empty nor `.`.
fn components(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

/// What a path of the tree holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    File {
        bytes: Arc<[u8]>,
        executable: bool,
    },
    Symlink {
        /// As it was written; relative.
        target: Vec<u8>,
    },
    Directory,
}

impl Entry {
    /// A file with these bytes.
    #[must_use]
    pub fn file(bytes: impl Into<Arc<[u8]>>, executable: bool) -> Self {
        Self::File {
            bytes: bytes.into(),
            executable,
        }
    }

    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "a file",
            Self::Symlink { .. } => "a symbolic link",
            Self::Directory => "a folder",
        }
    }
}

/// Why the tree cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("`{path}` lies below `{parent}`, which is {kind}")]
    BelowNoFolder {
        path: TreePath,
        parent: TreePath,
        kind: &'static str,
    },
    #[error("`{path}` is a folder with files in it, and would become {kind}")]
    FolderInTheWay { path: TreePath, kind: &'static str },
    #[error("the symbolic link `{path}` leaves the source tree: it points to `{target}`")]
    LinkLeaves { path: TreePath, target: String },
    #[error(
        "the symbolic link `{path}` leads in a circle, or through more than {MOST_LINKS} links"
    )]
    LinkLoop { path: TreePath },
    #[error("the symbolic link `{path}` has a target of more than {LONGEST_PATH} bytes")]
    LongTarget { path: TreePath },
}

/// A source tree. Cloning it is cheap: the contents are shared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: BTreeMap<TreePath, Entry>,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `path` holds; links are not followed.
    #[must_use]
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All entries, each folder before what it holds, otherwise in the order of bytes.
    pub fn iter(&self) -> Iter<'_, TreePath, Entry> {
        self.entries.iter()
    }

    /// How many entries there are, folders included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts an entry, with the folders above it; what was there before is replaced, except that a
    /// folder stays a folder with what it holds.
    ///
    /// # Errors
    /// [`TreeError`] when a parent is no folder, or a filled folder would be replaced by something
    /// else.
    pub fn insert(&mut self, path: TreePath, entry: Entry) -> Result<(), TreeError> {
        self.make_parents(&path)?;
        let is_filled = entry != Entry::Directory && self.holds_something(&path);
        if is_filled {
            return Err(TreeError::FolderInTheWay {
                path,
                kind: entry.kind(),
            });
        }
        self.entries.insert(path, entry);
        Ok(())
    }

    /// Removes an entry, and the folders above it that are empty then, as `patch` does. A folder that
    /// holds something stays.
    pub fn remove(&mut self, path: &TreePath) -> Option<Entry> {
        if self.holds_something(path) {
            return None;
        }
        let removed = self.entries.remove(path)?;
        let mut above = path.parent();
        while let Some(folder) = above {
            if self.holds_something(&folder) {
                break;
            }
            self.entries.remove(&folder);
            above = folder.parent();
        }
        Some(removed)
    }

    /// Puts a whole tree below the folder `into`.
    ///
    /// # Errors
    /// [`TreeError`] when something of this tree is in the way.
    pub fn graft(&mut self, into: &TreePath, other: Self) -> Result<(), TreeError> {
        for (path, entry) in other.entries {
            self.insert(into.join(&path), entry)?;
        }
        Ok(())
    }

    /// Whether anything lies below `folder`.
    fn holds_something(&self, folder: &TreePath) -> bool {
        let below = TreePath([&folder.0[..], b"/"].concat());
        self.entries
            .range::<TreePath, _>(&below..)
            .next()
            .is_some_and(|(path, _)| path.0.starts_with(&below.0))
    }

    fn make_parents(&mut self, path: &TreePath) -> Result<(), TreeError> {
        let Some(parent) = path.parent() else {
            return Ok(());
        };
        match self.entries.get(&parent) {
            Some(Entry::Directory) => Ok(()),
            Some(other) => Err(TreeError::BelowNoFolder {
                path: path.clone(),
                parent,
                kind: other.kind(),
            }),
            None => {
                self.make_parents(&parent)?;
                self.entries.insert(parent, Entry::Directory);
                Ok(())
            }
        }
    }

    /// Follows every symbolic link to its end.
    ///
    /// # Errors
    /// [`TreeError`] for the first link, in the order of paths, that leaves the tree or leads in a
    /// circle. A link to something that is not there is fine: a build may make it.
    pub fn check_links(&self) -> Result<(), TreeError> {
        let mut known = BTreeMap::new();
        for (path, entry) in &self.entries {
            let Entry::Symlink { target } = entry else {
                continue;
            };
            self.end_of(path, target, &mut known, MOST_LINKS)
                .map_err(|stop| match stop {
                    Stop::Leaves => TreeError::LinkLeaves {
                        path: path.clone(),
                        target: printable(target),
                    },
                    Stop::Loop => TreeError::LinkLoop { path: path.clone() },
                    Stop::Long => TreeError::LongTarget { path: path.clone() },
                })?;
        }
        Ok(())
    }

    /// Where the link at `path` leads, through links on the way; `known` are those followed before.
    fn end_of<'t>(
        &'t self,
        path: &'t TreePath,
        target: &[u8],
        known: &mut BTreeMap<&'t TreePath, End>,
        depth: usize,
    ) -> Result<End, Stop> {
        if let Some(end) = known.get(path) {
            return Ok(end.clone());
        }
        if target.starts_with(b"/") {
            return Err(Stop::Leaves);
        }
        if target.len() > LONGEST_PATH {
            return Err(Stop::Long);
        }
        let depth = depth.checked_sub(1).ok_or(Stop::Loop)?;
        let mut end = End {
            at: path.parent().map_or_else(Vec::new, |parent| parent.0),
            links: 1,
        };
        for component in components(target) {
            if component == b".." {
                if end.at.is_empty() {
                    return Err(Stop::Leaves);
                }
                let slash = end.at.iter().rposition(|byte| *byte == b'/');
                end.at.truncate(slash.unwrap_or(0));
                continue;
            }
            if !end.at.is_empty() {
                end.at.push(b'/');
            }
            end.at.extend_from_slice(component);
            if let Some((link, Entry::Symlink { target })) =
                self.entries.get_key_value(end.at.as_slice())
            {
                let next = self.end_of(link, target, known, depth)?;
                end.at = next.at;
                end.links += next.links;
                if end.links > MOST_LINKS {
                    return Err(Stop::Loop);
                }
            }
        }
        known.insert(path, end.clone());
        Ok(end)
    }
}

/// Where a link leads.
#[derive(Debug, Clone)]
struct End {
    /// The path, which may hold nothing; empty at the root.
    at: Vec<u8>,
    /// How many links were followed, itself included.
    links: usize,
}

/// Why following a link came to nothing.
enum Stop {
    Leaves,
    Loop,
    Long,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> TreePath {
        TreePath::parse(name.as_bytes()).unwrap()
    }

    fn link(target: &str) -> Entry {
        Entry::Symlink {
            target: target.as_bytes().to_vec(),
        }
    }

    #[test]
    fn names_are_normalised_or_refused() {
        type Case<'a> = (&'a str, u32, Result<Option<&'a str>, NameError>);
        let (long, longer) = ("n".repeat(1024), "n".repeat(1025));
        let table: &[Case] = &[
            ("a/b", 0, Ok(Some("a/b"))),
            ("./a//b/", 0, Ok(Some("a/b"))),
            ("a/b", 1, Ok(Some("b"))),
            ("./a/b", 1, Ok(Some("b"))),
            ("a/b", 2, Ok(None)),
            ("a", 9, Ok(None)),
            ("", 0, Ok(None)),
            (".", 0, Ok(None)),
            ("/a", 0, Err(NameError::Absolute)),
            ("/a/b", 1, Err(NameError::Absolute)),
            ("a/../b", 0, Err(NameError::Parent)),
            ("../a", 1, Err(NameError::Parent)),
            ("a/..", 0, Err(NameError::Parent)),
            ("..a/b..", 0, Ok(Some("..a/b.."))),
            ("a\0b", 0, Err(NameError::Nul)),
            ("with space/+\"q\"\n", 0, Ok(Some("with space/+\"q\"\n"))),
            (&long, 0, Ok(Some(&long))),
            (&longer, 0, Err(NameError::TooLong)),
            (&longer, 1, Err(NameError::TooLong)),
        ];
        for (name, strip, want) in table {
            let got = TreePath::parse_stripped(name.as_bytes(), *strip);
            assert_eq!(
                got,
                want.map(|path| path.map(self::path)),
                "{name} strip {strip}"
            );
        }
    }

    #[test]
    fn links_are_followed_through_links() {
        let table: &[(&[(&str, &str)], bool)] = &[
            (&[("a", "b")], true),
            (&[("d/a", "../b")], true),
            (&[("d/a", "..")], true),
            (&[("a", "..")], false),
            (&[("a", "/etc")], false),
            (&[("d/a", "../../b")], false),
            (&[("d/a", "missing/../..")], true),
            (&[("d/a", "missing/../../..")], false),
            // Read as text, `up/../x` stays in `d`; through the link it does not.
            (&[("d/up", ".."), ("d/a", "up/../x")], false),
            (&[("d/e/up", "../.."), ("d/a", "e/up/x")], true),
            (&[("d/e/up", "../.."), ("a", "d/e/up/../x")], false),
            (&[("a", "b"), ("b", "c"), ("c", "../x")], false),
            (&[("a", "b"), ("b", "a")], false),
            (&[("a", "a")], false),
        ];
        for (links, is_fine) in table {
            let mut tree = Tree::new();
            for (name, target) in *links {
                tree.insert(path(name), link(target)).unwrap();
            }
            assert_eq!(tree.check_links().is_ok(), *is_fine, "{links:?}");
        }
    }

    #[test]
    fn links_that_multiply_are_a_circle_and_long_ones_are_refused() {
        let chain = |last: usize, target: &dyn Fn(usize) -> String| {
            let mut tree = Tree::new();
            tree.insert(path("l0"), link(".")).unwrap();
            for number in 1..=last {
                let name = format!("l{number}");
                tree.insert(path(&name), link(&target(number - 1))).unwrap();
            }
            tree.check_links()
        };
        let once = |before: usize| format!("l{before}");
        assert_eq!(chain(39, &once), Ok(()));
        assert!(matches!(chain(40, &once), Err(TreeError::LinkLoop { .. })));
        let twice = |before: usize| format!("l{before}/l{before}");
        // 1, 3, 7, 15, 31, 63 links
        assert_eq!(chain(4, &twice), Ok(()));
        assert!(matches!(chain(5, &twice), Err(TreeError::LinkLoop { .. })));
        assert!(chain(39, &twice).is_err());
        assert_eq!(chain(1, &|_| "x".repeat(1024)), Ok(()));
        let long = chain(1, &|_| "x".repeat(1025));
        assert!(matches!(long, Err(TreeError::LongTarget { .. })));
    }

    #[test]
    fn names_are_shown_on_one_line_without_control_characters() {
        assert_eq!(path("a\n\u{1b}[2J ü").to_string(), "a\\n\\u{1b}[2J ü");
        assert_eq!(path(&"n".repeat(1000)).to_string().chars().count(), 301);
    }

    #[test]
    fn nothing_lies_below_a_file_or_a_link() {
        let mut tree = Tree::new();
        tree.insert(path("f"), Entry::file(*b"x", false)).unwrap();
        tree.insert(path("l"), link("d")).unwrap();
        for below in ["f/x", "l/x", "l/x/y"] {
            let error = tree.insert(path(below), Entry::Directory).unwrap_err();
            assert!(matches!(error, TreeError::BelowNoFolder { .. }), "{error}");
        }
    }

    #[test]
    fn a_filled_folder_is_not_replaced_and_an_empty_one_is() {
        let mut tree = Tree::new();
        tree.insert(path("d/x"), Entry::file(*b"x", false)).unwrap();
        tree.insert(path("d-e"), Entry::Directory).unwrap();
        assert!(tree.insert(path("d"), link("x")).is_err());
        tree.insert(path("d-e"), Entry::file(*b"", true)).unwrap();
        tree.insert(path("d"), Entry::Directory).unwrap();
        assert!(tree.get(&path("d/x")).is_some());
    }

    #[test]
    fn removing_the_last_file_removes_the_folders_above() {
        let mut tree = Tree::new();
        tree.insert(path("a/b/c"), Entry::file(*b"x", false))
            .unwrap();
        tree.insert(path("a/b-c"), Entry::file(*b"x", false))
            .unwrap();
        tree.remove(&path("a/b/c"));
        assert_eq!(tree.get(&path("a/b")), None);
        assert!(tree.get(&path("a/b-c")).is_some());
        // a folder goes when nothing is in it
        assert_eq!(tree.remove(&path("a")), None);
        assert_eq!(tree.get(&path("a")), Some(&Entry::Directory));
    }
}
