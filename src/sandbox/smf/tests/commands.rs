//! What the commands say and what the repository keeps.

use super::*;

#[test]
fn patterns_and_exit_codes_of_svcadm() {
    let zone = Zone::boot();
    let answer = zone.svcadm(&["enable", "none"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (1, "svcadm: Pattern 'none' doesn't match any instances\n")
    );
    assert_eq!(zone.svcadm(&["enable"]).code, 2);
    assert_eq!(zone.svcadm(&["frobnicate", "x"]).code, 2);
    zone.import("<instance name='one' enabled='false'/><instance name='two' enabled='false'/>");
    let answer = zone.svcadm(&["enable", "x"]);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.err,
        "svcadm: Partial FMRI 'x' matches multiple instances:\n\tsvc:/site/x:one\n\tsvc:/site/x:two\n"
    );
    let answer = zone.svcadm(&["clear", "x:one"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svcadm: Instance \"svc:/site/x:one\" is not in a maintenance or degraded state.\n"
        )
    );
    assert_eq!(zone.svcadm(&["restart", "x:one"]), Answer::default());
    assert_eq!(zone.svcadm(&["-z", "a", "enable", "x"]).code, 1);
    assert_eq!(zone.svcadm(&["milestone", "nowhere"]).code, 2);
}

#[test]
fn no_match_still_prints_the_header() {
    let zone = Zone::boot();
    let answer = zone.svcs(&["none"]);
    assert_eq!(answer.out, "STATE          STIME    FMRI\n");
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (1, "svcs: Pattern 'none' doesn't match any instances\n")
    );
    assert_eq!(zone.svcs(&["-H", "none"]).out, "");
    let answer = zone.svcs(&["-o", "state,colour"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (1, "svcs: Unknown column \"colour\".\n")
    );
    let answer = zone.svcs(&["-z", "other"]);
    assert_eq!(
        answer.err,
        "svcs: svcs -z may only be used from the global zone\n"
    );
    assert_eq!(zone.svcs(&["-x"]), Answer::default());
}

#[test]
fn svccfg_speaks_as_the_real_one() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    let said = |line: &[&str]| {
        let answer = zone.svccfg(line);
        (answer.code, answer.err.trim_end().to_owned())
    };
    let set = |text: &str| said(&["-s", "site/x", "setprop", text]);
    let error = |text: &str| (1, format!("svccfg: {text}"));
    assert_eq!(
        set("config/x = astring: v"),
        error("No such property group \"config\".")
    );
    assert_eq!(
        said(&["-s", "site/x", "addpg", "config", "application"]),
        (0, String::new())
    );
    assert_eq!(
        said(&["-s", "site/x", "addpg", "config", "application"]),
        error("Property group already exists.")
    );
    assert_eq!(
        set("config/x = v"),
        error("Type required for new properties.")
    );
    assert_eq!(
        set("config/x = colour: v"),
        error("Unknown type \"colour:\".")
    );
    assert_eq!(
        set("config = astring: v"),
        error("Property names must contain a `/'.")
    );
    assert_eq!(
        set("config/x = count: abc"),
        error("Invalid \"count\" value \"abc\".")
    );
    assert_eq!(
        set("config/x = astring: (a b)"),
        error("Multiple string values or string values with spaces must be quoted with '\"'.")
    );
    assert_eq!(set("config/x = astring: a b"), error("Syntax error."));
    assert_eq!(set("config/x = astring: \"--a=b c\""), (0, String::new()));
    assert_eq!(
        said(&["setprop", "config/x = v"]),
        error("An entity is not selected.")
    );
    assert_eq!(
        said(&["-s", "none", "refresh"]),
        error("Pattern 'none' doesn't match any instances or services")
    );
    assert_eq!(
        said(&["-s", "site/x", "refresh"]),
        error("Instance not selected.")
    );
    assert_eq!(
        said(&["frobnicate"]),
        error("Unknown command \"frobnicate\".")
    );
    assert_eq!(said(&["describe"]).0, 99);
    assert_eq!(said(&["-q"]).0, 2);
    let shown = zone.svccfg(&["-s", "site/x", "listprop", "config"]);
    assert_eq!(
        shown.out,
        "config    application\nconfig/x  astring  \"--a=b c\"\n"
    );

    // Not seen by methods before a refresh.
    let seen = zone.svcprop(&["-p", "config/x", "x:default"]);
    assert_eq!(
        (seen.code, seen.err.as_str()),
        (
            1,
            "svcprop: Couldn't find property `config/x' for instance `svc:/site/x:default'.\n"
        )
    );
    assert_eq!(
        zone.svccfg(&["-s", "site/x:default", "refresh"]),
        Answer::default()
    );
    assert_eq!(
        zone.svcprop(&["-p", "config/x", "x:default"]).out,
        "--a=b\\ c\n"
    );
}

