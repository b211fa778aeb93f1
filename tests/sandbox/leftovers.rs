//! What killed commands and runs leave behind is seen, does no harm, and goes.

use super::harness::Zone;

/// What an update that is killed leaves among the records of the package database.
fn leave_update(zone: &Zone, package: &str) {
    zone.shell(&format!(
        "cd /opt/local/pkg && mkdir {package}.xxxxxx && cp -p {package}/+CONTENTS {package}.xxxxxx/ &&
         if [ -f {package}/+REQUIRED_BY ]; then mv {package}/+REQUIRED_BY {package}.xxxxxx/; fi"
    ));
}

#[test]
fn what_killed_updates_leave_in_the_package_database_hinders_nothing_and_goes() {
    let Some(zone) = Zone::serving("leftover") else {
        return;
    };
    let needed = "cat /opt/local/pkg/libevent-*/+REQUIRED_BY";
    assert_eq!(zone.shell(needed), "zw-greeter-1.0\n");
    leave_update(&zone, "zw-greeter-1.0");
    let libevent = zone.shell("pkg_info -e libevent");
    leave_update(&zone, libevent.trim());
    // a record without content is what `pkg_info` cannot stand
    zone.shell("mkdir /opt/local/pkg/other-1.0.xxxxxx");
    zone.try_shell("pkg_info >/dev/null 2>&1").exits(2);
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));

    zone.set_parameters("variant = \"after\"");
    zone.apply().succeeds();
    assert_eq!(zone.shell(needed), "zw-greeter-1.0\n");
    zone.shell("pkg_info >/dev/null; ! ls -d /opt/local/pkg/*.xxxxxx 2>/dev/null");
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 after loudly\n"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn temporary_files_of_a_killed_run_go_with_the_next_one() {
    let Some(zone) = Zone::serving("temporary") else {
        return;
    };
    zone.shell(
        "cd /var/db/zonewright && mkdir -m 0700 temporary && mkdir -p aside/zw-greeter.new packages/zw-greeter &&
         echo secret >temporary/hash && echo x >/etc/.shadow.zonewright.new &&
         echo x >/opt/local/etc/.greeter.conf.zonewright.new && echo keep >/opt/local/etc/other &&
         printf '%s\\n' /etc/.shadow.zonewright.new /opt/local/etc/.greeter.conf.zonewright.new \
           /opt/local/etc/other /opt/lo >temporary/places &&
         echo x >packages/zw-greeter/zw-greeter-1.1.tgz.new && echo x >receipts/.greeter.new &&
         echo x >starts/svc:_site_greeter:default.new",
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
    zone.set_parameters("greeting = \"good day\"");
    zone.apply().succeeds();
    let left = zone.shell(
        "find /var/db/zonewright /opt/local/etc /etc /var/svc/manifest -name '*.new' \
         -o -name temporary -o -path '*/aside/*'; cat /opt/local/etc/other",
    );
    assert_eq!(left, "keep\n", "and only what is ours");
    assert_eq!(zone.greeting(), "good day loudly 2.1.12-stable");
}

#[test]
fn an_upload_that_arrives_damaged_leaves_nothing_behind() {
    let Some(zone) = Zone::serving("damaged") else {
        return;
    };
    zone.set_parameters("greeting = \"other\"");
    let file = std::fs::read_to_string(zone.site.join("zones/damaged.toml")).unwrap();
    let user = "\n[[user]]\nname = \"matt\"\nuid = 1234\npassword = { command = [\"echo\", \"secret\"] }\n";
    // for the hash of a password, then for the files of the recipe
    for user in [user, ""] {
        zone.write("zones/damaged.toml", &(file.clone() + user));
        // of what is sent only the beginning is received
        zone.shell(
            "cp /usr/bin/cat /var/cat && printf '%s\\n' '#!/usr/bin/bash' \
               'case $(readlink /proc/$$/fd/1) in */zonewright/temporary/*) exec head -c 10 ;; esac' \
               'exec /var/cat \"$@\"' >/var/short && chmod 0755 /var/short &&
             mount --bind /var/short /usr/bin/cat",
        );
        let apply = zone.apply().exits(1);
        zone.shell("umount /usr/bin/cat; rm /var/cat /var/short");
        assert!(
            apply.err.contains("arrived damaged or cut short"),
            "{apply}"
        );
        let left = zone.shell(
            "find /var/db/zonewright /etc /opt/local/etc -name '*zonewright.new' -o -name temporary
             getent shadow matt | cut -d: -f 2",
        );
        assert_eq!(left, "NP\n");
    }
    assert_eq!(zone.greeting(), "hello from damaged loudly 2.1.12-stable");
    zone.write("zones/damaged.toml", &(file + user));
    zone.apply().succeeds();
    assert_eq!(zone.greeting(), "other loudly 2.1.12-stable");
    let hash = zone.shell("getent shadow matt | cut -d: -f 2");
    assert!(hash.starts_with("$6$"), "{hash}");
}

