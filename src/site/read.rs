//! The keys of a zone file, and the tree into the [`ZoneFile`].
//!
//! Sections that a later version will know have their keys here already, so that who writes one
//! learns that it is not supported instead of that it is unknown.

use std::path::PathBuf;
use std::sync::Arc;

use super::model::{Become, HostSpec, Nic, Password, RecipeUse, User, ZoneFile, ZoneSpec};
use crate::problem::{Problem, SourceText};
use crate::recipe::format::{Format, quoted};
use crate::recipe::load::LoadedRecipe;
use crate::recipe::names::split_prefix;
use crate::recipe::parameters::check_given;
use crate::recipe::schema::Takes::{Boolean, Integer, List, Map, NotYet, Scalar, Tables, Text};
use crate::recipe::schema::{Rule, Table, Takes, key, required};
use crate::recipe::tree::{Document, Node, Value, child_path, is_at_or_below};

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
        key(
            "nic",
            Tables(&NIC, &["address"]),
            "a network card of the zone",
        ),
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
        key("home", Text(Format::Path), "the home folder"),
        key("shell", Text(Format::Path), "the login shell"),
        key("comment", Text(Format::AccountField), "the real name"),
        key(
            "password",
            Takes::Table(&PASSWORD),
            "where the password comes from",
        ),
    ],
    rules: &[],
};

