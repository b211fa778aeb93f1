//! Whether a recipe's package must be built, and how: sources, phases, package.
//!
//! The tree's folder is named by the build key, so paths that a compiler puts into its output are
//! the same for the same inputs.

use std::collections::BTreeMap;

use super::ids::Ids;
use super::phases::{CONTRACT, END_PHASE, phase_script, stop};
use super::{
    Action, Change, Given, Input, Stage, Step, WantedRecipe, Work, accounts, install, shell,
};
use crate::build_system::{self};
use crate::facts::Facts;
use crate::facts::builds::BUILD_ROOT;
use crate::package::{package_base, package_name};
use crate::receipt::{BuildInputs, Receipt};
use crate::recipe::bundle::FileBytes;
use crate::script::Script;

/// Sources to prepare and send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceJob {
    /// The recipe whose sources these are.
    pub recipe: String,
    /// Receives the packed tree and unpacks it.
    pub script: Script,
}

/// A staged tree to make a package of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageJob {
    /// The recipe.
    pub recipe: String,
    /// The build key.
    pub key: String,
    /// The folder of the staged tree on the target.
    pub stage: String,
    /// The whole build folder, of which nothing may appear in the result.
    pub folder: String,
    /// Prints the staged tree as a tar.
    pub script: Script,
    /// What the package depends on: exact name with version → the recipe's pattern.
    pub depends: BTreeMap<String, String>,
    /// Exact names of everything that was there while building.
    pub built_with: Vec<String>,
}

/// Whether the package that is installed is the one these inputs make.
fn is_installed(recipe: &WantedRecipe, key: &str, facts: &Facts) -> bool {
    let package = &recipe.bundle.recipe.package;
    let base = package_base(&package.name);
    let packages = &facts.packages;
    packages.installed.get(&base) == Some(&package.version)
        && packages.build_keys.get(&base).map(String::as_str) == Some(key)
        && !packages.broken_off.contains(&base)
        && !packages.missing_files.contains_key(&base)
}

/// The build and installation where dependencies are missing: not known yet.
pub(super) fn plan_unknown(
    recipe: &WantedRecipe,
    receipt: Option<&Receipt>,
    steps: &mut Vec<Step>,
) {
    let package = &recipe.bundle.recipe.package;
    let full = package_name(&package.name, &package.version);
    let why = match receipt {
        None => "not known until its dependencies are installed".to_owned(),
        Some(_) => "whether it must be rebuilt is not known until its dependencies are installed"
            .to_owned(),
    };
    steps.push(Step {
        id: format!("build/{}", recipe.name),
        stage: Stage::Build,
        changes: vec![Change::new(
            Action::Unknown,
            format!("build and install {full}"),
            why,
        )],
        work: Work::Unknown,
    });
}

/// Plans the build and the installation of the package, as far as they are needed.
pub(super) fn plan(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    ids: &Ids,
    facts: &Facts,
    given: &Given,
    steps: &mut Vec<Step>,
) {
    let key = inputs.key();
    let stored = given.packages.get(&key);
    let is_stored = stored.is_some_and(|stored| stored.runs_on(&facts.platform.stamp));
    let receipt = facts.receipts.0.get(&recipe.name);
    let is_installed = is_installed(recipe, &key, facts);
    if is_installed && (is_stored || !lacks_staged(recipe, receipt, facts)) {
        return;
    }
    let why = if is_installed {
        vec!["files that the build stages are gone, and the build is not at hand".to_owned()]
    } else {
        reasons(recipe, inputs, receipt, facts)
    };
    if !is_stored {
        accounts::plan_build_user(ids, facts, steps);
        plan_phases(recipe, inputs, &key, &why, facts, given, steps);
    }
    if !is_installed {
        steps.push(install::step(recipe, inputs, &key, why, facts, given));
    }
}

