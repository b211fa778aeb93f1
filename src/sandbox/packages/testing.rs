//! A folder in place of a zone, and packages built for it.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};

use super::database::Database;
use super::process::{Process, below};
use crate::hex::hex;

/// What a command answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: i32,
    pub output: String,
    pub errors: String,
}

/// A zone that is a folder.
pub struct Zone {
    pub folder: tempfile::TempDir,
    pub input: String,
    pub environment: Vec<(String, String)>,
    /// Every call that showed layers.
    pub shown: Vec<Vec<String>>,
    /// What the sandbox answers to it.
    pub refusal: Option<String>,
}

pub type Main = fn(&mut Process<'_>, &[String]) -> i32;

impl Zone {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for path in ["opt/local/etc", "opt/local/pkg", "tmp"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        Self {
            folder,
            input: String::new(),
            environment: Vec::new(),
            shown: Vec::new(),
            refusal: None,
        }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        below(self.root(), Path::new(path))
    }

    pub fn database(&self) -> Database {
        Database::new(self.root(), "/opt/local/pkg")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn has(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Runs a command with words that are separated by blanks.
    pub fn run(&mut self, main: Main, words: &str) -> Answer {
        let words: Vec<String> = words.split_whitespace().map(Into::into).collect();
        self.run_words(main, &words)
    }

    pub fn run_words(&mut self, main: Main, words: &[String]) -> Answer {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let environment = self.environment.clone();
        let shown = &mut self.shown;
        let refusal = self.refusal.clone();
        let status = main(
            &mut Process {
                root: self.folder.path(),
                directory: Path::new("/tmp"),
                environment: &|name| {
                    environment
                        .iter()
                        .find(|(n, _)| n == name)
                        .map(|(_, v)| v.clone())
                },
                show_layers: &mut |names| {
                    shown.push(names.iter().map(|n| (*n).to_owned()).collect());
                    refusal.clone().map_or(Ok(()), Err)
                },
                input: &mut Cursor::new(self.input.clone()),
                output: &mut output,
                errors: &mut errors,
            },
            words,
        );
        Answer {
            status,
            output: String::from_utf8(output).unwrap(),
            errors: String::from_utf8(errors).unwrap(),
        }
    }
}

/// A member of an archive to build.
#[derive(Clone)]
pub struct Part {
    pub name: String,
    pub data: Vec<u8>,
    pub mode: u32,
    pub kind: EntryType,
    pub target: String,
}

/// A package to build: metadata and files, in the right order unless a test says otherwise.
#[derive(Clone)]
pub struct Package {
    pub name: String,
    /// Lines of the packing list after `@name` and before `@cwd`.
    pub head: Vec<String>,
    /// Lines of the packing list after `@cwd`.
    pub list: Vec<String>,
    pub metadata: Vec<(String, String)>,
    pub parts: Vec<Part>,
}

pub const BUILD_INFO: &str =
    "OPSYS=SunOS\nOS_VERSION=5.11\nMACHINE_ARCH=x86_64\nPKGTOOLS_VERSION=20091115\n";

impl Package {
    pub fn new(name: &str) -> Self {
        let metadata = [
            ("+COMMENT", format!("A package called {name}\n")),
            ("+DESC", "Long words.\nTwo lines.\n".into()),
            ("+BUILD_INFO", BUILD_INFO.into()),
            ("+SIZE_PKG", "42\n".into()),
            ("+SIZE_ALL", "43\n".into()),
        ];
        Self {
            name: name.into(),
            head: Vec::new(),
            list: Vec::new(),
            metadata: metadata.map(|(n, t)| (n.to_owned(), t)).into(),
            parts: Vec::new(),
        }
    }

    /// Adds a line before `@cwd`.
    pub fn head(mut self, line: &str) -> Self {
        self.head.push(line.into());
        self
    }

    /// Adds a line after `@cwd`.
    pub fn line(mut self, line: &str) -> Self {
        self.list.push(line.into());
        self
    }

    pub fn file(self, path: &str, text: &str) -> Self {
        self.part(path, EntryType::Regular, 0o644, text, "")
    }

    pub fn part(
        mut self,
        path: &str,
        kind: EntryType,
        mode: u32,
        text: &str,
        target: &str,
    ) -> Self {
        self.list.push(path.into());
        if kind == EntryType::Symlink {
            self.list.push(format!("@comment Symlink:{target}"));
        } else {
            use md5::{Digest, Md5};
            self.list
                .push(format!("@comment MD5:{}", hex(&Md5::digest(text))));
        }
        self.extra(path, kind, mode, text, target)
    }

    /// Adds a member that the packing list does not name.
    pub fn extra(
        mut self,
        path: &str,
        kind: EntryType,
        mode: u32,
        text: &str,
        target: &str,
    ) -> Self {
        self.parts.push(Part {
            name: path.into(),
            data: text.into(),
            mode,
            kind,
            target: target.into(),
        });
        self
    }

    /// Sets a metadata file, at its place in the order.
    pub fn metadata(mut self, name: &str, text: &str) -> Self {
        self.metadata.retain(|(n, _)| n != name);
        self.metadata.push((name.into(), text.into()));
        let order = super::archive::METADATA;
        self.metadata
            .sort_by_key(|(n, _)| order.iter().position(|o| o == n));
        self
    }

    /// Adds lines to `+BUILD_INFO`.
    pub fn built(self, lines: &str) -> Self {
        self.metadata("+BUILD_INFO", &format!("{BUILD_INFO}{lines}"))
    }

    pub fn without(mut self, name: &str) -> Self {
        self.metadata.retain(|(n, _)| n != name);
        self
    }

    pub fn contents(&self) -> String {
        let mut lines = vec![format!("@name {}", self.name)];
        lines.extend(self.head.clone());
        lines.push("@cwd /opt/local".into());
        lines.extend(self.list.clone());
        lines.iter().map(|l| format!("{l}\n")).collect()
    }

    pub fn tar(&self) -> Vec<u8> {
        let mut members = vec![Part {
            name: "+CONTENTS".into(),
            data: self.contents().into(),
            mode: 0o644,
            kind: EntryType::Regular,
            target: String::new(),
        }];
        members.extend(self.metadata.iter().map(|(name, text)| Part {
            name: name.clone(),
            data: text.clone().into(),
            mode: 0o644,
            kind: EntryType::Regular,
            target: String::new(),
        }));
        members.extend(self.parts.clone());
        tar_of(&members)
    }

    pub fn bytes(&self) -> Vec<u8> {
        gzip(&self.tar())
    }

    /// Puts the package into `/tmp/NAME.tgz`.
    pub fn put(&self, zone: &Zone) -> String {
        let path = format!("/tmp/{}.tgz", self.name);
        fs::write(zone.path(&path), self.bytes()).unwrap();
        path
    }
}

pub fn tar_of(members: &[Part]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for part in members {
        let mut header = Header::new_gnu();
        header.set_mode(part.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_entry_type(part.kind);
        header.set_size(part.data.len() as u64);
        if part.kind == EntryType::Regular {
            builder
                .append_data(&mut header, &part.name, part.data.as_slice())
                .unwrap();
        } else {
            builder
                .append_link(&mut header, &part.name, &part.target)
                .unwrap();
        }
    }
    builder.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
