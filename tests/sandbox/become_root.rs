//! A zone that is reached by SSH alone, by somebody who is not root.

use std::fs;

use super::harness::{Ran, Zone};

/// Makes `ssh admin@…` work for a private home folder; `sudo` works in the image as it is.
pub fn prepare(zone: &Zone, alias: &str) -> std::path::PathBuf {
    let access = zone.access();
    let home = zone.own("home");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    fs::copy(&access.known_hosts, home.join(".ssh/known_hosts")).unwrap();
    let config = format!(
        "Host {}\n  Port {}\n  IdentityFile {}\n  IdentitiesOnly yes\n",
        access.address,
        access.ssh_port,
        access.identity.display()
    );
    fs::write(home.join(".ssh/config"), config).unwrap();
    zone.write(
        &format!("zones/{alias}.toml"),
        &format!(
            "[zone]\nalias = \"{}\"\nssh = \"admin@{}\"\nbecome = \"sudo\"\n\n[[recipe]]\nname = \"greeter\"\n",
            zone.alias, access.address
        ),
    );
    home
}

#[test]
fn a_login_that_becomes_root_by_sudo_plans_and_applies_as_root_does() {
    let Some(zone) = Zone::new("sudo") else {
        return;
    };
    let home = prepare(&zone, "plain");
    let run = |arguments: &[&str]| {
        let mut command = zone.command(arguments);
        command.env("HOME", &home);
        Ran::of(command)
    };
    let rest = |ran: Ran| ran.succeeds().out.split_once('\n').unwrap().1.to_owned();
    let as_root = rest(run(&["plan", "sudo"]));
    assert!(as_root.contains("+ package gcc13"), "{as_root}");
    assert_eq!(rest(run(&["plan", "plain"])), as_root);

    let apply = run(&["apply", "plain"]).succeeds();
    assert!(
        apply.out.starts_with("plain is as its file says: 15 steps"),
        "{apply}"
    );
    assert_eq!(zone.greeting(), "hello from sudo loudly 2.1.12-stable");
    for zone in ["plain", "sudo"] {
        let again = run(&["apply", zone]).succeeds();
        assert!(again.out.ends_with("): nothing to do\n"), "{again}");
    }
}
