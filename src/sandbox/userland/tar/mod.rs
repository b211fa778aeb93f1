//! The platform's `/usr/bin/tar`: `x`, `t` and a plain `c`, with its dangerous exit statuses.
//!
//! An empty stream is status 0, a pax header becomes a junk file, a hard link that fails is only a
//! message: a script that trusts this command must fail here as it would on SmartOS. Everything
//! beyond the letters `f o p B` is refused.

mod create;
mod extract;
mod header;
mod tape;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Streams, below, not_emulated, with_path};
use tape::{Tape, TapeError};

const USAGE: i32 = 1;
const UNREADABLE: i32 = 2;

/// Extracts, lists or makes an archive.
pub fn tar(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    match Request::new(root, args) {
        Ok(request) => request.run(root, streams),
        Err(Refusal::NotEmulated(what)) => not_emulated(streams, "tar", &what),
        Err(Refusal::Usage) => {
            writeln!(
                streams.errors,
                "Usage: tar {{c|r|t|u|x}}[options] [file...]"
            )?;
            Ok(USAGE)
        }
        Err(Refusal::SecondFolder) => {
            writeln!(streams.errors, "tar: extract should have only one -C flag")?;
            Ok(UNREADABLE)
        }
    }
}

/// What the command line asks for.
#[derive(Debug)]
struct Request {
    function: char,
    /// `-` is the stream.
    archive: OsString,
    keeps_own_ids: bool,
    folder: PathBuf,
    names: Vec<OsString>,
}

#[derive(Debug)]
enum Refusal {
    NotEmulated(String),
    Usage,
    SecondFolder,
}

impl Request {
    fn new(root: &Path, args: &[OsString]) -> Result<Self, Refusal> {
        let (keys, rest) = args.split_first().ok_or(Refusal::Usage)?;
        let keys = keys.to_str().ok_or(Refusal::Usage)?;
        let keys = keys.strip_prefix('-').unwrap_or(keys);
        if let Some(other) = keys.chars().find(|key| !"xtcfopB".contains(*key)) {
            return Err(Refusal::NotEmulated(format!("key letter `{other}`")));
        }
        let functions: Vec<char> = keys.chars().filter(|key| "xtc".contains(*key)).collect();
        let [function] = functions.as_slice() else {
            return Err(Refusal::Usage);
        };
        if !keys.contains('f') {
            return Err(Refusal::NotEmulated("a tape drive".to_owned()));
        }
        let (archive, rest) = rest.split_first().ok_or(Refusal::Usage)?;
        let (folder, names) = folder_and_names(root, rest)?;
        if names.iter().any(|name| name == "-C" || name == "-I") {
            return Err(Refusal::NotEmulated("-C or -I between names".to_owned()));
        }
        if folder.is_some() && *function != 'c' && !names.is_empty() {
            // the real one reads a wrong list then
            return Err(Refusal::NotEmulated("-C together with names".to_owned()));
        }
        Ok(Self {
            function: *function,
            archive: archive.clone(),
            keeps_own_ids: keys.contains('o'),
            folder: folder.unwrap_or_default(),
            names: names.to_vec(),
        })
    }

    fn run(&self, root: &Path, streams: &mut Streams) -> io::Result<i32> {
        let is_stream = self.archive == "-";
        if self.function == 'c' {
            if is_stream {
                return create::create(&self.folder, &self.names, streams.output, streams.errors);
            }
            let mut file = self.named(File::create(&self.archive))?;
            return create::create(&self.folder, &self.names, &mut file, streams.errors);
        }
        if is_stream {
            let mut tape = Tape::new(streams.input);
            return finish(
                self.read(root, &mut tape, streams.output, streams.errors),
                streams.errors,
            );
        }
        let mut file = self.named(File::open(&self.archive))?;
        let mut magic = [0; 6];
        let length = file.read(&mut magic)?;
        if is_compressed(magic.get(..length).unwrap_or_default()) {
            return not_emulated(streams, "tar", "a compressed archive");
        }
        let mut whole = magic.get(..length).unwrap_or_default().chain(file);
        let mut tape = Tape::new(&mut whole);
        finish(
            self.read(root, &mut tape, streams.output, streams.errors),
            streams.errors,
        )
    }

    fn named(&self, file: io::Result<File>) -> io::Result<File> {
        file.map_err(|error| with_path(Path::new(&self.archive), &error))
    }

    fn read(
        &self,
        root: &Path,
        tape: &mut Tape,
        output: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> Result<i32, TapeError> {
        let mut extraction = extract::Extraction::new(root, &self.folder, self.keeps_own_ids)?;
        while let Some(entry) = header::next(tape, errors)? {
            if !self.wants(&entry.name) {
                tape.skip(entry.size)?;
            } else if self.function == 't' {
                writeln!(output, "{}", entry.name)?;
                tape.skip(entry.size)?;
            } else {
                extraction.entry(&entry, tape, errors)?;
            }
        }
        extraction.finish()?;
        Ok(extraction.status)
    }

    fn wants(&self, name: &str) -> bool {
        let name = name.trim_end_matches('/');
        self.names.is_empty()
            || self.names.iter().any(|wanted| {
                let wanted = wanted.to_string_lossy();
                let wanted = wanted.trim_end_matches('/');
                name.strip_prefix(wanted)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

/// The folder of a leading `-C`, and what follows.
fn folder_and_names<'a>(
    root: &Path,
    words: &'a [OsString],
) -> Result<(Option<PathBuf>, &'a [OsString]), Refusal> {
    match words {
        [flag, path, rest @ ..] if flag == "-C" => {
            if rest.first().is_some_and(|next| next == "-C") {
                return Err(Refusal::SecondFolder);
            }
            let is_absolute = Path::new(path).is_absolute();
            let below_root = || below(root, &path.to_string_lossy());
            Ok((
                Some(if is_absolute {
                    below_root()
                } else {
                    path.into()
                }),
                rest,
            ))
        }
        names => Ok((None, names)),
    }
}

fn is_compressed(magic: &[u8]) -> bool {
    [&[0x1f, 0x8b][..], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z']]
        .iter()
        .any(|known| magic.starts_with(known))
}

/// How the command ends when the archive cannot be read on.
fn finish(result: Result<i32, TapeError>, errors: &mut dyn Write) -> io::Result<i32> {
    let (message, status) = match result {
        Ok(status) => return Ok(status),
        Err(TapeError::Io(error)) => return Err(error),
        // the one that bites: nothing was extracted and nothing is reported
        Err(TapeError::Empty) => ("tar: blocksize = 0", 0),
        Err(TapeError::End) => ("tar: read error: unexpected EOF", UNREADABLE),
        // (inferred)
        Err(TapeError::Odd) => ("tar: tape blocksize error", 3),
        Err(TapeError::Checksum) => ("tar: directory checksum error", UNREADABLE),
        Err(TapeError::NotEmulated(what)) => {
            writeln!(errors, "tar: {what}: not emulated in the sandbox")?;
            return Ok(super::NOT_EMULATED);
        }
    };
    writeln!(errors, "{message}")?;
    Ok(status)
}

#[cfg(test)]
mod tests;
