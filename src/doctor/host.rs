//! A SmartOS host: is its pool well, and would it come back after a reboot as it is?

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Finding, SERVICES_FINE, fine_unless, services_in_trouble};
use crate::facts::host::HostFacts;
use crate::facts::host::health::{HostHealth, Keys, PoolStatus};
use crate::facts::host::pools::Pool;
use crate::size::show_size;

/// How far a host's clock may be off, in seconds.
const CLOCK: u64 = 180;

/// How full a pool may be, in hundredths: ZFS slows down first, and then nothing can be written, not even
/// what would make room.
const FULL: u128 = 80;
const TOO_FULL: u128 = 92;

/// Days after which the next scrub is due.
const SCRUB_DAYS: u64 = 45;

/// Everything about a host that answered. `now` is this machine's clock, in seconds since 1970.
#[must_use]
pub fn examine(health: &HostHealth, now: u64) -> Vec<Finding> {
    let facts = &health.facts;
    let mut findings = vec![
        Finding::fine(
            "system",
            format!("SmartOS {} on {}", facts.stamp, facts.hostname),
        ),
        clock(health, now),
    ];
    findings.extend(pools(health, now));
    findings.push(sources(facts));
    findings.push(keys(&health.keys));
    findings.extend(machines(facts));
    let in_trouble = services_in_trouble(health.services.iter());
    findings.extend(fine_unless("services", SERVICES_FINE, in_trouble));
    findings
}

fn clock(health: &HostHealth, now: u64) -> Finding {
    let off = health.now.abs_diff(now);
    match off {
        0..=CLOCK => Finding::fine("clock", "within three minutes of this machine's"),
        _ => Finding::wrong(
            "clock",
            format!("{} min away from this machine's", off / 60),
            "`svcs -xv ntp` and `ntpq -pn` there say who keeps it",
        ),
    }
}

fn pools(health: &HostHealth, now: u64) -> Vec<Finding> {
    let known = match &health.pools {
        Ok(known) => known,
        Err(why) => {
            return vec![Finding::wrong(
                "pools",
                format!("`zpool status` fails: {why}"),
                "`zpool status` and `zpool import` there say what became of them",
            )];
        }
    };
    let mut findings = Vec::new();
    for (name, pool) in &health.facts.pools {
        let status = known.get(name).cloned().unwrap_or_default();
        findings.extend(examine_pool(name, pool, &status));
        findings.push(scrub(name, &status, now));
    }
    findings
}

fn examine_pool(name: &str, pool: &Pool, status: &PoolStatus) -> Vec<Finding> {
    let what = format!("pool {name}");
    let mut findings = Vec::new();
    if pool.health != "ONLINE" {
        findings.push(Finding::wrong(
            &what,
            format!("it is {}", pool.health),
            format!("`zpool status -x {name}` there names the disk"),
        ));
    }
    if let Some(errors) = status
        .errors
        .as_deref()
        .filter(|e| *e != "No known data errors")
    {
        findings.push(Finding::wrong(
            &what,
            errors,
            format!("`zpool status -v {name}` there names the files"),
        ));
    }
    let used = pool.size_bytes.saturating_sub(pool.free_bytes);
    let full = u128::from(used) * 100 / u128::from(pool.size_bytes.max(1));
    let says = format!("{full} % of {} are taken", show_size(pool.size_bytes));
    let fix = "let go of snapshots or images (`imgadm vacuum`), or add a disk";
    match full {
        TOO_FULL.. => findings.push(Finding::wrong(&what, says, fix)),
        FULL.. => findings.push(Finding::notice(&what, says, fix)),
        _ if findings.is_empty() => {
            findings.push(Finding::fine(&what, format!("{}, {says}", pool.health)));
        }
        _ => {}
    }
    findings
}

