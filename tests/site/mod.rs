//! Finding a site, naming what is in it, and reading good zone files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zonewright::problem::SourceText;
use zonewright::recipe::load_recipe;
use zonewright::show::problems::{line, render, render_lines};
use zonewright::site::load::{check_others, check_zone, read_text, recipe_names, zone_names};
use zonewright::site::model::{Become, HostSpec, Password, StorageKind};
use zonewright::site::{LoadedZone, SiteRoot, load_zone};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipe/site")
}

fn load(name: &str) -> LoadedZone {
    load_zone(&SiteRoot::at(&folder()).unwrap(), name).unwrap()
}

#[test]
fn every_key_of_a_zone_file_is_read_as_written() {
    let zone = load("crowded").zone;
    assert_eq!(
        (zone.name.as_str(), &zone.host),
        ("crowded", &Some(HostSpec::Sandbox))
    );
    assert_eq!(zone.zone.alias, "zeitmaschine-1");
    assert_eq!(zone.zone.memory, Some(2 << 30));
    assert_eq!(zone.zone.quota, Some(3 << 39));
    assert_eq!(zone.zone.resolvers, ["192.0.2.1", "2001:db8::53"]);
    assert_eq!(zone.zone.ssh_keys[1], Path::new("keys/with space.pub"));
    assert_eq!(zone.zone.nics[0].gateway.as_deref(), Some("192.0.2.254"));
    assert_eq!(zone.zone.nics[1].addresses, ["dhcp"]);
    let last = &zone.zone.nics[2];
    assert_eq!(last.addresses, ["198.51.100.7/25", "2001:db8::7/64"]);
    assert_eq!(
        (
            last.tag.as_str(),
            last.vlan,
            last.primary,
            last.mac.as_deref()
        ),
        ("internal_2", 20, true, Some("b2:1e:ba:a5:6e:70"))
    );
    assert_eq!(
        zone.zone.uuid.as_deref(),
        Some("4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e")
    );
    assert_eq!(
        (zone.zone.swap, zone.zone.cpu_cap),
        (Some(4 << 30), Some(250))
    );
    assert_eq!(
        (zone.zone.autoboot, zone.zone.maintain_resolvers),
        (Some(false), Some(false))
    );
    assert_eq!(
        zone.zone.metadata["user-script"],
        "#!/usr/bin/bash\necho 'so'\n"
    );
    assert_eq!(zone.zone.metadata["number"], "7");
    assert_eq!(
        zone.storage.as_ref().map(|storage| storage.kind),
        Some(StorageKind::Delegated)
    );
    let dataset = &zone.datasets[0];
    assert_eq!(
        (dataset.mountpoint.as_str(), dataset.refquota, dataset.atime),
        ("/backups/matt smith", Some(600 << 30), Some(false))
    );
    assert_eq!(
        (dataset.recordsize, dataset.owner.as_deref()),
        (Some(1 << 20), Some("matt"))
    );
    assert_eq!(zone.datasets[1].quota, Some(10 << 30));
    let matt = &zone.users[0];
    assert_eq!(
        (matt.uid, matt.home.as_deref()),
        (1001, Some("/home/matt smith"))
    );
    assert_eq!(matt.comment.as_deref(), Some("Matt Smith, Büro"));
    let passwords: Vec<_> = zone
        .users
        .iter()
        .map(|user| user.password.clone())
        .collect();
    let command = ["pass", "show", "a b/$c"].map(str::to_string).to_vec();
    assert_eq!(
        passwords,
        [
            Some(Password::Command(command)),
            Some(Password::Prompt),
            Some(Password::File("secrets/bert".into())),
            Some(Password::Env("CARL_PASSWORD".to_string())),
            None,
        ]
    );
    let given = &zone.recipes[0].parameters;
    assert_eq!(
        (given["port"].as_str(), given["spotlight"].as_str()),
        ("549", "true")
    );
    assert_eq!(given["owner"], "x y");
}

#[test]
fn toml_and_json_give_the_same_zone() {
    let mut json = load("crowded-as-json").zone;
    json.name = "crowded".to_string();
    assert_eq!(json, load("crowded").zone);
}

#[test]
fn an_existing_zone_needs_no_more_than_a_login() {
    let zone = load("old").zone;
    assert_eq!(zone.host, None);
    assert_eq!(zone.zone.alias, "old");
    assert_eq!(zone.zone.ssh.as_deref(), Some("matt@vault:2222"));
    assert_eq!(zone.zone.become_root, Some(Become::Pfexec));
}

