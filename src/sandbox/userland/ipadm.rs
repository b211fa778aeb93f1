//! `ipadm show-addr [-p] [-o FIELD,…]`: the addresses that the host gave to a zone.
//!
//! The zone's only real interface is the loopback; the others are told of as SmartOS would tell.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::zone::{metadata, property};
use super::{Streams, not_emulated};

const FIELDS: [&str; 4] = ["addrobj", "type", "state", "addr"];

/// Prints the addresses.
pub fn ipadm(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let words: Vec<String> = args
        .iter()
        .map(|w| w.to_string_lossy().into_owned())
        .collect();
    let (mut is_plain, mut fields) = (false, FIELDS.join(","));
    let mut rest = words.iter();
    if rest.next().map(String::as_str) != Some("show-addr") {
        return not_emulated(streams, "ipadm", &words.join(" "));
    }
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-p" => is_plain = true,
            "-o" => fields = rest.next().cloned().unwrap_or_default(),
            "-po" => (is_plain, fields) = (true, rest.next().cloned().unwrap_or_default()),
            other => return not_emulated(streams, "ipadm show-addr", other),
        }
    }
    let columns: Option<Vec<usize>> = fields
        .split(',')
        .map(|field| {
            FIELDS
                .iter()
                .position(|known| *known == field.to_lowercase())
        })
        .collect();
    let Some(columns) = columns else {
        return not_emulated(streams, "ipadm show-addr", &format!("-o {fields}"));
    };
    if !is_plain {
        let heads = ["ADDROBJ", "TYPE", "STATE", "ADDR"].map(str::to_owned);
        writeln!(streams.output, "{}", line(&heads, &columns, false))?;
    }
    for row in rows(root)? {
        writeln!(streams.output, "{}", line(&row, &columns, is_plain))?;
    }
    Ok(0)
}

fn line(row: &[String; 4], columns: &[usize], is_plain: bool) -> String {
    let cells = columns.iter().filter_map(|&column| row.get(column));
    if is_plain {
        let escaped: Vec<String> = cells.map(|cell| cell.replace(':', "\\:")).collect();
        return escaped.join(":");
    }
    let padded: Vec<String> = cells.map(|cell| format!("{cell:<16}")).collect();
    padded.join(" ").trim_end().to_owned()
}

fn rows(root: &Path) -> io::Result<Vec<[String; 4]>> {
    let row =
        |object: &str, kind: &str, address: &str| [object, kind, "ok", address].map(str::to_owned);
    let mut rows = vec![row("lo0/v4", "static", "127.0.0.1/8")];
    let lease = metadata(root)?
        .get("lease")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let nics = property(root, "nics")?;
    for nic in nics
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = nic
            .get("interface")
            .and_then(Value::as_str)
            .unwrap_or("net0");
        let ips = nic.get("ips").and_then(Value::as_array);
        for ip in ips.into_iter().flatten().filter_map(Value::as_str) {
            match (ip, &lease) {
                ("dhcp", Some(lease)) => rows.push(row(&format!("{name}/_a"), "dhcp", lease)),
                ("dhcp" | "addrconf", _) => {}
                (ip, _) => rows.push(row(&format!("{name}/_a"), "static", ip)),
            }
        }
    }
    rows.push(row("lo0/v6", "static", "::1/128"));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::METADATA_FILE;
    use super::super::testing::run;
    use super::*;

    #[test]
    fn addresses_are_listed_with_the_lease_in_the_place_of_dhcp() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("var/db")).unwrap();
        let text = r#"{"lease": "127.0.1.9/24", "sdc": {"nics": [
            {"interface": "net0", "ips": ["dhcp"]},
            {"interface": "net1", "ips": ["192.0.2.10/24"]}]}}"#;
        std::fs::write(super::super::below(root.path(), METADATA_FILE), text).unwrap();
        let asked = ["show-addr", "-p", "-o", "addrobj,type,state,addr"];
        let answer = run(root.path(), ipadm, &asked, b"");
        assert_eq!(
            answer.output,
            "lo0/v4:static:ok:127.0.0.1/8\nnet0/_a:dhcp:ok:127.0.1.9/24\n\
             net1/_a:static:ok:192.0.2.10/24\nlo0/v6:static:ok:\\:\\:1/128\n"
        );
        assert_eq!(run(root.path(), ipadm, &["show-if"], b"").status, 99);
    }
}
