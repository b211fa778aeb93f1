//! A user whose password comes from a command: set by its hash, compared by its hash, shown nowhere.

use std::fs;

use super::harness::{Ran, Zone, files_below};

const FIRST: &str = "correct horse";
const SECOND: &str = "battery staple";

fn hash(zone: &Zone) -> String {
    let line = zone.shell("grep ^matt: /etc/shadow");
    line.split(':').nth(1).unwrap().to_owned()
}

#[test]
fn a_password_is_set_compared_and_changed_by_its_hash_and_shown_nowhere() {
    let Some(zone) = Zone::serving("secret") else {
        return;
    };
    let file = zone.own("password");
    fs::write(&file, format!("{FIRST}\n")).unwrap();
    let text = fs::read_to_string(zone.site.join("zones/secret.toml")).unwrap();
    let user = format!(
        "\n[[user]]\nname = \"matt\"\nuid = 1234\npassword = {{ command = [\"cat\", \"{}\"] }}\n",
        file.display()
    );
    zone.write("zones/secret.toml", &(text + &user));

    let mut said: Vec<Ran> = Vec::new();
    let plan = zone.plan().succeeds();
    let lines = "  + user matt (uid 1234)       not in the zone\n  ~ password of matt (secret)  new account\n";
    assert!(plan.out.contains(lines), "{plan}");
    said.push(plan);
    said.push(zone.run(&["plan", "secret", "--json"]).succeeds());
    said.push(zone.run(&["apply", "secret", "--json", "-vv"]).succeeds());
    let first = hash(&zone);
    assert!(first.starts_with("$6$"), "{first}");
    assert_eq!(zonewright::shadow::verify(FIRST, &first), Some(true));
    assert_eq!(zonewright::shadow::verify(SECOND, &first), Some(false));
    assert_eq!(
        zone.shell("id -u matt; stat -c '%a %U' /etc/shadow"),
        "1234\n400 root\n"
    );

    let again = zone.apply().succeeds();
    assert!(again.out.ends_with("): nothing to do\n"), "{again}");
    assert_eq!(hash(&zone), first);

    fs::write(&file, format!("{SECOND}\n")).unwrap();
    let others = "grep -v ^matt: /etc/shadow; cat /etc/passwd /etc/group; stat -c %Y /var/db/zonewright/receipts/*";
    let before = zone.shell(others);
    said.push(zone.plan().succeeds());
    let changed = zone.run(&["apply", "secret", "-vv"]).succeeds();
    assert_eq!(zone.shell(others), before);
    let second = hash(&zone);
    assert_eq!(zonewright::shadow::verify(SECOND, &second), Some(true));
    said.push(changed);
    said.push(zone.run(&["log", "secret", "--full"]).succeeds());
    said.push(zone.run(&["status", "secret", "--json"]).succeeds());

    // who only looks may not have it
    fs::remove_file(&file).unwrap();
    let plan = zone
        .run(&["plan", "secret", "--detailed-exitcode"])
        .succeeds();
    assert!(
        plan.err
            .contains("note: secret: the password of matt is not compared: "),
        "{plan}"
    );
    zone.run(&["status", "secret", "--check"]).succeeds();
    let apply = zone.apply().exits(1);
    assert!(
        apply.err.contains("no password for the account `matt`: "),
        "{apply}"
    );
    said.extend([plan, apply]);

    let secrets = [FIRST, SECOND, &first, &second];
    for ran in &said {
        assert!(
            !secrets
                .iter()
                .any(|secret| ran.to_string().contains(secret)),
            "{} shows a password or its hash",
            ran.command
        );
    }
    let mut kept = files_below(&zone.folders().state);
    kept.extend(files_below(&zone.site));
    kept.push((
        "/var/db/zonewright".into(),
        zone.shell("grep -r . /var/db/zonewright").into_bytes(),
    ));
    for (path, bytes) in kept {
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !secrets.iter().any(|secret| text.contains(secret)),
            "{} holds a password or its hash",
            path.display()
        );
    }
}
