//! Records the facts of `tests/plan/` from what a zone of the sandbox really answers.
//!
//! Not run with the other tests: `cargo test --test main record -- --ignored`. The raw answers of two
//! of the probes are kept as well, for the parser's fuzzing.

use std::fs;
use std::path::PathBuf;

use zonewright::facts::Facts;

use super::harness::Zone;
use super::sessions::Client;
use crate::plan::{ZONE, folder};

struct Recorder {
    zone: Zone,
}

impl Recorder {
    fn write(&self, case: &str, name: &str, text: &str) {
        let folder: PathBuf = folder().join(case);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }

    /// What a probe is answered, as it comes.
    fn answer(&self) -> Vec<u8> {
        let (view, transcript) = self.zone.look();
        let answer = transcript.exchanges.last().unwrap();
        drop(view);
        let pieces = answer.output.iter();
        pieces.flat_map(|piece| piece.bytes().1.to_vec()).collect()
    }

    fn facts(&self) -> Result<Facts, String> {
        zonewright::facts::parse(&self.answer()).map_err(|error| error.to_string())
    }

    /// Keeps the answer for the fuzzing of its parser.
    fn keep_answer(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/facts");
        fs::write(folder.join(name), self.answer()).unwrap();
    }

    fn record(&self, case: &str, name: &str) {
        let facts = serde_json::to_string_pretty(&self.facts().unwrap()).unwrap();
        self.write(case, name, &(facts + "\n"));
    }

    /// Records the facts before, with the site as it is.
    fn before(&self, case: &str, given: &str) {
        let site = |path: &str| fs::read_to_string(self.zone.site.join(path)).unwrap();
        self.write(case, "recipe.toml", &site("recipes/greeter.toml"));
        let zone = site("zones/case.toml");
        if zone != ZONE {
            self.write(case, "zone.toml", &zone);
        }
        if !given.is_empty() {
            self.write(case, "given.json", &format!("{given}\n"));
        }
        self.record(case, "facts.json");
    }

    /// The whole case: before, apply, after.
    fn case(&self, case: &str, given: &str, apply: &[&str]) {
        self.before(case, given);
        let words = [&["apply", "case"], apply].concat();
        self.zone.run(&words).succeeds();
        self.record(case, "after.json");
    }

    fn zone_file(&self, more: &str) {
        self.zone.write("zones/case.toml", &format!("{ZONE}{more}"));
    }
}

const LOUD: &str = "+static const char *mood = \"loudly\";";
const CONF: &str = "/opt/local/etc/greeter.conf";

#[test]
#[ignore = "writes inputs of the facts target anew"]
fn record_the_answers_of_two_probes() {
    let zone = Zone::new("case").expect("the sandbox");
    zone.run(&["sandbox", "up", "case"]).succeeds();
    let on = Recorder { zone };
    on.keep_answer("fresh");
    let matt = "\n[[user]]\nname = \"matt\"\nuid = 1234\npassword = { command = [\"echo\", \"secret\"] }\n";
    on.zone_file(matt);
    on.zone.apply().succeeds();
    let client = Client::connect(&on.zone);
    on.keep_answer("applied");
    client.leave();
}

