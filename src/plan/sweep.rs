//! What a run that was killed left in a zone goes before the next one begins.
//!
//! Whoever runs this holds the zone, so nothing that it finds belongs to a run that is still going on.
//! A file that is written beside its place is noted first: nothing else would know, after a kill,
//! where it is.

use super::aside::ASIDE;
use super::{packages, shell};
use crate::script::Script;

/// The script that ends what was broken off: an old package is put back, temporary files go.
#[must_use]
pub fn script() -> Script {
    Script::new("clear away what a broken-off run left")
        .shell(shell::FAIL)
        .shell(ASIDE)
        .set("temporary", shell::TEMPORARY)
        .set("mark", packages::MARK)
        .shell(SWEEP)
}

/// Of the packages that pkgin may have touched only those go of which files are missing or cut. `check`
/// says so in its lines and nowhere else, and a link into nothing may be meant.
const SWEEP: &str = r#"
trap '' PIPE HUP
[ -d "$home" ] || exit 0
while IFS= read -r path; do
  # the mark that our names have, so that a note that was cut names nobody else's file
  case $path in /*.zonewright.new) /usr/bin/rm -f "$path" || fail "cannot remove $path" ;; esac
done < <(/usr/bin/cat "$temporary/places" 2>/dev/null)
/usr/bin/rm -rf "$temporary" "$home"/aside/*.new "$home"/packages/*/*.new "$home"/receipts/.*.new \
  "$home"/starts/*.new "$mark.new" || fail "cannot clear away what is in $home"
base=; find_places
# what somebody is installing right now is not whole either
if [ -s "$mark" ] && ! /usr/bin/pgrep -x 'pkgin|pkg_add' >/dev/null; then
  declare -A was_there=() changed=()
  while IFS= read -r name; do was_there[/$name]=1; done <"$mark"
  # by its base: the old version of an update may be half deleted
  for left in "$database"/*; do
    if [ -z "${was_there[/${left##*/}]-}" ] || [ "$left/+CONTENTS" -nt "$mark" ]; then changed[${left%-*}]=1; fi
  done
  for left in "$database"/*; do
    name=${left##*/}
    case $name in *.xxxxxx) continue ;; esac
    { [ -d "$left" ] && [ -n "${changed[${left%-*}]-}" ]; } || continue
    case $(/opt/local/sbin/pkg_admin -q check "$name" 2>&1) in
      *' is in +CONTENTS but not on filesystem!'* | *' fails MD5 checksum'*) ;;
      *) continue ;;
    esac
    printf 'the installation of %s by pkgin was broken off; it is removed, and installed again where it is needed\n' "$name" >&2
    unregister "$name" || fail "cannot remove $name"
    /opt/local/sbin/pkg_admin rebuild-tree >/dev/null
  done
  /usr/bin/rm -f "$mark" || fail "cannot remove $mark"
fi
tidy_database || fail "cannot remove what an update left in $database"
for each in "$home"/aside/*.busy; do
  [ -f "$each" ] || continue
  base=${each##*/} base=${base%.busy}
  find_places
  kept='nothing'
  [ ! -f "$aside/name" ] || kept=$(<"$aside/name")
  printf 'the installation of %s was broken off; back to what was there before: %s\n' "$base" "$kept" >&2
  trouble=$(put_back later 2>&1) ||
    fail "$kept cannot be put back; it is kept in $aside: mend what is in the way there (is the disk full?) and apply again"$'\n'"$trouble"
done
# what was kept for an installation that has ended
for left in "$home"/aside/*; do
  [ -d "$left" ] && { /usr/bin/rm -rf "$left" || fail "cannot remove $left"; }
done
exit 0
"#;