/// Whether a file that the build stages outside the prefix is not in the zone as recorded.
fn lacks_staged(recipe: &WantedRecipe, receipt: Option<&Receipt>, facts: &Facts) -> bool {
    let staged = recipe
        .bundle
        .files
        .iter()
        .filter(|f| matches!(f.content, FileBytes::Staged(_)));
    staged.into_iter().any(|file| {
        let known = receipt.and_then(|receipt| receipt.files.get(&file.path));
        let fact = facts
            .files
            .0
            .get(&file.path)
            .and_then(|fact| fact.sha256.as_ref());
        known.is_none() || known.map(|known| &known.sha256) != fact
    })
}

fn reasons(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    receipt: Option<&Receipt>,
    facts: &Facts,
) -> Vec<String> {
    let base = package_base(&recipe.bundle.recipe.package.name);
    let Some(installed) = facts.packages.installed.get(&base) else {
        return vec!["not installed".to_owned()];
    };
    let Some(receipt) = receipt else {
        return vec![format!(
            "nothing is recorded of the installed {base}-{installed}"
        )];
    };
    let mut why = Some(receipt)
        .map(|r| inputs.reasons_against(&r.build))
        .unwrap_or_default();
    if why.is_empty() {
        why.push(format!(
            "the installed {base}-{installed} is not the one that was recorded"
        ));
    }
    why
}

fn plan_phases(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    key: &str,
    why: &[String],
    facts: &Facts,
    given: &Given,
    steps: &mut Vec<Step>,
) {
    if build_system::find(&inputs.system).is_none() {
        return;
    }
    let folder = format!("{BUILD_ROOT}/{key}");
    let name = &inputs.package;
    let is_anew = given.fresh && facts.builds.0.contains_key(key);
    let mut why = why.to_vec();
    if facts.builds.is_changed_by_hand(key) && !is_anew {
        why.push(
            "its build tree was changed by hand, and nothing is packaged from such".to_owned(),
        );
    }
    let step = |name: &str, what: String, work: Work| Step {
        id: format!("build/{}/{name}", recipe.name),
        stage: Stage::Build,
        changes: vec![Change {
            action: Action::Run,
            what,
            why: why.clone(),
            diff: None,
        }],
        work,
    };
    if is_anew {
        let work = Work::Script {
            script: forget(std::slice::from_ref(&folder)),
            input: Input::None,
        };
        let what = format!("forget what earlier runs built of {name}");
        steps.push(step("fresh", what, work));
    }
    let is_done = |phase: &str| !is_anew && facts.builds.is_done(key, phase);
    if !is_done("source") {
        let script = receive_source(&folder, &recipe.name);
        let work = Work::Source(SourceJob {
            recipe: recipe.name.clone(),
            script,
        });
        steps.push(step(
            "source",
            format!("fetch, patch and send the sources of {name}"),
            work,
        ));
    }
    for phase in build_system::PHASES {
        let script = phase_script(recipe, inputs, &folder, phase, facts);
        if let Some(script) = script.filter(|_| !is_done(phase)) {
            let work = Work::Phase {
                phase: phase.to_owned(),
                script,
                stop: stop(&folder, phase),
            };
            steps.push(step(phase, format!("{phase} {name}"), work));
        }
    }
    let package = package_job(recipe, &folder, key, facts);
    steps.push(step(
        "package",
        format!("make the package {name}"),
        Work::Package(package),
    ));
}

