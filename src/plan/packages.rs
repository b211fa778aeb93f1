//! Which packages pkgin must bring: the twin of `facts/packages`.
//!
//! pkgin's exit status lies both ways, so the script asks the package database afterwards.

use super::{Action, Change, Stage, Step, WantedRecipe, Work, shell};
use crate::facts::{Facts, Questions};
use crate::package::package_base;
use crate::recipe::model::Dependency;
use crate::script::Script;

/// What to ask for a recipe's packages.
pub(super) fn ask(recipe: &WantedRecipe, questions: &mut Questions) {
    questions
        .packages
        .insert(package_base(&recipe.bundle.recipe.package.name));
}

/// Everything a recipe depends on, each name once, build dependencies first.
pub(super) fn dependencies(recipe: &WantedRecipe) -> Vec<&Dependency> {
    let both = &recipe.bundle.recipe.dependencies;
    let mut found: Vec<&Dependency> = Vec::new();
    for dependency in both.build.iter().chain(&both.run) {
        if !found.iter().any(|known| known.name == dependency.name) {
            found.push(dependency);
        }
    }
    found
}

/// Plans the missing dependencies; says whether there are any.
pub(super) fn plan(recipe: &WantedRecipe, facts: &Facts, steps: &mut Vec<Step>) -> bool {
    let missing: Vec<&str> = dependencies(recipe)
        .into_iter()
        .map(|dependency| dependency.name.as_str())
        .filter(|name| facts.packages.find(name).is_none())
        .collect();
    if missing.is_empty() {
        return false;
    }
    let changes = missing.iter().map(|name| {
        Change::new(
            Action::Create,
            format!("package {name}"),
            format!("{} needs it", recipe.name),
        )
    });
    let script = Script::new("install packages with pkgin")
        .shell(shell::FAIL)
        .list("names", &missing)
        .shell(INSTALL);
    steps.push(Step {
        id: format!("dependencies/{}", recipe.name),
        stage: Stage::Dependencies,
        changes: changes.collect(),
        work: Work::Script {
            script,
            input: super::Input::None,
        },
    });
    true
}

// pkgin hides what pkg_add says in a file, to which every run adds.
const INSTALL: &str = r#"
log=/var/db/pkgin/pkg_install-err.log
log_size() { /usr/bin/cat "$log" 2>/dev/null | /usr/bin/wc -c; }
before=$(log_size)
/opt/local/bin/pkgin -y install "${names[@]}"
status=$? missing=
for name in "${names[@]}"; do
  /opt/local/sbin/pkg_info -qe "$name" || missing="$missing $name"
done
if [ -n "$missing" ] && [ "$(log_size)" != "$before" ]; then
  printf -- '--- last lines of %s\n' "$log" >&2
  /usr/bin/tail -n 20 "$log" >&2
fi
[ -z "$missing" ] || fail "pkgin (status $status) did not bring:$missing"
"#;
