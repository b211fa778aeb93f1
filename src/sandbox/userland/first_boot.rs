//! The methods of a zone's first services: `zoneinit`, which an image runs once and which reboots the
//! zone, and then at every boot `mdata-fetch` and `mdata-execute`.
//!
//! `/var/svc/provisioning` is renamed *before* the user's script runs: whoever waits for it does not
//! wait for the script, and a script that fails leaves the zone provisioned.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::accounts::Table;
use super::zone::{metadata, property};
use super::{Streams, below, with_path};
use crate::sandbox::smf::door::Edit;
use crate::sandbox::smf::fmri::Fmri;
use crate::sandbox::smf::model::{Groups, Property};
use crate::shadow;

/// Where an image keeps the one that comes first.
pub const ZONEINIT: &str = "/var/zoneinit/zoneinit";
/// Where the platform keeps the others.
pub const FETCH: &str = "/lib/svc/method/mdata-fetch";
/// See [`FETCH`].
pub const EXECUTE: &str = "/lib/svc/method/mdata-execute";

const PROVISIONING: &str = "/var/svc/provisioning";
const PROVISIONED: &str = "/var/svc/provision_success";
const USER_SCRIPT: &str = "/var/svc/mdata-user-script";
const OPERATOR_SCRIPT: &str = "/var/svc/mdata-operator-script";
const USER_DATA: &str = "/var/db/mdata-user-data";

/// There until the reboot that ends the image's own part.
const UNFINISHED: &str = "/tmp/.FIRST_REBOOT_NOT_YET_COMPLETE";

/// The exit status by which a service goes to maintenance at once.
const FATAL: i32 = 95;

/// Changes the services of the zone.
pub type Apply<'a> = &'a dyn Fn(Vec<Edit>) -> io::Result<()>;

/// Runs a method within process 1, where that can be: no process of the zone has to start for it.
/// None for any other method, and where a script has to be run.
pub fn within(
    exec: &str,
    root: &Path,
    view: &Groups,
    apply: Apply,
    output: &mut dyn Write,
) -> Option<io::Result<i32>> {
    match exec {
        ZONEINIT => {
            let done = view
                .get("application")
                .and_then(|group| group.value("done"));
            Some(zoneinit(root, done == Some("true"), apply, output))
        }
        FETCH => Some(fetch(root, apply)),
        EXECUTE => {
            let scripts = [OPERATOR_SCRIPT, USER_SCRIPT];
            let has_script = scripts.iter().any(|path| below(root, path).exists());
            (!has_script).then(|| say_provisioned(root).map(|()| 0))
        }
        _ => None,
    }
}

/// Sets up what the image left open, and reboots the zone. At later boots it does nothing.
fn zoneinit(root: &Path, is_done: bool, apply: Apply, output: &mut dyn Write) -> io::Result<i32> {
    if is_done {
        return Ok(0);
    }
    writeln!(output, "INIT: starting zone initialization")?;
    write(root, UNFINISHED, "")?;
    let duplicates = metadata(root)?.get("duplicates").cloned();
    if let Some(address) = duplicates.as_ref().and_then(|list| list.get(0)?.as_str()) {
        // (inferred: the words) an address that somebody else has already: the zone is of no use
        writeln!(
            output,
            "ERROR: address {address} is a duplicate (DUP), halting the zone"
        )?;
        end(nix::libc::LINUX_REBOOT_CMD_HALT)?;
        return Ok(FATAL);
    }
    write_network(root, true)?;
    if set_passwords(root)? {
        allow_passwords(root)?;
    }
    writeln!(output, "INIT: finished, rebooting the zone")?;
    let zoneinit = Fmri::instance("system/zoneinit", "default");
    apply(vec![
        Edit::Set {
            fmri: zoneinit.clone(),
            group: "application".to_owned(),
            name: "done".to_owned(),
            property: Property::one("boolean", "true"),
        },
        Edit::Refresh(zoneinit),
        enable("fetch"),
    ])?;
    end(nix::libc::LINUX_REBOOT_CMD_RESTART)?;
    Ok(0)
}

fn enable(instance: &str) -> Edit {
    Edit::Enable {
        fmri: Fmri::instance("smartdc/mdata", instance),
        enabled: true,
        temporary: false,
        comment: None,
    }
}

/// Ends every process of the zone, this one too.
fn end(how: i32) -> io::Result<()> {
    // SAFETY: takes a number only; in a PID namespace it is about that namespace.
    let status = unsafe { nix::libc::reboot(how) };
    nix::errno::Errno::result(status).map_err(io::Error::from)?;
    Ok(())
}

