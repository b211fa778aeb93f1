//! One zone as the supervisor sees it: its mounts, its processes, its address.
//!
//! A zone is made of folders that stay (its record, what it wrote) and of what lives with the
//! supervisor (mounts, processes, listeners). Starting it a second time needs the former alone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::sandbox::carry::Reach;
use crate::sandbox::emulate::{self, MARKER};
use crate::sandbox::error::{SandboxError, file, tail};
use crate::sandbox::fault::{disk, shim, shims};
use crate::sandbox::forward::Forwarder;
use crate::sandbox::image::{Image, write_json};
use crate::sandbox::mounts::{mount_root, mount_usr, unmount, usr_trees};
use crate::sandbox::platform::Platform;
use crate::sandbox::zfs::{Owner, Zfs};
use crate::sandbox::{keys, packages};

/// How long a zone may take to answer on its ssh port.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Where userland's emulated commands read what the zone is.
const METADATA: &str = "var/db/zonewright-sandbox-metadata.json";

/// What every zone of a supervisor has in common.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The state folder.
    pub state: PathBuf,
    /// The image; the supervisor's working folder is its folder.
    pub image: Image,
    /// What makes zones of the image.
    pub platform: Platform,
    /// The program file that launchers are started from.
    pub binary: PathBuf,
    /// The pool.
    pub zfs: Arc<Zfs>,
}

/// What is kept of a zone while it is down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The zone's name in SmartOS's own sense.
    pub uuid: String,
    /// The packages whose layers are shown.
    pub packages: Vec<String>,
    /// Whether what it writes is kept in memory, on a disk that can be filled.
    #[serde(default)]
    pub with_disk: bool,
}

/// The end of one run of a zone's processes.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    status: Mutex<Option<i32>>,
    changed: Condvar,
}

impl Ended {
    /// Notes the launcher's exit status.
    pub fn set(&self, status: i32) {
        if let Ok(mut slot) = self.status.lock() {
            *slot = Some(status);
        }
        self.changed.notify_all();
    }

    /// Whether it is over.
    pub fn is_set(&self) -> bool {
        self.status.lock().is_ok_and(|status| status.is_some())
    }

    fn wait(&self) {
        if let Ok(slot) = self.status.lock() {
            let _guard = self.changed.wait_while(slot, |status| status.is_none());
        }
    }
}

/// A running zone.
#[derive(Debug)]
pub(crate) struct Zone {
    pub alias: String,
    pub record: Record,
    pub forwarder: Forwarder,
    pub ended: Arc<Ended>,
    folder: PathBuf,
    /// The size that its disk had before it was started, and will have.
    disk: Option<(PathBuf, disk::Size)>,
    pub init: Pid,
    zfs: Arc<Zfs>,
    /// Its end is the zone's end.
    _life: Option<std::process::ChildStdin>,
}

/// The folder of all zones.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join("zones")
}

/// Refuses what cannot be a host name and a folder's name at once.
pub(crate) fn check_alias(alias: &str) -> Result<(), SandboxError> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let starts_well = alias.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts_well && alias.len() <= 63 && alias.chars().all(is_good) && alias != "global" {
        Ok(())
    } else {
        Err(SandboxError::BadAlias(alias.to_owned()))
    }
}

/// What is kept of a zone, if there is one.
pub(crate) fn record(state: &Path, alias: &str) -> Result<Option<Record>, SandboxError> {
    let path = folder(state).join(alias).join("zone.json");
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|e| SandboxError::Malformed {
                what: "zone.json",
                said: e.to_string(),
            }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(file("read", path)(e)),
    }
}

impl Zone {
    /// Makes the zone if there is none of that name, starts it, and waits until sshd answers.
    /// The child that comes back is its launcher.
    pub fn start(
        ground: &Ground,
        alias: &str,
        with_disk: bool,
        forwarder: Forwarder,
    ) -> Result<(Self, Child), SandboxError> {
        check_alias(alias)?;
        let folder = folder(&ground.state).join(alias);
        let mut known = record(&ground.state, alias)?;
        if known.is_none() && folder.exists() {
            // The first start broke off.
            destroy(&ground.state, alias)?;
        }
        let with_disk = known.as_ref().map_or(with_disk, |known| known.with_disk);
        let disk = if with_disk {
            folder.join("disk")
        } else {
            folder.clone()
        };
        if with_disk && disk::ensure(&disk)? {
            // What was on the old one went with the supervisor that had it.
            known = None;
        }
        let is_new = known.is_none();
        for path in [
            disk.join("upper"),
            disk.join("work"),
            folder.join("root"),
            folder.join("shared").join(shim::ARMED),
        ] {
            fs::create_dir_all(&path).map_err(file("make", &path))?;
        }
        let record = match known {
            Some(record) => record,
            None => Record {
                uuid: new_uuid()?,
                packages: Vec::new(),
                with_disk,
            },
        };
        let size = with_disk.then(|| disk::suspend(&disk)).transpose()?;
        forwarder
            .faults
            .furnish(with_disk.then(|| disk.clone()), folder.join("shared"));
        let (mut child, init) = start_processes(ground, &folder, &disk, alias, &record, is_new)
            .inspect_err(|_| unmount(&folder))?;
        let zone = Self {
            alias: alias.to_owned(),
            record,
            forwarder,
            ended: Arc::default(),
            folder,
            disk: size.map(|size| (disk, size)),
            init,
            zfs: Arc::clone(&ground.zfs),
            _life: child.stdin.take(),
        };
        if let Err(error) = zone.lead_in().and_then(|()| zone.wait_until_ready()) {
            let _ = kill(init, Signal::SIGKILL);
            let _ = child.wait();
            unmount(&zone.folder);
            return Err(error);
        }
        Ok((zone, child))
    }

