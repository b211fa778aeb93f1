//! What a zone that a host makes may be like, and what one that exists may not say of itself.
//!
//! `vmadm` counts memory in MiB and disk space in GiB, and rounds nothing.

use crate::problem::Problem;
use crate::recipe::format::{quoted, toml_text};
use crate::recipe::tree::{Document, Node, child_path, is_at_or_below};
use crate::site::model::{Brand, HostSpec, ZoneFile};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What `vmadm` gives a zone whose payload says nothing. That one boots with it is as sure as the image; that it
/// does with less is not (inferred).
const USUAL_MEMORY: u64 = 256 * MIB;

/// The least that `vmadm` takes for `max_swap`.
const LEAST_SWAP: u64 = 256 * MIB;

pub(super) fn check(zone: &ZoneFile, document: &Document, found: &[Problem]) -> Vec<Problem> {
    if !document.root.has("host") {
        return of_existing(zone, document);
    }
    let mut problems = Vec::new();
    problems.extend(check_alias(zone, document));
    problems.extend(check_memory(zone, document));
    problems.extend(check_quota_unit(zone, document));
    problems.extend(check_metadata(zone, document));
    let is_fine = |path: &str| !found.iter().any(|p| is_at_or_below(&p.key, path));
    if matches!(zone.host, Some(HostSpec::Ssh(_))) && is_fine("zone") {
        problems.extend(lacking(zone, document));
    }
    if zone.zone.brand == Brand::JoyentMinimal {
        problems.push(
            Problem {
                help: Some("write `joyent` for a file server".to_string()),
                ..document
                    .problem_at(
                        "zone.brand",
                        "a `joyent-minimal` zone has no sshd and no Bonjour",
                    )
                    .of("zone-shape")
            }
            .warn(),
        );
    }
    problems
}

/// An alias is a word of commands on the host, and in the sandbox the name of a host of its own.
fn check_alias(zone: &ZoneFile, document: &Document) -> Option<Problem> {
    let alias = &zone.zone.alias;
    if alias.is_empty() {
        return None;
    }
    if zone.host == Some(HostSpec::Sandbox) {
        return check_sandbox_alias(alias, document);
    }
    let why = if alias.starts_with('~') {
        "`vmadm` takes what begins with `~` for a pattern"
    } else if alias.contains(':') {
        "`vmadm list -p` puts `:` between two columns"
    } else if alias.contains(char::is_whitespace) {
        "`vmadm list` puts blanks between two columns"
    } else if alias.contains([',', '=', '*', '\'', '"', '\\', '/']) || !alias.is_ascii() {
        "commands on the host take it apart"
    } else if alias.starts_with('-') {
        "commands take it for an option"
    } else if alias.len() > 189 {
        "it is too long"
    } else {
        return None;
    };
    Some(Problem {
        label: why.to_string(),
        help: Some(
            "write letters, digits, `-`, `_` and `.`, for example `time-machine`".to_string(),
        ),
        ..document
            .problem_at(
                "zone.alias",
                format!("{} cannot be an alias", quoted(alias)),
            )
            .of("zone-shape")
    })
}

fn check_sandbox_alias(alias: &str, document: &Document) -> Option<Problem> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let begins_well = alias.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_name = begins_well && alias.len() <= 63 && alias.chars().all(is_good);
    if is_name && alias != "global" {
        return None;
    }
    let message = format!("{} cannot be the alias of a sandbox zone", quoted(alias));
    Some(Problem {
        help: Some(
            "write `alias` with lower-case letters, digits, `-`, `_` and `.`, at most 63, for \
             example `time-machine`"
                .to_string(),
        ),
        ..document.problem_at("zone.alias", message).of("zone-shape")
    })
}

/// What only makes sense for a zone that has a host.
fn of_existing(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    if zone.zone.ssh.is_none() {
        return Vec::new();
    }
    let spec = document.root.get("zone").map_or(&[][..], Node::entries);
    let of_both = ["alias", "ssh", "become"];
    let of_creation = super::super::read::SPEC.keys.iter();
    let of_creation: Vec<&str> = of_creation
        .map(|key| key.name)
        .filter(|name| !of_both.contains(name))
        .collect();
    let of_root = document.root.entries().iter();
    let of_root = of_root.filter(|entry| ["storage", "dataset"].contains(&entry.key.as_str()));
    spec.iter()
        .filter(|entry| of_creation.contains(&entry.key.as_str()))
        .chain(of_root)
        .map(|entry| Problem {
            span: entry.key_span.clone().or_else(|| entry.node.span.clone()),
            help: Some("leave it out, or say in `[host]` where the zone is to be made".to_string()),
            fix: document.removal(&entry.node.path),
            ..document
                .problem_at(
                    &entry.node.path,
                    format!("`{}` shapes a zone, but this one exists already", entry.key),
                )
                .of("zone-shape")
        })
        .collect()
}

