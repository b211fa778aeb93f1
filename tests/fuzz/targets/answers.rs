//! What a zone answers: the facts of a probe, receipts, shadow lines, logs, an AFP status.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use zonewright::afp;
use zonewright::build_system;
use zonewright::facts::{self, Facts, Questions};
use zonewright::plan::{Given, Wanted, WantedRecipe, plan, questions, questions_after};
use zonewright::problem::SourceText;
use zonewright::receipt::{BuildInputs, Receipt};
use zonewright::recipe::bundle::{Bundle, ZoneContext, resolve};
use zonewright::recipe::load::check_text;
use zonewright::shadow::{self, ShadowState};
use zonewright::show::{self, Style, first_error as errors};
use zonewright::site::load::read_text;
use zonewright::site::{SiteRoot, ZoneFile};

const RECIPE: &str = include_str!("../../plan/nothing-to-do/recipe.toml");
const PATCH: &[u8] = include_bytes!("../../plan/site/patches/greeter/loud.patch");
const TEMPLATE: &str = include_str!("../../plan/site/templates/greeter/greeter.conf.hbs");
const ZONE: &str = "[host]\nsandbox = true\n[[user]]\nname = \"matt\"\nuid = 1234\n\
                    password = { prompt = true }\n[[recipe]]\nname = \"greeter\"\n";

static WANTED: LazyLock<(ZoneFile, Bundle)> = LazyLock::new(wanted);

/// The zone file and the recipe that a zone's answer is held against.
fn wanted() -> (ZoneFile, Bundle) {
    let source = |path: &str, text: &str| {
        Arc::new(SourceText {
            path: path.into(),
            text: text.to_owned(),
        })
    };
    let (zone, problems) = read_text("case", source("case.toml", ZONE));
    assert!(problems.is_empty(), "{problems:?}");
    let site = SiteRoot::built_in();
    let text = source("greeter.toml", RECIPE);
    let (loaded, _) = check_text(&site, "greeter", text, &build_system::names());
    let mut loaded = loaded.expect("the recipe parses");
    let patch = zonewright::recipe::load::PatchFile {
        bytes: PATCH.to_vec(),
        sha256: zonewright::receipt::sha256_hex(PATCH),
    };
    loaded
        .patches
        .insert("greeter/loud.patch".to_owned(), patch);
    let name = "greeter/greeter.conf.hbs";
    loaded
        .templates
        .insert(name.to_owned(), source(name, TEMPLATE));
    let context = ZoneContext {
        alias: "case".to_owned(),
        brand: "joyent".to_owned(),
        branch: "2024Q4".to_owned(),
        users: vec![("matt".to_owned(), 1234)],
    };
    let bundle = resolve(&loaded, &BTreeMap::new(), &context).expect("the recipe resolves");
    (zone.expect("the zone file parses").zone, bundle)
}

/// The answer of a probe; whatever it says, there is a plan or a refusal.
pub fn facts(data: &[u8]) {
    let facts = match facts::parse(data) {
        Ok(facts) => facts,
        Err(error) => {
            assert!(error.to_string().len() <= 2 * data.len() + 256);
            return;
        }
    };
    let text = serde_json::to_string(&facts).expect("facts are JSON");
    let mut again: Facts = serde_json::from_str(&text).expect("facts read back");
    for (name, user) in &facts.accounts.users {
        let copy = again.accounts.users.get_mut(name).expect("the same users");
        copy.shadow = user.shadow.clone();
    }
    assert_eq!(again, facts);
    assert!(facts.machine.cores >= 1);
    planned(&facts);
}

