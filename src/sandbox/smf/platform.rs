//! The services that every zone has from the platform.
//!
//! Most of them only stand for something that Linux has already done: they are there to be depended
//! on, start with `:true` and keep no log. Names and states follow a SmartOS base zone; which
//! dependencies each has is inferred.

use super::fmri::Fmri;
use super::model::{Group, Groups, Property, Repository};
use super::upgrade::{self, Declared, Part};
use crate::sandbox::userland::first_boot;

/// One platform service.
struct Platform {
    name: &'static str,
    instance: &'static str,
    title: &'static str,
    enabled: bool,
    requires: &'static [&'static str],
}

const fn stand_in(
    name: &'static str,
    instance: &'static str,
    title: &'static str,
    requires: &'static [&'static str],
) -> Platform {
    Platform {
        name,
        instance,
        title,
        enabled: true,
        requires,
    }
}

const FETCH: (&str, &str) = ("smartdc/mdata", "fetch");
const EXECUTE: (&str, &str) = ("smartdc/mdata", "execute");
const ZONEINIT: (&str, &str) = ("system/zoneinit", "default");
const CRON: &str = "system/cron";

/// How long the user's script may take where nobody said otherwise.
const SCRIPT_SECONDS: u64 = 300;

const SSH: &str = "network/ssh";
const MULTICAST: &str = "network/dns/multicast";
const IMPORT: &str = "system/manifest-import";

