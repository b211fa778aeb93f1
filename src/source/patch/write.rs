//! Writes a unified diff of two versions of files, which `patch` and git read as well.
//!
//! The text is the same for the same files: no times, three lines of context, and after the `@@` the
//! last line above that begins like a function, as `diff -p` puts it.

use flickzeug::{DiffOptions, Hunk, Line, LineEnd};

use super::locate::lines_of;
use crate::source::tree::TreePath;

/// How many lines of context there are around a change.
const CONTEXT: usize = 3;

/// How much of a function's line is repeated.
const HEADING: usize = 40;

/// A file on one side of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side<'a> {
    pub bytes: &'a [u8],
    pub executable: bool,
}

/// The words in front of a file's name on either side, as in `a/` and `b/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefixes {
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

impl Prefixes {
    /// Prefixes with so many components, which `strip` drops again.
    #[must_use]
    pub fn of_strip(strip: u32) -> Self {
        let with = |first: &[u8]| {
            let mut prefix = Vec::new();
            for index in 0..strip {
                prefix.extend_from_slice(if index == 0 { first } else { b"x" });
                prefix.push(b'/');
            }
            prefix
        };
        Self {
            old: with(b"a"),
            new: with(b"b"),
        }
    }
}

/// The diff that makes `new` of `old`; `None` stands for no file. Empty where they are the same.
#[must_use]
pub fn file_diff(
    path: &TreePath,
    old: Option<Side<'_>>,
    new: Option<Side<'_>>,
    prefixes: &Prefixes,
) -> Vec<u8> {
    if old == new {
        return Vec::new();
    }
    let named = |prefix: &[u8]| [prefix, path.as_bytes()].concat();
    let (old_name, new_name) = (named(&prefixes.old), named(&prefixes.new));
    let mut out = Vec::new();
    let mode = |side: Side<'_>| if side.executable { "100755" } else { "100644" };
    let extended = match (old, new) {
        (None, Some(new)) => format!("new file mode {}\n", mode(new)),
        (Some(old), None) => format!("deleted file mode {}\n", mode(old)),
        (Some(old), Some(new)) if old.executable != new.executable => {
            format!("old mode {}\nnew mode {}\n", mode(old), mode(new))
        }
        _ => String::new(),
    };
    if !extended.is_empty() {
        out.extend_from_slice(b"diff --git ");
        out.extend(quoted(&old_name));
        out.push(b' ');
        out.extend(quoted(&new_name));
        out.push(b'\n');
        out.extend_from_slice(extended.as_bytes());
    }
    let bytes = |side: Option<Side<'_>>| side.map_or::<Vec<u8>, _>(Vec::new(), |s| s.bytes.into());
    let (before, after) = (bytes(old), bytes(new));
    if before == after {
        return out;
    }
    let header = |mark: &[u8], is_there: bool, name: &[u8], out: &mut Vec<u8>| {
        out.extend_from_slice(mark);
        out.push(b' ');
        out.extend(if is_there {
            in_header(name)
        } else {
            b"/dev/null".to_vec()
        });
        out.push(b'\n');
    };
    header(b"---", old.is_some(), &old_name, &mut out);
    header(b"+++", new.is_some(), &new_name, &mut out);
    write_hunks(&before, &after, &mut out);
    out
}

/// The lines of git that say that `path` is what `from` was.
#[must_use]
pub fn file_header(
    from: &TreePath,
    path: &TreePath,
    is_copy: bool,
    prefixes: &Prefixes,
) -> Vec<u8> {
    let named = |prefix: &[u8], path: &TreePath| quoted(&[prefix, path.as_bytes()].concat());
    let word: &[u8] = if is_copy { b"copy" } else { b"rename" };
    // these lack the first component, which git puts there itself
    let below = |prefix: &[u8]| {
        let slash = prefix.iter().position(|byte| *byte == b'/');
        slash.map_or_else(Vec::new, |slash| {
            prefix.get(slash + 1..).unwrap_or_default().to_vec()
        })
    };
    let parts: [&[u8]; 13] = [
        b"diff --git ",
        &named(&prefixes.old, from),
        b" ",
        &named(&prefixes.new, path),
        b"\n",
        word,
        b" from ",
        &named(&below(&prefixes.old), from),
        b"\n",
        word,
        b" to ",
        &named(&below(&prefixes.new), path),
        b"\n",
    ];
    parts.concat()
}

/// What follows [`file_header`] where the content differs too.
#[must_use]
pub fn renamed_diff(
    (from, path): (&TreePath, &TreePath),
    old: Side<'_>,
    new: Side<'_>,
    prefixes: &Prefixes,
) -> Vec<u8> {
    if old.bytes == new.bytes {
        return Vec::new();
    }
    let named = |prefix: &[u8], path: &TreePath| in_header(&[prefix, path.as_bytes()].concat());
    let mut out = [
        b"--- ",
        &named(&prefixes.old, from)[..],
        b"\n+++ ",
        &named(&prefixes.new, path),
        b"\n",
    ]
    .concat();
    write_hunks(old.bytes, new.bytes, &mut out);
    out
}

fn write_hunks(before: &[u8], after: &[u8], out: &mut Vec<u8>) {
    let mut options = DiffOptions::new();
    options.set_context_len(CONTEXT);
    let lines = lines_of(before);
    for hunk in options.create_patch_bytes(before, after).hunks() {
        write_hunk(hunk, &lines, out);
    }
}

