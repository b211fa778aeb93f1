//! Planning cases: a recipe and facts, the plan they must give, and facts from which nothing is due.
//!
//! A case is a folder with `recipe.toml`, `facts.json`, `plan.txt` and `after.json` (none where the
//! plan is a refusal), and where needed `zone.toml` and `given.json`; patches and templates are
//! those of `site/`. `UPDATE_GOLDEN=1` writes the plans anew. The facts were answered by zones of
//! the sandbox: `cargo test --test main record -- --ignored` records them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use zonewright::build_system;
use zonewright::facts::Facts;
use zonewright::facts::accounts::Secret;
use zonewright::plan::{self, Given, Plan, Refusal, StoredPackage, Wanted, WantedRecipe, Work};
use zonewright::problem::SourceText;
use zonewright::recipe::bundle::{ZoneContext, resolve};
use zonewright::recipe::load::check_text;
use zonewright::show::{Style, plan as show};
use zonewright::site::load::read_text;
use zonewright::site::{SiteRoot, ZoneFile};

/// What a case is given besides facts: `given.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct CaseGiven {
    /// The package is in the controller's store.
    stored: bool,
    /// Accounts whose password differs.
    passwords: Vec<String>,
    overwrite: bool,
    keep_edited: bool,
    end_sessions: bool,
}

const PLAIN: Style = Style {
    color: false,
    terminal: false,
};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan")
}

/// The zone file of cases that have none of their own.
pub const ZONE: &str =
    "[host]\nsandbox = true\n\n[zone]\nalias = \"case\"\n\n[[recipe]]\nname = \"greeter\"\n";

struct Case {
    folder: PathBuf,
    zone: ZoneFile,
    given: CaseGiven,
}

impl Case {
    fn read(folder: PathBuf) -> Self {
        let text = fs::read_to_string(folder.join("zone.toml")).unwrap_or_else(|_| ZONE.to_owned());
        let source = Arc::new(SourceText {
            path: folder.join("zone.toml"),
            text,
        });
        let (zone, problems) = read_text("case", source);
        let zone = zone
            .unwrap_or_else(|| panic!("{}: {problems:?}", folder.display()))
            .zone;
        let given = fs::read(folder.join("given.json")).map_or_else(
            |_| CaseGiven::default(),
            |text| serde_json::from_slice(&text).unwrap(),
        );
        Self {
            folder,
            zone,
            given,
        }
    }

    fn facts(&self, name: &str) -> Option<Facts> {
        let text = fs::read(self.folder.join(name)).ok()?;
        let facts = serde_json::from_slice(&text);
        Some(facts.unwrap_or_else(|error| panic!("{}/{name}: {error}", self.folder.display())))
    }

    fn recipe(&self, facts: &Facts) -> WantedRecipe {
        let path = self.folder.join("recipe.toml");
        let text = fs::read_to_string(&path).unwrap();
        let site = SiteRoot::at(&folder().join("site")).unwrap();
        let source = Arc::new(SourceText { path, text });
        let (loaded, problems) = check_text(&site, "greeter", source, &build_system::names());
        let loaded = loaded.unwrap_or_else(|| panic!("{}: {problems:?}", self.folder.display()));
        let users = self.zone.users.iter();
        let context = ZoneContext {
            alias: self.zone.zone.alias.clone(),
            brand: facts.platform.brand.clone().unwrap(),
            branch: facts.platform.branch.clone().unwrap(),
            users: users.map(|user| (user.name.clone(), user.uid)).collect(),
        };
        let values = &self.zone.recipes[0].parameters;
        let bundle = resolve(&loaded, values, &context)
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", self.folder.display()));
        WantedRecipe {
            name: "greeter".to_owned(),
            bundle,
        }
    }

    fn plan(&self, facts: &Facts, is_first: bool) -> Result<Plan, Vec<Refusal>> {
        let recipes = [self.recipe(facts)];
        let mut packages = BTreeMap::new();
        if let (true, Ok(inputs)) = (self.given.stored, plan::inputs::of(&recipes[0], facts)) {
            packages.insert(inputs.key(), StoredPackage::default());
        }
        let hash = || Secret("$6$salt$never-shown".to_owned());
        let passwords = self.given.passwords.iter().filter(|_| is_first);
        let given = Given {
            fresh: false,
            packages,
            passwords: passwords.map(|name| (name.clone(), hash())).collect(),
            overwrite: self.given.overwrite,
            keep_edited: self.given.keep_edited,
            end_sessions: self.given.end_sessions,
        };
        let wanted = Wanted {
            zone: &self.zone,
            recipes: &recipes,
        };
        plan::plan(&wanted, facts, &given)
    }
}

