//! The files that tell one zone from another: a machine's, which come from its record, and those of
//! the global zone.
//!
//! A machine's metadata lies in a file in its zone, where on SmartOS a socket to the host is: it is
//! written anew at each boot and whenever the record changes.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use serde_json::{Value, json};

use crate::sandbox::emulate::MARKER;
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::imgadm::catalogue;
use crate::sandbox::platform::files::SSHD as ZONE_SSHD;
use crate::sandbox::vm::machine::Machine;
use crate::sandbox::vm::nics;
use crate::sandbox::zone::Ground;
use crate::sandbox::{keys, paths};

/// Where userland's emulated commands read what the zone is.
const METADATA: &str = "var/db/zonewright-sandbox-metadata.json";

/// What is there until the first boot is through.
pub(crate) const PROVISIONING: &str = "var/svc/provisioning";

/// The files of a machine whose root is new.
pub(crate) fn machine(ground: &Ground, root: &Path, machine: &Machine) -> Result<(), SandboxError> {
    let hostname = machine.hostname();
    write(root, "etc/nodename", &format!("{hostname}\n"))?;
    write(root, "etc/hostname", &format!("{hostname}\n"))?;
    let hosts = format!("127.0.0.1\tlocalhost loghost {hostname}\n::1\tlocalhost\n");
    write(root, "etc/hosts", &hosts)?;
    for nic in machine.nics() {
        let name = nic
            .get("interface")
            .and_then(Value::as_str)
            .unwrap_or("net0")
            .to_owned();
        for ip in nics::list(&nic, "ips") {
            match ip.as_str() {
                "dhcp" => write(root, &format!("etc/dhcp.{name}"), "")?,
                "addrconf" => {}
                ip => write(root, &format!("etc/hostname.{name}"), &format!("{ip} up\n"))?,
            }
        }
        if nic.contains_key("primary")
            && let Some(gateway) = nics::list(&nic, "gateways").first()
        {
            write(root, "etc/defaultrouter", &format!("{gateway}\n"))?;
        }
    }
    let image = machine.text("image_uuid").unwrap_or_default();
    for (path, text) in catalogue::files_of(image) {
        write(root, path, &text)?;
    }
    keys::host_keys(&ground.image, &ground.state, &root.join("var/ssh"))?;
    if machine.is_ours {
        authorize(ground, root)?;
    }
    write(root, PROVISIONING, "")?;
    metadata(root, machine, None, &[])?;
    write(root, MARKER, &format!("{}\n", machine.uuid))
}

/// Lets the client of the sandbox in.
fn authorize(ground: &Ground, root: &Path) -> Result<(), SandboxError> {
    let path = ground.state.join("id_ed25519.pub");
    let client = fs::read_to_string(&path).map_err(file("read", &path))?;
    for (home, user, group) in [("root", 0, 0), ("home/admin", 100, 10)] {
        let path = root.join(home).join(".ssh/authorized_keys");
        fs::write(&path, &client).map_err(file("write", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .and_then(|()| chown(&path, Some(user), Some(group)))
            .map_err(file("change", &path))?;
    }
    Ok(())
}

/// Tells the zone what its record holds by now, and the address that `dhcp` gives it.
pub(crate) fn metadata(
    root: &Path,
    machine: &Machine,
    lease: Option<IpAddr>,
    duplicates: &[IpAddr],
) -> Result<(), SandboxError> {
    let mut shown = machine.shown();
    for (name, empty) in [("resolvers", json!([])), ("nics", json!([]))] {
        shown.entry(name).or_insert(empty);
    }
    let table = |name: &str| {
        machine
            .properties
            .get(name)
            .cloned()
            .unwrap_or_else(|| json!({}))
    };
    let lease = lease.map(|address| format!("{address}/24"));
    let zone = json!({
        "lease": lease,
        "duplicates": duplicates,
        "script-seconds": machine.number("mdata_exec_timeout"),
        "customer": table("customer_metadata"),
        "internal": table("internal_metadata"),
        "sdc": shown,
    });
    let path = root.join(METADATA);
    paths::replace(&path, format!("{zone}\n").as_bytes())
}

/// What the global zone's sshd does otherwise than a zone's: of a keyword that stands twice, the first counts. Its
/// /root is on a memory disk, so keys are put there from the outside at each boot; here it stays.
const SSHD: &str = "ListenAddress 127.0.0.1\nPermitRootLogin yes\n";

const ENVIRONMENT: &str = "PATH=/usr/bin:/usr/sbin:/sbin:/smartdc/bin:/opt/smartdc/bin:\
                           /opt/custom/bin:/opt/custom/sbin:/opt/tools/bin:/opt/tools/sbin\n";

const USBKEY: &str = "\
admin_nic=02:08:20:00:00:01
admin_ip=127.0.1.1
admin_netmask=255.255.255.0
dns_domain=local
hostname=smartos
";

/// The global zone's host name.
pub(crate) const HOSTNAME: &str = "smartos";

/// The files of the global zone.
pub(crate) fn global(ground: &Ground, root: &Path) -> Result<(), SandboxError> {
    write(root, "etc/nodename", &format!("{HOSTNAME}\n"))?;
    write(root, "etc/hostname", &format!("{HOSTNAME}\n"))?;
    let hosts = format!("127.0.0.1\tlocalhost loghost {HOSTNAME}\n::1\tlocalhost\n");
    write(root, "etc/hosts", &hosts)?;
    write(root, "etc/ssh/sshd_config", &format!("{SSHD}{ZONE_SSHD}"))?;
    write(root, "root/.ssh/environment", ENVIRONMENT)?;
    // the host has no pkgsrc of an image
    for path in ["opt/local", "etc/product", "etc/pkgsrc_version"] {
        let path = root.join(path);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(file("remove", &path))?;
    }
    for folder in ["zones", "usbkey", "opt/custom/bin", "opt/tools"] {
        let path = root.join(folder);
        fs::create_dir_all(&path).map_err(file("make", &path))?;
    }
    write(root, "usbkey/config", USBKEY)?;
    keys::host_keys(&ground.image, &ground.state, &root.join("var/ssh"))?;
    authorize(ground, root)?;
    write(root, MARKER, "global\n")
}

fn write(root: &Path, path: &str, text: &str) -> Result<(), SandboxError> {
    let path = root.join(path.trim_start_matches('/'));
    fs::write(&path, text).map_err(file("write", &path))
}
