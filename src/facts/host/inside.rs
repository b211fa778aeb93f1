//! What a zone says of itself when its host asks by `zlogin`: whether its first boot is over, its host
//! keys, who may log in, its addresses, its datasets.
//!
//! `vmadm create` returns when the marker of provisioning is gone, which is about when the user-script begins; what a
//! zone needs to be used comes later.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::facts::FactError;
use crate::facts::locks::{self, Lock};
use crate::facts::sections::{SHELL, Section, Sections};
use crate::facts::sessions::{self, Sessions};
use crate::script::Script;

/// What a zone says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Inside {
    /// The first boot's marker: `provisioning`, `provision_failure`, or nothing.
    pub marker: String,
    /// Service → its state, where SMF knows it: those that tell whether the zone can be used.
    pub services: BTreeMap<String, String>,
    /// The last lines of the user-script, where it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_script: String,
    /// `ssh-ed25519 AAAA…`, without comments.
    pub host_keys: Vec<String>,
    /// Who may log in as root: key type and key, without options and comments.
    pub authorized_keys: Vec<String>,
    pub addresses: Vec<Address>,
    /// Dataset → its properties.
    pub datasets: BTreeMap<String, DatasetFact>,
    /// Account → its uid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, u32>,
    /// Who is changing what is in the zone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<Lock>,
    /// Whom it serves.
    #[serde(skip_serializing_if = "Sessions::is_empty")]
    pub sessions: Sessions,
}

/// An address of the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Address {
    /// `net0/_a`
    pub object: String,
    /// `static`, `dhcp`, `addrconf`
    pub kind: String,
    /// `ok`, `duplicate`, `down`, …
    pub state: String,
    /// With its prefix: `192.0.2.10/24`.
    pub address: String,
}

/// A dataset of the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DatasetFact {
    pub mountpoint: String,
    pub mounted: bool,
    /// 0 is no limit.
    pub quota: u64,
    /// 0 is no limit.
    pub refquota: u64,
    pub compression: String,
    pub recordsize: u64,
    pub atime: bool,
    pub used: u64,
    /// The uid that owns its top folder, where it is mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
}

/// The services that tell whether a zone can be used.
pub const MULTI_USER: &str = "svc:/milestone/multi-user-server:default";
pub const METADATA: &str = "svc:/smartdc/mdata:execute";
pub const SSH: &str = "svc:/network/ssh:default";

/// Why a zone is broken whose user-script ended badly.
pub const USER_SCRIPT_FAILED: &str = "its user-script failed";

impl Inside {
    /// What the zone still waits for; nothing where it can be used.
    #[must_use]
    pub fn waits_for(&self) -> Option<String> {
        if self.marker == "provisioning" {
            return Some("its first boot".to_owned());
        }
        let waiting = [MULTI_USER, METADATA, SSH].into_iter().find_map(|fmri| {
            let state = self.services.get(fmri)?;
            (state != "online").then(|| format!("{fmri}, which is {state}"))
        });
        if waiting.is_some() {
            return waiting;
        }
        (self.addresses().next().is_none()).then(|| "an address".to_owned())
    }

    /// Why the zone will never be ready by itself.
    #[must_use]
    pub fn is_broken(&self) -> Option<String> {
        if self.marker == "provision_failure" {
            return Some("its first boot failed".to_owned());
        }
        let duplicate = self
            .addresses
            .iter()
            .find(|address| address.state == "duplicate");
        if let Some(address) = duplicate {
            return Some(format!(
                "its address {} is another machine's too",
                address.address
            ));
        }
        let in_maintenance = |fmri: &&str| {
            self.services
                .get(*fmri)
                .is_some_and(|state| state == "maintenance")
        };
        let fmri = [MULTI_USER, METADATA, SSH]
            .into_iter()
            .find(in_maintenance)?;
        Some(match fmri {
            METADATA => USER_SCRIPT_FAILED.to_owned(),
            fmri => format!("{fmri} is in maintenance"),
        })
    }

