//! Scripts for a host's global zone, and for a zone through it.
//!
//! `vmadm` says everything on standard error and takes its payloads on standard input. It drops members that it
//! does not know, which `vmadm validate` alone tells, so that always goes first.

use std::time::Duration;

use crate::facts::host::CREATING_ROOT;
use crate::plan::shell;
use crate::script::Script;

/// How long a first boot may take: `vmadm` itself gives it five minutes.
pub const BOOTS_WITHIN: Duration = Duration::from_secs(360);

/// How long an image may be on its way without a word.
const QUIET_IMPORT: Duration = Duration::from_secs(2 * 3600);

pub(super) fn import(image: &str) -> Script {
    Script::new("import the image")
        .shell(shell::FAIL)
        .set("image", image)
        .shell("/usr/sbin/imgadm import \"$image\" || fail \"the host cannot import the image $image\"")
        .with_quiet_limit(Some(QUIET_IMPORT))
}

/// Reads the payload. What an earlier try left is not in the way: the zone's state is.
pub(super) fn create(uuid: &str) -> Script {
    given("create the zone", uuid).shell(EXPLAIN).shell(
        r#"
/usr/sbin/vmadm validate create <&3 || fail 'the host does not accept the zone'
: >"$creating/$uuid" || fail "cannot write in $creating"
if ! /usr/sbin/vmadm create <&4; then
  explain "$uuid"
  fail 'the host did not make the zone'
fi
/usr/bin/rm -f "$creating/$uuid"
"#,
    )
}

