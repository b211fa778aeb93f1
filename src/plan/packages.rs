//! Which packages pkgin must bring: the twin of `facts/packages`.
//!
//! pkgin's exit status lies both ways, so the script asks the package database afterwards.

use std::time::Duration;

use super::{Action, Change, Refusal, Stage, Step, Wanted, WantedRecipe, Work, shell};
use crate::facts::repositories::{NEW_HOST, OLD_HOST};
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

/// What a recipe depends on and the target lacks.
pub(super) fn missing<'r>(recipe: &'r WantedRecipe, facts: &Facts) -> Vec<&'r str> {
    let names = dependencies(recipe).into_iter().map(|d| d.name.as_str());
    names
        .filter(|name| facts.packages.find(name).is_none())
        .collect()
}

/// Plans the missing dependencies; says whether there are any.
pub(super) fn plan(recipe: &WantedRecipe, facts: &Facts, steps: &mut Vec<Step>) -> bool {
    let missing = missing(recipe, facts);
    if missing.is_empty() {
        return false;
    }
    let changes = missing.iter().map(|name| {
        let needs = format!("{} needs it", recipe.name);
        match other_version(name, facts) {
            None => Change::new(Action::Create, format!("package {name}"), needs),
            Some(there) => {
                let why = format!("{needs}; {there} does not fit");
                Change::new(Action::Change, format!("package {name}"), why)
            }
        }
    });
    let changes = changes.chain(dragged_along(&missing, facts));
    let script = Script::new("install packages with pkgin")
        .shell(shell::FAIL)
        .list("names", &missing)
        .set("recipe", &recipe.name)
        .shell(KNOWN)
        .set("mark", MARK)
        .shell(INSTALL)
        .with_quiet_limit(Some(DOWNLOAD_QUIET));
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

/// What pkgin would bring or change besides, in as few lines as say it.
fn dragged_along(missing: &[&str], facts: &Facts) -> Vec<Change> {
    let Some(pkgin) = &facts.packages.pkgin else {
        return Vec::new();
    };
    let is_asked = |full: &&String| missing.iter().any(|name| is_of(full, name));
    let more: Vec<&String> = pkgin.install.iter().filter(|f| !is_asked(f)).collect();
    let changed: Vec<&String> = pkgin.upgrade.iter().filter(|f| !is_asked(f)).collect();
    let line = |action, names: &[&String], why: &str| {
        let count = match names.len() {
            1 => "1 more package".to_owned(),
            count => format!("{count} more packages"),
        };
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        Change::new(action, count, format!("{why}: {}", names.join(" ")))
    };
    let mut changes = Vec::new();
    if !more.is_empty() {
        changes.push(line(Action::Create, &more, "pkgin brings them along"));
    }
    if !changed.is_empty() {
        changes.push(line(
            Action::Change,
            &changed,
            "pkgin brings them up to date",
        ));
    }
    changes
}

/// Whether a full name is a package that a pkgin argument asks for.
fn is_of(full: &str, wanted: &str) -> bool {
    let is_name = full
        .rsplit_once('-')
        .is_some_and(|(name, _)| name == wanted);
    is_name || pkgsrc::Pattern::new(wanted).is_ok_and(|pattern| pattern.matches(full))
}

/// Refuses an installation that would take something away, or that cannot begin.
pub(super) fn refuse(wanted: &Wanted<'_>, facts: &Facts) -> Vec<Refusal> {
    let Some(pkgin) = &facts.packages.pkgin else {
        return Vec::new();
    };
    let mut refusals = Vec::new();
    if let Some(why) = &pkgin.unreachable {
        let is_old = |url: &String| url.contains(OLD_HOST);
        let help = match facts.packages.repositories.iter().any(is_old) {
            true => format!(
                "the repositories moved in 2022: write {NEW_HOST} for {OLD_HOST} in \
                 /opt/local/etc/pkgin/repositories.conf and /opt/local/etc/pkg_install.conf"
            ),
            false => "see that the zone has a gateway and resolvers, and that \
                      /opt/local/etc/pkgin/repositories.conf names the right place: `pkgin update` there"
                .to_owned(),
        };
        refusals.push(Refusal {
            message: format!("pkgin in the zone cannot read its repository: {why}"),
            help,
            diff: None,
        });
    }
    if !pkgin.remove.is_empty() {
        let names: Vec<&str> = wanted
            .recipes
            .iter()
            .flat_map(|recipe| missing(recipe, facts))
            .collect();
        refusals.push(Refusal {
            message: format!(
                "to bring {}, pkgin would remove {}",
                names.join(", "),
                pkgin.remove.join(", ")
            ),
            help: format!(
                "if that is right, `pkgin remove {}` in the zone and apply again; if not, let the recipe \
                 depend on something else",
                pkgin.remove.join(" ")
            ),
            diff: None,
        });
    }
    refusals
}

/// pkgin prints nothing while it downloads, and a compiler takes its time on a slow line.
const DOWNLOAD_QUIET: Duration = Duration::from_secs(2 * 3600);

/// The installed package that a pattern with a version is about and does not fit.
fn other_version(wanted: &str, facts: &Facts) -> Option<String> {
    let name = wanted.split(['<', '>', '=', '[', '*', '?', '{']).next()?;
    let name = name.trim_end_matches('-');
    let version = facts.packages.installed.get(name)?;
    Some(format!("{name}-{version}"))
}

// What pkgin does not know it leaves out, and it installs the rest: so it is asked first, and once more
// after an update where its list may be old. `pkgin -p search` → libevent-2.1.12;=;Asynchronous event
// notification library.
const KNOWN: &str = r#"
unknown_names() {
  local line
  unknown=()
  while IFS= read -r line; do
    case $line in *' is not available in the repository') unknown+=("${line%% is not available*}") ;; esac
  done < <(/opt/local/bin/pkgin -n install "${names[@]}" 2>&1)
}
unknown_names
if [ "${#unknown[@]}" -gt 0 ]; then
  /opt/local/bin/pkgin -y update >/dev/null
  unknown_names
