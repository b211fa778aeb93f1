//! How a built package comes into a zone: checked first, the old one kept aside and put back where it
//! fails.

use super::services::start_record;
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
