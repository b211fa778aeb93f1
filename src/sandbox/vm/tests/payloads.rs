//! What becomes of payloads: facts 1.2 (bad values, interfaces), 1.3 (`validate`) and 2 (defaults).

use super::*;

fn refused(payload: Value) -> String {
    let mut payload = payload;
    if let Some(payload) = payload.as_object_mut() {
        payload.entry("brand").or_insert(json!("joyent"));
        payload.entry("image_uuid").or_insert(json!(IMAGE));
    }
    let answer = vmadm(&Table::new(), "create", &payload.to_string());
    assert_eq!(
        (answer.status, answer.output.as_str()),
        (1, ""),
        "{payload}"
    );
    answer.errors.trim_end().to_owned()
}

fn created(payload: Value) -> Map<String, Value> {
    let mut payload = payload;
    if let Some(payload) = payload.as_object_mut() {
        payload.insert("uuid".into(), json!(NOBODY));
        payload.entry("image_uuid").or_insert(json!(IMAGE));
    }
    let host = Table::new();
    let answer = vmadm(&host, "create", &payload.to_string());
    assert_eq!(answer.status, 0, "{payload}: {}", answer.errors);
    host.machine(NOBODY).unwrap().shown()
}

/// Facts 1.2: bad values and what is missing, in `create`'s words.
#[test]
fn values_that_cannot_be_are_refused_by_name() {
    let bad = |payload: Value, names: &str| {
        assert_eq!(refused(payload), format!("Invalid value(s) for: {names}"));
    };
    bad(json!({"max_swap": 128}), "max_swap");
    bad(json!({"zpool": "tank"}), "zpool");
    bad(json!({"customer_metadata": {"a": {}}}), "customer_metadata");
    bad(json!({"customer_metadata": "a"}), "customer_metadata");
    bad(json!({"tags": {"a": ["b"]}}), "tags");
    bad(
        json!({"uuid": "ABCDEF01-1111-4111-8111-111111111111"}),
        "uuid",
    );
    bad(json!({"resolvers": ["192.0.2.300"]}), "resolvers");
    bad(json!({"resolvers": ["192.0.2.1,192.0.2.2"]}), "resolvers");
    bad(json!({"autoboot": "yes"}), "autoboot");
    bad(json!({"quota": -1}), "quota");
    bad(json!({"quota": 1.5}), "quota");
    bad(json!({"nics": {}}), "nics");
    bad(
        json!({"nics": [{"nic_tag": "admin", "mac": "1:2"}]}),
        "nics.*.mac",
    );
    bad(
        json!({"nics": [{"nic_tag": "admin", "vlan_id": 4096}]}),
        "nics.*.vlan_id",
    );
    bad(
        json!({"nics": [{"nic_tag": "admin", "mtu": 575}]}),
        "nics.*.mtu",
    );
    bad(
        json!({"filesystems": [{"type": "lofs", "source": "/a", "target": "/b", "options": {}}]}),
        "filesystems.*.options",
    );
    bad(
        json!({"alias": 7, "max_lwps": true, "nics": [{"mac": "x"}]}),
        "alias,nics.*.mac",
    );
    bad(json!({"image_uuid": NOBODY}), "image_uuid");
    bad(
        json!({"brand": "lx", "kernel_version": "5.10.0"}),
        "image_uuid",
    );
    bad(
        json!({"internal_metadata_namespaces": ["a b"]}),
        "internal_metadata_namespaces",
    );
}

