//! What is installed is a package like any other, and the same bytes wherever it was built.

use super::harness::{Zone, differences, files_below};

const LISTING: &str = "find /opt/local /var/svc/manifest -printf '%p %y %m %u:%g %l\\n' | sort";

/// What the package owns, as the listing shows it.
const OWNED: [&str; 3] = [
    "-/opt/local/include/greeter.h f 644 root:root ",
    "-/opt/local/sbin/greeter f 755 root:root ",
    "-/opt/local/sbin/welcome l 777 root:root greeter",
];

#[test]
fn the_package_tools_know_the_package_and_removing_it_leaves_no_trace() {
    let Some(zone) = Zone::serving("tools") else {
        return;
    };
    let list = zone.shell("pkg_info");
    assert!(list.contains("\nzw-greeter-1.0      A greeter\n"), "{list}");
    assert_eq!(
        zone.shell("pkg_info -qn zw-greeter").trim_end(),
        "libevent>=2.1.12"
    );
    assert_eq!(
        zone.shell("pkg_info -qL zw-greeter | sort").trim(),
        "/opt/local/include/greeter.h\n/opt/local/sbin/greeter\n/opt/local/sbin/welcome"
    );
    assert_eq!(
        zone.shell("pkg_admin check zw-greeter >/dev/null; echo $?"),
        "0\n"
    );

    // the package alone, over and over: what was there before is there after
    let package = "/var/db/zonewright/packages/zw-greeter/zw-greeter-1.0.*.tgz";
    let with = zone.shell(LISTING);
    zone.shell("pkg_delete zw-greeter");
    let without = zone.shell(LISTING);
    // the records of the package are the tools' own business
    let gone = differences(&with, &without);
    let gone: Vec<&str> = gone
        .lines()
        .filter(|line| !line.contains("/opt/local/pkg/"))
        .collect();
    assert_eq!(gone, OWNED, "what is gone, and nothing has come");
    zone.shell(&format!(
        "pkg_add -C /var/db/zonewright/pkg_install.conf {package}"
    ));
    assert_eq!(differences(&with, &zone.shell(LISTING)), "");
    zone.shell("pkg_delete zw-greeter");
    assert_eq!(differences(&without, &zone.shell(LISTING)), "");

    // and the next apply brings it back
    let plan = zone.plan().succeeds();
    assert!(plan.out.contains("+ package zw-greeter-1.0"), "{plan}");
    zone.apply().succeeds();
    assert_eq!(differences(&with, &zone.shell(LISTING)), "");
}

#[test]
fn two_builds_of_the_same_inputs_in_two_zones_are_the_same_bytes() {
    let (Some(one), Some(two)) = (Zone::new("build-one"), Zone::new("build-two")) else {
        return;
    };
    one.apply().succeeds();
    two.apply().succeeds();
    let packages = |zone: &Zone| files_below(&zone.folders().packages);
    let (first, second) = (packages(&one), packages(&two));
    let names = |files: &[(std::path::PathBuf, Vec<u8>)]| {
        files
            .iter()
            .map(|(path, _)| path.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        first.len(),
        5,
        "a package, what lies beside it, its platform, their checksums, and the lock"
    );
    assert_eq!(names(&first), names(&second));
    assert!(first == second, "the packages differ in their bytes");
}

#[test]
fn an_upgrade_that_cannot_be_installed_leaves_the_old_version_serving() {
    let Some(zone) = Zone::serving("upgrade") else {
        return;
    };
    let before = zone.shell(LISTING);
    // the next build brings a file that somebody else has put there already
    zone.shell("mkdir -p /opt/local/share && echo mine >/opt/local/share/variant");
    zone.edit(
        "patches/greeter/loud.patch",
        "+static const char *mood = \"loudly\";",
        "+static const char *mood = \"louder\";",
    );
    let patch = std::fs::read_to_string(zone.site.join("patches/greeter/loud.patch")).unwrap();
    zone.write(
        "patches/greeter/loud.patch",
        &format!("{patch}{INSTALLS_MORE}"),
    );
    zone.edit(
        "recipes/greeter.toml",
        "{{parameters.variant}} loudly",
        "{{parameters.variant}} louder",
    );
    let apply = zone.apply().exits(1);
    let why = "zw-greeter-1.0 cannot be installed; nothing was changed:";
    assert!(apply.err.contains(why), "{apply}");
    let what = "/opt/local/share/variant is already there and belongs to no package";
    assert!(apply.err.contains(what), "{apply}");
    assert_eq!(zone.greeting(), "hello from upgrade loudly 2.1.12-stable");
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 tested loudly\n"
    );
    zone.shell("rm /opt/local/share/variant");
    assert_eq!(differences(&before, &zone.shell(LISTING)), "");

    let again = zone.apply().succeeds();
    assert!(
        !again.err.contains("compile"),
        "what was built stays built: {again}"
    );
    assert_eq!(zone.greeting(), "hello from upgrade louder 2.1.12-stable");
}

const INSTALLS_MORE: &str = "--- greeter-1.0/meson.build
+++ greeter-1.0/meson.build
@@ -9,4 +9,5 @@
     install_dir: 'sbin',
 )
 install_data('greeter.h', install_dir: 'include')
+install_data('greeter.h', rename: 'variant', install_dir: 'share')
 install_symlink('welcome', install_dir: 'sbin', pointing_to: 'greeter')
";

#[test]
fn a_pkg_add_that_fails_half_way_is_undone() {
    let Some(zone) = Zone::serving("half-way") else {
        return;
    };
    let before = zone.shell(LISTING);
    // pkg_add itself fails after it has removed the old package: what it does is done, and its
    // status is not 0
    zone.shell(
        "mv /opt/local/sbin/pkg_add /opt/local/sbin/pkg_add.real &&
         printf '%s\\n' '#!/usr/bin/bash' '/opt/local/sbin/pkg_delete -f zw-greeter' 'exit 1' >/opt/local/sbin/pkg_add &&
         chmod 0755 /opt/local/sbin/pkg_add",
    );
    zone.set_parameters("variant = \"proved\"");
    let apply = zone.apply().exits(1);
    let said = "pkg_add failed with status 1; zw-greeter-1.0 is back in its place";
    assert!(apply.err.contains(said), "{apply}");
    zone.shell("mv -f /opt/local/sbin/pkg_add.real /opt/local/sbin/pkg_add");
    assert_eq!(differences(&before, &zone.shell(LISTING)), "");
    assert_eq!(zone.greeting(), "hello from half-way loudly 2.1.12-stable");
    assert_eq!(
        zone.shell("pkg_admin check zw-greeter >/dev/null; echo $?"),
        "0\n"
    );
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 tested loudly\n"
    );
    zone.apply().succeeds();
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 proved loudly\n"
    );
}
