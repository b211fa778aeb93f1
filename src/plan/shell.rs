//! Shell functions that scripts of several steps share. They are part of this program: values reach
//! them only through variables.

/// Exit status of a script that found somebody being served and did not interrupt them.
pub const SESSIONS_OPEN: i32 = 75;

/// `fail TEXT…`: one line on standard error, status 1.
pub(super) const FAIL: &str = r#"
fail() { printf '%s\n' "$*" >&2; exit 1; }
"#;

/// `receive FILE`: saves the rest of standard input and compares it with the hash in its first
/// line, because a stream that was cut looks like one that ended.
pub(super) const RECEIVE: &str = r#"
receive() {
  local hash size got
  IFS=' ' read -r hash size || fail 'the upload did not begin'
  /usr/bin/cat >"$1" || fail "cannot save the upload as $1"
  got=$(/usr/bin/digest -a sha256 "$1") || fail "cannot read back $1"
  [ "$got" = "$hash" ] || fail "the upload of $size bytes arrived damaged or cut short"
}
"#;

/// `make_group NAME GID` and `make_account NAME UID GROUP HOME SHELL COMMENT MAKE-HOME`: made only
/// where they are missing, and opened; an empty id lets the system choose. `passwd -N` leaves the account
/// without a password but not locked: `su` refuses a locked one.
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
  state=absent next=none since= started=
  while read -r name type value; do
    case $name in
      restarter/state) state=$value ;;
      restarter/next_state) next=$value ;;
      restarter/state_timestamp) since=$value ;;
      restarter/start_method_timestamp) started=$value ;;
    esac
  done < <(/usr/bin/svcprop -p restarter "$1" 2>/dev/null)
}
wait_online() {
  local until state next since started
  until=$((SECONDS + $2))
  while :; do
    look_at "$1"
    if [ "$state" = online ] && [ "$next" = none ]; then
      if [ -z "${4-}" ] || [ "$started" != "$4" ]; then return; fi
    fi
    if [ "$state" = maintenance ] && [ "$since" != "${5-}" ]; then
      explain "$1" "$3"; fail "$1 is in maintenance"
    fi
    if [ "$SECONDS" -ge "$until" ]; then
      explain "$1" "$3"; fail "$1 is not online after $2 seconds (it is $state)"
    fi
    /usr/bin/sleep 0.1
  done
}
"#;

/// `quiet PROCESS`: ends the script with [`SESSIONS_OPEN`] if somebody is being served. Not being able
/// to tell is a failure: a session that is not seen would be ended.
pub(super) const QUIET: &str = r#"
quiet() {
  local pids user rest open= listed
  pids=$(/usr/bin/pgrep -x -- "$1")
  case $? in
    0) ;;
    1) return 0 ;;
    *) fail "cannot look for sessions of $1" ;;
  esac
  listed=$(/usr/bin/ps -o user= -o pid= -p "${pids//$'\n'/,}")
  if [ -z "$listed" ] && /usr/bin/pgrep -x -- "$1" >/dev/null; then
    fail "cannot look for sessions of $1"
  fi
  while read -r user rest; do
    [ -n "$user" ] && [ "$user" != root ] && open="$open $user"
  done <<<"$listed"
  [ -z "$open" ] && return
  printf 'being served:%s\n' "$open" >&2
  exit 75
}
"#;
