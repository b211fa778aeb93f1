//! What dies with a zone: its datasets with what they hold, and their snapshots.

use serde::{Deserialize, Serialize};

use crate::facts::FactError;
use crate::facts::sections::{SHELL, Section, Sections};
use crate::script::Script;

/// A dataset of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Victim {
    pub name: String,
    /// What it holds with its children and snapshots.
    pub used: u64,
    /// The names of its snapshots.
    pub snapshots: Vec<String>,
    /// Those of them that somebody holds: neither they nor the dataset can be destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
}

/// `datasets_of ROOT`: the datasets below it, snapshots included.
pub(super) const DATASETS_OF: &str = r#"
datasets_of() { /usr/sbin/zfs list -H -p -r -t filesystem,volume,snapshot -o name,used,userrefs "$1"; }
"#;

/// Asks for the datasets below `root`, snapshots included.
#[must_use]
pub fn ask(root: &str) -> Script {
    Script::new("ask what dies with the zone")
        .shell(SHELL)
        .shell(DATASETS_OF)
        .set("root", root)
        .shell(
            r#"
text=$(datasets_of "$root" 2>&1)
section datasets "$?" "$text"
section end 0 ''
"#,
        )
}

// zfs list -H -p -r -t filesystem,volume,snapshot -o name,used,userrefs zones/UUID →
//   zones/UUID	98304	-
//   zones/UUID/data@first	1024	0
/// Reads the answer to [`ask`].
///
/// # Errors
/// [`FactError`] when the datasets cannot be listed.
pub fn parse(answer: &[u8]) -> Result<Vec<Victim>, FactError> {
    let sections = Sections::parse(answer)?;
    sections.get("end")?;
    parse_list(sections.get("datasets")?)
}

pub(super) fn parse_list(section: &Section<'_>) -> Result<Vec<Victim>, FactError> {
    let said = String::from_utf8_lossy(section.text);
    // a zone that was never finished may have none
    if section.status != 0 && said.contains("does not exist") {
        return Ok(Vec::new());
    }
    let mut victims: Vec<Victim> = Vec::new();
    for line in section.text_of("zfs list")?.lines() {
        let wrong = || FactError::Line {
            command: "zfs list",
            line: line.to_owned(),
        };
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, used, holds] = columns[..] else {
            return Err(wrong());
        };
        let used = used.parse().map_err(|_| wrong())?;
        match name.split_once('@') {
            None => victims.push(Victim {
                name: name.to_owned(),
                used,
                ..Victim::default()
            }),
            Some((dataset, snapshot)) => {
                let victim = victims.iter_mut().find(|victim| victim.name == dataset);
                let victim = victim.ok_or_else(wrong)?;
                victim.snapshots.push(snapshot.to_owned());
                if !["-", "0"].contains(&holds) {
                    victim.held.push(snapshot.to_owned());
                }
            }
        }
    }
    Ok(victims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i32, text: &str) -> Vec<u8> {
        format!(
            "== datasets {status} {}\n{text}\n== end 0 0\n\n",
            text.len()
        )
        .into_bytes()
    }

    #[test]
    fn snapshots_belong_to_their_datasets() {
        let text = "zones/u\t5\t-\nzones/u/data\t4\t-\nzones/u/data@a\t1\t0\nzones/u/data@b\t2\t1\nzones/u/data/m\t3\t-";
        let victims = parse(&answer(0, text)).unwrap();
        assert_eq!(victims.len(), 3);
        assert_eq!(victims[1].snapshots, ["a", "b"]);
        assert_eq!(
            (victims[0].held.len(), &*victims[1].held),
            (0, &["b".to_owned()][..])
        );
        assert_eq!(
            (victims[2].name.as_str(), victims[2].used),
            ("zones/u/data/m", 3)
        );
        let none = "cannot open 'zones/u': dataset does not exist";
        assert_eq!(parse(&answer(1, none)).unwrap(), []);
        assert!(parse(&answer(1, "cannot open 'zones/u': I/O error")).is_err());
        assert!(parse(&answer(0, "zones/u\t5")).is_err());
        assert!(parse(&answer(0, "zones/u@a\t5\t0")).is_err());
    }
}
