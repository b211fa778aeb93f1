//! Who is changing the target right now: the twin of `plan/lock`.
//!
//! Each run that wants to change a zone announces itself with a file of its own, named by its token.
//! A holder counts as long as its connection's contract has a member: sshd runs every connection in a
//! fresh contract, and what a lost one left running stays in it (`facts`: userland §4.4).

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// Where runs announce themselves, one file each.
pub const LOCK_ROOT: &str = "/var/db/zonewright/lock";

/// A run that changes the target, in its controller's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Holder {
    /// The name of its file; no two runs have the same.
    #[serde(skip)]
    pub token: String,
    /// The account on the controller.
    pub user: String,
    /// The controller's host name.
    pub host: String,
    /// What it does, as in `apply backup`.
    pub command: String,
    /// Which controller's state folder its log is in.
    pub controller: String,
    /// The zone file's name there, under which its logs are.
    pub zone: String,
    /// The name of its log.
    pub run: String,
}

/// An announcement in the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lock {
    /// Whose it is.
    pub holder: Holder,
    /// Since when, in seconds since 1970 by the zone's clock.
    pub since: u64,
    /// Whether its connection, or something that it started, is still there.
    pub is_alive: bool,
}

// one line an announcement: yes|no SINCE TOKEN JSON
pub(super) fn ask(script: Script) -> Script {
    ask_in(script, LOCK_ROOT)
}

/// The same of another folder than the zone's own.
pub(super) fn ask_in(script: Script, root: &str) -> Script {
    script.set("root", root).shell(
        r#"
text= boot=
for path in "$root"/*; do
  [ -f "$path" ] || continue
  { IFS=' ' read -r was contract since && IFS= read -r holder; } <"$path" || continue
  [ -n "$boot" ] || { boot=$(/usr/bin/kstat -p unix:0:system_misc:boot_time); boot=${boot##*[[:space:]]}; }
  alive=no
  if [ "$was" = "$boot" ]; then
    if [ "$contract" = none ] || /usr/bin/pgrep -c "$contract" >/dev/null; then alive=yes; fi
  fi
  text="$text$alive $since ${path##*/} $holder"$'\n'
done
section locks 0 "$text"
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Vec<Lock>, FactError> {
    let text = sections.get("locks")?.lines()?.collect::<Vec<_>>();
    parse_lines(&text.join("\n"))
}

/// Reads announcements as the scripts print them, one a line.
///
/// # Errors
/// [`FactError::Line`] for a line that no script of ours prints. What another version wrote about
/// itself may say less, and is no error.
pub fn parse_lines(text: &str) -> Result<Vec<Lock>, FactError> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let bad = || FactError::Line {
                command: "locks",
                line: line.to_owned(),
            };
            let mut words = line.splitn(4, ' ');
            let mut word = || words.next().ok_or_else(bad);
            let (alive, since, token) = (word()?, word()?, word()?);
            let mut holder: Holder = serde_json::from_str(word()?).unwrap_or_default();
            token.clone_into(&mut holder.token);
            Ok(Lock {
                holder,
                since: since.parse().map_err(|_| bad())?,
                is_alive: alive == "yes",
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_read_and_other_lines_refused() {
        let text = "yes 1732290000 a1b2 {\"user\":\"matt\",\"host\":\"mini\",\"command\":\"apply backup\"}\n\
                    no 1732290001 c3d4 not json\n";
        let locks = parse_lines(text).unwrap();
        assert_eq!(locks.len(), 2);
        assert_eq!(locks[0].holder.user, "matt");
        assert_eq!(locks[0].holder.token, "a1b2");
        assert_eq!((locks[0].since, locks[0].is_alive), (1_732_290_000, true));
        assert!(!locks[1].is_alive);
        assert_eq!(locks[1].holder.user, "");
        for line in ["yes", "yes x t {}", "yes 1 t"] {
            assert!(parse_lines(line).is_err(), "{line}");
        }
    }
}
