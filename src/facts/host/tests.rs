//! Answers as the programs print them, from what is known of them; no machine was asked.

use super::*;

/// An answer of sections: name, status, text.
fn answer(sections: &[(&str, i32, &str)]) -> Vec<u8> {
    let mut out = String::new();
    for (name, status, text) in sections {
        out.push_str(&format!("== {name} {status} {}\n{text}\n", text.len()));
    }
    out.into_bytes()
}

const SYSINFO: &str = r#"{
  "Live Image": "20231102T000310Z",
  "UUID": "00020003-0004-0005-0006-000700080009",
  "Hostname": "smartos",
  "MiB of Memory": "32740",
  "Zpool": "zones",
  "Boot Parameters": { "root_shadow": "" }
}"#;

const IMAGES: &str = r#"[ { "manifest": { "v": "2", "uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271",
  "name": "base-64-lts", "version": "24.4.1", "type": "zone-dataset", "os": "smartos", "public": "true",
  "requirements": { "min_platform": { "7.0": "20210826T002459Z" } } }, "zpool": "zones" } ]"#;

const VM: &str = r#"{ "uuid": "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e", "alias": "tm1", "brand": "joyent",
  "state": "running", "zone_state": "running", "quota": 500, "max_physical_memory": 2048, "max_swap": 4096,
  "autoboot": "true", "maintain_resolvers": true, "customer_metadata": { "a": "x", "b": 7, "c": true },
  "nics": [ { "mac": "b2:1e:ba:a5:6e:70", "nic_tag": "admin", "ip": "192.0.2.10", "netmask": "255.255.255.0",
  "gateway": "192.0.2.1", "gateways": ["192.0.2.1"], "primary": true } ], "zpool": "zones", "snapshots": [] }"#;

fn inside() -> String {
    let sections = answer(&[
        ("marker", 0, ""),
        (
            "services",
            0,
            "online         svc:/milestone/multi-user-server:default\noffline*       svc:/smartdc/mdata:execute",
        ),
        ("host-keys", 0, "ssh-ed25519 AAAAhost root@tm1"),
        ("accounts", 0, "root:0\nnobody:60001\nmatt:1001\nodd"),
        (
            "authorized-keys",
            0,
            "# mine\nfrom=\"192.0.2.0/24\" ssh-ed25519 AAAAkey anna@mini\n\nnonsense",
        ),
        (
            "addresses",
            0,
            "lo0/v4:static:ok:127.0.0.1/8\nnet0/_a:dhcp:ok:192.0.2.23/24\nnet0/v6:addrconf:ok:fe80\\:\\:8\\:20ff/10",
        ),
        (
            "datasets",
            0,
            "zones\t/zones\tno\t0\t0\toff\t131072\ton\t1\nzones/4f1c/data/matt\t/backups/matt\tyes\t0\t644245094400\tlz4\t1048576\toff\t24576",
        ),
        ("owner:zones/4f1c/data/matt", 0, "1001"),
        (
            "locks",
            0,
            "yes 1732290000 a1b2 {\"user\":\"anna\",\"host\":\"mini\"}",
        ),
        ("sessions:afpd", 0, "root 120 11:02\nmatt 456 05:12"),
        ("end", 0, ""),
    ]);
    String::from_utf8(sections).unwrap().trim_end().to_owned()
}

fn whole(inside: &str) -> Vec<(&'static str, i32, String)> {
    vec![
        ("system", 0, "SunOS".to_owned()),
        ("zonename", 0, "global".to_owned()),
        ("sysinfo", 0, SYSINFO.to_owned()),
        (
            "tags",
            0,
            "admin,d0:50:99:d0:85:34,igb1,normal\nstub0,-,-,etherstub".to_owned(),
        ),
        (
            "pools",
            0,
            "zones\t1992864825344\t1879048192000\tONLINE".to_owned(),
        ),
        ("folder:/zones/backups", 0, "no".to_owned()),
        (
            "creating",
            0,
            "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e".to_owned(),
        ),
        ("vms", 0, format!("[{VM}]")),
        ("images", 0, IMAGES.to_owned()),
        ("sources", 0, "https://images.smartos.org".to_owned()),
        (
            "available",
            1,
            "imgadm avail: error (ClientError): connect ECONNREFUSED".to_owned(),
        ),
        (
            "zone:4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e",
            0,
            VM.to_owned(),
        ),
        (
            "inside:4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e",
            0,
            inside.to_owned(),
        ),
        ("locks", 0, String::new()),
        ("end", 0, String::new()),
    ]
}

