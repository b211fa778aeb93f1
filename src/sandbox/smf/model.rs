//! The repository's contents: services, instances, property groups, properties, snapshots.
//!
//! An instance is seen through its service: a property the instance lacks is taken from the
//! service's group of the same name. Methods run from the `running` snapshot, not from this view.

use super::fmri::Fmri;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Property groups by name.
pub type Groups = BTreeMap<String, Group>;

/// One property.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// The type: `astring`, `count`, …
    pub kind: String,
    /// The values in their order.
    pub values: Vec<String>,
}

impl Property {
    /// A property with one value.
    #[must_use]
    pub fn one(kind: &str, value: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            values: vec![value.into()],
        }
    }
}

/// One property group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The type: `method`, `dependency`, `application`, …
    pub kind: String,
    /// Whether the group is forgotten at shutdown (`NONPERSISTENT`).
    #[serde(default)]
    pub nonpersistent: bool,
    /// The properties by name.
    pub properties: BTreeMap<String, Property>,
}

impl Group {
    /// An empty group.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    /// The same group with one more single-valued property.
    #[must_use]
    pub fn with(mut self, name: &str, kind: &str, value: impl Into<String>) -> Self {
        self.properties
            .insert(name.to_owned(), Property::one(kind, value));
        self
    }

    /// The first value of a property.
    #[must_use]
    pub fn value(&self, property: &str) -> Option<&str> {
        self.values(property).first().map(String::as_str)
    }

    /// All values of a property.
    #[must_use]
    pub fn values(&self, property: &str) -> &[String] {
        self.properties
            .get(property)
            .map_or(&[], |found| &found.values)
    }
}

/// The first value of `group/property`.
#[must_use]
pub fn value<'a>(groups: &'a Groups, group: &str, property: &str) -> Option<&'a str> {
    groups.get(group)?.value(property)
}

/// One instance of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its own property groups.
    pub groups: Groups,
    /// What the last import declared for it.
    #[serde(default)]
    pub last_import: Option<Groups>,
    /// The composed view as of the last refresh.
    #[serde(default)]
    pub running: Option<Groups>,
}

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Property groups its instances share.
    pub groups: Groups,
    /// What the last import declared for the service itself.
    #[serde(default)]
    pub last_import: Option<Groups>,
    /// The instances by name.
    pub instances: BTreeMap<String, Instance>,
}

/// All services of a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The services by name.
    pub services: BTreeMap<String, Service>,
}

impl Repository {
    /// Every instance, sorted.
    #[must_use]
    pub fn instances(&self) -> Vec<Fmri> {
        self.services
            .iter()
            .flat_map(|(service, body)| {
                body.instances
                    .keys()
                    .map(|name| Fmri::instance(service, name))
            })
            .collect()
    }

    /// The service of an FMRI.
    #[must_use]
    pub fn service(&self, fmri: &Fmri) -> Option<&Service> {
        self.services.get(&fmri.service)
    }

    /// The instance of an FMRI.
    #[must_use]
    pub fn instance(&self, fmri: &Fmri) -> Option<&Instance> {
        self.service(fmri)?.instances.get(fmri.instance.as_deref()?)
    }

    /// The instance of an FMRI, to be changed.
    pub fn instance_mut(&mut self, fmri: &Fmri) -> Option<&mut Instance> {
        self.services
            .get_mut(&fmri.service)?
            .instances
            .get_mut(fmri.instance.as_deref()?)
    }

    /// The property groups of exactly this service or instance.
    #[must_use]
    pub fn groups(&self, fmri: &Fmri) -> Option<&Groups> {
        match fmri.instance {
            Some(_) => self.instance(fmri).map(|found| &found.groups),
            None => self.service(fmri).map(|found| &found.groups),
        }
    }

    /// The property groups of exactly this service or instance, to be changed.
    pub fn groups_mut(&mut self, fmri: &Fmri) -> Option<&mut Groups> {
        match fmri.instance {
            Some(_) => self.instance_mut(fmri).map(|found| &mut found.groups),
            None => self
                .services
                .get_mut(&fmri.service)
                .map(|found| &mut found.groups),
        }
    }

