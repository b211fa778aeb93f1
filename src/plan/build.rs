//! Whether a recipe's package must be built, and how: inputs, key, phases, package, installation.
//!
//! The tree's folder is named by the build key, so paths that a compiler puts into its output are
//! the same for the same inputs. Each phase runs detached in a contract of its own and leaves its
//! status in a file: a lost connection loses nothing, and what has ended is not run again.

use std::collections::BTreeMap;

use super::services::start_record;
use super::{Action, Change, Given, Refusal, Stage, Step, WantedRecipe, Work, accounts, shell};
use crate::build_system::{self, BuildSystem, Context};
use crate::facts::Facts;
use crate::facts::builds::BUILD_ROOT;
use crate::package::{package_base, package_name};
use crate::receipt::{BUILD_FORMAT, BuildInputs, Receipt, sha256_hex};
use crate::recipe::bundle::FileBytes;
use crate::script::Script;

/// The time that every file of every build carries, in seconds since 1970: 2000-01-01. A build does
/// not depend on when it was made.
pub const BUILD_EPOCH: u64 = 946_684_800;

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

/// Everything that decides the build.
///
/// # Errors
/// A [`Refusal`] when the target lacks what every build needs (a compiler of the recipe's choice).
pub fn inputs(recipe: &WantedRecipe, facts: &Facts) -> Result<BuildInputs, Refusal> {
    let wanted = &recipe.bundle.recipe;
    let dependencies = super::packages::dependencies(recipe);
    let found = dependencies
        .iter()
        .filter_map(|d| facts.packages.find(&d.name));
    let dependencies = found.filter_map(|full| {
        full.rsplit_once('-')
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
    });
    let patches = recipe.bundle.patches.iter().map(|patch| {
        let parts = format!(
            "{}:{}:{}:{}",
            patch.sha256, patch.strip, patch.fuzz, patch.source
        );
        (patch.file.clone(), sha256_hex(parts.as_bytes()))
    });
    let sources = wanted.sources.iter().map(|source| {
        let digest = source.sha256.as_deref().unwrap_or("unverified");
        format!(
            "{digest} into {} strip {}",
            source.into.as_deref().unwrap_or("."),
            source.strip
        )
    });
    let build = &wanted.build;
    Ok(BuildInputs {
        format: BUILD_FORMAT,
        package: package_name(&wanted.package.name, &wanted.package.version),
        sources: sources.collect(),
        patches: patches.collect(),
        system: build.system.clone(),
        options: build
            .options
            .iter()
            .map(|option| option.value.clone())
            .collect(),
        settings: settings(recipe),
        environment: build.environment.clone(),
        dependencies: dependencies.collect(),
        branch: facts.platform.branch.clone().unwrap_or_default(),
        architecture: facts.platform.architecture.clone(),
        compiler: compiler(recipe, facts)?,
    })
}

fn settings(recipe: &WantedRecipe) -> BTreeMap<String, String> {
    let wanted = &recipe.bundle.recipe;
    let build = &wanted.build;
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            settings.insert(name.to_owned(), value);
        }
    };
    set("directory", build.directory.clone().unwrap_or_default());
    set("make arguments", build.make_arguments.join(" "));
    set("discard", build.discard.join(" "));
    set(
        "tests",
        if build.test {
            "run".to_owned()
        } else {
            String::new()
        },
    );
    if let Some(custom) = &build.custom {
        let phases = [
            &custom.configure,
            &custom.compile,
            &custom.test,
            &custom.stage,
        ];
        let lines = phases.map(|commands| commands.iter().map(|words| words.join("\n")));
        set(
            "commands",
            lines.into_iter().flatten().collect::<Vec<_>>().join("\n\n"),
        );
    }
    let package = &wanted.package;
    set("conflicts", package.conflicts.join(" "));
    set("summary", package.summary.clone());
    set("license", package.license.clone().unwrap_or_default());
    set("homepage", package.homepage.clone().unwrap_or_default());
    let run = wanted
        .dependencies
        .run
        .iter()
        .map(|dependency| dependency.name.as_str());
    set("run dependencies", run.collect::<Vec<_>>().join(" "));
    let staged = recipe
        .bundle
        .files
        .iter()
        .filter_map(|file| match &file.content {
            FileBytes::Staged(path) => Some(path.as_str()),
            FileBytes::Known(_) => None,
        });
    set("staged files", staged.collect::<Vec<_>>().join(" "));
    settings
}

