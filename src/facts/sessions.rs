//! Who is being served right now: processes of a server that run under a user's own uid.
//!
//! afpd forks one child for each client and gives it the user's uid; the parent stays root. This
//! holds in every netatalk version, while `afpstats` needs a newer one or D-Bus.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// Process name → sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Sessions(pub BTreeMap<String, Vec<Session>>);

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