#[test]
fn what_is_missing_or_no_number_or_there_already_is_refused() {
    let answer = vmadm(&Table::new(), "create", r#"{"brand": "joyent"}"#);
    assert_eq!(answer.errors, "Missing required properties: image_uuid\n");
    let lx = vmadm(
        &Table::new(),
        "create",
        &json!({"brand": "lx", "image_uuid": IMAGE}).to_string(),
    );
    assert_eq!(lx.errors, "Missing required properties: kernel_version\n");
    assert_eq!(
        refused(json!({"quota": "x"})),
        "Invalid value for quota: null:number"
    );
    assert_eq!(
        refused(json!({"uuid": RUNS})),
        format!("VM with UUID {RUNS} already exists")
    );
    // (inferred: the real one may abort before it says so)
    assert_eq!(
        refused(json!({"brand": "sparse"})),
        "Unsupported brand: sparse"
    );
    assert_eq!(
        refused(json!({"zfs_root_recsize": 1000})),
        "invalid zfs_root_recsize (1000), must be 512-131072 and a power of 2. (0 to disable)"
    );
    assert!(
        refused(json!({"zfs_data_compression": "best"}))
            .starts_with("invalid compression type for zfs_data_compression, must be one of: ")
    );
    assert_eq!(
        refused(json!({"routes": {"here": "192.0.2.1"}})),
        "Invalid route destination: \"here\" (must be IP address or CIDR)"
    );
}

/// Facts 1.2: interfaces.
#[test]
fn an_interface_has_to_be_one() {
    let nic = |nic: Value| refused(json!({ "nics": [nic] }));
    let start = |text: String, start: &str| assert!(text.starts_with(start), "{text}");
    start(
        nic(json!({"ips": ["192.0.2.20/24"]})),
        "invalid or missing .nic_tag option for NIC: {\"ips\":[\"192.0.2.20/24\"]",
    );
    start(
        nic(json!({"nic_tag": "a-b"})),
        "invalid or missing .nic_tag option for NIC: {",
    );
    assert_eq!(
        nic(json!({"nic_tag": "foo", "ips": ["dhcp"]})),
        "Invalid nic tag \"foo\""
    );
    for ip in [
        "192.0.2.20",
        "192.0.2.20/7",
        "192.0.2.20/33",
        "x/24",
        "2001:db8::1/129",
    ] {
        start(
            nic(json!({"nic_tag": "admin", "ips": [ip]})),
            "Invalid IP for NIC: {",
        );
    }
    start(
        nic(json!({"nic_tag": "admin", "ip": "192.0.2.20"})),
        "Missing .netmask option for NIC: {",
    );
    assert_eq!(
        nic(json!({"nic_tag": "admin", "ip": "192.0.2.20", "netmask": "255.0.255.0"})),
        "Specified netmask value is invalid: 255.0.255.0"
    );
    assert_eq!(
        nic(json!({"nic_tag": "admin", "ips": ["dhcp"], "gateways": ["fe80::1"]})),
        "Static gateways must be IPv4 addresses: fe80::1"
    );
    let many: Vec<String> = (1..=21).map(|n| format!("192.0.2.{n}/24")).collect();
    assert_eq!(
        nic(json!({"nic_tag": "admin", "ips": many})),
        "nic.*.ips contains 21 addresses, but is limited to 20"
    );
    let allowed: Vec<String> = (1..=14).map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(
        nic(json!({"nic_tag": "admin", "allowed_ips": allowed})),
        "Maximum of 13 allowed_ips per nic"
    );
    start(
        nic(json!({"nic_tag": "admin", "allowed_ips": ["x"]})),
        "invalid allowed_ips: ",
    );
    let twenty = &many[..20];
    assert_eq!(
        nic(json!({"nic_tag": "admin", "ips": twenty, "allowed_ips": allowed[..13]})),
        "More than 32 IPs cannot be associated with a NIC"
    );
}

#[test]
fn interfaces_must_not_be_in_each_others_way() {
    let one = json!({"nic_tag": "admin", "ips": ["192.0.2.20/24"], "mac": "02:00:00:00:00:99"});
    let with = |change: Value| {
        let mut other = one.clone();
        for (key, value) in change.as_object().unwrap() {
            other[key] = value.clone();
        }
        refused(json!({"nics": [one, other]}))
    };
    assert_eq!(
        with(json!({"mac": "02:00:00:00:00:98"})),
        "Cannot add multiple NICs with the same IP: 192.0.2.20/24"
    );
    assert_eq!(
        with(json!({"ips": ["192.0.2.21/24"]})),
        "Cannot add multiple NICs with the same MAC: 02:00:00:00:00:99"
    );
    let primary = json!({"nic_tag": "admin", "ips": ["dhcp"], "primary": true});
    assert_eq!(
        refused(json!({"nics": [primary, primary]})),
        "payload specifies more than 1 primary NIC"
    );
    // false is dropped where an interface is added, and refused where it is changed
    let shown = created(json!({"nics": [{"nic_tag": "admin", "ips": ["dhcp"], "primary": false}]}));
    assert_eq!(shown["nics"][0]["primary"], true);
    let host = Table::new();
    let mac = host.machine(RUNS).unwrap().nics()[0]["mac"].clone();
    let change = json!({"update_nics": [{"mac": mac, "primary": false}]});
    assert_eq!(
        vmadm(&host, &format!("update {RUNS}"), &change.to_string()).errors,
        "invalid value for NIC's primary flag: false (must be true)\n"
    );
}

#[test]
fn an_address_of_another_machine_conflicts_even_if_that_is_stopped_but_not_if_it_failed() {
    let nic = |ip: &str, tag: &str| json!({"nics": [{"nic_tag": tag, "ips": [ip]}]});
    let conflict = "Conflict detected with another vm, please check the MAC, IP, and VRID";
    assert_eq!(refused(nic("192.0.2.10/24", "admin")), conflict);
    assert_eq!(refused(nic("192.0.2.11/25", "admin")), conflict);
    created(nic("192.0.2.12/24", "admin"));
    created(nic("192.0.2.10/24", "external"));
    created(json!({"nics": [{"nic_tag": "admin", "vlan_id": 7, "ips": ["192.0.2.10/24"]}]}));
    created(nic("dhcp", "stub0"));
}

/// Facts 1.3.
#[test]
fn validate_reports_what_create_drops() {
    let validate = |words: &str, payload: Value| {
        let answer = vmadm(
            &Table::new(),
            &format!("validate {words}"),
            &payload.to_string(),
        );
        assert_eq!((answer.status, answer.output.as_str()), (1, ""));
        serde_json::from_str::<Value>(&answer.errors).unwrap()
    };
    let found = |values: &[&str], properties: &[&str], missing: &[&str]| json!({"bad_values": values, "bad_properties": properties, "missing_properties": missing});
    assert_eq!(
        validate(
            "create",
            json!({"brand": "joyent", "image_uuid": IMAGE, "nmae": 1})
        ),
        found(&[], &["nmae"], &[])
    );
    assert_eq!(
        validate(
            "create",
            json!({"brand": "joyent", "quota": "x", "max_swap": 128})
        ),
        found(&["quota", "max_swap"], &[], &["image_uuid"])
    );
    assert_eq!(
        validate(
            "create",
            json!({"brand": "joyent", "image_uuid": IMAGE,
                   "nics": [{"nic_tag": "admin", "allow_unfiltered_promisc": true}]}),
        ),
        found(&[], &["nics.*.allow_unfiltered_promisc"], &[])
    );
    assert_eq!(
        validate("create", json!({})),
        json!({"bad_brand": "undefined"})
    );
    assert_eq!(
        validate("update sparse", json!({})),
        json!({"bad_brand": "sparse"})
    );
    assert_eq!(
        validate(
            "update joyent",
            json!({"uuid": RUNS, "delegate_dataset": true})
        ),
        found(&[], &["uuid", "delegate_dataset"], &[])
    );
    // it asks nothing of the host: no tag, no address, no image
    let odd = json!({"brand": "joyent", "image_uuid": NOBODY,
                     "nics": [{"nic_tag": "foo", "ips": ["192.0.2.10"]}]});
    assert_eq!(
        vmadm(&Table::new(), "validate create", &odd.to_string()).status,
        0
    );
}

/// Facts 1.2 and 8: a typing mistake makes no noise.
#[test]
fn create_drops_what_it_does_not_know_without_a_word() {
    let shown = created(json!({
        "brand": "joyent", "qouta": 500, "vcpus": 4,
        "nics": [{"nic_tag": "admin", "ips": ["dhcp"], "allow_unfiltered_promisc": true}],
    }));
    assert_eq!(shown["quota"], 10);
    assert!(!shown.contains_key("qouta") && !shown.contains_key("vcpus"));
    assert!(shown["nics"][0].get("allow_unfiltered_promisc").is_none());
}

/// Facts 2: defaults, and limits that follow from one another.
#[test]
fn what_a_payload_leaves_open_is_filled_in() {
    let shown = created(json!({}));
    for (name, value) in [
        ("brand", json!("joyent")),
        ("autoboot", json!(true)),
        ("quota", json!(10)),
        ("max_physical_memory", json!(256)),
        ("max_swap", json!(256)),
        ("max_locked_memory", json!(256)),
        ("tmpfs", json!(256)),
        ("max_lwps", json!(2000)),
        ("cpu_shares", json!(100)),
        ("zpool", json!("zones")),
        ("dns_domain", json!("local")),
        ("hostname", json!(NOBODY)),
        ("zonename", json!(NOBODY)),
        ("customer_metadata", json!({})),
        ("snapshots", json!([])),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    for absent in [
        "alias",
        "cpu_cap",
        "datasets",
        "resolvers",
        "filesystems",
        "ram",
    ] {
        assert!(!shown.contains_key(absent), "{absent}");
    }
    let shown = created(json!({
        "ram": "1024", "max_swap": 512, "max_locked_memory": 4096, "tmpfs": 4096,
        "cpu_shares": 70000, "autoboot": "false",
    }));
    for (name, value) in [
        ("max_physical_memory", json!(1024)),
        ("max_swap", json!(1024)),
        ("max_locked_memory", json!(1024)),
        ("tmpfs", json!(1024)),
        ("cpu_shares", json!(65535)),
        ("autoboot", json!(false)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let shown = created(json!({"zfs_root_compression": "lz4"}));
    assert_eq!(shown["zfs_data_compression"], "off");
}

/// Facts 1.6.
#[test]
fn an_update_changes_what_it_names_and_what_follows_from_it() {
    let host = Table::new();
    let update = |payload: Value| {
        let answer = vmadm(&host, &format!("update {RUNS}"), &payload.to_string());
        assert_eq!(answer.status, 0, "{payload}: {}", answer.errors);
        host.machine(RUNS).unwrap().shown()
    };
    let shown = update(json!({"max_physical_memory": 2048, "alias": "other", "uuid": NOBODY}));
    assert_eq!(shown["uuid"], RUNS);
    assert_eq!(
        (&shown["max_swap"], &shown["tmpfs"]),
        (&json!(2048), &json!(2048))
    );
    let shown = update(json!({"set_customer_metadata": {"a": "1", "b": "2"}, "cpu_cap": 50}));
    assert_eq!(shown["customer_metadata"], json!({"a": "1", "b": "2"}));
    assert_eq!(shown["cpu_cap"], 50);
    let shown = update(json!({"remove_customer_metadata": ["a"], "cpu_cap": 0, "alias": null}));
    assert_eq!(shown["customer_metadata"], json!({"b": "2"}));
    assert!(!shown.contains_key("cpu_cap") && !shown.contains_key("alias"));
    let shown = update(json!({"add_nics": [{"nic_tag": "external", "ips": ["dhcp"],
                                            "mac": "02:00:00:00:00:55"}]}));
    assert_eq!(shown["nics"][1]["interface"], "net1");
    assert!(shown["nics"][1].get("primary").is_none());
    let shown = update(json!({"update_nics": [{"mac": "02:00:00:00:00:55",
                                               "ips": ["198.51.100.7/24"]}]}));
    assert_eq!(shown["nics"][1]["netmask"], "255.255.255.0");
    let shown = update(json!({"remove_nics": ["02:00:00:00:00:55"], "quota": null}));
    assert_eq!(
        (shown["nics"].as_array().unwrap().len(), &shown["quota"]),
        (1, &json!(0))
    );
    let wrong = vmadm(&host, &format!("update {RUNS}"), r#"{"add_nics": {}}"#);
    assert_eq!(wrong.errors, "add_nics must be an array.\n");
    let wrong = vmadm(&host, &format!("update {RUNS} max_swap=1"), "");
    assert_eq!(wrong.errors, "Invalid value(s) for: max_swap\n");
}

#[test]
fn only_some_changes_make_the_zone_fetch_its_metadata() {
    let machine = Table::new().machine(RUNS).unwrap();
    let fetches = |machine: &Machine, change: Value| {
        let change = change.as_object().unwrap().clone();
        super::super::update::updated(machine, change)
            .unwrap()
            .1
            .fetches_metadata
    };
    for (change, is_fetched) in [
        (json!({"quota": 20}), false),
        (json!({"set_customer_metadata": {"a": "b"}}), false),
        (json!({"resolvers": ["192.0.2.53"]}), false),
        (
            json!({"resolvers": ["192.0.2.53"], "maintain_resolvers": true}),
            true,
        ),
        (json!({"maintain_resolvers": false}), true),
        (json!({"tmpfs": 128}), true),
        (json!({"max_physical_memory": 4096}), true),
        (
            json!({"set_routes": {"198.51.100.0/24": "192.0.2.1"}}),
            true,
        ),
    ] {
        assert_eq!(fetches(&machine, change.clone()), is_fetched, "{change}");
    }
    let mut maintained = machine;
    maintained
        .properties
        .insert("maintain_resolvers".into(), true.into());
    assert!(fetches(&maintained, json!({"resolvers": ["192.0.2.53"]})));
}
