//! Errors of compilers, assemblers, linkers and test runners.
//!
//! illumos' own linker is quoted from memory (inferred); the others were seen.

use super::{is_compiler, is_place, line};

// collect2: error: ld returned 1 exit status
// clang: error: linker command failed with exit code 1 (use -v to see invocation)
pub(in super::super) fn linker_report(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.contains("collect2: error: ld returned") || text.contains("linker command failed with")
}

// types.h:5:1: error: unknown type name 'sizet'; did you mean 'size_t'?
// main.c:2:10: fatal error: libbstring/bstrlib.h: No such file or directory
// gcc: error: unrecognized command-line option '-fnothing'
// error[E0425]: cannot find value `x` in this scope
pub(in super::super) fn compiler(lines: &[&str], at: usize) -> bool {
    const KINDS: [&str; 3] = [
        ": error: ",
        ": fatal error: ",
        ": internal compiler error: ",
    ];
    let text = line(lines, at);
    let before = KINDS
        .iter()
        .filter_map(|kind| text.split_once(kind))
        .map(|(before, _)| before.trim_start())
        .min_by_key(|before| before.len());
    text.starts_with("error[E")
        || before.is_some_and(|before| is_place(before) || is_compiler(before))
}

pub(in super::super) fn compiler_help(text: &str, _: Option<&str>) -> Option<String> {
    let missing = text
        .split_once(": fatal error: ")
        .and_then(|(_, rest)| rest.strip_suffix(": No such file or directory"))
        .or_else(|| {
            text.split_once("fatal error: '")?
                .1
                .strip_suffix("' file not found")
        });
    if let Some(header) = missing.filter(|header| !header.is_empty()) {
        return Some(format!(
            "no `{header}`: add the package that brings it to `[dependencies]`, or its folder to \
             `CPPFLAGS` in `[build] environment`"
        ));
    }
    text.contains("internal compiler error").then(|| {
        "the compiler itself broke: another version of it, or less optimisation in `CFLAGS`, may help"
            .to_owned()
    })
}

// {standard input}:12: Error: no such instruction: `frob'
pub(in super::super) fn assembler(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    [": Error: ", ": Fatal error: "]
        .iter()
        .filter_map(|kind| text.split_once(kind))
        .any(|(before, _)| is_place(before) || before == "{standard input}")
}

// main.c:(.text+0xa): undefined reference to `event_base_new'
// /opt/local/bin/ld: cannot find -liniparser4: No such file or directory
// /opt/local/bin/ld: b.o:(.data+0x0): multiple definition of `twice'; a.o:(.data+0x0): first defined here
pub(in super::super) fn gnu_ld(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let words = [
        "undefined reference to",
        "cannot find -l",
        "cannot find the library",
        "multiple definition of",
        "ld.lld: error: ",
        "final link failed",
        "ld: file not recognized",
        "; recompile with -fPIC",
    ];
    words.iter().any(|word| text.contains(word))
}

// Undefined                       first referenced
//  symbol                             in file
// event_base_new                      main.o
// ld: fatal: symbol referencing errors
// ld: fatal: library -liniparser4: not found                                       (all inferred)
pub(in super::super) fn illumos_ld(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.contains("ld: fatal: ")
        || text.starts_with("Undefined ") && text.contains("first referenced")
}

pub(in super::super) fn linker_help(text: &str, _: Option<&str>) -> Option<String> {
    let library = text
        .split_once("cannot find -l")
        .or_else(|| text.split_once("library -l"))?
        .1;
    let library = library.split([':', ' ']).next().unwrap_or_default();
    Some(format!(
        "no library `{library}`: add the package that brings it to `[dependencies]`"
    ))
}

// 2/2 bad one FAIL            0.01s   exit status 1
// FAIL: test-volume
// not ok 3 - reads what it wrote
//   3/12 Test  #3: volume ...........................***Failed    0.01 sec
pub(in super::super) fn test(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at).trim_start();
    let counted = text
        .split_once('/')
        .is_some_and(|(number, rest)| number.parse::<u32>().is_ok() && starts_with_digit(rest));
    let ends = [
        " FAIL ",
        " TIMEOUT ",
        " ERROR ",
        "***Failed",
        "***Timeout",
        "***Exception",
        "***Not Run",
    ];
    counted && ends.iter().any(|end| text.contains(end))
        || text.starts_with("FAIL: ")
        || text.starts_with("not ok ") && !text.contains("# TODO") && !text.contains("# SKIP")
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}
