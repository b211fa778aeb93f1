//! What `recipe check` says of a text in a field.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;
use zonewright::problem::{Problem, Severity, SourceText};
use zonewright::recipe::format::Format;
use zonewright::recipe::load::check_text;
use zonewright::recipe::read::RECIPE;
use zonewright::show::problems::render;
use zonewright::site::SiteRoot;
use zonewright::site::load::check_zone;
use zonewright::site::read::ZONE;

use super::fields::{self, Field};
use super::nasty;

const SYSTEMS: &[&str] = &["autotools", "meson", "cmake", "make", "custom"];

/// A recipe that has every key at least once.
pub fn recipe() -> Value {
    let when = json!({ "version": ">=1", "branch": ">=2023Q4", "brand": "joyent" });
    json!({
        "package": {
            "name": "thing", "version": "1.0", "summary": "A thing", "license": "MIT",
            "homepage": "https://example.org/", "conflicts": ["other-[0-9]*"],
        },
        "parameters": {
            "unused": { "type": "string", "default": "a", "help": "what it is for" },
            "chosen": { "type": "string", "choices": ["a"], "help": "one of" },
            "free": { "type": "string", "help": "any text" },
        },
        "source": [
            {
                "urls": ["https://example.org/a.tar.gz"],
                "debian": { "package": "a", "version": "1-1", "release": "trixie", "file": "a.tar.gz" },
                "sha256": "0".repeat(64), "into": "in/it", "when": when,
                "patches": [{ "file": "a.patch", "when": when }],
            },
            { "urls": ["https://example.org/b.tar.gz"], "unverified": "because" },
        ],
        "dependencies": {
            "build": [{ "name": "gcc13", "when": when }],
            "run": [{ "name": "libevent", "when": when }],
        },
        "build": {
            "system": "custom", "directory": "in/it", "make-arguments": ["A=b"],
            "options": [{ "value": "-a", "when": when }],
            "environment": { "ANY": "b" }, "discard": ["/opt/local/share/a"],
            "custom": {
                "configure": [["/a", "b"]], "compile": [["/a", "b"]], "test": [["/a", "b"]],
                "stage": [["/a", "b"]],
            },
        },
        "platform-service": [{ "fmri": "svc:/network/a:default" }],
        "user": [{ "name": "thing", "group": "thing", "home": "/srv/home" }],
        "directory": [{ "path": "/srv/folder", "mode": "0755", "owner": "root", "group": "root" }],
        "file": [
            { "path": "/srv/a", "template": "a.hbs", "kind": "plain", "mode": "0644", "owner": "root", "group": "root" },
            { "path": "/srv/b", "content": "text" },
            { "path": "/srv/c", "staged": "/srv/staged" },
            { "path": "/srv/d.xml", "content": "text" },
        ],
        "service": [
            {
                "fmri": "svc:/site/thing:default", "summary": "A thing", "start": ["/a", "b"],
                "stop": ["/a", "b"], "refresh": ["/a", "b"], "duration": "contract",
                "user": "root", "group": "root", "privileges": "basic", "working-directory": "/srv",
                "environment": { "ANY": "b" }, "start-timeout": "60s", "stop-timeout": "60s",
                "ignore-errors": ["core"], "requires": ["svc:/milestone/network"],
                "optional": ["svc:/milestone/network"], "restart-after": ["/srv/b"],
                "sessions": { "process": "thing" }, "properties": { "any": "b" }, "log": "/srv/log",
            },
            { "fmri": "svc:/site/other:default", "manifest": "/srv/d.xml" },
        ],
        "check": [
            { "name": "it runs", "command": ["/a", "b"], "contains": "b", "within": "1s" },
            { "name": "it listens", "tcp": { "port": 1, "address": "127.0.0.1" } },
            { "name": "it serves", "afp": { "port": 1, "address": "127.0.0.1" } },
        ],
        "allow": [{ "rule": "archive-url", "reason": "because" }],
    })
}

