//! The keys of a zone file, and the tree into the [`ZoneFile`].
//!
//! Sections that a later version will know have their keys here already, so that who writes one
//! learns that it is not supported instead of that it is unknown.

use std::path::PathBuf;

use super::model::{
    Become, Brand, Dataset, HostSpec, Nic, Password, RecipeUse, Storage, StorageKind, User,
    ZoneFile, ZoneSpec,
};
use crate::recipe::format::Format;
use crate::recipe::schema::Takes::{Boolean, Integer, List, Map, NotYet, Scalar, Tables, Text};
use crate::recipe::schema::{Rule, Table, Takes, key, required};
use crate::recipe::tree::Node;

/// A whole zone file.
pub static ZONE: Table = Table {
    title: "a zone file",
    keys: &[
        key(
            "host",
            Takes::Table(&HOST),
            "the machine that holds the zone",
        ),
        key(
            "zone",
            Takes::Table(&SPEC),
            "the zone's shape, or how to reach it",
        ),
        key(
            "storage",
            Takes::Table(&STORAGE),
            "where the zone's datasets live",
        ),
        key(
            "dataset",
            Tables(&DATASET, &["name", "mountpoint"]),
            "a dataset of the zone",
        ),
        key(
            "user",
            Tables(&USER, &["name", "uid"]),
            "somebody who logs in to what the zone serves",
        ),
        key(
            "recipe",
            Tables(&RECIPE_USE, &["name"]),
            "what runs in the zone",
        ),
        key(
            "backup",
            NotYet("leave it out; describe the share in the recipe's parameters for now"),
            "the share of one Mac",
        ),
    ],
    rules: &[],
};

static HOST: Table = Table {
    title: "`[host]`",
    keys: &[
        key(
            "sandbox",
            Boolean,
            "a SmartOS-shaped zone made on this Linux machine",
        ),
        key(
            "ssh",
            Text(Format::SshTarget),
            "a SmartOS global zone, as root",
        ),
    ],
    rules: &[Rule::ExactlyOne(&["sandbox", "ssh"])],
};

pub(super) static SPEC: Table = Table {
    title: "`[zone]`",
    keys: &[
        key("alias", Text(Format::Line), "the zone's name for people"),
        key(
            "uuid",
            Text(Format::Uuid),
            "which zone of the host this is about",
        ),
        key(
            "ssh",
            Text(Format::SshTarget),
            "how to reach a zone that exists already",
        ),
        key(
            "become",
            Text(Format::OneOf(&["sudo", "pfexec"])),
            "how the login becomes root",
        ),
        key("brand", Text(Format::Brand), "what kind of zone it is"),
        key("image", Text(Format::Image), "what the zone is made from"),
        key(
            "memory",
            Text(Format::Size),
            "how much memory the zone may use",
        ),
        key(
            "swap",
            Text(Format::Size),
            "how much memory and swap together",
        ),
        key(
            "quota",
            Text(Format::Size),
            "how much disk space the zone may use",
        ),
        key(
            "cpu-cap",
            Integer(1, 100_000),
            "percent of one processor that the zone may use",
        ),
        key(
            "hostname",
            Text(Format::Label),
            "the name the zone gives itself",
        ),
        key(
            "dns-domain",
            Text(Format::Domain),
            "the domain behind the host name",
        ),
        key(
            "resolvers",
            List(&Text(Format::Address)),
            "addresses of name servers",
        ),
        key(
            "maintain-resolvers",
            Boolean,
            "whether the zone follows `resolvers` for good",
        ),
        key("autoboot", Boolean, "whether the zone starts with its host"),
        key(
            "metadata",
            Map(Format::MetadataKey, &Scalar),
            "what `mdata-get` reads in the zone",
        ),
        key(
            "ssh-keys",
            List(&Text(Format::LocalPath)),
            "public key files of who may log in as root",
        ),
        key("nic", Tables(&NIC, &[]), "a network card of the zone"),
    ],
    rules: &[Rule::OnlyWith("become", "ssh")],
};

