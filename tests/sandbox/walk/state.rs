//! Everything in a zone that an apply answers for, one line each, and what two zones differ in.

use std::collections::BTreeMap;

use super::super::harness::Zone;

/// The trees that are compared: kinds, modes, owners, links and contents.
const TREES: &str =
    "/opt/local /etc /home /tmp /var/backups /var/db/zonewright /var/greeter /var/svc /var/tmp";

/// What is left out below them, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("/etc/hosts", "the zone's own name"),
    ("/etc/hostname", "the zone's own name"),
    ("/etc/nodename", "the zone's own name"),
    (
        "/etc/shadow",
        "compared below, without the day of the last change",
    ),
    ("/etc/svc/volatile", "gone at each start of a zone"),
    (
        "/etc/svc/repository.db",
        "holds times; the services and their properties are compared below",
    ),
    ("/var/svc/log", "logs"),
    (
        "/opt/local/var/netatalk/*",
        "identities that netatalk draws",
    ),
    (
        "/var/db/zonewright/receipts",
        "compared below, without the time",
    ),
    (
        "/var/db/zonewright/starts",
        "when services were started last",
    ),
    (
        "/var/tmp/phases",
        "how often phases ran; compared by each case",
    ),
];

const SCRIPT: &str = r#"
export LC_ALL=C
set -f
find $trees \( $left_out -false \) -prune -o -printf 'file %p %y %m %U:%G %l\n' 2>/dev/null
find $trees \( $left_out -false \) -prune -o -type f -print0 2>/dev/null |
  xargs -0 /usr/lib/zonewright/bin/sha256sum | sed 's/^\([0-9a-f]*\)  \(.*\)/content \2 \1/'
awk -F: '{ print "user " $1, $2 ":" $4 ":" $5 ":" $6 ":" $7 ":" $8 ":" $9 }' /etc/shadow
set +f
for file in /var/db/zonewright/receipts/*; do
  sed '/"applied-at"/d' "$file" | /usr/lib/zonewright/bin/sha256sum | sed "s,^,receipt $file ,"
done
pkg_info | sed 's/^/package /'
svcs -a -H -o fmri,state,nstate | sed 's/^/service /'
for service in $(svcs -a -H -o fmri | grep ':/site/\|netatalk'); do
  svccfg export "${service%:*}" | /usr/lib/zonewright/bin/sha256sum | sed "s,^,exported $service ,"
done
true
"#;

/// What is compared: each thing, and how it is.
pub struct State(BTreeMap<String, String>);

impl State {
    pub fn of(zone: &Zone) -> Self {
        let left_out = LEFT_OUT.iter().map(|(path, _)| format!("-path {path} -o"));
        let left_out: Vec<_> = left_out.collect();
        let names = format!("trees='{TREES}'; left_out='{}'", left_out.join(" "));
        let text = zone.shell(&format!("{names}\n{SCRIPT}"));
        let own = text.replace(&zone.alias, "ALIAS");
        let thing = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let (kind, name) = (words.next()?, words.next()?);
            Some((format!("{kind} {name}"), words.next()?.to_owned()))
        };
        let things: BTreeMap<_, _> = own.lines().filter_map(thing).collect();
        assert!(things.len() > 500, "{text}");
        Self(things)
    }

    /// What differs from what was expected, if anything does.
    pub fn differences(&self, expected: &Self) -> Result<(), String> {
        let names = self.0.keys().chain(expected.0.keys());
        let mut different: Vec<_> = names
            .filter(|n| self.0.get(*n) != expected.0.get(*n))
            .collect();
        different.sort();
        different.dedup();
        let line = |name: &&String| {
            let show = |state: &Self| {
                state
                    .0
                    .get(*name)
                    .map_or("nothing", String::as_str)
                    .to_owned()
            };
            format!("  {name}: {} instead of {}\n", show(self), show(expected))
        };
        let lines: String = different.iter().take(20).map(line).collect();
        if lines.is_empty() {
            Ok(())
        } else {
            Err(format!("the zone differs:\n{lines}"))
        }
    }
}
