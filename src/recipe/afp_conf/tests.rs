//! Files as recipes make them, each with what is said of it.

use super::*;

fn rules(text: &str, version: &str) -> Vec<(&'static str, usize)> {
    check(text, Some(version))
        .iter()
        .map(|f| (f.rule, f.line))
        .collect()
}

#[test]
fn each_option_has_one_entry_and_names_only_others_instead() {
    for (index, option) in OPTIONS.iter().enumerate() {
        let mut earlier = OPTIONS.iter().take(index);
        assert!(
            earlier.all(|other| other.name != option.name),
            "{}",
            option.name
        );
        assert_eq!(option.name, option.name.to_lowercase().trim());
        if let Instead::Option(new) = option.instead {
            assert!(OPTIONS.iter().any(|other| other.name == new), "{new}");
        }
    }
    for (_, new) in SPELLED_OTHERWISE {
        assert!(OPTIONS.iter().any(|option| option.name == *new), "{new}");
    }
}

#[test]
fn options_come_and_go_at_their_very_version() {
    let cases = [
        (
            "[Global]\nserver name = x\n",
            "4.2",
            "4.1.2",
            "afp-conf-unknown-option",
        ),
        (
            "[Global]\nzeroconf name = x\n",
            "4.1.2",
            "4.2",
            "afp-conf-removed-option",
        ),
        (
            "[Global]\nzeroconf name = x\n",
            "3.1.11",
            "3.1.10",
            "afp-conf-unknown-option",
        ),
        (
            "[Global]\nafp interfaces = x\n",
            "3.0.4",
            "3.0.3",
            "afp-conf-unknown-option",
        ),
        (
            "[Global]\nkeep sessions = no\n",
            "3.0.2",
            "3.0.3",
            "afp-conf-removed-option",
        ),
        (
            "[Global]\nadmin auth user = x\n",
            "4.4.3",
            "4.5.0",
            "afp-conf-removed-option",
        ),
        (
            "[Global]\nldap server = x\n",
            "3.1.19",
            "3.2.0",
            "afp-conf-removed-option",
        ),
        (
            "[v]\npath = /v\nroot preexec = /x\n",
            "4.0.8",
            "4.1.0",
            "afp-conf-removed-option",
        ),
        (
            "[v]\npath = /v\nappledouble = ea\n",
            "4.1.2",
            "4.2.0",
            "afp-conf-removed-option",
        ),
        (
            "[v]\npath = /v\nvol dbnest = no\n",
            "3.0.6",
            "3.0.5",
            "afp-conf-unknown-option",
        ),
        (
            "[v]\npath = /v\ncnid scheme = last\n",
            "4.4.3",
            "4.5.0",
            "afp-conf-value",
        ),
        (
            "[Global]\ncnid scheme = dbd\n",
            "4.5.0",
            "4.4.3",
            "afp-conf-section",
        ),
    ];
    for (text, good, bad, rule) in cases {
        assert_eq!(rules(text, good), [], "{text} in {good}");
        let found = rules(text, bad);
        assert_eq!(found.len(), 1, "{text} in {bad}");
        assert_eq!(found[0].0, rule, "{text} in {bad}");
        assert_eq!(check(text, None), [], "{text}");
    }
}

#[test]
fn values_are_held_against_their_type_one_below_at_and_one_above() {
    let global = |line: &str| !check(&format!("[Global]\n{line}\n"), Some("4.2.3")).is_empty();
    let volume =
        |line: &str| !check(&format!("[v]\npath = /v\n{line}\n"), Some("4.2.3")).is_empty();
    for good in [
        "afp port = 1",
        "afp port = 65535",
        "sleep time = 1",
        "server quantum = 0x100000",
        "fce sendwait = 999",
        "zeroconf = No",
        "zeroconf = 1",
        "log level = default:note",
        "log level = default:note,AFPDaemon:maxdebug",
        "uam list = uams_dhx2.so uams_gss.so",
        "fce events = login,logout",
        "signature = 0123456789abcdef",
        "volnamelen = 255",
    ] {
        assert!(!global(good), "{good}");
    }
    for bad in [
        "afp port = 0",
        "afp port = 65536",
        "sleep time = 0",
        "sleep time = 10h",
        "sleep time =",
        "server quantum = 31999",
        "fce sendwait = 1000",
        "zeroconf = on",
        "log level = note",
        "log level = default:loud",
        "log level = daemon:note",
        "uam list = uams_dhx2",
        "fce events = login,open",
        "signature = 0123456789abcdefg",
        "log file = var/log",
        "max connections = 2147483648",
        "passwd minlen = 256",
    ] {
        assert!(global(bad), "{bad}");
    }
    for good in [
        "vol size limit = 1",
        "vol size limit = 4294967295",
        "umask = 0022",
        "ea = sys",
        "casefold = ToLower",
        "time machine = yes",
        "ignored attributes = all",
    ] {
        assert!(!volume(good), "{good}");
    }
    for bad in [
        "vol size limit = 0",
        "vol size limit = 4294967296",
        "vol size limit = 600 GiB",
        "umask = 0888",
        "umask = 18",
        "ea = auot",
        "casefold = lower",
        "time machine = on",
    ] {
        assert!(volume(bad), "{bad}");
    }
}