fi
for name in ${unknown[@]+"${unknown[@]}"}; do
  printf '%s is not available in the repository
' "$name" >&2
  base=${name%%[<>=*?\[\{]*} others=
  while IFS=';' read -r full _; do
    case $full in "${base%-}"-[0-9]*) others="$others $full" ;; esac
  done < <(/opt/local/bin/pkgin -p search "${base%-}" 2>/dev/null)
  [ -z "$others" ] || printf '  it has%s
' "$others" >&2
done
[ "${#unknown[@]}" -eq 0 ] ||
  fail "nothing was installed; correct [dependencies] in the recipe $recipe (\`pkgin search\` in the zone finds names)"
"#;

/// The mark that pkgin is at work: the names of all packages that were there before. A package is
/// registered before its files are there, so where the mark is left behind, the others are looked at.
pub(super) const MARK: &str = "/var/db/zonewright/pkgin.busy";

// pkgin hides what pkg_add says in a file, to which every run adds. A connection that is cut must not
// end it with a signal.
const INSTALL: &str = r#"
trap '' PIPE HUP
trap '/usr/bin/rm -f "$mark" "$mark.new"' EXIT
/usr/bin/mkdir -p "${mark%/*}" && /opt/local/sbin/pkg_info -e '*' >"$mark.new" &&
  /usr/bin/mv -f "$mark.new" "$mark" || fail "cannot write $mark"
log=/var/db/pkgin/pkg_install-err.log
log_size() { /usr/bin/cat "$log" 2>/dev/null | /usr/bin/wc -c; }
before=$(log_size)
/opt/local/bin/pkgin -y install "${names[@]}"
status=$? missing=
for name in "${names[@]}"; do
  /opt/local/sbin/pkg_info -qe "$name" || missing="$missing $name"
done
if [ -n "$missing" ] && [ "$(log_size)" != "$before" ]; then
  printf -- '--- %s\n' "$log" >&2
  # what earlier runs left in it is not to be taken for this one's
  /usr/bin/tail -c "+$((before + 1))" "$log" | /usr/bin/tail -n 40 >&2
fi
[ -z "$missing" ] || fail "pkgin (status $status) did not bring:$missing"
"#;
