//! A good recipe that uses every key, read, checked and settled for zones.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use zonewright::problem::{Severity, SourceText};
use zonewright::recipe::bundle::FileBytes;
use zonewright::recipe::load::{check_recipe, check_text};
use zonewright::recipe::model::{CheckKind, FileContent, FileKind, ParameterKind, ServiceDuration};
use zonewright::recipe::{Bundle, LoadedRecipe, ZoneContext, resolve};
use zonewright::show::problems::render_lines;
use zonewright::site::SiteRoot;

fn site() -> SiteRoot {
    SiteRoot::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipe/site")).unwrap()
}

fn load(name: &str) -> LoadedRecipe {
    let (loaded, problems) = check_recipe(&site(), name, &["custom"]);
    let errors: Vec<_> = problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    loaded.unwrap()
}

fn zone(brand: &str, branch: &str) -> ZoneContext {
    ZoneContext {
        alias: "Vault $1".to_string(),
        brand: brand.to_string(),
        branch: branch.to_string(),
        users: vec![("matt".to_string(), 1001), ("anna".to_string(), 1002)],
    }
}

fn settle(brand: &str, branch: &str) -> Bundle {
    let given = BTreeMap::from([("owner".to_string(), "{{zone.alias}}".to_string())]);
    resolve(&load("crowded"), &given, &zone(brand, branch)).unwrap()
}

#[test]
fn toml_and_json_give_the_same_recipe() {
    let toml = load("crowded");
    let json = load("crowded-as-json");
    assert_eq!(toml.recipe, json.recipe);
    let given = BTreeMap::from([("owner".to_string(), "x".to_string())]);
    let zone = zone("joyent", "2024Q4");
    assert_eq!(resolve(&toml, &given, &zone), resolve(&json, &given, &zone));
}

#[test]
fn every_key_of_a_crowded_recipe_is_read_as_written() {
    let recipe = load("crowded").recipe;
    assert_eq!(recipe.package.summary, "Größe, “quotes” & $dollars");
    assert_eq!(recipe.package.conflicts, ["crowded-[0-9]*", "other>=1<2"]);
    assert_eq!(recipe.parameters["port"].default.as_deref(), Some("548"));
    assert_eq!(recipe.parameters["limit"].kind, ParameterKind::Size);
    assert_eq!(recipe.parameters["level"].choices, ["note", "debug"]);
    assert_eq!(recipe.parameters["owner"].default, None);

    let first = &recipe.sources[0];
    assert_eq!(first.debian.as_ref().unwrap().version, "4.5.2~ds-2");
    assert!(first.sha256.as_ref().unwrap().starts_with("2cdfd5420e"));
    assert_eq!((first.size, first.strip), (Some(1_307_800), 2));
    let patches: Vec<_> = first
        .patches
        .iter()
        .map(|p| (p.file.as_str(), p.strip, p.fuzz))
        .collect();
    assert_eq!(
        patches,
        [
            ("crowded/first.patch", 1, 0),
            ("crowded/second.patch", 0, 2),
            ("crowded/third.patch", 1, 0)
        ]
    );
    assert_eq!(
        recipe.sources[1].into.as_deref(),
        Some("subprojects/library")
    );
    assert_eq!(recipe.sources[1].strip, 1);
    assert_eq!(recipe.dependencies.build[1].name, "gcc13");
    assert_eq!(recipe.dependencies.run[0].name, "libevent>=2.1");

    let build = &recipe.build;
    let written: Vec<&str> = build
        .options
        .iter()
        .take(4)
        .map(|o| o.value.as_str())
        .collect();
    assert_eq!(
        written,
        ["-Dname=it's \"$HOME\" `id`", "--", "", "two\nlines"]
    );
    assert_eq!(build.directory.as_deref(), Some("source dir/ünder"));
    assert_eq!(build.environment["CFLAGS"], "-O2 -DX='a b'");
    assert_eq!(build.environment["EMPTY"], "");
    assert!(build.test);
    let custom = build.custom.as_ref().unwrap();
    assert_eq!(custom.compile, [vec!["make"], vec!["make", "extra"]]);
    assert_eq!(custom.stage, [["make", "install", "DESTDIR=$DESTDIR"]]);

    assert_eq!(recipe.users[0].uid, Some(555));
    assert_eq!(
        (recipe.directories[0].mode, recipe.directories[1].mode),
        (0o700, 0o755)
    );
    assert_eq!(recipe.directories[1].owner, "root");
    assert_eq!(
        (recipe.files[0].kind, recipe.files[0].mode),
        (FileKind::AfpConf, 0o640)
    );
    assert_eq!(
        recipe.files[1].path,
        "/opt/local/etc/with space/$odd 'name' ü"
    );
    let text = "-n \"as it stands\" {{not a template}} $HOME 'ä'\n";
    assert_eq!(
        recipe.files[1].content,
        FileContent::Content(text.to_string())
    );
}