static NIC: Table = Table {
    title: "`[[zone.nic]]`",
    keys: &[
        required("tag", Text(Format::NicTag), "the host's NIC tag"),
        key(
            "address",
            Text(Format::CardAddress),
            "its address and prefix length, or `dhcp`",
        ),
        key(
            "addresses",
            List(&Text(Format::CardAddress)),
            "several of them",
        ),
        key("gateway", Text(Format::Address), "the router's address"),
        key("vlan", Integer(0, 4095), "the VLAN"),
        key("mac", Text(Format::Mac), "the card's address on the wire"),
        key(
            "primary",
            Boolean,
            "whether the zone's way out is this card's",
        ),
    ],
    rules: &[Rule::ExactlyOne(&["address", "addresses"])],
};

/// The words of `[storage] kind`.
const STORAGE_KINDS: &[&str] = &["delegated", "lofs", "existing"];

static STORAGE: Table = Table {
    title: "`[storage]`",
    keys: &[
        required(
            "kind",
            Text(Format::OneOf(STORAGE_KINDS)),
            "`delegated`, `lofs` or `existing`",
        ),
        key("source", Text(Format::Path), "the host's folder"),
        key(
            "target",
            Text(Format::Path),
            "where the zone sees the host's folder",
        ),
        key(
            "dataset",
            Text(Format::HostDataset),
            "the dataset that is in the zone already",
        ),
    ],
    rules: &[
        Rule::OnlyWith("source", "target"),
        Rule::OnlyWith("target", "source"),
        Rule::Without("dataset", &["source"]),
    ],
};

/// What both illumos and the other ZFS take.
const COMPRESSIONS: &[&str] = &[
    "on", "off", "lz4", "lzjb", "zle", "gzip", "gzip-1", "gzip-2", "gzip-3", "gzip-4", "gzip-5",
    "gzip-6", "gzip-7", "gzip-8", "gzip-9",
];

static DATASET: Table = Table {
    title: "`[[dataset]]`",
    keys: &[
        required(
            "name",
            Text(Format::DatasetName),
            "its name below the storage",
        ),
        required("mountpoint", Text(Format::Path), "where the zone sees it"),
        key(
            "quota",
            Text(Format::Size),
            "how much it may hold with its snapshots",
        ),
        key(
            "refquota",
            Text(Format::Size),
            "how much it may hold without its snapshots",
        ),
        key(
            "compression",
            Text(Format::OneOf(COMPRESSIONS)),
            "how its blocks are compressed",
        ),
        key("recordsize", Text(Format::Size), "its largest block"),
        key("atime", Boolean, "whether reading a file notes when"),
        key(
            "owner",
            Text(Format::Account(32)),
            "who owns its top folder",
        ),
    ],
    rules: &[],
};

static USER: Table = Table {
    title: "`[[user]]`",
    keys: &[
        required("name", Text(Format::Account(32)), "the account's name"),
        required(
            "uid",
            Integer(100, 2_097_151),
            "the uid, pinned so that files keep their owner",
        ),
        key("group", Text(Format::Account(32)), "the group"),
        key("home", Text(Format::AccountPath), "the home folder"),
        key("shell", Text(Format::AccountPath), "the login shell"),
        key("comment", Text(Format::AccountField), "the real name"),
        key(
            "password",
            Takes::Table(&PASSWORD),
            "where the password comes from",
        ),
    ],
    rules: &[],
};

pub(super) static PASSWORD: Table = Table {
    title: "`password`",
    keys: &[
        key("prompt", Boolean, "ask on the terminal"),
        key("file", Text(Format::LocalPath), "the first line of a file"),
        key(
            "command",
            List(&Text(Format::Argument)),
            "the first line that a command prints",
        ),
        key("env", Text(Format::Variable), "an environment variable"),
    ],
    rules: &[Rule::ExactlyOne(&["prompt", "file", "command", "env"])],
};

static RECIPE_USE: Table = Table {
    title: "`[[recipe]]`",
    keys: &[
        required("name", Text(Format::PackageName), "the recipe's name"),
        key(
            "parameters",
            Map(Format::Kebab, &Scalar),
            "values for the recipe's parameters",
        ),
    ],
    rules: &[],
};

