//! A SmartOS host: is its pool well, and would it come back after a reboot as it is?

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Finding, services_findings};
use crate::facts::host_health::{HostHealth, Keys, Pool};

/// How far a host's clock may be off, in seconds.
const CLOCK: u64 = 180;

/// How full a pool may be, in hundredths: ZFS slows down first, and then nothing can be written, not even
/// what would make room.
const FULL: u64 = 80;
const TOO_FULL: u64 = 92;

/// Days after which the next scrub is due.
const SCRUB_DAYS: u64 = 45;

/// Everything about a host that answered. `now` is this machine's clock, in seconds since 1970.
#[must_use]
pub fn examine(health: &HostHealth, now: u64) -> Vec<Finding> {
    if health.zone != "global" {
        return vec![Finding::wrong(
            "system",
            format!(
                "the login leads into the zone {}, not to the host",
                health.zone
            ),
            "name the host's own address under `[host]`; a zone that exists is reached by `[zone] ssh`",
        )];
    }
    let mut findings = vec![
        Finding::fine("system", format!("SmartOS {}", health.stamp)),
        clock(health, now),
    ];
    for pool in &health.pools {
        findings.extend(examine_pool(pool, now));
    }
    findings.push(sources(health));
    findings.push(keys(&health.keys));
    findings.extend(machines(health));
    findings.extend(services_findings(health.services.iter()));
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

fn examine_pool(pool: &Pool, now: u64) -> Vec<Finding> {
    let what = format!("pool {}", pool.name);
    let mut findings = Vec::new();
    if pool.health != "ONLINE" {
        findings.push(Finding::wrong(
            &what,
            format!("it is {}", pool.health),
            format!("`zpool status -x {}` there names the disk", pool.name),
        ));
    }
    if let Some(errors) = pool
        .errors
        .as_deref()
        .filter(|e| *e != "No known data errors")
    {
        findings.push(Finding::wrong(
            &what,
            errors,
            format!("`zpool status -v {}` there names the files", pool.name),
        ));
    }
    let says = format!("{} % full", pool.capacity);
    let fix = "let go of snapshots or images (`imgadm vacuum`), or add a disk";
    match pool.capacity {
        TOO_FULL.. => findings.push(Finding::wrong(&what, says, fix)),
        FULL.. => findings.push(Finding::notice(&what, says, fix)),
        _ => {}
    }
    if findings.is_empty() {
        findings.push(Finding::fine(
            &what,
            format!("{}, {} % full", pool.health, pool.capacity),
        ));
    }
    findings.push(scrub(pool, now));
    findings
}

/// When every block was read last. `scan: scrub repaired 0 in 1h2m with 0 errors on Sun Nov  1 04:02:03 2026`
fn scrub(pool: &Pool, now: u64) -> Finding {
    let what = format!("pool {}", pool.name);
    let fix = format!(
        "`zpool scrub {}` there; it can go on while everything runs",
        pool.name
    );
    let Some(scan) = &pool.scan else {
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

fn sources(health: &HostHealth) -> Finding {
    let what = "image sources";
    match health.sources.is_empty() {
        false => Finding::fine(what, health.sources.join(", ")),
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

fn machines(health: &HostHealth) -> Vec<Finding> {
    let what = "zones";
    let name = |uuid: &str, alias: &Option<String>| match alias {
        Some(alias) => format!("{alias} ({uuid})"),
        None => uuid.to_owned(),
    };
    let failed = health.machines.iter().filter(|vm| vm.state == "failed");
    let mut findings: Vec<Finding> = failed
        .map(|vm| {
            Finding::wrong(
                what,
                format!("{} failed, and will not start", name(&vm.uuid, &vm.alias)),
                format!(
                    "/zones/{}/root/var/svc/log there says why; one that never ran is let go with `vmadm delete {}`",
                    vm.uuid, vm.uuid
                ),
            )
        })
        .collect();
    if findings.is_empty() {
        let running = health
            .machines
            .iter()
            .filter(|vm| vm.state == "running")
            .count();
        let count = health.machines.len();
        findings.push(Finding::fine(what, format!("{running} of {count} run")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::facts::host_health::VmState;

    // 2026-11-23 00:00:00Z
    const NOW: u64 = 1_795_392_000;

    fn well() -> HostHealth {
        HostHealth {
            zone: "global".to_owned(),
            stamp: "joyent_20241212T000720Z".to_owned(),
            now: NOW,
            pools: vec![Pool {
                name: "zones".to_owned(),
                health: "ONLINE".to_owned(),
                capacity: 12,
                scan: Some(
                    "scrub repaired 0 in 1h2m with 0 errors on Sun Nov  1 04:02:03 2026".to_owned(),
                ),
                errors: Some("No known data errors".to_owned()),
            }],
            sources: vec!["https://images.smartos.org".to_owned()],
            keys: Keys::Kept,
            machines: vec![VmState {
                uuid: "u".to_owned(),
                alias: Some("tm".to_owned()),
                state: "running".to_owned(),
            }],
            ..HostHealth::default()
        }
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
                |h| h.zone = "8b4c".to_owned(),
                Wrong,
                "system: the login leads into the zone 8b4c",
            ),
            (|h| h.now += CLOCK + 1, Wrong, "clock: 3 min away"),
            (
                |h| h.pools[0].health = "DEGRADED".to_owned(),
                Wrong,
                "pool zones: it is DEGRADED",
            ),
            (
                |h| h.pools[0].errors = Some("3 data errors".to_owned()),
                Wrong,
                "pool zones: 3 data errors",
            ),
            (
                |h| h.pools[0].capacity = FULL,
                Notice,
                "pool zones: 80 % full",
            ),
            (
                |h| h.pools[0].capacity = TOO_FULL,
                Wrong,
                "pool zones: 92 % full",
            ),
            (
                |h| h.pools[0].scan = Some("none requested".to_owned()),
                Notice,
                "pool zones: it was never scrubbed",
            ),
            (
                |h| h.pools[0].scan = None,
                NotChecked,
                "pool zones: `zpool status` says nothing",
            ),
            (
                |h| {
                    h.pools[0].scan =
                        Some("scrub repaired 0 on Wed Sep 30 04:02:03 2026".to_owned())
                },
                Notice,
                "pool zones: last scrubbed 53 days ago",
            ),
            (
                |h| h.pools[0].scan = Some("scrub canceled on a day".to_owned()),
                NotChecked,
                "pool zones: when its last scrub was",
            ),
            (
                |h| h.sources.clear(),
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
                |h| h.machines[0].state = "failed".to_owned(),
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
            complaints(|h| h.pools[0].scan = Some("scrub in progress since x".to_owned()))
                .is_empty()
        );
    }
}