/// Sets the passwords that the operator gave to `root` and `admin`; whether there was one.
fn set_passwords(root: &Path) -> io::Result<bool> {
    let metadata = metadata(root)?;
    let mut is_set = false;
    for (user, key) in [("root", "root_pw"), ("admin", "admin_pw")] {
        let password = metadata.pointer(&format!("/internal/{key}"));
        let Some(password) = password.and_then(Value::as_str) else {
            continue;
        };
        let mut shadow = Table::open(root, "/etc/shadow")?;
        let Some(mut row) = shadow.find(user) else {
            continue;
        };
        let mut salt = [0; 12];
        io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut salt)?;
        if let Some(field) = row.get_mut(1) {
            *field = shadow::hash(password, &salt);
        }
        shadow.set(user, &row);
        shadow.save()?;
        is_set = true;
    }
    Ok(is_set)
}

fn allow_passwords(root: &Path) -> io::Result<()> {
    let path = below(root, "/etc/ssh/sshd_config");
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    let text = text.replace("PasswordAuthentication no", "PasswordAuthentication yes");
    write(root, "/etc/ssh/sshd_config", &text)
}

/// Writes what the host's record says into the zone, at every boot.
fn fetch(root: &Path, apply: Apply) -> io::Result<i32> {
    if below(root, UNFINISHED).exists() {
        // the reboot is on its way
        return Ok(0);
    }
    write_fetched(root)?;
    apply(vec![enable("execute")])?;
    Ok(0)
}

fn write_fetched(root: &Path) -> io::Result<()> {
    let metadata = metadata(root)?;
    let customer = |key: &str| metadata.pointer(&format!("/customer/{key}")).and_then(text);
    keep_script(root, USER_SCRIPT, customer("user-script"))?;
    let operator = metadata.pointer("/internal/operator-script").and_then(text);
    keep_script(root, OPERATOR_SCRIPT, operator)?;
    match customer("user-data") {
        Some(data) => write(root, USER_DATA, &data)?,
        None => remove(root, USER_DATA)?,
    }
    let is_first = below(root, PROVISIONING).exists();
    let maintains = property(root, "maintain_resolvers")? == Some(Value::Bool(true));
    write_network(root, is_first || maintains)
}

/// A key that is gone takes its script along (inferred).
fn keep_script(root: &Path, path: &str, script: Option<String>) -> io::Result<()> {
    let Some(mut script) = script else {
        return remove(root, path);
    };
    if !script.ends_with('\n') {
        script.push('\n');
    }
    write(root, path, &script)?;
    let path = below(root, path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .map_err(|error| with_path(&path, &error))
}

/// Interfaces, the default route and, where asked for, the resolvers.
fn write_network(root: &Path, with_resolvers: bool) -> io::Result<()> {
    for nic in property(root, "nics")?
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = nic
            .get("interface")
            .and_then(Value::as_str)
            .unwrap_or("net0");
        let ips: Vec<&str> = strings(nic.get("ips"));
        let lines: String = ips
            .iter()
            .filter(|ip| **ip != "dhcp" && **ip != "addrconf")
            .enumerate()
            .map(|(number, ip)| match number {
                0 => format!("{ip} up\n"),
                _ => format!("addif {ip} up\n"),
            })
            .collect();
        write_or_remove(root, &format!("/etc/hostname.{name}"), &lines)?;
        if ips.contains(&"dhcp") {
            write(root, &format!("/etc/dhcp.{name}"), "")?;
        } else {
            remove(root, &format!("/etc/dhcp.{name}"))?;
        }
        if nic.get("primary") == Some(&Value::Bool(true)) {
            let gateways = strings(nic.get("gateways"));
            let text = gateways
                .first()
                .map_or(String::new(), |one| format!("{one}\n"));
            write_or_remove(root, "/etc/defaultrouter", &text)?;
        }
    }
    if with_resolvers {
        let named = property(root, "resolvers")?;
        let mut resolvers = strings(named.as_ref());
        if resolvers.is_empty() {
            resolvers = vec!["8.8.8.8", "8.8.4.4"];
        }
        let domain = property(root, "dns_domain")?.as_ref().and_then(text);
        let mut lines = domain.map_or(String::new(), |domain| format!("search {domain}\n"));
        for resolver in resolvers {
            lines.push_str(&format!("nameserver {resolver}\n"));
        }
        write(root, "/etc/resolv.conf", &lines)?;
    }
    Ok(())
}

