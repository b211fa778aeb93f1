//! The schema against every file that ships and every broken one of the tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use regex::Regex;

use super::*;
use crate::problem::SourceText;
use crate::recipe::syntax;
use crate::recipe::tree::{Node, Value as Tree};
use crate::recipe::validate::{Stage, validate};

/// Why a value does not have the shape that a schema demands, where it has not. A word of JSON
/// Schema that is not known here fails the test.
fn refused(schema: &Value, value: &Value) -> Option<String> {
    let empty = Map::new();
    let members = match schema {
        Value::Bool(true) => &empty,
        Value::Bool(false) => return Some("nothing is taken here".to_owned()),
        _ => schema.as_object().unwrap(),
    };
    members
        .iter()
        .find_map(|(word, demand)| word_refuses(word, demand, members, value))
}

fn word_refuses(
    word: &str,
    demand: &Value,
    schema: &Map<String, Value>,
    value: &Value,
) -> Option<String> {
    let list = || demand.as_array().unwrap();
    let unless = |is_good: bool| (!is_good).then(|| format!("{word} {demand}: {value}"));
    let takes = |inner: &Value| refused(inner, value).is_none();
    match word {
        "$schema" | "title" | "description" | "additionalItems" | "properties" => None,
        "type" => {
            let kind = match value {
                Value::String(_) => "string",
                Value::Number(number) if number.is_i64() => "integer",
                Value::Bool(_) => "boolean",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
                Value::Null | Value::Number(_) => "other",
            };
            let kinds = demand.as_array().cloned().unwrap_or(vec![demand.clone()]);
            unless(kinds.contains(&Value::from(kind)))
        }
        "enum" => unless(list().contains(value)),
        "pattern" => {
            let pattern = Regex::new(demand.as_str().unwrap()).unwrap();
            unless(value.as_str().is_none_or(|text| pattern.is_match(text)))
        }
        "minimum" => unless(value.as_i64().is_none_or(|n| n >= demand.as_i64().unwrap())),
        "maximum" => unless(value.as_i64().is_none_or(|n| n <= demand.as_i64().unwrap())),
        "minItems" => unless(
            value
                .as_array()
                .is_none_or(|items| items.len() as u64 >= demand.as_u64().unwrap()),
        ),
        "required" => unless(value.as_object().is_none_or(|map| {
            list()
                .iter()
                .all(|name| map.contains_key(name.as_str().unwrap()))
        })),
        "items" => value
            .as_array()?
            .iter()
            .enumerate()
            .find_map(|(index, item)| {
                let schema = match demand {
                    Value::Array(first) => first
                        .get(index)
                        .unwrap_or_else(|| &schema["additionalItems"]),
                    all => all,
                };
                refused(schema, item)
            }),
        "propertyNames" => value
            .as_object()?
            .keys()
            .find_map(|name| refused(demand, &Value::from(name.as_str()))),
        "additionalProperties" => value.as_object()?.iter().find_map(|(name, member)| {
            let known = schema.get("properties").and_then(|known| known.get(name));
            refused(known.unwrap_or(demand), member).map(|why| format!("{name}: {why}"))
        }),
        "allOf" => list().iter().find_map(|inner| refused(inner, value)),
        "anyOf" => unless(list().iter().any(takes)),
        "oneOf" => unless(list().iter().filter(|inner| takes(inner)).count() == 1),
        "not" => unless(!takes(demand)),
        other => panic!("the schema says `{other}`"),
    }
}

fn json_of(node: &Node) -> Value {
    match &node.value {
        Tree::Text(text) => Value::from(text.as_str()),
        Tree::Integer(number) => Value::from(*number),
        Tree::Boolean(truth) => Value::from(*truth),
        Tree::List(items) => items.iter().map(json_of).collect(),
        Tree::Table(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), json_of(&entry.node)))
            .collect(),
        Tree::Other(_) => Value::Null,
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml" || e == "json"))
        .collect();
    files.sort();
    files
}

fn source(path: &Path) -> Option<Arc<SourceText>> {
    Some(Arc::new(SourceText {
        path: path.to_owned(),
        text: std::fs::read_to_string(path).ok()?,
    }))
}

