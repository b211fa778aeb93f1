//! A patch file as what it says about each file: names, modes and hunks.
//!
//! Whatever is not part of a diff is passed over, commit messages above all; but what looks like the
//! rest of a hunk after its counts are used up is an error, for it would silently be lost.

use std::borrow::Cow;

use super::header::{Side, diff_git_names, name_and_time, unquoted};

/// What one patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FilePatch<'a> {
    /// Where it starts in the patch, counted from 1.
    pub line: usize,
    /// `--- NAME`
    pub old: Option<Side>,
    /// `+++ NAME`
    pub new: Option<Side>,
    /// `Index: NAME`
    pub index: Option<Vec<u8>>,
    /// What follows `diff --git`; it is ambiguous where names hold spaces.
    pub git: Option<GitHeader>,
    /// Whether the header lines end in CR LF, so that the whole patch was converted.
    pub is_crlf: bool,
    pub hunks: Vec<Hunk<'a>>,
}

/// The extended header lines of git.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct GitHeader {
    /// The names on the `diff --git` line.
    pub names: Option<(Vec<u8>, Vec<u8>)>,
    pub old_mode: Option<u32>,
    pub new_mode: Option<u32>,
    pub is_new: bool,
    pub is_deleted: bool,
    /// `rename from` and `copy from`, without the prefix `a/`.
    pub from: Option<Vec<u8>>,
    pub to: Option<Vec<u8>>,
    pub is_copy: bool,
}

impl GitHeader {
    fn says_something(&self) -> bool {
        self.is_new || self.is_deleted || self.from.is_some() || self.new_mode.is_some()
    }
}

/// One `@@` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk<'a> {
    /// As written: from 1, or 0 in an empty file.
    pub old_start: usize,
    pub new_start: usize,
    pub lines: Vec<Line<'a>>,
    /// The hunk as it stands in the patch.
    pub text: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Context,
    Delete,
    Insert,
}

/// A line of a hunk; the bytes include its line ending, where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub kind: Kind,
    pub bytes: Cow<'a, [u8]>,
}

/// Why a patch could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("line {line}: {reason}")]
    Malformed { line: usize, reason: &'static str },
    #[error("line {line}: it changes the binary file `{file}`, which only a text diff can do")]
    Binary { line: usize, file: String },
    #[error("line {line}: it is a context diff; a unified diff is wanted (`diff -u`)")]
    ContextDiff { line: usize },
    #[error("there is no diff in it")]
    Nothing,
}

/// Reads a patch.
pub(super) fn parse(patch: &[u8]) -> Result<Vec<FilePatch<'_>>, ParseError> {
    let mut parser = Parser::new(patch);
    while parser.line().is_some() {
        parser.step()?;
    }
    parser.finish_header();
    match (parser.files.is_empty(), parser.context_diff) {
        (true, Some(line)) => Err(ParseError::ContextDiff { line }),
        (true, None) => Err(ParseError::Nothing),
        (false, _) => Ok(parser.files),
    }
}

struct Parser<'a> {
    patch: &'a [u8],
    /// The byte range of each line, with its ending.
    lines: Vec<(usize, usize)>,
    at: usize,
    header: FilePatch<'a>,
    files: Vec<FilePatch<'a>>,
    context_diff: Option<usize>,
}

