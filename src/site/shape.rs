//! What a zone is to be like, with everything filled in that its file leaves to defaults, in the units
//! that a host counts in.
//!
//! Only a file with `[host]` has a shape: a zone that is reached by SSH alone is as it is.

use std::collections::BTreeMap;

use super::model::{Brand, Dataset, HostSpec, Nic, Storage, ZoneFile};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What the sandbox makes a zone from where its file does not say.
const SANDBOX_IMAGE: &str = "base-64-lts@24.4.1";

/// What a zone is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub alias: String,
    /// The zone's uuid, where the file says it.
    pub uuid: Option<String>,
    pub brand: Brand,
    pub image: Image,
    pub memory_mib: u64,
    pub swap_mib: u64,
    /// 0 is no limit.
    pub quota_gib: u64,
    /// 0 is no limit.
    pub cpu_cap: u32,
    pub hostname: String,
    pub dns_domain: String,
    pub resolvers: Vec<String>,
    pub maintain_resolvers: bool,
    pub autoboot: bool,
    pub metadata: BTreeMap<String, String>,
    /// One of them is primary.
    pub nics: Vec<Nic>,
    pub storage: Option<Storage>,
    pub datasets: Vec<Dataset>,
    /// User of the file → uid: who may own a dataset.
    pub uids: BTreeMap<String, u32>,
}

/// What a zone is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    Named { name: String, version: String },
    Uuid(String),
}

impl Image {
    fn of(text: &str) -> Self {
        match text.split_once('@') {
            Some((name, version)) => Self::Named {
                name: name.to_owned(),
                version: version.to_owned(),
            },
            None => Self::Uuid(text.to_owned()),
        }
    }
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named { name, version } => write!(f, "{name}@{version}"),
            Self::Uuid(uuid) => f.write_str(uuid),
        }
    }
}

impl ZoneFile {
    /// What the zone is to be like; nothing where the file says no host.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        let host = self.host.as_ref()?;
        let spec = &self.zone;
        let memory = spec.memory.unwrap_or(GIB);
        let swap = spec.swap.unwrap_or(memory.saturating_mul(2));
        Some(Shape {
            alias: spec.alias.clone(),
            uuid: spec.uuid.clone(),
            brand: spec.brand,
            // a file without an image has no host but the sandbox
            image: Image::of(spec.image.as_deref().unwrap_or(SANDBOX_IMAGE)),
            memory_mib: memory.div_ceil(MIB),
            swap_mib: swap.div_ceil(MIB).max(256),
            quota_gib: spec.quota.map_or(10, |quota| quota.div_ceil(GIB)),
            cpu_cap: spec.cpu_cap.unwrap_or(0),
            hostname: spec.hostname.clone().unwrap_or_else(|| spec.alias.clone()),
            dns_domain: spec
                .dns_domain
                .clone()
                .unwrap_or_else(|| "local".to_owned()),
            resolvers: spec.resolvers.clone(),
            maintain_resolvers: spec
                .maintain_resolvers
                .unwrap_or(!spec.resolvers.is_empty()),
            autoboot: spec.autoboot.unwrap_or(true),
            metadata: spec.metadata.clone(),
            nics: nics(host, &spec.nics),
            storage: self.storage.clone(),
            datasets: self.datasets.clone(),
            uids: self.users.iter().map(|u| (u.name.clone(), u.uid)).collect(),
        })
    }
}

fn nics(host: &HostSpec, written: &[Nic]) -> Vec<Nic> {
    let mut nics = written.to_vec();
    if nics.is_empty() && *host == HostSpec::Sandbox {
        nics.push(Nic {
            tag: "admin".to_owned(),
            addresses: vec!["dhcp".to_owned()],
            ..Nic::default()
        });
    }
    if !nics.iter().any(|nic| nic.primary)
        && let Some(first) = nics.first_mut()
    {
        first.primary = true;
    }
    nics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::model::ZoneSpec;

    #[test]
    fn what_a_file_leaves_out_has_defaults_in_the_units_of_the_host() {
        let mut zone = ZoneFile {
            host: Some(HostSpec::Sandbox),
            zone: ZoneSpec {
                alias: "a".into(),
                ..ZoneSpec::default()
            },
            ..ZoneFile::default()
        };
        let shape = zone.shape().unwrap();
        assert_eq!(shape.image.to_string(), SANDBOX_IMAGE);
        assert_eq!((shape.memory_mib, shape.swap_mib), (1024, 2048));
        assert_eq!((shape.quota_gib, shape.hostname.as_str()), (10, "a"));
        assert!(shape.autoboot && !shape.maintain_resolvers);
        assert!(shape.nics[0].primary && shape.nics[0].addresses == ["dhcp"]);
        zone.zone.memory = Some(64 << 20);
        zone.zone.quota = Some(3 << 40);
        let shape = zone.shape().unwrap();
        assert_eq!((shape.memory_mib, shape.swap_mib), (64, 256));
        assert_eq!(shape.quota_gib, 3072);
        zone.host = None;
        assert_eq!(zone.shape(), None);
    }
}