static PASSWORD: Table = Table {
    title: "`password`",
    keys: &[
        key("prompt", Boolean, "ask on the terminal"),
        key("file", Text(Format::LocalPath), "the first line of a file"),
        key(
            "command",
            List(&Text(Format::Any)),
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

/// What holds between the parts of a zone file; `found` are the problems there are already.
pub(super) fn check(zone: &ZoneFile, document: &Document, found: &[Problem]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_fine = |path: &str| {
        !found
            .iter()
            .any(|problem| is_at_or_below(&problem.key, path))
    };
    let host = document.root.get("host");
    if host.is_some_and(|host| host.has("sandbox") && !host.boolean("sandbox")) && is_fine("host") {
        problems.push(Problem {
            help: Some("write `true`, or leave `[host]` out".to_string()),
            ..document.problem_at("host.sandbox", "`sandbox = false` says nothing")
        });
    }
    if host.is_none() && zone.zone.ssh.is_none() && is_fine("zone") {
        problems.push(Problem {
            help: Some("write `[zone] ssh = \"…\"`, or `[host] sandbox = true`".to_string()),
            ..document.problem_at("zone", "nothing says how to reach the zone")
        });
    }
    if zone.host.is_some() && zone.zone.ssh.is_some() {
        problems.push(Problem {
            help: Some("a zone of the sandbox is reached by itself: leave it out".to_string()),
            ..document.problem_at("zone.ssh", "`ssh` cannot stand beside `[host] sandbox`")
        });
    }
    problems.extend(check_shape(zone, document));
    problems.extend(check_nics(zone, document));
    problems.extend(check_users(zone, document));
    problems
}

/// What only makes sense for a zone that we create.
fn check_shape(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    if zone.host.is_some() || zone.zone.ssh.is_none() || document.root.has("host") {
        return Vec::new();
    }
    let spec = document.root.get("zone").map_or(&[][..], Node::entries);
    let of_creation = ["image", "memory", "quota", "resolvers", "ssh-keys", "nic"];
    spec.iter()
        .filter(|entry| of_creation.contains(&entry.key.as_str()))
        .map(|entry| Problem {
            span: entry.key_span.clone().or_else(|| entry.node.span.clone()),
            help: Some("leave it out, or say in `[host]` where the zone is to be made".to_string()),
            ..document.problem_at(
                &entry.node.path,
                format!("`{}` shapes a zone, but this one exists already", entry.key),
            )
        })
        .collect()
}

fn check_nics(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, nic) in zone.zone.nics.iter().enumerate() {
        let Some(gateway) = &nic.gateway else {
            continue;
        };
        let key = format!("zone.nic[{index}].gateway");
        if nic.address == "dhcp" {
            problems.push(Problem {
                help: Some("leave it out".to_string()),
                ..document.problem_at(&key, "with `dhcp` the server gives the gateway")
            });
        }
        let (Some((address, prefix)), Ok(router)) = (split_prefix(&nic.address), gateway.parse())
        else {
            continue;
        };
        if address == router {
            problems.push(document.problem_at(&key, "the gateway is the zone itself"));
        } else if network(address, prefix) != network(router, prefix) {
            problems.push(Problem {
                label: format!("outside of `{}`", nic.address),
                help: Some("a gateway must be reached without a gateway".to_string()),
                ..document.problem_at(
                    &key,
                    format!("the gateway {} is out of reach", quoted(gateway)),
                )
            });
        }
    }
    problems
}

/// The bits of an address that its prefix covers; none across families.
fn network(address: std::net::IpAddr, prefix: u8) -> Option<(bool, u128)> {
    let (bits, length) = match address {
        std::net::IpAddr::V4(address) => (u128::from(u32::from(address)), 32_u8),
        std::net::IpAddr::V6(address) => (u128::from(address), 128),
    };
    let hidden = u32::from(length.checked_sub(prefix)?);
    Some((address.is_ipv4(), bits.checked_shr(hidden).unwrap_or(0)))
}

fn check_users(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, user) in zone.users.iter().enumerate() {
        // nobody, noaccess and nobody4 of every illumos system
        if matches!(user.uid, 60_001 | 60_002 | 65_534) {
            let key = format!("user[{index}].uid");
            problems.push(document.problem_at(
                &key,
                format!("the uid `{}` is taken by the system", user.uid),
            ));
        }
        let key = format!("user[{index}].password");
        let node = document
            .root
            .get("user")
            .and_then(|users| users.items().get(index));
        let password = node.and_then(|node| node.get("password"));
        if password.is_some_and(|password| password.has("prompt") && !password.boolean("prompt")) {
            problems.push(Problem {
                help: Some("write `true`, or leave the password out".to_string()),
                ..document.problem_at(&key, "`prompt = false` says nothing")
            });
        }
    }
    problems
}

/// A password that was written into the file must not be shown by the report that refuses it.
pub(super) fn hide_passwords(document: &Document, problems: &mut [Problem]) {
    let users = document.root.get("user").map_or(&[][..], Node::items);
    let mut text = document.source.text.clone();
    for password in users.iter().filter_map(|user| user.get("password")) {
        let is_secret = !matches!(password.value, Value::Table(_));
        if let Some(span) = password.span.clone().filter(|_| is_secret) {
            let stars = "*".repeat(span.len());
            if text.get(span.clone()).is_some() {
                text.replace_range(span, &stars);
            }
        }
    }
    let hidden = Arc::new(SourceText {
        path: document.source.path.clone(),
        text,
    });
    for problem in problems {
        problem.file = Some(Arc::clone(&hidden));
        if problem.message.starts_with("`password` must be") {
            problem.label = "never the password itself".to_string();
            problem.help = Some(
                "say where it comes from: `{ prompt = true }`, `{ file = \"…\" }`, `{ command = [\"…\"] }` or `{ env = \"…\" }`"
                    .to_string(),
            );
        }
    }
}

/// Complains, in the zone file, about the parameters that it gives to a recipe.
#[must_use]
pub fn check_use(
    document: &Document,
    index: usize,
    given: &RecipeUse,
    recipe: &LoadedRecipe,
) -> Vec<Problem> {
    let parameters = format!("recipe[{index}].parameters");
    check_given(&recipe.recipe, &given.parameters)
        .into_iter()
        .map(|mistake| Problem {
            label: mistake.complaint.label,
            help: mistake.complaint.help,
            ..document.problem_at(
                &child_path(&parameters, &mistake.name),
                mistake.complaint.message,
            )
        })
        .collect()
}
