//! A script that may be sent, and one bad sample for every rule.

use zonewright::script::Script;

use super::{Allowed, check, check_against};

/// Line, command and whether it only warns, of everything that is found.
fn found(script: &str) -> Vec<(usize, String, bool)> {
    let of = |found: super::Violation| (found.line, found.command, found.is_warning);
    check(script).into_iter().map(of).collect()
}

const GOOD: &str = r#"#!/usr/bin/bash
set -u
export LC_ALL=C
trap 'rm_all "$work"; exit 1' INT TERM
rm_all() {
    local path=$1
    /usr/bin/rm -rf -- "$path"
}
work=$(/usr/bin/mktemp -d /var/tmp/zw.XXXXXX) || exit 1
names=(a 'b c')
for name in ${names[@]+"${names[@]}"}; do
    printf '%s %s\n' "$name" "$(/usr/bin/digest -va sha256 -- "$work/$name" 2>/dev/null |
        /usr/bin/sed -n -e 's/^sha256 //p')"
done
while read -r state fmri; do
    [[ $state == online* ]] || /usr/sbin/svcadm enable -rs "$fmri"
done < <(/usr/bin/svcs -H -o state,fmri -a)
case ${1-} in
    tar) /usr/bin/gtar -xpf - -C "$work" --no-same-owner ;;
    build)
        /usr/bin/ctrun -l none -o pgrponly /usr/bin/ppriv -e -s A-net_access \
            /usr/bin/su - zwbuild -c '/usr/bin/env -i PATH=/usr/bin /opt/local/bin/ninja -C build install'
        ;;
    *) /usr/bin/find "$work" -xdev -type f -exec /usr/bin/chmod 0644 {} + ;;
esac
if (( SECONDS > 5 )) && ! /usr/bin/pgrep -f -c "$contract" >/dev/null; then
    /usr/bin/kill -s TERM -- "-$pid"
fi
/usr/sbin/svccfg -s site/x:default setprop 'config/a = astring: "b"'
/usr/bin/sed -i '' -e s/a/b/ "$work/f"
/usr/bin/bash -s -- "$work" <<'END'
/usr/bin/uname -v
END
/usr/bin/cat <<END
$(/usr/bin/zonename)
END
rm_all "$work"
"#;

#[test]
fn a_script_of_known_commands_passes() {
    let found = check(GOOD);
    assert!(
        found.is_empty(),
        "{}",
        found.iter().map(|v| format!("{v}\n")).collect::<String>()
    );
}

