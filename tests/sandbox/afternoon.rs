//! A build that fails, mended in its own tree, with the mending brought home as a patch.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::harness::Zone;

/// The change that breaks the build, with a comment for `bump` and the like to keep.
const BROKEN: &str = "+static const char *mood = loudly;";
const GOOD: &str = "+static const char *mood = \"loudly\";";

fn recipe(zone: &Zone) -> String {
    fs::read_to_string(zone.site.join("recipes/greeter.toml")).unwrap()
}

/// What `debug shell` shows on a terminal on which somebody types `typed`.
fn on_terminal(zone: &Zone, recipe: &str, typed: &str) -> String {
    let command = zone.command(&["debug", "shell", &zone.alias, recipe]);
    let words: Vec<String> = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(|word| zonewright::script::quote(word.to_str().unwrap()))
        .collect();
    let line = format!("{}; echo status $?", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let mut script = script
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = script.stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    let mut shown = String::new();
    script
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut shown)
        .unwrap();
    script.wait().unwrap();
    shown
}

#[test]
fn an_afternoon_with_a_build_that_fails_ends_with_a_patch_in_the_recipe() {
    let Some(zone) = Zone::new("afternoon") else {
        return;
    };
    zone.edit("patches/greeter/loud.patch", GOOD, BROKEN);
    zone.edit(
        "recipes/greeter.toml",
        "patches = [\"greeter/loud.patch\"]",
        "patches = [\n  \"greeter/loud.patch\", # it is heard\n]",
    );
    let before = recipe(&zone);

    // nothing was built yet: nothing to look at
    let early = zone
        .run(&["debug", "shell", "afternoon", "greeter", "--", "true"])
        .exits(1);
    assert!(
        early.err.contains("`zonewright apply afternoon` makes it"),
        "{early}"
    );

    // the build fails, and the report says where to go
    let failed = zone.apply().exits(1);
    assert!(
        failed
            .err
            .contains(" debug shell afternoon greeter` opens the build tree\n"),
        "{failed}"
    );
    // `log` names the file and the line
    let log = zone.run(&["log", "afternoon"]).succeeds();
    assert!(log.out.contains("greeter.c:24:27: error: "), "{log}");

    // in the tree, as the phase ran there
    let debug = |arguments: &[&str]| {
        let words = [&["debug"], arguments].concat();
        zone.run(&words)
    };
    let shell = |command: &[&str]| {
        let words = ["shell", "afternoon", "greeter", "--"];
        debug(&[&words, command].concat())
    };
    let seen = shell(&[
        "bash",
        "-c",
        "id -un; pwd; echo \"$CC $DESTDIR $SOURCE_DATE_EPOCH\"",
    ]);
    let seen = seen.succeeds();
    let lines: Vec<&str> = seen.out.lines().collect();
    assert_eq!(lines[0], "zwbuild", "{seen}");
    let folder = lines[1].strip_suffix("/src").unwrap();
    assert!(folder.starts_with("/var/db/zonewright/build/"), "{seen}");
    assert_eq!(
        lines[2],
        format!("/opt/local/gcc13/bin/gcc {folder}/stage 946684800")
    );
    // a command's status is the status, its output the output
    let status = shell(&["sh", "-c", "echo out; echo err >&2; exit 7"]).exits(7);
    assert_eq!(
        (status.out.as_str(), status.err.as_str()),
        ("out\n", "err\n")
    );
    // on a terminal it is a shell, which ends as its last command did
    let terminal = on_terminal(
        &zone,
        "greeter",
        "tty; stty size; echo \"${CC##*/} $PWD\"; (exit 5); exit\n",
    );
    assert!(
        terminal.contains("with the environment of `compile`"),
        "{terminal}"
    );
    assert!(terminal.contains("/dev/pts/"), "{terminal}");
    assert!(
        terminal.contains(&format!("gcc {folder}/src\r\n")),
        "{terminal}"
    );
    assert!(
        terminal.contains("compile src $ "),
        "the prompt: {terminal}"
    );
    assert!(terminal.ends_with("status 5\r\n"), "{terminal}");
    let piped = debug(&["shell", "afternoon", "greeter"]).exits(2);
    assert!(piped.err.contains("a shell needs a terminal"), "{piped}");
    // no network, as in the build
    let net = shell(&["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22"]).exits(1);
    assert!(net.err.contains("Permission denied"), "{net}");

    // the phase again: as broken as before
    let again = debug(&["run", "afternoon", "greeter", "compile"]).exits(1);
    assert!(again.out.contains("greeter.c:24:27: error: "), "{again}");
    assert!(again.err.contains("compile fails with status 1"), "{again}");
    // nothing has changed yet
    let nothing = debug(&["create-patch", "afternoon", "greeter", "mood"]).exits(1);
    assert!(
        nothing
            .err
            .contains("no file of the patched source differs in the build tree"),
        "{nothing}"
    );
    assert_eq!(recipe(&zone), before);

    // mended where it is
    shell(&[
        "sed",
        "-i",
        "s/mood = loudly;/mood = \"loudly\";/",
        "greeter.c",
    ])
    .succeeds();
    let passes = debug(&["run", "afternoon", "greeter", "compile", "--trace"]).succeeds();
    assert!(
        passes.err.contains("\n+ debug.commands:4: set -x\n"),
        "{passes}"
    );
    assert!(
        passes.out.contains("compile passes in the tree; "),
        "{passes}"
    );

    // on to what the build never came to
    let stage = debug(&["run", "afternoon", "greeter", "stage"]).succeeds();
    assert!(stage.out.contains("stage passes in the tree; "), "{stage}");
    shell(&["bash", "-c", "test -x \"$DESTDIR/opt/local/sbin/greeter\""]).succeeds();
    let no = debug(&["run", "afternoon", "greeter", "test"]).exits(2);
    assert!(
        no.err.contains("a build of `greeter` has no `test`"),
        "{no}"
    );

    // nothing is packaged from a tree that was changed by hand
    let plan = zone.plan().succeeds();
    assert!(plan.out.contains("changed by hand"), "{plan}");
    assert!(
        plan.out.contains("fetch, patch and send the sources"),
        "{plan}"
    );

    // brought home
    let patch = debug(&[
        "create-patch",
        "afternoon",
        "greeter",
        "mood",
        "--subject",
        "Say it",
    ]);
    let patch = patch.succeeds();
    assert!(
        patch.out.starts_with(
            "patches/greeter/mood.patch: 1 file\n  greeter.c  +1 -1\nrecipes/greeter.toml: `patches` names \
             it\n"
        ),
        "{patch}"
    );
    assert_eq!(
        fs::read_to_string(zone.site.join("patches/greeter/mood.patch")).unwrap(),
        "Subject: Say it\n\n--- a/greeter.c\n+++ b/greeter.c\n@@ -21,7 +21,7 @@\n \
         #define VARIANT \"plain\"\n #endif\n \n-static const char *mood = loudly;\n\
         +static const char *mood = \"loudly\";\n \n static int port = 7007;\n \
         static char greeting[256] = \"hello\";\n"
    );
    let after = before.replace(
        "\"greeter/loud.patch\", # it is heard\n",
        "\"greeter/loud.patch\", # it is heard\n  \"greeter/mood.patch\",\n",
    );
    assert_eq!(recipe(&zone), after, "one line more, and nothing else");
    // the same again is the same patch, and no second line
    let twice = debug(&["create-patch", "afternoon", "greeter", "mood"]).succeeds();
    assert!(!twice.out.contains("`patches` names it"), "{twice}");
    assert_eq!(recipe(&zone), after);

    let done = zone.apply().succeeds();
    assert!(
        done.err.contains("done check: it is the patched one"),
        "{done}"
    );
    assert_eq!(zone.greeting(), "hello from afternoon loudly 2.1.12-stable");
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
    // what was built is kept no longer than it is unfinished
    let late = shell(&["true"]).exits(1);
    assert!(
        late.err
            .contains("no build tree of `greeter` is kept in afternoon"),
        "{late}"
    );
}