#[test]
#[ignore = "writes the facts of tests/plan anew"]
fn record_the_facts_of_the_planning_cases() {
    let zone = Zone::new("case").expect("the sandbox");
    zone.run(&["sandbox", "up", "case"]).succeeds();
    let on = Recorder { zone };
    let by_hand = |script: &str| on.zone.shell(script);

    on.case("fresh-zone", "", &[]);
    by_hand("pkg_delete zw-greeter && pkgin -y remove ninja-build");
    on.case("dependencies-missing", r#"{ "stored": true }"#, &[]);
    by_hand("pkg_delete zw-greeter");
    on.case("package-missing-but-stored", r#"{ "stored": true }"#, &[]);
    on.case("nothing-to-do", "", &[]);

    on.zone.edit(
        "patches/greeter/loud.patch",
        LOUD,
        &LOUD.replace("loudly", "loudly, once"),
    );
    on.zone.apply().succeeds();
    on.zone
        .edit("patches/greeter/loud.patch", "loudly, once", "loudly");
    on.case("changed-patch", "", &[]);
    on.zone.set_parameters("variant = \"proved\"");
    on.case("changed-option", "", &[]);
    on.zone
        .set_parameters("variant = \"proved\", greeting = \"good day\"");
    let client = Client::connect(&on.zone);
    on.before("session-guarded-restart", "");
    client.leave();
    on.case("changed-file", "", &[]);
    on.record("session-guarded-restart", "after.json");
    on.zone.write("zones/case.toml", ZONE);
    on.zone.apply().succeeds();

    by_hand(&format!("echo '# mine' >>{CONF}"));
    on.before("edited-file", "");
    on.case(
        "edited-file-kept",
        r#"{ "keep-edited": true }"#,
        &["--keep-edited"],
    );
    by_hand(&format!("rm {CONF}.new"));
    on.case(
        "edited-file-replaced",
        r#"{ "overwrite": true }"#,
        &["--overwrite"],
    );
    by_hand(&format!("chmod 0666 {CONF}; chmod 0777 /var/greeter"));
    on.case("wrong-mode", "", &[]);
    by_hand(&format!("rm {CONF}"));
    on.case("file-gone", "", &[]);
    by_hand("svcadm disable -s svc:/site/greeter:default");
    on.case("service-disabled", "", &[]);
    by_hand(
        "svcadm mark maintenance svc:/site/greeter:default
         for _ in {1..300}; do
           [ \"$(svcprop -p restarter/state svc:/site/greeter:default)\" = maintenance ] && exit
           sleep 0.1
         done; exit 1",
    );
    on.case("service-in-maintenance", "", &[]);

    let matt = "\n[[user]]\nname = \"matt\"\nuid = 1234\npassword = { command = [\"echo\", \"secret\"] }\n";
    on.zone_file(matt);
    on.case("new-user", r#"{ "passwords": ["matt"] }"#, &[]);
    on.zone_file("\n[[user]]\nname = \"matt\"\nuid = 4321\n");
    on.before("uid-mismatch", "");
    by_hand("usermod -s /usr/bin/false matt");
    on.zone_file(
        "\n[[user]]\nname = \"matt\"\nuid = 1234\ngroup = \"backup\"\nshell = \"/usr/bin/bash\"\n",
    );
    on.case("account-differs", "", &[]);
    on.zone_file("\n[[user]]\nname = \"matt\"\nuid = 1234\nhome = \"/var/matt\"\n");
    on.before("home-mismatch", "");
    on.zone_file("");

    let broken = LOUD.replace("\"loudly\"", "loudly");
    on.zone.edit("patches/greeter/loud.patch", LOUD, &broken);
    on.zone.apply().exits(1);
    on.zone.edit("patches/greeter/loud.patch", &broken, LOUD);
    on.case("abandoned-tree", "", &[]);

    let sources = "patches = [\"greeter/loud.patch\"]";
    let huge = format!("{sources}\nsize = 99999999999");
    on.zone.edit("recipes/greeter.toml", sources, &huge);
    on.zone.set_parameters("variant = \"huge\"");
    on.before("no-room", "");
    on.zone.edit("recipes/greeter.toml", &huge, sources);
    on.zone.write("zones/case.toml", ZONE);

    let recipe = fs::read_to_string(on.zone.site.join("recipes/greeter.toml")).unwrap();
    let (kept, rest) = recipe.split_once("[[service]]").unwrap();
    let more = "[[file]]\npath = \"/opt/local/etc/greeter.old\"\ntemplate = \"greeter/greeter.conf.hbs\"\n\n";
    on.zone.write(
        "recipes/greeter.toml",
        &format!("{kept}{more}[[service]]{rest}"),
    );
    on.zone.apply().succeeds();
    on.zone.write("recipes/greeter.toml", &recipe);
    on.case("removed-file", "", &[]);
    let (kept, _) = recipe.split_once("[[service]]").unwrap();
    on.zone.write("recipes/greeter.toml", kept);
    on.case("removed-service", "", &[]);
}
