//! One virtual machine: what is kept of it, and the JSON that `vmadm get` prints.
//!
//! `state` is the zone's own state under another name, except while it is provisioning or after
//! that failed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::check::as_integer;
use super::nics;
use super::time;
use crate::sandbox::userland::PLATFORM_STAMP;

/// The uuid of the host itself, which never changes: there is one in a sandbox.
pub(crate) const SERVER: &str = "00020003-0004-0005-0006-000700080009";

/// The state of a zone, as `zoneadm` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ZoneState {
    /// It is known, and has no files yet.
    Configured,
    /// It could run.
    #[default]
    Installed,
    /// It runs.
    Running,
    /// It is about to end.
    ShuttingDown,
}

impl ZoneState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Installed => "installed",
            Self::Running => "running",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// What is special about a machine's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    /// Nothing.
    #[default]
    None,
    /// Its first boot is not through.
    Provisioning,
    /// Its first boot failed.
    Failed,
}

/// A remembered root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Without `vmsnap-`.
    pub name: String,
    /// When it was made.
    pub created_at: String,
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Its name.
    pub uuid: String,
    /// The payload it was made of, completed.
    pub properties: Map<String, Value>,
    /// When it was made.
    pub created: String,
    /// When it was changed last.
    pub modified: String,
    /// What is special about its state.
    #[serde(default)]
    pub mark: Mark,
    /// Remembered roots, the newest first.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
    /// Whether it is the sandbox's own: the client's key is in it from the beginning.
    #[serde(default)]
    pub is_ours: bool,
    /// Whether what its zone writes is kept in memory, on a disk that can be filled.
    #[serde(default)]
    pub has_disk: bool,
    /// The address that it had last: `dhcp` gives it the same again where that is free.
    #[serde(default)]
    pub lease: Option<std::net::IpAddr>,
    /// The state of its zone; a zone that is only read from disk does not run.
    #[serde(skip)]
    pub zone_state: ZoneState,
    /// The number of its present run, if there is one.
    #[serde(skip)]
    pub zone_id: Option<u32>,
    /// When it was booted last.
    #[serde(skip)]
    pub booted: Option<String>,
    /// The number of its first process.
    #[serde(skip)]
    pub init: Option<i32>,
}

impl Machine {
    /// A machine of these properties, which hold its uuid.
    pub fn new(properties: Map<String, Value>) -> Self {
        let now = time::now();
        let uuid = properties.get("uuid").and_then(Value::as_str);
        Self {
            uuid: uuid.unwrap_or_default().to_owned(),
            properties,
            created: now.clone(),
            modified: now,
            mark: Mark::None,
            snapshots: Vec::new(),
            is_ours: false,
            has_disk: false,
            lease: None,
            zone_state: ZoneState::Configured,
            zone_id: None,
            booted: None,
            init: None,
        }
    }