/// What a host needs to be told; the sandbox has it all.
fn lacking(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let spec = &zone.zone;
    let lacks = |is_there: bool, message: &str, help: &str| {
        (!is_there).then(|| Problem {
            help: Some(help.to_string()),
            ..document.problem_at("zone", message).of("missing-key")
        })
    };
    [
        lacks(
            spec.image.is_some(),
            "nothing says what the zone is made from",
            "write `image = \"base-64-lts@24.4.1\"`; `imgadm avail` on the host lists what there is",
        ),
        lacks(
            !spec.nics.is_empty(),
            "the zone has no network card",
            "write a `[[zone.nic]]` with `tag = \"admin\"` and `address = \"dhcp\"`",
        ),
        lacks(
            !spec.ssh_keys.is_empty(),
            "nobody could log in to the zone",
            "write `ssh-keys = [\"~/.ssh/id_ed25519.pub\"]`",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn check_memory(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let spec = &zone.zone;
    let mut problems = Vec::new();
    for (key, size) in [("memory", spec.memory), ("swap", spec.swap)] {
        let key = format!("zone.{key}");
        if let Some(size) = size {
            problems.extend(in_units(document, &key, size, MIB, "MiB"));
        }
    }
    match spec.memory {
        Some(0) => {
            let problem = document.problem_at("zone.memory", "a zone cannot run without memory");
            problems.push(problem.of("zone-shape"));
        }
        Some(memory) if memory < USUAL_MEMORY => {
            let problem = Problem {
                label: "less than `vmadm` gives a zone that says nothing".to_string(),
                help: Some(
                    "write `256 MiB` or more; a zone that builds something wants `2 GiB`"
                        .to_string(),
                ),
                ..document
                    .problem_at("zone.memory", "hardly anything runs in so little memory")
                    .of("zone-memory")
            };
            problems.push(problem.warn());
        }
        _ => {}
    }
    let (Some(swap), memory) = (spec.swap, spec.memory.unwrap_or(GIB)) else {
        return problems;
    };
    let wanted = memory.max(LEAST_SWAP);
    if swap < wanted {
        let message = match memory < LEAST_SWAP {
            true => "`swap` is less than 256 MiB, the least there is",
            false => "`swap` is less than `memory`, which it includes",
        };
        let instead = format!("{} MiB", wanted.div_ceil(MIB));
        let problem = Problem {
            help: Some(format!(
                "write {} or more, or leave it out",
                quoted(&instead)
            )),
            ..document.problem_at("zone.swap", message).of("zone-shape")
        };
        problems.push(problem);
    }
    problems
}

fn check_quota_unit(zone: &ZoneFile, document: &Document) -> Option<Problem> {
    in_units(document, "zone.quota", zone.zone.quota?, GIB, "GiB")
}

/// Complains about a size that is no whole number of the host's units.
fn in_units(document: &Document, key: &str, size: u64, unit: u64, name: &str) -> Option<Problem> {
    if size.is_multiple_of(unit) {
        return None;
    }
    let instead = format!("{} {name}", size.div_ceil(unit));
    let problem = Problem {
        help: Some(format!("write {}", quoted(&instead))),
        ..document
            .problem_at(
                key,
                format!("this is no whole number of {name}, in which the host counts"),
            )
            .of("zone-shape")
    };
    Some(match toml_text(&instead) {
        Some(text) => problem.replaced_by(text),
        None => problem,
    })
}

/// Words in a name of metadata that speak of a secret.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "private",
];

fn check_metadata(zone: &ZoneFile, document: &Document) -> Vec<Problem> {
    let names = zone.zone.metadata.keys();
    let secrets = names
        .filter(|name| {
            let lower = name.to_lowercase();
            lower.ends_with("_pw") || SECRETS.iter().any(|word| lower.contains(word))
        })
        .map(|name| {
            let key = child_path("zone.metadata", name);
            Problem {
                // the value must not be shown
                span: document.key_span(&key),
                label: "root of the zone reads it".to_string(),
                help: Some(
                    "give passwords to `[[user]]`; they travel apart, and only their hashes are kept"
                        .to_string(),
                ),
                ..document
                    .problem_at(&key, format!("the metadata {} looks like a secret", quoted(name)))
                    .of("zone-metadata")
            }
            .warn()
        });
    secrets.chain(keys_in_metadata(zone, document)).collect()
}

/// Triton's machines and those of other brands read it; a zone's sshd never does.
fn keys_in_metadata(zone: &ZoneFile, document: &Document) -> Option<Problem> {
    const NAME: &str = "root_authorized_keys";
    let metadata = &zone.zone.metadata;
    let script = metadata.get("user-script");
    if !metadata.contains_key(NAME) || script.is_some_and(|script| script.contains(NAME)) {
        return None;
    }
    let key = child_path("zone.metadata", NAME);
    let problem = Problem {
        span: document.key_span(&key),
        label: "nothing in a zone reads it".to_string(),
        help: Some("write `ssh-keys = [\"~/.ssh/id_ed25519.pub\"]` below `[zone]`".to_string()),
        ..document
            .problem_at(&key, format!("the metadata `{NAME}` lets nobody in"))
            .of("zone-metadata")
    };
    Some(problem.warn())
}