#[test]
fn every_key_of_a_service_and_a_check_is_read_as_written() {
    let recipe = load("crowded").recipe;
    let service = &recipe.services[0];
    assert_eq!(service.start[3..], ["a b", "--x='$y'"]);
    assert_eq!(service.stop, [":kill", "-INT"]);
    assert_eq!(service.duration, ServiceDuration::Child);
    assert_eq!(service.start_timeout, Some(Duration::from_secs(90)));
    assert_eq!(service.stop_timeout, Some(Duration::from_secs(120)));
    assert_eq!(service.environment["NOTE"], "a;b \"c\"");
    assert_eq!(service.ignore_errors, ["core", "signal"]);
    assert_eq!(service.requires.len(), 2);
    assert_eq!(service.sessions.as_ref().unwrap().process, "crowdd");
    let helper = &recipe.services[1];
    assert_eq!(
        helper.manifest.as_deref(),
        Some("/var/svc/manifest/network/crowded.xml")
    );
    assert!(helper.start.is_empty() && helper.stop.is_empty());

    assert_eq!(recipe.checks[0].within, Some(Duration::from_millis(1500)));
    let CheckKind::Command {
        status, contains, ..
    } = &recipe.checks[0].kind
    else {
        panic!("{:?}", recipe.checks[0]);
    };
    assert_eq!(
        (*status, contains.as_deref()),
        (3, Some("crowded {{package.version}}"))
    );
    let tcp = CheckKind::Tcp {
        port: 65535,
        address: "::1".to_string(),
    };
    assert_eq!(recipe.checks[1].kind, tcp);
    let afp = CheckKind::Afp {
        port: 1,
        address: "127.0.0.1".to_string(),
    };
    assert_eq!(recipe.checks[2].kind, afp);
}

#[test]
fn conditions_choose_what_a_zone_gets() {
    let new = settle("joyent", "2024Q4");
    assert_eq!(new.recipe.sources.len(), 2);
    let names = |bundle: &Bundle| -> Vec<String> {
        bundle
            .recipe
            .dependencies
            .build
            .iter()
            .map(|d| d.name.clone())
            .collect()
    };
    let files = |bundle: &Bundle| -> Vec<String> {
        bundle.patches.iter().map(|p| p.file.clone()).collect()
    };
    assert_eq!(names(&new), ["meson", "gcc13"]);
    assert_eq!(files(&new), ["crowded/first.patch", "crowded/third.patch"]);

    let old = settle("joyent-minimal", "2022Q4");
    assert_eq!(old.recipe.sources.len(), 1);
    assert_eq!(names(&old), ["meson", "gcc12"]);
    assert_eq!(files(&old).len(), 3);
    assert_eq!(
        (
            old.patches[1].strip,
            old.patches[1].fuzz,
            old.patches[1].source
        ),
        (0, 2, 0)
    );
    assert_eq!(old.patches[0].bytes, b"--- first\n");
    assert_eq!(
        old.patches[0].sha256,
        "11b8cacf314a0007a6a32381255a1351a0e681a0a5a5bf6b3e5e74506f11796c"
    );
    let values: Vec<&str> = old
        .recipe
        .build
        .options
        .iter()
        .map(|o| o.value.as_str())
        .collect();
    assert_eq!(values.len(), 5);
    assert_eq!(values[4], "-Dstate=/opt/local/var/crowded");
}

