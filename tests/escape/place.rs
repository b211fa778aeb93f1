//! A zone of the sandbox with programs that write down what they are given, and a server that writes
//! down what it is asked for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use flate2::{Compression, GzBuilder};
use serde_json::Value;
use zonewright::script::quote;

use super::nasty::canary;
use crate::sandbox::harness::{Ran, Zone};

/// Writes its arguments, each ended by NUL, into a file of its own.
pub const RECORD: &str = r#"#!/usr/bin/bash
[ ! -e /opt/fail ] || exit 1
folder=${RECORD_TO-/var/tmp/checks}
[ -z "${DESTDIR-}" ] || folder=$HOME/record
/usr/bin/mkdir -p "$folder"
n=0
while [ -e "$folder/$n" ]; do n=$((n + 1)); done
printf '%s\0' "$0" "$@" >"$folder/$n"
for variable in ${!E*}; do printf '%s\0' "$variable=${!variable}"; done >"$folder/environment"
pwd >"$folder/pwd"
# what is staged begins with the phase that stages
[ -z "${DESTDIR-}" ] || {
  share=$DESTDIR/opt/local/share/${RECORD_NAME-nobody}
  /usr/bin/mkdir -p "$share" && /usr/bin/cp -R "$folder/." "$share/"
}
"#;

/// Stages a file for each path of a list, with the path in it.
const STAGE: &str = r#"#!/usr/bin/bash
while IFS= read -r -d '' path; do
  /usr/bin/mkdir -p "$DESTDIR${path%/*}" && printf '%s' "$path" >"$DESTDIR$path" || exit 1
done <"/opt/staged/$RECORD_NAME"
"#;

/// Prints its arguments.
const SAY: &str = r#"#!/usr/bin/bash
printf '%s\n' "$@"
"#;

pub struct Place {
    pub zone: Zone,
    pub server: Server,
}

impl Place {
    /// A zone with the programs, and no recipe in it yet. Its site lies where no shell would find it.
    pub fn new(alias: &str) -> Option<Self> {
        let mut zone = Zone::new(alias)?;
        let site = format!("a site; $(touch {}-site) 'ü' #1", canary());
        let site = zone.own(&site);
        std::fs::create_dir_all(site.join("zones")).unwrap();
        zone.site = site;
        zone.run(&["sandbox", "up", alias]).succeeds();
        let place = Self {
            zone,
            server: Server::new(),
        };
        place.program("/opt/record", RECORD);
        place.program("/opt/stage", STAGE);
        place.program("/opt/say", SAY);
        Some(place)
    }

    /// Writes a program into the zone.
    pub fn program(&self, path: &str, text: &str) {
        self.zone.shell(&format!(
            "mkdir -p {folder} && printf %s {text} >{path} && chmod 0755 {path}",
            folder = quote(path.rsplit_once('/').unwrap().0),
            text = quote(text),
            path = quote(path),
        ));
    }

    /// The recorder under other names.
    pub fn recorders<S: AsRef<str>>(&self, paths: &[S]) {
        let words: Vec<String> = paths.iter().map(|path| quote(path.as_ref())).collect();
        self.zone.shell(&format!(
            "for path in {}; do mkdir -p \"${{path%/*}}\" && cp /opt/record \"$path\" || exit 1; done",
            words.join(" ")
        ));
    }

    /// Writes a file of texts, each ended by NUL, into the zone.
    pub fn list<S: AsRef<str>>(&self, path: &str, texts: &[S]) {
        let words: Vec<String> = texts.iter().map(|text| quote(text.as_ref())).collect();
        let folder = path.rsplit_once('/').unwrap().0;
        self.zone.shell(&format!(
            "mkdir -p {folder} && printf '%s\\0' {} >{path}",
            words.join(" ")
        ));
    }

    /// Makes folders in the zone.
    pub fn folders<S: AsRef<str>>(&self, paths: &[S]) {
        let words: Vec<String> = paths.iter().map(|path| quote(path.as_ref())).collect();
        self.zone.shell(&format!("mkdir -p {}", words.join(" ")));
    }

