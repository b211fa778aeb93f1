//! Errors of what drives a build: meson, ninja, cmake, configure, make, and what they run.
//!
//! configure and cmake fail all the time in what they only try; what counts is what they say of it.

use super::{ends_with_any, is_place, line, speaker};

// meson.build:3:5: ERROR: Dependency "libbdb" not found, tried pkgconfig
// ERROR: No such build data file as '/out/meson-private/build.dat'.
pub(in super::super) fn meson(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.starts_with("ERROR: ")
        || text
            .split_once(": ERROR: ")
            .is_some_and(|(before, _)| is_place(before))
}

pub(in super::super) fn meson_help(text: &str, _: Option<&str>) -> Option<String> {
    let quoted = |text: &str| text.split(['"', '\'']).nth(1).map(str::to_owned);
    if text.contains("Unknown option") {
        return Some(
            "the sources do not know these options: mend `options` in `[build]` (what there is \
             stands in meson_options.txt or meson.options of the sources)"
                .to_owned(),
        );
    }
    let is_missing = text.contains(" not found") || text.contains("Program ");
    let what = quoted(text.split_once("ERROR: ")?.1).filter(|_| is_missing)?;
    Some(format!(
        "no `{what}`: add the package that brings it to `[dependencies]`, or switch it off by an \
         option in `[build]`"
    ))
}

// CMake Error at CMakeLists.txt:3 (find_package):
// CMake Error: The source directory "/src" does not appear to contain CMakeLists.txt.
pub(in super::super) fn cmake(lines: &[&str], at: usize) -> bool {
    line(lines, at).trim_start().starts_with("CMake Error")
}

// configure: error: in `/var/db/zonewright/build/KEY/src':
// configure: error: C compiler cannot create executables
pub(in super::super) fn configure(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    !text.starts_with("+ ")
        && text
            .split_once("configure: error: ")
            .is_some_and(|(_, said)| !(said.starts_with("in ") && said.ends_with(':')))
}

pub(in super::super) fn configure_help(_: &str, folder: Option<&str>) -> Option<String> {
    let file = folder.map_or_else(
        || "config.log in the folder of the sources".to_owned(),
        |folder| format!("{folder}/config.log"),
    );
    Some(format!(
        "what it tried, and how that failed, stands in {file} in the zone, not here"
    ))
}

// gmake: *** No rule to make target 'missing.o', needed by 'all'.  Stop.
// Makefile:2: *** missing separator.  Stop.
// gmake: frobnicate: No such file or directory
pub(in super::super) fn make(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let not_run = [
        "No such file or directory",
        "Permission denied",
        "Command not found",
    ];
    text.contains("*** ") && text.ends_with("Stop.")
        || speaker(text).is_some_and(|(who, said)| {
            ["make", "gmake"].contains(&who)
                && !said.starts_with("***")
                && ends_with_any(said, &not_run)
        })
}

// ninja: error: '../x.c', needed by 'x.o', missing and no known rule to make it
pub(in super::super) fn ninja(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.starts_with("ninja: error: ") || text.starts_with("ninja: fatal: ")
}

/// The exception, which stands under the places it came through.
pub(in super::super) fn python(lines: &[&str], at: usize) -> bool {
    const DEEPEST: usize = 200;
    let text = line(lines, at);
    if text.is_empty() || text.starts_with(' ') || is_traceback(text) {
        return false;
    }
    let before = lines
        .get(at.saturating_sub(DEEPEST)..at)
        .unwrap_or_default();
    let mut above = before.iter().rev();
    above
        .find(|line| !line.starts_with(' '))
        .is_some_and(|line| is_traceback(line))
}

fn is_traceback(line: &str) -> bool {
    line.starts_with("Traceback (most recent call last)")
}

// Can't locate Foo/Bar.pm in @INC (you may need to install the Foo::Bar module) ...
pub(in super::super) fn perl(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.starts_with("Can't locate ") && text.contains("@INC")
}
