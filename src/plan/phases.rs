//! The phases of a build: the environment and commands of each, and the script that starts it in the
//! zone or finds it running, and follows its log.
//!
//! Each runs detached in a contract of its own and leaves its status in a file: a lost connection
//! loses nothing, and what has ended is not run again.

use super::{WantedRecipe, accounts, shell};
use crate::build_system::{self, Context};
use crate::facts::Facts;
use crate::receipt::BuildInputs;
use crate::recipe::model::Build;
use crate::script::Script;

/// The time that every file of every build carries, in seconds since 1970: 2000-01-01. A build does
/// not depend on when it was made.
pub const BUILD_EPOCH: u64 = 946_684_800;

/// What a phase is, whatever the target says: the environment it starts with and its commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseText {
    /// Starts a shell with nothing but the build's own environment.
    pub launch: Script,
    /// The phase's commands, as that shell reads them.
    pub commands: Script,
    /// For whoever wants to stand where the phase stood: the environment and the folder.
    pub setting: Script,
    /// Folders that are made anew before it.
    made: Vec<String>,
}

/// The text of a phase that is built in `folder` with `jobs` jobs at once; nothing where the build
/// system has nothing to do.
#[must_use]
pub fn phase_text(
    build: &Build,
    folder: &str,
    phase: &str,
    jobs: u32,
    compiler: &str,
) -> Option<PhaseText> {
    let system = build_system::find(&build.system)?;
    let (stage, out) = (format!("{folder}/stage"), format!("{folder}/out"));
    let context = Context {
        build,
        stage: &stage,
        out: &out,
        jobs,
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
        // the log says where its commands ran
        .shell("set -e\nPS4='+ '\numask 022\nset -x")
        .command(["cd", &source]);
    for command in &commands {
        body = body.command(command);
    }
    let mut environment = build_system::environment(compiler, &build.environment, BUILD_EPOCH);
    if let Some(path) = environment.get_mut("PATH") {
        *path = format!("{folder}/shims:{path}");
    }
    environment.insert("TMPDIR".to_owned(), format!("{folder}/tmp"));
    environment.insert("DESTDIR".to_owned(), stage);
    environment.insert("HOME".to_owned(), out);
    let pairs: Vec<String> = environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let setting = Script::new("setting")
        .list("environment", &pairs)
        .set("directory", &source);
    let mut launch = vec![
        "exec".to_owned(),
        "/usr/bin/env".to_owned(),
        "-i".to_owned(),
    ];
    launch.extend(pairs);
    launch.extend([
        "/usr/bin/bash".to_owned(),
        format!("{folder}/{phase}.commands"),
    ]);
    // the shell reads it from its standard input, which the build must not inherit
    let launch = Script::new("launch")
        .shell("{")
        .command(&launch)
        .shell("} </dev/null");
    Some(PhaseText {
        launch,
        commands: body,
        setting,
        made: made_by(folder, phase),
    })
}

/// The script that starts a phase or finds it, and prints its log until it has ended.
///
/// Its exit status is the phase's own; 200 says that the phase died without leaving one.
pub(super) fn phase_script(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    folder: &str,
    phase: &str,
    facts: &Facts,
) -> Option<Script> {
    let build = &recipe.bundle.recipe.build;
    let text = phase_text(build, folder, phase, facts.machine.cores, &inputs.compiler)?;
    Some(
        shell::ending(Script::new(format!("{phase} {}", inputs.package)).shell(shell::FAIL))
            .set("folder", folder)
            .set("phase", phase)
            .set("user", accounts::BUILD_USER)
            .list("made", &text.made)
            .set("launch", text.launch.body())
            .set("commands", text.commands.body())
            .set("setting", text.setting.body())
            .set("runner", RUNNER)
            .shell(CONTRACT)
            .shell(END_PHASE)
            .shell(FOLLOW)
            // a compiler may be silent for as long as it likes
            .with_quiet_limit(None),
    )
}

/// The folders that a phase finds empty, without what an earlier try left there: meson does not
/// configure a folder that it half configured, `ln -s` does not make a link again, and a compiler that
/// was killed cleans nothing up.
pub(super) fn made_by(folder: &str, phase: &str) -> Vec<String> {
    let own = match phase {
        "configure" => Some("out"),
        "stage" => Some("stage"),
        _ => None,
    };
    let names = ["tmp"].into_iter().chain(own);
    names.map(|name| format!("{folder}/{name}")).collect()
}

/// A phase's script that leaves out what was printed before.
#[must_use]
pub fn follow_from(script: &Script, shown: u64) -> Script {
    Script::new(script.name())
        .set("shown", shown.to_string())
        .then(script)
        .with_quiet_limit(script.quiet_limit())
}

/// Ends a phase, with every process it started.
pub(super) fn stop(folder: &str, phase: &str) -> Script {
    shell::ending(Script::new(format!("end {phase}")).shell(shell::FAIL))
        .set("folder", folder)
        .set("phase", phase)
        .shell(CONTRACT)
        .shell(END_PHASE)
        .shell("end_phase")
}

/// `is_alive`: whether the phase's contract has a member.
///
/// A contract's number means something until the next boot only, so the boot is written first.
pub(super) const CONTRACT: &str = r#"
contract=
find_contract() {
  contract=
  [ -s "$folder/$phase.ctid" ] || return 1
  [ "$(/usr/bin/cat "$folder/$phase.boot" 2>/dev/null)" = "$(/usr/bin/kstat -p unix:0:system_misc:boot_time)" ] ||
    return 1
  contract=$(<"$folder/$phase.ctid") && contract=${contract//[[:space:]]/}
  [ -n "$contract" ]
}
is_alive() { find_contract && /usr/bin/pgrep -c "$contract" >/dev/null; }
"#;

/// `end_phase`: until its contract has no member; it comes behind [`CONTRACT`] and [`shell::ending`].
pub(super) const END_PHASE: &str = r#"
end_phase() {
  if find_contract; then end_contract "$contract" "$phase of a build"; fi
}
"#;

/// Runs in the phase's contract, as root; drops the network and the privileges for the build.
const RUNNER: &str = r#"folder=$1 phase=$2 user=$3
trap '' HUP
/usr/bin/kstat -p unix:0:system_misc:boot_time >"$folder/$phase.boot"
/usr/bin/ps -o ctid= -p $$ >"$folder/$phase.ctid"
/usr/bin/ppriv -e -s A-net_access /usr/bin/su - "$user" -c '/usr/bin/bash -s' <"$folder/$phase.launch"
status=$?
printf '%s\n' "$status" >"$folder/$phase.rc.new" &&
  /usr/bin/mv -f "$folder/$phase.rc.new" "$folder/$phase.rc"
"#;

const FOLLOW: &str = r#"
log=$folder/$phase.log
shown=${shown-0}
print_more() {
  local size
  size=$(/usr/bin/stat -c %s "$log" 2>/dev/null) || size=0
  if [ "$size" -gt "$shown" ]; then
    # nobody hears it any more: the phase goes on without
    /usr/bin/tail -c "+$((shown + 1))" "$log" | /usr/bin/head -c "$((size - shown))" || exit 201
    shown=$size
  fi
}
if [ -f "$folder/$phase.rc" ] && [ "$(<"$folder/$phase.rc")" = 0 ]; then
  print_more
  exit 0
fi
if [ -f "$folder/$phase.started" ] && [ ! -f "$folder/$phase.rc" ]; then
  # one that was started a moment ago has yet to write its contract down
  tries=0
  while [ ! -s "$folder/$phase.ctid" ] && [ "$tries" -lt 30 ]; do
    tries=$((tries + 1))
    /usr/bin/sleep 0.1
  done
fi
if [ ! -f "$folder/$phase.started" ] || [ -f "$folder/$phase.rc" ] || ! is_alive; then
  # whatever is left of it must not write into the same tree
  end_phase
  shown=0
  /usr/bin/rm -rf "${made[@]}" && /usr/bin/mkdir "${made[@]}" && /usr/bin/chown "$user:$user" "${made[@]}" ||
    fail "cannot make ${made[*]} anew"
  /usr/bin/rm -f "$folder/$phase.rc" "$folder/$phase.ctid" "$folder/$phase.boot" "$log"
  printf '%s' "$launch" >"$folder/$phase.launch" && printf '%s' "$commands" >"$folder/$phase.commands" &&
    printf '%s' "$setting" >"$folder/$phase.setting" &&
    printf '%s' "$runner" >"$folder/$phase.run" && printf '' >"$folder/$phase.started" ||
    fail "cannot write in $folder"
  /usr/bin/ctrun -l none -o pgrponly /usr/bin/bash "$folder/$phase.run" "$folder" "$phase" "$user" \
    >"$log" 2>&1 || fail "cannot start $phase in a contract of its own"
fi
idle=0
while :; do
  ended=no; [ -f "$folder/$phase.rc" ] && ended=yes
  print_more
  [ "$ended" = yes ] && exit "$(<"$folder/$phase.rc")"
  idle=$((idle + 1))
  if [ "$((idle % 25))" -eq 0 ] && ! is_alive && [ ! -f "$folder/$phase.rc" ]; then exit 200; fi
  /usr/bin/sleep 0.1
done
"#;
