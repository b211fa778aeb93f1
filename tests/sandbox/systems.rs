//! The same software by the build systems that the other tests do not use. What describes the build
//! comes as a patch, as it would for a source that has nothing.

use super::harness::Zone;

const CMAKE: &str = r#"cmake_minimum_required(VERSION 3.16)
project(greeter C)
set(VARIANT plain CACHE STRING "what is compiled in")
add_executable(greeter greeter.c)
target_compile_definitions(greeter PRIVATE "VARIANT=\"${VARIANT}\"")
target_link_libraries(greeter PRIVATE event)
install(TARGETS greeter RUNTIME DESTINATION sbin)
install(FILES greeter.h DESTINATION include)
enable_testing()
add_test(NAME version COMMAND greeter -V)
"#;

const MAKE: &str = "greeter: greeter.c
\t$(CC) $(CPPFLAGS) $(CFLAGS) -DVARIANT=\\\"$(VARIANT)\\\" -o $@ greeter.c $(LDFLAGS) -levent
check: greeter
\t./greeter -V
install: greeter
\tmkdir -p $(DESTDIR)$(PREFIX)/sbin
\tcp greeter $(DESTDIR)$(PREFIX)/sbin/greeter
";

const CONFIGURE_AC: &str = "AC_INIT([greeter], [1.0])
AM_INIT_AUTOMAKE([foreign])
AC_PROG_CC
AC_ARG_VAR([VARIANT], [what is compiled in])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
";

const MAKEFILE_AM: &str = "sbin_PROGRAMS = greeter
greeter_SOURCES = greeter.c
greeter_CPPFLAGS = -DVARIANT='\"$(VARIANT)\"'
greeter_LDADD = -levent
";

/// A patch that makes files.
fn patch(files: &[(&str, &str)]) -> String {
    let one = |(name, text): &(&str, &str)| {
        let lines: String = text.lines().map(|line| format!("+{line}\n")).collect();
        let count = text.lines().count();
        format!("--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{count} @@\n{lines}")
    };
    files.iter().map(one).collect()
}

/// Builds the greeter another way and hears it greet.
fn builds(alias: &str, files: &[(&str, &str)], needs: &str, build: &str) {
    let Some(zone) = Zone::new(alias) else {
        return;
    };
    let recipe = "recipes/greeter.toml";
    zone.write("patches/greeter/system.patch", &patch(files));
    let ours = "\"greeter/loud.patch\"";
    zone.edit(recipe, ours, &format!("{ours}, \"greeter/system.patch\""));
    zone.edit(recipe, "\"meson\", \"ninja-build\"", needs);
    let old = "system  = \"meson\"\noptions = [\"-Dvariant={{parameters.variant}}\"]";
    zone.edit(recipe, old, build);
    let apply = zone.apply().succeeds();
    assert_eq!(
        zone.greeting(),
        format!("hello from {alias} loudly 2.1.12-stable"),
        "{apply}"
    );
    let again = zone.apply().succeeds();
    assert!(again.out.ends_with("): nothing to do\n"), "{again}");
}

#[test]
fn cmake_finds_its_modules_and_runs_the_tests() {
    builds(
        "cmake",
        &[("CMakeLists.txt", CMAKE)],
        "\"cmake\", \"gmake\"",
        "system = \"cmake\"\ntest = true\noptions = [\"-DVARIANT={{parameters.variant}}\"]",
    );
}

#[test]
fn a_plain_makefile_is_enough() {
    builds(
        "make",
        &[("Makefile", MAKE)],
        "\"gmake\"",
        "system = \"make\"\ntest = true\nmake-arguments = [\"VARIANT={{parameters.variant}}\"]",
    );
}

#[test]
fn a_configure_script_can_be_generated_in_the_zone() {
    builds(
        "autoreconf",
        &[("configure.ac", CONFIGURE_AC), ("Makefile.am", MAKEFILE_AM)],
        "\"autoconf\", \"automake\", \"gmake\"",
        r#"system = "custom"
[build.custom]
configure = [
  ["/opt/local/bin/autoreconf", "-fi"],
  ["./configure", "--prefix={{package.prefix}}", "VARIANT={{parameters.variant}}", "MAKE=gmake"],
]
compile = [["/opt/local/bin/gmake"]]
stage   = [["/opt/local/bin/gmake", "install"]]"#,
    );
}