fn parsed(sections: &[(&'static str, i32, String)]) -> Result<HostFacts, FactError> {
    let sections: Vec<(&str, i32, &str)> = sections
        .iter()
        .map(|(n, s, t)| (*n, *s, t.as_str()))
        .collect();
    parse(&answer(&sections))
}

const UUID: &str = "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e";

#[test]
fn a_whole_answer_is_read() {
    let facts = parsed(&whole(&inside())).unwrap();
    assert_eq!(
        (facts.stamp.as_str(), facts.memory_mib),
        ("20231102T000310Z", 32740)
    );
    assert_eq!(facts.tags["stub0"].kind, "etherstub");
    assert_eq!(facts.pools["zones"].size_bytes, 1_992_864_825_344);
    assert_eq!(
        facts.images[0].min_platform.as_deref(),
        Some("20210826T002459Z")
    );
    assert!(matches!(&facts.available, Some(Available::Not(why)) if why.contains("ECONNREFUSED")));
    assert!(!facts.folders["/zones/backups"]);
    assert_eq!(facts.creating, [UUID]);
    let vm = &facts.zones[UUID];
    assert!(vm.autoboot && vm.maintain_resolvers && vm.is_running() && vm.is_whole());
    assert_eq!(vm.customer_metadata["b"], "7");
    assert_eq!(vm.nics[0].addresses(), ["192.0.2.10/24"]);
    let inside = &facts.inside[UUID];
    assert_eq!(inside.services[inside::METADATA], "offline");
    assert_eq!(inside.host_keys, ["ssh-ed25519 AAAAhost"]);
    assert_eq!(inside.authorized_keys, ["ssh-ed25519 AAAAkey"]);
    assert_eq!((inside.accounts.len(), inside.accounts["matt"]), (3, 1001));
    assert_eq!(inside.locks[0].holder.user, "anna");
    let served = inside.sessions.all();
    assert_eq!(served.len(), 1);
    assert_eq!(served[0].user, "matt");
    assert_eq!(inside.addresses().collect::<Vec<_>>(), ["192.0.2.23"]);
    assert_eq!(inside.addresses[2].address, "fe80::8:20ff/10");
    let dataset = &inside.datasets["zones/4f1c/data/matt"];
    assert_eq!(
        (dataset.refquota, dataset.owner, dataset.atime),
        (600 << 30, Some(1001), false)
    );
    assert_eq!(
        inside.waits_for().as_deref(),
        Some("svc:/smartdc/mdata:execute, which is offline")
    );
}

#[test]
fn a_zone_that_says_nothing_is_mute_and_no_error() {
    let said = "zlogin: login allowed only to running zones (x is 'installed').";
    let facts = parsed(&whole(said)).unwrap();
    assert!(facts.inside.is_empty());
    assert_eq!(facts.mute[UUID], said);
}

#[test]
fn an_answer_of_a_zone_that_is_cut_is_an_error() {
    let inside = inside();
    for end in "== marker ".len()..inside.len() {
        assert!(parsed(&whole(&inside[..end])).is_err(), "cut at {end}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    let mut sections = whole(&inside());
    sections[1].2 = UUID.to_owned();
    assert!(matches!(
        parsed(&sections),
        Err(FactError::NotGlobal { .. })
    ));
    let mut sections = whole(&inside());
    sections[7] = ("vms", 2, "FATAL: cannot run because: x".to_owned());
    assert!(matches!(parsed(&sections), Err(FactError::Command { .. })));
    for (at, text) in [(3, "admin,x"), (4, "zones x y z"), (5, "")] {
        let mut sections = whole(&inside());
        sections[at].2 = text.to_owned();
        assert_eq!(parsed(&sections).is_err(), at != 5, "{text}");
    }
}

#[test]
fn the_probe_asks_for_the_zone_only_where_one_is_concerned() {
    let none = probe(&HostQuestions::default());
    assert!(!none.body().contains("zlogin"));
    let one = probe(&HostQuestions {
        alias: Some("a'b".into()),
        image: Some(ImageQuestion::Uuid("x y".into())),
        ..HostQuestions::default()
    });
    assert!(one.body().contains("zlogin"));
    assert!(one.body().contains("'uuid=x y'"));
}
