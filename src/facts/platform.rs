//! What the target is: platform stamp, zone, architecture, brand, pkgsrc branch, clock, boot time.
//!
//! The pkgsrc branch is read from `/etc/pkgsrc_version`, which the images carry; the brand from the
//! zone's metadata. A zone without either is still a zone: both are optional.

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Platform {
    /// Seconds since 1970 on the target's clock when it was asked.
    pub now: u64,
    /// Seconds since 1970 when the zone was booted.
    pub boot_time: u64,
    /// The zone's name: a uuid, or `global`.
    pub zone: String,
    /// `uname -s`: `SunOS`.
    pub system: String,
    /// `uname -v`: `joyent_20241212T000720Z`.
    pub stamp: String,
    /// `uname -n`.
    pub hostname: String,
    /// `isainfo -k`: `amd64`.
    pub architecture: String,
    /// The pkgsrc branch, as in `2024Q4`.
    pub branch: Option<String>,
    /// The zone's brand, as in `joyent`.
    pub brand: Option<String>,
}

// date +%s; zonename; uname -s -v -n (one each); isainfo -k
// kstat -p unix:0:system_misc:boot_time → unix:0:system_misc:boot_time	1763800000
// /etc/pkgsrc_version → release: 2024Q4
//                       architecture: x86_64
// mdata-get sdc:brand → joyent
pub(super) fn ask(script: Script) -> Script {
    script.shell(
        r#"
text=$(/usr/bin/date +%s && /usr/bin/zonename && /usr/bin/uname -s && /usr/bin/uname -v &&
  /usr/bin/uname -n && /usr/bin/isainfo -k)
section platform $? "$text"
text=$(/usr/bin/kstat -p unix:0:system_misc:boot_time)
section boot-time $? "$text"
text=; [ -r /etc/pkgsrc_version ] && text=$(</etc/pkgsrc_version)
section pkgsrc-version 0 "$text"
text=$(/usr/sbin/mdata-get sdc:brand 2>/dev/null)
section brand $? "$text"
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Platform, FactError> {
    let text = sections.get("platform")?.text_of("uname")?;
    let lines: Vec<&str> = text.lines().collect();
    let [now, zone, system, stamp, hostname, architecture] = lines[..] else {
        return Err(FactError::Garbled {
            section: "platform".to_owned(),
        });
    };
    let now = now.parse().map_err(|_| FactError::Line {
        command: "date",
        line: now.to_owned(),
    })?;
    let brand = sections.get("brand")?;
    let brand = if brand.status == 0 {
        brand.lines()?.next()
    } else {
        None
    };
    Ok(Platform {
        now,
        boot_time: parse_boot_time(sections.get("boot-time")?.text_of("kstat")?)?,
        zone: zone.to_owned(),
        system: system.to_owned(),
        stamp: stamp.to_owned(),
        hostname: hostname.to_owned(),
        architecture: architecture.to_owned(),
        branch: sections
            .get("pkgsrc-version")?
            .lines()?
            .find_map(|line| line.strip_prefix("release:"))
            .map(|branch| branch.trim().to_owned()),
        brand: brand.filter(|b| !b.is_empty()).map(str::to_owned),
    })
}

fn parse_boot_time(line: &str) -> Result<u64, FactError> {
    line.strip_prefix("unix:0:system_misc:boot_time\t")
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| FactError::Line {
            command: "kstat",
            line: line.to_owned(),
        })
}