/// Says that the zone is provisioned, then runs the operator's and the user's script.
pub(super) fn execute(root: &Path, _: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    say_provisioned(root)?;
    for (what, path) in [("operator", OPERATOR_SCRIPT), ("user", USER_SCRIPT)] {
        let script = below(root, path);
        if !script.exists() {
            continue;
        }
        let status = Command::new(&script)
            .status()
            .map_err(|error| with_path(&script, &error))?;
        if !status.success() {
            // (inferred: the words)
            writeln!(streams.errors, "{what}-script failed: {status}")?;
            return Ok(FATAL);
        }
    }
    Ok(0)
}

fn say_provisioned(root: &Path) -> io::Result<()> {
    let marker = below(root, PROVISIONING);
    if marker.exists() {
        let target = below(root, PROVISIONED);
        fs::rename(&marker, &target).map_err(|error| with_path(&marker, &error))?;
    }
    Ok(())
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    let list = list.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn write_or_remove(root: &Path, path: &str, text: &str) -> io::Result<()> {
    if text.is_empty() {
        remove(root, path)
    } else {
        write(root, path, text)
    }
}

fn write(root: &Path, path: &str, text: &str) -> io::Result<()> {
    let path = below(root, path);
    fs::write(&path, text).map_err(|error| with_path(&path, &error))
}

fn remove(root: &Path, path: &str) -> io::Result<()> {
    let path = below(root, path);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(with_path(&path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::METADATA_FILE;
    use super::super::testing::run;
    use super::*;

    fn zone(metadata: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["var/db", "var/svc", "etc", "tmp"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        write(root.path(), METADATA_FILE, metadata).unwrap();
        root
    }

    fn read(root: &Path, path: &str) -> String {
        fs::read_to_string(below(root, path)).unwrap_or_default()
    }

    #[test]
    fn metadata_become_files_and_the_resolvers_only_at_first_or_where_maintained() {
        let root = zone(
            r#"{"customer": {"user-script": "exit 0", "user-data": "d"},
                "sdc": {"dns_domain": "local", "resolvers": ["192.0.2.53"], "nics": [
                  {"interface": "net0", "ips": ["192.0.2.10/24", "192.0.2.11/24"],
                   "gateways": ["192.0.2.1"], "primary": true},
                  {"interface": "net1", "ips": ["dhcp"]}]}}"#,
        );
        let root = root.path();
        write_fetched(root).unwrap();
        assert_eq!(read(root, USER_SCRIPT), "exit 0\n");
        assert_eq!(read(root, USER_DATA), "d");
        assert_eq!(
            read(root, "/etc/hostname.net0"),
            "192.0.2.10/24 up\naddif 192.0.2.11/24 up\n"
        );
        assert!(below(root, "/etc/dhcp.net1").exists());
        assert!(!below(root, "/etc/hostname.net1").exists());
        assert_eq!(read(root, "/etc/defaultrouter"), "192.0.2.1\n");
        assert_eq!(read(root, "/etc/resolv.conf"), "");
        write(root, PROVISIONING, "").unwrap();
        write_fetched(root).unwrap();
        assert_eq!(
            read(root, "/etc/resolv.conf"),
            "search local\nnameserver 192.0.2.53\n"
        );
        write(
            root,
            METADATA_FILE,
            r#"{"sdc": {"maintain_resolvers": true}}"#,
        )
        .unwrap();
        fs::remove_file(below(root, PROVISIONING)).unwrap();
        write_fetched(root).unwrap();
        assert_eq!(
            read(root, "/etc/resolv.conf"),
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
        );
        assert!(!below(root, USER_SCRIPT).exists() && !below(root, USER_DATA).exists());
    }

    #[test]
    fn a_zone_is_provisioned_before_its_script_runs_even_if_that_fails() {
        let root = zone("{}");
        let root = root.path();
        write(root, PROVISIONING, "").unwrap();
        let seen = below(root, "/tmp/seen");
        let success = below(root, PROVISIONED);
        let script = format!(
            "#!/bin/sh\nls {} > {}\nexit 3",
            success.display(),
            seen.display()
        );
        keep_script(root, USER_SCRIPT, Some(script)).unwrap();
        let answer = run(root, execute, &[], b"");
        assert_eq!(answer.status, FATAL);
        assert!(
            answer
                .errors
                .starts_with("user-script failed: exit status: 3")
        );
        assert!(read(root, "/tmp/seen").contains("provision_success"));
        assert!(!below(root, PROVISIONING).exists());
        keep_script(root, USER_SCRIPT, Some("#!/bin/sh\nexit 0".to_owned())).unwrap();
        assert_eq!(run(root, execute, &[], b"").status, 0);
    }
}