fn planned(facts: &Facts) {
    let (zone, bundle) = &*WANTED;
    let recipes = [WantedRecipe {
        name: "greeter".to_owned(),
        bundle: bundle.clone(),
    }];
    let wanted = Wanted {
        zone,
        recipes: &recipes,
    };
    let mut asked: Questions = questions(&wanted);
    questions_after(&wanted, facts, &mut asked);
    let given = Given::default();
    match plan(&wanted, facts, &given) {
        Ok(plan) => {
            show::plan::json("case", &plan).to_string();
            for color in [false, true] {
                let terminal = false;
                let _ = show::plan::text(&plan, Style { color, terminal });
            }
        }
        Err(refusals) => {
            assert!(!refusals.is_empty());
            assert!(refusals.iter().all(|refusal| !refusal.message.is_empty()));
        }
    }
    for receipt in facts.receipts.0.values() {
        receipt_holds(receipt);
    }
    let _ = show::moment(facts.platform.now);
    let _ = show::moment(facts.platform.boot_time);
}

/// A receipt as it lies in a zone.
pub fn receipt(data: &[u8]) {
    match Receipt::parse(data) {
        Ok(receipt) => receipt_holds(&receipt),
        Err(error) => assert!(error.to_string().len() < 8192, "{error}"),
    }
}

fn receipt_holds(receipt: &Receipt) {
    let text = serde_json::to_vec(receipt).expect("a receipt is JSON");
    let again = Receipt::parse(&text).expect("a receipt reads back");
    assert_eq!(&again, receipt);
    assert_eq!(serde_json::to_vec(&again).expect("a receipt is JSON"), text);
    assert!(receipt.says_the_same(&again));
    assert_eq!(receipt.build.key().len(), 64);
    assert!(receipt.build.reasons_against(&again.build).is_empty());
    let none = BuildInputs::default();
    let is_none = receipt.build == none;
    assert_eq!(receipt.build.reasons_against(&none).is_empty(), is_none);
    assert_eq!(none.reasons_against(&receipt.build).is_empty(), is_none);
    let _ = show::moment(receipt.applied_at);
}

/// A server's reply to `GetStatus`, header included.
pub fn afp_status(data: &[u8]) {
    let Ok(status) = afp::parse_status(data) else {
        return;
    };
    let names = status.flag_names();
    assert!(names.len() <= 16);
    let texts = [&status.short_name, &status.machine_type];
    let lists = [&status.versions, &status.uams, &status.directory_names];
    for text in texts
        .into_iter()
        .chain(lists.into_iter().flatten())
        .chain(&status.utf8_name)
    {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    assert!(status.versions.len() <= 255 && status.addresses.len() <= 255);
    assert!(status.name().len() <= 3 * data.len());
}

/// A shadow file's second field, a NUL byte, a password.
pub fn shadow(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (field, password) = text.split_once('\0').unwrap_or((&text, "x"));
    let state = ShadowState::parse(field);
    match (&state, state.accepts(password)) {
        (ShadowState::Hash(_), _) => {}
        (ShadowState::Empty, accepts) => assert_eq!(accepts, Some(password.is_empty())),
        (_, accepts) => assert_eq!(accepts, Some(false)),
    }
    if data.len().is_multiple_of(64) {
        let hash = shadow::hash(password, &[7; 12]);
        assert_eq!(shadow::verify(password, &hash), Some(true));
        assert_eq!(ShadowState::parse(&hash), ShadowState::Hash(hash.clone()));
        assert_eq!(shadow::verify(&format!("{password}!"), &hash), Some(false));
    }
}

/// A build's log.
pub fn first_error(data: &[u8]) {
    let log = String::from_utf8_lossy(data);
    let count = log.lines().count();
    for source in [errors::Source::Phase, errors::Source::Script] {
        let found = errors::find(&log, source);
        let is_line = |number: usize| (1..=count).contains(&number);
        assert!(found.lines.iter().all(|(number, _)| is_line(*number)));
        assert!(
            found
                .error
                .is_none_or(|error| found.lines.iter().any(|line| line.0 == error))
        );
        let shown: usize = found.lines.iter().map(|(_, text)| text.len()).sum();
        assert!(shown <= 4 * log.len() + 4096);
    }
}