/// The compiler among the recipe's build dependencies. A recipe's own commands may need none.
fn compiler(recipe: &WantedRecipe, facts: &Facts) -> Result<String, Refusal> {
    let wanted = &recipe.bundle.recipe;
    let name = |text: &str| {
        text.split(['<', '>', '-', '['])
            .next()
            .unwrap_or("")
            .to_owned()
    };
    let asked = wanted.dependencies.build.iter();
    let found = asked
        .filter_map(|d| facts.packages.compilers.get(&name(&d.name)))
        .next();
    match found {
        Some(path) => Ok(path.clone()),
        None if wanted.build.system == "custom" || wanted.build.environment.contains_key("CC") => {
            Ok(String::new())
        }
        None => Err(Refusal {
            message: format!("the recipe {} names no compiler to build with", recipe.name),
            help: "name one in its `[dependencies] build`, as in `\"gcc13\"`".to_owned(),
            diff: None,
        }),
    }
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
        accounts::plan_build_user(facts, steps);
        plan_phases(recipe, inputs, &key, &why, facts, steps);
    }
    if !is_installed {
        steps.push(install(recipe, inputs, &key, why, facts, given));
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
    steps: &mut Vec<Step>,
) {
    let Some(system) = build_system::find(&inputs.system) else {
        return;
    };
    let folder = format!("{BUILD_ROOT}/{key}");
    let step = |name: &str, what: String, work: Work| Step {
        id: format!("build/{}/{name}", recipe.name),
        stage: Stage::Build,
        changes: vec![Change {
            action: Action::Run,
            what,
            why: why.to_vec(),
            diff: None,
        }],
        work,
    };
    let name = &inputs.package;
    if !facts.builds.is_done(key, "source") {
        let script = receive_source(&folder);
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
        let script = phase_script(system, recipe, inputs, &folder, phase, facts);
        if let Some(script) = script.filter(|_| !facts.builds.is_done(key, phase)) {
            let work = Work::Phase {
                phase: phase.to_owned(),
                script,
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

fn receive_source(folder: &str) -> Script {
    Script::new("receive and unpack the sources")
        .shell(shell::FAIL)
        .shell(shell::RECEIVE)
        .set("folder", folder)
        .set("user", accounts::BUILD_USER)
        .shell(
            r#"
/usr/bin/mkdir -p "${folder%/*}" || fail "cannot make ${folder%/*}"
/usr/bin/rm -rf "$folder"
/usr/bin/mkdir "$folder" "$folder/src" "$folder/out" "$folder/stage" "$folder/shims" ||
  fail "cannot make $folder"
receive "$folder/source.tar"
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
printf '' >"$folder/source.started" && printf '0\n' >"$folder/source.rc" ||
  fail "cannot write in $folder"
"#,
        )
        .with_input()
}

/// The script that starts a phase or finds it, and prints its log until it has ended.
///
/// Its exit status is the phase's own; 200 says that the phase died without leaving one.
fn phase_script(
    system: &BuildSystem,
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    folder: &str,
    phase: &str,
    facts: &Facts,
) -> Option<Script> {
    let build = &recipe.bundle.recipe.build;
    let (stage, out) = (format!("{folder}/stage"), format!("{folder}/out"));
    let context = Context {
        build,
        stage: &stage,
        out: &out,
        jobs: facts.machine.cores,
    };
    let commands = system.commands(phase, &context);
    if commands.is_empty() {
        return None;
    }
    let source = match &build.directory {
        Some(directory) => format!("{folder}/src/{directory}"),
        None => format!("{folder}/src"),
    };
    let mut body = Script::new(phase)
        .shell("set -e\nPS4='+ '\numask 022")
        .command(["cd", &source])
        .shell("set -x");
    for command in &commands {
        body = body.command(command);
    }
    let mut environment =
        build_system::environment(&inputs.compiler, &build.environment, BUILD_EPOCH);
    if let Some(path) = environment.get_mut("PATH") {
        *path = format!("{folder}/shims:{path}");
    }
    environment.insert("DESTDIR".to_owned(), stage);
    environment.insert("HOME".to_owned(), out);
    let mut launch = vec![
        "exec".to_owned(),
        "/usr/bin/env".to_owned(),
        "-i".to_owned(),
    ];
    launch.extend(
        environment
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    launch.extend([
        "/usr/bin/bash".to_owned(),
        format!("{folder}/{phase}.commands"),
    ]);
    // the shell reads it from its standard input, which the build must not inherit
    let launch = Script::new("launch")
        .shell("{")
        .command(&launch)
        .shell("} </dev/null");
    Some(
        Script::new(format!("{phase} {}", inputs.package))
            .shell(shell::FAIL)
            .set("folder", folder)
            .set("phase", phase)
            .set("user", accounts::BUILD_USER)
            .set("launch", launch.body())
            .set("commands", body.body())
            .set("runner", RUNNER)
            .shell(FOLLOW),
    )
}

/// Runs in the phase's contract, as root; drops the network and the privileges for the build.
const RUNNER: &str = r#"folder=$1 phase=$2 user=$3
trap '' HUP
/usr/bin/ps -o ctid= -p $$ >"$folder/$phase.ctid"
/usr/bin/kstat -p unix:0:system_misc:boot_time >"$folder/$phase.boot"
/usr/bin/ppriv -e -s A-net_access /usr/bin/su - "$user" -c '/usr/bin/bash -s' <"$folder/$phase.launch"
status=$?
printf '%s\n' "$status" >"$folder/$phase.rc.new" &&
  /usr/bin/mv -f "$folder/$phase.rc.new" "$folder/$phase.rc"
"#;

const FOLLOW: &str = r#"
log=$folder/$phase.log
# a contract's number means something until the next boot only
boot=$(/usr/bin/kstat -p unix:0:system_misc:boot_time)
is_alive() {
  local contract=
  [ "$(/usr/bin/cat "$folder/$phase.boot" 2>/dev/null)" = "$boot" ] || return 1
  [ -s "$folder/$phase.ctid" ] && contract=$(<"$folder/$phase.ctid") && contract=${contract// /}
  [ -n "$contract" ] && /usr/bin/pgrep -c "$contract" >/dev/null
}
if [ -f "$folder/$phase.rc" ] && [ "$(<"$folder/$phase.rc")" = 0 ]; then exit 0; fi
if [ ! -f "$folder/$phase.started" ] || [ -f "$folder/$phase.rc" ] || ! is_alive; then
  /usr/bin/rm -f "$folder/$phase.rc" "$folder/$phase.ctid" "$folder/$phase.boot" "$log"
  printf '%s' "$launch" >"$folder/$phase.launch" && printf '%s' "$commands" >"$folder/$phase.commands" &&
    printf '%s' "$runner" >"$folder/$phase.run" && printf '' >"$folder/$phase.started" ||
    fail "cannot write in $folder"
  /usr/bin/ctrun -l none -o pgrponly /usr/bin/bash "$folder/$phase.run" "$folder" "$phase" "$user" \
    >"$log" 2>&1 || fail "cannot start $phase in a contract of its own"
fi
shown=0 idle=0
while :; do
  ended=no; [ -f "$folder/$phase.rc" ] && ended=yes
  size=$(/usr/bin/stat -c %s "$log" 2>/dev/null) || size=0
  if [ "$size" -gt "$shown" ]; then
    /usr/bin/tail -c "+$((shown + 1))" "$log" | /usr/bin/head -c "$((size - shown))"
    shown=$size
  fi
  [ "$ended" = yes ] && exit "$(<"$folder/$phase.rc")"
  idle=$((idle + 1))
  if [ "$((idle % 25))" -eq 0 ] && ! is_alive && [ ! -f "$folder/$phase.rc" ]; then exit 200; fi
  /usr/bin/sleep 0.1
done
"#;

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

fn install(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    key: &str,
    why: Vec<String>,
    facts: &Facts,
    given: &Given,
) -> Step {
    let base = package_base(&recipe.bundle.recipe.package.name);
    let (action, what) = match facts.packages.installed.get(&base) {
        None => (Action::Create, format!("package {}", inputs.package)),
        Some(old) => (
            Action::Replace,
            format!("package {base}-{old} by {}", inputs.package),
        ),
    };
    let mut script = Script::new(format!("install {}", inputs.package)).shell(shell::FAIL);
    let services = &recipe.bundle.recipe.services;
    if action == Action::Replace && !given.end_sessions {
        for sessions in services
            .iter()
            .filter_map(|service| service.sessions.as_ref())
        {
            script = script
                .shell(shell::QUIET)
                .command(["quiet", &sessions.process]);
        }
    }
    let script = script
        .shell(shell::RECEIVE)
        .list(
            "due",
            services.iter().map(|service| start_record(&service.fmri)),
        )
        .set("base", &base)
        .set("full", &inputs.package)
        .set("key", key)
        .set("folder", format!("{BUILD_ROOT}/{key}"))
        .shell(INSTALL)
        .with_input();
    Step {
        id: format!("install/{}", recipe.name),
        stage: Stage::Build,
        changes: vec![Change {
            action,
            what,
            why,
            diff: None,
        }],
        work: Work::Install {
            key: key.to_owned(),
            script,
        },
    }
}

/// `pkg_add` deletes the old package before it checks the new one, registers the new one before its
/// files are there, and a failed extraction deletes every path of the list. So all that it would check
/// is checked first, the old package is kept aside with its files, a mark says that an installation is
/// under way, and a failure puts the old package back.
const INSTALL: &str = r#"
home=/var/db/zonewright
aside=$home/aside/$base busy=$home/aside/$base.busy
/usr/bin/mkdir -p "$home/packages" "$home/aside" || fail "cannot make $home/packages"
file=$home/packages/$full.tgz
receive "$file.new"
/usr/bin/mv -f "$file.new" "$file" || fail "cannot keep $file"
database=$(/opt/local/sbin/pkg_admin config-var PKG_DBDIR)
[ -n "$database" ] || database=/opt/local/pkg
# the zone's own settings without its demand for a signature, which a package built here has not
settings=$home/pkg_install.conf
/usr/bin/grep -v '^VERIFIED_INSTALLATION=' /opt/local/etc/pkg_install.conf >"$settings" 2>/dev/null
printf 'VERIFIED_INSTALLATION=never\n' >>"$settings" || fail "cannot write $settings"

needs=$(/opt/local/sbin/pkg_info -qn "$file") && libraries=$(/opt/local/sbin/pkg_info -Q REQUIRES "$file") &&
  paths=$(/opt/local/sbin/pkg_info -qL "$file") && [ -n "$paths" ] || fail "cannot read the package $file"
old=$(/opt/local/sbin/pkg_info -E "$base") oldpaths= oldkey=
if [ -n "$old" ]; then
  oldpaths=$(/opt/local/sbin/pkg_info -qL "$old") || fail "cannot list the files of $old"
  oldkey=$(/opt/local/sbin/pkg_info -Q ZONEWRIGHT_BUILD_KEY "$old" 2>/dev/null)
fi
problems= in_the_way=0
while read -r pattern; do
  [ -z "$pattern" ] || /opt/local/sbin/pkg_info -qe "$pattern" ||
    problems="$problems"$'\n'"  no package matches $pattern"
done <<<"$needs"
while read -r library; do
  [ -z "$library" ] || [ -f "$library" ] || problems="$problems"$'\n'"  no library $library"
done <<<"$libraries"
declare -A owned=()
while IFS= read -r path; do [ -z "$path" ] || owned[$path]=1; done <<<"$oldpaths"
while IFS= read -r path; do
  [ -n "$path" ] || continue
  if [ -z "${owned[$path]-}" ] && { [ -e "$path" ] || [ -L "$path" ]; }; then
    in_the_way=$((in_the_way + 1))
    [ "$in_the_way" -le 10 ] || continue
    owner=$(/opt/local/sbin/pkg_info -Fe "$path" 2>/dev/null) || owner='no package'
    problems="$problems"$'\n'"  $path is already there and belongs to $owner"
  fi
done <<<"$paths"
[ "$in_the_way" -le 10 ] || problems="$problems"$'\n'"  and $((in_the_way - 10)) more files"
[ "$in_the_way" -eq 0 ] || problems="$problems"$'\n'"move them away, or remove what installed them (an installation by hand: its own \`make uninstall\`)"
[ -z "$problems" ] || fail "$full cannot be installed; nothing was changed:$problems"

# what is kept of an installation that was broken off is the last good package: it stays
if [ -n "$old" ] && [ ! -f "$busy" ]; then
  /usr/bin/rm -rf "$aside.new" && /usr/bin/mkdir -p "$aside.new" || fail "cannot make $aside.new"
  while IFS= read -r path; do
    if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\n' "${path#/}"; fi
  done <<<"$oldpaths" >"$aside.new/list" || fail "cannot write $aside.new/list"
  /usr/bin/gtar -cf "$aside.new/files.tar" --no-recursion -C / -T "$aside.new/list" &&
    /usr/bin/cp -Rp "$database/$old" "$aside.new/database" &&
    printf '%s\n' "$old" >"$aside.new/name" && /usr/bin/rm -rf "$aside" &&
    /usr/bin/mv "$aside.new" "$aside" || fail "cannot keep $old aside; nothing was changed"
fi
for record in ${due[@]+"${due[@]}"}; do
  /usr/bin/rm -f "$record" || fail "cannot remove $record"
done
if [ -f "$busy" ]; then
  # the folder that a killed update leaves in the database, where pkg_add wants it removed by hand
  for left in "$database/$full".??????; do [ -d "$left" ] && /usr/bin/rm -rf "$left"; done
fi
printf '%s\n' "$key" >"$busy" || fail "cannot write $busy"
/opt/local/sbin/pkg_add -C "$settings" -K "$database" -U "$file"
status=$?
if [ "$status" -eq 0 ] && [ "$(/opt/local/sbin/pkg_info -Q ZONEWRIGHT_BUILD_KEY "$full" 2>/dev/null)" = "$key" ]; then
  /usr/bin/rm -f "$busy"
  /usr/bin/rm -rf "$folder"
  exit 0
fi
what="pkg_add failed with status $status"
[ "$status" -ne 0 ] || what='pkg_add did not put the package in place'
[ -f "$aside/name" ] && [ -n "$old" ] || { /usr/bin/rm -f "$busy"; fail "$what"; }
name=$(<"$aside/name") whole=yes
while IFS= read -r path; do
  [ -e "/$path" ] || [ -L "/$path" ] || whole=no
done <"$aside/list"
if [ "$whole" = yes ] && [ "$(/opt/local/sbin/pkg_info -Q ZONEWRIGHT_BUILD_KEY "$name" 2>/dev/null)" = "$oldkey" ] &&
  /usr/bin/cmp -s "$database/$name/+CONTENTS" "$aside/database/+CONTENTS"; then
  /usr/bin/rm -f "$busy"
  fail "$what; $name was not touched"
fi
/opt/local/sbin/pkg_info -qe "$full" && /opt/local/sbin/pkg_delete -f "$full"
/usr/bin/gtar -xf "$aside/files.tar" -C / && /usr/bin/rm -rf "${database:?}/$name" &&
  /usr/bin/cp -Rp "$aside/database" "$database/$name" &&
  /opt/local/sbin/pkg_admin rebuild >/dev/null && /opt/local/sbin/pkg_admin rebuild-tree >/dev/null ||
  fail "$what, and $name could not be put back from $aside"
/usr/bin/rm -f "$busy"
fail "$what; $name is back in its place"
"#;
