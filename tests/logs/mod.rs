//! Logs as tools write them, and what is shown of each.
//!
//! `NAME.log` has its excerpt in `NAME.expected`; `UPDATE_GOLDEN=1` writes them anew. A log that
//! begins with a command of `bash -x` is a phase's, every other a script's.
//!
//! Those of gcc, GNU ld, clang, meson, ninja, make, cmake, configure, python and shells were written
//! by these tools; `pkgin-*`, `pkg-add-*` and `service-*` are put together from the recorded facts;
//! the rest is made up in the tools' words: `illumos-ld-*` (inferred), `runtime-linker`,
//! `automake-test`, `tap-test`, `gcc-internal-error`, `configure-after-noise` and the scripts of our
//! own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use zonewright::show::Style;
use zonewright::show::excerpt::text;
use zonewright::show::first_error::{Excerpt, Source, find};

const PLAIN: Style = Style {
    color: false,
    terminal: false,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs")
}

fn logs() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap();
    let mut logs: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
        .collect();
    logs.sort();
    logs
}

fn excerpt(log: &str) -> Excerpt {
    let source = if log.starts_with("+ ") {
        Source::Phase
    } else {
        Source::Script
    };
    find(log, source)
}

fn expected(excerpt: &Excerpt) -> String {
    let mut text = text(excerpt, PLAIN);
    for (name, value) in [("tool", excerpt.tool), ("help", excerpt.help.as_deref())] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    text
}

#[test]
fn each_log_gets_its_exact_excerpt() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let logs = logs();
    assert!(logs.len() >= 60, "only {} logs", logs.len());
    let mut wrong = Vec::new();
    for path in logs {
        let log = fs::read_to_string(&path).unwrap();
        let text = expected(&excerpt(&log));
        let golden = path.with_extension("expected");
        if update {
            fs::write(&golden, &text).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != text {
            wrong.push(format!("{}:\n{text}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What came before an error and went well must not hide it, however much it was.
#[test]
fn an_error_is_found_under_any_number_of_good_lines() {
    let noise = "/opt/local/gcc13/bin/gcc -Werror -O2 -c -o error.o error.c\nchecking for error... no\n\
                 error.c:3:5: warning: unused variable 'error' [-Wunused]\n    3 | int error: error;\n\
                 0 errors, 0 warnings\nok 3 - error: is said\n";
    let bury = |log: &str, times: usize| {
        let (begin, rest) = log.split_at(log.match_indices('\n').nth(1).unwrap().0 + 1);
        let buried = excerpt(&format!("{begin}{}{rest}", noise.repeat(times)));
        let alone = excerpt(log);
        assert_eq!(buried.message(), alone.message());
        assert_eq!(buried.tool, alone.tool);
    };
    for path in logs() {
        let log = fs::read_to_string(&path).unwrap();
        if log.starts_with("+ ") && excerpt(&log).tool.is_some() {
            eprintln!("{}", path.display());
            bury(&log, 50);
        }
    }
    let log = fs::read_to_string(folder().join("gcc-include-stack.log")).unwrap();
    bury(&log, 20_000);
}
