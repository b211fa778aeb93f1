//! How a zone is, beyond what a recipe asks: services, pkgin's repositories, datasets, who listens.
//!
//! Asked in one exec. `dns-sd` never ends by itself, so it listens for two seconds and is ended; it
//! needs the multicast responder and complains at once without it.

use std::collections::{BTreeMap, BTreeSet};

use super::FactError;
use super::machine::{self, Machine};
use super::platform::{self, Platform};
use super::repositories;
use super::sections::{self, Section, Sections};
use crate::script::Script;

/// How a zone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub platform: Platform,
    pub machine: Machine,
    /// FMRI → state, of every service that is neither online nor disabled, and of those asked for.
    pub services: BTreeMap<String, String>,
    /// URLs of pkgin's repositories, in their order.
    pub repositories: Vec<String>,
    /// The datasets that were delegated to the zone, and those below; why they cannot be told.
    pub datasets: Result<Vec<Dataset>, String>,
    /// Of the ports that were asked for, those at which something listens.
    pub listening: BTreeSet<u16>,
    /// Names that file servers announce on the network; why they cannot be told.
    pub adverts: Result<BTreeSet<String>, String>,
}

/// A dataset as the zone sees it; sizes in bytes, 0 for no quota.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dataset {
    pub name: String,
    pub used: u64,
    pub available: u64,
    pub quota: u64,
    pub refquota: u64,
    pub is_mounted: bool,
    pub mountpoint: String,
}

/// Asks for all of it. `fmris` are services whose state is wanted whatever it is.
#[must_use]
pub fn probe(fmris: &BTreeSet<String>, ports: &BTreeSet<u16>) -> Script {
    let mut script = Script::new("ask how the zone is").shell(sections::SHELL);
    script = platform::ask(script);
    script = machine::ask(script);
    script = repositories::ask(script);
    script
        .list("fmris", fmris)
        .list("ports", ports.iter().map(u16::to_string))
        .shell(ASK)
        .shell("section end 0 ''")
}

// svcs -aH -o state,fmri → maintenance    svc:/network/netatalk:default
//                          legacy_run     lrc:/etc/rc2_d/S89PRESERVE
// zfs list -Hp → zones/8b4c…/data	98304	107374084096	107374182400	0	yes	/zones/8b4c…/data
// dns-sd -B (columns: time, Add or Rmv, flags, interface, domain, type, name) →
//   12:00:00.123  Add     2  2 local.                 _afpovertcp._tcp.        vault
const ASK: &str = r#"
text=$(/usr/bin/svcs -aH -o state,fmri)
section services $? "$text"
data=zones/$(/usr/bin/zonename)/data
if [ -x /usr/sbin/zfs ]; then
  text=$(/usr/sbin/zfs list -H -p -o name,used,avail,quota,refquota,mounted,mountpoint -t filesystem -r "$data" 2>&1)
  section datasets $? "$text"
else
  section datasets 127 'there is no zfs in it'
fi
text=
for port in ${ports[@]+"${ports[@]}"}; do
  /usr/bin/nc -z -w 3 127.0.0.1 "$port" >/dev/null 2>&1 && text=$text$port$'\n'
done
section listening 0 "$text"
if [ ! -x /usr/bin/dns-sd ]; then
  section adverts 127 'there is no dns-sd in it'
elif [ "$(/usr/bin/svcs -H -o state svc:/network/dns/multicast:default 2>/dev/null)" != online ]; then
  section adverts 1 'its multicast DNS responder does not run'
else
  coproc browser { exec /usr/bin/dns-sd -B _afpovertcp._tcp local 2>&1; }
  pid=$browser_PID text=
  # what was announced before is there at once
  while IFS= read -r -t 2 line <&"${browser[0]}"; do text=$text$line$'\n'; done 2>/dev/null
  kill "$pid" 2>/dev/null
  section adverts 0 "$text"
fi
"#;

/// Reads the answer to [`probe`].
///
/// # Errors
/// [`FactError`] at the first thing that is not as it is known to be printed.
pub fn parse(answer: &[u8], fmris: &BTreeSet<String>) -> Result<Health, FactError> {
    let sections = Sections::parse(answer)?;
    sections.get("end")?;
    Ok(Health {
        platform: platform::parse(&sections)?,
        machine: machine::parse(&sections)?,
        services: services(sections.get("services")?, fmris)?,
        repositories: repositories::parse(&sections)?,
        datasets: told(sections.get("datasets")?, datasets)?,
        listening: sections
            .get("listening")?
            .lines()?
            .filter_map(|port| port.parse().ok())
            .collect(),
        adverts: told(sections.get("adverts")?, adverts)?,
    })
}

