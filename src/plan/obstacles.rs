//! What stands in the way of any plan: a login that is not root, a read-only file system, a clock from
//! before the sources.
//!
//! Each would otherwise be noticed where it hurts: after the build, or in the middle of an installation.

use super::phases::BUILD_EPOCH;
use super::{Refusal, Step};
use crate::facts::Facts;

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
}
