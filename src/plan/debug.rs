//! A build tree for people: which one is kept, standing in it as its build stood, and what was
//! changed in it.
//!
//! A tree that somebody had their hands in is not what its build key says. It is marked before
//! anybody gets in, and nothing is packaged from it: the next run begins it anew. What the build
//! itself wrote over is listed at the same moment, so that it is not taken for people's work.

use super::{accounts, phases, shell};
use crate::facts::builds::BUILD_ROOT;
use crate::script::Script;

/// Exit status of [`look`] when no tree is kept.
pub const NO_TREE: i32 = 66;

/// A kept build tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTree {
    /// Its build key, which names its folder.
    pub key: String,
    /// The sha256 of the archive that it was unpacked from.
    pub source: Option<String>,
    /// The phases that were started, in their order.
    pub phases: Vec<(String, KeptPhase)>,
}

/// What became of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptPhase {
    Ended(i32),
    Running,
    /// Ended without a status.
    Died,
}

impl KeptTree {
    /// Its folder in the zone.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{BUILD_ROOT}/{}", self.key)
    }

    /// The phase that failed, or else the last one.
    #[must_use]
    pub fn main_phase(&self) -> Option<&str> {
        let failed = |(_, state): &&(String, KeptPhase)| *state != KeptPhase::Ended(0);
        let found = self.phases.iter().find(failed).or(self.phases.last())?;
        Some(&found.0)
    }

    /// The phase that runs.
    #[must_use]
    pub fn running(&self) -> Option<&str> {
        let mut phases = self.phases.iter();
        let found = phases.find(|(_, state)| *state == KeptPhase::Running)?;
        Some(&found.0)
    }

    /// Reads the answer of [`look`]; nothing where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let key = lines.next()?.strip_prefix("tree ")?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let source = lines.next()?.strip_prefix("source ")?;
        let phases = lines.map(|line| {
            let (phase, state) = line.strip_prefix("phase ")?.split_once(' ')?;
            let state = match state {
                "running" => KeptPhase::Running,
                "died" => KeptPhase::Died,
                status => KeptPhase::Ended(status.parse().ok()?),
            };
            Some((phase.to_owned(), state))
        });
        is_key.then_some(())?;
        Some(Self {
            key: key.to_owned(),
            source: Some(source.to_owned()).filter(|text| !text.is_empty()),
            phases: phases.collect::<Option<_>>()?,
        })
    }
}

// tree 3f0c…
// source 9a1b…
// phase configure 0
// phase compile 2
/// Looks for the newest build tree of a recipe.
#[must_use]
pub fn look(recipe: &str) -> Script {
    Script::new("look for a build tree")
        .shell(shell::FAIL)
        .set("root", BUILD_ROOT)
        .set("recipe", recipe)
        .list("phases", crate::build_system::PHASES)
        .shell(phases::CONTRACT)
        .shell(
            r#"
newest=
for path in "$root"/*/recipe; do
  [ -f "$path" ] && [ "$(<"$path")" = "$recipe" ] && [ -f "${path%/recipe}/source.rc" ] || continue
  if [ -z "$newest" ] || [ "$path" -nt "$newest/recipe" ]; then newest=${path%/recipe}; fi
done
[ -n "$newest" ] || exit 66
folder=$newest
printf 'tree %s\n' "${folder##*/}"
source=
[ ! -f "$folder/source.sha256" ] || source=$(<"$folder/source.sha256")
printf 'source %s\n' "$source"
for phase in "${phases[@]}"; do
  [ -f "$folder/$phase.setting" ] || continue
  state=died
  if [ -f "$folder/$phase.rc" ]; then
    state=$(<"$folder/$phase.rc")
  elif is_alive; then
    state=running
  fi
  printf 'phase %s %s\n' "$phase" "$state"
done
"#,
        )
}

