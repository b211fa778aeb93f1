//! The way to a zone's host, and what is wanted of the zone there.
//!
//! The sandbox is a host like any other, once it is started: nothing behind this file knows which it is.

use std::path::{Path, PathBuf};

use super::{Failure, connect};
use crate::cli::Global;
use crate::facts::host::lock_root;
use crate::host::ssh::{SshConfig, SshTarget};
use crate::plan::zone::{GivenZone, WantedZone};
use crate::problem::Problem;
use crate::run::{
    self, Wish,
    zone::{ZoneView, ZoneWish, look},
};
use crate::show::progress::Progress;
use crate::site::model::HostSpec;
use crate::site::{SiteRoot, ZoneFile, load_zone};

/// A host that can be asked, and what is wanted of a zone there.
pub(in crate::command) struct HostDoor {
    pub(in crate::command) host: run::Door<'static>,
    /// How it is logged in to; the way to its zones leads there too.
    pub(super) target: SshTarget,
    pub(in crate::command) wish: ZoneWish,
    /// The key for the zone, where it is none of the user's.
    pub(super) identity: Option<PathBuf>,
    /// The zone file's name.
    name: String,
}

impl HostDoor {
    /// Asks the host, changing nothing.
    pub(in crate::command) fn look(&mut self) -> Result<ZoneView, Failure> {
        look(&mut self.host, &self.wish).map_err(|error| Failure::run(&self.name, error))
    }
}

/// A login on a host, and the key for its zones where that is none of the user's.
pub(in crate::command) struct Login {
    pub(in crate::command) target: SshTarget,
    pub(in crate::command) identity: Option<PathBuf>,
}

/// Reaches the host of a zone; `makes` says whether the sandbox may be started.
pub(in crate::command) fn open(
    global: &Global,
    site: &SiteRoot,
    wish: &Wish,
    makes: bool,
    progress: &mut Progress,
) -> Result<Option<HostDoor>, Failure> {
    let zone = &wish.zone;
    let Some(spec) = &zone.host else {
        return Ok(None);
    };
    let Some(login) = login(global, spec, makes, progress)? else {
        return Ok(None);
    };
    let mut keys = public_keys(site, zone)?;
    keys.extend(login.identity.as_deref().map(public_of).transpose()?);
    let recipes = wish.recipes.iter().map(|(_, loaded)| &loaded.recipe);
    let Some(wanted) = WantedZone::of(zone, recipes, keys) else {
        return Ok(None);
    };
    let given = GivenZone {
        // nobody else has zones in a sandbox
        takes_over: *spec == HostSpec::Sandbox,
        ..GivenZone::default()
    };
    let host =
        connect(login.target.clone()).map_err(|error| Failure::at_host(&zone.name, error))?;
    Ok(Some(HostDoor {
        host: host.with_lock_root(lock_root(&wanted.shape.alias)),
        target: login.target,
        wish: ZoneWish { wanted, given },
        identity: login.identity,
        name: zone.name.clone(),
    }))
}

/// Reaches a host itself; nothing comes back where it is a sandbox that does not run.
pub(in crate::command) fn reach(
    global: &Global,
    spec: &HostSpec,
    progress: &mut Progress,
) -> Result<Option<run::Door<'static>>, Failure> {
    let Some(login) = login(global, spec, false, progress)? else {
        return Ok(None);
    };
    let name = login.target.name();
    let host = connect(login.target).map_err(|error| Failure::at_host(&name, error))?;
    Ok(Some(host))
}

/// How a host is logged in to; nothing where the sandbox does not run and may not be started.
pub(in crate::command) fn login(
    global: &Global,
    spec: &HostSpec,
    makes: bool,
    progress: &mut Progress,
) -> Result<Option<Login>, Failure> {
    match spec {
        HostSpec::Ssh(destination) => {
            let failed = |error| Failure::run(destination, error);
            let config = SshConfig::of_user().map_err(failed)?;
            let mut target = SshTarget::parse(destination, &config).map_err(failed)?;
            // `vmadm` is root's alone
            if !destination.contains('@') {
                target.user = "root".to_owned();
            }
            if global.accept_new_host_key {
                target.accept_new_host_keys();
            }
            for note in &target.notes {
                progress.line(&format!("note: {note}"));
            }
            Ok(Some(Login {
                target,
                identity: None,
            }))
        }
        HostSpec::Sandbox => sandbox(makes, progress),
    }
}