    /// A property that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str)
    }

    /// A property that is a truth value; false where there is none.
    pub fn is(&self, name: &str) -> bool {
        self.properties.get(name) == Some(&Value::Bool(true))
    }

    /// A property that is a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.properties.get(name).and_then(as_integer)
    }

    /// What it is called here, or its uuid.
    pub fn label(&self) -> &str {
        match self.text("alias") {
            Some(alias) if !alias.is_empty() => alias,
            _ => &self.uuid,
        }
    }

    /// Its host name: what it was made with.
    pub fn hostname(&self) -> &str {
        self.text("hostname")
            .filter(|name| !name.is_empty())
            .unwrap_or(&self.uuid)
    }

    /// Its interfaces.
    pub fn nics(&self) -> Vec<Map<String, Value>> {
        nics::of(&self.properties, "nics")
    }

    /// Its delegated dataset.
    pub fn dataset(&self) -> Option<String> {
        self.is("delegate_dataset")
            .then(|| format!("{}/{}/data", super::check::POOL, self.uuid))
    }

    /// The state that `vmadm` shows.
    pub fn state(&self) -> &'static str {
        match (self.mark, self.zone_state) {
            (Mark::Provisioning, _) => "provisioning",
            (Mark::Failed, _) => "failed",
            (Mark::None, ZoneState::Installed) => "stopped",
            (Mark::None, state) => state.word(),
        }
    }

    /// What `vmadm get` prints.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        for name in FIRST {
            self.show(name, &mut shown);
        }
        for (name, value) in &self.properties {
            let is_known = shown.contains_key(name) || HIDDEN.contains(&name.as_str());
            if !is_known && !LAST.contains(&name.as_str()) && !is_dropped(name, value) {
                shown.insert(name.clone(), value.clone());
            }
        }
        for name in LAST {
            self.show(name, &mut shown);
        }
        shown
    }

    fn show(&self, name: &str, shown: &mut Map<String, Value>) {
        let value = match name {
            "limit_priv" | "fs_allowed" => self.properties.get(name).map(joined),
            "v" => Some(json!(1)),
            "create_timestamp" => Some(json!(self.created)),
            "last_modified" => Some(json!(self.modified)),
            "datasets" => self.dataset().map(|dataset| json!([dataset])),
            "hvm" => Some(json!(false)),
            "firewall_enabled" => Some(json!(self.is(name))),
            "zone_state" => Some(json!(self.zone_state.word())),
            "zonepath" => Some(json!(format!("/{}/{}", super::check::POOL, self.uuid))),
            "zoneid" | "zonedid" => self.zone_id.map(|id| json!(id)),
            "server_uuid" => Some(json!(SERVER)),
            "platform_buildstamp" => Some(json!(PLATFORM_STAMP.trim_start_matches("joyent_"))),
            "state" => Some(json!(self.state())),
            "boot_timestamp" => self.booted.clone().map(Value::from),
            "init_restarts" => self.init.map(|_| json!(0)),
            "pid" => self.init.map(|pid| json!(pid)),
            "customer_metadata" | "internal_metadata" | "routes" | "tags" => {
                Some(self.properties.get(name).cloned().unwrap_or(json!({})))
            }
            "zfs_filesystem" => Some(json!(format!("{}/{}", super::check::POOL, self.uuid))),
            "zfs_root_recsize" => {
                Some(self.properties.get(name).cloned().unwrap_or(json!(131_072)))
            }
            "snapshots" => Some(self.snapshots.iter().map(shown_snapshot).collect()),
            _ => self.properties.get(name).cloned(),
        };
        if let Some(value) = value.filter(|value| !is_dropped(name, value)) {
            shown.insert(name.to_owned(), value);
        }
    }
}

fn shown_snapshot(snapshot: &Snapshot) -> Value {
    json!({ "name": snapshot.name, "created_at": snapshot.created_at, "size": 0 })
}

/// Lists that the zone's configuration keeps as one text.
fn joined(value: &Value) -> Value {
    match value {
        Value::Array(list) => list
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(",")
            .into(),
        other => other.clone(),
    }
}

/// What is not there unless it was set.
fn is_dropped(name: &str, value: &Value) -> bool {
    let is_default = match name {
        "indestructible_zoneroot"
        | "indestructible_delegated"
        | "archive_on_delete"
        | "do_not_inventory"
        | "maintain_resolvers"
        | "docker" => *value == json!(false),
        "cpu_cap" => *value == json!(0),
        "fs_allowed" | "alias" | "resolvers" => *value == json!("") || *value == json!([]),
        _ => false,
    };
    value.is_null() || is_default
}

/// What it holds and nobody is shown.
const HIDDEN: &[&str] = &["ram", "delegate_dataset", "nowait", "mdata_exec_timeout"];

const FIRST: &[&str] = &[
    "zonename",
    "autoboot",
    "brand",
    "limit_priv",
    "fs_allowed",
    "v",
    "create_timestamp",
    "image_uuid",
    "cpu_shares",
    "max_lwps",
    "max_msg_ids",
    "max_sem_ids",
    "max_shm_ids",
    "max_shm_memory",
    "zfs_io_priority",
    "max_physical_memory",
    "max_locked_memory",
    "max_swap",
    "cpu_cap",
    "billing_id",
    "owner_uuid",
    "tmpfs",
    "datasets",
    "dns_domain",
    "hostname",
    "alias",
    "resolvers",
    "filesystems",
    "nics",
];

