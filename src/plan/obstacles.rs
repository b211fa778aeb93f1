//! What stands in the way of any plan: a login that is not root, a read-only file system, a clock from
//! before the sources.
//!
//! Each would otherwise be noticed where it hurts: after the build, or in the middle of an installation.

use super::phases::BUILD_EPOCH;
use super::{Refusal, Step};
use crate::facts::Facts;
use crate::facts::platform::stamp_date;
use crate::facts::repositories::branch_of;

/// Steps that bring packages into the prefix.
const INTO_PREFIX: [&str; 3] = ["dependencies/", "build/", "install/"];

/// Refuses a plan that could not be carried out.
pub(super) fn look(facts: &Facts, steps: &[Step]) -> Option<Refusal> {
    if steps.is_empty() {
        return None;
    }
    not_root(facts)
        .or_else(|| read_only(facts, steps))
        .or_else(|| clock(facts, steps))
        .or_else(|| old_platform(facts, steps))
        .or_else(|| mixed_branches(facts, steps))
}

fn not_root(facts: &Facts) -> Option<Refusal> {
    let uid = facts.machine.uid;
    (uid != 0).then(|| Refusal {
        message: format!("the login has the uid {uid}, and only root can make these changes"),
        help:
            "write `become = \"sudo\"` (or `\"pfexec\"`) in the zone file's `[zone]`, or let its \
               `ssh` log in as root"
                .to_owned(),
        diff: None,
    })
}

fn read_only(facts: &Facts, steps: &[Step]) -> Option<Refusal> {
    let writes_to_prefix = has(steps, &INTO_PREFIX);
    let is_needed = |path: &&String| *path != "/opt/local" || writes_to_prefix;
    let path = facts.machine.read_only.iter().find(is_needed)?;
    Some(Refusal {
        message: format!("{path} in the zone is read-only"),
        help:
            "make it writable: `mount` in the zone shows how it is mounted, `zfs get readonly` and \
               `zpool status` on its host why"
                .to_owned(),
        diff: None,
    })
}

/// `make` and `ninja` build anew without end what is older than a file from the future.
fn clock(facts: &Facts, steps: &[Step]) -> Option<Refusal> {
    let is_early = facts.platform.now < BUILD_EPOCH && has(steps, &["build/"]);
    is_early.then(|| Refusal {
        message: "the zone's clock stands before 2000-01-01, the date of every file that is built"
            .to_owned(),
        help:
            "set the clock of the zone's host: `date` there shows it, `svcs -xv ntp` who keeps it"
                .to_owned(),
        diff: None,
    })
}

/// Platforms that packages of a branch need at least, newest first: what the images of these branches
/// ask for (facts: smartos-host, 3.4).
const PLATFORMS: [(&str, &str); 2] = [
    ("2021Q4", "20210826T002459Z"),
    ("2014Q4", "20141030T081701Z"),
];

/// A program that was linked on a newer platform does not start: `ILLUMOS_0.37 not found`.
fn old_platform(facts: &Facts, steps: &[Step]) -> Option<Refusal> {
    let branch = facts.platform.branch.as_deref()?;
    let stamp = stamp_date(&facts.platform.stamp);
    let (_, least) = PLATFORMS.iter().find(|(first, _)| branch >= *first)?;
    // another system's version is no stamp
    let is_stamp = stamp.len() == least.len() && stamp.ends_with('Z');
    let is_old = is_stamp && stamp < *least && has(steps, &["dependencies/"]);
    is_old.then(|| Refusal {
        message: format!(
            "packages of {branch} need a platform of {least} or newer, and the zone's host runs {stamp}: \
             they would not start"
        ),
        help: "upgrade the host (`piadm` there), or make the zone from an image of an older branch"
            .to_owned(),
        diff: None,
    })
}

/// Packages of two branches in one prefix break each other.
fn mixed_branches(facts: &Facts, steps: &[Step]) -> Option<Refusal> {
    let branch = facts.platform.branch.as_deref()?;
    let urls = facts.packages.repositories.iter();
    let other = urls
        .filter_map(|url| branch_of(url))
        .find(|other| *other != branch)?;
    has(steps, &["dependencies/"]).then(|| Refusal {
        message: format!("the zone's image is {branch}, and its pkgin takes packages of {other}"),
        help: format!(
            "write {branch} in /opt/local/etc/pkgin/repositories.conf, or make the zone anew from an \
             image of {other}: two branches in one /opt/local break each other"
        ),
        diff: None,
    })
}

