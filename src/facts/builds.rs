//! Build trees on the target and the state of their phases, so that work done is not done twice.
//!
//! A phase leaves `PHASE.rc` with its exit status when it ends; `PHASE.ctid` holds the contract it
//! runs in. No `rc` and no living contract means that it died (a reboot, a kill).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// Where build trees live. Made by root: accounts that log in over AFP are accounts of the zone.
pub const BUILD_ROOT: &str = "/var/db/zonewright/build";

/// Build key → what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Builds(pub BTreeMap<String, BTreeMap<String, PhaseState>>);

/// The file that says that somebody changed a tree by hand. What such a tree holds is not what its
/// key says, so none of its phases counts as done.
pub const BY_HAND: &str = "by-hand";

/// What became of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseState {
    /// It ended with this status.
    Ended(i32),
    /// It was started and has not ended, or died.
    Started,
}

impl Builds {
    /// Whether a phase of a build has ended well.
    #[must_use]
    pub fn is_done(&self, key: &str, phase: &str) -> bool {
        self.0.get(key).and_then(|phases| phases.get(phase)) == Some(&PhaseState::Ended(0))
    }

    /// Whether somebody changed a build's tree by hand.
    #[must_use]
    pub fn is_changed_by_hand(&self, key: &str) -> bool {
        self.0
            .get(key)
            .is_some_and(|phases| phases.contains_key(BY_HAND))
    }
}

// one line a file: KEY PHASE rc STATUS   or   KEY PHASE started
// of a tree that was changed by hand just: KEY by-hand started
// and one line a tree that says whose it is: KEY RECIPE
pub(super) fn ask(script: Script) -> Script {
    script.set("root", BUILD_ROOT).shell(
        r#"
text=
for path in "$root"/*/*.started; do
  [ -f "$path" ] || continue
  phase=${path##*/} phase=${phase%.started} key=${path%/*} key=${key##*/}
  if [ -f "${path%/*}/by-hand" ]; then
    [ "$phase" != source ] || text="$text$key by-hand started"$'\n'
  elif [ -f "${path%.started}.rc" ]; then
    text="$text$key $phase rc $(<"${path%.started}.rc")"$'\n'
  else
    text="$text$key $phase started"$'\n'
  fi
done
section builds 0 "$text"
text=
for path in "$root"/*/recipe; do
  [ -f "$path" ] || continue
  key=${path%/recipe}
  text="$text${key##*/} $(<"$path")"$'\n'
done
section build-recipes 0 "$text"
"#,
    )
}

/// Build key of a tree → the recipe that it belongs to.
pub(super) fn parse_recipes(
    sections: &Sections<'_>,
) -> Result<BTreeMap<String, String>, FactError> {
    let lines = sections.get("build-recipes")?.lines()?;
    lines
        .map(|line| {
            let (key, recipe) = line.split_once(' ').ok_or_else(|| FactError::Line {
                command: "build trees",
                line: line.to_owned(),
            })?;
            Ok((key.to_owned(), recipe.to_owned()))
        })
        .collect()
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Builds, FactError> {
    let mut builds: BTreeMap<String, BTreeMap<String, PhaseState>> = BTreeMap::new();
    for line in sections.get("builds")?.lines()? {
        let words: Vec<&str> = line.split(' ').collect();
        let bad = || FactError::Line {
            command: "build phases",
            line: line.to_owned(),
        };
        let (key, phase, state) = match words[..] {
            // a status that was not written to its end is none
            [key, phase, "rc", status] => {
                let ended = status.parse().map(PhaseState::Ended);
                (key, phase, ended.unwrap_or(PhaseState::Started))
            }
            [key, phase, "started"] => (key, phase, PhaseState::Started),
            _ => return Err(bad()),
        };
        builds
            .entry(key.to_owned())
            .or_default()
            .insert(phase.to_owned(), state);
    }
    Ok(Builds(builds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_of_which_no_status_was_written_has_not_ended() {
        let text = "k source rc \nk compile rc 2\nk stage rc 0\nk configure started\n";
        let answer = format!("== builds 0 {}\n{text}\n", text.len());
        let builds = parse(&Sections::parse(answer.as_bytes()).unwrap()).unwrap();
        let state = |phase: &str| builds.0["k"][phase];
        assert_eq!(state("source"), PhaseState::Started);
        assert_eq!(state("compile"), PhaseState::Ended(2));
        assert!(builds.is_done("k", "stage") && !builds.is_done("k", "source"));
        assert_eq!(state("configure"), PhaseState::Started);
    }
}
