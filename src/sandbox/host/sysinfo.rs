//! `sysinfo`: what the host is, as JSON. In a zone it tells less (inferred: which part).

use std::fs;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::not_emulated;
use crate::sandbox::userland::{self, PLATFORM_STAMP};
use crate::sandbox::vm::machine::SERVER;

pub(crate) fn run(args: &[String]) -> io::Result<i32> {
    match args {
        [] => {}
        [option] if option == "-f" => {}
        [other, ..] => return not_emulated("sysinfo", other),
    }
    let mut output = io::stdout().lock();
    let shown = if userland::is_global() {
        host()
    } else {
        zone()
    };
    writeln!(output, "{}", serde_json::to_string_pretty(&shown)?)?;
    Ok(0)
}

fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) / 1024
}

fn zone() -> Value {
    json!({
        "Live Image": PLATFORM_STAMP.trim_start_matches("joyent_"),
        "System Type": "SunOS",
        "MiB of Memory": memory().to_string(),
    })
}

fn host() -> Value {
    let mut shown = machine();
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), parts()) {
        shown.extend(more);
    }
    shown
}

fn card(mac: &str, address: &str, tag: &str) -> Value {
    json!({
        "MAC Address": mac, "ip4addr": address, "Link Status": "up", "NIC Names": [tag],
    })
}

fn machine() -> Value {
    json!({
        "Live Image": PLATFORM_STAMP.trim_start_matches("joyent_"),
        "System Type": "SunOS",
        "Boot Time": boot_time(),
        "SDC Version": "7.0",
        "Manufacturer": "zonewright",
        "Product": "sandbox",
        "Serial Number": "0",
        "Setup": "false",
        "VM Capable": false,
        "Bhyve Capable": false,
        "Bhyve Max Vcpus": 0,
        "HVM API": false,
        "CPU Type": "emulated",
        "CPU Virtualization": "none",
        "CPU Physical Cores": 1,
        "Admin NIC Tag": "admin",
        "Admin IP": "127.0.1.1",
        "UUID": SERVER,
        "Hostname": "smartos",
    })
}

fn parts() -> Value {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    json!({
        "CPU Total Cores": processors,
        "CPU Socket Count": 1,
        "CPU Core Count": processors,
        "CPU Online Count": processors,
        "CPU Count": processors,
        "MiB of Memory": memory().to_string(),
        "Zpool": "zones",
        "Zpool Encrypted": false,
        "Zpool Disks": "c1t0d0",
        "Zpool Profile": "striped",
        "Zpool Creation": 1_733_961_600,
        "Zpool Size in GiB": 1024,
        "Disks": { "c1t0d0": { "Size in GB": 1100 } },
        "Boot Parameters": { "smartos": "true", "console": "text", "boot_args": "" },
        "Network Interfaces": {
            "igb0": card("02:08:20:00:00:01", "127.0.1.1", "admin"),
            "igb1": card("02:08:20:00:00:02", "", "external"),
        },
        "Virtual Network Interfaces": {},
        "Link Aggregations": {},
    })
}

fn boot_time() -> String {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("btime "))
        .unwrap_or("0")
        .to_owned()
}