pub(super) fn forget_creation(uuid: &str) -> Script {
    host("forget that the zone is being made", uuid).shell(r#"/usr/bin/rm -f "$creating/$uuid""#)
}

/// Reads the payload; `how` is what is done for changes that need it: `stop` before, `reboot` after.
pub(super) fn update(uuid: &str, brand: &str, how: &'static str) -> Script {
    let script = given("update the zone", uuid);
    let script = match how {
        "" => script,
        _ => script.stopping_zone(),
    };
    script.set("brand", brand).set("how", how).shell(
        r#"
/usr/sbin/vmadm validate update "$brand" <&3 || fail 'the host does not accept the change'
if [ "$how" = stop ]; then
  /usr/sbin/vmadm stop "$uuid" || fail 'the zone does not stop'
fi
if ! /usr/sbin/vmadm update "$uuid" <&4; then
  [ "$how" = stop ] || fail 'the host did not change the zone'
  # a zone that `vmadm stop` ended does not start with its host either
  /usr/sbin/vmadm start "$uuid" || fail 'the host did not change the zone, and does not start it again'
  fail 'the host did not change the zone, which runs again as it was'
fi
if [ "$how" = reboot ]; then
  /usr/sbin/vmadm reboot "$uuid" || fail 'the zone does not reboot'
fi
"#,
    )
}

/// Reads the payload. Datasets that are delegated stay; everything else is new.
pub(super) fn reprovision(uuid: &str) -> Script {
    let script = given("reprovision the zone", uuid).stopping_zone();
    script.shell(EXPLAIN).shell(
        r#"
if ! /usr/sbin/vmadm reprovision "$uuid" <&4; then
  explain "$uuid"
  fail 'the host did not reprovision the zone'
fi
"#,
    )
}

pub(super) fn start(uuid: &str) -> Script {
    host("start the zone", uuid).shell(EXPLAIN).shell(
        r#"
if ! /usr/sbin/vmadm start "$uuid"; then
  explain "$uuid"
  fail 'the zone does not start'
fi
"#,
    )
}

/// Ends a zone with everything that is its own.
#[must_use]
pub fn destroy(uuid: &str) -> Script {
    host("destroy the zone", uuid).stopping_zone().shell(
        r#"
/usr/sbin/vmadm delete "$uuid" || fail 'the host did not destroy the zone'
/usr/bin/rm -f "$creating/$uuid"
"#,
    )
}

/// Waits until the zone can be used: by its own word, not by the host's.
pub(super) fn ready(uuid: &str) -> Script {
    until_ready(host("wait for the zone", uuid).shell(EXPLAIN), "look")
}

/// Boots the zone again and waits until it can be used.
pub(super) fn reboot(uuid: &str) -> Script {
    let script = host("reboot the zone", uuid).stopping_zone();
    let script = script.shell(EXPLAIN).shell(
        r#"
if ! /usr/sbin/vmadm reboot "$uuid"; then
  explain "$uuid"
  fail 'the zone does not reboot'
fi
"#,
    );
    until_ready(script, "fail")
}

/// `broken` is what to do about a zone that will never be ready: `look` leaves it to the next look at the host, which
/// says more of it.
fn until_ready(script: Script, broken: &'static str) -> Script {
    script
        .set("broken", broken)
        .set("inside", READY_INSIDE)
        .set("seconds", BOOTS_WITHIN.as_secs().to_string())
        .shell(READY)
}

/// A script that begins with a payload, to be read from 3 and once more from 4. It has no name any more by then: a
/// script that is killed while the host works leaves nothing of it behind, and there may be metadata in it that is
/// nobody's business.
fn given(name: &'static str, uuid: &str) -> Script {
    host(name, uuid)
        .shell(shell::RECEIVE)
        .shell(
            r#"
/usr/bin/mkdir -p "$creating" || fail "cannot make $creating"
payload=$creating/.$uuid.json
trap '/usr/bin/rm -f "$payload"' EXIT
receive "$payload"
exec 3<"$payload" 4<"$payload" || fail "cannot read $payload"
/usr/bin/rm -f "$payload"
"#,
        )
        .with_input()
}

fn host(name: &'static str, uuid: &str) -> Script {
    Script::new(name)
        .shell(shell::FAIL)
        .set("creating", CREATING_ROOT)
        .set("uuid", uuid)
}

/// `explain UUID`: the last words of a zone's first boot, on standard error.
const EXPLAIN: &str = r#"
explain() {
  local log
  for log in "/zones/$1/root/var/svc/log/system-zoneinit:default.log" \
    "/zones/$1/root/var/svc/log/smartdc-mdata:fetch.log" \
    "/zones/$1/root/var/svc/log/smartdc-mdata:execute.log"; do
    if [ -f "$log" ]; then
      printf -- '--- last lines of %s\n' "$log" >&2
      /usr/bin/tail -n 15 "$log" >&2
    fi
  done
}
"#;

// The rules are those of `facts/host/inside`: what is ready here waits for nothing there.
const READY_INSIDE: &str = r#"
{
exec 2>/dev/null </dev/null
if [ -e /var/svc/provision_failure ]; then echo 'broken its first boot failed'; exit 0; fi
if [ -e /var/svc/provisioning ]; then echo 'waits for its first boot'; exit 0; fi
found=no
while IFS=: read -r object state address; do
  case $object:$state:$address in
    *:duplicate:*) echo 'broken another machine has its address'; exit 0 ;;
    lo0*|*:ok:fe80*) ;;
    *:ok:*) found=yes ;;
  esac
done < <(/usr/sbin/ipadm show-addr -p -o addrobj,state,addr)
while read -r state fmri; do
  case $state in
    online) ;;
    maintenance) echo "broken $fmri is in maintenance"; exit 0 ;;
    *) echo "waits for $fmri, which is $state"; exit 0 ;;
  esac
done < <(/usr/bin/svcs -H -o state,fmri svc:/milestone/multi-user-server:default svc:/smartdc/mdata:execute svc:/network/ssh:default)
if [ "$found" = no ]; then echo 'waits for an address'; exit 0; fi
echo ready
exit 0
}
"#;