#[test]
fn build_trees_that_nobody_wants_any_more_go_and_what_runs_there_ends() {
    let Some(zone) = Zone::serving("abandoned") else {
        return;
    };
    let trees = "ls /var/db/zonewright/build 2>/dev/null; true";
    assert_eq!(zone.shell(trees), "");
    let (good, bad) = (
        "+static const char *mood = \"loudly\";",
        "+static const char *mood = loudly;",
    );
    zone.edit("patches/greeter/loud.patch", good, bad);
    zone.apply().exits(1);
    let failed = zone.shell(trees);
    assert_eq!(failed.lines().count(), 1, "{failed}");
    let tree = format!("/var/db/zonewright/build/{}", failed.trim());
    assert_eq!(zone.shell(&format!("cat {tree}/recipe")), "greeter\n");
    // the tree of the wanted build is kept
    zone.apply().exits(1);
    assert_eq!(zone.shell(trees), failed);
    // a status of which nothing was written is none
    zone.shell(&format!(": >{tree}/source.rc"));
    let plan = zone.plan().succeeds();
    assert!(plan.out.contains("send the sources of"), "{plan}");
    zone.apply().exits(1);
    assert_eq!(zone.shell(&format!("cat {tree}/source.rc")), "0\n");

    // as if a phase were still at work there, in a contract of its own
    zone.shell(&format!(
        "printf '%s\\n' 'ps -o ctid= -p $$ >{tree}/compile.ctid' \
           'kstat -p unix:0:system_misc:boot_time >{tree}/compile.boot' 'exec sleep 4321' >/tmp/phase &&
         ctrun -l none -o pgrponly bash /tmp/phase </dev/null >/dev/null 2>&1 &&
         for _ in {{1..100}}; do pgrep -f '^sleep 4321$' >/dev/null && break; sleep 0.1; done
         pgrep -f '^sleep 4321$'"
    ));
    zone.edit("patches/greeter/loud.patch", bad, good);
    let plan = zone.plan().succeeds();
    assert!(plan.out.contains(&format!("- build tree {tree}")), "{plan}");
    zone.apply().succeeds();
    assert_eq!(zone.shell(trees), "");
    zone.try_shell("pgrep -f '^sleep 4321$'").exits(1);
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));

    // and the same behind the installation of another build
    zone.edit("patches/greeter/loud.patch", good, bad);
    zone.apply().exits(1);
    zone.edit("patches/greeter/loud.patch", bad, good);
    zone.set_parameters("variant = \"another\"");
    zone.apply().succeeds();
    assert_eq!(zone.shell(trees), "");
}

#[test]
fn a_dependency_whose_installation_was_killed_is_installed_anew_and_others_are_left() {
    let Some(zone) = Zone::serving("half-dependency") else {
        return;
    };
    let names = "pkg_info -e '*' | sort";
    let before = zone.shell(names);
    // registered, and some of its files are not there: what pkgin leaves that is killed. The records of
    // others are younger than its beginning too, and what is wrong with some of them was so before.
    zone.shell(
        "pkg_info -e '*' | grep -v '^ninja-build-' >/var/db/zonewright/pkgin.busy && pkg_admin rebuild-tree &&
         touch /opt/local/pkg/*/ /opt/local/pkg/ninja-build-*/+CONTENTS &&
         rm \"$(pkg_info -qL openssl | sed -n '$p')\" && rm /opt/local/bin/ninja",
    );
    leave_update(&zone, zone.shell("pkg_info -e libevent").trim());
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
    zone.set_parameters("variant = \"whole\"");
    let apply = zone.apply().succeeds();
    let words = apply.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        words.matches("by pkgin was broken off").count(),
        1,
        "{apply}"
    );
    assert!(
        words.contains("note: the installation of ninja-build-"),
        "{apply}"
    );
    assert!(words.contains("package ninja-build"), "{apply}");
    assert_eq!(zone.shell(names), before);
    zone.shell("test -e /opt/local/bin/ninja && test ! -e /var/db/zonewright/pkgin.busy");
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 whole loudly\n"
    );
}

#[test]
fn both_versions_of_a_package_go_whose_update_was_killed() {
    let Some(zone) = Zone::serving("half-update") else {
        return;
    };
    let names = "pkg_info -e '*' | sort";
    let before = zone.shell(names);
    // the old one is half deleted, and of the new one there is the record
    zone.shell(
        "cd /opt/local/pkg && pkg_info -e '*' >/var/db/zonewright/pkgin.busy &&
         old=$(pkg_info -e ninja-build) && cp -Rp \"$old\" ninja-build-99 &&
         sed -i \"s/^@name .*/@name ninja-build-99/\" ninja-build-99/+CONTENTS &&
         rm /opt/local/bin/ninja",
    );
    zone.set_parameters("variant = \"whole\"");
    let apply = zone.apply().succeeds();
    assert_eq!(
        apply.err.matches("by pkgin was broken off").count(),
        2,
        "{apply}"
    );
    assert_eq!(zone.shell(names), before);
    zone.shell("test -e /opt/local/bin/ninja");
}

#[test]
fn pkgin_notes_what_was_there_before_it_begins() {
    let Some(zone) = Zone::serving("noted") else {
        return;
    };
    zone.shell("pkgin -y remove ninja-build");
    let before = zone.shell("pkg_info -e '*' | sort");
    zone.shell(
        "cp /usr/bin/mv /var/mv && printf '%s\\n' '#!/usr/bin/bash' \
           'case $3 in */pkgin.busy) cp \"$2\" /var/noted ;; esac' 'exec /var/mv \"$@\"' >/var/short &&
         chmod 0755 /var/short && mount --bind /var/short /usr/bin/mv",
    );
    let apply = zone.apply();
    // a package that comes takes the mount away
    zone.shell("umount /usr/bin/mv 2>/dev/null; true");
    apply.succeeds();
    assert_eq!(zone.shell("sort /var/noted"), before);
    zone.shell("test ! -e /var/db/zonewright/pkgin.busy");
}
