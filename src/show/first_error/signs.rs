//! How each tool's errors look, and what to do about some of them.
//!
//! The words are those of the tools themselves: seen in their output for GNU's, clang's, meson's,
//! ninja's and cmake's, taken from the recorded facts for pkgsrc's and SMF's. illumos' own linker is
//! quoted from memory (inferred).

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

// cp: error writing '/stage/bin/bash': No space left on device
// {standard input}: Fatal error: can't write 11 bytes to section .text of main.o: 'No space left on device'
// OSError: [Errno 28] No space left on device: '/out/meson-private'
// /opt/local does not have enough space for installation (9M required but only 2M are available)
pub(super) fn disk_full(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let ends = [
        "o space left on device",
        "Disc quota exceeded",
        "Disk quota exceeded",
    ];
    ends_with_any(text, &ends)
        || text.contains("[Errno 28]")
        || text.contains("does not have enough space for")
}

pub(super) fn disk_help(_: &str, _: Option<&str>) -> Option<String> {
    Some("make room in the zone (`df -h` there), or raise its quota on its host".to_owned())
}

// cc1: out of memory allocating 4194296 bytes after a total of 2748416 bytes
// gcc: fatal error: Killed signal terminated program cc1
// gmake: *** [Makefile:2: big.o] Killed
// bash: fork: Not enough space                                            (illumos, inferred)
pub(super) fn no_memory(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let words = [
        "out of memory allocating",
        "virtual memory exhausted",
        "Killed signal terminated program",
        "internal compiler error: Killed",
        "LLVM ERROR: out of memory",
        "fork: Resource temporarily unavailable",
    ];
    words.iter().any(|word| text.contains(word))
        || ends_with_any(text, &[": Not enough space", ": Cannot allocate memory"])
        || text.contains("*** [") && text.ends_with("] Killed")
}

pub(super) fn memory_help(_: &str, _: Option<&str>) -> Option<String> {
    Some(
        "the zone has too little memory for this, or somebody killed it: raise its memory cap on its \
         host (`vmadm update UUID max_physical_memory=MIB`)"
            .to_owned(),
    )
}

// ld.so.1: openssl: fatal: libc.so.1: version 'ILLUMOS_0.37' not found
pub(super) fn runtime_linker(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.contains("ld.so.1: ") && text.contains(": fatal: ")
}

pub(super) fn runtime_linker_help(text: &str, _: Option<&str>) -> Option<String> {
    Some(
        if text.contains("version 'ILLUMOS_") {
            "this program was made for a newer platform than the zone's: update the platform image, \
             or take the package from an older set"
        } else {
            "a library is missing, or the program does not know where it is: add its package to \
             `run` in `[dependencies]`"
        }
        .to_owned(),
    )
}

// collect2: error: ld returned 1 exit status
// clang: error: linker command failed with exit code 1 (use -v to see invocation)
pub(super) fn linker_report(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.contains("collect2: error: ld returned") || text.contains("linker command failed with")
}

