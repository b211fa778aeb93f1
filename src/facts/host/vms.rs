//! Zones and machines of a host, as `vmadm` tells them.
//!
//! What `vmadm get` leaves out is unset. Metadata is asked of the zone concerned alone: that of others may
//! hold what is none of ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::json_of;
use crate::facts::FactError;
use crate::facts::sections::Section;
use crate::script::Script;

/// A zone or machine, with the names and units of `vmadm`: MiB, GiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Vm {
    pub uuid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
    pub brand: String,
    /// `running`, `stopped`, `provisioning`, `failed`, …
    pub state: String,
    /// As `zoneadm` says: `running`, `installed`, `incomplete`, `configured`, …
    pub zone_state: String,
    pub image_uuid: String,
    pub max_physical_memory: u64,
    pub max_swap: u64,
    pub quota: u64,
    pub cpu_cap: u32,
    #[serde(deserialize_with = "truth")]
    pub autoboot: bool,
    pub hostname: String,
    pub dns_domain: String,
    pub resolvers: Vec<String>,
    #[serde(deserialize_with = "truth")]
    pub maintain_resolvers: bool,
    #[serde(deserialize_with = "flat")]
    pub customer_metadata: BTreeMap<String, String>,
    pub nics: Vec<VmNic>,
    /// Delegated ones.
    pub datasets: Vec<String>,
    pub filesystems: Vec<VmFilesystem>,
    #[serde(deserialize_with = "truth")]
    pub indestructible_zoneroot: bool,
    #[serde(deserialize_with = "truth")]
    pub indestructible_delegated: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub zpool: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub create_timestamp: String,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct VmNic {
    pub mac: String,
    pub interface: String,
    pub nic_tag: String,
    pub vlan_id: u16,
    pub ips: Vec<String>,
    /// The old spelling of one address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub netmask: String,
    pub gateways: Vec<String>,
    #[serde(deserialize_with = "truth")]
    pub primary: bool,
}

impl VmNic {
    /// Its addresses with their prefixes, whichever way they are spelt.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        if !self.ips.is_empty() || self.ip.is_empty() {
            return self.ips.clone();
        }
        let mask: Option<std::net::Ipv4Addr> = self.netmask.parse().ok();
        vec![match mask {
            Some(mask) => format!("{}/{}", self.ip, u32::from(mask).count_ones()),
            None => self.ip.clone(),
        }]
    }
}

/// A folder of the host in the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct VmFilesystem {
    #[serde(rename = "type")]
    pub kind: String,
    pub source: String,
    pub target: String,
}

/// `true`, or the text `"true"`.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value == Value::Bool(true) || value.as_str() == Some("true"))
}

/// Texts, numbers and truths as texts.
fn flat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values: BTreeMap<String, Value> = BTreeMap::deserialize(deserializer)?;
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(values
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect())
}

impl Vm {
    /// Whether it was made and could be used, whatever it does right now.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !matches!(
            self.state.as_str(),
            "failed" | "provisioning" | "configured" | "incomplete"
        ) && !matches!(self.zone_state.as_str(), "configured" | "incomplete")
    }

    /// The pool that it lies on.
    #[must_use]
    pub fn pool(&self) -> &str {
        if self.zpool.is_empty() {
            "zones"
        } else {
            &self.zpool
        }
    }

    /// The one dataset that `vmadm` delegates to a zone.
    #[must_use]
    pub fn own_dataset(&self) -> String {
        format!("{}/{}/data", self.pool(), self.uuid)
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.zone_state == "running" && self.state == "running"
    }
}

/// What is asked of every zone and machine.
const FIELDS: &str = "uuid,alias,brand,state,zone_state,image_uuid,max_physical_memory,max_swap,quota,\
autoboot,nics,datasets,zpool,create_timestamp";

pub(super) fn ask(script: Script) -> Script {
    script.command([
        "said",
        "vms",
        "/usr/sbin/vmadm",
        "lookup",
        "-j",
        "-o",
        FIELDS,
    ])
}

pub(super) fn parse_list(section: &Section<'_>) -> Result<Vec<Vm>, FactError> {
    let mut vms: Vec<Vm> = json_of(section, "vmadm lookup")?;
    vms.sort_by(|a, b| (&a.alias, &a.uuid).cmp(&(&b.alias, &b.uuid)));
    Ok(vms)
}

pub(super) fn parse_one(section: &Section<'_>) -> Result<Vm, FactError> {
    json_of(section, "vmadm get")
}
