//! An upgrade whose installation fails, in each way that one can: the old version stays or comes back,
//! and serves all the time; after the cause is mended one plain `apply` upgrades.

use super::harness::{Ran, Zone, differences};

/// The next version, which brings eight files more.
fn offer_next(zone: &Zone) {
    let copy = |from: &str, to: &str| {
        std::fs::copy(zone.site.join(from), zone.site.join(to)).unwrap();
    };
    copy(
        "distfiles/greeter-1.0.tar.gz",
        "distfiles/greeter-1.1.tar.gz",
    );
    zone.edit(
        "recipes/greeter.toml",
        "version = \"1.0\"",
        "version = \"1.1\"",
    );
    let patch = std::fs::read_to_string(zone.site.join("patches/greeter/loud.patch")).unwrap();
    zone.write(
        "patches/greeter/loud.patch",
        &format!("{patch}{INSTALLS_MORE}"),
    );
}

const INSTALLS_MORE: &str = "--- greeter-1.0/meson.build
+++ greeter-1.0/meson.build
@@ -9,4 +9,7 @@
     install_dir: 'sbin',
 )
 install_data('greeter.h', install_dir: 'include')
+foreach name : ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8']
+    install_data('greeter.c', rename: name, install_dir: 'include')
+endforeach
 install_symlink('welcome', install_dir: 'sbin', pointing_to: 'greeter')
";

/// Everything that must be as before: files with modes, times and content, the package database,
/// the receipt, what runs and what it says. (An emulated tool that is killed leaves a file of its own.)
const STATE: &str = "
find /opt/local /var/svc/manifest ! -name pkgdb.byfile.db ! -path '*/pkg' ! -name 'pkg_add*' ! -name '.zonewright-*' \
  ! -path /opt/local/sbin -printf '%p %y %m %u:%g %l\\n' | sort
digest -a sha256 -v $(pkg_info -qL zw-greeter)
pkg_info; pkg_info -aF | sort; pkg_admin -q check zw-greeter
cat /opt/local/pkg/libevent-*/+REQUIRED_BY
digest -a sha256 /var/db/zonewright/receipts/greeter.json
cat /var/db/zonewright/starts/*
svcs -H -o state,nstate svc:/site/greeter:default
pgrep -x greeter";

/// What is on its way must not stay: there is nothing beside what is recorded.
fn nothing_is_left(zone: &Zone) {
    let left = zone.shell(
        "find /var/db/zonewright /opt/local /etc /var/svc/manifest -name '*.new' -o -name '*.busy' \
           -o -name '*.xxxxxx' -o -path '*/aside/*' -o -name temporary -o -name 'source.tar'",
    );
    assert_eq!(left, "");
}

/// For what is put in the place of `pkg_add`: `real` runs the real one; `kill_early` runs it until it
/// writes more than 2 KiB to a file, for which a signal ends it: both records are there then.
/// `kill_half_way` leaves what one leaves that is killed while it extracts.
const TOOLS: &str = r#"
real() { (exec -a pkg_add /usr/lib/zonewright/emulator "$@"); }
kill_early() { (ulimit -f 2; exec -a pkg_add /usr/lib/zonewright/emulator "$@"); }
kill_half_way() {
  local name
  for file; do :; done
  name=${file##*/} name=${name%.*.tgz}
  pkg_delete -f zw-greeter
  mkdir -p "/opt/local/pkg/$name" /opt/local/include
  gtar -xzf "$file" -C "/opt/local/pkg/$name" --wildcards '+*'
  gtar -xzf "$file" -C /opt/local include/a1 include/a2
  head -c 100 /opt/local/include/a1 >/opt/local/include/a3
}
"#;

/// Puts another program in the place of `pkg_add`.
fn replace_pkg_add(zone: &Zone, script: &str) {
    zone.shell(&format!(
        "rm /opt/local/sbin/pkg_add && cat >/opt/local/sbin/pkg_add <<'END'
#!/usr/bin/bash
{TOOLS}{script}
END
chmod 0755 /opt/local/sbin/pkg_add"
    ));
}