fn has(steps: &[Step], starts: &[&str]) -> bool {
    steps
        .iter()
        .any(|step| starts.iter().any(|start| step.id.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::platform::Platform;
    use crate::plan::{Action, Change, Stage, Work};

    fn step(id: &str) -> Step {
        Step {
            id: id.to_owned(),
            stage: Stage::Build,
            changes: vec![Change::new(Action::Run, "x", "y")],
            work: Work::Unknown,
        }
    }

    fn facts(now: u64, uid: u32, read_only: &[&str]) -> Facts {
        let mut facts = Facts {
            platform: Platform {
                now,
                ..Platform::default()
            },
            ..Facts::default()
        };
        facts.machine.uid = uid;
        facts.machine.read_only = read_only.iter().map(|path| (*path).to_owned()).collect();
        facts
    }

    #[test]
    fn what_stands_in_the_way_is_said_where_it_does() {
        for (facts, id, says) in [
            (facts(BUILD_EPOCH, 0, &[]), "build/x/source", None),
            (
                facts(BUILD_EPOCH - 1, 0, &[]),
                "build/x/source",
                Some("before 2000-01-01"),
            ),
            (facts(BUILD_EPOCH - 1, 0, &[]), "files/x", None),
            (facts(BUILD_EPOCH, 100, &[]), "files/x", Some("uid 100")),
            (facts(BUILD_EPOCH, 0, &["/opt/local"]), "files/x", None),
            (
                facts(BUILD_EPOCH, 0, &["/opt/local"]),
                "install/x",
                Some("/opt/local in the zone"),
            ),
            (
                facts(BUILD_EPOCH, 0, &["/var"]),
                "files/x",
                Some("/var in the zone is read-only"),
            ),
        ] {
            let refusal = look(&facts, &[step(id)]);
            assert_eq!(refusal.is_some(), says.is_some(), "{refusal:?}");
            if let (Some(refusal), Some(says)) = (refusal, says) {
                assert!(refusal.message.contains(says), "{refusal:?}");
            }
        }
        assert_eq!(look(&facts(0, 100, &["/opt/local", "/var"]), &[]), None);
    }

    #[test]
    fn packages_fit_the_platform_and_come_from_one_branch() {
        let url = |branch: &str| format!("https://x/SmartOS/{branch}/x86_64/All");
        for (branch, stamp, repository, says) in [
            ("2024Q4", "joyent_20210826T002459Z", "2024Q4", None),
            (
                "2024Q4",
                "joyent_20210826T002458Z",
                "2024Q4",
                Some("need a platform of"),
            ),
            ("2021Q3", "joyent_20210101T000000Z", "2021Q3", None),
            (
                "2021Q3",
                "joyent_20141030T081700Z",
                "2021Q3",
                Some("need a platform of 2014"),
            ),
            ("2013Q1", "joyent_20130101T000000Z", "2013Q1", None),
            ("2024Q4", "illumos-gate", "2024Q4", None),
            (
                "2024Q4",
                "joyent_20241212T000720Z",
                "2023Q4",
                Some("takes packages of 2023Q4"),
            ),
        ] {
            let mut facts = facts(BUILD_EPOCH, 0, &[]);
            facts.platform.branch = Some(branch.to_owned());
            facts.platform.stamp = stamp.to_owned();
            facts.packages.repositories = vec![url(repository)];
            let refusal = look(&facts, &[step("dependencies/x")]);
            let message = refusal.map(|refusal| refusal.message);
            assert_eq!(
                message.is_some(),
                says.is_some(),
                "{branch} {stamp}: {message:?}"
            );
            if let (Some(message), Some(says)) = (message, says) {
                assert!(message.contains(says), "{message}");
            }
            assert_eq!(look(&facts, &[step("files/x")]), None);
        }
    }
}
