//! Packing lists (`+CONTENTS`): reading them as `pkg_add` does, and writing them.
//!
//! `pkg_add` warns about a command it does not know and goes on; a strict reader would refuse
//! lists that the real tool installs. Everything is installed below the *first* `@cwd`.

use std::fmt::Write as _;

/// One line of a packing list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A path, relative to the prefix.
    File(String),
    /// `@comment MD5:…` of the file before it.
    Md5(String),
    /// `@comment Symlink:…`: the target of the link before it.
    Symlink(String),
    /// Any other `@comment`.
    Comment(String),
    /// `@name NAME-VERSION`.
    Name(String),
    /// `@cwd DIRECTORY`.
    Directory(String),
    /// `@src DIRECTORY`: only of interest to pkg_create.
    Source(String),
    /// `@pkgdep PATTERN`.
    Depends(String),
    /// `@blddep NAME-VERSION`.
    BuiltWith(String),
    /// `@pkgcfl PATTERN`.
    Conflicts(String),
    /// `@pkgdir PATH`: a directory that is shared and may be empty.
    ManagedDirectory(String),
    /// `@dirrm PATH`.
    RemoveDirectory(String),
    /// `@display FILE`.
    Display(String),
    /// `@exec COMMAND`.
    Execute(String),
    /// `@unexec COMMAND`.
    UndoExecute(String),
    /// `@option WORD`.
    Preference(String),
    /// `@mode M`, without effect in `pkg_add`.
    Mode(String),
    /// `@owner U`, without effect in `pkg_add`.
    Owner(String),
    /// `@group G`, without effect in `pkg_add`.
    Group(String),
    /// `@ignore`: the next line is not installed.
    Ignore,
}

/// A packing list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its lines, in order.
    pub entries: Vec<Entry>,
    /// Lines with a command that is not known.
    pub unknown: Vec<String>,
}

/// A file of a packing list with what was recorded about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Relative to the prefix.
    pub path: &'a str,
    /// The directory in force, by the last `@cwd`.
    pub directory: &'a str,
    /// MD5 in hexadecimal.
    pub md5: Option<&'a str>,
    /// Target of a symbolic link.
    pub symlink: Option<&'a str>,
}

type Make = fn(String) -> Entry;

/// Commands, in the order in which they are tried: a line is told by its beginning.
const COMMANDS: &[(&str, Make)] = &[
    ("cwd", Entry::Directory),
    ("src", Entry::Source),
    ("exec", Entry::Execute),
    ("unexec", Entry::UndoExecute),
    ("mode", Entry::Mode),
    ("owner", Entry::Owner),
    ("group", Entry::Group),
    ("comment", comment),
    ("ignore", |_| Entry::Ignore),
    ("name", Entry::Name),
    ("display", Entry::Display),
    ("pkgdep", Entry::Depends),
    ("pkgcfl", Entry::Conflicts),
    ("pkgdir", Entry::ManagedDirectory),
    ("dirrm", Entry::RemoveDirectory),
    ("option", Entry::Preference),
    ("blddep", Entry::BuiltWith),
];

fn comment(text: String) -> Entry {
    if let Some(md5) = text.strip_prefix("MD5:") {
        Entry::Md5(md5.into())
    } else if let Some(target) = text.strip_prefix("Symlink:") {
        Entry::Symlink(target.into())
    } else {
        Entry::Comment(text)
    }
}

