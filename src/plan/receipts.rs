//! What the receipt must say after an apply: the twin of `facts/receipts`.

use std::collections::BTreeMap;

use super::files::Placed;
use super::{Action, Change, Input, Refusal, Stage, Step, WantedRecipe, Work, services, shell};
use crate::facts::Facts;
use crate::facts::receipts::RECEIPT_ROOT;
use crate::receipt::{BuildInputs, Receipt, SCHEMA, sha256_hex};
use crate::script::Script;

/// The receipt as it will be when everything planned has happened.
pub(super) fn expected(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    placed: &Placed,
    facts: &Facts,
) -> Receipt {
    let wanted = &recipe.bundle.recipe;
    let digests = wanted.services.iter().filter_map(|service| {
        let digest = services::start_digest(recipe, service, inputs, placed)?;
        Some((service.fmri.clone(), digest))
    });
    let digests: BTreeMap<String, String> = digests.collect();
    Receipt {
        schema: SCHEMA.to_owned(),
        recipe: recipe.name.clone(),
        version: wanted.package.version.clone(),
        package: inputs.package.clone(),
        build_key: inputs.key(),
        build: inputs.clone(),
        files: placed.clone(),
        services: digests,
        sessions: wanted
            .services
            .iter()
            .filter_map(|s| Some((s.fmri.clone(), s.sessions.as_ref()?.process.clone())))
            .collect(),
        checks: wanted
            .checks
            .iter()
            .map(|check| {
                let asked = sha256_hex(format!("{:?}", check.kind).as_bytes());
                (check.name.clone(), asked)
            })
            .collect(),
        platform: facts.platform.stamp.clone(),
        zonewright: env!("CARGO_PKG_VERSION").to_owned(),
        applied_at: facts.platform.now,
    }
}

/// The step that writes it: last, and by rename.
pub(super) fn step(
    recipe: &WantedRecipe,
    receipt: &Receipt,
    is_there: bool,
) -> Result<Step, Refusal> {
    let text = serde_json::to_vec_pretty(receipt).map_err(|error| Refusal {
        message: format!("the receipt of {} cannot be written: {error}", recipe.name),
        help: "this is a fault of zonewright: please report it with the recipe".to_owned(),
        diff: None,
    })?;
    let script = Script::new("write the receipt")
        .shell(shell::FAIL)
        .shell(shell::RECEIVE)
        .set("root", RECEIPT_ROOT)
        .set("name", &recipe.name)
        .shell(WRITE)
        .with_input();
    let action = if is_there {
        Action::Change
    } else {
        Action::Create
    };
    Ok(Step {
        id: format!("receipt/{}", recipe.name),
        stage: Stage::Check,
        changes: vec![Change::new(
            action,
            format!("receipt {RECEIPT_ROOT}/{}.json", recipe.name),
            "records what was applied",
        )],
        work: Work::Script {
            script,
            input: Input::Bytes(text),
        },
    })
}

const WRITE: &str = r#"
/usr/bin/mkdir -p "$root" && /usr/bin/chmod 0755 "$root" || fail "cannot make $root"
trap '/usr/bin/rm -f "$root/.$name.new"' EXIT
receive "$root/.$name.new"
/usr/bin/mv -f "$root/.$name.new" "$root/$name.json" || fail "cannot write $root/$name.json"
/usr/bin/rm -f "$root/$name.unchecked"
"#;

/// Notes, before the first change of a run, that the checks of these recipes are due. The note goes
/// with the next receipt, so that a check that failed, or that a lost connection kept from running, is
/// not forgotten.
#[must_use]
pub fn note_unchecked<'a>(recipes: impl IntoIterator<Item = &'a str>) -> Script {
    Script::new("note that checks are due")
        .shell(shell::FAIL)
        .set("root", RECEIPT_ROOT)
        .list("names", recipes)
        .shell(
            r#"
/usr/bin/mkdir -p "$root" && /usr/bin/chmod 0755 "$root" || fail "cannot make $root"
for name in ${names[@]+"${names[@]}"}; do
  printf '' >"$root/$name.unchecked" || fail "cannot write in $root"
done
"#,
        )
}