/// What a command said where it succeeded, and else why it did not.
pub(in crate::facts) fn told<T>(
    section: &Section<'_>,
    read: impl Fn(&Section<'_>) -> Result<T, FactError>,
) -> Result<Result<T, String>, FactError> {
    match section.status {
        0 => read(section).map(Ok),
        _ => Ok(Err(section.lines()?.next().unwrap_or("").to_owned())),
    }
}

pub(in crate::facts) fn services(
    section: &Section<'_>,
    wanted: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, FactError> {
    let mut services = BTreeMap::new();
    for line in section.text_of("svcs -a")?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [state, fmri] = words[..] else {
            return Err(FactError::Line {
                command: "svcs -a",
                line: line.to_owned(),
            });
        };
        // a state that is being left carries a star
        let state = state.trim_end_matches('*');
        let is_well = ["online", "disabled", "legacy_run"].contains(&state);
        if !is_well || wanted.contains(fmri) {
            services.insert(fmri.to_owned(), state.to_owned());
        }
    }
    Ok(services)
}

fn datasets(section: &Section<'_>) -> Result<Vec<Dataset>, FactError> {
    let bad = |line: &str| FactError::Line {
        command: "zfs list",
        line: line.to_owned(),
    };
    let mut found = Vec::new();
    for line in section.lines()? {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, used, available, quota, refquota, mounted, mountpoint] = cells[..] else {
            return Err(bad(line));
        };
        let number = |text: &str| match text {
            "-" | "none" => Ok(0),
            text => text.parse().map_err(|_| bad(line)),
        };
        found.push(Dataset {
            name: name.to_owned(),
            used: number(used)?,
            available: number(available)?,
            quota: number(quota)?,
            refquota: number(refquota)?,
            is_mounted: mounted == "yes",
            mountpoint: mountpoint.to_owned(),
        });
    }
    Ok(found)
}

fn adverts(section: &Section<'_>) -> Result<BTreeSet<String>, FactError> {
    let mut names = BTreeSet::new();
    for line in section.lines()? {
        let mut rest = line.trim_start();
        let mut words = Vec::new();
        // the name comes last, and may have blanks in it
        for _ in 0..6 {
            let Some((word, after)) = rest.split_once(char::is_whitespace) else {
                break;
            };
            words.push(word);
            rest = after.trim_start();
        }
        let name = rest.trim_end();
        match words.get(1).copied() {
            Some("Add") if words.len() == 6 => {
                names.insert(name.to_owned());
            }
            Some("Rmv") if words.len() == 6 => {
                names.remove(name);
            }
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section<'a>(name: &'a str, status: i32, text: &'a str) -> Section<'a> {
        Section {
            name,
            status,
            text: text.as_bytes(),
        }
    }

    #[test]
    fn services_that_are_not_well_are_told_and_those_asked_for() {
        let text = "legacy_run     lrc:/etc/rc2_d/S89PRESERVE\n\
                    online         svc:/network/ssh:default\n\
                    disabled       svc:/network/dns/multicast:default\n\
                    offline*       svc:/site/slow:default\n\
                    maintenance    svc:/network/netatalk:default";
        let wanted = BTreeSet::from(["svc:/network/dns/multicast:default".to_owned()]);
        let found = services(&section("services", 0, text), &wanted).unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(f, s)| (&f[..], &s[..])).collect();
        assert_eq!(
            found,
            [
                ("svc:/network/dns/multicast:default", "disabled"),
                ("svc:/network/netatalk:default", "maintenance"),
                ("svc:/site/slow:default", "offline"),
            ]
        );
        assert!(services(&section("services", 0, "one"), &wanted).is_err());
        assert!(services(&section("services", 1, ""), &wanted).is_err());
    }

    #[test]
    fn datasets_have_their_sizes_in_bytes() {
        let text = "zones/u/data\t98304\t1000\t2000\t0\tyes\t/zones/u/data\n\
                    zones/u/data/anna\t5\t6\tnone\t7\tno\t/backups/a b";
        let found = datasets(&section("datasets", 0, text)).unwrap();
        assert_eq!(found[0].quota, 2000);
        assert_eq!(found[1].quota, 0);
        assert_eq!(found[1].refquota, 7);
        assert!(!found[1].is_mounted);
        assert_eq!(found[1].mountpoint, "/backups/a b");
        assert!(datasets(&section("datasets", 0, "a\tb")).is_err());
        let none = told(&section("datasets", 1, "cannot open: no such"), datasets).unwrap();
        assert_eq!(none, Err("cannot open: no such".to_owned()));
    }

    #[test]
    fn names_on_the_network_may_have_blanks_and_may_go_away() {
        let text = "Browsing for _afpovertcp._tcp.local\n\
                    DATE: ---Sun 22 Nov 2026---\n\
                    Timestamp     A/R    Flags  if Domain               Service Type         Instance Name\n\
                    12:00:00.1  Add        3   2 local.               _afpovertcp._tcp.    vault\n\
                    12:00:00.1  Add        2   2 local.               _afpovertcp._tcp.    the  attic\n\
                    12:00:01.1  Rmv        0   2 local.               _afpovertcp._tcp.    vault\n";
        let names = adverts(&section("adverts", 0, text)).unwrap();
        assert_eq!(names, BTreeSet::from(["the  attic".to_owned()]));
    }
}