#[test]
fn templates_are_rendered_with_parameters_zone_and_users() {
    let bundle = settle("joyent", "2024Q4");
    assert_eq!(
        bundle.recipe.sources[0].urls[0],
        "https://example.org/4-5-2/crowded-4.5.2.tar.xz"
    );
    assert_eq!(
        bundle.recipe.build.make_arguments[2],
        "NAME=Vault $1 of crowded+file-server"
    );
    assert_eq!(bundle.recipe.directories[0].path, "/opt/local/var/crowded");
    assert_eq!(bundle.recipe.services[0].start[2], "548");
    assert_eq!(
        bundle.recipe.services[0].log.as_deref(),
        Some("/opt/local/var/crowded/log")
    );
    assert_eq!(
        bundle.recipe.services[0].properties["limit"],
        (600_u64 << 30).to_string()
    );
    assert_eq!(bundle.parameters["limit"], (600_u64 << 30).to_string());
    assert_eq!(bundle.parameters["idle"], "300");
    assert_eq!(bundle.parameters["spotlight"], "false");

    let FileBytes::Known(bytes) = &bundle.files[0].content else {
        panic!("{:?}", bundle.files[0]);
    };
    let expected = "[Global]\n\
        server name = Vault $1 of crowded+file-server\n\
        afp port = 548\n\
        spotlight = no\n\
        vol size limit = 583680\n\
        [matt 1001]\n\
        [anna 1002]\n\
        valid users = matt anna\n\
        ; joyent 2024Q4 /opt/local 300 {{zone.alias}}\n";
    assert_eq!(String::from_utf8_lossy(bytes), expected);
    let FileBytes::Known(bytes) = &bundle.files[1].content else {
        panic!("{:?}", bundle.files[1]);
    };
    assert!(String::from_utf8_lossy(bytes).contains("{{not a template}}"));
    let staged = FileBytes::Staged("/opt/local/lib/manifest/crowded.xml".to_string());
    assert_eq!(bundle.files[2].content, staged);
}

/// A recipe with `awkward` wherever a free text may stand.
fn awkward_recipe(awkward: &str) -> serde_json::Value {
    let templated = awkward.replace("{{", "\\{{");
    let checksum = "2cdfd5420e8e91c85c82dda66a92dcdd5974eef076feb169b279c600133f38b2";
    serde_json::json!({
        "package": { "name": "thing", "version": "1.0", "summary": "A thing" },
        "parameters": { "free": { "type": "string", "default": templated, "help": "free text" } },
        "source": [{ "urls": ["https://example.org/x"], "sha256": checksum }],
        "build": {
            "system": "custom",
            "options": [templated, "{{parameters.free}}"],
            "make-arguments": [templated],
            "environment": { "A": templated },
            "custom": { "stage": [["run", templated]] },
        },
        "file": [{ "path": "/etc/x", "content": awkward }],
        "service": [{
            "fmri": "svc:/a/b:default",
            "start": ["run", templated],
            "environment": { "A": templated },
            "properties": { "a": templated },
        }],
        "check": [{ "name": "works", "command": ["run", templated], "contains": templated }],
    })
}

fn free_texts(bundle: &Bundle) -> Vec<String> {
    let recipe = &bundle.recipe;
    let FileBytes::Known(content) = &bundle.files[0].content else {
        panic!("{:?}", bundle.files);
    };
    let CheckKind::Command {
        command, contains, ..
    } = &recipe.checks[0].kind
    else {
        panic!("{:?}", recipe.checks);
    };
    vec![
        recipe.build.options[0].value.clone(),
        recipe.build.options[1].value.clone(),
        recipe.build.make_arguments[0].clone(),
        recipe.build.environment["A"].clone(),
        recipe.build.custom.as_ref().unwrap().stage[0][1].clone(),
        String::from_utf8(content.clone()).unwrap(),
        recipe.services[0].start[1].clone(),
        recipe.services[0].environment["A"].clone(),
        recipe.services[0].properties["a"].clone(),
        command[1].clone(),
        contains.clone().unwrap(),
        bundle.parameters["free"].clone(),
    ]
}

