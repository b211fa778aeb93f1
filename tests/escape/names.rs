//! Names that come from elsewhere: of files in archives and packages, of folders on the command line,
//! of zones and of hosts.

use serde_json::{Value, json};
use zonewright::host::ssh::{SshConfig, SshTarget};
use zonewright::receipt::sha256_hex;
use zonewright::script::quote;
use zonewright::show::plain;

use super::build::{NAMES, NOT_IN_PACKAGES};
use super::nasty::{self, canary};
use super::place::{Place, archive, is_fit_for_a_terminal};
use crate::sandbox::harness::Ran;

const SHARE: &str = "/opt/local/share/torn";

/// A recipe whose build stages the files of a list.
fn recipe(summary: &str, discard: &[&str], sha256: &str) -> Value {
    json!({
        "package": { "name": "torn", "version": "1.0", "summary": summary },
        "source": [{
            "urls": ["https://example.invalid/it's;$HOME~root*(1).tar.gz"], "sha256": sha256,
        }],
        "build": {
            "system": "custom", "custom": { "stage": [["/opt/stage"], ["/opt/links"]] },
            "environment": { "RECORD_NAME": "torn" }, "discard": discard,
        },
    })
}

/// A link to each file of a folder, with a name of its own.
const LINKS: &str = r#"#!/usr/bin/bash
cd "$DESTDIR/opt/local/share/torn" || exit 1
mkdir links || exit 1
for name in good/* good/.[!.]*; do
  [ -e "$name" ] && { ln -s -- "../$name" "links/${name#good/}" || exit 1; }
done
exit 0
"#;

#[test]
fn names_of_files_come_through_packages_or_are_refused() {
    let Some(place) = Place::new("torn") else {
        return;
    };
    let zone = &place.zone;
    place.program("/opt/links", LINKS);
    let packed = archive(&[("root/any", "x\n", 0o644)]);
    let folder = zone.own(&format!("dist; $(touch {}-dist) files", canary()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("it's;$HOME~root*(1).tar.gz"), &packed).unwrap();
    let sha256 = sha256_hex(&packed);
    place.zone_file(
        "torn",
        &json!({ "host": { "sandbox": true }, "zone": { "alias": "torn" }, "recipe": [{ "name": "torn" }] }),
    );
    let good: Vec<String> = NAMES
        .iter()
        .map(|name| format!("{SHARE}/good/{name}"))
        .collect();
    let at = |name: &str| match name.starts_with(['@', '+']) {
        true => format!("/opt/local/{name}"),
        false => format!("{SHARE}/bad/{name}"),
    };
    let bad: Vec<String> = NOT_IN_PACKAGES.iter().map(|name| at(name)).collect();
    place.list("/opt/staged/torn", &[good.clone(), bad.clone()].concat());
    let apply = || {
        let ran = zone.run(&["apply", "torn", "--distfiles", folder.to_str().unwrap()]);
        is_fit_for_a_terminal(&ran);
        ran
    };

    place.recipe("torn", &recipe("The first", &[], &sha256));
    let refused = apply().exits(1);
    for path in &bad {
        let line = format!("`{}` cannot be listed in a package", plain::line(path));
        assert!(refused.err.contains(&line), "{line}: {refused}");
        let left_out = match path.contains(char::is_control) {
            true => format!("{SHARE}/bad/"),
            false => path.clone(),
        };
        let help = format!("discard = [\"{left_out}\"]");
        assert!(refused.err.contains(&help), "{help}: {refused}");
    }
    zone.shell("! pkg_info -qe zw-torn && test ! -e /opt/local/share/torn");

    let discard = format!("{SHARE}/bad/");
    let discard = [&discard, "/opt/local/@a", "/opt/local/+b"];
    place.recipe("torn", &recipe("The first", &discard, &sha256));
    apply().succeeds();
    let holds = |what: &str| {
        for (path, found) in good.iter().zip(place.read_all(&good)) {
            assert_eq!(String::from_utf8(found).unwrap(), *path, "{what}");
        }
        let links = NAMES
            .iter()
            .map(|name| quote(&format!("{SHARE}/links/{name}")));
        let links = links.collect::<Vec<_>>().join(" ");
        let targets = zone.shell(&format!(
            "for link in {links}; do readlink -- \"$link\"; done"
        ));
        let wanted = NAMES.iter().map(|name| format!("../good/{name}\n"));
        assert_eq!(targets, wanted.collect::<String>(), "{what}");
        zone.shell("pkg_admin check zw-torn");
    };
    holds("installed");
    // a new package over the old one, at first in vain: the old one comes back whole
    place.recipe("torn", &recipe("The second", &discard, &sha256));
    zone.arm(&["pkg_add=fail(1,no)"]);
    apply().exits(1);
    holds("put back");
    assert!(zone.shell("pkg_info -qc zw-torn").contains("The first"));
    apply().succeeds();
    holds("replaced");
    assert!(zone.shell("pkg_info -qc zw-torn").contains("The second"));
    assert_eq!(zone.shell(&format!("ls {SHARE}")), "good\nlinks\n");
    // what a member's own name would make, wherever it was unpacked
    zone.shell("! find / -xdev -name 'zw-pwned*' -not -path '*/names/*' -not -path '*/good/*' 2>/dev/null | grep .");
    place.nobody_was_pwned();
}

#[test]
fn a_destination_is_a_host_or_refused_and_never_an_option() {
    let home = tempfile::tempdir().unwrap();
    let config = SshConfig::load(home.path(), "me", None, &[]).unwrap();
    let own = [
        "-oProxyCommand=touch /tmp/x",
        "root@-oProxyCommand=x",
        "-l",
        "a,b",
        "*",
        "!a",
        "@a",
    ];
    let texts = nasty::all().into_iter().map(|(_, text)| text);
    for text in texts.chain(own.map(str::to_owned)) {
        for destination in [
            text.clone(),
            format!("root@{text}"),
            format!("{text}@vault"),
        ] {
            let Ok(target) = SshTarget::parse(&destination, &config) else {
                continue;
            };
            let is_safe = |word: &str| {
                !word.is_empty()
                    && !word.starts_with('-')
                    && !word.contains(|c: char| c.is_whitespace() || c.is_control())
            };
            assert!(is_safe(&target.host), "{destination:?}: {target:?}");
            assert!(is_safe(&target.user), "{destination:?}: {target:?}");
            assert!(target.jumps.is_empty());
        }
    }
}

#[test]
fn names_on_the_command_line_lead_nowhere_else_and_reach_no_terminal_raw() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    std::fs::create_dir_all(site.join("zones")).unwrap();
    let outside = folder.path().join("state/zonewright/outside/0-00");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("run.json"), "{}").unwrap();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(crate::sandbox::harness::BINARY);
        command.arg("--site").arg(&site).args(words);
        command.env("XDG_STATE_HOME", folder.path().join("state"));
        command.env("NO_COLOR", "1");
        Ran::of(command)
    };
    let texts = nasty::all().into_iter().map(|(_, text)| text);
    let texts = texts.filter(|text| !text.contains('\0') && text.len() < 100_000);
    for text in texts.chain(["../outside".to_owned()]) {
        for words in [
            ["plan", "--", &text],
            ["apply", "--", &text],
            ["status", "--", &text],
        ] {
            let refused = run(&words).exits(2);
            is_fit_for_a_terminal(&refused);
        }
        let log = run(&["log", "--", &text]);
        is_fit_for_a_terminal(&log);
        assert!(!log.out.contains("outside/0-00"), "{log}");
        is_fit_for_a_terminal(&run(&["recipe", "check", "--", &text]));
    }
}
