//! NIC tags: the names under which a host's networks can be connected to.
//!
//! With `-p` the separator is `:`, which stands in every MAC address too; with `-d ,` it is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::FactError;
use crate::facts::sections::Section;

/// What is behind a NIC tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tag {
    /// The link: `igb1`, or `-`.
    pub link: String,
    /// `normal`, `aggr`, `etherstub` or an overlay.
    pub kind: String,
}

// nictagadm list -p -d , →
//   admin,d0:50:99:d0:85:34,igb1,normal
//   stub0,-,-,etherstub
pub(super) fn parse_tags(section: &Section<'_>) -> Result<BTreeMap<String, Tag>, FactError> {
    let text = section.text_of("nictagadm list")?;
    let mut tags = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = line.split(',').collect();
        let [name, _, link, kind] = columns[..] else {
            return Err(FactError::Line {
                command: "nictagadm list",
                line: line.to_owned(),
            });
        };
        let tag = Tag {
            link: link.to_owned(),
            kind: kind.to_owned(),
        };
        tags.insert(name.to_owned(), tag);
    }
    Ok(tags)
}
