//! Recipes, zone files and templates: what an author writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use zonewright::build_system;
use zonewright::problem::{Problem, Severity, SourceText};
use zonewright::recipe::bundle::{FileBytes, ZoneContext, resolve};
use zonewright::recipe::check::check;
use zonewright::recipe::load::{LoadedRecipe, check_text};
use zonewright::recipe::tree::{Node, Value};
use zonewright::show::problems::{line, render, render_lines};
use zonewright::site::SiteRoot;
use zonewright::site::check::check_use;
use zonewright::site::load::read_text;

/// JSON where it looks like JSON, TOML otherwise.
fn source(name: &str, text: &str) -> Arc<SourceText> {
    let ending = if text.starts_with(['{', '"']) {
        "json"
    } else {
        "toml"
    };
    Arc::new(SourceText {
        path: format!("{name}.{ending}").into(),
        text: text.to_owned(),
    })
}

/// The zone that `check` tries templates with.
fn zone_context() -> ZoneContext {
    ZoneContext {
        alias: "zone".to_owned(),
        brand: "joyent".to_owned(),
        branch: "2024Q4".to_owned(),
        users: vec![("user".to_owned(), 1001)],
    }
}

/// Whatever is wrong can be shown, in each of the forms there are.
fn shown(problems: &[Problem]) -> String {
    for problem in problems.iter().take(300) {
        assert!(!problem.message.is_empty(), "{problem:?}");
        assert!(!line(problem).contains('\n'), "{}", line(problem));
        if let (Some(span), Some(file)) = (&problem.span, &problem.file) {
            assert!(span.start <= span.end, "{problem:?}");
            assert!(span.end <= file.text.len(), "{problem:?}");
        }
    }
    let few = problems.get(..20).unwrap_or(problems);
    render(few, true) + &render(problems, false) + &render_lines(problems)
}

fn is_good(problems: &[Problem]) -> bool {
    problems.iter().all(|p| p.severity == Severity::Warning)
}

pub fn recipe(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let site = SiteRoot::built_in();
    let systems = build_system::names();
    let (loaded, problems) = check_text(&site, "thing", source("thing", text), &systems);
    shown(&problems);
    let Some(loaded) = loaded else {
        assert!(!problems.is_empty());
        return;
    };
    let settled = resolve(&loaded, &BTreeMap::new(), &zone_context());
    match settled {
        Err(problems) => {
            shown(&problems);
            assert!(!problems.is_empty());
        }
        Ok(bundle) => {
            for file in &bundle.files {
                assert!(file.mode <= 0o7777 && !file.owner.is_empty());
            }
            assert!(
                bundle.patches.len() <= loaded.patches.len() * bundle.recipe.sources.len() * 64
            );
        }
    }
    let has_defaults = loaded.recipe.parameters.values();
    if is_good(&problems) && has_defaults.into_iter().all(|p| p.default.is_some()) {
        let again = resolve(&loaded, &BTreeMap::new(), &zone_context());
        assert!(
            again.is_ok(),
            "good at the desk, refused for a zone: {again:?}"
        );
    }
}

/// Passwords that stand in the file as such: texts where a table belongs.
fn written_passwords(root: &Node) -> Vec<&str> {
    let users = root.get("user").map_or(&[][..], Node::items);
    let passwords = users.iter().filter_map(|user| user.get("password"));
    passwords
        .filter(|password| !matches!(password.value, Value::Table(_)))
        .filter_map(Node::as_text)
        .collect()
}

pub fn zone(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (loaded, problems) = read_text("case", source("case", text));
    let report = shown(&problems);
    let Some(loaded) = loaded else {
        assert!(!problems.is_empty());
        return;
    };
    for password in written_passwords(&loaded.document.root) {
        // long enough, and only there: what else is shown is not it by chance
        let is_telling = password.len() >= 8 && text.matches(password).count() == 1;
        assert!(!is_telling || !report.contains(password), "{report}");
    }
    if is_good(&problems) {
        for user in &loaded.zone.users {
            assert!((100..=2_097_151).contains(&user.uid), "{user:?}");
            assert!(!user.name.is_empty(), "{user:?}");
        }
    }
    let recipe = fixed_recipe();
    for index in 0..loaded.zone.recipes.len().min(20) {
        shown(&check_use(&loaded, index, &recipe, true));
    }
}