#[test]
fn a_good_zone_has_no_errors_in_its_recipes_either() {
    let site = SiteRoot::at(&folder()).unwrap();
    let (zone, problems) = check_zone(&site, "crowded", &["custom"]);
    assert!(zone.is_some());
    let text = render_lines(&problems);
    assert_eq!(text.matches(": error[").count(), 0, "{text}");
    let rules: Vec<&str> = problems.iter().filter_map(|problem| problem.rule).collect();
    // the last of them once, and not for each of the zone's users
    let expected = [
        "unpinned-source",
        "insecure-url",
        "afp-conf-section",
        "afp-conf-volume",
    ];
    assert_eq!(rules, expected, "{text}");
    assert!(
        load_recipe(&site, "crowded", &["custom"]).is_ok(),
        "warnings refuse nothing"
    );
    assert!(load_recipe(&site, "crowded", &["make"]).is_err());
}

#[test]
fn a_site_is_found_from_any_folder_below_it() {
    let from_inside = SiteRoot::find(&folder().join("patches/crowded"));
    assert_eq!(from_inside.folder(), Some(folder().as_path()));
    let shown = from_inside.shown("recipes/crowded.toml");
    assert_eq!(shown, Path::new("../../recipes/crowded.toml"));
    let from_itself = SiteRoot::find(&folder());
    assert_eq!(
        from_itself.shown("zones/old.toml"),
        Path::new("zones/old.toml")
    );
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(SiteRoot::find(elsewhere.path()), SiteRoot::built_in());
    assert!(SiteRoot::at(&elsewhere.path().join("nothing")).is_err());
}

#[test]
fn names_are_those_of_toml_and_json_files() {
    let site = SiteRoot::at(&folder()).unwrap();
    let zones = zone_names(&site);
    for name in ["crowded", "crowded-as-json", "old"] {
        assert!(zones.contains(&name.to_string()), "{zones:?}");
    }
    assert!(recipe_names(&site).contains(&"crowded".to_string()));
    assert!(
        site.names("patches")
            .contains(&"crowded/first.patch".to_string())
    );
}

#[test]
fn what_ships_is_in_the_binary() {
    let repository = SiteRoot::at(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    for folder in ["recipes", "patches", "templates", "zones"] {
        let names = repository.names(folder);
        assert_eq!(SiteRoot::built_in().names(folder), names);
        for name in names {
            let file = format!("{folder}/{name}");
            assert_eq!(
                SiteRoot::built_in().read(&file),
                repository.read(&file),
                "{file}"
            );
        }
    }
}

#[test]
fn names_from_the_command_line_never_leave_the_folder() {
    let site = SiteRoot::at(&folder()).unwrap();
    for name in [
        "../zones/old",
        "/etc/passwd",
        "",
        ".",
        "..",
        "a/b",
        "old\0",
        "old ",
        ".old",
    ] {
        let problems = load_zone(&site, name).unwrap_err();
        assert!(
            problems[0].message.ends_with("is not the name of a zone"),
            "{name:?}"
        );
    }
    let problems = load_zone(&site, "odl").unwrap_err();
    assert_eq!(
        line(&problems[0]),
        "error[unknown-zone]: there is no zone `odl`; did you mean `old`?"
    );
    let problems = load_zone(&site, "old.toml").unwrap_err();
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `old`?"));
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join("zones")).unwrap();
    for ending in ["toml", "json"] {
        fs::write(site.path().join(format!("zones/a.{ending}")), "").unwrap();
    }
    let site = SiteRoot::at(site.path()).unwrap();
    let problems = load_zone(&site, "a").unwrap_err();
    assert_eq!(
        problems[0].message,
        "there are both `zones/a.toml` and `zones/a.json`"
    );
}

/// `b.toml` is the zone in question, `a.toml` the other file.
fn beside(b: &str, a: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/a.toml"), a).unwrap();
    fs::write(folder.path().join("zones/b.toml"), b).unwrap();
    let site = SiteRoot::at(folder.path()).unwrap();
    let (zone, _) = check_zone(&site, "b", &[]);
    let found = render_lines(&check_others(&site, &zone.unwrap()));
    found.replace(&format!("{}/", folder.path().display()), "")
}

const CARD: &str = "[[zone.nic]]\ntag = \"admin\"\naddress = ";

#[test]
fn two_files_of_one_zone_are_told_with_both_names() {
    let zone = "[host]\nssh = \"root@vault\"\n[zone]\nalias = \"a\"\n";
    let wanted = "zones/b.toml:4:9: error[zone-clash]: `zones/b.toml` and `zones/a.toml` are about one zone (the same \
        alias on the same host); write `alias = \"b\"` into `zones/b.toml` for a zone of its own, or remove that file\n";
    assert_eq!(beside(zone, zone), wanted);
    for (same_host, is_same) in [
        ("Vault:22", true),
        ("ssh://root@vault", true),
        ("vault:23", false),
    ] {
        let other = zone.replace("root@vault", same_host);
        assert_eq!(
            beside(zone, &other),
            if is_same { wanted } else { "" },
            "{same_host}"
        );
    }
    // one that says no alias is called as its file is
    let unnamed = zone.replace("alias = \"a\"\n", "");
    assert_eq!(beside(zone, &unnamed), wanted);
    assert_eq!(beside(&unnamed, zone), "");
    let uuid = "uuid = \"4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e\"\n";
    let told = beside(&(unnamed.clone() + uuid), &(unnamed + uuid));
    assert!(
        told.contains("zones/b.toml:4:8: error[zone-clash]"),
        "{told}"
    );
    assert!(told.contains("leave `uuid` out"), "{told}");
}