fn write_hunk(hunk: &Hunk<'_, [u8]>, old: &[&[u8]], out: &mut Vec<u8>) {
    let (before, after) = (hunk.old_range(), hunk.new_range());
    let range = |start: usize, length: usize| match length {
        1 => start.to_string(),
        _ => format!("{start},{length}"),
    };
    let old_range = range(before.start(), before.len());
    let new_range = range(after.start(), after.len());
    out.extend_from_slice(format!("@@ -{old_range} +{new_range} @@").as_bytes());
    let above = old.get(..before.start().saturating_sub(1));
    if let Some(heading) = heading(above.unwrap_or_default()) {
        out.push(b' ');
        out.extend_from_slice(heading);
    }
    out.push(b'\n');
    for line in hunk.lines() {
        let (mark, (text, end)) = match line {
            Line::Context(line) => (b' ', line),
            Line::Delete(line) => (b'-', line),
            Line::Insert(line) => (b'+', line),
        };
        out.push(mark);
        out.extend_from_slice(text);
        out.extend_from_slice(match end {
            Some(LineEnd::CrLf) => b"\r\n",
            Some(LineEnd::Lf) => b"\n",
            None => b"\n\\ No newline at end of file\n",
        });
    }
}

/// The last line that begins as a function's does.
fn heading<'a>(above: &[&'a [u8]]) -> Option<&'a [u8]> {
    let begins = |line: &&&[u8]| {
        let first = line.first();
        first.is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$".contains(byte))
    };
    let line = above.iter().rev().find(begins)?.trim_ascii_end();
    let mut end = line.len().min(HEADING);
    while end > 0 && line.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    line.get(..end).map(<[u8]>::trim_ascii_end)
}

/// A name as git writes it: in quotes where it holds what a line cannot.
fn quoted(name: &[u8]) -> Vec<u8> {
    let is_plain =
        |byte: &u8| !byte.is_ascii_control() && byte.is_ascii() && !b"\"\\".contains(byte);
    if name.iter().all(is_plain) {
        return name.to_vec();
    }
    let mut out = vec![b'"'];
    for byte in name {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte if is_plain(byte) => out.push(*byte),
            byte => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    out.push(b'"');
    out
}

/// The same after `---`, where a name with blanks must be told from what follows it.
fn in_header(name: &[u8]) -> Vec<u8> {
    let mut out = quoted(name);
    if name.contains(&b' ') && out.first() != Some(&b'"') {
        out.push(b'\t');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::apply;
    use super::*;
    use crate::source::tree::{Entry, Tree};

    fn path(name: &str) -> TreePath {
        TreePath::parse(name.as_bytes()).unwrap()
    }

    fn side(text: &str) -> Option<Side<'_>> {
        Some(Side {
            bytes: text.as_bytes(),
            executable: false,
        })
    }

    #[test]
    fn a_change_is_written_as_diff_writes_it() {
        let old = "int main(void)\n{\n  a;\n  b;\n  c;\n  d;\n  e;\n}\n";
        let new = old.replace("  e;\n", "  E;\n");
        let diff = file_diff(&path("x.c"), side(old), side(&new), &Prefixes::of_strip(1));
        assert_eq!(
            String::from_utf8(diff).unwrap(),
            "--- a/x.c\n+++ b/x.c\n@@ -4,5 +4,5 @@ int main(void)\n   b;\n   c;\n   d;\n-  e;\n+  E;\n }\n"
        );
        let same = file_diff(&path("x.c"), side(old), side(old), &Prefixes::of_strip(1));
        assert!(same.is_empty());
    }

    /// Whatever is written gives the new file back, also where lines lack their ends.
    #[test]
    fn what_is_written_applies_to_the_old_and_gives_the_new() {
        let texts = [
            None,
            Some(""),
            Some("a"),
            Some("a\n"),
            Some("a\r\n"),
            Some("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk"),
            Some("A\nb\nc\nd\ne\nf\ng\nh\ni\nj\nK\n"),
            Some("a\nb\r\nc\nd\n--- x\n+++ y\nh\n"),
        ];
        for name in ["x", "a b/c", "tab\tand\"quote", "\u{e9}\\"] {
            for old in texts {
                for new in texts {
                    for executable in [false, true] {
                        let new = new.map(|text| Side {
                            bytes: text.as_bytes(),
                            executable,
                        });
                        let old = old.and_then(side);
                        let diff = file_diff(&path(name), old, new, &Prefixes::of_strip(1));
                        if old == new {
                            assert!(diff.is_empty());
                            continue;
                        }
                        let mut tree = Tree::new();
                        if let Some(old) = old {
                            tree.insert(path(name), Entry::file(old.bytes.to_vec(), false))
                                .unwrap();
                        }
                        let shown = String::from_utf8_lossy(&diff).into_owned();
                        apply(&mut tree, "t", &diff, 1, 0)
                            .unwrap_or_else(|error| panic!("{error}\n{shown}"));
                        let made = tree.get(&path(name)).map(|entry| match entry {
                            Entry::File { bytes, executable } => (bytes.to_vec(), *executable),
                            other => panic!("{}", other.kind()),
                        });
                        let wanted = new.map(|new| (new.bytes.to_vec(), new.executable));
                        assert_eq!(made, wanted, "{shown}");
                    }
                }
            }
        }
    }
}
