//! Every parser over its corpus and a few thousand changed inputs; `fuzz/README.md` has the rest.
//!
//! An input that breaks a parser is kept in the build folder and named. A stack that overflows or
//! memory that runs out ends the whole process, so each input is written down before it is tried.

#[cfg(target_os = "linux")]
mod memory;
mod mutate;
mod shadow_edit;
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::{Dice, mutated};

/// No input may take longer, on a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(10);

/// When the changed inputs of a target end, however many there were.
const BUDGET: Duration = Duration::from_secs(6);

/// Folders of the tests whose files are inputs too.
const MORE: &[(&str, &str, &str)] = &[
    ("recipe", "tests/recipe_errors/recipes", "toml"),
    ("recipe", "tests/recipe_errors/recipes", "json"),
    ("recipe", "tests/recipe/site/recipes", "toml"),
    ("recipe", "tests/recipe/site/recipes", "json"),
    ("recipe", "recipes", "toml"),
    ("zone", "tests/recipe_errors/zones", "toml"),
    ("zone", "tests/recipe/site/zones", "toml"),
    ("zone", "tests/recipe/site/zones", "json"),
    ("zone", "zones", "toml"),
    ("afp_status", "tests/data", "bin"),
    ("template", "templates/netatalk", "hbs"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files in a folder, sorted; those of one ending, where there is one.
fn files(folder: &Path, ending: Option<&str>) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    files.retain(|file| {
        ending.is_none()
            || file
                .extension()
                .is_some_and(|e| Some(e) == ending.map(std::ffi::OsStr::new))
    });
    files.sort();
    files
}

fn seeds(name: &str) -> Vec<PathBuf> {
    let mut seeds = files(&root().join("fuzz/corpus").join(name), None);
    assert!(!seeds.is_empty(), "`{name}` has no corpus");
    for (_, folder, ending) in MORE.iter().filter(|(of, _, _)| *of == name) {
        seeds.extend(files(&root().join(folder), Some(ending)));
    }
    seeds
}

/// Runs a target over its corpus, then over `count` inputs made from it.
fn hold(name: &str, count: usize) {
    let paths = seeds(name);
    let inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    for (path, input) in paths.iter().zip(&inputs) {
        attempt(name, input, Some(path));
    }
    let mut dice = Dice::new(name);
    let start = Instant::now();
    for tried in 0..count {
        if start.elapsed() > BUDGET {
            eprintln!("{name}: {tried} of {count} changed inputs in {BUDGET:?}");
            break;
        }
        attempt(name, &mutated(&mut dice, &inputs), None);
    }
}

/// One input: no panic, and no more time than it may take.
fn attempt(name: &str, input: &[u8], path: Option<&Path>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    fs::create_dir_all(&folder).unwrap();
    let current = folder.join(format!("{name}.input"));
    if path.is_none() {
        fs::write(&current, input).unwrap();
    }
    let shown = path.unwrap_or(&current).display().to_string();
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| targets::run(name, input)));
    let took = start.elapsed();
    assert!(result.is_ok(), "`{name}` fails on {shown}");
    assert!(took < LONGEST, "`{name}` takes {took:?} for {shown}");
}

macro_rules! hold {
    ($($name:ident $count:literal,)*) => {
        $(#[test]
        fn $name() {
            hold(stringify!($name), $count);
        })*

        #[test]
        fn every_target_is_run_here_and_has_a_program() {
            let here = [$(stringify!($name)),*];
            let known: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(here[..], known[..]);
            for name in known {
                let program = root().join(format!("fuzz/fuzz_targets/{name}.rs"));
                let text = fs::read_to_string(&program).unwrap();
                assert!(text.contains(&format!("run(\"{name}\", data)")), "{name}");
            }
        }
    };
}

hold! {
    recipe 2000,
    zone 2000,
    template 1000,
    archive 3000,
    patch 3000,
    facts 2000,
    receipt 3000,
    afp_status 3000,
    shadow 500,
    first_error 3000,
    staged 2000,
    elf 3000,
    package 2000,
    ssh_config 3000,
    known_hosts 3000,
}

#[test]
fn the_answers_that_fuzzing_begins_with_are_whole() {
    for path in files(&root().join("fuzz/corpus/facts"), None) {
        if let Err(error) = zonewright::facts::parse(&fs::read(&path).unwrap()) {
            panic!(
                "{}: {error}; `cargo test --test main record_the_answers -- --ignored` records it anew",
                path.display()
            );
        }
    }
}