    /// A file of the zone.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let mut all = self.read_all(&[path]);
        all.pop().unwrap()
    }

    /// Files of the zone; what is not there is an error.
    pub fn read_all<S: AsRef<str>>(&self, paths: &[S]) -> Vec<Vec<u8>> {
        let words: Vec<String> = paths.iter().map(|path| quote(path.as_ref())).collect();
        let script = format!(
            "for path in {}; do stat -c %s -- \"$path\" || exit 1; cat -- \"$path\" || exit 1; done | od -An -v -tx1",
            words.join(" ")
        );
        let text = self.zone.shell(&script);
        let bytes: Vec<u8> = text
            .split_whitespace()
            .map(|word| u8::from_str_radix(word, 16).unwrap())
            .collect();
        let mut files = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let size: usize = std::str::from_utf8(&rest[..end]).unwrap().parse().unwrap();
            files.push(rest[end + 1..end + 1 + size].to_vec());
            rest = &rest[end + 1 + size..];
        }
        files
    }

    /// What the recorder wrote into a folder of the zone: one list of arguments a call.
    pub fn recorded(&self, folder: &str) -> Vec<Vec<String>> {
        let count: usize = self
            .zone
            .shell(&format!("cd {} && ls | grep -c '^[0-9]*$'", quote(folder)))
            .trim()
            .parse()
            .unwrap();
        let paths: Vec<String> = (0..count).map(|n| format!("{folder}/{n}")).collect();
        self.read_all(&paths)
            .iter()
            .map(|bytes| ended_by_nul(bytes))
            .collect()
    }

    /// Writes a recipe.
    pub fn recipe(&self, name: &str, recipe: &Value) {
        self.zone
            .write(&format!("recipes/{name}.json"), &recipe.to_string());
    }

    /// Writes the zone file.
    pub fn zone_file(&self, name: &str, zone: &Value) {
        self.zone
            .write(&format!("zones/{name}.json"), &zone.to_string());
    }

    /// That none of the texts was ever taken for a command, neither here nor in the zone.
    pub fn nobody_was_pwned(&self) {
        let canary = canary();
        let (folder, name) = canary.rsplit_once('/').unwrap();
        let here = std::fs::read_dir(folder).unwrap().flatten();
        let here: Vec<PathBuf> = here
            .map(|entry| entry.path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(name)
            })
            .collect();
        assert!(here.is_empty(), "executed here: {here:?}");
        let there = self
            .zone
            .shell(&format!("ls -d {canary}* 2>/dev/null; true"));
        assert_eq!(there, "", "executed in the zone");
    }
}

/// Texts that are each ended by NUL.
pub fn ended_by_nul(bytes: &[u8]) -> Vec<String> {
    let mut texts: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .collect();
    assert_eq!(texts.pop().as_deref(), Some(""));
    texts
}

/// That the output of a command holds nothing that a terminal would act upon.
#[track_caller]
pub fn is_fit_for_a_terminal(ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        let raw = text
            .chars()
            .find(|c| super::desk::is_active(*c) && *c != '\t');
        assert_eq!(raw, None, "{ran}");
    }
}

/// A gzipped tar of files.
pub fn archive(files: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(*mode);
        builder
            .append_data(&mut header, name, text.as_bytes())
            .unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let mut packed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::fast());
    packed.write_all(&tar).unwrap();
    packed.finish().unwrap()
}

/// A web server that gives one archive for `first.tar.gz` and another for everything else, and
/// remembers what it was asked for.
pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    archives: Arc<Mutex<[Vec<u8>; 2]>>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
            archives: Arc::default(),
        };
        let (asked, archives) = (Arc::clone(&server.asked), Arc::clone(&server.archives));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let archives = archives.lock().unwrap().clone();
                if let Some(target) = answer(stream, &archives) {
                    asked.lock().unwrap().push(target);
                }
            }
        });
        server
    }

    /// What it gives from now on.
    pub fn gives(&self, first: Vec<u8>, rest: Vec<u8>) {
        *self.archives.lock().unwrap() = [first, rest];
    }

    /// The targets of all requests, as they stood in their first lines.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request and closes; gives its target.
fn answer(mut stream: TcpStream, archives: &[Vec<u8>; 2]) -> Option<String> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    while !lines.next()?.ok()?.is_empty() {}
    let target = first.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    let archive = &archives[usize::from(target != "/first.tar.gz")];
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        archive.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(archive).ok()?;
    Some(target.to_owned())
}
