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
    /// `[[user]]`
    pub users: Vec<User>,
    /// `[[recipe]]`, applied in order.
    pub recipes: Vec<RecipeUse>,
}

/// `[host]`: the machine that holds the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostSpec {
    /// `sandbox = true`: a SmartOS-shaped zone made on this Linux machine.
    Sandbox,
}

/// `[zone]`: the zone's shape, or how to reach one that exists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneSpec {
    /// The zone's name for people. Default: the file's name.
    pub alias: String,
    /// `ssh = "matt@vault"`: how to reach a zone that exists already; a Host of `~/.ssh/config`, or
    /// `user@host:port`. Required unless `[host]` says where the zone is to be made.
    pub ssh: Option<String>,
    /// `become = "sudo"` or `"pfexec"`, where the login is not root. Default: none.
    pub become_root: Option<Become>,
    /// What the zone is made from: `image = "base-64-lts@24.4.1"`, or a uuid.
    pub image: Option<String>,
    /// How much memory the zone may use: `memory = "2 GiB"`; in bytes here.
    pub memory: Option<u64>,
    /// How much disk space the zone may use: `quota = "2 TiB"`; in bytes here.
    pub quota: Option<u64>,
    /// Addresses of name servers.
    pub resolvers: Vec<String>,
    /// Public key files whose owners may log in as root.
    pub ssh_keys: Vec<PathBuf>,
    /// `[[zone.nic]]`
    pub nics: Vec<Nic>,
}

/// How an ordinary login becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Become {
    Sudo,
    Pfexec,
}

/// `[[zone.nic]]`: a network card of the zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nic {
    /// The host's NIC tag (`admin`).
    pub tag: String,
    /// Its address with the prefix length, `192.0.2.10/24`, or `dhcp`.
    pub address: String,
    /// The router's address, inside the network of `address`; not with `dhcp`.
    pub gateway: Option<String>,
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