impl<'a> Parser<'a> {
    fn new(patch: &'a [u8]) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in patch.split_inclusive(|byte| *byte == b'\n') {
            lines.push((start, start + line.len()));
            start += line.len();
        }
        Self {
            patch,
            lines,
            at: 0,
            header: FilePatch::default(),
            files: Vec::new(),
            context_diff: None,
        }
    }

    /// The line `ahead` of the current one, with its ending.
    fn peek(&self, ahead: usize) -> Option<&'a [u8]> {
        let (start, end) = *self.lines.get(self.at + ahead)?;
        self.patch.get(start..end)
    }

    fn line(&self) -> Option<&'a [u8]> {
        self.peek(0)
    }

    /// What follows `word` on the line `ahead`, without the line ending.
    fn after(&self, ahead: usize, word: &str) -> Option<&'a [u8]> {
        self.peek(ahead)?
            .strip_prefix(word.as_bytes())
            .map(without_ending)
    }

    fn malformed(&self, reason: &'static str) -> ParseError {
        ParseError::Malformed {
            line: self.at + 1,
            reason,
        }
    }

    /// Reads one line outside of hunks, or all hunks of a file.
    fn step(&mut self) -> Result<(), ParseError> {
        if let Some(names) = self.after(0, "diff --git ") {
            self.finish_header();
            let names = diff_git_names(names);
            self.header.git = Some(GitHeader {
                names,
                ..GitHeader::default()
            });
            self.header.line = self.at + 1;
        } else if let Some(name) = self.after(0, "Index: ") {
            self.finish_header();
            self.header.index = Some(name.trim_ascii().to_vec());
            self.header.line = self.at + 1;
        } else if self.is_file_header() {
            return self.file();
        } else if self.is_hunk(0) {
            if self.header.index.is_none() {
                return Err(self.malformed("a hunk without a file name"));
            }
            return self.hunks();
        } else if let Some(file) = self.binary() {
            return Err(ParseError::Binary {
                line: self.at + 1,
                file,
            });
        } else if self.after(0, "*** ").is_some() && self.after(1, "--- ").is_some() {
            self.context_diff.get_or_insert(self.at + 1);
        } else {
            self.extended_header()?;
        }
        self.at += 1;
        Ok(())
    }

    fn is_file_header(&self) -> bool {
        self.after(0, "--- ").is_some() && self.after(1, "+++ ").is_some() && self.is_hunk(2)
    }

    fn is_hunk(&self, ahead: usize) -> bool {
        self.after(ahead, "@@ -").is_some()
    }

    /// The name of a binary file that the patch wants to change, whose bytes it may not even hold.
    fn binary(&self) -> Option<String> {
        let line = without_ending(self.line()?);
        let named = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        if line == b"GIT binary patch" {
            let pair = self.header.git.as_ref().and_then(|git| git.names.as_ref());
            return Some(pair.map_or_else(String::new, |(_, new)| named(new)));
        }
        let files = line
            .strip_prefix(b"Binary files ")?
            .strip_suffix(b" differ")?;
        Some(named(files))
    }

    fn extended_header(&mut self) -> Result<(), ParseError> {
        let Some(line) = self.line().map(without_ending) else {
            return Ok(());
        };
        let bad = self.malformed("not a file mode");
        let Some(git) = &mut self.header.git else {
            return Ok(());
        };
        let mode = |digits: &[u8]| octal(digits).ok_or(bad);
        if let Some(digits) = line.strip_prefix(b"old mode ") {
            git.old_mode = Some(mode(digits)?);
        } else if let Some(digits) = line.strip_prefix(b"new mode ") {
            git.new_mode = Some(mode(digits)?);
        } else if let Some(digits) = line.strip_prefix(b"new file mode ") {
            (git.is_new, git.new_mode) = (true, Some(mode(digits)?));
        } else if let Some(digits) = line.strip_prefix(b"deleted file mode ") {
            (git.is_deleted, git.old_mode) = (true, Some(mode(digits)?));
        } else if let Some(name) = line.strip_prefix(b"rename from ") {
            git.from = Some(unquoted(name));
        } else if let Some(name) = line.strip_prefix(b"rename to ") {
            git.to = Some(unquoted(name));
        } else if let Some(name) = line.strip_prefix(b"copy from ") {
            (git.from, git.is_copy) = (Some(unquoted(name)), true);
        } else if let Some(name) = line.strip_prefix(b"copy to ") {
            git.to = Some(unquoted(name));
        }
        Ok(())
    }

    /// Ends a git header that no hunks follow: a rename, a mode, an empty file.
    fn finish_header(&mut self) {
        let header = std::mem::take(&mut self.header);
        if header.git.as_ref().is_some_and(GitHeader::says_something) {
            self.files.push(header);
        }
    }

    fn file(&mut self) -> Result<(), ParseError> {
        let bad = self.malformed("a file name that cannot be read");
        let (Some(old), Some(new)) = (self.after(0, "--- "), self.after(1, "+++ ")) else {
            return Err(bad);
        };
        self.header.is_crlf = self.line().is_some_and(|line| line.ends_with(b"\r\n"));
        self.header.old = Some(name_and_time(old).ok_or(bad.clone())?);
        self.header.new = Some(name_and_time(new).ok_or(bad)?);
        if self.header.git.is_none() {
            self.header.line = self.at + 1;
        }
        self.at += 2;
        self.hunks()
    }

    fn hunks(&mut self) -> Result<(), ParseError> {
        let mut file = std::mem::take(&mut self.header);
        while self.is_hunk(0) {
            file.hunks.push(self.hunk()?);
        }
        if let Some(line) = self.line() {
            // `-- ` opens the signature that git puts under a mail.
            let is_mail_signature = without_ending(line) == b"-- " || without_ending(line) == b"--";
            let is_change = line.starts_with(b"+") || line.starts_with(b"-");
            if is_change && !is_mail_signature && !self.is_file_header() {
                return Err(self.malformed("the hunk has more lines than its header says"));
            }
        }
        self.files.push(file);
        Ok(())
    }

    fn hunk(&mut self) -> Result<Hunk<'a>, ParseError> {
        let first = self.at;
        let header = self.after(0, "@@ -").and_then(hunk_header);
        let Some((old, new)) = header else {
            return Err(self.malformed("a hunk header that cannot be read"));
        };
        self.at += 1;
        let (mut old_left, mut new_left) = (old.1, new.1);
        let mut lines: Vec<Line<'a>> = Vec::new();
        while old_left > 0 || new_left > 0 || self.after(0, "\\ ").is_some() {
            let Some(line) = self.line() else {
                return Err(self.malformed("the patch ends within a hunk"));
            };
            if line.starts_with(b"\\ ") {
                drop_ending(lines.last_mut());
                self.at += 1;
                continue;
            }
            let (kind, bytes) = self.hunk_line(line)?;
            let (of_old, of_new) = (kind != Kind::Insert, kind != Kind::Delete);
            if (of_old && old_left == 0) || (of_new && new_left == 0) {
                return Err(self.malformed("the hunk's lines do not fit the counts of its header"));
            }
            old_left -= usize::from(of_old);
            new_left -= usize::from(of_new);
            lines.push(Line { kind, bytes });
            self.at += 1;
        }
        let range = |index: usize| self.lines.get(index).copied().unwrap_or_default();
        let text = self
            .patch
            .get(range(first).0..range(self.at - 1).1)
            .unwrap_or_default();
        Ok(Hunk {
            old_start: old.0,
            new_start: new.0,
            lines,
            text,
        })
    }

    fn hunk_line(&self, line: &'a [u8]) -> Result<(Kind, Cow<'a, [u8]>), ParseError> {
        // Mail programs and editors strip the blank of an empty context line.
        if line == b"\n" || line == b"\r\n" {
            return Ok((Kind::Context, Cow::Borrowed(line)));
        }
        let kind = match line.first() {
            Some(b' ') => Kind::Context,
            Some(b'-') => Kind::Delete,
            Some(b'+') => Kind::Insert,
            _ => return Err(self.malformed("not a line of a hunk")),
        };
        let bytes = line.get(1..).unwrap_or_default();
        // A line of the file that lacks its ending is followed by the `\` line.
        if !bytes.ends_with(b"\n") {
            return Err(self.malformed("the patch ends within a line"));
        }
        Ok((kind, Cow::Borrowed(bytes)))
    }
}