/// When every block was read last. `scan: scrub repaired 0 in 1h2m with 0 errors on Sun Nov  1 04:02:03 2026`
fn scrub(name: &str, status: &PoolStatus, now: u64) -> Finding {
    let what = format!("pool {name}");
    let fix = format!("`zpool scrub {name}` there; it can go on while everything runs");
    let Some(scan) = &status.scan else {
        return Finding::not_checked(&what, "`zpool status` says nothing of a scrub");
    };
    if scan.contains("in progress") {
        return Finding::fine(&what, "a scrub or resilver is in progress");
    }
    if scan.starts_with("none") {
        return Finding::notice(
            &what,
            "it was never scrubbed: a rotten block is noticed when it is needed",
            fix,
        );
    }
    match days_since(scan, now) {
        None => Finding::not_checked(&what, format!("when its last scrub was: “{scan}”")),
        Some(days @ 0..=SCRUB_DAYS) => {
            Finding::fine(&what, format!("last scrubbed {days} days ago"))
        }
        Some(days) => Finding::notice(&what, format!("last scrubbed {days} days ago"), fix),
    }
}

/// The days since the moment that a line ends with, as C's `ctime` writes it; a host's zone of time is UTC.
fn days_since(line: &str, now: u64) -> Option<u64> {
    let (_, moment) = line.rsplit_once(" on ")?;
    let moment = DateTime::strptime("%a %b %e %H:%M:%S %Y", moment.trim()).ok()?;
    let moment = moment.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Some(now.saturating_sub(u64::try_from(moment).ok()?) / 86_400)
}

fn sources(facts: &HostFacts) -> Finding {
    let what = "image sources";
    match facts.sources.is_empty() {
        false => Finding::fine(what, facts.sources.join(", ")),
        true => Finding::wrong(
            what,
            "imgadm has none: no image can be imported",
            "`imgadm sources -a https://images.smartos.org` there",
        ),
    }
}

fn keys(keys: &Keys) -> Finding {
    let what = "keys of root";
    let fix = "put the public keys into /usbkey/config.inc/authorized_keys there, and the line \
               `root_authorized_keys_file=authorized_keys` into /usbkey/config";
    match keys {
        Keys::Kept => Finding::fine(what, "put back at every boot"),
        Keys::NotNamed => Finding::notice(
            what,
            "gone at the next boot: /root is a ramdisk, and /usbkey/config names no file of keys",
            fix,
        ),
        Keys::Missing(file) => Finding::notice(
            what,
            format!("gone at the next boot: /usbkey/config.inc/{file} is not there, or empty"),
            fix,
        ),
        Keys::NoConfig => Finding::notice(
            what,
            "gone at the next boot: there is no /usbkey/config",
            "`sysinfo` there says what it was booted from",
        ),
    }
}

