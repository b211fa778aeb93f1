//! What the target has to work with: cores, memory, free space, and whether we may write there.
//!
//! In a zone `psrinfo` shows the host's cores; what a zone may use is the smaller of that and its
//! CPU cap, which counts in hundredths of a core.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// What a target has to work with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Machine {
    /// Cores that may be used, at least 1.
    pub cores: u32,
    /// The zone's memory cap in bytes, where there is one.
    pub memory: Option<u64>,
    /// Free bytes at the paths that matter: `/opt`, `/var`.
    pub free: BTreeMap<String, u64>,
    /// Who asks: 0 for root.
    #[serde(default)]
    pub uid: u32,
    /// Of the folders that every apply writes to, those that cannot be written to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub read_only: BTreeSet<String>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            cores: 1,
            memory: None,
            free: BTreeMap::new(),
            uid: 0,
            read_only: BTreeSet::new(),
        }
    }
}

// psrinfo -t → 8
// kstat -p (asked with the platform's) →
//   caps:3:cpucaps_zone_3:value	350              no such line without a cap
//   memory_cap:3:8b4c…:physcap	2147483648
// df -kP /opt /var →
//   Filesystem 1024-blocks Used Available Capacity Mounted on
//   zones/8b4c… 209715200 1048576 208666624 1% /
// bash's own `$EUID`, then the folders that it may not write to → 0
pub(super) fn ask(script: Script) -> Script {
    script.shell(
        r#"
text=$(/usr/sbin/psrinfo -t)
section cores $? "$text"
text=$(/usr/bin/df -kP /opt /var)
section free $? "$text"
text=$EUID
for path in /opt/local /var; do [ -w "$path" ] || text=$text$'\n'$path; done
section writer 0 "$text"
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Machine, FactError> {
    let text = sections.get("cores")?.text_of("psrinfo -t")?;
    let cores: u32 = text.trim().parse().map_err(|_| FactError::Line {
        command: "psrinfo -t",
        line: text.to_owned(),
    })?;
    let cap = kstat_value(sections, "caps:")?.map(|hundredths| hundredths.div_ceil(100));
    let cores = match cap.map(u32::try_from) {
        Some(Ok(cap)) if cap > 0 => cores.min(cap),
        _ => cores,
    };
    let writer = sections.get("writer")?;
    let mut lines = writer.lines()?;
    let uid = lines.next().unwrap_or_default();
    Ok(Machine {
        uid: uid.parse().map_err(|_| FactError::Line {
            command: "echo $EUID",
            line: uid.to_owned(),
        })?,
        read_only: lines.map(str::to_owned).collect(),
        cores: cores.max(1),
        memory: kstat_value(sections, "memory_cap:")?,
        free: parse_free(sections.get("free")?.text_of("df -kP")?)?,
    })
}

/// The value of the line of this module, where there is one.
fn kstat_value(sections: &Sections<'_>, module: &str) -> Result<Option<u64>, FactError> {
    let text = sections.get("kstat")?.text_of("kstat -p")?;
    let Some(line) = text.lines().find(|line| line.starts_with(module)) else {
        return Ok(None);
    };
    line.rsplit_once('\t')
        .and_then(|(_, value)| value.trim().parse().ok())
        .map(Some)
        .ok_or_else(|| FactError::Line {
            command: "kstat -p",
            line: line.to_owned(),
        })
}

fn parse_free(text: &str) -> Result<BTreeMap<String, u64>, FactError> {
    let bad = |line: &str| FactError::Line {
        command: "df -kP",
        line: line.to_owned(),
    };
    // one line per operand, in their order; the mount point may be the same
    let mut free = BTreeMap::new();
    for (path, line) in ["/opt", "/var"].iter().zip(text.lines().skip(1)) {
        let available = line
            .split_whitespace()
            .rev()
            .nth(2)
            .ok_or_else(|| bad(line))?;
        let kib: u64 = available.parse().map_err(|_| bad(line))?;
        free.insert((*path).to_owned(), kib.saturating_mul(1024));
    }
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(cores: &str, cap: &str) -> Machine {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  zones/x 100 40 60 40% /\nzones/x 100 40 61 40% /";
        let part = |name: &str, status: i32, text: &str| {
            format!("== {name} {status} {}\n{text}\n", text.len())
        };
        let answer = part("cores", 0, cores)
            + &part("kstat", 0, cap)
            + &part("free", 0, df)
            + &part("writer", 0, "0\n/opt/local");
        parse(&Sections::parse(answer.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_cpu_cap_limits_the_cores_and_rounds_up() {
        assert_eq!(machine("8", "").cores, 8);
        assert_eq!(machine("8", "caps:3:cpucaps_zone_3:value\t350").cores, 4);
        assert_eq!(machine("8", "caps:3:cpucaps_zone_3:value\t50").cores, 1);
        assert_eq!(machine("2", "caps:3:cpucaps_zone_3:value\t800").cores, 2);
        assert_eq!(machine("2", "").free["/var"], 61 * 1024);
        assert_eq!(machine("2", "").uid, 0);
        assert!(machine("2", "").read_only.contains("/opt/local"));
    }
}
