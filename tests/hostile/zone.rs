//! What a zone refuses or fails at: the greeter serves before and after, and what it serves is the
//! same.

use super::row::{PATCH, RECIPE, Row, Site, differences, end, names, paths, state, status};
use crate::sandbox::harness::Zone;

/// A row for a zone in which the greeter serves.
struct InZone {
    row: Row,
    /// Broken in the zone itself, and mended again.
    scripts: [&'static str; 2],
    /// Further words of the command line.
    words: &'static [&'static str],
    status: i32,
    touches: Touches,
}

/// What a row that fails may have changed.
#[derive(PartialEq)]
enum Touches {
    Nothing,
    /// Our own folder: a build tree, a note that checks are due.
    Notes,
    /// What is served, until it is mended.
    Service,
}

fn rows() -> Vec<InZone> {
    vec![
        InZone {
            row: Row {
                name: "edited-file",
                broken: |site| site.edit(RECIPE, "hello from", "good day from"),
                says: [
                    "/opt/local/etc/greeter.conf",
                    "was edited by hand",
                    "`--overwrite`",
                ],
                is_golden: true,
            },
            scripts: [
                "cp -p /opt/local/etc/greeter.conf /tmp/kept; echo '# mine' >>/opt/local/etc/greeter.conf",
                "mv /tmp/kept /opt/local/etc/greeter.conf",
            ],
            words: &[],
            status: 1,
            touches: Touches::Nothing,
        },
        InZone {
            row: Row {
                name: "file-of-another-package",
                broken: |site| {
                    let text = site
                        .read(RECIPE)
                        .replace("/opt/local/etc/greeter.conf", "/opt/local/include/event.h");
                    site.write(RECIPE, &text);
                },
                says: [
                    "/opt/local/include/event.h",
                    "belongs to the package libevent-",
                    "another path",
                ],
                is_golden: true,
            },
            scripts: ["pkg_info -Fe /opt/local/include/event.h", ":"],
            words: &[],
            status: 1,
            touches: Touches::Nothing,
        },
        InZone {
            row: Row {
                name: "unknown-package",
                broken: |site| {
                    site.edit(
                        RECIPE,
                        "\"ninja-build\"]",
                        "\"ninja-build\", \"pkgconf\", \"ninjja\"]",
                    )
                },
                says: [
                    "correct [dependencies] in the recipe greeter",
                    "ninjja is not available in the repository",
                    "`pkgin search` in the zone finds names",
                ],
                is_golden: true,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "dependency-too-old",
                broken: |site| site.edit(RECIPE, "[\"libevent\"]", "[\"libevent>=9\"]"),
                says: [
                    "correct [dependencies] in the recipe greeter",
                    "libevent>=9 is not available in the repository",
                    "it has libevent-2.1.12",
                ],
                is_golden: true,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "no-compiler",
                broken: |site| site.edit(RECIPE, "\"gcc13\", ", ""),
                says: [
                    "the recipe greeter",
                    "names no compiler",
                    "as in `\"gcc13\"`",
                ],
                is_golden: true,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Nothing,
        },
        InZone {
            row: Row {
                name: "unknown-option",
                broken: |site| {
                    let option = "\"-Dvariant={{parameters.variant}}\"";
                    site.edit(RECIPE, option, "\"-Dvariants={{parameters.variant}}\"");
                },
                says: ["configure", "variants", "zonewright"],
                is_golden: false,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "compile-error",
                broken: |site| {
                    let good = "+static const char *mood = \"loudly\";";
                    site.edit(PATCH, good, "+static const char *mood = loudly;");
                },
                says: ["compile", "greeter.c:24:27: error: ", "zonewright"],
                is_golden: false,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "link-error",
                broken: |site| {
                    let good = "+static const char *mood = \"loudly\";";
                    let lacks = "+extern const char *mood;";
                    site.edit(PATCH, good, lacks);
                },
                says: ["compile", "undefined reference to `mood'", "zonewright"],
                is_golden: false,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "installs-over-another-package",
                broken: |site| {
                    let text = site.read(PATCH);
                    site.write(PATCH, &format!("{text}{INSTALLS_MORE}"));
                },
                says: [
                    "zw-greeter-1.0 cannot be installed; nothing was changed",
                    "/opt/local/include/event.h is already there and belongs to libevent-",
                    "`discard = [\"PATH\"]` in the recipe's `[build]`",
                ],
                is_golden: true,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "read-only-prefix",
                broken: |site| variant(site, "other"),
                says: [
                    "/opt/local in the zone",
                    "is read-only",
                    "`zfs get readonly`",
                ],
                is_golden: true,
            },
            scripts: [
                "mount --bind /opt/local /opt/local && mount -o remount,ro,bind /opt/local",
                "umount /opt/local",
            ],
            words: &[],
            status: 1,
            touches: Touches::Nothing,
        },
        InZone {
            row: Row {
                name: "disk-full",
                broken: |site| variant(site, "full"),
                says: [
                    "/var/db/zonewright/build",
                    "there is no room for the build of greeter",
                    "make room there, or raise the zone's quota",
                ],
                is_golden: true,
            },
            scripts: [
                "mkdir -p /var/db/zonewright/build && mount -t tmpfs -o size=64k none /var/db/zonewright/build",
                "umount /var/db/zonewright/build",
            ],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "disk-full-while-compiling",
                broken: |site| variant(site, "fuller"),
                says: ["configure", "No space left on device", "zonewright"],
                is_golden: false,
            },
            scripts: [
                "mount -t tmpfs -o size=200k none /var/db/zonewright/build",
                "umount /var/db/zonewright/build",
            ],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "check-fails",
                broken: |site| site.edit(RECIPE, "{{parameters.variant}} loudly", "softly"),
                says: [
                    "the check “it is the patched one” does not pass",
                    "its output does not contain `softly`: greeter 1.0 tested loudly",
                    "the `[[check]]` in the recipe",
                ],
                is_golden: true,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Notes,
        },
        InZone {
            row: Row {
                name: "maintenance-at-once",
                broken: |site| {
                    start(
                        site,
                        "\"/opt/local/etc/greeter.conf\", \"nobody-there\"",
                        "5s",
                    )
                },
                says: [
                    "svc:/site/greeter:default is in maintenance",
                    "usage: greeter -V | greeter CONF USER",
                    "/var/svc/log/site-greeter:default.log",
                ],
                is_golden: false,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Service,
        },
        InZone {
            row: Row {
                name: "maintenance-after-a-while",
                broken: |site| {
                    site.edit(
                        RECIPE,
                        "\"/opt/local/sbin/greeter\", \"/opt",
                        "\"/usr/bin/bash\", \"/opt",
                    );
                    // SMF gives up after ten attempts, and there is no need to wait longer
                    start(
                        site,
                        "\"-c\", \"(sleep 0.2; echo cannot go on; exit 1) &\"",
                        "10min",
                    );
                },
                says: [
                    "the check “it listens” does not pass: nothing listens on 127.0.0.1:7007",
                    "State: maintenance since",
                    "/var/svc/log/site-greeter:default.log",
                ],
                is_golden: false,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Service,
        },
        InZone {
            row: Row {
                name: "does-not-listen",
                broken: |site| {
                    site.edit(
                        RECIPE,
                        "\"/opt/local/sbin/greeter\", \"/opt",
                        "\"/usr/bin/bash\", \"/opt",
                    );
                    start(site, "\"-c\", \"echo deaf; sleep 1000 &\"", "5s");
                },
                says: [
                    "the check “it listens” does not pass",
                    "nothing listens on 127.0.0.1:7007",
                    "the `[[check]]` in the recipe",
                ],
                is_golden: false,
            },
            scripts: [":", ":"],
            words: &[],
            status: 1,
            touches: Touches::Service,
        },
    ]
}

/// Starts the greeter with other arguments, and gives its check another patience.
fn start(site: &Site, arguments: &str, within: &str) {
    site.edit(
        RECIPE,
        "\"/opt/local/etc/greeter.conf\", \"greeter\"",
        arguments,
    );
    site.edit(
        RECIPE,
        "tcp  = { port = 7007 }",
        &format!("tcp  = {{ port = 7007 }}\nwithin = \"{within}\""),
    );
}

/// Another build with nothing wrong with it.
fn variant(site: &Site, variant: &str) {
    let zone = site.read(&site.zone_file());
    let parameters = format!("parameters = {{ variant = \"{variant}\" }}\n");
    site.write(&site.zone_file(), &(zone + &parameters));
}

const INSTALLS_MORE: &str = "--- greeter-1.0/meson.build
+++ greeter-1.0/meson.build
@@ -9,4 +9,5 @@
     install_dir: 'sbin',
 )
 install_data('greeter.h', install_dir: 'include')
+install_data('greeter.h', rename: 'event.h', install_dir: 'include')
 install_symlink('welcome', install_dir: 'sbin', pointing_to: 'greeter')
";

/// The lines of a state that a row must not change.
fn kept(state: &str, touches: &Touches) -> String {
    let ours = "/var/db/zonewright";
    let is_kept = |line: &&str| *touches == Touches::Nothing || !line.starts_with(ours);
    let lines: Vec<&str> = state.lines().filter(is_kept).collect();
    lines.join("\n")
}

#[test]
fn a_serving_zone_goes_on_serving_whatever_is_wrong() {
    let Some(zone) = Zone::new("hostile-serving") else {
        return;
    };
    zone.apply().succeeds();
    let greeting = zone.greeting();
    let rows = rows();
    let mut wrong = Vec::new();
    for row in &rows {
        let site = Site::fresh(&zone.site, &zone.alias);
        (row.row.broken)(&site);
        let [broken, mended] = row.scripts;
        zone.shell(broken);
        let before = state(&zone);
        let ran = zone.run(&[&["apply", &zone.alias], row.words].concat());
        let paths = paths(&zone);
        let names = names(&paths);
        wrong.extend(status(&ran, row.status).err());
        wrong.extend(row.row.judge(&ran.err, &names).err());
        let after = state(&zone);
        let changed = differences(&kept(&before, &row.touches), &kept(&after, &row.touches));
        if row.touches != Touches::Service && !changed.is_empty() {
            wrong.push(format!("{} changed the zone:\n{changed}", row.row.name));
        }
        let partial = zone.folders().cache.join("partial");
        if partial.is_dir() && partial.read_dir().unwrap().next().is_some() {
            wrong.push(format!("{} left a part of a download", row.row.name));
        }
        zone.shell(mended);
        if row.touches == Touches::Service {
            Site::fresh(&zone.site, &zone.alias);
            zone.apply().succeeds();
        }
        if zone.greeting() != greeting {
            wrong.push(format!("{} does not greet as before", row.row.name));
        }
    }
    end("zone", rows.len(), &wrong);
    Site::fresh(&zone.site, &zone.alias);
    zone.apply().succeeds();
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}