#[test]
fn awkward_texts_arrive_as_they_were_written_in_toml_and_json() {
    for awkward in [
        " ",
        " lead and trail ",
        "-rf",
        "--",
        "it's",
        "\"",
        "a\\b",
        "$HOME",
        "`id`",
        "$(id)",
        "*?[a]",
        "two\nlines",
        "\n",
        "tab\there",
        "Größe 日本語 🦀",
        "a;b&c|d",
        "%s",
        "{{not.a.name}}",
        "}}",
        "<&>",
        "\r\n",
        "!",
        "~",
        "#x",
    ] {
        let value = awkward_recipe(awkward);
        let json = value.to_string();
        let toml = toml_edit::ser::to_string(&value).unwrap();
        for (ending, text) in [("json", json), ("toml", toml)] {
            let path = format!("thing.{ending}").into();
            let source = zonewright::problem::SourceText { path, text };
            let (loaded, problems) = check_text(&site(), "thing", source.into(), &["custom"]);
            assert!(problems.is_empty(), "{ending} {awkward:?}: {problems:#?}");
            let bundle = resolve(
                &loaded.unwrap(),
                &BTreeMap::new(),
                &zone("joyent", "2024Q4"),
            )
            .unwrap();
            for text in free_texts(&bundle) {
                assert_eq!(text, awkward, "{ending}");
            }
        }
    }
}

#[test]
fn wrong_values_of_parameters_are_all_named_without_a_place() {
    let given = [
        ("owner", "x"),
        ("prot", "1"),
        ("limit", "5"),
        ("port", "many"),
        ("level", "loud"),
    ];
    let given = given
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .into();
    let problems = resolve(&load("crowded"), &given, &zone("joyent", "2024Q4")).unwrap_err();
    let mut keys: Vec<&str> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "parameters.level",
            "parameters.limit",
            "parameters.port",
            "parameters.prot"
        ]
    );
    let missing = resolve(
        &load("crowded"),
        &BTreeMap::new(),
        &zone("joyent", "2024Q4"),
    )
    .unwrap_err();
    assert_eq!(missing.len(), 1);
    assert_eq!(
        missing[0].message,
        "the parameter `owner` of `crowded+file-server` is missing"
    );
}

#[test]
fn a_value_that_the_file_cannot_hold_is_refused_for_the_zone() {
    let given = BTreeMap::from([
        ("owner".to_string(), "x".to_string()),
        ("server-name".to_string(), "a;b".to_string()),
    ]);
    let problems = resolve(&load("crowded"), &given, &zone("joyent", "2024Q4")).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(problems[0].line_and_column(), Some((2, 17)));
}

#[test]
fn a_file_beyond_all_reason_is_refused_and_one_below_is_read_in_time() {
    let check = |text: String, ending: &str| {
        let path = format!("thing.{ending}").into();
        let source = std::sync::Arc::new(SourceText { path, text });
        check_text(&site(), "thing", source, &["custom"]).1
    };
    let keys = |count: usize| {
        (0..count)
            .map(|n| format!("k{n} = 1\n"))
            .collect::<String>()
    };
    let limit = 1 << 20;
    let mut text = keys(40_000);
    text.push_str(&"#".repeat(limit - text.len()));
    let problems = check(text.clone(), "toml");
    assert!(problems.len() > 40_000, "{}", problems.len());
    assert!(render_lines(&problems).contains("more problems"));
    text.push('#');
    let problems = check(text, "toml");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "the file is larger than 1 MiB");
    let keys: Vec<String> = (0..30_000).map(|n| format!("\"k{n}\": 1")).collect();
    let problems = check(format!("{{{}}}", keys.join(",")), "json");
    assert!(problems.len() > 30_000, "{}", problems.len());
}