fn drop_ending(line: Option<&mut Line<'_>>) {
    if let Some(line) = line {
        let bytes = line
            .bytes
            .strip_suffix(b"\n")
            .unwrap_or(&line.bytes)
            .to_vec();
        line.bytes = Cow::Owned(bytes);
    }
}

/// A line without LF or CR LF.
pub(super) fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `12,3 +14 @@ …` after `@@ -`: start and length of both sides.
fn hunk_header(rest: &[u8]) -> Option<((usize, usize), (usize, usize))> {
    let rest = str::from_utf8(rest.get(..end_of_ranges(rest)?)?).ok()?;
    let (old, new) = rest.split_once(" +")?;
    Some((range(old)?, range(new)?))
}

fn end_of_ranges(rest: &[u8]) -> Option<usize> {
    rest.windows(3).position(|window| window == b" @@")
}

fn range(text: &str) -> Option<(usize, usize)> {
    match text.split_once(',') {
        Some((start, length)) => Some((number(start)?, number(length)?)),
        None => Some((number(text)?, 1)),
    }
}

/// Digits only; lines beyond 2^31 are a mistake, and sums of them must not overflow.
fn number(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value: u32 = if is_number {
        digits.parse().ok()?
    } else {
        return None;
    };
    usize::try_from(value).ok().filter(|value| *value < 1 << 31)
}

fn octal(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(str::from_utf8(digits).ok()?.trim(), 8).ok()
}
