//! `ldd`, `elfdump -d` and `pvs -r`: what a program needs at run time.
//!
//! The search path is illumos': the object's own RUNPATH, then `/lib/64:/usr/lib/64`, for which the
//! folders of Linux's own loader stand in. A missing library is a line of text, never an exit
//! status.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use goblin::elf::Elf;
use goblin::elf::dynamic::{DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, tag_to_str};

use super::getopt::{Parsed, Refusal};
use super::{Streams, below, not_emulated};

const DEFAULT_PATH: [&str; 6] = [
    "/lib/64",
    "/usr/lib/64",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
];

/// Prints where each library of a program is found.
pub fn ldd(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    each_file("ldd", "", root, args, streams, |file, streams| {
        if !file.is_executable {
            writeln!(
                streams.errors,
                "warning: ldd: {}: is not executable",
                file.name
            )?;
        }
        let mut seen = BTreeSet::new();
        print_libraries(root, file, &mut seen, streams)
    })
}

/// Prints the dynamic section, with `-d`.
pub fn elfdump(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    if args.first().is_none_or(|first| first != "-d") {
        return not_emulated(streams, "elfdump", "anything but -d");
    }
    each_file("elfdump", "d", root, args, streams, |file, streams| {
        file.with_elf(|elf| print_dynamic(elf, streams))
            .unwrap_or(Ok(()))
    })
}

/// Prints the versions that a program requires of its libraries, with `-r`.
pub fn pvs(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    if args.first().is_none_or(|first| first != "-r") {
        return not_emulated(streams, "pvs", "anything but -r");
    }
    each_file("pvs", "r", root, args, streams, |file, streams| {
        file.with_elf(|elf| print_versions(elf, streams))
            .unwrap_or(Ok(()))
    })
}

/// An operand.
struct Object {
    /// As the caller wrote it.
    name: String,
    bytes: Vec<u8>,
    is_executable: bool,
}

impl Object {
    fn open(root: &Path, name: &str) -> io::Result<Self> {
        let path = if name.starts_with('/') {
            below(root, name)
        } else {
            name.into()
        };
        let is_executable = fs::metadata(&path)?.permissions().mode() & 0o111 != 0;
        Ok(Self {
            name: name.to_owned(),
            bytes: fs::read(&path)?,
            is_executable,
        })
    }

    fn with_elf<T>(&self, look: impl FnOnce(&Elf) -> T) -> Option<T> {
        Elf::parse(&self.bytes).ok().map(|elf| look(&elf))
    }
}

fn each_file(
    command: &str,
    letters: &str,
    root: &Path,
    args: &[OsString],
    streams: &mut Streams,
    mut print: impl FnMut(&Object, &mut Streams) -> io::Result<()>,
) -> io::Result<i32> {
    let operands = match Parsed::new(args, letters) {
        Ok(parsed) => parsed.operands,
        Err(Refusal::Unknown(option)) => return not_emulated(streams, command, &option),
        Err(Refusal::Missing(_)) => return Ok(2),
    };
    if operands.is_empty() {
        writeln!(streams.errors, "usage: {command} file...")?;
        return Ok(1);
    }
    let mut status = 0;
    for operand in &operands {
        let name = operand.to_string_lossy();
        let problem = match Object::open(root, &name) {
            Err(error) => error.to_string(),
            Ok(object) if object.with_elf(|_| ()).is_none() => {
                "unsupported or unknown file type".to_owned()
            }
            Ok(object) => {
                if operands.len() > 1 {
                    writeln!(streams.output, "{name}:")?;
                }
                print(&object, streams)?;
                continue;
            }
        };
        // the words are (inferred)
        writeln!(streams.errors, "{command}: {name}: {problem}")?;
        status = 1;
    }
    Ok(status)
}

// 	libevent-2.1.so.7 =>	 /opt/local/lib/libevent-2.1.so.7
// 	libbstring.so.1 =>	 (file not found)
fn print_libraries(
    root: &Path,
    object: &Object,
    seen: &mut BTreeSet<String>,
    streams: &mut Streams,
) -> io::Result<()> {
    let Some((needed, folders)) = object.with_elf(|elf| {
        let needed: Vec<String> = elf
            .libraries
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        (needed, search_path(elf, &object.name))
    }) else {
        return Ok(());
    };
    let mut found = Vec::new();
    for library in needed {
        if !seen.insert(library.clone()) {
            continue;
        }
        let place = if library.contains('/') {
            Some(library.clone()).filter(|path| below(root, path).is_file())
        } else {
            folders
                .iter()
                .map(|folder| format!("{folder}/{library}"))
                .find(|path| below(root, path).is_file())
        };
        let shown = place.as_deref().unwrap_or("(file not found)");
        writeln!(streams.output, "\t{library} =>\t {shown}")?;
        found.extend(place);
    }
    for path in found {
        if let Ok(library) = Object::open(root, &path) {
            print_libraries(root, &library, seen, streams)?;
        }
    }
    Ok(())
}