const LAST: &[&str] = &[
    "firewall_enabled",
    "hvm",
    "uuid",
    "zone_state",
    "zonepath",
    "zonedid",
    "zoneid",
    "last_modified",
    "server_uuid",
    "platform_buildstamp",
    "state",
    "boot_timestamp",
    "init_restarts",
    "pid",
    "customer_metadata",
    "internal_metadata",
    "routes",
    "tags",
    "quota",
    "zfs_root_recsize",
    "zfs_filesystem",
    "zpool",
    "snapshots",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::vm::payload::for_create;

    /// `facts/data/vmadm-get-joyent.inferred.json`: its keys, in its order.
    const KEYS: &str = "zonename autoboot brand limit_priv v create_timestamp image_uuid \
        cpu_shares max_lwps max_msg_ids max_sem_ids max_shm_ids max_shm_memory zfs_io_priority \
        max_physical_memory max_locked_memory max_swap billing_id owner_uuid tmpfs datasets \
        dns_domain hostname alias resolvers nics firewall_enabled hvm uuid zone_state zonepath \
        zonedid zoneid last_modified server_uuid platform_buildstamp state boot_timestamp \
        init_restarts pid customer_metadata internal_metadata routes tags quota zfs_root_recsize \
        zfs_filesystem zpool snapshots";

    #[test]
    fn a_running_zone_shows_what_the_inferred_sample_shows() {
        let payload = json!({
            "brand": "joyent", "image_uuid": "b933df4b-b8f4-4bef-ad1e-236a20304496",
            "alias": "tm1", "hostname": "tm1", "max_physical_memory": 2048, "max_swap": 4096,
            "quota": 500, "delegate_dataset": true, "resolvers": ["192.0.2.53"],
            "nics": [{"nic_tag": "admin", "ips": ["192.0.2.10/24"], "gateways": ["192.0.2.1"],
                      "primary": true, "mac": "b2:1e:ba:a5:6e:70"}],
        });
        let uuid = "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e";
        let payload = payload.as_object().unwrap().clone();
        let mut machine = Machine::new(for_create(payload, uuid).unwrap());
        machine.zone_state = ZoneState::Running;
        machine.zone_id = Some(7);
        machine.init = Some(12345);
        machine.booted = Some(time::now());
        let shown = machine.shown();
        let keys: Vec<&str> = shown.keys().map(String::as_str).collect();
        assert_eq!(
            keys.join(" "),
            KEYS.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        let nic = json!({
            "interface": "net0", "mac": "b2:1e:ba:a5:6e:70", "nic_tag": "admin",
            "gateway": "192.0.2.1", "gateways": ["192.0.2.1"], "netmask": "255.255.255.0",
            "ip": "192.0.2.10", "ips": ["192.0.2.10/24"], "primary": true,
        });
        assert_eq!(shown["nics"][0].to_string(), nic.to_string());
        assert_eq!(shown["max_locked_memory"], 2048);
        assert_eq!(shown["limit_priv"], "default");
        assert_eq!(shown["state"], "running");
    }

    #[test]
    fn a_zone_that_does_not_run_is_stopped_or_what_its_provisioning_says() {
        let payload = json!({"image_uuid": "b933df4b-b8f4-4bef-ad1e-236a20304496"});
        let payload = payload.as_object().unwrap().clone();
        let mut machine =
            Machine::new(for_create(payload, "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e").unwrap());
        assert_eq!(machine.state(), "configured");
        machine.zone_state = ZoneState::Installed;
        assert_eq!(machine.state(), "stopped");
        machine.mark = Mark::Provisioning;
        assert_eq!(machine.state(), "provisioning");
        machine.mark = Mark::Failed;
        assert_eq!(machine.state(), "failed");
        let shown = machine.shown();
        assert!(!shown.contains_key("pid") && !shown.contains_key("alias"));
        assert_eq!(shown["snapshots"], json!([]));
    }
}