const SERVICES: &[Platform] = &[
    stand_in("system/svc/restarter", "default", "master restarter", &[]),
    stand_in(
        "system/early-manifest-import",
        "default",
        "early manifest import",
        &[],
    ),
    stand_in(
        "system/filesystem/root",
        "default",
        "root file system mount",
        &[],
    ),
    stand_in(
        "system/filesystem/usr",
        "default",
        "read/write root file systems mounts",
        &["svc:/system/filesystem/root:default"],
    ),
    stand_in(
        "system/device/local",
        "default",
        "device configuration",
        &["svc:/system/filesystem/usr:default"],
    ),
    stand_in(
        "milestone/devices",
        "default",
        "device configuration milestone",
        &["svc:/system/device/local:default"],
    ),
    stand_in(
        "system/filesystem/minimal",
        "default",
        "minimal file system mounts",
        &["svc:/system/filesystem/usr:default"],
    ),
    stand_in(
        "system/filesystem/local",
        "default",
        "local file system mounts",
        &["svc:/system/filesystem/minimal:default"],
    ),
    stand_in(
        "network/loopback",
        "default",
        "loopback network interface",
        &[],
    ),
    stand_in(
        "network/ip-interface-management",
        "default",
        "IP interface management",
        &["svc:/network/loopback:default"],
    ),
    stand_in(
        "network/physical",
        "default",
        "physical network interfaces",
        &["svc:/network/loopback:default"],
    ),
    stand_in(
        "network/routing-setup",
        "default",
        "initial routing-related configuration",
        &["svc:/network/physical:default"],
    ),
    stand_in(
        "system/identity",
        "node",
        "system identity (nodename)",
        &["svc:/network/physical:default"],
    ),
    stand_in(
        "system/identity",
        "domain",
        "system identity (domainname)",
        &["svc:/network/physical:default"],
    ),
    stand_in(
        "milestone/network",
        "default",
        "Network milestone",
        &["svc:/network/loopback", "svc:/network/physical"],
    ),
    stand_in(
        "network/initial",
        "default",
        "initial network services",
        &["svc:/milestone/network:default"],
    ),
    stand_in(
        "network/service",
        "default",
        "layered network services",
        &["svc:/network/initial:default"],
    ),
    stand_in(
        "network/iptun",
        "default",
        "IP tunnel creation",
        &["svc:/network/physical:default"],
    ),
    stand_in(
        "network/netmask",
        "default",
        "dynamic interface netmask configuration",
        &["svc:/network/physical:default"],
    ),
    stand_in(
        "network/dns/client",
        "default",
        "DNS resolver",
        &["svc:/milestone/network:default"],
    ),
    stand_in(
        "milestone/name-services",
        "default",
        "name services milestone",
        &["svc:/network/dns/client:default"],
    ),
    stand_in(
        "system/cryptosvc",
        "default",
        "cryptographic services",
        &["svc:/system/filesystem/minimal:default"],
    ),
    stand_in(
        "milestone/self-assembly-complete",
        "default",
        "self-assembly complete milestone",
        &["svc:/system/filesystem/minimal:default"],
    ),
    stand_in(
        "milestone/single-user",
        "default",
        "single-user milestone",
        &[
            "svc:/system/identity:node",
            "svc:/system/filesystem/minimal:default",
            "svc:/network/loopback:default",
            "svc:/milestone/network:default",
        ],
    ),
    stand_in(
        "system/sysidtool",
        "net",
        "sysidtool",
        &["svc:/milestone/single-user:default"],
    ),
    stand_in(
        "system/sysidtool",
        "system",
        "sysidtool",
        &["svc:/milestone/single-user:default"],
    ),
    stand_in(
        "system/utmp",
        "default",
        "utmpx monitoring",
        &["svc:/system/filesystem/local:default"],
    ),
    stand_in(
        "system/name-service-cache",
        "default",
        "name service cache",
        &["svc:/system/filesystem/local:default"],
    ),
    stand_in(
        "system/system-log",
        "default",
        "system log",
        &["svc:/system/filesystem/local:default"],
    ),
    stand_in(
        CRON,
        "default",
        "clock daemon (cron)",
        &["svc:/system/filesystem/local:default"],
    ),
    stand_in(
        "system/coreadm",
        "default",
        "system-wide core file configuration",
        &["svc:/system/filesystem/minimal:default"],
    ),
    stand_in(
        "system/rmtmpfiles",
        "default",
        "remove temporary files",
        &["svc:/system/filesystem/minimal:default"],
    ),
    stand_in(
        "system/boot-archive",
        "default",
        "check boot archive content",
        &["svc:/system/filesystem/root:default"],
    ),
    stand_in(
        "milestone/multi-user",
        "default",
        "multi-user milestone",
        &[
            "svc:/milestone/single-user:default",
            "svc:/milestone/name-services:default",
            "svc:/system/filesystem/local:default",
        ],
    ),
    stand_in(
        "milestone/multi-user-server",
        "default",
        "multi-user plus exports milestone",
        &["svc:/milestone/multi-user:default"],
    ),
    stand_in(
        "smartdc/mdata",
        "fetch",
        "Metadata fetch",
        &["svc:/milestone/network:default"],
    ),
    stand_in(
        "smartdc/mdata",
        "execute",
        "Metadata execute",
        &[
            "svc:/milestone/multi-user:default",
            "svc:/smartdc/mdata:fetch",
        ],
    ),
    stand_in(
        ZONEINIT.0,
        ZONEINIT.1,
        "zone initialization",
        &[
            "svc:/system/filesystem/minimal:default",
            "svc:/network/physical:default",
        ],
    ),
    stand_in(
        IMPORT,
        "default",
        "service manifest import",
        &["svc:/system/filesystem/minimal:default"],
    ),
    stand_in(
        SSH,
        "default",
        "SSH server",
        &[
            "svc:/system/filesystem/local:default",
            "svc:/network/loopback",
            "svc:/network/physical",
        ],
    ),
    Platform {
        name: MULTICAST,
        instance: "default",
        title: "DNS Service Discovery and Multicast DNS",
        enabled: false,
        requires: &[
            "svc:/network/loopback:default",
            "svc:/network/physical:default",
        ],
    },
];

/// The real daemon answers Bonjour; in a sandbox nobody could hear it.
const MULTICAST_START: &str = "/bin/sh -c 'echo \"Bonjour is not emulated in a sandbox zone: \
                               nothing is announced.\"; sleep 2147483647 &'";

/// Where sshd writes goes to the instance's log: it closes its own streams when it detaches.
const SSH_START: &str = "/usr/sbin/sshd -f /etc/ssh/sshd_config -E \
                         /var/svc/log/network-ssh:default.log";

/// Whether the instance only stands for a part of the platform.
#[must_use]
pub fn is_quiet(fmri: &Fmri) -> bool {
    ![SSH, MULTICAST, IMPORT].contains(&fmri.service.as_str())
        && SERVICES.iter().any(|service| {
            service.name == fmri.service && fmri.instance.as_deref() == Some(service.instance)
        })
}