fn restore_pkg_add(zone: &Zone) {
    zone.shell("ln -sf /usr/lib/zonewright/emulator /opt/local/sbin/pkg_add");
}

/// One way to fail.
struct Failure {
    name: &'static str,
    /// Brings the cause about.
    before: &'static str,
    /// The program in the place of `pkg_add`, where the real one fails for no cause of its own.
    pkg_add: &'static str,
    /// What must be said.
    says: &'static [&'static str],
    /// Takes the cause away.
    after: &'static str,
}

/// A file system of its own for some of the package's files, old and new, with three pages to spare.
const SMALL_FOLDER: &str = "mkdir /tmp/include && mount -t tmpfs -o mode=0755 tmpfs /tmp/include &&
     cp -a /opt/local/include/. /tmp/include/ && mount --move /tmp/include /opt/local/include &&
     rmdir /tmp/include && read -r _ _ used _ < <(df -kP /opt/local/include | tail -n 1) &&
     mount -o remount,size=$((used + 12))k /opt/local/include";

const WITHOUT_SMALL_FOLDER: &str = "umount /opt/local/include";

const FAILURES: [Failure; 7] = [
    Failure {
        name: "a file is in the way",
        before: "echo mine >/opt/local/include/a3",
        pkg_add: "",
        says: &[
            "zw-greeter-1.1 cannot be installed; nothing was changed:",
            "/opt/local/include/a3 is already there and belongs to no package",
        ],
        after: "rm /opt/local/include/a3",
    },
    Failure {
        name: "a library is missing",
        before: "mv $(pkg_info -Q REQUIRES zw-greeter | grep event) /var/library",
        pkg_add: "",
        says: &[
            "zw-greeter-1.1 cannot be installed; nothing was changed:",
            "no library /opt/local/lib/libevent",
        ],
        after: "mv /var/library $(pkg_info -Q REQUIRES zw-greeter | grep event)",
    },
    Failure {
        name: "something comes into the way after the last look",
        before: "true",
        pkg_add: "mkdir /opt/local/include/a3; echo x >/opt/local/include/a3/x; real \"$@\"",
        says: &[
            "pkg_add: Failed to write include/a3",
            "pkg_add failed with status 1; zw-greeter-1.0 is back in its place and goes on as before",
            "mend what it says and apply again",
        ],
        after: "true",
    },
    Failure {
        name: "pkg_add refuses before it changes anything",
        before: "true",
        pkg_add: "echo 'pkg_add: Conflicting PLIST with x-1.0: a3' >&2; exit 1",
        says: &["pkg_add failed with status 1; zw-greeter-1.0 was not touched; mend what it says"],
        after: "true",
    },
    Failure {
        name: "pkg_add says that all is well, and it is not",
        before: "true",
        pkg_add: "real \"$@\"; pkg_delete -f zw-greeter; exit 0",
        says: &["pkg_add did not put the package in place; zw-greeter-1.0 is back in its place"],
        after: "true",
    },
    Failure {
        name: "the disk is full while files are extracted",
        before: SMALL_FOLDER,
        pkg_add: "",
        says: &[
            "No space left on device",
            "zw-greeter-1.0 is back in its place and goes on as before; the disk is full: make room",
        ],
        after: WITHOUT_SMALL_FOLDER,
    },
    Failure {
        name: "pkg_add is killed in the middle",
        before: "true",
        pkg_add: "kill_half_way \"$@\"; kill -KILL $$",
        says: &[
            "pkg_add failed with status 137; zw-greeter-1.0 is back in its place",
            "something ended it; apply again",
        ],
        after: "true",
    },
];

/// Brings a failure about, and holds what is said and what is left against what must be.
fn fails_and_leaves_the_old_version_serving(zone: &Zone, failure: &Failure) -> Ran {
    let name = failure.name;
    zone.shell(failure.before);
    let before = zone.shell(STATE);
    if !failure.pkg_add.is_empty() {
        replace_pkg_add(zone, failure.pkg_add);
    }
    let apply = zone.apply().exits(1);
    for words in failure.says {
        let said = apply.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{name}: no `{words}`\n{apply}");
    }
    restore_pkg_add(zone);
    assert_eq!(
        zone.greeting(),
        format!("hello from {} loudly 2.1.12-stable", zone.alias),
        "{name}"
    );
    zone.shell("if [ -d /opt/local/include/a3 ]; then rm -r /opt/local/include/a3; fi");
    let after = zone.shell(STATE);
    assert_eq!(differences(&before, &after), "", "{name}: {apply}");
    zone.shell(failure.after);
    nothing_is_left(zone);
    apply
}

