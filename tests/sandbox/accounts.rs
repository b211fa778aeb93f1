//! Accounts that are there already, and what the files say about them.

use super::harness::Zone;

/// The zone file with this user and, for it, these keys.
fn with_user(zone: &Zone, keys: &str) {
    let path = format!("zones/{}.toml", zone.alias);
    let old = std::fs::read_to_string(zone.site.join(&path)).unwrap();
    let kept = old.split("\n[[user]]").next().unwrap();
    let user = format!("\n[[user]]\nname = \"matt\"\nuid = 1234\n{keys}");
    zone.write(&path, &format!("{kept}{user}"));
}

#[test]
fn group_and_shell_are_changed_and_uid_and_home_never_are() {
    let Some(zone) = Zone::serving("accounts") else {
        return;
    };
    let account = "getent passwd matt | cut -d: -f 3-";
    with_user(&zone, "");
    zone.apply().succeeds();
    assert_eq!(zone.shell(account), "1234:1::/home/matt:/usr/bin/bash\n");
    // what the file leaves open is as it is
    zone.shell("usermod -s /usr/bin/false matt");
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));

    with_user(&zone, "group = \"backup\"\nshell = \"/usr/bin/bash\"\n");
    let plan = zone.plan().succeeds();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = words(&plan.out);
    assert!(
        said.contains("~ group of the user matt 1 → backup; its files keep theirs"),
        "{plan}"
    );
    assert!(
        said.contains("~ shell of the user matt /usr/bin/false → /usr/bin/bash"),
        "{plan}"
    );
    zone.apply().succeeds();
    let group = zone.shell("getent group backup | cut -d: -f 3");
    let expected = format!("1234:{}::/home/matt:/usr/bin/bash\n", group.trim());
    assert_eq!(zone.shell(account), expected);
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));

    with_user(&zone, "home = \"/var/matt\"\n");
    let apply = zone.apply().exits(1);
    let why = "the account `matt` has its home in /home/matt, the zone file says /var/matt";
    assert!(words(&apply.err).contains(why), "{apply}");
    assert!(
        words(&apply.err).contains("write `home = \"/home/matt\"`, or move"),
        "{apply}"
    );
    assert_eq!(zone.shell(account), expected);
    with_user(&zone, "");

    zone.edit(
        "recipes/greeter.toml",
        "[[user]]\nname = \"greeter\"",
        "[[user]]\nname = \"greeter\"\nuid = 4711\nhome = \"/var/greeter\"",
    );
    let apply = zone.apply().exits(1);
    assert!(
        words(&apply.err).contains("in the zone, the recipe says 4711"),
        "{apply}"
    );
    assert!(
        words(&apply.err).contains("has its home in /nonexistent, the recipe says /var/greeter"),
        "{apply}"
    );
}

#[test]
fn an_account_that_was_made_and_not_opened_is_opened() {
    let Some(zone) = Zone::serving("half-account") else {
        return;
    };
    with_user(&zone, "");
    let shadow = "getent shadow matt | cut -d: -f 2";
    zone.shell("useradd -u 1234 -g other -d /home/matt -m -s /usr/bin/bash matt");
    assert_eq!(zone.shell(shadow), "*LK*\n");
    let plan = zone.plan().succeeds();
    assert!(plan.out.contains("+ user matt (uid 1234)"), "{plan}");
    zone.apply().succeeds();
    assert_eq!(zone.shell(shadow), "NP\n");
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn accounts_of_the_zone_take_no_uid_of_people_and_keep_theirs() {
    let Some(zone) = Zone::new("ids") else {
        return;
    };
    let path = "zones/ids.toml";
    let mut file = std::fs::read_to_string(zone.site.join(path)).unwrap();
    for uid in 1001..1003 {
        file.push_str(&format!("\n[[user]]\nname = \"mac{uid}\"\nuid = {uid}\n"));
    }
    zone.write(path, &file);
    zone.apply().succeeds();
    let ids = "for name in zwbuild greeter; do getent passwd $name | cut -d: -f 1,3,4; done";
    let ours = zone.shell(ids);
    for line in ours.lines() {
        let (_, id) = line.split_once(':').unwrap();
        let (uid, gid) = id.split_once(':').unwrap();
        assert_eq!(uid, gid, "{ours}");
        assert!((600..1000).contains(&uid.parse().unwrap()), "{ours}");
    }
    file.push_str("\n[[user]]\nname = \"mac1003\"\nuid = 1003\n");
    zone.write(path, &file);
    zone.apply().succeeds();
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));

    // whatever is there when it is made
    zone.shell(
        "userdel greeter && groupdel greeter && groupadd -g 5000 other1 && useradd -u 5000 other1",
    );
    zone.apply().succeeds();
    assert_eq!(zone.shell(ids), ours);

    zone.write(path, &file.replace("uid = 1003", "uid = 5000"));
    zone.shell("userdel mac1003");
    let plan = zone.plan().exits(1);
    let words = plan.err.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "the zone file gives the uid 5000 to `mac1003`, and in the zone it is the account `other1`'s";
    assert!(words.contains(why), "{plan}");
}
