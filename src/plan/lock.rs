//! One run at a time changes a zone: the twin of `facts/locks`.
//!
//! There is no `flock` on the target, and a lock that must be broken when its holder is dead needs a
//! way to break it that two cannot take at once. So nothing is ever taken over: a run announces itself
//! with a file of its own and then looks at everybody else's. Of two that announce themselves at once
//! at least the later one sees the other and steps back. A file stands for one connection, and a dead
//! connection stays dead, so whoever finds its file may remove it; a run that connects again announces
//! itself anew.

use std::time::Duration;

use super::shell;
use crate::facts::host::HOST_LOCK_ROOT;
use crate::facts::locks::Holder;
use crate::script::Script;

/// Exit status of [`take`] when somebody else holds the zone; they are on standard output, as
/// [`crate::facts::locks::parse_lines`] reads them.
pub const HELD: i32 = 75;

/// Exit status of a guarded script whose run does not hold the zone any more.
pub const NOT_HELD: i32 = 76;

/// Exit status of [`take`] when what was left is at work on a zone of the host; standard error says at what.
pub const AT_WORK: i32 = 77;

/// What such a script says.
pub const NOT_HELD_TEXT: &str = "this run does not hold the zone any more";

/// Takes the zone for a run, or finds out who holds it; `root` is where runs that change it announce themselves.
///
/// What the run's `earlier` connection left in the zone is ended first, and so are the connections of
/// the tokens in `evict`: by contract, after waiting at most `settle` for package tools and the like. What changes
/// zones of a host is never ended: after that wait the script ends with [`AT_WORK`].
#[must_use]
pub fn take(
    root: &str,
    holder: &Holder,
    earlier: Option<&str>,
    evict: &[String],
    settle: Duration,
) -> Script {
    // the struct has strings only, which always can be written
    let text = serde_json::to_string(holder).unwrap_or_default();
    shell::ending(Script::new("take the zone for this run").shell(shell::FAIL))
        .set("root", root)
        .set("token", &holder.token)
        .set("holder", text)
        .set("settle", settle.as_secs().to_string())
        .set("lasting", LASTING)
        .set(
            "spared",
            if root.starts_with(HOST_LOCK_ROOT) {
                SPARED
            } else {
                ""
            },
        )
        .set("earlier", earlier.unwrap_or_default())
        .list("evict", evict)
        .shell(TAKE)
}

/// Gives the zone back.
#[must_use]
pub fn release(root: &str, token: &str) -> Script {
    Script::new("give the zone back")
        .set("root", root)
        .set("token", token)
        .shell(r#"/usr/bin/rm -f "$root/$token""#)
}

/// A script that does nothing, and ends with [`NOT_HELD`], unless its run holds the zone.
#[must_use]
pub fn guarded(script: &Script, root: &str, token: &str) -> Script {
    Script::new(script.name())
        .set("zw_lock", format!("{root}/{token}"))
        .set("zw_text", NOT_HELD_TEXT)
        .shell(r#"[ -f "$zw_lock" ] || { printf '%s\n' "$zw_text" >&2; exit 76; }"#)
        .then(script)
        .with_quiet_limit(script.quiet_limit())
}

/// Commands that are waited for, as an extended regular expression. `vmadm` and `imgadm` are programs for
/// node, and called so (inferred).
const LASTING: &str =
    "pkgin|pkg_[a-z]+|(user|group)(add|mod|del)|passwd|svccfg|gtar|cp|mv|node|vmadm|imgadm";

/// Those of them that are never ended where they change zones: a `vmadm reprovision` that is killed leaves what is
/// delegated to the zone under another name.
const SPARED: &str = "node|vmadm|imgadm";

// A connection whose contract is the ssh service's own has none to be known by (inferred: an sshd
// without contracts); it counts as alive until the zone is started again.
const TAKE: &str = r#"
holds() {
  [ "$1" = "$boot" ] || return 1
  [ "$2" = none ] || /usr/bin/pgrep -c "$2" >/dev/null
}
end_earlier() {
  local until=$((SECONDS + settle)) pids
  if [ "$1" = none ] || [ "$1" = "$contract" ]; then return; fi
  # what changes several files in one go leaves more to mend when it is ended than when it is waited for
  while [ "$SECONDS" -lt "$until" ] && /usr/bin/pgrep -x -c "$1" "$lasting" >/dev/null; do
    /usr/bin/sleep 0.1
  done
  if [ -n "$spared" ]; then
    pids=$(/usr/bin/pgrep -x -d , -c "$1" "$spared") && {
      /usr/bin/ps -fo args= -p "$pids" >&2
      exit 77
    }
  fi
  end_contract "$1" 'what an earlier run left in the zone'
}
boot=$(/usr/bin/kstat -p unix:0:system_misc:boot_time) || fail 'cannot tell when the zone was started'
boot=${boot##*[[:space:]]}
contract=$(/usr/bin/ps -o ctid= -p $$) || fail 'cannot tell the contract of this connection'
contract=${contract//[[:space:]]/}
listener=$(/usr/bin/svcs -H -o ctid svc:/network/ssh:default 2>/dev/null)
[ "$contract" != "${listener//[[:space:]]/}" ] || contract=none
since=$(/usr/bin/date +%s)
/usr/bin/mkdir -p "$root" || fail "cannot make $root"
for name in ${earlier:+"$earlier"} ${evict[@]+"${evict[@]}"}; do
  { IFS=' ' read -r was theirs began <"$root/$name"; } 2>/dev/null || continue
  [ "$was" != "$boot" ] || end_earlier "$theirs"
  [ "$name" != "$earlier" ] || since=$began
  /usr/bin/rm -f "$root/$name"
done
round=0
while :; do
  { printf '%s %s %s\n%s\n' "$boot" "$contract" "$since" "$holder" >"$root/.$token" &&
    /usr/bin/mv -f "$root/.$token" "$root/$token"; } || {
    /usr/bin/rm -f "$root/.$token"
    fail "cannot write in $root"
  }
  held=
  for path in "$root"/*; do
    name=${path##*/}
    [ "$name" != "$token" ] || continue
    if { IFS=' ' read -r was theirs began && IFS= read -r who; } 2>/dev/null <"$path" && holds "$was" "$theirs"; then
      held="${held}yes $began $name $who"$'\n'
    else
      /usr/bin/rm -f "$path"
    fi
  done
  [ -n "$held" ] || exit 0
  /usr/bin/rm -f "$root/$token"
  round=$((round + 1))
  if [ "$round" -ge 4 ]; then
    printf '%s' "$held"
    exit 75
  fi
  # of two that stepped back, the one that sleeps less comes first
  /usr/bin/sleep "0.$((RANDOM % 4 + 1))"
done
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarded_script_keeps_its_name_its_input_and_its_limit() {
        let script = Script::new("x")
            .shell("true")
            .with_input()
            .with_quiet_limit(None);
        let guarded = guarded(&script, "/root", "t");
        assert_eq!(guarded.name(), "x");
        assert!(guarded.reads_input());
        assert_eq!(guarded.quiet_limit(), None);
        assert!(guarded.body().ends_with("true\n"));
    }
}
