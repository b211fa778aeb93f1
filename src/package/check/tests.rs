//! Checks on programs and libraries that a real compiler made.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::package::StagedEntry;

const SYSTEM: [&str; 2] = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"];

fn entry(bytes: Vec<u8>, mode: u32) -> StagedEntry {
    StagedEntry {
        kind: EntryKind::File {
            bytes: bytes.into(),
        },
        mode,
    }
}

fn text(text: &str) -> StagedEntry {
    entry(text.as_bytes().to_vec(), 0o644)
}

fn package(entries: Vec<(&str, StagedEntry)>) -> PackageFiles {
    PackageFiles {
        prefix: "/opt/local".to_owned(),
        entries: entries
            .into_iter()
            .map(|(path, entry)| (path.to_owned(), entry))
            .collect(),
    }
}

/// Compiles with the machine's own compiler; `None`, with a reason, where there is none.
fn compile(folder: &Path, output: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let source = folder.join("source.c");
    std::fs::write(
        &source,
        "int answer(void) { return 42; }\nint main(void) { return 0; }\n",
    )
    .unwrap();
    let target = folder.join(output);
    // libraries are named with -l before the file here, so the linker must not drop unused ones
    let spawned = Command::new("cc")
        .current_dir(folder)
        .args(["-Wl,--no-as-needed", "-o"])
        .arg(&target)
        .arg(&source)
        .args(arguments)
        .output();
    match spawned {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "cc: {error}");
            eprintln!("skipped: cc cannot be run: {error}");
            return None;
        }
    }
    Some(std::fs::read(target).unwrap())
}

fn messages(checked: &Checked) -> Vec<String> {
    checked.problems.iter().map(ToString::to_string).collect()
}

/// A library `libown.so.1` and a program that needs it, with `path` as its run-time path.
fn build(path: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let library = compile(
        folder.path(),
        "libown.so",
        &["-shared", "-fPIC", "-Wl,-soname,libown.so.1"],
    )?;
    let rpath = format!("-Wl,-rpath,{path}");
    let mut arguments = vec!["-L.", "-lown"];
    if !path.is_empty() {
        arguments.push(&rpath);
    }
    Some((library, compile(folder.path(), "program", &arguments)?))
}

#[test]
fn libraries_of_the_package_and_of_the_target_are_found() {
    for path in ["/opt/local/lib", "$ORIGIN/../lib", "${ORIGIN}/../lib/"] {
        let Some((library, program)) = build(path) else {
            return;
        };
        let link = StagedEntry {
            kind: EntryKind::Symlink {
                target: "libown.so.1.0".to_owned(),
            },
            mode: 0o777,
        };
        let files = package(vec![
            ("lib/libown.so.1.0", entry(library, 0o755)),
            ("lib/libown.so.1", link.clone()),
            ("lib/libown.so", link),
            ("lib/netatalk/uams_x.so", text("")),
            ("bin/program", entry(program, 0o755)),
        ]);
        assert!(system_folders(&files).starts_with(&SYSTEM));
        let candidates = library_candidates(&files, &SYSTEM);
        assert!(
            candidates.contains("/lib/x86_64-linux-gnu/libc.so.6"),
            "{candidates:?}"
        );
        assert!(
            candidates.contains("/opt/local/lib/libc.so.6"),
            "{candidates:?}"
        );
        assert!(
            !candidates.contains("/opt/local/lib/libown.so.1"),
            "{candidates:?}"
        );

        let has = |path: &str| path == "/usr/lib/x86_64-linux-gnu/libc.so.6";
        let checked = check(&files, &SYSTEM, &["/var/build"], &has);
        assert_eq!(messages(&checked), Vec::<String>::new());
        assert_eq!(checked.requires, ["/usr/lib/x86_64-linux-gnu/libc.so.6"]);
        assert_eq!(
            checked.provides,
            [
                "/opt/local/lib/libown.so",
                "/opt/local/lib/libown.so.1",
                "/opt/local/lib/libown.so.1.0"
            ]
        );
    }
}

#[test]
fn a_missing_library_is_an_error_that_says_where_it_was_looked_for() {
    let Some((_, program)) = build("/opt/local/lib") else {
        return;
    };
    let files = package(vec![("bin/program", entry(program, 0o755))]);
    let has = |path: &str| path.ends_with("/libc.so.6");
    let checked = check(&files, &SYSTEM, &[], &has);
    assert!(!checked.is_good());
    assert_eq!(
        messages(&checked),
        [
            "`/opt/local/bin/program` needs `libown.so.1`, which is in none of \
          `/opt/local/lib/libown.so.1`, `/lib/x86_64-linux-gnu/libown.so.1`, \
          `/usr/lib/x86_64-linux-gnu/libown.so.1`"
        ]
    );
}

