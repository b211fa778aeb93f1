//! Shell functions that scripts of several steps share. They are part of this program: values reach
//! them only through variables.

use std::time::Duration;

use crate::script::Script;

/// Exit status of a script that found somebody being served and did not interrupt them.
pub const SESSIONS_OPEN: i32 = 75;

/// `fail TEXT…`: one line on standard error, status 1.
pub(super) const FAIL: &str = r#"
fail() { printf '%s\n' "$*" >&2; exit 1; }
"#;

/// `want FOLDER BYTES`: so much is going to be written there. `enough WHAT`: fails where less than what
/// was wanted is free, with both numbers; folders of one file system share what it has.
///
/// `receive FILE [TIMES]`: saves the rest of standard input and compares it with the hash in its first
/// line, because a stream that was cut looks like one that ended. Fails before it reads where there is
/// no room for TIMES what is to come.
pub(super) const RECEIVE: &str = r#"
declare -A wanted=() available=()
want() {
  local folder=$1 heading device blocks used free mount
  while [ ! -d "$folder" ]; do folder=${folder%/*} folder=${folder:-/}; done
  # Filesystem 1024-blocks Used Available Capacity Mounted on
  { read -r heading && read -r device blocks used free mount; } < <(/usr/bin/df -kP "$folder") && [ -n "$free" ] ||
    fail "cannot tell how much is free in $folder"
  mount=${mount#* }
  wanted[$mount]=$((${wanted[$mount]-0} + $2)) available[$mount]=$((free * 1024))
}
show_size() {
  if [ "$1" -lt 1048576 ]; then printf '%d KiB' "$((($1 + 1023) / 1024))"; return; fi
  printf '%d.%d MiB' "$(($1 / 1048576))" "$(($1 % 1048576 * 10 / 1048576))"
}
enough() {
  local mount short=
  for mount in "${!wanted[@]}"; do
    if [ "${wanted[$mount]}" -gt "${available[$mount]}" ]; then
      short="$short; it needs $(show_size "${wanted[$mount]}") on $mount, where $(show_size "${available[$mount]}") are free"
    fi
  done
  wanted=() available=()
  [ -z "$short" ] || fail "there is no room for $1$short; nothing was changed: make room there, or raise the zone's quota on its host"
}
receive() {
  local hash size got
  IFS=' ' read -r hash size || fail 'the upload did not begin'
  want "${1%/*}" "$((size * ${2-1}))"
  enough "${what-$1}"
  /usr/bin/cat >"$1" || fail "cannot save the upload as $1"
  got=$(/usr/bin/digest -a sha256 "$1") || fail "cannot read back $1"
  [ "$got" = "$hash" ] || fail "the upload of $size bytes arrived damaged or cut short"
}
"#;

/// `end_contract CONTRACT WHAT`: kills all its members until it has none. Fails where that takes too long;
/// [`FAIL`] comes before it.
const END_CONTRACT: &str = r#"
end_contract() {
  local until=$((SECONDS + within))
  while /usr/bin/pkill -KILL -c "$1"; do
    [ "$SECONDS" -lt "$until" ] || fail "$2 does not end (contract $1)"
    /usr/bin/sleep 0.1
  done
}
"#;

/// How long ending a contract may take.
pub const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Makes the script one that ends contracts, with `end_contract`.
pub(super) fn ending(script: Script) -> Script {
    script
        .set("within", ENDS_WITHIN.as_secs().to_string())
        .shell(END_CONTRACT)
}

/// Where scripts keep what they need for themselves, and note what they write beside its place.
pub(super) const TEMPORARY: &str = "/var/db/zonewright/temporary";

/// `note PATH…`: these files are about to be written beside their places. Whatever way the script
/// ends, they are gone then, and so is the folder `$temporary`, which only root can look into; where
/// it is killed, the notes say to the next run what is to go.
pub(super) const NOTE: &str = r#"
temporary=/var/db/zonewright/temporary
clear_away() {
  local path
  while IFS= read -r path; do /usr/bin/rm -f "$path"; done < <(/usr/bin/cat "$temporary/places" 2>/dev/null)
  /usr/bin/rm -rf "$temporary"
}
note() {
  /usr/bin/mkdir -p "${temporary%/*}" && /usr/bin/rm -rf "$temporary" && /usr/bin/mkdir -m 0700 "$temporary" ||
    fail "cannot make $temporary"
  trap clear_away EXIT
  printf '%s\n' "$@" >"$temporary/places" || fail "cannot write in $temporary"
}
"#;

/// `make_group NAME GID` and `make_account NAME UID GROUP HOME SHELL COMMENT MAKE-HOME`: made only
/// where they are missing, and opened; an empty id lets the system choose. `passwd -N` leaves the account
/// without a password but not locked: `su` refuses a locked one. `change_group NAME GROUP` and
/// `change_shell NAME SHELL`: of an account that is there.
pub(super) const ACCOUNTS: &str = r#"
make_group() {
  /usr/bin/getent group "$1" >/dev/null && return
  if [ -n "$2" ]; then /usr/sbin/groupadd -g "$2" "$1"; else /usr/sbin/groupadd "$1"; fi ||
    fail "cannot make the group $1"
}
make_account() {
  local arguments
  if ! /usr/bin/getent passwd "$1" >/dev/null; then
    arguments=(-g "$3" -d "$4" -s "$5")
    [ -n "$2" ] && arguments+=(-u "$2")
    [ -n "$6" ] && arguments+=(-c "$6")
    [ "$7" = yes ] && arguments+=(-m)
    /usr/sbin/useradd "${arguments[@]}" "$1" || fail "cannot make the account $1"
  fi
  /usr/bin/passwd -N "$1" >/dev/null || fail "cannot open the account $1"
}
not_changed() {
  [ "$3" -ne 8 ] || fail "cannot change the $2 of $1 while somebody is logged in under it"
  fail "cannot change the $2 of $1 (usermod ended with $3)"
}
change_group() { /usr/sbin/usermod -g "$2" "$1" || not_changed "$1" group "$?"; }
change_shell() { /usr/sbin/usermod -s "$2" "$1" || not_changed "$1" shell "$?"; }
"#;

/// `explain FMRI LOG`: why a service is not online, on standard error.
///
/// `look_at FMRI` reads the restarter's view in one answer, so that its parts belong together.
///
/// `wait_online FMRI SECONDS LOG [OLD-START] [OLD-STATE]`: until it is online and stays, by a start
/// other than the one at the time OLD-START. Maintenance ends the wait, but not the one that it was in
/// since OLD-STATE: `svcadm clear`, `enable` and `restart` all return before anything happened.
pub(super) const WAIT_ONLINE: &str = r#"
explain() {
  local log
  /usr/bin/svcs -xv "$1" >&2
  for log in "$(/usr/bin/svcs -L "$1" 2>/dev/null)" "$2"; do
    if [ -n "$log" ] && [ -f "$log" ]; then
      printf -- '--- last lines of %s\n' "$log" >&2
      /usr/bin/tail -n 25 "$log" >&2
    fi
  done
}
look_at() {
  local name type value
  state=absent next=none why=none since= started=
  while read -r name type value; do
    case $name in
      restarter/state) state=$value ;;
      restarter/next_state) next=$value ;;
      restarter/auxiliary_state) why=$value ;;
      restarter/state_timestamp) since=$value ;;
      restarter/start_method_timestamp) started=$value ;;
    esac
  done < <(/usr/bin/svcprop -p restarter "$1" 2>/dev/null)
}
wait_online() {
  local until state next why since started known=${5-} cleared=no
  until=$((SECONDS + $2))
  while :; do
    look_at "$1"
    if [ "$state" = online ] && [ "$next" = none ]; then
      if [ -z "${4-}" ] || [ "$started" != "$4" ]; then return; fi
    fi
    if [ "$state" = maintenance ] && [ "$since" != "$known" ]; then
      if [ "$why" != restarting_too_quickly ] || [ "$cleared" = yes ]; then
        explain "$1" "$3"; fail "$1 is in maintenance"
      fi
      cleared=yes known=$since
      /usr/sbin/svcadm clear "$1"
    fi
    if [ "$SECONDS" -ge "$until" ]; then
      explain "$1" "$3"; fail "$1 is not online after $2 seconds (it is $state)"
    fi
    /usr/bin/sleep 0.1
  done
}
"#;

/// Makes the script one that spares the sessions of these processes: it must call `spare_sessions`
/// before it does anything, and again right before it ends what they are served by.
pub(super) fn spare<'a>(script: Script, processes: impl IntoIterator<Item = &'a String>) -> Script {
    let processes: Vec<&String> = processes.into_iter().collect();
    let script = script.list("processes", &processes).shell(SPARE);
    script.sparing(processes)
}

/// Asks whether somebody is being served, in the way of [`spare`].
#[must_use]
pub fn look_for_sessions(processes: &[String]) -> Script {
    let script = Script::new("look for sessions").shell(FAIL);
    spare(script, processes).shell("spare_sessions")
}

/// `spare_sessions`: ends the script with [`SESSIONS_OPEN`] if somebody is being served by one of the
/// processes, and says who on standard error, as `facts/sessions` reads it. Not being able to tell is
/// a failure: a session that is not seen would be ended.
const SPARE: &str = r#"
spare_sessions() {
  local process pids listed user pid since is_open=no
  for process in ${processes[@]+"${processes[@]}"}; do
    pids=$(/usr/bin/pgrep -x -- "$process")
    case $? in
      0) ;;
      1) continue ;;
      *) fail "cannot look for sessions of $process" ;;
    esac
    listed=$(/usr/bin/ps -o user= -o pid= -o etime= -p "${pids//$'\n'/,}")
    if [ -z "$listed" ] && /usr/bin/pgrep -x -- "$process" >/dev/null; then
      fail "cannot look for sessions of $process"
    fi
    while read -r user pid since; do
      if [ -z "$user" ] || [ "$user" = root ]; then continue; fi
      printf 'being served: %s %s %s\n' "$user" "$pid" "$since" >&2
      is_open=yes
    done <<<"$listed"
  done
  [ "$is_open" = no ] || exit 75
}
"#;