fn search_path(elf: &Elf, object: &str) -> Vec<String> {
    let own = if elf.runpaths.is_empty() {
        &elf.rpaths
    } else {
        &elf.runpaths
    };
    let origin = object.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let own = own
        .iter()
        .flat_map(|path| path.split(':'))
        .filter(|folder| !folder.is_empty());
    own.map(|folder| {
        folder
            .replace("${ORIGIN}", origin)
            .replace("$ORIGIN", origin)
    })
    .chain(DEFAULT_PATH.map(str::to_owned))
    .collect()
}

// Dynamic Section:  .dynamic
//      index  tag                value
//        [0]  NEEDED             0x1234              libsocket.so.1
fn print_dynamic(elf: &Elf, streams: &mut Streams) -> io::Result<()> {
    let Some(dynamic) = &elf.dynamic else {
        return Ok(());
    };
    writeln!(streams.output, "\nDynamic Section:  .dynamic")?;
    writeln!(streams.output, "     index  tag                value")?;
    for (index, entry) in dynamic.dyns.iter().enumerate() {
        let text = match entry.d_tag {
            DT_NEEDED | DT_SONAME | DT_RPATH | DT_RUNPATH => usize::try_from(entry.d_val)
                .ok()
                .and_then(|at| elf.dynstrtab.get_at(at)),
            _ => None,
        };
        let name = tag_to_str(entry.d_tag);
        let name = name.strip_prefix("DT_").unwrap_or(name);
        let value = if entry.d_val == 0 {
            "0".to_owned()
        } else {
            format!("{:#x}", entry.d_val)
        };
        let index = format!("[{index}]");
        let line = format!(
            "{index:>10}  {name:<17} {value:<18}  {}",
            text.unwrap_or_default()
        );
        writeln!(streams.output, "{}", line.trim_end())?;
        if entry.d_tag == DT_NULL {
            break;
        }
    }
    Ok(())
}

// the form of the line is (inferred)
// 	libc.so.6 (GLIBC_2.34, GLIBC_2.2.5);
fn print_versions(elf: &Elf, streams: &mut Streams) -> io::Result<()> {
    for need in elf.verneed.iter().flat_map(|section| section.iter()) {
        let file = elf.dynstrtab.get_at(need.vn_file).unwrap_or("?");
        let versions: Vec<&str> = need
            .iter()
            .filter_map(|version| elf.dynstrtab.get_at(version.vna_name))
            .collect();
        writeln!(streams.output, "\t{file} ({});", versions.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    fn own() -> String {
        std::env::current_exe()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn libraries_are_looked_for_where_illumos_looks() {
        let answer = run(Path::new("/"), ldd, &[&own()], b"");
        assert_eq!(answer.status, 0);
        let line = answer
            .output
            .lines()
            .find(|line| line.starts_with("\tlibc.so.6 =>\t "))
            .unwrap();
        assert!(line.ends_with("/libc.so.6"), "{line}");
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("bin")).unwrap();
        fs::copy(own(), root.path().join("bin/x")).unwrap();
        let answer = run(root.path(), ldd, &["/bin/x"], b"");
        assert_eq!(answer.status, 0);
        assert!(
            answer
                .output
                .contains("\tlibc.so.6 =>\t (file not found)\n"),
            "{answer:?}"
        );
    }

    #[test]
    fn what_is_no_program_is_refused_and_the_others_are_shown() {
        let answer = run(Path::new("/"), ldd, &["/etc/passwd", &own()], b"");
        assert_eq!(answer.status, 1);
        assert_eq!(
            answer.errors,
            "ldd: /etc/passwd: unsupported or unknown file type\n"
        );
        assert!(answer.output.starts_with(&format!("{}:\n", own())));
        assert_eq!(run(Path::new("/"), ldd, &["/no/such"], b"").status, 1);
        assert_eq!(run(Path::new("/"), ldd, &["-r", "/no"], b"").status, 99);
    }

    #[test]
    fn the_dynamic_section_and_the_versions_are_printed() {
        let answer = run(Path::new("/"), elfdump, &["-d", &own()], b"");
        assert_eq!(answer.status, 0);
        let needed = answer
            .output
            .lines()
            .find(|line| line.contains("libc.so.6"))
            .unwrap();
        let words: Vec<&str> = needed.split_whitespace().collect();
        assert_eq!((words[1], words[3]), ("NEEDED", "libc.so.6"), "{needed}");
        let answer = run(Path::new("/"), pvs, &["-r", &own()], b"");
        assert!(answer.output.contains("\tlibc.so.6 (GLIBC_"), "{answer:?}");
        assert_eq!(run(Path::new("/"), pvs, &["-d", &own()], b"").status, 99);
        assert_eq!(
            run(Path::new("/"), elfdump, &["-c", &own()], b"").status,
            99
        );
    }
}
