use super::*;

fn message(log: &str) -> Option<String> {
    find(log, Source::Phase).message().map(str::to_owned)
}

#[test]
fn lines_that_only_sound_like_errors_are_none() {
    for line in [
        "+ gcc -c error.c: error: y",
        "gcc -Werror -Wall -c error.c -o error.o",
        "checking for error: no",
        "checking whether a.c:3:5: error: is an error... no",
        "    3 | /* a.c:3:5: error: what */",
        "  118 | write(1, \"No space left on device\");",
        "a.c:3:5: warning: unused [-Wunused]",
        "a.c:3:5: note: this was an error: before",
        "0 errors, 0 warnings",
        "-- Performing Test HAVE_ERROR_H - Failed",
        "conftest.c:3:5: error: unknown type name 'uint'",
        "ok 3 - fails with: No space left on device",
        "PASS: error: handling",
        "gmake: [Makefile:3: probe] Error 127 (ignored)",
        "pkgin: Dependency perl>=5 of p5-Error-1 unresolved",
        "pkg_install warnings: 0, errors: 0",
        "pkg_add: Warning: package `x' lacks pkg_install version data",
        "XFAIL: test-known",
        "not ok 3 - quota # TODO",
    ] {
        assert_eq!(message(&format!("begin\n{line}\nend\n")), None, "{line}");
    }
}

#[test]
fn the_compiler_is_believed_before_those_who_only_report() {
    let log = "+ gmake -j2\nFAILED: a.o\ncc -c a.c -Werror\na.c: In function 'f':\n\
               a.c:3:5: error: expected ';'\n    3 |   return 1\ngmake: *** [Makefile:7: a.o] Error 1\n";
    assert_eq!(
        message(log).as_deref(),
        Some("a.c:3:5: error: expected ';'")
    );
    assert_eq!(find(log, Source::Phase).lines[0].0, 4);
}

#[test]
fn of_a_shells_complaints_the_last_one_counts() {
    let log = "+ ./build.sh\n./build.sh: line 2: tput: command not found\nbuilding\n\
               ./build.sh: line 9: frobnicate: command not found\n";
    assert!(message(log).is_some_and(|text| text.contains("frobnicate")));
}

#[test]
fn a_full_disk_is_the_cause_whatever_came_before() {
    let log = "a.c:3:5: error: expected ';'\ncp: error writing 'x': No space left on device\n";
    let found = find(log, Source::Phase);
    assert_eq!(found.tool, Some("disk"));
    assert_eq!(found.error, Some(2));
}

#[test]
fn without_an_error_the_last_lines_are_shown() {
    let log: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let found = find(&log, Source::Phase);
    assert_eq!(found.error, None);
    let numbers: Vec<usize> = found.lines.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (21..=30).collect::<Vec<_>>());
    assert_eq!(find("", Source::Phase).lines, Vec::new());
    assert_eq!(find("", Source::Script).lines, Vec::new());
}

#[test]
fn a_script_of_ours_is_believed_in_its_last_line() {
    let log: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let found = find(&(log + "cannot make the group x\n\n"), Source::Script);
    assert_eq!(found.message(), Some("cannot make the group x"));
}

#[test]
fn what_moves_a_cursor_is_not_shown() {
    let log = "10%\r50%\r100%\n\x1b[01m\x1b[Ka.c:1:9:\x1b[m\x1b[K \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[K'y' undeclared\n\
               a\tb\x07\u{9b}c\n";
    let found = find(log, Source::Phase);
    let lines: Vec<&str> = found.lines.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(found.message(), Some("a.c:1:9: error: 'y' undeclared"));
    assert_eq!(lines.last(), Some(&"a       bc"));
}

#[test]
fn a_very_long_line_is_cut() {
    let found = find(&"x".repeat(100_000), Source::Phase);
    assert_eq!(found.lines[0].1.chars().count(), LONGEST + 1);
}

#[test]
fn a_log_of_nothing_but_failures_is_read_in_time() {
    let failure = |n: usize| format!("[{n}/9] cc -c {n}.c\nFAILED: {n}.o\n{n}.c:1:1: error: x\n");
    let log: String = (1..50_000).map(failure).collect();
    let start = std::time::Instant::now();
    assert_eq!(find(&log, Source::Phase).error, Some(3));
    assert!(start.elapsed() < std::time::Duration::from_secs(30));
}
