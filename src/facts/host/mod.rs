//! What a host is and which zones it holds, and what the zone concerned says of itself, asked in one
//! script.
//!
//! `vmadm` tells that a zone runs, not that it can be used: what is inside is asked by `zlogin` from the same
//! script. Its answer is a probe's answer of its own, carried in a section of the host's.

pub mod health;
pub mod images;
pub mod inside;
pub mod network;
pub mod pools;
pub mod victims;
pub mod vms;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FactError;
use super::locks::{self, Lock};
use super::sections::{self, Section, Sections};
use crate::script::Script;
use images::{Available, Image};
use inside::Inside;
use network::Tag;
use pools::Pool;
use victims::Victim;
use vms::Vm;

/// Where a creation that began and has not ended is noted, one file a uuid.
pub const CREATING_ROOT: &str = "/var/db/zonewright/creating";

/// Where runs that change one zone of the host announce themselves: a folder for each alias.
pub const HOST_LOCK_ROOT: &str = "/var/db/zonewright/zones";

/// What a host is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostQuestions {
    /// The zone concerned; nothing where only the host is asked.
    pub alias: Option<String>,
    /// Another zone concerned.
    pub uuid: Option<String>,
    /// An image that is asked for at the image sources: a name and version, or a uuid.
    pub image: Option<ImageQuestion>,
    /// Folders of the host of which it matters whether they are there.
    pub folders: Vec<String>,
    /// Processes of the zone concerned that serve somebody each.
    pub processes: BTreeSet<String>,
}

/// An image to ask the image sources for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageQuestion {
    Named { name: String, version: String },
    Uuid(String),
}

/// Everything known about a host at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostFacts {
    /// The host's own uuid.
    pub uuid: String,
    /// Its name.
    pub hostname: String,
    /// The platform's stamp: `20241212T000720Z`.
    pub stamp: String,
    /// Its memory.
    pub memory_mib: u64,
    /// The pool that holds zones.
    pub pool: String,
    /// NIC tag → what it is.
    #[serde(default)]
    pub tags: BTreeMap<String, Tag>,
    /// The images that are installed.
    #[serde(default)]
    pub images: Vec<Image>,
    /// Where images come from.
    #[serde(default)]
    pub sources: Vec<String>,
    /// What the sources said, where they were asked.
    #[serde(default)]
    pub available: Option<Available>,
    /// Every zone and machine of the host.
    #[serde(default)]
    pub vms: Vec<Vm>,
    #[serde(default)]
    pub pools: BTreeMap<String, Pool>,
    /// The folders that were asked for → whether they are there.
    #[serde(default)]
    pub folders: BTreeMap<String, bool>,
    /// The zones concerned, with all their properties.
    #[serde(default)]
    pub zones: BTreeMap<String, Vm>,
    /// What they say of themselves, where they run.
    #[serde(default)]
    pub inside: BTreeMap<String, Inside>,
    /// Why one that runs cannot be asked.
    #[serde(default)]
    pub mute: BTreeMap<String, String>,
    /// The last lines of the first boot of those that do not run.
    #[serde(default)]
    pub boot_logs: BTreeMap<String, String>,
    /// What lies in the datasets of those that do not run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remains: BTreeMap<String, Vec<Victim>>,
    /// What was delegated to one that does not run, under the name that a reprovision gives it while it works.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_aside: BTreeMap<String, String>,
    /// Creations that began and did not end.
    #[serde(default)]
    pub creating: Vec<String>,
    /// Who is changing the zone concerned right now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<Lock>,
}

/// The folder of the locks of a zone of the host.
#[must_use]
pub fn lock_root(alias: &str) -> String {
    format!("{HOST_LOCK_ROOT}/{alias}/lock")
}

/// The one script that asks for everything in `questions`.
#[must_use]
pub fn probe(questions: &HostQuestions) -> Script {
    ask(questions, "ask the host for facts").shell("section end 0 ''")
}