#[test]
fn an_installation_that_fails_in_any_way_leaves_the_old_version_serving() {
    let Some(zone) = Zone::serving("swap") else {
        return;
    };
    offer_next(&zone);
    for failure in &FAILURES {
        let apply = fails_and_leaves_the_old_version_serving(&zone, failure);
        let is_first = failure.name == FAILURES[0].name;
        assert_eq!(
            apply.err.contains("compile"),
            is_first,
            "what was built stays built: {apply}"
        );
    }
    let apply = zone.apply().succeeds();
    assert_eq!(zone.greeting(), "hello from swap loudly 2.1.12-stable");
    let index = zone.shell("pkg_info | grep zw-");
    assert_eq!(index.trim(), "zw-greeter-1.1      A greeter", "{apply}");
    zone.shell("test -f /opt/local/include/a8 && pkg_admin -q check zw-greeter");
    nothing_is_left(&zone);
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));

    // back again: the present package and the one before it are kept
    zone.edit(
        "recipes/greeter.toml",
        "version = \"1.1\"",
        "version = \"1.0\"",
    );
    let patch = std::fs::read_to_string(zone.site.join("patches/greeter/loud.patch")).unwrap();
    let patch = patch.replace(INSTALLS_MORE, "");
    zone.write("patches/greeter/loud.patch", &patch);
    zone.apply().succeeds();
    let index = zone.shell("pkg_info | grep zw-");
    assert_eq!(index.trim(), "zw-greeter-1.0      A greeter");
    zone.shell("test ! -e /opt/local/include/a8");
    let kept = zone.shell("ls /var/db/zonewright/packages/zw-greeter | cut -c 1-14");
    assert_eq!(kept, "zw-greeter-1.0\nzw-greeter-1.1\n");
    zone.set_parameters("variant = \"third\"");
    zone.apply().succeeds();
    let kept = zone.shell("ls /var/db/zonewright/packages/zw-greeter | wc -l");
    assert_eq!(kept.trim(), "2");
}

/// End the script that installs, with all that it would have mended.
const KILLED_EARLY: &str = "kill_early \"$@\"; kill -KILL $(ps -o ppid= -p $PPID) $PPID $$";
const KILLED_LATE: &str = "kill_half_way \"$@\"; kill -KILL $(ps -o ppid= -p $PPID) $PPID $$";

/// Restarts the zone at once, as a host that lost its power does.
const REBOOT: &str = "/usr/bin/perl -e 'syscall(169, 0xfee1dead, 672274793, 0x01234567, 0)'";

