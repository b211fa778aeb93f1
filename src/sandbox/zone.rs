//! One zone as the supervisor sees it: its mounts, its processes, its address.
//!
//! A zone is made of folders that stay (its record, what it wrote) and of what lives with the
//! supervisor (mounts, processes, listeners). Starting it a second time needs the former alone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::sandbox::carry::Reach;
use crate::sandbox::emulate;
use crate::sandbox::error::{SandboxError, file, tail};
use crate::sandbox::fault::{disk, shim, shims};
use crate::sandbox::forward::Forwarder;
use crate::sandbox::image::{Image, write_json};
use crate::sandbox::mounts::{mount_root, mount_usr, unmount, usr_trees};
use crate::sandbox::platform::Platform;
use crate::sandbox::zfs::{Owner, Zfs};
use crate::sandbox::{keys, packages};

/// How long a zone may take to answer on its ssh port.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The global zone's name, which is its folder's name too.
pub const GLOBAL: &str = "global";

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

/// What a zone is started as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its uuid, or [`GLOBAL`]: its folder's name.
    pub key: String,
    /// What a person calls it.
    pub label: String,
    /// Its host name.
    pub hostname: String,
    /// Whether what it writes is kept in memory, on a disk that can be filled.
    pub with_disk: bool,
    /// Whether it has datasets of its own.
    pub has_datasets: bool,
}

impl Place {
    /// Who it is for the pool.
    pub fn owner(&self) -> Owner {
        if self.key == GLOBAL {
            Owner::Global
        } else {
            Owner::Zone(self.key.clone())
        }
    }
}

/// A running zone.
#[derive(Debug)]
pub(crate) struct Zone {
    pub place: Place,
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

/// Refuses what cannot be a host name and a machine's name at once.
pub(crate) fn check_alias(alias: &str) -> Result<(), SandboxError> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let starts_well = alias.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts_well && alias.len() <= 63 && alias.chars().all(is_good) && alias != GLOBAL {
        Ok(())
    } else {
        Err(SandboxError::BadAlias(alias.to_owned()))
    }
}

/// What is kept of a zone, if there is one.
pub(crate) fn record(state: &Path, key: &str) -> Result<Option<Record>, SandboxError> {
    read_json(&folder(state).join(key).join("zone.json"), "zone.json")
}

/// A record of ours; none where there is no such file.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(
    path: &Path,
    what: &'static str,
) -> Result<Option<T>, SandboxError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|e| SandboxError::Malformed {
                what,
                said: e.to_string(),
            }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(file("read", path)(e)),
    }
}

/// Makes a zone's folders and files, unless it has them: `furnish` writes those that tell it from
/// others. Whether it was made now.
pub(crate) fn make(
    ground: &Ground,
    place: &Place,
    furnish: &dyn Fn(&Path) -> Result<(), SandboxError>,
) -> Result<bool, SandboxError> {
    let folder = folder(&ground.state).join(&place.key);
    let mut known = record(&ground.state, &place.key)?;
    if known.is_none() && folder.exists() {
        // The first start broke off.
        destroy(&ground.state, &place.key)?;
    }
    let disk = disk_of(&folder, place.with_disk);
    if place.with_disk && disk::ensure(&disk)? {
        // What was on the old one went with the supervisor that had it.
        known = None;
    }
    for path in [
        disk.join("upper"),
        disk.join("work"),
        folder.join("root"),
        folder.join("shared").join(shim::ARMED),
    ] {
        fs::create_dir_all(&path).map_err(file("make", &path))?;
    }
    if known.is_some() {
        return Ok(false);
    }
    let record = Record {
        uuid: place.key.clone(),
        packages: Vec::new(),
        with_disk: place.with_disk,
    };
    mount_root(ground, &folder, &disk, &place.key)?;
    let furnished = mount_usr(ground, &folder, &[], None).and_then(|()| {
        let root = folder.join("root");
        furnish(&root)?;
        packages::preinstalled(&root).map_err(file("install packages in", &root))
    });
    unmount(&folder);
    furnished?;
    write_json(&folder.join("zone.json"), &record)?;
    Ok(true)
}