#[test]
fn every_file_that_ships_has_the_shape_of_its_schema() {
    let mut seen = 0;
    for (kind, folder) in [
        (Kind::Recipe, "recipes"),
        (Kind::Recipe, "tests/recipe/site/recipes"),
        (Kind::Zone, "zones"),
        (Kind::Zone, "tests/recipe/site/zones"),
    ] {
        let schema = json_schema(kind);
        for path in files(folder) {
            let document = syntax::parse(source(&path).unwrap()).unwrap();
            let why = refused(&schema, &json_of(&document.root));
            assert_eq!(why, None, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen}");
}

/// What a key by itself cannot be asked for: whether two entries are the same, what a number in an
/// address means, which names are taken.
fn is_beyond_a_schema(message: &str) -> bool {
    message.starts_with("two ")
        || message.ends_with("is not an IP address")
        || message.ends_with("is not an address of a network card")
        || message.ends_with("is too long")
}

#[test]
fn the_schema_refuses_every_broken_file_that_it_can_see() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (kind, folder) in [(Kind::Recipe, "recipes"), (Kind::Zone, "zones")] {
        let schema = json_schema(kind);
        let table = match kind {
            Kind::Recipe => &RECIPE,
            Kind::Zone => &ZONE,
        };
        for path in files(&format!("tests/recipe_errors/{folder}")) {
            let parsed = source(&path).map(syntax::parse);
            let Some(Ok(mut document)) = parsed else {
                continue;
            };
            let why = refused(&schema, &json_of(&document.root));
            let problems = validate(&mut document, table, Stage::Written);
            let visible: Vec<&str> = problems
                .iter()
                .map(|problem| problem.message.as_str())
                .filter(|message| !is_beyond_a_schema(message))
                .collect();
            match (&why, visible.is_empty()) {
                (None, false) => wrong.push(format!("{}: not seen: {visible:?}", path.display())),
                (Some(why), _) if problems.is_empty() => {
                    wrong.push(format!("{}: good, but: {why}", path.display()));
                }
                (Some(_), _) => count += 1,
                (None, true) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 40, "only {count} are refused");
}

#[test]
fn a_pattern_takes_whatever_the_check_takes() {
    use crate::recipe::format::Format;
    let formats = [
        Format::Any,
        Format::Program,
        Format::Argument,
        Format::ServiceText,
        Format::Line,
        Format::Path,
        Format::ManifestPath,
        Format::AccountPath,
        Format::Below("patches"),
        Format::LocalPath,
        Format::Url,
        Format::Sha256,
        Format::PackageName,
        Format::Dependency,
        Format::PackagePattern,
        Format::Version,
        Format::DebianVersion,
        Format::DebianFile,
        Format::Versions,
        Format::Branches,
        Format::Instance,
        Format::ServiceOrFile,
        Format::Mode,
        Format::Size,
        Format::Duration,
        Format::Account(8),
        Format::Process,
        Format::Privileges,
        Format::AccountField,
        Format::Image,
        Format::Uuid,
        Format::Brand,
        Format::CardAddress,
        Format::Mac,
        Format::NicTag,
        Format::MetadataKey,
        Format::DatasetName,
        Format::HostDataset,
        Format::Label,
        Format::Domain,
        Format::Address,
        Format::HostName,
        Format::SshTarget,
        Format::Variable,
        Format::BuildVariable,
        Format::ServiceVariable,
        Format::Kebab,
        Format::Property,
    ];
    let texts = [
        "",
        "a",
        "a b",
        " ",
        "/",
        "/a/",
        "/a b/$x 'y' ü",
        "/a/..b",
        "/-x",
        "/a/...",
        "a/b.patch",
        "~/x",
        "netatalk",
        "gtk+3",
        "9libs",
        "libevent>=2.1",
        "gcc>=12<14",
        "db5-[0-9]*",
        "{a,b}>=1",
        "1",
        "4.5.2",
        "1.0rc1",
        "1_2+git",
        "4.2.3~ds-2",
        "1:2.3",
        "svc:/network/netatalk:default",
        "svc:/a:b",
        "svc:/milestone/network",
        "file://localhost/etc/x",
        "zwbuild",
        "a_b.c-d",
        "afpd",
        "fifteen-letters",
        "basic,!proc_info,net_privaddr",
        "A",
        "_a1",
        "server-name",
        "x1-2",
        ":kill",
        "./configure",
        "g++",
        "600 GiB",
        "1.5TiB",
        "0B",
        "60s",
        "5min",
        "1.5 h",
        "0644",
        "755",
        "127.0.0.1",
        "::1",
        "192.0.2.10/24",
        "fe80::1/64",
        "dhcp",
        "base-64-lts@24.4.1",
        "842e6fa6-6e9b-11e5-8402-1b490459e334",
        "joyent-minimal",
        "b2:1e:ba:a5:6e:70",
        "zones/MacBackup",
        "overlay/7",
        "addrconf",
        "root@vault:22",
        "root@[::1]:22",
        "https://example.org/file-1.0.tar.xz",
        "http://x",
        "ftp://a/b",
        ">=3.1<3.2",
        "<4",
        "4.0",
        "2024Q4",
        ">=2023Q4",
        ">=2022Q1<2024Q1",
        "a;b\tc\n",
        "Anna B., büro",
        "日本",
        "=",
        "\"",
        "a:b",
        "netatalk_4.2.3~ds.orig.tar.xz",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    ];
    for format in formats {
        let pattern = Regex::new(&pattern(format)).unwrap();
        let mut taken = 0;
        for text in texts.iter().filter(|text| format.check(text).is_ok()) {
            let is_blank = text.trim().is_empty() && !format.may_be_blank();
            assert!(
                is_blank || pattern.is_match(text),
                "{format:?} {text:?} {pattern}"
            );
            taken += 1;
        }
        assert!(taken > 0, "{format:?}");
    }
}

#[test]
fn what_is_wrong_at_one_place_is_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recipe/site/recipes/crowded-as-json.json");
    let good: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let schema = json_schema(Kind::Recipe);
    for (pointer, name, value) in [
        ("/package", "sumary", json!("x")),
        ("/source/0", "unverified", json!("x")),
        ("/source/0/patches/1", "fuzz", json!("1")),
        ("/file/0", "content", json!("x")),
        ("/service/1", "stop", json!(["x"])),
        ("/parameters/state", "type", json!("text")),
        ("/directory/0", "mode", json!("0999")),
    ] {
        let mut bad = good.clone();
        bad.pointer_mut(pointer).unwrap()[name] = value;
        assert!(refused(&schema, &bad).is_some(), "{pointer} {name}");
    }
}
