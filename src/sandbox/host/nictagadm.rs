//! `nictagadm list|exists|vms|add -l`.

use std::io::{self, Write};

use serde_json::Value;

use super::{Live, change, host_state, not_emulated, tags};
use crate::sandbox::control::Request;
use crate::sandbox::vm::nics;
use crate::sandbox::vm::vmadm::Host;

pub(crate) fn run(args: &[String]) -> io::Result<i32> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list", rest @ ..] => list(rest),
        ["exists", rest @ ..] => exists(rest),
        ["vms", tag] => vms(tag),
        ["add", "-l", name] => add(name),
        ["add" | "create" | "delete" | "update" | "vms", ..] => {
            not_emulated("nictagadm", &words.join(" "))
        }
        _ => {
            // (inferred: the rest of the usage)
            eprintln!("Usage: nictagadm <subcommand> <options> [args...]");
            Ok(2)
        }
    }
}

fn list(words: &[&str]) -> io::Result<i32> {
    let (mut is_plain, mut separator) = (false, ":");
    let (mut only_stubs, mut no_stubs) = (false, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-p" => is_plain = true,
            "-l" => only_stubs = true,
            "-L" => no_stubs = true,
            "-d" => match words.next() {
                Some(given) => separator = given,
                None => return not_emulated("nictagadm list", "-d without a separator"),
            },
            other => return not_emulated("nictagadm list", other),
        }
    }
    let mut output = io::stdout().lock();
    if !is_plain {
        writeln!(
            output,
            "{:<15}{:<18}{:<15}TYPE",
            "NAME", "MACADDRESS", "LINK"
        )?;
    }
    for tag in tags::all(&host_state()?.stubs) {
        let is_stub = tag.kind == "etherstub";
        if (only_stubs && !is_stub) || (no_stubs && is_stub) {
            continue;
        }
        if is_plain {
            let escaped = |text: &str| text.replace(separator, &format!("\\{separator}"));
            let fields = [tag.name.as_str(), tag.mac, &tag.link, tag.kind].map(escaped);
            writeln!(output, "{}", fields.join(separator))?;
        } else {
            writeln!(
                output,
                "{:<15}{:<18}{:<15}{}",
                tag.name, tag.mac, tag.link, tag.kind
            )?;
        }
    }
    Ok(0)
}

fn exists(words: &[&str]) -> io::Result<i32> {
    let (is_list, names) = match words {
        ["-l", names @ ..] => (true, names),
        names => (false, names),
    };
    let stubs = host_state()?.stubs;
    let unknown: Vec<&&str> = names
        .iter()
        .filter(|name| !tags::exists(&stubs, name))
        .collect();
    for name in &unknown {
        if is_list {
            eprintln!("{name}");
        } else {
            eprintln!("invalid tag: {name}");
        }
    }
    Ok(i32::from(!unknown.is_empty() || names.is_empty()))
}

fn vms(tag: &str) -> io::Result<i32> {
    if !tags::exists(&host_state()?.stubs, tag) {
        // (inferred)
        eprintln!("Error: Invalid tag name: {tag}");
        return Ok(1);
    }
    let mut output = io::stdout().lock();
    for machine in Live.machines()? {
        let uses = nics::of(&machine, "nics")
            .iter()
            .any(|nic| nic.get("nic_tag").and_then(Value::as_str) == Some(tag));
        if let Some(uuid) = machine.get("uuid").and_then(Value::as_str).filter(|_| uses) {
            writeln!(output, "{uuid}")?;
        }
    }
    Ok(0)
}

fn add(name: &str) -> io::Result<i32> {
    let is_good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_good {
        // (inferred)
        eprintln!("Error: Invalid etherstub name: {name}");
        return Ok(1);
    }
    if tags::exists(&host_state()?.stubs, name) {
        // (inferred)
        eprintln!("Error: nic tag \"{name}\" already exists");
        return Ok(1);
    }
    change(&Request::AddStub {
        name: name.to_owned(),
    })?;
    Ok(0)
}
