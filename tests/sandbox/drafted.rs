//! A recipe drafted from an archive builds as it is.

use std::fs;

use super::archive;
use super::harness::Zone;

#[test]
fn a_drafted_recipe_passes_its_check_and_builds_without_an_edit() {
    let Some(zone) = Zone::with_recipe("drafted", "drafted") else {
        return;
    };
    let file = zone.own("greeter-1.0.tar.gz");
    fs::write(&file, archive::greeter()).unwrap();
    let ran = zone.run(&["recipe", "new", "drafted", "--from", file.to_str().unwrap()]);
    let ran = ran.succeeds();
    assert!(ran.out.contains("greeter 1.0, meson"), "{ran}");
    let recipe = fs::read_to_string(zone.site.join("recipes/drafted.toml")).unwrap();
    assert!(recipe.contains("run   = [\"libevent\"]"), "{recipe}");
    let check = zone.run(&["recipe", "check", "drafted"]).succeeds();
    assert_eq!(check.err, "", "{check}");
    let ran = zone.apply().succeeds();
    assert!(ran.out.contains("greeter is there: passes"), "{ran}");
    assert_eq!(
        zone.shell("/opt/local/sbin/greeter -V").trim(),
        "greeter 1.0 plain quietly"
    );
    assert!(zone.plan().succeeds().out.ends_with("): nothing to do\n"));
}