#[test]
fn an_installation_that_is_killed_is_undone_before_anything_else_and_then_done() {
    let Some(zone) = Zone::serving("killed") else {
        return;
    };
    offer_next(&zone);
    let before = zone.shell(STATE);
    replace_pkg_add(&zone, KILLED_EARLY);
    zone.apply().exits(1);
    restore_pkg_add(&zone);
    let half = zone.shell("ls -d /var/db/zonewright/aside/*.busy; pkg_info -e zw-greeter");
    assert_eq!(
        half,
        "/var/db/zonewright/aside/zw-greeter.busy\nzw-greeter-1.0\nzw-greeter-1.1\n"
    );
    // what runs is not touched by that
    assert_eq!(zone.greeting(), "hello from killed loudly 2.1.12-stable");

    // the next run cannot install either, and the old version is whole again all the same
    replace_pkg_add(&zone, "exit 1");
    let apply = zone.apply().exits(1);
    restore_pkg_add(&zone);
    let note = "the installation of zw-greeter was broken off; back to what was there before: zw-greeter-1.0";
    assert!(apply.err.contains(note), "{apply}");
    let after = zone.shell(STATE);
    assert_eq!(differences(&before, &after), "", "{apply}");
    nothing_is_left(&zone);

    // killed again, and the zone restarted: the service cannot start without its program
    replace_pkg_add(&zone, KILLED_LATE);
    zone.apply().exits(1);
    restore_pkg_add(&zone);
    let half = zone.shell("pkg_info -e zw-greeter; ls /opt/local/sbin/greeter 2>&1; true");
    assert!(half.starts_with("zw-greeter-1.1\n"), "{half}");
    assert!(half.contains("No such file"), "{half}");
    zone.try_shell(REBOOT);
    zone.until(
        "case $(svcs -H -o state svc:/site/greeter:default) in maintenance*) ;; *) exit 1 ;; esac",
    );
    replace_pkg_add(&zone, "exit 1");
    zone.apply().exits(1);
    restore_pkg_add(&zone);
    zone.until("case $(svcs -H -o state,nstate svc:/site/greeter:default) in online*-*) ;; *) exit 1 ;; esac");
    assert_eq!(zone.greeting(), "hello from killed loudly 2.1.12-stable");
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V; pkg_info -e zw-greeter"),
        "greeter 1.0 tested loudly\nzw-greeter-1.0\n"
    );

    // and once more: the next plain apply does it all
    replace_pkg_add(&zone, KILLED_LATE);
    zone.apply().exits(1);
    restore_pkg_add(&zone);
    zone.apply().succeeds();
    assert_eq!(zone.shell("pkg_info -e zw-greeter"), "zw-greeter-1.1\n");
    assert_eq!(zone.greeting(), "hello from killed loudly 2.1.12-stable");
    nothing_is_left(&zone);
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn a_cut_connection_does_not_break_off_an_installation() {
    let Some(zone) = Zone::serving("cut-off") else {
        return;
    };
    zone.set_parameters("variant = \"whole\"");
    // in the middle it says something that nobody hears
    replace_pkg_add(
        &zone,
        "touch /var/tmp/begun; sleep 2; for i in {1..999}; do echo \"pkg_add: $i\" >&2; done; real \"$@\"",
    );
    let apply = zone.start(&["apply", "cut-off"]);
    zone.until("[ -f /var/tmp/begun ]");
    zone.try_shell("pkill -KILL -x sshd-session");
    let apply = apply.wait().succeeds();
    assert!(apply.err.contains("\nlost: "), "{apply}");
    assert!(!apply.err.contains("broken off"), "{apply}");
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 whole loudly\n"
    );
    nothing_is_left(&zone);
}

#[test]
fn an_old_version_that_a_full_disk_keeps_from_coming_back_comes_back_when_there_is_room() {
    let Some(zone) = Zone::serving("no-way-back") else {
        return;
    };
    offer_next(&zone);
    zone.shell(SMALL_FOLDER);
    let before = zone.shell(STATE);
    // whatever pkg_add frees, somebody else takes at once
    replace_pkg_add(
        &zone,
        "real \"$@\"; status=$?
         cat /dev/zero >/opt/local/include/filler 2>/dev/null; exit $status",
    );
    let apply = zone.apply().exits(1);
    restore_pkg_add(&zone);
    let said = "cannot be put back yet; it is kept in /var/db/zonewright/aside/zw-greeter, and the \
                next apply begins by putting it back: the disk is full";
    assert!(apply.err.contains(said), "{apply}");
    let greeting = "hello from no-way-back loudly 2.1.12-stable";
    assert_eq!(zone.greeting(), greeting);
    let apply = zone.apply().exits(1);
    let said =
        "zw-greeter-1.0 cannot be put back; it is kept in /var/db/zonewright/aside/zw-greeter";
    assert!(apply.err.contains(said), "{apply}");
    assert_eq!(zone.greeting(), greeting);

    zone.shell("rm /opt/local/include/filler");
    // room for the old version, and still none for the new one
    zone.apply().exits(1);
    let after = zone.shell(STATE);
    assert_eq!(differences(&before, &after), "");
    zone.shell("mount -o remount,size=64m /opt/local/include");
    zone.apply().succeeds();
    assert_eq!(zone.shell("pkg_info -e zw-greeter"), "zw-greeter-1.1\n");
    assert_eq!(zone.greeting(), greeting);
    nothing_is_left(&zone);
}

