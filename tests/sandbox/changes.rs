//! One thing changes in the files: the plan names exactly what follows and why, and apply does that.

use super::harness::Zone;

/// The plan's lines after the heading with the zone and its platform.
fn changes(zone: &Zone) -> String {
    let plan = zone.plan().succeeds();
    let (head, rest) = plan.out.split_once("\n\n").unwrap();
    assert_eq!(
        head,
        format!("zone {} (joyent_20241212T000720Z, 2024Q4)", zone.alias)
    );
    rest.to_owned()
}

/// Everything that a build would change: the package in the zone and the time of its file.
fn package(zone: &Zone) -> String {
    zone.shell(
        "stat -c '%n %i %Z' /opt/local/sbin/greeter; pkg_info -Q ZONEWRIGHT_BUILD_KEY zw-greeter",
    )
}

/// The steps of the last run.
fn steps(zone: &Zone) -> Vec<String> {
    let runs = zone.folders().runs(&zone.alias).unwrap();
    let record = runs[0].record().unwrap();
    record.steps.into_iter().map(|step| step.id).collect()
}

const REBUILD: &str = "  + user zwbuild                                         builds run under it, without privileges
  > fetch, patch and send the sources of zw-greeter-1.0  WHY
  > configure zw-greeter-1.0                             WHY
  > compile zw-greeter-1.0                               WHY
  > stage zw-greeter-1.0                                 WHY
  > make the package zw-greeter-1.0                      WHY
-/+ package zw-greeter-1.0 by zw-greeter-1.0             WHY
  ~ restart svc:/site/greeter:default                    zw-greeter-1.0 is replaced
  > check: it is the patched one                         /opt/local/sbin/greeter -V
  > check: it listens                                    something listens on 127.0.0.1:7007
  ~ receipt /var/db/zonewright/receipts/greeter.json     records what was applied

Plan: 1 to create, 3 to change, 0 to destroy, 7 to run.
";

const REBUILT: [&str; 11] = [
    "users/zwbuild",
    "build/greeter/source",
    "build/greeter/configure",
    "build/greeter/compile",
    "build/greeter/stage",
    "build/greeter/package",
    "install/greeter",
    "services/svc:/site/greeter:default",
    "checks/greeter/it is the patched one",
    "checks/greeter/it listens",
    "receipt/greeter",
];

const RECONFIGURED: [&str; 5] = [
    "files/greeter",
    "services/svc:/site/greeter:default",
    "checks/greeter/it is the patched one",
    "checks/greeter/it listens",
    "receipt/greeter",
];

#[test]
fn a_changed_patch_is_rebuilt_and_what_runs_is_the_new_build() {
    let Some(zone) = Zone::serving("patch") else {
        return;
    };
    zone.edit(
        "patches/greeter/loud.patch",
        "+static const char *mood = \"loudly\";",
        "+static const char *mood = \"loudly, twice\";",
    );
    let why = "patch greeter/loud.patch changed";
    assert_eq!(changes(&zone), REBUILD.replace("WHY", why));
    zone.apply().succeeds();
    assert_eq!(steps(&zone), REBUILT);
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 tested loudly, twice\n"
    );
    assert_eq!(
        zone.greeting(),
        "hello from patch loudly, twice 2.1.12-stable"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn a_changed_option_is_rebuilt_and_named() {
    let Some(zone) = Zone::serving("option") else {
        return;
    };
    zone.set_parameters("variant = \"proved\"");
    let why = "option removed: -Dvariant=tested; option added: -Dvariant=proved";
    assert_eq!(changes(&zone), REBUILD.replace("WHY", why));
    zone.apply().succeeds();
    assert_eq!(steps(&zone), REBUILT);
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 proved loudly\n"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn a_build_that_is_stored_is_installed_without_building() {
    let Some(zone) = Zone::serving("stored") else {
        return;
    };
    zone.set_parameters("variant = \"other\"");
    zone.apply().succeeds();
    zone.set_parameters("variant = \"tested\"");
    let why = "option removed: -Dvariant=other; option added: -Dvariant=tested";
    let expected = "-/+ package zw-greeter-1.0 by zw-greeter-1.0          WHY
  ~ restart svc:/site/greeter:default                 zw-greeter-1.0 is replaced
  > check: it is the patched one                      /opt/local/sbin/greeter -V
  > check: it listens                                 something listens on 127.0.0.1:7007
  ~ receipt /var/db/zonewright/receipts/greeter.json  records what was applied

Plan: 0 to create, 3 to change, 0 to destroy, 2 to run.
";
    assert_eq!(changes(&zone), expected.replace("WHY", why));
    zone.apply().succeeds();
    assert_eq!(steps(&zone), REBUILT[6..]);
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V"),
        "greeter 1.0 tested loudly\n"
    );
}

#[test]
fn a_changed_template_restarts_the_service_and_rebuilds_nothing() {
    let Some(zone) = Zone::serving("template") else {
        return;
    };
    let before = package(&zone);
    zone.edit(
        "templates/greeter/greeter.conf.hbs",
        "greeting = ",
        "greeting = oh, ",
    );
    assert_eq!(
        changes(&zone),
        "  ~ file /opt/local/etc/greeter.conf                  the wanted content changed
      --- /opt/local/etc/greeter.conf
      +++ /opt/local/etc/greeter.conf
      @@ -1,2 +1,2 @@
       port = 7007
      -greeting = hello from template
      +greeting = oh, hello from template
  ~ restart svc:/site/greeter:default                 /opt/local/etc/greeter.conf changes
  > check: it is the patched one                      /opt/local/sbin/greeter -V
  > check: it listens                                 something listens on 127.0.0.1:7007
  ~ receipt /var/db/zonewright/receipts/greeter.json  records what was applied

Plan: 0 to create, 3 to change, 0 to destroy, 2 to run.
"
    );
    let process = zone.shell("pgrep -x greeter");
    zone.apply().succeeds();
    assert_eq!(steps(&zone), RECONFIGURED);
    assert_ne!(zone.shell("pgrep -x greeter"), process, "it was restarted");
    assert_eq!(package(&zone), before);
    assert_eq!(
        zone.greeting(),
        "oh, hello from template loudly 2.1.12-stable"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn a_changed_parameter_of_a_template_changes_only_its_file() {
    let Some(zone) = Zone::serving("parameter") else {
        return;
    };
    zone.set_parameters("greeting = \"good day\"");
    let plan = changes(&zone);
    let diff = "      -greeting = hello from parameter\n      +greeting = good day\n";
    assert!(plan.contains(diff), "{plan}");
    assert!(!plan.contains("package"), "{plan}");
    zone.apply().succeeds();
    assert_eq!(steps(&zone), RECONFIGURED);
    assert_eq!(zone.greeting(), "good day loudly 2.1.12-stable");
}
