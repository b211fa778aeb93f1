//! Files and folders: their paths, their contents, the templates and the values in them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zonewright::recipe::load::load_recipe;
use zonewright::recipe::model::{Parameter, ParameterKind};
use zonewright::recipe::parameters::check_given;
use zonewright::recipe::resolve;
use zonewright::recipe::{Recipe, ZoneContext};
use zonewright::script::quote;
use zonewright::site::SiteRoot;

use super::ledger::{Ledger, arrives, texts};
use super::place::{Place, ended_by_nul};

const GIVEN: &str = "zone recipe[].parameters.*";
const DEFAULT: &str = "recipe parameters.*.default";
const CHOICE: &str = "recipe parameters.*.choices[]";

/// The kinds of files whose values are read back by a reader of that kind.
const KINDS: [&str; 4] = ["shell", "json", "xml", "afp.conf"];

pub fn add(recipe: &mut Value, zone: &mut Value, place: &Place) {
    let mut parameters = json!({
        "round": { "type": "string", "default": "first", "help": "what changes" },
    });
    let mut given = json!({});
    for (index, text) in texts(GIVEN).iter().enumerate() {
        parameters[format!("p{index}")] = json!({ "type": "string", "help": "given" });
        given[format!("p{index}")] = json!(text);
    }
    for (index, text) in texts(DEFAULT).iter().enumerate() {
        parameters[format!("d{index}")] =
            json!({ "type": "string", "default": text, "help": "a default" });
    }
    for (index, text) in texts(CHOICE).iter().enumerate() {
        let name = format!("c{index}");
        parameters[&name] =
            json!({ "type": "string", "choices": ["other", text], "help": "a choice" });
        given[&name] = json!(text);
    }
    recipe["parameters"] = parameters;
    zone["recipe"][0]["parameters"] = given;

    let mut files = Vec::new();
    let contents = texts("recipe file[].content");
    let mut contents = contents.iter();
    for path in texts("recipe file[].path") {
        files.push(json!({ "path": path, "content": contents.next().map_or("", String::as_str) }));
    }
    for (index, content) in contents.enumerate() {
        files.push(json!({ "path": format!("/srv/contents/{index}"), "content": content }));
    }
    for (index, name) in texts("recipe file[].template").iter().enumerate() {
        place
            .zone
            .write(&format!("templates/{name}"), &format!("of {index}"));
        files.push(json!({ "path": format!("/srv/templates/{index}"), "template": name }));
    }
    for (index, staged) in texts("recipe file[].staged").iter().enumerate() {
        files.push(json!({ "path": format!("/srv/staged/{index}"), "staged": staged }));
    }
    for name in value_names() {
        let template = format!("values/{name}.hbs");
        place.zone.write(
            &format!("templates/{template}"),
            &format!("{{{{parameters.{name}}}}}"),
        );
        files.push(json!({ "path": format!("/srv/values/{name}"), "template": template }));
    }
    recipe["file"] = json!(files);
    let staged = texts("recipe file[].staged").into_iter();
    let staged: Vec<String> = staged
        .map(|text| arrives("recipe file[].staged", &text))
        .collect();
    let list = staged
        .iter()
        .map(|path| quote(path))
        .collect::<Vec<_>>()
        .join(" ");
    place
        .zone
        .shell(&format!("printf '%s\\0' {list} >>/opt/staged/strange"));
    let folders = texts("recipe directory[].path").into_iter();
    recipe["directory"] = folders
        .map(|path| json!({ "path": path, "mode": "0750" }))
        .collect();
    add_kinds(recipe, place);
}

/// The parameters that hold values.
fn value_names() -> Vec<String> {
    let named = |letter: &str, path: &str| -> Vec<String> {
        (0..texts(path).len())
            .map(|index| format!("{letter}{index}"))
            .collect()
    };
    [named("p", GIVEN), named("d", DEFAULT), named("c", CHOICE)].concat()
}