#[test]
fn two_zones_of_one_host_have_two_addresses() {
    let zone = |host: &str, card: &str| format!("[host]\n{host}\n[zone]\n{card}");
    let card = |text: &str| CARD.to_owned() + text;
    let one = zone("ssh = \"vault\"", &card("\"192.0.2.10/24\"\n"));
    let told = beside(&one, &zone("ssh = \"vault\"", &card("\"192.0.2.10/25\"\n")));
    assert_eq!(
        told,
        "zones/b.toml:6:11: error[zone-clash]: `zones/b.toml` and `zones/a.toml` give the address \
         `192.0.2.10/24` to two zones; give each zone an address of its own\n"
    );
    for (host, other) in [
        ("ssh = \"vault\"", "\"192.0.2.11/24\"\n"),
        ("ssh = \"vault\"", "\"dhcp\"\n"),
        ("ssh = \"vault\"", "\"192.0.2.10/24\"\nvlan = 7\n"),
        ("ssh = \"attic\"", "\"192.0.2.10/24\"\n"),
        ("sandbox = true", "\"192.0.2.10/24\"\n"),
    ] {
        assert_eq!(
            beside(&one, &zone(host, &card(other))),
            "",
            "{host} {other}"
        );
    }
    let leased = zone("ssh = \"vault\"", &card("\"dhcp\"\n"));
    assert_eq!(beside(&leased, &leased), "");
}

#[test]
fn a_zone_may_have_several_files_where_no_host_makes_it_and_a_broken_file_breaks_no_other() {
    let existing = "[zone]\nssh = \"vault\"\nalias = \"a\"\n";
    assert_eq!(beside(existing, existing), "");
    let made = "[host]\nsandbox = true\n[zone]\nalias = \"a\"\n";
    assert_eq!(beside(made, existing), "");
    assert_eq!(beside(made, "[host\n"), "");
    assert!(beside(made, &(made.to_owned() + "colour = 1\n")).contains("[zone-clash]"));
}

#[test]
fn a_file_that_is_no_text_or_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("zones/b.toml")).unwrap();
    fs::write(folder.path().join("zones/a.toml"), b"\xff\xfe").unwrap();
    let site = SiteRoot::at(folder.path()).unwrap();
    let problems = load_zone(&site, "a").unwrap_err();
    assert!(
        problems[0]
            .message
            .ends_with("zones/a.toml` is not UTF-8 text"),
        "{problems:?}"
    );
    let problems = load_zone(&site, "b").unwrap_err();
    assert!(
        problems[0].message.starts_with("cannot read `"),
        "{problems:?}"
    );
    assert!(problems[0].message.contains("zones/b.toml"), "{problems:?}");
}

#[test]
fn one_line_says_where_what_and_what_to_do() {
    let folder = folder().join("../../recipe_errors");
    let site = SiteRoot::at(&folder).unwrap();
    let (_, problems) = check_zone(&site, "two_ways_in", &[]);
    let expected = "zones/two_ways_in.toml:6:10: error[value-format]: `su` is not known here; \
        did you mean `sudo`? it takes `sudo` and `pfexec`\n";
    let text = render_lines(&problems);
    assert!(text.ends_with(expected), "{text}");
    let (_, problems) = check_zone(&site, "json_zone", &[]);
    let expected = "zones/json_zone.json: zone.memory: error[wrong-type]: `memory` must be a size";
    assert!(
        render_lines(&problems).contains(expected),
        "{}",
        render_lines(&problems)
    );
}

#[test]
fn a_file_that_does_not_parse_shows_nothing_of_a_password() {
    for text in [
        "[[user]]\npassword = \"open sesame\" \"\n",
        "[[user]]\npassword = \"ääääääää open sesame\n",
        "[[user]]\npassword = \"\"\"\nopen sesame \\q\n\"\"\"\n",
        "[[user]]\npassword = '''a\nopen sesame \u{1}\n'''\n",
        "{\"user\": [{\"password\": \"open sesame\", }]}",
    ] {
        let ending = if text.starts_with('{') {
            "json"
        } else {
            "toml"
        };
        let path = format!("x.{ending}").into();
        let text = text.to_owned();
        let (zone, problems) = read_text("x", Arc::new(SourceText { path, text }));
        assert!(zone.is_none());
        let report = render(&problems, false) + &render_lines(&problems);
        assert!(!report.contains("sesame"), "{report}");
        let (span, file) = (problems[0].span.clone(), problems[0].file.clone());
        assert!(span.unwrap().end <= file.unwrap().text.len());
    }
}