#[test]
fn a_size_with_a_unit_is_told_in_mebibytes() {
    for (written, meant) in [
        ("600 GiB", "614400"),
        ("1 TiB", "1048576"),
        ("1099511627776", "1048576"),
    ] {
        let found = check(
            &format!("[v]\npath = /v\nvol size limit = {written}\n"),
            Some("4.5.2"),
        );
        assert_eq!(
            found[0].edit,
            Some(Edit::Value(meant.to_string())),
            "{written}"
        );
    }
}

#[test]
fn sections_have_their_own_options() {
    assert_eq!(
        rules("sleep time = 1\n", "4.5.2"),
        [("afp-conf-section", 0)]
    );
    assert_eq!(
        rules("[Global]\ntime machine = yes\n", "4.5.2"),
        [("afp-conf-section", 1)]
    );
    assert_eq!(
        rules("[v]\npath = /v\nsleep time = 1\n", "4.5.2"),
        [("afp-conf-section", 2)]
    );
    assert_eq!(
        rules("[v]\npath = /v\nhome name = $u\n", "4.5.2"),
        [("afp-conf-section", 2)]
    );
    assert_eq!(
        rules("[Homes]\nbasedir regex = /home\npath = afp\n", "4.5.2"),
        []
    );
    assert_eq!(rules("[v]\npath = afp\n", "4.5.2"), [("afp-conf-value", 1)]);
}

#[test]
fn volumes_without_a_path_or_twice_or_with_capitals_are_told() {
    assert_eq!(
        rules("[v]\ntime machine = yes\n", "4.5.2"),
        [("afp-conf-volume", 0)]
    );
    let preset = "[all]\nea = sys\n[v]\npath = /v\nvol preset = all\n";
    assert_eq!(rules(preset, "4.5.2"), []);
    assert_eq!(
        rules("[v]\npath = /v\nvol preset = al\n", "4.5.2"),
        [("afp-conf-volume", 2)]
    );
    let twice = "[v]\npath = /v\n[V]\npath = /w\nvolume name = V\n";
    assert_eq!(rules(twice, "4.5.2"), [("afp-conf-volume", 2)]);
    assert_eq!(rules("[V]\npath = /v\n", "4.1.2"), []);
    assert_eq!(rules("[V]\npath = /v\n", "4.2.0"), [("afp-conf-volume", 0)]);
    let read_only = "[v]\npath = /v\ntime machine = yes\nread only = yes\n";
    assert_eq!(rules(read_only, "4.5.2"), [("afp-conf-volume", 3)]);
    assert_eq!(
        rules("[v]\npath = /v\npath = /w\n", "4.5.2"),
        [("afp-conf-value", 1)]
    );
}

#[test]
fn a_very_long_file_does_not_take_long() {
    let unknown: String = (0..50_000).map(|n| format!("option {n} = x\n")).collect();
    let sections: String = (0..50_000)
        .map(|n| format!("[{n}]\nea = on\nea = on\n"))
        .collect();
    let begin = std::time::Instant::now();
    for text in [
        format!("[Global]\n{unknown}"),
        sections,
        "[v]\nea = on\n".repeat(50_000),
    ] {
        assert_eq!(check(&text, Some("4.5.2")).len(), MOST);
    }
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

#[test]
fn netatalk_2_reads_another_file() {
    assert_eq!(
        rules("[Global]\n", "2.2.5"),
        [("afp-conf-unknown-option", 0)]
    );
}

#[test]
fn old_spellings_lead_to_todays_names() {
    for (old, new) in [
        ("volsizelimit", "vol size limit"),
        ("tm", "time machine"),
        ("Path", "path"),
    ] {
        let found = check(&format!("[v]\npath = /v\n{old} = x\n"), Some("4.5.2"));
        assert_eq!(found[0].edit, Some(Edit::Name(new.to_string())), "{old}");
    }
}