/// All of it but the end.
fn ask(questions: &HostQuestions, name: &'static str) -> Script {
    let mut script = Script::new(name)
        .shell(sections::SHELL)
        .shell(BEGIN)
        .set("creating", CREATING_ROOT)
        .list("folders", &questions.folders)
        .shell(HOST);
    script = vms::ask(script);
    script = images::ask(script, questions.image.as_ref());
    if questions.alias.is_some() || questions.uuid.is_some() {
        let alias = questions.alias.as_deref().unwrap_or_default();
        script = script
            .set("alias", alias)
            .set("uuid", questions.uuid.as_deref().unwrap_or_default())
            .set("inside", inside::script(&questions.processes).body())
            .shell(victims::DATASETS_OF)
            .shell(ZONES);
        script = locks::ask_in(script, &lock_root(alias));
    }
    script
}

// `said NAME COMMAND…`: what a command prints, and its status. What it says beside is the answer only
// where it fails: the programs of SmartOS that are written for node warn there.
const BEGIN: &str = r#"
said() {
  local name=$1 text status errors
  shift
  text=$("$@" 2>/dev/null)
  status=$?
  if [ "$status" -ne 0 ]; then
    errors=$("$@" 2>&1 >/dev/null)
    [ -n "$text" ] || text=$errors
  fi
  section "$name" "$status" "$text"
}
"#;

// the console's password hash stands among the boot parameters that `sysinfo` prints
const HOST: &str = r#"
section system 0 "$(/usr/bin/uname -s)"
section zonename 0 "$(/usr/bin/zonename)"
text=$(set -o pipefail; /usr/bin/sysinfo | /usr/bin/sed 's/"root_shadow": "[^"]*"/"root_shadow": ""/')
section sysinfo "$?" "$text"
said tags /usr/bin/nictagadm list -p -d ,
said pools /usr/sbin/zpool list -H -p -o name,size,free,health
for folder in ${folders[@]+"${folders[@]}"}; do
  if [ -d "$folder" ]; then section "folder:$folder" 0 yes; else section "folder:$folder" 0 no; fi
done
text=
for path in "$creating"/*; do
  [ -f "$path" ] && text="$text${path##*/}"$'\n'
done
section creating 0 "$text"
"#;