    /// The zone's root as the supervisor sees it.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Shows exactly these packages in the running zone.
    pub fn show(&mut self, ground: &Ground, packages: &[String]) -> Result<(), SandboxError> {
        if self.record.packages == packages {
            return Ok(());
        }
        mount_usr(ground, &self.folder, packages, None)?;
        self.record.packages = packages.to_vec();
        write_json(&self.folder.join("zone.json"), &self.record)?;
        self.lay_shims(ground)
    }

    /// Gives the disk the size that it had before the start.
    pub fn limit_disk(&self) -> Result<(), SandboxError> {
        match &self.disk {
            Some((disk, size)) => disk::restore(disk, *size),
            None => Ok(()),
        }
    }

    /// Makes the commands ask that armed faults are about, and no others.
    pub fn lay_shims(&self, ground: &Ground) -> Result<(), SandboxError> {
        let packages = &self.record.packages;
        let names = self.forwarder.faults.names();
        list_files(&self.folder.join("shared").join(shim::ARMED), &names)?;
        let hidden = shims::hidden_names(&self.root(), packages, &names);
        let asking: BTreeSet<String> = names.into_iter().chain(hidden.into_values()).collect();
        let shimmed = self.forwarder.faults.shimmed(asking.clone());
        if shimmed.is_empty() {
            return Ok(());
        }
        // A tree that lies below a mount must not change.
        let names = (1..).map(|number| format!("shims-{number}"));
        let Some(name) = names
            .into_iter()
            .find(|name| !self.folder.join(name).exists())
        else {
            return Ok(());
        };
        let trees = usr_trees(ground, packages)?;
        let usr = shims::Usr { trees: &trees };
        if shims::make(&self.folder.join(&name), &usr, &asking, &shimmed)? {
            mount_usr(ground, &self.folder, packages, Some(&name))?;
        }
        Ok(())
    }

    /// Ends every process of the zone and takes its mounts down; its files stay. The caller has
    /// a thread waiting for the launcher, which sets `ended`.
    pub fn halt(&self) {
        let _ = kill(self.init, Signal::SIGKILL);
        self.ended.wait();
        self.forwarder.lead_into(None);
        self.forwarder.faults.connections.cut(&Reach::All, 0);
        self.zfs.detach(&Owner::Zone(self.record.uuid.clone()));
        unmount(&self.folder);
    }

    /// The lines of a `known_hosts` file for this zone.
    pub fn known_hosts(&self) -> Result<String, SandboxError> {
        let address = self.forwarder.address;
        let host = match self.forwarder.ssh_port {
            22 => address.to_string(),
            port => format!("[{address}]:{port}"),
        };
        let public = keys::public_keys(&self.root().join("var/ssh"))?;
        Ok(public.iter().map(|key| format!("{host} {key}\n")).collect())
    }

    fn lead_in(&self) -> Result<(), SandboxError> {
        let path = format!("/proc/{}/ns/net", self.init);
        let namespace = File::open(&path).map_err(file("open", &path))?;
        self.forwarder.lead_into(Some(OwnedFd::from(namespace)));
        Ok(())
    }

    /// A zone is ready when a client would be greeted, not when a process is there.
    fn wait_until_ready(&self) -> Result<(), SandboxError> {
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if self.is_greeted() {
                return Ok(());
            }
            if kill(self.init, None).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        let console = fs::read_to_string(self.folder.join("console.log")).unwrap_or_default();
        Err(SandboxError::NotReady {
            alias: self.alias.clone(),
            seconds: begun.elapsed().as_secs(),
            console: tail(&console, 5),
        })
    }

    fn is_greeted(&self) -> bool {
        let address = (self.forwarder.address, self.forwarder.ssh_port);
        let Ok(mut stream) = TcpStream::connect(address) else {
            return false;
        };
        let mut greeting = [0; 4];
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .is_ok()
            && stream.read_exact(&mut greeting).is_ok()
            && &greeting == b"SSH-"
    }
}

