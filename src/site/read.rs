//! The keys of a zone file, and the tree into the [`ZoneFile`].
//!
//! Sections that a later version will know have their keys here already, so that who writes one
//! learns that it is not supported instead of that it is unknown.

use std::path::PathBuf;

use super::model::{Become, HostSpec, Nic, Password, RecipeUse, User, ZoneFile, ZoneSpec};
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
            NotYet("leave it out; make the zone's datasets yourself for now"),
            "where the zone's datasets live",
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
            NotYet(
                "create the zone yourself and reach it with `[zone] ssh = \"…\"`, or write `sandbox = true`",
            ),
            "a SmartOS global zone",
        ),
    ],
    rules: &[Rule::ExactlyOne(&["sandbox", "ssh"])],
};

static SPEC: Table = Table {
    title: "`[zone]`",
    keys: &[
        key("alias", Text(Format::Line), "the zone's name for people"),
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
        key("image", Text(Format::Image), "what the zone is made from"),
        key(
            "memory",
            Text(Format::Size),
            "how much memory the zone may use",
        ),
        key(
            "quota",
            Text(Format::Size),
            "how much disk space the zone may use",
        ),
        key(
            "resolvers",
            List(&Text(Format::Address)),
            "addresses of name servers",
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
        required("tag", Text(Format::Kebab), "the host's NIC tag"),
        required(
            "address",
            Text(Format::CardAddress),
            "its address and prefix length, or `dhcp`",
        ),
        key("gateway", Text(Format::Address), "the router's address"),
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
        host: root
            .get("host")
            .filter(|host| host.boolean("sandbox"))
            .map(|_| HostSpec::Sandbox),
        zone: spec(root.get("zone"), name),
        users: root.list("user", user),
        recipes: root.list("recipe", |table| RecipeUse {
            name: table.text("name"),
            parameters: table.text_map("parameters"),
        }),
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
        image: table.maybe_text("image"),
        memory: table.size("memory"),
        quota: table.size("quota"),
        resolvers: table.texts("resolvers"),
        ssh_keys: table
            .texts("ssh-keys")
            .into_iter()
            .map(PathBuf::from)
            .collect(),
        nics: table.list("nic", |nic| Nic {
            tag: nic.text("tag"),
            address: nic.text("address"),
            gateway: nic.maybe_text("gateway"),
        }),
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
