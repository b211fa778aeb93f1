//! Manifests against the real DTD, and hostile values read back by a real XML parser.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

fn netatalk() -> Service {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Service {
        fmri: "svc:/network/netatalk:default".to_owned(),
        start: list(&["/opt/local/sbin/netatalk"]),
        requires: list(&[
            "svc:/milestone/network:default",
            "svc:/system/filesystem/local:default",
        ]),
        optional: list(&["svc:/network/dns/multicast:default"]),
        ..Service::default()
    }
}

fn full() -> Service {
    let mut service = netatalk();
    service.fmri = "svc:/network/netatalk:second".to_owned();
    service.summary = Some("files for \"Macs\" & <others>".to_owned());
    service.refresh = vec![":kill".to_owned(), "-HUP".to_owned()];
    service.user = Some("afp".to_owned());
    service.group = Some("staff".to_owned());
    service.privileges = Some("basic,net_privaddr".to_owned());
    service.working_directory = Some("/var/tmp".to_owned());
    service.start_timeout = Some(Duration::from_millis(1500));
    service.stop_timeout = Some(Duration::ZERO);
    service.ignore_errors = vec!["signal".to_owned(), "core".to_owned()];
    service
        .requires
        .push("file://localhost/opt/local/etc/afp.conf".to_owned());
    service.environment = BTreeMap::from([("A".to_owned(), "é<'\"\n%".to_owned())]);
    service.properties = BTreeMap::from([("config".to_owned(), "a & b\t".to_owned())]);
    service
}

/// `None` where xmllint is not installed; a reason is printed, and it fails where CI is set.
fn xmllint(xml: &str, arguments: &[&str]) -> Option<std::process::Output> {
    let spawned = Command::new("xmllint")
        .args(["--nonet", "--nowarning"])
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "xmllint: {error}");
            eprintln!("skipped: xmllint cannot be run: {error} (package libxml2-utils)");
            return None;
        }
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(xml.as_bytes())
        .unwrap();
    Some(child.wait_with_output().unwrap())
}

fn is_valid(xml: &str) -> Option<bool> {
    let dtd = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/service_bundle.dtd.1"
    );
    let output = xmllint(xml, &["--noout", "--dtdvalid", dtd])?;
    Some(output.status.success())
}

#[test]
fn manifests_are_valid_against_the_real_dtd() {
    for service in [netatalk(), full()] {
        let xml = manifest(&service, "AFP file server").unwrap();
        if let Some(valid) = is_valid(&xml) {
            assert!(valid, "{xml}");
            // and the check can fail: the DTD wants the template last
            let swapped = xml.replace("<template>", "<template/><template>");
            assert_eq!(is_valid(&swapped), Some(false));
        }
    }
}

#[test]
fn the_manifest_of_a_plain_service_reads_as_written_here() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE service_bundle SYSTEM "/usr/share/lib/xml/dtd/service_bundle.dtd.1">
<service_bundle type="manifest" name="network/netatalk">
  <service name="network/netatalk" type="service" version="1">
    <create_default_instance enabled="false"/>
    <dependency name="requires_milestone-network" grouping="require_all" restart_on="none" type="service">
      <service_fmri value="svc:/milestone/network:default"/>
    </dependency>
    <dependency name="requires_system-filesystem-local" grouping="require_all" restart_on="none" type="service">
      <service_fmri value="svc:/system/filesystem/local:default"/>
    </dependency>
    <dependency name="optional_network-dns-multicast" grouping="optional_all" restart_on="none" type="service">
      <service_fmri value="svc:/network/dns/multicast:default"/>
    </dependency>
    <method_context working_directory="/">
      <method_credential user="root"/>
    </method_context>
    <exec_method type="method" name="start" exec="/opt/local/sbin/netatalk" timeout_seconds="60"/>
    <exec_method type="method" name="stop" exec=":kill" timeout_seconds="60"/>
    <property_group name="startd" type="framework">
      <propval name="duration" type="astring" value="contract"/>
    </property_group>
    <template>
      <common_name>
        <loctext xml:lang="C">AFP file server</loctext>
      </common_name>
    </template>
  </service>
</service_bundle>
"#;
    assert_eq!(
        manifest(&netatalk(), "AFP file\n server").unwrap(),
        expected
    );
}