/// A recipe that makes a file of each kind from one template, and a file of each kind that quotes
/// one value.
const FIXED: &str = r#"
[package]
name = "thing"
version = "1.0"
summary = "A thing"

[parameters]
value = { type = "string", default = "x", help = "any text" }
limit = { type = "size", default = "1 GiB", help = "a size" }
path = { type = "path", default = "/var/thing", help = "a path" }
is-on = { type = "boolean", default = "true", help = "a switch" }

[build]
system = "custom"
custom = { stage = [["true"]] }

[[file]]
path = "/a/plain"
template = "thing/given"
[[file]]
path = "/a/afp.conf"
template = "thing/given"
kind = "afp.conf"
[[file]]
path = "/a/xml"
template = "thing/given"
kind = "xml"
[[file]]
path = "/a/shell"
template = "thing/given"
kind = "shell"
[[file]]
path = "/a/json"
template = "thing/given"
kind = "json"
[[file]]
path = "/q/afp.conf"
template = "thing/quoting.conf"
kind = "afp.conf"
[[file]]
path = "/q/xml"
template = "thing/quoting.xml"
kind = "xml"
[[file]]
path = "/q/shell"
template = "thing/quoting.sh"
kind = "shell"
[[file]]
path = "/q/json"
template = "thing/quoting.json"
kind = "json"
"#;

fn fixed_recipe() -> LoadedRecipe {
    let site = SiteRoot::built_in();
    let source = source("thing", FIXED);
    let (loaded, _) = check_text(&site, "thing", source, &build_system::names());
    loaded.expect("the fixed recipe parses")
}

/// A value, a NUL byte, a template; without the NUL all of it is the template.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (value, template) = text.split_once('\0').unwrap_or(("x", text));
    let templates = [
        ("thing/given", template),
        ("thing/quoting.conf", "a = {{parameters.value}}\n"),
        ("thing/quoting.xml", "<a b=\"{{parameters.value}}\"/>"),
        ("thing/quoting.sh", "{{parameters.value}}"),
        ("thing/quoting.json", "{\"a\": \"{{parameters.value}}\"}"),
    ];
    let mut loaded = fixed_recipe();
    for (name, text) in templates {
        loaded.templates.insert(name.to_owned(), source(name, text));
    }
    shown(&check(&loaded, &build_system::names(), &[]));
    let given = BTreeMap::from([("value".to_owned(), value.to_owned())]);
    match resolve(&loaded, &given, &zone_context()) {
        Err(problems) => drop(shown(&problems)),
        Ok(bundle) => {
            let text = |path: &str| {
                let file = bundle.files.iter().find(|file| file.path == path);
                match &file.expect("a file of the recipe").content {
                    FileBytes::Known(bytes) => String::from_utf8(bytes.clone()).expect("UTF-8"),
                    FileBytes::Staged(path) => panic!("{path}"),
                }
            };
            arrives(value, &text);
        }
    }
}

/// The value comes out of each file as it went in.
fn arrives(value: &str, text: &dyn Fn(&str) -> String) {
    assert_eq!(text("/q/afp.conf"), format!("a = {value}\n"));
    assert!(!value.contains([';', '#', '\n']), "{value:?}");
    let words = shlex::split(&text("/q/shell"));
    assert_eq!(words, Some(vec![value.to_owned()]));
    let json: serde_json::Value = serde_json::from_str(&text("/q/json")).expect("JSON");
    assert_eq!(json["a"], value);
    let xml = text("/q/xml");
    match roxmltree::Document::parse(&xml) {
        Ok(document) => assert_eq!(document.root_element().attribute("b"), Some(value)),
        Err(error) => panic!("{error}: {xml}"),
    }
}