fn receive_source(folder: &str, recipe: &str) -> Script {
    Script::new("receive and unpack the sources")
        .shell(shell::FAIL)
        .shell(shell::RECEIVE)
        .set("folder", folder)
        .set("recipe", recipe)
        .set("user", accounts::BUILD_USER)
        .shell(
            r#"
/usr/bin/mkdir -p "${folder%/*}" || fail "cannot make ${folder%/*}"
/usr/bin/rm -rf "$folder"
/usr/bin/mkdir "$folder" "$folder/src" "$folder/out" "$folder/stage" "$folder/shims" ||
  fail "cannot make $folder"
printf '%s\n' "$recipe" >"$folder/recipe" || fail "cannot write in $folder"
# packed, unpacked, compiled and staged
what="the build of $recipe"
receive "$folder/source.tar" 4
# what the tree was made of, for whoever compares it later
/usr/bin/digest -a sha256 "$folder/source.tar" >"$folder/source.sha256" || fail "cannot write in $folder"
/usr/bin/gtar -xf "$folder/source.tar" -C "$folder/src" --no-same-owner ||
  fail "cannot unpack the sources in $folder/src"
/usr/bin/rm -f "$folder/source.tar"
# what a build's own installation must not do to the running system, even under DESTDIR
for name in svccfg svcadm ldconfig; do
  printf '#!/usr/bin/bash\nprintf "%%s: not while a package is made\\n" "${0##*/}"\n' \
    >"$folder/shims/$name" && /usr/bin/chmod 0755 "$folder/shims/$name" ||
    fail "cannot write $folder/shims/$name"
done
# not through links: a link may dangle, or lead anywhere
/usr/bin/chown -hR "$user:$user" "$folder/src" "$folder/out" "$folder/stage" ||
  fail "cannot give $folder to $user"
printf '' >"$folder/source.started" && printf '0\n' >"$folder/source.rc.new" &&
  /usr/bin/mv -f "$folder/source.rc.new" "$folder/source.rc" || fail "cannot write in $folder"
"#,
        )
        .with_input()
}

/// Plans the end of build trees that nobody wants any more: of earlier inputs, and of these ones where
/// neither a build nor an installation is due. While one is due, what is there may yet be used.
pub(super) fn plan_abandoned(
    recipe: &WantedRecipe,
    key: &str,
    facts: &Facts,
    steps: &[Step],
) -> Option<Step> {
    let (build, install) = (
        format!("build/{}/", recipe.name),
        format!("install/{}", recipe.name),
    );
    let is_wanted = steps
        .iter()
        .any(|step| step.id.starts_with(&build) || step.id == install);
    let trees = facts.build_recipes.iter();
    let abandoned = trees
        .filter(|(tree, owner)| **owner == recipe.name && (tree.as_str() != key || !is_wanted));
    let folders: Vec<String> = abandoned
        .map(|(tree, _)| format!("{BUILD_ROOT}/{tree}"))
        .collect();
    if folders.is_empty() {
        return None;
    }
    let change = |folder: &String| {
        Change::new(
            Action::Destroy,
            format!("build tree {folder}"),
            format!("{} is not built from it any more", recipe.name),
        )
    };
    Some(Step {
        id: format!("build/{}/abandoned", recipe.name),
        stage: Stage::Build,
        changes: folders.iter().map(change).collect(),
        work: Work::Script {
            script: forget(&folders),
            input: Input::None,
        },
    })
}

/// Ends every phase of these builds and removes their trees.
fn forget(folders: &[String]) -> Script {
    shell::ending(Script::new("forget a build").shell(shell::FAIL))
        .list("folders", folders)
        .shell(CONTRACT)
        .shell(END_PHASE)
        .shell(
            r#"
for folder in ${folders[@]+"${folders[@]}"}; do
  for path in "$folder"/*.ctid; do
    phase=${path##*/} phase=${phase%.ctid}
    end_phase
  done
  /usr/bin/rm -rf "$folder" || fail "cannot remove $folder"
done
"#,
        )
}

fn package_job(recipe: &WantedRecipe, folder: &str, key: &str, facts: &Facts) -> PackageJob {
    let stage = format!("{folder}/stage");
    let script = Script::new("fetch the staged tree").command([
        "/usr/bin/gtar",
        "-cf",
        "-",
        "-C",
        &stage,
        ".",
    ]);
    let wanted = &recipe.bundle.recipe.dependencies;
    let depends = wanted.run.iter().filter_map(|dependency| {
        let full = facts.packages.find(&dependency.name)?;
        Some((full, dependency.name.clone()))
    });
    let all = super::packages::dependencies(recipe);
    PackageJob {
        recipe: recipe.name.clone(),
        key: key.to_owned(),
        stage,
        folder: folder.to_owned(),
        script,
        depends: depends.collect(),
        built_with: all
            .iter()
            .filter_map(|d| facts.packages.find(&d.name))
            .collect(),
    }
}
