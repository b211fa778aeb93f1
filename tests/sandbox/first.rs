//! The first apply, and the second, which has nothing to do.

use super::harness::Zone;

#[test]
fn a_first_apply_builds_installs_and_serves_and_a_second_has_nothing_to_do() {
    let Some(zone) = Zone::new("first") else {
        return;
    };
    let first = zone.apply().succeeds();
    assert!(first.out.starts_with("first is as its file says: "), "{first}");
    assert!(zone.greeting().starts_with("hello from first loudly"));
    let second = zone.apply().succeeds();
    assert!(second.out.ends_with(": nothing to do\n"), "{second}");
    assert_eq!(second.err, "");
}