fn machines(facts: &HostFacts) -> Vec<Finding> {
    let what = "zones";
    let failed = facts.vms.iter().filter(|vm| vm.state == "failed");
    let mut findings: Vec<Finding> = failed
        .map(|vm| {
            let name = match vm.alias.as_str() {
                "" => vm.uuid.clone(),
                alias => format!("{alias} ({})", vm.uuid),
            };
            Finding::wrong(
                what,
                format!("{name} failed, and will not start"),
                format!(
                    "/zones/{}/root/var/svc/log there says why; one that never ran is let go with \
                     `vmadm delete {}`",
                    vm.uuid, vm.uuid
                ),
            )
        })
        .collect();
    if findings.is_empty() {
        let running = facts.vms.iter().filter(|vm| vm.state == "running").count();
        findings.push(Finding::fine(
            what,
            format!("{running} of {} run", facts.vms.len()),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::facts::host::vms::Vm;

    // 2026-11-23 00:00:00Z
    const NOW: u64 = 1_795_392_000;

    fn well() -> HostHealth {
        let pool = Pool {
            size_bytes: 1000 << 30,
            free_bytes: 900 << 30,
            health: "ONLINE".to_owned(),
        };
        let scan = "scrub repaired 0 in 1h2m with 0 errors on Sun Nov  1 04:02:03 2026";
        let status = PoolStatus {
            scan: Some(scan.to_owned()),
            errors: Some("No known data errors".to_owned()),
        };
        HostHealth {
            facts: HostFacts {
                stamp: "20241212T000720Z".to_owned(),
                hostname: "vault".to_owned(),
                pools: [("zones".to_owned(), pool)].into(),
                sources: vec!["https://images.smartos.org".to_owned()],
                vms: vec![Vm {
                    uuid: "u".to_owned(),
                    alias: "tm".to_owned(),
                    state: "running".to_owned(),
                    ..Vm::default()
                }],
                ..HostFacts::default()
            },
            now: NOW,
            pools: Ok([("zones".to_owned(), status)].into()),
            keys: Keys::Kept,
            services: Default::default(),
        }
    }

    fn pool(health: &mut HostHealth) -> &mut Pool {
        health.facts.pools.get_mut("zones").unwrap()
    }

    fn status(health: &mut HostHealth) -> &mut PoolStatus {
        health.pools.as_mut().unwrap().get_mut("zones").unwrap()
    }

    fn complaints(change: impl Fn(&mut HostHealth)) -> Vec<(Verdict, String)> {
        let mut health = well();
        change(&mut health);
        let findings = examine(&health, NOW);
        let lame = |f: &&Finding| f.verdict >= Verdict::Notice && f.fix.is_none();
        assert_eq!(findings.iter().find(lame), None);
        let bad = findings.into_iter().filter(|f| f.verdict != Verdict::Fine);
        bad.map(|f| (f.verdict, format!("{}: {}", f.what, f.says)))
            .collect()
    }

    #[test]
    fn each_ailment_of_a_host_is_said_and_no_other() {
        use Verdict::{NotChecked, Notice, Wrong};
        assert_eq!(complaints(|_| {}), []);
        type Ailment = (fn(&mut HostHealth), Verdict, &'static str);
        let ailments: &[Ailment] = &[
            (
                |h| h.pools = Err("internal error".to_owned()),
                Wrong,
                "pools: `zpool status` fails: internal error",
            ),
            (|h| h.now += CLOCK + 1, Wrong, "clock: 3 min away"),
            (
                |h| pool(h).health = "DEGRADED".to_owned(),
                Wrong,
                "pool zones: it is DEGRADED",
            ),
            (
                |h| status(h).errors = Some("3 data errors".to_owned()),
                Wrong,
                "pool zones: 3 data errors",
            ),
            (
                |h| pool(h).free_bytes = 200 << 30,
                Notice,
                "pool zones: 80 % of",
            ),
            (
                |h| pool(h).free_bytes = 80 << 30,
                Wrong,
                "pool zones: 92 % of",
            ),
            (
                |h| status(h).scan = Some("none requested".to_owned()),
                Notice,
                "pool zones: it was never scrubbed",
            ),
            (
                |h| status(h).scan = None,
                NotChecked,
                "pool zones: `zpool status` says nothing",
            ),
            (
                |h| {
                    status(h).scan = Some("scrub repaired 0 on Wed Sep 30 04:02:03 2026".to_owned())
                },
                Notice,
                "pool zones: last scrubbed 53 days ago",
            ),
            (
                |h| status(h).scan = Some("scrub canceled on a day".to_owned()),
                NotChecked,
                "pool zones: when its last scrub was",
            ),
            (
                |h| h.facts.sources.clear(),
                Wrong,
                "image sources: imgadm has none",
            ),
            (
                |h| h.keys = Keys::NotNamed,
                Notice,
                "keys of root: gone at the next boot: /root is a ramdisk",
            ),
            (
                |h| h.keys = Keys::Missing("k".to_owned()),
                Notice,
                "keys of root: gone at the next boot: /usbkey/config.inc/k",
            ),
            (
                |h| h.keys = Keys::NoConfig,
                Notice,
                "keys of root: gone at the next boot: there is no",
            ),
            (
                |h| h.facts.vms[0].state = "failed".to_owned(),
                Wrong,
                "zones: tm (u) failed",
            ),
            (
                |h| {
                    drop(
                        h.services
                            .insert("svc:/x:default".to_owned(), "maintenance".to_owned()),
                    )
                },
                Wrong,
                "services: svc:/x:default is in the state maintenance",
            ),
        ];
        for (change, verdict, says) in ailments {
            let found = complaints(change);
            let [(found_verdict, found_says)] = &found[..] else {
                panic!("{says}: {found:?}");
            };
            assert_eq!(found_verdict, verdict, "{says}");
            assert!(found_says.starts_with(says), "{found_says}");
        }
        assert!(
            complaints(|h| status(h).scan = Some("scrub in progress since x".to_owned()))
                .is_empty()
        );
    }
}