#[test]
fn every_key_reaches_the_manifest() {
    let xml = manifest(&full(), "unused").unwrap();
    for part in [
        r#"<instance name="second" enabled="false"/>"#,
        r#"<method_context working_directory="/var/tmp">"#,
        r#"<method_credential user="afp" group="staff" privileges="basic,net_privaddr"/>"#,
        r#"name="start" exec="/opt/local/sbin/netatalk" timeout_seconds="2""#,
        r#"name="stop" exec=":kill" timeout_seconds="0""#,
        r#"name="refresh" exec=":kill -HUP" timeout_seconds="60""#,
        r#"<propval name="ignore_error" type="astring" value="core,signal"/>"#,
        r#"<property_group name="application" type="application">"#,
        r#"name="requires_file-opt-local-etc-afp-conf" grouping="require_all" restart_on="none" type="path""#,
        r#"<service_fmri value="file://localhost/opt/local/etc/afp.conf"/>"#,
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
    assert!(!xml.contains("create_default_instance"));
}

#[test]
fn hostile_values_come_back_from_an_xml_parser_unchanged() {
    let hostile = "é'\"&<>%$;`\\ \n\t\r]]>--";
    let mut service = netatalk();
    service.start = vec!["/bin/echo".to_owned(), hostile.to_owned()];
    service.environment = BTreeMap::from([("X".to_owned(), hostile.to_owned())]);
    service.properties = BTreeMap::from([("x".to_owned(), hostile.to_owned())]);
    let xml = manifest(&service, hostile).unwrap();
    let exec = exec_string("start", &service.start).unwrap();
    for (path, expected) in [
        ("//exec_method[@name='start']/@exec", exec.as_str()),
        ("//envvar/@value", hostile),
        ("//propval[@name='x']/@value", hostile),
    ] {
        let Some(output) = xmllint(&xml, &["--xpath", &format!("string({path})")]) else {
            return;
        };
        let value = String::from_utf8(output.stdout).unwrap();
        assert_eq!(value.strip_suffix('\n').unwrap(), expected, "{path}");
    }
    assert_eq!(is_valid(&xml), Some(true));
}

#[test]
fn dependency_names_are_legal_and_never_twice_the_same() {
    let mut service = netatalk();
    let long = format!("file://localhost/{}", "x".repeat(200));
    service.requires = vec![
        "svc:/a_b:default".to_owned(),
        "svc:/a,b:default".to_owned(),
        "svc:/a/b:default".to_owned(),
        "svc:/a/b".to_owned(),
        "svc:/a/b:default".to_owned(),
        long.clone(),
        format!("{long}y"),
        "svc:/start:default".to_owned(),
    ];
    let xml = manifest(&service, "x").unwrap();
    let names: Vec<&str> = xml
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<dependency name=\""))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    // seven required ones, of which one stands twice, and the optional one
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(names.iter().all(|name| is_valid_name(name)), "{names:?}");
    assert_eq!(
        names.iter().collect::<BTreeSet<_>>().len(),
        names.len(),
        "{names:?}"
    );
}

#[test]
fn a_transient_service_is_never_killed() {
    let mut service = netatalk();
    service.duration = ServiceDuration::Transient;
    let xml = manifest(&service, "x").unwrap();
    assert!(xml.contains(r#"name="stop" exec=":true""#), "{xml}");
    assert!(
        xml.contains(r#"name="duration" type="astring" value="transient""#),
        "{xml}"
    );
    service.stop = vec![":kill".to_owned()];
    let error = manifest(&service, "x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`:kill` cannot be the stop method of a transient service"
    );
}

#[test]
fn what_smf_would_refuse_is_refused_before_the_first_effect() {
    let refused = |change: &dyn Fn(&mut Service)| {
        let mut service = netatalk();
        change(&mut service);
        manifest(&service, "x").unwrap_err().to_string()
    };
    let text = |text: &str| text.to_owned();
    assert_eq!(
        refused(&|s| s.start.clear()),
        "the start method names no program"
    );
    assert!(refused(&|s| s.start = vec![text(":kill")]).contains("start method of a contract"));
    assert!(refused(&|s| s.start.push(text("a\0b"))).contains("U+0000"));
    assert!(refused(&|s| s.ignore_errors = vec![text("core, signal")]).contains("ignore-errors"));
    assert!(refused(&|s| s.working_directory = Some(text("x"))).contains("absolute"));
    for name in ["", "A=B", "SMF_FMRI"] {
        assert!(
            refused(&|s| s.environment = BTreeMap::from([(text(name), text("x"))]))
                .contains("environment")
        );
    }
    assert!(
        refused(&|s| s.properties = BTreeMap::from([(text("a.b"), text("x"))])).contains("a.b")
    );
    let long = "x".repeat(4096);
    assert!(
        refused(&|s| s.properties = BTreeMap::from([(text("a"), long.clone())])).contains("4096")
    );
    assert!(refused(&|s| s.requires.push(text("network/ssh"))).contains("network/ssh"));
    assert!(refused(&|s| s.fmri = text("svc:/network/netatalk")).contains("no instance"));
}