    /// The addresses that others may reach, without their prefixes, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let usable = |address: &&Address| {
            let is_loopback = address.object.starts_with("lo0");
            let is_local = address.address.starts_with("fe80");
            address.state == "ok" && !is_loopback && !is_local
        };
        let bare = |address: &'_ Address| -> bool { address.address.contains(':') };
        let of = move |v6: bool| {
            self.addresses
                .iter()
                .filter(usable)
                .filter(move |address| bare(address) == v6)
        };
        of(false)
            .chain(of(true))
            .filter_map(|address| address.address.split(['/', '%']).next())
    }
}

/// The script that asks, for `bash -s` in the zone; `processes` are those that serve somebody each.
pub(super) fn script(processes: &BTreeSet<String>) -> Script {
    let script = Script::new("ask the zone")
        .shell(SHELL)
        .list("fmris", [MULTI_USER, METADATA, SSH])
        .shell(INSIDE);
    sessions::ask(locks::ask(script), processes).shell(END)
}

// All of it is one compound command, which bash reads whole before it runs any of it.
const INSIDE: &str = r#"
{
# only `zlogin` itself may say something beside
exec 2>/dev/null </dev/null
LC_ALL=C PATH=/usr/bin:/usr/sbin:/sbin
export LC_ALL PATH
marker=
[ -e /var/svc/provisioning ] && marker=provisioning
[ -e /var/svc/provision_failure ] && marker=provision_failure
section marker 0 "$marker"
text=$(/usr/bin/svcs -H -o state,fmri ${fmris[@]+"${fmris[@]}"})
section services 0 "$text"
if [[ $text = *maintenance*svc:/smartdc/mdata:execute* ]]; then
  section user-script 0 "$(/usr/bin/tail -n 15 /var/svc/log/smartdc-mdata:execute.log)"
fi
section host-keys 0 "$(/usr/bin/cat /var/ssh/ssh_host_*_key.pub)"
section accounts 0 "$(/usr/bin/cut -d: -f1,3 /etc/passwd)"
section authorized-keys 0 "$(/usr/bin/cat /root/.ssh/authorized_keys)"
text=$(/usr/sbin/ipadm show-addr -p -o addrobj,type,state,addr)
section addresses "$?" "$text"
text=$(/usr/sbin/zfs list -H -p -t filesystem -o name,mountpoint,mounted,quota,refquota,compression,recordsize,atime,used)
section datasets "$?" "$text"
while IFS=$'\t' read -r name mountpoint mounted rest; do
  if [ "$mounted" = yes ] && [ -d "$mountpoint" ]; then
    section "owner:$name" 0 "$(/usr/bin/stat -c %u "$mountpoint")"
  fi
done <<<"$text"
"#;

const END: &str = r#"
section end 0 ''
exit 0
}
"#;

/// Reads what a zone said; or why it said nothing.
pub(super) fn parse(section: &Section<'_>) -> Result<Result<Inside, String>, FactError> {
    let Some(text) = section.text.strip_prefix(b"== marker ") else {
        let text = String::from_utf8_lossy(section.text);
        return Ok(Err(text.trim().to_owned()));
    };
    // its last section is empty, and the newlines at the end were lost on the way
    let whole = [b"== marker ", text, b"\n\n"].concat();
    let answer = Sections::parse(&whole)?;
    answer.get("end")?;
    let mut inside = Inside {
        marker: first_line(answer.get("marker")?)?,
        ..Inside::default()
    };
    for line in answer.get("services")?.lines()? {
        if let Some((state, fmri)) = line.split_once(char::is_whitespace) {
            let (state, fmri) = (state.trim_end_matches('*'), fmri.trim());
            inside.services.insert(fmri.to_owned(), state.to_owned());
        }
    }
    if let Ok(section) = answer.get("user-script") {
        inside.user_script = String::from_utf8_lossy(section.text).into_owned();
    }
    inside.host_keys = keys(answer.get("host-keys")?)?;
    inside.authorized_keys = keys(answer.get("authorized-keys")?)?;
    for line in answer.get("accounts")?.lines()? {
        let uid = line.split_once(':').map(|(name, uid)| (name, uid.parse()));
        if let Some((name, Ok(uid))) = uid {
            inside.accounts.insert(name.to_owned(), uid);
        }
    }
    inside.addresses = addresses(answer.get("addresses")?)?;
    inside.datasets = datasets(answer.get("datasets")?)?;
    for (name, section) in answer.with_argument("owner") {
        if let Some(dataset) = inside.datasets.get_mut(name) {
            dataset.owner = first_line(section)?.parse().ok();
        }
    }
    inside.locks = locks::parse(&answer)?;
    inside.sessions = sessions::parse(&answer)?;
    Ok(Ok(inside))
}

