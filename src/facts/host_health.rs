//! How a SmartOS host is: pools, image sources, what of root's keys a reboot leaves, zones in trouble.
//!
//! The global zone's root file system is a ramdisk: what is not below `/usbkey`, `/opt`, `/var` or
//! `/zones` is gone at the next boot (facts: smartos-host, 4.5 and 5.3).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::FactError;
use super::health::services;
use super::sections::{self, Sections};
use crate::script::Script;

/// How a host is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostHealth {
    /// `global`, where the login leads to a host at all.
    pub zone: String,
    /// `uname -v`: `joyent_20241212T000720Z`.
    pub stamp: String,
    /// Seconds since 1970 on its clock.
    pub now: u64,
    pub pools: Vec<Pool>,
    /// URLs of imgadm's sources.
    pub sources: Vec<String>,
    /// Whether keys for root are put back at every boot.
    pub keys: Keys,
    /// Its zones and machines, by uuid.
    pub machines: Vec<VmState>,
    /// FMRI → state, of every service that is neither online nor disabled.
    pub services: BTreeMap<String, String>,
}

/// A storage pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    pub name: String,
    /// `ONLINE`, `DEGRADED`, …
    pub health: String,
    /// How full it is, in hundredths.
    pub capacity: u64,
    /// What `zpool status` says of the last scrub or resilver.
    pub scan: Option<String>,
    /// What `zpool status` says of errors.
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

/// A zone or virtual machine as `vmadm` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct VmState {
    pub uuid: String,
    #[serde(default)]
    pub alias: Option<String>,
    #[serde(default)]
    pub state: String,
}

/// Asks for all of it.
#[must_use]
pub fn probe() -> Script {
    Script::new("ask how the host is")
        .shell(sections::SHELL)
        .shell(ASK)
        .shell("section end 0 ''")
}

// zpool list -H -o name,cap,health → zones	12%	ONLINE
// zpool status zones (inferred from illumos' zpool) →
//   scan: scrub repaired 0 in 0 days 01:02:03 with 0 errors on Sun Nov  1 04:02:03 2026
// errors: No known data errors
// imgadm sources → https://images.smartos.org
// /usbkey/config → root_authorized_keys_file=authorized_keys
// vmadm lookup -j -o uuid,alias,state → [{"uuid": "…", "alias": "tm", "state": "running"}]
const ASK: &str = r#"
text=$(printf '%(%s)T\n' -1 && /usr/bin/zonename && /usr/bin/uname -v)
section host $? "$text"
text=$(/usr/sbin/zpool list -H -o name,cap,health 2>&1)
section pools $? "$text"
text=$(/usr/sbin/zpool status 2>&1)
section pool-status $? "$text"
text=$(/usr/sbin/imgadm sources 2>&1)
section sources $? "$text"
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
text=$(/usr/sbin/vmadm lookup -j -o uuid,alias,state 2>&1)
section machines $? "$text"
text=$(/usr/bin/svcs -aH -o state,fmri 2>&1)
section services $? "$text"
"#;

/// Reads the answer to [`probe`].
///
/// # Errors
/// [`FactError`] at the first thing that is not as it is known to be printed.
pub fn parse(answer: &[u8]) -> Result<HostHealth, FactError> {
    let sections = Sections::parse(answer)?;
    sections.get("end")?;
    let text = sections.get("host")?.text_of("zonename")?;
    let lines: Vec<&str> = text.lines().collect();
    let garbled = || FactError::Garbled {
        section: "host".to_owned(),
    };
    let [now, zone, stamp] = lines[..] else {
        return Err(garbled());
    };
    let is_host = zone == "global";
    Ok(HostHealth {
        now: now.parse().map_err(|_| garbled())?,
        zone: zone.to_owned(),
        stamp: stamp.to_owned(),
        // what a zone answers to a host's questions is of no use
        pools: if is_host {
            pools(&sections)?
        } else {
            Vec::new()
        },
        sources: match is_host {
            true => lines_of(sections.get("sources")?.text_of("imgadm sources")?),
            false => Vec::new(),
        },
        keys: keys(sections.get("keys")?.text_of("cat /usbkey/config")?),
        machines: match is_host {
            true => machines(sections.get("machines")?.text_of("vmadm lookup")?)?,
            false => Vec::new(),
        },
        services: services(sections.get("services")?, &BTreeSet::new())?,
    })
}