/// Zone files that have every key at least once: one that is made here and one that is there.
fn zones() -> Vec<Value> {
    let rest = json!({
        "user": [
            { "name": "matt", "uid": 1001, "group": "other", "home": "/home/matt", "shell": "/usr/bin/bash",
              "comment": "Matt", "password": { "file": "secret" } },
            { "name": "anna", "uid": 1002, "password": { "command": ["/a", "b"] } },
            { "name": "ben", "uid": 1003, "password": { "env": "BEN" } },
        ],
        "recipe": [{ "name": "thing", "parameters": { "free": "b", "chosen": "a" } }],
    });
    let with = |more: Value| {
        let mut zone = rest.clone();
        let more = more.as_object().unwrap().clone();
        zone.as_object_mut().unwrap().extend(more);
        zone
    };
    let zone = |more: Value| {
        let mut zone = json!({
            "alias": "zone", "image": "base-64-lts@24.4.1", "memory": "2 GiB", "quota": "2 TiB",
            "ssh-keys": ["~/.ssh/id.pub"],
            "nic": [{ "tag": "admin", "address": "192.0.2.10/24", "gateway": "192.0.2.1" }],
        });
        let more = more.as_object().unwrap().clone();
        zone.as_object_mut().unwrap().extend(more);
        zone
    };
    vec![
        with(json!({
            "host": { "ssh": "root@vault" },
            "zone": zone(json!({
                "uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271", "brand": "joyent", "swap": "4 GiB",
                "hostname": "zone", "dns-domain": "local", "resolvers": ["192.0.2.1"],
                "metadata": { "note": "b" },
            })),
            "storage": { "kind": "delegated" },
            "dataset": [
                { "name": "matt", "mountpoint": "/backups/matt", "quota": "600 GiB", "owner": "root" },
                {
                    "name": "anna", "mountpoint": "/backups/anna", "refquota": "500 GiB",
                    "compression": "lz4", "recordsize": "1 MiB",
                },
            ],
        })),
        with(json!({
            "host": { "ssh": "root@vault" },
            "zone": zone(json!({
                "nic": [{ "tag": "admin", "addresses": ["192.0.2.10/24"], "mac": "02:08:20:00:00:01" }],
            })),
            "storage": { "kind": "lofs", "source": "/zones/backups", "target": "/backups" },
        })),
        with(json!({
            "host": { "ssh": "root@vault" },
            "zone": zone(json!({ "uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271" })),
            "storage": {
                "kind": "existing", "dataset": "zones/2f1dc911-6401-4fa4-8e9d-67ea2e39c271/data",
            },
        })),
        with(json!({ "zone": { "alias": "zone", "ssh": "root@vault", "become": "sudo" } })),
    ]
}

/// A site with the files that the samples name.
struct Site {
    folder: TempDir,
    root: SiteRoot,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = SiteRoot::at(folder.path()).unwrap();
        let site = Self { folder, root };
        site.write("patches/a.patch", "").unwrap();
        site.write("templates/a.hbs", "text\n").unwrap();
        site.write("recipes/thing.json", &recipe().to_string())
            .unwrap();
        site.write("zones/z.json", "").unwrap();
        site
    }

    fn write(&self, path: &str, text: &str) -> std::io::Result<()> {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap())?;
        fs::write(path, text)
    }

    /// Everything wrong with a recipe or, where it has no package, with a zone file.
    fn check(&self, file: &Value) -> Vec<Problem> {
        let problems = if file.get("package").is_some() {
            let source = SourceText {
                path: "recipes/thing.json".into(),
                text: file.to_string(),
            };
            check_text(&self.root, "thing", Arc::new(source), SYSTEMS).1
        } else {
            self.write("zones/z.json", &file.to_string()).unwrap();
            check_zone(&self.root, "z", SYSTEMS).1
        };
        let errors = problems.into_iter();
        errors
            .filter(|problem| problem.severity == Severity::Error)
            .collect()
    }

    /// The site's own files that a text would name, so that nothing but the text can be wrong.
    fn furnish(&self, field: &Field, text: &str, file: &mut Value) {
        if text.contains("..") {
            return;
        }
        match field.path.as_str() {
            "source[].patches[].file" => drop(self.write(&format!("patches/{text}"), "")),
            "file[].template" => drop(self.write(&format!("templates/{text}"), "text\n")),
            "service[].manifest" => drop(fields::put(&mut file["file"][3], "path", text)),
            "service[].restart-after[]" => drop(fields::put(&mut file["file"][1], "path", text)),
            _ => {}
        }
    }
}

/// The part of a sample that a field needs around it: what is not there is not tried either.
fn part(sample: &Value, field: &Field) -> Value {
    let first = field.path.split(['.', '[']).next().unwrap();
    if sample.get("package").is_none() {
        return sample.clone();
    }
    let mut part = json!({
        "package": sample["package"],
        "build": { "system": "custom", "custom": { "stage": [["/a"]] } },
    });
    part[first] = sample[first].clone();
    if first == "service" {
        part["file"] = sample["file"].clone();
    }
    part
}

