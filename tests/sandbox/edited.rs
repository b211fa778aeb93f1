//! A configuration file that somebody edited in the zone.

use super::harness::Zone;

const PATH: &str = "/opt/local/etc/greeter.conf";
const STATE: &str = "stat -c '%n %a %U:%G %Y %s' /opt/local/etc/greeter.conf* /var/db/zonewright/receipts/*; cat /opt/local/etc/greeter.conf; pgrep -x greeter";

#[test]
fn an_edited_file_is_refused_with_a_diff_and_nothing_is_changed() {
    let Some(zone) = Zone::serving("refused") else {
        return;
    };
    zone.shell(&format!("echo '# mine' >>{PATH}"));
    // other work is waiting too; it must not be begun
    zone.set_parameters("variant = \"other\", greeting = \"good day\"");
    let before = zone.shell(STATE);
    let refused = zone.apply().exits(1);
    assert_eq!(
        refused.err,
        "error: refused: /opt/local/etc/greeter.conf was edited by hand since it was written
      --- /opt/local/etc/greeter.conf
      +++ /opt/local/etc/greeter.conf
      @@ -1,3 +1,2 @@
       port = 7007
      -greeting = hello from refused
      -# mine
      +greeting = good day
 help: take the edit into the recipe's template; or `--overwrite` to replace the file, or `--keep-edited` to leave it and get ours beside it as `.new`
nothing was changed
"
    );
    assert_eq!(refused.out, "");
    assert_eq!(zone.shell(STATE), before);
    assert_eq!(zone.plan().exits(1).err, refused.err);
}

#[test]
fn an_edited_file_that_is_kept_gets_ours_beside_it_and_restarts_nothing() {
    let Some(zone) = Zone::serving("kept") else {
        return;
    };
    zone.shell(&format!("echo '# mine' >>{PATH}"));
    zone.set_parameters("greeting = \"good day\"");
    let process = zone.shell("pgrep -x greeter");
    let keep = ["apply", "kept", "--keep-edited"];
    zone.run(&keep).succeeds();
    assert_eq!(
        zone.shell(&format!("cat {PATH}")),
        "port = 7007\ngreeting = hello from kept\n# mine\n"
    );
    assert_eq!(
        zone.shell(&format!("cat {PATH}.new; stat -c %a {PATH}.new")),
        "port = 7007\ngreeting = good day\n640\n"
    );
    assert_eq!(zone.shell("pgrep -x greeter"), process);
    let again = zone.run(&keep).succeeds();
    assert!(again.out.ends_with("): nothing to do\n"), "{again}");
    zone.plan().exits(1);
}

#[test]
fn an_edited_file_is_replaced_where_that_is_asked_for() {
    let Some(zone) = Zone::serving("replaced") else {
        return;
    };
    zone.shell(&format!("echo '# mine' >>{PATH}"));
    zone.run(&["apply", "replaced", "--overwrite"]).succeeds();
    assert_eq!(
        zone.shell(&format!("cat {PATH}")),
        "port = 7007\ngreeting = hello from replaced\n"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}

#[test]
fn every_edit_that_is_replaced_is_kept() {
    let Some(zone) = Zone::serving("replaced-again") else {
        return;
    };
    let kept = format!("{PATH}.before-zonewright");
    let overwrite = |edit: &str| {
        zone.shell(&format!("echo '# {edit}' >>{PATH}"));
        zone.run(&["apply", "replaced-again", "--overwrite"])
            .succeeds()
    };
    overwrite("first");
    overwrite("second");
    let last = |path: &str| zone.shell(&format!("tail -n 1 {path}"));
    assert_eq!(last(&kept), "# first\n");
    let name = zone.shell(&format!("ls {kept}.*"));
    assert_eq!(last(name.trim()), "# second\n");
    let log = zone.run(&["log", "replaced-again", "--full"]).succeeds();
    let told = format!("the edited {PATH} is kept as {}", name.trim());
    assert!(log.out.contains(&told), "{log}");
    let stamp = name.trim().rsplit('.').next().unwrap();
    assert!(stamp.len() == 16 && stamp.ends_with('Z'), "{stamp}");

    // neither through a link nor into a folder
    for there in ["ln -s /var/outside", "ln -s /nowhere", "mkdir"] {
        zone.shell(&format!(
            "rm -rf {kept}* /var/outside && echo theirs >/var/outside && {there} {kept}"
        ));
        overwrite("third");
        assert_eq!(
            zone.shell("cat /var/outside; test ! -e /nowhere"),
            "theirs\n"
        );
        assert_eq!(last(&format!("{kept}.*")), "# third\n");
        zone.shell(&format!("test ! -d {kept} || test -z \"$(ls -A {kept})\""));
    }
}

#[test]
fn a_file_that_was_there_before_the_first_apply_is_not_overwritten() {
    let Some(zone) = Zone::new("before") else {
        return;
    };
    zone.run(&["sandbox", "up", "before"]).succeeds();
    zone.shell(&format!("mkdir -p /opt/local/etc && echo theirs >{PATH}"));
    let refused = zone.apply().exits(1);
    let message = "/opt/local/etc/greeter.conf is already there and zonewright did not write it";
    assert!(refused.err.contains(message), "{refused}");
    assert_eq!(
        zone.shell(&format!(
            "cat {PATH}; ls -A /var/db/zonewright 2>/dev/null; true"
        )),
        "theirs\n"
    );
}