/// Marks a tree as changed by hand, and makes the way into it: as the build's user, in the folder
/// and with the environment of `phase`. Without `command` it leads to a shell.
#[must_use]
pub fn open(tree: &KeptTree, phase: &str, command: &[String]) -> Script {
    let words = Script::new("words").list("words", command);
    prepare("open the build tree", tree, phase)
        .set("words", words.body())
        .set("enter", ENTER)
        .set("inside", INSIDE)
        .shell(
            r#"
{ /usr/bin/cat "$folder/$phase.setting" && printf '%s' "$words"; } >"$folder/debug.setting" &&
  printf 'folder=%q phase=%q user=%q\n%s' "$folder" "$phase" "$user" "$enter" >"$folder/debug.enter" &&
  printf 'folder=%q phase=%q\n%s' "$folder" "$phase" "$inside" >"$folder/debug.inside" ||
  fail "cannot write in $folder"
"#,
        )
}

/// The words that enter a tree which [`open`] prepared, from a terminal.
#[must_use]
pub fn enter(tree: &KeptTree) -> [String; 2] {
    let file = format!("{}/debug.enter", tree.folder());
    ["/usr/bin/bash".to_owned(), file]
}

/// Runs the command that [`open`] was given.
#[must_use]
pub fn run_command(tree: &KeptTree) -> Script {
    Script::new("run a command in the build tree")
        .set("folder", tree.folder())
        .set("user", accounts::BUILD_USER)
        .shell(
            r#"
/usr/bin/ppriv -e -s A-net_access /usr/bin/su - "$user" -c '/usr/bin/bash -s' <"$folder/debug.inside"
"#,
        )
        .with_quiet_limit(None)
}

/// Runs the commands of a phase again; `traced` has bash show every line of its scripts.
#[must_use]
pub fn run_phase(tree: &KeptTree, phase: &str, traced: bool) -> Script {
    prepare(&format!("{phase} again"), tree, phase)
        .set("traced", if traced { "yes" } else { "" })
        .list("made", phases::made_by(&tree.folder(), phase))
        .set("again", AGAIN)
        .shell(
            r#"
/usr/bin/rm -rf "${made[@]}" && /usr/bin/mkdir "${made[@]}" && /usr/bin/chown "$user:$user" "${made[@]}" ||
  fail "cannot make ${made[*]} anew"
commands=$(<"$folder/$phase.commands")
# what a traced script says of each line must not be reset by the commands
[ -z "$traced" ] || commands=${commands/"PS4='+ '"/}
printf '%s\n' "$commands" >"$folder/debug.commands" &&
  /usr/bin/cat "$folder/$phase.setting" >"$folder/debug.setting" &&
  printf 'folder=%q traced=%q\n%s' "$folder" "$traced" "$again" >"$folder/debug.again" ||
  fail "cannot write in $folder"
/usr/bin/ppriv -e -s A-net_access /usr/bin/su - "$user" -c '/usr/bin/bash -s' <"$folder/debug.again"
status=$?
# what the phase wrote over is the phase's
list_newer "$folder/debug.started" >>"$folder/products" || fail "cannot write in $folder"
exit "$status"
"#,
        )
        .with_quiet_limit(None)
}

/// Puts the files of a phase that has not begun yet into a tree.
#[must_use]
pub fn lay_out(tree: &KeptTree, phase: &str, text: &phases::PhaseText) -> Script {
    Script::new(format!("lay out {phase}"))
        .shell(shell::FAIL)
        .set("folder", tree.folder())
        .set("phase", phase)
        .set("setting", text.setting.body())
        .set("commands", text.commands.body())
        .shell(
            r#"
printf '%s' "$commands" >"$folder/$phase.commands" && printf '%s' "$setting" >"$folder/$phase.setting" ||
  fail "cannot write in $folder"
"#,
        )
}

/// Prints the files that the build itself wrote into its source tree, one a line.
#[must_use]
pub fn products(tree: &KeptTree) -> Script {
    Script::new("ask what the build wrote over")
        .shell(shell::FAIL)
        .set("folder", tree.folder())
        .shell(LIST_NEWER)
        .shell(
            r#"
if [ -f "$folder/by-hand" ]; then
  /usr/bin/cat "$folder/products" || fail "cannot read $folder/products"
else
  list_newer "$folder/source.started"
fi
"#,
        )
}