#[test]
fn a_disk_that_is_wholly_full_does_not_keep_the_old_version_from_coming_back() {
    let Some(zone) = Zone::new("full-disk") else {
        return;
    };
    // a disk of its own, which can be filled
    let arm = |fault: &str| zone.run(&["sandbox", "up", "full-disk", "--fault", fault]);
    arm("pkg_add#99=full").succeeds();
    zone.apply().succeeds();
    offer_next(&zone);
    // the package is built, and stored by the controller
    replace_pkg_add(&zone, "exit 1");
    zone.apply().exits(1);
    restore_pkg_add(&zone);
    let before = zone.shell(STATE);
    let mend = || zone.run(&["sandbox", "up", "full-disk", "--no-faults"]);
    let greeting = "hello from full-disk loudly 2.1.12-stable";
    let mut outcomes = Vec::new();
    // full at once, among the records, and ever later
    for bytes in [0, 20_000, 40_000, 60_000] {
        mend().succeeds();
        arm(&format!("pkg_add=full({bytes})")).succeeds();
        let apply = zone.apply().exits(1);
        let said = apply.err.split_once("; zw-greeter-1.0 ");
        let (_, said) = said.unwrap_or_else(|| panic!("{bytes}: {apply}"));
        let said = said.lines().next().unwrap();
        assert!(
            said.ends_with("; the disk is full: make room and apply again"),
            "{apply}"
        );
        outcomes.push(said.split(';').next().unwrap().to_owned());
        assert_eq!(zone.greeting(), greeting);
        if bytes == 0 {
            let again = zone.apply().exits(1);
            assert!(
                again.err.contains("No space left") || again.err.contains("no room"),
                "{again}"
            );
        }
        mend().succeeds();
        let after = zone.shell(STATE);
        assert_eq!(differences(&before, &after), "", "{bytes}: {apply}");
        nothing_is_left(&zone);
    }
    assert_eq!(outcomes[0], "was not touched");
    let back = "is back in its place and goes on as before";
    assert!(
        outcomes.iter().any(|outcome| outcome == back),
        "{outcomes:?}"
    );
    zone.apply().succeeds();
    assert_eq!(zone.shell("pkg_info -e zw-greeter"), "zw-greeter-1.1\n");
    assert_eq!(zone.greeting(), greeting);
    nothing_is_left(&zone);
}

#[test]
fn where_there_is_no_room_it_is_said_with_figures_before_anything_changes() {
    let Some(zone) = Zone::serving("no-room") else {
        return;
    };
    let before = zone.shell(STATE);
    zone.set_parameters("variant = \"bigger\"");
    let full = |folder: &str| {
        zone.shell(&format!(
            "mkdir -p {folder} && mount -t tmpfs -o size=16k tmpfs {folder}"
        ));
        let apply = zone.apply().exits(1);
        zone.shell(&format!("umount {folder}"));
        let after = zone.shell(STATE);
        assert_eq!(differences(&before, &after), "", "{apply}");
        nothing_is_left(&zone);
        apply
    };
    let apply = full("/var/db/zonewright/build");
    let said = apply.err.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "there is no room for the build of greeter; it needs 80 KiB on \
               /var/db/zonewright/build, where 12 KiB are free; nothing was changed: make room there";
    assert!(said.contains(why), "{apply}");
    zone.shell("mkdir -p /var/db/zonewright/packages/zw-greeter");
    zone.shell("mount -t tmpfs -o size=4k tmpfs /var/db/zonewright/packages/zw-greeter");
    let apply = zone.apply().exits(1);
    let said = "there is no room for zw-greeter-1.0; it needs ";
    assert!(apply.err.contains(said), "{apply}");
    assert!(apply.err.contains(", where 4 KiB are free"), "{apply}");
    zone.shell("umount /var/db/zonewright/packages/zw-greeter");
    let after = zone.shell(STATE);
    assert_eq!(differences(&before, &after), "", "{apply}");
    zone.apply().succeeds();
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 bigger loudly\n"
    );
}
