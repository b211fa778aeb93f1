//! The zone file's model: its doc comments are the reference manual of `zones/NAME.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A zone file: one zone, where it is, who uses it and what runs in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneFile {
    /// The file's name without its ending; what the command line calls the zone.
    pub name: String,
    /// `[host]`. Default: none, the zone is reached by SSH alone.
    pub host: Option<HostSpec>,
    /// `[zone]`
    pub zone: ZoneSpec,
    /// `[storage]`. Default: none, the zone has its own root and nothing else.
    pub storage: Option<Storage>,
    /// `[[dataset]]`, in the order of the file.
    pub datasets: Vec<Dataset>,
    /// `[[user]]`
    pub users: Vec<User>,
    /// `[[recipe]]`, applied in order.
    pub recipes: Vec<RecipeUse>,
}

/// `[host]`: the machine that holds the zone, and on which it is made where it is missing. Exactly one
/// of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostSpec {
    /// `sandbox = true`: a SmartOS-shaped host made on this Linux machine. What the zone is made from
    /// and how it is connected have defaults there.
    Sandbox,
    /// `ssh = "root@vault"`: the global zone of a SmartOS host; a Host of `~/.ssh/config`, or
    /// `user@host:port`. The login is root, since `vmadm` is root's alone.
    Ssh(String),
}

/// `[zone]`: the zone's shape, or how to reach one that exists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneSpec {
    /// The zone's name for people, and the one by which it is found on its host: `alias =
    /// "timemachine"`. Without blanks, `:` and `,`. Default: the file's name. Fact: `vmadm` takes one alias for
    /// two zones; zonewright does not.
    pub alias: String,
    /// Which zone of the host this file is about: `uuid = "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e"`.
    /// Default: made from the host's own uuid and the alias, so that a zone is found again whatever
    /// happened to this machine. Needed for a zone that somebody else made (`zone adopt` writes it), and
    /// before an alias is changed.
    pub uuid: Option<String>,
    /// `ssh = "matt@vault"`: how to reach a zone that exists already; a Host of `~/.ssh/config`, or
    /// `user@host:port`. Required unless `[host]` says where the zone is to be made.
    pub ssh: Option<String>,
    /// `become = "sudo"` or `"pfexec"`, where the login is not root. Default: none.
    pub become_root: Option<Become>,
    /// What kind of zone: `brand = "joyent"` (the default) or `"joyent-minimal"`, which has neither
    /// sshd nor Bonjour. Fact: a zone cannot change its brand.
    pub brand: Brand,
    /// What the zone is made from: `image = "base-64-lts@24.4.1"`, or a lower-case uuid. It is imported
    /// where the host does not have it. Required with `[host] ssh`. Fact: another image in an existing
    /// zone is `zone reprovision`, which replaces everything but delegated datasets.
    pub image: Option<String>,
    /// How much memory the zone may use, in whole MiB: `memory = "2 GiB"`; in bytes here. Default: 1 GiB.
    /// Changed while the zone runs. Fact: `/tmp` is memory, and as large.
    pub memory: Option<u64>,
    /// How much memory and swap together, in whole MiB: `swap = "4 GiB"`; in bytes here. At least
    /// 256 MiB, and not less than `memory`. Default: twice `memory`. Changed while the zone runs.
    pub swap: Option<u64>,
    /// How much disk space the zone may use, in whole GiB: `quota = "2 TiB"`; in bytes here. It counts the
    /// zone's root, its delegated datasets and all their snapshots. `"0 GiB"` is no limit. Default: 10 GiB.
    /// Changed while the zone runs.
    pub quota: Option<u64>,
    /// How much processor time the zone may use, in percent of one processor: `cpu-cap = 200` is
    /// two of them. Default: no limit. Changed while the zone runs.
    pub cpu_cap: Option<u32>,
    /// The name the zone gives itself: `hostname = "vault"`. Default: the alias. Fact: what is changed later
    /// is used when the zone is reprovisioned.
    pub hostname: Option<String>,
    /// The domain behind the host name: `dns-domain = "example.org"`. Default: `local`. Fact: what is
    /// changed later is used when the zone is reprovisioned.
    pub dns_domain: Option<String>,
    /// Addresses of name servers, IPv4 or IPv6: `resolvers = ["192.0.2.1"]`. Default: none, and the image
    /// then asks 8.8.8.8. Changed while the zone runs where `maintain-resolvers` is true.
    pub resolvers: Vec<String>,
    /// Whether the zone's `/etc/resolv.conf` follows `resolvers` at every boot and change:
    /// `maintain-resolvers = false`. Default: true where there are resolvers.
    pub maintain_resolvers: Option<bool>,
    /// Whether the zone starts when it is made and with its host: `autoboot = false`. Default: true. Fact:
    /// `vmadm stop` sets it to false, `vmadm start` to true.
    pub autoboot: Option<bool>,
    /// `[zone.metadata]`: flat names and values that `mdata-get` reads in the zone, as `user-script`; kept as
    /// text. Default: none. Fact: root of the zone reads all of it, so it is no place for secrets; a
    /// `user-script` runs at every boot.
    pub metadata: BTreeMap<String, String>,
    /// Public key files whose owners may log in as root: `ssh-keys = ["~/.ssh/id_ed25519.pub"]`. They
    /// are written into the zone from its host, beside those that are there. Required with `[host] ssh`.
    pub ssh_keys: Vec<PathBuf>,
    /// `[[zone.nic]]`, in the order net0, net1, …
    pub nics: Vec<Nic>,
}

