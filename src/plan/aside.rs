//! The installed package kept aside while another takes its place, and put back where that fails.
//!
//! What is kept is linked and not copied wherever that is possible, and what is put back is renamed or
//! linked into place: a disk that is full does not stop it. It is all there before the mark
//! `NAME.busy` is, and goes after it, so whoever finds the mark finds everything.

/// Functions about the package `$base`; [`super::shell::FAIL`] comes before them. Each says with its
/// status whether it worked.
///
/// `find_places`: where everything is.
///
/// `registered`: the full names under which `$base` is registered. More than one where an update was
/// killed.
///
/// `tidy_database`: away with what a killed update leaves among the records and what makes `pkg_info`
/// fail. The folder of an update (`NAME.xxxxxx`) holds what was moved out of the old record: it goes
/// back.
///
/// `keep_aside NAME`: keeps it, with `$oldpaths` its files and `$services` what runs of it.
///
/// `put_back WHEN`: what is kept aside is installed again, or nothing where nothing was. WHEN is
/// `now` as long as nobody else can have changed the package database. A service that was started
/// in between is due for a restart, and one that broke meanwhile gets another try.
///
/// `is_untouched`: what is kept aside is still installed as it was.
pub(super) const ASIDE: &str = r#"
home=/var/db/zonewright starts=/var/db/zonewright/starts
find_places() {
  aside=$home/aside/$base busy=$home/aside/$base.busy
  [ -n "${database-}" ] || database=$(/opt/local/sbin/pkg_admin config-var PKG_DBDIR)
  [ -n "$database" ] || database=/opt/local/pkg
}
registered() {
  local name
  while IFS= read -r name; do
    [ "${name%-*}" = "$base" ] && printf '%s\n' "$name"
  done < <(/opt/local/sbin/pkg_info -e "$base-[0-9]*" 2>/dev/null)
}
tidy_database() {
  local left name file is_tidy=yes
  # somebody else's update that is under way
  /usr/bin/pgrep -x pkg_add >/dev/null && return
  for left in "$database"/*.xxxxxx; do
    [ -d "$left" ] || continue
    name=${left%.xxxxxx} is_tidy=no
    if [ -d "$name" ]; then
      for file in +REQUIRED_BY +PRESERVE +INSTALLED_INFO; do
        [ ! -f "$left/$file" ] || [ -f "$name/$file" ] || /usr/bin/mv -f "$left/$file" "$name/$file" || return 1
      done
    fi
    /usr/bin/rm -rf "$left" || return 1
  done
  if ! /opt/local/sbin/pkg_info >/dev/null 2>&1; then
    for left in "$database"/*; do
      [ -d "$left" ] || continue
      [ -s "$left/+CONTENTS" ] && [ -f "$left/+COMMENT" ] && continue
      is_tidy=no
      /usr/bin/rm -rf "$left" || return 1
    done
  fi
  [ "$is_tidy" = yes ] || /opt/local/sbin/pkg_admin rebuild-tree >/dev/null
}
start_of() { /usr/bin/svcprop -p restarter/start_method_timestamp "$1" 2>/dev/null; }
keep_aside() {
  local path fmri
  /usr/bin/rm -rf "$aside.new" "$aside" && /usr/bin/mkdir -p "$aside.new/files" || return 1
  printf '%s\n' "$1" >"$aside.new/name" || return 1
  while IFS= read -r path; do
    if [ -L "$path" ] || [ ! -f "$path" ]; then
      if [ -L "$path" ] || [ -e "$path" ]; then printf '%s\n' "${path#/}" >&4; else continue; fi
    elif [ -d "$aside.new/files${path%/*}" ] || /usr/bin/mkdir -p "$aside.new/files${path%/*}"; then
      # not on the same file system
      /usr/bin/ln "$path" "$aside.new/files$path" 2>/dev/null || printf '%s\n' "${path#/}" >&4
    else
      return 1
    fi || return 1
    printf '%s\n' "${path#/}" >&3 || return 1
  done <<<"$oldpaths" 3>"$aside.new/paths" 4>"$aside.new/rest"
  if [ -s "$aside.new/rest" ]; then
    /usr/bin/gtar -cf "$aside.new/rest.tar" --no-recursion --no-unquote -C / -T "$aside.new/rest" || return 1
  fi
  for fmri in ${services[@]+"${services[@]}"}; do
    printf '%s %s\n' "$fmri" "$(start_of "$fmri")" || return 1
  done >"$aside.new/services"
  /usr/bin/cp -Rp "$database/$1" "$aside.new/record" && /usr/bin/cp -Rp "$database/$1" "$aside.new/spare" || return 1
  if [ -f "$database/pkgdb.byfile.db" ]; then
    /usr/bin/cp -p "$database/pkgdb.byfile.db" "$aside.new/map" || return 1
  fi
  /usr/bin/mv "$aside.new" "$aside"
}
is_untouched() {
  local path
  [ "$(registered)" = "$kept" ] && /usr/bin/cmp -s "$database/$kept/+CONTENTS" "$aside/record/+CONTENTS" || return 1
  while IFS= read -r path; do
    [ -e "/$path" ] || [ -L "/$path" ] || return 1
  done <"$aside/paths"
}
put_back() {
  local name path fmri started kept=
  [ ! -f "$aside/name" ] || kept=$(<"$aside/name")
  tidy_database || return 1
  if [ -z "$kept" ] || ! is_untouched; then
    while IFS= read -r name; do
      [ -z "$name" ] || unregister "$name" || return 1
    done <<<"$(registered)"
    [ -z "$kept" ] || put_files_back "$1" || return 1
  fi
  while read -r fmri started; do
    [ "$(start_of "$fmri")" = "$started" ] || /usr/bin/rm -f "$starts/${fmri//\//_}" || return 1
    # what it could not be started with is mended
    case $(/usr/bin/svcs -H -o state "$fmri" 2>/dev/null) in
      maintenance*) /usr/sbin/svcadm clear "$fmri" ;;
    esac
  done < <(/usr/bin/cat "$aside/services" 2>/dev/null)
  /usr/bin/rm -f "$busy" && /usr/bin/rm -rf "$aside"
}
unregister() {
  local path paths
  paths=$(/opt/local/sbin/pkg_info -qL "$1" 2>/dev/null)
  /opt/local/sbin/pkg_delete -K "$database" -f "$1" >/dev/null 2>&1 </dev/null
  # a full disk, or a record that is not whole, keeps it from its work
  while IFS= read -r path; do
    if [ -n "$path" ] && [ ! -d "$path" ]; then /usr/bin/rm -f "$path" || return 1; fi
  done <<<"$paths"
  /usr/bin/rm -rf "${database:?}/$1"
}
put_files_back() {
  local path
  while IFS= read -r path; do
    [ -f "$aside/files/$path" ] || continue
    [ -d "/${path%/*}" ] || /usr/bin/mkdir -p "/${path%/*}" || return 1
    /usr/bin/rm -f "/$path" && /usr/bin/ln "$aside/files/$path" "/$path" || return 1
  done <"$aside/paths"
  if [ -f "$aside/rest.tar" ]; then /usr/bin/gtar -xf "$aside/rest.tar" -C / || return 1; fi
  # a second try finds the record where the first one put it
  if [ ! -d "$aside/spare" ]; then
    /usr/bin/rm -rf "$aside/spare.new" && /usr/bin/cp -Rp "$aside/record" "$aside/spare.new" &&
      /usr/bin/mv "$aside/spare.new" "$aside/spare" || return 1
  fi
  /usr/bin/rm -rf "${database:?}/$kept" && /usr/bin/mv "$aside/spare" "$database/$kept" || return 1
  if [ "$1" = now ] && [ -f "$aside/map" ]; then
    /usr/bin/mv -f "$aside/map" "$database/pkgdb.byfile.db" || return 1
  else
    /opt/local/sbin/pkg_admin rebuild >/dev/null || return 1
  fi
  /opt/local/sbin/pkg_admin rebuild-tree >/dev/null || return 1
  is_untouched
}
"#;
