//! Services: methods, environment, properties and dependencies, by way of XML and SMF.

use serde_json::{Value, json};
use zonewright::script::quote;

use super::ledger::{Joined, Ledger, arrives, joined, texts, texts_up_to};
use super::place::{Place, ended_by_nul};

const METHODS: [&str; 3] = ["start", "stop", "refresh"];
const FMRI: &str = "svc:/site/strange:default";
const LONG: &str = "svc:/site/long:default";
const WATCHER: &str = "svc:/site/watcher:default";

fn one(path: &str, between: &str) -> Joined {
    let mut all = joined(path, between, 900);
    assert_eq!(all.len(), 1, "{path} does not fit into one text");
    all.remove(0)
}

fn program(method: &str) -> Joined {
    one(&format!("recipe service[].{method}[0]"), "/")
}

/// The arguments of a method; the whole of it has 4095 bytes.
fn arguments(method: &str, is_long: bool) -> Vec<String> {
    let field = format!("recipe service[].{method}[1]");
    match is_long {
        false => texts_up_to(&field, 1_000),
        true => texts(&field)
            .into_iter()
            .filter(|text| text.len() > 1_000)
            .collect(),
    }
}

pub fn add(recipe: &mut Value, place: &Place) {
    let mut strange = json!({
        "fmri": FMRI, "duration": "transient",
        "summary": one("recipe service[].summary", " ").raw,
        "working-directory": one("recipe service[].working-directory", "/").raw,
        "environment": { "RECORD_TO": "/var/tmp/service" },
    });
    let mut long = json!({
        "fmri": LONG, "duration": "transient", "environment": { "RECORD_TO": "/var/tmp/long" },
    });
    for method in METHODS {
        let program = program(method);
        place.recorders(&[&program.arrives]);
        strange[method] = json!(
            [
                vec![program.raw, method.to_owned()],
                arguments(method, false)
            ]
            .concat()
        );
        long[method] = json!(
            [
                vec!["/opt/record".to_owned(), method.to_owned()],
                arguments(method, true)
            ]
            .concat()
        );
    }
    for (index, text) in texts("recipe service[].environment.*").iter().enumerate() {
        strange["environment"][format!("E{index}")] = json!(text);
    }
    strange["properties"] = json!({});
    for (index, text) in texts("recipe service[].properties.*").iter().enumerate() {
        strange["properties"][format!("p{index}")] = json!(text);
    }
    place.folders(&[&one("recipe service[].working-directory", "/").arrives]);
    let mut wanted = Vec::new();
    for key in ["requires", "optional"] {
        let field = format!("recipe service[].{key}[]");
        strange[key] = json!(texts(&field));
        for text in texts(&field) {
            let text = arrives(&field, &text);
            let path = text.strip_prefix("file://localhost").unwrap();
            wanted.push(quote(path));
        }
    }
    place.zone.shell(&format!(
        "for path in {}; do mkdir -p \"${{path%/*}}\" && : >\"$path\" || exit 1; done",
        wanted.join(" ")
    ));
    place
        .zone
        .write("templates/watched.hbs", "{{parameters.round}}\n");
    let watched = texts("recipe service[].restart-after[]");
    let log = one("recipe service[].log", "/");
    let (folder, _) = log.arrives.rsplit_once('/').unwrap();
    place.folders(&[folder]);
    place.zone.shell(&format!(
        "echo 'a line of the log' >{}",
        quote(&log.arrives)
    ));
    let watcher = json!({
        "fmri": WATCHER, "duration": "transient", "start": ["/opt/record", "watcher"], "stop": [":true"],
        "environment": { "RECORD_TO": "/var/tmp/watcher" }, "restart-after": watched, "log": log.raw,
    });
    recipe["service"] = json!([strange, long, watcher]);
    let files = recipe["file"].as_array_mut().unwrap();
    files.extend(
        watched
            .iter()
            .map(|path| json!({ "path": path, "template": "watched.hbs" })),
    );
}

