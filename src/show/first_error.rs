//! The first real error in a build's log, with its context.
//!
//! What comes last in a log is seldom what went wrong: `make` and `ninja` report that they failed
//! long after the compiler said why. A compiler's own error wins over a linker's, a linker's over
//! the tools' own lines.

/// Lines before and after the error.
const BEFORE: usize = 2;
const AFTER: usize = 6;

/// Signs of an error, in order of what they are worth. A line with one of the second list in it is
/// no error.
const SIGNS: &[&[&str]] = &[
    &[": error: ", ": fatal error: ", " error[E"],
    &[
        "undefined reference to",
        "symbol not found",
        "Undefined\t\t\tfirst referenced",
        "ld: fatal:",
        "collect2: error",
    ],
    &[
        "ERROR: ",
        "configure: error:",
        "CMake Error",
        "meson.build:",
        "error: ",
    ],
    &[
        "is not available in the repository",
        "pkg_add: ",
        "pkgin: ",
        "svccfg: ",
        "svcadm: ",
    ],
    &[
        "No space left on device",
        "Not enough space",
        "Permission denied",
        "command not found",
        "No such file or directory",
    ],
    &["FAILED: ", "*** ", "ninja: build stopped"],
];

const NOT_ERRORS: &[&str] = &[
    "-Werror",
    "checking for",
    "warning: ",
    "error.c",
    "error.h",
    "error.o",
];

/// An excerpt of a log around its first real error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The 1-based number of the excerpt's first line.
    pub first_line: usize,
    /// The 0-based index of the error in `lines`; none where no error was recognised.
    pub error: Option<usize>,
    pub lines: Vec<String>,
}

/// Finds the first real error, or gives the last lines where none is recognised.
#[must_use]
pub fn find(log: &str) -> Excerpt {
    let lines: Vec<&str> = log.lines().collect();
    let found = SIGNS
        .iter()
        .find_map(|signs| lines.iter().position(|line| is_error(line, signs)));
    let (start, end, error) = match found {
        Some(at) => {
            let start = at.saturating_sub(BEFORE);
            (start, (at + AFTER + 1).min(lines.len()), Some(at - start))
        }
        None => (
            lines.len().saturating_sub(BEFORE + AFTER + 2),
            lines.len(),
            None,
        ),
    };
    let excerpt = lines.get(start..end).unwrap_or_default();
    Excerpt {
        first_line: start + 1,
        error,
        lines: excerpt.iter().map(|line| (*line).to_owned()).collect(),
    }
}

fn is_error(line: &str, signs: &[&str]) -> bool {
    // bash shows each command with this sign before it runs
    !line.starts_with("+ ")
        && signs.iter().any(|sign| line.contains(sign))
        && !NOT_ERRORS.iter().any(|not| line.contains(not))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(log: &str) -> String {
        let excerpt = find(log);
        excerpt
            .error
            .map(|at| excerpt.lines[at].clone())
            .unwrap_or_default()
    }

    #[test]
    fn the_compiler_is_believed_before_those_who_only_report() {
        let log = "+ gmake -j2\nFAILED: a.o\ncc -c a.c -Werror\na.c: In function 'f':\n\
                   a.c:3:5: error: expected ';'\n    3 |   return 1\ngmake: *** [Makefile:7: a.o] Error 1\n";
        assert_eq!(first(log), "a.c:3:5: error: expected ';'");
        assert_eq!(find(log).first_line, 3);
    }

    #[test]
    fn tools_are_understood() {
        for line in [
            "meson.build:12:0: ERROR: Dependency \"libevent\" not found, tried pkgconfig",
            "configure: error: no acceptable C compiler found in $PATH",
            "/usr/bin/ld: a.o: undefined reference to `foo'",
            "nothing-1.0 is not available in the repository",
            "svccfg: couldn't parse document",
        ] {
            assert_eq!(
                first(&format!(
                    "checking for error: no\n+ x error: y\n{line}\nend\n"
                )),
                line
            );
        }
    }

    #[test]
    fn without_an_error_the_last_lines_are_shown() {
        let log: String = (1..=30).map(|n| format!("line {n}\n")).collect();
        let excerpt = find(&log);
        assert_eq!(excerpt.error, None);
        assert_eq!(excerpt.lines.last().map(String::as_str), Some("line 30"));
        assert_eq!(excerpt.first_line, 21);
        assert_eq!(find("").lines, Vec::<String>::new());
    }
}
