//! Builds and checks that fail, and what the next apply does.

use super::harness::Zone;

#[test]
fn a_failed_compile_shows_the_compilers_line_and_the_next_apply_goes_on() {
    let Some(zone) = Zone::new("compile") else {
        return;
    };
    let broken = "+static const char *mood = loudly;";
    let good = "+static const char *mood = \"loudly\";";
    zone.edit("patches/greeter/loud.patch", good, broken);
    let failed = zone.apply().exits(1);
    let line = failed
        .err
        .lines()
        .find(|line| line.starts_with('>'))
        .unwrap_or_else(|| panic!("{failed}"));
    assert!(line.contains("greeter.c:24:27: error: "), "{failed}");
    assert!(line.contains("loudly"), "{failed}");
    assert!(
        failed
            .err
            .contains("error: compile: compile zw-greeter-1.0 failed with status 1\n"),
        "{failed}"
    );
    let path = failed
        .err
        .lines()
        .find_map(|line| line.strip_prefix("    log: "))
        .unwrap_or_else(|| panic!("{failed}"));
    let whole = std::fs::read_to_string(path).unwrap();
    for part in [
        // shown whole, for this is no terminal
        "\ncommand: /opt/local/gcc13/bin/gcc -Igreeter.p ",
        " -c ../src/greeter.c\n",
        "\n     in: /var/db/zonewright/build/",
        "/src (in the zone, kept as it is)\n",
        " apply compile` goes on with `compile`; with other sources, patches, options or dependencies it \
         builds from the start\n",
        "`zonewright log compile --phase compile` shows the whole log\n",
    ] {
        assert!(failed.err.contains(part), "{part}: {failed}");
    }
    let log = zone.run(&["log", "compile"]).succeeds();
    assert!(log.out.contains(line), "{log}");
    assert!(log.out.contains("  failed  "), "{log}");
    assert!(log.out.contains("\n  ✗ build/greeter/compile "), "{log}");
    let phase = zone.run(&["log", "compile", "--phase", "compile"]);
    assert_eq!(
        phase.succeeds().out,
        format!("==> build/greeter/compile\n{whole}\n")
    );

    // the same again: what ended well is not done again
    let again = zone.apply().exits(1);
    assert!(!again.err.contains("done configure"), "{again}");
    assert!(
        again.err.contains("failed compile zw-greeter-1.0"),
        "{again}"
    );

    zone.edit("patches/greeter/loud.patch", broken, good);
    let mended = zone.apply().succeeds();
    assert!(!mended.err.contains("package gcc13"), "{mended}");
    assert_eq!(zone.greeting(), "hello from compile loudly 2.1.12-stable");
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn a_failed_check_writes_no_receipt_and_is_run_again() {
    let Some(zone) = Zone::new("check") else {
        return;
    };
    let (good, bad) = (
        "{{parameters.variant}} loudly",
        "{{parameters.variant}} silently",
    );
    zone.edit("recipes/greeter.toml", good, bad);
    for round in ["first", "again"] {
        let failed = zone.apply().exits(1);
        let error = "error: check: the check “it is the patched one” does not pass: its output does \
                     not contain `tested silently`: greeter 1.0 tested loudly\n";
        assert!(failed.err.contains(error), "{round}: {failed}");
        let built = failed.err.contains("done compile");
        assert_eq!(built, round == "first", "{failed}");
        zone.shell("test ! -e /var/db/zonewright/receipts/greeter.json");
    }
    zone.edit("recipes/greeter.toml", bad, good);
    let passes = zone.apply().succeeds();
    assert!(
        passes
            .out
            .starts_with("check is as its file says: 3 steps in "),
        "{passes}"
    );
    zone.shell("test -s /var/db/zonewright/receipts/greeter.json");
}

#[test]
fn a_service_that_does_not_start_is_explained_with_its_log() {
    let Some(zone) = Zone::serving("service") else {
        return;
    };
    zone.edit(
        "recipes/greeter.toml",
        "\"/opt/local/etc/greeter.conf\", \"greeter\"]",
        "\"/opt/local/etc/greeter.conf\", \"nobody-of-that-name\"]",
    );
    let failed = zone.apply().exits(1);
    for part in [
        "error: service: restart svc:/site/greeter:default failed with status 1\n",
        "│ Reason: Start method failed repeatedly, last exited with status 2.\n",
        "usage: greeter -V | greeter CONF USER",
        "svc:/site/greeter:default is in maintenance",
        "`zonewright log service --phase services/svc:/site/greeter:default` shows the whole log\n",
    ] {
        assert!(failed.err.contains(part), "{failed}");
    }
    zone.edit(
        "recipes/greeter.toml",
        "\"nobody-of-that-name\"]",
        "\"greeter\"]",
    );
    zone.apply().succeeds();
    assert_eq!(zone.greeting(), "hello from service loudly 2.1.12-stable");
}