/// What the desk says of a text in a field, where it refuses it.
fn judge(
    site: &Site,
    samples: &[Value],
    field: &Field,
    text: &str,
    faults: &mut Vec<String>,
) -> bool {
    let put = |sample: &Value| {
        let mut file = part(sample, field);
        let place = fields::put(&mut file, &field.path, text)?;
        Some((file, place))
    };
    let Some((mut file, place)) = samples.iter().find_map(put) else {
        panic!("no sample has {}", field.path);
    };
    site.furnish(field, text, &mut file);
    let errors = site.check(&file);
    let report = render(&errors, false);
    let text: String = text.chars().take(60).collect();
    let mut fault = |what: &str| {
        faults.push(format!("{} = {text:?}: {what}:\n{report}", field.path));
    };
    for problem in &errors {
        let is_made = ["service[].manifest", "service[].restart-after[]"].contains(&&*field.path);
        let is_about = problem.key.starts_with(&place)
            || place.starts_with(&problem.key)
            || field.path.ends_with("<name>")
            || (is_made && problem.key.starts_with("file["));
        if !is_about {
            fault(&format!("{} is blamed", problem.key));
        }
        if problem.help.is_none() {
            fault("it is not said what to write");
        }
    }
    if report.contains(is_active) {
        fault("it reaches the terminal raw");
    }
    errors.is_empty()
}

/// Whether a terminal would take the character for a command, or a reader be misled by it.
pub fn is_active(c: char) -> bool {
    (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)
}

/// The texts for a field: each alone, and each in the shape of what belongs there.
fn texts(field: &Field) -> Vec<String> {
    let before = fields::before(field);
    let alone = nasty::all().into_iter().map(|(_, text)| text);
    let mut texts: Vec<String> = alone.collect();
    if !before.is_empty() {
        let shaped = nasty::all().into_iter();
        texts.extend(shaped.map(|(_, text)| format!("{before}{text}")));
    }
    texts
}

/// A field and the texts that it takes; all others are refused.
#[derive(Debug, Clone)]
pub struct Taken {
    pub field: Field,
    pub texts: Vec<String>,
    pub refused: usize,
}

/// All fields of recipes and of zone files, held against all texts once for all tests.
pub fn taken() -> &'static BTreeMap<String, Taken> {
    static TAKEN: OnceLock<BTreeMap<String, Taken>> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let all: Vec<(&str, Vec<Value>, Field)> = [
            ("recipe", vec![recipe()], fields::of(&RECIPE)),
            ("zone", zones(), fields::of(&ZONE)),
        ]
        .into_iter()
        .flat_map(|(kind, samples, fields)| {
            fields
                .into_iter()
                .map(move |field| (kind, samples.clone(), field))
        })
        .collect();
        let halves = all.split_at(all.len() / 3);
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| hold(halves.0));
            (hold(halves.1), first.join().unwrap())
        });
        let mut faults = first.1;
        faults.extend(second.1);
        assert!(
            faults.is_empty(),
            "{} faults\n{}",
            faults.len(),
            faults.join("\n")
        );
        first.0.into_iter().chain(second.0).collect()
    })
}

fn hold(fields: &[(&str, Vec<Value>, Field)]) -> (Vec<(String, Taken)>, Vec<String>) {
    let site = Site::new();
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for (kind, samples, field) in fields {
        for sample in samples {
            let errors = site.check(&part(sample, field));
            assert!(
                errors.is_empty(),
                "{}: {}",
                field.path,
                render(&errors, false)
            );
        }
        let all = texts(field);
        let good: Vec<String> = all
            .iter()
            .filter(|text| judge(&site, samples, field, text, &mut faults))
            .cloned()
            .collect();
        let taken = Taken {
            field: field.clone(),
            refused: all.len() - good.len(),
            texts: good,
        };
        found.push((format!("{kind} {}", field.path), taken));
    }
    (found, faults)
}

#[test]
fn what_is_refused_is_said_with_its_place_and_what_to_write() {
    let all = taken();
    assert!(all.len() >= 120, "only {} fields", all.len());
    let refused: usize = all.values().map(|taken| taken.refused).sum();
    let accepted: usize = all.values().map(|taken| taken.texts.len()).sum();
    println!(
        "{} fields: {refused} texts refused, {accepted} taken",
        all.len()
    );
}

#[test]
fn a_field_with_a_narrow_format_takes_nothing_that_means_more_than_itself() {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+._:@/%,<>=*?[]{}!~ -".contains(c);
    for (path, taken) in taken().iter().filter(|(_, taken)| taken.field.is_closed()) {
        for text in &taken.texts {
            let is_good = text.chars().all(is_plain) && !text.starts_with(['-', ' ', '*']);
            assert!(
                is_good || taken.field.format == Format::SshTarget,
                "{path} takes {text:?}"
            );
        }
    }
}
