//! How a host is, beyond what zones ask of it: scrubs, what of root's keys a reboot leaves, services.
//!
//! The global zone's root file system is a ramdisk: what is not below `/usbkey`, `/opt`, `/var` or
//! `/zones` is gone at the next boot (facts: smartos-host, 4.5 and 5.3).

use std::collections::{BTreeMap, BTreeSet};

use super::{HostFacts, HostQuestions};
use crate::facts::FactError;
use crate::facts::health::{services, told};
use crate::facts::sections::Sections;
use crate::script::Script;

/// How a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostHealth {
    pub facts: HostFacts,
    /// Seconds since 1970 on its clock.
    pub now: u64,
    /// Pool → what `zpool status` says of it; why it says nothing.
    pub pools: Result<BTreeMap<String, PoolStatus>, String>,
    /// Whether keys for root are put back at every boot.
    pub keys: Keys,
    /// FMRI → state, of every service that is neither online nor disabled.
    pub services: BTreeMap<String, String>,
}

/// What `zpool status` says of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolStatus {
    /// The last scrub or resilver.
    pub scan: Option<String>,
    pub errors: Option<String>,
}

/// What becomes of the keys that may log in as root when the host is started again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Keys {
    /// They are put back.
    Kept,
    /// `/usbkey/config` does not name a file of keys.
    #[default]
    NotNamed,
    /// The file that it names is not there, or empty.
    Missing(String),
    /// There is no `/usbkey/config` (a host that was booted without its key).
    NoConfig,
}

/// Asks for all of it.
#[must_use]
pub fn probe() -> Script {
    super::ask(&HostQuestions::default(), "ask how the host is")
        .shell(ASK)
        .shell("section end 0 ''")
}

// zpool status (inferred from illumos' zpool) →
//   pool: zones
//   scan: scrub repaired 0 in 0 days 01:02:03 with 0 errors on Sun Nov  1 04:02:03 2026
// errors: No known data errors
// /usbkey/config → root_authorized_keys_file=authorized_keys
const ASK: &str = r#"
section clock 0 "$(printf '%(%s)T\n' -1)"
said pool-status /usr/sbin/zpool status
said services /usr/bin/svcs -aH -o state,fmri
if [ -r /usbkey/config ]; then
  file=
  while IFS='=' read -r name value; do
    [ "$name" = root_authorized_keys_file ] && file=$value
  done </usbkey/config
  if [ -z "$file" ]; then section keys 0 not-named
  elif [ -s "/usbkey/config.inc/$file" ]; then section keys 0 kept
  else section keys 0 "missing $file"
  fi
else
  section keys 0 no-config
fi
"#;

/// Reads the answer to [`probe`].
///
/// # Errors
/// [`FactError`] at the first thing that is not as it is known to be printed.
pub fn parse(answer: &[u8]) -> Result<HostHealth, FactError> {
    let facts = super::parse(answer)?;
    let sections = Sections::parse(answer)?;
    let clock = sections.get("clock")?.text_of("date")?;
    Ok(HostHealth {
        facts,
        now: clock.trim().parse().map_err(|_| FactError::Line {
            command: "date",
            line: clock.to_owned(),
        })?,
        pools: told(sections.get("pool-status")?, |section| {
            Ok(pools(section.text_of("zpool status")?))
        })?,
        keys: keys(sections.get("keys")?.text_of("cat /usbkey/config")?),
        services: services(sections.get("services")?, &BTreeSet::new())?,
    })
}

fn pools(text: &str) -> BTreeMap<String, PoolStatus> {
    let mut pools: BTreeMap<String, PoolStatus> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        let Some((key, value)) = line.trim_start_matches(' ').split_once(':') else {
            continue;
        };
        let value = value.trim().to_owned();
        match key {
            "pool" => {
                pools.entry(value.clone()).or_default();
                name = value;
            }
            "scan" | "errors" => {
                let pool = pools.entry(name.clone()).or_default();
                let place = match key {
                    "scan" => &mut pool.scan,
                    _ => &mut pool.errors,
                };
                *place = Some(value);
            }
            _ => {}
        }
    }
    pools
}

fn keys(text: &str) -> Keys {
    match text.split_once(' ') {
        Some(("missing", file)) => Keys::Missing(file.to_owned()),
        _ if text == "kept" => Keys::Kept,
        _ if text == "no-config" => Keys::NoConfig,
        _ => Keys::NotNamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "  pool: zones\n state: ONLINE\n  scan: scrub repaired 0 in 1h2m with 0 errors on \
        Sun Nov  1 04:02:03 2026\nconfig:\n\n\tNAME        STATE     READ WRITE CKSUM\n\terrors: of a disk\n\n\
        errors: No known data errors\n\n  pool: back\n state: DEGRADED\n  scan: none requested\n\
        errors: 3 data errors, use '-v' for a list";

    #[test]
    fn each_pool_has_its_own_scrub_and_errors() {
        let pools = pools(STATUS);
        let (zones, back) = (&pools["zones"], &pools["back"]);
        assert!(
            zones
                .scan
                .as_ref()
                .unwrap()
                .ends_with("Sun Nov  1 04:02:03 2026")
        );
        assert_eq!(zones.errors.as_deref(), Some("No known data errors"));
        assert_eq!(back.scan.as_deref(), Some("none requested"));
        assert!(back.errors.as_ref().unwrap().starts_with("3 data errors"));
        assert_eq!(pools.len(), 2);
        assert_eq!(keys("missing a b"), Keys::Missing("a b".to_owned()));
        assert_eq!(keys("kept"), Keys::Kept);
    }
}