    /// The instance's groups over its service's, as they are being edited.
    #[must_use]
    pub fn composed(&self, fmri: &Fmri) -> Groups {
        let mut view = self
            .service(fmri)
            .map(|found| found.groups.clone())
            .unwrap_or_default();
        if let Some(instance) = self.instance(fmri) {
            for (name, group) in &instance.groups {
                let seen = view.entry(name.clone()).or_default();
                seen.kind.clone_from(&group.kind);
                seen.nonpersistent = group.nonpersistent;
                seen.properties.extend(group.properties.clone());
            }
        }
        view
    }

    /// What the restarter and a plain `svcprop` see: the running snapshot and live state.
    #[must_use]
    pub fn running(&self, fmri: &Fmri) -> Groups {
        let Some(instance) = self.instance(fmri) else {
            return self.composed(fmri);
        };
        let Some(running) = &instance.running else {
            return self.composed(fmri);
        };
        let mut view = running.clone();
        let live = instance
            .groups
            .iter()
            .filter(|(_, group)| group.nonpersistent);
        view.extend(live.map(|(name, group)| (name.clone(), group.clone())));
        view
    }

    /// The running snapshot alone; the edited view when none was taken yet.
    #[must_use]
    pub fn snapshot(&self, fmri: &Fmri) -> Cow<'_, Groups> {
        match self
            .instance(fmri)
            .and_then(|instance| instance.running.as_ref())
        {
            Some(running) => Cow::Borrowed(running),
            None => Cow::Owned(self.composed(fmri)),
        }
    }

    /// Takes the running snapshot; false when there is no such instance.
    pub fn refresh(&mut self, fmri: &Fmri) -> bool {
        let mut view = self.composed(fmri);
        view.retain(|_, group| !group.nonpersistent);
        self.instance_mut(fmri)
            .map(|instance| instance.running = Some(view))
            .is_some()
    }

    /// `general/enabled`, without a temporary override.
    #[must_use]
    pub fn enabled_for_good(&self, fmri: &Fmri) -> Option<bool> {
        value(&self.instance(fmri)?.groups, "general", "enabled").map(|text| text == "true")
    }

    /// The override that lasts until the next boot.
    #[must_use]
    pub fn enabled_for_now(&self, fmri: &Fmri) -> Option<bool> {
        value(&self.instance(fmri)?.groups, "general_ovr", "enabled").map(|text| text == "true")
    }

    /// Whether the instance shall run; none for one that nobody configured.
    #[must_use]
    pub fn is_enabled(&self, fmri: &Fmri) -> Option<bool> {
        let lasting = self.enabled_for_good(fmri);
        self.enabled_for_now(fmri)
            .filter(|_| lasting.is_some())
            .or(lasting)
    }

    /// A property of the `restarter` group.
    #[must_use]
    pub fn restarter(&self, fmri: &Fmri, property: &str) -> Option<&str> {
        value(&self.instance(fmri)?.groups, "restarter", property)
    }

    /// The instance's state.
    #[must_use]
    pub fn state(&self, fmri: &Fmri) -> State {
        self.restarter(fmri, "state")
            .and_then(State::parse)
            .unwrap_or(State::Uninitialized)
    }

    /// The state the instance is on its way to.
    #[must_use]
    pub fn next_state(&self, fmri: &Fmri) -> Option<State> {
        self.restarter(fmri, "next_state").and_then(State::parse)
    }
}

/// The states of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not looked at yet.
    Uninitialized,
    /// Shall not run.
    Disabled,
    /// Shall run and does not.
    Offline,
    /// Runs.
    Online,
    /// Runs with less than everything.
    Degraded,
    /// Waits for an administrator.
    Maintenance,
}

impl State {
    /// The state's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uninitialized => "uninitialized",
            Self::Disabled => "disabled",
            Self::Offline => "offline",
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Maintenance => "maintenance",
        }
    }

    /// Reads a state's name; `none` is no state.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Uninitialized,
            Self::Disabled,
            Self::Offline,
            Self::Online,
            Self::Degraded,
            Self::Maintenance,
        ]
        .into_iter()
        .find(|state| state.name() == text)
    }

    /// Whether the service does its work.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Online | Self::Degraded)
    }
}
