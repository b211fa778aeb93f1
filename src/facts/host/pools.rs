//! The host's pools: how large, how full, how well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::FactError;
use crate::facts::sections::Section;

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pool {
    pub size_bytes: u64,
    pub free_bytes: u64,
    /// `ONLINE`, `DEGRADED`, …
    pub health: String,
}

// zpool list -H -p -o name,size,free,health →
//   zones	1992864825344	1879048192000	ONLINE
pub(super) fn parse(section: &Section<'_>) -> Result<BTreeMap<String, Pool>, FactError> {
    // nothing that is planned rests on it: what does not show is told as such
    if section.status != 0 {
        return Ok(BTreeMap::new());
    }
    let text = section.text_of("zpool list")?;
    let mut pools = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let wrong = || FactError::Line {
            command: "zpool list",
            line: line.to_owned(),
        };
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [name, size, free, health] = columns[..] else {
            return Err(wrong());
        };
        let pool = Pool {
            size_bytes: size.parse().map_err(|_| wrong())?,
            free_bytes: free.parse().map_err(|_| wrong())?,
            health: health.to_owned(),
        };
        pools.insert(name.to_owned(), pool);
    }
    Ok(pools)
}