#[test]
fn a_tree_in_a_zone_that_only_zlogin_enters_has_a_terminal_too() {
    let Some(zone) = super::zone_files::zone("bare") else {
        return;
    };
    let file = "zones/bare.toml";
    zone.edit(
        file,
        "alias = \"bare\"",
        "alias = \"bare\"\nbrand = \"joyent-minimal\"",
    );
    let text = fs::read_to_string(zone.site.join(file)).unwrap();
    let used = "\n[[recipe]]\nname = \"greeter-autotools\"\n";
    zone.write(file, &(text + used));
    zone.edit("patches/greeter/loud.patch", GOOD, BROKEN);
    super::zone_files::apply(&zone).exits(1);
    let typed = "[ -t 0 ] && echo \"as $(id -un) in $PWD\"; (exit 5); exit\n";
    let shown = on_terminal(&zone, "greeter-autotools", typed);
    for part in ["compile src $ ", "as zwbuild in /var/db/zonewright/build/"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // `zlogin` does not tell how an interactive command ended
    assert!(shown.ends_with("status 0\r\n"), "{shown}");
}

#[test]
fn new_files_come_along_when_they_are_named_and_products_stay_out() {
    let Some(zone) = Zone::with_recipe("newfiles", "greeter-autotools") else {
        return;
    };
    zone.edit("patches/greeter/loud.patch", GOOD, BROKEN);
    zone.apply().exits(1);
    let shell = |command: &str| {
        let words = [
            "debug",
            "shell",
            "newfiles",
            "greeter-autotools",
            "--",
            "bash",
            "-c",
        ];
        zone.run(&[&words[..], &[command]].concat()).succeeds()
    };
    shell(
        "sed -i 's/mood = loudly;/mood = MOOD;/; s/^#ifndef VARIANT/#include \"mood.h\"\\n&/' greeter.c; \
         echo '#define MOOD \"loudly\"' >mood.h; rm meson.build; printf 'x\\0' >greeter.xml",
    );
    let create = |more: &[&str]| {
        let words = [
            "debug",
            "create-patch",
            "newfiles",
            "greeter-autotools",
            "mood",
        ];
        zone.run(&[&words[..], more].concat())
    };
    let refused = create(&["--add", "moood.h"]).exits(2);
    assert!(
        refused
            .err
            .contains("there is no such file in the build tree"),
        "{refused}"
    );
    let made = create(&["--add", "mood.h"]).succeeds();
    assert!(
        made.out.contains("  greeter.c  +2 -1\n  mood.h  +1 -0\n"),
        "{made}"
    );
    assert!(
        made.out
            .contains("left out, for they are gone from the tree"),
        "{made}"
    );
    assert!(made.out.contains("): meson.build\n"), "{made}");
    assert!(
        made.out
            .contains("left out, for a patch holds text only: greeter.xml\n"),
        "{made}"
    );
    // another recipe's patches in between: it would be no difference any more
    let path = "recipes/greeter-autotools.toml";
    zone.edit(path, "\"greeter/loud.patch\", ", "");
    let other = create(&[]).exits(1);
    assert!(
        other.err.contains("was made of other sources or patches"),
        "{other}"
    );
}