/// What kind of zone it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Brand {
    #[default]
    Joyent,
    JoyentMinimal,
}

impl Brand {
    /// As `vmadm` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Joyent => "joyent",
            Self::JoyentMinimal => "joyent-minimal",
        }
    }
}

/// How an ordinary login becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Become {
    Sudo,
    Pfexec,
}

/// `[[zone.nic]]`: a network card of the zone. Adding, changing or removing one needs a reboot of the
/// zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nic {
    /// The host's NIC tag: `tag = "admin"`; `nictagadm list` prints those there are. Required.
    pub tag: String,
    /// `address = "192.0.2.10/24"`: its address with the prefix length, IPv4 or IPv6; `"dhcp"`, or `"addrconf"` for
    /// IPv6 by router; several as `addresses = ["192.0.2.10/24", "2001:db8::10/64"]`. Exactly one of the two. Fact: no other zone of
    /// the host may have it on the same tag and VLAN, not even one that is stopped.
    pub addresses: Vec<String>,
    /// The router's IPv4 address, inside the network of `address`: `gateway = "192.0.2.1"`. Default: none;
    /// with `dhcp` the server says it, with IPv6 the router itself.
    pub gateway: Option<String>,
    /// The VLAN: `vlan = 20`, from 0 (none) to 4095. Default: 0.
    pub vlan: u16,
    /// The card's address on the wire: `mac = "b2:1e:ba:a5:6e:70"`, as for a lease that shall stay the
    /// same. Default: the host makes one up.
    pub mac: Option<String>,
    /// Whether this card's gateway and lease are the zone's: `primary = true`. Default: true for the
    /// first card alone. At most one card.
    pub primary: bool,
}

/// `[storage]`: where the zone's datasets live. It cannot be changed once the zone is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Storage {
    /// `kind = "delegated"`: a dataset of the zone's own (`zones/UUID/data`), which the zone divides, and
    /// which dies with the zone and with nothing else. `"lofs"`: a folder of the host, which outlives the
    /// zone; without datasets in the zone. `"existing"`: a dataset that somebody delegated to the zone by hand.
    /// Required.
    pub kind: StorageKind,
    /// The host's folder of `lofs`: `source = "/zones/backups/tm1"`. It must be there. Required with
    /// `lofs`.
    pub source: Option<String>,
    /// Where the zone sees that folder: `target = "/backups"`. Required with `lofs`.
    pub target: Option<String>,
    /// The dataset of `existing`: `dataset = "zones/MacBackup"`. Required with `existing`.
    pub dataset: Option<String>,
}

/// Where the zone's datasets live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StorageKind {
    #[default]
    Delegated,
    Lofs,
    Existing,
}

/// `[[dataset]]`: a ZFS dataset of the zone below its storage. It is made where it is missing, its
/// properties are set where they differ, and it is never destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dataset {
    /// The name below the storage: `name = "matt"` is `zones/UUID/data/matt`. Required.
    pub name: String,
    /// Where the zone sees it: `mountpoint = "/backups/matt"`. Required.
    pub mountpoint: String,
    /// How much it may hold, its children and all snapshots counted: `quota = "1 TiB"`; in bytes here.
    /// Default: no limit but the zone's.
    pub quota: Option<u64>,
    /// How much it may hold, snapshots not counted: `refquota = "600 GiB"`; in bytes here. Default: no limit but
    /// the zone's. The one for Time Machine: with `quota`, its own snapshots would fill it.
    pub refquota: Option<u64>,
    /// `compression = "lz4"`; `on`, `off`, `lz4`, `lzjb`, `zle`, `gzip` or `gzip-1` to `gzip-9`. Default: as its parent.
    pub compression: Option<String>,
    /// The largest block, a power of two from 512 B to 1 MiB: `recordsize = "128 KiB"`; in bytes here.
    /// Default: as its parent.
    pub recordsize: Option<u64>,
    /// Whether reading a file notes when: `atime = false`. Default: as its parent.
    pub atime: Option<bool>,
    /// Who owns its top folder: `owner = "matt"`, one of the file's `[[user]]`, or `root`. Default: as it is.
    pub owner: Option<String>,
}

/// `[[user]]` of a zone file: somebody who logs in to what the zone serves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The account's name.
    pub name: String,
    /// The uid, from 100 to 2097151; pinned, so that files keep their owner when the zone is made
    /// anew. Required.
    pub uid: u32,
    /// The group. Default: `other`.
    pub group: Option<String>,
    /// The home folder. Default: `/home/NAME`.
    pub home: Option<String>,
    /// The login shell. Default: `/usr/bin/bash`.
    pub shell: Option<String>,
    /// The real name. Default: none.
    pub comment: Option<String>,
    /// Where the password comes from. Default: none, the account has no password login.
    pub password: Option<Password>,
}

/// `password = …`: never the password itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// `{ prompt = true }`: asked for on the terminal when it is needed.
    Prompt,
    /// `{ file = "secrets/matt" }`: the first line of a file; relative to the site.
    File(PathBuf),
    /// `{ command = ["pass", "show", "vault/matt"] }`: the first line a command prints.
    Command(Vec<String>),
    /// `{ env = "MATT_PASSWORD" }`: the value of an environment variable.
    Env(String),
}

/// `[[recipe]]` of a zone file: what runs in the zone, applied in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecipeUse {
    /// The recipe's name.
    pub name: String,
    /// Values for the recipe's parameters, as text; the file may write numbers, and true or false.
    pub parameters: BTreeMap<String, String>,
}
