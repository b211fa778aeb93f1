//! What only a zone on a host has: uuids, brands, cards, datasets, metadata.
//!
//! `vmadm` drops what it does not know without a word, so a slip that passes here is a zone that lacks
//! something.

use super::super::format::{Complaint, quoted};
use super::check_length;

pub(crate) fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// The host compares uuids letter by letter.
pub(in crate::recipe) fn check_uuid(text: &str) -> Result<(), Complaint> {
    if !is_uuid(text) {
        return Err(Complaint::new(format!("{} is not a uuid", quoted(text)))
            .help("write 36 characters as `4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e`"));
    }
    let lower = text.to_lowercase();
    if lower == text {
        return Ok(());
    }
    Err(
        Complaint::new(format!("the uuid {} has capitals", quoted(text)))
            .help(format!("write {}", quoted(&lower)))
            .instead(lower),
    )
}

pub(in crate::recipe) fn check_brand(text: &str) -> Result<(), Complaint> {
    let complaint = || {
        Complaint::new(format!(
            "a zone of the brand {} cannot be made",
            quoted(text)
        ))
    };
    let why = match text {
        "joyent" | "joyent-minimal" => return Ok(()),
        "lx" => "it runs Linux programs, for which there is neither pkgsrc nor SMF",
        "bhyve" | "kvm" => "it is a machine of its own, with no way in from its host",
        "builder" => "it is for building SmartOS itself",
        _ => {
            return Err(complaint().help("write `joyent`, or leave it out"));
        }
    };
    Err(complaint()
        .label(why)
        .help("write `joyent`, or leave it out"))
}

pub(in crate::recipe) fn check_mac(text: &str) -> Result<(), Complaint> {
    let parts: Vec<Option<u8>> = text
        .split(':')
        .map(|part| match part.len() {
            1 | 2 => u8::from_str_radix(part, 16).ok(),
            _ => None,
        })
        .collect();
    let complaint = || {
        Complaint::new(format!("{} is not an address on the wire", quoted(text)))
            .help("write six pairs of hex digits, for example `b2:1e:ba:a5:6e:70`")
    };
    match parts[..] {
        [Some(first), Some(_), Some(_), Some(_), Some(_), Some(_)] if first & 1 == 0 => Ok(()),
        [Some(_), Some(_), Some(_), Some(_), Some(_), Some(_)] => {
            Err(complaint().label("an address of many machines at once"))
        }
        _ => Err(complaint()),
    }
}

pub(in crate::recipe) fn check_nic_tag(text: &str) -> Result<(), Complaint> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "_/".contains(c);
    if !text.is_empty() && text.len() <= 31 && text.chars().all(is_good) {
        return Ok(());
    }
    Err(
        Complaint::new(format!("{} cannot be a NIC tag", quoted(text)))
            .help("letters, digits and `_`, at most 31; `nictagadm list` on the host prints those there are"),
    )
}

pub(in crate::recipe) fn check_metadata_key(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} cannot be a name of metadata", quoted(text)));
    if text.starts_with("sdc:") {
        return Err(complaint()
            .label("`sdc:` stands for what the zone is")
            .help("choose another name"));
    }
    let is_good = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    // `mdata-get` would take one that begins with `-` for an option
    let is_name = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if is_name && text.len() <= 128 && text.chars().all(is_good) {
        return Ok(());
    }
    Err(complaint().help(
        "a letter, a digit or `_`, then these, `.`, `:` and `-`, at most 128, as in `user-script`",
    ))
}

pub(in crate::recipe) fn check_dataset_name(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} cannot be a dataset's name", quoted(text)));
    if let Some(wrong) = text.chars().find(|c| !is_of_dataset(*c)) {
        let complaint = complaint().label(match wrong {
            '@' => "`@` begins the name of a snapshot".to_owned(),
            ' ' => "commands in the zone take it apart at the blank".to_owned(),
            wrong => format!("{} cannot stand in one", quoted(&wrong.to_string())),
        });
        return Err(complaint.help("letters, digits, `-`, `_`, `.` and `:`, and `/` between parts"));
    }
    let is_bad = |part: &str| part.is_empty() || part.starts_with(['-', '.']);
    if text.split('/').any(is_bad) {
        return Err(
            complaint().help("begin each part with a letter or digit: `matt`, or `matt/photos`")
        );
    }
    // 256 in all, and `zones/UUID/data/` goes before
    check_length(text, 180)
}

fn is_of_dataset(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.:/".contains(c)
}

pub(in crate::recipe) fn check_host_dataset(text: &str) -> Result<(), Complaint> {
    check_dataset_name(text)?;
    if text.contains('/') && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(());
    }
    Err(
        Complaint::new(format!("{} is not a dataset of a zone", quoted(text)))
            .help("write it with its pool, for example `zones/MacBackup`"),
    )
}

fn is_label(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(is_good)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

pub(in crate::recipe) fn check_label(text: &str) -> Result<(), Complaint> {
    if is_label(text) {
        return Ok(());
    }
    let complaint = Complaint::new(format!("{} cannot be a host's name", quoted(text)));
    Err(match text.split_once('.') {
        Some((first, domain)) if is_label(first) => complaint.label("with its domain").help(
            format!("write `hostname = \"{first}\"` and `dns-domain = \"{domain}\"`"),
        ),
        _ => complaint.help("letters, digits and `-`, at most 63, for example `vault`"),
    })
}

pub(in crate::recipe) fn check_domain(text: &str) -> Result<(), Complaint> {
    if text.len() <= 253 && text.split('.').all(is_label) {
        return Ok(());
    }
    Err(
        Complaint::new(format!("{} cannot be a domain", quoted(text)))
            .help("write for example `example.org`"),
    )
}