// types.h:5:1: error: unknown type name 'sizet'; did you mean 'size_t'?
// main.c:2:10: fatal error: libbstring/bstrlib.h: No such file or directory
// gcc: error: unrecognized command-line option '-fnothing'
// error[E0425]: cannot find value `x` in this scope
pub(super) fn compiler(lines: &[&str], at: usize) -> bool {
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

pub(super) fn compiler_help(text: &str, _: Option<&str>) -> Option<String> {
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
pub(super) fn assembler(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    [": Error: ", ": Fatal error: "]
        .iter()
        .filter_map(|kind| text.split_once(kind))
        .any(|(before, _)| is_place(before) || before == "{standard input}")
}

// main.c:(.text+0xa): undefined reference to `event_base_new'
// /opt/local/bin/ld: cannot find -liniparser4: No such file or directory
// /opt/local/bin/ld: b.o:(.data+0x0): multiple definition of `twice'; a.o:(.data+0x0): first defined here
pub(super) fn gnu_ld(lines: &[&str], at: usize) -> bool {
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
pub(super) fn illumos_ld(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.contains("ld: fatal: ")
        || text.starts_with("Undefined ") && text.contains("first referenced")
}

pub(super) fn linker_help(text: &str, _: Option<&str>) -> Option<String> {
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
pub(super) fn test(lines: &[&str], at: usize) -> bool {
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

// meson.build:3:5: ERROR: Dependency "libbdb" not found, tried pkgconfig
// ERROR: No such build data file as '/out/meson-private/build.dat'.
pub(super) fn meson(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.starts_with("ERROR: ")
        || text
            .split_once(": ERROR: ")
            .is_some_and(|(before, _)| is_place(before))
}

pub(super) fn meson_help(text: &str, _: Option<&str>) -> Option<String> {
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
pub(super) fn cmake(lines: &[&str], at: usize) -> bool {
    line(lines, at).trim_start().starts_with("CMake Error")
}

// configure: error: in `/var/db/zonewright/build/KEY/src':
// configure: error: C compiler cannot create executables
pub(super) fn configure(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    !text.starts_with("+ ")
        && text
            .split_once("configure: error: ")
            .is_some_and(|(_, said)| !(said.starts_with("in ") && said.ends_with(':')))
}

pub(super) fn configure_help(_: &str, folder: Option<&str>) -> Option<String> {
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
pub(super) fn make(lines: &[&str], at: usize) -> bool {
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
pub(super) fn ninja(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.starts_with("ninja: error: ") || text.starts_with("ninja: fatal: ")
}

/// The exception, which stands under the places it came through.
pub(super) fn python(lines: &[&str], at: usize) -> bool {
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
pub(super) fn perl(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.starts_with("Can't locate ") && text.contains("@INC")
}

// libbstrinq is not available in the repository
// pkgin: Could not fetch https://pkgsrc.smartos.org/.../pkg_summary.gz: Connection refused
// download error: zlib-1.3.1.tgz size does not match pkg_summary
pub(super) fn pkgin(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    // a dependency that is not resolved is said of packages that have nothing to do with it
    text.starts_with("pkgin: ") && !text.ends_with(" unresolved")
        || text.ends_with(" is not available in the repository")
        || text.starts_with("download error: ")
        || text.starts_with("empty available packages list")
        || text.contains(" package available that satisfies preferred match ")
}

pub(super) fn pkgin_help(text: &str, _: Option<&str>) -> Option<String> {
    text.contains("Could not fetch").then(|| {
        "the zone does not reach its repository: look at /opt/local/etc/pkgin/repositories.conf and \
         at the zone's network"
            .to_owned()
    })
}

// pkg_add: Missing required library: /opt/local/lib/libx.so.1
// pkg_add: Conflicting PLIST with netatalk-3.1.19: sbin/afpd
pub(super) fn pkg_add(lines: &[&str], at: usize) -> bool {
    speaker(line(lines, at)).is_some_and(|(who, said)| {
        let is_package_tool = ["pkg_add", "pkg_delete", "pkg_admin", "pkg_info"].contains(&who);
        let is_remark = said.starts_with("Unrecognised PLIST") || said.ends_with(" (this host)");
        is_package_tool && !is_addition_report(said) && !is_remark
    })
}

fn is_addition_report(text: &str) -> bool {
    text.ends_with("package addition failed") || text.ends_with("package additions failed")
}

pub(super) fn pkg_add_help(text: &str, _: Option<&str>) -> Option<String> {
    let help = if text.contains("onflicting PLIST with") || text.contains("conflicts with") {
        "another package owns these files: `pkgin remove` it first"
    } else if text.contains("Missing required library") {
        "add the package that brings the library to `run` in `[dependencies]`"
    } else if text.contains("unable to verify signature") {
        "the zone does not know the key that signed the package, or its clock is wrong"
    } else {
        return None;
    };
    Some(help.to_owned())
}

/// What our own installation says before it changes anything.
pub(super) fn installation(lines: &[&str], at: usize) -> bool {
    line(lines, at).contains(" cannot be installed; nothing was changed")
}

// /root/x.xml:3: element create_default_instance: validity error : Value "perhaps" ...
// svccfg: Document is not valid.
pub(super) fn svccfg(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let good = ["Loaded ", "Successful ", "Not validating "];
    text.contains(": validity error :")
        || text.contains(": parser error :")
        || speaker(text).is_some_and(|(who, said)| {
            who == "svccfg" && !good.iter().any(|word| said.starts_with(word))
        })
}

// svcadm: Pattern 'svc:/site/nobody:default' doesn't match any instances
pub(super) fn svcadm(lines: &[&str], at: usize) -> bool {
    line(lines, at).starts_with("svcadm: ")
}

//  State: maintenance since Sun Nov 22 17:57:40 2026
// Reason: Start method failed repeatedly, last exited with status 127.
pub(super) fn svcs(lines: &[&str], at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |before| line(lines, before));
    line(lines, at).starts_with("Reason: ") && before.starts_with(" State: ")
}

pub(super) fn service_help(text: &str, _: Option<&str>) -> Option<String> {
    let help = if text.contains("status 127") {
        "the program of `start` in `[[service]]` was not found: 127 is how a shell says that"
    } else if text.contains("Restarting too quickly") {
        "it starts and ends at once, again and again: what it says when it ends stands in its log"
    } else if text.contains("SMF_EXIT_ERR_CONFIG") {
        "the program says that its configuration is wrong"
    } else if text.contains("Dependency ") || text.contains("Service svc:") {
        "it waits for another service: mend that one first"
    } else {
        return None;
    };
    Some(help.to_owned())
}

// /usr/bin/gtar: This does not look like a tar archive
// gtar: x/bash: Cannot open: Read-only file system
pub(super) fn tar(lines: &[&str], at: usize) -> bool {
    const HARMLESS: [&str; 4] = [
        "Exiting with failure status",
        "Removing leading",
        "in the future",
        "implausibly old time stamp",
    ];
    speaker(line(lines, at)).is_some_and(|(who, said)| {
        ["tar", "gtar", "bsdtar"].contains(&who) && !HARMLESS.iter().any(|h| said.contains(h))
    })
}

// /usr/bin/sh: no-such-generator: not found
// /var/db/zonewright/build/KEY/compile.commands: line 5: frobnicate: command not found
// ./configure: line 12: syntax error near unexpected token `libevent,'
pub(super) fn shell(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let is_shell = speaker(text).is_some_and(|(who, said)| {
        ["sh", "bash", "ksh", "ksh93", "dash", "env"].contains(&who) || is_numbered(said)
    });
    let ends = [": not found", ": command not found", ": Permission denied"];
    is_shell && (ends_with_any(text, &ends) || text.contains(": syntax error"))
        || text.contains(": bad interpreter: ")
        || text.starts_with("env: ") && text.ends_with(": No such file or directory")
}

/// Whether this begins as in `line 12: ` or `12: `, which shells put before what they say.
fn is_numbered(text: &str) -> bool {
    let text = text.strip_prefix("line ").unwrap_or(text);
    text.split_once(": ")
        .is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

pub(super) fn shell_help(text: &str, _: Option<&str>) -> Option<String> {
    let text = text.trim_end();
    let text = text
        .strip_suffix(": command not found")
        .or_else(|| text.strip_suffix(": not found"))
        .or_else(|| text.strip_suffix(": No such file or directory"))?;
    let program = text.rsplit(": ").next()?;
    let program = program.trim_matches(['\'', '`', '‘', '’']);
    Some(format!(
        "no program `{program}`: add the package that brings it to `build` in `[dependencies]`"
    ))
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
