//! Logins that do not become root.

use super::row::{Row, Site, differences, end, names, paths, state, status};
use crate::sandbox::become_root::prepare;
use crate::sandbox::harness::{Ran, Zone};

const NOTHING: fn(&Site) = |_| {};

/// A login that is not root's, what is broken in the zone, and what mends it.
struct Login {
    row: Row,
    /// From and to, in the zone file.
    edit: [&'static str; 2],
    scripts: [&'static str; 2],
}

const ROWS: &[Login] = &[
    Login {
        row: Row {
            name: "sudo-wants-a-password",
            broken: NOTHING,
            says: [
                "cannot become root on `admin@ADDRESS",
                "sudo: a password is required",
                "NOPASSWD: ALL",
            ],
            is_golden: true,
        },
        edit: ["", ""],
        scripts: [
            "cd /opt/local/etc/sudoers.d && cp -p admin /tmp/kept && echo 'admin ALL=(ALL) ALL' >admin",
            "cat /tmp/kept >/opt/local/etc/sudoers.d/admin && rm /tmp/kept",
        ],
    },
    Login {
        row: Row {
            name: "not-root",
            broken: NOTHING,
            says: [
                "plain",
                "the login has the uid 100, and only root can make these changes",
                "write `become = \"sudo\"` (or `\"pfexec\"`) in the zone file's `[zone]`",
            ],
            is_golden: true,
        },
        edit: ["become = \"sudo\"\n", ""],
        scripts: [":", ":"],
    },
];

#[test]
fn a_login_that_does_not_become_root_is_told_how_it_could() {
    let Some(zone) = Zone::new("hostile-become") else {
        return;
    };
    let home = prepare(&zone, "plain");
    let run = |words: &[&str]| {
        let mut command = zone.command(words);
        command.env("HOME", &home);
        Ran::of(command)
    };
    let address = zone.access().address.to_string();
    let good = std::fs::read_to_string(zone.site.join("zones/plain.toml")).unwrap();
    let paths = paths(&zone);
    let mut names = names(&paths).to_vec();
    names.push((&address, "ADDRESS"));
    let mut wrong = Vec::new();
    for row in ROWS {
        let [from, to] = row.edit;
        zone.write("zones/plain.toml", &good.replacen(from, to, 1));
        let [broken, mended] = row.scripts;
        zone.shell(broken);
        let before = state(&zone);
        for verb in ["plan", "apply"] {
            let ran = run(&[verb, "plain"]);
            wrong.extend(status(&ran, 1).err());
            wrong.extend(row.row.judge(&ran.err, &names).err());
        }
        let changed = differences(&before, &state(&zone));
        if !changed.is_empty() {
            wrong.push(format!("{} changed the zone:\n{changed}", row.row.name));
        }
        zone.shell(mended);
    }
    end("become", ROWS.len(), &wrong);
    zone.write("zones/plain.toml", &good);
    run(&["plan", "plain"]).succeeds();
}
