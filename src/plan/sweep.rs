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

const SWEEP: &str = r#"
trap '' PIPE HUP
[ -d "$home" ] || exit 0
while IFS= read -r path; do
  # the mark that our names have, so that a note that was cut names nobody else's file
  case $path in /*.zonewright.new) /usr/bin/rm -f "$path" || fail "cannot remove $path" ;; esac
done < <(/usr/bin/cat "$temporary/places" 2>/dev/null)
/usr/bin/rm -rf "$temporary" "$home"/aside/*.new "$home"/packages/*/*.new "$home"/receipts/.*.new \
  "$home"/starts/*.new || fail "cannot clear away what is in $home"
base=; find_places
tidy_database || fail "cannot remove what an update left in $database"
if [ -f "$mark" ]; then
  for left in "$database"/*; do
    { [ -d "$left" ] && [ "$left" -nt "$mark" ]; } || continue
    name=${left##*/}
    [ -n "$(/opt/local/sbin/pkg_admin -q check "$name" 2>&1)" ] || continue
    printf 'the installation of %s by pkgin was broken off; it is removed, and installed again where it is needed\n' "$name" >&2
    unregister "$name" || fail "cannot remove $name"
  done
  /opt/local/sbin/pkg_admin rebuild-tree >/dev/null
  /usr/bin/rm -f "$mark" || fail "cannot remove $mark"
fi
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
