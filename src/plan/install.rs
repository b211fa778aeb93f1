//! How a built package comes into a zone: checked first, the old one kept aside and put back where it
//! fails.

use super::aside::ASIDE;
use super::{Action, Change, Given, Stage, Step, WantedRecipe, Work, shell};
use crate::facts::Facts;
use crate::facts::builds::BUILD_ROOT;
use crate::package::package_base;
use crate::receipt::BuildInputs;
use crate::script::Script;

/// The step that installs the stored package of a build key.
pub(super) fn step(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    key: &str,
    mut why: Vec<String>,
    facts: &Facts,
    given: &Given,
) -> Step {
    let base = package_base(&recipe.bundle.recipe.package.name);
    let (action, what) = match facts.packages.installed.get(&base) {
        None => (Action::Create, format!("package {}", inputs.package)),
        Some(old) => {
            if is_newer(&base, old, &recipe.bundle.recipe.package.version) {
                why.push("older than what is installed".to_owned());
            }
            (
                Action::Replace,
                format!("package {base}-{old} by {}", inputs.package),
            )
        }
    };
    let services = &recipe.bundle.recipe.services;
    let spares = action == Action::Replace && !given.end_sessions;
    let served = services.iter().filter_map(|service| {
        let sessions = service.sessions.as_ref()?;
        spares.then_some(&sessions.process)
    });
    let script = Script::new(format!("install {}", inputs.package)).shell(shell::FAIL);
    let script = shell::spare(script, served)
        .shell("spare_sessions")
        .shell(shell::RECEIVE)
        .shell(ASIDE)
        .list("services", services.iter().map(|service| &service.fmri))
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

/// Whether one version of a package is newer than another, in pkgsrc's own order.
fn is_newer(base: &str, version: &str, other: &str) -> bool {
    pkgsrc::Pattern::new(&format!("{base}>{other}"))
        .is_ok_and(|pattern| pattern.matches(&format!("{base}-{version}")))
}

/// `pkg_add` deletes the old package before it checks the new one, registers the new one before its
/// files are there, and a failed extraction deletes every path of the list. So all that it would check
/// is checked first, the old package is kept aside with its files, a mark says that an installation is
/// under way, and a failure puts the old package back. A connection that is cut does not break it off.
const INSTALL: &str = r#"
trap '' PIPE HUP
find_places
packages=$home/packages/$base what=$full
file=$packages/$full.$key.tgz
is_kept=no
[ ! -f "$file" ] || is_kept=yes
end() {
  /usr/bin/rm -f "$file.new"
  [ "$is_kept" = yes ] || /usr/bin/rm -f "$file"
  [ -f "$busy" ] || /usr/bin/rm -rf "$aside" "$aside.new"
}
trap end EXIT
/usr/bin/mkdir -p "$packages" "$home/aside" || fail "cannot make $packages"
receive "$file.new"
/usr/bin/mv -f "$file.new" "$file" || fail "cannot keep $file"
# the zone's own settings without its demand for a signature, which a package built here has not
settings=$home/pkg_install.conf
/usr/bin/grep -v '^VERIFIED_INSTALLATION=' /opt/local/etc/pkg_install.conf >"$settings" 2>/dev/null
printf 'VERIFIED_INSTALLATION=never\n' >>"$settings" || fail "cannot write $settings"
if [ -f "$busy" ]; then
  put_back later ||
    fail "an earlier installation of $base was broken off, and what was there before cannot be put back from $aside"
else
  tidy_database || fail "cannot remove what an update left in $database"
fi

needs=$(/opt/local/sbin/pkg_info -qn "$file") && libraries=$(/opt/local/sbin/pkg_info -Q REQUIRES "$file") &&
  paths=$(/opt/local/sbin/pkg_info -qL "$file") && [ -n "$paths" ] &&
  size=$(/opt/local/sbin/pkg_info -qs "$file") && [ "${size//[!0-9]/}" ] || fail "cannot read the package $file"
old=$(registered) old=${old##*$'\n'} oldpaths= oldkey=
if [ -n "$old" ]; then
  oldpaths=$(/opt/local/sbin/pkg_info -qL "$old") || fail "cannot list the files of $old"
  oldkey=$(/opt/local/sbin/pkg_info -Q ZONEWRIGHT_BUILD_KEY "$old" 2>/dev/null)
fi
problems=
while read -r pattern; do
  [ -z "$pattern" ] || /opt/local/sbin/pkg_info -qe "$pattern" ||
    problems="$problems"$'\n'"  no package matches $pattern"
done <<<"$needs"
while read -r library; do
  [ -z "$library" ] || [ -f "$library" ] || problems="$problems"$'\n'"  no library $library"
done <<<"$libraries"
declare -A owned=()
while IFS= read -r path; do [ -z "$path" ] || owned[$path]=1; done <<<"$oldpaths"
look_for_collisions() {
  local path owner in_the_way=0 owned_by_others=0
  while IFS= read -r path; do
    [ -n "$path" ] || continue
    if [ -z "${owned[$path]-}" ] && { [ -e "$path" ] || [ -L "$path" ]; }; then
      in_the_way=$((in_the_way + 1))
      [ "$in_the_way" -le 10 ] || continue
      owner=$(/opt/local/sbin/pkg_info -Fe "$path" 2>/dev/null) &&
        owned_by_others=$((owned_by_others + 1)) || owner='no package'
      problems="$problems"$'\n'"  $path is already there and belongs to $owner"
    fi
  done <<<"$paths"
  [ "$in_the_way" -le 10 ] || problems="$problems"$'\n'"  and $((in_the_way - 10)) more files"
  [ "$owned_by_others" -eq 0 ] ||
    problems="$problems"$'\n'"leave what other packages have out of this one: \`discard = [\"PATH\"]\` in the recipe's \`[build]\`"
  [ "$in_the_way" -eq "$owned_by_others" ] || problems="$problems"$'\n'"move them away, or remove what installed them (an installation by hand: its own \`make uninstall\`)"
}
refuse_problems() {
  [ -z "$problems" ] || fail "$full cannot be installed; nothing was changed:$problems"
}
look_for_collisions
refuse_problems

# what is going to be written: the files, their records twice, and the old files where they cannot be linked
map=$(/usr/bin/stat -c %s "$database/pkgdb.byfile.db" 2>/dev/null)
want /opt/local "${size//[!0-9]/}"
want "$database" "$((${map:-0} + 262144))"
want "$home" "$((${map:-0} + 524288))"
if [ "$(/usr/bin/stat -c %d /opt/local)" != "$(/usr/bin/stat -c %d "$home")" ]; then
  bytes=0
  while IFS= read -r path; do
    [ ! -f "$path" ] || bytes=$((bytes + 4096 + $(/usr/bin/stat -c %s "$path")))
  done <<<"$oldpaths"
  want "$home" "$bytes"
fi
enough "$full"
if [ -n "$old" ]; then
  keep_aside "$old" || fail "cannot keep $old aside in $home/aside; nothing was changed"
fi
look_for_collisions
refuse_problems
spare_sessions
printf '%s\n' "$key" >"$busy" || { /usr/bin/rm -f "$busy"; fail "cannot write $busy; nothing was changed"; }
# its words are kept in memory: the disk may be full, and nobody may be listening any more
said=$(/opt/local/sbin/pkg_add -C "$settings" -K "$database" -U "$file" 2>&1 </dev/null)
status=$?
if [ "$status" -eq 0 ] && [ "$(/opt/local/sbin/pkg_info -Q ZONEWRIGHT_BUILD_KEY "$full" 2>/dev/null)" = "$key" ]; then
  for record in ${services[@]+"${services[@]}"}; do
    /usr/bin/rm -f "$starts/${record//\//_}" || fail "cannot remove the record of the start of $record"
  done
  /usr/bin/rm -f "$busy" || fail "cannot remove $busy"
  # the present package stays and the one before it, to which one may want to go back
  for left in "$packages"/*; do
    case $left in
      "$file" | "$packages"/*".$oldkey.tgz") ;;
      *) [ "$oldkey" = "$key" ] || /usr/bin/rm -f "$left" ;;
    esac
  done
  /usr/bin/rm -rf "$folder"
  is_kept=yes
  [ -z "$said" ] || printf '%s\n' "$said" >&2
  exit 0
fi
what="pkg_add failed with status $status"
[ "$status" -ne 0 ] || what='pkg_add did not put the package in place'
advice='mend what it says and apply again'
case $said in *'No space left'* | *'uota exceeded'* | *'not enough space'*)
  advice='the disk is full: make room and apply again' ;;
esac
[ "$status" -le 128 ] || advice='something ended it; apply again'
trouble=
give_up() {
  local line
  printf '%s\n' "$*" >&2
  # that it does not find what it has not written yet is no news
  while IFS= read -r line; do
    case $line in '' | *"Couldn't remove "*': No such file '*) ;; *) printf '  %s\n' "$line" >&2 ;; esac
  done <<<"$said"$'\n'"$trouble"
  exit 1
}
if [ -n "$old" ]; then
  kept=$old
  is_untouched && { tidy_database; /usr/bin/rm -f "$busy"; give_up "$what; $old was not touched; $advice"; }
  outcome="$old is back in its place and goes on as before"
else
  outcome='nothing was installed'
fi
# it is going to be sent again, and its room may be needed
/usr/bin/rm -f "$file"
tries=0
until trouble=$(put_back now 2>&1); do
  tries=$((tries + 1))
  [ "$tries" -lt 4 ] ||
    give_up "$what, and ${old:-what was there} cannot be put back yet; it is kept in $aside, and the next apply begins by putting it back: $advice"
  # the file system gives back what was freed after a few seconds
  /usr/bin/sleep 2
done
give_up "$what; $outcome; $advice"
"#;
