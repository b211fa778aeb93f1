//! Service instances: the state that SMF reports.
//!
//! `svcs` prints fixed columns; with `-H -o state,nstate,fmri` the words are the first two and the
//! rest. An instance that does not exist is a line on stderr and exit 1, while the others are
//! printed: it is then absent here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// Where the digests of starts are kept, one file an instance: its FMRI with `_` for `/`.
pub const START_ROOT: &str = "/var/db/zonewright/starts";

/// FMRI → state of the instances that were asked for and exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Services(pub BTreeMap<String, ServiceFact>);

/// The state of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServiceFact {
    /// `online`, `offline`, `disabled`, `maintenance`, `degraded`, `uninitialized`.
    pub state: String,
    /// The state it is going to, or `-`.
    pub next: String,
    /// The digest of what its last start by us depended on, where there was one.
    #[serde(default)]
    pub started_with: Option<String>,
}

impl ServiceFact {
    /// Whether it is online and stays so.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.state == "online" && self.next == "-"
    }
}

// svcs -H -o state,nstate,fmri svc:/network/netatalk:default svc:/network/dns/multicast:default →
//   online         -             svc:/network/netatalk:default
//   disabled       -             svc:/network/dns/multicast:default
// svcs: Pattern 'svc:/network/x:default' doesn't match any instances        (stderr)
pub(super) fn ask(script: Script, fmris: &BTreeSet<String>) -> Script {
    script.list("fmris", fmris).set("starts", START_ROOT).shell(
        r#"
text= status=0
if [ ${#fmris[@]} -gt 0 ]; then
  text=$(/usr/bin/svcs -H -o state,nstate,fmri "${fmris[@]}" 2>/dev/null)
  status=$?
  # an instance that does not exist
  [ "$status" -eq 1 ] && status=0
fi
section services "$status" "$text"
for fmri in ${fmris[@]+"${fmris[@]}"}; do
  path=$starts/${fmri//\//_}
  [ -f "$path" ] && section "started:$fmri" 0 "$(<"$path")"
done
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Services, FactError> {
    let mut services = BTreeMap::new();
    for line in sections.get("services")?.text_of("svcs")?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [state, next, fmri] = words[..] else {
            return Err(FactError::Line {
                command: "svcs",
                line: line.to_owned(),
            });
        };
        let fact = ServiceFact {
            state: state.to_owned(),
            next: next.to_owned(),
            started_with: None,
        };
        services.insert(fmri.to_owned(), fact);
    }
    for (fmri, section) in sections.with_argument("started") {
        if let (Some(fact), Some(digest)) = (services.get_mut(fmri), section.lines()?.next()) {
            fact.started_with = Some(digest.to_owned());
        }
    }
    Ok(Services(services))
}
