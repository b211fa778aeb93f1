//! The same zone by a zone file that names its host: the alias is a text for people, and the login
//! comes from a configuration of OpenSSH's.

use std::fs;

use serde_json::json;

use super::ledger::{Joined, Ledger, joined};
use super::place::{Place, is_fit_for_a_terminal};

const ALIAS: &str = "zone zone.alias";

fn alias() -> Joined {
    let mut all = joined(ALIAS, " ", 999);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub fn read(place: &Place, ledger: &mut Ledger) {
    let zone = &place.zone;
    let access = zone.access();
    let home = zone.own("a home; 'ü'");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    for (from, name) in [
        (&access.identity, "the key"),
        (&access.known_hosts, "the hosts"),
    ] {
        fs::copy(from, home.join(".ssh").join(name)).unwrap();
    }
    let config = format!(
        "Host by-ssh\n  HostName {}\n  Port {}\n  User root\n  IdentityFile \"~/.ssh/the key\"\n  \
         UserKnownHostsFile \"~/.ssh/the hosts\"\n",
        access.address, access.ssh_port
    );
    fs::write(home.join(".ssh/config"), config).unwrap();
    place.zone.write("templates/alias.hbs", "{{zone.alias}}");
    place.recipe(
        "alias",
        &json!({
            "package": { "name": "alias", "version": "1.0", "summary": "Nothing" },
            "build": { "system": "custom", "custom": { "stage": [["/opt/record"]] },
                       "environment": { "RECORD_NAME": "alias" } },
            "file": [{ "path": "/srv/alias", "template": "alias.hbs" }],
        }),
    );
    let file = json!({
        "zone": { "alias": alias().raw, "ssh": "by-ssh" }, "recipe": [{ "name": "alias" }],
    });
    place.zone_file("by-ssh", &file);
    let mut command = zone.command(&["apply", "by-ssh", "-vv"]);
    command.env("HOME", &home);
    let applied = crate::sandbox::harness::Ran::of(command);
    is_fit_for_a_terminal(&applied);
    applied.succeeds();
    let found = String::from_utf8(place.read("/srv/alias")).unwrap();
    ledger.hold(ALIAS, &alias(), &found);
}
