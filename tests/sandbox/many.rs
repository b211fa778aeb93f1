//! Several zones at once.

use super::harness::Zone;

#[test]
fn two_zones_serve_on_the_same_port_and_one_outlives_the_other() {
    let (Some(left), Some(right)) = (Zone::serving("left"), Zone::serving("right")) else {
        return;
    };
    assert_ne!(left.access().address, right.access().address);
    assert_eq!(left.greeting(), "hello from left loudly 2.1.12-stable");
    assert_eq!(right.greeting(), "hello from right loudly 2.1.12-stable");
    left.set_parameters("greeting = \"changed\"");
    let process = right.shell("pgrep -x greeter");
    left.apply().succeeds();
    assert_eq!(left.greeting(), "changed loudly 2.1.12-stable");
    assert_eq!(right.greeting(), "hello from right loudly 2.1.12-stable");

    let down = left.run(&["sandbox", "down", "left"]).succeeds();
    assert_eq!(down.out, "ended and removed: left\n");
    assert_eq!(right.greeting(), "hello from right loudly 2.1.12-stable");
    assert_eq!(right.shell("pgrep -x greeter"), process);
    let apply = right.apply().succeeds();
    assert!(apply.out.ends_with("): nothing to do\n"), "{apply}");
}

#[test]
fn one_command_applies_several_zones_and_says_which_line_is_whose() {
    let (Some(one), Some(two)) = (Zone::serving("one"), Zone::new("two")) else {
        return;
    };
    let file = std::fs::read_to_string(two.site.join("zones/two.toml")).unwrap();
    one.write("zones/two.toml", &file);
    let apply = one.run(&["apply", "one", "two"]).succeeds();
    assert!(apply.out.contains("one (127.0.1."), "{apply}");
    assert!(apply.out.contains("two is as its file says: "), "{apply}");
    let is_labelled = |line: &str| line.starts_with("two: ");
    assert!(apply.err.lines().all(is_labelled), "{apply}");
    assert_eq!(two.greeting(), "hello from two loudly 2.1.12-stable");
}