/// The zone file that a tree holds; what is wrong or missing reads as its default.
pub(super) fn zone(root: &Node, name: &str) -> ZoneFile {
    ZoneFile {
        name: name.to_string(),
        host: root.get("host").and_then(host),
        zone: spec(root.get("zone"), name),
        storage: root.get("storage").map(storage),
        datasets: root.list("dataset", dataset),
        users: root.list("user", user),
        recipes: root.list("recipe", |table| RecipeUse {
            name: table.text("name"),
            parameters: table.text_map("parameters"),
        }),
    }
}

fn host(table: &Node) -> Option<HostSpec> {
    if table.boolean("sandbox") {
        return Some(HostSpec::Sandbox);
    }
    table.maybe_text("ssh").map(HostSpec::Ssh)
}

fn storage(table: &Node) -> Storage {
    Storage {
        kind: match table.text("kind").as_str() {
            "lofs" => StorageKind::Lofs,
            "existing" => StorageKind::Existing,
            _ => StorageKind::Delegated,
        },
        source: table.maybe_text("source"),
        target: table.maybe_text("target"),
        dataset: table.maybe_text("dataset"),
    }
}

fn dataset(table: &Node) -> Dataset {
    Dataset {
        name: table.text("name"),
        mountpoint: table.text("mountpoint"),
        quota: table.size("quota"),
        refquota: table.size("refquota"),
        compression: table.maybe_text("compression"),
        recordsize: table.size("recordsize"),
        atime: truth(table, "atime"),
        owner: table.maybe_text("owner"),
    }
}

/// `true` or `false`, where it is there.
fn truth(table: &Node, key: &str) -> Option<bool> {
    table.has(key).then(|| table.boolean(key))
}

fn nic(table: &Node) -> Nic {
    let one = table.maybe_text("address");
    Nic {
        tag: table.text("tag"),
        addresses: one.into_iter().chain(table.texts("addresses")).collect(),
        gateway: table.maybe_text("gateway"),
        vlan: table.integer("vlan").unwrap_or(0),
        mac: table.maybe_text("mac"),
        primary: table.boolean("primary"),
    }
}

fn spec(table: Option<&Node>, name: &str) -> ZoneSpec {
    let Some(table) = table else {
        return ZoneSpec {
            alias: name.to_string(),
            ..ZoneSpec::default()
        };
    };
    ZoneSpec {
        alias: table
            .maybe_text("alias")
            .unwrap_or_else(|| name.to_string()),
        ssh: table.maybe_text("ssh"),
        become_root: match table.text("become").as_str() {
            "sudo" => Some(Become::Sudo),
            "pfexec" => Some(Become::Pfexec),
            _ => None,
        },
        uuid: table.maybe_text("uuid"),
        brand: match table.text("brand").as_str() {
            "joyent-minimal" => Brand::JoyentMinimal,
            _ => Brand::Joyent,
        },
        image: table.maybe_text("image"),
        memory: table.size("memory"),
        swap: table.size("swap"),
        quota: table.size("quota"),
        cpu_cap: table.integer("cpu-cap"),
        hostname: table.maybe_text("hostname"),
        dns_domain: table.maybe_text("dns-domain"),
        resolvers: table.texts("resolvers"),
        maintain_resolvers: truth(table, "maintain-resolvers"),
        autoboot: truth(table, "autoboot"),
        metadata: table.text_map("metadata"),
        ssh_keys: table
            .texts("ssh-keys")
            .into_iter()
            .map(PathBuf::from)
            .collect(),
        nics: table.list("nic", nic),
    }
}

fn user(table: &Node) -> User {
    User {
        name: table.text("name"),
        uid: table.integer("uid").unwrap_or(0),
        group: table.maybe_text("group"),
        home: table.maybe_text("home"),
        shell: table.maybe_text("shell"),
        comment: table.maybe_text("comment"),
        password: table.get("password").and_then(password),
    }
}

fn password(table: &Node) -> Option<Password> {
    if let Some(file) = table.maybe_text("file") {
        Some(Password::File(PathBuf::from(file)))
    } else if table.has("command") {
        Some(Password::Command(table.texts("command")))
    } else if let Some(variable) = table.maybe_text("env") {
        Some(Password::Env(variable))
    } else {
        table.boolean("prompt").then_some(Password::Prompt)
    }
}
