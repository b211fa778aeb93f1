//! URLs, images, addresses and hosts to log in to.
//!
//! What is refused here would be refused late and badly elsewhere: `vmadm` answers an impossible
//! address with a time-out of five minutes.

use std::net::IpAddr;

use super::super::format::{Complaint, quoted};
use super::zones::{check_uuid, is_uuid};
use super::{LONGEST_LINE, LONGEST_NAME, check_length};

pub(in crate::recipe) fn check_url(text: &str) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not a URL", quoted(text)));
    let rest = ["https://", "http://", "ftp://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| complaint().help("begin it with `https://`"))?;
    if rest.starts_with('/') || rest.is_empty() {
        return Err(complaint()
            .label("no host")
            .help("write for example `https://example.org/file-1.0.tar.xz`"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(complaint()
            .label("a URL has no spaces")
            .help("write a space as `%20`"));
    }
    // RFC 3986: unreserved, reserved and `%`
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    if let Some(wrong) = text.chars().find(|c| !is_part(*c)) {
        let mut bytes = [0; 4];
        let encoded: String = wrong
            .encode_utf8(&mut bytes)
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        return Err(complaint()
            .label(format!(
                "{} cannot stand in a URL",
                quoted(&wrong.to_string())
            ))
            .help(format!("write it as `{encoded}`"))
            .instead(text.replace(wrong, &encoded)));
    }
    check_length(text, LONGEST_LINE)?;
    if rest
        .split('/')
        .next()
        .is_some_and(|host| host.contains('@'))
    {
        return Err(Complaint::new("a URL must not hold a login")
            .label("it would end up in logs")
            .help("leave out what stands before `@`"));
    }
    Ok(())
}

pub(in crate::recipe) fn check_image(text: &str) -> Result<(), Complaint> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let has_version = text
        .split_once('@')
        .is_some_and(|(name, version)| is_part(name) && is_part(version));
    if is_uuid(text) {
        check_uuid(text)
    } else if has_version {
        check_length(text, LONGEST_NAME)
    } else {
        Err(Complaint::new(format!("{} is not an image", quoted(text)))
            .help("write its name and version as `base-64-lts@24.4.1`, or its uuid"))
    }
}

pub(in crate::recipe) fn check_address(text: &str) -> Result<(), Complaint> {
    text.parse::<IpAddr>().map(drop).map_err(|_| {
        let complaint = Complaint::new(format!("{} is not an IP address", quoted(text)));
        match text
            .split('.')
            .find(|part| part.parse::<u32>().is_ok_and(|number| number > 255))
        {
            Some(part) => complaint
                .label(format!("{} is more than 255", quoted(part)))
                .help("write for example `192.0.2.1`"),
            None => complaint.help("write for example `192.0.2.1`"),
        }
    })
}

/// `192.0.2.10/24` in its two parts.
pub(crate) fn split_prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix: u8 = prefix.parse().ok()?;
    // below 8 bits `vmadm` takes no IPv4 network
    let least = if address.is_ipv4() { 8 } else { 1 };
    (least..=most)
        .contains(&prefix)
        .then_some((address, prefix))
}

pub(in crate::recipe) fn check_card_address(text: &str) -> Result<(), Complaint> {
    let is_host = |address: IpAddr| !address.is_unspecified() && !address.is_multicast();
    match split_prefix(text) {
        _ if text == "dhcp" || text == "addrconf" => return Ok(()),
        Some((address, _)) if is_host(address) => return Ok(()),
        Some(_) => {
            return Err(
                Complaint::new(format!("{} is no address of one machine", quoted(text)))
                    .help("write for example `192.0.2.10/24`, or `dhcp`"),
            );
        }
        None => {}
    }
    let complaint = Complaint::new(format!(
        "{} is not an address of a network card",
        quoted(text)
    ));
    let Some((address, _)) = text.split_once('/') else {
        return Err(match check_address(text) {
            Ok(()) => complaint
                .label("no prefix length")
                .help(format!("write for example `{text}/24`, or `dhcp`")),
            Err(wrong) => complaint
                .label(wrong.label)
                .help("write for example `192.0.2.10/24`, or `dhcp`"),
        });
    };
    Err(match check_address(address) {
        Err(wrong) => complaint
            .label(wrong.label)
            .help("write for example `192.0.2.10/24`"),
        Ok(()) => complaint
            .label("the prefix length is not one")
            .help("write for example `192.0.2.10/24`"),
    })
}

pub(in crate::recipe) fn check_host_name(text: &str) -> Result<(), Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    // `nc` would take the first for an option
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_name) {
        check_length(text, 253)
    } else {
        Err(Complaint::new(format!("{} is not a host", quoted(text)))
            .help("write a name or an address, for example `127.0.0.1`"))
    }
}

/// A login: nothing that `ssh` could take for an option, a shell for a command, or `known_hosts` for
/// more than one host.
pub(in crate::recipe) fn check_ssh_target(text: &str) -> Result<(), Complaint> {
    let is_part = |c: char| c.is_alphanumeric() || "._-+@:[]%/".contains(c);
    let is_bad = text.is_empty()
        || text.starts_with('-')
        || text.contains("@-")
        || !text.chars().all(is_part)
        || text.len() > LONGEST_LINE;
    if is_bad {
        Err(
            Complaint::new(format!("{} is not a host to log in to", quoted(text)))
                .help("write a Host of `~/.ssh/config`, or `user@host:port`"),
        )
    } else {
        Ok(())
    }
}
