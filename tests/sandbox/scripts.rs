//! Every script that whole runs send stays within what SmartOS is known to understand.

use std::collections::BTreeMap;

use zonewright::host::transcript::Transcript;
use zonewright::run::RunError;

use super::harness::Zone;
use crate::script_grammar;

/// The values of the variables that hold scripts of their own, which run on the target later.
fn inner_scripts(body: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["runner", "launch", "commands"] {
        let start = format!("\n{name}=");
        if let Some((_, rest)) = body.split_once(&start) {
            let value = shlex::Shlex::new(rest).next().unwrap();
            found.push((name.to_owned(), value));
        }
    }
    found
}

/// Script's name → its text, and what it writes on the target.
fn scripts(transcripts: &[Transcript]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for exchange in transcripts.iter().flat_map(|t| &t.exchanges) {
        all.insert(exchange.body.clone(), exchange.name.clone());
        for (name, text) in inner_scripts(&exchange.body) {
            // what a recipe's build runs is the build's own business
            if name == "runner" {
                all.insert(text, format!("{}: {name}", exchange.name));
            }
        }
    }
    all
}

/// Lists that are expanded where they are known to hold something: behind a question for their
/// length, or because the step would not be there.
const NEVER_EMPTY: [&str; 10] = [
    "${made[@]}",
    "${paths[@]}",
    "${regular[@]}",
    "${fmris[@]}",
    "${users[@]}",
    "${targets[@]}",
    "${names[@]}",
    "${arguments[@]}",
    "${command[@]}",
    "${places[@]}",
];

#[test]
fn every_script_of_whole_runs_is_within_the_grammar() {
    let Some(zone) = Zone::new("grammar") else {
        return;
    };
    let mut sent = Vec::new();
    let mut run = |what: &str, succeeds: bool| {
        let (result, transcript) = zone.converge();
        let ended = match &result {
            Ok(_) => "well".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(result.is_ok(), succeeds, "{what}: it ended {ended}");
        sent.push(transcript);
        result.err()
    };
    run("first apply", true);
    run("nothing to do", true);
    zone.set_parameters("greeting = \"other\"");
    run("changed parameter", true);
    zone.set_parameters("variant = \"other\"");
    run("changed option", true);
    let (good, bad) = (
        "+static const char *mood = \"loudly\";",
        "+static const char *mood = loudly;",
    );
    zone.edit("patches/greeter/loud.patch", good, bad);
    let error = run("failed build", false);
    assert!(matches!(error, Some(RunError::Step { id, .. }) if id == "build/greeter/compile"));
    zone.edit("patches/greeter/loud.patch", bad, good);
    zone.edit(
        "recipes/greeter.toml",
        "{{parameters.variant}} loudly",
        "silently",
    );
    let error = run("failed check", false);
    assert!(matches!(error, Some(RunError::Check { .. })));
    zone.edit("recipes/greeter.toml", "\"silently\"", "\"loudly\"");
    zone.shell("svcadm disable -s svc:/site/greeter:default; chmod 0777 /var/greeter");
    run("drift", true);
    let file = std::fs::read_to_string(zone.site.join("zones/grammar.toml")).unwrap();
    let user = "\n[[user]]\nname = \"matt\"\nuid = 1234\npassword = { command = [\"echo\", \"secret\"] }\n";
    zone.write("zones/grammar.toml", &(file + user));
    run("new user", true);
    let recipe = std::fs::read_to_string(zone.site.join("recipes/greeter.toml")).unwrap();
    let (kept, _) = recipe.split_once("[[file]]").unwrap();
    let platform = "[[platform-service]]\nfmri = \"svc:/network/dns/multicast:default\"\n";
    zone.write("recipes/greeter.toml", &format!("{kept}{platform}"));
    run("removed file and service, enabled platform service", true);
    zone.write(
        "recipes/greeter.toml",
        &format!("{kept}[[check]]\nname = \"afp\"\nafp = {{ port = 1 }}\nwithin = \"1s\"\n"),
    );
    run("check by AFP", false);

    let scripts = scripts(&sent);
    assert!(
        scripts.len() >= 20,
        "only {} different scripts",
        scripts.len()
    );
    let mut wrong = Vec::new();
    for (text, name) in &scripts {
        for violation in script_grammar::check(text) {
            if !violation.is_warning || !NEVER_EMPTY.contains(&violation.command.as_str()) {
                wrong.push(format!("{name}: {violation}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