#[cfg(target_os = "linux")]
fn sandbox(makes: bool, progress: &mut Progress) -> Result<Option<Login>, Failure> {
    use crate::command::sandbox as command;
    use crate::sandbox::{self, GLOBAL};

    let zones = sandbox::list().map_err(|error| command::failure(&error))?;
    let is_host = |zone: &sandbox::ZoneState| zone.alias == GLOBAL && zone.access.is_some();
    let access = match zones.iter().find(|zone| is_host(zone)) {
        Some(host) => host.access.clone(),
        // a sandbox that has zones has a host, which starts when it is needed
        None if makes || zones.iter().any(|zone| zone.access.is_some()) => {
            Some(command::host(progress)?)
        }
        None => None,
    };
    let Some(access) = access else {
        return Ok(None);
    };
    let failed = |error| Failure::run("sandbox", error);
    let config = SshConfig::of_user().map_err(failed)?;
    let address = access.address.to_string();
    let destination = format!("{}@{address}:{}", access.user, access.ssh_port);
    let mut target = SshTarget::parse(&destination, &config).map_err(failed)?;
    // neither the user's configuration nor the user's agent has a say in this
    target.host = address;
    target.port = access.ssh_port;
    target.user = access.user;
    target.identities = vec![access.identity.clone()];
    target.identities_only = true;
    target.agent = None;
    target.known_hosts = vec![access.known_hosts];
    target.global_known_hosts = Vec::new();
    target.host_key_alias = None;
    target.jumps = Vec::new();
    Ok(Some(Login {
        target,
        identity: Some(access.identity),
    }))
}

#[cfg(not(target_os = "linux"))]
fn sandbox(_: bool, _: &mut Progress) -> Result<Option<Login>, Failure> {
    Err(Failure::text_only(
        "the sandbox needs Linux",
        "run it on a Debian machine",
    ))
}

/// The keys of a zone file's `ssh-keys`, a line each.
fn public_keys(site: &SiteRoot, zone: &ZoneFile) -> Result<Vec<String>, Failure> {
    let mut keys = Vec::new();
    for (index, file) in zone.zone.ssh_keys.iter().enumerate() {
        let path = path_of(site, file);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            unusable_key(
                site,
                zone,
                index,
                &format!("cannot read {}: {error}", path.display()),
            )
        })?;
        let found: Vec<&str> = text
            .lines()
            .filter(|line| crate::facts::host::inside::key_of(line).is_some())
            .collect();
        if found.is_empty() {
            let message = format!("{} holds no public key", path.display());
            return Err(unusable_key(site, zone, index, &message));
        }
        keys.extend(found.into_iter().map(str::to_owned));
    }
    Ok(keys)
}

/// The failure at the key's own line of the zone file.
fn unusable_key(site: &SiteRoot, zone: &ZoneFile, index: usize, message: &str) -> Failure {
    let help = "name files such as ~/.ssh/id_ed25519.pub, the public keys of who may log in; `ssh-keygen -t \
                ed25519` makes one";
    let Ok(loaded) = load_zone(site, &zone.name) else {
        return Failure::usage(&format!("the zone {}: {message}", zone.name), help);
    };
    let key = format!("zone.ssh-keys[{index}]");
    Failure::Problems(vec![Problem {
        help: Some(help.to_owned()),
        ..loaded.document.problem_at(&key, message)
    }])
}

/// A path of a zone file: from the home folder, or from the site.
pub(super) fn path_of(site: &SiteRoot, file: &Path) -> PathBuf {
    match (file.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => site.folder().unwrap_or(Path::new("")).join(file),
    }
}

/// The public half of a private key.
fn public_of(identity: &Path) -> Result<String, Failure> {
    let mut name = identity.as_os_str().to_owned();
    name.push(".pub");
    let text = read(Path::new(&name))?;
    Ok(text.trim().to_owned())
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::text_only(
            &format!("cannot read {}: {error}", path.display()),
            "`zonewright sandbox down` and `up` make the sandbox's keys anew",
        )
    })
}
