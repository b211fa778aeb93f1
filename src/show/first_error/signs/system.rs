//! Errors of the zone itself: its disk and memory, packages, services, `tar` and the shell.
//!
//! pkgsrc's and SMF's words are those of the recorded facts.

use super::{ends_with_any, is_addition_report, line, speaker};

// cp: error writing '/stage/bin/bash': No space left on device
// {standard input}: Fatal error: can't write 11 bytes to section .text of main.o: 'No space left on device'
// OSError: [Errno 28] No space left on device: '/out/meson-private'
// /opt/local does not have enough space for installation (9M required but only 2M are available)
pub(in super::super) fn disk_full(lines: &[&str], at: usize) -> bool {
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

pub(in super::super) fn disk_help(_: &str, _: Option<&str>) -> Option<String> {
    Some("make room in the zone (`df -h` there), or raise its quota on its host".to_owned())
}

// cc1: out of memory allocating 4194296 bytes after a total of 2748416 bytes
// gcc: fatal error: Killed signal terminated program cc1
// gmake: *** [Makefile:2: big.o] Killed
// bash: fork: Not enough space                                            (illumos, inferred)
pub(in super::super) fn no_memory(lines: &[&str], at: usize) -> bool {
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

pub(in super::super) fn memory_help(_: &str, _: Option<&str>) -> Option<String> {
    Some(
        "the zone has too little memory for this, or somebody killed it: raise its memory cap on its \
         host (`vmadm update UUID max_physical_memory=MIB`)"
            .to_owned(),
    )
}

// ld.so.1: openssl: fatal: libc.so.1: version 'ILLUMOS_0.37' not found
pub(in super::super) fn runtime_linker(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    text.contains("ld.so.1: ") && text.contains(": fatal: ")
}

pub(in super::super) fn runtime_linker_help(text: &str, _: Option<&str>) -> Option<String> {
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

// libbstrinq is not available in the repository
// pkgin: Could not fetch https://pkgsrc.smartos.org/.../pkg_summary.gz: Connection refused
// download error: zlib-1.3.1.tgz size does not match pkg_summary
pub(in super::super) fn pkgin(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    // a dependency that is not resolved is said of packages that have nothing to do with it
    text.starts_with("pkgin: ") && !text.ends_with(" unresolved")
        || text.ends_with(" is not available in the repository")
        || text.starts_with("download error: ")
        || text.starts_with("empty available packages list")
        || text.contains(" package available that satisfies preferred match ")
}

pub(in super::super) fn pkgin_help(text: &str, _: Option<&str>) -> Option<String> {
    text.contains("Could not fetch").then(|| {
        "the zone does not reach its repository: look at /opt/local/etc/pkgin/repositories.conf and \
         at the zone's network"
            .to_owned()
    })
}

// pkg_add: Missing required library: /opt/local/lib/libx.so.1
// pkg_add: Conflicting PLIST with netatalk-3.1.19: sbin/afpd
pub(in super::super) fn pkg_add(lines: &[&str], at: usize) -> bool {
    speaker(line(lines, at)).is_some_and(|(who, said)| {
        let is_package_tool = ["pkg_add", "pkg_delete", "pkg_admin", "pkg_info"].contains(&who);
        let is_remark = said.starts_with("Unrecognised PLIST") || said.ends_with(" (this host)");
        is_package_tool && !is_addition_report(said) && !is_remark
    })
}

pub(in super::super) fn pkg_add_help(text: &str, _: Option<&str>) -> Option<String> {
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
pub(in super::super) fn installation(lines: &[&str], at: usize) -> bool {
    line(lines, at).contains(" cannot be installed; nothing was changed")
}

// /root/x.xml:3: element create_default_instance: validity error : Value "perhaps" ...
// svccfg: Document is not valid.
pub(in super::super) fn svccfg(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let good = ["Loaded ", "Successful ", "Not validating "];
    text.contains(": validity error :")
        || text.contains(": parser error :")
        || speaker(text).is_some_and(|(who, said)| {
            who == "svccfg" && !good.iter().any(|word| said.starts_with(word))
        })
}

// svcadm: Pattern 'svc:/site/nobody:default' doesn't match any instances
pub(in super::super) fn svcadm(lines: &[&str], at: usize) -> bool {
    line(lines, at).starts_with("svcadm: ")
}

//  State: maintenance since Sun Nov 22 17:57:40 2026
// Reason: Start method failed repeatedly, last exited with status 127.
pub(in super::super) fn svcs(lines: &[&str], at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |before| line(lines, before));
    line(lines, at).starts_with("Reason: ") && before.starts_with(" State: ")
}

pub(in super::super) fn service_help(text: &str, _: Option<&str>) -> Option<String> {
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
pub(in super::super) fn tar(lines: &[&str], at: usize) -> bool {
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
// /var/db/zonewright/build/KEY/compile.commands: line 6:   139 Killed                  sleep 40
// ./configure: line 12: syntax error near unexpected token `libevent,'
pub(in super::super) fn shell(lines: &[&str], at: usize) -> bool {
    let text = line(lines, at);
    let is_shell = speaker(text).is_some_and(|(who, said)| {
        ["sh", "bash", "ksh", "ksh93", "dash", "env"].contains(&who) || is_numbered(said)
    });
    let ends = [": not found", ": command not found", ": Permission denied"];
    is_shell && (ends_with_any(text, &ends) || text.contains(": syntax error"))
        || speaker(text).is_some_and(|(_, said)| says_died(said))
        || text.contains(": bad interpreter: ")
        || text.starts_with("env: ") && text.ends_with(": No such file or directory")
}

/// Whether a shell says here that a signal ended a process: `line 6:   139 Killed`.
fn says_died(text: &str) -> bool {
    const DEATHS: [&str; 5] = ["Killed", "Segmentation", "Abort", "Bus", "Terminated"];
    let mut words = text.split_whitespace();
    let is_number = |word: Option<&str>| word.is_some_and(|word| word.parse::<u32>().is_ok());
    words.next() == Some("line")
        && words
            .next()
            .is_some_and(|word| is_number(word.strip_suffix(':')))
        && is_number(words.next())
        && words
            .next()
            .is_some_and(|word| DEATHS.iter().any(|death| word.starts_with(death)))
}

/// Whether this begins as in `line 12: ` or `12: `, which shells put before what they say.
fn is_numbered(text: &str) -> bool {
    let text = text.strip_prefix("line ").unwrap_or(text);
    text.split_once(": ")
        .is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

pub(in super::super) fn shell_help(text: &str, _: Option<&str>) -> Option<String> {
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