/// Whether nothing is said of the instance, for nothing happens in it.
#[must_use]
pub fn is_silent(fmri: &Fmri) -> bool {
    let instance = fmri.instance.as_deref().unwrap_or_default();
    is_quiet(fmri) && !FIRST_BOOT.contains(&(fmri.service.as_str(), instance))
}

/// The services that make a new zone what its host's record of it says.
const FIRST_BOOT: [(&str, &str); 3] = [ZONEINIT, FETCH, EXECUTE];

/// What kind of system boots for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// One without a host that knows it: the global zone.
    Plain,
    /// A zone of the brand joyent.
    Joyent {
        /// How long the user's script may take, in seconds; 0 for ever.
        script_seconds: u64,
    },
    /// A zone of the brand joyent-minimal: few services, and no first boot of an image.
    Minimal {
        /// As above.
        script_seconds: u64,
    },
}

impl System {
    /// The system that a zone's metadata describe.
    #[must_use]
    pub fn of(metadata: &serde_json::Value) -> Self {
        let seconds = metadata.get("script-seconds").and_then(|n| n.as_u64());
        let script_seconds = seconds.unwrap_or(SCRIPT_SECONDS);
        match metadata.pointer("/sdc/brand").and_then(|b| b.as_str()) {
            None => Self::Plain,
            Some("joyent-minimal") => Self::Minimal { script_seconds },
            Some(_) => Self::Joyent { script_seconds },
        }
    }

    fn has(self, service: &Platform) -> bool {
        let name = (service.name, service.instance);
        match self {
            Self::Plain => name != ZONEINIT,
            Self::Joyent { .. } => true,
            Self::Minimal { .. } => {
                name != ZONEINIT && ![SSH, CRON, MULTICAST].contains(&service.name)
            }
        }
    }
}

/// The repository of a system that boots for the first time.
#[must_use]
pub fn seed(system: System) -> Repository {
    let mut repository = Repository::default();
    for service in SERVICES.iter().filter(|service| system.has(service)) {
        upgrade::import(&mut repository, &declare(service, system));
    }
    for fmri in repository.instances() {
        repository.refresh(&fmri);
    }
    repository
}

fn declare(service: &Platform, system: System) -> Declared {
    let name = (service.name, service.instance);
    let seconds = match system {
        System::Plain => None,
        System::Joyent { script_seconds } | System::Minimal { script_seconds } => {
            Some(script_seconds)
        }
    };
    let (start, stop, duration) = match (service.name, seconds) {
        (SSH, _) => (SSH_START, ":kill", "contract"),
        (MULTICAST, _) => (MULTICAST_START, ":kill", "contract"),
        (IMPORT, _) => ("/lib/svc/method/manifest-import", ":true", "transient"),
        (_, Some(_)) if name == FETCH => (first_boot::FETCH, ":true", "transient"),
        (_, Some(_)) if name == EXECUTE => (first_boot::EXECUTE, ":true", "transient"),
        (_, Some(_)) if name == ZONEINIT => (first_boot::ZONEINIT, ":true", "transient"),
        _ => (":true", ":true", "transient"),
    };
    let timeout = match seconds {
        Some(seconds) if name == EXECUTE => seconds,
        Some(_) if name == FETCH => 1800,
        _ => 60,
    };
    let method = |exec: &str, timeout: u64| {
        Group::new("method")
            .with("type", "astring", "method")
            .with("exec", "astring", exec)
            .with("timeout_seconds", "count", timeout.to_string())
    };
    // The image leaves these to its own first boot.
    let is_waiting = match system {
        System::Plain => false,
        System::Joyent { .. } => name == FETCH || name == EXECUTE,
        System::Minimal { .. } => name == EXECUTE,
    };
    let mut groups = Groups::new();
    let mut own = Part::default();
    // Two instances of one service have methods of their own.
    let methods = if service.name == FETCH.0 {
        &mut groups
    } else {
        &mut own.groups
    };
    methods.insert("start".to_owned(), method(start, timeout));
    methods.insert("stop".to_owned(), method(stop, 60));
    if service.name == SSH {
        own.groups
            .insert("refresh".to_owned(), method(":kill -HUP", 60));
        let ignored = Group::new("framework")
            .with("duration", "astring", duration)
            .with("ignore_error", "astring", "core,signal");
        own.groups.insert("startd".to_owned(), ignored);
    } else {
        let startd = Group::new("framework").with("duration", "astring", duration);
        own.groups.insert("startd".to_owned(), startd);
    }
    let title = Group::new("template").with("C", "ustring", service.title);
    own.groups.insert("tm_common_name".to_owned(), title);
    let enabled = service.enabled && !is_waiting;
    let general = Group::new("framework").with("enabled", "boolean", enabled.to_string());
    groups.insert("general".to_owned(), general);
    if name == ZONEINIT {
        let done = Group::new("application").with("done", "boolean", "false");
        groups.insert("application".to_owned(), done);
    }
    if !service.requires.is_empty() {
        groups.insert("requires".to_owned(), dependency(service.requires));
    }
    Declared {
        service: service.name.to_owned(),
        own,
        instances: vec![(
            service.instance.to_owned(),
            Part {
                groups,
                ..Part::default()
            },
        )],
    }
}

