//! Who is being served right now: processes of a server that run under a user's own uid.
//!
//! afpd forks one child for each client and gives it the user's uid; the parent stays root. This
//! holds in every netatalk version, while `afpstats` needs a newer one or D-Bus.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// Process name → sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Sessions(pub BTreeMap<String, Vec<Session>>);

impl Sessions {
    /// Whether nobody is being served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(Vec::is_empty)
    }

    /// All of them, whatever serves them.
    #[must_use]
    pub fn all(&self) -> Vec<Session> {
        self.0.values().flatten().cloned().collect()
    }
}

/// One client that is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Session {
    /// The account.
    pub user: String,
    pub pid: u32,
    /// How long the process has been there, as `ps` writes it (`[[dd-]hh:]mm:ss`).
    pub since: String,
}

// pgrep -x afpd → one pid a line, exit 1 where there is none
// ps -o user=,pid=,etime= -p 123,456 →     matt   456       05:12
pub(super) fn ask(script: Script, processes: &BTreeSet<String>) -> Script {
    script.list("processes", processes).shell(
        r#"
for name in ${processes[@]+"${processes[@]}"}; do
  text= pids=$(/usr/bin/pgrep -x -- "$name")
  [ -n "$pids" ] && text=$(/usr/bin/ps -o user= -o pid= -o etime= -p "${pids//$'\n'/,}")
  section "sessions:$name" 0 "$text"
done
"#,
    )
}

/// What a script that spares sessions says of them.
///
/// ```text
/// being served: matt 456 05:12
/// ```
#[must_use]
pub fn parse_spared(said: &str) -> Vec<Session> {
    let lines = said
        .lines()
        .filter_map(|line| line.strip_prefix("being served: "));
    let sessions = lines.filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [user, pid, since] = words[..] else {
            return None;
        };
        Some(Session {
            user: user.to_owned(),
            pid: pid.parse().ok()?,
            since: since.to_owned(),
        })
    });
    sessions.collect()
}

impl Session {
    /// How long the process has been there; nothing where `ps` writes it otherwise.
    #[must_use]
    pub fn lasts(&self) -> Option<Duration> {
        let (days, clock) = match self.since.split_once('-') {
            Some((days, clock)) => (days.parse::<u64>().ok()?, clock),
            None => (0, self.since.as_str()),
        };
        let mut seconds = 0_u64;
        for part in clock.split(':') {
            let part: u64 = part.parse().ok()?;
            seconds = seconds.checked_mul(60)?.checked_add(part)?;
        }
        let seconds = days.checked_mul(86_400)?.checked_add(seconds)?;
        Some(Duration::from_secs(seconds))
    }
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Sessions, FactError> {
    let mut sessions = BTreeMap::new();
    for (process, section) in sections.with_argument("sessions") {
        let mut found = Vec::new();
        for line in section.lines()? {
            let words: Vec<&str> = line.split_whitespace().collect();
            let bad = || FactError::Line {
                command: "ps",
                line: line.to_owned(),
            };
            let [user, pid, since] = words[..] else {
                return Err(bad());
            };
            if user != "root" {
                found.push(Session {
                    user: user.to_owned(),
                    pid: pid.parse().map_err(|_| bad())?,
                    since: since.to_owned(),
                });
            }
        }
        sessions.insert(process.to_owned(), found);
    }
    Ok(Sessions(sessions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_says_of_sessions_is_read_among_other_words() {
        let said = "warning: x\nbeing served: matt 456 05:12\nbeing served: anna 7 2-03:04:05\n";
        let sessions = parse_spared(said);
        let users: Vec<&str> = sessions.iter().map(|s| s.user.as_str()).collect();
        assert_eq!(users, ["matt", "anna"]);
        assert_eq!(sessions[0].lasts(), Some(Duration::from_secs(5 * 60 + 12)));
        let long = 2 * 86_400 + 3 * 3600 + 4 * 60 + 5;
        assert_eq!(sessions[1].lasts(), Some(Duration::from_secs(long)));
        assert_eq!(parse_spared("being served: matt"), []);
        let odd = Session {
            since: "now".to_owned(),
            ..sessions[0].clone()
        };
        assert_eq!(odd.lasts(), None);
    }
}