fn first_line(section: &Section<'_>) -> Result<String, FactError> {
    Ok(section.lines()?.next().unwrap_or_default().to_owned())
}

/// Keys of a file: `[options] TYPE BASE64 [comment]`, a line each.
fn keys(section: &Section<'_>) -> Result<Vec<String>, FactError> {
    Ok(section.lines()?.filter_map(key_of).collect())
}

/// A line of `authorized_keys` or of a public key file without options and comment.
#[must_use]
pub fn key_of(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_kind = |word: &&str| {
        let kinds = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
        kinds.iter().any(|kind| word.starts_with(kind))
    };
    if line.trim_start().starts_with('#') {
        return None;
    }
    let at = words.iter().position(is_kind)?;
    Some(format!("{} {}", words.get(at)?, words.get(at + 1)?))
}

// ipadm show-addr -p -o addrobj,type,state,addr →
//   lo0/v4:static:ok:127.0.0.1/8
//   net0/_a:dhcp:ok:192.0.2.23/24
//   net0/v6:addrconf:ok:fe80\:\:8\:20ff\:fe01\:203/10
fn addresses(section: &Section<'_>) -> Result<Vec<Address>, FactError> {
    let mut addresses = Vec::new();
    for line in section.lines()?.filter(|line| !line.is_empty()) {
        let columns: Vec<String> = unescaped(line);
        let [object, kind, state, address] = &columns[..] else {
            return Err(FactError::Line {
                command: "ipadm show-addr",
                line: line.to_owned(),
            });
        };
        addresses.push(Address {
            object: object.clone(),
            kind: kind.clone(),
            state: state.clone(),
            address: address.clone(),
        });
    }
    Ok(addresses)
}

/// Columns between `:`, in which `\:` is a colon.
fn unescaped(line: &str) -> Vec<String> {
    let mut columns = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        let Some(last) = columns.last_mut() else {
            break;
        };
        match letter {
            '\\' => last.extend(letters.next()),
            ':' => columns.push(String::new()),
            letter => last.push(letter),
        }
    }
    columns
}

// zfs list -H -p -t filesystem -o name,mountpoint,mounted,quota,refquota,compression,recordsize,atime,used →
//   zones/4f1c…/data/matt	/backups/matt	yes	0	644245094400	lz4	131072	off	24576
fn datasets(section: &Section<'_>) -> Result<BTreeMap<String, DatasetFact>, FactError> {
    let mut datasets = BTreeMap::new();
    // a zone without a dataset of its own may have no way to ask
    if section.status != 0 {
        return Ok(datasets);
    }
    for line in section.lines()?.filter(|line| !line.is_empty()) {
        let wrong = || FactError::Line {
            command: "zfs list",
            line: line.to_owned(),
        };
        let columns: Vec<&str> = line.split('\t').collect();
        let [
            name,
            mountpoint,
            mounted,
            quota,
            refquota,
            compression,
            recordsize,
            atime,
            used,
        ] = columns[..]
        else {
            return Err(wrong());
        };
        let number = |text: &str| match text {
            "none" | "-" => Ok(0),
            text => text.parse::<u64>().map_err(|_| wrong()),
        };
        let fact = DatasetFact {
            mountpoint: mountpoint.to_owned(),
            mounted: mounted == "yes",
            quota: number(quota)?,
            refquota: number(refquota)?,
            compression: compression.to_owned(),
            recordsize: number(recordsize)?,
            atime: atime == "on",
            used: number(used)?,
            owner: None,
        };
        datasets.insert(name.to_owned(), fact);
    }
    Ok(datasets)
}
