//! How each tool's errors look, and what to do about some of them.
//!
//! The words are those of the tools themselves, as they print them where `LC_ALL` is `C`.

mod builders;
mod compilers;
mod system;

pub(super) use builders::{
    cmake, configure, configure_help, make, meson, meson_help, ninja, perl, python,
};
pub(super) use compilers::{
    assembler, compiler, compiler_help, gnu_ld, illumos_ld, linker_help, linker_report, test,
};
pub(super) use system::{
    disk_full, disk_help, installation, memory_help, no_memory, pkg_add, pkg_add_help, pkgin,
    pkgin_help, runtime_linker, runtime_linker_help, service_help, shell, shell_help, svcadm,
    svccfg, svcs, tar,
};

/// Lines that never are an error, whatever their words: commands that a shell shows, what configure
/// and cmake try (their own trial programs fail every day), source text in a compiler's margin,
/// warnings and notes.
pub(super) fn is_harmless(line: &str) -> bool {
    let text = line.trim_start();
    let margin = text.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("+ ")
        || line.starts_with("++ ")
        || text.starts_with("checking ")
        || text.starts_with("-- ")
        || text.starts_with("ok ")
        || text.starts_with("PASS: ")
        || text.starts_with("conftest.")
        || margin.starts_with("| ")
        || margin.starts_with(" | ")
        || is_remark(line)
}

fn is_remark(line: &str) -> bool {
    [": warning: ", "WARNING: ", ": note: ", "Warning: "]
        .iter()
        .any(|word| line.contains(word))
}

fn line<'a>(lines: &[&'a str], at: usize) -> &'a str {
    lines.get(at).copied().unwrap_or_default()
}

/// The program's name in a message of the form `PROGRAM: TEXT`, and the text.
pub(super) fn speaker(line: &str) -> Option<(&str, &str)> {
    let (program, text) = line.trim_start().split_once(": ")?;
    let name = program.rsplit('/').next().unwrap_or(program);
    let name = name.split(['[', ' ']).next().unwrap_or(name);
    (!program.contains(' ') || program.contains(" (")).then_some((name, text))
}

fn ends_with_any(line: &str, ends: &[&str]) -> bool {
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || ".'\")".contains(c));
    ends.iter().any(|end| line.ends_with(end))
}

/// Whether this text names a place in a file, as in `../src/main.c:12:7`.
pub(super) fn is_place(text: &str) -> bool {
    let is_number = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit())
            && part
                .chars()
                .all(|c| c.is_ascii_digit() || "-.,".contains(c))
    };
    let mut file = text.trim_start();
    let mut numbers = 0;
    while let Some((rest, last)) = file.rsplit_once(':') {
        if numbers == 2 || !is_number(last) {
            break;
        }
        (file, numbers) = (rest, numbers + 1);
    }
    numbers > 0 && file.contains(['.', '/', '{'])
}

/// Whether a program of this path compiles or links.
pub(super) fn is_compiler(program: &str) -> bool {
    const NAMES: [&str; 13] = [
        "gcc", "g++", "cc", "c++", "cpp", "cc1", "cc1plus", "clang", "clang++", "f951", "gfortran",
        "lto1", "collect2",
    ];
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_version = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let name = match name.rsplit_once('-') {
        Some((name, version)) if is_version(version) => name,
        _ => name,
    };
    NAMES.contains(&name.rsplit_once('-').map_or(name, |(_, name)| name))
}

fn is_addition_report(text: &str) -> bool {
    text.ends_with("package addition failed") || text.ends_with("package additions failed")
}

// FAILED: thing.p/c.c.o
// gmake: *** [Makefile:5: main.o] Error 1
pub(super) fn report(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let errors = text
        .strip_prefix("pkg_install warnings: ")
        .and_then(|rest| rest.split_once("errors: "));
    text.starts_with("FAILED: ")
        || text.contains("*** [")
        || text.starts_with("ninja: build stopped")
        || is_addition_report(text)
        || errors.is_some_and(|(_, number)| number.trim() != "0")
}

/// What reads like an error, by whatever tool.
pub(super) fn guess(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let starts = ["error:", "fatal:", "fatal error:", "cannot ", "can't "];
    let ends = [
        ": No such file or directory",
        ": Permission denied",
        ": Read-only file system",
        ": Operation not permitted",
        ": Not owner",
    ];
    let said = speaker(text).map_or(text, |(_, said)| said).to_lowercase();
    let text_lower = text.trim_start().to_lowercase();
    starts
        .iter()
        .any(|start| said.starts_with(start) || text_lower.starts_with(start))
        || ends_with_any(text, &ends)
}

pub(super) fn no_help(_: &str, _: Option<&str>) -> Option<String> {
    None
}