/// Forms that a parser of shell text easily trips over.
const ODD: &str = r##"IFS=$' \t\n'
unset CDPATH ENV; umask 022
printf '\036begin %s\n' "$1"
[ "$EUID" = 0 ] || { printf 'still user %s\n' "$EUID" >&2; exit 1; }
exec 3>&1 4>&2 5<>/dev/null {lock}>/var/run/x
if [[ $x =~ ^[0-9]+$ && ! -e "$y" || -n ${z+x} ]]; then :; fi
while IFS= read -r -d '' path; do arr+=("$path" [3]=x); done < <(/usr/bin/find /x -print0)
a=${x//\//-} b=${x#*$'\n'} c=${x:1:2} d=${x^^} e=${!x} f=${x%%[![:space:]]*}
(( ${#arr[@]} > 1 )) && n=$(( (n + 16#ff) ** 2 ))
for ((i = 0; i < 3; i++)); do continue; done
case $x in a|b) ;;& (c) : ;& *) return 0 ;; esac
until kill -0 "$pid" 2>/dev/null; do /usr/bin/sleep 1; done
printf -v now '%(%s)T' -1
trap - EXIT; set -- "$@" x; shift; local IFS=:
text=$(/usr/bin/cat <<'IN'
it's "quoted" $(nproc) `nproc`
IN
)
function named { /usr/bin/true; }; named & wait $!
( cd /x && /usr/bin/ls -nd -- * ) >/dev/null 2>&1 || exit $?
{ /usr/bin/true; } </dev/null |& /usr/bin/cat &>>/x
/usr/bin/awk 'NR==2{print $(NF-2)}' <<<"$text"; echo $((x++)) {a,b}{1..3} ~root "$(</x)"
/usr/perl5/bin/perl -MPOSIX -e 'rename $ARGV[0],$ARGV[1] or die "$!\n"' a b
/opt/local/gcc13/bin/gcc -dumpversion
select=1; time /usr/bin/true # nproc
"##;

#[test]
fn odd_but_legal_forms_pass() {
    assert_eq!(found(ODD), []);
}

#[test]
fn what_the_crate_builds_can_be_checked() {
    let script = Script::new("t")
        .set("path", "a b'c")
        .list("names", ["x", "$(id)"])
        .command(["/usr/bin/chown", "-h", "0:0", "/a b"])
        .shell("/usr/bin/ls -nd -- \"$path\" ${names[@]+\"${names[@]}\"}");
    assert_eq!(found(script.body()), []);
    let script = script.command(["/usr/bin/mv", "-T", "a", "b"]);
    assert_eq!(found(script.body()), [(5, "/usr/bin/mv".to_owned(), false)]);
}

#[test]
fn the_scripts_of_debug_stay_within_the_grammar() {
    use zonewright::plan::debug::{self, KeptTree};
    let tree = KeptTree::parse("tree 3f0c\nsource 9a\nphase compile 2\n").unwrap();
    let command = ["sed".to_owned(), "-i".to_owned()];
    let scripts = [
        debug::look("greeter"),
        debug::open(&tree, "compile", &command),
        debug::open(&tree, "compile", &[]),
        debug::run_command(&tree),
        debug::run_phase(&tree, "stage", true),
        debug::products(&tree),
        debug::fetch(&tree),
    ];
    // lists that are expanded where they are known to hold something are worth a warning only
    let wrong = |text: &str| -> Vec<_> {
        found(text)
            .into_iter()
            .filter(|(_, _, is_warning)| !is_warning)
            .collect()
    };
    for script in scripts {
        assert_eq!(wrong(script.body()), [], "{}", script.body());
        // what goes on as the build's user is the build's own business
        if let Some((_, rest)) = script.body().split_once("\nenter=") {
            let text = shlex::Shlex::new(rest).next().unwrap();
            assert_eq!(wrong(&text), [], "{text}");
        }
    }
}

#[test]
fn every_bad_sample_gives_exactly_its_violation() {
    let samples: &[(&str, usize, &str)] = &[
        // what SmartOS lacks
        ("flock -n /x", 1, "flock"),
        ("x=$(nproc)", 1, "nproc"),
        ("/usr/bin/timeout 5 /usr/bin/true", 1, "/usr/bin/timeout"),
        ("/usr/bin/sha256sum f", 1, "/usr/bin/sha256sum"),
        ("echo a | base64", 1, "base64"),
        ("true\nsetsid /usr/bin/true &", 2, "setsid"),
        // how commands are called
        ("ls /x", 1, "ls"),
        ("./configure", 1, "./configure"),
        ("/bin/sh -c true", 1, "/bin/sh"),
        ("/usr/bin/perl -e 1", 1, "/usr/bin/perl"),
        ("/usr/sbin/killall afpd", 1, "/usr/sbin/killall"),
        ("/usr/sbin/install -d /x", 1, "/usr/sbin/install"),
        ("/usr/bin/unheard-of", 1, "/usr/bin/unheard-of"),
        (
            "/opt/local/gcc13/x/bin/gcc -c x.c",
            1,
            "/opt/local/gcc13/x/bin/gcc",
        ),
        ("\"$tool\" x", 1, "\"$tool\""),
        (
            "/opt/local/gcc13/bin/\"$cc\" x",
            1,
            "/opt/local/gcc13/bin/\"$cc\"",
        ),
        ("eval \"$x\"", 1, "eval"),
        (". /lib/svc/share/smf_include.sh", 1, "."),
        // options
        ("/usr/bin/find /x -printf %p", 1, "/usr/bin/find"),
        ("/usr/bin/sed -i -e s/a/b/ f", 1, "/usr/bin/sed"),
        ("/usr/bin/sed -i s/a/b/ f", 1, "/usr/bin/sed"),
        ("/usr/bin/mv -T a b", 1, "/usr/bin/mv"),
        ("/usr/bin/ln -sfn a b", 1, "/usr/bin/ln"),
        ("/usr/bin/date -d @0", 1, "/usr/bin/date"),
        ("/usr/bin/sort -V f", 1, "/usr/bin/sort"),
        ("/usr/bin/grep -P x f", 1, "/usr/bin/grep"),
        ("/usr/bin/tar xzf -", 1, "/usr/bin/tar"),
        ("/usr/bin/tar --extract", 1, "/usr/bin/tar"),
        ("/usr/bin/cp --parents a b", 1, "/usr/bin/cp"),
        ("/usr/sbin/useradd -r x", 1, "/usr/sbin/useradd"),
        ("/usr/sbin/svcadm enable -w x", 1, "/usr/sbin/svcadm enable"),
        ("/usr/sbin/svcadm start x", 1, "/usr/sbin/svcadm"),
        ("/usr/bin/rm \"-$x\"", 1, "/usr/bin/rm"),
        // bash after 4.3
        ("echo \"${x@Q}\"", 1, "${x@Q}"),
        ("echo $EPOCHSECONDS", 1, "EPOCHSECONDS"),
        ("echo $((EPOCHREALTIME - 1))", 1, "EPOCHREALTIME"),
        ("(( x = SRANDOM ))", 1, "SRANDOM"),
        ("wait -p x", 1, "wait"),
        ("f() { local -; }\nf", 1, "local -"),
        ("a[-1]=x", 1, "a[-1]="),
        ("mapfile -d '' x", 1, "mapfile"),
        ("shopt -s inherit_errexit", 1, "shopt inherit_errexit"),
        // wherever it stands
        ("f() {\n  if true; then\n    nproc\n  fi\n}\nf", 3, "nproc"),
        ("x=\"a\nb $(nproc)\"", 2, "nproc"),
        ("x=\"a\nb ${y:-$(\ntrue; nproc)}\"", 3, "nproc"),
        ("x=$(\n  true\n  nproc\n)", 3, "nproc"),
        ("x=`nproc`", 1, "nproc"),
        ("echo ${x:-$(nproc)}", 1, "nproc"),
        ("echo ${x%$(nproc)}", 1, "nproc"),
        ("a=(1 $(nproc))", 1, "nproc"),
        ("[[ $(nproc) == 1 ]]", 1, "nproc"),
        ("case $(nproc) in 1) ;; esac", 1, "nproc"),
        ("case x in\n 1) true ;;\n *) nproc ;;\nesac", 3, "nproc"),
        ("for x in $(nproc); do true; done", 1, "nproc"),
        ("while nproc; do true; done", 1, "nproc"),
        (
            "for ((i = 0; i < $(nproc); i++)); do true; done",
            1,
            "nproc",
        ),
        ("echo >\"$(nproc)\"", 1, "nproc"),
        ("echo < <(nproc)", 1, "nproc"),
        ("/usr/bin/cat <<E\nx\n$(nproc)\nE", 3, "nproc"),
        ("/usr/bin/cat <<<\"$(nproc)\"", 1, "nproc"),
        ("export x=$(nproc)", 1, "nproc"),
        ("x=$(nproc) /usr/bin/true", 1, "nproc"),
        ("trap 'nproc' EXIT", 1, "nproc"),
        ("trap \"$x\" EXIT", 1, "trap"),
        ("coproc nproc", 1, "nproc"),
        // through other commands
        ("/usr/bin/ctrun -l none nproc", 1, "nproc"),
        (
            "/usr/bin/ppriv -e -s A-net_access /usr/bin/env -i A=b nproc",
            1,
            "nproc",
        ),
        ("/usr/bin/env -i $x /usr/bin/true", 1, "$x"),
        ("/usr/bin/nice -n 5 nproc", 1, "nproc"),
        ("/usr/bin/su - u -c 'nproc'", 1, "nproc"),
        ("/usr/bin/su - u -c \"cd $x\"", 1, "/usr/bin/su"),
        ("f() { true; }\n/usr/bin/su - u -c f", 2, "f"),
        ("/usr/bin/bash -c 'nproc'", 1, "nproc"),
        ("/usr/bin/bash --norc -ec 'nproc' x", 1, "nproc"),
        ("/usr/bin/bash -s <<'E'\ntrue\nnproc\nE", 3, "nproc"),
        ("/usr/bin/bash -s <<E\n$x\nE", 2, "/usr/bin/bash"),
        ("/usr/bin/bash -s <<<nproc", 1, "nproc"),
        (
            "/usr/bin/env -i A=b /usr/bin/su - u -c '/usr/bin/bash -s' <<'E'\nnproc\nE",
            2,
            "nproc",
        ),
        ("/usr/bin/find /x -exec nproc {} \\;", 1, "nproc"),
        ("/usr/bin/xargs -0 nproc", 1, "nproc"),
        ("/usr/sbin/zlogin -n \"$zone\" nproc", 1, "nproc"),
        ("/usr/bin/ctrun -l none printf x", 1, "printf"),
        ("f() { true; }\n/usr/bin/env -i f", 2, "f"),
        ("exec true", 1, "true"),
        ("command -p nproc", 1, "nproc"),
        ("command nproc", 1, "nproc"),
        ("exec nproc", 1, "nproc"),
        ("! { time nproc; }", 1, "nproc"),
        // and what does not parse
        ("if true", 1, "if true"),
        ("{ true\ntrue\n", 1, "{ true"),
    ];
    let wrong: Vec<_> = samples
        .iter()
        .map(|(script, line, command)| {
            (script, found(script), (*line, (*command).to_owned(), false))
        })
        .filter(|(_, found, wanted)| found != std::slice::from_ref(wanted))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_array_that_may_be_empty_is_worth_a_warning() {
    let warning = |line| vec![(line, "${x[@]}".to_owned(), true)];
    assert_eq!(found("x=()\necho \"${x[@]}\""), warning(2));
    assert_eq!(found("echo \"a ${x[*]}\""), warning(1));
    assert_eq!(found("for y in \"${x[@]:1}\"; do true; done"), warning(1));
    assert_eq!(
        found("echo ${x[@]+\"${x[@]}\"} \"$@\" ${#x[@]} \"${!x[@]}\""),
        []
    );
    assert_eq!(found("echo \"${x[@]-}\""), []);
}

#[test]
fn lookups_run_nothing() {
    assert_eq!(
        found("command -v flock >/dev/null && type -p gcc; hash -r"),
        []
    );
    assert_eq!(found("exec 3>&1 >/dev/null"), []);
    assert_eq!(found("set +e; local +x y; declare -A z=([a]=b)"), []);
}

#[test]
fn a_variable_runs_only_where_the_list_names_it() {
    let mut allowed = Allowed::shipped().clone();
    let samples = [
        "\"$tool\" -x",
        "\"${tool[@]}\" -x",
        "${tool[@]+\"${tool[@]}\"} -x",
    ];
    let count = |allowed: &Allowed, script| {
        check_against(allowed, script)
            .iter()
            .filter(|found| !found.is_warning)
            .count()
    };
    for script in samples {
        assert_eq!(count(&allowed, script), 1, "{script}");
    }
    allowed
        .command_variables
        .insert("tool".to_owned(), "a test".to_owned());
    for script in samples {
        assert_eq!(count(&allowed, script), 0, "{script}");
    }
    assert_eq!(count(&allowed, "\"$tool$tool\" -x"), 1);
    assert_eq!(count(&allowed, "\"/x/$tool\" -x"), 1);
    allowed
        .assignment_variables
        .insert("pairs".to_owned(), "a test".to_owned());
    let script = "/usr/bin/env -i \"${pairs[@]}\" A=b nproc";
    assert_eq!(count(&allowed, script), 1);
    assert_eq!(
        count(&allowed, "/usr/bin/env -i \"${pairs[@]}\" /usr/bin/true"),
        0
    );
}

#[test]
fn the_list_names_each_path_once_and_gives_reasons() {
    let allowed = Allowed::shipped();
    let mut paths: Vec<&String> = allowed.tool.iter().flat_map(|tool| &tool.paths).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count);
    assert!(allowed.tool.iter().all(|tool| !tool.reason.is_empty()));
    assert!(
        allowed
            .forbidden
            .keys()
            .all(|path| allowed.tool(path).is_none())
    );
}

#[test]
fn a_violation_reads_as_a_sentence() {
    let found = check("\n/usr/bin/mv -T a b");
    assert_eq!(
        found[0].to_string(),
        "line 2: `/usr/bin/mv`: `-T` is not in the list (userland §4.1; no -T, no -n)"
    );
    assert!(
        check("echo \"${x[@]}\"")[0]
            .to_string()
            .starts_with("line 1: warning: `${x[@]}`: ")
    );
}

#[test]
fn what_a_function_runs_is_looked_at_where_it_is_called() {
    let said = "said() { shift; \"$@\"; }\n";
    assert_eq!(
        check(&format!("{said}said x /usr/bin/nictagadm list -p -d ,")),
        []
    );
    for (script, line) in [
        (format!("{said}said x /usr/bin/lsblk"), 2),
        (format!("{said}said x /usr/bin/nictagadm frob"), 2),
        (format!("{said}\"$@\""), 2),
        ("other() { \"$@\"; }".to_owned(), 1),
    ] {
        let found = check(&script);
        assert!(
            found.len() == 1 && found[0].line == line,
            "{script}: {found:?}"
        );
    }
}
