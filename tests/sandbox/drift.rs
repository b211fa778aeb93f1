//! What somebody did to the zone by hand is seen, named and put right.

use super::harness::Zone;

/// Does something by hand and holds plan and apply against it: one line of the plan, and the state
/// afterwards.
fn is_put_right(zone: &Zone, by_hand: &str, line: &str, afterwards: (&str, &str)) {
    zone.shell(by_hand);
    let plan = zone
        .run(&["plan", &zone.alias, "--detailed-exitcode"])
        .exits(3);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plan.out.lines().any(|found| words(found) == line),
        "{by_hand}: {plan}"
    );
    let apply = zone.apply().succeeds();
    assert_eq!(zone.shell(afterwards.0), afterwards.1, "{by_hand}: {apply}");
    let again = zone.plan().succeeds();
    assert!(
        again.out.ends_with(": nothing to do\n"),
        "{by_hand}: {again}"
    );
}

const STATE: &str = "svcs -H -o state,nstate svc:/site/greeter:default | tr -s ' ' | sed 's/ *$//'";

#[test]
fn a_service_that_is_stopped_disabled_or_broken_is_brought_up() {
    let Some(zone) = Zone::serving("stopped") else {
        return;
    };
    let online = (STATE, "online -\n");
    let fmri = "svc:/site/greeter:default";
    let start = |state: &str| format!("~ start {fmri} is {state}");
    is_put_right(
        &zone,
        &format!("svcadm disable -s {fmri}"),
        &start("disabled"),
        online,
    );
    is_put_right(
        &zone,
        &format!("svcadm disable -st {fmri}"),
        &start("disabled"),
        online,
    );
    is_put_right(
        &zone,
        &format!(
            "svcadm mark maintenance {fmri}
             for _ in {{1..300}}; do
               [ \"$({STATE})\" = 'maintenance -' ] && exit
               sleep 0.1
             done; exit 1"
        ),
        &start("in maintenance"),
        online,
    );
    is_put_right(
        &zone,
        &format!("svcadm disable -s {fmri} && svccfg delete {fmri}"),
        &format!("~ start {fmri} not known to SMF"),
        online,
    );
    assert_eq!(zone.greeting(), "hello from stopped loudly 2.1.12-stable");
}

#[test]
fn files_folders_modes_and_manifests_that_were_changed_by_hand_are_put_right() {
    let Some(zone) = Zone::serving("modes") else {
        return;
    };
    let file = "/opt/local/etc/greeter.conf";
    is_put_right(
        &zone,
        &format!("rm {file}"),
        &format!("+ file {file} not there"),
        (
            "cat /opt/local/etc/greeter.conf",
            "port = 7007\ngreeting = hello from modes\n",
        ),
    );
    is_put_right(
        &zone,
        &format!("chmod 0666 {file}"),
        &format!("~ file {file} mode 0666 → 0640"),
        ("stat -c %a /opt/local/etc/greeter.conf", "640\n"),
    );
    is_put_right(
        &zone,
        &format!("chown admin:staff {file}"),
        &format!("~ file {file} owner admin:staff → root:root"),
        ("stat -c %U:%G /opt/local/etc/greeter.conf", "root:root\n"),
    );
    is_put_right(
        &zone,
        "rmdir /var/greeter",
        "+ folder /var/greeter not there",
        ("stat -c '%a %U:%G' /var/greeter", "750 greeter:greeter\n"),
    );
    is_put_right(
        &zone,
        "chmod 0777 /var/greeter",
        "~ folder /var/greeter 0777 greeter:greeter → 0750 greeter:greeter",
        ("stat -c '%a %U:%G' /var/greeter", "750 greeter:greeter\n"),
    );
    is_put_right(
        &zone,
        "rm /var/svc/manifest/site/greeter.xml",
        "+ manifest /var/svc/manifest/site/greeter.xml not there",
        (
            "svcs -H -o state svc:/site/greeter:default | tr -d ' '",
            "online\n",
        ),
    );
}

#[test]
fn what_the_recipe_no_longer_has_is_removed() {
    let Some(zone) = Zone::serving("gone") else {
        return;
    };
    let recipe = std::fs::read_to_string(zone.site.join("recipes/greeter.toml")).unwrap();
    let (kept, _) = recipe.split_once("[[service]]").unwrap();
    let check = "[[check]]\nname = \"it runs\"\ncommand = [\"/opt/local/sbin/greeter\", \"-V\"]\n";
    zone.write("recipes/greeter.toml", &format!("{kept}{check}"));
    let plan = zone.plan().succeeds();
    let line = "  - service svc:/site/greeter:default                 the recipe does not have it any more\n";
    assert!(plan.out.contains(line), "{plan}");
    zone.apply().succeeds();
    zone.try_shell("svcs -H svc:/site/greeter:default").exits(1);
    zone.try_shell("pgrep -x greeter").exits(1);
    zone.shell("test ! -e /var/svc/manifest/site/greeter.xml");
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}