#[test]
fn a_script_stops_at_its_first_error_and_names_the_line() {
    let zone = Zone::boot();
    let answer = zone.script("add site/y\nselect nothing\nadd site/z\n");
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svccfg (<stdin>, line 2): Pattern 'nothing' doesn't match any instances or services\n"
        )
    );
    let repository = zone.repository();
    assert!(repository.services.contains_key("site/y"));
    assert!(!repository.services.contains_key("site/z"));
}

#[test]
fn import_is_silent_warns_of_templates_and_fails_on_demand() {
    let zone = Zone::boot();
    let answer = zone.import(
        "<create_default_instance enabled='false'/>
         <exec_method type='method' name='start' exec=':true' timeout_seconds='1'/>",
    );
    assert_eq!(answer.code, 0);
    assert!(
        answer
            .err
            .starts_with("Warning: Required property group missing: FMRI=\"svc:/site/x:default\"")
    );
    let file = zone.file("m.xml");
    let answer = zone.svccfg(&["validate", &file]);
    assert_eq!(answer.code, 1);
    assert!(answer.err.ends_with("\nsvccfg: Validation failed.\n"));
    let answer = zone.svccfg(&["import", "-V", &file]);
    assert!(
        answer
            .err
            .ends_with(&format!("\nsvccfg: Import of {file} failed.\n"))
    );
    let answer = zone.svccfg(&["import", "/nonexistent.xml"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svccfg: Unable to stat file /nonexistent.xml.  No such file or directory\n"
        )
    );
    assert_eq!(
        zone.svccfg(&["inventory", &file]).out,
        "svc:/site/x:default\nsvc:/site/x\n"
    );
}

#[test]
fn a_running_instance_is_deleted_with_force_only() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    zone.svcadm(&["enable", "-s", "x"]);
    let answer = zone.svccfg(&["delete", "site/x"]);
    assert_eq!(
        (answer.code, answer.err.as_str()),
        (
            1,
            "svccfg: Instance svc:/site/x:default may be running.  Use delete -f if it is not.\n"
        )
    );
    assert_eq!(zone.svccfg(&["delete", "-f", "site/x"]), Answer::default());
    assert!(zone.repository().services.is_empty());
    // Nobody stopped its process.
    let processes = process::all();
    assert_eq!(Contracts::find(&zone.paths, &processes).live.len(), 1);
}

#[test]
fn an_export_imports_again_to_the_same_service() {
    let zone = Zone::boot();
    zone.service(
        "/bin/true",
        ":true",
        "<dependency name='d' grouping='optional_all' restart_on='none' type='service'><service_fmri value='svc:/milestone/m:default'/></dependency>
         <method_context working_directory='/var'><method_credential user='daemon'/><method_environment><envvar name='A' value='b &amp; c'/></method_environment></method_context>",
    );
    let before = zone.repository().services["site/x"].clone();
    let exported = zone.svccfg(&["export", "site/x:default"]);
    assert_eq!(
        exported.err,
        "svccfg: Only services may be exported; ignoring instance portion of argument.\n"
    );
    assert_eq!(exported.code, 0);
    let file = zone.file("exported.xml");
    fs::write(&file, &exported.out).unwrap();
    zone.svccfg(&["delete", "site/x"]);
    assert_eq!(zone.svccfg(&["import", &file]), Answer::default());
    assert_eq!(zone.repository().services["site/x"].groups, before.groups);
}

#[test]
fn manifest_import_follows_hashes_and_cleans_up() {
    let zone = Zone::boot();
    let fmri = Fmri::instance("system/manifest-import", "default");
    let file = zone.file("var/svc/manifest/site/x.xml");
    let body = |value: &str| {
        manifest(
            "site/x",
            &format!(
                "<create_default_instance enabled='false'/><property_group name='c' type='application'><propval name='p' type='count' value='{value}'/></property_group>"
            ),
        )
    };
    let value = || zone.svcprop(&["-p", "c/p", "x"]).out;
    fs::write(&file, body("1")).unwrap();
    manifest_import::run(&zone.restarter, &fmri);
    assert_eq!(value(), "1\n");
    // Unchanged: not imported again, so that a deletion stays.
    zone.svccfg(&["delete", "site/x"]);
    manifest_import::run(&zone.restarter, &fmri);
    assert_eq!(value(), "");
    fs::write(&file, body("2")).unwrap();
    manifest_import::run(&zone.restarter, &fmri);
    assert_eq!(value(), "2\n");
    fs::remove_file(&file).unwrap();
    manifest_import::run(&zone.restarter, &fmri);
    assert!(!zone.repository().services.contains_key("site/x"));
}

#[test]
fn the_repository_survives_a_boot_without_its_states() {
    let zone = Zone::boot();
    zone.service("/bin/sleep 1000 &amp;", ":kill", "");
    zone.svcadm(&["enable", "-s", "-t", "x"]);
    let loaded = store::load(&zone.paths).unwrap().unwrap();
    assert_eq!(loaded.is_enabled(&x()), Some(false));
    assert_eq!(loaded.restarter(&x(), "state"), None);
    assert!(loaded.instance(&x()).unwrap().running.is_some());
}