#[test]
fn an_own_library_off_the_path_is_an_error_for_a_program() {
    let Some((library, program)) = build("") else {
        return;
    };
    let files = package(vec![
        ("lib/netatalk/libown.so.1", entry(library, 0o755)),
        ("bin/program", entry(program, 0o755)),
    ]);
    let checked = check(&files, &SYSTEM, &[], &|path| path.ends_with("/libc.so.6"));
    assert!(!checked.is_good());
    assert_eq!(
        checked.problems[0].help.as_deref(),
        Some("link with `-Wl,-R/opt/local/lib/netatalk`")
    );
}

#[test]
fn a_run_time_path_into_the_build_tree_is_an_error() {
    for path in [
        "/opt/local/lib:/var/db/build/x/src",
        "lib",
        "/opt/local/lib:",
        "/opt/localx",
    ] {
        let Some((library, program)) = build(path) else {
            return;
        };
        let files = package(vec![
            ("lib/libown.so.1", entry(library, 0o755)),
            ("bin/program", entry(program, 0o755)),
        ]);
        let checked = check(&files, &SYSTEM, &["/var/db/build"], &|_| true);
        assert!(
            messages(&checked)
                .iter()
                .any(|m| m.contains("looks for libraries in")),
            "{path}"
        );
        assert!(!checked.is_good());
    }
}

#[test]
fn what_remains_of_the_build_is_reported() {
    let mut entries = BTreeMap::new();
    entries.insert(
        "etc/x.pc".to_owned(),
        text("a\nprefix=/var/db/build/stage/opt/local\n"),
    );
    entries.insert("bin/su".to_owned(), entry(b"x".to_vec(), 0o4755));
    entries.insert(
        "share/data".to_owned(),
        entry(b"\0/var/db/build".to_vec(), 0o644),
    );
    let target = "/var/db/build/stage/opt/local/lib".to_owned();
    entries.insert(
        "link".to_owned(),
        StagedEntry {
            kind: EntryKind::Symlink { target },
            mode: 0o777,
        },
    );
    entries.insert(
        "var".to_owned(),
        StagedEntry {
            kind: EntryKind::Directory,
            mode: 0o700,
        },
    );
    let files = PackageFiles {
        prefix: "/opt/local".to_owned(),
        entries,
    };
    let checked = check(&files, &SYSTEM, &["/var/db/build"], &|_| true);
    assert_eq!(
        messages(&checked),
        [
            "`/opt/local/bin/su` is setuid root (4755)",
            "`/opt/local/etc/x.pc` names the build folder `/var/db/build` (line 2)",
            "`/opt/local/link` points into the build folder: `/var/db/build/stage/opt/local/lib`",
            "the folder `/opt/local/var` was staged with mode 0700, which a package cannot carry",
        ]
    );
    assert!(!checked.is_good());
}

#[test]
fn the_run_time_linker_decides_which_folders_are_searched_last() {
    assert_eq!(system_folders(&package(vec![])), ILLUMOS_64);
    let folder = tempfile::tempdir().unwrap();
    for (linker, folders) in [
        ("/lib/amd64/ld.so.1", ILLUMOS_64),
        ("/usr/lib/amd64/ld.so.1", ILLUMOS_64),
        ("/usr/lib/ld.so.1", ILLUMOS_32),
        ("/lib64/ld-linux-x86-64.so.2", LINUX_64),
    ] {
        let option = format!("-Wl,--dynamic-linker={linker}");
        let Some(program) = compile(folder.path(), "program", &[&option]) else {
            return;
        };
        assert_eq!(
            elf::linkage(&program).unwrap().unwrap().interpreter,
            Some(linker)
        );
        assert_eq!(
            system_folders(&package(vec![("x", entry(program, 0o755))])),
            folders
        );
    }
}

#[test]
fn an_empty_package_is_an_error() {
    let folder = StagedEntry {
        kind: EntryKind::Directory,
        mode: 0o755,
    };
    for entries in [vec![], vec![("var", folder)]] {
        let checked = check(&package(entries), &SYSTEM, &[], &|_| true);
        assert_eq!(
            messages(&checked),
            ["nothing was staged below `/opt/local`: the package is empty"]
        );
        assert!(!checked.is_good());
    }
}

#[test]
fn a_damaged_program_never_panics() {
    let Some((_, program)) = build("/opt/local/lib") else {
        return;
    };
    for length in (0..program.len()).step_by(37) {
        let files = package(vec![("bin/x", entry(program[..length].to_vec(), 0o755))]);
        let _ = check(&files, &SYSTEM, &[], &|_| true);
        let _ = library_candidates(&files, &SYSTEM);
    }
    for position in 0..4096.min(program.len()) {
        let mut bytes = program.clone();
        bytes[position] ^= 0xff;
        let _ = elf::linkage(&bytes);
    }
}
