//! What is known at a desk: no zone is asked, and none is made.

use std::process::Command;

use super::row::{RECIPE, Row, Site, end, status};
use crate::sandbox::harness::{BINARY, Ran};

const ROWS: &[Row] = &[
    Row {
        name: "missing-patch",
        broken: |site| site.edit(RECIPE, "greeter/loud.patch", "greeter/louder.patch"),
        says: [
            "[recipes/greeter.toml:17:",
            "there is no file `patches/greeter/louder.patch`",
            "did you mean `greeter/loud.patch`?",
        ],
        is_golden: true,
    },
    Row {
        name: "unknown-key",
        broken: |site| site.edit(RECIPE, "options = ", "option = "),
        says: [
            "[recipes/greeter.toml:25:",
            "unknown key `option`",
            "did you mean `options`?",
        ],
        is_golden: true,
    },
    Row {
        name: "wrong-type",
        broken: |site| {
            site.edit(
                RECIPE,
                "tcp  = { port = 7007 }",
                "tcp  = { port = \"7007\" }",
            )
        },
        says: [
            "[recipes/greeter.toml:55:",
            "`port` must be a number",
            "write it without quotes",
        ],
        is_golden: true,
    },
    Row {
        name: "missing-parameter",
        broken: |site| {
            let default = "default = \"hello from {{zone.alias}}\", ";
            site.edit(RECIPE, default, "");
        },
        says: [
            "[zones/desk.toml:",
            "the parameter `greeting` of `greeter` is missing",
            "write `greeting = \"…\"` into",
        ],
        is_golden: true,
    },
    Row {
        name: "unknown-parameter",
        broken: |site| parameters(site, "greetings = \"hi\""),
        says: [
            "[zones/desk.toml:",
            "`greetings`",
            "did you mean `greeting`?",
        ],
        is_golden: true,
    },
    Row {
        name: "parameter-of-wrong-type",
        broken: |site| parameters(site, "port = \"many\""),
        says: [
            "[zones/desk.toml:",
            "`many` is not a whole number",
            "write digits",
        ],
        is_golden: true,
    },
    Row {
        name: "unknown-recipe",
        broken: |site| site.edit(&site.zone_file(), "\"greeter\"", "\"greter\""),
        says: ["[zones/desk.toml:", "`greter`", "did you mean `greeter`?"],
        is_golden: true,
    },
    Row {
        name: "two-files-of-one-zone",
        broken: |site| {
            let text = std::fs::read_to_string(site.folder.join(site.zone_file())).unwrap();
            site.write("zones/copy.toml", &text);
        },
        says: [
            "[zones/desk.toml:",
            "`zones/desk.toml` and `zones/copy.toml` are about one zone",
            "write `alias = \"copy\"` into `zones/copy.toml`",
        ],
        is_golden: true,
    },
];

fn parameters(site: &Site, text: &str) {
    let name = "name = \"greeter\"";
    site.edit(
        &site.zone_file(),
        name,
        &format!("{name}\nparameters = {{ {text} }}"),
    );
}

#[test]
fn broken_files_are_told_at_the_desk_and_no_zone_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut wrong = Vec::new();
    for row in ROWS {
        let site = Site::fresh(&at("site"), "desk");
        (row.broken)(&site);
        let run = |arguments: &[&str]| {
            let mut command = Command::new(BINARY);
            command.arg("--site").arg(&site.folder).args(arguments);
            command.env(zonewright::sandbox::paths::STATE_VARIABLE, at("sandbox"));
            command.env("XDG_CACHE_HOME", at("cache"));
            command
                .env("XDG_STATE_HOME", at("state"))
                .env("NO_COLOR", "1");
            Ran::of(command)
        };
        let path = format!("{}/", site.folder.display());
        let names = [(path.as_str(), "")];
        let check = run(&["recipe", "check", "zones/desk.toml"]);
        wrong.extend(status(&check, 2).err());
        wrong.extend(row.judge(&check.out, &names).err());
        let told = check.out.rsplit_once("\n× zone desk").map(|(told, _)| told);
        for verb in ["plan", "apply", "status"] {
            let ran = run(&[verb, "desk"]);
            wrong.extend(status(&ran, 2).err());
            if Some(ran.err.trim_end()) != told.map(str::trim_end) || !ran.out.is_empty() {
                wrong.push(format!("{}: {verb} says\n{ran}", row.name));
            }
        }
    }
    end("desk", ROWS.len(), &wrong);
    for name in ["sandbox", "cache", "state"] {
        assert!(!at(name).exists(), "{name} was made");
    }
}