// a first boot ends with a reboot, so a zone that is down for a moment is no failure
const READY: &str = r#"
until=$((SECONDS + seconds)) down=$((SECONDS + 30)) told=
while :; do
  state=
  while IFS=: read -r id name is rest; do
    [ "$name" != "$uuid" ] || state=$is
  done < <(/usr/sbin/zoneadm list -cp)
  if [ "$state" = running ]; then
    down=$((SECONDS + 30))
    said=$(printf '%s\n' "$inside" | /usr/sbin/zlogin "$uuid" /usr/bin/bash -s 2>/dev/null)
    [ -n "$said" ] || said='waits for an answer'
  else
    said="is ${state:-not there}"
    if [ "$SECONDS" -ge "$down" ]; then explain "$uuid"; fail "the zone is ${state:-not there} and does not come up"; fi
  fi
  case $said in
    ready) exit 0 ;;
    broken*)
      if [ "$broken" = look ]; then printf 'the zone cannot be used: %s\n' "${said#broken }"; exit 0; fi
      explain "$uuid"
      fail "the zone cannot be used: ${said#broken }"
      ;;
  esac
  if [ "$said" != "$told" ]; then printf 'the zone %s\n' "$said"; told=$said; fi
  if [ "$SECONDS" -ge "$until" ]; then
    explain "$uuid"
    fail "the zone was not ready after $seconds s: it $said"
  fi
  /usr/bin/sleep 0.2
done
"#;

/// Adds keys to those that may log in as root; in the zone.
pub(super) fn keys(lines: &[&String]) -> Script {
    Script::new("let root log in")
        .shell(shell::FAIL)
        .list("keys", lines)
        .shell(
            r#"
umask 077
folder=/root/.ssh file=/root/.ssh/authorized_keys
/usr/bin/mkdir -p "$folder" && /usr/bin/chmod 0700 "$folder" || fail "cannot make $folder"
{
  if [ -f "$file" ]; then
    while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$file"
  fi
  printf '%s\n' ${keys[@]+"${keys[@]}"}
} >"$file.zonewright.new" || fail "cannot write $file.zonewright.new"
/usr/bin/chmod 0600 "$file.zonewright.new" && /usr/bin/mv -f "$file.zonewright.new" "$file" || fail "cannot write $file"
"#,
        )
}

/// Prints the zone's SSH host keys as an archive; in the zone.
#[must_use]
pub fn read_host_keys() -> Script {
    Script::new("read the host keys")
        .shell(shell::FAIL)
        .shell("cd /var/ssh && /usr/bin/gtar -cf - ssh_host_*_key ssh_host_*_key.pub || fail 'cannot read the host keys'")
}

/// Reads such an archive and puts the keys into another root, each whole or not at all; in the zone. Connections that are open go on. It ends when sshd, which is started
/// again some time after `svcadm` has said so, has the keys.
#[must_use]
pub fn write_host_keys() -> Script {
    Script::new("keep the host keys")
        .shell(shell::FAIL)
        .shell(shell::RECEIVE)
        .shell(
            r#"
ssh=svc:/network/ssh:default new=/var/ssh/.zonewright.new
start() { /usr/bin/svcprop -p restarter/start_method_timestamp "$ssh" 2>/dev/null; }
before=$(start)
/usr/bin/rm -rf "$new" && /usr/bin/mkdir -m 0700 "$new" || fail "cannot make $new"
trap '/usr/bin/rm -rf "$new"' EXIT
receive "$new/archive" 2
/usr/bin/gtar -C "$new" -xpf "$new/archive" || fail 'cannot unpack the host keys'
for key in "$new"/ssh_host_*; do
  /usr/bin/mv -f "$key" "/var/ssh/${key##*/}" || fail "cannot write /var/ssh/${key##*/}"
done
/usr/sbin/svcadm restart "$ssh" || fail 'sshd does not start again'
until=$((SECONDS + 60))
while :; do
  read -r state next rest < <(/usr/bin/svcs -H -o state,nstate "$ssh")
  if [ "$(start)" != "$before" ] && [ "$state $next" = 'online -' ]; then exit 0; fi
  [ "$SECONDS" -lt "$until" ] || fail 'sshd does not start again'
  /usr/bin/sleep 0.1
done
"#,
        )
        .with_input()
}

/// What makes and changes datasets begins with this; in the zone.
pub(super) fn datasets() -> Script {
    Script::new("make the datasets").shell(shell::FAIL).shell(
        r#"
run() { "$@" || fail "failed: $*"; }
# another mount point may have mounted it
see_mounted() {
  [ "$(/usr/sbin/zfs get -H -o value mounted "$1")" = yes ] || run /usr/sbin/zfs mount "$1"
}
"#,
    )
}