/// Mounts the root of a zone that does not run, for those who look into it from outside.
pub(crate) fn mount_idle(ground: &Ground, place: &Place) -> Result<PathBuf, SandboxError> {
    let folder = folder(&ground.state).join(&place.key);
    unmount(&folder);
    mount_root(
        ground,
        &folder,
        &disk_of(&folder, place.with_disk),
        &place.key,
    )?;
    Ok(folder.join("root"))
}

/// Takes away whatever is mounted at the root of a zone that does not run.
pub(crate) fn unmount_idle(state: &Path, key: &str) {
    unmount(&folder(state).join(key));
}

/// The folder that shows what a zone itself wrote, whether it runs or not.
pub(crate) fn written(state: &Path, place: &Place) -> PathBuf {
    disk_of(&folder(state).join(&place.key), place.with_disk).join("upper")
}

fn disk_of(folder: &Path, with_disk: bool) -> PathBuf {
    if with_disk {
        folder.join("disk")
    } else {
        folder.to_path_buf()
    }
}

impl Zone {
    /// Starts a zone that was made; `prepare` is given its mounted root before the first process
    /// runs. The child that comes back is its launcher.
    pub fn start(
        ground: &Ground,
        place: Place,
        forwarder: Forwarder,
        prepare: &dyn Fn(&Path) -> Result<(), SandboxError>,
    ) -> Result<(Self, Child), SandboxError> {
        let folder = folder(&ground.state).join(&place.key);
        let Some(record) = record(&ground.state, &place.key)? else {
            return Err(SandboxError::NotRunning(place.label));
        };
        let disk = disk_of(&folder, record.with_disk);
        let with_disk = record.with_disk;
        let size = with_disk.then(|| disk::suspend(&disk)).transpose()?;
        forwarder
            .faults
            .furnish(with_disk.then(|| disk.clone()), folder.join("shared"));
        unmount(&folder);
        let (mut child, init) = mount_root(ground, &folder, &disk, &place.key)
            .and_then(|()| mount_usr(ground, &folder, &record.packages, None))
            .and_then(|()| prepare(&folder.join("root")))
            .inspect(|()| {
                let root = folder.join("root");
                ground.zfs.attach(place.owner(), &root, place.has_datasets);
            })
            .and_then(|()| run(ground, &folder, &place.hostname))
            .inspect_err(|_| {
                ground.zfs.detach(&place.owner());
                unmount(&folder);
            })?;
        let zone = Self {
            place,
            record,
            forwarder,
            ended: Arc::default(),
            folder,
            disk: size.map(|size| (disk, size)),
            init,
            zfs: Arc::clone(&ground.zfs),
            _life: child.stdin.take(),
        };
        if let Err(error) = zone.lead_in() {
            let _ = kill(init, Signal::SIGKILL);
            let _ = child.wait();
            zone.zfs.detach(&zone.place.owner());
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
        self.zfs.detach(&self.place.owner());
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
    pub fn wait_until_ready(&self) -> Result<(), SandboxError> {
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
            alias: self.place.label.clone(),
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
pub(crate) fn destroy(state: &Path, key: &str) -> Result<(), SandboxError> {
    let folder = folder(state).join(key);
    unmount(&folder);
    disk::remove(&folder.join("disk"));
    fs::remove_dir_all(&folder).map_err(file("remove", &folder))
}

/// Starts the launcher and waits for the number of the zone's init.
fn run(ground: &Ground, folder: &Path, hostname: &str) -> Result<(Child, Pid), SandboxError> {
    let console = folder.join("console.log");
    let output = File::create(&console).map_err(file("write", &console))?;
    let started = |source| SandboxError::NotStarted {
        command: "zone launcher".into(),
        source,
    };
    let mut child = Command::new(&ground.binary)
        .arg(emulate::ZONE)
        .arg(folder.join("root"))
        .arg(hostname)
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

pub(crate) fn new_uuid() -> Result<String, SandboxError> {
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