/// One file of each kind, with the values that a file of the kind takes: resolving says which.
fn add_kinds(recipe: &mut Value, place: &Place) {
    for kind in KINDS {
        let fits = fitting(kind, place);
        let template: String = fits.iter().map(|name| line(kind, name)).collect();
        let (head, end) = match kind {
            "json" => (
                "{",
                "\"end\": {{{{parameters.port}}}}}".replace("{{{{parameters.port}}}}", "0"),
            ),
            "xml" => ("<values>\n", "</values>\n".to_owned()),
            "afp.conf" => ("[Global]\n", String::new()),
            _ => ("", String::new()),
        };
        place.zone.write(
            &format!("templates/kinds/{kind}.hbs"),
            &format!("{head}{template}{end}"),
        );
        let file = json!({ "path": format!("/srv/kinds/{kind}"), "template": format!("kinds/{kind}.hbs"), "kind": kind });
        recipe["file"].as_array_mut().unwrap().push(file);
    }
}

/// How a value is written down in a template of a kind.
fn line(kind: &str, name: &str) -> String {
    let value = format!("{{{{parameters.{name}}}}}");
    match kind {
        "shell" => format!("{name}={value}\n"),
        "json" => format!("\"{name}\": \"{value}\",\n"),
        "xml" => format!("<value name=\"{name}\" attribute=\"{value}\">{value}</value>\n"),
        _ => format!("{name} = {value}\n"),
    }
}

/// The given parameters whose values a file of the kind takes.
pub fn fitting(kind: &str, place: &Place) -> Vec<String> {
    let zone = ZoneContext {
        alias: "zone".to_owned(),
        brand: "joyent".to_owned(),
        branch: "2024Q4".to_owned(),
        users: Vec::new(),
    };
    let values = texts(GIVEN);
    let mut fits = Vec::new();
    place.zone.write("templates/try.hbs", &line(kind, "p"));
    place.recipe(
        "try",
        &json!({
            "package": { "name": "try", "version": "1", "summary": "A try" },
            "parameters": { "p": { "type": "string", "help": "any" } },
            "build": { "system": "custom", "custom": { "stage": [["true"]] } },
            "file": [{ "path": "/srv/try", "template": "try.hbs", "kind": kind }],
        }),
    );
    let site = SiteRoot::at(&place.zone.site).unwrap();
    let loaded = load_recipe(&site, "try", &["custom"]).unwrap();
    for (index, value) in values.iter().enumerate() {
        let given = BTreeMap::from([("p".to_owned(), value.clone())]);
        match resolve(&loaded, &given, &zone) {
            Ok(_) => fits.push(format!("p{index}")),
            Err(problems) => assert!(problems[0].help.is_some(), "{problems:?}"),
        }
    }
    std::fs::remove_file(place.zone.site.join("recipes/try.json")).unwrap();
    assert!(fits.len() > 20, "{kind}: {fits:?}");
    fits
}

pub fn read(place: &Place, ledger: &mut Ledger) {
    let paths: Vec<String> = texts("recipe file[].path")
        .iter()
        .map(|text| arrives("recipe file[].path", text))
        .collect();
    let contents = texts("recipe file[].content");
    let more = (0..contents.len().saturating_sub(paths.len()))
        .map(|index| format!("/srv/contents/{index}"));
    let places: Vec<String> = paths.iter().cloned().chain(more).collect();
    for ((path, content), found) in places.iter().zip(&contents).zip(place.read_all(&places)) {
        assert_eq!(String::from_utf8(found).unwrap(), *content, "{path}");
        ledger.note("recipe file[].content", content);
    }
    assert!(paths.len() <= contents.len());
    for text in texts("recipe file[].path") {
        ledger.note("recipe file[].path", &text);
    }
    let numbered = |start: &str, field: &str| {
        let texts = texts(field);
        let paths = (0..texts.len()).map(|index| format!("{start}{index}"));
        let found = place.read_all(&paths.collect::<Vec<_>>());
        texts.into_iter().zip(found)
    };
    let field = "recipe file[].template";
    for (index, (text, found)) in numbered("/srv/templates/", field).enumerate() {
        let found = String::from_utf8(found).unwrap();
        assert_eq!(found, format!("of {index}"), "{text}");
        ledger.note(field, &text);
    }
    for (start, field) in [
        ("/srv/staged/", "recipe file[].staged"),
        ("/srv/values/p", GIVEN),
        ("/srv/values/d", DEFAULT),
        ("/srv/values/c", CHOICE),
    ] {
        for (text, found) in numbered(start, field) {
            ledger.hold_one(field, &text, &found);
        }
    }
    let field = "recipe directory[].path";
    let folders = texts(field);
    let paths = folders.iter().map(|text| quote(&arrives(field, text)));
    let paths: Vec<String> = paths.collect();
    let modes = place
        .zone
        .shell(&format!("stat -c %a -- {}", paths.join(" ")));
    assert_eq!(modes, "750\n".repeat(folders.len()));
    for text in folders {
        ledger.note(field, &text);
    }
    read_kinds(place);
    read_afp_conf(place, &texts(GIVEN));
    read_help(ledger);
}