// zoneadm list -cp →
//   0:global:running:/::liveimg:shared:0
//   7:UUID:running:/zones/UUID:UUID:joyent:excl:7
// A zone lies in the dataset that its path is called after; while `vmadm reprovision` works, what is delegated is called
// ROOT-reprovisioning-data (inferred).
const ZONES: &str = r#"
running=
declare -A roots=()
while IFS=: read -r id name state path rest; do
  [ "$state" = running ] && running="$running $name "
  roots[$name]=${path#/}
done < <(/usr/sbin/zoneadm list -cp)
uuids=$uuid
if [ -n "$alias" ]; then
  while read -r name; do
    [ "$name" = "$uuid" ] || uuids="$uuids $name"
  done < <(/usr/sbin/vmadm lookup "alias=$alias")
fi
for uuid in $uuids; do
  text=$(/usr/sbin/vmadm get "$uuid" 2>/dev/null)
  status=$?
  section "zone:$uuid" "$status" "$text"
  [ "$status" -eq 0 ] || continue
  if [[ $running = *" $uuid "* ]]; then
    text=$(printf '%s\n' "$inside" | /usr/sbin/zlogin "$uuid" /usr/bin/bash -s 2>&1)
    section "inside:$uuid" "$?" "$text"
  else
    log=/zones/$uuid/root/var/svc/log/system-zoneinit:default.log
    if [ -f "$log" ]; then section "boot:$uuid" 0 "$(/usr/bin/tail -n 25 "$log")"; fi
    root=${roots[$uuid]-zones/$uuid}
    text=$(datasets_of "$root" 2>&1)
    section "remains:$uuid" "$?" "$text"
    if text=$(/usr/sbin/zfs list -H -o name "$root-reprovisioning-data" 2>/dev/null); then
      section "set-aside:$uuid" 0 "$text"
    fi
  fi
done
"#;

/// Reads the answer to [`probe`].
///
/// # Errors
/// [`FactError`] at the first thing that is not as the system is known to answer.
pub fn parse(answer: &[u8]) -> Result<HostFacts, FactError> {
    let sections = Sections::parse(answer)?;
    let system = sections
        .get("system")?
        .lines()?
        .next()
        .unwrap_or("nothing it tells");
    if system != "SunOS" {
        return Err(FactError::OtherSystem {
            system: system.to_owned(),
        });
    }
    let zone = sections
        .get("zonename")?
        .lines()?
        .next()
        .unwrap_or_default();
    if zone != "global" {
        return Err(FactError::NotGlobal {
            zone: zone.to_owned(),
        });
    }
    sections.get("end")?;
    let mut facts = sysinfo(sections.get("sysinfo")?)?;
    facts.tags = network::parse_tags(sections.get("tags")?)?;
    facts.pools = pools::parse(sections.get("pools")?)?;
    facts.images = images::parse(sections.get("images")?)?;
    facts.sources = images::parse_sources(sections.get("sources")?)?;
    facts.available = sections
        .get("available")
        .ok()
        .map(images::parse_available)
        .transpose()?;
    facts.vms = vms::parse_list(sections.get("vms")?)?;
    let creating = sections.get("creating")?.lines()?;
    facts.creating = creating.map(str::to_owned).collect();
    for (folder, section) in sections.with_argument("folder") {
        let is_there = section.lines()?.next() == Some("yes");
        facts.folders.insert(folder.to_owned(), is_there);
    }
    for (uuid, section) in sections.with_argument("zone") {
        // it may have gone since it was listed
        if section.status == 0 {
            facts
                .zones
                .insert(uuid.to_owned(), vms::parse_one(section)?);
        }
    }
    for (uuid, section) in sections.with_argument("inside") {
        match inside::parse(section)? {
            Ok(inside) => {
                facts.inside.insert(uuid.to_owned(), inside);
            }
            Err(why) => {
                facts.mute.insert(uuid.to_owned(), why);
            }
        }
    }
    for (uuid, section) in sections.with_argument("boot") {
        let text = String::from_utf8_lossy(section.text).into_owned();
        facts.boot_logs.insert(uuid.to_owned(), text);
    }
    for (uuid, section) in sections.with_argument("remains") {
        let victims = victims::parse_list(section)?;
        facts.remains.insert(uuid.to_owned(), victims);
    }
    for (uuid, section) in sections.with_argument("set-aside") {
        let name = section.lines()?.next().unwrap_or_default();
        facts.set_aside.insert(uuid.to_owned(), name.to_owned());
    }
    if sections.get("locks").is_ok() {
        facts.locks = locks::parse(&sections)?;
    }
    Ok(facts)
}

// "Live Image": "20231102T000310Z", "UUID": "…", "MiB of Memory": "32740", "Zpool": "zones"
fn sysinfo(section: &Section<'_>) -> Result<HostFacts, FactError> {
    const COMMAND: &str = "sysinfo";
    let all: Value = json_of(section, COMMAND)?;
    let text = |key: &str| {
        let value = all.get(key).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| FactError::Line {
            command: COMMAND,
            line: format!("no `{key}`"),
        })
    };
    let memory = text("MiB of Memory")?;
    Ok(HostFacts {
        uuid: text("UUID")?,
        hostname: text("Hostname")?,
        stamp: text("Live Image")?,
        memory_mib: memory.parse().map_err(|_| FactError::Line {
            command: COMMAND,
            line: format!("MiB of Memory: {memory}"),
        })?,
        pool: text("Zpool")?,
        ..HostFacts::default()
    })
}

/// The JSON of a command that must have succeeded.
fn json_of<T: serde::de::DeserializeOwned>(
    section: &Section<'_>,
    command: &'static str,
) -> Result<T, FactError> {
    let text = section.text_of(command)?;
    serde_json::from_str(text).map_err(|error| FactError::Line {
        command,
        line: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
