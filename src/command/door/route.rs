//! From a host to one of its zones: straight to the zone's address, through the host, or by `zlogin`.
//!
//! The zone's host keys were read through its host, so they are no guess: they are pinned under the zone's uuid,
//! whatever address it has. What answers at the address with another key is another machine.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::host::HostDoor;
use super::{Door, Failure, Terminal, connect_as};
use crate::cli::Global;
use crate::command::folders;
use crate::facts::host::inside::Inside;
use crate::host::HostError;
use crate::host::ssh::{SshConfig, SshTarget};
use crate::host::zlogin::Zlogin;
use crate::run::zone::ZoneView;
use crate::script::words_of;
use crate::site::ZoneFile;
use crate::site::model::Brand;
use crate::store::write_whole;

/// How long a zone's address may be silent before the way through its host is taken. A network that is not ours
/// swallows what is sent there, and a person waits for it at each command.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// How long it may then take over each step of a login.
const SPEAKS_WITHIN: Duration = Duration::from_secs(3);

/// Reaches a zone of a host; nothing comes back where it does not run.
pub(in crate::command) fn open(
    global: &Global,
    zone: &ZoneFile,
    host: HostDoor,
    view: &ZoneView,
) -> Result<Option<Door>, Failure> {
    let (Some(_), Some(inside)) = (view.vm(), view.inside()) else {
        return Ok(None);
    };
    let uuid = &view.plan.uuid;
    let addresses: Vec<&str> = inside.addresses().collect();
    let first = match addresses.first() {
        Some(first) if zone.zone.brand != Brand::JoyentMinimal => *first,
        first => return by_zlogin(zone, host, uuid, first.copied()).map(Some),
    };
    let failed = |error| Failure::run(&zone.name, error);
    let pinned = pin(uuid, inside).map_err(failed)?;
    let target = |address| target(global, zone, &host, address, uuid, &pinned);
    for address in &addresses {
        let mut target = target(address).map_err(failed)?;
        target.timing.dial = Some(ANSWERS_WITHIN);
        target.timing.connect = SPEAKS_WITHIN.min(target.timing.connect);
        match connect_as(target.clone(), Ok) {
            Ok(connection) => {
                let terminal = terminal(&target, None);
                return Ok(Some(door(connection, address, terminal, zone)));
            }
            Err(error) if is_elsewhere(&error) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let mut through = target(first).map_err(failed)?;
    through.jumps = host.target.jumps.clone();
    through.jumps.push(SshTarget {
        jumps: Vec::new(),
        ..host.target.clone()
    });
    match connect_as(through.clone(), Ok) {
        Ok(connection) => {
            let terminal = terminal(&through, Some(&host.target));
            Ok(Some(door(connection, first, terminal, zone)))
        }
        // the host may forbid it, and the zone be far away: what goes wrong on the straight way says more
        Err(HostError::Unreachable { .. }) => {
            let patient = target(first).map_err(failed)?;
            let connection = connect_as(patient.clone(), Ok).map_err(failed)?;
            let terminal = terminal(&patient, None);
            Ok(Some(door(connection, first, terminal, zone)))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whether what was met at an address is not the zone, or nothing.
fn is_elsewhere(error: &HostError) -> bool {
    matches!(
        error,
        HostError::Unreachable { .. }
            | HostError::UnknownHostKey { .. }
            | HostError::ChangedHostKey { .. }
    )
}

/// `address` is the zone's, where it has one.
fn by_zlogin(
    zone: &ZoneFile,
    host: HostDoor,
    uuid: &str,
    address: Option<&str>,
) -> Result<Door, Failure> {
    let name = uuid.to_owned();
    let target = host.target.clone();
    let mut terminal = terminal(&target, None);
    terminal.zone = Some(uuid.to_owned());
    let address = address.map_or_else(|| format!("by zlogin from {}", target.host), str::to_owned);
    drop(host);
    let connection = connect_as(target, move |ssh| Ok(Zlogin::new(ssh, name.as_str())));
    let connection = connection.map_err(|error| Failure::run(&zone.name, error))?;
    Ok(Door {
        host: connection,
        address,
        notes: Vec::new(),
        terminal,
    })
}

fn door(
    host: crate::run::Door<'static>,
    address: &str,
    terminal: Terminal,
    zone: &ZoneFile,
) -> Door {
    Door {
        host,
        address: address.to_owned(),
        notes: notes(zone),
        terminal,
    }
}

/// What is not as usual with the ways in to a zone of the sandbox.
#[cfg(target_os = "linux")]
fn notes(zone: &ZoneFile) -> Vec<String> {
    use crate::site::model::HostSpec;
    if zone.host != Some(HostSpec::Sandbox) {
        return Vec::new();
    }
    match crate::sandbox::access(&zone.zone.alias) {
        Ok(Some(access)) if access.afp_port != 548 => vec![format!(
            "AFP is forwarded on port {}, for 548 is taken",
            access.afp_port
        )],
        _ => Vec::new(),
    }
}

#[cfg(not(target_os = "linux"))]
fn notes(_: &ZoneFile) -> Vec<String> {
    Vec::new()
}

/// Writes down which keys the zone has, as its host told.
fn pin(uuid: &str, inside: &Inside) -> Result<PathBuf, HostError> {
    let path = folders().state.join("known_hosts").join(uuid);
    let text: String = inside
        .host_keys
        .iter()
        .map(|key| format!("{uuid} {key}\n"))
        .collect();
    if std::fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return Ok(path);
    }
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.map_err(|source| local(&path, source))?;
    write_whole(&path, text.as_bytes()).map_err(|error| local(&path, io::Error::other(error)))?;
    Ok(path)
}

fn local(path: &Path, source: io::Error) -> HostError {
    HostError::Local {
        operation: format!("write {}", path.display()),
        source,
    }
}

/// The login on the zone itself.
fn target(
    global: &Global,
    zone: &ZoneFile,
    host: &HostDoor,
    address: &str,
    uuid: &str,
    pinned: &Path,
) -> Result<SshTarget, HostError> {
    let config = SshConfig::of_user()?;
    let destination = match address.contains(':') {
        true => format!("root@[{address}]"),
        false => format!("root@{address}"),
    };
    let mut target = SshTarget::parse(&destination, &config)?;
    address.clone_into(&mut target.host);
    target.port = 22;
    "root".clone_into(&mut target.user);
    target.known_hosts = vec![pinned.to_path_buf()];
    target.global_known_hosts = Vec::new();
    target.host_key_alias = Some(uuid.to_owned());
    target.accept_new_host_key = false;
    target.jumps = Vec::new();
    target.timing.keepalive = host.target.timing.keepalive;
    match &host.identity {
        Some(identity) => {
            target.identities = vec![identity.clone()];
            target.identities_only = true;
            target.agent = None;
        }
        None => {
            let site = crate::command::site(global).unwrap_or_default();
            let own = zone.zone.ssh_keys.iter().filter_map(|file| {
                let path = super::host::path_of(&site, file);
                (path.extension()? == "pub").then(|| path.with_extension(""))
            });
            let own = own.filter(|path| path.is_file() && !target.identities.contains(path));
            let own: Vec<PathBuf> = own.collect();
            target.identities.splice(0..0, own);
        }
    }
    Ok(target)
}

/// The same way in for the user's own `ssh`.
fn terminal(target: &SshTarget, jump: Option<&SshTarget>) -> Terminal {
    let mut words = options(target);
    if let Some(jump) = jump {
        let mut through = vec!["ssh".to_owned()];
        through.extend(options(jump));
        through.extend(["-W".to_owned(), "%h:%p".to_owned()]);
        through.push(format!("{}@{}", jump.user, jump.host));
        words.extend([
            "-o".to_owned(),
            format!("ProxyCommand={}", words_of(&through)),
        ]);
    }
    words.push(format!("{}@{}", target.user, target.host));
    Terminal {
        arguments: words.into_iter().map(OsString::from).collect(),
        zone: None,
        become_root: None,
    }
}

fn options(target: &SshTarget) -> Vec<String> {
    let mut words = vec!["-p".to_owned(), target.port.to_string()];
    let mut option = |text: String| words.extend(["-o".to_owned(), text]);
    if let Some(alias) = &target.host_key_alias {
        option(format!("HostKeyAlias={alias}"));
    }
    if let [known] = &target.known_hosts[..] {
        option(format!(
            "UserKnownHostsFile=\"{}\"",
            known.to_string_lossy()
        ));
        option("GlobalKnownHostsFile=none".to_owned());
    }
    if target.identities_only {
        option("IdentitiesOnly=yes".to_owned());
        option("IdentityAgent=none".to_owned());
        words.extend(["-F".to_owned(), "none".to_owned()]);
    }
    for identity in target.identities.iter().filter(|path| path.is_file()) {
        words.extend(["-i".to_owned(), identity.to_string_lossy().into_owned()]);
    }
    words
}
