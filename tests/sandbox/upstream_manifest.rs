//! The autotools variant, which brings a manifest of its own and imports it while it is installed.

use super::harness::Zone;

#[test]
fn a_staged_manifest_is_taken_and_the_build_itself_imports_nothing() {
    let Some(zone) = Zone::with_recipe("upstream", "greeter-autotools") else {
        return;
    };
    let apply = zone.apply().succeeds();
    let runs = zone.folders().runs("upstream").unwrap();
    let record = runs[0].record().unwrap();
    let mut steps = record.steps.iter();
    let stage = steps.find(|step| step.id.ends_with("/stage")).unwrap();
    let log = std::fs::read_to_string(runs[0].folder.join(&stage.log)).unwrap();
    assert!(
        log.contains("svccfg: not while a package is made\n"),
        "{log}\n{apply}"
    );

    let upstream = super::archive::fixture().join("source/greeter-1.0/greeter.xml");
    assert_eq!(
        zone.shell("cat /var/svc/manifest/site/greeter.xml"),
        std::fs::read_to_string(upstream).unwrap()
    );
    assert_eq!(
        zone.shell("svcs -H -o state svc:/site/greeter:default")
            .trim(),
        "online"
    );
    assert_eq!(zone.greeting(), "hello from upstream loudly 2.1.12-stable");
    let again = zone.apply().succeeds();
    assert!(again.out.ends_with("): nothing to do\n"), "{again}");

    // it belongs to no package, so it is brought back from the store, without a build
    zone.shell("rm /var/svc/manifest/site/greeter.xml");
    let back = zone.apply().succeeds();
    assert!(!back.err.contains("compile"), "{back}");
    zone.shell("test -f /var/svc/manifest/site/greeter.xml");
}

#[test]
fn a_build_that_ends_before_its_service_is_imported_leaves_smf_untouched() {
    let Some(zone) = Zone::with_recipe("untouched", "greeter-autotools") else {
        return;
    };
    // everything up to the configuration, which is refused because of this file
    zone.run(&["sandbox", "up", "untouched"]).succeeds();
    zone.shell("mkdir -p /opt/local/etc && mkdir /var/svc/manifest/site/greeter.xml");
    let refused = zone.apply().exits(1);
    // the build's own installation has run, and with it the import that it asks for
    assert!(refused.err.contains("done stage"), "{refused}");
    let why = "/var/svc/manifest/site/greeter.xml is there and is not a regular file";
    assert!(refused.err.contains(why), "{refused}");
    let known = zone.try_shell("svcs -H svc:/site/greeter:default").exits(1);
    assert!(known.err.contains("doesn't match any instances"), "{known}");
}