fn lines_of(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

fn pools(sections: &Sections<'_>) -> Result<Vec<Pool>, FactError> {
    let mut pools = Vec::new();
    for line in sections.get("pools")?.text_of("zpool list")?.lines() {
        let bad = || FactError::Line {
            command: "zpool list",
            line: line.to_owned(),
        };
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, capacity, health] = cells[..] else {
            return Err(bad());
        };
        let capacity = capacity.trim_end_matches('%').parse().map_err(|_| bad())?;
        pools.push(Pool {
            name: name.to_owned(),
            health: health.to_owned(),
            capacity,
            scan: None,
            errors: None,
        });
    }
    let text = sections.get("pool-status")?.text_of("zpool status")?;
    let mut name = "";
    for line in text.lines() {
        let Some((key, value)) = line.trim_start().split_once(':') else {
            continue;
        };
        let value = value.trim();
        let Some(pool) = pools
            .iter_mut()
            .find(|pool| pool.name == name || key == "pool")
        else {
            continue;
        };
        match key {
            "pool" => name = value,
            "scan" => pool.scan = Some(value.to_owned()),
            "errors" => pool.errors = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(pools)
}

fn keys(text: &str) -> Keys {
    match text.split_once(' ') {
        Some(("missing", file)) => Keys::Missing(file.to_owned()),
        _ if text == "kept" => Keys::Kept,
        _ if text == "no-config" => Keys::NoConfig,
        _ => Keys::NotNamed,
    }
}

fn machines(text: &str) -> Result<Vec<VmState>, FactError> {
    serde_json::from_str(text).map_err(|_| FactError::Line {
        command: "vmadm lookup",
        line: text.lines().next().unwrap_or("").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(parts: &[(&str, &str)]) -> Vec<u8> {
        let part = |(name, text): &(&str, &str)| format!("== {name} 0 {}\n{text}\n", text.len());
        parts.iter().map(part).collect::<String>().into_bytes()
    }

    const STATUS: &str = "  pool: zones\n state: ONLINE\n  scan: scrub repaired 0 in 1h2m with 0 errors on \
        Sun Nov  1 04:02:03 2026\nconfig:\n\n\tNAME        STATE     READ WRITE CKSUM\n\terrors: of a disk\n\n\
        errors: No known data errors\n\n  pool: back\n state: DEGRADED\n  scan: none requested\n\
        errors: 3 data errors, use '-v' for a list";

    #[test]
    fn each_pool_has_its_own_scrub_and_errors() {
        let machines =
            r#"[{"uuid":"u1","alias":"tm","state":"running"},{"uuid":"u2","state":"failed"}]"#;
        let text = answer(&[
            ("host", "1795392000\nglobal\njoyent_20241212T000720Z"),
            ("pools", "zones\t12%\tONLINE\nback\t91%\tDEGRADED"),
            ("pool-status", STATUS),
            ("sources", "https://images.smartos.org\n"),
            ("keys", "missing authorized_keys"),
            ("machines", machines),
            ("services", "online svc:/network/ssh:default"),
            ("end", ""),
        ]);
        let health = parse(&text).unwrap();
        let [zones, back] = &health.pools[..] else {
            panic!("{health:?}");
        };
        assert_eq!(zones.capacity, 12);
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
        assert_eq!(health.keys, Keys::Missing("authorized_keys".to_owned()));
        assert_eq!(health.machines[1].state, "failed");
        assert_eq!(health.machines[1].alias, None);
        assert!(health.services.is_empty());
        assert!(parse(&text[..text.len() - 12]).is_err());
    }

    #[test]
    fn a_zone_that_is_asked_like_a_host_says_so() {
        let text = answer(&[
            ("host", "1795392000\n8b4c\njoyent_20241212T000720Z"),
            ("keys", "no-config"),
            ("services", ""),
            ("end", ""),
        ]);
        assert_eq!(parse(&text).unwrap().zone, "8b4c");
    }
}