pub fn read(place: &Place, ledger: &mut Ledger) {
    let wait = |fmri: &str, state: &str| {
        place.zone.shell(&format!(
            "for _ in {{1..300}}; do [ \"$(svcs -H -o state,nstate {fmri})\" = \"$(printf '%-14s %s' {state} -)\" ] && exit;
             sleep 0.1; done; svcs -xv {fmri}; exit 1"
        ));
    };
    for fmri in [FMRI, LONG] {
        place.zone.shell(&format!("svcadm refresh {fmri}"));
        wait(fmri, "online");
        place.zone.shell(&format!("svcadm disable -s {fmri}"));
    }
    for (folder, is_long) in [("/var/tmp/service", false), ("/var/tmp/long", true)] {
        let recorded = place.recorded(folder);
        for method in METHODS {
            let found = recorded.iter().find(|words| words[1] == method);
            let found = found.unwrap_or_else(|| panic!("{method}: {recorded:?}"));
            if !is_long {
                ledger.hold(
                    &format!("recipe service[].{method}[0]"),
                    &program(method),
                    &found[0],
                );
            }
            let field = format!("recipe service[].{method}[1]");
            let wanted = arguments(method, is_long);
            assert_eq!(wanted.len(), found.len() - 2, "{method}");
            for (text, found) in wanted.iter().zip(&found[2..]) {
                ledger.hold_one(&field, text, found.as_bytes());
            }
        }
    }
    let environment = ended_by_nul(&place.read("/var/tmp/service/environment"));
    let field = "recipe service[].environment.*";
    for (index, text) in texts(field).iter().enumerate() {
        let name = format!("E{index}=");
        let found = environment
            .iter()
            .find_map(|variable| variable.strip_prefix(&name));
        ledger.hold_one(field, text, found.unwrap().as_bytes());
    }
    let folder = one("recipe service[].working-directory", "/");
    let pwd = String::from_utf8(place.read("/var/tmp/service/pwd")).unwrap();
    ledger.hold(
        "recipe service[].working-directory",
        &folder,
        pwd.strip_suffix('\n').unwrap(),
    );
    read_properties(place, ledger);
}

fn read_properties(place: &Place, ledger: &mut Ledger) {
    let field = "recipe service[].properties.*";
    let wanted = texts(field);
    place.zone.shell(&format!(
        "for ((i = 0; i < {}; i++)); do svcprop -p application/p$i {FMRI} >/var/tmp/p$i || exit 1; done",
        wanted.len()
    ));
    let paths: Vec<String> = (0..wanted.len())
        .map(|i| format!("/var/tmp/p{i}"))
        .collect();
    for (text, found) in wanted.iter().zip(place.read_all(&paths)) {
        ledger.hold_one(field, text, unescaped(&found).as_bytes());
    }
    // whoever reads the manifest makes one blank of several
    let mut summary = one("recipe service[].summary", " ");
    summary.arrives = summary
        .arrives
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let shown = place.zone.shell(&format!(
        "svcprop -p tm_common_name/C {FMRI} 2>/dev/null || svcs -l {FMRI} | sed -n 's/^name *//p'"
    ));
    ledger.hold(
        "recipe service[].summary",
        &summary,
        &unescaped(shown.as_bytes()),
    );
    for key in ["requires", "optional"] {
        let field = format!("recipe service[].{key}[]");
        let listed = place
            .zone
            .shell(&format!("svcprop {FMRI} | grep '^{key}_.*/entities fmri '"));
        for text in texts(&field) {
            let wanted = arrives(&field, &text);
            let is_there =
                |line: &str| unescaped(line.splitn(3, ' ').nth(2).unwrap().as_bytes()) == wanted;
            assert!(listed.lines().any(is_there), "{text} of {listed}");
            ledger.note(&field, &text);
        }
    }
}

/// A value as `svcprop` prints it: with a backslash before what a shell would take for more.
fn unescaped(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = if text == "\"\"" { "" } else { text };
    let mut chars = text.chars();
    let mut value = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value
}

/// The parameter changes: each file says that it changes, and is a reason to restart the watcher.
pub fn read_restarts(ledger: &mut Ledger, plan: &Value) {
    let steps = plan["zones"][0]["steps"].as_array().unwrap();
    let id = format!("services/{WATCHER}");
    let step = steps.iter().find(|step| step["id"] == *id).unwrap();
    let why: Vec<&str> = step["changes"][0]["why"]
        .as_array()
        .unwrap()
        .iter()
        .map(|why| why.as_str().unwrap())
        .collect();
    let field = "recipe service[].restart-after[]";
    for text in texts(field) {
        let wanted = format!("{} changes", arrives(field, &text));
        assert!(why.contains(&wanted.as_str()), "{wanted} of {why:?}");
        ledger.note(field, &text);
    }
}

/// The watcher failed: its own log was shown, by its name.
pub fn read_failure(ledger: &mut Ledger, log: &str) {
    let field = "recipe service[].log";
    let path = one(field, "/");
    let line = format!("--- last lines of {}\na line of the log\n", path.arrives);
    assert!(log.contains(&line), "{log}");
    ledger.hold(field, &path, &path.arrives);
}
