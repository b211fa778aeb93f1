//! Which lines belong to an error.
//!
//! Jobs that run at once write between each other's lines, so a block ends where the next line
//! cannot be its own.

use std::ops::Range;

/// The most lines of one block above and below its error.
const ABOVE: usize = 8;
const BELOW: usize = 10;

type Block = Vec<Range<usize>>;

fn line<'a>(lines: &[&'a str], at: usize) -> &'a str {
    lines.get(at).copied().unwrap_or_default()
}

/// How many lines directly above have this property.
fn above(lines: &[&str], at: usize, most: usize, belongs: impl Fn(&str) -> bool) -> usize {
    let before = lines.get(..at).unwrap_or_default();
    before
        .iter()
        .rev()
        .take(most)
        .take_while(|line| belongs(line))
        .count()
}

/// The same below.
fn below(lines: &[&str], at: usize, most: usize, belongs: impl Fn(&str) -> bool) -> usize {
    let after = lines.get(at + 1..).unwrap_or_default();
    after
        .iter()
        .take(most)
        .take_while(|line| belongs(line))
        .count()
}

/// From `up` lines above to `down` lines below, without blank lines at its ends.
fn range(lines: &[&str], at: usize, up: usize, down: usize) -> Range<usize> {
    let (mut start, mut end) = (
        at.saturating_sub(up),
        (at + down + 1).min(lines.len().max(at + 1)),
    );
    while start < at && line(lines, start).trim().is_empty() {
        start += 1;
    }
    while end > at + 1 && line(lines, end - 1).trim().is_empty() {
        end -= 1;
    }
    start..end
}

/// Two lines before and four after.
pub(super) fn around(lines: &[&str], at: usize) -> Block {
    vec![range(lines, at, 2, 4)]
}

/// What a tool says directly before it reports that it failed.
pub(super) fn before(lines: &[&str], at: usize) -> Block {
    vec![range(lines, at, ABOVE, 2)]
}

// In file included from server.h:1,
//                  from main.c:2:
// types.h: In function 'int main()':
// types.h:5:1: error: unknown type name 'sizet'; did you mean 'size_t'?
//     5 | sizet volume_size(const struct volume *volume);
//       | ^~~~~
// types.h:4:5: note: declared here
pub(super) fn compiler(lines: &[&str], at: usize) -> Block {
    let leads = |line: &str| {
        line.starts_with("In file included from ")
            || line.starts_with(' ') && line.trim_start().starts_with("from ")
            || line.ends_with(':') && line.contains(": In ")
            || line.ends_with(": At top level:")
            || line.contains("   required ")
    };
    let follows = |line: &str| !line.trim().is_empty() && !is_somebody_elses(line);
    let up = above(lines, at, ABOVE, leads);
    vec![range(lines, at, up, below(lines, at, BELOW, follows))]
}

/// Whether a line begins what is no part of a compiler's error.
fn is_somebody_elses(line: &str) -> bool {
    let text = line.trim_start();
    let starts = [
        "In file included from ",
        "make",
        "gmake",
        "ninja:",
        "FAILED:",
        "+ ",
        "[",
        "collect2:",
        "compilation terminated",
    ];
    let words = [": error: ", ": fatal error: ", ": warning: ", ": In "];
    starts.iter().any(|start| text.starts_with(start))
        || words.iter().any(|word| line.contains(word))
        || line.ends_with(" generated.")
        || line.ends_with("warnings being treated as errors")
}

// /opt/local/bin/ld: main.o: in function `main':
// main.c:(.text+0xa): undefined reference to `event_base_new'
// collect2: error: ld returned 1 exit status
pub(super) fn linker(lines: &[&str], at: usize) -> Block {
    let leads = |line: &str| line.contains(": in function ");
    let follows = |line: &str| {
        let words = [
            "undefined reference to",
            ": in function ",
            "multiple definition of",
            "first defined here",
            "collect2: error",
            "linker command failed",
            "cannot find -l",
            "ld: ",
        ];
        words.iter().any(|word| line.contains(word))
    };
    let up = above(lines, at, 1, leads);
    vec![range(lines, at, up, below(lines, at, BELOW, follows))]
}

/// From the table's head to the linker's last word.
pub(super) fn illumos(lines: &[&str], at: usize) -> Block {
    let open = |line: &str| !line.contains("ld: fatal: ");
    let down = if open(line(lines, at)) {
        (below(lines, at, 2 * BELOW, open) + 1).min(2 * BELOW)
    } else {
        3
    };
    vec![range(lines, at, 1, down)]
}

/// A test's line, and what it or its runner says below.
pub(super) fn test(lines: &[&str], at: usize) -> Block {
    vec![range(lines, at, 1, BELOW)]
}

// CMake Error at CMakeLists.txt:3 (find_package):
//   By not providing "FindLibEvent.cmake" in CMAKE_MODULE_PATH this
//
// Call Stack (most recent call first):
//   CMakeLists.txt:2 (project)
pub(super) fn cmake(lines: &[&str], at: usize) -> Block {
    let follows = |line: &str| {
        line.trim().is_empty() || line.starts_with("  ") || line.starts_with("Call Stack ")
    };
    vec![range(lines, at, 0, below(lines, at, 2 * BELOW, follows))]
}

/// What `svcs -xv` says, and what the service's last start and its program's own log say.
pub(super) fn service(lines: &[&str], at: usize) -> Block {
    let explained = |line: &str| !line.trim().is_empty() && !line.starts_with("---");
    let mut block = vec![range(lines, at, 2, below(lines, at, 6, explained))];
    let after = lines.get(at..).unwrap_or_default();
    let last = after
        .iter()
        .rposition(|line| line.contains("Executing start method"));
    if let Some(last) = last {
        let start = at + last;
        let own = |line: &str| !line.starts_with("---");
        block.push(range(lines, start, 0, below(lines, start, BELOW, own)));
    }
    let mut logs = (at..lines.len()).filter(|at| line(lines, *at).starts_with("--- last lines of"));
    if let Some(log) = logs.nth(1) {
        block.push(log..log + 1);
        block.push(lines.len().saturating_sub(7).max(log)..lines.len());
    }
    block
}