impl Contents {
    /// Reads a packing list.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut contents = Self::default();
        for line in text.lines().map(str::trim_end).filter(|l| !l.is_empty()) {
            let Some(command) = line.strip_prefix('@') else {
                contents.entries.push(Entry::File(line.into()));
                continue;
            };
            match COMMANDS.iter().find(|(word, _)| command.starts_with(word)) {
                Some((word, make)) => {
                    let argument = command.get(word.len()..).unwrap_or("").trim_start();
                    contents.entries.push(make(argument.into()));
                }
                None => contents.unknown.push(line.into()),
            }
        }
        contents
    }

    /// The package's name with its version.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.first(|e| {
            if let Entry::Name(n) = e {
                Some(n)
            } else {
                None
            }
        })
    }

    /// The first `@cwd`.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.first(|e| {
            if let Entry::Directory(d) = e {
                Some(d)
            } else {
                None
            }
        })
    }

    /// The `@pkgdep` patterns.
    pub fn dependencies(&self) -> impl Iterator<Item = &str> {
        self.all(|e| {
            if let Entry::Depends(d) = e {
                Some(d)
            } else {
                None
            }
        })
    }

    /// The `@blddep` names.
    pub fn built_with(&self) -> impl Iterator<Item = &str> {
        self.all(|e| {
            if let Entry::BuiltWith(d) = e {
                Some(d)
            } else {
                None
            }
        })
    }

    /// The `@pkgcfl` patterns.
    pub fn conflicts(&self) -> impl Iterator<Item = &str> {
        self.all(|e| {
            if let Entry::Conflicts(d) = e {
                Some(d)
            } else {
                None
            }
        })
    }

    /// The `@pkgdir` paths.
    pub fn managed_directories(&self) -> impl Iterator<Item = &str> {
        self.all(|e| {
            if let Entry::ManagedDirectory(d) = e {
                Some(d)
            } else {
                None
            }
        })
    }

    /// Lines that are not skipped by an `@ignore` before them.
    pub fn active(&self) -> impl Iterator<Item = &Entry> {
        let mut skip = false;
        self.entries.iter().filter(move |entry| {
            let skipped = std::mem::take(&mut skip);
            skip = !skipped && **entry == Entry::Ignore;
            !skipped && !skip
        })
    }

    /// The files, each with its checksum or link target.
    #[must_use]
    pub fn files(&self) -> Vec<Listed<'_>> {
        let mut files: Vec<Listed<'_>> = Vec::new();
        let mut directory = "";
        let mut is_file_before = false;
        for entry in self.active() {
            let mut is_file = false;
            match entry {
                Entry::Directory(d) => directory = d,
                Entry::File(path) => {
                    files.push(Listed {
                        path,
                        directory,
                        md5: None,
                        symlink: None,
                    });
                    is_file = true;
                }
                Entry::Md5(sum) if is_file_before => {
                    if let Some(file) = files.last_mut() {
                        file.md5 = Some(sum);
                    }
                }
                Entry::Symlink(target) if is_file_before => {
                    if let Some(file) = files.last_mut() {
                        file.symlink = Some(target);
                    }
                }
                _ => {}
            }
            is_file_before = is_file;
        }
        files
    }

    fn first<'a>(&'a self, pick: impl Fn(&'a Entry) -> Option<&'a String>) -> Option<&'a str> {
        self.entries.iter().find_map(pick).map(String::as_str)
    }

    fn all<'a>(
        &'a self,
        pick: impl Fn(&'a Entry) -> Option<&'a String> + 'a,
    ) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter_map(pick).map(String::as_str)
    }

    /// The list as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let (word, argument) = entry.words();
            let _ = match (word, argument) {
                ("", path) => writeln!(text, "{path}"),
                (word, "") => writeln!(text, "@{word}"),
                (word, argument) if word.ends_with(':') => writeln!(text, "@{word}{argument}"),
                (word, argument) => writeln!(text, "@{word} {argument}"),
            };
        }
        text
    }
}

impl Entry {
    /// The command (empty for a file) and its argument.
    #[must_use]
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Self::File(path) => ("", path),
            Self::Md5(sum) => ("comment MD5:", sum),
            Self::Symlink(target) => ("comment Symlink:", target),
            Self::Comment(text) => ("comment", text),
            Self::Name(text) => ("name", text),
            Self::Directory(text) => ("cwd", text),
            Self::Source(text) => ("src", text),
            Self::Depends(text) => ("pkgdep", text),
            Self::BuiltWith(text) => ("blddep", text),
            Self::Conflicts(text) => ("pkgcfl", text),
            Self::ManagedDirectory(text) => ("pkgdir", text),
            Self::RemoveDirectory(text) => ("dirrm", text),
            Self::Display(text) => ("display", text),
            Self::Execute(text) => ("exec", text),
            Self::UndoExecute(text) => ("unexec", text),
            Self::Preference(text) => ("option", text),
            Self::Mode(text) => ("mode", text),
            Self::Owner(text) => ("owner", text),
            Self::Group(text) => ("group", text),
            Self::Ignore => ("ignore", ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "@name foo-1.0
@comment built by hand
@pkgdep zlib>=1.2
@cwd /opt/local
bin/foo
@comment MD5:b1946ac92492d2347c6235b4d2611184
lib/libfoo.so
@comment Symlink:libfoo.so.1
@pkgdir var/foo
@ignore
+COMMENT
";

    #[test]
    fn a_list_is_read_and_written_unchanged() {
        let contents = Contents::parse(LIST);
        assert_eq!(contents.to_text(), LIST);
        assert_eq!(contents.name(), Some("foo-1.0"));
        assert_eq!(contents.prefix(), Some("/opt/local"));
        assert_eq!(contents.dependencies().collect::<Vec<_>>(), ["zlib>=1.2"]);
        assert_eq!(
            contents.managed_directories().collect::<Vec<_>>(),
            ["var/foo"]
        );
    }

    #[test]
    fn files_carry_checksum_and_target_and_ignored_ones_are_left_out() {
        let contents = Contents::parse(LIST);
        let files = contents.files();
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].md5, Some("b1946ac92492d2347c6235b4d2611184"));
        assert_eq!(files[1].symlink, Some("libfoo.so.1"));
        assert_eq!(files[1].md5, None);
    }

    #[test]
    fn commands_are_told_by_their_beginning_and_unknown_ones_kept_apart() {
        let contents = Contents::parse("@cwd/opt\n@bogus x\n@names y  \n@pkgdep  a\n");
        assert_eq!(contents.unknown, ["@bogus x"]);
        assert_eq!(contents.prefix(), Some("/opt"));
        assert_eq!(contents.name(), Some("s y"));
        assert_eq!(contents.dependencies().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_checksum_that_follows_no_file_belongs_to_none() {
        let contents = Contents::parse("@cwd /p\nbin/a\n@pkgdir d\n@comment MD5:00\n");
        assert_eq!(contents.files()[0].md5, None);
    }
}