/// The plan as `plan` shows it, then its steps.
fn text(plan: &Result<Plan, Vec<Refusal>>) -> String {
    let mut out = String::new();
    match plan {
        Ok(plan) => {
            out.push_str(&show::text(plan, PLAIN));
            for step in &plan.steps {
                let _ = writeln!(out, "\n{:?}: {}{}", step.stage, step.id, work(&step.work));
            }
        }
        Err(refusals) => {
            for refusal in refusals {
                let _ = writeln!(out, "refused: {}\nhelp: {}", refusal.message, refusal.help);
                out.push_str(refusal.diff.as_deref().unwrap_or_default());
            }
        }
    }
    out
}

fn work(work: &Work) -> String {
    match work {
        Work::Script { script, input } => {
            let spares = if script.spares().is_empty() {
                ""
            } else {
                ", unless somebody is being served"
            };
            let reads = match input {
                plan::Input::None => String::new(),
                // a hash would change with each recording
                plan::Input::Bytes(_) => " (reads bytes)".to_owned(),
                plan::Input::Secret(_) => " (reads a secret)".to_owned(),
            };
            format!("\n  {}{spares}{reads}", script.name())
        }
        Work::Source(_) => "\n  sources".to_owned(),
        Work::Phase { phase, .. } => format!("\n  phase {phase}"),
        Work::Package(_) => "\n  package".to_owned(),
        Work::Install { .. } => "\n  installation".to_owned(),
        Work::Check(check) => format!("\n  check {}", check.name),
        Work::Unknown => "\n  not known yet".to_owned(),
    }
}

fn cases() -> Vec<Case> {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("recipe.toml").is_file())
        .collect();
    folders.sort();
    assert!(folders.len() >= 22, "only {} cases", folders.len());
    folders.into_iter().map(Case::read).collect()
}

#[test]
fn every_case_gets_its_exact_plan() {
    let mut wrong = Vec::new();
    for case in cases() {
        let facts = case.facts("facts.json").unwrap();
        let found = text(&case.plan(&facts, true));
        let golden = case.folder.join("plan.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", golden.display()));
        }
        assert!(!found.contains("never-shown"), "{}", golden.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn after_every_case_there_is_nothing_to_do() {
    for case in cases() {
        let facts = case.facts("facts.json").unwrap();
        let Some(after) = case.facts("after.json") else {
            assert!(
                case.plan(&facts, true).is_err(),
                "{}: only a refusal has no after.json",
                case.folder.display()
            );
            continue;
        };
        let found = text(&case.plan(&after, false));
        assert_eq!(found, "nothing to do\n", "{}", case.folder.display());
    }
}

#[test]
fn planning_twice_gives_the_same() {
    for case in cases() {
        let facts = case.facts("facts.json").unwrap();
        let (first, second) = (case.plan(&facts, true), case.plan(&facts, true));
        assert_eq!(first, second, "{}", case.folder.display());
    }
}

#[test]
fn what_no_signal_ends_is_not_waited_for_without_end() {
    let case = Case::read(folder().join("fresh-zone"));
    let mut facts = case.facts("facts.json").unwrap();
    facts.packages = case.facts("after.json").unwrap().packages;
    facts.packages.installed.remove("zw-greeter");
    let plan = case.plan(&facts, true).unwrap();
    let stop = plan.steps.iter().find_map(|step| match &step.work {
        Work::Phase { stop, .. } => Some(stop.body()),
        _ => None,
    });
    // always some member was there to kill, and a second is enough
    let text = stop.unwrap().replace("/usr/bin/pkill", "true");
    let text = text.replace("within=10", "within=1");
    let (functions, last) = text.trim_end().rsplit_once('\n').unwrap();
    let text = format!("{functions}\nfind_contract() {{ contract=7; }}\n{last}\n");
    let mut bash = std::process::Command::new("timeout");
    let ended = bash.args(["15", "bash", "-c", &text]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.ends_with(" of a build does not end (contract 7)\n"),
        "{said}"
    );
}