/// Makes a folder hold empty files of exactly these names.
fn list_files(folder: &Path, names: &BTreeSet<String>) -> Result<(), SandboxError> {
    for entry in fs::read_dir(folder)
        .map_err(file("list", folder))?
        .flatten()
    {
        if !names.contains(&*entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path()).map_err(file("remove", entry.path()))?;
        }
    }
    for path in names.iter().map(|name| folder.join(name)) {
        File::create(&path).map_err(file("make", &path))?;
    }
    Ok(())
}

/// Removes what is left of a zone that does not run.
pub(crate) fn destroy(state: &Path, alias: &str) -> Result<(), SandboxError> {
    let folder = folder(state).join(alias);
    disk::remove(&folder.join("disk"));
    fs::remove_dir_all(&folder).map_err(file("remove", &folder))
}

fn start_processes(
    ground: &Ground,
    folder: &Path,
    disk: &Path,
    alias: &str,
    record: &Record,
    is_new: bool,
) -> Result<(Child, Pid), SandboxError> {
    mount_root(ground, folder, disk, &record.uuid)?;
    mount_usr(ground, folder, &record.packages, None)?;
    if is_new {
        let root = folder.join("root");
        furnish(ground, &root, alias, &record.uuid)?;
        packages::preinstalled(&root).map_err(file("install packages in", &root))?;
        write_json(&folder.join("zone.json"), record)?;
    }
    let owner = Owner::Zone(record.uuid.clone());
    ground.zfs.attach(owner, &folder.join("root"));
    run(ground, folder, alias)
}

/// Writes what tells this zone from others.
fn furnish(ground: &Ground, root: &Path, alias: &str, uuid: &str) -> Result<(), SandboxError> {
    let write = |path: &str, text: &str| {
        let path = root.join(path.trim_start_matches('/'));
        fs::write(&path, text).map_err(file("write", &path))
    };
    write("etc/nodename", &format!("{alias}\n"))?;
    write("etc/hostname", &format!("{alias}\n"))?;
    write(
        "etc/hosts",
        &format!("127.0.0.1\tlocalhost loghost {alias}\n::1\tlocalhost\n"),
    )?;
    keys::host_keys(&ground.image, &ground.state, &root.join("var/ssh"))?;
    let client = fs::read_to_string(ground.state.join("id_ed25519.pub"))
        .map_err(file("read", ground.state.join("id_ed25519.pub")))?;
    for (home, user, group) in [("root", 0, 0), ("home/admin", 100, 10)] {
        let path = root.join(home).join(".ssh/authorized_keys");
        fs::write(&path, &client).map_err(file("write", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .and_then(|()| chown(&path, Some(user), Some(group)))
            .map_err(file("change", &path))?;
    }
    let zone = serde_json::json!({
        "customer": {},
        "internal": {},
        "sdc": {
            "uuid": uuid, "zonename": uuid, "alias": alias, "hostname": alias, "brand": "joyent",
            "image_uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271", "resolvers": [], "nics": [],
        },
    });
    write(METADATA, &format!("{zone}\n"))?;
    write(MARKER, &format!("{uuid}\n"))
}

/// Starts the launcher and waits for the number of the zone's init.
fn run(ground: &Ground, folder: &Path, alias: &str) -> Result<(Child, Pid), SandboxError> {
    let console = folder.join("console.log");
    let output = File::create(&console).map_err(file("write", &console))?;
    let started = |source| SandboxError::NotStarted {
        command: "zone launcher".into(),
        source,
    };
    let mut child = Command::new(&ground.binary)
        .arg(emulate::ZONE)
        .arg(folder.join("root"))
        .arg(alias)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(output)
        .spawn()
        .map_err(started)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(started)?;
    }
    match line.trim().parse() {
        Ok(number) => Ok((child, Pid::from_raw(number))),
        Err(_) => {
            drop(child.stdin.take());
            let _ = child.wait();
            let said = fs::read_to_string(&console).unwrap_or_default();
            Err(SandboxError::Malformed {
                what: "the zone launcher",
                said: tail(&said, 5),
            })
        }
    }
}

fn new_uuid() -> Result<String, SandboxError> {
    let path = "/proc/sys/kernel/random/uuid";
    fs::read_to_string(path)
        .map(|t| t.trim().to_owned())
        .map_err(file("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_host_name_and_a_folder_name() {
        for good in ["a", "time-machine", "7a.b_c", &"x".repeat(63)] {
            assert!(check_alias(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "-a",
            "a/b",
            "A",
            "global",
            "a b",
            &"x".repeat(64),
            "ä",
        ] {
            assert!(check_alias(bad).is_err(), "{bad}");
        }
    }
}