/// Prints what netatalk's own reader makes of a file: each setting's value, ended by NUL.
const INI_READER: &str = r#"
#include <stdio.h>
#include <iniparser/iniparser.h>
int main(int argc, char **argv)
{
    dictionary *d = iniparser_load(argv[1]);
    if (d == NULL || iniparser_getnsec(d) != 1)
        return 1;
    for (int i = 2; i < argc; i++) {
        char key[64];
        snprintf(key, sizeof key, "global:%s", argv[i]);
        fputs(iniparser_getstring(d, key, "(nothing)"), stdout);
        putchar(0);
    }
    return 0;
}
"#;

fn read_afp_conf(place: &Place, values: &[String]) {
    let names = fitting("afp.conf", place);
    place.program("/var/tmp/reader.c", INI_READER);
    let script = format!(
        "pkgin -y install gcc13 iniparser >/dev/null && cd /var/tmp &&
         /opt/local/gcc13/bin/gcc -o reader reader.c -liniparser &&
         ./reader /srv/kinds/afp.conf {} >settings",
        names.join(" ")
    );
    place.zone.shell(&script);
    let found = ended_by_nul(&place.read("/var/tmp/settings"));
    for (name, found) in names.iter().zip(&found) {
        let value = &values[name[1..].parse::<usize>().unwrap()];
        assert_eq!(found, value, "afp.conf {name}");
    }
}

/// What a parameter is for is said where it is missing.
fn read_help(ledger: &mut Ledger) {
    let field = "recipe parameters.*.help";
    for text in texts(field) {
        let parameter = Parameter {
            kind: ParameterKind::String,
            default: None,
            choices: Vec::new(),
            help: text.clone(),
        };
        let recipe = Recipe {
            parameters: [("missing".to_owned(), parameter)].into(),
            ..Recipe::default()
        };
        let mistakes = check_given(&recipe, &BTreeMap::new());
        let found = mistakes[0].complaint.help.as_deref().unwrap();
        ledger.hold_one(
            field,
            &text,
            found
                .split_once(" of this recipe (")
                .unwrap()
                .1
                .strip_suffix(')')
                .unwrap()
                .as_bytes(),
        );
    }
}

/// The values of each kind of file as a reader of that kind has them.
fn read_kinds(place: &Place) {
    let values = texts(GIVEN);
    let value = |name: &str| values[name[1..].parse::<usize>().unwrap()].as_str();
    let text = |kind: &str| String::from_utf8(place.read(&format!("/srv/kinds/{kind}"))).unwrap();

    let found: Value = serde_json::from_str(&text("json")).unwrap();
    for name in fitting("json", place) {
        assert_eq!(found[&name], value(&name), "json {name}");
    }
    let xml = text("xml");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let elements: Vec<roxmltree::Node> = document
        .root_element()
        .children()
        .filter(|node| node.is_element())
        .collect();
    for (name, element) in fitting("xml", place).iter().zip(elements) {
        assert_eq!(
            element.attribute("attribute"),
            Some(value(name)),
            "xml {name}"
        );
        assert_eq!(element.text().unwrap_or(""), value(name), "xml {name}");
    }
    let names = fitting("shell", place);
    let printed = format!(
        ". /srv/kinds/shell; for n in {}; do printf '%s\\0' \"${{!n}}\"; done >/var/tmp/shell",
        names.join(" ")
    );
    place.zone.shell(&printed);
    for (name, found) in names
        .iter()
        .zip(ended_by_nul(&place.read("/var/tmp/shell")))
    {
        assert_eq!(found, value(name), "shell {name}");
    }
}
