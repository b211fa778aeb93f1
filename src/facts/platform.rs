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

/// The date of a platform stamp, which sorts as text: `20241212T000720Z` of `joyent_20241212T000720Z`.
#[must_use]
pub fn stamp_date(stamp: &str) -> &str {
    stamp.rsplit('_').next().unwrap_or(stamp)
}

/// A clock that is further off than this is worth a word. Asking takes a while, too.
const CLOCK_TOLERANCE: u64 = 180;

impl Platform {
    /// How far the clock is off, where it is minutes away from `now`, the asking machine's.
    #[must_use]
    pub fn clock_off(&self, now: u64) -> Option<String> {
        let off = self.now.abs_diff(now);
        if off <= CLOCK_TOLERANCE {
            return None;
        }
        let off = match off {
            0..7_200 => format!("{} min", off / 60),
            7_200..172_800 => format!("{} h", off / 3_600),
            _ => format!("{} days", off / 86_400),
        };
        let side = if self.now > now { "ahead of" } else { "behind" };
        Some(format!(
            "the zone's clock is {off} {side} this machine's: Time Machine and certificates go wrong by that"
        ))
    }
}

/// What to do about a clock that is off.
pub const CLOCK_FIX: &str =
    "A zone has the clock of its host: `svcs -xv ntp` and `date` there, or set this machine's";

// bash's own clock; zonename; uname -snv; isainfo -k →
//   1763800000
//   8b4c7f1e-…
//   SunOS timemachine joyent_20241212T000720Z
//   amd64
// kstat -p of several statistics prints a line for each that is there →
//   unix:0:system_misc:boot_time	1763800000
// /etc/pkgsrc_version → release: 2024Q4
//                       architecture: x86_64
// mdata-get sdc:brand → joyent
pub(super) fn ask(script: Script) -> Script {
    script.shell(
        r#"
names=$(/usr/bin/uname -snv)
section system 0 "${names%% *}"
text=$(printf '%(%s)T\n' -1 && /usr/bin/zonename && printf '%s\n' "$names" && /usr/bin/isainfo -k)
section platform $? "$text"
# one call for this subject and for the machine's
text=$(/usr/bin/kstat -p unix:0:system_misc:boot_time 'caps::cpucaps_zone*:value' memory_cap:::physcap)
section kstat $? "$text"
text=; [ -r /etc/pkgsrc_version ] && text=$(</etc/pkgsrc_version)
section pkgsrc-version 0 "$text"
text=$(/usr/sbin/mdata-get sdc:brand 2>/dev/null)
section brand $? "$text"
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Platform, FactError> {
    let text = sections.get("platform")?.text_of("uname")?;
    let garbled = || FactError::Garbled {
        section: "platform".to_owned(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let [now, zone, names, architecture] = lines[..] else {
        return Err(garbled());
    };
    let names: Vec<&str> = names.split_whitespace().collect();
    let [system, hostname, stamp] = names[..] else {
        return Err(garbled());
    };
    let now = now.parse().map_err(|_| garbled())?;
    let brand = sections.get("brand")?;
    let brand = if brand.status == 0 {
        brand.lines()?.next()
    } else {
        None
    };
    Ok(Platform {
        now,
        boot_time: parse_boot_time(sections.get("kstat")?.text_of("kstat -p")?)?,
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

fn parse_boot_time(text: &str) -> Result<u64, FactError> {
    text.lines()
        .find_map(|line| line.strip_prefix("unix:0:system_misc:boot_time\t"))
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| FactError::Line {
            command: "kstat -p",
            line: text.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_minutes_off_is_noted_either_way() {
        let note = |zone: u64, here: u64| {
            let platform = Platform {
                now: zone,
                ..Platform::default()
            };
            platform.clock_off(here)
        };
        for (zone, here) in [
            (1_000_000, 1_000_000),
            (1_000_180, 1_000_000),
            (1_000_000, 1_000_180),
        ] {
            assert_eq!(note(zone, here), None);
        }
        for (zone, here, says) in [
            (1_000_181, 1_000_000, "3 min ahead of this"),
            (1_000_000, 1_000_181, "3 min behind this"),
            (1_003_600, 1_000_000, "60 min ahead of this"),
            (1_000_000, 1_007_200, "2 h behind this"),
            (0, 1_763_800_000, "20414 days behind this"),
        ] {
            let note = note(zone, here).unwrap();
            assert!(note.contains(says), "{note}");
        }
    }

    #[test]
    fn what_a_zone_says_of_itself_is_understood() {
        let part = |name: &str, status: i32, text: &str| {
            format!("== {name} {status} {}\n{text}\n", text.len())
        };
        let names = "1763800000\n8b4c\nSunOS tm joyent_20241212T000720Z\namd64";
        let answer = part("platform", 0, names)
            + &part("kstat", 0, "unix:0:system_misc:boot_time\t1763700000")
            + &part("pkgsrc-version", 0, "release: 2024Q4\narchitecture: x86_64")
            + &part("brand", 1, "");
        let platform = parse(&Sections::parse(answer.as_bytes()).unwrap()).unwrap();
        assert_eq!(platform.now, 1_763_800_000);
        assert_eq!(platform.boot_time, 1_763_700_000);
        assert_eq!(
            (platform.system.as_str(), platform.hostname.as_str()),
            ("SunOS", "tm")
        );
        assert_eq!(platform.stamp, "joyent_20241212T000720Z");
        assert_eq!(
            (platform.branch.as_deref(), platform.brand),
            (Some("2024Q4"), None)
        );
    }
}