fn dependency(entities: &[&str]) -> Group {
    let mut group = Group::new("dependency")
        .with("grouping", "astring", "require_all")
        .with("restart_on", "astring", "none")
        .with("type", "astring", "service");
    let values = entities.iter().map(|&entity| entity.to_owned()).collect();
    group.properties.insert(
        "entities".to_owned(),
        Property {
            kind: "fmri".to_owned(),
            values,
        },
    );
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::smf::dependencies::instances_of;

    const JOYENT: System = System::Joyent {
        script_seconds: 300,
    };
    const MINIMAL: System = System::Minimal {
        script_seconds: 300,
    };

    #[test]
    fn every_dependency_of_the_platform_exists() {
        for (system, service) in [System::Plain, JOYENT, MINIMAL]
            .into_iter()
            .flat_map(|system| SERVICES.iter().map(move |service| (system, service)))
            .filter(|(system, service)| system.has(service))
        {
            let repository = seed(system);
            for required in service.requires {
                assert!(
                    !instances_of(&repository, required).is_empty(),
                    "{required}"
                );
            }
        }
    }

    #[test]
    fn bonjour_is_disabled_and_ssh_enabled() {
        let repository = seed(JOYENT);
        let enabled = |name| repository.is_enabled(&Fmri::instance(name, "default"));
        assert_eq!(enabled(MULTICAST), Some(false));
        assert_eq!(enabled(SSH), Some(true));
    }

    #[test]
    fn a_new_zone_waits_for_its_image_to_fetch_and_run_metadata() {
        let state = |system, (service, instance)| {
            seed(system).is_enabled(&Fmri::instance(service, instance))
        };
        assert_eq!(
            FIRST_BOOT.map(|name| state(JOYENT, name)),
            [Some(true), Some(false), Some(false)]
        );
        assert_eq!(
            FIRST_BOOT.map(|name| state(MINIMAL, name)),
            [None, Some(true), Some(false)]
        );
        let repository = seed(System::Joyent { script_seconds: 7 });
        let value = |instance, property| {
            let view = repository.snapshot(&Fmri::instance("smartdc/mdata", instance));
            super::super::model::value(&view, "start", property).map(str::to_owned)
        };
        assert_eq!(value("execute", "timeout_seconds").as_deref(), Some("7"));
        assert_eq!(value("fetch", "timeout_seconds").as_deref(), Some("1800"));
        assert_eq!(
            value("fetch", "exec").as_deref(),
            Some("/lib/svc/method/mdata-fetch")
        );
    }

    #[test]
    fn the_metadata_tell_the_brand() {
        let of = |text: &str| System::of(&serde_json::from_str(text).unwrap());
        assert_eq!(of("null"), System::Plain);
        assert_eq!(of(r#"{"sdc": {"brand": "joyent"}}"#), JOYENT);
        let text = r#"{"sdc": {"brand": "joyent-minimal"}, "script-seconds": 0}"#;
        assert_eq!(of(text), System::Minimal { script_seconds: 0 });
    }
}