/// Prints a compressed tar of those files of a tree whose names come in, each ended by a NUL byte.
#[must_use]
pub fn fetch(tree: &KeptTree) -> Script {
    Script::new("fetch files of the build tree")
        .shell(shell::FAIL)
        .set("folder", tree.folder())
        .shell(
            r#"
set -o pipefail
cd "$folder/src" || fail "cannot enter $folder/src"
while IFS= read -r -d '' name; do
  if [ -f "$name" ] && [ ! -L "$name" ]; then printf '%s\0' "$name"; fi
done | /usr/bin/gtar -czf - --null --no-unquote -T -
"#,
        )
        .with_input()
}

fn prepare(name: &str, tree: &KeptTree, phase: &str) -> Script {
    Script::new(name)
        .shell(shell::FAIL)
        .set("folder", tree.folder())
        .set("phase", phase)
        .set("user", accounts::BUILD_USER)
        .shell(LIST_NEWER)
        .shell(
            r#"
[ -f "$folder/$phase.setting" ] || fail "there is no $folder/$phase.setting any more"
if [ ! -f "$folder/by-hand" ]; then
  list_newer "$folder/source.started" >"$folder/products" && printf '' >"$folder/by-hand" ||
    fail "cannot write in $folder"
fi
printf '' >"$folder/debug.started" || fail "cannot write in $folder"
"#,
        )
}

/// `list_newer FILE`: the files of the source tree that were written since.
const LIST_NEWER: &str = r#"
list_newer() { (cd "$folder/src" && /usr/bin/find . -type f -newer "$1" -print); }
"#;

/// Runs on a terminal, as root: the same way down that the phases take.
const ENTER: &str = r#"
exec /usr/bin/ppriv -e -s A-net_access /usr/bin/su - "$user" -c '/usr/bin/bash "$0"' "$folder/debug.inside"
"#;

/// Runs as the build's user. A prompt in the environment is one that no start-up file replaces.
const INSIDE: &str = r#"
. "$folder/debug.setting"
cd "$directory" || exit 1
if [ "${#words[@]}" -gt 0 ]; then
  exec /usr/bin/env -i "${environment[@]}" /usr/bin/bash -c 'exec "$@"' bash "${words[@]}" </dev/null
fi
exec /usr/bin/env -i "${environment[@]}" "TERM=${TERM-dumb}" "PS1=$phase \\W \\$ " \
  /usr/bin/bash --norc --noprofile -i
"#;

/// Runs as the build's user. bash takes its options from `SHELLOPTS`, and so do the scripts it starts.
const AGAIN: &str = r#"
. "$folder/debug.setting"
[ -z "$traced" ] || environment+=(SHELLOPTS=xtrace 'PS4=+ ${BASH_SOURCE##*/}:${LINENO}: ')
exec /usr/bin/env -i "${environment[@]}" /usr/bin/bash "$folder/debug.commands" </dev/null
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_that_failed_is_the_one_that_is_looked_at() {
        let text = "tree 3f0c\nsource 9a\nphase configure 0\nphase compile 2\n";
        let tree = KeptTree::parse(text).unwrap();
        assert_eq!(tree.main_phase(), Some("compile"));
        assert_eq!(tree.source.as_deref(), Some("9a"));
        assert_eq!(tree.running(), None);
        let all_good = KeptTree::parse("tree a\nsource \nphase configure 0\nphase stage 0\n");
        assert_eq!(all_good.as_ref().unwrap().main_phase(), Some("stage"));
        assert_eq!(all_good.unwrap().source, None);
        let running = KeptTree::parse("tree a\nsource \nphase compile running\n").unwrap();
        assert_eq!(running.running(), Some("compile"));
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        for text in [
            "",
            "tree a",
            "tree ../x\nsource \n",
            "tree a\nsource \nphase compile x\n",
            "tree a\nsource \nother\n",
        ] {
            assert_eq!(KeptTree::parse(text), None, "{text}");
        }
    }
}
