//! Which checks must run, and the receipt that follows them.

use super::{Action, Change, Refusal, Stage, Step, WantedRecipe, Work, receipts};
use crate::facts::Facts;
use crate::receipt::Receipt;
use crate::recipe::model::{CheckKind, Service};
use crate::script::{Script, words_of};

/// Plans the checks where anything of the recipe changed since they last passed, and the receipt
/// where it would say something else. `before` is the number of steps before the recipe's own.
///
/// # Errors
/// [`Refusal`] when there can be no receipt.
pub(super) fn plan(
    recipe: &WantedRecipe,
    expected: Option<Receipt>,
    facts: &Facts,
    before: usize,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    let recorded = facts.receipts.0.get(&recipe.name);
    let is_current = match (&expected, recorded) {
        (Some(expected), Some(recorded)) => expected.says_the_same(recorded),
        _ => false,
    };
    let changes = steps.len() > before;
    if !changes && is_current && !facts.unchecked.contains(&recipe.name) {
        return Ok(());
    }
    for check in &recipe.bundle.recipe.checks {
        steps.push(Step {
            id: format!("checks/{}/{}", recipe.name, check.name),
            stage: Stage::Check,
            changes: vec![Change::new(
                Action::Run,
                format!("check: {}", check.name),
                describe(&check.kind),
            )],
            work: Work::Check(check.clone()),
        });
    }
    if let Some(expected) = expected {
        steps.push(receipts::step(recipe, &expected, recorded.is_some())?);
    }
    Ok(())
}

fn describe(kind: &CheckKind) -> String {
    match kind {
        CheckKind::Command { command, .. } => words_of(command),
        CheckKind::Tcp { port, address } => format!("something listens on {address}:{port}"),
        CheckKind::Afp { port, address } => format!("an AFP server answers on {address}:{port}"),
    }
}

/// The script that asks what a check wants to know.
#[must_use]
pub fn script(kind: &CheckKind) -> Script {
    match kind {
        CheckKind::Command { command, .. } => Script::new("run a check")
            .list("command", command)
            .shell("\"${command[@]}\" 2>&1"),
        CheckKind::Tcp { port, address } => Script::new("knock at a port").command([
            "/usr/bin/nc",
            "-z",
            "-w",
            "3",
            address,
            &port.to_string(),
        ]),
        CheckKind::Afp { port, address } => Script::new("ask an AFP server for its status")
            .set("request", octal(&crate::afp::get_status_request()))
            .set("address", address)
            .set("port", port.to_string())
            .shell(ASK_AFP),
    }
}

/// The script that says how the recipe's services are, for who wonders why a check does not pass.
#[must_use]
pub fn explain(services: &[Service]) -> Script {
    Script::new("look at services")
        .list(
            "fmris",
            services.iter().map(|service| service.fmri.as_str()),
        )
        .list(
            "logs",
            services
                .iter()
                .map(|s| s.log.as_deref().unwrap_or_default()),
        )
        .shell(EXPLAIN)
}

/// The script that names the state of each of the recipe's services, for who wonders whether a check is worth waiting
/// for. Fact: what is in `maintenance` is not started again by itself.
#[must_use]
pub fn states(services: &[Service]) -> Script {
    let fmris = services.iter().map(|service| service.fmri.as_str());
    let words = ["/usr/bin/svcs", "-H", "-o", "state"];
    Script::new("ask for the state of services").command(words.into_iter().chain(fmris))
}

const EXPLAIN: &str = r#"
i=0
for fmri in ${fmris[@]+"${fmris[@]}"}; do
  /usr/bin/svcs -xv "$fmri"
  for log in "$(/usr/bin/svcs -L "$fmri" 2>/dev/null)" "${logs[$i]}"; do
    if [ -n "$log" ] && [ -f "$log" ]; then
      printf -- '--- last lines of %s\n' "$log"
      /usr/bin/tail -n 10 "$log"
    fi
  done
  i=$((i + 1))
done
exit 0
"#;

/// A server keeps the connection open after its answer, so the answer's own length says when it has
/// ended. `dd` takes byte by byte what belongs to it and nothing more.
const ASK_AFP: &str = r#"
coproc server { /usr/bin/nc -w 5 "$address" "$port"; }
pid=${server_PID-}
# a coprocess that has ended takes its variables with it
[ -n "${server[0]-}" ] && [ -n "${server[1]-}" ] || exit 1
exec 3<&"${server[0]}" 4>&"${server[1]}"
printf "$request" >&4
header=$(/usr/bin/dd bs=1 count=16 <&3 2>/dev/null | /usr/bin/od -An -v -tu1)
set -- $header
[ "$#" -eq 16 ] || exit 1
for byte in $header; do printf "\\$(printf %03o "$byte")"; done
/usr/bin/dd bs=1 count="$((${9} * 16777216 + ${10} * 65536 + ${11} * 256 + ${12}))" <&3 2>/dev/null
[ -z "$pid" ] || kill "$pid" 2>/dev/null
exit 0
"#;

/// Bytes as `printf` of bash reads them, with no byte left to interpretation.
fn octal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}
