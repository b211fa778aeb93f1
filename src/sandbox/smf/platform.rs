//! The services that every zone has from the platform.
//!
//! Most of them only stand for something that Linux has already done: they are there to be depended
//! on, start with `:true` and keep no log. Names and states follow a SmartOS base zone; which
//! dependencies each has is inferred.

use super::fmri::Fmri;
use super::model::{Group, Groups, Property, Repository};
use super::upgrade::{self, Declared, Part};

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
        "system/cron",
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

/// The repository of a zone that boots for the first time.
#[must_use]
pub fn seed() -> Repository {
    let mut repository = Repository::default();
    for service in SERVICES {
        upgrade::import(&mut repository, &declare(service));
    }
    for fmri in repository.instances() {
        repository.refresh(&fmri);
    }
    repository
}

fn declare(service: &Platform) -> Declared {
    let (start, stop, duration) = match service.name {
        SSH => (SSH_START, ":kill", "contract"),
        MULTICAST => (MULTICAST_START, ":kill", "contract"),
        IMPORT => ("/lib/svc/method/manifest-import", ":true", "transient"),
        _ => (":true", ":true", "transient"),
    };
    let method = |exec: &str| {
        Group::new("method")
            .with("type", "astring", "method")
            .with("exec", "astring", exec)
            .with("timeout_seconds", "count", "60")
    };
    let mut own = Part::default();
    own.groups.insert("start".to_owned(), method(start));
    own.groups.insert("stop".to_owned(), method(stop));
    if service.name == SSH {
        own.groups
            .insert("refresh".to_owned(), method(":kill -HUP"));
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
    let general = Group::new("framework").with("enabled", "boolean", service.enabled.to_string());
    let mut groups = Groups::from([("general".to_owned(), general)]);
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

    #[test]
    fn every_dependency_of_the_platform_exists() {
        let repository = seed();
        for service in SERVICES {
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
        let repository = seed();
        let enabled = |name| repository.is_enabled(&Fmri::instance(name, "default"));
        assert_eq!(enabled(MULTICAST), Some(false));
        assert_eq!(enabled(SSH), Some(true));
    }
}
